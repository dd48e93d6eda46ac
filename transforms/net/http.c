/* http.c - one HTTP request at a time with libcurl, which is loaded when it is first needed.
 *
 * The thread of `run` drives a multi handle with one transfer, because its wait can be ended by another thread. Redirects are
 * followed here and not by libcurl, which would send the user's headers to the next host, too.
 */

#include "http.h"

#if HAVE_CURL

#define CURL_DISABLE_TYPECHECK /* its macros hide the functions */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/invariant.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "libcurl is older than 7.85; build with WITH_CURL=0"
#endif

#define FUNCTIONS(X)                                                                               \
    X(curl_global_init)                                                                            \
    X(curl_global_cleanup)                                                                         \
    X(curl_version_info)                                                                           \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_strerror)                                                                          \
    X(curl_easy_header)                                                                            \
    X(curl_multi_init)                                                                             \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_multi_perform)                                                                          \
    X(curl_multi_poll)                                                                             \
    X(curl_multi_wakeup)                                                                           \
    X(curl_multi_info_read)                                                                        \
    X(curl_multi_strerror)                                                                         \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_url)                                                                                    \
    X(curl_url_cleanup)                                                                            \
    X(curl_url_dup)                                                                                \
    X(curl_url_get)                                                                                \
    X(curl_url_set)                                                                                \
    X(curl_getdate)                                                                                \
    X(curl_free)

#define BUFFER_BYTES 131072L           /* of one read from a connection */
#define HELD_BYTES ((uint64_t)1 << 20) /* that, TLS, names, headers: charged for libcurl */
#define CONNECT_MS 30000L
#define HOLD_MS 2
#define HEADER_FILE_MAX ((size_t)16384)
#define POLL_MS_MAX ((uint64_t)60000)
#define RUNNING 100                 /* besides enum leat_http_end: the transfer goes on */
#define DISCARD_MAX ((size_t)65536) /* of the body of a redirect */

struct leat_http {
    FUNCTIONS(LEAT_LOADED_MEMBER) /* first: leat_load fills them in */
    struct leat_stage *stage;
    struct leat_http_options options;
    CURLM *multi;
    CURL *easy;
    CURLU *url; /* without user and password */
    char *user, *password;
    struct curl_slist *own;  /* headers of the user */
    struct curl_slist *sent; /* headers of the request that runs */
    atomic_bool stopped;
    bool global; /* curl_global_init succeeded */
    bool answered;
    /* The request that runs: */
    const struct leat_http_request *request;
    bool began, is_redirect;
    int result;         /* negative: of a function */
    size_t discarded;   /* bytes */
    uint64_t window;    /* bytes of the body since waited_ns was 0 */
    uint64_t waited_ns; /* for the connection */
    char etag[LEAT_HTTP_HEADER_MAX], modified[LEAT_HTTP_HEADER_MAX];
    char error[CURL_ERROR_SIZE], why[CURL_ERROR_SIZE + 128], shown[512];
};

uint64_t leat_http_now_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* it cannot fail */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- open ------------------------------------------------------------------------------------- */

static int no_memory(struct leat_http *h)
{
    return leat_fail(h->stage, LEAT_ENOMEM, "libcurl could not begin: out of memory");
}

/* A part of the URL, from libcurl; NULL: there is none. curl_free it. */
static char *part_of(struct leat_http *h, CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;

    return h->curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Without user, password and query, which may be secret. */
static void show(struct leat_http *h)
{
    char *scheme = part_of(h, h->url, CURLUPART_SCHEME, 0);
    char *host = part_of(h, h->url, CURLUPART_HOST, 0);
    char *port = part_of(h, h->url, CURLUPART_PORT, 0);
    char *path = part_of(h, h->url, CURLUPART_PATH, 0);
    char *query = part_of(h, h->url, CURLUPART_QUERY, 0);

    snprintf(h->shown, sizeof h->shown, "%s://%s%s%s%s%s", scheme ? scheme : "", host ? host : "",
             port ? ":" : "", port ? port : "", path ? path : "", query ? "?..." : "");
    h->curl_free(scheme);
    h->curl_free(host);
    h->curl_free(port);
    h->curl_free(path);
    h->curl_free(query);
}

static int parse_url(struct leat_http *h)
{
    h->url = h->curl_url();
    if (!h->url)
        return no_memory(h);
    if (h->curl_url_set(h->url, CURLUPART_URL, h->options.url, CURLU_URLENCODE) != CURLUE_OK)
        return leat_fail(h->stage, LEAT_EUSAGE, "the URL is malformed");
    h->user = part_of(h, h->url, CURLUPART_USER, CURLU_URLDECODE);
    h->password = part_of(h, h->url, CURLUPART_PASSWORD, CURLU_URLDECODE);
    if (h->curl_url_set(h->url, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
        h->curl_url_set(h->url, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK)
        return no_memory(h);
    show(h);
    return 0;
}

/* The start of libcurl is safe in several threads only if the library says that. */
static int start_library(struct leat_http *h)
{
    const curl_version_info_data *info = h->curl_version_info(CURLVERSION_NOW);

    if (!(info->features & CURL_VERSION_THREADSAFE))
        return leat_fail(h->stage, LEAT_EUNSUPPORTED,
                         "libcurl %s cannot be used by several threads; install a newer one",
                         info->version);
    if (h->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return no_memory(h);
    h->global = true;
    h->multi = h->curl_multi_init();
    h->easy = h->curl_easy_init();
    return h->multi && h->easy ? 0 : no_memory(h);
}

int leat_http_plan(struct leat_stage *s, const struct leat_http_options *o)
{
    if (!leat_http_is_url(o->url))
        return leat_fail(s, LEAT_EUSAGE, "the URL must begin with http:// or https://");
    for (size_t i = 0; i < o->headers->n; i++) {
        const char *header = o->headers->v[i];

        if (*header == '@' && leat_plan_file(s, header + 1, HEADER_FILE_MAX) < 0)
            return LEAT_ENOMEM;
        if (*header != '@' && !leat_http_header_ok(header))
            return leat_fail(s, LEAT_EUSAGE,
                             "--header number %zu: give 'Name: value' or @FILE; Range, If-Range "
                             "and Accept-Encoding belong to the stage",
                             i + 1);
    }
    if (o->ca && leat_plan_access(s, o->ca, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    if (o->netrc && leat_plan_access(s, o->netrc, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    return leat_plan_access(s, NULL, LEAT_ACCESS_NETWORK);
}

/* Adds a line to a list. Returns false: no memory. */
static bool add_header(struct leat_http *h, struct curl_slist **list, const char *line)
{
    struct curl_slist *more = h->curl_slist_append(*list, line);

    if (more)
        *list = more;
    return more != NULL;
}

/* The lines of a file; empty ones do not count. */
static int read_header_file(struct leat_http *h, const char *path)
{
    char line[HEADER_FILE_MAX + 1];
    const uint8_t *data;
    size_t n, length;
    int r = leat_read_file(h->stage, path, &data, &n);

    for (unsigned number = 1; r == 0 && n > 0; number++) {
        const uint8_t *end = memchr(data, '\n', n);

        length = end ? (size_t)(end - data) : n;
        memcpy(line, data, length);
        data += length + (end != NULL);
        n -= length + (end != NULL);
        length -= length > 0 && line[length - 1] == '\r';
        line[length] = '\0';
        if (length > 0 && (strlen(line) != length || !leat_http_header_ok(line)))
            r = leat_fail(h->stage, LEAT_EUSAGE,
                          "%s: line %u is no header 'Name: value' that may be sent", path, number);
        else if (length > 0 && !add_header(h, &h->own, line))
            r = no_memory(h);
    }
    return r;
}

static int read_headers(struct leat_http *h)
{
    const struct leat_strings *headers = h->options.headers;
    int r = 0;

    for (size_t i = 0; i < headers->n && r == 0; i++) {
        if (*headers->v[i] == '@')
            r = read_header_file(h, headers->v[i] + 1);
        else if (!add_header(h, &h->own, headers->v[i]))
            r = no_memory(h);
    }
    return r;
}

int leat_http_open(struct leat_stage *s, const struct leat_http_options *options,
                   struct leat_http **ret)
{
    static const char *const functions[] = {FUNCTIONS(LEAT_LOADED_NAME) NULL};
    struct leat_http *h = leat_alloc(s, sizeof *h);
    int r;

    *ret = h;
    if (!h)
        return LEAT_ENOMEM;
    h->stage = s;
    h->options = *options;
    atomic_init(&h->stopped, false);
    r = leat_charge(s, HELD_BYTES);
    if (r == 0)
        r = leat_load(s, LIBCURL_SO, "libcurl4", functions, h);
    if (r < 0) { /* none of the functions may be called */
        leat_free(s, h);
        *ret = NULL;
        return r;
    }
    r = start_library(h);
    if (r == 0)
        r = parse_url(h);
    return r < 0 ? r : read_headers(h);
}

void leat_http_free(struct leat_stage *s, struct leat_http *h)
{
    if (!h)
        return;
    h->curl_slist_free_all(h->sent);
    h->curl_slist_free_all(h->own);
    if (h->easy)
        h->curl_easy_cleanup(h->easy);
    if (h->multi)
        (void)h->curl_multi_cleanup(h->multi); /* fails only for a bad handle */
    h->curl_free(h->user);
    h->curl_free(h->password);
    h->curl_url_cleanup(h->url);
    if (h->global)
        h->curl_global_cleanup();
    leat_free(s, h);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* A field of the last answer; "": there is none. Valid until the next call. */
static const char *field(struct leat_http *h, const char *name)
{
    struct curl_header *header;

    return h->curl_easy_header(h->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : "";
}

/* One that is too long is as good as none. */
static void keep_field(struct leat_http *h, const char *name, char *to)
{
    const char *value = field(h, name);
    size_t n = strlen(value);

    memcpy(to, n < LEAT_HTTP_HEADER_MAX ? value : "", n < LEAT_HTTP_HEADER_MAX ? n + 1 : 1);
}

static int64_t time_of(struct leat_http *h, const char *name)
{
    const char *value = field(h, name);

    return *value ? (int64_t)h->curl_getdate(value, NULL) : -1;
}

/* Retry-After: seconds, or a date. */
static uint64_t retry_ms(struct leat_http *h)
{
    const char *value = field(h, "Retry-After");
    uint64_t ms = leat_http_retry_ms(value);
    int64_t at, now;

    if (ms != LEAT_HTTP_UNKNOWN || !*value)
        return ms;
    at = (int64_t)h->curl_getdate(value, NULL);
    now = time_of(h, "Date");
    if (now < 0)
        now = (int64_t)time(NULL);
    if (at < 0)
        return LEAT_HTTP_UNKNOWN;
    return at > now ? (uint64_t)(at - now) * 1000 : 0;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void read_head(struct leat_http *h, long status, struct leat_http_answer *a)
{
    curl_off_t length = -1;
    long version = 0;
    const char *encoding = field(h, "Content-Encoding");

    *a = (struct leat_http_answer){.status = status,
                                   .length = LEAT_HTTP_UNKNOWN,
                                   .from = LEAT_HTTP_UNKNOWN,
                                   .total = LEAT_HTTP_UNKNOWN};
    a->is_encoded = *encoding && strcasecmp(encoding, "identity") != 0;
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_HTTP_VERSION, &version);
    if (length >= 0)
        a->length = (uint64_t)length;
    a->has_end = length >= 0 || version >= CURL_HTTP_VERSION_2_0 || status == 204 ||
                 strcasestr(field(h, "Transfer-Encoding"), "chunked") != NULL;
    if (status == 206)
        (void)leat_http_content_range(field(h, "Content-Range"), &a->from, &a->total);
    else
        a->total = a->length;
    a->retry_ms = retry_ms(h);
    keep_field(h, "ETag", h->etag);
    keep_field(h, "Last-Modified", h->modified);
    a->etag = h->etag;
    a->strong =
        leat_http_strong(h->etag, h->modified, time_of(h, "Last-Modified"), time_of(h, "Date"));
}

/* The head is complete: the body begins, or there is none. */
static int begin(struct leat_http *h)
{
    struct leat_http_answer answer;
    long status = 0;

    h->began = h->answered = true;
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    h->is_redirect = is_redirect(status) && *field(h, "Location");
    if (h->is_redirect)
        return 0;
    read_head(h, status, &answer);
    return h->request->begin(h->request->arg, &answer);
}

/* A result other than n ends the transfer. */
static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct leat_http *h = arg;

    n *= size;
    if (!h->began)
        h->result = begin(h);
    h->window += n;
    if (h->result == 0 && h->is_redirect) {
        h->discarded += n;
        return h->discarded <= DISCARD_MAX ? n : 0;
    }
    if (h->result == 0 && n > 0)
        h->result = h->request->body(h->request->arg, (const uint8_t *)data, n);
    return h->result == 0 ? n : 0;
}

/* --- the transfer ----------------------------------------------------------------------------- */

static bool set_headers(struct leat_http *h, bool own_host)
{
    const struct leat_http_request *q = h->request;
    char line[LEAT_HTTP_HEADER_MAX + 32];
    bool ok;

    h->curl_slist_free_all(h->sent);
    h->sent = NULL;
    ok = add_header(h, &h->sent, "Accept-Encoding: identity");
    if (q->from > 0) {
        snprintf(line, sizeof line, "Range: bytes=%" PRIu64 "-", q->from);
        ok = ok && add_header(h, &h->sent, line);
        snprintf(line, sizeof line, "If-Range: %s", q->if_range);
        ok = ok && add_header(h, &h->sent, line);
    }
    for (const struct curl_slist *i = own_host ? h->own : NULL; i; i = i->next)
        ok = ok && add_header(h, &h->sent, i->data);
    return ok;
}

/* Returns false if an option is not known to the library, or there is no memory. */
static bool set_options(struct leat_http *h, CURLU *url, bool own_host)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_BUFFERSIZE, BUFFER_BYTES},
        {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_NETRC, h->options.netrc ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED},
    };
    const struct {
        CURLoption option;
        const void *value;
    } pointers[] = {
        {CURLOPT_CURLU, url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_HTTPHEADER, h->sent},
        {CURLOPT_USERAGENT, "leat/" LEAT_VERSION},
        {CURLOPT_USERNAME, own_host ? h->user : NULL},
        {CURLOPT_PASSWORD, own_host ? h->password : NULL},
        {CURLOPT_NETRC_FILE, h->options.netrc},
        {CURLOPT_ERRORBUFFER, h->error},
        {CURLOPT_WRITEDATA, h},
    };
    bool ok = true;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ok = ok && h->curl_easy_setopt(h->easy, numbers[i].option, numbers[i].value) == CURLE_OK;
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        ok = ok && h->curl_easy_setopt(h->easy, pointers[i].option, pointers[i].value) == CURLE_OK;
    if (h->options.ca)
        ok = ok && h->curl_easy_setopt(h->easy, CURLOPT_CAINFO, h->options.ca) == CURLE_OK &&
             h->curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    return ok && h->curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
}

static int end_with(struct leat_http *h, int end, const char *why)
{
    snprintf(h->why, sizeof h->why, "%s", why);
    return end;
}

/* Milliseconds until the next thing to look at. */
static int poll_ms(const struct leat_http *h, uint64_t now)
{
    uint64_t ms = POLL_MS_MAX, left, waited = h->waited_ns / 1000000;

    left = h->options.stall_ms > waited ? h->options.stall_ms - waited : 1;
    if (left < ms)
        ms = left;
    if (h->request->deadline_ns > 0) {
        left = h->request->deadline_ns > now ? (h->request->deadline_ns - now) / 1000000 + 1 : 1;
        ms = left < ms ? left : ms;
    }
    return (int)ms;
}

/* The time that the pipeline holds the transfer back does not count: only that of waiting for the server. */
static int check_speed(struct leat_http *h)
{
    uint64_t stall = h->options.stall_ms, least = h->options.min_speed;
    char why[160];

    if (h->waited_ns / 1000000 < stall)
        return RUNNING;
    if (h->window >= least * stall / 1000 && h->window > 0) {
        h->waited_ns = h->window = 0;
        return RUNNING;
    }
    snprintf(why, sizeof why,
             "%" PRIu64 " bytes came in %" PRIu64 " ms of waiting, fewer than --min-speed=%" PRIu64
             " a second",
             h->window, stall, least);
    return end_with(h, LEAT_HTTP_LOST, why);
}

/* Wait until the connection is ready. Returns RUNNING, enum leat_http_end, or an error. */
static int wait_ready(struct leat_http *h)
{
    uint64_t begun = leat_http_now_ns(), now;
    CURLMcode code = CURLM_OK;
    int ready = 0, r;

    /* More usually comes soon: fewer and larger pieces then go to the pipeline. */
    if (h->request->holds(h->request->arg)) {
        code = h->curl_multi_poll(h->multi, NULL, 0, HOLD_MS, &ready);
        r = code == CURLM_OK && ready == 0 ? h->request->idle(h->request->arg) : 0;
        if (r < 0)
            return r;
    } else {
        code = h->curl_multi_poll(h->multi, NULL, 0, poll_ms(h, begun), NULL);
    }
    if (code != CURLM_OK)
        return leat_fail(h->stage, LEAT_EINTERNAL, "libcurl: %s", h->curl_multi_strerror(code));
    now = leat_http_now_ns();
    h->waited_ns += now - begun;
    if (h->request->deadline_ns > 0 && now >= h->request->deadline_ns)
        return end_with(h, LEAT_HTTP_LATE, "the time of --max-time is over");
    return check_speed(h);
}

/* The transfer has ended with this code. */
static int end_of(struct leat_http *h, CURLcode code)
{
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && h->is_redirect))
        return 0;
    (void)end_with(h, 0, *h->error ? h->error : h->curl_easy_strerror(code));
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return leat_fail(h->stage, LEAT_ENOMEM, "libcurl: out of memory");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return h->answered ? LEAT_HTTP_LOST : LEAT_HTTP_REFUSED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_LOGIN_DENIED:
        return LEAT_HTTP_REFUSED;
    default:
        return LEAT_HTTP_LOST;
    }
}

/* Returns RUNNING, or as leat_http_perform. */
static int advance(struct leat_http *h)
{
    int running = 0, left = 0;
    CURLMcode code = h->curl_multi_perform(h->multi, &running);
    const CURLMsg *message = h->curl_multi_info_read(h->multi, &left);

    if (atomic_load(&h->stopped))
        return LEAT_ECANCELLED;
    if (h->result < 0)
        return h->result;
    if (code != CURLM_OK)
        return leat_fail(h->stage, LEAT_EINTERNAL, "libcurl: %s", h->curl_multi_strerror(code));
    if (message && message->msg == CURLMSG_DONE)
        return end_of(h, message->data.result);
    leat_assert(running > 0);
    return RUNNING;
}

/* One request and its answer, which may be a redirect. */
static int transfer(struct leat_http *h, CURLU *url, bool own_host)
{
    int r = RUNNING;

    h->began = h->is_redirect = false;
    h->result = 0;
    h->discarded = 0;
    h->window = h->waited_ns = 0;
    h->error[0] = '\0';
    if (!set_headers(h, own_host) || !set_options(h, url, own_host) ||
        h->curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
        return no_memory(h);
    while (r == RUNNING) {
        r = advance(h);
        if (r == RUNNING)
            r = wait_ready(h);
    }
#if LIBCURL_VERSION_NUM >= 0x075700
    if (atomic_load(&h->stopped)) /* do not wait for a name that is looked up */
        (void)h->curl_easy_setopt(h->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (r == 0 && !h->began)
        r = begin(h);
    (void)h->curl_multi_remove_handle(h->multi, h->easy);
    return r;
}

/* --- redirects -------------------------------------------------------------------------------- */

static bool same_part(struct leat_http *h, CURLU *a, CURLUPart part)
{
    char *x = part_of(h, a, part, CURLU_DEFAULT_PORT);
    char *y = part_of(h, h->url, part, CURLU_DEFAULT_PORT);
    bool same = x && y && strcasecmp(x, y) == 0;

    h->curl_free(x);
    h->curl_free(y);
    return same;
}

/* Does the request go where the user's headers and password may go? */
static bool is_own_host(struct leat_http *h, CURLU *url)
{
    return same_part(h, url, CURLUPART_SCHEME) && same_part(h, url, CURLUPART_HOST) &&
           same_part(h, url, CURLUPART_PORT);
}

/* `url` becomes that of the answer's Location. */
static int follow(struct leat_http *h, CURLU *url)
{
    char *scheme;
    bool ok =
        h->curl_url_set(url, CURLUPART_URL, field(h, "Location"), CURLU_URLENCODE) == CURLUE_OK;

    (void)h->curl_url_set(url, CURLUPART_USER, NULL, 0);
    (void)h->curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    scheme = ok ? part_of(h, url, CURLUPART_SCHEME, 0) : NULL;
    ok = scheme && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    h->curl_free(scheme);
    return ok ? 0
              : end_with(h, LEAT_HTTP_REFUSED,
                         "it redirects to a place that is not http:// or https://");
}

int leat_http_perform(struct leat_http *h, const struct leat_http_request *request)
{
    CURLU *url = h->curl_url_dup(h->url);
    char why[96];
    int r = 0;

    if (!url)
        return no_memory(h);
    h->request = request;
    for (uint64_t n = 0; r == 0; n++) {
        r = transfer(h, url, is_own_host(h, url));
        if (r != 0 || !h->is_redirect)
            break;
        if (n == h->options.redirects_max) {
            snprintf(why, sizeof why, "more than %" PRIu64 " redirects; see --max-redirects", n);
            r = end_with(h, LEAT_HTTP_REFUSED, why);
        } else {
            r = follow(h, url);
        }
    }
    h->curl_url_cleanup(url);
    return r;
}

int leat_http_wait(struct leat_http *h, uint64_t ms)
{
    uint64_t end = leat_http_now_ns() + ms * 1000000, now;

    while ((now = leat_http_now_ns()) < end && !atomic_load(&h->stopped)) {
        uint64_t left = (end - now) / 1000000 + 1;

        if (h->curl_multi_poll(h->multi, NULL, 0, (int)(left < POLL_MS_MAX ? left : POLL_MS_MAX),
                               NULL) != CURLM_OK)
            return leat_fail(h->stage, LEAT_EINTERNAL, "libcurl could not wait");
    }
    return atomic_load(&h->stopped) ? LEAT_ECANCELLED : 0;
}

void leat_http_stop(struct leat_http *h)
{
    atomic_store(&h->stopped, true);
    (void)h->curl_multi_wakeup(h->multi); /* a wait that begins later ends at once */
}

const char *leat_http_why(const struct leat_http *h)
{
    return h->why;
}

const char *leat_http_shown(const struct leat_http *h)
{
    return h->shown;
}

bool leat_http_answered(const struct leat_http *h)
{
    return h->answered;
}

#endif
