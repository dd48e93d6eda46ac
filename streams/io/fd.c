/* fd.c - read and write any kind of descriptor without blocking. */

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20) /* fewer trips through the loop; the kernel may refuse */

static void classify(struct leat_fd *fd, const struct stat *st)
{
    fd->is_pipe = S_ISFIFO(st->st_mode);
    fd->is_regular = S_ISREG(st->st_mode);
    fd->mode = LEAT_FD_FILE;
    if (S_ISSOCK(st->st_mode))
        fd->mode = LEAT_FD_SOCKET;
    else if (S_ISFIFO(st->st_mode) || (S_ISCHR(st->st_mode) && isatty(fd->fd)))
        fd->mode = LEAT_FD_POLLED;
}

/* The standard streams are never private, however the program has opened them. */
static bool is_private(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return fd > STDERR_FILENO && (flags < 0 || (flags & FD_CLOEXEC));
}

bool leat_fd_is_private(const char *path)
{
    static const char *const dirs[] = {"/dev/fd/", "/proc/self/fd/"};

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        size_t n = strlen(dirs[i]);
        char *end;
        long fd;

        if (strncmp(path, dirs[i], n) != 0)
            continue;
        fd = strtol(path + n, &end, 10);
        return end > path + n && !*end && fd >= 0 && (fd > INT_MAX || is_private((int)fd));
    }
    return false;
}

int leat_fd_adopt(struct leat_fd *fd, int inherited, bool writable)
{
    if (!is_private(inherited))
        return leat_fd_borrow(fd, inherited, writable);
    *fd = (struct leat_fd){.fd = -1, .is_output = writable};
    return -EBADF;
}

int leat_fd_borrow(struct leat_fd *fd, int inherited, bool writable)
{
    char path[32];
    struct stat st;
    int again;

    *fd = (struct leat_fd){.fd = inherited, .is_output = writable};
    if (fstat(inherited, &st) < 0) {
        fd->fd = -1;
        return -errno;
    }
    classify(fd, &st);
    if (fd->mode ==
        LEAT_FD_SOCKET) { /* several stages may wait for it, each with its own duplicate */
        fd->fd = fcntl(inherited, F_DUPFD_CLOEXEC, 0);
        fd->own = true;
        return fd->fd < 0 ? -errno : 0;
    }
    if (fd->mode != LEAT_FD_POLLED)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", inherited);
    again = open(path, (writable ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (again >= 0) {
        fd->fd = again;
        fd->own = true;
        fd->mode = LEAT_FD_NONBLOCK;
    }
    if (fd->is_pipe)
        (void)fcntl(fd->fd, F_SETPIPE_SZ, PIPE_SIZE); /* a wish */
    return 0;
}

int leat_fd_own(struct leat_fd *fd, int opened)
{
    struct stat st;
    int flags, err;

    *fd = (struct leat_fd){.fd = opened, .own = true};
    if (fstat(opened, &st) < 0)
        goto fail;
    classify(fd, &st);
    if (fd->mode == LEAT_FD_POLLED) {
        flags = fcntl(opened, F_GETFL);
        if (flags < 0 || fcntl(opened, F_SETFL, flags | O_NONBLOCK) < 0)
            goto fail;
        fd->mode = LEAT_FD_NONBLOCK;
        if (fd->is_pipe)
            (void)fcntl(opened, F_SETPIPE_SZ, PIPE_SIZE); /* a wish */
    }
    return 0;
fail:
    err = errno;
    close(opened);
    fd->fd = -1;
    return -err;
}

static bool ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) != 0;
}

ssize_t leat_fd_read(struct leat_fd *fd, void *buf, size_t n)
{
    ssize_t r;

    do {
        if (fd->mode == LEAT_FD_SOCKET) {
            r = recv(fd->fd, buf, n, MSG_DONTWAIT);
        } else {
            if (fd->mode == LEAT_FD_POLLED && !ready(fd->fd, POLLIN))
                return -EAGAIN;
            r = read(fd->fd, buf, n);
        }
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

ssize_t leat_fd_write(struct leat_fd *fd, const void *buf, size_t n)
{
    ssize_t r;

    do {
        if (fd->mode == LEAT_FD_SOCKET) {
            r = send(fd->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            if (fd->mode == LEAT_FD_POLLED) {
                if (!ready(fd->fd, POLLOUT))
                    return -EAGAIN;
                n = n < PIPE_BUF ? n : PIPE_BUF;
            }
            r = write(fd->fd, buf, n);
        }
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

/* A device without an end, such as /dev/zero, returns 0, or does not move. */
uint64_t leat_fd_skip(struct leat_fd *fd, uint64_t n)
{
    off_t at = lseek(fd->fd, 0, SEEK_CUR), end = at < 0 ? -1 : lseek(fd->fd, 0, SEEK_END), to = at;

    if (end > at)
        to = (uint64_t)(end - at) < n ? end : at + (off_t)n;
    return end >= 0 && lseek(fd->fd, to, SEEK_SET) == to ? (uint64_t)(to - at) : 0;
}

/* The kernel calls the flush operation of the file system when any descriptor of the open file is
 * closed, so closing a duplicate suffices. */
int leat_fd_flush(const struct leat_fd *fd)
{
    int copy;

    if (fd->fd < 0 || !fd->is_regular)
        return 0;
    copy = fcntl(fd->fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 || close(copy) < 0 ? -errno : 0;
}

int leat_fd_close(struct leat_fd *fd)
{
    int r = 0;

    if (fd->fd >= 0 && fd->own && close(fd->fd) < 0)
        r = -errno;
    else if (!fd->own && fd->is_output)
        r = leat_fd_flush(fd);
    fd->fd = -1;
    return r;
}
