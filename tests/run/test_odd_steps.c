/* test_odd_steps.c - sources, sinks, lanes and junctions of a program that break their contract: the stage
 * fails by its name, and nothing hangs or ends the process. */
#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"
#include "test.h"

static int source_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    static const uint8_t zeros[50000];
    size_t *left = leat_state(s);

    (void)in;
    if (*left == 0)
        *left = 300001;
    *left -= leat_write(out, zeros, *left - 1 < sizeof zeros ? *left - 1 : sizeof zeros);
    return *left == 1 ? LEAT_END : LEAT_MORE;
}

static int few_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s, (void)out;
    in->pos = in->len;
    return in->len > 0 || in->end ? LEAT_END : LEAT_MORE;
}

static int answer; /* of a sink, after some input */

static int sink_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s, (void)out;
    in->pos = in->len;
    return answer;
}

static void sink_stop(struct leat_stage *s, enum leat_stop why)
{
    (void)s, (void)why;
}

static int lane_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int unopened_stop(struct leat_stage *s)
{
    *(bool *)leat_state(s) = true;
    return 0;
}

static void lane_stop(struct leat_stage *s, enum leat_stop why)
{
    (void)why;
    ASSERT(*(bool *)leat_state(s));
}

static int flushed_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    leat_pass(out, in, in->len - in->pos);
    return in->flush && in->pos == in->len ? LEAT_FLUSHED : LEAT_MORE;
}

static int flushing_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_FLUSHED;
}

static int ports_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s, (void)out;
    in->ports[0].pos = in->ports[0].len + 1;
    return LEAT_MORE;
}

static int cut_too_much(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                        size_t *ret_take)
{
    (void)s, (void)data, (void)end;
    *ret_take = len + 1;
    return 0;
}

static int cut_nothing(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                       size_t *ret_take)
{
    (void)s, (void)data, (void)len, (void)end;
    *ret_take = 0;
    return 0;
}

static int join(struct leat_stage *s, enum leat_join when, const void *result, struct leat_out *out)
{
    (void)s, (void)when, (void)result, (void)out;
    return LEAT_END;
}

static int merge_too_much(struct leat_stage *s, struct leat_in *in, const void *result,
                          struct leat_out *out)
{
    (void)s, (void)result, (void)out;
    in->pos = in->len + 1;
    return LEAT_MORE;
}

#define LANES(...)                                                                                 \
    .kind = LEAT_TRANSFORM, .nature = LEAT_PARALLEL, .lanes = &(const struct leat_lanes)           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static const struct leat_stage_type odd_types[] = {
    {.name = "zeros", .kind = LEAT_SOURCE, .state_size = sizeof(size_t), .step = source_step},
    {.name = "few", .kind = LEAT_SINK, .step = few_step},
    {.name = "sink", .kind = LEAT_SINK, .step = sink_step},
    {.name = "stops", .kind = LEAT_SINK, .step = sink_step, .stop = sink_stop},
    {.name = "ports",
     .kind = LEAT_FAN_IN,
     .branches_min = 1,
     .branches_max = 2,
     .flags = LEAT_PORTS_IN,
     .step = ports_step},
    {.name = "all", .flags = LEAT_WANTS_ALL, .step = lane_step, LANES(.block = 10000)},
    {.name = "lanes",
     .state_size = sizeof(bool),
     .open = unopened_stop,
     .step = lane_step,
     .stop = lane_stop,
     LANES(.block = 1000000)},
    {.name = "flushing", .kind = LEAT_TRANSFORM, .step = flushing_step},
    {.name = "flushed", .flags = LEAT_FLUSHES, .step = flushed_step, LANES(.block = 10000)},
    {.name = "much", .step = lane_step, LANES(.cut = cut_too_much)},
    {.name = "nothing", .step = lane_step, LANES(.cut = cut_nothing)},
    {.name = "merging",
     .step = lane_step,
     LANES(.block = 10000, .join = join, .merge = merge_too_much)},
};

TEST(test_a_stage_of_any_kind_that_breaks_the_contract_fails_by_its_name)
{
    static const struct {
        const char *text;
        int answer, code;
        const char *name, *said;
    } rows[] = {
        {"zeros | sink", LEAT_FAILING, LEAT_EINTERNAL, "sink", "invalid result 7"},
        {"zeros | stops", LEAT_FAILING, LEAT_EINTERNAL, "stops", "no progress"},
        {"zeros | stops", LEAT_ENOUGH, LEAT_EINTERNAL, "stops", "no progress"},
        {"ports [ zeros ] [ zeros ] | sink", LEAT_MORE, LEAT_EINTERNAL, "ports",
         "more input than there was"},
        {"zeros | all | few", 0, 0, NULL, NULL},
        {"zeros | lanes | few", 0, 0, NULL, NULL},
        {"zeros | flushing | flushed | sink", LEAT_MORE, LEAT_EINTERNAL, "flushed", "no progress"},
        {"zeros | much | few", 0, LEAT_EINTERNAL, "much", "cut took"},
        {"zeros | nothing | few", 0, LEAT_EINTERNAL, "nothing", "cut took 0 of"},
        {"zeros | merging | few", 0, LEAT_EINTERNAL, "merging", "more input than there was"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned threads = 1; threads < 4; threads++) {
            struct leat_settings settings = {.size = sizeof settings, .threads = threads};
            struct leat_pipeline *p = NULL;
            struct leat_error error = LEAT_INIT(leat_error);
            struct leat_registry *registry = leat_registry_new();

            test_context("%s, %u threads", rows[i].text, threads);
            answer = rows[i].answer;
            for (size_t k = 0; k < sizeof odd_types / sizeof odd_types[0]; k++)
                ASSERT_EQ(leat_registry_add_plain(registry, &odd_types[k]), 0);
            if (leat_pipeline_from_text(registry, rows[i].text, &settings, &p, &error) < 0)
                FAIL("%s", error.text);
            ASSERT_EQ(leat_pipeline_run(p), rows[i].code);
            if (rows[i].name) {
                ASSERT_STREQ(leat_pipeline_error(p)->stage_name, rows[i].name);
                ASSERT_STR_HAS(leat_pipeline_error(p)->text, rows[i].said);
            }
            leat_pipeline_unref(p);
            leat_registry_free(registry);
        }
}
