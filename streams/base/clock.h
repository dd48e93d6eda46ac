/* clock.h - what time it is for a pipeline: the machine's, or a virtual one.
 *
 * On virtual time a step takes as long as the stage says (leat_spend_ns), and a wait as long as it was
 * asked for. The seeded executor runs actors in the order of their times, each in a time line of
 * its own and no more of them at once than there are threads: so what a job would come to on so
 * many processors is known to the nanosecond, and the same at every run.
 */
#ifndef LEAT_CLOCK_H
#define LEAT_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_clock {
    bool is_virtual;
    uint64_t now_ns;    /* virtual: of the actor that runs */
    uint64_t latest_ns; /* virtual: the latest that it has ever been */
    uint64_t *free_ns;  /* virtual: when each of n_threads is free again */
    unsigned n_threads;
};

/* leat_clock_init - Returns 0 or LEAT_ENOMEM. */
int leat_clock_init(struct leat_clock *clock, bool is_virtual, unsigned n_threads);
void leat_clock_done(struct leat_clock *clock);
/* leat_clock_now - monotonic nanoseconds, never 0. */
uint64_t leat_clock_now(const struct leat_clock *clock);
/* leat_clock_begin - virtual: what may start at ready_ns starts when a thread is free. Returns that
 * thread, which leat_clock_end frees at what is then the time. */
unsigned leat_clock_begin(struct leat_clock *clock, uint64_t ready_ns);
void leat_clock_end(struct leat_clock *clock, unsigned thread);
/* leat_clock_set - virtual: the time of what happens outside. */
void leat_clock_set(struct leat_clock *clock, uint64_t now_ns);
/* leat_clock_spend - virtual: what runs takes so long; else without effect. */
void leat_clock_spend(struct leat_clock *clock, uint64_t ns);

/* leat_now_ns, leat_thread_cpu_ns - of the machine, of the calling thread. */
uint64_t leat_now_ns(void);
uint64_t leat_thread_cpu_ns(void);

#endif
