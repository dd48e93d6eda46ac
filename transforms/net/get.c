/* get.c - the readable of a URL: its content, once and complete, or an error.
 *
 * When a connection is lost in the middle, the rest is asked for by Range with If-Range, which gives it only if the content is
 * still the same to the byte. With --resume=verify the content is read from its beginning again, and must begin with the bytes
 * that were read before. The output never mixes two versions of the content.
 */

#include "http.h"

extern const struct leat_stage_type leat_stage_get;

#define SUMMARY "read a URL of http, https, s3, azblob or sftp"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../check/libcrypto.h"
#include "azblob_place.h"
#include "base/invariant.h"
#include "get_head.h"
#include "get_options.h"
#include "get_parts.h"
#include "get_signed.h"
#include "headers.h"
#include "prefix.h"
#include "sftp.h"

#define HEX_DIGITS (2 * LEAT_SHA256_BYTES)
#define NO_SIZE LEAT_GET_NO_SIZE

/* Where several connections are asked for, the first request asks for a part of the content, which shows if the server has
 * ranges and a strong validator. */
enum phase { BEFORE_TRY, TRY, BETWEEN_TRIES, IN_PARTS };

struct get {
    struct leat_stage *stage;
    const struct leat_get_params *params;
    struct leat_http *http;
    struct leat_get_signed object; /* s3:// and azblob:// */
    bool is_signed;
    struct leat_sftp_files *files; /* sftp:// */
    struct leat_http_ssh ssh;
    struct leat_http_request request;
    struct leat_get_parts *parts; /* --connections; or NULL */
    struct leat_evp *sha;         /* --sha256; or NULL */
    struct leat_prefix *prefix;   /* --resume=verify; or NULL */
    enum phase phase;
    bool whole, again;      /* do not ask for a part; ask once more, without a wait */
    uint64_t wait_until_ns; /* BETWEEN_TRIES */
    uint8_t *to;            /* room of this step: the first `filled` bytes are not committed yet */
    size_t room, filled;
    uint64_t pos;   /* bytes that were put into the room */
    uint64_t total; /* of the content, as the server says; LEAT_HTTP_UNKNOWN */
    uint64_t skip;  /* bytes of this answer to compare with those read before */
    uint64_t retry_ms, pos_of_try, deadline_ns;
    int64_t tries; /* that failed since `pos_of_try` */
    uint64_t lost; /* tries that failed */
    long status;   /* of the last try, if the server asked for another one; or 0 */
    char etag[LEAT_HTTP_HEADER_MAX], strong[LEAT_HTTP_HEADER_MAX];
    char netrc[LEAT_NETRC_PATH_MAX];
    char line[LEAT_GET_HEAD_MAX]; /* --head: of line_len bytes */
    size_t line_len;
};

static int fail(struct get *g, int code, const char *text)
{
    return leat_fail_at(g->stage, code, g->pos, "%s: %s", leat_http_shown(g->http), text);
}

/* --- the body --------------------------------------------------------------------------------- */

static int changed(struct get *g, const char *how)
{
    char text[320];

    snprintf(text, sizeof text,
             "the content changed after %" PRIu64 " bytes of it were read: %s; run it again",
             g->pos, how);
    return fail(g, LEAT_ENETWORK, text);
}

/* The first bytes of an answer that begins anew. Returns how many were compared, or fails. */
static int compare(struct get *g, const uint8_t *data, size_t n, size_t *ret_used)
{
    size_t part = g->skip < n ? (size_t)g->skip : n;

    leat_prefix_compare(g->prefix, data, part);
    g->skip -= part;
    *ret_used = part;
    return g->skip > 0 || leat_prefix_same(g->prefix) ? 0
                                                      : changed(g, "other bytes came before it");
}

/* The next bytes of the content. */
static int count(void *arg, const uint8_t *data, size_t n)
{
    struct get *g = arg;
    int r = 0;

    if (n > g->params->size - g->pos)
        return fail(g, LEAT_ENETWORK, "the content is longer than --size");
    if (n > g->total - g->pos)
        return fail(g, LEAT_ENETWORK, "the server sends more bytes than it said");
    if (g->sha)
        r = leat_evp_add(g->sha, data, n);
    if (g->prefix)
        leat_prefix_add(g->prefix, data, n);
    g->pos += n;
    return r;
}

static int take_body(void *arg, const uint8_t *data, size_t n)
{
    struct get *g = arg;
    size_t used = 0;
    int r = 0;

    if (g->phase == IN_PARTS)
        return leat_get_parts_body(g->parts, data, n);
    leat_assert(n <= LEAT_HTTP_PIECE || data == g->to + g->filled); /* or it might never fit */
    if ((g->skip < n ? n - g->skip : 0) > g->room - g->filled)
        return LEAT_HTTP_FULL;
    if (g->skip > 0)
        r = compare(g, data, n, &used);
    data += used;
    n -= used;
    if (r < 0 || n == 0)
        return r;
    r = count(g, data, n);
    if (r < 0)
        return r;
    if (data != g->to + g->filled)
        memcpy(g->to + g->filled, data, n);
    g->filled += n;
    return 0;
}

/* Bytes that are compared are not output. */
static size_t room_for_body(void *arg, uint8_t **ret_to)
{
    const struct get *g = arg;

    if (g->skip > 0 || g->phase == IN_PARTS) /* the room is that of an earlier step then */
        return 0;
    *ret_to = g->to + g->filled;
    return g->room - g->filled;
}

/* --- the head --------------------------------------------------------------------------------- */

static int bad_status(struct get *g, long status)
{
    char text[160];

    if (g->is_signed)
        return leat_get_signed_explain(&g->object);
    snprintf(text, sizeof text, "the server answered %ld%s", status, leat_http_advice(status));
    return fail(g, LEAT_ENETWORK, text);
}

static int wrong_size(struct get *g, uint64_t length)
{
    char text[160];

    snprintf(text, sizeof text, "the content has %" PRIu64 " bytes, and --size expects %" PRIu64,
             length, g->params->size);
    return fail(g, LEAT_ENETWORK, text);
}

/* --head: there is no content. */
static int take_facts(struct get *g, const struct leat_http_answer *a)
{
    if (a->status != 200 && a->status != 203 && a->status != 204)
        return bad_status(g, a->status);
    g->line_len = leat_get_head_line(a, g->line);
    return 0;
}

/* Nothing was read before: what comes is the content. */
static int begin_content(struct get *g, const struct leat_http_answer *a)
{
    const struct leat_get_params *p = g->params;
    bool is_first_part = g->request.to > 0 && a->status == 206;

    if (a->status != 200 && a->status != 203 && a->status != 204 && !is_first_part)
        return bad_status(g, a->status);
    if (p->size != NO_SIZE && a->total != LEAT_HTTP_UNKNOWN && a->total != p->size)
        return wrong_size(g, a->total);
    if (a->has_two_lengths)
        return fail(g, LEAT_ENETWORK, "the server tells two lengths, and the content may be cut");
    if (!a->has_end && p->size == NO_SIZE && !p->sha256 && !p->length_unknown)
        return fail(g, LEAT_ENETWORK,
                    "the server does not tell the length, and a cut content would look complete; "
                    "give --size or --sha256, or accept it with --length-unknown");
    if (a->is_encoded && g->lost == 0)
        leat_warning(g->stage, "%s: the server sends the content encoded; `decode` decodes it",
                     leat_http_shown(g->http));
    g->total = a->total;
    snprintf(g->etag, sizeof g->etag, "%s", a->etag);
    snprintf(g->strong, sizeof g->strong, "%s", a->strong);
    return 0;
}

/* The content comes from its beginning again. */
static int begin_again(struct get *g, const struct leat_http_answer *a)
{
    if (!g->prefix && *a->etag && strcmp(a->etag, g->etag) != 0)
        return changed(g, "it has another ETag");
    if (!g->prefix)
        return fail(g, LEAT_ENETWORK,
                    "the connection was lost, and the server cannot go on in the middle of the "
                    "content; --resume=verify reads it again and compares");
    if (g->total != LEAT_HTTP_UNKNOWN && a->total != LEAT_HTTP_UNKNOWN && a->total != g->total)
        return changed(g, "it has another length");
    if (a->total != LEAT_HTTP_UNKNOWN && a->total < g->pos)
        return changed(g, "it is shorter now");
    if (g->total == LEAT_HTTP_UNKNOWN)
        g->total = a->total;
    g->skip = g->pos;
    leat_prefix_again(g->prefix);
    return 0;
}

/* Is it the rest of the content that was asked for, and of no other? */
static int begin_rest(struct get *g, const struct leat_http_answer *a)
{
    if (a->from != g->pos || (a->length != LEAT_HTTP_UNKNOWN && a->length != a->last - a->from + 1))
        return fail(g, LEAT_ENETWORK, "the server sent another range than the one asked for");
    if (a->total != LEAT_HTTP_UNKNOWN && g->total != LEAT_HTTP_UNKNOWN && a->total != g->total)
        return changed(g, "it has another length");
    if (strcmp(a->etag, g->etag) != 0)
        return changed(g, *a->etag ? "it has another ETag" : "its rest has no ETag");
    if (!*a->etag && *a->modified && strcmp(a->modified, g->strong) != 0)
        return changed(g, "it has another Last-Modified");
    if (g->total == LEAT_HTTP_UNKNOWN)
        g->total = a->total;
    return 0;
}

/* The first part was asked for, and there is no content before it. */
static int begin_parts(struct get *g, const struct leat_http_answer *a)
{
    bool has_parts = a->status == 206 && a->from == 0 && a->total != LEAT_HTTP_UNKNOWN &&
                     a->total > a->last && a->last <= g->request.to && *a->strong &&
                     (a->length == LEAT_HTTP_UNKNOWN || a->length == a->last + 1);
    int r;

    if (!has_parts && (a->status == 206 || a->status == 416)) {
        g->whole = g->again = true; /* ask for the whole content instead */
        return LEAT_EAGAIN;
    }
    r = begin_content(g, a);
    if (r == 0 && has_parts) {
        leat_get_parts_begin(g->parts, a);
        g->phase = IN_PARTS;
    }
    return r;
}

static int take_head(void *arg, const struct leat_http_answer *a)
{
    struct get *g = arg;

    g->skip = 0;
    g->status = 0;
    if (leat_http_transient(a->status)) {
        g->status = a->status;
        g->retry_ms = a->retry_ms;
        return LEAT_EAGAIN;
    }
    if (g->params->head)
        return take_facts(g, a);
    if (g->pos == 0)
        return g->request.to > 0 ? begin_parts(g, a) : begin_content(g, a);
    if (a->status == 200 || a->status == 203)
        return begin_again(g, a);
    if (a->status == 416)
        return changed(g, "it is shorter now");
    if (a->status == 412)
        return changed(g, "it has another ETag");
    if (a->status != 206)
        return bad_status(g, a->status);
    return begin_rest(g, a);
}

/* --- tries ------------------------------------------------------------------------------------ */

static const char *reason(const struct get *g, char *to, size_t size)
{
    if (g->status > 0)
        snprintf(to, size, "the server answered %ld", g->status);
    else
        snprintf(to, size, "%s", leat_http_why(g->http));
    return to;
}

static int give_up(struct get *g)
{
    char why[384], text[512];

    snprintf(text, sizeof text,
             "%s; given up after %" PRId64 " retries that brought less than 64 KiB (--retries)",
             reason(g, why, sizeof why), g->tries);
    return fail(g, LEAT_ENETWORK, text);
}

/* A try failed. Sets the time of the next one, or fails. */
static int wait_for_try(struct get *g)
{
    uint64_t ms;
    char why[384], text[512];

    if (leat_http_is_progress(g->pos_of_try, g->pos, g->total)) {
        g->tries = 0;
        g->pos_of_try = g->pos;
    }
    if (g->tries >= g->params->net.retries)
        return give_up(g);
    if (g->pos > 0 && !g->prefix && !*g->strong) {
        snprintf(text, sizeof text,
                 "%s; the server sent no strong validator (ETag), so the rest cannot be asked for; "
                 "--resume=verify reads the content again and compares",
                 reason(g, why, sizeof why));
        return fail(g, LEAT_ENETWORK, text);
    }
    ms = g->status > 0 && g->retry_ms != LEAT_HTTP_UNKNOWN
             ? g->retry_ms
             : leat_http_backoff_ms(g->params->net.wait_ms, g->tries);
    if (ms > LEAT_HTTP_RETRY_MS_MAX) {
        snprintf(text, sizeof text, "%s, and asks to wait %" PRIu64 " s; run it again later",
                 reason(g, why, sizeof why), ms / 1000);
        return fail(g, LEAT_ENETWORK, text);
    }
    if (g->deadline_ns > 0 && leat_http_now_ns() + ms * 1000000 >= g->deadline_ns) {
        snprintf(text, sizeof text, "%s, and the time of --max-time is too short for another try",
                 reason(g, why, sizeof why));
        return fail(g, LEAT_ETIMEDOUT, text);
    }
    g->tries++;
    g->lost++;
    g->phase = BETWEEN_TRIES;
    g->wait_until_ns = leat_http_now_ns() + ms * 1000000;
    return 0;
}

static bool asks_for_part(const struct get *g)
{
    return g->parts && !g->whole && g->pos == 0;
}

static int begin_try(struct get *g)
{
    g->request =
        (struct leat_http_request){.from = g->pos > 0 && *g->strong ? g->pos : 0,
                                   .to = asks_for_part(g) ? leat_get_parts_size(g->parts) - 1 : 0,
                                   .head = g->params->head,
                                   .if_range = g->pos > 0 ? g->strong : "",
                                   .deadline_ns = g->deadline_ns,
                                   .arg = g,
                                   .begin = take_head,
                                   .body = take_body,
                                   .room = room_for_body};
    g->phase = TRY;
    g->status = 0;
    return leat_http_start(g->http, &g->request);
}

/* A try has ended with this result of the request. Returns LEAT_END: the content is complete; LEAT_EAGAIN: try again; or
 * fails. */
static int end_try(struct get *g, int r)
{
    bool is_short = g->total != LEAT_HTTP_UNKNOWN && g->pos < g->total;

    if (r == 0 && g->skip > 0)
        return changed(g, "it is shorter now");
    if (r == 0 && is_short)
        r = leat_http_lost(g->http, "the server sent a part of the content");
    if (r == LEAT_HTTP_LOST)
        return g->pos > 0 && g->pos == g->total ? LEAT_END : LEAT_EAGAIN;
    if (r == LEAT_HTTP_REFUSED || r == LEAT_HTTP_LATE)
        return fail(g, r == LEAT_HTTP_LATE ? LEAT_ETIMEDOUT : LEAT_ENETWORK,
                    leat_http_why(g->http));
    return r == 0 ? LEAT_END : r;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int check_digest(struct get *g)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[LEAT_SHA256_BYTES];
    char hex[HEX_DIGITS + 1] = "", text[256];
    int r = leat_evp_end(g->sha, digest);

    for (size_t i = 0; r == 0 && i < sizeof digest; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    if (r < 0 || strcasecmp(hex, g->params->sha256) == 0)
        return r;
    snprintf(text, sizeof text, "its SHA-256 is %s, and --sha256 expects %s", hex,
             g->params->sha256);
    return fail(g, LEAT_ECHECKSUM, text);
}

static int check_end(struct get *g, struct leat_out *out)
{
    size_t n = g->line_len > 0 ? leat_write(out, g->line, g->line_len) : 0;
    int r = 0;

    leat_assert(n == g->line_len); /* there is room for a piece */
    if (g->params->head)
        return LEAT_END;
    if (g->params->size != NO_SIZE && g->pos != g->params->size)
        r = wrong_size(g, g->pos);
    if (r == 0 && g->sha)
        r = check_digest(g);
    if (r == 0 && g->lost > 0)
        leat_warning(g->stage, "%s: %" PRIu64 " tries failed before all was read",
                     leat_http_shown(g->http), g->lost);
    return r < 0 ? r : LEAT_END;
}

/* --- steps ------------------------------------------------------------------------------------ */

static uint64_t total_for_progress(const struct get *g)
{
    if (g->total != LEAT_HTTP_UNKNOWN)
        return g->total;
    return g->params->size != NO_SIZE ? g->params->size : 0;
}

/* Read while there is data and room. Returns as leat_http_advance. */
static int read_some(struct get *g, struct leat_out *out)
{
    size_t before;
    int r;

    g->filled = 0;
    do {
        before = g->filled;
        r = leat_http_advance(g->http);
    } while (r == LEAT_HTTP_RUNNING && g->filled > before &&
             g->room - g->filled >= LEAT_HTTP_PIECE);
    leat_commit(out, g->filled);
    g->room = g->filled; /* the rest is not the stage's any more */
    leat_position(g->stage, g->pos, total_for_progress(g));
    return r;
}

/* A step without output waits, at least for a moment. */
static int wait_between(struct get *g)
{
    uint64_t now = leat_http_now_ns();

    leat_wait_ms(g->stage, now < g->wait_until_ns ? (g->wait_until_ns - now) / 1000000 + 1 : 1);
    return LEAT_WAIT;
}

static int wait_for_http(struct get *g)
{
    uint64_t ms = leat_http_wants(g->http, g->stage);

    if (ms != LEAT_HTTP_UNKNOWN)
        leat_wait_ms(g->stage, ms);
    return LEAT_WAIT;
}

static int step_in_parts(struct get *g, struct leat_out *out)
{
    int r = leat_get_parts_step(g->parts, out);

    leat_position(g->stage, g->pos, g->total);
    if (r != LEAT_END)
        return r;
    g->lost += leat_get_parts_lost(g->parts);
    return check_end(g, out);
}

static int get_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct get *g = leat_state(s);
    int r = 0;

    (void)in; /* a source has none */
    if (g->phase == IN_PARTS)
        return step_in_parts(g, out);
    if (g->phase == BETWEEN_TRIES && leat_http_now_ns() < g->wait_until_ns)
        return wait_between(g);
    g->room = leat_reserve_least(out, LEAT_HTTP_PIECE, &g->to);
    if (g->room == 0)
        return LEAT_MORE;
    if (g->phase != TRY)
        r = begin_try(g);
    if (r == 0)
        r = read_some(g, out);
    if (g->phase == IN_PARTS) {
        r = r == LEAT_HTTP_RUNNING ? 0 : leat_get_parts_first_ended(g->parts, r);
        return r < 0 ? r : step_in_parts(g, out);
    }
    if (r == LEAT_HTTP_RUNNING)
        return g->filled > 0 ? LEAT_MORE : wait_for_http(g);
    r = end_try(g, r);
    if (r == LEAT_EAGAIN) {
        r = g->again ? 0 : wait_for_try(g);
        g->again = false;
        g->phase = BETWEEN_TRIES;
        return r == 0 ? wait_between(g) : r;
    }
    return r == LEAT_END ? check_end(g, out) : r;
}

/* The time of a slow or silent connection is looked at. */
static int get_watch(struct leat_stage *s)
{
    leat_watch_ms(s, LEAT_HTTP_TICK_MS);
    return LEAT_MORE;
}

/* --- the stage -------------------------------------------------------------------------------- */

static struct leat_http_options http_options(const struct leat_stage *s, char *netrc)
{
    const struct leat_get_params *p = leat_params(s);

    return (struct leat_http_options){
        .url = leat_operands(s)->v[0],
        .headers = &p->net.headers,
        .ca = p->net.ca,
        .netrc = leat_netrc_path(p->net.netrc != 0, p->net.netrc_file, netrc),
        .min_speed = p->min_speed,
        .stall_ms = p->net.stall_ms,
        .redirects_max = (uint64_t)p->redirects,
    };
}

static int get_plan(struct leat_stage *s)
{
    const struct leat_get_params *p = leat_params(s);
    char netrc[LEAT_NETRC_PATH_MAX];
    struct leat_http_options options = http_options(s, netrc);

    if (p->sha256 && (strlen(p->sha256) != HEX_DIGITS ||
                      strspn(p->sha256, "0123456789abcdefABCDEF") != HEX_DIGITS))
        return leat_fail(s, LEAT_EUSAGE, "--sha256 needs %zu hexadecimal digits", HEX_DIGITS);
    if (p->head && (leat_sftp_is_url(options.url) || leat_azblob_is_url(options.url)))
        return leat_fail(s, LEAT_EUSAGE, "--head is for http://, https:// and s3://");
    if (p->connections > 1 && p->resume == LEAT_RESUME_VERIFY)
        return leat_fail(s, LEAT_EUSAGE,
                         "--connections reads no content again; leave --resume=verify away");
    if (leat_get_is_signed(options.url))
        return leat_get_signed_plan(s, p);
    if (!leat_sftp_is_url(options.url))
        return leat_http_plan(s, &options);
    if (p->net.headers.n > 0)
        return leat_fail(s, LEAT_EUSAGE, "--header is for http:// and https://");
    if (p->connections > 1)
        return leat_fail(s, LEAT_EUSAGE, "--connections is not for sftp://");
    if (options.netrc && leat_plan_access(s, options.netrc, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    if (leat_plan_access(s, NULL, LEAT_ACCESS_NETWORK) < 0)
        return LEAT_ENOMEM;
    return leat_sftp_plan(s, options.url, p->known_hosts, p->key);
}

static int open_sftp(struct get *g, struct leat_http_options *options)
{
    int r;

    g->files = leat_alloc(g->stage, sizeof *g->files);
    if (!g->files)
        return LEAT_ENOMEM;
    r = leat_sftp_find(g->stage, g->files, g->params->known_hosts, g->params->key);
    g->ssh = (struct leat_http_ssh){.known_hosts = g->files->known_hosts,
                                    .key = *g->files->key ? g->files->key : NULL};
    options->ssh = &g->ssh;
    return r;
}

static int open_parts(struct get *g, const struct leat_http_options *options)
{
    const struct leat_get_params *p = g->params;
    const struct leat_get_parts_options parts = {.http = options,
                                                 .first = g->http,
                                                 .n = (unsigned)p->connections,
                                                 .retries = p->net.retries,
                                                 .wait_ms = p->net.wait_ms,
                                                 .deadline_ns = g->deadline_ns,
                                                 .take = count,
                                                 .arg = g};

    g->parts = leat_get_parts_new(g->stage, &parts);
    return g->parts ? 0 : LEAT_ENOMEM;
}

static int get_open(struct leat_stage *s)
{
    const struct leat_get_params *p = leat_params(s);
    struct get *g = leat_state(s);
    struct leat_http_options options = http_options(s, g->netrc);
    int r;

    g->stage = s;
    g->params = p;
    g->is_signed = leat_get_is_signed(options.url);
    r = g->is_signed ? leat_get_signed_open(s, p, &g->object, &options) : 0;
    if (leat_sftp_is_url(options.url))
        r = open_sftp(g, &options);
    if (r == 0)
        r = leat_http_open(s, &options, &g->http);
    g->total = LEAT_HTTP_UNKNOWN;
    leat_watch_ms(s, LEAT_HTTP_TICK_MS);
    if (p->max_ms > 0)
        g->deadline_ns = leat_http_now_ns() + p->max_ms * 1000000;
    if (r == 0)
        r = leat_netrc_check(s, p->net.netrc_file);
    if (r == 0 && p->sha256 && !p->head)
        r = leat_evp_new(s, LEAT_SHA256, &g->sha);
    if (r == 0 && p->connections > 1 && !p->head)
        r = open_parts(g, &options);
    if (r == 0 && p->resume == LEAT_RESUME_VERIFY) {
        g->prefix = leat_prefix_new(s);
        r = g->prefix ? 0 : LEAT_ENOMEM;
    }
    return r;
}

static void get_close(struct leat_stage *s)
{
    struct get *g = leat_state(s);

    leat_get_parts_free(s, g->parts);
    leat_prefix_free(s, g->prefix);
    leat_evp_free(g->sha);
    leat_http_free(s, g->http);
    leat_get_signed_close(&g->object);
    leat_free(s, g->files);
}

const struct leat_stage_type leat_stage_get = {
    .name = "get",
    .summary = SUMMARY,
    .operands = "URL",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Reads the content of an http:// or https:// URL with libcurl: HTTP/1.1, or HTTP/2 where a "
        "TLS server offers it. `read URL` is the same. A slow pipeline holds the server back, and "
        "the stage keeps about one MiB. The content is passed on as the server sends it, so a "
        "Content-Encoding is not decoded: `decode` does that.\n\n"
        "A lost connection, a connection that is too slow, and the answers 408, 425, 429, 500, 502, "
        "503 and 504 are tried again. The wait before a try is doubled each time, with a random part, "
        "or it is what the server asks for (Retry-After), at most ten minutes. Other errors are not "
        "tried again.\n\n"
        "In the middle of the content the rest is asked for by its offset (Range), with the condition "
        "that the content is still the same (If-Range). That needs a strong ETag, or a Last-Modified "
        "that is a minute older than the answer. If the content changed, or the server cannot resume, "
        "the pipeline fails with status 5; data of two versions is never mixed. --resume=verify "
        "needs nothing of the server: where it cannot resume, all is read again, and the bytes "
        "that were read before are compared by a hash (XXH64) and dropped.\n\n"
        "--connections=N is for a server far away, or one that limits each connection. The content is read in parts of "
        "4 MiB at most, N at once, and output in order. Each part has the same condition as a rest, and a "
        "part that is lost is asked for alone. The buffers count in --memory. A server without ranges, or without a strong "
        "validator, is read by one connection.\n\n"
        "An answer that is shorter than its length says is a lost connection. Over HTTP/1.0 an answer "
        "may have no length, and then a cut one looks complete; it is refused unless --size, --sha256 "
        "or --length-unknown is given.\n\n"
        "--head asks for the head alone, with HEAD, and outputs what it tells of the content as a line of JSON: size, modified "
        "and etag, those that the server sends. Options for the content have no effect then.\n\n"
        "s3://BUCKET/KEY is an object of S3. Its requests are signed; `leat help s3-put` tells where the "
        "credentials, the region and the endpoint come from. azblob://CONTAINER/BLOB is a blob of Azure; see `leat help "
        "azblob-put`. The rest of an object or a blob is asked for with If-Match.\n\n"
        "sftp://[USER@]HOST[:PORT]/PATH is a file of another machine; `leat help put` tells how the host and the user are "
        "checked. After a lost connection the rest is read only if the file still has its size and modification time, and was "
        "last changed a minute or more ago, by the clock of this machine.\n\n"
        "Redirects are followed to http:// and https:// only. A --header, and the user and password of "
        "the URL or a netrc file, are not sent to another host. Messages show a URL without user, password and query. "
        "Everyone on the machine can see the words of a command, so secrets belong into a netrc "
        "file, or into a file of headers, one a line: --header=@FILE. Proxies are those of the environment, as for curl: http_proxy, HTTPS_PROXY, NO_PROXY.",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct leat_get_params),
    .state_size = sizeof(struct get),
    .options = leat_get_options,
    .plan = get_plan,
    .open = get_open,
    .step = get_step,
    .watch = get_watch,
    .close = get_close,
};

#else

LEAT_STAGE_MISSING(get, "get", SUMMARY, "libcurl4-openssl-dev");

#endif
