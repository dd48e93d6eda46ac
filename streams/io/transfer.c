/* transfer.c - copy bytes from a file or pipe to a file or pipe inside the kernel.
 *
 * For a source and a sink with `plain_fd` and no stage between, as in `read … : write …`. It uses
 * copy_file_range between files, and splice if one side is a pipe. If the kernel refuses, the stages
 * go on with chunks from the same position.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "fd.h"
#include "run/pipeline.h"
#include "stage/engine_ops.h"
#include "transfer.h"

#define TRANSFER_MAX ((size_t)1 << 20) /* per turn, so that a cancel is noticed */

/* After a refusal the call is not tried again; bytes not copied are still in the source. */
static bool is_refusal(int err)
{
    return err == EINVAL || err == EXDEV || err == ENOSYS || err == EOPNOTSUPP || err == EBADF ||
           err == EPERM || err == ETXTBSY || err == EOVERFLOW;
}

static ssize_t move(struct leat_fd *from, struct leat_fd *to, size_t n)
{
    ssize_t r;

    do {
        if (from->is_regular && to->is_regular)
            r = copy_file_range(from->fd, NULL, to->fd, NULL, n, 0);
        else
            r = splice(from->fd, NULL, to->fd, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

static bool ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) > 0;
}

/* May splice block on it? SPLICE_F_NONBLOCK only affects pipes. A socket or terminal blocks unless
 * it has O_NONBLOCK, which must not be set on a descriptor that others share. */
static bool may_block(const struct leat_fd *fd)
{
    return fd->mode == LEAT_FD_POLLED || fd->mode == LEAT_FD_SOCKET;
}

static int wait_for(struct leat_segment *seg, size_t i, int fd, bool writable)
{
    struct leat_slot *s = &seg->slots[i];
    int r = leat_wait_arm_fd(&seg->pipeline->waits, &s->stage->wait, fd, writable);

    if (r < 0) {
        leat_fail_errno(s->stage, -r, "cannot wait");
        leat_segment_fail(seg, i);
        return LEAT_STEP_RAN;
    }
    s->waiting = true;
    return leat_segment_park(seg, i == 0 ? LEAT_PARK_IN : LEAT_PARK_OUT);
}

static void moved(struct leat_segment *seg, uint64_t n)
{
    for (size_t i = 0; i < 2; i++)
        seg->slots[i].stage->type->engine->moved(seg->slots[i].stage, n);
    leat_count(&seg->slots[0].count.bytes_out, n);
    leat_account_step(seg, 1, n, 0);
}

static struct leat_fd *fd_of(struct leat_segment *seg, size_t i, uint64_t *ret_left)
{
    struct leat_stage *stage = seg->slots[i].stage;

    leat_assert(seg->n == 2);
    return stage->type->engine->fd(stage, ret_left);
}

static size_t smallest(uint64_t a, uint64_t b, size_t most)
{
    uint64_t least = a < b ? a : b;

    return least < most ? (size_t)least : most;
}

int leat_transfer_turn(struct leat_segment *seg)
{
    uint64_t left = 0, room = 0;
    struct leat_fd *from = fd_of(seg, 0, &left), *to = fd_of(seg, 1, &room);
    ssize_t n;

    if (seg->slots[0].done || seg->slots[1].done || seg->slots[0].stopping)
        return LEAT_EUNSUPPORTED;
    if (seg->slots[0].waiting || seg->slots[1].waiting)
        return leat_segment_park(seg, LEAT_PARK_IN);
    if (!from || !to || seg->slots[1].in.n > 0)
        return LEAT_STEP_NEEDED;
    if (!((from->is_regular && to->is_regular) || from->is_pipe || to->is_pipe) ||
        may_block(from) || may_block(to))
        return LEAT_STEP_NEEDED;
    leat_account_doing(seg, LEAT_DOING_STEP, 1);
    n = move(from, to, smallest(left, room, TRANSFER_MAX));
    if (n > 0) {
        moved(seg, (uint64_t)n);
        return LEAT_STEP_RAN;
    }
    if (n == -EAGAIN) {
        if (from->mode == LEAT_FD_NONBLOCK && !ready(from->fd, POLLIN))
            return wait_for(seg, 0, from->fd, false);
        if (to->mode == LEAT_FD_NONBLOCK && !ready(to->fd, POLLOUT))
            return wait_for(seg, 1, to->fd, true);
        return LEAT_STEP_RAN;
    }
    if (n == 0) /* EOF, or a file of /proc: a read will tell */
        return LEAT_STEP_NEEDED;
    if (is_refusal((int)-n))
        return LEAT_EUNSUPPORTED;
    leat_fail_errno(seg->slots[1].stage, (int)-n, "%s", "cannot copy");
    leat_segment_fail(seg, 1);
    return LEAT_STEP_RAN;
}
