/* cursor.h - what a step writes through, and the short queue of slices that it writes to.
 *
 * Inside a segment a stage's output goes straight into the queue of the next stage; the queue is
 * emptied before the stage runs again, so it is short and needs no lock.
 */
#ifndef LEAT_CURSOR_H
#define LEAT_CURSOR_H

#include "chunk.h"
#include "stage.h"

#define LEAT_SLICE_QUEUE_MAX 64u
/* A range smaller than this is copied, so that it does not keep a whole chunk alive. */
#define LEAT_PASS_MIN ((size_t)4096)

/* A ring: v[head] is the oldest of n slices. Each has one reference of its own. */
struct leat_slice_queue {
    struct leat_slice v[LEAT_SLICE_QUEUE_MAX];
    unsigned head, n;
};

static inline struct leat_slice *leat_slice_queue_head(struct leat_slice_queue *q)
{
    leat_assert(q->n <= LEAT_SLICE_QUEUE_MAX);
    leat_assert(q->head < LEAT_SLICE_QUEUE_MAX);
    return q->n ? &q->v[q->head] : NULL;
}

/* leat_slice_queue_push - takes the slice. The queue has room: n < LEAT_SLICE_QUEUE_MAX is asserted. A slice
 * that continues the last one joins it. */
void leat_slice_queue_push(struct leat_slice_queue *q, struct leat_slice slice);
/* leat_slice_queue_mark - a flush mark at the end; n < LEAT_SLICE_QUEUE_MAX. */
static inline void leat_slice_queue_mark(struct leat_slice_queue *q)
{
    leat_slice_queue_push(q, (struct leat_slice){.chunk = NULL});
}
/* leat_slice_queue_pop - drops the head, which the caller has moved from or unreferenced. */
void leat_slice_queue_pop(struct leat_slice_queue *q);
/* leat_slice_queue_clear - drops all; returns how many bytes that was. */
uint64_t leat_slice_queue_clear(struct leat_slice_queue *q);
/* leat_slice_queue_cut - drops the last n bytes, or all there are. */
void leat_slice_queue_cut(struct leat_slice_queue *q, uint64_t n);

/* Three states: with a queue; without one, and then there is no room (a sink, a stage that was
 * stopped); discarding, where there is always room and no queue, and bytes go nowhere. Each writer
 * has a queue of its own: none is shared. */
struct leat_out {
    struct leat_slice_queue *to;
    bool discards; /* `to` is NULL */
    struct leat_pool *pool;
    struct leat_chunk *fill; /* the chunk being filled, or NULL */
    size_t from, at;         /* [from, at) of it is committed and not in the queue yet */
    size_t offered;          /* by the last reserve */
    size_t room_max;         /* settings.room; 0: no limit */
    size_t step_bytes;       /* produced in this step */
    uint64_t total;          /* produced since the start */
    uint64_t marked;         /* of that, before the last flush mark */
    bool full;               /* the step ran out of room: it may have more */
    bool starved;            /* the pool is at its limit */
    bool nomem;
    uint8_t *hold; /* leat_nested_new: [from, at) of hold_size bytes; or NULL */
    size_t hold_size;
    struct leat_out *ports; /* of a junction, or NULL */
    size_t n_ports;
};

void leat_out_init(struct leat_out *out, struct leat_slice_queue *to, struct leat_pool *pool,
                   size_t room_max);
void leat_out_done(struct leat_out *out);
/* leat_out_discard, _close - between two steps: from now on bytes go nowhere, or there is no room for
 * any. */
void leat_out_discard(struct leat_out *out);
void leat_out_close(struct leat_out *out);
/* leat_out_begin, _end - around each step; _end puts what was committed into the queue. */
void leat_out_begin(struct leat_out *out);
void leat_out_end(struct leat_out *out);
/* leat_out_mark - between two steps: a flush mark behind what was given, if anything was since the
 * last one. There is room for it. */
void leat_out_mark(struct leat_out *out);

#endif
