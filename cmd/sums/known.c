/* known.c - the journal of `leat check`: files that were OK, with their size and time. It has the lines of a journal of
 * `leat each`, and the path of a line is the digest, two blanks and the name.
 *
 * A lost line costs another reading of the file, so lines are synced once, at the end.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../batch/inputs.h"
#include "sums.h"

#define PIPELINE "check"

static int cannot(const struct sum_record *r, const char *what, int error)
{
    char shown[SHOWN_MAX];

    return message_fail(r->config, error == ENOMEM ? LEAT_ENOMEM : LEAT_EIO,
                        "check: the journal %s %s: %s", leat_show(r->file, shown, sizeof shown),
                        what, strerror(error));
}

/* The lines of earlier runs. A torn last one is cut off. */
static int load(struct sum_record *r, bool resume)
{
    size_t whole = 0, line = 0;
    char shown[SHOWN_MAX];
    struct buf text = {.n = 0};
    int status = list_read(r->config, r->file, &text), error = 0, code = 0;

    (void)leat_show(r->file, shown, sizeof shown);
    if (status == 0 && text.n > 0 && !resume)
        status =
            message_fail(r->config, LEAT_EEXIST,
                         "check: the journal %s has lines already; give --resume to go on with "
                         "it, or another name for a new one",
                         shown);
    if (status == 0)
        code = journal_load(&r->known, buf_text(&text), text.n, PIPELINE, SAME_STAT, &whole, &line);
    if (status == 0 && code == 0 && whole < text.n && ftruncate(r->fd, (off_t)whole) < 0)
        error = errno;
    buf_free(&text);
    if (code == LEAT_ECORRUPT)
        return message_fail(r->config, code,
                            "check: line %zu of %s is no line of a journal; nothing was done", line,
                            shown);
    return error || code ? cannot(r, "cannot be read", error ? error : ENOMEM) : status;
}

int known_open(struct sum_record *r, bool resume)
{
    int status;

    if (!r->file)
        return 0;
    r->fd = open(r->file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (r->fd < 0)
        return cannot(r, "cannot be opened", errno);
    if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
        return cannot(r, "cannot be locked",
                      errno == EWOULDBLOCK ? EBUSY : errno); /* another run has it */
    status = load(r, resume);
    if (status == 0)
        journal_head(&r->lines, PIPELINE, SAME_STAT);
    return status;
}

static void set_key(struct buf *key, const struct sum *sum)
{
    buf_add(key, "%s  %s", sum->digest, sum->name);
}

bool known_knows(struct sum_record *r, const struct sum *sum, const struct stat *info)
{
    struct input now = {.path = NULL};
    const struct recorded *known;
    struct buf key = {.n = 0};

    if (r->known.n == 0 || !S_ISREG(info->st_mode))
        return false;
    set_key(&key, sum);
    known = journal_find(&r->known, buf_text(&key));
    buf_free(&key);
    input_stat(&now, info);
    return known && known->done && known->size == now.size && known->mtime_ns == now.mtime_ns;
}

void known_add(struct sum_record *r, const struct sum *sum, const struct stat *info)
{
    struct buf key = {.n = 0};
    struct input input;

    if (!r->file || !S_ISREG(info->st_mode))
        return;
    set_key(&key, sum);
    input = (struct input){.path = buf_text(&key), .attempts = 1};
    input_stat(&input, info);
    if (!key.failed)
        journal_done(&r->lines, &input, NULL, 0, "", false);
    r->lines.failed = r->lines.failed || key.failed;
    buf_free(&key);
}

int known_write(struct sum_record *r)
{
    int error = r->lines.failed ? ENOMEM : 0;

    if (!r->file || r->fd < 0)
        return 0;
    if (error == 0 && r->lines.n > 0 && fd_write_all(r->fd, r->lines.data, r->lines.n) < 0)
        error = errno;
    r->lines.n = 0;
    return error ? cannot(r, "cannot be written", error) : 0;
}

int known_done(struct sum_record *r)
{
    int error = 0;

    if (r->file && r->fd >= 0) {
        if (fdatasync(r->fd) < 0 && errno != EINVAL && errno != EROFS)
            error = errno;
        if (close(r->fd) < 0 && error == 0)
            error = errno;
        r->fd = -1;
    }
    buf_free(&r->lines);
    journal_state_done(&r->known);
    return error ? cannot(r, "cannot be written", error) : 0;
}
