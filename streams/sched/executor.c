/* executor.c - the queues of actors, and the two executors on the loop's thread.
 *
 * The workers of a pool are in workers.c. The queue of an executor is first in first out: the cost of a
 * handoff is negligible compared to the work on a chunk.
 */

#include "executor.h"

#include <stdlib.h>

#include "base/invariant.h"

enum actor_state {
    ACTOR_IDLE,
    ACTOR_QUEUED,
    ACTOR_RUNNING,
    ACTOR_NOTIFIED, /* running, and woken meanwhile */
};

/* Nanoseconds that it takes to wake another worker, roughly. */
#define WAKE_NS ((uint64_t)10000)
/* A longer run counts as this long: the system may have let its thread wait. */
#define RUN_NS_MAX (8 * WAKE_NS)
/* The weight of the last run in the average, as a divisor: a long run counts at once, short runs only
 * when there are many. */
#define PART_LONGER 2u
#define PART_SHORTER 8u

/* After so many long runs on a thread outside a worker wakes for the actor, so many times; then it is tried again, as the
 * system may have let that thread wait. Each further long run doubles the number, up to 2^DOUBLED_MAX of it. */
#define LONG_RUNS_MAX 2u
#define NOT_LENT_MIN 32u
#define DOUBLED_MAX 5u

#define SEED_MIX 0x9e3779b97f4a7c15u

int leat_workers_init(struct leat_workers *w, unsigned threads)
{
    leat_assert(threads > 0 && threads <= LEAT_THREADS_MAX);
    *w = (struct leat_workers){.threads_max = threads};
    w->threads = calloc(threads, sizeof *w->threads);
    if (!w->threads)
        return LEAT_ENOMEM;
    if (pthread_mutex_init(&w->lock, NULL))
        goto out;
    if (pthread_cond_init(&w->ready, NULL)) {
        pthread_mutex_destroy(&w->lock);
        goto out;
    }
    return 0;
out:
    free(w->threads);
    return LEAT_ENOMEM;
}

void leat_workers_done(struct leat_workers *w)
{
    leat_assert(w->threads_n == 0 && w->idle == 0 && w->running == 0);
    pthread_cond_destroy(&w->ready);
    pthread_mutex_destroy(&w->lock);
    free(w->threads);
}

int leat_executor_init(struct leat_executor *ex, enum leat_executor_kind kind, unsigned threads,
                       uint64_t seed, bool is_virtual)
{
    int r;

    leat_assert(kind > LEAT_EXECUTOR_AUTO && kind <= LEAT_EXECUTOR_SEEDED);
    *ex = (struct leat_executor){.kind = kind, .random = seed ^ SEED_MIX};
    r = leat_clock_init(&ex->clock, is_virtual && kind == LEAT_EXECUTOR_SEEDED, threads);
    if (r < 0)
        return r;
    r = leat_workers_init(&ex->own, threads);
    if (r < 0)
        leat_clock_done(&ex->clock);
    ex->workers = &ex->own;
    return r;
}

int leat_executor_join(struct leat_executor *ex, struct leat_workers *workers)
{
    *ex = (struct leat_executor){.kind = LEAT_EXECUTOR_POOL, .workers = workers};
    return leat_clock_init(&ex->clock, false, workers->threads_max);
}

void leat_executor_done(struct leat_executor *ex)
{
    leat_assert(ex->running == 0 && !ex->guest);
    leat_assert(ex->kind != LEAT_EXECUTOR_POOL || (ex->queued == 0 && !ex->in_turn));
    leat_assert(!ex->look_due);
    if (ex->workers == &ex->own)
        leat_workers_done(&ex->own);
    leat_clock_done(&ex->clock);
}

/* Under the lock. Append the executor to those that have queued actors. */
static void begin_turn(struct leat_executor *ex)
{
    struct leat_workers *w = ex->workers;

    leat_assert(!ex->in_turn && ex->queued > 0);
    leat_assert((w->head == NULL) == (w->tail == NULL));
    ex->in_turn = true;
    ex->next = NULL;
    if (w->tail)
        w->tail->next = ex;
    else
        w->head = ex;
    w->tail = ex;
}

/* Under the lock. The executor whose turn it is; it leaves the list. */
static struct leat_executor *take_turn(struct leat_workers *w)
{
    struct leat_executor *ex = w->head;

    leat_assert(ex != NULL && ex->in_turn);
    leat_assert(ex->workers == w);
    w->head = ex->next;
    if (!w->head)
        w->tail = NULL;
    ex->next = NULL;
    ex->in_turn = false;
    return ex;
}

/* Under the lock. */
static void push(struct leat_executor *ex, struct leat_actor *a, uint64_t now_ns)
{
    leat_assert(atomic_load_explicit(&a->state, memory_order_relaxed) == ACTOR_QUEUED);
    leat_assert((ex->queued == 0) == (ex->head == NULL));
    leat_assert(a->run != NULL);
    leat_assert((ex->head == NULL) == (ex->tail == NULL));
    leat_assert(!a->next && a != ex->tail); /* it is not in the queue */
    a->next = NULL;
    a->ready_ns = now_ns > a->ran_ns ? now_ns : a->ran_ns;
    if (ex->tail)
        ex->tail->next = a;
    else
        ex->head = a;
    ex->tail = a;
    ex->queued++;
    ex->workers->queued++;
    if (ex->kind == LEAT_EXECUTOR_POOL && !ex->in_turn)
        begin_turn(ex);
}

/* Under the lock. The number of the next actor in the queue, from 0: drawn from the seed, or, with
 * virtual time, the earliest. */
static uint64_t choose(struct leat_executor *ex)
{
    uint64_t at = 0, best = 0, earliest = UINT64_MAX;

    leat_assert(ex->queued > 0);
    if (ex->kind != LEAT_EXECUTOR_SEEDED)
        return 0;
    if (!ex->clock.is_virtual)
        return leat_random(&ex->random) % ex->queued;
    for (const struct leat_actor *a = ex->head; a; a = a->next, at++) {
        bool flip = a->ready_ns == earliest && leat_random(&ex->random) % 2;

        if (a->ready_ns < earliest || flip) {
            earliest = a->ready_ns;
            best = at;
        }
    }
    leat_assert(best < ex->queued);
    return best;
}

/* Under the lock; the queue is not empty. */
static struct leat_actor *pop(struct leat_executor *ex)
{
    struct leat_actor **p = &ex->head, *a, *before = NULL;

    leat_assert(ex->queued > 0);
    for (uint64_t skip = choose(ex); skip > 0; skip--) {
        before = *p;
        p = &before->next;
    }
    a = *p;
    leat_assert(a != NULL);
    leat_assert(atomic_load_explicit(&a->state, memory_order_relaxed) == ACTOR_QUEUED);
    *p = a->next;
    a->next = NULL;
    if (ex->tail == a)
        ex->tail = before;
    ex->queued--;
    leat_assert(ex->workers->queued > 0);
    ex->workers->queued--;
    leat_assert((ex->queued == 0) == (ex->tail == NULL));
    return a;
}

uint64_t leat_random(uint64_t *state)
{
    uint64_t z = *state += SEED_MIX; /* splitmix64, Steele et al. 2014 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Average the lengths of the runs. */
static void note_run(struct leat_actor *a, uint64_t ns)
{
    uint64_t was = atomic_load_explicit(&a->run_ns, memory_order_relaxed), part;

    ns = ns < RUN_NS_MAX ? ns : RUN_NS_MAX;
    part = ns > was ? PART_LONGER : PART_SHORTER;
    was = was > 0 ? was - was / part + ns / part : ns;
    leat_assert(was <= RUN_NS_MAX);
    atomic_store_explicit(&a->run_ns, was > 0 ? was : 1, memory_order_relaxed);
}

static bool is_short(const struct leat_actor *a)
{
    uint64_t ns = atomic_load_explicit(&a->run_ns, memory_order_relaxed);

    return ns > 0 && ns < WAKE_NS;
}

/* The same for a run on a thread outside. */
static void note_claimed_run(struct leat_actor *a, uint64_t ns)
{
    a->not_lent = 0;
    if (ns < WAKE_NS)
        a->long_runs = 0;
    else if (a->long_runs < LONG_RUNS_MAX + DOUBLED_MAX)
        a->long_runs++;
}

/* Were its runs on threads outside short, or long ago? */
static bool may_be_lent(struct leat_actor *a)
{
    if (a->long_runs < LONG_RUNS_MAX)
        return true;
    return ++a->not_lent >= NOT_LENT_MIN << (a->long_runs - LONG_RUNS_MAX);
}

/* Run the actor once, without the lock. Returns true: it must be queued again. *ret_next: the actor
 * that it passed to, which must be run now; or NULL. */
static bool run_actor(struct leat_executor *ex, struct leat_actor *a, bool claimed,
                      struct leat_actor **ret_next)
{
    uint64_t from_ns = ex->kind == LEAT_EXECUTOR_POOL ? leat_now_ns() : 0;
    bool again;
    int running = ACTOR_RUNNING;
    int was;

    /* Before its state: another thread may ask meanwhile whether it runs there. */
    atomic_store_explicit(&a->thread, pthread_self(), memory_order_relaxed);
    was = atomic_exchange_explicit(&a->state, ACTOR_RUNNING, memory_order_seq_cst);
    leat_assert(was == ACTOR_QUEUED); /* at most one thread at a time runs it */
    leat_assert(!a->passes_to);
    again = a->run(a);
    if (claimed)
        note_claimed_run(a, leat_now_ns() - from_ns);
    else if (ex->kind == LEAT_EXECUTOR_POOL)
        note_run(a, leat_now_ns() - from_ns);
    leat_assert(!a->passes_to || ex->kind == LEAT_EXECUTOR_POOL);
    leat_assert(a->passes_to != a);
    *ret_next = a->passes_to;
    a->passes_to = NULL; /* another worker may run it as soon as its state is stored */
    if (again) {
        atomic_store_explicit(&a->state, ACTOR_QUEUED, memory_order_seq_cst);
        return true;
    }
    if (atomic_compare_exchange_strong(&a->state, &running, ACTOR_IDLE))
        return false;
    atomic_store_explicit(&a->state, ACTOR_QUEUED, memory_order_seq_cst);
    return true;
}

static void enqueue(struct leat_executor *ex, struct leat_actor *a);

/* Run the actor once, without the lock, and then those that it and they pass to. No other worker can
 * take the first one meanwhile, so its data stays in the cache of this one. Returns true: the first
 * one must be queued again. */
static bool run_row(struct leat_executor *ex, struct leat_actor *first)
{
    struct leat_actor *next;
    bool again = run_actor(ex, first, false, &next);

    while (next) {
        struct leat_actor *a = next;

        leat_assert(a != first);
        leat_assert(a->is_light);
        leat_assert(!a->next); /* it is not in the queue */
        if (run_actor(ex, a, false, &next))
            enqueue(ex, a);
    }
    return again;
}

static unsigned count_of(atomic_uint *count)
{
    return count ? atomic_load(count) : 0;
}

/* Under the lock: can nothing go on, except after an alarm? The calling thread is one of `running`. */
static bool is_quiet(struct leat_executor *ex, bool *ret_alarmed)
{
    leat_assert(ex->running > 0);
    *ret_alarmed = count_of(ex->alarms) > 0;
    return ex->queued == 0 && ex->running == 1 && count_of(ex->armed) == 0;
}

/* Under the lock, at the end of a visit of this thread. The executor does not end during on_idle. Returns true: it
 * has ended, and the caller must call on_end without the lock. */
static bool end_visit(struct leat_executor *ex)
{
    bool alarmed;

    if (ex->on_idle && is_quiet(ex, &alarmed)) {
        pthread_mutex_unlock(&ex->workers->lock);
        ex->on_idle(ex, alarmed);
        pthread_mutex_lock(&ex->workers->lock);
    }
    leat_assert(ex->running > 0);
    ex->running--;
    if (!ex->ending || ex->queued > 0 || ex->running > 0)
        return false;
    ex->ending = false;
    ex->ended = true;
    return ex->on_end != NULL;
}

bool leat_executor_is_quiet(struct leat_executor *ex)
{
    bool quiet, alarmed;

    if (ex->kind != LEAT_EXECUTOR_POOL)
        return true;
    pthread_mutex_lock(&ex->workers->lock);
    quiet = is_quiet(ex, &alarmed);
    pthread_mutex_unlock(&ex->workers->lock);
    return quiet;
}

bool leat_executor_enter(struct leat_executor *ex)
{
    bool goes_on;

    if (ex->kind != LEAT_EXECUTOR_POOL)
        return true;
    pthread_mutex_lock(&ex->workers->lock);
    goes_on = !ex->ended;
    ex->running += goes_on;
    pthread_mutex_unlock(&ex->workers->lock);
    return goes_on;
}

void leat_executor_leave(struct leat_executor *ex)
{
    bool ended;

    if (ex->kind != LEAT_EXECUTOR_POOL)
        return;
    pthread_mutex_lock(&ex->workers->lock);
    ended = end_visit(ex);
    pthread_mutex_unlock(&ex->workers->lock);
    if (ended)
        ex->on_end(ex);
}

void leat_executor_serve(struct leat_workers *w)
{
    struct leat_executor *ex = take_turn(w);
    struct leat_actor *a = pop(ex);
    uint64_t now_ns;
    bool again, ended;

    leat_assert(ex->kind == LEAT_EXECUTOR_POOL);
    if (ex->queued > 0)
        begin_turn(ex);
    ex->running++;
    w->running++;
    leat_assert(w->running <= w->threads_n);
    pthread_mutex_unlock(&w->lock);
    again = run_row(ex, a);
    now_ns = again ? leat_now_ns() : 0;
    pthread_mutex_lock(&w->lock);
    leat_assert(w->running > 0);
    w->running--;
    if (again)
        push(ex, a, now_ns);
    ended = end_visit(ex);
    if (ended) {
        pthread_mutex_unlock(&w->lock);
        ex->on_end(ex);
        pthread_mutex_lock(&w->lock);
    }
}

void leat_executor_end(struct leat_executor *ex)
{
    if (ex->kind != LEAT_EXECUTOR_POOL)
        return;
    pthread_mutex_lock(&ex->workers->lock);
    leat_assert(ex->running > 0 && !ex->ending);
    ex->ending = true;
    pthread_mutex_unlock(&ex->workers->lock);
}

/* Under the lock. Is this thread the guest, and does it run this actor next? */
static bool keep(struct leat_executor *ex, struct leat_actor *a, uint64_t now_ns)
{
    struct leat_guest *h = ex->guest;

    if (!h || !pthread_equal(h->thread, pthread_self()) || h->kept)
        return false;
    if (!a->runs_alone && !h->runs->runs_alone)
        return false;
    a->ready_ns = now_ns;
    h->kept = a;
    return true;
}

/* A signalled worker counts as idle until it wakes, and takes one of the queued actors. Another
 * worker is needed if there are more queued actors than idle workers. */
static void enqueue(struct leat_executor *ex, struct leat_actor *a)
{
    struct leat_workers *w = ex->workers;
    uint64_t now_ns = leat_clock_now(&ex->clock);
    bool kick = false, signal = false;

    pthread_mutex_lock(&w->lock);
    leat_assert(ex->kind != LEAT_EXECUTOR_POOL || w->idle <= w->threads_n);
    leat_assert(w->running <= w->threads_n);
    if (keep(ex, a, now_ns)) {
        pthread_mutex_unlock(&w->lock);
        return;
    }
    push(ex, a, now_ns);
    if (ex->kind != LEAT_EXECUTOR_POOL)
        kick = ex->queued == 1;
    else if (w->queued <= w->idle)
        signal = true;
    else if (w->threads_n < w->threads_max && w->threads_n > 0 && !w->stop)
        w->grow(w);
    pthread_mutex_unlock(&w->lock);
    if (signal) /* not under the lock, for which the worker would wait again */
        pthread_cond_signal(&w->ready);
    if (kick && ex->kick)
        ex->kick(ex);
}

/* Returns true: the caller must have it run. If it is queued already, its next run must see all that the caller has
 * stored before. A load of the state could come before those stores; a read-modify-write is in one order with that of
 * run_actor, and the later one of the two sees what was stored before the earlier. */
static bool begin_wake(struct leat_actor *a)
{
    int s = atomic_fetch_add(&a->state, 0);

    for (;;) {
        leat_assert(s >= ACTOR_IDLE && s <= ACTOR_NOTIFIED);
        if (s == ACTOR_IDLE) {
            if (atomic_compare_exchange_weak(&a->state, &s, ACTOR_QUEUED))
                return true;
        } else if (s == ACTOR_RUNNING) {
            if (atomic_compare_exchange_weak(&a->state, &s, ACTOR_NOTIFIED))
                return false;
        } else {
            return false;
        }
    }
}

void leat_actor_wake(struct leat_executor *ex, struct leat_actor *a)
{
    if (begin_wake(a))
        enqueue(ex, a);
}

/* Under the lock. */
static void unlist(struct leat_workers *w, struct leat_guest *h)
{
    struct leat_guest **at = &w->guests;

    while (*at != h) {
        leat_assert(*at != NULL); /* a guest is in the list */
        at = &(*at)->next;
    }
    *at = h->next;
}

/* The actor has more to do: may it go on here? */
static bool may_go_on(struct leat_executor *ex, const struct leat_guest *h)
{
    struct leat_workers *w = ex->workers;
    bool may;

    pthread_mutex_lock(&w->lock);
    may = !h->kept && w->running < w->threads_max;
    pthread_mutex_unlock(&w->lock);
    return may;
}

bool leat_executor_help(struct leat_executor *ex, struct leat_actor *a, struct leat_guest *h)
{
    struct leat_workers *w = ex->workers;
    bool ended;

    leat_assert(ex->kind == LEAT_EXECUTOR_POOL);
    *h = (struct leat_guest){.thread = pthread_self()};
    if (begin_wake(a)) { /* else another thread has woken it: a worker runs it */
        a->ready_ns = leat_now_ns();
        h->kept = a;
    }
    pthread_mutex_lock(&w->lock);
    leat_assert(!ex->guest && ex->running > 0);
    ex->guest = h;
    h->next = w->guests;
    w->guests = h;
    pthread_mutex_unlock(&w->lock);
    while (h->kept) {
        h->runs = h->kept;
        h->kept = NULL;
        if (!run_row(ex, h->runs))
            continue;
        if (may_go_on(ex, h))
            h->kept = h->runs;
        else
            enqueue(ex, h->runs);
    }
    pthread_mutex_lock(&w->lock);
    ex->guest = NULL;
    unlist(w, h);
    ended = end_visit(ex);
    pthread_mutex_unlock(&w->lock);
    return ended;
}

/* Under the lock. Is there a worker that would wake, or start, for one more actor? */
static bool must_wake(const struct leat_workers *w)
{
    leat_assert(w->threads_n <= w->threads_max);
    return w->queued < w->idle || w->threads_n < w->threads_max;
}

static bool has_worker_to_wake(struct leat_executor *ex)
{
    bool has;

    leat_assert(ex->kind == LEAT_EXECUTOR_POOL);
    pthread_mutex_lock(&ex->workers->lock);
    has = must_wake(ex->workers);
    pthread_mutex_unlock(&ex->workers->lock);
    return has;
}

void leat_actor_pass(struct leat_executor *ex, struct leat_actor *a, struct leat_actor *by)
{
    leat_assert(leat_actor_runs_here(by));
    leat_assert(a != by);
    if (!begin_wake(a))
        return;
    if (ex->kind != LEAT_EXECUTOR_POOL || by->passes_to || !a->is_light || !is_short(a) ||
        !has_worker_to_wake(ex)) {
        enqueue(ex, a);
        return;
    }
    a->ready_ns = leat_now_ns();
    by->passes_to = a;
}

bool leat_actor_claim(struct leat_executor *ex, struct leat_actor *a)
{
    bool claimed = false;

    if (!begin_wake(a))
        return false;
    if (ex->kind == LEAT_EXECUTOR_POOL && may_be_lent(a)) {
        pthread_mutex_lock(&ex->workers->lock);
        leat_assert(!ex->ended); /* nothing is woken after the end */
        claimed = must_wake(ex->workers);
        ex->running += claimed;
        pthread_mutex_unlock(&ex->workers->lock);
    }
    if (!claimed)
        enqueue(ex, a);
    return claimed;
}

void leat_actor_run_claimed(struct leat_executor *ex, struct leat_actor *a)
{
    struct leat_actor *next;
    bool again;

    a->ready_ns = leat_now_ns();
    again = run_actor(ex, a, true, &next);
    if (next)
        enqueue(ex, next); /* it may be one that must not run on a thread outside */
    if (again)
        enqueue(ex, a);
    leat_executor_leave(ex);
}

bool leat_actor_runs_here(const struct leat_actor *a)
{
    int s = atomic_load_explicit(&a->state, memory_order_acquire);
    pthread_t thread = atomic_load_explicit(&a->thread, memory_order_relaxed);

    return (s == ACTOR_RUNNING || s == ACTOR_NOTIFIED) && pthread_equal(thread, pthread_self());
}

/* Virtual time: run the actor at its time. */
static bool run_virtual(struct leat_executor *ex, struct leat_actor *a)
{
    unsigned thread = leat_clock_begin(&ex->clock, a->ready_ns);
    struct leat_actor *next;
    bool again = run_actor(ex, a, false, &next);

    leat_assert(thread < ex->workers->threads_max);
    leat_assert(ex->clock.now_ns >= a->ready_ns); /* time never goes back */
    a->ran_ns = ex->clock.now_ns;
    leat_clock_end(&ex->clock, thread);
    return again;
}

/* Virtual time: fire a timer that is due before the next actor can run. */
static bool fire_due(struct leat_executor *ex)
{
    uint64_t until = UINT64_MAX;

    if (!ex->clock.is_virtual || !ex->due)
        return false;
    leat_assert(ex->kind == LEAT_EXECUTOR_SEEDED);
    for (const struct leat_actor *a = ex->head; a; a = a->next)
        until = a->ready_ns < until ? a->ready_ns : until;
    return ex->due(ex, until);
}

bool leat_executor_step(struct leat_executor *ex)
{
    struct leat_actor *a = NULL, *next;
    bool more;

    leat_assert(ex->kind != LEAT_EXECUTOR_POOL);
    leat_assert(ex->workers->threads_n == 0);
    if (fire_due(ex)) /* there is one thread, so no lock is needed */
        return true;
    pthread_mutex_lock(&ex->workers->lock);
    if (ex->queued > 0)
        a = pop(ex);
    pthread_mutex_unlock(&ex->workers->lock);
    if (!a)
        return false;
    if (ex->clock.is_virtual ? run_virtual(ex, a) : run_actor(ex, a, false, &next)) {
        uint64_t now_ns = leat_clock_now(&ex->clock);

        pthread_mutex_lock(&ex->workers->lock);
        push(ex, a, now_ns);
        pthread_mutex_unlock(&ex->workers->lock);
    }
    pthread_mutex_lock(&ex->workers->lock);
    more = ex->queued > 0;
    pthread_mutex_unlock(&ex->workers->lock);
    return more || (ex->clock.is_virtual && ex->due);
}
