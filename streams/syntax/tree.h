/* tree.h - what a pipeline is before it runs: a tree of stages with checked options.
 *
 * lexer.c turns text or words into tokens, parser.c tokens into the tree, options.c fills in
 * the params; the pipeline is built from it. It knows no I/O, no loop and no thread.
 */
#ifndef LEAT_PLAN_H
#define LEAT_PLAN_H

#include "base/message.h"
#include "stage.h"

/* Limits of the grammar. */
#define LEAT_TREE_STAGES_MAX 1024u
#define LEAT_TREE_DEPTH_MAX 32u /* of nested brackets */
#define LEAT_TREE_TEXT_MAX ((size_t)1 << 20)
#define LEAT_TREE_WORDS_MAX 65536u

struct leat_chain;

/* The words that a branch begins with, options of the stage that it belongs to. */
struct leat_branch_options {
    struct leat_strings args;
    void *params; /* type->branch_params_size bytes, filled in */
};

/* One stage as written. */
struct leat_node {
    const struct leat_stage_type *type;
    struct leat_strings args; /* its words after the name, as written, unquoted */
    void *params;             /* type->params_size bytes, filled in; NULL if that is 0 */
    struct leat_strings operands;
    struct leat_chain *branches;                /* n_branches of them */
    struct leat_branch_options *branch_options; /* the same; NULL if the type has none */
    size_t n_branches;
    bool implied; /* the default standard input or output, not written */
    int number;   /* from 1, depth first, implied ones left out (0) */
};

/* Stages in a row, joined. */
struct leat_chain {
    struct leat_node *nodes;
    size_t n;
};

struct leat_tree {
    struct leat_chain root;
    struct leat_arena *arena; /* owns everything below root */
};

/* What the text and the words both come down to. */
enum leat_token_kind {
    LEAT_TOKEN_WORD,  /* a name, an option or an operand; literal, whatever it looks like */
    LEAT_TOKEN_JOIN,  /* : or | */
    LEAT_TOKEN_OPEN,  /* [ */
    LEAT_TOKEN_CLOSE, /* ] */
};

struct leat_token {
    enum leat_token_kind kind;
    const char *word; /* LEAT_TOKEN_WORD, else NULL */
    bool has_offset;  /* `where` is a byte offset in the text */
    uint64_t where;   /* otherwise the number of the word from 1, 0: neither */
};

/* leat_tree_from_tokens - the plan of a token list; the builder's way in.
 *
 *   tokens     n of them; borrowed until return, words are copied
 *   ret_error  may be NULL; filled in on failure: stage, offset (of the text; for words the number
 *              of the word, without has_offset) and a text that says what is wrong and, where a
 *              name is near, what was meant
 *
 * A stage `-` becomes `read -` in the first and `write -` in the last place. A readable is only
 * allowed first and a writable only last; whether the ends are open is not looked at, and nothing
 * is implied. The stages' own `plan` callbacks are not called here. Returns 0; LEAT_EUSAGE,
 * LEAT_EUNSUPPORTED (the stage's library is missing: names the package), LEAT_ELIMIT,
 * LEAT_ENOMEM. */
int leat_tree_from_tokens(const struct leat_registry *registry, const struct leat_token *tokens,
                          size_t n, struct leat_tree **ret_plan, struct leat_error *ret_error);

/* leat_tree_from_text, _parse_words - from either form to a plan; see leat-syntax(5).
 *
 *   variables   for ${name}, in text only; may be NULL if n is 0
 *   ret_error   as above
 *
 * Return as leat_tree_from_tokens. */
int leat_tree_from_text(const struct leat_registry *registry, const char *text,
                        const struct leat_variable *variables, size_t n_variables,
                        struct leat_tree **ret_plan, struct leat_error *ret_error);
int leat_tree_from_words(const struct leat_registry *registry, size_t n_words,
                         const char *const *words, struct leat_tree **ret_plan,
                         struct leat_error *ret_error);
/* leat_tree_free - NULL is fine. */
void leat_tree_free(struct leat_tree *plan);

/* leat_tree_text - canonical text: single spaces, ` | ` between stages, words quoted only if they
 * must be; what is implied is left out. Parsing it gives the same plan. free() it; NULL: out of
 * memory. */
char *leat_tree_text(const struct leat_tree *plan);
/* leat_node_text - the same for one stage, without its branches. */
char *leat_node_text(const struct leat_node *node);

/* The arena: memory that lives as long as the plan. */
struct leat_arena *leat_arena_new(void);
void leat_arena_free(struct leat_arena *arena);
void *leat_arena_alloc(struct leat_arena *arena, size_t size); /* zeroed; NULL: out of memory */
char *leat_arena_strdup(struct leat_arena *arena, const char *text);

/* leat_options_parse - args -> params and operands by the type's table.
 *
 *   args       in the arena already: params and operands point into it
 *   params     type->params_size zeroed bytes, or NULL if that is 0
 *   ret_error  filled in on failure; `offset` is the number of the argument from 1, 0: none
 *
 * GNU manner: options and operands in any order (unless type->operands_raw), `--` ends options,
 * bundled short options, -n5, -n 5, --name=V, --name V, unambiguous prefixes of long names,
 * digits as LEAT_DIGITS (-5, and -5c for head). Errors name the option and the range or the
 * choices. A default is that of the first option in the table that has one for the offset. */
int leat_options_parse(const struct leat_stage_type *type, struct leat_arena *arena,
                       const struct leat_strings *args, void *params,
                       struct leat_strings *ret_operands, struct leat_error *ret_error);

#endif
