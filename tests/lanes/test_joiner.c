/* test_joiner.c - join and merge of a parallel stage: when they are called, and what they may not do. */
#include <stdlib.h>

#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define BLOCK ((size_t)1000)
#define LEN (3 * BLOCK + 500)
#define BLOCKS 4u

/* A call of join or merge that breaks the contract, or fails. */
struct joins {
    enum { GOOD, IDLE, FAILS, FAILS_UNSAID, ENDS_EARLY, USES_TOO_MUCH } how;
    enum leat_join when;
};

static const char marks[] = {
    [LEAT_JOIN_HEAD] = 'H', [LEAT_JOIN_BLOCK] = 'B', [LEAT_JOIN_TAIL] = 'T'};

static int joins_join(struct leat_stage *s, enum leat_join when, const void *result,
                      struct leat_out *out)
{
    const struct joins *j = memio_given(s);

    ASSERT_EQ(when == LEAT_JOIN_BLOCK, result != NULL);
    if (when == j->when && j->how == IDLE)
        return LEAT_MORE;
    if (when == j->when && j->how == FAILS)
        return leat_fail(s, LEAT_ECORRUPT, "planned failure");
    if (when == j->when && j->how == FAILS_UNSAID)
        return LEAT_ECORRUPT;
    return leat_write(out, &marks[when], 1) == 1 ? LEAT_END : LEAT_MORE;
}

static int joins_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                       struct leat_out *out)
{
    const struct joins *j = memio_given(s);

    (void)result;
    if (j->how == IDLE && in->pos < in->len)
        return LEAT_MORE;
    if (j->how == ENDS_EARLY)
        return LEAT_END;
    if (j->how == USES_TOO_MUCH) {
        in->pos = in->len + 1;
        return LEAT_MORE;
    }
    return memio_pass(s, in, out);
}

#define JOINS_TYPE(type_name, the_lanes)                                                           \
    {                                                                                              \
        .name = type_name, .kind = LEAT_TRANSFORM, .nature = LEAT_PARALLEL, .step = memio_pass,    \
        .params_size = sizeof(struct memio_params), .options = memio_option, .lanes = &(the_lanes) \
    }
static const struct leat_lanes joined = {.block = BLOCK, .join = joins_join, .result_size = 1};
static const struct leat_lanes merged = {
    .block = BLOCK, .join = joins_join, .merge = joins_merge, .result_size = 1};
static const struct leat_stage_type joined_type = JOINS_TYPE("joined", joined);
static const struct leat_stage_type merged_type = JOINS_TYPE("merged", merged);
static const struct leat_stage_type *const types[] = {&joined_type, &merged_type, NULL};

/* A run under the e-th of many settings. The output is the first bytes of a good one; returns how many. */
static size_t run(const char *stage, const struct joins *joins, unsigned e, struct leat_error *ret)
{
    const struct memio_name names[] = {{"joins", joins}, {0}};
    uint8_t *in = memio_bytes(LEN), expected[LEN + BLOCKS + 2];
    struct memio io = memio_under(e);
    size_t n = 0, len;

    expected[n++] = 'H';
    for (size_t at = 0; at < LEN; at += BLOCK) {
        len = LEN - at < BLOCK ? LEN - at : BLOCK;
        memcpy(expected + n, in + at, len);
        n += len;
        expected[n++] = 'B';
    }
    expected[n] = 'T';
    io.types = types;
    io.in = in;
    io.in_len = LEN;
    memio_run_named(&io, names, "memsource @io | %s @joins | memsink @io", stage);
    *ret = io.error;
    len = io.out_len;
    ASSERT_BYTES_EQ(io.out, len, expected, len);
    memio_free(&io);
    free(in);
    return len;
}

TEST(test_join_is_called_at_the_head_after_each_block_and_at_the_tail)
{
    const struct joins good = {.how = GOOD};
    struct leat_error error = LEAT_INIT(leat_error);

    for (unsigned e = 0; e < 12 * N_EXECUTORS; e++) {
        ASSERT_EQ(run(e % 2 ? "merged" : "joined", &good, e, &error), LEN + BLOCKS + 2);
        ASSERT_EQ(error.code, 0);
    }
}

TEST(test_a_join_or_merge_that_fails_or_breaks_the_contract_is_named_after_the_output_before_it)
{
    static const struct {
        const char *stage;
        struct joins joins;
        int code;
        const char *says;
        size_t len;
    } rows[] = {
        {"joined", {IDLE, LEAT_JOIN_HEAD}, LEAT_EINTERNAL, "joining made no progress", 0},
        {"joined", {IDLE, LEAT_JOIN_BLOCK}, LEAT_EINTERNAL, "joining made no progress", 1 + BLOCK},
        {"joined", {IDLE, LEAT_JOIN_TAIL}, LEAT_EINTERNAL, "no progress", 1 + LEN + BLOCKS},
        {"joined", {FAILS, LEAT_JOIN_HEAD}, LEAT_ECORRUPT, "planned failure", 0},
        {"joined", {FAILS, LEAT_JOIN_BLOCK}, LEAT_ECORRUPT, "planned failure", 1 + BLOCK},
        {"joined", {FAILS, LEAT_JOIN_TAIL}, LEAT_ECORRUPT, "planned failure", 1 + LEN + BLOCKS},
        {"joined", {FAILS_UNSAID, LEAT_JOIN_BLOCK}, LEAT_ECORRUPT, "corrupt", 1 + BLOCK},
        {"merged", {FAILS, LEAT_JOIN_BLOCK}, LEAT_ECORRUPT, "planned failure", 1 + BLOCK},
        {"merged", {IDLE, LEAT_JOIN_BLOCK}, LEAT_EINTERNAL, "joining made no progress", 1},
        {"merged", {ENDS_EARLY, 0}, LEAT_EINTERNAL, "before the end of a block", 1},
        {"merged", {USES_TOO_MUCH, 0}, LEAT_EINTERNAL, "more input than there was", 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
            struct leat_error error = LEAT_INIT(leat_error);
            size_t len = run(rows[i].stage, &rows[i].joins, e, &error);

            test_context("row %zu, settings %u", i, e);
            ASSERT_EQ(error.code, rows[i].code);
            ASSERT_STREQ(error.stage_name, rows[i].stage);
            ASSERT_STR_HAS(error.text, rows[i].says);
            ASSERT_EQ(len, rows[i].len);
        }
}
