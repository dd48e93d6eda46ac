/* azblob_sign.c - the signature of Azure Storage (Shared Key) for a request.
 *
 * The text that is signed has the method, the values of eleven headers, all headers that begin with x-ms-, and the resource with
 * its parameters. It is signed by HMAC-SHA-256 with the key of the account.
 */

#include "azblob_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/invariant.h"

#define TEXT_MAX ((size_t)16384)
#define FIELDS_MAX ((size_t)64)

static const char *value_of(const char *line, const char *name)
{
    size_t n = strlen(name);

    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + strspn(line + n + 1, " \t");
}

/* The header that the request has under this name; "": none. */
static const char *header(const struct leat_azblob_signed *q, const char *name)
{
    const char *value = NULL;

    for (const char *const *line = q->headers; *line && !value; line++)
        value = value_of(*line, name);
    return value ? value : "";
}

static size_t trimmed(const char *value)
{
    size_t n = strlen(value);

    while (n > 0 && strchr(" \t", value[n - 1]))
        n--;
    return n;
}

static void add_lower(struct leat_fixed *t, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        leat_fixed_add(t, "%c", from[i] >= 'A' && from[i] <= 'Z' ? from[i] + ('a' - 'A') : from[i]);
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    size_t n = strcspn(*x, ":="), m = strcspn(*y, ":=");
    int r = strncasecmp(*x, *y, n < m ? n : m);

    return r ? r : (n > m) - (n < m);
}

static void add_own_headers(struct leat_fixed *t, const struct leat_azblob_signed *q)
{
    const char *own[FIELDS_MAX];
    size_t n = 0;

    for (const char *const *line = q->headers; *line; line++) {
        if (strncasecmp(*line, "x-ms-", 5) != 0)
            continue;
        if (n == FIELDS_MAX) {
            t->is_full = true;
            return;
        }
        own[n++] = *line;
    }
    qsort(own, n, sizeof *own, by_name);
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(own[i], ":");
        const char *value = own[i] + name + (own[i][name] == ':');

        value += strspn(value, " \t");
        add_lower(t, own[i], name);
        leat_fixed_add(t, ":%.*s\n", (int)trimmed(value), value);
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static void add_decoded(struct leat_fixed *t, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = from[i];

        if (c == '%' && i + 2 < n && digit(from[i + 1]) >= 0 && digit(from[i + 2]) >= 0) {
            c = (char)(digit(from[i + 1]) << 4 | digit(from[i + 2]));
            i += 2;
        }
        leat_fixed_add(t, "%c", c);
    }
}

static void add_query(struct leat_fixed *t, const char *query)
{
    const char *fields[FIELDS_MAX];
    size_t n = 0;

    while (*query) {
        size_t all = strcspn(query, "&");

        if (n == FIELDS_MAX) {
            t->is_full = true;
            return;
        }
        if (all > 0)
            fields[n++] = query;
        query += all + (query[all] == '&');
    }
    qsort(fields, n, sizeof *fields, by_name);
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(fields[i], "=&");
        const char *value = fields[i] + name + (fields[i][name] == '=');

        leat_fixed_add(t, "\n");
        add_lower(t, fields[i], name);
        leat_fixed_add(t, ":");
        add_decoded(t, value, strcspn(value, "&"));
    }
}

void leat_azblob_text(const struct leat_azblob_signed *q, struct leat_fixed *t)
{
    /* In this order; the length is between the second and the third. */
    static const char *const names[] = {
        "Content-Encoding",  "Content-Language", "Content-MD5",   "Content-Type",        "Date",
        "If-Modified-Since", "If-Match",         "If-None-Match", "If-Unmodified-Since", "Range"};

    leat_fixed_add(t, "%s\n", q->method);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = header(q, names[i]);

        if (i == 2 && q->size > 0)
            leat_fixed_add(t, "%" PRIu64, q->size);
        if (i == 2)
            leat_fixed_add(t, "\n");
        leat_fixed_add(t, "%.*s\n", (int)trimmed(value), value);
    }
    add_own_headers(t, q);
    leat_fixed_add(t, "/%s%s", q->account, q->path);
    add_query(t, q->query);
}

int leat_azblob_sign(struct leat_evp *sha, const uint8_t *key, size_t key_n,
                     const struct leat_azblob_signed *q, char *to, size_t size)
{
    char text[TEXT_MAX], code[LEAT_BASE64_SIZE(LEAT_SHA256_BYTES)];
    struct leat_fixed t = leat_fixed_in(text, sizeof text), out = leat_fixed_in(to, size);
    uint8_t digest[LEAT_SHA256_BYTES];
    int r;

    leat_assert(key_n > 0);
    leat_azblob_text(q, &t);
    if (t.is_full)
        return LEAT_ELIMIT;
    r = leat_hmac_sha256(sha, key, key_n, text, t.n, digest);
    if (r < 0)
        return r;
    leat_base64_encode(digest, sizeof digest, code);
    leat_fixed_add(&out, "SharedKey %s:%s", q->account, code);
    return out.is_full ? LEAT_ELIMIT : 0;
}

void leat_azblob_time(int64_t seconds, char to[LEAT_AZBLOB_TIME])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t at = (time_t)seconds;
    struct tm tm;
    int n = -1;

    if (gmtime_r(&at, &tm))
        n = snprintf(to, LEAT_AZBLOB_TIME, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                     days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (n != LEAT_AZBLOB_TIME - 1) /* the server refuses it */
        snprintf(to, LEAT_AZBLOB_TIME, "Thu, 01 Jan 1970 00:00:00 GMT");
}
