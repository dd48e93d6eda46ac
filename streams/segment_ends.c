/* segment_ends.c - the two ends of a segment: where its slices come from and where they go. */

#include "segment_impl.h"

#include "parts.h"
#include "pipeline.h"
#include "split.h"

/* --- output ----------------------------------------------------------------------------------- */

/* The reader of a port is gone. A detached branch that failed is like one that has enough; the stream
 * itself, port 0, is none. */
static void port_gone(struct leat_segment *seg, struct leat_port_end *port)
{
    enum leat_reason reason = leat_edge_reason(port->edge);
    unsigned flags = seg->slots[seg->n - 1].stage->info->flags;
    struct leat_out *out = &seg->slots[seg->n - 1].out;

    leat_assert(!port->gone);
    leat_assert(reason != LEAT_REASON_NONE);
    port->gone = true;
    leat_edge_lost(port->edge, leat_queue_clear(&port->last));
    leat_out_discard(leat_port(out, (size_t)(port - seg->ports)));
    if (reason == LEAT_REASON_FAILED && (!(flags & LEAT_DETACHES) || port == &seg->ports[0]))
        seg->out_failed = true;
}

static int fail_spill(struct leat_segment *seg, size_t i, const struct leat_edge *edge)
{
    struct leat_stage *stage = seg->slots[i].stage;

    return leat_fail_errno(stage, edge->spill->error, "the temporary file in %s",
                           leat_spill_dir(edge->spill));
}

/* Before a lane goes on, what it gave is handed over: so this is how far it was when it gave it. */
static uint64_t used_of(const struct leat_segment *seg)
{
    return seg->outlet == LEAT_OUTLET_LANE ? seg->slots[0].offset : 0;
}

/* Hands over the head of the port's queue, of a large slice its next piece. Returns as
 * leat_edge_write. */
static int write_head(const struct leat_segment *seg, struct leat_port_end *port)
{
    struct leat_slice *s = leat_queue_head(&port->last);
    struct leat_item item = {.slice = *s, .flush = leat_slice_is_mark(s), .used = used_of(seg)};
    int r;

    if (!port->edge->spill || s->len <= LEAT_CHUNK_MAX) {
        r = leat_edge_write(port->edge, &item);
        if (r == 0)
            leat_queue_pop(&port->last);
        return r;
    }
    item.slice.len = LEAT_CHUNK_MAX;
    leat_chunk_ref(s->chunk);
    r = leat_edge_write(port->edge, &item);
    if (r == 0) {
        s->off += item.slice.len;
        s->len -= item.slice.len;
    } else {
        leat_chunk_unref(s->chunk);
    }
    return r;
}

static void drop_head(struct leat_segment *seg, struct leat_port_end *port)
{
    struct leat_slice *s = leat_queue_head(&port->last);

    port->dropped += s->len;
    atomic_fetch_add_explicit(&seg->slots[seg->n - 1].stage->info->dropped, s->len,
                              memory_order_relaxed);
    leat_chunk_unref(s->chunk);
    leat_queue_pop(&port->last);
}

/* Returns 0: all was taken, or nobody wants it; LEAT_FULL; or an error of the last stage. */
static int flush_port(struct leat_segment *seg, struct leat_port_end *port)
{
    bool drops = (seg->slots[seg->n - 1].stage->info->flags & LEAT_DROPS) != 0;

    while (!port->gone && leat_queue_head(&port->last)) {
        int r = write_head(seg, port);

        if (r == LEAT_FULL && drops && port != &seg->ports[0])
            drop_head(seg, port);
        else if (r == LEAT_FULL)
            return LEAT_FULL;
        else if (r == LEAT_EIO)
            return fail_spill(seg, seg->n - 1, port->edge);
        else if (r != 0)
            port_gone(seg, port);
    }
    if (seg->ended_block && !port->gone) {
        struct leat_item item = {.end = seg->ended_block, .used = used_of(seg)};
        int r = leat_edge_write(port->edge, &item);

        if (r == LEAT_FULL)
            return r;
        if (r == 0)
            seg->ended_block = NULL;
        else
            port_gone(seg, port);
    }
    return 0;
}

/* Every port gets what it can take, whatever the others do. Returns as flush_port. */
static int flush_ports(struct leat_segment *seg)
{
    int result = 0;

    for (size_t k = 0; k < seg->n_ports; k++) {
        int r = flush_port(seg, &seg->ports[k]);

        if (r < 0)
            return r;
        if (r == LEAT_FULL)
            result = r;
    }
    return result;
}

static bool all_gone(const struct leat_segment *seg)
{
    for (size_t k = 0; k < seg->n_ports; k++)
        if (!seg->ports[k].gone)
            return false;
    return seg->n_ports > 0;
}

void leat_segment_drop_ports(struct leat_segment *seg)
{
    if (seg->outlet == LEAT_OUTLET_CUT)
        leat_cut_done(seg);
    for (size_t k = 0; k < seg->n_ports; k++)
        leat_edge_lost(seg->ports[k].edge, leat_queue_clear(&seg->ports[k].last));
}

/* Downstream wants no more, or has failed: nothing before it is needed. What is dropped now may have
 * been for others, too, and they are not to take what they got for all there is. */
static enum leat_turn outlet_gone(struct leat_segment *seg, bool failed)
{
    seg->out_gone = true;
    seg->out_failed = failed;
    leat_segment_drop_ports(seg);
    leat_segment_give_up(seg, seg->n, failed ? LEAT_STOP_ABORT : LEAT_STOP_DONE);
    return LEAT_TURN_WENT;
}

enum leat_turn leat_outlet_give_up(struct leat_segment *seg)
{
    return outlet_gone(seg, true);
}

static int cut_turn(struct leat_segment *seg)
{
    int r = leat_cut_flush(seg);

    if (r == 0)
        return -1;
    if (r == LEAT_FULL)
        return leat_segment_park(seg, LEAT_PARK_OUT);
    if (r == LEAT_SHORT)
        return leat_segment_wait_memory(seg, seg->cut->short_share, seg->cut->short_size);
    /* Any other error is of the cutter, which has reported it. */
    return outlet_gone(seg,
                       r != LEAT_ECANCELLED ||
                           leat_edge_reason(seg->cut->lanes[seg->cut->at]) != LEAT_REASON_DONE);
}

/* Returns a turn, or -1 when there was nothing to hand over. */
int leat_outlet_turn(struct leat_segment *seg)
{
    int r;

    if (seg->out_gone || seg->outlet == LEAT_OUTLET_NONE)
        return -1;
    if (seg->outlet == LEAT_OUTLET_CUT)
        return cut_turn(seg);
    if (seg->outlet == LEAT_OUTLET_PARTS)
        return leat_parts_turn(seg);
    r = flush_ports(seg);
    if (r < 0) {
        leat_segment_fail(seg, seg->n - 1);
        return outlet_gone(seg, true);
    }
    if (seg->out_failed || all_gone(seg))
        return outlet_gone(seg, seg->out_failed);
    return r == LEAT_FULL ? (int)leat_segment_park(seg, LEAT_PARK_OUT) : -1;
}

/* Has downstream gone while there is nothing to write? Then it is not found out by writing. */
bool leat_outlet_cancelled(struct leat_segment *seg)
{
    if (seg->out_gone || seg->outlet == LEAT_OUTLET_NONE)
        return false;
    if (seg->outlet == LEAT_OUTLET_PARTS)
        return leat_parts_failed(seg);
    if (seg->outlet == LEAT_OUTLET_CUT)
        return leat_edge_reason(seg->cut->lanes[seg->cut->at]) != LEAT_REASON_NONE;
    for (size_t k = 0; k < seg->n_ports; k++)
        if (!seg->ports[k].gone && leat_edge_reason(seg->ports[k].edge) != LEAT_REASON_NONE)
            port_gone(seg, &seg->ports[k]);
    if (seg->n > 0 && atomic_load(&seg->slots[seg->n - 1].info->failed_below))
        seg->out_failed = true;
    return seg->out_failed || all_gone(seg);
}

void leat_outlet_notice(struct leat_segment *seg)
{
    bool failed = seg->out_failed || seg->outlet == LEAT_OUTLET_PARTS;

    if (seg->outlet == LEAT_OUTLET_CUT)
        failed = leat_edge_reason(seg->cut->lanes[seg->cut->at]) != LEAT_REASON_DONE;
    outlet_gone(seg, failed);
}

/* --- input ------------------------------------------------------------------------------------ */

static int begin_block(struct leat_segment *seg, struct leat_slot *s, struct leat_block *block)
{
    struct leat_stage *stage = s->stage;
    const struct leat_split *split = stage->type->split;
    struct leat_in in = {.block = block->index, .offset = block->offset, .note = block->note};
    int r = 0;

    leat_assert(seg->inlet == LEAT_INLET_LANE);
    leat_assert(!seg->block);
    seg->block = block;
    seg->block_end_seen = false;
    s->offset = block->offset;
    stage->result = block->result;
    if (block->history.chunk) {
        in.history = leat_slice_data(&block->history);
        in.history_len = block->history.len;
    }
    if (!stage->open_called)
        r = leat_stage_open(stage);
    if (r == 0 && split->begin) {
        r = split->begin(stage, &in);
        if (r < 0 && !stage->failure.code)
            leat_fail(stage, r, "%s", leat_strerror(r));
    }
    return r;
}

static int read_edge(struct leat_segment *seg)
{
    struct leat_slot *s = &seg->slots[0];
    struct leat_item item = {0};
    int r;

    leat_assert(seg->in_at < seg->n_in_edges);
    r = leat_edge_read(seg->in_edges[seg->in_at], &item);
    if (r == LEAT_END && seg->in_at + 1 < seg->n_in_edges) {
        seg->in_at++; /* concat: the next one's turn */
        return 0;
    }
    if (r == LEAT_EIO)
        return fail_spill(seg, 0, seg->in_edges[seg->in_at]);
    if (r == LEAT_ENOMEM)
        return leat_fail(s->stage, r, "%s", leat_strerror(r));
    if (r != 0)
        return r;
    if (item.slice.chunk)
        leat_queue_push(s->framer ? &s->raw : &s->in, item.slice);
    if (item.begin)
        r = begin_block(seg, s, item.begin);
    if (seg->block)
        seg->block->bytes += item.slice.len;
    if (item.end) {
        leat_assert(item.end == seg->block);
        seg->block_end_seen = true;
        item.end->flush = item.flush;
    } else if (item.flush) {
        leat_queue_mark(s->framer ? &s->raw : &s->in);
    }
    return r;
}

/* Of LEAT_SHORT it makes a turn, 0, or the error that there will be no memory. */
static int read_inputs(struct leat_segment *seg, enum leat_turn *ret_turn)
{
    struct leat_stage *stage = seg->slots[0].stage;
    struct leat_framer *framer = NULL;
    int r = leat_inputs_read(seg, &framer);

    if (r == LEAT_SHORT) {
        int turn = leat_segment_wait_memory(seg, framer->share, framer->wants);

        if (turn >= 0) {
            *ret_turn = (enum leat_turn)turn;
            return LEAT_SHORT;
        }
        r = LEAT_ELIMIT;
    }
    if (r == LEAT_ELIMIT)
        leat_fail_record(stage, framer);
    else if (r < 0 && r != LEAT_ECANCELLED)
        leat_fail(stage, r, "%s", leat_strerror(r));
    return r;
}

static int read_inlet(struct leat_segment *seg, enum leat_turn *ret_turn)
{
    switch (seg->inlet) {
    case LEAT_INLET_JOIN:
        return leat_join_read(seg);
    case LEAT_INLET_PORTS:
        return read_inputs(seg, ret_turn);
    default:
        return read_edge(seg);
    }
}

/* What the inlet's answer means for the segment. */
enum leat_turn leat_inlet_turn(struct leat_segment *seg)
{
    enum leat_turn turn = LEAT_TURN_WENT;
    int r = read_inlet(seg, &turn);

    if (r == 0 || r == LEAT_SHORT)
        return turn;
    if (r == LEAT_EMPTY)
        return leat_segment_park(seg, LEAT_PARK_IN);
    if (r == LEAT_FULL) {
        leat_segment_park(seg, LEAT_PARK_MEMORY);
        return leat_pool_wait(&seg->pipeline->pool, &seg->memory) ? LEAT_TURN_PARK : LEAT_TURN_WENT;
    }
    if (r == LEAT_END) {
        seg->in_flow = LEAT_FLOW_ENDED;
        return LEAT_TURN_WENT;
    }
    seg->in_flow = LEAT_FLOW_FAILED;
    if (r == LEAT_ECANCELLED)
        return LEAT_TURN_WENT;
    if (seg->inlet == LEAT_INLET_JOIN) {
        leat_outcome_report(seg->pipeline, seg->join->info, &seg->lane_error);
        leat_inlet_cancel(seg, LEAT_REASON_FAILED);
    } else {
        leat_segment_fail(seg, 0);
    }
    return LEAT_TURN_WENT;
}

void leat_inlet_fail_record(struct leat_segment *seg, size_t i, int code)
{
    struct leat_slot *s = &seg->slots[i];

    if (code == LEAT_ELIMIT)
        leat_fail_record(s->stage, s->framer);
    else
        leat_fail(s->stage, code, "%s", leat_strerror(code));
    leat_segment_fail(seg, i);
}
