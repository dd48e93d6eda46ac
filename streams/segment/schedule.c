/* schedule.c - the scheduler inside a segment: choose the next action.
 *
 * Order of a turn: hand over the output of the last stage; else run the most downstream stage that
 * is ready; else read input. A stage runs only when the next stage has consumed all of its input,
 * so at most one chunk's worth of data is queued between two stages.
 */

#include "segment_impl.h"

#include "run/pipeline.h"

/* Limits of a run, in turns and nanoseconds. After it other segments run, and on one thread the
 * loop with its signals, its timers and the caller's handles. A single step may take longer; it is
 * not interrupted. */
#define TURNS 64
#define RUN_NS ((uint64_t)2000000)

/* Make records whole. Returns a turn, or -1: the stage may step. */
static int feed_framer(struct leat_segment *seg, size_t i, enum leat_flow flow)
{
    struct leat_slot *s = &seg->slots[i];
    bool had = s->raw.n > 0;
    int r;

    leat_assert(s->framer->share != NULL);
    leat_assert(s->in.n == 0); /* the stage has consumed the records before */
    r = leat_framer_feed(s->framer, &s->raw, flow == LEAT_FLOW_ENDED, &s->in);
    if (r == LEAT_SHORT) {
        int t = leat_segment_wait_memory(seg, s->framer->share, s->framer->wants);

        if (t >= 0)
            return t;
        r = LEAT_ELIMIT;
    }
    if (r < 0) {
        leat_segment_fail_record(seg, i, r);
        return LEAT_STEP_RAN;
    }
    return s->in.n == 0 && had ? LEAT_STEP_RAN : -1;
}

/* Make pieces of a fixed size. Returns like feed_framer. */
static int feed_gather(struct leat_segment *seg, size_t i, enum leat_flow flow)
{
    struct leat_slot *s = &seg->slots[i];
    bool is_lane = seg->is_lane && i == 0, had = s->raw.n > 0;
    bool ended = is_lane ? seg->lane.block && seg->lane.end_seen : flow == LEAT_FLOW_ENDED;

    leat_assert(s->info->plan.whole > 0);
    leat_assert(s->in.n == 0);
    leat_gather_feed(&s->stage->gather, &s->raw, ended, &s->in);
    leat_assert(s->raw.n == 0 || s->in.n > 0);
    return s->in.n == 0 && had ? LEAT_STEP_RAN : -1;
}

static enum leat_step_result slot_turn(struct leat_segment *seg, size_t i)
{
    struct leat_slot *s = &seg->slots[i];
    enum leat_flow flow = leat_segment_flow_into(seg, i);

    leat_assert(!s->done && !s->waiting);
    leat_assert_slow(leat_slot_runnable(seg, i) ||
                     (i == 0 && !seg->in.ops)); /* the program may pause a source at any time */
    leat_assert(s->stage->open_called || flow != LEAT_FLOW_OPEN || seg->is_lane);
    if (s->stopping)
        return leat_slot_step(seg, i);
    if (s->in.n == 0 && !s->more && leat_slot_input(s) == &s->raw) {
        int t = s->framer ? feed_framer(seg, i, flow) : feed_gather(seg, i, flow);

        if (t >= 0)
            return (enum leat_step_result)t;
    }
    if (leat_slot_at_mark(seg, s)) {
        leat_slot_pass_mark(seg, s);
        return LEAT_STEP_RAN;
    }
    if (flow == LEAT_FLOW_FAILED && s->in.n == 0 &&
        (!s->more || (i == 0 && seg->in.ops && seg->in.ops->show))) {
        leat_slot_stop(seg, s, LEAT_STOP_ABORT);
        return LEAT_STEP_RAN;
    }
    /* In a lane the end of the input comes between blocks. */
    if (flow == LEAT_FLOW_ENDED && seg->is_lane && i == 0 && !seg->lane.block) {
        leat_slot_done(seg, s, false);
        return LEAT_STEP_RAN;
    }
    return leat_slot_step(seg, i);
}

enum leat_step_result leat_segment_took(struct leat_segment *seg, int r)
{
    leat_assert(seg->in.ops && seg->in.flow == LEAT_FLOW_OPEN);
    if (r == 0)
        return LEAT_STEP_RAN;
    if (r == LEAT_EMPTY)
        return leat_segment_park(seg, LEAT_PARK_IN);
    if (r == LEAT_FULL) {
        leat_segment_park(seg, LEAT_PARK_MEMORY);
        return leat_pool_wait(&seg->pipeline->pool, &seg->memory.waiter) ? LEAT_STEP_PARKED
                                                                         : LEAT_STEP_RAN;
    }
    leat_assert(r == LEAT_END || r < 0);
    seg->in.flow = r == LEAT_END ? LEAT_FLOW_ENDED : LEAT_FLOW_FAILED;
    if (r < 0 && r != LEAT_ECANCELLED)
        leat_segment_fail(seg, 0);
    return LEAT_STEP_RAN;
}

static bool all_done(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (!seg->slots[i].done)
            return false;
    return seg->n > 0 || seg->in.flow != LEAT_FLOW_OPEN || seg->in.cancelled;
}

static void wake_waiting(struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (seg->slots[i].waiting &&
            leat_wait_fired(&seg->pipeline->waits, &seg->slots[i].stage->wait)) {
            leat_assert(!seg->slots[i].done && !seg->slots[i].held);
            seg->slots[i].waiting = false;
        }
}

static bool any_waiting(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (seg->slots[i].waiting)
            return true;
    return false;
}

/* Does the first stage need input? */
static bool wants_input(const struct leat_segment *seg)
{
    const struct leat_slot *s = &seg->slots[0];

    leat_assert(seg->n > 0);
    leat_assert(!s->done || s->raw.n == 0);
    if (!seg->in.ops || seg->in.flow != LEAT_FLOW_OPEN || seg->in.cancelled)
        return false;
    if (s->done || s->stopping || s->waiting || s->in.n > 0 || s->raw.n > 0)
        return false;
    if (seg->is_lane && seg->lane.block && seg->lane.end_seen)
        return false;
    return leat_segment_output_taken(seg, 0) || s->discard;
}

/* Returns a step result, or -1 if there was nothing to hand over. */
static int hand_over(struct leat_segment *seg)
{
    return seg->out.gone || !seg->out.ops ? -1 : seg->out.ops->hand_over(seg);
}

static enum leat_step_result turn(struct leat_segment *seg)
{
    int r;

    if (seg->out.ops && !seg->out.gone && seg->out.ops->is_gone(seg))
        return leat_segment_out_gone(seg, seg->out.ops->has_failed(seg));
    r = hand_over(seg);
    if (r >= 0)
        return (enum leat_step_result)r;
    leat_assert(seg->out.gone || seg->out.ports[0].last.n == 0); /* all is handed over */
    if (seg->actor.passes_to)
        return LEAT_STEP_RAN;
    for (size_t i = seg->n; i-- > 0;)
        if (leat_slot_runnable(seg, i))
            return slot_turn(seg, i);
    if (wants_input(seg))
        return seg->in.ops->read(seg);
    if (all_done(seg) && leat_segment_output_taken(seg, seg->n - 1))
        return LEAT_STEP_RAN; /* the last output was just handed over */
    return leat_segment_park(seg, any_waiting(seg) ? LEAT_PARK_IN : LEAT_PARK_NONE);
}

static bool is_parked_for_room(const struct leat_segment *seg)
{
    return seg->parked == LEAT_PARK_OUT || seg->parked == LEAT_PARK_MEMORY;
}

enum run {
    RUN_PARKED,
    RUN_MORE,  /* there is more to do */
    RUN_ENDED, /* the segment may already be in use again, for another part */
};

/* Each step reads the clock, so this need not. A seeded schedule depends on the seed only. */
static bool has_run_long(const struct leat_segment *seg)
{
    uint64_t mark = atomic_load_explicit(&seg->account.mark_ns, memory_order_relaxed);

    if (seg->pipeline->executor.kind == LEAT_EXECUTOR_SEEDED)
        return false;
    leat_assert(mark >= seg->account.run_ns);
    return mark >= seg->account.run_ns + RUN_NS;
}

/* Run a bounded number of turns. */
static enum run run_turns(struct leat_segment *seg)
{
    int turns = seg->pipeline->executor.clock.is_virtual ? 1 : TURNS;

    for (int i = 0; i < turns && !has_run_long(seg); i++) {
        enum leat_step_result t = LEAT_STEP_RAN;
        bool block_ended = seg->lane.ended_block != NULL,
             paused = leat_run_is_paused(seg->pipeline);

        leat_slot_finish_source(seg);
        if (all_done(seg) && (seg->out.gone || leat_segment_output_taken(seg, seg->n - 1)) &&
            (!seg->out.ops || !seg->out.ops->holds || hand_over(seg) == -1)) {
            leat_segment_finish(seg);
            return RUN_ENDED;
        }
        if (seg->transfer && !paused) {
            int r = seg->transfer(seg);

            if (r == LEAT_EUNSUPPORTED)
                seg->transfer = NULL;
            t = r < 0 ? LEAT_STEP_NEEDED : (enum leat_step_result)r;
        }
        if (!seg->transfer || paused || t == LEAT_STEP_NEEDED)
            t = turn(seg);
        leat_assert(t != LEAT_STEP_NEEDED);
        if (t == LEAT_STEP_PARKED)
            return RUN_PARKED;
        if (seg->actor.passes_to)
            return RUN_MORE;
        /* On one thread the next block may keep its readers waiting for long. */
        if (block_ended && !seg->lane.ended_block &&
            seg->pipeline->executor.kind == LEAT_EXECUTOR_LOOP)
            return RUN_MORE;
        if (leat_outcome_aborted(seg->pipeline)) /* the next run handles it first */
            return RUN_MORE;
    }
    return RUN_MORE;
}

/* --- after a failure elsewhere ---------------------------------------------------------------- */

/* Can the stage wait for an event that the failure does not cause: data of a source, the end of a
 * child process, a reader, a timer? A waiting stage downstream of the failed one is excluded: it
 * first hands on the output produced before the error. All other stages only finish the input that
 * they have. */
static bool waits_outside(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];

    return s->stopping || s->stage->type->stop || (i == 0 && !seg->in.ops) ||
           (s->waiting && !atomic_load(&s->info->failed.above));
}

static bool is_abandoned(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *s = &seg->slots[i];

    if (s->done || (s->stopping && s->failed))
        return false;
    if (!leat_outcome_failed(seg->pipeline) && !leat_detached_failed(s->info->detached))
        return false;
    return waits_outside(seg, i);
}

/* If the pipeline or the detached branch has failed: stop its sources, the stages with a child
 * process, and waiting stages that do not have the failed stage upstream, because all of these could
 * keep it waiting. The other stages still hand on the output produced before. */
static void abandon(struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++) {
        if (!is_abandoned(seg, i))
            continue;
        leat_slot_stop(seg, &seg->slots[i], LEAT_STOP_ABORT);
        leat_assert(!is_abandoned(seg, i)); /* it is stopped once */
        leat_segment_give_up(seg, i, LEAT_STOP_ABORT);
    }
}

/* Is there a stage that abandon() would stop? */
static bool any_abandoned(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (is_abandoned(seg, i))
            return true;
    return false;
}

bool leat_segment_run(struct leat_actor *actor)
{
    struct leat_segment *seg = (struct leat_segment *)actor;
    enum run run;

    leat_assert(leat_actor_runs_here(actor));
    if (atomic_load_explicit(&seg->finished, memory_order_acquire))
        return false;
    leat_assert(seg->in.ops || seg->in.n_edges == 0);
    leat_assert(!seg->actor.passes_to);
    atomic_store(&seg->memory.is_short, false);
    leat_account_run(seg);
    wake_waiting(seg);
    if (leat_outcome_aborted(seg->pipeline))
        leat_segment_abort(seg);
    else
        abandon(seg);
    leat_slot_flush_source(seg);
    for (size_t i = 0; i < seg->n; i++) {
        leat_slot_leave(seg, i);
        leat_slot_alarm(seg, i);
        leat_slot_watched(seg, i);
    }
    run = run_turns(seg);
    for (size_t i = 0; run != RUN_ENDED && i < seg->n; i++)
        if (!leat_slot_set_alarm(seg, i) || !leat_slot_set_watch(seg, i))
            run = RUN_MORE;
    if (run == RUN_PARKED && any_abandoned(seg))
        run = RUN_MORE; /* the pipeline has failed, and a stage began to wait in this run */
    leat_assert(run == RUN_ENDED || !atomic_load_explicit(&seg->finished, memory_order_relaxed));
    if (run != RUN_ENDED)
        leat_account_park(seg, run == RUN_PARKED && is_parked_for_room(seg) ? LEAT_DOING_WAIT_OUT
                                                                            : LEAT_DOING_WAIT_IN);
    return run == RUN_MORE;
}
