/* unlzma.c - an lzma stream, the format before xz, to what is in it. */

#include "decoder.h"

#if HAVE_LZMA

#include "lzma_aid.h"

#define FORMAT "lzma"

struct unlzma {
    struct leat_lzma lzma;
    bool ended;
};

static int unlzma_open(struct leat_stage *stage, void *state)
{
    struct unlzma *u = state;
    lzma_ret r;

    leat_lzma_init(&u->lzma, stage);
    /* Its memory comes from the stage, so no limit of its own. */
    r = lzma_alone_decoder(&u->lzma.strm, UINT64_MAX);
    return r == LZMA_OK ? 0 : leat_lzma_fail(stage, r, FORMAT);
}

static int unlzma_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct unlzma *u = state;

    if (!u->ended) {
        int r = leat_lzma_run(&u->lzma, stage, FORMAT, NULL, NULL, in, out);

        if (r != LEAT_END)
            return r;
        u->ended = true;
    }
    if (in->pos < in->len)
        return leat_fail(stage, LEAT_ECORRUPT, "trailing garbage after the lzma stream");
    return in->end ? LEAT_END : LEAT_MORE;
}

static void unlzma_close(struct leat_stage *stage, void *state)
{
    struct unlzma *u = state;

    (void)stage;
    leat_lzma_close(&u->lzma);
}

const struct leat_decoder leat_decoder_lzma = {
    .name = FORMAT,
    .state_size = sizeof(struct unlzma),
    .open = unlzma_open,
    .step = unlzma_step,
    .close = unlzma_close,
};

/* --- the stage --------------------------------------------------------------------------------- */

static int stage_open(struct leat_stage *stage)
{
    return unlzma_open(stage, leat_state(stage));
}

static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return unlzma_step(stage, leat_state(stage), in, out);
}

static void stage_close(struct leat_stage *stage)
{
    unlzma_close(stage, leat_state(stage));
}

const struct leat_stage_type leat_stage_unlzma = {
    .name = "unlzma",
    .summary = "decompress lzma (.lzma), the format before xz",
    .manual = "Reads one stream; there cannot be more. Truncation and anything after the stream are "
              "errors. The format has no checksum: damage may go unnoticed.\n\n"
              "The dictionary counts against --memory; a stream that needs more fails with both "
              "figures.",
    .examples = "read big.log : lzma -1 : unlzma : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .state_size = sizeof(struct unlzma),
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(unlzma, "unlzma", "decompress lzma (.lzma), the format before xz",
                   "liblzma-dev");

#endif
