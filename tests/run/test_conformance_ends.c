/* test_conformance_ends.c - rules of streams, held against push, pull and context: see tests/CONFORMANCE.md. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leat.h"
#include "stage.h"
#include "test.h"

#define STAGES 4u
#define STACK_MAX 4096

static const unsigned thread_counts[] = {1, 2, 4};

struct side {
    atomic_bool inside;
    atomic_uint calls;
    sem_t called;
};

struct bench {
    struct leat_registry *registry;
    struct leat_context *context;
    struct leat_builder *builder;
    struct leat_pipeline *pipeline;
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    struct side in, out;
    atomic_bool done;
    sem_t ended;
};

static void on_ready(void *user)
{
    struct side *s = user;

    ASSERT(!atomic_exchange(&s->inside, true));
    atomic_fetch_add(&s->calls, 1);
    atomic_store(&s->inside, false);
    ASSERT_EQ(sem_post(&s->called), 0);
}

static void on_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct bench *b = arg;

    ASSERT_EQ(p == b->pipeline && (!error || error->code < 0), true);
    ASSERT(!atomic_exchange(&b->done, true));
    ASSERT_EQ(sem_post(&b->ended), 0);
}

static void begin(struct bench *b, unsigned threads)
{
    const struct leat_context_settings settings = {
        .size = sizeof settings, .threads = threads, .memory = 64 << 20};

    memset(b, 0, sizeof *b);
    b->registry = leat_registry_new();
    ASSERT(b->registry != NULL);
    ASSERT_EQ(leat_context_new(&settings, &b->context), 0);
    ASSERT_EQ(sem_init(&b->in.called, 0, 0), 0);
    ASSERT_EQ(sem_init(&b->out.called, 0, 0), 0);
    ASSERT_EQ(sem_init(&b->ended, 0, 0), 0);
    b->builder = leat_builder_new(b->registry);
    ASSERT(b->builder != NULL);
}

static void add_push(struct bench *b, uint64_t high, uint64_t low)
{
    const struct leat_end_settings s = {
        .size = sizeof s, .high = high, .low = low, .ready = on_ready, .user = &b->in};

    ASSERT_EQ(leat_builder_push(b->builder, &s, &b->push), 0);
}

static void add_pull(struct bench *b, uint64_t high)
{
    const struct leat_end_settings s = {
        .size = sizeof s, .high = high, .ready = on_ready, .user = &b->out};

    ASSERT_EQ(leat_builder_pull(b->builder, &s, &b->pull), 0);
}

static void add_text(struct bench *b, const char *text)
{
    struct leat_error error = {0};

    if (text)
        ASSERT_EQ(leat_builder_text(b->builder, text, &error), 0);
}

static void build(struct bench *b, uint64_t memory)
{
    const struct leat_settings s = {.context = b->context, .memory = memory, .chunk = 4096};
    struct leat_error error = {0};

    if (leat_builder_finish(b->builder, &s, &b->pipeline, &error) < 0)
        FAIL("%s", error.text);
    leat_builder_free(b->builder);
    b->builder = NULL;
}

static void start(struct bench *b)
{
    ASSERT_EQ(leat_pipeline_start(b->pipeline, NULL, on_done, b), 0);
}

/* push : TEXT : pull, started. */
static void start_text(struct bench *b, unsigned threads, const char *text, uint64_t high)
{
    begin(b, threads);
    add_push(b, high, 0);
    add_text(b, text);
    add_pull(b, high);
    build(b, 8 << 20);
    start(b);
}

static void finish(struct bench *b, int outcome)
{
    ASSERT_EQ(leat_pipeline_wait(b->pipeline, -1), outcome);
    ASSERT(atomic_load(&b->done));
    leat_pipeline_unref(b->pipeline);
    leat_builder_free(b->builder);
    leat_context_unref(b->context);
    leat_registry_free(b->registry);
    ASSERT_EQ(sem_destroy(&b->in.called), 0);
    ASSERT_EQ(sem_destroy(&b->out.called), 0);
    ASSERT_EQ(sem_destroy(&b->ended), 0);
}

static uint64_t bytes_in(struct bench *b, size_t stage)
{
    struct leat_stage_stats stats = {0};

    leat_pipeline_stage_stats(b->pipeline, stage, &stats);
    return stats.bytes_in;
}

/* --- demand --------------------------------------------------------------------------------------- */

TEST(test_a_push_never_takes_more_than_its_room)
{
    static const uint64_t highs[] = {1, 7, 100, 4096, 70000};
    char *data = calloc(1, 1 << 20);
    struct bench b;
    void *to;

    for (size_t i = 0; i < 5; i++) {
        size_t high = highs[i], part = (high + 1) / 2;

        begin(&b, 1);
        add_push(&b, high, 0);
        add_text(&b, "null");
        build(&b, 8 << 20);
        ASSERT_EQ(leat_end_room(b.push), high);
        for (size_t left = high; left > 0;) { /* the room that is offered is what a commit takes */
            ssize_t room = leat_end_reserve(b.push, &to);

            ASSERT(room > 0 && (size_t)room <= left);
            memset(to, 1, (size_t)room);
            ASSERT_EQ(leat_end_commit(b.push, (size_t)room + 1), LEAT_EUSAGE);
            ASSERT_EQ(leat_end_commit(b.push, (size_t)room < part ? (size_t)room : part), 0);
            left -= (size_t)room < part ? (size_t)room : part;
            ASSERT_EQ(leat_end_room(b.push), left);
            ASSERT_EQ(leat_end_commit(b.push, 1), LEAT_EUSAGE); /* once */
        }
        ASSERT_EQ(leat_end_reserve(b.push, &to), 0);
        ASSERT_EQ(leat_end_push(b.push, data, 1), 0);
        start(&b);
        ASSERT_EQ(sem_wait(&b.in.called), 0);
        ASSERT_GT(leat_end_room(b.push), 0);
        ASSERT_LE(leat_end_push(b.push, data, 1 << 20), high);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        finish(&b, 0);
    }
    free(data);
}

TEST(test_a_flush_ends_what_was_reserved)
{
    struct bench b;
    void *to;

    begin(&b, 1);
    add_push(&b, 0, 0);
    add_text(&b, "null");
    build(&b, 8 << 20);
    for (unsigned i = 0; i < 200 && leat_end_reserve(b.push, &to) > 0; i++) {
        ASSERT_EQ(leat_end_push(b.push, "x", 1), 1);
        (void)leat_end_reserve(b.push, &to);
        ASSERT_EQ(leat_end_flush(b.push), 0);
        ASSERT_EQ(leat_end_commit(b.push, 1), LEAT_EUSAGE);
        ASSERT_EQ(leat_end_flush(b.push), 0);
    }
    start(&b);
    ASSERT_EQ(leat_end_finish(b.push), 0);
    finish(&b, 0);
}

TEST(test_a_pull_never_holds_more_than_its_high_water_mark)
{
    static const uint64_t highs[] = {1, 100, 4096, 70000};
    struct bench b;
    const void *data;

    for (size_t t = 0; t < 3; t++) {
        for (size_t i = 0; i < 4; i++) {
            uint64_t taken = 0;

            begin(&b, thread_counts[t]);
            add_text(&b, "zero : pass");
            add_pull(&b, highs[i]);
            build(&b, 8 << 20);
            start(&b);
            for (unsigned k = 0; k < 300;) {
                ssize_t n = leat_end_peek(b.pull, &data);

                ASSERT_LE(bytes_in(&b, 2), taken + highs[i]);
                if (n == LEAT_EAGAIN) {
                    ASSERT_EQ(sem_wait(&b.out.called), 0);
                    continue;
                }
                ASSERT(n > 0 && (uint64_t)n <= highs[i]);
                n = k++ % 3 && n > 2 ? n / 2 : n;
                taken += (uint64_t)n;
                ASSERT_EQ(leat_end_take(b.pull, (size_t)n), 0);
            }
            leat_end_close(b.pull);
            finish(&b, 0);
        }
    }
}

TEST(test_ready_comes_when_there_is_room_wherever_the_low_water_mark_is)
{
    static const uint64_t lows[] = {1, 50, 99, 100};
    char data[100] = {0};
    const void *piece;
    struct bench b;

    for (size_t i = 0; i < 4; i++) {
        begin(&b, 2);
        add_push(&b, 100, lows[i]);
        add_pull(&b, 100);
        build(&b, 8 << 20);
        start(&b);
        for (unsigned refusals = 0; refusals < 200;) {
            ssize_t n = leat_end_push(b.push, data, 100);

            ASSERT(n >= 0);
            if (n == 100)
                continue;
            refusals++;
            while (sem_trywait(&b.in.called) < 0)
                if (leat_end_peek(b.pull, &piece) > 0)
                    ASSERT_EQ(leat_end_take(b.pull, 1), 0);
                else
                    ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
            ASSERT_GT(leat_end_room(b.push), 0);
            ASSERT_EQ(atomic_load(&b.in.calls), refusals);
        }
        leat_end_close(b.pull);
        finish(&b, 0);
    }
}

/* --- signals -------------------------------------------------------------------------------------- */

struct echo {
    struct bench *b;
    size_t in, out, n;
};

static void push_until_refused(struct echo *e)
{
    static const char data[3000];

    while (e->in < e->n) {
        size_t want = e->n - e->in < sizeof data ? e->n - e->in : sizeof data;
        ssize_t k = leat_end_push(e->b->push, data, want);

        ASSERT(k >= 0);
        e->in += (size_t)k;
        if (e->in == e->n)
            ASSERT_EQ(leat_end_finish(e->b->push), 0);
        if ((size_t)k < want)
            return;
    }
}

static void pull_until_refused(struct echo *e)
{
    const void *data;
    ssize_t k;

    while ((k = leat_end_peek(e->b->pull, &data)) > 0) {
        ASSERT_EQ(leat_end_take(e->b->pull, (size_t)k), 0);
        e->out += (size_t)k;
    }
    ASSERT(k == 0 || k == LEAT_EAGAIN);
}

/* No lock is held: every function of the library that does not block may be called. */
static void call_all(struct bench *b)
{
    struct leat_stats stats;
    char *text = leat_pipeline_explain(b->pipeline);

    ASSERT(text != NULL);
    free(text);
    leat_pipeline_stats(b->pipeline, &stats);
    leat_pipeline_pause(b->pipeline);
    leat_pipeline_resume(b->pipeline);
    (void)leat_pipeline_flush(b->pipeline);
    ASSERT_EQ(leat_pipeline_wait(b->pipeline, 0), LEAT_RUNNING);
    ASSERT_EQ(leat_pipeline_run(b->pipeline), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_start(b->pipeline, NULL, NULL, NULL), LEAT_EUSAGE);
    leat_pipeline_unref(leat_pipeline_ref(b->pipeline));
    leat_context_unref(leat_context_ref(b->context));
    (void)leat_context_memory_left(b->context);
    (void)leat_end_flush(b->push);
}

static void echo_pushes(void *user)
{
    struct echo *e = user;

    ASSERT(!atomic_exchange(&e->b->in.inside, true) && !atomic_load(&e->b->out.inside));
    ASSERT(!atomic_load(&e->b->done));
    call_all(e->b);
    push_until_refused(e);
    atomic_store(&e->b->in.inside, false);
}

static void echo_pulls(void *user)
{
    struct echo *e = user;

    ASSERT(!atomic_exchange(&e->b->out.inside, true) && !atomic_load(&e->b->in.inside));
    ASSERT(!atomic_load(&e->b->done));
    call_all(e->b);
    pull_until_refused(e);
    atomic_store(&e->b->out.inside, false);
}

/* The whole stream moves within the callbacks. */
TEST(test_callbacks_are_serial_hold_no_lock_and_end_before_done)
{
    struct bench b;

    for (size_t t = 0; t < 3; t++) {
        struct echo e = {.b = &b, .n = 600000};
        const struct leat_end_settings in = {
            .size = sizeof in, .high = 5000, .ready = echo_pushes, .user = &e};
        const struct leat_end_settings out = {
            .size = sizeof out, .high = 5000, .ready = echo_pulls, .user = &e};

        begin(&b, thread_counts[t]);
        ASSERT_EQ(leat_builder_push(b.builder, &in, &b.push), 0);
        add_text(&b, "pass : gzip -1 : gunzip");
        ASSERT_EQ(leat_builder_pull(b.builder, &out, &b.pull), 0);
        build(&b, 8 << 20);
        pull_until_refused(&e); /* the first refusals, before the start */
        push_until_refused(&e);
        start(&b);
        ASSERT_EQ(sem_wait(&b.ended), 0);
        ASSERT_EQ(e.in, e.n);
        ASSERT_EQ(e.out, e.n);
        finish(&b, 0);
    }
}

enum cause {
    DRAIN,
    CLOSE,   /* downstream needs no more */
    DISMISS, /* the program closes the pull */
    ABORT,
    CANCEL,
    FAILURE,
    CAUSES,
};

static void bring_about(struct bench *b, enum cause cause)
{
    char byte;

    if (cause == DRAIN || cause == CLOSE)
        ASSERT_EQ(leat_end_read(b->pull, &byte, 1), 1);
    if (cause == DISMISS)
        leat_end_close(b->pull);
    if (cause == ABORT)
        leat_end_abort(b->push, LEAT_EIO, "gone");
    if (cause == CANCEL)
        leat_pipeline_cancel(b->pipeline, LEAT_ECANCELLED, NULL);
}

/* A push that was refused is told once, whatever comes. */
TEST(test_a_refusal_is_followed_by_one_call_whatever_ends_it)
{
    static const char *const texts[] = {"pass", "head -c 5", "pass", "pass", "pass", "gunzip"};
    static const int outcomes[] = {0, 0, 0, LEAT_EIO, LEAT_ECANCELLED, LEAT_ECORRUPT};
    struct bench b;
    const void *piece;
    char data[4096] = "no gzip data", byte;

    for (unsigned i = 0; i < 3 * CAUSES; i++) {
        unsigned cause = i / 3;
        ssize_t k;

        test_context("cause %u, %u threads", cause, thread_counts[i % 3]);
        begin(&b, thread_counts[i % 3]);
        add_push(&b, 1000, 0);
        add_text(&b, texts[cause]);
        add_pull(&b, cause == DRAIN ? 1 : 100);
        build(&b, 8 << 20);
        while ((k = leat_end_push(b.push, data, sizeof data)) > 0) /* before it runs */
            ;
        ASSERT_EQ(k, 0);
        ASSERT_EQ(leat_end_push(b.push, data, 1), 0);
        ASSERT_EQ(leat_end_push(b.push, data, 1), 0);
        start(&b);
        bring_about(&b, (enum cause)cause);
        ASSERT_EQ(sem_wait(&b.in.called), 0);
        ASSERT_EQ(atomic_load(&b.in.calls), 1);
        if (cause == DRAIN) {
            ASSERT_EQ(leat_end_finish(b.push), 0);
            while ((k = leat_end_read(b.pull, &byte, 1)) == 1)
                ;
            ASSERT_EQ(k, 0);
        }
        while (cause != DISMISS && ((k = leat_end_peek(b.pull, &piece)) > 0 || k == LEAT_EAGAIN)) {
            if (k == LEAT_EAGAIN)
                ASSERT_EQ(sem_wait(&b.out.called), 0);
            else
                ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
        }
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), outcomes[cause]);
        ASSERT_EQ(atomic_load(&b.in.calls), 1);
        finish(&b, outcomes[cause]);
    }
}

static void *push_and_finish(void *arg)
{
    struct bench *b = arg;
    static const char data[100000];

    ASSERT_EQ(leat_end_push_all(b->push, data, sizeof data), 0);
    ASSERT_EQ(leat_end_finish(b->push), 0);
    return NULL;
}

/* No call was refused, so none is told. */
TEST(test_a_push_that_blocks_is_no_refusal)
{
    struct bench b;
    pthread_t thread;
    char got[1000];
    ssize_t k;

    start_text(&b, 2, "pass", 1000);
    ASSERT_EQ(pthread_create(&thread, NULL, push_and_finish, &b), 0);
    while ((k = leat_end_read(b.pull, got, sizeof got)) > 0)
        ;
    ASSERT_EQ(k, 0);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
    ASSERT_EQ(atomic_load(&b.in.calls), 0);
    ASSERT_EQ(atomic_load(&b.out.calls), 0);
    finish(&b, 0);
}

/* Nothing after a terminal: every call goes on to return the same, and who asks late learns, too. */
static void expect_rest(struct bench *b, int push, int pull)
{
    const void *data;
    void *to;
    char byte;

    for (unsigned i = 0; i < 3; i++) {
        ASSERT_EQ(leat_end_push(b->push, "x", 1), push);
        ASSERT_EQ(leat_end_push_all(b->push, "x", 1), push);
        ASSERT_EQ(leat_end_reserve(b->push, &to), push);
        ASSERT_EQ(leat_end_commit(b->push, 0), push);
        ASSERT_EQ(leat_end_flush(b->push), push);
        ASSERT_EQ(leat_end_finish(b->push), push);
        ASSERT_EQ(leat_end_room(b->push), 0);
        ASSERT_EQ(leat_end_peek(b->pull, &data), pull);
        ASSERT_EQ(leat_end_read(b->pull, &byte, 1), pull);
        ASSERT_EQ(leat_end_take(b->pull, 1), LEAT_EUSAGE);
        leat_end_abort(b->push, LEAT_EIO, "late");
        leat_pipeline_cancel(b->pipeline, LEAT_EIO, "late");
        leat_pipeline_pause(b->pipeline);
        leat_pipeline_resume(b->pipeline);
        ASSERT_EQ(leat_pipeline_flush(b->pipeline), LEAT_EUSAGE);
        ASSERT_EQ(leat_pipeline_watch(b->pipeline, LEAT_EVENTS_LIFE, NULL, NULL), LEAT_EUSAGE);
    }
}

TEST(test_after_the_end_every_call_goes_on_to_return_the_same)
{
    struct bench b;
    char got[16];

    for (size_t t = 0; t < 3; t++) {
        start_text(&b, thread_counts[t], "pass", 100);
        ASSERT_EQ(leat_end_push(b.push, "abc", 3), 3);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        ASSERT_EQ(leat_end_read(b.pull, got, 16), 3);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        expect_rest(&b, LEAT_EUSAGE, 0);
        finish(&b, 0);

        start_text(&b, thread_counts[t], "head -c 2", 100);
        ASSERT_EQ(leat_end_push(b.push, "abc", 3), 3);
        ASSERT_EQ(leat_end_read(b.pull, got, 16), 2);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        expect_rest(&b, LEAT_EPIPE, 0);
        finish(&b, 0);

        start_text(&b, thread_counts[t], "pass", 100);
        leat_pipeline_cancel(b.pipeline, LEAT_ETIMEDOUT, "too slow");
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), LEAT_ETIMEDOUT);
        expect_rest(&b, LEAT_ETIMEDOUT, LEAT_ETIMEDOUT);
        ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "too slow");
        finish(&b, LEAT_ETIMEDOUT);
    }
}

/* --- cancel, abort, close ------------------------------------------------------------------------- */

/* A pipeline that stands still: 0 waits for the push, 1 for the pull, 2 is paused, 3 waits for a pipe, 4 has not begun. */
#define STILL 5u

static void stand_still(struct bench *b, unsigned how, unsigned threads, const int *ends)
{
    static const char data[8000];
    char text[64];

    begin(b, threads);
    snprintf(text, sizeof text, "read /dev/fd/%d", ends[0]);
    if (how == 3)
        add_text(b, text);
    else
        add_push(b, 1000, 0);
    add_text(b, how == 1 ? "pass" : "pass : gzip -1 : gunzip");
    add_pull(b, 100);
    build(b, 8 << 20);
    if (how == 2)
        leat_pipeline_pause(b->pipeline);
    if (how != 4)
        start(b);
    if (how == 1)
        while (leat_end_push(b->push, data, sizeof data) > 0)
            ;
    if (how == 1)
        while (bytes_in(b, 2) < 100)
            ASSERT_EQ(leat_pipeline_wait(b->pipeline, 1), LEAT_RUNNING);
}

static void *cancel(void *arg)
{
    struct bench *b = arg;

    leat_pipeline_cancel(b->pipeline, LEAT_ENETWORK, "no longer needed");
    leat_pipeline_cancel(b->pipeline, LEAT_EIO, "once more");
    return NULL;
}

TEST(test_a_cancel_from_any_thread_ends_what_stands_still)
{
    struct bench b;
    pthread_t thread[3];
    int ends[2];

    ASSERT_EQ(pipe(ends), 0);
    for (unsigned i = 0; i < 3 * STILL; i++) {
        test_context("%u, %u threads", i / 3, thread_counts[i % 3]);
        stand_still(&b, i / 3, thread_counts[i % 3], ends);
        for (unsigned k = 0; k < 3; k++)
            ASSERT_EQ(pthread_create(&thread[k], NULL, cancel, &b), 0);
        if (i / 3 == 4)
            start(&b); /* at the same time */
        ASSERT_EQ(sem_wait(&b.ended), 0);
        for (unsigned k = 0; k < 3; k++)
            ASSERT_EQ(pthread_join(thread[k], NULL), 0);
        (void)cancel(&b);
        if (i / 3 < 4)
            ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "no longer needed");
        (void)cancel(&b);
        finish(&b, leat_pipeline_error(b.pipeline)->code);
    }
    ASSERT_EQ(close(ends[0]), 0);
    ASSERT_EQ(close(ends[1]), 0);
}

TEST(test_an_abort_ends_what_stands_still)
{
    struct bench b;
    int ends[2];

    ASSERT_EQ(pipe(ends), 0);
    for (unsigned i = 0; i < 3 * STILL; i++) {
        if (i / 3 == 3) /* it has no push */
            continue;
        test_context("%u, %u threads", i / 3, thread_counts[i % 3]);
        stand_still(&b, i / 3, thread_counts[i % 3], ends);
        leat_end_abort(b.push, LEAT_ENETWORK, "the client left");
        leat_end_abort(b.push, LEAT_EIO, "once more");
        if (i / 3 == 4)
            start(&b);
        ASSERT_EQ(sem_wait(&b.ended), 0);
        ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "the client left");
        ASSERT_STREQ(leat_pipeline_error(b.pipeline)->stage_name, "push");
        finish(&b, LEAT_ENETWORK);
    }
    ASSERT_EQ(close(ends[0]), 0);
    ASSERT_EQ(close(ends[1]), 0);
}

/* It reaches the source as an end, not as a failure, though no byte moves. */
TEST(test_a_close_of_the_pull_ends_what_stands_still)
{
    struct bench b;
    int ends[2];
    ssize_t k;

    ASSERT_EQ(pipe(ends), 0);
    for (unsigned i = 0; i < 3 * STILL; i++) {
        test_context("%u, %u threads", i / 3, thread_counts[i % 3]);
        stand_still(&b, i / 3, thread_counts[i % 3], ends);
        leat_end_close(b.pull);
        leat_end_close(b.pull);
        if (i / 3 == 4)
            start(&b);
        ASSERT_EQ(sem_wait(&b.ended), 0);
        if (i / 3 != 3) {
            k = leat_end_push(b.push, "x", 1);
            ASSERT_EQ(k, LEAT_EPIPE);
        }
        finish(&b, 0);
    }
    ASSERT_EQ(close(ends[0]), 0);
    ASSERT_EQ(close(ends[1]), 0);
}

/* --- errors and ends at every stage --------------------------------------------------------------- */

struct odd {
    atomic_uint drops, opens, closes;
    uint64_t after; /* bytes after which it ends or fails */
    bool fails;
    uint64_t seen;
    uintptr_t least, most; /* addresses of a local variable of its steps */
};

static int odd_open(struct leat_stage *s)
{
    struct odd *o = leat_user(s);

    atomic_fetch_add(&o->opens, 1);
    return 0;
}

static int odd_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct odd *o = leat_user(s);
    uint64_t left = o->after > o->seen ? o->after - o->seen : 0;
    size_t n = in->len - in->pos;
    uintptr_t here = (uintptr_t)&left;

    o->least = o->least && o->least < here ? o->least : here;
    o->most = o->most > here ? o->most : here;
    o->seen += leat_pass(out, in, n < left ? n : (size_t)left);
    if (o->seen == o->after)
        return o->fails ? leat_fail(s, LEAT_ECORRUPT, "the cause") : LEAT_END;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static void odd_close(struct leat_stage *s)
{
    struct odd *o = leat_user(s);

    atomic_fetch_add(&o->closes, 1);
}

static void odd_drop(void *user)
{
    struct odd *o = user;

    atomic_fetch_add(&o->drops, 1);
}

#define ODD(n)                                                                                     \
    {                                                                                              \
        LEAT_STAGE_INIT, .name = "test.odd", .kind = LEAT_TRANSFORM, .nature = n,                  \
                         .open = odd_open, .step = odd_step, .close = odd_close, .drop = odd_drop  \
    }
static const struct leat_stage_type odd_light = ODD(LEAT_LIGHT), odd_heavy = ODD(LEAT_HEAVY);

/* push : odd : odd : odd : odd : pull. */
static void start_odd(struct bench *b, unsigned threads, struct odd *odd, unsigned shape)
{
    begin(b, threads);
    add_push(b, 3000, 0);
    for (unsigned k = 0; k < STAGES; k++)
        ASSERT_EQ(leat_builder_own_stage(b->builder, shape >> k & 1 ? &odd_heavy : &odd_light,
                                         &odd[k], NULL),
                  0);
    add_pull(b, 3000);
    build(b, 8 << 20);
    start(b);
}

static void *push_to_the_end(void *arg)
{
    static const char data[1000];
    struct bench *b = arg;
    int r;

    while ((r = leat_end_push_all(b->push, data, sizeof data)) == 0)
        ;
    return (void *)(intptr_t)r;
}

/* Wherever a stage fails or ends, the source learns it as a failure or as an end, and the reader gets the bytes before it
 * and then the cause, or the end. */
TEST(test_a_failure_and_an_early_end_at_every_stage_reach_both_ends)
{
    for (unsigned i = 0; i < 2 * STAGES * 16; i++) {
        unsigned at = i / 2 % STAGES, shape = i / 2 / STAGES;
        bool fails = i % 2;
        struct odd odd[STAGES] = {0};
        struct bench b;
        uint64_t got = 0;
        pthread_t thread;
        void *pushed;
        char buffer[700];
        ssize_t k;

        test_context("stage %u of shape %u %s", at, shape, fails ? "fails" : "ends");
        for (unsigned s = 0; s < STAGES; s++)
            odd[s].after = s == at ? 20000 + 37 * i : UINT64_MAX;
        odd[at].fails = fails;
        start_odd(&b, thread_counts[i % 3], odd, shape);
        ASSERT_EQ(pthread_create(&thread, NULL, push_to_the_end, &b), 0);
        while ((k = leat_end_read(b.pull, buffer, sizeof buffer)) > 0)
            got += (uint64_t)k;
        ASSERT_EQ(k, fails ? LEAT_ECORRUPT : 0);
        ASSERT_EQ(got, odd[at].after);
        ASSERT_EQ(pthread_join(thread, &pushed), 0);
        ASSERT_EQ((intptr_t)pushed, fails ? LEAT_ECORRUPT : LEAT_EPIPE);
        if (fails) {
            ASSERT_EQ(leat_pipeline_error(b.pipeline)->stage, (int)at + 2);
            ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "the cause");
        }
        finish(&b, fails ? LEAT_ECORRUPT : 0);
        for (unsigned s = 0; s < STAGES; s++) {
            ASSERT_EQ(atomic_load(&odd[s].drops), 1);
            ASSERT_EQ(atomic_load(&odd[s].opens), atomic_load(&odd[s].closes));
        }
    }
}

static void *close_the_pull(void *arg)
{
    struct bench *b = arg;

    leat_end_close(b->pull);
    return NULL;
}

/* The reader goes while a stage fails: the outcome is success, if it was first, or the cause. */
TEST(test_a_premature_close_never_hides_the_cause)
{
    unsigned n = test_under_sanitizer() ? 300 : 1000;

    for (unsigned i = 0; i < n; i++) {
        struct odd odd[STAGES] = {0};
        struct bench b;
        pthread_t pusher, closer;
        void *pushed;
        int r;

        for (unsigned s = 0; s < STAGES; s++)
            odd[s].after = s == i % STAGES ? 2000 + i % 4000 : UINT64_MAX;
        odd[i % STAGES].fails = true;
        start_odd(&b, thread_counts[i % 3], odd, i % 16);
        ASSERT_EQ(pthread_create(&pusher, NULL, push_to_the_end, &b), 0);
        ASSERT_EQ(pthread_create(&closer, NULL, close_the_pull, &b), 0);
        ASSERT_EQ(pthread_join(pusher, &pushed), 0);
        ASSERT_EQ(pthread_join(closer, NULL), 0);
        r = leat_pipeline_wait(b.pipeline, -1);
        test_context("run %u: pushed %d, outcome %d", i, (int)(intptr_t)pushed, r);
        ASSERT(r == 0 || r == LEAT_ECORRUPT);
        ASSERT(r == 0 ? (intptr_t)pushed == LEAT_EPIPE
                      : (intptr_t)pushed == LEAT_EPIPE || (intptr_t)pushed == LEAT_ECORRUPT);
        if (r < 0)
            ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "the cause");
        finish(&b, r);
    }
}

/* --- depth and references ------------------------------------------------------------------------- */

TEST(test_a_million_writes_of_a_byte_do_not_nest)
{
    unsigned n = test_under_sanitizer() ? 100000 : 1000000;
    struct odd odd[STAGES] = {0};
    struct bench b;
    char got[3000];
    ssize_t k;

    for (unsigned s = 0; s < STAGES; s++)
        odd[s].after = UINT64_MAX;
    start_odd(&b, 1, odd, 0);
    for (unsigned i = 0; i < n;) {
        k = leat_end_push(b.push, "x", 1);
        ASSERT(k >= 0);
        i += (unsigned)k;
        if (k == 0)
            ASSERT_GT(leat_end_read(b.pull, got, sizeof got), 0);
    }
    ASSERT_EQ(leat_end_finish(b.push), 0);
    while ((k = leat_end_read(b.pull, got, sizeof got)) > 0)
        ;
    ASSERT_EQ(k, 0);
    finish(&b, 0);
    for (unsigned s = 0; s < STAGES; s++)
        ASSERT_LT(odd[s].most - odd[s].least, STACK_MAX);
}

TEST(test_at_the_end_no_reference_is_left)
{
    int fds = test_fd_count(), threads = test_thread_count();
    static const char data[100000];
    struct leat_stats stats;

    for (unsigned i = 0; i < 4; i++) {
        struct odd odd[STAGES] = {0};
        struct bench b;
        char got[100];
        ssize_t k;

        for (unsigned s = 0; s < STAGES; s++)
            odd[s].after = UINT64_MAX;
        start_odd(&b, 2, odd, 10);
        k = leat_end_push(b.push, data, sizeof data);
        ASSERT_GT(k, 0);
        if (i == 0)
            leat_pipeline_cancel(b.pipeline, LEAT_ECANCELLED, NULL);
        else if (i == 1)
            leat_end_close(b.pull);
        else
            ASSERT_EQ(leat_end_finish(b.push), 0);
        while (i == 2 && leat_end_read(b.pull, got, sizeof got) > 0)
            ;
        if (i == 3) { /* the rest is not read: all of it fits in the queue of the pull */
            ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        } else {
            ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), i == 0 ? LEAT_ECANCELLED : 0);
            leat_pipeline_stats(b.pipeline, &stats);
            ASSERT_EQ(stats.memory_now, 0);
            ASSERT_EQ(leat_context_memory_left(b.context), 64 << 20);
        }
        finish(&b, i == 0 ? LEAT_ECANCELLED : 0);
        for (unsigned s = 0; s < STAGES; s++)
            ASSERT_EQ(atomic_load(&odd[s].drops), 1);
    }
    ASSERT_EQ(test_fd_count(), fds);
    ASSERT_EQ(test_thread_count(), threads);
}

/* --- one slow consumer of two --------------------------------------------------------------------- */

static void start_two(struct bench *b, unsigned threads, const char *option,
                      struct leat_pull_end **ret_slow)
{
    const struct leat_end_settings s = {.size = sizeof s, .high = 5000};

    begin(b, threads);
    add_text(b, "zero : head -c 3000000");
    ASSERT_EQ(leat_builder_stage(b->builder, "tee", (const char *[]){option, NULL}), 0);
    ASSERT_EQ(leat_builder_branch_begin(b->builder), 0);
    ASSERT_EQ(leat_builder_pull(b->builder, &s, ret_slow), 0);
    ASSERT_EQ(leat_builder_branch_end(b->builder), 0);
    add_pull(b, 5000);
    build(b, 8 << 20);
    start(b);
}

static uint64_t read_rest(struct leat_pull_end *pull)
{
    char got[4096];
    uint64_t n = 0;
    ssize_t k;

    while ((k = leat_end_read(pull, got, sizeof got)) > 0)
        n += (uint64_t)k;
    ASSERT_EQ(k, 0);
    return n;
}

static void *read_all(void *arg)
{
    uint64_t *n = malloc(sizeof *n);

    ASSERT(n != NULL);
    *n = read_rest(arg);
    return n;
}

/* The reader of the stream gets no more than the buffers of the branch hold, until the branch is read or closed. */
TEST(test_a_slow_consumer_holds_the_other_one_back_within_the_buffers)
{
    struct leat_link_stats link;
    struct leat_pull_end *slow;
    struct leat_stats stats;
    const void *data;
    struct bench b;

    for (unsigned i = 0; i < 6; i++) {
        uint64_t got = 0, bound = 5000 + 2 * 4096;
        ssize_t k;

        start_two(&b, thread_counts[i % 3], NULL, &slow);
        leat_pipeline_stats(b.pipeline, &stats);
        for (size_t n = 0; n < stats.n_links; n++) {
            leat_pipeline_link_stats(b.pipeline, n, &link);
            bound += link.capacity;
        }
        while (bytes_in(&b, 3) < 5000 || got < 5000) { /* both have their first bytes */
            k = leat_end_peek(b.pull, &data);
            if (k == LEAT_EAGAIN) {
                ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
                continue;
            }
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            got += (uint64_t)k;
            ASSERT_LE(got, bound);
        }
        while ((k = leat_end_peek(b.pull, &data)) > 0) {
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            got += (uint64_t)k;
            ASSERT_LE(got, bound);
        }
        ASSERT_EQ(k, LEAT_EAGAIN);
        if (i % 2) {
            leat_end_close(slow);
            got += read_rest(b.pull);
        } else {
            pthread_t thread;
            void *n;

            ASSERT_EQ(pthread_create(&thread, NULL, read_all, slow), 0);
            got += read_rest(b.pull);
            ASSERT_EQ(pthread_join(thread, &n), 0);
            ASSERT_EQ(*(uint64_t *)n, 3000000);
            free(n);
        }
        ASSERT_EQ(got, 3000000);
        finish(&b, 0);
    }
}

TEST(test_a_slow_consumer_that_drops_or_spills_does_not_hold_the_other_one_back)
{
    static const char *const options[] = {"--slow=drop", "--slow=spill"};
    struct leat_pull_end *slow;
    const void *data;
    struct bench b;

    for (unsigned i = 0; i < 6; i++) {
        uint64_t got = 0, rest;
        ssize_t k;

        start_two(&b, thread_counts[i % 3], options[i % 2], &slow);
        while (got < 3000000) {
            k = leat_end_peek(b.pull, &data);
            if (k == LEAT_EAGAIN) {
                ASSERT_EQ(sem_wait(&b.out.called), 0);
                continue;
            }
            ASSERT_GT(k, 0);
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            got += (uint64_t)k;
        }
        rest = read_rest(slow);
        ASSERT(i % 2 ? rest == 3000000 : rest < 3000000);
        ASSERT_EQ(read_rest(b.pull), 0);
        finish(&b, 0);
    }
}
