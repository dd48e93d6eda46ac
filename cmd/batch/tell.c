/* tell.c - what people read of a batch: failures as they happen, a line of progress, the last lines. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"

#define LISTED_MAX 100u /* failed inputs, at the end */

static bool has_bar(const struct batch *b)
{
    enum progress_kind kind = b->config->progress;

    if (b->config->quiet || b->config->json || kind == PROGRESS_NONE)
        return false;
    return b->config->err.tty &&
           (kind == PROGRESS_AUTO ? !(b->to_stdout && isatty(STDOUT_FILENO)) : true);
}

bool tell_wants_ticks(const struct batch *b)
{
    return has_bar(b);
}

void tell_clear(struct batch *b)
{
    if (b->drawn)
        (void)fd_write_all(STDERR_FILENO, "\r\033[K", 4); /* lost progress is no error */
    b->drawn = false;
}

static void write_text(struct batch *b, struct buf *text)
{
    tell_clear(b);
    (void)message_write(STDERR_FILENO, text); /* as in message_error */
    buf_free(text);
}

static void add_error(struct buf *text, const struct input *input, const struct leat_error *error)
{
    struct leat_error copy = *error;
    char formatted[1024], shown[SHOWN_MAX];
    const char *at = formatted;
    size_t n = strlen(leat_show(input->path, shown, sizeof shown));

    copy.file[0] = '\0';
    if (strncmp(copy.text, shown, n) == 0 && strncmp(copy.text + n, ": ", 2) == 0)
        memmove(copy.text, copy.text + n + 2, strlen(copy.text + n + 2) + 1);
    leat_error_format(&copy, formatted, sizeof formatted);
    buf_add(text, "%s: %s", shown, at);
}

void tell_failure(struct batch *b, const struct input *input, const struct leat_error *error)
{
    struct buf text = {.n = 0};

    if (b->config->json || (error->code == LEAT_ECANCELLED && b->stopping))
        return;
    buf_add(&text, "leat: ");
    add_error(&text, input, error);
    buf_add(&text, "\n");
    write_text(b, &text);
}

int tell_problem(const struct batch *b, const struct input *input)
{
    const char *text;
    char shown[SHOWN_MAX];
    int code = input_problem(input, &text);

    return message_fail(b->config, code, "%s: %s", leat_show(input->path, shown, sizeof shown),
                        text);
}

void tell_outcome(struct batch *b, const struct input *input, const struct leat_error *error)
{
    struct buf text = {.n = 0};

    if (!b->config->json)
        return;
    buf_add(&text, "{\"type\":\"input\",\"path\":");
    buf_json(&text, input->path);
    buf_add(&text, ",\"outcome\":\"%s\",\"size\":%" PRIu64 ",\"attempts\":%u",
            outcome_names[input->outcome], input->size, (unsigned)input->attempts);
    if (error->code) {
        buf_add(&text, ",\"code\":\"%s\",\"exit\":%d,\"stage\":", leat_error_name(error->code),
                leat_exit_status(error->code));
        buf_json(&text, error->stage_name);
        buf_add(&text, ",\"text\":");
        buf_json(&text, error->text);
    }
    buf_add(&text, "}\n");
    write_text(b, &text);
}

/* --- the line of progress --------------------------------------------------------------------- */

/* The bytes of the inputs that were read, and the stage that is the limit of the largest pipeline. */
static uint64_t position(const struct batch *b, char *ret_slowest, size_t size)
{
    uint64_t pos = b->bytes_done, largest = 0;

    for (const struct work *w = b->works; w; w = w->next) {
        struct leat_stats stats = LEAT_INIT(leat_stats);
        struct leat_bottleneck neck = LEAT_INIT(leat_bottleneck);
        struct leat_stage_stats stage = LEAT_INIT(leat_stage_stats);
        uint64_t bytes = b->inputs.v[w->input].size;

        if (!w->pipeline || w->phase != PHASE_RUN || leat_pipeline_stats(w->pipeline, &stats) < 0)
            continue;
        pos += stats.source_pos < bytes ? stats.source_pos : bytes;
        if (bytes < largest || leat_pipeline_bottleneck(w->pipeline, &neck) < 0 ||
            neck.kind == LEAT_BOTTLENECK_NONE || neck.kind == LEAT_BOTTLENECK_UNCLEAR)
            continue;
        largest = bytes;
        if (leat_pipeline_stage_stats(w->pipeline, neck.stage, &stage) == 0)
            (void)snprintf(ret_slowest, size, "%s", stage.name);
    }
    return pos;
}

void tell_progress(struct batch *b)
{
    uint64_t now = uv_hrtime() - b->begun_ns;
    unsigned width = term_width(&b->config->err);
    size_t failed = b->counts[OUTCOME_FAILED] + b->counts[OUTCOME_CHANGED], done = failed;
    struct progress_view view = {.total = b->inputs.bytes, .elapsed_ns = now};
    struct buf files = {.n = 0}, line = {.n = 0};
    char slowest[64] = "";

    done += b->counts[OUTCOME_DONE] + b->counts[OUTCOME_SKIPPED];
    view.pos = position(b, slowest, sizeof slowest);
    meter_add(&b->meter, now, view.pos);
    view.rate = (uint64_t)meter_rate(&b->meter);
    view.left_ns = meter_left_ns(&b->meter, view.total - view.pos);
    buf_add(&files, "  %zu/%zu files", done, b->inputs.n);
    if (failed > 0)
        buf_add(&files, "  %zu failed", failed);
    if (*slowest)
        buf_add(&files, "  %s", slowest);
    if (files.n + TERM_WIDTH_MIN > width)
        files.n = 0;
    buf_add(&line, "\r");
    progress_line(&line, &view, width - (unsigned)files.n, b->config->err.utf8,
                  b->config->err.color);
    buf_bytes(&line, buf_text(&files), files.n);
    buf_add(&line, "\033[K");
    (void)message_write(STDERR_FILENO, &line); /* as above */
    b->drawn = true;
    buf_free(&files);
    buf_free(&line);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void add_counts(struct buf *text, const struct batch *b)
{
    const char *comma = "";

    for (size_t i = OUTCOME_DONE; i < OUTCOMES; i++) {
        if (b->counts[i] == 0 && i != OUTCOME_DONE)
            continue;
        buf_add(text, "%s%zu %s", comma, b->counts[i], outcome_names[i]);
        comma = ", ";
    }
    if (b->retried > 0)
        buf_add(text, " (%zu tried again)", b->retried);
    buf_add(text, " in %s", human_seconds(uv_hrtime() - b->begun_ns).text);
    if (b->bytes_out > 0)
        buf_add(text, "; %s -> %s", human_bytes(b->bytes_done).text,
                human_bytes(b->bytes_out).text);
}

static void list_failed(struct buf *text, const struct batch *b)
{
    size_t failed = b->counts[OUTCOME_FAILED] + b->counts[OUTCOME_CHANGED], listed = 0;

    if (failed == 0 || b->inputs.n == 1)
        return;
    buf_add(text, "leat: %zu of %zu inputs failed:\n", failed, b->inputs.n);
    for (size_t i = 0; i < b->inputs.n && listed < LISTED_MAX; i++) {
        if (b->inputs.v[i].outcome != OUTCOME_FAILED && b->inputs.v[i].outcome != OUTCOME_CHANGED)
            continue;
        buf_add(text, "  ");
        buf_shown(text, b->inputs.v[i].path);
        buf_add(text, "\n");
        listed++;
    }
    if (listed < failed)
        buf_add(text, "  and %zu more%s\n", failed - listed,
                b->options->journal ? "; the journal has all" : "");
}

static void add_json(struct buf *text, const struct batch *b)
{
    buf_add(text, "{\"type\":\"batch\"");
    for (size_t i = OUTCOME_DONE; i < OUTCOMES; i++)
        buf_add(text, ",\"%s\":%zu", i == OUTCOME_DROPPED ? "not_done" : outcome_names[i],
                b->counts[i]);
    buf_add(text,
            ",\"retried\":%zu,\"inputs\":%zu,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
            ",\"seconds\":%.3f}\n",
            b->retried, b->inputs.n, b->bytes_done, b->bytes_out,
            (double)(uv_hrtime() - b->begun_ns) / 1e9);
}

int tell_summary(struct batch *b)
{
    struct buf text = {.n = 0};
    size_t done = b->counts[OUTCOME_DONE];

    b->counts[OUTCOME_DROPPED] = 0;
    for (size_t i = 0; i < b->inputs.n; i++)
        b->counts[OUTCOME_DROPPED] +=
            b->inputs.v[i].outcome == OUTCOME_WAITS || b->inputs.v[i].outcome == OUTCOME_DROPPED;
    tell_clear(b);
    if (b->config->json) {
        add_json(&text, b);
    } else {
        list_failed(&text, b);
        if (b->inputs.n == 0 && !b->config->quiet)
            buf_add(&text, "leat: warning: each: there are no inputs after the filters\n");
        if (!b->config->quiet && (b->config->err.tty || done < b->inputs.n)) {
            buf_add(&text, "leat: ");
            add_counts(&text, b);
            buf_add(&text, "\n");
        }
    }
    write_text(b, &text);
    return 0;
}
