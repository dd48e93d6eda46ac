/* test_grep.c - grep's options, errors and limits, and the searches below it. */
#include <ctype.h>
#include <stdlib.h>

#include "../../transforms/text/pattern/literals.h"
#include "../../transforms/text/pattern/many.h"
#include "../../transforms/text/pattern/perl.h"
#include "../../transforms/text/scan.h"
#include "memio.h"
#include "test.h"

#define ROUNDS 3000u

/* Runs `grep ARGS` on text, under several chunkings; all must give `expected`. */
static void expect(const char *args, const char *text, size_t len, const char *expected, size_t n)
{
    static const size_t chunks[] = {0, 1, 7, 65536};
    char whole[1024];

    ASSERT_LT(snprintf(whole, sizeof whole, "grep %s", args), sizeof whole);
    for (size_t i = 0; i < 2 * sizeof chunks / sizeof *chunks; i++) {
        struct memio io = {.in = text, .in_len = len, .piece = i % 3};

        io.settings.chunk = chunks[i / 2];
        io.settings.room = i % 2;
        io.settings.threads = 1 + (unsigned)i % 3;
        test_context("%s, chunk %zu, room %zu", whole, chunks[i / 2], io.settings.room);
        if (memio_run(&io, whole) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
        memio_free(&io);
    }
}

static void expect_text(const char *args, const char *text, const char *expected)
{
    expect(args, text, strlen(text), expected, strlen(expected));
}

static void expect_refused(const char *args, const char *what)
{
    struct memio io = {.in = "", .in_len = 0};
    char whole[512];

    snprintf(whole, sizeof whole, "grep %s", args);
    test_context("%s", whole);
    ASSERT_EQ(memio_run(&io, whole), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, what);
    ASSERT_STREQ(io.error.stage_name, "grep");
    memio_free(&io);
}

TEST(test_matching_lines_are_passed_on)
{
    expect_text("b", "abc\nxyz\nbbb\n", "abc\nbbb\n");
    expect_text("-v b", "abc\nxyz\nbbb\n", "xyz\n");
    expect_text("-i B", "abc\nxyz\nBBB\n", "abc\nBBB\n");
    expect_text("-e x -e c", "abc\nxyz\nbbb\n", "abc\nxyz\n");
    expect_text("'x\nc'", "abc\nxyz\nbbb\n", "abc\nxyz\n");
    expect_text("-E 'x|^b+$'", "abc\nxyz\nbbb\n", "xyz\nbbb\n");
    expect_text("-F .", "a.c\nabc\n", "a.c\n");
    expect_text("-w b", "a b c\nabc\n", "a b c\n");
    expect_text("-x b", "b\nbb\n", "b\n");
    expect_text("q", "abc\n", "");
    expect_text("''", "abc\n\n", "abc\n\n");
}

TEST(test_a_last_line_without_its_end_gets_one)
{
    expect_text("c", "a\nc", "c\n");
    expect_text("-v a", "a\nc", "c\n");
    expect_text("-n c", "a\nc", "2:c\n");
    expect_text("-m 5 c", "a\nc", "c\n");
    expect_text("-c c", "a\nc", "1\n");
    expect("-z c", "a\0c", 3, "c", 2);
    expect("-z -c c", "a\0c", 3, "1\n", 2);
}

TEST(test_counts_numbers_and_parts)
{
    expect_text("-c a", "a\nb\na\n", "2\n");
    expect_text("-v -c a", "a\nb\na\n", "1\n");
    expect_text("-c q", "a\nb\na\n", "0\n");
    expect_text("-c q", "", "0\n");
    expect_text("-n a", "a\nb\na\n", "1:a\n3:a\n");
    expect_text("-n -v a", "a\nb\na\n", "2:b\n");
    expect_text("-o '[0-9]*'", "a12b3\nc\n4\n", "12\n3\n4\n");
    expect_text("-on '[0-9]*'", "a12b3\nc\n4\n", "1:12\n1:3\n3:4\n");
    expect_text("-o -E 'a|ab|abc'", "abcabd\n", "abc\nab\n");
    expect_text("-o -v a", "a\nb\n", "");
    expect_text("-m 2 a", "a\na\nb\na\n", "a\na\n");
    expect_text("-m 2 -v a", "b\na\nc\nd\n", "b\nc\n");
    expect_text("-m 2 -c a", "a\na\nb\na\n", "2\n");
    expect_text("-m -1 a", "a\na\n", "a\na\n");
}

TEST(test_a_last_line_without_its_end_counts_with_a_limit_too)
{
    expect_text("-c -m 5 a", "a\nb\na", "2\n");
    expect_text("-c -m 2 a", "a\nb\na", "2\n");
    expect_text("-c -m 1 a", "b\na", "1\n");
    expect_text("-c -m 1 a", "a", "1\n");
    expect_text("-v -c -m 9 b", "a\nb\na", "2\n");
    expect_text("-z -c -m 3 a", "a\na", "1\n");
}

TEST(test_context_comes_before_and_after)
{
    const char *text = "a\nb\nc\nd\nx\ne\nf\ng\nh\nx\nx\ni";

    expect_text("-A 1 x", text, "x\ne\n--\nx\nx\ni\n");
    expect_text("-B 2 x", text, "c\nd\nx\n--\ng\nh\nx\nx\n");
    expect_text("-C 2 x", text, "c\nd\nx\ne\nf\ng\nh\nx\nx\ni\n");
    expect_text("-1 x", text, "d\nx\ne\n--\nh\nx\nx\ni\n");
    expect_text("-C 1 -A 0 x", text, "d\nx\n--\nh\nx\nx\n");
    expect_text("-n -b -C 1 x", text,
                "4-6-d\n5:8:x\n6-10-e\n--\n9-16-h\n10:18:x\n11:20:x\n12-22-i\n");
    expect_text("-A 0 --group-separator=+ x", text, "x\n+\nx\nx\n");
    expect_text("-A 0 --no-group-separator x", text, "x\nx\nx\n");
    expect_text("-m 1 -A 7 x", text, "x\ne\nf\ng\nh\nx\nx\ni\n");
    expect_text("-c -C 1 x", text, "3\n");
    expect_text("-v -B 1 -n [a-d]", text, "4-d\n5:x\n6:e\n7:f\n8:g\n9:h\n10:x\n11:x\n12:i\n");
    expect_text("-o -A 1 x", text, "x\n--\nx\nx\n");
    expect("-z -B 1 x", "a\0b\0x", 5, "b\0x", 4);
}

/* The lines before a match may be long, and in other pieces of the input. */
TEST(test_long_lines_before_a_match_are_kept)
{
    size_t n = 300000;
    char *text = malloc(n + 16);

    ASSERT_NOT_NULL(text);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 100000 == 99999 ? '\n' : (char)('a' + i % 7);
    memcpy(text + n, "x\n", 3);
    expect("-B 2 x", text, n + 2, text + 100000, n - 100000 + 2);
    expect("-B 9 x", text, n + 2, text, n + 2);
    free(text);
}

TEST(test_offsets_are_those_of_the_input)
{
    expect_text("-b b", "ab\nc\nb\n", "0:ab\n5:b\n");
    expect_text("-b -o b", "abb\nc\nb\n", "1:b\n2:b\n6:b\n");
    expect_text("-b -n b", "ab\nc\nb\n", "1:0:ab\n3:5:b\n");
}

TEST(test_colours_are_those_of_gnu)
{
    expect_text("--color=always b", "abc\n", "a\33[01;31m\33[Kb\33[m\33[Kc\n");
    expect_text("--colour=always -o b", "abc\n", "\33[01;31m\33[Kb\33[m\33[K\n");
    expect_text("--color=always -n -A0 b", "b\na\nb\n",
                "\33[32m\33[K1\33[m\33[K\33[36m\33[K:\33[m\33[K\33[01;31m\33[Kb\33[m\33[K\n"
                "\33[36m\33[K--\33[m\33[K\n"
                "\33[32m\33[K3\33[m\33[K\33[36m\33[K:\33[m\33[K\33[01;31m\33[Kb\33[m\33[K\n");
    expect_text("--color=never b", "abc\n", "abc\n");
    expect_text("--color=always -c b", "abc\n", "1\n");
}

TEST(test_patterns_come_from_files)
{
    char path[512], args[600];
    FILE *f;

    snprintf(path, sizeof path, "%s/keys", test_tmp_dir());
    f = fopen(path, "w");
    ASSERT_NOT_NULL(f);
    ASSERT_GE(fputs("b\nx.z", f), 0);
    ASSERT_EQ(fclose(f), 0);
    snprintf(args, sizeof args, "-f %s", path);
    expect_text(args, "abc\nxyz\nq\n", "abc\nxyz\n");
    snprintf(args, sizeof args, "-F -f %s -e q", path);
    expect_text(args, "abc\nxyz\nq\n", "abc\nq\n");
    snprintf(args, sizeof args, "-v -f %s", path);
    expect_text(args, "abc\nxyz\nq\n", "q\n");
    expect_text("-f /dev/null", "abc\n\n", "");
    expect_text("-c -f /dev/null", "abc\n\n", "");
    expect_text("-c -v -f /dev/null", "abc\n\n", "2\n");
    expect_text("-P -v -f /dev/null", "abc\n\n", "abc\n\n");
}

TEST(test_it_gives_nothing_when_nothing_can_be_selected)
{
    expect_text("-m 0 a", "a\n", "");
    expect_text("-m 0 -c a", "a\n", "");
    expect_text("-v ''", "a\n", "");
    expect_text("-v -c -e '' -e ''", "a\n", "");
    expect_text("-v -x ''", "a\n\n", "a\n");
}

TEST(test_braces_that_begin_no_interval_are_ordinary)
{
    expect_text("-E '{1}a'", "a\nb\n", "a\n");
    expect_text("'\\{1\\}'", "{1}\n1\n", "{1}\n");
    expect_text("-E 'a{1'", "a{1\na\n", "a{1\n");
    expect_text("-E 'a{,2}b'", "b\nx\n", "b\n");
    expect_text("-E 'a{x}'", "a{x}\na\n", "a{x}\n");
}

TEST(test_intervals_and_classes)
{
    expect_text("-E -x 'a{2,}'", "a\naa\naaa\n", "aa\naaa\n");
    expect_text("-x 'a\\{2\\}'", "a\naa\naaa\n", "aa\n");
    expect_text("-E -x '(ab){1,2}c'", "c\nabc\nababc\nabababc\n", "abc\nababc\n");
    expect_text("-i -x '[[:upper:]]'", "a\nA\n1\n", "a\nA\n");
    expect_text("-i -x '[^a]'", "a\nA\n1\n", "1\n");
    expect_text("'[[:digit:]x-z]'", "a\n5\ny\n", "5\ny\n");
    expect_text("'\\(a\\|b\\)\\1'", "ab\nbb\n", "bb\n");
}

/* GNU grep has two matchers that read a repetition of an assertion differently. */
TEST(test_a_repeated_assertion_is_read_as_gnu_does)
{
    expect_text("'a\\>*b'", "ab\na*b\n", "ab\n");
    expect_text("-e 'a\\>*b' -e '[[=x=]]'", "ab\na*b\n", "a*b\n");
}

TEST(test_no_match_goes_beyond_a_line)
{
    expect_text("'a[^x]b'", "a\nb\n", "");
    expect_text("'a\\sb'", "a\nb\n", "");
    expect_text("'a\\Wb'", "a\nb\n", "");
    expect_text("-P 'a\\sb'", "a\nb\na b\n", "a b\n");
    expect_text("-P 'a[^x]*b'", "a\nb\nacb\n", "acb\n");
    expect_text("-P 'a(?!\\n)'", "a\nb\n", "a\n");
    expect_text("-P 'a[^q]*+$'", "a\nq\n", "a\n");
    expect_text("-P '(?<!b\\n)a'", "b\na\n", "a\n");
    expect_text("-P '\\Aa\\z'", "b\na\n", "a\n");
    expect("-z 'a.b'", "a\nb\0ab\0", 7, "a\nb", 4);
}

TEST(test_perl_patterns_know_utf8)
{
    expect_text("-P -i \xc3\xa9", "\xc3\x89\ne\n", "\xc3\x89\n");
    expect_text("-P '^.$'", "\xc3\x89\n\xff\na\n", "\xc3\x89\na\n");
    expect_text("--bytes -P '^.$'", "\xc3\x89\n\xff\na\n", "\xff\na\n");
}

TEST(test_wrong_options_are_refused)
{
    expect_refused("", "needs a pattern");
    expect_refused("-E -F a", "only one of -G, -E, -F and -P");
    expect_refused("-e a b", "'b' is one operand too many");
    expect_refused("-P -e a -e b", "must be the only one");
    expect_refused("-P 'a('", "character 3");
    expect_refused("-f /dev/null a", "as the pattern is given with -f");
    expect_refused("-q a", "require --min-lines=1");
    expect_refused("-l a", "no file names");
    expect_refused("--label a", "no file names");
    expect_refused("-r a", "leat each");
}

TEST(test_wrong_patterns_are_refused)
{
    expect_refused("'\\(a'", "unmatched ( or \\(");
    expect_refused("'a\\)'", "unmatched ) or \\)");
    expect_refused("-E 'a('", "unmatched ( or \\(");
    expect_refused("'[a'", "unmatched [");
    expect_refused("'[z-a]'", "invalid range end");
    expect_refused("'[[:foo:]]'", "invalid character class name");
    expect_refused("'[:space:]'", "[[:space:]], not [:space:]");
    expect_refused("'a\\{2,1\\}'", "invalid content of \\{\\}");
    expect_refused("'a\\{1'", "unmatched \\{");
    expect_refused("'a\\{99999\\}'", "too big");
    expect_refused("'\\(a\\)\\2'", "invalid back reference");
    expect_refused("'\\(a\\)\\|b\\1'", "invalid back reference");
    expect_refused("'\\(a\\1\\)'", "invalid back reference");
    expect_refused("'a\\'", "trailing backslash");
}

TEST(test_groups_nested_too_deeply_are_refused)
{
    char pattern[3 * 1000 + 32] = "-E '";
    size_t n = strlen(pattern);

    memset(pattern + n, '(', 1000);
    pattern[n + 1000] = 'a';
    memset(pattern + n + 1001, ')', 1000);
    pattern[n + 2001] = '\'';
    {
        struct memio io = {.in = "", .in_len = 0};
        char whole[sizeof pattern + 8];

        snprintf(whole, sizeof whole, "grep %s", pattern);
        ASSERT_EQ(memio_run(&io, whole), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, "nested too deeply");
        memio_free(&io);
    }
}

TEST(test_enough_lines_end_an_endless_input)
{
    struct memio io = {.in = "a\nb\n", .in_len = 4, .in_repeat = 1u << 20};

    ASSERT_EQ(memio_run(&io, "grep -m 3 a"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "a\na\na\n", 6);
    ASSERT_LT(io.stats.source_pos, 4u << 20);
    memio_free(&io);
}

/* A text of one line of n bytes `c`, then "!\n", then "aab\n". */
static char *hard_text(size_t n, char c)
{
    char *text = malloc(n + 16);

    ASSERT_NOT_NULL(text);
    memset(text, c, n);
    memcpy(text + n, "!\naab\n", sizeof "!\naab\n");
    return text;
}

TEST(test_patterns_that_need_exponential_time_have_a_second_way)
{
    char *text = hard_text(5000, 'a');

    expect_text("-E '^(a*)*b'", text, "aab\n");
    expect_text("-E '^(a|aa)+$'", text, "");
    expect_text("-E '^(a+a+)+b$'", text, "aab\n");
    expect_text("-E -o '(a|aa)*b'", text, "aab\n");
    expect_text("-E -c '^(a|aa)+$'", text, "0\n");
    free(text);
}

TEST(test_a_pattern_without_a_second_way_fails_and_says_where)
{
    static const char *const patterns[] = {"grep -P '^(a+a+)+$'", "grep -E '^(a+a+)+\\1\\1$'"};
    char *text = hard_text(5000, 'a');
    struct memio io = {.in = text, .in_len = strlen(text)};

    for (size_t i = 0; i < 2; i++) {
        test_context("%s", patterns[i]);
        ASSERT_EQ(memio_run(&io, patterns[i]), LEAT_ELIMIT);
        ASSERT_STR_HAS(io.error.text, "simplify it");
        ASSERT(io.error.has_offset);
        ASSERT_EQ(io.error.offset, 0);
        memio_free(&io);
    }
    free(text);
}

TEST(test_a_long_line_needs_more_stack_and_gets_it)
{
    size_t n = 100000;
    char *text = hard_text(n, 'a');

    for (size_t i = 0; i < n; i += 2)
        text[i] = 'b';
    expect_text("-P -c '^(?:a|b)*!'", text, "1\n");
    expect_text("-E -c '^(a|bq*)*!'", text, "1\n");
    free(text);
}

TEST(test_many_patterns_are_searched_at_once)
{
    static char args[100000] = "grep -F", text[8192], expected[8192];

    for (unsigned i = 0; i < 100; i++) {
        if (i % 3 == 0)
            snprintf(args + strlen(args), sizeof args - strlen(args), " -e key%ux", i);
        snprintf(text + strlen(text), sizeof text - strlen(text), "line %u key%ux end\n", i, i);
        if (i % 3 == 0)
            snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                     "line %u key%ux end\n", i, i);
    }
    expect_text(args + strlen("grep "), text, expected);
    for (unsigned i = 0; i < 3000; i++)
        snprintf(args + strlen(args), sizeof args - strlen(args), " -e %u_%u_%u_key%ux", i, i, i,
                 i);
    {
        struct memio io = {.in = text, .in_len = strlen(text)};

        if (memio_run(&io, args) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, strlen(expected));
        io.settings.memory = 4u << 20;
        ASSERT_EQ(memio_run(&io, args), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, "raise --memory");
        memio_free(&io);
    }
}

TEST(test_perl_patterns_are_judged_for_whole_buffers)
{
    static const char *const safe[] = {"abc", "a.*b$", "(?:a|b)+c", "[0-9a-f]+\\d\\w\\.", "a*?b"};
    static const char *const unsafe[] = {"[^a]",        "\\s",   "a\\n", "(?=a)", "a++",
                                         "a{2}+",       "\\D",   "\\Ka", "(?s).", "(*UTF)a",
                                         "[[:space:]]", "\\x0a", "a\\"};

    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        if (!leat_perl_is_line_safe(safe[i], strlen(safe[i])))
            FAIL("taken for unsafe: %s", safe[i]);
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (leat_perl_is_line_safe(unsafe[i], strlen(unsafe[i])))
            FAIL("taken for safe: %s", unsafe[i]);
}

/* --- the searches ----------------------------------------------------------------------------- */

static void draw_bytes(uint64_t *random, uint8_t *to, size_t n, unsigned letters)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)("abcdefghABCDEFGH\n\t\xff."[test_random(random) % letters]);
}

static const uint8_t *find_simply(const uint8_t *data, size_t n, const uint8_t *what, size_t len,
                                  bool fold)
{
    for (size_t i = 0; i + len <= n; i++)
        if (fold ? strncasecmp((const char *)data + i, (const char *)what, len) == 0
                 : memcmp(data + i, what, len) == 0)
            return data + i;
    return NULL;
}

TEST(test_a_string_is_found_where_it_is_first)
{
    uint8_t data[700], what[80];
    uint64_t random = 1;

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = test_random(&random) % sizeof data,
               len = 1 + test_random(&random) % (round % 4 ? 4 : sizeof what);
        unsigned letters = 1 + (unsigned)(test_random(&random) % 20);
        bool fold = round % 3 == 0;
        struct leat_literal l;
        const uint8_t *hit, *expected;

        draw_bytes(&random, data, n, letters);
        draw_bytes(&random, what, len, fold && letters > 8 ? 8 : letters);
        leat_literal_init(&l, what, len, fold);
        hit = leat_literal_find(&l, data, n);
        expected = find_simply(data, n, what, len, fold);
        test_context("round %u, %zu in %zu bytes", round, len, n);
        ASSERT_EQ(hit ? hit - data : -1, expected ? expected - data : -1);
    }
}

TEST(test_lines_with_a_string_are_counted)
{
    uint8_t data[3000], what[8];
    uint64_t random = 2;

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = test_random(&random) % sizeof data, len = 1 + test_random(&random) % 4, at = 0;
        unsigned letters = 17 + (unsigned)(test_random(&random) % 3);
        uint64_t expected = 0;
        struct leat_literal l;

        draw_bytes(&random, data, n, letters);
        draw_bytes(&random, what, len, 3);
        leat_literal_init(&l, what, len, false);
        while (at < n) {
            const uint8_t *end = memchr(data + at, '\n', n - at);
            size_t line = end ? (size_t)(end - data) - at + 1 : n - at;

            expected += memmem(data + at, line, what, len) != NULL;
            at += line;
        }
        test_context("round %u, %zu in %zu bytes", round, len, n);
        ASSERT_EQ(leat_literal_count(&l, data, n, '\n'), expected);
    }
}

TEST(test_an_unlucky_string_is_found_in_linear_time)
{
    size_t n = 4u << 20, len = 4096;
    uint8_t *data = malloc(n), *what = malloc(len);
    struct leat_literal l;

    ASSERT(data && what);
    memset(data, 'a', n);
    memset(what, 'a', len);
    what[len / 2] = 'b';
    leat_literal_init(&l, what, len, false);
    ASSERT_NULL(leat_literal_find(&l, data, n));
    free(what);
    free(data);
}

/* The line that holds the hit is the first line that holds one of the strings. */
TEST(test_one_of_several_strings_is_found_in_the_first_line_that_has_one)
{
    static uint8_t data[900], what[LEAT_LITERALS_MAX][12];
    uint64_t random = 3;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct leat_literal each[LEAT_LITERALS_MAX];
        struct leat_literals all;
        size_t n = test_random(&random) % sizeof data,
               count = 2 + test_random(&random) % (LEAT_LITERALS_MAX - 1);
        unsigned letters = 17 + (unsigned)(test_random(&random) % 4);
        const uint8_t *hit, *first = NULL;
        bool fold = round % 2;

        draw_bytes(&random, data, n, letters);
        for (size_t i = 0; i < count; i++) {
            size_t len = 1 + test_random(&random) % (round % 3 ? sizeof what[0] : 3);

            draw_bytes(&random, what[i], len, 8);
            leat_literal_init(&each[i], what[i], len, fold);
            hit = find_simply(data, n, what[i], len, fold);
            if (hit && (!first || hit < first))
                first = hit;
        }
        leat_literals_init(&all, each, count);
        hit = leat_literals_find(&all, data, n);
        test_context("round %u, %zu strings in %zu bytes", round, count, n);
        ASSERT_EQ(hit != NULL, first != NULL);
        if (hit && first && hit > first)
            ASSERT_NULL(memchr(first, '\n', (size_t)(hit - first)));
        else if (hit && first)
            ASSERT_NULL(memchr(hit, '\n', (size_t)(first - hit)));
    }
}

/* The hit is the end of the occurrence that ends first. */
TEST(test_one_of_many_strings_is_found_where_the_first_ends)
{
    static uint8_t data[20000], what[60][6];
    uint64_t random = 6;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct leat_many_string each[60];
        struct leat_many *many;
        size_t n = test_random(&random) % (round % 20 ? 900 : sizeof data),
               count = 1 + test_random(&random) % 60;
        ptrdiff_t first = -1;
        const uint8_t *hit;
        bool fold = round % 2;

        draw_bytes(&random, data, n, 17 + (unsigned)(test_random(&random) % 4));
        for (size_t i = 0; round % 20 == 0 && i < n; i++) /* hits are rare */
            data[i] = test_random(&random) % 8 ? '.' : data[i];
        for (size_t i = 0; i < count; i++) {
            each[i].bytes = what[i];
            each[i].len = 1 + test_random(&random) % (round % 3 ? sizeof what[0] : 3);
            draw_bytes(&random, what[i], each[i].len, 8);
            hit = find_simply(data, n, what[i], each[i].len, fold);
            if (hit && (first < 0 || hit - data + (ptrdiff_t)each[i].len - 1 < first))
                first = hit - data + (ptrdiff_t)each[i].len - 1;
        }
        ASSERT_EQ(leat_many_new(each, count, fold, 1u << 20, &many), 0);
        hit = leat_many_find(many, data, n);
        test_context("round %u, %zu strings in %zu bytes", round, count, n);
        ASSERT_EQ(hit ? hit - data : -1, first);
        free(many);
    }
}

static bool is_word_byte(const uint8_t *data, size_t n, size_t at)
{
    return at < n && (isalnum(data[at]) || data[at] == '_');
}

/* The leftmost occurrence from `from` on, and the longest there, by trying all. */
static bool part_simply(const uint8_t *data, size_t n, size_t from, bool word, bool fold,
                        const struct leat_many_string *each, size_t count, size_t *ret_start,
                        size_t *ret_end)
{
    for (size_t at = from; at < n; at++) {
        size_t best = 0;

        for (size_t i = 0; i < count; i++) {
            size_t len = each[i].len;
            const uint8_t *hit;

            if (len > n - at || (word && (at > 0 && is_word_byte(data, n, at - 1))) ||
                (word && is_word_byte(data, n, at + len)))
                continue;
            hit = find_simply(data + at, len, each[i].bytes, len, fold);
            if (hit && len > best)
                best = len;
        }
        *ret_start = at;
        *ret_end = at + best;
        if (best > 0)
            return true;
    }
    return false;
}

/* Strings over few letters, so that they overlap, begin and end each other. */
TEST(test_the_leftmost_and_longest_of_many_strings_is_found)
{
    static uint8_t data[60], what[60][6];
    uint64_t random = 9;

    for (unsigned round = 0; round < 20 * ROUNDS; round++) {
        struct leat_many_string each[60];
        struct leat_many *many;
        size_t n = test_random(&random) % sizeof data, count = 1 + test_random(&random) % 60;
        size_t from = n > 0 ? test_random(&random) % n : 0, start = 0, end = 0, at = 0, stop = 0;
        bool fold = round % 2, word = round % 3 == 0, found, same = false;

        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)(fold ? "abA B_" : "ab ab_")[test_random(&random) % 6];
        for (size_t i = 0; i < count; i++) {
            each[i].bytes = what[i];
            each[i].len = 1 + test_random(&random) % sizeof what[0];
            for (size_t k = 0; k < each[i].len; k++)
                what[i][k] = (uint8_t) "ab ab_"[test_random(&random) % 6];
        }
        found = part_simply(data, n, from, word, fold, each, count, &start, &end);
        for (size_t i = 0; i < count; i++)
            same = same || (each[i].len == n && find_simply(data, n, each[i].bytes, n, fold));
        ASSERT_EQ(leat_many_new(each, count, fold, 1u << 20, &many), 0);
        test_context("round %u, %zu strings from %zu on in '%.*s'", round, count, from, (int)n,
                     (const char *)data);
        ASSERT_EQ(leat_many_part(many, data, n, from, word, &at, &stop), found);
        if (found) {
            ASSERT_EQ(at, start);
            ASSERT_EQ(stop, end);
        }
        ASSERT_EQ(leat_many_is(many, data, n), same);
        free(many);
    }
}

/* PCRE2 would take a step for each of them at each byte, or refuse them all. */
TEST(test_twenty_thousand_strings_are_whole_lines_words_and_parts)
{
    static const char *const options[] = {"-x", "-w", "-o", "-x -o", "-w -o", "-i -x", ""};
    static char args[200000], text[200000];
    size_t len = 0, at;

    for (unsigned i = 1; i <= 20000; i++)
        len += (size_t)sprintf(text + len, "%u\n", i);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct memio io = {.in = text, .in_len = len};

        at = (size_t)sprintf(args, "grep -F %s -e '", options[i]);
        memcpy(args + at, text, len);
        memcpy(args + at + len - 1, "'", 2);
        test_context("%.20s", args);
        if (memio_run(&io, args) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, text, len);
        memio_free(&io);
    }
}

TEST(test_an_automaton_that_would_be_too_large_is_refused)
{
    struct leat_many_string string = {(const uint8_t *)"abcdef", 6};
    struct leat_many *many;

    ASSERT_EQ(leat_many_new(&string, 1, false, 100, &many), LEAT_ELIMIT);
}

TEST(test_counting_and_skipping_agree_with_a_simple_loop)
{
    static uint8_t data[20000];
    uint64_t random = 4;

    for (unsigned round = 0; round < ROUNDS / 3; round++) {
        size_t n = test_random(&random) % sizeof data, at, expected = n, back = 0;
        uint64_t all = 0, want, left, seen = 0;

        for (size_t i = 0; i < n; i++)
            data[i] =
                round % 2 ? (uint8_t)(test_random(&random) % 3) : (uint8_t)(round % 4 ? 1 : 2);
        for (size_t i = 0; i < n; i++)
            all += data[i] == 1;
        test_context("round %u, %zu bytes", round, n);
        ASSERT_EQ(leat_scan_count(data, n, 1), all);
        want = left = 1 + test_random(&random) % (all + 3);
        at = leat_scan_skip(data, n, 1, &left);
        for (size_t i = 0; i < n; i++)
            if (data[i] == 1 && ++seen == want)
                expected = i + 1;
        ASSERT_EQ(at, expected);
        ASSERT_EQ(left, want > all ? want - all : 0);
        left = want;
        at = leat_scan_skip_back(data, n, 1, &left);
        seen = 0;
        for (size_t i = n; i > 0; i--)
            if (data[i - 1] == 1 && ++seen == want)
                back = i;
        ASSERT_EQ(at, back);
        ASSERT_EQ(left, want > all ? want - all : 0);
    }
}
