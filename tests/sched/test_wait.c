/* test_wait.c - waiting for descriptors and time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sched/wait.h"
#include "sched/workers.h"
#include "test.h"

static bool run_nothing(struct leat_actor *actor)
{
    (void)actor;
    return false;
}

/* Wait until fd (-1: none) is readable or ms (0: no time) have passed. */
static int arm(struct leat_waits *waits, struct leat_wait *wait, int fd, uint64_t ms)
{
    struct leat_wants wants = {.ms = ms};

    leat_wants_fd(&wants, fd, EPOLLIN);
    return leat_wait_arm(waits, wait, &wants);
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
        ASSERT_EQ(leat_waits_init(&waits, &executor, NULL), 0);
        leat_wait_init(&first, &actors[0]);
        leat_wait_init(&second, &actors[1]);
        ASSERT_EQ(pipe2(a, O_CLOEXEC), 0);
        ASSERT_EQ(pipe2(b, O_CLOEXEC), 0);
        ASSERT_EQ(write(a[1], "a", 1), 1);
        ASSERT_EQ(arm(&waits, &first, a[0], (uint64_t)ms * 86400000), 0);
        leat_poller_fire(waits.poller);
        ASSERT(leat_wait_fired(&waits, &first));
        ASSERT_EQ(dup2(b[0], a[0]), a[0]);
        ASSERT_EQ(arm(&waits, &second, a[0], 0), 0);
        leat_wait_clear(&waits, &first);
        ASSERT_EQ(write(b[1], "b", 1), 1);
        leat_poller_fire(waits.poller);
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
        ASSERT_EQ(leat_waits_init(&waits, &executor, NULL), 0);
        leat_wait_init(&first, &actors[0]);
        leat_wait_init(&second, &actors[1]);
        ASSERT_EQ(pipe2(a, O_CLOEXEC), 0);
        ASSERT_EQ(arm(&waits, &first, a[0], 0), 0);
        ASSERT_EQ(arm(&waits, &second, a[0], 86400000), 0);
        ASSERT_EQ(atomic_load(&waits.armed), 2);
        if (clears)
            leat_wait_clear(&waits, &first);
        ASSERT_EQ(write(a[1], "a", 1), 1);
        leat_poller_fire(waits.poller);
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

/* The fixture of most tests here: waits of one actor on the loop's thread. */
struct bench {
    struct leat_actor actor;
    struct leat_executor executor;
    struct leat_waits waits;
    struct leat_wait wait;
};

static void bench_init(struct bench *b, bool is_virtual)
{
    *b = (struct bench){.actor.run = run_nothing};
    ASSERT_EQ(leat_executor_init(&b->executor,
                                 is_virtual ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_LOOP, 1, 0,
                                 is_virtual),
              0);
    ASSERT_EQ(leat_waits_init(&b->waits, &b->executor, NULL), 0);
    leat_wait_init(&b->wait, &b->actor);
}

static void bench_done(struct bench *b)
{
    leat_wait_clear(&b->waits, &b->wait);
    leat_wait_done(&b->wait);
    leat_waits_done(&b->waits);
    leat_executor_done(&b->executor);
}

/* Is there an event that the loop would see? */
static bool is_stirred(const struct bench *b)
{
    struct pollfd fd = {.fd = b->waits.poller->epoll_fd, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

TEST(test_any_of_several_descriptors_ends_a_wait_and_none_stays_armed)
{
    int ends[LEAT_WAIT_FDS_MAX][2];

    for (unsigned k = 0; k < 2 * LEAT_WAIT_FDS_MAX; k++) {
        struct leat_wants wants = {.ms = k % 2 ? 86400000 : 0};
        struct bench b;

        test_context("descriptor %u", k / 2);
        bench_init(&b, false);
        for (unsigned i = 0; i < LEAT_WAIT_FDS_MAX; i++) {
            ASSERT_EQ(pipe2(ends[i], O_CLOEXEC), 0);
            leat_wants_fd(&wants, ends[i][0], EPOLLIN);
        }
        ASSERT(!wants.too_many);
        leat_wants_fd(&wants, ends[0][0], EPOLLIN); /* is there already */
        ASSERT(!wants.too_many);
        ASSERT_EQ(leat_wait_arm(&b.waits, &b.wait, &wants), 0);
        ASSERT_EQ(atomic_load(&b.waits.armed), 1);
        ASSERT(!is_stirred(&b));
        ASSERT_EQ(write(ends[k / 2][1], "a", 1), 1);
        ASSERT(is_stirred(&b));
        leat_poller_fire(b.waits.poller);
        ASSERT(leat_wait_fired(&b.waits, &b.wait));
        ASSERT_EQ(atomic_load(&b.waits.armed), 0);
        for (unsigned i = 0; i < LEAT_WAIT_FDS_MAX; i++)
            ASSERT_EQ(write(ends[i][1], "b", 1), 1);
        ASSERT(!is_stirred(&b));
        leat_wants_fd(&wants, ends[0][1], EPOLLOUT);
        ASSERT(wants.too_many);
        bench_done(&b);
        for (unsigned i = 0; i < LEAT_WAIT_FDS_MAX; i++) {
            close(ends[i][0]);
            close(ends[i][1]);
        }
    }
}

TEST(test_a_wait_for_both_directions_of_a_descriptor_ends_with_either)
{
    for (int writable = 0; writable < 2; writable++) {
        static char data[65536];
        struct leat_wants wants = {0};
        struct bench b;
        int ends[2];

        test_context("writable: %d", writable);
        bench_init(&b, false);
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        while (write(ends[0], data, sizeof data) > 0)
            ;
        leat_wants_fd(&wants, ends[0], EPOLLIN);
        leat_wants_fd(&wants, ends[0], EPOLLOUT);
        ASSERT_EQ(wants.n_fds, 1);
        ASSERT_EQ(leat_wait_arm(&b.waits, &b.wait, &wants), 0);
        ASSERT(!is_stirred(&b));
        if (writable)
            while (read(ends[1], data, sizeof data) > 0)
                ;
        else
            ASSERT_EQ(write(ends[1], "a", 1), 1);
        leat_poller_fire(b.waits.poller);
        ASSERT(leat_wait_fired(&b.waits, &b.wait));
        bench_done(&b);
        close(ends[0]);
        close(ends[1]);
    }
}

TEST(test_a_file_among_several_descriptors_ends_the_wait_at_once)
{
    struct leat_wants wants = {.ms = 86400000};
    int ends[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct bench b;

    ASSERT_GE(fd, 0);
    bench_init(&b, false);
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    leat_wants_fd(&wants, ends[0], EPOLLIN);
    leat_wants_fd(&wants, fd, EPOLLIN);
    ASSERT_EQ(leat_wait_arm(&b.waits, &b.wait, &wants), 0);
    ASSERT(leat_wait_fired(&b.waits, &b.wait));
    ASSERT_EQ(write(ends[1], "a", 1), 1);
    ASSERT(!is_stirred(&b));
    bench_done(&b);
    close(ends[0]);
    close(ends[1]);
    close(fd);
}

TEST(test_a_wait_that_cannot_be_armed_leaves_nothing_armed)
{
    struct leat_wants wants = {0};
    struct bench b;
    int ends[2];

    bench_init(&b, false);
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    leat_wants_fd(&wants, -1, EPOLLIN);
    ASSERT(!leat_wants_any(&wants));
    leat_wants_fd(&wants, ends[0], EPOLLIN);
    leat_wants_fd(&wants, 1000, EPOLLIN); /* is not open */
    ASSERT_EQ(leat_wait_arm(&b.waits, &b.wait, &wants), -EBADF);
    ASSERT_EQ(atomic_load(&b.waits.armed), 0);
    ASSERT_EQ(write(ends[1], "a", 1), 1);
    ASSERT(!is_stirred(&b));
    ASSERT(!leat_wait_fired(&b.waits, &b.wait));
    bench_done(&b);
    close(ends[0]);
    close(ends[1]);
}

/* Else virtual time would later jump to a time that nothing waits for. */
TEST(test_a_descriptor_that_ends_a_wait_also_ends_its_timer_on_virtual_time)
{
    struct bench b;
    int ends[2];

    bench_init(&b, true);
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(arm(&b.waits, &b.wait, ends[0], 1000), 0);
    ASSERT_EQ(write(ends[1], "a", 1), 1);
    leat_poller_fire(b.waits.poller);
    ASSERT(leat_wait_fired(&b.waits, &b.wait));
    ASSERT(!leat_waits_due(&b.waits, UINT64_MAX));
    bench_done(&b);
    close(ends[0]);
    close(ends[1]);
}

/* --- an executor that ends while its waits are fired -------------------------------------------- */

struct short_life {
    struct leat_actor actor; /* first */
    struct leat_executor executor;
    struct leat_waits waits;
    struct leat_wait wait;
    atomic_bool ended;
};

static bool ends_its_executor(struct leat_actor *actor)
{
    struct short_life *life = (struct short_life *)actor;

    if (leat_wait_fired(&life->waits, &life->wait))
        leat_executor_end(&life->executor);
    return false;
}

static void note_end(struct leat_executor *executor)
{
    struct short_life *life = executor->owner;

    atomic_store(&life->ended, true);
}

/* All is idle in an executor that is looked at first: give the other one time to end. */
static void linger(struct leat_executor *executor, bool alarmed)
{
    struct short_life *other = executor->owner;

    (void)alarmed;
    usleep(50000);
    ASSERT(!atomic_load(&other->ended));
}

/* Whoever ends it may free it, and the thread that fires still has it in its list. */
TEST(test_an_executor_does_not_end_before_the_thread_that_fires_its_waits_is_done_with_it)
{
    struct short_life life = {.actor.run = ends_its_executor};
    struct bench idle;
    struct leat_poller poller;
    int ends[2];

    bench_init(&idle, false);
    leat_waits_done(&idle.waits);
    leat_executor_done(&idle.executor);
    ASSERT_EQ(leat_poller_init(&poller), 0);
    ASSERT_EQ(leat_executor_init(&idle.executor, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
    ASSERT_EQ(leat_executor_init(&life.executor, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
    ASSERT_EQ(leat_waits_init(&idle.waits, &idle.executor, &poller), 0);
    ASSERT_EQ(leat_waits_init(&life.waits, &life.executor, &poller), 0);
    leat_wait_init(&life.wait, &life.actor);
    ASSERT_EQ(leat_workers_start(&life.executor.own), 0);
    idle.executor.owner = life.executor.owner = &life;
    idle.executor.on_idle = linger;
    life.executor.on_end = note_end;
    atomic_store(&idle.actor.state, 1); /* queued already: a wake does nothing */
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(arm(&idle.waits, &idle.wait, ends[0], 0), 0);
    ASSERT_EQ(arm(&life.waits, &life.wait, ends[0], 0), 0); /* fired first, and looked at last */
    ASSERT_EQ(write(ends[1], "a", 1), 1);
    leat_poller_fire(&poller);
    while (!atomic_load(&life.ended))
        sched_yield();
    leat_workers_stop(&life.executor.own);
    leat_wait_done(&life.wait);
    leat_waits_done(&life.waits);
    leat_executor_done(&life.executor);
    bench_done(&idle);
    leat_poller_done(&poller);
    close(ends[0]);
    close(ends[1]);
}

struct firing {
    struct leat_waits *waits;
    atomic_bool stop;
};

static void *fire_on(void *arg)
{
    struct firing *f = arg;

    while (!atomic_load(&f->stop))
        leat_poller_fire(f->waits->poller);
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
    ASSERT_EQ(leat_waits_init(&waits, &executor, NULL), 0);
    ASSERT_EQ(pipe2(a, O_CLOEXEC), 0);
    ASSERT_EQ(write(a[1], "a", 1), 1);
    atomic_store(&actor.state, 1); /* queued already: a wake does nothing */
    ASSERT_EQ(pthread_create(&thread, NULL, fire_on, &firing), 0);
    for (unsigned i = 0; i < 30000; i++) {
        struct leat_wait *wait = malloc(sizeof *wait);

        ASSERT_NOT_NULL(wait);
        leat_wait_init(wait, &actor);
        ASSERT_EQ(arm(&waits, wait, a[0], i % 4 == 0 ? 86400000 : 0), 0);
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
        ASSERT_EQ(leat_waits_init(&waits, &executor, NULL), 0);
        leat_wait_init(&wait, &actor);
        fd = (struct pollfd){.fd = waits.poller->epoll_fd, .events = POLLIN};
        began = leat_now_ns();
        ASSERT_EQ(arm(&waits, &wait, -1, times_ms[i]), 0);
        ASSERT_EQ(poll(&fd, 1, 60000), 1);
        ASSERT_GE(leat_now_ns() - began, (uint64_t)times_ms[i] * 1000000);
        leat_poller_fire(waits.poller);
        ASSERT(leat_wait_fired(&waits, &wait));
        leat_wait_done(&wait);
        leat_waits_done(&waits);
        leat_executor_done(&executor);
    }
}
