/* test_large.c - room of a least size: in a chunk, in the buffer of the writer, in a nested writer. */
#include <stdlib.h>

#include "memory/writer.h"
#include "test.h"

#define CHUNK ((size_t)4096)
#define LARGEST ((size_t)40000)

struct writer {
    struct leat_pool pool;
    struct leat_slice_queue queue;
    struct leat_out out; /* `grow` finds the writer by it */
    uint8_t buffer[LARGEST];
    size_t limit; /* of the buffer */
    unsigned grown, refused;
};

static bool grow(struct leat_out *out, size_t n)
{
    struct writer *w = (struct writer *)((char *)out - offsetof(struct writer, out));

    if (n > w->limit) {
        w->refused++;
        return false;
    }
    w->grown++;
    out->large = (struct leat_out_large){.data = w->buffer, .size = n};
    return true;
}

static struct writer *writer_new(size_t chunk, size_t room)
{
    struct writer *w = calloc(1, sizeof *w);

    ASSERT_NOT_NULL(w);
    ASSERT_EQ(leat_pool_init(&w->pool, 200 * chunk, chunk), 0);
    leat_out_init(&w->out, &w->queue, &w->pool, room);
    w->out.grow = grow;
    w->limit = LARGEST;
    return w;
}

static void writer_free(struct writer *w)
{
    leat_slice_queue_clear(&w->queue);
    leat_out_done(&w->out);
    ASSERT_EQ(leat_pool_done(&w->pool), 0);
    free(w);
}

static void count_up(uint8_t *bytes, size_t n, uint64_t from)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((from + i) % 251);
}

/* Compares what is queued with the bytes from number `from` on, and drops it. */
static uint64_t take_counted(struct leat_slice_queue *q, uint64_t from)
{
    for (struct leat_slice *s; (s = leat_slice_queue_head(q)); leat_slice_queue_pop(q)) {
        for (size_t i = 0; i < s->len; i++)
            ASSERT_EQ(leat_slice_data(s)[i], (uint8_t)((from + i) % 251));
        from += s->len;
        leat_chunk_unref(s->chunk);
    }
    return from;
}

/* As the engine does: end steps, and take what they made, until all of it is out. */
static uint64_t finish_step(struct writer *w, uint64_t taken)
{
    leat_out_end(&w->out);
    taken = take_counted(&w->queue, taken);
    for (unsigned i = 0; leat_out_holds(&w->out); i++) {
        uint64_t before = taken;

        ASSERT(w->out.full); /* the engine calls again */
        leat_out_begin(&w->out);
        leat_out_end(&w->out);
        ASSERT_LE(w->out.step_bytes, w->pool.chunk_size); /* a chunk's worth in a step */
        if (w->out.room_max)
            ASSERT_LE(w->out.step_bytes, w->out.room_max);
        taken = take_counted(&w->queue, taken);
        ASSERT_GT(taken, before);
    }
    return taken;
}

/* A step of blocks of n bytes, each with `less` bytes fewer committed, until there is no room. */
static void blocks(size_t chunk, size_t room, size_t n, size_t less)
{
    struct writer *w = writer_new(chunk, room);
    uint64_t made = 0, taken = 0;

    test_context("chunk %zu, room %zu, blocks of %zu less %zu", chunk, room, n, less);
    for (unsigned step = 0; step < 12; step++) {
        uint64_t before = made;
        uint8_t *to;
        size_t got;

        leat_out_begin(&w->out);
        while ((got = leat_reserve_least(&w->out, n, &to)) > 0 && made - before < 4 * chunk) {
            ASSERT_GE(got, n);
            memset(to, 'x', got); /* all of it may be written to */
            count_up(to, n - less, made);
            leat_commit(&w->out, n - less);
            made += n - less;
        }
        ASSERT_GT(made, before); /* a step that begins has room */
        taken = finish_step(w, taken);
        ASSERT_EQ(taken, made);
        ASSERT_EQ(w->out.total, made);
    }
    ASSERT_EQ(w->grown, n > chunk);
    writer_free(w);
}

TEST(test_there_is_room_for_at_least_so_many_bytes_in_one_piece)
{
    static const size_t chunks[] = {1, 7, 4096, 30000};
    static const size_t rooms[] = {0, 1, 5, 4096, 100000};
    static const size_t sizes[] = {1, 2, 8, 3000, 4096, 4097, 10000, LARGEST};

    for (size_t c = 0; c < 4; c++)
        for (size_t r = 0; r < 5; r++)
            for (size_t n = 0; n < 8; n++) {
                if (chunks[c] < 100 && rooms[r] != 1 && sizes[n] > 5000)
                    continue; /* steps of a byte: one row of them */
                blocks(chunks[c], rooms[r], sizes[n], 0);
                if (sizes[n] > 1)
                    blocks(chunks[c], rooms[r], sizes[n], sizes[n] / 3 + 1);
            }
}

/* All ways to write, in one step and in turn, keep their order. */
static void mixed(size_t chunk, size_t room)
{
    static const size_t sizes[] = {5000, 3, 9000, 4096, 1, 20000};
    struct writer *w = writer_new(chunk, room);
    struct leat_chunk *passed = NULL;
    uint64_t made = 0, taken = 0;
    uint8_t bytes[100], *to;

    test_context("chunk %zu, room %zu", chunk, room);
    ASSERT_EQ(leat_pool_get(&w->pool, 8192, &passed), 0);
    for (unsigned turn = 0; turn < 60; turn++) {
        struct leat_in in = {.data = passed->data, .len = 8192, .engine = passed};
        size_t n = sizes[turn % 6];

        leat_out_begin(&w->out);
        if (leat_reserve_least(&w->out, n, &to) > 0) {
            count_up(to, n, made);
            leat_commit(&w->out, n);
            made += n;
        }
        count_up(bytes, sizeof bytes, made);
        made += leat_write(&w->out, bytes, sizeof bytes);
        count_up(passed->data, 8192, made);
        if (turn % 2)
            made += leat_pass(&w->out, &in, 8192);
        else
            made += leat_pass_all(&w->out, &in, 8192);
        ASSERT_EQ(w->out.total <= made, true);
        taken = finish_step(w, taken);
        ASSERT_EQ(taken, made);
    }
    leat_chunk_unref(passed);
    writer_free(w);
}

TEST(test_all_output_stays_in_the_order_of_the_calls)
{
    static const size_t chunks[] = {64, 4096, 30000};
    static const size_t rooms[] = {0, 50, 4000};

    for (size_t c = 0; c < 3; c++)
        for (size_t r = 0; r < 3; r++)
            mixed(chunks[c], rooms[r]);
}

TEST(test_a_buffer_that_cannot_grow_is_no_room)
{
    struct writer *w = writer_new(CHUNK, 0);
    uint8_t *to;

    w->limit = 10000;
    leat_out_begin(&w->out);
    ASSERT_EQ(leat_reserve_least(&w->out, 10001, &to), 0);
    ASSERT_NULL(to);
    ASSERT_EQ(w->refused, 1);
    ASSERT_EQ(leat_reserve_least(&w->out, 10000, &to), 10000);
    leat_commit(&w->out, 0);
    ASSERT(!leat_out_holds(&w->out));
    ASSERT_EQ(leat_reserve_least(&w->out, 5000, &to), 10000); /* it is kept */
    ASSERT_EQ(w->grown, 1);
    leat_out_end(&w->out);
    ASSERT_EQ(w->out.total, 0);
    writer_free(w);
}

/* Bytes that nobody will read are dropped; none of them comes later. */
TEST(test_a_writer_that_closes_or_discards_drops_the_bytes_that_it_holds)
{
    for (int discards = 0; discards < 2; discards++) {
        struct writer *w = writer_new(CHUNK, 0);
        uint8_t *to;

        leat_out_begin(&w->out);
        ASSERT_EQ(leat_reserve_least(&w->out, 3 * CHUNK, &to), 3 * CHUNK);
        count_up(to, 3 * CHUNK, 0);
        leat_commit(&w->out, 3 * CHUNK);
        leat_out_end(&w->out);
        ASSERT(leat_out_holds(&w->out));
        ASSERT_EQ(take_counted(&w->queue, 0), CHUNK);
        if (discards)
            leat_out_discard(&w->out);
        else
            leat_out_close(&w->out);
        for (unsigned i = 0; i < 3 && leat_out_holds(&w->out); i++) {
            leat_out_begin(&w->out);
            leat_out_end(&w->out);
        }
        ASSERT(!leat_out_holds(&w->out));
        leat_out_begin(&w->out);
        ASSERT_EQ(leat_reserve_least(&w->out, 2 * CHUNK, &to), discards ? 3 * CHUNK : 0);
        leat_out_end(&w->out);
        ASSERT_EQ(w->queue.n, 0);
        writer_free(w);
    }
}

TEST(test_held_bytes_wait_for_memory)
{
    struct writer *w = writer_new(CHUNK, 0);
    struct leat_chunk *all[200];
    uint64_t taken = 0;
    uint8_t *to;

    leat_out_begin(&w->out);
    ASSERT_EQ(leat_reserve_least(&w->out, 2 * CHUNK, &to), 2 * CHUNK);
    for (unsigned i = 0; i < 200; i++)
        ASSERT_EQ(leat_pool_get(&w->pool, 0, &all[i]), 0);
    count_up(to, 2 * CHUNK, 0);
    leat_commit(&w->out, 2 * CHUNK);
    leat_out_end(&w->out);
    ASSERT(w->out.starved);
    ASSERT_EQ(w->queue.n, 0);
    for (unsigned i = 0; i < 200; i++)
        leat_chunk_unref(all[i]);
    leat_out_begin(&w->out);
    taken = finish_step(w, taken);
    ASSERT_EQ(taken, 2 * CHUNK);
    writer_free(w);
}

/* --- nested writers ----------------------------------------------------------------------------- */

#define HOLD ((size_t)100)

static void nested(size_t room, size_t n)
{
    uint8_t buffer[HOLD], *to;
    struct writer *w = writer_new(CHUNK, room);
    uint64_t made = 0, taken = 0;

    test_context("room %zu, blocks of %zu", room, n);
    w->out.hold = buffer;
    w->out.hold_size = HOLD;
    w->limit = 0;
    while (made < 50 * n) {
        const uint8_t *data;
        uint64_t before = made;
        size_t got;

        leat_nested_begin(&w->out);
        while ((got = leat_reserve_least(&w->out, n, &to)) > 0) {
            ASSERT_GE(got, n);
            count_up(to, n, made);
            leat_commit(&w->out, n);
            made += n;
        }
        ASSERT(w->out.full);
        ASSERT_GT(made, before);
        while (taken < made) { /* a part at a time; then there is room again */
            size_t have = leat_nested_data(&w->out, &data), some = have > 7 ? 7 : have;

            ASSERT_GT(have, 0);
            for (size_t i = 0; i < some; i++)
                ASSERT_EQ(data[i], (uint8_t)((taken + i) % 251));
            leat_nested_take(&w->out, some);
            taken += some;
        }
    }
    ASSERT_EQ(w->refused, 0);
    ASSERT_EQ(leat_reserve_least(&w->out, HOLD + 1, &to), 0);
    ASSERT_EQ(w->refused, 1);
    w->out.hold = NULL;
    w->out.from = w->out.at = 0;
    writer_free(w);
}

TEST(test_a_nested_writer_has_room_again_when_its_bytes_are_taken)
{
    for (size_t n = 1; n <= HOLD; n += 11)
        for (size_t room = 0; room <= 33; room += 11)
            nested(room, n);
}
