/* test_match.c - glob patterns: what they match, compared with GNU tar's rules and with fnmatch(3). */
#include "../../transforms/archive/match.h"

#include <fnmatch.h>

#include "test.h"

static bool matches(const char *pattern, const char *name)
{
    return leat_match_glob(pattern, strlen(pattern), name, strlen(name));
}

TEST(test_patterns_match_as_those_of_gnu_tar)
{
    static const struct {
        const char *pattern, *name;
        bool expected;
    } rows[] = {
        {"*.o", "a.o", true},
        {"*.o", "src/deep/a.o", true},
        {"*.o", "a.out", false},
        {"*.o", "x.o/inside", true}, /* all below a directory that matches */
        {"b/c", "a/b/c", true},
        {"b/c", "ab/c", false}, /* from the begin of a component on */
        {"b", "a/b/c", true},
        {"a*c", "a/b/c", true}, /* a wildcard matches a slash */
        {"a?c", "a/c", true},
        {"a[/]c", "a/c", true},
        {"./a", "./a/b", true},
        {"/etc", "/etc/passwd", true},
        {"/etc", "x/etc", false},
        {"cache/", "home/cache/x", true},
        {"cache", "home/cache/", true},
        {"[!a]b", "cb", true},
        {"[^a]b", "ab", false},
        {"[]x]", "]", true},
        {"[a-c]1", "b1", true},
        {"[a-]1", "-1", true},
        {"[[:digit:]]*", "7up", true},
        {"[[:digit:]]*", "up", false},
        {"[[:nothing:]]", "n", false},
        {"[", "[", true}, /* a set without an end is a character */
        {"[ab", "[ab", true},
        {"\\*", "*", true},
        {"\\*", "x", false},
        {"a\\", "a\\", true},
        {"?", "\xc3\xa9", true}, /* one character */
        {"??", "\xc3\xa9", false},
        {"?", "\xe9", true}, /* a byte that is not UTF-8 */
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
        {"\xe9*", "\xe9t\xe9", true},
        {"**a**", "xxaxx", true},
        {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
        {"", "a", false},
        {"*", "", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_context("'%s' and '%s'", rows[i].pattern, rows[i].name);
        ASSERT_EQ(matches(rows[i].pattern, rows[i].name), rows[i].expected);
    }
}

static void random_text(uint64_t *seed, const char *alphabet, char *to, size_t most)
{
    size_t n = test_random(seed) % (most + 1);

    for (size_t i = 0; i < n; i++)
        to[i] = alphabet[test_random(seed) % strlen(alphabet)];
    to[n] = '\0';
}

/* Without a slash the rules are those of fnmatch. */
TEST(test_random_patterns_match_as_in_fnmatch)
{
    char pattern[16], name[16];
    uint64_t seed = 11;

    for (unsigned i = 0; i < 200000; i++) {
        random_text(&seed, "ab*?[]!-\\", pattern, 9);
        random_text(&seed, "ab]-[", name, 8);
        if (strchr(pattern, '[') &&
            (strchr(pattern, '\\') || !strchr(strrchr(pattern, '[') + 1, ']')))
            continue; /* a set without an end: not defined */
        if (!*pattern || pattern[strlen(pattern) - 1] == '\\' || strstr(pattern, "--"))
            continue;
        test_context("'%s' and '%s', %u", pattern, name, i);
        ASSERT_EQ(matches(pattern, name), fnmatch(pattern, name, 0) == 0);
    }
}

TEST(test_names_may_hold_any_bytes)
{
    ASSERT(leat_match_glob("a?b", 3, "a\0b", 3));
    ASSERT(leat_match_glob("a\0b", 3, "a\0b/c", 5));
    ASSERT(!leat_match_glob("a", 1, "a\0b", 3));
}
