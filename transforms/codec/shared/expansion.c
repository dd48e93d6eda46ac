/* expansion.c - the options that limit the output of a decoder. */

#include "expansion.h"

const struct leat_option leat_expansion_options[] = {
    LEAT_EXPANSION_OPTIONS,
    {0},
};

int leat_expansion_plan(struct leat_stage *stage)
{
    const struct leat_expansion_params *p = leat_params(stage);

    leat_plan_expansion(stage, p->max_output, (uint64_t)p->max_ratio);
    return 0;
}
