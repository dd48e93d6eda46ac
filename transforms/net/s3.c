/* s3.c - signed requests to an object of S3, and what their answers mean. */

#include "s3.h"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/invariant.h"
#include "fixed.h"
#include "hmac.h"
#include "http.h"
#include "s3_credentials.h"

#define CONNECT_MS ((uint64_t)10000)
#define RENEW_S 300 /* before the keys expire */
#define LINE_MAX ((size_t)4400)
#define URL_MAX ((size_t)9000)
#define SUM_LINE 5 /* after those of the signature */

struct leat_s3 {
    struct leat_stage *stage;
    struct leat_s3_options options;
    struct leat_client *client;
    struct leat_tries tries;
    struct leat_evp *sha;
    struct leat_s3_place place;
    struct leat_s3_credentials keys;
    char ca[LEAT_S3_PATH_MAX];
    /* The request that is made now: */
    char url[URL_MAX], lines[6][LINE_MAX];
    const char *headers[LEAT_S3_HEADERS_MAX + 7];
};

static enum leat_verdict judge(struct leat_exchange *x);
static int begin_request(void *s3, const void *request, struct leat_exchange **ret);

/* --- open ------------------------------------------------------------------------------------- */

static struct leat_client_options client_options(const struct leat_s3_options *o,
                                                 char ca[LEAT_S3_PATH_MAX])
{
    const char *bundle = getenv("AWS_CA_BUNDLE");

    snprintf(ca, LEAT_S3_PATH_MAX, "%s", o->ca ? o->ca : bundle ? bundle : "");
    return (struct leat_client_options){
        .ca = *ca ? ca : NULL, .connect_ms = CONNECT_MS, .stall_ms = o->stall_ms};
}

int leat_s3_plan(struct leat_stage *s, const struct leat_s3_options *o)
{
    const char *fault = leat_s3_check_url(o->url);
    char ca[LEAT_S3_PATH_MAX];
    struct leat_client_options client = client_options(o, ca);
    int r;

    if (fault)
        return leat_fail(s, LEAT_EUSAGE, "%s: %s", o->url, fault);
    r = leat_client_plan(s, &client);
    return r < 0 ? r : leat_s3_credentials_plan(s);
}

/* The first of the variables that is set, or the setting of the profile. */
static void setting(struct leat_stage *s, const char *first, const char *second, const char *name,
                    char *to, size_t size)
{
    const char *value = getenv(first);

    if (!value || !*value)
        value = getenv(second);
    if (value && *value)
        snprintf(to, size, "%s", value);
    else
        leat_s3_profile_setting(s, name, to, size);
}

static int locate(struct leat_s3 *s3)
{
    char endpoint[256], region[64];

    setting(s3->stage, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "endpoint_url", endpoint,
            sizeof endpoint);
    setting(s3->stage, "AWS_REGION", "AWS_DEFAULT_REGION", "region", region, sizeof region);
    if (!leat_s3_locate(s3->options.url, endpoint, region, &s3->place))
        return leat_fail(s3->stage, LEAT_EUSAGE,
                         "the endpoint of S3 must be a URL of http:// or https:// without a user: "
                         "see AWS_ENDPOINT_URL");
    return 0;
}

int leat_s3_open(struct leat_stage *s, const struct leat_s3_options *options, struct leat_s3 **ret)
{
    struct leat_s3 *s3 = leat_alloc(s, sizeof *s3);
    struct leat_client_options client;
    int r;

    *ret = s3;
    if (!s3)
        return LEAT_ENOMEM;
    s3->stage = s;
    s3->options = *options;
    client = client_options(options, s3->ca);
    r = locate(s3);
    if (r == 0)
        r = leat_client_open(s, &client, &s3->client);
    s3->tries = (struct leat_tries){.client = s3->client,
                                    .wait_ms = options->wait_ms,
                                    .retries = options->retries,
                                    .judge = judge,
                                    .begin = begin_request,
                                    .service = s3};
    if (r == 0)
        r = leat_evp_new(s, LEAT_SHA256, &s3->sha);
    return r < 0 ? r : leat_s3_credentials(s, s3->client, &s3->keys);
}

void leat_s3_close(struct leat_s3 *s3)
{
    if (!s3)
        return;
    leat_evp_free(s3->sha);
    leat_client_close(s3->client);
    explicit_bzero(&s3->keys, sizeof s3->keys);
    leat_free(s3->stage, s3);
}

const struct leat_tries *leat_s3_tries(const struct leat_s3 *s3)
{
    return &s3->tries;
}

const char *leat_s3_shown(const struct leat_s3 *s3)
{
    return s3->options.url;
}

const char *leat_s3_origin(const struct leat_s3 *s3)
{
    return s3->place.origin;
}

const char *leat_s3_path(const struct leat_s3 *s3)
{
    return s3->place.path;
}

/* --- a request -------------------------------------------------------------------------------- */

/* Keys of a service of the machine are renewed before they expire. */
static int renew(struct leat_s3 *s3)
{
    if (!s3->keys.is_renewable || s3->keys.expires == 0 ||
        (int64_t)time(NULL) + RENEW_S < s3->keys.expires)
        return 0;
    return leat_s3_credentials(s3->stage, s3->client, &s3->keys);
}

/* The header that has a digest in base64; `hash` is hexadecimal. */
static void add_sum(char *line, const char *hash)
{
    uint8_t digest[LEAT_SHA256_BYTES];
    char text[LEAT_BASE64_SIZE(LEAT_SHA256_BYTES) + 1];
    unsigned byte;

    for (size_t i = 0; i < sizeof digest; i++)
        digest[i] = sscanf(hash + 2 * i, "%2x", &byte) == 1 ? (uint8_t)byte : 0;
    leat_base64_encode(digest, sizeof digest, text);
    snprintf(line, LINE_MAX, LEAT_S3_SUM ": %s", text);
}

/* Fills in headers: those of the request, and those of the signature. */
static int sign(struct leat_s3 *s3, const struct leat_s3_request *q, const char *hash)
{
    const struct leat_sigv4_keys keys = {
        .id = s3->keys.id, .secret = s3->keys.secret, .region = s3->place.region, .service = "s3"};
    char time_text[LEAT_SIGV4_TIME], value[LINE_MAX - 32];
    struct leat_sigv4_request request = {.method = q->method,
                                         .path = q->path ? q->path : s3->place.path,
                                         .query = q->query ? q->query : "",
                                         .headers = s3->headers,
                                         .body_hash = hash,
                                         .time = time_text};
    size_t n = 0;
    int r;

    leat_sigv4_time((int64_t)time(NULL), time_text);
    for (; q->headers && q->headers[n]; n++) {
        leat_assert(n < LEAT_S3_HEADERS_MAX);
        s3->headers[n] = q->headers[n];
    }
    snprintf(s3->lines[0], LINE_MAX, "Host: %s", s3->place.host);
    snprintf(s3->lines[1], LINE_MAX, "X-Amz-Content-SHA256: %s", hash);
    snprintf(s3->lines[2], LINE_MAX, "X-Amz-Date: %s", time_text);
    snprintf(s3->lines[3], LINE_MAX, "X-Amz-Security-Token: %s", s3->keys.token);
    for (size_t i = 0; i < (*s3->keys.token ? 4u : 3u); i++)
        s3->headers[n++] = s3->lines[i];
    if (q->has_sum) {
        add_sum(s3->lines[SUM_LINE], hash);
        s3->headers[n++] = s3->lines[SUM_LINE];
    }
    s3->headers[n] = NULL;
    r = leat_sigv4_sign(s3->sha, &keys, &request, value, sizeof value);
    if (r == LEAT_ELIMIT)
        return leat_fail(s3->stage, LEAT_ELIMIT, "the request is too long to be signed");
    snprintf(s3->lines[4], LINE_MAX, "Authorization: %s", value);
    s3->headers[n++] = s3->lines[4];
    s3->headers[n] = NULL;
    return r;
}

int leat_s3_begin(struct leat_s3 *s3, const struct leat_s3_request *q, struct leat_exchange **ret)
{
    struct leat_client_request request = {.method = q->method,
                                          .url = s3->url,
                                          .headers = s3->headers,
                                          .body = q->body,
                                          .size = q->size};
    char hash[LEAT_SIGV4_HEX];
    int r = renew(s3);

    *ret = NULL;
    if (r == 0 && !q->body_hash)
        r = leat_sigv4_hash(s3->sha, q->body ? q->body : "", q->body ? (size_t)q->size : 0, hash);
    if (r == 0)
        r = sign(s3, q, q->body_hash ? q->body_hash : hash);
    if (r < 0)
        return r;
    snprintf(s3->url, sizeof s3->url, "%s%s%s%s", s3->place.origin,
             q->path ? q->path : s3->place.path, q->query ? "?" : "", q->query ? q->query : "");
    return leat_exchange_begin(s3->client, &request, ret);
}

static int begin_request(void *s3, const void *request, struct leat_exchange **ret)
{
    return leat_s3_begin(s3, request, ret);
}

const char *leat_s3_ca(const struct leat_s3 *s3)
{
    return *s3->ca ? s3->ca : NULL;
}

const char *leat_s3_url(struct leat_s3 *s3)
{
    snprintf(s3->url, sizeof s3->url, "%s%s", s3->place.origin, s3->place.path);
    return s3->url;
}

int leat_s3_explain(struct leat_s3 *s3)
{
    static const char *const range[] = {"Range: bytes=0-0", NULL};
    const struct leat_s3_request q = {.method = "GET", .headers = range, .tries_most = 1};
    struct leat_exchange *x;
    int r = leat_s3_perform(s3, &q, &x);

    if (r >= 0)
        r = leat_s3_fail(s3, x, "GET");
    leat_exchange_free(x);
    return r;
}

static int sign_empty(struct leat_s3 *s3, const char *method,
                      int (*add)(void *arg, const char *line), void *arg)
{
    const struct leat_s3_request q = {.method = method};
    char hash[LEAT_SIGV4_HEX];
    int r = renew(s3);

    if (r == 0)
        r = leat_sigv4_hash(s3->sha, "", 0, hash);
    if (r == 0)
        r = sign(s3, &q, hash);
    for (const char *const *line = s3->headers; r == 0 && *line; line++)
        if (strncmp(*line, "Host:", 5) != 0)
            r = add(arg, *line);
    return r;
}

/* The range and the condition need not be signed. */
int leat_s3_sign_get(void *s3, const char *range, const char *if_match,
                     int (*add)(void *arg, const char *line), void *arg)
{
    (void)range;
    (void)if_match;
    return sign_empty(s3, "GET", add, arg);
}

int leat_s3_sign_head(void *s3, const char *range, const char *if_match,
                      int (*add)(void *arg, const char *line), void *arg)
{
    (void)range;
    (void)if_match;
    return sign_empty(s3, "HEAD", add, arg);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Codes of errors that go away, with a status that does not say so. */
static bool is_transient(const char *code)
{
    static const char *const codes[] = {"RequestTimeout",
                                        "InternalError",
                                        "SlowDown",
                                        "ServiceUnavailable",
                                        "ConditionalRequestConflict",
                                        "OperationAborted",
                                        "BadDigest",
                                        "XAmzContentSHA256Mismatch",
                                        "IncompleteBody"};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

/* A 200 with an error in its body is a failure. */
static enum leat_verdict judge(struct leat_exchange *x)
{
    long status = leat_exchange_status(x);
    const char *reply = leat_exchange_reply(x);
    char code[128];

    switch (leat_exchange_state(x)) {
    case LEAT_EXCHANGE_LOST:
        return LEAT_TRY_AGAIN;
    case LEAT_EXCHANGE_REFUSED:
        return LEAT_TRY_FAILED;
    default:
        leat_assert(leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED);
    }
    if (status >= 200 && status < 300 && !strstr(reply, "<Error"))
        return LEAT_TRY_DONE;
    (void)leat_xml_element(reply, "Code", code, sizeof code);
    return leat_http_transient(status) || is_transient(code) ? LEAT_TRY_AGAIN : LEAT_TRY_FAILED;
}

/* The remedy for an error of this code. */
static const char *remedy(const char *code, long status)
{
    static const struct {
        const char *code, *text;
    } known[] = {
        {"SignatureDoesNotMatch", "; check the secret key, and AWS_REGION"},
        {"InvalidAccessKeyId", "; check the access key"},
        {"ExpiredToken", "; get new credentials"},
        {"NoSuchBucket", "; make the bucket first, or check its name"},
        {"AccessDenied", "; the credentials do not allow it"},
        {"RequestTimeTooSkewed", "; set the clock of this machine"},
        {"PermanentRedirect", "; set AWS_REGION to the region of the bucket"},
        {"AuthorizationHeaderMalformed", "; set AWS_REGION to the region of the bucket"},
        {"EntityTooSmall", "; the server wants larger parts: see --part-size"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(code, known[i].code) == 0)
            return known[i].text;
    return status == 301 || status == 307 ? "; set AWS_REGION to the region of the bucket" : "";
}

int leat_s3_fail(struct leat_s3 *s3, struct leat_exchange *x, const char *what)
{
    const char *reply = leat_exchange_reply(x), *shown = leat_s3_shown(s3);
    long status = leat_exchange_status(x);
    char code[128], message[300], region[128] = "";
    size_t n;

    if (leat_exchange_state(x) != LEAT_EXCHANGE_ANSWERED)
        return leat_fail(s3->stage, LEAT_ENETWORK, "%s: %s: %s", shown, what, leat_exchange_why(x));
    if (status == 412)
        return leat_fail(s3->stage, LEAT_EEXIST, "%s exists; --force overwrites it", shown);
    (void)leat_xml_element(reply, "Code", code, sizeof code);
    if (!leat_xml_element(reply, "Message", message, sizeof message))
        leat_reply_line(reply, message, sizeof message);
    n = strlen(message);
    if (n > 0 && message[n - 1] == '.') /* the remedy follows */
        message[n - 1] = '\0';
    if (*leat_exchange_header(x, "x-amz-bucket-region"))
        snprintf(region, sizeof region, " (the bucket is in %.60s)",
                 leat_exchange_header(x, "x-amz-bucket-region"));
    return leat_fail(s3->stage, status == 404 ? LEAT_ENOENT : LEAT_ENETWORK,
                     "%s: %s: the server answered %ld%s%s%s%s%s%s", shown, what, status,
                     *code ? " " : "", code, *message ? ": " : "", message, region,
                     remedy(code, status));
}

int leat_s3_perform(struct leat_s3 *s3, const struct leat_s3_request *q, struct leat_exchange **ret)
{
    return leat_tries_perform(&s3->tries, q, q->tries_most, ret);
}

#endif
