/* decode_lanes.h - what the two halves of `decode` share: options, and the half that works in lanes. */
#ifndef LEAT_CODEC_DECODE_LANES_H
#define LEAT_CODEC_DECODE_LANES_H

#include "../shared/expansion.h"
#include "signature.h"

struct leat_decode_params {
    struct leat_expansion_params expansion;
    int64_t depth; /* layers; 0: one, and what is in it is not looked at */
    int strict;
};

/* The state of a lane, of the cutter, or of the join. */
struct leat_decode_lane {
    /* The format of the first file, if it has lanes: of all files that are decoded in lanes. */
    bool ready; /* it is known, and the state is there */
    unsigned format;
    const struct leat_decoder_lanes *lanes; /* NULL: none is */
    void *state;
    struct leat_first
        first;       /* of the current file: the cutter's, and that of the lane that begins it */
    bool file_ready; /* the lane's and the cutter's: it is known how to decode the file */
    bool in_lanes;   /* the current file is decoded in lanes; the lane's, cutter's and join's */
    /* A lane's, for a file that is one block: NULL for plain data. */
    const struct leat_decoder *serial;
    void *serial_state;
    bool in_first, told, begun; /* its block begins a file; its tag is written; the lanes' begin was
                                 * called */
    uint64_t note;
    /* The cutter's and the join's. */
    size_t file;        /* its number */
    uint64_t at;        /* the cutter's: byte offset in the input */
    bool begins, empty; /* the cutter's: the current block begins a file, and has no byte yet */
    bool later_file, tagged,
        empty_block; /* the join's: a file has begun; the block's tag was read */
};

/* leat_decode_in_lanes - is the stage split? */
bool leat_decode_in_lanes(const struct leat_stage *stage);
/* For plan, and step and close of a lane, which need not be opened; close also of the others. */
void leat_decode_lanes_plan(struct leat_stage *stage);
int leat_decode_lane_step(struct leat_stage *stage, struct leat_decode_lane *lane,
                          struct leat_in *in, struct leat_out *out);
void leat_decode_lane_close(struct leat_stage *stage, struct leat_decode_lane *lane);
/* Its functions find a struct leat_decode_lane at the beginning of the stage's state. */
extern const struct leat_lanes leat_decode_split;

/* leat_decode_unknown - a file that begins `at` is of no known format. Fails the stage if that is an error, or returns 0. */
int leat_decode_unknown(struct leat_stage *stage, uint64_t at);

#endif
