/* limit.c - limits the rate of a stream, or ends it after a number of bytes or lines.
 *
 * The stream is passed on by reference. A token bucket says how many bytes may go now; then the
 * stage waits, and backpressure stops the stages upstream. The stream ends when enough bytes or
 * lines have passed, as in head.
 */

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "bucket.h"
#include "lines.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_limit;

#define NO_LIMIT INT64_MAX
#define RATE_TEXT_MAX 64u
#define BURSTS_A_SECOND 10u /* default of --burst: rate / BURSTS_A_SECOND */
#define WAIT_PART 4u        /* wait until burst / WAIT_PART may go at once */

struct limit_params {
    const char *rate;
    uint64_t burst, bytes, time_ms;
    int64_t lines;
    int zero;
};

struct limit {
    struct leat_bucket bucket; /* rate 0: no limit */
    struct leat_lines lines;
    uint64_t bytes; /* passed so far */
};

/* Parses "10M/s" or "10M", in bytes per second. */
static int parse_rate(struct leat_stage *s, const char *text, uint64_t *ret_rate)
{
    char size[RATE_TEXT_MAX];
    size_t n = strlen(text);

    if (n > 2 && strcmp(text + n - 2, "/s") == 0)
        n -= 2;
    if (n < sizeof size) {
        memcpy(size, text, n);
        size[n] = '\0';
        if (leat_parse_size(size, ret_rate) == 0 && *ret_rate > 0)
            return 0;
    }
    return leat_fail(s, LEAT_EUSAGE, "--rate: '%s' is not a rate, for example 10M/s or 500KB/s",
                     text);
}

static int limit_plan(struct leat_stage *s)
{
    const struct limit_params *p = leat_params(s);
    uint64_t rate;

    if (p->rate)
        return parse_rate(s, p->rate, &rate);
    if (p->burst > 0)
        return leat_fail(s, LEAT_EUSAGE, "--burst needs --rate");
    return 0;
}

static int limit_open(struct leat_stage *s)
{
    const struct limit_params *p = leat_params(s);
    struct limit *l = leat_state(s);
    struct leat_bucket *b = &l->bucket;
    int r;

    if (p->time_ms > 0)
        leat_alarm_ms(s, p->time_ms);
    if (!p->rate)
        return 0;
    r = parse_rate(s, p->rate, &b->rate);
    if (r < 0)
        return r;
    b->burst = p->burst > 0 ? p->burst : b->rate / BURSTS_A_SECOND;
    if (b->burst == 0)
        b->burst = 1;
    if (b->burst > LEAT_BUCKET_BURST_MAX)
        b->burst = LEAT_BUCKET_BURST_MAX;
    return 0;
}

static int limit_alarm(struct leat_stage *s)
{
    (void)s;
    return LEAT_END;
}

/* Passes at most n bytes of the input, fewer if --bytes or --lines is reached. Returns how many. */
static size_t pass_counted(struct leat_stage *s, size_t n, struct leat_in *in, struct leat_out *out)
{
    const struct limit_params *p = leat_params(s);
    struct limit *l = leat_state(s);
    const uint8_t *data = in->data + in->pos;
    struct leat_lines before = l->lines;
    size_t passed;

    if (p->lines == NO_LIMIT) {
        passed = leat_pass(out, in, n);
    } else {
        uint8_t end = p->zero ? '\0' : '\n';

        n = leat_lines_within(&l->lines, data, n, (uint64_t)p->lines, end);
        passed = leat_pass(out, in, n);
        if (passed < n) { /* the rest is counted when it passes */
            l->lines = before;
            (void)leat_lines_within(&l->lines, data, passed, (uint64_t)p->lines, end);
        }
    }
    l->bytes += passed;
    return passed;
}

static bool complete(const struct limit_params *p, const struct limit *l)
{
    return l->bytes == p->bytes || leat_lines_complete(&l->lines, (uint64_t)p->lines);
}

/* Waits until burst / WAIT_PART bytes, or all `left` bytes, may go. */
static int wait_for_room(struct leat_stage *s, size_t left)
{
    struct limit *l = leat_state(s);
    uint64_t part = l->bucket.burst / WAIT_PART;

    if (part > left)
        part = left;
    leat_wait_ms(s, leat_bucket_wait_ms(&l->bucket, part > 0 ? part : 1));
    return LEAT_WAIT;
}

static int limit_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct limit_params *p = leat_params(s);
    struct limit *l = leat_state(s);
    size_t n = in->len - in->pos;
    bool by_rate = false;
    size_t passed;

    if (complete(p, l))
        return LEAT_END;
    if (n > p->bytes - l->bytes)
        n = (size_t)(p->bytes - l->bytes);
    if (l->bucket.rate > 0 && n > 0) {
        uint64_t room = leat_bucket_room(&l->bucket, leat_clock_ns(s));

        by_rate = n > room;
        n = by_rate ? (size_t)room : n;
    }
    passed = n > 0 ? pass_counted(s, n, in, out) : 0;
    if (l->bucket.rate > 0)
        leat_bucket_take(&l->bucket, passed);
    if (complete(p, l) || (in->end && in->pos == in->len))
        return LEAT_END;
    return by_rate && passed == n ? wait_for_room(s, in->len - in->pos) : LEAT_MORE;
}

#define AT(field) offsetof(struct limit_params, field)
static const struct leat_option limit_options[] = {
    {"rate", 0, LEAT_OPT_STRING, AT(rate), .metavar = "RATE",
     .help = "the rate in bytes per second, for example 10M/s"},
    {"burst", 0, LEAT_OPT_SIZE, AT(burst), .metavar = "SIZE", .min = 1,
     .max = LEAT_BUCKET_BURST_MAX,
     .help = "the most bytes that go at once after a pause (a tenth of a second's if not given)"},
    {"bytes", 'c', LEAT_OPT_SIZE, AT(bytes), .metavar = "SIZE", .initial = NO_LIMIT,
     .help = "end after SIZE bytes"},
    {"lines", 'n', LEAT_OPT_INT, AT(lines), .metavar = "N", .max = NO_LIMIT, .initial = NO_LIMIT,
     .help = "end after N lines"},
    {"time", 0, LEAT_OPT_DURATION, AT(time_ms), .metavar = "DURATION",
     .help = "end after DURATION, anywhere in the stream"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_limit = {
    .name = "limit",
    .summary = "limit the rate of a stream, or end it early",
    .manual =
        "With --rate, at most that many bytes per second pass; the stages before wait. After a "
        "pause the stream may catch up by one burst and no more, so the rate holds over any time "
        "that is longer than a burst.\n\n"
        "With --bytes or --lines the stream ends after that many, and with --time after that "
        "time. This is a success, as with head. To make it an error, see require and timeout.",
    .examples = "read words.txt : limit --rate=10M/s : null\n"
                "zero : limit --bytes=1M : count -c",
    .kind = LEAT_TRANSFORM,
    .params_size = sizeof(struct limit_params),
    .state_size = sizeof(struct limit),
    .options = limit_options,
    .plan = limit_plan,
    .open = limit_open,
    .step = limit_step,
    .alarm = limit_alarm,
};
