/* test_tr_diff.c - tr against GNU tr, on generated cases. */
#include <stdlib.h>

#include "gnu.h"
#include "test.h"

static const char *const parts[] = {
    "a-z",         "A-Z",         "0-9",       "[:alpha:]", "[:alnum:]", "[:blank:]", "[:cntrl:]",
    "[:digit:]",   "[:graph:]",   "[:lower:]", "[:print:]", "[:punct:]", "[:space:]", "[:upper:]",
    "[:xdigit:]",  "[=a=]",       "[=]=]",     "[x*3]",     "[y*010]",   "\\n",       "\\101",
    "\\0",         "\\4011",      "ab",        "x",         "-",         "\\-",       "[",
    "]",           "a-",          "-a",        "\xe9",      "\xa0-\xff", "\\\\",      "[:*2]",
    "[=*3]",       "\\t-\\r",     "m-",        "B",         "10",        " ",         "[a-c]",
    "\\[:upper:]", "\\000-\\377", "!-~",       "[b*300]",
};
static const char *const odd_parts[] = {
    "[z*]",   "[z*0]",  "[::]",    "[==]",    "[:foo:]",  "[=ab=]",
    "z-a",    "[a*bc]", "[a*09]",  "[a*-1]",  "[:alpha:", "[a*18446744073709551615]",
    "[:a:]",  "\\8",    "\\",      "[a* 2]",  "[a*+2]",   "[\\*3]",
    "[a*\\]", "[:*]",   "[=*2]=]", "\\400-z",
};
static const char *const words[] = {"a",  "b",    "aa",   "zz",   "B",  "BB", "x",  "xxx", "10",
                                    "00", "99",   " ",    "  ",   "\t", ",",  "--", "\\",  "[",
                                    "]]", "\xe9", "\xff", "\xa0", ":",  "*",  "q",  NULL};

static void draw_set(uint64_t *random, char *to, size_t room)
{
    unsigned n = gnu_draw(random, 12) ? 1 + gnu_draw(random, 3) : 0;

    to[0] = '\0';
    for (; n > 0; n--) {
        const char *part =
            gnu_draw(random, 12) ? GNU_PICK(random, parts) : GNU_PICK(random, odd_parts);

        strncat(to, part, room - strlen(to) - 1);
    }
}

/* Case classes at the same places, so that they are often allowed. */
static void draw_cases(uint64_t *random, char *set1, char *set2, size_t room)
{
    static const char *const cases[] = {"[:upper:]", "[:lower:]"};

    set1[0] = set2[0] = '\0';
    for (unsigned n = 1 + gnu_draw(random, 3); n > 0; n--) {
        bool pair = gnu_draw(random, 2);

        strncat(set1, pair ? GNU_PICK(random, cases) : "0", room - strlen(set1) - 1);
        strncat(set2, pair ? GNU_PICK(random, cases) : "5", room - strlen(set2) - 1);
    }
    if (gnu_draw(random, 3) == 0)
        strncat(set2, gnu_draw(random, 2) ? "x" : "[x*]", room - strlen(set2) - 1);
    if (gnu_draw(random, 3) == 0)
        strncat(set1, gnu_draw(random, 2) ? "ab" : "[:digit:]", room - strlen(set1) - 1);
}

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const options[] = {"-c", "-d", "-s", "-t", "-C", "-ds", "-cs"};
    unsigned sets = gnu_draw(random, 3) ? 2 : 1;
    char set1[256], set2[256];

    gnu_tool(pair, "tr");
    gnu_stage(pair, "tr");
    for (unsigned n = gnu_draw(random, 3) + (sets == 1); n > 0; n--)
        gnu_both(pair, "%s", GNU_PICK(random, options));
    draw_set(random, set1, sizeof set1);
    draw_set(random, set2, sizeof set2);
    if (gnu_draw(random, 4) == 0)
        draw_cases(random, set1, set2, sizeof set1);
    gnu_both(pair, "--");
    gnu_both(pair, "%s", set1);
    if (sets == 2)
        gnu_both(pair, "%s", set2);
    gnu_draw_lines(random, pair, words);
}

TEST(test_tr_agrees_with_gnu)
{
    gnu_need("tr", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}
