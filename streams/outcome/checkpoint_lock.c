/* checkpoint_lock.c - one run at a time uses a checkpoint: a lock on a file beside it.
 *
 * The checkpoint itself is replaced at each commit, so a lock on it would be lost. A killed run leaves the file, which is then
 * not locked. The file is removed before the lock is given up, so who locks it looks whether it still has the name.
 */

#include "checkpoint_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"

static bool is_named(int fd, const char *path)
{
    struct stat named, locked;

    return stat(path, &named) == 0 && fstat(fd, &locked) == 0 && named.st_dev == locked.st_dev &&
           named.st_ino == locked.st_ino;
}

/* Returns a descriptor or -errno. */
static int open_locked(const char *path)
{
    for (;;) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644), r = 0;

        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
            r = errno == EWOULDBLOCK ? -EWOULDBLOCK : 0; /* without locks nothing is known */
        if (r == 0 && is_named(fd, path))
            return fd;
        (void)close(fd); /* nothing was written */
        if (r < 0)
            return r;
    }
}

/* For the message of another run; it is no failure if there is no space for it. */
static void tell_holder(int fd)
{
    char host[40] = "?", text[LEAT_LOCK_HOLDER];
    int n;

    (void)gethostname(host, sizeof host - 1);
    host[sizeof host - 1] = '\0';
    n = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
    leat_assert(n > 0 && (size_t)n < sizeof text);
    if (ftruncate(fd, 0) == 0)
        n = (int)pwrite(fd, text, (size_t)n, 0);
    (void)n; /* the lock counts */
}

static void read_holder(const char *path, char to[LEAT_LOCK_HOLDER])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? 0 : pread(fd, to, LEAT_LOCK_HOLDER - 1, 0);

    if (fd >= 0)
        (void)close(fd); /* it was only read */
    to[n > 0 ? n : 0] = '\0';
    to[strcspn(to, "\n")] = '\0';
    for (char *c = to; *c; c++) /* it may be any file */
        if (*c < ' ' || *c > '~')
            *c = '?';
}

int leat_checkpoint_lock_take(struct leat_checkpoint_lock *lock, char *path,
                              char ret_holder[LEAT_LOCK_HOLDER])
{
    int fd;

    leat_assert(lock->fd < 0 && !lock->path);
    if (!path)
        return -ENOMEM;
    ret_holder[0] = '\0';
    fd = open_locked(path);
    if (fd == -EWOULDBLOCK)
        read_holder(path, ret_holder);
    if (fd < 0) {
        free(path);
        return fd;
    }
    tell_holder(fd);
    lock->fd = fd;
    lock->path = path;
    return 0;
}

void leat_checkpoint_lock_release(struct leat_checkpoint_lock *lock)
{
    leat_assert((lock->fd < 0) == !lock->path);
    if (lock->fd < 0)
        return;
    if (is_named(lock->fd, lock->path))
        (void)unlink(lock->path); /* a file that stays is locked by the next run */
    (void)close(lock->fd);        /* its text matters no more */
    free(lock->path);
    *lock = (struct leat_checkpoint_lock){.fd = -1};
}
