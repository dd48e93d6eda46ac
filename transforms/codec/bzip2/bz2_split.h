/* bz2_split.h - bzip2 decoding in lanes: a block is found by the number that it begins with.
 *
 * The number may turn up within a block by chance, so what is cut is a guess. A lane hands over its
 * piece as it was, and if libbz2 finds in it a block that ends where the piece does, what is in the
 * block. The merge knows where blocks really begin, as each is right behind another or a header. Where
 * the guess was wrong it decodes by itself, from piece to piece, until a block ends with a piece.
 */
#ifndef LEAT_CODEC_BZ2_SPLIT_H
#define LEAT_CODEC_BZ2_SPLIT_H

#include "bz2_feed.h"
#include "bz2_scan.h"
#include "stage.h"

#define LEAT_BZ2_PIECE ((size_t)1 << 20) /* bytes at most: more than encoders make of a block */
#define LEAT_BZ2_HISTORY 8u              /* has the number, and the bits before it */
#define LEAT_BZ2_TAIL_MAX 11u            /* bytes that 80 bits may lie in */

/* What is known of a piece before it is decoded. */
enum leat_bz2_kind {
    LEAT_BZ2_FIRST,     /* begins with the header of a stream */
    LEAT_BZ2_PIECE_OF,  /* begins with a block's number */
    LEAT_BZ2_CONTINUED, /* goes on where the last one was cut for its length */
};

/* A lane's output: this, `len` bytes as they were, and if it is decoded, the contents. */
struct leat_bz2_piece {
    uint64_t offset; /* of the first byte in the input */
    uint32_t len;
    uint32_t
        end_bit; /* where the number is that ends the stream, from the first byte on; 0: none */
    uint8_t bit; /* of the first byte where it begins */
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

/* What is behind a block, or before the first one. */
struct leat_bz2_tail {
    enum { LEAT_BZ2_IN_HEADER, LEAT_BZ2_IN_MAGIC, LEAT_BZ2_IN_CRC, LEAT_BZ2_AT_BLOCK } place;
    uint8_t bytes[LEAT_BZ2_TAIL_MAX]; /* n of them are there */
    size_t n;
    unsigned bit;        /* of the first one */
    bool later_stream;   /* a stream is over */
    const char *problem; /* what is wrong, at problem_at; said when what came before is written */
    uint64_t problem_at;
};

struct leat_bz2_merge {
    struct leat_bz2_piece piece; /* piece_have bytes are there, and raw_pos of its raw ones */
    size_t piece_have, raw_pos;
    bool takes_data, raw_over;
    enum { LEAT_BZ2_TAIL, LEAT_BZ2_LANES, LEAT_BZ2_ALONE } mode;
    uint64_t done_to; /* offset up to which the stream was looked at */
    uint64_t block_at;
    unsigned block_bit;
    uint8_t head[LEAT_BZ2_TAIL_MAX]; /* of the block: its number and CRC */
    uint32_t crc;                    /* of the stream so far */
    unsigned level;
    /* Alone: up to where it decodes now, to the number found there, if it is not 0. */
    bool pending;
    size_t upto; /* bytes */
    uint64_t magic;
    unsigned after; /* bits of the last byte that are behind it */
    bool at_magic;  /* the last byte looked at ends a block's number */
    struct leat_bz2_tail tail;
};

struct leat_bz2_split {
    struct leat_bz2_scan scan; /* the cutter's, and the merge's while it decodes alone */
    struct leat_bz2_feed feed; /* a lane's, and the merge's */
    struct leat_bz2_lane lane;
    struct leat_bz2_merge merge;
    bool scanning;
    size_t have;    /* the cutter's: bytes of the piece so far */
    unsigned level; /* of the last header that it saw */
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
