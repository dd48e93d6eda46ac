/* executor.h - who runs what.
 *
 * An actor is run by at most one thread at a time, after it was woken, and is woken as often as
 * anyone likes. Three executors: a pool of worker threads; the loop's own thread; and the loop's
 * own thread in an order drawn from a seed.
 */
#ifndef LEAT_EXECUTOR_H
#define LEAT_EXECUTOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "leat.h"

struct leat_executor;

struct leat_actor {
    /* run - do a bounded amount of work; true: there is more, run me again. */
    bool (*run)(struct leat_actor *actor);
    struct leat_actor *next; /* in the run queue */
    atomic_int state;        /* enum actor_state of executor.c */
    uint64_t ready_ns;       /* since when it could run; good while it runs */
    uint64_t ran_ns;         /* virtual time: until when it has run */
    pthread_t thread;        /* that runs it, while it runs */
};

struct leat_executor {
    enum leat_executor_kind kind;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct leat_actor *head, *tail; /* under the lock: the run queue */
    unsigned queued;                /* under the lock */
    unsigned threads_max, threads_n;
    unsigned idle;    /* under the lock: workers waiting, or signalled and not awake yet */
    unsigned running; /* under the lock: actors being run */
    bool stop;        /* under the lock */
    pthread_t *threads;
    uint64_t random; /* seeded: the state */
    struct leat_clock clock;
    /* due - virtual time: fire the earliest timer, if it is no later than `until`; false: none. */
    bool (*due)(struct leat_executor *executor, uint64_t until);
    /* kick - loop and seeded: the queue is no longer empty (on the loop's thread). */
    void (*kick)(struct leat_executor *executor);
    /* on_idle - pool: nothing is queued, nothing runs and nothing is armed, except for alarms if
     * `alarmed`. Called under no lock, by a worker or leat_executor_look. */
    void (*on_idle)(struct leat_executor *executor, bool alarmed);
    /* How much is waited for outside, and how many alarms are set; NULL: none ever is. They are read
     * under the lock: who counts down wakes an actor first, so queue and count are never both seen
     * empty for nothing. */
    atomic_uint *armed, *alarms;
    void *owner;
};

/* leat_executor_init - is_virtual: time is virtual; of the seeded kind only. */
int leat_executor_init(struct leat_executor *ex, enum leat_executor_kind kind, unsigned threads,
                       uint64_t seed, bool is_virtual);
/* leat_executor_stop - pool: join all workers; the run queue is empty. */
void leat_executor_stop(struct leat_executor *ex);
void leat_executor_done(struct leat_executor *ex);
/* leat_executor_start - pool: start the first worker. Returns 0, or -errno: no thread can be made. */
int leat_executor_start(struct leat_executor *ex);
/* leat_executor_look - pool: call on_idle if it is due. For who counts `armed` down and does not run in
 * an actor: the actor that it woke may have run before, and found the count too high. */
void leat_executor_look(struct leat_executor *ex);
/* leat_actor_wake - run it soon. Pool: any thread. Loop and seeded: the loop's. */
void leat_actor_wake(struct leat_executor *ex, struct leat_actor *actor);
/* leat_actor_runs_here - is the actor being run, and by this thread? For assertions. */
bool leat_actor_runs_here(const struct leat_actor *actor);
/* leat_executor_step - loop and seeded: run one actor; true: more are queued. */
bool leat_executor_step(struct leat_executor *ex);
/* leat_random - the next number of the seeded executor's sequence. */
uint64_t leat_random(uint64_t *state);

#endif
