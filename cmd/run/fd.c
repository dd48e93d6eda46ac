/* fd.c - all of a text to a descriptor, and the error that a close would return. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cmd.h"

int fd_write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        ssize_t wrote = write(fd, data, n);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EAGAIN) {
            (void)poll(&p, 1, -1);
            continue;
        }
        if (wrote <= 0) {
            errno = wrote < 0 ? errno : EIO;
            return -1;
        }
        data += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

int fd_flush(int fd)
{
    struct stat info;
    int copy;

    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        return 0;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 || close(copy) < 0 ? -1 : 0;
}
