/* inflate_options.h - the options that gunzip, unzlib and inflate share. */
#ifndef LEAT_CODEC_GZIP_INFLATE_OPTIONS_H
#define LEAT_CODEC_GZIP_INFLATE_OPTIONS_H

#include "../shared/expansion.h"
#include "inflater.h"

struct leat_inflate_params {
    struct leat_expansion_params expansion;
    int backend; /* enum leat_inflater_backend */
};

extern const struct leat_option leat_inflate_options[];
#define LEAT_INFLATE_MANUAL                                                                        \
    "The decoder is ISA-L if this build has it, else zlib; --backend selects one, for tests."

/* leat_inflate_plan - fail if the build lacks the selected backend. */
int leat_inflate_plan(struct leat_stage *stage);

static inline enum leat_inflater_backend leat_inflate_backend(const struct leat_stage *stage)
{
    const struct leat_inflate_params *params = leat_params(stage);

    return (enum leat_inflater_backend)params->backend;
}

#endif
