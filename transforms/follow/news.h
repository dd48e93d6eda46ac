/* news.h - files that got a followed name, and perhaps another one before they could be opened. */
#ifndef LEAT_FOLLOW_NEWS_H
#define LEAT_FOLLOW_NEWS_H

#include <limits.h>

#include "name.h"

#define FOLLOW_NEWS_MAX 64u

struct leat_follow_new {
    struct leat_follow_name *name; /* NULL: it was deleted, or is in another directory */
    uint32_t cookie;               /* of a rename that is not complete; 0: none */
    char file[NAME_MAX + 1];       /* its name in the directory now */
};

struct leat_follow_news {
    unsigned n;
    unsigned changes; /* events of names; wraps */
    uint64_t lost;    /* files that cannot be found any more; never cleared */
    struct leat_follow_new v[FOLLOW_NEWS_MAX];
};

/* leat_follow_news_event - an event of the directory of `name`; in the order in which they came. */
void leat_follow_news_event(struct leat_follow_news *news, struct leat_follow_name *name,
                            const struct inotify_event *event);
/* leat_follow_news_open - open all that still exist, in their order, and forget them.
 *
 *   events, each, arg  further events are taken meanwhile, as by leat_follow_notify_take; `events` gets them, too
 *
 * Returns 0, or fails the stage. */
int leat_follow_news_open(struct leat_stage *stage, struct leat_follow_news *news,
                          struct leat_follow_notify *notify, struct leat_follow_events *events,
                          void (*each)(void *arg, const struct inotify_event *event), void *arg);

#endif
