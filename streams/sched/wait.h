/* wait.h - wait for descriptors and time, without a thread and without changing O_NONBLOCK.
 *
 * One epoll set serves a pipeline, or all pipelines of a context. The loop, or the context's thread,
 * polls it. The thread that runs the stage arms a wait with one system call; the polling thread only
 * wakes actors.
 */
#ifndef LEAT_SCHED_WAIT_H
#define LEAT_SCHED_WAIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "executor.h"
#include "stage.h"

/* The events that a wait is for; any of them ends it. */
struct leat_wants {
    struct {
        int fd;
        uint32_t events;      /* EPOLLIN, EPOLLOUT or both; 0: only that its other end is closed */
    } fds[LEAT_WAIT_FDS_MAX]; /* n_fds of them, each descriptor once */
    unsigned n_fds;
    bool too_many; /* a descriptor did not fit */
    uint64_t ms;   /* 0: no time */
    bool wake;     /* a wake of the wait's waker */
};

/* leat_wants_fd - add a descriptor, or a direction of one that is there; fd < 0 has no effect. */
void leat_wants_fd(struct leat_wants *wants, int fd, uint32_t events);
/* leat_wants_any - is there an event to wait for? */
bool leat_wants_any(const struct leat_wants *wants);

struct leat_waker;

/* The epoll set of one or more pipelines. */
struct leat_poller {
    int epoll_fd;
    pthread_mutex_t lock;      /* of the set and the list; held while a batch of events fires */
    struct leat_wait *waiting; /* the armed waits, in no order */
    /* Executors whose count went down in this batch. Only the polling thread uses the list. */
    struct leat_executor *looks;
};

/* The waits of a pipeline. */
struct leat_waits {
    struct leat_poller own, *poller; /* `own`, or the one that it shares */
    atomic_uint armed;               /* number of armed waits, except alarms and quiet ones */
    atomic_uint alarms;              /* number of armed alarms */
    struct leat_executor *executor;
    struct leat_wait *due; /* virtual time: the timers that are set, in no order */
};

struct leat_wait {
    struct leat_actor *actor;
    struct leat_waits *waits; /* of the pipeline; set when it is armed */
    atomic_int state;
    struct leat_waker *waker; /* or NULL */
    /* The events that end it. The descriptors are in the epoll set; other waits may use the same. */
    struct leat_wants wants;
    int timer_fd;    /* created when first needed; or -1 */
    bool used;       /* armed since it was last cleared */
    bool owns_fd;    /* the descriptor is a duplicate, closed with the wait */
    bool quiet;      /* not counted: the stage does not depend on it to go on */
    bool is_alarm;   /* counted in `alarms` */
    uint64_t due_ns; /* virtual time: when the timer fires; 0: no timer is set */
    struct leat_wait *next_due;
    bool listed; /* in `waiting` */
    struct leat_wait *next;
};

/* leat_poller_init - returns 0 or -errno. leat_poller_done - no wait is armed. */
int leat_poller_init(struct leat_poller *poller);
void leat_poller_done(struct leat_poller *poller);
/* leat_poller_fire - wake the actors whose waits are ready. Thread: the one that polls. */
void leat_poller_fire(struct leat_poller *poller);
/* leat_waits_init - waits with an epoll set of their own, if `poller` is NULL. Returns 0 or -errno. */
int leat_waits_init(struct leat_waits *waits, struct leat_executor *executor,
                    struct leat_poller *poller);
void leat_waits_done(struct leat_waits *waits);
/* leat_waits_wake - end this wait if it is armed for a wake; its waker is pending. Loop and seeded: the
 * loop's thread does it, in leat_waits_fire_woken, which executor.call asks for. `claim`: as leat_actor_claim; returns
 * true if this thread is to run the actor. Thread: any. */
bool leat_waits_wake(struct leat_waits *waits, struct leat_wait *wait, bool claim);
/* leat_waits_fire_woken - wake the actors whose wakers are pending. Thread: the loop's. */
void leat_waits_fire_woken(struct leat_waits *waits);
/* leat_waits_due - virtual time: fire the earliest timer if it is not later than `until`, and set
 * the clock to its time. false: there is none. */
bool leat_waits_due(struct leat_waits *waits, uint64_t until);

void leat_wait_init(struct leat_wait *wait, struct leat_actor *actor);
void leat_wait_done(struct leat_wait *wait);
/* leat_wait_arm - wake the actor once when one of the events has occurred, at least one of which is
 * wanted. A file that is always ready wakes it at once. Returns 0 or -errno; then no event is
 * waited for. Thread: the actor's. */
int leat_wait_arm(struct leat_waits *waits, struct leat_wait *wait, const struct leat_wants *wants);
/* leat_wait_arm_fd - the same for one descriptor. */
int leat_wait_arm_fd(struct leat_waits *waits, struct leat_wait *wait, int fd, bool writable);
/* leat_wait_alarm - wake the actor once when ms have passed, whatever it does meanwhile. A pipeline
 * with an armed alarm is not stalled, but an alarm frees no memory: see check_stall in pipeline.c.
 * Returns 0 or -errno. Thread: the actor's. */
int leat_wait_alarm(struct leat_waits *waits, struct leat_wait *wait, uint64_t ms);
/* leat_wait_watch - wake the actor once when fd is readable, when its other end is closed, or when
 * ms have passed. `gone`: only for the latter two. fd -1: only the time; ms 0: no time. The actor
 * may wait for the same descriptor meanwhile. A pipeline that has only watches may count as
 * stalled.
 * Returns 0, also for a file that is always ready: the watch then never fires; or -errno.
 * Thread: the actor's. */
int leat_wait_watch(struct leat_waits *waits, struct leat_wait *wait, int fd, bool gone,
                    uint64_t ms);
/* leat_wait_clear - disarm the wait; required before the descriptor is closed. When it returns, no
 * thread refers to the wait any more, and it may be freed. Thread: the actor's. */
void leat_wait_clear(struct leat_waits *waits, struct leat_wait *wait);
/* leat_wait_fired - was the actor woken by this wait? Thread: the actor's. */
bool leat_wait_fired(struct leat_waits *waits, struct leat_wait *wait);

#endif
