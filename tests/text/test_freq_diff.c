/* test_freq_diff.c - freq and distinct against sort, uniq and awk, on generated cases, with much and with little memory. */
#include "gnu.h"
#include "test.h"

static const char *const letters[] = {"a", "b", "A", "B", NULL};
static const char *const longer[] = {"common-beginning-", "x", "y", "\xff", "\xfe", NULL};
static const char *const *const vocabularies[] = {NULL, letters, longer};

#define SPILLED_PAIRS 20u /* whose lines do not fit in memory */
#define SPILLED_MEMORY ((uint64_t)2 << 20)

static bool spills;

/* Many different lines, and some that come again. */
static void draw_many(uint64_t *random, struct gnu_pair *pair, char end)
{
    unsigned n = 14000 + gnu_draw(random, 9000), most = 1 + gnu_draw(random, 3 * n);
    char text[32];

    for (unsigned i = 0; i < n; i++) {
        unsigned number = gnu_draw(random, 4) ? i : gnu_draw(random, most);

        gnu_add(
            &pair->in, text,
            (size_t)snprintf(text, sizeof text, number % 3 ? "%x%c" : "%X-line%c", number, end));
    }
    pair->memory = SPILLED_MEMORY;
}

static void draw_input(uint64_t *random, struct gnu_pair *pair, bool zero)
{
    if (spills)
        draw_many(random, pair, zero ? '\0' : '\n');
    gnu_draw_lines(random, pair, vocabularies[gnu_draw(random, 3)]);
    if (gnu_draw(random, 4) == 0)
        gnu_draw_lines(random, pair, NULL);
}

static void draw_freq(uint64_t *random, struct gnu_pair *pair)
{
    const char *zero = gnu_draw(random, 4) == 0 ? "z" : "", *fold = gnu_draw(random, 3) ? "" : "i";
    unsigned top = gnu_draw(random, 3) ? 0 : 1 + gnu_draw(random, 12);

    gnu_tool(pair, "sh");
    gnu_tool(pair, "-c");
    gnu_tool(pair, "sort -%s%sk1 | uniq -c%s%s | sort -rn%s | head -n %u -%s", zero,
             *fold ? "f" : "", fold, zero, zero, top ? top : 99999, *zero ? "z" : "q");
    gnu_stage(pair, "freq");
    if (*zero)
        gnu_stage(pair, "-z");
    if (*fold)
        gnu_stage(pair, "-i");
    if (top)
        gnu_stage(pair, "--top=%u", top);
    draw_input(random, pair, *zero);
}

TEST(test_freq_agrees_with_sort_and_uniq)
{
    gnu_need("sort", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_freq);
}

TEST(test_spilled_freq_agrees_with_sort_and_uniq)
{
    spills = true;
    gnu_need("sort", "GNU coreutils", SPILLED_PAIRS);
    gnu_pairs(SPILLED_PAIRS, draw_freq);
}

static void draw_distinct(uint64_t *random, struct gnu_pair *pair)
{
    bool zero = gnu_draw(random, 4) == 0, fold = gnu_draw(random, 3) == 0;

    gnu_tool(pair, "gawk");
    gnu_tool(pair, "-b");
    if (zero) {
        gnu_tool(pair, "-vRS=\\0");
        gnu_tool(pair, "-vORS=\\0");
        gnu_stage(pair, "distinct");
        gnu_stage(pair, "-z");
    } else {
        gnu_stage(pair, "distinct");
    }
    gnu_tool(pair, fold ? "!seen[tolower($0)]++" : "!seen[$0]++");
    if (fold)
        gnu_stage(pair, "-i");
    draw_input(random, pair, zero);
}

TEST(test_distinct_agrees_with_awk)
{
    gnu_need("gawk", "GNU Awk", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_distinct);
}

TEST(test_spilled_distinct_agrees_with_awk)
{
    spills = true;
    gnu_need("gawk", "GNU Awk", SPILLED_PAIRS);
    gnu_pairs(SPILLED_PAIRS, draw_distinct);
}
