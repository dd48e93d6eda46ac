/* run.c - one run of a pipeline: it begins, its driver looks at it, it ends.
 *
 * The driver is the caller's loop (on_loop.c), or the thread of a context (on_context.c).
 */

#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sched/workers.h"

/* --- stall ------------------------------------------------------------------------------------ */

static void dump(const struct leat_pipeline *p, char *buf, size_t size)
{
    static const char *const parked[] = {"idle", "waits for input", "waits for room",
                                         "waits for memory"};
    size_t at = (size_t)snprintf(buf, size, "nothing can go on, which is a bug in leat:");

    for (size_t i = 0; i < p->graph.n_segments && at < size; i++) {
        const struct leat_segment *s = p->graph.segments[i];

        at += (size_t)snprintf(buf + at, size - at, " segment %d (%s) %s;", s->number,
                               s->n ? s->slots[s->n - 1].stage->info->name : "",
                               atomic_load(&s->finished) ? "ended" : parked[s->parked]);
    }
}

/* A segment that waits for memory while nothing else can go on will not get it: all memory is held
 * until the end of the run. One of these segments must fail. */
static bool give_up_memory(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        struct leat_segment *seg = p->graph.segments[i];

        if (atomic_load(&seg->finished) || !atomic_load(&seg->memory.is_short) ||
            atomic_exchange(&seg->memory.none, true))
            continue;
        leat_actor_wake(&p->executor, &seg->actor);
        return true;
    }
    return false;
}

/* The number of pauses and resumes until now, if the program has the pipeline neither stand still nor look
 * again; else UINT_MAX. */
static unsigned look_at_pauses(struct leat_pipeline *p)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = leat_run_is_paused(p) || atomic_load(&p->life.stirred) ? UINT_MAX : p->life.pauses;
    pthread_mutex_unlock(&p->lock);
    return n;
}

/* Has nothing that the program did to do with it that all is idle? A resume lets go on what a pause has parked, but only when
 * the driver has looked, so the executor is looked at again between two looks at the pauses. */
static bool is_left_alone(struct leat_pipeline *p)
{
    unsigned n = look_at_pauses(p);

    return n != UINT_MAX && leat_executor_is_quiet(&p->executor) && look_at_pauses(p) == n;
}

/* Called when no actor runs or is queued and no step waits. With an armed alarm the pipeline is not
 * stalled, because the alarm may let something go on. But an alarm may be a day away, and it frees
 * no memory, so segments short of memory fail even then. A step that waits may free memory when it
 * goes on, because chunks move then. Until then this function is not called and segments short of
 * memory wait: the outcome must not depend on the speed of an input. */
static void check_stall(struct leat_executor *ex, bool alarmed)
{
    struct leat_pipeline *p = ex->owner;
    struct leat_error error = {.code = LEAT_ESTALL};

    if (atomic_load(&p->outcome.phase) != LEAT_PHASE_RUN || atomic_load(&p->outcome.live) == 0 ||
        leat_outcome_aborted(p) || !is_left_alone(p))
        return;
    if (give_up_memory(p) || alarmed)
        return;
    dump(p, error.text, sizeof error.text);
    leat_outcome_report(p, NULL, &error);
    atomic_store_explicit(&p->outcome.aborted, true, memory_order_release);
    p->life.attend(p, false);
}

/* --- begin ------------------------------------------------------------------------------------ */

int leat_run_refuse(struct leat_pipeline *p, int code, const char *why)
{
    pthread_mutex_lock(&p->lock);
    if (!p->outcome.error.code) {
        p->outcome.error = (struct leat_error){.size = sizeof p->outcome.error, .code = code};
        snprintf(p->outcome.error.text, sizeof p->outcome.error.text, "cannot start: %s", why);
    }
    pthread_mutex_unlock(&p->lock);
    return code;
}

int leat_run_no_thread(struct leat_pipeline *p, int err)
{
    char why[128];

    snprintf(why, sizeof why, "cannot start a thread: %s; --threads=1 needs none",
             strerrordesc_np(err));
    return leat_run_refuse(p, LEAT_ENOMEM, why);
}

/* A pool's actors have all run. */
static void on_end(struct leat_executor *ex)
{
    struct leat_pipeline *p = ex->owner;

    p->life.attend(p, true);
}

static int init_executor(struct leat_pipeline *p)
{
    struct leat_context *c = p->life.context;
    int r = c ? leat_executor_join(&p->executor, &c->workers)
              : leat_executor_init(&p->executor, p->settings.executor, p->settings.threads,
                                   p->settings.seed, p->settings.virtual_time);

    p->executor.owner = p;
    p->executor.on_idle = check_stall;
    p->executor.on_end = on_end;
    return r;
}

int leat_run_prepare(struct leat_pipeline *p)
{
    int r = init_executor(p);

    if (r < 0)
        return leat_run_refuse(p, r, leat_strerror(r));
    r = leat_waits_init(&p->waits, &p->executor, p->life.context ? &p->life.context->poller : NULL);
    if (r < 0) {
        leat_executor_done(&p->executor);
        return leat_run_refuse(p, LEAT_EIO, strerrordesc_np(-r));
    }
    leat_wait_init(&p->wait, &p->conductor);
    p->executor.armed = &p->waits.armed;
    p->executor.alarms = &p->waits.alarms;
    return 0;
}

void leat_run_begin(struct leat_pipeline *p)
{
    uint64_t now = leat_clock_now(&p->executor.clock);

    for (size_t i = 0; i < p->graph.n_segments; i++)
        leat_account_start(p->graph.segments[i], now);
    atomic_store(&p->started_ns, now);
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->outcome.phase, LEAT_PHASE_OPEN);
    p->outcome.running = true;
    pthread_mutex_unlock(&p->lock);
    (void)leat_pipeline_ref(p); /* the run's */
}

/* --- while it runs ---------------------------------------------------------------------------- */

bool leat_run_look(struct leat_pipeline *p)
{
    bool stirred, aborted;
    int phase;

    if (atomic_load(&p->life.rested)) {
        leat_assert(atomic_load(&p->outcome.phase) == LEAT_PHASE_DONE);
        return true;
    }
    aborted = leat_outcome_aborted(p) || atomic_load(&p->outcome.recalled);
    if ((!aborted && !atomic_load(&p->life.stirred)) || !leat_executor_enter(&p->executor))
        return false;
    stirred = atomic_exchange(&p->life.stirred,
                              false); /* now the executor is not idle: see check_stall */
    phase = atomic_load(&p->outcome.phase);
    if (phase == LEAT_PHASE_RUN && (stirred || !p->life.woken)) {
        p->life.woken = aborted;
        leat_outcome_wake_all(p);
    } else if (phase != LEAT_PHASE_RUN && phase != LEAT_PHASE_DONE && aborted) {
        leat_actor_wake(&p->executor,
                        &p->conductor); /* it may wait for a file, a stream or a commit */
    }
    leat_executor_leave(&p->executor);
    return false;
}

/* Under the lock. Returns whether it runs. */
static bool stir(struct leat_pipeline *p)
{
    if (!p->outcome.running)
        return false;
    atomic_store(&p->life.stirred, true);
    p->life.attend(p, false);
    return true;
}

int leat_run_stir(struct leat_pipeline *p)
{
    bool running;

    pthread_mutex_lock(&p->lock);
    running = stir(p);
    pthread_mutex_unlock(&p->lock);
    return running ? 0 : LEAT_EUSAGE;
}

void leat_pipeline_pause(struct leat_pipeline *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->life.pauses++;
    atomic_store(&p->life.paused, true);
    pthread_mutex_unlock(&p->lock);
}

void leat_pipeline_resume(struct leat_pipeline *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->life.pauses++;
    if (atomic_exchange(&p->life.paused, false))
        (void)stir(p); /* one that has not begun, or has ended, needs no wake */
    pthread_mutex_unlock(&p->lock);
}

int leat_pipeline_flush(struct leat_pipeline *p)
{
    if (!p)
        return LEAT_EUSAGE;
    if (p->life.flush_ends)
        p->life.flush_ends(p);
    atomic_fetch_add(&p->life.flushes, 1);
    return leat_run_stir(p);
}

void leat_pipeline_finish(struct leat_pipeline *p)
{
    if (!p)
        return;
    atomic_store(&p->life.finishing, true);
    (void)leat_run_stir(p); /* one that has not begun sees it then */
}

int leat_pipeline_rotate(struct leat_pipeline *p)
{
    int n = 0;

    for (size_t i = 0; p && i < p->graph.n_infos; i++)
        n += p->graph.infos[i].plan.part_options.commits;
    if (n == 0)
        return 0;
    atomic_fetch_add(&p->life.rotations, 1);
    (void)leat_run_stir(p); /* one that has not begun has no part */
    return n;
}

void leat_run_time_out(struct leat_pipeline *p)
{
    char text[96];

    snprintf(text, sizeof text, "timed out after %.3g s", (double)p->settings.timeout_ms / 1000.0);
    leat_pipeline_cancel(p, LEAT_ETIMEDOUT, text);
}

void leat_run_check_stall(struct leat_pipeline *p)
{
    if (atomic_load(&p->waits.armed) == 0)
        check_stall(&p->executor, atomic_load(&p->waits.alarms) > 0);
}

/* --- end -------------------------------------------------------------------------------------- */

void leat_run_settle(struct leat_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->outcome.running = false; /* a cancel comes too late now */
    pthread_mutex_unlock(&p->lock);
}

void leat_run_close(struct leat_pipeline *p)
{
    leat_assert(!p->outcome.running);
    leat_wait_done(&p->wait);
    leat_waits_done(&p->waits);
    leat_executor_done(&p->executor);
    atomic_store(&p->ended_ns,
                 p->executor.clock.is_virtual ? p->executor.clock.latest_ns : leat_now_ns());
    leat_tell_stage(p, LEAT_EVENT_FINISHED, NULL, leat_pipeline_error(p));
}

void leat_run_release(struct leat_pipeline *p)
{
    bool last;

    if (p->life.done)
        p->life.done(p, leat_pipeline_error(p), p->life.done_arg);
    if (p->life.context)
        leat_context_end_run(p->life.context);
    pthread_mutex_lock(&p->lock);
    p->life.over = true;
    pthread_cond_broadcast(&p->life.ended);
    last = leat_pipeline_drop(p); /* before those that wait go on: theirs is then the last one */
    pthread_mutex_unlock(&p->lock);
    if (last)
        leat_pipeline_free(p);
}
