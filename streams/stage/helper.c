/* helper.c - a second thread for `run`: it works on jobs in the order in which `run` gives them.
 *
 * A wake costs about as much as a small job, so the helper sleeps until a few jobs have come, or `run`
 * waits for it.
 */

#include <stdlib.h>

#include "stage_impl.h"

struct leat_helper {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t given_more, done_more;
    void (*work)(void *arg, uint64_t job);
    void *arg;
    unsigned most;
    /* Under the lock. */
    uint64_t given, done; /* jobs; done <= given <= done + most */
    bool sleeps;          /* the helper waits for jobs */
    bool ends;
};

static void *helper_main(void *arg)
{
    struct leat_helper *h = arg;

    pthread_mutex_lock(&h->lock);
    for (;;) {
        h->sleeps = true;
        while (h->done == h->given && !h->ends)
            pthread_cond_wait(&h->given_more, &h->lock);
        h->sleeps = false;
        while (h->done < h->given && !h->ends) {
            uint64_t job = h->done;

            pthread_mutex_unlock(&h->lock);
            h->work(h->arg, job);
            pthread_mutex_lock(&h->lock);
            leat_assert(h->done == job);
            h->done++;
        }
        pthread_cond_signal(&h->done_more);
        if (h->ends)
            break;
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void helper_destroy(struct leat_helper *h)
{
    pthread_cond_destroy(&h->done_more);
    pthread_cond_destroy(&h->given_more);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static struct leat_helper *helper_make(void)
{
    struct leat_helper *h = calloc(1, sizeof *h);

    if (!h)
        return NULL;
    if (pthread_mutex_init(&h->lock, NULL)) {
        free(h);
        return NULL;
    }
    if (pthread_cond_init(&h->given_more, NULL)) {
        pthread_mutex_destroy(&h->lock);
        free(h);
        return NULL;
    }
    if (pthread_cond_init(&h->done_more, NULL)) {
        pthread_cond_destroy(&h->given_more);
        pthread_mutex_destroy(&h->lock);
        free(h);
        return NULL;
    }
    return h;
}

/* The thread of `run` blocks all signals, and the helper inherits that. */
struct leat_helper *leat_helper_new(struct leat_stage *s, void (*work)(void *arg, uint64_t job),
                                    void *arg, unsigned most)
{
    struct leat_helper *h = leat_threads(s) > 1 ? helper_make() : NULL;

    leat_assert(most > 0);
    if (!h)
        return NULL;
    h->work = work;
    h->arg = arg;
    h->most = most;
    if (pthread_create(&h->thread, NULL, helper_main, h)) {
        helper_destroy(h);
        return NULL;
    }
    leat_own_threads(s, 2);
    return h;
}

bool leat_helper_give(struct leat_helper *h)
{
    bool taken, wakes;

    pthread_mutex_lock(&h->lock);
    leat_assert(h->done <= h->given && h->given - h->done <= h->most);
    taken = h->given - h->done < h->most;
    h->given += taken;
    wakes = h->sleeps && h->given - h->done >= (h->most + 1) / 2;
    pthread_mutex_unlock(&h->lock);
    if (wakes)
        pthread_cond_signal(&h->given_more);
    return taken;
}

uint64_t leat_helper_done(struct leat_helper *h)
{
    uint64_t done;

    pthread_mutex_lock(&h->lock);
    done = h->done;
    pthread_mutex_unlock(&h->lock);
    return done;
}

void leat_helper_wait(struct leat_helper *h)
{
    pthread_mutex_lock(&h->lock);
    if (h->done < h->given)
        pthread_cond_signal(&h->given_more);
    while (h->done < h->given)
        pthread_cond_wait(&h->done_more, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

void leat_helper_free(struct leat_helper *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->ends = true;
    pthread_cond_signal(&h->given_more);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    helper_destroy(h);
}
