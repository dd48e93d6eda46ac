/* exec.c - a child process as the first, the last or a middle stage.
 *
 * A middle stage is two stages: one writes to the child, the other reads from it. Each is in a
 * segment of its own, so that a child that reads and writes in any order never deadlocks. Both wait
 * for the child, so that each can react to a failure of the pipeline. The reading one checks the
 * exit status; for a sink the writing one does. Both watch the child, so that its death is noticed
 * even when no data moves.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "child.h"
#include "fd.h"
#include "run/pipeline.h"

extern const struct leat_stage_type leat_stage_exec;
static const struct leat_stage_type exec_last;

struct exec {
    struct leat_child child;
    struct leat_fd to;   /* our end in the half that takes; fd -1: none */
    struct leat_fd from; /* our end in the half that gives; fd -1: none */
    atomic_int halves;   /* not closed yet */
    int beside_fd;       /* of the half that takes: a duplicate of the child's pid_fd, or -1 */
    bool left_held; /* of the half that gives: others had the pipe when we closed it, benignly */
    bool failing;   /* of the same: the child has failed, */
    size_t rest;    /* and so many bytes of it are still to be read */
};

/* --- starting and ending ---------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start(struct leat_stage *s, bool feed, bool read_back)
{
    struct exec *e = leat_state(s);
    char *const *argv = (char *const *)(uintptr_t)leat_operands(s)->v;
    int in[2] = {-1, -1}, out[2] = {-1, -1}, r = 0;

    e->to.fd = e->from.fd = e->child.pid_fd = e->beside_fd = -1;
    atomic_store(&e->halves, feed && read_back ? 2 : 1);
    if ((feed && pipe2(in, O_CLOEXEC) < 0) || (read_back && pipe2(out, O_CLOEXEC) < 0)) {
        r = leat_fail_errno(s, errno, "cannot make a pipe");
        goto out;
    }
    r = leat_child_start(s, &e->child, argv, in[0], out[1]);
    if (r < 0)
        goto out;
    if (feed) {
        r = leat_fd_own(&e->to, in[1]);
        in[1] = -1;
    }
    if (read_back && r == 0) {
        r = leat_fd_own(&e->from, out[0]);
        out[0] = -1;
    }
    if (r < 0)
        r = leat_fail_errno(s, -r, "cannot set up the pipes");
    leat_watch_fd(s, e->child.pid_fd);
out:
    close_fd(&in[0]);
    close_fd(&in[1]);
    close_fd(&out[0]);
    close_fd(&out[1]);
    return r;
}

/* The half that is closed last ends a child that was not waited for. */
static void half_closed(struct exec *e)
{
    if (e->child.pid_fd >= 0 && atomic_fetch_sub(&e->halves, 1) == 1)
        leat_child_done(&e->child);
}

/* --- reading from the child: a source, and the second half of a middle stage ------------------ */

/* If the child was killed or has failed, EOF may never come, because another process may hold the
 * pipe. */
static bool is_at_end(const struct exec *e)
{
    return atomic_load(&e->child.killed) || (e->failing && e->rest == 0);
}

static int read_child(struct leat_stage *s, struct exec *e, struct leat_out *out)
{
    uint8_t *to;
    size_t room;
    ssize_t n;

    if (e->from.fd >= 0 && is_at_end(e))
        (void)leat_fd_close(&e->from); /* was only read */
    if (e->from.fd < 0)
        return leat_child_end(s, &e->child);
    room = leat_reserve(out, &to);
    if (room == 0)
        return LEAT_MORE;
    if (e->failing && room > e->rest)
        room = e->rest;
    n = leat_fd_read(&e->from, to, room);
    leat_commit(out, n > 0 ? (size_t)n : 0);
    if (e->failing)
        e->rest = n > 0 ? e->rest - (size_t)n : 0;
    if (n > 0)
        return LEAT_MORE;
    if (n == -EAGAIN && !e->failing) {
        leat_wait_fd(s, e->from.fd, false);
        return LEAT_WAIT;
    }
    if (n < 0 && n != -EAGAIN)
        return leat_fail_errno(s, (int)-n, "cannot read from %s", leat_operands(s)->v[0]);
    (void)leat_fd_close(&e->from); /* was only read */
    return leat_child_end(s, &e->child);
}

/* If the child has failed, the stream ends after the bytes that are in the pipe now. If it has
 * ended well, other processes may still write to its pipe, as in a shell. */
static int giver_watch(struct leat_stage *s, struct exec *e)
{
    int rest = 0;

    if (leat_child_look(&e->child) == LEAT_CHILD_RUNS) {
        leat_watch_fd(s, e->child.pid_fd);
        return LEAT_MORE;
    }
    if (e->from.fd < 0 || leat_child_look(&e->child) != LEAT_CHILD_FAILED)
        return LEAT_MORE;
    if (ioctl(e->from.fd, FIONREAD, &rest) < 0)
        return leat_fail_errno(s, errno, "cannot read from %s", leat_operands(s)->v[0]);
    e->failing = true;
    e->rest = (size_t)rest;
    return LEAT_MORE;
}

/* Has every process closed the other end of the pipe? */
static bool is_alone(const struct leat_fd *fd)
{
    struct pollfd p = {.fd = fd->fd};

    return poll(&p, 1, 0) == 1; /* asked for nothing, it tells of errors only */
}

static void stop_giving(struct exec *e, enum leat_stop why)
{
    if (why == LEAT_STOP_ABORT) {
        leat_child_kill(&e->child, e->from.fd >= 0);
    } else {
        leat_child_let_go(&e->child);
        e->left_held = e->from.fd >= 0 && !is_alone(&e->from);
    }
    (void)leat_fd_close(&e->from); /* was only read: the child learns by SIGPIPE */
}

/* Processes may still run after downstream needed no more; if the run fails later, end them. */
static void end_the_rest(const struct leat_stage *s, struct exec *e)
{
    if (e->left_held && leat_outcome_failed(s->pipeline))
        leat_child_end_group(&e->child);
}

/* The command of the user may need anything. */
static int exec_plan(struct leat_stage *s)
{
    return leat_plan_access(s, NULL, LEAT_ACCESS_ANYTHING);
}

static int first_open(struct leat_stage *s)
{
    return start(s, false, true);
}

static int first_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    return read_child(s, leat_state(s), out);
}

static int first_watch(struct leat_stage *s)
{
    return giver_watch(s, leat_state(s));
}

static void first_stop(struct leat_stage *s, enum leat_stop why)
{
    stop_giving(leat_state(s), why);
}

static int out_open(struct leat_stage *s)
{
    const struct exec *e = leat_shared(s);

    leat_watch_fd(s, e->child.pid_fd);
    return 0;
}

static int out_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    return read_child(s, leat_shared(s), out);
}

static int out_watch(struct leat_stage *s)
{
    return giver_watch(s, leat_shared(s));
}

static void out_stop(struct leat_stage *s, enum leat_stop why)
{
    stop_giving(leat_shared(s), why);
}

static void out_close(struct leat_stage *s)
{
    struct exec *e = leat_shared(s);

    (void)leat_fd_close(&e->from); /* was only read */
    end_the_rest(s, e);
    half_closed(e);
}

/* --- writing to the child: a sink, and the first half of a middle stage ----------------------- */

/* The child reads no more. For a sink its status tells now whether this is a failure. For a middle
 * stage the other half checks the status, which does not count if downstream needs no more. */
static int enough(struct leat_stage *s, const struct exec *e)
{
    bool fails = s->type == &exec_last && leat_child_look(&e->child) == LEAT_CHILD_FAILED;

    return fails ? LEAT_FAILING : LEAT_ENOUGH;
}

/* Returns MORE, WAIT, a failure, or ENOUGH or FAILING: the child reads no more, or there is no
 * more. */
static int take(struct leat_stage *s, struct exec *e, struct leat_in *in)
{
    while (in->pos < in->len) {
        ssize_t n = leat_fd_write(&e->to, in->data + in->pos, in->len - in->pos);

        if (n == -EAGAIN) {
            leat_wait_fd(s, e->to.fd, true);
            return LEAT_WAIT;
        }
        if (n == -EPIPE)
            return enough(s, e);
        if (n < 0)
            return leat_fail_errno(s, (int)-n, "cannot write to %s", leat_operands(s)->v[0]);
        in->pos += (size_t)n;
    }
    return in->end ? LEAT_ENOUGH : LEAT_MORE;
}

/* If the child has failed, or its pipe has no reader any more, stop writing: without input the
 * stage would not find out. */
static int taker_watch(struct leat_stage *s)
{
    struct exec *e = leat_state(s);
    enum leat_child_state state = leat_child_look(&e->child);

    if (state == LEAT_CHILD_FAILED || is_alone(&e->to))
        return enough(s, e);
    if (state == LEAT_CHILD_RUNS)
        leat_watch_fd(s, e->child.pid_fd);
    else /* another process still reads the pipe */
        leat_watch_gone(s, e->to.fd);
    return LEAT_MORE;
}

static int last_open(struct leat_stage *s)
{
    return start(s, true, false);
}

static int last_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct exec *e = leat_state(s);

    (void)out;
    return e->to.fd < 0 ? leat_child_end(s, &e->child) : take(s, e, in);
}

static void taker_stop(struct leat_stage *s, enum leat_stop why)
{
    struct exec *e = leat_state(s);

    if (why == LEAT_STOP_ABORT)
        leat_child_kill(&e->child, e->to.fd >= 0);
    (void)leat_fd_close(&e->to); /* after the kill: for the child it must not be EOF */
}

static void close_all(struct leat_stage *s)
{
    struct exec *e = leat_state(s);

    (void)leat_fd_close(&e->to); /* a pipe: nothing is lost by closing */
    (void)leat_fd_close(&e->from);
    close_fd(&e->beside_fd);
    end_the_rest(s, e);
    half_closed(e);
}

static int middle_open(struct leat_stage *s)
{
    return start(s, true, true);
}

/* Both halves wait for the child, so that each can react to a failure of the pipeline. */
static int wait_beside(struct leat_stage *s, struct exec *e)
{
    if (e->beside_fd < 0)
        e->beside_fd = fcntl(e->child.pid_fd, F_DUPFD_CLOEXEC, 0);
    if (e->beside_fd < 0)
        return leat_fail_errno(s, errno, "cannot watch the child process");
    return leat_child_await(s, &e->child, e->beside_fd);
}

static int middle_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct exec *e = leat_state(s);

    (void)out;
    return e->to.fd < 0 ? wait_beside(s, e) : take(s, e, in);
}

static void middle_close(struct leat_stage *s)
{
    struct exec *e = leat_state(s);

    (void)leat_fd_close(&e->to); /* a pipe: nothing is lost by closing */
    close_fd(&e->beside_fd);
    half_closed(e); /* the other half has `from` and reaps the child */
}

/* --- types ------------------------------------------------------------------------------------ */

static const struct leat_stage_type exec_first = {
    .name = "exec",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct exec),
    .plan = exec_plan,
    .open = first_open,
    .step = first_step,
    .watch = first_watch,
    .stop = first_stop,
    .close = close_all,
};

static const struct leat_stage_type exec_last = {
    .name = "exec",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct exec),
    .plan = exec_plan,
    .open = last_open,
    .step = last_step,
    .watch = taker_watch,
    .stop = taker_stop,
    .close = close_all,
};

static const struct leat_stage_type exec_middle_in = {
    .name = "exec",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct exec),
    .plan = exec_plan,
    .open = middle_open,
    .step = middle_step,
    .watch = taker_watch,
    .stop = taker_stop,
    .close = middle_close,
};

static const struct leat_stage_type exec_middle_out = {
    .name = "exec",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .open = out_open,
    .step = out_step,
    .watch = out_watch,
    .stop = out_stop,
    .close = out_close,
};

const struct leat_stage_type leat_stage_exec = {
    .name = "exec",
    .summary = "run a command as a stage; its exit status joins the outcome",
    .operands = "COMMAND [ARG…]",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .operands_raw = true,
    .manual =
        "As the first stage, the command's standard output is the stream; as the last one, it "
        "reads the stream; in the middle it does both at the same time. The other standard "
        "streams, including standard error, are those of leat. There is no shell: use exec sh "
        "-c '...' for one.\n\n"
        "An exit status other than 0, or death by a signal, fails the pipeline at once with "
        "exit status 6 (141 if the signal is SIGPIPE), even while its input is idle, and no "
        "output is committed. If a command stops reading early and then exits with 0, that is "
        "no failure: the stages before it go on without it, and leat waits for its end. If the "
        "stages after it need no more, its output is closed, so that it gets SIGPIPE when it writes, "
        "and its status does not count; if it still runs two seconds later, it gets SIGTERM with a "
        "warning, and SIGKILL after two more. The "
        "stream ends when every process that has the command's output has closed it, as in a "
        "pipeline of a shell.\n\n"
        "If the pipeline fails or is stopped, the command gets SIGTERM, and SIGKILL two seconds "
        "later. Without a controlling terminal (cron, a service, setsid) each command leads a "
        "process group of its own, and the signals go to all processes of the group, even if "
        "the command itself has ended well and others of the group still have its pipe. On a "
        "terminal the command stays in the group of leat, so that Ctrl-C and Ctrl-Z reach it "
        "and it may ask for a password; then the signals go only to the command. If leat was "
        "started with a signal ignored, as by nohup, the command ignores it, too.",
    .examples = "exec seq 1 100 : exec sort -r : head -n 1\n"
                "read big.log : exec tr a-z A-Z : count -l",
    .kind = LEAT_BY_PLACE,
    .first = &exec_first,
    .last = &exec_last,
    .middle_in = &exec_middle_in,
    .middle_out = &exec_middle_out,
};
