/* place.c - build the parts of a pipeline: stages in segments, segments connected by edges. */

#include <stdio.h>
#include <stdlib.h>

#include "base/grow.h"
#include "compiler.h"
#include "stage/engine_ops.h"
#include "syntax/registry.h"

/* The relay, a stage between a joiner and a cutter or an edge: a segment has at least one stage. It
 * also copies small pieces of the lanes' output together: an edge counts a whole chunk for each. */
static int relay_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_engine_ops relay_ops = {.hidden = true};

static const struct leat_stage_type relay = {
    .name = "relay",
    .kind = LEAT_TRANSFORM,
    .step = relay_step,
    .engine = &relay_ops,
};
static const struct leat_node relay_node = {.type = &relay};

int leat_compile_no_memory(struct leat_compiler *pl)
{
    *pl->error = (struct leat_error){.code = LEAT_ENOMEM, .text = "out of memory"};
    return LEAT_ENOMEM;
}

struct leat_segment *leat_compile_segment(struct leat_compiler *pl, int number)
{
    struct leat_pipeline *p = pl->p;
    struct leat_segment *seg;
    struct leat_segment **more =
        leat_grow(p->graph.segments, p->graph.n_segments, &p->graph.room_segments, sizeof(*more));

    if (!more)
        return NULL;
    p->graph.segments = more;
    seg = leat_segment_new(p, number, leat_segment_run);
    if (seg)
        p->graph.segments[p->graph.n_segments++] = seg;
    return seg;
}

struct leat_edge *leat_compile_edge(struct leat_compiler *pl)
{
    struct leat_pipeline *p = pl->p;
    struct leat_edge *e;
    struct leat_edge **more =
        leat_grow(p->graph.edges, p->graph.n_edges, &p->graph.room_edges, sizeof(*more));

    if (!more)
        return NULL;
    p->graph.edges = more;
    e = malloc(sizeof *e);
    if (!e || leat_edge_init(e, &p->executor, 0) < 0) {
        free(e);
        return NULL;
    }
    p->graph.edges[p->graph.n_edges++] = e;
    return e;
}

struct leat_stage_info *leat_compile_info(struct leat_compiler *pl, const struct leat_node *node,
                                          const struct leat_stage_type *type)
{
    struct leat_stage_info *info = &pl->p->graph.infos[pl->p->graph.n_infos];

    info->node = node;
    info->type = type;
    info->name = node->type->name;
    info->number = node->number;
    info->plan.nature = type->nature;
    info->plan.framing = type->framing;
    info->plan.delimiter = '\n';
    info->plan.flags = type->flags;
    info->plan.block = type->lanes ? type->lanes->block : 0;
    info->plan.history = type->lanes ? type->lanes->history : 0;
    info->lanes.most = info->lanes.in_use = info->lanes.left = 1;
    info->input.name = pl->name;
    info->input.files = pl->files;
    info->input.binary = pl->binary;
    info->hidden = leat_engine_ops_of(type)->hidden;
    info->detached = pl->detached;
    info->text = leat_node_shown(node);
    if (!info->text)
        return NULL;
    pl->p->graph.n_infos++;
    return info;
}

/* Add an instance to a segment. NULL: out of memory. */
struct leat_stage *leat_compile_add(struct leat_compiler *pl, struct leat_segment *seg,
                                    struct leat_stage_info *info)
{
    struct leat_stage *s = seg ? leat_stage_new(pl->p, info) : NULL;

    if (!s || leat_segment_add(seg, s) < 0)
        return NULL;
    info->segment = seg->number;
    return s;
}

int leat_compile_begin(struct leat_compiler *pl)
{
    pl->cur = leat_compile_segment(pl, ++pl->numbers);
    pl->cur_heavy = false;
    return pl->cur ? 0 : leat_compile_no_memory(pl);
}

int leat_compile_connect(struct leat_compiler *pl, struct leat_segment *from,
                         struct leat_segment *to, struct leat_edge *e)
{
    if (!from->out.ops)
        from->out.ops = &leat_outlet_edge;
    to->in.ops = &leat_inlet_edge;
    if (leat_segment_add_output(from, e) < 0 || leat_segment_add_input(to, e) < 0)
        return leat_compile_no_memory(pl);
    return 0;
}

/* End the current segment and begin another one, connected by an edge. */
int leat_compile_cut(struct leat_compiler *pl)
{
    struct leat_segment *from = pl->cur;
    struct leat_edge *e = leat_compile_edge(pl);
    int r;

    if (!e)
        return leat_compile_no_memory(pl);
    r = leat_compile_begin(pl);
    if (r < 0)
        return r;
    return leat_compile_connect(pl, from, pl->cur, e);
}

/* An outlet needs a stage before it; if only a joiner is there, add a relay. */
int leat_compile_need_stage(struct leat_compiler *pl)
{
    struct leat_stage_info *info;

    if (pl->cur->n > 0)
        return 0;
    info = leat_compile_info(pl, &relay_node, &relay);
    return info && leat_compile_add(pl, pl->cur, info) ? 0 : leat_compile_no_memory(pl);
}

int leat_compile_fail(struct leat_compiler *pl, const struct leat_node *node, const char *text)
{
    *pl->error = (struct leat_error){.code = LEAT_EUSAGE, .stage = node->number};
    snprintf(pl->error->stage_name, sizeof pl->error->stage_name, "%s", node->type->name);
    (void)leat_show(text, pl->error->text, sizeof pl->error->text);
    return LEAT_EUSAGE;
}

/* Call the type's plan before the compiler chooses the stage's place. */
int leat_compile_ask(struct leat_compiler *pl, struct leat_stage_info *info)
{
    struct leat_stage *s = leat_stage_new(pl->p, info);
    int r;

    if (!s)
        return leat_compile_no_memory(pl);
    r = leat_stage_plan(s);
    if (r < 0) {
        if (!s->failure.code)
            leat_fail(s, r, "%s", leat_strerror(r));
        *pl->error = s->failure;
    }
    leat_stage_free(s);
    return r;
}

/* Make this edge the buffer that the stage asked for. */
int leat_compile_buffer(struct leat_compiler *pl, const struct leat_stage_info *info,
                        struct leat_edge *e)
{
    const struct leat_buffer *b = &info->plan.buffer;

    e->fixed = b->memory;
    e->gate = b->start_at;
    e->pool = &pl->p->pool;
    if (!b->spills)
        return 0;
    e->spill = leat_spill_new(b->dir, b->spill_size);
    return e->spill ? 0 : leat_compile_no_memory(pl);
}

/* The registry holds the built-in stages, so there is one. */
static const struct leat_stage_type *default_type(const struct leat_compiler *pl,
                                                  enum leat_kind kind)
{
    const struct leat_stage_type *type = leat_registry_default(pl->p->registry, kind);

    leat_assert(type != NULL);
    return type;
}

int leat_compile_imply(struct leat_compiler *pl, enum leat_kind kind,
                       const struct leat_strings *args)
{
    static const struct leat_strings none;
    const struct leat_stage_type *type = default_type(pl, kind);
    struct leat_arena *arena = pl->p->tree->arena;
    struct leat_node *node = leat_arena_alloc(arena, sizeof *node);
    void *params = leat_arena_alloc(arena, type->params_size);
    int r;

    if (!node || !params)
        return leat_compile_no_memory(pl);
    *node = (struct leat_node){.type = type, .params = params, .implied = true};
    if (args)
        node->args = *args;
    r = leat_options_parse(type, arena, args ? args : &none, params, &node->operands, pl->error);
    return r < 0 ? r : pl->node(pl, node, kind == LEAT_SOURCE, kind == LEAT_SINK);
}

const char *leat_compile_output(const struct leat_node *node)
{
    const struct leat_engine_ops *ops = leat_engine_ops_of(node->type);

    return ops->output ? ops->output(node) : NULL;
}

bool leat_compile_ends(const struct leat_stage_type *type)
{
    return type->kind == LEAT_SINK || (type->kind == LEAT_BY_PLACE && type->last);
}
