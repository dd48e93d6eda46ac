/* end_fd.c - a descriptor of the program as the first or the last stage of a pipeline. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ends.h"
#include "io/fd.h"

/* The user pointer of the stage: the duplicate that was made when the pipeline was built. */
struct leat_end_fd {
    int fd;
};

struct fd_state {
    struct leat_fd fd;
    bool opened;
};

static int fd_plan(struct leat_stage *s)
{
    return leat_plan_access(s, NULL, LEAT_ACCESS_NOTHING);
}

static int open_as(struct leat_stage *s, bool writable)
{
    const struct leat_end_fd *e = leat_user(s);
    struct fd_state *st = leat_state(s);
    int r = leat_fd_borrow(&st->fd, e->fd, writable);

    st->opened = r == 0;
    return r < 0 ? leat_fail_errno(s, -r, "descriptor %d", e->fd) : 0;
}

static int source_open(struct leat_stage *s)
{
    return open_as(s, false);
}

static int sink_open(struct leat_stage *s)
{
    return open_as(s, true);
}

static int source_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct fd_state *st = leat_state(s);
    uint8_t *to;
    size_t room = leat_reserve(out, &to);
    ssize_t n;

    (void)in;
    if (room == 0)
        return LEAT_MORE;
    n = leat_fd_read(&st->fd, to, room);
    leat_commit(out, n > 0 ? (size_t)n : 0);
    if (n == -EAGAIN) {
        leat_wait_fd(s, st->fd.fd, false);
        return LEAT_WAIT;
    }
    if (n < 0)
        return leat_fail_errno(s, (int)-n, "cannot read the descriptor");
    return n == 0 ? LEAT_END : LEAT_MORE;
}

static int sink_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct fd_state *st = leat_state(s);

    (void)out;
    while (in->pos < in->len) {
        ssize_t n = leat_fd_write(&st->fd, in->data + in->pos, in->len - in->pos);

        if (n == -EAGAIN) {
            leat_wait_fd(s, st->fd.fd, true);
            return LEAT_WAIT;
        }
        if (n < 0)
            return leat_fail_errno(s, (int)-n, "cannot write to the descriptor");
        in->pos += (size_t)n;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

/* Only now a file of a network or with a quota tells that bytes are lost. */
static int sink_prepare(struct leat_stage *s)
{
    struct fd_state *st = leat_state(s);
    int r = leat_fd_flush(&st->fd);

    return r < 0 ? leat_fail_errno(s, -r, "cannot write to the descriptor") : 0;
}

static int sink_commit(struct leat_stage *s)
{
    (void)s; /* the bytes are written */
    return 0;
}

static void fd_close(struct leat_stage *s)
{
    struct fd_state *st = leat_state(s);

    if (st->opened)
        (void)leat_fd_close(
            &st->fd); /* prepare has the result, and after a failure there is a cause */
}

static void fd_drop(void *user)
{
    struct leat_end_fd *e = user;

    (void)close(e->fd); /* a duplicate */
    free(e);
}

static const struct leat_stage_type fd_source = {
    .name = "fd",
    .kind = LEAT_SOURCE,
    .nature = LEAT_LIGHT,
    .state_size = sizeof(struct fd_state),
    .plan = fd_plan,
    .open = source_open,
    .step = source_step,
    .close = fd_close,
};

static const struct leat_stage_type fd_sink = {
    .name = "fd",
    .kind = LEAT_SINK,
    .nature = LEAT_LIGHT,
    .state_size = sizeof(struct fd_state),
    .plan = fd_plan,
    .open = sink_open,
    .step = sink_step,
    .prepare = sink_prepare,
    .commit = sink_commit,
    .close = fd_close,
};

const struct leat_stage_type leat_end_fd_type = {
    .name = "fd",
    .kind = LEAT_BY_PLACE,
    .first = &fd_source,
    .last = &fd_sink,
    .drop = fd_drop,
};

struct leat_end_fd *leat_end_fd_new(int fd)
{
    struct leat_end_fd *e = malloc(sizeof *e);

    if (!e)
        return NULL;
    e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* not in the place of a standard stream */
    if (e->fd >= 0)
        return e;
    free(e);
    return NULL;
}
