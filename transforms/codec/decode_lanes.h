/* decode_lanes.h - what the two halves of `decode` share: options, and the half that works in lanes. */
#ifndef LEAT_CODEC_DECODE_LANES_H
#define LEAT_CODEC_DECODE_LANES_H

#include "expansion.h"
#include "signature.h"

struct leat_decode_params {
    struct leat_expansion_params expansion;
    int64_t depth; /* layers; 0: one, and what is in it is not looked at */
    int strict;
};

/* The state of a lane, of the cutter, or of the join. */
struct leat_decode_lane {
    struct leat_first first;                /* the cutter's and the first lane's */
    bool ready;                             /* what follows is set */
    const struct leat_decoder_lanes *lanes; /* NULL: the format has none */
    const struct leat_decoder *serial;      /* then: NULL for plain data */
    void *state;                            /* of either */
    bool in_first, told; /* it has the first block, and has told the join of the format */
};

/* leat_decode_in_lanes - is the stage split? */
bool leat_decode_in_lanes(const struct leat_stage *stage);
/* For plan, and step and close of a lane, which need not be opened; close also of the others. */
void leat_decode_lanes_plan(struct leat_stage *stage);
int leat_decode_lane_step(struct leat_stage *stage, struct leat_decode_lane *lane,
                          struct leat_in *in, struct leat_out *out);
void leat_decode_lane_close(struct leat_stage *stage, struct leat_decode_lane *lane);
/* Its functions find a struct leat_decode_lane at the beginning of the stage's state. */
extern const struct leat_split leat_decode_split;

/* leat_decode_unknown - it is of no known format. Fails the stage if that is an error, or returns 0. */
int leat_decode_unknown(struct leat_stage *stage);

#endif
