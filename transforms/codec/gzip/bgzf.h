/* bgzf.h - BGZF, as the specification of SAM defines it: a gzip file of small independent members,
 * each of which tells its size in its header.
 *
 * So it can be decoded in parts, and a part of it can be found by an index. An empty member ends the
 * file: without it, the file was cut.
 */
#ifndef LEAT_CODEC_BGZF_H
#define LEAT_CODEC_BGZF_H

#include "deflater.h"
#include "gzip_header.h"

#define LEAT_BGZF_CONTENT_MAX ((size_t)65536) /* of a member, decoded */
#define LEAT_BGZF_MEMBER_MAX ((size_t)65536)
#define LEAT_BGZF_INPUT ((size_t)65280) /* what goes into one, as bgzip does: it fits, stored */

/* --- cutting ---------------------------------------------------------------------------------- */

/* Members that are decoded as one block. */
#define LEAT_BGZF_MEMBERS 16u

struct leat_bgzf_cut {
    struct leat_gzip_header header;
    uint32_t header_len; /* bytes of it so far */
    uint32_t left;       /* bytes left of the member, once its header is over */
    unsigned members;    /* in this block */
    bool rest;           /* something else than a BGZF member came: all that follows is one block */
};

/* leat_bgzf_cut - as leat_lanes.cut: after each LEAT_BGZF_MEMBERS members. */
int leat_bgzf_cut(struct leat_bgzf_cut *cut, const uint8_t *data, size_t len, size_t *ret_take);

/* --- encoding --------------------------------------------------------------------------------- */

/* The state of a lane; the join uses end_pos alone. */
struct leat_bgzf {
    const struct leat_deflater_ops *ops;
    void *lib;
    uint8_t *gathered; /* LEAT_BGZF_INPUT bytes; `have` are there */
    size_t have;
    uint8_t *made; /* a member: made_pos of made_len bytes are out */
    size_t made_size, made_len, made_pos;
    size_t end_pos;
};

/* leat_bgzf_plan - chooses how much a lane compresses at a time; the output does not depend on it. */
void leat_bgzf_plan(struct leat_stage *stage);
int leat_bgzf_open(struct leat_stage *stage, struct leat_bgzf *b,
                   const struct leat_deflater_choice *choice);
int leat_bgzf_step(struct leat_stage *stage, struct leat_bgzf *b, struct leat_in *in,
                   struct leat_out *out);
void leat_bgzf_close(struct leat_stage *stage, struct leat_bgzf *b);
/* leat_bgzf_end - the empty member. Returns LEAT_END, or LEAT_MORE: no room. */
int leat_bgzf_end(struct leat_bgzf *b, struct leat_out *out);

#endif
