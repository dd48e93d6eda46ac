/* test_expansion.c - what is given is set against the input that was taken for it: not against what
 * lanes have read ahead, nor what earlier parts of a stream had. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat.h"
#include "memio.h"
#include "stage.h"
#include "test.h"

#define BLOCK 4096u
#define SWOLLEN ((uint64_t)2 << 20) /* what comes of an input that begins with LARGE */
#define LARGE 'L'
#define RATIO 100u /* SWOLLEN is more for a block, and less for all of the input */
#define SEEDS 40u

struct swell {
    bool begun;
    uint64_t left;
    unsigned blocks; /* the join's */
};

static int swell_plan(struct leat_stage *stage)
{
    leat_plan_expansion(stage, 0, RATIO);
    return 0;
}

static int swell_begin(struct leat_stage *stage, const struct leat_in *in)
{
    (void)in;
    *(struct swell *)leat_state(stage) = (struct swell){.begun = false};
    return 0;
}

static int swell_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct swell *w = leat_state(stage);

    if (in->len > 0 && !w->begun) {
        w->begun = true;
        w->left = in->data[0] == LARGE ? SWOLLEN : 0;
    }
    in->pos = in->len;
    if (!in->end)
        return LEAT_MORE;
    while (w->left > 0) {
        uint8_t *to;
        size_t n = leat_reserve(out, &to);

        if (n == 0)
            return LEAT_MORE;
        n = n < w->left ? n : (size_t)w->left;
        memset(to, 0, n);
        leat_commit(out, n);
        w->left -= n;
    }
    return LEAT_END;
}

/* Refuses a stream of two blocks, when it is over. */
static int swell_join(struct leat_stage *stage, enum leat_join when, const void *result,
                      struct leat_out *out)
{
    struct swell *w = leat_state(stage);

    (void)result;
    (void)out;
    w->blocks += when == LEAT_JOIN_BLOCK;
    if (when == LEAT_JOIN_TAIL && w->blocks == 2)
        return leat_fail(stage, LEAT_ECORRUPT, "two blocks");
    return LEAT_END;
}

static const struct leat_lanes swell_split = {
    .block = BLOCK, .begin = swell_begin, .join = swell_join};
static const struct leat_stage_type swell_type = {
    .name = "swell",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &swell_split,
    .state_size = sizeof(struct swell),
    .plan = swell_plan,
    .step = swell_step,
};
static const struct leat_stage_type whole_type = {
    .name = "swell-whole",
    .kind = LEAT_TRANSFORM,
    .state_size = sizeof(struct swell),
    .plan = swell_plan,
    .step = swell_step,
};

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &swell_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &whole_type), 0);
}

/* Fails at `offset` of the stage's input with `code`, whatever the order of what is run. */
static void fails_at(const uint8_t *in, size_t n, const char *text, int code, uint64_t offset)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct memio io = {.in = in, .in_len = n, .registered = add_types};
        char whole[128];

        test_context("%s, seed %ju", text, (uintmax_t)seed);
        io.settings.threads = 4;
        io.settings.executor = LEAT_EXECUTOR_SEEDED;
        io.settings.seed = seed;
        snprintf(whole, sizeof whole, "memsource --at=%lld : %s", memio_at(&io), text);
        ASSERT_EQ(memio_run_text(&io, whole), code);
        ASSERT(io.error.has_offset);
        ASSERT_EQ(io.error.offset, offset);
        memio_free(&io);
    }
}

TEST(test_what_lanes_have_read_ahead_does_not_count)
{
    size_t n = 64 * BLOCK;
    uint8_t *in = calloc(1, n);

    ASSERT_NOT_NULL(in);
    ASSERT_LT(SWOLLEN / n, RATIO);
    in[0] = LARGE;
    fails_at(in, n, "swell : null", LEAT_ELIMIT, BLOCK);
    free(in);
}

TEST(test_what_earlier_parts_had_does_not_count)
{
    size_t n = 64 * BLOCK, last = BLOCK;
    uint8_t *in = calloc(1, n + 2 * BLOCK);

    ASSERT_NOT_NULL(in);
    in[n] = LARGE;
    fails_at(in, n + last, "split -b 262144 [ swell-whole : null ]", LEAT_ELIMIT, last);
    fails_at(in, n + last, "split -b 262144 [ swell : null ]", LEAT_ELIMIT, last);
    in[n] = 0;
    fails_at(in, n + 2 * BLOCK, "split -b 262144 [ swell : null ]", LEAT_ECORRUPT, 2 * BLOCK);
    free(in);
}
