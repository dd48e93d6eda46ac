/* edge_inlet.c - the inlet of a segment that reads one edge after another. The edge of a lane
 * carries blocks. */

#include "segment_impl.h"

#include "edge/spill.h"
#include "run/pipeline.h"

static int begin_block(struct leat_segment *seg, struct leat_slot *s, struct leat_block *block)
{
    struct leat_stage *stage = s->stage;
    const struct leat_lanes *split = stage->type->lanes;
    struct leat_in in = {.block = block->index, .offset = block->offset, .note = block->note};
    int r = 0;

    leat_assert(seg->is_lane);
    leat_assert(!seg->lane.block && !seg->lane.ended_block);
    leat_assert(block->bytes == 0);
    leat_assert(block->offset >= s->offset); /* a lane gets its blocks in the order of the stream */
    seg->lane.block = block;
    seg->lane.end_seen = false;
    s->offset = block->offset;
    stage->result = block->result;
    if (block->history.chunk) {
        in.history = leat_slice_data(&block->history);
        in.history_len = block->history.len;
    }
    leat_stage_keep(stage, atomic_exchange(&seg->lane.kept, 0));
    if (!stage->open_called)
        r = leat_stage_open(stage);
    if (r == 0 && split->begin) {
        r = split->begin(stage, &in);
        if (r < 0 && !stage->failure.code)
            leat_fail(stage, r, "%s", leat_strerror(r));
    }
    return r;
}

static bool lane_is_idle(const struct leat_segment *seg)
{
    return seg->is_lane && !seg->lane.block;
}

static int read_edge(struct leat_segment *seg)
{
    struct leat_slot *s = &seg->slots[0];
    struct leat_item item = {0};
    int r;

    leat_assert(seg->in.at < seg->in.n_edges);
    leat_assert(s->in.n == 0 && s->raw.n == 0);
    leat_assert(!seg->lane.block || !seg->lane.end_seen); /* no block begins before one ends */
    r = leat_edge_read(seg->in.edges[seg->in.at], &item);
    if (r == LEAT_END && seg->in.at + 1 < seg->in.n_edges) {
        seg->in.at++; /* concat: go on with the next edge */
        return 0;
    }
    if (r == LEAT_EIO)
        return leat_fail_spill(s->stage, seg->in.edges[seg->in.at]->spill);
    if (r == LEAT_ENOMEM)
        return leat_fail(s->stage, r, "%s", leat_strerror(r));
    if (r != 0)
        return r;
    leat_assert(item.slice.chunk || item.end || item.flush);
    leat_assert(!item.slice.chunk || item.slice.len > 0);
    leat_assert(seg->is_lane || (!item.begin && !item.end)); /* only lanes get blocks */
    if (item.slice.chunk)
        leat_slice_queue_push(leat_slot_input(s), item.slice);
    if (item.begin)
        r = begin_block(seg, s, item.begin);
    if (seg->lane.block)
        seg->lane.block->bytes += item.slice.len;
    if (item.end) {
        leat_assert(item.end == seg->lane.block);
        seg->lane.end_seen = true;
        item.end->flush = item.flush;
        item.end->position = item.slice.chunk ? 0 : item.slice.off;
    } else if (item.flush) {
        /* between two blocks there is no piece */
        leat_slice_queue_mark_at(lane_is_idle(seg) ? &s->in : leat_slot_input(s), item.slice.off);
    }
    return r;
}

static enum leat_step_result read_turn(struct leat_segment *seg)
{
    return leat_segment_took(seg, read_edge(seg));
}

const struct leat_inlet_ops leat_inlet_edge = {.read = read_turn};
const struct leat_inlet_ops leat_inlet_concat = {.read = read_turn, .is_junction = true};
