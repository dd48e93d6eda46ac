/* page.c - --report of `leat each`: one HTML page with a summary of the batch and a table of its inputs.
 *
 * The page is self-contained: no network, no font. The rows are data in the page, and its script makes the table of them.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "page.h"

#define LISTED_MAX 100u /* failed inputs, for a reader without a script */

struct page {
    struct outfile file;
    struct buf rows;   /* of JSON */
    struct buf failed; /* of HTML: the first of the failed inputs */
    size_t n, n_failed, n_listed, left_out;
};

int page_begin(struct batch *b)
{
    struct page *p;

    if (!b->config->report)
        return 0;
    p = calloc(1, sizeof *p);
    if (!p)
        return message_fail(b->config, LEAT_ENOMEM, "out of memory");
    b->page = p;
    return outfile_begin(&p->file, b->config, "--report", b->config->report, REPORT_MARK);
}

void page_free(struct batch *b)
{
    struct page *p = b->page;

    if (!p)
        return;
    outfile_done(&p->file);
    buf_free(&p->rows);
    buf_free(&p->failed);
    free(p);
    b->page = NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A string of JSON in a script: without <, no text can end the script, or begin a comment in it. */
static void add_text(struct buf *b, const char *text)
{
    struct buf json = {.n = 0};

    buf_json(&json, text);
    for (const char *at = buf_text(&json); *at;) {
        size_t n = strcspn(at, "<");

        buf_bytes(b, at, n);
        at += n;
        if (*at)
            buf_add(b, "\\u003c");
        at += *at != '\0';
    }
    b->failed = b->failed || json.failed;
    buf_free(&json);
}

/* The text of the error without the path, which the row has already, and with its place. */
static void set_error(struct buf *to, const struct input *input, const struct leat_error *error)
{
    char shown[SHOWN_MAX];
    size_t n = strlen(leat_show(input->path, shown, sizeof shown));
    const char *text = error->text[0] ? error->text : leat_strerror(error->code);

    if (strncmp(text, shown, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    buf_add(to, "%s", text);
    if (error->has_offset)
        buf_add(to, " (byte %" PRIu64 ")", error->offset);
}

static void list_failed(struct page *p, const struct input *input, const char *stage,
                        const char *text)
{
    if (p->n_listed++ >= LISTED_MAX)
        return;
    buf_add(&p->failed, "<li>");
    buf_html(&p->failed, input->path);
    buf_add(&p->failed, ": ");
    buf_html(&p->failed, stage);
    buf_add(&p->failed, "%s", *stage ? ": " : "");
    buf_html(&p->failed, text);
    buf_add(&p->failed, "</li>\n");
}

/* Is there room for another row? Failures have some of their own. */
static bool has_room(struct page *p, bool failed)
{
    if (p->n < PAGE_ROWS_MAX) {
        p->n++;
        return true;
    }
    if (failed && p->n_failed < PAGE_FAILURES_MAX) {
        p->n_failed++;
        return true;
    }
    p->left_out++;
    return false;
}

void page_add(struct batch *b, const struct input *input, const struct leat_error *error,
              const struct page_row *row)
{
    struct page *p = b->page;
    bool failed = input->outcome == OUTCOME_FAILED || input->outcome == OUTCOME_CHANGED;
    struct buf text = {.n = 0};

    if (!p || !has_room(p, failed))
        return;
    buf_add(&p->rows, "%s[", p->rows.n > 0 ? ",\n" : "");
    add_text(&p->rows, input->path);
    buf_add(&p->rows, ",\"%s\",%" PRIu64,
            outcome_names[input->outcome == OUTCOME_WAITS ? OUTCOME_DROPPED : input->outcome],
            input->size);
    if (row && row->has_out)
        buf_add(&p->rows, ",%" PRIu64, row->bytes_out);
    else
        buf_add(&p->rows, ",null");
    if (row)
        buf_add(&p->rows, ",%.3f", (double)row->ns / 1e9);
    else
        buf_add(&p->rows, ",null");
    if (failed) {
        set_error(&text, input, error);
        buf_add(&p->rows, ",");
        add_text(&p->rows, error->stage_name);
        buf_add(&p->rows, ",");
        add_text(&p->rows, buf_text(&text));
        list_failed(p, input, error->stage_name, buf_text(&text));
    }
    buf_add(&p->rows, "]");
    p->rows.failed = p->rows.failed || text.failed;
    buf_free(&text);
}

/* --- the page --------------------------------------------------------------------------------- */

static char *same(void *arg, const char *word)
{
    (void)arg;
    return strdup(word);
}

/* The canonical text of the pipeline with the places in it, in which the password of a URL is ***. */
static void add_pipeline(struct buf *html, const struct batch *b)
{
    struct leat_builder *builder = leat_builder_new(b->registry);
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;
    char *text = NULL;

    if (builder && pieces_append(&b->pieces, builder, same, NULL) == 0 &&
        leat_builder_finish(builder, &b->config->settings, &pipeline, &error) == 0)
        text = leat_pipeline_text(pipeline);
    leat_builder_free(builder);
    leat_pipeline_unref(pipeline);
    if (text)
        buf_html(html, text);
    else if (!strstr(buf_text(&b->text),
                     "://")) /* a place, such as {decoder}, is no word of a stage */
        buf_html(html, buf_text(&b->text));
    free(text);
}

static void add_fact(struct buf *html, const char *name, const char *value)
{
    buf_add(html, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, value);
}

static void add_facts(struct buf *html, const struct batch *b, uint64_t ns)
{
    static const char *const names[OUTCOMES] = {
        [OUTCOME_DONE] = "Done",       [OUTCOME_SKIPPED] = "Skipped",  [OUTCOME_FAILED] = "Failed",
        [OUTCOME_CHANGED] = "Changed", [OUTCOME_DROPPED] = "Not done",
    };
    char text[64], date[40] = "";
    time_t now = time(NULL);
    struct tm tm;

    if (localtime_r(&now, &tm))
        (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    buf_add(html,
            "<section class=\"card\" aria-label=\"Figures of the batch\"><dl class=\"facts\">\n");
    (void)snprintf(text, sizeof text, "%zu", b->inputs.n);
    add_fact(html, "Inputs", text);
    for (size_t i = OUTCOME_DONE; i < OUTCOMES; i++) {
        (void)snprintf(text, sizeof text, "%zu", b->counts[i]);
        if (b->counts[i] > 0 || i == OUTCOME_DONE || i == OUTCOME_FAILED)
            add_fact(html, names[i], text);
    }
    (void)snprintf(text, sizeof text, "%zu", b->retried);
    if (b->retried > 0)
        add_fact(html, "Tried again", text);
    add_fact(html, "Read", human_bytes(b->bytes_done).text);
    if (b->n_outputs > 0)
        add_fact(html, "Written", human_bytes(b->bytes_out).text);
    add_fact(html, "Time", human_seconds(ns).text);
    (void)snprintf(
        text, sizeof text, "%s/s",
        human_bytes(ns > 0 ? (uint64_t)((double)b->bytes_done * 1e9 / (double)ns) : 0).text);
    add_fact(html, "Rate", text);
    add_fact(html, "Ended", date);
    buf_add(html, "</dl></section>\n");
}

static void add_top(struct buf *html, const struct batch *b)
{
    const struct page *p = b->page;
    size_t failed = b->counts[OUTCOME_FAILED] + b->counts[OUTCOME_CHANGED];
    bool good = failed == 0 && b->counts[OUTCOME_DROPPED] == 0 && b->fatal == 0;

    buf_add(html, "%s<title>leat each: %zu inputs, %zu failed</title>\n%s%s</head><body><main>\n",
            page_head, b->inputs.n, failed, report_style, page_style);
    buf_add(html, "<h1>leat each <span class=\"badge %s\">%s</span></h1>\n", good ? "good" : "ill",
            good                             ? "succeeded"
            : failed > 0                     ? "some failed"
            : b->counts[OUTCOME_DROPPED] > 0 ? "stopped"
                                             : "failed");
    buf_add(html, "<div class=\"card\"><pre>");
    add_pipeline(html, b);
    buf_add(html, "</pre></div>\n");
    add_facts(html, b, uv_hrtime() - b->begun_ns);
    if (p->failed.n > 0) {
        buf_add(html, "<noscript><section class=\"card error\"><h2>Failed</h2><ul>\n");
        buf_bytes(html, buf_text(&p->failed), p->failed.n);
        if (p->n_listed > LISTED_MAX)
            buf_add(html, "<li>and %zu more</li>\n", p->n_listed - LISTED_MAX);
        buf_add(html, "</ul></section></noscript>\n");
    }
}

static void add_page(struct buf *html, const struct batch *b)
{
    const struct page *p = b->page;

    add_top(html, b);
    buf_add(html, "%s", page_table);
    if (p->left_out > 0)
        buf_add(html, "<p class=\"note\">%zu more inputs are in no row.</p>\n", p->left_out);
    buf_add(html,
            "<footer>leat %s</footer></main>\n<script id=\"data\" type=\"application/json\">"
            "{\"rows\":[\n",
            LEAT_VERSION);
    buf_bytes(html, buf_text(&p->rows), p->rows.n);
    buf_add(html, "]}</script>\n%s</body></html>\n", page_script);
    html->failed = html->failed || p->rows.failed || p->failed.failed;
}

int page_end(struct batch *b)
{
    struct buf html = {.n = 0};
    int status;

    if (!b->page)
        return 0;
    for (size_t i = 0; i < b->inputs.n; i++)
        if (b->inputs.v[i].outcome == OUTCOME_WAITS)
            page_add(b, &b->inputs.v[i], NULL, NULL);
    add_page(&html, b);
    status = html.failed ? message_fail(b->config, LEAT_ENOMEM, "out of memory")
                         : outfile_write(&b->page->file, &html);
    buf_free(&html);
    return status;
}
