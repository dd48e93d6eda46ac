/* checkpoint.h - the position in a source up to which all output is committed.
 *
 * A source says its position, bytes that only it understands, with a flush marker; the marker carries the number of the
 * position through the stream. When an output with all that came before the marker is committed, the position is written
 * to the checkpoint's file: to a temporary one, synced, renamed. Before that, the file also gets the position to come, and
 * the file that the commit will put in place: after a crash, its presence tells which of the two positions holds.
 */
#ifndef LEAT_OUTCOME_CHECKPOINT_H
#define LEAT_OUTCOME_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "checkpoint_lock.h"

struct leat_checkpoint;

/* The file that a commit puts in place. */
struct leat_checkpoint_proof {
    dev_t dev;
    ino_t ino;
    const char *path; /* NULL: there is none */
};

/* leat_checkpoint_new - `path` is copied. NULL: out of memory. leat_checkpoint_free - NULL is fine. */
struct leat_checkpoint *leat_checkpoint_new(const char *path);
void leat_checkpoint_free(struct leat_checkpoint *checkpoint);
const char *leat_checkpoint_path(const struct leat_checkpoint *checkpoint);
/* leat_checkpoint_lock - keep other runs from the file until leat_checkpoint_unlock, or until it is freed. Returns like
 * leat_checkpoint_lock_take. */
int leat_checkpoint_lock(struct leat_checkpoint *checkpoint, char ret_holder[LEAT_LOCK_HOLDER]);
void leat_checkpoint_unlock(struct leat_checkpoint *checkpoint);
/* leat_checkpoint_read - read the file, and find out which position holds. Returns 0, also if there is no file; -EBADMSG:
 * it is no checkpoint; or -errno. */
int leat_checkpoint_read(struct leat_checkpoint *checkpoint);
/* leat_checkpoint_kept - the position that was read or written last, valid until the next write. Returns its length; 0: there
 * is none. Thread: that of the source, before it runs. */
size_t leat_checkpoint_kept(const struct leat_checkpoint *checkpoint, const uint8_t **ret_data);
/* leat_checkpoint_add - a position of the source; copied. Returns its number, from 1; 0: out of memory. Thread: any, here
 * and below. */
uint64_t leat_checkpoint_add(struct leat_checkpoint *checkpoint, const void *data, size_t n);
/* leat_checkpoint_last - the number of the last one, for the end of the stream; 0: there is none. */
uint64_t leat_checkpoint_last(struct leat_checkpoint *checkpoint);
/* leat_checkpoint_reached - no output will be committed at an older position: forget those. */
void leat_checkpoint_reached(struct leat_checkpoint *checkpoint, uint64_t number);
/* leat_checkpoint_begin - an output with all before this position is about to be committed. leat_checkpoint_end - it is, and
 * older positions are forgotten. Return 0 or -errno. */
int leat_checkpoint_begin(struct leat_checkpoint *checkpoint, uint64_t number,
                          const struct leat_checkpoint_proof *proof);
int leat_checkpoint_end(struct leat_checkpoint *checkpoint, uint64_t number);

#endif
