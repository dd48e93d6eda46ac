/* test_parse_round.c - words to text to words, for any words: seeded random pipelines. */

#include <stdlib.h>

#include "syntax/registry.h"
#include "syntax/tree.h"
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

#define ROUND_TOKENS 40u /* about: a pipeline is closed once it has so many */
#define TOKENS_MAX (2 * ROUND_TOKENS)
#define WORD_MAX 64u

/* A pipeline as tokens, and as the words that the command line would have for them. */
struct pipeline {
    struct leat_token tokens[TOKENS_MAX];
    char words[TOKENS_MAX][WORD_MAX];
    size_t n;
    uint64_t seed;
};

static size_t draw(struct pipeline *p, size_t n)
{
    return (size_t)(test_random(&p->seed) % n);
}

static bool has_room(const struct pipeline *p)
{
    return p->n + 12 < ROUND_TOKENS;
}

static void put(struct pipeline *p, enum leat_token_kind kind, const char *word)
{
    ASSERT_LT(p->n, TOKENS_MAX);
    snprintf(p->words[p->n], WORD_MAX, "%s", word);
    p->tokens[p->n].kind = kind;
    p->tokens[p->n].word = kind == LEAT_TOKEN_WORD ? p->words[p->n] : NULL;
    p->n++;
}

static void put_random_word(struct pipeline *p)
{
    char word[WORD_MAX] = "";
    size_t pieces_wanted = draw(p, 6), len = 0;

    for (size_t i = 0; i < pieces_wanted; i++) {
        char byte[2] = {(char)(1 + draw(p, 255)), '\0'};
        const char *piece =
            draw(p, 4) == 0 ? byte : pieces[draw(p, sizeof pieces / sizeof *pieces)];

        len += (size_t)snprintf(word + len, sizeof word - len, "%s", piece);
        ASSERT_LT(len, sizeof word);
    }
    put(p, LEAT_TOKEN_WORD, word);
}

/* [ --expr WORD : … and so on: options that a branch of t-route begins with. */
static void put_branch_options(struct pipeline *p)
{
    if (draw(p, 4) == 0)
        return;
    put(p, LEAT_TOKEN_WORD, draw(p, 2) ? "-e" : "--expr");
    put_random_word(p);
    put(p, LEAT_TOKEN_JOIN, ":");
}

static void put_chain(struct pipeline *p, unsigned depth);

static void put_branches(struct pipeline *p, unsigned depth, bool route)
{
    size_t branches = 1 + draw(p, 2);

    for (size_t i = 0; i < branches; i++) {
        put(p, LEAT_TOKEN_OPEN, "[");
        if (route)
            put_branch_options(p);
        if (has_room(p))
            put_chain(p, depth + 1);
        else
            put(p, LEAT_TOKEN_WORD, "t-bare");
        put(p, LEAT_TOKEN_CLOSE, "]");
    }
}

/* Stages of any words (after --, so that every word is fine), sometimes with branches. */
static void put_chain(struct pipeline *p, unsigned depth)
{
    static const char *const names[] = {"t-up", "t-fan", "t-route"};
    size_t stages = 1 + draw(p, 3);

    for (size_t s = 0; s < stages && has_room(p); s++) {
        size_t kind = depth == 3 ? 0 : draw(p, 3);
        size_t args = kind == 2 ? 0 : draw(p, 5);

        if (s > 0)
            put(p, LEAT_TOKEN_JOIN, draw(p, 2) ? ":" : "|");
        put(p, LEAT_TOKEN_WORD, names[kind]);
        put(p, LEAT_TOKEN_WORD, "--");
        for (size_t i = 0; i < args && has_room(p); i++)
            put_random_word(p);
        if (kind > 0)
            put_branches(p, depth, kind == 2);
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

/* As the command line would have it: a literal operator gets a backslash. */
static void escape(const struct leat_token *token, char *word)
{
    size_t backslashes = strspn(word, "\\");
    const char *rest = word + backslashes;

    if (token->kind != LEAT_TOKEN_WORD || !*rest || !strchr(":|[]", *rest) || rest[1])
        return;
    ASSERT_LT(strlen(word) + 1, WORD_MAX);
    memmove(word + 1, word, strlen(word) + 1);
    word[0] = '\\';
}

static void round_trip(struct pipeline *p)
{
    struct leat_tree *from_tokens = NULL, *from_words = NULL, *from_text = NULL;
    const char *words[TOKENS_MAX];
    struct leat_error error = LEAT_INIT(leat_error);
    char *text, *again;

    put_chain(p, 0);
    parsed(leat_tree_from_tokens(registry, p->tokens, p->n, &from_tokens, &error), &error);
    for (size_t i = 0; i < p->n; i++) {
        escape(&p->tokens[i], p->words[i]);
        words[i] = p->words[i];
    }
    parsed(leat_tree_from_words(registry, p->n, words, &from_words, &error), &error);
    assert_same_chain(&from_tokens->root, &from_words->root);
    text = leat_tree_text(from_tokens);
    ASSERT_NOT_NULL(text);
    test_context("canonical: %s", text);
    parsed(leat_tree_from_text(registry, text, NULL, 0, &from_text, &error), &error);
    assert_same_chain(&from_tokens->root, &from_text->root);
    again = leat_tree_text(from_text);
    ASSERT_STREQ(again, text);
    free(text);
    free(again);
    leat_tree_free(from_words);
    leat_tree_free(from_text);
    leat_tree_free(from_tokens);
}

TEST(test_words_to_text_to_words_is_the_same)
{
    unsigned rounds = test_under_sanitizer() ? 3000 : 20000;

    registry = leat_registry_new();
    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        ASSERT_EQ(leat_registry_add_plain(registry, &types[i]), 0);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct pipeline p = {.seed = seed};

        test_context("seed %u", (unsigned)seed);
        round_trip(&p);
    }
    leat_registry_free(registry);
}
