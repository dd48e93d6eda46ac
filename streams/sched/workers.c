/* workers.c - the threads of a pool: they start when needed, and sleep when nothing can run. */

#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/invariant.h"

int leat_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -r;
}

/* Linux has a priority for each thread. A thread that cannot lower it works with the one it has. */
static void set_nice(const struct leat_workers *w)
{
    int now;

    if (w->nice == 0)
        return;
    errno = 0;
    now = getpriority(PRIO_PROCESS, (id_t)gettid());
    if (errno == 0)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), now + w->nice);
}

static void *worker(void *arg)
{
    struct leat_workers *w = arg;

    set_nice(w);
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->queued == 0 && !w->stop) {
            w->idle++;
            leat_assert(w->idle <= w->threads_n);
            pthread_cond_wait(&w->ready, &w->lock);
            leat_assert(w->idle > 0);
            w->idle--;
        }
        if (w->queued == 0)
            break;
        leat_executor_serve(w);
    }
    leat_assert(w->stop); /* a worker ends only then */
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Under the lock. Returns 0 or -errno. */
static int add_worker(struct leat_workers *w)
{
    int r;

    leat_assert(w->threads_n < w->threads_max);
    leat_assert(!w->stop);
    r = leat_thread_start(&w->threads[w->threads_n], worker, w);
    if (r == 0)
        w->threads_n++;
    return r;
}

static void grow(struct leat_workers *w)
{
    (void)add_worker(w);
}

int leat_workers_start(struct leat_workers *w)
{
    int r = 0;

    pthread_mutex_lock(&w->lock);
    w->grow = grow;
    if (w->threads_n == 0)
        r = add_worker(w);
    leat_assert(r < 0 || w->threads_n > 0);
    pthread_mutex_unlock(&w->lock);
    return r;
}

void leat_workers_stop(struct leat_workers *w)
{
    pthread_mutex_lock(&w->lock);
    leat_assert(!w->stop);
    w->stop = true;
    pthread_cond_broadcast(&w->ready);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->threads_n; i++)
        pthread_join(w->threads[i], NULL);
    leat_assert(w->threads_n == 0 || (w->queued == 0 && w->running == 0 && w->idle == 0));
    w->threads_n = 0;
}

bool leat_workers_runs_here(struct leat_workers *w)
{
    bool here = false;

    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->threads_n; i++)
        here = here || pthread_equal(w->threads[i], pthread_self());
    for (const struct leat_guest *h = w->guests; h; h = h->next)
        here = here || pthread_equal(h->thread, pthread_self());
    pthread_mutex_unlock(&w->lock);
    return here;
}
