/* planner.c - from the plan to segments and edges, within the memory limit.
 *
 * Adjacent stages share a segment until one of them is worth a core of its own. A split stage is a
 * cutter at the end of one segment, lanes, and a joiner at the start of the next. The sizes of
 * chunks and edges are chosen last, so that their sum is known and reserved before anything runs.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_map.h"
#include "grow.h"
#include "io/io.h"
#include "io/seekable.h"
#include "pipeline.h"
#include "planner.h"
#include "lanes.h"

#define LANE_SHARE 4u /* lanes take at most this part of the limit */

/* A stage between a joiner and a cutter, which have no stage of their own to stand beside. */
static int relay_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type relay = {
    .name = "relay",
    .kind = LEAT_TRANSFORM,
    .step = relay_step,
};
static const struct leat_node relay_node = {.type = &relay};

/* --- pieces ----------------------------------------------------------------------------------- */

static int add_chain(struct leat_planner *pl, const struct leat_chain *c, bool starts, bool ends);

int leat_planner_no_memory(struct leat_planner *pl)
{
    *pl->error = (struct leat_error){.code = LEAT_ENOMEM, .text = "out of memory"};
    return LEAT_ENOMEM;
}

static struct leat_segment *new_segment(struct leat_planner *pl, int number)
{
    struct leat_pipeline *p = pl->p;
    struct leat_segment *seg;
    struct leat_segment **more =
        leat_grow(p->segments, p->n_segments, &p->room_segments, sizeof(*more));

    if (!more)
        return NULL;
    p->segments = more;
    seg = leat_segment_new(p, number, leat_segment_run);
    if (seg)
        p->segments[p->n_segments++] = seg;
    return seg;
}

static struct leat_edge *new_edge(struct leat_planner *pl)
{
    struct leat_pipeline *p = pl->p;
    struct leat_edge *e;
    struct leat_edge **more = leat_grow(p->edges, p->n_edges, &p->room_edges, sizeof(*more));

    if (!more)
        return NULL;
    p->edges = more;
    e = malloc(sizeof *e);
    if (!e || leat_edge_init(e, &p->executor, 0) < 0) {
        free(e);
        return NULL;
    }
    p->edges[p->n_edges++] = e;
    return e;
}

static struct leat_stage_info *new_info(struct leat_planner *pl, const struct leat_node *node,
                                        const struct leat_stage_type *type)
{
    struct leat_stage_info *info = &pl->p->infos[pl->p->n_infos];

    info->node = node;
    info->type = type;
    info->name = node->type->name;
    info->number = node->number;
    info->nature = type->nature;
    info->framing = type->framing;
    info->delimiter = '\n';
    info->flags = type->flags;
    info->block = type->split ? type->split->block : 0;
    info->history = type->split ? type->split->history : 0;
    info->workers = info->lanes_left = 1;
    info->input_name = pl->name;
    info->input_files = pl->files;
    info->input_binary = pl->binary;
    info->hidden = type == &relay || type == &leat_range_cut;
    info->detached = pl->detached;
    info->text = leat_node_text(node);
    if (!info->text)
        return NULL;
    pl->p->n_infos++;
    return info;
}

/* Adds an instance to a segment. NULL: out of memory. */
static struct leat_stage *add_stage(struct leat_planner *pl, struct leat_segment *seg,
                                    struct leat_stage_info *info)
{
    struct leat_stage *s = seg ? leat_stage_new(pl->p, info) : NULL;

    if (!s || leat_segment_add(seg, s) < 0)
        return NULL;
    info->segment = seg->number;
    return s;
}

static int begin_segment(struct leat_planner *pl)
{
    pl->cur = new_segment(pl, ++pl->numbers);
    pl->cur_heavy = false;
    return pl->cur ? 0 : leat_planner_no_memory(pl);
}

static int join_segments(struct leat_planner *pl, struct leat_segment *from,
                         struct leat_segment *to, struct leat_edge *e)
{
    if (!from->outlet)
        from->outlet = &leat_outlet_edge;
    to->inlet = &leat_inlet_edge;
    if (leat_segment_add_output(from, e) < 0 || leat_segment_add_input(to, e) < 0)
        return leat_planner_no_memory(pl);
    return 0;
}

/* From here on another segment goes on, through an edge. */
int leat_planner_cut(struct leat_planner *pl)
{
    struct leat_segment *from = pl->cur;
    struct leat_edge *e = new_edge(pl);
    int r;

    if (!e)
        return leat_planner_no_memory(pl);
    r = begin_segment(pl);
    if (r < 0)
        return r;
    return join_segments(pl, from, pl->cur, e);
}

/* --- split stages ----------------------------------------------------------------------------- */

/* An outlet stands behind a stage; where a joiner has none behind it, a relay. */
static int need_stage(struct leat_planner *pl)
{
    struct leat_stage_info *info;

    if (pl->cur->n > 0)
        return 0;
    info = new_info(pl, &relay_node, &relay);
    return info && add_stage(pl, pl->cur, info) ? 0 : leat_planner_no_memory(pl);
}

/* As many lanes as threads, if the memory for their blocks is there. */
static unsigned lanes_for(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t block = info->block > 0 ? info->block : LEAT_CHUNK_BEST;
    uint64_t most =
        p->settings.memory / LANE_SHARE / (LEAT_LANE_EDGES(block) + 4 * LEAT_CHUNK_LEAST);
    unsigned n = p->settings.threads;

    if (info->lanes_max > 0 && info->lanes_max < n)
        n = info->lanes_max;
    if (most < n)
        n = most > 0 ? (unsigned)most : 1;
    return n;
}

static int add_lane(struct leat_planner *pl, struct leat_segment *from, struct leat_segment *to,
                    struct leat_stage_info *info, unsigned i)
{
    struct leat_segment *lane = new_segment(pl, pl->numbers);
    struct leat_edge *in = new_edge(pl), *out = new_edge(pl);

    if (!lane || !in || !out || !add_stage(pl, lane, info))
        return leat_planner_no_memory(pl);
    if (leat_segment_add_input(lane, in) < 0 || leat_segment_add_output(lane, out) < 0)
        return leat_planner_no_memory(pl);
    lane->inlet = &leat_inlet_edge;
    lane->outlet = &leat_outlet_edge;
    lane->is_lane = true;
    lane->lane = i;
    in->writer = &from->actor;
    out->reader = &to->actor;
    out->carries_ends = true;
    from->cutter->lanes.edges[i] = in;
    to->joiner->lanes.edges[i] = out;
    return 0;
}

static int add_split(struct leat_planner *pl, struct leat_stage_info *info)
{
    struct leat_segment *from, *to;
    unsigned n = lanes_for(pl->p, info);
    int lane_number, r;

    r = need_stage(pl);
    if (r < 0)
        return r;
    from = pl->cur;
    lane_number = ++pl->numbers;
    to = new_segment(pl, lane_number + 1);
    if (!to)
        return leat_planner_no_memory(pl);
    from->outlet = &leat_outlet_cutter;
    to->inlet = &leat_inlet_joiner;
    from->cutter = leat_cutter_new(pl->p, info, n);
    to->joiner = leat_joiner_new(pl->p, info, n);
    if (!from->cutter || !to->joiner)
        return leat_planner_no_memory(pl);
    from->cutter->lanes.deal = leat_deal_new(&pl->p->executor, &to->actor);
    to->joiner->lanes.deal = from->cutter->lanes.deal;
    if (!from->cutter->lanes.deal)
        return leat_planner_no_memory(pl);
    info->workers = info->lanes_left = n;
    for (unsigned i = 0; i < n && r == 0; i++)
        r = add_lane(pl, from, to, info, i);
    pl->numbers = lane_number + 1;
    pl->cur = to;
    pl->cur_heavy = false;
    return r;
}

/* --- one node --------------------------------------------------------------------------------- */

static const struct leat_stage_type *by_place(const struct leat_stage_type *type, bool first,
                                              bool last)
{
    if (type->kind != LEAT_BY_PLACE)
        return type;
    return first ? type->first : last ? type->last : type->middle_in;
}

int leat_planner_fail(struct leat_planner *pl, const struct leat_node *node, const char *text)
{
    *pl->error = (struct leat_error){.code = LEAT_EUSAGE, .stage = node->number};
    snprintf(pl->error->stage_name, sizeof pl->error->stage_name, "%s", node->type->name);
    (void)leat_show(text, pl->error->text, sizeof pl->error->text);
    return LEAT_EUSAGE;
}

/* Lets the type look at its options before its place is chosen. */
static int plan_node(struct leat_planner *pl, struct leat_stage_info *info)
{
    struct leat_stage *s = leat_stage_new(pl->p, info);
    int r;

    if (!s)
        return leat_planner_no_memory(pl);
    r = leat_stage_plan(s);
    if (r < 0) {
        if (!s->failure.code)
            leat_fail(s, r, "%s", leat_strerror(r));
        *pl->error = s->failure;
    }
    leat_stage_free(s);
    return r;
}

/* What the stages after this one will see. */
static void carry_on(struct leat_planner *pl, const struct leat_stage_info *info)
{
    const struct leat_strings *files = &info->node->operands;

    if (info->type == &leat_stage_read) {
        pl->name = files->n == 1 ? files->v[0] : "-";
        pl->files = info->files_read;
        pl->encoder = NULL;
        pl->binary = false;
    } else if (!(info->flags & LEAT_PASS_THROUGH)) {
        pl->name = "-";
        pl->files = NULL;
        pl->encoder = info->type->suffixes ? info->type : NULL;
        pl->binary = (info->flags & LEAT_NO_STDOUT_TTY) != 0;
    }
}

static bool is_copy(const struct leat_planner *pl, const struct leat_stage_info *info)
{
    const struct leat_settings *s = &pl->p->settings;

    return info->type == &leat_stage_write && leat_write_is_plain(info->node) && pl->cur->n == 1 &&
           pl->cur->slots[0].stage->type == &leat_stage_read &&
           leat_read_is_plain(pl->cur->slots[0].info->node) && s->chunk == 0 && s->room == 0 &&
           s->executor != LEAT_EXECUTOR_SEEDED;
}

static int place_stage(struct leat_planner *pl, struct leat_stage_info *info)
{
    bool parallel = pl->p->settings.threads > 1;
    bool heavy = info->nature == LEAT_HEAVY || info->nature == LEAT_BLOCKING;
    int r = 0;

    if (info->type->kind == LEAT_SOURCE || !pl->cur) {
        r = begin_segment(pl);
    } else if (is_copy(pl, info)) {
        pl->cur->transfer = leat_transfer_turn;
    } else if (parallel && heavy &&
               (pl->cur_heavy || (info->type->kind == LEAT_SINK && pl->cur->n > 0))) {
        r = leat_planner_cut(pl);
    }
    if (r < 0)
        return r;
    if (!add_stage(pl, pl->cur, info))
        return leat_planner_no_memory(pl);
    pl->cur_heavy = pl->cur_heavy || heavy;
    return 0;
}

/* The other half of a middle stage begins a segment of its own. */
static int place_second_half(struct leat_planner *pl, const struct leat_node *node)
{
    struct leat_stage *first = pl->cur->slots[pl->cur->n - 1].stage, *s;
    struct leat_stage_info *info = new_info(pl, node, node->type->middle_out);

    if (!info)
        return leat_planner_no_memory(pl);
    if (begin_segment(pl) < 0)
        return LEAT_ENOMEM;
    s = add_stage(pl, pl->cur, info);
    if (!s)
        return leat_planner_no_memory(pl);
    s->shared = first;
    return 0;
}

/* What the stage asked for stands in this edge. */
static int add_buffer(struct leat_planner *pl, const struct leat_stage_info *info,
                      struct leat_edge *e)
{
    const struct leat_buffer *b = &info->buffer;

    e->fixed = b->memory;
    e->gate = b->start_at;
    e->pool = &pl->p->pool;
    if (!b->spills)
        return 0;
    e->spill = leat_spill_new(b->dir, b->spill_size);
    return e->spill ? 0 : leat_planner_no_memory(pl);
}

/* From here on errors are those of a branch, which is itself in `outer`. */
static int detach(struct leat_planner *pl, const struct leat_detached *outer)
{
    pl->detached = leat_arena_alloc(pl->p->plan->arena, sizeof *pl->detached);
    if (!pl->detached)
        return LEAT_ENOMEM;
    pl->detached->outer = outer;
    return 0;
}

/* The branches of a fan-out: each goes on from a port of its own, the stream itself from port 0. */
static int add_branches(struct leat_planner *pl, const struct leat_node *node,
                        const struct leat_stage_info *info)
{
    struct leat_segment *from = pl->cur;
    const char *name = pl->name;
    struct leat_file_map *files = pl->files;
    const struct leat_stage_type *encoder = pl->encoder;
    struct leat_detached *detached = pl->detached;
    bool binary = pl->binary;
    int r = leat_planner_cut(pl);
    struct leat_segment *on = pl->cur;

    for (size_t i = 0; i < node->n_branches && r == 0; i++) {
        struct leat_edge *e = new_edge(pl);

        pl->name = name;
        pl->files = files;
        pl->encoder = encoder;
        pl->binary = binary;
        if (!e || (info->flags & LEAT_DETACHES && detach(pl, detached) < 0))
            return leat_planner_no_memory(pl);
        r = begin_segment(pl);
        if (r == 0)
            r = join_segments(pl, from, pl->cur, e);
        if (r == 0 && info->has_buffer)
            r = add_buffer(pl, info, e);
        if (r == 0)
            r = add_chain(pl, &node->branches[i], false, true);
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

/* The branches of a fan-in, each with an open end; then a segment that reads them. */
static int add_inputs(struct leat_planner *pl, const struct leat_node *node)
{
    struct leat_edge **ends = calloc(node->n_branches, sizeof(*ends));
    int r = ends ? 0 : leat_planner_no_memory(pl);

    for (size_t i = 0; i < node->n_branches && r == 0; i++) {
        r = add_chain(pl, &node->branches[i], true, false);
        if (r == 0)
            r = need_stage(pl);
        if (r == 0)
            ends[i] = new_edge(pl);
        if (r == 0 && (!ends[i] || leat_segment_add_output(pl->cur, ends[i]) < 0))
            r = leat_planner_no_memory(pl);
        if (r == 0)
            pl->cur->outlet = &leat_outlet_edge;
    }
    if (r == 0)
        r = begin_segment(pl);
    for (size_t i = 0; i < node->n_branches && r == 0; i++)
        if (leat_segment_add_input(pl->cur, ends[i]) < 0)
            r = leat_planner_no_memory(pl);
    if (r == 0)
        pl->cur->inlet =
            node->type->flags & LEAT_PORTS_IN ? &leat_inlet_ports : &leat_inlet_concat;
    pl->name = "-";
    pl->files = NULL;
    pl->encoder = NULL;
    free(ends);
    return r;
}

/* The stage itself is an ordinary one behind the edges; the inlet gives it their streams in turn. */
static int add_fan_in(struct leat_planner *pl, const struct leat_node *node, bool first)
{
    struct leat_stage_info *info;
    int r;

    if (!first)
        return leat_planner_fail(pl, node, "can only come first: its inputs are its branches");
    r = add_inputs(pl, node);
    if (r < 0)
        return r;
    info = new_info(pl, node, node->type);
    if (!info)
        return leat_planner_no_memory(pl);
    r = plan_node(pl, info);
    return r < 0 ? r : add_stage(pl, pl->cur, info) ? 0 : leat_planner_no_memory(pl);
}

/* For --sums: a digest before the file that this `write` makes. */
static int add_digest(struct leat_planner *pl, const struct leat_node *file,
                      const struct leat_stage_info **ret_info)
{
    static const char *const words[] = {"--to", "-", NULL};
    const struct leat_strings args = {.n = 2, .v = words};
    const struct leat_stage_type *type = leat_registry_find(pl->p->registry, "sha256");
    struct leat_arena *arena = pl->p->plan->arena;
    struct leat_node *node = leat_arena_alloc(arena, sizeof *node);
    struct leat_stage_info *info;
    int r;

    if (leat_write_appends(file))
        return leat_planner_fail(pl, file,
                                 "--append does not go with --sums, which is of whole files");
    if (!type || type->missing)
        return leat_planner_fail(pl, file,
                                 "--sums needs the stage sha256, which this build has not");
    if (!node)
        return leat_planner_no_memory(pl);
    *node = (struct leat_node){.type = type, .implied = true};
    node->params = leat_arena_alloc(arena, type->params_size);
    if (!node->params)
        return leat_planner_no_memory(pl);
    r = leat_options_parse(type, arena, &args, node->params, &node->operands, pl->error);
    if (r < 0)
        return r;
    info = new_info(pl, node, type);
    if (!info)
        return leat_planner_no_memory(pl);
    info->for_sums = true;
    info->input_name = file->operands.v[0];
    r = plan_node(pl, info);
    *ret_info = info;
    return r < 0 ? r : place_stage(pl, info);
}

/* Standard output is no file that could be checked later. */
static bool needs_digest(const struct leat_planner *pl, const struct leat_node *node)
{
    return pl->p->sums && node->type == &leat_stage_write && node->operands.n > 0 &&
           strcmp(node->operands.v[0], "-") != 0;
}

/* Behind the decoder that follows `read --range`: what cuts the range out of the frames. */
static int add_cut_range(struct leat_planner *pl, struct leat_stage_info *decoder)
{
    struct leat_stage *read = pl->ranged, *s;
    struct leat_stage_info *info = new_info(pl, read->info->node, &leat_range_cut);

    pl->ranged = NULL;
    s = info ? add_stage(pl, pl->cur, info) : NULL;
    if (!s)
        return leat_planner_no_memory(pl);
    info->name = leat_range_cut.name;
    decoder->range_cut = info;
    read->info->range_decoder = decoder->type;
    s->shared = read;
    return 0;
}

int leat_planner_node(struct leat_planner *pl, const struct leat_node *node, bool first, bool last)
{
    const struct leat_stage_info *digest = NULL;
    const struct leat_stage_type *type = by_place(node->type, first, last);
    struct leat_stage_info *info;
    int r;

    if (!type)
        return leat_planner_fail(pl, node, "cannot stand here");
    if (type->kind == LEAT_FAN_IN)
        return add_fan_in(pl, node, first);
    if (type->kind == LEAT_SOURCE && !first)
        return leat_planner_fail(pl, node, "is a readable; it can only come first");
    if (type->kind != LEAT_SOURCE && first)
        return leat_planner_fail(pl, node, "needs an input before it");
    if (type->kind == LEAT_SINK && !last && node->type->kind != LEAT_BY_PLACE)
        return leat_planner_fail(pl, node, "is a writable; it can only come last");
    if (type->kind != LEAT_SINK && last)
        return leat_planner_fail(pl, node, "needs an output after it");
    r = pl->parts ? leat_planner_check_part(pl, node) : 0;
    if (r < 0)
        return r;
    if (pl->ranged && !type->frame_holds)
        return leat_planner_fail(
            pl, pl->ranged->info->node,
            "--range is of what unzstd decodes, which must come next; --offset "
            "and --length are of the file as it is");
    if (needs_digest(pl, node)) {
        r = add_digest(pl, node, &digest);
        if (r < 0)
            return r;
    }
    info = new_info(pl, node, type);
    if (!info)
        return leat_planner_no_memory(pl);
    info->digest = digest;
    r = plan_node(pl, info);
    if (r < 0)
        return r;
    leat_planner_suffix(pl, info);
    if (pl->files && !pl->files->text_reader && (info->takes_text || info->framing == LEAT_LINES))
        pl->files->text_reader = info;
    if (type == &leat_stage_read) {
        info->input_files = NULL;
        info->files_read = leat_read_map(node);
        if (!info->files_read)
            return leat_planner_no_memory(pl);
    }
    r = info->nature == LEAT_SPLIT ? add_split(pl, info) : place_stage(pl, info);
    if (r == 0 && type == node->type->middle_in && node->type->middle_out)
        r = place_second_half(pl, node);
    if (r == 0 && pl->ranged)
        r = add_cut_range(pl, info);
    if (r == 0 && type == &leat_stage_read && leat_read_has_range(node))
        pl->ranged = pl->cur->slots[pl->cur->n - 1].stage;
    carry_on(pl, info);
    if (r == 0 && (info->flags & LEAT_PARTS))
        return leat_planner_parts(pl, node, &info->part_options);
    if (r == 0 && node->n_branches > 0)
        return add_branches(pl, node, info);
    if (r == 0 && info->has_buffer) {
        r = leat_planner_cut(pl);
        if (r == 0)
            r = add_buffer(pl, info, pl->cur->in_edges[0]);
    }
    return r;
}

/* --- open ends -------------------------------------------------------------------------------- */

int leat_planner_imply(struct leat_planner *pl, const struct leat_stage_type *type, bool first,
                       const struct leat_strings *args)
{
    static const struct leat_strings none;
    struct leat_arena *arena = pl->p->plan->arena;
    struct leat_node *node = leat_arena_alloc(arena, sizeof *node);
    void *params = leat_arena_alloc(arena, type->params_size);
    int r;

    if (!node || !params)
        return leat_planner_no_memory(pl);
    *node = (struct leat_node){.type = type, .params = params, .implied = true};
    if (args)
        node->args = *args;
    r = leat_options_parse(type, arena, args ? args : &none, params, &node->operands, pl->error);
    return r < 0 ? r : leat_planner_node(pl, node, first, !first);
}

static bool starts_itself(const struct leat_stage_type *type)
{
    return type->kind == LEAT_SOURCE || type->kind == LEAT_FAN_IN ||
           (type->kind == LEAT_BY_PLACE && type->first);
}

bool leat_planner_ends(const struct leat_stage_type *type)
{
    return type->kind == LEAT_SINK || (type->kind == LEAT_BY_PLACE && type->last);
}

/* One chain into the current segment, or (starts) from a source of its own.
 *
 *   starts  nothing comes before: a readable, or standard input
 *   ends    nothing comes after: a writable, or standard output; else its end stays open */
static int add_chain(struct leat_planner *pl, const struct leat_chain *c, bool starts, bool ends)
{
    bool fixed = pl->p->settings.fixed_default_io;
    bool before = starts && (c->n == 0 || (!fixed && !starts_itself(c->nodes[0].type)));
    bool after = ends && (c->n == 0 || (!fixed && !leat_planner_ends(c->nodes[c->n - 1].type)));
    int r = 0;

    /* `exec CMD` alone is a source: its output is what is seen. */
    if (ends && !fixed && !before && starts && c->n == 1 && c->nodes[0].type->kind != LEAT_SINK)
        after = true;
    if (before)
        r = leat_planner_imply(pl, &leat_stage_read, true, NULL);
    for (size_t i = 0; i < c->n && r == 0; i++)
        r = leat_planner_node(pl, &c->nodes[i], starts && i == 0 && !before,
                              ends && i + 1 == c->n && !after);
    if (after && r == 0)
        r = leat_planner_imply(pl, &leat_stage_write, false, NULL);
    return r;
}

static size_t count_nodes(const struct leat_chain *c)
{
    size_t n = c->n + 2; /* and its implied ends */

    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->nodes[i].n_branches; k++)
            n += count_nodes(&c->nodes[i].branches[k]);
    return n;
}

/* --- all of it --------------------------------------------------------------------------------- */

static int connect_all(struct leat_planner *pl)
{
    struct leat_pipeline *p = pl->p;

    for (size_t i = 0; i < p->n_segments; i++) {
        struct leat_segment *seg = p->segments[i];
        struct leat_slot *s = seg->slots;

        if (leat_segment_ready(seg) < 0)
            return leat_planner_no_memory(pl);
        if (seg->joiner)
            leat_joiner_connect(seg->joiner, p, s->framer ? &s->raw : &s->in);
    }
    return 0;
}

int leat_planner_build(struct leat_pipeline *p, struct leat_error *ret_error)
{
    struct leat_planner pl = {.p = p, .error = ret_error, .name = "-"};
    int r;

    /* A node is at most two stages, with a relay or a digest, and what cuts a range, before
     * or behind it. */
    pl.infos_room = 4 * count_nodes(&p->plan->root);
    p->infos = calloc(pl.infos_room, sizeof *p->infos);
    if (!p->infos)
        return leat_planner_no_memory(&pl);
    r = add_chain(&pl, &p->plan->root, true, true);
    if (r == 0)
        r = leat_planner_sizes(p, ret_error);
    if (r == 0)
        r = connect_all(&pl);
    if (r == 0 && leat_graph_build(p) < 0)
        r = leat_planner_no_memory(&pl);
    return r;
}
