/* azblob.c - requests to a blob of Azure, and what their answers mean. */

#include "azblob.h"

#if HAVE_CURL

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "azblob_place.h"
#include "azblob_sign.h"
#include "base/invariant.h"
#include "http.h"

#define CONNECT_MS ((uint64_t)10000)
#define VERSION "2021-12-02" /* of the protocol */
#define LINE_MAX ((size_t)512)
#define LINES_MAX ((size_t)6)
#define URL_MAX ((size_t)8192)

struct leat_azblob {
    struct leat_stage *stage;
    struct leat_azblob_options options;
    struct leat_client *client;
    struct leat_tries tries;
    struct leat_evp *sha, *md5;
    struct leat_azblob_place place;
    /* The request that is made now: */
    char url[URL_MAX], lines[LINES_MAX][LINE_MAX];
    const char *headers[LEAT_AZBLOB_HEADERS_MAX + LINES_MAX + 1];
    size_t n_headers, n_lines;
};

/* --- the answer ------------------------------------------------------------------------------- */

const char *leat_azblob_code(struct leat_exchange *x, char *to, size_t size)
{
    snprintf(to, size, "%s", leat_exchange_header(x, "x-ms-error-code"));
    if (!*to)
        (void)leat_xml_element(leat_exchange_reply(x), "Code", to, size);
    return to;
}

/* Codes of errors that go away, with a status that does not say so. A digest differs if the data changed on the way. */
static bool is_transient(const char *code)
{
    static const char *const codes[] = {"ServerBusy", "InternalError", "OperationTimedOut",
                                        "Md5Mismatch"};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static enum leat_verdict judge(struct leat_exchange *x)
{
    long status = leat_exchange_status(x);
    char code[128];

    switch (leat_exchange_state(x)) {
    case LEAT_EXCHANGE_LOST:
        return LEAT_TRY_AGAIN;
    case LEAT_EXCHANGE_REFUSED:
        return LEAT_TRY_FAILED;
    default:
        leat_assert(leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED);
    }
    if (status >= 200 && status < 300)
        return LEAT_TRY_DONE;
    if (leat_http_transient(status) || is_transient(leat_azblob_code(x, code, sizeof code)))
        return LEAT_TRY_AGAIN;
    return LEAT_TRY_FAILED;
}

bool leat_azblob_exists(struct leat_exchange *x)
{
    char code[128];

    if (leat_exchange_state(x) != LEAT_EXCHANGE_ANSWERED)
        return false;
    (void)leat_azblob_code(x, code, sizeof code);
    return strcmp(code, "BlobAlreadyExists") == 0 || strcmp(code, "ConditionNotMet") == 0;
}

/* The remedy for an error of this code. */
static const char *remedy(const char *code)
{
    static const char key[] =
        "; check AZURE_STORAGE_KEY or the token, and the clock of this machine";
    static const struct {
        const char *code, *text;
    } known[] = {
        {"AuthenticationFailed", key},
        {"AuthorizationFailure",
         "; check AZURE_STORAGE_KEY or the token, and the network rules of the account"},
        {"InvalidAuthenticationInfo", key},
        {"AuthorizationPermissionMismatch", "; the token does not allow it"},
        {"AuthorizationSourceIPMismatch", "; the token is for other addresses"},
        {"KeyBasedAuthenticationNotPermitted", "; the account allows no keys; use another one"},
        {"ContainerNotFound", "; make the container first, or check its name"},
        {"BlobNotFound", "; check the name"},
        {"BlobArchived", "; rehydrate the blob first"},
        {"InvalidBlobType", "; it is a page or append blob, which cannot be replaced; delete it"},
        {"InvalidBlobOrBlock",
         "; blocks of another program wait under this name; let it end, or write "
         "another name"},
        {"InvalidBlockList",
         "; another program has written this blob meanwhile, or the blocks have expired; run it again"},
        {"LeaseIdMissing",
         "; the blob has a lease; give --header='x-ms-lease-id: ID', or break it"},
        {"BlobImmutableDueToPolicy", "; a policy of the container keeps the blob as it is"},
        {"AccountIsDisabled", "; enable the account"},
        {"InvalidMd5", "; it is a fault of this program"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(code, known[i].code) == 0)
            return known[i].text;
    return "";
}

/* The first sentence or two: numbers of the request and the time follow it on lines of their own. */
static void read_message(const char *reply, char *to, size_t size)
{
    char *end;
    size_t n;

    if (!leat_xml_element(reply, "Message", to, size))
        leat_reply_line(reply, to, size);
    end = strstr(to, " RequestId:");
    if (end)
        *end = '\0';
    n = strlen(to);
    while (n > 0 && strchr(". ", to[n - 1])) /* the remedy follows */
        to[--n] = '\0';
}

int leat_azblob_fail(struct leat_azblob *a, struct leat_exchange *x, const char *what)
{
    const char *shown = leat_azblob_shown(a);
    long status = leat_exchange_status(x);
    char code[128], message[300];

    if (leat_exchange_state(x) != LEAT_EXCHANGE_ANSWERED)
        return leat_fail(a->stage, LEAT_ENETWORK, "%s: %s: %s", shown, what, leat_exchange_why(x));
    if (leat_azblob_exists(x))
        return leat_fail(a->stage, LEAT_EEXIST, "%s exists; --force overwrites it", shown);
    (void)leat_azblob_code(x, code, sizeof code);
    read_message(leat_exchange_reply(x), message, sizeof message);
    return leat_fail(a->stage, status == 404 ? LEAT_ENOENT : LEAT_ENETWORK,
                     "%s: %s: the server answered %ld%s%s%s%s%s", shown, what, status,
                     *code ? " " : "", code, *message ? ": " : "", message, remedy(code));
}

/* --- a request -------------------------------------------------------------------------------- */

static const char *query_mark(const struct leat_azblob *a)
{
    return *a->place.sas ? "&" : "";
}

static void make_url(struct leat_azblob *a, const char *query)
{
    snprintf(a->url, sizeof a->url, "%s%s%s%s%s%s", a->place.origin, a->place.path,
             *query || *a->place.sas ? "?" : "", query, *query ? query_mark(a) : "", a->place.sas);
}

static void add_line(struct leat_azblob *a, const char *name, const char *value)
{
    leat_assert(a->n_lines < LINES_MAX);
    snprintf(a->lines[a->n_lines], LINE_MAX, "%s: %s", name, value);
    a->headers[a->n_headers++] = a->lines[a->n_lines++];
    a->headers[a->n_headers] = NULL;
}

/* Completes the headers of the request, which begin with those of `own`. */
static void begin_headers(struct leat_azblob *a, const char *const *own)
{
    char now[LEAT_AZBLOB_TIME];

    a->n_headers = a->n_lines = 0;
    for (; own && own[a->n_headers]; a->n_headers++) {
        leat_assert(a->n_headers < LEAT_AZBLOB_HEADERS_MAX);
        a->headers[a->n_headers] = own[a->n_headers];
    }
    leat_azblob_time((int64_t)time(NULL), now);
    add_line(a, "x-ms-date", now);
    add_line(a, "x-ms-version", VERSION);
}

/* A token in the URL needs no signature. */
static int sign(struct leat_azblob *a, const char *method, const char *query, uint64_t size)
{
    const struct leat_azblob_signed request = {.method = method,
                                               .account = a->place.account,
                                               .path = a->place.path,
                                               .query = query,
                                               .headers = a->headers,
                                               .size = size};
    char value[256];
    int r;

    if (a->place.key_n == 0)
        return 0;
    r = leat_azblob_sign(a->sha, a->place.key, a->place.key_n, &request, value, sizeof value);
    if (r == LEAT_ELIMIT)
        return leat_fail(a->stage, LEAT_ELIMIT, "the request is too long to be signed");
    add_line(a, "Authorization", value);
    return r;
}

static int hash_body(struct leat_azblob *a, const struct leat_azblob_request *q,
                     uint8_t digest[LEAT_MD5_BYTES])
{
    int r = leat_evp_begin(a->md5);

    if (r == 0)
        r = leat_evp_add(a->md5, q->body, (size_t)q->size);
    return r < 0 ? r : leat_evp_end(a->md5, digest);
}

int leat_azblob_begin(struct leat_azblob *a, const struct leat_azblob_request *q,
                      struct leat_exchange **ret)
{
    const char *query = q->query ? q->query : "";
    struct leat_client_request request = {.method = q->method,
                                          .url = a->url,
                                          .headers = a->headers,
                                          .body = q->body,
                                          .size = q->size};
    uint8_t digest[LEAT_MD5_BYTES];
    char md5[LEAT_BASE64_SIZE(LEAT_MD5_BYTES)];
    int r = 0;

    *ret = NULL;
    begin_headers(a, q->headers);
    if (q->body) {
        r = q->md5 ? 0 : hash_body(a, q, digest);
        leat_base64_encode(q->md5 ? q->md5 : digest, LEAT_MD5_BYTES, md5);
        add_line(a, "Content-MD5", md5);
    }
    if (r == 0)
        r = sign(a, q->method, query, q->body ? q->size : 0);
    if (r < 0)
        return r;
    make_url(a, query);
    return leat_exchange_begin(a->client, &request, ret);
}

static int begin_request(void *a, const void *request, struct leat_exchange **ret)
{
    return leat_azblob_begin(a, request, ret);
}

int leat_azblob_explain(struct leat_azblob *a)
{
    static const char *const range[] = {"Range: bytes=0-0", NULL};
    const struct leat_azblob_request q = {.method = "GET", .headers = range};
    struct leat_exchange *x;
    int r = leat_tries_perform(&a->tries, &q, 1, &x);

    if (r >= 0)
        r = leat_azblob_fail(a, x, "Get Blob");
    leat_exchange_free(x);
    return r;
}

int leat_azblob_sign_get(void *arg_azblob, const char *range, const char *if_match,
                         int (*add)(void *arg, const char *line), void *arg)
{
    struct leat_azblob *a = arg_azblob;
    char lines[2][LEAT_HTTP_HEADER_MAX + 32];
    const char *own[3] = {NULL};
    size_t n = 0;
    int r;

    snprintf(lines[0], sizeof lines[0], "Range: %s", range);
    snprintf(lines[1], sizeof lines[1], "If-Match: %s", if_match);
    if (*range)
        own[n++] = lines[0];
    if (*if_match)
        own[n++] = lines[1];
    begin_headers(a, own);
    r = sign(a, "GET", "", 0);
    for (size_t i = 0; r == 0 && i < a->n_lines; i++) /* the others are sent already */
        r = add(arg, a->lines[i]);
    return r;
}

/* --- open ------------------------------------------------------------------------------------- */

static struct leat_client_options client_options(const struct leat_azblob_options *o)
{
    return (struct leat_client_options){
        .ca = o->ca, .connect_ms = CONNECT_MS, .stall_ms = o->stall_ms};
}

int leat_azblob_plan(struct leat_stage *s, const struct leat_azblob_options *o)
{
    const struct leat_client_options client = client_options(o);
    const char *fault = leat_azblob_check_url(o->url);

    if (fault)
        return leat_fail(s, LEAT_EUSAGE, "%s: %s", o->url, fault);
    return leat_client_plan(s, &client);
}

int leat_azblob_open(struct leat_stage *s, const struct leat_azblob_options *options,
                     struct leat_azblob **ret)
{
    struct leat_azblob *a = leat_alloc(s, sizeof *a);
    struct leat_azblob_settings settings;
    struct leat_client_options client;
    const char *fault;
    int r;

    *ret = a;
    if (!a)
        return LEAT_ENOMEM;
    a->stage = s;
    a->options = *options;
    leat_azblob_settings(&settings);
    fault = leat_azblob_locate(options->url, &settings, &a->place);
    if (fault)
        return leat_fail(s, LEAT_EUSAGE, "%s: %s", options->url, fault);
    client = client_options(options);
    r = leat_client_open(s, &client, &a->client);
    a->tries = (struct leat_tries){.client = a->client,
                                   .wait_ms = options->wait_ms,
                                   .retries = options->retries,
                                   .judge = judge,
                                   .begin = begin_request,
                                   .service = a};
    if (r == 0)
        r = leat_evp_new(s, LEAT_SHA256, &a->sha);
    return r < 0 ? r : leat_evp_new(s, LEAT_MD5, &a->md5);
}

void leat_azblob_close(struct leat_azblob *a)
{
    if (!a)
        return;
    leat_evp_free(a->sha);
    leat_evp_free(a->md5);
    leat_client_close(a->client);
    explicit_bzero(&a->place, sizeof a->place);
    explicit_bzero(a->url, sizeof a->url);
    leat_free(a->stage, a);
}

const struct leat_tries *leat_azblob_tries(const struct leat_azblob *a)
{
    return &a->tries;
}

const char *leat_azblob_shown(const struct leat_azblob *a)
{
    return a->options.url;
}

const char *leat_azblob_url(struct leat_azblob *a)
{
    make_url(a, "");
    return a->url;
}

#endif
