/* test_line_stages.c - what no other tool does like the small line stages: limits, marks, errors, samples. */
#include <stdlib.h>

#include "../../transforms/text/control.h"
#include "../../transforms/text/draw.h"
#include "memio.h"
#include "test.h"

/* Runs a stage in small and in large pieces. */
static void expect(const char *stage, const char *in, size_t n, const char *out, size_t out_n)
{
    for (unsigned i = 0; i < 4; i++) {
        struct memio io = {.in = in, .in_len = n, .piece = i % 2, .settings.threads = 1 + i / 2};

        test_context("%s, run %u", stage, i);
        if (memio_run(&io, stage) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, out, out_n);
        memio_free(&io);
    }
}
#define EXPECT(stage, in, out) expect(stage, in, sizeof(in) - 1, out, sizeof(out) - 1)

static void expect_failure(const char *stage, const char *in, size_t n, uint64_t record_max,
                           int code)
{
    struct memio io = {.in = in, .in_len = n, .settings.record_max = record_max};

    test_context("%s", stage);
    ASSERT_EQ(memio_run(&io, stage), code);
    memio_free(&io);
}

/* --- control characters ----------------------------------------------------------------------- */

TEST(test_both_ways_to_find_control_characters_agree)
{
    uint64_t random = 11;

    for (unsigned i = 0; i < 20000; i++) {
        uint8_t text[150];
        size_t n = test_random(&random) % sizeof text, rare = 1 + test_random(&random) % 200;
        static const uint8_t others[] = {'\n', '\r', 0};
        uint8_t other = others[test_random(&random) % 3];
        enum leat_control which = (enum leat_control)(test_random(&random) % 2);

        for (size_t k = 0; k < n; k++)
            text[k] = (uint8_t)(test_random(&random) % rare ? ' ' + test_random(&random) % 224
                                                            : test_random(&random) % 34);
        ASSERT_EQ(leat_control_find(text, n, which, other),
                  leat_control_find_plain(text, n, which, other));
    }
}

/* --- fold ------------------------------------------------------------------------------------- */

TEST(test_fold_leaves_a_line_of_exactly_the_width_whole)
{
    EXPECT("fold -bs -w7", "1234567\n12345678\n", "1234567\n1234567\n8\n");
    EXPECT("fold -w 3", "", "");
    EXPECT("fold -z -w 3", "abcd\0\ne", "abc\0d\0\ne");
}

TEST(test_fold_limits_lines_with_s_only)
{
    struct memio io = {.in = "abcdefghij", .in_len = 10, .settings.record_max = 9};

    ASSERT_EQ(memio_run(&io, "fold -w 4"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "abcd\nefgh\nij", 12);
    memio_free(&io);
    expect_failure("fold -s", "abcdefghij", 10, 9, LEAT_ELIMIT);
    expect_failure("fold -w 0", "", 0, 0, LEAT_EUSAGE);
}

/* The blocks of lanes end at line ends only, so a line that is longer than several blocks is one. */
TEST(test_a_long_line_is_folded_by_lanes)
{
    const size_t n = 1000000;
    char *in = malloc(n);
    struct memio io = {.in = in, .in_len = n, .settings.threads = 3};

    ASSERT_NOT_NULL(in);
    memset(in, 'x', n);
    in[299] = in[999000] = '\n';
    ASSERT_EQ(memio_run(&io, "fold -w 10 : grep -v -x xxxxxxxxxx"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "xxxxxxxxx\nxxxxxxxxx\n", 20);
    memio_free(&io);
    free(in);
}

/* --- nl, trim, lines -------------------------------------------------------------------------- */

TEST(test_nl_refuses_what_it_cannot_do)
{
    expect_failure("nl -b x", "", 0, 0, LEAT_EUSAGE);
    expect_failure("nl -b 'p[a'", "", 0, 0, LEAT_EUSAGE);
    expect_failure("nl -b ta", "", 0, 0, LEAT_EUSAGE);
    expect_failure("nl -v 9223372036854775807", "a\nb\n", 4, 0, LEAT_ELIMIT);
    EXPECT("nl -z -w 2 -s:", "a\0b", " 1:a\0 2:b\0");
    EXPECT("nl", "", "");
}

TEST(test_trim_keeps_what_is_no_blank)
{
    EXPECT("trim", " a\r\n\xff \n \0 \n", "a\r\n\xff\n\0\n");
    EXPECT("trim --chars='\\\\ '", " \\a\\ \n", "a\n");
    expect_failure("trim --chars='\\q'", "", 0, 0, LEAT_EUSAGE);
    expect_failure("trim --chars=''", "", 0, 0, LEAT_EUSAGE);
}

TEST(test_lines_ends_after_the_last_range)
{
    struct memio io = {.in = "a\nb\nc\n", .in_len = 6, .in_repeat = 1000000, .discard = true};

    ASSERT_EQ(memio_run(&io, "lines 2,5:6"), 0);
    ASSERT_EQ(io.out_len, 6);
    ASSERT_LT(io.given, 3000000);
    memio_free(&io);
}

TEST(test_lines_refuses_ranges_that_are_none)
{
    static const char *const wrong[] = {
        "0", "a", "5:3", "1:2:3", "1,", "", ",1", "-1:-3", "1;2", "1:0", "99999999999999999999"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];

        snprintf(text, sizeof text, "lines -n '%s'", wrong[i]);
        expect_failure(text, "", 0, 0, LEAT_EUSAGE);
    }
    expect_failure("lines", "", 0, 0, LEAT_EUSAGE);
    expect_failure("lines -n 1 2", "", 0, 0, LEAT_EUSAGE);
}

/* --- dos2unix, unix2dos ----------------------------------------------------------------------- */

TEST(test_dos2unix_removes_a_mark_at_the_start)
{
    EXPECT("dos2unix",
           "\xef\xbb\xbf"
           "a\r\n",
           "a\n");
    EXPECT("dos2unix --keep-bom",
           "\xef\xbb\xbf"
           "a\r\n",
           "\xef\xbb\xbf"
           "a\n");
    EXPECT("dos2unix -m", "a",
           "\xef\xbb\xbf"
           "a");
    EXPECT("dos2unix -m", "", "");
    EXPECT("dos2unix", "\xef\xbb", "\xef\xbb");
    EXPECT("dos2unix", "\xef\xbb\xef\xbb\xbf\r\n", "\xef\xbb\xef\xbb\xbf\n");
    EXPECT("dos2unix", "a\r\n\xef\xbb\xbf\r\n", "a\n\xef\xbb\xbf\n");
    EXPECT("unix2dos",
           "\xef\xbb\xbf"
           "a\n",
           "\xef\xbb\xbf"
           "a\r\n");
    EXPECT("unix2dos -r",
           "\xef\xbb\xbf"
           "a\n",
           "a\r\n");
    EXPECT("unix2dos -m",
           "\xef\xbb\xbf"
           "a\n",
           "\xef\xbb\xbf"
           "a\r\n");
    expect_failure("unix2dos -m -r", "", 0, 0, LEAT_EUSAGE);
}

TEST(test_dos2unix_keeps_a_lone_cr_and_refuses_binary_data)
{
    EXPECT("dos2unix", "a\rb\r\r\n\r", "a\rb\r\n\r");
    EXPECT("unix2dos", "\n\r\n\r\rx\n", "\r\n\r\n\r\rx\r\n");
    EXPECT("dos2unix", "\f\t\xff\x7f", "\f\t\xff\x7f");
    EXPECT("dos2unix -f", "\0\r\n\x01", "\0\n\x01");
    EXPECT("unix2dos -f", "\0\n\x01", "\0\r\n\x01");
    expect_failure("dos2unix", "abc\0\r\n", 6, 0, LEAT_ECORRUPT);
    expect_failure("unix2dos", "abc\x1f", 4, 0, LEAT_ECORRUPT);
}

/* --- sample ----------------------------------------------------------------------------------- */

#define LINES 2000u

/* Lines of numbers; frees nothing. */
static struct memio numbers(char *text, unsigned n)
{
    size_t len = 0;

    for (unsigned i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, "%u\n", i);
    return (struct memio){.in = text, .in_len = len};
}

/* The numbers must be in order; adds them to counts. Returns how many there are. */
static unsigned count_sample(const struct memio *io, unsigned *counts)
{
    const char *at = (const char *)io->out, *end = at + io->out_len;
    unsigned n = 0;
    long last = -1;

    while (at < end) {
        char *next;
        long number = strtol(at, &next, 10);

        ASSERT(*next == '\n');
        ASSERT_GT(number, last);
        ASSERT_LT(number, (long)LINES);
        last = number;
        counts[number]++;
        at = next + 1;
        n++;
    }
    return n;
}

/* How far the counts are from `expected` for each of n numbers. */
static double chi_square(const unsigned *counts, unsigned n, double expected)
{
    double sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

static unsigned sample(const char *text, unsigned n, unsigned seed, unsigned *counts)
{
    static char in[16 * LINES];
    struct memio io = numbers(in, n);
    char stage[64];
    unsigned got;

    snprintf(stage, sizeof stage, "sample %s --seed=%u", text, seed);
    ASSERT_EQ(memio_run(&io, stage), 0);
    got = count_sample(&io, counts);
    memio_free(&io);
    return got;
}

TEST(test_a_sample_of_n_lines_has_n_lines_of_equal_chances)
{
    unsigned counts[LINES] = {0};
    const unsigned rounds = 2000, n = 50, k = 7;

    for (unsigned i = 0; i < rounds; i++)
        ASSERT_EQ(sample("-n 7", n, i, counts), k);
    /* 49 degrees of freedom; less spread than of independent draws, so 85.4 is exceeded in fewer than 1 of 1,000 cases */
    ASSERT(chi_square(counts, n, rounds * (double)k / n) < 85.4);
    ASSERT(chi_square(counts, n, rounds * (double)k / n) > 15);
    ASSERT_EQ(sample("-n 60", n, 1, counts), n);
    ASSERT_EQ(sample("-n 0", n, 1, counts), 0);
}

TEST(test_a_share_selects_each_line_with_the_same_probability)
{
    unsigned counts[LINES] = {0}, all = 0;
    const unsigned rounds = 1000, n = 50;

    for (unsigned i = 0; i < rounds; i++)
        all += sample("12.5%", n, i, counts);
    ASSERT_GT(all, 5900); /* 6250, and 74 is the deviation */
    ASSERT_LT(all, 6600);
    ASSERT(chi_square(counts, n, rounds * 0.125) < 85.4);
    all = 0;
    for (unsigned i = 0; i < rounds; i++)
        all += sample("50%", n, i, counts);
    ASSERT_GT(all, 24550); /* 25000, and 112 is the deviation */
    ASSERT_LT(all, 25450);
    ASSERT_EQ(sample("100%", n, 1, counts), n);
}

/* The same for any pieces and workers, and when lines move in memory, as long ones do. */
TEST(test_a_sample_with_a_seed_is_always_the_same)
{
    static const char *const stages[] = {"sample -n 20 --seed=9", "sample 3% --seed=9"};
    uint64_t random = 3;
    size_t n;
    uint8_t *in = memio_bytes(n = 3000000);

    for (unsigned k = 0; k < 2; k++) {
        struct memio first = {.in = in, .in_len = n};

        ASSERT_EQ(memio_run(&first, stages[k]), 0);
        ASSERT_GT(first.out_len, 0);
        for (unsigned i = 0; i < 10; i++) {
            struct memio io = {.in = in, .in_len = n, .piece = MEMIO_RANDOM, .seed = i};

            io.settings.threads = 1 + i % 4;
            io.settings.chunk = i % 3 ? 0 : 1 + test_random(&random) % 5000;
            ASSERT_EQ(memio_run(&io, stages[k]), 0);
            ASSERT_BYTES_EQ(io.out, io.out_len, first.out, first.out_len);
            memio_free(&io);
        }
        memio_free(&first);
    }
    free(in);
}

TEST(test_sample_needs_one_of_its_two_ways)
{
    static const char *const wrong[] = {"sample",      "sample -n 3 1%", "sample 0%",
                                        "sample 101%", "sample 1",       "sample -n -3",
                                        "sample x%",   "sample 1.2.3%",  "sample %"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_failure(wrong[i], "", 0, 0, LEAT_EUSAGE);
    EXPECT("sample 100%", "a\nb", "a\nb");
    EXPECT("sample -z -n 5", "a\0b\n", "a\0b\n");
}

TEST(test_a_sample_that_does_not_fit_is_a_limit_error)
{
    struct memio io = {.in = "0123456789abcdef\n", .in_len = 17, .in_repeat = 1000000};

    io.settings.memory = 4 << 20;
    ASSERT_EQ(memio_run(&io, "sample -n 900000"), LEAT_ELIMIT);
    memio_free(&io);
}

TEST(test_the_logarithm_and_the_exponential_are_exact)
{
    uint64_t random = 5;

    ASSERT(leat_ln(10) - 2.302585092994045684 < 1e-14);
    ASSERT(leat_ln(10) - 2.302585092994045684 > -1e-14);
    for (unsigned i = 0; i < 10000; i++) {
        double x = leat_draw_part(&random), back = leat_exp(leat_ln(x)) / x;

        ASSERT(back > 1 - 1e-12 && back < 1 + 1e-12);
        ASSERT_LT(leat_draw_below(&random, 7), 7);
    }
}
