/* get_parts.c - large content from several connections at once, in order.
 *
 * The content is cut into parts of one size. Each connection reads one part at a time into its own buffer, and the parts are
 * handed on in order, so at most one part for each connection is in memory. Each request has the condition that the content is
 * still the same (If-Range), and a part that is lost is asked for again from its first missing byte, without the others.
 */

#include "get_parts.h"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"

#define PART_BYTES ((uint64_t)4 << 20)
#define PART_BYTES_MIN ((uint64_t)256 << 10)
#define ROUNDS_MAX 16 /* reads of one connection before the next one has its turn */

enum part_state { PART_FREE, PART_RUNS, PART_WAITS, PART_HERE };

struct part {
    struct leat_get_parts *all;
    struct leat_http *http;
    struct leat_http_request request;
    uint8_t *data;
    enum part_state state;
    uint64_t from, size; /* in the content; bytes */
    uint64_t have, given;
    uint64_t wait_until_ns; /* PART_WAITS */
    uint64_t have_of_try, retry_ms;
    int64_t tries; /* that failed since `have_of_try` */
    long status;   /* of the last try, if the server asked for another one; or 0 */
};

struct leat_get_parts {
    struct leat_stage *stage;
    struct leat_get_parts_options options;
    uint64_t part_size, total, next, given, lost;
    unsigned head; /* the part that is handed on */
    char etag[LEAT_HTTP_HEADER_MAX], strong[LEAT_HTTP_HEADER_MAX];
    struct part parts[LEAT_GET_PARTS_MAX];
};

static int fail(const struct part *part, int code, const char *text)
{
    return leat_fail_at(part->all->stage, code, part->from + part->have, "%s: %s",
                        leat_http_shown(part->http), text);
}

static int changed(const struct part *part, const char *how)
{
    char text[160];

    snprintf(text, sizeof text,
             "the content changed while it was read by several connections: %s; run it again", how);
    return fail(part, LEAT_ENETWORK, text);
}

/* --- one request -------------------------------------------------------------------------------- */

static int take_head(void *arg, const struct leat_http_answer *a)
{
    struct part *part = arg;
    const struct leat_get_parts *p = part->all;
    uint64_t begin = part->from + part->have;
    char text[96];

    if (leat_http_transient(a->status)) {
        part->status = a->status;
        part->retry_ms = a->retry_ms;
        return LEAT_EAGAIN;
    }
    if (a->status == 200 || a->status == 203 || a->status == 412 || a->status == 416)
        return changed(part, "the server does not send the rest of the same content any more");
    snprintf(text, sizeof text, "the server answered %ld", a->status);
    if (a->status != 206)
        return fail(part, LEAT_ENETWORK, text);
    if (a->from != begin || a->last >= part->from + part->size ||
        (a->length != LEAT_HTTP_UNKNOWN && a->length != a->last - a->from + 1))
        return fail(part, LEAT_ENETWORK, "the server sent another range than the one asked for");
    if (a->total != LEAT_HTTP_UNKNOWN && a->total != p->total)
        return changed(part, "it has another length");
    if (strcmp(a->etag, p->etag) != 0)
        return changed(part, *a->etag ? "it has another ETag" : "a part has no ETag");
    if (!*a->etag && *a->modified && strcmp(a->modified, p->strong) != 0)
        return changed(part, "it has another Last-Modified");
    return 0;
}

static int take_body(void *arg, const uint8_t *data, size_t n)
{
    struct part *part = arg;

    leat_assert(part->have <= part->size && part->size <= part->all->part_size);
    if (n > part->size - part->have)
        return fail(part, LEAT_ENETWORK, "the server sends more bytes than it said");
    memcpy(part->data + part->have, data, n);
    part->have += n;
    return 0;
}

static int ask(struct part *part)
{
    struct leat_get_parts *p = part->all;

    part->request = (struct leat_http_request){.from = part->from + part->have,
                                               .to = part->from + part->size - 1,
                                               .if_range = p->strong,
                                               .deadline_ns = p->options.deadline_ns,
                                               .arg = part,
                                               .begin = take_head,
                                               .body = take_body};
    part->state = PART_RUNS;
    part->status = 0;
    return leat_http_start(part->http, &part->request);
}

/* A request failed, or brought a piece of the part only. */
static int wait_for_try(struct part *part)
{
    const struct leat_get_parts_options *o = &part->all->options;
    uint64_t now = leat_http_now_ns(), ms;
    char why[384], text[512];

    if (leat_http_is_progress(part->have_of_try, part->have, part->size)) {
        part->tries = 0;
        part->have_of_try = part->have;
    }
    if (part->status > 0)
        snprintf(why, sizeof why, "the server answered %ld", part->status);
    else
        snprintf(why, sizeof why, "%s", leat_http_why(part->http));
    ms = part->status > 0 && part->retry_ms != LEAT_HTTP_UNKNOWN
             ? part->retry_ms
             : leat_http_backoff_ms(o->wait_ms, part->tries);
    if (part->tries >= o->retries) {
        snprintf(text, sizeof text,
                 "%s; given up after %" PRId64 " retries that brought less than 64 KiB (--retries)",
                 why, part->tries);
        return fail(part, LEAT_ENETWORK, text);
    }
    if (ms > LEAT_HTTP_RETRY_MS_MAX) {
        snprintf(text, sizeof text, "%s, and asks to wait %" PRIu64 " s; run it again later", why,
                 ms / 1000);
        return fail(part, LEAT_ENETWORK, text);
    }
    if (o->deadline_ns > 0 && now + ms * 1000000 >= o->deadline_ns) {
        snprintf(text, sizeof text, "%s, and the time of --max-time is too short for another try",
                 why);
        return fail(part, LEAT_ETIMEDOUT, text);
    }
    part->tries++;
    part->all->lost++;
    part->state = PART_WAITS;
    part->wait_until_ns = now + ms * 1000000;
    return 0;
}

/* --- a part ------------------------------------------------------------------------------------- */

static int begin_part(struct part *part)
{
    struct leat_get_parts *p = part->all;
    uint64_t left = p->total - p->next;

    part->from = p->next;
    part->size = left < p->part_size ? left : p->part_size;
    part->have = part->given = part->have_of_try = 0;
    part->tries = 0;
    p->next += part->size;
    return ask(part);
}

/* The request of the part has ended with this result. */
static int end_request(struct part *part, int r)
{
    if (r == LEAT_HTTP_REFUSED || r == LEAT_HTTP_LATE)
        return fail(part, r == LEAT_HTTP_LATE ? LEAT_ETIMEDOUT : LEAT_ENETWORK,
                    leat_http_why(part->http));
    if (r == 0 && part->have < part->size)
        r = leat_http_lost(part->http, "the server sent a piece of the part");
    if (r != 0 && r != LEAT_HTTP_LOST && r != LEAT_EAGAIN)
        return r;
    if (part->have < part->size)
        return wait_for_try(part);
    part->state = PART_HERE;
    return 0;
}

static int read_part(struct part *part)
{
    uint64_t before;
    int r, i = 0;

    do {
        before = part->have;
        r = leat_http_advance(part->http);
    } while (r == LEAT_HTTP_RUNNING && part->have > before && ++i < ROUNDS_MAX);
    return r == LEAT_HTTP_RUNNING ? 0 : end_request(part, r);
}

int leat_get_parts_first_ended(struct leat_get_parts *p, int r)
{
    return end_request(&p->parts[0], r);
}

static int go_on(struct part *part)
{
    switch (part->state) {
    case PART_FREE:
        return part->all->next < part->all->total ? begin_part(part) : 0;
    case PART_RUNS:
        return read_part(part);
    case PART_WAITS:
        return leat_http_now_ns() >= part->wait_until_ns ? ask(part) : 0;
    case PART_HERE:
        break;
    }
    return 0;
}

/* --- all of them -------------------------------------------------------------------------------- */

/* Hand on what the first part has. Returns how many bytes, or an error; *ret_full: there was no more room. */
static int hand_on(struct leat_get_parts *p, struct leat_out *out, bool *ret_full)
{
    struct part *part = &p->parts[p->head];
    int r = 0;

    *ret_full = false;
    while (r == 0 && part->given < part->have) {
        uint64_t left = part->have - part->given;
        uint8_t *to;
        size_t room = leat_reserve(out, &to), n = left < room ? (size_t)left : room;

        *ret_full = room == 0;
        if (room == 0)
            break;
        memcpy(to, part->data + part->given, n);
        r = p->options.take(p->options.arg, to, n);
        leat_commit(out, r == 0 ? n : 0);
        part->given += n;
        p->given += n;
    }
    if (r == 0 && part->state == PART_HERE && part->given == part->size) {
        part->state = PART_FREE;
        p->head = (p->head + 1) % p->options.n;
    }
    return r;
}

static void wait_for_events(struct leat_get_parts *p)
{
    uint64_t now = leat_http_now_ns(), least = LEAT_HTTP_UNKNOWN;

    for (unsigned i = 0; i < p->options.n; i++) {
        const struct part *part = &p->parts[i];
        uint64_t ms = LEAT_HTTP_UNKNOWN;

        if (part->state == PART_RUNS)
            ms = leat_http_wants(part->http, p->stage);
        else if (part->state == PART_WAITS)
            ms = part->wait_until_ns > now ? (part->wait_until_ns - now) / 1000000 + 1 : 1;
        least = ms < least ? ms : least;
    }
    if (least != LEAT_HTTP_UNKNOWN)
        leat_wait_ms(p->stage, least);
}

int leat_get_parts_step(struct leat_get_parts *p, struct leat_out *out)
{
    uint64_t before = p->given;
    bool full;
    int r = 0;

    for (unsigned i = 0; i < p->options.n && r == 0; i++)
        r = go_on(&p->parts[(p->head + i) % p->options.n]);
    if (r == 0)
        r = hand_on(p, out, &full);
    if (r < 0)
        return r;
    if (p->given == p->total)
        return LEAT_END;
    if (p->given > before || full)
        return LEAT_MORE;
    wait_for_events(p);
    return LEAT_WAIT;
}

void leat_get_parts_begin(struct leat_get_parts *p, const struct leat_http_answer *a)
{
    struct part *part = &p->parts[0];

    leat_assert(a->from == 0 && a->total != LEAT_HTTP_UNKNOWN && *a->strong);
    p->total = a->total;
    snprintf(p->etag, sizeof p->etag, "%s", a->etag);
    snprintf(p->strong, sizeof p->strong, "%s", a->strong);
    part->size = p->total < p->part_size ? p->total : p->part_size;
    part->state = PART_RUNS;
    p->next = part->size;
}

int leat_get_parts_body(struct leat_get_parts *p, const uint8_t *data, size_t n)
{
    return take_body(&p->parts[0], data, n);
}

uint64_t leat_get_parts_size(const struct leat_get_parts *p)
{
    return p->part_size;
}

uint64_t leat_get_parts_given(const struct leat_get_parts *p)
{
    return p->given;
}

uint64_t leat_get_parts_lost(const struct leat_get_parts *p)
{
    return p->lost;
}

struct leat_get_parts *leat_get_parts_new(struct leat_stage *s,
                                          const struct leat_get_parts_options *o)
{
    struct leat_get_parts *p = leat_alloc(s, sizeof *p);
    int r = 0;

    leat_assert(o->n >= 2 && o->n <= LEAT_GET_PARTS_MAX);
    if (!p)
        return NULL;
    p->stage = s;
    p->options = *o;
    p->part_size = PART_BYTES;
    while (p->part_size > PART_BYTES_MIN && o->n * p->part_size > leat_memory_spare(s) / 2)
        p->part_size /= 2;
    for (unsigned i = 0; i < o->n && r == 0; i++) {
        p->parts[i].all = p;
        p->parts[i].http = i == 0 ? o->first : NULL;
        if (i > 0)
            r = leat_http_open(s, o->http, &p->parts[i].http);
        if (r == 0)
            p->parts[i].data = leat_alloc_raw(s, p->part_size);
        if (r == 0 && !p->parts[i].data)
            r = LEAT_ENOMEM;
    }
    p->options.http = NULL; /* it is borrowed until here */
    if (r < 0)
        leat_get_parts_free(s, p);
    return r < 0 ? NULL : p;
}

void leat_get_parts_free(struct leat_stage *s, struct leat_get_parts *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->options.n; i++) {
        if (i > 0)
            leat_http_free(s, p->parts[i].http);
        leat_free(s, p->parts[i].data);
    }
    leat_free(s, p);
}

#endif
