/* test_end_wake.c - when a stage is woken for what is pushed, by schedule: the context's thread, which ticks, is held. */
#include "run/ends.h"

#include "ends_aid.h"

#define PIECE 64u

struct held {
    sem_t inside, may_go;
};

static void stay(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct held *h = arg;

    ASSERT(p != NULL && error == NULL);
    ASSERT_EQ(sem_post(&h->inside), 0);
    ASSERT_EQ(sem_wait(&h->may_go), 0);
}

/* The context's thread calls no callback, looks at nothing and ticks no more. */
static void hold(struct bench *b, struct held *h)
{
    const struct leat_settings s = {.size = sizeof s, .context = b->context, .memory = 1 << 20};
    struct leat_pipeline *p = NULL;

    ASSERT_EQ(sem_init(&h->inside, 0, 0), 0);
    ASSERT_EQ(sem_init(&h->may_go, 0, 0), 0);
    ASSERT_EQ(leat_pipeline_from_text(b->registry, "zero -n 1 : null", &s, &p, NULL), 0);
    ASSERT_EQ(leat_pipeline_start(p, NULL, stay, h), 0);
    leat_pipeline_unref(p);
    ASSERT_EQ(sem_wait(&h->inside), 0);
}

static void release(struct held *h)
{
    ASSERT_EQ(sem_post(&h->may_go), 0);
}

static struct leat_end *inside(struct leat_push_end *p)
{
    return (struct leat_end *)p; /* its first member */
}

/* Is it a burst, and does it hold so many bytes back? */
static bool holds_back(struct bench *b, uint64_t bytes)
{
    struct leat_end *e = inside(b->push);
    bool holds;

    pthread_mutex_lock(&e->lock);
    holds = e->burst && e->stage_waits && !e->due && e->held == bytes;
    pthread_mutex_unlock(&e->lock);
    return holds;
}

static bool is_burst(struct bench *b)
{
    struct leat_end *e = inside(b->push);
    bool burst;

    pthread_mutex_lock(&e->lock);
    burst = e->burst;
    leat_assert(e->is_push);
    pthread_mutex_unlock(&e->lock);
    return burst;
}

static void push(struct bench *b)
{
    static const char piece[PIECE];

    ASSERT_EQ(leat_end_push(b->push, piece, PIECE), PIECE);
}

static void read_all(struct bench *b, size_t n)
{
    char got[4096];

    while (n > 0) {
        ssize_t k = leat_end_read(b->pull, got, n < sizeof got ? n : sizeof got);

        ASSERT_GT(k, 0);
        n -= (size_t)k;
    }
}

/* push : TEXT : pull in a burst: the stage has found many pieces, and waits. */
static void start_burst(struct bench *b, struct held *h, const char *text, bool reads)
{
    begin(b, 1);
    add_push(b, 1 << 20, 0);
    add_text(b, text);
    add_pull(b, 1 << 20);
    build(b, 8 << 20);
    hold(b, h);
    for (unsigned i = 0; i < 20; i++)
        push(b);
    start(b);
    if (reads) /* else a codec keeps them */
        read_all(b, 20 * PIECE);
    while (!is_burst(b))
        ASSERT_EQ(leat_pipeline_wait(b->pipeline, 1), LEAT_RUNNING);
    push(b); /* the stage may not have begun to wait */
    while (!holds_back(b, PIECE))
        ASSERT_EQ(leat_pipeline_wait(b->pipeline, 1), LEAT_RUNNING);
}

static void end_burst(struct bench *b, struct held *h)
{
    char byte;

    release(h);
    ASSERT_EQ(leat_end_finish(b->push), 0);
    ASSERT_EQ(leat_end_read(b->pull, &byte, 1), 0);
    finish(b, 0);
    ASSERT_EQ(sem_destroy(&h->inside), 0);
    ASSERT_EQ(sem_destroy(&h->may_go), 0);
}

TEST(test_a_lone_piece_is_never_held_back)
{
    const void *data;
    struct bench b;

    start_text(&b, 1, "pass", 1 << 20);
    for (unsigned i = 0; i < 100; i++) {
        ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
        push(&b);
        ASSERT_EQ(sem_wait(&b.out.called), 0); /* nothing but the push has the stage run */
        ASSERT_EQ(leat_end_peek(b.pull, &data), PIECE);
        ASSERT_EQ(leat_end_take(b.pull, PIECE), 0);
        ASSERT(!is_burst(&b));
    }
    leat_end_close(b.pull);
    finish(&b, 0);
}

TEST(test_what_a_burst_holds_back_comes_when_the_program_reads)
{
    struct held h;
    struct bench b;

    start_burst(&b, &h, "pass", true);
    for (unsigned i = 0; i < 100; i++) {
        read_all(&b, PIECE);
        push(&b);
    }
    read_all(&b, PIECE);
    end_burst(&b, &h);
}

TEST(test_what_a_burst_holds_back_comes_with_a_flush)
{
    const void *data;
    struct held h;
    struct bench b;
    size_t n = 0;

    start_burst(&b, &h, "pass", true);
    ASSERT_EQ(leat_end_flush(b.push), 0);
    while (n == 0) /* no call of the program waits */
        n = leat_end_peek(b.pull, &data) == PIECE;
    ASSERT_EQ(leat_end_take(b.pull, PIECE), 0);
    end_burst(&b, &h);
}

TEST(test_what_a_burst_holds_back_comes_when_it_is_a_lot)
{
    const void *data;
    struct held h;
    struct bench b;
    size_t n = PIECE, got = 0;

    start_burst(&b, &h, "pass", true);
    for (; n < 32 << 10; n += PIECE)
        push(&b);
    while (got < n) {
        ssize_t k = leat_end_peek(b.pull, &data);

        if (k == LEAT_EAGAIN)
            continue;
        ASSERT_GT(k, 0);
        ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
        got += (size_t)k;
    }
    end_burst(&b, &h);
}

TEST(test_what_a_burst_holds_back_comes_at_the_end)
{
    struct held h;
    struct bench b;
    const void *data;
    ssize_t k;

    start_burst(&b, &h, "pass", true);
    ASSERT_EQ(leat_end_finish(b.push), 0);
    while ((k = leat_end_peek(b.pull, &data)) == LEAT_EAGAIN)
        continue;
    ASSERT_EQ(k, PIECE);
    ASSERT_EQ(leat_end_take(b.pull, PIECE), 0);
    release(&h);
    finish(&b, 0);
    ASSERT_EQ(sem_destroy(&h.inside), 0);
    ASSERT_EQ(sem_destroy(&h.may_go), 0);
}

TEST(test_what_a_burst_holds_back_comes_with_a_tick_and_the_burst_ends)
{
    struct held h;
    struct bench b;
    const void *data;

    start_burst(&b, &h, "pass", true);
    ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
    release(&h);
    ASSERT_EQ(sem_wait(&b.out.called), 0); /* the program calls nothing */
    ASSERT_EQ(leat_end_peek(b.pull, &data), PIECE);
    ASSERT_EQ(leat_end_take(b.pull, PIECE), 0);
    while (is_burst(&b))
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
    ASSERT_EQ(sem_post(&h.may_go), 0); /* for end_burst */
    end_burst(&b, &h);
}

TEST(test_a_flush_from_outside_flushes_what_a_burst_holds_back)
{
    struct held h;
    struct bench b;

    start_burst(&b, &h, "gzip : gunzip", false);
    ASSERT_EQ(leat_pipeline_flush(b.pipeline), 0);
    read_all(&b, 21 * PIECE);
    end_burst(&b, &h);
}

TEST(test_a_flush_from_outside_flushes_what_the_stage_has_not_put_out_yet)
{
    struct bench b;

    start_text(&b, 1, "gzip : gunzip", 1 << 20);
    leat_pipeline_pause(b.pipeline);
    for (unsigned i = 0; i < 10; i++) {
        push(&b);
        ASSERT_EQ(leat_pipeline_flush(b.pipeline), 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 5), LEAT_RUNNING); /* it has seen the flush */
        leat_pipeline_resume(b.pipeline);
        read_all(&b, PIECE);
        leat_pipeline_pause(b.pipeline);
    }
    leat_end_close(b.pull);
    leat_pipeline_resume(b.pipeline);
    finish(&b, 0);
}

/* --- on which thread ------------------------------------------------------------------------------ */

/* Returns whether this thread was the last one that ran the stage. */
static bool ran_here(struct bench *b)
{
    struct leat_end *e = inside(b->push);

    return pthread_equal(atomic_load(&e->actor->thread), pthread_self());
}

TEST(test_the_program_runs_light_stages_itself_when_a_worker_would_have_to_wake)
{
    static const char data[8192];
    struct bench b;

    start_text(&b, 1, "pass", 1 << 20);
    do { /* the worker may not sleep yet */
        ASSERT_EQ(leat_end_push(b.push, data, sizeof data), sizeof data);
        read_all(&b, sizeof data);
    } while (!ran_here(&b));
    leat_end_close(b.pull);
    finish(&b, 0);
}

TEST(test_a_program_runs_no_stage_that_may_block_or_computes_for_long)
{
    static const struct {
        const char *text;
        bool plain;
    } rows[] = {
        {"pass", true},
        {"head -c 100 : tail -c 10 : count -l", true},
        {"gzip", false},
        {"tee [ null ]", false},
        {"buffer --size=8M --spill=/tmp", false},
        {"exec cat", false},
        {"timeout --idle=10s", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench b;

        test_context("%s", rows[i].text);
        begin(&b, 1);
        add_push(&b, 0, 0);
        add_text(&b, rows[i].text);
        add_pull(&b, 0);
        build(&b, 32 << 20);
        ASSERT_EQ(inside(b.push)->plain, rows[i].plain);
        leat_pipeline_unref(b.pipeline);
        leat_context_unref(b.context);
        leat_registry_free(b.registry);
    }
}

struct own {
    pthread_t program;
    atomic_uint steps, there;
};

static int own_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct own *own = leat_user(s);

    atomic_fetch_add(&own->steps, 1);
    atomic_fetch_add(&own->there, pthread_equal(pthread_self(), own->program) != 0);
    (void)leat_pass(out, in, in->len);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type own_type = {LEAT_STAGE_INIT, .name = "test.own",
                                                .kind = LEAT_TRANSFORM, .nature = LEAT_LIGHT,
                                                .step = own_step};

/* The program may hold a lock that its stage needs. */
TEST(test_a_stage_of_the_program_never_runs_inside_its_calls)
{
    static const char data[8192];
    struct own own = {.program = pthread_self()};
    struct bench b;

    begin(&b, 1);
    add_push(&b, 1 << 20, 0);
    ASSERT_EQ(leat_builder_own_stage(b.builder, &own_type, &own, NULL), 0);
    add_pull(&b, 1 << 20);
    build(&b, 8 << 20);
    start(&b);
    for (unsigned i = 0; i < 300; i++) {
        ASSERT_EQ(leat_end_push(b.push, data, sizeof data), sizeof data);
        read_all(&b, sizeof data);
    }
    ASSERT_GE(atomic_load(&own.steps), 300);
    ASSERT_EQ(atomic_load(&own.there), 0);
    leat_end_close(b.pull);
    finish(&b, 0);
}

/* --- memory --------------------------------------------------------------------------------------- */

#define CHUNKS_MAX 4096u

static void *push_all_starved(void *arg)
{
    struct bench *b = arg;
    static const char data[8192];

    ASSERT_EQ(leat_end_push_all(b->push, data, sizeof data), 0);
    return NULL;
}

/* Something else holds all memory of the pool: a push is refused, or waits, and goes on when some comes back. */
TEST(test_a_push_without_memory_waits_for_it)
{
    static struct leat_chunk *chunks[CHUNKS_MAX];
    static const char data[8192];
    struct leat_pool *pool;
    pthread_t thread;
    struct bench b;
    unsigned n = 0;

    start_text(&b, 2, "pass", 1 << 20);
    pool = &b.pipeline->pool;
    while (n < CHUNKS_MAX && leat_pool_get(pool, 0, &chunks[n]) == 0)
        n++;
    ASSERT(n > 0 && n < CHUNKS_MAX);
    ASSERT_EQ(leat_end_push(b.push, data, sizeof data), 0);
    ASSERT_GT(leat_end_room(b.push), 0); /* it is not the queue that is full */
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, 20), LEAT_RUNNING);
    ASSERT_EQ(atomic_load(&b.in.calls), 0);
    leat_chunk_unref(chunks[--n]);
    ASSERT_EQ(sem_wait(&b.in.called), 0);
    ASSERT_EQ(leat_pool_get(pool, 0, &chunks[n++]), 0);
    ASSERT_EQ(pthread_create(&thread, NULL, push_all_starved, &b), 0);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, 20), LEAT_RUNNING);
    while (n > 0)
        leat_chunk_unref(chunks[--n]);
    read_all(&b, sizeof data);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    ASSERT_LE(atomic_load(&pool->peak), pool->limit);
    ASSERT_EQ(atomic_load(&b.in.calls), 1); /* one call for the one refusal */
    leat_end_close(b.pull);
    finish(&b, 0);
}

TEST(test_what_is_read_after_the_end_is_memory_for_other_pipelines)
{
    static const char data[10000];
    struct leat_settings all = {.size = sizeof all, .memory = 64 << 20};
    struct leat_pipeline *other = NULL;
    uint64_t left;
    struct bench b;

    for (unsigned i = 0; i < 3; i++) {
        start_text(&b, 1, "pass", 1 << 20);
        ASSERT_EQ(leat_end_push(b.push, data, sizeof data), sizeof data);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        left = leat_context_memory_left(b.context);
        ASSERT(left < 64 << 20 && left >= 63 << 20); /* the bytes that were not read */
        all.context = b.context;
        ASSERT_EQ(leat_pipeline_from_text(b.registry, "zero -n 1 : null", &all, &other, NULL), 0);
        ASSERT_EQ(leat_pipeline_run(other), LEAT_ELIMIT);
        if (i == 0) {
            read_all(&b, sizeof data);
        } else if (i == 1) {
            leat_end_close(b.pull);
        } else {
            const void *head;
            ssize_t k;

            while ((k = leat_end_peek(b.pull, &head)) > 0)
                ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            ASSERT_EQ(k, 0);
        }
        ASSERT_EQ(leat_context_memory_left(b.context), 64 << 20);
        ASSERT_EQ(leat_pipeline_run(other), 0);
        leat_pipeline_unref(other);
        finish(&b, 0);
    }
}
