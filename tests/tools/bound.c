/* bound.c - run a command until it ends, hangs or spins: bound [OPTION...] CMD...
 *
 *   --idle=S    killed after S seconds in which it says nothing and none of its threads can run
 *   --cpu=S     killed after S seconds of processor time without a word; 0: no bound
 *   --stall=S   killed after S seconds without a word, whatever it does; 0: no bound
 *   --tick=MS   time between two looks
 *   --all       what the command has left running is killed when it ends
 *   --cost=FILE the time that the command took, and the processor time of it and its descendants, are
 *               written there, in seconds
 *
 * Standard output, if it is a file, shows progress by growing. The status is the command's own, 137
 * after a kill; standard error then tells what was going on. Signals are passed on.
 */
#include "../bound.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};

static uint64_t output_size(void *context)
{
    struct stat st;

    (void)context;
    return fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static bool parse(int argc, char **argv, struct bound_limits *limits, bool *ret_all,
                  const char **ret_cost)
{
    static const struct option options[] = {{"idle", required_argument, NULL, 'i'},
                                            {"cpu", required_argument, NULL, 'c'},
                                            {"stall", required_argument, NULL, 's'},
                                            {"tick", required_argument, NULL, 't'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"cost", required_argument, NULL, 'o'},
                                            {0}};
    int option;

    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        unsigned value = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

        if (option == 'i')
            limits->idle_s = value;
        else if (option == 'c')
            limits->cpu_s = value;
        else if (option == 's')
            limits->stall_s = value;
        else if (option == 't' && value)
            limits->tick_ms = value;
        else if (option == 'a')
            *ret_all = true;
        else if (option == 'o')
            *ret_cost = optarg;
        else
            return false;
    }
    return optind < argc;
}

static double now_s(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A descendant that nobody has waited for does not count. A cost that cannot be written is not known. */
static void write_cost(const char *path, double began_s)
{
    struct rusage used;
    FILE *file = path ? fopen(path, "we") : NULL;

    if (!file)
        return;
    getrusage(RUSAGE_CHILDREN, &used);
    fprintf(file, "%.1f %.1f\n", now_s() - began_s,
            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    fclose(file);
}

/* Ends as the command has ended, so that the shell sees the same. */
static int leave_as(int status)
{
    if (WIFSIGNALED(status)) {
        struct rlimit no_core = {0, 0};
        sigset_t all;

        setrlimit(RLIMIT_CORE, &no_core);
        signal(WTERMSIG(status), SIG_DFL);
        sigfillset(&all);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        raise(WTERMSIG(status));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    struct bound_limits limits = {.tick_ms = 1000,
                                  .idle_s = 60,
                                  .cpu_s = 1200,
                                  .stall_s = 1800,
                                  .progress = output_size,
                                  .report_fd = STDERR_FILENO};
    const char *cost = NULL;
    double began_s = now_s();
    bool all = false;
    char text[128];
    int status = 0;
    sigset_t mask;
    pid_t child;
    size_t i;

    if (!parse(argc, argv, &limits, &all, &cost)) {
        fputs(
            "usage: bound [--idle=S] [--cpu=S] [--stall=S] [--tick=MS] [--all] [--cost=FILE] CMD...\n",
            stderr);
        return 125;
    }
    sigemptyset(&limits.forward);
    for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        sigaddset(&limits.forward, forwarded[i]);
    setpgid(0, 0);
    bound_prepare(&limits, &mask);
    child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &mask, NULL);
        execvp(argv[optind], argv + optind);
        fprintf(stderr, "bound: %s: %s\n", argv[optind], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    if (child < 0)
        return 125;
    if (bound_wait(child, &limits, &status, text, sizeof(text)) != BOUND_ENDED) {
        fprintf(stderr, "# %s: %s\n", argv[optind], text);
        return 128 + SIGKILL;
    }
    if (all)
        bound_kill_rest();
    write_cost(cost, began_s);
    return leave_as(status);
}
