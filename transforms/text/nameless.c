/* nameless.c - a temporary file without a name. */
#include "nameless.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/invariant.h"
#include "stage.h"

#define DIR_DEFAULT "/var/tmp" /* /tmp is often in memory */

int leat_nameless_plan(struct leat_stage *s, const char *dir)
{
    if (dir && !*dir)
        return leat_fail(s, LEAT_EUSAGE, "--spill needs the name of a directory");
    return leat_plan_access(s, dir, LEAT_ACCESS_TEMPORARY);
}

void leat_nameless_init(struct leat_nameless *f, struct leat_stage *s, const char *dir)
{
    if (!dir)
        dir = getenv("TMPDIR");
    *f = (struct leat_nameless){.stage = s, .dir = dir && *dir ? dir : DIR_DEFAULT, .fd = -1};
}

void leat_nameless_close(struct leat_nameless *f)
{
    if (f->fd >= 0)
        (void)close(f->fd); /* nobody will read it */
    f->fd = -1;
}

/* Without O_TMPFILE in the file system: the file has a name for a moment. */
static int open_named(const char *dir)
{
    char path[4096];
    int fd;

    if (snprintf(path, sizeof path, "%s/leat-spill-XXXXXX", dir) >= (int)sizeof path)
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (unlink(path) < 0) {
        int err = errno;

        (void)close(fd); /* it is empty */
        return -err;
    }
    return fd;
}

int leat_nameless_open(struct leat_nameless *f)
{
    int fd;

    if (f->fd >= 0)
        return 0;
    fd = open(f->dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_named(f->dir);
    else if (fd < 0)
        fd = -errno;
    if (fd < 0)
        return leat_fail(
            f->stage, -fd == ENOENT ? LEAT_ENOENT : LEAT_EIO,
            "cannot make a temporary file in %s: %s; name another directory with --spill=DIR",
            f->dir, strerrordesc_np(-fd));
    f->fd = fd;
    return 0;
}

int leat_nameless_write(struct leat_nameless *f, const void *data, size_t n, uint64_t at)
{
    const uint8_t *from = data;
    size_t left = n;
    int r = leat_nameless_open(f);

    if (r < 0)
        return r;
    while (left > 0) {
        ssize_t done = pwrite(f->fd, from, left, (off_t)at);
        int err = done < 0 ? errno : EIO;

        if (done < 0 && err == EINTR)
            continue;
        if (done <= 0)
            return leat_fail(
                f->stage, LEAT_EIO,
                "cannot write %zu bytes to a temporary file in %s, which has %" PRIu64
                " bytes: %s; free space there, or name another directory with --spill=DIR",
                n, f->dir, f->written, strerrordesc_np(err));
        leat_assert((size_t)done <= left);
        from += done;
        at += (uint64_t)done;
        left -= (size_t)done;
        f->written += (uint64_t)done;
    }
    return 0;
}

int leat_nameless_read(struct leat_nameless *f, void *data, size_t n, uint64_t at)
{
    uint8_t *to = data;

    while (n > 0) {
        ssize_t done = pread(f->fd, to, n, (off_t)at);
        int err = done < 0 ? errno : EIO; /* the bytes were written, so EOF is an error */

        if (done < 0 && err == EINTR)
            continue;
        if (done <= 0)
            return leat_fail(f->stage, LEAT_EIO, "cannot read a temporary file in %s: %s", f->dir,
                             strerrordesc_np(err));
        leat_assert((size_t)done <= n);
        to += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}
