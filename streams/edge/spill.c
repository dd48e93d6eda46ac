/* spill.c - a ring of bytes in a temporary file without a name. */

#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/invariant.h"

#define DIR_DEFAULT "/var/tmp" /* /tmp is often in memory */

struct leat_spill *leat_spill_new(const char *dir, uint64_t size)
{
    struct leat_spill *s = calloc(1, sizeof *s);

    if (s)
        *s = (struct leat_spill){.fd = -1, .dir = dir, .size = size};
    return s;
}

void leat_spill_free(struct leat_spill *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

const char *leat_spill_dir(const struct leat_spill *s)
{
    const char *dir = s->dir ? s->dir : getenv("TMPDIR");

    return dir && *dir ? dir : DIR_DEFAULT;
}

/* Without O_TMPFILE in the file system: the file has a name for a moment. */
static int open_named(const char *dir)
{
    char *path;
    int fd;

    if (asprintf(&path, "%s/leat-spill-XXXXXX", dir) < 0)
        return -ENOMEM;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        fd = -errno;
    } else if (unlink(path) < 0) {
        int err = errno;

        close(fd);
        fd = -err;
    }
    free(path);
    return fd;
}

int leat_spill_open(struct leat_spill *s)
{
    const char *dir = leat_spill_dir(s);
    int fd;

    leat_assert(s->fd < 0);
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_named(dir);
    else if (fd < 0)
        fd = -errno;
    if (fd < 0)
        return fd;
    s->fd = fd;
    return 0;
}

/* Bytes from `at` to the end of the ring, at most n. */
static size_t piece(const struct leat_spill *s, uint64_t at, size_t n)
{
    uint64_t left = s->size - at % s->size;

    leat_assert(s->fd >= 0);
    return n < left ? n : (size_t)left;
}

int leat_spill_write(const struct leat_spill *s, uint64_t at, const void *data, size_t n)
{
    const uint8_t *from = data;

    leat_assert(n <= s->size);
    while (n > 0) {
        ssize_t r = pwrite(s->fd, from, piece(s, at, n), (off_t)(at % s->size));

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EIO;
        leat_assert((size_t)r <= n);
        from += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return 0;
}

int leat_spill_read(const struct leat_spill *s, uint64_t at, void *data, size_t n)
{
    uint8_t *to = data;

    leat_assert(n <= s->size);
    while (n > 0) {
        ssize_t r = pread(s->fd, to, piece(s, at, n), (off_t)(at % s->size));

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EIO; /* the bytes were written, so EOF is an error */
        leat_assert((size_t)r <= n);
        to += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return 0;
}
