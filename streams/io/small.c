/* small.c - a small file, whole: what a stage needs to know before it begins. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pipeline.h"
#include "fd.h"
#include "small.h"

#define LOOK_MS 100 /* a pipe or terminal: is it still wanted? */
#define ROOM_FIRST ((size_t)16384)

struct leat_small_file {
    struct leat_small_file *next;
    const char *path;
    uint8_t *data;
    size_t len;
};

/* Room for all of a regular file, and one byte more, which tells that it is at its end. */
static size_t first_room(int fd)
{
    struct stat info;
    bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;

    return regular ? (size_t)info.st_size + 1 : ROOM_FIRST;
}

/* Twice the room, with what is there. */
static int grow(struct leat_stage *s, uint8_t **data, size_t *room, size_t first, size_t max)
{
    size_t more = *room > 0 ? 2 * *room : first;
    uint8_t *to;

    if (more > max + 1)
        more = max + 1; /* one byte more tells that there are too many */
    to = leat_alloc_raw(s, more);
    if (!to)
        return LEAT_ENOMEM;
    if (*data)
        memcpy(to, *data, *room);
    leat_free(s, *data);
    *data = to;
    *room = more;
    return 0;
}

/* What gives nothing yet is waited for, until all is being given up. */
static int await(struct leat_stage *s, int fd, const char *path)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;

    while ((n = poll(&p, 1, LOOK_MS)) <= 0) {
        if (n < 0 && errno != EINTR)
            return leat_fail_errno(s, errno, "%s", path);
        if (leat_pipeline_aborted(s->pipeline))
            return leat_fail(s, LEAT_ECANCELLED, "stopped while waiting for %s", path);
    }
    return 0;
}

static int read_all(struct leat_stage *s, int fd, const char *path, size_t max, uint8_t **ret_data,
                    size_t *ret_len)
{
    size_t first = first_room(fd), room = 0, n = 0;

    for (;;) {
        ssize_t got;

        if (n == room && grow(s, ret_data, &room, first, max) < 0)
            return LEAT_ENOMEM;
        if (await(s, fd, path) < 0)
            return s->failure.code;
        got = read(fd, *ret_data + n, room - n);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return leat_fail_errno(s, errno, "%s", path);
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return leat_fail(s, LEAT_ELIMIT, "%s: longer than %zu bytes", path, max);
    }
    *ret_len = n;
    return 0;
}

static const struct leat_small_file *find(const struct leat_stage *s, const char *path)
{
    const struct leat_small_file *f = s->info->files;

    while (f && strcmp(f->path, path) != 0)
        f = f->next;
    return f;
}

/* Lanes and parts, which are opened later, are to have the same bytes, and standard input has them
 * once. No other instance of the stage is being opened while the first one is. */
static int keep(struct leat_stage *s, const char *path, uint8_t *data, size_t len)
{
    struct leat_small_file *f = leat_alloc(s, sizeof *f);

    if (!f)
        return LEAT_ENOMEM;
    *f = (struct leat_small_file){.next = s->info->files, .path = path, .data = data, .len = len};
    leat_stage_disown(s, f);
    leat_stage_disown(s, data);
    s->info->files = f;
    return 0;
}

/* What the program writes during the run is no input. */
static int check_unwritten(struct leat_stage *s, int fd, const char *path)
{
    struct stat info;
    const char *writer;

    if (fstat(fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", path);
    pthread_mutex_lock(&s->pipeline->lock);
    writer = leat_claims_writer(&s->pipeline->claims, info.st_dev, info.st_ino, "", false);
    pthread_mutex_unlock(&s->pipeline->lock);
    return writer ? leat_fail(s, LEAT_EUSAGE, "%s: is the file of %s, too; give that another name",
                              path, writer)
                  : 0;
}

static int read_first(struct leat_stage *s, const char *path, size_t max)
{
    bool standard = strcmp(path, "-") == 0;
    uint8_t *data = NULL;
    size_t len = 0;
    int fd, r;

    if (leat_fd_is_private(path))
        return leat_fail_errno(s, EBADF, "%s", path);
    fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return leat_fail_errno(s, errno, "%s", path);
    r = check_unwritten(s, fd, standard ? "standard input" : path);
    if (r == 0)
        r = read_all(s, fd, standard ? "standard input" : path, max, &data, &len);
    if (!standard)
        (void)close(fd); /* was only read */
    if (r == 0)
        r = keep(s, path, data, len);
    if (r < 0)
        leat_free(s, data);
    return r;
}

int leat_read_file(struct leat_stage *s, const char *path, size_t max, const uint8_t **ret_data,
                   size_t *ret_len)
{
    const struct leat_small_file *f;
    int r = find(s, path) ? 0 : read_first(s, path, max);

    if (r < 0)
        return r;
    f = find(s, path);
    *ret_data = f->data;
    *ret_len = f->len;
    return 0;
}

void leat_small_files_free(struct leat_pool *pool, struct leat_small_file *f)
{
    while (f) {
        struct leat_small_file *next = f->next;

        leat_disowned_free(pool, f->data);
        leat_disowned_free(pool, f);
        f = next;
    }
}
