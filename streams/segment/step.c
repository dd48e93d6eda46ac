/* step.c - one step of one stage: when it may run, its input, and its result. */

#include "segment_impl.h"

#include <string.h>

#include "lanes/lanes.h"
#include "run/pipeline.h"
#include "sched/waker.h"
#include "stage/engine_ops.h"

#define IDLE_MAX 2u /* steps in a row without progress: an error */
/* On one thread a step delays signals and timers, so a slow encoder (xz -9: 1 MB/s) gets small
 * pieces. */
#define LOOP_PIECE_MAX ((size_t)65536)

static bool lane_block_open(const struct leat_segment *seg)
{
    return !seg->is_lane || seg->lane.block;
}

static bool mark_is_next(const struct leat_slice_queue *q)
{
    return q->n > 0 && leat_slice_is_mark(&q->v[q->head]);
}

static bool mark_is_second(const struct leat_slice_queue *q)
{
    return q->n > 1 && leat_slice_is_mark(&q->v[(q->head + 1) % LEAT_SLICE_QUEUE_MAX]);
}

/* Does the stage itself answer flush markers? Not in a lane: there a marker has ended the block,
 * and a marker between two blocks is passed on. */
static bool answers_marks(const struct leat_segment *seg, const struct leat_slot *s)
{
    return (s->info->plan.flags & LEAT_FLUSHES) && !seg->is_lane;
}

bool leat_slot_at_mark(const struct leat_segment *seg, const struct leat_slot *s)
{
    return mark_is_next(&s->in) && !s->more && !answers_marks(seg, s);
}

/* Does EOF (in a lane: the end of the block) follow the head of the input? */
static bool at_end(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];

    leat_assert(i < seg->n);
    if (s->in.n > 1 || mark_is_next(&s->in) || s->raw.n > 0 ||
        (s->framer && !leat_framer_empty(s->framer)))
        return false;
    if (seg->is_lane && i == 0)
        return seg->lane.block && seg->lane.end_seen;
    return leat_segment_flow_into(seg, i) == LEAT_FLOW_ENDED;
}

/* A stage may run when the next stage has consumed all of its input. */
bool leat_segment_output_taken(const struct leat_segment *seg, size_t i)
{
    leat_assert(seg->is_lane || !seg->lane.ended_block);
    leat_assert(i < seg->n || seg->n == 0);
    if (i + 1 < seg->n)
        return seg->slots[i + 1].in.n == 0 && seg->slots[i + 1].raw.n == 0;
    for (size_t k = 0; k < seg->out.n_ports; k++)
        if (seg->out.ports[k].last.n > 0)
            return false;
    if (seg->out.parts && (seg->out.parts->end_due || seg->out.parts->begin_due))
        return seg->slots[i].held && !seg->out.parts->begin_due; /* the part has more output */
    return seg->out.ports[0].last.n == 0 && !seg->lane.ended_block;
}

bool leat_slot_runnable(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];

    leat_assert(i < seg->n);
    leat_assert(!s->done || !s->waiting);
    leat_assert(!s->done || s->in.n == 0);
    if (s->done || s->waiting)
        return false;
    if (s->stopping)
        return true;
    if (!leat_segment_output_taken(seg, i) && !s->discard)
        return false;
    if (i == 0 && !seg->in.ops)
        return s->held || !leat_run_is_paused(seg->pipeline);
    if (i == 0 && seg->in.ops && seg->in.ops->has_input)
        return seg->in.ops->has_input(seg) || leat_segment_flow_into(seg, 0) == LEAT_FLOW_FAILED;
    if (s->more || s->in.n > 0 || s->raw.n > 0)
        return lane_block_open(seg) || leat_slot_at_mark(seg, s);
    if (seg->is_lane && i == 0)
        return (seg->lane.block && seg->lane.end_seen) ||
               leat_segment_flow_into(seg, 0) != LEAT_FLOW_OPEN;
    return leat_segment_flow_into(seg, i) != LEAT_FLOW_OPEN;
}

/* The stage returned LEAT_END: in a lane the block ends, else the stage. */
static void step_ended(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    bool failed = s->stopping && s->failed;

    leat_assert(!s->done && !s->held);
    leat_assert(!s->stage->ended);
    if (seg->is_lane && i == 0 && seg->lane.block) {
        if (!seg->lane.end_seen || s->in.n > 0) { /* it would leave the rest of the block unread */
            leat_fail(s->stage, LEAT_EINTERNAL, "ended before the end of its block");
            leat_segment_fail(seg, i);
            return;
        }
        leat_assert(!seg->lane.ended_block);
        leat_assert(s->raw.n == 0);
        seg->lane.ended_block = seg->lane.block;
        seg->lane.block = NULL;
        s->stage->result = NULL;
        s->more = false;
        return;
    }
    s->stage->ended = !failed;
    leat_slot_done(seg, s, failed);
    leat_segment_give_up(seg, i, failed ? LEAT_STOP_ABORT : LEAT_STOP_DONE);
}

/* Arm what the step asked to wait for. Returns 0, or fails the stage. */
static int arm_wait(struct leat_segment *seg, struct leat_stage *stage)
{
    int r;

    leat_assert(stage->open_called && !stage->closed);
    if (stage->wants.too_many)
        return leat_fail(stage, LEAT_EINTERNAL, "waits for more than %u descriptors",
                         LEAT_WAIT_FDS_MAX);
    if (!leat_wants_any(&stage->wants))
        return leat_fail(stage, LEAT_EINTERNAL, "waits for nothing");
    r = leat_wait_arm(&seg->pipeline->waits, &stage->wait, &stage->wants);
    return r < 0 ? leat_fail_errno(stage, -r, "cannot wait") : 0;
}

static enum leat_step_result step_waits(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];

    leat_assert(!s->waiting);
    leat_assert(!s->done && !s->held);
    s->waiting = true;
    if (arm_wait(seg, s->stage) < 0) {
        s->waiting = false;
        leat_segment_fail(seg, i);
    }
    return LEAT_STEP_RAN;
}

/* Upstream is stopped; the stage itself goes on. */
static void step_enough(struct leat_segment *seg, size_t i)
{
    leat_assert(!seg->slots[i].stopping); /* it says so once */
    leat_slot_stop(seg, &seg->slots[i], LEAT_STOP_DONE);
    leat_segment_give_up(seg, i, LEAT_STOP_DONE);
}

/* Consume n bytes from the head of the slot's input. */
static void consume(struct leat_slot *s, size_t n)
{
    struct leat_slice *head = leat_slice_queue_head(&s->in);

    leat_assert(s->offset + n >= s->offset);
    if (!head || leat_slice_is_mark(head) || (n == 0 && head->len > 0)) {
        leat_assert(n == 0);
        return;
    }
    leat_assert(n <= head->len);
    s->offset += n;
    head->off += n;
    head->len -= n;
    if (head->len == 0) {
        leat_chunk_unref(head->chunk);
        leat_slice_queue_pop(&s->in);
    }
}

/* Put a flush marker after the stage's output. A lane always does, because it does not know whether
 * other lanes have output. */
static void put_mark(struct leat_segment *seg, struct leat_slot *s, uint64_t position)
{
    if (!seg->is_lane)
        leat_out_mark_at(&s->out, position);
    else if (s->out.to)
        leat_slice_queue_mark_at(s->out.to, position);
    for (size_t k = 1; k < s->out.n_ports; k++)
        leat_out_mark_at(&s->out.ports[k], position);
}

void leat_slot_pass_mark(struct leat_segment *seg, struct leat_slot *s)
{
    uint64_t position = leat_slice_queue_head(&s->in)->off;

    leat_assert(mark_is_next(&s->in));
    leat_assert(!s->done && !s->held);
    leat_assert(!s->more); /* all output before it is there */
    leat_slice_queue_pop(&s->in);
    put_mark(seg, s, position);
}

/* Does the stage make parts that are committed one by one? */
static bool cuts_parts(const struct leat_segment *seg, const struct leat_slot *s)
{
    return seg->out.parts && seg->out.parts->commits && s == &seg->slots[seg->n - 1];
}

/* Each part will end here or later. */
static void reached(struct leat_segment *seg, uint64_t position)
{
    if (!seg->pipeline->checkpoint.by_parts)
        return;
    seg->out.parts->position = position;
    leat_checkpoint_reached(seg->pipeline->checkpoint.file, position);
}

/* The stage returned LEAT_FLUSHED, so it has no more output. Returns whether it answers a
 * marker. */
static bool step_flushed(struct leat_segment *seg, struct leat_slot *s, const struct leat_in *in)
{
    /* In a lane the marker ends the block, and the answer to it is LEAT_END. */
    bool answers = in->flush && in->pos == in->len && !seg->is_lane;
    uint64_t position = s->stage->position; /* of a source */

    leat_assert(!answers || mark_is_next(&s->in));
    leat_assert(!s->held); /* the marker comes after all output */
    s->stage->position = 0;
    if (answers) {
        position = leat_slice_queue_head(&s->in)->off;
        leat_slice_queue_pop(&s->in);
    }
    if (position > 0 && cuts_parts(seg, s))
        reached(seg, position); /* it goes to no part: that would only flush its branch */
    else
        put_mark(seg, s, position);
    s->out.full = false;
    for (size_t k = 1; k < s->out.n_ports; k++)
        s->out.ports[k].full = false;
    return answers;
}

static enum leat_step_result check_progress(struct leat_segment *seg, size_t i, bool progress)
{
    struct leat_slot *s = &seg->slots[i];

    leat_assert(s->idle < IDLE_MAX);
    leat_assert(!s->done && !s->waiting);
    if (s->out.nomem) {
        leat_fail(s->stage, LEAT_ENOMEM, "out of memory");
        leat_segment_fail(seg, i);
        return LEAT_STEP_RAN;
    }
    s->more = s->out.full || s->stopping;
    for (size_t k = 1; k < s->out.n_ports; k++)
        s->more = s->more || s->out.ports[k].full;
    if (s->out.starved && !progress) {
        leat_segment_park(seg, LEAT_PARK_MEMORY);
        return leat_pool_wait(&seg->pipeline->pool, &seg->memory.waiter) ? LEAT_STEP_PARKED
                                                                         : LEAT_STEP_RAN;
    }
    s->idle = progress ? 0 : s->idle + 1;
    if (s->idle >= IDLE_MAX) {
        leat_fail(s->stage, LEAT_EINTERNAL, "made no progress twice in a row");
        leat_segment_fail(seg, i);
    }
    return LEAT_STEP_RAN;
}

/* How many bytes of a slice a step sees: a long record from the framer may exceed the sizes that
 * libraries can count. No output depends on this size; tests draw it from the seed. Records stay
 * whole. */
static size_t piece(struct leat_segment *seg, const struct leat_stage_info *info,
                    const uint8_t *data, size_t len)
{
    struct leat_executor *ex = &seg->pipeline->executor;
    const uint8_t *end;
    size_t n;

    if (info->plan.framing != LEAT_LINES && len > LEAT_CHUNK_MAX)
        len = LEAT_CHUNK_MAX;
    if (ex->kind == LEAT_EXECUTOR_LOOP && info->plan.framing != LEAT_LINES &&
        info->plan.nature != LEAT_LIGHT && !leat_stage_runs_beside(info->type) &&
        len > LOOP_PIECE_MAX)
        len = LOOP_PIECE_MAX;
    if (ex->kind != LEAT_EXECUTOR_SEEDED || len < 2)
        return len;
    n = 1 + leat_random(&ex->random) % len;
    leat_assert(n <= len);
    if (info->plan.framing != LEAT_LINES)
        return n;
    end = memchr(data + n - 1, info->plan.delimiter, len - (n - 1));
    return end ? (size_t)(end - data) + 1 : len;
}

/* Output bytes of the step that have a reader. If the stage has a merge, the joiner counts its
 * output instead of the lanes. */
static uint64_t handed_over(const struct leat_segment *seg, const struct leat_slot *s)
{
    uint64_t bytes = s->out.discards ? 0 : s->out.step_bytes;

    if (seg->is_lane && leat_lanes_merge(s->info))
        return 0;
    for (size_t k = 1; k < s->out.n_ports; k++)
        if (!s->out.ports[k].discards)
            bytes += s->out.ports[k].step_bytes;
    return bytes;
}

static void fill_in(struct leat_segment *seg, size_t i, struct leat_in *in)
{
    static const uint8_t nothing[1];
    struct leat_slot *s = &seg->slots[i];
    struct leat_slice *head = leat_slice_queue_head(&s->in);

    leat_assert(s->stage->gather.n == 0); /* an unfinished piece is not shown */
    *in = (struct leat_in){.data = nothing, .end = at_end(seg, i), .offset = s->offset};
    if (s->stopping && s->in.n > 0) { /* after LEAT_FAILING upstream goes on; this is dropped */
        in->end = false;
        return;
    }
    if (head && !leat_slice_is_mark(head)) {
        in->data = leat_slice_data(head);
        in->len =
            s->info->plan.whole > 0 ? head->len : piece(seg, s->stage->info, in->data, head->len);
        in->end = in->end && in->len == head->len;
        /* the buffer of the gather is used again */
        in->engine = head->chunk == &s->stage->gather.chunk ? NULL : head->chunk;
    }
    if (answers_marks(seg, s))
        in->flush = mark_is_next(&s->in) || (mark_is_second(&s->in) && in->len == head->len);
    if (i == 0 && seg->in.ops && seg->in.ops->show)
        seg->in.ops->show(seg, in);
    if (seg->lane.block && i == 0) {
        in->block = seg->lane.block->index;
        in->note = seg->lane.block->note;
        in->flush = in->end && seg->lane.block->flush;
        leat_assert(!in->end || seg->lane.end_seen);
        if (seg->lane.block->history.chunk) {
            in->history = leat_slice_data(&seg->lane.block->history);
            in->history_len = seg->lane.block->history.len;
        }
    }
}

static void slot_out_begin(struct leat_slot *s)
{
    leat_out_begin(&s->out);
    for (size_t k = 1; k < s->out.n_ports; k++)
        leat_out_begin(&s->out.ports[k]);
}

/* Returns the output bytes of the step, over all ports. */
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

/* Check the limits of leat_plan_expansion. For lanes the joiner does it, in order. A stage that is
 * stopping has no more output. */
static int check_expansion(const struct leat_segment *seg, struct leat_slot *s, int r)
{
    uint64_t over;

    if (seg->is_lane || s->stopping)
        return r;
    over = leat_stage_expansion(s->stage, s->out.total, s->offset);
    if (over == 0)
        return r;
    leat_assert(over <= s->out.total);
    if (s->out.to) {
        leat_slice_queue_cut(s->out.to, over);
        leat_count(&s->count.bytes_out, 0 - over);
    }
    return s->stage->failure.code;
}

/* Returns whether the step used more of an input than there was; no more is taken of it. */
static bool took_too_much(struct leat_in *in)
{
    bool too_much = in->pos > in->len;

    if (too_much)
        in->pos = in->len;
    for (size_t k = 0; k < in->n_ports; k++)
        too_much = took_too_much(&in->ports[k]) || too_much;
    return too_much;
}

/* A forbidden result of a step fails the stage, which may belong to the embedding program. Returns
 * r or the failure. */
static int check_answer(struct leat_stage *stage, struct leat_in *in, int r)
{
    bool known = r < 0 || r == LEAT_MORE || r == LEAT_END || r == LEAT_WAIT || r == LEAT_FLUSHED ||
                 r == LEAT_ENOUGH || (r == LEAT_FAILING && stage->type->stop);

    if (took_too_much(in))
        return leat_fail(stage, LEAT_EINTERNAL, "used more input than there was");
    return known ? r
                 : leat_fail(stage, LEAT_EINTERNAL, "its step returned the invalid result %d", r);
}

/* A part may be empty, so its begin counts as output. */
static bool began_part(const struct leat_segment *seg, size_t i)
{
    return i + 1 == seg->n && seg->out.parts && seg->out.parts->begin_due;
}

/* Run one step; for a LEAT_BLOCKING stage: let its thread run. A wait that a step asked for without
 * returning LEAT_WAIT is forgotten. */
static int run_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    s->wants.n_fds = 0;
    s->wants.ms = 0;
    s->wants.too_many = false;
    s->wants.wake = false;
    if (s->waker)
        leat_waker_take(s->waker);
    return s->type->run ? leat_blocking_step(s, in, out) : s->type->step(s, in, out);
}

static int call_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    int r;

    leat_assert(stage->open_called && !stage->closed);
    leat_assert(in->pos == 0 && in->data != NULL);
    leat_assert(!stage->room_refused); /* that would have failed it */
    leat_assert(!stage->in);
    stage->in = in;
    r = run_step(stage, in, out);
    stage->in = NULL;
    r = check_answer(stage, in, r);
    return r >= 0 && stage->room_refused ? stage->failure.code : r;
}

/* The result of a step counts when all of its output is in the queue. Until then the stage does not
 * step. After that it may have more output. */
static int result_after_output(struct leat_slot *s, int r)
{
    bool held = leat_out_holds(&s->out);

    for (size_t k = 1; k < s->out.n_ports; k++)
        held = held || leat_out_holds(&s->out.ports[k]);
    s->out.full = s->out.full || held || s->held;
    s->held = held;
    s->held_result = r;
    return held ? LEAT_MORE : r;
}

enum leat_step_result leat_slot_step(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;
    struct leat_in in;
    size_t produced, used;
    bool answered = false;
    int r;

    leat_assert(i < seg->n);
    leat_assert(!s->done && !s->waiting);
    leat_assert(!seg->actor.passes_to); /* the reader of the last output runs first */
    leat_assert(s->stopping || s->discard || leat_segment_output_taken(seg, i));
    leat_assert(stage->segment == seg);
    leat_assert(!s->stopping || !s->out.to);
    leat_account_doing(seg, LEAT_DOING_STEP, i);
    fill_in(seg, i, &in);
    slot_out_begin(s);
    r = s->held ? s->held_result : call_step(stage, &in, &s->out);
    produced = slot_out_end(s);
    leat_assert(in.pos <= in.len);
    leat_assert(in.len == 0 || !s->stopping);
    leat_assert(produced == 0 || !s->stopping); /* its writer has no room */
    r = result_after_output(s, r);
    consume(s, in.pos);
    used = in.ports ? seg->in.ops->take(seg) : in.pos;
    leat_account_step(seg, i, used, handed_over(seg, s));
    if (produced > 0 && cuts_parts(seg, s))
        seg->out.parts->position = 0; /* it has more than there was at the last marker */
    if (r >= 0)
        r = check_expansion(seg, s, r);
    if (r < 0) {
        if (!stage->failure.code)
            leat_fail(stage, r, "%s", leat_strerror(r));
        leat_segment_fail(seg, i);
        return LEAT_STEP_RAN;
    }
    if (r == LEAT_END) {
        step_ended(seg, i);
        return LEAT_STEP_RAN;
    }
    if (r == LEAT_ENOUGH && !s->stopping) {
        step_enough(seg, i);
        return LEAT_STEP_RAN;
    }
    if (r == LEAT_FAILING && !s->stopping) {
        leat_slot_stop(seg, s, LEAT_STOP_DONE);
        return LEAT_STEP_RAN;
    }
    if (r == LEAT_WAIT)
        return step_waits(seg, i);
    if (r == LEAT_FLUSHED)
        answered = step_flushed(seg, s, &in);
    return check_progress(seg, i, used > 0 || produced > 0 || answered || began_part(seg, i));
}

/* Handle an answer of the stage that comes between its steps: the end, or a failure. After a failure the pipeline does not
 * wait for readers of its output. */
static void answered_between(struct leat_segment *seg, size_t i, int r)
{
    struct leat_stage *stage = seg->slots[i].stage;

    if (r == LEAT_END)
        step_ended(seg, i);
    if (r >= 0)
        return;
    if (!stage->failure.code)
        leat_fail(stage, r, "%s", leat_strerror(r));
    leat_segment_fail(seg, i);
    if (!stage->info->detached)
        leat_pipeline_cancel(seg->pipeline, r, NULL);
}

/* Call the stage's alarm. A failure of it is one of time. */
static void ring(struct leat_segment *seg, size_t i)
{
    struct leat_stage *stage = seg->slots[i].stage;
    int r;

    leat_assert(stage->open_called && !stage->closed);
    leat_assert(!stage->in);
    leat_assert(!seg->slots[i].done);
    r = stage->type->alarm(stage);
    if (r == LEAT_FLUSHED)
        put_mark(seg, &seg->slots[i], 0);
    answered_between(seg, i, r);
}

void leat_slot_leave(struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];
    int (*leaves)(struct leat_stage * stage) = leat_engine_ops_of(s->stage->type)->leaves;

    if (leaves && !s->done && !s->stopping && s->stage->open_called)
        answered_between(seg, i, leaves(s->stage));
}

/* Has the program asked the stage to end its part, since the last look? */
static bool rotation_asked(struct leat_segment *seg, struct leat_stage *stage)
{
    unsigned rotations = atomic_load(&seg->pipeline->life.rotations);

    if (!stage->info->plan.part_options.commits || seg->rotations == rotations)
        return false;
    seg->rotations = rotations;
    stage->rotation_asked = true;
    return true;
}

void leat_slot_alarm(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;

    if (!stage->type->alarm || s->done || s->stopping || s->held || seg->is_lane)
        return;
    if (rotation_asked(seg, stage) || leat_wait_fired(&seg->pipeline->waits, &stage->alarm))
        ring(seg, i);
}

/* The stage asked for an alarm or a watch: `has` tells if its type has the function for it. */
static bool check_function(struct leat_segment *seg, size_t i, bool has, const char *name)
{
    if (has)
        return true;
    leat_fail(seg->slots[i].stage, LEAT_EINTERNAL, "asked for a call, but its type has no %s",
              name);
    leat_segment_fail(seg, i);
    return false;
}

void leat_slot_flush_source(struct leat_segment *seg)
{
    unsigned flushes = atomic_load(&seg->pipeline->life.flushes);
    struct leat_slot *s = &seg->slots[0];

    if (seg->in.ops || seg->n == 0 || seg->flushes == flushes || s->done || s->stopping || s->held)
        return;
    seg->flushes = flushes;
    put_mark(seg, s, 0);
}

/* Output that waits for room is handed on first. A library that runs beside the engine, such as one that makes an
 * archive, would leave its output half. */
void leat_slot_finish_source(struct leat_segment *seg)
{
    struct leat_slot *s = &seg->slots[0];

    if (!leat_run_is_finishing(seg->pipeline) || seg->in.ops || seg->n == 0 || s->done ||
        s->stopping || s->held || leat_stage_runs_beside(s->stage->type))
        return;
    leat_segment_give_up(seg, 1, LEAT_STOP_DONE);
    leat_assert(s->done || s->stopping);
}

bool leat_slot_set_alarm(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;
    uint64_t ms = stage->alarm_ms;
    int r;

    stage->alarm_ms = 0;
    if (ms == 0 || s->done || s->stopping)
        return true;
    if (!check_function(seg, i, stage->type->alarm != NULL, "alarm"))
        return false;
    leat_wait_clear(&seg->pipeline->waits, &stage->alarm); /* the new alarm replaces it */
    r = leat_wait_alarm(&seg->pipeline->waits, &stage->alarm, ms);
    if (r < 0) {
        leat_fail_errno(stage, -r, "cannot wait");
        leat_segment_fail(seg, i);
    }
    return r == 0;
}

/* End the wait of a step and step again: the awaited event may never come now. */
static void end_wait(struct leat_segment *seg, struct leat_slot *s)
{
    leat_assert(s->waiting);
    leat_wait_clear(&seg->pipeline->waits, &s->stage->wait);
    s->waiting = false;
}

void leat_slot_watched(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;
    int r;

    if (!stage->type->watch || s->done || s->stopping || s->held ||
        !leat_wait_fired(&seg->pipeline->waits, &stage->watch))
        return;
    leat_assert(stage->open_called && !stage->closed);
    leat_assert(!stage->in);
    r = stage->type->watch(stage);
    if (r < 0) {
        if (!stage->failure.code)
            leat_fail(stage, r, "%s", leat_strerror(r));
        leat_segment_fail(seg, i);
    }
    if (r == LEAT_ENOUGH)
        step_enough(seg, i);
    else if (r == LEAT_FAILING)
        leat_slot_stop(seg, s, LEAT_STOP_DONE);
    else if (r >= 0 && s->waiting)
        end_wait(seg, s);
}

bool leat_slot_set_watch(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    struct leat_stage *stage = s->stage;
    uint64_t ms = stage->watch_ms;
    int fd = stage->watch_fd, r;

    stage->watch_fd = -1;
    stage->watch_ms = 0;
    if ((fd < 0 && ms == 0) || s->done || s->stopping)
        return true;
    if (!check_function(seg, i, stage->type->watch != NULL, "watch"))
        return false;
    leat_wait_clear(&seg->pipeline->waits, &stage->watch);
    r = leat_wait_watch(&seg->pipeline->waits, &stage->watch, fd, stage->watch_gone, ms);
    if (r < 0) {
        leat_fail_errno(stage, -r, "cannot wait");
        leat_segment_fail(seg, i);
    }
    return r == 0;
}
