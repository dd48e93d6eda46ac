/* registry.h - the registry of stages, by name. */
#ifndef LEAT_SYNTAX_REGISTRY_H
#define LEAT_SYNTAX_REGISTRY_H

#include "stage.h"

/* leat_registry_with - a registry of these n types, which must be sound. NULL: out of memory. */
struct leat_registry *leat_registry_with(const struct leat_stage_type *const *types, size_t n);
/* leat_registry_default - the stage that the compiler adds at an open end: LEAT_SOURCE or
 * LEAT_SINK. NULL: there is none. */
const struct leat_stage_type *leat_registry_default(const struct leat_registry *registry,
                                                    enum leat_kind kind);
/* leat_registry_is_builtin - is it one of the first types, and not one that a program has added? */
bool leat_registry_is_builtin(const struct leat_registry *registry,
                              const struct leat_stage_type *type);

#endif
