/* test_sed_diff.c - sed's s command against GNU sed, on generated cases. */
#include <stdio.h>
#include <string.h>

#include "gnu.h"
#include "test.h"

static const char *const both[] = {
    "a",        "b",    "ab",   "a*",          "[ab]",        "[^a]",         "[^ ]*",
    ".",        ".*",   "^",    "$",           "\\w",         "\\W",          "\\s",
    "\\b",      "\\<",  "\\>",  "x",           " ",           "\\.",          "\\t",
    "[\\n\\t]", "\\n",  "0",    "[0-9][0-9]*", "[[:alpha:]]", "[[:upper:]]*", "\\x61",
    "\\o142",   "_",    "-",    "foo",         "\\/",         "[/]",          "**",
    "\\B",      "[a-]", "[]b]", "^*",          "\\'",         "\\`",          "&",
    "\\&"};
static const char *const basic[] = {"\\(a\\)",
                                    "\\([ab]*\\)",
                                    "\\(a\\|ab\\)",
                                    "\\(b\\|\\)",
                                    "\\(a*\\)*",
                                    "\\(ab\\)*",
                                    "a\\{2\\}",
                                    "[ab]\\{1,2\\}",
                                    "\\([^ ]*\\) ",
                                    "\\(.\\)\\1",
                                    "a\\|foo",
                                    "b\\+",
                                    "a\\?",
                                    "\\(a\\)\\{2\\}",
                                    "+",
                                    "?",
                                    "\\(",
                                    "\\)",
                                    "\\{1",
                                    "{",
                                    "a\\{1",
                                    "|",
                                    "\\(^a\\)",
                                    "\\(b$\\)",
                                    "\\(\\(a\\)b\\)",
                                    "\\(a\\|b\\)*",
                                    "*"};
static const char *const extended[] = {"(a)",       "([ab]*)",   "(a|ab)",
                                       "(b|)",      "(a*)*",     "(ab)*",
                                       "a{2}",      "[ab]{1,2}", "([^ ]*) ",
                                       "(.)\\1",    "a|foo",     "b+",
                                       "a?",        "(a){2}",    "\\+",
                                       "\\?",       "(",         ")",
                                       "a{1",       "{",         "\\{",
                                       "()",        "(^a)",      "(b$)",
                                       "((a)b)",    "(a|b)*",    "(a|ab)(c|bcd)*",
                                       "(a?)(ab)?", "(a|b)+",    "^a|b$",
                                       "+"};
static const char *const texts[] = {"x",    "&",   "\\1",   "\\2",    "<",   ">",    "\\&",
                                    "\\U",  "\\L", "\\E",   "\\u",    "\\l", "aB",   "\\n",
                                    "\\t",  "\\0", "\\x26", "\\d065", "\\/", "\\\\", "",
                                    "\\\n", "$1",  "\\cA",  "\\q",    "-"};
static const char *const words[] = {"a",   "b", "ab", "A",  "0", "12",  "foo",  "_", "-",
                                    " ",   ".", "aa", "B",  "x", "\t",  "abcd", "c", "bc",
                                    "aab", "/", "\r", "bb", "&", "FOO", NULL};

static size_t draw_regex(uint64_t *random, bool is_extended, char *to, size_t size)
{
    size_t n = 0;

    for (unsigned k = 1 + gnu_draw(random, 4); k > 0; k--) {
        const char *piece = gnu_draw(random, 5) < 3 ? GNU_PICK(random, both)
                            : is_extended           ? GNU_PICK(random, extended)
                                                    : GNU_PICK(random, basic);

        n += (size_t)snprintf(to + n, size - n, "%s", piece);
    }
    return n;
}

/* A reference to a group whose last round matched nothing, or that was not reached, is defined by no standard. */
static bool is_undefined(const char *regex)
{
    const char *reference = strstr(regex, "\\1");

    return reference && (strstr(regex, "*)*") || strstr(regex, "*\\)*") || strstr(regex, "|"));
}

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    bool is_extended = gnu_draw(random, 2);
    char script[512] = "s/", flags[16] = "", *regex = script + 2;
    size_t n = 2;

    gnu_tool(pair, "sed");
    gnu_stage(pair, "sed");
    if (is_extended)
        gnu_both(pair, gnu_draw(random, 2) ? "-E" : "-r");
    n += draw_regex(random, is_extended, regex, sizeof script - n);
    if (is_undefined(regex))
        n = 2 + (size_t)snprintf(regex, sizeof script - 2, "ab");
    /* In the C library an anchor inside a pattern is at newlines, too; GNU sed does not ask it then. */
    if (gnu_draw(random, 6) == 0 && !strpbrk(regex, "^$"))
        gnu_both(pair, "-z");
    n += (size_t)snprintf(script + n, sizeof script - n, "/");
    for (unsigned k = gnu_draw(random, 5); k > 0; k--)
        n += (size_t)snprintf(script + n, sizeof script - n, "%s", GNU_PICK(random, texts));
    if (gnu_draw(random, 4) == 0)
        snprintf(flags, sizeof flags, "%u", 1 + gnu_draw(random, 3));
    snprintf(script + n, sizeof script - n, "/%s%s%s", flags, gnu_draw(random, 2) ? "g" : "",
             gnu_draw(random, 6) ? "" : "I");
    gnu_both(pair, "--");
    gnu_both(pair, "%s", script);
    gnu_draw_lines(random, pair, gnu_draw(random, 3) ? words : NULL);
    /* GNU sed changes the case of bytes above 0x7f to 0xff. */
    if (strstr(script, "\\U") || strstr(script, "\\L") || strstr(script, "\\u") ||
        strstr(script, "\\l"))
        for (size_t i = 0; i < pair->in.len; i++)
            pair->in.data[i] &= 0x7f;
}

TEST(test_sed_agrees_with_gnu)
{
    gnu_need("sed", "GNU sed", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}
