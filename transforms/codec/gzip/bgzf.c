/* bgzf.c - BGZF: finds the ends of its members, and makes members. */

#include "bgzf.h"

#include <zlib.h>

#include "../shared/bytes.h"
#include "checksum.h"

#define HEADER 18u
#define TRAILER 8u
#define STORED_HEAD 5u /* header of a stored block: final bit, length, complement of the length */
#define OS_UNKNOWN 255
#define LANE_MEMBERS 16u /* members that a lane makes at a time, if memory allows */
#define LIMIT_PARTS 16u

/* --- cutter ----------------------------------------------------------------------------------- */

int leat_bgzf_cut(struct leat_bgzf_cut *c, const uint8_t *data, size_t len, size_t *ret_take)
{
    enum leat_gzip_header_result r;
    const char *problem;
    size_t at = 0;

    while (at < len && !c->rest) {
        if (c->left > 0) {
            size_t n = len - at < c->left ? len - at : c->left;

            at += n;
            c->left -= (uint32_t)n;
            if (c->left == 0 && ++c->members == LEAT_BGZF_MEMBERS) {
                c->members = 0;
                *ret_take = at;
                return 1;
            }
            continue;
        }
        r = leat_gzip_header_feed(&c->header, data[at++], &problem);
        c->header_len++;
        if (r == LEAT_GZIP_HEADER_MORE)
            continue;
        if (r == LEAT_GZIP_HEADER_END && c->header.block_size > c->header_len) {
            c->left = c->header.block_size - c->header_len;
            c->header = (struct leat_gzip_header){.part = 0};
            c->header_len = 0;
        } else {
            c->rest = true;
        }
    }
    *ret_take = len;
    return 0;
}

/* --- encoding --------------------------------------------------------------------------------- */

void leat_bgzf_plan(struct leat_stage *stage)
{
    uint64_t most = leat_memory_limit(stage) / LIMIT_PARTS / LEAT_BGZF_INPUT;
    size_t n = most > LANE_MEMBERS ? LANE_MEMBERS : most > 0 ? (size_t)most : 1;

    leat_plan_block(stage, n * LEAT_BGZF_INPUT, 0);
    leat_plan_whole(stage, LEAT_BGZF_INPUT);
}

int leat_bgzf_open(struct leat_stage *stage, struct leat_bgzf *b,
                   const struct leat_deflater_choice *choice)
{
    int r = choice->ops->open(stage, choice, &b->lib);

    if (r < 0)
        return r;
    b->ops = choice->ops;
    b->made_size = HEADER + b->ops->bound(b->lib, LEAT_BGZF_INPUT) + TRAILER;
    return leat_keep_room(stage, b->made_size);
}

void leat_bgzf_close(struct leat_stage *stage, struct leat_bgzf *b)
{
    if (b->ops)
        b->ops->close(stage, b->lib);
}

static void put_le16(uint8_t *to, size_t v)
{
    to[0] = (uint8_t)v;
    to[1] = (uint8_t)(v >> 8);
}

static size_t put_header(uint8_t *to, size_t member)
{
    static const uint8_t head[HEADER - 2] = {0x1f, 0x8b,       Z_DEFLATED, 4, 0,   0,   0, 0,
                                             0,    OS_UNKNOWN, 6,          0, 'B', 'C', 2, 0};

    memcpy(to, head, sizeof head);
    put_le16(to + sizeof head, member - 1);
    return HEADER;
}

/* Data that does not shrink is stored, so that it fits. */
static size_t put_stored(uint8_t *to, const uint8_t *data, size_t n)
{
    to[0] = 1;
    put_le16(to + 1, n);
    put_le16(to + 3, ~n);
    memcpy(to + STORED_HEAD, data, n);
    return STORED_HEAD + n;
}

/* Makes a member of so much input; there is room for made_size bytes. */
static int make(struct leat_stage *stage, const struct leat_bgzf *b, const uint8_t *data,
                size_t len, uint8_t *to, size_t *ret_made)
{
    struct leat_piece piece = {.data = data, .len = len, .last = true};
    size_t n = 0;
    int r = b->ops->run(stage, b->lib, &piece, to + HEADER, b->made_size - HEADER - TRAILER, &n);

    if (r < 0)
        return r;
    if (n > STORED_HEAD + len)
        n = put_stored(to + HEADER, data, len);
    n += HEADER + TRAILER;
    put_header(to, n);
    leat_put_le32(to + n - TRAILER, leat_codec_crc32(LEAT_CRC32_INIT, data, len));
    leat_put_le32(to + n - 4, (uint32_t)len);
    *ret_made = n;
    return 0;
}

/* The input is shown in pieces of LEAT_BGZF_INPUT bytes, each for a member. */
int leat_bgzf_step(struct leat_stage *stage, struct leat_bgzf *b, struct leat_in *in,
                   struct leat_out *out)
{
    size_t made;
    uint8_t *to;
    int r;

    if (in->pos < in->len) {
        if (leat_reserve_least(out, b->made_size, &to) == 0)
            return LEAT_MORE;
        r = make(stage, b, in->data, in->len, to, &made);
        if (r < 0)
            return r;
        leat_commit(out, made);
        in->pos = in->len;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

int leat_bgzf_end(struct leat_out *out)
{
    static const uint8_t empty[2 + TRAILER] = {0x03};
    const size_t n = HEADER + sizeof empty;
    uint8_t *to;

    if (leat_reserve_least(out, n, &to) == 0)
        return LEAT_MORE;
    memcpy(to + put_header(to, n), empty, sizeof empty);
    leat_commit(out, n);
    return LEAT_END;
}
