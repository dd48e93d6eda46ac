/* test_conformance_ends.c - rules of streams, held against push and pull: demand, signals, cancel. See tests/CONFORMANCE.md. */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ends_aid.h"

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

/* The default is 256 KiB on both sides. */
TEST(test_a_mark_of_nothing_is_the_default)
{
    size_t high = 256 << 10;
    char *data = calloc(1, 2 * high);
    struct bench b;
    ssize_t k;

    ASSERT_NOT_NULL(data);
    begin(&b, 2);
    add_push(&b, 0, 0);
    add_text(&b, "pass");
    add_pull(&b, 0);
    build(&b, 8 << 20);
    ASSERT_EQ(leat_end_room(b.push), high);
    k = leat_end_push(b.push, data, 2 * high);
    ASSERT_GT(k, high - 4 * 4096); /* the number of chunks is bounded, too */
    ASSERT_LE(k, high);
    start(&b);
    ASSERT_EQ(sem_wait(&b.in.called), 0);
    ASSERT_GE(leat_end_room(b.push), high / 2);
    while (bytes_in(&b, 2) < high - 4 * 4096) { /* nobody pulls */
        (void)leat_end_push(b.push, data, high);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
    }
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, 5), LEAT_RUNNING);
    ASSERT_LE(bytes_in(&b, 2), high);
    leat_end_close(b.pull);
    finish(&b, 0);
    free(data);
}

/* Once after each LEAT_EAGAIN, however often it was returned, and not without one. */
TEST(test_a_read_without_data_is_told_once)
{
    const void *data;
    struct bench b;

    for (size_t t = 0; t < 3; t++) {
        start_text(&b, thread_counts[t], "pass", 1000);
        for (unsigned i = 1; i <= 50; i++) {
            for (unsigned k = 0; k < 3; k++)
                ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
            ASSERT_EQ(leat_end_push(b.push, "ab", 2), 2);
            ASSERT_EQ(sem_wait(&b.out.called), 0);
            ASSERT_EQ(leat_end_push(b.push, "c", 1), 1); /* nobody asked for it */
            while (bytes_in(&b, 2) < 3 * i)
                ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
            ASSERT_EQ(atomic_load(&b.out.calls), i);
            for (ssize_t n, left = 3; left > 0; left -= n) {
                n = leat_end_peek(b.pull, &data);
                ASSERT_GT(n, 0);
                ASSERT_EQ(leat_end_take(b.pull, (size_t)n), 0);
            }
        }
        ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        ASSERT_EQ(sem_wait(&b.out.called), 0); /* of the end, too */
        ASSERT_EQ(leat_end_peek(b.pull, &data), 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        ASSERT_EQ(atomic_load(&b.out.calls), 51);
        finish(&b, 0);
    }
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
    struct leat_stats stats = LEAT_INIT(leat_stats);
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

/* --- a run that ends inside a call ---------------------------------------------------------------- */

#define LOST_BYTES ((size_t)65536)

static struct {
    struct leat_pipeline *pipeline;
    void *piece;
} lost;

/* The piece is read for the first time. */
static void end_the_run(int number)
{
    (void)number;
    leat_pipeline_cancel(lost.pipeline, LEAT_ECANCELLED, NULL);
    if (leat_pipeline_wait(lost.pipeline, -1) != LEAT_ECANCELLED ||
        mprotect(lost.piece, LOST_BYTES, PROT_READ) < 0)
        test_exit(1);
}

/* Nobody would tell the program later that it can go on. */
TEST(test_a_run_that_ends_while_bytes_are_copied_is_no_refusal)
{
    const struct sigaction action = {.sa_handler = end_the_run};

    ASSERT_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    for (unsigned all = 0; all < 2; all++) {
        struct bench b;

        start_text(&b, 2, NULL, 0);
        lost.pipeline = b.pipeline;
        lost.piece = mmap(NULL, LOST_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT(lost.piece != MAP_FAILED);
        ASSERT_EQ(all ? leat_end_push_all(b.push, lost.piece, LOST_BYTES)
                      : leat_end_push(b.push, lost.piece, LOST_BYTES),
                  LEAT_ECANCELLED);
        finish(&b, LEAT_ECANCELLED);
        ASSERT_EQ(munmap(lost.piece, LOST_BYTES), 0);
    }
}
