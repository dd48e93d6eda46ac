/* upload.c - a stream that is sent in parts: kept in memory until the server has them, several at a time. */

#include "upload.h"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "http.h"

/* Bytes that parts leave to other needs, and for each request. */
#define SPARE ((uint64_t)2 << 20)
#define SPARE_EACH ((uint64_t)1 << 20)

/* --- requests before and between the parts ---------------------------------------------------- */

static bool wants(const struct leat_upload *u)
{
    return u->options.ops->wants(u->options.arg);
}

/* Another try is needed: it begins when `control_at_ns` has come. */
static int rest_control(struct leat_upload *u)
{
    int64_t ms = leat_tries_ms(u->options.tries, u->control, ++u->control_failed);

    if (ms < 0)
        return u->options.ops->fail(u->options.arg, u->control, "given up after --retries");
    u->control_at_ns = leat_http_now_ns() + (uint64_t)ms * 1000000;
    return 0;
}

static int pump_control(struct leat_upload *u)
{
    int r = 0;

    if (u->control && leat_exchange_state(u->control) != LEAT_EXCHANGE_RUNS) {
        if (u->options.tries->judge(u->control) == LEAT_TRY_AGAIN)
            r = rest_control(u);
        else
            r = u->options.ops->end_control(u->options.arg, u->control);
        leat_exchange_free(u->control);
        u->control = NULL;
    }
    if (r == 0 && !u->control && wants(u) && leat_http_now_ns() >= u->control_at_ns)
        r = u->options.ops->begin_control(u->options.arg, &u->control);
    return r;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* The exchange of a part has ended. */
static int end_part(struct leat_upload *u, struct leat_upload_part *part)
{
    enum leat_verdict verdict = u->options.tries->judge(part->exchange);
    char what[64];
    int64_t ms = -1;
    int r = 0;

    leat_assert(part->state == LEAT_UPLOAD_SENDING);
    snprintf(what, sizeof what, "%s %u", u->options.ops->part_word, part->number);
    if (verdict == LEAT_TRY_AGAIN)
        ms = leat_tries_ms(u->options.tries, part->exchange, ++part->failed);
    if (verdict == LEAT_TRY_DONE) {
        r = u->options.ops->end_part(u->options.arg, part);
        part->state = LEAT_UPLOAD_FREE;
        part->filled = 0;
    } else if (ms < 0) {
        r = u->options.ops->fail(u->options.arg, part->exchange, what);
    } else {
        u->lost++;
        part->at_ns = leat_http_now_ns() + (uint64_t)ms * 1000000;
        part->state = LEAT_UPLOAD_READY;
    }
    leat_exchange_free(part->exchange);
    part->exchange = NULL;
    return r;
}

static int begin_part(struct leat_upload *u, struct leat_upload_part *part)
{
    leat_assert(part->state == LEAT_UPLOAD_READY && !part->exchange);
    part->state = LEAT_UPLOAD_SENDING;
    return u->options.ops->begin_part(u->options.arg, part);
}

static int pump_parts(struct leat_upload *u)
{
    uint64_t now;
    unsigned sending = 0;
    bool may_send = !u->control && !wants(u);
    int r = 0;

    for (unsigned i = 0; i < u->n_parts && r == 0; i++) {
        struct leat_upload_part *part = &u->parts[i];

        if (part->exchange && leat_exchange_state(part->exchange) != LEAT_EXCHANGE_RUNS)
            r = end_part(u, part);
        sending += part->exchange != NULL;
    }
    now = leat_http_now_ns(); /* a try that is due comes before parts that were not sent yet */
    for (unsigned i = 0; i < u->n_parts && r == 0 && may_send; i++) {
        struct leat_upload_part *part = &u->parts[i];

        if (part->state != LEAT_UPLOAD_READY || part->at_ns > now ||
            sending == (unsigned)u->options.in_flight)
            continue;
        r = begin_part(u, part);
        sending++;
    }
    leat_assert(sending <= (unsigned)u->options.in_flight);
    return r;
}

/* Move what can be moved without a wait. */
static int pump(struct leat_upload *u)
{
    int r = leat_client_drive(u->options.tries->client, 0);

    if (r >= 0)
        r = pump_control(u);
    return r < 0 ? r : pump_parts(u);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void give_back(struct leat_upload *u, struct leat_upload_part *part)
{
    leat_assert(part->state == LEAT_UPLOAD_FREE);
    leat_free(u->stage, part->data);
    part->data = NULL;
    part->size = 0;
}

/* A part may have up to this size now. Its old memory is given back first. */
static bool grow_part(struct leat_upload *u, struct leat_upload_part *part, uint64_t size)
{
    if (part->size >= size)
        return true;
    give_back(u, part);
    if (leat_memory_spare(u->stage) < size + SPARE + u->n_parts * SPARE_EACH)
        return false;
    part->data = leat_alloc_raw(u->stage, (size_t)size);
    part->size = part->data ? size : 0;
    return part->data != NULL;
}

static uint64_t size_of(const struct leat_upload *u, unsigned number)
{
    return leat_upload_part_size(u->options.ops->rule, number, u->first, u->most);
}

/* Parts cannot grow any more: how much can be written with this memory? */
static void cap_parts(struct leat_upload *u, uint64_t size)
{
    uint64_t held = leat_upload_parts_hold(u->options.ops->rule, u->number, u->first, size);

    u->most = size;
    if (u->options.size != LEAT_UPLOAD_NO_SIZE)
        return;
    leat_warning(u->stage,
                 "%s: with this memory %ss cannot grow beyond %" PRIu64 " MiB, and %" PRIu64
                 " GiB more can be written; see --memory and --size",
                 u->options.shown, u->options.ops->part_word, size >> 20, held >> 30);
}

static struct leat_upload_part *free_part(struct leat_upload *u, bool with_memory)
{
    for (unsigned i = 0; i < u->n_parts; i++)
        if (u->parts[i].state == LEAT_UPLOAD_FREE && (u->parts[i].data || !with_memory))
            return &u->parts[i];
    return NULL;
}

/* A free part for the next bytes. NULL: there is none yet, or *ret is the failure. */
static struct leat_upload_part *next_part(struct leat_upload *u, int *ret)
{
    uint64_t size = size_of(u, u->number);
    struct leat_upload_part *part = free_part(u, true), *other;

    part = part ? part : free_part(u, false);
    if (!part || grow_part(u, part, size))
        return part;
    while ((other = free_part(u, true))) { /* larger parts, but fewer */
        give_back(u, other);
        if (grow_part(u, part, size))
            return part;
    }
    for (unsigned i = 0; i < u->n_parts; i++)
        if (u->parts[i].state != LEAT_UPLOAD_FREE)
            return NULL; /* its memory will be free */
    if (u->number > 1) {
        size = size_of(u, u->number - 1);
        cap_parts(u, size);
    }
    part->data = leat_alloc_raw(u->stage, (size_t)size);
    part->size = part->data ? size : 0;
    *ret = part->data ? 0 : LEAT_ELIMIT;
    return part->data ? part : NULL;
}

/* --- the stream ------------------------------------------------------------------------------- */

/* The part that is being filled is complete. */
static int seal_part(struct leat_upload *u)
{
    struct leat_upload_part *part = u->filling;
    int r = leat_evp_end(u->evp, part->digest);

    if (r < 0)
        return r;
    part->number = u->number++;
    part->failed = 0;
    part->at_ns = 0;
    part->state = LEAT_UPLOAD_READY;
    u->filling = NULL;
    u->is_sealed = true;
    return 0;
}

static int begin_filling(struct leat_upload *u)
{
    const struct leat_upload_ops *ops = u->options.ops;
    int r = 0;

    if (u->number > ops->rule->parts_max)
        return leat_fail(u->stage, LEAT_ELIMIT,
                         "%s: the data does not fit in %u %ss; give --size, %s, or more "
                         "--memory",
                         u->options.shown, ops->rule->parts_max, ops->part_word, ops->part_option);
    u->filling = next_part(u, &r);
    if (!u->filling || r < 0)
        return r;
    u->filling->state = LEAT_UPLOAD_FILLING;
    u->filling->filled = 0;
    return leat_evp_begin(u->evp);
}

/* Keep the next bytes of the input. Returns 0 also if there is no room, and then nothing moves. */
static int fill(struct leat_upload *u, struct leat_in *in)
{
    struct leat_upload_part *part;
    uint64_t size;
    size_t n = in->len - in->pos;
    int r = u->filling ? 0 : begin_filling(u);

    part = u->filling;
    if (r < 0 || !part)
        return r;
    size = size_of(u, u->number);
    leat_assert(size <= part->size && part->filled < size);
    if (n > size - part->filled)
        n = (size_t)(size - part->filled);
    if (n > u->options.size - u->pos)
        return leat_fail(u->stage, LEAT_ELIMIT, "the data is longer than --size=%" PRIu64,
                         u->options.size);
    memcpy(part->data + part->filled, in->data + in->pos, n);
    r = leat_evp_add(u->evp, in->data + in->pos, n);
    in->pos += n;
    u->pos += n;
    part->filled += n;
    return r == 0 && part->filled == size ? seal_part(u) : r;
}

/* When does a try begin that was put off? Milliseconds; 0: there is none. */
static uint64_t next_try_ms(const struct leat_upload *u)
{
    uint64_t now = leat_http_now_ns(), at = UINT64_MAX;

    if (!u->control && u->control_at_ns > now)
        at = u->control_at_ns;
    for (unsigned i = 0; i < u->n_parts; i++)
        if (u->parts[i].state == LEAT_UPLOAD_READY && u->parts[i].at_ns > now &&
            u->parts[i].at_ns < at)
            at = u->parts[i].at_ns;
    return at == UINT64_MAX ? 0 : (at - now) / 1000000 + 1;
}

static int wait_for_server(struct leat_upload *u)
{
    uint64_t ms = next_try_ms(u);

    leat_wait_fd(u->stage, leat_client_fd(u->options.tries->client), false);
    if (ms > 0)
        leat_wait_ms(u->stage, ms);
    return LEAT_WAIT;
}

static int watch_server(struct leat_upload *u)
{
    uint64_t ms = next_try_ms(u);

    leat_watch_fd(u->stage, leat_client_fd(u->options.tries->client));
    if (ms > 0)
        leat_alarm_ms(u->stage, ms);
    return LEAT_MORE;
}

/* All input is kept. */
static int end_input(struct leat_upload *u)
{
    int r = 0;

    if (u->options.size != LEAT_UPLOAD_NO_SIZE && u->pos < u->options.size)
        return leat_fail(u->stage, LEAT_ETRUNCATED, "the data is shorter than --size=%" PRIu64,
                         u->options.size);
    if (u->is_sealed && u->filling)
        r = seal_part(u);
    if (r == 0)
        r = pump(u);
    if (r < 0)
        return r;
    if (u->control || wants(u))
        return wait_for_server(u);
    for (unsigned i = 0; u->is_sealed && i < u->n_parts; i++)
        if (u->parts[i].state != LEAT_UPLOAD_FREE)
            return wait_for_server(u);
    return LEAT_END;
}

int leat_upload_step(struct leat_upload *u, struct leat_in *in)
{
    size_t before = SIZE_MAX;
    int r = pump(u);

    while (r == 0 && in->pos < in->len && in->pos != before) {
        before = in->pos;
        r = fill(u, in);
        if (r == 0 && (!u->filling || in->pos == before)) /* a part is complete, or none is free */
            r = pump(u);
        if (in->pos == before && free_part(u, false))
            before = SIZE_MAX; /* pump has made one free */
    }
    if (r < 0)
        return r;
    if (in->pos < in->len)
        return wait_for_server(u);
    return in->end ? end_input(u) : watch_server(u);
}

int leat_upload_watch(struct leat_upload *u)
{
    int r = pump(u);

    return r < 0 ? r : watch_server(u);
}

/* --- begin and end ---------------------------------------------------------------------------- */

/* The first part must fit; the others are used if there is memory to spare. */
int leat_upload_open(struct leat_upload *u, struct leat_stage *s,
                     const struct leat_upload_options *o)
{
    bool is_known = o->size != LEAT_UPLOAD_NO_SIZE;
    int r;

    leat_assert(o->in_flight >= 1 && o->in_flight <= LEAT_UPLOAD_IN_FLIGHT_MAX);
    u->stage = s;
    u->options = *o;
    u->first =
        is_known ? leat_upload_part_first(o->ops->rule, o->size, o->part_size) : o->part_size;
    if (u->first > o->ops->rule->size_max)
        return leat_fail(s, LEAT_ELIMIT,
                         "--size=%" PRIu64 " is more than %u %ss of %" PRIu64 " MiB", o->size,
                         o->ops->rule->parts_max, o->ops->part_word, o->ops->rule->size_max >> 20);
    u->most = is_known ? u->first : UINT64_MAX;
    u->n_parts = (unsigned)o->in_flight + 1;
    u->number = 1;
    r = leat_evp_new(s, o->ops->digest, &u->evp);
    if (r < 0)
        return r;
    u->parts[0].data = leat_alloc_raw(s, (size_t)u->first);
    if (!u->parts[0].data)
        return LEAT_ELIMIT;
    u->parts[0].size = u->first;
    for (unsigned i = 1; i < u->n_parts; i++)
        if (!grow_part(u, &u->parts[i], u->first))
            break;
    return 0;
}

void leat_upload_release(struct leat_upload *u)
{
    for (unsigned i = 0; i < u->n_parts; i++)
        give_back(u, &u->parts[i]);
}

void leat_upload_stop(struct leat_upload *u)
{
    leat_exchange_free(u->control);
    u->control = NULL;
    for (unsigned i = 0; i < u->n_parts; i++) {
        leat_exchange_free(u->parts[i].exchange);
        u->parts[i].exchange = NULL;
    }
}

void leat_upload_done(struct leat_upload *u)
{
    for (unsigned i = 0; i < u->n_parts; i++)
        leat_free(u->stage, u->parts[i].data);
    leat_evp_free(u->evp);
}

#endif
