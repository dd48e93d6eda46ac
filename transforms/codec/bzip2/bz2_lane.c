/* bz2_lane.c - bzip2 decoding in lanes: the cutter, and a lane. */

#include "stage.h"

#if HAVE_BZ2

#include <string.h>

#include "bz2_split.h"

#define NOTE_AFTER 7u /* bits of the last byte of the history that are after the magic number */
#define NOTE_KIND_SHIFT 3u
#define NOTE_KIND 3u
#define NOTE_LEVEL_SHIFT 8u
#define LEVEL_MAX 9u

/* --- cutter ----------------------------------------------------------------------------------- */

/* The level in the stream header directly before the magic number that was found; 0: no header. */
static unsigned level_before(const struct leat_bz2_scan *scan)
{
    unsigned digit = (unsigned)(scan->last >> 48 & 0xff);

    if ((scan->before & 0xffff) != ('B' << 8 | 'Z') || scan->last >> 56 != 'h' || digit < '1' ||
        digit > '9')
        return 0;
    return digit - '0';
}

int leat_bz2_cut(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
                 size_t *ret_take, uint64_t *ret_note)
{
    struct leat_bz2_split *s = state;
    size_t left = LEAT_BZ2_PIECE - s->have, n = len < left ? len : left;
    unsigned after, level;
    uint64_t magic;

    (void)stage;
    if (!s->scanning) {
        leat_bz2_scan_init(&s->scan);
        s->scanning = true;
        s->level = LEVEL_MAX;
    }
    n = leat_bz2_scan_find(&s->scan, data, n, false, &magic, &after);
    *ret_take = n;
    s->have += n;
    if (len == 0) { /* a flush marker; if it is within a block, the merge decodes that block */
        *ret_note = LEAT_BZ2_CONTINUED << NOTE_KIND_SHIFT;
    } else if (magic) {
        level = after == 0 ? level_before(&s->scan) : 0;
        if (level > 0)
            s->level = level;
        *ret_note =
            after | LEAT_BZ2_PIECE_OF << NOTE_KIND_SHIFT | (uint64_t)s->level << NOTE_LEVEL_SHIFT;
    } else if (s->have == LEAT_BZ2_PIECE) {
        *ret_note = LEAT_BZ2_CONTINUED << NOTE_KIND_SHIFT;
    } else {
        return 0;
    }
    s->have = 0;
    return 1;
}

/* --- lane ------------------------------------------------------------------------------------- */

int leat_bz2_lane_open(struct leat_stage *stage, void *state)
{
    struct leat_bz2_split *s = state;
    int r = leat_bz2_feed_open(&s->feed, stage);

    if (r < 0)
        return r;
    s->lane.raw = leat_alloc_raw(stage, LEAT_BZ2_PIECE + LEAT_BZ2_HISTORY);
    return s->lane.raw ? 0 : LEAT_ENOMEM;
}

int leat_bz2_lane_begin(struct leat_stage *stage, void *state, const struct leat_in *in)
{
    struct leat_bz2_split *s = state;
    struct leat_bz2_lane *l = &s->lane;
    uint8_t *raw = l->raw;

    (void)stage;
    *l = (struct leat_bz2_lane){.raw = raw, .n_raw = in->history_len};
    if (in->history_len > 0)
        memcpy(raw, in->history, in->history_len);
    l->start_bit = 8 * in->history_len;
    l->piece.kind = (uint8_t)(in->note >> NOTE_KIND_SHIFT & NOTE_KIND);
    l->piece.level = (uint8_t)(in->note >> NOTE_LEVEL_SHIFT);
    if (l->piece.kind == LEAT_BZ2_PIECE_OF)
        l->start_bit -= LEAT_BZ2_MAGIC_BITS + (size_t)(in->note & NOTE_AFTER);
    l->from = l->start_bit / 8;
    l->piece.bit = (uint8_t)(l->start_bit % 8);
    l->piece.offset = in->offset - in->history_len + l->from;
    return 0;
}

/* Finds the end of the block: the magic number that ends the stream, or that of the next block. */
static bool find_end(struct leat_bz2_split *s)
{
    struct leat_bz2_lane *l = &s->lane;
    size_t behind = (l->start_bit + LEAT_BZ2_MAGIC_BITS) / 8;
    unsigned after;
    uint64_t magic;

    leat_bz2_scan_init(&s->scan);
    l->feed_end = behind + leat_bz2_scan_find(&s->scan, l->raw + behind, l->n_raw - behind, true,
                                              &magic, &after);
    if (magic == LEAT_BZ2_END)
        l->piece.end_bit = (uint32_t)(8 * (l->feed_end - l->from) - after - LEAT_BZ2_MAGIC_BITS);
    return magic != 0;
}

/* The piece is complete: does it contain a block? libbz2 decodes until there would be output. */
static int try_block(struct leat_stage *stage, struct leat_bz2_split *s)
{
    struct leat_bz2_lane *l = &s->lane;
    size_t made;
    int r;

    l->piece.len = (uint32_t)(l->n_raw - l->from);
    l->gathered = true;
    if (l->piece.kind != LEAT_BZ2_PIECE_OF || !find_end(s))
        return 0;
    r = leat_bz2_feed_begin(&s->feed, stage, l->piece.level, l->piece.bit);
    if (r < 0)
        return r;
    l->feed_pos = l->from;
    r = leat_bz2_feed_run(&s->feed, l->raw, &l->feed_pos, l->feed_end, NULL, 0, &made);
    if (r == LEAT_ENOMEM)
        return leat_fail(stage, r, "out of memory for libbz2");
    l->piece.decoded = r == LEAT_MORE && leat_bz2_feed_waits(&s->feed);
    return 0;
}

/* Writes the part of data that is still missing; data lies at `from` in a sequence, of which
 * l->written bytes are written. */
static void write_part(struct leat_bz2_lane *l, size_t from, const void *data, size_t n,
                       struct leat_out *out)
{
    if (l->written >= from && l->written < from + n)
        l->written +=
            leat_write(out, (const uint8_t *)data + (l->written - from), n - (l->written - from));
}

/* Returns LEAT_END when the piece and its raw bytes are written. */
static int write_piece(struct leat_bz2_lane *l, struct leat_out *out)
{
    write_part(l, 0, &l->piece, sizeof l->piece, out);
    write_part(l, sizeof l->piece, l->raw + l->from, l->piece.len, out);
    return l->written == sizeof l->piece + l->piece.len ? LEAT_END : LEAT_MORE;
}

static int write_contents(struct leat_stage *stage, struct leat_bz2_split *s, struct leat_out *out)
{
    struct leat_bz2_result *result = leat_result(stage);
    struct leat_bz2_lane *l = &s->lane;

    for (;;) {
        size_t made, room;
        uint8_t *to;
        int r;

        room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        r = leat_bz2_feed_run(&s->feed, l->raw, &l->feed_pos, l->feed_end, to, room, &made);
        leat_commit(out, made);
        result->bad = r != LEAT_MORE;
        if (r != LEAT_MORE || made < room)
            return LEAT_END;
    }
}

int leat_bz2_lane_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct leat_bz2_split *s = state;
    struct leat_bz2_lane *l = &s->lane;
    int r;

    if (!l->gathered) {
        size_t n = in->len - in->pos;

        if (n > LEAT_BZ2_PIECE + LEAT_BZ2_HISTORY - l->n_raw)
            return leat_fail(stage, LEAT_EINTERNAL, "a piece of more than %zu bytes",
                             LEAT_BZ2_PIECE);
        memcpy(l->raw + l->n_raw, in->data + in->pos, n);
        l->n_raw += n;
        in->pos = in->len;
        if (!in->end)
            return LEAT_MORE;
        r = try_block(stage, s);
        if (r < 0)
            return r;
    }
    r = write_piece(l, out);
    return r == LEAT_END && l->piece.decoded ? write_contents(stage, s, out) : r;
}

#else
typedef int leat_bz2_lane_is_empty; /* no libbz2 in this build */
#endif
