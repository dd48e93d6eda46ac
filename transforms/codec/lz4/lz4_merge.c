/* lz4_merge.c - lz4 decoding in lanes: the merge, which checks frames as a whole. */

#include "lz4_split.h"

#if HAVE_LZ4

#include <lz4frame.h>
#include <string.h>

#include "../shared/decoder.h"

/* --- frames that lanes decode ----------------------------------------------------------------- */

static int frame_begins(struct leat_stage *stage, struct leat_lz4_merge *m)
{
    LZ4F_frameInfo_t info = {.blockSizeID = LZ4F_default};
    size_t n = m->n_first, r;
    LZ4F_dctx *context;

    if (!m->sum)
        m->sum = leat_xxh32_new(stage);
    if (!m->sum)
        return LEAT_ENOMEM;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for liblz4");
    r = LZ4F_getFrameInfo(context, &info, m->first, &n);
    LZ4F_freeDecompressionContext(context);
    if (LZ4F_isError(r))
        return leat_fail_at(stage, LEAT_ECORRUPT, m->piece.offset, "invalid lz4 data: %s",
                            LZ4F_getErrorName(r));
    leat_xxh32_reset(m->sum);
    m->in_frame = m->had_frame = true;
    m->has_sum = info.contentChecksumFlag == LZ4F_contentChecksumEnabled;
    m->has_size = m->first[4] & LEAT_LZ4_FLAG_SIZE;
    m->size = info.contentSize;
    m->total = 0;
    return 0;
}

static int blocks_end(struct leat_stage *stage, struct leat_lz4_merge *m,
                      const struct leat_lz4_result *result)
{
    if (result->problem)
        return leat_fail_at(stage, LEAT_ECORRUPT, result->problem_at, "%s", result->problem);
    if (!result->ended)
        return 0; /* if the input ends too, that is truncation */
    if (m->has_size && m->size != m->total)
        return leat_fail_at(stage, LEAT_ECORRUPT, m->piece.offset, LEAT_LZ4_WRONG_SIZE);
    if (m->has_sum && leat_xxh32_get(m->sum) != result->sum)
        return leat_fail_at(stage, LEAT_ECORRUPT, m->piece.offset,
                            "the lz4 frame's checksum does not match");
    m->in_frame = false;
    return 0;
}

/* Passes the contents of blocks on. Returns LEAT_END when all are passed. */
static int take_blocks(struct leat_lz4_merge *m, struct leat_in *in, struct leat_out *out)
{
    while (in->pos < in->len) {
        const uint8_t *data = in->data + in->pos;
        size_t n = leat_pass(out, in, in->len - in->pos);

        if (n == 0)
            return LEAT_MORE;
        m->total += n;
        if (m->has_sum)
            leat_xxh32_add(m->sum, data, n);
    }
    return LEAT_END;
}

/* --- other data ------------------------------------------------------------------------------- */

static int other_begins(struct leat_stage *stage, struct leat_lz4_merge *m)
{
    int r;

    m->other = true;
    if (m->serial)
        return 0;
    m->serial = leat_alloc(stage, leat_decoder_lz4.state_size);
    if (!m->serial)
        return LEAT_ENOMEM;
    r = leat_decoder_lz4.open(stage, m->serial);
    if (r == 0 && m->had_frame)
        leat_unlz4_had_frame(m->serial);
    return r;
}

/* Passes n bytes at offset `at` to the serial decoder. Returns LEAT_END when all of them are
 * consumed; LEAT_MORE: no room. */
static int feed(struct leat_stage *stage, struct leat_lz4_merge *m, const uint8_t *data,
                size_t *pos, size_t n, uint64_t at, struct leat_out *out)
{
    struct leat_in in = {.data = data, .pos = *pos, .len = n, .offset = at};
    int r = leat_decoder_lz4.step(stage, m->serial, &in, out);
    uint8_t *to;

    *pos = in.pos;
    if (r < 0)
        return r;
    return in.pos == n && leat_reserve(out, &to) > 0 ? LEAT_END : LEAT_MORE;
}

static int take_other(struct leat_stage *stage, struct leat_lz4_merge *m, struct leat_in *in,
                      struct leat_out *out)
{
    size_t before = in->pos;
    int r;

    in->offset = m->piece.offset + m->taken - before;
    if (m->n_first > 0) {
        r = feed(stage, m, m->first, &m->first_pos, m->n_first, m->piece.offset, out);
        if (r != LEAT_END)
            return r;
        m->n_first = m->first_pos = 0;
    }
    r = feed(stage, m, in->data, &in->pos, in->len, in->offset, out);
    m->taken += in->pos - before;
    return r;
}

/* At a place where a frame may begin. Returns LEAT_END when the piece's bytes are used up,
 * LEAT_MORE for more input or room. */
static int take_head(struct leat_stage *stage, struct leat_lz4_merge *m, struct leat_in *in,
                     struct leat_out *out)
{
    size_t want = LEAT_LZ4_FIRST;
    int r;

    while (!m->other) {
        if (m->in_frame) /* it has begun: only the end of the piece is left */
            return LEAT_END;
        if (m->n_first >= LEAT_LZ4_FIRST)
            want = leat_lz4_header_len(m->first);
        while (m->n_first < want && in->pos < in->len) {
            m->first[m->n_first++] = in->data[in->pos++];
            m->taken++;
        }
        if (m->n_first < want && !in->end)
            return LEAT_MORE;
        if (m->n_first == want && want > LEAT_LZ4_FIRST) {
            r = frame_begins(stage, m);
            m->n_first = 0;
            return r < 0 ? r : LEAT_END;
        }
        if (m->n_first < want || !leat_lz4_for_lanes(m->first)) {
            r = other_begins(stage, m);
            if (r < 0)
                return r;
        }
    }
    return take_other(stage, m, in, out);
}

/* --- the merge -------------------------------------------------------------------------------- */

/* Returns true when it is there. */
static bool take_piece(struct leat_lz4_merge *m, struct leat_in *in)
{
    size_t n = sizeof m->piece - m->piece_have;

    if (n > in->len - in->pos)
        n = in->len - in->pos;
    memcpy((uint8_t *)&m->piece + m->piece_have, in->data + in->pos, n);
    m->piece_have += n;
    in->pos += n;
    m->taken = 0;
    return m->piece_have == sizeof m->piece;
}

int leat_lz4_merge(struct leat_stage *stage, void *state, struct leat_in *in, const void *result,
                   struct leat_out *out)
{
    struct leat_lz4_split *s = state;
    struct leat_lz4_merge *m = &s->merge;
    int r;

    if (m->piece_have < sizeof m->piece && !take_piece(m, in))
        return LEAT_MORE;
    if (m->piece.kind == LEAT_LZ4_BLOCKS && !m->other)
        r = take_blocks(m, in, out);
    else if (m->piece.kind == LEAT_LZ4_HEAD && !m->other)
        r = take_head(stage, m, in, out);
    else
        r = take_other(stage, m, in, out);
    if (r != LEAT_END || !in->end || in->pos < in->len)
        return r == LEAT_END ? LEAT_MORE : r;
    if (m->piece.kind == LEAT_LZ4_BLOCKS && !m->other) {
        r = blocks_end(stage, m, result);
        if (r < 0)
            return r;
    }
    m->piece_have = 0;
    return LEAT_END;
}

int leat_lz4_join(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                  struct leat_out *out)
{
    static const uint8_t nothing[1];
    struct leat_lz4_split *s = state;
    struct leat_lz4_merge *m = &s->merge;
    struct leat_in end = {.data = nothing, .end = true};
    int r;

    (void)result;
    if (when != LEAT_JOIN_TAIL)
        return LEAT_END;
    if (m->in_frame)
        return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in an lz4 frame");
    if (m->had_frame && !m->other)
        return LEAT_END;
    if (!m->other) {
        r = other_begins(stage, m);
        if (r < 0)
            return r;
    }
    end.offset = m->piece.offset + m->taken;
    return leat_decoder_lz4.step(stage, m->serial, &end, out);
}

void leat_lz4_close(struct leat_stage *stage, void *state)
{
    struct leat_lz4_split *s = state;

    if (s->merge.serial) {
        leat_decoder_lz4.close(stage, s->merge.serial);
        leat_free(stage, s->merge.serial);
    }
    leat_xxh32_free(stage, s->merge.sum);
    leat_free(stage, s->lane.packed);
}

#else
typedef int leat_lz4_merge_is_empty; /* no liblz4 in this build */
#endif
