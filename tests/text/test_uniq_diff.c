/* test_uniq_diff.c - uniq against GNU uniq, on generated cases. */
#include "gnu.h"
#include "test.h"

static const char *const words[] = {"a", "a", "A", "b", " ",    "  ", "\t", "ab", "aB",
                                    "1", ",", "",  "x", "\xe9", "",   "",   NULL};

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const methods[] = {"", "=none", "=prepend", "=separate"};
    static const char *const groups[] = {"", "=separate", "=prepend", "=append", "=both"};
    static const char *const flags[] = {"-c", "-d", "-u", "-D"};

    gnu_tool(pair, "uniq");
    gnu_stage(pair, "uniq");
    for (unsigned n = gnu_draw(random, 3); n > 0; n--)
        gnu_both(pair, "%s", GNU_PICK(random, flags));
    if (gnu_draw(random, 5) == 0)
        gnu_both(pair, "--all-repeated%s", GNU_PICK(random, methods));
    if (gnu_draw(random, 5) == 0)
        gnu_both(pair, "--group%s", GNU_PICK(random, groups));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-i");
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-f%u", gnu_draw(random, 4));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-s%u", gnu_draw(random, 4));
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-w%u", gnu_draw(random, 4));
    if (gnu_draw(random, 10) == 0)
        gnu_both(pair, "-z");
    gnu_draw_lines(random, pair, words);
}

TEST(test_uniq_agrees_with_gnu)
{
    gnu_need("uniq", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}
