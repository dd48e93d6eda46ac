/* tree_remove.c - remove a directory with all that is in it.
 *
 * One directory is open at a time. Its entries are removed; when one of them is a directory that is not empty, that
 * one is opened instead. An emptied directory is left through "..", which must be the directory that it was
 * entered from: another process may move directories meanwhile.
 */

#include "tree_remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/invariant.h"

#define PROC_FD_SIZE 32u

struct level {
    dev_t dev;
    ino_t ino;
};

/* The directories from the tree's own down to the open one. */
struct walk {
    struct level *v;
    size_t n, room;
    DIR *dir;
};

/* A directory of ours whose mode forbids it is made accessible. Returns a descriptor or -errno. */
static int open_directory(int at, const char *name, struct stat *ret_info)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags), path_fd, r;

    if (fd < 0 && errno == EACCES) {
        char path[PROC_FD_SIZE];

        path_fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (path_fd < 0)
            return -errno;
        snprintf(path, sizeof path, "/proc/self/fd/%d", path_fd);
        r = chmod(path, 0700) < 0 ? -errno : 0;
        (void)close(path_fd); /* nothing was written, here and below */
        if (r < 0)
            return r;
        fd = openat(at, name, flags);
    }
    if (fd < 0)
        return -errno;
    if (fstat(fd, ret_info) < 0) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

/* Owns the descriptor. Returns 0 or -errno. */
static int read_from(struct walk *w, int fd)
{
    DIR *dir = fdopendir(fd);
    int r = dir ? 0 : -errno;

    if (!dir)
        (void)close(fd);
    if (w->dir)
        (void)closedir(w->dir);
    w->dir = dir;
    return r;
}

/* Go down to a directory. Returns 0 or -errno. */
static int enter(struct walk *w, int at, const char *name)
{
    struct stat info;
    int fd = open_directory(at, name, &info);
    struct level *more = fd < 0 ? NULL : leat_grow(w->v, w->n, &w->room, sizeof *more);

    if (fd < 0)
        return fd;
    if (more)
        w->v = more;
    if (!more || (w->n > 0 && info.st_dev != w->v[0].dev)) {
        (void)close(fd);
        return more ? -EXDEV : -ENOMEM;
    }
    w->v[w->n++] = (struct level){.dev = info.st_dev, .ino = info.st_ino};
    if ((info.st_mode & 0300) != 0300)
        (void)fchmod(fd, 0700); /* if that fails, the removal of an entry fails */
    return read_from(w, fd);
}

/* Go up from the open directory, which is not the tree's own. Returns 0 or -errno. */
static int leave(struct walk *w)
{
    struct stat info;
    int fd;

    leat_assert(w->n > 1);
    w->n--;
    fd = open_directory(dirfd(w->dir), "..", &info);
    if (fd < 0)
        return fd;
    if (info.st_dev != w->v[w->n - 1].dev || info.st_ino != w->v[w->n - 1].ino) {
        (void)close(fd);
        return -ESTALE;
    }
    return read_from(w, fd);
}

/* Remove an entry of the open directory, or enter it. Returns 0 or -errno. */
static int remove_entry(struct walk *w, const char *name)
{
    int at = dirfd(w->dir);

    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    if (unlinkat(at, name, AT_REMOVEDIR) == 0)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? enter(w, at, name) : -errno;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Returns 0 when the tree's own directory is empty, or -errno. */
static int empty(struct walk *w)
{
    for (;;) {
        const struct dirent *entry;
        int r = 0;

        errno = 0;
        entry = readdir(w->dir);
        if (!entry && errno)
            return -errno;
        if (entry && !is_dots(entry->d_name))
            r = remove_entry(w, entry->d_name);
        else if (!entry && w->n == 1)
            return 0;
        else if (!entry)
            r = leave(w); /* the empty directory is removed when its parent is read again */
        if (r < 0)
            return r;
    }
}

int leat_tree_remove(int at, const char *name)
{
    struct walk w = {.n = 0};
    int r;

    if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    r = enter(&w, at, name);
    if (r == 0)
        r = empty(&w);
    if (w.dir)
        (void)closedir(w.dir);
    free(w.v);
    if (r == 0 && unlinkat(at, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}
