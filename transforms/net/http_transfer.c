/* http_transfer.c - the request that runs: its transfers with libcurl, one after another if the server redirects.
 *
 * Redirects are followed here and not by libcurl, which would send the user's headers to the next host, too. libcurl never
 * waits: it tells which descriptors and which time it waits for.
 */

#include "http.h"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "http_impl.h"

#define BUFFER_BYTES ((long)LEAT_HTTP_PIECE) /* of one read from a connection */
#define CONNECT_MS 30000L
#define ROUNDS_MAX 8                /* of events that are due at once */
#define DISCARD_MAX ((size_t)65536) /* of the body of a redirect */
#define RANGE_NOT_SATISFIABLE 416
#define PROBE_BYTES ((size_t)1 << 20)
#define FIELDS_MAX ((size_t)1 << 20) /* of the head and the trailer of an answer */

/* --- events ------------------------------------------------------------------------------------- */

/* libcurl would let the commands of `exec` inherit it, and the server would then not see that the connection ends. */
curl_socket_t leat_http_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *at)
{
    (void)arg;
    (void)purpose;
    return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

/* libcurl waits for a descriptor in another way than before. */
static int note_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct leat_http *h = arg;
    size_t i = 0;

    (void)easy;
    (void)unused;
    while (i < h->n_sockets && h->sockets[i].fd != fd)
        i++;
    if (what == CURL_POLL_REMOVE) {
        if (i < h->n_sockets)
            h->sockets[i] = h->sockets[--h->n_sockets];
        return 0;
    }
    if (i == LEAT_HTTP_SOCKETS_MAX)
        return -1; /* the transfer fails */
    if (i == h->n_sockets)
        h->n_sockets++;
    h->sockets[i] = (struct leat_http_socket){
        .fd = fd, .reads = what != CURL_POLL_OUT, .writes = what != CURL_POLL_IN};
    return 0;
}

static int note_time(CURLM *multi, long ms, void *arg)
{
    struct leat_http *h = arg;

    (void)multi;
    h->timer_ns = ms < 0 ? UINT64_MAX : leat_http_now_ns() + (uint64_t)ms * 1000000;
    return 0;
}

int leat_http_watch(struct leat_http *h)
{
    h->timer_ns = UINT64_MAX;
    return h->curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, note_socket) == CURLM_OK &&
                   h->curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK &&
                   h->curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, note_time) == CURLM_OK &&
                   h->curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK
               ? 0
               : leat_http_no_memory(h);
}

/* The time that libcurl asked for has come. It asks for the next one only if that is another one. */
static CURLMcode act_on_time(struct leat_http *h)
{
    int running;
    long ms = -1;
    CURLMcode code;

    h->timer_ns = UINT64_MAX;
    code = h->curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    if (code == CURLM_OK && h->timer_ns == UINT64_MAX)
        code = h->curl_multi_timeout(h->multi, &ms);
    if (code == CURLM_OK && ms >= 0)
        (void)note_time(h->multi, ms, h);
    return code;
}

/* All that can be done now. To read from a descriptor that is not ready does no harm, and saves a call of poll. */
static CURLMcode act(struct leat_http *h, uint64_t now)
{
    struct leat_http_socket sockets[LEAT_HTTP_SOCKETS_MAX];
    size_t n;
    CURLMcode code = CURLM_OK;
    int running;

    if (h->full) {
        h->full = false;
        if (h->curl_easy_pause(h->easy, CURLPAUSE_CONT) == CURLE_OUT_OF_MEMORY)
            return CURLM_OUT_OF_MEMORY; /* another failure is told as the end of the transfer */
    }
    if (now >= h->timer_ns)
        code = act_on_time(h);
    n = h->full ? 0 : h->n_sockets;
    memcpy(sockets, h->sockets, n * sizeof *sockets);
    for (size_t i = 0; i < n && code == CURLM_OK; i++)
        code = h->curl_multi_socket_action(h->multi, sockets[i].fd,
                                           sockets[i].writes ? 0 : CURL_CSELECT_IN, &running);
    return code;
}

uint64_t leat_http_poll_ms(const struct leat_http *h, uint64_t now)
{
    uint64_t stall_ns = h->options.stall_ms * 1000000;
    uint64_t next = now + (stall_ns > h->waited_ns ? stall_ns - h->waited_ns : 1);

    next = h->timer_ns < next ? h->timer_ns : next;
    if (h->request->deadline_ns > 0 && h->request->deadline_ns < next)
        next = h->request->deadline_ns;
    return next > now ? (next - now) / 1000000 + 1 : 0;
}

uint64_t leat_http_wants(struct leat_http *h, struct leat_stage *s)
{
    uint64_t ms;

    leat_http_forget_socket(h);
    h->waits_since_ns = leat_http_now_ns();
    ms = leat_http_poll_ms(h, h->waits_since_ns);
    for (size_t i = 0; i < h->n_sockets; i++) {
        if (h->sockets[i].reads)
            leat_wait_fd(s, h->sockets[i].fd, false);
        if (h->sockets[i].writes)
            leat_wait_fd(s, h->sockets[i].fd, true);
    }
    return ms < LEAT_HTTP_TICK_MS || h->n_sockets == 0 ? ms : LEAT_HTTP_UNKNOWN;
}

/* --- the answer --------------------------------------------------------------------------------- */

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The head is complete: the body begins, or there is none. */
static int begin(struct leat_http *h)
{
    struct leat_http_answer answer;
    long status = 0;

    h->began = h->answered = true;
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    h->is_redirect = is_redirect(status) && *leat_http_field(h, "Location");
    if (h->is_redirect)
        return 0;
    if (h->options.ssh)
        leat_http_read_file(h, &answer);
    else
        leat_http_read_head(h, status, &answer);
    return h->request->begin(h->request->arg, &answer);
}

/* libcurl keeps all lines of a head, which it limits, and of a trailer, which it does not. A result other than n ends the
 * transfer. */
static size_t note_field(char *data, size_t size, size_t n, void *arg)
{
    struct leat_http *h = arg;

    (void)data;
    h->fields += size * n;
    return h->fields <= FIELDS_MAX ? size * n : 0;
}

/* A result other than n ends the transfer, or holds it. */
static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct leat_http *h = arg;

    n *= size;
    if (!h->began)
        h->result = begin(h);
    if (h->result == 0 && h->is_redirect) {
        h->discarded += n;
        return h->discarded <= DISCARD_MAX ? n : 0;
    }
    if (h->result == 0 && n > 0)
        h->result = h->request->body(h->request->arg, (const uint8_t *)data, n);
    if (h->result == LEAT_HTTP_FULL) {
        h->result = 0;
        h->full = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    h->window += n;
    h->handed += n;
    return h->result == 0 ? n : 0;
}

/* --- the transfer ------------------------------------------------------------------------------- */

static int add_signed(void *arg, const char *line)
{
    struct leat_http *h = arg;

    return leat_http_add_header(h, &h->sent, line) ? 0 : leat_http_no_memory(h);
}

/* "bytes=5-9"; "" for the whole content. */
static void write_range(const struct leat_http_request *q, char *to, size_t size)
{
    *to = '\0';
    if (q->to > 0)
        snprintf(to, size, "bytes=%" PRIu64 "-%" PRIu64, q->from, q->to);
    else if (q->from > 0)
        snprintf(to, size, "bytes=%" PRIu64 "-", q->from);
}

static bool set_headers(struct leat_http *h, bool own_host)
{
    const struct leat_http_request *q = h->request;
    char line[LEAT_HTTP_HEADER_MAX + 32], range[64];
    const char *condition;
    bool ok;

    write_range(q, range, sizeof range);
    condition = *range ? q->if_range : "";
    h->curl_slist_free_all(h->sent);
    h->sent = NULL;
    ok = leat_http_add_header(h, &h->sent, "Accept-Encoding: identity");
    snprintf(line, sizeof line, "Range: %s", range);
    if (*range)
        ok = ok && leat_http_add_header(h, &h->sent, line);
    if (*condition) {
        snprintf(line, sizeof line, "%s: %s", h->options.sign ? "If-Match" : "If-Range", condition);
        ok = ok && leat_http_add_header(h, &h->sent, line);
    }
    for (const struct curl_slist *i = own_host ? h->own : NULL; i; i = i->next)
        ok = ok && leat_http_add_header(h, &h->sent, i->data);
    return ok && (!own_host || !h->options.sign ||
                  h->options.sign(h->options.sign_arg, range, condition, add_signed, h) == 0);
}

/* Returns false if an option is not known to the library, or there is no memory. A netrc file has the passwords of other
 * hosts, too; a redirect does not make libcurl send one of them. */
static bool set_options(struct leat_http *h, bool own_host)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NOBODY, h->request->head},
        {CURLOPT_BUFFERSIZE, BUFFER_BYTES},
        {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_FILETIME, h->options.ssh != NULL},
        {CURLOPT_NETRC, own_host && h->options.netrc ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED},
    };
    const struct {
        CURLoption option;
        const void *value;
    } pointers[] = {
        {CURLOPT_CURLU, h->at},
        {CURLOPT_PROTOCOLS_STR, h->options.ssh ? "sftp" : "http,https"},
        {CURLOPT_SSH_KNOWNHOSTS, h->options.ssh ? h->options.ssh->known_hosts : NULL},
        {CURLOPT_SSH_PRIVATE_KEYFILE, h->options.ssh ? h->options.ssh->key : NULL},
        {CURLOPT_HTTPHEADER, h->sent},
        {CURLOPT_USERAGENT, "leat/" LEAT_VERSION},
        {CURLOPT_USERNAME, own_host ? h->user : NULL},
        {CURLOPT_PASSWORD, own_host ? h->password : NULL},
        {CURLOPT_NETRC_FILE, h->options.netrc},
        {CURLOPT_ERRORBUFFER, h->error},
        {CURLOPT_WRITEDATA, h},
        {CURLOPT_HEADERDATA, h},
    };
    bool ok = true;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ok = ok && h->curl_easy_setopt(h->easy, numbers[i].option, numbers[i].value) == CURLE_OK;
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        ok = ok && h->curl_easy_setopt(h->easy, pointers[i].option, pointers[i].value) == CURLE_OK;
    ok = ok && h->curl_easy_setopt(h->easy, CURLOPT_RESUME_FROM_LARGE,
                                   h->options.ssh ? (curl_off_t)h->request->from : 0) == CURLE_OK;
    if (h->options.ca)
        ok = ok && h->curl_easy_setopt(h->easy, CURLOPT_CAINFO, h->options.ca) == CURLE_OK &&
             h->curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    return ok &&
           h->curl_easy_setopt(h->easy, CURLOPT_OPENSOCKETFUNCTION, leat_http_open_socket) ==
               CURLE_OK &&
           h->curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, note_field) == CURLE_OK &&
           h->curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
}

/* The time that the pipeline holds the transfer back does not count: only that of waiting for the server. */
static int check_speed(struct leat_http *h)
{
    uint64_t stall = h->options.stall_ms, least = h->options.min_speed;
    char why[160];

    if (h->waited_ns / 1000000 < stall)
        return LEAT_HTTP_RUNNING;
    if (h->window > 0 && (double)h->window >= (double)least * (double)stall / 1000) {
        h->waited_ns = h->window = 0;
        return LEAT_HTTP_RUNNING;
    }
    snprintf(why, sizeof why,
             "%" PRIu64 " bytes came in %" PRIu64 " ms of waiting, fewer than --min-speed=%" PRIu64
             " a second",
             h->window, stall, least);
    return leat_http_end_with(h, LEAT_HTTP_LOST, why);
}

/* Before 8.6 it had no code of its own. If the answer has begun, and there is memory for more than a line, it was a line. */
bool leat_http_is_long_line(CURLcode code, curl_off_t starts_us)
{
    void *volatile probe;
    bool has_memory;

#if LIBCURL_VERSION_NUM >= 0x080600
    if (code == CURLE_TOO_LARGE)
        return true;
#endif
    if (code != CURLE_OUT_OF_MEMORY || starts_us <= 0)
        return false;
    probe = malloc(PROBE_BYTES);
    has_memory = probe != NULL;
    free(probe);
    return has_memory;
}

/* The transfer has ended with this code. */
static int end_of(struct leat_http *h, CURLcode code)
{
    curl_off_t starts_us = 0;
    char why[CURL_ERROR_SIZE + 64];

    (void)h->curl_easy_getinfo(h->easy, CURLINFO_STARTTRANSFER_TIME_T, &starts_us);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && h->is_redirect))
        return 0;
    if (h->options.ssh && code == CURLE_BAD_DOWNLOAD_RESUME &&
        !h->began) { /* the file ends before `from` */
        struct leat_http_answer answer = {.status = RANGE_NOT_SATISFIABLE};

        h->result = h->request->begin(h->request->arg, &answer);
        return h->result < 0 ? h->result
                             : leat_http_end_with(h, LEAT_HTTP_LOST, "the file is shorter");
    }
    if (h->fields > FIELDS_MAX)
        return leat_http_end_with(h, LEAT_HTTP_REFUSED,
                                  "the head and the trailer of the answer have more than 1 MiB");
    if (!h->began && leat_http_is_long_line(code, starts_us))
        return leat_http_end_with(h, LEAT_HTTP_REFUSED, LEAT_HTTP_LONG_LINE);
    snprintf(why, sizeof why, "%s%s", *h->error ? h->error : h->curl_easy_strerror(code),
             h->options.ssh &&
                     (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_LOGIN_DENIED)
                 ? "; is the host in --known-hosts, and the key accepted?"
                 : "");
    (void)leat_http_end_with(h, 0, why);
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
    case CURLE_REMOTE_FILE_NOT_FOUND:
    case CURLE_REMOTE_ACCESS_DENIED:
        return LEAT_HTTP_REFUSED;
    default:
        return LEAT_HTTP_LOST;
    }
}

/* --- redirects ---------------------------------------------------------------------------------- */

static bool same_part(struct leat_http *h, CURLU *a, CURLUPart part)
{
    char *x = leat_http_part(h, a, part, CURLU_DEFAULT_PORT);
    char *y = leat_http_part(h, h->url, part, CURLU_DEFAULT_PORT);
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

/* The URL becomes that of the answer's Location. */
static int follow(struct leat_http *h)
{
    CURLU *url = h->at;
    char *scheme, why[96];
    bool ok;

    if (h->redirects == h->options.redirects_max) {
        snprintf(why, sizeof why, "more than %" PRIu64 " redirects; see --max-redirects",
                 h->redirects);
        return leat_http_end_with(h, LEAT_HTTP_REFUSED, why);
    }
    h->redirects++;
    ok = h->curl_url_set(url, CURLUPART_URL, leat_http_field(h, "Location"), CURLU_URLENCODE) ==
         CURLUE_OK;

    (void)h->curl_url_set(url, CURLUPART_USER, NULL, 0);
    (void)h->curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    scheme = ok ? leat_http_part(h, url, CURLUPART_SCHEME, 0) : NULL;
    ok = scheme && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    h->curl_free(scheme);
    return ok ? 0
              : leat_http_end_with(h, LEAT_HTTP_REFUSED,
                                   "it redirects to a place that is not http:// or https://");
}

/* --- the request ---------------------------------------------------------------------------------- */

/* One request and its answer, which may be a redirect. */
static int begin_transfer(struct leat_http *h)
{
    bool own_host = is_own_host(h, h->at);

    leat_assert(!h->added);
    h->began = h->is_redirect = h->full = h->direct = false;
    h->handed = 0;
    h->quick_waits = 0;
    h->result = 0;
    h->discarded = h->fields = 0;
    h->window = h->waited_ns = h->waits_since_ns = 0;
    h->error[0] = '\0';
    if (!set_headers(h, own_host) || !set_options(h, own_host) ||
        h->curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
        return leat_http_no_memory(h);
    h->added = true;
    return 0;
}

static void end_transfer(struct leat_http *h)
{
    leat_http_forget_socket(h);
    if (h->added)
        (void)h->curl_multi_remove_handle(h->multi, h->easy);
    h->added = false;
}

int leat_http_start(struct leat_http *h, const struct leat_http_request *request)
{
    leat_assert(!h->at);
    h->request = request;
    h->redirects = 0;
    h->at = h->curl_url_dup(h->url);
    return h->at ? begin_transfer(h) : leat_http_no_memory(h);
}

void leat_http_finish(struct leat_http *h)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    if (h->added) /* do not wait for a name that is looked up */
        (void)h->curl_easy_setopt(h->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    end_transfer(h);
    h->curl_url_cleanup(h->at);
    h->at = NULL;
}

/* The transfer has ended: the whole answer is here, or another one follows. */
static int end_or_follow(struct leat_http *h, CURLcode code)
{
    int r = end_of(h, code);

    if (r == 0 && !h->began)
        r = begin(h);
    if (r == 0 && h->is_redirect)
        r = follow(h);
    else
        return r;
    end_transfer(h);
    if (r == 0)
        r = begin_transfer(h);
    return r == 0 ? LEAT_HTTP_RUNNING : r;
}

static int check_time(struct leat_http *h, uint64_t now)
{
    if (h->waits_since_ns > 0) {
        h->waited_ns += now - h->waits_since_ns;
        if (now - h->waits_since_ns < LEAT_HTTP_QUICK_MS * UINT64_C(1000000))
            h->quick_waits++;
        else
            h->quick_waits = 0;
    }
    h->waits_since_ns = 0;
    if (h->request->deadline_ns > 0 && now >= h->request->deadline_ns)
        return leat_http_end_with(h, LEAT_HTTP_LATE, "the time of --max-time is over");
    return LEAT_HTTP_RUNNING;
}

/* One round. Returns as leat_http_advance. */
static int advance(struct leat_http *h, uint64_t now)
{
    int left = 0;
    CURLMcode code;
    const CURLMsg *message;

    if (h->direct) {
        int r = leat_http_read_direct(h);

        return r == LEAT_HTTP_RUNNING ? check_speed(h) : r;
    }
    code = act(h, now);
    message = h->curl_multi_info_read(h->multi, &left);
    if (h->result < 0)
        return h->result;
    if (code != CURLM_OK)
        return leat_fail(h->stage, LEAT_EINTERNAL, "libcurl: %s", h->curl_multi_strerror(code));
    if (message && message->msg == CURLMSG_DONE)
        return end_or_follow(h, message->data.result);
    leat_http_try_direct(h);
    return check_speed(h);
}

int leat_http_advance(struct leat_http *h)
{
    uint64_t now = leat_http_now_ns(), window;
    int r = check_time(h, now), i = 0;

    leat_assert(h->added);
    while (r == LEAT_HTTP_RUNNING) {
        window = h->window;
        r = advance(h, now);
        if (r != LEAT_HTTP_RUNNING || ++i == ROUNDS_MAX ||
            (h->timer_ns > now && (h->window > window || i > 1 || !leat_http_wait_quickly(h))))
            break;
    }
    if (r != LEAT_HTTP_RUNNING)
        leat_http_finish(h);
    return r;
}

#endif
