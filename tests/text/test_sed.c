/* test_sed.c - sed: what it does, and how it refuses the rest of sed. */
#include "memio.h"
#include "test.h"

static const struct {
    const char *args, *in, *out;
} rows[] = {
    {"s/a/X/", "aa\nba\n", "Xa\nbX\n"},
    {"s/a/X/g", "aa\nba", "XX\nbX"},
    {"s/a/X/2", "aaa\n", "aXa\n"},
    {"s/a/X/2g", "aaaa\n", "aXXX\n"},
    {"s/A/X/I", "ba\n", "bX\n"},
    {"'s|/|:|g'", "a/b/c\n", "a:b:c\n"},
    {"'s,a\\,b,x,'", "a,b\n", "x\n"},
    {"'s/x*/-/g'", "baxxc\n", "-b-a-c-\n"},
    {"'s/\\([^ ]*\\) \\([^ ]*\\)/\\2 \\1/'", "John Smith\n", "Smith John\n"},
    {"-E 's/(a|ab)(c|bcd)(d*)/[\\1,\\2,\\3]/'", "abcd\n", "[a,bcd,]\n"},
    {"-E 's/(a|ab)/<&>/'", "ab\n", "<ab>\n"},
    {"'s/\\(.\\)\\1/<&>/'", "xaay\n", "x<aa>y\n"},
    {"'s/b/[\\&\\n\\t&]/'", "abc\n", "a[&\n\tb]c\n"},
    {"'s/\\(.*\\)/\\U\\1\\E-\\u\\1/'", "ab\n", "AB-Ab\n"},
    {"'s/[/]/x/ ; # comment'", "a/b\n", "axb\n"},
    {"-z 's/\\n/,/g'", "a\nb\n", "a,b,"},
    {"'s/./x/g'", "\xc3\xa9\n", "xx\n"},
};

TEST(test_the_s_command)
{
    for (size_t i = 0; i < 3 * sizeof rows / sizeof *rows; i++) {
        struct memio io = {.in = rows[i / 3].in, .in_len = strlen(rows[i / 3].in), .piece = i % 3};
        char whole[256];

        snprintf(whole, sizeof whole, "sed %s", rows[i / 3].args);
        test_context("%s", whole);
        if (memio_run(&io, whole) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, rows[i / 3].out, strlen(rows[i / 3].out));
        memio_free(&io);
    }
}

TEST(test_other_commands_and_wrong_scripts_are_refused)
{
    static const char *const refused[][2] = {
        {"y/a/b/", "tr"},
        {"5q", "head"},
        {"/x/d", "grep"},
        {"'$d'", "tail"},
        {"p", "grep"},
        {"G", "only the s command"},
        {"'s/a/b/; s/c/d/'", "sed 's/…/…/' : sed 's/…/…/'"},
        {"s/a/b/p", "grep selects"},
        {"'s/a/b/w file'", "tee writes"},
        {"s/a/b/e", "unknown flag"},
        {"s/a/b/gg", "more than one g"},
        {"s/a/b/0", "zero"},
        {"s/a/b/1g2", "more than one number"},
        {"s/a/b", "unterminated"},
        {"s/a", "unterminated"},
        {"s", "unterminated"},
        {"s//x/", "empty regular expression"},
        {"'s/a/\\1/'", "\\1 is no group"},
        {"'s/\\(a/x/'", "Unmatched ( or \\("},
        {"-E 's/a)/x/'", "Unmatched ) or \\)"},
        {"'s/a\\x00/x/'", "NUL"},
        {"-n s/a/b/p", "use grep"},
        {"-i s/a/b/", "write --force FILE"},
    };

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct memio io = {.in = "a\n", .in_len = 2};
        char whole[256];

        snprintf(whole, sizeof whole, "sed %s", refused[i][0]);
        test_context("%s", whole);
        ASSERT_EQ(memio_run(&io, whole), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, refused[i][1]);
        memio_free(&io);
    }
}
