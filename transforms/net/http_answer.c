/* http_answer.c - the head of an answer, as libcurl has kept it. */

#include "http.h"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http_impl.h"

#define STRONG_S ((int64_t)60)

const char *leat_http_field(struct leat_http *h, const char *name)
{
    struct curl_header *header;

    return h->curl_easy_header(h->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : "";
}

/* One that is too long is as good as none. */
static void keep_field(struct leat_http *h, const char *name, char *to)
{
    const char *value = leat_http_field(h, name);
    size_t n = strlen(value);

    memcpy(to, n < LEAT_HTTP_HEADER_MAX ? value : "", n < LEAT_HTTP_HEADER_MAX ? n + 1 : 1);
}

/* libcurl goes by the last length; a proxy may go by another one. */
static bool has_two_lengths(struct leat_http *h)
{
    struct curl_header *header; /* of the last call */
    const char *first = leat_http_field(h, "Content-Length");
    size_t i = 1;

    while (h->curl_easy_header(h->easy, "Content-Length", i, CURLH_HEADER, -1, &header) ==
           CURLHE_OK) {
        if (strcmp(header->value, first) != 0)
            return true;
        i++;
    }
    return false;
}

static int64_t time_of(struct leat_http *h, const char *name)
{
    const char *value = leat_http_field(h, name);

    return *value ? (int64_t)h->curl_getdate(value, NULL) : -1;
}

/* Retry-After: seconds, or a date. */
static uint64_t retry_ms(struct leat_http *h)
{
    const char *value = leat_http_field(h, "Retry-After");
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

void leat_http_read_head(struct leat_http *h, long status, struct leat_http_answer *a)
{
    curl_off_t length = -1;
    long version = 0;
    const char *encoding = leat_http_field(h, "Content-Encoding");

    *a = (struct leat_http_answer){.status = status,
                                   .length = LEAT_HTTP_UNKNOWN,
                                   .from = LEAT_HTTP_UNKNOWN,
                                   .last = LEAT_HTTP_UNKNOWN,
                                   .total = LEAT_HTTP_UNKNOWN};
    a->is_encoded = *encoding && strcasecmp(encoding, "identity") != 0;
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_HTTP_VERSION, &version);
    a->has_two_lengths = has_two_lengths(h);
    if (length >= 0)
        a->length = (uint64_t)length;
    a->has_end = length >= 0 || version >= CURL_HTTP_VERSION_2_0 || status == 204 ||
                 strcasestr(leat_http_field(h, "Transfer-Encoding"), "chunked") != NULL;
    if (status == 206)
        (void)leat_http_content_range(leat_http_field(h, "Content-Range"), &a->from, &a->last,
                                      &a->total);
    else
        a->total = status == 204 ? 0 : a->length;
    a->retry_ms = retry_ms(h);
    keep_field(h, "ETag", h->etag);
    keep_field(h, "Last-Modified", h->modified);
    a->etag = h->etag;
    a->modified = h->modified;
    a->modified_s = time_of(h, "Last-Modified");
    a->strong = leat_http_strong(h->etag, h->modified, a->modified_s, time_of(h, "Date"));
}

/* Between two tries the file may have been changed: its time has a resolution of a second, so only one that is old enough, by the
 * clock of this machine, tells that it was not. */
void leat_http_read_file(struct leat_http *h, struct leat_http_answer *a)
{
    uint64_t from = h->request->from;
    curl_off_t length = -1, changed = -1;

    (void)h->curl_easy_getinfo(h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void)h->curl_easy_getinfo(h->easy, CURLINFO_FILETIME_T, &changed);
    *a = (struct leat_http_answer){.status = from > 0 ? 206 : 200,
                                   .has_end = true, /* EOF is a message of its own */
                                   .length = length >= 0 ? (uint64_t)length : LEAT_HTTP_UNKNOWN,
                                   .from = LEAT_HTTP_UNKNOWN,
                                   .last = LEAT_HTTP_UNKNOWN,
                                   .total = LEAT_HTTP_UNKNOWN,
                                   .retry_ms = LEAT_HTTP_UNKNOWN,
                                   .etag = h->etag,
                                   .modified = "",
                                   .modified_s = -1,
                                   .strong = ""};
    h->etag[0] = '\0';
    if (length >= 0)
        a->total = from + (uint64_t)length;
    if (from > 0)
        a->from = from;
    if (from > 0 && length > 0)
        a->last = a->total - 1;
    if (length < 0 || changed < 0)
        return;
    snprintf(h->etag, sizeof h->etag, "\"%" PRId64 "-%" PRIu64 "\"", (int64_t)changed, a->total);
    if ((int64_t)time(NULL) - (int64_t)changed >= STRONG_S)
        a->strong = h->etag;
}

#endif
