/* test_flow_time.c - timeout and limit --time: the alarm rings whatever the stream does. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};

/* A stream that stalls at its source, or at its sink, or never ends. */
static struct memio stalled(int how, size_t executor)
{
    struct memio io = {.in = "abc\n", .in_len = 4, .discard = true};

    io.settings.executor = executors[executor];
    if (how == 0)
        io.source.wait_every = 1;
    if (how == 1)
        io.sink.wait_every = 1;
    if (how > 0)
        io.in_repeat = UINT64_MAX / 8;
    return io;
}

TEST(test_a_stream_that_does_not_end_in_time_fails)
{
    for (int how = 0; how < 3; how++)
        for (size_t e = 0; e < 3; e++) {
            struct memio io = stalled(how, e);

            test_context("how %d, executor %zu", how, e);
            ASSERT_EQ(memio_run(&io, "pass : timeout 20ms : pass"), LEAT_ETIMEDOUT);
            ASSERT_STREQ(io.error.stage_name, "timeout");
            ASSERT_STR_HAS(io.error.text, "in 20 ms");
            ASSERT_EQ(io.commits, 0);
            memio_free(&io);
        }
}

TEST(test_a_stream_that_does_not_move_fails)
{
    for (int how = 0; how < 2; how++)
        for (size_t e = 0; e < 3; e++) {
            struct memio io = stalled(how, e);

            test_context("how %d, executor %zu", how, e);
            ASSERT_EQ(memio_run(&io, "gzip : timeout 1h --idle=20ms : gunzip"), LEAT_ETIMEDOUT);
            ASSERT_STR_HAS(io.error.text, "for 20 ms");
            memio_free(&io);
        }
}

TEST(test_a_limit_in_time_ends_the_stream_and_that_is_success)
{
    for (int how = 0; how < 3; how += 2)
        for (size_t e = 0; e < 3; e++) {
            struct memio io = stalled(how, e);

            test_context("how %d, executor %zu", how, e);
            ASSERT_EQ(memio_run(&io, "limit --time=20ms : gzip : gunzip"), 0);
            ASSERT_EQ(io.commits, 1);
            ASSERT_EQ(io.out_len % 4 * (how == 0), 0);
            memio_free(&io);
        }
}

/* The alarm of a stage that is through does not keep the pipeline from its end. */
TEST(test_a_stream_that_is_in_time_is_not_held_up)
{
    for (size_t e = 0; e < 3; e++) {
        struct memio io = {.in = "abc\n", .in_len = 4, .in_repeat = 100, .piece = 7};

        io.settings.executor = executors[e];
        ASSERT_EQ(memio_run(&io, "timeout 1h --idle=1h : limit --time=1h : head -n 3"), 0);
        ASSERT_EQ(io.out_len, 12);
        ASSERT_EQ(memio_run(&io, "timeout 1h --idle=1h : limit --time=1h"), 0);
        ASSERT_EQ(io.out_len, 400);
        memio_free(&io);
    }
}

TEST(test_wrong_durations_are_usage_errors)
{
    struct memio io = {.in = "", .in_len = 0};

    ASSERT_EQ(memio_run(&io, "timeout"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "timeout soon"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "timeout 0"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "limit --time=soon"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "limit --time=0"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "flush --time=0s"), LEAT_EUSAGE);
}
