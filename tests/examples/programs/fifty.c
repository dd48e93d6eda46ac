/* fifty.c - an example: many jobs on one loop. They share two workers and 64 MiB; a job that finds no memory waits.
 *
 *     fifty FILE.gz...      recompresses each to FILE.gz.zst
 */
#include <leat/leat.h>
#include <string.h>
#include <uv.h>

static struct leat_settings settings = LEAT_INIT(leat_settings);
static char **names; /* of the files whose jobs have not started */
static int failed;

static void start_more(void);

static void done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    if (error)
        failed++;
    if (error)
        fprintf(stderr, "fifty: %s: %s\n", (const char *)arg, error->text);
    leat_pipeline_unref(pipeline);
    start_more(); /* there is memory now */
}

static int start(char *name)
{
    const struct leat_variable file = {"file", name};
    struct leat_pipeline *pipeline;
    struct leat_error error = LEAT_INIT(leat_error);
    int r;

    settings.variables = &file;
    settings.n_variables = 1;
    r = leat_pipeline_from_text(NULL, "read -- ${file} : gunzip : zstd -1 : write -- ${file}.zst",
                                &settings, &pipeline, &error);
    if (r < 0) {
        fprintf(stderr, "fifty: %s: %s\n", name, error.text);
        return r;
    }
    r = leat_pipeline_start(pipeline, NULL, done, name);
    if (r < 0)
        leat_pipeline_unref(pipeline);
    return r;
}

static void start_more(void)
{
    int r = 0;

    while (*names && r == 0) {
        r = start(*names);
        if (r != LEAT_ELIMIT) /* else the next `done` tries again */
            names++;
        if (r < 0 && r != LEAT_ELIMIT)
            failed++;
    }
}

int main(int argc, char **argv)
{
    const struct leat_context_settings shared = {sizeof shared, 2, 64 << 20, 0};
    uv_loop_t *loop = uv_default_loop();

    (void)argc;
    names = argv + 1;
    settings.memory = 16 << 20;
    if (leat_context_new(&shared, &settings.context) < 0 ||
        leat_context_attach(settings.context, loop) < 0)
        return 1;
    start_more();
    uv_run(loop, UV_RUN_DEFAULT);
    leat_context_detach(settings.context);
    uv_run(loop, UV_RUN_DEFAULT); /* the handle closes */
    leat_context_unref(settings.context);
    return failed > 0 || uv_loop_close(loop) < 0;
}
