/* bgzf.h - BGZF, as defined by the SAM specification: a gzip file of small independent members,
 * each with its size in its header.
 *
 * It can therefore be decoded in parallel, and with an index a part of it can be read. An empty
 * member ends the file: if it is missing, the file was truncated.
 */
#ifndef LEAT_CODEC_GZIP_BGZF_H
#define LEAT_CODEC_GZIP_BGZF_H

#include "deflater.h"
#include "gzip_header.h"

#define LEAT_BGZF_CONTENT_MAX ((size_t)65536) /* of a member, decoded */
#define LEAT_BGZF_MEMBER_MAX ((size_t)65536)
#define LEAT_BGZF_INPUT ((size_t)65280) /* input of a member, as bgzip: fits even if stored */

/* --- cutter ----------------------------------------------------------------------------------- */

/* Members that are decoded as one block. */
#define LEAT_BGZF_MEMBERS 16u

struct leat_bgzf_cut {
    struct leat_gzip_header header;
    uint32_t header_len; /* bytes of the header so far */
    uint32_t left;       /* bytes left of the member, after its header */
    unsigned members;    /* in this block */
    bool rest;           /* data that is no BGZF member came: everything from there on is one
                          * block */
};

/* leat_bgzf_cut - as leat_lanes.cut: after each LEAT_BGZF_MEMBERS members. */
int leat_bgzf_cut(struct leat_bgzf_cut *cut, const uint8_t *data, size_t len, size_t *ret_take);

/* --- encoding --------------------------------------------------------------------------------- */

/* State of a lane. */
struct leat_bgzf {
    const struct leat_deflater_ops *ops;
    void *lib;
    size_t made_size; /* enough for a member */
};

/* leat_bgzf_plan - choose how much a lane compresses at a time; the output does not depend on
 * it. */
void leat_bgzf_plan(struct leat_stage *stage);
int leat_bgzf_open(struct leat_stage *stage, struct leat_bgzf *b,
                   const struct leat_deflater_choice *choice);
int leat_bgzf_step(struct leat_stage *stage, struct leat_bgzf *b, struct leat_in *in,
                   struct leat_out *out);
void leat_bgzf_close(struct leat_stage *stage, struct leat_bgzf *b);
/* leat_bgzf_end - write the empty member. Returns LEAT_END, or LEAT_MORE if there is no room. */
int leat_bgzf_end(struct leat_out *out);

#endif
