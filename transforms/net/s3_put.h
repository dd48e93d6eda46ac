/* s3_put.h - the writable of an object of S3 from inside: its state, and the end of an upload (s3_upload.c). */
#ifndef LEAT_NET_S3_PUT_H
#define LEAT_NET_S3_PUT_H

#include "s3.h"
#include "s3_journal.h"
#include "s3_parts.h"

#define LEAT_S3_IN_FLIGHT_MAX 32
#define LEAT_S3_ETAG_MAX ((size_t)256) /* bytes, with the NUL */
#define LEAT_S3_NO_SIZE ((uint64_t)INT64_MAX)
/* Bytes that parts leave to other needs, and for each request. */
#define LEAT_S3_SPARE ((uint64_t)2 << 20)
#define LEAT_S3_SPARE_EACH ((uint64_t)1 << 20)

struct leat_s3_put_params {
    struct leat_strings header;
    uint64_t size, part_size, wait_ms, stall_ms;
    int64_t in_flight, retries;
    const char *ca;
    int force;
};

enum leat_s3_part_state {
    LEAT_S3_PART_FREE,
    LEAT_S3_PART_FILLING,
    LEAT_S3_PART_READY, /* to be sent when `at_ns` has come */
    LEAT_S3_PART_SENDING,
};

struct leat_s3_part {
    enum leat_s3_part_state state;
    uint8_t *data; /* charged; NULL: no memory yet */
    uint64_t size, filled;
    unsigned number;
    int64_t tries; /* that failed */
    uint64_t at_ns;
    struct leat_exchange *exchange; /* SENDING; or NULL */
    char hash[LEAT_SIGV4_HEX];
};

struct leat_s3_put {
    struct leat_stage *stage;
    const struct leat_s3_put_params *params;
    struct leat_s3 *s3;
    struct leat_evp *sha; /* of the part that is filled */
    const char *headers[LEAT_S3_HEADERS_MAX + 1];
    size_t n_headers;
    uint64_t pos; /* bytes of input that are in parts */
    /* Parts */
    struct leat_s3_part parts[LEAT_S3_IN_FLIGHT_MAX + 1], *filling;
    unsigned n_parts;
    unsigned number; /* of the next part to be sealed */
    uint64_t part_first, part_most;
    char **etags;  /* of the parts that the server has */
    uint64_t lost; /* tries that failed */
    /* Requests before and between the parts */
    struct leat_exchange *control;
    bool is_looked; /* the object is not there, or it may be overwritten */
    bool is_multipart, is_committed;
    bool
        is_unconditional; /* the server knows no conditions: that the object was not there must do */
    int64_t control_tries;
    uint64_t control_at_ns;
    char upload[LEAT_S3_UPLOAD_ID_MAX]; /* "": none has begun */
    struct leat_s3_journal journal;
};

/* leat_s3_put_perform - the request that makes the object visible: as leat_s3_perform, with the condition that nothing is
 * there. */
int leat_s3_put_perform(struct leat_s3_put *put, const struct leat_s3_request *request,
                        struct leat_exchange **ret);
/* leat_s3_put_complete - all parts are there: make the object visible. Returns 0, or fails the stage. */
int leat_s3_put_complete(struct leat_s3_put *put);
/* leat_s3_put_end_upload - in close: abort an upload that was not completed, and end its record. */
void leat_s3_put_end_upload(struct leat_s3_put *put);
/* leat_s3_put_clean - in open: abort uploads of runs that were killed. */
void leat_s3_put_clean(struct leat_s3_put *put);

#endif
