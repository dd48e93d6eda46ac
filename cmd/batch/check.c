/* check.c - the plan of a batch before its first byte: the pipeline of an input, the names of its outputs, and what is
 * refused.
 *
 * The outputs of an input come from templates: the words of the pipeline that name an output when it is built for a sample
 * input. A million names are thus checked without a million pipelines.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "batch.h"

#define SAMPLE "sample-of-an-input.leat"
#define SAMPLE_HOST "https://sample.invalid/"

/* --- the pipeline of an input ------------------------------------------------------------------- */

static struct place_values values_of(const struct batch *b, size_t i)
{
    const struct input *input = &b->inputs.v[i];
    const char *file = input_is_url(input) ? input->extra->file : NULL;

    return (struct place_values){.path = file ? file : input->path,
                                 .rel = file ? file : input->path + input->rel,
                                 .address = file ? input_address(input) : NULL,
                                 .n = input->number ? input->number : i + 1,
                                 .shard = input->shard};
}

static char *fill(void *arg, const char *word)
{
    return template_fill(word, arg);
}

char *batch_fill(const struct batch *b, size_t input, const char *word)
{
    struct place_values values = values_of(b, input);

    return template_fill(word, &values);
}

static int append_digest(struct leat_builder *b, const char *sha256)
{
    char expect[80];
    const char *const args[] = {expect, NULL};

    (void)snprintf(expect, sizeof expect, "--expect=%.64s", sha256);
    return leat_builder_stage(b, "sha256", args);
}

/* `read` of the whole pipeline of the input, or its first stage, then the check of its digest, then the rest. */
static int append_all(const struct batch *batch, struct leat_builder *b,
                      struct place_values *values, const struct input *input)
{
    struct pieces first = {.v = batch->pieces.v, .n = 1};
    struct pieces rest = {.v = batch->pieces.v + 1, .n = batch->pieces.n - 1};
    int r = input && input->length > 0 ? range_append(batch, b, input, fill, values)
                                       : pieces_append(&first, b, fill, values);

    if (r == 0 && input && input->sha256)
        r = append_digest(b, input->sha256);
    return r == 0 ? pieces_append(&rest, b, fill, values) : r;
}

static int build(const struct batch *batch, struct place_values *values, const struct input *input,
                 const struct leat_settings *settings, const struct leat_end_settings *end,
                 struct leat_pull_end **ret_pull, struct leat_pipeline **ret_pipeline,
                 struct leat_error *ret_error)
{
    struct leat_builder *b = leat_builder_new(batch->registry);
    int r = b ? append_all(batch, b, values, input) : LEAT_ENOMEM;

    if (r == 0 && end)
        r = leat_builder_pull(b, end, ret_pull);
    if (r == 0)
        r = leat_builder_finish(b, settings, ret_pipeline, ret_error);
    leat_builder_free(b);
    if (r < 0 && ret_error->code == 0)
        ret_error->code = r;
    if (r < 0 && ret_error->text[0] == '\0')
        (void)snprintf(ret_error->text, sizeof ret_error->text, "%s", leat_strerror(r));
    return r;
}

int batch_build(const struct batch *batch, size_t input, const struct leat_settings *settings,
                const struct leat_end_settings *end, struct leat_pull_end **ret_pull,
                struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct place_values values = values_of(batch, input);

    return build(batch, &values, &batch->inputs.v[input], settings, end, ret_pull, ret_pipeline,
                 ret_error);
}

/* --- the words -------------------------------------------------------------------------------- */

static const struct leat_stage_type *type_of(const struct batch *b, size_t piece)
{
    const struct piece *p = &b->pieces.v[piece];

    return p->kind == PIECE_STAGE ? leat_registry_find(b->registry, p->words[0]) : NULL;
}

/* The canonical text of one operand, which is text as for leat itself. NULL after a message. */
static char *canonical(const struct batch *b, int *ret_status)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct origin origin = {.text = b->options->words[0]};
    struct leat_pipeline *pipeline = NULL;
    char *text = NULL;
    int r =
        leat_pipeline_from_text(b->registry, origin.text, &b->config->settings, &pipeline, &error);

    *ret_status = leat_exit_status(r);
    if (r < 0) {
        error.code = error.code ? error.code : r;
        message_error(b->config, &error, &origin, *ret_status);
        return NULL;
    }
    text = leat_pipeline_text(pipeline);
    leat_pipeline_unref(pipeline);
    if (!text)
        *ret_status = message_fail(b->config, LEAT_ENOMEM, "out of memory");
    return text;
}

/* The pieces of several words, whose stages the sample checks; the name of a stage may be a place. */
static int read_several(struct batch *b)
{
    const struct each_options *o = b->options;
    int r = pieces_of_words(&b->pieces, o->n_words, o->words);

    if (r == LEAT_EUSAGE)
        return message_fail(
            b->config, r,
            "each: a stage is missing before or after a joiner, : or |, of the pipeline");
    return r < 0 ? message_fail(b->config, r, "out of memory") : 0;
}

static int read_words(struct batch *b)
{
    int status, r = 0;
    char *text;

    if (b->plan.pipeline) /* it was checked when it was planned */
        return pieces_of_text(&b->pieces, b->plan.pipeline) < 0
                   ? message_fail(b->config, LEAT_ENOMEM, "out of memory")
                   : 0;
    if (b->options->n_words > 1)
        return read_several(b);
    text = canonical(b, &status);
    if (!text)
        return status;
    if (strstr(text, ":***@") && !strstr(b->options->words[0], ":***@"))
        r = LEAT_EUSAGE;
    else
        r = pieces_of_text(&b->pieces, text);
    free(text);
    if (r == LEAT_EUSAGE)
        return message_fail(
            b->config, r,
            "each: the password of a URL cannot be in a quoted pipeline; give the pipeline as words, "
            "or the password in ~/.netrc");
    return r < 0 ? message_fail(b->config, r, "out of memory") : 0;
}

static int check_places(const struct batch *b, bool *ret_any)
{
    for (size_t i = 0; i < b->pieces.n; i++) {
        for (char **w = b->pieces.v[i].words; w && *w; w++) {
            size_t n;
            const char *bad = template_bad(*w, &n);

            *ret_any = *ret_any || template_has(*w);
            if (bad)
                return message_fail(
                    b->config, LEAT_EUSAGE,
                    "each: %.*s is no part of an input's name; there are {} {.} {/} {//} {/.} {path} "
                    "{dir} {base} {stem} {stem2} {ext} {rel} {n} {shard} {plain} {decoder}, and {%.*s} stands "
                    "for %.*s itself",
                    (int)n, bad, (int)n, bad, (int)n, bad);
        }
    }
    return 0;
}

/* The pipeline begins with `read {}` if it begins with no source. */
static int add_read(struct batch *b)
{
    char *const words[] = {(char[]){"read"}, (char[]){"--"}, (char[]){"{}"}};
    struct pieces read = {.n = 0};
    struct piece *more;

    if (pieces_of_words(&read, 3, words) < 0)
        goto fail;
    more = realloc(b->pieces.v, (b->pieces.n + 1) * sizeof *more);
    if (!more)
        goto fail;
    b->pieces.v = more;
    memmove(more + 1, more, b->pieces.n * sizeof *more);
    more[0] = read.v[0];
    b->pieces.n++;
    free(read.v);
    return 0;
fail:
    pieces_done(&read);
    return message_fail(b->config, LEAT_ENOMEM, "out of memory");
}

/* --- templates of outputs --------------------------------------------------------------------- */

static int add_template(struct batch *b, const char *text)
{
    struct buf *more = realloc(b->outputs, (b->n_outputs + 1) * sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    b->outputs = more;
    more[b->n_outputs] = (struct buf){.n = 0};
    buf_add(&more[b->n_outputs], "%s", text);
    return more[b->n_outputs++].failed ? LEAT_ENOMEM : 0;
}

static bool makes(const char *template, struct place_values *values, const char *path)
{
    char *filled = template_fill(template, values);
    bool same = filled && strcmp(filled, path) == 0;

    free(filled);
    return same;
}

/* The word of the pipeline, or its value after =, that makes these paths of the samples. */
static int find_template(struct batch *b, struct place_values samples[2], const char *path,
                         const char *other)
{
    for (size_t i = 0; i < b->pieces.n; i++) {
        for (char **w = b->pieces.v[i].words; w && *w; w++) {
            const char *value = **w == '-' ? strchr(*w, '=') : NULL;
            const char *text = value ? value + 1 : *w;

            if (makes(text, &samples[0], path) && makes(text, &samples[1], other))
                return add_template(b, text);
        }
    }
    return add_template(b, path); /* it depends on no input */
}

static bool is_output(enum leat_access kind)
{
    return kind == LEAT_ACCESS_OUTPUT || kind == LEAT_ACCESS_NEW_TREE || kind == LEAT_ACCESS_TREE;
}

/* The pipeline of a sample; NULL after a message. */
static struct leat_pipeline *build_sample(const struct batch *b, struct place_values *values,
                                          int *ret_status)
{
    const struct origin origin = {.name = NULL};
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;
    int r = build(b, values, NULL, &b->config->settings, NULL, NULL, &pipeline, &error);

    *ret_status = leat_exit_status(r);
    if (r < 0)
        message_error(b->config, &error, &origin, *ret_status);
    return pipeline;
}

/* The address of a sample, which is its path, or after the host a URL for a pipeline that begins with get. */
static const char *address_of(const struct batch *b, const char *address)
{
    const struct piece *first = b->pieces.v;
    bool gets =
        b->pieces.n > 0 && first->kind == PIECE_STAGE && strcmp(first->words[0], "get") == 0;

    return address + (gets ? 0 : strlen(SAMPLE_HOST));
}

/* Build the pipeline for samples: is it valid, and which of its words are outputs? No two places are the same for both
 * samples. */
static int look_at_samples(struct batch *b)
{
    struct place_values values[2] = {
        {.path = "sample/dir/an.input.tar.gz",
         .rel = "dir/an.input.tar.gz",
         .address = address_of(b, SAMPLE_HOST "sample/dir/an.input.tar.gz"),
         .n = 7,
         .shard = 5},
        {.path = "sample/dir/an.input.leat",
         .rel = "dir/an.input.leat",
         .address = address_of(b, SAMPLE_HOST "sample/dir/an.input.leat"),
         .n = 7,
         .shard = 5}};
    struct leat_pipeline *pipeline, *other = NULL;
    const char *path, *path_of_other;
    enum leat_access kind, same;
    int status, r = 0;

    pipeline = build_sample(b, &values[0], &status);
    if (pipeline)
        other = build_sample(b, &values[1], &status);
    for (size_t i = 0; other && r == 0 && leat_pipeline_access(pipeline, i, &kind, &path) > 0;
         i++) {
        if (!is_output(kind) || strcmp(path, "-") == 0 || strcmp(path, "/dev/null") == 0)
            continue;
        if (leat_pipeline_access(other, i, &same, &path_of_other) <= 0 || same != kind)
            path_of_other = path; /* no stage has other accesses by the name of the input */
        r = find_template(b, values, path, path_of_other);
    }
    leat_pipeline_unref(pipeline);
    leat_pipeline_unref(other);
    return r < 0 ? message_fail(b->config, LEAT_ENOMEM, "out of memory") : status;
}

static bool has_word(const struct batch *b, const char *word)
{
    for (size_t i = 0; i < b->pieces.n; i++)
        for (char **w = b->pieces.v[i].words; w && *w; w++)
            if (strcmp(*w, word) == 0)
                return true;
    return false;
}

int batch_prepare(struct batch *b)
{
    const struct leat_stage_type *type;
    bool any = false;
    int status = read_words(b);

    if (status == 0)
        status = check_places(b, &any);
    if (status != 0)
        return status;
    type = type_of(b, 0);
    if (type && type->kind != LEAT_SOURCE) {
        status = add_read(b);
        any = true;
    }
    if (status == 0 && !any)
        status = message_fail(
            b->config, LEAT_EUSAGE,
            "each: no word of the pipeline has {}, so it would do the same for each input; "
            "as in: read {} : gunzip : write {.}");
    if (status == 0)
        status = look_at_samples(b);
    type = type_of(b, b->pieces.n - 1);
    b->to_stdout = !type || type->kind != LEAT_SINK;
    pieces_text(&b->text, &b->pieces);
    if (status == 0 && b->text.failed)
        status = message_fail(b->config, LEAT_ENOMEM, "out of memory");
    if (status == 0 && b->options->remove_source && has_word(b, "--no-sync"))
        return message_fail(
            b->config, LEAT_EUSAGE,
            "each: --remove-source needs outputs that are on the disk, so without --no-sync");
    if (status == 0 && b->options->remove_source && (b->n_outputs != 1 || b->to_stdout))
        return message_fail(
            b->config, LEAT_EUSAGE,
            "each: --remove-source needs a pipeline with one output file, which holds the content "
            "of the input");
    if (status == 0 && (b->options->keep_times || b->options->keep_mode) && b->n_outputs == 0)
        return message_fail(b->config, LEAT_EUSAGE, "each: --keep-%s needs an output file",
                            b->options->keep_times ? "times" : "mode");
    return status;
}

/* --- conflicts -------------------------------------------------------------------------------- */

/* A path without ./ and double slashes, in place. */
static void tidy(char *path)
{
    char *to = path;

    for (const char *from = path; *from;) {
        bool at_start = to == path || to[-1] == '/';

        if (at_start && from[0] == '.' && from[1] == '/')
            from += 2;
        else if (at_start && to != path && *from == '/')
            from++;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

char **batch_outputs(const struct batch *b, size_t input)
{
    struct place_values values = values_of(b, input);
    char **names = calloc(b->n_outputs + 1, sizeof *names);

    for (size_t i = 0; names && i < b->n_outputs; i++) {
        names[i] = template_fill(buf_text(&b->outputs[i]), &values);
        if (!names[i]) {
            batch_outputs_free(b, names);
            return NULL;
        }
    }
    return names;
}

void batch_outputs_free(const struct batch *b, char **outputs)
{
    for (size_t i = 0; outputs && i < b->n_outputs; i++)
        free(outputs[i]);
    free(outputs);
}

/* A set of names, by 64 bits of a hash; those that agree in it are compared in full. */
struct name_set {
    uint64_t *hashes;
    uint32_t *owners; /* 1 + the input */
    size_t n_slots;
};

static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h ^ h >> 29;
}

static bool set_init(struct name_set *set, size_t n)
{
    for (set->n_slots = 64; set->n_slots < 2 * n;)
        set->n_slots *= 2;
    set->hashes = calloc(set->n_slots, sizeof *set->hashes);
    set->owners = calloc(set->n_slots, sizeof *set->owners);
    return set->hashes && set->owners;
}

static void set_done(struct name_set *set)
{
    free(set->hashes);
    free(set->owners);
}

/* Is it one of the names of this owner: an output, or with `is_input` its path? */
static bool owns(const struct batch *b, size_t owner, const char *name, bool is_input)
{
    char **names, *path;
    bool found = false;

    if (is_input) {
        path = strdup(b->inputs.v[owner].path);
        if (path)
            tidy(path);
        found = path && strcmp(path, name) == 0;
        free(path);
        return found;
    }
    names = batch_outputs(b, owner);
    for (size_t i = 0; names && i < b->n_outputs && !found; i++) {
        tidy(names[i]);
        found = strcmp(names[i], name) == 0;
    }
    batch_outputs_free(b, names);
    return found;
}

/* The owner of the name, or SIZE_MAX; then it becomes that of `owner`, unless that is SIZE_MAX. */
static size_t set_find(struct name_set *set, const struct batch *b, const char *name,
                       bool of_inputs, size_t owner)
{
    uint64_t h = hash(name);
    size_t i = (size_t)h & (set->n_slots - 1);

    for (; set->owners[i] > 0; i = (i + 1) & (set->n_slots - 1))
        if (set->hashes[i] == h && owns(b, set->owners[i] - 1, name, of_inputs))
            return set->owners[i] - 1;
    if (owner != SIZE_MAX) {
        set->hashes[i] = h;
        set->owners[i] = (uint32_t)owner + 1;
    }
    return SIZE_MAX;
}

int batch_refuse(const struct batch *b, size_t input, size_t other, const char *output,
                 bool is_input)
{
    char shown[3][SHOWN_MAX];
    const char *what = leat_show(output, shown[0], SHOWN_MAX);

    (void)leat_show(b->inputs.v[input].path, shown[1], SHOWN_MAX);
    (void)leat_show(b->inputs.v[other].path, shown[2], SHOWN_MAX);
    if (is_input)
        return message_fail(b->config, LEAT_EUSAGE,
                            "each: the output %s of %s is itself an input; nothing was done", what,
                            shown[1]);
    return message_fail(
        b->config, LEAT_EUSAGE,
        "each: %s and %s have the same output, %s; put more of the name into it, such as {rel} or "
        "{base}; nothing was done",
        shown[2], shown[1], what);
}

static int check_input(struct batch *b, size_t i, struct name_set *inputs, struct name_set *outputs)
{
    char **names = batch_outputs(b, i);
    int status = names ? 0 : message_fail(b->config, LEAT_ENOMEM, "out of memory");

    for (size_t k = 0; status == 0 && k < b->n_outputs; k++) {
        size_t other;

        tidy(names[k]);
        other = set_find(inputs, b, names[k], true, SIZE_MAX);
        if (other != SIZE_MAX)
            status = batch_refuse(b, i, other, names[k], true);
        other = status == 0 ? set_find(outputs, b, names[k], false, i) : SIZE_MAX;
        if (other != SIZE_MAX)
            status = batch_refuse(b, i, other, names[k], false);
    }
    batch_outputs_free(b, names);
    return status;
}

int batch_check(struct batch *b)
{
    struct name_set inputs = {.n_slots = 0}, outputs = {.n_slots = 0};
    int status = 0;

    if (b->n_outputs == 0)
        return 0;
    if (!set_init(&inputs, b->inputs.n) || !set_init(&outputs, b->inputs.n * b->n_outputs))
        status = message_fail(b->config, LEAT_ENOMEM, "out of memory");
    for (size_t i = 0; status == 0 && i < b->inputs.n; i++) {
        char *path = strdup(b->inputs.v[i].path);

        if (path) {
            tidy(path);
            (void)set_find(&inputs, b, path, true, i);
        } else {
            status = message_fail(b->config, LEAT_ENOMEM, "out of memory");
        }
        free(path);
    }
    for (size_t i = 0; status == 0 && i < b->inputs.n; i++)
        if (!input_has_problem(&b->inputs.v[i]))
            status = check_input(b, i, &inputs, &outputs);
    set_done(&inputs);
    set_done(&outputs);
    return status;
}

int batch_dry_run(const struct batch *b)
{
    struct buf text = {.n = 0};
    int status = 0, problem = 0;

    for (size_t i = 0; i < b->inputs.n && status == 0; i++) {
        struct place_values values = values_of(b, i);
        struct leat_error error = LEAT_INIT(leat_error);
        struct leat_pipeline *pipeline = NULL;
        char *canonical;

        if (input_has_problem(&b->inputs.v[i])) {
            problem = tell_problem(b, &b->inputs.v[i]);
            continue;
        }
        if (build(b, &values, &b->inputs.v[i], &b->config->settings, NULL, NULL, &pipeline,
                  &error) < 0) {
            message_error(b->config, &error, NULL, leat_exit_status(error.code));
            status = leat_exit_status(error.code);
            break;
        }
        canonical = leat_pipeline_text(pipeline);
        leat_pipeline_unref(pipeline);
        buf_add(&text, "%s\n", canonical ? canonical : "");
        free(canonical);
        if (text.n > 65536) {
            status = out_write(&text);
            text.n = 0;
        }
    }
    if (status == 0 && text.n > 0)
        status = out_write(&text);
    buf_free(&text);
    return status ? status : problem;
}

struct leat_pipeline *batch_sample(const struct batch *b)
{
    struct place_values values = {
        .path = SAMPLE, .rel = SAMPLE, .address = address_of(b, SAMPLE_HOST SAMPLE), .n = 1};
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;

    (void)build(b, &values, NULL, &b->config->settings, NULL, NULL, &pipeline, &error);
    return pipeline; /* look_at_samples has built it before */
}
