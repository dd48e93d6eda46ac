/* bound.c - wait for a child process and tell one that hangs from one that is slow.
 *
 * Idle time is counted in looks, not on a clock: a machine that stands still for an hour, or a
 * watcher that gets no processor, adds nothing. A thread that can run but is not let to, or one that
 * waits for a disk or a page, is busy. Descriptors 0 to 2 may be closed: nothing here opens one
 * before the child has its own copy.
 */
#include "bound.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 4096 /* on the whole machine; more are not looked at */
#define TREE_MAX 512
/* A tree with a timer or two is idle, too: of a processor's time it may use so much. */
#define IDLE_SHARE_PERCENT 3
/* gdb is given up after so many seconds; it only helps. */
#define STACKS_S 60
/* A killed process that waits for a disk ends later. */
#define KILL_LOOKS_MAX 10000

struct process {
    pid_t pid, parent;
    uint64_t ticks; /* of its own and of the children that it has waited for */
    bool in_tree, is_zombie;
};

static struct process processes[PROCESSES_MAX];
static size_t n_processes;

/* Reads a small file of /proc; returns its length, 0 if it is gone. */
static size_t read_proc(const char *path, char *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, to, size - 1);
    close(fd);
    if (n < 0)
        n = 0;
    to[n] = '\0';
    return (size_t)n;
}

/* The fields of /proc/PID/stat after the name, which may hold blanks and brackets. */
static bool read_stat(const char *path, char *ret_state, pid_t *ret_parent, uint64_t *ret_ticks)
{
    unsigned long user, system;
    long child_user, child_system;
    char text[1024], *after;
    int parent;

    if (!read_proc(path, text, sizeof(text)) || !(after = strrchr(text, ')')))
        return false;
    if (sscanf(after + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", ret_state,
               &parent, &user, &system, &child_user, &child_system) != 6)
        return false;
    *ret_parent = parent;
    *ret_ticks = user + system + (uint64_t)child_user + (uint64_t)child_system;
    return true;
}

static void read_processes(void)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    char path[64], state;

    n_processes = 0;
    if (!dir)
        return;
    while ((entry = readdir(dir)) && n_processes < PROCESSES_MAX) {
        struct process *p = &processes[n_processes];

        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
        *p = (struct process){.pid = (pid_t)strtol(entry->d_name, NULL, 10)};
        if (!read_stat(path, &state, &p->parent, &p->ticks))
            continue;
        p->is_zombie = state == 'Z';
        n_processes++;
    }
    closedir(dir);
}

/* Marks all descendants of the caller, whose orphans are its children. */
static void find_tree(void)
{
    pid_t self = getpid();
    bool found = true;
    size_t i, j;

    read_processes();
    while (found) {
        found = false;
        for (i = 0; i < n_processes; i++) {
            if (processes[i].in_tree)
                continue;
            for (j = 0; j < n_processes; j++)
                if (processes[j].in_tree && processes[j].pid == processes[i].parent)
                    break;
            if (processes[i].parent == self || j < n_processes)
                found = processes[i].in_tree = true;
        }
    }
}

/* Can a thread of it run, or does it wait for a disk or a page? */
static bool is_runnable(pid_t pid)
{
    char path[64], state;
    struct dirent *entry;
    uint64_t ticks;
    pid_t parent;
    bool found = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return false;
    while (!found && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", (int)pid, entry->d_name);
        found = read_stat(path, &state, &parent, &ticks) && (state == 'R' || state == 'D');
    }
    closedir(dir);
    return found;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Processor time in seconds of all descendants, those that have ended included. */
static double tree_cpu(bool *ret_runnable)
{
    uint64_t ticks = 0;
    struct rusage ended;
    size_t i;

    *ret_runnable = false;
    find_tree();
    for (i = 0; i < n_processes; i++) {
        if (!processes[i].in_tree)
            continue;
        ticks += processes[i].ticks;
        if (!*ret_runnable && !processes[i].is_zombie)
            *ret_runnable = is_runnable(processes[i].pid);
    }
    getrusage(RUSAGE_CHILDREN, &ended);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK) + seconds_of(ended.ru_utime) +
           seconds_of(ended.ru_stime);
}

static void describe(int fd, pid_t pid)
{
    char path[64], line[512], state = '?';
    uint64_t ticks = 0;
    pid_t parent = 0;
    size_t n, i;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    n = read_proc(path, line, sizeof(line));
    for (i = 0; i + 1 < n; i++)
        if ((unsigned char)line[i] < 32)
            line[i] = ' ';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    (void)read_stat(path, &state, &parent, &ticks);
    dprintf(fd, "# process %d of %d, state %c, %.1f s of processor time: %s\n", (int)pid,
            (int)parent, state, (double)ticks / (double)sysconf(_SC_CLK_TCK), line);
}

/* Waits up to STACKS_S for gdb, which may not be installed or may not be let. */
static void print_stacks(int fd, pid_t pid)
{
    char number[16];
    unsigned i;
    pid_t gdb;

    snprintf(number, sizeof(number), "%d", (int)pid);
    gdb = fork();
    if (gdb == 0) {
        dup2(fd, STDOUT_FILENO);
        execlp("sh", "sh", "-c",
               "command -v gdb >/dev/null || exit 0; gdb -p \"$0\" -batch -nx "
               "-ex 'thread apply all backtrace 20' 2>&1 </dev/null | "
               "grep -E '^(Thread|#|ptrace)' | sed 's/^/#   /'",
               number, (char *)NULL);
        _exit(127);
    }
    for (i = 0; gdb > 0 && i < STACKS_S * 10; i++) {
        if (waitpid(gdb, NULL, WNOHANG) != 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    if (gdb > 0) {
        kill(gdb, SIGKILL);
        waitpid(gdb, NULL, 0);
    }
}

static void describe_tree(int fd)
{
    pid_t tree[TREE_MAX];
    size_t i, n = 0;

    find_tree();
    for (i = 0; i < n_processes && n < TREE_MAX; i++)
        if (processes[i].in_tree && !processes[i].is_zombie)
            tree[n++] = processes[i].pid;
    for (i = 0; i < n; i++) {
        describe(fd, tree[i]);
        print_stacks(fd, tree[i]);
    }
}

/* Looks until no child is left: one that forked after it was looked at is found by the next look,
 * and one that has just died needs a moment to be waited for. */
bool bound_kill_rest(void)
{
    bool any = false;
    unsigned looks;
    size_t i;

    for (looks = 0; looks < KILL_LOOKS_MAX; looks++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return any;
        find_tree();
        for (i = 0; i < n_processes; i++)
            if (processes[i].in_tree && !processes[i].is_zombie)
                any = kill(processes[i].pid, SIGKILL) == 0 || any;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return any;
}

void bound_prepare(const struct bound_limits *limits, sigset_t *ret_mask)
{
    sigset_t set = limits->forward;

    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, ret_mask);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Has `child` ended? Collects the orphans that have, too. */
static bool has_ended(pid_t child, int *ret_status)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == child) {
            *ret_status = status;
            return true;
        }
    return pid < 0; /* somebody else has waited for it: cannot be */
}

/* How the tree has done since its last progress. */
struct since {
    uint64_t progress;
    double cpu;      /* when that was */
    double idle_cpu; /* when the idle time began */
    unsigned looks, idle_looks;
};

static unsigned looks_of(unsigned seconds, const struct bound_limits *limits)
{
    return seconds * 1000 / limits->tick_ms;
}

static enum bound_outcome look(struct since *since, const struct bound_limits *limits)
{
    uint64_t progress = limits->progress ? limits->progress(limits->context) : 0;
    bool runnable;
    double cpu = tree_cpu(&runnable), allowed;

    if (progress != since->progress) {
        *since = (struct since){.progress = progress, .cpu = cpu, .idle_cpu = cpu};
        return BOUND_ENDED;
    }
    allowed = (since->idle_looks + 1) * limits->tick_ms / 1000.0 * IDLE_SHARE_PERCENT / 100;
    if (runnable || cpu < since->idle_cpu || cpu - since->idle_cpu > allowed + 0.02) {
        since->idle_looks = 0;
        since->idle_cpu = cpu;
    } else {
        since->idle_looks++;
    }
    since->looks++;
    if (limits->idle_s && looks_of(limits->idle_s, limits) <= since->idle_looks)
        return BOUND_HUNG;
    if (limits->cpu_s && cpu - since->cpu > limits->cpu_s)
        return BOUND_LIVELOCK;
    if (limits->stall_s && looks_of(limits->stall_s, limits) <= since->looks)
        return BOUND_STALLED;
    return BOUND_ENDED;
}

/* Waits for a signal or the next look, whichever is first; true: time for a look. */
static bool wait_tick(pid_t child, const struct bound_limits *limits)
{
    struct timespec tick = {.tv_sec = limits->tick_ms / 1000,
                            .tv_nsec = (long)(limits->tick_ms % 1000) * 1000000};
    sigset_t set = limits->forward;
    int number;

    sigaddset(&set, SIGCHLD);
    number = sigtimedwait(&set, NULL, &tick);
    if (number > 0 && number != SIGCHLD)
        kill(child, number);
    return number < 0 && errno == EAGAIN;
}

enum bound_outcome bound_wait(pid_t child, const struct bound_limits *limits, int *ret_status,
                              char *text, size_t text_size)
{
    struct since since = {.progress = limits->progress ? limits->progress(limits->context) : 0};
    enum bound_outcome outcome = BOUND_ENDED;
    struct rusage ended;

    getrusage(RUSAGE_CHILDREN, &ended);
    since.cpu = since.idle_cpu = seconds_of(ended.ru_utime) + seconds_of(ended.ru_stime);
    text[0] = '\0';
    while (outcome == BOUND_ENDED) {
        if (has_ended(child, ret_status))
            return BOUND_ENDED;
        if (wait_tick(child, limits))
            outcome = look(&since, limits);
    }
    if (outcome == BOUND_HUNG)
        snprintf(text, text_size, "hung: %u s without progress, and all threads slept",
                 limits->idle_s);
    else if (outcome == BOUND_LIVELOCK)
        snprintf(text, text_size, "livelock: %u s of processor time without progress",
                 limits->cpu_s);
    else
        snprintf(text, text_size, "stalled: %u s without progress", limits->stall_s);
    describe_tree(limits->report_fd);
    bound_kill_rest();
    *ret_status = SIGKILL;
    return outcome;
}
