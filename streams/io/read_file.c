/* read_file.c - read a small file completely, because a stage needs its content in `open`.
 *
 * The file may be a FIFO without a writer yet, so the conductor reads it before it opens any stage,
 * and waits for it like for any descriptor.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "read_file.h"
#include "run/pipeline.h"

#define ROOM_FIRST ((size_t)16384)

/* One file. Its memory is charged to the pool, not to a stage: lanes and parts, which are opened
 * later, get the same bytes, and standard input can be read only once. */
struct leat_kept_file {
    struct leat_kept_file *next;
    const char *path;
    size_t max; /* bytes; a longer file is an error */
    uint8_t *data;
    size_t len, room;
    struct leat_fd fd; /* while it is read */
    bool is_open, is_whole;
};

static bool is_standard(const struct leat_kept_file *f)
{
    return strcmp(f->path, "-") == 0;
}

static const char *shown(const struct leat_kept_file *f)
{
    return is_standard(f) ? "standard input" : f->path;
}

static struct leat_kept_file *find(const struct leat_stage_info *info, const char *path)
{
    struct leat_kept_file *f = info->files;

    while (f && strcmp(f->path, path) != 0)
        f = f->next;
    return f;
}

int leat_plan_file(struct leat_stage *s, const char *path, size_t max)
{
    struct leat_kept_file **last = &s->info->files, *f;

    if (!s->planning || find(s->info, path))
        return 0;
    f = calloc(1, sizeof *f);
    if (!f)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    f->path = path;
    f->max = max;
    f->fd.fd = -1;
    while (*last) /* files are read in the order of the calls */
        last = &(*last)->next;
    *last = f;
    return leat_needs_add(s, path, LEAT_ACCESS_READ);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Room for a whole regular file and one byte more, to detect its end. */
static size_t first_room(const struct leat_kept_file *f)
{
    struct stat info;
    bool regular = f->fd.is_regular && fstat(f->fd.fd, &info) == 0 && info.st_size > 0;

    return regular ? (size_t)info.st_size + 1 : ROOM_FIRST;
}

/* Double the room, keeping the content. */
static int grow(struct leat_stage *s, struct leat_kept_file *f)
{
    size_t more = f->room > 0 ? 2 * f->room : first_room(f);
    uint8_t *to;

    if (more > f->max + 1)
        more = f->max + 1; /* one byte more, to detect that the file is too long */
    leat_assert(more > f->len);
    to = leat_alloc_raw(s, more);
    if (!to)
        return LEAT_ENOMEM;
    leat_stage_disown(s, to);
    if (f->data) {
        memcpy(to, f->data, f->len);
        leat_disowned_free(&s->pipeline->pool, f->data);
    }
    f->data = to;
    f->room = more;
    return 0;
}

/* A file that the program writes during the run must not be an input. */
static int check_unwritten(struct leat_stage *s, const struct leat_kept_file *f)
{
    struct stat info;
    const char *writer;

    if (fstat(f->fd.fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", shown(f));
    pthread_mutex_lock(&s->pipeline->lock);
    writer = leat_claims_writer(&s->pipeline->outputs.claims, info.st_dev, info.st_ino, "", false);
    pthread_mutex_unlock(&s->pipeline->lock);
    return writer ? leat_fail(s, LEAT_EUSAGE, "%s: is the file of %s, too; give that another name",
                              shown(f), writer)
                  : 0;
}

static int begin(struct leat_stage *s, struct leat_kept_file *f)
{
    int fd, r;

    if (is_standard(f)) {
        r = leat_fd_adopt(&f->fd, STDIN_FILENO, false);
    } else if (leat_fd_is_private(f->path)) {
        r = -EBADF;
    } else {
        fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        r = fd < 0 ? -errno : leat_fd_own(&f->fd, fd);
    }
    f->is_open = r == 0;
    return r < 0 ? leat_fail_errno(s, -r, "%s", shown(f)) : check_unwritten(s, f);
}

/* For a FIFO without a writer read(2) returns EOF, but poll(2) waits for a writer. */
static bool is_ready(const struct leat_kept_file *f)
{
    struct pollfd p = {.fd = f->fd.fd, .events = POLLIN};

    return f->fd.is_regular || poll(&p, 1, 0) != 0;
}

/* Read the available bytes. Returns 0: the file is complete; LEAT_WAIT; or fails the stage. */
static int read_on(struct leat_stage *s, struct leat_kept_file *f)
{
    leat_assert(f->is_open && !f->is_whole);
    while (is_ready(f)) {
        ssize_t got;

        if (f->len == f->room && grow(s, f) < 0)
            return s->failure.code;
        got = leat_fd_read(&f->fd, f->data + f->len, f->room - f->len);
        if (got == -EAGAIN)
            break;
        if (got < 0)
            return leat_fail_errno(s, (int)-got, "%s", shown(f));
        if (got == 0)
            return 0;
        f->len += (size_t)got;
        if (f->len > f->max)
            return leat_fail(s, LEAT_ELIMIT, "%s: longer than %zu bytes", shown(f), f->max);
    }
    return LEAT_WAIT;
}

int leat_kept_files_read(struct leat_stage *s, int *ret_fd)
{
    for (struct leat_kept_file *f = s->info->files; f; f = f->next) {
        int r;

        if (f->is_whole)
            continue;
        r = f->is_open ? 0 : begin(s, f);
        if (r == 0)
            r = read_on(s, f);
        if (r == LEAT_WAIT)
            *ret_fd = f->fd.fd;
        if (r != 0)
            return r;
        f->is_whole = true;
        f->is_open = false;
        (void)leat_fd_close(&f->fd); /* was only read */
    }
    return 0;
}

int leat_read_file(struct leat_stage *s, const char *path, const uint8_t **ret_data,
                   size_t *ret_len)
{
    const struct leat_kept_file *f = find(s->info, path);

    if (!f)
        return leat_fail(s, LEAT_EINTERNAL, "%s: plan did not ask for it with leat_plan_file",
                         path);
    leat_assert(f->is_whole);
    *ret_data = f->data;
    *ret_len = f->len;
    return 0;
}

void leat_kept_files_free(struct leat_pool *pool, struct leat_kept_file *f)
{
    while (f) {
        struct leat_kept_file *next = f->next;

        if (f->is_open)
            (void)leat_fd_close(&f->fd); /* was only read */
        if (f->data)
            leat_disowned_free(pool, f->data);
        free(f);
        f = next;
    }
}
