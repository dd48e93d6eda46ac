/* compiler.c - compile the syntax tree to segments and edges, within the memory limit.
 *
 * Adjacent stages share a segment, except heavy ones, which get a core of their own. A parallel
 * stage becomes a cutter at the end of one segment, lanes, and a joiner at the start of the next.
 * The sizes of chunks and edges are chosen last, so that their sum is known and reserved before the
 * run.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "compiler.h"
#include "io/transfer.h"
#include "lanes/lanes.h"
#include "run/pipeline.h"
#include "stage/engine_ops.h"
#include "stage/file_map.h"
#include "syntax/registry.h"

/* --- one node --------------------------------------------------------------------------------- */

static const struct leat_stage_type *by_place(const struct leat_stage_type *type, bool first,
                                              bool last)
{
    if (type->kind != LEAT_BY_PLACE)
        return type;
    return first ? type->first : last ? type->last : type->middle_in;
}

/* May the source just before this stage begin where the stage first needs the stream, or lend it the file? */
static void begin_late(const struct leat_compiler *pl, struct leat_stage_info *info)
{
    const struct leat_engine_ops *ops;
    struct leat_stage_info *source;

    if (!pl->cur || pl->cur->n != 1 || pl->cur->in.ops)
        return;
    source = pl->cur->slots[0].info;
    ops = leat_engine_ops_of(source->type);
    if (source->type->kind != LEAT_SOURCE)
        return;
    if (info->plan.last.given && ops->begins_late && ops->begins_late(source->node))
        source->last = info->plan.last;
    if (info->plan.seeks && info->plan.nature != LEAT_PARALLEL && ops->lends &&
        ops->lends(source->node))
        source->lends_to = info;
}

/* Update the facts about the stream for the stages after this one. */
static void carry_on(struct leat_compiler *pl, const struct leat_stage_info *info)
{
    const struct leat_strings *files = &info->node->operands;

    pl->before = info->type;
    if (info->input.opens) {
        pl->name = files->n == 1 ? files->v[0] : "-";
        pl->files = info->input.opens;
        pl->encoder = NULL;
        pl->binary = false;
    } else if (!(info->plan.flags & LEAT_PASS_THROUGH)) {
        pl->name = "-";
        pl->files = NULL;
        pl->encoder = info->type->suffixes ? info->type : NULL;
        pl->binary = (info->plan.flags & LEAT_NO_STDOUT_TTY) != 0;
    }
}

static bool has_plain_fd(const struct leat_stage_info *info)
{
    const struct leat_engine_ops *ops = leat_engine_ops_of(info->type);

    return ops->plain_fd && ops->plain_fd(info->node);
}

/* Can the kernel copy the bytes of a source to this sink? Not if a test sets sizes or the order. */
static bool is_copy(const struct leat_compiler *pl, const struct leat_stage_info *info)
{
    const struct leat_settings *s = &pl->p->settings;

    return info->type->kind == LEAT_SINK && has_plain_fd(info) && pl->cur->n == 1 &&
           !pl->cur->in.ops && has_plain_fd(pl->cur->slots[0].info) && s->chunk == 0 &&
           s->room == 0 && s->executor != LEAT_EXECUTOR_SEEDED;
}

static int place_stage(struct leat_compiler *pl, struct leat_stage_info *info)
{
    bool parallel = pl->p->settings.threads > 1;
    bool heavy = info->plan.nature == LEAT_HEAVY || info->plan.nature == LEAT_BLOCKING;
    int r = 0;

    if (info->type->kind == LEAT_SOURCE || !pl->cur) {
        r = leat_compile_begin(pl);
    } else if (is_copy(pl, info)) {
        pl->cur->transfer = leat_transfer_turn;
    } else if (parallel && heavy &&
               (pl->cur_heavy || (info->type->kind == LEAT_SINK && pl->cur->n > 0))) {
        r = leat_compile_cut(pl);
    }
    if (r < 0)
        return r;
    if (!leat_compile_add(pl, pl->cur, info))
        return leat_compile_no_memory(pl);
    pl->cur_heavy = pl->cur_heavy || heavy;
    return 0;
}

/* The second half of a middle stage begins a new segment. */
static int place_second_half(struct leat_compiler *pl, const struct leat_node *node)
{
    struct leat_stage *first = pl->cur->slots[pl->cur->n - 1].stage, *s;
    struct leat_stage_info *info = leat_compile_info(pl, node, node->type->middle_out);

    if (!info)
        return leat_compile_no_memory(pl);
    if (leat_compile_begin(pl) < 0)
        return LEAT_ENOMEM;
    s = leat_compile_add(pl, pl->cur, info);
    if (!s)
        return leat_compile_no_memory(pl);
    s->shared = first;
    return 0;
}

/* How the file of a part is named, for the sink or the digest before it. */
static void name_parts(const struct leat_compiler *pl, const struct leat_node *sink,
                       struct leat_stage_info *info)
{
    if (!pl->parts)
        return;
    info->part.template = leat_compile_output(sink);
    info->part.by_stage = pl->parts->named && sink->implied;
}

/* A node for a stage that nobody has written, with these words. NULL: the error is in pl->error. */
static struct leat_node *implied_node(struct leat_compiler *pl, const struct leat_stage_type *type,
                                      const struct leat_strings *args)
{
    struct leat_arena *arena = pl->p->tree->arena;
    struct leat_node *node = leat_arena_alloc(arena, sizeof *node);

    if (!node) {
        (void)leat_compile_no_memory(pl);
        return NULL;
    }
    *node = (struct leat_node){.type = type, .implied = true};
    node->params = leat_arena_alloc(arena, type->params_size);
    if (!node->params) {
        (void)leat_compile_no_memory(pl);
        return NULL;
    }
    return leat_options_parse(type, arena, args, node->params, &node->operands, pl->error) < 0
               ? NULL
               : node;
}

/* For --sums: a digest stage before this sink of a file. */
static int add_digest(struct leat_compiler *pl, const struct leat_node *file,
                      const struct leat_stage_info **ret_info)
{
    static const char *const words[] = {"--to", "-", NULL};
    const struct leat_strings args = {.n = 2, .v = words};
    const struct leat_stage_type *type = leat_registry_find(pl->p->registry, "sha256");
    const struct leat_node *node;
    struct leat_stage_info *info;
    int r;

    if (leat_engine_ops_of(file->type)->appends(file))
        return leat_compile_fail(pl, file,
                                 "--append cannot be used with --sums, which lists whole files");
    if (!type || type->missing)
        return leat_compile_fail(pl, file, "--sums needs the stage sha256, which this build lacks");
    node = implied_node(pl, type, &args);
    if (!node)
        return pl->error->code;
    info = leat_compile_info(pl, node, type);
    if (!info)
        return leat_compile_no_memory(pl);
    info->sums.is_digest = true;
    info->input.name = leat_compile_output(file);
    name_parts(pl, file, info);
    r = leat_compile_ask(pl, info);
    *ret_info = info;
    return r < 0 ? r : place_stage(pl, info);
}

/* For LEAT_WANTS_DECODED: decode before this stage. The files stay known. */
static int add_decode(struct leat_compiler *pl)
{
    static const struct leat_strings none;
    const struct leat_stage_type *type = leat_registry_find(pl->p->registry, "decode");
    struct leat_file_map *files = pl->files;
    const struct leat_node *node;
    const char *name = pl->name;
    int r;

    if (!type || type->missing || (pl->before && (pl->before->flags & LEAT_DECODES)))
        return 0;
    node = implied_node(pl, type, &none);
    if (!node)
        return pl->error->code;
    r = pl->node(pl, node, false, false);
    pl->files = files;
    pl->name = name;
    return r;
}

/* Standard output is not a file that could be checked later. */
static bool needs_digest(const struct leat_compiler *pl, const struct leat_node *node)
{
    return pl->p->outputs.digests && leat_compile_output(node);
}

/* After the decoder of a ranged source: the stage that cuts the range out of the frames. */
static int add_cut_range(struct leat_compiler *pl, struct leat_stage_info *decoder)
{
    struct leat_stage *source = pl->ranged, *s;
    const struct leat_stage_type *cut = source->type->engine->range(source->info->node);
    struct leat_stage_info *info = leat_compile_info(pl, source->info->node, cut);

    pl->ranged = NULL;
    s = info ? leat_compile_add(pl, pl->cur, info) : NULL;
    if (!s)
        return leat_compile_no_memory(pl);
    info->name = cut->name;
    decoder->range.cut = info;
    source->info->range.decoder = decoder->type;
    s->shared = source;
    return 0;
}

/* May a stage of this type stand here? Returns 0, or fails. */
static int check_place(struct leat_compiler *pl, const struct leat_node *node,
                       const struct leat_stage_type *type, bool first, bool last)
{
    if (type->kind == LEAT_SOURCE && !first)
        return leat_compile_fail(pl, node, "is a readable; it can only come first");
    if (type->kind != LEAT_SOURCE && first)
        return leat_compile_fail(pl, node, "needs an input before it");
    if (type->kind == LEAT_SINK && !last && node->type->kind != LEAT_BY_PLACE)
        return leat_compile_fail(pl, node, "is a writable; it can only come last");
    if (type->kind != LEAT_SINK && last)
        return leat_compile_fail(pl, node, "needs an output after it");
    return 0;
}

/* The next stage reads from a buffer of its own. After lanes only the joiner is here. */
static int add_buffer(struct leat_compiler *pl, const struct leat_stage_info *info)
{
    int r = leat_compile_need_stage(pl);

    if (r == 0)
        r = leat_compile_cut(pl);
    return r < 0 ? r : leat_compile_buffer(pl, info, pl->cur->in.edges[0]);
}

/* The branch of a stage that runs it itself. */
static int add_inner(struct leat_compiler *pl, const struct leat_node *node,
                     struct leat_stage_info *info)
{
    const struct leat_inner_ops *ops = leat_registry_inner(pl->p->registry);
    struct leat_error error = {0};
    char text[sizeof error.text + sizeof error.stage_name + 32];
    int r = ops->make(pl->p, info, &error);

    if (r == 0)
        return 0;
    snprintf(text, sizeof text, "in its branch: %s%s%s", error.stage_name,
             *error.stage_name ? ": " : "", error.text);
    (void)leat_compile_fail(pl, node, text);
    pl->error->code = r;
    return r;
}

static int add_node(struct leat_compiler *pl, const struct leat_node *node, bool first, bool last)
{
    const struct leat_stage_info *digest = NULL;
    const struct leat_stage_type *type = by_place(node->type, first, last);
    const struct leat_engine_ops *ops;
    struct leat_stage_info *info;
    int r;

    if (!type)
        return leat_compile_fail(pl, node, "is not allowed here");
    if (type->kind == LEAT_FAN_IN)
        return leat_compile_fan_in(pl, node, first);
    r = check_place(pl, node, type, first, last);
    if (r < 0)
        return r;
    ops = leat_engine_ops_of(type);
    r = pl->parts ? leat_compile_check_part(pl, node) : 0;
    if (r < 0)
        return r;
    if (pl->ranged && !type->frame_holds)
        return leat_compile_fail(
            pl, pl->ranged->info->node,
            "--range and --frames select decoded bytes, so unzstd, or for --frames gunzip, must come "
            "next; --offset and --length select bytes of the file");
    if (type->flags & LEAT_WANTS_DECODED) {
        r = add_decode(pl);
        if (r < 0)
            return r;
    }
    if (needs_digest(pl, node)) {
        r = add_digest(pl, node, &digest);
        if (r < 0)
            return r;
    }
    info = leat_compile_info(pl, node, type);
    if (!info)
        return leat_compile_no_memory(pl);
    info->sums.digest = digest;
    name_parts(pl, node, info);
    r = leat_compile_ask(pl, info);
    if (r < 0)
        return r;
    begin_late(pl, info);
    leat_compile_suffix(pl, info);
    if (pl->files && !pl->files->text_reader &&
        (info->plan.takes_text || info->plan.framing == LEAT_LINES))
        pl->files->text_reader = info;
    if (ops->files) {
        info->input.files = NULL;
        info->input.opens = ops->files(node);
        if (!info->input.opens)
            return leat_compile_no_memory(pl);
    }
    r = info->plan.nature == LEAT_PARALLEL ? leat_compile_lanes(pl, info) : place_stage(pl, info);
    if (r == 0 && type == node->type->middle_in && node->type->middle_out)
        r = place_second_half(pl, node);
    if (r == 0 && pl->ranged)
        r = add_cut_range(pl, info);
    if (r == 0 && ops->range && ops->range(node))
        pl->ranged = pl->cur->slots[pl->cur->n - 1].stage;
    carry_on(pl, info);
    if (r == 0 && type->flags & LEAT_INNER && node->n_branches > 0)
        return add_inner(pl, node, info);
    if (r == 0 && (info->plan.flags & LEAT_PARTS))
        return leat_compile_parts(pl, node, &info->plan.part_options);
    if (r == 0 && node->n_branches > 0)
        return leat_compile_branches(pl, node, info);
    return r == 0 && info->plan.has_buffer ? add_buffer(pl, info) : r;
}

/* --- open ends -------------------------------------------------------------------------------- */

static bool starts_itself(const struct leat_stage_type *type)
{
    return type->kind == LEAT_SOURCE || type->kind == LEAT_FAN_IN ||
           (type->kind == LEAT_BY_PLACE && type->first);
}

/* Compile a chain into the current segment, or (starts) from its own source.
 *
 *   starts  nothing comes before it: it begins with a readable, or with standard input
 *   ends    nothing comes after it: it ends with a writable, or with standard output; else its end
 *           stays open */
static int add_chain(struct leat_compiler *pl, const struct leat_chain *c, bool starts, bool ends)
{
    bool fixed = pl->p->settings.fixed_default_io;
    bool before = starts && (c->n == 0 || (!fixed && !starts_itself(c->nodes[0].type)));
    bool after = ends && (c->n == 0 || (!fixed && !leat_compile_ends(c->nodes[c->n - 1].type)));
    int r = 0;

    /* `exec CMD` alone is a source, so that the user sees its output. */
    if (ends && !fixed && !before && starts && c->n == 1 && c->nodes[0].type->kind != LEAT_SINK)
        after = true;
    if (before)
        r = leat_compile_imply(pl, LEAT_SOURCE, NULL);
    for (size_t i = 0; i < c->n && r == 0; i++)
        r = add_node(pl, &c->nodes[i], starts && i == 0 && !before,
                     ends && i + 1 == c->n && !after);
    if (after && r == 0)
        r = leat_compile_imply(pl, LEAT_SINK, NULL);
    return r;
}

static size_t count_nodes(const struct leat_chain *c)
{
    size_t n = c->n + 2; /* with its implied ends */

    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->nodes[i].n_branches; k++)
            n += count_nodes(&c->nodes[i].branches[k]);
    return n;
}

/* --- all of it ---------------------------------------------------------------------------------
 * */

static int connect_all(struct leat_compiler *pl)
{
    struct leat_pipeline *p = pl->p;

    for (size_t i = 0; i < p->graph.n_segments; i++) {
        struct leat_segment *seg = p->graph.segments[i];
        struct leat_slot *s = seg->slots;

        if (leat_segment_ready(seg) < 0)
            return leat_compile_no_memory(pl);
        if (seg->in.joiner)
            leat_joiner_connect(seg->in.joiner, p, leat_slot_input(s));
    }
    return 0;
}

int leat_compile(struct leat_pipeline *p, struct leat_error *ret_error)
{
    struct leat_compiler pl = {
        .p = p,
        .error = ret_error,
        .name = "-",
        .node = add_node,
        .chain = add_chain,
    };
    int r;

    /* A node needs at most two stages, a relay or digest and a range cutter before or after them,
     * and a decoder with a relay before it. */
    pl.infos_room = 6 * count_nodes(&p->tree->root);
    p->graph.infos = calloc(pl.infos_room, sizeof *p->graph.infos);
    if (!p->graph.infos)
        return leat_compile_no_memory(&pl);
    r = add_chain(&pl, &p->tree->root, true, true);
    if (r == 0)
        r = connect_all(&pl);
    if (r == 0) /* after connect_all, which makes the framers: each has a share of the memory */
        r = leat_compile_sizes(p, ret_error);
    if (r == 0 && leat_graph_build(p) < 0)
        r = leat_compile_no_memory(&pl);
    return r;
}
