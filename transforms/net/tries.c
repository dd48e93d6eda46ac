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

#endif
