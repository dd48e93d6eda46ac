/* checkpoint_lock.h - one run at a time uses a checkpoint: a lock on a file beside it. */
#ifndef LEAT_OUTCOME_CHECKPOINT_LOCK_H
#define LEAT_OUTCOME_CHECKPOINT_LOCK_H

#define LEAT_LOCK_HOLDER 80u /* bytes of a text such as "process 123 on host", with its NUL */

/* All zero, but fd below 0: none. */
struct leat_checkpoint_lock {
    int fd;
    char *path; /* owned */
};

/* leat_checkpoint_lock_take - lock the file `path`, which is taken, also on failure; the file is made if it is missing. Returns 0,
 * also where the file system has no locks; -EWOULDBLOCK: another run has it, ret_holder tells which, or is ""; or -errno. */
int leat_checkpoint_lock_take(struct leat_checkpoint_lock *lock, char *path,
                              char ret_holder[LEAT_LOCK_HOLDER]);
/* leat_checkpoint_lock_release - unlock, and remove the file. No lock is fine. */
void leat_checkpoint_lock_release(struct leat_checkpoint_lock *lock);

#endif
