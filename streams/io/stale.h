/* stale.h - the names of temporaries, and those that a run which was killed has left.
 *
 * A temporary of NAME is `.NAME.leat-` and 32 hexadecimal digits: 8 of its owner, 8 of the second in
 * which the name was made, 16 at random. With `.old` after them it may hold what NAME was before.
 *
 * The owner is a machine since its last start, and a mounted file system: those that share it see each
 * other's locks. A run holds a lock on each of its temporaries whose descriptor is open, and guards the
 * directory, by a shared lock on it, while there are others. If it cannot guard the directory, they
 * get no owner.
 *
 * A temporary of our own owner is stale if nobody has a lock on it and nobody guards the directory.
 * The locks of any other owner may be invisible here (sshfs, 9p, NFS without locks): its temporaries
 * are stale only when the name and the file are also older than a week. Where files cannot be locked
 * nothing counts as stale.
 */
#ifndef LEAT_STALE_H
#define LEAT_STALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LEAT_OWNER_NONE 0u

/* Temporaries of a directory, of any name and owner, sorted. All zero: none. */
struct leat_stales {
    char **names;
    size_t n, room;
};

/* leat_temporary_owner - of temporaries that are made on this machine, on the device. LEAT_OWNER_NONE:
 * the machine has no name for the time since its start. */
uint32_t leat_temporary_owner(dev_t device);
/* leat_temporary_name - a new random name; free() it. NULL: out of memory. */
char *leat_temporary_name(const char *name, bool old, uint32_t owner);
/* leat_temporaries_guard - until the descriptor of the directory is closed no other open descriptor
 * finds a stale temporary of this owner in it. Returns false if that cannot be. */
bool leat_temporaries_guard(int directory);
/* leat_stales_list - the temporaries that are in the directory now: those that a later remove looks at.
 * Without memory, or in a huge directory, there are fewer. */
void leat_stales_list(struct leat_stales *stales, int directory);
/* leat_stales_remove - remove the listed temporaries of this name that are stale: those that may hold
 * its old content, or the others. `owner`: the caller's. A guard of the same descriptor is the caller's
 * own and does not count, so none of the caller's own temporaries may be listed. */
void leat_stales_remove(const struct leat_stales *stales, int directory, const char *name, bool old,
                        uint32_t owner);
void leat_stales_done(struct leat_stales *stales);

#endif
