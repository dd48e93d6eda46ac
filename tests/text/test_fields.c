/* test_fields.c - fields: its lists, the two forms of its masks, and inputs of any shape. */
#include <stdlib.h>

#include "../transforms/text/fields_lines.h"
#include "../transforms/text/masks.h"
#include "memio.h"
#include "test.h"

static void give(const char *text, const char *in, const char *expected)
{
    for (size_t piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = strlen(in), .piece = piece};

        test_context("%s of %s, pieces of %zu", text, in, piece);
        io.settings.chunk = piece == 1 ? 1 : 0;
        io.settings.room = piece;
        if (memio_run(&io, text) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, strlen(expected));
        memio_free(&io);
    }
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

TEST(test_the_order_and_repeats_of_the_list_are_kept)
{
    give("fields 3,1", "a b c\n", "c a\n");
    give("fields 3,1,3", "a b c\n", "c a c\n");
    give("fields 3,1,-1", "a b c d\n", "c a d\n");
}

TEST(test_a_separator_at_the_end_begins_an_empty_field)
{
    give("fields -d ';' -- -1", "a;b;c;\n", "\n");
    give("fields -d ';' -- -1,-2", "a;b;c;", " c\n");
    give("fields -d ';' -1", "a;b;c\n", "c\n");
}

TEST(test_blanks_around_the_line_do_not_count)
{
    give("fields 1", "  a b\n", "a\n");
    give("fields -1", "a b \t \n", "b\n");
    give("fields -z 2 : tr '\\0' '!'", "a\nb c", "b!");
}

TEST(test_missing_fields_are_empty)
{
    give("fields 5,1,9", "a b\n", " a \n");
    give("fields -- -5,1", "a b\n\n", " a\n \n");
    give("fields -d, 1", "\n", "\n");
}

TEST(test_ranges_output_the_fields_that_there_are)
{
    give("fields 2:4", "a b c\n", "b c\n");
    give("fields 2-3,1", "a b c\n", "b c a\n");
    give("fields 2:,1", "a  b  c\n", "b c a\n");
    give("fields -o, :-2", "a b c\n", "a,b\n");
    give("fields -- -2:-1", "a b c\n", "b c\n");
    give("fields 1,5:7,2", "a b\n", "a b\n");
    give("fields -d, -o+ 2-", "a,,c,\n", "+c+\n");
}

TEST(test_a_separator_may_be_a_string)
{
    give("fields -d '::' 2,-1", "a::b:c::d\n", "b:c d\n");
    give("fields -d § -1", "a§b\n", "b\n");
}

TEST(test_bad_lists_are_refused)
{
    refuse("fields", "needs one list");
    refuse("fields 1 2", "");
    refuse("fields -1 2", "needs one list");
    refuse("fields 0", "'0' in the list is no field");
    refuse("fields -0", "at least 1");
    refuse("fields 1,", "'' in the list is no field");
    refuse("fields 1,x", "'x' in the list");
    refuse("fields 3:2", "goes down");
    refuse("fields 3-2", "goes down");
    refuse("fields ':'", "in the list is no field");
    refuse("fields 1:2:3", "in the list is no field");
    refuse("fields 99999999999999999999", "in the list is no field");
    refuse("fields -d '' 1", "the separator is empty");
    refuse("fields -d '\n' 1", "ends lines");
}

TEST(test_a_list_of_many_fields)
{
    give("fields 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,1", "a b c\n",
         "a b c                 a\n");
}

TEST(test_a_line_longer_than_a_chunk)
{
    const size_t n = 3000000;
    struct memio io = {.in = "ab ", .in_len = 3, .in_repeat = n / 3};

    ASSERT_EQ(memio_run(&io, "fields 1000000,1:,-1"), 0);
    ASSERT_EQ(io.out_len, n + 6);
    memio_free(&io);
}

/* --- the two forms ---------------------------------------------------------------------------- */

#define LINES_MAX 2000u
#define ITEMS_MAX 6u
#define ROUNDS 2000u

static size_t draw_lines(uint64_t *random, uint8_t *to)
{
    unsigned kinds = 3 + (unsigned)(test_random(random) % 40);
    size_t n = 1 + test_random(random) % (LINES_MAX - 1);

    for (size_t i = 0; i < n; i++) {
        unsigned kind = (unsigned)(test_random(random) % kinds);

        to[i] = (uint8_t) "\n \t,,abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"[kind];
    }
    to[n - 1] = '\n';
    return n;
}

static void draw_fields(uint64_t *random, struct leat_fields *f, struct leat_fields_item *items)
{
    *f = (struct leat_fields){.items = items, .end = '\n', .between = "-", .between_len = 1};
    f->n_items = 1 + test_random(random) % ITEMS_MAX;
    for (size_t i = 0; i < f->n_items; i++) {
        int64_t field = 1 + (int64_t)(test_random(random) % (test_random(random) % 4 ? 6 : 100));

        items[i] = (struct leat_fields_item){.from = test_random(random) % 4 ? field : -field};
    }
    if (test_random(random) % 2) {
        f->separator = ",";
        f->separator_len = 1;
    }
    leat_fields_init(f);
    ASSERT(f->simple);
}

TEST(test_both_forms_give_what_a_line_alone_gives)
{
    static uint8_t lines[LINES_MAX], expected[12 * LINES_MAX], got[12 * LINES_MAX];
    uint64_t random = 5;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct leat_fields_item items[ITEMS_MAX];
        struct leat_fields f;
        size_t n = draw_lines(&random, lines), len = 0, room;

        draw_fields(&random, &f, items);
        room = n * f.growth;
        test_context("round %u: %zu bytes", i, n);
        for (size_t at = 0; at < n;) { /* without room for all forms: by the walker */
            const uint8_t *end = memchr(lines + at, '\n', n - at);
            size_t line = (size_t)(end - (lines + at)) + 1;

            len += leat_fields_lines(&f, lines + at, line, expected + len, 0, false);
            at += line;
        }
        ASSERT_EQ(leat_fields_lines(&f, lines, n, got, room, false), len);
        ASSERT_BYTES_EQ(got, len, expected, len);
        if (!leat_masks_fast())
            continue;
        ASSERT_EQ(leat_fields_lines(&f, lines, n, got, room, true), len);
        ASSERT_BYTES_EQ(got, len, expected, len);
    }
}
