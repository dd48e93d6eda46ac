/* test_sort_diff.c - sort against GNU sort, on generated cases. */
#include "gnu.h"
#include "test.h"

/* Without nan: GNU sort compares the bytes of a long double that have no meaning, too. */
static const char *const words[] = {
    "a",
    "b",
    "B",
    "ab",
    "a.b",
    "a-b",
    "-",
    "_",
    "0",
    "00",
    "1",
    "-1",
    "2",
    "10",
    "010",
    "-0",
    "1.5",
    "1.50",
    "-1.5",
    ".5",
    "-.5",
    "1e3",
    "1E-2",
    "-1e3",
    "inf",
    "-inf",

    "0x1f",
    "+5",
    "1K",
    "2M",
    "1.5k",
    "-3G",
    "0K",
    "1000",
    "999999999999999999999",
    "-999999999999999999999.5",
    "5.",
    "5.K",
    "Jan",
    "feb",
    "DECember",
    "may",
    "mayo",
    "x1",
    "x01",
    "x1.2",
    "x1.10",
    "x1.2.tar.gz",
    "x1~",
    ".",
    "..",
    ".hid",
    "x-1.0",
    "x.",
    "\x01",
    "\xff",
    "\xe9",
    ",",
    ",,",
    ";",
    "#",
    "zz",
    "Zz",
    "\r",
    "1e5000",
    "1e-5000",
    "0.1",
    "0.10",
    "1,000",
    "~",
    NULL,
};

/* A draw of n letters of a set. */
static void letters(uint64_t *random, char *to, const char *set, unsigned n)
{
    size_t len = strlen(set);

    for (unsigned i = 0; i < n; i++)
        *to++ = set[gnu_draw(random, (unsigned)len)];
    *to = '\0';
}

/* Letters that can order one key together; some sets that cannot are drawn, too. */
static void draw_order(uint64_t *random, char *to, bool at_end)
{
    static const char *const kinds[] = {"",  "",  "",  "n", "n",  "g",  "h",
                                        "V", "M", "d", "i", "di", "dV", "iV"};
    char more[8];

    to[0] = '\0';
    if (gnu_draw(random, 2))
        return;
    letters(random, more, at_end ? "bfr" : "bfr", gnu_draw(random, 3));
    sprintf(to, "%s%s", GNU_PICK(random, kinds), more);
    if (gnu_draw(random, 40) == 0)
        letters(random, to, "bdfghiMnrV", 3);
}

static void draw_key(uint64_t *random, struct gnu_pair *pair)
{
    char start[8], end[8], key[64];
    size_t n;

    draw_order(random, start, false);
    n = (size_t)sprintf(key, "%u", 1 + gnu_draw(random, 4));
    if (gnu_draw(random, 3) == 0)
        n += (size_t)sprintf(key + n, ".%u", 1 + gnu_draw(random, 4));
    n += (size_t)sprintf(key + n, "%s", start);
    if (gnu_draw(random, 3)) {
        n += (size_t)sprintf(key + n, ",%u", 1 + gnu_draw(random, 4));
        if (gnu_draw(random, 3) == 0)
            n += (size_t)sprintf(key + n, ".%u", gnu_draw(random, 4));
        draw_order(random, end, true);
        sprintf(key + n, "%s", end);
    }
    gnu_both(pair, "-k%s", key);
}

static void draw_options(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const separators[] = {",", ":", "a", " ", "\\0", ";"};
    char order[16];

    gnu_tool(pair, "sort");
    gnu_stage(pair, "sort");
    for (const char *o = "rusz"; *o; o++)
        if (gnu_draw(random, 4) == 0)
            gnu_both(pair, "-%c", *o);
    draw_order(random, order, false);
    if (order[0])
        gnu_both(pair, "-%s", order);
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-t%s", GNU_PICK(random, separators));
    for (unsigned n = gnu_draw(random, 4); n > 0; n--)
        draw_key(random, pair);
    if (gnu_draw(random, 2))
        pair->memory = (uint64_t)(4 + gnu_draw(random, 8)) << 20;
}

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    draw_options(random, pair);
    for (unsigned n = gnu_draw(random, 3); n > 0; n--)
        gnu_draw_lines(random, pair, gnu_draw(random, 3) ? words : NULL);
}

TEST(test_sort_agrees_with_gnu)
{
    gnu_need("sort", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}

static void draw_check(uint64_t *random, struct gnu_pair *pair)
{
    draw_options(random, pair);
    gnu_both(pair, "-%c", gnu_draw(random, 2) ? 'c' : 'C');
    gnu_draw_lines(random, pair, words);
    pair->in.len = gnu_draw(random, pair->in.len < 20 ? (unsigned)pair->in.len + 1 : 20);
}

TEST(test_checks_of_the_order_agree_with_gnu)
{
    gnu_need("sort", "GNU coreutils", GNU_PAIRS / 10);
    gnu_pairs(GNU_PAIRS / 10, draw_check);
}
