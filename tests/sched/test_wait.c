/* test_wait.c - waiting for descriptors and time. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "sched/wait.h"
#include "test.h"

static bool run_nothing(struct leat_actor *actor)
{
    (void)actor;
    return false;
}

/* A descriptor is closed when it has been waited for, and its number becomes another one's. */
TEST(test_the_end_of_a_wait_leaves_another_of_the_same_number)
{
    for (unsigned ms = 0; ms < 2; ms++) {
        struct leat_actor actors[2] = {{.run = run_nothing}, {.run = run_nothing}};
        struct leat_executor executor;
        struct leat_waits waits;
        struct leat_wait first, second;
        int a[2], b[2];

        test_context("with a time of %u days", ms);
        ASSERT_EQ(leat_executor_init(&executor, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
        ASSERT_EQ(leat_waits_init(&waits, &executor), 0);
        leat_wait_init(&first, &actors[0]);
        leat_wait_init(&second, &actors[1]);
        ASSERT_EQ(pipe2(a, O_CLOEXEC), 0);
        ASSERT_EQ(pipe2(b, O_CLOEXEC), 0);
        ASSERT_EQ(write(a[1], "a", 1), 1);
        ASSERT_EQ(leat_wait_arm(&waits, &first, a[0], false, (uint64_t)ms * 86400000), 0);
        leat_waits_fire(&waits);
        ASSERT(leat_wait_fired(&waits, &first));
        ASSERT_EQ(dup2(b[0], a[0]), a[0]);
        ASSERT_EQ(leat_wait_arm(&waits, &second, a[0], false, 0), 0);
        leat_wait_clear(&waits, &first);
        ASSERT_EQ(write(b[1], "b", 1), 1);
        leat_waits_fire(&waits);
        ASSERT(leat_wait_fired(&waits, &second));
        ASSERT_EQ(atomic_load(&waits.armed), 0);
        leat_wait_done(&first);
        leat_wait_done(&second);
        leat_waits_done(&waits);
        leat_executor_done(&executor);
        close(a[0]);
        close(a[1]);
        close(b[0]);
        close(b[1]);
    }
}

/* The epoll set holds a descriptor once. */
TEST(test_two_waits_for_one_descriptor_are_both_woken)
{
    for (unsigned clears = 0; clears < 2; clears++) {
        struct leat_actor actors[2] = {{.run = run_nothing}, {.run = run_nothing}};
        struct leat_executor executor;
        struct leat_waits waits;
        struct leat_wait first, second;
        int a[2];

        test_context("the first is %s", clears ? "given up" : "waited for");
        ASSERT_EQ(leat_executor_init(&executor, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
        ASSERT_EQ(leat_waits_init(&waits, &executor), 0);
        leat_wait_init(&first, &actors[0]);
        leat_wait_init(&second, &actors[1]);
        ASSERT_EQ(pipe2(a, O_CLOEXEC), 0);
        ASSERT_EQ(leat_wait_arm(&waits, &first, a[0], false, 0), 0);
        ASSERT_EQ(leat_wait_arm(&waits, &second, a[0], false, 86400000), 0);
        ASSERT_EQ(atomic_load(&waits.armed), 2);
        if (clears)
            leat_wait_clear(&waits, &first);
        ASSERT_EQ(write(a[1], "a", 1), 1);
        leat_waits_fire(&waits);
        ASSERT_EQ(leat_wait_fired(&waits, &first), !clears);
        ASSERT(leat_wait_fired(&waits, &second));
        ASSERT_EQ(atomic_load(&waits.armed), 0);
        leat_wait_clear(&waits, &first);
        leat_wait_clear(&waits, &second);
        leat_wait_done(&first);
        leat_wait_done(&second);
        leat_waits_done(&waits);
        leat_executor_done(&executor);
        close(a[0]);
        close(a[1]);
    }
}

struct firing {
    struct leat_waits *waits;
    atomic_bool stop;
};

static void *fire_on(void *arg)
{
    struct firing *f = arg;

    while (!atomic_load(&f->stop))
        leat_waits_fire(f->waits);
    return NULL;
}

/* An event may be on its way to a wait that is given up: it must have arrived before it is freed. */
TEST(test_a_wait_that_was_cleared_may_be_freed)
{
    struct leat_actor actor = {.run = run_nothing};
    struct leat_executor executor;
    struct leat_waits waits;
    struct firing firing = {.waits = &waits};
    pthread_t thread;
    int a[2];

    ASSERT_EQ(leat_executor_init(&executor, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
    ASSERT_EQ(leat_waits_init(&waits, &executor), 0);
    ASSERT_EQ(pipe2(a, O_CLOEXEC), 0);
    ASSERT_EQ(write(a[1], "a", 1), 1);
    atomic_store(&actor.state, 1); /* queued already: a wake does nothing */
    ASSERT_EQ(pthread_create(&thread, NULL, fire_on, &firing), 0);
    for (unsigned i = 0; i < 30000; i++) {
        struct leat_wait *wait = malloc(sizeof *wait);

        ASSERT_NOT_NULL(wait);
        leat_wait_init(wait, &actor);
        ASSERT_EQ(leat_wait_arm(&waits, wait, a[0], false, i % 4 == 0 ? 86400000 : 0), 0);
        for (unsigned k = 0; k < i % 100; k++)
            atomic_load(&waits.armed);
        leat_wait_clear(&waits, wait);
        leat_wait_done(wait);
        memset(wait, 1, sizeof *wait); /* what would look armed, with an actor that is none */
        free(wait);
    }
    atomic_store(&firing.stop, true);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    leat_waits_done(&waits);
    leat_executor_done(&executor);
    close(a[0]);
    close(a[1]);
}

/* Timers of most tests run on virtual time. A slow machine may be late; none may be early. */
TEST(test_a_timer_on_the_real_clock_does_not_fire_before_its_time)
{
    static const unsigned times_ms[] = {1, 20, 150, 1005};

    for (size_t i = 0; i < sizeof times_ms / sizeof *times_ms; i++) {
        struct leat_actor actor = {.run = run_nothing};
        struct leat_executor executor;
        struct leat_waits waits;
        struct leat_wait wait;
        struct pollfd fd;
        uint64_t began;

        test_context("%u ms", times_ms[i]);
        ASSERT_EQ(leat_executor_init(&executor, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
        ASSERT_EQ(leat_waits_init(&waits, &executor), 0);
        leat_wait_init(&wait, &actor);
        fd = (struct pollfd){.fd = waits.epoll_fd, .events = POLLIN};
        began = leat_now_ns();
        ASSERT_EQ(leat_wait_arm(&waits, &wait, -1, false, times_ms[i]), 0);
        ASSERT_EQ(poll(&fd, 1, 60000), 1);
        ASSERT_GE(leat_now_ns() - began, (uint64_t)times_ms[i] * 1000000);
        leat_waits_fire(&waits);
        ASSERT(leat_wait_fired(&waits, &wait));
        leat_wait_done(&wait);
        leat_waits_done(&waits);
        leat_executor_done(&executor);
    }
}
