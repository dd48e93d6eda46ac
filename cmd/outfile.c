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

/* Can a file be put beside this one? Returns 0 or an errno. */
static int check_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int error = dir && access(dir, W_OK | X_OK) == 0 ? 0 : errno;

    free(dir);
    return error;
}

/* Returns 0 or an errno: why what is there cannot be written to, or replaced. */
static int check_kind(int fd, const char *path)
{
    struct stat info;

    if (fd >= 0 && fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
        return S_ISDIR(info.st_mode) ? EISDIR : 0;
    return check_directory(path);
}

int outfile_check(const struct config *c, const char *option, const char *path, const char *mark)
{
    int fd, error;
    bool ours;

    if (strcmp(path, "-") == 0)
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    error = fd < 0 && errno != ENOENT ? errno : check_kind(fd, path);
    ours = fd < 0 || is_ours(fd, mark);
    if (fd >= 0)
        close(fd);
    if (error != 0)
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

/* A pipe or a device is written to as it is. Returns 0 or -1. */
static int write_special(const char *path, const struct buf *b)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    return fd < 0 || write_all(fd, b) < 0 || close(fd) < 0 ? -1 : 0;
}

/* Returns 0 or -1. */
static int write_beside(const char *path, const char *beside, const struct buf *b)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), error;

    if (fd < 0)
        return -1;
    error = write_all(fd, b) < 0 ? errno : 0;
    if (close(fd) < 0 && error == 0)
        error = errno;
    if (error == 0 && rename(beside, path) < 0)
        error = errno;
    if (error == 0)
        return 0;
    (void)unlink(beside);
    errno = error;
    return -1;
}

int outfile_write(const struct config *c, const char *option, const char *path, const struct buf *b)
{
    struct buf beside = {.n = 0};
    struct stat info;
    int r;

    buf_add(&beside, "%s.%ld.part", path, (long)getpid());
    if (b->failed || beside.failed) {
        errno = ENOMEM;
        r = -1;
    } else if (strcmp(path, "-") == 0) {
        r = write_all(STDOUT_FILENO, b);
    } else if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        r = write_special(path, b);
    } else {
        r = write_beside(path, buf_text(&beside), b);
    }
    if (r < 0)
        r = message_fail(c, LEAT_EIO, "%s=%s: %s", option, path, strerror(errno));
    buf_free(&beside);
    return r;
}
