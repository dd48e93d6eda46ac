/* unlzip.c - lzip members, one after another, to what is in them. */

#include "decoder.h"

#if HAVE_LZMA

#include "lzma_aid.h"

#define FORMAT "lzip"

struct unlzip {
    struct leat_lzma lzma;
    bool ended;
};

static int unlzip_open(struct leat_stage *stage, void *state)
{
    struct unlzip *u = state;
    lzma_ret r;

    leat_lzma_init(&u->lzma, stage);
    /* Its memory comes from the stage, so no limit of its own. */
    r = lzma_lzip_decoder(&u->lzma.strm, UINT64_MAX, LZMA_CONCATENATED);
    return r == LZMA_OK ? 0 : leat_lzma_fail(stage, r, FORMAT);
}

static int unlzip_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct unlzip *u = state;

    if (!u->ended) {
        int r = leat_lzma_run(&u->lzma, stage, FORMAT, NULL, NULL, in, out);

        if (r != LEAT_END)
            return r;
        u->ended = true;
    }
    in->pos = in->len; /* trailing data, which cannot be taken for a member */
    return in->end ? LEAT_END : LEAT_MORE;
}

static void unlzip_close(struct leat_stage *stage, void *state)
{
    struct unlzip *u = state;

    (void)stage;
    leat_lzma_close(&u->lzma);
}

const struct leat_decoder leat_decoder_lzip = {
    .name = FORMAT,
    .state_size = sizeof(struct unlzip),
    .open = unlzip_open,
    .step = unlzip_step,
    .close = unlzip_close,
};

/* --- the stage --------------------------------------------------------------------------------- */

static int stage_open(struct leat_stage *stage)
{
    return unlzip_open(stage, leat_state(stage));
}

static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return unlzip_step(stage, leat_state(stage), in, out);
}

static void stage_close(struct leat_stage *stage)
{
    unlzip_close(stage, leat_state(stage));
}

const struct leat_stage_type leat_stage_unlzip = {
    .name = "unlzip",
    .summary = "decompress lzip (.lz)",
    .manual = "Reads any number of members, one after the other. Truncation and a CRC or a size that "
              "does not match are errors. As with lzip, data after the last member is passed over, "
              "unless it begins like a damaged member.\n\n"
              "The dictionary counts against --memory; a member that needs more fails with both "
              "figures.",
    .examples = "read big.log : lzip -1 : unlzip : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .state_size = sizeof(struct unlzip),
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(unlzip, "unlzip", "decompress lzip (.lz)", "liblzma-dev");

#endif
