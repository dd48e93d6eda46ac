/* edge.c - one bounded queue between two segments.
 *
 * The bound: the queued slices and the one in flight keep at most the high-water mark plus one
 * chunk alive. Adjacent slices of the same chunk count it once. Wake-ups, and reads and writes of a
 * spill, happen outside the lock. Items in the ring are older than the data in the spill.
 */

#include "edge.h"

#include <stdlib.h>

#include "base/usdt.h"
#include "outcome/events.h"
#include "stage.h"

int leat_edge_init(struct leat_edge *e, struct leat_executor *executor, uint64_t high)
{
    *e = (struct leat_edge){
        .link = LEAT_NO_LINK, .executor = executor, .high = high, .low = high / 2};
    e->items = LEAT_EDGE_ITEMS;
    e->ring = calloc(e->items, sizeof *e->ring);
    if (!e->ring)
        return LEAT_ENOMEM;
    if (pthread_mutex_init(&e->lock, NULL)) {
        free(e->ring);
        return LEAT_ENOMEM;
    }
    return 0;
}

int leat_edge_size(struct leat_edge *e, uint64_t high, uint64_t low)
{
    uint64_t items = high / LEAT_EDGE_ITEM_BYTES;
    struct leat_edge_entry *ring;

    leat_assert(e->n == 0);
    leat_assert(e->charge == 0);
    leat_assert(high > 0);
    leat_assert(low <= high);
    e->high = high;
    e->low = low;
    if (items <= e->items)
        return 0;
    if (items > UINT32_MAX)
        return LEAT_ENOMEM;
    ring = calloc(items, sizeof *ring);
    if (!ring)
        return LEAT_ENOMEM;
    free(e->ring);
    e->ring = ring;
    e->items = (unsigned)items;
    return 0;
}

void leat_block_free(struct leat_block *block)
{
    if (!block)
        return;
    leat_chunk_unref(block->history.chunk);
    free(block);
}

/* Free the block that the item owns. In an edge to a lane the item with its begin owns a block, in
 * an edge from a lane the item with its end. */
static void item_drop(struct leat_edge *e, struct leat_item *item)
{
    leat_assert(!e->carries_ends || !item->begin); /* a lane's output begins no block */
    leat_chunk_unref(item->slice.chunk);
    leat_block_free(e->carries_ends ? item->end : item->begin);
}

static uint64_t spilled(const struct leat_edge *e)
{
    leat_assert(!e->spill || e->spill->got <= e->spill->put);
    return e->spill ? e->spill->put - e->spill->got : 0;
}

/* Returns the dropped bytes. */
static uint64_t drop_all(struct leat_edge *e)
{
    uint64_t bytes = e->queued + spilled(e);

    while (e->n > 0) {
        struct leat_edge_entry *entry = &e->ring[e->head];

        leat_assert(e->charge >= entry->charge);
        leat_assert(e->queued >= entry->item.slice.len);
        e->charge -= entry->charge;
        e->queued -= entry->item.slice.len;
        item_drop(e, &entry->item);
        e->head = (e->head + 1) % e->items;
        e->n--;
    }
    leat_assert(e->charge == e->inflight);
    leat_assert(e->queued == 0);
    if (e->spill) {
        e->spill->got = e->spill->put;
        e->spill->marked = false;
    }
    return bytes;
}

static void count_unread(struct leat_edge *e, uint64_t n)
{
    if (e->unread)
        atomic_fetch_add_explicit(e->unread, n, memory_order_relaxed);
}

void leat_edge_lost(struct leat_edge *e, uint64_t n)
{
    atomic_fetch_add_explicit(&e->bytes, n, memory_order_relaxed);
    count_unread(e, n);
}

void leat_edge_reset(struct leat_edge *e)
{
    leat_assert(!e->reader || !leat_actor_runs_here(e->reader));
    pthread_mutex_lock(&e->lock);
    leat_assert(e->n == 0); /* its reader has ended and dropped all items */
    drop_all(e);
    e->charge = e->inflight = 0;
    e->state = LEAT_EDGE_OPEN;
    e->reason = LEAT_REASON_NONE;
    e->want_drain = e->reader_waits = e->flowing = false;
    e->error = NULL;
    pthread_mutex_unlock(&e->lock);
}

void leat_edge_done(struct leat_edge *e)
{
    drop_all(e);
    leat_spill_free(e->spill);
    free(e->ring);
    pthread_mutex_destroy(&e->lock);
}

/* --- under the lock --------------------------------------------------------------------------- */

static void tell_filled(struct leat_edge *e)
{
    atomic_store_explicit(&e->filled, e->charge + spilled(e), memory_order_relaxed);
}

/* Does the item continue the last one, so that both are merged? */
static bool joins(const struct leat_edge_entry *last, const struct leat_item *item)
{
    const struct leat_slice *s = &last->item.slice;

    return s->chunk && s->chunk == item->slice.chunk && s->off + s->len == item->slice.off &&
           !last->item.end && !item->begin && last->item.used == item->used;
}

/* The caller has checked that there is room: the charge is below the high-water mark, so the bound
 * holds after this item. */
static void push(struct leat_edge *e, const struct leat_item *item)
{
    struct leat_edge_entry *last = &e->ring[(e->head + e->n + e->items - 1) % e->items];
    uint64_t charge = item->slice.chunk ? item->slice.chunk->cap : 0;

    leat_assert(e->n < e->items);
    leat_assert(e->state == LEAT_EDGE_OPEN);
    leat_assert(e->charge < e->high);
    leat_assert(spilled(e) == 0); /* spilled data is older than this item */
    e->queued += item->slice.len;
    if (e->n > 0 && joins(last, item)) {
        last->item.slice.len += item->slice.len;
        last->item.end = item->end;
        leat_chunk_unref(item->slice.chunk);
        return;
    }
    if (e->n > 0 && last->item.slice.chunk == item->slice.chunk)
        charge = 0; /* both keep the same chunk alive */
    e->ring[(e->head + e->n) % e->items] =
        (struct leat_edge_entry){.item = *item, .charge = charge};
    e->n++;
    e->charge += charge;
}

/* If adjacent slices share a chunk, the charge moves to the one that is read last. */
static void pop(struct leat_edge *e, struct leat_item *ret_item)
{
    struct leat_edge_entry *entry = &e->ring[e->head];

    leat_assert(e->n > 0);
    leat_assert(e->inflight == 0);
    leat_assert(e->charge >= entry->charge);
    leat_assert(e->queued >= entry->item.slice.len);
    *ret_item = entry->item;
    e->queued -= entry->item.slice.len;
    e->inflight = entry->charge;
    e->head = (e->head + 1) % e->items;
    e->n--;
    leat_assert(e->n > 0 || e->queued == 0);
    leat_assert(e->n > 0 || e->charge == e->inflight);
    if (e->n > 0 && e->ring[e->head].item.slice.chunk == entry->item.slice.chunk) {
        e->ring[e->head].charge = e->inflight;
        e->inflight = 0;
    }
}

static bool has_room(const struct leat_edge *e)
{
    bool spills = e->spill && (spilled(e) > 0 || e->spill->marked);

    return e->n < e->items && e->charge < e->high && !spills;
}

static bool spill_has_room(const struct leat_edge *e, uint64_t n)
{
    return e->spill && spilled(e) + n <= e->spill->size;
}

/* Is the gate open? A writer that has ended or was refused opens it, too. */
static bool gate_is_open(struct leat_edge *e)
{
    if (e->gate == 0 || e->state != LEAT_EDGE_OPEN)
        return true;
    if (e->want_drain || e->queued + spilled(e) >= e->gate)
        e->flowing = true;
    return e->flowing;
}

/* Must a refused writer be woken now? */
static bool is_drained(const struct leat_edge *e)
{
    bool room = e->spill ? spill_has_room(e, LEAT_CHUNK_MAX) : e->charge <= e->drain_at;

    return e->want_drain && room;
}

/* Under no lock. */
static void tell(const struct leat_edge *e, unsigned kind)
{
    if (e->watcher && leat_watched(e->watcher, kind))
        leat_tell_edge(e, kind);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Write to the file. Enters and leaves with the lock held. */
static int write_spill(struct leat_edge *e, const struct leat_slice *slice)
{
    uint64_t at = e->spill->put;
    int r;

    leat_assert(slice->len <= LEAT_CHUNK_MAX);
    leat_assert(spilled(e) + slice->len <= e->spill->size);
    pthread_mutex_unlock(&e->lock);
    r = leat_spill_write(e->spill, at, leat_slice_data(slice), slice->len);
    pthread_mutex_lock(&e->lock);
    if (r < 0) {
        e->spill->error = -r;
        return LEAT_EIO;
    }
    leat_assert(e->spill->put == at); /* only the writer moves it */
    leat_chunk_unref(slice->chunk);
    e->spill->put += slice->len;
    if (e->reason) {
        e->spill->got = e->spill->put;
        count_unread(e, slice->len);
    }
    atomic_fetch_add_explicit(&e->spilled, slice->len, memory_order_relaxed);
    return 0;
}

static void mark_spill(struct leat_spill *spill, uint64_t position)
{
    leat_assert(!spill->marked || spill->mark <= spill->put);
    spill->mark = spill->put;
    if (position > 0 || !spill->marked)
        spill->position = position;
    spill->marked = true;
}

int leat_edge_write(struct leat_edge *e, const struct leat_item *item)
{
    uint64_t n = item->slice.len;
    bool wake = false;
    int r = 0;

    leat_assert(!e->writer || leat_actor_runs_here(e->writer));
    leat_assert(item->slice.chunk || item->flush || item->end);
    leat_assert(item->slice.chunk || item->slice.len == 0);
    leat_assert(!e->spill || (!item->begin && !item->end)); /* a file holds no blocks */
    pthread_mutex_lock(&e->lock);
    leat_assert(e->state == LEAT_EDGE_OPEN);
    if (e->reason) {
        r = LEAT_ECANCELLED;
    } else if (has_room(e)) {
        push(e, item);
    } else if (item->flush && e->spill) {
        mark_spill(e->spill, item->slice.off);
    } else if (n > 0 && spill_has_room(e, n)) {
        r = write_spill(e, &item->slice);
    } else {
        e->want_drain = true;
        e->drain_at = e->low > e->high / 2 ? e->low : e->high / 2;
        atomic_fetch_add_explicit(&e->refusals, 1, memory_order_relaxed);
        r = LEAT_FULL;
    }
    if (r == 0)
        atomic_fetch_add_explicit(&e->bytes, n, memory_order_relaxed);
    tell_filled(e);
    if ((r == 0 || r == LEAT_FULL) && gate_is_open(e)) {
        wake = e->reader_waits;
        e->reader_waits = false;
    }
    pthread_mutex_unlock(&e->lock);
    if (r == LEAT_FULL)
        LEAT_PROBE3(edge_full, e->link, e->lane, n);
    tell(e, r == LEAT_FULL ? LEAT_EVENT_FULL : LEAT_EVENT_FILL);
    if (wake && e->passes)
        leat_actor_pass(e->executor, e->reader, e->writer);
    else if (wake)
        leat_actor_wake(e->executor, e->reader);
    return r;
}

bool leat_edge_wants(struct leat_edge *e)
{
    bool wants;

    leat_assert(!e->writer || leat_actor_runs_here(e->writer));
    pthread_mutex_lock(&e->lock);
    leat_assert(e->state == LEAT_EDGE_OPEN);
    wants = e->reason || e->charge <= e->low;
    e->want_drain = !wants;
    e->drain_at = e->low;
    pthread_mutex_unlock(&e->lock);
    if (!wants) {
        atomic_fetch_add_explicit(&e->refusals, 1, memory_order_relaxed);
        LEAT_PROBE3(edge_full, e->link, e->lane, 0);
        tell(e, LEAT_EVENT_FULL);
    }
    return wants;
}

void leat_edge_finish(struct leat_edge *e, enum leat_edge_state state)
{
    leat_assert(!e->writer || leat_actor_runs_here(e->writer));
    leat_assert(state != LEAT_EDGE_OPEN);
    pthread_mutex_lock(&e->lock);
    if (e->state == LEAT_EDGE_OPEN) /* the end of a part is signalled already */
        e->state = state;
    e->want_drain = false;
    e->reader_waits = false;
    pthread_mutex_unlock(&e->lock);
    leat_actor_wake(e->executor, e->reader);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Read from the file. Enters and leaves with the lock held. */
static int read_spill(struct leat_edge *e, struct leat_item *ret_item)
{
    uint64_t at = e->spill->got, n = (e->spill->marked ? e->spill->mark : e->spill->put) - at;
    struct leat_chunk *chunk;
    int r;

    leat_assert(!e->spill->marked || e->spill->mark > at); /* the marker itself comes first */
    leat_assert(n > 0);
    pthread_mutex_unlock(&e->lock);
    r = leat_pool_get(e->pool, 0, &chunk);
    if (r == 0) {
        n = n < chunk->cap ? n : chunk->cap;
        r = leat_spill_read(e->spill, at, chunk->data, (size_t)n);
        if (r < 0) {
            leat_chunk_unref(chunk);
            e->spill->error = -r;
            r = LEAT_EIO;
        }
    }
    pthread_mutex_lock(&e->lock);
    if (r < 0)
        return r == LEAT_ELIMIT ? LEAT_FULL : r;
    *ret_item = (struct leat_item){.slice = {.chunk = chunk, .len = (size_t)n}};
    leat_assert(e->spill->got == at); /* only the reader moves it */
    leat_assert(e->inflight == 0);
    leat_assert(n <= spilled(e));
    e->spill->got += n;
    e->inflight = chunk->cap;
    e->charge += e->inflight;
    return 0;
}

/* The edge is empty. */
static int read_nothing(struct leat_edge *e)
{
    leat_assert(e->charge == 0);
    leat_assert(e->queued == 0);
    if (e->state != LEAT_EDGE_OPEN)
        return e->state == LEAT_EDGE_EOF ? LEAT_END : LEAT_ECANCELLED;
    e->flowing = false;
    e->reader_waits = true;
    return LEAT_EMPTY;
}

int leat_edge_read(struct leat_edge *e, struct leat_item *ret_item)
{
    bool drain;
    int r = 0;

    leat_assert(!e->reader || leat_actor_runs_here(e->reader));
    pthread_mutex_lock(&e->lock);
    leat_assert(e->charge >= e->inflight);
    e->charge -= e->inflight;
    e->inflight = 0;
    if (!gate_is_open(e)) {
        e->reader_waits = true;
        r = LEAT_EMPTY;
    } else if (e->n > 0) {
        pop(e, ret_item);
    } else if (e->spill && e->spill->marked && e->spill->got == e->spill->mark) {
        e->spill->marked = false;
        *ret_item = (struct leat_item){.flush = true, .slice.off = (size_t)e->spill->position};
    } else if (spilled(e) > 0) {
        r = read_spill(e, ret_item);
    } else {
        r = read_nothing(e);
    }
    drain = is_drained(e);
    if (drain)
        e->want_drain = false;
    tell_filled(e);
    pthread_mutex_unlock(&e->lock);
    tell(e, drain ? LEAT_EVENT_DRAINED : LEAT_EVENT_FILL);
    if (drain)
        LEAT_PROBE2(edge_drained, e->link, e->lane);
    if (drain)
        leat_actor_wake(e->executor, e->writer);
    return r;
}

void leat_edge_cancel(struct leat_edge *e, enum leat_reason reason)
{
    leat_assert(!e->reader || leat_actor_runs_here(e->reader));
    leat_assert(reason != LEAT_REASON_NONE);
    pthread_mutex_lock(&e->lock);
    if (reason > e->reason)
        e->reason = reason;
    e->want_drain = false;
    count_unread(e, drop_all(e));
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
