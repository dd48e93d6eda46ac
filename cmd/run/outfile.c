/* outfile.c - files about a run that the command itself writes, each complete or not at all.
 *
 * A file may replace an older file of its own kind, as in a nightly job, but no other file.
 * Everything that can be checked before the run is checked then: at the end the outputs of the
 * pipeline are committed, and it is too late to ask for another name.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../cmd.h"

#define MARK_MAX 64u
#define TEMP_MAX 64u
#define TEMP_TRIES 100u
#define ATTRIBUTE "user.leat.option" /* of a file: the option by which it was written */

/* --- the name --------------------------------------------------------------------------------- */

/* The inherited descriptor that the path names, or -1: the path names a file. */
static int inherited_number(const char *path)
{
    char *end;
    long n;

    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    if (strncmp(path, "/dev/fd/", 8) != 0 && strncmp(path, "/proc/self/fd/", 14) != 0)
        return -1;
    path = strrchr(path, '/') + 1;
    n = strtol(path, &end, 10);
    return *path && !*end && n >= 0 && n <= INT_MAX ? (int)n : -1;
}

/* Returns 0 or an errno. */
static int check_inherited(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return errno;
    return (flags & O_ACCMODE) == O_RDONLY ? EBADF : 0;
}

/* The target of a symbolic link, or NULL with errno: EINVAL or ENOENT if the path is not a link. */
static char *follow(const char *path)
{
    const char *slash = strrchr(path, '/');
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target);
    struct buf b = {.n = 0};

    if (n < 0)
        return NULL;
    if (target[0] != '/' && slash)
        buf_bytes(&b, path, (size_t)(slash - path) + 1);
    buf_bytes(&b, target, (size_t)n);
    if (!b.failed)
        return b.data;
    buf_free(&b);
    errno = ENOMEM;
    return NULL;
}

/* The path with all symbolic links resolved; the last link may point to a missing file. NULL with
 * errno. */
static char *resolve(const char *path)
{
    char *at = strdup(path);

    while (at) {
        char *real = realpath(at, NULL), *next;

        if (real || errno != ENOENT) {
            free(at);
            return real;
        }
        next = follow(at);
        if (!next && (errno == EINVAL || errno == ENOENT))
            return at;
        free(at);
        at = next;
    }
    return NULL;
}

/* Open the directory, so that renaming it during the run does not matter. Returns 0 or an errno. */
static int find_place(struct outfile *f)
{
    char *path = resolve(f->path), *slash;
    int error = 0;

    if (!path)
        return errno;
    slash = strrchr(path, '/');
    f->name = strdup(slash ? slash + 1 : path);
    if (slash)
        slash[1] = '\0';
    f->dir = open(slash ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0)
        error = errno;
    else if (!f->name)
        error = ENOMEM;
    else if (!*f->name)
        error = EISDIR;
    free(path);
    return error;
}

/* --- the existing file ------------------------------------------------------------------------ */

/* A confined run cannot read a file that another run has put there after its start, but it can see this
 * attribute. Returns 0 or EACCES. */
static int look_at_attribute(const struct outfile *f, bool *ret_ours)
{
    char path[NAME_MAX + 64], option[MARK_MAX];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", f->dir, f->name);
    n = getxattr(path, ATTRIBUTE, option, sizeof option);
    *ret_ours = n == (ssize_t)strlen(f->option) && memcmp(option, f->option, (size_t)n) == 0;
    return *ret_ours ? 0 : EACCES;
}

/* Does the regular file begin with the mark, or is it empty? Returns 0 or an errno. */
static int look_inside(const struct outfile *f, bool *ret_ours)
{
    int fd = openat(f->dir, f->name, O_RDONLY | O_CLOEXEC), error = 0;
    char head[MARK_MAX];
    size_t mark = strlen(f->mark);
    ssize_t n;

    if (fd < 0)
        return errno == EACCES ? look_at_attribute(f, ret_ours) : errno;
    n = read(fd, head, sizeof head);
    if (n < 0)
        error = errno;
    *ret_ours = n == 0 || (n >= (ssize_t)mark && memcmp(head, f->mark, mark) == 0);
    (void)close(fd); /* opened only for reading */
    return error;
}

/* Examine the existing file; st_mode is 0 if there is none. Returns 0 or an errno. */
static int look(const struct outfile *f, struct stat *ret_info, bool *ret_ours)
{
    *ret_ours = true;
    if (fstatat(f->dir, f->name, ret_info, 0) < 0) {
        *ret_info = (struct stat){.st_mode = 0};
        return errno == ENOENT ? 0 : errno;
    }
    if (!S_ISREG(ret_info->st_mode))
        return S_ISDIR(ret_info->st_mode) ? EISDIR : S_ISSOCK(ret_info->st_mode) ? ENXIO : 0;
    return look_inside(f, ret_ours);
}

/* --- the temporary file ----------------------------------------------------------------------- */

/* The name is short, so that it is valid wherever the name of the file is. Returns a descriptor, or
 * -1 with errno. */
static int open_temp(const struct outfile *f, char temp[TEMP_MAX])
{
    for (unsigned i = 0; i < TEMP_TRIES; i++) {
        int fd;

        snprintf(temp, TEMP_MAX, ".leat-%ld.%u.part", (long)getpid(), i);
        fd = openat(f->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static int fail(const struct outfile *f, int error)
{
    return message_fail(f->config, LEAT_EIO, "%s=%s: %s", f->option, f->path, strerror(error));
}

/* Can the directory hold a temporary file? Returns 0, or an exit status after an error message. */
static int try_temp(const struct outfile *f)
{
    char temp[TEMP_MAX];
    int fd = open_temp(f, temp), error;

    if (fd < 0)
        return fail(f, errno);
    error = close(fd) < 0 ? errno : 0;
    if (unlinkat(f->dir, temp, 0) < 0)
        return message_fail(f->config, LEAT_EIO, "%s=%s: cannot remove %s in its directory: %s",
                            f->option, f->path, temp, strerror(errno));
    return error != 0 ? fail(f, error) : 0;
}

/* Copy the mode of the replaced file, and its owner and group if that is allowed. If the group
 * cannot be kept, group and others get only the rights that both had. Returns 0 or an errno. */
static int make_like(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & 0777, common = mode & mode >> 3 & 07;

    if (fchown(fd, old->st_uid, old->st_gid) < 0 && fchown(fd, (uid_t)-1, old->st_gid) < 0)
        mode = (mode & 0700) | common << 3 | common;
    return fchmod(fd, mode) < 0 ? errno : 0;
}

/* --- before the run --------------------------------------------------------------------------- */

int outfile_begin(struct outfile *f, const struct config *c, const char *option, const char *path,
                  const char *mark)
{
    struct stat info;
    bool ours;
    int error;

    *f = (struct outfile){.config = c, .option = option, .path = path, .mark = mark, .dir = -1};
    f->inherited = inherited_number(path);
    if (f->inherited >= 0) {
        error = check_inherited(f->inherited);
        return error != 0 ? fail(f, error) : 0;
    }
    error = find_place(f);
    if (error == 0)
        error = look(f, &info, &ours);
    if (error != 0)
        return fail(f, error);
    if (!ours && !c->settings.force)
        return message_fail(c, LEAT_EEXIST,
                            "%s=%s: the file exists and has other content; --force replaces it",
                            option, path);
    f->replaces = !ours;
    if (S_ISREG(info.st_mode)) {
        f->dev = info.st_dev;
        f->ino = info.st_ino;
    }
    return info.st_mode == 0 || S_ISREG(info.st_mode) ? try_temp(f) : 0;
}

void outfile_done(struct outfile *f)
{
    if (f->config && f->dir >= 0)
        (void)close(f->dir); /* a directory opened with O_PATH */
    free(f->name);
    *f = (struct outfile){.config = NULL};
}

/* --- after the run ---------------------------------------------------------------------------- */

/* Write directly to a pipe or a device. Returns 0 or an errno; ENXIO: a FIFO without a reader. */
static int write_special(const struct outfile *f, const struct buf *b)
{
    int fd = openat(f->dir, f->name, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error = 0;

    if (fd < 0)
        return errno;
    if (fd_write_all(fd, b->data, b->n) < 0)
        error = errno;
    if (close(fd) < 0 && error == 0)
        error = errno;
    return error;
}

/* Returns 0 or an errno. */
static int write_beside(const struct outfile *f, const struct stat *old, const struct buf *b)
{
    char temp[TEMP_MAX];
    int fd = open_temp(f, temp), error;

    if (fd < 0)
        return errno;
    error = old->st_mode != 0 ? make_like(fd, old) : 0;
    if (error == 0 && fd_write_all(fd, b->data, b->n) < 0)
        error = errno;
    if (error == 0) /* not every file system has it */
        (void)fsetxattr(fd, ATTRIBUTE, f->option, strlen(f->option), 0);
    if (close(fd) < 0 && error == 0)
        error = errno;
    if (error == 0 && renameat(f->dir, temp, f->dir, f->name) < 0)
        error = errno;
    if (error != 0)
        (void)unlinkat(f->dir, temp, 0); /* the first error is reported */
    return error;
}

/* Returns 0 or an errno; EEXIST: an output of the run or of another program has appeared there. */
static int write_file(const struct outfile *f, const struct buf *b)
{
    struct stat info;
    bool ours;
    int error = look(f, &info, &ours);

    if (error != 0)
        return error;
    if (!ours && !(f->replaces && f->dev == info.st_dev && f->ino == info.st_ino))
        return EEXIST;
    if (info.st_mode != 0 && !S_ISREG(info.st_mode))
        return write_special(f, b);
    return write_beside(f, &info, b);
}

/* Returns 0 or an errno. */
static int write_inherited(int fd, const struct buf *b)
{
    return fd_write_all(fd, b->data, b->n) < 0 || fd_flush(fd) < 0 ? errno : 0;
}

int outfile_try(const struct outfile *f, const struct buf *b)
{
    if (b->failed)
        return ENOMEM;
    return f->inherited >= 0 ? write_inherited(f->inherited, b) : write_file(f, b);
}

int outfile_write(const struct outfile *f, const struct buf *b)
{
    int error = outfile_try(f, b);

    if (error == EEXIST)
        return message_fail(
            f->config, LEAT_EEXIST,
            "%s=%s: another file has got this name meanwhile, and is kept; give another name",
            f->option, f->path);
    if (error == ENXIO)
        return message_fail(f->config, LEAT_EIO, "%s=%s: it has no reader", f->option, f->path);
    return error != 0 ? fail(f, error) : 0;
}
