/* test_room.c - leat_reserve_least in stages: boxes of a fixed size at most, each written at once.
 *
 * A box is the number of its bytes, in four bytes, and the bytes. The stage ends, fails or flushes in the
 * step that writes the last box, so the engine must hand on the box first.
 */
#include <stdlib.h>

#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define HEAD ((size_t)4)
#define MARKS_MAX 8000u

struct boxed_params {
    int64_t size, fail_after;
};

struct boxed {
    uint8_t *bytes;
    size_t have;
    int64_t boxes;
    bool ended; /* no step follows */
};

static const struct leat_option boxed_options[] = {
    {.name = "size",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct boxed_params, size),
     .max = INT64_MAX,
     .help = "x"},
    {.name = "fail-after",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct boxed_params, fail_after),
     .max = INT64_MAX,
     .help = "x"},
    {0},
};

static int boxed_open(struct leat_stage *stage)
{
    const struct boxed_params *p = leat_params(stage);
    struct boxed *b = leat_state(stage);

    b->bytes = leat_alloc(stage, p->size < 1 << 22 ? (size_t)p->size : 4096);
    return b->bytes ? 0 : LEAT_ENOMEM;
}

static void boxed_close(struct leat_stage *stage)
{
    leat_free(stage, ((struct boxed *)leat_state(stage))->bytes);
}

static bool put_box(struct leat_stage *stage, struct leat_out *out)
{
    const struct boxed_params *p = leat_params(stage);
    struct boxed *b = leat_state(stage);
    uint8_t *to;

    if (leat_reserve_least(out, HEAD + (size_t)p->size, &to) == 0)
        return false;
    for (size_t i = 0; i < HEAD; i++)
        to[i] = (uint8_t)(b->have >> 8 * i);
    memcpy(to + HEAD, b->bytes, b->have);
    leat_commit(out, HEAD + b->have);
    b->have = 0;
    b->boxes++;
    return true;
}

static int boxed_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct boxed_params *p = leat_params(stage);
    struct boxed *b = leat_state(stage);

    ASSERT(!b->ended);
    for (;;) {
        size_t n = (size_t)p->size - b->have, left = in->len - in->pos;
        bool all = left <= n, due;

        n = all ? left : n;
        memcpy(b->bytes + b->have, in->data + in->pos, n);
        in->pos += n;
        b->have += n;
        due = b->have == (size_t)p->size || (all && (in->end || in->flush));
        if (due && b->have > 0 && !put_box(stage, out))
            return LEAT_MORE;
        b->ended = p->fail_after > 0 && b->boxes == p->fail_after;
        if (b->ended)
            return leat_fail(stage, LEAT_ECORRUPT, "enough boxes");
        b->ended = all && in->end;
        if (all)
            return in->end ? LEAT_END : in->flush ? LEAT_FLUSHED : LEAT_MORE;
    }
}

static const struct leat_stage_type boxed_type = {
    .name = "boxed",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_FLUSHES,
    .params_size = sizeof(struct boxed_params),
    .state_size = sizeof(struct boxed),
    .options = boxed_options,
    .open = boxed_open,
    .step = boxed_step,
    .close = boxed_close,
};

/* The same, box by box to the branches in turn. */
static int dealt_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct boxed *b = leat_state(stage);
    size_t left = in->len, pos = 0;

    for (;;) {
        struct leat_in some = {.data = in->data + pos, .len = left, .end = in->end};
        int64_t boxes = b->boxes;
        int r;

        if (some.len > 10)
            some.len = 10;
        some.end = in->end && some.len == left;
        r = boxed_step(stage, &some, leat_port(out, 1 + (size_t)boxes % leat_branches(stage)));
        pos += some.pos;
        left -= some.pos;
        in->pos = pos;
        if (r < 0 || r == LEAT_END || left == 0 || (some.pos == 0 && b->boxes == boxes))
            return r;
    }
}

static const struct leat_stage_type dealt_type = {
    .name = "dealt",
    .kind = LEAT_TRANSFORM,
    .params_size = sizeof(struct boxed_params),
    .state_size = sizeof(struct boxed),
    .options = boxed_options,
    .branches_min = 1,
    .branches_max = 9,
    .open = boxed_open,
    .step = dealt_step,
    .close = boxed_close,
};

/* A part for each box. */
static int part_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct boxed *b = leat_state(stage);
    struct leat_in some = *in;
    int64_t boxes = b->boxes;
    int r;

    if (some.len > 10)
        some.len = 10;
    some.end = in->end && some.len == in->len;
    some.flush = false;
    r = boxed_step(stage, &some, out);
    in->pos = some.pos;
    if (b->boxes > boxes)
        leat_part_end(stage);
    return r;
}

struct part_params {
    struct boxed_params boxed;
    struct leat_file_options file;
};

static const struct leat_option part_options[] = {
    {.name = "size",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct boxed_params, size),
     .max = INT64_MAX,
     .help = "x"},
    LEAT_FILE_OPTIONS(offsetof(struct part_params, file)),
    {0},
};

static int part_plan(struct leat_stage *stage)
{
    const struct part_params *p = leat_params(stage);
    struct leat_part_options o = {.file = p->file};

    leat_plan_parts(stage, &o);
    return 0;
}

static const struct leat_stage_type part_type = {
    .name = "part",
    .kind = LEAT_SINK,
    .operands = "NAME",
    .operands_max = 1,
    .flags = LEAT_PARTS,
    .params_size = sizeof(struct part_params),
    .state_size = sizeof(struct boxed),
    .options = part_options,
    .plan = part_plan,
    .open = boxed_open,
    .step = part_step,
    .close = boxed_close,
};

/* The same in lanes; the join writes equal bytes at each of its places. */
#define JOINED ((size_t)600)

static int lanes_open(struct leat_stage *stage)
{
    int r = boxed_open(stage);

    return r < 0
               ? r
               : leat_keep_room(
                     stage, HEAD + (size_t)((const struct boxed_params *)leat_params(stage))->size);
}

static int lanes_begin(struct leat_stage *stage, const struct leat_in *in)
{
    (void)in;
    ((struct boxed *)leat_state(stage))->ended = false;
    return 0;
}

static int lanes_join(struct leat_stage *stage, enum leat_join when, const void *result,
                      struct leat_out *out)
{
    uint8_t *to;

    (void)stage;
    (void)result;
    if (leat_reserve_least(out, JOINED, &to) == 0)
        return LEAT_MORE;
    memset(to, 'a' + (int)when, JOINED);
    leat_commit(out, JOINED);
    return LEAT_END;
}

/* Each piece in one go, or as much as there is room for. */
static int lanes_merge(struct leat_stage *stage, struct leat_in *in, const void *result,
                       struct leat_out *out)
{
    size_t n = in->len - in->pos;
    uint8_t *to;

    (void)stage;
    (void)result;
    if (n > 0 && leat_reserve_least(out, n + 5000, &to) == 0)
        return LEAT_MORE;
    if (n > 0)
        memcpy(to, in->data + in->pos, n);
    if (n > 0)
        leat_commit(out, n);
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

#define BLOCK 700u
static const struct leat_lanes joined_lanes = {
    .block = BLOCK, .begin = lanes_begin, .join = lanes_join};
static const struct leat_lanes merged_lanes = {
    .block = BLOCK, .begin = lanes_begin, .join = lanes_join, .merge = lanes_merge};
#define LANES_TYPE(type_name, the_lanes)                                                           \
    {                                                                                              \
        .name = type_name, .kind = LEAT_TRANSFORM, .nature = LEAT_PARALLEL,                        \
        .params_size = sizeof(struct boxed_params), .state_size = sizeof(struct boxed),            \
        .options = boxed_options, .open = lanes_open, .step = boxed_step, .close = boxed_close,    \
        .lanes = &(the_lanes)                                                                      \
    }
static const struct leat_stage_type joined_type = LANES_TYPE("joined", joined_lanes);
static const struct leat_stage_type merged_type = LANES_TYPE("merged", merged_lanes);

/* Passes a few bytes on and puts a flush marker after them. */
static uint64_t marks_in[MARKS_MAX], marks[MARKS_MAX];
static size_t n_marks_in, n_marks;

static int marker_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    size_t n = in->len - in->pos;

    (void)stage;
    if (leat_pass(out, in, n < 90 ? n : 90) == 0)
        return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
    if (in->end && in->pos == in->len)
        return LEAT_END;
    ASSERT_LT(n_marks_in, MARKS_MAX);
    marks_in[n_marks_in++] = in->offset + in->pos;
    return LEAT_FLUSHED;
}

static const struct leat_stage_type marker_type = {
    .name = "marker", .kind = LEAT_TRANSFORM, .step = marker_step};

static int seen_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    int r = memio_pass(stage, in, out);

    if (!in->flush || in->pos < in->len)
        return r;
    ASSERT_LT(n_marks, MARKS_MAX);
    marks[n_marks++] = in->offset + in->len;
    return LEAT_FLUSHED;
}

static const struct leat_stage_type seen_type = {
    .name = "seen", .kind = LEAT_TRANSFORM, .flags = LEAT_FLUSHES, .step = seen_step};

/* Asks a nested writer for more than it has. */
static int nests_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct leat_out *hold = leat_nested_new(stage, 100);
    uint8_t *to;

    (void)out;
    (void)in;
    ASSERT_NOT_NULL(hold);
    leat_nested_begin(hold);
    ASSERT_EQ(leat_reserve_least(hold, 100, &to), 100);
    ASSERT_EQ(leat_reserve_least(hold, 101, &to), 0);
    leat_nested_free(stage, hold);
    return LEAT_MORE;
}

static const struct leat_stage_type nests_type = {
    .name = "nests", .kind = LEAT_TRANSFORM, .step = nests_step};

static const struct leat_stage_type *const types[] = {&boxed_type,  &part_type,   &dealt_type,
                                                      &joined_type, &merged_type, &marker_type,
                                                      &seen_type,   &nests_type,  NULL};

/* --- expected output ---------------------------------------------------------------------------- */

static size_t add_boxes(uint8_t *to, const uint8_t *in, size_t n, size_t size)
{
    size_t made = 0;

    for (size_t pos = 0; pos < n; pos += size) {
        size_t len = n - pos < size ? n - pos : size;

        for (size_t i = 0; i < HEAD; i++)
            to[made++] = (uint8_t)(len >> 8 * i);
        memcpy(to + made, in + pos, len);
        made += len;
    }
    return made;
}

static size_t add_joined(uint8_t *to, enum leat_join when)
{
    memset(to, 'a' + (int)when, JOINED);
    return JOINED;
}

static uint8_t *expected_of(bool lanes, const uint8_t *in, size_t n, size_t size, size_t *ret_len)
{
    uint8_t *to = malloc(5 * n + (n / BLOCK + 4) * (JOINED + HEAD + BLOCK));
    size_t made = 0;

    ASSERT_NOT_NULL(to);
    if (!lanes) {
        *ret_len = add_boxes(to, in, n, size);
        return to;
    }
    made = add_joined(to, LEAT_JOIN_HEAD);
    for (size_t pos = 0; pos < n; pos += BLOCK) {
        made += add_boxes(to + made, in + pos, n - pos < BLOCK ? n - pos : BLOCK, size);
        made += add_joined(to + made, LEAT_JOIN_BLOCK);
    }
    *ret_len = made + add_joined(to + made, LEAT_JOIN_TAIL);
    return to;
}

static void boxes_of(const char *stage, const char *after, bool lanes, size_t size, size_t n,
                     uint64_t memory)
{
    uint8_t *in = memio_bytes(n), *expected;
    struct memio io = {.in = in, .in_len = n, .types = types, .settings.memory = memory};
    char text[100];
    size_t len;

    expected = expected_of(lanes, in, n, size, &len);
    snprintf(text, sizeof text, "%s --size=%zu%s", stage, size, after);
    memio_run_grid(&io, text, expected, len);
    free(expected);
    free(in);
}

/* A run in pieces of any size under a seeded schedule. */
static struct memio seeded(const uint8_t *in, size_t n, unsigned seed)
{
    struct memio io = {
        .in = in, .in_len = n, .piece = MEMIO_RANDOM, .gulp = MEMIO_RANDOM, .seed = seed};

    io.types = types;
    io.settings.executor = LEAT_EXECUTOR_SEEDED;
    io.settings.seed = seed;
    io.settings.threads = 1 + seed % 4;
    test_context("seed %u", seed);
    return io;
}

/* --- tests -------------------------------------------------------------------------------------- */

TEST(test_blocks_of_any_size_are_written_at_once)
{
    static const size_t sizes[] = {1, 50, 3000, 300000};

    for (size_t i = 0; i < 4; i++) {
        boxes_of("boxed", "", false, sizes[i], 0, 0);
        boxes_of("boxed", "", false, sizes[i], 7000, 0);
        boxes_of("boxed", "", false, sizes[i], 310000, 0);
        boxes_of("boxed", " : pass", false, sizes[i], 7000, 8 << 20);
        boxes_of("pass : boxed", "", false, sizes[i], 30000, 8 << 20);
    }
}

TEST(test_lanes_their_join_and_their_merge_write_at_once)
{
    static const size_t sizes[] = {1, 50, 3000, 300000};

    for (size_t i = 0; i < 4; i++) {
        boxes_of("joined", "", true, sizes[i], i % 2 * 7000, 0);
        boxes_of("merged", "", true, sizes[i], 7000, 0);
        boxes_of("joined", "", true, sizes[i], 40000, 16 << 20);
        boxes_of("merged", "", true, sizes[i], 40000, 16 << 20);
    }
}

/* Each branch gets whole boxes, in turn. */
static void check_dealt(const struct memio *sinks, size_t n, const uint8_t *in, size_t len,
                        size_t size)
{
    size_t at[2] = {0, 0}, pos = 0;

    for (size_t box = 0; pos < len; box++) {
        const struct memio *sink = &sinks[box % n];
        size_t some = len - pos < size ? len - pos : size, from = at[box % n];

        ASSERT_LE(from + HEAD + some, sink->out_len);
        ASSERT_EQ(sink->out[from], some);
        ASSERT_MEM_EQ(sink->out + from + HEAD, in + pos, some);
        at[box % n] += HEAD + some;
        pos += some;
    }
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(at[i], sinks[i].out_len);
}

TEST(test_the_ports_of_a_junction_hold_their_own_bytes)
{
    uint8_t *in = memio_bytes(5000);

    for (unsigned seed = 0; seed < memio_seeds(); seed++) {
        struct memio io = seeded(in, 5000, seed);
        struct memio sinks[2] = {{.gulp = MEMIO_RANDOM}, {.gulp = 0}};
        const struct memio_name names[] = {{"one", &sinks[0]}, {"two", &sinks[1]}, {0}};

        io.settings.chunk = 1 + seed % 90;
        ASSERT_EQ(memio_run_named(&io, names,
                                  "memsource @io : dealt --size=60 [ memsink @one ] "
                                  "[ pass : memsink @two ] : memsink @io"),
                  0);
        check_dealt(sinks, 2, in, 5000, 60);
        memio_free(&io);
        memio_free(&sinks[0]);
        memio_free(&sinks[1]);
    }
    free(in);
}

/* A part ends after all of the output that came before its end. */
TEST(test_each_part_has_its_box)
{
    uint8_t *in = memio_bytes(500);

    for (unsigned seed = 0; seed < memio_seeds() / 4; seed++) {
        struct memio io = seeded(in, 500, seed);

        io.settings.chunk = 1 + seed % 90;
        ASSERT_EQ(memio_run_named(&io, NULL,
                                  "memsource @io : part --no-sync --force --size=60 %s/{n}",
                                  test_tmp_dir()),
                  0);
        for (size_t pos = 0, part = 0; pos < 500; pos += 60, part++) {
            size_t n = 500 - pos < 60 ? 500 - pos : 60, len = 0;
            char name[4000];
            uint8_t *box;

            snprintf(name, sizeof name, "%s/%zu", test_tmp_dir(), part);
            box = test_file_read(name, &len);
            ASSERT_NOT_NULL(box);
            ASSERT_EQ(len, HEAD + n);
            ASSERT_MEM_EQ(box + HEAD, in + pos, n);
            free(box);
        }
        memio_free(&io);
    }
    free(in);
}

TEST(test_boxes_before_a_failure_are_handed_on)
{
    uint8_t *in = memio_bytes(7000);

    for (unsigned seed = 0; seed < memio_seeds(); seed++) {
        size_t size = seed % 2 ? 37 : 600, n = 1 + seed % 9, len;
        struct memio io = seeded(in, 7000, seed);
        uint8_t *expected;
        char text[100];

        io.settings.chunk = 1 + seed % 70;
        snprintf(text, sizeof text, "boxed --size=%zu --fail-after=%zu", size, n);
        expected = expected_of(false, in, n * size, size, &len);
        ASSERT_EQ(memio_run(&io, text), LEAT_ECORRUPT);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        ASSERT_STREQ(io.error.text, "enough boxes");
        memio_free(&io);
        free(expected);
    }
    free(in);
}

/* Boxes in so many bytes of the output, if each has one byte. */
static uint64_t boxes_in(bool lanes, uint64_t bytes)
{
    const uint64_t block = BLOCK * (HEAD + 1), all = block + JOINED;
    uint64_t rest;

    if (!lanes)
        return bytes / (HEAD + 1);
    ASSERT_GE(bytes, JOINED);
    bytes -= JOINED;
    rest = bytes % all < block ? bytes % all : block;
    return bytes / all * BLOCK + rest / (HEAD + 1);
}

/* `large`: the room of a step is of many chunks, so a run takes a step of the engine for each few bytes:
 * the input is as short as the blocks allow, and fewer schedules are enough. */
static void keeps_marks(const char *stage, bool lanes, bool large)
{
    size_t len = large ? BLOCK + 100 : 2 * BLOCK + 100;
    uint8_t *in = memio_bytes(len);

    for (unsigned seed = 0; seed < memio_seeds() / (large ? 3 : 1); seed++) {
        struct memio io = seeded(in, len, seed);
        char text[100];

        io.settings.chunk = large ? 1 + seed % 4 : 0;
        io.settings.room = large && seed % 3 == 1 ? 1 + seed % 7 : 0;
        snprintf(text, sizeof text, "marker : %s --size=1 : seen", stage);
        test_context("%s, seed %u", text, seed);
        n_marks = n_marks_in = 0;
        ASSERT_EQ(memio_run(&io, text), 0);
        ASSERT_GT(n_marks, 0);
        ASSERT_EQ(n_marks, n_marks_in);
        for (size_t i = 0; i < n_marks; i++)
            ASSERT_EQ(boxes_in(lanes, marks[i]), marks_in[i]);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_flush_marker_stays_after_the_bytes_that_came_before_it)
{
    for (int large = 0; large < 2; large++) {
        keeps_marks("boxed", false, large);
        keeps_marks("joined", true, large);
        keeps_marks("merged", true, large);
    }
}

static void refused(const char *text, const char *need, const char *limit)
{
    struct memio io = {.in = "abc", .in_len = 3, .types = types, .settings = {.memory = 1 << 20}};

    test_context("%s", text);
    ASSERT_EQ(memio_run(&io, text), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, need);
    ASSERT_STR_HAS(io.error.text, limit);
    memio_free(&io);
}

TEST(test_room_that_can_never_be_is_a_failure_that_names_the_need_and_the_limit)
{
    refused("boxed --size=3000000", "30000", "1048576");
    refused("boxed --size=3000000000", "3000000004", "2147483648");
    refused("joined --size=3000000", "30000", "1048576");
    refused("nests", "101", "100");
}
