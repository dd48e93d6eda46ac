/* news.h - files that got a followed name, and perhaps another one before they could be opened. */
#ifndef LEAT_FOLLOW_NEWS_H
#define LEAT_FOLLOW_NEWS_H

#include <limits.h>

#include "name.h"

#define FOLLOW_NEWS_MAX                                                                            \
    16384u /* more than the queue of inotify can tell of; further ones are lost */

/* A file that had the followed name, and is not read yet. */
struct leat_follow_new {
    uint32_t cookie; /* of a rename that is not complete; 0: none */
    int fd;          /* -1: not open */
    int error;       /* errno of the last open; 0: none */
    bool gone;       /* it cannot be found any more */
    bool first;      /* no event has told of it */
    bool asked;      /* it was opened, or `error` is set */
    bool touched;    /* another file may have had the name then */
    bool away;       /* its rename was not complete before the last events */
    bool sure;       /* fd is this file */
    bool
        listed; /* dev and ino are known, and `file` is what it was called then: events do not matter */
    uint64_t dev, ino;       /* of fd, or of the listed file */
    char file[NAME_MAX + 1]; /* its name in the directory, by the events that were taken */
};

/* Those of one name, from `at` to `end`. */
struct leat_follow_news {
    struct leat_follow_name *name;
    struct leat_follow_new *v;
    unsigned at, end, room;
    uint64_t lost;      /* files that cannot be found any more; never cleared */
    uint64_t overflows; /* times when files may have been missed for that; never cleared */
    bool overflowed;    /* the kernel has dropped events: list the directory */
    bool begins;        /* the first file of the name is not known, or nothing of it was read */
    bool failed;        /* out of memory, recorded as the stage's failure */
};

/* Where events come from, and who is told of each: it calls leat_follow_news_event for each name of the directory. */
struct leat_follow_told {
    struct leat_follow_notify *notify;
    struct leat_follow_events *events;
    void (*each)(void *arg, const struct inotify_event *event);
    void *arg;
};

/* leat_follow_news_first - begin with the file that has the name; takes fd. Returns 0, or fails the stage. */
int leat_follow_news_first(struct leat_stage *stage, struct leat_follow_news *news, int fd,
                           const struct stat *info);
/* leat_follow_news_queue - this file of the directory is next. Returns 0, or fails the stage. */
struct leat_follow_sibling;
int leat_follow_news_queue(struct leat_stage *stage, struct leat_follow_news *news,
                           const struct leat_follow_sibling *file);
void leat_follow_news_close(struct leat_stage *stage, struct leat_follow_news *news);
/* leat_follow_news_event - an event of the directory; in the order in which they came. */
void leat_follow_news_event(struct leat_stage *stage, struct leat_follow_news *news,
                            const struct inotify_event *event);
/* leat_follow_news_take - take all events until now. */
void leat_follow_news_take(const struct leat_follow_told *told);
/* leat_follow_news_open - open the files, find out by further events whether they are the right ones, and add those that
 * are to the name, in order. The others stay, for the next call. Returns 0, or fails the stage. */
int leat_follow_news_open(struct leat_stage *stage, struct leat_follow_news *news,
                          const struct leat_follow_told *told);
bool leat_follow_news_end(const struct leat_follow_news *news);
/* leat_follow_news_waits - is there a file to be opened again soon? */
bool leat_follow_news_waits(const struct leat_follow_news *news);

#endif
