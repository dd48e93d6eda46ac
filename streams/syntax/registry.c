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

/* A plugin that was added. */
struct leat_loaded {
    struct leat_loaded *next;
    const struct leat_plugin *plugin;
    char path[];
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
    while (r->owns) {
        struct leat_own *own = r->owns;

        r->owns = own->next;
        leat_own_unref(own);
    }
    while (r->plugins) {
        struct leat_loaded *plugin = r->plugins;

        r->plugins = plugin->next;
        free(plugin);
    }
    free(r->types);
    free(r);
}

/* Is no alias the name of another stage? The check of the type has looked at its form. */
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

/* Does it belong to the type? Its functions use the params and the state of the built-in type. */
static bool engine_fits(const struct leat_registry *r, const struct leat_stage_type *type)
{
    for (size_t i = 0; i < r->n_builtin; i++) {
        const struct leat_stage_type *t = r->types[i];

        if (t->engine == type->engine && t->step == type->step &&
            t->params_size == type->params_size && t->state_size == type->state_size)
            return true;
    }
    return !type->engine;
}

/* The type itself and its parts. */
static bool engines_fit(const struct leat_registry *r, const struct leat_stage_type *type)
{
    const struct leat_stage_type *parts[] = {type, type->first, type->last, type->middle_in,
                                             type->middle_out};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i] && !engine_fits(r, parts[i]))
            return false;
    return true;
}

int leat_registry_own(const struct leat_registry *r, const struct leat_stage_type *type, void *user,
                      bool plain, char *refusal, size_t size, struct leat_own **ret_own)
{
    struct leat_own *own = NULL;
    int code = leat_own_new(type, user, plain, refusal, size, &own);

    if (code < 0)
        return code;
    if (!engines_fit(r, own->type)) {
        leat_own_forget(own);
        snprintf(refusal, size,
                 "engine: it is not that of a built-in stage with this step, params_size and "
                 "state_size");
        return LEAT_EUSAGE;
    }
    *ret_own = own;
    return 0;
}

static int check_free(struct leat_registry *r, const struct leat_stage_type *type)
{
    const struct leat_stage_type *there = leat_registry_find(r, type->name);
    const char *from = there ? leat_registry_plugin(r, there) : NULL;

    if (!there)
        return aliases_are_free(r, type) ? 0 : LEAT_EUSAGE;
    snprintf(r->refusal, sizeof r->refusal, "there is a stage %s already%s%s", type->name,
             from ? ", of the plugin " : "", from ? from : "");
    return LEAT_EEXIST;
}

static int add(struct leat_registry *r, const struct leat_stage_type *type, bool plain)
{
    const struct leat_stage_type **more;
    struct leat_own *own = NULL;
    int code;

    if (!r)
        return LEAT_EUSAGE;
    r->refusal[0] = '\0';
    code = leat_registry_own(r, type, type ? type->user : NULL, plain, r->refusal,
                             sizeof r->refusal, &own);
    if (code == 0)
        code = check_free(r, own->type);
    more = code == 0 ? leat_grow(r->types, r->n, &r->room, sizeof(*more)) : NULL;
    if (!more) {
        leat_own_forget(own);
        return code < 0 ? code : LEAT_ENOMEM;
    }
    r->types = more;
    r->types[r->n++] = own->type;
    own->next = r->owns;
    r->owns = own;
    return 0;
}

int leat_registry_add(struct leat_registry *r, const struct leat_stage_type *type)
{
    return add(r, type, false);
}

int leat_registry_add_plain(struct leat_registry *r, const struct leat_stage_type *type)
{
    return add(r, type, true);
}

/* --- plugins ---------------------------------------------------------------------------------- */

/* Take back the last types, down to n. */
static void rewind_to(struct leat_registry *r, size_t n)
{
    while (r->n > n) {
        struct leat_own *own = r->owns;

        r->owns = own->next;
        r->n--;
        leat_own_forget(own);
    }
}

int leat_registry_add_plugin(struct leat_registry *r, const struct leat_plugin *plugin,
                             const char *path, size_t n, size_t *ret_at)
{
    size_t before = r->n, size = strlen(path) + 1;
    struct leat_loaded *loaded = r->plugins;

    r->refusal[0] = '\0';
    while (loaded && loaded->plugin != plugin)
        loaded = loaded->next;
    if (loaded)
        return 0;
    loaded = malloc(sizeof *loaded + size);
    if (!loaded)
        return LEAT_ENOMEM;
    loaded->plugin = plugin;
    memcpy(loaded->path, path, size);
    for (*ret_at = 0; *ret_at < n; ++*ret_at) {
        int code = add(r, plugin->types[*ret_at], false);

        if (code < 0) {
            rewind_to(r, before);
            free(loaded);
            return code;
        }
        r->owns->from = loaded->path;
    }
    loaded->next = r->plugins;
    r->plugins = loaded;
    return 0;
}

const char *leat_registry_plugin(const struct leat_registry *r, const struct leat_stage_type *type)
{
    for (const struct leat_own *own = r ? r->owns : NULL; own; own = own->next)
        if (own->type == type)
            return own->from;
    return NULL;
}

void leat_registry_set_inner(struct leat_registry *r, const struct leat_inner_ops *ops)
{
    r->inner = ops;
}

const struct leat_inner_ops *leat_registry_inner(const struct leat_registry *r)
{
    leat_assert(r->inner != NULL);
    return r->inner;
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
