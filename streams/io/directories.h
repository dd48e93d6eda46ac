/* directories.h - the directories of a pipeline's outputs; each is open once.
 *
 * An output is created, placed and removed relative to the open directory, so that it stays in a
 * directory that is renamed meanwhile. A name is safe when its directory is on the disk: first all
 * outputs are placed, then their directories are synced, so a thousand parts in one directory cost
 * one sync.
 */
#ifndef LEAT_IO_DIRECTORIES_H
#define LEAT_IO_DIRECTORIES_H

#include <pthread.h>
#include <sys/types.h>

#include "../stage.h"
#include "kept_stales.h"

struct leat_draft;

struct leat_directory {
    char *path; /* for messages, and to open it again */
    int fd;     /* -1: closed, because too many are open */
    dev_t dev;
    ino_t ino;
    unsigned pins;                   /* threads that use the descriptor now */
    uint32_t owner;                  /* of temporaries that are guarded or locked: see stale.h */
    bool no_sync;                    /* it has no read permission, so it cannot be synced */
    bool guarded;                    /* see leat_directory_guard; it stays open then */
    bool looking;                    /* a thread lists the temporaries, without the lock */
    bool changed;                    /* names have changed: it must be synced */
    struct leat_stage *stage;        /* a stage with an output in it */
    struct leat_kept_stales *stales; /* NULL: not known; fixed after `looking` */
};

/* A directory that the run has made for an output in it. */
struct leat_made {
    struct leat_made *next;
    struct leat_directory *parent;
    dev_t dev;
    ino_t ino;
    bool listed; /* the parent is to be synced */
    char path[]; /* also its last component: the name in the parent */
};
#define LEAT_MADE_BYTES ((uint64_t)512) /* memory for it, without two copies of its path */

struct leat_directories {
    pthread_mutex_t lock;  /* several stages may run parts */
    pthread_cond_t looked; /* a directory is not `looking` any more */
    struct leat_directory **v;
    size_t n, room;
    void *tree; /* for tsearch(3), by device and inode */
    size_t n_open, open_max, hand;
    size_t n_guarded, guarded_max;
    struct leat_draft *named;     /* list of the drafts with a temporary name */
    struct leat_made *made;       /* the last one first */
    struct leat_context *context; /* keeps lists of temporaries; or NULL */
};

/* leat_directories_init - `context`: of the pipeline, which outlives the directories; or NULL. Returns 0 or LEAT_ENOMEM. */
int leat_directories_init(struct leat_directories *directories, struct leat_context *context);
void leat_directories_done(struct leat_directories *directories);
/* leat_directories_find - the directory of the path's last name, opened if it is new. It lives
 * until leat_directories_done. Returns 0 or -errno. Thread: any, here and below. */
int leat_directories_find(struct leat_directories *directories, const char *path,
                          struct leat_directory **ret_directory);
/* leat_directory_pin - its descriptor, valid until unpin. Returns -errno if it had to be opened
 * again and is not there; -ESTALE: another directory is there. */
int leat_directory_pin(struct leat_directories *directories, struct leat_directory *directory);
/* leat_directory_stales - temporaries that were in it before any of ours. */
const struct leat_stales *leat_directory_stales(const struct leat_directory *directory);
/* leat_directory_sweep - remove those of this name that are stale: see leat_stales_remove. `fd`: of the directory. */
void leat_directory_sweep(const struct leat_directory *directory, int fd, const char *name,
                          bool old);
void leat_directory_unpin(struct leat_directories *directories, struct leat_directory *directory);
/* leat_directory_guard - guard the directory until leat_directories_done: no other run then takes a
 * temporary of the directory's owner for stale, even if no descriptor of it is open. The directory
 * stays open for that. Call it while the directory is pinned. Returns false if too many are
 * guarded: then a temporary without a lock must have no owner. */
bool leat_directory_guard(struct leat_directories *directories, struct leat_directory *directory);
/* leat_directories_reopen - open a directory again that was closed; under the lock of
 * `directories`.
 * Returns 0 or -errno. */
int leat_directories_reopen(struct leat_directories *directories, struct leat_directory *directory);
/* leat_directory_changed - an output of the stage got its name here. */
void leat_directory_changed(struct leat_directories *directories, struct leat_directory *directory,
                            struct leat_stage *stage);
/* leat_directories_made - record that the run has made the directory with this path and descriptor
 * in `parent`. Returns 0 or -errno. */
int leat_directories_made(struct leat_directories *directories, struct leat_directory *parent,
                          const char *path, int fd);
/* leat_directories_made_changed - an output of the stage got its name: the directories that were
 * made must stay, so their parents are to be synced. */
void leat_directories_made_changed(struct leat_directories *directories, struct leat_stage *stage);
/* leat_directories_unmake - remove the directories that were made and are empty, because the run
 * has failed. No output is being created or placed. _locked: under the lock of `directories`. */
void leat_directories_unmake(struct leat_directories *directories);
void leat_directories_unmake_locked(struct leat_directories *directories);
/* leat_directories_sync - sync the changed directories. Stops at the first failure, which becomes
 * that of the stage *ret_stage. Returns 0 or its code. */
int leat_directories_sync(struct leat_directories *directories, struct leat_stage **ret_stage);
/* leat_directories_sync_for - the same before the end of the run, for an output that is in its place. A failure is that of
 * the stage, which the directories do not refer to any more after success. Thread: any. */
int leat_directories_sync_for(struct leat_directories *directories, struct leat_stage *stage);
/* leat_directories_sync_again - sync after the outputs were taken back; errors are ignored. */
void leat_directories_sync_again(struct leat_directories *directories);

#endif
