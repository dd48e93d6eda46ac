/* test_conformance_pieces.c - rules of streams: empty and wrong pieces, order, and the end. See tests/CONFORMANCE.md. */
#include <unistd.h>

#include "ends_aid.h"

static unsigned calls_of(struct side *s)
{
    return atomic_load(&s->calls);
}

/* Pull the rest, which is n bytes that count from `first` on; the outcome is `code`. */
static void expect_count(struct leat_pull_end *pull, uint64_t first, uint64_t n, int code)
{
    uint8_t got[777];
    ssize_t k;

    while ((k = leat_end_read(pull, got, sizeof got)) > 0) {
        ASSERT_LE((uint64_t)k, n);
        for (ssize_t i = 0; i < k; i++)
            ASSERT_EQ(got[i], (uint8_t)((first + (uint64_t)i) * 2654435761u >> 24));
        first += (uint64_t)k;
        n -= (uint64_t)k;
    }
    ASSERT_EQ(k, code);
    ASSERT_EQ(n, 0);
}

static void count_into(uint8_t *data, uint64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)((first + i) * 2654435761u >> 24);
}

/* --- empty and wrong pieces ----------------------------------------------------------------------- */

/* It is no end: bytes come after it. It is no refusal: no call follows, not even from a full queue. */
TEST(test_an_empty_piece_is_neither_an_end_nor_a_refusal)
{
    uint8_t data[100];
    struct bench b;
    void *to;

    count_into(data, 0, 100);
    for (size_t t = 0; t < 3; t++) {
        start_text(&b, thread_counts[t], "pass", 1000);
        for (size_t i = 0; i < 100; i += 10) {
            ASSERT_EQ(leat_end_push(b.push, data, 0), 0);
            ASSERT_EQ(leat_end_push(b.push, NULL, 0), 0);
            ASSERT_EQ(leat_end_push_all(b.push, data, 0), 0);
            ASSERT_EQ(leat_end_push_all(b.push, data + i, 10), 0);
            ASSERT_GT(leat_end_reserve(b.push, &to), 0);
            ASSERT_EQ(leat_end_commit(b.push, 0), 0);
        }
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 5), LEAT_RUNNING);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        expect_count(b.pull, 0, 100, 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        ASSERT_EQ(calls_of(&b.in), 0);
        finish(&b, 0);
    }
    begin(&b, 1);
    add_push(&b, 10, 0);
    add_text(&b, "null");
    build(&b, 8 << 20);
    ASSERT_EQ(leat_end_push(b.push, data, 10), 10);
    ASSERT_EQ(leat_end_push(b.push, data, 0), 0); /* full */
    start(&b);
    ASSERT_EQ(leat_end_finish(b.push), 0);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
    ASSERT_EQ(calls_of(&b.in), 0);
    finish(&b, 0);
}

/* Each wrong call is refused, and neither ends the stream nor counts as a refusal of the end. */
TEST(test_pieces_that_are_not_there_are_refused)
{
    const void *data;
    char byte;
    struct bench b;

    start_text(&b, 2, "pass", 100);
    ASSERT_EQ(leat_end_push(b.push, NULL, 5), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_push(b.push, "x", SIZE_MAX), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_push_all(b.push, NULL, 5), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_reserve(b.push, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_commit(b.push, 1), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_peek(b.pull, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_read(b.pull, NULL, 5), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_take(b.pull, 1), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_push(b.push, "abc", 3), 3);
    ASSERT_EQ(leat_end_read(b.pull, &byte, 1), 1);
    ASSERT_EQ(byte, 'a');
    ASSERT_EQ(leat_end_finish(b.push), 0);
    ASSERT_EQ(leat_end_peek(b.pull, &data), 2);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
    ASSERT_EQ(calls_of(&b.in), 0);
    ASSERT_EQ(calls_of(&b.out), 0);
    finish(&b, 0);
}

/* Reactive Streams 3.9; more than there is cannot be taken either. */
TEST(test_a_request_of_nothing_or_of_more_than_is_shown_is_refused)
{
    const void *data;
    char got[8];
    struct bench b;

    start_text(&b, 2, "pass", 100);
    ASSERT_EQ(leat_end_push(b.push, "abc", 3), 3);
    ASSERT_EQ(leat_end_finish(b.push), 0);
    ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
    ASSERT_EQ(leat_end_peek(b.pull, &data), 3);
    ASSERT_EQ(leat_end_read(b.pull, got, 0), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_take(b.pull, 4), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_take(b.pull, SIZE_MAX), LEAT_EUSAGE);
    ASSERT_EQ(leat_end_take(b.pull, 0), 0);
    ASSERT_EQ(leat_end_peek(b.pull, &data), 3); /* nothing was lost */
    ASSERT_EQ(leat_end_take(b.pull, 1), 0);
    ASSERT_EQ(leat_end_read(b.pull, got, 8), 2);
    ASSERT_BYTES_EQ(got, 2, "bc", 2);
    ASSERT_EQ(leat_end_read(b.pull, got, 8), 0);
    finish(&b, 0);
}

/* --- pieces together, and order ------------------------------------------------------------------- */

struct sizes {
    atomic_uint steps;
    size_t most;
};

static int sizes_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sizes *z = leat_user(s);
    size_t n = in->len - in->pos;

    atomic_fetch_add(&z->steps, n > 0);
    z->most = z->most > n ? z->most : n;
    leat_pass(out, in, n);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

/* A thousand writes of a byte are one piece for the stages and for the reader, unless a flush cuts them. */
TEST(test_small_writes_are_taken_together)
{
    static const struct leat_stage_type type = {LEAT_STAGE_INIT, .name = "test.sizes",
                                                .kind = LEAT_TRANSFORM, .step = sizes_step};

    for (unsigned flushes = 0; flushes < 2; flushes++) {
        struct sizes sizes = {0};
        uint8_t data[1000];
        struct bench b;

        begin(&b, 2);
        add_push(&b, 0, 0);
        ASSERT_EQ(leat_builder_own_stage(b.builder, &type, &sizes, NULL), 0);
        add_pull(&b, 0);
        build(&b, 8 << 20);
        count_into(data, 0, sizeof data);
        for (size_t i = 0; i < sizeof data; i++) {
            ASSERT_EQ(leat_end_push(b.push, data + i, 1), 1);
            if (flushes && i == 399)
                ASSERT_EQ(leat_end_flush(b.push), 0);
        }
        ASSERT_EQ(leat_end_finish(b.push), 0);
        start(&b);
        expect_count(b.pull, 0, sizeof data, 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), 0);
        ASSERT_EQ(sizes.most, flushes ? 600 : 1000);
        ASSERT_EQ(atomic_load(&sizes.steps), flushes ? 2 : 1);
        finish(&b, 0);
    }
}

static void *count_in(void *arg)
{
    struct bench *b = arg;
    uint8_t data[3001];

    for (uint64_t at = 0; at < 300100; at += sizeof data - 1) {
        count_into(data, at, sizeof data - 1);
        ASSERT_EQ(leat_end_push_all(b->push, data, sizeof data - 1), 0);
    }
    ASSERT_EQ(leat_end_finish(b->push), 0);
    return NULL;
}

static void *count_out(void *arg)
{
    expect_count(arg, 0, 303000, 0);
    return NULL;
}

/* Not only as many of them. */
TEST(test_both_readers_of_a_tee_get_every_byte_in_order)
{
    const struct leat_end_settings s = {.size = sizeof s, .high = 5000};
    struct leat_pull_end *branch;
    pthread_t in, out;
    struct bench b;

    for (size_t t = 0; t < 6; t++) {
        begin(&b, thread_counts[t % 3]);
        add_push(&b, 7000, 0);
        ASSERT_EQ(leat_builder_stage(b.builder, "tee", NULL), 0);
        ASSERT_EQ(leat_builder_branch_begin(b.builder), 0);
        if (t >= 3)
            add_text(&b, "gzip -1 : gunzip");
        ASSERT_EQ(leat_builder_pull(b.builder, &s, &branch), 0);
        ASSERT_EQ(leat_builder_branch_end(b.builder), 0);
        add_pull(&b, 3000);
        build(&b, 8 << 20);
        start(&b);
        ASSERT_EQ(pthread_create(&in, NULL, count_in, &b), 0);
        ASSERT_EQ(pthread_create(&out, NULL, count_out, branch), 0);
        expect_count(b.pull, 0, 303000, 0);
        ASSERT_EQ(pthread_join(in, NULL), 0);
        ASSERT_EQ(pthread_join(out, NULL), 0);
        finish(&b, 0);
    }
}

/* An error before the tee, or in its branch, is the outcome of both readers. */
TEST(test_an_error_before_or_in_a_branch_reaches_both_readers)
{
    const struct leat_end_settings s = {.size = sizeof s};
    struct leat_pull_end *branch;
    char got[100];
    struct bench b;

    for (unsigned i = 0; i < 6; i++) {
        begin(&b, thread_counts[i % 3]);
        add_push(&b, 0, 0);
        add_text(&b, i < 3 ? "gunzip" : NULL);
        ASSERT_EQ(leat_builder_stage(b.builder, "tee", NULL), 0);
        ASSERT_EQ(leat_builder_branch_begin(b.builder), 0);
        add_text(&b, i < 3 ? NULL : "gunzip");
        ASSERT_EQ(leat_builder_pull(b.builder, &s, &branch), 0);
        ASSERT_EQ(leat_builder_branch_end(b.builder), 0);
        add_pull(&b, 0);
        build(&b, 8 << 20);
        start(&b);
        ASSERT_EQ(leat_end_push(b.push, "no gzip data", 12), 12);
        ASSERT_EQ(leat_end_read(branch, got, sizeof got), LEAT_ECORRUPT);
        while (leat_end_read(b.pull, got, sizeof got) > 0)
            ;
        ASSERT_EQ(leat_end_read(b.pull, got, sizeof got), LEAT_ECORRUPT);
        finish(&b, LEAT_ECORRUPT);
    }
}

/* --- the end -------------------------------------------------------------------------------------- */

/* A paused push keeps its bytes and its end; both come after the resume, and the bytes first. */
TEST(test_an_end_while_paused_comes_after_the_resume)
{
    const void *data;
    uint8_t bytes[500];
    struct bench b;

    count_into(bytes, 0, sizeof bytes);
    for (size_t t = 0; t < 3; t++) {
        begin(&b, thread_counts[t]);
        add_push(&b, 0, 0);
        add_text(&b, "pass");
        add_pull(&b, 0);
        build(&b, 8 << 20);
        leat_pipeline_pause(b.pipeline);
        start(&b);
        ASSERT_EQ(leat_end_push(b.push, bytes, sizeof bytes), sizeof bytes);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 20), LEAT_RUNNING);
        ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
        ASSERT_EQ(bytes_in(&b, 1), 0);
        leat_pipeline_resume(b.pipeline);
        expect_count(b.pull, 0, sizeof bytes, 0);
        finish(&b, 0);
    }
}

struct gate {
    sem_t reached, open;
    atomic_bool committed;
    int code;
};

static int gate_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s, (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int gate_commit(struct leat_stage *s)
{
    struct gate *g = leat_user(s);

    ASSERT_EQ(sem_post(&g->reached), 0);
    ASSERT_EQ(sem_wait(&g->open), 0);
    if (g->code)
        return leat_fail(s, g->code, "not committed");
    atomic_store(&g->committed, true);
    return 0;
}

static int refuse_to_open(struct leat_stage *s)
{
    return leat_fail(s, LEAT_ENOENT, "it does not open");
}

/* Nobody has read a byte: a push that was refused, and a read without data, are told, and both ends have the cause. */
TEST(test_an_open_that_fails_reaches_both_ends)
{
    static const struct leat_stage_type type = {LEAT_STAGE_INIT, .name = "test.closed",
                                                .kind = LEAT_TRANSFORM, .open = refuse_to_open,
                                                .step = sizes_step};
    const void *data;
    struct bench b;

    for (size_t t = 0; t < 3; t++) {
        begin(&b, thread_counts[t]);
        add_push(&b, 2, 0);
        ASSERT_EQ(leat_builder_own_stage(b.builder, &type, NULL, NULL), 0);
        add_pull(&b, 0);
        build(&b, 8 << 20);
        ASSERT_EQ(leat_end_push(b.push, "abc", 3), 2);
        ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
        start(&b);
        ASSERT_EQ(sem_wait(&b.in.called), 0);
        ASSERT_EQ(sem_wait(&b.out.called), 0);
        ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_ENOENT);
        ASSERT_EQ(leat_end_push(b.push, "c", 1), LEAT_ENOENT);
        ASSERT_EQ(leat_end_push_all(b.push, "c", 1), LEAT_ENOENT);
        ASSERT_EQ(leat_end_finish(b.push), LEAT_ENOENT);
        ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "it does not open");
        finish(&b, LEAT_ENOENT);
    }
}

/* While an output is being committed the reader has all bytes, but not the end; then it has the outcome of the commit. */
TEST(test_the_end_is_told_after_the_commit)
{
    static const struct leat_stage_type type = {LEAT_STAGE_INIT, .name = "test.gate",
                                                .kind = LEAT_SINK, .step = gate_step,
                                                .commit = gate_commit};

    for (unsigned i = 0; i < 6; i++) {
        struct gate g = {.code = i % 2 ? LEAT_EIO : 0};
        const void *data;
        struct bench b;

        ASSERT_EQ(sem_init(&g.reached, 0, 0), 0);
        ASSERT_EQ(sem_init(&g.open, 0, 0), 0);
        begin(&b, thread_counts[i % 3]);
        add_push(&b, 0, 0);
        ASSERT_EQ(leat_builder_stage(b.builder, "tee", NULL), 0);
        ASSERT_EQ(leat_builder_branch_begin(b.builder), 0);
        ASSERT_EQ(leat_builder_own_stage(b.builder, &type, &g, NULL), 0);
        ASSERT_EQ(leat_builder_branch_end(b.builder), 0);
        add_pull(&b, 0);
        build(&b, 8 << 20);
        start(&b);
        ASSERT_EQ(leat_end_push(b.push, "abc", 3), 3);
        ASSERT_EQ(leat_end_finish(b.push), 0);
        ASSERT_EQ(sem_wait(&g.reached), 0);
        ASSERT_EQ(leat_end_peek(b.pull, &data), 3);
        ASSERT_EQ(leat_end_take(b.pull, 3), 0);
        ASSERT_EQ(leat_end_peek(b.pull, &data), LEAT_EAGAIN);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, 5), LEAT_RUNNING);
        ASSERT_EQ(calls_of(&b.out), 0);
        ASSERT_EQ(sem_post(&g.open), 0);
        ASSERT_EQ(sem_wait(&b.out.called), 0);
        ASSERT_EQ(leat_end_peek(b.pull, &data), g.code);
        ASSERT_EQ(atomic_load(&g.committed), g.code == 0);
        finish(&b, g.code);
        ASSERT_EQ(sem_destroy(&g.reached), 0);
        ASSERT_EQ(sem_destroy(&g.open), 0);
    }
}

/* A program that dispatches for itself has the error as soon as an end returns the code, before it is called. */
TEST(test_an_end_that_returns_the_code_has_the_error)
{
    const void *data;
    struct bench b;
    ssize_t k;

    for (unsigned i = 0; i < 30; i++) {
        begin(&b, thread_counts[i % 3]);
        ASSERT_GE(leat_context_fd(b.context), 0);
        add_push(&b, 0, 0);
        add_text(&b, "gunzip");
        add_pull(&b, 0);
        build(&b, 8 << 20);
        start(&b);
        ASSERT_EQ(leat_end_push(b.push, "no gzip data at all", 19), 19);
        while ((k = leat_end_peek(b.pull, &data)) == LEAT_EAGAIN)
            ASSERT_EQ(usleep(500), 0);
        ASSERT_EQ(k, LEAT_ECORRUPT);
        ASSERT_NOT_NULL(leat_pipeline_error(b.pipeline));
        ASSERT_EQ(leat_pipeline_error(b.pipeline)->code, LEAT_ECORRUPT);
        ASSERT(!atomic_load(&b.done));
        while (!atomic_load(&b.done))
            ASSERT_EQ(leat_context_dispatch(b.context), 0);
        finish(&b, LEAT_ECORRUPT);
    }
}

/* The run drops pushed bytes that are on their way: of 60,000 bytes one chunk is left, with those before the failure. */
TEST(test_a_failed_run_keeps_only_what_may_still_be_pulled)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);
    struct bench b;
    uint8_t data[60000];

    for (unsigned i = 0; i < 6; i++) {
        ssize_t k;

        count_into(data, 0, sizeof data);
        start_text(&b, thread_counts[i % 3], "pass : require --max-bytes=1000", 0);
        k = leat_end_push(b.push, data, sizeof data);
        ASSERT(k > 0 || k == LEAT_ELIMIT); /* the run may fail while the bytes are copied */
        (void)leat_end_finish(b.push);
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), LEAT_ELIMIT);
        if (i % 2)
            leat_end_close(b.pull);
        else
            expect_count(b.pull, 0, 1000, LEAT_ELIMIT);
        leat_pipeline_stats(b.pipeline, &stats);
        ASSERT_LE(stats.memory_now, 4096);
        finish(&b, LEAT_ELIMIT);
    }
}
