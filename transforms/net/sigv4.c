/* sigv4.c - the signature of AWS (version 4) for a request.
 *
 * The canonical request is a text of all that is signed. Its hash, the time and the place are signed by HMAC-SHA-256 with a key
 * that is made of the secret, the day, the region and the service.
 */

#include "sigv4.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/invariant.h"
#include "fixed.h"
#include "hmac.h"

#define TEXT_MAX ((size_t)16384) /* of a canonical request */
#define QUERY_MAX ((size_t)32)   /* parameters */
#define ALGORITHM "AWS4-HMAC-SHA256"

/* --- hashes ----------------------------------------------------------------------------------- */

void leat_sigv4_hex(const uint8_t digest[LEAT_SHA256_BYTES], char to[LEAT_SIGV4_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < LEAT_SHA256_BYTES; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
    to[2 * LEAT_SHA256_BYTES] = '\0';
}

static int hash(struct leat_evp *sha, const void *data, size_t n, uint8_t *digest)
{
    int r = leat_evp_begin(sha);

    if (r == 0)
        r = leat_evp_add(sha, data, n);
    return r < 0 ? r : leat_evp_end(sha, digest);
}

int leat_sigv4_hash(struct leat_evp *sha, const void *data, size_t n, char to[LEAT_SIGV4_HEX])
{
    uint8_t digest[LEAT_SHA256_BYTES];
    int r = hash(sha, data, n, digest);

    if (r == 0)
        leat_sigv4_hex(digest, to);
    return r;
}

/* --- the canonical request -------------------------------------------------------------------- */

struct field {
    const char *text; /* "Name: value", or "name=value" */
    size_t name;      /* bytes of the name */
    size_t rest;      /* bytes after it */
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int by_header(const void *a, const void *b)
{
    const struct field *x = a, *y = b;
    size_t n = x->name < y->name ? x->name : y->name;
    int r = strncasecmp(x->text, y->text, n);

    return r ? r : (x->name > y->name) - (x->name < y->name);
}

static int by_parameter(const void *a, const void *b)
{
    const struct field *x = a, *y = b;
    size_t n = x->name < y->name ? x->name : y->name;
    int r = memcmp(x->text, y->text, n);

    if (r == 0)
        r = (x->name > y->name) - (x->name < y->name);
    n = x->rest < y->rest ? x->rest : y->rest;
    if (r == 0 && n > 0)
        r = memcmp(x->text + x->name, y->text + y->name, n);
    return r ? r : (x->rest > y->rest) - (x->rest < y->rest);
}

/* The parameters in order; one without a value gets an equals sign. */
static void add_query(struct leat_fixed *t, const char *query)
{
    struct field fields[QUERY_MAX];
    size_t n = 0;

    while (*query) {
        size_t all = strcspn(query, "&"), name = strcspn(query, "=&");

        if (n == QUERY_MAX) {
            t->is_full = true;
            return;
        }
        if (all > 0)
            fields[n++] = (struct field){.text = query, .name = name, .rest = all - name};
        query += all + (query[all] == '&');
    }
    qsort(fields, n, sizeof *fields, by_parameter);
    for (size_t i = 0; i < n; i++)
        leat_fixed_add(t, "%s%.*s%s", i ? "&" : "", (int)(fields[i].name + fields[i].rest),
                       fields[i].text, fields[i].rest ? "" : "=");
}

static size_t sort_headers(const char *const *headers, struct field *fields, struct leat_fixed *t)
{
    size_t n = 0;

    for (; headers[n]; n++) {
        if (n == LEAT_SIGV4_HEADERS_MAX) {
            t->is_full = true;
            return n;
        }
        fields[n] = (struct field){.text = headers[n], .name = strcspn(headers[n], ":")};
    }
    qsort(fields, n, sizeof *fields, by_header);
    return n;
}

static void add_name(struct leat_fixed *t, const struct field *f)
{
    for (size_t i = 0; i < f->name; i++)
        leat_fixed_add(t, "%c", lower(f->text[i]));
}

/* Without the spaces at its ends, and with one for several. */
static void add_value(struct leat_fixed *t, const struct field *f)
{
    const char *value = f->text + f->name + (f->text[f->name] == ':');
    bool space = false, any = false;

    for (; *value; value++) {
        if (*value == ' ' || *value == '\t') {
            space = any;
            continue;
        }
        leat_fixed_add(t, "%s%c", space ? " " : "", *value);
        space = false;
        any = true;
    }
}

static void add_signed(struct leat_fixed *t, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        leat_fixed_add(t, "%s", i ? ";" : "");
        add_name(t, &fields[i]);
    }
}

static void add_request(struct leat_fixed *t, const struct leat_sigv4_request *q,
                        const struct field *fields, size_t n)
{
    leat_fixed_add(t, "%s\n%s\n", q->method, q->path);
    add_query(t, q->query);
    leat_fixed_add(t, "\n");
    for (size_t i = 0; i < n; i++) {
        add_name(t, &fields[i]);
        leat_fixed_add(t, ":");
        add_value(t, &fields[i]);
        leat_fixed_add(t, "\n");
    }
    leat_fixed_add(t, "\n");
    add_signed(t, fields, n);
    leat_fixed_add(t, "\n%s", q->body_hash);
}

/* --- the signature ---------------------------------------------------------------------------- */

static int derive_key(struct leat_evp *sha, const struct leat_sigv4_keys *k, const char *day,
                      uint8_t key[LEAT_SHA256_BYTES])
{
    const char *const steps[] = {day, k->region, k->service, "aws4_request"};
    char secret[256];
    int n = snprintf(secret, sizeof secret, "AWS4%s", k->secret), r;

    if (n < 0 || (size_t)n >= sizeof secret)
        return LEAT_ELIMIT;
    r = leat_hmac_sha256(sha, secret, (size_t)n, steps[0], strlen(steps[0]), key);
    for (size_t i = 1; r == 0 && i < sizeof steps / sizeof *steps; i++)
        r = leat_hmac_sha256(sha, key, LEAT_SHA256_BYTES, steps[i], strlen(steps[i]), key);
    explicit_bzero(secret, sizeof secret);
    return r;
}

int leat_sigv4_sign(struct leat_evp *sha, const struct leat_sigv4_keys *k,
                    const struct leat_sigv4_request *q, char *to, size_t size)
{
    char text[TEXT_MAX], place[256], hex[LEAT_SIGV4_HEX], day[9];
    struct field fields[LEAT_SIGV4_HEADERS_MAX];
    struct leat_fixed t = leat_fixed_in(text, sizeof text), out = leat_fixed_in(to, size);
    uint8_t key[LEAT_SHA256_BYTES];
    size_t n = sort_headers(q->headers, fields, &t);
    int r;

    leat_assert(strlen(q->time) == LEAT_SIGV4_TIME - 1);
    snprintf(day, sizeof day, "%.8s", q->time);
    add_request(&t, q, fields, n);
    snprintf(place, sizeof place, "%s/%s/%s/aws4_request", day, k->region, k->service);
    if (t.is_full)
        return LEAT_ELIMIT;
    r = leat_sigv4_hash(sha, text, strlen(text), hex);
    if (r == 0)
        r = derive_key(sha, k, day, key);
    snprintf(text, sizeof text, ALGORITHM "\n%s\n%s\n%s", q->time, place, hex);
    if (r == 0)
        r = leat_hmac_sha256(sha, key, sizeof key, text, strlen(text), key);
    if (r < 0)
        return r;
    leat_sigv4_hex(key, hex);
    leat_fixed_add(&out, ALGORITHM " Credential=%s/%s, SignedHeaders=", k->id, place);
    add_signed(&out, fields, n);
    leat_fixed_add(&out, ", Signature=%s", hex);
    return out.is_full ? LEAT_ELIMIT : 0;
}

void leat_sigv4_time(int64_t seconds, char to[LEAT_SIGV4_TIME])
{
    time_t at = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&at, &tm) || strftime(to, LEAT_SIGV4_TIME, "%Y%m%dT%H%M%SZ", &tm) == 0)
        snprintf(to, LEAT_SIGV4_TIME, "19700101T000000Z"); /* the server refuses it */
}
