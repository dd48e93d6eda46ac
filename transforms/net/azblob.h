/* azblob.h - requests to a blob of Azure, and what their answers mean. */
#ifndef LEAT_NET_AZBLOB_H
#define LEAT_NET_AZBLOB_H

#include "tries.h"

struct leat_azblob;

#define LEAT_AZBLOB_HEADERS_MAX ((size_t)32) /* of one request, besides those of the signature */
#define LEAT_MD5 "MD5"                       /* name and bytes of a digest */
#define LEAT_MD5_BYTES ((size_t)16)

struct leat_azblob_options {
    const char *url; /* azblob://CONTAINER/BLOB */
    const char *ca;  /* a file of certificates; NULL: those of the system */
    uint64_t stall_ms, wait_ms;
    int64_t retries;
};

struct leat_azblob_request {
    const char *method;
    const char *query;          /* percent-encoded; NULL: none */
    const char *const *headers; /* NULL after the last; or NULL */
    const void *body;           /* borrowed until the exchange is freed; NULL: none */
    uint64_t size;
    const uint8_t *md5; /* of the body; NULL: it is made of it */
};

/* leat_azblob_plan - in plan: is the URL well-formed? Announces files and the network. Returns 0, or fails the stage. */
int leat_azblob_plan(struct leat_stage *stage, const struct leat_azblob_options *options);
/* leat_azblob_open - in open. The options are borrowed until leat_azblob_close. *ret is set in any case. Returns 0, or fails
 * the stage. */
int leat_azblob_open(struct leat_stage *stage, const struct leat_azblob_options *options,
                     struct leat_azblob **ret);
void leat_azblob_close(struct leat_azblob *azblob);
/* leat_azblob_tries - how requests are made again; valid until leat_azblob_close. */
const struct leat_tries *leat_azblob_tries(const struct leat_azblob *azblob);
/* leat_azblob_shown - azblob://CONTAINER/BLOB. */
const char *leat_azblob_shown(const struct leat_azblob *azblob);
/* leat_azblob_url - of the blob, with its token: a secret. Valid until the next call. */
const char *leat_azblob_url(struct leat_azblob *azblob);

/* leat_azblob_begin - sign and begin a request; *ret is set in any case. Returns 0, or fails the stage. */
int leat_azblob_begin(struct leat_azblob *azblob, const struct leat_azblob_request *request,
                      struct leat_exchange **ret);
/* leat_azblob_code - the code of the service in an answer, such as "ContainerNotFound"; "": none. */
const char *leat_azblob_code(struct leat_exchange *exchange, char *to, size_t size);
/* leat_azblob_exists - does the answer say that the blob is there, in spite of If-None-Match? */
bool leat_azblob_exists(struct leat_exchange *exchange);
/* leat_azblob_fail - record the failure of `what`, such as "Put Blob", with the service's reason. Returns its code:
 * LEAT_EEXIST if leat_azblob_exists. */
int leat_azblob_fail(struct leat_azblob *azblob, struct leat_exchange *exchange, const char *what);

/* leat_azblob_explain - a GET of the blob was refused: ask again for the reason, which is recorded as the stage's failure. Waits
 * for the answer. Returns its code. */
int leat_azblob_explain(struct leat_azblob *azblob);
/* leat_azblob_sign_get - for leat_http_options.sign. */
int leat_azblob_sign_get(void *azblob, const char *range, const char *if_match,
                         int (*add)(void *arg, const char *line), void *arg);

#endif
