/* builtins.c - the built-in stages.
 *
 * transforms/stages.def lists them. This is the only file of the engine that knows their names, and
 * it knows nothing else about them.
 */

#include "run/inner.h"
#include "syntax/registry.h"

#define STAGE(ident) extern const struct leat_stage_type leat_stage_##ident;
#include "../transforms/stages.def"
#undef STAGE

static const struct leat_stage_type *const builtins[] = {
#define STAGE(ident) &leat_stage_##ident,
#include "../transforms/stages.def"
#undef STAGE
};

struct leat_registry *leat_registry_new(void)
{
    static const struct leat_inner_ops inner = {.make = leat_inner_make, .free = leat_inner_free};
    struct leat_registry *r = leat_registry_with(builtins, sizeof builtins / sizeof *builtins);

    if (r)
        leat_registry_set_inner(r, &inner);
    return r;
}
