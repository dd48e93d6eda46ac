/* on_context.c - a run that the thread of a context drives. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "ends.h"
#include "run.h"
#include "sched/context.h"

static struct leat_pipeline *of_visit(struct leat_visit *visit)
{
    return (struct leat_pipeline *)((char *)visit - offsetof(struct leat_pipeline, life.visit));
}

static struct leat_pipeline *of_notice(struct leat_notice *notice)
{
    return (struct leat_pipeline *)((char *)notice - offsetof(struct leat_pipeline, life.notice));
}

void leat_run_give_memory(struct leat_pipeline *p)
{
    uint64_t used = leat_pool_trim(&p->pool); /* it only falls, so the last caller sees the least */

    pthread_mutex_lock(&p->lock);
    if (used < p->life.held) {
        leat_context_give_memory(p->life.context, p->life.held - used);
        p->life.held = used;
    }
    pthread_mutex_unlock(&p->lock);
}

static void call_done(struct leat_notice *notice)
{
    leat_run_release(of_notice(notice));
}

static void end_run(struct leat_pipeline *p)
{
    struct leat_context *c = p->life.context;

    leat_run_settle(p); /* after this nothing asks for a visit */
    leat_context_leave(c, &p->life.visit);
    leat_run_close(p);
    leat_ends_over(p, p->outcome.error.code);
    leat_run_give_memory(p);
    if (p->life.done || p->life.ends) /* after `ready` of its ends */
        (void)leat_context_notify(c, &p->life.notice);
    else
        leat_run_release(p);
}

static void look(struct leat_visit *visit)
{
    struct leat_pipeline *p = of_visit(visit);

    if (visit->is_due) {
        visit->is_due = false;
        leat_run_time_out(p);
    }
    atomic_store(&p->life.rested, visit->is_last);
    if (leat_run_look(p))
        end_run(p);
}

static void attend(struct leat_pipeline *p, bool last)
{
    leat_context_visit(p->life.context, &p->life.visit, last);
}

static int take_memory(struct leat_pipeline *p)
{
    char why[160];

    if (leat_context_take_memory(p->life.context, p->settings.memory)) {
        p->life.held = p->settings.memory;
        return 0;
    }
    snprintf(why, sizeof why,
             "its limit is %" PRIu64 " bytes, and %" PRIu64
             " are left of the memory of its context; wait for the end of another pipeline",
             p->settings.memory, leat_context_memory_left(p->life.context));
    return leat_run_refuse(p, LEAT_ELIMIT, why);
}

/* Workers block all signals. Here a write to a pipe without a reader, or beyond the limit for files, is an error of the run,
 * too, and no signal for the program. */
static bool help(struct leat_pipeline *p)
{
    static const int numbers[] = {SIGPIPE, SIGXFSZ};
    const struct timespec none = {.tv_sec = 0};
    struct leat_guest guest;
    sigset_t added, before;
    bool ended;

    (void)sigemptyset(&added); /* these calls fail only for numbers that are no signals */
    (void)pthread_sigmask(SIG_BLOCK, NULL, &before);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!sigismember(&before, numbers[i]))
            (void)sigaddset(&added, numbers[i]);
    (void)pthread_sigmask(SIG_BLOCK, &added, NULL);
    ended = leat_executor_help(&p->executor, &p->conductor, &guest);
    while (sigtimedwait(&added, NULL, &none) > 0 || errno == EINTR)
        ;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ended;
}

/* The first actor of the run is the conductor. The thread that waits for the end may be the one that finds it: then no
 * thread has to wake for a run that never waits. */
static void begin(struct leat_pipeline *p, bool helps)
{
    if (!helps) {
        leat_actor_wake(&p->executor, &p->conductor);
        leat_executor_leave(&p->executor);
    } else if (help(p)) {
        end_run(p);
    }
}

/* Workers that yield to other programs leave no work to this thread, which does not; and `ready` of an end is called on
 * another thread. */
static bool may_help(const struct leat_pipeline *p)
{
    return p->life.context->workers.nice == 0 && !p->life.ends && !p->life.done;
}

int leat_run_on_context(struct leat_pipeline *p, bool helps)
{
    bool entered;
    int r;

    if (p->life.context->pid != getpid())
        return leat_run_refuse(p, LEAT_EUSAGE,
                               "its context belongs to the process that this one was forked from");
    r = leat_context_start(p->life.context);
    if (r < 0)
        return leat_run_no_thread(p, -r);
    r = take_memory(p);
    if (r < 0)
        return r;
    r = leat_run_prepare(p);
    if (r < 0) {
        leat_context_give_memory(p->life.context, p->life.held);
        p->life.held = 0;
        return r;
    }
    p->life.attend = attend;
    p->life.visit.look = look;
    p->life.notice.call = call_done;
    leat_context_begin_run(p->life.context);
    (void)leat_pipeline_ref(p); /* `done` may drop the program's while this goes on */
    entered = leat_executor_enter(&p->executor);
    leat_assert(entered);
    leat_run_begin(p); /* another thread may cancel it now, but it does not end before it is left */
    if (p->settings.timeout_ms > 0) {
        uint64_t ms = p->settings.timeout_ms < LEAT_DURATION_MAX_MS ? p->settings.timeout_ms
                                                                    : LEAT_DURATION_MAX_MS;

        leat_context_time(p->life.context, &p->life.visit, leat_now_ns() + ms * 1000000u);
    }
    begin(p, helps && may_help(p));
    leat_pipeline_unref(p);
    return 0;
}
