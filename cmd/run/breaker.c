/* breaker.c - a circuit breaker: closed, open, half-open. */

#include "breaker.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

int breaker_parse(const char *text, struct breaker_rule *ret)
{
    size_t n = strspn(text, "0123456789");
    struct breaker_rule rule = {.failures = strtoull(text, NULL, 10),
                                .open_ms = BREAKER_OPEN_MS_DEFAULT};

    if (n == 0 || n > 7 || rule.failures == 0 || rule.failures > BREAKER_FAILURES_MAX)
        return LEAT_EUSAGE;
    if (text[n] == '/' &&
        (leat_parse_duration(text + n + 1, &rule.open_ms) < 0 || rule.open_ms == 0))
        return LEAT_EUSAGE;
    if (text[n] != '\0' && text[n] != '/')
        return LEAT_EUSAGE;
    *ret = rule;
    return 0;
}

static void enter(struct breaker *b, enum breaker_state state, uint64_t until_ms)
{
    b->state = state;
    b->until_ms = until_ms;
    b->failures = 0;
    b->period++;
}

uint64_t breaker_allow(struct breaker *b, const struct breaker_rule *rule, uint64_t now_ms,
                       uint64_t *ret_pass)
{
    if (rule->failures > 0 && b->state != BREAKER_CLOSED) {
        if (now_ms < b->until_ms)
            return b->until_ms - now_ms;
        enter(b, BREAKER_HALF_OPEN, now_ms + rule->open_ms); /* this job is the trial */
    }
    *ret_pass = b->period;
    return 0;
}

void breaker_end(struct breaker *b, const struct breaker_rule *rule, uint64_t now_ms, uint64_t pass,
                 enum breaker_result result)
{
    bool is_trial = b->state == BREAKER_HALF_OPEN;

    if (rule->failures == 0 || pass != b->period)
        return;
    if (is_trial && result == BREAKER_OTHER) {
        enter(b, BREAKER_OPEN, now_ms); /* the next job is a trial */
    } else if (result == BREAKER_SUCCESS) {
        if (is_trial)
            enter(b, BREAKER_CLOSED, 0);
        b->failures = 0;
    } else if (result == BREAKER_FAILURE && (is_trial || ++b->failures >= rule->failures)) {
        enter(b, BREAKER_OPEN, now_ms + rule->open_ms);
    }
}
