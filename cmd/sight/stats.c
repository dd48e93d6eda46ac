/* stats.c - --stats: statistics of each stage, and the bottleneck. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../cmd.h"

/* --- the process ------------------------------------------------------------------------------ */

static uint64_t timeval_ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

struct process process_used(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) < 0)
        return (struct process){0};
    return (struct process){.cpu_ns = timeval_ns(u.ru_utime) + timeval_ns(u.ru_stime),
                            .rss_bytes = (uint64_t)u.ru_maxrss * 1024};
}

/* The threads of libraries have used the processor time of the process that no stage accounts for.
 * Child processes are not included. */
uint64_t stats_cpu_ns(const struct job *job, const struct leat_stage_stats *s)
{
    uint64_t all = process_used().cpu_ns, counted = 0, threads = 0;
    struct leat_stats stats;

    if (s->own_threads == 0)
        return s->cpu_ns;
    stats = stats_now(job->pipeline);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats other;
        const struct leat_stage_type *type;

        other = stage_now(job->pipeline, i);
        type = leat_registry_find(job->registry, other.name);
        if (!type || type->kind != LEAT_BY_PLACE)
            counted += other.cpu_ns;
        threads += other.own_threads;
    }
    if (threads == 0 || all <= counted)
        return s->cpu_ns;
    return s->cpu_ns + (all - counted) * s->own_threads / threads;
}

unsigned stats_percent(const struct leat_stats *stats, const struct leat_stage_stats *s,
                       uint64_t ns)
{
    double all = (double)stats->elapsed_ns * (s->workers > 0 ? s->workers : 1);
    double part = all > 0 ? (double)ns / all : 0;

    return part >= 1 ? 100 : (unsigned)(part * 100 + 0.5);
}

/* --- the table -------------------------------------------------------------------------------- */

#define FIGURES_WIDTH 49u /* all columns except the stage */
#define WAITS_WIDTH 17u   /* two wait columns, left out on narrow terminals */

static void add_row(struct buf *out, const struct job *job, const struct leat_stats *stats,
                    const struct leat_stage_stats *s, size_t width, bool waits, bool utf8)
{
    char number[16] = "";

    if (s->number > 0)
        snprintf(number, sizeof number, "%d", s->number);
    buf_add(out, "%3s ", number);
    term_cell(out, s->text, width, utf8);
    buf_add(out, " %3d %5u %9s %9s %7s %4u%%", s->segment, s->workers,
            human_bytes(s->bytes_in).text, human_bytes(s->bytes_out).text,
            human_seconds(stats_cpu_ns(job, s)).text, stats_percent(stats, s, s->busy_ns));
    if (waits)
        buf_add(out, " %6u%% %7u%%", stats_percent(stats, s, s->wait_in_ns),
                stats_percent(stats, s, s->wait_out_ns));
    buf_add(out, "\n");
}

static size_t widest_stage(const struct leat_pipeline *p, size_t n_stages)
{
    size_t widest = 5;

    for (size_t i = 0; i < n_stages; i++) {
        struct leat_stage_stats s;
        size_t columns;

        s = stage_now(p, i);
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
    buf_add(out, "  # %-*s  seg lanes        in       out     cpu  busy%s\n", (int)room, "stage",
            waits ? " wait-in wait-out" : "");
    term_plain(out, c->err.color);
    for (size_t i = 0; i < stats->n_stages; i++) {
        struct leat_stage_stats s;

        stats_stage(job, i, &s);
        add_row(out, job, stats, &s, room, waits, c->err.utf8);
    }
}

/* Figures that have no column. */
static void add_losses(struct buf *out, const struct job *job, const struct leat_stats *stats)
{
    for (size_t i = 0; i < stats->n_stages; i++) {
        struct leat_stage_stats s;

        s = stage_now(job->pipeline, i);
        if (s.bytes_dropped > 0)
            buf_add(out, "%s (#%d): %s dropped, for branches that were too slow\n", s.name,
                    s.number, human_bytes(s.bytes_dropped).text);
        if (s.bytes_spilled > 0)
            buf_add(out, "%s (#%d): %s through a temporary file\n", s.name, s.number,
                    human_bytes(s.bytes_spilled).text);
    }
}

static uint64_t source_rate(const struct leat_stats *stats)
{
    double seconds = (double)stats->elapsed_ns / 1e9;

    return seconds > 0 ? (uint64_t)((double)stats->source_pos / seconds) : 0;
}

static void add_totals(struct buf *out, const struct leat_stats *stats)
{
    struct process process = process_used();

    buf_add(out, "%s read in %s, %s/s; CPU %s; memory %s of %s at most",
            human_bytes(stats->source_pos).text, human_seconds(stats->elapsed_ns).text,
            human_bytes(source_rate(stats)).text, human_seconds(process.cpu_ns).text,
            human_bytes(stats->memory_peak).text, human_bytes(stats->memory_limit).text);
    buf_add(out, ", process %s\n", human_bytes(process.rss_bytes).text);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void add_json_link(struct buf *out, const struct job *job, size_t i)
{
    struct leat_link_stats link = link_now(job->pipeline, i);

    buf_add(out, "{\"from\":%zu,\"to\":%zu,\"port\":%u,\"input\":%u,\"bytes\":%" PRIu64, link.from,
            link.to, link.port, link.input, link.bytes);
    buf_add(out, ",\"capacity\":%" PRIu64 ",\"full\":%" PRIu64 "}", link.capacity, link.refusals);
}

/* "links" refer to stages by their index in "stages", from 0. */
static void add_json_links(struct buf *out, const struct job *job, size_t n)
{
    buf_add(out, "],\"links\":[");
    for (size_t i = 0; i < n; i++) {
        buf_add(out, "%s", i > 0 ? "," : "");
        add_json_link(out, job, i);
    }
}

static void add_json_stage(struct buf *out, const struct job *job, const struct leat_stage_stats *s)
{
    buf_add(out, "{\"number\":%d,\"name\":", s->number);
    buf_json(out, s->name);
    buf_add(out, ",\"text\":");
    buf_json(out, s->text);
    buf_add(out, ",\"segment\":%d,\"workers\":%u,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
            s->segment, s->workers, s->bytes_in, s->bytes_out);
    buf_add(out, ",\"busy_s\":%.6f,\"wait_in_s\":%.6f,\"wait_out_s\":%.6f", seconds(s->busy_ns),
            seconds(s->wait_in_ns), seconds(s->wait_out_ns));
    buf_add(out, ",\"wait_self_s\":%.6f,\"wait_turn_s\":%.6f,\"ended_s\":%.6f",
            seconds(s->wait_self_ns), seconds(s->wait_turn_ns), seconds(s->ended_ns));
    if (s->bytes_dropped > 0)
        buf_add(out, ",\"bytes_dropped\":%" PRIu64, s->bytes_dropped);
    if (s->bytes_spilled > 0)
        buf_add(out, ",\"bytes_spilled\":%" PRIu64, s->bytes_spilled);
    buf_add(out, ",\"cpu_s\":%.6f,\"steps\":%" PRIu64 "}", seconds(stats_cpu_ns(job, s)), s->steps);
}

static void add_json(struct buf *out, const struct config *c, const struct job *job,
                     const struct leat_stats *stats, bool failed)
{
    struct process process = process_used();

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

        stats_stage(job, i, &s);
        buf_add(out, "%s", i > 0 ? "," : "");
        add_json_stage(out, job, &s);
    }
    add_json_links(out, job, stats->n_links);
    buf_add(out, "],\"bottleneck\":");
    bottleneck_json(out, c, job);
    buf_add(out, "}\n");
}

int stats_write(const struct config *c, const struct job *job, bool failed)
{
    struct leat_stats stats;
    struct buf out = {.n = 0};
    int r;

    if (c->stats == STATS_NONE)
        return 0;
    stats = stats_now(job->pipeline);
    if (c->json || c->stats == STATS_JSON) {
        add_json(&out, c, job, &stats, failed);
    } else {
        add_table(&out, c, job, &stats);
        add_losses(&out, job, &stats);
        add_totals(&out, &stats);
        bottleneck_sentence(&out, c, job);
    }
    r = message_write(STDERR_FILENO, &out) < 0 || fd_flush(STDERR_FILENO) < 0 ? LEAT_EIO : 0;
    if (r < 0 && stderr_is_unread(errno))
        r = 0;
    buf_free(&out);
    return leat_exit_status(r);
}
