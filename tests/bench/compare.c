/* compare.c - run two commands in pairs, A B A B ..., and print one row of a table.
 *
 *   compare NAME TARGET PAIRS COMMAND-A COMMAND-B
 *
 * A is ours, B the peer; both are given to sh. The ratio is the median over the pairs of B's time
 * through A's, so neighbours in time are compared and a drift of the machine cancels. CPU is user
 * and system time of all processes of a command, peak the largest of their resident sets. The
 * first pair warms up and does not count. With COMPARE=cpu in the environment the ratio is
 * that of the processor times. Status 1 if the ratio is below TARGET. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 101

struct sample {
    double wall_s, cpu_s, peak_mib;
};

static double seconds(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static struct sample run(const char *command)
{
    struct sample sample;
    struct rusage usage;
    double start = now();
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        execl("/bin/bash", "bash", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
        perror("compare");
        exit(2);
    }
    sample.wall_s = now() - start;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "compare: failed with status %d: %s\n", WEXITSTATUS(status), command);
        exit(2);
    }
    sample.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    sample.peak_mib = (double)usage.ru_maxrss / 1024;
    return sample;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *values, unsigned n)
{
    double sorted[PAIRS_MAX];

    memcpy(sorted, values, n * sizeof(*values));
    qsort(sorted, n, sizeof(*sorted), by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

struct column {
    double wall[PAIRS_MAX], cpu[PAIRS_MAX], peak[PAIRS_MAX];
};

static void keep(struct column *column, unsigned i, struct sample sample)
{
    column->wall[i] = sample.wall_s;
    column->cpu[i] = sample.cpu_s;
    column->peak[i] = sample.peak_mib;
}

int main(int argc, char **argv)
{
    static struct column ours, peer;
    double ratio[PAIRS_MAX], target, got;
    const char *what = getenv("COMPARE");
    bool by_cpu = what && strcmp(what, "cpu") == 0;
    unsigned i, pairs;

    if (argc != 6) {
        fprintf(stderr, "usage: compare NAME TARGET PAIRS COMMAND-A COMMAND-B\n");
        return 2;
    }
    target = strtod(argv[2], NULL);
    pairs = (unsigned)strtoul(argv[3], NULL, 10);
    if (pairs < 1 || pairs > PAIRS_MAX)
        pairs = 5;
    run(argv[4]);
    run(argv[5]);
    for (i = 0; i < pairs; i++) {
        keep(&ours, i, run(argv[4]));
        keep(&peer, i, run(argv[5]));
        ratio[i] = by_cpu ? peer.cpu[i] / ours.cpu[i] : peer.wall[i] / ours.wall[i];
    }
    got = median(ratio, pairs);
    printf("| %s | %.3f | %.3f | **%.2f** | %.2f | %.2f | %.2f | %.0f | %.0f | %s |\n", argv[1],
           median(ours.wall, pairs), median(peer.wall, pairs), got, target, median(ours.cpu, pairs),
           median(peer.cpu, pairs), median(ours.peak, pairs), median(peer.peak, pairs),
           got >= target ? "yes" : "NO");
    return got >= target ? 0 : 1;
}
