/* news.c - files that got a followed name, and perhaps another one before they could be opened.
 *
 * Two rotations may come before the stage is stepped again. The file between them is then found by the renames that
 * inotify has told of. A name may belong to another file again when it is opened, so events are taken once more
 * after that, and all is opened anew if there are any.
 */

#include "news.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TRIES_MAX 100u

static void add(struct leat_follow_news *news, struct leat_follow_name *name, const char *file)
{
    struct leat_follow_new *v = &news->v[news->n];

    if (news->n == FOLLOW_NEWS_MAX) {
        news->lost++;
        return;
    }
    news->n++;
    *v = (struct leat_follow_new){.name = name};
    memcpy(v->file, file, strnlen(file, NAME_MAX));
}

/* The file that had this name has none any more. */
static void forget(struct leat_follow_news *news, const struct leat_follow_name *name,
                   const char *file)
{
    for (unsigned i = 0; i < news->n; i++)
        if (news->v[i].name == name && news->v[i].cookie == 0 &&
            strcmp(news->v[i].file, file) == 0) {
            news->v[i].name = NULL;
            news->lost++;
        }
}

/* Returns whether it is the second half of a rename of one of them. */
static bool arrives(struct leat_follow_news *news, const struct leat_follow_name *name,
                    const struct inotify_event *event)
{
    for (unsigned i = 0; i < news->n; i++) {
        struct leat_follow_new *v = &news->v[i];

        if (v->name != name || v->cookie == 0 || v->cookie != event->cookie)
            continue;
        v->cookie = 0;
        memset(v->file, 0, sizeof v->file);
        memcpy(v->file, event->name, strnlen(event->name, NAME_MAX));
        return true;
    }
    return false;
}

void leat_follow_news_event(struct leat_follow_news *news, struct leat_follow_name *name,
                            const struct inotify_event *event)
{
    if (event->len == 0)
        return;
    news->changes++;
    if (event->mask & (IN_DELETE | IN_CREATE | IN_MOVED_TO))
        forget(news, name, event->name); /* a rename replaces what is there */
    if (event->mask & IN_MOVED_FROM)
        for (unsigned i = 0; i < news->n; i++)
            if (news->v[i].name == name && strcmp(news->v[i].file, event->name) == 0)
                news->v[i].cookie = event->cookie;
    if ((event->mask & IN_MOVED_TO) && arrives(news, name, event))
        return;
    if ((event->mask & (IN_CREATE | IN_MOVED_TO)) && strcmp(event->name, name->base) == 0)
        add(news, name, event->name);
}

/* Returns the number of events that concern files that are being opened. */
static unsigned take_more(struct leat_follow_news *news, struct leat_follow_notify *notify,
                          struct leat_follow_events *events,
                          void (*each)(void *arg, const struct inotify_event *event), void *arg)
{
    unsigned before = news->changes;

    leat_follow_notify_take(notify, events, each, arg);
    return news->changes - before;
}

int leat_follow_news_open(struct leat_stage *s, struct leat_follow_news *news,
                          struct leat_follow_notify *notify, struct leat_follow_events *events,
                          void (*each)(void *arg, const struct inotify_event *event), void *arg)
{
    struct stat info[FOLLOW_NEWS_MAX];
    int fds[FOLLOW_NEWS_MAX], r = 0;

    for (unsigned tries = 0; news->n > 0 && tries < TRIES_MAX; tries++) {
        unsigned n = news->n;

        for (unsigned i = 0; i < n; i++)
            fds[i] = news->v[i].name && news->v[i].cookie == 0
                         ? leat_follow_name_find(news->v[i].name, news->v[i].file, &info[i])
                         : -ENOENT;
        if (tries + 1 == TRIES_MAX || take_more(news, notify, events, each, arg) == 0) {
            for (unsigned i = 0; i < n; i++) {
                news->lost += fds[i] == -ENOENT && news->v[i].name;
                if (fds[i] >= 0 && r == 0)
                    r = leat_follow_name_add(s, news->v[i].name, fds[i], &info[i], notify);
                else if (fds[i] >= 0)
                    (void)close(fds[i]); /* it was only asked */
            }
            break;
        }
        for (unsigned i = 0; i < n; i++)
            if (fds[i] >= 0)
                (void)close(fds[i]); /* it may be another file */
    }
    news->n = 0;
    return r;
}
