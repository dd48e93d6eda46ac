/* plugin.c - load the stages of a plugin, a shared object, into a registry. */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "base/sized.h"
#include "registry.h"

#define SYMBOL "leat_plugin"
#define TYPES_MAX 1024u
#define ERROR_SHOWN 300u

/* A name without a slash would be looked for among the libraries of the system. */
static char *path_of(const char *name)
{
    size_t n = strlen(name) + sizeof "./";
    char *path = malloc(n);

    if (path)
        snprintf(path, n, "%s%s", strchr(name, '/') ? "" : "./", name);
    return path;
}

static int fail(struct leat_error *error, int code, const char *path, const char *text)
{
    return leat_error_set(error, code, "the plugin %s: %s", path, text);
}

/* dlopen failed. Its text begins with the path in most cases; it is cut off here. */
static int fail_open(struct leat_error *error, const char *path)
{
    const char *said = dlerror(), *text = said ? said : "cannot be loaded";
    size_t n = strlen(path);

    if (access(path, R_OK) < 0)
        return leat_error_set(error, errno == ENOENT ? LEAT_ENOENT : LEAT_EIO, "the plugin %s: %s",
                              path, strerror(errno));
    if (strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    leat_error_set(error, LEAT_EUSAGE, "the plugin %s cannot be loaded: %.*s", path,
                   (int)ERROR_SHOWN, text);
    if (strstr(text, "undefined symbol: leat_"))
        leat_error_add(error, "; it needs a newer libleat, or the program does not export the "
                              "functions of libleat: link it with libleat.so, or with -rdynamic");
    return LEAT_EUSAGE;
}

/* Check what the plugin says of itself. Returns 0 and the number of its types. */
static int check(const struct leat_plugin *plugin, const char *path, size_t *ret_n,
                 struct leat_error *error)
{
    if (plugin->size < sizeof *plugin || plugin->abi == 0 || !plugin->types)
        return fail(error, LEAT_EUSAGE, path, "make its " SYMBOL " with the macro LEAT_PLUGIN");
    if (plugin->abi > LEAT_STAGE_ABI)
        return leat_error_set(error, LEAT_EUNSUPPORTED,
                              "the plugin %s: it was made with leat %s, which has the ABI %u, but "
                              "this is leat %s, which knows up to %u: update leat, or build the "
                              "plugin with this one",
                              path, leat_shown(plugin->version ? plugin->version : "?").text,
                              plugin->abi, LEAT_VERSION, LEAT_STAGE_ABI);
    for (*ret_n = 0; plugin->types[*ret_n]; ++*ret_n)
        if (*ret_n == TYPES_MAX)
            return fail(error, LEAT_EUSAGE, path, "its list of types has no NULL at its end");
    return *ret_n > 0 ? 0 : fail(error, LEAT_EUSAGE, path, "it has no stages");
}

static int add(struct leat_registry *registry, const struct leat_plugin *plugin, const char *path,
               struct leat_error *error)
{
    size_t n = 0, at = 0;
    int r = check(plugin, path, &n, error);

    if (r < 0)
        return r;
    r = leat_registry_add_plugin(registry, plugin, path, n, &at);
    if (r == 0)
        return 0;
    if (r == LEAT_ENOMEM)
        return leat_error_set(error, r, "out of memory");
    return leat_error_set(error, r, "the plugin %s: its stage %s: %s", path,
                          leat_shown(plugin->types[at]->name ? plugin->types[at]->name : "?").text,
                          leat_registry_refusal(registry));
}

int leat_registry_load(struct leat_registry *registry, const char *path,
                       struct leat_error *ret_error)
{
    const struct leat_plugin *plugin;
    struct leat_error error = {0};
    char *file;
    void *handle;
    int r;

    if (!leat_sized_is_set(ret_error))
        return LEAT_EUSAGE;
    file = registry && path ? path_of(path) : NULL;
    if (!file) {
        r = !registry || !path
                ? leat_error_set(&error, LEAT_EUSAGE, "leat_registry_load: %s is NULL",
                                 registry ? "path" : "registry")
                : leat_error_set(&error, LEAT_ENOMEM, "out of memory");
        return leat_error_give(ret_error, &error);
    }
    /* NODELETE: the plugin may have started threads, or left pointers to itself in other libraries. */
    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    plugin = handle ? dlsym(handle, SYMBOL) : NULL;
    if (!handle)
        r = fail_open(&error, file);
    else if (!plugin)
        r = fail(&error, LEAT_EUSAGE, file,
                 "it is no plugin of leat: it does not export the symbol " SYMBOL);
    else
        r = add(registry, plugin, file, &error);
    if (handle && dlclose(handle) != 0 && r == 0)
        r = fail(&error, LEAT_EINTERNAL, file, "dlclose failed");
    free(file);
    return r < 0 ? leat_error_give(ret_error, &error) : 0;
}
