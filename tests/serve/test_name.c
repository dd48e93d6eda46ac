/* test_name.c - names that a client chooses. */

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/serve/name.c"
/* NOLINTEND(bugprone-suspicious-include) */

static const char *decode(const char *raw, char *ret)
{
    return name_decode(raw, strlen(raw), ret);
}

TEST(test_a_plain_name_is_decoded)
{
    static const char *const good[][2] = {
        {"a", "a"},         {"a..b", "a..b"},       {"a%20b", "a b"},       {"%c3%A9", "\xc3\xa9"},
        {"100%25", "100%"}, {"a:b|[c]", "a:b|[c]"}, {"%24%7bx%7d", "${x}"},
    };
    char name[NAME_BYTES_MAX + 1];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        test_context("%s", good[i][0]);
        ASSERT_NULL(decode(good[i][0], name));
        ASSERT_STREQ(name, good[i][1]);
    }
}

TEST(test_a_name_that_is_no_file_below_the_directory_is_refused)
{
    static const char *const bad[] = {
        "",      ".",   "..",     ".a",  "%2e",    "%2E%2E", "-a",        "%2da",      "a/b",
        "a%2fb", "%2F", "a\\",    "a%",  "a%2",    "%zz",    "%",         "a%00",      "a%0a",
        "a\x7f", "%1b", "%c3%28", "%ff", "%c0%af", "%c2%85", "%e2%80%ae", "%ed%a0%80", "\x01",
    };
    char name[NAME_BYTES_MAX + 1];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!decode(bad[i], name))
            FAIL("'%s' was accepted", bad[i]);
}

TEST(test_a_name_has_at_most_200_bytes)
{
    char raw[3 * NAME_BYTES_MAX + 4], name[NAME_BYTES_MAX + 1];

    memset(raw, 'a', NAME_BYTES_MAX);
    ASSERT_NULL(name_decode(raw, NAME_BYTES_MAX, name));
    raw[NAME_BYTES_MAX] = 'a';
    ASSERT_NOT_NULL(name_decode(raw, NAME_BYTES_MAX + 1, name));
    for (size_t i = 0; i < NAME_BYTES_MAX; i++)
        memcpy(raw + 3 * i, "%41", 3);
    ASSERT_NULL(name_decode(raw, 3 * NAME_BYTES_MAX, name));
    ASSERT_EQ(strlen(name), NAME_BYTES_MAX);
}

TEST(test_nothing_after_the_name_is_read)
{
    char name[NAME_BYTES_MAX + 1];

    ASSERT_NOT_NULL(name_decode("%41", 1, name));
    ASSERT_NOT_NULL(name_decode("%41", 2, name));
    ASSERT_NULL(name_decode("%41/x", 3, name));
    ASSERT_STREQ(name, "A");
}
