/* stale.h - the names of temporaries, and those that a run which was killed has left.
 *
 * A temporary of NAME is `.NAME.leat-` and 16 random digits; with `.old` after them it may hold what
 * NAME was before. A run holds a lock on each of its temporaries whose descriptor is open, and guards
 * the directory, by a shared lock on it, while there are others. A temporary is stale if nobody has a
 * lock on it and nobody guards the directory. Where files cannot be locked nothing counts as stale.
 */
#ifndef LEAT_STALE_H
#define LEAT_STALE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct leat_stale {
    char *name;
    dev_t dev;
    ino_t ino;
};

/* All zero: none. */
struct leat_stales {
    struct leat_stale *v;
    size_t n, room;
};

/* leat_temporary_name - a new random name; free() it. NULL: out of memory. */
char *leat_temporary_name(const char *name, bool old);
/* leat_temporaries_guard - until the descriptor of the directory is closed no temporary in it counts as
 * stale. Returns false if that cannot be. */
bool leat_temporaries_guard(int directory);
/* leat_stales_find - all stale temporaries in the directory. Without memory, or where they cannot be
 * told from others, there are fewer or none. */
void leat_stales_find(struct leat_stales *stales, int directory);
/* leat_stales_remove - remove those of this name from the disk: those that may hold its old content, or
 * the others. */
void leat_stales_remove(const struct leat_stales *stales, int directory, const char *name,
                        bool old);
void leat_stales_done(struct leat_stales *stales);

#endif
