/* wait.c - one epoll set for all waits of a pipeline, or of a context.
 *
 * Poll handles of libuv must be armed on the loop's thread, and they set O_NONBLOCK, which must not
 * be changed on a descriptor inherited from a shell, so there is an epoll set with one-shot events,
 * which the loop polls as a single descriptor.
 */

#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/invariant.h"
#include "waker.h"

#define FIRE_MAX 64

enum wait_state {
    WAIT_NONE,
    WAIT_ARMED,
    WAIT_FIRED,
    WAIT_WOKEN, /* fired by another thread: the actor decrements the count */
};

void leat_wants_fd(struct leat_wants *wants, int fd, uint32_t events)
{
    unsigned i = 0;

    if (fd < 0)
        return;
    leat_assert((events & ~(uint32_t)(EPOLLIN | EPOLLOUT)) == 0);
    while (i < wants->n_fds && wants->fds[i].fd != fd)
        i++;
    if (i == LEAT_WAIT_FDS_MAX) {
        wants->too_many = true;
        return;
    }
    if (i == wants->n_fds) {
        wants->fds[i].fd = fd;
        wants->fds[i].events = 0;
        wants->n_fds++;
    }
    wants->fds[i].events |= events;
    leat_assert(wants->n_fds <= LEAT_WAIT_FDS_MAX);
}

bool leat_wants_any(const struct leat_wants *wants)
{
    return wants->n_fds > 0 || wants->ms > 0 || wants->wake;
}

int leat_poller_init(struct leat_poller *p)
{
    int r;

    *p = (struct leat_poller){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    if (p->epoll_fd < 0)
        return -errno;
    r = pthread_mutex_init(&p->lock, NULL);
    if (r == 0)
        return 0;
    (void)close(p->epoll_fd); /* nothing was written */
    p->epoll_fd = -1;
    return -r;
}

void leat_poller_done(struct leat_poller *p)
{
    leat_assert(!p->waiting); /* all waits are cleared */
    leat_assert(!p->looks);
    (void)close(p->epoll_fd); /* nothing was written */
    p->epoll_fd = -1;
    pthread_mutex_destroy(&p->lock);
}

int leat_waits_init(struct leat_waits *w, struct leat_executor *executor,
                    struct leat_poller *poller)
{
    int r;

    leat_assert(executor != NULL);
    *w = (struct leat_waits){.executor = executor, .own.epoll_fd = -1};
    r = poller ? 0 : leat_poller_init(&w->own);
    if (r == 0)
        w->poller = poller ? poller : &w->own;
    return r;
}

void leat_waits_done(struct leat_waits *w)
{
    if (!w->poller)
        return;
    leat_assert(!w->due);
    leat_assert(atomic_load(&w->armed) == 0 && atomic_load(&w->alarms) == 0);
    if (w->poller == &w->own)
        leat_poller_done(&w->own);
    w->poller = NULL;
}

static atomic_uint *count_of(const struct leat_wait *wait)
{
    return wait->is_alarm ? &wait->waits->alarms : &wait->waits->armed;
}

static void count_up(const struct leat_wait *wait)
{
    if (!wait->quiet)
        atomic_fetch_add(count_of(wait), 1);
}

static void count_down(const struct leat_wait *wait)
{
    unsigned before = wait->quiet ? 1 : atomic_fetch_sub(count_of(wait), 1);

    leat_assert(before > 0);
}

/* --- under the lock --------------------------------------------------------------------------- */

static void enlist(struct leat_poller *w, struct leat_wait *wait)
{
    leat_assert(wait->used);
    leat_assert(wait->actor != NULL);
    leat_assert(wait != w->waiting || wait->listed);
    if (wait->listed)
        return;
    wait->listed = true;
    wait->next = w->waiting;
    w->waiting = wait;
}

static void unlist(struct leat_poller *w, struct leat_wait *wait)
{
    struct leat_wait **p = &w->waiting;

    if (!wait->listed)
        return;
    while (*p != wait) {
        leat_assert(*p != NULL); /* a listed wait is in the list */
        p = &(*p)->next;
    }
    *p = wait->next;
    wait->listed = false;
}

/* Decrement the count after the wake, so that no thread sees both the count and the queue empty. */
static void fire(struct leat_poller *w, struct leat_wait *wait)
{
    int armed = WAIT_ARMED;

    leat_assert(wait->actor != NULL);
    unlist(w, wait);
    leat_assert(!wait->listed);
    if (!atomic_compare_exchange_strong(&wait->state, &armed, WAIT_FIRED))
        return;
    leat_assert(wait->used);
    leat_actor_wake(wait->waits->executor, wait->actor);
    count_down(wait);
}

/* As fire, on a thread that is neither the loop's nor the actor's. The actor decrements the count,
 * so the thread of a library never finds the pipeline idle and never reports a stall. Returns true: the actor was
 * claimed for this thread. */
static bool fire_beside(struct leat_poller *w, struct leat_wait *wait, bool claim)
{
    struct leat_executor *ex = wait->waits->executor;
    int armed = WAIT_ARMED;

    leat_assert(wait->actor != NULL);
    leat_assert(ex->kind == LEAT_EXECUTOR_POOL);
    leat_assert(!wait->quiet && !wait->is_alarm); /* only a wait has a waker */
    unlist(w, wait);
    if (!atomic_compare_exchange_strong(&wait->state, &armed, WAIT_WOKEN))
        return false;
    if (claim)
        return leat_actor_claim(ex, wait->actor);
    leat_actor_wake(ex, wait->actor);
    return false;
}

/* The events of fd that the wait is for; NULL: none. */
static const uint32_t *events_of(const struct leat_wait *wait, int fd)
{
    for (unsigned i = 0; i < wait->wants.n_fds; i++)
        if (wait->wants.fds[i].fd == fd)
            return &wait->wants.fds[i].events;
    return NULL;
}

/* A thread that waits for its run may end the executor. It does not until it has been looked at. */
static void enter(struct leat_poller *w, struct leat_executor *ex)
{
    bool entered = ex->look_due || leat_executor_enter(ex);

    leat_assert(entered); /* none ends while a wait is listed */
    if (ex->look_due)
        return;
    ex->look_due = true;
    ex->next_look = w->looks;
    w->looks = ex;
}

/* The epoll set contains a descriptor once, so wake all its waits, for both directions. A stage
 * that finds the descriptor not ready waits again. */
static void fire_all(struct leat_poller *w, int fd)
{
    struct leat_wait *next;

    leat_assert(fd >= 0);
    for (struct leat_wait *wait = w->waiting; wait; wait = next) {
        leat_assert(wait->listed);
        next = wait->next;
        if (events_of(wait, fd) || (wait->wants.ms > 0 && wait->timer_fd == fd)) {
            enter(w, wait->waits->executor);
            fire(w, wait);
        }
    }
}

static int watch(struct leat_poller *w, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events | EPOLLONESHOT, .data.fd = fd};

    leat_assert(fd >= 0 && fd != w->epoll_fd);
    if (epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, fd, &ev) == 0)
        return 0;
    if (errno == ENOENT && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    return -errno;
}

static uint32_t events_wanted(const struct leat_poller *w, int fd)
{
    uint32_t events = 0;

    for (const struct leat_wait *wait = w->waiting; wait; wait = wait->next) {
        const uint32_t *of = events_of(wait, fd);

        leat_assert(wait->listed);
        events |= of ? *of : 0;
    }
    return events;
}

/* A wait for fd has left the list: watch it for its other waits, or remove it from the set. */
static void unwatch(struct leat_poller *w, int fd)
{
    uint32_t events = fd >= 0 ? events_wanted(w, fd) : 0;

    leat_assert(fd != w->epoll_fd);
    if (events)
        (void)watch(w, fd, events);
    else if (fd >= 0)
        (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be gone already */
}

/* ---------------------------------------------------------------------------------------------- */

void leat_poller_fire(struct leat_poller *w)
{
    struct epoll_event ready[FIRE_MAX];
    struct leat_executor *ex;
    int n;

    pthread_mutex_lock(&w->lock);
    n = epoll_wait(w->epoll_fd, ready, FIRE_MAX, 0);
    leat_assert(n <= FIRE_MAX);
    for (int i = 0; i < n; i++)
        fire_all(w, ready[i].data.fd);
    pthread_mutex_unlock(&w->lock);
    while ((ex = w->looks)) {
        w->looks = ex->next_look;
        ex->look_due = false;
        leat_executor_leave(ex); /* calls on_idle, if all is idle */
    }
}

static bool is_woken(const struct leat_wait *wait)
{
    return wait->wants.wake && wait->waker && atomic_load(&wait->waker->pending);
}

bool leat_waits_wake(struct leat_waits *w, struct leat_wait *wait, bool claim)
{
    bool claimed = false;

    leat_assert(wait->waker != NULL);
    if (w->executor->kind != LEAT_EXECUTOR_POOL) {
        w->executor->call(w->executor);
        return false;
    }
    pthread_mutex_lock(&w->poller->lock);
    if (wait->listed && is_woken(wait))
        claimed = fire_beside(w->poller, wait, claim);
    pthread_mutex_unlock(&w->poller->lock);
    return claimed;
}

void leat_waits_fire_woken(struct leat_waits *w)
{
    struct leat_wait *next;

    leat_assert(w->poller == &w->own); /* such an executor has no context */
    pthread_mutex_lock(&w->own.lock);
    for (struct leat_wait *wait = w->own.waiting; wait; wait = next) {
        next = wait->next;
        if (is_woken(wait))
            fire(&w->own, wait);
    }
    pthread_mutex_unlock(&w->own.lock);
}

static void unset_due(struct leat_waits *w, struct leat_wait *wait)
{
    struct leat_wait **p = &w->due;

    if (wait->due_ns == 0)
        return;
    leat_assert(w->executor->clock.is_virtual);
    while (*p != wait) {
        leat_assert(*p != NULL);
        p = &(*p)->next_due;
    }
    *p = wait->next_due;
    wait->due_ns = 0;
}

bool leat_waits_due(struct leat_waits *w, uint64_t until)
{
    struct leat_wait *first = w->due;

    for (struct leat_wait *i = w->due; i; i = i->next_due)
        if (i->due_ns < first->due_ns)
            first = i;
    if (!first || first->due_ns > until)
        return false;
    leat_assert(first->wants.ms > 0);
    leat_assert(first->due_ns > 0);
    leat_clock_set(&w->executor->clock, first->due_ns);
    unset_due(w, first);
    pthread_mutex_lock(&w->poller->lock);
    fire(w->poller, first);
    pthread_mutex_unlock(&w->poller->lock);
    return true;
}

static void set_due(struct leat_waits *w, struct leat_wait *wait, uint64_t ms)
{
    leat_assert(ms > 0);
    leat_assert(w->executor->clock.is_virtual);
    unset_due(w, wait);
    wait->due_ns = leat_clock_now(&w->executor->clock) + ms * 1000000u;
    wait->next_due = w->due;
    w->due = wait;
}

void leat_wait_init(struct leat_wait *wait, struct leat_actor *actor)
{
    *wait = (struct leat_wait){.actor = actor, .timer_fd = -1};
}

void leat_wait_done(struct leat_wait *wait)
{
    leat_assert(!wait->listed);
    leat_assert(atomic_load(&wait->state) != WAIT_ARMED);
    leat_assert(wait->due_ns == 0);
    leat_assert(!wait->owns_fd);
    if (wait->timer_fd >= 0)
        close(wait->timer_fd);
    wait->timer_fd = -1;
}

static int watch_time(struct leat_waits *w, struct leat_wait *wait, uint64_t ms)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}};

    leat_assert(ms > 0 && ms <= LEAT_DURATION_MAX_MS); /* 0 would disarm the timer */
    if (wait->timer_fd < 0)
        wait->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (wait->timer_fd < 0 || timerfd_settime(wait->timer_fd, 0, &when, NULL) < 0)
        return -errno;
    return watch(w->poller, wait->timer_fd, EPOLLIN);
}

static int watch_times(struct leat_waits *w, struct leat_wait *wait)
{
    uint64_t ms = wait->wants.ms;

    if (ms == 0)
        return 0;
    if (!w->executor->clock.is_virtual)
        return watch_time(w, wait, ms);
    set_due(w, wait, ms);
    return 0;
}

/* Under the lock. Returns 0; -EPERM: one descriptor is always ready; or -errno. */
static int watch_fds(struct leat_waits *w, const struct leat_wait *wait)
{
    int r = 0;

    leat_assert(wait->wants.n_fds <= LEAT_WAIT_FDS_MAX);
    leat_assert(wait->listed); /* events_wanted finds it */
    for (unsigned i = 0; i < wait->wants.n_fds && r == 0; i++)
        r = watch(w->poller, wait->wants.fds[i].fd,
                  events_wanted(w->poller, wait->wants.fds[i].fd));
    return r;
}

/* Under the lock. Returns as watch_fds. */
static int arm(struct leat_waits *w, struct leat_wait *wait, const struct leat_wants *wants)
{
    int r;

    leat_assert(leat_wants_any(wants));
    leat_assert(wants->n_fds <= LEAT_WAIT_FDS_MAX);
    leat_assert(!wait->owns_fd || wait->quiet); /* only a watch has a descriptor of its own */
    leat_assert(!wait->listed);
    leat_assert(atomic_load(&wait->state) != WAIT_ARMED);
    wait->wants = *wants;
    if (wait->wants.ms > LEAT_DURATION_MAX_MS)
        wait->wants.ms = LEAT_DURATION_MAX_MS;
    wait->used = true;
    wait->waits = w;
    count_up(wait);
    atomic_store(&wait->state, WAIT_ARMED);
    enlist(w->poller, wait);
    r = watch_times(w, wait);
    return r < 0 ? r : watch_fds(w, wait);
}

int leat_wait_arm(struct leat_waits *w, struct leat_wait *wait, const struct leat_wants *wants)
{
    int r;

    pthread_mutex_lock(&w->poller->lock);
    leat_assert(!wants->wake || wait->waker);
    leat_assert(!wait->quiet); /* leat_wait_watch arms those */
    r = arm(w, wait, wants);
    if (r == -EPERM || (r == 0 && is_woken(wait))) {
        fire(w->poller, wait);
        r = 0;
    }
    pthread_mutex_unlock(&w->poller->lock);
    if (r < 0)
        leat_wait_clear(w, wait);
    return r;
}

int leat_wait_arm_fd(struct leat_waits *w, struct leat_wait *wait, int fd, bool writable)
{
    struct leat_wants wants = {0};

    leat_wants_fd(&wants, fd, writable ? EPOLLOUT : EPOLLIN);
    return leat_wait_arm(w, wait, &wants);
}

int leat_wait_alarm(struct leat_waits *w, struct leat_wait *wait, uint64_t ms)
{
    leat_assert(!wait->quiet);
    leat_assert(ms > 0);
    wait->is_alarm = true;
    return leat_wait_arm(w, wait, &(struct leat_wants){.ms = ms});
}

int leat_wait_watch(struct leat_waits *w, struct leat_wait *wait, int fd, bool gone, uint64_t ms)
{
    int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1, r;
    struct leat_wants wants = {.ms = ms};

    leat_assert(!wait->is_alarm);
    leat_assert(!wait->waker);
    if (fd >= 0 && own < 0)
        return -errno;
    leat_wants_fd(&wants, own, gone ? 0 : EPOLLIN);
    wait->quiet = true;
    wait->owns_fd = own >= 0;
    pthread_mutex_lock(&w->poller->lock);
    r = arm(w, wait, &wants);
    pthread_mutex_unlock(&w->poller->lock);
    if (r == -EPERM)
        r = 0;
    if (r < 0)
        leat_wait_clear(w, wait);
    return r;
}

/* Under the lock. Remove a duplicate from the set before closing it: its open file description
 * lives on, so epoll would not remove it. */
static void drop_fds(struct leat_waits *w, struct leat_wait *wait, bool in_set)
{
    unsigned n = wait->wants.n_fds;

    leat_assert(n <= LEAT_WAIT_FDS_MAX);
    leat_assert(!wait->listed || !in_set || n == 0); /* unwatch would find it */
    wait->wants.n_fds = 0; /* unwatch counts the wants of the listed waits */
    for (unsigned i = 0; i < n && (in_set || wait->owns_fd); i++)
        unwatch(w->poller, wait->wants.fds[i].fd);
    leat_assert(n == 1 || !wait->owns_fd);
    if (wait->owns_fd)
        (void)close(wait->wants.fds[0].fd); /* a duplicate for a watch */
    wait->owns_fd = false;
}

void leat_wait_clear(struct leat_waits *w, struct leat_wait *wait)
{
    int was = atomic_exchange(&wait->state, WAIT_NONE);

    if (was == WAIT_ARMED || was == WAIT_WOKEN)
        count_down(wait);
    if (!wait->used)
        return;
    unset_due(w, wait);
    pthread_mutex_lock(&w->poller->lock);
    unlist(w->poller, wait);
    unwatch(w->poller, wait->timer_fd);
    drop_fds(w, wait, true);
    pthread_mutex_unlock(&w->poller->lock);
    leat_assert(wait->wants.n_fds == 0 && !wait->owns_fd);
    leat_assert(!wait->listed);
    leat_assert(wait->due_ns == 0);
    wait->used = false;
}

/* After this the descriptors may be closed and their numbers reused. A single descriptor that has
 * fired is disarmed already; of several events, or with a timer, one has fired and the others are
 * still armed. */
bool leat_wait_fired(struct leat_waits *w, struct leat_wait *wait)
{
    bool several = wait->wants.n_fds > 1 || wait->wants.ms > 0 || wait->wants.wake;
    int fired = atomic_load(&wait->state);

    if (fired != WAIT_FIRED && fired != WAIT_WOKEN)
        return false;
    leat_assert(wait->used);
    leat_assert(fired == WAIT_WOKEN || !wait->listed); /* it left the list when it fired */
    atomic_store(&wait->state, WAIT_NONE); /* only this thread changes the state of a fired wait */
    if (fired == WAIT_WOKEN)
        count_down(wait);
    unset_due(w, wait);
    if (several || wait->owns_fd) {
        pthread_mutex_lock(&w->poller->lock);
        drop_fds(w, wait, several);
        pthread_mutex_unlock(&w->poller->lock);
    }
    wait->wants.n_fds = 0;
    return true;
}
