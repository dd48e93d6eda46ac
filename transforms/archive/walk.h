/* walk.h - a walk through directories: entries in a fixed order, one stat each, files read ahead.
 *
 * Everything is opened relative to its parent's descriptor and without following symbolic links, if that is
 * not asked for, so the walk stays in the tree whatever others rename meanwhile. The walk looks a few entries ahead:
 * regular files among them are open already, and the kernel was told to read them.
 *
 * Bounds: LEAT_WALK_OPEN_MAX directories are open at a time, and LEAT_WALK_AHEAD files; deeper trees
 * are walked, too. A path has at most LEAT_WALK_PATH_MAX bytes. The names of the directories from the
 * root to the current one are in memory, about 50 bytes and the name for each, and charged to the
 * stage.
 */
#ifndef LEAT_ARCHIVE_WALK_H
#define LEAT_ARCHIVE_WALK_H

#include <sys/stat.h>

#include "match.h"

#define LEAT_WALK_AHEAD 8u
#define LEAT_WALK_OPEN_MAX 32u
#define LEAT_WALK_PATH_MAX 65536u

enum leat_walk_sort {
    LEAT_WALK_BY_NAME, /* by the bytes of the names in a directory */
    LEAT_WALK_UNSORTED,
    LEAT_WALK_BY_INODE,
};

struct leat_walk_entry {
    const char
        *path; /* as the root was named, without doubled slashes and without one at the end */
    const char *name; /* the path without a leading `/` and all up to the last `..`; never empty */
    struct stat st;
    int fd;             /* a regular file, open for reading; else -1; the walk closes it */
    const char *target; /* of a symbolic link, else NULL */
    void *extra;        /* what options.collect returned */
    int error;          /* errno: it cannot be read, and there is no stat */
    bool is_root;       /* it was named, not found */
    bool is_dangling;   /* with dereference: a link that leads to nothing; error is ENOENT */
    bool is_loop;   /* with dereference: it leads to a directory that contains it; error is ELOOP */
    bool is_output; /* the pipeline itself writes it: it is not open */
};

struct leat_walk_options {
    int base; /* descriptor of the directory to which roots are relative, or AT_FDCWD */
    bool one_file_system, no_recursion;
    bool dereference;           /* symbolic links stand for what they lead to */
    int sort;                   /* enum leat_walk_sort */
    struct leat_match *exclude; /* these, and all below them, are left out */
    /* The next root, n bytes; NULL: there is none. It stays valid until the next call. */
    const char *(*next_root)(void *arg, size_t *ret_n);
    /* May be NULL. Collect more of an open file or directory. Returns memory of leat_alloc, which the
     * walk frees, or NULL. *ret_r: 0, an errno, or a failure of the stage (negative). */
    void *(*collect)(void *arg, int fd, mode_t mode, int *ret_r);
    bool (*is_cancelled)(void *arg); /* should the walk end now, with LEAT_ECANCELLED? */
    void *arg;
};

struct leat_walk;
/* leat_walk_new - NULL: recorded as the stage's failure. */
struct leat_walk *leat_walk_new(struct leat_stage *stage, const struct leat_walk_options *options);
/* leat_walk_next - the next entry, valid until the next call. Returns 1; 0: there are no more;
 * LEAT_ECANCELLED; or fails the stage. */
int leat_walk_next(struct leat_walk *walk, struct leat_walk_entry **ret_entry);
void leat_walk_free(struct leat_walk *walk);

#endif
