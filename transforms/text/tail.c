/* tail.c - outputs the last lines or bytes, or everything from a given one on.
 *
 * The last part is held (look_behind.h) and output at the end. For lines, the stage looks for one
 * more line end than requested, because it is not yet known whether data follows the last one.
 */

#include <stddef.h>

#include "look_behind.h"
#include "scan.h"
#include "stage.h"

struct tail_params {
    struct leat_count lines, bytes;
    int zero;
};

struct tail {
    bool begun, is_bytes, from_there;
    uint8_t end;    /* the line end */
    uint64_t count; /* last ones: how many; from a given one on: how many still to skip */
    struct leat_look_behind hold;
    uint64_t held_lines; /* line ends in hold */
    bool ended;          /* the input has ended; the held part is being output */
};

static struct leat_count count_of(const struct tail_params *p)
{
    struct leat_count count = {.number = 10};

    return p->bytes.given ? p->bytes : p->lines.given ? p->lines : count;
}

static uint8_t line_end(const struct tail_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int tail_plan(struct leat_stage *s)
{
    const struct tail_params *p = leat_params(s);
    struct leat_count count;

    if (p->lines.given && p->bytes.given)
        return leat_fail(s, LEAT_EUSAGE, "only one of -n and -c can be given");
    if (!p->bytes.given)
        leat_plan_lines(s);
    count = count_of(p);
    if (count.sign != '+')
        leat_plan_last(s, p->bytes.given, count.number, line_end(p));
    return 0;
}

static void begin(struct leat_stage *s)
{
    const struct tail_params *p = leat_params(s);
    struct tail *t = leat_state(s);
    struct leat_count count = count_of(p);

    t->is_bytes = p->bytes.given;
    t->from_there = count.sign == '+';
    t->count = count.number;
    if (t->from_there && t->count > 0)
        t->count--;
    t->end = line_end(p);
    t->begun = true;
}

static int step_from_there(struct tail *t, struct leat_in *in, struct leat_out *out)
{
    size_t left = in->len - in->pos, skip = 0;

    if (t->count > 0 && t->is_bytes) {
        skip = t->count < left ? (size_t)t->count : left;
        t->count -= skip;
    } else if (t->count > 0) {
        skip = leat_scan_skip(in->data + in->pos, left, t->end, &t->count);
    }
    in->pos += skip;
    if (in->pos < in->len)
        leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

/* How many bytes at the front of the input cannot be among the last ones. Drops those in hold. */
static size_t drop_bytes(struct tail *t, size_t left)
{
    size_t held = leat_look_behind_len(&t->hold);

    if (t->count < left) {
        leat_look_behind_drop(&t->hold, held);
        return left - (size_t)t->count;
    }
    if (held + left > t->count)
        leat_look_behind_drop(&t->hold, held + left - (size_t)t->count);
    return 0;
}

static size_t drop_lines(struct tail *t, const uint8_t *data, size_t left)
{
    uint64_t lines = leat_scan_count(data, left, t->end), keep = t->count, surplus;
    size_t held = leat_look_behind_len(&t->hold);

    if (lines > keep) {
        leat_look_behind_drop(&t->hold, held);
        t->held_lines = keep;
        surplus = keep + 1;
        return leat_scan_skip_back(data, left, t->end, &surplus);
    }
    t->held_lines += lines;
    if (t->held_lines > keep) {
        surplus = t->held_lines - keep;
        t->held_lines = keep;
        leat_look_behind_drop(
            &t->hold, leat_scan_skip(leat_look_behind_bytes(&t->hold), held, t->end, &surplus));
    }
    return 0;
}

static int absorb(struct leat_stage *s, struct leat_in *in)
{
    struct tail *t = leat_state(s);
    const uint8_t *data = in->data + in->pos;
    size_t left = in->len - in->pos, skip;
    int r;

    if (left == 0)
        return 0;
    skip = t->is_bytes ? drop_bytes(t, left) : drop_lines(t, data, left);
    r = leat_look_behind_add(s, &t->hold, data + skip, left - skip);
    if (r < 0)
        return r;
    in->pos = in->len;
    return 0;
}

/* A last line without its line end is a line too: then there is one line too many. */
static void finish(struct tail *t)
{
    const uint8_t *held = leat_look_behind_bytes(&t->hold);
    size_t len = leat_look_behind_len(&t->hold);
    uint64_t one = 1;

    t->ended = true;
    if (t->is_bytes || len == 0 || held[len - 1] == t->end)
        return;
    if (t->count == 0)
        leat_look_behind_drop(&t->hold, len);
    else if (t->held_lines == t->count)
        leat_look_behind_drop(&t->hold, leat_scan_skip(held, len, t->end, &one));
}

static int tail_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct tail *t = leat_state(s);
    int r;

    if (!t->begun)
        begin(s);
    if (t->from_there)
        return step_from_there(t, in, out);
    if (!t->ended) {
        r = absorb(s, in);
        if (r < 0)
            return r;
        if (!in->end)
            return LEAT_MORE;
        finish(t);
    }
    leat_look_behind_drop(&t->hold, leat_write(out, leat_look_behind_bytes(&t->hold),
                                               leat_look_behind_len(&t->hold)));
    return leat_look_behind_len(&t->hold) > 0 ? LEAT_MORE : LEAT_END;
}

static void tail_close(struct leat_stage *s)
{
    struct tail *t = leat_state(s);

    leat_look_behind_done(s, &t->hold);
}

#define AT(field) offsetof(struct tail_params, field)
static const struct leat_option tail_options[] = {
    {"lines", 'n', LEAT_OPT_COUNT, AT(lines), .metavar = "[+]N",
     .help = "the last N lines (10 if not given); +N: all from line N on"},
    {"bytes", 'c', LEAT_OPT_COUNT, AT(bytes), .metavar = "[+]N",
     .help = "the last N bytes; +N: all from byte N on"},
    {NULL, LEAT_DIGITS, LEAT_OPT_COUNT, AT(lines), .metavar = "N", .help = "the same as -n N"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_tail = {
    .name = "tail",
    .summary = "pass on the last lines or bytes",
    .manual =
        "Outputs the last 10 lines, or as many lines or bytes as the options say, when the input "
        "has ended. tail keeps in memory only data that may be part of the output; it is an "
        "error if that does not fit in the memory limit. Of the files of a read just before it only the "
        "end is read. N may have a suffix: K, M, G are powers "
        "of 1024, kB, MB, GB of 1000, b is 512.\n\n"
        "With a plus before N, outputs everything from the N-th line or byte on, at once and "
        "without a copy. The first line or byte has number 1.",
    .examples = "tail -n 3\n"
                "tail -n +2\n"
                "tail -c 100",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct tail_params),
    .state_size = sizeof(struct tail),
    .options = tail_options,
    .plan = tail_plan,
    .step = tail_step,
    .close = tail_close,
};
