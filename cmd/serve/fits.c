/* fits.c - refuses a route whose stages need more memory than --request-memory, when the server starts.
 *
 * A stage says how much memory it needs when it is opened. The stages that touch nothing outside of the process, by their own
 * account (leat_plan_access), are therefore run once without input, between an end of the program and `null`. The others
 * are left out: a route that does not fit because of them fails at its first request.
 */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define SAMPLE "name"
#define TIME_MS 10000u

/* Returns 0 or an error code, with *ret_error, unless it has no room for the details. */
static int build(const struct server *s, const struct route *r, const bool *use,
                 struct leat_pipeline **ret, struct leat_error *ret_error)
{
    static const char *const no_words[] = {NULL};
    struct leat_settings settings = s->settings;
    struct leat_builder *b = leat_builder_new(s->registry);
    struct leat_push_end *push;
    int code = b ? 0 : LEAT_ENOMEM;

    settings.timeout_ms = TIME_MS;
    if (code == 0)
        (void)leat_builder_push(b, NULL, &push);
    if (code == 0)
        code = route_append_some(r, b, use, SAMPLE);
    if (code == 0)
        (void)leat_builder_stage(b, "null", no_words);
    if (code == 0)
        code = leat_builder_finish(b, &settings, ret, ret_error);
    leat_builder_free(b);
    if (code == 0) /* fails only in a run */
        (void)leat_end_finish(push);
    return code;
}

/* Does it use only memory? A stage that cannot stand between two others does not count. */
static bool touches_nothing(const struct server *s, const struct route *r, size_t piece, bool *use)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_confinement *none = leat_confinement_new(), *list = leat_confinement_new();
    struct leat_pipeline *pipeline = NULL;
    char *text = NULL, *least = NULL;
    bool result = false;

    use[piece] = true;
    if (none && list && build(s, r, use, &pipeline, &error) == 0 &&
        leat_confinement_add(list, pipeline) == 0) {
        text = leat_confinement_text(list);
        least = leat_confinement_text(none);
        result = text && least && strcmp(text, least) == 0;
    }
    use[piece] = false;
    free(text);
    free(least);
    leat_pipeline_unref(pipeline);
    leat_confinement_free(none);
    leat_confinement_free(list);
    return result;
}

int fits_refuse(const struct server *s, size_t i, const struct leat_error *error)
{
    const char *option = strstr(error->text, "--memory");
    int before = option ? (int)(option - error->text) : (int)strlen(error->text);

    return message_fail(
        s->config, LEAT_ELIMIT, "route '%s' never fits into --request-memory: %s%s%.*s%s%s",
        s->options.routes[i], error->stage_name, error->stage_name[0] ? ": " : "", before,
        error->text, option ? "--request-memory" : "", option ? option + strlen("--memory") : "");
}

/* Returns an exit status. */
static int check(const struct server *s, size_t i, const bool *use)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;
    int code = build(s, &s->routes[i], use, &pipeline, &error), status = 0;

    if (code == 0 && leat_pipeline_run(pipeline) < 0)
        error = *leat_pipeline_error(pipeline);
    /* With an offset it is a limit on data. */
    if (error.code == LEAT_ELIMIT && !error.has_offset)
        status = fits_refuse(s, i, &error);
    leat_pipeline_unref(pipeline);
    return status;
}

int fits_check(const struct server *s)
{
    int status = 0;

    for (size_t i = 0; i < s->n_routes && status == 0; i++) {
        const struct route *r = &s->routes[i];
        bool *one = calloc(2 * r->pieces.n, sizeof *one), *use = one + r->pieces.n, any = false;

        if (!one)
            return message_fail(s->config, LEAT_ENOMEM, "out of memory");
        for (size_t k = 0; k < r->pieces.n; k++) {
            use[k] = r->pieces.v[k].kind == PIECE_STAGE && touches_nothing(s, r, k, one);
            any = any || use[k];
        }
        if (any)
            status = check(s, i, use);
        free(one);
    }
    return status;
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
