/* executor.h - which thread runs which actor, and when.
 *
 * At most one thread at a time runs an actor, after it was woken. It may be woken any number of
 * times. There are three executors: a pool of worker threads; the loop's own thread; and the loop's
 * own thread in an order drawn from a seed.
 */
#ifndef LEAT_SCHED_EXECUTOR_H
#define LEAT_SCHED_EXECUTOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "leat.h"

struct leat_executor;

struct leat_actor {
    /* run - do a bounded amount of work; true: there is more, run me again. */
    bool (*run)(struct leat_actor *actor);
    struct leat_actor *next;  /* in the run queue */
    atomic_int state;         /* enum actor_state of executor.c */
    uint64_t ready_ns;        /* time since which it could run; valid while it runs */
    uint64_t ran_ns;          /* virtual time: the end of its last run */
    _Atomic pthread_t thread; /* the thread that runs it, while it runs */
    /* Pool: */
    /* Fixed: no run blocks, or computes for longer than a few chunks need. Another actor may pass
     * to it. */
    bool is_light;
    _Atomic uint64_t run_ns; /* average length of its last runs; 0: it has not run yet */
    /* The actor that it passed to in this run, which then must end; NULL: none. Only the thread
     * that runs it uses this. */
    struct leat_actor *passes_to;
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
    uint64_t random; /* seeded: state of leat_random */
    struct leat_clock clock;
    /* due - virtual time: fire the earliest timer, if it is not later than `until`; false: none. */
    bool (*due)(struct leat_executor *executor, uint64_t until);
    /* kick - loop and seeded: the queue is no longer empty (on the loop's thread). */
    void (*kick)(struct leat_executor *executor);
    /* call - loop and seeded: have the loop's thread call leat_waits_fire_woken soon. Any thread. */
    void (*call)(struct leat_executor *executor);
    /* on_idle - pool: no actor is queued or running and no wait is armed, except alarms if
     * `alarmed`. Called under no lock, by a worker or leat_executor_look. */
    void (*on_idle)(struct leat_executor *executor, bool alarmed);
    /* The number of armed waits and of alarms; NULL: there are never any. They are read under the
     * lock. The thread that decrements one wakes an actor first; so if both the queue and the count
     * are seen empty, nothing is on its way. */
    atomic_uint *armed, *alarms;
    void *owner;
};

/* leat_executor_init - is_virtual: time is virtual; for the seeded kind only. */
int leat_executor_init(struct leat_executor *ex, enum leat_executor_kind kind, unsigned threads,
                       uint64_t seed, bool is_virtual);
/* leat_executor_stop - pool: join all workers; the run queue is empty. */
void leat_executor_stop(struct leat_executor *ex);
void leat_executor_done(struct leat_executor *ex);
/* leat_executor_start - pool: start the first worker. Returns 0, or -errno: cannot start a thread.
 * */
int leat_executor_start(struct leat_executor *ex);
/* leat_executor_look - pool: call on_idle if all is idle. A thread that decrements `armed` outside
 * an actor must call it: the actor that it woke may have run earlier and seen the old count. */
void leat_executor_look(struct leat_executor *ex);
/* leat_actor_wake - run the actor soon. Pool: any thread. Loop and seeded: the loop's. */
void leat_actor_wake(struct leat_executor *ex, struct leat_actor *actor);
/* leat_actor_pass - wake an actor for which `by` has made output. Pool: if the actor is light, its
 * runs are shorter than the wake of another worker, and one would have to wake, then the worker of
 * `by` runs it next, with the output in its cache, and `by` again after it. by->passes_to is then
 * set, and `by` must end its run without a further step.
 * Thread: the one that runs `by`. */
void leat_actor_pass(struct leat_executor *ex, struct leat_actor *actor, struct leat_actor *by);
/* leat_actor_runs_here - does this thread run the actor now? For assertions. */
bool leat_actor_runs_here(const struct leat_actor *actor);
/* leat_executor_step - loop and seeded: run one actor; true: more are queued. */
bool leat_executor_step(struct leat_executor *ex);
/* leat_random - the next number of the seeded executor's sequence. */
uint64_t leat_random(uint64_t *state);

#endif
