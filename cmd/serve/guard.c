/* guard.c - keeps the trouble of one route from the others: --max-per-route (a bulkhead) and --breaker.
 *
 * The breaker counts pipelines that fail with the exit status of the network. A pipeline that fails for another reason, such as
 * bad data, or whose client has left, tells nothing of the target. A request with several pipelines, such as a form, counts
 * once, with the first failure.
 */

#if HAVE_MICROHTTPD

#include <inttypes.h>
#include <string.h>

#include "serve.h"

#define BUSY_S 1u /* Retry-After */

static struct guard *guard_of(const struct request *r)
{
    return &r->server->guards[r->route - r->server->routes];
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* As it was given: METHOD PATH. */
static void add_route(struct buf *b, const struct route *r)
{
    buf_add(b, "%s ", r->method);
    for (size_t i = 0; i < r->n_parts; i++)
        buf_add(b, r->is_place[i] ? "/{%s}" : "/%s", r->parts[i]);
}

/* --- the breaker ------------------------------------------------------------------------------ */

static void log_change(const struct request *r, enum breaker_state state)
{
    const struct server *s = r->server;
    struct buf route = {.n = 0}, line = {.n = 0};
    double seconds = (double)s->options.breaker.open_ms / 1000;
    bool opened = state == BREAKER_OPEN;

    add_route(&route, r->route);
    if (s->config->json) {
        buf_add(&line, "{\"type\":\"breaker\",\"route\":");
        buf_json(&line, buf_text(&route));
        buf_add(&line, ",\"state\":\"%s\"}\n", opened ? "open" : "closed");
    } else {
        buf_add(&line, "leat: route ");
        buf_shown(&line, buf_text(&route));
        if (opened)
            buf_add(&line, ": the network fails; requests are answered 503 for %g s\n", seconds);
        else
            buf_add(&line, ": the network works again\n");
    }
    if (!s->config->quiet)
        writer_put(&r->server->log, &line, WRITER_EVENT);
    buf_free(&line);
    buf_free(&route);
}

static void judge(struct request *r, enum breaker_result result)
{
    struct guard *g = guard_of(r);
    enum breaker_state before = g->breaker.state;

    if (r->judged)
        return;
    r->judged = true;
    breaker_end(&g->breaker, &r->server->options.breaker, now_ms(), r->pass, result);
    if (g->breaker.state == before)
        return;
    g->opened += before == BREAKER_CLOSED;
    /* A trial that told nothing is no change. */
    if (result != BREAKER_OTHER)
        log_change(r, g->breaker.state);
}

void guard_pipeline_done(struct request *r, const struct leat_error *error)
{
    bool network = error && leat_exit_status(error->code) == leat_exit_status(LEAT_ENETWORK);

    if (!error && r->form)
        r->result = BREAKER_SUCCESS; /* unless another file fails */
    else if (!error)
        judge(r, BREAKER_SUCCESS);
    else if (network && r->connection &&
             !r->has_left) /* else the client that left may be the reason */
        judge(r, BREAKER_FAILURE);
}

/* --- requests --------------------------------------------------------------------------------- */

static void refuse(struct request *r, const char *code, const char *why, uint64_t wait_ms)
{
    guard_of(r)->refused++;
    r->retry_after_s = wait_ms < BUSY_S * 1000 ? BUSY_S : (unsigned)((wait_ms + 999) / 1000);
    request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, code, why);
}

void guard_admits(struct request *r)
{
    const struct serve_options *o = &r->server->options;
    struct guard *g = guard_of(r);
    uint64_t wait_ms;

    if (o->max_per_route > 0 && g->n_requests >= o->max_per_route) {
        refuse(r, "ELIMIT", "too many requests at once for this path", 0);
        return;
    }
    wait_ms = breaker_allow(&g->breaker, &o->breaker, now_ms(), &r->pass);
    if (wait_ms > 0) {
        refuse(r, "ENETWORK", "the network of this path has failed; it is left alone for a time",
               wait_ms);
        return;
    }
    r->admitted = true;
    g->n_requests++;
}

void guard_leaves(struct request *r)
{
    if (!r->admitted)
        return;
    guard_of(r)->n_requests--;
    judge(r, r->result);
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* A line of a route. Two routes may have the same text, so there is a number as well. */
static void add_value(struct buf *b, const struct server *s, size_t i, const char *name,
                      uint64_t value)
{
    struct buf route = {.n = 0};

    add_route(&route, &s->routes[i]);
    buf_add(b, "leat_serve_%s{number=\"%zu\",route=\"", name, i + 1);
    for (const char *at = buf_text(&route); *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_add(b, "\\");
        buf_bytes(b, at, 1);
    }
    buf_add(b, "\"} %" PRIu64 "\n", value);
    buf_free(&route);
}

static uint64_t requests(const struct guard *g)
{
    return g->n_requests;
}

static uint64_t refused(const struct guard *g)
{
    return g->refused;
}

static uint64_t opened(const struct guard *g)
{
    return g->opened;
}

static uint64_t state(const struct guard *g)
{
    return (uint64_t)g->breaker.state;
}

void guard_metrics(struct buf *b, const struct server *s)
{
    static const struct {
        const char *name, *type, *help;
        uint64_t (*value)(const struct guard *);
        bool of_breaker;
    } families[] = {
        {"route_requests", "gauge", "Requests of the route now.", requests, false},
        {"route_refused_total", "counter",
         "Requests that --max-per-route or --breaker have refused.", refused, false},
        {"breaker_state", "gauge", "Of --breaker: 0 closed, 1 half-open, 2 open.", state, true},
        {"breaker_opened_total", "counter", "How often it was opened while it was closed.", opened,
         true},
    };

    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        const char *name = families[f].name;

        if (families[f].of_breaker && s->options.breaker.failures == 0)
            continue;
        buf_add(b, "# HELP leat_serve_%s %s\n# TYPE leat_serve_%s %s\n", name, families[f].help,
                name, families[f].type);
        for (size_t i = 0; i < s->n_routes; i++)
            add_value(b, s, i, name, families[f].value(&s->guards[i]));
    }
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
