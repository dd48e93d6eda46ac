/* test_writer.c - the writer of a step. */
#include "memory/writer.h"

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

struct writer {
    struct leat_pool pool;
    struct leat_slice_queue queue;
    struct leat_out out;
};

static void writer_init(struct writer *w, size_t chunk, size_t room)
{
    *w = (struct writer){.queue = {.n = 0}};
    pool_init(&w->pool, chunk);
    leat_out_init(&w->out, &w->queue, &w->pool, room);
}

static void writer_done(struct writer *w)
{
    leat_slice_queue_clear(&w->queue);
    leat_out_done(&w->out);
    ASSERT_EQ(leat_pool_done(&w->pool), 0);
}

/* Compares what is queued with the bytes `from`, `from` + 1 and so on, and drops it. */
static uint64_t take_counted(struct leat_slice_queue *q, uint64_t from)
{
    for (struct leat_slice *s; (s = leat_slice_queue_head(q)); leat_slice_queue_pop(q)) {
        for (size_t i = 0; i < s->len; i++)
            ASSERT_EQ(leat_slice_data(s)[i], (uint8_t)(from + i));
        from += s->len;
        leat_chunk_unref(s->chunk);
    }
    return from;
}

static void count_up(uint8_t *bytes, size_t n, uint64_t from)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(from + i);
}

static void write_steps(size_t chunk, size_t room, size_t piece)
{
    static uint8_t bytes[40000];
    uint64_t made = 0, taken = 0;
    struct writer w;

    test_context("chunk %zu, room %zu, pieces of %zu", chunk, room, piece);
    writer_init(&w, chunk, room);
    for (unsigned step = 0; step < 40; step++) {
        size_t step_bytes = 0, n;

        leat_out_begin(&w.out);
        do {
            count_up(bytes, piece, made);
            n = leat_write(&w.out, bytes, piece);
            made += n;
            step_bytes += n;
        } while (n == piece && step_bytes < 3 * chunk);
        ASSERT(w.out.full);
        ASSERT_EQ(w.out.step_bytes, step_bytes);
        ASSERT_GT(step_bytes, 0);
        if (room) /* to the byte */
            ASSERT_LE(step_bytes, room);
        ASSERT_LT(step_bytes, 2 * chunk); /* the last reserve may begin a chunk */
        leat_out_end(&w.out);
        ASSERT_EQ(w.out.total, made);
        taken = take_counted(&w.queue, taken);
        ASSERT_EQ(taken, made);
    }
    writer_done(&w);
}

TEST(test_what_is_written_is_queued_whole_and_a_step_gives_about_a_chunk)
{
    static const size_t chunks[] = {1, 7, 4096, 40000};
    static const size_t rooms[] = {0, 1, 5, 4096, 100000};
    static const size_t pieces[] = {1, 3, 1000, 5000, 39999};

    for (size_t c = 0; c < 4; c++)
        for (size_t r = 0; r < 5; r++)
            for (size_t p = 0; p < 5; p++)
                if (chunks[c] < 10000 || pieces[p] >= 1000 || rooms[r])
                    write_steps(chunks[c], rooms[r], pieces[p]);
}

TEST(test_the_rest_of_a_chunk_is_filled_by_the_next_step)
{
    struct leat_chunk *first;
    struct writer w;

    writer_init(&w, CHUNK, 0);
    leat_out_begin(&w.out);
    ASSERT_EQ(leat_write(&w.out, "abc", 3), 3);
    ASSERT(!w.out.full);
    leat_out_end(&w.out);
    first = leat_slice_queue_head(&w.queue)->chunk;
    leat_out_begin(&w.out);
    ASSERT_EQ(leat_write(&w.out, "de", 2), 2);
    leat_out_end(&w.out);
    ASSERT_EQ(w.queue.n, 1); /* it continues the slice that is still there */
    ASSERT(leat_slice_queue_head(&w.queue)->chunk == first);
    ASSERT_MEM_EQ(leat_slice_data(leat_slice_queue_head(&w.queue)), "abcde", 5);
    writer_done(&w);
}

TEST(test_a_writer_without_memory_says_so_and_goes_on_when_there_is_some)
{
    struct leat_chunk *all[200];
    struct writer w;
    uint8_t *to;

    writer_init(&w, CHUNK, 0);
    for (unsigned i = 0; i < 200; i++)
        all[i] = get(&w.pool);
    leat_out_begin(&w.out);
    ASSERT_EQ(leat_reserve(&w.out, &to), 0);
    ASSERT_NULL(to);
    ASSERT(w.out.starved && w.out.full && !w.out.nomem);
    leat_out_end(&w.out);
    leat_chunk_unref(all[0]);
    leat_out_begin(&w.out);
    ASSERT(!w.out.starved && !w.out.full);
    ASSERT_EQ(leat_reserve(&w.out, &to), CHUNK);
    leat_commit(&w.out, 0);
    leat_out_end(&w.out);
    ASSERT_EQ(w.queue.n, 0);
    for (unsigned i = 1; i < 200; i++)
        leat_chunk_unref(all[i]);
    writer_done(&w);
}

/* Every other slice is from another chunk, so none joins. The places that are left are for what the
 * writer holds, and for a mark. */
TEST(test_a_queue_without_a_free_place_is_no_room_and_never_runs_over)
{
    for (int by_pass = 0; by_pass < 2; by_pass++) {
        struct leat_in in = {.len = 2 * CHUNK};
        struct leat_chunk *big = NULL;
        struct writer w;
        size_t n = 1;

        writer_init(&w, 4 * CHUNK, 0);
        ASSERT_EQ(leat_pool_get(&w.pool, 2 * CHUNK, &big), 0);
        in.data = big->data;
        memset(big->data, 'x', 2 * CHUNK);
        in.engine = big;
        for (unsigned step = 0; n > 0; step++) {
            ASSERT_LT(step, 10 * LEAT_SLICE_QUEUE_MAX);
            in.pos = step % 2 ? 0 : LEAT_PASS_MIN + 1;
            leat_out_begin(&w.out);
            if (by_pass || step % 2)
                n = leat_pass(&w.out, &in, LEAT_PASS_MIN);
            else
                n = leat_write(&w.out, "y", 1);
            leat_out_end(&w.out);
            leat_out_mark(&w.out);
        }
        ASSERT(w.out.full);
        ASSERT_LE(w.queue.n, LEAT_SLICE_QUEUE_MAX);
        ASSERT_GE(w.queue.n, LEAT_SLICE_QUEUE_MAX - 3);
        leat_slice_queue_clear(&w.queue);
        leat_chunk_unref(big);
        writer_done(&w);
    }
}

TEST(test_more_than_was_offered_cannot_be_committed)
{
    struct writer w;
    uint8_t *to;

    writer_init(&w, CHUNK, 100);
    leat_out_begin(&w.out);
    ASSERT_EQ(leat_reserve(&w.out, &to), 100);
    ASSERT_BREAKS(leat_commit(&w.out, 101), "n <= out->offered");
    leat_commit(&w.out, 60);
    ASSERT_BREAKS(leat_commit(&w.out, 1), "n <= out->offered"); /* one commit a reserve */
    ASSERT_EQ(leat_reserve(&w.out, &to), 40);
    ASSERT_BREAKS(leat_out_discard(&w.out), "out->at == out->from"); /* within a step */
    leat_commit(&w.out, 40);
    ASSERT_EQ(leat_reserve(&w.out, &to), 0);
    leat_out_end(&w.out);
    writer_done(&w);
}

TEST(test_a_writer_that_discards_takes_everything_and_one_that_is_closed_nothing)
{
    static const uint8_t bytes[100];
    struct writer w;
    uint8_t *to;

    writer_init(&w, CHUNK, 0);
    leat_out_discard(&w.out);
    for (unsigned step = 0; step < 1000; step++) {
        leat_out_begin(&w.out);
        ASSERT_EQ(leat_write(&w.out, bytes, sizeof bytes), sizeof bytes);
        leat_out_end(&w.out);
        leat_out_mark(&w.out);
    }
    ASSERT_EQ(w.queue.n, 0);
    ASSERT_EQ(w.out.total, 1000 * sizeof bytes);
    leat_out_close(&w.out);
    leat_out_begin(&w.out);
    ASSERT_EQ(leat_reserve(&w.out, &to), 0);
    ASSERT(w.out.full && !w.out.starved);
    leat_out_end(&w.out);
    writer_done(&w);
}

/* --- passing ------------------------------------------------------------------------------------ */

static void pass_one(size_t n, size_t room, bool engine)
{
    bool by_reference = n >= LEAT_PASS_MIN && !room && engine;
    struct leat_chunk *chunk;
    struct leat_in in;
    struct writer w;
    size_t done;

    test_context("%zu bytes, room %zu, engine %d", n, room, engine);
    writer_init(&w, CHUNK, room);
    chunk = get(&w.pool);
    count_up(chunk->data, CHUNK, 0);
    in = (struct leat_in){.data = chunk->data + 10, .pos = 5, .len = n + 6};
    in.engine = engine ? chunk : NULL;
    leat_out_begin(&w.out);
    done = leat_pass(&w.out, &in, n);
    leat_out_end(&w.out);
    ASSERT_EQ(done, room && room < n ? room : n);
    ASSERT_EQ(in.pos, 5 + done);
    ASSERT_EQ(w.out.full, done < n);
    ASSERT_EQ(w.out.step_bytes, done);
    if (done > 0)
        ASSERT_EQ(leat_slice_queue_head(&w.queue)->chunk == chunk, by_reference);
    ASSERT_EQ(refs(chunk), by_reference ? 2 : 1);
    ASSERT_EQ(take_counted(&w.queue, 15), 15 + done);
    leat_chunk_unref(chunk);
    writer_done(&w);
}

TEST(test_large_ranges_pass_by_reference_and_small_ones_are_copied)
{
    static const size_t sizes[] = {0, 1, LEAT_PASS_MIN - 1, LEAT_PASS_MIN, 7000};
    static const size_t rooms[] = {0, 1, 5000};

    for (size_t s = 0; s < 5; s++)
        for (size_t r = 0; r < 3; r++)
            for (int engine = 0; engine < 2; engine++)
                pass_one(sizes[s], rooms[r], engine);
}

TEST(test_more_than_is_left_of_the_input_cannot_be_passed)
{
    struct leat_in in = {.data = (const uint8_t *)"abc", .pos = 1, .len = 3};
    struct writer w;

    writer_init(&w, CHUNK, 0);
    leat_out_begin(&w.out);
    ASSERT_BREAKS((void)leat_pass(&w.out, &in, 3), "n <= in->len - in->pos");
    ASSERT_BREAKS((void)leat_pass_all(&w.out, &in, 3), "n <= in->len - in->pos");
    ASSERT_BREAKS((void)leat_port(&w.out, 1), "i < out->n_ports");
    ASSERT_EQ(leat_pass(&w.out, &in, 2), 2);
    leat_out_end(&w.out);
    writer_done(&w);
}

/* Written bytes stand before passed ones in the order of the calls. */
TEST(test_what_was_written_before_a_pass_stands_before_it)
{
    struct leat_chunk *chunk;
    struct leat_in in;
    struct writer w;
    uint8_t bytes[20];

    writer_init(&w, CHUNK, 0);
    chunk = get(&w.pool);
    count_up(chunk->data, CHUNK, 10);
    in = (struct leat_in){.data = chunk->data, .len = 5000, .engine = chunk};
    count_up(bytes, 20, 0);
    leat_out_begin(&w.out);
    ASSERT_EQ(leat_write(&w.out, bytes, 10), 10);
    ASSERT_EQ(leat_pass(&w.out, &in, 5000), 5000);
    count_up(bytes, 20, 5010);
    ASSERT_EQ(leat_write(&w.out, bytes, 10), 10);
    leat_out_end(&w.out);
    ASSERT_EQ(w.queue.n, 3);
    ASSERT_EQ(take_counted(&w.queue, 0), 5020);
    leat_chunk_unref(chunk);
    writer_done(&w);
}

#define PORTS 5u

static void pass_to_ports(unsigned gone, unsigned full, size_t n)
{
    struct leat_slice_queue queues[PORTS] = {{.n = 0}};
    struct leat_out ports[PORTS];
    struct leat_chunk *chunk;
    struct leat_pool pool;
    struct leat_in in;
    size_t done, again;

    test_context("%zu bytes, gone %#x, full %#x", n, gone, full);
    pool_init(&pool, CHUNK);
    chunk = get(&pool);
    count_up(chunk->data, CHUNK, 0);
    for (unsigned i = 0; i < PORTS; i++) {
        leat_out_init(&ports[i], &queues[i], &pool, 0);
        if (gone >> i & 1)
            leat_out_discard(&ports[i]);
        for (unsigned k = 0; (full >> i & 1) && k < LEAT_SLICE_QUEUE_MAX - 2; k++)
            push(&queues[i], chunk, 3 * k, 2);
    }
    ports[0].ports = ports;
    ports[0].n_ports = PORTS;
    in = (struct leat_in){.data = chunk->data, .len = 2 * n, .engine = chunk};
    done = 0;
    for (unsigned step = 0; step < 2; step++) { /* the second one leaves the bytes of the first */
        for (unsigned i = 0; i < PORTS; i++)
            leat_out_begin(&ports[i]);
        again = leat_pass_all(&ports[0], &in, n);
        ASSERT_EQ(again, full & ~gone ? 0 : n);
        ASSERT_EQ(ports[0].full, again == 0);
        for (unsigned i = 0; i < PORTS; i++) {
            leat_out_end(&ports[i]);
            ASSERT_EQ(ports[i].step_bytes, again);
        }
        done += again;
        ASSERT_EQ(in.pos, done);
    }
    for (unsigned i = 0; i < PORTS; i++) {
        if (full == 0)
            ASSERT_EQ(take_counted(&queues[i], 0), gone >> i & 1 ? 0 : done);
        leat_slice_queue_clear(&queues[i]);
        leat_out_done(&ports[i]);
    }
    leat_chunk_unref(chunk);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

/* All ports get the same or none gets anything, and a port that is gone is no port. */
TEST(test_all_ports_get_the_same_bytes_or_none_does)
{
    for (unsigned gone = 0; gone < 1u << PORTS; gone++)
        for (unsigned full = 0; full < 1u << PORTS; full = full ? 2 * full : 1) {
            pass_to_ports(gone, full, 100);
            pass_to_ports(gone, full, LEAT_PASS_MIN);
        }
}

/* --- marks -------------------------------------------------------------------------------------- */

TEST(test_a_mark_stands_after_new_bytes_only)
{
    struct writer w;

    writer_init(&w, CHUNK, 0);
    leat_out_mark(&w.out);
    ASSERT_EQ(w.queue.n, 0); /* nothing came before it */
    for (unsigned i = 1; i < 5; i++) {
        leat_out_begin(&w.out);
        ASSERT_EQ(leat_write(&w.out, "abc", 3), 3);
        leat_out_end(&w.out);
        leat_out_mark(&w.out);
        leat_out_mark(&w.out);
        ASSERT_EQ(w.queue.n, 2 * i);
        ASSERT(leat_slice_is_mark(&w.queue.v[2 * i - 1]));
    }
    leat_out_close(&w.out);
    w.out.total++;
    leat_out_mark(&w.out); /* nobody reads: no mark, and no crash */
    writer_done(&w);
}
