/* notify.h - inotify: what tells that files and directories have changed. Without it all is looked at each second. */
#ifndef LEAT_FOLLOW_NOTIFY_H
#define LEAT_FOLLOW_NOTIFY_H

#include <stdbool.h>
#include <sys/inotify.h>

#define FOLLOW_EVENTS_MAX 64u

struct leat_follow_notify {
    int fd; /* below 0: there is none */
};

/* The watches for which an event came. */
struct leat_follow_events {
    unsigned n;
    int watches[FOLLOW_EVENTS_MAX]; /* each once */
    bool all;                       /* more than these: look at everything */
};

void leat_follow_notify_open(struct leat_follow_notify *notify);
void leat_follow_notify_close(struct leat_follow_notify *notify);
/* leat_follow_notify_file, _dir - watch an open file for what is written, or a directory for what becomes of names. Return
 * the watch; below 0: there is none. For a directory that is watched already they return the same one. */
int leat_follow_notify_file(struct leat_follow_notify *notify, int fd);
int leat_follow_notify_dir(struct leat_follow_notify *notify, const char *path);
void leat_follow_notify_drop(struct leat_follow_notify *notify, int watch);
/* leat_follow_notify_take - add some events. Returns false if there were none; a later one makes the descriptor readable.
 *
 *   each  called for each event, in their order; `event` is valid until it returns */
bool leat_follow_notify_take(struct leat_follow_notify *notify, struct leat_follow_events *events,
                             void (*each)(void *arg, const struct inotify_event *event), void *arg);
bool leat_follow_events_have(const struct leat_follow_events *events, int watch);

#endif
