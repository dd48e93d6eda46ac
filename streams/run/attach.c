/* attach.c - the callbacks of a context come on a loop, which may do all the work of the context's thread. */

#include <stdlib.h>
#include <uv.h>

#include "base/invariant.h"
#include "sched/context.h"

struct attached {
    union {
        uv_handle_t handle;
        uv_async_t async; /* attached: there are notices */
        uv_poll_t poll;   /* drives: the epoll set of the context */
    } on;
    uv_timer_t timer; /* drives: the next deadline */
    struct leat_context *context;
    uv_thread_t thread;
    bool drives;
    unsigned open; /* handles */
};

/* A run was started on another thread, which must not touch the handle. */
static void look_if_busy(struct leat_context *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->busy)
        c->busy(c);
    pthread_mutex_unlock(&c->lock);
}

static void on_async(uv_async_t *async)
{
    struct attached *a = async->data;

    leat_assert(!a->drives && a->open == 1);
    look_if_busy(a->context);
    leat_context_call_notices(a->context);
}

static void deliver(struct leat_context *c)
{
    struct attached *a = c->loop;

    leat_assert(a && !a->drives);
    uv_async_send(&a->on.async);
}

static void on_timer(uv_timer_t *timer);

static void drive(struct attached *a)
{
    struct leat_context *c = a->context;
    uv_thread_t self = uv_thread_self();
    uint64_t ns;

    leat_assert(a->drives);
    leat_assert(uv_thread_equal(&self, &a->thread));
    look_if_busy(c);
    leat_context_serve(c);
    if (uv_is_closing(&a->on.handle)) /* a callback has detached it */
        return;
    ns = leat_context_due(c);
    if (ns == UINT64_MAX)
        (void)uv_timer_stop(&a->timer);
    else /* it fails only without a callback */
        (void)uv_timer_start(&a->timer, on_timer, ns / 1000000 + 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    uv_update_time(timer->loop); /* the next one counts from it */
    drive(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an epoll set has no errors */
    (void)events;
    drive(poll->data);
}

/* Only the loop's thread may touch the handle. */
static void busy(struct leat_context *c)
{
    struct attached *a = c->loop;
    uv_thread_t self = uv_thread_self();

    leat_assert(a);
    if (!uv_thread_equal(&self, &a->thread) && a->drives)
        leat_context_ring(c);
    else if (!uv_thread_equal(&self, &a->thread))
        deliver(c);
    else if (c->active > 0)
        uv_ref(&a->on.handle);
    else
        uv_unref(&a->on.handle);
}

/* A program may load another libuv than the one that leat was built with: Node has its own. */
static bool libuv_fits(void)
{
    return uv_version() >> 16 == UV_VERSION_MAJOR && (uv_version() >> 8 & 0xff) >= UV_VERSION_MINOR;
}

static void on_closed(uv_handle_t *handle)
{
    struct attached *a = handle->data;
    struct leat_context *c = a->context;

    leat_assert(a->open > 0);
    if (--a->open > 0)
        return;
    free(a);
    leat_context_unref(c);
}

static void close_handles(struct attached *a)
{
    leat_assert(a->open == (a->drives ? 2 : 1));
    uv_close(&a->on.handle, on_closed);
    if (a->drives)
        uv_close((uv_handle_t *)&a->timer, on_closed);
}

/* Returns 0 or an error of libuv; then no handle is open. */
static int init_handles(struct attached *a, uv_loop_t *loop)
{
    int r = a->drives ? uv_poll_init(loop, &a->on.poll, a->context->poller.epoll_fd)
                      : uv_async_init(loop, &a->on.async, on_async);

    if (r < 0)
        return r;
    a->open = 1;
    a->on.handle.data = a;
    if (a->drives) {
        uv_timer_init(loop, &a->timer); /* these two cannot fail */
        (void)uv_poll_start(&a->on.poll, UV_READABLE, on_poll);
        a->timer.data = a;
        a->open++;
        uv_unref((uv_handle_t *)&a->timer);
    }
    uv_unref(&a->on.handle);
    return 0;
}

/* Under the lock. Returns false: the callbacks come elsewhere, or it is driven by a thread. */
static bool take_place(struct leat_context *c, struct attached *a)
{
    if (c->loop || c->notice_fd >= 0)
        return false;
    if (a->drives && atomic_load(&c->driver) != LEAT_DRIVER_NONE)
        return false;
    leat_assert(!c->busy && !c->deliver);
    leat_assert(a->context == c && a->open > 0);
    c->place++;
    c->loop = a;
    c->busy = busy;
    if (a->drives) {
        c->thread = pthread_self();
        atomic_store(&c->driver, LEAT_DRIVER_LOOP);
    } else {
        c->deliver = deliver;
    }
    busy(c);
    if (c->notices && c->deliver)
        deliver(c);
    return true;
}

static int attach(struct leat_context *c, struct uv_loop_s *loop, bool drives)
{
    struct attached *a;
    bool taken;

    if (!c || !loop)
        return LEAT_EUSAGE;
    if (!libuv_fits())
        return LEAT_EUNSUPPORTED;
    a = malloc(sizeof *a);
    if (!a)
        return LEAT_ENOMEM;
    *a = (struct attached){.context = leat_context_ref(c), .drives = drives};
    a->thread = uv_thread_self();
    if (init_handles(a, loop) < 0) {
        free(a);
        leat_context_unref(c);
        return LEAT_EIO;
    }
    pthread_mutex_lock(&c->lock);
    taken = take_place(c, a);
    pthread_mutex_unlock(&c->lock);
    if (!taken)
        close_handles(a);
    return taken ? 0 : LEAT_EUSAGE;
}

int leat_context_attach(struct leat_context *c, struct uv_loop_s *loop)
{
    return attach(c, loop, false);
}

int leat_context_drive(struct leat_context *c, struct uv_loop_s *loop)
{
    return attach(c, loop, true);
}

void leat_context_detach(struct leat_context *c)
{
    struct attached *a;
    bool goes_on;

    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    a = c->loop;
    leat_assert(!a || a->context == c);
    c->place++;
    c->loop = NULL;
    c->deliver = NULL;
    c->busy = NULL;
    goes_on = c->active > 0;
    if (a && a->drives)
        atomic_store(&c->driver, LEAT_DRIVER_NONE);
    if (a && c->notices)
        leat_context_ring(c); /* its own thread calls them */
    pthread_mutex_unlock(&c->lock);
    if (!a)
        return;
    if (a->drives && goes_on)
        (void)leat_context_start(c); /* without a thread its pipelines stand still */
    close_handles(a);
}
