/* expansion.h - the options that limit the output of a decoder, the same for all decoders. */
#ifndef LEAT_CODEC_SHARED_EXPANSION_H
#define LEAT_CODEC_SHARED_EXPANSION_H

#include "stage.h"

/* If a decoder has more options, its params begin with this. */
struct leat_expansion_params {
    uint64_t max_output; /* 0: no limit */
    int64_t max_ratio;
};

#define LEAT_EXPANSION_OPTIONS                                                                     \
    {.name = "max-output",                                                                         \
     .kind = LEAT_OPT_SIZE,                                                                        \
     .offset = offsetof(struct leat_expansion_params, max_output),                                 \
     .metavar = "SIZE",                                                                            \
     .min = 1,                                                                                     \
     .max = INT64_MAX,                                                                             \
     .help = "fail with status 7 if more than SIZE bytes are output (no limit if not given)"},     \
    {                                                                                              \
        .name = "max-ratio", .kind = LEAT_OPT_INT,                                                 \
        .offset = offsetof(struct leat_expansion_params, max_ratio), .metavar = "N", .min = 1,     \
        .max = INT64_MAX,                                                                          \
        .help = "fail with status 7 if the output exceeds both 1 MiB and N times the input; "      \
                "default no limit"                                                                 \
    }

/* For a decoder without other options. */
extern const struct leat_option leat_expansion_options[];

/* leat_expansion_plan - apply the options. Used as `plan`, or called by one. */
int leat_expansion_plan(struct leat_stage *stage);

#endif
