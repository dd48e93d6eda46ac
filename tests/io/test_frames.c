/* test_frames.c - the content of frames without its ends, which are dropped whatever pieces it comes in. */
#include "io/frames.h"

#include <stdlib.h>

#include "memio_runs.h"
#include "test.h"

static struct leat_range wanted;
static struct leat_stage source; /* the state of which the cut has */

static int cuts_open(struct leat_stage *s)
{
    static struct leat_range range;

    range = wanted;
    source.state = &range;
    s->shared = &source;
    return 0;
}

static int cuts_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    return leat_frames_cut.step(s, in, out);
}

static const struct leat_stage_type cuts = {
    .name = "cuts",
    .kind = LEAT_TRANSFORM,
    .state_size = 4u * (LEAT_FRAMES_DROP_MAX + 1u), /* more than that of leat_frames_cut */
    .open = cuts_open,
    .step = cuts_step};

static int cut(unsigned e, const char *in, size_t n, uint64_t skip, uint64_t drop)
{
    static const struct leat_stage_type *const types[] = {&cuts, NULL};
    struct memio io = memio_under(e);
    int code;

    ASSERT_LE(leat_frames_cut.state_size, cuts.state_size);
    wanted = (struct leat_range){.skip = skip, .after = drop};
    io.in = in;
    io.in_len = n;
    io.types = types;
    code = memio_run(&io, "cuts");
    if (code == 0)
        ASSERT_BYTES_EQ(io.out, io.out_len, in + skip, n - skip - drop);
    memio_free(&io);
    return code;
}

TEST(test_frames_are_four_numbers)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"0:1:0:0", 0},
        {"5:9:3:65535", 0},
        {"1K:1M:2:3", 0},
        {"", LEAT_EUSAGE},
        {"1:2:3", LEAT_EUSAGE},
        {"1:2:3:4:5", LEAT_EUSAGE},
        {"1:2:3:", LEAT_EUSAGE},
        {":2:3:4", LEAT_EUSAGE},
        {"1:0:3:4", LEAT_EUSAGE},
        {"1:2:3:65536", LEAT_EUSAGE},
        {"9223372036854775807:1:0:0", LEAT_EUSAGE},
        {"1:2:3:00000000000000000000000000000004", LEAT_EUSAGE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct leat_range range;

        test_context("'%s'", rows[i].text);
        ASSERT_EQ(leat_frames_parse(rows[i].text, &range), rows[i].code);
    }
}

TEST(test_the_ends_are_dropped_from_pieces_of_any_size)
{
    for (unsigned e = 0; e < 20 * N_EXECUTORS; e++) {
        ASSERT_EQ(cut(e, "abcdefghij", 10, 0, 0), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 10, 3, 4), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 10, 0, 10), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 10, 10, 0), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 10, 4, 5), 0);
        ASSERT_EQ(cut(e, "", 0, 0, 0), 0);
    }
}

TEST(test_large_ends_are_dropped)
{
    size_t n = 300000;
    char *in = malloc(n);

    ASSERT_NOT_NULL(in);
    for (size_t i = 0; i < n; i++)
        in[i] = (char)(i * 2654435761u >> 13);
    for (unsigned e = 0; e < 2 * N_EXECUTORS; e++) {
        ASSERT_EQ(cut(e, in, n, 1000, 65535), 0);
        ASSERT_EQ(cut(e, in, n, 70000, 40000), 0);
        ASSERT_EQ(cut(e, in, n, n - 65535, 65535), 0);
    }
    free(in);
}

TEST(test_content_that_is_shorter_than_its_ends_is_damage)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        ASSERT_EQ(cut(e, "abcdefghij", 10, 6, 5), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "abcdefghij", 10, 0, 11), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "abcdefghij", 10, 11, 0), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "", 0, 0, 1), LEAT_ECORRUPT);
    }
}
