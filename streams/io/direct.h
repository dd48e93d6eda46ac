/* direct.h - read and write past the page cache (O_DIRECT), for --direct.
 *
 * The kernel requires an aligned position in the file, length and memory, so the bytes go through
 * an aligned buffer. Unaligned bytes at the head or the tail of a file go with O_DIRECT cleared.
 * Invariant of writing: the positions of a byte in the buffer and in the file are equal modulo
 * `align`.
 */
#ifndef LEAT_IO_DIRECT_H
#define LEAT_IO_DIRECT_H

#include "../stage.h"
#include "fd.h"

struct leat_direct {
    void *memory;
    uint8_t *data; /* in `memory`, aligned for every file system */
    size_t at, n;  /* content of the buffer: data[at] to data[n - 1] */
    size_t over;   /* bytes of the next read before the position that is wanted */
    size_t align;  /* of the open file */
    bool used;     /* the open file uses direct I/O */
    bool on;       /* the open file has O_DIRECT set now */
};

/* leat_direct_init - allocate the buffer, charged to the stage. leat_direct_done frees it. */
int leat_direct_init(struct leat_stage *stage, struct leat_direct *direct);
void leat_direct_done(struct leat_stage *stage, struct leat_direct *direct);
/* leat_direct_begin - a file was opened as `fd`. Sets `used`, for regular files and block devices
 * only: others have no page cache. Fails the stage if the file has no direct I/O, or if its mode is
 * not ours to change. */
int leat_direct_begin(struct leat_stage *stage, struct leat_direct *direct,
                      const struct leat_fd *fd, const char *shown);
/* leat_direct_seek - move the file's position down to an aligned one; the read skips the bytes
 * between the two. Returns 0 or -errno. */
int leat_direct_seek(struct leat_direct *direct, const struct leat_fd *fd);
/* leat_direct_read - like leat_fd_read. */
ssize_t leat_direct_read(struct leat_direct *direct, struct leat_fd *fd, void *to, size_t n);

/* leat_direct_start - the next byte to write is at `place` of the file. */
void leat_direct_start(struct leat_direct *direct, uint64_t place);
/* leat_direct_put - copy as many of n bytes as fit to the buffer; returns how many. */
size_t leat_direct_put(struct leat_direct *direct, const void *data, size_t n);
/* leat_direct_next - if the buffer is full, or `last`: set the mode for the next write(2). Returns
 * how many bytes from data[at] it must write; 0: nothing to do; or -errno. */
ssize_t leat_direct_next(struct leat_direct *direct, const struct leat_fd *fd, bool last);
/* leat_direct_wrote - n of these bytes were written. */
void leat_direct_wrote(struct leat_direct *direct, size_t n);

#endif
