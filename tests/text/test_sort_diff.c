/* test_sort_diff.c - sort against GNU sort, on generated cases. */
#include "gnu.h"
#include "test.h"

static void draw_plain(uint64_t *random, struct gnu_pair *pair)
{
    gnu_tool(pair, "sort");
    gnu_stage(pair, "sort");
    for (const char *o = "rusz"; *o; o++)
        if (gnu_draw(random, 3) == 0)
            gnu_both(pair, "-%c", *o);
    for (unsigned n = gnu_draw(random, 40); n > 0; n--)
        gnu_draw_lines(random, pair, NULL);
    if (gnu_draw(random, 2))
        pair->memory = (uint64_t)(4 + gnu_draw(random, 8)) << 20;
}

TEST(test_sort_of_whole_lines_agrees_with_gnu)
{
    gnu_need("sort", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_plain);
}
