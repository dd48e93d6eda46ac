/* registry.c - the registry of stages, by name. It knows no particular stage. */

#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/invariant.h"
#include "stage/engine_ops.h"
#include "type_check.h"

#define ROOM_FOR_MORE 8u

struct leat_registry {
    const struct leat_stage_type **types;
    size_t n, room, n_builtin;
    char refusal[256]; /* reason of the last leat_registry_add */
};

struct leat_registry *leat_registry_with(const struct leat_stage_type *const *types, size_t n)
{
    struct leat_registry *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->room = n + ROOM_FOR_MORE;
    r->types = calloc(r->room, sizeof *r->types);
    if (!r->types) {
        free(r);
        return NULL;
    }
    memcpy(r->types, types, n * sizeof *r->types);
    r->n = r->n_builtin = n;
    return r;
}

void leat_registry_free(struct leat_registry *r)
{
    if (!r)
        return;
    free(r->types);
    free(r);
}

/* Is no alias the name of another stage? leat_type_is_sound has checked its form. */
static bool aliases_are_free(struct leat_registry *r, const struct leat_stage_type *type)
{
    const char *p = type->aliases;

    while (p && *p) {
        char name[LEAT_STAGE_NAME_MAX + 1] = "";
        size_t n = strcspn(p, " ");

        leat_assert(n < sizeof name);
        memcpy(name, p, n);
        if (leat_registry_find(r, name)) {
            snprintf(r->refusal, sizeof r->refusal, "the alias %s is the name of another stage",
                     name);
            return false;
        }
        p += n;
        p += strspn(p, " ");
    }
    return true;
}

int leat_registry_add(struct leat_registry *r, const struct leat_stage_type *type)
{
    if (!r)
        return LEAT_EUSAGE;
    r->refusal[0] = '\0';
    if (!leat_type_is_sound(type, r->refusal, sizeof r->refusal) || !aliases_are_free(r, type))
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

const struct leat_stage_type *leat_registry_default(const struct leat_registry *r,
                                                    enum leat_kind kind)
{
    leat_assert(kind == LEAT_SOURCE || kind == LEAT_SINK);
    for (size_t i = 0; r && i < r->n; i++)
        if (r->types[i]->kind == kind && leat_engine_ops_of(r->types[i])->is_default)
            return r->types[i];
    return NULL;
}

bool leat_registry_is_builtin(const struct leat_registry *r, const struct leat_stage_type *type)
{
    for (size_t i = 0; i < r->n_builtin; i++)
        if (r->types[i] == type)
            return true;
    return false;
}

size_t leat_registry_count(const struct leat_registry *r)
{
    return r ? r->n : 0;
}

const struct leat_stage_type *leat_registry_at(const struct leat_registry *r, size_t i)
{
    return r && i < r->n ? r->types[i] : NULL;
}
