/* test_inputs.c - what a stage with several inputs is shown, and when. */
#include <stdlib.h>

#include "breaks.h"
#include "run/pipeline.h"
#include "test.h"

#define RUNNING 2 /* enum actor_state of executor.c: a wake is noted and queues nothing */
#define CHUNK ((size_t)4096)
#define INPUTS 4u
#define RECORD_MAX 20000u

struct fan {
    struct leat_pipeline *pipeline;
    struct leat_segment seg;
    struct leat_slot slot;
    struct leat_stage stage;
    struct leat_stage_info info;
    struct leat_edge edges[INPUTS];
    struct leat_edge *edge_list[INPUTS];
    struct leat_actor writer;
    uint64_t given[INPUTS];
};

static void fan_init(struct fan *f, size_t n, enum leat_framing framing)
{
    *f = (struct fan){.pipeline = calloc(1, sizeof *f->pipeline)};
    ASSERT_NOT_NULL(f->pipeline);
    ASSERT_EQ(leat_pool_init(&f->pipeline->pool, 200 * CHUNK, CHUNK), 0);
    f->pipeline->settings.record_max = RECORD_MAX;
    f->info.plan.framing = framing;
    f->info.plan.delimiter = '\n';
    f->stage.info = &f->info;
    f->slot.stage = &f->stage;
    f->seg.pipeline = f->pipeline;
    f->seg.slots = &f->slot;
    f->seg.n = 1;
    f->seg.in.edges = f->edge_list;
    f->seg.in.n_edges = n;
    f->seg.actor.thread = f->writer.thread = pthread_self();
    atomic_store(&f->seg.actor.state, RUNNING);
    atomic_store(&f->writer.state, RUNNING);
    for (size_t i = 0; i < n; i++) {
        ASSERT_EQ(leat_edge_init(&f->edges[i], &f->pipeline->executor, 10 * CHUNK), 0);
        f->edges[i].reader = &f->seg.actor;
        f->edges[i].writer = &f->writer;
        f->edge_list[i] = &f->edges[i];
    }
    f->seg.in.inputs = leat_inputs_new(&f->seg);
    ASSERT_NOT_NULL(f->seg.in.inputs);
    for (size_t i = 0; leat_inputs_framer(f->seg.in.inputs, i); i++)
        leat_inputs_framer(f->seg.in.inputs, i)->share =
            leat_pool_share(&f->pipeline->pool, leat_framer_share(CHUNK));
}

static void fan_done(struct fan *f)
{
    leat_inputs_free(f->seg.in.inputs);
    leat_inputs_free(NULL);
    for (size_t i = 0; i < f->seg.in.n_edges; i++)
        leat_edge_done(&f->edges[i]);
    ASSERT_EQ(leat_pool_done(&f->pipeline->pool), 0);
    free(f->pipeline);
}

/* Byte `at` of branch i; a line end at each tenth. */
static uint8_t byte_of(size_t i, uint64_t at)
{
    return at % 10 == 9 ? '\n' : (uint8_t)('a' + (i * 7 + at / 10) % 26);
}

static void give(struct fan *f, size_t i, size_t n)
{
    struct leat_item item = {.slice = {.len = n}};

    ASSERT_EQ(leat_pool_get(&f->pipeline->pool, 0, &item.slice.chunk), 0);
    for (size_t k = 0; k < n; k++)
        item.slice.chunk->data[k] = byte_of(i, f->given[i] + k);
    f->given[i] += n;
    ASSERT_EQ(leat_edge_write(&f->edges[i], &item), 0);
}

static void end(struct fan *f, size_t i)
{
    leat_edge_finish(&f->edges[i], LEAT_EDGE_EOF);
}

static int read_all(struct fan *f)
{
    struct leat_framer *framer = NULL;
    int r;

    do
        r = leat_inputs_read(&f->seg, &framer);
    while (r == 0);
    return r;
}

TEST(test_the_stage_runs_when_each_input_has_something_or_is_at_its_end)
{
    for (size_t n = 1; n <= INPUTS; n++)
        for (unsigned has = 0; has < 1u << n; has++)
            for (unsigned over = 0; over < 1u << n; over++) {
                unsigned all = (1u << n) - 1;
                struct fan f;

                test_context("%zu inputs, bytes %#x, at the end %#x", n, has, over);
                fan_init(&f, n, LEAT_BYTES);
                ASSERT(!leat_inputs_ready(f.seg.in.inputs));
                for (size_t i = 0; i < n; i++) {
                    if (has >> i & 1)
                        give(&f, i, 10);
                    if (over >> i & 1)
                        end(&f, i);
                }
                ASSERT_EQ(read_all(&f), LEAT_EMPTY);
                ASSERT_EQ(leat_inputs_ready(f.seg.in.inputs), (has | over) == all);
                fan_done(&f);
            }
}

/* A step that uses a random part of each input sees each byte once, at its offset, and the end with
 * the last of them. */
static void walk(enum leat_framing framing, uint64_t seed)
{
    uint64_t seen[INPUTS] = {0}, random = seed, totals[INPUTS];
    unsigned left[INPUTS], ends = 0;
    struct leat_in in;
    struct fan f;

    test_context("framing %d, seed %u", framing, (unsigned)seed);
    fan_init(&f, INPUTS, framing);
    for (size_t i = 0; i < INPUTS; i++) {
        left[i] = (unsigned)(test_random(&random) % 6);
        totals[i] = 0;
    }
    for (unsigned turn = 0; ends < INPUTS; turn++) {
        size_t i = test_random(&random) % INPUTS;

        ASSERT_LT(turn, 10000);
        if (left[i] > 0 && f.edges[i].n < 3) {
            size_t n = 1 + test_random(&random) % CHUNK;

            give(&f, i, n);
            totals[i] += n;
            if (--left[i] == 0)
                end(&f, i);
        } else if (left[i] == 0 && totals[i] == 0) {
            end(&f, i);
        }
        ASSERT_EQ(read_all(&f), LEAT_EMPTY);
        if (!leat_inputs_ready(f.seg.in.inputs))
            continue;
        in = (struct leat_in){.data = NULL};
        leat_inputs_show(f.seg.in.inputs, &in);
        ASSERT_EQ(in.n_ports, INPUTS);
        ends = 0;
        for (size_t k = 0; k < INPUTS; k++) {
            struct leat_in *port = &in.ports[k];

            ASSERT_EQ(port->offset, seen[k]);
            for (size_t b = 0; b < port->len; b++)
                ASSERT_EQ(port->data[b], byte_of(k, seen[k] + b));
            ASSERT(!port->end || (left[k] == 0 && seen[k] + port->len == totals[k]));
            if (framing == LEAT_LINES && port->len > 0 && !port->end)
                ASSERT_EQ(port->data[port->len - 1], '\n');
            if (port->len > 0 && framing == LEAT_LINES)
                port->pos = port->len;
            else if (port->len > 0)
                port->pos = test_random(&random) % (port->len + 1);
            seen[k] += port->pos;
            ends += port->end && port->pos == port->len;
        }
        (void)leat_inputs_take(f.seg.in.inputs);
    }
    for (size_t i = 0; i < INPUTS; i++)
        ASSERT_EQ(seen[i], totals[i]);
    fan_done(&f);
}

TEST(test_each_byte_is_shown_once_and_the_end_with_the_last_of_them)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        walk(LEAT_BYTES, seed);
        walk(LEAT_LINES, seed);
    }
}

TEST(test_use_of_one_input_leaves_the_others_as_they_are)
{
    struct leat_in in = {.data = NULL};
    struct fan f;

    fan_init(&f, 3, LEAT_BYTES);
    for (size_t i = 0; i < 3; i++)
        give(&f, i, 100 + i);
    ASSERT_EQ(read_all(&f), LEAT_EMPTY);
    leat_inputs_show(f.seg.in.inputs, &in);
    in.ports[1].pos = 40;
    ASSERT_EQ(leat_inputs_take(f.seg.in.inputs), 40);
    leat_inputs_show(f.seg.in.inputs, &in);
    ASSERT_EQ(in.ports[0].len, 100);
    ASSERT_EQ(in.ports[1].len, 61);
    ASSERT_EQ(in.ports[1].offset, 40);
    ASSERT_EQ(in.ports[2].len, 102);
    ASSERT_EQ(leat_inputs_drop(f.seg.in.inputs), 263);
    in.ports[1].pos = 1;
    ASSERT_BREAKS((void)leat_inputs_take(f.seg.in.inputs), "head->len");
    fan_done(&f);
}

TEST(test_a_branch_that_failed_fails_the_stage_whatever_the_others_have)
{
    for (size_t at = 0; at < 3; at++) {
        struct leat_framer *framer = NULL;
        struct fan f;
        int r;

        fan_init(&f, 3, LEAT_BYTES);
        for (size_t i = 0; i < 3; i++)
            if (i != at)
                give(&f, i, 10);
        leat_edge_finish(&f.edges[at], LEAT_EDGE_FAILED);
        do
            r = leat_inputs_read(&f.seg, &framer);
        while (r == 0);
        ASSERT_EQ(r, LEAT_ECANCELLED);
        ASSERT(framer == leat_inputs_framer(f.seg.in.inputs, at));
        fan_done(&f);
    }
}

static void give_bare(struct fan *f, size_t i, size_t n)
{
    struct leat_item item = {.slice = {.len = n}};

    ASSERT_EQ(leat_pool_get(&f->pipeline->pool, 0, &item.slice.chunk), 0);
    memset(item.slice.chunk->data, 'x', n);
    ASSERT_EQ(leat_edge_write(&f->edges[i], &item), 0);
}

/* The record of the second input has no end. */
TEST(test_the_framer_that_refused_a_record_is_named)
{
    struct leat_framer *framer = NULL;
    struct fan f;
    int r = LEAT_EMPTY;

    fan_init(&f, 3, LEAT_LINES);
    give(&f, 0, 10);
    for (unsigned i = 0; i < 100 && (r == 0 || r == LEAT_EMPTY); i++) {
        if (r == LEAT_EMPTY)
            give_bare(&f, 1, CHUNK);
        r = leat_inputs_read(&f.seg, &framer);
    }
    ASSERT_EQ(r, LEAT_ELIMIT);
    ASSERT(framer == leat_inputs_framer(f.seg.in.inputs, 1));
    ASSERT_EQ(framer->wants, 0);
    ASSERT_EQ(framer->too_long_at, 0);
    ASSERT_NULL(leat_inputs_framer(f.seg.in.inputs, 3));
    fan_done(&f);
}

TEST(test_the_framer_that_is_short_of_memory_is_named_and_goes_on_when_there_is_some)
{
    struct leat_framer *framer = NULL;
    struct leat_in in = {.data = NULL};
    uint64_t charged;
    struct fan f;

    fan_init(&f, 2, LEAT_LINES);
    give(&f, 0, 10);
    give_bare(&f, 1, 10);
    charged = leat_pool_left(&f.pipeline->pool) - 2 * CHUNK; /* as much as the slices hold */
    ASSERT(leat_pool_charge(&f.pipeline->pool, charged));
    ASSERT_EQ(leat_inputs_read(&f.seg, &framer), 0); /* of the first input there is a line */
    ASSERT_EQ(leat_inputs_read(&f.seg, &framer), LEAT_SHORT);
    ASSERT(framer == leat_inputs_framer(f.seg.in.inputs, 1));
    ASSERT_GE(framer->wants, 10);
    leat_pool_uncharge(&f.pipeline->pool, charged);
    end(&f, 1);
    ASSERT_EQ(read_all(&f), LEAT_EMPTY);
    ASSERT(leat_inputs_ready(f.seg.in.inputs));
    leat_inputs_show(f.seg.in.inputs, &in);
    ASSERT_EQ(in.ports[1].len, 10);
    ASSERT(in.ports[1].end);
    fan_done(&f);
}
