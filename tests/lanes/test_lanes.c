/* test_lanes.c - the lanes of a parallel stage: how many there are, and who gets which block. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "codec_same.h"
#include "leat.h"
#include "stage.h"
#include "test.h"

#define NONE 100
#define GREEDY_BYTES ((uint64_t)6 << 20)

/* A run with four threads, the types that NULL ends, and small chunks, so that the engine needs little. */
static struct memio lanes_of(const struct leat_stage_type *const *types, const uint8_t *in,
                             size_t len)
{
    struct memio io = {.in = in, .in_len = len, .types = types};

    io.settings.threads = 4;
    io.settings.chunk = 4096;
    return io;
}

static atomic_int greedy_opens, greedy_closes, greedy_most; /* at a time */

static int greedy_open(struct leat_stage *stage)
{
    bool *opened = leat_state(stage);
    int r = leat_charge(stage, GREEDY_BYTES);

    *opened = r == 0;
    greedy_opens += *opened;
    for (int now = greedy_opens - greedy_closes, most = greedy_most; now > most;)
        if (atomic_compare_exchange_weak(&greedy_most, &most, now))
            break;
    return r;
}

static void greedy_close(struct leat_stage *stage)
{
    const bool *opened = leat_state(stage);

    greedy_closes += *opened;
}

static const struct leat_lanes greedy_split = {.block = 4096};
static const struct leat_stage_type greedy_type = {
    .name = "greedy",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &greedy_split,
    .state_size = sizeof(bool),
    .open = greedy_open,
    .step = memio_pass,
    .close = greedy_close,
};
static const struct leat_stage_type *const greedy[] = {&greedy_type, NULL};

/* Each case has four lanes a stage. Those that fit: all; two; three of two stages, or more if the first
 * stage ends early; one; too few; none. A lane without a block is not opened. */
TEST(test_lanes_open_with_their_first_block_and_are_left_out_if_they_do_not_fit)
{
    static const struct {
        uint64_t memory;
        size_t len;
        const char *text;
        int code, opens; /* opens 0: at most three at a time; or NONE */
    } cases[] = {
        {(uint64_t)64 << 20, 100000, "greedy", 0, 4},
        {(uint64_t)16 << 20, 100000, "greedy", 0, 2},
        {(uint64_t)20 << 20, 100000, "greedy : greedy", 0, 0},
        {(uint64_t)10 << 20, 100000, "greedy", 0, 1},
        {(uint64_t)10 << 20, 100000, "greedy : greedy", LEAT_ELIMIT, 1},
        {(uint64_t)4 << 20, 100000, "greedy", LEAT_ELIMIT, NONE},
        {(uint64_t)64 << 20, 9000, "greedy", 0, 3},
        {(uint64_t)64 << 20, 5000, "greedy : greedy", 0, 4},
        {(uint64_t)64 << 20, 4000, "greedy", 0, 1},
        {(uint64_t)64 << 20, 0, "greedy", 0, 1},
    };
    uint8_t *in = memio_bytes(100000);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct memio io = lanes_of(greedy, in, cases[i].len);

        test_context("case %zu", i);
        greedy_opens = greedy_closes = greedy_most = 0;
        io.settings.memory = cases[i].memory;
        ASSERT_EQ(memio_run(&io, cases[i].text), cases[i].code);
        if (cases[i].code == 0)
            ASSERT_BYTES_EQ(io.out, io.out_len, in, cases[i].len);
        if (cases[i].opens > 0)
            ASSERT_EQ(greedy_opens, cases[i].opens % NONE);
        else
            ASSERT_LE(greedy_most, 3);
        ASSERT_EQ(greedy_closes, greedy_opens);
        memio_free(&io);
    }
    free(in);
}

/* Lanes that get no block charge nothing, and do not count as workers. */
TEST(test_only_lanes_with_a_block_charge_memory_and_count_as_workers)
{
    uint8_t *in = memio_bytes(16000);

    for (unsigned lanes = 1; lanes <= 4; lanes++) {
        struct memio io = lanes_of(greedy, in, lanes * 4096 - 500);

        test_context("%u lanes", lanes);
        io.settings.memory = (uint64_t)64 << 20;
        ASSERT_EQ(memio_run(&io, "greedy"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, io.in_len);
        ASSERT_EQ(io.lanes, lanes);
        ASSERT_GE(io.stats.memory_peak, lanes * GREEDY_BYTES);
        ASSERT_LT(io.stats.memory_peak, (lanes + 1) * GREEDY_BYTES);
        memio_free(&io);
    }
    free(in);
}

/* A stage that charges memory with its first byte. */
#define LATER_BYTES ((uint64_t)5 << 20)

static int later_plan(struct leat_stage *stage)
{
    leat_plan_later(stage, LATER_BYTES);
    return 0;
}

static int later_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    bool *charged = leat_state(stage);
    int r = *charged || in->len == 0 ? 0 : leat_charge(stage, LATER_BYTES);

    *charged = *charged || in->len > 0;
    return r < 0 ? r : memio_pass(stage, in, out);
}

static const struct leat_stage_type later_type = {
    .name = "later",
    .kind = LEAT_TRANSFORM,
    .state_size = sizeof(bool),
    .plan = later_plan,
    .step = later_step,
};

static const struct leat_stage_type *const greedy_and_later[] = {&greedy_type, &later_type, NULL};

/* A stage needs 5 of 20 MiB later. Two lanes fit, whether the stage has charged the 5 already (before the
 * lanes) or not yet (after them). */
TEST(test_lanes_leave_the_memory_free_that_a_stage_charges_later_and_no_more)
{
    static const char *const texts[] = {"later : greedy", "greedy : later"};
    uint8_t *in = memio_bytes(100000);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int round = 0; round < 20; round++) {
            struct memio io = lanes_of(greedy_and_later, in, 100000);

            test_context("%s", texts[i]);
            greedy_opens = greedy_closes = 0;
            io.settings.memory = (uint64_t)20 << 20;
            ASSERT_EQ(memio_run(&io, texts[i]), 0);
            ASSERT_BYTES_EQ(io.out, io.out_len, in, 100000);
            ASSERT_EQ(greedy_opens, 2);
            memio_free(&io);
        }
    free(in);
}

/* A lane may be charged for a block that it never reads. */
TEST(test_lanes_whose_block_is_dropped_leave_nothing_charged)
{
    uint8_t *in = memio_bytes(100000);

    for (uint64_t seed = 0; seed < 300; seed++) {
        struct memio io = lanes_of(greedy, in, 100000);

        test_context("seed %u", (unsigned)seed);
        io.settings.executor = LEAT_EXECUTOR_SEEDED;
        io.settings.seed = seed;
        ASSERT_EQ(memio_run(&io, "greedy : head -c 9"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, 9);
        memio_free(&io);
    }
    free(in);
}

/* The second instance of this stage cannot be opened. */
static int brittle_open(struct leat_stage *stage)
{
    int r = greedy_open(stage);

    return r < 0 || greedy_opens == 1 ? r : leat_fail(stage, LEAT_EIO, "no second instance");
}

static const struct leat_stage_type brittle_type = {
    .name = "brittle",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &greedy_split,
    .state_size = sizeof(bool),
    .open = brittle_open,
    .step = memio_pass,
    .close = greedy_close,
};
static const struct leat_stage_type *const brittle[] = {&brittle_type, NULL};

/* The error is reported in the order of the stream: the first block comes out. */
TEST(test_a_lane_that_cannot_be_opened_fails_the_run_at_its_block)
{
    uint8_t *in = memio_bytes(100000);

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct memio io = lanes_of(brittle, in, 100000);

        test_context("seed %u", (unsigned)seed);
        greedy_opens = greedy_closes = 0;
        io.settings.executor = seed % 2 ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_POOL;
        io.settings.seed = seed;
        ASSERT_EQ(memio_run(&io, "brittle"), LEAT_EIO);
        ASSERT_STREQ(io.error.stage_name, "brittle");
        ASSERT_NOT_NULL(strstr(io.error.text, "no second instance"));
        ASSERT_EQ(io.out_len, 4096);
        ASSERT_MEM_EQ(io.out, in, 4096);
        ASSERT_EQ(io.commits, 0);
        ASSERT_EQ(greedy_closes, greedy_opens);
        memio_free(&io);
    }
    free(in);
}

/* The lanes of this stage charge as much, but not before they have a block. */
struct keeper {
    size_t cut; /* the cutter's: bytes of this block so far */
    bool kept, holds;
};

static atomic_int keeper_lanes;

static int keeper_cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
                      size_t *ret_take)
{
    struct keeper *k = leat_state(stage);
    size_t left = 4096 - k->cut;

    (void)data;
    (void)end;
    if (!k->kept)
        leat_keep_lanes(stage, 3, GREEDY_BYTES);
    k->kept = true;
    *ret_take = len < left ? len : left;
    k->cut = (k->cut + *ret_take) % 4096;
    return k->cut == 0;
}

static int keeper_begin(struct leat_stage *stage, const struct leat_in *in)
{
    struct keeper *k = leat_state(stage);

    (void)in;
    if (k->holds)
        return 0;
    k->holds = true;
    keeper_lanes++;
    leat_lane_kept(stage);
    return leat_charge(stage, GREEDY_BYTES);
}

static const struct leat_lanes keeper_split = {.cut = keeper_cut, .begin = keeper_begin};
static const struct leat_stage_type keeper_type = {
    .name = "keeper",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &keeper_split,
    .state_size = sizeof(struct keeper),
    .step = memio_pass,
};
static const struct leat_stage_type *const keeper[] = {&keeper_type, NULL};

TEST(test_lanes_without_a_block_hold_nothing_and_are_left_out_if_they_do_not_fit)
{
    static const struct {
        uint64_t memory;
        size_t len;
        const char *text;
        int code, lanes;
    } cases[] = {
        {(uint64_t)64 << 20, 100000, "keeper", 0, 3},
        {(uint64_t)64 << 20, 5000, "keeper", 0, 2},
        {(uint64_t)64 << 20, 4000, "keeper", 0, 1},
        {(uint64_t)16 << 20, 100000, "keeper", 0, 2},
        {(uint64_t)10 << 20, 100000, "keeper", 0, 1},
        {(uint64_t)4 << 20, 100000, "keeper", LEAT_ELIMIT, 1},
        {(uint64_t)4 << 20, 0, "keeper", 0, 0},
        {(uint64_t)64 << 20, 100000, "head -c 30000 : keeper : keeper : head -c 9", 0, -1},
    };
    uint8_t *in = memio_bytes(100000);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct memio io = lanes_of(keeper, in, cases[i].len);

        keeper_lanes = 0;
        io.settings.memory = cases[i].memory;
        test_context("case %zu", i);
        ASSERT_EQ(memio_run(&io, cases[i].text), cases[i].code);
        if (cases[i].lanes >= 0)
            ASSERT_EQ(keeper_lanes, cases[i].lanes);
        if (cases[i].code == 0 && io.out_len > 9)
            ASSERT_BYTES_EQ(io.out, io.out_len, in, cases[i].len);
        memio_free(&io);
    }
    free(in);
}

TEST(test_the_first_lane_gets_its_memory_in_any_order_of_the_lanes)
{
    uint8_t *in = memio_bytes(100000);

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct memio io = lanes_of(keeper, in, 100000);

        test_context("seed %u", (unsigned)seed);
        keeper_lanes = 0;
        io.settings.memory = (uint64_t)16 << 20;
        io.settings.executor = LEAT_EXECUTOR_SEEDED;
        io.settings.seed = seed;
        ASSERT_EQ(memio_run(&io, "keeper"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, 100000);
        ASSERT_EQ(keeper_lanes, 2);
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

static _Atomic uint64_t uneven_most, uneven_all; /* lanes close in threads of their own */

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
    size_t from = in->pos;
    int r = memio_pass(stage, in, out);

    u->took += in->pos - from;
    return r;
}

static void uneven_close(struct leat_stage *stage)
{
    const struct uneven *u = leat_state(stage);
    uint64_t most = uneven_most;

    uneven_all += u->took;
    while (u->took > most && !atomic_compare_exchange_weak(&uneven_most, &most, u->took))
        ;
}

static const struct leat_lanes uneven_split = {.cut = uneven_cut};
static const struct leat_stage_type uneven_type = {
    .name = "uneven",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &uneven_split,
    .state_size = sizeof(struct uneven),
    .step = uneven_step,
    .close = uneven_close,
};
static const struct leat_stage_type *const uneven[] = {&uneven_type, NULL};

TEST(test_lanes_share_the_work_of_uneven_blocks)
{
    uint8_t *in = memio_bytes(100000);

    for (unsigned threads = 1; threads <= 4; threads++) {
        struct memio io = {.in = in, .in_len = 100000, .types = uneven};

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

/* On virtual time: a KiB takes as many milliseconds as its first byte says, and one byte comes of it. */
#define COSTLY_BLOCK ((size_t)64 << 10)
#define COSTLY_BLOCKS 24u

static uint64_t costly_from, costly_until; /* all on one thread */

static int costly_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    size_t *taken = leat_state(stage), n = 1024 - *taken;

    if (costly_from == 0)
        costly_from = leat_clock_ns(stage);
    if (n > in->len - in->pos)
        n = in->len - in->pos;
    if (*taken + n == 1024 && leat_write(out, in->data + in->pos, 1) == 0)
        return LEAT_MORE;
    if (n > 0)
        leat_spend_ns(stage, in->data[in->pos] * n * 1000000 / 1024);
    in->pos += n;
    *taken = (*taken + n) % 1024;
    if (leat_clock_ns(stage) > costly_until)
        costly_until = leat_clock_ns(stage);
    return in->pos == in->len && in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes costly_split = {.block = COSTLY_BLOCK};
static const struct leat_stage_type costly_type = {
    .name = "costly",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &costly_split,
    .state_size = sizeof(size_t),
    .step = costly_step,
};
static const struct leat_stage_type *const costly[] = {&costly_type, NULL};

/* Milliseconds that the blocks take two lanes, the i-th of them costs[i % n] for each KiB. */
static uint64_t costly_ms(const uint8_t *costs, size_t n, uint64_t seed)
{
    size_t len = COSTLY_BLOCKS * COSTLY_BLOCK;
    uint8_t *in = malloc(len);
    struct memio io = lanes_of(costly, in, len);

    ASSERT_NOT_NULL(in);
    for (size_t i = 0; i < COSTLY_BLOCKS; i++)
        memset(in + i * COSTLY_BLOCK, costs[i % n], COSTLY_BLOCK);
    io.settings.threads = 2;
    io.settings.executor = LEAT_EXECUTOR_SEEDED;
    io.settings.virtual_time = true;
    io.settings.seed = seed;
    io.settings.chunk = 4096;
    costly_from = costly_until = 0;
    ASSERT_EQ(memio_run(&io, "costly"), 0);
    ASSERT_EQ(io.out_len, len / 1024);
    for (size_t i = 0; i < io.out_len; i++)
        ASSERT_EQ(io.out[i], in[i * 1024]);
    memio_free(&io);
    free(in);
    return (costly_until - costly_from) / 1000000;
}

/* Blocks of one size that do not cost the same: no more time than if each went to whichever lane is
 * free first, but for the last ones. */
TEST(test_lanes_do_not_wait_for_one_another_whatever_a_block_costs)
{
    static const uint8_t patterns[][8] = {
        {10, 1, 10, 1, 10, 1, 10, 1}, {1, 2, 3, 4, 5, 6, 7, 8}, {5, 5, 5, 5, 5, 5, 5, 5},
        {20, 1, 1, 1, 1, 20, 1, 1},   {9, 1, 1, 9, 1, 9, 9, 1},
    };

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        uint64_t all = 0, most = 0, per_kib = COSTLY_BLOCK / 1024;

        for (size_t k = 0; k < COSTLY_BLOCKS; k++) {
            all += patterns[i][k % 8] * per_kib;
            if (patterns[i][k % 8] * per_kib > most)
                most = patterns[i][k % 8] * per_kib;
        }
        for (uint64_t seed = 1; seed <= 5; seed++) {
            uint64_t ms = costly_ms(patterns[i], 8, seed);

            test_context("pattern %zu, seed %llu: %llu ms for %llu", i, (unsigned long long)seed,
                         (unsigned long long)ms, (unsigned long long)all);
            ASSERT_GE(ms + 1, all / 2);
            ASSERT_LE(ms, all / 2 + most);
        }
    }
}

/* --- the stages ------------------------------------------------------------------------------- */

#define THREADS 3u
#define MEMORY ((uint64_t)1 << 30)

/* A stage that gets a text of several pieces, after `prepare`, and the number of lanes that have a
 * share in it, or of threads of the library's own. */
struct shared {
    const char *prepare, *stage;
    size_t len;
    unsigned lanes, own_threads;
};

static const struct shared shared[] = {
    {NULL, "gzip", 6400000, THREADS, 0},
    {NULL, "gzip -1", 4000000, THREADS, 0},
    {NULL, "gzip -0", 4000000, THREADS, 0},
    {NULL, "gzip --backend=zlib -1", 4000000, THREADS, 0},
    {NULL, "gzip --blocks", 4000000, THREADS, 0},
    {NULL, "zlib -4", 4000000, THREADS, 0},
    {NULL, "deflate -4", 4000000, THREADS, 0},
    {NULL, "zstd", 100000, 0, THREADS},
    {NULL, "zstd --long=20", 100000, 0, THREADS},
    {NULL, "zstd --seekable=64K", 300000, THREADS, 0},
    {NULL, "xz -0 --block-size=64K", 300000, THREADS, 0},
    {NULL, "xz -0", 4000000, THREADS, 0},
    {NULL, "lzip -0", 3500000, THREADS, 0},
    {NULL, "bzip2", 3000000, THREADS, 0},
    {NULL, "bzip2 -1", 1000000, THREADS, 0},
    {NULL, "lz4", 13000000, THREADS, 0},
    {NULL, "lz4 -B4", 13000000, THREADS, 0},
    {"gzip --blocks", "gunzip", 4000000, THREADS, 0},
    {"gzip --blocks", "gunzip --backend=zlib", 4000000, THREADS, 0},
    {"zstd --seekable=64K", "unzstd", 3000000, THREADS, 0},
    {"xz -0 --block-size=64K", "unxz", 300000, 0, THREADS},
    {"bzip2 -1", "bunzip2", 400000, THREADS, 0},
    {"lz4 -B4", "unlz4", 8000000, THREADS, 0},
    {"gzip --blocks", "decode", 4000000, THREADS, 0},
    {"zstd --seekable=64K", "decode", 3000000, THREADS, 0},
    {"xz -0 --block-size=64K", "decode", 300000, 1, THREADS},
    {"bzip2 -1", "decode", 400000, THREADS, 0},
    {"lz4 -B4", "decode", 8000000, THREADS, 0},
    {NULL, "grep INFO", 1000000, THREADS, 0},
    {NULL, "replace a b", 13000000, THREADS, 0},
    {NULL, "sed s/a/b/", 13000000, THREADS, 0},
    {NULL, "tr a-z A-Z", 13000000, THREADS, 0},
    {NULL, "cut -b 2-9", 13000000, THREADS, 0},
    {NULL, "cut -d ' ' -f 2", 13000000, THREADS, 0},
    {NULL, "fields 2", 13000000, THREADS, 0},
    {NULL, "fold", 13000000, THREADS, 0},
    {NULL, "rev", 13000000, THREADS, 0},
    {NULL, "trim", 13000000, THREADS, 0},
    {NULL, "sort", 13000000, THREADS, 0},
    {NULL, "distinct", 13000000, THREADS, 0},
    {NULL, "freq", 13000000, THREADS, 0},
    {NULL, "dos2unix", 13000000, THREADS, 0},
    {NULL, "unix2dos", 13000000, THREADS, 0},
    {NULL, "base64", 13000000, THREADS, 0},
    {NULL, "hex", 13000000, THREADS, 0},
    {NULL, "url", 13000000, THREADS, 0},
};

static void check_shared(const struct shared *s, const struct codec_bytes *in, unsigned threads)
{
    struct memio io = {.in = in->data,
                       .in_len = in->len,
                       .discard = true,
                       .settings = {.threads = threads, .memory = MEMORY}};

    test_context("%s of %s, threads %u", s->stage, s->prepare ? s->prepare : "text", threads);
    if (memio_run(&io, s->stage) != 0)
        FAIL("%s", io.error.text);
    if (threads == THREADS) {
        ASSERT_EQ(io.lanes, s->lanes);
        ASSERT_EQ(io.own_threads, s->own_threads);
    } else {
        ASSERT_LE(io.lanes, 1);
        ASSERT_LE(io.own_threads, 1);
    }
    memio_free(&io);
}

/* It is not seen in what comes out whether one lane had all of the work, and time does not tell. */
static void test_shared(void)
{
    const struct shared *s = test_argument();
    struct codec_bytes text = codec_text(s->len, 1), in = {.data = NULL};

    if (codec_missing(s->stage) || (s->prepare && codec_missing(s->prepare)))
        SKIP(1, "built without a library");
    if (s->prepare)
        codec_append_run(&in, s->prepare, &text);
    else
        codec_append(&in, text.data, text.len);
    check_shared(s, &in, 1);
    check_shared(s, &in, THREADS);
    free(in.data);
    free(text.data);
}

__attribute__((constructor)) static void register_shared(void)
{
    char name[256];

    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        snprintf(name, sizeof(name), "test_lanes_share_the_work_of_%s%s%s", shared[i].stage,
                 shared[i].prepare ? "_of_" : "", shared[i].prepare ? shared[i].prepare : "");
        for (char *p = name; *p; p++)
            if (strchr(" -=/'", *p))
                *p = '_';
        test_register_with(__FILE__, name, test_shared, &shared[i]);
    }
}

/* The memory of decode's lanes is known as soon as the format is. */
TEST(test_decode_has_as_many_lanes_as_fit_for_the_format)
{
    static const struct {
        const char *prepare;
        size_t len;
        uint64_t memory;
        unsigned lanes;
    } cases[] = {
        {"gzip --blocks", 6000000, (uint64_t)64 << 20, 4},
        {"zstd --seekable=64K", 4000000, (uint64_t)64 << 20, 4},
        {"bzip2 -1", 500000, (uint64_t)64 << 20, 2},
        {"bzip2 -1", 500000, (uint64_t)256 << 20, 4},
        {"lz4 -B4", 9000000, (uint64_t)64 << 20, 1},
        {"lz4 -B4", 9000000, (uint64_t)128 << 20, 2},
        {"lz4 -B4", 9000000, (uint64_t)256 << 20, 4},
    };
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct codec_bytes text = codec_text(cases[i].len, 1), z = {.data = NULL};
        struct memio io = {.discard = true, .settings = {.threads = 4, .memory = cases[i].memory}};

        if (codec_missing(cases[i].prepare)) {
            missing++;
        } else {
            codec_append_run(&z, cases[i].prepare, &text);
            io.in = z.data;
            io.in_len = z.len;
            test_context("decode of %s, memory %llu", cases[i].prepare,
                         (unsigned long long)cases[i].memory);
            ASSERT_EQ(memio_run(&io, "decode"), 0);
            ASSERT_EQ(io.lanes, cases[i].lanes);
            memio_free(&io);
        }
        free(z.data);
        free(text.data);
    }
    if (missing)
        SKIP(missing, "built without a library");
}

static bool is_shared(const char *stage)
{
    size_t n = strlen(stage);

    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        if (strncmp(shared[i].stage, stage, n) == 0 && strchr(" ", shared[i].stage[n]))
            return true;
    return false;
}

TEST(test_every_split_stage_is_in_the_table)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        const struct leat_stage_type *type = leat_registry_at(registry, i);

        test_context("%s", type->name);
        if (type->nature == LEAT_PARALLEL)
            ASSERT(is_shared(type->name));
    }
    leat_registry_free(registry);
}
