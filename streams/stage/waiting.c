/* waiting.c - events that a stage asks for: those that end its wait, alarms, watches.
 *
 * The calls only record the request; the engine arms it after the callback has returned.
 */

#include <sys/epoll.h>

#include "run/pipeline.h"
#include "sched/waker.h"

void leat_wait_fd(struct leat_stage *s, int fd, bool writable)
{
    leat_wants_fd(&s->wants, fd, writable ? EPOLLOUT : EPOLLIN);
}

void leat_wait_ms(struct leat_stage *s, uint64_t ms)
{
    s->wants.ms = ms > 0 ? ms : 1;
}

struct leat_waker *leat_waker_new(struct leat_stage *s)
{
    leat_assert(s->open_called && !s->closed);
    if (!s->waker)
        s->waker = leat_waker_attach(&s->pipeline->waits, &s->wait);
    if (!s->waker) {
        leat_fail(s, LEAT_ENOMEM, "out of memory");
        return NULL;
    }
    return leat_waker_ref(s->waker);
}

void leat_wait_wake(struct leat_stage *s)
{
    s->wants.wake = s->waker != NULL;
}

void leat_alarm_ms(struct leat_stage *s, uint64_t ms)
{
    s->alarm_ms = ms > 0 ? ms : 1;
}

void leat_watch_fd(struct leat_stage *s, int fd)
{
    s->watch_fd = fd;
    s->watch_gone = false;
}

void leat_watch_gone(struct leat_stage *s, int fd)
{
    s->watch_fd = fd;
    s->watch_gone = true;
}

void leat_watch_ms(struct leat_stage *s, uint64_t ms)
{
    s->watch_ms = ms > 0 ? ms : 1;
}
