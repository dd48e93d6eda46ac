/* segment.c - build a segment; end it and its stages. */

#include "segment_impl.h"

#include <stdlib.h>

#include "base/grow.h"
#include "run/pipeline.h"
#include "stage/room.h"

static void memory_wake(struct leat_pool_waiter *w)
{
    struct leat_segment *seg =
        (struct leat_segment *)((char *)w - offsetof(struct leat_segment, memory.waiter));

    leat_actor_wake(&seg->pipeline->executor, &seg->actor);
}

struct leat_segment *leat_segment_new(struct leat_pipeline *pipeline, int number,
                                      bool (*run)(struct leat_actor *))
{
    struct leat_segment *seg = calloc(1, sizeof *seg);

    leat_assert(run != NULL);
    if (!seg)
        return NULL;
    seg->actor.run = run;
    seg->pipeline = pipeline;
    seg->number = number;
    seg->memory.waiter.wake = memory_wake;
    seg->out.ports = calloc(1, sizeof *seg->out.ports);
    if (!seg->out.ports) {
        free(seg);
        return NULL;
    }
    return seg;
}

void leat_slot_out_done(struct leat_slot *s)
{
    leat_out_done(&s->out);
    for (size_t k = 1; k < s->out.n_ports; k++)
        leat_out_done(&s->out.ports[k]);
}

void leat_segment_free(struct leat_segment *seg)
{
    if (!seg)
        return;
    leat_assert(seg->n <= seg->room);
    leat_assert(!seg->actor.passes_to); /* no run is under way */
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_slot *s = &seg->slots[i];

        leat_slice_queue_clear(&s->in);
        leat_slice_queue_clear(&s->raw);
        leat_slot_out_done(s);
        free(s->out.ports);
        if (s->framer)
            leat_framer_done(s->framer);
        free(s->framer);
        leat_stage_free(s->stage);
    }
    leat_slice_queue_clear(&seg->out.ports[0].last);
    for (size_t k = 1; k < seg->out.n_ports; k++)
        leat_slice_queue_clear(&seg->out.ports[k].last);
    if (seg->in.ops && seg->in.ops->free)
        seg->in.ops->free(seg);
    if (seg->out.ops && seg->out.ops->free)
        seg->out.ops->free(seg);
    leat_block_free(seg->lane.block);
    leat_block_free(seg->lane.ended_block);
    free(seg->slots);
    free(seg->out.ports);
    free(seg->in.edges);
    free(seg);
}

int leat_segment_add_input(struct leat_segment *seg, struct leat_edge *edge)
{
    struct leat_edge **more = realloc(seg->in.edges, (seg->in.n_edges + 1) * sizeof(*more));

    if (!more)
        return LEAT_ENOMEM;
    leat_assert(!edge->reader || edge->reader == &seg->actor);
    leat_assert(edge->writer != &seg->actor); /* no segment reads its own output */
    seg->in.edges = more;
    seg->in.edges[seg->in.n_edges++] = edge;
    edge->reader = &seg->actor;
    return 0;
}

int leat_segment_add_output(struct leat_segment *seg, struct leat_edge *edge)
{
    struct leat_port_end *more = realloc(seg->out.ports, (seg->out.n_ports + 1) * sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    leat_assert(!edge->writer || edge->writer == &seg->actor);
    leat_assert(edge->reader != &seg->actor);
    seg->out.ports = more;
    seg->out.ports[seg->out.n_ports++] = (struct leat_port_end){.edge = edge};
    edge->writer = &seg->actor;
    leat_assert(seg->out.ports[0].edge != NULL); /* the stream itself comes first */
    edge->passes = seg->out.n_ports == 1;
    seg->out.ports[0].edge->passes = edge->passes;
    return 0;
}

/* Connect each port of a junction to its own queue. */
static int ready_ports(struct leat_segment *seg, struct leat_slot *s)
{
    leat_assert(s == &seg->slots[seg->n - 1]); /* only the last stage has ports */
    leat_assert(!s->out.ports);
    if (seg->out.n_ports < 2)
        return 0;
    s->out.ports = calloc(seg->out.n_ports, sizeof *s->out.ports);
    if (!s->out.ports)
        return LEAT_ENOMEM;
    s->out.n_ports = seg->out.n_ports;
    return 0;
}

void leat_segment_seat(struct leat_segment *seg, size_t i, struct leat_stage *stage)
{
    leat_assert(i < seg->n || (i == 0 && seg->n == 0));
    leat_assert(stage->info == seg->slots[i].info);
    leat_assert(!stage->open_called && !stage->closed);
    seg->slots[i].stage = stage;
    stage->segment = seg;
    stage->wait.actor = stage->alarm.actor = stage->watch.actor = &seg->actor;
}

int leat_segment_add(struct leat_segment *seg, struct leat_stage *stage)
{
    struct leat_slot *more = leat_grow(seg->slots, seg->n, &seg->room, sizeof *more);

    if (!more) {
        leat_stage_free(stage);
        return LEAT_ENOMEM;
    }
    seg->slots = more;
    seg->slots[seg->n] = (struct leat_slot){.info = stage->info};
    leat_segment_seat(seg, seg->n++, stage);
    leat_assert(seg->n <= seg->room);
    return 0;
}

/* Connect the output of each stage. */
static void connect_slots(struct leat_segment *seg)
{
    struct leat_pipeline *p = seg->pipeline;

    for (size_t i = 0; i < seg->n; i++) {
        struct leat_slot *s = &seg->slots[i], *next = i + 1 < seg->n ? s + 1 : NULL;
        struct leat_out *ports = s->out.ports;
        size_t n_ports = s->out.n_ports;
        struct leat_slice_queue *to = NULL;

        leat_assert(s->in.n == 0 && s->raw.n == 0);
        leat_assert(!s->out.fill); /* no chunk is lost */
        leat_assert(s->stage->info == s->info);
        leat_assert(n_ports == 0 || (!next && n_ports == seg->out.n_ports));
        if (s->framer)
            leat_framer_init(s->framer, &p->pool, s->info->plan.delimiter, p->settings.record_max);
        if (next)
            to = leat_slot_input(next);
        else if (seg->out.ops)
            to = &seg->out.ports[0].last;
        leat_out_init(&s->out, to, &p->pool, p->settings.room);
        leat_room_init(&s->out, s->stage);
        s->stage->out = &s->out;
        s->out.ports = ports;
        s->out.n_ports = n_ports;
        for (size_t k = 1; k < n_ports; k++) {
            leat_assert(!ports[k].fill);
            leat_out_init(&ports[k], &seg->out.ports[k].last, &p->pool, p->settings.room);
            leat_room_init(&ports[k], s->stage);
        }
    }
}

/* Is every step of the segment short? A sink that commits may block, as disks do, and a stage that is
 * not light may compute for long, or waits for its library. */
static bool is_light(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++) {
        const struct leat_stage_info *info = seg->slots[i].info;
        const struct leat_stage_type *type = info->type;

        if (info->plan.nature != LEAT_LIGHT ||
            (type->kind == LEAT_SINK && (type->stop || type->prepare || type->commit)))
            return false;
    }
    return true;
}

int leat_segment_ready(struct leat_segment *seg)
{
    bool own_queue =
        !seg->in.ops || !seg->in.ops->show; /* the first stage reads the queue of its slot */

    leat_assert(!seg->is_lane || seg->n == 1);
    leat_assert(!seg->is_lane || (seg->in.n_edges == 1 && seg->out.n_ports == 1));
    if (seg->in.ops && seg->in.ops->ready && seg->in.ops->ready(seg) < 0)
        return LEAT_ENOMEM;
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_slot *s = &seg->slots[i];

        if (s->info->plan.framing == LEAT_LINES && !seg->is_lane && (i > 0 || own_queue)) {
            leat_assert(!s->framer && s->info->plan.whole == 0); /* one of both fills `in` */
            s->framer = calloc(1, sizeof *s->framer);
            if (!s->framer)
                return LEAT_ENOMEM;
        }
        if (i + 1 == seg->n && ready_ports(seg, s) < 0)
            return LEAT_ENOMEM;
    }
    connect_slots(seg);
    seg->actor.is_light = is_light(seg);
    return 0;
}

void leat_segment_reset(struct leat_segment *seg)
{
    leat_assert(atomic_load_explicit(&seg->finished, memory_order_acquire));
    leat_assert(!leat_actor_runs_here(&seg->actor));
    leat_assert(seg->part_of != NULL);
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_slot *s = &seg->slots[i];

        leat_assert(!s->waiting);
        leat_assert(!s->framer || leat_framer_empty(s->framer));
        s->flow = LEAT_FLOW_OPEN;
        s->offset = 0;
        if (s->done)
            atomic_fetch_add(&s->info->lanes.left, 1);
        s->done = s->waiting = s->more = s->stopping = s->discard = s->failed = s->held = false;
        s->idle = 0;
        atomic_store_explicit(&s->count.ended, false, memory_order_relaxed);
    }
    for (size_t k = 0; k < seg->out.n_ports; k++) {
        leat_assert(seg->out.ports[k].last.n == 0);
        seg->out.ports[k].gone = false;
    }
    seg->in.at = 0;
    seg->in.flow = seg->out.flow = LEAT_FLOW_OPEN;
    seg->in.cancelled = seg->out.gone = seg->out.failed = false;
    leat_block_free(seg->lane.block);
    leat_block_free(seg->lane.ended_block);
    seg->lane.block = seg->lane.ended_block = NULL;
    seg->lane.end_seen = false;
    seg->lane.error = (struct leat_error){0};
    seg->parked = LEAT_PARK_NONE;
    atomic_store(&seg->memory.none, false);
    connect_slots(seg);
}

/* --- ending ----------------------------------------------------------------------------------- */

int leat_segment_wait_memory(struct leat_segment *seg, const struct leat_share *share, size_t size)
{
    if (atomic_load(&seg->memory.none))
        return -1;
    leat_assert(size > 0);
    leat_assert(share != NULL);
    atomic_store(&seg->memory.is_short, true);
    leat_segment_park(seg, LEAT_PARK_MEMORY);
    return leat_pool_wait_for(&seg->pipeline->pool, share, size, &seg->memory.waiter)
               ? LEAT_STEP_PARKED
               : LEAT_STEP_RAN;
}

void leat_segment_cancel_input(struct leat_segment *seg, enum leat_reason reason)
{
    leat_assert(reason != LEAT_REASON_NONE);
    leat_assert(leat_actor_runs_here(&seg->actor));
    leat_assert(seg->in.ops || seg->in.n_edges == 0);
    seg->in.cancelled = true;
    for (size_t k = 0; k < seg->in.n_edges; k++)
        leat_edge_cancel(seg->in.edges[k], reason);
    if (seg->in.ops && seg->in.ops->cancel)
        seg->in.ops->cancel(seg, reason);
}

static void slot_drop_input(struct leat_segment *seg, struct leat_slot *s)
{
    uint64_t bytes = leat_slice_queue_clear(&s->in) + leat_slice_queue_clear(&s->raw);

    if (s->framer)
        bytes += leat_framer_done(s->framer);
    bytes += leat_gather_drop(&s->stage->gather);
    if (s == &seg->slots[0] && seg->in.ops && seg->in.ops->drop)
        bytes += seg->in.ops->drop(seg);
    atomic_fetch_add_explicit(leat_unread_of(s->info), bytes, memory_order_relaxed);
}

/* The stage has ended: clear its waits. */
void leat_slot_done(struct leat_segment *seg, struct leat_slot *s, bool failed)
{
    bool ended;

    leat_assert(s->done || atomic_load(&s->info->lanes.left) > 0);
    leat_assert(!s->stage->in); /* no step of it is running */
    leat_assert(leat_actor_runs_here(&seg->actor));
    leat_assert(!leat_stage_runs_beside(s->stage->type) ||
                !leat_blocking_runs(s->stage->blocking)); /* it is joined without a wait */
    slot_drop_input(seg, s);
    atomic_store_explicit(&s->count.ended, true, memory_order_release);
    ended = !failed && (s->stage->ended || seg->is_lane);
    if (!s->done && atomic_fetch_sub(&s->info->lanes.left, 1) == 1)
        leat_tell_stage(seg->pipeline, ended ? LEAT_EVENT_ENDED : LEAT_EVENT_STOPPED, s->info,
                        NULL);
    leat_assert(s->in.n == 0 && s->raw.n == 0);
    s->done = true;
    s->failed = failed;
    s->more = s->stopping = s->waiting = s->held = false;
    leat_wait_clear(&seg->pipeline->waits, &s->stage->wait);
    leat_wait_clear(&seg->pipeline->waits, &s->stage->alarm);
    leat_wait_clear(&seg->pipeline->waits, &s->stage->watch);
}

void leat_slot_stop(struct leat_segment *seg, struct leat_slot *s, enum leat_stop why)
{
    bool failed = why == LEAT_STOP_ABORT;

    leat_assert(!s->done);
    leat_assert(why == LEAT_STOP_DONE || why == LEAT_STOP_ABORT);
    leat_assert(leat_actor_runs_here(&seg->actor));
    leat_assert(!s->stage->in);
    leat_assert(!s->stopping || failed); /* a stage that is stopping can only be aborted */
    leat_assert(!s->waiting || s->stage->open_called);
    slot_drop_input(seg, s);
    if (!leat_stage_stops(s->stage)) {
        leat_slot_done(seg, s, failed);
        return;
    }
    if (s->held && (s->held_result == LEAT_END || s->held_result < 0)) { /* it has ended already */
        leat_slot_done(seg, s, failed || s->held_result < 0);
        return;
    }
    s->held = false;
    if (leat_outcome_failed(seg->pipeline)) { /* abort now, instead of in the next run */
        why = LEAT_STOP_ABORT;
        failed = true;
    }
    leat_wait_clear(&seg->pipeline->waits, &s->stage->wait);
    leat_wait_clear(&seg->pipeline->waits, &s->stage->alarm);
    leat_wait_clear(&seg->pipeline->waits,
                    &s->stage->watch); /* it may refer to a descriptor that stop closes */
    s->stage->alarm_ms = 0;
    s->stage->watch_fd = -1;
    s->stage->watch_ms = 0;
    s->waiting = false;
    s->stopping = true;
    s->more = true;
    s->failed = failed;
    leat_out_close(&s->out);
    leat_assert(s->in.n == 0 && s->raw.n == 0 && !s->out.to); /* it steps without both */
    leat_stage_stop(s->stage, why);
}

void leat_segment_give_up(struct leat_segment *seg, size_t i, enum leat_stop why)
{
    leat_assert(i <= seg->n);
    leat_assert(leat_actor_runs_here(&seg->actor));
    while (i-- > 0) {
        struct leat_slot *s = &seg->slots[i];

        if (s->done || (s->stopping && why == LEAT_STOP_DONE))
            return;
        if (why == LEAT_STOP_DONE && (s->stage->info->plan.flags & LEAT_WANTS_ALL) &&
            !seg->is_lane) {
            s->discard = true;
            leat_out_discard(&s->out);
            return;
        }
        leat_slot_stop(seg, s, why);
        leat_assert(s->done || s->stopping);
    }
    if (!seg->in.cancelled)
        leat_segment_cancel_input(seg,
                                  why == LEAT_STOP_DONE ? LEAT_REASON_DONE : LEAT_REASON_FAILED);
}

void leat_segment_fail(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];

    leat_assert(i < seg->n);
    leat_assert(leat_actor_runs_here(&seg->actor));
    leat_assert(s->stage->failure.code < 0);
    leat_assert(!seg->is_lane || seg->lane.error.code == 0); /* a lane fails once */
    if (seg->is_lane)
        seg->lane.error = s->stage->failure; /* the joiner reports it, in order */
    else
        leat_outcome_report(seg->pipeline, s->stage->info, &s->stage->failure);
    if (leat_stage_runs_beside(s->stage->type) && !s->stopping)
        leat_slot_stop(seg, s, LEAT_STOP_ABORT); /* its thread may run */
    else
        leat_slot_done(seg, s, true);
    leat_assert(s->failed && (s->done || s->stopping));
    leat_segment_give_up(seg, i, LEAT_STOP_ABORT);
}

/* Stop all stages: SIGINT, a time limit, a stall. */
void leat_segment_abort(struct leat_segment *seg)
{
    leat_assert(leat_actor_runs_here(&seg->actor));
    for (size_t i = seg->n; i-- > 0;)
        if (!seg->slots[i].done && !(seg->slots[i].stopping && seg->slots[i].failed))
            leat_slot_stop(seg, &seg->slots[i], LEAT_STOP_ABORT);
    if (!seg->in.cancelled)
        leat_segment_cancel_input(seg, LEAT_REASON_FAILED);
    leat_segment_drop_output(seg);
    seg->out.gone = seg->out.failed = true;
    leat_assert(seg->in.cancelled);
}

static void finish_outlet(struct leat_segment *seg)
{
    bool stage_failed =
        seg->n > 0 ? seg->slots[seg->n - 1].failed : seg->in.flow == LEAT_FLOW_FAILED;
    bool failed = stage_failed ||
                  seg->out.failed; /* the stage had ended, but its output was not handed over */
    enum leat_edge_state state = failed ? LEAT_EDGE_FAILED : LEAT_EDGE_EOF;

    leat_assert(seg->out.flow == LEAT_FLOW_OPEN); /* it ends once */
    seg->out.flow = failed ? LEAT_FLOW_FAILED : LEAT_FLOW_ENDED;
    seg->out.ops->finish(seg, state);
}

void leat_segment_finish(struct leat_segment *seg)
{
    leat_assert(!atomic_load_explicit(&seg->finished, memory_order_relaxed));
    leat_assert(atomic_load(&seg->pipeline->outcome.live) > 0);
    leat_assert(leat_actor_runs_here(&seg->actor));
    for (size_t i = 0; i < seg->n; i++)
        leat_assert(seg->slots[i].done && !seg->slots[i].waiting);
    for (size_t k = 0; k < seg->out.n_ports; k++)
        leat_assert(seg->out.ports[k].last.n == 0);
    if (seg->out.ops && seg->out.flow == LEAT_FLOW_OPEN)
        finish_outlet(seg);
    if (!seg->in.cancelled && seg->in.ops)
        leat_segment_cancel_input(seg, LEAT_REASON_DONE);
    leat_assert(seg->in.cancelled || !seg->in.ops);
    leat_assert(!seg->out.ops || seg->out.flow != LEAT_FLOW_OPEN);
    for (size_t i = 0; i < seg->n; i++)
        leat_slot_out_done(&seg->slots[i]);
    if (seg->in.ops && seg->in.ops->done)
        seg->in.ops->done(seg);
    if (seg->out.ops && seg->out.ops->drop)
        seg->out.ops->drop(seg);
    leat_pool_unwait(&seg->pipeline->pool, &seg->memory.waiter);
    atomic_store_explicit(&seg->finished, true, memory_order_release);
    leat_account_park(seg, LEAT_DOING_ENDED);
    seg->pipeline->segment_done(seg);
}

/* --- results of inlets and outlets ------------------------------------------------------------ */

void leat_segment_drop_output(struct leat_segment *seg)
{
    if (seg->out.ops && seg->out.ops->drop)
        seg->out.ops->drop(seg);
    for (size_t k = 0; k < seg->out.n_ports; k++) {
        leat_assert(seg->out.ports[k].edge != NULL);
        leat_edge_lost(seg->out.ports[k].edge, leat_slice_queue_clear(&seg->out.ports[k].last));
    }
}

/* Downstream needs no more, or has failed: stop the stages of the segment. The output dropped here
 * may have been for other readers, too; they must not take the data that they got for the whole. */
enum leat_step_result leat_segment_out_gone(struct leat_segment *seg, bool failed)
{
    leat_assert(seg->out.ops && !seg->out.gone);
    seg->out.gone = true;
    seg->out.failed = failed;
    leat_segment_drop_output(seg);
    leat_segment_give_up(seg, seg->n, failed ? LEAT_STOP_ABORT : LEAT_STOP_DONE);
    return LEAT_STEP_RAN;
}

void leat_segment_fail_record(struct leat_segment *seg, size_t i, int code)
{
    struct leat_slot *s = &seg->slots[i];

    leat_assert(code < 0);
    leat_assert(s->in.n == 0); /* the records before it were handed on */
    leat_assert(s->framer != NULL);
    if (code == LEAT_ELIMIT)
        leat_fail_record(s->stage, s->framer);
    else
        leat_fail(s->stage, code, "%s", leat_strerror(code));
    leat_segment_fail(seg, i);
}
