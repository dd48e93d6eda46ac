/* test_cut_diff.c - cut against GNU cut, on generated cases. */
#include "gnu.h"
#include "test.h"

static const char *const words[] = {"a",        "b",  "abc", "",     "10", "0.5", " ",
                                    "  ",       "\t", ",",   ":",    "::", "-",   ";",
                                    "\xc3\xa9", "\n", "\t",  "\xff", "x",  NULL};

static void draw_list(uint64_t *random, struct gnu_pair *pair, char option)
{
    static const char *const odd[] = {"",
                                      "0",
                                      "-",
                                      "a",
                                      "2-1",
                                      "1,",
                                      "1--2",
                                      "1 2",
                                      ",",
                                      "18446744073709551615",
                                      "18446744073709551614",
                                      "0-",
                                      "-0",
                                      "1-,2"};
    char list[128] = "";
    size_t at = 0;

    if (gnu_draw(random, 15) == 0) {
        gnu_both(pair, "-%c", option);
        gnu_both(pair, "%s", GNU_PICK(random, odd));
        return;
    }
    for (unsigned n = 1 + gnu_draw(random, 3); n > 0; n--) {
        unsigned from = 1 + gnu_draw(random, 8), to = from + gnu_draw(random, 4);

        switch (gnu_draw(random, 5)) {
        case 0:
            at += (size_t)snprintf(list + at, sizeof list - at, "%u-%u", from, to);
            break;
        case 1:
            at += (size_t)snprintf(list + at, sizeof list - at, "%u-", from);
            break;
        case 2:
            at += (size_t)snprintf(list + at, sizeof list - at, "-%u", to);
            break;
        default:
            at += (size_t)snprintf(list + at, sizeof list - at, "%u", from);
            break;
        }
        if (n > 1)
            list[at++] = gnu_draw(random, 4) ? ',' : ' ';
        list[at] = '\0';
    }
    gnu_both(pair, "-%c%s", option, list);
}

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const delimiters[] = {" ", ",", ":", "a", "\t", "\n", "", "\xff", "ab"};
    static const char *const between[] = {"", "|", "<->", " ", "\n", ":"};
    char option = "fffffbbc"[gnu_draw(random, 8)];

    gnu_tool(pair, "cut");
    gnu_stage(pair, "cut");
    draw_list(random, pair, option);
    if (gnu_draw(random, 40) == 0)
        draw_list(random, pair, "fb"[gnu_draw(random, 2)]);
    if (option == 'f' ? gnu_draw(random, 5) : gnu_draw(random, 30) == 0) {
        gnu_both(pair, "-d");
        gnu_both(pair, "%s", GNU_PICK(random, delimiters));
    }
    if (option == 'f' ? gnu_draw(random, 3) == 0 : gnu_draw(random, 30) == 0)
        gnu_both(pair, "-s");
    if (gnu_draw(random, 4) == 0)
        gnu_both(pair, "--complement");
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "--output-delimiter=%s", GNU_PICK(random, between));
    if (gnu_draw(random, 8) == 0)
        gnu_both(pair, "-n");
    gnu_draw_lines(random, pair, words);
    if (gnu_draw(random, 8) == 0) {
        gnu_both(pair, "-z");
        /* GNU cut 9.1 forgets the end of a last line without one that ends with a delimiter. */
        gnu_add(&pair->in, "", option == 'f');
    }
}

TEST(test_cut_agrees_with_gnu)
{
    gnu_need("cut", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}
