/* put.c - the writable of a URL: the stream is the body of one request, whose end is sent only when the whole pipeline has
 * succeeded.
 *
 * The body is sent as it comes. Its end, the last chunk or the last byte, is held back until the commit, so that a server that
 * acts on complete requests only stores nothing of a pipeline that fails: the connection is cut off then.
 */

#include "client.h"

extern const struct leat_stage_type leat_stage_put;

#define SUMMARY "write to a URL of http, https (PUT or POST) or sftp"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "headers.h"
#include "http.h"
#include "net_options.h"
#include "sftp.h"

#define NO_SIZE ((uint64_t)INT64_MAX)
#define HEADERS_MAX ((size_t)100)
#define CONNECT_MS ((uint64_t)30000)
#define UNDO_MS ((uint64_t)10000)

enum { METHOD_PUT, METHOD_POST };

struct put_params {
    struct leat_net_options net;
    struct leat_strings warn_if;
    uint64_t size;
    const char *certificate, *key, *known_hosts;
    int method, force;
};

struct put {
    struct leat_stage *stage;
    const struct put_params *params;
    struct leat_client *client;
    struct leat_exchange *exchange;
    struct leat_exchange *look; /* sftp: is the file there? */
    struct leat_sftp *sftp;     /* NULL: the URL is one of HTTP */
    bool is_looked, is_committed;
    bool is_sent;   /* the end of the body was given */
    uint64_t pos;   /* bytes of the body, with the one that is held back */
    uint64_t moved; /* leat_exchange_moved at the time of `since_ns` */
    uint64_t since_ns;
    bool has_last;
    uint8_t last; /* the last byte of --size */
    size_t n_headers;
    const char *headers[HEADERS_MAX + 2];
    char netrc[LEAT_NETRC_PATH_MAX], shown[512];
};

static const char *method_of(const struct put *p)
{
    return p->params->method == METHOD_POST ? "POST" : "PUT";
}

/* --- the answer ------------------------------------------------------------------------------- */

static int fail_status(struct put *p, long status)
{
    char line[200];
    const char *location = leat_exchange_header(p->exchange, "Location");

    leat_reply_line(leat_exchange_reply(p->exchange), line, sizeof line);
    if (status == 412 && !p->params->force && p->params->method == METHOD_PUT)
        return leat_fail(p->stage, LEAT_EEXIST, "%s exists; --force overwrites it", p->shown);
    if (status >= 300 && status < 400 && *location)
        return leat_fail(p->stage, LEAT_ENETWORK,
                         "%s: the server answered %ld and wants another URL: %.200s; give that one",
                         p->shown, status, location);
    return leat_fail(p->stage, LEAT_ENETWORK, "%s: the server answered %ld%s%s%s%s", p->shown,
                     status, *line ? " '" : "", line, *line ? "'" : "",
                     status == 401 ? "; give a user and a password with --netrc, or a token with "
                                     "--header=@FILE"
                                   : "");
}

static int fail_why(struct put *p, const struct leat_exchange *x)
{
    return leat_fail(p->stage, LEAT_ENETWORK, "%s: %s%s", p->shown, leat_exchange_why(x),
                     p->sftp && leat_exchange_state(x) == LEAT_EXCHANGE_REFUSED
                         ? "; is the host in --known-hosts, and the key accepted?"
                         : "");
}

/* The exchange has ended. Returns 0 if all was accepted, or fails. */
static int check_answer(struct put *p)
{
    long status = leat_exchange_status(p->exchange);

    leat_assert(leat_exchange_state(p->exchange) != LEAT_EXCHANGE_RUNS);
    if (status >= 300)
        return fail_status(p, status);
    if (leat_exchange_state(p->exchange) != LEAT_EXCHANGE_ANSWERED)
        return fail_why(p, p->exchange);
    if (!leat_exchange_sent_all(p->exchange))
        return leat_fail(p->stage, LEAT_ENETWORK,
                         "%s: the server answered %ld before the end of the data was sent",
                         p->shown, status);
    return 0;
}

/* An answer that accepts the request may have something to say: --warn-if. */
static void look_for_warning(struct put *p)
{
    const char *reply = leat_exchange_reply(p->exchange);
    const struct leat_strings *texts = &p->params->warn_if;
    char line[400];
    size_t n = 0, i = 0;

    while (i < texts->n && !strstr(reply, texts->v[i]))
        i++;
    if (i == texts->n)
        return;
    for (; *reply && n < sizeof line - 1; reply++)
        if ((unsigned char)*reply > ' ' || (n > 0 && line[n - 1] != ' '))
            line[n++] = (unsigned char)*reply > ' ' ? *reply : ' ';
    line[n] = '\0';
    leat_warning(p->stage, "%.60s: the server accepted it and answered: %s", p->shown, line);
}

static bool has_ended(const struct put *p)
{
    return leat_exchange_state(p->exchange) != LEAT_EXCHANGE_RUNS;
}

/* Is the server too slow? `waits` says if the stage waits for it now. Returns the milliseconds until it is, or fails. */
static int64_t check_time(struct put *p, bool waits)
{
    uint64_t now = leat_http_now_ns(), moved = p->exchange ? leat_exchange_moved(p->exchange) : 0,
             ms;

    if (!waits || moved != p->moved || p->since_ns == 0) {
        p->moved = moved;
        p->since_ns = waits ? now : 0;
        return (int64_t)p->params->net.stall_ms;
    }
    ms = (now - p->since_ns) / 1000000;
    if (ms >= p->params->net.stall_ms)
        return leat_fail(p->stage, LEAT_ENETWORK,
                         "%s: the server accepted no data and gave no answer for %" PRIu64
                         " ms; see --stall-time",
                         p->shown, ms);
    return (int64_t)(p->params->net.stall_ms - ms);
}

/* --- the body --------------------------------------------------------------------------------- */

static int begin(struct put *p)
{
    struct leat_client_request q = {.method = method_of(p),
                                    .url = p->sftp ? p->sftp->url : leat_operands(p->stage)->v[0],
                                    .ssh = p->sftp ? &p->sftp->ssh : NULL,
                                    .headers = p->headers,
                                    .size = p->params->size == NO_SIZE ? LEAT_CLIENT_UNKNOWN
                                                                       : p->params->size,
                                    .fed = true};

    return leat_exchange_begin(p->client, &q, &p->exchange);
}

static int wrong_size(struct put *p, int code, const char *how)
{
    return leat_fail(p->stage, code, "the data is %s than --size=%" PRIu64, how, p->params->size);
}

/* sftp: a file that is there is an error before any data is sent, unless --force is given. Returns 0: go on; 1: it is not known
 * yet; or fails. */
static int look(struct put *p)
{
    const struct leat_client_ssh ssh = {.known_hosts = p->sftp->files.known_hosts,
                                        .key = p->sftp->ssh.key};
    struct leat_client_request q = {
        .method = "GET", .url = leat_operands(p->stage)->v[0], .ssh = &ssh};
    int r = p->look ? 0 : leat_exchange_begin(p->client, &q, &p->look);

    if (r == 0)
        r = leat_client_drive(p->client, 0);
    if (r < 0)
        return r;
    switch (leat_exchange_state(p->look)) {
    case LEAT_EXCHANGE_RUNS:
        return 1;
    case LEAT_EXCHANGE_ABSENT:
        p->is_looked = true;
        return 0;
    case LEAT_EXCHANGE_ANSWERED:
        return leat_fail(p->stage, LEAT_EEXIST, "%s exists; --force overwrites it", p->shown);
    default:
        return fail_why(p, p->look);
    }
}

/* Send what fits of n bytes; the last byte of --size is kept. Returns how many were used, or fails. */
static ssize_t feed(struct put *p, const uint8_t *data, size_t n)
{
    bool last = p->params->size != NO_SIZE && n == p->params->size - p->pos;
    ssize_t used;

    used = n > last ? leat_exchange_feed(p->exchange, data, n - last) : 0;
    if (used < 0)
        return used;
    if (last && (size_t)used == n - 1) {
        p->last = data[used++];
        p->has_last = true;
    }
    p->pos += (uint64_t)used;
    return used;
}

/* The connection is full, or does not ask for the end yet: step is called again when it is not, or the server is too slow. */
static int wait_for_server(struct put *p)
{
    int64_t ms = check_time(p, true);

    if (ms < 0)
        return (int)ms;
    leat_wait_fd(p->stage, leat_client_fd(p->client), false);
    leat_wait_ms(p->stage, (uint64_t)ms);
    return LEAT_WAIT;
}

/* Send what can be sent without a wait. */
static int send_some(struct put *p, struct leat_in *in)
{
    ssize_t used = 1;

    while (used > 0 && in->pos < in->len) {
        used = feed(p, in->data + in->pos, in->len - in->pos);
        in->pos += used > 0 ? (size_t)used : 0;
        if (used > 0 && in->pos < in->len)
            (void)check_time(p, false);
    }
    return used < 0 ? (int)used : in->pos < in->len ? 0 : leat_client_drive(p->client, 0);
}

/* A wait at the end is here and not in prepare, where it could not be cancelled. */
static int put_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct put *p = leat_state(s);
    int r;

    (void)out;
    r = p->is_looked ? 0 : look(p);
    if (r != 0)
        return r < 0 ? r : wait_for_server(p);
    if (p->params->size == 0 && in->pos == in->len) /* all of it is sent in the commit */
        return in->end ? LEAT_END : LEAT_MORE;
    r = p->exchange ? 0 : begin(p);
    if (r == 0 && in->len - in->pos > p->params->size - p->pos)
        r = wrong_size(p, LEAT_ELIMIT, "longer");
    if (r >= 0)
        r = send_some(p, in);
    if (r < 0)
        return r;
    if (has_ended(p)) {
        r = check_answer(p);
        return r < 0 ? r : LEAT_END;
    }
    if (in->pos < in->len)
        return wait_for_server(p);
    if (in->end && p->params->size != NO_SIZE && p->pos < p->params->size)
        return wrong_size(p, LEAT_ETRUNCATED, "shorter");
    if (in->end && !leat_exchange_is_hungry(p->exchange))
        return wait_for_server(p);
    (void)check_time(p, false);
    if (in->end)
        return LEAT_END;
    leat_watch_fd(s, leat_client_fd(p->client));
    return LEAT_MORE;
}

/* An answer that comes early is noticed although no data comes. */
static int put_watch(struct leat_stage *s)
{
    struct put *p = leat_state(s);
    int r = leat_client_drive(p->client, 0);

    if (r >= 0 && has_ended(p))
        r = check_answer(p);
    if (r >= 0 && !has_ended(p))
        leat_watch_fd(s, leat_client_fd(p->client));
    return r < 0 ? r : LEAT_MORE;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Drive until the exchange has ended, or all was sent that may be sent before the end. */
static int drive_until_hungry(struct put *p)
{
    int64_t r = 0;

    while (r >= 0 && !has_ended(p) && !leat_exchange_is_hungry(p->exchange)) {
        r = check_time(p, true);
        if (r >= 0)
            r = leat_client_drive(p->client, r < 60000 ? (int)r : 60000);
    }
    return r < 0 ? (int)r : 0;
}

static int put_prepare(struct leat_stage *s)
{
    struct put *p = leat_state(s);
    int r = p->exchange ? drive_until_hungry(p) : 0;

    return r == 0 && p->exchange && has_ended(p) ? check_answer(p) : r;
}

static int send_end(struct put *p)
{
    ssize_t r = 0;

    leat_assert(!p->is_sent);
    p->is_sent = true;
    if (p->has_last && !has_ended(p))
        r = leat_exchange_feed(p->exchange, &p->last, 1);
    return r < 0 ? (int)r : leat_exchange_end_body(p->exchange);
}

/* It is called again while there is no answer. */
static int put_commit(struct leat_stage *s)
{
    struct put *p = leat_state(s);
    int r = p->exchange ? leat_client_drive(p->client, 0) : begin(p); /* is there an answer? */

    if (r >= 0 && !p->is_sent)
        r = send_end(p);
    if (r >= 0 && !has_ended(p))
        r = leat_client_drive(p->client, 0);
    if (r >= 0 && !has_ended(p))
        return wait_for_server(p);
    if (r >= 0)
        r = check_answer(p);
    if (r == 0)
        look_for_warning(p);
    p->is_committed = r == 0;
    return r;
}

/* sftp: the temporary file of a run that failed. */
static void remove_temporary(struct put *p)
{
    const struct leat_client_ssh ssh = {.known_hosts = p->sftp->files.known_hosts,
                                        .key = p->sftp->ssh.key,
                                        .before = p->sftp->undo};
    struct leat_client_request q = {
        .method = "HEAD", .url = leat_operands(p->stage)->v[0], .ssh = &ssh};
    uint64_t end = leat_http_now_ns() + UNDO_MS * 1000000, now;
    struct leat_exchange *x;
    int r = leat_exchange_begin(p->client, &q, &x);

    while (r >= 0 && leat_exchange_state(x) == LEAT_EXCHANGE_RUNS &&
           (now = leat_http_now_ns()) < end)
        r = leat_client_drive(p->client, (int)((end - now) / 1000000) + 1);
    if (r < 0 || leat_exchange_state(x) != LEAT_EXCHANGE_ANSWERED)
        leat_warning(p->stage, "%s: the temporary file could not be removed: %s", p->shown,
                     strrchr(p->sftp->url, '/') + 1);
    leat_exchange_free(x);
}

/* --- the stage -------------------------------------------------------------------------------- */

static struct leat_client_options client_options(const struct put_params *p, bool is_sftp,
                                                 char *netrc)
{
    return (struct leat_client_options){
        .ca = p->net.ca,
        .certificate = p->certificate,
        .key = is_sftp ? NULL : p->key,
        .netrc = leat_netrc_path(p->net.netrc != 0, p->net.netrc_file, netrc),
        .connect_ms = CONNECT_MS};
}

static int put_plan(struct leat_stage *s)
{
    const struct put_params *p = leat_params(s);
    char netrc[LEAT_NETRC_PATH_MAX];
    const char *url = leat_operands(s)->v[0];
    bool is_sftp = leat_sftp_is_url(url);
    struct leat_client_options options = client_options(p, is_sftp, netrc);
    int r = leat_client_plan(s, &options);

    if (r == 0 && is_sftp)
        r = leat_sftp_plan(s, url, p->known_hosts, p->key);
    else if (r == 0 && !leat_http_is_url(url))
        r = leat_fail(s, LEAT_EUSAGE, "the URL must begin with http://, https:// or sftp://");
    return r < 0 ? r : leat_headers_plan(s, &p->net.headers);
}

/* The line is in a file that the engine keeps, or it is a word; but the line of a file has no NUL. */
static int keep_header(void *arg, const char *line)
{
    static const char *const own[] = {"Content-Length:", "Transfer-Encoding:", "Expect:"};
    struct put *p = arg;
    size_t n = strlen(line) + 1;
    char *copy;

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strncasecmp(line, own[i], strlen(own[i])) == 0)
            return leat_fail(p->stage, LEAT_EUSAGE,
                             "--header: %.*s belongs to the stage; see --size",
                             (int)strlen(own[i]) - 1, own[i]);
    if (p->n_headers == HEADERS_MAX)
        return leat_fail(p->stage, LEAT_EUSAGE, "--header: more than %zu headers", HEADERS_MAX);
    copy = leat_alloc(p->stage, n);
    if (!copy)
        return LEAT_ENOMEM;
    memcpy(copy, line, n);
    p->headers[p->n_headers++] = copy;
    return 0;
}

static int open_sftp(struct put *p)
{
    p->sftp = leat_alloc(p->stage, sizeof *p->sftp);
    if (!p->sftp)
        return LEAT_ENOMEM;
    return leat_sftp_init(p->stage, p->client, p->sftp, leat_operands(p->stage)->v[0],
                          p->params->known_hosts, p->params->key, p->params->force != 0);
}

static int put_open(struct leat_stage *s)
{
    struct put *p = leat_state(s);
    struct leat_client_options options;
    int r;

    p->stage = s;
    p->params = leat_params(s);
    p->is_looked = p->params->force || !leat_sftp_is_url(leat_operands(s)->v[0]);
    options = client_options(p->params, leat_sftp_is_url(leat_operands(s)->v[0]), p->netrc);
    r = leat_client_open(s, &options, &p->client);
    if (r == 0 && !leat_client_show(p->client, leat_operands(s)->v[0], p->shown, sizeof p->shown))
        r = leat_fail(s, LEAT_EUSAGE, "the URL is malformed");
    if (r == 0)
        r = leat_headers_each(s, &p->params->net.headers, keep_header, p);
    if (r == 0 && !p->params->force && p->params->method == METHOD_PUT)
        r = keep_header(p, "If-None-Match: *");
    return r == 0 && leat_sftp_is_url(leat_operands(s)->v[0]) ? open_sftp(p) : r;
}

static void put_close(struct leat_stage *s)
{
    struct put *p = leat_state(s);

    bool begun = p->exchange != NULL;

    if (p->is_sent && !has_ended(p) && !p->sftp)
        leat_warning(
            s,
            "%s: the whole request was sent, and there is no answer: the server may have stored it",
            p->shown);
    leat_exchange_free(p->look);
    leat_exchange_free(p->exchange);
    if (p->sftp && begun && !p->is_committed)
        remove_temporary(p);
    leat_free(s, p->sftp);
    leat_client_close(p->client);
    for (size_t i = 0; i < p->n_headers; i++)
        leat_free(s, (void *)(uintptr_t)p->headers[i]);
}

#define AT(field) offsetof(struct put_params, field)
static const struct leat_option put_options[] = {
    {.name = "method",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(method),
     .choices = "PUT|POST",
     .metavar = "METHOD",
     .help = "of the request"},
    {.name = "size",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(size),
     .metavar = "SIZE",
     .initial = INT64_MAX,
     .help = "send a Content-Length; the data must have so many bytes"},
    {.name = "force",
     .short_name = 'f',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(force),
     .help = "overwrite what is there: do not send If-None-Match: *"},
    LEAT_NET_HEADER(AT(net), "send this header, or those in @FILE"),
    {.name = "warn-if",
     .kind = LEAT_OPT_LIST,
     .offset = AT(warn_if),
     .metavar = "TEXT",
     .help = "warn, and show the answer, if it is 2xx and has this text"},
    LEAT_NET_STALL(AT(net), "stall-time",
                   "fail if the server accepts no data, or gives no answer, for so long"),
    LEAT_NET_CA(AT(net)),
    {.name = "cert",
     .kind = LEAT_OPT_STRING,
     .offset = AT(certificate),
     .metavar = "FILE",
     .help = "show the server this certificate (PEM)"},
    {.name = "key",
     .kind = LEAT_OPT_STRING,
     .offset = AT(key),
     .metavar = "FILE",
     .help =
         "the private key of --cert (PEM), if it is in another file; sftp: the private key of the user"},
    {.name = "known-hosts",
     .kind = LEAT_OPT_STRING,
     .offset = AT(known_hosts),
     .metavar = "FILE",
     .help = "sftp: the keys of hosts, instead of ~/.ssh/known_hosts"},
    LEAT_NET_NETRC(AT(net)),
    {0},
};

const struct leat_stage_type leat_stage_put = {
    .name = "put",
    .summary = SUMMARY,
    .operands = "URL",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Sends its input as the body of one request to an http:// or https:// URL, with libcurl: "
        "HTTP/1.1, or HTTP/2 where a TLS server offers it. `write URL` is the same. The length need "
        "not be known: the body is sent in chunks; with --size it has a Content-Length. A slow server "
        "holds the pipeline back.\n\n"
        "The end of the body, the last chunk or byte, is sent when every stage has ended without an "
        "error and every other output is prepared; then the answer must be 2xx. The wait for it ends "
        "after --stall-time, with a signal or with --timeout, and then the server may have stored the data; a warning "
        "says so. If the pipeline fails "
        "before that, the connection is cut off in the middle of the body. A server that acts on "
        "complete requests only, as nginx does, then keeps nothing. But the server decides that: "
        "one that stores what has come so far, as some do, leaves a part. The end of the "
        "request is sent after other files have got their names, since it cannot be taken back; if it fails, "
        "those names are taken back.\n\n"
        "An answer that comes before the end was sent stops the upload, and is an error. Any answer "
        "but 2xx is an error, which shows the "
        "status and the first line of the answer; redirects are not followed. Nothing is sent "
        "twice, as the data is not kept.\n\n"
        "A PUT asks the server not to overwrite anything (If-None-Match: *), unless --force is given; a "
        "server that does not know that header overwrites.\n\n"
        "sftp://[USER@]HOST[:PORT]/PATH writes a file of another machine, under a temporary name in the same "
        "directory (.NAME.leat-…), which the commit renames; a PATH that begins with /~/ is below the home directory. The "
        "key of the host must be in ~/.ssh/known_hosts or --known-hosts. The user is known by --key, ~/.ssh/id_ed25519, "
        "id_ecdsa or id_rsa, by an agent, or by a netrc file. A file that exists is an error at the start; with --force "
        "it is removed just before the rename, so for a moment there is none. After kill -9, and if the "
        "connection cannot be made again after a failure, the temporary file stays.\n\n"
        "Everyone on the machine can see the words of a command, so secrets belong into a netrc "
        "file, or into a file of headers, one a line: --header=@FILE. Proxies are those of the "
        "environment, as for curl: http_proxy, HTTPS_PROXY, NO_PROXY.",
    .kind = LEAT_SINK,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct put_params),
    .state_size = sizeof(struct put),
    .options = put_options,
    .plan = put_plan,
    .open = put_open,
    .step = put_step,
    .watch = put_watch,
    .close = put_close,
    .prepare = put_prepare,
    .commit = put_commit,
};

#else

LEAT_STAGE_MISSING(put, "put", SUMMARY, "libcurl4-openssl-dev");

#endif
