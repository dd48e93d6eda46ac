/* draft.h - a file that has no name yet, or a temporary one, until all outputs of a run are whole.
 *
 * Where the file system can, a draft has no name at all (O_TMPFILE), and a run that is killed leaves
 * nothing. A draft that takes the place of a file gets a temporary name for the moment of the
 * exchange, and then that name has the old file until the run has succeeded: it can be put back.
 * Every step has a way for file systems that lack the usual one:
 *
 *     make         O_TMPFILE; else a temporary name, created anew
 *     new name     linkat; renameat2 NOREPLACE; linkat and unlinkat; look, then renameat
 *     replace      renameat2 EXCHANGE; a second link to the old file, then renameat; the old file
 *                  renamed aside, then renameat
 *     put back     renameat of the old file over the new one
 *
 * A kill at any point leaves the whole new file, or the whole old one, under the name (where neither
 * an exchange nor links are known: or no file, and the old one beside it), and at most temporaries,
 * which the next run that writes the same name removes: see stale.h.
 *
 * A network file system may say of a step that was done that it has failed, as the answer was lost.
 * After each failure the file that has the name now decides, and an old file is only removed if the
 * name has it still.
 */
#ifndef LEAT_DRAFT_H
#define LEAT_DRAFT_H

#include "directories.h"

enum leat_draft_state {
    LEAT_DRAFT_NONE,    /* not made, or dropped */
    LEAT_DRAFT_UNNAMED, /* of O_TMPFILE */
    LEAT_DRAFT_NAMED,   /* under the temporary name */
    LEAT_DRAFT_PLACED,  /* under its own name */
};

/* Results of place and take_back beside 0 and -errno. */
enum {
    LEAT_DRAFT_OTHER = 1, /* what has the name is no regular file: it stays */
    LEAT_DRAFT_LOST,      /* the temporary or the output is not the one that we made */
    LEAT_DRAFT_NO_WAY,    /* the file system has no way to keep the old file */
};

struct leat_inode {
    dev_t dev;
    ino_t ino;
};

/* All zero: none. The names are in the directory. */
struct leat_draft {
    struct leat_directories *directories;
    struct leat_directory *directory;
    enum leat_draft_state state;
    int fd; /* while it is open; the caller's */
    struct leat_inode inode, old;
    char *name, *temp; /* temp: the draft's, before it is placed; the old file's, after */
    char *left;        /* the old file's other name after a place that failed; NULL: none */
    bool has_old;      /* temp has what was replaced */
    bool twin;         /* after place: temp is a second name of the draft */
    bool lost_old;     /* it was replaced, and could not be kept */
    bool guarded;      /* the directory is: temporaries have an owner even without a lock */
    struct leat_draft *prev, *next; /* of all that have a temporary name */
};

/* leat_draft_init - of an output of this path, whose symbolic links are resolved. Stale temporaries of
 * it are removed. Returns 0 or -errno. */
int leat_draft_init(struct leat_draft *draft, struct leat_directories *directories,
                    const char *path);
void leat_draft_done(struct leat_draft *draft);
/* leat_draft_make - returns a descriptor to write with, which the caller closes, or -errno. */
int leat_draft_make(struct leat_draft *draft, mode_t mode);
/* leat_draft_let_go - the caller closes the descriptor after this. Returns 0 or -errno. */
int leat_draft_let_go(struct leat_draft *draft);
/* leat_draft_place - under its name. `replace`: a regular file that is there is replaced; `last`: no
 * step that can fail follows, so that an old file need not be kept at any price.
 * Returns 0, -errno (EEXIST: there is a file), or LEAT_DRAFT_*; after a failure the old file may also be
 * kept as `left`, or as `temp` if has_old says so. */
int leat_draft_place(struct leat_draft *draft, bool replace, bool last);
/* leat_draft_take_back - after place: what was there before, is again. Returns 0, -errno, or
 * LEAT_DRAFT_*; then the old file is kept as `temp` if has_old says so. */
int leat_draft_take_back(struct leat_draft *draft);
/* leat_draft_settle - after place: it will not be taken back. Returns 0, or -errno: the old file is
 * still there as `temp`. */
int leat_draft_settle(struct leat_draft *draft);
/* leat_draft_keep - under another name, with `replace` in place of a regular file that has it; before
 * place, or after: then it is a second link. Returns 0, -errno, or LEAT_DRAFT_*. */
int leat_draft_keep(struct leat_draft *draft, const char *name, bool replace);
/* leat_draft_drop - before place: it is gone. Returns 0, or -errno: it is still there as `temp`. */
int leat_draft_drop(struct leat_draft *draft);
/* leat_drafts_discard - remove all temporary names now, as the process is about to end: nothing is
 * being placed. Thread: any. */
void leat_drafts_discard(struct leat_directories *directories);

#endif
