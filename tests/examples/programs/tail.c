/* tail.c - an example: lines of a growing log that match a pattern go to a callback. SIGINT ends it.
 *
 *     tail LOG PATTERN
 */
#include <leat/leat.h>
#include <uv.h>

static struct leat_pull_end *pull;
static uv_signal_t interrupt;
static struct leat_pipeline *pipeline;
static int status;

/* Called once after each LEAT_EAGAIN, on the loop's thread. */
static void ready(void *user)
{
    const void *data;
    ssize_t n;

    (void)user;
    while ((n = leat_end_peek(pull, &data)) > 0) {
        printf("%.*s", (int)n, (const char *)data); /* whole lines: grep ends each piece with one */
        fflush(stdout);
        (void)leat_end_take(pull, (size_t)n);
    }
}

static void done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    (void)arg;
    if (error && error->code != LEAT_ECANCELLED) {
        fprintf(stderr, "tail: %s: %s\n", error->stage_name, error->text);
        status = leat_exit_status(error->code);
    }
    leat_pipeline_unref(p);
    uv_close((uv_handle_t *)&interrupt, NULL);
}

static void on_interrupt(uv_signal_t *handle, int number)
{
    (void)handle, (void)number;
    leat_pipeline_cancel(pipeline, LEAT_ECANCELLED, NULL);
}

static int build(const char *log, const char *pattern, const struct leat_settings *settings,
                 struct leat_pipeline **ret_pipeline)
{
    const struct leat_end_settings end = {sizeof end, 0, 0, ready, NULL};
    const char *const tail[] = {"tail", "-n", "+1", "-F", "--", log, NULL};
    const char *const grep[] = {"--", pattern, NULL};
    struct leat_builder *b = leat_builder_new(NULL);
    int r;

    (void)leat_builder_stage(b, "exec", tail); /* finish tells of all failures */
    (void)leat_builder_stage(b, "grep", grep);
    (void)leat_builder_pull(b, &end, &pull);
    r = leat_builder_finish(b, settings, ret_pipeline, NULL);
    leat_builder_free(b);
    return r;
}

int main(int argc, char **argv)
{
    static struct leat_settings settings = LEAT_INIT(leat_settings);
    uv_loop_t *loop = uv_default_loop();

    if (argc != 3 || leat_context_new(NULL, &settings.context) < 0 ||
        leat_context_attach(settings.context, loop) < 0 || uv_signal_init(loop, &interrupt) < 0 ||
        uv_signal_start(&interrupt, on_interrupt, SIGINT) < 0 ||
        build(argv[1], argv[2], &settings, &pipeline) < 0 ||
        leat_pipeline_start(pipeline, NULL, done, NULL) < 0)
        return 2;
    ready(NULL); /* the first refusal */
    uv_run(loop, UV_RUN_DEFAULT);
    leat_context_detach(settings.context);
    uv_run(loop, UV_RUN_DEFAULT); /* closes the handle */
    leat_context_unref(settings.context);
    return status;
}
