/* confine.c - checks each route with a name in its places, and confines the process to the directories of the routes. */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define SAMPLE "name"

/* A pipeline as a request with these names would have it. */
static int build_sample(const struct server *s, const struct route *r, struct leat_pipeline **ret,
                        struct leat_error *ret_error)
{
    struct leat_builder *b = leat_builder_new(s->registry);
    struct places places = {.n = PLACES_MAX};
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    int code = b ? 0 : LEAT_ENOMEM;

    for (size_t i = 0; i < PLACES_MAX; i++)
        memcpy(places.values[i], SAMPLE, sizeof SAMPLE);
    if (code == 0 && r->kind == ROUTE_UPLOAD)
        (void)leat_builder_push(b, NULL, &push);
    if (code == 0)
        code = route_append(r, b, &places, SAMPLE);
    if (code == 0 && r->kind == ROUTE_DOWNLOAD)
        (void)leat_builder_pull(b, NULL, &pull);
    if (code == 0)
        code = leat_builder_finish(b, &s->settings, ret, ret_error);
    leat_builder_free(b);
    if (code < 0 && ret_error->code == 0)
        ret_error->code = code;
    return code;
}

/* A file that a download reads need not exist now, so its directory is allowed. */
static int allow_directory(struct leat_confinement *list, const struct route *r, const char *word)
{
    const char *place = route_place(r, word);
    const char *slash = place ? memrchr(word, '/', (size_t)(place - word)) : NULL;
    char *directory;
    int code;

    if (!place)
        return 0;
    directory = slash ? strndup(word, (size_t)(slash - word) + 1) : strdup(".");
    code = directory ? leat_confinement_allow(list, directory, LEAT_ACCESS_READ) : LEAT_ENOMEM;
    free(directory);
    return code;
}

/* Allow the directories that the first stages of the route read. */
static int allow_directories(struct leat_confinement *list, const struct route *r)
{
    int code = 0;

    for (size_t i = 0; i < r->pieces.n; i++) {
        bool is_first = i == 0 || r->pieces.v[i - 1].kind == PIECE_OPEN;

        for (char **w = r->pieces.v[i].words; is_first && w && *w && code == 0; w++)
            code = allow_directory(list, r, *w);
    }
    return code;
}

/* Returns an exit status. */
static int look_at_routes(const struct server *s, struct leat_confinement *list)
{
    for (size_t i = 0; i < s->n_routes; i++) {
        struct leat_error error = LEAT_INIT(leat_error);
        struct leat_pipeline *sample = NULL;
        int code = build_sample(s, &s->routes[i], &sample, &error);

        if (code == LEAT_ELIMIT)
            return fits_refuse(s, i, &error);
        if (code < 0) {
            const struct origin origin = {.name = s->options.routes[i]};

            message_error(s->config, &error, &origin, leat_exit_status(code));
            return leat_exit_status(code);
        }
        code = leat_confinement_add(list, sample);
        leat_pipeline_unref(sample);
        if (code == 0 && s->routes[i].kind == ROUTE_DOWNLOAD)
            code = allow_directories(list, &s->routes[i]);
        if (code < 0)
            return message_fail(s->config, code, "out of memory");
    }
    return 0;
}

int confine_server(const struct server *s)
{
    const struct config *c = s->config;
    unsigned required =
        c->sandbox == SANDBOX_REQUIRE ? LEAT_CONFINED_FILES | LEAT_CONFINED_CALLS : 0;
    struct leat_confinement *list = leat_confinement_new();
    struct leat_error error = LEAT_INIT(leat_error);
    int code, status;

    if (!list)
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    code = leat_confinement_allow(list, NULL, LEAT_ACCESS_NETWORK); /* it accepts connections */
    status = code < 0 ? message_fail(c, code, "out of memory") : look_at_routes(s, list);
    if (status == 0 && c->sandbox != SANDBOX_OFF) {
        code = leat_confine(list, required, NULL, &error);
        status = code < 0 ? message_fail(c, code, "--sandbox=require: %s", error.text) : 0;
    }
    leat_confinement_free(list);
    return status;
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
