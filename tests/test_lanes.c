/* test_lanes.c - the lanes of a split stage: how many there are, and who gets which block. */
#include <stdlib.h>

#include "leat.h"
#include "memio.h"
#include "stage.h"
#include "test.h"

#define GREEDY_BYTES ((uint64_t)6 << 20)

static int greedy_opens, greedy_closes;

static int greedy_open(struct leat_stage *stage)
{
    bool *opened = leat_state(stage);
    int r = leat_charge(stage, GREEDY_BYTES);

    *opened = r == 0;
    greedy_opens += *opened;
    return r;
}

static int greedy_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

static void greedy_close(struct leat_stage *stage)
{
    const bool *opened = leat_state(stage);

    greedy_closes += *opened;
}

static const struct leat_split greedy_split = {.block = 4096};
static const struct leat_stage_type greedy_type = {
    .name = "greedy",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_SPLIT,
    .split = &greedy_split,
    .state_size = sizeof(bool),
    .open = greedy_open,
    .step = greedy_step,
    .close = greedy_close,
};

static void add_greedy(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add(registry, &greedy_type), 0);
}

/* Of four lanes each: all fit, two do, three of two stages, one, too few, none. */
TEST(test_lanes_that_do_not_fit_in_memory_are_left_out)
{
    static const struct {
        uint64_t memory;
        const char *text;
        int code, opens;
    } cases[] = {
        {(uint64_t)64 << 20, "greedy", 0, 4},
        {(uint64_t)16 << 20, "greedy", 0, 2},
        {(uint64_t)20 << 20, "greedy : greedy", 0, 3},
        {(uint64_t)10 << 20, "greedy", 0, 1},
        {(uint64_t)10 << 20, "greedy : greedy", LEAT_ELIMIT, 1},
        {(uint64_t)4 << 20, "greedy", LEAT_ELIMIT, 0},
    };
    uint8_t *in = memio_bytes(100000);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct memio io = {.in = in, .in_len = 100000, .registered = add_greedy};

        greedy_opens = greedy_closes = 0;
        io.settings.threads = 4;
        io.settings.memory = cases[i].memory;
        io.settings.chunk = 4096; /* so that the engine itself needs little */
        ASSERT_EQ(memio_run(&io, cases[i].text), cases[i].code);
        if (cases[i].code == 0)
            ASSERT_BYTES_EQ(io.out, io.out_len, in, 100000);
        ASSERT_EQ(greedy_opens, cases[i].opens);
        ASSERT_EQ(greedy_closes, cases[i].opens);
        memio_free(&io);
    }
    free(in);
}

/* Blocks of 1000 bytes and of 1, in turn. */
struct uneven {
    size_t cut; /* the cutter's: bytes of this block so far */
    bool small;
    uint64_t took; /* a lane's */
};

static uint64_t uneven_most, uneven_all;

static int uneven_cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
                      size_t *ret_take)
{
    struct uneven *u = leat_state(stage);
    size_t left = (u->small ? 1 : 1000) - u->cut;

    (void)data;
    (void)end;
    *ret_take = len < left ? len : left;
    u->cut += *ret_take;
    if (*ret_take < left)
        return 0;
    u->cut = 0;
    u->small = !u->small;
    return 1;
}

static int uneven_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct uneven *u = leat_state(stage);
    size_t n;

    while (in->pos < in->len) {
        n = leat_pass(out, in, in->len - in->pos);
        u->took += n;
        if (n == 0)
            return LEAT_MORE;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static void uneven_close(struct leat_stage *stage)
{
    const struct uneven *u = leat_state(stage);

    uneven_all += u->took;
    if (u->took > uneven_most)
        uneven_most = u->took;
}

static const struct leat_split uneven_split = {.cut = uneven_cut};
static const struct leat_stage_type uneven_type = {
    .name = "uneven",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_SPLIT,
    .split = &uneven_split,
    .state_size = sizeof(struct uneven),
    .step = uneven_step,
    .close = uneven_close,
};

static void add_uneven(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add(registry, &uneven_type), 0);
}

TEST(test_lanes_share_the_work_of_uneven_blocks)
{
    uint8_t *in = memio_bytes(100000);

    for (unsigned threads = 1; threads <= 4; threads++) {
        struct memio io = {.in = in, .in_len = 100000, .registered = add_uneven};

        uneven_most = uneven_all = 0;
        io.settings.threads = threads;
        ASSERT_EQ(memio_run(&io, "uneven"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, 100000);
        ASSERT_EQ(uneven_all, 100000);
        ASSERT_LE(uneven_most, 100000 / threads + 1001);
        memio_free(&io);
    }
    free(in);
}
