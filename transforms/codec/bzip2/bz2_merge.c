/* bz2_merge.c - bzip2 decoding in lanes: the merge, which knows the true block boundaries. */

#include "stage.h"

#if HAVE_BZ2

#include <string.h>

#include "base/invariant.h"
#include "bz2_split.h"

#define HEADER 4u /* bytes: BZh and a digit */
#define MAGIC_BYTES 6u
#define CRC_BITS 32u

/* --- between blocks --------------------------------------------------------------------------- */

static uint32_t bits_at(const uint8_t *data, size_t bit)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 5; i++)
        v = v << 8 | data[bit / 8 + i];
    return (uint32_t)(v >> (8 - bit % 8));
}

static void problem(struct leat_bz2_tail *t, uint64_t at, const char *text)
{
    t->problem = text;
    t->problem_at = at;
}

static void tail_next(struct leat_bz2_tail *t, int place)
{
    t->place = place;
    t->n = 0;
    t->bit = 0;
}

static void tail_header(struct leat_bz2_merge *m, uint64_t at)
{
    static const uint8_t header[HEADER - 1] = {'B', 'Z', 'h'}; /* and the level */
    struct leat_bz2_tail *t = &m->tail;
    uint8_t byte;

    leat_assert(t->n >= 1 && t->n <= HEADER);
    byte = t->bytes[t->n - 1];
    if (t->n < HEADER ? byte != header[t->n - 1] : byte < '1' || byte > '9') {
        problem(t, at + 1 - t->n, t->later_stream ? LEAT_BZ2_GARBAGE : LEAT_BZ2_NOT);
    } else if (t->n == HEADER) {
        m->level = byte - (unsigned)'0';
        m->crc = 0;
        tail_next(t, LEAT_BZ2_IN_MAGIC);
    }
}

static void tail_magic(struct leat_bz2_tail *t, uint64_t at)
{
    uint64_t have = 0;
    unsigned missing = 8 * (MAGIC_BYTES - (unsigned)t->n);

    for (size_t i = 0; i < t->n; i++)
        have = have << 8 | t->bytes[i];
    if (have != LEAT_BZ2_BLOCK >> missing && have != LEAT_BZ2_END >> missing)
        problem(t, at + 1 - t->n, LEAT_BZ2_CORRUPT);
    else if (missing == 0 && have == LEAT_BZ2_BLOCK)
        tail_next(t, LEAT_BZ2_AT_BLOCK);
    else if (missing == 0)
        t->place = LEAT_BZ2_IN_CRC; /* after the bytes that are there */
}

static void tail_crc(struct leat_bz2_merge *m, uint64_t at)
{
    struct leat_bz2_tail *t = &m->tail;
    size_t bits = t->bit + LEAT_BZ2_MAGIC_BITS;

    if (8 * t->n < bits + CRC_BITS)
        return;
    if (bits_at(t->bytes, bits) != m->crc)
        problem(t, at + 1 - t->n, LEAT_BZ2_CORRUPT);
    t->later_stream = true;
    tail_next(t, LEAT_BZ2_IN_HEADER);
}

/* The next byte outside of blocks, and its offset. */
static void tail_byte(struct leat_bz2_merge *m, uint8_t byte, uint64_t at)
{
    struct leat_bz2_tail *t = &m->tail;

    t->bytes[t->n++] = byte;
    switch (t->place) {
    case LEAT_BZ2_IN_HEADER:
        tail_header(m, at);
        break;
    case LEAT_BZ2_IN_MAGIC:
        tail_magic(t, at);
        break;
    case LEAT_BZ2_IN_CRC:
        tail_crc(m, at);
        break;
    case LEAT_BZ2_AT_BLOCK: /* the cutter cuts at each block */
    default:
        problem(t, at, LEAT_BZ2_CORRUPT);
        break;
    }
}

static void tail_bytes(struct leat_bz2_merge *m, const uint8_t *data, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n && !m->tail.problem; i++)
        tail_byte(m, data[i], at + i);
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* The block is complete, and libbz2 has checked its CRC: add that to the CRC of the stream. */
static void block_over(struct leat_bz2_merge *m)
{
    m->crc = (m->crc << 1 | m->crc >> 31) ^ bits_at(m->head, m->block_bit + LEAT_BZ2_MAGIC_BITS);
}

static void tail_begins(struct leat_bz2_merge *m, unsigned bit)
{
    block_over(m);
    m->mode = LEAT_BZ2_TAIL;
    tail_next(&m->tail, LEAT_BZ2_IN_CRC);
    m->tail.bit = bit;
}

static bool has_output(const struct leat_bz2_feed *feed)
{
    return feed->bz.total_out_lo32 > 0 || feed->bz.total_out_hi32 > 0;
}

/* Decodes data, up to n. Returns LEAT_END when all of it is consumed; LEAT_MORE: no room. */
static int decode(struct leat_stage *stage, struct leat_bz2_split *s, const uint8_t *data,
                  size_t *pos, size_t n, struct leat_out *out)
{
    for (;;) {
        size_t made, room;
        uint8_t *to;
        int r;

        room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        r = leat_bz2_feed_run(&s->feed, data, pos, n, to, room, &made);
        leat_commit(out, made);
        if (r == LEAT_ENOMEM)
            return leat_fail(stage, r, "out of memory for libbz2");
        if (r != LEAT_MORE)
            return leat_fail_at(stage, LEAT_ECORRUPT, s->merge.block_at, LEAT_BZ2_CORRUPT);
        if (made < room)
            return LEAT_END;
    }
}

/* Decodes up to the next magic number that may end the block. Returns LEAT_END, LEAT_MORE if there
 * is no room, or fails. */
static int decode_alone(struct leat_stage *stage, struct leat_bz2_split *s, const uint8_t *data,
                        size_t *pos, size_t n, struct leat_out *out)
{
    struct leat_bz2_merge *m = &s->merge;
    size_t from = *pos;
    int r;

    if (!m->pending) {
        m->magic = 0;
        m->upto = leat_bz2_scan_find(&s->scan, data + *pos, n - *pos, true, &m->magic, &m->after);
        m->at_magic = m->magic == LEAT_BZ2_BLOCK;
        m->pending = true;
    }
    r = decode(stage, s, data, pos, from + m->upto, out);
    m->upto -= *pos - from;
    if (r != LEAT_END)
        return r;
    m->pending = false;
    if (m->magic == LEAT_BZ2_END && has_output(&s->feed)) {
        size_t bytes = MAGIC_BYTES + (m->after > 0);

        tail_begins(m, (8 - m->after) % 8);
        for (size_t i = bytes; i-- > 0;)
            m->tail.bytes[m->tail.n++] = (uint8_t)(s->scan.last >> 8 * i);
    }
    return LEAT_END;
}

/* --- a piece ---------------------------------------------------------------------------------- */

static int piece_begins(struct leat_stage *stage, struct leat_bz2_split *s)
{
    struct leat_bz2_merge *m = &s->merge;
    const struct leat_bz2_piece *p = &m->piece;
    int r;

    m->raw_pos = 0;
    m->raw_over = m->takes_data = false;
    if (m->mode != LEAT_BZ2_LANES)
        return 0;
    m->done_to = m->block_at = p->offset;
    m->block_bit = p->bit;
    m->takes_data = p->decoded && p->level == m->level;
    if (m->takes_data)
        return 0;
    m->mode = LEAT_BZ2_ALONE;
    m->pending = m->at_magic = false;
    leat_bz2_scan_init(&s->scan);
    r = leat_bz2_feed_open(&s->feed, stage);
    return r < 0 ? r : leat_bz2_feed_begin(&s->feed, stage, m->level, p->bit);
}

/* Bytes of a piece that a lane has decoded: keeps the first ones of the block, and reads those
 * after the block. */
static void take_decoded(struct leat_bz2_merge *m, const uint8_t *data, size_t n)
{
    size_t tail = m->piece.end_bit / 8, from = m->raw_pos;

    if (m->piece.end_bit == 0 || from + n <= tail)
        return;
    if (m->mode == LEAT_BZ2_LANES)
        tail_begins(m, m->piece.end_bit % 8);
    if (from < tail) {
        data += tail - from;
        n -= tail - from;
        from = tail;
    }
    tail_bytes(m, data, n, m->piece.offset + from);
}

/* Keeps the first bytes of the block, from n bytes at offset `at`. */
static void keep_head(struct leat_bz2_merge *m, const uint8_t *data, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n && at + i < m->block_at + sizeof m->head; i++)
        m->head[at + i - m->block_at] = data[i];
}

/* Takes n raw bytes of the piece. Returns LEAT_END; LEAT_MORE: not all, because there is no
 * room. */
static int take_raw(struct leat_stage *stage, struct leat_bz2_split *s, const uint8_t *data,
                    size_t n, size_t *ret_taken, struct leat_out *out)
{
    struct leat_bz2_merge *m = &s->merge;
    uint64_t at = m->piece.offset + m->raw_pos;
    size_t seen = at < m->done_to ? (size_t)(m->done_to - at) : 0, pos;
    int r = LEAT_END;

    *ret_taken = n;
    if (seen >= n) /* the piece before had it too */
        return LEAT_END;
    if (m->takes_data) {
        keep_head(m, data, n, at);
        take_decoded(m, data, n);
    } else if (m->mode == LEAT_BZ2_TAIL) {
        tail_bytes(m, data + seen, n - seen, at + seen);
    } else {
        keep_head(m, data + seen, n - seen, at + seen);
        pos = seen;
        while (r == LEAT_END && pos < n && m->mode == LEAT_BZ2_ALONE)
            r = decode_alone(stage, s, data, &pos, n, out);
        *ret_taken = pos;
    }
    m->done_to = at + *ret_taken;
    return r;
}

/* All raw bytes of the piece are taken: can the contents of the next piece come from its lane? */
static void raw_ends(struct leat_bz2_split *s)
{
    struct leat_bz2_merge *m = &s->merge;

    m->raw_over = true;
    if (m->mode == LEAT_BZ2_TAIL && m->tail.place == LEAT_BZ2_AT_BLOCK) {
        m->mode = LEAT_BZ2_LANES;
    } else if (m->mode == LEAT_BZ2_LANES) {
        block_over(m);
    } else if (m->mode == LEAT_BZ2_ALONE && m->at_magic && has_output(&s->feed)) {
        block_over(m);
        m->mode = LEAT_BZ2_LANES;
    }
}

static int piece_ends(struct leat_stage *stage, struct leat_bz2_merge *m,
                      const struct leat_bz2_result *result)
{
    if (m->takes_data && result->bad)
        return leat_fail_at(stage, LEAT_ECORRUPT, m->block_at, LEAT_BZ2_CORRUPT);
    if (m->tail.problem)
        return leat_fail_at(stage, LEAT_ECORRUPT, m->tail.problem_at, "%s", m->tail.problem);
    m->piece_have = 0;
    return LEAT_END;
}

static bool take_piece(struct leat_bz2_merge *m, struct leat_in *in)
{
    size_t n = sizeof m->piece - m->piece_have;

    if (n > in->len - in->pos)
        n = in->len - in->pos;
    memcpy((uint8_t *)&m->piece + m->piece_have, in->data + in->pos, n);
    m->piece_have += n;
    in->pos += n;
    return m->piece_have == sizeof m->piece;
}

int leat_bz2_merge(struct leat_stage *stage, void *state, struct leat_in *in, const void *result,
                   struct leat_out *out)
{
    struct leat_bz2_split *s = state;
    struct leat_bz2_merge *m = &s->merge;
    int r;

    if (m->piece_have < sizeof m->piece) {
        if (!take_piece(m, in))
            return LEAT_MORE;
        r = piece_begins(stage, s);
        if (r < 0)
            return r;
    }
    if (m->pending && m->upto == 0) { /* there was no room for the output */
        size_t none = 0;

        r = decode_alone(stage, s, in->data, &none, 0, out);
        if (r != LEAT_END)
            return r;
    }
    while (m->raw_pos < m->piece.len && in->pos < in->len) {
        size_t left = m->piece.len - m->raw_pos, n = in->len - in->pos, taken;

        r = take_raw(stage, s, in->data + in->pos, n < left ? n : left, &taken, out);
        if (r < 0)
            return r;
        in->pos += taken;
        m->raw_pos += taken;
        if (r == LEAT_MORE)
            return r;
    }
    if (m->raw_pos < m->piece.len)
        return LEAT_MORE;
    if (!m->raw_over)
        raw_ends(s);
    while (m->takes_data && in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    in->pos = in->len;
    return in->end ? piece_ends(stage, m, result) : LEAT_MORE;
}

int leat_bz2_join(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                  struct leat_out *out)
{
    const struct leat_bz2_split *s = state;
    const struct leat_bz2_merge *m = &s->merge;
    const struct leat_bz2_tail *t = &m->tail;

    (void)result;
    (void)out;
    if (when != LEAT_JOIN_TAIL)
        return LEAT_END;
    if (m->mode == LEAT_BZ2_TAIL && t->later_stream && t->place == LEAT_BZ2_IN_HEADER && t->n == 0)
        return LEAT_END;
    return leat_fail_at(stage, LEAT_ETRUNCATED, m->done_to, LEAT_BZ2_TRUNCATED);
}

void leat_bz2_close(struct leat_stage *stage, void *state)
{
    struct leat_bz2_split *s = state;

    leat_bz2_feed_close(&s->feed, stage);
    leat_free(stage, s->lane.raw);
    s->lane.raw = NULL;
}

#else
typedef int leat_bz2_merge_is_empty; /* no libbz2 in this build */
#endif
