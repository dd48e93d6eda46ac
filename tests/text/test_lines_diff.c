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
