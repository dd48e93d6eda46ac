/* test_context.c - pipelines that share threads, waits and memory. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "leat.h"
#include "stage.h"
#include "test.h"

#define PIPELINES 50u
#define CONTEXT_FDS 10u

struct bench {
    struct leat_registry *registry;
    struct leat_context *context;
};

static struct bench bench_new(const struct leat_context_settings *settings)
{
    struct bench b = {.registry = leat_registry_new()};

    ASSERT(b.registry != NULL);
    ASSERT_EQ(leat_context_new(settings, &b.context), 0);
    return b;
}

static void bench_free(struct bench *b)
{
    leat_context_unref(b->context);
    leat_registry_free(b->registry);
}

static struct leat_pipeline *pipeline_of(const struct bench *b, const char *text, uint64_t memory,
                                         uint64_t timeout_ms)
{
    const struct leat_settings settings = {
        .size = sizeof settings, .context = b->context, .memory = memory, .timeout_ms = timeout_ms};
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(leat_pipeline_from_text(b->registry, text, &settings, &p, &error), 0);
    return p;
}

/* --- one context, many pipelines ---------------------------------------------------------------- */

static void count_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    atomic_uint *n = arg;

    (void)p;
    ASSERT(error == NULL);
    atomic_fetch_add(n, 1);
}

TEST(test_fifty_pipelines_share_the_threads_and_the_descriptors)
{
    unsigned threads = test_count_in("/proc/self/task"), fds = test_count_in("/proc/self/fd");
    struct bench b = bench_new(&(struct leat_context_settings){
        .size = sizeof(struct leat_context_settings), .threads = 2});
    struct leat_pipeline *p[PIPELINES];
    atomic_uint done = 0;

    ASSERT_EQ(test_count_in("/proc/self/task"), threads); /* none has started */
    for (unsigned i = 0; i < PIPELINES; i++) {
        p[i] = pipeline_of(&b, "zero : head -c 4M : gzip -1 : gunzip : null", 8 << 20, 0);
        ASSERT_EQ(leat_pipeline_start(p[i], NULL, count_done, &done), 0);
    }
    ASSERT(test_count_in("/proc/self/task") <=
           threads + 3 + test_under_sanitizer()); /* it may have one, too */
    ASSERT(test_count_in("/proc/self/fd") <= fds + CONTEXT_FDS);
    for (unsigned i = 0; i < PIPELINES; i++) {
        ASSERT_EQ(leat_pipeline_wait(p[i], -1), 0);
        leat_pipeline_unref(p[i]);
    }
    bench_free(&b);
    ASSERT_EQ(atomic_load(&done), PIPELINES);
    ASSERT_EQ(test_count_in("/proc/self/fd"), fds);
}

/* All wait for a pipe of their own in one epoll set. */
TEST(test_pipelines_that_wait_for_pipes_do_not_wake_one_another)
{
    struct bench b = bench_new(NULL);
    struct leat_pipeline *p[8];
    int ends[8][2];

    for (unsigned i = 0; i < 8; i++) {
        char text[64];

        ASSERT_EQ(pipe(ends[i]), 0);
        snprintf(text, sizeof text, "read /dev/fd/%d : count -c : null", ends[i][0]);
        p[i] = pipeline_of(&b, text, 1 << 20, 0);
        ASSERT_EQ(leat_pipeline_start(p[i], NULL, NULL, NULL), 0);
    }
    for (unsigned i = 8; i-- > 0;) {
        ASSERT_EQ(leat_pipeline_wait(p[i], 0), LEAT_RUNNING);
        ASSERT_EQ(write(ends[i][1], "abc", 3), 3);
        ASSERT_EQ(close(ends[i][1]), 0);
        ASSERT_EQ(leat_pipeline_wait(p[i], -1), 0);
        leat_pipeline_unref(p[i]);
        ASSERT_EQ(close(ends[i][0]), 0);
    }
    bench_free(&b);
}

static uint64_t bytes_of(struct leat_pipeline *p)
{
    struct leat_stage_stats stats = LEAT_INIT(leat_stage_stats);

    leat_pipeline_stage_stats(p, 1, &stats);
    return stats.bytes_in;
}

/* One has four segments that can run, the other one. */
TEST(test_pipelines_take_turns_however_many_segments_they_have)
{
    struct bench b = bench_new(&(struct leat_context_settings){
        .size = sizeof(struct leat_context_settings), .threads = 1});
    struct leat_pipeline *one = pipeline_of(&b, "zero : gzip -1 : null", 0, 0);
    struct leat_pipeline *two =
        pipeline_of(&b, "zero : tee [ gzip -1 : null ] [ gzip -1 : null ] : gzip -1 : null", 0, 0);

    ASSERT_EQ(leat_pipeline_start(one, NULL, NULL, NULL), 0);
    ASSERT_EQ(leat_pipeline_start(two, NULL, NULL, NULL), 0);
    while (bytes_of(one) + bytes_of(two) < (uint64_t)1 << 30)
        ASSERT_EQ(leat_pipeline_wait(one, 1), LEAT_RUNNING);
    leat_pipeline_cancel(one, LEAT_ECANCELLED, NULL);
    leat_pipeline_cancel(two, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(leat_pipeline_wait(one, -1), LEAT_ECANCELLED);
    ASSERT_EQ(leat_pipeline_wait(two, -1), LEAT_ECANCELLED);
    test_context("%llu and %llu bytes", (unsigned long long)bytes_of(one),
                 (unsigned long long)bytes_of(two));
    /* It does four times the work for a byte, in half of the time. */
    ASSERT(bytes_of(one) > 2 * bytes_of(two) && bytes_of(one) < 8 * bytes_of(two));
    leat_pipeline_unref(one);
    leat_pipeline_unref(two);
    bench_free(&b);
}

/* --- memory ------------------------------------------------------------------------------------- */

TEST(test_the_limits_of_the_running_pipelines_fit_in_the_memory_of_the_context)
{
    struct bench b = bench_new(&(struct leat_context_settings){
        .size = sizeof(struct leat_context_settings), .memory = 32 << 20});
    struct leat_pipeline *first = pipeline_of(&b, "zero : null", 20 << 20, 0);
    struct leat_pipeline *second = pipeline_of(&b, "zero : head -c 1M : null", 20 << 20, 0);
    struct leat_pipeline *third = pipeline_of(&b, "zero : head -c 1M : null", 0, 0);

    ASSERT_EQ(leat_context_memory_left(b.context), 32 << 20);
    ASSERT_EQ(leat_pipeline_start(first, NULL, NULL, NULL), 0);
    ASSERT_EQ(leat_context_memory_left(b.context), 12 << 20);
    ASSERT_EQ(leat_pipeline_start(second, NULL, NULL, NULL), LEAT_ELIMIT);
    ASSERT_STR_HAS(leat_pipeline_error(second)->text, "12582912 are left");
    ASSERT_EQ(leat_pipeline_run(third), 0);
    leat_pipeline_cancel(first, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(leat_pipeline_wait(first, -1), LEAT_ECANCELLED);
    ASSERT_EQ(leat_context_memory_left(b.context), 32 << 20); /* before they are freed */
    leat_pipeline_unref(first);
    leat_pipeline_unref(second);
    leat_pipeline_unref(third);
    bench_free(&b);
}

/* --- where the callbacks come ------------------------------------------------------------------- */

struct on_loop {
    pthread_t thread;
    unsigned done;
};

static void done_on_loop(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct on_loop *o = arg;

    ASSERT(error == NULL);
    ASSERT(pthread_equal(o->thread, pthread_self()));
    o->done++;
    leat_pipeline_unref(p);
}

TEST(test_an_attached_loop_gets_the_callbacks_and_ends_after_the_last_one)
{
    struct bench b = bench_new(NULL);
    struct on_loop o = {.thread = pthread_self()};
    uv_loop_t loop, other;

    ASSERT_EQ(uv_loop_init(&loop), 0);
    ASSERT_EQ(uv_loop_init(&other), 0);
    ASSERT_EQ(leat_context_attach(b.context, &loop), 0);
    ASSERT_EQ(leat_context_attach(b.context, &other), LEAT_EUSAGE);
    ASSERT_EQ(leat_context_fd(b.context), LEAT_EUSAGE);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0); /* nothing runs */
    for (unsigned i = 0; i < 10; i++)
        ASSERT_EQ(leat_pipeline_start(pipeline_of(&b, "zero : head -c 1M : null", 1 << 20, 0), NULL,
                                      done_on_loop, &o),
                  0);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(o.done, 10);
    leat_context_detach(b.context);
    bench_free(&b);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(uv_run(&other, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(uv_loop_close(&loop), 0);
    ASSERT_EQ(uv_loop_close(&other), 0);
}

struct driven {
    struct bench b;
    struct on_loop o;
    uv_loop_t loop;
    unsigned threads; /* of the process, before */
    int pipe[2];
};

static void driven_init(struct driven *d, unsigned workers)
{
    *d = (struct driven){.o.thread = pthread_self(), .threads = test_count_in("/proc/self/task")};
    d->b = bench_new(&(struct leat_context_settings){.size = sizeof(struct leat_context_settings),
                                                     .threads = workers});
    ASSERT_EQ(pipe(d->pipe), 0);
    ASSERT_EQ(uv_loop_init(&d->loop), 0);
    ASSERT_EQ(leat_context_drive(d->b.context, &d->loop), 0);
}

static void driven_done(struct driven *d)
{
    leat_context_detach(d->b.context);
    ASSERT_EQ(uv_run(&d->loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(uv_loop_close(&d->loop), 0);
    bench_free(&d->b);
    ASSERT_EQ(close(d->pipe[0]), 0);
}

static struct leat_pipeline *reader(const struct driven *d, uint64_t timeout_ms)
{
    char text[64];

    snprintf(text, sizeof text, "read /dev/fd/%d : null", d->pipe[0]);
    return pipeline_of(&d->b, text, 1 << 20, timeout_ms);
}

static void *feed_pipe(void *arg)
{
    const int *fd = arg;

    ASSERT_EQ(write(*fd, "abc", 3), 3);
    ASSERT_EQ(close(*fd), 0);
    return NULL;
}

TEST(test_a_loop_that_drives_polls_for_the_context_which_has_only_its_workers)
{
    struct driven d;
    pthread_t feeder;

    driven_init(&d, 1);
    ASSERT_EQ(uv_run(&d.loop, UV_RUN_DEFAULT), 0); /* nothing runs */
    for (unsigned i = 0; i < 10; i++)
        ASSERT_EQ(leat_pipeline_start(pipeline_of(&d.b, "zero : head -c 1M : null", 1 << 20, 0),
                                      NULL, done_on_loop, &d.o),
                  0);
    ASSERT_EQ(leat_pipeline_start(reader(&d, 0), NULL, done_on_loop, &d.o), 0);
    while (d.o.done < 10)
        ASSERT(uv_run(&d.loop, UV_RUN_ONCE));
    ASSERT_LE(test_count_in("/proc/self/task"), d.threads + 1 + test_under_sanitizer());
    ASSERT_EQ(pthread_create(&feeder, NULL, feed_pipe, &d.pipe[1]), 0);
    ASSERT_EQ(uv_run(&d.loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(d.o.done, 11);
    ASSERT_EQ(pthread_join(feeder, NULL), 0);
    driven_done(&d);
}

static void note_code(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    int *code = arg;

    *code = error ? error->code : 0;
    leat_pipeline_unref(p);
}

TEST(test_a_loop_that_drives_keeps_deadlines_and_sees_cancels)
{
    struct driven d;
    int late = 0, later = 0, cancelled = 0;
    struct leat_pipeline *p;

    driven_init(&d, 2);
    p = pipeline_of(&d.b, "zero : null", 1 << 20, 0);
    ASSERT_EQ(leat_pipeline_start(reader(&d, 40), NULL, note_code, &later), 0);
    ASSERT_EQ(leat_pipeline_start(reader(&d, 20), NULL, note_code, &late), 0);
    ASSERT_EQ(leat_pipeline_start(p, NULL, note_code, &cancelled), 0);
    leat_pipeline_cancel(p, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(uv_run(&d.loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(late, LEAT_ETIMEDOUT);
    ASSERT_EQ(later, LEAT_ETIMEDOUT);
    ASSERT_EQ(cancelled, LEAT_ECANCELLED);
    ASSERT_EQ(close(d.pipe[1]), 0);
    driven_done(&d);
}

/* Another thread starts the run, and waits for it; the loop learns of both. */
static void *run_elsewhere(void *arg)
{
    struct driven *d = arg;
    struct leat_pipeline *p = reader(d, 0);

    ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
    ASSERT_EQ(write(d->pipe[1], "abc", 3), 3);
    ASSERT_EQ(close(d->pipe[1]), 0);
    ASSERT_EQ(leat_pipeline_wait(p, -1), 0);
    leat_pipeline_unref(p);
    return NULL;
}

static void stop_loop(uv_async_t *async)
{
    uv_close((uv_handle_t *)async, NULL);
}

static void *run_and_stop(void *arg)
{
    struct driven *d = arg;

    (void)run_elsewhere(d);
    ASSERT_EQ(uv_async_send(d->loop.data), 0);
    return NULL;
}

TEST(test_a_loop_that_drives_serves_runs_of_other_threads)
{
    struct driven d;
    uv_async_t stop;
    pthread_t other;

    driven_init(&d, 1);
    ASSERT_EQ(uv_async_init(&d.loop, &stop, stop_loop), 0);
    d.loop.data = &stop;
    ASSERT_EQ(pthread_create(&other, NULL, run_and_stop, &d), 0);
    ASSERT_EQ(uv_run(&d.loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(pthread_join(other, NULL), 0);
    driven_done(&d);
}

TEST(test_after_a_detach_the_thread_of_the_context_drives)
{
    struct driven d;
    struct leat_pipeline *p;

    driven_init(&d, 1);
    p = reader(&d, 0);
    ASSERT_EQ(leat_pipeline_run(p), LEAT_EUSAGE); /* on this thread nobody would drive it */
    leat_pipeline_unref(p);
    p = reader(&d, 0);
    ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
    leat_context_detach(d.b.context);
    ASSERT_EQ(uv_run(&d.loop, UV_RUN_DEFAULT), 0);
    (void)feed_pipe(&d.pipe[1]);
    ASSERT_EQ(leat_pipeline_wait(p, -1), 0);
    leat_pipeline_unref(p);
    ASSERT_EQ(leat_context_drive(d.b.context, &d.loop), LEAT_EUSAGE); /* it has a thread now */
    driven_done(&d);
}

TEST(test_any_other_loop_polls_a_descriptor_and_dispatches)
{
    struct bench b = bench_new(NULL);
    struct on_loop o = {.thread = pthread_self()};
    struct pollfd fd = {.events = POLLIN};

    ASSERT_EQ(leat_context_dispatch(b.context), LEAT_EUSAGE);
    fd.fd = leat_context_fd(b.context);
    ASSERT(fd.fd >= 0);
    ASSERT_EQ(leat_context_fd(b.context), fd.fd);
    ASSERT_EQ(poll(&fd, 1, 0), 0);
    for (unsigned i = 0; i < 10; i++)
        ASSERT_EQ(leat_pipeline_start(pipeline_of(&b, "zero : head -c 1M : null", 1 << 20, 0), NULL,
                                      done_on_loop, &o),
                  0);
    while (o.done < 10) {
        ASSERT_EQ(poll(&fd, 1, -1), 1);
        ASSERT_EQ(leat_context_dispatch(b.context), 0);
    }
    ASSERT_EQ(poll(&fd, 1, 0), 0);
    bench_free(&b);
}

/* --- cancel, deadlines, references -------------------------------------------------------------- */

TEST(test_a_cancel_and_a_deadline_end_one_pipeline_and_not_its_neighbour)
{
    struct bench b = bench_new(NULL);
    struct leat_pipeline *late = pipeline_of(&b, "zero : null", 1 << 20, 20);
    struct leat_pipeline *cancelled = pipeline_of(&b, "zero : null", 1 << 20, 0);
    struct leat_pipeline *good = pipeline_of(&b, "zero : null", 1 << 20, 0);

    ASSERT_EQ(leat_pipeline_start(late, NULL, NULL, NULL), 0);
    ASSERT_EQ(leat_pipeline_start(cancelled, NULL, NULL, NULL), 0);
    ASSERT_EQ(leat_pipeline_start(good, NULL, NULL, NULL), 0);
    leat_pipeline_cancel(cancelled, LEAT_ECANCELLED, "no longer needed");
    ASSERT_EQ(leat_pipeline_wait(cancelled, -1), LEAT_ECANCELLED);
    ASSERT_STREQ(leat_pipeline_error(cancelled)->text, "no longer needed");
    ASSERT_EQ(leat_pipeline_wait(late, -1), LEAT_ETIMEDOUT);
    leat_pipeline_cancel(late, LEAT_ECANCELLED, "too late");
    ASSERT_EQ(leat_pipeline_error(late)->code, LEAT_ETIMEDOUT);
    ASSERT_EQ(leat_pipeline_wait(good, 0), LEAT_RUNNING);
    leat_pipeline_cancel(good, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(leat_pipeline_wait(good, -1), LEAT_ECANCELLED);
    leat_pipeline_unref(late);
    leat_pipeline_unref(cancelled);
    leat_pipeline_unref(good);
    bench_free(&b);
}

struct last {
    struct bench b;
    sem_t ended;
};

/* The program has no reference any more: this one is the last, and the context ends with it. */
static void last_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct last *last = arg;

    (void)p;
    ASSERT(error == NULL);
    leat_context_unref(last->b.context);
    ASSERT_EQ(sem_post(&last->ended), 0);
}

TEST(test_the_last_reference_may_go_in_the_callback)
{
    unsigned fds = test_count_in("/proc/self/fd"), threads = test_count_in("/proc/self/task");
    struct last last = {.b = bench_new(NULL)};
    struct leat_pipeline *p = pipeline_of(&last.b, "zero : head -c 1M : null", 1 << 20, 0);

    ASSERT_EQ(sem_init(&last.ended, 0, 0), 0);
    ASSERT_EQ(leat_pipeline_start(p, NULL, last_done, &last), 0);
    leat_pipeline_unref(p);
    ASSERT_EQ(sem_wait(&last.ended), 0);
    while (test_count_in("/proc/self/fd") > fds ||
           test_count_in("/proc/self/task") >
               threads + test_under_sanitizer()) /* nobody can join them */
        ASSERT_EQ(poll(NULL, 0, 1), 0);
    ASSERT_EQ(sem_destroy(&last.ended), 0);
    leat_registry_free(last.b.registry);
}

/* A source that stands still because of the pause goes on only when the context's thread has looked. */
TEST(test_a_pause_and_a_resume_at_any_time_are_no_stall)
{
    const struct leat_context_settings settings = {.size = sizeof settings, .threads = 2};
    struct bench b = bench_new(&settings);
    struct leat_pipeline *p = pipeline_of(&b, "zero : pass : null", 8 << 20, 0);

    ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
    for (unsigned i = 0; i < (test_under_sanitizer() ? 20000u : 200000u); i++) {
        leat_pipeline_pause(p);
        leat_pipeline_resume(p);
    }
    leat_pipeline_cancel(p, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(leat_pipeline_wait(p, -1), LEAT_ECANCELLED);
    leat_pipeline_unref(p);
    bench_free(&b);
}

/* --- the thread that waits for a run ------------------------------------------------------------ */

struct seen {
    const struct bench *b;
    pthread_t caller;
    bool elsewhere;
    int nested; /* the result of a run inside a step */
};

static int seen_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct seen *seen = leat_user(s);
    struct leat_pipeline *p = pipeline_of(seen->b, "zero : head -c 1 : null", 1 << 20, 0);

    (void)in;
    seen->elsewhere = !pthread_equal(pthread_self(), seen->caller);
    seen->nested = leat_pipeline_run(p);
    leat_pipeline_unref(p);
    return leat_write(out, "x", 1) == 1 ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type seen_type = {LEAT_STAGE_INIT, .name = "test.seen",
                                                 .kind = LEAT_SOURCE, .nature = LEAT_LIGHT,
                                                 .step = seen_step};

static struct seen run_seen(int nice)
{
    const struct leat_context_settings settings = {
        .size = sizeof settings, .threads = 1, .nice = nice};
    struct bench b = bench_new(&settings);
    const struct leat_settings of_pipeline = {
        .size = sizeof of_pipeline, .context = b.context, .memory = 1 << 20};
    struct seen seen = {.b = &b, .caller = pthread_self()};
    struct leat_builder *builder = leat_builder_new(b.registry);
    struct leat_pipeline *p = NULL;

    ASSERT(builder != NULL);
    ASSERT_EQ(leat_builder_own_stage(builder, &seen_type, &seen, NULL), 0);
    ASSERT_EQ(leat_builder_text(builder, "null", NULL), 0);
    ASSERT_EQ(leat_builder_finish(builder, &of_pipeline, &p, NULL), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    leat_pipeline_unref(p);
    bench_free(&b);
    return seen;
}

TEST(test_a_run_that_never_waits_is_done_by_the_thread_that_waits_for_it)
{
    struct seen seen = run_seen(0);

    ASSERT(!seen.elsewhere);
    ASSERT_EQ(seen.nested, LEAT_EUSAGE);
    seen = run_seen(1); /* the priority of this thread is not that of the workers */
    ASSERT(seen.elsewhere);
    ASSERT_EQ(seen.nested, LEAT_EUSAGE);
}

/* --- misuse ------------------------------------------------------------------------------------- */

static void run_inside(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    const struct bench *b = arg;
    struct leat_pipeline *inner = pipeline_of(b, "zero : head -c 1 : null", 1 << 20, 0);

    (void)p;
    ASSERT(error == NULL);
    ASSERT_EQ(leat_pipeline_run(inner), LEAT_EUSAGE);
    ASSERT_STR_HAS(leat_pipeline_error(inner)->text, "must not wait");
    leat_pipeline_unref(inner);
}

TEST(test_a_pipe_without_a_reader_is_an_error_and_no_signal_on_the_thread_that_helps)
{
    struct leat_context_settings context_settings = LEAT_INIT(leat_context_settings);
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_builder *builder = leat_builder_new(NULL);
    struct leat_pipeline *p;
    int ends[2];

    ASSERT(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    ASSERT_EQ(leat_context_new(&context_settings, &settings.context), 0);
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(close(ends[0]), 0);
    ASSERT_EQ(leat_builder_text(builder, "zero -n 100000", NULL), 0);
    ASSERT_EQ(leat_builder_fd(builder, ends[1]), 0);
    ASSERT_EQ(close(ends[1]), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &p, NULL), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_run(p), LEAT_EPIPE);
    leat_pipeline_unref(p);
    leat_context_unref(settings.context);
}

TEST(test_wrong_use_is_refused)
{
    struct leat_context_settings wrong[] = {
        {.size = sizeof wrong[0], .threads = LEAT_THREADS_MAX + 1},
        {.size = sizeof wrong[0], .nice = 20},
        {.size = sizeof wrong[0], .nice = -1},
        {.size = 1},
    };
    struct {
        struct leat_context_settings known;
        int unknown;
    } newer = {.known.size = sizeof newer, .unknown = 1};
    struct leat_context *context = NULL;
    struct bench b = bench_new(NULL);
    struct leat_settings settings = {.size = sizeof settings, .context = b.context, .threads = 2};
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    uv_loop_t loop;

    for (size_t i = 0; i < 4; i++)
        ASSERT_EQ(leat_context_new(&wrong[i], &context), LEAT_EUSAGE);
    ASSERT_EQ(leat_context_new(&newer.known, &context), LEAT_EUNSUPPORTED);
    ASSERT_EQ(leat_context_new(NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_from_text(b.registry, "zero : null", &settings, &p, &error),
              LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, "settings.context");
    p = pipeline_of(&b, "zero : head -c 1 : null", 1 << 20, 0);
    ASSERT_EQ(uv_loop_init(&loop), 0);
    ASSERT_EQ(leat_pipeline_wait(p, 0), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_start(p, &loop, NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_start(p, NULL, run_inside, &b), 0);
    ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_wait(p, -1), 0);
    leat_pipeline_unref(p);
    ASSERT_EQ(uv_loop_close(&loop), 0);
    bench_free(&b);
    leat_context_unref(NULL);
    leat_pipeline_unref(NULL);
}

TEST(test_a_child_made_by_fork_cannot_start_a_pipeline)
{
    struct bench b = bench_new(NULL);
    struct leat_pipeline *p = pipeline_of(&b, "zero : head -c 1 : null", 1 << 20, 0);
    pid_t child;
    int status;

    ASSERT_EQ(leat_pipeline_run(p), 0); /* the threads have started */
    leat_pipeline_unref(p);
    p = pipeline_of(&b, "zero : null", 1 << 20, 0);
    child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        int r = leat_pipeline_start(p, NULL, NULL, NULL);

        leat_pipeline_unref(p);
        bench_free(&b); /* it waits for no thread */
        _exit(r == LEAT_EUSAGE ? 0 : 1);
    }
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    leat_pipeline_unref(p);
    bench_free(&b);
}

/* Started, and cancelled at once or a little later: no thread, no descriptor and no byte stays. */
TEST(test_pipelines_that_are_cancelled_leave_nothing)
{
    unsigned n = test_under_sanitizer() ? 300 : 2000, fds = test_count_in("/proc/self/fd");
    struct bench b = bench_new(NULL);
    unsigned threads = test_count_in("/proc/self/task");

    for (unsigned i = 0; i < n; i++) {
        struct leat_pipeline *p = pipeline_of(
            &b, i % 2 ? "zero : gzip : null" : "zero : tee [ null ] : null", 4 << 20, 0);

        ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
        if (i % 3 == 0)
            (void)leat_pipeline_wait(p, 1);
        leat_pipeline_cancel(p, LEAT_ECANCELLED, NULL);
        if (i % 5 == 0)
            ASSERT_EQ(leat_pipeline_wait(p, -1), LEAT_ECANCELLED);
        leat_pipeline_unref(p);
    }
    ASSERT(test_count_in("/proc/self/task") <= threads + LEAT_THREADS_MAX);
    bench_free(&b);
    while (test_count_in("/proc/self/fd") > fds) /* nobody waits for the end of the last runs */
        ASSERT_EQ(poll(NULL, 0, 1), 0);
}
