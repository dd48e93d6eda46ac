/* options.c - the options of `leat serve`: one table for parsing, help and completion. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

enum {
    OPT_LISTEN,
    OPT_ROUTE,
    OPT_MAX_BODY,
    OPT_MAX_HEADER,
    OPT_MAX_CONNECTIONS,
    OPT_MAX_INFLIGHT,
    OPT_MAX_PER_ROUTE,
    OPT_BREAKER,
    OPT_REQUEST_MEMORY,
    OPT_RATE,
    OPT_TOKEN_FILE,
    OPT_CERT,
    OPT_KEY,
    OPT_CLIENT_CA,
    OPT_DRAIN,
    N_OPTIONS,
};

const struct global_option serve_options[] = {
    [OPT_LISTEN] = {.name = "listen",
                    .metavar = "ADDRESS",
                    .help = "listen at HOST:PORT, [IPV6]:PORT or unix:PATH; default: "
                            "127.0.0.1:8080, or the sockets of systemd; can be repeated"},
    [OPT_ROUTE] = {.name = "route",
                   .metavar = "ROUTE",
                   .help = "METHOD PATH : PIPELINE; can be repeated"},
    [OPT_MAX_BODY] = {.name = "max-body",
                      .metavar = "SIZE",
                      .help = "the largest body that is accepted; default: no limit"},
    [OPT_MAX_HEADER] = {.name = "max-header",
                        .metavar = "SIZE",
                        .help = "the largest header that is accepted, 1K to 32K; default: 16K"},
    [OPT_MAX_CONNECTIONS] = {.name = "max-connections",
                             .metavar = "N",
                             .help =
                                 "connections at once; others wait; default: 1024, or half of the "
                                 "descriptors that the process may have (ulimit -n)"},
    [OPT_MAX_INFLIGHT] = {.name = "max-inflight",
                          .metavar = "N",
                          .help = "requests at once; others are answered 503; default: 1024"},
    [OPT_MAX_PER_ROUTE] = {.name = "max-per-route",
                           .metavar = "N",
                           .help = "requests at once of each route; others are answered 503; "
                                   "default: no limit"},
    [OPT_BREAKER] = {.name = "breaker",
                     .metavar = "N[/TIME]",
                     .help = "after N failures of the network in a row, answer requests of the "
                             "route 503 for TIME (30s), then let one try"},
    [OPT_REQUEST_MEMORY] = {.name = "request-memory",
                            .metavar = "SIZE",
                            .help = "the part of --memory that each request has; a request waits "
                                    "while others have it all; default: 8M"},
    [OPT_RATE] = {.name = "rate",
                  .metavar = "N",
                  .help = "requests a second of each client; others are answered 429; default: no "
                          "limit"},
    [OPT_TOKEN_FILE] = {.name = "token-file",
                        .metavar = "FILE",
                        .help =
                            "answer only requests with a bearer token of FILE, one on each line"},
    [OPT_CERT] = {.name = "cert",
                  .metavar = "FILE",
                  .help =
                      "speak TLS, with this certificate and those that follow it, in PEM format"},
    [OPT_KEY] = {.name = "key", .metavar = "FILE", .help = "the private key of --cert"},
    [OPT_CLIENT_CA] = {.name = "client-ca",
                       .metavar = "FILE",
                       .help = "answer only clients with a certificate that is signed by this one"},
    [OPT_DRAIN] = {.name = "drain",
                   .metavar = "TIME",
                   .help = "how long requests may go on after SIGTERM or SIGINT; default: 30s"},
};
const size_t n_serve_options = N_OPTIONS;

const char serve_manual[] =
    "A part of the path in braces, such as {name}, is a name that the client chooses. The same in a "
    "word of the pipeline is replaced by it. The body of a PUT or POST goes into the pipeline; the "
    "answer is 201 after the outputs of the pipeline have appeared, or says why they have not. "
    "For example:\n\n"
    "leat serve --route 'PUT /in/{name} : gunzip : zstd : write data/{name}.zst'\n\n"
    "-f reads routes from a file, one on each line. --timeout is how long a client may do nothing; its default is 30s. --memory is for all "
    "requests together.";

#define REQUEST_MEMORY ((uint64_t)8 << 20)
#define HEADER_DEFAULT ((uint64_t)16 << 10)
#define HEADER_MIN ((uint64_t)1 << 10)
#define HEADER_MAX ((uint64_t)32 << 10)
#define TIME_MS 30000u
#define ROUTES_TEXT_MAX ((size_t)1 << 20)

static int bad(const struct config *c, const struct own_word *w, const char *wanted)
{
    return message_fail(c, LEAT_EUSAGE, "option --%s: '%s' is not %s",
                        serve_options[w->option].name, w->value, wanted);
}

static int size_of(const struct config *c, const struct own_word *w, uint64_t min, uint64_t max,
                   const char *wanted, uint64_t *ret)
{
    uint64_t v;

    if (leat_parse_size(w->value, &v) < 0 || v < min || v > max)
        return bad(c, w, wanted);
    *ret = v;
    return 0;
}

static int count_of(const struct config *c, const struct own_word *w, uint64_t *ret)
{
    if (w->value[strspn(w->value, "0123456789")] != '\0')
        return bad(c, w, "a number from 1 to 1000000");
    return size_of(c, w, 1, 1000000, "a number from 1 to 1000000", ret);
}

static int add_text(const struct config *c, const struct own_word *w, const char **texts, size_t *n,
                    size_t max)
{
    if (*n == max)
        return message_fail(c, LEAT_EUSAGE, "option --%s: more than %zu of them",
                            serve_options[w->option].name, max);
    texts[(*n)++] = w->value;
    return 0;
}

static int read_one(const struct config *c, const struct own_word *w, struct serve_options *o)
{
    switch (w->option) {
    case OPT_LISTEN:
        return add_text(c, w, o->listen, &o->n_listen, LISTEN_MAX);
    case OPT_ROUTE:
        return add_text(c, w, o->routes, &o->n_routes, ROUTES_MAX);
    case OPT_MAX_BODY:
        return size_of(c, w, 1, UINT64_MAX, "a size such as 10G", &o->max_body);
    case OPT_MAX_HEADER:
        return size_of(c, w, HEADER_MIN, HEADER_MAX, "a size from 1K to 32K", &o->max_header);
    case OPT_MAX_CONNECTIONS:
        return count_of(c, w, &o->max_connections);
    case OPT_MAX_INFLIGHT:
        return count_of(c, w, &o->max_inflight);
    case OPT_MAX_PER_ROUTE:
        return count_of(c, w, &o->max_per_route);
    case OPT_BREAKER:
        if (breaker_parse(w->value, &o->breaker) < 0)
            return bad(c, w, "N or N/TIME, such as 5/30s");
        return 0;
    case OPT_RATE:
        return count_of(c, w, &o->rate);
    case OPT_CERT:
        o->cert = w->value;
        return 0;
    case OPT_KEY:
        o->key = w->value;
        return 0;
    case OPT_CLIENT_CA:
        o->client_ca = w->value;
        return 0;
    case OPT_TOKEN_FILE:
        o->token_file = w->value;
        return 0;
    case OPT_REQUEST_MEMORY:
        return size_of(c, w, LEAT_MEMORY_MIN, UINT64_MAX, "a size of 1M or more",
                       &o->request_memory);
    default:
        if (leat_parse_duration(w->value, &o->drain_ms) < 0)
            return bad(c, w, "a duration such as 30s");
        return 0;
    }
}

/* Split the text into routes: one a line, unless the line ends in a backslash. */
static int split_routes(const struct config *c, struct serve_options *o)
{
    for (char *line = o->routes_text, *next; line; line = next) {
        char *end = strchr(line, '\n');

        while (end && end > line && end[-1] == '\\') {
            end[-1] = end[0] = ' ';
            end = strchr(end, '\n');
        }
        if (end)
            *end = '\0';
        next = end ? end + 1 : NULL;
        line += strspn(line, " \t\r\n");
        if (*line == '\0' || *line == '#')
            continue;
        if (o->n_routes == ROUTES_MAX)
            return message_fail(c, LEAT_EUSAGE, "more than %u routes", ROUTES_MAX);
        o->routes[o->n_routes++] = line;
    }
    return 0;
}

static int read_routes(const struct config *c, struct serve_options *o)
{
    FILE *file = fopen(c->file, "re");
    size_t n = 0;
    int status = 0;

    o->routes_text = file ? malloc(ROUTES_TEXT_MAX) : NULL;
    if (o->routes_text)
        n = fread(o->routes_text, 1, ROUTES_TEXT_MAX - 1, file);
    if (!file || (o->routes_text && ferror(file)))
        status = message_fail(c, !file && errno == ENOENT ? LEAT_ENOENT : LEAT_EIO, "%s: %s",
                              c->file, strerror(errno));
    else if (!o->routes_text)
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
    else if (n == ROUTES_TEXT_MAX - 1 || memchr(o->routes_text, '\0', n))
        status = message_fail(c, LEAT_EUSAGE, "%s: not a file of routes", c->file);
    if (file)
        (void)fclose(file); /* it was read only */
    if (status != 0)
        return status;
    o->routes_text[n] = '\0';
    return split_routes(c, o);
}

void serve_options_done(struct serve_options *o)
{
    free(o->routes_text);
    o->routes_text = NULL;
}

int serve_options_read(const struct config *c, struct serve_options *o)
{
    uint64_t memory = c->settings.memory ? c->settings.memory : LEAT_MEMORY_DEFAULT;
    int status = 0;

    *o = (struct serve_options){.max_header = HEADER_DEFAULT,
                                .max_connections = 1024,
                                .max_inflight = 1024,
                                .request_memory = REQUEST_MEMORY < memory ? REQUEST_MEMORY : memory,
                                .timeout_ms =
                                    c->settings.timeout_ms ? c->settings.timeout_ms : TIME_MS,
                                .drain_ms = TIME_MS};
    for (size_t i = 0; i < c->n_own && status == 0; i++)
        status = read_one(c, &c->own[i], o);
    if (status == 0 && c->file)
        status = read_routes(c, o);
    if (status == 0 && o->n_routes == 0)
        return message_fail(c, LEAT_EUSAGE,
                            "serve: there is no --route, such as --route 'PUT /in/{name} : zstd : "
                            "write data/{name}.zst'");
    if (status == 0 && o->request_memory > memory)
        return message_fail(c, LEAT_EUSAGE, "option --request-memory: more than --memory");
    return status;
}
