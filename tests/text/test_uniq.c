/* test_uniq.c - uniq: options that exclude one another, and inputs of odd shapes. */
#include "../transforms/text/masks.h"
#include "../transforms/text/uniq_key.h"
#include "memio.h"
#include "test.h"

static void give(const char *text, const char *in, size_t in_len, const char *expected, size_t len)
{
    for (size_t piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = in_len, .piece = piece};

        test_context("%s of %s, pieces of %zu", text, in, piece);
        io.settings.chunk = piece == 1 ? 1 : 0;
        io.settings.room = piece;
        if (memio_run(&io, text) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        memio_free(&io);
    }
}
#define GIVE(text, in, expected) give(text, in, sizeof(in) - 1, expected, sizeof(expected) - 1)

TEST(test_odd_inputs)
{
    GIVE("uniq", "", "");
    GIVE("uniq -c", "", "");
    GIVE("uniq --group=both", "", "");
    GIVE("uniq", "a\na", "a\n");
    GIVE("uniq -c", "\n\n\n", "      3 \n");
    GIVE("uniq", "a\0b\na\0b\na\0c\n", "a\0b\na\0c\n");
    GIVE("uniq -c", "a\rb\r", "      1 a\rb\r\n");
    GIVE("uniq -i",
         "\xff\xe9"
         "A\n\xff\xe9"
         "a\n",
         "\xff\xe9"
         "A\n");
    GIVE("uniq -z -d", "a\0a\0b", "a\0");
    GIVE("uniq -w0 -c", "a\nb\nc", "      3 a\n");
    GIVE("uniq -D -u", "a\na\n", "a\n");
}

TEST(test_what_gnu_uniq_refuses_is_refused)
{
    static const char *const texts[] = {"uniq --group -c", "uniq --group -d", "uniq -c -D",
                                        "uniq --group=x",  "uniq -f -2",      "uniq -w x"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct memio io = {.in = ""};

        test_context("%s", texts[i]);
        ASSERT_EQ(memio_run(&io, texts[i]), LEAT_EUSAGE);
        memio_free(&io);
    }
}

/* The group is longer than any chunk, and its count has more than seven digits. */
TEST(test_a_long_group_is_counted_in_little_memory)
{
    static uint8_t in[3000];
    struct memio io = {.in = in, .in_len = sizeof in, .in_repeat = 12345};

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t) "ab\n"[i % 3];
    io.settings.memory = (uint64_t)4 << 20;
    ASSERT_EQ(memio_run(&io, "uniq -c"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "12345000 ab\n", 12);
    memio_free(&io);
}

/* Lines longer than a chunk, that are kept from one step to the next. */
TEST(test_long_lines_are_compared_as_a_whole)
{
    const size_t n = 700000;
    static uint8_t in[3 * 700000];
    struct memio io = {.in = in, .in_len = sizeof in};

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = i % n == n - 1 ? '\n' : 'a' + i % n % 7;
    in[3 * n - 2] = 'Z';
    ASSERT_EQ(memio_run(&io, "uniq"), 0);
    ASSERT_EQ(io.out_len, 2 * n);
    ASSERT_BYTES_EQ(io.out + n, n, in + 2 * n, n);
    memio_free(&io);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

TEST(test_both_forms_skip_the_fields_that_a_loop_skips)
{
    uint64_t random = 3;

    for (unsigned i = 0; i < 5000; i++) {
        unsigned share = 2 + (unsigned)(test_random(&random) % 20);
        size_t n = test_random(&random) % 300, at = 0;
        uint64_t skip = 1 + test_random(&random) % 20;
        uint8_t line[300];

        for (size_t k = 0; k < n; k++)
            line[k] = test_random(&random) % share == 0 ? (uint8_t) " \t\n"[k % 3] : 'x';
        for (uint64_t k = 0; k < skip; k++) {
            while (at < n && is_blank(line[at]))
                at++;
            while (at < n && !is_blank(line[at]))
                at++;
        }
        test_context("round %u: %zu bytes, %ju fields", i, n, (uintmax_t)skip);
        ASSERT_EQ(leat_uniq_skip(line, line + n, skip, false) - line, at);
        ASSERT_EQ(leat_uniq_skip(line, line + n, skip, leat_masks_fast()) - line, at);
    }
}
