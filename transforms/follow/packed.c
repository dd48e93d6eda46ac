/* packed.c - rotated files that were compressed while nobody followed them.
 *
 * The content tells which one is the file of the place, so one that was read to its end is not read twice. What was not
 * read of it goes to a temporary file, which is then read like any other.
 */

#include "packed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "siblings.h"
#include "unpack_gz.h"

#define NS_PER_S 1000000000
#define OTHER 1 /* it has another content */
#define TMP_DEFAULT "/var/tmp"

struct search {
    struct leat_stage *stage;
    const struct leat_follow_file *place;
    uint64_t at; /* of the decoded content */
    int fd;      /* of the temporary file; -1: nothing is in it */
};

/* The newest one, whose lines may not have been read. */
struct newest {
    int64_t changed_ns;
    char file[NAME_MAX + 1];
};

static int64_t changed(const struct stat *info)
{
    return (int64_t)info->st_mtim.tv_sec * NS_PER_S + info->st_mtim.tv_nsec;
}

/* Is the part of `data` that lies in [from, from + n) of the content the same as `want`? */
static bool agrees(const struct search *q, const uint8_t *data, size_t len, const uint8_t *want,
                   uint64_t from, size_t n)
{
    uint64_t begin = q->at > from ? q->at : from;
    uint64_t end = q->at + len < from + n ? q->at + len : from + n;

    return begin >= end || memcmp(data + (begin - q->at), want + (begin - from), end - begin) == 0;
}

static int write_at(int fd, const uint8_t *data, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t r = pwrite(fd, data, n, (off_t)at);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        data += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return 0;
}

/* The part that was read before is a hole, but for the bytes that are compared. */
static int make_temporary(struct search *q)
{
    const struct leat_follow_file *f = q->place;
    const char *dir = getenv("TMPDIR");
    int r;

    q->fd = open(dir && *dir ? dir : TMP_DEFAULT, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (q->fd < 0)
        return -errno;
    r = write_at(q->fd, f->head, f->head_len, 0);
    return r == 0 ? write_at(q->fd, f->tail, f->tail_len, f->offset - f->tail_len) : r;
}

static int take(void *arg, const uint8_t *data, size_t n)
{
    struct search *q = arg;
    const struct leat_follow_file *f = q->place;
    size_t read = f->offset > q->at ? (f->offset - q->at < n ? (size_t)(f->offset - q->at) : n) : 0;
    int r = 0;

    if (!agrees(q, data, n, f->head, 0, f->head_len) ||
        !agrees(q, data, n, f->tail, f->offset - f->tail_len, f->tail_len))
        return OTHER;
    if (q->at + n > f->offset && q->fd < 0)
        r = make_temporary(q);
    if (r == 0 && n > read)
        r = write_at(q->fd, data + read, n - read, q->at + read);
    q->at += n;
    return r;
}

static void drop(struct search *q)
{
    if (q->fd >= 0)
        (void)close(q->fd); /* it has no name, and is not needed */
    q->fd = -1;
}

/* Returns 0: it is the file of the place; OTHER; or -errno. */
static int decode(struct search *q, int fd)
{
    int r = leat_follow_unpack_gz(q->stage, fd, take, q);

    if (r == 0 && q->at < q->place->offset)
        r = OTHER;
    if (r == 0 && q->fd < 0) /* all was read */
        r = make_temporary(q);
    if (r != 0)
        drop(q);
    return r == -EBADMSG ? OTHER : r;
}

static bool is_gz(const char *file)
{
    size_t n = strlen(file);

    return n > 3 && strcmp(file + n - 3, ".gz") == 0;
}

/* Returns 0, or fails the stage. */
static int look_at(struct search *q, const struct leat_follow_name *name, const char *file,
                   struct newest *found, struct newest *newest)
{
    struct stat info;
    int fd = leat_follow_name_find(name, file, &info), r = OTHER;

    if (fd < 0)
        return 0; /* no regular file, or gone */
    if (is_gz(file) && q->fd < 0 && q->place->head_len > 0) {
        q->at = 0;
        r = decode(q, fd);
    }
    (void)close(fd); /* it was only read */
    if (r < 0)
        return leat_fail_errno(q->stage, -r, "%s/%s: cannot decode it to a temporary file",
                               name->dir, file);
    if (r == 0) { /* the place of the next checkpoint has it, too */
        found->changed_ns = changed(&info);
        if (futimens(q->fd, (struct timespec[]){info.st_mtim, info.st_mtim}) < 0)
            return leat_fail_errno(q->stage, errno, "a temporary file for %s", name->path);
    } else if (changed(&info) > newest->changed_ns) {
        newest->changed_ns = changed(&info);
        memcpy(newest->file, file, strnlen(file, NAME_MAX) + 1);
    }
    return 0;
}

static int look_at_all(struct search *q, const struct leat_follow_name *name, DIR *dir,
                       struct newest *found, struct newest *newest)
{
    const struct dirent *e;
    uint64_t number;
    int r = 0;

    while (r == 0 && (errno = 0, e = readdir(dir)))
        if (leat_follow_kin(name->base, e->d_name, &number) == FOLLOW_COMPRESSED_KIN)
            r = look_at(q, name, e->d_name, found, newest);
    return r == 0 && errno != 0 ? leat_fail_errno(q->stage, errno, "%s", name->dir) : r;
}

int leat_follow_packed_find(struct leat_stage *s, const struct leat_follow_name *name,
                            const struct leat_follow_file *place, int64_t *changed_ns, int *ret_fd,
                            struct stat *ret_info)
{
    struct search q = {.stage = s, .place = place, .fd = -1};
    struct newest found = {.changed_ns = *changed_ns}, newest = {.changed_ns = INT64_MIN};
    DIR *dir = opendir(name->dir);
    int r;

    *ret_fd = -1;
    if (!dir)
        return leat_fail_errno(s, errno, "%s", name->dir);
    r = look_at_all(&q, name, dir, &found, &newest);
    (void)closedir(dir); /* it was only read */
    if (r == 0 && newest.changed_ns > found.changed_ns)
        r = leat_fail(
            s, LEAT_EIO,
            "%s/%s: is newer than the checkpoint, so it has lines that were not read, and it is "
            "compressed; decompress it, or move it away to leave them out",
            name->dir, newest.file);
    if (r == 0 && q.fd >= 0 && fstat(q.fd, ret_info) < 0)
        r = leat_fail_errno(s, errno, "a temporary file for %s", name->path);
    if (r < 0) {
        drop(&q);
        return r;
    }
    *changed_ns = found.changed_ns;
    *ret_fd = q.fd;
    return 0;
}
