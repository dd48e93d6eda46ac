/* test_replace.c - replace: its options, the text that it puts in, errors and limits, and the searches below it. */
#include <stdlib.h>

#include "../../transforms/text/pattern/perl_literal.h"
#include "../../transforms/text/scan.h"
#include "memio.h"
#include "test.h"

struct row {
    const char *args, *in, *out;
};

/* Runs `replace ARGS` under several chunkings; all must give `out`. */
static void expect(const char *args, const char *in, size_t n, const char *out, size_t m)
{
    static const size_t chunks[] = {0, 1, 7, 65536};
    char whole[1024];

    ASSERT_LT(snprintf(whole, sizeof whole, "replace %s", args), sizeof whole);
    for (size_t i = 0; i < 2 * sizeof chunks / sizeof *chunks; i++) {
        struct memio io = {.in = in, .in_len = n, .piece = i % 3};

        io.settings.chunk = chunks[i / 2];
        io.settings.room = i % 2;
        io.settings.threads = 1 + (unsigned)i % 3;
        test_context("%s, chunk %zu, room %zu", whole, chunks[i / 2], io.settings.room);
        if (memio_run(&io, whole) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, out, m);
        memio_free(&io);
    }
}

static void expect_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(rows[i].args, rows[i].in, strlen(rows[i].in), rows[i].out, strlen(rows[i].out));
}
#define EXPECT_ROWS(rows) expect_rows(rows, sizeof(rows) / sizeof *(rows))

static void expect_refused(const char *args, const char *what)
{
    struct memio io = {.in = "a\n", .in_len = 2};
    char whole[512];

    snprintf(whole, sizeof whole, "replace %s", args);
    test_context("%s", whole);
    ASSERT_EQ(memio_run(&io, whole), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, what);
    ASSERT_STREQ(io.error.stage_name, "replace");
    memio_free(&io);
}

TEST(test_matches_in_each_line_are_replaced)
{
    static const struct row rows[] = {
        {"a X", "aaa\nbab\nq", "Xaa\nbXb\nq"},
        {"-g a X", "aaa\nbab\na", "XXX\nbXb\nX"},
        {"--first=2 a X", "aaaa\na\n", "XXaa\nX\n"},
        {"a ''", "abc\n", "bc\n"},
        {"'' X", "a\n\n", "Xa\nX\n"},
        {"-g '' X", "ab\n\n", "XaXbX\nX\n"},
        {"-g 'x*' -", "axb\nxx", "-a--b-\n--"},
        {"'$' !", "a\n\nb", "a!\n!\nb!"},
        {"-g '^a|b$' X", "ab\naab\n", "XX\nXaX\n"},
        {"-i Ab X", "xaB\n", "xX\n"},
        {"-w ab X", "abc ab\n", "abc X\n"},
        {"-x 'a|ab' X", "a b\nab\na\n", "a b\nX\nX\n"},
        {"-F -g 'a.b*' '$1\\n'", "a.b*axb\n", "$1\\naxb\n"},
        {"-F -i . X", "a.b\n", "aXb\n"},
        {"-g '[^a]' X", "ab\nb\n", "aX\nX\n"},
        {"'\\s+$' ''", "a  \r\n \nb", "a\n\nb"},
        {"a X", "", ""},
        {"a X", "\n\n", "\n\n"},
        {"-g '\\r' ''", "a\r\nb\rc", "a\nbc"},
    };

    EXPECT_ROWS(rows);
    expect("-z -g '^a|\\n' X", "a\nb\0a\na", 7, "XXb\0XXa", 7);
    expect("-g '\\x00' 0", "a\0b\n\0", 5, "a0b\n0", 5);
    expect("b X",
           "a\0b\n\xff"
           "b",
           6,
           "a\0X\n\xff"
           "X",
           6);
}

TEST(test_the_text_has_groups_and_cases)
{
    static const struct row rows[] = {
        {"'(a)(b)?' '[$2$1$0$&]'", "a ab\n", "[aaa] ab\n"},
        {"'(?<first>\\w+) (?<last>\\w+)' '${last}, $first'", "John Smith\n", "Smith, John\n"},
        {"'(a)' '${1}_x$$1'", "a\n", "a_x$1\n"},
        {"'(\\w+) (\\w+)' '\\U$1\\E \\L$2\\E \\u${1}x \\l$2'", "ab CD\n", "AB cd Abx cD\n"},
        {"'(\\w+)' '\\u\\L$1\\E-\\l\\U$1'", "heLLO\n", "Hello-hELLO\n"},
        {"'(x?)b' '\\u${1}abc'", "b\n", "Abc\n"},
        {"a '\\n\\t\\\\\\x41\\r'", "a\n", "\n\t\\A\r\n"},
        {"'(\\w+)' '\\U$1'", "\xc3\xa9\xce\xb1z\n", "\xc3\x89\xce\x91Z\n"},
        {"--bytes '(.+)' '\\U$1'", "\xc3\xa9z\n", "\xc3\xa9Z\n"},
        {"'(?s)(.+)\\xc3?' '\\L$1'", "\xc3\x89\n", "\xc3\xa9\n"},
    };

    EXPECT_ROWS(rows);
}

TEST(test_a_character_is_one_of_utf8_or_with_bytes_a_byte)
{
    static const struct row rows[] = {
        {"-g . x", "\xc3\xa9\xe2\x82\xac\n", "xx\n"},
        {"--bytes -g . x", "\xc3\xa9\n", "xx\n"},
        {"-g . x",
         "a\xff\xc3"
         "b\xe2\x82\n",
         "x\xff\xc3x\xe2\x82\n"}, /* not valid: as they are */
        {"-g '\\w' x", "\xce\xb1-a\n1\n", "x-x\nx\n"},
        {"--bytes -g '\\w' x", "\xce\xb1-a\n", "\xce\xb1-x\n"},
        {"-i \xc3\xa9 x", "\xc3\x89\n", "x\n"},
        {"-i -F s x", "\xc5\xbf\nS\n", "x\nx\n"},
        {"--bytes -i -F s x", "\xc5\xbf\nS\n", "\xc5\xbf\nx\n"},
        {"\xc3\xa9 e", "caf\xc3\xa9\n", "cafe\n"},
        {"'\\x{e9}' e", "caf\xc3\xa9\n", "cafe\n"},
        {"-g '\\bb' x",
         "\xc3\xa9"
         "b b\nb\n",
         "\xc3\xa9"
         "b x\nx\n"}, /* as it is a letter */
        {"-g '' -", "\xc3\xa9x\n", "-\xc3\xa9-x-\n"},
    };

    EXPECT_ROWS(rows);
    expect_refused("'\xff' x", "UTF-8");
}

TEST(test_ambiguous_and_wrong_arguments_are_refused)
{
    expect_refused("'(a)' '$1_x'", "write ${1}_x");
    expect_refused("'(a)' '$1x'", "write ${1}x");
    expect_refused("'(a)' '$2'", "the pattern has 1 group;");
    expect_refused("a '${1}'", "the pattern has 0 groups;");
    expect_refused("a '$99999999999999999999'", "0 groups");
    expect_refused("'(a)' '${x}'", "no group named 'x'");
    expect_refused("'(a)' '$x'", "no group named 'x'");
    expect_refused("a '$'", "write $$");
    expect_refused("a '${1'", "write $$");
    expect_refused("a '\\1'", "a group is written $1");
    expect_refused("a '\\q'", "write \\\\");
    expect_refused("a 'b\\'", "write \\\\");
    expect_refused("'(a' x", "missing closing parenthesis");
    expect_refused("'a\\n' x", "does not contain a newline");
    expect_refused("-F 'a\nb' x", "does not contain a newline");
    expect_refused("-g --first=1 a x", "only one of");
    expect_refused("--first=0 a x", "first");
    expect_refused("a", "TEXT");
    expect_refused("a b c", "c");
}

TEST(test_a_pattern_with_too_many_steps_is_an_error_at_the_line)
{
    char text[200];
    struct memio io = {.in = text};
    size_t len = 0;

    for (int pattern = 0; pattern < 2; pattern++) {
        len = (size_t)snprintf(text, sizeof text, "x\n\xc3\xa9\n%050d\n", 0) - 1;
        text[len++] = 'b';
        text[len++] = '\n';
        io.in_len = len;
        ASSERT_EQ(memio_run(&io, pattern ? "replace '^(0|00)*([^0b])+$' x"
                                         : "replace '(0*)*c|(0|00)+$' x"),
                  LEAT_ELIMIT);
        ASSERT_STR_HAS(io.error.text, "too many steps on this line");
        ASSERT_EQ(io.error.offset, 5);
        memio_free(&io);
    }
}

/* Many matches in a line that is longer than what is copied at once, and a text that is longer than any room. */
TEST(test_long_lines_and_long_texts)
{
    size_t n = 40000, m = 0;
    char *in = malloc(n), *out = malloc(3 * n);

    ASSERT_NOT_NULL(in);
    ASSERT_NOT_NULL(out);
    for (size_t i = 0; i < n; i++) {
        in[i] = i % 5000 == 7 ? '7' : i == 30000 ? '\n' : 'a';
        if (in[i] == '7')
            m += (size_t)sprintf(out + m, "<7>");
        else
            out[m++] = in[i];
    }
    expect("-g '([0-9])' '<$1>'", in, n, out, m);
    expect("-g -F a a", in, n, in, n);
    memcpy(out, in, n);
    memmove(out + 30000, out + 30001, n - 30001);
    expect("-z '^(.*)\\n' '$1'", in, n, out, n - 1);
    free(in);
    free(out);
}

TEST(test_a_long_line_with_many_matches_takes_linear_time)
{
    size_t n = (size_t)2 << 20;
    char *in = malloc(n);
    static const char *const pipelines[] = {"replace -g '[^b]' b", "replace -g a b",
                                            "replace -g '(a)' b"};

    ASSERT_NOT_NULL(in);
    memset(in, 'a', n);
    memcpy(in, "\xc3\xa9", 2);
    for (size_t i = 0; i < 3; i++) {
        struct memio io = {.in = in, .in_len = n};

        if (memio_run(&io, pipelines[i]) < 0)
            FAIL("%s", io.error.text);
        ASSERT_EQ(io.out_len, i == 0 ? n - 1 : n);
        ASSERT_EQ(io.out[n / 2], 'b');
        memio_free(&io);
    }
    free(in);
}

/* --- below it --------------------------------------------------------------------------------- */

TEST(test_ascii_is_told_from_other_bytes_at_every_place)
{
    uint8_t bytes[300];

    for (size_t n = 0; n <= 200; n++)
        for (size_t at = 0; at <= n; at += 1 + n / 40) {
            memset(bytes, 'a', sizeof bytes);
            if (at < n)
                bytes[50 + at] = (uint8_t)(0x80 | at);
            bytes[50 + n] = 0xff;
            ASSERT_EQ(leat_scan_ascii(bytes + 50, n), at);
        }
}

static void expect_literal(const char *pattern, bool fold, const char *expected, bool whole)
{
    uint8_t bytes[100];
    struct leat_perl_literal l;

    test_context("%s", pattern);
    leat_perl_literal(pattern, fold, true, bytes, &l);
    ASSERT_BYTES_EQ(bytes + l.at, l.len, expected, strlen(expected));
    ASSERT_EQ(l.whole, whole);
}

TEST(test_the_string_that_every_match_contains)
{
    expect_literal("foo", false, "foo", true);
    expect_literal("a\\.b", false, "a.b", true);
    expect_literal("foo\\d+longer", false, "longer", false);
    expect_literal("foo|bar", false, "", false);
    expect_literal("(foo|bar)baz", false, "baz", false);
    expect_literal("(foo)?baz?", false, "ba", false);
    expect_literal("foo(bar)*", false, "foo", false);
    expect_literal("(quux)+a", false, "quux", false);
    expect_literal("fo{0,2}x", false, "x", false);
    expect_literal("fooz{2}", false, "fooz", false);
    expect_literal("a*", false, "", false);
    expect_literal("[abc]", false, "", false);
    expect_literal("[]a]q[[:alpha:]]", false, "q", false);
    expect_literal("caf\xc3\xa9?", false, "caf", false);
    expect_literal("caf\xc3\xa9", false, "caf\xc3\xa9", true);
    expect_literal("(?i)foo", false, "", false);
    expect_literal("(?=foo)f", false, "", false);
    expect_literal("\\Qa.b\\E", false, "", false);
    expect_literal("FOO", true, "foo", true);
    expect_literal("ERRORS", true, "error", false); /* the long s is an S, too */
}
