/* test_inner.c - the branch of a stage that runs it itself: what goes in and out, and how it ends early. */
#include <string.h>

#include "leat.h"
#include "memio.h"
#include "stage.h"
#include "test.h"

/* each: runs its branch on every piece of input, and puts out what comes of it. */
struct each {
    struct leat_blocking *blocking;
    const uint8_t *data;
    size_t n;
    unsigned calls;
};

static unsigned fail_next_at, fail_put_at;
static atomic_uint nexts, puts_seen; /* the threads of nested stages count together */

static int next_piece(void *arg, const uint8_t **ret_data, size_t *ret_len)
{
    struct each *e = arg;

    if (++nexts == fail_next_at)
        return LEAT_EIO;
    if (e->n == 0)
        return 0;
    *ret_data = e->data;
    *ret_len = e->n < 1000 ? e->n : 1000;
    e->data += *ret_len;
    e->n -= *ret_len;
    return 1;
}

static int put_piece(void *arg, const uint8_t *data, size_t n)
{
    struct each *e = arg;

    return ++puts_seen == fail_put_at ? LEAT_ELIMIT : leat_push(e->blocking, data, n);
}

static int each_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct each *e = leat_state(s);
    const struct leat_inner_io io = {.arg = e, .next = next_piece, .put = put_piece};
    int r;

    e->blocking = b;
    if (leat_branches(s) == 0)
        return LEAT_END;
    while ((r = leat_pull(b, &e->data, &e->n)) == 1) {
        r = leat_inner_run(s, &io);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : LEAT_END;
}

static const struct leat_stage_type each_type = {
    .name = "each",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_INNER,
    .state_size = sizeof(struct each),
    .branches_max = 1,
    .run = each_run,
};

static const struct leat_stage_type *const types[] = {&each_type, NULL};

static void start(struct memio *io, const void *data, size_t n)
{
    *io = (struct memio){.in = data, .in_len = n, .types = types};
    fail_next_at = fail_put_at = nexts = puts_seen = 0;
}

TEST(test_a_branch_runs_anew_for_each_piece)
{
    static uint8_t data[100000];
    struct memio io;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i);
    start(&io, data, sizeof data);
    io.settings.chunk = 10000;
    for (unsigned threads = 1; threads <= 4; threads++) {
        io.settings.threads = threads;
        ASSERT_EQ(memio_run(&io, "each [ pass ]"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, data, sizeof data);
        ASSERT_EQ(memio_run(&io, "each [ gzip -1 ] : gunzip"), 0); /* members one after another */
        ASSERT_BYTES_EQ(io.out, io.out_len, data, sizeof data);
        ASSERT_EQ(memio_run(&io, "each [ each [ pass ] ]"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, data, sizeof data);
        ASSERT_EQ(memio_run(&io, "each"), 0);
        ASSERT_EQ(io.out_len, 0);
    }
    memio_free(&io);
}

TEST(test_a_branch_that_needs_no_more_is_fed_no_more)
{
    static const uint8_t data[5000000];
    struct memio io;

    start(&io, data, sizeof data);
    io.settings.chunk = 1 << 20;
    ASSERT_EQ(memio_run(&io, "each [ head -c 7 ]"), 0);
    ASSERT_EQ(io.out_len % 7, 0);
    ASSERT(io.out_len > 0);
    memio_free(&io);
}

TEST(test_an_error_outside_of_the_branch_is_that_of_the_stage)
{
    static const uint8_t data[50000];
    struct memio io;

    start(&io, data, sizeof data);
    fail_next_at = 3;
    ASSERT_EQ(memio_run(&io, "each [ pass ]"), LEAT_EIO);
    ASSERT_STREQ(io.error.stage_name, "each");
    start(&io, data, sizeof data);
    fail_put_at = 1;
    ASSERT_EQ(memio_run(&io, "each [ pass ]"), LEAT_ELIMIT);
    start(&io, data, sizeof data);
    ASSERT_EQ(memio_run(&io, "each [ gunzip ]"), LEAT_ECORRUPT);
    ASSERT_STREQ(io.error.stage_name, "each");
    ASSERT_STR_HAS(io.error.text, "in its branch: gunzip: ");
    start(&io, data, sizeof data);
    ASSERT_EQ(memio_run(&io, "each [ pass ] : head -c 10"), 0);
    ASSERT_EQ(io.out_len, 10);
    memio_free(&io);
}

TEST(test_what_cannot_run_is_refused_when_the_pipeline_is_built)
{
    struct memio io;

    start(&io, "", 0);
    ASSERT_EQ(memio_run(&io, "each [ read x ]"), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, "in its branch: read");
    ASSERT_EQ(memio_run(&io, "each [ write x ]"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "each [ tee [ write x ] : pass ]"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "each [ gzip --level=99 ]"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "each [ pass ] [ pass ]"), LEAT_EUSAGE);
    ASSERT_EQ(nexts, 0);
    memio_free(&io);
}
