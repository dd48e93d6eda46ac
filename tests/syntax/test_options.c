/* test_options.c - a stage's words against its options table. */

#include <ctype.h>
#include <stdlib.h>

#include "syntax/tree.h"
#include "test.h"

struct params {
    int flag, other;
    int64_t level;
    uint64_t size;
    struct leat_count count;
    uint64_t wait_ms;
    const char *string;
    struct leat_strings list;
    int choice;
    const char *side;
    int64_t maybe;
    uint64_t any_size;
    int64_t any;
    int64_t degree;
    uint64_t parts;
};

#define AT(field) .offset = offsetof(struct params, field)

static const struct leat_option options[] = {
    {.name = "flag", .short_name = 'f', .kind = LEAT_OPT_FLAG, AT(flag)},
    {.name = "no-flag", .short_name = 'F', .kind = LEAT_OPT_FLAG, AT(flag), .value = -1},
    {.name = "other",
     .short_name = 'o',
     .kind = LEAT_OPT_FLAG,
     AT(other),
     .initial = 7,
     .value = 8},
    {.name = "level",
     .short_name = LEAT_DIGITS,
     .kind = LEAT_OPT_INT,
     AT(level),
     .metavar = "N",
     .min = 1,
     .max = 19,
     .initial = 3},
    {.name = "best", .kind = LEAT_OPT_FLAG, AT(level), .value = 19},
    {.name = "size",
     .short_name = 's',
     .kind = LEAT_OPT_SIZE,
     AT(size),
     .metavar = "SIZE",
     .min = 1024,
     .max = 1 << 20,
     .initial = 4096},
    {.name = "count",
     .short_name = 'n',
     .kind = LEAT_OPT_COUNT,
     AT(count),
     .metavar = "COUNT",
     .initial = 10},
    {.name = "wait",
     .short_name = 'w',
     .kind = LEAT_OPT_DURATION,
     AT(wait_ms),
     .metavar = "TIME",
     .initial = 1500},
    {.name = "string",
     .short_name = 'S',
     .kind = LEAT_OPT_STRING,
     AT(string),
     .metavar = "TEXT",
     .text_default = "none"},
    {.name = "expr", .short_name = 'e', .kind = LEAT_OPT_LIST, AT(list), .metavar = "RE"},
    {.name = "choice",
     .short_name = 'c',
     .kind = LEAT_OPT_ENUM,
     AT(choice),
     .metavar = "HOW",
     .choices = "block|drop|spill",
     .initial = 1},
    {.name = "to", .kind = LEAT_OPT_SIDE, AT(side), .metavar = "FILE"},
    {.name = "maybe",
     .short_name = 'm',
     .kind = LEAT_OPT_INT,
     AT(maybe),
     .metavar = "N",
     .value_optional = true,
     .value = 27,
     .min = 10,
     .max = 31},
    {.name = "any-size", .kind = LEAT_OPT_SIZE, AT(any_size), .metavar = "SIZE"},
    {.name = "any", .kind = LEAT_OPT_INT, AT(any), .metavar = "N"},
    {.name = "parts", .kind = LEAT_OPT_SIZE, AT(parts), .metavar = "N", .min = 1, .max = INT64_MAX},
    {.name = "degree", .kind = LEAT_OPT_INT, AT(degree), .metavar = "N", .min = -5, .max = 5},
    {0},
};

static const struct leat_stage_type type = {
    .name = "t-all",
    .operands = "FILE…",
    .operands_max = 3,
    .params_size = sizeof(struct params),
    .options = options,
};

static struct leat_arena *arena;
static struct params params;
static struct leat_strings operands;
static struct leat_error error = LEAT_INIT(leat_error);

/* The words after the name, split at spaces; "_" stands for an empty word. */
static int parse_as(const struct leat_stage_type *t, const char *words)
{
    const char *v[32];
    struct leat_strings args = {.v = v};
    char *copy, *save = NULL;

    arena = leat_arena_new();
    ASSERT_NOT_NULL(arena);
    copy = leat_arena_strdup(arena, words);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (strcmp(w, "_") == 0)
            *w = '\0';
        v[args.n++] = w;
        ASSERT_LT(args.n, 32);
    }
    v[args.n] = NULL;
    memset(&params, 0, sizeof params);
    memset(&error, 0, sizeof error);
    return leat_options_parse(t, arena, &args, t->params_size ? &params : NULL, &operands, &error);
}

static void parse(const char *words)
{
    if (parse_as(&type, words) < 0)
        FAIL("%s: %s", words, error.text);
}

static void done(void)
{
    leat_arena_free(arena);
    arena = NULL;
}

TEST(test_defaults_come_from_the_table)
{
    parse("");
    ASSERT_EQ(params.flag, 0);
    ASSERT_EQ(params.other, 7);
    ASSERT_EQ(params.level, 3);
    ASSERT_EQ(params.size, 4096);
    ASSERT_EQ(params.count.sign, 0);
    ASSERT_EQ(params.count.number, 10);
    ASSERT_EQ(params.wait_ms, 1500);
    ASSERT_STREQ(params.string, "none");
    ASSERT_EQ(params.list.n, 0);
    ASSERT_EQ(params.choice, 1);
    ASSERT_NULL(params.side);
    ASSERT_EQ(params.maybe, 0);
    ASSERT_EQ(operands.n, 0);
    ASSERT_NULL(operands.v[0]);
    done();
}

TEST(test_every_kind_takes_its_value_in_every_way)
{
    static const char *const ways[] = {
        "-f -o -9 -s64K -n+5K -w10s -Sabc -ea -eb -cspill --to=x -m12",
        "-fo9 -s 64K -n +5K -w 10s -S abc -e a -e b -c spill --to x -m12",
        "--flag --other --level=9 --size=64K --count=+5K --wait=10s --string=abc --expr=a --expr=b "
        "--choice=spill --to=x --maybe=12",
        "--fl --oth --lev 9 --siz 64K --count +5K --wai 10s --str abc --expr a --ex b --ch spill "
        "--to x --may=12",
        "-9of --size 64K -n+5K -w10000ms -Sabc -ea --expr b -cdrop -c spill --to y --to x -m -m12",
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        test_context("%s", ways[i]);
        parse(ways[i]);
        ASSERT_EQ(params.flag, 1);
        ASSERT_EQ(params.other, 8);
        ASSERT_EQ(params.level, 9);
        ASSERT_EQ(params.size, 65536);
        ASSERT_EQ(params.count.sign, '+');
        ASSERT_EQ(params.count.number, 5120);
        ASSERT_EQ(params.wait_ms, 10000);
        ASSERT_STREQ(params.string, "abc");
        ASSERT_EQ(params.list.n, 2);
        ASSERT_STREQ(params.list.v[0], "a");
        ASSERT_STREQ(params.list.v[1], "b");
        ASSERT_NULL(params.list.v[2]);
        ASSERT_EQ(params.choice, 2);
        ASSERT_STREQ(params.side, "x");
        ASSERT_EQ(params.maybe, 12);
        ASSERT_EQ(operands.n, 0);
        done();
    }
}

TEST(test_the_last_one_given_counts)
{
    parse("-9 --level=4 -f -F -12");
    ASSERT_EQ(params.level, 12);
    ASSERT_EQ(params.flag, -1);
    done();
}

TEST(test_a_flag_that_shares_a_number_writes_all_of_it)
{
    parse("--level=1 --best");
    ASSERT_EQ(params.level, 19);
    done();
}

TEST(test_an_optional_value_is_never_a_word_of_its_own)
{
    parse("--maybe 12 -m 13");
    ASSERT_EQ(params.maybe, 27);
    ASSERT_EQ(operands.n, 2);
    done();
}

TEST(test_a_value_may_look_like_an_option)
{
    parse("-n -5 -S -- -e --flag --to - x");
    ASSERT_EQ(params.count.sign, '-');
    ASSERT_EQ(params.count.number, 5);
    ASSERT_STREQ(params.string, "--");
    ASSERT_STREQ(params.list.v[0], "--flag");
    ASSERT_STREQ(params.side, "-");
    ASSERT_EQ(params.flag, 0);
    ASSERT_EQ(operands.n, 1);
    done();
}

TEST(test_an_empty_value_is_a_value)
{
    parse("-S _ --string= --to= -e _ _");
    ASSERT_STREQ(params.string, "");
    ASSERT_STREQ(params.side, "");
    ASSERT_STREQ(params.list.v[0], "");
    ASSERT_EQ(operands.n, 1);
    done();
}

TEST(test_options_and_operands_mix_until_two_dashes)
{
    parse("a -f - -- -o");
    ASSERT_EQ(params.flag, 1);
    ASSERT_EQ(params.other, 7);
    ASSERT_EQ(operands.n, 3);
    ASSERT_STREQ(operands.v[0], "a");
    ASSERT_STREQ(operands.v[1], "-");
    ASSERT_STREQ(operands.v[2], "-o");
    done();
}

TEST(test_raw_operands_end_the_options)
{
    struct leat_stage_type raw = type;

    raw.operands_raw = true;
    raw.operands_max = SIZE_MAX;
    ASSERT_EQ(parse_as(&raw, "-f sort -o -- x"), 0);
    ASSERT_EQ(params.flag, 1);
    ASSERT_EQ(params.other, 7);
    ASSERT_EQ(operands.n, 4);
    ASSERT_STREQ(operands.v[2], "--");
    done();
    ASSERT_EQ(parse_as(&raw, "-- -f"), 0);
    ASSERT_EQ(operands.n, 1);
    done();
}

TEST(test_counts_are_as_in_head)
{
    static const struct {
        const char *text;
        char sign;
        uint64_t number;
    } counts[] = {{"0", 0, 0},       {"-0", '-', 0},         {"+3", '+', 3},
                  {"010", 0, 10},    {"2048m", 0, 1u << 31}, {"+0K", '+', 0},
                  {"1kB", 0, 1000},  {"2b", 0, 1024},        {"-1KiB", '-', 1024},
                  {"1M", 0, 1 << 20}};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char words[32];

        test_context("-n %s", counts[i].text);
        snprintf(words, sizeof words, "-n %s", counts[i].text);
        parse(words);
        ASSERT_EQ(params.count.sign, counts[i].sign);
        ASSERT_EQ(params.count.number, counts[i].number);
        done();
    }
}

TEST(test_numbers_without_a_range_take_all_that_fits)
{
    parse("--any-size=7E --any 9223372036854775807");
    ASSERT_EQ(params.any_size, (uint64_t)7 << 60);
    ASSERT_EQ(params.any, INT64_MAX);
    done();
    parse("--degree -5");
    ASSERT_EQ(params.degree, -5);
    done();
}

TEST(test_numbers_have_the_units_of_sizes)
{
    parse("--any 5K");
    ASSERT_EQ(params.any, 5120);
    done();
    parse("--any=2MB");
    ASSERT_EQ(params.any, 2000000);
    done();
}

struct mistake {
    const char *words;
    size_t argument; /* 0: none */
    const char *says;
};

static const struct mistake mistakes[] = {
    {"-x", 1, "unknown option '-x'; see `leat help t-all`"},
    {"-fx1", 1, "unknown option '-x1' in '-fx1'"},
    {"a --flagg", 2, "did you mean --flag?"},
    {"--zzzzzzz", 1, "unknown option '--zzzzzzz'; see `leat help t-all`"},
    {"--", 0, NULL},
    {"--=3", 1, "unknown option"},
    {"--s 1", 1, "ambiguous: --size, --string"},
    {"--a 1", 1, "ambiguous: --any-size, --any"},
    {"--flag=1", 1, "--flag takes no value"},
    {"--count", 1, "option --count needs a value: COUNT"},
    {"-fn", 1, "option -n needs a value: COUNT"},
    {"--level=20", 1, "option --level: '20' is not a number from 1 to 19"},
    {"-20", 1, "option -20: '20' is not a number from 1 to 19"},
    {"-0", 1, "from 1 to 19"},
    {"-99999999999999999999999999", 1, "from 1 to 19"},
    {"--level=+3", 1, "is not a number"},
    {"--level=3x", 1, "is not a number"},
    {"--level=", 1, "is not a number"},
    {"--level -", 2, "is not a number"},
    {"--any=-1", 1, "is not a number, 0 or more"},
    {"--any=9223372036854775808", 1, "is not a number from 0 to 9223372036854775807"},
    {"--any=8E", 1, "is not a number from 0 to 9223372036854775807"},
    {"--any=1.5K", 1, "is not a number, 0 or more"},
    {"--level=1K", 1, "is not a number from 1 to 19"},
    {"--degree=-1K", 1, "from -5 to 5"},
    {"--degree=-6", 1, "from -5 to 5"},
    {"-s 1023", 2, "option -s: '1023' is not a size from 1K to 1M"},
    {"-s 1025K", 2, "is not a size from 1K to 1M"},
    {"-s x", 2, "such as 4096, 64K"},
    {"--any-size=-1", 1, "such as 4096, 64K"},
    {"-n 1.5K", 2, "is not a count"},
    {"-n 5x", 2, "is not a count"},
    {"-n b", 2, "is not a count"},
    {"-n --5", 2, "is not a count"},
    {"-n 18446744073709551615b", 2, "is not a count from 0 to 18446744073709551615"},
    {"-n 18446744073709551616", 2, "is not a count from 0 to 18446744073709551615"},
    {"-w soon", 2, "is not a duration such as 10s"},
    {"-w 18446744073709551615ms", 2, "is not a duration from 1ms to 106751d"},
    {"--any-size=9223372036854775808", 1, "is not a size from 0 to 9223372036854775807"},
    {"--parts=x", 1, "option --parts: 'x' is not a number, 1 or more"},
    {"--parts=0", 1, "option --parts: '0' is not a number, 1 or more"},
    {"--parts=8E", 1, "is not a number from 1 to 9223372036854775807"},
    {"-c dorp", 2, "is none of block, drop, spill; did you mean drop?"},
    {"-c _", 2, "is none of block, drop, spill"},
    {"-c block|drop", 2, "is none of"},
    {"a b c d", 4, "takes only FILE…; 'd' is one too many"},
};

TEST(test_mistakes_name_the_option_and_the_argument)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *m = &mistakes[i];

        test_context("%s", m->words);
        ASSERT_EQ(parse_as(&type, m->words), m->says ? LEAT_EUSAGE : 0);
        if (m->says)
            ASSERT_STR_HAS(error.text, m->says);
        ASSERT_EQ(error.offset, m->argument);
        done();
    }
}

TEST(test_a_stage_without_a_table_takes_nothing)
{
    static const struct leat_stage_type bare = {.name = "bare"};

    ASSERT_EQ(parse_as(&bare, ""), 0);
    done();
    ASSERT_EQ(parse_as(&bare, "--"), 0);
    done();
    ASSERT_EQ(parse_as(&bare, "-x"), LEAT_EUSAGE);
    done();
    ASSERT_EQ(parse_as(&bare, "x"), LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, "takes no operands");
    done();
}

TEST(test_a_missing_operand_is_named)
{
    struct leat_stage_type two = type;

    two.operands = "PATTERN FILE";
    two.operands_min = two.operands_max = 2;
    ASSERT_EQ(parse_as(&two, "a"), LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, "needs PATTERN FILE");
    done();
}

/* --- the tables of the built-in stages -------------------------------------------------------- */

static size_t value_size(enum leat_opt_kind kind)
{
    switch (kind) {
    case LEAT_OPT_FLAG:
    case LEAT_OPT_ENUM:
        return sizeof(int);
    case LEAT_OPT_INT:
    case LEAT_OPT_SIZE:
    case LEAT_OPT_DURATION:
        return sizeof(int64_t);
    case LEAT_OPT_COUNT:
        return sizeof(struct leat_count);
    case LEAT_OPT_LIST:
        return sizeof(struct leat_strings);
    case LEAT_OPT_STRING:
    case LEAT_OPT_SIDE:
        return sizeof(const char *);
    }
    FAIL("unknown kind %d", (int)kind);
}

static bool is_help_line(const char *text)
{
    size_t n = text ? strlen(text) : 0;

    return n > 0 && n <= 100 && text[n - 1] != '.' && !strchr(text, '\n') && text[0] != ' ';
}

static void check_option(const struct leat_stage_type *t, const struct leat_option *o, size_t size)
{
    test_context("%s: option --%s -%c", t->name, o->name ? o->name : "", o->short_name);
    ASSERT_LE(o->offset + value_size(o->kind), size);
    ASSERT(is_help_line(o->help));
    ASSERT_EQ(o->kind == LEAT_OPT_FLAG, o->metavar == NULL);
    ASSERT_EQ(o->kind == LEAT_OPT_ENUM, o->choices != NULL);
    ASSERT(o->short_name == 0 || o->short_name == LEAT_DIGITS || isalnum(o->short_name));
    ASSERT(!o->name || (strlen(o->name) > 1 && !strpbrk(o->name, "= _")));
    ASSERT_LE(o->min, o->max);
    for (const struct leat_option *p = o + 1; p->name || p->short_name; p++) {
        ASSERT(!o->name || !p->name || strcmp(o->name, p->name) != 0);
        ASSERT(o->short_name == 0 || o->short_name != p->short_name);
    }
}

/* The largest number of 64 bits is more than any stage counts to; the message gives the range. */
static void check_largest(const struct leat_stage_type *t, const struct leat_option *o)
{
    char word[96], first[2] = {o->short_name == LEAT_DIGITS ? '\0' : o->short_name, '\0'};
    const char *v[] = {word, NULL};
    const struct leat_strings args = {.n = 1, .v = v};
    struct leat_strings rest;
    void *filled = calloc(1, t->params_size);
    bool number = o->kind == LEAT_OPT_INT || o->kind == LEAT_OPT_SIZE;

    if (o->name)
        snprintf(word, sizeof word, "--%s=18446744073709551615", o->name);
    else
        snprintf(word, sizeof word, "-%s18446744073709551615", first);
    if (number || o->kind == LEAT_OPT_DURATION) {
        ASSERT_NOT_NULL(filled);
        arena = leat_arena_new();
        ASSERT_EQ(leat_options_parse(t, arena, &args, filled, &rest, &error), LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, "'18446744073709551615' is not a ");
        ASSERT_STR_HAS(error.text, " from ");
        ASSERT_STR_HAS(error.text, " to ");
        done();
    }
    free(filled);
}

TEST(test_no_stage_takes_the_largest_number_of_all)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        const struct leat_stage_type *t = leat_registry_at(registry, i);

        for (const struct leat_option *o = t->options; o && (o->name || o->short_name); o++) {
            test_context("%s: option --%s -%c", t->name, o->name ? o->name : "", o->short_name);
            check_largest(t, o);
        }
    }
    leat_registry_free(registry);
}

TEST(test_the_tables_of_all_stages_are_sound)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    ASSERT_GT(leat_registry_count(registry), 0);
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        const struct leat_stage_type *t = leat_registry_at(registry, i);

        test_context("stage %s", t->name);
        ASSERT(is_help_line(t->summary));
        ASSERT_LE(t->operands_min, t->operands_max);
        for (const struct leat_option *o = t->options; o && (o->name || o->short_name); o++)
            check_option(t, o, t->params_size);
        for (const struct leat_option *o = t->branch_options; o && (o->name || o->short_name); o++)
            check_option(t, o, t->branch_params_size);
    }
    leat_registry_free(registry);
}
