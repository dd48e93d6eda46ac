/* context.c - what drives the pipelines of a context: it visits, polls and calls back. */

#include "context.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/invariant.h"
#include "base/sized.h"
#include "workers.h"

#define PIPELINES_DEFAULT 8u /* that share the memory if they have no limits */

/* Make an eventfd readable. It holds one number, so a write that would overflow changes nothing. */
static void ring(int fd)
{
    const uint64_t one = 1;
    ssize_t n;

    do
        n = write(fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    leat_assert(n == (ssize_t)sizeof one || errno == EAGAIN);
}

static void silence(int fd)
{
    uint64_t count;
    ssize_t n;

    do
        n = read(fd, &count, sizeof count);
    while (n < 0 && errno == EINTR);
    leat_assert(n == (ssize_t)sizeof count || errno == EAGAIN);
}

/* The thread that visits looks at the lists again. */
void leat_context_ring(struct leat_context *c)
{
    if (!leat_context_is_own_thread(c) || !c->visiting)
        ring(c->bell);
}

/* --- visits ----------------------------------------------------------------------------------- */

void leat_context_visit(struct leat_context *c, struct leat_visit *v, bool last)
{
    bool first = false;

    pthread_mutex_lock(&c->lock);
    leat_assert(v->look != NULL);
    leat_assert((c->visits == NULL) == (c->last_visit == NULL));
    v->last = v->last || last;
    if (!v->listed) {
        first = !c->visits;
        v->listed = true;
        v->next = NULL;
        if (c->last_visit)
            c->last_visit->next = v;
        else
            c->visits = v;
        c->last_visit = v;
    }
    if (first) /* the visit may be gone as soon as the lock is free */
        leat_context_ring(c);
    pthread_mutex_unlock(&c->lock);
}

/* Under the lock: the thread looks at this next; NULL: it has looked. */
static void note_look(struct leat_context *c, const struct leat_visit *v)
{
    c->looking = v;
    if (c->leaving > 0)
        pthread_cond_broadcast(&c->looked);
}

static struct leat_visit *next_visit(struct leat_context *c)
{
    struct leat_visit *v;

    pthread_mutex_lock(&c->lock);
    v = c->visits;
    note_look(c, v);
    if (v) {
        leat_assert(v->listed);
        c->visits = v->next;
        if (!c->visits)
            c->last_visit = NULL;
        v->listed = false;
        v->is_last = v->last;
    }
    pthread_mutex_unlock(&c->lock);
    return v;
}

void leat_context_time(struct leat_context *c, struct leat_visit *v, uint64_t deadline_ns)
{
    pthread_mutex_lock(&c->lock);
    leat_assert(!v->timed);
    v->deadline_ns = deadline_ns;
    v->timed = true;
    v->next_timed = c->timed;
    c->timed = v;
    leat_context_ring(c); /* its thread must poll for less long */
    pthread_mutex_unlock(&c->lock);
}

/* Under the lock: a cancel may have asked for one more visit. */
static void unlist_visit(struct leat_context *c, struct leat_visit *v)
{
    struct leat_visit **at = &c->visits, *before = NULL;

    if (!v->listed)
        return;
    while (*at != v) {
        leat_assert(*at != NULL); /* a listed visit is in the list */
        before = *at;
        at = &before->next;
    }
    *at = v->next;
    if (c->last_visit == v)
        c->last_visit = before;
    v->listed = false;
}

/* Under the lock. */
static void untime(struct leat_context *c, struct leat_visit *v)
{
    struct leat_visit **at = &c->timed;

    if (!v->timed)
        return;
    while (*at != v) {
        leat_assert(*at != NULL);
        at = &(*at)->next_timed;
    }
    *at = v->next_timed;
    v->timed = false;
}

void leat_context_leave(struct leat_context *c, struct leat_visit *v)
{
    bool own = leat_context_is_own_thread(c);

    pthread_mutex_lock(&c->lock);
    unlist_visit(c, v);
    untime(c, v);
    while (!own && c->looking == v) {
        c->leaving++;
        pthread_cond_wait(&c->looked, &c->lock);
        c->leaving--;
    }
    leat_assert(!v->listed && !v->timed);
    pthread_mutex_unlock(&c->lock);
}

uint64_t leat_context_due(struct leat_context *c)
{
    uint64_t now = leat_now_ns(), least = UINT64_MAX;

    pthread_mutex_lock(&c->lock);
    for (struct leat_visit *v = c->timed; v; v = v->next_timed) {
        uint64_t left = v->deadline_ns > now ? v->deadline_ns - now : 0;

        least = left < least ? left : least;
    }
    pthread_mutex_unlock(&c->lock);
    return least;
}

/* The first visit whose deadline has passed; it has none any more. */
static struct leat_visit *next_due(struct leat_context *c)
{
    uint64_t now = leat_now_ns();
    struct leat_visit **at = &c->timed, *due;

    pthread_mutex_lock(&c->lock);
    while (*at && (*at)->deadline_ns > now) {
        leat_assert((*at)->timed);
        at = &(*at)->next_timed;
    }
    due = *at;
    if (due) {
        *at = due->next_timed;
        due->timed = false;
        due->is_due = true;
        due->is_last = due->last;
    }
    note_look(c, due);
    pthread_mutex_unlock(&c->lock);
    return due;
}

/* --- notices ---------------------------------------------------------------------------------- */

/* Under the lock: have the notices called. */
static void announce(struct leat_context *c)
{
    if (c->notice_fd >= 0)
        ring(c->notice_fd);
    else if (c->deliver)
        c->deliver(c);
    else
        leat_context_ring(c);
}

bool leat_context_notify(struct leat_context *c, struct leat_notice *notice)
{
    bool first, news;

    pthread_mutex_lock(&c->lock);
    leat_assert(notice->call != NULL);
    leat_assert((c->notices == NULL) == (c->last_notice == NULL));
    first = !c->notices;
    news = !notice->listed;
    if (news) {
        notice->listed = true;
        notice->next = NULL;
        if (c->last_notice)
            c->last_notice->next = notice;
        else
            c->notices = notice;
        c->last_notice = notice;
    }
    if (first)
        announce(c);
    pthread_mutex_unlock(&c->lock);
    return news;
}

void leat_context_call_notices(struct leat_context *c)
{
    struct leat_notice *notice, *last;
    unsigned place;

    pthread_mutex_lock(&c->lock);
    if (c->calls) {
        pthread_mutex_unlock(&c->lock);
        return;
    }
    c->calls = true;
    place = c->place;
    last =
        c->last_notice; /* a callback may cause the next notice, but not keep the thread for ever */
    while ((notice = c->notices) && c->place == place) {
        bool is_last = notice == last;

        leat_assert(notice->listed);
        c->notices = notice->next;
        if (!c->notices)
            c->last_notice = NULL;
        notice->listed = false;
        pthread_mutex_unlock(&c->lock);
        notice->call(notice);
        pthread_mutex_lock(&c->lock);
        if (is_last)
            break;
    }
    c->calls = false;
    if (c->notices)
        announce(c);
    pthread_mutex_unlock(&c->lock);
}

/* --- memory ----------------------------------------------------------------------------------- */

bool leat_context_take_memory(struct leat_context *c, uint64_t bytes)
{
    bool fits;

    pthread_mutex_lock(&c->lock);
    leat_assert(c->memory == 0 || c->memory_used <= c->memory);
    fits = c->memory == 0 || bytes <= c->memory - c->memory_used;
    if (fits)
        c->memory_used += bytes;
    pthread_mutex_unlock(&c->lock);
    return fits;
}

void leat_context_give_memory(struct leat_context *c, uint64_t bytes)
{
    pthread_mutex_lock(&c->lock);
    leat_assert(c->memory_used >= bytes);
    c->memory_used -= bytes;
    pthread_mutex_unlock(&c->lock);
}

uint64_t leat_context_memory_left(struct leat_context *c)
{
    uint64_t left;

    if (!c)
        return 0;
    pthread_mutex_lock(&c->lock);
    left = c->memory == 0 ? UINT64_MAX : c->memory - c->memory_used;
    pthread_mutex_unlock(&c->lock);
    return left;
}

unsigned leat_context_threads(const struct leat_context *c)
{
    return c->workers.threads_max;
}

/* Several pipelines without a limit of their own fit at the same time. */
uint64_t leat_context_memory_default(const struct leat_context *c)
{
    uint64_t part = c->memory / PIPELINES_DEFAULT;

    if (c->memory == 0 || part > LEAT_MEMORY_DEFAULT)
        return LEAT_MEMORY_DEFAULT;
    return part > LEAT_MEMORY_MIN ? part : LEAT_MEMORY_MIN;
}

/* --- runs ------------------------------------------------------------------------------------- */

void leat_context_begin_run(struct leat_context *c)
{
    pthread_mutex_lock(&c->lock);
    c->active++;
    if (c->busy)
        c->busy(c);
    pthread_mutex_unlock(&c->lock);
}

void leat_context_end_run(struct leat_context *c)
{
    pthread_mutex_lock(&c->lock);
    leat_assert(c->active > 0);
    c->active--;
    if (c->busy)
        c->busy(c);
    pthread_mutex_unlock(&c->lock);
}

/* --- the thread ------------------------------------------------------------------------------- */

bool leat_context_is_own_thread(const struct leat_context *c)
{
    return atomic_load(&c->driver) != LEAT_DRIVER_NONE && pthread_equal(pthread_self(), c->thread);
}

static bool calls_notices(struct leat_context *c)
{
    bool here;

    pthread_mutex_lock(&c->lock);
    here = !c->deliver && c->notice_fd < 0;
    pthread_mutex_unlock(&c->lock);
    return here;
}

static bool should_stop(struct leat_context *c)
{
    bool stop;

    pthread_mutex_lock(&c->lock);
    stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

static void context_free(struct leat_context *c)
{
    leat_assert(!c->visits && !c->timed && !c->notices);
    leat_assert(c->memory_used == 0);
    if (c->workers.grow)
        leat_workers_stop(&c->workers);
    leat_workers_done(&c->workers);
    if (c->poller.epoll_fd >= 0)
        leat_poller_done(&c->poller);
    if (c->bell >= 0)
        (void)close(c->bell); /* an eventfd */
    if (c->notice_fd >= 0)
        (void)close(c->notice_fd);
    if (c->kept)
        c->drop_kept(c->kept);
    pthread_cond_destroy(&c->looked);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void leat_context_serve(struct leat_context *c)
{
    struct leat_visit *v;

    leat_assert(leat_context_is_own_thread(c));
    c->visiting = true;
    silence(c->bell); /* before the lists are read */
    leat_poller_fire(&c->poller);
    while ((v = next_visit(c)) || (v = next_due(c)))
        v->look(v);
    c->visiting = false;
    if (calls_notices(c))
        leat_context_call_notices(c);
}

/* Wait for something. */
static void poll_once(struct leat_context *c)
{
    struct pollfd set = {.fd = c->poller.epoll_fd, .events = POLLIN};
    uint64_t due_ns = leat_context_due(c);
    const struct timespec until = {.tv_sec = (time_t)(due_ns / 1000000000),
                                   .tv_nsec = (long)(due_ns % 1000000000)};
    int n = ppoll(&set, 1, due_ns == UINT64_MAX ? NULL : &until, NULL);

    leat_assert(n >= 0 || errno == EINTR || errno == ENOMEM || errno == EAGAIN);
}

/* A context whose last reference goes in a callback, on one of its threads, ends here. */
static void *serve(void *arg)
{
    struct leat_context *c = arg;

    while (!should_stop(c)) {
        poll_once(c);
        leat_context_serve(c);
    }
    if (atomic_load(&c->refs) == 0) {
        (void)pthread_detach(pthread_self()); /* nobody joins it */
        context_free(c);
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

/* Returns 0 or LEAT_E*. */
static int read_settings(const struct leat_context_settings *given, struct leat_context_settings *s)
{
    int r = given ? leat_sized_in(s, sizeof *s, given) : 0;
    long cpus;

    if (r < 0 || s->threads > 0)
        return r;
    cpus = sysconf(_SC_NPROCESSORS_ONLN); /* it reads a file */
    s->threads = cpus < 1 ? 1 : cpus > LEAT_THREADS_MAX ? LEAT_THREADS_MAX : (unsigned)cpus;
    return 0;
}

int leat_context_start(struct leat_context *c)
{
    int r = 0;

    pthread_mutex_lock(&c->lock); /* the thread reads c->thread */
    if (atomic_load(&c->driver) != LEAT_DRIVER_THREAD)
        r = leat_workers_start(&c->workers);
    if (r == 0 && atomic_load(&c->driver) == LEAT_DRIVER_NONE) {
        r = leat_thread_start(&c->thread, serve, c);
        if (r == 0)
            atomic_store(&c->driver, LEAT_DRIVER_THREAD);
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}

/* Returns 0 or an error; the caller frees what is there. */
static int open_descriptors(struct leat_context *c)
{
    struct epoll_event bell = {.events = EPOLLIN};
    int r;

    r = leat_poller_init(&c->poller);
    if (r < 0)
        return LEAT_EIO;
    c->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bell.data.fd = c->bell;
    return c->bell < 0 || epoll_ctl(c->poller.epoll_fd, EPOLL_CTL_ADD, c->bell, &bell) < 0
               ? LEAT_EIO
               : 0;
}

int leat_context_new(const struct leat_context_settings *settings, struct leat_context **ret)
{
    struct leat_context_settings s = LEAT_INIT(leat_context_settings);
    int r = ret ? read_settings(settings, &s) : LEAT_EUSAGE;
    struct leat_context *c;

    if (r < 0)
        return r;
    if (s.threads > LEAT_THREADS_MAX || s.nice < 0 || s.nice > LEAT_NICE_MAX)
        return LEAT_EUSAGE;
    c = calloc(1, sizeof *c);
    if (!c || leat_workers_init(&c->workers, s.threads) < 0) {
        free(c);
        return LEAT_ENOMEM;
    }
    if (pthread_mutex_init(&c->lock, NULL)) {
        leat_workers_done(&c->workers);
        free(c);
        return LEAT_ENOMEM;
    }
    if (pthread_cond_init(&c->looked, NULL)) {
        pthread_mutex_destroy(&c->lock);
        leat_workers_done(&c->workers);
        free(c);
        return LEAT_ENOMEM;
    }
    atomic_init(&c->refs, 1);
    c->pid = getpid();
    c->memory = s.memory;
    c->workers.nice = s.nice;
    c->bell = c->notice_fd = c->poller.epoll_fd = -1;
    r = open_descriptors(c);
    if (r < 0) {
        int err = errno; /* for the caller */

        context_free(c);
        errno = err;
    } else {
        *ret = c;
    }
    return r;
}

struct leat_context *leat_context_ref(struct leat_context *c)
{
    if (c) {
        unsigned refs = atomic_fetch_add(&c->refs, 1);

        leat_assert(refs > 0);
    }
    return c;
}

void leat_context_unref(struct leat_context *c)
{
    bool own;
    unsigned refs;

    if (!c)
        return;
    own = leat_context_is_own_thread(c) || leat_workers_runs_here(&c->workers);
    refs = atomic_fetch_sub(&c->refs, 1);
    leat_assert(refs > 0);
    if (refs > 1 || c->pid != getpid()) /* a child made by fork has no thread to end */
        return;
    leat_assert(!c->loop); /* it holds a reference */
    if (atomic_load(&c->driver) != LEAT_DRIVER_THREAD) {
        context_free(c);
        return;
    }
    if (!own) /* the thread must not free it */
        atomic_store(&c->refs, 1);
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    ring(c->bell);
    pthread_mutex_unlock(&c->lock);
    if (own)
        return;
    pthread_join(c->thread, NULL);
    context_free(c);
}

int leat_context_fd(struct leat_context *c)
{
    int fd;

    if (!c)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&c->lock);
    if (c->loop) {
        fd = LEAT_EUSAGE;
    } else {
        if (c->notice_fd < 0) {
            c->notice_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            c->place++;
        }
        fd = c->notice_fd < 0 ? LEAT_EIO : c->notice_fd;
        if (fd >= 0 && c->notices)
            ring(fd);
    }
    pthread_mutex_unlock(&c->lock);
    return fd;
}

int leat_context_dispatch(struct leat_context *c)
{
    int fd;

    if (!c)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&c->lock);
    fd = c->notice_fd;
    pthread_mutex_unlock(&c->lock);
    if (fd < 0)
        return LEAT_EUSAGE;
    (void)leat_context_ref(c); /* a callback may drop the last one of the program */
    silence(fd);
    leat_context_call_notices(c);
    leat_context_unref(c);
    return 0;
}
