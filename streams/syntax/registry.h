/* registry.h - the registry of stages, by name. */
#ifndef LEAT_SYNTAX_REGISTRY_H
#define LEAT_SYNTAX_REGISTRY_H

#include "own.h"
#include "stage.h"

struct leat_inner;
struct leat_pipeline;
struct leat_stage_info;

/* The branch of a stage with LEAT_INNER is a pipeline, which the compiler of a pipeline cannot make by itself. */
struct leat_inner_ops {
    int (*make)(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                struct leat_error *ret_error);
    void (*free)(struct leat_inner *inner); /* NULL is fine */
};
/* leat_registry_set_inner, _inner - how the pipelines of this registry do it; borrowed. */
void leat_registry_set_inner(struct leat_registry *registry, const struct leat_inner_ops *ops);
const struct leat_inner_ops *leat_registry_inner(const struct leat_registry *registry);

/* A registry; one that has only built-in types is a constant. */
struct leat_registry {
    const struct leat_stage_type **types;
    size_t n, room, n_builtin;
    struct leat_own *owns; /* those that are not built in, the last one first */
    struct leat_loaded *plugins;
    char refusal[400]; /* reason of the last leat_registry_add */
    const struct leat_inner_ops *inner;
};

/* leat_registry_with - a registry of these n types, which must be sound. NULL: out of memory. */
struct leat_registry *leat_registry_with(const struct leat_stage_type *const *types, size_t n);
/* leat_registry_add_plain - leat_registry_add, also for a type with abi 0, which was compiled with the
 * library and has no vendor in its name: for tests. */
int leat_registry_add_plain(struct leat_registry *registry, const struct leat_stage_type *type);
/* leat_registry_add_plugin - add n types of a plugin, or none; 0 also if this plugin was added before.
 * *ret_at is the one that was refused. `path` is copied. */
int leat_registry_add_plugin(struct leat_registry *registry, const struct leat_plugin *plugin,
                             const char *path, size_t n, size_t *ret_at);
/* leat_registry_own - leat_own_new, with a check of the type's `engine` against the built-in types. */
int leat_registry_own(const struct leat_registry *registry, const struct leat_stage_type *type,
                      void *user, bool plain, char *refusal, size_t size,
                      struct leat_own **ret_own);
/* leat_registry_default - the stage that the compiler adds at an open end: LEAT_SOURCE or
 * LEAT_SINK. NULL: there is none. */
const struct leat_stage_type *leat_registry_default(const struct leat_registry *registry,
                                                    enum leat_kind kind);
/* leat_registry_is_builtin - is it one of the first types, and not one that a program has added? */
bool leat_registry_is_builtin(const struct leat_registry *registry,
                              const struct leat_stage_type *type);

#endif
