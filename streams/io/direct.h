/* direct.h - reading and writing past the page cache (O_DIRECT), for --direct.
 *
 * The kernel wants the place in the file, the length and the memory aligned, so bytes go through a
 * buffer that is; what is not aligned at the head or the tail of a file goes with O_DIRECT cleared.
 * Invariant of writing: a byte's place in the buffer and in the file agree modulo `align`.
 */
#ifndef LEAT_DIRECT_H
#define LEAT_DIRECT_H

#include "../stage.h"
#include "fd.h"

struct leat_direct {
    void *memory;
    uint8_t *data; /* in it, aligned as any file system wants */
    size_t at, n;  /* what is in the buffer: data[at] to data[n - 1] */
    size_t over;   /* of the next read: what is before the place that is wanted */
    size_t align;  /* of the open file */
    bool used;     /* for the open file */
    bool on;       /* it has O_DIRECT set now */
};

/* leat_direct_init - get the buffer, charged to the stage. leat_direct_done gives it back. */
int leat_direct_init(struct leat_stage *stage, struct leat_direct *direct);
void leat_direct_done(struct leat_stage *stage, struct leat_direct *direct);
/* leat_direct_begin - a file was opened as `fd`. Sets `used`: only a regular file and a block device
 * have a page cache. Fails the stage if it has no direct I/O, or is not ours to set the mode of. */
int leat_direct_begin(struct leat_stage *stage, struct leat_direct *direct,
                      const struct leat_fd *fd, const char *shown);
/* leat_direct_seek - from the file's position down to the aligned place below; what lies between is
 * not given out. Returns 0 or -errno. */
int leat_direct_seek(struct leat_direct *direct, const struct leat_fd *fd);
/* leat_direct_read - as leat_fd_read. */
ssize_t leat_direct_read(struct leat_direct *direct, struct leat_fd *fd, void *to, size_t n);

/* leat_direct_start - the next byte to be written is at `place` of the file. */
void leat_direct_start(struct leat_direct *direct, uint64_t place);
/* leat_direct_put - take as much of n bytes as there is room for; returns how much. */
size_t leat_direct_put(struct leat_direct *direct, const void *data, size_t n);
/* leat_direct_next - what one write(2) is to take now, if the buffer is full or `last`: sets the mode
 * for it. Returns how many bytes from data[at], 0: nothing to do, or -errno. */
ssize_t leat_direct_next(struct leat_direct *direct, const struct leat_fd *fd, bool last);
/* leat_direct_wrote - the file took n of them. */
void leat_direct_wrote(struct leat_direct *direct, size_t n);

#endif
