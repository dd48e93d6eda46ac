/* test_lane_order.c - the joiner takes blocks back in the order in which the cutter put them. */
#include "lanes/lane_order.h"

#include "breaks.h"
#include "stage.h"
#include "test.h"

#define RUNNING 2 /* enum actor_state of executor.c: a wake is noted and queues nothing */
#define NOTIFIED 3
#define ROOM_MAX 9u

struct table {
    struct leat_executor executor;
    struct leat_actor cutter, joiner;
    struct leat_lane_order *order;
};

static void table_init(struct table *t, size_t room)
{
    *t = (struct table){.executor = {.owner = NULL}};
    t->cutter.thread = t->joiner.thread = pthread_self();
    atomic_store(&t->cutter.state, RUNNING);
    atomic_store(&t->joiner.state, RUNNING);
    t->order = leat_lane_order_new(&t->executor, &t->cutter, &t->joiner);
    ASSERT_NOT_NULL(t->order);
    ASSERT_EQ(leat_lane_order_size(t->order, room), 0);
}

static bool woken(struct table *t)
{
    return atomic_exchange(&t->joiner.state, RUNNING) == NOTIFIED;
}

/* The number of an entry is in its lane. */
static int put(struct table *t, unsigned number)
{
    return leat_lane_order_put(t->order,
                               (struct leat_lane_entry){.lane = number, .mark = number % 3 == 0});
}

static void take(struct table *t, unsigned number)
{
    struct leat_lane_entry entry;

    ASSERT_EQ(leat_lane_order_take(t->order, &entry), 0);
    ASSERT_EQ(entry.lane, number);
    ASSERT_EQ(entry.mark, number % 3 == 0);
}

TEST(test_entries_are_taken_in_the_order_in_which_they_were_put)
{
    for (unsigned room = 1; room <= ROOM_MAX; room++)
        for (unsigned burst = 1; burst <= room; burst++) {
            struct table t;
            unsigned in = 0, out = 0;

            test_context("room %u, %u at once", room, burst);
            table_init(&t, room);
            for (unsigned round = 0; round < 20; round++) {
                while (in - out < burst)
                    ASSERT_EQ(put(&t, in++), 0);
                for (unsigned n = 1 + round % burst; n > 0; n--)
                    take(&t, out++);
            }
            while (out < in)
                take(&t, out++);
            leat_lane_order_free(t.order);
        }
}

TEST(test_an_entry_without_room_is_refused)
{
    for (unsigned room = 1; room <= ROOM_MAX; room++) {
        struct table t;

        table_init(&t, room);
        for (unsigned i = 0; i < room; i++)
            ASSERT_EQ(put(&t, i), 0);
        ASSERT_EQ(put(&t, 99), LEAT_EINTERNAL);
        take(&t, 0);
        ASSERT_EQ(put(&t, room), 0);
        for (unsigned i = 1; i <= room; i++)
            take(&t, i);
        leat_lane_order_free(t.order);
    }
}

TEST(test_a_joiner_that_found_nothing_is_woken_once_by_an_entry_or_by_the_end)
{
    struct leat_lane_entry entry;
    struct table t;

    table_init(&t, 4);
    ASSERT_EQ(put(&t, 0), 0);
    ASSERT(!woken(&t)); /* it had not asked */
    take(&t, 0);
    ASSERT_EQ(leat_lane_order_take(t.order, &entry), LEAT_EMPTY);
    ASSERT_EQ(put(&t, 1), 0);
    ASSERT(woken(&t));
    ASSERT_EQ(put(&t, 2), 0);
    ASSERT(!woken(&t));
    take(&t, 1);
    take(&t, 2);
    ASSERT_EQ(leat_lane_order_take(t.order, &entry), LEAT_EMPTY);
    leat_lane_order_over(t.order);
    ASSERT(woken(&t));
    ASSERT_EQ(leat_lane_order_take(t.order, &entry), LEAT_END);
    ASSERT_EQ(leat_lane_order_take(t.order, &entry), LEAT_END);
    ASSERT_BREAKS((void)put(&t, 3), "!order->over");
    leat_lane_order_free(t.order);
}

TEST(test_entries_that_were_put_before_the_end_are_taken_before_it)
{
    struct leat_lane_entry entry;
    struct table t;

    table_init(&t, 3);
    for (unsigned i = 0; i < 3; i++)
        ASSERT_EQ(put(&t, i), 0);
    leat_lane_order_over(t.order);
    for (unsigned i = 0; i < 3; i++)
        take(&t, i);
    ASSERT_EQ(leat_lane_order_take(t.order, &entry), LEAT_END);
    leat_lane_order_reset(t.order);
    ASSERT_EQ(leat_lane_order_take(t.order, &entry), LEAT_EMPTY);
    ASSERT_EQ(put(&t, 7), 0);
    take(&t, 7);
    leat_lane_order_free(t.order);
    leat_lane_order_free(NULL);
}

static bool never_run(struct leat_actor *actor)
{
    (void)actor;
    return false;
}

/* The joiner only learns which lane is next, which is short. */
TEST(test_an_entry_passes_the_thread_to_a_joiner_that_waits)
{
    for (unsigned waits = 0; waits <= 1; waits++) {
        struct leat_executor executor;
        struct leat_actor cutter = {.thread = pthread_self(), .state = RUNNING};
        struct leat_actor joiner = {.run = never_run, .run_ns = 1, .is_light = true};
        struct leat_lane_entry entry;
        struct leat_lane_order *order;

        ASSERT_EQ(leat_executor_init(&executor, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
        order = leat_lane_order_new(&executor, &cutter, &joiner);
        ASSERT_NOT_NULL(order);
        ASSERT_EQ(leat_lane_order_size(order, 3), 0);
        if (waits)
            ASSERT_EQ(leat_lane_order_take(order, &entry), LEAT_EMPTY);
        ASSERT_EQ(leat_lane_order_put(order, (struct leat_lane_entry){.lane = 0}), 0);
        ASSERT(cutter.passes_to == (waits ? &joiner : NULL));
        ASSERT_EQ(executor.queued, 0);
        leat_lane_order_free(order);
        leat_executor_done(&executor);
    }
}
