/* stop.c - ends the process when a run that was cancelled does not end by itself.
 *
 * A cancel takes effect between two calls of a library, and an encoder with threads of its own ends when
 * their job does: with zstd -19 that is 20 seconds of processor time. A thread looks at the processor time
 * since the signal. Time without work does not count: a disk that syncs, or a child that has its grace, is
 * waited for.
 *
 * With one thread for all, the loop itself may be in such a call when the signal comes. Then the thread is
 * there from the start and runs the signal handlers, which tell the loop: so it knows of the signal first.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define LOOK_MS 20
#define CPU_MS 120u /* of the process after the signal; a quarter of a second is the promise */
#define CPU_FILES_MS 10000u /* where a report or a partial file is to be kept */

/* The last signal that arrived, and the handler of the loop, which runs after it is noted. */
static volatile sig_atomic_t last_signal;
static void (*loop_handler)(int number);

static void note_signal(int number)
{
    last_signal = number;
    loop_handler(number);
}

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec t = {0};

    (void)clock_gettime(clock, &t); /* both clocks exist on Linux */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void begin(struct stop *s, int signal)
{
    s->signal = signal;
    s->at_ms = clock_ms(CLOCK_MONOTONIC);
    s->cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    s->begun = true;
}

static bool is_late(const struct stop *s)
{
    uint64_t cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - s->cpu_ms;
    uint64_t ms = clock_ms(CLOCK_MONOTONIC) - s->at_ms;

    return cpu_ms >= s->limit_ms && ms >= s->grace_ms;
}

static void *watch_over(void *arg)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    struct stop *s = arg;

    for (;;) {
        struct pollfd wake = {.fd = s->wake_fd, .events = POLLIN};
        int n = ppoll(&wake, 1, s->begun ? &look : NULL, s->takes_signals ? &s->before : NULL);

        if (n > 0)
            return NULL; /* the run has ended */
        if (n < 0 && errno == EINTR && !s->begun && last_signal > 0)
            begin(s, last_signal);
        if (s->begun && is_late(s))
            s->end(s->arg, s->signal);
    }
}

/* Some stages need more time to end well: a child process, or a partial file that is kept. */
static void look_at_stages(struct stop *s, const struct leat_pipeline *p, unsigned grace_ms)
{
    struct leat_stats stats;

    stats = stats_now(p);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats stage;

        stage = stage_now(p, i);
        if (strcmp(stage.name, "exec") == 0)
            s->grace_ms = grace_ms;
        if (strstr(stage.text, " --keep")) /* or any prefix of --keep-partial that is unique */
            s->limit_ms = CPU_FILES_MS;
    }
}

void stop_init(struct stop *s, const struct config *c, const struct leat_pipeline *p,
               unsigned grace_ms, void (*end)(void *arg, int signal), void *arg)
{
    *s = (struct stop){.end = end, .arg = arg, .limit_ms = CPU_MS, .wake_fd = -1};
    if (c->report || c->trace || c->metrics)
        s->limit_ms = CPU_FILES_MS;
    look_at_stages(s, p, grace_ms);
}

/* Without the thread the run ends when it ends, and a second signal ends it in any case. */
static void start(struct stop *s)
{
    s->wake_fd = eventfd(0, EFD_CLOEXEC);
    s->started = s->wake_fd >= 0 && pthread_create(&s->thread, NULL, watch_over, s) == 0;
    if (s->started || s->wake_fd < 0)
        return;
    (void)close(s->wake_fd); /* nothing was written */
    s->wake_fd = -1;
}

void stop_take_signals(struct stop *s, const sigset_t *signals)
{
    struct sigaction action;

    for (int number = 1; number < NSIG; number++) {
        if (sigismember(signals, number) != 1 || sigaction(number, NULL, &action) < 0)
            continue;
        loop_handler = action.sa_handler; /* the same for all */
        action.sa_handler = note_signal;
        (void)sigaction(number, &action, NULL); /* it is a signal that can be handled */
    }
    s->takes_signals = true;
    s->taken = *signals;
    (void)pthread_sigmask(SIG_BLOCK, signals, &s->before);
    start(s);
    if (!s->started) {
        (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
        s->takes_signals = false;
    }
}

int stop_pending(const struct stop *s)
{
    const struct timespec now = {0};
    int number = s->takes_signals ? sigtimedwait(&s->taken, NULL, &now) : 0;

    return number > 0 ? number : 0; /* there is none */
}

void stop_begin(struct stop *s, int signal)
{
    if (s->started)
        return;
    begin(s, signal);
    start(s);
}

void stop_end(struct stop *s)
{
    const uint64_t one = 1;

    if (!s->started)
        return;
    while (write(s->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    (void)pthread_join(s->thread, NULL);
    (void)close(s->wake_fd); /* nobody reads it */
    s->started = false;
    if (s->takes_signals)
        (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}
