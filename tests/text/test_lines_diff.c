/* test_lines_diff.c - the small line stages against the standard tools, on generated cases. */
#include "gnu.h"
#include "test.h"

/* Texts without bytes that are no UTF-8, at which rev of util-linux ends, and without NUL, which ends its line. */
static void draw_rev(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const words[] = {
        "a", "bc", " ", "\t", "\xc3\xa9", "\xe2\x82\xac", "0123456789", "\xf0\x9f\x98\x80",
        "x", "-",  NULL};

    gnu_tool(pair, "rev");
    gnu_stage(pair, "rev");
    pair->locale = "C.UTF-8";
    gnu_draw_lines(random, pair, words);
    for (size_t i = 0; i < pair->in.len; i++)
        if (pair->in.data[i] == 0xff || pair->in.data[i] == 0)
            pair->in.data[i] = '.';
}

TEST(test_rev_agrees_with_util_linux)
{
    gnu_need("rev", "util-linux", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_rev);
}

static void draw_fold(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const words[] = {"a",          "bcd",      " ", "\t",  "\b", "\b\b", "\r",
                                        "0123456789", "\xc3\xa9", "x", " y ", "\v", "\f",   NULL};

    gnu_tool(pair, "fold");
    gnu_stage(pair, "fold");
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-b");
    if (gnu_draw(random, 2))
        gnu_both(pair, "-s");
    if (gnu_draw(random, 4))
        gnu_both(pair, "-w%u", 1 + gnu_draw(random, gnu_draw(random, 2) ? 12 : 100));
    gnu_draw_lines(random, pair, words);
}

TEST(test_fold_agrees_with_gnu)
{
    gnu_need("fold", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_fold);
}

static void draw_nl(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const words[] = {"\\:", "\\:\\:", "\\:\\:\\:", "a",    "b ",
                                        "::",  "x:x:",   "7",         "\xff", NULL};
    static const char *const styles[] = {"a",   "t",      "n",   "p^a",   "p.",
                                         "pb*", "p[0-9]", "p^$", "px\\:*"};
    static const char *const formats[] = {"ln", "rn", "rz"};
    static const char *const delimiters[] = {":", "::", "x", "x:", "abc", "", "a"};
    static const char *const options[] = {"-b", "-h", "-f"};

    gnu_tool(pair, "nl");
    gnu_stage(pair, "nl");
    for (unsigned i = 0; i < 3; i++)
        if (gnu_draw(random, 2))
            gnu_both(pair, "%s%s", options[i], GNU_PICK(random, styles));
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-n%s", GNU_PICK(random, formats));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "--section-delimiter=%s", GNU_PICK(random, delimiters));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-i%d", (int)gnu_draw(random, 2000) - 500);
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-l%u", 1 + gnu_draw(random, 4));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-v%d", (int)gnu_draw(random, 20000) - 9000);
    if (gnu_draw(random, 50) == 0)
        gnu_both(pair, "-v9223372036854775%u", 800 + gnu_draw(random, 8));
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-w%u", 1 + gnu_draw(random, 9));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-s%s", gnu_draw(random, 2) ? ": " : "");
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-p");
    gnu_draw_lines(random, pair, gnu_draw(random, 3) ? words : NULL);
}

TEST(test_nl_agrees_with_gnu)
{
    gnu_need("nl", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_nl);
}

static void draw_trim(uint64_t *random, struct gnu_pair *pair)
{
    static const struct {
        const char *options, *script;
    } ways[] = {
        {"", "s/^[ \t]*//;s/[ \t]*$//"},
        {"--left", "s/^[ \t]*//"},
        {"-r", "s/[ \t]*$//"},
        {"-l -r", "s/^[ \t]*//;s/[ \t]*$//"},
        {"--chars='ab\\t\\r'", "s/^[ab\t\r]*//;s/[ab\t\r]*$//"},
    };
    unsigned way = gnu_draw(random, sizeof ways / sizeof *ways);

    gnu_tool(pair, "sed");
    gnu_stage(pair, "trim");
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-z");
    gnu_tool(pair, "%s", ways[way].script);
    gnu_text(pair, " ");
    gnu_text(pair, ways[way].options);
    gnu_draw_lines(random, pair, NULL);
}

TEST(test_trim_agrees_with_sed)
{
    gnu_need("sed", "GNU sed", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_trim);
}

/* Ranges that count from the end are those of perl, which holds all lines. */
static void draw_lines(uint64_t *random, struct gnu_pair *pair)
{
    char ranges[128] = "", script[256] = "";
    size_t n = 0, m = 0;

    gnu_tool(pair, "perl");
    gnu_stage(pair, "lines");
    if (gnu_draw(random, 4) == 0) {
        gnu_stage(pair, "-z");
        gnu_tool(pair, "-0");
    }
    for (unsigned i = 1 + gnu_draw(random, 3); i > 0; i--) {
        int a = (int)gnu_draw(random, 30) + 1, b = a + (int)gnu_draw(random, 10);
        const char *comma = i > 1 ? "," : "";

        switch (gnu_draw(random, 7)) {
        case 0: /* from one line on */
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, "%d:%s", a, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i>=%d||", a);
            break;
        case 1:
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, ":%d%s", a, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i<=%d||", a);
            break;
        case 2:
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, "-%d:%s", a, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i>$n-%d||", a);
            break;
        case 3:
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, "%d:-%d%s", a, b, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i>=%d&&$i<=$n+1-%d||", a, b);
            break;
        case 4:
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, "-%d:%d%s", b, a, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i>$n-%d&&$i<=%d||", b, a);
            break;
        case 5:
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, "-%d%s", a, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i==$n+1-%d||", a);
            break;
        default:
            n += (size_t)snprintf(ranges + n, sizeof ranges - n, "%d:%d%s", a, b, comma);
            m += (size_t)snprintf(script + m, sizeof script - m, "$i>=%d&&$i<=%d||", a, b);
            break;
        }
    }
    gnu_tool(pair, "-e");
    gnu_tool(pair, "@l=<STDIN>;$n=@l;for(@l){$i++;print if %s0}", script);
    gnu_stage(pair, "-n");
    gnu_stage(pair, "%s", ranges);
    gnu_draw_lines(random, pair, NULL);
}

TEST(test_lines_agrees_with_perl)
{
    gnu_need("perl", "This is perl", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_lines);
}

static void draw_crlf(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const words[] = {
        "a", "\r", "\r\r", "\r\n", " ", "b", "\t", "\n", "0123456789012345678901234567890123456789",
        NULL};
    bool to_unix = gnu_draw(random, 2);

    gnu_tool(pair, "perl");
    gnu_tool(pair, "-0777");
    gnu_tool(pair, "-pe");
    gnu_tool(pair, "%s", to_unix ? "s/\\r\\n/\\n/g" : "s/(?<!\\r)\\n/\\r\\n/g");
    gnu_stage(pair, to_unix ? "dos2unix" : "unix2dos");
    gnu_stage(pair, "-f");
    gnu_draw_lines(random, pair, words);
}

TEST(test_dos2unix_and_unix2dos_agree_with_perl)
{
    gnu_need("perl", "This is perl", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_crlf);
}

static void draw_tac(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const separators[] = {":", "a", "ab", "aa", "", "xx", " "};

    gnu_tool(pair, "tac");
    gnu_stage(pair, "tac");
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-b");
    if (gnu_draw(random, 2))
        gnu_both(pair, "--separator=%s", GNU_PICK(random, separators));
    if (gnu_draw(random, 5) == 0)
        pair->memory = (uint64_t)3 << 20;
    gnu_draw_lines(random, pair, NULL);
}

TEST(test_tac_agrees_with_gnu)
{
    gnu_need("tac", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_tac);
}
