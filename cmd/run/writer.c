/* writer.c - a queue of text for a descriptor with a slow reader, written by its own thread.
 *
 * Progress and events must not block the run, and other processes share the descriptor, so
 * O_NONBLOCK cannot be set on it. The thread starts with the first text; it may block without
 * blocking the run. The queue is bounded; further lines are left out, and a line says how many.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

#define PENDING_MAX ((size_t)1 << 20)

int thread_start(pthread_t *ret, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(ret, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

void writer_init(struct writer *w, int fd)
{
    *w = (struct writer){.fd = fd};
    (void)pthread_mutex_init(&w->lock, NULL); /* cannot fail with glibc; nor can the next call */
    (void)pthread_cond_init(&w->changed, NULL);
}

/* Under the lock. */
static void write_pending(struct writer *w)
{
    struct buf text = w->pending;
    int error;

    w->pending = (struct buf){.n = 0};
    w->writing = true;
    pthread_mutex_unlock(&w->lock);
    error = fd_write_all(w->fd, text.data, text.n) < 0 ? errno : 0;
    buf_free(&text);
    pthread_mutex_lock(&w->lock);
    w->writing = false;
    if (error != 0)
        w->error = error;
    if (w->left_out > 0)
        buf_add(&w->pending,
                w->json ? "{\"type\":\"left-out\",\"lines\":%llu}\n"
                        : "leat: %llu lines are left out, because the reader was too slow\n",
                w->left_out);
    w->left_out = 0;
}

static void *run(void *arg)
{
    struct writer *w = arg;

    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (w->pending.n > 0)
            write_pending(w);
        else
            pthread_cond_wait(&w->changed, &w->lock);
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Under the lock. If the thread cannot start, the lost text is an error of the log. */
static bool start(struct writer *w)
{
    int error;

    if (w->started)
        return true;
    error = thread_start(&w->thread, run, w);
    w->started = error == 0;
    if (error != 0)
        w->error = error;
    return w->started;
}

void writer_put(struct writer *w, const struct buf *text, enum writer_kind kind)
{
    size_t n = strlen(buf_text(text));

    if (n == 0)
        return;
    pthread_mutex_lock(&w->lock);
    if (kind == WRITER_STATE && (w->writing || w->pending.n > 0)) {
        /* The next state replaces this one. */
    } else if (w->pending.n + n > PENDING_MAX || !start(w)) {
        w->left_out++;
    } else {
        buf_bytes(&w->pending, text->data, n);
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
}

int writer_done(struct writer *w)
{
    int error;

    pthread_mutex_lock(&w->lock);
    while (w->started && (w->writing || w->pending.n > 0))
        pthread_cond_wait(&w->changed, &w->lock);
    w->stop = true;
    error = w->error;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (w->started)
        (void)pthread_join(w->thread, NULL);
    w->started = false;
    buf_free(&w->pending);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    return error;
}
