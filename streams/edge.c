/* edge.c - one bounded queue between two segments.
 *
 * The bound: what is queued and in flight is at most the high-water mark and one chunk. A chunk
 * whose slices stand side by side in the queue is counted once. Wakes happen outside the lock.
 */

#include "edge.h"

#include <stdlib.h>

#include "stage.h"

int leat_edge_init(struct leat_edge *e, struct leat_executor *executor, uint64_t high)
{
    *e = (struct leat_edge){.executor = executor, .high = high, .low = high / 2};
    return pthread_mutex_init(&e->lock, NULL) ? LEAT_ENOMEM : 0;
}

void leat_block_free(struct leat_block *block)
{
    if (!block)
        return;
    leat_chunk_unref(block->history.chunk);
    free(block);
}

/* On the way to a lane a block belongs to the item that begins it, on the way from a lane to the
 * one that ends it. */
static void item_drop(struct leat_edge *e, struct leat_item *item)
{
    leat_chunk_unref(item->slice.chunk);
    leat_block_free(e->carries_ends ? item->end : item->begin);
}

static void drop_all(struct leat_edge *e)
{
    while (e->n > 0) {
        item_drop(e, &e->ring[e->head].item);
        e->head = (e->head + 1) % LEAT_EDGE_ITEMS;
        e->n--;
    }
    e->charge = e->inflight;
}

void leat_edge_done(struct leat_edge *e)
{
    drop_all(e);
    pthread_mutex_destroy(&e->lock);
}

/* What the item adds to the memory that the queue keeps alive. */
static uint64_t charge_of(const struct leat_edge *e, const struct leat_item *item)
{
    const struct leat_edge_entry *last;

    if (!item->slice.chunk)
        return 0;
    if (e->n > 0) {
        last = &e->ring[(e->head + e->n - 1) % LEAT_EDGE_ITEMS];
        if (last->item.slice.chunk == item->slice.chunk)
            return 0;
    }
    return item->slice.chunk->cap;
}

int leat_edge_write(struct leat_edge *e, const struct leat_item *item)
{
    bool wake = false;
    int r = 0;

    pthread_mutex_lock(&e->lock);
    if (e->reason) {
        r = LEAT_ECANCELLED;
    } else if (e->n == LEAT_EDGE_ITEMS || e->charge >= e->high) {
        e->want_drain = true;
        atomic_fetch_add_explicit(&e->refusals, 1, memory_order_relaxed);
        r = LEAT_FULL;
    } else {
        uint64_t charge = charge_of(e, item);

        e->ring[(e->head + e->n) % LEAT_EDGE_ITEMS] =
            (struct leat_edge_entry){.item = *item, .charge = charge};
        e->n++;
        e->charge += charge;
        atomic_store_explicit(&e->filled, e->charge, memory_order_relaxed);
        atomic_fetch_add_explicit(&e->bytes, item->slice.len, memory_order_relaxed);
        wake = e->reader_waits;
        e->reader_waits = false;
    }
    pthread_mutex_unlock(&e->lock);
    if (wake)
        leat_actor_wake(e->executor, e->reader);
    return r;
}

void leat_edge_finish(struct leat_edge *e, enum leat_edge_state state)
{
    pthread_mutex_lock(&e->lock);
    if (e->state == LEAT_EDGE_OPEN)
        e->state = state;
    e->want_drain = false;
    e->reader_waits = false;
    pthread_mutex_unlock(&e->lock);
    leat_actor_wake(e->executor, e->reader);
}

int leat_edge_read(struct leat_edge *e, struct leat_item *ret_item)
{
    bool drain = false;
    int r = 0;

    pthread_mutex_lock(&e->lock);
    e->charge -= e->inflight;
    e->inflight = 0;
    if (e->n > 0) {
        struct leat_edge_entry *entry = &e->ring[e->head];

        *ret_item = entry->item;
        e->inflight = entry->charge;
        e->head = (e->head + 1) % LEAT_EDGE_ITEMS;
        e->n--;
    } else if (e->state == LEAT_EDGE_OPEN) {
        e->reader_waits = true;
        r = LEAT_EMPTY;
    } else {
        r = e->state == LEAT_EDGE_EOF ? LEAT_END : LEAT_ECANCELLED;
    }
    if (e->want_drain && e->charge <= e->low) {
        e->want_drain = false;
        drain = true;
    }
    atomic_store_explicit(&e->filled, e->charge, memory_order_relaxed);
    pthread_mutex_unlock(&e->lock);
    if (drain)
        leat_actor_wake(e->executor, e->writer);
    return r;
}

void leat_edge_cancel(struct leat_edge *e, enum leat_reason reason)
{
    pthread_mutex_lock(&e->lock);
    if (reason > e->reason)
        e->reason = reason;
    e->want_drain = false;
    drop_all(e);
    pthread_mutex_unlock(&e->lock);
    leat_actor_wake(e->executor, e->writer);
}

enum leat_reason leat_edge_reason(struct leat_edge *e)
{
    enum leat_reason reason;

    pthread_mutex_lock(&e->lock);
    reason = e->reason;
    pthread_mutex_unlock(&e->lock);
    return reason;
}
