/* attach.c - the callbacks of a context come on a loop. */

#include <stdlib.h>
#include <uv.h>

#include "base/invariant.h"
#include "sched/context.h"

struct attached {
    uv_async_t async; /* first member */
    struct leat_context *context;
    uv_thread_t thread;
};

static void on_async(uv_async_t *async)
{
    struct leat_context *c = ((struct attached *)async)->context;

    pthread_mutex_lock(&c->lock);
    if (c->busy)
        c->busy(c); /* a run was started on another thread */
    pthread_mutex_unlock(&c->lock);
    leat_context_call_notices(c);
}

static void deliver(struct leat_context *c)
{
    uv_async_send(&((struct attached *)c->loop)->async);
}

/* Only the loop's thread may touch the handle. */
static void busy(struct leat_context *c)
{
    struct attached *a = c->loop;
    uv_thread_t self = uv_thread_self();

    if (!uv_thread_equal(&self, &a->thread))
        uv_async_send(&a->async);
    else if (c->active > 0)
        uv_ref((uv_handle_t *)&a->async);
    else
        uv_unref((uv_handle_t *)&a->async);
}

/* A program may load another libuv than the one that leat was built with: Node has its own. */
static bool libuv_fits(void)
{
    return uv_version() >> 16 == UV_VERSION_MAJOR && (uv_version() >> 8 & 0xff) >= UV_VERSION_MINOR;
}

int leat_context_attach(struct leat_context *c, struct uv_loop_s *loop)
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
    if (uv_async_init(loop, &a->async, on_async) < 0) {
        free(a);
        return LEAT_EIO;
    }
    uv_unref((uv_handle_t *)&a->async);
    a->context = leat_context_ref(c);
    a->thread = uv_thread_self();
    pthread_mutex_lock(&c->lock);
    taken = c->loop || c->notice_fd >= 0;
    if (!taken) {
        c->place++;
        c->loop = a;
        c->deliver = deliver;
        c->busy = busy;
        busy(c);
        if (c->notices)
            deliver(c);
    }
    pthread_mutex_unlock(&c->lock);
    if (!taken)
        return 0;
    leat_context_unref(c);
    uv_close((uv_handle_t *)&a->async, (uv_close_cb)free);
    return LEAT_EUSAGE;
}

static void on_closed(uv_handle_t *handle)
{
    struct attached *a = (struct attached *)handle;
    struct leat_context *c = a->context;

    free(a);
    leat_context_unref(c);
}

void leat_context_detach(struct leat_context *c)
{
    struct attached *a;

    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    a = c->loop;
    c->place++;
    c->loop = NULL;
    c->deliver = NULL;
    c->busy = NULL;
    if (a && c->notices)
        leat_context_ring(c); /* its own thread calls them */
    pthread_mutex_unlock(&c->lock);
    if (a)
        uv_close((uv_handle_t *)&a->async, on_closed);
}
