/* progress.c - position, rate and time left: a bar on a terminal, lines elsewhere.
 *
 * The position is that of the source, so it is right with any codec. There is no bar without a
 * terminal, or if the data of the user uses the same terminal.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cmd.h"

#define BAR_INTERVAL_MS 100u
#define BAR_DELAY_MS 400u /* a shorter job shows no bar */
#define STAGES_INTERVAL_MS 250u
#define PLAIN_INTERVAL_MS 5000u
#define JSON_INTERVAL_MS 1000u
#define SLOWEST_MIN 10u /* per cent; below, no bottleneck is shown */

/* --- when ------------------------------------------------------------------------------------- */

static bool stage_is(const struct leat_pipeline *p, size_t i, const char *name)
{
    struct leat_stage_stats s;
    size_t n = strlen(name);

    s = stage_now(p, i);
    return strncmp(s.text, name, n) == 0 && (s.text[n] == '\0' || strcmp(s.text + n, " -") == 0);
}

/* A bar would mix with the text that the user types or reads. */
static bool terminal_is_taken(const struct leat_pipeline *p)
{
    struct leat_stats stats;

    stats = stats_now(p);
    if (stats.n_stages == 0)
        return true;
    return (isatty(STDIN_FILENO) && stage_is(p, 0, "read")) ||
           (isatty(STDOUT_FILENO) && stage_is(p, stats.n_stages - 1, "write"));
}

static enum progress_kind choose(const struct config *c, const struct leat_pipeline *p)
{
    const char *term = getenv("TERM");

    if (c->progress != PROGRESS_AUTO)
        return c->progress;
    if (c->quiet || c->json || (c->log && strcmp(c->log, "-") == 0) || !c->err.tty || !term ||
        strcmp(term, "dumb") == 0)
        return PROGRESS_NONE;
    return terminal_is_taken(p) ? PROGRESS_NONE : PROGRESS_BAR;
}

void progress_init(struct progress *pr, const struct config *c, const struct job *job,
                   struct writer *err)
{
    *pr = (struct progress){.kind = choose(c, job->pipeline), .config = c, .job = job, .err = err};
    meter_add(&pr->meter, 0, 0);
    if (pr->kind == PROGRESS_STAGES && live_init(&pr->live, job) < 0)
        pr->kind = PROGRESS_PLAIN;
}

/* Is the table redrawn in place? */
static bool draws_table(const struct progress *pr)
{
    const char *term = getenv("TERM");

    return pr->kind == PROGRESS_STAGES && pr->config->err.tty && !pr->config->json && term &&
           strcmp(term, "dumb") != 0;
}

unsigned progress_interval_ms(const struct progress *pr)
{
    switch (pr->kind) {
    case PROGRESS_BAR:
        return BAR_INTERVAL_MS;
    case PROGRESS_STAGES:
        return draws_table(pr)    ? STAGES_INTERVAL_MS
               : pr->config->json ? JSON_INTERVAL_MS
                                  : PLAIN_INTERVAL_MS;
    case PROGRESS_PLAIN:
        return PLAIN_INTERVAL_MS;
    case PROGRESS_JSON:
        return JSON_INTERVAL_MS;
    default:
        return 0;
    }
}

unsigned progress_delay_ms(const struct progress *pr)
{
    return pr->kind == PROGRESS_BAR || draws_table(pr) ? BAR_DELAY_MS : progress_interval_ms(pr);
}

/* --- the current view ------------------------------------------------------------------------- */

static struct progress_view look(struct progress *pr)
{
    struct leat_stats stats;
    struct bottleneck slowest;
    const struct leat_pipeline *pipeline = pr->job->pipeline;
    struct progress_view v = {.left_ns = UINT64_MAX};

    stats = stats_now(pipeline);
    if (pr->kind == PROGRESS_STAGES)
        live_look(&pr->live);
    meter_add(&pr->meter, stats.elapsed_ns, stats.source_pos);
    v.pos = stats.source_pos;
    v.total = stats.source_total;
    v.elapsed_ns = stats.elapsed_ns;
    v.finishing = stats.finishing;
    v.rate = (uint64_t)meter_rate(&pr->meter);
    if (v.total >= v.pos && v.total > 0)
        v.left_ns = meter_left_ns(&pr->meter, v.total - v.pos);
    if (stats.n_stages > 0) {
        struct leat_stage_stats last;

        last = stage_now(pipeline, stats.n_stages - 1);
        v.out = last.bytes_in;
    }
    bottleneck_get(pr->job, &slowest);
    if (slowest.found && slowest.percent >= SLOWEST_MIN) {
        v.slowest = slowest.stage.name;
        v.slowest_percent = slowest.percent;
    }
    return v;
}

static void add_plain(struct buf *b, const struct progress_view *v)
{
    buf_add(b, "leat: ");
    if (v->total > 0)
        buf_add(b, "%u %%, %s of %s", progress_percent(v), human_bytes(v->pos).text,
                human_bytes(v->total).text);
    else
        buf_add(b, "%s", human_bytes(v->pos).text);
    buf_add(b, ", %s/s, %s elapsed", human_bytes(v->rate).text, human_time(v->elapsed_ns).text);
    if (v->finishing)
        buf_add(b, ", finishing");
    else if (v->left_ns != UINT64_MAX)
        buf_add(b, ", %s left", human_time(v->left_ns).text);
    if (v->slowest)
        buf_add(b, ", slowest: %s (%u %%)", v->slowest, v->slowest_percent);
    buf_add(b, "\n");
}

static void add_json(struct buf *b, const struct progress *pr, const struct progress_view *v)
{
    buf_add(b, "{\"type\":\"progress\",\"elapsed_s\":%.3f,\"pos\":%" PRIu64 ",\"total\":",
            (double)v->elapsed_ns / 1e9, v->pos);
    if (v->total > 0)
        buf_add(b, "%" PRIu64, v->total);
    else
        buf_add(b, "null");
    buf_add(b, ",\"rate\":%" PRIu64 ",\"out\":%" PRIu64 ",\"eta_s\":", v->rate, v->out);
    if (v->left_ns != UINT64_MAX)
        buf_add(b, "%.1f", (double)v->left_ns / 1e9);
    else
        buf_add(b, "null");
    buf_add(b, ",\"slowest\":");
    if (v->slowest)
        buf_json(b, v->slowest);
    else
        buf_add(b, "null");
    if (pr->kind == PROGRESS_STAGES) {
        buf_add(b, ",\"stages\":");
        live_json(b, &pr->live);
    }
    buf_add(b, ",\"finishing\":%s}\n", v->finishing ? "true" : "false");
}

/* A background job does not draw on the terminal of the foreground job. */
static bool in_foreground(const struct progress *pr)
{
    return !pr->config->err.tty || tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static void erase(struct progress *pr, struct buf *b)
{
    if (pr->lines > 0)
        buf_add(b, "\r\033[%zuA\033[J", pr->lines);
    else if (pr->drawn)
        buf_add(b, pr->config->err.tty ? "\r\033[K" : "\n");
    pr->drawn = false;
    pr->lines = 0;
}

static void draw(struct progress *pr, struct buf *b, const struct progress_view *v)
{
    const struct term *t = &pr->config->err;
    unsigned width = term_width(t);

    if (!in_foreground(pr))
        return;
    buf_add(b, "\r");
    if (pr->kind == PROGRESS_STAGES) {
        if (pr->lines > 0)
            buf_add(b, "\033[%zuA", pr->lines);
        pr->lines = live_table(b, &pr->live, width - 1, term_height(t) - 2, t, "\033[K\r\n");
    }
    progress_line(b, v, width, t->utf8, t->color);
    if (t->tty)
        buf_add(b, pr->lines > 0 ? "\033[J" : "\033[K");
    pr->drawn = true;
}

/* One line of text or JSON, for any kind. */
static void add_words(struct progress *pr, struct buf *b, const struct progress_view *v)
{
    if (pr->kind == PROGRESS_JSON || pr->config->json) {
        add_json(b, pr, v);
        return;
    }
    add_plain(b, v);
    if (pr->kind == PROGRESS_STAGES)
        live_lines(b, &pr->live);
}

static void tell(struct progress *pr, enum writer_kind kind)
{
    struct progress_view v = look(pr);
    struct buf b = {.n = 0};

    if (pr->kind == PROGRESS_BAR || draws_table(pr))
        draw(pr, &b, &v);
    else
        add_words(pr, &b, &v);
    writer_put(pr->err, &b, kind);
    buf_free(&b);
}

void progress_tick(struct progress *pr)
{
    tell(pr, WRITER_STATE);
}

void progress_status(struct progress *pr)
{
    struct progress_view v = look(pr);
    struct buf b = {.n = 0};
    bool drawn = pr->drawn;

    erase(pr, &b);
    if (pr->config->json)
        add_json(&b, pr, &v);
    else
        add_plain(&b, &v);
    if (drawn)
        draw(pr, &b, &v);
    writer_put(pr->err, &b, WRITER_EVENT);
    buf_free(&b);
}

void progress_end(struct progress *pr)
{
    struct buf b = {.n = 0};

    erase(pr, &b);
    writer_put(pr->err, &b, WRITER_EVENT);
    buf_free(&b);
    if (pr->kind == PROGRESS_PLAIN || pr->kind == PROGRESS_JSON ||
        (pr->kind == PROGRESS_STAGES && !draws_table(pr)))
        tell(pr, WRITER_EVENT);
    live_done(&pr->live);
}
