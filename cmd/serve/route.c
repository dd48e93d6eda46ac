/* route.c - a route: METHOD PATH : PIPELINE.
 *
 * The pipeline's text is parsed once, by the library, into canonical text, which has quotes but no comments and one blank
 * between words. Its words are kept. For a request they are copied with the names in their places, and handed to a
 * builder one by one: a name is never parsed.
 */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define FILE_PLACE "name" /* of a file of a form */

/* --- places ----------------------------------------------------------------------------------- */

/* The place at the beginning of text, "{name}", as a number of the path, or SIZE_MAX: the name of the file of a form.
 * Returns its length; 0: there is none. */
static size_t place_at(const struct route *r, const char *text, size_t *ret_place)
{
    size_t n = *text == '{' ? strcspn(text, "}") : 0, place = 0;

    if (n < 2 || text[n] != '}')
        return 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        if (!r->is_place[i])
            continue;
        if (strlen(r->parts[i]) == n - 1 && strncmp(r->parts[i], text + 1, n - 1) == 0) {
            *ret_place = place;
            return n + 1;
        }
        place++;
    }
    *ret_place = SIZE_MAX;
    return n - 1 == strlen(FILE_PLACE) && strncmp(text + 1, FILE_PLACE, n - 1) == 0 ? n + 1 : 0;
}

const char *route_place(const struct route *r, const char *word)
{
    size_t place;

    for (; *word; word++)
        if (place_at(r, word, &place) > 0)
            return word;
    return NULL;
}

static bool has_place(const struct route *r, const char *word, bool *of_form)
{
    size_t place;
    bool found = false;

    for (; *word; word++) {
        if (place_at(r, word, &place) == 0)
            continue;
        found = true;
        *of_form = *of_form || place == SIZE_MAX;
    }
    return found;
}

/* The values that a word is filled with. */
struct filling {
    const struct route *route;
    const struct places *places;
    const char *file;
};

static char *fill_word(void *arg, const char *word)
{
    const struct filling *f = arg;
    struct buf b = {.n = 0};
    size_t place, n;

    buf_bytes(&b, "", 0);
    while (*word) {
        n = place_at(f->route, word, &place);
        if (n > 0 && place == SIZE_MAX)
            buf_add(&b, "%s", f->file);
        else if (n > 0)
            buf_add(&b, "%s", f->places->values[place]);
        else
            buf_bytes(&b, word, 1);
        word += n > 0 ? n : 1;
    }
    if (b.failed)
        buf_free(&b);
    return b.failed ? NULL : b.data;
}

int route_append(const struct route *r, struct leat_builder *b, const struct places *places,
                 const char *file)
{
    struct filling filling = {.route = r, .places = places, .file = file};

    return pieces_append(&r->pieces, b, fill_word, &filling);
}

int route_append_some(const struct route *r, struct leat_builder *b, const bool *use,
                      const char *sample)
{
    struct places places = {.n = PLACES_MAX};
    struct filling filling = {.route = r, .places = &places, .file = sample};
    int result = 0;

    for (size_t i = 0; i < PLACES_MAX; i++)
        (void)snprintf(places.values[i], sizeof places.values[i], "%s", sample);
    for (size_t i = 0; i < r->pieces.n && result == 0; i++) {
        const struct pieces one = {.v = r->pieces.v + i, .n = 1};

        if (use[i])
            result = pieces_append(&one, b, fill_word, &filling);
    }
    return result;
}

char *route_file(const struct route *r, const struct places *places, bool *ret_alone,
                 bool *ret_chosen)
{
    struct filling filling = {.route = r, .places = places};
    char **w = r->pieces.v[0].words;
    size_t file = w && w[1] && strcmp(w[1], "--") == 0 ? 2 : 1;

    if (!w || strcmp(w[0], "read") != 0 || !w[1] || !w[file] || w[file + 1] ||
        (file == 1 && *w[file] == '-'))
        return NULL;
    *ret_alone = r->pieces.n == 1;
    *ret_chosen = route_place(r, w[file]) != NULL;
    return fill_word(&filling, w[file]);
}

/* --- the path --------------------------------------------------------------------------------- */

static const char *split_path(struct route *r)
{
    size_t n_places = 0;

    for (char *p = r->path; p; r->n_parts++) {
        char *slash;
        size_t n;

        *p++ = '\0'; /* it is a slash */
        slash = strchr(p, '/');
        n = slash ? (size_t)(slash - p) : strlen(p);
        if (r->n_parts == sizeof r->parts / sizeof *r->parts)
            return "the path has more than 64 parts";
        r->parts[r->n_parts] = p;
        if (n > 2 && p[0] == '{' && p[n - 1] == '}') {
            r->is_place[r->n_parts] = true;
            r->parts[r->n_parts]++;
            p[n - 1] = '\0';
            if (++n_places > PLACES_MAX)
                return "the path has more than 8 names in braces";
        } else if (memchr(p, '{', n) || memchr(p, '}', n)) {
            return "a name in braces must be a part of the path of its own, as in /in/{name}";
        }
        p = slash;
    }
    return NULL;
}

bool route_matches(const struct route *r, const char *path, struct places *ret,
                   const char **ret_bad)
{
    const char *raw[PLACES_MAX];
    size_t lengths[PLACES_MAX], n_places = 0;

    for (size_t i = 0; i < r->n_parts; i++) {
        size_t n;

        if (*path++ != '/')
            return false;
        n = strcspn(path, "/");
        if (r->is_place[i]) {
            raw[n_places] = path;
            lengths[n_places++] = n;
        } else if (strlen(r->parts[i]) != n || strncmp(r->parts[i], path, n) != 0) {
            return false;
        }
        path += n;
    }
    if (*path)
        return false;
    ret->n = n_places;
    *ret_bad = NULL;
    for (size_t i = 0; i < n_places && !*ret_bad; i++)
        *ret_bad = name_decode(raw[i], lengths[i], ret->values[i]);
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The canonical text, or NULL after a message; *ret_status is the exit status. */
static char *canonical(const struct config *c, const struct leat_registry *registry,
                       const char *text, int *ret_status)
{
    struct leat_settings settings = c->settings;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;
    char *result = NULL;
    int r;

    r = leat_pipeline_from_text(registry, text, &settings, &pipeline, &error);
    if (r == 0) {
        result = leat_pipeline_text(pipeline);
        leat_pipeline_unref(pipeline);
    } else {
        const struct origin origin = {.text = text};

        *ret_status = leat_exit_status(r);
        message_error(c, &error, &origin, *ret_status);
        return NULL;
    }
    if (!result)
        *ret_status = message_fail(c, LEAT_ENOMEM, "out of memory");
    return result;
}

static const char *check_places(struct route *r)
{
    for (size_t i = 0; i < r->pieces.n; i++) {
        char **words = r->pieces.v[i].words;
        bool is_exec = words && strcmp(words[0], "exec") == 0;

        for (; words && *words; words++)
            if (has_place(r, *words, &r->of_form) && is_exec)
                return "a name that a client chooses cannot be in a command of exec";
    }
    if (r->of_form && strcmp(r->method, "POST") != 0)
        return "the path has no {name}, so it is that of a file of a form, which comes with POST";
    return NULL;
}

static const char *read_head(struct route *r, const char *method, size_t n, const char *path)
{
    static const struct {
        const char *name;
        enum route_kind kind;
    } methods[] = {{"PUT", ROUTE_UPLOAD}, {"POST", ROUTE_UPLOAD}, {"GET", ROUTE_DOWNLOAD}};
    size_t length = strcspn(path, " \t\n");

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strlen(methods[i].name) != n || strncmp(methods[i].name, method, n) != 0)
            continue;
        r->method = methods[i].name;
        r->kind = methods[i].kind;
    }
    if (!r->method)
        return "the method is none of PUT, POST, GET";
    if (*path != '/')
        return "the path does not begin with a slash";
    r->path = strndup(path, length);
    return r->path ? split_path(r) : leat_strerror(LEAT_ENOMEM);
}

int route_read(struct route *r, const struct config *c, const struct leat_registry *registry,
               const char *text)
{
    const char *method = text + strspn(text, " \t\n"), *why;
    size_t n = strcspn(method, " \t\n");
    const char *path = method + n + strspn(method + n, " \t\n");
    const char *joiner = path + strcspn(path, " \t\n");
    char *pipeline;
    int status = 0;

    *r = (struct route){.method = NULL};
    joiner += strspn(joiner, " \t\n");
    why = read_head(r, method, n, path);
    if (!why && ((*joiner != ':' && *joiner != '|') || !strchr(" \t\n", joiner[1])))
        why = "a joiner, ` : `, must follow the path";
    if (why) {
        route_done(r);
        return message_fail(c, LEAT_EUSAGE,
                            "route '%s': %s; as in 'PUT /in/{name} : zstd : write "
                            "data/{name}.zst'",
                            text, why);
    }
    pipeline = canonical(c, registry, joiner + 1, &status);
    if (pipeline && pieces_of_text(&r->pieces, pipeline) < 0)
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
    free(pipeline);
    why = status == 0 ? check_places(r) : NULL;
    if (why)
        status = message_fail(c, LEAT_EUSAGE, "route '%s': %s", text, why);
    if (status != 0)
        route_done(r);
    return status;
}

void route_done(struct route *r)
{
    pieces_done(&r->pieces);
    free(r->path);
    *r = (struct route){.method = NULL};
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
