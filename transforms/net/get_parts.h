/* get_parts.h - large content from several connections at once, in order. */
#ifndef LEAT_NET_GET_PARTS_H
#define LEAT_NET_GET_PARTS_H

#include "http.h"

#define LEAT_GET_PARTS_MAX 8 /* connections; LEAT_WAIT_FDS_MAX allows two descriptors for each */

struct leat_get_parts;

struct leat_get_parts_options {
    const struct leat_http_options *http;
    struct leat_http *first; /* a connection that is there already, borrowed */
    unsigned n;              /* connections, 2 to LEAT_GET_PARTS_MAX */
    int64_t retries;         /* of one part, without progress: leat_http_is_progress */
    uint64_t wait_ms;        /* before the first of them */
    uint64_t deadline_ns;    /* monotonic; 0: none */
    /* The next bytes of the content, in order, before they are output. Returns 0 or an error. */
    int (*take)(void *arg, const uint8_t *data, size_t n);
    void *arg;
};

/* leat_get_parts_new - in open: the other connections, and a buffer for each. NULL: recorded as the stage's failure. */
struct leat_get_parts *leat_get_parts_new(struct leat_stage *stage,
                                          const struct leat_get_parts_options *options);
/* leat_get_parts_size - bytes of a part: the first request of the first connection asks for so many. */
uint64_t leat_get_parts_size(const struct leat_get_parts *parts);
/* leat_get_parts_begin - that request has this answer, whose validator is strong and whose total is known: from now on its body
 * goes to leat_get_parts_body, and the first connection belongs to leat_get_parts_step. */
void leat_get_parts_begin(struct leat_get_parts *parts, const struct leat_http_answer *answer);
int leat_get_parts_body(struct leat_get_parts *parts, const uint8_t *data, size_t n);
/* leat_get_parts_first_ended - it has ended already, with this result of leat_http_advance. Returns 0, or fails the stage. */
int leat_get_parts_first_ended(struct leat_get_parts *parts, int result);
/* leat_get_parts_step - go on. Returns LEAT_MORE, LEAT_WAIT, LEAT_END, or fails the stage. */
int leat_get_parts_step(struct leat_get_parts *parts, struct leat_out *out);
/* leat_get_parts_given - bytes that were output. leat_get_parts_lost - requests that failed and were made again. */
uint64_t leat_get_parts_given(const struct leat_get_parts *parts);
uint64_t leat_get_parts_lost(const struct leat_get_parts *parts);
/* leat_get_parts_free - in close, before the first connection is freed; NULL is fine. */
void leat_get_parts_free(struct leat_stage *stage, struct leat_get_parts *parts);

#endif
