/* s3_put.c - the writable of an object of S3, which appears when the whole pipeline has succeeded.
 *
 * A short stream is one PUT, made in the commit. A longer one is an upload of parts: each part is kept in memory until the server
 * has it, so it can be sent again, and nothing of the object is visible before the commit completes the upload. If the run fails
 * or is cancelled, the upload is aborted, so that its parts cost nothing.
 */

#include "s3_put.h"

extern const struct leat_stage_type leat_stage_s3_put;

#define SUMMARY "write an object of S3"
#define CREATE_WAIT_MS ((uint64_t)5000) /* at the end of a run that has failed */

#if HAVE_CURL

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "fixed.h"
#include "headers.h"
#include "http.h"

/* --- control: is the object there, and the begin of an upload ----------------------------------- */

static int begin_control(struct leat_s3_put *p)
{
    const struct leat_s3_request look = {.method = "HEAD"};
    const struct leat_s3_request create = {
        .method = "POST", .query = "uploads=", .headers = p->headers, .body = ""};

    leat_assert(!p->control);
    return leat_s3_begin(p->s3, p->is_looked ? &create : &look, &p->control);
}

/* Nobody may be told of the parts of this upload after a kill: the run goes on. */
static void begin_journal(struct leat_s3_put *p)
{
    if (!leat_s3_journal_add(&p->journal, leat_s3_origin(p->s3), leat_s3_path(p->s3), p->upload))
        leat_warning(
            p->stage,
            "%s: this upload cannot be noted (%s), so if the run is killed, its parts stay: "
            "see XDG_STATE_HOME",
            leat_s3_shown(p->s3), strerrordesc_np(errno));
}

/* HEAD: only an object that is there is known for certain. A server may refuse the question. */
static int end_look(struct leat_s3_put *p)
{
    p->is_looked = true;
    if (leat_s3_judge(p->s3, p->control) == LEAT_S3_DONE)
        return leat_fail(p->stage, LEAT_EEXIST, "%s exists; --force overwrites it",
                         leat_s3_shown(p->s3));
    return leat_exchange_state(p->control) == LEAT_EXCHANGE_ANSWERED
               ? 0
               : leat_s3_fail(p->s3, p->control, "HEAD");
}

static int end_create(struct leat_s3_put *p)
{
    if (leat_s3_judge(p->s3, p->control) == LEAT_S3_FAILED)
        return leat_s3_fail(p->s3, p->control, "the begin of an upload");
    if (!leat_xml_element(leat_exchange_reply(p->control), "UploadId", p->upload, sizeof p->upload))
        return leat_fail(p->stage, LEAT_ENETWORK,
                         "%s: the server began an upload without an UploadId",
                         leat_s3_shown(p->s3));
    begin_journal(p);
    return 0;
}

/* Another try is needed: it begins when `control_at_ns` has come. */
static int rest_control(struct leat_s3_put *p)
{
    int64_t ms = leat_s3_again_ms(p->s3, p->control, ++p->control_tries);

    if (ms < 0)
        return leat_s3_fail(p->s3, p->control, "given up after --retries");
    p->control_at_ns = leat_http_now_ns() + (uint64_t)ms * 1000000;
    return 0;
}

static int pump_control(struct leat_s3_put *p)
{
    bool wanted = !p->is_looked || (p->is_multipart && !*p->upload);
    int r = 0;

    if (p->control && leat_exchange_state(p->control) != LEAT_EXCHANGE_RUNS) {
        if (leat_s3_judge(p->s3, p->control) == LEAT_S3_AGAIN)
            r = rest_control(p);
        else
            r = p->is_looked ? end_create(p) : end_look(p);
        leat_exchange_free(p->control);
        p->control = NULL;
        wanted = !p->is_looked || (p->is_multipart && !*p->upload);
    }
    if (r == 0 && wanted && !p->control && leat_http_now_ns() >= p->control_at_ns)
        r = begin_control(p);
    return r;
}

/* --- parts ------------------------------------------------------------------------------------ */

static int begin_part(struct leat_s3_put *p, struct leat_s3_part *part)
{
    char query[3 * LEAT_S3_UPLOAD_ID_MAX + 64];
    struct leat_fixed text = leat_fixed_in(query, sizeof query);
    struct leat_s3_request q = {.method = "PUT",
                                .query = query,
                                .body = part->data,
                                .size = part->filled,
                                .body_hash = part->hash};

    leat_fixed_add(&text, "partNumber=%u&uploadId=", part->number);
    leat_fixed_add_encoded(&text, p->upload, false);
    leat_assert(!text.is_full && part->state == LEAT_S3_PART_READY);
    part->state = LEAT_S3_PART_SENDING;
    return leat_s3_begin(p->s3, &q, &part->exchange);
}

static int keep_etag(struct leat_s3_put *p, struct leat_s3_part *part)
{
    const char *etag = leat_exchange_header(part->exchange, "ETag");
    size_t n = strlen(etag) + 1;

    if (n == 1 || n > LEAT_S3_ETAG_MAX)
        return leat_fail(p->stage, LEAT_ENETWORK, "%s: the server gave part %u no ETag",
                         leat_s3_shown(p->s3), part->number);
    p->etags[part->number - 1] = leat_alloc(p->stage, n);
    if (!p->etags[part->number - 1])
        return LEAT_ENOMEM;
    memcpy(p->etags[part->number - 1], etag, n);
    part->state = LEAT_S3_PART_FREE;
    part->filled = 0;
    return 0;
}

/* The exchange of a part has ended. */
static int end_part(struct leat_s3_put *p, struct leat_s3_part *part)
{
    enum leat_s3_verdict verdict = leat_s3_judge(p->s3, part->exchange);
    char what[64];
    int64_t ms = -1;
    int r = 0;

    snprintf(what, sizeof what, "part %u", part->number);
    if (verdict == LEAT_S3_AGAIN)
        ms = leat_s3_again_ms(p->s3, part->exchange, ++part->tries);
    if (verdict == LEAT_S3_DONE)
        r = keep_etag(p, part);
    else if (ms < 0)
        r = leat_s3_fail(p->s3, part->exchange, what);
    if (verdict == LEAT_S3_AGAIN && ms >= 0) {
        p->lost++;
        part->at_ns = leat_http_now_ns() + (uint64_t)ms * 1000000;
        part->state = LEAT_S3_PART_READY;
    }
    leat_exchange_free(part->exchange);
    part->exchange = NULL;
    return r;
}

static int pump_parts(struct leat_s3_put *p)
{
    uint64_t now = leat_http_now_ns();
    unsigned sending = 0;
    int r = 0;

    for (unsigned i = 0; i < p->n_parts && r == 0; i++) {
        struct leat_s3_part *part = &p->parts[i];

        if (part->exchange && leat_exchange_state(part->exchange) != LEAT_EXCHANGE_RUNS)
            r = end_part(p, part);
        sending += part->exchange != NULL;
    }
    for (unsigned i = 0; i < p->n_parts && r == 0 && *p->upload; i++) {
        struct leat_s3_part *part = &p->parts[i];

        if (part->state != LEAT_S3_PART_READY || part->at_ns > now ||
            sending == (unsigned)p->params->in_flight)
            continue;
        r = begin_part(p, part);
        sending++;
    }
    return r;
}

/* Move what can be moved without a wait. */
static int pump(struct leat_s3_put *p)
{
    int r = leat_client_drive(leat_s3_client(p->s3), 0);

    if (r >= 0)
        r = pump_control(p);
    return r < 0 ? r : pump_parts(p);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* A part may have up to this size now. Its old memory is given back first. */
static bool grow_part(struct leat_s3_put *p, struct leat_s3_part *part, uint64_t size)
{
    if (part->size >= size)
        return true;
    leat_free(p->stage, part->data);
    part->data = NULL;
    part->size = 0;
    if (leat_memory_spare(p->stage) < size + LEAT_S3_SPARE + p->n_parts * LEAT_S3_SPARE_EACH)
        return false;
    part->data = leat_alloc_raw(p->stage, (size_t)size);
    part->size = part->data ? size : 0;
    return part->data != NULL;
}

/* Parts cannot grow any more: how much can be written with this memory? */
static void cap_parts(struct leat_s3_put *p, uint64_t size)
{
    uint64_t held = leat_s3_parts_hold(p->number, p->part_first, size);

    p->part_most = size;
    if (p->params->size != LEAT_S3_NO_SIZE)
        return;
    leat_warning(p->stage,
                 "%s: with this memory parts cannot grow beyond %" PRIu64 " MiB, and %" PRIu64
                 " GiB more can be written; see --memory and --size",
                 leat_s3_shown(p->s3), size >> 20, held >> 30);
}

static struct leat_s3_part *free_part(struct leat_s3_put *p, bool with_memory)
{
    for (unsigned i = 0; i < p->n_parts; i++)
        if (p->parts[i].state == LEAT_S3_PART_FREE && (p->parts[i].data || !with_memory))
            return &p->parts[i];
    return NULL;
}

/* A free part for the next bytes. NULL: there is none yet, or *ret is the failure. */
static struct leat_s3_part *next_part(struct leat_s3_put *p, int *ret)
{
    uint64_t size = leat_s3_part_size(p->number, p->part_first, p->part_most);
    struct leat_s3_part *part = free_part(p, true), *other;

    part = part ? part : free_part(p, false);
    if (!part || grow_part(p, part, size))
        return part;
    while ((other = free_part(p, true))) { /* larger parts, but fewer */
        leat_free(p->stage, other->data);
        other->data = NULL;
        other->size = 0;
        if (grow_part(p, part, size))
            return part;
    }
    for (unsigned i = 0; i < p->n_parts; i++)
        if (p->parts[i].state != LEAT_S3_PART_FREE)
            return NULL; /* its memory will be free */
    if (p->number > 1) {
        size = leat_s3_part_size(p->number - 1, p->part_first, p->part_most);
        cap_parts(p, size);
    }
    part->data = leat_alloc_raw(p->stage, (size_t)size);
    part->size = part->data ? size : 0;
    *ret = part->data ? 0 : LEAT_ELIMIT;
    return part->data ? part : NULL;
}

/* --- the stream ------------------------------------------------------------------------------- */

/* The part that is being filled is complete. */
static int seal_part(struct leat_s3_put *p)
{
    struct leat_s3_part *part = p->filling;
    uint8_t digest[LEAT_SHA256_BYTES];
    int r = leat_evp_end(p->sha, digest);

    if (r < 0)
        return r;
    leat_sigv4_hex(digest, part->hash);
    part->number = p->number++;
    part->tries = 0;
    part->at_ns = 0;
    part->state = LEAT_S3_PART_READY;
    p->filling = NULL;
    p->is_multipart = true;
    return 0;
}

static int begin_filling(struct leat_s3_put *p)
{
    int r = 0;

    if (p->number > LEAT_S3_PARTS_MAX)
        return leat_fail(p->stage, LEAT_ELIMIT,
                         "%s: the data does not fit in %u parts; give --size, --part-size, or more "
                         "--memory",
                         leat_s3_shown(p->s3), LEAT_S3_PARTS_MAX);
    p->filling = next_part(p, &r);
    if (!p->filling || r < 0)
        return r;
    p->filling->state = LEAT_S3_PART_FILLING;
    p->filling->filled = 0;
    return leat_evp_begin(p->sha);
}

/* Keep the next bytes of the input. Returns 0 also if there is no room, and then nothing moves. */
static int fill(struct leat_s3_put *p, struct leat_in *in)
{
    struct leat_s3_part *part;
    uint64_t size;
    size_t n = in->len - in->pos;
    int r = p->filling ? 0 : begin_filling(p);

    part = p->filling;
    if (r < 0 || !part)
        return r;
    size = leat_s3_part_size(p->number, p->part_first, p->part_most);
    leat_assert(size <= part->size && part->filled < size);
    if (n > size - part->filled)
        n = (size_t)(size - part->filled);
    if (n > p->params->size - p->pos)
        return leat_fail(p->stage, LEAT_ELIMIT, "the data is longer than --size=%" PRIu64,
                         p->params->size);
    memcpy(part->data + part->filled, in->data + in->pos, n);
    r = leat_evp_add(p->sha, in->data + in->pos, n);
    in->pos += n;
    p->pos += n;
    part->filled += n;
    return r == 0 && part->filled == size ? seal_part(p) : r;
}

/* When does a try begin that was put off? Milliseconds; 0: there is none. */
static uint64_t next_try_ms(const struct leat_s3_put *p)
{
    uint64_t now = leat_http_now_ns(), at = UINT64_MAX;

    if (!p->control && p->control_at_ns > now)
        at = p->control_at_ns;
    for (unsigned i = 0; i < p->n_parts; i++)
        if (p->parts[i].state == LEAT_S3_PART_READY && p->parts[i].at_ns > now &&
            p->parts[i].at_ns < at)
            at = p->parts[i].at_ns;
    return at == UINT64_MAX ? 0 : (at - now) / 1000000 + 1;
}

static int wait_for_server(struct leat_s3_put *p)
{
    uint64_t ms = next_try_ms(p);

    leat_wait_fd(p->stage, leat_client_fd(leat_s3_client(p->s3)), false);
    if (ms > 0)
        leat_wait_ms(p->stage, ms);
    return LEAT_WAIT;
}

/* Parts go on to be sent while no data comes. */
static int watch_server(struct leat_s3_put *p)
{
    uint64_t ms = next_try_ms(p);

    leat_watch_fd(p->stage, leat_client_fd(leat_s3_client(p->s3)));
    if (ms > 0)
        leat_alarm_ms(p->stage, ms);
    return LEAT_MORE;
}

/* All input is kept. Returns LEAT_END when the server has all of it that it may have before the commit. */
static int end_input(struct leat_s3_put *p)
{
    int r = 0;

    if (p->params->size != LEAT_S3_NO_SIZE && p->pos < p->params->size)
        return leat_fail(p->stage, LEAT_ETRUNCATED, "the data is shorter than --size=%" PRIu64,
                         p->params->size);
    if (p->is_multipart && p->filling)
        r = seal_part(p);
    if (r == 0)
        r = pump(p);
    if (r < 0)
        return r;
    if (!p->is_looked)
        return wait_for_server(p);
    for (unsigned i = 0; p->is_multipart && i < p->n_parts; i++)
        if (p->parts[i].state != LEAT_S3_PART_FREE)
            return wait_for_server(p);
    return LEAT_END;
}

static int s3_put_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_s3_put *p = leat_state(s);
    size_t before = SIZE_MAX;
    int r = pump(p);

    (void)out;
    while (r == 0 && in->pos < in->len && in->pos != before) {
        before = in->pos;
        r = fill(p, in);
        if (r == 0 && (!p->filling || in->pos == before)) /* a part is complete, or none is free */
            r = pump(p);
        if (in->pos == before && free_part(p, false))
            before = SIZE_MAX; /* pump has made one free */
    }
    if (r < 0)
        return r;
    if (in->pos < in->len)
        return wait_for_server(p);
    return in->end ? end_input(p) : watch_server(p);
}

static int s3_put_watch(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);
    int r = pump(p);

    return r < 0 ? r : watch_server(p);
}

/* --- the commit ------------------------------------------------------------------------------- */

static int put_whole(struct leat_s3_put *p)
{
    struct leat_s3_request q = {.method = "PUT",
                                .headers = p->headers,
                                .body = p->filling ? p->filling->data : (const void *)"",
                                .size = p->filling ? p->filling->filled : 0};
    struct leat_exchange *x;
    int r;

    r = leat_s3_put_perform(p, &q, &x);
    if (r > 0)
        r = leat_s3_fail(p->s3, x, "PUT");
    leat_exchange_free(x);
    return r;
}

static int s3_put_commit(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);
    int r = p->is_multipart ? leat_s3_put_complete(p) : put_whole(p);

    p->is_committed = r == 0;
    if (r == 0 && p->lost > 0)
        leat_warning(s, "%s: %" PRIu64 " tries failed before all was written", leat_s3_shown(p->s3),
                     p->lost);
    return r;
}

/* --- the stage -------------------------------------------------------------------------------- */

static struct leat_s3_options s3_options(const struct leat_stage *s)
{
    const struct leat_s3_put_params *params = leat_params(s);

    return (struct leat_s3_options){.url = leat_operands(s)->v[0],
                                    .ca = params->ca,
                                    .stall_ms = params->stall_ms,
                                    .wait_ms = params->wait_ms,
                                    .retries = params->retries};
}

static int s3_put_plan(struct leat_stage *s)
{
    const struct leat_s3_put_params *params = leat_params(s);
    struct leat_s3_options options = s3_options(s);
    int r = leat_s3_plan(s, &options);

    if (r == 0)
        r = leat_headers_plan(s, &params->header);
    return r < 0 ? r : leat_s3_journal_plan(s);
}

static int keep_header(void *arg, const char *line)
{
    struct leat_s3_put *p = arg;
    size_t n = strlen(line) + 1;
    char *copy;

    if (p->n_headers == LEAT_S3_HEADERS_MAX - 1) /* and If-None-Match */
        return leat_fail(p->stage, LEAT_EUSAGE, "--header: too many headers");
    copy = leat_alloc(p->stage, n);
    if (!copy)
        return LEAT_ENOMEM;
    memcpy(copy, line, n);
    p->headers[p->n_headers++] = copy;
    return 0;
}

/* The first part must fit; the others are used if there is memory to spare. */
static int open_parts(struct leat_s3_put *p)
{
    p->part_first = p->params->size == LEAT_S3_NO_SIZE
                        ? p->params->part_size
                        : leat_s3_part_first(p->params->size, p->params->part_size);
    p->part_most = p->params->size == LEAT_S3_NO_SIZE ? UINT64_MAX : p->part_first;
    p->n_parts = (unsigned)p->params->in_flight + 1;
    p->number = 1;
    p->parts[0].data = leat_alloc_raw(p->stage, (size_t)p->part_first);
    p->parts[0].size = p->part_first;
    if (!p->parts[0].data)
        return LEAT_ELIMIT;
    for (unsigned i = 1; i < p->n_parts; i++)
        if (!grow_part(p, &p->parts[i], p->part_first))
            break;
    return 0;
}

static int s3_put_open(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);
    struct leat_s3_options options = s3_options(s);
    int r;

    p->stage = s;
    p->params = leat_params(s);
    p->is_looked = p->params->force != 0;
    r = leat_s3_open(s, &options, &p->s3);
    if (r == 0)
        r = leat_evp_new(s, LEAT_SHA256, &p->sha);
    if (r == 0)
        r = leat_headers_each(s, &p->params->header, keep_header, p);
    if (r == 0) {
        p->etags = leat_alloc(s, LEAT_S3_PARTS_MAX * sizeof *p->etags);
        r = p->etags ? 0 : LEAT_ENOMEM;
    }
    if (r == 0)
        r = open_parts(p);
    if (r == 0)
        leat_s3_put_clean(p);
    return r;
}

/* The run ends while an upload begins: only the answer tells which one is to be aborted. */
static void await_create(struct leat_s3_put *p)
{
    uint64_t now = leat_http_now_ns(), until = now + CREATE_WAIT_MS * 1000000;
    int r = 0;

    if (!p->control || !p->is_looked || *p->upload)
        return;
    while (r >= 0 && now < until && leat_exchange_state(p->control) == LEAT_EXCHANGE_RUNS) {
        r = leat_client_drive(leat_s3_client(p->s3), (int)((until - now) / 1000000) + 1);
        now = leat_http_now_ns();
    }
    if (leat_exchange_state(p->control) == LEAT_EXCHANGE_RUNS)
        leat_warning(p->stage,
                     "%s: an upload without parts may be left: its begin was not answered",
                     leat_s3_shown(p->s3));
    else if (leat_s3_judge(p->s3, p->control) == LEAT_S3_DONE)
        (void)end_create(p); /* the run has failed already */
}

static void s3_put_close(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);

    await_create(p);
    leat_exchange_free(p->control);
    for (unsigned i = 0; i < p->n_parts; i++)
        leat_exchange_free(p->parts[i].exchange);
    if (*p->upload)
        leat_s3_put_end_upload(p);
    for (unsigned i = 0; i < p->n_parts; i++)
        leat_free(s, p->parts[i].data);
    for (unsigned i = 0; p->etags && i < LEAT_S3_PARTS_MAX && p->etags[i]; i++)
        leat_free(s, p->etags[i]);
    for (size_t i = 0; i < p->n_headers; i++)
        leat_free(s, (void *)(uintptr_t)p->headers[i]);
    leat_free(s, p->etags);
    leat_evp_free(p->sha);
    leat_s3_close(p->s3);
}

#define AT(field) offsetof(struct leat_s3_put_params, field)
static const struct leat_option s3_put_options[] = {
    {.name = "force",
     .short_name = 'f',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(force),
     .help = "overwrite an object that exists"},
    {.name = "size",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(size),
     .metavar = "SIZE",
     .initial = INT64_MAX,
     .help = "the data must have so many bytes; parts are made to fit"},
    {.name = "part-size",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(part_size),
     .metavar = "SIZE",
     .min = LEAT_S3_PART_MIN,
     .max = LEAT_S3_PART_MAX,
     .initial = LEAT_S3_PART_FIRST,
     .help = "of the first 1,000 parts"},
    {.name = "in-flight",
     .kind = LEAT_OPT_INT,
     .offset = AT(in_flight),
     .metavar = "N",
     .min = 1,
     .max = LEAT_S3_IN_FLIGHT_MAX,
     .initial = 2,
     .help = "parts that are sent at the same time; they are kept in memory"},
    {.name = "header",
     .short_name = 'H',
     .kind = LEAT_OPT_LIST,
     .offset = AT(header),
     .metavar = "'NAME: VALUE'",
     .help = "store this header with the object, such as Content-Type, or those in @FILE"},
    {.name = "retries",
     .kind = LEAT_OPT_INT,
     .offset = AT(retries),
     .metavar = "N",
     .min = 0,
     .max = 1000000,
     .initial = 8,
     .help = "give up after so many tries of one request"},
    {.name = "retry-wait",
     .kind = LEAT_OPT_DURATION,
     .offset = AT(wait_ms),
     .metavar = "TIME",
     .initial = 500,
     .help = "before the first retry; it is doubled for each further one, up to 20 s"},
    {.name = "stall-time",
     .kind = LEAT_OPT_DURATION,
     .offset = AT(stall_ms),
     .metavar = "TIME",
     .initial = 60000,
     .help = "a request in which nothing moves for so long is lost"},
    {.name = "ca",
     .kind = LEAT_OPT_STRING,
     .offset = AT(ca),
     .metavar = "FILE",
     .help = "trust the certificates in FILE, instead of those of the system"},
    {0},
};

const struct leat_stage_type leat_stage_s3_put = {
    .name = "s3-put",
    .summary = SUMMARY,
    .operands = "s3://BUCKET/KEY",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Writes its input as the object KEY of an S3 bucket. `write s3://BUCKET/KEY` is the same. The "
        "object appears when every stage has ended without an error and every other output is prepared; "
        "until then nothing of it is visible. An object is not overwritten without --force: it is looked "
        "for before the data is sent, and the last request has If-None-Match: *, which newer servers "
        "check.\n\n"
        "Up to one part of data is sent by a single PUT, in the commit. More is sent in parts while the "
        "pipeline runs: 8 MiB each (--part-size) up to part 1,000, then twice as large after each 500 parts, "
        "so that 10,000 parts hold 5 TiB; with --size all parts are equal. A part is kept in memory "
        "until the server has it, so --in-flight + 1 parts are charged to --memory; with less memory "
        "there are fewer. The commit completes the upload. It comes after other files have got "
        "their names, since it cannot be taken back; if it fails, those names are taken back.\n\n"
        "Each request is signed (AWS Signature Version 4) with the SHA-256 of its body, so the server "
        "notices a part that was changed on the way. Lost connections, and the answers 408, 425, 429, "
        "500, 502, 503 (SlowDown) and 504 are tried again, after a wait that is doubled each time, with a "
        "random part.\n\n"
        "A pipeline that fails, or is stopped by a signal, aborts the upload, so that its parts are not "
        "stored and not billed. The number of a running upload is noted in a file in "
        "$XDG_STATE_HOME/leat/uploads (~/.local/state/leat/uploads); after kill -9 the next s3-put that "
        "reaches the same server aborts what was left, and a warning tells so.\n\n"
        "Credentials are those of the tools of Amazon: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
        "AWS_SESSION_TOKEN; else the profile AWS_PROFILE in ~/.aws/credentials and ~/.aws/config "
        "(AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE); else the service of a container "
        "(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, _FULL_URI) or of an instance (IMDSv2). They are never "
        "words of the command. The region is AWS_REGION, AWS_DEFAULT_REGION or that of the profile. With "
        "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or endpoint_url in the profile, another service is used, such "
        "as MinIO or Ceph, with the bucket in the path. AWS_CA_BUNDLE is a file of certificates, as --ca.",
    .kind = LEAT_SINK,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct leat_s3_put_params),
    .state_size = sizeof(struct leat_s3_put),
    .options = s3_put_options,
    .plan = s3_put_plan,
    .open = s3_put_open,
    .step = s3_put_step,
    .alarm = s3_put_watch,
    .watch = s3_put_watch,
    .close = s3_put_close,
    .commit = s3_put_commit,
};

#else

LEAT_STAGE_MISSING(s3_put, "s3-put", SUMMARY, "libcurl4-openssl-dev");

#endif
