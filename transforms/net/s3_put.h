/* s3_put.h - the writable of an object of S3 from inside: its state, and the end of an upload (s3_upload.c). */
#ifndef LEAT_NET_S3_PUT_H
#define LEAT_NET_S3_PUT_H

#include "net_options.h"
#include "s3.h"
#include "s3_journal.h"
#include "upload.h"

#define LEAT_S3_ETAG_MAX ((size_t)256) /* bytes, with the NUL */

struct leat_s3_put_params {
    struct leat_net_options net;
    uint64_t size, part_size;
    int64_t in_flight;
    int force;
};

struct leat_s3_put {
    struct leat_stage *stage;
    const struct leat_s3_put_params *params;
    struct leat_s3 *s3;
    const char *headers[LEAT_S3_HEADERS_MAX + 1];
    size_t n_headers;
    struct leat_upload parts;
    char **
        etags; /* of the parts that the server has; after the NUL of each, its SHA-256 in base64, or "" */
    bool is_looked; /* the object is not there, or it may be overwritten */
    bool is_committed;
    bool is_sumless; /* the server knows no checksums */
    struct leat_sequence commit;
    char *list; /* of the parts, in the commit */
    size_t list_n;
    char upload[LEAT_S3_UPLOAD_ID_MAX]; /* "": none has begun */
    struct leat_s3_journal journal;
};

/* leat_s3_put_perform - the request that makes the object visible: as leat_sequence_perform, with the condition that nothing is
 * there. */
int leat_s3_put_perform(struct leat_s3_put *put, const struct leat_s3_request *request,
                        struct leat_exchange **ret);
/* leat_s3_put_complete - all parts are there: make the object visible. Returns 0; LEAT_WAIT: call it again; or fails the
 * stage. */
int leat_s3_put_complete(struct leat_s3_put *put);
/* leat_s3_put_end_upload - in close: abort an upload that was not completed, and end its record. */
void leat_s3_put_end_upload(struct leat_s3_put *put);
/* leat_s3_put_clean - in open: abort uploads of runs that were killed. */
void leat_s3_put_clean(struct leat_s3_put *put);

#endif
