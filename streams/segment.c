/* segment.c - the scheduler inside a segment: which stage runs next, and what its step came to.
 *
 * Order of a turn: hand over what the last stage gave; else run the most downstream stage that has
 * something to do; else take input. A stage runs only when the one after it has used up what it
 * got, so at most one chunk's worth lies between two stages.
 */

#include "segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "split.h"

#define TURNS 64       /* of one run, before others have theirs */
#define IDLE_MAX 2u    /* steps without progress before it is an error */

static bool segment_run(struct leat_actor *actor);

static void memory_wake(struct leat_pool_waiter *w)
{
    struct leat_segment *seg =
        (struct leat_segment *)((char *)w - offsetof(struct leat_segment, memory));

    leat_actor_wake(&seg->pipeline->executor, &seg->actor);
}

struct leat_segment *leat_segment_new(struct leat_pipeline *pipeline, int number)
{
    struct leat_segment *seg = calloc(1, sizeof *seg);

    if (!seg)
        return NULL;
    seg->actor.run = segment_run;
    seg->pipeline = pipeline;
    seg->number = number;
    seg->memory.wake = memory_wake;
    seg->ports = calloc(1, sizeof *seg->ports);
    if (!seg->ports) {
        free(seg);
        return NULL;
    }
    return seg;
}

static void clear_ports(struct leat_segment *seg)
{
    leat_queue_clear(&seg->ports[0].last);
    for (size_t k = 1; k < seg->n_ports; k++)
        leat_queue_clear(&seg->ports[k].last);
}

static void slot_out_done(struct leat_slot *s)
{
    leat_out_done(&s->out);
    for (size_t k = 1; k < s->out.n_ports; k++)
        leat_out_done(&s->out.ports[k]);
}

void leat_segment_free(struct leat_segment *seg)
{
    if (!seg)
        return;
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_slot *s = &seg->slots[i];

        leat_queue_clear(&s->in);
        leat_queue_clear(&s->raw);
        slot_out_done(s);
        free(s->out.ports);
        if (s->framer)
            leat_framer_done(s->framer);
        free(s->framer);
        leat_stage_free(s->stage);
    }
    clear_ports(seg);
    leat_queue_clear(&seg->dump);
    leat_inputs_free(seg->inputs);
    leat_split_free(seg->join);
    leat_split_free(seg->cut);
    leat_block_free(seg->block);
    leat_block_free(seg->ended_block);
    free(seg->slots);
    free(seg->ports);
    free(seg->in_edges);
    free(seg);
}

int leat_segment_add_input(struct leat_segment *seg, struct leat_edge *edge)
{
    struct leat_edge **more = realloc(seg->in_edges, (seg->n_in_edges + 1) * sizeof(*more));

    if (!more)
        return LEAT_ENOMEM;
    seg->in_edges = more;
    seg->in_edges[seg->n_in_edges++] = edge;
    edge->reader = &seg->actor;
    return 0;
}

int leat_segment_add_output(struct leat_segment *seg, struct leat_edge *edge)
{
    struct leat_port_end *more = realloc(seg->ports, (seg->n_ports + 1) * sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    seg->ports = more;
    seg->ports[seg->n_ports++] = (struct leat_port_end){.edge = edge};
    edge->writer = &seg->actor;
    return 0;
}

/* A junction's ports, each into a queue of its own. */
static int ready_ports(struct leat_segment *seg, struct leat_slot *s)
{
    struct leat_pipeline *p = seg->pipeline;

    if (seg->n_ports < 2)
        return 0;
    s->out.ports = calloc(seg->n_ports, sizeof *s->out.ports);
    if (!s->out.ports)
        return LEAT_ENOMEM;
    s->out.n_ports = seg->n_ports;
    for (size_t k = 1; k < seg->n_ports; k++)
        leat_out_init(&s->out.ports[k], &seg->ports[k].last, &p->pool, p->settings.room);
    return 0;
}

int leat_segment_add(struct leat_segment *seg, struct leat_stage *stage)
{
    if (seg->n == seg->room) {
        size_t room = seg->room ? 2 * seg->room : 4;
        struct leat_slot *more = realloc(seg->slots, room * sizeof *more);

        if (!more) {
            leat_stage_free(stage);
            return LEAT_ENOMEM;
        }
        seg->slots = more;
        seg->room = room;
    }
    seg->slots[seg->n] = (struct leat_slot){.stage = stage};
    seg->n++;
    stage->segment = seg;
    stage->wait.actor = &seg->actor;
    return 0;
}

int leat_segment_ready(struct leat_segment *seg)
{
    struct leat_pipeline *p = seg->pipeline;
    bool lane = seg->inlet == LEAT_INLET_LANE;

    if (seg->inlet == LEAT_INLET_PORTS) {
        seg->inputs = leat_inputs_new(seg);
        if (!seg->inputs)
            return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_slot *s = &seg->slots[i], *next = i + 1 < seg->n ? s + 1 : NULL;
        struct leat_stage_info *info = s->stage->info;
        struct leat_queue *to = NULL;

        if (info->framing == LEAT_LINES && !lane && (i > 0 || !seg->inputs)) {
            s->framer = calloc(1, sizeof *s->framer);
            if (!s->framer)
                return LEAT_ENOMEM;
            leat_framer_init(s->framer, &p->pool, info->delimiter, p->settings.record_max);
        }
        if (next)
            to = next->stage->info->framing == LEAT_LINES && !lane ? &next->raw : &next->in;
        else if (seg->outlet != LEAT_OUTLET_NONE)
            to = &seg->ports[0].last;
        leat_out_init(&s->out, to, &p->pool, p->settings.room);
        if (!next && ready_ports(seg, s) < 0)
            return LEAT_ENOMEM;
    }
    return 0;
}

/* --- ending ------------------------------------------------------------------------------------ */

enum leat_turn leat_segment_park(struct leat_segment *seg, int why)
{
    seg->parked = why;
    return LEAT_TURN_PARK;
}

/* No input is wanted any more. */
static void cancel_inlet(struct leat_segment *seg, enum leat_reason reason)
{
    seg->in_cancelled = true;
    for (size_t k = 0; k < seg->n_in_edges; k++)
        leat_edge_cancel(seg->in_edges[k], reason);
    if (seg->inlet == LEAT_INLET_JOIN)
        leat_split_cancel(seg->join, reason);
}

static void slot_drop_input(struct leat_slot *s)
{
    leat_queue_clear(&s->in);
    leat_queue_clear(&s->raw);
    if (s->framer)
        leat_framer_done(s->framer);
}

/* The stage is through; what it waits for, it no longer waits for. */
static void slot_done(struct leat_segment *seg, struct leat_slot *s, bool failed)
{
    if (seg->inputs && s == &seg->slots[0])
        leat_inputs_drop(seg->inputs);
    s->done = true;
    s->failed = failed;
    s->more = s->stopping = s->waiting = false;
    leat_wait_clear(&seg->pipeline->waits, &s->stage->wait);
    slot_drop_input(s);
}

static void slot_stop(struct leat_segment *seg, struct leat_slot *s, enum leat_stop why)
{
    bool failed = why == LEAT_STOP_ABORT;

    slot_drop_input(s);
    if (!s->stage->type->stop) {
        slot_done(seg, s, failed);
        return;
    }
    leat_wait_clear(&seg->pipeline->waits, &s->stage->wait);
    s->waiting = false;
    s->stopping = true;
    s->more = true;
    s->failed = failed;
    s->out.to = NULL;
    s->stage->type->stop(s->stage, why);
}

void leat_segment_give_up(struct leat_segment *seg, size_t i, enum leat_stop why)
{
    while (i-- > 0) {
        struct leat_slot *s = &seg->slots[i];

        if (s->done || (s->stopping && why == LEAT_STOP_DONE))
            return;
        if (why == LEAT_STOP_DONE && (s->stage->info->flags & LEAT_WANTS_ALL)) {
            s->discard = true;
            s->out.to = &seg->dump;
            return;
        }
        slot_stop(seg, s, why);
    }
    if (!seg->in_cancelled)
        cancel_inlet(seg, why == LEAT_STOP_DONE ? LEAT_REASON_DONE : LEAT_REASON_FAILED);
}

void leat_segment_fail(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];

    if (seg->outlet == LEAT_OUTLET_LANE)
        seg->lane_error = s->stage->failure; /* the joiner reports it, in order */
    else
        leat_pipeline_report(seg->pipeline, s->stage->info, &s->stage->failure);
    slot_done(seg, s, true);
    leat_segment_give_up(seg, i, LEAT_STOP_ABORT);
}

/* Everything is being given up: SIGINT, a time limit, a stall. */
static void abort_all(struct leat_segment *seg)
{
    for (size_t i = seg->n; i-- > 0;)
        if (!seg->slots[i].done && !(seg->slots[i].stopping && seg->slots[i].failed))
            slot_stop(seg, &seg->slots[i], LEAT_STOP_ABORT);
    if (!seg->in_cancelled)
        cancel_inlet(seg, LEAT_REASON_FAILED);
    clear_ports(seg);
    seg->out_gone = true;
}

/* The flow that stage i's input has come to. */
static enum leat_flow flow_into(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *before;

    if (i == 0)
        return seg->inlet == LEAT_INLET_NONE ? LEAT_FLOW_OPEN : seg->in_flow;
    before = &seg->slots[i - 1];
    if (!before->done)
        return LEAT_FLOW_OPEN;
    return before->failed ? LEAT_FLOW_FAILED : LEAT_FLOW_ENDED;
}

static void finish_outlet(struct leat_segment *seg)
{
    bool failed = seg->n > 0 ? seg->slots[seg->n - 1].failed : seg->in_flow == LEAT_FLOW_FAILED;
    enum leat_edge_state state = failed ? LEAT_EDGE_FAILED : LEAT_EDGE_EOF;

    seg->out_flow = failed ? LEAT_FLOW_FAILED : LEAT_FLOW_ENDED;
    if (seg->outlet == LEAT_OUTLET_LANE && seg->lane_error.code)
        seg->ports[0].edge->error = &seg->lane_error;
    for (size_t k = 0; k < seg->n_ports; k++)
        leat_edge_finish(seg->ports[k].edge, state);
    if (seg->outlet == LEAT_OUTLET_CUT)
        (void)leat_cut_finish(seg, state);
}

static void finish(struct leat_segment *seg)
{
    if (seg->outlet != LEAT_OUTLET_NONE && seg->out_flow == LEAT_FLOW_OPEN)
        finish_outlet(seg);
    if (!seg->in_cancelled && seg->inlet != LEAT_INLET_NONE)
        cancel_inlet(seg, LEAT_REASON_DONE);
    for (size_t i = 0; i < seg->n; i++)
        slot_out_done(&seg->slots[i]);
    if (seg->join)
        leat_out_done(&seg->join->out);
    if (seg->cut)
        leat_cut_done(seg->cut);
    leat_pool_unwait(&seg->pipeline->pool, &seg->memory);
    seg->finished = true;
    leat_pipeline_segment_done(seg->pipeline, seg);
}

/* --- output ------------------------------------------------------------------------------------ */

/* The reader of a port is gone. A detached branch that failed is like one that has enough. */
static void port_gone(struct leat_segment *seg, struct leat_port_end *port)
{
    enum leat_reason reason = leat_edge_reason(port->edge);
    unsigned flags = seg->slots[seg->n - 1].stage->info->flags;
    struct leat_out *out = &seg->slots[seg->n - 1].out;

    port->gone = true;
    leat_queue_clear(&port->last);
    leat_port(out, (size_t)(port - seg->ports))->to = &seg->dump;
    if (reason == LEAT_REASON_FAILED && !(flags & LEAT_DETACHES))
        seg->out_failed = true;
}

/* Returns 0: all was taken, or nobody wants it; LEAT_FULL. */
static int flush_port(struct leat_segment *seg, struct leat_port_end *port)
{
    bool drops = (seg->slots[seg->n - 1].stage->info->flags & LEAT_DROPS) != 0;
    struct leat_slice *s;

    while (!port->gone && (s = leat_queue_head(&port->last))) {
        struct leat_item item = {.slice = *s};
        int r = leat_edge_write(port->edge, &item);

        if (r == LEAT_FULL && drops && port != &seg->ports[0]) {
            port->dropped += s->len;
            leat_chunk_unref(s->chunk);
        } else if (r == LEAT_FULL) {
            return LEAT_FULL;
        } else if (r != 0) {
            port_gone(seg, port);
            return 0;
        }
        leat_queue_pop(&port->last);
    }
    if (seg->ended_block && !port->gone) {
        struct leat_item item = {.end = seg->ended_block};
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

/* Every port gets what it can take, whatever the others do. Returns 0 or LEAT_FULL. */
static int flush_ports(struct leat_segment *seg)
{
    int r = 0;

    for (size_t k = 0; k < seg->n_ports; k++)
        if (flush_port(seg, &seg->ports[k]) == LEAT_FULL)
            r = LEAT_FULL;
    return r;
}

static bool all_gone(const struct leat_segment *seg)
{
    for (size_t k = 0; k < seg->n_ports; k++)
        if (!seg->ports[k].gone)
            return false;
    return seg->n_ports > 0;
}

/* Downstream wants no more, or has failed: nothing before it is needed. */
static enum leat_turn outlet_gone(struct leat_segment *seg, bool failed)
{
    seg->out_gone = true;
    clear_ports(seg);
    leat_segment_give_up(seg, seg->n, failed ? LEAT_STOP_ABORT : LEAT_STOP_DONE);
    return LEAT_TURN_WENT;
}

static int cut_turn(struct leat_segment *seg)
{
    int r = leat_cut_flush(seg);

    if (r == 0)
        return -1;
    if (r == LEAT_FULL)
        return leat_segment_park(seg, LEAT_PARK_OUT);
    /* Any other error is of the cutter, which has reported it. */
    return outlet_gone(seg, r != LEAT_ECANCELLED || leat_edge_reason(seg->cut->lanes[seg->cut->at]) !=
                                                        LEAT_REASON_DONE);
}

/* Returns a turn, or -1 when there was nothing to hand over. */
static int outlet_turn(struct leat_segment *seg)
{
    int r;

    if (seg->out_gone || seg->outlet == LEAT_OUTLET_NONE)
        return -1;
    if (seg->outlet == LEAT_OUTLET_CUT)
        return cut_turn(seg);
    r = flush_ports(seg);
    if (seg->out_failed || all_gone(seg))
        return outlet_gone(seg, seg->out_failed);
    return r == LEAT_FULL ? (int)leat_segment_park(seg, LEAT_PARK_OUT) : -1;
}

/* Has downstream gone while there is nothing to write? Then it is not found out by writing. */
static bool outlet_cancelled(struct leat_segment *seg)
{
    if (seg->out_gone || seg->outlet == LEAT_OUTLET_NONE)
        return false;
    if (seg->outlet == LEAT_OUTLET_CUT)
        return leat_edge_reason(seg->cut->lanes[seg->cut->at]) != LEAT_REASON_NONE;
    for (size_t k = 0; k < seg->n_ports; k++)
        if (!seg->ports[k].gone && leat_edge_reason(seg->ports[k].edge) != LEAT_REASON_NONE)
            port_gone(seg, &seg->ports[k]);
    return seg->out_failed || all_gone(seg);
}

static void outlet_notice(struct leat_segment *seg)
{
    bool failed = seg->out_failed;

    if (seg->outlet == LEAT_OUTLET_CUT)
        failed = leat_edge_reason(seg->cut->lanes[seg->cut->at]) != LEAT_REASON_DONE;
    outlet_gone(seg, failed);
}

/* --- input ------------------------------------------------------------------------------------- */

static int begin_block(struct leat_segment *seg, struct leat_slot *s, struct leat_block *block)
{
    struct leat_stage *stage = s->stage;
    const struct leat_split *split = stage->type->split;
    struct leat_in in = {.block = block->index, .offset = block->offset};
    int r = 0;

    seg->block = block;
    seg->block_end_seen = false;
    s->offset = block->offset;
    stage->result = block->result;
    if (block->history.chunk) {
        in.history = leat_slice_data(&block->history);
        in.history_len = block->history.len;
    }
    if (split->begin) {
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
    int r = leat_edge_read(seg->in_edges[seg->in_at], &item);

    if (r == LEAT_END && seg->in_at + 1 < seg->n_in_edges) {
        seg->in_at++; /* concat: the next one's turn */
        return 0;
    }
    if (r != 0)
        return r;
    if (item.slice.chunk)
        leat_queue_push(s->framer ? &s->raw : &s->in, item.slice);
    if (item.begin)
        r = begin_block(seg, s, item.begin);
    if (item.end)
        seg->block_end_seen = true;
    return r;
}

static int read_inputs(struct leat_segment *seg)
{
    struct leat_stage *stage = seg->slots[0].stage;
    uint64_t at = 0;
    int r = leat_inputs_read(seg, &at);

    if (r == LEAT_ELIMIT)
        leat_fail_at(stage, r, at, LEAT_RECORD_TOO_LONG,
                     (unsigned long long)seg->pipeline->settings.record_max);
    else if (r < 0 && r != LEAT_ECANCELLED)
        leat_fail(stage, r, "%s", leat_strerror(r));
    return r;
}

static int read_inlet(struct leat_segment *seg)
{
    switch (seg->inlet) {
    case LEAT_INLET_JOIN:
        return leat_join_read(seg);
    case LEAT_INLET_PORTS:
        return read_inputs(seg);
    default:
        return read_edge(seg);
    }
}

/* What the inlet's answer means for the segment. */
static enum leat_turn inlet_turn(struct leat_segment *seg)
{
    int r = read_inlet(seg);

    if (r == 0)
        return LEAT_TURN_WENT;
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
        leat_pipeline_report(seg->pipeline, seg->join->info, &seg->lane_error);
        cancel_inlet(seg, LEAT_REASON_FAILED);
    } else {
        leat_segment_fail(seg, 0);
    }
    return LEAT_TURN_WENT;
}

static void fail_record(struct leat_segment *seg, size_t i, int code)
{
    struct leat_slot *s = &seg->slots[i];

    if (code == LEAT_ELIMIT)
        leat_fail_at(s->stage, code, s->framer->too_long_at, LEAT_RECORD_TOO_LONG,
                     (unsigned long long)s->framer->record_max);
    else
        leat_fail(s->stage, code, "%s", leat_strerror(code));
    leat_segment_fail(seg, i);
}

/* --- one step ---------------------------------------------------------------------------------- */

static bool lane_block_open(const struct leat_segment *seg)
{
    return seg->inlet != LEAT_INLET_LANE || seg->block;
}

/* Is this everything that the stage will see (in a lane: of this block)? */
static bool at_end(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];

    if (s->in.n > 1 || s->raw.n > 0 || (s->framer && !leat_framer_empty(s->framer)))
        return false;
    if (seg->inlet == LEAT_INLET_LANE && i == 0)
        return seg->block && seg->block_end_seen;
    return flow_into(seg, i) == LEAT_FLOW_ENDED;
}

/* A stage may run when the one after it has used up what it got. */
static bool output_taken(const struct leat_segment *seg, size_t i)
{
    if (i + 1 < seg->n)
        return seg->slots[i + 1].in.n == 0 && seg->slots[i + 1].raw.n == 0;
    for (size_t k = 0; k < seg->n_ports; k++)
        if (seg->ports[k].last.n > 0)
            return false;
    return seg->ports[0].last.n == 0 && !seg->ended_block;
}

static bool runnable(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];

    if (s->done || s->waiting)
        return false;
    if (s->stopping)
        return true;
    if (!output_taken(seg, i) && !s->discard)
        return false;
    if (seg->inputs && i == 0)
        return leat_inputs_ready(seg->inputs) || flow_into(seg, 0) == LEAT_FLOW_FAILED;
    if (s->more || s->in.n > 0 || s->raw.n > 0)
        return lane_block_open(seg);
    if (i == 0 && seg->inlet == LEAT_INLET_NONE)
        return true;
    if (seg->inlet == LEAT_INLET_LANE && i == 0)
        return (seg->block && seg->block_end_seen) || flow_into(seg, 0) != LEAT_FLOW_OPEN;
    return flow_into(seg, i) != LEAT_FLOW_OPEN;
}

/* The stage says END: of the block in a lane, else of itself. */
static void step_ended(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    bool failed = s->stopping && s->failed;

    if (seg->inlet == LEAT_INLET_LANE && i == 0 && seg->block) {
        if (!seg->block_end_seen || s->in.n > 0) { /* its rest is not wanted */
            leat_fail(s->stage, LEAT_EINTERNAL, "ended before the end of its block");
            leat_segment_fail(seg, i);
            return;
        }
        seg->ended_block = seg->block;
        seg->block = NULL;
        s->stage->result = NULL;
        s->more = false;
        return;
    }
    s->stage->ended = !failed;
    slot_done(seg, s, failed);
    leat_segment_give_up(seg, i, failed ? LEAT_STOP_ABORT : LEAT_STOP_DONE);
}

static enum leat_turn step_waits(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;
    int r;

    if (stage->wait_fd < 0 && stage->wait_ms == 0) {
        leat_fail(stage, LEAT_EINTERNAL, "waits for nothing");
        leat_segment_fail(seg, i);
        return LEAT_TURN_WENT;
    }
    s->waiting = true;
    r = leat_wait_arm(&seg->pipeline->waits, &stage->wait, stage->wait_fd, stage->wait_writable,
                      stage->wait_ms);
    stage->wait_fd = -1;
    stage->wait_ms = 0;
    if (r < 0) {
        s->waiting = false;
        leat_fail_errno(stage, -r, "cannot wait");
        leat_segment_fail(seg, i);
    }
    return LEAT_TURN_WENT;
}

/* Consume n bytes from the head of the slot's input. */
static void consume(struct leat_slot *s, size_t n)
{
    struct leat_slice *head = leat_queue_head(&s->in);

    if (!head || (n == 0 && head->len > 0))
        return;
    s->offset += n;
    head->off += n;
    head->len -= n;
    if (head->len == 0) {
        leat_chunk_unref(head->chunk);
        leat_queue_pop(&s->in);
    }
}

static enum leat_turn check_progress(struct leat_segment *seg, size_t i, bool progress)
{
    struct leat_slot *s = &seg->slots[i];

    if (s->out.nomem) {
        leat_fail(s->stage, LEAT_ENOMEM, "out of memory");
        leat_segment_fail(seg, i);
        return LEAT_TURN_WENT;
    }
    s->more = s->out.full || s->stopping;
    for (size_t k = 1; k < s->out.n_ports; k++)
        s->more = s->more || s->out.ports[k].full;
    if (s->out.starved && !progress) {
        leat_segment_park(seg, LEAT_PARK_MEMORY);
        return leat_pool_wait(&seg->pipeline->pool, &seg->memory) ? LEAT_TURN_PARK : LEAT_TURN_WENT;
    }
    s->idle = progress ? 0 : s->idle + 1;
    if (s->idle >= IDLE_MAX) {
        leat_fail(s->stage, LEAT_EINTERNAL, "made no progress twice in a row");
        leat_segment_fail(seg, i);
    }
    return LEAT_TURN_WENT;
}

/* Tests draw the size of input pieces from the schedule's seed; records stay whole. */
static size_t piece(struct leat_segment *seg, const struct leat_stage_info *info,
                    const uint8_t *data, size_t len)
{
    struct leat_executor *ex = &seg->pipeline->executor;
    const uint8_t *end;
    size_t n;

    if (ex->kind != LEAT_EXECUTOR_SEEDED || len < 2)
        return len;
    n = 1 + leat_random(&ex->random) % len;
    if (info->framing != LEAT_LINES)
        return n;
    end = memchr(data + n - 1, info->delimiter, len - (n - 1));
    return end ? (size_t)(end - data) + 1 : len;
}

static void count_step(struct leat_stage_info *info, size_t consumed, size_t produced, uint64_t ns)
{
    atomic_fetch_add_explicit(&info->bytes_in, consumed, memory_order_relaxed);
    atomic_fetch_add_explicit(&info->bytes_out, produced, memory_order_relaxed);
    atomic_fetch_add_explicit(&info->busy_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&info->steps, 1, memory_order_relaxed);
}

static void fill_in(struct leat_segment *seg, size_t i, struct leat_in *in)
{
    static const uint8_t nothing[1];
    struct leat_slot *s = &seg->slots[i];
    struct leat_slice *head = leat_queue_head(&s->in);

    *in = (struct leat_in){.data = nothing, .end = at_end(seg, i), .offset = s->offset};
    if (head) {
        in->data = leat_slice_data(head);
        in->len = piece(seg, s->stage->info, in->data, head->len);
        in->end = in->end && in->len == head->len;
        in->engine = head->chunk;
    }
    if (seg->inputs && i == 0)
        leat_inputs_show(seg->inputs, in);
    if (seg->block && i == 0) {
        in->block = seg->block->index;
        if (seg->block->history.chunk) {
            in->history = leat_slice_data(&seg->block->history);
            in->history_len = seg->block->history.len;
        }
    }
}

static void slot_out_begin(struct leat_slot *s)
{
    leat_out_begin(&s->out);
    for (size_t k = 1; k < s->out.n_ports; k++)
        leat_out_begin(&s->out.ports[k]);
}

/* Returns the bytes that the step gave, over all ports. */
static size_t slot_out_end(struct leat_slot *s)
{
    size_t produced;

    leat_out_end(&s->out);
    produced = s->out.step_bytes;
    for (size_t k = 1; k < s->out.n_ports; k++) {
        struct leat_out *port = &s->out.ports[k];

        leat_out_end(port);
        produced += port->step_bytes;
        s->out.starved = s->out.starved || port->starved;
        s->out.nomem = s->out.nomem || port->nomem;
    }
    return produced;
}

static enum leat_turn run_step(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;
    struct leat_in in;
    uint64_t start = leat_now_ns();
    size_t produced, used;
    int r;

    fill_in(seg, i, &in);
    slot_out_begin(s);
    stage->in = &in;
    r = leat_stage_step(stage, &in, &s->out);
    stage->in = NULL;
    produced = slot_out_end(s);
    consume(s, in.pos);
    used = in.ports ? leat_inputs_take(seg->inputs) : in.pos;
    count_step(stage->info, used, produced, leat_now_ns() - start);
    leat_queue_clear(&seg->dump);
    if (r < 0) {
        if (!stage->failure.code)
            leat_fail(stage, r, "%s", leat_strerror(r));
        leat_segment_fail(seg, i);
        return LEAT_TURN_WENT;
    }
    if (r == LEAT_END) {
        step_ended(seg, i);
        return LEAT_TURN_WENT;
    }
    if (r == LEAT_WAIT)
        return step_waits(seg, i);
    return check_progress(seg, i, used > 0 || produced > 0);
}

/* --- a turn ------------------------------------------------------------------------------------ */

static enum leat_turn slot_turn(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    enum leat_flow flow = flow_into(seg, i);

    if (s->stopping)
        return run_step(seg, i);
    if (s->framer && s->in.n == 0 && !s->more) {
        bool had = s->raw.n > 0;
        int r = leat_framer_feed(s->framer, &s->raw, flow == LEAT_FLOW_ENDED, &s->in);

        if (r < 0) {
            fail_record(seg, i, r);
            return LEAT_TURN_WENT;
        }
        if (s->in.n == 0 && had)
            return LEAT_TURN_WENT;
    }
    if (flow == LEAT_FLOW_FAILED && s->in.n == 0 && (!s->more || (seg->inputs && i == 0))) {
        slot_stop(seg, s, LEAT_STOP_ABORT);
        return LEAT_TURN_WENT;
    }
    /* In a lane the end of the input comes between blocks. */
    if (flow == LEAT_FLOW_ENDED && seg->inlet == LEAT_INLET_LANE && i == 0 && !seg->block) {
        slot_done(seg, s, false);
        return LEAT_TURN_WENT;
    }
    return run_step(seg, i);
}

static bool all_done(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (!seg->slots[i].done)
            return false;
    return seg->n > 0 || seg->in_flow != LEAT_FLOW_OPEN || seg->in_cancelled;
}

static void wake_waiting(struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (seg->slots[i].waiting && leat_wait_fired(&seg->slots[i].stage->wait))
            seg->slots[i].waiting = false;
}

static bool any_waiting(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (seg->slots[i].waiting)
            return true;
    return false;
}

/* Wants the first stage more from the inlet now? */
static bool wants_input(const struct leat_segment *seg)
{
    const struct leat_slot *s = &seg->slots[0];

    if (seg->inlet == LEAT_INLET_NONE || seg->in_flow != LEAT_FLOW_OPEN || seg->in_cancelled)
        return false;
    if (s->done || s->stopping || s->waiting || s->in.n > 0 || s->raw.n > 0)
        return false;
    if (seg->inlet == LEAT_INLET_LANE && seg->block && seg->block_end_seen)
        return false;
    return output_taken(seg, 0) || s->discard;
}

static enum leat_turn turn(struct leat_segment *seg)
{
    int r;

    if (outlet_cancelled(seg)) {
        outlet_notice(seg);
        return LEAT_TURN_WENT;
    }
    r = outlet_turn(seg);
    if (r >= 0)
        return (enum leat_turn)r;
    for (size_t i = seg->n; i-- > 0;)
        if (runnable(seg, i))
            return slot_turn(seg, i);
    if (wants_input(seg))
        return inlet_turn(seg);
    if (all_done(seg) && output_taken(seg, seg->n - 1))
        return LEAT_TURN_WENT; /* the last of the output has just gone */
    return leat_segment_park(seg, any_waiting(seg) ? LEAT_PARK_IN : LEAT_PARK_NONE);
}

/* Time spent parked is charged to the stages of the segment, by what was missing. */
static void account_parked(struct leat_segment *seg)
{
    uint64_t now, ns;

    if (seg->parked_at == 0)
        return;
    now = leat_now_ns();
    ns = now - seg->parked_at;
    seg->parked_at = 0;
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_stage_info *info = seg->slots[i].stage->info;
        bool out = seg->parked == LEAT_PARK_OUT ||
                   (seg->parked == LEAT_PARK_IN && i + 1 < seg->n && seg->slots[i + 1].waiting);

        atomic_fetch_add_explicit(out ? &info->wait_out_ns : &info->wait_in_ns, ns,
                                  memory_order_relaxed);
    }
}

static bool segment_run(struct leat_actor *actor)
{
    struct leat_segment *seg = (struct leat_segment *)actor;

    if (seg->finished)
        return false;
    account_parked(seg);
    wake_waiting(seg);
    if (leat_pipeline_aborted(seg->pipeline))
        abort_all(seg);
    for (int i = 0; i < TURNS; i++) {
        enum leat_turn t = LEAT_TURN_WENT;

        if (all_done(seg) && (seg->out_gone || output_taken(seg, seg->n - 1)) &&
            (seg->outlet != LEAT_OUTLET_CUT || seg->out_gone || outlet_turn(seg) == -1)) {
            finish(seg);
            return false;
        }
        if (seg->transfer) {
            int r = leat_transfer_turn(seg);

            seg->transfer = r != LEAT_EUNSUPPORTED;
            t = r < 0 ? LEAT_TURN_STEP : (enum leat_turn)r;
        }
        if (!seg->transfer || t == LEAT_TURN_STEP)
            t = turn(seg);
        if (t == LEAT_TURN_PARK) {
            seg->parked_at = leat_now_ns();
            return false;
        }
    }
    return true;
}
