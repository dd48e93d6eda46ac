/* lz4_split.h - lz4 decoding in lanes, for frames whose blocks are independent.
 *
 * The cutter follows the sizes before the blocks, and cuts after whole blocks. A lane decodes
 * these; the merge reads the frame headers, and checks each frame as a whole. From the first frame
 * of another kind on, the merge decodes all data serially.
 */
#ifndef LEAT_CODEC_LZ4_LZ4_SPLIT_H
#define LEAT_CODEC_LZ4_LZ4_SPLIT_H

#include "stage.h"
#include "xxh32.h"

#define LEAT_LZ4_FLAG_SIZE 0x08u /* of a frame header: the size of the contents follows */
#define LEAT_LZ4_SIZE_BYTES 8u
#define LEAT_LZ4_WRONG_SIZE "the size of the lz4 frame is not the one that its header states"
#define LEAT_LZ4_BLOCK_MAX ((size_t)4 << 20)
#define LEAT_LZ4_PIECE ((size_t)1 << 20) /* a piece ends with the block that reaches this */
#define LEAT_LZ4_FIRST 6u                /* bytes of a frame that tell its kind */
#define LEAT_LZ4_HEADER_MAX 15u          /* bytes of the header of a frame for lanes */

enum leat_lz4_kind {
    LEAT_LZ4_HEAD,   /* begins where a frame may begin; if that frame is of a kind that lanes do not
                    * decode, the piece continues after its header */
    LEAT_LZ4_BLOCKS, /* whole blocks, and perhaps the end of the frame */
    LEAT_LZ4_OTHER,  /* only the merge can decode it */
};

/* The flags of a frame, in a note. */
#define LEAT_LZ4_NOTE_KIND 3u
#define LEAT_LZ4_NOTE_BLOCK_SUMS 4u
#define LEAT_LZ4_NOTE_SUM 8u
#define LEAT_LZ4_NOTE_CODE_SHIFT 4u

/* A lane's output begins with this; then the contents of the blocks, or the raw bytes. */
struct leat_lz4_piece {
    uint64_t offset; /* in the input */
    uint64_t kind;
};

struct leat_lz4_result {
    const char *problem; /* the error at problem_at, after the decoded data; a string literal */
    uint64_t problem_at;
    bool truncated, ended; /* the input ends within a block; the frame ends with this piece */
    uint32_t sum;
};

struct leat_lz4_cutter {
    enum {
        LEAT_LZ4_IN_FIRST,
        LEAT_LZ4_IN_HEADER,
        LEAT_LZ4_IN_SIZE,
        LEAT_LZ4_IN_DATA,
        LEAT_LZ4_IN_END,
        LEAT_LZ4_IN_OTHER
    } place;
    uint8_t bytes[LEAT_LZ4_FIRST]; /* `have` of them are filled */
    size_t have;
    size_t left;        /* bytes of this place */
    size_t taken;       /* bytes of the piece */
    unsigned note;      /* of the frame's blocks */
    unsigned next_note; /* of the piece that begins next */
};

struct leat_lz4_lane {
    struct leat_lz4_piece piece;
    size_t piece_written;
    unsigned note;
    uint8_t *packed; /* n_packed bytes, of which pos are decoded */
    size_t n_packed, pos;
    bool gathered;
};

struct leat_lz4_merge {
    struct leat_lz4_piece piece; /* piece_have bytes are read */
    size_t piece_have;
    uint64_t taken;                     /* bytes consumed of it, if it is raw */
    uint8_t first[LEAT_LZ4_HEADER_MAX]; /* n_first of them are filled, first_pos passed on */
    size_t n_first, first_pos;
    bool other;    /* the serial decoder has taken over */
    bool in_frame; /* of a kind that lanes decode */
    bool had_frame, has_sum, has_size;
    uint64_t size, total; /* bytes in the frame, as stated and as decoded */
    struct leat_xxh32 *sum;
    void *serial; /* state of leat_decoder_lz4 */
};

struct leat_lz4_split {
    struct leat_lz4_cutter cutter;
    struct leat_lz4_lane lane;
    struct leat_lz4_merge merge;
};

/* The functions of struct leat_decoder_lanes; the state is a struct leat_lz4_split. */
int leat_lz4_cut(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
                 size_t *ret_take, uint64_t *ret_note);
int leat_lz4_lane_open(struct leat_stage *stage, void *state);
int leat_lz4_lane_begin(struct leat_stage *stage, void *state, const struct leat_in *in);
int leat_lz4_lane_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out);
int leat_lz4_merge(struct leat_stage *stage, void *state, struct leat_in *in, const void *result,
                   struct leat_out *out);
int leat_lz4_join(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                  struct leat_out *out);
void leat_lz4_close(struct leat_stage *stage, void *state);

/* leat_lz4_for_lanes - can lanes decode a frame with these first bytes? */
bool leat_lz4_for_lanes(const uint8_t *first);
/* leat_lz4_header_len - the length of the header of a frame that lanes can decode. */
size_t leat_lz4_header_len(const uint8_t *first);
/* leat_unlz4_had_frame - tell the serial decoder, before it begins, that a frame came before. */
void leat_unlz4_had_frame(void *state);

#endif
