/* bz2_split.h - bzip2 decoding in lanes: blocks are found by the magic number at their start.
 *
 * The magic number may occur within a block by chance, so each cut is a guess. A lane outputs the
 * raw bytes of its piece and, if libbz2 finds in it a block that ends where the piece does, the
 * contents of the block. The merge knows where blocks really begin: directly after another block or
 * a header. If a guess was wrong, the merge decodes by itself, from piece to piece, until a block
 * ends where a piece does.
 */
#ifndef LEAT_CODEC_BZIP2_BZ2_SPLIT_H
#define LEAT_CODEC_BZIP2_BZ2_SPLIT_H

#include "bz2_feed.h"
#include "bz2_scan.h"
#include "stage.h"

#define LEAT_BZ2_PIECE ((size_t)1 << 20) /* size limit: more than encoders make of a block */
#define LEAT_BZ2_HISTORY 8u              /* contains the magic number, and the bits before it */
#define LEAT_BZ2_TAIL_MAX 11u            /* bytes that 80 bits may extend over */

/* The kind of a piece, for which the cutter looks. */
enum leat_bz2_kind {
    LEAT_BZ2_FIRST,     /* begins with the header of a stream */
    LEAT_BZ2_PIECE_OF,  /* begins with the magic number of a block */
    LEAT_BZ2_CONTINUED, /* continues where the last one was cut because of its length */
};

/* Output of a lane: this, `len` raw bytes, and if the piece is decoded, its contents. */
struct leat_bz2_piece {
    uint64_t offset; /* of the first byte in the input */
    uint32_t len;
    uint32_t
        end_bit; /* the place of the magic number that ends the stream, from the first byte on; 0:
                  * none */
    uint8_t bit; /* in the first byte, where the piece begins */
    uint8_t kind, level;
    uint8_t decoded;
};

struct leat_bz2_result {
    bool bad; /* the block's CRC does not match */
};

struct leat_bz2_lane {
    uint8_t *raw; /* the history and the piece, n_raw bytes */
    size_t n_raw, from, start_bit, feed_pos, feed_end;
    struct leat_bz2_piece piece;
    size_t written; /* of piece and raw */
    bool gathered;
};

/* The bits after a block, or before the first one. */
struct leat_bz2_tail {
    enum { LEAT_BZ2_IN_HEADER, LEAT_BZ2_IN_MAGIC, LEAT_BZ2_IN_CRC, LEAT_BZ2_AT_BLOCK } place;
    uint8_t bytes[LEAT_BZ2_TAIL_MAX]; /* n of them are filled */
    size_t n;
    unsigned bit;        /* in the first byte */
    bool later_stream;   /* a stream has ended */
    const char *problem; /* the error at problem_at; reported after everything before it is
                          * written */
    uint64_t problem_at;
};

struct leat_bz2_merge {
    struct leat_bz2_piece piece; /* piece_have bytes are read, and raw_pos of its raw bytes */
    size_t piece_have, raw_pos;
    bool takes_data, raw_over;
    enum { LEAT_BZ2_TAIL, LEAT_BZ2_LANES, LEAT_BZ2_ALONE } mode;
    uint64_t done_to; /* offset up to which the stream is processed */
    uint64_t block_at;
    unsigned block_bit;
    uint8_t head[LEAT_BZ2_TAIL_MAX]; /* of the block: its magic number and CRC */
    uint32_t crc;                    /* of the stream so far */
    unsigned level;
    /* Decoding alone: up to `upto`, where `magic` is found if it is not 0. */
    bool pending;
    size_t upto; /* bytes */
    uint64_t magic;
    unsigned after; /* bits of the last byte after it */
    bool at_magic;  /* the scan stopped at the magic number of a block */
    struct leat_bz2_tail tail;
};

struct leat_bz2_split {
    struct leat_bz2_scan scan; /* of the cutter, and of the merge while it decodes alone */
    struct leat_bz2_feed feed; /* of a lane, and of the merge */
    struct leat_bz2_lane lane;
    struct leat_bz2_merge merge;
    bool scanning;
    size_t have;    /* of the cutter: bytes of the piece so far */
    unsigned level; /* in the last stream header */
};

/* The functions of struct leat_decoder_lanes; the state is a struct leat_bz2_split. */
int leat_bz2_cut(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
                 size_t *ret_take, uint64_t *ret_note);
int leat_bz2_lane_open(struct leat_stage *stage, void *state);
int leat_bz2_lane_begin(struct leat_stage *stage, void *state, const struct leat_in *in);
int leat_bz2_lane_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out);
int leat_bz2_merge(struct leat_stage *stage, void *state, struct leat_in *in, const void *result,
                   struct leat_out *out);
int leat_bz2_join(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                  struct leat_out *out);
void leat_bz2_close(struct leat_stage *stage, void *state);

#define LEAT_BZ2_CORRUPT "invalid bzip2 data, or its CRC does not match"
#define LEAT_BZ2_TRUNCATED "unexpected end of input in a bzip2 stream"
#define LEAT_BZ2_GARBAGE "trailing garbage after the bzip2 stream"
#define LEAT_BZ2_NOT "not in bzip2 format"

#endif
