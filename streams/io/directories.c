/* directories.c - open directories, shared by the outputs in them, and one sync for each. */

#include "directories.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../grow.h"

#define OPEN_MAX ((size_t)256) /* directories; at most a quarter of the descriptors */
#define OPEN_MIN ((size_t)2)

int leat_directories_init(struct leat_directories *ds)
{
    struct rlimit limit;

    *ds = (struct leat_directories){.open_max = OPEN_MAX};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < OPEN_MAX)
        ds->open_max = (size_t)limit.rlim_cur / 4;
    if (ds->open_max < OPEN_MIN)
        ds->open_max = OPEN_MIN;
    return pthread_mutex_init(&ds->lock, NULL) == 0 ? 0 : LEAT_ENOMEM;
}

static void directory_free(struct leat_directory *d)
{
    if (d->fd >= 0)
        (void)close(d->fd); /* nothing was written through it */
    leat_stales_done(&d->stale);
    free(d->path);
    free(d);
}

static void free_nothing(void *node)
{
    (void)node; /* the list owns it */
}

void leat_directories_done(struct leat_directories *ds)
{
    tdestroy(ds->tree, free_nothing);
    for (size_t i = 0; i < ds->n; i++)
        directory_free(ds->v[i]);
    free(ds->v);
    pthread_mutex_destroy(&ds->lock);
}

/* --- open ------------------------------------------------------------------------------------- */

/* A directory that may not be read has no list of names and no sync, but files can be made in it.
 * Returns a descriptor or -errno. */
static int open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == EACCES)
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Closes the one that was opened first of those that nobody uses now. Under the lock. */
static void make_room(struct leat_directories *ds)
{
    for (size_t i = 0; i < ds->n && ds->n_open >= ds->open_max; i++) {
        struct leat_directory *d = ds->v[ds->hand++ % ds->n];

        if (d->fd < 0 || d->pins > 0)
            continue;
        (void)close(d->fd); /* nothing was written through it */
        d->fd = -1;
        d->guarded = false;
        ds->n_open--;
    }
}

/* Under the lock. Returns 0 or -errno. */
static int reopen(struct leat_directories *ds, struct leat_directory *d)
{
    struct stat info;
    int fd;

    make_room(ds);
    fd = open_directory(d->path);
    if (fd < 0)
        return fd;
    if (fstat(fd, &info) < 0 || info.st_dev != d->dev || info.st_ino != d->ino) {
        (void)close(fd);
        return -ESTALE;
    }
    d->fd = fd;
    ds->n_open++;
    return 0;
}

int leat_directory_pin(struct leat_directories *ds, struct leat_directory *d)
{
    int r = 0;

    pthread_mutex_lock(&ds->lock);
    if (d->fd < 0)
        r = reopen(ds, d);
    if (r == 0) {
        d->pins++;
        r = d->fd;
    }
    pthread_mutex_unlock(&ds->lock);
    return r;
}

void leat_directory_unpin(struct leat_directories *ds, struct leat_directory *d)
{
    pthread_mutex_lock(&ds->lock);
    d->pins--;
    pthread_mutex_unlock(&ds->lock);
}

void leat_directory_guard(struct leat_directories *ds, struct leat_directory *d)
{
    pthread_mutex_lock(&ds->lock);
    d->guarded = d->guarded || leat_temporaries_guard(d->fd);
    pthread_mutex_unlock(&ds->lock);
}

/* --- find ------------------------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
    const struct leat_directory *x = a, *y = b;

    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

/* Takes path and fd on success. Under the lock. NULL: out of memory. */
static struct leat_directory *add(struct leat_directories *ds, char *path, int fd,
                                  const struct stat *info)
{
    struct leat_directory **more = leat_grow(ds->v, ds->n, &ds->room, sizeof(*more)), *d;

    if (!more)
        return NULL;
    ds->v = more;
    d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    *d = (struct leat_directory){.dev = info->st_dev, .ino = info->st_ino};
    if (!tsearch(d, &ds->tree, by_inode)) {
        free(d);
        return NULL;
    }
    d->path = path;
    d->fd = fd;
    ds->n_open++;
    ds->v[ds->n++] = d;
    leat_stales_find(&d->stale, fd);
    return d;
}

/* Under the lock. Takes the path. Returns 0 or -errno. */
static int find(struct leat_directories *ds, char *path, struct leat_directory **ret)
{
    struct leat_directory key, *const *found;
    struct stat info;
    int fd, r;

    make_room(ds);
    fd = open_directory(path);
    if (fd < 0) {
        free(path);
        return fd;
    }
    r = fstat(fd, &info) < 0 ? -errno : 0;
    if (r == 0) {
        key = (struct leat_directory){.dev = info.st_dev, .ino = info.st_ino};
        found = tfind(&key, &ds->tree, by_inode);
        *ret = found ? *found : add(ds, path, fd, &info);
        if (*ret && !found)
            return 0;
        r = *ret ? 0 : -ENOMEM;
    }
    (void)close(fd); /* nothing was written through it */
    free(path);
    return r;
}

/* Files of one directory mostly come one after another. */
int leat_directories_find(struct leat_directories *ds, const char *path,
                          struct leat_directory **ret)
{
    char *directory = directory_of(path);
    int r = 0;

    if (!directory)
        return -ENOMEM;
    pthread_mutex_lock(&ds->lock);
    if (ds->n > 0 && strcmp(ds->v[ds->n - 1]->path, directory) == 0) {
        *ret = ds->v[ds->n - 1];
        free(directory);
    } else {
        r = find(ds, directory, ret);
    }
    pthread_mutex_unlock(&ds->lock);
    return r;
}

/* --- sync ------------------------------------------------------------------------------------- */

void leat_directory_changed(struct leat_directories *ds, struct leat_directory *d,
                            struct leat_stage *s)
{
    pthread_mutex_lock(&ds->lock);
    d->changed = true;
    d->stage = s;
    pthread_mutex_unlock(&ds->lock);
}

/* Returns 0 or -errno. */
static int sync_one(struct leat_directories *ds, struct leat_directory *d)
{
    int fd = leat_directory_pin(ds, d), r = 0;

    if (fd < 0)
        return fd;
    if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP) /* not every file system can */
        r = errno == EBADF ? -EACCES : -errno;                /* open, but not to be read */
    leat_directory_unpin(ds, d);
    return r;
}

int leat_directories_sync(struct leat_directories *ds, struct leat_stage **ret_stage)
{
    for (size_t i = 0; i < ds->n; i++) {
        struct leat_directory *d = ds->v[i];
        int r = d->changed ? sync_one(ds, d) : 0;

        if (r < 0) {
            *ret_stage = d->stage;
            return leat_fail_errno(d->stage, -r, "cannot sync the directory %s", d->path);
        }
    }
    return 0;
}

void leat_directories_sync_again(struct leat_directories *ds)
{
    for (size_t i = 0; i < ds->n; i++)
        if (ds->v[i]->changed)
            (void)sync_one(ds, ds->v[i]); /* the run has failed, and why was told */
}
