/* news.c - files that got a followed name, and perhaps another one before they could be opened.
 *
 * The events of inotify are a log of the directory: by it each file has one name after another. A file is opened by
 * the name that it has in the log, and the log goes on meanwhile. If none of the events that come until after the
 * open concerns that name, it was the right file; else it is opened again. A change is visible before its event is
 * queued, so the directory is read once between the open and the events: that waits for changes under way. A file
 * that is replaced or deleted before it is open can only be counted.
 */

#include "news.h"

#include "catch_up.h"
#include "siblings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ROOM_FIRST 16u
#define PASSES 4u /* each follows the names of the files that were rotated during the one before */

static void close_fd(struct leat_follow_new *v)
{
    if (v->fd >= 0)
        (void)close(v->fd); /* it was only asked */
    v->fd = -1;
    v->touched = v->asked = false;
}

/* Returns the new last one; NULL: recorded as the stage's failure. */
static struct leat_follow_new *append(struct leat_stage *s, struct leat_follow_news *news)
{
    unsigned n = news->end - news->at;

    if (news->end == news->room) {
        unsigned room = 2 * n > ROOM_FIRST ? 2 * n : ROOM_FIRST;
        struct leat_follow_new *more = leat_alloc_raw(s, room * sizeof *more);

        if (!more)
            return NULL;
        if (n > 0)
            memcpy(more, news->v + news->at, n * sizeof *more);
        leat_free(s, news->v);
        news->v = more;
        news->room = room;
        news->at = 0;
        news->end = n;
    }
    news->v[news->end] = (struct leat_follow_new){.fd = -1};
    return &news->v[news->end++];
}

static void name_it(struct leat_follow_new *v, const char *file)
{
    memset(v->file, 0, sizeof v->file);
    memcpy(v->file, file, strnlen(file, NAME_MAX));
}

int leat_follow_news_first(struct leat_stage *s, struct leat_follow_news *news, int fd,
                           const struct stat *info)
{
    struct leat_follow_new *v = append(s, news);

    if (!v) {
        (void)close(fd); /* it was only asked */
        return LEAT_ENOMEM;
    }
    v->fd = fd;
    v->dev = info->st_dev;
    v->ino = info->st_ino;
    v->first = v->asked = news->begins = true;
    v->sure = news->name->dir_watch < 0;
    name_it(v, news->name->base);
    return 0;
}

int leat_follow_news_queue(struct leat_stage *s, struct leat_follow_news *news,
                           const struct leat_follow_sibling *file)
{
    struct leat_follow_new *v = append(s, news);

    if (!v)
        return LEAT_ENOMEM;
    v->listed = true;
    v->dev = file->dev;
    v->ino = file->ino;
    name_it(v, file->file);
    return 0;
}
void leat_follow_news_close(struct leat_stage *s, struct leat_follow_news *news)
{
    for (unsigned i = news->at; i < news->end; i++)
        close_fd(&news->v[i]);
    news->at = news->end = news->room = 0;
    leat_free(s, news->v);
    news->v = NULL;
}

/* --- the log ----------------------------------------------------------------------------------- */

/* The first one is the file that had the name when the directory was watched, or a newer one. */
static void forget(struct leat_follow_news *news, struct leat_follow_new *v)
{
    news->lost += !v->first;
    v->gone = true;
}

/* Returns whether it is the second half of a rename of this one. */
static bool changes_one(struct leat_follow_news *news, struct leat_follow_new *v,
                        const struct inotify_event *event)
{
    if (v->gone || v->sure || v->listed)
        return false;
    if (v->cookie != 0) {
        if (!(event->mask & IN_MOVED_TO) || v->cookie != event->cookie)
            return false;
        v->cookie = 0;
        name_it(v, event->name);
        return true;
    }
    if (strcmp(v->file, event->name) != 0)
        return false;
    if (event->mask & IN_MOVED_FROM)
        v->cookie = event->cookie;
    else if (event->mask & (IN_DELETE | IN_CREATE | IN_MOVED_TO))
        forget(news, v); /* another file has the name now, or none */
    v->touched = true;
    return false;
}

/* The kernel has dropped events: a name that was told may belong to any file now. */
static void lose_track(struct leat_follow_news *news)
{
    for (unsigned i = news->at; i < news->end; i++)
        if (!news->v[i].sure && !news->v[i].listed)
            news->v[i].gone = true; /* the list of the directory has it, if it is there */
    news->overflowed = true;
}

void leat_follow_news_event(struct leat_stage *s, struct leat_follow_news *news,
                            const struct inotify_event *event)
{
    bool known = false;
    struct leat_follow_new *v;

    if (event->mask & IN_Q_OVERFLOW)
        lose_track(news);
    if (event->len == 0)
        return;
    for (unsigned i = news->at; i < news->end; i++)
        known = changes_one(news, &news->v[i], event) || known;
    if (known || !(event->mask & (IN_CREATE | IN_MOVED_TO)) ||
        strcmp(event->name, news->name->base) != 0)
        return;
    if (news->end - news->at == FOLLOW_NEWS_MAX) {
        news->lost++;
        return;
    }
    v = append(s, news);
    if (v)
        name_it(v, news->name->base);
    else
        news->failed = true;
}

void leat_follow_news_take(const struct leat_follow_told *told)
{
    while (leat_follow_notify_take(told->notify, told->events, told->each, told->arg))
        continue;
}

/* --- the files --------------------------------------------------------------------------------- */

static bool is_it(const struct leat_follow_new *v, const struct stat *info)
{
    return v->dev == info->st_dev && v->ino == info->st_ino;
}

/* Open a file by its inode: it may have another name by now. */
static void open_listed(struct leat_follow_news *news, struct leat_follow_new *v)
{
    struct stat info;
    int fd = leat_follow_name_find(news->name, v->file, &info);

    if (fd < 0 || !is_it(v, &info)) {
        if (fd >= 0)
            (void)close(fd); /* it was only asked */
        fd = leat_follow_sibling_find(news->name, v->ino, &info);
    }
    v->sure = fd >= 0 && is_it(v, &info);
    v->fd = fd;
    if (!v->sure)
        forget(news, v);
}

/* Returns whether events must tell what it is. */
static bool try_open(struct leat_follow_news *news, struct leat_follow_new *v)
{
    const struct leat_follow_name *name = news->name;
    struct stat info;

    if (v->listed && !v->sure && !v->gone)
        open_listed(news, v);
    v->away = v->cookie != 0;
    if (v->gone || v->sure || v->away)
        return v->away;
    if (v->fd >= 0 && !v->touched)
        return true;
    close_fd(v);
    v->fd = leat_follow_name_find(name, v->file, &info);
    v->error = v->fd < 0 ? -v->fd : 0;
    if (v->fd >= 0) {
        v->dev = info.st_dev;
        v->ino = info.st_ino;
    }
    v->asked = true;
    return true;
}

/* Is there an entry for the same file, from a list? */
static bool is_listed(const struct leat_follow_news *news, const struct leat_follow_new *v)
{
    for (unsigned i = news->at; i < news->end; i++)
        if (news->v[i].listed && !news->v[i].gone && news->v[i].dev == v->dev &&
            news->v[i].ino == v->ino)
            return true;
    return false;
}

/* All changes that came before the open are known now. */
static void judge(struct leat_follow_news *news, struct leat_follow_new *v)
{
    if (v->gone || v->sure)
        return;
    if (v->away && v->cookie != 0)
        forget(news, v); /* it is in another directory */
    else if (!v->asked || v->touched)
        return;
    else if (v->error == 0 && is_listed(news, v))
        v->gone = true; /* it is there twice */
    else if (v->error == 0)
        v->sure = true;
    else if (v->error != ENOENT && strcmp(v->file, news->name->base) == 0)
        v->gone = true; /* leat_follow_name_look finds it, and why it is refused */
    else
        forget(news, v); /* it is not readable, or no event has told that it was deleted */
}

/* Those that may be open now. */
static unsigned window_end(const struct leat_follow_news *news)
{
    unsigned n = news->end - news->at, most = FOLLOW_FILES_MAX - news->name->n;

    return news->at + (n < most ? n : most);
}

/* One pass over those that are not sure. Returns whether another one may be of use. */
static bool open_all(struct leat_follow_news *news, const struct leat_follow_told *told)
{
    unsigned n = window_end(news) - news->at; /* events may move the array */
    bool asks = false;

    for (unsigned i = 0; i < n; i++)
        asks = try_open(news, &news->v[news->at + i]) || asks;
    if (!asks)
        return false;
    leat_follow_name_settle_dir(news->name);
    leat_follow_news_take(told);
    for (unsigned i = 0; i < n; i++)
        judge(news, &news->v[news->at + i]);
    return true;
}

/* In order, up to the first one that is not known yet. Returns 0, or fails the stage. */
static int hand_over(struct leat_stage *s, struct leat_follow_news *news,
                     struct leat_follow_notify *notify)
{
    int r = 0;

    for (; news->at < news->end && r == 0; news->at++) {
        struct leat_follow_new *v = &news->v[news->at];
        const struct stat info = {.st_dev = v->dev, .st_ino = v->ino};
        int fd = v->fd;

        if (v->gone) {
            close_fd(v);
            continue;
        }
        if (!v->sure || news->name->n == FOLLOW_FILES_MAX)
            break;
        v->fd = -1;
        r = leat_follow_name_add(s, news->name, fd, &info, notify);
    }
    if (news->at == news->end)
        news->at = news->end = 0;
    return r;
}

int leat_follow_news_open(struct leat_stage *s, struct leat_follow_news *news,
                          const struct leat_follow_told *told)
{
    int r = 0;
    if (news->overflowed)
        r = leat_follow_catch_up(s, news);
    if (news->at == news->end)
        return r;
    for (unsigned i = 0; i < PASSES && r == 0; i++) {
        bool more = open_all(news, told);

        r = news->failed ? LEAT_ENOMEM : hand_over(s, news, told->notify);
        if (!more)
            break;
    }
    return r;
}

bool leat_follow_news_end(const struct leat_follow_news *news)
{
    return news->at == news->end;
}

bool leat_follow_news_waits(const struct leat_follow_news *news)
{
    for (unsigned i = news->at; i < window_end(news); i++)
        if (!news->v[i].sure)
            return true;
    return false;
}
