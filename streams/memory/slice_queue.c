/* slice_queue.c - a short ring of slices, of which each owns one reference to its chunk. */

#include "slice_queue.h"

void leat_slice_queue_push(struct leat_slice_queue *q, struct leat_slice slice)
{
    leat_assert(slice.chunk ? slice.off + slice.len <= slice.chunk->cap : slice.len == 0);
    leat_assert(!slice.chunk || atomic_load_explicit(&slice.chunk->refs, memory_order_relaxed) > 0);
    if (q->n > 0) {
        struct leat_slice *last = &q->v[(q->head + q->n - 1) % LEAT_SLICE_QUEUE_MAX];

        if (last->chunk == slice.chunk && last->off + last->len == slice.off) {
            last->len += slice.len;
            leat_chunk_unref(slice.chunk);
            return;
        }
    }
    leat_assert(q->n < LEAT_SLICE_QUEUE_MAX);
    q->v[(q->head + q->n) % LEAT_SLICE_QUEUE_MAX] = slice;
    q->n++;
}

void leat_slice_queue_mark_at(struct leat_slice_queue *q, uint64_t position)
{
    struct leat_slice *last = q->n > 0 ? &q->v[(q->head + q->n - 1) % LEAT_SLICE_QUEUE_MAX] : NULL;

    if (!last || !leat_slice_is_mark(last)) {
        leat_slice_queue_push(q, (struct leat_slice){.chunk = NULL});
        last = &q->v[(q->head + q->n - 1) % LEAT_SLICE_QUEUE_MAX];
    }
    leat_assert(position == 0 || position > last->off);
    if (position > 0)
        last->off = (size_t)position;
}

void leat_slice_queue_pop(struct leat_slice_queue *q)
{
    leat_assert(q->n > 0);
    leat_assert(q->head < LEAT_SLICE_QUEUE_MAX);
    q->head = (q->head + 1) % LEAT_SLICE_QUEUE_MAX;
    q->n--;
}

uint64_t leat_slice_queue_clear(struct leat_slice_queue *q)
{
    uint64_t bytes = 0;

    while (q->n > 0) {
        bytes += leat_slice_queue_head(q)->len;
        leat_chunk_unref(leat_slice_queue_head(q)->chunk);
        leat_slice_queue_pop(q);
    }
    return bytes;
}

void leat_slice_queue_cut(struct leat_slice_queue *q, uint64_t n)
{
    while (q->n > 0 && n > 0) {
        struct leat_slice *last = &q->v[(q->head + q->n - 1) % LEAT_SLICE_QUEUE_MAX];

        leat_assert(last->chunk || last->len == 0);
        if (last->len > n) {
            last->len -= (size_t)n;
            return;
        }
        n -= last->len;
        leat_chunk_unref(last->chunk);
        q->n--;
    }
}
