/* plan.h - what a pipeline is before it runs: a tree of stages with checked options.
 *
 * parse.c makes it from text or words and options.c fills in the params; the pipeline is built
 * from it. It knows no I/O, no loop and no thread.
 */
#ifndef LEAT_PLAN_H
#define LEAT_PLAN_H

#include "stage.h"

/* Limits of the grammar. */
#define LEAT_PLAN_STAGES_MAX 1024u
#define LEAT_PLAN_DEPTH_MAX 32u        /* of nested brackets */
#define LEAT_PLAN_TEXT_MAX ((size_t)1 << 20)
#define LEAT_PLAN_WORDS_MAX 65536u

struct leat_chain;

/* One stage as written. */
struct leat_node {
    const struct leat_stage_type *type;
    struct leat_strings args;     /* its words after the name, as written, unquoted */
    void *params;                 /* type->params_size bytes, filled in; NULL if that is 0 */
    struct leat_strings operands;
    struct leat_chain *branches;  /* n_branches of them */
    size_t n_branches;
    bool implied;                 /* the default standard input or output, not written */
    int number;                   /* from 1, depth first, implied ones left out (0) */
};

/* Stages in a row, joined. */
struct leat_chain {
    struct leat_node *nodes;
    size_t n;
};

struct leat_plan {
    struct leat_chain root;
    struct leat_arena *arena; /* owns everything below root */
};

/* leat_plan_parse_text, _parse_words - from either form to a plan; see leat.h for the forms.
 *
 *   variables   for ${name}, in text only; may be NULL if n is 0
 *   ret_error   filled in on failure; stage, offset (of the text, or the number of the word) and
 *               a text that says what is wrong and, where a name is near, what was meant
 *
 * The stages' own `plan` callbacks are not called here. Return 0; LEAT_EUSAGE, LEAT_EUNSUPPORTED
 * (the stage's library is missing: names the package), LEAT_ELIMIT, LEAT_ENOMEM. */
int leat_plan_parse_text(const struct leat_registry *registry, const char *text,
                         const struct leat_variable *variables, size_t n_variables,
                         struct leat_plan **ret_plan, struct leat_error *ret_error);
int leat_plan_parse_words(const struct leat_registry *registry, size_t n_words,
                          const char *const *words, struct leat_plan **ret_plan,
                          struct leat_error *ret_error);
void leat_plan_free(struct leat_plan *plan);

/* leat_plan_text - canonical text: single spaces, ` | ` between stages, words quoted only if they
 * must be. Parsing it gives the same plan. free() it; NULL: out of memory. */
char *leat_plan_text(const struct leat_plan *plan);
/* leat_node_text - the same for one stage, without its branches. */
char *leat_node_text(const struct leat_node *node);

/* The arena: memory that lives as long as the plan. */
struct leat_arena *leat_arena_new(void);
void leat_arena_free(struct leat_arena *arena);
void *leat_arena_alloc(struct leat_arena *arena, size_t size); /* zeroed; NULL: out of memory */
char *leat_arena_strdup(struct leat_arena *arena, const char *text);

/* leat_options_parse - options.c: args -> params and operands by the type's table.
 * GNU manner: options and operands in any order (unless type->operands_raw), `--` ends options,
 * bundled short options, -n5, -n 5, --name=V, --name V, unambiguous prefixes of long names,
 * digits as LEAT_DIGITS. Errors name the option and the range or the choices. */
int leat_options_parse(const struct leat_stage_type *type, struct leat_arena *arena,
                       const struct leat_strings *args, void *params,
                       struct leat_strings *ret_operands, struct leat_error *ret_error);

#endif
