/* spill.h - data that an edge cannot hold in memory, in a temporary file of bounded size.
 *
 * The file is a ring of bytes. It has no name, so it never outlives the process. One thread writes
 * and one reads. The bytes between the two positions belong to the reader, the rest to the writer.
 * The lock of the edge that owns the spill guards the positions.
 */
#ifndef LEAT_EDGE_SPILL_H
#define LEAT_EDGE_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_spill {
    int fd;          /* -1: not open */
    const char *dir; /* borrowed; NULL: TMPDIR, or /var/tmp */
    uint64_t size;   /* bytes of the file at most */
    uint64_t put;    /* bytes written since the start */
    uint64_t got;    /* bytes read; put - got <= size */
    bool marked;     /* a flush marker follows the first `mark` bytes written */
    uint64_t mark;
    uint64_t position; /* for which it stands; 0: none */
    int error;         /* errno of the failure */
};

/* leat_spill_new - NULL: out of memory. */
struct leat_spill *leat_spill_new(const char *dir, uint64_t size);
void leat_spill_free(struct leat_spill *spill); /* NULL is fine */
/* leat_spill_open - create the file. Returns 0 or -errno. */
int leat_spill_open(struct leat_spill *spill);
/* leat_spill_dir - the directory of the file, for messages. */
const char *leat_spill_dir(const struct leat_spill *spill);
/* leat_spill_write, _read - write n bytes to position `at` of the ring, read them from it. Return 0
 * or -errno. */
int leat_spill_write(const struct leat_spill *spill, uint64_t at, const void *data, size_t n);
int leat_spill_read(const struct leat_spill *spill, uint64_t at, void *data, size_t n);

#endif
