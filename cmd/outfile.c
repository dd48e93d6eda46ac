/* outfile.c - files that the command itself writes, about a run: all of one or nothing of it.
 *
 * Such a file may take the place of one of its own kind, as a nightly job's does every night, but
 * not of any other.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"

#define MARK_MAX 64u

/* Whether the file begins with the mark, or is empty or none that has contents. */
static bool is_ours(int fd, const char *mark)
{
    char head[MARK_MAX];
    struct stat info;
    size_t n = strlen(mark);

    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
        return true;
    return n <= sizeof head && pread(fd, head, n, 0) == (ssize_t)n && memcmp(head, mark, n) == 0;
}

int outfile_check(const struct config *c, const char *option, const char *path, const char *mark)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = errno;
    bool ours = fd < 0 || is_ours(fd, mark);

    if (fd >= 0)
        close(fd);
    if (fd < 0 && error != ENOENT)
        return message_fail(c, LEAT_EIO, "%s=%s: %s", option, path, strerror(error));
    if (!ours && !c->settings.force)
        return message_fail(c, LEAT_EEXIST,
                            "%s=%s: the file is there and is something else; --force replaces it",
                            option, path);
    return 0;
}

static int write_all(int fd, const struct buf *b)
{
    size_t at = 0;

    while (at < b->n) {
        ssize_t n = write(fd, b->data + at, b->n - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

static int failed(const struct config *c, const char *path)
{
    return message_fail(c, LEAT_EIO, "%s: %s", path, strerror(errno));
}

/* A pipe or a device is written to as it is. */
static int write_special(const struct config *c, const char *path, const struct buf *b)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || write_all(fd, b) < 0 || close(fd) < 0)
        return failed(c, path);
    return 0;
}

static int write_beside(const struct config *c, const char *path, const char *beside,
                        const struct buf *b)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), status = 0;

    if (fd < 0)
        return failed(c, beside);
    if (write_all(fd, b) < 0)
        status = failed(c, path);
    if (close(fd) < 0 && status == 0)
        status = failed(c, path);
    if (status == 0 && rename(beside, path) < 0)
        status = failed(c, path);
    if (status != 0)
        (void)unlink(beside);
    return status;
}

int outfile_write(const struct config *c, const char *path, const struct buf *b)
{
    struct buf beside = {.n = 0};
    struct stat info;
    int status;

    if (b->failed)
        return message_fail(c, LEAT_ENOMEM, "%s: out of memory", path);
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return write_special(c, path, b);
    buf_add(&beside, "%s.%ld.part", path, (long)getpid());
    if (beside.failed)
        return message_fail(c, LEAT_ENOMEM, "%s: out of memory", path);
    status = write_beside(c, path, buf_text(&beside), b);
    buf_free(&beside);
    return status;
}
