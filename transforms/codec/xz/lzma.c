/* lzma.c - lzma, the format before xz: one stream, by liblzma, in one thread. */

#include "stage.h"

#if HAVE_LZMA

#include "lzma_aid.h"

#define FORMAT "lzma"
#define LEVEL_DEFAULT 6

static const struct leat_option options[] = {
    LEAT_LZMA_OPTIONS(LEVEL_DEFAULT),
    {0},
};

static int stage_open(struct leat_stage *stage)
{
    struct leat_lzma *lzma = leat_state(stage);
    lzma_options_lzma o;
    lzma_ret r;
    int err = leat_lzma_preset(stage, leat_params(stage), &o);

    if (err < 0)
        return err;
    leat_lzma_init(lzma, stage);
    r = lzma_alone_encoder(&lzma->strm, &o);
    return r == LZMA_OK ? 0 : leat_lzma_fail(stage, r, FORMAT);
}

static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return leat_lzma_run(leat_state(stage), stage, FORMAT, NULL, NULL, in, out);
}

static void stage_close(struct leat_stage *stage)
{
    leat_lzma_close(leat_state(stage));
}

const struct leat_stage_type leat_stage_lzma = {
    .name = FORMAT,
    .summary = "compress to lzma (.lzma), the format before xz",
    .manual =
        "The output is one stream, compressed in one thread; the format allows nothing else. It "
        "has no checksum, so damage may go unnoticed; xz and lzip have one, and use all threads. "
        "lzma cannot flush: its data is complete only at the end.\n\n"
        "It uses 94 MiB at level 6, and 673 MiB at level 9.",
    .examples = "read big.log : lzma -1 : write --force big.copy.lzma",
    .suffixes = ".lzma",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_NO_STDOUT_TTY,
    .params_size = sizeof(struct leat_lzma_params),
    .state_size = sizeof(struct leat_lzma),
    .options = options,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(lzma, "lzma", "compress to lzma (.lzma), the format before xz", "liblzma-dev");

#endif
