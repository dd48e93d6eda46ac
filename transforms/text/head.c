/* head.c - outputs the first lines or bytes, or all but the last ones.
 *
 * The first part of a stream is passed on by reference, and the stage ends at once when it is
 * complete. For "all but the last", bytes that may still be among the last are held back
 * (look_behind.h). Bytes that cannot be are passed on: first held ones, then the front of the new
 * input.
 */

#include <stddef.h>

#include "look_behind.h"
#include "scan.h"
#include "stage.h"

struct head_params {
    struct leat_count lines, bytes;
    int zero;
};

struct head {
    bool begun, is_bytes, all_but;
    uint8_t end;    /* the line end */
    uint64_t count; /* first ones: still to pass; all but the last: to hold back */
    size_t to_pass; /* first ones: bytes from the cursor on to pass */

    struct leat_look_behind hold;
    uint64_t held_lines;       /* line ends in hold */
    size_t from_hold, from_in; /* bytes to output: from hold, and then from the input */
};

static bool wants_none(const struct leat_count *count)
{
    return count->given && count->sign != '-' && count->number == 0;
}

static int head_plan(struct leat_stage *s)
{
    const struct head_params *p = leat_params(s);

    if (p->lines.given && p->bytes.given)
        return leat_fail(s, LEAT_EUSAGE, "only one of -n and -c can be given");
    if (!p->bytes.given)
        leat_plan_lines(s);
    if (wants_none(&p->bytes) || wants_none(&p->lines))
        leat_plan_first(s);
    return 0;
}

static void begin(struct leat_stage *s)
{
    const struct head_params *p = leat_params(s);
    struct head *h = leat_state(s);
    struct leat_count count = {.number = 10};

    if (p->lines.given)
        count = p->lines;
    h->is_bytes = p->bytes.given;
    if (h->is_bytes)
        count = p->bytes;
    h->all_but = count.sign == '-';
    h->count = count.number;
    h->end = p->zero ? '\0' : '\n';
    h->begun = true;
}

/* --- the first ones --------------------------------------------------------------------------- */

static int step_first(struct head *h, struct leat_in *in, struct leat_out *out)
{
    size_t left = in->len - in->pos;

    if (h->to_pass == 0 && h->count > 0 && left > 0) {
        if (h->is_bytes) {
            h->to_pass = h->count < left ? (size_t)h->count : left;
            h->count -= h->to_pass;
        } else {
            h->to_pass = leat_scan_skip(in->data + in->pos, left, h->end, &h->count);
        }
    }
    if (left > h->to_pass)
        left = h->to_pass;
    h->to_pass -= leat_pass(out, in, left);
    if (h->to_pass > 0)
        return LEAT_MORE;
    if (h->count == 0 || (in->end && in->pos == in->len))
        return LEAT_END;
    return LEAT_MORE;
}

/* --- all but the last ------------------------------------------------------------------------- */

static void decide_bytes(struct head *h, size_t left)
{
    size_t held = leat_look_behind_len(&h->hold), surplus;

    if (h->count >= held + left)
        return;
    surplus = held + left - (size_t)h->count;
    h->from_hold = surplus < held ? surplus : held;
    h->from_in = surplus - h->from_hold;
}

/* A last line without its line end is a line too. */
static void decide_lines(struct head *h, const uint8_t *data, size_t left)
{
    uint64_t lines = h->held_lines + leat_scan_count(data, left, h->end), surplus;

    lines += data[left - 1] != h->end;
    if (h->count >= lines)
        return;
    surplus = lines - h->count;
    if (h->held_lines > 0)
        h->from_hold = leat_scan_skip(leat_look_behind_bytes(&h->hold),
                                      leat_look_behind_len(&h->hold), h->end, &surplus);
    else
        h->from_hold = leat_look_behind_len(&h->hold);
    if (surplus > 0)
        h->from_in = leat_scan_skip(data, left, h->end, &surplus);
}

/* Outputs the bytes decided on. Returns false if there is no room for all of them. */
static bool give_out(struct head *h, struct leat_in *in, struct leat_out *out)
{
    if (h->from_hold > 0) {
        const uint8_t *held = leat_look_behind_bytes(&h->hold);
        size_t n = leat_write(out, held, h->from_hold);

        if (!h->is_bytes)
            h->held_lines -= leat_scan_count(held, n, h->end);
        leat_look_behind_drop(&h->hold, n);
        h->from_hold -= n;
    }
    if (h->from_hold == 0 && h->from_in > 0) {
        size_t left = in->len - in->pos;

        h->from_in -= leat_pass(out, in, h->from_in < left ? h->from_in : left);
    }
    return h->from_hold == 0 && h->from_in == 0;
}

static int step_all_but(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct head *h = leat_state(s);
    size_t left;
    int r;

    for (;;) {
        left = in->len - in->pos;
        if (h->from_hold == 0 && h->from_in == 0 && left > 0) {
            if (h->is_bytes)
                decide_bytes(h, left);
            else
                decide_lines(h, in->data + in->pos, left);
        }
        if (h->from_hold == 0 && h->from_in == 0)
            break;
        if (!give_out(h, in, out))
            return LEAT_MORE;
    }
    if (in->end) /* the rest is the last part, which is not output */
        return LEAT_END;
    if (!h->is_bytes)
        h->held_lines += leat_scan_count(in->data + in->pos, left, h->end);
    r = leat_look_behind_add(s, &h->hold, in->data + in->pos, left);
    if (r < 0)
        return r;
    in->pos = in->len;
    return LEAT_MORE;
}

static int head_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct head *h = leat_state(s);

    if (!h->begun)
        begin(s);
    return h->all_but ? step_all_but(s, in, out) : step_first(h, in, out);
}

static void head_close(struct leat_stage *s)
{
    struct head *h = leat_state(s);

    leat_look_behind_done(s, &h->hold);
}

#define AT(field) offsetof(struct head_params, field)
static const struct leat_option head_options[] = {
    {"lines", 'n', LEAT_OPT_COUNT, AT(lines), .metavar = "[-]N",
     .help = "the first N lines (10 if not given); -N: all but the last N"},
    {"bytes", 'c', LEAT_OPT_COUNT, AT(bytes), .metavar = "[-]N",
     .help = "the first N bytes; -N: all but the last N"},
    {NULL, LEAT_DIGITS, LEAT_OPT_COUNT, AT(lines), .metavar = "N", .help = "the same as -n N"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_head = {
    .name = "head",
    .summary = "pass on the first lines or bytes",
    .manual =
        "Outputs the first 10 lines, or as many lines or bytes as the options say, and ends. "
        "Then the stages upstream are stopped, and this is a success. N may have a suffix: K, M, "
        "G are powers of 1024, kB, MB, GB of 1000, b is 512.\n\n"
        "With a minus before N, outputs all but the last N lines or bytes. head keeps the last N "
        "in memory until more data follows; it is an error if they do not fit in the memory "
        "limit.",
    .examples = "head -n 3\n"
                "head -c 1K\n"
                "head -n -1",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct head_params),
    .state_size = sizeof(struct head),
    .options = head_options,
    .plan = head_plan,
    .step = head_step,
    .close = head_close,
};
