/* framer.c - make whole records out of arbitrary slices.
 *
 * Records that end inside a slice are handed on by reference. Only the start of a record at the end
 * of a slice is copied, to a small chunk (`carry`), where its rest is added. The starts of later
 * records go to the same chunk, so that a few bytes do not pin a chunk each.
 *
 * record_max does not count the delimiter, and it does not matter whether a record came in one
 * slice or in several: the outcome, and the records handed on before the error, depend only on the
 * bytes.
 */

#include "framer.h"

#include <string.h>

#define CARRY_SIZE ((size_t)16384)
#define CARRIES 2u /* one that is being filled; one whose records are in use */

static size_t carry_size(size_t chunk_size)
{
    return chunk_size < CARRY_SIZE ? chunk_size : CARRY_SIZE;
}

uint64_t leat_framer_share(size_t chunk_size)
{
    return (uint64_t)CARRIES * carry_size(chunk_size);
}

void leat_framer_init(struct leat_framer *f, struct leat_pool *pool, uint8_t delimiter,
                      uint64_t record_max)
{
    leat_assert(!f->carry);
    leat_assert(pool != NULL);
    *f = (struct leat_framer){
        .pool = pool, .share = f->share, .delimiter = delimiter, .record_max = record_max};
}

uint64_t leat_framer_done(struct leat_framer *f)
{
    uint64_t carried = f->at - f->from;

    leat_assert(f->from <= f->at);
    leat_chunk_unref(f->carry);
    f->carry = NULL;
    f->from = f->at = 0;
    return carried;
}

/* The size of a chunk for `need` bytes of a record. Sizes double, but the last one is record_max
 * plus the delimiter: no record needs more. */
static size_t grown_size(const struct leat_framer *f, size_t need)
{
    const size_t first = carry_size(f->pool->chunk_size);
    size_t size = first;

    leat_assert(need <= f->record_max + 1);
    while (size < need)
        size *= 2;
    return size > first && size >= f->record_max ? (size_t)f->record_max + 1 : size;
}

/* Make room for n more bytes of the carried record; ended: the last of them is its delimiter. */
static int carry_room(struct leat_framer *f, size_t n, bool ended)
{
    size_t held = f->at - f->from, size;
    struct leat_chunk *c;
    int r;

    leat_assert(n > 0);
    leat_assert(f->offset >= held);
    if (held + n - ended > f->record_max) {
        f->too_long_at = f->offset - held;
        f->wants = 0;
        return LEAT_ELIMIT;
    }
    if (f->carry && f->carry->cap - f->at >= n)
        return 0;
    size = grown_size(f, held + n);
    leat_assert(size >= held + n);
    r = leat_pool_get_shared(f->pool, f->share, size, &c);
    if (r < 0) {
        f->too_long_at = f->offset - held;
        f->wants = size;
        return r == LEAT_ELIMIT ? LEAT_SHORT : r;
    }
    leat_assert(c->cap == size);
    leat_assert(f->carry || held == 0);
    if (f->carry)
        memcpy(c->data, f->carry->data + f->from, held);
    leat_chunk_unref(f->carry);
    f->carry = c;
    f->from = 0;
    f->at = held;
    return 0;
}

static int carry_add(struct leat_framer *f, const uint8_t *data, size_t n, bool ended)
{
    int r = carry_room(f, n, ended);

    if (r != 0)
        return r;
    leat_assert(n <= f->carry->cap - f->at);
    memcpy(f->carry->data + f->at, data, n);
    f->at += n;
    return 0;
}

static void carry_push(struct leat_framer *f, struct leat_slice_queue *framed)
{
    leat_assert(f->at > f->from);
    leat_assert(f->at <= f->carry->cap);
    leat_slice_queue_push(framed, (struct leat_slice){.chunk = leat_chunk_ref(f->carry),
                                                      .off = f->from,
                                                      .len = f->at - f->from});
    f->from = f->at;
}

/* Remove the first n bytes from the head of raw. */
static void advance(struct leat_framer *f, struct leat_slice_queue *raw, size_t n)
{
    struct leat_slice *s = leat_slice_queue_head(raw);

    leat_assert(n > 0 && n <= s->len);
    s->off += n;
    s->len -= n;
    f->offset += n;
    if (s->len == 0) {
        leat_chunk_unref(s->chunk);
        leat_slice_queue_pop(raw);
    }
}

/* How many of these n bytes, which are whole records, come before the first record that is too
 * long? Searches backwards for a delimiter in each range of record_max + 1 bytes, so it reads few
 * of them. */
static size_t short_enough(const struct leat_framer *f, const uint8_t *data, size_t n)
{
    size_t from = 0;

    leat_assert(n > 0);
    leat_assert(data[n - 1] == f->delimiter);
    if (n - 1 <= f->record_max)
        return n;
    while (n - from - 1 > f->record_max) {
        const uint8_t *end = memrchr(data + from, f->delimiter, (size_t)f->record_max + 1);

        if (!end)
            return from;
        from = (size_t)(end - data) + 1;
        leat_assert(from <= n);
        if (from == n)
            break;
    }
    return n;
}

/* One move: finish the carried record, hand on whole records or a flush marker, or carry a start.
 * */
static int move(struct leat_framer *f, struct leat_slice_queue *raw,
                struct leat_slice_queue *framed)
{
    struct leat_slice *s = leat_slice_queue_head(raw);
    const uint8_t *data, *end;
    size_t n = s->len;
    int r;

    leat_assert(f->from <= f->at);
    leat_assert(f->carry || leat_framer_empty(f));
    if (leat_slice_is_mark(s)) { /* a carried start stays: it is no record yet */
        leat_slice_queue_mark_at(framed, s->off);
        leat_slice_queue_pop(raw);
        return 0;
    }
    data = leat_slice_data(s);
    if (!leat_framer_empty(f)) {
        end = memchr(data, f->delimiter, n);
        if (end)
            n = (size_t)(end - data) + 1;
        r = carry_add(f, data, n, end != NULL);
        if (r != 0)
            return r;
        if (end)
            carry_push(f, framed);
        advance(f, raw, n);
        return 0;
    }
    end = memrchr(data, f->delimiter, n);
    if (!end) {
        r = carry_add(f, data, n, false);
        if (r == 0)
            advance(f, raw, n);
        return r;
    }
    n = short_enough(f, data, (size_t)(end - data) + 1);
    if (n == 0) {
        f->too_long_at = f->offset;
        f->wants = 0;
        return LEAT_ELIMIT;
    }
    leat_assert(data[n - 1] == f->delimiter); /* whole records */
    leat_slice_queue_push(
        framed, (struct leat_slice){.chunk = leat_chunk_ref(s->chunk), .off = s->off, .len = n});
    advance(f, raw, n);
    return 0;
}

int leat_framer_feed(struct leat_framer *f, struct leat_slice_queue *raw, bool ended,
                     struct leat_slice_queue *framed)
{
    while (raw->n > 0 && framed->n + 2 <= LEAT_SLICE_QUEUE_MAX) {
        int r = move(f, raw, framed);

        if (r != 0) /* hand on the records before it first; the error is found again */
            return framed->n > 0 ? 0 : r;
    }
    if (ended && raw->n == 0 && !leat_framer_empty(f) && framed->n < LEAT_SLICE_QUEUE_MAX)
        carry_push(f, framed);
    return 0;
}
