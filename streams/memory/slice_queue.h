/* slice_queue.h - a short queue of slices between two stages of a segment.
 *
 * The output of a stage goes straight into the queue of the next stage. The next stage empties the
 * queue before the stage runs again, so the queue is short and needs no lock.
 */
#ifndef LEAT_MEMORY_SLICE_QUEUE_H
#define LEAT_MEMORY_SLICE_QUEUE_H

#include "chunk.h"

#define LEAT_SLICE_QUEUE_MAX 64u

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
/* leat_slice_queue_mark_at - append a flush marker that stands for a position of the source (outcome/checkpoint.h); 0: none.
 * The last position counts if there is nothing between several markers. n < LEAT_SLICE_QUEUE_MAX. */
void leat_slice_queue_mark_at(struct leat_slice_queue *q, uint64_t position);
/* leat_slice_queue_mark - append a flush marker; n < LEAT_SLICE_QUEUE_MAX. */
static inline void leat_slice_queue_mark(struct leat_slice_queue *q)
{
    leat_slice_queue_mark_at(q, 0);
}
/* leat_slice_queue_pop - remove the head; the caller has moved or dropped its reference. */
void leat_slice_queue_pop(struct leat_slice_queue *q);
/* leat_slice_queue_clear - drop all slices; returns their bytes. */
uint64_t leat_slice_queue_clear(struct leat_slice_queue *q);
/* leat_slice_queue_cut - drop the last n bytes, or all if there are fewer. */
void leat_slice_queue_cut(struct leat_slice_queue *q, uint64_t n);

#endif
