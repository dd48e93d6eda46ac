/* on_loop.c - a run that the caller's loop drives. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "sched/workers.h"

static void on_closed(uv_handle_t *handle)
{
    struct leat_pipeline *p = handle->data;

    if (--p->on.open > 0)
        return;
    leat_run_close(p);
    leat_run_release(p);
}

static void close_handles(struct leat_pipeline *p)
{
    p->on.closing = true;
    uv_close((uv_handle_t *)&p->on.async, on_closed);
    uv_close((uv_handle_t *)&p->on.poll, on_closed);
    uv_close((uv_handle_t *)&p->on.timer, on_closed);
    uv_close((uv_handle_t *)&p->on.idle, on_closed);
}

/* Have on_async called, from any thread. uv_async_send only loads whether a call is pending, and that may come before the
 * caller's stores; a read-modify-write on both sides lets the pending call see them, or has another one made. */
static void ask(struct leat_pipeline *p)
{
    (void)atomic_fetch_add(&p->on.asks, 1);
    uv_async_send(&p->on.async);
}

static void on_async(uv_async_t *async)
{
    struct leat_pipeline *p = async->data;

    if (p->on.closing)
        return;
    (void)atomic_fetch_add(&p->on.asks, 0);
    leat_waits_fire_woken(&p->waits);
    if (!p->on.begun) {
        p->on.begun = true;
        leat_actor_wake(&p->executor, &p->conductor);
    }
    if (!leat_run_look(p))
        return;
    leat_run_settle(p);
    leat_workers_stop(p->executor.workers);
    close_handles(p);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct leat_pipeline *p = poll->data;

    (void)status;
    (void)events;
    leat_poller_fire(p->waits.poller);
}

static void on_timer(uv_timer_t *timer)
{
    leat_run_time_out(timer->data);
}

/* Run one actor per iteration of the loop, so that signals and timers are served in between. */
static void on_idle(uv_idle_t *idle)
{
    struct leat_pipeline *p = idle->data;

    if (leat_executor_step(&p->executor))
        return;
    uv_idle_stop(idle);
    p->on.idling = false;
    leat_run_check_stall(p);
}

static void kick(struct leat_executor *ex)
{
    struct leat_pipeline *p = ex->owner;

    if (!p->on.idling && uv_idle_start(&p->on.idle, on_idle) == 0)
        p->on.idling = true;
}

static void call(struct leat_executor *ex)
{
    ask(ex->owner);
}

/* The worker that calls it last is joined before the pipeline ends. */
static void attend(struct leat_pipeline *p, bool last)
{
    if (last)
        atomic_store(&p->life.rested, true);
    ask(p);
}

static bool due(struct leat_executor *ex, uint64_t until)
{
    struct leat_pipeline *p = ex->owner;

    return leat_waits_due(&p->waits, until);
}

/* Returns 0 or an error of libuv, which is -errno. */
static int init_handles(struct leat_pipeline *p, uv_loop_t *loop)
{
    int r;

    p->on.async.data = p->on.poll.data = p->on.timer.data = p->on.idle.data = p;
    r = uv_poll_init(loop, &p->on.poll, p->waits.poller->epoll_fd);
    if (r < 0)
        return r;
    r = uv_async_init(loop, &p->on.async, on_async);
    if (r < 0) {
        /* The poll handle is not active, but it must be closed. */
        p->on.open = 1;
        uv_close((uv_handle_t *)&p->on.poll, NULL);
        return r;
    }
    uv_timer_init(loop, &p->on.timer); /* these two cannot fail */
    uv_idle_init(loop, &p->on.idle);
    p->on.open = 4;
    return 0;
}

int leat_run_on_loop(struct leat_pipeline *p, uv_loop_t *loop)
{
    bool is_pool = p->settings.executor == LEAT_EXECUTOR_POOL;
    int r = leat_run_prepare(p), no_worker;

    if (r < 0)
        return r;
    p->life.attend = attend;
    p->executor.kick = kick;
    p->executor.call = call;
    p->executor.due = due;
    no_worker = is_pool ? leat_workers_start(p->executor.workers) : 0;
    r = no_worker == 0 ? init_handles(p, loop) : 0;
    if (no_worker < 0 || r < 0) {
        leat_workers_stop(p->executor.workers);
        leat_waits_done(&p->waits);
        leat_executor_done(&p->executor);
        return r < 0 ? leat_run_refuse(p, LEAT_EIO, strerrordesc_np(-r))
                     : leat_run_no_thread(p, -no_worker);
    }
    leat_run_begin(p);
    (void)uv_poll_start(&p->on.poll, UV_READABLE, on_poll);
    if (p->settings.timeout_ms > 0)
        (void)uv_timer_start(&p->on.timer, on_timer, p->settings.timeout_ms, 0);
    ask(p); /* stages open only when the loop watches our handles */
    return 0;
}
