/* clock.h - the clock of a pipeline: the machine's, or a virtual one.
 *
 * With virtual time a step lasts as long as the stage says (leat_spend_ns), and a wait exactly as
 * long as requested. Each actor has its own time. The seeded executor runs the actors in the order
 * of their times, and at most n_threads of them at the same virtual time, so the duration of a job
 * on so many processors is known to the nanosecond, and is the same in every run.
 */
#ifndef LEAT_BASE_CLOCK_H
#define LEAT_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t leat_read_clock_ns(clockid_t id)
{
    struct timespec t = {0};

    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* leat_now_ns - the machine's monotonic time. leat_thread_cpu_ns - processor time of this thread.
 * */
static inline uint64_t leat_now_ns(void)
{
    return leat_read_clock_ns(CLOCK_MONOTONIC);
}
static inline uint64_t leat_thread_cpu_ns(void)
{
    return leat_read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

struct leat_clock {
    bool is_virtual;
    uint64_t now_ns;    /* virtual: the time of the actor that runs */
    uint64_t latest_ns; /* virtual: the largest now_ns until now */
    uint64_t *free_ns;  /* virtual: the time when each of n_threads is free again */
    unsigned n_threads;
};

/* leat_clock_init - Returns 0 or LEAT_ENOMEM. */
int leat_clock_init(struct leat_clock *clock, bool is_virtual, unsigned n_threads);
void leat_clock_done(struct leat_clock *clock);
/* leat_clock_now - monotonic nanoseconds, never 0. */
static inline uint64_t leat_clock_now(const struct leat_clock *clock)
{
    return clock->is_virtual ? clock->now_ns : leat_now_ns();
}
/* leat_clock_begin - virtual: start an actor that is ready at ready_ns, as soon as a thread is
 * free.
 * Returns the thread, which leat_clock_end frees at the time of that call. */
unsigned leat_clock_begin(struct leat_clock *clock, uint64_t ready_ns);
void leat_clock_end(struct leat_clock *clock, unsigned thread);
/* leat_clock_set - virtual: set the time, for an event outside. */
void leat_clock_set(struct leat_clock *clock, uint64_t now_ns);
/* leat_clock_spend - virtual: the running actor needs ns more; no effect otherwise. */
void leat_clock_spend(struct leat_clock *clock, uint64_t ns);

#endif
