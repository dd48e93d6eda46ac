/* news.c - files that got a followed name, and perhaps another one before they could be opened.
 *
 * Two rotations may come before the stage is stepped again. The file between them is then found by the renames that
 * inotify has told of.
 */

#include "news.h"

#include <string.h>
#include <sys/inotify.h>

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

int leat_follow_news_open(struct leat_stage *s, struct leat_follow_news *news,
                          struct leat_follow_notify *notify)
{
    int r = 0;

    for (unsigned i = 0; i < news->n && r >= 0; i++) {
        struct leat_follow_new *v = &news->v[i];

        if (!v->name)
            continue;
        r = v->cookie == 0 ? leat_follow_name_add(s, v->name, v->file, notify) : 0;
        news->lost += r == 0;
    }
    news->n = 0;
    return r < 0 ? r : 0;
}
