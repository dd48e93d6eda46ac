/* test_type_check.c - which blocking stages and stages by place a registry accepts, and how it refuses
 * the others. */
#include "stage.h"
#include "syntax/registry.h"
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

/* said: a part of the refusal; NULL: the type is accepted. */
static void add(size_t row, const struct leat_stage_type *type, const char *said)
{
    struct leat_registry *registry = leat_registry_new();
    int r;

    test_context("row %zu", row);
    ASSERT_NOT_NULL(registry);
    r = leat_registry_add_plain(registry, type);
    ASSERT_EQ(r, said ? LEAT_EUSAGE : 0);
    if (said)
        ASSERT_STR_HAS(leat_registry_refusal(registry), said);
    else
        ASSERT_STREQ(leat_registry_refusal(registry), "");
    leat_registry_free(registry);
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
        {{BLOCKS, .kind = LEAT_FAN_IN, .branches_min = 1, .branches_max = 2}, "has no branches"},
        {{.name = "blocks", .nature = LEAT_BLOCKING, .kind = LEAT_SINK}, "has run"},
        {{BLOCKS, .kind = LEAT_SINK, .step = step_nothing}, "run instead of step"},
        {{BLOCKS, .kind = LEAT_TRANSFORM, .flags = LEAT_FLUSHES}, "cannot flush"},
        {{BLOCKS, .kind = LEAT_TRANSFORM, .stop = stop_nothing}, "no stop"},
        {{BLOCKS, .kind = LEAT_SOURCE, .alarm = call_nothing}, "no alarm"},
        {{BLOCKS, .kind = LEAT_SINK, .watch = call_nothing}, "no watch"},
        {{.name = "blocks", .kind = LEAT_SINK, .run = run_nothing}, "only a blocking stage"},
        {{BLOCKS, .kind = LEAT_SINK, .flags = LEAT_PARTS}, NULL},
        {{BLOCKS, .kind = LEAT_SOURCE, .flags = LEAT_PARTS}, "with parts is a sink"},
        {{BLOCKS, .kind = LEAT_TRANSFORM, .flags = LEAT_PARTS}, "with parts is a sink"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add(i, &rows[i].type, rows[i].said);
}

#define STEPS .name = "half", .step = step_nothing
static const struct leat_stage_type source = {STEPS, .kind = LEAT_SOURCE};
static const struct leat_stage_type sink = {STEPS, .kind = LEAT_SINK};
static const struct leat_stage_type transform = {STEPS, .kind = LEAT_TRANSFORM};
static const struct leat_stage_type fan_in = {STEPS, .kind = LEAT_FAN_IN};
static const struct leat_stage_type by_place = {
    .name = "half", .kind = LEAT_BY_PLACE, .first = &source};
static const struct leat_stage_type parts = {STEPS, .kind = LEAT_SINK, .flags = LEAT_PARTS};
static const struct leat_stage_type alarmed = {BLOCKS, .kind = LEAT_SOURCE, .alarm = call_nothing};
static const struct leat_stage_type watched = {BLOCKS, .kind = LEAT_SINK, .watch = call_nothing};
static const struct leat_stage_type stepless = {.name = "half", .kind = LEAT_TRANSFORM};
static const struct leat_stage_type huge = {STEPS, .kind = LEAT_SINK, .state_size = SIZE_MAX};

#define PLACES .name = "places", .kind = LEAT_BY_PLACE

TEST(test_the_types_of_a_stage_by_place_are_checked_too)
{
    static const struct {
        struct leat_stage_type type;
        const char *said; /* NULL: it is accepted */
    } rows[] = {
        {{PLACES, .first = &source}, NULL},
        {{PLACES, .last = &sink}, NULL},
        {{PLACES, .middle_in = &transform}, NULL},
        {{PLACES, .first = &source, .last = &sink, .middle_in = &sink, .middle_out = &source},
         NULL},
        {{PLACES}, "needs first, last or middle_in"},
        {{PLACES, .middle_out = &source}, "needs first, last or middle_in"},
        {{PLACES, .first = &sink}, "first: kind: it must be a source"},
        {{PLACES, .first = &fan_in}, "first: kind: it must be a source"},
        {{PLACES, .first = &by_place}, "first: kind: it must be a source"},
        {{PLACES, .last = &transform}, "last: kind: it must be a sink"},
        {{PLACES, .last = &sink, .middle_in = &sink}, "middle_in: kind: it must be a transform"},
        {{PLACES, .middle_in = &transform, .middle_out = &source},
         "middle_in: kind: it must be a sink"},
        {{PLACES, .middle_in = &sink, .middle_out = &transform},
         "middle_out: kind: it must be a source"},
        {{PLACES, .first = &source, .middle_out = &sink}, "middle_out needs middle_in"},
        {{PLACES, .last = &parts}, "last: flags: a stage by place has no parts"},
        {{PLACES, .last = &huge}, "last: state_size is above"},
        {{PLACES, .first = &alarmed}, "first: a blocking source or sink has no alarm"},
        {{PLACES, .last = &watched}, "last: a blocking source or sink has no alarm"},
        {{PLACES, .middle_in = &stepless}, "middle_in: step is missing"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add(i, &rows[i].type, rows[i].said);
}
