/* confine.c - directories of outputs, which are made before the process is confined, and the confinement of a batch. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "batch.h"

/* --- directories ------------------------------------------------------------------------------ */

/* Bytes of the template before the component that has the first place. */
static size_t fixed_part(const char *template)
{
    size_t n = strlen(template), fixed = 0;

    for (size_t i = 0; i < n; i++) {
        if (template[i] == '/')
            fixed = i + 1;
        if (template[i] == '{' && template_has(template + i))
            break;
    }
    return fixed;
}

/* Make the directories of the path that come after its first `fixed` bytes. Returns 0 or an errno. */
static int make_parents(char *path, size_t fixed)
{
    for (char *slash = strchr(path + fixed, '/'); slash; slash = strchr(slash + 1, '/')) {
        int r;

        *slash = '\0';
        r = *path && mkdir(path, 0777) < 0 && errno != EEXIST ? errno : 0;
        if (r != 0)
            return r;
        *slash = '/';
    }
    return 0;
}

static bool has_same_directory(const char *a, const char *b)
{
    const char *slash = strrchr(a, '/');
    size_t n = slash ? (size_t)(slash - a) + 1 : 0;

    return strncmp(a, b, n) == 0 && !strchr(b + n, '/');
}

/* The directory that is the same for all inputs must be there: a wrong name is one error, not one for each input. */
static int check_fixed(const struct batch *b, const char *template, size_t fixed)
{
    char *directory = strndup(fixed > 0 ? template : ".", fixed > 0 ? fixed : 1), shown[SHOWN_MAX];
    struct stat info;
    int error = directory && stat(directory, &info) < 0 ? errno : 0, status = 0;

    if (!directory)
        return message_fail(b->config, LEAT_ENOMEM, "out of memory");
    (void)leat_show(directory, shown, sizeof shown);
    if (error == 0 && !S_ISDIR(info.st_mode))
        error = ENOTDIR;
    if (error == ENOENT)
        status = message_fail(b->config, LEAT_ENOENT,
                              "each: %s: no such directory, for the output %s; make it first",
                              shown, template);
    else if (error)
        status = message_fail(b->config, LEAT_EIO, "each: %s: %s", shown, strerror(error));
    free(directory);
    return status;
}

int batch_make_directories(const struct batch *b)
{
    struct buf last = {.n = 0};
    int status = 0;

    for (size_t k = 0; k < b->n_outputs && status == 0; k++) {
        const char *template = buf_text(&b->outputs[k]);
        size_t fixed = fixed_part(template);

        status = check_fixed(b, template, fixed);
        if (!strchr(template + fixed, '/') && !strstr(template + fixed, "{"))
            continue;
        for (size_t i = 0; i < b->inputs.n && status == 0; i++) {
            char **names, shown[SHOWN_MAX];
            int error;

            if (input_has_problem(&b->inputs.v[i]))
                continue;
            names = batch_outputs(b, i);
            error = names ? 0 : ENOMEM;

            if (names && !(last.n > 0 && has_same_directory(buf_text(&last), names[k])))
                error = make_parents(names[k], fixed < strlen(names[k]) ? fixed : 0);
            if (error && error != ENAMETOOLONG) /* a name that is too long fails by itself */
                status = message_fail(b->config, LEAT_EIO, "each: cannot make the directory %s: %s",
                                      leat_show(names ? names[k] : "", shown, sizeof shown),
                                      strerror(error));
            last.n = 0;
            if (names)
                buf_add(&last, "%s", names[k]);
            batch_outputs_free(b, names);
        }
    }
    buf_free(&last);
    return status;
}

/* --- confinement ------------------------------------------------------------------------------ */

enum { ALLOW_READ = 1, ALLOW_CHANGE = 2 };

/* Allow the directory of the path, unless it is that of the last one. */
static int allow_directory(struct leat_confinement *list, const char *path, unsigned what,
                           struct buf *last)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    int r = 0;

    if (last->n == n + 1 && memcmp(last->data, path, n) == 0)
        return 0;
    last->n = 0;
    buf_bytes(last, path, n);
    buf_bytes(last, ".", 1);
    if (last->failed)
        return LEAT_ENOMEM;
    if (what & ALLOW_READ)
        r = leat_confinement_allow(list, buf_text(last), LEAT_ACCESS_READ);
    last->data[n] = 'x'; /* of an output: its directory is found by a name in it */
    if (r == 0 && (what & ALLOW_CHANGE))
        r = leat_confinement_allow(list, buf_text(last), LEAT_ACCESS_OUTPUT);
    return r;
}

static int allow_all(const struct batch *b, struct leat_confinement *list)
{
    bool looks = b->options->remove_source || b->options->keep_times || b->options->keep_mode;
    unsigned input = ALLOW_READ | (b->options->remove_source ? ALLOW_CHANGE : 0);
    unsigned output = ALLOW_CHANGE | (looks ? ALLOW_READ : 0);
    struct buf in = {.n = 0}, *out = calloc(b->n_outputs + 1, sizeof *out);
    int r = out ? 0 : LEAT_ENOMEM;

    for (size_t i = 0; r == 0 && i < b->inputs.n; i++) {
        char **names;

        if (input_has_problem(&b->inputs.v[i]))
            continue;
        names = batch_outputs(b, i);
        r = names ? 0 : LEAT_ENOMEM;
        if (r == 0 && !input_is_url(&b->inputs.v[i]))
            r = allow_directory(list, b->inputs.v[i].path, input, &in);
        for (size_t k = 0; r == 0 && k < b->n_outputs; k++)
            r = allow_directory(list, names[k], output, &out[k]);
        batch_outputs_free(b, names);
    }
    if (r == 0 && b->planned) {
        in.n = 0;
        r = allow_directory(list, buf_text(&b->journal_path), ALLOW_READ | ALLOW_CHANGE, &in);
    }
    for (size_t k = 0; out && k < b->n_outputs; k++)
        buf_free(&out[k]);
    free(out);
    buf_free(&in);
    return r;
}

/* The needs of stages that depend on no input, such as a dictionary or the network. */
static int allow_sample(const struct batch *b, struct leat_confinement *list)
{
    struct leat_pipeline *pipeline = batch_sample(b);
    int r = pipeline ? 0 : LEAT_ENOMEM;

    if (r == 0)
        r = leat_confinement_add(list, pipeline);
    leat_pipeline_unref(pipeline);
    return r;
}

/* The needs of the source of a URL. */
static int allow_url(const struct batch *b, struct leat_confinement *list)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;
    size_t i = 0;
    int r;

    while (i < b->inputs.n &&
           (!input_is_url(&b->inputs.v[i]) || input_has_problem(&b->inputs.v[i])))
        i++;
    if (i == b->inputs.n)
        return 0;
    r = batch_build(b, i, &b->config->settings, NULL, NULL, &pipeline, &error);
    if (r == 0)
        r = leat_confinement_add(list, pipeline);
    leat_pipeline_unref(pipeline);
    return r == LEAT_ENOMEM ? r : 0; /* a pipeline that cannot be built fails when it is to run */
}

int batch_confine(const struct batch *b)
{
    const struct config *c = b->config;
    unsigned required =
        c->sandbox == SANDBOX_REQUIRE ? LEAT_CONFINED_FILES | LEAT_CONFINED_CALLS : 0;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_confinement *list;
    int r;

    if (c->sandbox == SANDBOX_OFF)
        return 0;
    list = sandbox_list(c, NULL, 0, NULL);
    r = list ? allow_sample(b, list) : LEAT_ENOMEM;
    if (r == 0)
        r = allow_url(b, list);
    if (r == 0)
        r = allow_all(b, list);
    if (r == 0)
        r = leat_confine(list, required, NULL, &error);
    leat_confinement_free(list);
    if (r == LEAT_ENOMEM)
        return message_fail(c, r, "out of memory");
    return r < 0 ? message_fail(c, r, "--sandbox=require: %s", error.text) : 0;
}
