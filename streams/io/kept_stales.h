/* kept_stales.h - lists of the temporaries of directories, shared by the pipelines of a context.
 *
 * A program that writes ten thousand files into one directory, each by a pipeline of its own, would read that directory
 * ten thousand times. So a context keeps the list of a directory for KEPT_NS. A temporary of another pipeline of the
 * context may be in it; that one is locked or guarded, as those of other processes are (stale.h).
 */
#ifndef LEAT_IO_KEPT_STALES_H
#define LEAT_IO_KEPT_STALES_H

#include <stdatomic.h>
#include <sys/types.h>

#include "sched/context.h"
#include "stale.h"

/* Fixed once it is made. */
struct leat_kept_stales {
    atomic_uint refs;
    uint32_t owner; /* of temporaries that are made in the directory: see stale.h */
    struct leat_stales list;
};

/* leat_kept_stales_get - the list of the directory that is open as `fd`: one that the context keeps, or a new one.
 * `context` may be NULL. Returns a reference, or NULL when out of memory. Thread: any. */
struct leat_kept_stales *leat_kept_stales_get(struct leat_context *context, int fd, dev_t dev,
                                              ino_t ino);
void leat_kept_stales_unref(struct leat_kept_stales *stales); /* NULL is fine */

#endif
