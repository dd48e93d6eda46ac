/* test_parse_branch.c - the options that a branch begins with: parsing, messages, round trip. */
#include <stdlib.h>

#include "memio.h"
#include "syntax/tree.h"
#include "test.h"

static int idle_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)in;
    (void)out;
    return LEAT_END;
}

struct branch_params {
    struct leat_strings words;
    int64_t level;
};

static const struct leat_option branch_options[] = {
    {.name = "word",
     .short_name = 'w',
     .kind = LEAT_OPT_LIST,
     .offset = offsetof(struct branch_params, words),
     .metavar = "WORD"},
    {.name = "level",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct branch_params, level),
     .metavar = "N",
     .max = 9,
     .initial = 4},
    {0},
};

static const struct leat_stage_type types[] = {
    {.name = "t-up", .kind = LEAT_TRANSFORM, .step = idle_step},
    {.name = "t-fan",
     .kind = LEAT_TRANSFORM,
     .branches_min = 1,
     .branches_max = 3,
     .step = idle_step},
    {.name = "t-route",
     .kind = LEAT_TRANSFORM,
     .branches_min = 1,
     .branches_max = 3,
     .branch_options = branch_options,
     .branch_params_size = sizeof(struct branch_params),
     .step = idle_step},
};

static struct leat_registry *registry_new(void)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < 3; i++)
        ASSERT_EQ(leat_registry_add_plain(registry, &types[i]), 0);
    return registry;
}

static struct leat_tree *parsed(struct leat_registry *registry, const char *text)
{
    struct leat_tree *plan = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    test_context("%s", text);
    if (leat_tree_from_text(registry, text, NULL, 0, &plan, &error) < 0)
        FAIL("%s", error.text);
    return plan;
}

TEST(test_a_branch_begins_with_options_of_its_stage)
{
    struct leat_registry *registry = registry_new();
    struct leat_tree *plan =
        parsed(registry, "t-route [ -w a --word=b --level 7 : t-up ] [ t-up | t-up ] | t-up");
    const struct leat_node *node = &plan->root.nodes[0];
    const struct branch_params *first = node->branch_options[0].params;
    const struct branch_params *second = node->branch_options[1].params;

    ASSERT_EQ(node->n_branches, 2);
    ASSERT_EQ(node->branches[0].n, 1);
    ASSERT_EQ(node->branches[1].n, 2);
    ASSERT_EQ(node->branches[0].nodes[0].number, 2);
    ASSERT_EQ(first->words.n, 2);
    ASSERT_STREQ(first->words.v[0], "a");
    ASSERT_STREQ(first->words.v[1], "b");
    ASSERT_EQ(first->level, 7);
    ASSERT_EQ(second->words.n, 0);
    ASSERT_EQ(second->level, 4); /* the default */
    leat_tree_free(plan);
    leat_registry_free(registry);
}

TEST(test_the_canonical_text_has_the_options_and_parses_to_itself)
{
    static const char *const texts[][2] = {
        {"t-route [ -w a : t-up ]", "t-route [ -w a | t-up ]"},
        {"t-route [ -w ':' : t-up ] [ -w '[' -w ']' | t-up ]",
         "t-route [ -w ':' | t-up ] [ -w '[' -w ']' | t-up ]"},
        {"t-route [ --word 'a b' --word=\"it's\" \n t-up : t-up ] : t-up",
         "t-route [ --word 'a b' \"--word=it's\" | t-up | t-up ] | t-up"},
        {"t-route [ -w x : t-route [ -w y : t-up ] : t-up ]",
         "t-route [ -w x | t-route [ -w y | t-up ] | t-up ]"},
        {"t-route [ t-up ] [ -w '' : t-up ]", "t-route [ t-up ] [ -w '' | t-up ]"},
        {"t-route [ -w - : t-up ]", "t-route [ -w - | t-up ]"},
        {"t-fan [ t-route [ -w x : t-up ] ]", "t-fan [ t-route [ -w x | t-up ] ]"},
    };
    struct leat_registry *registry = registry_new();

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct leat_tree *plan = parsed(registry, texts[i][0]), *again;
        char *text = leat_tree_text(plan), *second;

        ASSERT_STREQ(text, texts[i][1]);
        again = parsed(registry, text);
        second = leat_tree_text(again);
        ASSERT_STREQ(second, text);
        free(text);
        free(second);
        leat_tree_free(plan);
        leat_tree_free(again);
    }
    leat_registry_free(registry);
}

TEST(test_a_wrong_branch_is_named_with_its_place)
{
    static const struct {
        const char *text, *says;
        int stage;
        uint64_t offset;
    } mistakes[] = {
        {"t-route [ -w a ]", "a stage is missing before ']'", 0, 15},
        {"t-route [ -w a : ]", "a stage is missing before ']'", 0, 17},
        {"t-route [ : t-up ]", "a stage is missing before", 0, 10},
        {"t-route [ -w a", "no ']'", 0, 8},
        {"t-route [ -w : t-up ]", "needs a value", 1, 10},
        {"t-route [ -w a t-up ]", "stages are joined by : or |", 1, 15},
        {"t-route [ --wrod a : t-up ]", "did you mean --word?", 1, 10},
        {"t-route [ --level=10 : t-up ]", "9", 1, 10},
        {"t-route [ -w a [ t-up ] ]", "'[' comes after a stage", 0, 15},
        {"t-fan [ -w a : t-up ]", "options come after", 2, 8},
        {"t-route [ t-up ] [ t-up ] [ t-up ] [ -w a : t-up ]", "at most 3", 1, 8},
    };
    struct leat_registry *registry = registry_new();

    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct leat_tree *plan = NULL;
        struct leat_error error = LEAT_INIT(leat_error);

        test_context("%s", mistakes[i].text);
        ASSERT_EQ(leat_tree_from_text(registry, mistakes[i].text, NULL, 0, &plan, &error),
                  LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, mistakes[i].says);
        ASSERT_EQ(error.stage, mistakes[i].stage);
        ASSERT(error.has_offset);
        ASSERT_EQ(error.offset, mistakes[i].offset);
    }
    leat_registry_free(registry);
}

TEST(test_words_and_the_builder_say_the_same)
{
    static const char *const words[] = {"t-route", "[", "-w", "a", ":", "t-up", "]"};
    static const char *const value[] = {"a", NULL}, *const path[] = {NULL};
    struct leat_registry *registry = registry_new();
    struct leat_builder *builder = leat_builder_new(registry);
    struct leat_settings settings = {.size = sizeof settings, .fixed_default_io = false};
    struct leat_pipeline *pipeline = NULL;
    struct leat_tree *plan = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    char *text;

    ASSERT_EQ(leat_tree_from_words(registry, 7, words, &plan, &error), 0);
    text = leat_tree_text(plan);
    ASSERT_STREQ(text, "t-route [ -w a | t-up ]");
    free(text);
    leat_tree_free(plan);

    ASSERT_NOT_NULL(builder);
    ASSERT_EQ(leat_builder_stage(builder, "t-route", path), 0);
    ASSERT_EQ(leat_builder_branch_begin(builder), 0);
    ASSERT_EQ(leat_builder_stage(builder, "-w", value), 0);
    ASSERT_EQ(leat_builder_stage(builder, "t-up", path), 0);
    ASSERT_EQ(leat_builder_branch_end(builder), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &pipeline, &error), 0);
    text = leat_pipeline_text(pipeline);
    ASSERT_STREQ(text, "t-route [ -w a | t-up ]");
    free(text);
    leat_pipeline_unref(pipeline);
    leat_builder_free(builder);
    leat_registry_free(registry);
}
