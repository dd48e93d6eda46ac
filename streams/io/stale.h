/* stale.h - names of temporaries, and the removal of stale ones, which a killed run has left.
 *
 * A temporary of NAME is `.NAME.leat-` and 32 hexadecimal digits: 8 for its owner, 8 for the second
 * in which the name was made, 16 random. A name with `.old` after them may hold the old content of
 * NAME.
 *
 * The owner stands for one boot of a machine and one mounted file system: runs with the same owner
 * see each other's locks. A run holds a lock on each of its temporaries whose descriptor is open.
 * While it has others, it guards the directory with a shared lock. If it cannot guard the
 * directory, those temporaries get no owner.
 *
 * A temporary of our own owner is stale if it is not locked and the directory is not guarded. The
 * locks of any other owner may be invisible here (sshfs, 9p, NFS without locks): its temporaries
 * are stale only if the name and the file are also older than a week. If the file system cannot
 * lock files, no temporary is stale.
 */
#ifndef LEAT_IO_STALE_H
#define LEAT_IO_STALE_H

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

/* leat_temporary_owner - the owner of temporaries made by this machine on the device.
 * LEAT_OWNER_NONE: the machine has no identifier of its current boot. */
uint32_t leat_temporary_owner(dev_t device);
/* leat_temporary_name - a new random name; free() it. NULL: out of memory. */
char *leat_temporary_name(const char *name, bool old, uint32_t owner);
/* leat_temporaries_guard - guard the directory until its descriptor is closed: users of other
 * descriptors find no stale temporary of this owner in it. Returns false if that is not possible.
 * */
bool leat_temporaries_guard(int directory);
/* leat_stales_list - list the temporaries that are in the directory now, for leat_stales_remove.
 * The list may be incomplete if memory is out or the directory is huge. */
void leat_stales_list(struct leat_stales *stales, int directory);
/* leat_stales_remove - remove the listed temporaries of this name that are stale; `old`: those that
 * may hold its old content, else the others. `owner`: of the caller. A guard through the same
 * descriptor is the caller's own and does not count, so no temporary of the caller may be listed.
 * */
void leat_stales_remove(const struct leat_stales *stales, int directory, const char *name, bool old,
                        uint32_t owner);
void leat_stales_done(struct leat_stales *stales);

#endif
