/* served.c - what the server answers about itself: /healthz, /readyz and /metrics, the latter as text for Prometheus. */

#if HAVE_MICROHTTPD

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "serve.h"

/* Upper bounds of the buckets of durations, in milliseconds. */
static const unsigned bounds_ms[METRICS_BUCKETS] = {5, 25, 100, 500, 2500, 10000, 60000, 600000};

void served_count(const struct request *r)
{
    struct served *m = &r->server->served;
    uint64_t ms = (uv_hrtime() - r->begun_ns) / 1000000;
    size_t bucket = 0;

    if (r->answered && !r->is_cut && r->status >= 100 && r->status < 100 + METRICS_STATUSES)
        m->answers[r->status - 100]++;
    else
        m->left++;
    m->bytes_in += r->bytes_in;
    m->bytes_out += r->bytes_out;
    while (bucket < METRICS_BUCKETS && ms > bounds_ms[bucket])
        bucket++;
    m->durations[bucket]++;
    m->duration_ms += ms;
}

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_add(b, "# HELP leat_serve_%s %s\n# TYPE leat_serve_%s %s\n", name, help, name, type);
}

static void number(struct buf *b, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    family(b, name, type, help);
    buf_add(b, "leat_serve_%s %" PRIu64 "\n", name, value);
}

static void add_durations(struct buf *b, const struct served *m)
{
    uint64_t sum = 0;

    family(b, "request_duration_seconds", "histogram",
           "Time from the head of a request to the end of its answer.");
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        sum += m->durations[i];
        buf_add(b, "leat_serve_request_duration_seconds_bucket{le=\"%.3f\"} %" PRIu64 "\n",
                bounds_ms[i] / 1000.0, sum);
    }
    sum += m->durations[METRICS_BUCKETS];
    buf_add(b, "leat_serve_request_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
    buf_add(b, "leat_serve_request_duration_seconds_sum %.3f\n", (double)m->duration_ms / 1000);
    buf_add(b, "leat_serve_request_duration_seconds_count %" PRIu64 "\n", sum);
}

static void add_metrics(struct buf *b, const struct server *s)
{
    const struct served *m = &s->served;

    family(b, "build_info", "gauge", "The version, as a label.");
    buf_add(b, "leat_serve_build_info{version=\"%s\"} 1\n", LEAT_VERSION);
    family(b, "requests_total", "counter", "Requests that were answered, by status.");
    for (unsigned i = 0; i < METRICS_STATUSES; i++)
        if (m->answers[i] > 0)
            buf_add(b, "leat_serve_requests_total{status=\"%u\"} %" PRIu64 "\n", i + 100,
                    m->answers[i]);
    number(b, "requests_left_total", "counter", "Requests whose client left before the answer.",
           m->left);
    number(b, "received_bytes_total", "counter", "Bytes of bodies that were received.",
           m->bytes_in);
    number(b, "sent_bytes_total", "counter", "Bytes of bodies that were sent.", m->bytes_out);
    add_durations(b, m);
    number(b, "requests", "gauge", "Requests now.", s->n_requests);
    number(b, "pipelines", "gauge", "Pipelines that run now.", s->n_running);
    number(b, "connections", "gauge", "Connections now.", s->n_connections);
    number(b, "memory_limit_bytes", "gauge", "The limit of all pipelines together.",
           s->running_max * s->options.request_memory);
    number(b, "memory_free_bytes", "gauge", "The part of the limit that no pipeline has.",
           (s->running_max - s->n_running) * s->options.request_memory);
    guard_metrics(b, s);
    number(b, "stopping", "gauge", "1 after the signal to stop.", s->stopping);
}

bool builtin_answers(struct request *r)
{
    bool health = strcmp(r->path, "/healthz") == 0, ready = strcmp(r->path, "/readyz") == 0;
    bool metrics = strcmp(r->path, "/metrics") == 0;

    if (!health && !ready && !metrics)
        return false;
    if (strcmp(r->method, "GET") != 0 && !r->is_head) {
        (void)snprintf(r->allow, sizeof r->allow, "GET, HEAD");
        request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "EUSAGE", "the path is only read");
        return true;
    }
    if (metrics && !auth_allows(r)) {
        request_refuse(r, MHD_HTTP_UNAUTHORIZED, "EUSAGE", "a bearer token is needed");
        return true;
    }
    r->content_type = metrics ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain";
    if (metrics)
        add_metrics(&r->body, r->server);
    else
        buf_add(&r->body, ready && r->server->stopping ? "stopping\n" : "ok\n");
    request_answer(r, ready && r->server->stopping ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK);
    return true;
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
