/* otlp_json.c - the requests of OTLP/HTTP in JSON.
 *
 * By opentelemetry-proto 1.3 and its mapping to JSON: identifiers are hexadecimal, 64-bit integers are strings, and enums
 * are numbers. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otlp.h"

enum { SPAN_INTERNAL = 1, STATUS_OK = 1, STATUS_ERROR = 2, CUMULATIVE = 2 };
enum { SEVERITY_INFO = 9, SEVERITY_ERROR = 17 };

/* Between two elements of a list. */
static const char *comma(const struct buf *b)
{
    return b->n == 0 || b->data[b->n - 1] == '[' ? "" : ",";
}

/* --- attributes ------------------------------------------------------------------------------- */

static void add_text(struct buf *b, const char *key, const char *value)
{
    buf_add(b, "%s{\"key\":", comma(b));
    buf_json(b, key);
    buf_add(b, ",\"value\":{\"stringValue\":");
    buf_json(b, value);
    buf_add(b, "}}");
}

static void add_int(struct buf *b, const char *key, uint64_t value)
{
    buf_add(b, "%s{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRIu64 "\"}}", comma(b), key, value);
}

static void add_seconds(struct buf *b, const char *key, uint64_t ns)
{
    buf_add(b, "%s{\"key\":\"%s\",\"value\":{\"doubleValue\":%.6f}}", comma(b), key,
            (double)ns / 1e9);
}

static int digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

void otlp_decode(char *text)
{
    char *to = text;

    for (const char *at = text; *at; to++) {
        bool coded = *at == '%' && digit(at[1]) >= 0 && digit(at[2]) >= 0;

        *to = coded ? (char)(digit(at[1]) << 4 | digit(at[2])) : *at;
        at += coded ? 3 : 1;
    }
    *to = '\0';
}

/* "key=value,key=value"; pairs that are none are left out. */
static void add_given(struct buf *b, const char *attributes)
{
    char *pairs = strdup(attributes), *save = NULL;

    if (!pairs)
        return;
    for (char *pair = strtok_r(pairs, ",", &save); pair; pair = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(pair, '=');

        pair += strspn(pair, " ");
        if (!equals || equals == pair)
            continue;
        *equals = '\0';
        otlp_decode(equals + 1);
        add_text(b, pair, equals + 1);
    }
    free(pairs);
}

static void add_resource(struct buf *b, const struct otlp_data *d)
{
    char host[256] = "";

    buf_add(b, "\"resource\":{\"attributes\":[");
    add_text(b, "service.name", *d->service ? d->service : "leat");
    add_text(b, "service.version", LEAT_VERSION);
    if (gethostname(host, sizeof host - 1) == 0)
        add_text(b, "host.name", host);
    add_int(b, "process.pid", (uint64_t)getpid());
    add_given(b, d->attributes);
    buf_add(b, "]}");
}

static void add_scope(struct buf *b)
{
    buf_add(b, "\"scope\":{\"name\":\"leat\",\"version\":\"%s\"}", LEAT_VERSION);
}

/* --- traces ----------------------------------------------------------------------------------- */

static void begin_span(struct buf *b, const struct otlp_data *d, const struct otlp_span *span,
                       const char *parent, const char *name)
{
    buf_add(b, "%s{\"traceId\":\"%s\",\"spanId\":\"%s\"", comma(b), d->trace_id, span->id);
    if (*parent)
        buf_add(b, ",\"parentSpanId\":\"%s\"", parent);
    buf_add(b, ",\"name\":");
    buf_json(b, name);
    buf_add(b,
            ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64
            "\",\"attributes\":[",
            SPAN_INTERNAL, span->from_ns, span->to_ns > 0 ? span->to_ns : d->run.to_ns);
}

static void add_run_span(struct buf *b, const struct otlp_data *d)
{
    char *text = leat_pipeline_text(d->job->pipeline);
    struct leat_stats stats = stats_now(d->job->pipeline);

    begin_span(b, d, &d->run, d->parent_id, "leat");
    add_text(b, "leat.pipeline", text ? text : "");
    add_int(b, "leat.source.bytes", stats.source_pos);
    add_int(b, "leat.memory.peak", stats.memory_peak);
    add_int(b, "process.exit.code", (uint64_t)d->status);
    buf_add(b, "],\"status\":{\"code\":%d", *d->error ? STATUS_ERROR : STATUS_OK);
    if (*d->error) {
        buf_add(b, ",\"message\":");
        buf_json(b, d->error);
    }
    buf_add(b, "}}");
    free(text);
}

static void add_stage_span(struct buf *b, const struct otlp_data *d, size_t i)
{
    struct leat_stage_stats s;

    stats_stage(d->job, i, &s);
    begin_span(b, d, &d->stages[i], d->run.id, s.name);
    add_int(b, "leat.stage.number", (uint64_t)s.number);
    add_text(b, "leat.stage.text", s.text);
    add_int(b, "leat.stage.bytes_in", s.bytes_in);
    add_int(b, "leat.stage.bytes_out", s.bytes_out);
    add_seconds(b, "leat.stage.busy", s.busy_ns);
    add_seconds(b, "leat.stage.wait_in", s.wait_in_ns);
    add_seconds(b, "leat.stage.wait_out", s.wait_out_ns);
    buf_add(b, "]}");
}

void otlp_traces(struct buf *b, const struct otlp_data *d)
{
    buf_add(b, "{\"resourceSpans\":[{");
    add_resource(b, d);
    buf_add(b, ",\"scopeSpans\":[{");
    add_scope(b);
    buf_add(b, ",\"spans\":[");
    add_run_span(b, d);
    for (size_t i = 0; i < d->n_stages; i++)
        if (d->stages[i].from_ns > 0)
            add_stage_span(b, d, i);
    buf_add(b, "]}]}]}");
}

/* --- metrics ---------------------------------------------------------------------------------- */

struct metric {
    const char *name, *unit;
    bool is_sum; /* else a gauge */
};

static void begin_metric(struct buf *b, const struct metric *m)
{
    buf_add(b, "%s{\"name\":\"%s\",\"unit\":\"%s\",\"%s\":{", comma(b), m->name, m->unit,
            m->is_sum ? "sum" : "gauge");
    if (m->is_sum)
        buf_add(b, "\"aggregationTemporality\":%d,\"isMonotonic\":true,", CUMULATIVE);
    buf_add(b, "\"dataPoints\":[");
}

/* A point up to its value. `stage` may be NULL. */
static void begin_point(struct buf *b, const struct otlp_data *d, uint64_t now_ns,
                        const struct leat_stage_stats *stage)
{
    buf_add(b,
            "%s{\"startTimeUnixNano\":\"%" PRIu64 "\",\"timeUnixNano\":\"%" PRIu64
            "\",\"attributes\":[",
            comma(b), d->run.from_ns, now_ns);
    if (stage) {
        add_int(b, "leat.stage.number", (uint64_t)stage->number);
        add_text(b, "leat.stage.name", stage->name);
    }
    buf_add(b, "],");
}

static void add_run_metric(struct buf *b, const struct otlp_data *d, uint64_t now_ns,
                           struct metric m, uint64_t value)
{
    begin_metric(b, &m);
    begin_point(b, d, now_ns, NULL);
    buf_add(b, "\"asInt\":\"%" PRIu64 "\"}]}}", value);
}

enum stage_figure { BYTES_IN, BYTES_OUT, BUSY, WAIT_IN, WAIT_OUT, STAGE_FIGURES };

static const struct metric stage_metrics[STAGE_FIGURES] = {
    [BYTES_IN] = {"leat.stage.bytes_in", "By", true},
    [BYTES_OUT] = {"leat.stage.bytes_out", "By", true},
    [BUSY] = {"leat.stage.busy", "s", true},
    [WAIT_IN] = {"leat.stage.wait_in", "s", true},
    [WAIT_OUT] = {"leat.stage.wait_out", "s", true},
};

static void add_figure(struct buf *b, const struct leat_stage_stats *s, enum stage_figure f)
{
    const uint64_t values[STAGE_FIGURES] = {[BYTES_IN] = s->bytes_in,
                                            [BYTES_OUT] = s->bytes_out,
                                            [BUSY] = s->busy_ns,
                                            [WAIT_IN] = s->wait_in_ns,
                                            [WAIT_OUT] = s->wait_out_ns};

    if (f <= BYTES_OUT)
        buf_add(b, "\"asInt\":\"%" PRIu64 "\"}", values[f]);
    else
        buf_add(b, "\"asDouble\":%.6f}", (double)values[f] / 1e9);
}

static void add_stage_metric(struct buf *b, const struct otlp_data *d, uint64_t now_ns,
                             enum stage_figure f)
{
    begin_metric(b, &stage_metrics[f]);
    for (size_t i = 0; i < d->n_stages; i++) {
        struct leat_stage_stats s;

        stats_stage(d->job, i, &s);
        if (s.number == 0)
            continue;
        begin_point(b, d, now_ns, &s);
        add_figure(b, &s, f);
    }
    buf_add(b, "]}}");
}

void otlp_metrics(struct buf *b, const struct otlp_data *d)
{
    struct leat_stats stats = stats_now(d->job->pipeline);
    uint64_t now_ns = d->run.to_ns > 0 ? d->run.to_ns : otlp_now_ns();

    buf_add(b, "{\"resourceMetrics\":[{");
    add_resource(b, d);
    buf_add(b, ",\"scopeMetrics\":[{");
    add_scope(b);
    buf_add(b, ",\"metrics\":[");
    add_run_metric(b, d, now_ns, (struct metric){"leat.source.bytes", "By", true},
                   stats.source_pos);
    add_run_metric(b, d, now_ns, (struct metric){"leat.memory.usage", "By", false},
                   stats.memory_now);
    add_run_metric(b, d, now_ns, (struct metric){"leat.memory.limit", "By", false},
                   stats.memory_limit);
    for (int f = 0; f < STAGE_FIGURES; f++)
        add_stage_metric(b, d, now_ns, (enum stage_figure)f);
    buf_add(b, "]}]}]}");
}

/* --- logs ------------------------------------------------------------------------------------- */

static void add_record(struct buf *b, const struct otlp_data *d, const struct otlp_record *r)
{
    bool failed = *r->error;
    struct leat_stage_stats s = LEAT_INIT(leat_stage_stats);
    struct buf body = {.n = 0};

    if (r->stage != LEAT_NO_STAGE)
        stats_stage(d->job, r->stage, &s);
    if (r->stage != LEAT_NO_STAGE && !failed)
        buf_add(&body, "%s (#%d) ", s.name, s.number);
    buf_add(&body, "%s%s%s", log_event_name(r->kind), failed ? ": " : "", r->error);
    buf_add(b,
            "%s{\"timeUnixNano\":\"%" PRIu64 "\",\"severityNumber\":%d,\"severityText\":\"%s\","
            "\"body\":{\"stringValue\":",
            comma(b), r->at_ns, failed ? SEVERITY_ERROR : SEVERITY_INFO, failed ? "ERROR" : "INFO");
    buf_json(b, buf_text(&body));
    buf_free(&body);
    buf_add(b, "},\"traceId\":\"%s\",\"spanId\":\"%s\",\"attributes\":[", d->trace_id,
            r->stage != LEAT_NO_STAGE ? d->stages[r->stage].id : d->run.id);
    add_text(b, "leat.event", log_event_name(r->kind));
    if (r->stage != LEAT_NO_STAGE) {
        add_int(b, "leat.stage.number", (uint64_t)s.number);
        add_text(b, "leat.stage.name", s.name);
    }
    buf_add(b, "]}");
}

void otlp_logs(struct buf *b, const struct otlp_data *d)
{
    buf_add(b, "{\"resourceLogs\":[{");
    add_resource(b, d);
    buf_add(b, ",\"scopeLogs\":[{");
    add_scope(b);
    buf_add(b, ",\"logRecords\":[");
    for (size_t i = 0; i < d->n_records; i++)
        add_record(b, d, &d->records[i]);
    buf_add(b, "]}]}]}");
}
