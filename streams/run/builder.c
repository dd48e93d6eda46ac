/* builder.c - build a pipeline stage by stage: makes the tokens for the parser without a text. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/message.h"
#include "base/sized.h"
#include "ends.h"
#include "pipeline.h"
#include "syntax/registry.h"

struct leat_builder {
    const struct leat_registry *registry;
    struct leat_token *tokens; /* the builder owns the words */
    size_t n, room;
    unsigned depth;
    bool stage_open;         /* a stage precedes the next one in its chain */
    char refusal[400];       /* reason of the last leat_builder_own_stage */
    struct leat_error error; /* the first failure; later calls only return it */
    struct leat_end *ends;   /* not attached to a pipeline yet */
    bool ends_used;          /* they belong to a pipeline */
};

static void drop_token(struct leat_token *t)
{
    free((char *)(uintptr_t)t->word);
    leat_own_unref(t->own);
}

struct leat_builder *leat_builder_of(const struct leat_registry *registry)
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

/* Returns 0, or the code of what went wrong before. */
static int check(const struct leat_builder *b)
{
    return b ? b->error.code : LEAT_EUSAGE;
}

/* Keep a failure. `why` may be NULL. Returns r. */
static int keep(struct leat_builder *b, int r, const char *call, const char *why)
{
    if (r < 0 && b && !b->error.code)
        (void)leat_error_set(&b->error, r, "%s: %s", call,
                             r == LEAT_EUSAGE && why ? why : leat_strerror(r));
    return r;
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
    int r = check(b);

    if (r == 0)
        r = name ? add_stage(b, name, args, &at) : LEAT_EUSAGE;
    return keep(b, r, "leat_builder_stage", "name is NULL");
}

int leat_builder_own_stage(struct leat_builder *b, const struct leat_stage_type *type, void *user,
                           const char *const *args)
{
    struct leat_own *own = NULL;
    size_t at = 0;
    int r = check(b);

    if (r == 0) {
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
    return keep(b, r, "leat_builder_own_stage", b ? b->refusal : NULL);
}

/* --- ends ------------------------------------------------------------------------------------- */

static int add_end(struct leat_builder *b, bool is_push, const struct leat_end_settings *settings,
                   struct leat_end **ret_end)
{
    struct leat_end_settings s;
    struct leat_own *own = NULL;
    struct leat_end *e;
    size_t at = 0;
    int r = check(b);

    if (r == 0)
        r = ret_end ? leat_end_read_settings(settings, &s) : LEAT_EUSAGE;
    if (r < 0)
        return r;
    e = leat_end_new(is_push, &s);
    if (!e)
        return LEAT_ENOMEM;
    r = leat_own_new(is_push ? &leat_end_push_type : &leat_end_pull_type, e, true, b->refusal,
                     sizeof b->refusal, &own);
    if (r == 0)
        r = add_stage(b, own->type->name, NULL, &at);
    if (r < 0) {
        leat_own_forget(own);
        leat_end_free(e);
        return r;
    }
    b->tokens[at].own = own;
    e->next = b->ends;
    b->ends = e;
    *ret_end = e;
    return 0;
}

int leat_builder_push(struct leat_builder *b, const struct leat_end_settings *settings,
                      struct leat_push_end **ret_push)
{
    struct leat_end *e;
    int r = add_end(b, true, settings, ret_push ? &e : NULL);

    if (r == 0)
        *ret_push = (struct leat_push_end *)e;
    return keep(b, r, "leat_builder_push",
                "ret_push is NULL, or a setting is out of its range or has no size");
}

int leat_builder_pull(struct leat_builder *b, const struct leat_end_settings *settings,
                      struct leat_pull_end **ret_pull)
{
    struct leat_end *e;
    int r = add_end(b, false, settings, ret_pull ? &e : NULL);

    if (r == 0)
        *ret_pull = (struct leat_pull_end *)e;
    return keep(b, r, "leat_builder_pull",
                "ret_pull is NULL, or a setting is out of its range or has no size");
}

static int add_fd(struct leat_builder *b, int fd)
{
    struct leat_own *own = NULL;
    struct leat_end_fd *e = fd >= 0 ? leat_end_fd_new(fd) : NULL;
    size_t at = 0;
    int r;

    if (!e)
        return fd >= 0 && errno != EBADF ? LEAT_ENOMEM : LEAT_EUSAGE;
    r = leat_own_new(&leat_end_fd_type, e, true, b->refusal, sizeof b->refusal, &own);
    if (r == 0)
        r = add_stage(b, own->type->name, NULL, &at);
    if (r == 0) {
        b->tokens[at].own = own;
        return 0;
    }
    leat_own_forget(own);
    leat_end_fd_type.drop(e);
    return r;
}

int leat_builder_fd(struct leat_builder *b, int fd)
{
    int r = check(b);

    return keep(b, r < 0 ? r : add_fd(b, fd), "leat_builder_fd", "the descriptor is not open");
}

/* --- text ------------------------------------------------------------------------------------- */

/* Are the brackets of the piece closed? */
static bool is_whole(const struct leat_token *tokens, size_t n)
{
    size_t depth = 0;

    for (size_t i = 0; i < n; i++) {
        if (tokens[i].kind == LEAT_TOKEN_CLOSE && depth-- == 0)
            return false;
        depth += tokens[i].kind == LEAT_TOKEN_OPEN;
    }
    return depth == 0;
}

static int add_tokens(void *arg, const struct leat_token *tokens, size_t n,
                      struct leat_error *ret_error)
{
    struct leat_builder *b = arg;
    size_t before = b->n;
    int r;

    if (n == 0)
        return 0;
    if (!is_whole(tokens, n))
        return leat_error_set(ret_error, LEAT_EUSAGE, "a bracket is not closed, or not opened");
    r = b->stage_open ? add(b, LEAT_TOKEN_JOIN, NULL) : 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add(b, tokens[i].kind, tokens[i].word);
    if (r == 0) {
        b->stage_open = true;
        return 0;
    }
    while (b->n > before)
        drop_token(&b->tokens[--b->n]);
    return leat_error_set(ret_error, r, "out of memory");
}

int leat_builder_text(struct leat_builder *b, const char *text, struct leat_error *ret_error)
{
    struct leat_error error = {0};
    int r = check(b);

    if (!leat_sized_is_set(ret_error))
        return keep(b, LEAT_EUSAGE, "leat_builder_text", "ret_error has no size");
    if (r == 0)
        r = text ? leat_text_tokens(text, NULL, 0, add_tokens, b, &error)
                 : leat_error_set(&error, LEAT_EUSAGE, "leat_builder_text: text is NULL");
    if (r == 0)
        return 0;
    if (!b)
        (void)leat_error_set(&error, r, "builder is NULL");
    else if (!b->error.code)
        b->error = error;
    return leat_error_give(ret_error, b ? &b->error : &error);
}

/* --- chains ----------------------------------------------------------------------------------- */

static int add_chain(struct leat_builder *b, const struct leat_builder *chain)
{
    size_t before = b->n;
    int r = 0;

    if (chain->n > 0 && b->stage_open)
        r = add(b, LEAT_TOKEN_JOIN, NULL);
    for (size_t i = 0; r == 0 && i < chain->n; i++) {
        r = add(b, chain->tokens[i].kind, chain->tokens[i].word);
        if (r == 0 && chain->tokens[i].own)
            b->tokens[b->n - 1].own = leat_own_ref(chain->tokens[i].own);
    }
    if (r == 0) {
        b->stage_open = b->stage_open || chain->n > 0;
        return 0;
    }
    while (b->n > before)
        drop_token(&b->tokens[--b->n]);
    return r;
}

int leat_builder_append(struct leat_builder *b, const struct leat_builder *chain)
{
    const char *why = !chain                            ? "chain is NULL"
                      : chain == b                      ? "the chain is the builder itself"
                      : chain->depth > 0                ? "a branch of the chain is open"
                      : chain->ends || chain->ends_used ? "the chain has an end of the program"
                                                        : NULL;
    int r = check(b);

    if (r == 0 && chain && chain->error.code) {
        b->error = chain->error;
        return b->error.code;
    }
    if (r == 0)
        r = why ? LEAT_EUSAGE : add_chain(b, chain);
    return keep(b, r, "leat_builder_append", why);
}

/* ---------------------------------------------------------------------------------------------- */

const char *leat_builder_refusal(const struct leat_builder *b)
{
    return b ? b->refusal : "there is no builder";
}

static int add_bracket(struct leat_builder *b, bool begins)
{
    int r;

    if (begins ? !b->stage_open : b->depth == 0)
        return LEAT_EUSAGE;
    r = add(b, begins ? LEAT_TOKEN_OPEN : LEAT_TOKEN_CLOSE, NULL);
    if (r < 0)
        return r;
    b->depth += begins ? 1u : -1u;
    b->stage_open = !begins;
    return 0;
}

int leat_builder_branch_begin(struct leat_builder *b)
{
    int r = check(b);

    return keep(b, r < 0 ? r : add_bracket(b, true), "leat_builder_branch_begin",
                "there is no stage to branch from");
}

int leat_builder_branch_end(struct leat_builder *b)
{
    int r = check(b);

    return keep(b, r < 0 ? r : add_bracket(b, false), "leat_builder_branch_end",
                "no branch is open");
}

static void attach_ends(struct leat_builder *b, struct leat_pipeline *p)
{
    struct leat_end *next;

    for (struct leat_end *e = b->ends; e; e = next) {
        next = e->next;
        leat_end_attach(e, p);
        b->ends_used = true;
    }
    b->ends = NULL;
}

static int finish(struct leat_builder *b, const struct leat_settings *settings,
                  struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct leat_tree *plan = NULL;
    int r;

    if (!b)
        return leat_error_set(ret_error, LEAT_ENOMEM, "%s: there is no builder",
                              leat_strerror(LEAT_ENOMEM));
    if (b->error.code) {
        *ret_error = b->error;
        return b->error.code;
    }
    r = leat_tree_from_tokens(b->registry, b->tokens, b->n, &plan, ret_error);
    if (r == 0)
        r = leat_pipeline_from_tree(b->registry, plan, settings, ret_pipeline, ret_error);
    if (r == 0)
        attach_ends(b, *ret_pipeline);
    return r;
}

int leat_builder_finish_inner(struct leat_builder *b, const struct leat_settings *settings,
                              struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    return finish(b, settings, ret_pipeline, ret_error);
}

static int check_ends(const struct leat_builder *b, const struct leat_settings *settings,
                      struct leat_error *ret_error)
{
    if (b->ends_used)
        return leat_error_set(ret_error, LEAT_EUSAGE,
                              "leat_builder_finish: the ends belong to the pipeline before");
    if (b->ends && !settings->context)
        return leat_error_set(ret_error, LEAT_EUSAGE,
                              "leat_builder_finish: push and pull need settings.context");
    return 0;
}

int leat_builder_finish(struct leat_builder *b, const struct leat_settings *settings,
                        struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct leat_error error = {0};
    struct leat_settings s;
    int r;

    if (!leat_sized_is_set(ret_error))
        return LEAT_EUSAGE;
    r = ret_pipeline
            ? leat_settings_read(settings, &s, &error)
            : leat_error_set(&error, LEAT_EUSAGE, "leat_builder_finish: ret_pipeline is NULL");
    if (r == 0 && b)
        r = check_ends(b, &s, &error);
    if (r == 0)
        r = finish(b, &s, ret_pipeline, &error);
    return r < 0 ? leat_error_give(ret_error, &error) : 0;
}
