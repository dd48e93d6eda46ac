/* registry.c - the stages there are: the built-in ones and those a program adds.
 *
 * The built-ins come from transforms/stages.def; this is the only place of the engine that knows
 * their names, and it knows nothing else of them.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "stage.h"
#include "type_check.h"

#define STAGE(ident) extern const struct leat_stage_type leat_stage_##ident;
#include "../transforms/stages.def"
#undef STAGE

static const struct leat_stage_type *const builtins[] = {
#define STAGE(ident) &leat_stage_##ident,
#include "../transforms/stages.def"
#undef STAGE
};
#define N_BUILTINS (sizeof builtins / sizeof *builtins)

struct leat_registry {
    const struct leat_stage_type **types;
    size_t n, room;
    char refusal[256]; /* of the last leat_registry_add */
};

struct leat_registry *leat_registry_new(void)
{
    struct leat_registry *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->room = N_BUILTINS + 8;
    r->types = calloc(r->room, sizeof *r->types);
    if (!r->types) {
        free(r);
        return NULL;
    }
    memcpy(r->types, builtins, sizeof builtins);
    r->n = N_BUILTINS;
    return r;
}

void leat_registry_free(struct leat_registry *r)
{
    if (!r)
        return;
    free(r->types);
    free(r);
}

int leat_registry_add(struct leat_registry *r, const struct leat_stage_type *type)
{
    if (!r)
        return LEAT_EUSAGE;
    r->refusal[0] = '\0';
    if (!leat_type_is_sound(r, type, r->refusal, sizeof r->refusal))
        return LEAT_EUSAGE;
    if (leat_registry_find(r, type->name)) {
        snprintf(r->refusal, sizeof r->refusal, "there is a stage %s already", type->name);
        return LEAT_EEXIST;
    }
    const struct leat_stage_type **more = leat_grow(r->types, r->n, &r->room, sizeof(*more));

    if (!more)
        return LEAT_ENOMEM;
    r->types = more;
    r->types[r->n++] = type;
    return 0;
}

const char *leat_registry_refusal(const struct leat_registry *r)
{
    return r ? r->refusal : "there is no registry";
}

static bool has_alias(const struct leat_stage_type *type, const char *name)
{
    size_t len = strlen(name);
    const char *p = type->aliases;

    while (p && *p) {
        size_t n = strcspn(p, " ");

        if (n == len && memcmp(p, name, n) == 0)
            return true;
        p += n;
        p += strspn(p, " ");
    }
    return false;
}

const struct leat_stage_type *leat_registry_find(const struct leat_registry *r, const char *name)
{
    if (!r || !name)
        return NULL;
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->types[i]->name, name) == 0)
            return r->types[i];
    for (size_t i = 0; i < r->n; i++)
        if (has_alias(r->types[i], name))
            return r->types[i];
    return NULL;
}

size_t leat_registry_count(const struct leat_registry *r)
{
    return r ? r->n : 0;
}

const struct leat_stage_type *leat_registry_at(const struct leat_registry *r, size_t i)
{
    return r && i < r->n ? r->types[i] : NULL;
}
