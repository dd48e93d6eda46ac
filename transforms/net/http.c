/* http.c - one HTTP request at a time with libcurl, which is loaded when it is first needed. */

#include "http.h"

#if HAVE_CURL

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "headers.h"
#include "http_impl.h"

#define HELD_BYTES ((uint64_t)1 << 20) /* buffers, TLS, names, headers: charged for libcurl */
#define HOLD_MS 2
#define POLL_MS_MAX ((uint64_t)60000)

uint64_t leat_http_now_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* it cannot fail */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- open ------------------------------------------------------------------------------------- */

int leat_http_end_with(struct leat_http *h, int end, const char *why)
{
    snprintf(h->why, sizeof h->why, "%s", why);
    return end;
}

int leat_http_no_memory(struct leat_http *h)
{
    return leat_fail(h->stage, LEAT_ENOMEM, "libcurl could not begin: out of memory");
}

char *leat_http_part(struct leat_http *h, CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;

    return h->curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Without user, password and query, which may be secret. */
static void show(struct leat_http *h)
{
    char *scheme = leat_http_part(h, h->url, CURLUPART_SCHEME, 0);
    char *host = leat_http_part(h, h->url, CURLUPART_HOST, 0);
    char *port = leat_http_part(h, h->url, CURLUPART_PORT, 0);
    char *path = leat_http_part(h, h->url, CURLUPART_PATH, 0);
    char *query = leat_http_part(h, h->url, CURLUPART_QUERY, 0);

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
        return leat_http_no_memory(h);
    if (h->curl_url_set(h->url, CURLUPART_URL, h->options.url,
                        h->options.sign ? CURLU_PATH_AS_IS : CURLU_URLENCODE) != CURLUE_OK)
        return leat_fail(h->stage, LEAT_EUSAGE, "the URL is malformed");
    h->user = leat_http_part(h, h->url, CURLUPART_USER, CURLU_URLDECODE);
    h->password = leat_http_part(h, h->url, CURLUPART_PASSWORD, CURLU_URLDECODE);
    if (h->curl_url_set(h->url, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
        h->curl_url_set(h->url, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK)
        return leat_http_no_memory(h);
    if (h->options.shown)
        snprintf(h->shown, sizeof h->shown, "%s", h->options.shown);
    else
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
        return leat_http_no_memory(h);
    h->global = true;
    h->multi = h->curl_multi_init();
    h->easy = h->curl_easy_init();
    return h->multi && h->easy ? 0 : leat_http_no_memory(h);
}

int leat_http_plan(struct leat_stage *s, const struct leat_http_options *o)
{
    int r = leat_headers_plan(s, o->headers);

    if (r < 0)
        return r;
    if (!leat_http_is_url(o->url))
        return leat_fail(s, LEAT_EUSAGE, "the URL must begin with http:// or https://");
    if (o->ca && leat_plan_access(s, o->ca, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    if (o->netrc && leat_plan_access(s, o->netrc, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    return leat_plan_access(s, NULL, LEAT_ACCESS_NETWORK);
}

bool leat_http_add_header(struct leat_http *h, struct curl_slist **list, const char *line)
{
    struct curl_slist *more = h->curl_slist_append(*list, line);

    if (more)
        *list = more;
    return more != NULL;
}

/* A line of --header. */
static int keep_header(void *arg, const char *line)
{
    struct leat_http *h = arg;

    return leat_http_add_header(h, &h->own, line) ? 0 : leat_http_no_memory(h);
}

int leat_http_open(struct leat_stage *s, const struct leat_http_options *options,
                   struct leat_http **ret)
{
    static const char *const functions[] = {LEAT_CURL_FUNCTIONS(LEAT_LOADED_NAME) NULL};
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
        r = leat_http_watch(h);
    if (r == 0)
        r = parse_url(h);
    return r < 0 ? r : leat_headers_each(s, options->headers, keep_header, h);
}

void leat_http_free(struct leat_stage *s, struct leat_http *h)
{
    if (!h)
        return;
    leat_http_finish(h);
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

/* --- requests of a thread that may wait ---------------------------------------------------------- */

/* Wait until the connection is ready. Returns LEAT_HTTP_RUNNING or an error. */
static int wait_ready(struct leat_http *h)
{
    const struct leat_http_request *q = h->request;
    uint64_t ms = leat_http_poll_ms(h, leat_http_now_ns());
    bool holds = q->holds && q->holds(q->arg);
    CURLMcode code;
    int ready = 0, r = 0;

    ms = ms < POLL_MS_MAX ? ms : POLL_MS_MAX;
    /* More usually comes soon: fewer and larger pieces then go to the pipeline. */
    if (holds && ms > HOLD_MS)
        ms = HOLD_MS;
    code = h->curl_multi_poll(h->multi, NULL, 0, (int)ms, &ready);
    if (code == CURLM_OK && holds && ready == 0)
        r = q->idle(q->arg);
    if (code != CURLM_OK)
        return leat_fail(h->stage, LEAT_EINTERNAL, "libcurl: %s", h->curl_multi_strerror(code));
    return r < 0 ? r : LEAT_HTTP_RUNNING;
}

int leat_http_perform(struct leat_http *h, const struct leat_http_request *request)
{
    int r = leat_http_start(h, request);

    while (r == 0 || r == LEAT_HTTP_RUNNING) {
        r = atomic_load(&h->stopped) ? LEAT_ECANCELLED : leat_http_advance(h);
        if (r != LEAT_HTTP_RUNNING)
            break;
        h->waits_since_ns = leat_http_now_ns();
        r = wait_ready(h);
    }
    leat_http_finish(h);
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

int leat_http_lost(struct leat_http *h, const char *why)
{
    return leat_http_end_with(h, LEAT_HTTP_LOST, why);
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
