/* tree.h - the syntax tree of a pipeline: stages with checked options.
 *
 * lexer.c turns text or words into tokens, parser.c turns tokens into the tree, options.c fills in
 * the params; compile/ builds the pipeline from the tree. No I/O, no loop and no thread.
 */
#ifndef LEAT_SYNTAX_TREE_H
#define LEAT_SYNTAX_TREE_H

#include "base/message.h"
#include "own.h"
#include "stage.h"

/* Limits of the grammar. */
#define LEAT_TREE_STAGES_MAX 1024u
#define LEAT_TREE_DEPTH_MAX 32u /* of nested brackets */
#define LEAT_TREE_TEXT_MAX ((size_t)1 << 20)
#define LEAT_TREE_WORDS_MAX 65536u

struct leat_chain;

/* The words at the start of a branch: options of its stage for this branch. */
struct leat_branch_options {
    struct leat_strings args;
    void *params; /* type->branch_params_size bytes, filled in */
};

/* One stage as written. */
struct leat_node {
    const struct leat_stage_type *type;
    const struct leat_own *own; /* of leat_builder_own_stage; or NULL: the type is registered */
    struct leat_strings args;   /* its words after the name, as written, unquoted */
    void *params;               /* type->params_size bytes, filled in; NULL if that is 0 */
    struct leat_strings operands;
    struct leat_chain *branches;                /* n_branches of them */
    struct leat_branch_options *branch_options; /* the same; NULL if the type has none */
    size_t n_branches;
    bool implied; /* the default standard input or output, not written */
    int number;   /* from 1, depth first, implied ones left out (0) */
};

/* A sequence of stages. */
struct leat_chain {
    struct leat_node *nodes;
    size_t n;
};

/* A reference that a tree holds. */
struct leat_held_own {
    struct leat_own *own;
    struct leat_held_own *next;
};

struct leat_tree {
    struct leat_chain root;
    struct leat_held_own *owns;
    struct leat_arena *arena; /* owns everything below root */
};

/* Tokens, the common form of text and words. */
enum leat_token_kind {
    LEAT_TOKEN_WORD,  /* a name, an option or an operand; always literal */
    LEAT_TOKEN_JOIN,  /* : or | */
    LEAT_TOKEN_OPEN,  /* [ */
    LEAT_TOKEN_CLOSE, /* ] */
};

struct leat_token {
    enum leat_token_kind kind;
    const char *word;     /* LEAT_TOKEN_WORD, else NULL */
    struct leat_own *own; /* of a name: its stage, in place of the registered one; or NULL */
    bool has_offset;      /* `where` is a byte offset in the text */
    uint64_t where;       /* else: number of the word from 1; 0: neither is known */
};

/* leat_tree_from_tokens - parse a list of tokens to a tree; used by the builder.
 *
 *   tokens     n of them; borrowed until return, words are copied, and the tree holds each `own`
 *   ret_error  may be NULL; filled in on failure: stage, offset (of the text; for words the number
 *              of the word, without has_offset), and a text with the fault and, for a misspelt name,
 *              a suggestion
 *
 * A stage `-` becomes `read -` in the first and `write -` in the last place. A readable is only
 * allowed first and a writable only last. Open ends are neither checked nor completed here, and the
 * `plan` callbacks of the stages are not called. Returns 0; LEAT_EUSAGE, LEAT_EUNSUPPORTED (the
 * stage's library is missing; the message names the package), LEAT_ELIMIT, LEAT_ENOMEM. */
int leat_tree_from_tokens(const struct leat_registry *registry, const struct leat_token *tokens,
                          size_t n, struct leat_tree **ret_plan, struct leat_error *ret_error);

/* leat_text_tokens - split a text into tokens, which are valid while `use` runs. Returns its result, or an error. */
typedef int (*leat_tokens_fn)(void *arg, const struct leat_token *tokens, size_t n,
                              struct leat_error *ret_error);
int leat_text_tokens(const char *text, const struct leat_variable *variables, size_t n_variables,
                     leat_tokens_fn use, void *arg, struct leat_error *ret_error);

/* leat_tree_from_text, leat_tree_from_words - parse text or words to a tree; see leat-syntax(5).
 *
 *   variables   for ${name}, in text only; may be NULL if n_variables is 0
 *   ret_error   as above
 *
 * Return like leat_tree_from_tokens. */
int leat_tree_from_text(const struct leat_registry *registry, const char *text,
                        const struct leat_variable *variables, size_t n_variables,
                        struct leat_tree **ret_plan, struct leat_error *ret_error);
int leat_tree_from_words(const struct leat_registry *registry, size_t n_words,
                         const char *const *words, struct leat_tree **ret_plan,
                         struct leat_error *ret_error);
/* leat_tree_free - NULL is fine. */
void leat_tree_free(struct leat_tree *plan);

/* leat_tree_text - canonical text: single spaces, ` | ` between stages, words quoted only if
 * necessary, no implied stages. Parsing it results in the same tree. free() it; NULL: out of
 * memory. */
char *leat_tree_text(const struct leat_tree *plan);
/* leat_tree_shown - the same for people: `***` stands for the password of a URL. leat_node_shown - that of one stage,
 * without its branches. */
char *leat_tree_shown(const struct leat_tree *plan);
char *leat_node_shown(const struct leat_node *node);

/* The arena: memory that lives as long as the tree. */
struct leat_arena *leat_arena_new(void);
void leat_arena_free(struct leat_arena *arena);
void *leat_arena_alloc(struct leat_arena *arena, size_t size); /* zeroed; NULL: out of memory */
char *leat_arena_strdup(struct leat_arena *arena, const char *text);

/* leat_options_parse - parse args to params and operands by the type's table.
 *
 *   args       in the arena already: params and operands point into it
 *   params     type->params_size zeroed bytes, or NULL if that is 0
 *   ret_error  filled in on failure; `offset` is the number of the argument from 1, 0: none
 *
 * Like GNU programs: options and operands in any order (unless type->operands_raw), `--` ends
 * options, bundled short options, -n5, -n 5, --name=V, --name V, unambiguous prefixes of long
 * names, digits as LEAT_DIGITS (-5, and -5c for head). Errors name the option and the range or the
 * choices. If options share an offset, the first one in the table sets the default. */
int leat_options_parse(const struct leat_stage_type *type, struct leat_arena *arena,
                       const struct leat_strings *args, void *params,
                       struct leat_strings *ret_operands, struct leat_error *ret_error);

#endif
