/* pass.c - passes its input on unchanged, by reference: the minimal cost of a stage. */

#include "stage.h"

static int pass_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

const struct leat_stage_type leat_stage_pass = {
    .name = "pass",
    .summary = "pass the stream on unchanged",
    .manual = "The stream is not changed and not copied. Use it to try things out, and to "
              "measure the cost of a stage by itself.",
    .examples = "pass",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .flags = LEAT_PASS_THROUGH,
    .step = pass_step,
};
