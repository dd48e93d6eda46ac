/* waker.c - wake a stage that waits, from any thread. */

#include "waker.h"

#include <stdlib.h>

#include "base/invariant.h"

struct leat_waker *leat_waker_attach(struct leat_waits *waits, struct leat_wait *wait)
{
    struct leat_waker *waker = calloc(1, sizeof *waker);

    leat_assert(!wait->waker);
    leat_assert(!wait->quiet && !wait->is_alarm);
    if (!waker)
        return NULL;
    if (pthread_mutex_init(&waker->lock, NULL)) {
        free(waker);
        return NULL;
    }
    atomic_store(&waker->refs, 1);
    waker->waits = waits;
    waker->wait = wait;
    wait->waker = waker;
    return waker;
}

void leat_waker_detach(struct leat_waker *waker)
{
    if (!waker)
        return;
    leat_assert(atomic_load(&waker->refs) > 0);
    pthread_mutex_lock(&waker->lock);
    leat_assert(!waker->wait || waker->wait->waker == waker);
    waker->waits = NULL;
    waker->wait = NULL;
    pthread_mutex_unlock(&waker->lock);
}

struct leat_waker *leat_waker_ref(struct leat_waker *waker)
{
    unsigned before = atomic_fetch_add(&waker->refs, 1);

    leat_assert(before > 0);
    return waker;
}

void leat_waker_free(struct leat_waker *waker)
{
    unsigned before = waker ? atomic_fetch_sub(&waker->refs, 1) : 0;

    leat_assert(before > 0 || !waker);
    if (before != 1)
        return;
    leat_assert(!waker->waits &&
                !waker->wait); /* the stage gave up its reference last, or detached it */
    pthread_mutex_destroy(&waker->lock);
    free(waker);
}

void leat_waker_take(struct leat_waker *waker)
{
    (void)atomic_exchange(&waker->pending, false);
}

/* A wake that is still pending is not repeated: the step that it causes has not begun. */
static bool wake(struct leat_waker *waker, bool claim)
{
    bool claimed = false;

    if (!waker || atomic_exchange(&waker->pending, true))
        return false;
    pthread_mutex_lock(&waker->lock);
    leat_assert((waker->waits == NULL) == (waker->wait == NULL));
    if (waker->waits)
        claimed = leat_waits_wake(waker->waits, waker->wait, claim);
    pthread_mutex_unlock(&waker->lock);
    return claimed;
}

void leat_waker_wake(struct leat_waker *waker)
{
    (void)wake(waker, false);
}

bool leat_waker_claim(struct leat_waker *waker)
{
    return wake(waker, true);
}
