/* builtins.c - the built-in stages.
 *
 * transforms/stages.def lists them. This is the only file of the engine that knows their names, and
 * it knows nothing else about them.
 */

#include "run/inner.h"
#include "run/pipeline.h"
#include "syntax/registry.h"

#define STAGE(ident) extern const struct leat_stage_type leat_stage_##ident;
#include "../transforms/stages.def"
#undef STAGE

static const struct leat_stage_type *const builtins[] = {
#define STAGE(ident) &leat_stage_##ident,
#include "../transforms/stages.def"
#undef STAGE
};

static const struct leat_inner_ops inner = {.make = leat_inner_make, .free = leat_inner_free};

/* It is never changed: nothing can be added to a registry that is const. */
static const struct leat_registry builtin = {
    .types = (const struct leat_stage_type **)(uintptr_t)builtins,
    .n = sizeof builtins / sizeof *builtins,
    .n_builtin = sizeof builtins / sizeof *builtins,
    .inner = &inner,
};

struct leat_registry *leat_registry_new(void)
{
    struct leat_registry *r = leat_registry_with(builtins, sizeof builtins / sizeof *builtins);

    if (r)
        leat_registry_set_inner(r, &inner);
    return r;
}

/* --- functions of leat.h to which a registry that is NULL means the built-in stages ------------- */

int leat_pipeline_from_text(const struct leat_registry *registry, const char *text,
                            const struct leat_settings *settings,
                            struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    return leat_pipeline_of_text(registry ? registry : &builtin, text, settings, ret_pipeline,
                                 ret_error);
}

int leat_pipeline_from_words(const struct leat_registry *registry, size_t n_words,
                             const char *const *words, const struct leat_settings *settings,
                             struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    return leat_pipeline_of_words(registry ? registry : &builtin, n_words, words, settings,
                                  ret_pipeline, ret_error);
}

struct leat_builder *leat_builder_new(const struct leat_registry *registry)
{
    return leat_builder_of(registry ? registry : &builtin);
}

FILE *leat_fopen(const struct leat_registry *registry, struct leat_context *context,
                 const char *text, const char *mode, struct leat_pipeline **ret_pipeline,
                 struct leat_error *ret_error)
{
    return leat_fopen_of(registry ? registry : &builtin, context, text, mode, ret_pipeline,
                         ret_error);
}
