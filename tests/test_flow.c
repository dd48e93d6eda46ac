/* test_flow.c - require and limit: what is let through, and what is not. */
#include <inttypes.h>
#include <stdlib.h>

#include "memio.h"
#include "test.h"

/* What `text` makes of the input, in pieces and in one, on the loop and on threads. */
static void gives(const char *text, const char *in, int code, const char *out)
{
    size_t piece;

    for (piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = strlen(in), .piece = piece};

        io.settings.threads = 1 + (unsigned)piece % 2;
        io.settings.room = piece == 2;
        test_context("%s, piece %zu", text, piece);
        ASSERT_EQ(memio_run(&io, text), code);
        ASSERT_EQ(io.commits, code == 0);
        if (out)
            ASSERT_BYTES_EQ(io.out, io.out_len, out, strlen(out));
        memio_free(&io);
    }
}

/* The failure's text and place. */
static void says(const char *text, const char *in, int code, const char *words, uint64_t offset)
{
    struct memio io = {.in = in, .in_len = strlen(in), .piece = 3};

    test_context("%s", text);
    ASSERT_EQ(memio_run(&io, text), code);
    ASSERT_STR_HAS(io.error.text, words);
    ASSERT(io.error.has_offset);
    ASSERT_EQ(io.error.offset, offset);
    memio_free(&io);
}

/* --- require ----------------------------------------------------------------------------------- */

TEST(test_what_is_as_required_goes_on_unchanged)
{
    static const char text[] = "one\ntwo\n\nfour";

    gives("require", text, 0, text);
    gives("require", "", 0, "");
    gives("require --min-bytes=13 --max-bytes=13 --min-lines=4 --max-lines=4", text, 0, text);
    gives("require --max-bytes=0 --max-lines=0", "", 0, "");
    gives("require --match '^f.*r$' --match '^$' --match TWO -i", text, 0, text);
    gives("require -F --match o", text, 0, text);
}

TEST(test_too_few_bytes_or_lines_are_truncation)
{
    gives("require --min-bytes=14", "one\ntwo\n\nfour", LEAT_ETRUNCATED, NULL);
    gives("require --min-lines=5", "one\ntwo\n\nfour", LEAT_ETRUNCATED, NULL);
    gives("require --min-lines=1", "", LEAT_ETRUNCATED, NULL);
    says("require --min-bytes=10", "one\n", LEAT_ETRUNCATED, "has 4 bytes, --min-bytes is 10", 4);
    says("require --min-lines=9", "1\n2\n3", LEAT_ETRUNCATED, "has 3 lines, --min-lines is 9", 5);
}

TEST(test_too_many_bytes_or_lines_are_over_a_limit_where_it_is_crossed)
{
    gives("require --max-bytes=12", "one\ntwo\n\nfour", LEAT_ELIMIT, NULL);
    gives("require --max-lines=3", "one\ntwo\n\nfour", LEAT_ELIMIT, NULL);
    gives("require --max-bytes=0", "x", LEAT_ELIMIT, NULL);
    says("require --max-bytes=5", "one\ntwo\n", LEAT_ELIMIT, "at least 6 bytes, --max-bytes is 5",
         5);
    says("require --max-lines=2", "a\nbc\nd", LEAT_ELIMIT, "at least 3 lines, --max-lines is 2", 5);
}

TEST(test_a_pattern_that_no_line_matches_is_an_error)
{
    gives("require --match 'e.t'", "one\ntwo\n", LEAT_ECORRUPT, NULL);
    gives("require --match one --match three", "one\ntwo\n", LEAT_ECORRUPT, NULL);
    says("require --match two --match three", "one\ntwo\n", LEAT_ECORRUPT, "'three'", 8);
}

TEST(test_what_a_later_stage_does_not_want_counts_all_the_same)
{
    gives("require --min-lines=3 : head -n 1", "1\n2\n3\n", 0, "1\n");
    gives("require --min-lines=4 : head -n 1", "1\n2\n3\n", LEAT_ETRUNCATED, NULL);
    gives("require --match 3 : head -n 1", "1\n2\n3\n", 0, "1\n");
}

TEST(test_wrong_options_of_require_are_usage_errors)
{
    gives("require --min-bytes=2 --max-bytes=1", "", LEAT_EUSAGE, NULL);
    gives("require --min-lines=2 --max-lines=1", "", LEAT_EUSAGE, NULL);
    gives("require --match '('", "", LEAT_EUSAGE, NULL);
}

TEST(test_a_pattern_that_costs_too_much_is_an_error_and_no_hang)
{
    char *line = malloc(30001);
    struct memio io = {.in = line, .in_len = 30000};

    ASSERT_NOT_NULL(line);
    memset(line, 'a', 30000);
    ASSERT_EQ(memio_run(&io, "require --match '(a+)+(a+)+(a+)+$(?<=b)'"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "steps");
    free(line);
}
