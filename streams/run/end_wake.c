/* end_wake.c - when the stage of an end is woken, and on which thread it then runs.
 *
 * The wake of a worker costs more than most runs of light stages, so a thread of the program runs them itself. It does so
 * for no stage that may block, or is the program's own. For small pieces it would run the stage too often, so
 * these wake a worker; when that has come it finds how many there are. If there are many, the next ones are held back until
 * they are a lot, or until a tick of the context's thread.
 */

#include "end_wake.h"

#include "stage/engine_ops.h"
#include "syntax/registry.h"

/* A burst: so many pieces are pushed before the stage takes them, or in a tick. */
#define BURST_PIECES 16u
#define TICK_NS ((uint64_t)200000)
/* The most bytes that a burst holds back. */
#define LOT_MAX ((uint64_t)32 << 10)
/* For fewer bytes the program does not run the stage itself: it may have many more of them. */
#define LEND_MIN ((uint64_t)4096)

/* The program is told, outside of all locks. */
static void call_ready(struct leat_notice *notice)
{
    struct leat_end *e = (struct leat_end *)((char *)notice - offsetof(struct leat_end, notice));

    e->ready(e->user);
    leat_pipeline_unref(e->pipeline);
}

void leat_end_tell(struct leat_end *e)
{
    pthread_cond_broadcast(&e->changed);
    if (!e->refused)
        return;
    e->refused = false;
    if (!e->ready)
        return;
    (void)leat_pipeline_ref(e->pipeline);
    if (!leat_context_notify(e->pipeline->life.context, &e->notice))
        leat_pipeline_unref(e->pipeline); /* it is due already; the run holds another reference */
}

void leat_end_wake(struct leat_end *e)
{
    e->due = true;
    if (!e->stage_waits)
        return;
    e->stage_waits = false;
    leat_waker_wake(e->waker);
}

bool leat_end_claim(struct leat_end *e)
{
    if (!e->stage_waits || !e->lends || (e->is_push && e->held < LEND_MIN) ||
        leat_context_is_own_thread(e->pipeline->life.context)) {
        leat_end_wake(e);
        return false;
    }
    e->due = true;
    e->stage_waits = false;
    return leat_waker_claim(e->waker);
}

void leat_end_run(struct leat_end *e, bool claimed)
{
    if (claimed)
        leat_actor_run_claimed(&e->pipeline->executor, e->actor);
}

bool leat_end_holds_back(const struct leat_end *e)
{
    return e->burst && !e->due && !e->ended && e->code == 0 && e->held < e->lot;
}

bool leat_end_pushed(struct leat_end *e, bool refused)
{
    e->pieces++;
    return e->held > 0 && (!e->burst || refused || e->held >= e->lot) && leat_end_claim(e);
}

void leat_end_taken(struct leat_end *e)
{
    e->due = false;
    e->took = true;
    if (!e->burst && e->pieces - e->taken >= BURST_PIECES) {
        e->burst = true;
        e->ticked = e->pieces;
        leat_context_time(e->pipeline->life.context, &e->visit, leat_now_ns() + TICK_NS);
    }
    e->taken = e->pieces;
}

/* Under the lock: the burst goes on, or ends. A stage that has taken bytes since the last tick has no older ones. */
static void tick(struct leat_end *e)
{
    if (!e->burst)
        return;
    e->burst = e->pieces - e->ticked >= BURST_PIECES;
    e->ticked = e->pieces;
    if (e->burst)
        leat_context_time(e->pipeline->life.context, &e->visit, leat_now_ns() + TICK_NS);
    if (!e->burst || !e->took)
        leat_end_wake(e);
    e->took = false;
}

/* There is memory again, or a tick is due. */
static void look(struct leat_visit *visit)
{
    struct leat_end *e = (struct leat_end *)((char *)visit - offsetof(struct leat_end, visit));

    pthread_mutex_lock(&e->lock);
    if (visit->is_due) {
        visit->is_due = false;
        tick(e);
    } else {
        if (e->is_push && leat_end_free_room(e) > 0) /* a pull has no more bytes than before */
            leat_end_tell(e);
        leat_end_wake(e);
    }
    pthread_mutex_unlock(&e->lock);
}

static void memory_back(struct leat_pool_waiter *waiter)
{
    struct leat_end *e = (struct leat_end *)((char *)waiter - offsetof(struct leat_end, memory));

    leat_context_visit(e->pipeline->life.context, &e->visit, false);
}

void leat_end_wake_init(struct leat_end *e)
{
    e->notice.call = call_ready;
    e->memory.wake = memory_back;
    e->visit.look = look;
    e->lot = e->high / 4 < LOT_MAX ? e->high / 4 : LOT_MAX;
}

/* May a thread of the program run this stage? Not what may block, or calls code of the program, which may hold a lock. */
static bool is_plain(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    const struct leat_stage_type *type = info->type;

    if (type->engine && type->engine->is_end)
        return true;
    if (type->kind == LEAT_SOURCE || type->branches_max > 0 || (type->flags & LEAT_PARTS))
        return false;
    return !type->run && !type->stop && !type->watch && !type->alarm && !type->commit &&
           leat_registry_is_builtin(p->registry, info->node->type);
}

/* Does an edge go to a file? The disk may be slow. */
static bool spills(const struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_edges; i++)
        if (p->graph.edges[i]->spill)
            return true;
    return false;
}

bool leat_end_is_plain(const struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++)
        if (!is_plain(seg->pipeline, seg->slots[i].info))
            return false;
    if (seg->out.cutter || seg->in.joiner) /* they call a stage of another segment */
        return false;
    return seg->actor.is_light && !spills(seg->pipeline);
}
