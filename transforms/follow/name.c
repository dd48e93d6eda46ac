/* name.c - one followed name, and the files that it belonged to.
 *
 * A file keeps its descriptor until it was read to its end, so its inode cannot be used again meanwhile. When the
 * name belongs to another inode, the old file is read on: a program that holds it open may still write to it.
 */

#include "name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS 1000000u

static int make_dir(struct leat_stage *s, struct leat_follow_name *name)
{
    const char *slash = strrchr(name->path, '/');
    const char *base = slash ? slash + 1 : name->path;
    size_t n = !slash ? 1 : slash == name->path ? 1 : (size_t)(slash - name->path);

    name->dir = leat_alloc(s, n + 1);
    if (!name->dir)
        return LEAT_ENOMEM;
    name->base = base;
    memcpy(name->dir, slash ? name->path : ".", n);
    return 0;
}

static void close_file(struct leat_follow_file *f, struct leat_follow_notify *notify)
{
    if (f->fd < 0)
        return;
    if (notify)
        leat_follow_notify_drop(notify, f->watch);
    (void)close(f->fd); /* it was only read */
    f->fd = f->watch = -1;
}

/* Returns the descriptor of a regular file, with its status; or -errno. */
static int open_regular(const char *path, struct stat *ret_info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, ret_info) < 0)
        error = errno;
    else if (!S_ISREG(ret_info->st_mode))
        error = S_ISDIR(ret_info->st_mode) ? EISDIR : EINVAL;
    if (error == 0)
        return fd;
    (void)close(fd); /* it was only asked */
    return -error;
}

static bool is_of(const struct leat_follow_file *f, const struct stat *info)
{
    return f->dev == info->st_dev && f->ino == info->st_ino;
}

/* A file that was closed before, such as that of a rename that was taken back: no line is read twice. An inode that was
 * used again has another content. */
static struct leat_follow_file *take_known(struct leat_follow_name *name, const struct stat *info,
                                           int fd)
{
    struct stat now;

    for (unsigned i = 0; i < FOLLOW_KNOWN && name->known[i]; i++) {
        struct leat_follow_file *f = name->known[i];

        if (!is_of(f, info) || fstat(fd, &now) < 0 || (uint64_t)now.st_size < f->offset ||
            !leat_follow_file_is_same(f, fd))
            continue;
        for (; i + 1 < FOLLOW_KNOWN; i++)
            name->known[i] = name->known[i + 1];
        name->known[FOLLOW_KNOWN - 1] = NULL;
        return f;
    }
    return NULL;
}

static void keep_known(struct leat_stage *s, struct leat_follow_name *name,
                       struct leat_follow_file *f)
{
    leat_free(s, name->known[FOLLOW_KNOWN - 1]);
    for (unsigned i = FOLLOW_KNOWN - 1; i > 0; i--)
        name->known[i] = name->known[i - 1];
    name->known[0] = f;
}

/* Add the open file as the newest one. */
static int add_file(struct leat_stage *s, struct leat_follow_name *name, int fd,
                    const struct stat *info, struct leat_follow_notify *notify)
{
    struct leat_follow_file *f = take_known(name, info, fd);

    if (!f)
        f = leat_alloc(s, sizeof *f);
    if (!f) {
        (void)close(fd); /* it was only asked */
        return LEAT_ENOMEM;
    }
    f->fd = fd;
    f->dev = info->st_dev;
    f->ino = info->st_ino;
    f->watch = leat_follow_notify_file(notify, fd);
    f->dirty = true;
    f->left = f->final = name->untold = false;
    f->grew_ns = leat_clock_ns(s);
    name->files[name->n++] = f;
    return 0;
}

static int refused(struct leat_stage *s, const struct leat_follow_name *name, int error)
{
    if (error == EINVAL)
        return leat_fail(s, LEAT_EUSAGE, "%s: is not a regular file; see read", name->path);
    return leat_fail_errno(s, error, "%s", name->path);
}

/* Watch the directory of that path, which may be a new one. */
static void watch_dir(struct leat_follow_name *name, struct leat_follow_notify *notify)
{
    int watch = leat_follow_notify_dir(notify, name->dir);

    if (watch < 0 || watch == name->dir_watch)
        return;
    name->dir_watch = watch;
    if (name->dir_fd >= 0)
        (void)close(name->dir_fd); /* it was only read */
    name->dir_fd = open(name->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The kernel queues the event of a change before it unlocks the directory, and locks it to read. */
void leat_follow_name_settle_dir(const struct leat_follow_name *name)
{
    uint8_t some[1024];

    if (name->dir_fd >= 0)
        (void)getdents64(name->dir_fd, some,
                         sizeof some); /* after its end there is nothing to read */
}

int leat_follow_name_open(struct leat_stage *s, struct leat_follow_name *name, const char *path,
                          bool missing_ok, struct leat_follow_notify *notify, int *ret_fd,
                          struct stat *ret_info)
{
    int fd;

    name->path = path;
    name->dir_watch = name->dir_fd = *ret_fd = -1;
    if (make_dir(s, name) < 0)
        return LEAT_ENOMEM;
    watch_dir(name, notify);
    fd = open_regular(path, ret_info);
    if (fd == -ENOENT && missing_ok && access(name->dir, X_OK) == 0)
        return 0;
    if (fd < 0)
        return refused(s, name, -fd);
    *ret_fd = fd;
    return 0;
}

void leat_follow_name_close(struct leat_stage *s, struct leat_follow_name *name)
{
    for (unsigned i = 0; i < name->n; i++) {
        close_file(name->files[i], NULL);
        leat_free(s, name->files[i]);
    }
    name->n = 0;
    for (unsigned i = 0; i < FOLLOW_KNOWN; i++) {
        leat_free(s, name->known[i]);
        name->known[i] = NULL;
    }
    if (name->dir_fd >= 0)
        (void)close(name->dir_fd); /* it was only read */
    name->dir_fd = -1;
    leat_free(s, name->dir);
    name->dir = NULL;
}

int leat_follow_name_find(const struct leat_follow_name *name, const char *file,
                          struct stat *ret_info)
{
    size_t dir = strlen(name->dir), base = strlen(file);
    char path[PATH_MAX];

    if (dir + base + 2 > sizeof path)
        return -ENAMETOOLONG;
    memcpy(path, name->dir, dir);
    path[dir] = '/';
    memcpy(path + dir + 1, file, base + 1);
    return open_regular(path, ret_info);
}

int leat_follow_name_add(struct leat_stage *s, struct leat_follow_name *name, int fd,
                         const struct stat *info, struct leat_follow_notify *notify)
{
    for (unsigned i = 0; i < name->n; i++)
        if (is_of(name->files[i], info)) {
            (void)close(fd); /* it was only asked */
            return 0;
        }
    if (name->n == FOLLOW_FILES_MAX) {
        (void)close(fd);
        return 0;
    }
    if (name->n > 0)
        name->files[name->n - 1]->left = true;
    return add_file(s, name, fd, info, notify);
}

/* Another file has the name. One that is made now may get its mode or owner only after that. */
static int open_new(struct leat_stage *s, struct leat_follow_name *name, uint64_t grace_ms,
                    struct leat_follow_notify *notify)
{
    struct stat info;
    int fd = open_regular(name->path, &info);
    uint64_t now = leat_clock_ns(s);

    if (fd == -ENOENT)
        return 0;
    if (fd >= 0) {
        name->refused_ns = 0;
        return add_file(s, name, fd, &info, notify);
    }
    if (name->refused_ns == 0)
        name->refused_ns = now > 0 ? now : 1;
    if (now - name->refused_ns <= grace_ms * MS)
        return 0;
    if (fd == -EACCES)
        return leat_fail_errno(s, EACCES, "%s; is it a link to another directory? See --sandbox",
                               name->path);
    return refused(s, name, -fd);
}

int leat_follow_name_look(struct leat_stage *s, struct leat_follow_name *name, bool opens,
                          uint64_t grace_ms, struct leat_follow_notify *notify)
{
    struct leat_follow_file *newest = name->n > 0 ? name->files[name->n - 1] : NULL;
    struct stat info;

    watch_dir(name, notify);
    if (stat(name->path, &info) < 0) {
        if (newest)
            newest->left = true;
        return 0;
    }
    if (newest && is_of(newest, &info)) {
        newest->left = name->untold = false;
        return 0;
    }
    if (newest)
        newest->left = true;
    if (name->dir_watch >= 0) { /* inotify tells of the files in their order, so it comes first */
        bool again = name->untold;

        name->untold = opens || name->untold;
        if (!opens || !again)
            return 0;
    }
    if (name->n == FOLLOW_FILES_MAX)
        return 0; /* looked for again when one of them is closed */
    return open_new(s, name, grace_ms, notify);
}

static void drop_oldest(struct leat_stage *s, struct leat_follow_name *name,
                        struct leat_follow_notify *notify)
{
    close_file(name->files[0], notify);
    keep_known(s, name, name->files[0]);
    name->n--;
    memmove(name->files, name->files + 1, name->n * sizeof *name->files);
}

/* Is there something to read after the oldest file? */
static bool has_newer(const struct leat_follow_name *name)
{
    struct stat info;

    return name->n > 1 && (name->n > 2 || fstat(name->files[1]->fd, &info) < 0 || info.st_size > 0);
}

bool leat_follow_name_settle(struct leat_stage *s, struct leat_follow_name *name, uint64_t grace_ms,
                             struct leat_follow_notify *notify, struct leat_follow_counts *counts,
                             uint64_t *ret_ms)
{
    struct leat_follow_file *f = name->files[0];
    struct stat info = {0};
    uint64_t now = leat_clock_ns(s), quiet_ms;

    if (f->final) {
        drop_oldest(s, name, notify);
        return true;
    }
    if (!f->left)
        return false;
    if (leat_follow_file_unwritten(f)) {
        f->final = true; /* what was written before is read now */
        return true;
    }
    if (fstat(f->fd, &info) == 0 && (uint64_t)info.st_size != f->size) {
        f->size = (uint64_t)info.st_size;
        f->grew_ns = now;
    }
    if (!has_newer(name) && info.st_nlink > 0)
        return false;
    quiet_ms = (now - f->grew_ns) / MS;
    if (quiet_ms < grace_ms) {
        *ret_ms = grace_ms - quiet_ms < *ret_ms ? grace_ms - quiet_ms : *ret_ms;
        return false;
    }
    counts->written++;
    f->final = true;
    return true;
}
