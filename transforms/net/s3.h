/* s3.h - signed requests to an object of S3, and what their answers mean. */
#ifndef LEAT_NET_S3_H
#define LEAT_NET_S3_H

#include "sigv4.h"
#include "tries.h"

struct leat_s3;

#define LEAT_S3_HEADERS_MAX ((size_t)32) /* of one request, besides those of the signature */

#define LEAT_S3_SUM "X-Amz-Checksum-Sha256"

struct leat_s3_options {
    const char *url; /* s3://BUCKET/KEY */
    const char *ca;  /* a file of certificates; NULL: AWS_CA_BUNDLE, or those of the system */
    uint64_t stall_ms, wait_ms;
    int64_t retries;
};

struct leat_s3_request {
    const char *method;
    const char *path;           /* percent-encoded; NULL: that of the object */
    const char *query;          /* percent-encoded; NULL: none */
    const char *const *headers; /* NULL after the last; or NULL */
    const void *body;           /* borrowed until the exchange is freed; NULL: none */
    uint64_t size;
    const char *body_hash; /* NULL: it is made of the body */
    bool has_sum;          /* the server is to keep its SHA-256, too: x-amz-checksum-sha256 */
    int64_t tries_most;    /* leat_s3_perform: 0: by the options */
};

/* leat_s3_plan - in plan: is the URL well-formed? Announces files and the network. Returns 0, or fails the stage. */
int leat_s3_plan(struct leat_stage *stage, const struct leat_s3_options *options);
/* leat_s3_open - in open; it may wait some seconds for credentials. The options are borrowed until leat_s3_close. *ret is set
 * in any case. Returns 0, or fails the stage. */
int leat_s3_open(struct leat_stage *stage, const struct leat_s3_options *options,
                 struct leat_s3 **ret);
void leat_s3_close(struct leat_s3 *s3);
/* leat_s3_tries - how requests are made again; valid until leat_s3_close. */
const struct leat_tries *leat_s3_tries(const struct leat_s3 *s3);
/* leat_s3_shown - s3://BUCKET/KEY. leat_s3_origin, leat_s3_path - the two parts of the URL of the object. */
const char *leat_s3_shown(const struct leat_s3 *s3);
const char *leat_s3_origin(const struct leat_s3 *s3);
const char *leat_s3_path(const struct leat_s3 *s3);
/* leat_s3_ca - the file of certificates; NULL: those of the system. */
const char *leat_s3_ca(const struct leat_s3 *s3);
/* leat_s3_url - of the object; valid until the next call. */
const char *leat_s3_url(struct leat_s3 *s3);

/* leat_s3_begin - sign and begin a request; *ret is set in any case. Returns 0, or fails the stage. */
int leat_s3_begin(struct leat_s3 *s3, const struct leat_s3_request *request,
                  struct leat_exchange **ret);
/* leat_s3_fail - record the failure of `what`, such as "PUT", with the server's reason. Returns its code: LEAT_EEXIST for 412. */
int leat_s3_fail(struct leat_s3 *s3, struct leat_exchange *exchange, const char *what);
/* leat_s3_perform - a whole request with all its tries; waits until the end. *ret is set in any case; free it. Returns 0:
 * LEAT_TRY_DONE; 1: LEAT_TRY_FAILED; or fails the stage. */
int leat_s3_perform(struct leat_s3 *s3, const struct leat_s3_request *request,
                    struct leat_exchange **ret);

/* leat_s3_explain - a GET of the object was refused: ask again for the reason, which is recorded as the stage's failure. Waits for
 * the answer. Returns its code. */
int leat_s3_explain(struct leat_s3 *s3);
/* leat_s3_sign_get - the headers of a signed GET of the object, in lines that `add` gets (for leat_http). Returns 0; the error of
 * `add`; or fails the stage. */
int leat_s3_sign_get(void *s3, const char *range, const char *if_match,
                     int (*add)(void *arg, const char *line), void *arg);
/* leat_s3_sign_head - the same for HEAD. */
int leat_s3_sign_head(void *s3, const char *range, const char *if_match,
                      int (*add)(void *arg, const char *line), void *arg);

#endif
