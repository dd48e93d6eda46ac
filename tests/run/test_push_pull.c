/* test_push_pull.c - push and pull: refusals, ends, aborts, and what arrives. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "leat.h"
#include "stage.h"
#include "test.h"

struct bench {
    struct leat_registry *registry;
    struct leat_context *context;
    struct leat_pipeline *pipeline;
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    sem_t push_ready, pull_ready, any_ready;
    atomic_uint push_calls, pull_calls;
};

static void push_ready(void *user)
{
    struct bench *b = user;

    atomic_fetch_add(&b->push_calls, 1);
    ASSERT_EQ(sem_post(&b->push_ready), 0);
    ASSERT_EQ(sem_post(&b->any_ready), 0);
}

static void pull_ready(void *user)
{
    struct bench *b = user;

    atomic_fetch_add(&b->pull_calls, 1);
    ASSERT_EQ(sem_post(&b->pull_ready), 0);
    ASSERT_EQ(sem_post(&b->any_ready), 0);
}

static void begin(struct bench *b, unsigned threads)
{
    const struct leat_context_settings settings = {.size = sizeof settings, .threads = threads};

    *b = (struct bench){.registry = leat_registry_new()};
    ASSERT(b->registry != NULL);
    ASSERT_EQ(leat_context_new(&settings, &b->context), 0);
    ASSERT_EQ(sem_init(&b->push_ready, 0, 0), 0);
    ASSERT_EQ(sem_init(&b->pull_ready, 0, 0), 0);
    ASSERT_EQ(sem_init(&b->any_ready, 0, 0), 0);
}

/* push : TEXT : pull, started; a NULL text: only the two ends. */
static void start(struct bench *b, const char *text, uint64_t high)
{
    const struct leat_end_settings in = {
        .size = sizeof in, .high = high, .ready = push_ready, .user = b};
    const struct leat_end_settings out = {
        .size = sizeof out, .high = high, .ready = pull_ready, .user = b};
    const struct leat_settings settings = {
        .size = sizeof settings, .context = b->context, .memory = 32 << 20};
    struct leat_builder *builder = leat_builder_new(b->registry);
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT(builder != NULL);
    ASSERT_EQ(leat_builder_push(builder, &in, &b->push), 0);
    if (text)
        ASSERT_EQ(leat_builder_text(builder, text, &error), 0);
    ASSERT_EQ(leat_builder_pull(builder, &out, &b->pull), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &b->pipeline, &error), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_start(b->pipeline, NULL, NULL, NULL), 0);
}

static void end_run(struct bench *b, int outcome)
{
    ASSERT_EQ(leat_pipeline_wait(b->pipeline, -1), outcome);
    leat_pipeline_unref(b->pipeline);
}

static void end(struct bench *b)
{
    leat_context_unref(b->context);
    leat_registry_free(b->registry);
    ASSERT_EQ(sem_destroy(&b->push_ready), 0);
    ASSERT_EQ(sem_destroy(&b->pull_ready), 0);
    ASSERT_EQ(sem_destroy(&b->any_ready), 0);
}

/* --- bytes ---------------------------------------------------------------------------------------- */

struct feed {
    struct bench *b;
    const uint8_t *data;
    size_t n, piece;
};

static void *feed_all(void *arg)
{
    struct feed *f = arg;

    for (size_t at = 0; at < f->n; at += f->piece)
        ASSERT_EQ(leat_end_push_all(f->b->push, f->data + at,
                                    f->n - at < f->piece ? f->n - at : f->piece),
                  0);
    ASSERT_EQ(leat_end_finish(f->b->push), 0);
    return NULL;
}

static uint8_t *some_bytes(size_t n)
{
    uint8_t *data = malloc(n);

    ASSERT(data != NULL);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    return data;
}

TEST(test_what_is_pushed_in_pieces_of_any_size_is_pulled)
{
    static const size_t pieces[] = {1, 7, 4095, 4096, 65536, 1 << 20};
    static const char *const texts[] = {NULL, "pass", "gzip -1 : gunzip", "zstd : unzstd"};
    size_t n = 3000001;
    uint8_t *data = some_bytes(n), *got = malloc(n + 1);
    struct bench b;

    begin(&b, 2);
    for (size_t t = 0; t < 4; t++) {
        for (size_t i = 0; i < 6; i++) {
            struct feed f = {.b = &b, .data = data, .n = n, .piece = pieces[i]};
            size_t at = 0;
            pthread_t thread;
            ssize_t k;

            test_context("%s in pieces of %zu", texts[t] ? texts[t] : "nothing", pieces[i]);
            start(&b, texts[t], i % 2 ? 0 : 10000);
            ASSERT_EQ(pthread_create(&thread, NULL, feed_all, &f), 0);
            while ((k = leat_end_read(b.pull, got + at, n + 1 - at)) > 0)
                at += (size_t)k;
            ASSERT_EQ(k, 0);
            ASSERT_EQ(leat_end_read(b.pull, got, 1), 0); /* it stays the end */
            ASSERT_EQ(pthread_join(thread, NULL), 0);
            ASSERT_BYTES_EQ(got, at, data, n);
            end_run(&b, 0);
        }
    }
    end(&b);
    free(data);
    free(got);
}

/* One thread does both, and never blocks in a call but for the callbacks. */
TEST(test_one_thread_pushes_and_pulls_without_blocking)
{
    size_t n = 5000000, in = 0, out = 0;
    uint8_t *data = some_bytes(n);
    const void *piece;
    struct bench b;
    ssize_t k = 1;

    begin(&b, 1);
    start(&b, "pass", 20000);
    while (k != 0) {
        bool pushed_all = in == n;

        if (!pushed_all) {
            k = leat_end_push(b.push, data + in, n - in);
            ASSERT(k >= 0);
            in += (size_t)k;
            if (in == n)
                ASSERT_EQ(leat_end_finish(b.push), 0);
        }
        while ((k = leat_end_peek(b.pull, &piece)) > 0) {
            ASSERT_BYTES_EQ(piece, (size_t)k, data + out, (size_t)k);
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            out += (size_t)k;
        }
        if (k == LEAT_EAGAIN)
            ASSERT_EQ(sem_wait(&b.any_ready), 0);
        else
            ASSERT_EQ(k, 0);
    }
    ASSERT_EQ(out, n);
    end_run(&b, 0);
    end(&b);
    free(data);
}

TEST(test_reserved_room_is_pushed_without_a_copy)
{
    size_t n = 1000000, at = 0, out = 0;
    uint8_t *data = some_bytes(n);
    const void *piece;
    struct bench b;
    void *to;
    ssize_t k;

    begin(&b, 1);
    start(&b, NULL, 1 << 20);
    while (at < n) {
        k = leat_end_reserve(b.push, &to);
        ASSERT(k > 0);
        if ((size_t)k > n - at)
            k = (ssize_t)(n - at);
        memcpy(to, data + at, (size_t)k);
        ASSERT_EQ(leat_end_commit(b.push, (size_t)k), 0);
        at += (size_t)k;
    }
    ASSERT_EQ(leat_end_commit(b.push, 1), LEAT_EUSAGE); /* nothing is reserved */
    ASSERT_EQ(leat_end_finish(b.push), 0);
    while ((k = leat_end_peek(b.pull, &piece)) != 0) {
        if (k == LEAT_EAGAIN) {
            ASSERT_EQ(sem_wait(&b.pull_ready), 0);
            continue;
        }
        ASSERT_BYTES_EQ(piece, (size_t)k, data + out, (size_t)k);
        ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
        out += (size_t)k;
    }
    ASSERT_EQ(out, n);
    end_run(&b, 0);
    end(&b);
    free(data);
}

/* --- refusals ------------------------------------------------------------------------------------- */

TEST(test_a_refusal_is_exact_and_is_followed_by_one_call)
{
    uint8_t *data = some_bytes(1 << 20);
    const void *piece;
    struct bench b;
    size_t in = 0;
    ssize_t k;

    begin(&b, 1);
    start(&b, NULL, 5000);
    /* Nobody pulls: the two queues and what is between them fill up. */
    while ((k = leat_end_push(b.push, data, 1000)) == 1000)
        in += 1000;
    ASSERT(k >= 0);
    in += (size_t)k;
    ASSERT_LE(in, 5000 + 5000 + (1 << 20));
    while (sem_trywait(&b.push_ready) == 0) /* the stage may have taken some meanwhile */
        in += (size_t)leat_end_push(b.push, data, 100000);
    while (leat_end_room(b.push) > 0)
        in += (size_t)leat_end_push(b.push, data, 100000);
    unsigned calls = atomic_load(&b.push_calls);

    ASSERT_EQ(leat_end_push(b.push, data, 1), 0); /* a second refusal, one call */
    ASSERT_EQ(leat_end_push(b.push, data, 1), 0);
    for (size_t out = 0; out < in; out += (size_t)k) {
        while ((k = leat_end_peek(b.pull, &piece)) == LEAT_EAGAIN)
            ASSERT_EQ(sem_wait(&b.pull_ready), 0);
        ASSERT(k > 0);
        ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
    }
    ASSERT_EQ(sem_wait(&b.push_ready), 0);
    ASSERT_EQ(leat_end_peek(b.pull, &piece), LEAT_EAGAIN);
    ASSERT_EQ(atomic_load(&b.push_calls), calls + 1);
    ASSERT_EQ(leat_end_finish(b.push), 0);
    ASSERT_EQ(sem_wait(&b.pull_ready), 0); /* the end is told, too */
    ASSERT_EQ(leat_end_peek(b.pull, &piece), 0);
    end_run(&b, 0);
    end(&b);
    free(data);
}

/* The bytes that the stage, from 1, has put out, or taken if it is the last one. */
static uint64_t bytes_of(struct leat_pipeline *p, size_t stage)
{
    struct leat_stage_stats stats = LEAT_INIT(leat_stage_stats);

    leat_pipeline_stage_stats(p, stage - 1, &stats);
    return stats.bytes_out > 0 ? stats.bytes_out : stats.bytes_in;
}

/* A consumer that stops stops the source after its queue and a chunk for each stage. */
TEST(test_a_consumer_that_stops_stops_the_source)
{
    struct leat_settings settings = {.size = sizeof settings, .memory = 32 << 20, .chunk = 4096};
    const struct leat_end_settings out = {.size = sizeof out, .high = 10000};
    struct leat_builder *builder;
    struct leat_error error = LEAT_INIT(leat_error);
    char byte;
    struct bench b;

    begin(&b, 2);
    builder = leat_builder_new(b.registry);
    settings.context = b.context;
    ASSERT_EQ(leat_builder_text(builder, "zero : pass", &error), 0);
    ASSERT_EQ(leat_builder_pull(builder, &out, &b.pull), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_start(b.pipeline, NULL, NULL, NULL), 0);
    ASSERT_EQ(leat_end_read(b.pull, &byte, 1), 1);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, 50), LEAT_RUNNING); /* time to run on, if it did */
    ASSERT_LE(bytes_of(b.pipeline, 3), 10001);
    ASSERT_LE(bytes_of(b.pipeline, 2), 10001 + 4096);
    ASSERT_LE(bytes_of(b.pipeline, 1), 10001 + 2 * 4096);
    leat_end_close(b.pull);
    ASSERT_EQ(leat_end_read(b.pull, &byte, 1), LEAT_EUSAGE);
    end_run(&b, 0); /* that is no failure */
    end(&b);
}

/* --- the end and its cause ------------------------------------------------------------------------ */

TEST(test_an_abort_fails_the_run_and_leaves_no_output)
{
    const struct leat_settings none = {.size = sizeof none, .memory = 0};
    struct leat_settings settings = none;
    struct leat_builder *builder;
    struct leat_error error = LEAT_INIT(leat_error);
    const char *name = test_path("out");
    struct bench b;

    begin(&b, 2);
    builder = leat_builder_new(b.registry);
    settings.context = b.context;
    ASSERT_EQ(leat_builder_push(builder, NULL, &b.push), 0);
    ASSERT_EQ(leat_end_push(b.push, "x", 1), LEAT_EUSAGE); /* it is not built */
    ASSERT_EQ(leat_builder_stage(builder, "write", (const char *[]){name, NULL}), 0);
    ASSERT_EQ(leat_builder_finish(builder, &none, &b.pipeline, &error), LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, "settings.context");
    ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_end_push(b.push, "half", 4), 4); /* before the start */
    ASSERT_EQ(leat_pipeline_start(b.pipeline, NULL, NULL, NULL), 0);
    leat_end_abort(b.push, LEAT_ENETWORK, "the client left");
    ASSERT_EQ(leat_end_push(b.push, "more", 4), LEAT_ENETWORK);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), LEAT_ENETWORK);
    ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "the client left");
    ASSERT_STREQ(leat_pipeline_error(b.pipeline)->stage_name, "push");
    ASSERT_EQ(access(name, F_OK), -1);
    end_run(&b, LEAT_ENETWORK);
    end(&b);
}

TEST(test_the_cause_reaches_both_ends_after_the_bytes_before_it)
{
    struct bench b;
    char got[8];

    begin(&b, 2);
    start(&b, "gunzip", 0);
    ASSERT_EQ(leat_end_push_all(b.push, "this is no gzip data", 20), 0);
    ASSERT_EQ(leat_end_read(b.pull, got, sizeof got), LEAT_ECORRUPT);
    while (leat_end_push(b.push, "x", 1) == 1) /* it may not be closed yet */
        ;
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), LEAT_ECORRUPT);
    ASSERT_EQ(leat_end_push_all(b.push, "x", 1), LEAT_ECORRUPT);
    ASSERT_EQ(leat_end_finish(b.push), LEAT_ECORRUPT);
    end_run(&b, LEAT_ECORRUPT);
    end(&b);
}

TEST(test_a_pipeline_that_needs_no_more_says_so)
{
    char got[16];
    struct bench b;
    ssize_t k;

    begin(&b, 2);
    start(&b, "head -c 5", 0);
    ASSERT_EQ(leat_end_push_all(b.push, "hello, world", 12), 0);
    ASSERT_EQ(leat_end_read(b.pull, got, sizeof got), 5);
    ASSERT_EQ(leat_end_read(b.pull, got, sizeof got), 0);
    k = leat_end_push_all(b.push, "x", 1);
    ASSERT_EQ(k, LEAT_EPIPE);
    end_run(&b, 0);
    end(&b);
}

TEST(test_flush_brings_out_what_was_pushed_before)
{
    uint8_t *plain = some_bytes(1000);
    struct bench b;
    char got[4096];

    begin(&b, 2);
    start(&b, "gzip : gunzip", 0);
    for (unsigned i = 0; i < 20; i++) {
        size_t at = 0;

        ASSERT_EQ(leat_end_push_all(b.push, plain, 1000), 0);
        ASSERT_EQ(leat_end_flush(b.push), 0);
        while (at < 1000) {
            ssize_t k = leat_end_read(b.pull, got + at, 1000 - at);

            ASSERT(k > 0);
            at += (size_t)k;
        }
        ASSERT_BYTES_EQ(got, at, plain, 1000);
    }
    ASSERT_EQ(leat_end_finish(b.push), 0);
    ASSERT_EQ(leat_end_read(b.pull, got, 1), 0);
    end_run(&b, 0);
    end(&b);
    free(plain);
}

/* A thread that waits in a blocking call learns of a cancel. */
static void *read_cancelled(void *arg)
{
    struct bench *b = arg;
    char byte;

    ASSERT_EQ(leat_end_read(b->pull, &byte, 1), LEAT_ECANCELLED);
    return NULL;
}

TEST(test_a_cancel_ends_blocking_calls_and_is_allowed_at_any_time)
{
    struct bench b;
    pthread_t thread;
    char *large = calloc(1, 8 << 20);

    begin(&b, 2);
    start(&b, "pass", 0);
    leat_pipeline_cancel(b.pipeline, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(pthread_create(&thread, NULL, read_cancelled, &b), 0);
    ASSERT_EQ(leat_end_push_all(b.push, large, 8 << 20), LEAT_ECANCELLED);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    leat_pipeline_cancel(b.pipeline, LEAT_EIO, NULL);
    end_run(&b, LEAT_ECANCELLED);
    end(&b);
    free(large);
}

/* --- ends that are not used ----------------------------------------------------------------------- */

TEST(test_ends_that_were_never_built_or_never_started_leak_nothing)
{
    struct leat_settings settings = {.size = sizeof settings, .memory = 1 << 20};
    const struct leat_end_settings wrong[] = {
        {.size = sizeof wrong[0], .high = 10, .low = 11},
        {.size = 3},
        {.size = sizeof wrong[0], .high = (uint64_t)1 << 62},
    };
    struct leat_builder *builder;
    struct leat_error error = LEAT_INIT(leat_error);
    struct bench b;

    begin(&b, 1);
    settings.context = b.context;
    builder = leat_builder_new(b.registry);
    for (size_t i = 0; i < 3; i++) {
        ASSERT_EQ(leat_builder_push(builder, &wrong[i], &b.push), LEAT_EUSAGE);
        leat_builder_free(builder);
        builder = leat_builder_new(b.registry); /* one keeps its first failure */
    }
    ASSERT_EQ(leat_builder_push(builder, NULL, &b.push), 0);
    ASSERT_EQ(leat_builder_pull(builder, NULL, &b.pull), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), 0);
    ASSERT_EQ(leat_end_push(b.push, "abc", 3), 3);
    leat_pipeline_unref(b.pipeline);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), LEAT_EUSAGE);
    leat_builder_free(builder);
    builder = leat_builder_new(b.registry);
    ASSERT_EQ(leat_builder_push(builder, NULL, &b.push), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_end_push(NULL, "x", 1), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_read(NULL, &error, 1), LEAT_EUSAGE);
    leat_end_close(NULL);
    end(&b);
}

/* Until it is refused; a pipeline that never starts drops them. */
TEST(test_bytes_pushed_before_the_start_wait_for_it)
{
    uint8_t *data = some_bytes(4 << 20), *got = malloc(4 << 20);

    for (unsigned starts = 0; starts < 2; starts++) {
        const struct leat_end_settings in = {.size = sizeof in, .high = 400 << 10};
        struct leat_settings settings = {
            .size = sizeof settings, .memory = 8 << 20, .chunk = 65536, .timeout_ms = UINT64_MAX};
        struct leat_builder *builder;
        struct leat_error error = LEAT_INIT(leat_error);
        size_t n = 0, out = 0;
        struct bench b;
        ssize_t k;

        begin(&b, 2);
        settings.context = b.context;
        builder = leat_builder_new(b.registry);
        ASSERT_EQ(leat_builder_push(builder, &in, &b.push), 0);
        ASSERT_EQ(leat_builder_text(builder, "pass", &error), 0);
        ASSERT_EQ(leat_builder_pull(builder, NULL, &b.pull), 0);
        ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), 0);
        leat_builder_free(builder);
        while ((k = leat_end_push(b.push, data + n, 5000)) > 0) {
            n += (size_t)k;
            ASSERT_EQ(leat_end_flush(b.push), 0);
        }
        ASSERT_EQ(k, 0);
        ASSERT(n > 0);
        if (starts) {
            ASSERT_EQ(leat_pipeline_start(b.pipeline, NULL, NULL, NULL), 0);
            ASSERT_EQ(leat_end_finish(b.push), 0);
            while ((k = leat_end_read(b.pull, got + out, (4 << 20) - out)) > 0)
                out += (size_t)k;
            ASSERT_EQ(k, 0);
            ASSERT_BYTES_EQ(got, out, data, n);
            ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        }
        leat_pipeline_unref(b.pipeline);
        end(&b);
    }
    free(data);
    free(got);
}

TEST(test_a_million_writes_of_a_byte)
{
    unsigned n = test_under_sanitizer() ? 50000 : 1000000;
    char got[65536];
    struct bench b;
    size_t out = 0;
    ssize_t k;

    begin(&b, 1);
    start(&b, "pass", 0);
    for (unsigned i = 0; i < n;) {
        char byte = (char)i;

        k = leat_end_push(b.push, &byte, 1);
        ASSERT(k >= 0);
        i += (unsigned)k;
        if (k == 0) {
            k = leat_end_read(b.pull, got, sizeof got);
            ASSERT(k > 0);
            for (ssize_t j = 0; j < k; j++, out++)
                ASSERT_EQ(got[j], (char)out);
        }
    }
    ASSERT_EQ(leat_end_finish(b.push), 0);
    while ((k = leat_end_read(b.pull, got, sizeof got)) > 0)
        for (ssize_t j = 0; j < k; j++, out++)
            ASSERT_EQ(got[j], (char)out);
    ASSERT_EQ(k, 0);
    ASSERT_EQ(out, n);
    end_run(&b, 0);
    end(&b);
}

/* --- pause, and a flush from outside -------------------------------------------------------------- */

TEST(test_a_paused_pipeline_steps_no_source_and_is_not_stalled)
{
    struct leat_settings settings = {.size = sizeof settings, .memory = 8 << 20};
    uint64_t before;
    struct bench b;

    begin(&b, 2);
    settings.context = b.context;
    for (size_t i = 0; i < 2; i++) {
        struct leat_builder *builder = leat_builder_new(b.registry);
        struct leat_error error = LEAT_INIT(leat_error);
        char byte;

        ASSERT_EQ(
            leat_builder_text(builder, i == 0 ? "zero : pass" : "zero : gzip -1 : null", &error),
            0);
        if (i == 0)
            ASSERT_EQ(leat_builder_pull(builder, NULL, &b.pull), 0);
        ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), 0);
        leat_builder_free(builder);
        leat_pipeline_pause(b.pipeline);
        ASSERT_EQ(leat_pipeline_start(b.pipeline, NULL, NULL, NULL), 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 20), LEAT_RUNNING);
        ASSERT_EQ(bytes_of(b.pipeline, 1), 0); /* it was paused before it began */
        leat_pipeline_resume(b.pipeline);
        if (i == 0)
            ASSERT_EQ(leat_end_read(b.pull, &byte, 1), 1);
        while (bytes_of(b.pipeline, 1) == 0)
            ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
        leat_pipeline_pause(b.pipeline);
        do { /* what is on its way arrives */
            before = bytes_of(b.pipeline, 1);
            ASSERT_EQ(leat_pipeline_wait(b.pipeline, 20), LEAT_RUNNING);
        } while (bytes_of(b.pipeline, 1) != before);
        leat_pipeline_cancel(b.pipeline, LEAT_ECANCELLED, NULL); /* it is paused */
        end_run(&b, LEAT_ECANCELLED);
    }
    ASSERT_EQ(leat_pipeline_flush(NULL), LEAT_EUSAGE);
    end(&b);
}

TEST(test_a_flush_from_outside_brings_out_what_waits_in_a_codec)
{
    int ends[2];
    char text[64], got[8];
    struct leat_settings settings = {.size = sizeof settings, .memory = 32 << 20};
    struct leat_builder *builder;
    struct leat_error error = LEAT_INIT(leat_error);
    struct bench b;
    ssize_t k;

    begin(&b, 2);
    settings.context = b.context;
    ASSERT_EQ(pipe(ends), 0);
    snprintf(text, sizeof text, "read /dev/fd/%d : gzip : gunzip", ends[0]);
    builder = leat_builder_new(b.registry);
    ASSERT_EQ(leat_builder_text(builder, text, &error), 0);
    ASSERT_EQ(leat_builder_pull(builder, NULL, &b.pull), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &b.pipeline, &error), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_flush(b.pipeline), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_start(b.pipeline, NULL, NULL, NULL), 0);
    ASSERT_EQ(write(ends[1], "hello", 5), 5);
    while (bytes_of(b.pipeline, 1) < 5)
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
    ASSERT_EQ(leat_pipeline_flush(b.pipeline), 0);
    for (size_t at = 0; at < 5; at += (size_t)k) {
        k = leat_end_read(b.pull, got + at, 5 - at);
        ASSERT(k > 0);
    }
    ASSERT_BYTES_EQ(got, 5, "hello", 5);
    ASSERT_EQ(close(ends[1]), 0);
    ASSERT_EQ(leat_end_read(b.pull, got, 1), 0);
    end_run(&b, 0);
    ASSERT_EQ(close(ends[0]), 0);
    end(&b);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

TEST(test_descriptors_of_the_program_are_ends_and_stay_its_own)
{
    struct leat_settings settings = {.size = sizeof settings, .memory = 16 << 20};
    struct leat_error error = LEAT_INIT(leat_error);
    char got[64];
    int in[2], out[2];

    for (unsigned kind = 0; kind < 3; kind++) { /* pipes; sockets; pipes and a context */
        struct leat_builder *builder;
        struct leat_pipeline *p;
        struct bench b;

        begin(&b, 2);
        settings.context = kind == 2 ? b.context : NULL;
        ASSERT_EQ(kind == 1 ? socketpair(AF_UNIX, SOCK_STREAM, 0, in) : pipe(in), 0);
        ASSERT_EQ(kind == 1 ? socketpair(AF_UNIX, SOCK_STREAM, 0, out) : pipe(out), 0);
        builder = leat_builder_new(b.registry);
        ASSERT_EQ(leat_builder_fd(builder, 999), LEAT_EUSAGE);
        leat_builder_free(builder);
        builder = leat_builder_new(b.registry); /* one keeps its first failure */
        ASSERT_EQ(leat_builder_fd(builder, in[0]), 0);
        ASSERT_EQ(leat_builder_text(builder, "gzip : gunzip", &error), 0);
        ASSERT_EQ(leat_builder_fd(builder, out[1]), 0);
        ASSERT_EQ(leat_builder_finish(builder, &settings, &p, &error), 0);
        leat_builder_free(builder);
        ASSERT_EQ(close(in[0]), 0); /* the duplicates are there */
        ASSERT_EQ(close(out[1]), 0);
        ASSERT_EQ(write(in[1], "through descriptors", 19), 19);
        ASSERT_EQ(close(in[1]), 0);
        ASSERT_EQ(leat_pipeline_run(p), 0);
        leat_pipeline_unref(p);
        ASSERT_EQ(read(out[0], got, sizeof got), 19);
        ASSERT_BYTES_EQ(got, 19, "through descriptors", 19);
        ASSERT_EQ(read(out[0], got, sizeof got), 0); /* and closed again */
        ASSERT_EQ(close(out[0]), 0);
        end(&b);
    }
}

TEST(test_a_reader_that_leaves_is_a_broken_pipe)
{
    struct leat_settings settings = {.size = sizeof settings, .memory = 16 << 20};
    struct leat_builder *builder;
    struct leat_pipeline *p;
    struct leat_error error = LEAT_INIT(leat_error);
    struct bench b;
    int out[2];

    begin(&b, 2);
    ASSERT(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    ASSERT_EQ(pipe(out), 0);
    builder = leat_builder_new(b.registry);
    ASSERT_EQ(leat_builder_text(builder, "zero", &error), 0);
    ASSERT_EQ(leat_builder_fd(builder, out[1]), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &p, &error), 0);
    leat_builder_free(builder);
    ASSERT_EQ(close(out[1]), 0);
    ASSERT_EQ(close(out[0]), 0);
    ASSERT_EQ(leat_pipeline_run(p), LEAT_EPIPE);
    leat_pipeline_unref(p);
    end(&b);
}
