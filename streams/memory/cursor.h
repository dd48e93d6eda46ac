/* cursor.h - the writer of a step, and the short queue of slices that it fills.
 *
 * Inside a segment the output of a stage goes straight into the queue of the next stage. The next
 * stage empties the queue before the stage runs again, so the queue is short and needs no lock.
 */
#ifndef LEAT_MEMORY_CURSOR_H
#define LEAT_MEMORY_CURSOR_H

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

/* leat_slice_queue_push - append a slice, which the queue then owns. Asserts n <
 * LEAT_SLICE_QUEUE_MAX. A slice that continues the last one is merged with it. */
void leat_slice_queue_push(struct leat_slice_queue *q, struct leat_slice slice);
/* leat_slice_queue_mark - append a flush marker; n < LEAT_SLICE_QUEUE_MAX. */
static inline void leat_slice_queue_mark(struct leat_slice_queue *q)
{
    leat_slice_queue_push(q, (struct leat_slice){.chunk = NULL});
}
/* leat_slice_queue_pop - remove the head; the caller has moved or dropped its reference. */
void leat_slice_queue_pop(struct leat_slice_queue *q);
/* leat_slice_queue_clear - drop all slices; returns their bytes. */
uint64_t leat_slice_queue_clear(struct leat_slice_queue *q);
/* leat_slice_queue_cut - drop the last n bytes, or all if there are fewer. */
void leat_slice_queue_cut(struct leat_slice_queue *q, uint64_t n);

/* A writer has three states: it has a queue; it has none and offers no room (a sink, a stopped
 * stage); it discards: it has no queue, always offers room, and drops the bytes. No two writers
 * share a queue. */
struct leat_out {
    struct leat_slice_queue *to;
    bool discards; /* `to` is NULL */
    struct leat_pool *pool;
    struct leat_chunk *fill; /* the chunk being filled, or NULL */
    size_t from, at;         /* [from, at) of it is committed but not in the queue yet */
    size_t offered;          /* bytes offered by the last reserve */
    size_t room_max;         /* settings.room; 0: no limit */
    size_t step_bytes;       /* output of this step */
    uint64_t total;          /* output since the start */
    uint64_t marked;         /* part of `total` before the last flush marker */
    bool full;               /* the step ran out of room: it may have more output */
    bool starved;            /* the pool is at its limit */
    bool nomem;
    uint8_t *hold; /* buffer of a nested writer: [from, at) of hold_size bytes is used; or NULL */
    size_t hold_size;
    struct leat_out *ports; /* of a junction, or NULL */
    size_t n_ports;
};

void leat_out_init(struct leat_out *out, struct leat_slice_queue *to, struct leat_pool *pool,
                   size_t room_max);
void leat_out_done(struct leat_out *out);
/* leat_out_discard, _close - between two steps: from now on discard all bytes, or offer no room. */
void leat_out_discard(struct leat_out *out);
void leat_out_close(struct leat_out *out);
/* leat_out_begin, _end - around each step; _end puts the committed bytes into the queue. */
void leat_out_begin(struct leat_out *out);
void leat_out_end(struct leat_out *out);
/* leat_out_mark - between two steps: append a flush marker after the output, if there is any since
 * the last marker. The queue must have room. */
void leat_out_mark(struct leat_out *out);

#endif
