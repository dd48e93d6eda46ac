/* lanes.c - the common part of cutter and joiner. */

#include "lanes.h"

#include <stdlib.h>

#include "run/pipeline.h"

int leat_lane_set_init(struct leat_lane_set *l, struct leat_pipeline *p,
                       struct leat_stage_info *info, unsigned n)
{
    l->info = info;
    l->pool = &p->pool;
    l->n = n;
    l->edges = calloc(n, sizeof *l->edges);
    l->stage = leat_stage_new(p, info);
    return l->edges && l->stage ? 0 : LEAT_ENOMEM;
}

int leat_lane_set_renew(struct leat_lane_set *l, struct leat_pipeline *p)
{
    struct leat_stage *stage = leat_stage_new(p, l->info);

    if (!stage)
        return LEAT_ENOMEM;
    leat_stage_close(l->stage);
    leat_stage_free(l->stage);
    l->stage = stage;
    l->at = 0;
    l->at_known = false;
    l->index = 0;
    return 0;
}

void leat_lane_set_done(struct leat_lane_set *l)
{
    leat_stage_free(l->stage);
    free(l->edges);
}
