/* test_cut.c - cut: what was reported elsewhere, the two forms of its masks, and inputs of any shape. */
#include <stdlib.h>

#include "../transforms/text/cut_lines.h"
#include "../transforms/text/masks.h"
#include "memio.h"
#include "test.h"

static void give_bytes(const char *text, const void *in, size_t in_len, const void *expected,
                       size_t len)
{
    for (size_t piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = in_len, .piece = piece};

        test_context("%s of %.60s, pieces of %zu", text, (const char *)in, piece);
        io.settings.chunk = piece == 1 ? 1 : 0;
        io.settings.room = piece;
        if (memio_run(&io, text) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        memio_free(&io);
    }
}

static void give(const char *text, const char *in, const char *expected)
{
    give_bytes(text, in, strlen(in), expected, strlen(expected));
}

static void refuse(const char *text, const char *message)
{
    struct memio io = {.in = ""};

    test_context("%s", text);
    ASSERT_EQ(memio_run(&io, text), LEAT_EUSAGE);
    if (!strstr(io.error.text, message))
        FAIL("%s", io.error.text);
    memio_free(&io);
}

TEST(test_input_without_a_delimiter_is_dropped_also_where_lines_end_fields)
{
    give("cut -d '\n' -s -f1", "abc", "");
    give("cut -z -d '' -s -f1", "abc", "");
    give("cut -d '\n' -f1", "abc", "abc\n");
    give("cut -d '\n' -f 1,3", "a\nb\nc\n", "a\nc\n");
}

TEST(test_the_order_is_that_of_the_line)
{
    give("cut -d, -f3,1", "a,b,c\n", "a,c\n");
    give("cut -c 3,1", "abc\n", "ac\n");
}

TEST(test_a_delimiter_may_have_several_bytes_of_one_character)
{
    give("cut -d§ -f2", "a§b\n", "b\n");
    give("cut -d§ -f1,3", "a§b§c§d\nno\n", "a§c\nno\n");
    give("cut -d€ -s -f2- --output-delimiter=+", "a€b€c\nno", "b+c\n");
}

TEST(test_what_gnu_cut_refuses_is_refused)
{
    refuse("cut", "needs a list");
    refuse("cut -f1 -b1", "only one list");
    refuse("cut -f1 -f2", "only one list");
    refuse("cut -b1 -d,", "-d is for fields");
    refuse("cut -c1 -s", "-s is for fields");
    refuse("cut -f1 -d ab", "a single character");
    refuse("cut -f1 -d §x", "a single character");
    refuse("cut -f1 -d $'\\xff\\xfe'", "a single character");
    refuse("cut -f0", "numbered from 1");
    refuse("cut -b 2-1", "goes down");
    refuse("cut -f -", "has no number");
    refuse("cut -f 1,x", "neither a number nor a range");
    refuse("cut -f 18446744073709551615", "too large");
}

TEST(test_odd_bytes_pass)
{
    give_bytes("cut -b2-", "a\0b\xff\r\nx", 7, "\0b\xff\r\n\n", 6);
    give_bytes("cut -d '' -f2", "a\0b\n", 4, "b\n", 2);
    give("cut -f2", "a\tb\r\tc\n", "b\r\n");
    give("cut -b1", "", "");
    give("cut -f1", "", "");
    give("cut -b1", "\n\n", "\n\n");
}

/* A line that is longer than any stage that needs whole lines would take. */
TEST(test_bytes_of_a_line_of_any_length)
{
    const size_t n = (size_t)40 << 20;
    static uint8_t in[10000];
    struct memio io = {.in = in, .in_len = sizeof in, .in_repeat = n / sizeof in};

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)('0' + i % 10);
    io.settings.memory = (uint64_t)8 << 20;
    io.settings.threads = 2;
    ASSERT_EQ(memio_run(&io, "cut -b 3-5,30000001-30000003"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "234012\n", 7);
    memio_free(&io);
}

TEST(test_fields_of_a_line_that_is_too_long_are_an_error_with_a_remedy)
{
    struct memio io = {.in = "0123456789", .in_len = 10, .in_repeat = 2000000};

    ASSERT_EQ(memio_run(&io, "cut -f1"), LEAT_ELIMIT);
    ASSERT_NOT_NULL(strstr(io.error.text, "line"));
    memio_free(&io);
}

/* --- the two forms ---------------------------------------------------------------------------- */

#define LINES_MAX 2000u
#define ROUNDS 2000u

static size_t draw_lines(uint64_t *random, uint8_t *to)
{
    unsigned kinds = 2 + (unsigned)(test_random(random) % 40);
    size_t n = 1 + test_random(random) % (LINES_MAX - 1);

    for (size_t i = 0; i < n; i++) {
        unsigned kind = (unsigned)(test_random(random) % kinds);

        to[i] = (uint8_t)(kind == 0 ? '\n' : kind < 3 ? ',' : 'a' + kind);
    }
    to[n - 1] = '\n';
    return n;
}

static void draw_cut(uint64_t *random, struct leat_cut *c, struct leat_list_range *ranges)
{
    static const char *const between[] = {",", ",", "|", "<=>"};

    *c = (struct leat_cut){.ranges = ranges, .end = '\n', .delimiter = ",", .delimiter_len = 1};
    c->between = between[test_random(random) % 4];
    c->between_len = strlen(c->between);
    c->joined = c->between[0] == ',';
    c->only_delimited = test_random(random) % 3 == 0;
    for (uint64_t from = 0; c->n_ranges < test_random(random) % 4;) {
        struct leat_list_range *r = &ranges[c->n_ranges++];

        r->from = from + 1 + test_random(random) % 70 % (1 + test_random(random) % 70);
        r->to = from = r->from + test_random(random) % 4;
        if (test_random(random) % 4 == 0) {
            r->to = LEAT_LIST_END;
            break;
        }
    }
}

TEST(test_both_forms_give_what_a_line_alone_gives)
{
    static uint8_t lines[LINES_MAX], expected[3 * LINES_MAX], got[3 * LINES_MAX];
    uint64_t random = 11;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct leat_list_range ranges[4];
        struct leat_cut c;
        size_t n = draw_lines(&random, lines), len = 0, room;

        draw_cut(&random, &c, ranges);
        room = n * c.between_len;
        test_context("round %u: %zu bytes", i, n);
        for (size_t at = 0; at < n;) {
            const uint8_t *end = memchr(lines + at, '\n', n - at);
            size_t line = (size_t)(end - (lines + at)) + 1;

            len += leat_cut_fields(&c, lines + at, line, expected + len, 0, false);
            at += line;
        }
        ASSERT_EQ(leat_cut_fields(&c, lines, n, got, room, false), len);
        ASSERT_BYTES_EQ(got, len, expected, len);
        if (!leat_masks_fast())
            continue;
        ASSERT_EQ(leat_cut_fields(&c, lines, n, got, room, true), len);
        ASSERT_BYTES_EQ(got, len, expected, len);
    }
}
