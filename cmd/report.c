/* report.c - what each stage did, and which one holds the rest back. */

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd.h"

/* --- the bottleneck --------------------------------------------------------------------------- */

/* Of `elapsed`, for each of the stage's workers. */
static double share(uint64_t ns, uint64_t elapsed_ns, unsigned workers)
{
    double all = (double)elapsed_ns * (workers > 0 ? workers : 1);

    return all > 0 ? (double)ns / all : 0;
}

/* How busy the segment of stage s is: stages of one segment take turns on one thread. */
static double segment_share(const struct leat_pipeline *p, const struct leat_stats *stats,
                            const struct leat_stage_stats *s)
{
    double sum = 0;

    for (size_t i = 0; i < stats->n_stages; i++) {
        struct leat_stage_stats other;

        leat_pipeline_stage_stats(p, i, &other);
        if (other.segment == s->segment)
            sum += share(other.busy_ns, stats->elapsed_ns, other.workers);
    }
    return sum;
}

static unsigned percent(double part)
{
    return part >= 1 ? 100 : (unsigned)(part * 100 + 0.5);
}

/* How long the stage itself held the rest back by waiting for what is outside: a pipe, a child
 * process, a timer. */
static double own_wait(const struct job *job, const struct leat_stats *stats,
                       const struct leat_stage_stats *s)
{
    const struct leat_stage_type *type = leat_registry_find(job->registry, s->name);
    uint64_t ns = s->wait_self_ns;

    if (type && type->kind == LEAT_SOURCE && s->wait_in_ns > ns)
        ns = s->wait_in_ns;
    if (type && type->kind == LEAT_SINK && s->wait_out_ns > ns)
        ns = s->wait_out_ns;
    return share(ns, stats->elapsed_ns, 1);
}

/* What is known so far: the busiest stage of the busiest segment, and who waits most. */
struct suspects {
    struct leat_stage_stats busy, waiting;
    double segment, own, waits;
    int last_number;
};

static void suspect(struct suspects *all, const struct job *job, const struct leat_stats *stats,
                    const struct leat_stage_stats *s)
{
    double busy = share(s->busy_ns, stats->elapsed_ns, s->workers);
    double segment = segment_share(job->pipeline, stats, s);
    double waits = own_wait(job, stats, s);
    bool nearly = segment > all->segment - 1e-9 && segment < all->segment + 1e-9;

    if (segment > all->segment + 1e-9 || (nearly && busy > all->own) || !all->busy.name) {
        all->busy = *s;
        all->segment = segment;
        all->own = busy;
    }
    /* The second half of an exec in the middle waits for its first, whatever the reason. */
    if (s->number > 0 && s->number == all->last_number)
        waits /= 2;
    if (waits > all->waits || !all->waiting.name) {
        all->waiting = *s;
        all->waits = waits;
    }
    all->last_number = s->number;
}

void report_bottleneck(const struct job *job, struct bottleneck *ret)
{
    struct suspects all = {.last_number = 0};
    struct bottleneck b = {.found = false};
    struct leat_stats stats;

    leat_pipeline_stats(job->pipeline, &stats);
    for (size_t i = 0; i < stats.n_stages && stats.elapsed_ns > 0; i++) {
        struct leat_stage_stats s;

        leat_pipeline_stage_stats(job->pipeline, i, &s);
        suspect(&all, job, &stats, &s);
        b.found = true;
    }
    b.by_waiting = all.waits > all.segment;
    b.stage = b.by_waiting ? all.waiting : all.busy;
    b.percent = percent(b.by_waiting ? all.waits : all.own);
    *ret = b;
}

static bool has_level(const struct leat_stage_type *type)
{
    const struct leat_option *o = type->options;

    for (; o && !option_is_last(o); o++)
        if (o->name && strcmp(o->name, "level") == 0)
            return true;
    return false;
}

/* What could be done about it: "; try --threads or a lower level". */
static void add_advice(struct buf *out, const struct config *c,
                       const struct leat_registry *registry, const struct leat_stage_stats *s)
{
    const struct leat_stage_type *type = leat_registry_find(registry, s->name);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    bool threads = c->settings.threads > 0 && (long)c->settings.threads < processors && type &&
                   type->nature == LEAT_SPLIT;
    bool level = type && has_level(type);

    if (threads || level)
        buf_add(out, "; try %s%s%s", threads ? "more --threads" : "",
                threads && level ? " or " : "", level ? "a lower level" : "");
}

/* Who waits for what. */
static const char *waited_for(const struct leat_stage_type *type)
{
    if (type && type->kind == LEAT_SOURCE)
        return "what is read comes slowly";
    if (type && type->kind == LEAT_SINK)
        return "what is written goes slowly";
    return type && type->kind == LEAT_BY_PLACE ? "its command is slow" : "it holds back";
}

static void add_bottleneck(struct buf *out, const struct config *c, const struct job *job)
{
    struct bottleneck b;

    report_bottleneck(job, &b);
    if (!b.found)
        return;
    buf_add(out, "bottleneck: ");
    if (b.by_waiting) {
        buf_add(out, "%s (%s: waits %u %% of the time)\n", b.stage.text,
                waited_for(leat_registry_find(job->registry, b.stage.name)), b.percent);
        return;
    }
    buf_add(out, "%s (%u %% busy, %u worker%s)", b.stage.name, b.percent, b.stage.workers,
            b.stage.workers == 1 ? "" : "s");
    add_advice(out, c, job->registry, &b.stage);
    buf_add(out, "\n");
}

/* --- the process ------------------------------------------------------------------------------ */

struct process {
    uint64_t cpu_ns, rss_bytes;
};

static uint64_t timeval_ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

static struct process get_process(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) < 0)
        return (struct process){0};
    return (struct process){.cpu_ns = timeval_ns(u.ru_utime) + timeval_ns(u.ru_stime),
                            .rss_bytes = (uint64_t)u.ru_maxrss * 1024};
}

/* --- the table -------------------------------------------------------------------------------- */

#define FIGURES_WIDTH 49u /* all columns but the stage */
#define WAITS_WIDTH 18u   /* two of them, left out where there is no room */

/* The stage's words in exactly `width` columns, cut if need be. */
static void add_cell(struct buf *out, const char *text, size_t width, bool utf8)
{
    size_t n = strlen(text), columns = term_columns(text, n);

    if (columns > width) {
        size_t keep = utf8 ? width - 1 : width - 2;

        n = 0;
        for (size_t shown = 0; shown < keep; shown++) {
            n++;
            while ((text[n] & 0xc0) == 0x80)
                n++;
        }
        buf_bytes(out, text, n);
        buf_add(out, "%s", utf8 ? "…" : "..");
        return;
    }
    buf_bytes(out, text, n);
    buf_fill(out, ' ', width - columns);
}

static void add_row(struct buf *out, const struct leat_stats *stats,
                    const struct leat_stage_stats *s, size_t width, bool waits, bool utf8)
{
    char number[16] = "";

    if (s->number > 0)
        snprintf(number, sizeof number, "%d", s->number);
    buf_add(out, "%3s ", number);
    add_cell(out, s->text, width, utf8);
    buf_add(out, " %4d %7u %10s %10s %5u%%", s->segment, s->workers, human_bytes(s->bytes_in).text,
            human_bytes(s->bytes_out).text,
            percent(share(s->busy_ns, stats->elapsed_ns, s->workers)));
    if (waits)
        buf_add(out, " %7u%% %8u%%", percent(share(s->wait_in_ns, stats->elapsed_ns, 1)),
                percent(share(s->wait_out_ns, stats->elapsed_ns, 1)));
    buf_add(out, "\n");
}

static size_t widest_stage(const struct leat_pipeline *p, size_t n_stages)
{
    size_t widest = 5;

    for (size_t i = 0; i < n_stages; i++) {
        struct leat_stage_stats s;
        size_t columns;

        leat_pipeline_stage_stats(p, i, &s);
        columns = term_columns(s.text, strlen(s.text));
        if (columns > widest)
            widest = columns;
    }
    return widest;
}

static void add_table(struct buf *out, const struct config *c, const struct job *job,
                      const struct leat_stats *stats)
{
    size_t width = term_width(&c->err) - 1, want = widest_stage(job->pipeline, stats->n_stages);
    bool waits = width >= FIGURES_WIDTH + WAITS_WIDTH + 10;
    size_t room = width > FIGURES_WIDTH ? width - FIGURES_WIDTH : 0;

    if (waits)
        room -= WAITS_WIDTH;
    if (room < 10)
        room = 10;
    if (want < room)
        room = want;
    term_color(out, c->err.color, TERM_BOLD);
    buf_add(out, "  # %-*s  seg workers         in        out   busy%s\n", (int)room, "stage",
            waits ? " waits-in waits-out" : "");
    term_plain(out, c->err.color);
    for (size_t i = 0; i < stats->n_stages; i++) {
        struct leat_stage_stats s;

        leat_pipeline_stage_stats(job->pipeline, i, &s);
        add_row(out, stats, &s, room, waits, c->err.utf8);
    }
}

static uint64_t source_rate(const struct leat_stats *stats)
{
    double seconds = (double)stats->elapsed_ns / 1e9;

    return seconds > 0 ? (uint64_t)((double)stats->source_pos / seconds) : 0;
}

static void add_totals(struct buf *out, const struct leat_stats *stats)
{
    struct process process = get_process();

    buf_add(out, "%s read in %s, %s/s; CPU %s; memory %s of %s at most",
            human_bytes(stats->source_pos).text, human_seconds(stats->elapsed_ns).text,
            human_bytes(source_rate(stats)).text, human_seconds(process.cpu_ns).text,
            human_bytes(stats->memory_peak).text, human_bytes(stats->memory_limit).text);
    buf_add(out, ", process %s\n", human_bytes(process.rss_bytes).text);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void add_json_stage(struct buf *out, const struct leat_stage_stats *s)
{
    buf_add(out, "{\"number\":%d,\"name\":", s->number);
    buf_json(out, s->name);
    buf_add(out, ",\"text\":");
    buf_json(out, s->text);
    buf_add(out, ",\"segment\":%d,\"workers\":%u,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
            s->segment, s->workers, s->bytes_in, s->bytes_out);
    buf_add(out, ",\"busy_s\":%.6f,\"wait_in_s\":%.6f,\"wait_out_s\":%.6f,\"wait_self_s\":%.6f",
            (double)s->busy_ns / 1e9, (double)s->wait_in_ns / 1e9, (double)s->wait_out_ns / 1e9,
            (double)s->wait_self_ns / 1e9);
    buf_add(out, ",\"steps\":%" PRIu64 "}", s->steps);
}

static void add_json(struct buf *out, const struct job *job, const struct leat_stats *stats,
                     bool failed)
{
    struct process process = get_process();
    struct bottleneck b;

    buf_add(out, "{\"type\":\"stats\",\"ok\":%s,\"elapsed_s\":%.6f,\"cpu_s\":%.6f",
            failed ? "false" : "true", (double)stats->elapsed_ns / 1e9,
            (double)process.cpu_ns / 1e9);
    buf_add(out, ",\"source_pos\":%" PRIu64 ",\"source_total\":", stats->source_pos);
    if (stats->source_total > 0)
        buf_add(out, "%" PRIu64, stats->source_total);
    else
        buf_add(out, "null");
    buf_add(out,
            ",\"memory_limit\":%" PRIu64 ",\"memory_peak\":%" PRIu64 ",\"rss_peak\":%" PRIu64
            ",\"stages\":[",
            stats->memory_limit, stats->memory_peak, process.rss_bytes);
    for (size_t i = 0; i < stats->n_stages; i++) {
        struct leat_stage_stats s;

        leat_pipeline_stage_stats(job->pipeline, i, &s);
        buf_add(out, "%s", i > 0 ? "," : "");
        add_json_stage(out, &s);
    }
    buf_add(out, "],\"bottleneck\":");
    report_bottleneck(job, &b);
    if (b.found) {
        buf_add(out, "{\"number\":%d,\"name\":", b.stage.number);
        buf_json(out, b.stage.name);
        buf_add(out, ",\"percent\":%u,\"waiting\":%s}", b.percent, b.by_waiting ? "true" : "false");
    } else {
        buf_add(out, "null");
    }
    buf_add(out, "}\n");
}

void report_stats(const struct config *c, const struct job *job, bool failed)
{
    struct leat_stats stats;
    struct buf out = {.n = 0};

    if (c->stats == STATS_NONE)
        return;
    leat_pipeline_stats(job->pipeline, &stats);
    if (c->json || c->stats == STATS_JSON) {
        add_json(&out, job, &stats, failed);
    } else {
        add_table(&out, c, job, &stats);
        add_totals(&out, &stats);
        add_bottleneck(&out, c, job);
    }
    message_write(&out);
    buf_free(&out);
}
