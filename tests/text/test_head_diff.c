/* test_head_diff.c - head and tail against GNU's, on generated cases. */
#include "gnu.h"
#include "test.h"

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const names[] = {"head", "tail"}, *const signs[] = {"", "+", "-"};
    const char *name = GNU_PICK(random, names);

    gnu_tool(pair, "%s", name);
    gnu_stage(pair, "%s", name);
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "-z");
    gnu_both(pair, "-%c", gnu_draw(random, 2) ? 'n' : 'c');
    gnu_both(pair, "%s%u", GNU_PICK(random, signs), gnu_draw(random, 80));
    gnu_draw_lines(random, pair, NULL);
}

TEST(test_head_and_tail_agree_with_gnu)
{
    gnu_need("head", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}
