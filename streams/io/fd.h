/* fd.h - a descriptor that can be read or written without blocking and without changing what others
 * see of it.
 *
 * O_NONBLOCK belongs to the open file, which the shell and other programs share; so an inherited
 * pipe or terminal is opened anew, a socket is told per call, and what can be neither is polled.
 */
#ifndef LEAT_FD_H
#define LEAT_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum leat_fd_mode {
    LEAT_FD_FILE,     /* regular files and devices that never make one wait */
    LEAT_FD_NONBLOCK, /* O_NONBLOCK is set, and it is ours alone */
    LEAT_FD_SOCKET,   /* MSG_DONTWAIT */
    LEAT_FD_POLLED,   /* asked before each call; writes of at most PIPE_BUF */
};

struct leat_fd {
    int fd; /* -1: none */
    enum leat_fd_mode mode;
    bool own;       /* to be closed */
    bool is_output; /* inherited: flushed instead, see leat_fd_flush */
    bool is_pipe;
    bool is_regular;
};

/* leat_fd_is_private - is it /dev/fd/N or /proc/self/fd/N of a descriptor that is closed, or that no
 * child would inherit (FD_CLOEXEC)? The latter is an internal one, of the loop or of another stage,
 * which has got the number of one that was closed before. */
bool leat_fd_is_private(const char *path);
/* leat_fd_adopt - use an inherited descriptor. Returns 0 or -errno; -EBADF: it is a private one. */
int leat_fd_adopt(struct leat_fd *fd, int inherited, bool writable);
/* leat_fd_own - take a descriptor that was just opened (or an end of our own pipe). Returns 0 or
 * -errno, and then it is closed. */
int leat_fd_own(struct leat_fd *fd, int opened);
/* leat_fd_read, leat_fd_write - as read(2), write(2), but -errno; -EAGAIN: wait. */
ssize_t leat_fd_read(struct leat_fd *fd, void *buf, size_t n);
ssize_t leat_fd_write(struct leat_fd *fd, const void *buf, size_t n);
/* leat_fd_skip - move over n bytes without reading them, at most to the end that the file says it has:
 * regular files and block devices do. Returns how many were skipped; 0 where one cannot seek. */
uint64_t leat_fd_skip(struct leat_fd *fd, uint64_t n);
/* leat_fd_flush - what close(2) would say of a regular file, which stays open: NFS, FUSE and quotas tell
 * only there that bytes which were written are lost. Returns 0 or -errno. */
int leat_fd_flush(const struct leat_fd *fd);
/* leat_fd_close - closes a descriptor of our own; an inherited one that is written to is flushed, since
 * it is the program's to close. Returns 0 or -errno of close(2). */
int leat_fd_close(struct leat_fd *fd);

#endif
