/* tree_path.c - the directories of a tree that is written, and the names in them. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/invariant.h"
#include "tree_impl.h"

#define BLOCK_BYTES ((size_t)65536) /* of records */

struct leat_tree_block {
    struct leat_tree_block *next;
    size_t used, size;
    char data[];
};

void leat_tree_begin(struct leat_tree_writer *t, struct leat_stage *s, struct leat_reader *rd,
                     const struct leat_tree_options *options, int root, int unfinished)
{
    *t = (struct leat_tree_writer){.stage = s,
                                   .reader = rd,
                                   .options = *options,
                                   .root = root,
                                   .unfinished = unfinished,
                                   .parent.fd = -1,
                                   .above.fd = -1,
                                   .fd = -1};
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing was written, or the run has failed */
    *fd = -1;
}

void leat_tree_end(struct leat_tree_writer *t)
{
    leat_tree_small_free(t);
    leat_tree_attributes_end(t);
    close_fd(&t->parent.fd);
    close_fd(&t->above.fd);
    close_fd(&t->fd);
    while (t->blocks) {
        struct leat_tree_block *block = t->blocks;

        t->blocks = block->next;
        leat_free(t->stage, block);
    }
    leat_free(t->stage, t->parent.name);
    leat_free(t->stage, t->name);
    leat_free(t->stage, t->above.name);
    t->parent.name = t->above.name = t->name = NULL;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Memory that lasts until leat_tree_end. NULL: recorded as the stage's failure. */
static void *keep(struct leat_tree_writer *t, size_t n)
{
    struct leat_tree_block *b = t->blocks;

    n = (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    if (!b || b->size - b->used < n) {
        size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;

        b = leat_alloc_raw(t->stage, sizeof *b + size);
        if (!b)
            return NULL;
        *b = (struct leat_tree_block){.next = t->blocks, .size = size};
        t->blocks = b;
    }
    b->used += n;
    leat_assert(b->used <= b->size);
    return b->data + b->used - n;
}

void *leat_tree_keep(struct leat_tree_writer *t, const void *data, size_t n)
{
    void *to = keep(t, n);

    return to ? memcpy(to, data, n) : NULL;
}

struct leat_tree_record *leat_tree_add_record(struct leat_tree_writer *t,
                                              struct leat_tree_record **list, const char *name,
                                              const char *target)
{
    size_t n = strlen(name) + 1, target_n = target ? strlen(target) + 1 : 0;
    struct leat_tree_record *record = keep(t, sizeof *record + n + target_n);

    if (!record)
        return NULL;
    *record = (struct leat_tree_record){.next = *list, .uid = -1, .gid = -1};
    memcpy(record->name, name, n);
    if (target)
        record->target = memcpy(record->name + n, target, target_n);
    *list = record;
    return record;
}

int leat_tree_set_text(struct leat_stage *s, char **text, size_t *size, const char *from, size_t n)
{
    if (*size < n + 1) {
        char *more = leat_alloc_raw(s, 2 * (n + 1));

        if (!more)
            return LEAT_ENOMEM;
        leat_free(s, *text);
        *text = more;
        *size = 2 * (n + 1);
    }
    memcpy(*text, from, n);
    (*text)[n] = '\0';
    return 0;
}

/* --- directories ------------------------------------------------------------------------------ */

static int fail_path(struct leat_tree_writer *t, const char *path, int err)
{
    if (err == ELOOP || err == ENOTDIR || err == EXDEV)
        return leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                "it would be written through %s, which is a link or no directory",
                                path);
    return leat_reader_fail_errno(t->reader, err, "cannot enter %s", path);
}

/* The kernel resolves the whole path without links. Returns a descriptor, or -1 with errno. */
static int open_beneath(struct leat_tree_writer *t, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd;

    do
        fd = t->no_openat2 ? -1 : (int)syscall(SYS_openat2, t->root, path, &how, sizeof how);
    while (fd < 0 && !t->no_openat2 && leat_tree_small_frees(t, errno));
    /* A sandbox may refuse a call that it does not know with EPERM. */
    if (fd < 0 && !t->no_openat2 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
        t->no_openat2 = true;
    if (t->no_openat2)
        errno = ENOSYS;
    return fd;
}

/* Returns a descriptor, or -1 with errno. */
static int open_component(struct leat_tree_writer *t, int at, const char *name)
{
    int fd;

    do
        fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (fd < 0 && leat_tree_small_frees(t, errno));
    return fd;
}

/* Open one component, or make it: archives need not have entries for their directories. Returns a
 * descriptor, or fails the stage. */
static int go_down(struct leat_tree_writer *t, int at, const char *path, const char *name)
{
    int fd = open_component(t, at, name);

    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        return fail_path(t, path, errno);
    if (mkdirat(at, name, 0777) < 0 && errno != EEXIST) /* another process may have made it */
        return leat_reader_fail_errno(t->reader, errno, "cannot make the directory %s", path);
    fd = open_component(t, at, name);
    return fd < 0 ? fail_path(t, path, errno) : fd;
}

/* One component after another; `path` is changed and restored. */
static int walk(struct leat_tree_writer *t, char *path)
{
    int at = t->root;

    for (char *name = path, *slash; name; name = slash ? slash + 1 : NULL) {
        int fd;

        slash = strchr(name, '/');
        if (slash)
            *slash = '\0';
        fd = go_down(t, at, path, name);
        if (slash)
            *slash = '/';
        if (at != t->root)
            (void)close(at); /* nothing was written */
        if (fd < 0)
            return fd;
        at = fd;
    }
    return at;
}

/* Is it the directory of the first n bytes of the name? */
static bool is_open(const struct leat_tree_directory *d, const char *name, size_t n)
{
    return d->fd >= 0 && strncmp(d->name, name, n) == 0 && !d->name[n];
}

/* Is the directory of the first n bytes of the name below it? */
static bool is_below(const struct leat_tree_directory *d, const char *name, size_t n)
{
    size_t own = d->fd >= 0 ? strlen(d->name) : n;

    return own < n && strncmp(d->name, name, own) == 0 && name[own] == '/';
}

static void swap(struct leat_tree_directory *a, struct leat_tree_directory *b)
{
    struct leat_tree_directory was = *a;

    *a = *b;
    *b = was;
}

bool leat_tree_parent_is_open(const struct leat_tree_writer *t, const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;

    return n == 0 || is_open(&t->parent, name, n) || is_open(&t->above, name, n);
}

/* The directory of a name, and the name in it. The one above stays open for the names that come after those
 * of a directory in it. Returns a descriptor of the tree, or fails the stage. */
int leat_tree_parent(struct leat_tree_writer *t, const char *name, const char **ret_base)
{
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;
    int r;

    *ret_base = slash ? slash + 1 : name;
    if (n == 0)
        return t->root;
    if (is_open(&t->parent, name, n))
        return t->parent.fd;
    if (is_open(&t->above, name, n)) {
        swap(&t->parent, &t->above);
        return t->parent.fd;
    }
    if (is_below(&t->parent, name, n))
        swap(&t->parent, &t->above);
    if (t->parent.fd >= 0)
        leat_tree_small_close(t, t->parent.fd);
    t->parent.fd = -1;
    r = leat_tree_set_text(t->stage, &t->parent.name, &t->parent.size, name, n);
    if (r < 0)
        return r;
    t->parent.fd = open_beneath(t, t->parent.name);
    if (t->parent.fd < 0 && errno != ENOENT && errno != ENOSYS && errno != ENAMETOOLONG)
        return fail_path(t, t->parent.name, errno);
    if (t->parent.fd < 0) {
        r = walk(t, t->parent.name);
        t->parent.fd = r < 0 ? -1 : r;
    }
    return r < 0 ? r : t->parent.fd;
}

/* --- names that are there already ------------------------------------------------------------- */

#define PROBE ".leat-\xc3\xa9" /* a composed letter, and below the same one of two characters */

/* Does the file system ignore case or normalise Unicode, so that different names stand for the same file?
 * It is asked in the root, once; all that is made below has its properties. Returns 1, 0, or fails the stage. */
static int folds_names(struct leat_tree_writer *t)
{
    struct stat info;
    int fd;

    if (t->compared)
        return t->folds;
    t->compared = t->folds = true;
    fd = openat(t->root, PROBE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return true;
    t->folds = fstatat(t->root, ".LEAT-\xc3\xa9", &info, AT_SYMLINK_NOFOLLOW) == 0 ||
               fstatat(t->root, ".leat-e\xcc\x81", &info, AT_SYMLINK_NOFOLLOW) == 0;
    (void)close(fd); /* nothing was written */
    if (unlinkat(t->root, PROBE, 0) < 0)
        return leat_reader_fail_errno(t->reader, errno, "%s", PROBE);
    return t->folds;
}

/* Has the directory an entry of exactly this name? */
static bool has_exactly(int at, const char *name)
{
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    bool found = false;

    if (!dir) {
        close_fd(&fd);
        return true;
    }
    while (!found && (entry = readdir(dir)))
        found = strcmp(entry->d_name, name) == 0;
    (void)closedir(dir);
    return found;
}

/* Something has the name. A later entry replaces an earlier one, as with tar -r, but nothing replaces a
 * directory. Returns 0: the name is free now; or fails the stage. */
static int replace(struct leat_tree_writer *t, int at, const char *base)
{
    struct stat info;
    int folds;

    if (fstatat(at, base, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : leat_reader_fail_errno(t->reader, errno, "%s", "");
    if (S_ISDIR(info.st_mode))
        return leat_reader_fail(t->reader, LEAT_ECORRUPT, "a directory has this name already");
    folds = t->unfinished < 0 ? folds_names(t) : 0;
    if (folds < 0)
        return folds;
    if (folds && !has_exactly(at, base))
        return leat_reader_fail(
            t->reader, LEAT_ECORRUPT,
            "in this file system its name is the same as that of another entry");
    if (unlinkat(at, base, 0) < 0 && errno != ENOENT)
        return leat_reader_fail_errno(t->reader, errno, "cannot replace the file");
    return 0;
}

int leat_tree_replace(struct leat_tree_writer *t, int at, const char *base)
{
    int r = replace(t, at, base);

    errno = EEXIST; /* the reason of the caller, if it has tried often enough */
    return r;
}
