/* test_clock.c - virtual time: who starts when, and what the machine's time has to do with it. */
#include "base/clock.h"

#include "test.h"

#define START ((uint64_t)1000000000) /* VIRTUAL_START of clock.c */

TEST(test_the_machines_time_goes_on_and_is_never_0)
{
    struct leat_clock c;
    uint64_t before = leat_now_ns(), now;

    ASSERT_EQ(leat_clock_init(&c, false, 4), 0);
    ASSERT_GT(before, 0);
    leat_clock_spend(&c, UINT64_MAX / 2); /* without effect */
    now = leat_clock_now(&c);
    ASSERT_GE(now, before);
    ASSERT_LT(now, before + UINT64_MAX / 4);
    ASSERT_GE(leat_clock_now(&c), now);
    leat_clock_done(&c);
}

TEST(test_a_thread_uses_processor_time_while_it_computes)
{
    uint64_t before = leat_thread_cpu_ns();
    volatile unsigned sum = 0;

    while (leat_thread_cpu_ns() < before + 1000000)
        sum += 1;
    ASSERT_GT(sum, 0);
}

TEST(test_virtual_time_passes_only_as_it_is_spent)
{
    struct leat_clock c;

    ASSERT_EQ(leat_clock_init(&c, true, 1), 0);
    ASSERT_EQ(leat_clock_now(&c), START);
    leat_clock_spend(&c, 17);
    ASSERT_EQ(leat_clock_now(&c), START + 17);
    leat_clock_set(&c, START + 5); /* another actor's time line */
    ASSERT_EQ(leat_clock_now(&c), START + 5);
    ASSERT_EQ(c.latest_ns, START + 17);
    leat_clock_done(&c);
}

/* Actors that could all run at once, each for `work`: n threads run n of them at a time. */
TEST(test_no_more_actors_run_at_once_than_there_are_threads)
{
    for (unsigned threads = 1; threads < 6; threads++)
        for (unsigned actors = 1; actors < 14; actors++) {
            const uint64_t work = 1000;
            struct leat_clock c;

            test_context("%u threads, %u actors", threads, actors);
            ASSERT_EQ(leat_clock_init(&c, true, threads), 0);
            for (unsigned i = 0; i < actors; i++) {
                unsigned thread = leat_clock_begin(&c, START);

                ASSERT_LT(thread, threads);
                ASSERT_EQ(leat_clock_now(&c), START + i / threads * work);
                leat_clock_spend(&c, work);
                leat_clock_end(&c, thread);
            }
            ASSERT_EQ(c.latest_ns, START + (actors + threads - 1) / threads * work);
            leat_clock_done(&c);
        }
}

TEST(test_an_actor_starts_when_it_is_ready_though_a_thread_was_free_before)
{
    struct leat_clock c;
    unsigned thread;

    ASSERT_EQ(leat_clock_init(&c, true, 2), 0);
    thread = leat_clock_begin(&c, START + 500);
    ASSERT_EQ(leat_clock_now(&c), START + 500);
    leat_clock_spend(&c, 100);
    leat_clock_end(&c, thread);
    ASSERT_NE(leat_clock_begin(&c, START + 200), thread); /* the other one is free */
    ASSERT_EQ(leat_clock_now(&c), START + 200);
    leat_clock_done(&c);
}
