/* walk.c - the walk: a stack of directories, and a ring of entries that were found ahead. */

#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/invariant.h"
#include "walk_names.h"

#define AHEAD_BYTES ((off_t)2 << 20) /* of each file */
#define TARGET_SIZE 256u             /* for a link of unknown length */
#define TYPE_TRIES 5u                /* another process may replace a name again and again */
#define FILE_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define DIRECTORY_FLAGS (O_RDONLY | O_CLOEXEC | O_DIRECTORY)

struct level {
    int fd; /* -1: closed, because too many are open */
    dev_t dev;
    ino_t ino;
    size_t first, next, end; /* its names are names[first..end), the next one to find is `next` */
    size_t bytes;            /* of the names before them */
    size_t path_n;           /* bytes of its path */
};

struct slot {
    struct leat_walk_entry e;
    char *path, *target;
    size_t path_size, target_size;
};

struct leat_walk {
    struct leat_stage *stage;
    struct leat_walk_options o;
    struct leat_walk_names names;
    struct level *levels;
    size_t n_levels, levels_size;
    char *path; /* of the entry that is being found, and its parents */
    size_t path_n, path_size;
    char *root; /* as it was named */
    size_t root_size;
    dev_t root_dev;
    struct slot ring[LEAT_WALK_AHEAD + 1];
    size_t head, count; /* entries found: from `head` on; the one before is with the caller */
    bool ended;
};

static size_t at(size_t i)
{
    return i % (LEAT_WALK_AHEAD + 1);
}

/* --- paths ------------------------------------------------------------------------------------ */

static int grow(struct leat_stage *s, char **text, size_t *size, size_t used, size_t least)
{
    size_t larger = *size ? *size : TARGET_SIZE;
    char *grown;

    while (larger < least)
        larger *= 2;
    if (larger == *size)
        return 0;
    grown = leat_alloc_raw(s, larger);
    if (!grown)
        return LEAT_ENOMEM;
    if (used > 0)
        memcpy(grown, *text, used);
    leat_free(s, *text);
    *text = grown;
    *size = larger;
    return 0;
}

/* The path becomes its first `base` bytes, a slash if that is not there yet, and the name. */
static int set_path(struct leat_walk *w, size_t base, const char *name, size_t n)
{
    int r = 0;

    if (base + n + 2 > LEAT_WALK_PATH_MAX)
        return leat_fail(
            w->stage, LEAT_ELIMIT, "a path is longer than %u bytes: …%.200s/%.60s; --exclude it",
            LEAT_WALK_PATH_MAX, base == 0 ? "" : w->path + (base > 200 ? base - 200 : 0), name);
    r = grow(w->stage, &w->path, &w->path_size, base, base + n + 2);
    if (r < 0)
        return r;
    w->path_n = base;
    if (base > 0 && w->path[base - 1] != '/')
        w->path[w->path_n++] = '/';
    memcpy(w->path + w->path_n, name, n);
    w->path_n += n;
    w->path[w->path_n] = '\0';
    return 0;
}

/* A root without doubled slashes and without one at the end. */
static int set_root(struct leat_walk *w, const char *name, size_t n)
{
    size_t to = 0;
    int r = set_path(w, 0, name, n);

    if (r < 0)
        return r;
    for (size_t i = 0; i < w->path_n; i++)
        if (w->path[i] != '/' || to == 0 || w->path[to - 1] != '/')
            w->path[to++] = w->path[i];
    while (to > 1 && w->path[to - 1] == '/')
        to--;
    w->path[to] = '\0';
    w->path_n = to;
    return 0;
}

/* The name in the archive: behind the last `..`, and without a slash at its begin. */
static const char *name_of(const char *path)
{
    const char *name = path;

    for (const char *c = path; *c; c++)
        if ((c == path || c[-1] == '/') && c[0] == '.' && c[1] == '.' && (c[2] == '/' || !c[2]))
            name = c + 2;
    while (*name == '/')
        name++;
    return *name ? name : ".";
}

/* --- levels ----------------------------------------------------------------------------------- */

static struct level *top(struct leat_walk *w)
{
    return w->n_levels ? &w->levels[w->n_levels - 1] : NULL;
}

static int grow_levels(struct leat_walk *w)
{
    size_t size = w->levels_size ? 2 * w->levels_size : LEAT_WALK_OPEN_MAX;
    struct level *levels;

    if (w->n_levels < w->levels_size)
        return 0;
    levels = leat_alloc_raw(w->stage, size * sizeof *levels);
    if (!levels)
        return LEAT_ENOMEM;
    if (w->n_levels > 0)
        memcpy(levels, w->levels, w->n_levels * sizeof *levels);
    leat_free(w->stage, w->levels);
    w->levels = levels;
    w->levels_size = size;
    return 0;
}

/* Enter a directory, whose names were read from names[first] on. Takes fd. */
static int enter(struct leat_walk *w, int fd, const struct stat *st, size_t first, size_t bytes)
{
    int r = grow_levels(w);

    if (r < 0) {
        (void)close(fd); /* was only read, here and below */
        return r;
    }
    w->levels[w->n_levels++] = (struct level){.fd = fd,
                                              .dev = st->st_dev,
                                              .ino = st->st_ino,
                                              .first = first,
                                              .next = first,
                                              .end = w->names.n,
                                              .bytes = bytes,
                                              .path_n = w->path_n};
    if (w->n_levels > LEAT_WALK_OPEN_MAX) {
        struct level *oldest = &w->levels[w->n_levels - 1 - LEAT_WALK_OPEN_MAX];

        if (oldest->fd >= 0)
            (void)close(oldest->fd);
        oldest->fd = -1;
    }
    return 0;
}

/* Above a directory to which a link led is another one than that of the link, so that one is found by its
 * path. */
static int open_above(struct leat_walk *w, const struct level *child, const struct level *parent)
{
    char *end = w->path + parent->path_n, was = *end;
    int fd;

    if (!w->o.dereference)
        return openat(child->fd, "..", DIRECTORY_FLAGS);
    *end = '\0';
    fd = openat(w->o.base, w->path, DIRECTORY_FLAGS);
    *end = was;
    return fd;
}

/* Open the parent of the top level again. */
static int reopen_parent(struct leat_walk *w)
{
    struct level *child = top(w), *parent = child - 1;
    struct stat st;
    int fd = open_above(w, child, parent);

    if (fd < 0 || fstat(fd, &st) < 0) {
        int error = errno;

        if (fd >= 0)
            (void)close(fd);
        return leat_fail_errno(w->stage, error, "%.*s", (int)parent->path_n, w->path);
    }
    if (st.st_dev != parent->dev || st.st_ino != parent->ino) {
        (void)close(fd);
        return leat_fail(w->stage, LEAT_EIO, "%.*s: was moved while it was read; run again",
                         (int)child->path_n, w->path);
    }
    parent->fd = fd;
    return 0;
}

static int leave(struct leat_walk *w)
{
    struct level *l = top(w);
    int r = 0;

    leat_assert(l && l->fd >= 0 && l->next == l->end);
    if (w->n_levels > 1 && l[-1].fd < 0)
        r = reopen_parent(w);
    (void)close(l->fd);
    leat_walk_names_pop(&w->names, l->first, l->bytes);
    w->n_levels--;
    return r;
}

/* --- entries ---------------------------------------------------------------------------------- */

static int collect(struct leat_walk *w, struct slot *slot, int fd)
{
    int r = 0;

    if (w->o.collect)
        slot->e.extra = w->o.collect(w->o.arg, fd, slot->e.st.st_mode, &r);
    return r;
}

/* Returns 0, an errno, or fails (negative), here and below. */
static int found_file(struct leat_walk *w, struct slot *slot, int dir, const char *name, int flags)
{
    const struct level *parent = top(w);
    int fd = openat(dir, name, FILE_FLAGS | flags);

    if (fd < 0)
        return errno;
    slot->e.fd = fd;
    if (fstat(fd, &slot->e.st) < 0)
        return errno;
    if (!S_ISREG(slot->e.st.st_mode))
        return ESTALE;
    slot->e.is_output =
        leat_is_output(w->stage, slot->e.st.st_dev, slot->e.st.st_ino, parent ? parent->dev : 0,
                       parent ? parent->ino : 0, parent ? name : "");
    if (slot->e.st.st_size > 0)
        (void)posix_fadvise(fd, 0, AHEAD_BYTES, POSIX_FADV_WILLNEED); /* only a hint */
    return collect(w, slot, fd);
}

/* Only a link can lead to a directory that contains it. */
static bool is_loop(const struct leat_walk *w, const struct stat *st)
{
    bool is = false;

    for (size_t i = 0; i < w->n_levels && w->o.dereference && !is; i++)
        is = w->levels[i].dev == st->st_dev && w->levels[i].ino == st->st_ino;
    return is;
}

static int found_directory(struct leat_walk *w, struct slot *slot, int dir, const char *name,
                           int flags)
{
    int fd = openat(dir, name, DIRECTORY_FLAGS | flags), r = 0;
    size_t first = w->names.n, bytes = w->names.bytes_n;
    struct stat *st = &slot->e.st;

    if (fd < 0)
        return errno;
    if (fstat(fd, st) < 0)
        r = errno;
    slot->e.is_loop = r == 0 && is_loop(w, st);
    if (slot->e.is_loop)
        r = ELOOP;
    if (r == 0 && slot->e.is_root)
        w->root_dev = st->st_dev;
    if (r == 0)
        r = collect(w, slot, fd);
    if (r == 0 && !w->o.no_recursion && !(w->o.one_file_system && st->st_dev != w->root_dev)) {
        r = leat_walk_names_read(w->stage, &w->names, fd, w->o.sort);
        if (r == 0)
            return enter(w, fd, st, first, bytes);
    }
    (void)close(fd);
    return r;
}

static int found_link(struct leat_walk *w, struct slot *slot, int dir, const char *name)
{
    size_t size = slot->e.st.st_size > 0 ? (size_t)slot->e.st.st_size + 1 : TARGET_SIZE;

    for (;;) {
        ssize_t n;
        int r = grow(w->stage, &slot->target, &slot->target_size, 0, size);

        if (r < 0)
            return r;
        n = readlinkat(dir, name, slot->target, slot->target_size);
        if (n < 0)
            return errno == EINVAL ? ESTALE : errno;
        if ((size_t)n < slot->target_size) {
            slot->target[n] = '\0';
            slot->e.target = slot->target;
            return 0;
        }
        size = 2 * slot->target_size; /* it has grown */
        if (size > LEAT_WALK_PATH_MAX)
            return ENAMETOOLONG;
    }
}

/* `type`: DT_*, as the directory or the last stat says. */
static int found(struct leat_walk *w, struct slot *slot, int dir, const char *name, unsigned type,
                 bool follow)
{
    int flags = follow ? 0 : O_NOFOLLOW;

    if (type == DT_REG)
        return found_file(w, slot, dir, name, flags);
    if (type == DT_DIR)
        return found_directory(w, slot, dir, name, flags);
    if (fstatat(dir, name, &slot->e.st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return errno;
    if (S_ISREG(slot->e.st.st_mode) || S_ISDIR(slot->e.st.st_mode)) /* these are opened */
        return ESTALE;
    return S_ISLNK(slot->e.st.st_mode) ? found_link(w, slot, dir, name) : 0;
}

static void reset(struct leat_walk *w, struct slot *slot)
{
    if (slot->e.fd >= 0)
        (void)close(slot->e.fd);
    leat_free(w->stage, slot->e.extra);
    slot->e = (struct leat_walk_entry){.fd = -1};
}

static bool is_other_type(int error)
{
    return error == ELOOP || error == ENOTDIR || error == ENXIO || error == ESTALE;
}

/* The type may be unknown, or another than a moment ago: then stat says it. */
static int find(struct leat_walk *w, struct slot *slot, int dir, const char *name, unsigned type,
                bool is_root)
{
    bool follow = w->o.dereference || (is_root && name[strlen(name) - 1] == '/');
    int r = ESTALE;

    slot->e.is_root = is_root;
    if (type != DT_UNKNOWN)
        r = found(w, slot, dir, name, type, follow);
    for (unsigned i = 0; i < TYPE_TRIES && is_other_type(r) && !slot->e.is_loop; i++) {
        struct stat st;

        reset(w, slot);
        slot->e.is_root = is_root;
        if (fstatat(dir, name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
            r = errno;
        else
            r = found(w, slot, dir, name, IFTODT(st.st_mode), follow);
    }
    if (r < 0)
        return r;
    slot->e.error = r;
    slot->e.is_dangling =
        r == ENOENT && follow && fstatat(dir, name, &slot->e.st, AT_SYMLINK_NOFOLLOW) == 0;
    r = grow(w->stage, &slot->path, &slot->path_size, 0, w->path_n + 1);
    if (r < 0)
        return r;
    return 1;
}

static bool is_excluded(const struct leat_walk *w)
{
    return w->o.exclude && leat_match_any(w->o.exclude, w->path, w->path_n);
}

static int finish(struct leat_walk *w, struct slot *slot, size_t path_n, int r)
{
    if (r != 1)
        return r;
    memcpy(slot->path, w->path, path_n);
    slot->path[path_n] = '\0';
    slot->e.path = slot->path;
    slot->e.name = name_of(slot->path);
    w->count++;
    return 1;
}

static int next_root(struct leat_walk *w, struct slot *slot)
{
    size_t n = 0;
    const char *name = w->o.next_root(w->o.arg, &n);
    int r;

    w->ended = !name;
    if (!name)
        return 0;
    if (memchr(name, '\0', n))
        return leat_fail(w->stage, LEAT_EUSAGE, "the name %s… has a NUL; with -0 a NUL ends it",
                         name);
    r = grow(w->stage, &w->root, &w->root_size, 0, n + 1);
    if (r == 0)
        r = set_root(w, name, n);
    if (r < 0 || is_excluded(w))
        return r < 0 ? r : 1;
    memcpy(w->root, name, n);
    w->root[n] = '\0';
    return finish(w, slot, w->path_n, find(w, slot, w->o.base, w->root, DT_UNKNOWN, true));
}

/* Find one more entry. Returns 1, perhaps without one; 0: there are no more; or fails. */
static int find_next(struct leat_walk *w)
{
    struct slot *slot = &w->ring[at(w->head + w->count)];
    struct level *l = top(w);
    const struct leat_walk_name *name;
    int r;

    if (!l)
        return w->ended ? 0 : next_root(w, slot);
    if (l->next == l->end) {
        r = leave(w);
        return r < 0 ? r : 1;
    }
    name = &w->names.v[l->next++];
    r = set_path(w, l->path_n, w->names.bytes + name->at, name->n);
    if (r < 0 || is_excluded(w))
        return r < 0 ? r : 1;
    /* The list of names moves when it grows, the path does not. */
    return finish(w, slot, w->path_n,
                  find(w, slot, l->fd, w->path + w->path_n - name->n, name->type, false));
}

/* --- the walk --------------------------------------------------------------------------------- */

struct leat_walk *leat_walk_new(struct leat_stage *stage, const struct leat_walk_options *options)
{
    struct leat_walk *w = leat_alloc(stage, sizeof *w);

    if (!w)
        return NULL;
    w->stage = stage;
    w->o = *options;
    for (size_t i = 0; i <= LEAT_WALK_AHEAD; i++)
        w->ring[i].e.fd = -1;
    w->head = 1; /* the one before is with the caller, at first an empty one */
    return w;
}

int leat_walk_next(struct leat_walk *w, struct leat_walk_entry **ret_entry)
{
    int r = 1;

    reset(w, &w->ring[at(w->head + LEAT_WALK_AHEAD)]);
    while (r == 1 && w->count < LEAT_WALK_AHEAD)
        r = w->o.is_cancelled(w->o.arg) ? LEAT_ECANCELLED : find_next(w);
    if (r < 0 || w->count == 0)
        return r;
    *ret_entry = &w->ring[at(w->head)].e;
    w->head++;
    w->count--;
    return 1;
}

void leat_walk_free(struct leat_walk *w)
{
    if (!w)
        return;
    for (size_t i = 0; i <= LEAT_WALK_AHEAD; i++) {
        reset(w, &w->ring[i]);
        leat_free(w->stage, w->ring[i].path);
        leat_free(w->stage, w->ring[i].target);
    }
    for (size_t i = 0; i < w->n_levels; i++)
        if (w->levels[i].fd >= 0)
            (void)close(w->levels[i].fd);
    leat_walk_names_free(w->stage, &w->names);
    leat_free(w->stage, w->levels);
    leat_free(w->stage, w->path);
    leat_free(w->stage, w->root);
    leat_free(w->stage, w);
}
