/* loop.c - the event loop of the command.
 *
 * libuv calls abort(3) if it cannot create its own pipe or add a descriptor to its epoll set. This
 * can happen while the loop is created and in its first iteration. Until then a handler of SIGABRT
 * reports the error like any other. No output has been opened at that point.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../cmd.h"

static struct {
    const struct config *config; /* NULL: off */
    pthread_t thread;
    struct sigaction old;
} guard;

/* abort(3) raises the signal in the calling thread, so the handler may call any function. An abort
 * in another thread is not from libuv: return to abort(3), which ends the process. */
static void on_abort(int number)
{
    int error = errno;

    if (!pthread_equal(pthread_self(), guard.thread)) {
        (void)signal(number, SIG_DFL);
        return;
    }
    _exit(message_fail(guard.config, LEAT_EIO, "cannot make an event loop: %s", strerror(error)));
}

static void end_guard(void)
{
    if (guard.config)
        (void)sigaction(SIGABRT, &guard.old, NULL);
    guard.config = NULL;
}

int loop_init(const struct config *c, uv_loop_t *loop)
{
    struct sigaction action = {.sa_handler = on_abort};
    int r;

    guard.config = c;
    guard.thread = pthread_self();
    (void)sigaction(SIGABRT, &action, &guard.old); /* fails only for an invalid signal number */
    r = uv_loop_init(loop);
    if (r == 0)
        return 0;
    end_guard();
    return message_fail(c, LEAT_EIO, "cannot make an event loop: %s", uv_strerror(r));
}

void loop_begin(uv_loop_t *loop)
{
    (void)uv_run(loop, UV_RUN_NOWAIT);
    end_guard();
}

void loop_run(uv_loop_t *loop)
{
    loop_begin(loop);
    (void)uv_run(loop, UV_RUN_DEFAULT);
}

void loop_done(uv_loop_t *loop)
{
    end_guard();
    (void)uv_loop_close(loop);
}
