/* wait.h - wait for descriptors and time, without a thread and without changing O_NONBLOCK.
 *
 * Each pipeline has one epoll set, which the loop polls. The thread that runs the stage arms a wait
 * with one system call; the loop's thread only wakes actors.
 */
#ifndef LEAT_SCHED_WAIT_H
#define LEAT_SCHED_WAIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "executor.h"

struct leat_waits {
    int epoll_fd;
    pthread_mutex_t lock; /* of the epoll set and the list; held while a batch of events fires */
    struct leat_wait *waiting; /* the armed waits, in no order */
    atomic_uint armed;         /* number of armed waits, except alarms and quiet ones */
    atomic_uint alarms;        /* number of armed alarms */
    struct leat_executor *executor;
    struct leat_wait *due; /* virtual time: the timers that are set, in no order */
};

struct leat_wait {
    struct leat_actor *actor;
    atomic_int state;
    int fd;          /* in the epoll set, or -1; other waits may use the same descriptor */
    uint32_t events; /* of fd */
    int timer_fd;    /* created when first needed; or -1 */
    bool used;       /* armed since it was last cleared */
    bool owns_fd;    /* `fd` is a duplicate, closed with the wait */
    bool quiet;      /* not counted: the stage does not depend on it to go on */
    bool is_alarm;   /* counted in `alarms` */
    bool timed;      /* has a timer, too */
    uint64_t due_ns; /* virtual time: when the timer fires; 0: no timer is set */
    struct leat_wait *next_due;
    bool listed; /* in `waiting` */
    struct leat_wait *next;
};

int leat_waits_init(struct leat_waits *waits, struct leat_executor *executor);
void leat_waits_done(struct leat_waits *waits);
/* leat_waits_fire - wake the actors whose waits are ready. Thread: the loop's. */
void leat_waits_fire(struct leat_waits *waits);
/* leat_waits_due - virtual time: fire the earliest timer if it is not later than `until`, and set
 * the clock to its time. false: there is none. */
bool leat_waits_due(struct leat_waits *waits, uint64_t until);

void leat_wait_init(struct leat_wait *wait, struct leat_actor *actor);
void leat_wait_done(struct leat_wait *wait);
/* leat_wait_arm - wake the actor once when fd (-1: none) is ready or ms (0: none) have passed.
 * Returns 0 or -errno. Thread: the actor's. */
int leat_wait_arm(struct leat_waits *waits, struct leat_wait *wait, int fd, bool writable,
                  uint64_t ms);
/* leat_wait_alarm - wake the actor once when ms have passed, whatever it does meanwhile. A pipeline
 * with an armed alarm is not stalled, but an alarm frees no memory: see check_stall in pipeline.c.
 * Returns 0 or -errno. Thread: the actor's. */
int leat_wait_alarm(struct leat_waits *waits, struct leat_wait *wait, uint64_t ms);
/* leat_wait_watch - wake the actor once when fd is readable, when its other end is closed, or when
 * ms have passed. `gone`: only for the latter two. fd -1: only the time; ms 0: no time. The actor
 * may wait for the same descriptor meanwhile. A pipeline that has only watches may count as
 * stalled.
 * Returns 0, also for a file that is always ready: such a watch never fires; or -errno.
 * Thread: the actor's. */
int leat_wait_watch(struct leat_waits *waits, struct leat_wait *wait, int fd, bool gone,
                    uint64_t ms);
/* leat_wait_clear - disarm the wait; required before the descriptor is closed. When it returns, no
 * thread refers to the wait any more, and it may be freed. Thread: the actor's. */
void leat_wait_clear(struct leat_waits *waits, struct leat_wait *wait);
/* leat_wait_fired - was the actor woken by this wait? Thread: the actor's. */
bool leat_wait_fired(struct leat_waits *waits, struct leat_wait *wait);

#endif
