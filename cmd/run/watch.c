/* watch.c - report, trace, metrics and log of a run. They are also written when the run fails. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cmd.h"

/* Thread: any. */
static void on_event(const struct leat_event *event, void *arg)
{
    struct watch *w = arg;

    if (event->kind & LEAT_EVENTS_TRACE) {
        trace_event(&w->trace, event);
        return;
    }
    if (w->otlp)
        otlp_event(w->otlp, event);
    if (w->journal.fd >= 0)
        journal_event(&w->journal, w->job, event);
    else if (w->log_fd >= 0)
        log_event(w->log_fd == STDERR_FILENO ? w->err : &w->log, w->job, event);
}

/* Reserve the file, so that no stage and no other option uses it. Returns 0 or an exit status. */
static int reserve(const struct watch *w, const char *path, const char *option)
{
    int r = leat_pipeline_reserve(w->job->pipeline, path, option);

    if (r == LEAT_EEXIST)
        return message_fail(w->config, LEAT_EUSAGE, "%s: %s and another option name this file",
                            path, option);
    if (r == LEAT_EUSAGE)
        return message_fail(w->config, r, "%s: is the file of %s, too; give that another name",
                            path, option);
    return r < 0 ? message_fail(w->config, r, "%s: %s: %s", option, path, leat_strerror(r)) : 0;
}

/* Is it a regular file that is not a log? Appended lines of JSON would damage it. */
static bool is_other_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat info;
    char first;
    bool other = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                 read(fd, &first, 1) == 1 && first != '{';

    if (fd >= 0)
        (void)close(fd); /* opened only for reading */
    return other;
}

static int open_log(struct watch *w)
{
    const char *path = w->config->log;

    w->kinds |= LEAT_EVENTS_LIFE;
    if (strcmp(path, "-") == 0) {
        w->log_fd = STDERR_FILENO;
        w->err->json = true;
        return 0;
    }
    if (!w->config->settings.force && is_other_file(path))
        return message_fail(
            w->config, LEAT_EEXIST,
            "--log=json:%s: the file exists and is not a log; --force appends to it", path);
    w->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
    if (w->log_fd < 0)
        return message_fail(w->config, LEAT_EIO, "--log=json:%s: %s", path, strerror(errno));
    writer_init(&w->log, w->log_fd);
    w->log.json = true;
    return reserve(w, path, "--log=json");
}

static int open_journal(struct watch *w)
{
    w->kinds |= LEAT_EVENTS_LIFE;
    w->journal.fd = journal_open(w->config->journal);
    return w->journal.fd < 0 ? message_fail(w->config, LEAT_EIO, "--log=journal: %s: %s",
                                            w->config->journal, strerror(errno))
                             : 0;
}

static int begin_file(const struct watch *w, struct outfile *file, const char *option,
                      const char *path, const char *mark)
{
    int status = outfile_begin(file, w->config, option, path, mark);

    return status == 0 && file->inherited < 0 ? reserve(w, path, option) : status;
}

static int begin_metrics(struct watch *w)
{
    int status = metrics_begin(&w->metrics, w->config, w->job);

    return status == 0 ? reserve(w, w->config->metrics, "--metrics") : status;
}

static int begin_otlp(struct watch *w)
{
    w->kinds |= LEAT_EVENTS_LIFE;
    return otlp_new(w->config, w->job, &w->otlp);
}

static int begin_trace(struct watch *w)
{
    int status = begin_file(w, &w->trace_file, "--trace", w->config->trace, TRACE_MARK);

    if (status != 0)
        return status;
    if (trace_begin(&w->trace, w->job) < 0)
        return message_fail(w->config, LEAT_ENOMEM, "out of memory");
    w->traces = true;
    w->kinds |= LEAT_EVENTS_TRACE;
    return 0;
}

int watch_begin(struct watch *w, const struct config *c, const struct job *job, struct writer *err)
{
    int status = 0;

    *w = (struct watch){.config = c, .job = job, .journal.fd = -1, .log_fd = -1, .err = err};
    if (c->report)
        status = begin_file(w, &w->report_file, "--report", c->report, REPORT_MARK);
    if (status == 0 && c->report && samples_init(&w->samples, job) < 0)
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
    if (status == 0 && c->trace)
        status = begin_trace(w);
    if (status == 0 && c->metrics)
        status = begin_metrics(w);
    if (status == 0 && c->otlp)
        status = begin_otlp(w);
    if (status == 0 && c->log)
        status = open_log(w);
    if (status == 0 && c->journal)
        status = open_journal(w);
    if (status == 0 && w->kinds)
        (void)leat_pipeline_watch(job->pipeline, w->kinds, on_event,
                                  w); /* cannot fail: the run has not begun */
    return status;
}

void watch_start(struct watch *w)
{
    if (w->config->metrics)
        metrics_start(&w->metrics);
    if (w->otlp)
        otlp_start(w->otlp);
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
    (void)report_page(&page, w->config, w->job, &w->samples,
                      error); /* outfile_write reports a failure */
    status = outfile_write(&w->report_file, &page);
    buf_free(&page);
    return status;
}

static int write_trace(struct watch *w)
{
    struct leat_error warning = LEAT_INIT(leat_error);
    struct buf page = {.n = 0};
    int status;

    trace_page(&page, &w->trace);
    status = outfile_write(&w->trace_file, &page);
    buf_free(&page);
    snprintf(warning.text, sizeof warning.text,
             "--trace: %llu events from the middle of the run are left out; it keeps %u",
             (unsigned long long)w->trace.dropped, TRACE_EVENTS_MAX);
    if (w->trace.dropped > 0)
        message_warning(w->config, &warning);
    return status;
}

/* A failed write to standard error can only be reported by the exit status. A closed standard error
 * or one without a reader is no error. */
static int end_log(struct watch *w)
{
    int fd = w->log_fd, error = fd > STDERR_FILENO ? writer_done(&w->log) : w->log_error;

    if (fd < 0)
        return 0;
    if ((fd == STDERR_FILENO ? fd_flush(fd) : close(fd)) < 0 && error == 0)
        error = errno;
    w->log_fd = -1;
    if (error == 0)
        return 0;
    if (fd == STDERR_FILENO)
        return stderr_is_unread(error) ? 0 : leat_exit_status(LEAT_EIO);
    return message_fail(w->config, LEAT_EIO, "--log=json:%s: %s", w->config->log, strerror(error));
}

static void end_journal(struct watch *w)
{
    struct leat_error warning = LEAT_INIT(leat_error);
    unsigned long long lost;

    for (size_t i = 0; leat_pipeline_warning(w->job->pipeline, i, &warning) > 0; i++)
        journal_warning(&w->journal, &warning);
    lost = atomic_load(&w->journal.lost);
    warning = (struct leat_error)LEAT_INIT(leat_error);
    snprintf(warning.text, sizeof warning.text,
             "--log=journal: the journal did not take %llu entries", lost);
    if (lost > 0)
        message_warning(w->config, &warning);
}

/* A run may have been refused because the file is one of its inputs: keep the existing file. */
static bool is_kept(const struct watch *w, const struct outfile *file,
                    const struct leat_error *error)
{
    struct leat_error warning = LEAT_INIT(leat_error);

    if (!error || error->code != LEAT_EUSAGE || file->ino == 0)
        return false;
    snprintf(warning.text, sizeof warning.text,
             "%s=%s: the old file is kept, because the run was refused", file->option, file->path);
    message_warning(w->config, &warning);
    return true;
}

int watch_end(struct watch *w, const struct leat_error *error, int status)
{
    const struct config *c = w->config;
    int report = c->report && !is_kept(w, &w->report_file, error) ? write_report(w, error) : 0;
    int trace = c->trace && !is_kept(w, &w->trace_file, error) ? write_trace(w) : 0;
    int metrics =
        c->metrics && !is_kept(w, &w->metrics.file, error) ? metrics_end(&w->metrics, status) : 0;
    int log = end_log(w);

    if (c->journal)
        end_journal(w);
    if (w->otlp)
        otlp_end(w->otlp, status, error);
    watch_done(w);
    return report ? report : trace ? trace : metrics ? metrics : log;
}

void watch_done(struct watch *w)
{
    metrics_done(&w->metrics);
    otlp_free(w->otlp);
    w->otlp = NULL;
    outfile_done(&w->report_file);
    outfile_done(&w->trace_file);
    samples_done(&w->samples);
    if (w->traces)
        trace_done(&w->trace);
    w->traces = false;
    if (w->journal.fd >= 0)
        (void)close(w->journal.fd); /* nothing is buffered */
    w->journal.fd = -1;
    if (w->log_fd > STDERR_FILENO)
        (void)close(w->log_fd); /* the run did not begin */
    w->log_fd = -1;
}
