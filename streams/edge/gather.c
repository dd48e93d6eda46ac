/* gather.c - make pieces of a fixed size out of arbitrary slices. */

#include "gather.h"

#include <string.h>

void leat_gather_init(struct leat_gather *g, uint8_t *buffer, size_t size)
{
    leat_assert(size > 0);
    *g = (struct leat_gather){.chunk = {.cap = size, .data = buffer}};
    atomic_init(&g->chunk.refs, 1);
}

size_t leat_gather_drop(struct leat_gather *g)
{
    size_t n = g->n;

    g->n = 0;
    return n;
}

static bool mark_is_next(const struct leat_slice_queue *raw)
{
    return raw->n > 0 && leat_slice_is_mark(&raw->v[raw->head]);
}

/* The piece is complete if it is full, if it ends with the input, or if a marker ends it. */
static bool is_complete(const struct leat_gather *g, size_t n, const struct leat_slice_queue *raw,
                        bool ended)
{
    return n == g->chunk.cap || (raw->n == 0 ? ended : g->marks_end && mark_is_next(raw));
}

/* Remove the first n bytes of raw. The caller has a reference to their chunk, or has copied them. */
static void advance(struct leat_slice_queue *raw, size_t n)
{
    struct leat_slice *s = leat_slice_queue_head(raw);

    leat_assert(n <= s->len);
    s->off += n;
    s->len -= n;
    if (s->len > 0)
        return;
    leat_chunk_unref(s->chunk);
    leat_slice_queue_pop(raw);
}

static void push_buffer(struct leat_gather *g, struct leat_slice_queue *whole)
{
    leat_assert(g->n > 0);
    leat_slice_queue_push(whole,
                          (struct leat_slice){.chunk = leat_chunk_ref(&g->chunk), .len = g->n});
    g->n = 0;
}

/* Move the head of raw, or as much of it as belongs to the piece: by reference if that is the whole
 * piece, else to the buffer. */
static void move(struct leat_gather *g, struct leat_slice_queue *raw, bool ended,
                 struct leat_slice_queue *whole)
{
    struct leat_slice s = *leat_slice_queue_head(raw);
    size_t left = g->chunk.cap - g->n;

    leat_assert(g->n < g->chunk.cap);
    s.len = s.len < left ? s.len : left;
    leat_chunk_ref(s.chunk);
    advance(raw, s.len);
    if (g->n == 0 && is_complete(g, s.len, raw, ended)) {
        leat_slice_queue_push(whole, s);
        return;
    }
    leat_assert(atomic_load_explicit(&g->chunk.refs, memory_order_relaxed) == 1);
    memcpy(g->chunk.data + g->n, leat_slice_data(&s), s.len);
    g->n += s.len;
    leat_chunk_unref(s.chunk);
    if (is_complete(g, g->n, raw, ended))
        push_buffer(g, whole);
}

void leat_gather_feed(struct leat_gather *g, struct leat_slice_queue *raw, bool ended,
                      struct leat_slice_queue *whole)
{
    leat_assert(whole->n == 0);
    while (raw->n > 0 && whole->n == 0 && !mark_is_next(raw))
        move(g, raw, ended, whole);
    if (whole->n == 0 && g->n > 0 && is_complete(g, g->n, raw, ended))
        push_buffer(g, whole);
    /* The step sees a marker that ends the piece together with it. */
    if (mark_is_next(raw) && (whole->n == 0 || g->marks_end)) {
        leat_slice_queue_mark_at(whole, raw->v[raw->head].off);
        leat_slice_queue_pop(raw);
    }
}
