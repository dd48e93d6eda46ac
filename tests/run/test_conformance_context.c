/* test_conformance_context.c - races of a context: starts, cancels, callbacks that move, references that go. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "leat.h"
#include "test.h"

struct bench {
    struct leat_registry *registry;
    struct leat_context *context;
};

static void begin(struct bench *b, unsigned threads, uint64_t memory)
{
    const struct leat_context_settings settings = {
        .size = sizeof settings, .threads = threads, .memory = memory};

    b->registry = leat_registry_new();
    ASSERT(b->registry != NULL);
    ASSERT_EQ(leat_context_new(&settings, &b->context), 0);
}

static void end(struct bench *b)
{
    leat_context_unref(b->context);
    leat_registry_free(b->registry);
}

static struct leat_pipeline *pipeline_of(const struct bench *b, const char *text,
                                         uint64_t timeout_ms)
{
    const struct leat_settings settings = {.size = sizeof settings,
                                           .context = b->context,
                                           .memory = 1 << 20,
                                           .timeout_ms = timeout_ms};
    struct leat_pipeline *p = NULL;

    ASSERT_EQ(leat_pipeline_from_text(b->registry, text, &settings, &p, NULL), 0);
    return p;
}

TEST(test_a_start_that_was_refused_may_be_tried_again)
{
    struct leat_pipeline *first, *second, *cancelled;
    struct bench b;

    begin(&b, 1, 1 << 20);
    first = pipeline_of(&b, "zero : null", 0);
    second = pipeline_of(&b, "zero : head -c 10 : null", 0);
    cancelled = pipeline_of(&b, "zero : null", 0);
    ASSERT_EQ(leat_pipeline_start(first, NULL, NULL, NULL), 0);
    ASSERT_EQ(leat_pipeline_start(second, NULL, NULL, NULL), LEAT_ELIMIT);
    ASSERT_EQ(leat_pipeline_error(second)->code, LEAT_ELIMIT);
    leat_pipeline_cancel(cancelled, LEAT_ENETWORK, NULL);
    ASSERT_EQ(leat_pipeline_start(cancelled, NULL, NULL, NULL), LEAT_ELIMIT);
    leat_pipeline_cancel(first, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(leat_pipeline_wait(first, -1), LEAT_ECANCELLED);
    ASSERT_EQ(leat_pipeline_run(second), 0);
    ASSERT(leat_pipeline_error(second) == NULL);
    ASSERT_EQ(leat_pipeline_run(cancelled), LEAT_ENETWORK);
    leat_pipeline_unref(first);
    leat_pipeline_unref(second);
    leat_pipeline_unref(cancelled);
    end(&b);
}

/* --- a cancel, or a deadline, during the start ---------------------------------------------------- */

struct race {
    struct leat_pipeline *pipeline;
    pthread_barrier_t barrier;
};

static void *cancel_at_once(void *arg)
{
    struct race *r = arg;
    int waited = pthread_barrier_wait(&r->barrier);

    ASSERT(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
    leat_pipeline_cancel(r->pipeline, LEAT_ECANCELLED, NULL);
    leat_pipeline_unref(r->pipeline);
    return NULL;
}

static void drop(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    ASSERT(error != NULL);
    ASSERT_EQ(sem_post(arg), 0);
    leat_pipeline_unref(p);
}

/* The callback drops the program's reference while the start may still go on. */
TEST(test_a_start_a_cancel_and_a_deadline_race)
{
    unsigned n = test_under_sanitizer() ? 500 : 3000;
    struct race r;
    struct bench b;
    sem_t ended;

    ASSERT_EQ(sem_init(&ended, 0, 0), 0);
    ASSERT_EQ(pthread_barrier_init(&r.barrier, NULL, 2), 0);
    begin(&b, 2, 0);
    for (unsigned i = 0; i < n; i++) {
        pthread_t thread;
        int waited;

        r.pipeline = leat_pipeline_ref(pipeline_of(&b, "zero : null", 1 + i % 2 * 1000));
        ASSERT_EQ(pthread_create(&thread, NULL, cancel_at_once, &r), 0);
        waited = pthread_barrier_wait(&r.barrier);
        ASSERT(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
        ASSERT_EQ(leat_pipeline_start(r.pipeline, NULL, drop, &ended), 0);
        ASSERT_EQ(sem_wait(&ended), 0);
        ASSERT_EQ(pthread_join(thread, NULL), 0);
    }
    end(&b);
    ASSERT_EQ(pthread_barrier_destroy(&r.barrier), 0);
    ASSERT_EQ(sem_destroy(&ended), 0);
}

/* The end of the run is found by the thread that runs it, and its cancel or deadline by that of the context. */
TEST(test_a_blocking_run_a_cancel_and_a_deadline_race)
{
    static const char *const texts[] = {"zero -n 1 : null", "zero : null", "zero : gzip -1 : null",
                                        "zero -n 1M : tee [ null ] : null"};
    unsigned n = test_under_sanitizer() ? 1000 : 6000;
    struct race r;
    struct bench b;

    ASSERT_EQ(pthread_barrier_init(&r.barrier, NULL, 2), 0);
    begin(&b, 2, 0);
    for (unsigned i = 0; i < n; i++) {
        pthread_t thread;
        struct leat_pipeline *p = pipeline_of(&b, texts[i % 4], i % 8 < 4 ? 0 : 1);
        int waited, outcome;

        r.pipeline = leat_pipeline_ref(p);
        ASSERT_EQ(pthread_create(&thread, NULL, cancel_at_once, &r), 0);
        waited = pthread_barrier_wait(&r.barrier);
        ASSERT(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
        outcome = leat_pipeline_run(p);
        ASSERT(outcome == 0 || outcome == LEAT_ECANCELLED || outcome == LEAT_ETIMEDOUT);
        leat_pipeline_unref(p);
        ASSERT_EQ(pthread_join(thread, NULL), 0);
    }
    end(&b);
    ASSERT_EQ(pthread_barrier_destroy(&r.barrier), 0);
}

/* --- callbacks that move to another thread -------------------------------------------------------- */

struct moved {
    struct bench b;
    atomic_bool inside;
    atomic_uint done;
    sem_t first_is_inside, first_may_go, ended;
};

/* The first one stays until the program has attached, or detached, a loop. */
static void stay(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct moved *m = arg;

    ASSERT(error == NULL && p != NULL);
    ASSERT(!atomic_exchange(&m->inside, true));
    if (atomic_fetch_add(&m->done, 1) == 0) {
        ASSERT_EQ(sem_post(&m->first_is_inside), 0);
        ASSERT_EQ(sem_wait(&m->first_may_go), 0);
    }
    atomic_store(&m->inside, false);
    ASSERT_EQ(sem_post(&m->ended), 0);
}

TEST(test_callbacks_stay_serial_when_a_loop_is_attached_meanwhile)
{
    struct leat_pipeline *p[4];
    struct moved m = {0};
    uv_loop_t loop;

    ASSERT_EQ(uv_loop_init(&loop), 0);
    ASSERT_EQ(sem_init(&m.first_is_inside, 0, 0), 0);
    ASSERT_EQ(sem_init(&m.first_may_go, 0, 0), 0);
    ASSERT_EQ(sem_init(&m.ended, 0, 0), 0);
    begin(&m.b, 1, 0);
    for (unsigned i = 0; i < 4; i++)
        p[i] = pipeline_of(&m.b, "zero : head -c 1 : null", 0);
    ASSERT_EQ(leat_pipeline_start(p[0], NULL, stay, &m), 0);
    ASSERT_EQ(sem_wait(&m.first_is_inside), 0);
    ASSERT_EQ(leat_context_attach(m.b.context, &loop), 0);
    for (unsigned i = 1; i < 4; i++)
        ASSERT_EQ(leat_pipeline_start(p[i], NULL, stay, &m), 0);
    for (unsigned i = 0; i < 20; i++) /* the others are due, but the first one has not returned */
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    ASSERT_EQ(atomic_load(&m.done), 1);
    ASSERT_EQ(sem_post(&m.first_may_go), 0);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(atomic_load(&m.done), 4);
    for (unsigned i = 0; i < 4; i++) {
        ASSERT_EQ(sem_wait(&m.ended), 0);
        ASSERT_EQ(leat_pipeline_wait(p[i], -1), 0);
        leat_pipeline_unref(p[i]);
    }
    leat_context_detach(m.b.context);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    end(&m.b);
    ASSERT_EQ(uv_loop_close(&loop), 0);
    ASSERT_EQ(sem_destroy(&m.first_is_inside), 0);
    ASSERT_EQ(sem_destroy(&m.first_may_go), 0);
    ASSERT_EQ(sem_destroy(&m.ended), 0);
}

/* --- thousands of small runs ---------------------------------------------------------------------- */

/* One run: what is called, and when the references go, is drawn. */
static void run_any(struct bench *b, uint64_t *random)
{
    static const char *const texts[] = {"pass", "gzip -1 : gunzip", "head -c 700", "gunzip",
                                        "tee [ null ]"};
    static const char data[20000]; /* copied outside of the lock from 4096 bytes on */
    const struct leat_end_settings s = {.size = sizeof s,
                                        .high = 1 + test_random(random) %
                                                        (test_random(random) % 2 ? 40000 : 3000)};
    const struct leat_settings settings = {
        .size = sizeof settings, .context = b->context, .memory = 4 << 20};
    struct leat_builder *builder = leat_builder_new(b->registry);
    struct leat_pipeline *p = NULL;
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    const void *piece;
    bool starts = test_random(random) % 16 > 0;

    ASSERT(builder != NULL);
    ASSERT_EQ(leat_builder_push(builder, &s, &push), 0);
    ASSERT_EQ(leat_builder_text(builder, texts[test_random(random) % 5], NULL), 0);
    ASSERT_EQ(leat_builder_pull(builder, &s, &pull), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &p, NULL), 0);
    leat_builder_free(builder);
    if (starts)
        ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
    for (unsigned i = test_random(random) % 12; i > 0; i--) {
        unsigned what = test_random(random) % 64;
        ssize_t n;

        if (what < 30)
            for (unsigned k = test_random(random) % 4 ? 1 : 40; k > 0; k--) /* a burst */
                (void)leat_end_push(push, data, test_random(random) % (k > 1 ? 80 : sizeof data));
        else if (what < 50 && (n = leat_end_peek(pull, &piece)) > 0)
            ASSERT_EQ(leat_end_take(pull, 1 + test_random(random) % (size_t)n), 0);
        else if (what < 54)
            (void)leat_end_flush(push);
        else if (what < 56)
            (void)leat_end_finish(push);
        else if (what < 58)
            leat_end_abort(push, LEAT_EIO, NULL);
        else if (what < 60)
            leat_end_close(pull);
        else if (what < 62)
            leat_pipeline_cancel(p, LEAT_ECANCELLED, NULL);
        else if (what == 62)
            leat_pipeline_pause(p);
        else
            leat_pipeline_resume(p);
    }
    leat_pipeline_resume(p);
    if (test_random(random) % 2)
        leat_pipeline_cancel(p, LEAT_ECANCELLED, NULL);
    else
        leat_end_close(pull);
    leat_end_abort(push, LEAT_EIO, "the program is done");
    if (starts && test_random(random) % 2)
        (void)leat_pipeline_wait(p, -1);
    leat_pipeline_unref(p);
}

TEST(test_any_calls_in_any_order_leave_nothing)
{
    unsigned n = test_under_sanitizer() ? 2000 : 5000;
    int threads = test_thread_count(), fds = test_fd_count();

    for (unsigned t = 1; t <= 4; t *= 2) {
        struct bench b;

        begin(&b, t, 0);
        for (unsigned seed = 0; seed < n; seed++) {
            uint64_t random = (uint64_t)t * n + seed;

            test_context("%u threads, seed %u", t, seed);
            run_any(&b, &random);
        }
        end(&b);
    }
    while (test_fd_count() > fds ||
           test_thread_count() > threads) /* runs that go on keep their context */
        ASSERT_EQ(poll(NULL, 0, 1), 0);
}
