/* explain.c - leat explain: shows a pipeline and how it would run; opens no input or output. */

#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

/* The list of what --sandbox would allow. NULL: out of memory. */
static char *sandbox_text(const struct config *c, const struct job *job)
{
    struct leat_confinement *list =
        c->sandbox == SANDBOX_OFF ? NULL : sandbox_list(c, job->pipeline, 0, NULL);
    char *text = c->sandbox == SANDBOX_OFF ? strdup("sandbox: off\n") : leat_confinement_text(list);

    leat_confinement_free(list);
    return text;
}

int explain_main(const struct config *c, int argc, char **argv)
{
    struct job job = {.text = NULL};
    struct buf out = {.n = 0};
    char *text = NULL, *explained = NULL, *sandbox = NULL;
    int status;

    if (argc == 0 && !c->file)
        return message_fail(
            c, LEAT_EUSAGE,
            "explain: the pipeline is missing; usage: leat explain STAGE [: STAGE]...");
    status = job_open(&job, c, argc, argv);
    if (status != 0)
        goto out;
    if (c->dot) {
        if (graph_dot(&out, &job) < 0)
            out.failed = true;
        status = out_write(&out);
        goto out;
    }
    text = leat_pipeline_text(job.pipeline);
    explained = leat_pipeline_explain(job.pipeline);
    sandbox = sandbox_text(c, &job);
    if (!text || !explained || !sandbox) {
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
        goto out;
    }
    if (c->json) {
        buf_add(&out, "{\"text\":");
        buf_json(&out, text);
        buf_add(&out, ",\"explain\":");
        buf_json(&out, explained);
        buf_add(&out, ",\"sandbox\":");
        buf_json(&out, sandbox);
        buf_add(&out, "}\n");
    } else {
        buf_add(&out, "%s\n%s%s", text, explained, sandbox);
        if (graph_draw(&out, &job, c->err.utf8) < 0)
            out.failed = true;
    }
    status = out_write(&out);
out:
    buf_free(&out);
    free(sandbox);
    free(explained);
    free(text);
    job_close(&job);
    return status;
}
