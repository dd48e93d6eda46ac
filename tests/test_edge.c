/* test_edge.c - the bound of an edge, in the memory that its slices keep alive. */
#include "edge.h"
#include "test.h"

#define CHUNK 4096u

static struct leat_item slice_of(struct leat_chunk *chunk, size_t off)
{
    return (struct leat_item){.slice = {.chunk = leat_chunk_ref(chunk), .off = off, .len = 10}};
}

static struct leat_chunk *new_chunk(struct leat_pool *pool)
{
    struct leat_chunk *chunk;

    ASSERT_EQ(leat_pool_get(pool, 0, &chunk), 0);
    return chunk;
}

/* Writes slices of chunks of their own until one is refused. Returns how many were taken. */
static uint64_t fill_up(struct leat_edge *edge, struct leat_pool *pool)
{
    for (uint64_t n = 0;; n++) {
        struct leat_chunk *chunk = new_chunk(pool);
        struct leat_item item = slice_of(chunk, 0);
        int r = leat_edge_write(edge, &item);

        leat_chunk_unref(chunk);
        if (r == 0)
            continue;
        ASSERT_EQ(r, LEAT_FULL);
        leat_chunk_unref(chunk);
        return n;
    }
}

/* A chunk is there until the last of its slices is used up, and counts so long. */
TEST(test_slices_of_one_chunk_count_until_the_last_of_them_is_read)
{
    for (size_t slices = 1; slices < 5; slices++) {
        struct leat_executor executor = {.owner = NULL};
        struct leat_pool pool;
        struct leat_edge edge;
        struct leat_chunk *chunk;
        struct leat_item item;
        uint64_t high = 2 * CHUNK + 1;

        test_context("%zu slices", slices);
        ASSERT_EQ(leat_pool_init(&pool, 100 * CHUNK, CHUNK), 0);
        ASSERT_EQ(leat_edge_init(&edge, &executor, high), 0);
        chunk = new_chunk(&pool);
        for (size_t i = 0; i < slices; i++) {
            item = slice_of(chunk, 100 * i);
            ASSERT_EQ(leat_edge_write(&edge, &item), 0);
        }
        for (size_t i = 0; i < slices; i++) {
            ASSERT_EQ(leat_edge_read(&edge, &item), 0);
            leat_chunk_unref(item.slice.chunk);
        }
        ASSERT_EQ(fill_up(&edge, &pool) + 1, high / CHUNK + 1);
        leat_edge_done(&edge);
        leat_chunk_unref(chunk);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}
