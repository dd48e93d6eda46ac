/* fd.h - read or write a descriptor without blocking, and without a change that other processes
 * see.
 *
 * O_NONBLOCK belongs to the open file description, which the shell and other programs share, so an
 * inherited pipe or terminal is opened anew, a socket uses MSG_DONTWAIT in each call, and other
 * descriptors are polled.
 */
#ifndef LEAT_IO_FD_H
#define LEAT_IO_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum leat_fd_mode {
    LEAT_FD_FILE,     /* regular files and devices that are always ready */
    LEAT_FD_NONBLOCK, /* O_NONBLOCK is set; no other process shares the open file description */
    LEAT_FD_SOCKET,   /* MSG_DONTWAIT */
    LEAT_FD_POLLED,   /* polled before each call; writes of at most PIPE_BUF */
};

struct leat_fd {
    int fd; /* -1: none */
    enum leat_fd_mode mode;
    bool own;       /* we must close it */
    bool is_output; /* inherited: flush it instead, see leat_fd_flush */
    bool is_pipe;
    bool is_regular;
};

/* leat_fd_is_private - is the path /dev/fd/N or /proc/self/fd/N of a descriptor that is closed, or
 * that no child would inherit (FD_CLOEXEC)? The latter is an internal descriptor of the loop or of
 * another stage, which reuses the number of a closed one. */
bool leat_fd_is_private(const char *path);
/* leat_fd_adopt - use an inherited descriptor. Returns 0 or -errno; -EBADF: it is a private one. */
int leat_fd_adopt(struct leat_fd *fd, int inherited, bool writable);
/* leat_fd_borrow - the same for a descriptor that the caller has made for this, and closes later. */
int leat_fd_borrow(struct leat_fd *fd, int number, bool writable);
/* leat_fd_own - take ownership of a descriptor that was just opened (or an end of our own pipe).
 * Returns 0; or -errno, and the descriptor is closed. */
int leat_fd_own(struct leat_fd *fd, int opened);
/* leat_fd_read, leat_fd_write - like read(2), write(2), but return -errno; -EAGAIN: wait. */
ssize_t leat_fd_read(struct leat_fd *fd, void *buf, size_t n);
ssize_t leat_fd_write(struct leat_fd *fd, const void *buf, size_t n);
/* leat_fd_skip - seek over n bytes, at most to the end of the file, if it has a size: regular files
 * and block devices. Returns how many were skipped; 0 if the file cannot seek. */
uint64_t leat_fd_skip(struct leat_fd *fd, uint64_t n);
/* leat_fd_flush - get the result that close(2) would have for a regular file, without closing it:
 * NFS, FUSE and quotas report only there that written bytes are lost. Returns 0 or -errno. */
int leat_fd_flush(const struct leat_fd *fd);
/* leat_fd_close - close a descriptor that we own; flush an inherited one that was written to,
 * because the program closes it. Returns 0 or -errno of close(2). */
int leat_fd_close(struct leat_fd *fd);

#endif
