/* test_ends.c - a stream that was cut off never looks whole to who reads it: it has no end. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define TEXT_MAX 512
#define WITNESS_BYTES 4u /* of a step: it is slow */

/* A sink that tells what it has seen. Used by one pipeline at a time. */
struct witness {
    uint64_t bytes;
    bool ended;
};

static int witness_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct witness *w = memio_given(s);

    (void)out;
    in->pos += in->len - in->pos < WITNESS_BYTES ? in->len - in->pos : WITNESS_BYTES;
    w->bytes += in->pos;
    w->ended = in->end && in->pos == in->len;
    return w->ended ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type witness_type = {
    .name = "witness",
    .summary = "sees whether there is an end",
    .kind = LEAT_SINK,
    .nature = LEAT_HEAVY, /* behind an edge */
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .step = witness_step,
};

/* A transform in blocks, whose cutter refuses one that begins with an 'x'. */
static int refusing_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                        size_t *ret_take)
{
    const uint8_t *x = memchr(data, 'x', len);

    (void)end;
    if (x == data)
        return leat_fail(s, LEAT_ECORRUPT, "no block may begin so");
    *ret_take = x ? (size_t)(x - data) : len;
    return 1;
}

static const struct leat_lanes refusing_split = {.cut = refusing_cut};
static const struct leat_stage_type refusing_type = {
    .name = "refusing",
    .summary = "passes on blocks",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &refusing_split,
    .step = memio_pass,
};

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &witness_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &refusing_type), 0);
}

static void configure(struct memio *io, uint64_t seed)
{
    io->registered = add_types;
    io->seed = io->settings.seed = seed;
    io->piece = MEMIO_RANDOM;
    io->settings.chunk = 300;
    io->settings.threads = 1 + seed % 4;
    io->settings.executor = seed % 8 == 7 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
}

TEST(test_a_stream_whose_branch_fails_at_the_end_of_the_input_has_no_end)
{
    unsigned cut_off = 0;

    for (uint64_t seed = 0; seed < 400; seed++) {
        uint8_t *bytes = memio_bytes(3000);
        struct memio io = {.in = bytes, .in_len = 3000}, other = {.gulp = 300};
        struct witness w = {.bytes = 0};
        char text[TEXT_MAX];

        test_context("seed %ju", (uintmax_t)seed);
        configure(&io, seed);
        io.piece = 0;
        other.sink.fail_at = 7 + seed % 4;
        snprintf(text, sizeof text,
                 "memsource --at=%lld : tee [ memsink --at=%lld ] : witness --at=%lld",
                 memio_at(&io), memio_at(&other), (long long)(intptr_t)&w);
        if (memio_run_text(&io, text) == LEAT_EIO) {
            ASSERT(!w.ended || w.bytes == io.in_len);
            cut_off += w.bytes < io.in_len;
        }
        memio_free(&other);
        memio_free(&io);
        free(bytes);
    }
    ASSERT_GT(cut_off, 0);
}

TEST(test_a_stream_that_cannot_be_cut_at_the_end_of_the_input_has_no_end)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint8_t bytes[1000];
        struct memio io = {.in = bytes, .in_len = sizeof bytes};
        struct witness w = {.bytes = 0};
        char text[TEXT_MAX];

        test_context("seed %ju", (uintmax_t)seed);
        memset(bytes, '.', sizeof bytes);
        bytes[sizeof bytes - 1] = 'x';
        configure(&io, seed);
        io.piece = 0;
        snprintf(text, sizeof text, "memsource --at=%lld : refusing : witness --at=%lld",
                 memio_at(&io), (long long)(intptr_t)&w);
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ECORRUPT);
        ASSERT(!w.ended);
        memio_free(&io);
    }
}
