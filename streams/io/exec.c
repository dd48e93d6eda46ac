/* exec.c - a child process as the first, the last or a middle stage.
 *
 * In the middle it is two stages, one that writes to the child and one that reads from it, each in a
 * segment of its own, so that a child which reads and writes in any order never deadlocks. Both wait
 * for the child, so that either can be told that the pipeline has failed. The reading one has its exit
 * status; of a sink it is the writing one.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

#define KILL_AFTER_MS 2000u /* SIGTERM, then SIGKILL */
#define DIES_WITHIN_MS 500u /* after it has closed its input, if it did not just close that */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;
extern const struct leat_stage_type leat_stage_exec;

struct child {
    struct leat_fd to;   /* our ends; fd -1: none. Of the half that takes, */
    struct leat_fd from; /* of the half that gives */
    int pid_fd;          /* open until both halves are closed, so a signal never hits another */
    atomic_int halves;   /* not closed yet */
    atomic_bool live;    /* started, and not waited for */
    atomic_bool killed;
    atomic_bool unwanted; /* downstream wanted no more: its status does not count */
    siginfo_t ended;      /* how; set when it is not live any more */
    /* Of the half that takes: */
    int watch_fd; /* as pid_fd, of its own; -1: not needed yet */
    bool watched; /* it was given the moment to die */
    /* Of the half that waits for it: */
    bool killed_hard;
    uint64_t killed_at; /* leat_now_ns */
};

/* --- starting and ending ---------------------------------------------------------------------- */

/* What a shell or nohup(1) has us ignore, the child ignores, too; what the program that we are part of
 * ignores for itself, such as SIGPIPE, is not handed on. */
static void keep_the_users(sigset_t *defaults)
{
    static const int users[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

    sigfillset(defaults);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        sigdelset(defaults, users[i]);
}

/* Everything as a program expects it to be at its start. */
static int spawn(pid_t *ret_pid, char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults, none;
    int r = posix_spawn_file_actions_init(&actions);

    if (r)
        return r;
    r = posix_spawnattr_init(&attr);
    if (r) {
        posix_spawn_file_actions_destroy(&actions);
        return r;
    }
    keep_the_users(&defaults);
    sigemptyset(&none);
    if (in >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (!r && out >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (!r)
        r = posix_spawnattr_setsigdefault(&attr, &defaults);
    if (!r)
        r = posix_spawnattr_setsigmask(&attr, &none);
    if (!r)
        r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!r)
        r = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start(struct leat_stage *s, bool feed, bool read_back)
{
    struct child *c = leat_state(s);
    const struct leat_strings *argv = leat_operands(s);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, r = 0;
    pid_t pid;

    c->to.fd = c->from.fd = c->pid_fd = c->watch_fd = -1;
    atomic_store(&c->halves, feed && read_back ? 2 : 1);
    if ((feed && pipe2(in, O_CLOEXEC) < 0) || (read_back && pipe2(out, O_CLOEXEC) < 0)) {
        r = leat_fail_errno(s, errno, "cannot make a pipe");
        goto out;
    }
    r = spawn(&pid, (char *const *)(uintptr_t)argv->v, in[0], out[1]);
    if (r) {
        r = leat_fail(s, LEAT_ECHILD, "cannot run %s: %s", argv->v[0], strerrordesc_np(r));
        goto out;
    }
    c->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (c->pid_fd < 0) {
        r = leat_fail_errno(s, errno, "cannot watch the child process");
        (void)kill(pid, SIGKILL); /* it is not waited for yet, so it is still this one */
        (void)waitpid(pid, NULL, 0);
        goto out;
    }
    atomic_store(&c->live, true);
    if (feed && r == 0) {
        r = leat_fd_own(&c->to, in[1]);
        in[1] = -1;
    }
    if (read_back && r == 0) {
        r = leat_fd_own(&c->from, out[0]);
        out[0] = -1;
    }
    if (r < 0)
        r = leat_fail_errno(s, -r, "cannot set up the pipes");
out:
    close_fd(&in[0]);
    close_fd(&in[1]);
    close_fd(&out[0]);
    close_fd(&out[1]);
    return r;
}

static void signal_child(struct child *c, int sig)
{
    if (atomic_load(&c->live)) /* it may be gone all the same, which is as good */
        (void)syscall(SYS_pidfd_send_signal, c->pid_fd, sig, NULL, 0);
}

static void kill_child(struct child *c)
{
    atomic_store(&c->killed, true);
    signal_child(c, SIGTERM);
}

static int judge(struct leat_stage *s, struct child *c, const siginfo_t *info)
{
    const char *name = leat_operands(s)->v[0];

    if (atomic_load(&c->unwanted) || (info->si_code == CLD_EXITED && info->si_status == 0))
        return LEAT_END;
    if (info->si_code == CLD_EXITED)
        return leat_fail(s, LEAT_ECHILD, "%s exited with status %d", name, info->si_status);
    return leat_fail(s, info->si_status == SIGPIPE ? LEAT_EPIPE : LEAT_ECHILD,
                     "%s was killed by signal %d (%s)", name, info->si_status,
                     sigdescr_np(info->si_status) ? sigdescr_np(info->si_status) : "?");
}

static void count_cpu(struct leat_stage *s, const struct rusage *u)
{
    uint64_t seconds = (uint64_t)u->ru_utime.tv_sec + (uint64_t)u->ru_stime.tv_sec;
    uint64_t micros = (uint64_t)u->ru_utime.tv_usec + (uint64_t)u->ru_stime.tv_usec;

    atomic_fetch_add(&s->info->child_cpu_ns, seconds * 1000000000u + micros * 1000u);
}

/* Returns END, WAIT, or the failure that the exit status is. */
static int wait_for(struct leat_stage *s, struct child *c)
{
    struct rusage usage = {0};
    siginfo_t info = {0};
    long r;

    if (!atomic_load(&c->live))
        return LEAT_END;
    do { /* waitid of the C library does not tell what was used */
        r = syscall(SYS_waitid, P_PIDFD, c->pid_fd, &info, WEXITED | WNOHANG, &usage);
    } while (r < 0 && errno == EINTR);
    if (r < 0) { /* SIGCHLD is ignored by the program that embeds us: no status is kept */
        atomic_store(&c->live, false);
        return errno == ECHILD ? LEAT_END : leat_fail_errno(s, errno, "cannot wait for the child");
    }
    if (info.si_pid != 0) {
        c->ended = info;
        atomic_store(&c->live, false);
        count_cpu(s, &usage);
        return judge(s, c, &info);
    }
    if (atomic_load(&c->killed) && !c->killed_hard)
        leat_wait_ms(s, KILL_AFTER_MS);
    leat_wait_fd(s, c->pid_fd, false);
    return LEAT_WAIT;
}

/* After SIGTERM and its time, SIGKILL. What the child gave has no good end then. */
static int wait_killed(struct leat_stage *s, struct child *c)
{
    int r;

    atomic_store(&c->unwanted, true); /* it was we who ended it */
    if (c->killed_at == 0) {
        c->killed_at = leat_now_ns();
    } else if (leat_now_ns() - c->killed_at >= KILL_AFTER_MS * (uint64_t)1000000) {
        signal_child(c, SIGKILL);
        c->killed_hard = true;
    }
    r = wait_for(s, c);
    return r == LEAT_END ? leat_fail(s, LEAT_ECANCELLED, "stopped") : r;
}

/* The last half to be closed ends a child that was given up before it could be waited for. */
static void half_closed(struct child *c)
{
    siginfo_t info;

    if (c->pid_fd < 0 || atomic_fetch_sub(&c->halves, 1) > 1)
        return;
    if (atomic_load(&c->live)) {
        signal_child(c, SIGKILL);
        while (waitid(P_PIDFD, (id_t)c->pid_fd, &info, WEXITED) < 0 && errno == EINTR)
            ;
        atomic_store(&c->live, false);
    }
    close_fd(&c->pid_fd);
}

/* --- giving: first, and the second half of a middle one --------------------------------------- */

static int give(struct leat_stage *s, struct child *c, struct leat_out *out)
{
    uint8_t *to;
    size_t room;
    ssize_t n;

    if (atomic_load(&c->killed))
        return wait_killed(s, c);
    if (c->from.fd < 0)
        return wait_for(s, c);
    room = leat_reserve(out, &to);
    if (room == 0)
        return LEAT_MORE;
    n = leat_fd_read(&c->from, to, room);
    leat_commit(out, n > 0 ? (size_t)n : 0);
    if (n > 0)
        return LEAT_MORE;
    if (n == -EAGAIN) {
        leat_wait_fd(s, c->from.fd, false);
        return LEAT_WAIT;
    }
    if (n < 0)
        return leat_fail_errno(s, (int)-n, "cannot read from %s", leat_operands(s)->v[0]);
    (void)leat_fd_close(&c->from); /* was only read */
    return wait_for(s, c);
}

static void stop_giving(struct child *c, enum leat_stop why)
{
    if (why == LEAT_STOP_ABORT)
        kill_child(c);
    else
        atomic_store(&c->unwanted, true);
    (void)leat_fd_close(&c->from); /* was only read: the child learns by SIGPIPE */
}

static int first_open(struct leat_stage *s)
{
    return start(s, false, true);
}

static int first_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    return give(s, leat_state(s), out);
}

static void first_stop(struct leat_stage *s, enum leat_stop why)
{
    stop_giving(leat_state(s), why);
}

static int out_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    return give(s, leat_shared(s), out);
}

static void out_stop(struct leat_stage *s, enum leat_stop why)
{
    stop_giving(leat_shared(s), why);
}

static void out_close(struct leat_stage *s)
{
    struct child *c = leat_shared(s);

    (void)leat_fd_close(&c->from); /* was only read */
    half_closed(c);
}

/* --- taking: last, and the first half of a middle one ----------------------------------------- */

/* Returns MORE, WAIT, a failure, or END when the child takes no more. */
static int take(struct leat_stage *s, struct child *c, struct leat_in *in)
{
    while (c->to.fd >= 0 && in->pos < in->len) {
        ssize_t n = leat_fd_write(&c->to, in->data + in->pos, in->len - in->pos);

        if (n == -EAGAIN) {
            leat_wait_fd(s, c->to.fd, true);
            return LEAT_WAIT;
        }
        if (n == -EPIPE) /* it has read all it wants; what that is worth, its status says */
            return LEAT_END;
        if (n < 0)
            return leat_fail_errno(s, (int)-n, "cannot write to %s", leat_operands(s)->v[0]);
        in->pos += (size_t)n;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

/* To be stepped again when the child has ended. Returns WAIT or the failure. */
static int watch(struct leat_stage *s, struct child *c)
{
    if (c->watch_fd < 0)
        c->watch_fd = fcntl(c->pid_fd, F_DUPFD_CLOEXEC, 0);
    if (c->watch_fd < 0)
        return leat_fail_errno(s, errno, "cannot watch the child process");
    leat_wait_fd(s, c->watch_fd, false);
    return LEAT_WAIT;
}

/* The child takes no more. If it died, what feeds it need not go on until that has come round: in a
 * branch of tee it may be long. A pipe closes a moment before the process is gone, so it is given
 * that. Returns END, WAIT, or the failure. */
static int look_at_end(struct leat_stage *s, struct child *c)
{
    siginfo_t info = {0};
    bool live = atomic_load(&c->live);

    if (atomic_load(&c->killed)) /* by us */
        return LEAT_END;
    if (!live)
        info = c->ended;
    else
        (void)waitid(P_PIDFD, (id_t)c->pid_fd, &info, WEXITED | WNOHANG | WNOWAIT);
    if (info.si_pid != 0)
        return judge(s, c, &info);
    if (!live || c->watched)
        return LEAT_END;
    c->watched = true;
    leat_wait_ms(s, DIES_WITHIN_MS);
    return watch(s, c);
}

static int last_open(struct leat_stage *s)
{
    return start(s, true, false);
}

static int last_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct child *c = leat_state(s);
    int r;

    (void)out;
    if (atomic_load(&c->killed))
        return wait_killed(s, c);
    r = c->to.fd >= 0 ? take(s, c, in) : LEAT_END;
    if (r == LEAT_END && c->to.fd < 0)
        return wait_for(s, c);
    if (r == LEAT_END && in->pos < in->len)
        r = look_at_end(s, c);
    return r == LEAT_END ? LEAT_ENOUGH : r;
}

static void last_stop(struct leat_stage *s, enum leat_stop why)
{
    struct child *c = leat_state(s);

    if (why == LEAT_STOP_ABORT)
        kill_child(c);
    (void)leat_fd_close(&c->to); /* killed first: it must not take this for a good end */
}

static void last_close(struct leat_stage *s)
{
    struct child *c = leat_state(s);

    (void)leat_fd_close(&c->to); /* a pipe: nothing is lost by closing */
    (void)leat_fd_close(&c->from);
    close_fd(&c->watch_fd);
    half_closed(c);
}

static int middle_open(struct leat_stage *s)
{
    return start(s, true, true);
}

/* Until the child has ended; what that is worth, the other half says. */
static int wait_beside(struct leat_stage *s, struct child *c)
{
    siginfo_t info = {0};

    if (atomic_load(&c->killed) || !atomic_load(&c->live))
        return LEAT_END;
    if (waitid(P_PIDFD, (id_t)c->pid_fd, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return LEAT_END; /* the other half has had it */
    return info.si_pid != 0 ? LEAT_END : watch(s, c);
}

static int middle_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct child *c = leat_state(s);
    int r;

    (void)out;
    if (c->to.fd < 0)
        return wait_beside(s, c);
    r = take(s, c, in);
    if (r == LEAT_END && in->pos < in->len)
        r = look_at_end(s, c);
    return r == LEAT_END ? LEAT_ENOUGH : r;
}

static void middle_stop(struct leat_stage *s, enum leat_stop why)
{
    last_stop(s, why);
}

static void middle_close(struct leat_stage *s)
{
    struct child *c = leat_state(s);

    (void)leat_fd_close(&c->to); /* a pipe: nothing is lost by closing */
    close_fd(&c->watch_fd);
    half_closed(c); /* the other half waits for the child */
}

/* --- types ------------------------------------------------------------------------------------ */

static const struct leat_stage_type exec_first = {
    .name = "exec",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct child),
    .open = first_open,
    .step = first_step,
    .stop = first_stop,
    .close = last_close,
};

static const struct leat_stage_type exec_last = {
    .name = "exec",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct child),
    .open = last_open,
    .step = last_step,
    .stop = last_stop,
    .close = last_close,
};

static const struct leat_stage_type exec_middle_in = {
    .name = "exec",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct child),
    .open = middle_open,
    .step = middle_step,
    .stop = middle_stop,
    .close = middle_close,
};

static const struct leat_stage_type exec_middle_out = {
    .name = "exec",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .step = out_step,
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
        "As the first stage the command's standard output is the stream; as the last it reads the "
        "stream; in the middle both, in both directions at once. What is not connected it has from "
        "leat, its standard error too. There is no shell: use exec sh -c '...' for one.\n\n"
        "An exit status other than 0, or death by a signal, fails the pipeline with exit status 6 (141 "
        "if the signal is SIGPIPE), and no output is committed. A command that stops reading early is no failure if it then "
        "exits with 0: what comes before it goes on without it, and its end is waited for. If the "
        "stages after it want no more, its output is closed, and how it ends does not count. If the "
        "pipeline fails it gets SIGTERM, and SIGKILL two seconds later. A signal that leat was "
        "started with as ignored, as by nohup, the command ignores, too.",
    .examples = "exec seq 1 100 : exec sort -r : head -n 1\n"
                "read big.log : exec tr a-z A-Z : count -l",
    .kind = LEAT_BY_PLACE,
    .first = &exec_first,
    .last = &exec_last,
    .middle_in = &exec_middle_in,
    .middle_out = &exec_middle_out,
};
