/* child.c - a child process of a stage, and its process group. */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage/stage_impl.h"

#define GROUP_LOOK_MS                                                                              \
    20u /* polling interval: no event tells that the last process of a group has ended */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP 4u
#endif

extern char **environ;

/* --- starting --------------------------------------------------------------------------------- */

/* The child ignores the signals that a shell or nohup(1) made us ignore. Signals that our program
 * ignores for itself, such as SIGPIPE, have their default action in the child. */
static void keep_the_users(sigset_t *defaults)
{
    static const int users[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

    sigfillset(defaults);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        sigdelset(defaults, users[i]);
}

/* Is there a controlling terminal? A child in a process group of its own could not use it. */
static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return false;
    (void)close(fd); /* was only asked */
    return true;
}

static int set_attributes(posix_spawnattr_t *attr, bool leads_group)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t defaults, none;
    int r;

    keep_the_users(&defaults);
    sigemptyset(&none);
    r = posix_spawnattr_setsigdefault(attr, &defaults);
    if (!r)
        r = posix_spawnattr_setsigmask(attr, &none);
    if (!r && leads_group)
        r = posix_spawnattr_setpgroup(attr, 0);
    if (!r)
        r = posix_spawnattr_setflags(attr, leads_group ? flags | POSIX_SPAWN_SETPGROUP : flags);
    return r;
}

/* Set up the normal environment of a new program for the child. Returns 0 or an errno. */
static int spawn(struct leat_child *c, char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int r = posix_spawn_file_actions_init(&actions);

    if (r)
        return r;
    r = posix_spawnattr_init(&attr);
    if (r) {
        posix_spawn_file_actions_destroy(&actions);
        return r;
    }
    r = set_attributes(&attr, c->leads_group);
    if (!r && in >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (!r && out >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (!r)
        r = posix_spawnp(&c->pid, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* Returns 0 or -1 with errno. */
static int send_signal(const struct leat_child *c, int sig, unsigned flags)
{
    return (int)syscall(SYS_pidfd_send_signal, c->pid_fd, sig, NULL, flags);
}

int leat_child_start(struct leat_stage *s, struct leat_child *c, char *const *argv, int in, int out)
{
    int r;

    c->leads_group = !has_terminal();
    r = spawn(c, argv, in, out);
    if (r)
        return leat_fail(s, LEAT_ECHILD, "cannot run %s: %s", argv[0], strerrordesc_np(r));
    c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pid_fd < 0) {
        bool gone =
            errno == ESRCH; /* the program ignores SIGCHLD: another process may have the pid */

        r = leat_fail_errno(s, errno, "cannot watch the child process");
        if (!gone) { /* it is not reaped yet, so the pid is still valid */
            (void)kill(c->pid, SIGKILL);
            (void)waitpid(c->pid, NULL, 0);
        }
        return r;
    }
    c->by_pid_fd = c->leads_group && send_signal(c, 0, PIDFD_SIGNAL_PROCESS_GROUP) == 0;
    atomic_store(&c->live, true);
    return 0;
}

/* --- signals ---------------------------------------------------------------------------------- */

/* Returns 0: it runs; 1: it has ended, see *ret_info; or an errno of waitid. It stays a zombie. */
static int peek(const struct leat_child *c, siginfo_t *ret_info)
{
    int r;

    *ret_info = (siginfo_t){0};
    do {
        r = waitid(P_PIDFD, (id_t)c->pid_fd, ret_info, WEXITED | WNOHANG | WNOWAIT);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno;
    return ret_info->si_pid != 0;
}

/* Without a pidfd the group may only be signalled until its leader is reaped, by us or by the
 * kernel (if the program ignores SIGCHLD). */
static void signal_child(struct leat_child *c, int sig)
{
    siginfo_t info;

    if (c->by_pid_fd) {
        (void)send_signal(c, sig, PIDFD_SIGNAL_PROCESS_GROUP); /* the group may be gone already */
    } else if (atomic_load(&c->live)) {
        if (c->leads_group && peek(c, &info) <= 1)
            (void)kill(-c->pid, sig);
        else
            (void)send_signal(c, sig, 0);
    }
}

/* Continue the process: a stopped one, for example in the background of a terminal, cannot end. */
static void terminate(struct leat_child *c)
{
    atomic_store(&c->term_ns, leat_now_ns());
    signal_child(c, SIGTERM);
    signal_child(c, SIGCONT);
}

static void kill_hard(struct leat_child *c)
{
    atomic_store(&c->killed_hard, true);
    signal_child(c, SIGKILL);
}

void leat_child_kill(struct leat_child *c, bool holds_pipe)
{
    enum leat_child_state state = leat_child_look(c);

    if (atomic_load(&c->killed) || state == LEAT_CHILD_FAILED ||
        (state == LEAT_CHILD_ENDED_WELL && !holds_pipe))
        return;
    atomic_store(&c->killed, true);
    terminate(c);
}

/* Send SIGKILL if the grace time has passed; else return the milliseconds left. */
static uint64_t grace_left(struct leat_child *c)
{
    uint64_t gone_ms = (leat_now_ns() - atomic_load(&c->term_ns)) / 1000000u;

    if (atomic_load(&c->killed_hard))
        return 0;
    if (gone_ms < LEAT_CHILD_GRACE_MS)
        return LEAT_CHILD_GRACE_MS - gone_ms;
    kill_hard(c);
    return 0;
}

void leat_child_let_go(struct leat_child *c)
{
    atomic_store(&c->unwanted_ns, leat_now_ns());
    atomic_store(&c->unwanted, true);
}

/* The milliseconds until a child without a reader gets SIGTERM; 0: it has got it now. */
static uint64_t use_left(struct leat_stage *s, struct leat_child *c)
{
    uint64_t gone_ms = (leat_now_ns() - atomic_load(&c->unwanted_ns)) / 1000000u;

    if (gone_ms < LEAT_CHILD_GRACE_MS)
        return LEAT_CHILD_GRACE_MS - gone_ms;
    leat_warning(
        s,
        "the command still ran %u seconds after its output was no longer needed: it was ended (SIGTERM)",
        LEAT_CHILD_GRACE_MS / 1000u);
    leat_child_kill(c, true);
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool is_good(const struct leat_child *c, const siginfo_t *info)
{
    return atomic_load(&c->unwanted) || (info->si_code == CLD_EXITED && info->si_status == 0);
}

enum leat_child_state leat_child_look(const struct leat_child *c)
{
    siginfo_t info;
    int r = 1;

    if (c->pid_fd < 0)
        return LEAT_CHILD_ENDED_WELL;
    if (atomic_load(&c->live))
        r = peek(c, &info);
    else
        info = c->ended;
    if (r == 0)
        return LEAT_CHILD_RUNS;
    if (r > 1) /* the other stage reaps it now, and checks its status */
        return LEAT_CHILD_ENDED_WELL;
    return is_good(c, &info) ? LEAT_CHILD_ENDED_WELL : LEAT_CHILD_FAILED;
}

static int judge(struct leat_stage *s, struct leat_child *c)
{
    const char *name = leat_operands(s)->v[0];
    const siginfo_t *info = &c->ended;
    int code = info->si_status == SIGPIPE ? LEAT_EPIPE : LEAT_ECHILD;

    if (atomic_load(&c->killed) && !atomic_load(&c->unwanted))
        return leat_fail(s, LEAT_ECANCELLED, "stopped");
    if (is_good(c, info) || info->si_pid == 0)
        return LEAT_END;
    if (info->si_code == CLD_EXITED)
        return leat_fail(s, LEAT_ECHILD, "%s exited with status %d", name, info->si_status);
    leat_fail(s, code, "%s was killed by signal %d (%s)", name, info->si_status,
              sigdescr_np(info->si_status) ? sigdescr_np(info->si_status) : "?");
    s->failure.child_signal = info->si_status;
    return code;
}

static void count_cpu(struct leat_stage *s, const struct rusage *u)
{
    uint64_t seconds = (uint64_t)u->ru_utime.tv_sec + (uint64_t)u->ru_stime.tv_sec;
    uint64_t micros = (uint64_t)u->ru_utime.tv_usec + (uint64_t)u->ru_stime.tv_usec;

    atomic_fetch_add(&s->info->count.child_cpu_ns, seconds * 1000000000u + micros * 1000u);
}

/* For kernels that cannot signal a group by a pidfd: end the rest of the group before the leader is
 * reaped. */
static void end_group_first(struct leat_child *c)
{
    siginfo_t info;

    if (c->leads_group && !c->by_pid_fd && peek(c, &info) == 1 &&
        (atomic_load(&c->killed) || !is_good(c, &info)))
        kill_hard(c);
}

/* Returns LEAT_MORE: reaped, or the status is lost; LEAT_WAIT: it runs; or fails the stage. */
static int reap(struct leat_stage *s, struct leat_child *c)
{
    struct rusage usage = {0};
    siginfo_t info = {0};
    long r;

    end_group_first(c);
    do { /* waitid of the C library does not return the resource usage */
        r = syscall(SYS_waitid, P_PIDFD, c->pid_fd, &info, WEXITED | WNOHANG, &usage);
    } while (r < 0 && errno == EINTR);
    if (r < 0 && errno != ECHILD)
        return leat_fail_errno(s, errno, "cannot wait for the child");
    if (r == 0 && info.si_pid == 0)
        return LEAT_WAIT;
    c->ended =
        info; /* ECHILD: the embedding program ignores SIGCHLD, so the kernel keeps no status */
    atomic_store(&c->live, false);
    count_cpu(s, &usage);
    return LEAT_MORE;
}

/* Does the group of a child that has ended contain other processes? They get its grace time. */
static bool group_lives(struct leat_stage *s, struct leat_child *c)
{
    if (!c->by_pid_fd || atomic_load(&c->killed_hard) ||
        send_signal(c, 0, PIDFD_SIGNAL_PROCESS_GROUP) < 0)
        return false;
    if (atomic_load(&c->term_ns) == 0)
        terminate(c);
    if (grace_left(c) == 0)
        return false;
    leat_wait_ms(s, GROUP_LOOK_MS);
    return true;
}

static int wait_for(struct leat_stage *s, struct leat_child *c, int pid_fd)
{
    uint64_t ms = 0;

    if (atomic_load(&c->unwanted) && !atomic_load(&c->killed))
        ms = use_left(s, c);
    if (atomic_load(&c->killed))
        ms = grace_left(c);
    if (ms > 0)
        leat_wait_ms(s, ms);
    leat_wait_fd(s, pid_fd, false);
    return LEAT_WAIT;
}

int leat_child_end(struct leat_stage *s, struct leat_child *c)
{
    int r = atomic_load(&c->live) ? reap(s, c) : LEAT_MORE;

    if (r == LEAT_WAIT)
        return wait_for(s, c, c->pid_fd);
    if (r < 0)
        return r;
    if ((atomic_load(&c->killed) || !is_good(c, &c->ended)) && group_lives(s, c))
        return LEAT_WAIT;
    return judge(s, c);
}

int leat_child_await(struct leat_stage *s, struct leat_child *c, int pid_fd)
{
    if (leat_child_look(c) != LEAT_CHILD_RUNS)
        return LEAT_END;
    return wait_for(s, c, pid_fd);
}

void leat_child_end_group(struct leat_child *c)
{
    if (c->by_pid_fd)
        terminate(c);
}

void leat_child_done(struct leat_child *c)
{
    siginfo_t info;

    if (c->pid_fd < 0)
        return;
    if (atomic_load(&c->live)) {
        kill_hard(c);
        while (waitid(P_PIDFD, (id_t)c->pid_fd, &info, WEXITED) < 0 && errno == EINTR)
            ;
        atomic_store(&c->live, false);
    }
    close(c->pid_fd);
    c->pid_fd = -1;
}
