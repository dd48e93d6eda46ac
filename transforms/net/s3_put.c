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
#include "hmac.h"
#include "http.h"

/* --- control: is the object there, and the begin of an upload ----------------------------------- */

static bool wants(const void *arg)
{
    const struct leat_s3_put *p = arg;

    return !p->is_looked || (p->parts.is_sealed && !*p->upload);
}

static int begin_control(void *arg, struct leat_exchange **ret)
{
    struct leat_s3_put *p = arg;
    const struct leat_s3_request look = {.method = "HEAD"};
    const char *headers[LEAT_S3_HEADERS_MAX + 1];
    const struct leat_s3_request create = {
        .method = "POST", .query = "uploads=", .headers = headers, .body = ""};

    leat_assert(p->n_headers < LEAT_S3_HEADERS_MAX);
    memcpy(headers, p->headers, sizeof headers);
    if (!p->is_sumless) {
        headers[p->n_headers] = "X-Amz-Checksum-Algorithm: SHA256";
        headers[p->n_headers + 1] = NULL;
    }

    return leat_s3_begin(p->s3, p->is_looked ? &create : &look, ret);
}

static bool is_done(const struct leat_s3_put *p, struct leat_exchange *x)
{
    return leat_s3_tries(p->s3)->judge(x) == LEAT_TRY_DONE;
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
static int end_look(struct leat_s3_put *p, struct leat_exchange *x)
{
    p->is_looked = true;
    if (is_done(p, x))
        return leat_fail(p->stage, LEAT_EEXIST, "%s exists; --force overwrites it",
                         leat_s3_shown(p->s3));
    return leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED ? 0 : leat_s3_fail(p->s3, x, "HEAD");
}

static int end_create(struct leat_s3_put *p, struct leat_exchange *x)
{
    long status = leat_exchange_status(x);

    if (!is_done(p, x) && !p->is_sumless && (status == 400 || status == 501)) {
        p->is_sumless = true; /* another reason is told by the answer to the next try */
        return 0;
    }
    if (!is_done(p, x))
        return leat_s3_fail(p->s3, x, "the begin of an upload");
    if (!leat_xml_element(leat_exchange_reply(x), "UploadId", p->upload, sizeof p->upload))
        return leat_fail(p->stage, LEAT_ENETWORK,
                         "%s: the server began an upload without an UploadId",
                         leat_s3_shown(p->s3));
    begin_journal(p);
    return 0;
}

static int end_control(void *arg, struct leat_exchange *x)
{
    struct leat_s3_put *p = arg;

    return p->is_looked ? end_create(p, x) : end_look(p, x);
}

static int fail_request(void *arg, struct leat_exchange *x, const char *what)
{
    const struct leat_s3_put *p = arg;

    return leat_s3_fail(p->s3, x, what);
}

/* --- parts ------------------------------------------------------------------------------------ */

static int begin_part(void *arg, struct leat_upload_part *part)
{
    struct leat_s3_put *p = arg;
    char query[3 * LEAT_S3_UPLOAD_ID_MAX + 64], hash[LEAT_SIGV4_HEX];
    struct leat_fixed text = leat_fixed_in(query, sizeof query);
    struct leat_s3_request q = {.method = "PUT",
                                .query = query,
                                .body = part->data,
                                .size = part->filled,
                                .body_hash = hash,
                                .has_sum = !p->is_sumless};

    leat_fixed_add(&text, "partNumber=%u&uploadId=", part->number);
    leat_fixed_add_encoded(&text, p->upload, false);
    leat_assert(!text.is_full);
    leat_sigv4_hex(part->digest, hash);
    return leat_s3_begin(p->s3, &q, &part->exchange);
}

static int keep_etag(void *arg, struct leat_upload_part *part)
{
    struct leat_s3_put *p = arg;
    char etag[LEAT_S3_ETAG_MAX + 1], sum[LEAT_BASE64_SIZE(LEAT_SHA256_BYTES) + 1], *kept;
    const char *theirs;
    size_t n;

    snprintf(etag, sizeof etag, "%s", leat_exchange_header(part->exchange, "ETag"));
    n = strlen(etag) + 1;

    if (n == 1 || n > LEAT_S3_ETAG_MAX)
        return leat_fail(p->stage, LEAT_ENETWORK, "%s: the server gave part %u no ETag",
                         leat_s3_shown(p->s3), part->number);
    theirs = leat_exchange_header(part->exchange, LEAT_S3_SUM);
    leat_base64_encode(part->digest, LEAT_SHA256_BYTES, sum);
    if (*theirs && strcmp(theirs, sum) != 0)
        return leat_fail(p->stage, LEAT_ECHECKSUM,
                         "%s: the server has other data for part %u: its SHA-256 differs",
                         leat_s3_shown(p->s3), part->number);
    kept = leat_alloc(p->stage, n + sizeof sum);
    p->etags[part->number - 1] = kept;
    if (!kept)
        return LEAT_ENOMEM;
    memcpy(kept, etag, n);
    if (*theirs) /* the list of the parts tells it only to a server that knows it */
        memcpy(kept + n, sum, sizeof sum);
    return 0;
}

static const struct leat_upload_ops upload_ops = {.rule = &leat_s3_parts,
                                                  .digest = LEAT_SHA256,
                                                  .part_word = "part",
                                                  .part_option = "--part-size",
                                                  .wants = wants,
                                                  .begin_control = begin_control,
                                                  .end_control = end_control,
                                                  .begin_part = begin_part,
                                                  .end_part = keep_etag,
                                                  .fail = fail_request};

static int s3_put_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_s3_put *p = leat_state(s);

    (void)out;
    return leat_upload_step(&p->parts, in);
}

static int s3_put_watch(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);

    return leat_upload_watch(&p->parts);
}

/* --- the commit ------------------------------------------------------------------------------- */

static int put_whole(struct leat_s3_put *p)
{
    const struct leat_upload_part *part = p->parts.filling;
    struct leat_s3_request q = {.method = "PUT",
                                .headers = p->headers,
                                .body = part ? part->data : (const void *)"",
                                .size = part ? part->filled : 0,
                                .has_sum = !p->is_sumless};
    struct leat_exchange *x;
    int r;

    r = leat_s3_put_perform(p, &q, &x);
    return r == 1 ? leat_s3_fail(p->s3, x, "PUT") : r;
}

/* It is called again while there is no answer. */
static int s3_put_commit(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);
    int r;

    leat_sequence_again(&p->commit);
    r = p->parts.is_sealed ? leat_s3_put_complete(p) : put_whole(p);
    p->is_committed = r == 0;
    if (r == 0 && p->parts.lost > 0)
        leat_warning(s, "%s: %" PRIu64 " tries failed before all was written", leat_s3_shown(p->s3),
                     p->parts.lost);
    return r;
}

/* --- the stage -------------------------------------------------------------------------------- */

static struct leat_s3_options s3_options(const struct leat_stage *s)
{
    const struct leat_s3_put_params *params = leat_params(s);

    return (struct leat_s3_options){.url = leat_operands(s)->v[0],
                                    .ca = params->net.ca,
                                    .stall_ms = params->net.stall_ms,
                                    .wait_ms = params->net.wait_ms,
                                    .retries = params->net.retries};
}

static int s3_put_plan(struct leat_stage *s)
{
    const struct leat_s3_put_params *params = leat_params(s);
    struct leat_s3_options options = s3_options(s);
    int r = leat_s3_plan(s, &options);

    if (r == 0)
        r = leat_headers_plan(s, &params->net.headers);
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

static int open_parts(struct leat_s3_put *p)
{
    const struct leat_upload_options options = {.ops = &upload_ops,
                                                .arg = p,
                                                .tries = leat_s3_tries(p->s3),
                                                .shown = leat_s3_shown(p->s3),
                                                .size = p->params->size,
                                                .part_size = p->params->part_size,
                                                .in_flight = p->params->in_flight};

    return leat_upload_open(&p->parts, p->stage, &options);
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
        r = leat_headers_each(s, &p->params->net.headers, keep_header, p);
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
    struct leat_exchange *x = p->parts.control;
    uint64_t now = leat_http_now_ns(), until = now + CREATE_WAIT_MS * 1000000;
    int r = 0;

    if (!x || !p->is_looked || *p->upload)
        return;
    while (r >= 0 && now < until && leat_exchange_state(x) == LEAT_EXCHANGE_RUNS) {
        r = leat_client_drive(leat_s3_tries(p->s3)->client, (int)((until - now) / 1000000) + 1);
        now = leat_http_now_ns();
    }
    if (leat_exchange_state(x) == LEAT_EXCHANGE_RUNS)
        leat_warning(p->stage,
                     "%s: an upload without parts may be left: its begin was not answered",
                     leat_s3_shown(p->s3));
    else if (is_done(p, x))
        (void)end_create(p, x); /* the run has failed already */
}

static void s3_put_close(struct leat_stage *s)
{
    struct leat_s3_put *p = leat_state(s);

    await_create(p);
    if (leat_sequence_waits(&p->commit))
        leat_warning(
            s,
            "%s: the last request was sent, and there is no answer: the server may have stored it",
            leat_s3_shown(p->s3));
    leat_sequence_free(&p->commit);
    leat_upload_stop(&p->parts);
    if (*p->upload)
        leat_s3_put_end_upload(p);
    leat_upload_done(&p->parts);
    for (unsigned i = 0; p->etags && i < LEAT_S3_PARTS_MAX; i++) /* with gaps after a failure */
        leat_free(s, p->etags[i]);
    for (size_t i = 0; i < p->n_headers; i++)
        leat_free(s, (void *)(uintptr_t)p->headers[i]);
    leat_free(s, p->etags);
    leat_free(s, p->list);
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
     .max = LEAT_UPLOAD_IN_FLIGHT_MAX,
     .initial = 2,
     .help = "parts that are sent at the same time; they are kept in memory"},
    LEAT_NET_HEADER(AT(net),
                    "store this header with the object, such as Content-Type, or those in @FILE"),
    LEAT_NET_RETRIES(AT(net), 8, "give up after so many tries of one request"),
    LEAT_NET_STALL(AT(net), "stall-time", "a request in which nothing moves for so long is lost"),
    LEAT_NET_CA(AT(net)),
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
        "their names, since it cannot be taken back; if it fails, those names are taken back. A signal, or --timeout, ends the "
        "wait for its answer, and then the server may have stored the object; a warning says so.\n\n"
        "Each request is signed (AWS Signature Version 4) with the SHA-256 of its body, so the server "
        "notices a part that was changed on the way. It also gets the digest of each part, and of an object in one part, to keep "
        "(x-amz-checksum-sha256), unless it says that it cannot; the commit names those that it has confirmed. Lost connections, and the answers 408, 425, 429, "
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
        "words of the command. A profile with a login (role_arn, sso_session) is refused: export its keys with `aws configure "
        "export-credentials`. The region is AWS_REGION, AWS_DEFAULT_REGION or that of the profile. With "
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
