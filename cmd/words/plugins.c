/* plugins.c - the registry of the command: the built-in stages, and those of plugins. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

#define FILES_MAX 1024u /* of a plugin directory */
#ifndef LEAT_PLUGIN_DIR /* the Makefile says it */
#define LEAT_PLUGIN_DIR "/usr/local/lib/leat/plugins"
#endif

static int load(const struct config *c, struct leat_registry *registry, const char *path)
{
    struct leat_error error = LEAT_INIT(leat_error);

    if (leat_registry_load(registry, path, &error) == 0)
        return 0;
    message_error(c, &error, NULL, leat_exit_status(error.code));
    return leat_exit_status(error.code);
}

/* A broken plugin of the directory must not break every use of leat: it is a warning. */
static void load_or_warn(const struct config *c, struct leat_registry *registry, const char *path)
{
    struct leat_error error = LEAT_INIT(leat_error);

    if (leat_registry_load(registry, path, &error) == 0)
        return;
    error.code = 0;
    message_warning(c, &error);
}

static int is_plugin(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 3, ".so") == 0;
}

/* All files *.so in the directory, in the order of their names. A directory that is not there is empty. */
static void load_directory(const struct config *c, struct leat_registry *registry, const char *dir)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_plugin, alphasort);
    struct leat_error warning = LEAT_INIT(leat_error);

    if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
        snprintf(warning.text, sizeof warning.text, "the plugin directory %s: %s", dir,
                 strerror(errno));
        message_warning(c, &warning);
    }
    for (int i = 0; i < n; i++) {
        struct buf path = {.n = 0};

        buf_add(&path, "%s/%s", dir, entries[i]->d_name);
        if (i < (int)FILES_MAX && !path.failed)
            load_or_warn(c, registry, buf_text(&path));
        buf_free(&path);
        free(entries[i]);
    }
    free(entries);
}

/* LEAT_PLUGINS=a.so:b.so. */
static int load_list(const struct config *c, struct leat_registry *registry, const char *list)
{
    int status = 0;

    while (status == 0 && *list) {
        size_t n = strcspn(list, ":");
        struct buf path = {.n = 0};

        buf_bytes(&path, list, n);
        if (path.failed)
            status = message_fail(c, LEAT_ENOMEM, "out of memory");
        else if (n > 0)
            status = load(c, registry, buf_text(&path));
        buf_free(&path);
        list += n + (list[n] == ':');
    }
    return status;
}

struct leat_registry *registry_open(const struct config *c, int *ret_status)
{
    struct leat_registry *registry = leat_registry_new();
    /* With the privileges of another user the environment chooses no code. */
    const char *dir = secure_getenv("LEAT_PLUGIN_DIR"), *list = secure_getenv("LEAT_PLUGINS");

    if (!registry) {
        *ret_status = message_fail(c, LEAT_ENOMEM, "out of memory");
        return NULL;
    }
    dir = dir ? dir : LEAT_PLUGIN_DIR;
    if (*dir)
        load_directory(c, registry, dir);
    *ret_status = list ? load_list(c, registry, list) : 0;
    for (size_t i = 0; i < c->n_plugins && *ret_status == 0; i++)
        *ret_status = load(c, registry, c->plugins[i]);
    if (*ret_status == 0)
        return registry;
    leat_registry_free(registry);
    return NULL;
}
