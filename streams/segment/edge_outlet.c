/* edge_outlet.c - the outlet of a segment that writes to one edge, or to one for each port of a
 * junction. */

#include "segment_impl.h"

#include "edge/spill.h"
#include "run/pipeline.h"

/* The reader of a port is gone. A failed detached branch counts as one that needs no more. Port 0,
 * the stream itself, is never a detached branch. */
static void port_gone(struct leat_segment *seg, struct leat_port_end *port)
{
    enum leat_reason reason = leat_edge_reason(port->edge);
    unsigned flags = seg->slots[seg->n - 1].stage->info->plan.flags;
    struct leat_out *out = &seg->slots[seg->n - 1].out;

    leat_assert(!port->gone);
    leat_assert(reason != LEAT_REASON_NONE);
    leat_assert(port >= seg->out.ports && port < seg->out.ports + seg->out.n_ports);
    port->gone = true;
    leat_edge_lost(port->edge, leat_slice_queue_clear(&port->last));
    leat_out_discard(leat_port(out, (size_t)(port - seg->out.ports)));
    if (reason == LEAT_REASON_FAILED && (!(flags & LEAT_DETACHES) || port == &seg->out.ports[0]))
        seg->out.failed = true;
}

/* The input that a lane has consumed for its output. The output is handed over before the lane runs
 * again, so the current offset is the right one. */
static uint64_t used_of(const struct leat_segment *seg)
{
    return seg->is_lane ? seg->slots[0].offset : 0;
}

/* Hand over the head of the port's queue, or the next piece of it if it is large. Returns like
 * leat_edge_write. */
static int write_head(const struct leat_segment *seg, struct leat_port_end *port)
{
    struct leat_slice *s = leat_slice_queue_head(&port->last);
    struct leat_item item = {.slice = *s, .flush = leat_slice_is_mark(s), .used = used_of(seg)};
    int r;

    leat_assert(!port->gone);
    leat_assert(port->edge->writer == &seg->actor);
    if (!port->edge->spill || s->len <= LEAT_CHUNK_MAX) {
        r = leat_edge_write(port->edge, &item);
        if (r == 0)
            leat_slice_queue_pop(&port->last);
        return r;
    }
    item.slice.len = LEAT_CHUNK_MAX;
    leat_chunk_ref(s->chunk);
    r = leat_edge_write(port->edge, &item);
    if (r == 0) {
        s->off += item.slice.len;
        s->len -= item.slice.len;
    } else {
        leat_chunk_unref(s->chunk);
    }
    return r;
}

static void drop_head(struct leat_segment *seg, struct leat_port_end *port)
{
    struct leat_slice *s = leat_slice_queue_head(&port->last);

    leat_assert(s != NULL);
    leat_assert(port != &seg->out.ports[0]); /* the stream itself loses nothing */
    port->dropped += s->len;
    atomic_fetch_add_explicit(&seg->slots[seg->n - 1].stage->info->count.dropped, s->len,
                              memory_order_relaxed);
    leat_chunk_unref(s->chunk);
    leat_slice_queue_pop(&port->last);
}

/* Returns 0: all is handed over, or the reader is gone; LEAT_FULL; or an error of the last stage.
 * */
static int flush_port(struct leat_segment *seg, struct leat_port_end *port)
{
    bool drops = (seg->slots[seg->n - 1].stage->info->plan.flags & LEAT_DROPS) != 0;

    leat_assert(port->edge != NULL);
    leat_assert(seg->is_lane || !seg->lane.ended_block);
    while (!port->gone && leat_slice_queue_head(&port->last)) {
        int r = write_head(seg, port);

        if (r == LEAT_FULL && drops && port != &seg->out.ports[0])
            drop_head(seg, port);
        else if (r == LEAT_FULL)
            return LEAT_FULL;
        else if (r == LEAT_EIO)
            return leat_fail_spill(seg->slots[seg->n - 1].stage, port->edge->spill);
        else if (r != 0)
            port_gone(seg, port);
    }
    leat_assert(port->gone || port->last.n == 0);
    if (seg->lane.ended_block && !port->gone) {
        struct leat_item item = {.end = seg->lane.ended_block, .used = used_of(seg)};
        int r;

        leat_assert(seg->out.n_ports == 1);
        r = leat_edge_write(port->edge, &item);

        if (r == LEAT_FULL)
            return r;
        if (r == 0)
            seg->lane.ended_block = NULL;
        else
            port_gone(seg, port);
    }
    return 0;
}

/* Write as much as possible to every port, independent of the others. Returns like flush_port. */
static int flush_ports(struct leat_segment *seg)
{
    int result = 0;

    for (size_t k = 0; k < seg->out.n_ports; k++) {
        int r = flush_port(seg, &seg->out.ports[k]);

        if (r < 0)
            return r;
        if (r == LEAT_FULL)
            result = r;
    }
    return result;
}

static bool all_gone(const struct leat_segment *seg)
{
    for (size_t k = 0; k < seg->out.n_ports; k++)
        if (!seg->out.ports[k].gone)
            return false;
    return seg->out.n_ports > 0;
}

static int hand_over(struct leat_segment *seg)
{
    int r = flush_ports(seg);

    if (r < 0) {
        leat_segment_fail(seg, seg->n - 1);
        return leat_segment_out_gone(seg, true);
    }
    leat_assert(!seg->out.gone);
    leat_assert(r == 0 || r == LEAT_FULL);
    if (seg->out.failed || all_gone(seg))
        return leat_segment_out_gone(seg, seg->out.failed);
    return r == LEAT_FULL ? (int)leat_segment_park(seg, LEAT_PARK_OUT) : -1;
}

static bool is_gone(struct leat_segment *seg)
{
    for (size_t k = 0; k < seg->out.n_ports; k++)
        if (!seg->out.ports[k].gone && leat_edge_reason(seg->out.ports[k].edge) != LEAT_REASON_NONE)
            port_gone(seg, &seg->out.ports[k]);
    if (seg->n > 0 && atomic_load(&seg->slots[seg->n - 1].info->failed.below))
        seg->out.failed = true;
    return seg->out.failed || all_gone(seg);
}

static bool has_failed(const struct leat_segment *seg)
{
    return seg->out.failed;
}

/* The error of a lane goes to the joiner, which reports it in the order of the stream. */
static void finish(struct leat_segment *seg, enum leat_edge_state state)
{
    if (seg->is_lane && seg->lane.error.code)
        seg->out.ports[0].edge->error = &seg->lane.error;
    leat_assert(state == LEAT_EDGE_EOF || state == LEAT_EDGE_FAILED);
    leat_assert(!seg->lane.ended_block || seg->out.gone || state == LEAT_EDGE_FAILED);
    leat_assert(state == LEAT_EDGE_FAILED || !seg->is_lane || !seg->lane.error.code);
    for (size_t k = 0; k < seg->out.n_ports; k++)
        leat_edge_finish(seg->out.ports[k].edge, state);
}

const struct leat_outlet_ops leat_outlet_edge = {
    .hand_over = hand_over,
    .is_gone = is_gone,
    .has_failed = has_failed,
    .finish = finish,
};
