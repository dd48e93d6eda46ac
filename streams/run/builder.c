/* builder.c - build a pipeline stage by stage: makes the tokens for the parser without a text. */

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "pipeline.h"
#include "syntax/registry.h"

struct leat_builder {
    const struct leat_registry *registry;
    struct leat_token *tokens; /* the builder owns the words */
    size_t n, room;
    unsigned depth;
    bool stage_open;   /* a stage precedes the next one in its chain */
    char refusal[400]; /* reason of the last leat_builder_own_stage */
};

static void drop_token(struct leat_token *t)
{
    free((char *)(uintptr_t)t->word);
    leat_own_unref(t->own);
}

struct leat_builder *leat_builder_new(const struct leat_registry *registry)
{
    struct leat_builder *b = calloc(1, sizeof *b);

    if (b)
        b->registry = registry;
    return b;
}

void leat_builder_free(struct leat_builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        drop_token(&b->tokens[i]);
    free(b->tokens);
    free(b);
}

static int add(struct leat_builder *b, enum leat_token_kind kind, const char *word)
{
    struct leat_token t = {.kind = kind};
    struct leat_token *more = leat_grow(b->tokens, b->n, &b->room, sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    b->tokens = more;
    if (word) {
        t.word = strdup(word);
        if (!t.word)
            return LEAT_ENOMEM;
    }
    b->tokens[b->n++] = t;
    return 0;
}

static int add_stage(struct leat_builder *b, const char *name, const char *const *args,
                     size_t *ret_name)
{
    size_t before = b->n;
    int r;

    r = b->stage_open ? add(b, LEAT_TOKEN_JOIN, NULL) : 0;
    *ret_name = b->n;
    if (r == 0)
        r = add(b, LEAT_TOKEN_WORD, name);
    for (; r == 0 && args && *args; args++)
        r = add(b, LEAT_TOKEN_WORD, *args);
    if (r == 0) {
        b->stage_open = true;
        return 0;
    }
    while (b->n > before) /* undo the call */
        drop_token(&b->tokens[--b->n]);
    return r;
}

int leat_builder_stage(struct leat_builder *b, const char *name, const char *const *args)
{
    size_t at;

    return b && name ? add_stage(b, name, args, &at) : LEAT_EUSAGE;
}

int leat_builder_own_stage(struct leat_builder *b, const struct leat_stage_type *type, void *user,
                           const char *const *args)
{
    struct leat_own *own = NULL;
    size_t at = 0;
    int r = LEAT_EUSAGE;

    if (b && b->registry) {
        b->refusal[0] = '\0';
        r = leat_registry_own(b->registry, type, user, false, b->refusal, sizeof b->refusal, &own);
    }
    if (r == 0)
        r = add_stage(b, own->type->name, args, &at);
    if (r == 0) {
        b->tokens[at].own = own;
        return 0;
    }
    leat_own_forget(own);
    if (type && type->drop)
        type->drop(user);
    return r;
}

const char *leat_builder_refusal(const struct leat_builder *b)
{
    return b ? b->refusal : "there is no builder";
}

int leat_builder_branch_begin(struct leat_builder *b)
{
    int r;

    if (!b || !b->stage_open)
        return LEAT_EUSAGE;
    r = add(b, LEAT_TOKEN_OPEN, NULL);
    if (r < 0)
        return r;
    b->depth++;
    b->stage_open = false;
    return 0;
}

int leat_builder_branch_end(struct leat_builder *b)
{
    int r;

    if (!b || b->depth == 0)
        return LEAT_EUSAGE;
    r = add(b, LEAT_TOKEN_CLOSE, NULL);
    if (r < 0)
        return r;
    b->depth--;
    b->stage_open = true;
    return 0;
}

int leat_builder_finish(struct leat_builder *b, const struct leat_settings *settings,
                        struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    const char *missing = !b              ? "builder"
                          : !ret_pipeline ? "ret_pipeline"
                          : !b->registry  ? "the builder's registry"
                                          : NULL;
    struct leat_error error = {0};
    struct leat_tree *plan = NULL;
    int r;

    if (missing)
        return leat_error_set(ret_error, LEAT_EUSAGE, "leat_builder_finish: %s is NULL", missing);
    r = leat_tree_from_tokens(b->registry, b->tokens, b->n, &plan, &error);
    if (r < 0) {
        if (ret_error)
            *ret_error = error;
        return r;
    }
    return leat_pipeline_from_tree(b->registry, plan, settings, ret_pipeline, ret_error);
}
