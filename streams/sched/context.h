/* context.h - workers, waits, memory and a thread of their own that several pipelines share.
 *
 * The context's thread polls the epoll set, visits what asked for it, keeps the deadlines and calls the
 * callbacks of the program, unless those are called elsewhere (`deliver`). It never computes. A loop of the
 * program can do all this instead (leat_context_drive): "the context's thread" is then that of the loop. A
 * pipeline embeds its visit and its notices, and holds a reference.
 */
#ifndef LEAT_SCHED_CONTEXT_H
#define LEAT_SCHED_CONTEXT_H

#include <sys/types.h>

#include "wait.h"

/* Work for the context's thread: short, and without a wait. */
struct leat_visit {
    void (*look)(struct leat_visit *visit);
    /* The reasons of the call. The context's thread sets them before it. */
    bool is_due;  /* the time of leat_context_time has come */
    bool is_last; /* the caller of leat_context_visit said `last` */
    /* Under the lock: */
    bool listed, timed, last;
    uint64_t deadline_ns; /* if it is timed */
    struct leat_visit *next, *next_timed;
};

/* A callback of the program that is due. */
struct leat_notice {
    void (*call)(struct leat_notice *notice);
    bool listed; /* under the lock */
    struct leat_notice *next;
};

enum leat_driver {
    LEAT_DRIVER_NONE,   /* no pipeline was started yet */
    LEAT_DRIVER_THREAD, /* the context's own, and its workers have started */
    LEAT_DRIVER_LOOP,   /* that of a loop */
};

struct leat_context {
    atomic_uint refs;
    pid_t pid; /* a child made by fork has none of the threads */
    struct leat_workers workers;
    struct leat_poller poller;
    atomic_int driver; /* enum leat_driver; set under the lock */
    pthread_t thread;  /* the one that drives, if any does */
    bool visiting; /* it looks at the lists of visits before it waits; only that thread uses this */
    int bell;      /* eventfd in the epoll set: there is a visit, a notice, or the end */

    pthread_mutex_t lock;
    struct leat_visit *visits, *last_visit, *timed;
    const struct leat_visit
        *looking;          /* its `look` is being called; may be freed after the last one */
    pthread_cond_t looked; /* `looking` has changed, and another thread waits for that */
    unsigned leaving;      /* those threads */
    struct leat_notice *notices, *last_notice;
    uint64_t memory, memory_used; /* bytes; memory 0: no limit */
    unsigned active;              /* runs that will give a notice */
    bool stop;
    bool calls;     /* a thread calls the notices */
    unsigned place; /* changes when they are to be called in another thread */
    /* deliver - have leat_context_call_notices called in the right thread; NULL: the context's own. Any thread,
     * under the lock. */
    void (*deliver)(struct leat_context *context);
    /* busy - `active` has changed; or NULL. Under the lock. */
    void (*busy)(struct leat_context *context);
    int notice_fd; /* eventfd: readable while there are notices; -1: none */
    void *loop;    /* of attach.c: what is attached to a loop; or NULL */
    void *kept;    /* of io/kept_stales.c; under the lock; or NULL */
    void (*drop_kept)(void *kept);
};

/* leat_context_start - start the threads, if they do not run. A process that confines itself can have pipelines before.
 * Returns 0 or -errno. */
int leat_context_start(struct leat_context *context);
/* leat_context_visit - have the context's thread look soon, once for any number of calls. `last`: the caller does not
 * use the visit, or what it is in, any more; visit->is_last is then true. Any thread. */
void leat_context_visit(struct leat_context *context, struct leat_visit *visit, bool last);
/* leat_context_time - have it look at this time, too, with visit->is_due. Any thread. */
void leat_context_time(struct leat_context *context, struct leat_visit *visit,
                       uint64_t deadline_ns);
/* leat_context_leave - neither look again, nor watch the deadline. On another thread than the context's it waits for the
 * end of a look. */
void leat_context_leave(struct leat_context *context, struct leat_visit *visit);
/* leat_context_notify - call the notice once, soon. Whoever made it sees that it stays valid until then. Returns
 * false: it was due already. Any thread. */
bool leat_context_notify(struct leat_context *context, struct leat_notice *notice);
/* leat_context_ring - under the lock: have the context's thread call leat_context_serve. */
void leat_context_ring(struct leat_context *context);
/* leat_context_serve - in that thread: do all that is due, without a wait. */
void leat_context_serve(struct leat_context *context);
/* leat_context_due - nanoseconds until the next deadline; UINT64_MAX: there is none. */
uint64_t leat_context_due(struct leat_context *context);
/* leat_context_call_notices - call all that are due, in their order, without the lock. If a thread does that already, it
 * has the right one called when its callback has returned. */
void leat_context_call_notices(struct leat_context *context);
/* leat_context_begin_run - a run begins that will give a notice. leat_context_end_run - it was given. */
void leat_context_begin_run(struct leat_context *context);
void leat_context_end_run(struct leat_context *context);
/* leat_context_take_memory - count the limit of a pipeline; false: it does not fit now. */
bool leat_context_take_memory(struct leat_context *context, uint64_t bytes);
void leat_context_give_memory(struct leat_context *context, uint64_t bytes);
/* leat_context_threads - how many workers it may have. leat_context_memory_default - the limit of a pipeline whose
 * settings have none. */
unsigned leat_context_threads(const struct leat_context *context);
uint64_t leat_context_memory_default(const struct leat_context *context);
/* leat_context_is_own_thread - is this the thread that visits? It must not wait for a run. */
bool leat_context_is_own_thread(const struct leat_context *context);

#endif
