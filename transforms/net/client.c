/* client.c - HTTP requests with bodies, several at a time, with libcurl.
 *
 * libcurl tells which sockets it waits for, and for how long; they are in an epoll set with a timer, and the descriptor of the
 * set is all that a stage needs to wait for. So a sink is stepped by the engine and needs no thread of its own.
 */

#include "client.h"

#if HAVE_CURL

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/invariant.h"
#include "http_impl.h"

#define SEND_BYTES 524288L             /* of one write to a connection */
#define HELD_BYTES ((uint64_t)1 << 18) /* TLS, names, headers: charged for libcurl */
#define EVENTS_MAX 16
#define ROUNDS_MAX 64 /* of one leat_client_drive */

struct leat_client {
    LEAT_CURL_FUNCTIONS(LEAT_LOADED_MEMBER) /* first: leat_load fills them in */
    struct leat_stage *stage;
    struct leat_client_options options;
    CURLM *multi;
    int epoll, timer; /* descriptors plus 1; 0: none */
    bool due;         /* the timer of libcurl has expired */
    bool global;      /* curl_global_init succeeded */
};

struct leat_exchange {
    struct leat_client *client;
    CURL *easy;
    struct curl_slist *headers, *before, *after;
    enum leat_exchange_state state;
    long status;
    const uint8_t *body; /* the rest of what was given */
    uint64_t left;       /* bytes of it */
    const uint8_t *whole;
    uint64_t size, given;
    bool fed, ended, sent_all, paused, added;
    int socket; /* of the connection, plus 1; 0: none */
    size_t reply_n;
    char reply[LEAT_CLIENT_REPLY_MAX + 1];
    char error[CURL_ERROR_SIZE], why[CURL_ERROR_SIZE];
};

/* --- open ------------------------------------------------------------------------------------- */

static int no_memory(struct leat_client *c)
{
    return leat_fail(c->stage, LEAT_ENOMEM, "libcurl could not begin: out of memory");
}

int leat_client_plan(struct leat_stage *s, const struct leat_client_options *o)
{
    const char *const files[] = {o->ca, o->certificate, o->key, o->netrc};

    if (o->key && !o->certificate)
        return leat_fail(s, LEAT_EUSAGE, "--key needs --cert");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] && leat_plan_access(s, files[i], LEAT_ACCESS_READ) < 0)
            return LEAT_ENOMEM;
    return leat_plan_access(s, NULL, LEAT_ACCESS_NETWORK);
}

/* Called when libcurl begins or ends to wait for a socket. Returns 0, or -1: all transfers fail. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct leat_client *c = arg;
    struct epoll_event event = {.data.fd = fd};
    struct leat_exchange *x = NULL;

    (void)socket;
    (void)c->curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
    if (x)
        x->socket = what == CURL_POLL_REMOVE ? 0 : fd + 1;
    if (what == CURL_POLL_REMOVE) { /* it may be closed already */
        (void)epoll_ctl(c->epoll - 1, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(c->epoll - 1, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return errno == ENOENT ? epoll_ctl(c->epoll - 1, EPOLL_CTL_ADD, fd, &event) : -1;
}

static int set_timer(struct leat_client *c, int64_t ms)
{
    struct itimerspec at = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};

    return timerfd_settime(c->timer - 1, 0, &at, NULL);
}

/* libcurl has something to do after `ms`; -1: never. */
static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct leat_client *c = arg;

    (void)multi;
    c->due = ms == 0;
    return set_timer(c, ms > 0 ? ms : 0);
}

static int open_descriptors(struct leat_client *c)
{
    struct epoll_event event = {.events = EPOLLIN};

    c->epoll = epoll_create1(EPOLL_CLOEXEC) + 1;
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) + 1;
    event.data.fd = c->timer - 1;
    if (c->epoll == 0 || c->timer == 0 ||
        epoll_ctl(c->epoll - 1, EPOLL_CTL_ADD, c->timer - 1, &event) < 0)
        return leat_fail_errno(c->stage, errno, "cannot wait for connections");
    return 0;
}

/* The start of libcurl is safe in several threads only if the library says that. */
static int start_library(struct leat_client *c)
{
    const curl_version_info_data *info = c->curl_version_info(CURLVERSION_NOW);
    bool ok;

    if (!(info->features & CURL_VERSION_THREADSAFE))
        return leat_fail(c->stage, LEAT_EUNSUPPORTED,
                         "libcurl %s cannot be used by several threads; install a newer one",
                         info->version);
    if (c->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return no_memory(c);
    c->global = true;
    c->multi = c->curl_multi_init();
    if (!c->multi)
        return no_memory(c);
    ok = c->curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
         c->curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) == CURLM_OK &&
         c->curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
         c->curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) == CURLM_OK;
    return ok ? 0 : no_memory(c);
}

int leat_client_open(struct leat_stage *s, const struct leat_client_options *options,
                     struct leat_client **ret)
{
    static const char *const functions[] = {LEAT_CURL_FUNCTIONS(LEAT_LOADED_NAME) NULL};
    struct leat_client *c = leat_alloc(s, sizeof *c);
    int r;

    *ret = c;
    if (!c)
        return LEAT_ENOMEM;
    c->stage = s;
    c->options = *options;
    r = leat_charge(s, HELD_BYTES);
    if (r == 0)
        r = leat_load(s, LIBCURL_SO, "libcurl4", functions, c);
    if (r < 0) { /* none of the functions may be called */
        leat_free(s, c);
        *ret = NULL;
        return r;
    }
    r = open_descriptors(c);
    return r < 0 ? r : start_library(c);
}

void leat_client_close(struct leat_client *c)
{
    if (!c)
        return;
    if (c->multi)
        (void)c->curl_multi_cleanup(c->multi); /* fails only for a bad handle */
    if (c->global)
        c->curl_global_cleanup();
    if (c->epoll > 0)
        (void)close(c->epoll - 1); /* nothing was written */
    if (c->timer > 0)
        (void)close(c->timer - 1);
    leat_free(c->stage, c);
}

bool leat_client_show(struct leat_client *c, const char *text, char *to, size_t size)
{
    static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                      CURLUPART_QUERY, CURLUPART_FRAGMENT};
    CURLU *url = c->curl_url();
    char *query = NULL, *shown = NULL;
    bool ok = url && c->curl_url_set(url, CURLUPART_URL, text,
                                     CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;

    if (ok)
        (void)c->curl_url_get(url, CURLUPART_QUERY, &query, 0);
    for (size_t i = 0; ok && i < sizeof parts / sizeof *parts; i++)
        ok = c->curl_url_set(url, parts[i], NULL, 0) == CURLUE_OK;
    ok = ok && c->curl_url_get(url, CURLUPART_URL, &shown, 0) == CURLUE_OK;
    if (ok)
        snprintf(to, size, "%s%s", shown, query ? "?..." : "");
    c->curl_free(query);
    c->curl_free(shown);
    c->curl_url_cleanup(url);
    return ok;
}

bool leat_client_path(struct leat_client *c, const char *text, char *to, size_t size)
{
    CURLU *url = c->curl_url();
    char *path = NULL;
    bool ok = url && c->curl_url_set(url, CURLUPART_URL, text,
                                     CURLU_URLENCODE | CURLU_PATH_AS_IS) == CURLUE_OK;

    ok = ok && c->curl_url_get(url, CURLUPART_PATH, &path, CURLU_URLDECODE) == CURLUE_OK &&
         (size_t)snprintf(to, size, "%s", path) < size;
    c->curl_free(path);
    c->curl_url_cleanup(url);
    return ok;
}

/* --- a request -------------------------------------------------------------------------------- */

/* libcurl asks for more of the body. */
static size_t give_body(char *to, size_t size, size_t n, void *arg)
{
    struct leat_exchange *x = arg;

    n *= size;
    if (x->left == 0 && x->fed && !x->ended) {
        x->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (n > x->left)
        n = (size_t)x->left;
    if (n > 0)
        memcpy(to, x->body, n);
    x->body += n;
    x->left -= n;
    x->given += n;
    x->sent_all = n == 0 || x->given == x->size;
    return n;
}

/* A connection that was kept open may be dead: libcurl then begins again with another one. */
static int seek_body(void *arg, curl_off_t offset, int origin)
{
    struct leat_exchange *x = arg;

    if (origin != SEEK_SET || offset != 0 || x->fed)
        return CURL_SEEKFUNC_CANTSEEK;
    x->body = x->whole;
    x->left = x->size;
    x->given = 0;
    return CURL_SEEKFUNC_OK;
}

/* An answer has come before the end of a fed body, so it is no answer to all of it: the exchange is over. libcurl does not see
 * that while it waits for more of the body. */
static void look_early(struct leat_exchange *x)
{
    long status = 0;

    if (!x->fed || x->ended || x->sent_all || x->state != LEAT_EXCHANGE_RUNS)
        return;
    (void)x->client->curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return;
    x->status = status;
    x->state = LEAT_EXCHANGE_ANSWERED;
    x->paused = false;
}

/* One line of the head; the empty one is the last. A refusal has a text for the message, if it has a length. */
static size_t take_line(char *line, size_t size, size_t n, void *arg)
{
    struct leat_exchange *x = arg;
    curl_off_t length = -1;
    long status = 0;

    (void)x->client->curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void)x->client->curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (n * size <= 2 && (*line == '\r' || *line == '\n') && (length == 0 || status < 300))
        look_early(x);
    return n * size;
}

static size_t take_reply(char *data, size_t size, size_t n, void *arg)
{
    struct leat_exchange *x = arg;
    size_t room = LEAT_CLIENT_REPLY_MAX - x->reply_n, part;

    n *= size;
    part = n < room ? n : room;
    memcpy(x->reply + x->reply_n, data, part);
    x->reply_n += part;
    look_early(x);
    return n;
}

static bool set_numbers(struct leat_exchange *x, const struct leat_client_request *q)
{
    bool has_body = q->fed || q->body, head = strcmp(q->method, "HEAD") == 0;
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)x->client->options.connect_ms},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_NETRC, x->client->options.netrc ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED},
        {CURLOPT_UPLOAD, has_body},
        {CURLOPT_NOBODY, head},
        {CURLOPT_PATH_AS_IS, 1}, /* a signature is for the path as it is */
        {CURLOPT_LOW_SPEED_LIMIT, q->fed ? 0 : 1},
        {CURLOPT_LOW_SPEED_TIME, (long)((x->client->options.stall_ms + 999) / 1000)},
#if LIBCURL_VERSION_NUM >= 0x075700
        {CURLOPT_QUICK_EXIT, 1}, /* do not wait for a name that is looked up */
#endif
    };
    struct leat_client *c = x->client;
    bool ok = true;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].option != CURLOPT_UPLOAD || has_body)
            ok =
                ok && c->curl_easy_setopt(x->easy, numbers[i].option, numbers[i].value) == CURLE_OK;
    if (has_body)
        ok = ok &&
             c->curl_easy_setopt(x->easy, CURLOPT_INFILESIZE_LARGE,
                                 q->size == LEAT_CLIENT_UNKNOWN ? (curl_off_t)-1
                                                                : (curl_off_t)q->size) == CURLE_OK;
    return ok;
}

static bool add_line(struct leat_client *c, struct curl_slist **list, const char *line)
{
    struct curl_slist *more = c->curl_slist_append(*list, line);

    if (more)
        *list = more;
    return more != NULL;
}

/* A file that is read is only looked for: its first byte does. */
static bool set_ssh(struct leat_exchange *x, const struct leat_client_request *q)
{
    struct leat_client *c = x->client;
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {{CURLOPT_SSH_KNOWNHOSTS, q->ssh->known_hosts},
                 {CURLOPT_SSH_PRIVATE_KEYFILE, q->ssh->key},
                 {CURLOPT_RANGE, q->fed || q->body ? NULL : "0-0"}};
    bool ok = true;

    for (const char *const *line = q->ssh->before; ok && line && *line; line++)
        ok = add_line(c, &x->before, *line);
    for (const char *const *line = q->ssh->after; ok && line && *line; line++)
        ok = add_line(c, &x->after, *line);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ok = ok && c->curl_easy_setopt(x->easy, texts[i].option, texts[i].value) == CURLE_OK;
    return ok && c->curl_easy_setopt(x->easy, CURLOPT_QUOTE, x->before) == CURLE_OK &&
           c->curl_easy_setopt(x->easy, CURLOPT_POSTQUOTE, x->after) == CURLE_OK;
}

/* Returns false if an option is not known to the library, or there is no memory. */
static bool set_options(struct leat_exchange *x, const struct leat_client_request *q)
{
    struct leat_client *c = x->client;
    const struct {
        CURLoption option;
        const void *value;
    } pointers[] = {
        {CURLOPT_URL, q->url},
        {CURLOPT_PROTOCOLS_STR, q->ssh ? "sftp" : "http,https"},
        {CURLOPT_CUSTOMREQUEST, q->ssh || strcmp(q->method, "HEAD") == 0 ? NULL : q->method},
        {CURLOPT_HTTPHEADER, x->headers},
        {CURLOPT_USERAGENT, "leat/" LEAT_VERSION},
        {CURLOPT_NETRC_FILE, c->options.netrc},
        {CURLOPT_SSLCERT, c->options.certificate},
        {CURLOPT_SSLKEY, c->options.key},
        {CURLOPT_ERRORBUFFER, x->error},
        {CURLOPT_PRIVATE, x},
        {CURLOPT_READDATA, x},
        {CURLOPT_SEEKDATA, x},
        {CURLOPT_WRITEDATA, x},
        {CURLOPT_HEADERDATA, x},
    };
    bool ok = set_numbers(x, q);

    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        ok = ok && c->curl_easy_setopt(x->easy, pointers[i].option, pointers[i].value) == CURLE_OK;
    if (c->options.ca)
        ok = ok && c->curl_easy_setopt(x->easy, CURLOPT_CAINFO, c->options.ca) == CURLE_OK &&
             c->curl_easy_setopt(x->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (q->ssh)
        ok = ok && set_ssh(x, q);
    return ok &&
           c->curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETFUNCTION, leat_http_open_socket) ==
               CURLE_OK &&
           c->curl_easy_setopt(x->easy, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           c->curl_easy_setopt(x->easy, CURLOPT_SEEKFUNCTION, seek_body) == CURLE_OK &&
           c->curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, take_reply) == CURLE_OK &&
           c->curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, take_line) == CURLE_OK;
}

static int settle(struct leat_client *c, int *did);

int leat_exchange_begin(struct leat_client *c, const struct leat_client_request *q,
                        struct leat_exchange **ret)
{
    int did = 0;
    struct leat_exchange *x = leat_alloc(c->stage, sizeof *x);
    bool ok;

    *ret = x;
    if (!x)
        return LEAT_ENOMEM;
    x->client = c;
    x->fed = q->fed;
    x->body = x->whole = q->body;
    x->size = q->size;
    x->left = q->body ? q->size : 0;
    x->sent_all = q->size == 0;
    if (leat_charge(c->stage, q->body || q->fed ? SEND_BYTES : 0) < 0)
        return LEAT_ELIMIT;
    x->easy = c->curl_easy_init();
    ok = x->easy && add_line(c, &x->headers, "Expect:");
    for (const char *const *h = q->headers; ok && h && *h; h++)
        ok = add_line(c, &x->headers, *h);
    ok = ok && set_options(x, q) && c->curl_multi_add_handle(c->multi, x->easy) == CURLM_OK;
    x->added = ok;
    return ok ? settle(c, &did) : no_memory(c);
}

void leat_exchange_free(struct leat_exchange *x)
{
    struct leat_client *c;

    if (!x)
        return;
    c = x->client;
    if (x->added)
        (void)c->curl_multi_remove_handle(c->multi, x->easy); /* fails only for a bad handle */
    if (x->easy)
        c->curl_easy_cleanup(x->easy);
    c->curl_slist_free_all(x->headers);
    c->curl_slist_free_all(x->before);
    c->curl_slist_free_all(x->after);
    leat_uncharge(c->stage, x->fed || x->whole ? SEND_BYTES : 0);
    leat_free(c->stage, x);
}

/* --- the transfer ----------------------------------------------------------------------------- */

static enum leat_exchange_state state_after(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
    case CURLE_RANGE_ERROR: /* sftp: the file is there, and is empty */
    case CURLE_BAD_DOWNLOAD_RESUME:
        return LEAT_EXCHANGE_ANSWERED;
    case CURLE_REMOTE_FILE_NOT_FOUND:
        return LEAT_EXCHANGE_ABSENT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
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
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_QUOTE_ERROR:
        return LEAT_EXCHANGE_REFUSED;
    default:
        return LEAT_EXCHANGE_LOST;
    }
}

static void end_exchange(struct leat_client *c, CURL *easy, CURLcode code)
{
    struct leat_exchange *x = NULL;
    curl_off_t starts_us = 0;
    const char *why;

    (void)c->curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
    leat_assert(x);
    if (x->state != LEAT_EXCHANGE_RUNS) /* look_early */
        return;
    why = *x->error ? x->error : c->curl_easy_strerror(code);
    x->state = state_after(code);
    (void)c->curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &x->status);
    (void)c->curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &starts_us);
    if (leat_http_is_long_line(code, starts_us)) {
        x->state = LEAT_EXCHANGE_REFUSED;
        why = LEAT_HTTP_LONG_LINE;
    }
    x->paused = false;
    snprintf(x->why, sizeof x->why, "%s", why);
}

static int act(struct leat_client *c, curl_socket_t fd, int events)
{
    int running = 0, left = 0;
    CURLMcode code = c->curl_multi_socket_action(c->multi, fd, events, &running);
    const CURLMsg *message;

    if (code == CURLM_OUT_OF_MEMORY)
        return no_memory(c);
    if (code != CURLM_OK)
        return leat_fail(c->stage, LEAT_EINTERNAL, "libcurl: %s", c->curl_multi_strerror(code));
    while ((message = c->curl_multi_info_read(c->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            end_exchange(c, message->easy_handle, message->data.result);
    return 0;
}

/* What libcurl wants to do at once. */
static int act_due(struct leat_client *c, int *did)
{
    int r = 0;

    for (int i = 0; i < ROUNDS_MAX && r == 0 && c->due; i++) {
        c->due = false;
        r = act(c, CURL_SOCKET_TIMEOUT, 0);
        *did = 1;
    }
    return r;
}

/* The same, and what is left of it makes the descriptor readable: nothing is due that it does not tell. */
static int settle(struct leat_client *c, int *did)
{
    int r = act_due(c, did);

    return r == 0 && c->due && set_timer(c, 1) < 0
               ? leat_fail_errno(c->stage, errno, "cannot set a timer")
               : r;
}

static int act_on(struct leat_client *c, const struct epoll_event *event)
{
    uint64_t times;

    if (event->data.fd != c->timer - 1)
        return act(c, event->data.fd,
                   (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
    if (read(c->timer - 1, &times, sizeof times) < 0 && errno != EAGAIN) /* it was set again */
        return leat_fail_errno(c->stage, errno, "cannot read a timer");
    return act(c, CURL_SOCKET_TIMEOUT, 0);
}

int leat_client_drive(struct leat_client *c, int wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int did = 0, n, r;

    r = act_due(c, &did);
    if (r < 0)
        return r;
    n = epoll_wait(c->epoll - 1, events, EVENTS_MAX, did ? 0 : wait_ms);
    if (n < 0 && errno != EINTR)
        return leat_fail_errno(c->stage, errno, "cannot wait for connections");
    for (int i = 0; i < n && r == 0; i++)
        r = act_on(c, &events[i]);
    if (r == 0)
        r = settle(c, &did);
    return r < 0 ? r : did || n > 0;
}

int leat_client_fd(const struct leat_client *c)
{
    return c->epoll - 1;
}

/* --- the body --------------------------------------------------------------------------------- */

/* libcurl shall ask for more of the body. */
static int resume(struct leat_exchange *x)
{
    if (!x->paused)
        return 0;
    x->paused = false;
    return x->client->curl_easy_pause(x->easy, CURLPAUSE_CONT) == CURLE_OK ? 0
                                                                           : no_memory(x->client);
}

ssize_t leat_exchange_feed(struct leat_exchange *x, const void *data, size_t n)
{
    int r;

    leat_assert(x->fed && !x->ended && x->left == 0);
    x->body = data;
    x->left = n;
    r = resume(x);
    for (int i = 0; i < ROUNDS_MAX && r >= 0 && x->left > 0; i++) {
        r = leat_client_drive(x->client, 0);
        if (r == 0 || x->state != LEAT_EXCHANGE_RUNS)
            break;
    }
    n -= (size_t)x->left;
    x->left = 0;
    return r < 0 ? r : (ssize_t)n;
}

bool leat_exchange_is_hungry(const struct leat_exchange *x)
{
    return x->paused;
}

/* libcurl has a buffer, and so has the kernel, whose rest the other side has not taken yet. */
uint64_t leat_exchange_moved(const struct leat_exchange *x)
{
    curl_off_t sent = 0;
    int left = 0;

    (void)x->client->curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (x->socket > 0 && ioctl(x->socket - 1, SIOCOUTQ, &left) < 0)
        left = 0;                           /* then only the buffer of libcurl counts */
    return (uint64_t)sent - (uint64_t)left; /* TLS: it may wrap, and still changes */
}

int leat_exchange_end_body(struct leat_exchange *x)
{
    leat_assert(x->fed && x->left == 0);
    x->ended = true;
    return x->state == LEAT_EXCHANGE_RUNS ? resume(x) : 0;
}

/* --- the answer ------------------------------------------------------------------------------- */

enum leat_exchange_state leat_exchange_state(const struct leat_exchange *x)
{
    return x->state;
}

bool leat_exchange_sent_all(const struct leat_exchange *x)
{
    return x->sent_all;
}

long leat_exchange_status(const struct leat_exchange *x)
{
    return x->status;
}

const char *leat_exchange_header(struct leat_exchange *x, const char *name)
{
    struct curl_header *header;

    return x->client->curl_easy_header(x->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : "";
}

const char *leat_exchange_reply(const struct leat_exchange *x)
{
    return x->reply;
}

const char *leat_exchange_why(const struct leat_exchange *x)
{
    return x->why;
}

#endif
