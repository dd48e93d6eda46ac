/* test_text.c - head, tail, count and pass against simple loops, for any pieces and room. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define ROUNDS 400u
#define TEXT_MAX 3000u

struct text {
    uint8_t bytes[TEXT_MAX];
    size_t len;
};

static void draw_text(uint64_t *random, struct text *t)
{
    static const char letters[] = "ab \n\n\t\xc3\xa9z\n";
    unsigned kinds = 1 + (unsigned)(test_random(random) % (sizeof letters - 2));

    t->len = test_random(random) % (test_random(random) % 4 ? 60 : TEXT_MAX);
    for (size_t i = 0; i < t->len; i++)
        t->bytes[i] = (uint8_t)letters[test_random(random) % (kinds + 1)];
    if (test_random(random) % 8 == 0)
        for (size_t i = 0; i < t->len; i++)
            t->bytes[i] = t->bytes[i] == '\n' ? 'x' : t->bytes[i];
}

static void draw_run(uint64_t *random, struct memio *io)
{
    static const size_t chunks[] = {0, 1, 7, 100, 4095, 65536};

    io->piece = test_random(random) % 3 ? MEMIO_RANDOM : 0;
    io->seed = test_random(random);
    io->settings.chunk = chunks[test_random(random) % 6];
    io->settings.room = test_random(random) % 3 ? 0 : 1 + test_random(random) % 3;
    io->settings.threads = 1 + (unsigned)(test_random(random) % 3);
    io->settings.executor = test_random(random) % 3 ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_AUTO;
    io->settings.seed = test_random(random);
}

static void run_and_expect(uint64_t *random, const struct text *t, const char *stage,
                           const uint8_t *expected, size_t n)
{
    struct memio io = {.in = t->bytes, .in_len = t->len};

    draw_run(random, &io);
    test_context("%s, %zu bytes, piece %zd, chunk %zu, room %zu, executor %d, seed %ju", stage,
                 t->len, io.piece, io.settings.chunk, io.settings.room, (int)io.settings.executor,
                 (uintmax_t)io.settings.seed);
    if (memio_run(&io, stage) < 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
    memio_free(&io);
}

/* Offset behind the first n lines. */
static size_t behind_lines(const struct text *t, uint64_t n)
{
    size_t at = 0;

    for (; n > 0 && at < t->len; n--) {
        const uint8_t *end = memchr(t->bytes + at, '\n', t->len - at);

        at = end ? (size_t)(end - t->bytes) + 1 : t->len;
    }
    return at;
}

/* A last one without its end counts. */
static uint64_t count_lines(const struct text *t)
{
    uint64_t n = 0;

    for (size_t i = 0; i < t->len; i++)
        n += t->bytes[i] == '\n' || i + 1 == t->len;
    return n;
}

static size_t minus(size_t a, uint64_t b)
{
    return a > b ? a - (size_t)b : 0;
}

static size_t least(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

TEST(test_head_gives_the_first_lines_and_bytes)
{
    static struct text t;
    uint64_t random = 1;
    char stage[64];

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t n = test_random(&random) % 20;
        size_t first_lines, all_but_lines;

        draw_text(&random, &t);
        first_lines = behind_lines(&t, n);
        all_but_lines = behind_lines(&t, minus(count_lines(&t), n));
        snprintf(stage, sizeof stage, "head -n %ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes, first_lines);
        snprintf(stage, sizeof stage, "head -n -%ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes, all_but_lines);
        n *= 1 + round % 50;
        snprintf(stage, sizeof stage, "head -c %ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes, least(t.len, n));
        snprintf(stage, sizeof stage, "head -c -%ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes, minus(t.len, n));
    }
}

TEST(test_tail_gives_the_last_lines_and_bytes)
{
    static struct text t;
    uint64_t random = 2;
    char stage[64];

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t n = test_random(&random) % 20;
        size_t at;

        draw_text(&random, &t);
        at = behind_lines(&t, minus(count_lines(&t), n));
        snprintf(stage, sizeof stage, "tail -n %ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes + at, t.len - at);
        at = behind_lines(&t, minus(n, 1));
        snprintf(stage, sizeof stage, "tail -n +%ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes + at, t.len - at);
        n *= 1 + round % 50;
        at = minus(t.len, n);
        snprintf(stage, sizeof stage, "tail -c %ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes + at, t.len - at);
        at = least(t.len, minus(n, 1));
        snprintf(stage, sizeof stage, "tail -c +%ju", (uintmax_t)n);
        run_and_expect(&random, &t, stage, t.bytes + at, t.len - at);
    }
}

static void expect_text(const char *stage, const char *in, size_t in_len, const char *expected,
                        size_t n)
{
    struct memio io = {.in = in, .in_len = in_len};

    test_context("%s", stage);
    if (memio_run(&io, stage) < 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
    memio_free(&io);
}
#define EXPECT(stage, in, expected)                                                                \
    expect_text(stage, in, sizeof(in) - 1, expected, sizeof(expected) - 1)

TEST(test_head_and_tail_know_the_old_forms_suffixes_and_nul)
{
    EXPECT("head -2", "a\nb\nc\n", "a\nb\n");
    EXPECT("head -2c", "abc", "ab");
    EXPECT("head", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    EXPECT("head -z -n 1", "a\nb\0c", "a\nb\0");
    EXPECT("head -n 1K", "a\n", "a\n");
    EXPECT("head --bytes=+1", "abc", "a");
    EXPECT("tail -2", "a\nb\nc\n", "b\nc\n");
    EXPECT("tail -z -1", "a\0b\0c\n", "c\n");
    EXPECT("tail -z -n +2", "a\0b\0c\n", "b\0c\n");
    EXPECT("tail", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n");
}

TEST(test_the_largest_count_is_a_count)
{
    static const char *const stages[][2] = {
        {"head -n 18446744073709551615", "12"}, {"head -c 18446744073709551615", "12"},
        {"head -n -18446744073709551615", ""},  {"head -c -18446744073709551615", ""},
        {"tail -n 18446744073709551615", "12"}, {"tail -c 18446744073709551615", "12"},
        {"tail -n +18446744073709551615", ""},  {"tail -c +18446744073709551615", ""},
        {"head -18446744073709551615", "12"},   {"head -n 18446744073709551614", "12"},
    };
    uint64_t random = 3;
    struct text t = {.len = 0};

    for (size_t i = 0; i < 12; i++)
        t.len += (size_t)sprintf((char *)t.bytes + t.len, "%zu\n", i);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        run_and_expect(&random, &t, stages[i][0], t.bytes, *stages[i][1] ? t.len : 0);
}

TEST(test_lines_and_bytes_cannot_both_be_asked_for)
{
    static const char *const stages[] = {"head -n 1 -c 1", "tail -n 1 -c 1"};

    for (size_t i = 0; i < 2; i++) {
        struct memio io = {.in = "", .in_len = 0};

        ASSERT_EQ(memio_run(&io, stages[i]), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, "only one of -n and -c");
        memio_free(&io);
    }
}

TEST(test_head_ends_an_endless_input)
{
    struct memio io = {.in = "a\nb\n", .in_len = 4, .in_repeat = 1u << 24};

    ASSERT_EQ(memio_run(&io, "head -n 3"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "a\nb\na\n", 6);
    ASSERT_LT(io.source_calls, 100);
    memio_free(&io);
}

TEST(test_what_head_and_tail_hold_is_bounded_by_memory)
{
    static const char *const stages[] = {"head -c -1G", "tail -c 1G", "head -n -1G", "tail -n 1G"};

    for (size_t i = 0; i < 4; i++) {
        struct memio io = {.in = "0123456789abcde\n", .in_len = 16, .in_repeat = 4u << 20};

        io.settings.memory = 8u << 20;
        io.discard = true;
        test_context("%s", stages[i]);
        ASSERT_EQ(memio_run(&io, stages[i]), LEAT_ELIMIT);
        ASSERT_LE(io.stats.memory_peak, 8u << 20);
        memio_free(&io);
    }
}

TEST(test_a_large_stream_needs_no_more_than_the_last_lines)
{
    struct memio io = {.in = "0123456789abcde\n", .in_len = 16, .in_repeat = 4u << 20};

    io.settings.memory = 8u << 20;
    ASSERT_EQ(memio_run(&io, "tail -n 1000 | head -n -999"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "0123456789abcde\n", 16);
    memio_free(&io);
}

TEST(test_pass_changes_nothing)
{
    static struct text t;
    uint64_t random = 3;

    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_text(&random, &t);
        run_and_expect(&random, &t, "pass", t.bytes, t.len);
    }
}

/* --- count ------------------------------------------------------------------------------------ */

TEST(test_count_has_the_form_of_wc)
{
    EXPECT("count", "a b\nc", "      1       3       5\n");
    EXPECT("wc", "", "      0       0       0\n");
    EXPECT("count -l", "a\nb", "1\n");
    EXPECT("count -w", " a  b\tc\n", "3\n");
    EXPECT("count -c", "abc", "3\n");
    EXPECT("count -m", "a\xc3\xa9\xff", "2\n");
    EXPECT("count -lc", "a\n", "      1       2\n");
    EXPECT("count -L", "a\tb\n\xc3\xa9\n", "9\n");
    EXPECT("count -clmwL", "a b\n", "      1       2       4       4       3\n");
    EXPECT("count -L", "\xe3\x81\x82\xe3\x81\x82x\rabc\f", "5\n");
}

TEST(test_white_space_is_that_of_unicode)
{
    EXPECT("count -w",
           "a\xc2\xa0"
           "b\xe2\x80\x83"
           "c\xe3\x80\x80"
           "d\xe1\x9a\x80"
           "e",
           "5\n");
    EXPECT("count -w",
           "a\xe2\x80\x8b"
           "b\xe2\x82\xac\xc3\xa9",
           "1\n");
    EXPECT("count -w", "\xe2\x80", "1\n");
    EXPECT("count -w", "a \xe2\x80 b", "3\n");
    EXPECT("count -w", "\xe2\xe2\x80\x83", "1\n");
}

TEST(test_characters_are_those_of_valid_utf8)
{
    EXPECT("count -m", "\xed\xa0\x80", "0\n");
    EXPECT("count -m", "\xe0\x80\x80\xc1\x81\xf5\x80\x80\x80", "0\n");
    EXPECT("count -m", "\xf4\x8f\xbf\xbf\xf0\x9f\x98\x80", "2\n");
    EXPECT("count -m",
           "a\xe2\x82"
           "b\xe2\xe2\x82\xac",
           "3\n");
}

/* Words by a loop that looks back: a byte of no white space behind one that is, or at the start. */
static uint64_t words_simply(const uint8_t *data, size_t n)
{
    uint64_t words = 0;
    bool space_before = true;

    for (size_t i = 0; i < n; i++) {
        bool space = strchr(" \t\n\v\f\r", data[i]) && data[i];

        if (n - i >= 2 && memcmp(data + i, "\xc2\xa0", 2) == 0) {
            space_before = true;
            i++;
            continue;
        }
        words += !space && space_before;
        space_before = space;
    }
    return words;
}

TEST(test_counts_agree_with_a_simple_loop)
{
    static struct text t;
    static const char *const parts[] = {"a",        "bc",       " ",    "\n", "\t",
                                        "\xc2\xa0", "\xc3\xa9", "\xff", "  ", "xyzzy"};
    uint64_t random = 5;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t lines = 0, characters = 0;
        char expected[128];
        unsigned kinds = round % 3 ? 5 : 10;

        t.len = 0;
        for (size_t n = test_random(&random) % 400; n > 0; n--) {
            const char *part = parts[test_random(&random) % kinds];

            memcpy(t.bytes + t.len, part, strlen(part));
            t.len += strlen(part);
            characters += *part == '\xff' ? 0 : *part & 0x80 ? 1 : strlen(part);
        }
        for (size_t i = 0; i < t.len; i++)
            lines += t.bytes[i] == '\n';
        snprintf(expected, sizeof expected, "%7ju %7ju %7ju %7ju\n", (uintmax_t)lines,
                 (uintmax_t)words_simply(t.bytes, t.len), (uintmax_t)characters, (uintmax_t)t.len);
        run_and_expect(&random, &t, "count -lwmc", (const uint8_t *)expected, strlen(expected));
    }
}

TEST(test_count_passes_on_and_writes_to_a_file)
{
    struct memio io = {.in = "a\nb\n", .in_len = 4};
    char stage[512], path[400];
    size_t len;
    uint8_t *side;

    snprintf(path, sizeof path, "%s/n", test_tmp_dir());
    snprintf(stage, sizeof stage, "count -l --to='%s'", path);
    ASSERT_EQ(memio_run(&io, stage), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "a\nb\n", 4);
    side = test_file_read(path, &len);
    ASSERT_NOT_NULL(side);
    ASSERT_BYTES_EQ(side, len, "2\n", 2);
    free(side);
    memio_free(&io);
}

/* It counts all of its input though nobody wants more of it. */
TEST(test_count_goes_on_when_downstream_has_enough)
{
    struct memio io = {.in = "a\nb\n", .in_len = 4, .in_repeat = 10000};
    char stage[512], path[400];
    size_t len;
    uint8_t *side;

    snprintf(path, sizeof path, "%s/n", test_tmp_dir());
    snprintf(stage, sizeof stage, "count -l --to='%s' | head -n 1", path);
    ASSERT_EQ(memio_run(&io, stage), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "a\n", 2);
    side = test_file_read(path, &len);
    ASSERT_NOT_NULL(side);
    ASSERT_BYTES_EQ(side, len, "20000\n", 6);
    free(side);
    memio_free(&io);
}
