/* tries.c - requests to a service that are made again when they failed in passing. */

#include "tries.h"

#if HAVE_CURL

#include "base/invariant.h"
#include "http.h"

#define RETRY_AFTER_MS_MAX ((uint64_t)120000) /* that a server may ask for */

int64_t leat_tries_ms(const struct leat_tries *t, struct leat_exchange *x, int64_t failed)
{
    uint64_t asked = LEAT_HTTP_UNKNOWN;

    leat_assert(failed >= 1);
    if (failed > t->retries)
        return -1;
    if (leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED)
        asked = leat_http_retry_ms(leat_exchange_header(x, "Retry-After"));
    if (asked != LEAT_HTTP_UNKNOWN)
        return (int64_t)(asked < RETRY_AFTER_MS_MAX ? asked : RETRY_AFTER_MS_MAX);
    return (int64_t)leat_http_backoff_ms(t->wait_ms, failed - 1);
}

/* Drive the client for so long; other exchanges go on, too. */
static int rest(const struct leat_tries *t, int64_t ms)
{
    uint64_t end = leat_http_now_ns() + (uint64_t)ms * 1000000, now;
    int r = 0;

    while (r >= 0 && (now = leat_http_now_ns()) < end)
        r = leat_client_drive(t->client, (int)((end - now) / 1000000) + 1);
    return r < 0 ? r : 0;
}

int leat_tries_perform(const struct leat_tries *t, const void *request, int64_t tries_most,
                       struct leat_exchange **ret)
{
    enum leat_verdict verdict = LEAT_TRY_AGAIN;
    int64_t ms = 0, failed = 0;
    int r = 0;

    *ret = NULL;
    while (r >= 0 && verdict == LEAT_TRY_AGAIN && ms >= 0) {
        leat_exchange_free(*ret);
        *ret = NULL;
        r = rest(t, ms);
        if (r == 0)
            r = t->begin(t->service, request, ret);
        while (r >= 0 && leat_exchange_state(*ret) == LEAT_EXCHANGE_RUNS)
            r = leat_client_drive(t->client, 60000);
        if (r < 0)
            break;
        verdict = t->judge(*ret);
        if (verdict == LEAT_TRY_AGAIN)
            ms = ++failed == tries_most ? -1 : leat_tries_ms(t, *ret, failed);
    }
    return r < 0 ? r : verdict != LEAT_TRY_DONE;
}

/* --- a sequence ------------------------------------------------------------------------------- */

void leat_sequence_again(struct leat_sequence *q)
{
    q->at = 0;
}

void leat_sequence_free(struct leat_sequence *q)
{
    for (unsigned i = 0; i < LEAT_SEQUENCE_MAX; i++) {
        leat_exchange_free(q->exchanges[i]);
        q->exchanges[i] = NULL;
    }
}

bool leat_sequence_waits(const struct leat_sequence *q)
{
    return q->ended < LEAT_SEQUENCE_MAX && (q->exchanges[q->ended] || q->failed > 0);
}

/* A try has ended. Returns LEAT_WAIT: there is another one. */
static int end_try(struct leat_sequence *q, const struct leat_tries *t)
{
    struct leat_exchange *x = q->exchanges[q->ended];
    enum leat_verdict verdict = t->judge(x);
    int64_t ms = verdict == LEAT_TRY_AGAIN ? leat_tries_ms(t, x, ++q->failed) : -1;

    if (ms >= 0) {
        leat_exchange_free(x);
        q->exchanges[q->ended] = NULL;
        q->at_ns = leat_http_now_ns() + (uint64_t)ms * 1000000;
        return LEAT_WAIT;
    }
    q->failed = 0;
    q->at_ns = 0;
    q->results[q->ended] = verdict != LEAT_TRY_DONE;
    return q->results[q->ended++];
}

static bool has_ended(const struct leat_exchange *x)
{
    return x && leat_exchange_state(x) != LEAT_EXCHANGE_RUNS;
}

/* Move what can be moved without a wait. Returns as leat_sequence_perform. */
static int move(struct leat_sequence *q, const struct leat_tries *t, const void *request)
{
    struct leat_exchange **x = &q->exchanges[q->ended];
    int r = leat_client_drive(t->client, 0);

    if (r >= 0 && has_ended(*x)) {
        r = end_try(q, t);
        if (r != LEAT_WAIT)
            return r;
    }
    if (r >= 0 && !*x && leat_http_now_ns() >= q->at_ns) {
        r = t->begin(t->service, request, x);
        if (r == 0)
            r = leat_client_drive(t->client, 0);
    }
    return r < 0 ? r : has_ended(*x) ? end_try(q, t) : LEAT_WAIT;
}

static int wait_for_it(const struct leat_sequence *q, struct leat_stage *s,
                       const struct leat_tries *t)
{
    uint64_t now = leat_http_now_ns();

    leat_wait_fd(s, leat_client_fd(t->client), false);
    if (!q->exchanges[q->ended])
        leat_wait_ms(s, q->at_ns > now ? (q->at_ns - now) / 1000000 + 1 : 1);
    return LEAT_WAIT;
}

int leat_sequence_perform(struct leat_sequence *q, struct leat_stage *s, const struct leat_tries *t,
                          const void *request, struct leat_exchange **ret)
{
    unsigned i = q->at++;
    int r;

    leat_assert(i <= q->ended && i < LEAT_SEQUENCE_MAX);
    r = i < q->ended ? q->results[i] : move(q, t, request);
    *ret = q->exchanges[i];
    leat_assert(r < 0 || r == LEAT_WAIT || *ret);
    return r == LEAT_WAIT ? wait_for_it(q, s, t) : r;
}

#endif
