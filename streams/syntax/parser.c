/* parser.c - parse tokens to a syntax tree: find the stage of each name, parse its words, check its
 * place. One pass from left to right, so that the first mistake is reported.
 */

#include <stdlib.h>
#include <string.h>

#include "stage/engine_ops.h"
#include "tree.h"

struct build {
    const struct leat_registry *registry;
    const struct leat_token *tokens;
    size_t n, at;
    struct leat_arena *arena;
    struct leat_tree *tree;
    int stages;     /* numbers used until now */
    unsigned depth; /* of brackets */
    struct leat_error *error;
};

/* The place of a stage in its chain, and the kinds of stages allowed at the ends of the chain. */
struct place {
    bool first, last;
    bool may_read, may_write; /* whether `-` in that place is standard input or output */
};

/* --- errors: place and stage ------------------------------------------------------------------ */

/* The message is set; add the place of its token. */
static int fail_token(struct build *b, const struct leat_token *token, int code)
{
    if (b->error) {
        b->error->has_offset = token->has_offset;
        b->error->offset = token->where;
        b->error->offset_of = token->has_offset  ? LEAT_OFFSET_TEXT
                              : token->where > 0 ? LEAT_OFFSET_WORD
                                                 : LEAT_OFFSET_NONE;
        if (!token->has_offset && token->where > 0)
            leat_error_add(b->error, " (word %llu)", (unsigned long long)token->where);
    }
    return code;
}

static int fail_stage(struct build *b, const char *name, int number, const struct leat_token *token,
                      int code)
{
    struct leat_shown shown = leat_shown(name);
    size_t n = strlen(shown.text);

    if (b->error) {
        if (n >= sizeof b->error->stage_name)
            n = sizeof b->error->stage_name - 1;
        while (n > 0 && (shown.text[n] & 0xc0) == 0x80) /* do not cut inside a character */
            n--;
        memcpy(b->error->stage_name, shown.text, n);
        b->error->stage_name[n] = '\0';
        b->error->stage = number;
    }
    return fail_token(b, token, code);
}

static int fail_memory(struct build *b)
{
    return leat_error_set(b->error, LEAT_ENOMEM, "out of memory");
}

static int fail_open(struct build *b, const struct leat_token *open)
{
    leat_error_set(b->error, LEAT_EUSAGE, "'[' is not closed: there is no ']'");
    return fail_token(b, open, LEAT_EUSAGE);
}

/* --- looking ahead ---------------------------------------------------------------------------- */

static bool at_kind(const struct build *b, enum leat_token_kind kind)
{
    return b->at < b->n && b->tokens[b->at].kind == kind;
}

/* The number of stages of the chain that begins here. */
static size_t count_stages(const struct build *b)
{
    size_t stages = 1, depth = 0;

    for (size_t i = b->at; i < b->n; i++) {
        if (b->tokens[i].kind == LEAT_TOKEN_OPEN)
            depth++;
        else if (b->tokens[i].kind == LEAT_TOKEN_CLOSE && depth-- == 0)
            break;
        else if (b->tokens[i].kind == LEAT_TOKEN_JOIN && depth == 0)
            stages++;
    }
    return stages;
}

/* The number of branches [ … ] [ … ] that begin here. */
static size_t count_branches(const struct build *b)
{
    size_t branches = 0, depth = 0;

    for (size_t i = b->at; i < b->n; i++) {
        if (b->tokens[i].kind == LEAT_TOKEN_OPEN)
            branches += depth++ == 0;
        else if (depth == 0)
            break;
        else if (b->tokens[i].kind == LEAT_TOKEN_CLOSE)
            depth--;
    }
    return branches;
}

/* --- names of stages -------------------------------------------------------------------------- */

static void offer_names(struct leat_near *near, const struct leat_stage_type *type)
{
    leat_near_offer(near, type->name, strlen(type->name));
    for (const char *p = type->aliases; p && *p;) {
        size_t len = strcspn(p, " ");

        leat_near_offer(near, p, len);
        p += len;
        p += strspn(p, " ");
    }
}

static int unknown_stage(struct build *b, const struct leat_token *token, int number,
                         struct place place)
{
    const char *name = token->word;
    struct leat_near near;

    leat_near_init(&near, name);
    for (size_t i = 0; i < leat_registry_count(b->registry); i++)
        offer_names(&near, leat_registry_at(b->registry, i));
    leat_error_set(b->error, LEAT_EUSAGE, "unknown stage");
    if (name[0] == '\0')
        leat_error_add(b->error, ": its name is empty");
    else if (name[0] == '-')
        leat_error_add(b->error, "; options come after the stage's name");
    else if (strpbrk(name, "|[]") || name[strlen(name) - 1] == ':' || name[0] == ':')
        leat_error_add(b->error, "; the words : | [ ] need spaces around them");
    else if (near.best)
        leat_error_add(b->error, "; did you mean %.*s?", (int)near.best_len, near.best);
    else if (strchr(name, '.') && !strchr(name, '/') && !place.first && !place.last)
        leat_error_add(b->error, "; a name with a dot is that of a plugin's stage: is it loaded?");
    else if (strpbrk(name, "./") && place.first)
        leat_error_add(b->error, "; to read a file: read %s", leat_shown(name).text);
    else if (strpbrk(name, "./"))
        leat_error_add(b->error, "; to write a file: write %s", leat_shown(name).text);
    else
        leat_error_add(b->error, "; `leat stages` lists them, and `exec %s` runs a program",
                       leat_shown(name).text);
    return fail_stage(b, name, number, token, LEAT_EUSAGE);
}

/* The tree holds the token's own stage. */
static int hold(struct build *b, struct leat_node *node, struct leat_own *own)
{
    struct leat_held_own *held = leat_arena_alloc(b->arena, sizeof *held);

    if (!held)
        return fail_memory(b);
    *held = (struct leat_held_own){.own = leat_own_ref(own), .next = b->tree->owns};
    b->tree->owns = held;
    node->own = own;
    return 0;
}

/* The type of this name, or the one that it leaves these words to. */
static const struct leat_stage_type *find_type(const struct build *b, const struct leat_node *node,
                                               const char *name)
{
    const struct leat_stage_type *type = leat_registry_find(b->registry, name), *other;
    const char *instead = NULL;

    if (type && leat_engine_ops_of(type)->instead)
        instead = leat_engine_ops_of(type)->instead(&node->args);
    other = instead ? leat_registry_find(b->registry, instead) : NULL;
    return other ? other : type;
}

static int find_stage(struct build *b, struct leat_node *node, const struct leat_token *token,
                      struct place place)
{
    const struct leat_stage_type *type =
        token->own ? token->own->type : find_type(b, node, token->word);

    if (token->own && hold(b, node, token->own) < 0)
        return LEAT_ENOMEM;
    if (!type)
        return unknown_stage(b, token, node->number, place);
    if (type->missing) {
        leat_error_set(b->error, LEAT_EUNSUPPORTED,
                       "this build has no %s; install the package %s and build it again",
                       type->name, type->missing);
        return fail_stage(b, type->name, node->number, token, LEAT_EUNSUPPORTED);
    }
    node->type = type;
    return 0;
}

/* --- one stage -------------------------------------------------------------------------------- */

/* The words up to the next operator, copied. */
static int take_args(struct build *b, struct leat_strings *ret_args)
{
    const char **args;
    size_t n = 0;

    while (b->at + n < b->n && b->tokens[b->at + n].kind == LEAT_TOKEN_WORD)
        n++;
    args = leat_arena_alloc(b->arena, (n + 1) * sizeof *args);
    if (!args)
        return fail_memory(b);
    for (size_t i = 0; i < n; i++) {
        args[i] = leat_arena_strdup(b->arena, b->tokens[b->at + i].word);
        if (!args[i])
            return fail_memory(b);
    }
    b->at += n;
    ret_args->n = n;
    ret_args->v = args;
    return 0;
}

/* A stage `-`: standard input or standard output, by its place. */
static int dash_stage(struct build *b, struct leat_node *node, const struct leat_token *token,
                      struct place place)
{
    static const char *const dash[] = {"-", NULL};
    bool first = place.first && place.may_read, last = place.last && place.may_write;
    const char *name = first ? "read" : "write";

    if (node->args.n > 0 || !(first || last)) {
        leat_error_set(b->error, LEAT_EUSAGE,
                       node->args.n > 0
                           ? "takes no words of its own"
                           : "standard input or output is the first or the last stage");
        return fail_stage(b, "-", node->number, token, LEAT_EUSAGE);
    }
    node->args.n = 1;
    node->args.v = dash;
    node->type = leat_registry_find(b->registry, name);
    if (!node->type) {
        leat_error_set(b->error, LEAT_EUSAGE, "there is no stage %s", name);
        return fail_stage(b, "-", node->number, token, LEAT_EUSAGE);
    }
    return 0;
}

/* Does one of these words contain a joiner without spaces, as in `a|head` or `a:`? */
static bool hide_joiner(const struct build *b, const struct leat_token *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *word = words[i].word, *bar = strrchr(word, '|');
        size_t len = strlen(word);

        if (len > 1 && word[0] != '-' && strchr(":|", word[len - 1]))
            return true;
        if (bar && leat_registry_find(b->registry, bar + 1))
            return true;
    }
    return false;
}

/* leat_options_parse failed: the error belongs to one of the n words, or to `token`. */
static int fail_options(struct build *b, const struct leat_node *node,
                        const struct leat_token *token, const struct leat_token *words, size_t n,
                        int code)
{
    if (code == LEAT_ENOMEM)
        return code;
    if (b->error && b->error->offset > 0 && b->error->offset <= n && words) {
        token = &words[b->error->offset - 1];
        b->error->offset = 0;
        if (token->word[0] != '-' && leat_registry_find(b->registry, token->word))
            leat_error_add(b->error, "; stages are joined by : or |");
        else if (hide_joiner(b, words, (size_t)(token - words)))
            leat_error_add(b->error, "; the words : | [ ] need spaces around them");
    }
    return fail_stage(b, node->type->name, node->number, token, code);
}

/* Options and operands; `words` is the first token after the name. */
static int take_options(struct build *b, struct leat_node *node, const struct leat_token *name,
                        const struct leat_token *words)
{
    size_t size = node->type->params_size;
    int r;

    if (size > 0) {
        node->params = leat_arena_alloc(b->arena, size);
        if (!node->params)
            return fail_memory(b);
    }
    r = leat_options_parse(node->type, b->arena, &node->args, node->params, &node->operands,
                           b->error);
    return r < 0 ? fail_options(b, node, name, words, node->args.n, r) : 0;
}

/* [ --match x : …: the words at the start of a branch, and the joiner after them. */
static int take_branch_options(struct build *b, struct leat_node *node, size_t i,
                               const struct leat_token *open)
{
    const struct leat_stage_type options_only = {.name = node->type->name,
                                                 .options = node->type->branch_options};
    const struct leat_token *words = &b->tokens[b->at];
    struct leat_branch_options *o = &node->branch_options[i];
    struct leat_strings none;
    int r = 0;

    if (at_kind(b, LEAT_TOKEN_WORD) && words->word[0] == '-' && words->word[1] != '\0')
        r = take_args(b, &o->args);
    if (r < 0)
        return r;
    o->params = leat_arena_alloc(b->arena, node->type->branch_params_size);
    if (!o->params)
        return fail_memory(b);
    r = leat_options_parse(&options_only, b->arena, &o->args, o->params, &none, b->error);
    if (r < 0)
        return fail_options(b, node, open, words, o->args.n, r);
    if (b->at == b->n)
        return fail_open(b, open);
    if (o->args.n > 0 && at_kind(b, LEAT_TOKEN_JOIN))
        b->at++;
    return 0;
}

static int build_chain(struct build *b, struct leat_chain *chain, const struct leat_node *parent);

static int take_branch(struct build *b, struct leat_node *node, size_t i)
{
    const struct leat_token *open = &b->tokens[b->at++];
    int r = 0;

    if (b->depth == LEAT_TREE_DEPTH_MAX) {
        leat_error_set(b->error, LEAT_ELIMIT, "more than %u brackets inside each other",
                       LEAT_TREE_DEPTH_MAX);
        return fail_token(b, open, LEAT_ELIMIT);
    }
    b->depth++;
    if (node->branch_options)
        r = take_branch_options(b, node, i, open);
    if (r == 0)
        r = build_chain(b, &node->branches[i], node);
    b->depth--;
    if (r < 0)
        return r;
    if (!at_kind(b, LEAT_TOKEN_CLOSE))
        return fail_open(b, open);
    b->at++;
    return 0;
}

static int take_branches(struct build *b, struct leat_node *node, const struct leat_token *name)
{
    const struct leat_stage_type *type = node->type;
    size_t n = count_branches(b);
    const struct leat_token *token = n > 0 ? &b->tokens[b->at] : name;

    if (n < type->branches_min || n > type->branches_max) {
        if (type->branches_max == 0)
            leat_error_set(b->error, LEAT_EUSAGE, "takes no branches [ … ]");
        else if (n < type->branches_min)
            leat_error_set(b->error, LEAT_EUSAGE, "needs %u or more branches [ … ], there are %zu",
                           type->branches_min, n);
        else
            leat_error_set(b->error, LEAT_EUSAGE, "takes at most %u branches [ … ], there are %zu",
                           type->branches_max, n);
        return fail_stage(b, type->name, node->number, token, LEAT_EUSAGE);
    }
    if (n == 0)
        return 0;
    node->branches = leat_arena_alloc(b->arena, n * sizeof *node->branches);
    if (!node->branches)
        return fail_memory(b);
    if (type->branch_options) {
        node->branch_options = leat_arena_alloc(b->arena, n * sizeof *node->branch_options);
        if (!node->branch_options)
            return fail_memory(b);
    }
    node->n_branches = n;
    for (size_t i = 0; i < n; i++) {
        int r = take_branch(b, node, i);

        if (r < 0)
            return r;
    }
    return 0;
}

static int check_place(struct build *b, const struct leat_node *node,
                       const struct leat_token *token, struct place place)
{
    if ((node->type->kind == LEAT_SOURCE || node->type->kind == LEAT_FAN_IN) && !place.first)
        leat_error_set(b->error, LEAT_EUSAGE,
                       "is a readable: it has no input and can only be the first stage");
    else if (node->type->kind == LEAT_SINK && !place.last)
        leat_error_set(b->error, LEAT_EUSAGE,
                       "is a writable: it has no output and can only be the last stage");
    else
        return 0;
    return fail_stage(b, node->type->name, node->number, token, LEAT_EUSAGE);
}

/* Error: a stage is missing here. */
static int fail_empty(struct build *b)
{
    const struct leat_token *token = NULL;
    const char *what;

    if (b->at < b->n)
        token = &b->tokens[b->at];
    else if (b->n > 0)
        token = &b->tokens[b->n - 1];
    if (!token)
        return leat_error_set(b->error, LEAT_EUSAGE, "the pipeline is empty");
    if (b->at == b->n)
        what = token->kind == LEAT_TOKEN_OPEN ? "'[' is not closed: there is no ']'"
                                              : "a stage is missing after the last : or |";
    else if (token->kind == LEAT_TOKEN_OPEN)
        what = "'[' comes after a stage that takes branches, such as: tee [ … ]";
    else if (token->kind == LEAT_TOKEN_JOIN)
        what = "a stage is missing before this : or |";
    else if (b->depth == 0)
        what = "']' without a '[' before it";
    else
        what = b->at > 0 && b->tokens[b->at - 1].kind == LEAT_TOKEN_OPEN
                   ? "a branch [ ] is empty"
                   : "a stage is missing before ']'";
    leat_error_set(b->error, LEAT_EUSAGE, "%s", what);
    return fail_token(b, token, LEAT_EUSAGE);
}

/* After a stage and its branches comes a joiner or the end of the chain. */
static int check_after(struct build *b)
{
    const struct leat_token *token = &b->tokens[b->at];

    if (at_kind(b, LEAT_TOKEN_WORD)) {
        leat_error_set(b->error, LEAT_EUSAGE, "a : or | is missing between ']' and '%s'",
                       leat_shown(token->word).text);
        return fail_token(b, token, LEAT_EUSAGE);
    }
    if (at_kind(b, LEAT_TOKEN_CLOSE) && b->depth == 0) {
        leat_error_set(b->error, LEAT_EUSAGE, "']' without a '[' before it");
        return fail_token(b, token, LEAT_EUSAGE);
    }
    return 0;
}

static int build_stage(struct build *b, struct leat_node *node, struct place place)
{
    const struct leat_token *name, *words;
    int r;

    if (!at_kind(b, LEAT_TOKEN_WORD))
        return fail_empty(b);
    name = &b->tokens[b->at++];
    words = &b->tokens[b->at];
    if ((unsigned)b->stages == LEAT_TREE_STAGES_MAX) {
        leat_error_set(b->error, LEAT_ELIMIT, "more than %u stages", LEAT_TREE_STAGES_MAX);
        return fail_token(b, name, LEAT_ELIMIT);
    }
    node->number = ++b->stages;
    r = take_args(b, &node->args);
    if (r < 0)
        return r;
    if (strcmp(name->word, "-") == 0) {
        r = dash_stage(b, node, name, place);
        words = NULL;
    } else {
        r = find_stage(b, node, name, place);
    }
    if (r < 0)
        return r;
    r = check_place(b, node, name, place);
    if (r < 0)
        return r;
    r = take_options(b, node, name, words);
    if (r < 0)
        return r;
    r = take_branches(b, node, name);
    return r < 0 ? r : check_after(b);
}

/* Parse stages up to the end, or to the ']' that ends this branch. Branches of a readable (concat)
 * are inputs and may begin with a readable; all others are outputs and may end with a writable. */
static int build_chain(struct build *b, struct leat_chain *chain, const struct leat_node *parent)
{
    size_t n = count_stages(b);
    struct place place = {
        .may_read = !parent || parent->type->kind == LEAT_FAN_IN,
        .may_write = !parent || parent->type->kind != LEAT_FAN_IN,
    };

    chain->nodes = leat_arena_alloc(b->arena, n * sizeof *chain->nodes);
    if (!chain->nodes)
        return fail_memory(b);
    for (chain->n = 0; chain->n < n; chain->n++) {
        int r;

        if (chain->n > 0)
            b->at++; /* the joiner */
        place.first = chain->n == 0;
        place.last = chain->n + 1 == n;
        r = build_stage(b, &chain->nodes[chain->n], place);
        if (r < 0)
            return r;
    }
    return 0;
}

int leat_tree_from_tokens(const struct leat_registry *registry, const struct leat_token *tokens,
                          size_t n, struct leat_tree **ret_plan, struct leat_error *ret_error)
{
    struct build b = {.registry = registry, .tokens = tokens, .n = n, .error = ret_error};
    struct leat_tree *plan = calloc(1, sizeof *plan);
    int r;

    if (ret_error)
        *ret_error = (struct leat_error)LEAT_INIT(leat_error);
    b.tree = plan;
    if (plan)
        plan->arena = b.arena = leat_arena_new();
    if (!b.arena)
        r = fail_memory(&b);
    else
        r = build_chain(&b, &plan->root, NULL);
    if (r < 0) {
        leat_tree_free(plan);
        return r;
    }
    *ret_plan = plan;
    return 0;
}
