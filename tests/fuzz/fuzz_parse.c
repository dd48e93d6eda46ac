/* fuzz_parse.c - any bytes as pipeline text and as words: no crash, no leak, and what is accepted
 * comes back the same from its canonical text.
 *
 * The registry is a tiny one of its own, so that the fuzzer finds the grammar and not the names.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "syntax/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 64u

struct params {
    int flag, choice;
    int64_t level;
    uint64_t size, time;
    struct leat_count count;
    const char *string;
    struct leat_strings list;
};

#define AT(field) .offset = offsetof(struct params, field)

static const struct leat_option options[] = {
    {.name = "flag", .short_name = 'f', .kind = LEAT_OPT_FLAG, AT(flag)},
    {.name = "level", .short_name = LEAT_DIGITS, .kind = LEAT_OPT_INT, AT(level), .metavar = "N"},
    {.name = "size", .short_name = 's', .kind = LEAT_OPT_SIZE, AT(size), .metavar = "N"},
    {.name = "time", .short_name = 't', .kind = LEAT_OPT_DURATION, AT(time), .metavar = "N"},
    {.name = "count", .short_name = 'n', .kind = LEAT_OPT_COUNT, AT(count), .metavar = "N"},
    {.name = "text", .short_name = 'x', .kind = LEAT_OPT_STRING, AT(string), .metavar = "X"},
    {.name = "expr", .short_name = 'e', .kind = LEAT_OPT_LIST, AT(list), .metavar = "X"},
    {.name = "how",
     .short_name = 'h',
     .kind = LEAT_OPT_ENUM,
     AT(choice),
     .metavar = "X",
     .choices = "one|two|three"},
    {.name = "maybe",
     .short_name = 'm',
     .kind = LEAT_OPT_INT,
     AT(level),
     .metavar = "N",
     .value_optional = true,
     .value = 5},
    {0},
};

static const struct leat_stage_type types[] = {
    {.name = "read", .kind = LEAT_SOURCE, .operands = "FILE", .operands_max = SIZE_MAX},
    {.name = "write", .kind = LEAT_SINK, .operands = "FILE", .operands_max = 1},
    {.name = "a",
     .aliases = "b cc",
     .kind = LEAT_TRANSFORM,
     .operands = "X",
     .operands_max = SIZE_MAX,
     .params_size = sizeof(struct params),
     .options = options},
    {.name = "t",
     .kind = LEAT_TRANSFORM,
     .branches_min = 1,
     .branches_max = 4,
     .operands = "X",
     .operands_max = SIZE_MAX,
     .operands_raw = true},
    {.name = "j", .kind = LEAT_FAN_IN, .branches_min = 1, .branches_max = 4},
    {.name = "r",
     .kind = LEAT_TRANSFORM,
     .branches_min = 1,
     .branches_max = 4,
     .branch_options = options,
     .branch_params_size = sizeof(struct params)},
    {.name = "no", .kind = LEAT_TRANSFORM, .missing = "it"},
};
#define N_TYPES (sizeof types / sizeof *types)

/* The tiny registry takes the place of the library's own. */
const struct leat_stage_type *leat_registry_find(const struct leat_registry *registry,
                                                 const char *name)
{
    (void)registry;
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return strcmp(name, "b") == 0 || strcmp(name, "cc") == 0 ? &types[2] : NULL;
}

size_t leat_registry_count(const struct leat_registry *registry)
{
    (void)registry;
    return N_TYPES;
}

const struct leat_stage_type *leat_registry_at(const struct leat_registry *registry, size_t i)
{
    (void)registry;
    return &types[i];
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_same_words(const struct leat_strings *a, const struct leat_strings *b)
{
    CHECK(a->n == b->n);
    for (size_t i = 0; i < a->n; i++)
        CHECK(strcmp(a->v[i], b->v[i]) == 0);
}

static void check_same(const struct leat_chain *a, const struct leat_chain *b)
{
    CHECK(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct leat_node *x = &a->nodes[i], *y = &b->nodes[i];

        CHECK(x->type == y->type && x->number == y->number);
        CHECK(x->operands.n == y->operands.n);
        check_same_words(&x->args, &y->args);
        CHECK(x->n_branches == y->n_branches);
        CHECK(!x->branch_options == !y->branch_options);
        for (size_t j = 0; j < x->n_branches; j++) {
            if (x->branch_options)
                check_same_words(&x->branch_options[j].args, &y->branch_options[j].args);
            check_same(&x->branches[j], &y->branches[j]);
        }
    }
}

static void check_error(const struct leat_error *error, int code, size_t size)
{
    CHECK(error->code == code);
    CHECK(error->text[0] != '\0');
    CHECK(!error->has_offset || error->offset <= size);
    for (const char *p = error->text; *p; p++)
        CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void check_plan(struct leat_tree *plan)
{
    struct leat_tree *again = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    char *text = leat_tree_text(plan), *second;
    int r;

    CHECK(text);
    r = leat_tree_from_text(NULL, text, NULL, 0, &again, &error);
    if (r == LEAT_ELIMIT && strlen(text) > LEAT_TREE_TEXT_MAX) {
        free(text);
        leat_tree_free(plan);
        return;
    }
    CHECK(r == 0);
    check_same(&plan->root, &again->root);
    second = leat_tree_text(again);
    CHECK(second && strcmp(text, second) == 0);
    free(text);
    free(second);
    leat_tree_free(again);
    leat_tree_free(plan);
}

static void as_text(const char *text, size_t size)
{
    const struct leat_variable variables[] = {{"v", "${v} | x"}, {"w", text}};
    struct leat_tree *plan = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    int r = leat_tree_from_text(NULL, text, variables, 2, &plan, &error);

    if (r < 0)
        check_error(&error, r, size);
    else
        check_plan(plan);
}

/* Words end at NUL bytes. */
static void as_words(const char *data, size_t size)
{
    const char *words[WORDS_MAX];
    struct leat_tree *plan = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    size_t n = 0;
    int r;

    for (size_t at = 0; at <= size && n < WORDS_MAX; at += strlen(data + at) + 1)
        words[n++] = data + at;
    r = leat_tree_from_words(NULL, n, words, &plan, &error);
    if (r < 0)
        check_error(&error, r, size);
    else
        check_plan(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    as_text(text, size);
    as_words(text, size);
    /* The same words, with spaces for NULs, are a richer text. */
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    as_text(text, size);
    free(text);
    return 0;
}
