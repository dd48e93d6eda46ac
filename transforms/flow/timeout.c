/* timeout.c - fails the pipeline if the stream does not end, or does not move, in time.
 *
 * The stream is passed on by reference. The stage reads the clock when bytes pass and when the
 * alarm fires; the alarm is set for the earliest time at which the stage could fail.
 */

#include <inttypes.h>
#include <stddef.h>

#include "stage.h"

extern const struct leat_stage_type leat_stage_timeout;

#define NS_PER_MS 1000000u

struct timeout_params {
    uint64_t idle_ms; /* 0: not given */
};

struct timeout {
    uint64_t total_ms; /* 0: not given */
    uint64_t start_ms, last_ms;
    uint64_t bytes; /* passed so far */
};

static int read_total(struct leat_stage *s, uint64_t *ret_ms)
{
    const struct leat_strings *words = leat_operands(s);

    *ret_ms = 0;
    if (words->n == 0)
        return 0;
    if (leat_parse_duration(words->v[0], ret_ms) < 0 || *ret_ms == 0)
        return leat_fail(s, LEAT_EUSAGE, "'%s' is not a duration, for example 30s, 5m or 1.5h",
                         words->v[0]);
    return 0;
}

static int timeout_plan(struct leat_stage *s)
{
    const struct timeout_params *p = leat_params(s);
    uint64_t total;
    int r = read_total(s, &total);

    if (r == 0 && total == 0 && p->idle_ms == 0)
        r = leat_fail(s, LEAT_EUSAGE, "needs a duration, or --idle, or both");
    return r;
}

/* Returns LEAT_MORE, or fails when the time is over. */
static int timeout_alarm(struct leat_stage *s)
{
    const struct timeout_params *p = leat_params(s);
    struct timeout *t = leat_state(s);
    uint64_t now = leat_clock_ns(s) / NS_PER_MS, next = UINT64_MAX;
    uint64_t idle = now - t->last_ms, total = now - t->start_ms;

    if (t->total_ms > 0 && total >= t->total_ms)
        return leat_fail(s, LEAT_ETIMEDOUT,
                         "the stream has not ended in %" PRIu64 " ms; %" PRIu64
                         " bytes have passed",
                         t->total_ms, t->bytes);
    if (p->idle_ms > 0 && idle >= p->idle_ms)
        return leat_fail(s, LEAT_ETIMEDOUT,
                         "nothing has passed for %" PRIu64 " ms (--idle), after %" PRIu64 " bytes",
                         p->idle_ms, t->bytes);
    if (t->total_ms > 0)
        next = t->total_ms - total;
    if (p->idle_ms > 0 && p->idle_ms - idle < next)
        next = p->idle_ms - idle;
    leat_alarm_ms(s, next);
    return LEAT_MORE;
}

static int timeout_open(struct leat_stage *s)
{
    struct timeout *t = leat_state(s);
    int r = read_total(s, &t->total_ms);

    t->start_ms = t->last_ms = leat_clock_ns(s) / NS_PER_MS;
    return r < 0 ? r : timeout_alarm(s);
}

static int timeout_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct timeout *t = leat_state(s);
    size_t n = leat_pass(out, in, in->len - in->pos);

    t->bytes += n;
    if (n > 0)
        t->last_ms = leat_clock_ns(s) / NS_PER_MS;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_option timeout_options[] = {
    {"idle", 0, LEAT_OPT_DURATION, offsetof(struct timeout_params, idle_ms), .metavar = "DURATION",
     .help = "fail when nothing has passed for DURATION"},
    {0},
};

const struct leat_stage_type leat_stage_timeout = {
    .name = "timeout",
    .summary = "fail if the stream does not end, or does not move, in time",
    .operands = "[DURATION]",
    .operands_max = 1,
    .manual =
        "The stream passes unchanged. If it has not ended after the duration, or with --idle if "
        "nothing has passed for that long, the pipeline fails with exit status 124 and no output "
        "appears. It makes no difference which stages are too slow, those before this stage or "
        "those after it. A command after it that has read the whole stream and does not end is "
        "not covered; for that use leat --timeout.\n\n"
        "A duration is for example 500ms, 30s, 5m or 1h; without a unit, seconds. To end the "
        "stream without an error, see limit --time.",
    .examples = "read words.txt : timeout 1h --idle=1m : null",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_PASS_THROUGH,
    .params_size = sizeof(struct timeout_params),
    .state_size = sizeof(struct timeout),
    .options = timeout_options,
    .plan = timeout_plan,
    .open = timeout_open,
    .step = timeout_step,
    .alarm = timeout_alarm,
};
