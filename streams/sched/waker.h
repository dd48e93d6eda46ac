/* waker.h - wake a stage that waits, from any thread.
 *
 * A waker is counted: the stage holds one reference, and each thread that may wake it another one.
 * When the stage is closed the waker is detached; from then on a wake has no effect. A callback of
 * a library that comes too late is therefore harmless, in whatever order the two end.
 *
 * Order of locks: the waker's, that of the waits, the executor's.
 */
#ifndef LEAT_SCHED_WAKER_H
#define LEAT_SCHED_WAKER_H

#include "wait.h"

struct leat_waker {
    atomic_uint refs;
    /* Woken since it was last taken. It is set before the wait is looked for, and the wait is armed
     * before it is read, so that no wake is lost. */
    atomic_bool pending;
    pthread_mutex_t lock;
    struct leat_waits *waits; /* under the lock; NULL: detached */
    struct leat_wait *wait;   /* the one that it ends */
};

/* leat_waker_attach - a waker with one reference for this wait. NULL: out of memory. */
struct leat_waker *leat_waker_attach(struct leat_waits *waits, struct leat_wait *wait);
/* leat_waker_detach - when it returns, no thread refers to the wait on behalf of the waker. NULL is
 * fine. Thread: the actor's. */
void leat_waker_detach(struct leat_waker *waker);
struct leat_waker *leat_waker_ref(struct leat_waker *waker);
/* leat_waker_claim - as leat_waker_wake. Returns true: leat_actor_claim gave the actor to this thread. */
bool leat_waker_claim(struct leat_waker *waker);
/* leat_waker_take - forget the wakes until now: all that was done before them is visible to this
 * thread. Thread: the actor's. */
void leat_waker_take(struct leat_waker *waker);

#endif
