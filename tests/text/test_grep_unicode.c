/* test_grep_unicode.c - characters of UTF-8 in patterns and lines, and bytes that are none. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

/* Runs `grep ARGS` on text, under several chunkings; all must give `expected`. */
static void expect(const char *args, const char *text, const char *expected)
{
    static const size_t chunks[] = {0, 1, 7};
    char *whole;

    ASSERT_NE(asprintf(&whole, "grep %s", args), -1);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct memio io = {.in = text, .in_len = strlen(text), .piece = i % 2};

        io.settings.chunk = chunks[i];
        io.settings.threads = 1 + (unsigned)i;
        test_context("%.100s, chunk %zu", whole, chunks[i]);
        if (memio_run(&io, whole) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, strlen(expected));
        memio_free(&io);
    }
    free(whole);
}

TEST(test_a_dot_is_a_character)
{
    static const char *const syntaxes[] = {"-G", "-E", "-P"};
    char args[32];

    for (size_t i = 0; i < 3; i++) {
        snprintf(args, sizeof args, "%s '^.$'", syntaxes[i]);
        expect(args, "\xc3\xa9\nab\n\xe2\x82\xac\n\xf0\x9f\x98\x80\n",
               "\xc3\xa9\n\xe2\x82\xac\n\xf0\x9f\x98\x80\n");
    }
    expect("-o .", "\xc3\xa9z\n", "\xc3\xa9\nz\n");
    expect("--bytes -c '^..$'", "\xc3\xa9\nab\na\n", "2\n");
}

TEST(test_case_is_that_of_unicode)
{
    expect("-i \xc3\xa9", "\xc3\x89\ne\n", "\xc3\x89\n");
    expect("-i -F \xd0\x94", "\xd0\xb4\nd\n", "\xd0\xb4\n");
    expect("-i k", "\xe2\x84\xaa\nx\n", "\xe2\x84\xaa\n"); /* the sign for kelvin */
    expect("-i s", "\xc5\xbf\nx\n", "\xc5\xbf\n");
    expect("-i '[k]'", "\xe2\x84\xaa\nx\n", "\xe2\x84\xaa\n"); /* not GNU grep 3.8 */
    expect("--bytes -i \xc3\xa9", "\xc3\x89\n\xc3\xa9\n", "\xc3\xa9\n");
}

TEST(test_classes_and_words_know_letters)
{
    expect("-o '[[:alpha:]]*'", "1\xc3\xa9\xd0\xb4-\xe2\x82\xac\n", "\xc3\xa9\xd0\xb4\n");
    expect("-w b",
           "b\xc3\xa9\nb\n\xc3\xa9"
           "b\nb \xc3\xa9\n",
           "b\nb \xc3\xa9\n");
    expect("'\\bx'", "\xc3\xa9x\n\xe2\x82\xacx\n", "\xe2\x82\xacx\n");
}

TEST(test_bytes_that_are_no_characters_hide_no_line)
{
    expect("z", "ab\xff\xc3z\nz\n\xc3\n", "ab\xff\xc3z\nz\n");
    expect("-i Z", "ab\xff\xc3z\n", "ab\xff\xc3z\n");
    expect("-P 'z$'", "ab\xff\xc3z\n", "ab\xff\xc3z\n");
    expect("-v z", "ab\xff\n\xc3z\n", "ab\xff\n");
    expect("-E '^ab.z'", "ab\xffz\nab\xc3\xa9z\n", "ab\xc3\xa9z\n");
    expect("-o 'b.*z'", "ab\xffz b\xc3\xa9z\n", "b\xc3\xa9z\n");
    expect("-c .", "\xff\n\xed\xa0\x80\na\n", "1\n"); /* a surrogate is no character */
    expect("--bytes -c .", "\xff\n\xed\xa0\x80\na\n", "3\n");
}

/* Thousands of alternatives would be too many for PCRE2. */
TEST(test_many_strings_have_the_case_of_unicode)
{
    static char args[200000];
    size_t at = (size_t)sprintf(args, "-i -F -e '");

    for (unsigned i = 0; i < 5000; i++)
        at += (size_t)sprintf(args + at, "Kis%us\n", i);
    sprintf(args + at - 1, "'");
    expect(args,
           "kIs7S\n\xe2\x84\xaa\xc4\xb1\xc5\xbf"
           "4999\xc5\xbf\nkis5000s\n\xc3\xa9 KIS12S\nk\xc3\xads1s\n",
           "kIs7S\n\xe2\x84\xaa\xc4\xb1\xc5\xbf"
           "4999\xc5\xbf\n\xc3\xa9 KIS12S\n");
}
