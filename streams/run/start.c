/* start.c - start a pipeline on a loop, on its context, or blocking; and wait for its end. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "sched/workers.h"

/* A start that was refused may be tried again; a cancel before the start is final. */
static void forget_refusal(struct leat_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    if (!leat_outcome_aborted(p))
        p->outcome.error = (struct leat_error){0};
    pthread_mutex_unlock(&p->lock);
}

static int start(struct leat_pipeline *p, struct uv_loop_s *loop, leat_done_cb done, void *arg,
                 bool helps)
{
    if (!p || (!loop == !p->life.context) || atomic_load(&p->outcome.phase) != LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    p->life.done = done;
    p->life.done_arg = arg;
    forget_refusal(p);
    return loop ? leat_run_on_loop(p, loop) : leat_run_on_context(p, helps);
}

int leat_pipeline_start(struct leat_pipeline *p, struct uv_loop_s *loop, leat_done_cb done,
                        void *arg)
{
    return start(p, loop, done, arg, false);
}

static struct timespec time_in(int ms)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int leat_pipeline_wait(struct leat_pipeline *p, int timeout_ms)
{
    struct timespec until = time_in(timeout_ms > 0 ? timeout_ms : 0);
    int r = 0;

    if (!p || atomic_load(&p->outcome.phase) == LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&p->lock);
    while (!p->life.over && r == 0)
        r = timeout_ms < 0 ? pthread_cond_wait(&p->life.ended, &p->lock)
                           : pthread_cond_timedwait(&p->life.ended, &p->lock, &until);
    r = p->life.over ? p->outcome.error.code : LEAT_RUNNING;
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* libuv aborts the process if it cannot make a pipe for its signals, so try it first. Returns 0 or
 * -errno. */
static int try_pipe(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    (void)close(ends[0]); /* nothing was written */
    (void)close(ends[1]);
    return 0;
}

static int run_on_own_loop(struct leat_pipeline *p)
{
    uv_loop_t *loop = malloc(sizeof *loop);
    int r;

    if (!loop)
        return leat_run_refuse(p, LEAT_ENOMEM, leat_strerror(LEAT_ENOMEM));
    r = try_pipe();
    if (r == 0)
        r = uv_loop_init(loop);
    if (r < 0) {
        free(loop);
        return leat_run_refuse(p, r == UV_ENOMEM ? LEAT_ENOMEM : LEAT_EIO, strerrordesc_np(-r));
    }
    r = leat_pipeline_start(p, loop, NULL, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    if (uv_loop_close(loop) < 0 && r == 0)
        r = LEAT_EINTERNAL;
    free(loop);
    return r < 0 ? r : p->outcome.error.code;
}

/* A thread of the context would wait for itself. */
static bool must_not_wait(struct leat_context *c)
{
    return leat_context_is_own_thread(c) || leat_workers_runs_here(&c->workers);
}

int leat_pipeline_run(struct leat_pipeline *p)
{
    int r;

    if (!p || atomic_load(&p->outcome.phase) != LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    if (!p->life.context)
        return run_on_own_loop(p);
    if (must_not_wait(p->life.context))
        return leat_run_refuse(p, LEAT_EUSAGE, "a thread of its context must not wait for it");
    r = start(p, NULL, NULL, NULL, true);
    return r < 0 ? r : leat_pipeline_wait(p, -1);
}
