/* head.c - what the head of a request decides: its route, and the answers that need no pipeline. */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define BUSY_S 1u /* Retry-After */

const char *head_value(const struct request *r, const char *name)
{
    return r->server->mhd.MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* --- one header, and only one, says how long the body is --------------------------------------- */

struct count {
    uint64_t bytes;
    unsigned lengths, encodings, hosts;
    bool unclear; /* another program may read the headers in another way */
};

/* libmicrohttpd keeps a space before the colon as a part of the name, and joins a line that goes on to a name without a
 * value. */
static bool is_clear_name(const char *name, size_t n)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const framing[] = {MHD_HTTP_HEADER_CONTENT_LENGTH,
                                          MHD_HTTP_HEADER_TRANSFER_ENCODING};

    for (size_t i = 0; i < sizeof framing / sizeof *framing; i++) {
        size_t length = strlen(framing[i]);

        if (n > length && strncasecmp(name, framing[i], length) == 0)
            return false;
    }
    return n > 0 && strspn(name, token) == n;
}

static bool is_clear_value(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
            return false;
    return true;
}

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                    size_t name_n, const char *value, size_t value_n)
{
    struct count *c = arg;

    (void)kind;
    c->bytes += name_n + value_n + 4; /* ": " and the end of the line */
    c->unclear = c->unclear || !is_clear_name(name, name_n) || !is_clear_value(value, value_n);
    c->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    c->encodings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    c->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    return MHD_YES;
}

/* A proxy before the server must not see other requests than the server does. */
static void check_headers(struct request *r)
{
    const char *encoding = head_value(r, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    struct count c = {.bytes = strlen(r->method) + strlen(r->path)};

    (void)r->server->mhd.MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, count_header,
                                                     &c);
    if (c.bytes > r->server->options.max_header)
        request_refuse(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "ELIMIT",
                       "the header is larger than --max-header");
    else if (c.lengths + c.encodings > 1 || c.hosts > 1)
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE",
                       "more than one header says how long the body is, or which host is meant");
    else if (c.unclear || (encoding && r->is_http_1_0))
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE",
                       "a header that not all programs read in the same way");
    else if (encoding && strcasecmp(encoding, "chunked") != 0)
        request_refuse(r, MHD_HTTP_NOT_IMPLEMENTED, "EUNSUPPORTED",
                       "the only Transfer-Encoding is chunked");
    r->closes = r->status != 0; /* the next bytes may be of the body */
}

/* --- the route -------------------------------------------------------------------------------- */

/* Note a method in the Allow of the answer. */
static void allow(struct request *r, const char *method)
{
    size_t n = strlen(r->allow);

    if (!strstr(r->allow, method))
        (void)snprintf(r->allow + n, sizeof r->allow - n, "%s%s", n > 0 ? ", " : "", method);
}

static bool method_fits(const struct request *r, const struct route *route)
{
    return strcmp(r->method, route->method) == 0 ||
           (r->is_head && strcmp(route->method, "GET") == 0);
}

static void note_methods(struct request *r, const struct route *route)
{
    allow(r, route->method);
    if (route->kind == ROUTE_DOWNLOAD)
        allow(r, "HEAD");
    allow(r, "OPTIONS");
}

static const char *find_route(struct request *r)
{
    struct server *s = r->server;
    const char *bad = NULL;

    for (size_t i = 0; i < s->n_routes && !r->route; i++) {
        struct places places;
        const char *why;

        if (!route_matches(&s->routes[i], r->path, &places, &why))
            continue;
        note_methods(r, &s->routes[i]);
        if (!method_fits(r, &s->routes[i]))
            continue;
        r->route = &s->routes[i];
        r->places = places;
        bad = why;
    }
    return bad;
}

static void look_for_route(struct request *r)
{
    bool is_options = strcmp(r->method, "OPTIONS") == 0;
    const char *bad = find_route(r);

    if (bad)
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE", bad);
    else if (is_options && (r->allow[0] || strcmp(r->path, "*") == 0))
        request_answer(r, MHD_HTTP_NO_CONTENT);
    else if (!r->route && r->allow[0])
        request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "EUSAGE",
                       "the path has no route for this method");
    else if (!r->route)
        request_refuse(r, MHD_HTTP_NOT_FOUND, "ENOENT", "there is no route for this path");
}

/* --- limits ----------------------------------------------------------------------------------- */

static void check_limits(struct request *r, const char *length)
{
    const struct server *s = r->server;
    uint64_t max = s->options.max_body;

    if (max > 0 && length && strtoull(length, NULL, 10) > max)
        request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "ELIMIT",
                       "the body is larger than --max-body");
    else if (s->stopping)
        request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "ECANCELLED", "the server is stopping");
    else if (s->n_requests > s->options.max_inflight)
        request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "ELIMIT", "too many requests at once");
    if (r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        r->retry_after_s = BUSY_S;
    if (r->status == 0)
        guard_admits(r);
}

void head_look(struct request *r)
{
    const char *length = head_value(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *expect = head_value(r, MHD_HTTP_HEADER_EXPECT);

    r->has_body = head_value(r, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
                  (length && strtoull(length, NULL, 10) > 0);
    r->body_bytes = length ? strtoull(length, NULL, 10) : r->has_body ? UINT64_MAX : 0;
    r->expects = expect && strcasecmp(expect, "100-continue") == 0;
    r->is_head = strcmp(r->method, "HEAD") == 0;
    check_headers(r);
    if (r->status == 0 && !tls_client_is_known(r))
        request_refuse(r, MHD_HTTP_FORBIDDEN, "EUSAGE", "a certificate of the client is needed");
    if (r->status == 0 && !rate_allows(r, &r->retry_after_s))
        request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, "ELIMIT", "too many requests of this client");
    if (r->status == 0 && builtin_answers(r))
        return;
    if (r->status == 0 && !auth_allows(r))
        request_refuse(r, MHD_HTTP_UNAUTHORIZED, "EUSAGE", "a bearer token is needed");
    if (r->status == 0)
        look_for_route(r);
    if (r->status == 0 && r->has_body && r->route->kind == ROUTE_DOWNLOAD)
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE", "a GET has no body");
    if (r->status == 0)
        check_limits(r, length);
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
