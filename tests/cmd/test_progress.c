/* test_progress.c - the line of progress at every width; the time left, on a clock of our own. */

#include <stdlib.h>

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/run/buf.c"
#include "../../cmd/run/term.c"
#include "../../cmd/sight/bar.c"
#include "../../cmd/sight/bottleneck.c"
#include "../../cmd/sight/live.c"
#include "../../cmd/sight/meter.c"
#include "../../cmd/sight/stages.c"
#include "../../cmd/words/table.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define SECOND ((uint64_t)1000000000)
#define GIB ((uint64_t)1 << 30)

static const struct progress_view half = {.pos = GIB,
                                          .total = 2 * GIB,
                                          .elapsed_ns = 4 * SECOND,
                                          .left_ns = 61 * SECOND,
                                          .rate = 340 << 20,
                                          .out = 100 << 20,
                                          .slowest = "gunzip",
                                          .slowest_percent = 97};

static struct buf line;

static const char *show(const struct progress_view *v, unsigned width, bool utf8, bool color)
{
    buf_free(&line);
    progress_line(&line, v, width, utf8, color);
    ASSERT(!line.failed);
    return buf_text(&line);
}

TEST(test_a_wide_line_says_all)
{
    ASSERT_STREQ(show(&half, 140, false, false),
                 " 50% [=========================>                        ]  1.00 GiB of "
                 "2.00 GiB  340 MiB/s  "
                 "100 MiB out  gunzip 97%  0:04  ETA 1:01");
    buf_free(&line);
}

TEST(test_a_narrow_line_keeps_the_rate_and_the_time_left)
{
    ASSERT_STREQ(show(&half, 80, false, false),
                 " 50% [=======>      ]  1.00 GiB of 2.00 GiB  340 MiB/s  100 MiB out  ETA 1:01");
    ASSERT_STREQ(show(&half, 40, false, false), " 50% [======>     ]  340M/s  ETA 1:01");
    ASSERT_STREQ(show(&half, 25, false, false), " 50%  340M/s  ETA 1:01");
    ASSERT_STREQ(show(&half, 20, false, false), " 50%  ETA 1:01");
    buf_free(&line);
}

TEST(test_an_unknown_total_has_no_bar_and_no_time_left)
{
    struct progress_view v = half;

    v.total = 0;
    v.left_ns = UINT64_MAX;
    ASSERT_STREQ(show(&v, 80, true, false), "1.00 GiB  340 MiB/s  100 MiB out  gunzip 97%  0:04");
    buf_free(&line);
}

TEST(test_a_bar_of_blocks_where_the_locale_has_them)
{
    struct progress_view v = half;

    v.pos = v.total / 16 * 9;
    ASSERT_STREQ(show(&v, 40, true, false), " 56% ▕██████▊     ▏  340M/s  ETA 1:01");
    ASSERT_STREQ(show(&v, 40, true, true), " 56% ▕\033[32m██████▊     \033[0m▏  340M/s  ETA 1:01");
    buf_free(&line);
}

TEST(test_a_source_that_grew_is_not_over_100_percent)
{
    struct progress_view v = half;

    v.pos = 3 * GIB;
    ASSERT_STR_HAS(show(&v, 40, false, false), "100% [============]");
    v.finishing = true;
    ASSERT_STR_HAS(show(&v, 60, false, false), "finishing");
    buf_free(&line);
}

TEST(test_no_line_is_wider_than_the_terminal)
{
    struct progress_view views[5] = {half, half, half, half, half};

    views[1].total = 0;
    views[2].pos = 0;
    views[3].slowest = "a-stage-with-a-name-that-is-very-long-indeed-and-more";
    views[3].elapsed_ns = views[3].left_ns = 1000 * 86400 * SECOND;
    views[4].pos = views[4].total = UINT64_MAX;
    views[4].rate = views[4].out = UINT64_MAX / 2;
    for (unsigned width = TERM_WIDTH_MIN; width <= 300; width++) {
        for (size_t i = 0; i < 5; i++) {
            const char *text = show(&views[i], width, i % 2, false);

            test_context("width %u, view %zu: %s", width, i, text);
            ASSERT_LE(term_columns(text, strlen(text)), width - 3);
            ASSERT_GT(strlen(text), 0);
        }
    }
    buf_free(&line);
}

/* --- the table of stages ---------------------------------------------------------------------- */

static struct live_row rows[3] = {
    {.stage = {.name = "read",
               .text = "read a-file-with-a-very-long-name-that-has-to-be-cut.log.gz",
               .number = 1,
               .bytes_out = 1000,
               .workers = 1},
     .out_rate = 100 << 20,
     .busy = 3,
     .wait_out = 97},
    {.stage = {.name = "gunzip",
               .text = "gunzip",
               .number = 2,
               .bytes_in = 1000,
               .bytes_out = 4250,
               .workers = 1},
     .in_rate = 100 << 20,
     .out_rate = 425 << 20,
     .fill = 3,
     .capacity = 4,
     .busy = 97,
     .wait_in = 1,
     .wait_out = 2},
    {.stage = {.name = "write", .text = "write -", .bytes_in = 4250, .workers = 1},
     .in_rate = 425 << 20,
     .busy = 1,
     .wait_in = 99},
};
static const struct live table = {.rows = rows, .n = 3, .marked = 1};
static const struct term bare = {.fd = 2};

static const char *show_table(unsigned width, unsigned height, size_t *ret_lines)
{
    buf_free(&line);
    *ret_lines = live_table(&line, &table, width, height, &bare, "\n");
    ASSERT(!line.failed);
    return buf_text(&line);
}

TEST(test_a_table_has_a_row_a_stage_and_marks_the_bottleneck)
{
    size_t lines;

    ASSERT_STREQ(
        show_table(80, 24, &lines),
        "  # stage                    in       out  ratio buffer  busy wait-in wait-out\n"
        "  1 read a-file-wit..         -    100M/s      -      -    3%      0%      97%\n"
        "  2 gunzip               100M/s    425M/s   4.25    75%   97%      1%       2% <\n"
        "    write -              425M/s         -      -      -    1%     99%       0%\n");
    ASSERT_EQ(lines, 4);
}

TEST(test_no_table_is_wider_or_higher_than_the_terminal)
{
    for (unsigned width = 42; width <= 200; width++)
        for (unsigned height = 2; height <= 6; height++) {
            size_t lines, seen = 0;
            const char *text = show_table(width, height, &lines);

            test_context("width %u, height %u:\n%s", width, height, text);
            ASSERT_LE(lines, height);
            ASSERT_STR_HAS(text, "gunzip"); /* the marked one is always there */
            for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1, seen++)
                ASSERT_LE(term_columns(text, (size_t)(end - text)), width);
            ASSERT_EQ(seen, lines);
        }
}

/* --- the meter -------------------------------------------------------------------------------- */

/* 10 ticks a second for `seconds` at a rate that swings by `swing` of itself. */
static uint64_t feed(struct meter *m, uint64_t *now, uint64_t pos, double rate, double seconds,
                     double swing, uint64_t *seed)
{
    for (int i = 0; i < (int)(seconds * 10); i++) {
        double part = (double)(test_random(seed) % 2000) / 1000 - 1;

        *now += SECOND / 10;
        pos += (uint64_t)(rate / 10 * (1 + swing * part));
        meter_add(m, *now, pos);
    }
    return pos;
}

TEST(test_the_time_left_of_a_steady_job_is_right_from_the_start)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct meter m = {.started = false};
        uint64_t now = 0, pos, state = seed;
        double left;

        test_context("seed %d", (int)seed);
        meter_add(&m, 0, 0);
        ASSERT_EQ(meter_left_ns(&m, 100), UINT64_MAX);
        pos = feed(&m, &now, 0, 1e8, 30, 0.5, &state); /* 30 of 100 seconds */
        left = (double)meter_left_ns(&m, (uint64_t)100e8 - pos) / 1e9;
        ASSERT_GT(left, 70 * 0.85);
        ASSERT_LT(left, 70 * 1.15);
    }
}

TEST(test_the_rate_follows_a_change_and_falls_to_nothing)
{
    struct meter m = {.started = false};
    uint64_t now = 0, pos, state = 7;

    meter_add(&m, 0, 0);
    pos = feed(&m, &now, 0, 1e8, 20, 0, &state);
    ASSERT_GT(meter_rate(&m), 0.99e8);
    ASSERT_LT(meter_rate(&m), 1.01e8);
    pos = feed(&m, &now, pos, 1e7, 10, 0, &state);
    ASSERT_LT(meter_rate(&m), 1.5e7);
    (void)feed(&m, &now, pos, 0, 30, 0, &state);
    ASSERT_LT(meter_rate(&m), 1e3);
}

TEST(test_a_clock_that_stands_still_changes_nothing)
{
    struct meter m = {.started = false};

    meter_add(&m, 0, 0);
    meter_add(&m, SECOND, 1000);
    meter_add(&m, SECOND, 5000);
    ASSERT_EQ((int)meter_rate(&m), 1000);
}

/* --- figures and wrapping --------------------------------------------------------------------- */

TEST(test_figures_have_three_digits)
{
    ASSERT_STREQ(human_bytes(0).text, "0 B");
    ASSERT_STREQ(human_bytes(999).text, "999 B");
    ASSERT_STREQ(human_bytes(1000).text, "0.98 KiB");
    ASSERT_STREQ(human_bytes(10 * 1024).text, "10.0 KiB");
    ASSERT_STREQ(human_bytes(1023 * 1024).text, "1.00 MiB");
    ASSERT_STREQ(human_bytes(UINT64_MAX).text, "16.0 EiB");
    ASSERT_STREQ(human_bytes_short(1536).text, "1.50K");
    ASSERT_STREQ(human_time(0).text, "0:00");
    ASSERT_STREQ(human_time(59 * SECOND + SECOND / 2).text, "1:00");
    ASSERT_STREQ(human_time(3661 * SECOND).text, "1:01:01");
    ASSERT_STREQ(human_time(90000 * SECOND).text, "1d01h");
    ASSERT_STREQ(human_seconds(SECOND / 20).text, "0.050 s");
}

TEST(test_text_wraps_at_words_and_never_within_them)
{
    struct buf b = {.n = 0};
    static const char text[] = "one two  three\nfour überlang-und-mehr five";

    term_wrap(&b, text, strlen(text), 2, 4, 14);
    ASSERT_STREQ(buf_text(&b), "one two\n    three four\n    überlang-und-mehr\n    five\n");
    buf_free(&b);
}

TEST(test_json_strings_are_valid_whatever_the_bytes)
{
    struct buf b = {.n = 0};

    buf_json(&b, "a\"b\\c\n\x01\x7f é\xff\xc3(\xed\xa0\x80\xf0\x9f\x98\x80");
    ASSERT_STREQ(buf_text(&b),
                 "\"a\\\"b\\\\c\\n\\u0001\\u007f é\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd"
                 "\xf0\x9f\x98\x80\"");
    buf_free(&b);
}
