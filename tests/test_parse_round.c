/* test_parse_round.c - words to text to words, for any words: seeded random pipelines. */

#include <stdlib.h>

#include "plan.h"
#include "test.h"

static int idle_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)in;
    (void)out;
    return LEAT_END;
}

static const struct leat_option branch_options[] = {
    {.name = "expr", .short_name = 'e', .kind = LEAT_OPT_LIST, .metavar = "RE", .help = "what"},
    {0},
};

/* Those that take words take any. */
static const struct leat_stage_type types[] = {
    {.name = "t-up",
     .kind = LEAT_TRANSFORM,
     .operands = "WORD…",
     .operands_max = SIZE_MAX,
     .step = idle_step},
    {.name = "t-bare", .kind = LEAT_TRANSFORM, .step = idle_step},
    {.name = "t-fan",
     .kind = LEAT_TRANSFORM,
     .operands = "WORD…",
     .operands_max = SIZE_MAX,
     .branches_min = 1,
     .branches_max = 3,
     .step = idle_step},
    {.name = "t-route",
     .kind = LEAT_TRANSFORM,
     .branches_min = 1,
     .branches_max = 3,
     .branch_options = branch_options,
     .branch_params_size = sizeof(struct leat_strings),
     .step = idle_step},
};

static struct leat_registry *registry;

static void parsed(int r, const struct leat_error *error)
{
    if (r < 0)
        FAIL("%s", error->text);
}

static const char *const pieces[] = {
    "",    " ", "\t", "\n", "\r", "\r\n", "'",  "\"", "\\",   "\\\n", ":", "|",    "[",    "]",
    "#",   "$", "{",  "}",  "${", "${x}", "a",  "b",  "-",    "--",   "é", "漢",   "\xff", "\x01",
    "\\:", "=", ";",  "*",  "~",  "`",    "\v", "\f", "\x7f", "0",    "😀", "\xc3", "%s",   "t-up",
};

static char *random_word(uint64_t *seed)
{
    char *word = calloc(1, 64);
    size_t n = test_random(seed) % 6;

    ASSERT_NOT_NULL(word);
    for (size_t i = 0; i < n; i++) {
        if (test_random(seed) % 4 == 0) {
            word[strlen(word)] = (char)(1 + test_random(seed) % 255); /* calloc ends it */
        } else {
            strcat(word, pieces[test_random(seed) % (sizeof pieces / sizeof *pieces)]);
        }
    }
    return word;
}

#define ROUND_WORDS 40u

static void put_word(struct leat_token *tokens, size_t *n, char *word)
{
    tokens[(*n)++] = (struct leat_token){.word = word};
}

/* [ --expr WORD : … and so on: options that a branch of t-route begins with. */
static void random_branch_options(uint64_t *seed, struct leat_token *tokens, size_t *n)
{
    if (test_random(seed) % 4 == 0)
        return;
    put_word(tokens, n, strdup(test_random(seed) % 2 ? "-e" : "--expr"));
    put_word(tokens, n, random_word(seed));
    tokens[(*n)++] = (struct leat_token){.kind = LEAT_TOKEN_JOIN};
}

static void random_chain(uint64_t *seed, struct leat_token *tokens, size_t *n, unsigned depth);

static void random_branches(uint64_t *seed, struct leat_token *tokens, size_t *n, unsigned depth,
                            bool route)
{
    size_t branches = 1 + test_random(seed) % 2;

    for (size_t i = 0; i < branches; i++) {
        tokens[(*n)++] = (struct leat_token){.kind = LEAT_TOKEN_OPEN};
        if (route)
            random_branch_options(seed, tokens, n);
        if (*n + 12 < ROUND_WORDS)
            random_chain(seed, tokens, n, depth + 1);
        else
            put_word(tokens, n, strdup("t-bare"));
        tokens[(*n)++] = (struct leat_token){.kind = LEAT_TOKEN_CLOSE};
    }
}

/* Stages of any words (after --, so that every word is fine), sometimes with branches. */
static void random_chain(uint64_t *seed, struct leat_token *tokens, size_t *n, unsigned depth)
{
    static const char *const names[] = {"t-up", "t-fan", "t-route"};
    size_t stages = 1 + test_random(seed) % 3;

    for (size_t s = 0; s < stages && *n + 12 < ROUND_WORDS; s++) {
        size_t kind = depth == 3 ? 0 : test_random(seed) % 3;
        size_t args = kind == 2 ? 0 : test_random(seed) % 5;

        if (s > 0)
            tokens[(*n)++] = (struct leat_token){.kind = LEAT_TOKEN_JOIN};
        put_word(tokens, n, strdup(names[kind]));
        put_word(tokens, n, strdup("--"));
        for (size_t i = 0; i < args && *n + 12 < ROUND_WORDS; i++)
            put_word(tokens, n, random_word(seed));
        if (kind > 0)
            random_branches(seed, tokens, n, depth, kind == 2);
    }
}

static void assert_same_words(const struct leat_strings *a, const struct leat_strings *b)
{
    ASSERT_EQ(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        ASSERT_STREQ(a->v[i], b->v[i]);
}

static void assert_same_chain(const struct leat_chain *a, const struct leat_chain *b)
{
    ASSERT_EQ(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct leat_node *x = &a->nodes[i], *y = &b->nodes[i];

        ASSERT(x->type == y->type);
        ASSERT_EQ(x->number, y->number);
        assert_same_words(&x->args, &y->args);
        ASSERT_EQ(x->n_branches, y->n_branches);
        for (size_t j = 0; j < x->n_branches; j++) {
            if (x->branch_options)
                assert_same_words(&x->branch_options[j].args, &y->branch_options[j].args);
            assert_same_chain(&x->branches[j], &y->branches[j]);
        }
    }
}

/* The words that the command line would have for these tokens. */
static char *as_word(const struct leat_token *t)
{
    static const char *const signs[] = {
        [LEAT_TOKEN_JOIN] = ":", [LEAT_TOKEN_OPEN] = "[", [LEAT_TOKEN_CLOSE] = "]"};
    const char *word = t->kind == LEAT_TOKEN_WORD ? t->word : signs[t->kind];
    size_t backslashes = strspn(word, "\\");
    const char *rest = word + backslashes;
    char *escaped = calloc(1, strlen(word) + 2);

    ASSERT_NOT_NULL(escaped);
    if (t->kind == LEAT_TOKEN_WORD && *rest && strchr(":|[]", *rest) && !rest[1])
        strcpy(escaped, "\\");
    return strcat(escaped, word);
}

static void round_trip(uint64_t seed)
{
    struct leat_token tokens[2 * ROUND_WORDS];
    const char *words[2 * ROUND_WORDS];
    struct leat_plan *plan = NULL, *from_words = NULL, *from_text = NULL;
    struct leat_error error = {0};
    char *text, *again;
    size_t n = 0;

    random_chain(&seed, tokens, &n, 0);
    ASSERT_LE(n, 2 * ROUND_WORDS);
    for (size_t i = 0; i < n; i++)
        words[i] = as_word(&tokens[i]);
    parsed(leat_plan_from_tokens(registry, tokens, n, &plan, &error), &error);
    parsed(leat_plan_parse_words(registry, n, words, &from_words, &error), &error);
    assert_same_chain(&plan->root, &from_words->root);
    text = leat_plan_text(plan);
    ASSERT_NOT_NULL(text);
    test_context("canonical: %s", text);
    parsed(leat_plan_parse_text(registry, text, NULL, 0, &from_text, &error), &error);
    assert_same_chain(&plan->root, &from_text->root);
    again = leat_plan_text(from_text);
    ASSERT_STREQ(again, text);
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)words[i]);
        if (tokens[i].kind == LEAT_TOKEN_WORD)
            free((void *)(uintptr_t)tokens[i].word);
    }
    free(text);
    free(again);
    leat_plan_free(from_words);
    leat_plan_free(from_text);
    leat_plan_free(plan);
}

TEST(test_words_to_text_to_words_is_the_same)
{
    unsigned rounds = test_under_sanitizer() ? 3000 : 20000;

    registry = leat_registry_new();
    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        ASSERT_EQ(leat_registry_add(registry, &types[i]), 0);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        test_context("seed %u", (unsigned)seed);
        round_trip(seed);
    }
    leat_registry_free(registry);
}
