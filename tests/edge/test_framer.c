/* test_framer.c - records are whole, in order and short enough, however the input is cut. */
#include "edge/framer.h"

#include <stdlib.h>

#include "test.h"

#define POOL_BYTES ((uint64_t)8 << 20)
#define OUT_MAX 65536u

struct outcome {
    uint8_t bytes[OUT_MAX];
    size_t n;
    uint64_t too_long_at;
    int code;
};

static void put(struct leat_pool *pool, struct leat_slice_queue *raw, const uint8_t *data, size_t n)
{
    struct leat_chunk *chunk;

    ASSERT_EQ(leat_pool_get(pool, 0, &chunk), 0);
    memcpy(chunk->data, data, n);
    leat_slice_queue_push(raw, (struct leat_slice){.chunk = chunk, .len = n});
}

/* Each slice ends with a delimiter; only the last one of the stream need not. */
static void take(struct leat_slice_queue *framed, bool last, struct outcome *o)
{
    for (struct leat_slice *s; (s = leat_slice_queue_head(framed)); leat_slice_queue_pop(framed)) {
        const uint8_t *data = leat_slice_data(s);

        ASSERT_GT(s->len, 0);
        ASSERT_LE(o->n + s->len, OUT_MAX);
        if (!last || framed->n > 1)
            ASSERT_EQ(data[s->len - 1], '\n');
        memcpy(o->bytes + o->n, data, s->len);
        o->n += s->len;
        leat_chunk_unref(s->chunk);
    }
}

/* Gives `text` in pieces of at most `piece` bytes; 0: of random sizes. */
static void frame(const uint8_t *text, size_t n, size_t piece, uint64_t record_max, uint64_t seed,
                  struct outcome *o)
{
    struct leat_slice_queue raw = {.n = 0}, framed = {.n = 0};
    struct leat_framer f = {.pool = NULL};
    struct leat_pool pool;
    size_t at = 0;

    *o = (struct outcome){.code = 0};
    ASSERT_EQ(leat_pool_init(&pool, POOL_BYTES, 65536), 0);
    leat_framer_init(&f, &pool, '\n', record_max);
    do {
        size_t left = n - at, most = piece > 0 ? piece : 1 + test_random(&seed) % 900;
        size_t len = left < most ? left : most;

        if (len > 0)
            put(&pool, &raw, text + at, len);
        at += len;
        do {
            o->code = leat_framer_feed(&f, &raw, at == n, &framed);
            ASSERT(o->code == 0 || framed.n == 0);
            take(&framed, at == n && raw.n == 0, o);
        } while (o->code == 0 && raw.n > 0);
    } while (at < n && o->code == 0);
    o->too_long_at = f.too_long_at;
    leat_slice_queue_clear(&raw);
    leat_framer_done(&f);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

/* Lines of up to `longest` bytes, the last one perhaps without its end. */
static size_t make_text(uint8_t *text, size_t size, size_t longest, uint64_t seed)
{
    size_t n = 0;

    while (n + longest + 1 < size) {
        size_t len = test_random(&seed) % (longest + 1);

        memset(text + n, 'a' + (int)(len % 26), len);
        n += len;
        text[n++] = '\n';
    }
    return test_random(&seed) % 2 ? n : n - 1;
}

static size_t whole_records_before(const uint8_t *text, size_t n, uint64_t record_max,
                                   bool *ret_long)
{
    size_t from = 0;

    *ret_long = false;
    while (from < n) {
        const uint8_t *end = memchr(text + from, '\n', n - from);
        size_t len = end ? (size_t)(end - text) - from : n - from;

        if (len > record_max) {
            *ret_long = true;
            return from;
        }
        from += len + (end != NULL);
    }
    return n;
}

TEST(test_the_records_and_the_outcome_do_not_depend_on_how_the_input_is_cut)
{
    static const size_t pieces[] = {1, 2, 3, 10, 100, 4096, 16384, 60000, 0};
    static const uint64_t limits[] = {1, 10, 63, 64, 65, 299, 300, 5000, (uint64_t)1 << 20};
    static uint8_t text[20000];
    static struct outcome o;

    for (uint64_t seed = 1; seed < 6; seed++)
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++)
            for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
                size_t n = make_text(text, sizeof text, seed < 4 ? 64 : 300, seed), good;
                bool is_long;

                test_context("seed %u, limit %u, pieces of %zu", (unsigned)seed,
                             (unsigned)limits[l], pieces[k]);
                good = whole_records_before(text, n, limits[l], &is_long);
                frame(text, n, pieces[k], limits[l], seed, &o);
                ASSERT_EQ(o.code, is_long ? LEAT_ELIMIT : 0);
                ASSERT_BYTES_EQ(o.bytes, o.n, text, good);
                if (is_long)
                    ASSERT_EQ(o.too_long_at, good);
            }
}

TEST(test_a_record_as_long_as_the_limit_is_not_too_long)
{
    static struct outcome o;

    for (size_t piece = 1; piece < 14; piece++) {
        frame((const uint8_t *)"0123456789\nabc", 14, piece, 10, 0, &o);
        ASSERT_EQ(o.code, 0);
        frame((const uint8_t *)"0123456789\nabc", 14, piece, 9, 0, &o);
        ASSERT_EQ(o.code, LEAT_ELIMIT);
        ASSERT_EQ(o.too_long_at, 0);
    }
}

/* Both pieces of a record that is as long as the limit, and no more, are in memory at once. */
TEST(test_a_record_as_long_as_the_limit_needs_no_more_memory_than_it_and_its_start)
{
    const size_t chunk = 65536, record = 16 * chunk;
    struct leat_slice_queue raw = {.n = 0}, framed = {.n = 0};
    uint8_t *text = malloc(record);
    struct leat_framer f = {.pool = NULL};
    struct leat_pool pool;
    uint64_t rest;

    ASSERT_NOT_NULL(text);
    memset(text, 'x', record);
    ASSERT_EQ(leat_pool_init(&pool, 4 * record, chunk), 0);
    leat_pool_reserve(&pool, 2 * chunk);
    f.share = NULL;
    leat_framer_init(&f, &pool, '\n', record);
    rest = leat_pool_left(&pool) - (record + 1) - record / 2;
    ASSERT(leat_pool_charge(&pool, rest));
    for (size_t at = 0; at < record; at += chunk) {
        put(&pool, &raw, text, chunk);
        ASSERT_EQ(leat_framer_feed(&f, &raw, false, &framed), 0);
        ASSERT_EQ(raw.n, 0);
    }
    put(&pool, &raw, (const uint8_t *)"\n", 1);
    ASSERT_EQ(leat_framer_feed(&f, &raw, true, &framed), 0);
    ASSERT_EQ(framed.n, 1);
    ASSERT_EQ(leat_slice_queue_clear(&framed), record + 1);
    leat_pool_uncharge(&pool, rest);
    leat_framer_done(&f);
    ASSERT_EQ(leat_pool_done(&pool), 0);
    free(text);
}

/* Others hold all of the memory but the framer's own: records that fit into that go on, and a longer one
 * waits until memory is given back. */
TEST(test_a_record_goes_on_in_memory_of_its_own_and_a_longer_one_waits)
{
    const size_t chunk = 65536, piece = 10000, small = 3000;
    uint64_t own = leat_framer_share(chunk), limit = 8 * chunk + own;
    struct leat_slice_queue raw = {.n = 0}, framed = {.n = 0};
    struct leat_framer f = {.pool = NULL};
    static uint8_t text[10000];
    static struct outcome o;
    struct leat_pool pool;
    uint64_t held;

    memset(text, 'x', sizeof text);
    ASSERT_EQ(leat_pool_init(&pool, limit, chunk), 0);
    f.share = leat_pool_share(&pool, own);
    ASSERT_NOT_NULL(f.share);
    leat_pool_reserve(&pool, 4 * chunk + own);
    leat_framer_init(&f, &pool, '\n', 1 << 20);
    held = leat_pool_left(&pool);
    ASSERT(leat_pool_charge(&pool, held));
    for (unsigned i = 0; i < 50; i++) { /* the start of a record, then its end */
        text[small - 1] = i % 2 ? '\n' : 'x';
        put(&pool, &raw, text, small);
        ASSERT_EQ(leat_framer_feed(&f, &raw, false, &framed), 0);
        take(&framed, false, &o);
        o.n = 0;
    }
    text[small - 1] = 'x';
    ASSERT_GT(f.share->used, 0);
    for (unsigned i = 0; i < 4 && raw.n == 0; i++) {
        int r;

        put(&pool, &raw, text, piece);
        r = leat_framer_feed(&f, &raw, false, &framed);
        ASSERT(r == 0 || r == LEAT_SHORT);
    }
    ASSERT_EQ(leat_framer_feed(&f, &raw, false, &framed),
              LEAT_SHORT); /* nothing is lost or moved */
    ASSERT_EQ(raw.n, 1);
    leat_pool_uncharge(&pool, held);
    ASSERT_EQ(leat_framer_feed(&f, &raw, true, &framed), 0);
    o.n = 0;
    take(&framed, true, &o);
    ASSERT_EQ(o.n % piece, 0);
    ASSERT_GT(o.n, piece);
    leat_framer_done(&f);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}
