/* test_gather.c - pieces of a fixed size out of slices of any size, and where markers stand. */
#include "edge/gather.h"

#include <stdlib.h>

#include "breaks.h"
#include "test.h"

#define CHUNK ((size_t)1000)
#define TOTAL ((size_t)5000)

struct gathered {
    struct leat_pool pool;
    struct leat_gather gather;
    struct leat_slice_queue raw, whole;
    uint8_t *buffer;
    size_t size;
    uint64_t in, out;      /* bytes that went in and came out */
    size_t pieces, copied; /* pieces that came out; those of the buffer */
};

static void gathered_init(struct gathered *g, size_t size, bool marks_end)
{
    *g = (struct gathered){.size = size, .buffer = malloc(size)};
    ASSERT_NOT_NULL(g->buffer);
    ASSERT_EQ(leat_pool_init(&g->pool, 1000 * CHUNK, CHUNK), 0);
    leat_gather_init(&g->gather, g->buffer, size);
    g->gather.marks_end = marks_end;
}

static void gathered_done(struct gathered *g)
{
    ASSERT_EQ(atomic_load(&g->gather.chunk.refs), 1);
    ASSERT_EQ(g->gather.n, 0);
    ASSERT_EQ(g->raw.n, 0);
    ASSERT_EQ(g->whole.n, 0);
    ASSERT_EQ(leat_pool_done(&g->pool), 0);
    free(g->buffer);
}

/* Adds a slice of n bytes, of a chunk of its own or going on in the last one. */
static void add(struct gathered *g, size_t n)
{
    struct leat_chunk *c;

    ASSERT_EQ(leat_pool_get(&g->pool, n, &c), 0);
    for (size_t i = 0; i < n; i++)
        c->data[i] = (uint8_t)((g->in + i) % 251);
    leat_slice_queue_push(&g->raw, (struct leat_slice){.chunk = c, .len = n});
    g->in += n;
}

/* Takes the piece, of so many bytes. Returns whether a marker follows it. */
static bool take(struct gathered *g, size_t n)
{
    struct leat_slice *s = leat_slice_queue_head(&g->whole);
    bool marked = g->whole.n == 2 &&
                  leat_slice_is_mark(&g->whole.v[(g->whole.head + 1) % LEAT_SLICE_QUEUE_MAX]);

    ASSERT_LE(g->whole.n, 2);
    ASSERT(!leat_slice_is_mark(s));
    ASSERT_EQ(s->len, n);
    for (size_t i = 0; i < s->len; i++)
        ASSERT_EQ(leat_slice_data(s)[i], (uint8_t)((g->out + i) % 251));
    g->out += s->len;
    g->pieces++;
    g->copied += s->chunk == &g->gather.chunk;
    leat_chunk_unref(s->chunk);
    leat_slice_queue_pop(&g->whole);
    if (marked)
        leat_slice_queue_pop(&g->whole);
    return marked;
}

/* A stream of TOTAL bytes in slices of at most `most`; the last slice ends it, or nothing does at
 * first. */
static void stream(size_t size, size_t most, unsigned at_once, bool late_end)
{
    uint64_t random = size * 31 + most;
    struct gathered g;

    test_context("pieces of %zu, slices up to %zu, %u at once, late end %d", size, most, at_once,
                 late_end);
    gathered_init(&g, size, false);
    while (g.out < TOTAL) {
        bool ended;

        for (unsigned i = 0; i < at_once && g.in < TOTAL; i++) {
            size_t n = 1 + test_random(&random) % most;

            add(&g, n < TOTAL - g.in ? n : (size_t)(TOTAL - g.in));
        }
        ended = g.in == TOTAL && (!late_end || g.raw.n == 0);
        do {
            leat_gather_feed(&g.gather, &g.raw, ended, &g.whole);
            ASSERT(g.raw.n == 0 || g.whole.n == 1);
            if (g.whole.n > 0)
                take(&g, size < TOTAL - g.out ? size : (size_t)(TOTAL - g.out));
            ended = g.in == TOTAL && (!late_end || g.raw.n == 0);
        } while (g.raw.n > 0);
    }
    leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
    ASSERT_EQ(g.whole.n, 0); /* no empty piece */
    ASSERT_EQ(g.pieces, (TOTAL + size - 1) / size);
    gathered_done(&g);
}

TEST(test_all_pieces_but_the_last_have_the_size)
{
    static const size_t sizes[] = {1, 2, 7, 100, 999, 1000, 1001, 2500, 5000, 6000};
    static const size_t slices[] = {1, 3, 100, 1000, 5000};

    for (size_t i = 0; i < 10; i++)
        for (size_t k = 0; k < 5; k++)
            for (unsigned at_once = 1; at_once < 40; at_once += 13)
                for (int late = 0; late < 2; late++)
                    stream(sizes[i], slices[k], at_once, late);
}

TEST(test_a_piece_that_lies_in_one_slice_is_not_copied)
{
    struct gathered g;

    gathered_init(&g, 100, false);
    add(&g, 250); /* two pieces, and the start of one */
    for (unsigned i = 0; i < 3; i++) {
        leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
        ASSERT_EQ(g.whole.n, i < 2);
        if (i < 2)
            take(&g, 100);
    }
    ASSERT_EQ(g.copied, 0);
    ASSERT_EQ(g.gather.n, 50);
    ASSERT_EQ(g.pool.chunks_out, 0); /* what waits in the buffer pins no chunk */
    add(&g, 150);
    leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
    take(&g, 100);
    ASSERT_EQ(g.copied, 1);
    leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
    take(&g, 100);
    ASSERT_EQ(g.copied, 1);
    add(&g, 40); /* the end comes with it */
    leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
    take(&g, 40);
    ASSERT_EQ(g.copied, 1);
    gathered_done(&g);
}

TEST(test_a_marker_ends_a_piece_or_passes_it)
{
    for (int ends = 0; ends < 2; ends++)
        for (int alone = 0; alone < 2; alone++) {
            struct gathered g;

            test_context("ends %d, alone %d", ends, alone);
            gathered_init(&g, 100, ends);
            add(&g, 30);
            if (alone) {
                leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
                ASSERT_EQ(g.whole.n, 0);
            }
            leat_slice_queue_mark(&g.raw);
            leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
            if (ends) {
                ASSERT(take(&g, 30));
            } else {
                ASSERT_EQ(g.whole.n, 1);
                ASSERT(leat_slice_is_mark(leat_slice_queue_head(&g.whole)));
                leat_slice_queue_pop(&g.whole);
            }
            leat_slice_queue_mark(&g.raw); /* after nothing */
            leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
            ASSERT_EQ(g.whole.n, 1);
            ASSERT(leat_slice_is_mark(leat_slice_queue_head(&g.whole)));
            leat_slice_queue_pop(&g.whole);
            add(&g, 100);
            leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
            take(&g, 100);
            leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
            if (!ends)
                take(&g, 30);
            ASSERT_EQ(g.copied, ends ? alone : 1);
            gathered_done(&g);
        }
}

TEST(test_an_unfinished_piece_is_dropped)
{
    struct gathered g;

    gathered_init(&g, 100, false);
    add(&g, 30);
    leat_gather_feed(&g.gather, &g.raw, false, &g.whole);
    ASSERT_EQ(leat_gather_drop(&g.gather), 30);
    ASSERT_EQ(leat_gather_drop(&g.gather), 0);
    leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
    gathered_done(&g);
}

/* The buffer of a piece that is still in use must not be written to. */
TEST(test_a_piece_is_consumed_before_the_next_one_is_made)
{
    struct gathered g;

    gathered_init(&g, 100, false);
    add(&g, 30);
    leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
    ASSERT_EQ(g.whole.n, 1);
    ASSERT_BREAKS(leat_gather_feed(&g.gather, &g.raw, true, &g.whole), "whole->n == 0");
    take(&g, 30);
    leat_chunk_ref(&g.gather.chunk);
    add(&g, 30);
    ASSERT_BREAKS(leat_gather_feed(&g.gather, &g.raw, false, &g.whole), "refs");
    leat_chunk_unref(&g.gather.chunk);
    leat_gather_feed(&g.gather, &g.raw, true, &g.whole);
    take(&g, 30);
    gathered_done(&g);
}
