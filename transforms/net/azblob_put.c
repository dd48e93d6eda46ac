/* azblob_put.c - the writable of a blob of Azure, which appears when the whole pipeline has succeeded.
 *
 * A short stream is one Put Blob, made in the commit. A longer one is sent as blocks while the pipeline runs, and Put Block List in
 * the commit makes the blob of them. Blocks that no list names are invisible, and the service removes them after a week, so a run
 * that fails or is killed has nothing to undo.
 */

#include "azblob.h"

extern const struct leat_stage_type leat_stage_azblob_put;

#define SUMMARY "write a blob of Azure"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azblob_blocks.h"
#include "base/invariant.h"
#include "headers.h"
#include "hmac.h"
#include "net_options.h"
#include "upload.h"

#define QUERY_MAX (3 * LEAT_AZBLOB_ID + 32)

struct azblob_put_params {
    struct leat_net_options net;
    uint64_t size, block_size;
    int64_t in_flight;
    int force;
};

struct azblob_put {
    struct leat_stage *stage;
    const struct azblob_put_params *params;
    struct leat_azblob *azblob;
    struct leat_upload blocks;
    uint8_t mark[LEAT_AZBLOB_MARK];
    bool is_looked; /* the blob is not there, or it may be overwritten */
    /* In the commit */
    struct leat_sequence commit;
    char *list; /* of the blocks */
    size_t list_n;
    bool is_hashed;
    uint8_t md5[LEAT_MD5_BYTES]; /* of a blob that is no list */
    /* Headers of the request that makes the blob: the user's, the type of a blob that is no list, and the condition */
    const char *headers[LEAT_AZBLOB_HEADERS_MAX + 1];
    size_t n_headers;
};

/* --- before the blocks: is the blob there? ---------------------------------------------------- */

static bool wants_look(const void *arg)
{
    const struct azblob_put *p = arg;

    return !p->is_looked;
}

static int begin_look(void *arg, struct leat_exchange **ret)
{
    const struct azblob_put *p = arg;
    const struct leat_azblob_request look = {.method = "HEAD"};

    return leat_azblob_begin(p->azblob, &look, ret);
}

/* Only a blob that is there is known for certain: a token may allow to write and not to read. */
static int end_look(void *arg, struct leat_exchange *x)
{
    struct azblob_put *p = arg;
    char code[128];

    p->is_looked = true;
    if (leat_azblob_tries(p->azblob)->judge(x) == LEAT_TRY_DONE)
        return leat_fail(p->stage, LEAT_EEXIST, "%s exists; --force overwrites it",
                         leat_azblob_shown(p->azblob));
    if (leat_exchange_state(x) != LEAT_EXCHANGE_ANSWERED)
        return leat_azblob_fail(p->azblob, x, "Get Blob Properties");
    (void)leat_azblob_code(x, code, sizeof code);
    if (strcmp(code, "ContainerNotFound") == 0 || strcmp(code, "AuthenticationFailed") == 0)
        return leat_azblob_fail(p->azblob, x, "Get Blob Properties");
    return 0;
}

static int fail_request(void *arg, struct leat_exchange *x, const char *what)
{
    const struct azblob_put *p = arg;

    return leat_azblob_fail(p->azblob, x, what);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static struct leat_azblob_request block_request(const struct azblob_put *p,
                                                const struct leat_upload_part *block,
                                                const uint8_t *md5, char query[QUERY_MAX])
{
    char id[LEAT_AZBLOB_ID];
    struct leat_fixed text = leat_fixed_in(query, QUERY_MAX);

    leat_azblob_id(p->mark, block->number, id);
    leat_fixed_add(&text, "comp=block&blockid=");
    leat_fixed_add_encoded(&text, id, false);
    leat_assert(!text.is_full);
    return (struct leat_azblob_request){
        .method = "PUT", .query = query, .body = block->data, .size = block->filled, .md5 = md5};
}

static int begin_block(void *arg, struct leat_upload_part *block)
{
    const struct azblob_put *p = arg;
    char query[QUERY_MAX];
    const struct leat_azblob_request q = block_request(p, block, block->digest, query);

    return leat_azblob_begin(p->azblob, &q, &block->exchange);
}

/* The service has compared the digest. */
static int end_block(void *arg, struct leat_upload_part *block)
{
    (void)arg;
    leat_assert(block->filled > 0);
    return 0;
}

static const struct leat_upload_ops upload_ops = {.rule = &leat_azblob_blocks,
                                                  .digest = LEAT_MD5,
                                                  .part_word = "block",
                                                  .part_option = "--block-size",
                                                  .wants = wants_look,
                                                  .begin_control = begin_look,
                                                  .end_control = end_look,
                                                  .begin_part = begin_block,
                                                  .end_part = end_block,
                                                  .fail = fail_request};

static int azblob_put_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct azblob_put *p = leat_state(s);

    (void)out;
    return leat_upload_step(&p->blocks, in);
}

static int azblob_put_watch(struct leat_stage *s)
{
    struct azblob_put *p = leat_state(s);

    return leat_upload_watch(&p->blocks);
}

/* --- the commit ------------------------------------------------------------------------------- */

static int perform(struct azblob_put *p, const struct leat_azblob_request *q,
                   struct leat_exchange **ret)
{
    return leat_sequence_perform(&p->commit, p->stage, leat_azblob_tries(p->azblob), q, ret);
}

/* The request that makes the blob. Returns as leat_sequence_perform. */
static int make_blob(struct azblob_put *p, struct leat_azblob_request *q, const char *type,
                     struct leat_exchange **ret)
{
    size_t n = p->n_headers;

    if (type)
        p->headers[n++] = type;
    if (!p->params->force)
        p->headers[n++] = "If-None-Match: *";
    leat_assert(n <= LEAT_AZBLOB_HEADERS_MAX);
    p->headers[n] = NULL;
    q->headers = p->headers;
    return perform(p, q, ret);
}

/* The blob is there, or the blocks are not: did a try make it whose answer was lost? The names of blocks are those of this run.
 * Returns 0: it did; 1: not; LEAT_WAIT; or fails. */
static int look_for_our_blocks(struct azblob_put *p)
{
    const struct leat_azblob_request q = {.method = "GET",
                                          .query = "comp=blocklist&blocklisttype=committed"};
    struct leat_exchange *x;
    char first[LEAT_AZBLOB_ID], name[LEAT_AZBLOB_ID + 1];
    int r = perform(p, &q, &x);

    if (r != 0)
        return r;
    leat_azblob_id(p->mark, 1, first);
    return !leat_xml_element(leat_exchange_reply(x), "Name", name, sizeof name) ||
           strcmp(name, first) != 0;
}

static int make_list(struct azblob_put *p, unsigned n)
{
    size_t size = leat_azblob_list_size(n);
    struct leat_fixed text;

    if (p->list)
        return 0;
    p->list = leat_alloc_raw(p->stage, size);
    if (!p->list)
        return LEAT_ENOMEM;
    text = leat_fixed_in(p->list, size);
    leat_azblob_list(p->mark, n, &text);
    leat_assert(!text.is_full && text.n == size - 1);
    p->list_n = text.n;
    return 0;
}

/* The server has the blocks 1 to n. */
static int put_list(struct azblob_put *p, unsigned n)
{
    struct leat_azblob_request q = {.method = "PUT", .query = "comp=blocklist"};
    struct leat_exchange *x = NULL;
    int r = make_list(p, n);

    if (r < 0)
        return r;
    q.body = p->list;
    q.size = p->list_n;
    r = make_blob(p, &q, NULL, &x);
    if (r == 1 && leat_azblob_exists(x))
        r = look_for_our_blocks(p);
    return r == 1 ? leat_azblob_fail(p->azblob, x, "Put Block List") : r;
}

static int put_blocks(struct azblob_put *p)
{
    leat_upload_release(&p->blocks); /* the memory is free for the list of them */
    return put_list(p, p->blocks.number - 1);
}

enum { IS_OURS, IS_BLOCKS, IS_ANOTHER };

/* Put Blob says that the blob is there. Is it, or are there blocks only, of a run that was killed? Or has it these bytes, because a
 * try made it whose answer was lost? Returns 0: *ret_there says it; LEAT_WAIT; or fails. */
static int look_again(struct azblob_put *p, const struct leat_azblob_request *put, int *ret_there)
{
    const struct leat_azblob_request q = {.method = "HEAD"};
    char md5[LEAT_BASE64_SIZE(LEAT_MD5_BYTES)];
    struct leat_exchange *x;
    int r = perform(p, &q, &x);

    if (r < 0 || r == LEAT_WAIT)
        return r;
    leat_base64_encode(put->md5, LEAT_MD5_BYTES, md5);
    *ret_there = IS_ANOTHER;
    if (r == 0 && strcmp(leat_exchange_header(x, "Content-MD5"), md5) == 0 &&
        strtoull(leat_exchange_header(x, "Content-Length"), NULL, 10) == put->size)
        *ret_there = IS_OURS;
    else if (r == 1 && leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED &&
             leat_exchange_status(x) == 404)
        *ret_there = IS_BLOCKS;
    return 0;
}

/* A list of one block, or of none, is accepted where blocks of another run are. */
static int put_as_block(struct azblob_put *p, const struct leat_azblob_request *whole)
{
    struct leat_upload_part block = {
        .number = 1, .data = (uint8_t *)(uintptr_t)whole->body, .filled = whole->size};
    char query[QUERY_MAX];
    const struct leat_azblob_request q = block_request(p, &block, whole->md5, query);
    struct leat_exchange *x = NULL;
    int r = whole->size == 0 ? 0 : perform(p, &q, &x);

    if (r == 1)
        return leat_azblob_fail(p->azblob, x, "Put Block");
    return r == 0 ? put_list(p, whole->size > 0) : r;
}

/* The digest of a blob that is no list. */
static int hash_whole(struct azblob_put *p)
{
    int r = p->is_hashed || p->blocks.filling ? 0 : leat_evp_begin(p->blocks.evp);

    if (r == 0 && !p->is_hashed)
        r = leat_evp_end(p->blocks.evp, p->md5);
    p->is_hashed = r == 0;
    return r;
}

static int put_whole(struct azblob_put *p)
{
    const struct leat_upload_part *block = p->blocks.filling;
    struct leat_azblob_request q = {.method = "PUT",
                                    .body = block ? block->data : (const void *)"",
                                    .size = block ? block->filled : 0,
                                    .md5 = p->md5};
    struct leat_exchange *x = NULL;
    int r = hash_whole(p), there = IS_ANOTHER;

    if (r == 0)
        r = make_blob(p, &q, "x-ms-blob-type: BlockBlob", &x);
    if (r != 1)
        return r;
    if (leat_azblob_exists(x))
        r = look_again(p, &q, &there);
    if (r < 0 || r == LEAT_WAIT || there == IS_OURS)
        return r;
    return there == IS_BLOCKS ? put_as_block(p, &q) : leat_azblob_fail(p->azblob, x, "Put Blob");
}

/* It is called again while there is no answer. */
static int azblob_put_commit(struct leat_stage *s)
{
    struct azblob_put *p = leat_state(s);
    int r;

    leat_sequence_again(&p->commit);
    r = p->blocks.is_sealed ? put_blocks(p) : put_whole(p);
    if (r == 0 && p->blocks.lost > 0)
        leat_warning(s, "%s: %" PRIu64 " tries failed before all was written",
                     leat_azblob_shown(p->azblob), p->blocks.lost);
    return r;
}

/* --- the stage -------------------------------------------------------------------------------- */

static struct leat_azblob_options azblob_options(const struct leat_stage *s)
{
    const struct azblob_put_params *params = leat_params(s);

    return (struct leat_azblob_options){.url = leat_operands(s)->v[0],
                                        .ca = params->net.ca,
                                        .stall_ms = params->net.stall_ms,
                                        .wait_ms = params->net.wait_ms,
                                        .retries = params->net.retries};
}

static int azblob_put_plan(struct leat_stage *s)
{
    const struct azblob_put_params *params = leat_params(s);
    struct leat_azblob_options options = azblob_options(s);
    int r = leat_azblob_plan(s, &options);

    return r < 0 ? r : leat_headers_plan(s, &params->net.headers);
}

static bool is_one_of(const char *line, const char *const *names)
{
    for (; *names; names++)
        if (strncasecmp(line, *names, strlen(*names)) == 0 && line[strlen(*names)] == ':')
            return true;
    return false;
}

/* The headers that a blob is served with have names of their own in a list of blocks. */
static bool is_of_content(const char *line)
{
    static const char *const names[] = {"Content-Type",     "Content-Encoding",
                                        "Content-Language", "Content-Disposition",
                                        "Cache-Control",    NULL};

    return is_one_of(line, names);
}

static bool is_of_stage(const char *line)
{
    static const char *const names[] = {"x-ms-date", "x-ms-version", "x-ms-blob-type", NULL};

    return is_one_of(line, names);
}

static int keep_header(void *arg, const char *line)
{
    static const char prefix[] = "x-ms-blob-";
    struct azblob_put *p = arg;
    size_t n = strlen(line) + sizeof prefix;
    char *copy;

    if (p->n_headers == LEAT_AZBLOB_HEADERS_MAX - 2) /* the type and the condition */
        return leat_fail(p->stage, LEAT_EUSAGE, "--header: too many headers");
    if (!is_of_content(line) && (strncasecmp(line, "x-ms-", 5) != 0 || is_of_stage(line)))
        return leat_fail(p->stage, LEAT_EUSAGE,
                         "--header: '%.*s' cannot be stored with a blob; give Content-Type, "
                         "Cache-Control or another header of content, or x-ms-…",
                         (int)strcspn(line, ":"), line);
    copy = leat_alloc(p->stage, n);
    if (!copy)
        return LEAT_ENOMEM;
    snprintf(copy, n, "%s%s", is_of_content(line) ? prefix : "", line);
    p->headers[p->n_headers++] = copy;
    return 0;
}

static int open_blocks(struct azblob_put *p)
{
    const struct leat_upload_options options = {.ops = &upload_ops,
                                                .arg = p,
                                                .tries = leat_azblob_tries(p->azblob),
                                                .shown = leat_azblob_shown(p->azblob),
                                                .size = p->params->size,
                                                .part_size = p->params->block_size,
                                                .in_flight = p->params->in_flight};

    return leat_upload_open(&p->blocks, p->stage, &options);
}

static int azblob_put_open(struct leat_stage *s)
{
    struct azblob_put *p = leat_state(s);
    struct leat_azblob_options options = azblob_options(s);
    int r;

    p->stage = s;
    p->params = leat_params(s);
    p->is_looked = p->params->force != 0;
    if (!leat_azblob_mark(p->mark))
        return leat_fail(s, LEAT_EINTERNAL, "the kernel gives no random bytes");
    r = leat_azblob_open(s, &options, &p->azblob);
    if (r == 0)
        r = leat_headers_each(s, &p->params->net.headers, keep_header, p);
    return r < 0 ? r : open_blocks(p);
}

static void azblob_put_close(struct leat_stage *s)
{
    struct azblob_put *p = leat_state(s);

    if (leat_sequence_waits(&p->commit))
        leat_warning(
            s,
            "%s: the last request was sent, and there is no answer: the server may have stored it",
            leat_azblob_shown(p->azblob));
    leat_sequence_free(&p->commit);
    leat_free(s, p->list);
    leat_upload_stop(&p->blocks);
    leat_upload_done(&p->blocks);
    for (size_t i = 0; i < p->n_headers; i++)
        leat_free(s, (void *)(uintptr_t)p->headers[i]);
    leat_azblob_close(p->azblob);
}

#define AT(field) offsetof(struct azblob_put_params, field)
static const struct leat_option azblob_put_options[] = {
    {.name = "force",
     .short_name = 'f',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(force),
     .help = "overwrite a blob that exists"},
    {.name = "size",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(size),
     .metavar = "SIZE",
     .initial = INT64_MAX,
     .help = "the data must have so many bytes; blocks are made to fit"},
    {.name = "block-size",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(block_size),
     .metavar = "SIZE",
     .min = LEAT_AZBLOB_BLOCK_MIN,
     .max = LEAT_AZBLOB_BLOCK_MAX,
     .initial = LEAT_AZBLOB_BLOCK_FIRST,
     .help = "of the first 5,000 blocks"},
    {.name = "in-flight",
     .kind = LEAT_OPT_INT,
     .offset = AT(in_flight),
     .metavar = "N",
     .min = 1,
     .max = LEAT_UPLOAD_IN_FLIGHT_MAX,
     .initial = 2,
     .help = "blocks that are sent at the same time; they are kept in memory"},
    LEAT_NET_HEADER(AT(net),
                    "store this header with the blob, such as Content-Type or x-ms-meta-…, "
                    "or those in @FILE"),
    LEAT_NET_RETRIES(AT(net), 8, "give up after so many tries of one request"),
    LEAT_NET_STALL(AT(net), "stall-time", "a request in which nothing moves for so long is lost"),
    LEAT_NET_CA(AT(net)),
    {0},
};

const struct leat_stage_type leat_stage_azblob_put = {
    .name = "azblob-put",
    .summary = SUMMARY,
    .operands = "azblob://CONTAINER/BLOB",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Writes its input as the blob BLOB in a container of Azure Blob Storage. `write "
        "azblob://CONTAINER/BLOB` is the same. The blob appears when every stage has ended without an error and "
        "every other output is prepared; until then nothing of it is visible. A blob is not overwritten without "
        "--force: it is looked for before the data is sent, and the last request has If-None-Match: *.\n\n"
        "Up to one block of data is sent by a single Put Blob, in the commit. More is sent in blocks while the "
        "pipeline runs: 8 MiB each (--block-size) up to block 5,000, then twice as large after each 2,500 "
        "blocks up to 4,000 MiB, so that 50,000 blocks hold 100 TiB; with --size all blocks are equal. A block is "
        "kept in memory until the server has it, so --in-flight + 1 blocks are charged to --memory; with less "
        "memory there are fewer, and they grow less. The commit, Put Block List, makes the blob of them. It comes "
        "after other files have got their names, since it cannot be taken back; if it fails, those names are taken "
        "back. A signal, or --timeout, ends the wait for its answer, and then the server may have stored the blob; a warning "
        "says so.\n\n"
        "The MD5 of each block goes with it (Content-MD5), so the server notices one that was changed on the way. "
        "Lost connections, and the answers 408, 425, 429, 500, 502, 503 (ServerBusy) and 504 are tried again, "
        "after what the server asks for (Retry-After), or a wait that is doubled each time, with a random part.\n\n"
        "A pipeline that fails, or is killed, leaves no blob. Blocks that were sent remain at the server, invisible, "
        "until a blob of that name is written, or for a week; they are billed until then, and there is no request "
        "that removes only them. Each run gives its blocks names of its own, so they are not mixed with those of another.\n\n"
        "Credentials come from the environment, and are never words of the command: "
        "AZURE_STORAGE_CONNECTION_STRING, with AccountName, AccountKey or SharedAccessSignature, and BlobEndpoint or "
        "EndpointSuffix; else AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY (Shared Key) or "
        "AZURE_STORAGE_SAS_TOKEN. AZURE_STORAGE_SERVICE_ENDPOINT is another endpoint, such as "
        "http://127.0.0.1:10000/devstoreaccount1 for the emulator Azurite. A token must allow to create and write, "
        "with --force to write; one that allows to read, too, finds an existing blob before the data is sent.",
    .kind = LEAT_SINK,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct azblob_put_params),
    .state_size = sizeof(struct azblob_put),
    .options = azblob_put_options,
    .plan = azblob_put_plan,
    .open = azblob_put_open,
    .step = azblob_put_step,
    .alarm = azblob_put_watch,
    .watch = azblob_put_watch,
    .close = azblob_put_close,
    .commit = azblob_put_commit,
};

#else

LEAT_STAGE_MISSING(azblob_put, "azblob-put", SUMMARY, "libcurl4-openssl-dev");

#endif
