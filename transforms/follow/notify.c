/* notify.c - inotify: what tells that files and directories have changed. */

#include "notify.h"

#include <limits.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS_SIZE 16384u

void leat_follow_notify_open(struct leat_follow_notify *notify)
{
    notify->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void leat_follow_notify_close(struct leat_follow_notify *notify)
{
    if (notify->fd >= 0)
        (void)close(notify->fd); /* nothing was written */
    notify->fd = -1;
}

/* /proc/self/fd/N, as the name may belong to another file by now. */
static void fd_path(int fd, char *to)
{
    static const char proc[] = "/proc/self/fd/";
    char digits[3 * sizeof fd];
    size_t n = 0, at = sizeof proc - 1;

    for (size_t i = 0; i < at; i++)
        to[i] = proc[i];
    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (n > 0)
        to[at++] = digits[--n];
    to[at] = '\0';
}

/* A watch that is there already must not be replaced: the kernel clears its mask for a moment, and the events of that
 * moment are lost. */
#define ADD IN_MASK_ADD

int leat_follow_notify_file(struct leat_follow_notify *notify, int fd)
{
    char path[64];

    if (notify->fd < 0)
        return -1;
    fd_path(fd, path);
    return inotify_add_watch(notify->fd, path, ADD | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB);
}

int leat_follow_notify_dir(struct leat_follow_notify *notify, const char *path)
{
    if (notify->fd < 0)
        return -1;
    return inotify_add_watch(notify->fd, path,
                             ADD | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

void leat_follow_notify_drop(struct leat_follow_notify *notify, int watch)
{
    if (notify->fd >= 0 && watch >= 0)
        (void)inotify_rm_watch(notify->fd, watch); /* the file may have ended it */
}

bool leat_follow_events_have(const struct leat_follow_events *events, int watch)
{
    for (unsigned i = 0; i < events->n; i++)
        if (events->watches[i] == watch)
            return true;
    return events->all;
}

static void add(struct leat_follow_events *events, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        events->all = true;
    if (leat_follow_events_have(events, event->wd))
        return;
    if (events->n == FOLLOW_EVENTS_MAX)
        events->all = true;
    else
        events->watches[events->n++] = event->wd;
}

bool leat_follow_notify_take(struct leat_follow_notify *notify, struct leat_follow_events *events,
                             void (*each)(void *arg, const struct inotify_event *event), void *arg)
{
    alignas(struct inotify_event) char buf[EVENTS_SIZE];
    ssize_t n = notify->fd < 0 ? 0 : read(notify->fd, buf, sizeof buf); /* at its end EAGAIN */

    events->all = events->all || notify->fd < 0;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(buf + at);

        add(events, event);
        each(arg, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
    return n > 0;
}
