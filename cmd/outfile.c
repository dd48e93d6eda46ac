/* outfile.c - files that the command itself writes, about a run: all of one or nothing of it.
 *
 * Such a file may take the place of one of its own kind, as a nightly job's does every night, but
 * not of any other.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"

#define MARK_MAX 64u

/* Does the regular file begin with the mark, or is it empty? Returns 0 or an errno. */
static int look_inside(const struct outfile *f, bool *ret_ours)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC), error = 0;
    char head[MARK_MAX];
    size_t mark = strlen(f->mark);
    ssize_t n;

    if (fd < 0)
        return errno;
    n = read(fd, head, sizeof head);
    if (n < 0)
        error = errno;
    *ret_ours = n == 0 || (n >= (ssize_t)mark && memcmp(head, f->mark, mark) == 0);
    (void)close(fd); /* was only read */
    return error;
}

/* Can a file be put beside this one? Returns 0 or an errno. */
static int check_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int error = dir && access(dir, W_OK | X_OK) == 0 ? 0 : errno;

    free(dir);
    return error;
}

/* Looks at what is there, which is of mode 0 if nothing is. Returns 0 or an errno: why it cannot be
 * written to, or replaced. */
static int look(const struct outfile *f, struct stat *ret_info, bool *ret_ours)
{
    int error;

    *ret_ours = true;
    if (stat(f->path, ret_info) < 0) {
        *ret_info = (struct stat){.st_mode = 0};
        return errno == ENOENT ? check_directory(f->path) : errno;
    }
    if (!S_ISREG(ret_info->st_mode))
        return S_ISDIR(ret_info->st_mode) ? EISDIR : 0;
    error = check_directory(f->path);
    return error != 0 ? error : look_inside(f, ret_ours);
}

static int fail(const struct outfile *f, int error)
{
    return message_fail(f->config, LEAT_EIO, "%s=%s: %s", f->option, f->path, strerror(error));
}

int outfile_begin(struct outfile *f, const struct config *c, const char *option, const char *path,
                  const char *mark)
{
    struct stat info;
    bool ours;
    int error;

    *f = (struct outfile){.config = c, .option = option, .path = path, .mark = mark};
    if (strcmp(path, "-") == 0)
        return 0;
    error = look(f, &info, &ours);
    if (error != 0)
        return fail(f, error);
    if (!ours && !c->settings.force)
        return message_fail(c, LEAT_EEXIST,
                            "%s=%s: the file is there and is something else; --force replaces it",
                            option, path);
    f->replaces = !ours;
    f->dev = info.st_dev;
    f->ino = info.st_ino;
    return 0;
}

/* A pipe or a device is written to as it is. Returns 0 or an errno; ENXIO: nobody reads it. */
static int write_special(const char *path, const struct buf *b)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error = 0;

    if (fd < 0)
        return errno;
    if (fd_write_all(fd, b->data, b->n) < 0)
        error = errno;
    if (close(fd) < 0 && error == 0)
        error = errno;
    return error;
}

/* Returns 0 or an errno. */
static int write_beside(const char *path, const char *beside, const struct buf *b)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), error;

    if (fd < 0)
        return errno;
    error = fd_write_all(fd, b->data, b->n) < 0 ? errno : 0;
    if (close(fd) < 0 && error == 0)
        error = errno;
    if (error == 0 && rename(beside, path) < 0)
        error = errno;
    if (error != 0)
        (void)unlink(beside);
    return error;
}

/* Returns 0 or an errno; EEXIST: an output of the run, or of somebody else, is there by now. */
static int write_file(const struct outfile *f, const struct buf *b)
{
    struct buf beside = {.n = 0};
    struct stat info;
    bool ours;
    int error = look(f, &info, &ours);

    if (error != 0)
        return error;
    if (!ours && !(f->replaces && f->dev == info.st_dev && f->ino == info.st_ino))
        return EEXIST;
    if (info.st_mode != 0 && !S_ISREG(info.st_mode))
        return write_special(f->path, b);
    buf_add(&beside, "%s.%ld.part", f->path, (long)getpid());
    error = beside.failed ? ENOMEM : write_beside(f->path, buf_text(&beside), b);
    buf_free(&beside);
    return error;
}

int outfile_write(const struct outfile *f, const struct buf *b)
{
    int error = b->failed ? ENOMEM : 0;

    if (error == 0 && strcmp(f->path, "-") == 0)
        error = fd_write_all(STDOUT_FILENO, b->data, b->n) < 0 || fd_flush(STDOUT_FILENO) < 0
                    ? errno
                    : 0;
    else if (error == 0)
        error = write_file(f, b);
    if (error == EEXIST)
        return message_fail(f->config, LEAT_EEXIST,
                            "%s=%s: something else is there by now, and stays; give another name",
                            f->option, f->path);
    if (error == ENXIO)
        return message_fail(f->config, LEAT_EIO, "%s=%s: nobody reads it", f->option, f->path);
    return error != 0 ? fail(f, error) : 0;
}
