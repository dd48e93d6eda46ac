/* breaker.h - a circuit breaker: after a number of failures in a row, a target is left alone for a time.
 *
 * It has no clock: the time is an argument. One thread uses it.
 */
#ifndef LEAT_CMD_RUN_BREAKER_H
#define LEAT_CMD_RUN_BREAKER_H

#include <stdint.h>

#define BREAKER_OPEN_MS_DEFAULT 30000u
#define BREAKER_FAILURES_MAX 1000000u

struct breaker_rule {
    uint64_t failures; /* in a row that open it; 0: there is no breaker */
    uint64_t open_ms;  /* how long it stays open before one trial, 1 or more */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

/* Zeroed at first. Its state changes at the next call, not by itself. */
struct breaker {
    enum breaker_state state;
    uint64_t failures; /* in a row, while it is closed */
    uint64_t until_ms; /* open: the trial; half-open: another trial */
    uint64_t period;   /* counts changes of state; a pass of an earlier period has no effect */
};

enum breaker_result {
    BREAKER_OTHER, /* of no meaning for the target, such as bad data or a client that left */
    BREAKER_SUCCESS,
    BREAKER_FAILURE,
};

/* breaker_parse - read "N" or "N/TIME". Returns 0 or LEAT_EUSAGE. */
int breaker_parse(const char *text, struct breaker_rule *ret);
/* breaker_allow - may a job go to the target? Returns 0, and then *ret_pass is set, for one call of breaker_end; else the
 * milliseconds until the next trial.
 *
 * When an open breaker's time has passed, one job is the trial; others are refused until it has ended, or until the time
 * has passed once more. */
uint64_t breaker_allow(struct breaker *breaker, const struct breaker_rule *rule, uint64_t now_ms,
                       uint64_t *ret_pass);
/* breaker_end - a job with this pass has ended. Jobs that began before the last change of state do not count. */
void breaker_end(struct breaker *breaker, const struct breaker_rule *rule, uint64_t now_ms,
                 uint64_t pass, enum breaker_result result);

#endif
