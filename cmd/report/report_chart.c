/* report_chart.c - the charts of one stage over time: throughput, use of time, buffer fill. */

#include <string.h>

#include "../cmd.h"

#define CHART_WIDTH 600.0
#define CHART_HEIGHT 100.0

static double x_of(const struct report *r, uint64_t at)
{
    uint64_t all = r->stats.elapsed_ns;

    return all > 0 ? (double)at / (double)all * CHART_WIDTH : 0;
}

static double y_of(double part)
{
    return CHART_HEIGHT - (part > 1 ? 1 : part < 0 ? 0 : part) * CHART_HEIGHT;
}

static void begin_chart(struct buf *b)
{
    buf_add(
        b, "<svg viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
        CHART_WIDTH, CHART_HEIGHT);
}

/* A value for the interval from sample i - 1 to sample i. */
typedef double (*step_value)(const struct report *r, size_t stage, size_t i);

static double seconds_of(const struct report *r, size_t i)
{
    return (double)(samples_at(r->samples, i) - samples_at(r->samples, i - 1)) / 1e9;
}

static double change(const struct report *r, size_t stage, size_t i, enum sample_field field)
{
    uint64_t now = samples_stage(r->samples, i, stage, field);
    uint64_t before = samples_stage(r->samples, i - 1, stage, field);

    return now > before ? (double)(now - before) : 0;
}

/* Output bytes per second, or input bytes if the stage has no output. */
static double throughput(const struct report *r, size_t stage, size_t i)
{
    enum sample_field field = r->stages[stage].bytes_out > 0 ? SAMPLE_OUT : SAMPLE_IN;
    double seconds = seconds_of(r, i);

    return seconds > 0 ? change(r, stage, i, field) / seconds : 0;
}

static double part_of_time(const struct report *r, size_t stage, size_t i, double ns)
{
    unsigned workers = r->stages[stage].workers > 0 ? r->stages[stage].workers : 1;
    double seconds = seconds_of(r, i) * workers;

    return seconds > 0 ? ns / 1e9 / seconds : 0;
}

static double busy(const struct report *r, size_t stage, size_t i)
{
    return part_of_time(r, stage, i, change(r, stage, i, SAMPLE_BUSY));
}

static double busy_or_in(const struct report *r, size_t stage, size_t i)
{
    return part_of_time(r, stage, i,
                        change(r, stage, i, SAMPLE_BUSY) + change(r, stage, i, SAMPLE_WAIT_IN));
}

/* A step chart: the value is constant between two samples. */
static void add_area(struct buf *b, const struct report *r, size_t stage, const char *class,
                     step_value value, double most)
{
    buf_add(b, "<path class=\"%s\" d=\"M0 %.0f", class, CHART_HEIGHT);
    for (size_t i = 1; i < r->samples->n; i++)
        buf_add(b, "V%.1fH%.1f", y_of(most > 0 ? value(r, stage, i) / most : 0),
                x_of(r, samples_at(r->samples, i)));
    buf_add(b, "V%.0fZ\"/>", CHART_HEIGHT);
}

static void add_caption(struct buf *b, const char *name, const char *top)
{
    buf_add(b, "<figcaption><span>%s</span><span>%s</span></figcaption></figure>\n", name, top);
}

static void add_throughput(struct buf *b, const struct report *r, size_t stage)
{
    const struct leat_stage_stats *s = &r->stages[stage];
    double most = 0, mean, seconds = (double)r->stats.elapsed_ns / 1e9;
    const char *what = s->bytes_out > 0 ? "output" : "input";
    char top[64];

    for (size_t i = 1; i < r->samples->n; i++) {
        double v = throughput(r, stage, i);

        most = v > most ? v : most;
    }
    mean = seconds > 0 ? (double)(s->bytes_out > 0 ? s->bytes_out : s->bytes_in) / seconds : 0;
    buf_add(b, "<figure>");
    begin_chart(b);
    buf_add(b, "Rate of %s over time: %s a second on average, %s at most.\">", what,
            human_bytes((uint64_t)mean).text, human_bytes((uint64_t)most).text);
    add_area(b, r, stage, "rate", throughput, most);
    buf_add(b, "</svg>");
    snprintf(top, sizeof top, "mean %s/s, top %s/s", human_bytes((uint64_t)mean).text,
             human_bytes((uint64_t)most).text);
    add_caption(b, s->bytes_out > 0 ? "Rate of output" : "Rate of input", top);
}

static void add_use(struct buf *b, const struct report *r, size_t stage)
{
    const struct leat_stage_stats *s = &r->stages[stage];
    unsigned is_busy = stats_percent(&r->stats, s, s->busy_ns);
    unsigned in = stats_percent(&r->stats, s, s->wait_in_ns);
    unsigned out = stats_percent(&r->stats, s, s->wait_out_ns);

    buf_add(b, "<figure>");
    begin_chart(b);
    buf_add(b, "Use of time: %u %% busy, %u %% waiting for input, %u %% waiting for room.\">",
            is_busy, in, out);
    buf_add(b, "<rect class=\"out\" width=\"%.0f\" height=\"%.0f\"/>", CHART_WIDTH, CHART_HEIGHT);
    add_area(b, r, stage, "in", busy_or_in, 1);
    add_area(b, r, stage, "busy", busy, 1);
    buf_add(b, "</svg>");
    add_caption(b, "Use of time", "0 to 100 %");
}

/* The mean fill over time, as a fraction of the capacity. */
static double mean_fill(const struct report *r, size_t link)
{
    double sum = 0, all = 0;

    for (size_t i = 1; i < r->samples->n; i++) {
        sum += (double)samples_fill(r->samples, i, link) * seconds_of(r, i);
        all += seconds_of(r, i);
    }
    return all > 0 ? sum / all / (double)r->links[link].capacity : 0;
}

static void add_fill(struct buf *b, const struct report *r, size_t link)
{
    const struct leat_link_stats *l = &r->links[link];
    double mean = mean_fill(r, link) * 100;
    char top[64];

    buf_add(b, "<figure>");
    begin_chart(b);
    buf_add(b, "Fill of the buffer before the stage: %.0f %% of %s on average, full %llu times.\">",
            mean, human_bytes(l->capacity).text, (unsigned long long)l->refusals);
    buf_add(b, "<path class=\"fill\" d=\"M0 %.0f", CHART_HEIGHT);
    for (size_t i = 1; i < r->samples->n; i++)
        buf_add(b, "V%.1fH%.1f",
                y_of((double)samples_fill(r->samples, i, link) / (double)l->capacity),
                x_of(r, samples_at(r->samples, i)));
    buf_add(b, "V%.0fZ\"/></svg>", CHART_HEIGHT);
    snprintf(top, sizeof top, "mean %.0f %% of %s", mean, human_bytes(l->capacity).text);
    add_caption(b, "Buffer before the stage", top);
}

void report_charts(struct buf *b, const struct report *r, size_t stage)
{
    buf_add(b, "<div class=\"charts\">\n");
    add_throughput(b, r, stage);
    add_use(b, r, stage);
    for (size_t i = 0; i < r->stats.n_links; i++)
        if (r->links[i].to == stage && r->links[i].capacity > 0)
            add_fill(b, r, i);
    buf_add(b, "</div>\n");
}

void report_bar(struct buf *b, const struct report *r, size_t stage)
{
    const struct leat_stage_stats *s = &r->stages[stage];
    unsigned is_busy = stats_percent(&r->stats, s, s->busy_ns);
    unsigned in = stats_percent(&r->stats, s, s->wait_in_ns);
    unsigned out = stats_percent(&r->stats, s, s->wait_out_ns);

    buf_add(b,
            "<p class=\"use\"><span><span class=\"key busy\"></span>%u %% busy</span> "
            "<span><span class=\"key in\"></span>%u %% waiting for input</span> "
            "<span><span class=\"key out\"></span>%u %% waiting for room</span></p>\n",
            is_busy, in, out);
}
