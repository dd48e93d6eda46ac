/* lanes.c - a parallel stage: a cutter at the end of one segment, the lanes, and a joiner at the
 * start of the next. */

#include "lanes/lanes.h"
#include "compiler.h"

#define LANE_SHARE 4u /* lanes use at most this part of the limit */

/* One lane per thread, if there is memory for the blocks. */
static unsigned lanes_for(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t block = info->plan.block > 0 ? info->plan.block : LEAT_CHUNK_BEST;
    uint64_t most =
        p->settings.memory / LANE_SHARE / (LEAT_LANE_EDGES(block) + 4 * LEAT_CHUNK_LEAST);
    unsigned n = p->settings.threads;

    if (info->plan.lanes_max > 0 && info->plan.lanes_max < n)
        n = info->plan.lanes_max;
    if (most < n)
        n = most > 0 ? (unsigned)most : 1;
    return n;
}

static int add_lane(struct leat_compiler *pl, struct leat_segment *from, struct leat_segment *to,
                    struct leat_stage_info *info, unsigned i)
{
    struct leat_segment *lane = leat_compile_segment(pl, pl->numbers);
    struct leat_edge *in = leat_compile_edge(pl), *out = leat_compile_edge(pl);

    if (!lane || !in || !out || !leat_compile_add(pl, lane, info))
        return leat_compile_no_memory(pl);
    if (leat_segment_add_input(lane, in) < 0 || leat_segment_add_output(lane, out) < 0)
        return leat_compile_no_memory(pl);
    lane->in.ops = &leat_inlet_edge;
    lane->out.ops = &leat_outlet_edge;
    lane->is_lane = true;
    lane->lane.number = i;
    in->writer = &from->actor;
    out->reader = &to->actor;
    out->carries_ends = true;
    from->out.cutter->lanes.edges[i] = in;
    from->out.cutter->segments[i] = lane;
    to->in.joiner->lanes.edges[i] = out;
    return 0;
}

int leat_compile_lanes(struct leat_compiler *pl, struct leat_stage_info *info)
{
    struct leat_segment *from, *to;
    unsigned n = lanes_for(pl->p, info);
    int lane_number, r;

    r = leat_compile_need_stage(pl);
    if (r < 0)
        return r;
    from = pl->cur;
    lane_number = ++pl->numbers;
    to = leat_compile_segment(pl, lane_number + 1);
    if (!to)
        return leat_compile_no_memory(pl);
    from->out.ops = &leat_outlet_cutter;
    to->in.ops = &leat_inlet_joiner;
    from->out.cutter = leat_cutter_new(pl->p, info, n);
    to->in.joiner = leat_joiner_new(pl->p, info, n);
    if (!from->out.cutter || !to->in.joiner)
        return leat_compile_no_memory(pl);
    from->out.cutter->lanes.order = leat_lane_order_new(&pl->p->executor, &from->actor, &to->actor);
    to->in.joiner->lanes.order = from->out.cutter->lanes.order;
    if (!from->out.cutter->lanes.order)
        return leat_compile_no_memory(pl);
    info->lanes.most = info->lanes.left = n;
    info->lanes.in_use = 0;
    for (unsigned i = 0; i < n && r == 0; i++)
        r = add_lane(pl, from, to, info, i);
    pl->numbers = lane_number + 1;
    pl->cur = to;
    pl->cur_heavy = false;
    return r;
}
