/* http_head.c - the fields of requests and answers that `get` understands. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/invariant.h"
#include "http.h"

#define STRONG_AFTER_S 60          /* RFC 9110, 8.8.2.2: no doubt about the clocks */
#define PROGRESS ((uint64_t)65536) /* bytes */
#define BACKOFF_MS_MAX ((uint64_t)30000)
#define RETRY_AFTER_MAX_S UINT64_C(1000000000)

/* Digits only; strtoull would accept signs and spaces. */
static const char *number(const char *text, uint64_t *ret)
{
    uint64_t n = 0;

    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (n > (uint64_t)INT64_MAX / 10 - 1)
            return NULL;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    *ret = n;
    return text;
}

bool leat_http_content_range(const char *text, uint64_t *ret_from, uint64_t *ret_last,
                             uint64_t *ret_total)
{
    uint64_t from, last, total = LEAT_HTTP_UNKNOWN;

    if (strncasecmp(text, "bytes ", 6) != 0)
        return false;
    text = number(text + 6 + strspn(text + 6, " "), &from);
    if (!text || *text != '-')
        return false;
    text = number(text + 1, &last);
    if (!text || *text != '/' || last < from)
        return false;
    text = text[1] == '*' ? text + 2 : number(text + 1, &total);
    if (!text || *text || (total != LEAT_HTTP_UNKNOWN && last >= total))
        return false;
    *ret_from = from;
    *ret_last = last;
    *ret_total = total;
    return true;
}

/* `"`, visible characters, `"`: what came from one server and goes to another has no control characters. */
static bool is_strong_etag(const char *etag)
{
    size_t n = strlen(etag);

    if (n < 2 || etag[0] != '"' || etag[n - 1] != '"')
        return false;
    for (size_t i = 1; i < n - 1; i++)
        if ((unsigned char)etag[i] <= ' ' || etag[i] == '"' || etag[i] == 0x7f)
            return false;
    return true;
}

static bool is_printable(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return !*text;
}

const char *leat_http_strong(const char *etag, const char *modified, int64_t modified_time,
                             int64_t date)
{
    if (*etag)
        return is_strong_etag(etag) ? etag : "";
    if (*modified && is_printable(modified) && modified_time >= 0 &&
        date >= modified_time + STRONG_AFTER_S)
        return modified;
    return "";
}

uint64_t leat_http_retry_ms(const char *text)
{
    uint64_t s;
    const char *end = number(text, &s);

    if (!end || *end)
        return LEAT_HTTP_UNKNOWN;
    return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

bool leat_http_is_url(const char *word)
{
    return strncasecmp(word, "http://", 7) == 0 || strncasecmp(word, "https://", 8) == 0;
}

bool leat_http_header_ok(const char *header)
{
    static const char *const own[] = {"Range:", "If-Range:", "Accept-Encoding:"};
    size_t name = strcspn(header, ": \t");

    if (name == 0 || header[name] != ':')
        return false;
    for (const char *p = header; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return false;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strncasecmp(header, own[i], strlen(own[i])) == 0)
            return false;
    return true;
}

bool leat_http_transient(long status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504;
}

bool leat_http_is_progress(uint64_t before, uint64_t now, uint64_t total)
{
    uint64_t rest = total - before,
             enough = PROGRESS; /* not known: the rest is as good as endless */

    leat_assert(before <= now && now <= total);
    if (rest / 4 < enough)
        enough = rest / 4 + 1;
    return now - before >= enough;
}

uint64_t leat_http_backoff_ms(uint64_t first_ms, int64_t tries)
{
    uint64_t ms = first_ms;
    uint32_t random = 0;

    for (int64_t i = 0; i < tries && ms < BACKOFF_MS_MAX; i++)
        ms *= 2;
    ms = ms < BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = 0; /* that does, too */
    return ms / 2 + ms * random / (2 * (UINT64_C(1) << 32));
}

const char *leat_http_advice(long status)
{
    static const struct {
        long status;
        const char *text;
    } known[] = {
        {401,
         " Unauthorized; give a user and a password with --netrc, or a token with --header=@FILE"},
        {403, " Forbidden"},
        {404, " Not Found; check the URL"},
        {407, " Proxy Authentication Required; give the user in the URL of the proxy"},
        {410, " Gone; check the URL"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].text;
    return "";
}
