/* test_cutter.c - blocks as a stage's cut ends them: number, offset, history, and what cut may not do. */
#include <stdlib.h>

#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define LEN ((size_t)20000)
#define LEAST 50u /* bytes of a block, which ends after a newline then */
#define HISTORY ((size_t)300)
#define LINE_MAX 64u

enum how { GOOD, TAKES_TOO_MUCH, TAKES_NOTHING, FAILS, FAILS_UNSAID };

struct blocks {
    size_t cut;  /* the cutter's: bytes of the current block */
    size_t seen; /* a lane's: bytes of its block */
    uint64_t sum;
};

static int blocks_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                      size_t *ret_take)
{
    const enum how *how = memio_given(s);
    struct blocks *b = leat_state(s);

    (void)end;
    *ret_take = *how == TAKES_TOO_MUCH ? len + 1 : *how == TAKES_NOTHING ? 0 : len;
    if (*how == FAILS)
        return leat_fail(s, LEAT_ECORRUPT, "planned failure");
    if (*how != GOOD)
        return *how == FAILS_UNSAID ? LEAT_ECORRUPT : 0;
    for (size_t i = 0; i < len; i++)
        if (++b->cut >= LEAST && data[i] == '\n') {
            b->cut = 0;
            *ret_take = i + 1;
            return 1;
        }
    return 0;
}

static uint64_t sum_of(uint64_t sum, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + data[i];
    return sum;
}

static int blocks_begin(struct leat_stage *s, const struct leat_in *in)
{
    *(struct blocks *)leat_state(s) =
        (struct blocks){.sum = sum_of(0, in->history, in->history_len)};
    return 0;
}

static size_t line_of(char *line, uint64_t block, uint64_t offset, size_t n, uint64_t sum)
{
    return (size_t)snprintf(line, LINE_MAX, "%ju %ju %zu %jx\n", (uintmax_t)block,
                            (uintmax_t)offset, n, (uintmax_t)sum);
}

/* A line for each block; the sum is that of its history and its bytes. */
static int blocks_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct blocks *b = leat_state(s);
    char line[LINE_MAX];
    size_t n = in->len - in->pos;
    uint8_t *to;

    b->sum = sum_of(b->sum, in->data + in->pos, n);
    b->seen += n;
    in->pos = in->len;
    if (!in->end || leat_reserve_least(out, LINE_MAX, &to) == 0)
        return LEAT_MORE;
    n = line_of(line, in->block, in->offset + in->len - b->seen, b->seen, b->sum);
    memcpy(to, line, n);
    leat_commit(out, n);
    return LEAT_END;
}

static const struct leat_lanes lanes = {
    .history = HISTORY, .cut = blocks_cut, .begin = blocks_begin};
static const struct leat_stage_type type = {.name = "blocks",
                                            .kind = LEAT_TRANSFORM,
                                            .nature = LEAT_PARALLEL,
                                            .params_size = sizeof(struct memio_params),
                                            .state_size = sizeof(struct blocks),
                                            .options = memio_option,
                                            .step = blocks_step,
                                            .lanes = &lanes};
static const struct leat_stage_type *const types[] = {&type, NULL};

/* A run under the e-th of many settings, with small chunks and little room now and then. */
static struct memio run(unsigned e, const enum how *how, const uint8_t *in)
{
    const struct memio_name names[] = {{"how", how}, {0}};
    struct memio io = memio_under(e);

    io.types = types;
    io.in = in;
    io.in_len = LEN;
    io.settings.chunk = e % 5 ? 0 : 1 + e;
    io.settings.room = e % 4 ? 0 : 1 + e % 50;
    memio_run_named(&io, names, "memsource @io | blocks @how | memsink @io");
    return io;
}

static size_t expected_of(char *to, const uint8_t *in)
{
    size_t n = 0, from = 0;
    uint64_t block = 0;

    for (size_t i = 0; i < LEN; i++) {
        size_t history = from < HISTORY ? from : HISTORY;

        if (i + 1 < LEN && (i + 1 - from < LEAST || in[i] != '\n'))
            continue;
        n += line_of(to + n, block++, from, i + 1 - from,
                     sum_of(0, in + from - history, history + i + 1 - from));
        from = i + 1;
    }
    return n;
}

TEST(test_blocks_have_the_same_bytes_offset_and_history_under_every_schedule)
{
    static char expected[LEN / LEAST * LINE_MAX];
    unsigned runs = memio_seeds() / 3 + N_EXECUTORS;
    uint8_t *in = memio_bytes(LEN);
    size_t len = expected_of(expected, in);
    const enum how how = GOOD;

    for (unsigned e = 0; e < runs; e++) {
        struct memio io = run(e, &how, in);

        ASSERT_EQ(io.code, 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_cut_that_fails_or_breaks_the_contract_is_named)
{
    static const struct {
        enum how how;
        int code;
        const char *says;
    } rows[] = {{TAKES_TOO_MUCH, LEAT_EINTERNAL, "its cut took"},
                {TAKES_NOTHING, LEAT_EINTERNAL, "its cut took 0 of "},
                {FAILS, LEAT_ECORRUPT, "planned failure"},
                {FAILS_UNSAID, LEAT_ECORRUPT, "corrupt"}};
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct memio io = run(e, &rows[e % 4].how, in);

        ASSERT_EQ(io.code, rows[e % 4].code);
        ASSERT_STREQ(io.error.stage_name, "blocks");
        ASSERT_STR_HAS(io.error.text, rows[e % 4].says);
        memio_free(&io);
    }
    free(in);
}
