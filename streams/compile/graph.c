/* graph.c - the graph of a pipeline: the connections of its stages.
 *
 * It is derived from the segments once they are built. Hidden stages, which the engine added (a
 * relay between a joiner and a cutter), are not part of it.
 */

#include <stdlib.h>

#include "base/grow.h"
#include "lanes/lanes.h"
#include "run/pipeline.h"

struct graph {
    struct leat_pipeline *p;
    struct leat_link *v;
    size_t n, room;
    bool failed;
};

static void add(struct graph *g, struct leat_link link)
{
    struct leat_link *more = leat_grow(g->v, g->n, &g->room, sizeof *more);

    g->failed = g->failed || !more;
    if (!more)
        return;
    g->v = more;
    g->v[g->n++] = link;
}

static const struct leat_stage_info *first_of(const struct leat_segment *seg)
{
    return seg->n > 0 ? seg->slots[0].info : NULL;
}

static const struct leat_stage_info *last_of(const struct leat_segment *seg)
{
    return seg->n > 0 ? seg->slots[seg->n - 1].info : NULL;
}

/* The segment that reads an edge, and the number of that input. */
static const struct leat_segment *reader_of(const struct leat_pipeline *p,
                                            const struct leat_edge *edge, unsigned *ret_input)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        const struct leat_segment *seg = p->graph.segments[i];

        for (size_t k = 0; k < seg->in.n_edges; k++)
            if (seg->in.edges[k] == edge) {
                bool junction = seg->in.ops->is_junction;

                *ret_input = junction ? (unsigned)k + 1 : 0;
                return seg;
            }
    }
    return NULL;
}

static void add_ports(struct graph *g, struct leat_segment *seg)
{
    for (size_t k = 0; k < seg->out.n_ports; k++) {
        struct leat_link link = {.from = last_of(seg),
                                 .edges = &seg->out.ports[k].edge,
                                 .n_edges = 1,
                                 .counts = seg->out.ports[k].edge,
                                 .port = (unsigned)k};
        const struct leat_segment *to = reader_of(g->p, seg->out.ports[k].edge, &link.input);

        link.to = to ? first_of(to) : NULL;
        if (link.from && link.to)
            add(g, link);
    }
}

static void add_segment(struct graph *g, struct leat_segment *seg)
{
    if (seg->in.joiner && first_of(seg))
        add(g, (struct leat_link){.from = seg->in.joiner->lanes.info,
                                  .to = first_of(seg),
                                  .edges = seg->in.joiner->lanes.edges,
                                  .n_edges = seg->in.joiner->lanes.n});
    for (size_t i = 0; i + 1 < seg->n; i++)
        add(g, (struct leat_link){.from = seg->slots[i].info, .to = seg->slots[i + 1].info});
    if (seg->n > 0 && seg->slots[0].stage->shared)
        add(g, (struct leat_link){.from = seg->slots[0].stage->shared->info,
                                  .to = first_of(seg),
                                  .outside = true});
    if (seg->out.cutter && last_of(seg))
        add(g, (struct leat_link){.from = last_of(seg),
                                  .to = seg->out.cutter->lanes.info,
                                  .edges = seg->out.cutter->lanes.edges,
                                  .n_edges = seg->out.cutter->lanes.n});
    add_ports(g, seg);
}

/* Replace the links to and from each hidden stage by one link, with the buffer after the stage. */
static void skip_hidden(struct graph *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++) {
        struct leat_stage_info *hidden = &g->p->graph.infos[g->v[i].to - g->p->graph.infos];

        if (!hidden->hidden)
            continue;
        for (size_t k = 0; k < g->n; k++) {
            if (g->v[k].from != hidden)
                continue;
            hidden->next_shown = &g->p->graph.infos[g->v[k].to - g->p->graph.infos];
            g->v[k].from = g->v[i].from;
            g->v[k].port = g->v[i].port;
            g->v[k].counts = g->v[i].counts;
        }
    }
    for (size_t i = 0; i < g->n; i++)
        if (!g->v[i].to->hidden)
            g->v[n++] = g->v[i];
    g->n = n;
}

/* Bytes that the reader of an edge never reads count as unread input of its first stage. Output of
 * lanes for the merge of a stage does not count: it is no input of a stage. */
static void count_unread(struct leat_segment *seg)
{
    for (size_t k = 0; k < seg->in.n_edges && seg->n > 0; k++)
        seg->in.edges[k]->unread = leat_unread_of(seg->slots[0].info);
    for (unsigned k = 0; seg->in.joiner && !leat_lanes_merge(seg->in.joiner->lanes.info) &&
                         k < seg->in.joiner->lanes.n;
         k++)
        seg->in.joiner->lanes.edges[k]->unread = leat_unread_of(seg->slots[0].info);
}

/* Number the stages that are not hidden. */
static void number_stages(struct leat_pipeline *p)
{
    size_t shown = 0;

    for (size_t i = 0; i < p->graph.n_infos; i++) {
        p->graph.infos[i].index = shown;
        shown += !p->graph.infos[i].hidden;
    }
}

int leat_graph_build(struct leat_pipeline *p)
{
    struct graph g = {.p = p};

    number_stages(p);
    for (size_t i = 0; i < p->graph.n_segments; i++)
        if (!p->graph.segments[i]->is_lane)
            add_segment(&g, p->graph.segments[i]);
    if (!g.failed)
        skip_hidden(&g);
    for (size_t i = 0; i < g.n; i++)
        for (size_t k = 0; k < g.v[i].n_edges; k++) {
            g.v[i].edges[k]->link = i;
            g.v[i].edges[k]->watcher = &p->watcher;
            g.v[i].edges[k]->lane = (unsigned)k;
        }
    for (size_t i = 0; i < p->graph.n_segments; i++)
        count_unread(p->graph.segments[i]);
    p->graph.links = g.v;
    p->graph.n_links = g.n;
    return g.failed ? LEAT_ENOMEM : 0;
}
