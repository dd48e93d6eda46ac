/* watch.c - what is kept about a run besides its progress, and written when it is over: the report.
 * It is written when the run fails too; that is when it is wanted.
 */

#include <string.h>

#include "cmd.h"

int watch_begin(struct watch *w, const struct config *c, const struct job *job)
{
    *w = (struct watch){.config = c, .job = job};
    if (!c->report)
        return 0;
    if (samples_init(&w->samples, job) < 0)
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    return outfile_check(c, "--report", c->report, REPORT_MARK);
}

unsigned watch_interval_ms(const struct watch *w)
{
    return w->config->report ? SAMPLES_INTERVAL_MS : 0;
}

void watch_tick(struct watch *w)
{
    samples_tick(&w->samples);
}

static int write_report(struct watch *w, const struct leat_error *error)
{
    struct buf page = {.n = 0};
    int status;

    samples_end(&w->samples);
    (void)report_page(&page, w->config, w->job, &w->samples, error); /* seen when it is written */
    status = outfile_write(w->config, w->config->report, &page);
    buf_free(&page);
    return status;
}

int watch_end(struct watch *w, const struct leat_error *error)
{
    int status = 0;

    if (w->config->report && w->samples.v)
        status = write_report(w, error);
    watch_done(w);
    return status;
}

void watch_done(struct watch *w)
{
    samples_done(&w->samples);
}
