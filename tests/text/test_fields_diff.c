/* test_fields_diff.c - fields against awk, on generated cases. */
#include <stdlib.h>

#include "gnu.h"
#include "test.h"

/* Without a carriage return and the like, which mawk takes for blanks. */
static const char *const words[] = {"a",        "b",    "abc", "",  "10",   "0.5", " ",
                                    "  ",       "\t",   ",",   ":", "::",   "-",   ";",
                                    "\xc3\xa9", "\xff", " ",   "x", " \t ", NULL};

static void draw_with(uint64_t *random, struct gnu_pair *pair, const char *awk)
{
    static const char *const separators[] = {",", ":", ";", "a", "\t"};
    static const char *const between[] = {"-", "", "<=>", "\t"};
    char program[512] = "{print ", list[128] = "";
    size_t at = strlen(program), list_at = 0;

    gnu_tool(pair, "%s", awk);
    if (strcmp(awk, "gawk") == 0)
        gnu_tool(pair, "--posix");
    gnu_stage(pair, "fields");
    if (gnu_draw(random, 2)) {
        const char *separator = GNU_PICK(random, separators);

        gnu_tool(pair, "-F%s", strcmp(separator, "\t") == 0 ? "\\t" : separator);
        gnu_stage(pair, "%s%s", gnu_draw(random, 2) ? "-d" : "-F", separator);
    }
    if (gnu_draw(random, 3) == 0) {
        const char *text = GNU_PICK(random, between);

        gnu_tool(pair, "-vOFS=%s", text);
        gnu_stage(pair, "--output-delimiter=%s", text);
    }
    for (unsigned n = 1 + gnu_draw(random, gnu_draw(random, 9) ? 4 : 20); n > 0; n--) {
        unsigned field = 1 + gnu_draw(random, gnu_draw(random, 4) ? 5 : 40);
        bool last = gnu_draw(random, 4) == 0;

        at += (size_t)(last ? snprintf(program + at, sizeof program - at,
                                       "(NF>=%u?$(NF-%u+(NF<%u?%u:0)):\"\")", field, field - 1,
                                       field, field)
                            : snprintf(program + at, sizeof program - at, "$%u", field));
        list_at += (size_t)snprintf(list + list_at, sizeof list - list_at, "%s%u%s",
                                    last ? "-" : "", field, n > 1 ? "," : "");
        at += (size_t)snprintf(program + at, sizeof program - at, n > 1 ? "," : "}");
    }
    gnu_tool(pair, "%s", program);
    gnu_stage(pair, "--");
    gnu_stage(pair, "%s", list);
    gnu_draw_lines(random, pair, words);
    for (size_t i = 0; i < pair->in.len; i++)
        if (pair->in.data[i] == '\r' || pair->in.data[i] == '\0')
            pair->in.data[i] = 'q';
}

static void draw_mawk(uint64_t *random, struct gnu_pair *pair)
{
    draw_with(random, pair, "mawk");
}

static void draw_gawk(uint64_t *random, struct gnu_pair *pair)
{
    draw_with(random, pair, "gawk");
}

TEST(test_fields_agrees_with_mawk)
{
    char *argv[] = {(char[]){"mawk"}, (char[]){"BEGIN{print 1}"}, NULL};
    struct gnu_bytes out, none = {0};

    if (gnu_run(argv, NULL, none, &out) != 0)
        SKIP(GNU_PAIRS / 2, "mawk is not installed");
    free(out.data);
    gnu_pairs(GNU_PAIRS / 2, draw_mawk);
}

TEST(test_fields_agrees_with_gawk)
{
    gnu_need("gawk", "GNU Awk", GNU_PAIRS / 2);
    gnu_pairs(GNU_PAIRS / 2, draw_gawk);
}
