/* inflate.c - decodes raw deflate data (RFC 1951). */

#include "inflate_options.h"
#include "inflater.h"

struct inflate {
    struct leat_inflater inflater;
    bool after; /* the deflate data has ended */
};

static int inflate_open(struct leat_stage *stage)
{
    struct inflate *f = leat_state(stage);

    return leat_inflater_open(&f->inflater, stage, leat_inflate_backend(stage),
                              LEAT_INFLATER_NO_CHECK);
}

static void inflate_close(struct leat_stage *stage)
{
    struct inflate *f = leat_state(stage);

    leat_inflater_close(&f->inflater, stage);
}

static int inflate_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct inflate *f = leat_state(stage);

    if (!f->after) {
        int r = leat_inflater_step(&f->inflater, stage, in, out);

        if (r != LEAT_END)
            return r;
        f->after = true;
    }
    return leat_inflater_after(&f->inflater, stage, in, "the deflate data");
}

const struct leat_stage_type leat_stage_inflate = {
    .name = "inflate",
    .summary = "decompress raw deflate data (RFC 1951)",
    .manual =
        "Errors are: truncation, and any data after the end. Raw deflate data has no checksum: "
        "damage may go unnoticed.\n\n" LEAT_INFLATE_MANUAL,
    .examples = "read big.log : deflate : inflate : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_inflate_params),
    .state_size = sizeof(struct inflate),
    .options = leat_inflate_options,
    .plan = leat_inflate_plan,
    .open = inflate_open,
    .step = inflate_step,
    .close = inflate_close,
};
