/* test_child.c - a child process: how it ends, and that nothing of its group is left.
 *
 * Each test runs on a kernel whose pidfd reaches the group (Linux 6.9), on an older one, and with a terminal,
 * where the child has no group of its own. The program is linked with --wrap of the calls below.
 */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "stage/stage_impl.h"
#include "syntax/tree.h"
#include "test.h"

#define SECOND_NS UINT64_C(1000000000)

enum kernel { NEW, OLD, TERMINAL, N_KERNELS };

static struct {
    enum kernel kernel;
    int pidfd_errno, wait_errno; /* of each call; 0: none */
    unsigned interrupted;        /* so many waits */
} os;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_waitid(idtype_t type, id_t id, siginfo_t *ret, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *ret, int options);

static int lacks(int error)
{
    errno = error;
    return -1;
}

static bool is_interrupted(void)
{
    return os.interrupted > 0 && os.interrupted-- > 0;
}

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list list;

    va_start(list, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_pidfd_send_signal && (unsigned)a[3] != 0 && os.kernel == OLD)
        return lacks(EINVAL);
    if (number == SYS_pidfd_open && os.pidfd_errno)
        return lacks(os.pidfd_errno);
    if (number == SYS_waitid && is_interrupted())
        return lacks(EINTR);
    if (number == SYS_waitid && os.wait_errno)
        return lacks(os.wait_errno);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_open(const char *path, int flags, ...)
{
    bool is_terminal = strcmp(path, "/dev/tty") == 0;
    mode_t mode = 0;
    va_list args;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    if (is_terminal && os.kernel != TERMINAL)
        return lacks(ENXIO);
    return __real_open(is_terminal ? "/dev/null" : path, flags, mode);
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *ret, int options)
{
    return is_interrupted() ? lacks(EINTR) : __real_waitid(type, id, ret, options);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- a stage without a run, and its child ------------------------------------------------------ */

static const char *const words[] = {"program", NULL};
static struct leat_node node = {.operands = {.n = 1, .v = words}};
static struct leat_stage_info info;
static struct leat_stage stage;
static struct leat_child child;
static int from_child = -1; /* its output; EOF: all that have it are gone */

static int start_words(char *const *argv)
{
    int ends[2], r;

    info = (struct leat_stage_info){.name = "exec", .number = 1, .node = &node};
    stage = (struct leat_stage){.info = &info};
    child = (struct leat_child){.pid_fd = -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    r = leat_child_start(&stage, &child, argv, -1, ends[1]);
    ASSERT_EQ(close(ends[1]), 0);
    from_child = ends[0];
    return r;
}

/* `script` has the grandchildren's process id as $!. */
static void start(const char *script)
{
    char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)script,
                    NULL};

    ASSERT_EQ(start_words(argv), 0);
    ASSERT_EQ(child.leads_group, os.kernel != TERMINAL);
    ASSERT(os.kernel == NEW || !child.by_pid_fd);
}

/* Wait until the child has written a byte. */
static void wait_for_byte(void)
{
    char byte;

    ASSERT_EQ(read(from_child, &byte, 1), 1);
}

static void wait_for_eof(void)
{
    char byte;

    while (read(from_child, &byte, 1) > 0)
        continue;
    ASSERT_EQ(close(from_child), 0);
    from_child = -1;
}

static void wait_for_end(void)
{
    struct pollfd p = {.fd = child.pid_fd, .events = POLLIN};

    ASSERT_EQ(poll(&p, 1, -1), 1);
}

/* As the stage does: again and again, when what it waits for has happened. */
static int end(void)
{
    int r;

    while ((r = leat_child_end(&stage, &child)) == LEAT_WAIT) {
        struct pollfd p = {.fd = child.pid_fd, .events = POLLIN};
        int ms = stage.wants.ms > 0 ? (int)stage.wants.ms : -1;

        ASSERT_GE(poll(&p, stage.wants.ms > 0 && !atomic_load(&child.live) ? 0 : 1, ms), 0);
        stage.wants = (struct leat_wants){.ms = 0};
    }
    return r;
}

static void done(void)
{
    leat_child_done(&child);
    ASSERT_EQ(child.pid_fd, -1);
    leat_child_done(&child); /* no effect */
    if (from_child >= 0)
        ASSERT_EQ(close(from_child), 0);
    from_child = -1;
}

static void for_each_kernel(void (*test)(void))
{
    for (os.kernel = NEW; os.kernel < N_KERNELS; os.kernel++) {
        test_context("kernel %d", (int)os.kernel);
        test();
        done();
    }
}

/* --- how it ends ------------------------------------------------------------------------------- */

static void ends_well(void)
{
    start("exit 0");
    ASSERT_EQ(end(), LEAT_END);
    ASSERT_EQ(leat_child_look(&child), LEAT_CHILD_ENDED_WELL);
    ASSERT_EQ(leat_child_end(&stage, &child), LEAT_END);
    ASSERT_GT(info.count.child_cpu_ns, 0);
    leat_child_kill(&child, false); /* too late, and no effect */
    ASSERT(!child.killed);
}

static void fails(void)
{
    start("exit 3");
    wait_for_end();
    ASSERT_EQ(leat_child_look(&child), LEAT_CHILD_FAILED);
    leat_child_kill(&child, true);
    ASSERT(!child.killed);
    ASSERT_EQ(end(), LEAT_ECHILD);
    ASSERT_STREQ(stage.failure.text, "program exited with status 3");
    ASSERT_EQ(leat_child_look(&child), LEAT_CHILD_FAILED);
}

static void is_killed_by_others(void)
{
    start("kill -HUP $$");
    ASSERT_EQ(end(), LEAT_ECHILD);
    ASSERT_STREQ(stage.failure.text, "program was killed by signal 1 (Hangup)");
    ASSERT_EQ(stage.failure.child_signal, SIGHUP);
    done();
    start("kill -PIPE $$");
    ASSERT_EQ(end(), LEAT_EPIPE);
}

static void does_not_count(void)
{
    start("exit 3");
    leat_child_let_go(&child);
    ASSERT_EQ(end(), LEAT_END);
}

TEST(test_a_status_is_a_success_or_a_failure)
{
    for_each_kernel(ends_well);
    for_each_kernel(fails);
    for_each_kernel(is_killed_by_others);
    for_each_kernel(does_not_count);
}

/* The child ends when the engine watches it: a child that was gone before has no process that could be watched. */
static void keeps_no_status(void)
{
    const char *path = test_path("go");
    char script[PATH_MAX + 32];
    int go;

    (void)unlink(path); /* of the kernel before */
    ASSERT_EQ(mkfifo(path, 0600), 0);
    snprintf(script, sizeof script, "read x <'%s'; exit 3", path);
    start(script);
    go = open(path, O_WRONLY | O_CLOEXEC);
    ASSERT(go >= 0);
    ASSERT_EQ(close(go), 0);
    wait_for_eof();
    wait_for_end();
    ASSERT_EQ(leat_child_look(&child), LEAT_CHILD_ENDED_WELL);
    ASSERT_EQ(end(), LEAT_END);
}

TEST(test_a_program_that_ignores_sigchld_has_no_status)
{
    signal(SIGCHLD, SIG_IGN);
    for_each_kernel(keeps_no_status);
}

static void is_stopped(void)
{
    start("echo; exec sleep 1000");
    wait_for_byte();
    ASSERT_EQ(leat_child_look(&child), LEAT_CHILD_RUNS);
    ASSERT_EQ(leat_child_end(&stage, &child), LEAT_WAIT);
    ASSERT_EQ(leat_child_await(&stage, &child, child.pid_fd), LEAT_WAIT);
    os.interrupted = 2;
    leat_child_kill(&child, false);
    os.interrupted = 2;
    ASSERT_EQ(end(), LEAT_ECANCELLED);
    ASSERT_EQ(leat_child_await(&stage, &child, child.pid_fd), LEAT_END);
    wait_for_eof();
}

TEST(test_a_child_is_stopped_when_nobody_needs_it)
{
    for_each_kernel(is_stopped);
}

static void ignores_term(void)
{
    start("trap '' TERM; echo; while :; do sleep 1000; done");
    wait_for_byte();
    leat_child_kill(&child, false);
    ASSERT_EQ(leat_child_end(&stage, &child), LEAT_WAIT);
    ASSERT_GT(stage.wants.ms, 0);
    atomic_store(&child.term_ns, leat_now_ns() - 3 * SECOND_NS); /* the grace time has passed */
    ASSERT_EQ(end(), LEAT_ECANCELLED);
    ASSERT(child.killed_hard);
    ASSERT_EQ(child.ended.si_status, SIGKILL);
    if (os.kernel != TERMINAL) /* there its own children are out of reach */
        wait_for_eof();
}

TEST(test_a_child_that_ignores_sigterm_is_killed_when_its_time_is_over)
{
    for_each_kernel(ignores_term);
}

static void is_left(void)
{
    start("echo; exec sleep 1000");
    wait_for_byte();
    os.interrupted = 1;
    leat_child_done(&child);
    wait_for_eof();
}

TEST(test_a_child_that_nobody_has_waited_for_is_killed)
{
    for_each_kernel(is_left);
}

/* --- its group --------------------------------------------------------------------------------- */

static void leaves_a_process(void)
{
    start("sleep 1000 & exit 3");
    ASSERT_EQ(end(), LEAT_ECHILD);
    if (os.kernel != TERMINAL)
        wait_for_eof(); /* it is gone, too */
}

static void leaves_a_process_that_ignores_term(void)
{
    start("(trap '' TERM; echo; exec sleep 1000) & exit 3");
    wait_for_byte();
    wait_for_end();
    while (leat_child_end(&stage, &child) == LEAT_WAIT)
        atomic_store(&child.term_ns, leat_now_ns() - 3 * SECOND_NS);
    ASSERT_EQ(stage.failure.code, LEAT_ECHILD);
    if (os.kernel != TERMINAL)
        wait_for_eof();
}

TEST(test_the_rest_of_the_group_of_a_failed_child_is_ended)
{
    for_each_kernel(leaves_a_process);
    for_each_kernel(leaves_a_process_that_ignores_term);
}

/* The leader has ended well, and a process in its group holds the pipe open. */
static void holds_the_pipe(void)
{
    start("sleep 1000 & exit 0");
    wait_for_end();
    leat_child_kill(&child, true);
    ASSERT(child.killed);
    ASSERT_EQ(end(), LEAT_ECANCELLED);
    if (os.kernel != TERMINAL)
        wait_for_eof();
}

static void is_reaped_first(void)
{
    start("sleep 1000 & exit 0");
    ASSERT_EQ(end(), LEAT_END);
    leat_child_end_group(&child);
    if (child.by_pid_fd) /* others have no safe way to the group any more */
        wait_for_eof();
}

TEST(test_a_process_that_holds_the_pipe_is_ended)
{
    for_each_kernel(holds_the_pipe);
    for_each_kernel(is_reaped_first);
}

/* --- what cannot be done ----------------------------------------------------------------------- */

static void fails_to_start(void)
{
    char *argv[] = {(char *)(uintptr_t) "/no/such/program", NULL};

    ASSERT_EQ(start_words(argv), LEAT_ECHILD);
    ASSERT_STR_HAS(stage.failure.text, "cannot run /no/such/program: No such file");
    ASSERT_EQ(leat_child_look(&child), LEAT_CHILD_ENDED_WELL);
    wait_for_eof();
}

static void cannot_be_watched(void)
{
    char *argv[] = {(char *)(uintptr_t) "sleep", (char *)(uintptr_t) "1000", NULL};

    os.pidfd_errno = ENOSYS;
    ASSERT_EQ(start_words(argv), LEAT_EIO);
    os.pidfd_errno = 0;
    ASSERT_STR_HAS(stage.failure.text, "cannot watch the child process");
    wait_for_eof(); /* it is gone */
}

static void cannot_be_waited_for(void)
{
    start("exit 0");
    wait_for_end();
    os.wait_errno = EINVAL;
    ASSERT_EQ(end(), LEAT_EIO);
    os.wait_errno = 0;
    ASSERT_STR_HAS(stage.failure.text, "cannot wait for the child");
}

TEST(test_what_the_system_refuses_is_a_failure_and_leaves_no_process)
{
    for_each_kernel(fails_to_start);
    for_each_kernel(cannot_be_watched);
    for_each_kernel(cannot_be_waited_for);
}
