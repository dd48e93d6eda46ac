/* test_sizes.c - the sizes of chunks and edges, and their sum within the limit; where edges and lanes are. */
#include <stdlib.h>

#include "lanes/lanes.h"
#include "run/pipeline.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)

static const char *const texts[] = {
    "read /dev/null : write /dev/null",
    "read /dev/null : gunzip : grep x : zstd : write /dev/null",
    "read /dev/null : tee [ sha256 : null ] [ count -l : null ] : gzip : null",
    "concat [ read /dev/null ] [ read /dev/null : unzstd ] : count -l : null",
    "merge [ read /dev/null ] [ read /dev/null ] [ read /dev/null ] : null",
    "read /dev/null : buffer -s 8M -P 50% : null",
    "read /dev/null : buffer -s 64M --spill=/dev/shm : null",
    "read /dev/null : split -l 10 [ zstd : write /tmp/x-{n} ]",
    "read /dev/null : zstd : unzstd : bzip2 : null",
};
#define N_TEXTS (sizeof texts / sizeof texts[0])

static struct leat_pipeline *compile(struct leat_registry *registry, const char *text,
                                     struct leat_settings settings)
{
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    int r = leat_pipeline_from_text(registry, text, &settings, &p, &error);

    if (r < 0 && r != LEAT_ELIMIT && r != LEAT_EUSAGE)
        FAIL("%s: %s", text, error.text);
    if (r == LEAT_EUSAGE)
        test_note("%s: %s", text, error.text);
    return p;
}

/* The bytes that all edges, stages and shares may hold, counted anew. */
static uint64_t least_of(const struct leat_pipeline *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->graph.n_edges; i++)
        sum += p->graph.edges[i]->high + p->settings.chunk;
    for (size_t i = 0; i < p->graph.n_segments; i++)
        sum +=
            2 * p->settings.chunk * (p->graph.segments[i]->n + p->graph.segments[i]->out.n_ports);
    for (const struct leat_share *share = p->pool.shares; share; share = share->next)
        sum += share->size;
    return sum;
}

static void check_edges(const struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_edges; i++) {
        const struct leat_edge *e = p->graph.edges[i];

        ASSERT_GE(e->high, p->settings.chunk); /* a chunk has room in any edge */
        ASSERT_LT(e->low, e->high);
        ASSERT_NOT_NULL(e->reader);
        ASSERT_NOT_NULL(e->writer);
        ASSERT(e->reader != e->writer);
        ASSERT_GE(e->items, LEAT_EDGE_ITEMS);
        ASSERT_GE((uint64_t)e->items * LEAT_EDGE_ITEM_BYTES, e->high);
        ASSERT(!e->gate || e->gate <= e->high + (e->spill ? e->spill->size : 0));
    }
}

TEST(test_all_that_can_be_in_use_at_once_is_within_the_limit)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < N_TEXTS; i++)
        for (uint64_t memory = MIB; memory <= 1024 * MIB; memory *= 4)
            for (unsigned threads = 1; threads <= 8; threads += 7) {
                struct leat_settings settings = {
                    .size = sizeof settings, .memory = memory, .threads = threads};
                struct leat_pipeline *p = compile(registry, texts[i], settings);

                test_context("%s, %u MiB, %u threads", texts[i], (unsigned)(memory / MIB), threads);
                if (!p)
                    continue;
                ASSERT_LE(p->bound, memory);
                ASSERT_EQ(p->pool.limit, memory);
                ASSERT_EQ(p->pool.reserved, p->bound);
                ASSERT_LE(least_of(p), p->bound);
                check_edges(p);
                leat_pipeline_unref(p);
            }
    leat_registry_free(registry);
}

TEST(test_less_memory_makes_edges_shorter_and_then_chunks_smaller)
{
    struct leat_registry *registry = leat_registry_new();
    size_t chunk = SIZE_MAX;
    uint64_t high = UINT64_MAX;
    bool edges = false, chunks = false;

    ASSERT_NOT_NULL(registry);
    for (uint64_t memory = 256 * MIB; memory >= MIB; memory -= memory / 16) {
        struct leat_settings settings = {.size = sizeof settings, .memory = memory, .threads = 4};
        struct leat_pipeline *p =
            compile(registry, "read /dev/null : tee [ count -l : null ] : null", settings);

        test_context("%u KiB", (unsigned)(memory >> 10));
        if (!p)
            break;
        ASSERT_LE(p->settings.chunk, chunk);
        ASSERT_LE(p->graph.edges[0]->high, high);
        edges = edges || (p->settings.chunk == chunk && p->graph.edges[0]->high < high);
        chunks = chunks || p->settings.chunk < chunk;
        if (chunk != SIZE_MAX && p->settings.chunk < chunk)
            ASSERT(edges); /* not before the edges are as short as they can be */
        chunk = p->settings.chunk;
        high = p->graph.edges[0]->high;
        leat_pipeline_unref(p);
    }
    ASSERT(edges);
    ASSERT(chunks);
    leat_registry_free(registry);
}

TEST(test_a_pipeline_that_does_not_fit_is_refused_with_both_figures)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = {
        .size = sizeof settings, .memory = MIB, .threads = 8, .chunk = LEAT_CHUNK_MAX};
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(leat_pipeline_from_text(registry, texts[1], &settings, &p, &error), LEAT_ELIMIT);
    ASSERT_NULL(p);
    ASSERT_STR_HAS(error.text, "1048576");
    ASSERT_STR_HAS(error.text, "needs at least ");
    ASSERT_GT(strtoull(strstr(error.text, "needs at least ") + 15, NULL, 10), MIB);
    leat_registry_free(registry);
}

/* An edge to a lane holds a whole block, so that lanes do not wait for one another; and the lane order has
 * a place for each block that lanes and edges hold. */
TEST(test_lanes_have_room_for_whole_blocks_and_the_order_for_all_of_them)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = {.size = sizeof settings, .memory = 1024 * MIB, .threads = 4};
    struct leat_pipeline *p;
    unsigned lanes = 0, cutters = 0;
    size_t places = 0;

    ASSERT_NOT_NULL(registry);
    p = compile(registry, "read /dev/null : gzip --blocks : null", settings);
    ASSERT_NOT_NULL(p);
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        const struct leat_segment *seg = p->graph.segments[i];

        if (!seg->is_lane)
            continue;
        ASSERT_EQ(seg->lane.number, lanes);
        lanes++;
        ASSERT_EQ(seg->n, 1);
        ASSERT_GE(seg->in.edges[0]->high, seg->slots[0].info->plan.block);
        ASSERT_GE(seg->in.edges[0]->high - seg->in.edges[0]->low, seg->slots[0].info->plan.block);
        places += seg->in.edges[0]->items + seg->out.ports[0].edge->items;
        ASSERT(seg->out.ports[0].edge->carries_ends);
        ASSERT(!seg->in.edges[0]->carries_ends);
    }
    ASSERT_EQ(lanes, 4);
    for (size_t i = 0; i < p->graph.n_segments; i++)
        if (p->graph.segments[i]->out.cutter) {
            cutters++;
            ASSERT_GT(p->graph.segments[i]->out.cutter->lanes.order->room, places);
        }
    ASSERT_EQ(cutters, 1);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
}
