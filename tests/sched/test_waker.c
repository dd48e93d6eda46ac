/* test_waker.c - wakes from other threads: none is lost, several count as one, none comes too late. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "sched/waker.h"
#include "sched/workers.h"
#include "test.h"

static bool run_nothing(struct leat_actor *actor)
{
    (void)actor;
    return false;
}

struct bench {
    struct leat_actor actor;
    struct leat_executor executor;
    struct leat_waits waits;
    struct leat_wait wait;
    struct leat_waker *waker;
    atomic_uint calls; /* of the loop */
};

static void call(struct leat_executor *executor)
{
    struct bench *b = executor->owner;

    atomic_fetch_add(&b->calls, 1);
}

static void bench_init(struct bench *b, enum leat_executor_kind kind)
{
    *b = (struct bench){.actor.run = run_nothing};
    ASSERT_EQ(leat_executor_init(&b->executor, kind, 1, 0, false), 0);
    b->executor.owner = b;
    b->executor.call = call;
    ASSERT_EQ(leat_waits_init(&b->waits, &b->executor, NULL), 0);
    leat_wait_init(&b->wait, &b->actor);
    b->waker = leat_waker_attach(&b->waits, &b->wait);
    ASSERT_NOT_NULL(b->waker);
    atomic_store(&b->actor.state, 1); /* queued already: nothing runs it here */
}

static void bench_done(struct bench *b)
{
    leat_waker_detach(b->waker);
    leat_wait_clear(&b->waits, &b->wait);
    ASSERT_EQ(atomic_load(&b->waits.armed), 0);
    leat_waker_free(b->waker);
    leat_wait_done(&b->wait);
    leat_waits_done(&b->waits);
    leat_executor_done(&b->executor);
}

static void arm(struct bench *b, uint64_t ms)
{
    ASSERT_EQ(leat_wait_arm(&b->waits, &b->wait, &(struct leat_wants){.wake = true, .ms = ms}), 0);
}

TEST(test_a_wake_before_the_wait_ends_it_at_once)
{
    struct bench b;

    bench_init(&b, LEAT_EXECUTOR_LOOP);
    leat_waker_wake(b.waker);
    arm(&b, 0);
    ASSERT(leat_wait_fired(&b.waits, &b.wait));
    leat_waker_take(b.waker);
    arm(&b, 0);
    ASSERT(!leat_wait_fired(&b.waits, &b.wait));
    bench_done(&b);
}

TEST(test_several_wakes_before_a_step_count_as_one)
{
    struct bench b;

    bench_init(&b, LEAT_EXECUTOR_LOOP);
    arm(&b, 86400000);
    for (int i = 0; i < 5; i++)
        leat_waker_wake(b.waker);
    ASSERT_EQ(atomic_load(&b.calls), 1);
    ASSERT(!leat_wait_fired(&b.waits, &b.wait)); /* only the loop ends it */
    leat_waits_fire_woken(&b.waits);
    ASSERT(leat_wait_fired(&b.waits, &b.wait));
    ASSERT(!leat_wait_fired(&b.waits, &b.wait));
    leat_waker_take(b.waker);
    arm(&b, 0);
    leat_waits_fire_woken(&b.waits);
    ASSERT(!leat_wait_fired(&b.waits, &b.wait));
    leat_waker_wake(b.waker);
    ASSERT_EQ(atomic_load(&b.calls), 2);
    bench_done(&b);
}

TEST(test_a_wake_does_not_end_a_wait_for_something_else)
{
    static const enum leat_executor_kind kinds[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct bench b;

        bench_init(&b, kinds[i]);
        ASSERT_EQ(leat_wait_arm(&b.waits, &b.wait, &(struct leat_wants){.ms = 86400000}), 0);
        leat_waker_wake(b.waker);
        leat_waits_fire_woken(&b.waits);
        ASSERT(!leat_wait_fired(&b.waits, &b.wait));
        bench_done(&b);
    }
}

TEST(test_a_wake_after_the_stage_is_closed_does_nothing)
{
    struct bench b;
    struct leat_waker *late;

    bench_init(&b, LEAT_EXECUTOR_LOOP);
    late = leat_waker_ref(b.waker);
    bench_done(&b);
    memset(&b, 1, sizeof b); /* what a late wake would find */
    leat_waker_wake(late);
    leat_waker_free(late);
    leat_waker_wake(NULL);
    leat_waker_free(NULL);
}

/* On the pool another thread's wake leaves the count to the actor: the pipeline is not idle meanwhile. */
TEST(test_a_wake_on_the_pool_is_counted_until_the_actor_runs)
{
    struct bench b;

    bench_init(&b, LEAT_EXECUTOR_POOL);
    arm(&b, 0);
    ASSERT_EQ(atomic_load(&b.waits.armed), 1);
    leat_waker_wake(b.waker);
    ASSERT_EQ(atomic_load(&b.calls), 0);
    ASSERT_EQ(atomic_load(&b.waits.armed), 1);
    ASSERT(leat_wait_fired(&b.waits, &b.wait));
    ASSERT_EQ(atomic_load(&b.waits.armed), 0);
    leat_waker_take(b.waker);
    arm(&b, 0);
    leat_waker_wake(b.waker);
    leat_wait_clear(&b.waits, &b.wait); /* it is given up, not collected */
    ASSERT_EQ(atomic_load(&b.waits.armed), 0);
    bench_done(&b);
}

#define N_WAKERS 3u
#define N_ROUNDS 20000u

struct waking {
    struct leat_waker *waker;
    atomic_uint *work; /* what the actor has to do */
};

static void *wake_often(void *arg)
{
    const struct waking *w = arg;

    for (unsigned i = 0; i < N_ROUNDS; i++) {
        atomic_fetch_add(w->work, 1);
        leat_waker_wake(w->waker);
    }
    leat_waker_free(w->waker);
    return NULL;
}

static sem_t runs;

static bool post(struct leat_actor *actor)
{
    (void)actor;
    ASSERT_EQ(sem_post(&runs), 0);
    return false;
}

/* The thread of the test is the actor's here, and sleeps until a worker says that it was woken. */
TEST(test_no_wake_is_lost_between_many_threads_and_the_pool)
{
    struct waking w[N_WAKERS];
    pthread_t threads[N_WAKERS];
    atomic_uint work = 0;
    unsigned done = 0;
    struct bench b;

    bench_init(&b, LEAT_EXECUTOR_POOL);
    ASSERT_EQ(sem_init(&runs, 0, 0), 0);
    atomic_store(&b.actor.state, 0);
    b.actor.run = post;
    ASSERT_EQ(leat_workers_start(&b.executor.own), 0);
    for (unsigned i = 0; i < N_WAKERS; i++) {
        w[i] = (struct waking){leat_waker_ref(b.waker), &work};
        ASSERT_EQ(pthread_create(&threads[i], NULL, wake_often, &w[i]), 0);
    }
    while (done < N_WAKERS * N_ROUNDS) {
        leat_waker_take(b.waker);
        done = atomic_load(&work);
        if (done == N_WAKERS * N_ROUNDS)
            break;
        arm(&b, done % 7 == 0 ? 86400000 : 0);
        if (done % 5 == 0) {
            leat_wait_clear(&b.waits, &b.wait);
            continue;
        }
        while (!leat_wait_fired(&b.waits, &b.wait))
            ASSERT_EQ(sem_wait(&runs), 0);
    }
    for (unsigned i = 0; i < N_WAKERS; i++)
        ASSERT_EQ(pthread_join(threads[i], NULL), 0);
    leat_workers_stop(&b.executor.own);
    bench_done(&b);
    ASSERT_EQ(sem_destroy(&runs), 0);
}
