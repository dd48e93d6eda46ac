/* test.c - leat test FILE...: decodes files and reports whether they are intact.
 *
 * Each file gets its own pipeline, `read FILE : decode --strict : null`. As many pipelines run in
 * parallel, in one context, as there are threads: the last files get the threads of those that have ended. A file that needs more than its share of the memory
 * is tested again at the end, alone. Results are written in the order of the files.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "../batch/suffix.h"
#include "../cmd.h"

#define ALL_OPTION "--all"

struct tested {
    struct tests *tests;
    const char *file;
    struct leat_pipeline *pipeline; /* while it runs */
    struct leat_error *error;       /* NULL: intact; valid once `done` */
    bool done, again;
};

struct tests {
    const struct config *config;
    struct leat_registry *registry;
    uv_loop_t loop;
    struct leat_context *context; /* of the files that run at once; NULL: there is one at a time */
    struct tested *files;
    size_t n, next, shown; /* number of files; first one not started; first one without a line */
    size_t n_again, failed;
    unsigned threads, at_once, running;
    bool alone; /* the second round */
    int status; /* exit status of a failed write or a wrong option; 0: none */
    struct leat_error no_memory;
};

/* --- one line --------------------------------------------------------------------------------- */

/* The error text without the file name, which the line already contains. */
static const char *error_text(const struct tested *f)
{
    char shown[SHOWN_MAX];
    size_t n = strlen(leat_show(f->file, shown, sizeof shown));
    const char *text = f->error->text;

    return strncmp(text, shown, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

static void add_line(struct buf *b, const struct config *c, const struct tested *f)
{
    const struct leat_error *e = f->error;

    if (c->json) {
        buf_add(b, "{\"type\":\"test\",\"file\":");
        buf_json(b, f->file);
        buf_add(b, ",\"ok\":%s", e ? "false" : "true");
        if (e) {
            buf_add(b, ",\"code\":\"%s\",\"exit\":%d,\"offset\":", leat_error_name(e->code),
                    leat_exit_status(e->code));
            if (e->has_offset)
                buf_add(b, "%" PRIu64, e->offset);
            else
                buf_add(b, "null");
            buf_add(b, ",\"text\":");
            buf_json(b, e->text);
        }
        buf_add(b, "}\n");
        return;
    }
    buf_shown(b, f->file);
    buf_add(b, ": %s", e ? error_text(f) : "OK");
    if (e && e->has_offset)
        buf_add(b, " (byte %" PRIu64 ")", e->offset);
    buf_add(b, "\n");
}

/* Write the lines of finished files, in order. Intact files go to standard output, errors to
 * standard error; with JSON, all lines go to standard output. */
static void show(struct tests *t)
{
    for (; t->shown < t->n && t->files[t->shown].done && t->status == 0; t->shown++) {
        struct tested *f = &t->files[t->shown];
        struct buf line = {.n = 0};

        add_line(&line, t->config, f);
        if (f->error && !t->config->json)
            (void)message_write(STDERR_FILENO, &line);
        else if (f->error || !t->config->quiet)
            t->status = out_write(&line);
        buf_free(&line);
    }
}

/* --- one file --------------------------------------------------------------------------------- */

static void start_more(struct tests *t);

static void ended(struct tested *f, const struct leat_error *error)
{
    struct tests *t = f->tests;

    leat_pipeline_unref(f->pipeline);
    f->pipeline = NULL;
    if (error && error->code == LEAT_ELIMIT && t->at_once > 1 && !t->alone) {
        f->again = true;
        t->n_again++;
        return;
    }
    f->done = true;
    if (!error)
        return;
    t->failed++;
    f->error = malloc(sizeof *f->error);
    if (!f->error)
        f->error = &t->no_memory;
    else
        *f->error = *error;
    if (!f->error->text[0])
        snprintf(f->error->text, sizeof f->error->text, "%s", leat_strerror(f->error->code));
}

static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct tested *f = arg;
    struct tests *t = f->tests;
    struct leat_error copy = LEAT_INIT(leat_error);

    (void)pipeline;
    if (error)
        copy = *error;
    t->running--;
    ended(f, error ? &copy : NULL);
    show(t);
    start_more(t);
}

static int add_stages(struct leat_builder *b, const struct tests *t, const char *file)
{
    const char *const operand[] = {"--", file, NULL}, *const none[] = {NULL};
    const char *const strict[] = {"--strict", t->config->test_all, NULL}, *const all[] = {
                                                                              t->config->test_all,
                                                                              NULL};
    const char *stage = suffix_unsigned(file);
    int r = leat_builder_stage(b, "read", strcmp(file, "-") == 0 ? operand + 1 : operand);

    if (r == 0)
        r = stage ? leat_builder_stage(b, stage, none) : leat_builder_stage(b, "decode", strict);
    if (r == 0 && stage && t->config->test_all)
        r = leat_builder_stage(b, "decode", all);
    return r == 0 ? leat_builder_stage(b, "null", none) : r;
}

/* The share of threads and memory of one file; all of them if it runs alone. */
static struct leat_settings share(const struct tests *t)
{
    struct leat_settings s = t->config->settings;

    if (!t->context)
        return s;
    s.context = t->context;
    s.threads = 0;
    s.executor = LEAT_EXECUTOR_AUTO;
    s.memory = (s.memory ? s.memory : LEAT_MEMORY_DEFAULT) / t->at_once;
    if (s.memory < LEAT_MEMORY_MIN)
        s.memory = LEAT_MEMORY_MIN;
    return s;
}

static void start(struct tested *f)
{
    struct tests *t = f->tests;
    struct leat_error error = {.size = sizeof error, .code = LEAT_ENOMEM};
    struct leat_settings settings = share(t);
    struct leat_builder *b = leat_builder_new(t->registry);
    int r = b ? add_stages(b, t, f->file) : LEAT_ENOMEM;

    if (r == 0)
        r = leat_builder_finish(b, &settings, &f->pipeline, &error);
    leat_builder_free(b);
    if (r == 0) {
        r = leat_pipeline_start(f->pipeline, t->context ? NULL : &t->loop, on_done, f);
        error = (struct leat_error){.size = sizeof error, .code = r};
    }
    if (r == 0)
        t->running++;
    else if (r == LEAT_EUSAGE) /* an error of the options, not of the file */
        t->status = message_fail(t->config, r, "%s", error.text);
    else
        ended(f, &error);
}

static void start_more(struct tests *t)
{
    for (; t->next < t->n && t->running < (t->alone ? 1 : t->at_once) && t->status == 0; t->next++)
        if (!t->alone || t->files[t->next].again)
            start(&t->files[t->next]);
    show(t);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int begin_context(struct tests *t)
{
    const struct leat_context_settings settings = {.size = sizeof settings, .threads = t->threads};
    int r = t->at_once > 1 ? leat_context_new(&settings, &t->context) : 0;

    if (r == 0 && t->context)
        r = leat_context_drive(t->context, &t->loop);
    return r < 0 ? message_fail(t->config, r, "cannot begin the test: %s", leat_strerror(r)) : 0;
}

static void end_context(struct tests *t)
{
    leat_context_detach(t->context);
    leat_context_unref(t->context);
    t->context = NULL;
    (void)uv_run(&t->loop, UV_RUN_DEFAULT); /* its handle is closed */
}

static int run_rounds(struct tests *t, char *const *files)
{
    int status = sandbox_enter(t->config, NULL, t->n, files);

    if (status == 0)
        status = loop_init(t->config, &t->loop);
    if (status != 0)
        return status;
    status = begin_context(t);
    if (status == 0)
        start_more(t);
    loop_run(&t->loop);
    end_context(t);
    if (status != 0) {
        loop_done(&t->loop);
        return status;
    }
    if (t->n_again > 0) {
        t->alone = true;
        t->next = 0;
        start_more(t);
        loop_run(&t->loop);
    }
    loop_done(&t->loop);
    if (t->status != 0)
        return t->status;
    if (t->failed == 0)
        return 0;
    return leat_exit_status(t->n == 1 ? t->files[0].error->code : LEAT_EBATCH);
}

bool test_option(struct config *c, const char *word)
{
    size_t n = strlen(ALL_OPTION);

    if (strcmp(word, "-a") != 0 &&
        (strncmp(word, ALL_OPTION, n) != 0 || (word[n] != '\0' && word[n] != '=')))
        return false;
    c->test_all = word;
    return true;
}

const char *run_only_option(const struct config *c)
{
    if (c->stats)
        return "stats";
    if (c->settings.sums)
        return "sums";
    return c->report              ? "report"
           : c->trace             ? "trace"
           : c->metrics           ? "metrics"
           : c->otlp              ? "otlp"
           : c->log || c->journal ? "log"
                                  : NULL;
}

int test_main(const struct config *c, int argc, char **argv)
{
    const char *unwanted = run_only_option(c);
    struct tests t = {.config = c, .no_memory = {.size = sizeof t.no_memory, .code = LEAT_ENOMEM}};
    int status;

    if (unwanted)
        return message_fail(c, LEAT_EUSAGE, "leat test has no option --%s", unwanted);
    if (argc == 0)
        return message_fail(c, LEAT_EUSAGE, "test: the file is missing; usage: leat test FILE...");
    t.n = (size_t)argc;
    t.threads = c->settings.threads ? c->settings.threads : uv_available_parallelism();
    t.at_once = t.n < t.threads ? (unsigned)t.n : t.threads;
    if (c->settings.executor == LEAT_EXECUTOR_SEEDED)
        t.at_once = 1;
    t.registry = registry_open(c, &status);
    if (!t.registry)
        return status;
    t.files = calloc(t.n, sizeof *t.files);
    if (!t.files) {
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
    } else {
        for (size_t i = 0; i < t.n; i++)
            t.files[i] = (struct tested){.tests = &t, .file = argv[i]};
        status = run_rounds(&t, argv);
        for (size_t i = 0; i < t.n; i++)
            if (t.files[i].error != &t.no_memory)
                free(t.files[i].error);
    }
    free(t.files);
    leat_registry_free(t.registry);
    return status;
}
