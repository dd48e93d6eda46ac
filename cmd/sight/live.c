/* live.c - the current activity of the stages: one row per stage, for a terminal or as plain lines.
 *
 * The figures are decaying averages over the last seconds: they show changes but do not flicker.
 * live_look reads the pipeline; the other functions have no side effects.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

#define LIVE_FIGURES 63u /* columns of a row without the text of the stage */
#define LIVE_FEW 32u     /* the same with rates and busy only, for narrow terminals */
#define LIVE_NAME_MIN 8u

int live_init(struct live *l, const struct job *job)
{
    struct leat_stats stats;

    *l = (struct live){.job = job};
    stats = stats_now(job->pipeline);
    l->rows = calloc(stats.n_stages, sizeof *l->rows);
    if (!l->rows)
        return -1;
    l->n = stats.n_stages;
    for (size_t i = 0; i < l->n; i++) {
        l->rows[i].stage = stage_now(job->pipeline, i);
        for (size_t m = 0; m < LIVE_METERS; m++)
            meter_add(&l->rows[i].meters[m], 0, 0);
    }
    return 0;
}

void live_done(struct live *l)
{
    free(l->rows);
    l->rows = NULL;
    l->n = 0;
}

static unsigned share(const struct live_row *row, enum live_meter m)
{
    double part = meter_rate(&row->meters[m]) / 1e9;

    part /= row->stage.workers > 0 ? row->stage.workers : 1;
    return part >= 1 ? 100 : (unsigned)(part * 100 + 0.5);
}

static void look_at_row(struct live *l, size_t i, uint64_t now_ns)
{
    struct live_row *row = &l->rows[i];
    struct leat_stage_stats *s = &row->stage;

    stats_stage(l->job, i, s);
    meter_add(&row->meters[LIVE_IN], now_ns, s->bytes_in);
    meter_add(&row->meters[LIVE_OUT], now_ns, s->bytes_out);
    meter_add(&row->meters[LIVE_BUSY], now_ns, s->busy_ns);
    meter_add(&row->meters[LIVE_WAIT_IN], now_ns, s->wait_in_ns);
    meter_add(&row->meters[LIVE_WAIT_OUT], now_ns, s->wait_out_ns);
    row->fill = row->capacity = 0;
    row->in_rate = (uint64_t)meter_rate(&row->meters[LIVE_IN]);
    row->out_rate = (uint64_t)meter_rate(&row->meters[LIVE_OUT]);
    row->busy = share(row, LIVE_BUSY);
    row->wait_in = share(row, LIVE_WAIT_IN);
    row->wait_out = share(row, LIVE_WAIT_OUT);
}

void live_look(struct live *l)
{
    struct leat_stats stats;
    struct bottleneck b;

    stats = stats_now(l->job->pipeline);
    for (size_t i = 0; i < l->n; i++)
        look_at_row(l, i, stats.elapsed_ns);
    for (size_t i = 0; i < stats.n_links; i++) {
        struct leat_link_stats link;

        link = link_now(l->job->pipeline, i);
        if (link.to < l->n) {
            l->rows[link.to].fill += link.fill;
            l->rows[link.to].capacity += link.capacity;
        }
    }
    bottleneck_get(l->job, &b);
    l->marked = b.found ? b.index : SIZE_MAX;
}

/* --- the table -------------------------------------------------------------------------------- */

static unsigned fill_percent(const struct live_row *row)
{
    double part = row->capacity > 0 ? (double)row->fill / (double)row->capacity : 0;

    return part >= 1 ? 100 : (unsigned)(part * 100 + 0.5);
}

static void add_rate(struct buf *b, bool any, uint64_t rate)
{
    if (any)
        buf_add(b, " %7s/s", human_bytes_short(rate).text);
    else
        buf_add(b, " %9s", "-");
}

static void add_ratio(struct buf *b, const struct leat_stage_stats *s)
{
    if (s->bytes_in > 0 && s->bytes_out > 0)
        buf_add(b, " %6.*f", s->bytes_out / s->bytes_in >= 100 ? 0 : 2,
                (double)s->bytes_out / (double)s->bytes_in);
    else
        buf_add(b, " %6s", "-");
}

static void add_figures(struct buf *b, const struct live_row *row, bool narrow)
{
    add_rate(b, row->stage.bytes_in > 0, row->in_rate);
    add_rate(b, row->stage.bytes_out > 0, row->out_rate);
    if (!narrow) {
        add_ratio(b, &row->stage);
        if (row->capacity > 0)
            buf_add(b, " %5u%%", fill_percent(row));
        else
            buf_add(b, " %6s", "-");
    }
    buf_add(b, " %4u%%", row->busy);
    if (!narrow)
        buf_add(b, " %6u%% %7u%%", row->wait_in, row->wait_out);
}

static void add_row(struct buf *b, const struct live *l, size_t i, size_t name_width, bool narrow,
                    const struct term *t)
{
    const struct live_row *row = &l->rows[i];
    bool marked = i == l->marked;
    char number[16] = "";

    if (row->stage.number > 0)
        snprintf(number, sizeof number, "%d", row->stage.number);
    if (marked)
        term_color(b, t->color, TERM_BOLD);
    buf_add(b, "%3s ", number);
    term_cell(b, row->stage.text, name_width, t->utf8);
    add_figures(b, row, narrow);
    if (marked)
        buf_add(b, t->utf8 ? " ◀" : " <");
    if (marked)
        term_plain(b, t->color);
}

size_t live_table(struct buf *b, const struct live *l, unsigned width, unsigned height,
                  const struct term *t, const char *line_end)
{
    bool narrow = width < LIVE_FIGURES + LIVE_NAME_MIN;
    size_t figures = narrow ? LIVE_FEW : LIVE_FIGURES, name_width = LIVE_NAME_MIN, from = 0,
           n = l->n;

    for (size_t i = 0; i < l->n; i++) {
        size_t columns = term_columns(l->rows[i].stage.text, strlen(l->rows[i].stage.text));

        name_width = columns > name_width ? columns : name_width;
    }
    if (width > figures && name_width > width - figures)
        name_width = width - figures;
    if (name_width < LIVE_NAME_MIN)
        name_width = LIVE_NAME_MIN;
    if (n + 1 > height) { /* choose the rows so that the marked one is shown */
        n = height > 2 ? height - 1 : 1;
        from = l->marked != SIZE_MAX && l->marked >= n ? l->marked - n + 1 : 0;
    }
    term_color(b, t->color, TERM_DIM);
    buf_add(b, "  # ");
    term_cell(b, "stage", name_width, t->utf8);
    buf_add(b, narrow ? "        in       out  busy"
                      : "        in       out  ratio buffer  busy wait-in wait-out");
    term_plain(b, t->color);
    buf_add(b, "%s", line_end);
    for (size_t i = from; i < from + n; i++) {
        add_row(b, l, i, name_width, narrow, t);
        buf_add(b, "%s", line_end);
    }
    return n + 1;
}

/* --- lines and JSON --------------------------------------------------------------------------- */

void live_lines(struct buf *b, const struct live *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct live_row *row = &l->rows[i];

        buf_add(b, "leat:   %s: in %s/s, out %s/s, ", row->stage.text,
                human_bytes(row->in_rate).text, human_bytes(row->out_rate).text);
        if (row->capacity > 0)
            buf_add(b, "buffer %u %%, ", fill_percent(row));
        buf_add(b, "busy %u %%, waits for input %u %%, for room %u %%%s\n", row->busy, row->wait_in,
                row->wait_out, i == l->marked ? " <- bottleneck" : "");
    }
}

void live_json(struct buf *b, const struct live *l)
{
    buf_add(b, "[");
    for (size_t i = 0; i < l->n; i++) {
        const struct live_row *row = &l->rows[i];

        buf_add(b, "%s{\"number\":%d,\"name\":", i > 0 ? "," : "", row->stage.number);
        buf_json(b, row->stage.name);
        buf_add(b, ",\"in_rate\":%" PRIu64 ",\"out_rate\":%" PRIu64 ",\"fill\":%" PRIu64,
                row->in_rate, row->out_rate, row->fill);
        buf_add(b, ",\"capacity\":%" PRIu64 ",\"busy\":%u,\"wait_in\":%u,\"wait_out\":%u}",
                row->capacity, row->busy, row->wait_in, row->wait_out);
    }
    buf_add(b, "]");
}
