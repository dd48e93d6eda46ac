/* lanes.c - a stage that is one decoder: in lanes if there are threads and memory for them. */

#include "lanes.h"

#include "expansion.h"

bool leat_lanes_used(const struct leat_stage *stage, const struct leat_decoder_lanes *lanes)
{
    return leat_threads(stage) > 1 && leat_memory_limit(stage) >= lanes->memory_min;
}

int leat_lanes_plan(struct leat_stage *stage, const struct leat_decoder *decoder, size_t block)
{
    if (leat_lanes_used(stage, decoder->lanes)) {
        leat_plan_block(stage, block, decoder->lanes->history);
        leat_plan_flags(stage, LEAT_FLUSHES);
    } else {
        leat_plan_nature(stage, LEAT_HEAVY);
    }
    leat_plan_later(stage, decoder->later);
    return leat_expansion_plan(stage);
}

int leat_lanes_open(struct leat_stage *stage, const struct leat_decoder *decoder)
{
    if (leat_lanes_used(stage, decoder->lanes))
        return decoder->lanes->open(stage, leat_state(stage));
    return decoder->open(stage, leat_state(stage));
}

int leat_lanes_step(struct leat_stage *stage, const struct leat_decoder *decoder,
                    struct leat_in *in, struct leat_out *out)
{
    if (leat_lanes_used(stage, decoder->lanes))
        return decoder->lanes->step(stage, leat_state(stage), in, out);
    return decoder->step(stage, leat_state(stage), in, out);
}

void leat_lanes_close(struct leat_stage *stage, const struct leat_decoder *decoder)
{
    if (leat_lanes_used(stage, decoder->lanes))
        decoder->lanes->close(stage, leat_state(stage));
    else
        decoder->close(stage, leat_state(stage));
}
