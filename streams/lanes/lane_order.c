/* lane_order.c - the lane order: a queue of turns with a lock. */

#include "lane_order.h"

#include <stdlib.h>

#include "base/invariant.h"
#include "stage.h"

struct leat_lane_order *leat_lane_order_new(struct leat_executor *executor,
                                            struct leat_actor *cutter, struct leat_actor *joiner)
{
    struct leat_lane_order *d = calloc(1, sizeof *d);

    if (!d || pthread_mutex_init(&d->lock, NULL)) {
        free(d);
        return NULL;
    }
    d->executor = executor;
    d->cutter = cutter;
    d->joiner = joiner;
    return d;
}

void leat_lane_order_free(struct leat_lane_order *d)
{
    if (!d)
        return;
    free(d->ring);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

int leat_lane_order_size(struct leat_lane_order *d, size_t room)
{
    d->ring = calloc(room, sizeof *d->ring);
    d->room = d->ring ? room : 0;
    return d->ring ? 0 : LEAT_ENOMEM;
}

void leat_lane_order_reset(struct leat_lane_order *d)
{
    d->head = d->n = 0;
    d->over = d->waits = false;
}

/* Under the lock. Returns whether the caller must wake the joiner. */
static bool wake_due(struct leat_lane_order *d)
{
    bool wake = d->waits;

    d->waits = false;
    return wake;
}

int leat_lane_order_put(struct leat_lane_order *d, struct leat_lane_turn turn)
{
    bool wake = false;
    int r = LEAT_EINTERNAL;

    pthread_mutex_lock(&d->lock);
    leat_assert(!d->over);
    if (d->n < d->room) {
        d->ring[(d->head + d->n++) % d->room] = turn;
        wake = wake_due(d);
        r = 0;
    }
    pthread_mutex_unlock(&d->lock);
    if (wake)
        leat_actor_pass(d->executor, d->joiner, d->cutter);
    return r;
}

void leat_lane_order_over(struct leat_lane_order *d)
{
    bool wake;

    pthread_mutex_lock(&d->lock);
    d->over = true;
    wake = wake_due(d);
    pthread_mutex_unlock(&d->lock);
    if (wake)
        leat_actor_wake(d->executor, d->joiner);
}

int leat_lane_order_take(struct leat_lane_order *d, struct leat_lane_turn *ret_turn)
{
    int r = 0;

    pthread_mutex_lock(&d->lock);
    leat_assert(d->n <= d->room);
    if (d->n > 0) {
        *ret_turn = d->ring[d->head];
        d->head = (d->head + 1) % d->room;
        d->n--;
    } else if (d->over) {
        r = LEAT_END;
    } else {
        d->waits = true;
        r = LEAT_EMPTY;
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}
