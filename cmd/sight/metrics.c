/* metrics.c - --metrics: the figures of a run as a file in the text format of Prometheus.
 *
 * The file is for the textfile collector of node_exporter: it is replaced as a whole, while the job runs and at its end, and
 * keeps the time of the last success over runs that fail. A file system that hangs must not hold up the run, so
 * a thread writes it. Each metric has the label `job_name`, because the collector reads the files of several jobs and refuses
 * two metrics with the same labels.
 *
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../cmd.h"

#define SUFFIX ".prom"
#define INTERVAL_S 5
#define LAST_SUCCESS "leat_last_success_timestamp_seconds"

struct page {
    struct buf *out;
    const struct metrics *metrics;
    bool
        is_second; /* the stage is the second half of one such as `exec` in the middle: the one that gives */
};

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static double wall_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- one metric ------------------------------------------------------------------------------- */

/* The value of a label: UTF-8, with escapes for the quote, the backslash and the newline. */
static void add_label(struct buf *b, const char *name, const char *text)
{
    char shown[512];

    leat_show(text, shown, sizeof shown);
    buf_add(b, "%s=\"", name);
    for (const char *at = shown; *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_add(b, "\\");
        buf_bytes(b, at, 1);
    }
    buf_add(b, "\"");
}

static void add_head(const struct page *p, const char *name, const char *type, const char *help)
{
    buf_add(p->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A metric of a stage (NULL: of the run), up to its value. `more` is a further label, or "". */
static void add_name(const struct page *p, const char *name, const struct leat_stage_stats *stage,
                     const char *more)
{
    buf_add(p->out, "%s{", name);
    add_label(p->out, "job_name", p->metrics->job_name);
    if (stage) {
        buf_add(p->out, ",stage=\"%d\",", stage->number);
        add_label(p->out, "name", stage->name);
        if (p->is_second)
            buf_add(p->out, ",half=\"2\"");
    }
    buf_add(p->out, "%s%s} ", *more ? "," : "", more);
}

static void add_count(const struct page *p, const char *name, const struct leat_stage_stats *stage,
                      uint64_t value)
{
    add_name(p, name, stage, "");
    buf_add(p->out, "%" PRIu64 "\n", value);
}

static void add_seconds(const struct page *p, const char *name,
                        const struct leat_stage_stats *stage, const char *more, double value)
{
    add_name(p, name, stage, more);
    buf_add(p->out, "%.6f\n", value);
}

static void add_run_count(const struct page *p, const char *name, const char *type,
                          const char *help, uint64_t value)
{
    add_head(p, name, type, help);
    add_count(p, name, NULL, value);
}

static void add_run_seconds(const struct page *p, const char *name, const char *type,
                            const char *help, double value)
{
    add_head(p, name, type, help);
    add_seconds(p, name, NULL, "", value);
}

/* --- the stages ------------------------------------------------------------------------------- */

typedef void (*stage_value)(const struct page *, const char *name, const struct job *,
                            const struct leat_stage_stats *);

static void bytes_in(const struct page *p, const char *name, const struct job *job,
                     const struct leat_stage_stats *s)
{
    (void)job;
    add_count(p, name, s, s->bytes_in);
}

static void bytes_out(const struct page *p, const char *name, const struct job *job,
                      const struct leat_stage_stats *s)
{
    (void)job;
    add_count(p, name, s, s->bytes_out);
}

static void bytes_dropped(const struct page *p, const char *name, const struct job *job,
                          const struct leat_stage_stats *s)
{
    (void)job;
    add_count(p, name, s, s->bytes_dropped);
}

static void busy(const struct page *p, const char *name, const struct job *job,
                 const struct leat_stage_stats *s)
{
    (void)job;
    add_seconds(p, name, s, "", seconds(s->busy_ns));
}

static void waits(const struct page *p, const char *name, const struct job *job,
                  const struct leat_stage_stats *s)
{
    (void)job;
    add_seconds(p, name, s, "waits_for=\"input\"", seconds(s->wait_in_ns));
    add_seconds(p, name, s, "waits_for=\"room\"", seconds(s->wait_out_ns));
}

static void cpu(const struct page *p, const char *name, const struct job *job,
                const struct leat_stage_stats *s)
{
    add_seconds(p, name, s, "", seconds(stats_cpu_ns(job, s)));
}

static void lanes(const struct page *p, const char *name, const struct job *job,
                  const struct leat_stage_stats *s)
{
    (void)job;
    add_count(p, name, s, s->workers);
}

static const struct {
    const char *name, *type, *help;
    stage_value add;
} stage_metrics[] = {
    {"leat_stage_in_bytes_total", "counter", "Bytes that the stage has read.", bytes_in},
    {"leat_stage_out_bytes_total", "counter", "Bytes that the stage has handed on.", bytes_out},
    {"leat_stage_dropped_bytes_total", "counter", "Bytes that slow branches have lost.",
     bytes_dropped},
    {"leat_stage_busy_seconds_total", "counter", "Time in the stage, of all of its lanes.", busy},
    {"leat_stage_wait_seconds_total", "counter",
     "Time that the stage waited for input or for room, of all of its lanes.", waits},
    {"leat_stage_cpu_seconds_total", "counter", "Processor time of the stage.", cpu},
    {"leat_stage_lanes", "gauge", "Lanes that the stage runs in.", lanes},
};

static void add_stages(const struct page *p, const struct leat_stats *stats)
{
    for (size_t m = 0; m < sizeof stage_metrics / sizeof *stage_metrics; m++) {
        add_head(p, stage_metrics[m].name, stage_metrics[m].type, stage_metrics[m].help);
        int before = 0;

        for (size_t i = 0; i < stats->n_stages; i++) {
            struct page page = *p;
            struct leat_stage_stats s;

            stats_stage(p->metrics->job, i, &s);
            page.is_second = s.number == before;
            if (s.number > 0)
                stage_metrics[m].add(&page, stage_metrics[m].name, p->metrics->job, &s);
            before = s.number;
        }
    }
}

static void add_bottleneck(const struct page *p)
{
    struct bottleneck b;

    bottleneck_get(p->metrics->job, &b);
    if (!b.found || b.stage.number == 0)
        return;
    add_head(p, "leat_bottleneck_ratio", "gauge",
             "The stage that limits the throughput: its part of the time, from 0 to 1.");
    add_seconds(p, "leat_bottleneck_ratio", &b.stage, b.waits ? "why=\"waits\"" : "why=\"busy\"",
                (double)b.percent / 100);
}

/* --- the run ---------------------------------------------------------------------------------- */

static void add_run(const struct page *p, const struct leat_stats *stats)
{
    struct process process = process_used();

    add_run_seconds(p, "leat_run_start_timestamp_seconds", "gauge", "The start of the run.",
                    p->metrics->started_at);
    add_run_seconds(p, "leat_run_seconds", "gauge", "The duration of the run until now.",
                    seconds(stats->elapsed_ns));
    add_run_count(p, "leat_source_bytes_total", "counter", "Bytes that all sources have read.",
                  stats->source_pos);
    if (stats->source_total > 0)
        add_run_count(p, "leat_source_size_bytes", "gauge", "Bytes of all sources.",
                      stats->source_total);
    add_run_seconds(p, "leat_cpu_seconds_total", "counter", "Processor time of the process.",
                    seconds(process.cpu_ns));
    add_run_count(p, "leat_memory_bytes", "gauge", "Memory that counts against --memory.",
                  stats->memory_now);
    add_run_count(p, "leat_memory_peak_bytes", "gauge", "The most of it until now.",
                  stats->memory_peak);
    add_run_count(p, "leat_memory_limit_bytes", "gauge", "The limit of --memory.",
                  stats->memory_limit);
    add_run_count(p, "leat_resident_peak_bytes", "gauge",
                  "The largest resident set of the process until now.", process.rss_bytes);
}

/* The run has ended with this status; negative: it goes on. */
static void add_outcome(const struct page *p, int status)
{
    const struct metrics *m = p->metrics;
    double success = status == 0 ? wall_now() : m->last_success;

    add_run_count(p, "leat_run_active", "gauge", "1 while the run goes on, else 0.", status < 0);
    if (status >= 0)
        add_run_count(p, "leat_run_exit_status", "gauge",
                      "The exit status of the run that has ended; 0: success.", (uint64_t)status);
    if (success > 0)
        add_run_seconds(p, LAST_SUCCESS, "gauge", "The end of the last run that succeeded.",
                        success);
}

static void add_page(struct buf *out, const struct metrics *m, int status)
{
    struct page p = {.out = out, .metrics = m};
    struct leat_stats stats = stats_now(m->job->pipeline);

    buf_add(out, METRICS_MARK);
    add_head(&p, "leat_build_info", "gauge", "The version of leat.");
    add_name(&p, "leat_build_info", NULL, "version=\"" LEAT_VERSION "\"");
    buf_add(out, "1\n");
    add_outcome(&p, status);
    add_run(&p, &stats);
    add_stages(&p, &stats);
    add_bottleneck(&p);
}

/* --- the file --------------------------------------------------------------------------------- */

/* The time of the last success in the file of an earlier run; 0: there is none. */
static double read_last_success(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    double at = 0;

    while (file && fgets(line, sizeof line, file)) {
        const char *value = strrchr(line, ' ');

        if (strncmp(line, LAST_SUCCESS "{", sizeof LAST_SUCCESS) == 0 && value)
            at = strtod(value, NULL);
    }
    if (file)
        (void)fclose(file); /* opened only for reading */
    return at > 0 ? at : 0;
}

/* backup.prom in any directory: backup. */
static char *job_name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    return strndup(name, strlen(name) - (sizeof SUFFIX - 1));
}

static bool has_suffix(const char *path)
{
    size_t n = strlen(path), suffix = sizeof SUFFIX - 1;

    return n > suffix && strcmp(path + n - suffix, SUFFIX) == 0 && path[n - suffix - 1] != '/';
}

int metrics_begin(struct metrics *m, const struct config *c, const struct job *job)
{
    struct stat info;
    int status;

    *m = (struct metrics){.config = c, .job = job, .started_at = wall_now()};
    if (!has_suffix(c->metrics))
        return message_fail(c, LEAT_EUSAGE,
                            "--metrics=%s: the name must end in " SUFFIX
                            ", because node_exporter reads no other files",
                            c->metrics);
    if (stat(c->metrics, &info) == 0 &&
        !S_ISREG(info.st_mode)) /* to read a FIFO could take for ever */
        return message_fail(c, LEAT_EUSAGE, "--metrics=%s: this is not a regular file", c->metrics);
    m->job_name = job_name_of(c->metrics);
    if (!m->job_name)
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    status = outfile_begin(&m->file, c, "--metrics", c->metrics, METRICS_MARK);
    if (status == 0)
        m->last_success = read_last_success(c->metrics);
    return status;
}

static void write_now(struct metrics *m)
{
    struct buf page = {.n = 0};

    add_page(&page, m, -1);
    (void)outfile_try(&m->file, &page); /* the last write reports its failure */
    buf_free(&page);
}

static void *run(void *arg)
{
    struct metrics *m = arg;

    pthread_mutex_lock(&m->lock);
    while (!m->stop) {
        struct timespec until = {0};

        pthread_mutex_unlock(&m->lock);
        write_now(m);
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += INTERVAL_S;
        pthread_mutex_lock(&m->lock);
        while (!m->stop && pthread_cond_timedwait(&m->changed, &m->lock, &until) == 0) {
        }
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

void metrics_start(struct metrics *m)
{
    pthread_condattr_t attributes;

    (void)pthread_mutex_init(&m->lock, NULL); /* cannot fail with glibc; nor can the next calls */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    m->has_lock = true;
    if (m->file
            .replaces) /* an input of the run may be it: then the run is refused, and the file is kept */
        return;
    m->started =
        thread_start(&m->thread, run, m) == 0; /* else the file is written at the end only */
}

static void stop(struct metrics *m)
{
    if (!m->started)
        return;
    pthread_mutex_lock(&m->lock);
    m->stop = true;
    pthread_cond_signal(&m->changed);
    pthread_mutex_unlock(&m->lock);
    (void)pthread_join(m->thread, NULL);
    m->started = false;
}

int metrics_end(struct metrics *m, int status)
{
    struct buf page = {.n = 0};

    stop(m);
    add_page(&page, m, status);
    status = outfile_write(&m->file, &page);
    buf_free(&page);
    return status;
}

void metrics_done(struct metrics *m)
{
    stop(m);
    if (m->has_lock) {
        pthread_cond_destroy(&m->changed);
        pthread_mutex_destroy(&m->lock);
    }
    outfile_done(&m->file);
    free(m->job_name);
    *m = (struct metrics){.config = NULL};
}
