/* ends_aid.h - a pipeline with its two ends in a test, and what they signal. */
#ifndef LEAT_TEST_ENDS_AID_H
#define LEAT_TEST_ENDS_AID_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "leat.h"
#include "stage.h"
#include "test.h"

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

static inline void on_ready(void *user)
{
    struct side *s = user;

    ASSERT(!atomic_exchange(&s->inside, true));
    atomic_fetch_add(&s->calls, 1);
    atomic_store(&s->inside, false);
    ASSERT_EQ(sem_post(&s->called), 0);
}

static inline void on_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct bench *b = arg;

    ASSERT_EQ(p == b->pipeline && (!error || error->code < 0), true);
    ASSERT(!atomic_exchange(&b->done, true));
    ASSERT_EQ(sem_post(&b->ended), 0);
}

static inline void begin(struct bench *b, unsigned threads)
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

static inline void add_push(struct bench *b, uint64_t high, uint64_t low)
{
    const struct leat_end_settings s = {
        .size = sizeof s, .high = high, .low = low, .ready = on_ready, .user = &b->in};

    ASSERT_EQ(leat_builder_push(b->builder, &s, &b->push), 0);
}

static inline void add_pull(struct bench *b, uint64_t high)
{
    const struct leat_end_settings s = {
        .size = sizeof s, .high = high, .ready = on_ready, .user = &b->out};

    ASSERT_EQ(leat_builder_pull(b->builder, &s, &b->pull), 0);
}

static inline void add_text(struct bench *b, const char *text)
{
    struct leat_error error = LEAT_INIT(leat_error);

    if (text)
        ASSERT_EQ(leat_builder_text(b->builder, text, &error), 0);
}

static inline void build(struct bench *b, uint64_t memory)
{
    const struct leat_settings s = {
        .size = sizeof s, .context = b->context, .memory = memory, .chunk = 4096};
    struct leat_error error = LEAT_INIT(leat_error);

    if (leat_builder_finish(b->builder, &s, &b->pipeline, &error) < 0)
        FAIL("%s", error.text);
    leat_builder_free(b->builder);
    b->builder = NULL;
}

static inline void start(struct bench *b)
{
    ASSERT_EQ(leat_pipeline_start(b->pipeline, NULL, on_done, b), 0);
}

/* push : TEXT : pull, started. */
static inline void start_text(struct bench *b, unsigned threads, const char *text, uint64_t high)
{
    begin(b, threads);
    add_push(b, high, 0);
    add_text(b, text);
    add_pull(b, high);
    build(b, 8 << 20);
    start(b);
}

static inline void finish(struct bench *b, int outcome)
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

static inline uint64_t bytes_in(struct bench *b, size_t stage)
{
    struct leat_stage_stats stats = LEAT_INIT(leat_stage_stats);

    leat_pipeline_stage_stats(b->pipeline, stage, &stats);
    return stats.bytes_in;
}

#endif
