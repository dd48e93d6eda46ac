/* direct.c - aligned buffers; set and clear O_DIRECT. */

#include "direct.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER ((size_t)512 << 10)   /* one read or write; a multiple of ALIGN_MAX */
#define ALIGN_MAX ((size_t)64 << 10) /* no file system needs more */
#define ALIGN_USUAL ((size_t)4096)   /* if the kernel does not report it */

int leat_direct_init(struct leat_stage *s, struct leat_direct *d)
{
    uintptr_t start;

    d->memory = leat_alloc_raw(s, BUFFER + ALIGN_MAX);
    if (!d->memory)
        return LEAT_ENOMEM;
    start = (uintptr_t)d->memory;
    d->data = (uint8_t *)d->memory + (ALIGN_MAX - start % ALIGN_MAX) % ALIGN_MAX;
    return 0;
}

void leat_direct_done(struct leat_stage *s, struct leat_direct *d)
{
    leat_free(s, d->memory);
    d->memory = NULL;
}

/* The alignment for the file; 0: the file system has no direct I/O for it. */
static size_t alignment(int fd)
{
#ifdef STATX_DIOALIGN
    struct statx info;
    size_t align;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) == 0 &&
        (info.stx_mask & STATX_DIOALIGN)) {
        align = info.stx_dio_offset_align;
        if (align < info.stx_dio_mem_align)
            align = info.stx_dio_mem_align;
        return align <= ALIGN_MAX && (align & (align - 1)) == 0 ? align : 0;
    }
#else
    (void)fd;
#endif
    return ALIGN_USUAL;
}

/* Returns 0 or -errno; EINVAL: the file system has no direct I/O. */
static int set_mode(struct leat_direct *d, int fd, bool on)
{
    int flags;

    if (d->on == on)
        return 0;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) < 0)
        return -errno;
    d->on = on;
    return 0;
}

int leat_direct_begin(struct leat_stage *s, struct leat_direct *d, const struct leat_fd *fd,
                      const char *shown)
{
    struct stat info;
    int r;

    d->used = d->on = false;
    d->at = d->n = d->over = 0;
    if (fstat(fd->fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", shown);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode))
        return 0;
    if (!fd->own)
        return leat_fail(s, LEAT_EUSAGE,
                         "--direct: %s is a file that others have open too; give its name", shown);
    d->align = alignment(fd->fd);
    r = d->align > 0 ? set_mode(d, fd->fd, true) : -EINVAL;
    if (r == -EINVAL)
        return leat_fail(s, LEAT_EIO, "--direct: %s: its file system has no direct I/O", shown);
    if (r < 0)
        return leat_fail_errno(s, -r, "--direct: %s", shown);
    d->used = true;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

int leat_direct_seek(struct leat_direct *d, const struct leat_fd *fd)
{
    off_t at = lseek(fd->fd, 0, SEEK_CUR);

    if (at < 0)
        return -errno;
    d->over = (size_t)((uint64_t)at % d->align);
    return lseek(fd->fd, at - (off_t)d->over, SEEK_SET) < 0 ? -errno : 0;
}

/* A read that ends at an unaligned position has reached the end of the file, unless the file grows;
 * from there on it is read without O_DIRECT. */
static ssize_t fill(struct leat_direct *d, struct leat_fd *fd)
{
    ssize_t n = leat_fd_read(fd, d->data, BUFFER);
    int r = n > 0 && (size_t)n % d->align > 0 ? set_mode(d, fd->fd, false) : 0;

    if (n < 0 || r < 0)
        return n < 0 ? n : r;
    d->n = (size_t)n;
    d->at = d->over < d->n ? d->over : d->n;
    d->over = 0;
    return n;
}

ssize_t leat_direct_read(struct leat_direct *d, struct leat_fd *fd, void *to, size_t n)
{
    if (d->at == d->n) {
        ssize_t r = fill(d, fd);

        if (r <= 0)
            return r;
    }
    n = n < d->n - d->at ? n : d->n - d->at;
    memcpy(to, d->data + d->at, n);
    d->at += n;
    return (ssize_t)n;
}

/* --- writing ---------------------------------------------------------------------------------- */

void leat_direct_start(struct leat_direct *d, uint64_t place)
{
    d->at = d->n = (size_t)(place % d->align);
}

size_t leat_direct_put(struct leat_direct *d, const void *data, size_t n)
{
    n = n < BUFFER - d->n ? n : BUFFER - d->n;
    memcpy(d->data + d->n, data, n);
    d->n += n;
    return n;
}

ssize_t leat_direct_next(struct leat_direct *d, const struct leat_fd *fd, bool last)
{
    size_t n = d->n - d->at, over = d->at % d->align;
    int r;

    if (n == 0 || (d->n < BUFFER && !last))
        return 0;
    if (over > 0) /* up to the first aligned position */
        n = n < d->align - over ? n : d->align - over;
    else if (n >= d->align)
        n -= n % d->align;
    r = set_mode(d, fd->fd, over == 0 && n >= d->align);
    return r < 0 ? r : (ssize_t)n;
}

void leat_direct_wrote(struct leat_direct *d, size_t n)
{
    d->at += n;
    if (d->at == d->n)
        d->at = d->n = d->at % d->align;
}
