/* test_parse.c - the grammar: text and words to plans, plans to text, and what mistakes say. */

#include <stdlib.h>

#include "syntax/registry.h"
#include "syntax/tree.h"
#include "test.h"

/* --- a registry with one stage of each kind --------------------------------------------------- */

static int idle_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)in;
    (void)out;
    return LEAT_END;
}

struct up_params {
    int loud;
    int64_t level;
    struct leat_strings exprs;
};

static const struct leat_option up_options[] = {
    {.name = "loud", .short_name = 'l', .kind = LEAT_OPT_FLAG, .help = "be loud"},
    {.name = "level",
     .short_name = 'n',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct up_params, level),
     .metavar = "N",
     .min = 1,
     .max = 9,
     .initial = 6,
     .help = "how much"},
    {.name = "expr",
     .short_name = 'e',
     .kind = LEAT_OPT_LIST,
     .offset = offsetof(struct up_params, exprs),
     .metavar = "RE",
     .help = "what"},
    {0},
};

static const struct leat_stage_type types[] = {
    {.name = "t-from",
     .kind = LEAT_SOURCE,
     .operands = "FILE…",
     .operands_max = SIZE_MAX,
     .step = idle_step},
    {.name = "t-up",
     .aliases = "t-raise t-lift",
     .kind = LEAT_TRANSFORM,
     .operands = "WORD…",
     .operands_max = SIZE_MAX,
     .params_size = sizeof(struct up_params),
     .options = up_options,
     .step = idle_step},
    {.name = "t-bare", .kind = LEAT_TRANSFORM, .step = idle_step},
    {.name = "t-fan",
     .kind = LEAT_TRANSFORM,
     .operands = "WORD…",
     .operands_max = SIZE_MAX,
     .operands_raw = true,
     .branches_min = 1,
     .branches_max = 3,
     .step = idle_step},
    {.name = "t-route",
     .kind = LEAT_TRANSFORM,
     .branches_min = 1,
     .branches_max = 3,
     .branch_options = up_options,
     .branch_params_size = sizeof(struct up_params),
     .step = idle_step},
    {.name = "t-join",
     .kind = LEAT_FAN_IN,
     .branches_min = 1,
     .branches_max = 9,
     .step = idle_step},
    {.name = "t-to", .kind = LEAT_SINK, .operands = "FILE", .operands_max = 1, .step = idle_step},
    {.name = "t-lost", .kind = LEAT_TRANSFORM, .missing = "libfound-dev", .step = idle_step},
};

static struct leat_registry *registry;
static struct leat_tree *plan;
static struct leat_error error = LEAT_INIT(leat_error);

static void setup(void)
{
    registry = leat_registry_new();
    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        ASSERT_EQ(leat_registry_add_plain(registry, &types[i]), 0);
}

static void teardown(void)
{
    leat_tree_free(plan);
    plan = NULL;
    leat_registry_free(registry);
}

static void parse_text_with(const char *text, const struct leat_variable *v, size_t n)
{
    int r = leat_tree_from_text(registry, text, v, n, &plan, &error);

    if (r < 0)
        FAIL("%s: %s", text, error.text);
}

static void parse_text(const char *text)
{
    parse_text_with(text, NULL, 0);
}

/* Words until NULL. */
static int parse_words(const char *const *words)
{
    size_t n = 0;

    while (words[n])
        n++;
    return leat_tree_from_words(registry, n, words, &plan, &error);
}
#define WORDS(...) parse_words((const char *const[]){__VA_ARGS__, NULL})

static void assert_canonical(const char *expected)
{
    char *text = leat_tree_text(plan);

    ASSERT_NOT_NULL(text);
    ASSERT_STREQ(text, expected);
    free(text);
    leat_tree_free(plan);
    plan = NULL;
}

/* --- the two forms ---------------------------------------------------------------------------- */

TEST(test_text_and_words_give_the_same_plan)
{
    setup();
    parse_text("t-from a.gz | t-up -l : t-to 'b c'");
    assert_canonical("t-from a.gz | t-up -l | t-to 'b c'");
    ASSERT_EQ(WORDS("t-from", "a.gz", ":", "t-up", "-l", "|", "t-to", "b c"), 0);
    assert_canonical("t-from a.gz | t-up -l | t-to 'b c'");
    teardown();
}

TEST(test_words_are_never_split)
{
    setup();
    ASSERT_EQ(WORDS("t-up", "a : t-up", "#x", "${y}", "a'b\"c", ""), 0);
    ASSERT_EQ(plan->root.n, 1);
    ASSERT_EQ(plan->root.nodes[0].args.n, 5);
    ASSERT_STREQ(plan->root.nodes[0].args.v[0], "a : t-up");
    ASSERT_STREQ(plan->root.nodes[0].args.v[1], "#x");
    ASSERT_STREQ(plan->root.nodes[0].args.v[2], "${y}");
    ASSERT_STREQ(plan->root.nodes[0].args.v[3], "a'b\"c");
    ASSERT_STREQ(plan->root.nodes[0].args.v[4], "");
    ASSERT_NULL(plan->root.nodes[0].args.v[5]);
    teardown();
}

TEST(test_operators_count_only_as_words_of_their_own)
{
    setup();
    parse_text("t-up a:b http://x|y [z] ::");
    ASSERT_EQ(plan->root.n, 1);
    assert_canonical("t-up a:b http://x|y [z] ::");
    teardown();
}

TEST(test_escaped_operators_are_literal_in_both_forms)
{
    setup();
    ASSERT_EQ(WORDS("t-up", "\\:", "\\|", "\\[", "\\]", "\\\\:", "\\x"), 0);
    ASSERT_EQ(plan->root.n, 1);
    ASSERT_STREQ(plan->root.nodes[0].args.v[0], ":");
    ASSERT_STREQ(plan->root.nodes[0].args.v[3], "]");
    ASSERT_STREQ(plan->root.nodes[0].args.v[4], "\\:");
    ASSERT_STREQ(plan->root.nodes[0].args.v[5], "\\x");
    assert_canonical("t-up ':' '|' '[' ']' '\\:' '\\x'");
    parse_text("t-up \\: \\| \\[ ']' '\\:' \\\\x ''\\|");
    assert_canonical("t-up ':' '|' '[' ']' '\\:' '\\x' '|'");
    teardown();
}

TEST(test_quoting_is_that_of_a_shell)
{
    setup();
    parse_text("t-up 'a b' \"c d\" e\\ f 'g'\"h\"i 'j\\k' \"l\\m\\\"\\\\\\$\" '' a#b $x foo$");
    {
        static const char *const want[] = {"a b",       "c d", "e f", "ghi", "j\\k",
                                           "l\\m\"\\$", "",    "a#b", "$x",  "foo$"};
        const struct leat_strings *args = &plan->root.nodes[0].args;

        ASSERT_EQ(args->n, sizeof want / sizeof *want);
        for (size_t i = 0; i < args->n; i++)
            ASSERT_STREQ(args->v[i], want[i]);
    }
    teardown();
}

TEST(test_comments_reach_to_the_end_of_their_line)
{
    setup();
    parse_text("#!/usr/bin/env -S leat -f\n# a job\nt-from x # the input | t-lost\n  t-up -l #\n");
    assert_canonical("t-from x | t-up -l");
    teardown();
}

TEST(test_newlines_join_and_never_make_empty_stages)
{
    setup();
    parse_text(
        "\n\n t-from x\n\n\n t-up |\n t-up\n: t-up -l \\\n 7\r\n\r\n t-fan a\n[\n t-up\n t-bare\n"
        "]\n\n[ t-bare ]\n t-to y\n\n");
    assert_canonical("t-from x | t-up | t-up | t-up -l 7 | t-fan a [ t-up | t-bare ] [ t-bare ] | "
                     "t-to y");
    teardown();
}

TEST(test_a_backslash_at_the_line_end_joins_lines)
{
    setup();
    parse_text("t-up a\\\nb c \\\r\n d \"e\\\nf\" 'g\\\nh'");
    assert_canonical("t-up ab c d ef $'g\\\\\\nh'");
    teardown();
}

TEST(test_branches_nest_and_stages_are_numbered_depth_first)
{
    setup();
    parse_text("t-from x : t-fan [ t-up : t-fan [ t-to a ] : t-bare ] [ t-to b ] : t-to c");
    ASSERT_EQ(plan->root.n, 3);
    {
        const struct leat_node *fan = &plan->root.nodes[1];

        ASSERT_EQ(fan->n_branches, 2);
        ASSERT_EQ(fan->number, 2);
        ASSERT_EQ(fan->branches[0].n, 3);
        ASSERT_EQ(fan->branches[0].nodes[1].number, 4);
        ASSERT_EQ(fan->branches[0].nodes[1].branches[0].nodes[0].number, 5);
        ASSERT_EQ(fan->branches[0].nodes[2].number, 6);
        ASSERT_EQ(fan->branches[1].nodes[0].number, 7);
        ASSERT_EQ(plan->root.nodes[2].number, 8);
    }
    assert_canonical("t-from x | t-fan [ t-up | t-fan [ t-to a ] | t-bare ] [ t-to b ] | t-to c");
    teardown();
}

TEST(test_a_branch_may_begin_with_options_of_its_junction)
{
    const struct up_params *params;

    setup();
    parse_text("t-route [ -l --level 3 : t-up : - ] [ t-bare ] [\n-n4\nt-to x\n]");
    ASSERT_EQ(plan->root.nodes[0].n_branches, 3);
    params = plan->root.nodes[0].branch_options[0].params;
    ASSERT_EQ(params->loud, 1);
    ASSERT_EQ(params->level, 3);
    params = plan->root.nodes[0].branch_options[1].params;
    ASSERT_EQ(params->loud, 0);
    ASSERT_EQ(params->level, 6);
    ASSERT_EQ(plan->root.nodes[0].branches[0].nodes[0].number, 2);
    ASSERT_EQ(plan->root.nodes[0].branches[2].nodes[0].number, 5);
    assert_canonical("t-route [ -l --level 3 | t-up | write - ] [ t-bare ] [ -n4 | t-to x ]");
    teardown();
}

TEST(test_an_alias_is_written_as_the_name)
{
    setup();
    parse_text("t-lift a : t-raise b");
    assert_canonical("t-up a | t-up b");
    teardown();
}

TEST(test_a_dash_is_standard_input_or_output_by_its_place)
{
    setup();
    parse_text("- : t-up : -");
    assert_canonical("read - | t-up | write -");
    parse_text("-");
    assert_canonical("read -");
    parse_text("t-fan [ - ] [ t-up : - ]");
    assert_canonical("t-fan [ write - ] [ t-up | write - ]");
    parse_text("t-join [ - ] [ - : t-up ]");
    assert_canonical("t-join [ read - ] [ read - | t-up ]");
    teardown();
}

TEST(test_options_reach_the_params)
{
    const struct up_params *params;

    setup();
    parse_text("t-up : t-up -ln3 x -- -y");
    params = plan->root.nodes[0].params;
    ASSERT_EQ(params->level, 6);
    ASSERT_EQ(params->loud, 0);
    params = plan->root.nodes[1].params;
    ASSERT_EQ(params->level, 3);
    ASSERT_EQ(params->loud, 1);
    ASSERT_EQ(plan->root.nodes[1].operands.n, 2);
    ASSERT_STREQ(plan->root.nodes[1].operands.v[1], "-y");
    teardown();
}

/* --- variables -------------------------------------------------------------------------------- */

static const struct leat_variable variables[] = {
    {"day", "monday"}, {"file", "a b | c"},   {"op", "|"},       {"none", ""},
    {"ref", "${day}"}, {"day", "2026-11-22"}, {"stage", "t-up"}, {"dash", "-l"},
};
#define N_VARIABLES (sizeof variables / sizeof *variables)

TEST(test_variables_are_literal_and_never_split)
{
    setup();
    parse_text_with("t-up ${file} x-${day}.gz \"${file}!\" '${day}' \\${day} ${op} ${none} "
                    "a${none}b ${ref}",
                    variables, N_VARIABLES);
    {
        static const char *const want[] = {
            "a b | c", "x-2026-11-22.gz", "a b | c!", "${day}", "${day}", "|", "", "ab", "${day}"};
        const struct leat_strings *args = &plan->root.nodes[0].args;

        ASSERT_EQ(plan->root.n, 1);
        ASSERT_EQ(args->n, sizeof want / sizeof *want);
        for (size_t i = 0; i < args->n; i++)
            ASSERT_STREQ(args->v[i], want[i]);
    }
    teardown();
}

TEST(test_a_variable_may_name_a_stage_or_an_option)
{
    setup();
    parse_text_with("${stage} ${dash}", variables, N_VARIABLES);
    assert_canonical("t-up -l");
    teardown();
}

/* --- mistakes --------------------------------------------------------------------------------- */

struct mistake {
    const char *text;
    int code;
    int stage;        /* 0: none */
    int64_t offset;   /* -1: none */
    const char *says; /* part of the message */
};

static const struct mistake mistakes[] = {
    {"", LEAT_EUSAGE, 0, -1, "empty"},
    {" \n # nothing \n", LEAT_EUSAGE, 0, -1, "empty"},
    {": t-up", LEAT_EUSAGE, 0, 0, "a stage is missing before"},
    {"t-up :", LEAT_EUSAGE, 0, 5, "a stage is missing after the last"},
    {"t-up : | t-up", LEAT_EUSAGE, 0, 7, "a stage is missing before"},
    {"t-up |\n| t-up", LEAT_EUSAGE, 0, 7, "a stage is missing before"},
    {"t-upp", LEAT_EUSAGE, 1, 0, "did you mean t-up?"},
    {"t-from x : t-lfit", LEAT_EUSAGE, 2, 11, "did you mean t-lift?"},
    {"qqqqqq", LEAT_EUSAGE, 1, 0, "unknown stage"},
    {"t-up|t-up", LEAT_EUSAGE, 1, 0, "need spaces around"},
    {"t-up | ''", LEAT_EUSAGE, 2, 7, "name is empty"},
    {"big.log.xyz : t-up", LEAT_EUSAGE, 1, 0, "read big.log.xyz"},
    {"t-up : out/zzz.qqq", LEAT_EUSAGE, 2, 7, "write out/zzz.qqq"},
    {"-n 5 : t-up", LEAT_EUSAGE, 1, 0, "options come after"},
    {"t-up --leval=3", LEAT_EUSAGE, 1, 5, "did you mean --level?"},
    {"t-from a : t-up x -n 12", LEAT_EUSAGE, 2, 21, "from 1 to 9"},
    {"t-up -n", LEAT_EUSAGE, 1, 5, "needs a value: N"},
    {"t-bare x", LEAT_EUSAGE, 1, 7, "takes no operands"},
    {"t-bare > x", LEAT_EUSAGE, 1, 7, "write FILE"},
    {"t-bare < x", LEAT_EUSAGE, 1, 7, "read FILE"},
    {"t-bare t-up", LEAT_EUSAGE, 1, 7, "joined by"},
    {"t-to a b", LEAT_EUSAGE, 1, 7, "one too many"},
    {"t-bare [t-up]", LEAT_EUSAGE, 1, 7, "need spaces around"},
    {"t-fan", LEAT_EUSAGE, 1, 0, "needs 1 or more branches"},
    {"t-fan [ t-up ] [ t-up ] [ t-up ] [ t-up ]", LEAT_EUSAGE, 1, 6, "at most 3 branches"},
    {"t-up [ t-bare ]", LEAT_EUSAGE, 1, 5, "takes no branches"},
    {"t-fan [ ]", LEAT_EUSAGE, 0, 8, "a branch [ ] is empty"},
    {"t-route [ -l ]", LEAT_EUSAGE, 0, 13, "a stage is missing"},
    {"t-route [ -l", LEAT_EUSAGE, 0, 8, "'[' is not closed"},
    {"t-route [ -l : ]", LEAT_EUSAGE, 0, 15, "a stage is missing"},
    {"t-route [ -n 12 : t-up ]", LEAT_EUSAGE, 1, 13, "from 1 to 9"},
    {"t-route [ --leval 3 : t-up ]", LEAT_EUSAGE, 1, 10, "did you mean --level?"},
    {"t-route [ -l t-up ]", LEAT_EUSAGE, 1, 13, "joined by"},
    {"t-route [ : t-up ]", LEAT_EUSAGE, 0, 10, "a stage is missing before"},
    {"t-fan [ -l : t-up ]", LEAT_EUSAGE, 2, 8, "options come after"},
    {"t-fan [ t-up : ]", LEAT_EUSAGE, 0, 15, "a stage is missing before ']'"},
    {"t-fan [ t-up", LEAT_EUSAGE, 0, 6, "'[' is not closed"},
    {"t-fan [", LEAT_EUSAGE, 0, 6, "'[' is not closed"},
    {"t-fan [ t-up ] ]", LEAT_EUSAGE, 0, 15, "']' without a '['"},
    {"t-up ]", LEAT_EUSAGE, 0, 5, "']' without a '['"},
    {"] t-up", LEAT_EUSAGE, 0, 0, "']' without a '['"},
    {"[ t-up ]", LEAT_EUSAGE, 0, 0, "comes after a stage that takes branches"},
    {"t-fan [ t-up ] t-up", LEAT_EUSAGE, 0, 15, "missing between ']' and 't-up'"},
    {"t-up : t-from x", LEAT_EUSAGE, 2, 7, "only be the first"},
    {"t-to x : t-up", LEAT_EUSAGE, 1, 0, "only be the last"},
    {"t-up : - : t-up", LEAT_EUSAGE, 2, 7, "first or the last"},
    {"- x : t-up", LEAT_EUSAGE, 1, 0, "takes no words"},
    {"t-fan [ - : t-up ]", LEAT_EUSAGE, 2, 8, "first or the last"},
    {"t-lost --whatever", LEAT_EUNSUPPORTED, 1, 0, "libfound-dev"},
    {"t-up 'abc", LEAT_EUSAGE, 0, 5, "quote ' is not closed"},
    {"t-up x\"abc\\\"", LEAT_EUSAGE, 0, 6, "quote \" is not closed"},
    {"t-up \\", LEAT_EUSAGE, 0, 5, "backslash at the end"},
    {"t-up a${nope}", LEAT_EUSAGE, 0, 6, "'nope' is not set"},
    {"t-up \"${nope}\"", LEAT_EUSAGE, 0, 6, "'nope' is not set"},
    {"t-up ${", LEAT_EUSAGE, 0, 5, "without '}'"},
    {"t-up ${x\n}", LEAT_EUSAGE, 0, 5, "without '}'"},
    {"t-up ${}", LEAT_EUSAGE, 0, 5, "no name"},
};

TEST(test_mistakes_say_what_and_where)
{
    setup();
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *m = &mistakes[i];

        test_context("text: %s", m->text);
        memset(&error, 0xa5, sizeof error);
        ASSERT_EQ(leat_tree_from_text(registry, m->text, variables, N_VARIABLES, &plan, &error),
                  m->code);
        ASSERT_EQ(error.code, m->code);
        ASSERT_STR_HAS(error.text, m->says);
        ASSERT_EQ(error.stage, m->stage);
        ASSERT_EQ(error.has_offset, m->offset >= 0);
        if (m->offset >= 0)
            ASSERT_EQ(error.offset, m->offset);
        ASSERT_NULL(strchr(error.text, '\n'));
        /* ret_error may be NULL */
        ASSERT_EQ(leat_tree_from_text(registry, m->text, variables, N_VARIABLES, &plan, NULL),
                  m->code);
    }
    teardown();
}

TEST(test_a_mistake_in_words_gives_the_number_of_the_word)
{
    setup();
    ASSERT_EQ(WORDS("t-up", ":", "t-up", "-n", "x"), LEAT_EUSAGE);
    ASSERT(!error.has_offset);
    ASSERT_EQ(error.offset, 5);
    ASSERT_EQ(error.stage, 2);
    ASSERT_STREQ(error.stage_name, "t-up");
    ASSERT_STR_HAS(error.text, "(word 5)");
    teardown();
}

TEST(test_messages_never_carry_control_characters)
{
    setup();
    ASSERT_EQ(WORDS("t-bare", "a\x1b[2Jb\nc\xff\xc2\x9bk\xe2\x82"), LEAT_EUSAGE);
    for (const char *p = error.text; *p; p++)
        ASSERT((unsigned char)*p >= 0x20);
    ASSERT_STR_HAS(error.text, "a\\x1b[2Jb\\nc\\xff\\xc2\\x9bk\\xe2\\x82");
    ASSERT_EQ(WORDS("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"),
              LEAT_EUSAGE);
    ASSERT_EQ(strlen(error.stage_name), 63);
    teardown();
}

/* --- limits ----------------------------------------------------------------------------------- */

/* `text` n times. */
static char *repeat(const char *text, size_t n)
{
    size_t len = strlen(text);
    char *all = malloc(n * len + 1);

    ASSERT_NOT_NULL(all);
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * len, text, len);
    all[n * len] = '\0';
    return all;
}

static void assert_text_code(char *text, int code)
{
    int r = leat_tree_from_text(registry, text, NULL, 0, &plan, &error);

    test_note("%s", r < 0 ? error.text : "fits");
    ASSERT_EQ(r, code);
    leat_tree_free(plan);
    plan = NULL;
    free(text);
}

TEST(test_limits_are_kept_and_reached)
{
    setup();
    assert_text_code(repeat("t-bare\n", LEAT_TREE_STAGES_MAX), 0);
    assert_text_code(repeat("t-bare\n", LEAT_TREE_STAGES_MAX + 1), LEAT_ELIMIT);
    assert_text_code(repeat("t-fan [ ", LEAT_TREE_DEPTH_MAX + 1), LEAT_ELIMIT);
    assert_text_code(repeat("#", LEAT_TREE_TEXT_MAX), LEAT_EUSAGE);
    assert_text_code(repeat("#", LEAT_TREE_TEXT_MAX + 1), LEAT_ELIMIT);
    assert_text_code(repeat("t-up ", LEAT_TREE_WORDS_MAX), 0);
    assert_text_code(repeat("t-up ", LEAT_TREE_WORDS_MAX + 1), LEAT_ELIMIT);
    teardown();
}

TEST(test_brackets_nest_to_the_limit)
{
    char *open, *close, *text;
    size_t size;

    setup();
    open = repeat("t-fan [ ", LEAT_TREE_DEPTH_MAX);
    close = repeat(" ]", LEAT_TREE_DEPTH_MAX);
    size = strlen(open) + strlen(close) + 8;
    text = malloc(size);
    ASSERT_NOT_NULL(text);
    snprintf(text, size, "%st-bare%s", open, close);
    assert_text_code(text, 0);
    free(open);
    free(close);
    teardown();
}

TEST(test_variables_cannot_make_text_without_end)
{
    char *value, *text;

    setup();
    value = repeat("v", 100000);
    text = repeat("${v}", 1000);
    ASSERT_EQ(
        leat_tree_from_text(registry, text, &(struct leat_variable){"v", value}, 1, &plan, &error),
        LEAT_ELIMIT);
    free(value);
    free(text);
    teardown();
}

/* --- tokens: the builder's way ---------------------------------------------------------------- */

TEST(test_tokens_are_literal_words)
{
    static const struct leat_token tokens[] = {
        {.kind = LEAT_TOKEN_WORD, .word = "t-fan"},
        {.kind = LEAT_TOKEN_WORD, .word = ":"},
        {.kind = LEAT_TOKEN_WORD, .word = "["},
        {.kind = LEAT_TOKEN_OPEN},
        {.kind = LEAT_TOKEN_WORD, .word = "t-up"},
        {.kind = LEAT_TOKEN_WORD, .word = "\\|"},
        {.kind = LEAT_TOKEN_CLOSE},
    };

    setup();
    ASSERT_EQ(leat_tree_from_tokens(registry, tokens, 7, &plan, &error), 0);
    assert_canonical("t-fan ':' '[' [ t-up '\\|' ]");
    ASSERT_EQ(leat_tree_from_tokens(registry, NULL, 0, &plan, &error), LEAT_EUSAGE);
    ASSERT_EQ(leat_tree_from_tokens(registry, tokens + 6, 1, &plan, &error), LEAT_EUSAGE);
    ASSERT(!error.has_offset);
    teardown();
}
