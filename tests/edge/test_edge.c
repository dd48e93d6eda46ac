/* test_edge.c - the bound of an edge, in the memory that its slices keep alive. */
#include "edge_aid.h"
#include "stage.h"
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
        uint64_t high = 2 * CHUNK + 1;
        struct leat_chunk *chunk;
        struct leat_item item;
        struct edge_ends s;

        test_context("%zu slices", slices);
        edge_ends_init(&s, high, CHUNK, 100);
        chunk = new_chunk(&s.pool);
        for (size_t i = 0; i < slices; i++) {
            item = slice_of(chunk, 100 * i);
            ASSERT_EQ(leat_edge_write(&s.edge, &item), 0);
        }
        for (size_t i = 0; i < slices; i++) {
            ASSERT_EQ(leat_edge_read(&s.edge, &item), 0);
            leat_chunk_unref(item.slice.chunk);
        }
        ASSERT_EQ(fill_up(&s.edge, &s.pool) + 1, high / CHUNK + 1);
        leat_chunk_unref(chunk);
        edge_ends_done(&s);
    }
}

static void read_one(struct edge_ends *s)
{
    struct leat_item item;

    ASSERT_EQ(leat_edge_read(&s->edge, &item), 0);
    leat_chunk_unref(item.slice.chunk);
}

/* A write is taken while the charge is below the mark: so one chunk more than the mark at most. */
TEST(test_an_edge_takes_chunks_up_to_its_mark_and_no_more)
{
    for (uint64_t chunks = 1; chunks < 6; chunks++)
        for (int more = -1; more < 2; more++) {
            uint64_t high = chunks * CHUNK + (uint64_t)(int64_t)more;
            uint64_t most = (high + CHUNK - 1) / CHUNK;
            struct edge_ends s;

            test_context("mark %u", (unsigned)high);
            edge_ends_init(&s, high, CHUNK, 1000);
            ASSERT_EQ(fill_up(&s.edge, &s.pool), most);
            ASSERT_LT(s.edge.charge, high + CHUNK);
            read_one(&s); /* it is in flight, and is charged still */
            ASSERT_EQ(s.edge.charge, most * CHUNK);
            ASSERT_EQ(fill_up(&s.edge, &s.pool), 0);
            if (most > 1) {
                read_one(&s);
                ASSERT_EQ(fill_up(&s.edge, &s.pool), 1);
            }
            edge_ends_done(&s);
        }
}

TEST(test_an_edge_takes_as_many_items_as_it_has_places)
{
    struct leat_chunk *chunk;
    struct leat_item item;
    struct edge_ends s;
    unsigned n = 0;
    int r = 0;

    edge_ends_init(&s, 10 * CHUNK, CHUNK, 1000);
    chunk = new_chunk(&s.pool);
    while (r == 0) { /* slices that do not join */
        item = slice_of(chunk, n % 2 ? 0 : 20);
        r = leat_edge_write(&s.edge, &item);
        n += r == 0;
    }
    leat_chunk_unref(chunk);
    ASSERT_EQ(r, LEAT_FULL);
    ASSERT_EQ(n, LEAT_EDGE_ITEMS);
    for (unsigned i = 0; i < n; i++)
        read_one(&s);
    ASSERT_EQ(leat_edge_read(&s.edge, &item), LEAT_EMPTY);
    ASSERT_EQ(s.edge.charge, 0);
    ASSERT_EQ(s.edge.queued, 0);
    leat_chunk_unref(chunk);
    edge_ends_done(&s);
}

/* The writer is woken once for each refusal, when half of the mark is left. */
TEST(test_a_refused_writer_is_woken_once_at_the_low_mark)
{
    struct edge_ends s;

    edge_ends_init(&s, 8 * CHUNK, CHUNK, 1000);
    for (unsigned round = 0; round < 3; round++) {
        test_context("round %u", round);
        ASSERT_EQ(fill_up(&s.edge, &s.pool), round == 0 ? 8 : 4);
        for (unsigned i = 0; i < 4; i++) {
            ASSERT(!edge_woken(&s.writer));
            read_one(&s); /* the last one read is in flight */
        }
        ASSERT_EQ(edge_woken(&s.writer), round > 0);
        if (round == 0) {
            read_one(&s);
            ASSERT(edge_woken(&s.writer));
        }
        ASSERT(!edge_woken(&s.writer));
    }
    edge_ends_done(&s);
}

TEST(test_a_reader_that_found_nothing_is_woken_by_the_next_item_and_by_the_end)
{
    struct leat_item item;
    struct edge_ends s;

    edge_ends_init(&s, 4 * CHUNK, CHUNK, 1000);
    ASSERT_EQ(leat_edge_read(&s.edge, &item), LEAT_EMPTY);
    ASSERT(!edge_woken(&s.reader));
    ASSERT_GT(fill_up(&s.edge, &s.pool), 0);
    ASSERT(edge_woken(&s.reader));
    while (s.edge.n > 0)
        read_one(&s);
    ASSERT_EQ(leat_edge_read(&s.edge, &item), LEAT_EMPTY);
    leat_edge_finish(&s.edge, LEAT_EDGE_EOF);
    ASSERT(edge_woken(&s.reader));
    ASSERT_EQ(leat_edge_read(&s.edge, &item), LEAT_END);
    ASSERT_EQ(leat_edge_read(&s.edge, &item), LEAT_END); /* who asks again is told again */
    edge_ends_done(&s);
}

TEST(test_a_cancelled_edge_takes_nothing_and_says_why)
{
    struct leat_chunk *chunk;
    struct leat_item item;
    struct edge_ends s;

    edge_ends_init(&s, 4 * CHUNK, CHUNK, 1000);
    ASSERT_GT(fill_up(&s.edge, &s.pool), 0);
    leat_edge_cancel(&s.edge, LEAT_REASON_DONE);
    ASSERT(edge_woken(&s.writer));
    ASSERT_EQ(s.edge.n, 0);
    chunk = new_chunk(&s.pool);
    item = slice_of(chunk, 0);
    ASSERT_EQ(leat_edge_write(&s.edge, &item), LEAT_ECANCELLED);
    leat_chunk_unref(chunk); /* a refused write takes nothing */
    leat_chunk_unref(chunk);
    leat_edge_cancel(&s.edge, LEAT_REASON_FAILED);
    leat_edge_cancel(&s.edge, LEAT_REASON_DONE);
    ASSERT_EQ(leat_edge_reason(&s.edge), LEAT_REASON_FAILED);
    edge_ends_done(&s);
}

/* A lane's edge has a low mark below half of the high one: it drains that far only before a block. */
TEST(test_a_writer_within_a_block_is_woken_at_half_and_one_between_blocks_at_the_low_mark)
{
    for (int between = 0; between <= 1; between++) {
        unsigned reads = 0;
        struct edge_ends s;

        test_context(between ? "between blocks" : "within a block");
        edge_ends_init(&s, 10 * CHUNK, CHUNK, 1000);
        ASSERT_EQ(leat_edge_size(&s.edge, 10 * CHUNK, CHUNK), 0);
        ASSERT_EQ(fill_up(&s.edge, &s.pool), 10);
        if (between)
            ASSERT(!leat_edge_wants(&s.edge));
        for (; !edge_woken(&s.writer); reads++)
            read_one(&s); /* the last one read is in flight */
        ASSERT_EQ(reads, between ? 10 : 6);
        ASSERT_EQ(leat_edge_wants(&s.edge), between);
        edge_ends_done(&s);
    }
}
