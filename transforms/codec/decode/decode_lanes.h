/* decode_lanes.h - the parts of `decode` shared by its two halves: options, and the half that works
 * in lanes. */
#ifndef LEAT_CODEC_DECODE_DECODE_LANES_H
#define LEAT_CODEC_DECODE_DECODE_LANES_H

#include "../shared/expansion.h"
#include "signature.h"

struct leat_decode_params {
    struct leat_expansion_params expansion;
    int64_t depth; /* layers; 0: one, whose contents are not examined */
    int strict;
};

/* State of a lane, of the cutter, or of the join. */
struct leat_decode_lane {
    /* The format of the first file, if it has lanes; it is the one for all files decoded in
     * lanes. */
    bool ready; /* the format is known, and the state is allocated */
    unsigned format;
    const struct leat_decoder_lanes *lanes; /* NULL: no format has lanes */
    void *state;
    struct leat_first
        first;       /* first bytes of the current file: in the cutter, and in the lane whose block
                      * begins the file */
    bool file_ready; /* lane and cutter: it is known how to decode the file */
    bool in_lanes;   /* lane, cutter and join: the current file is decoded in lanes */
    /* For a lane, if a file is one block: NULL for plain data. */
    const struct leat_decoder *serial;
    void *serial_state;
    bool in_first, told, begun; /* its block begins a file; its tag is written; `begin` of the lanes
                                 * was called */
    uint64_t note;
    /* For the cutter and the join. */
    size_t file;        /* its number */
    uint64_t at;        /* cutter: byte offset in the input */
    bool begins, empty; /* cutter: the current block begins a file, and has no byte yet */
    bool later_file, tagged,
        empty_block; /* join: a file has begun; the tag of the block was read */
};

/* leat_decode_in_lanes - is the stage parallel? */
bool leat_decode_in_lanes(const struct leat_stage *stage);
/* For plan, and for step and close of a lane. The lane need not be open; close also works for the
 * others. */
void leat_decode_lanes_plan(struct leat_stage *stage);
int leat_decode_lane_step(struct leat_stage *stage, struct leat_decode_lane *lane,
                          struct leat_in *in, struct leat_out *out);
void leat_decode_lane_close(struct leat_stage *stage, struct leat_decode_lane *lane);
/* Its functions expect a struct leat_decode_lane at the beginning of the stage's state. */
extern const struct leat_lanes leat_decode_split;

/* leat_decode_unknown - a file that begins at `at` is in no known format. Fails the stage if that
 * is an error, or returns 0. */
int leat_decode_unknown(struct leat_stage *stage, uint64_t at);

#endif
