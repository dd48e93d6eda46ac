/* lane_order.c - the lane order: a queue of entries with a lock. */

#include "lane_order.h"

#include <stdlib.h>

#include "base/invariant.h"
#include "stage.h"

struct leat_lane_order *leat_lane_order_new(struct leat_executor *executor,
                                            struct leat_actor *cutter, struct leat_actor *joiner)
{
    struct leat_lane_order *order = calloc(1, sizeof *order);

    if (!order || pthread_mutex_init(&order->lock, NULL)) {
        free(order);
        return NULL;
    }
    order->executor = executor;
    order->cutter = cutter;
    order->joiner = joiner;
    return order;
}

void leat_lane_order_free(struct leat_lane_order *order)
{
    if (!order)
        return;
    free(order->ring);
    pthread_mutex_destroy(&order->lock);
    free(order);
}

int leat_lane_order_size(struct leat_lane_order *order, size_t room)
{
    order->ring = calloc(room, sizeof *order->ring);
    order->room = order->ring ? room : 0;
    return order->ring ? 0 : LEAT_ENOMEM;
}

void leat_lane_order_reset(struct leat_lane_order *order)
{
    order->head = order->n = 0;
    order->over = order->waits = false;
}

/* Under the lock. Returns whether the caller must wake the joiner. */
static bool wake_due(struct leat_lane_order *order)
{
    bool wake = order->waits;

    order->waits = false;
    return wake;
}

int leat_lane_order_put(struct leat_lane_order *order, struct leat_lane_entry entry)
{
    bool wake = false;
    int r = LEAT_EINTERNAL;

    pthread_mutex_lock(&order->lock);
    leat_assert(!order->over);
    if (order->n < order->room) {
        order->ring[(order->head + order->n++) % order->room] = entry;
        wake = wake_due(order);
        r = 0;
    }
    pthread_mutex_unlock(&order->lock);
    if (wake)
        leat_actor_pass(order->executor, order->joiner, order->cutter);
    return r;
}

void leat_lane_order_over(struct leat_lane_order *order)
{
    bool wake;

    pthread_mutex_lock(&order->lock);
    order->over = true;
    wake = wake_due(order);
    pthread_mutex_unlock(&order->lock);
    if (wake)
        leat_actor_wake(order->executor, order->joiner);
}

int leat_lane_order_take(struct leat_lane_order *order, struct leat_lane_entry *ret_entry)
{
    int r = 0;

    pthread_mutex_lock(&order->lock);
    leat_assert(order->n <= order->room);
    if (order->n > 0) {
        *ret_entry = order->ring[order->head];
        order->head = (order->head + 1) % order->room;
        order->n--;
    } else if (order->over) {
        r = LEAT_END;
    } else {
        order->waits = true;
        r = LEAT_EMPTY;
    }
    pthread_mutex_unlock(&order->lock);
    return r;
}
