/* lanes.h - the stages of decoders that have lanes: their callbacks, and when lanes are used. */
#ifndef LEAT_CODEC_SHARED_LANES_H
#define LEAT_CODEC_SHARED_LANES_H

#include "decoder.h"

/* cut, begin and join of a parallel stage whose state is that of the lanes. */
#define LEAT_LANES_CALLBACKS(lanes)                                                                \
    static int stage_cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,      \
                         size_t *ret_take)                                                         \
    {                                                                                              \
        uint64_t note = 0;                                                                         \
        int r = (lanes).cut(stage, leat_state(stage), data, len, ret_take, &note);                 \
                                                                                                   \
        (void)end;                                                                                 \
        leat_note(stage, note);                                                                    \
        return r;                                                                                  \
    }                                                                                              \
    static int stage_begin(struct leat_stage *stage, const struct leat_in *in)                     \
    {                                                                                              \
        return (lanes).begin(stage, leat_state(stage), in);                                        \
    }                                                                                              \
    static int stage_join(struct leat_stage *stage, enum leat_join when, const void *result,       \
                          struct leat_out *out)                                                    \
    {                                                                                              \
        return (lanes).join(stage, leat_state(stage), when, result, out);                          \
    }

/* A stage that is one decoder: in lanes if there are several threads and memory for them, else
 * serial. Its state has room for either; its type is LEAT_PARALLEL, which `plan` may change.
 *
 * leat_lanes_used - is it decoded in lanes?
 * leat_lanes_plan - `block`: the approximate output of a lane for a block, in bytes. */
bool leat_lanes_used(const struct leat_stage *stage, const struct leat_decoder_lanes *lanes);
int leat_lanes_plan(struct leat_stage *stage, const struct leat_decoder *decoder, size_t block);
int leat_lanes_open(struct leat_stage *stage, const struct leat_decoder *decoder);
int leat_lanes_step(struct leat_stage *stage, const struct leat_decoder *decoder,
                    struct leat_in *in, struct leat_out *out);
void leat_lanes_close(struct leat_stage *stage, const struct leat_decoder *decoder);

/* The callbacks of a decoder with lanes, and its struct leat_lanes, whose lanes have a merge. */
#define LEAT_LANES_STAGE(decoder, decoder_lanes, block, result_bytes)                              \
    LEAT_LANES_CALLBACKS(decoder_lanes)                                                            \
    static int stage_plan(struct leat_stage *stage)                                                \
    {                                                                                              \
        return leat_lanes_plan(stage, &(decoder), block);                                          \
    }                                                                                              \
    static int stage_open(struct leat_stage *stage)                                                \
    {                                                                                              \
        return leat_lanes_open(stage, &(decoder));                                                 \
    }                                                                                              \
    static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)      \
    {                                                                                              \
        return leat_lanes_step(stage, &(decoder), in, out);                                        \
    }                                                                                              \
    static void stage_close(struct leat_stage *stage)                                              \
    {                                                                                              \
        leat_lanes_close(stage, &(decoder));                                                       \
    }                                                                                              \
    static int stage_merge(struct leat_stage *stage, struct leat_in *in, const void *result,       \
                           struct leat_out *out)                                                   \
    {                                                                                              \
        return (decoder_lanes).merge(stage, leat_state(stage), in, result, out);                   \
    }                                                                                              \
    static const struct leat_lanes split = {                                                       \
        .result_size = result_bytes,                                                               \
        .cut = stage_cut,                                                                          \
        .begin = stage_begin,                                                                      \
        .merge = stage_merge,                                                                      \
        .join = stage_join,                                                                        \
    }

#endif
