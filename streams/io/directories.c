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

#include "base/grow.h"
#include "base/invariant.h"

#define OPEN_MAX ((size_t)256) /* directories; at most a quarter of the descriptors */
#define OPEN_MIN ((size_t)2)

int leat_directories_init(struct leat_directories *ds, struct leat_context *context)
{
    struct rlimit limit;

    *ds = (struct leat_directories){.open_max = OPEN_MAX, .context = context};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < OPEN_MAX)
        ds->open_max = (size_t)limit.rlim_cur / 4;
    if (ds->open_max < OPEN_MIN)
        ds->open_max = OPEN_MIN;
    ds->guarded_max =
        ds->open_max - ds->open_max / 4 - 1; /* the others are opened and closed in turn */
    if (pthread_mutex_init(&ds->lock, NULL) != 0)
        return LEAT_ENOMEM;
    if (pthread_cond_init(&ds->looked, NULL) != 0) {
        pthread_mutex_destroy(&ds->lock);
        return LEAT_ENOMEM;
    }
    return 0;
}

static void directory_free(struct leat_directory *d)
{
    leat_assert(d->pins == 0);
    leat_assert(!d->looking);
    if (d->fd >= 0)
        (void)close(d->fd); /* nothing was written through it */
    leat_kept_stales_unref(d->stales);
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
    while (ds->made) {
        struct leat_made *made = ds->made;

        ds->made = made->next;
        free(made);
    }
    pthread_cond_destroy(&ds->looked);
    pthread_mutex_destroy(&ds->lock);
}

/* --- open ------------------------------------------------------------------------------------- */

/* Without read permission a directory can be neither listed nor synced, but files can be created in
 * it.
 * Returns a descriptor or -errno. */
static int open_directory(const char *path, bool *ret_no_sync)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *ret_no_sync = fd < 0 && errno == EACCES;
    if (*ret_no_sync)
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Under the lock. Close the directory opened first among those that are neither pinned nor guarded.
 * If there is none, more than open_max are open for a moment: one for each thread that has pinned
 * one. */
static void make_room(struct leat_directories *ds)
{
    for (size_t i = 0; i < ds->n && ds->n_open >= ds->open_max; i++) {
        struct leat_directory *d = ds->v[ds->hand++ % ds->n];

        if (d->fd < 0 || d->pins > 0 || d->guarded)
            continue;
        (void)close(d->fd); /* nothing was written through it */
        d->fd = -1;
        ds->n_open--;
    }
}

int leat_directories_reopen(struct leat_directories *ds, struct leat_directory *d)
{
    struct stat info;
    bool no_sync;
    int fd;

    leat_assert(d->fd < 0);
    leat_assert(!d->guarded);
    make_room(ds);
    fd = open_directory(d->path, &no_sync);
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
        r = leat_directories_reopen(ds, d);
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
    leat_assert(d->pins > 0);
    d->pins--;
    pthread_mutex_unlock(&ds->lock);
}

bool leat_directory_guard(struct leat_directories *ds, struct leat_directory *d)
{
    bool guarded;

    pthread_mutex_lock(&ds->lock);
    leat_assert(d->pins > 0);
    if (!d->guarded && ds->n_guarded < ds->guarded_max && leat_temporaries_guard(d->fd)) {
        d->guarded = true;
        ds->n_guarded++;
    }
    guarded = d->guarded;
    pthread_mutex_unlock(&ds->lock);
    return guarded;
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

/* Under the lock. Owns path and fd on success. NULL: out of memory. */
static struct leat_directory *add(struct leat_directories *ds, char *path, int fd, bool no_sync,
                                  const struct stat *info)
{
    struct leat_directory **more = leat_grow(ds->v, ds->n, &ds->room, sizeof(*more)), *d;

    if (!more)
        return NULL;
    ds->v = more;
    d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    *d = (struct leat_directory){
        .dev = info->st_dev, .ino = info->st_ino, .looking = true, .no_sync = no_sync};
    if (!tsearch(d, &ds->tree, by_inode)) {
        free(d);
        return NULL;
    }
    d->path = path;
    d->fd = fd;
    d->pins = 1; /* of look */
    ds->n_open++;
    ds->v[ds->n++] = d;
    return d;
}

/* Find or add the directory that was opened. Owns path and fd. Returns 0 or -errno. */
static int enter(struct leat_directories *ds, char *path, int fd, bool no_sync,
                 struct leat_directory **ret, bool *ret_new)
{
    struct leat_directory key, *const *found;
    struct stat info;
    int r = fstat(fd, &info) < 0 ? -errno : 0;

    if (r == 0) {
        key = (struct leat_directory){.dev = info.st_dev, .ino = info.st_ino};
        pthread_mutex_lock(&ds->lock);
        found = tfind(&key, &ds->tree, by_inode);
        *ret = found ? *found : add(ds, path, fd, no_sync, &info);
        *ret_new = *ret && !found;
        pthread_mutex_unlock(&ds->lock);
        if (*ret_new)
            return 0;
        r = *ret ? 0 : -ENOMEM;
    }
    (void)close(fd); /* nothing was written through it */
    free(path);
    return r;
}

/* List the temporaries, not under the lock, because a large or slow directory takes time: only
 * outputs in the same directory wait. None of them has made a temporary there yet, so none in the
 * list is ours. */
static void look(struct leat_directories *ds, struct leat_directory *d)
{
    struct leat_kept_stales *stales = leat_kept_stales_get(ds->context, d->fd, d->dev, d->ino);

    pthread_mutex_lock(&ds->lock);
    leat_assert(d->looking);
    d->owner = stales ? stales->owner : LEAT_OWNER_NONE;
    d->stales = stales;
    d->looking = false;
    d->pins--;
    pthread_cond_broadcast(&ds->looked);
    pthread_mutex_unlock(&ds->lock);
}

const struct leat_stales *leat_directory_stales(const struct leat_directory *d)
{
    static const struct leat_stales none = {.n = 0};

    leat_assert(!d->looking);
    return d->stales ? &d->stales->list : &none;
}

void leat_directory_sweep(const struct leat_directory *d, int fd, const char *name, bool old)
{
    leat_stales_remove(leat_directory_stales(d), fd, name, old, d->owner);
}

/* Under the lock. The last directory, since files of one directory mostly come one after another.
 * NULL: the path has another one. */
static struct leat_directory *find_last(struct leat_directories *ds, const char *path)
{
    struct leat_directory *last = ds->n > 0 ? ds->v[ds->n - 1] : NULL;

    return last && strcmp(last->path, path) == 0 ? last : NULL;
}

/* Owns the path. Returns 0 or -errno. */
static int find(struct leat_directories *ds, char *path, struct leat_directory **ret)
{
    bool no_sync, is_new = false;
    int fd = open_directory(path, &no_sync), r;

    if (fd < 0) {
        free(path);
        return fd;
    }
    r = enter(ds, path, fd, no_sync, ret, &is_new);
    if (is_new)
        look(ds, *ret);
    return r;
}

int leat_directories_find(struct leat_directories *ds, const char *path,
                          struct leat_directory **ret)
{
    char *directory = directory_of(path);
    struct leat_directory *d;
    int r = 0;

    if (!directory)
        return -ENOMEM;
    pthread_mutex_lock(&ds->lock);
    d = find_last(ds, directory);
    if (!d)
        make_room(ds);
    pthread_mutex_unlock(&ds->lock);
    if (d)
        free(directory);
    else
        r = find(ds, directory, &d);
    if (r < 0)
        return r;
    pthread_mutex_lock(&ds->lock);
    while (d->looking)
        pthread_cond_wait(&ds->looked, &ds->lock);
    pthread_mutex_unlock(&ds->lock);
    *ret = d;
    return 0;
}

/* --- directories that the run has made -------------------------------------------------------- */

int leat_directories_made(struct leat_directories *ds, struct leat_directory *parent,
                          const char *path, int fd)
{
    size_t size = strlen(path) + 1;
    struct leat_made *made;
    struct stat info;

    if (fstat(fd, &info) < 0)
        return -errno;
    made = malloc(sizeof *made + size);
    if (!made)
        return -ENOMEM;
    *made = (struct leat_made){.parent = parent, .dev = info.st_dev, .ino = info.st_ino};
    memcpy(made->path, path, size);
    pthread_mutex_lock(&ds->lock);
    made->next = ds->made;
    ds->made = made;
    pthread_mutex_unlock(&ds->lock);
    return 0;
}

void leat_directories_made_changed(struct leat_directories *ds, struct leat_stage *s)
{
    pthread_mutex_lock(&ds->lock);
    /* The list has the last one first, and all before a listed one are listed. */
    for (struct leat_made *made = ds->made; made && !made->listed; made = made->next) {
        made->listed = true;
        made->parent->changed = true;
        made->parent->stage = s;
    }
    pthread_mutex_unlock(&ds->lock);
}

/* If it is not empty, outputs in it have succeeded, or others use it. */
static void unmake(struct leat_directories *ds, const struct leat_made *made)
{
    const char *slash = strrchr(made->path, '/'), *name = slash ? slash + 1 : made->path;
    struct leat_directory *parent = made->parent;
    struct stat info;

    if (parent->fd < 0 && leat_directories_reopen(ds, parent) < 0)
        return;
    if (fstatat(parent->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_dev == made->dev &&
        info.st_ino == made->ino)
        (void)unlinkat(parent->fd, name, AT_REMOVEDIR);
}

void leat_directories_unmake_locked(struct leat_directories *ds)
{
    for (const struct leat_made *made = ds->made; made; made = made->next)
        unmake(ds, made);
}

void leat_directories_unmake(struct leat_directories *ds)
{
    pthread_mutex_lock(&ds->lock);
    leat_directories_unmake_locked(ds);
    pthread_mutex_unlock(&ds->lock);
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

/* The next changed one from *at on, or NULL. */
static struct leat_directory *next_changed(struct leat_directories *ds, size_t *at)
{
    struct leat_directory *d = NULL;

    pthread_mutex_lock(&ds->lock);
    while (!d && *at < ds->n) {
        d = ds->v[*at]->changed ? ds->v[*at] : NULL;
        ++*at;
    }
    pthread_mutex_unlock(&ds->lock);
    return d;
}

int leat_directories_sync_for(struct leat_directories *ds, struct leat_stage *s)
{
    struct leat_directory *d;
    size_t at = 0;

    while ((d = next_changed(ds, &at))) {
        int r = sync_one(ds, d);

        if (r < 0)
            return leat_fail_errno(s, -r, "cannot sync the directory %s", d->path);
        pthread_mutex_lock(&ds->lock);
        d->changed = d->stage != s; /* a later change of another stage is not known to be synced */
        pthread_mutex_unlock(&ds->lock);
    }
    return 0;
}

void leat_directories_sync_again(struct leat_directories *ds)
{
    for (size_t i = 0; i < ds->n; i++)
        if (ds->v[i]->changed)
            (void)sync_one(ds, ds->v[i]); /* the run has failed, and its error is reported */
}
