/* progress.c - how far, how fast, how long still: a bar on a terminal, lines elsewhere.
 *
 * The position is that of the source, so it is right through any codec.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

#define BAR_INTERVAL_MS 100u
#define BAR_DELAY_MS 400u /* a job that is over by then shows nothing */
#define PLAIN_INTERVAL_MS 5000u
#define JSON_INTERVAL_MS 1000u
#define BAR_MIN 10u
#define BAR_MAX 50u
#define BAR_LINE_MIN 34u /* narrower terminals get no bar */
#define SHORT_LINE 60u   /* and below this figures are short */

/* --- when ---------------------------------------------------------------------------------------- */

static bool stage_is(const struct leat_pipeline *p, size_t i, const char *name)
{
    struct leat_stage_stats s;
    size_t n = strlen(name);

    leat_pipeline_stage_stats(p, i, &s);
    return strncmp(s.text, name, n) == 0 && (s.text[n] == '\0' || strcmp(s.text + n, " -") == 0);
}

/* A bar would be drawn into what the user types or reads. */
static bool terminal_is_taken(const struct leat_pipeline *p)
{
    struct leat_stats stats;

    leat_pipeline_stats(p, &stats);
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
    if (c->quiet || c->json || !c->err.tty || !term || strcmp(term, "dumb") == 0)
        return PROGRESS_NONE;
    return terminal_is_taken(p) ? PROGRESS_NONE : PROGRESS_BAR;
}

void progress_init(struct progress *pr, const struct config *c, const struct job *job)
{
    *pr = (struct progress){.kind = choose(c, job->pipeline), .config = c, .job = job};
    meter_add(&pr->meter, 0, 0);
}

unsigned progress_interval_ms(const struct progress *pr)
{
    switch (pr->kind) {
    case PROGRESS_BAR:
        return BAR_INTERVAL_MS;
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
    return pr->kind == PROGRESS_BAR ? BAR_DELAY_MS : progress_interval_ms(pr);
}

/* --- a line ------------------------------------------------------------------------------------ */

static unsigned view_percent(const struct progress_view *v)
{
    return v->pos >= v->total ? 100 : (unsigned)((double)v->pos / (double)v->total * 100);
}

static void add_bar(struct buf *b, const struct progress_view *v, size_t width, bool utf8,
                    bool color)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double part = v->pos >= v->total ? 1 : (double)v->pos / (double)v->total;
    size_t steps = (size_t)(part * (double)width * 8), full = steps / 8, used;

    buf_add(b, utf8 ? "▕" : "[");
    term_color(b, color, TERM_GREEN);
    for (size_t i = 0; i < full; i++)
        buf_add(b, utf8 ? "█" : "=");
    used = full;
    if (full < width && utf8) {
        buf_add(b, "%s", eighths[steps % 8]);
        used += steps % 8 > 0;
    } else if (full < width) {
        buf_add(b, ">");
        used++;
    }
    buf_fill(b, ' ', width - used);
    term_plain(b, color);
    buf_add(b, utf8 ? "▏" : "]");
}

/* What the line may say, in the order in which it is said; `rank`: in which order it gets room. */
struct field {
    char text[96];
    unsigned rank;
    bool shown;
};
enum { FIELD_AMOUNT, FIELD_RATE, FIELD_OUT, FIELD_SLOWEST, FIELD_ELAPSED, FIELD_LEFT, N_FIELDS };

static struct human figure(uint64_t bytes, bool is_short)
{
    return is_short ? human_bytes_short(bytes) : human_bytes(bytes);
}

#define SET_FIELD(i, r, ...)                                                                       \
    do {                                                                                           \
        snprintf(f[i].text, sizeof f[i].text, __VA_ARGS__);                                        \
        f[i].rank = r;                                                                             \
    } while (0)

static void make_fields(struct field f[N_FIELDS], const struct progress_view *v, bool is_short)
{
    if (v->total > 0)
        SET_FIELD(FIELD_AMOUNT, 3, "%s of %s", figure(v->pos, is_short).text,
                  figure(v->total, is_short).text);
    else
        SET_FIELD(FIELD_AMOUNT, 1, "%s", figure(v->pos, is_short).text);
    if (v->out > 0 && v->out != v->pos)
        SET_FIELD(FIELD_OUT, 4, "%s out", figure(v->out, is_short).text);
    if (v->slowest)
        SET_FIELD(FIELD_SLOWEST, 6, "%.40s %u%%", v->slowest, v->slowest_percent);
    SET_FIELD(FIELD_ELAPSED, v->total > 0 ? 5 : 2, "%s", human_time(v->elapsed_ns).text);
    if (v->finishing) {
        SET_FIELD(FIELD_RATE, 2, "finishing");
        return;
    }
    SET_FIELD(FIELD_RATE, 2, "%s/s", figure(v->rate, is_short).text);
    if (v->total > 0 && v->left_ns != UINT64_MAX)
        SET_FIELD(FIELD_LEFT, 1, "ETA %s", human_time(v->left_ns).text);
    else if (v->total > 0)
        SET_FIELD(FIELD_LEFT, 1, "ETA -:--");
}

void progress_line(struct buf *b, const struct progress_view *v, unsigned width, bool utf8,
                   bool color)
{
    struct field f[N_FIELDS] = {{.shown = false}};
    size_t bar = v->total > 0 && width >= BAR_LINE_MIN ? BAR_MIN + 3 : 0;
    size_t used = v->total > 0 ? 4 : 0, room = width - 3; /* a "^C" after it must not wrap */

    make_fields(f, v, width < SHORT_LINE);
    for (unsigned rank = 1; rank <= N_FIELDS; rank++) {
        for (size_t i = 0; i < N_FIELDS; i++) {
            size_t columns = term_columns(f[i].text, strlen(f[i].text)) + (used > 0 ? 2 : 0);

            if (f[i].rank != rank || used + columns + bar > room)
                continue;
            f[i].shown = true;
            used += columns;
        }
    }
    if (v->total > 0)
        buf_add(b, "%3u%%", view_percent(v));
    if (bar > 0) {
        bar = room - used - 3;
        buf_add(b, " ");
        add_bar(b, v, bar < BAR_MAX ? bar : BAR_MAX, utf8, color);
    }
    for (size_t i = 0, any = v->total > 0; i < N_FIELDS; i++) {
        if (f[i].shown)
            buf_add(b, "%s%s", any ? "  " : "", f[i].text);
        any |= f[i].shown;
    }
}

/* --- what is shown now --------------------------------------------------------------------------- */

static struct progress_view look(struct progress *pr)
{
    struct leat_stats stats;
    struct bottleneck slowest;
    const struct leat_pipeline *pipeline = pr->job->pipeline;
    struct progress_view v = {.left_ns = UINT64_MAX};

    leat_pipeline_stats(pipeline, &stats);
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

        leat_pipeline_stage_stats(pipeline, stats.n_stages - 1, &last);
        v.out = last.bytes_in;
    }
    report_bottleneck(pr->job, &slowest);
    if (slowest.found) {
        v.slowest = slowest.stage.name;
        v.slowest_percent = slowest.percent;
    }
    return v;
}

static void add_plain(struct buf *b, const struct progress_view *v)
{
    buf_add(b, "leat: ");
    if (v->total > 0)
        buf_add(b, "%u %%, %s of %s", view_percent(v), human_bytes(v->pos).text,
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

static void add_json(struct buf *b, const struct progress_view *v)
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
    buf_add(b, ",\"finishing\":%s}\n", v->finishing ? "true" : "false");
}

/* A job in the background does not draw over the foreground's terminal. */
static bool in_foreground(const struct progress *pr)
{
    return !pr->config->err.tty || tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static void erase(struct progress *pr, struct buf *b)
{
    if (pr->drawn)
        buf_add(b, pr->config->err.tty ? "\r\033[K" : "\n");
    pr->drawn = false;
}

static void draw(struct progress *pr, struct buf *b, const struct progress_view *v)
{
    const struct term *t = &pr->config->err;

    if (!in_foreground(pr))
        return;
    buf_add(b, "\r");
    progress_line(b, v, term_width(t), t->utf8, t->color);
    if (t->tty)
        buf_add(b, "\033[K");
    pr->drawn = true;
}

void progress_tick(struct progress *pr)
{
    struct progress_view v = look(pr);
    struct buf b = {.n = 0};

    if (pr->kind == PROGRESS_BAR)
        draw(pr, &b, &v);
    else if (pr->kind == PROGRESS_JSON || pr->config->json)
        add_json(&b, &v);
    else
        add_plain(&b, &v);
    message_write(&b);
    buf_free(&b);
}

void progress_status(struct progress *pr)
{
    struct progress_view v = look(pr);
    struct buf b = {.n = 0};
    bool drawn = pr->drawn;

    erase(pr, &b);
    if (pr->config->json)
        add_json(&b, &v);
    else
        add_plain(&b, &v);
    if (drawn)
        draw(pr, &b, &v);
    message_write(&b);
    buf_free(&b);
}

void progress_end(struct progress *pr)
{
    struct buf b = {.n = 0};

    erase(pr, &b);
    message_write(&b);
    buf_free(&b);
    if (pr->kind == PROGRESS_PLAIN || pr->kind == PROGRESS_JSON)
        progress_tick(pr);
}
