/* executor.h - which thread runs which actor, and when.
 *
 * At most one thread at a time runs an actor, after it was woken. It may be woken any number of
 * times. There are three executors: a pool of worker threads; the loop's own thread; and the loop's
 * own thread in an order drawn from a seed.
 *
 * Each pipeline has an executor, which is the queue of its actors that can run. Several executors may
 * share the workers of one pool (workers.h). They take turns: a worker runs one actor of each executor
 * that has one, so between two runs of a pipeline each other pipeline has at most one.
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
    /* Fixed: while it has something to do, no other actor of the executor has. */
    bool runs_alone;
    _Atomic uint64_t run_ns; /* average length of its last runs; 0: it has not run yet */
    /* For leat_actor_claim, used by the thread that runs the actor or has just woken it: the number of long claimed runs one
     * after another, and of wakes of a worker since the last claimed run. */
    unsigned long_runs, not_lent;
    /* The actor that it passed to in this run, which then must end; NULL: none. Only the thread
     * that runs it uses this. */
    struct leat_actor *passes_to;
};

/* A thread outside that waits for the end of an executor, and runs actors of it meanwhile. */
struct leat_guest {
    pthread_t thread;
    struct leat_actor *runs,
        *kept; /* the actor that it runs now, and the next one; only it uses them */
    struct leat_guest *next;
};

/* The threads that run the actors of one or more executors; workers.h starts and ends them. The lock
 * protects all of it, and the queues of the executors. */
struct leat_workers {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct leat_executor *head, *tail; /* the executors with queued actors, in turns */
    unsigned queued;                   /* actors in the queues of all executors */
    unsigned threads_max, threads_n;
    unsigned idle;    /* workers waiting, or signalled and not awake yet */
    unsigned running; /* workers that run an actor */
    bool stop;
    int nice; /* added to the priority of the process, 0 to 19; fixed */
    pthread_t *threads;
    struct leat_guest *guests; /* in no order */
    /* grow - start one more worker; on failure there is one less. Called under the lock. */
    void (*grow)(struct leat_workers *workers);
};

struct leat_executor {
    enum leat_executor_kind kind;
    struct leat_workers own,
        *workers; /* pool: `own`, or those that it shares; else `own`, for the lock */
    /* Under the lock of the workers: */
    struct leat_actor *head, *tail; /* the run queue */
    unsigned queued;
    unsigned running;           /* actors being run, and threads inside on_idle */
    bool in_turn;               /* in the list of the workers */
    bool ending, ended;         /* leat_executor_end was called; on_end is being called, or was */
    struct leat_guest *guest;   /* or NULL */
    struct leat_executor *next; /* in that list */
    uint64_t random;            /* seeded: state of leat_random */
    struct leat_clock clock;
    /* due - virtual time: fire the earliest timer, if it is not later than `until`; false: none. */
    bool (*due)(struct leat_executor *executor, uint64_t until);
    /* kick - loop and seeded: the queue is no longer empty (on the loop's thread). */
    void (*kick)(struct leat_executor *executor);
    /* call - loop and seeded: have the loop's thread call leat_waits_fire_woken soon. Any thread. */
    void (*call)(struct leat_executor *executor);
    /* on_idle - pool: no actor is queued or running and no wait is armed, except alarms if
     * `alarmed`. Called under no lock, by a worker or leat_executor_leave. */
    void (*on_idle)(struct leat_executor *executor, bool alarmed);
    /* on_end - pool: no actor of it is queued or running any more, after leat_executor_end. The worker that
     * calls it does not use the executor again. Called under no lock. */
    void (*on_end)(struct leat_executor *executor);
    /* The number of armed waits and of alarms; NULL: there are never any. They are read under the
     * lock. The thread that decrements one wakes an actor first; so if both the queue and the count
     * are seen empty, nothing is on its way. */
    atomic_uint *armed, *alarms;
    struct leat_executor
        *next_look; /* of the thread that fires waits: those to look at; see wait.c */
    bool look_due;
    void *owner;
};

/* leat_executor_init - an executor with workers of its own, which leat_workers_start starts. is_virtual:
 * time is virtual; for the seeded kind only. Returns 0 or LEAT_ENOMEM. */
int leat_executor_init(struct leat_executor *ex, enum leat_executor_kind kind, unsigned threads,
                       uint64_t seed, bool is_virtual);
/* leat_executor_join - an executor of the pool kind whose actors are run by these workers. */
int leat_executor_join(struct leat_executor *ex, struct leat_workers *workers);
/* leat_executor_done - no actor is queued or running. */
void leat_executor_done(struct leat_executor *ex);
/* leat_executor_end - pool: call on_end when the last actor has run. No actor is woken from outside any
 * more. Called by an actor of the executor, in its last run. */
void leat_executor_end(struct leat_executor *ex);
/* leat_executor_enter - for a thread outside that will wake actors: the executor does not end before
 * leat_executor_leave. Returns false: it has ended, and no actor must be woken. leat_executor_leave calls on_idle if all is
 * idle. A thread that decrements `armed` outside an actor does so between the two: the actor that it woke may run earlier
 * and see the old count. */
bool leat_executor_enter(struct leat_executor *ex);
void leat_executor_leave(struct leat_executor *ex);
/* leat_executor_help - pool, after leat_executor_enter, instead of a wake and leat_executor_leave: run this actor on this
 * thread, and then the actor that it wakes, as long as one of the two runs alone, so that no worker has to wake. An actor
 * goes on here while fewer workers run than there may be, and then on a worker. Returns when there is nothing left to do
 * here; `guest` is used until then. true: the executor has ended; on_end is not called. */
bool leat_executor_help(struct leat_executor *ex, struct leat_actor *actor,
                        struct leat_guest *guest);
/* leat_executor_is_quiet - in on_idle: is it still so? Others than pool: always. */
bool leat_executor_is_quiet(struct leat_executor *ex);
/* leat_actor_wake - run the actor soon. Pool: any thread. Loop and seeded: the loop's. */
void leat_actor_wake(struct leat_executor *ex, struct leat_actor *actor);
/* leat_actor_pass - wake an actor for which `by` has made output. Pool: if the actor is light, its
 * runs are shorter than the wake of another worker, and one would have to wake, then the worker of
 * `by` runs it next, with the output in its cache, and `by` again after it. by->passes_to is then
 * set, and `by` must end its run without a further step.
 * Thread: the one that runs `by`. */
void leat_actor_pass(struct leat_executor *ex, struct leat_actor *actor, struct leat_actor *by);
/* leat_actor_claim - wake the actor, for a thread outside. Pool: if a worker would have to wake, and the runs of the actor
 * on threads outside were shorter than that, this thread is to run it: true, and leat_actor_run_claimed must follow soon, without a lock. The
 * executor does not end before it. Else, and always for other executors, as leat_actor_wake. */
bool leat_actor_claim(struct leat_executor *ex, struct leat_actor *actor);
void leat_actor_run_claimed(struct leat_executor *ex, struct leat_actor *actor);
/* leat_actor_runs_here - does this thread run the actor now? For assertions. */
bool leat_actor_runs_here(const struct leat_actor *actor);
/* leat_executor_step - loop and seeded: run one actor; true: more are queued. */
bool leat_executor_step(struct leat_executor *ex);
/* leat_executor_serve - pool, under the lock, with an actor queued: run the next actor of the executor whose turn
 * it is. The lock is released meanwhile. Thread: a worker. */
void leat_executor_serve(struct leat_workers *workers);
/* leat_workers_init - for executor.c and workers.c. Returns 0 or LEAT_ENOMEM. */
int leat_workers_init(struct leat_workers *workers, unsigned threads);
void leat_workers_done(struct leat_workers *workers);
/* leat_random - the next number of the seeded executor's sequence. */
uint64_t leat_random(uint64_t *state);

#endif
