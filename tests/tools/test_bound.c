/* test_bound.c - a process that hangs, spins or polls is found; one that is slow is not. */
#include "bound.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t *steps;

static uint64_t progress(void *context)
{
    (void)context;
    return *steps;
}

static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static double cpu_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void spin(double seconds)
{
    double end = cpu_now() + seconds;

    while (cpu_now() < end)
        for (volatile unsigned i = 0; i < 100000; i++)
            ;
}

static void hang(void)
{
    for (;;)
        pause();
}

/* The hung process is a grandchild in a session of its own; its parent only waits. */
static void hang_below(void)
{
    if (fork() == 0) {
        setsid();
        hang();
    }
    wait(NULL);
}

static void livelock(void)
{
    spin(1e9);
}

static void poll_for_ever(void)
{
    for (;;)
        spin(1e-3), pause_ms(5);
}

/* Slow, with a word now and then: longer than every bound in all. */
static void wait_and_tell(void)
{
    int i;

    for (i = 0; i < 300; i++) {
        pause_ms(10);
        ++*steps;
    }
}

static void work_and_tell(void)
{
    int i;

    for (i = 0; i < 30; i++) {
        spin(0.1);
        ++*steps;
    }
}

/* Says nothing, but works, for longer than the bound on idle time. */
static void work(void)
{
    spin(1.5);
}

static enum bound_outcome watch(void (*what)(void), unsigned cpu_s, unsigned stall_s, char *text,
                                size_t size)
{
    struct bound_limits limits = {.tick_ms = 10,
                                  .idle_s = 1,
                                  .cpu_s = cpu_s,
                                  .stall_s = stall_s,
                                  .progress = progress,
                                  .report_fd = STDOUT_FILENO};
    enum bound_outcome outcome;
    int status = -1;
    sigset_t mask;
    pid_t child;

    steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT(steps != MAP_FAILED);
    if (what != hang)
        setenv("PATH", "/nowhere", 1); /* gdb takes seconds, and once is enough */
    sigemptyset(&limits.forward);
    bound_prepare(&limits, &mask);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &mask, NULL);
        what();
        _exit(7);
    }
    ASSERT_GT(child, 0);
    outcome = bound_wait(child, &limits, &status, text, size);
    if (outcome == BOUND_ENDED)
        ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    else
        ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ASSERT(!bound_kill_rest());
    return outcome;
}

TEST(test_a_hang_is_found)
{
    char text[128];

    ASSERT_EQ(watch(hang, 1000, 1000, text, sizeof(text)), BOUND_HUNG);
    ASSERT_STR_HAS(text, "hung");
}

TEST(test_a_hang_of_a_grandchild_is_found_and_it_is_killed)
{
    char text[128];

    ASSERT_EQ(watch(hang_below, 1000, 1000, text, sizeof(text)), BOUND_HUNG);
}

TEST(test_a_livelock_is_found)
{
    char text[128];

    ASSERT_EQ(watch(livelock, 1, 1000, text, sizeof(text)), BOUND_LIVELOCK);
    ASSERT_STR_HAS(text, "livelock");
}

TEST(test_a_process_that_polls_is_found_by_the_long_bound)
{
    char text[128];

    ASSERT_EQ(watch(poll_for_ever, 1000, 2, text, sizeof(text)), BOUND_STALLED);
    ASSERT_STR_HAS(text, "stalled");
}

TEST(test_a_slow_process_that_tells_its_progress_is_let_be)
{
    char text[128];

    ASSERT_EQ(watch(wait_and_tell, 2, 1000, text, sizeof(text)), BOUND_ENDED);
    ASSERT_EQ(watch(work_and_tell, 2, 1000, text, sizeof(text)), BOUND_ENDED);
    ASSERT_STREQ(text, "");
}

TEST(test_a_silent_process_that_works_is_not_idle)
{
    char text[128];

    ASSERT_EQ(watch(work, 1000, 1000, text, sizeof(text)), BOUND_ENDED);
}

static void leave_one_running(void)
{
    if (fork() == 0)
        hang();
}

TEST(test_no_orphan_is_left)
{
    struct bound_limits limits = {0};
    sigset_t mask;
    pid_t child;

    sigemptyset(&limits.forward);
    bound_prepare(&limits, &mask);
    leave_one_running();
    ASSERT(bound_kill_rest());
    ASSERT(!bound_kill_rest());
    child = fork();
    if (child == 0) {
        leave_one_running();
        _exit(0);
    }
    ASSERT_GT(child, 0);
    bound_kill_rest();
    ASSERT(!bound_kill_rest());
}
