/* sizes.c - choose the sizes of chunks and edges, so that their sum stays within the limit. */

#include <inttypes.h>
#include <stdio.h>

#include "compiler.h"
#include "lanes/lanes.h"

#define MARK_CHUNKS 4u /* high-water mark of an edge, in chunks, if memory allows */
#define SLOT_CHUNKS 2u /* output of a stage: one being filled, one being consumed */
#define JOIN_CHUNKS 1u
#define IN_LANE 4u /* most blocks of a lane: one is processed, others are in its edges */

/* The lane that this edge leads to or comes from; NULL: none. */
static const struct leat_segment *lane_of(const struct leat_pipeline *p, const struct leat_edge *e)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        const struct leat_segment *seg = p->graph.segments[i];

        if (seg->is_lane && (seg->in.edges[0] == e || seg->out.ports[0].edge == e))
            return seg;
    }
    return NULL;
}

/* The high-water mark of an edge. The edges of a lane hold a whole block, or the lanes would wait
 * for one another. An edge to a lane also holds the rest of the previous block. */
static uint64_t mark_of(const struct leat_pipeline *p, const struct leat_edge *e, size_t chunk,
                        unsigned chunks)
{
    const struct leat_segment *lane = lane_of(p, e);
    uint64_t mark = (uint64_t)chunk * chunks, block;

    if (e->fixed > 0)
        return e->fixed > chunk ? e->fixed : chunk;
    if (!lane)
        return mark;
    block = lane->slots[0].stage->info->plan.block;
    if (lane->in.edges[0] == e)
        block += block / LEAT_BLOCK_REST;
    return block + chunk > mark ? block + chunk : mark;
}

static uint64_t framers_of(const struct leat_segment *seg)
{
    uint64_t n = seg->out.cutter && seg->out.cutter->framer;

    for (size_t i = 0; i < seg->n; i++)
        n += seg->slots[i].framer != NULL;
    for (size_t i = 0; seg->in.inputs && leat_inputs_framer(seg->in.inputs, i); i++)
        n++;
    return n;
}

/* Bytes of shares for starts of records and for the history of a block: with these a record or
 * block that has begun can go on even if codecs use all other memory. */
static uint64_t aside_of(const struct leat_segment *seg, size_t chunk)
{
    uint64_t history =
        seg->out.cutter && seg->out.cutter->history ? seg->out.cutter->lanes.info->plan.history : 0;

    return framers_of(seg) * leat_framer_share(chunk) + history;
}

static int set_aside_one(struct leat_pool *pool, struct leat_share **ret_share, uint64_t n)
{
    *ret_share = leat_pool_share(pool, n);
    return *ret_share ? 0 : LEAT_ENOMEM;
}

static int set_aside(struct leat_pool *pool, struct leat_segment *seg, size_t chunk)
{
    uint64_t framer = leat_framer_share(chunk);
    struct leat_cutter *cutter = seg->out.cutter;
    struct leat_framer *f;
    int r = 0;

    for (size_t i = 0; r == 0 && i < seg->n; i++)
        if (seg->slots[i].framer)
            r = set_aside_one(pool, &seg->slots[i].framer->share, framer);
    for (size_t i = 0; r == 0 && seg->in.inputs && (f = leat_inputs_framer(seg->in.inputs, i)); i++)
        r = set_aside_one(pool, &f->share, framer);
    if (r == 0 && cutter && cutter->framer)
        r = set_aside_one(pool, &cutter->framer->share, framer);
    if (r == 0 && cutter && cutter->history)
        r = set_aside_one(pool, &cutter->share, cutter->lanes.info->plan.history);
    return r;
}

/* Bytes of chunks that can be alive at once, and of shares. */
static uint64_t bound_of(const struct leat_pipeline *p, size_t chunk, unsigned chunks)
{
    uint64_t bound = 0;

    for (size_t i = 0; i < p->graph.n_segments; i++) {
        const struct leat_segment *seg = p->graph.segments[i];

        bound += (uint64_t)chunk * SLOT_CHUNKS * (seg->n + seg->out.n_ports);
        bound += seg->in.joiner ? (uint64_t)chunk * JOIN_CHUNKS : 0;
        bound += aside_of(seg, chunk);
    }
    for (size_t i = 0; i < p->graph.n_edges; i++)
        bound += mark_of(p, p->graph.edges[i], chunk, chunks) + chunk;
    for (size_t i = 0; i < p->graph.n_infos; i++)
        if (p->graph.infos[i].plan.holds > 0)
            bound += p->graph.infos[i].plan.holds + (uint64_t)chunk * SLOT_CHUNKS;
    return bound;
}

/* Sources with a thread of their own, which may fill a chunk while the one before is taken. */
static unsigned blocking_sources(const struct leat_pipeline *p)
{
    unsigned n = 0;

    for (size_t i = 0; i < p->graph.n_infos; i++) {
        const struct leat_stage_type *type = p->graph.infos[i].type;

        n += type->kind == LEAT_SOURCE && leat_stage_runs_beside(type);
    }
    return n;
}

/* Bytes of the buffers that stages asked for; the rest of the limit is for all others. */
static uint64_t fixed_of(const struct leat_pipeline *p)
{
    uint64_t fixed = 0;

    for (size_t i = 0; i < p->graph.n_edges; i++)
        fixed += p->graph.edges[i]->fixed;
    return fixed < p->settings.memory ? fixed : p->settings.memory;
}

/* Set the water marks of an edge. The writer of a large buffer goes on as soon as there is some
 * room, the writer of a lane when there is room for a block, any other writer when half of the edge
 * is free. */
static int size_edge(const struct leat_pipeline *p, struct leat_edge *e, size_t chunk,
                     unsigned chunks)
{
    const struct leat_segment *lane = lane_of(p, e);
    uint64_t high = mark_of(p, e, chunk, chunks), step = (uint64_t)chunk * MARK_CHUNKS;
    uint64_t block = lane && lane->in.edges[0] == e ? lane->slots[0].stage->info->plan.block : 0;

    if (e->fixed > 2 * step)
        return leat_edge_size(e, high, high - step);
    return leat_edge_size(e, high, 2 * (block + chunk) > high ? high - block - chunk : high / 2);
}

/* Room in the lane order for all entries that the lanes and their edges hold: a block needs a place
 * in an edge. */
static int size_orders(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        const struct leat_cutter *cutter = p->graph.segments[i]->out.cutter;
        size_t room = 1;

        for (size_t k = 0; cutter && k < p->graph.n_segments; k++) {
            const struct leat_segment *seg = p->graph.segments[k];

            if (seg->is_lane && seg->slots[0].stage->info == cutter->lanes.info)
                room += seg->in.edges[0]->items + seg->out.ports[0].edge->items + IN_LANE;
        }
        if (cutter && leat_lane_order_size(cutter->lanes.order, room) < 0)
            return LEAT_ENOMEM;
    }
    return 0;
}

static int no_memory(struct leat_error *ret_error)
{
    *ret_error = (struct leat_error){.code = LEAT_ENOMEM, .text = "out of memory"};
    return LEAT_ENOMEM;
}

int leat_compile_sizes(struct leat_pipeline *p, struct leat_error *ret_error)
{
    size_t chunk = p->settings.chunk ? p->settings.chunk : LEAT_CHUNK_BEST;
    unsigned chunks = MARK_CHUNKS;
    uint64_t fixed = fixed_of(p), ahead;
    int r;

    while (bound_of(p, chunk, chunks) > fixed + (p->settings.memory - fixed) / 2) {
        if (chunks > 1)
            chunks /= 2;
        else if (p->settings.chunk == 0 && chunk > LEAT_CHUNK_LEAST)
            chunk /= 2;
        else
            break;
    }
    p->bound = bound_of(p, chunk, chunks);
    ahead = (uint64_t)chunk * blocking_sources(p);
    p->lends_ahead = ahead > 0 && p->bound + ahead <= fixed + (p->settings.memory - fixed) / 2;
    p->bound += p->lends_ahead ? ahead : 0;
    if (p->bound > p->settings.memory) {
        *ret_error = (struct leat_error){.code = LEAT_ELIMIT};
        snprintf(ret_error->text, sizeof ret_error->text,
                 "the pipeline needs at least %" PRIu64 " bytes of memory and the limit is %" PRIu64
                 "; raise --memory",
                 p->bound, p->settings.memory);
        return LEAT_ELIMIT;
    }
    for (size_t i = 0; i < p->graph.n_edges; i++)
        if (size_edge(p, p->graph.edges[i], chunk, chunks) < 0)
            return no_memory(ret_error);
    if (size_orders(p) < 0)
        return no_memory(ret_error);
    p->settings.chunk = chunk;
    r = leat_pool_init(&p->pool, p->settings.memory, chunk);
    if (r < 0)
        return no_memory(ret_error);
    p->pool_ready = true;
    for (size_t i = 0; i < p->graph.n_segments; i++)
        if (set_aside(&p->pool, p->graph.segments[i], chunk) < 0)
            return no_memory(ret_error);
    leat_pool_reserve(&p->pool, p->bound);
    return 0;
}
