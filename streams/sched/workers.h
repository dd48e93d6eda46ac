/* workers.h - the threads of a pool.
 *
 * A pool starts workers when they are needed. They sleep on a condition variable and never spin. A pipeline
 * has a pool of its own, or shares that of its context.
 */
#ifndef LEAT_SCHED_WORKERS_H
#define LEAT_SCHED_WORKERS_H

#include "executor.h"

/* leat_workers_start - start the first worker, if none runs. Returns 0, or -errno: cannot start a thread. */
int leat_workers_start(struct leat_workers *workers);
/* leat_workers_stop - join all workers, when the queues of all executors are empty. */
void leat_workers_stop(struct leat_workers *workers);
/* leat_workers_runs_here - is this thread one of them, or a guest? */
bool leat_workers_runs_here(struct leat_workers *workers);
/* leat_thread_start - a thread in which all signals are blocked: they are for the program's own threads.
 * Returns 0 or -errno. */
int leat_thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
