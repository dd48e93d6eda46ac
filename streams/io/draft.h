/* draft.h - a file without a name, or with a temporary one, until all outputs of a run are
 * complete.
 *
 * If the file system supports O_TMPFILE, a draft has no name at all, and a killed run leaves
 * nothing. A draft that replaces a file gets a temporary name for the moment of the exchange. After
 * it, the temporary name belongs to the old file until the run has succeeded, so that it can be put
 * back. Every step has alternatives for file systems that lack the usual call:
 *
 *     make         O_TMPFILE; else a temporary name, created anew
 *     new name     linkat; renameat2 NOREPLACE; linkat and unlinkat; check, then renameat
 *     replace      renameat2 EXCHANGE; a second link to the old file, then renameat; the old file
 *                  renamed aside, then renameat
 *     put back     renameat of the old file over the new one
 *
 * A kill at any point leaves the complete new file or the complete old one under the name. (If the
 * file system has neither exchange nor links, it may also leave no file there, and the old one
 * under its temporary name.) It may also leave temporaries, which the next run that writes the same
 * name removes: see stale.h.
 *
 * A network file system may report a failure of a step that was done, because the answer was lost.
 * Therefore the code checks after each failure which file has the name now, and it removes an old file
 * only if the temporary name still belongs to it.
 */
#ifndef LEAT_IO_DRAFT_H
#define LEAT_IO_DRAFT_H

#include "directories.h"

enum leat_draft_state {
    LEAT_DRAFT_NONE,    /* not made, or dropped */
    LEAT_DRAFT_UNNAMED, /* made with O_TMPFILE */
    LEAT_DRAFT_NAMED,   /* under the temporary name */
    LEAT_DRAFT_PLACED,  /* under its own name */
};

/* Results of place and take_back in addition to 0 and -errno. */
enum {
    LEAT_DRAFT_OTHER = 1, /* the name belongs to something that is no regular file: it stays */
    LEAT_DRAFT_LOST,      /* the temporary or the output is not the file that we made */
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
    int fd; /* while it is open; belongs to the caller */
    struct leat_inode inode, old;
    char *name, *temp; /* temp: of the draft before place; of the old file after it */
    char *left;        /* another name of the old file after a failed place; NULL: none */
    bool has_old;      /* temp is the file that was replaced */
    bool twin;         /* after place: temp is a second name of the draft */
    bool lost_old;     /* the old file was replaced and could not be kept */
    bool guarded;      /* the directory is guarded: temporaries have an owner even without a lock */
    struct leat_draft *prev, *next; /* list of the drafts with a temporary name */
};

/* leat_draft_init - prepare the draft of an output with this path, whose symbolic links are
 * resolved. Removes stale temporaries of the output. Returns 0 or -errno. */
int leat_draft_init(struct leat_draft *draft, struct leat_directories *directories,
                    const char *path);
void leat_draft_done(struct leat_draft *draft);
/* leat_draft_make - create the file. Returns a descriptor to write to, which the caller closes; or
 * -errno. */
int leat_draft_make(struct leat_draft *draft, mode_t mode);
/* leat_draft_let_go - call it before the caller closes the descriptor. Returns 0 or -errno. */
int leat_draft_let_go(struct leat_draft *draft);
/* leat_draft_place - give the draft its name. `replace`: replace a regular file with this name;
 * `last`: no step that can fail follows, so the old file may be lost if it cannot be kept.
 * Returns 0, -errno (EEXIST: there is a file), or LEAT_DRAFT_*. After a failure the old file may
 * have the name `left`, or `temp` if has_old is set. */
int leat_draft_place(struct leat_draft *draft, bool replace, bool last);
/* leat_draft_take_back - undo place: restore the old file. Returns 0, -errno, or LEAT_DRAFT_*; then
 * the old file has the name `temp` if has_old is set. */
int leat_draft_take_back(struct leat_draft *draft);
/* leat_draft_settle - after place: it will not be taken back; remove the old file. Returns 0, or
 * -errno: the old file still has the name `temp`. */
int leat_draft_settle(struct leat_draft *draft);
/* leat_draft_keep - give the draft another name; `replace`: replace a regular file with that name.
 * After place it is a second link. Returns 0, -errno, or LEAT_DRAFT_*. */
int leat_draft_keep(struct leat_draft *draft, const char *name, bool replace);
/* leat_draft_drop - before place: remove the file. Returns 0, or -errno: it still has the name
 * `temp`. */
int leat_draft_drop(struct leat_draft *draft);
/* leat_drafts_discard - remove all temporary names now, and the directories that the run has made if
 * they are empty, because the process is about to exit. No place may be under way. Thread: any. */
void leat_drafts_discard(struct leat_directories *directories);

#endif
