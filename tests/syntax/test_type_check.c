/* test_type_check.c - which blocking stages a registry accepts, and how it refuses the others. */
#include "stage.h"
#include "test.h"

static int run_nothing(struct leat_stage *stage, struct leat_blocking *blocking)
{
    (void)stage, (void)blocking;
    return LEAT_END;
}

static int step_nothing(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage, (void)in, (void)out;
    return LEAT_END;
}

static int call_nothing(struct leat_stage *stage)
{
    (void)stage;
    return LEAT_MORE;
}

static void stop_nothing(struct leat_stage *stage, enum leat_stop why)
{
    (void)stage, (void)why;
}

#define BLOCKS .name = "blocks", .nature = LEAT_BLOCKING, .run = run_nothing

TEST(test_a_blocking_stage_is_a_source_a_transform_or_a_sink_with_run_alone)
{
    static const struct {
        struct leat_stage_type type;
        const char *said; /* NULL: it is accepted */
    } rows[] = {
        {{BLOCKS, .kind = LEAT_SOURCE}, NULL},
        {{BLOCKS, .kind = LEAT_TRANSFORM}, NULL},
        {{BLOCKS, .kind = LEAT_SINK}, NULL},
        {{BLOCKS, .kind = LEAT_SOURCE, .stop = stop_nothing}, NULL},
        {{BLOCKS, .kind = LEAT_SINK, .stop = stop_nothing, .prepare = call_nothing}, NULL},
        {{BLOCKS, .kind = LEAT_TRANSFORM, .alarm = call_nothing}, NULL},
        {{BLOCKS, .kind = LEAT_FAN_IN, .branches_max = 2}, "a source, a transform or a sink"},
        {{.name = "blocks", .nature = LEAT_BLOCKING, .kind = LEAT_SINK}, "has run"},
        {{BLOCKS, .kind = LEAT_SINK, .step = step_nothing}, "run instead of step"},
        {{BLOCKS, .kind = LEAT_TRANSFORM, .flags = LEAT_FLUSHES}, "cannot flush"},
        {{BLOCKS, .kind = LEAT_TRANSFORM, .stop = stop_nothing}, "no stop"},
        {{BLOCKS, .kind = LEAT_SOURCE, .alarm = call_nothing}, "no alarm"},
        {{BLOCKS, .kind = LEAT_SINK, .watch = call_nothing}, "no watch"},
        {{.name = "blocks", .kind = LEAT_SINK, .run = run_nothing}, "only a blocking stage"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct leat_registry *registry = leat_registry_new();
        int r;

        test_context("row %zu", i);
        ASSERT_NOT_NULL(registry);
        r = leat_registry_add(registry, &rows[i].type);
        ASSERT_EQ(r, rows[i].said ? LEAT_EUSAGE : 0);
        ASSERT_STR_HAS(leat_registry_refusal(registry), rows[i].said ? rows[i].said : "");
        leat_registry_free(registry);
    }
}
