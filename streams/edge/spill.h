/* spill.h - what an edge cannot hold in memory, in a temporary file of a bounded size.
 *
 * The file is a ring of bytes; it has no name, so nothing is left whatever happens. One thread
 * puts and one gets; what lies between the two positions belongs to the file, the rest to who
 * puts. The positions themselves are guarded by who owns the spill, the edge.
 */
#ifndef LEAT_SPILL_H
#define LEAT_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_spill {
    int fd;          /* -1: not open */
    const char *dir; /* borrowed; NULL: TMPDIR, or /var/tmp */
    uint64_t size;   /* bytes of the file at most */
    uint64_t put;    /* bytes put in since the start */
    uint64_t got;    /* bytes taken out; put - got <= size */
    bool marked;     /* a flush mark stands behind byte `mark` of what was put in */
    uint64_t mark;
    int error; /* errno of what failed */
};

/* leat_spill_new - NULL: out of memory. */
struct leat_spill *leat_spill_new(const char *dir, uint64_t size);
void leat_spill_free(struct leat_spill *spill); /* NULL is fine */
/* leat_spill_open - make the file. Returns 0 or -errno. */
int leat_spill_open(struct leat_spill *spill);
/* leat_spill_dir - where it is, for messages. */
const char *leat_spill_dir(const struct leat_spill *spill);
/* leat_spill_write - n bytes to the place `at` of the ring; _read: from it. Return 0 or -errno. */
int leat_spill_write(const struct leat_spill *spill, uint64_t at, const void *data, size_t n);
int leat_spill_read(const struct leat_spill *spill, uint64_t at, void *data, size_t n);

#endif
