/* tries.h - requests to a service that are made again when they failed in passing: how long to wait, and when to give up. */
#ifndef LEAT_NET_TRIES_H
#define LEAT_NET_TRIES_H

#include "client.h"

enum leat_verdict {
    LEAT_TRY_DONE,
    LEAT_TRY_AGAIN,  /* another try may help */
    LEAT_TRY_FAILED, /* the answer has the reason */
};

struct leat_tries {
    struct leat_client *client;
    uint64_t wait_ms; /* before the second try */
    int64_t retries;
    /* judge - the exchange has ended: what does it mean? */
    enum leat_verdict (*judge)(struct leat_exchange *exchange);
    /* begin - sign and begin a request of the service; *ret is set in any case. Returns 0, or fails the stage. */
    int (*begin)(void *service, const void *request, struct leat_exchange **ret);
    void *service;
};

/* leat_tries_ms - the wait before another try, when `failed` of them have failed: what the server asks for (Retry-After), or
 * leat_http_backoff_ms. Negative: give up. */
int64_t leat_tries_ms(const struct leat_tries *tries, struct leat_exchange *exchange,
                      int64_t failed);
/* leat_tries_perform - a whole request with all its tries; waits until the end. `tries_most`: 0: by the options. *ret is set
 * in any case; free it. Returns 0: LEAT_TRY_DONE; 1: LEAT_TRY_FAILED, or given up; or fails the stage. */
int leat_tries_perform(const struct leat_tries *tries, const void *request, int64_t tries_most,
                       struct leat_exchange **ret);

/* A sequence of requests in a commit, which is called again from its start while one of them waits: a request that has ended is
 * not made again, and gives the same result. So what comes between two requests must depend on results only. */
#define LEAT_SEQUENCE_MAX 6u

struct leat_sequence {
    struct leat_exchange *exchanges[LEAT_SEQUENCE_MAX]; /* the last one may run */
    int results[LEAT_SEQUENCE_MAX];                     /* of those that have ended */
    unsigned ended, at;
    int64_t failed; /* tries of the one that has not ended */
    uint64_t at_ns; /* when its next try begins */
};

/* leat_sequence_again - at the start of each call. leat_sequence_free - cut off the request that runs. */
void leat_sequence_again(struct leat_sequence *sequence);
void leat_sequence_free(struct leat_sequence *sequence);
/* leat_sequence_perform - the next request, with all its tries; its body is borrowed until leat_sequence_free. Returns 0 and 1 as
 * leat_tries_perform, and *ret, which stays the sequence's; LEAT_WAIT: it goes on; or fails the stage. */
int leat_sequence_perform(struct leat_sequence *sequence, struct leat_stage *stage,
                          const struct leat_tries *tries, const void *request,
                          struct leat_exchange **ret);
/* leat_sequence_waits - was a request begun that has not ended? */
bool leat_sequence_waits(const struct leat_sequence *sequence);

#endif
