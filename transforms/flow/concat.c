/* concat.c - the streams of several pipelines, one after another, as one stream. */

#include "stage.h"

extern const struct leat_stage_type leat_stage_concat;

#define BRANCHES_MAX 64u

static int concat_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

const struct leat_stage_type leat_stage_concat = {
    .name = "concat",
    .summary = "join pipelines end to end",
    .manual = "Each bracket is a pipeline that begins with a readable. The output is their "
              "streams, one after another. All of them start at once and run until their buffers "
              "are full, so the next one is ready when its turn comes.\n\n"
              "If one of them fails, the whole pipeline fails at once, even while an earlier one "
              "is still being read. Data already written to standard output may then end "
              "anywhere.",
    .examples = "concat [ read words.txt ] [ read big.log : head -n 1 ] : count -l",
    .kind = LEAT_FAN_IN,
    .branches_min = 1,
    .branches_max = BRANCHES_MAX,
    .step = concat_step,
};
