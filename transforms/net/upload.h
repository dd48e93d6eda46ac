/* upload.h - a stream that is sent in parts: kept in memory until the server has them, several at a time, and again if a try fails.
 *
 * It is used by the stage of one service, which makes the requests; this knows when. */
#ifndef LEAT_NET_UPLOAD_H
#define LEAT_NET_UPLOAD_H

#include "../check/libcrypto.h"
#include "part_sizes.h"
#include "tries.h"

#define LEAT_UPLOAD_IN_FLIGHT_MAX 32
#define LEAT_UPLOAD_NO_SIZE ((uint64_t)INT64_MAX)

enum leat_upload_part_state {
    LEAT_UPLOAD_FREE,
    LEAT_UPLOAD_FILLING,
    LEAT_UPLOAD_READY, /* to be sent when `at_ns` has come */
    LEAT_UPLOAD_SENDING,
};

struct leat_upload_part {
    enum leat_upload_part_state state;
    uint8_t *data; /* charged; NULL: no memory yet */
    uint64_t size, filled;
    unsigned number; /* from 1 */
    int64_t failed;  /* tries */
    uint64_t at_ns;
    struct leat_exchange *exchange; /* SENDING; or NULL */
    uint8_t digest[LEAT_SHA256_BYTES];
};

/* The operations of a service. Each returns 0, or fails the stage. */
struct leat_upload_ops {
    const struct leat_part_rule *rule;
    const char *digest;                  /* of each part: a name for leat_evp_new */
    const char *part_word, *part_option; /* for messages: "part", "--part-size" */
    /* wants - is a request needed before parts are sent, or the input ends? One is made at a time. */
    bool (*wants)(const void *arg);
    int (*begin_control)(void *arg, struct leat_exchange **ret);
    int (*end_control)(void *arg, struct leat_exchange *exchange); /* its verdict is not AGAIN */
    int (*begin_part)(void *arg, struct leat_upload_part *part);
    int (*end_part)(void *arg, struct leat_upload_part *part); /* the server has it */
    /* fail - record the failure of `what`, with the server's reason. Returns its code. */
    int (*fail)(void *arg, struct leat_exchange *exchange, const char *what);
};

struct leat_upload_options {
    const struct leat_upload_ops *ops;
    void *arg;
    const struct leat_tries *tries;
    const char *shown;  /* for messages */
    uint64_t size;      /* of the stream; LEAT_UPLOAD_NO_SIZE */
    uint64_t part_size; /* of the first parts */
    int64_t in_flight;
};

struct leat_upload {
    struct leat_stage *stage;
    struct leat_upload_options options;
    struct leat_evp *evp; /* of the part that is filled */
    uint64_t pos;         /* bytes of input that are in parts */
    struct leat_upload_part parts[LEAT_UPLOAD_IN_FLIGHT_MAX + 1], *filling;
    unsigned n_parts;
    unsigned number; /* of the next part to be sealed */
    uint64_t first, most;
    uint64_t lost;  /* tries that failed */
    bool is_sealed; /* there is a part besides the one that is filled */
    struct leat_exchange *control;
    int64_t control_failed;
    uint64_t control_at_ns;
};

/* leat_upload_open - in open. Returns 0, or fails the stage; then leat_upload_done is called, too. */
int leat_upload_open(struct leat_upload *upload, struct leat_stage *stage,
                     const struct leat_upload_options *options);
/* leat_upload_step - keep input, and move what can be moved. Returns LEAT_MORE; LEAT_WAIT; LEAT_END: the server has all that it
 * may have before the commit: all parts if is_sealed is set, else none; or fails the stage. */
int leat_upload_step(struct leat_upload *upload, struct leat_in *in);
/* leat_upload_watch - for `watch` and `alarm`: parts go on to be sent while no data comes. */
int leat_upload_watch(struct leat_upload *upload);
/* leat_upload_release - in commit: the server has all parts, and their memory is given back. */
void leat_upload_release(struct leat_upload *upload);
/* leat_upload_stop - in close: cut off the requests that run. leat_upload_done - and give everything back. */
void leat_upload_stop(struct leat_upload *upload);
void leat_upload_done(struct leat_upload *upload);

#endif
