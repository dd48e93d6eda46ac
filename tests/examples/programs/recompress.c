/* recompress.c - an example: recompress a file, with a line of progress. SIGINT takes everything back.
 *
 *     recompress IN.gz OUT.zst
 */
#include <leat/leat.h>
#include <signal.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static int report(const struct leat_error *error)
{
    char line[1024];

    leat_error_format(error, line, sizeof line);
    fprintf(stderr, "recompress: %s\n", line);
    return leat_exit_status(error->code);
}

/* With a builder, names need no quoting. */
static int build(struct leat_builder *b, const char *in, const char *out,
                 const struct leat_settings *settings, struct leat_pipeline **ret_pipeline,
                 struct leat_error *ret_error)
{
    const char *const source[] = {"--", in, NULL}, *const sink[] = {"--", out, NULL};

    (void)leat_builder_stage(b, "read", source); /* finish tells of all failures */
    (void)leat_builder_text(b, "gunzip : zstd -3", NULL);
    (void)leat_builder_stage(b, "write", sink);
    return leat_builder_finish(b, settings, ret_pipeline, ret_error);
}

/* Returns the outcome. */
static int watch(struct leat_pipeline *pipeline)
{
    struct leat_stats s = LEAT_INIT(leat_stats);
    int r;

    while ((r = leat_pipeline_wait(pipeline, 100)) == LEAT_RUNNING) {
        leat_pipeline_stats(pipeline, &s);
        if (s.source_total > 0)
            fprintf(stderr, "\r%3.0f %%", 100.0 * (double)s.source_pos / (double)s.source_total);
        if (interrupted)
            leat_pipeline_cancel(pipeline, LEAT_ECANCELLED, "interrupted");
    }
    fputc('\n', stderr);
    return r;
}

int main(int argc, char **argv)
{
    static struct leat_settings settings = LEAT_INIT(leat_settings); /* all zero: the defaults */
    struct leat_builder *b = leat_builder_new(NULL);
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    int status = 2;

    if (argc != 3 || signal(SIGINT, on_signal) == SIG_ERR ||
        leat_context_new(NULL, &settings.context) < 0)
        return status;
    if (build(b, argv[1], argv[2], &settings, &pipeline, &error) < 0)
        status = report(&error);
    else if (leat_pipeline_start(pipeline, NULL, NULL, NULL) < 0 || watch(pipeline) < 0)
        status = report(leat_pipeline_error(pipeline));
    else
        status = 0;
    leat_pipeline_unref(pipeline);
    leat_builder_free(b);
    leat_context_unref(settings.context);
    return status;
}
