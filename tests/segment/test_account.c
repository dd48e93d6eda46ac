/* test_account.c - each nanosecond of a segment's stages is charged once, under the right head. */
#include "segment/time_account.h"

#include <stdlib.h>

#include "run/pipeline.h"
#include "test.h"

#define STAGES 4u
#define START ((uint64_t)1000000000) /* VIRTUAL_START of clock.c */

/* A segment of stages that do nothing, on a clock that the test sets. */
struct desk {
    struct leat_pipeline *pipeline;
    struct leat_segment *seg;
    struct leat_stage stages[STAGES];
    struct leat_stage_info infos[STAGES];
};

static void desk_init(struct desk *d, size_t n)
{
    *d = (struct desk){.pipeline = calloc(1, sizeof *d->pipeline)};
    ASSERT_NOT_NULL(d->pipeline);
    ASSERT_EQ(leat_clock_init(&d->pipeline->executor.clock, true, 1), 0);
    d->seg = calloc(1, sizeof *d->seg);
    ASSERT_NOT_NULL(d->seg);
    d->seg->slots = calloc(n, sizeof *d->seg->slots);
    ASSERT_NOT_NULL(d->seg->slots);
    d->seg->n = n;
    d->seg->pipeline = d->pipeline;
    d->seg->in.ops = &leat_inlet_edge;
    d->seg->out.ops = &leat_outlet_edge;
    for (size_t i = 0; i < n; i++) {
        d->stages[i].info = &d->infos[i];
        d->seg->slots[i].stage = &d->stages[i];
        d->seg->slots[i].info = &d->infos[i];
    }
    leat_account_start(d->seg, START);
}

static void desk_done(struct desk *d)
{
    leat_clock_done(&d->pipeline->executor.clock);
    free(d->seg->slots);
    free(d->seg);
    free(d->pipeline);
}

static uint64_t now(struct desk *d)
{
    return leat_clock_now(&d->pipeline->executor.clock);
}

static void pass_time(struct desk *d, uint64_t ns)
{
    leat_clock_spend(&d->pipeline->executor.clock, ns);
}

static struct leat_stage_stats look(struct desk *d, size_t i)
{
    struct leat_stage_stats s = {.size = sizeof s, .name = NULL};

    leat_account_add(d->seg, i, now(d), &s);
    return s;
}

static void check(struct desk *d, size_t i, uint64_t busy, uint64_t in, uint64_t out)
{
    struct leat_stage_stats s = look(d, i);

    ASSERT_EQ(s.busy_ns, busy);
    ASSERT_EQ(s.wait_in_ns, in);
    ASSERT_EQ(s.wait_out_ns, out);
}

TEST(test_the_stages_before_the_one_that_steps_wait_for_room_and_those_after_it_for_input)
{
    for (size_t at = 0; at < STAGES; at++)
        for (int charged = 0; charged < 2; charged++) { /* else it is still under way */
            struct desk d;

            test_context("stage %zu steps", at);
            desk_init(&d, STAGES);
            leat_account_doing(d.seg, LEAT_DOING_STEP, at);
            pass_time(&d, 100);
            if (charged)
                ASSERT_EQ(leat_account_charge(d.seg), now(&d));
            for (size_t i = 0; i < STAGES; i++)
                check(&d, i, i == at ? 100 : 0, i > at ? 100 : 0, i < at ? 100 : 0);
            desk_done(&d);
        }
}

TEST(test_nothing_is_charged_before_the_start_and_nothing_twice)
{
    struct desk d;

    desk_init(&d, 1);
    d.seg->account.mark_ns = 0; /* not started */
    pass_time(&d, 50);
    check(&d, 0, 0, 0, 0);
    leat_account_start(d.seg, now(&d));
    leat_account_doing(d.seg, LEAT_DOING_STEP, 0);
    for (unsigned i = 1; i < 10; i++) {
        pass_time(&d, 7);
        (void)leat_account_charge(d.seg);
        (void)leat_account_charge(d.seg);
        check(&d, 0, i * 7, 0, 0);
    }
    leat_clock_set(&d.pipeline->executor.clock, now(&d) - 30); /* another time line */
    (void)leat_account_charge(d.seg);
    check(&d, 0, 63, 0, 0);
    desk_done(&d);
}

TEST(test_a_parked_segment_waits_for_input_or_for_room)
{
    struct desk d;

    desk_init(&d, STAGES);
    leat_account_park(d.seg, LEAT_DOING_WAIT_IN);
    pass_time(&d, 10);
    leat_account_park(d.seg, LEAT_DOING_WAIT_OUT);
    pass_time(&d, 200);
    for (size_t i = 0; i < STAGES; i++)
        check(&d, i, 0, 10, 200);
    desk_done(&d);
}

/* Stage 1 waits for what is outside: those before it wait for room, it and those after it do not. */
TEST(test_a_stage_that_waits_outside_holds_up_both_sides)
{
    for (size_t at = 0; at < STAGES; at++)
        for (int source = 0; source < 2; source++) {
            struct desk d;

            test_context("stage %zu waits, source %d", at, source);
            desk_init(&d, STAGES);
            if (source)
                d.seg->in.ops = NULL;
            d.seg->slots[at].waiting = true;
            leat_account_park(d.seg, LEAT_DOING_WAIT_IN);
            pass_time(&d, 30);
            for (size_t i = 0; i < STAGES; i++) {
                bool in = i > at || (i == at && i == 0 && source);

                check(&d, i, 0, in ? 30 : 0, in ? 0 : 30);
                ASSERT_EQ(look(&d, i).wait_self_ns, i == at ? 30 : 0);
            }
            leat_account_run(d.seg); /* it no longer waits */
            ASSERT(!atomic_load(&d.seg->slots[at].count.waiting));
            desk_done(&d);
        }
}

TEST(test_time_in_the_queue_is_waiting_for_a_turn)
{
    struct desk d;

    desk_init(&d, 2);
    pass_time(&d, 40);
    d.seg->actor.ready_ns = now(&d); /* it is woken here */
    pass_time(&d, 5);
    leat_account_run(d.seg);
    check(&d, 0, 0, 45, 0);
    ASSERT_EQ(look(&d, 0).wait_turn_ns, 5);
    ASSERT_EQ(look(&d, 1).wait_turn_ns, 5);
    desk_done(&d);
}

TEST(test_a_stage_that_has_ended_waits_on_and_says_so)
{
    struct desk d;

    desk_init(&d, 3);
    atomic_store(&d.seg->slots[0].count.ended, true);
    leat_account_doing(d.seg, LEAT_DOING_STEP, 1);
    pass_time(&d, 11);
    (void)leat_account_charge(d.seg);
    check(&d, 0, 0, 0, 11);
    ASSERT_EQ(look(&d, 0).ended_ns, 11);
    ASSERT_EQ(look(&d, 1).ended_ns, 0);
    leat_account_park(d.seg, LEAT_DOING_ENDED);
    pass_time(&d, 9);
    for (size_t i = 0; i < 3; i++)
        ASSERT_EQ(look(&d, i).ended_ns, i == 0 ? 20 : 9);
    desk_done(&d);
}

TEST(test_the_last_stage_of_a_run_that_is_over_waits_for_input_if_it_is_a_sink)
{
    for (int sink = 0; sink < 2; sink++) {
        struct desk d;

        desk_init(&d, 2);
        d.seg->out.ops = sink ? NULL : &leat_outlet_edge;
        leat_account_park(d.seg, LEAT_DOING_ENDED);
        pass_time(&d, 9);
        check(&d, 0, 0, 0, 9);
        check(&d, 1, 0, sink ? 9 : 0, sink ? 0 : 9);
        desk_done(&d);
    }
}

/* Random lives: at each moment the three heads of each stage are the time since the start. */
TEST(test_the_heads_add_up_to_the_time_of_the_run)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed, bytes = 0, steps[STAGES] = {0};
        struct desk d;

        test_context("seed %u", (unsigned)seed);
        desk_init(&d, STAGES);
        for (unsigned n = 0; n < 200; n++) {
            size_t at = test_random(&random) % STAGES;

            pass_time(&d, test_random(&random) % 1000);
            switch (test_random(&random) % 4) {
            case 0:
                d.seg->slots[at].waiting = test_random(&random) % 2;
                leat_account_park(d.seg, (enum leat_doing)(test_random(&random) % 2));
                break;
            case 1:
                d.seg->actor.ready_ns = now(&d) - test_random(&random) % 500;
                leat_account_run(d.seg);
                break;
            case 2:
                atomic_store(&d.seg->slots[at].count.ended, true);
                break;
            default:
                leat_account_doing(d.seg, LEAT_DOING_STEP, at);
                pass_time(&d, test_random(&random) % 1000);
                leat_account_step(d.seg, at, 3, 5);
                steps[at]++;
                bytes += 3;
            }
            for (size_t i = 0; i < STAGES; i++) {
                struct leat_stage_stats s = look(&d, i);

                ASSERT_EQ(s.busy_ns + s.wait_in_ns + s.wait_out_ns, now(&d) - START);
                ASSERT_LE(s.wait_self_ns, s.wait_in_ns + s.wait_out_ns);
                ASSERT_LE(s.ended_ns, now(&d) - START);
                ASSERT_EQ(s.steps, steps[i]);
                ASSERT_EQ(s.bytes_in, 3 * steps[i]);
                ASSERT_EQ(s.bytes_out, 5 * steps[i]);
            }
        }
        d.pipeline->graph.segments = &d.seg;
        d.pipeline->graph.n_segments = 1;
        for (size_t i = 0; i < STAGES; i++)
            bytes -= leat_account_bytes_in(d.pipeline, &d.infos[i]);
        ASSERT_EQ(bytes, 0);
        desk_done(&d);
    }
}
