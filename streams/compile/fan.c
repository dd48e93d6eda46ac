/* fan.c - junctions: stages with several outputs or several inputs. */

#include <stdlib.h>

#include "compiler.h"

/* Begin a detached branch, inside `outer`. */
static int detach(struct leat_compiler *pl, const struct leat_detached *outer)
{
    pl->detached = leat_arena_alloc(pl->p->tree->arena, sizeof *pl->detached);
    if (!pl->detached)
        return LEAT_ENOMEM;
    pl->detached->outer = outer;
    return 0;
}

/* The branches of a fan-out: each begins at its own port, the stream itself goes on from port 0. */
int leat_compile_branches(struct leat_compiler *pl, const struct leat_node *node,
                          const struct leat_stage_info *info)
{
    struct leat_segment *from = pl->cur;
    const char *name = pl->name;
    struct leat_file_map *files = pl->files;
    const struct leat_stage_type *encoder = pl->encoder;
    struct leat_detached *detached = pl->detached;
    bool binary = pl->binary;
    int r = leat_compile_cut(pl);
    struct leat_segment *on = pl->cur;

    for (size_t i = 0; i < node->n_branches && r == 0; i++) {
        struct leat_edge *e = leat_compile_edge(pl);

        pl->name = name;
        pl->files = files;
        pl->encoder = encoder;
        pl->binary = binary;
        if (!e || (info->plan.flags & LEAT_DETACHES && detach(pl, detached) < 0))
            return leat_compile_no_memory(pl);
        r = leat_compile_begin(pl);
        if (r == 0)
            r = leat_compile_connect(pl, from, pl->cur, e);
        if (r == 0 && info->plan.has_buffer)
            r = leat_compile_buffer(pl, info, e);
        if (r == 0)
            r = pl->chain(pl, &node->branches[i], false, true);
    }
    pl->cur = on;
    pl->cur_heavy = false;
    pl->name = name;
    pl->files = files;
    pl->encoder = encoder;
    pl->binary = binary;
    pl->detached = detached;
    return r;
}

/* The branches of a fan-in, each with an open end; then the segment that reads them. */
static int add_inputs(struct leat_compiler *pl, const struct leat_node *node)
{
    struct leat_edge **ends = calloc(node->n_branches, sizeof(*ends));
    int r = 0;

    if (!ends)
        return leat_compile_no_memory(pl);

    for (size_t i = 0; i < node->n_branches && r == 0; i++) {
        r = pl->chain(pl, &node->branches[i], true, false);
        if (r == 0)
            r = leat_compile_need_stage(pl);
        if (r == 0)
            ends[i] = leat_compile_edge(pl);
        if (r == 0 && (!ends[i] || leat_segment_add_output(pl->cur, ends[i]) < 0))
            r = leat_compile_no_memory(pl);
        if (r == 0)
            pl->cur->out.ops = &leat_outlet_edge;
    }
    if (r == 0)
        r = leat_compile_begin(pl);
    for (size_t i = 0; i < node->n_branches && r == 0; i++)
        if (leat_segment_add_input(pl->cur, ends[i]) < 0)
            r = leat_compile_no_memory(pl);
    if (r == 0)
        pl->cur->in.ops =
            node->type->flags & LEAT_PORTS_IN ? &leat_inlet_ports : &leat_inlet_concat;
    pl->name = "-";
    pl->files = NULL;
    pl->encoder = NULL;
    free(ends);
    return r;
}

/* The stage itself is an ordinary one after the edges; the inlet reads their streams one after
 * another. */
int leat_compile_fan_in(struct leat_compiler *pl, const struct leat_node *node, bool first)
{
    struct leat_stage_info *info;
    int r;

    if (!first)
        return leat_compile_fail(pl, node, "can only come first: its inputs are its branches");
    r = add_inputs(pl, node);
    if (r < 0)
        return r;
    info = leat_compile_info(pl, node, node->type);
    if (!info)
        return leat_compile_no_memory(pl);
    r = leat_compile_ask(pl, info);
    return r < 0 ? r : leat_compile_add(pl, pl->cur, info) ? 0 : leat_compile_no_memory(pl);
}
