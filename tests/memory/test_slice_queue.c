/* test_slice_queue.c - the short queue of slices between two stages. */
#include "memory/slice_queue.h"

#include "breaks.h"
#include "test.h"

#define CHUNK ((size_t)8192)

static void pool_init(struct leat_pool *pool, size_t chunk)
{
    ASSERT_EQ(leat_pool_init(pool, 200 * chunk, chunk), 0);
}

static struct leat_chunk *get(struct leat_pool *pool)
{
    struct leat_chunk *chunk = NULL;

    ASSERT_EQ(leat_pool_get(pool, 0, &chunk), 0);
    return chunk;
}

static void push(struct leat_slice_queue *q, struct leat_chunk *chunk, size_t off, size_t len)
{
    leat_slice_queue_push(
        q, (struct leat_slice){.chunk = leat_chunk_ref(chunk), .off = off, .len = len});
}

static unsigned refs(struct leat_chunk *chunk)
{
    return atomic_load(&chunk->refs);
}

/* Slices that do not join, so that each has its number in its offset. */
TEST(test_slices_leave_the_queue_in_the_order_of_arrival)
{
    for (unsigned fill = 1; fill <= LEAT_SLICE_QUEUE_MAX; fill += 7) {
        struct leat_slice_queue q = {.n = 0};
        struct leat_chunk *chunk;
        struct leat_pool pool;
        unsigned in = 0, out = 0;

        test_context("up to %u in it", fill);
        pool_init(&pool, CHUNK);
        chunk = get(&pool);
        ASSERT_NULL(leat_slice_queue_head(&q));
        while (out < 3 * LEAT_SLICE_QUEUE_MAX) {
            while (q.n < fill)
                push(&q, chunk, 3 * in++, 2);
            for (unsigned n = 1 + out % fill; n > 0; n--) {
                ASSERT_EQ(leat_slice_queue_head(&q)->off, 3 * out++);
                leat_chunk_unref(leat_slice_queue_head(&q)->chunk);
                leat_slice_queue_pop(&q);
            }
            ASSERT_EQ(q.n, in - out);
        }
        ASSERT_EQ(leat_slice_queue_clear(&q), 2 * (uint64_t)(in - out));
        ASSERT_EQ(refs(chunk), 1);
        leat_chunk_unref(chunk);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_slice_joins_the_one_that_it_continues)
{
    struct leat_slice_queue q = {.n = 0};
    struct leat_chunk *chunk, *other;
    struct leat_pool pool;

    pool_init(&pool, CHUNK);
    chunk = get(&pool);
    other = get(&pool);
    push(&q, chunk, 0, 10);
    push(&q, chunk, 10, 5);
    ASSERT_EQ(q.n, 1);
    ASSERT_EQ(leat_slice_queue_head(&q)->len, 15);
    ASSERT_EQ(refs(chunk), 2);
    push(&q, chunk, 16, 1); /* a gap */
    push(&q, other, 17, 1); /* another chunk */
    push(&q, chunk, 0, 1);
    ASSERT_EQ(q.n, 4);
    leat_slice_queue_mark(&q);
    leat_slice_queue_mark(&q); /* two marks in a row say no more than one */
    ASSERT_EQ(q.n, 5);
    push(&q, chunk, 1, 1); /* a mark lies between */
    ASSERT_EQ(q.n, 6);
    ASSERT_EQ(leat_slice_queue_clear(&q), 19);
    ASSERT_EQ(refs(chunk), 1);
    ASSERT_EQ(refs(other), 1);
    leat_chunk_unref(chunk);
    leat_chunk_unref(other);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

TEST(test_a_full_queue_still_takes_what_joins_its_last_slice)
{
    struct leat_slice_queue q = {.n = 0};
    struct leat_chunk *chunk;
    struct leat_pool pool;

    pool_init(&pool, CHUNK);
    chunk = get(&pool);
    for (unsigned i = 0; i < LEAT_SLICE_QUEUE_MAX; i++)
        push(&q, chunk, 3 * i, 2);
    push(&q, chunk, 3 * LEAT_SLICE_QUEUE_MAX - 1, 1);
    ASSERT_EQ(q.n, LEAT_SLICE_QUEUE_MAX);
    ASSERT_BREAKS(push(&q, chunk, 0, 2), "q->n < LEAT_SLICE_QUEUE_MAX");
    ASSERT_EQ(leat_slice_queue_clear(&q), 2 * LEAT_SLICE_QUEUE_MAX + 1);
    ASSERT_BREAKS(leat_slice_queue_pop(&q), "q->n > 0");
    ASSERT_BREAKS(push(&q, chunk, CHUNK - 1, 2), "chunk->cap");
    leat_chunk_unref(chunk);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

TEST(test_a_cut_takes_the_last_bytes_only)
{
    enum { SLICES = 5, LEN = 7 };

    for (uint64_t n = 0; n <= SLICES * LEN + 3; n++) {
        uint64_t left = n < SLICES * LEN ? SLICES * LEN - n : 0;
        struct leat_slice_queue q = {.head = LEAT_SLICE_QUEUE_MAX - 2};
        struct leat_chunk *chunk;
        struct leat_pool pool;

        test_context("%u of %d bytes", (unsigned)n, SLICES * LEN);
        pool_init(&pool, CHUNK);
        chunk = get(&pool);
        for (unsigned i = 0; i < SLICES; i++)
            push(&q, chunk, 10 * i, LEN);
        leat_slice_queue_cut(&q, n);
        ASSERT_EQ(refs(chunk), 1 + q.n);
        ASSERT_EQ(q.n, (left + LEN - 1) / LEN);
        if (left > 0)
            ASSERT_EQ(leat_slice_queue_head(&q)->off, 0);
        ASSERT_EQ(leat_slice_queue_clear(&q), left);
        leat_chunk_unref(chunk);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_of_marks_in_a_row_the_last_position_counts)
{
    struct leat_slice_queue q = {.n = 0};

    leat_slice_queue_mark_at(&q, 4);
    leat_slice_queue_mark_at(&q, 7);
    leat_slice_queue_mark(&q);
    ASSERT_EQ(q.n, 1);
    ASSERT(leat_slice_is_mark(leat_slice_queue_head(&q)));
    ASSERT_EQ(leat_slice_queue_head(&q)->off, 7);
    leat_slice_queue_pop(&q);
    ASSERT_EQ(q.n, 0);
}
