/* lz4_lane.c - lz4 decoding in lanes: the cutter, and a lane. */

#include "lz4_split.h"

#if HAVE_LZ4

#include <lz4.h>
#include <string.h>

#include "../shared/bytes.h"

#define MAGIC 0x184d2204u
#define FLAG_DICTIONARY 0x01u
#define FLAG_RESERVED 0x02u
#define FLAG_SUM 0x04u
#define FLAG_BLOCK_SUMS 0x10u
#define FLAG_INDEPENDENT 0x20u
#define VERSION_SHIFT 6u
#define BLOCK_CODE_LEAST 4u
#define BLOCK_RESERVED 0x8fu
#define HEADER_LEAST 7u
#define WORD 4u /* a block size, or a checksum */
#define STORED 0x80000000u
#define DECODED 100 /* no result of a step: go on with the next block */

/* Bytes that a lane gathers: a piece that lacks one byte, a block, and the end of a frame. */
#define PACKED_MAX (LEAT_LZ4_PIECE + LEAT_LZ4_BLOCK_MAX + 4 * WORD)

bool leat_lz4_for_lanes(const uint8_t *first)
{
    unsigned flags = first[4], block = first[5];

    return leat_get_le32(first) == MAGIC && flags >> VERSION_SHIFT == 1 &&
           (flags & (FLAG_INDEPENDENT | FLAG_RESERVED | FLAG_DICTIONARY)) == FLAG_INDEPENDENT &&
           (block & BLOCK_RESERVED) == 0 && block >> 4 >= BLOCK_CODE_LEAST;
}

size_t leat_lz4_header_len(const uint8_t *first)
{
    return HEADER_LEAST + (first[4] & LEAT_LZ4_FLAG_SIZE ? LEAT_LZ4_SIZE_BYTES : 0);
}

static unsigned note_of(const uint8_t *first)
{
    return LEAT_LZ4_BLOCKS | (first[4] & FLAG_BLOCK_SUMS ? LEAT_LZ4_NOTE_BLOCK_SUMS : 0) |
           (first[4] & FLAG_SUM ? LEAT_LZ4_NOTE_SUM : 0) |
           (unsigned)(first[5] >> 4) << LEAT_LZ4_NOTE_CODE_SHIFT;
}

static size_t block_max(unsigned note)
{
    return (size_t)65536 << 2 * ((note >> LEAT_LZ4_NOTE_CODE_SHIFT) - BLOCK_CODE_LEAST);
}

/* --- cutter ----------------------------------------------------------------------------------- */

static int cut_here(struct leat_lz4_cutter *c, unsigned note, int place)
{
    c->next_note = note;
    c->place = place;
    c->have = c->taken = 0;
    return 1;
}

/* The bytes of a place are complete. Returns 1 if the piece ends here. */
static int first_over(struct leat_lz4_cutter *c)
{
    if (!leat_lz4_for_lanes(c->bytes)) {
        c->place = LEAT_LZ4_IN_OTHER;
        return 0;
    }
    c->note = note_of(c->bytes);
    c->left = leat_lz4_header_len(c->bytes) - LEAT_LZ4_FIRST;
    c->place = LEAT_LZ4_IN_HEADER;
    return 0;
}

static int size_over(struct leat_lz4_cutter *c)
{
    uint32_t word = leat_get_le32(c->bytes), size = word & ~STORED;

    c->have = 0;
    if (word == 0) {
        if (!(c->note & LEAT_LZ4_NOTE_SUM))
            return cut_here(c, LEAT_LZ4_HEAD, LEAT_LZ4_IN_FIRST);
        c->left = WORD;
        c->place = LEAT_LZ4_IN_END;
        return 0;
    }
    if (size > block_max(c->note)) /* the lane will report it */
        return cut_here(c, LEAT_LZ4_OTHER, LEAT_LZ4_IN_OTHER);
    c->left = size + (c->note & LEAT_LZ4_NOTE_BLOCK_SUMS ? WORD : 0);
    c->place = LEAT_LZ4_IN_DATA;
    return 0;
}

static int place_over(struct leat_lz4_cutter *c)
{
    switch (c->place) {
    case LEAT_LZ4_IN_FIRST:
        return first_over(c);
    case LEAT_LZ4_IN_SIZE:
        return size_over(c);
    case LEAT_LZ4_IN_HEADER:
        return cut_here(c, c->note, LEAT_LZ4_IN_SIZE);
    case LEAT_LZ4_IN_DATA:
        if (c->taken >= LEAT_LZ4_PIECE)
            return cut_here(c, c->note, LEAT_LZ4_IN_SIZE);
        c->place = LEAT_LZ4_IN_SIZE;
        return 0;
    case LEAT_LZ4_IN_END:
        return cut_here(c, LEAT_LZ4_HEAD, LEAT_LZ4_IN_FIRST);
    case LEAT_LZ4_IN_OTHER:
    default:
        return cut_here(c, LEAT_LZ4_OTHER, LEAT_LZ4_IN_OTHER);
    }
}

/* Consumes the bytes of the place. Returns how many; *ret_over: the place is complete. */
static size_t take(struct leat_lz4_cutter *c, const uint8_t *data, size_t n, bool *ret_over)
{
    bool kept = c->place == LEAT_LZ4_IN_FIRST || c->place == LEAT_LZ4_IN_SIZE;
    size_t left = c->left;

    if (kept)
        left = (c->place == LEAT_LZ4_IN_FIRST ? LEAT_LZ4_FIRST : WORD) - c->have;
    else if (c->place == LEAT_LZ4_IN_OTHER)
        left = LEAT_LZ4_PIECE - c->taken;
    if (n > left)
        n = left;
    *ret_over = n == left;
    if (kept) {
        memcpy(c->bytes + c->have, data, n);
        c->have += n;
    } else {
        c->left -= c->place == LEAT_LZ4_IN_OTHER ? 0 : n;
    }
    c->taken += n;
    return n;
}

int leat_lz4_cut(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
                 size_t *ret_take, uint64_t *ret_note)
{
    struct leat_lz4_split *s = state;
    struct leat_lz4_cutter *c = &s->cutter;
    size_t pos = 0;
    int r = 0;

    (void)stage;
    while (pos < len && r == 0) {
        bool over;

        pos += take(c, data + pos, len - pos, &over);
        if (over)
            r = place_over(c);
    }
    *ret_take = pos;
    *ret_note = c->next_note;
    return r;
}

/* --- lane ------------------------------------------------------------------------------------- */

int leat_lz4_lane_open(struct leat_stage *stage, void *state)
{
    struct leat_lz4_split *s = state;
    struct leat_lz4_lane *l = &s->lane;

    l->packed = leat_alloc_raw(stage, PACKED_MAX);
    return l->packed ? leat_keep_room(stage, LEAT_LZ4_BLOCK_MAX) : LEAT_ENOMEM;
}

int leat_lz4_lane_begin(struct leat_stage *stage, void *state, const struct leat_in *in)
{
    struct leat_lz4_split *s = state;
    struct leat_lz4_lane *l = &s->lane;

    (void)stage;
    *l = (struct leat_lz4_lane){
        .packed = l->packed,
        .note = (unsigned)in->note,
        .piece = {.offset = in->offset, .kind = in->note & LEAT_LZ4_NOTE_KIND},
    };
    return 0;
}

static int problem(struct leat_lz4_result *result, const struct leat_lz4_lane *l, const char *text)
{
    result->problem = text;
    result->problem_at = l->piece.offset + l->pos;
    return LEAT_END;
}

static int truncated(struct leat_lz4_result *result)
{
    result->truncated = true;
    return LEAT_END;
}

/* The end of the frame: a word of zeros was read. */
static int frame_ends(struct leat_lz4_lane *l, struct leat_lz4_result *result)
{
    if (l->note & LEAT_LZ4_NOTE_SUM) {
        if (l->n_packed - l->pos < WORD)
            return truncated(result);
        result->sum = leat_get_le32(l->packed + l->pos);
    }
    result->ended = true;
    return LEAT_END;
}

/* Writes the contents of a block. Returns how many bytes; -1: it is damaged. */
static int decode_block(const struct leat_lz4_lane *l, uint32_t word, const uint8_t *data,
                        uint8_t *to)
{
    uint32_t size = word & ~STORED;

    if (!(word & STORED))
        return LZ4_decompress_safe((const char *)data, (char *)to, (int)size,
                                   (int)block_max(l->note));
    memcpy(to, data, size);
    return (int)size;
}

/* Decodes the next block. Returns DECODED; LEAT_MORE: there is no room now; LEAT_END: there is none,
 * or it is damaged. */
static int next_block(struct leat_lz4_lane *l, struct leat_lz4_result *result, struct leat_out *out)
{
    size_t left = l->n_packed - l->pos, sums = l->note & LEAT_LZ4_NOTE_BLOCK_SUMS ? WORD : 0, size;
    const uint8_t *data = l->packed + l->pos + WORD;
    uint32_t word;
    uint8_t *to;
    int made;

    if (left == 0)
        return LEAT_END;
    if (left < WORD)
        return truncated(result);
    word = leat_get_le32(l->packed + l->pos);
    size = word & ~STORED;
    if (word == 0) {
        l->pos += WORD;
        return frame_ends(l, result);
    }
    if (size > block_max(l->note))
        return problem(result, l, "invalid lz4 data: ERROR_maxBlockSize_invalid");
    if (left < WORD + size + sums)
        return truncated(result);
    if (leat_reserve_least(out, block_max(l->note), &to) == 0)
        return LEAT_MORE;
    if (sums && leat_xxh32(data, size) != leat_get_le32(data + size))
        return problem(result, l, "an lz4 block's checksum does not match");
    made = decode_block(l, word, data, to);
    if (made < 0)
        return problem(result, l, "invalid lz4 data: ERROR_decompressionFailed");
    leat_commit(out, (size_t)made);
    l->pos += WORD + size + sums;
    return DECODED;
}

static int blocks_step(struct leat_stage *stage, struct leat_lz4_lane *l, struct leat_in *in,
                       struct leat_out *out)
{
    int r;

    if (!l->gathered) {
        size_t n = in->len - in->pos;

        if (n > PACKED_MAX - l->n_packed)
            return leat_fail(stage, LEAT_EINTERNAL, "a piece of more than %zu bytes", PACKED_MAX);
        memcpy(l->packed + l->n_packed, in->data + in->pos, n);
        l->n_packed += n;
        in->pos = in->len;
        if (!in->end)
            return LEAT_MORE;
        l->gathered = true;
    }
    do
        r = next_block(l, leat_result(stage), out);
    while (r == DECODED);
    return r;
}

int leat_lz4_lane_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct leat_lz4_split *s = state;
    struct leat_lz4_lane *l = &s->lane;

    if (l->piece_written < sizeof l->piece) {
        l->piece_written += leat_write(out, (const uint8_t *)&l->piece + l->piece_written,
                                       sizeof l->piece - l->piece_written);
        if (l->piece_written < sizeof l->piece)
            return LEAT_MORE;
    }
    if (l->piece.kind == LEAT_LZ4_BLOCKS)
        return blocks_step(stage, l, in, out);
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

#else
typedef int leat_lz4_lane_is_empty; /* no liblz4 in this build */
#endif
