/* lzma_aid.h - runs liblzma within the contract of a step, for all stages that use it. */
#ifndef LEAT_CODEC_XZ_LZMA_AID_H
#define LEAT_CODEC_XZ_LZMA_AID_H

#include <lzma.h>

#include "stage.h"

#define LEAT_LZMA_LEVEL_MAX 9

/* Parameters shared by the encoders. */
struct leat_lzma_params {
    int64_t level;
    int extreme;
};

/* The first options in their tables; each params structure is this one or begins with it. */
#define LEAT_LZMA_OPTIONS(initial_level)                                                           \
    {.name = "level",                                                                              \
     .short_name = LEAT_DIGITS,                                                                    \
     .kind = LEAT_OPT_INT,                                                                         \
     .offset = offsetof(struct leat_lzma_params, level),                                           \
     .metavar = "N",                                                                               \
     .min = 0,                                                                                     \
     .max = LEAT_LZMA_LEVEL_MAX,                                                                   \
     .initial = initial_level,                                                                     \
     .help = "from 0 (fastest) to 9 (smallest, and by far the most memory)"},                      \
        {.name = "fast",                                                                           \
         .kind = LEAT_OPT_FLAG,                                                                    \
         .offset = offsetof(struct leat_lzma_params, level),                                       \
         .value = -1,                                                                              \
         .initial = initial_level,                                                                 \
         .help = "the same as -0"},                                                                \
        {.name = "best",                                                                           \
         .kind = LEAT_OPT_FLAG,                                                                    \
         .offset = offsetof(struct leat_lzma_params, level),                                       \
         .value = LEAT_LZMA_LEVEL_MAX,                                                             \
         .initial = initial_level,                                                                 \
         .help = "the same as -9"},                                                                \
    {                                                                                              \
        .name = "extreme", .short_name = 'e', .kind = LEAT_OPT_FLAG,                               \
        .offset = offsetof(struct leat_lzma_params, extreme),                                      \
        .help = "a little smaller, and much slower"                                                \
    }

/* leat_lzma_level - the level of `params`, 0 to LEAT_LZMA_LEVEL_MAX. */
unsigned leat_lzma_level(const struct leat_lzma_params *params);
/* leat_lzma_preset - the encoder's options for these params; fails the stage if liblzma lacks the
 * level. */
int leat_lzma_preset(struct leat_stage *stage, const struct leat_lzma_params *params,
                     lzma_options_lzma *ret_options);

/* An encoder in lanes; each lane makes separate blocks. */
struct leat_lzma_lanes {
    uint64_t encoder;    /* bytes that the library uses */
    uint64_t dictionary; /* bytes */
    unsigned most;       /* size of a block in dictionaries, if that fits */
    bool gathers;        /* a lane buffers its whole output */
};
/* leat_lzma_block - bytes of input in a block, 1 MiB or more: as many dictionaries as two lanes
 * have memory for, else one. It depends only on the level and the limit, because the output depends
 * on it. */
uint64_t leat_lzma_block(const struct leat_lzma_lanes *lanes, uint64_t limit);
/* leat_lzma_plan_lanes - set this block size for the stage, and as many lanes as fit. */
void leat_lzma_plan_lanes(struct leat_stage *stage, const struct leat_lzma_lanes *lanes,
                          uint64_t block);

/* An instance of the library for a stage. A zeroed one may be closed. */
struct leat_lzma {
    lzma_stream strm;
    lzma_allocator allocator;
};

/* leat_lzma_init - prepare strm for one of liblzma's encoders or decoders. Its allocations are
 * charged to the stage. Not for those with threads. */
void leat_lzma_init(struct leat_lzma *lzma, struct leat_stage *stage);
/* leat_lzma_init_charged - the same, but this many bytes are charged now and no more later: a lane
 * must have its memory before other stages use it. */
int leat_lzma_init_charged(struct leat_lzma *lzma, struct leat_stage *stage, uint64_t bytes);
void leat_lzma_close(struct leat_lzma *lzma);

/* leat_lzma_fail - fail the stage for a return code of liblzma; `what` is the name of the
 * format. */
int leat_lzma_fail(struct leat_stage *stage, lzma_ret code, const char *what);

/* leat_lzma_decoder_plan - `plan` of a decoder: its limits, and the dictionary that it will
 * need. */
int leat_lzma_decoder_plan(struct leat_stage *stage);

/* leat_lzma_run - code from the input to the output.
 *
 *   raise   called on LZMA_MEMLIMIT_ERROR; returns 0 to continue, or fails; may be NULL
 *
 * Returns LEAT_END  the library has ended the stream; input may be left.
 *         LEAT_MORE  needs more input, or more room.
 *         LEAT_FLUSHED  a decoder at a marker has waited for its threads and output all their data.
 *         < 0       failed; truncated, if the input has ended. */
int leat_lzma_run(struct leat_lzma *lzma, struct leat_stage *stage, const char *what,
                  int (*raise)(struct leat_stage *stage, void *state), void *state,
                  struct leat_in *in, struct leat_out *out);

#endif
