/* lines.c - passes on the lines whose numbers are in some ranges.
 *
 * A range may count from the end of the stream. Then as many lines as the largest of these numbers are held
 * back (look_behind.h): lines that leave them are far enough from the end to be decided by their numbers alone. At the
 * end the number of all lines is known, and with it those of the ranges.
 */
#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "look_behind.h"
#include "scan.h"
#include "stage.h"

#define RANGES_MAX 1000u
#define NEVER UINT64_MAX

struct lines_params {
    const char *ranges;
    int zero;
};

/* The ends are numbers of lines from 1, or from the last line. A range without an end goes on to NEVER. */
struct range {
    uint64_t from, to;
    bool from_end, to_end; /* counted from the last line */
};

struct span {
    uint64_t from, to; /* numbers of lines; from <= to */
};

struct lines {
    struct range *ranges;
    struct span *spans; /* in order, without overlap: what the ranges mean now */
    size_t n_ranges, n_spans, at_span;
    uint64_t hold_max; /* lines to hold back */
    uint64_t line;     /* line ends before the first byte that is not output or dropped yet */
    bool is_known;     /* the input has ended, so the spans are final */
    struct leat_look_behind hold;
    uint64_t held_lines;       /* line ends in hold */
    size_t from_hold, from_in; /* bytes that are decided: in hold, and then in the input */
};

static uint8_t line_end(const struct lines_params *p)
{
    return p->zero ? '\0' : '\n';
}

static const char *text_of(const struct leat_stage *s)
{
    const struct lines_params *p = leat_params(s);

    return p->ranges ? p->ranges : leat_operands(s)->n > 0 ? leat_operands(s)->v[0] : NULL;
}

/* --- ranges ----------------------------------------------------------------------------------- */

/* Reads a number, with a minus if it counts from the end. Returns the text after it; NULL: it is wrong. */
static const char *read_number(const char *at, uint64_t *ret, bool *ret_end)
{
    uint64_t n = 0;

    *ret_end = *at == '-';
    at += *ret_end;
    if (*at < '0' || *at > '9')
        return NULL;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
            return NULL;
    *ret = n;
    return n > 0 && n < NEVER ? at : NULL;
}

/* The same for one range; the text after it is a comma or the end. */
static const char *read_range(const char *at, struct range *ret)
{
    struct range r = {.from = 1, .to = NEVER};
    const char *start = at;

    if (*at != ':')
        at = read_number(at, &r.from, &r.from_end);
    if (at && *at != ':') {
        r.to = r.from;
        r.to_end = r.from_end;
    } else if (at && at[1] && at[1] != ',') {
        at = read_number(at + 1, &r.to, &r.to_end);
    } else if (at) {
        at++;
    }
    if (!at || at == start || (*at && *at != ','))
        return NULL;
    if (r.from_end == r.to_end && r.to != NEVER && (r.to_end ? r.from < r.to : r.from > r.to))
        return NULL;
    if (r.to_end && r.to == 1) { /* the last line */
        r.to = NEVER;
        r.to_end = false;
    }
    *ret = r;
    return at;
}

/* Reads the ranges to `to`, or only counts them. Returns their number, or fails. */
static int read_ranges(struct leat_stage *s, struct range *to)
{
    const char *text = text_of(s), *at = text;
    struct range r;
    int n = 0;

    if (!text)
        return leat_fail(s, LEAT_EUSAGE, "needs ranges, such as 1:3,7,10:");
    do {
        at = read_range(n > 0 ? at + 1 : at, &r);
        if (!at)
            return leat_fail(
                s, LEAT_EUSAGE,
                "%s: range %d is not N, A:B, A: or :B with numbers from 1, or -1 for the "
                "last line, in order",
                text, n + 1);
        if (n == (int)RANGES_MAX)
            return leat_fail(s, LEAT_EUSAGE, "at most %u ranges can be given", RANGES_MAX);
        if (to)
            to[n] = r;
        n++;
    } while (*at);
    return n;
}

static void sort_spans(struct lines *l)
{
    size_t n = 0;

    for (size_t i = 1; i < l->n_spans; i++) { /* few, and mostly in order */
        struct span x = l->spans[i];
        size_t k = i;

        for (; k > 0 && l->spans[k - 1].from > x.from; k--)
            l->spans[k] = l->spans[k - 1];
        l->spans[k] = x;
    }
    for (size_t i = 0; i < l->n_spans; i++)
        if (n > 0 && l->spans[i].from <= l->spans[n - 1].to)
            l->spans[n - 1].to =
                l->spans[i].to > l->spans[n - 1].to ? l->spans[i].to : l->spans[n - 1].to;
        else
            l->spans[n++] = l->spans[i];
    l->n_spans = n;
    l->at_span = 0;
}

/* Makes the spans: for a stream of `total` lines, or for lines with more than hold_max lines after them (NEVER). */
static void make_spans(struct lines *l, uint64_t total)
{
    bool is_known = total != NEVER;

    l->n_spans = 0;
    for (size_t i = 0; i < l->n_ranges; i++) {
        const struct range *r = &l->ranges[i];
        struct span x = {r->from, r->to};

        if (r->from_end)
            x.from = !is_known ? NEVER : r->from > total ? 1 : total + 1 - r->from;
        if (r->to_end)
            x.to = !is_known ? NEVER : r->to > total ? 0 : total + 1 - r->to;
        if (x.from <= x.to && x.from != NEVER)
            l->spans[l->n_spans++] = x;
    }
    sort_spans(l);
}

static int lines_plan(struct leat_stage *s)
{
    const struct lines_params *p = leat_params(s);
    int r;

    if (p->ranges && leat_operands(s)->n > 0)
        return leat_fail(s, LEAT_EUSAGE, "give the ranges with -n or as an operand, not both");
    r = read_ranges(s, NULL);
    leat_plan_lines(s);
    return r < 0 ? r : 0;
}

static int lines_open(struct leat_stage *s)
{
    struct lines *l = leat_state(s);
    int n = read_ranges(s, NULL);

    if (n < 0)
        return n;
    l->n_ranges = (size_t)n;
    l->ranges = leat_alloc(s, l->n_ranges * sizeof *l->ranges);
    l->spans = l->ranges ? leat_alloc(s, l->n_ranges * sizeof *l->spans) : NULL;
    if (!l->spans)
        return LEAT_ENOMEM;
    read_ranges(s, l->ranges);
    for (size_t i = 0; i < l->n_ranges; i++) {
        const struct range *r = &l->ranges[i];

        if (r->from_end && r->from > l->hold_max)
            l->hold_max = r->from;
        if (r->to_end && r->to - 1 > l->hold_max)
            l->hold_max = r->to - 1;
    }
    make_spans(l, NEVER);
    return 0;
}

static void lines_close(struct leat_stage *s)
{
    struct lines *l = leat_state(s);

    leat_look_behind_done(s, &l->hold);
    leat_free(s, l->ranges);
    leat_free(s, l->spans);
    l->ranges = NULL;
    l->spans = NULL;
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* How many of n bytes at the current line are output, or are not. *ret_lines: the line ends in them. */
static size_t next_run(struct lines *l, const uint8_t *data, size_t n, uint8_t end,
                       bool *ret_selected, uint64_t *ret_lines)
{
    uint64_t line = l->line + 1, most = NEVER, left;
    size_t bytes;

    while (l->at_span < l->n_spans && l->spans[l->at_span].to < line)
        l->at_span++;
    *ret_selected = l->at_span < l->n_spans && l->spans[l->at_span].from <= line;
    if (*ret_selected && l->spans[l->at_span].to != NEVER)
        most = l->spans[l->at_span].to - line + 1;
    else if (!*ret_selected && l->at_span < l->n_spans)
        most = l->spans[l->at_span].from - line;
    if (most == NEVER && l->hold_max == 0) { /* no number matters any more */
        *ret_lines = 0;
        return n;
    }
    left = most;
    bytes = leat_scan_skip(data, n, end, &left);
    *ret_lines = most - left;
    return bytes;
}

/* Outputs or drops the decided bytes of the input, which may not all be in the piece that this step sees. Returns false if
 * there is no room. */
static bool use_input(struct lines *l, uint8_t end, struct leat_in *in, struct leat_out *out)
{
    while (l->from_in > 0 && in->pos < in->len) {
        const uint8_t *data = in->data + in->pos;
        size_t left = in->len - in->pos, n, done;
        uint64_t lines;
        bool selected;

        n = next_run(l, data, l->from_in < left ? l->from_in : left, end, &selected, &lines);
        done = n;
        if (selected)
            done = leat_pass(out, in, n);
        else
            in->pos += n;
        l->line += done == n ? lines : leat_scan_count(data, done, end);
        l->from_in -= done;
        if (done < n)
            return false;
    }
    return true;
}

/* The same for the bytes of hold. */
static bool use_hold(struct lines *l, uint8_t end, struct leat_out *out)
{
    while (l->from_hold > 0) {
        const uint8_t *data = leat_look_behind_bytes(&l->hold);
        uint64_t lines;
        bool selected;
        size_t n, done;

        n = done = next_run(l, data, l->from_hold, end, &selected, &lines);
        if (selected)
            done = leat_write(out, data, n);
        if (done < n)
            lines = leat_scan_count(data, done, end);
        leat_look_behind_drop(&l->hold, done);
        leat_assert(lines <= l->held_lines);
        l->line += lines;
        l->held_lines -= lines;
        l->from_hold -= done;
        if (done < n)
            return false;
    }
    return true;
}

/* Decides which bytes have more than hold_max lines after them; at the end, all. */
static void decide(struct lines *l, uint8_t end, const struct leat_in *in)
{
    const uint8_t *data = in->data + in->pos;
    size_t left = in->len - in->pos, held = leat_look_behind_len(&l->hold);
    uint64_t lines = l->held_lines + leat_scan_count(data, left, end), surplus;

    if (left > 0)
        lines += data[left - 1] != end;
    else if (held > 0)
        lines += leat_look_behind_bytes(&l->hold)[held - 1] != end;
    if (in->end) {
        l->is_known = true;
        make_spans(l, l->line + lines);
        l->from_hold = held;
        return;
    }
    if (left == 0 || lines <= l->hold_max)
        return;
    surplus = lines - l->hold_max;
    l->from_hold = held;
    if (l->held_lines > 0)
        l->from_hold = leat_scan_skip(leat_look_behind_bytes(&l->hold), held, end, &surplus);
    if (surplus > 0)
        l->from_in = leat_scan_skip(data, left, end, &surplus);
}

static int lines_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct lines *l = leat_state(s);
    const uint8_t end = line_end(leat_params(s));
    size_t left;
    int r;

    if (l->hold_max > 0 && !l->is_known && l->from_hold == 0 && l->from_in == 0)
        decide(l, end, in);
    if (l->hold_max == 0 || l->is_known)
        l->from_in = in->len - in->pos;
    if (!use_hold(l, end, out) || !use_input(l, end, in, out))
        return LEAT_MORE;
    left = in->len - in->pos;
    if (l->hold_max == 0 || l->is_known) {
        leat_assert(left == 0);
        if (l->at_span < l->n_spans && l->spans[l->at_span].to <= l->line)
            l->at_span++;
        return in->end || l->at_span == l->n_spans ? LEAT_END : LEAT_MORE;
    }
    if (left == 0 || l->from_in > 0)
        return LEAT_MORE;
    l->held_lines += leat_scan_count(in->data + in->pos, left, end);
    r = leat_look_behind_add(s, &l->hold, in->data + in->pos, left);
    if (r < 0)
        return r;
    in->pos = in->len;
    return LEAT_MORE;
}

#define AT(field) offsetof(struct lines_params, field)
static const struct leat_option lines_options[] = {
    {"lines", 'n', LEAT_OPT_STRING, AT(ranges), .metavar = "RANGES",
     .help = "the ranges; for one that begins with a minus"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_lines = {
    .name = "lines",
    .summary = "pass on the lines with some numbers",
    .operands = "RANGES",
    .operands_max = 1,
    .manual =
        "Outputs the lines whose numbers are in one of the ranges, in the order of the input and each once. A "
        "range is A:B, from line A to line B with both; A: from line A to the end; :B up to line B; or N, one line. "
        "Line 1 is the first one, -1 the last one, -2 the one before it. Ranges are separated by commas.\n\n"
        "After the last line that can be selected, lines ends, and the stages upstream are stopped. For numbers "
        "that count from the end, it keeps as many lines in memory, and it is an error if they do not fit in the "
        "memory limit; other lines may be of any length.",
    .examples = "lines 2:5\n"
                "lines 1,10:12,100:\n"
                "lines -n -3:\n"
                "lines 2:-2",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct lines_params),
    .state_size = sizeof(struct lines),
    .options = lines_options,
    .plan = lines_plan,
    .open = lines_open,
    .step = lines_step,
    .close = lines_close,
};
