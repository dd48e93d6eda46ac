/* test_whole.c - leat_plan_whole: a stage sees pieces of one size, in lanes and without them.
 *
 * The stage writes the size of each piece before its bytes, so the output tells how the input was shown.
 */
#include <stdlib.h>

#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define LEN ((size_t)9000)
#define SLOW ((size_t)3000) /* where each byte is a step or a piece */
#define BLOCK ((size_t)1000)
#define BLOCK_STATIC ((size_t)700)

struct params {
    int64_t size, slowly;
};

static const struct leat_option options[] = {
    {.name = "size",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct params, size),
     .max = INT64_MAX,
     .help = "x"},
    {.name = "slowly",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct params, slowly),
     .help = "x"},
    {0},
};

struct whole {
    size_t seen; /* bytes of the piece that are consumed */
    bool ended;
};

static int whole_plan(struct leat_stage *stage)
{
    const struct params *p = leat_params(stage);

    leat_plan_block(stage, BLOCK, 0);
    leat_plan_whole(stage, (size_t)p->size);
    return 0;
}

static int whole_begin(struct leat_stage *stage, const struct leat_in *in)
{
    (void)in;
    *(struct whole *)leat_state(stage) = (struct whole){.seen = 0};
    return 0;
}

/* Writes the head of a piece and its bytes; with `slowly` a byte in a step. */
static int whole_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct params *p = leat_params(stage);
    struct whole *w = leat_state(stage);
    size_t left = in->len - in->pos, head = w->seen == 0 ? 4 : 0, n = p->slowly && left ? 1 : left;
    uint8_t *to;

    ASSERT(!w->ended);
    if (left > 0) {
        if (leat_reserve_least(out, head + n, &to) == 0)
            return LEAT_MORE;
        for (size_t i = 0; i < head; i++)
            to[i] = (uint8_t)(left >> 8 * i);
        memcpy(to + head, in->data + in->pos, n);
        leat_commit(out, head + n);
        in->pos += n;
        w->seen = in->pos < in->len ? w->seen + n : 0;
    }
    w->ended = in->end && in->pos == in->len;
    if (w->ended)
        return LEAT_END;
    return in->flush && in->pos == in->len ? LEAT_FLUSHED : LEAT_MORE;
}

#define TYPE(type_name, the_nature, the_flags)                                                     \
    {                                                                                              \
        .name = type_name, .kind = LEAT_TRANSFORM, .nature = the_nature, .flags = the_flags,       \
        .params_size = sizeof(struct params), .state_size = sizeof(struct whole),                  \
        .options = options, .plan = whole_plan, .step = whole_step, .lanes = &lanes,               \
    }
static const struct leat_lanes lanes = {.begin = whole_begin};
static const struct leat_stage_type alone = TYPE("alone", LEAT_LIGHT, 0);
static const struct leat_stage_type heavy = TYPE("heavy", LEAT_HEAVY, LEAT_FLUSHES);
static const struct leat_stage_type parallel = TYPE("parallel", LEAT_PARALLEL, 0);
static const struct leat_stage_type flushing = TYPE("flushing", LEAT_PARALLEL, LEAT_FLUSHES);

/* The size of its pieces is in the table of its lanes. */
static const struct leat_lanes static_lanes = {
    .block = BLOCK_STATIC, .whole = BLOCK_STATIC, .begin = whole_begin};
static int passes_plan(struct leat_stage *stage)
{
    size_t size = (size_t)((const struct params *)leat_params(stage))->size;

    leat_plan_block(stage, 2 * size, 0);
    leat_plan_whole(stage, size);
    return 0;
}

static const struct leat_stage_type passes = {
    .name = "passes",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct params),
    .state_size = sizeof(struct whole),
    .options = options,
    .plan = passes_plan,
    .step = memio_pass, /* by reference where that is possible */
    .lanes = &static_lanes,
};

static const struct leat_stage_type fixed = {
    .name = "fixed",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct params),
    .state_size = sizeof(struct whole),
    .options = options,
    .step = whole_step,
    .lanes = &static_lanes,
};

/* Passes a few bytes on and puts a flush marker after them. */
#define MARKED 100u
static int marker_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    size_t to_mark = MARKED - (size_t)((in->offset + in->pos) % MARKED), n = in->len - in->pos,
           done;

    (void)stage;
    done = leat_pass(out, in, n < to_mark ? n : to_mark);
    if (in->end && in->pos == in->len)
        return LEAT_END;
    return done > 0 && done == to_mark ? LEAT_FLUSHED : LEAT_MORE;
}

static const struct leat_stage_type marker = {
    .name = "marker", .kind = LEAT_TRANSFORM, .step = marker_step};

static const struct leat_stage_type *const types[] = {&alone, &heavy,  &parallel, &flushing,
                                                      &fixed, &passes, &marker,   NULL};

/* Pieces of `size` bytes; every `block` and every `marks` bytes begin a new one. */
static uint8_t *expected_of(const uint8_t *in, size_t n, size_t size, size_t block, size_t marks,
                            size_t *ret_len)
{
    uint8_t *to = malloc(5 * n + 4);
    size_t made = 0, begun = 0;

    ASSERT_NOT_NULL(to);
    for (size_t pos = 0; pos < n;) {
        size_t len = n - pos < size ? n - pos : size;

        /* a block begins after its predecessor, or after a marker that has ended that */
        if (block > 0 && len > block - (pos - begun))
            len = block - (pos - begun);
        if (marks > 0 && len > marks - pos % marks)
            len = marks - pos % marks;
        for (size_t i = 0; i < 4; i++)
            to[made++] = (uint8_t)(len >> 8 * i);
        memcpy(to + made, in + pos, len);
        made += len;
        pos += len;
        if ((block > 0 && pos - begun == block) || (marks > 0 && pos % marks == 0))
            begun = pos;
    }
    *ret_len = made;
    return to;
}

static void shown(const char *text, size_t n, size_t size, size_t block, size_t marks)
{
    uint8_t *in = memio_bytes(n), *expected;
    struct memio io = {.in = in, .in_len = n, .types = types};
    size_t len;

    expected = expected_of(in, n, size, block, marks, &len);
    memio_run_grid(&io, text, expected, len);
    free(expected);
    free(in);
}

TEST(test_a_stage_without_lanes_sees_pieces_of_one_size)
{
    shown("alone --size=1000", LEN, 1000, 0, 0); /* the end comes after a whole piece */
    shown("alone --size=999", LEN, 999, 0, 0);
    shown("alone --size=7", LEN, 7, 0, 0);
    shown("alone --size=100000", LEN, 100000, 0, 0);
    shown("alone --size=1000", 0, 1000, 0, 0);
    shown("heavy --size=999 --slowly=1", SLOW, 999, 0, 0);
    shown("pass : alone --size=999 --slowly=1 : pass", SLOW, 999, 0, 0);
}

TEST(test_a_lane_sees_its_block_in_one_piece)
{
    shown("parallel --size=1000", LEN, BLOCK, BLOCK, 0);
    shown("parallel --size=1000", LEN - 1, BLOCK, BLOCK, 0);
    shown("parallel --size=5000 --slowly=1", SLOW + 1, BLOCK, BLOCK, 0);
    shown("fixed", LEN, BLOCK_STATIC, BLOCK_STATIC, 0);
    shown("parallel --size=1000", 0, BLOCK, BLOCK, 0);
}

TEST(test_a_lane_may_see_its_block_in_pieces_of_one_size)
{
    shown("parallel --size=300", LEN, 300, BLOCK, 0);
    shown("parallel --size=500 --slowly=1", SLOW - 3, 500, BLOCK, 0);
    shown("parallel --size=1", SLOW, 1, BLOCK, 0);
}

TEST(test_a_flush_marker_ends_a_piece_of_a_stage_that_flushes)
{
    shown("marker : heavy --size=70", LEN, 70, 0, MARKED);
    shown("marker : heavy --size=100", LEN, 100, 0, MARKED);
    shown("marker : heavy --size=1000", LEN, 1000, 0, MARKED);
    shown("marker : flushing --size=1000", LEN, BLOCK, BLOCK, MARKED);
    shown("marker : flushing --size=50", LEN, 50, BLOCK, MARKED);
}

TEST(test_a_flush_marker_ends_no_piece_of_other_stages)
{
    shown("marker : alone --size=1000", LEN, 1000, 0, 0);
    shown("marker : parallel --size=1000", LEN, BLOCK, BLOCK, 0);
    shown("marker : parallel --size=300", LEN, 300, BLOCK, 0);
}

/* A piece that was passed on does not change when the next one is made. */
TEST(test_pieces_can_be_passed_on)
{
    uint8_t *in = memio_bytes(100000);

    for (unsigned seed = 0; seed < memio_seeds(); seed++) {
        struct memio io = {.in = in, .in_len = 100000, .piece = 999, .seed = seed, .types = types};

        io.gulp = MEMIO_RANDOM;
        io.settings.executor = LEAT_EXECUTOR_SEEDED;
        io.settings.seed = seed;
        io.settings.threads = 1 + seed % 4;
        memio_run_same(&io, "passes --size=7000 : pass", in, 100000);
    }
    free(in);
}

static void refused(const char *text, uint64_t memory, int code, const char *says)
{
    struct memio io = {.in = "abc", .in_len = 3, .types = types, .settings.memory = memory};

    ASSERT_EQ(memio_run(&io, text), code);
    ASSERT_STR_HAS(io.error.text, says);
    memio_free(&io);
}

/* The buffer is charged; the message has its size and the limit. */
TEST(test_a_piece_that_does_not_fit_in_memory_is_refused)
{
    refused("alone --size=3000000", 1 << 20, LEAT_ELIMIT, "30000");
    refused("alone --size=3000000", 1 << 20, LEAT_ELIMIT, "1048576");
    refused("parallel --size=3000000", 1 << 20, LEAT_ELIMIT, "30000");
    refused("parallel --size=3000000", 1 << 20, LEAT_ELIMIT, "1048576");
}

TEST(test_a_piece_above_the_limit_is_refused)
{
    refused("alone --size=1073741825", 0, LEAT_EINTERNAL, "1073741825");
}
