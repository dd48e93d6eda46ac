/* test_tr.c - tr: what was reported elsewhere, what it refuses, and inputs of any shape. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

static void give(const char *text, const char *in, const char *expected)
{
    struct memio io = {.in = in, .in_len = strlen(in)};

    test_context("%s of %s", text, in);
    ASSERT_EQ(memio_run(&io, text), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, strlen(expected));
    memio_free(&io);
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

TEST(test_a_complement_is_squeezed_after_it_was_translated)
{
    give("tr -cs a _", "test with 3 spaaces++", "_aa_");
}

TEST(test_graph_lacks_the_space_and_print_has_it)
{
    give("tr -d '[:graph:]'", "a b!\n", " \n");
    give("tr -d '[:print:]'", "a b!\n", "\n");
}

TEST(test_what_gnu_tr_refuses_is_refused)
{
    refuse("tr", "");
    refuse("tr a", "needs a second set");
    refuse("tr -ds a", "needs two sets");
    refuse("tr -d a b", "takes one set");
    refuse("tr a b c", "");
    refuse("tr z-a b", "reverse order");
    refuse("tr '[:foo:]' b", "'foo' is no class");
    refuse("tr '[::]' b", "missing");
    refuse("tr '[==]' b", "missing");
    refuse("tr '[=ab=]' b", "a single byte");
    refuse("tr '[a*x]' b", "'x' is no count");
    refuse("tr -d '[a*]'", "not allowed in the first set");
    refuse("tr a-z '[a*][b*]'", "only once");
    refuse("tr -ds a '[b*]'", "only when bytes are translated");
    refuse("tr a '[=b=]'", "[=c=] is not allowed");
    refuse("tr '[:digit:]' '[:alpha:]'", "only classes");
    refuse("tr 'a[:lower:]' '[:upper:]b'", "must stand where");
    refuse("tr a ''", "must have a byte");
    refuse("tr '[:upper:]ab' '[:lower:]'", "must not end with a class");
    refuse("tr -c '[:alpha:]' xy", "must be a single byte");
    refuse("tr '[a*18446744073709551614][b*18446744073709551614]' x", "too many bytes");
}

TEST(test_long_repeats_take_no_time)
{
    give("tr '[a*9999999999999999]b' '[x*9999999999999998]yz'", "ab", "yz");
}

TEST(test_one_line_of_any_length)
{
    const size_t n =
        (size_t)40 << 20; /* more than a line of a stage that works on lines may have */
    static uint8_t in[3000];
    struct memio io = {.in = in, .in_len = sizeof in, .in_repeat = n / sizeof in, .discard = true};

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t) "aab"[i % 3];
    io.settings.memory = (uint64_t)8 << 20;
    io.settings.threads = 2;
    ASSERT_EQ(memio_run(&io, "tr -s a"), 0);
    ASSERT_EQ(io.out_len, io.in_repeat * 2000);
    memio_free(&io);
}

TEST(test_repeats_across_all_cuts_are_squeezed)
{
    static const char *const texts[] = {"tr -s a", "tr -s b a", "tr -ds x a", "tr -s -c x"};

    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (size_t piece = 1; piece < 9; piece++) {
            struct memio io = {.in = "aaaaaaaaaaaaaaaaa", .in_len = 17, .piece = piece};

            test_context("%s, pieces of %zu", texts[t], piece);
            io.settings.chunk = piece;
            io.settings.threads = 1 + (unsigned)piece % 3;
            ASSERT_EQ(memio_run(&io, texts[t]), 0);
            ASSERT_BYTES_EQ(io.out, io.out_len, "a", 1);
            memio_free(&io);
        }
}
