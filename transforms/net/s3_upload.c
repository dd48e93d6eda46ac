/* s3_upload.c - the end of an upload of parts: completed, aborted, or found after a kill. */

#include "s3_put.h"

#if HAVE_CURL

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "fixed.h"

#define PART_XML 192 /* bytes around an ETag, with a digest */
#define NOT_IMPLEMENTED 501
#define ABORT_TRIES 3
#define CLEAN_MAX 16u /* uploads of killed runs that one run aborts */

static int perform(struct leat_s3_put *p, const struct leat_s3_request *request,
                   struct leat_exchange **ret)
{
    return leat_sequence_perform(&p->commit, p->stage, leat_s3_tries(p->s3), request, ret);
}

/* A server that says 501 knows no checksums, or no conditions: that the object was not there must do then. */
int leat_s3_put_perform(struct leat_s3_put *p, const struct leat_s3_request *request,
                        struct leat_exchange **ret)
{
    const char *headers[LEAT_S3_HEADERS_MAX + 1];
    struct leat_s3_request q = *request;
    size_t n = 0;
    int r;

    for (; request->headers && request->headers[n]; n++)
        headers[n] = request->headers[n];
    leat_assert(n < LEAT_S3_HEADERS_MAX);
    headers[n] = p->params->force ? NULL : "If-None-Match: *";
    headers[n + 1] = NULL;
    q.headers = headers;
    r = perform(p, &q, ret);
    if (r == 1 && q.has_sum && leat_exchange_status(*ret) == NOT_IMPLEMENTED) {
        q.has_sum = false;
        r = perform(p, &q, ret);
    }
    if (r != 1 || !headers[n] || leat_exchange_status(*ret) != NOT_IMPLEMENTED)
        return r;
    q.headers = request->headers;
    return perform(p, &q, ret);
}

static void upload_query(const char *upload, char *to, size_t size)
{
    struct leat_fixed text = leat_fixed_in(to, size);

    leat_fixed_add(&text, "uploadId=");
    leat_fixed_add_encoded(&text, upload, false);
    leat_assert(!text.is_full);
}

/* --- complete --------------------------------------------------------------------------------- */

/* The list of the parts, once. */
static int make_list(struct leat_s3_put *p)
{
    size_t size = 256;
    struct leat_fixed text;
    const char *sum;

    if (p->list)
        return 0;
    leat_upload_release(&p->parts); /* their memory is free for the list of them */
    for (unsigned i = 0; i < p->parts.number - 1; i++)
        size += PART_XML + 6 * strlen(p->etags[i]);
    p->list = leat_alloc_raw(p->stage, size);
    if (!p->list)
        return LEAT_ENOMEM;
    text = leat_fixed_in(p->list, size);
    leat_fixed_add(&text, "<CompleteMultipartUpload "
                          "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (unsigned i = 0; i < p->parts.number - 1; i++) {
        leat_fixed_add(&text, "<Part><PartNumber>%u</PartNumber><ETag>", i + 1);
        leat_fixed_add_xml(&text, p->etags[i]);
        leat_fixed_add(&text, "</ETag>");
        sum = p->etags[i] + strlen(p->etags[i]) + 1;
        if (*sum)
            leat_fixed_add(&text, "<ChecksumSHA256>%s</ChecksumSHA256>", sum);
        leat_fixed_add(&text, "</Part>");
    }
    leat_fixed_add(&text, "</CompleteMultipartUpload>");
    leat_assert(!text.is_full);
    p->list_n = text.n;
    return 0;
}

/* The upload is not found: was it completed by a try whose answer was lost? libcurl repeats a request that is lost before its
 * answer on a connection that was kept open, so this need not be known. Returns 0: it was; 1: not; LEAT_WAIT; or fails. */
static int look_if_complete(struct leat_s3_put *p)
{
    const struct leat_s3_request q = {.method = "HEAD"};
    struct leat_exchange *x;
    char end[16];
    const char *etag;
    size_t n, length;
    int r = perform(p, &q, &x);

    if (r != 0)
        return r;
    length = (size_t)snprintf(end, sizeof end, "-%u\"", p->parts.number - 1);
    etag = leat_exchange_header(x, "ETag");
    n = strlen(etag);
    return n <= length || strcmp(etag + n - length, end) != 0 ||
           strtoull(leat_exchange_header(x, "Content-Length"), NULL, 10) != p->parts.pos;
}

int leat_s3_put_complete(struct leat_s3_put *p)
{
    char query[3 * LEAT_S3_UPLOAD_ID_MAX + 16], code[64];
    struct leat_s3_request q = {.method = "POST", .query = query};
    struct leat_exchange *x = NULL;
    int r = make_list(p);

    if (r < 0)
        return r;
    q.body = p->list;
    q.size = p->list_n;
    upload_query(p->upload, query, sizeof query);
    r = leat_s3_put_perform(p, &q, &x);
    if (r != 1)
        return r;
    (void)leat_xml_element(leat_exchange_reply(x), "Code", code, sizeof code);
    if (strcmp(code, "NoSuchUpload") == 0)
        r = look_if_complete(p);
    return r == 1 ? leat_s3_fail(p->s3, x, "the end of the upload") : r;
}

/* --- abort ------------------------------------------------------------------------------------ */

/* Returns true if the upload is gone. */
static bool abort_upload(struct leat_s3 *s3, const char *path, const char *upload)
{
    char query[3 * LEAT_S3_UPLOAD_ID_MAX + 16];
    struct leat_s3_request q = {
        .method = "DELETE", .path = path, .query = query, .tries_most = ABORT_TRIES};
    struct leat_exchange *x = NULL;
    bool gone;

    upload_query(upload, query, sizeof query);
    gone =
        leat_s3_perform(s3, &q, &x) == 0 ||
        (x && leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED && leat_exchange_status(x) == 404);
    leat_exchange_free(x);
    return gone;
}

void leat_s3_put_end_upload(struct leat_s3_put *p)
{
    if (p->is_committed || abort_upload(p->s3, leat_s3_path(p->s3), p->upload)) {
        leat_s3_journal_remove(&p->journal);
        return;
    }
    leat_warning(
        p->stage,
        "%s: the upload could not be aborted; the next s3-put to this server tries it again",
        leat_s3_shown(p->s3));
    leat_s3_journal_leave(&p->journal);
}

/* --- after a kill ----------------------------------------------------------------------------- */

struct clean {
    struct leat_s3 *s3;
    bool failed; /* the server does not abort uploads now: do not wait for it again */
};

/* Only this server can be asked. */
static bool clean_one(void *arg, const char *origin, const char *path, const char *upload)
{
    struct clean *c = arg;
    bool gone;

    if (c->failed || strlen(upload) >= LEAT_S3_UPLOAD_ID_MAX || *path != '/' ||
        strcmp(origin, leat_s3_origin(c->s3)) != 0)
        return false;
    gone = abort_upload(c->s3, path, upload);
    c->failed = !gone;
    return gone;
}

void leat_s3_put_clean(struct leat_s3_put *p)
{
    struct clean c = {.s3 = p->s3};
    unsigned n = leat_s3_journal_each(CLEAN_MAX, clean_one, &c);

    if (n > 0)
        leat_warning(p->stage, "uploads of killed runs that were aborted now: %u", n);
}

#endif
