/* report.c - --report: one HTML page about a run that shows why it was slow or failed.
 *
 * The page is self-contained: no script, no network, no font. It works on a phone and in dark mode,
 * and text or a table repeats the data of each chart.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../cmd.h"

#define SLOW_MIN_NS 1000000000u /* a run that failed earlier was not slow */
#define NARROW_COLUMNS 2u       /* a graph of so few columns fits beside the charts */

static const char head[] =
    REPORT_MARK "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" "
                "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n";

const char report_style[] =
    "<style>\n"
    ":root{--page:#f6f7f9;--card:#fff;--text:#1b2430;--dim:#5a6675;--line:#d9dee5;--busy:#2563a8;"
    "--in:#e0a21b;--out:#b9c2ce;--flow:#9db4cf;--fill:#0f8a6d;--warn:#a8480a;--warn-bg:#fdf1e3;"
    "--bad:#b3261e;--bad-bg:#fdecea;--good:#1a7440}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b212a;--text:#e4e9f0;"
    "--dim:#9aa7b6;--line:#313b48;--busy:#5b9be0;--in:#d9a436;--out:#465160;--flow:#47617f;"
    "--fill:#33b493;--warn:#f0b072;--warn-bg:#33261a;--bad:#ff938a;--bad-bg:#3a1f1d;"
    "--good:#6fce96}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--text);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n"
    "main{max-width:1180px;margin:0 auto;padding:20px 16px 48px}\n"
    "h1{font-size:1.45rem;margin:0 0 4px}h2{font-size:1.15rem;margin:28px 0 10px}"
    "h3{font-size:1rem;margin:0}\n"
    "code,pre{font-family:ui-monospace,\"DejaVu Sans Mono\",Menlo,monospace;font-size:.88em}\n"
    "pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;"
    "margin:0 0 14px}\n"
    ".note,.dim{color:var(--dim)}\n"
    ".badge{display:inline-block;border-radius:99px;padding:1px 12px;font-weight:600;font-size:.9rem;"
    "border:1.5px solid currentColor;vertical-align:3px;margin-left:8px}\n"
    ".good{color:var(--good)}.ill{color:var(--bad)}\n"
    ".error{border-color:var(--bad);background:var(--bad-bg)}"
    ".error h2,.slow h2{margin-top:0}.error h2{color:var(--bad)}\n"
    ".slow{border-color:var(--warn);background:var(--warn-bg)}.slow h2{color:var(--warn)}\n"
    ".callout p{margin:0;overflow-wrap:anywhere}\n"
    ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:10px 16px;"
    "margin:0}\n"
    ".facts dt{color:var(--dim);font-size:.85rem}.facts dd{margin:0;font-weight:600;"
    "font-variant-numeric:tabular-nums}\n"
    /* A shadow at the side where the content can be scrolled. */
    ".wide{overflow-x:auto;-webkit-overflow-scrolling:touch;background:"
    "linear-gradient(90deg,var(--card) 40%,transparent) 0 0/48px 100% no-repeat local,"
    "linear-gradient(270deg,var(--card) 40%,transparent) 100% 0/48px 100% no-repeat local,"
    "linear-gradient(90deg,var(--out),transparent) 0 0/16px 100% no-repeat scroll,"
    "linear-gradient(270deg,var(--out),transparent) 100% 0/16px 100% no-repeat scroll,var(--card)}\n"
    ".graph{display:block;margin:0 auto}\n"
    ".graph .box{fill:var(--card);stroke:var(--line);stroke-width:1.5}"
    ".graph .marked{stroke:var(--warn);stroke-width:3}.graph .bad{stroke:var(--bad);stroke-width:3}\n"
    ".graph text{fill:var(--text);font-size:13px}.graph .name{font-weight:600;font-size:15px}"
    ".graph .note,.graph .amount,.graph .number{fill:var(--dim);font-weight:400}\n"
    ".graph .amount{paint-order:stroke;stroke:var(--card);stroke-width:5px}"
    ".graph .flow{fill:none;stroke:var(--flow)}.graph .outside{stroke-dasharray:5 5}\n"
    ".busy{fill:var(--busy);background:var(--busy)}.in{fill:var(--in);background:var(--in)}"
    ".out{fill:var(--out);background:var(--out)}.rate{fill:var(--busy)}.fill{fill:var(--fill)}\n"
    ".key{display:inline-block;width:.8em;height:.8em;border-radius:3px;margin-right:.3em;"
    "vertical-align:-1px}\n"
    ".use>span{white-space:nowrap}.use{display:flex;flex-wrap:wrap;gap:0 .9em;margin:2px 0 10px;font-size:.9rem;color:var(--dim)}\n"
    ".top{display:flex;flex-wrap:wrap;gap:2px 10px;align-items:baseline}"
    ".top code{color:var(--dim);overflow-wrap:anywhere}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,190px),1fr));gap:12px 18px}\n"
    "figure{margin:0;min-width:0}figure svg{display:block;width:100%;height:64px;"
    "background:var(--page);border-bottom:1px solid var(--line);border-radius:4px 4px 0 0}\n"
    "figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 8px;"
    "font-size:.8rem;color:var(--dim)}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}\n"
    "th,td{padding:5px 9px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
    "th{font-weight:600}thead th{color:var(--dim);font-size:.82rem}"
    "tbody th,th:first-child{text-align:left}\n"
    "a{color:inherit}.graph a{text-decoration:none}"
    ":target{outline:2px solid var(--busy);outline-offset:2px}\n"
    "footer{color:var(--dim);font-size:.85rem;margin-top:24px}\n"
    "@media (min-width:1000px){.two{display:grid;grid-template-columns:auto minmax(0,1fr);gap:16px;"
    "align-items:start}}\n"
    "@media print{.card{break-inside:avoid}}\n"
    "</style>\n";

/* --- the head of the page --------------------------------------------------------------------- */

static void add_fact(struct buf *b, const char *name, const char *value)
{
    buf_add(b, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, value);
}

static uint64_t bytes_written(const struct report *r)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < r->stats.n_stages; i++)
        if (r->stages[i].bytes_out == 0)
            sum += r->stages[i].bytes_in;
    return sum;
}

static void add_facts(struct buf *b, const struct report *r)
{
    struct process process = process_used();
    double seconds = (double)r->stats.elapsed_ns / 1e9;
    char text[96], date[40] = "";
    time_t now = time(NULL);
    struct tm tm;

    if (localtime_r(&now, &tm))
        (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    buf_add(b, "<section class=\"card\" aria-label=\"Figures of the run\"><dl class=\"facts\">\n");
    add_fact(b, "Time", human_seconds(r->stats.elapsed_ns).text);
    snprintf(text, sizeof text, "%s", human_bytes(r->stats.source_pos).text);
    if (r->stats.source_total > r->stats.source_pos)
        snprintf(text, sizeof text, "%s of %s", human_bytes(r->stats.source_pos).text,
                 human_bytes(r->stats.source_total).text);
    add_fact(b, "Read", text);
    snprintf(text, sizeof text, "%s/s",
             human_bytes(seconds > 0 ? (uint64_t)((double)r->stats.source_pos / seconds) : 0).text);
    add_fact(b, "Rate", text);
    add_fact(b, "Consumed by the sinks", human_bytes(bytes_written(r)).text);
    add_fact(b, "Processor time", human_seconds(process.cpu_ns).text);
    snprintf(text, sizeof text, "%s of %s", human_bytes(r->stats.memory_peak).text,
             human_bytes(r->stats.memory_limit).text);
    add_fact(b, "Memory, at most", text);
    add_fact(b, "Process, at most", human_bytes(process.rss_bytes).text);
    add_fact(b, "Ended", date);
    buf_add(b, "</dl></section>\n");
}

static void add_error(struct buf *b, const struct report *r)
{
    char line[2048];

    if (!r->error)
        return;
    leat_error_format(r->error, line, sizeof line);
    buf_add(b, "<section class=\"card error callout\"><h2>Error</h2><p><code>");
    buf_html(b, line);
    buf_add(b, "</code></p><p class=\"dim\">%s; exit status %d. No output was committed",
            leat_error_name(r->error->code), leat_exit_status(r->error->code));
    buf_add(b, "%s.</p></section>\n",
            r->error->code == LEAT_EBATCH ? " of the branch that failed" : "");
}

static void add_slow(struct buf *b, const struct report *r)
{
    struct buf words = {.n = 0};

    if (!r->bottleneck.found && !r->bottleneck.unclear)
        return;
    if (r->error && r->stats.elapsed_ns < SLOW_MIN_NS)
        return;
    bottleneck_words(&words, r->config, r->job, &r->bottleneck);
    buf_add(b, "<section class=\"card slow callout\"><h2>Slowest stage</h2><p>Bottleneck: ");
    buf_html(b, buf_text(&words));
    if (r->bottleneck.found) {
        buf_add(b, " (<a href=\"#stage-%zu\">", r->bottleneck.index);
        buf_html(b, r->bottleneck.stage.text);
        buf_add(b, "</a>)");
    }
    buf_add(b, ".</p></section>\n");
    buf_free(&words);
}

static void add_top(struct buf *b, const struct report *r)
{
    char *text = leat_pipeline_text(r->job->pipeline);

    if (!text)
        b->failed = true;
    buf_add(b, "%s<title>leat: %s</title>\n%s</head>\n<body><main>\n", head,
            r->error ? "failed" : "succeeded", report_style);
    buf_add(b, "<header><h1>leat report<span class=\"badge %s\">%s</span></h1></header>\n",
            r->error ? "ill" : "good", r->error ? "failed" : "succeeded");
    buf_add(b, "<section class=\"card\" aria-label=\"The pipeline\"><pre>");
    buf_html(b, text ? text : "");
    buf_add(b, "</pre></section>\n");
    add_error(b, r);
    add_slow(b, r);
    add_facts(b, r);
    free(text);
}

/* --- the stages ------------------------------------------------------------------------------- */

static void add_stage_name(struct buf *b, const struct leat_stage_stats *s)
{
    if (s->number > 0)
        buf_add(b, "#%d ", s->number);
    buf_html(b, s->name);
}

static void add_stage(struct buf *b, const struct report *r, size_t i)
{
    const struct leat_stage_stats *s = &r->stages[i];
    bool marked = r->bottleneck.found && r->bottleneck.index == i;

    buf_add(b, "<section class=\"card%s\" id=\"stage-%zu\"><div class=\"top\"><h3>",
            marked ? " slow" : "", i);
    add_stage_name(b, s);
    buf_add(b, "</h3><code>");
    buf_html(b, s->text);
    buf_add(b, "</code>%s</div>\n", marked ? "<strong>bottleneck</strong>" : "");
    report_bar(b, r, i);
    report_charts(b, r, i);
    buf_add(b, "</section>\n");
}

static void add_stage_row(struct buf *b, const struct report *r, size_t i)
{
    const struct leat_stage_stats *s = &r->stages[i];

    buf_add(b, "<tr><th scope=\"row\">");
    add_stage_name(b, s);
    buf_add(b, "</th><td>%u</td><td>%s</td><td>%s</td>", s->workers, human_bytes(s->bytes_in).text,
            human_bytes(s->bytes_out).text);
    if (s->bytes_in > 0 && s->bytes_out > 0)
        buf_add(b, "<td>%.3g</td>", (double)s->bytes_out / (double)s->bytes_in);
    else
        buf_add(b, "<td></td>");
    buf_add(b, "<td>%s</td><td>%u&nbsp;%%</td><td>%u&nbsp;%%</td><td>%u&nbsp;%%</td></tr>\n",
            human_seconds(stats_cpu_ns(r->job, s)).text, stats_percent(&r->stats, s, s->busy_ns),
            stats_percent(&r->stats, s, s->wait_in_ns),
            stats_percent(&r->stats, s, s->wait_out_ns));
}

static void add_stage_table(struct buf *b, const struct report *r)
{
    buf_add(b, "<h2 id=\"stages\">All stages</h2><div class=\"card wide\"><table>\n<thead><tr>"
               "<th scope=\"col\">Stage</th><th scope=\"col\">Lanes</th><th scope=\"col\">In</th>"
               "<th scope=\"col\">Out</th><th scope=\"col\">Out / in</th><th scope=\"col\">CPU</th>"
               "<th scope=\"col\">Busy</th><th scope=\"col\">Waits for input</th>"
               "<th scope=\"col\">Waits for room</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->stats.n_stages; i++)
        add_stage_row(b, r, i);
    buf_add(b, "</tbody></table></div>\n");
}

static void add_link_table(struct buf *b, const struct report *r)
{
    buf_add(b,
            "<h2 id=\"flows\">Data flow</h2><div class=\"card wide\"><table>\n<thead><tr>"
            "<th scope=\"col\">From</th><th scope=\"col\">To</th><th scope=\"col\">Bytes</th>"
            "<th scope=\"col\">Buffer</th><th scope=\"col\">Times full</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->stats.n_links; i++) {
        const struct leat_link_stats *l = &r->links[i];

        buf_add(b, "<tr><th scope=\"row\">");
        add_stage_name(b, &r->stages[l->from]);
        if (l->port > 0)
            buf_add(b, ", branch %u", l->port);
        buf_add(b, "</th><th>");
        add_stage_name(b, &r->stages[l->to]);
        if (l->input > 0)
            buf_add(b, ", input %u", l->input);
        if (l->outside)
            buf_add(b, "</th><td colspan=\"3\">through the child process</td></tr>\n");
        else if (l->capacity > 0)
            buf_add(b, "</th><td>%s</td><td>%s</td><td>%llu</td></tr>\n",
                    human_bytes(l->bytes).text, human_bytes(l->capacity).text,
                    (unsigned long long)l->refusals);
        else
            buf_add(b, "</th><td>%s</td><td>none: one segment</td><td></td></tr>\n",
                    human_bytes(l->bytes).text);
    }
    buf_add(b, "</tbody></table></div>\n");
}

static void add_page(struct buf *b, const struct report *r)
{
    struct buf graph = {.n = 0};
    unsigned columns = 0;

    add_top(b, r);
    report_graph(&graph, r, &columns);
    buf_add(b,
            "<div class=\"%s\"><section><h2>The stages</h2>"
            "<div class=\"card wide\" tabindex=\"0\" role=\"region\" aria-label=\"The graph\">\n%s"
            "</div></section>\n<section><h2>Over time</h2>"
            "<p class=\"use\">Every chart goes from the start to %s.</p>\n",
            columns <= NARROW_COLUMNS ? "two" : "one", buf_text(&graph),
            human_seconds(r->stats.elapsed_ns).text);
    b->failed = b->failed || graph.failed;
    buf_free(&graph);
    for (size_t i = 0; i < r->stats.n_stages; i++)
        add_stage(b, r, i);
    buf_add(b, "</section></div>\n");
    add_stage_table(b, r);
    add_link_table(b, r);
    buf_add(
        b,
        "<footer>leat %s; %zu samples, one every %s at the end. Busy, waiting for input and waiting "
        "for room add up to the whole run. Before its start a stage waits for input, after its "
        "end for the stages downstream.</footer>\n</main></body></html>\n",
        LEAT_VERSION, r->samples->n,
        human_seconds((uint64_t)r->samples->every * SAMPLES_INTERVAL_MS * 1000000).text);
}

int report_page(struct buf *b, const struct config *c, const struct job *job,
                const struct samples *samples, const struct leat_error *error)
{
    struct report r = {.config = c, .job = job, .samples = samples, .error = error};

    r.stats = stats_now(job->pipeline);
    r.stages = calloc(r.stats.n_stages + 1, sizeof *r.stages);
    r.links = calloc(r.stats.n_links + 1, sizeof *r.links);
    if (r.stages && r.links && samples->n > 0) {
        for (size_t i = 0; i < r.stats.n_stages; i++)
            stats_stage(job, i, &r.stages[i]);
        for (size_t i = 0; i < r.stats.n_links; i++)
            r.links[i] = link_now(job->pipeline, i);
        bottleneck_get(job, &r.bottleneck);
        add_page(b, &r);
    } else {
        b->failed = true;
    }
    free(r.stages);
    free(r.links);
    return b->failed ? -1 : 0;
}
