/* shape.c - draws a shape: the tree of stages, and what stands at its ends. */
#include "shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memio.h"
#include "test.h"

/* A sink that is to wait for one that is not drawn yet. */
#define AFTER_LATER (-2)

/* Bytes of an input times stages: a shape is to take milliseconds. */
#define WORK_MAX ((size_t)24 << 20)

/* Where a chain is in the tree. */
struct place {
    unsigned depth;
    int unit;
    bool fed;     /* its input comes from outside: it has no source */
    bool feeds;   /* its output goes to a fan-in: it has no sink */
    bool ordered; /* a branch of merge */
    bool in_part, lossy, may_stand;
    bool of_many; /* it has many siblings, so it is short */
    bool early;   /* most of its siblings, and it, want little more than the beginning */
};

uint64_t shape_below(struct shape_draw *draw, uint64_t n)
{
    uint64_t value = 0;

    if (!draw->bytes)
        return test_random(&draw->state) % n;
    for (uint64_t most = n - 1; most > 0 && draw->n_bytes > 0; most >>= 8) {
        value = value << 8 | *draw->bytes++;
        draw->n_bytes--;
    }
    return value % n;
}

static uint64_t below(struct shape *shape, uint64_t n)
{
    return shape_below(&shape->draw, n);
}

/* One of so many; never when there are no choices left. */
static bool one_of(struct shape *shape, uint64_t n)
{
    return below(shape, n) == n - 1 && n > 1;
}

void *shape_alloc(struct shape *shape, size_t n)
{
    void *block = calloc(1, n ? n : 1);

    ASSERT_NOT_NULL(block);
    if (shape->n_blocks == shape->blocks_room) {
        shape->blocks_room = shape->blocks_room ? 2 * shape->blocks_room : 64;
        shape->blocks = realloc(shape->blocks, shape->blocks_room * sizeof *shape->blocks);
        ASSERT_NOT_NULL(shape->blocks);
    }
    shape->blocks[shape->n_blocks++] = block;
    return block;
}

void shape_free(struct shape *shape)
{
    for (size_t i = 0; i < shape->n_blocks; i++)
        free(shape->blocks[i]);
    free(shape->blocks);
    free(shape);
}

/* --- ends ------------------------------------------------------------------------------------- */

static int draw_source(struct shape *shape, bool ordered)
{
    static const size_t pieces[] = {0, 0, 0, MEMIO_RANDOM, 65536, 5000};
    struct shape_source *source = &shape->sources[shape->n_sources];
    size_t input = (size_t)below(shape, shape->n_inputs);

    ASSERT_LT(shape->n_sources, SHAPE_ENDS_MAX);
    if (ordered && (shape->fails_left == 0 || !one_of(shape, 4)))
        input = 0;
    else if (ordered)
        shape->fails_left--; /* most likely it is not sorted, or two lines of it are not */
    else if (shape->early && shape->n_sources == 0)
        input = shape->n_inputs - 1;
    *source = (struct shape_source){.input = input};
    source->piece = pieces[below(shape, 6)];
    source->wait_every = one_of(shape, 8) ? 2 + below(shape, 20) : 0;
    return shape->n_sources++;
}

static int draw_sink(struct shape *shape, const struct place *place)
{
    static const size_t gulps[] = {0, 0, 0, 0, MEMIO_RANDOM, MEMIO_RANDOM, 5000, 300};
    struct shape_sink *sink = &shape->sinks[shape->n_sinks];

    ASSERT_LT(shape->n_sinks, SHAPE_ENDS_MAX);
    *sink = (struct shape_sink){.after = -1, .unit = place->unit};
    sink->in_part = place->in_part;
    sink->lossy = place->lossy;
    sink->gulp = gulps[below(shape, shape->total_bytes < 100000 ? 8 : 7)];
    sink->wait_every = one_of(shape, 8) ? 2 + below(shape, 10) : 0;
    if (place->may_stand && one_of(shape, 2))
        sink->after = AFTER_LATER;
    if (shape->may_fault && !place->in_part && one_of(shape, 8))
        sink->end_at = 1 + below(shape, 20);
    else if (shape->fails_left > 0 && one_of(shape, 16)) {
        sink->fail_at = 1 + below(shape, 8);
        shape->fails_left--;
    }
    return shape->n_sinks++;
}

/* --- stages ----------------------------------------------------------------------------------- */

static bool is_fan_in(enum shape_kind kind)
{
    return kind == SHAPE_CONCAT || kind == SHAPE_MERGE || kind == SHAPE_PASTE;
}

static bool is_possible(const struct shape *shape, const struct shape_op *op,
                        const struct place *place, bool at_start)
{
    if ((op->flags & SHAPE_FAILS) && shape->fails_left == 0)
        return false;
    if ((op->flags & SHAPE_CHILD) && (shape->children_left == 0 || place->in_part))
        return false;
    if ((op->flags & SHAPE_HEAVY) && shape->heavy_left == 0)
        return false;
    if (op->kind != SHAPE_SIMPLE && (place->depth == SHAPE_DEPTH_MAX || shape->stages_left < 2))
        return false;
    if (at_start != is_fan_in(op->kind))
        return false;
    if (is_fan_in(op->kind))
        return !place->fed && (op->kind == SHAPE_MERGE || !place->ordered);
    if (op->kind == SHAPE_SPLIT)
        return !place->feeds && !place->in_part;
    if (op->flags & SHAPE_DETACH)
        return shape->n_units < (int)(SHAPE_UNITS_MAX - SHAPE_BRANCHES_MAX) && !place->in_part;
    return true;
}

static const struct shape_op *draw_op(struct shape *shape, const struct place *place, bool at_start)
{
    uint64_t total = 0, at;

    for (size_t i = 0; i < shape_n_ops; i++)
        if (is_possible(shape, &shape_ops[i], place, at_start))
            total += shape_ops[i].weight;
    at = below(shape, total);
    for (size_t i = 0;; i++) {
        const struct shape_op *op = &shape_ops[i];

        if (!is_possible(shape, op, place, at_start))
            continue;
        if (at < op->weight)
            return op;
        at -= op->weight;
    }
}

/* Near the beginning, somewhere, or beyond the end. */
static long long draw_place(struct shape *shape, size_t whole)
{
    switch (below(shape, 6)) {
    case 0:
        return (long long)below(shape, 8);
    case 1:
        return (long long)below(shape, 2000);
    case 5:
        return 1000000000;
    default:
        return (long long)below(shape, whole + 2);
    }
}

static long long draw_number(struct shape *shape, enum shape_number number)
{
    switch (number) {
    case SHAPE_NONE:
        return 0;
    case SHAPE_LINES:
        return draw_place(shape, shape->total_lines);
    case SHAPE_BYTES:
        return draw_place(shape, shape->total_bytes);
    case SHAPE_PART_LINES:
        return 1 + (long long)(shape->total_lines / 20 + below(shape, shape->total_lines + 1));
    case SHAPE_PART_BYTES:
        return 1 + (long long)(shape->total_bytes / 20 + below(shape, shape->total_bytes + 1));
    case SHAPE_SMALL_LINES:
        return 1 + (long long)below(shape, 1000);
    default:
        return (long long)below(shape, shape->n_tags);
    }
}

static size_t draw_branches(struct shape *shape, const struct shape_op *op, bool is_first)
{
    uint64_t kind = below(shape, 20), n, most = (uint64_t)shape->stages_left;

    if (is_first && shape->early && kind < 16)
        kind = 16 + kind % 4;
    if (kind < 10)
        n = 1 + below(shape, 3);
    else if (kind < 16)
        n = 4 + below(shape, 5);
    else if (kind < 19)
        n = 9 + below(shape, 12);
    else
        n = 21 + below(shape, 44);
    n = n < op->most_branches ? n : op->most_branches;
    return (size_t)(n < most ? n : most);
}

static struct shape_chain *draw_chain(struct shape *shape, const struct place *place);

/* Most branches take a tag that the others do not. */
static void draw_match(struct shape *shape, struct shape_chain *branch, size_t i)
{
    unsigned tag = (unsigned)(one_of(shape, 4) ? below(shape, shape->n_tags) : i % shape->n_tags);

    switch (below(shape, 16)) {
    case 0:
        return; /* all */
    case 1:
        snprintf(branch->prefix, sizeof branch->prefix, "c%u", tag / 10 % 10);
        break;
    case 2:
        branch->invert = true;
        /* fall through */
    default:
        snprintf(branch->prefix, sizeof branch->prefix, "c%02u", tag % 100);
    }
}

static int new_unit(struct shape *shape, int parent)
{
    shape->units[shape->n_units] = (struct shape_unit){.parent = parent};
    return shape->n_units++;
}

static void draw_junction(struct shape *shape, struct shape_stage *stage, const struct place *place)
{
    const struct shape_op *op = stage->op;
    struct place inner = *place;

    stage->n_branches = draw_branches(shape, op, place->depth == 0);
    stage->branches = shape_alloc(shape, stage->n_branches * sizeof(*stage->branches));
    shape->stages_left -= (int)stage->n_branches;
    inner.depth++;
    inner.fed = !is_fan_in(op->kind);
    inner.feeds = is_fan_in(op->kind);
    inner.ordered = op->kind == SHAPE_MERGE;
    inner.of_many = stage->n_branches > 8;
    inner.early =
        (shape->early && place->depth == 0) || (stage->n_branches > 2 && one_of(shape, 3));
    inner.in_part = place->in_part || op->kind == SHAPE_SPLIT;
    inner.lossy = place->lossy || (op->flags & SHAPE_DROP);
    inner.may_stand = (op->flags & SHAPE_SPILL) && !inner.in_part;
    for (size_t i = 0; i < stage->n_branches; i++) {
        if (op->flags & SHAPE_DETACH)
            inner.unit = new_unit(shape, place->unit);
        stage->branches[i] = draw_chain(shape, &inner);
        if (op->kind == SHAPE_ROUTE)
            draw_match(shape, stage->branches[i], i);
    }
}

/* One that ends early, after a few lines or bytes. */
static const struct shape_op *draw_early(struct shape *shape)
{
    uint64_t at = below(shape, 4);

    for (size_t i = 0;; i = (i + 1) % shape_n_ops)
        if (shape_ops[i].flags == SHAPE_EARLY && at-- == 0)
            return &shape_ops[i];
}

static const struct shape_op *draw_fan_out(struct shape *shape)
{
    enum shape_kind kind = one_of(shape, 3) ? SHAPE_TEE : SHAPE_ROUTE;

    for (size_t i = 0;; i++)
        if (shape_ops[i].kind == kind)
            return &shape_ops[i];
}

static void draw_stage(struct shape *shape, struct shape_stage *stage, const struct place *place,
                       bool at_start)
{
    bool early = place->early && !at_start && below(shape, 4) > 0;
    const struct shape_op *op = early ? draw_early(shape) : draw_op(shape, place, at_start);

    if (shape->early && place->depth == 0 && shape->n_sinks == 0)
        op = draw_fan_out(shape);
    *stage = (struct shape_stage){.op = op};
    stage->n = early ? (long long)below(shape, 8) : draw_number(shape, op->number);
    shape->stages_left--;
    shape->fails_left -= (op->flags & SHAPE_FAILS) != 0;
    shape->children_left -= (op->flags & SHAPE_CHILD) != 0;
    shape->heavy_left -= (op->flags & SHAPE_HEAVY) != 0;
    if (op->kind != SHAPE_SIMPLE)
        draw_junction(shape, stage, place);
}

/* The sinks of a spilled branch that are to stand still wait for the stream's own, if it has one. */
static void settle_standing(struct shape *shape, const struct shape_chain *chain, int first_sink)
{
    for (int i = first_sink; i < shape->n_sinks; i++)
        if (shape->sinks[i].after == AFTER_LATER && i != chain->sink)
            shape->sinks[i].after = chain->sink >= 0 ? chain->sink : -1;
}

static struct shape_chain *draw_chain(struct shape *shape, const struct place *place)
{
    struct shape_chain *chain = shape_alloc(shape, sizeof *chain);
    size_t n = (size_t)below(shape, place->of_many ? 3 : 5) + (place->depth == 0 || place->early);
    int first_sink = shape->n_sinks;
    bool begun = place->fed, split = false;

    *chain = (struct shape_chain){SHAPE_NO_END, SHAPE_NO_END, .unit = place->unit,
                                  .lossy = place->lossy};
    chain->stages = shape_alloc(shape, (n + 1) * sizeof *chain->stages);
    while (chain->n < n && shape->stages_left > 0 && !split) {
        struct shape_stage *stage = &chain->stages[chain->n];
        bool fan_in =
            !begun && place->depth < SHAPE_DEPTH_MAX && shape->stages_left > 1 && one_of(shape, 4);

        if (!begun && !fan_in)
            chain->source = draw_source(shape, place->ordered);
        begun = begun || !fan_in;
        draw_stage(shape, stage, place, !begun);
        if (!begun && !is_fan_in(stage->op->kind))
            chain->source = draw_source(shape, place->ordered);
        begun = true;
        chain->n++;
        split = stage->op->kind == SHAPE_SPLIT;
        if ((stage->op->flags & SHAPE_SHRINKS) && !one_of(shape, 4))
            break;
    }
    if (!begun)
        chain->source = draw_source(shape, place->ordered);
    if (!place->feeds && !split)
        chain->sink = one_of(shape, place->early ? 2 : 12) ? SHAPE_NULL : draw_sink(shape, place);
    settle_standing(shape, chain, first_sink);
    return chain;
}

/* --- the whole -------------------------------------------------------------------------------- */

struct shape *shape_new(struct shape_draw draw, size_t size_max, bool children)
{
    static const int stages[] = {4, 8, 12, 16, 24, 40, 60, 120};
    struct shape *shape = calloc(1, sizeof *shape);
    struct place place = {0};

    ASSERT_NOT_NULL(shape);
    shape->draw = draw;
    shape->n_tags = 1 + (unsigned)below(shape, (uint64_t)8 << below(shape, 4));
    shape->early = one_of(shape, 12);
    shape->stages_left = stages[shape->early ? 4 + below(shape, 4) : below(shape, 8)];
    if (!shape->early)
        shape->size_max = WORK_MAX / (size_t)shape->stages_left;
    else
        shape->size_max = size_max;
    shape->size_max = size_max < shape->size_max ? size_max : shape->size_max;
    shape->fails_left = one_of(shape, 3) ? 1 + (int)below(shape, 3) : 0;
    shape->children_left = children && one_of(shape, 25) ? 1 + (int)below(shape, 4) : 0;
    shape->heavy_left = (int)below(shape, 3);
    shape->may_fault = one_of(shape, 4);
    new_unit(shape, -1);
    shape_draw_inputs(shape);
    shape->chain = draw_chain(shape, &place);
    shape_model(shape);
    return shape;
}

struct shape_config shape_draw_config(struct shape *shape, bool seeded)
{
    static const unsigned threads[] = {1, 2, 2, 3, 4, 8, 16, 16};
    static const uint64_t memory_m[] = {65536, 65536, 65536, 1024, 256, 256, 64, 32, 16, 8};
    static const size_t chunks[] = {0, 0, 0, 0, 65536, 65536, 262144, 1048576};
    struct shape_config config = {.seed = below(shape, UINT32_MAX)};

    config.threads = threads[below(shape, 8)];
    config.memory = memory_m[below(shape, 10)] << 20;
    config.chunk = chunks[below(shape, config.memory < LEAT_MEMORY_DEFAULT ? 6 : 8)];
    if (shape->early && config.chunk == 65536)
        config.chunk = 0;
    config.executor = seeded ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_AUTO;
    return config;
}
