/* frames.c - drops the ends of the content of some frames of a file. */

#include "frames.h"

#include <string.h>

#include "stage/engine_ops.h"

#define PARTS 4u

int leat_frames_parse(const char *text, struct leat_range *ret)
{
    uint64_t parts[PARTS] = {0};

    for (unsigned i = 0; i < PARTS; i++) {
        size_t n = strcspn(text, ":");
        char part[32];

        if (n >= sizeof part || (text[n] == ':') != (i + 1 < PARTS))
            return LEAT_EUSAGE;
        memcpy(part, text, n);
        part[n] = '\0';
        if (leat_parse_size(part, &parts[i]) < 0)
            return LEAT_EUSAGE;
        text += n + 1;
    }
    if (parts[1] == 0 || parts[0] > INT64_MAX - parts[1] || parts[3] > LEAT_FRAMES_DROP_MAX)
        return LEAT_EUSAGE;
    *ret = (struct leat_range){
        .from = parts[0], .bytes = parts[1], .skip = parts[2], .after = parts[3]};
    return 0;
}

/* The last bytes so far, as many as are to be dropped at most. */
struct cut {
    size_t from, to; /* in held */
    uint8_t held[2 * (LEAT_FRAMES_DROP_MAX + 1)];
};

static void hold(struct cut *c, const uint8_t *data, size_t n)
{
    leat_assert(c->to - c->from + n <= LEAT_FRAMES_DROP_MAX);
    if (n > sizeof c->held - c->to) {
        memmove(c->held, c->held + c->from, c->to - c->from);
        c->to -= c->from;
        c->from = 0;
    }
    memcpy(c->held + c->to, data, n);
    c->to += n;
    leat_assert(c->to <= sizeof c->held);
}

/* Output all but the last `drop` bytes of what is held and of the input. Returns false if there is no room for it. */
static bool give_out(struct cut *c, struct leat_in *in, struct leat_out *out, uint64_t drop)
{
    size_t held = c->to - c->from, left = in->len - in->pos, n, most;

    if (held + left <= drop)
        return true;
    most = held + left - (size_t)drop;
    n = most < held ? most : held;
    if (n > 0) {
        size_t wrote = leat_write(out, c->held + c->from, n);

        c->from += wrote;
        if (wrote < n)
            return false;
        most -= n;
    }
    return most == 0 || leat_pass(out, in, most) == most;
}

static int frames_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_range *range = leat_shared(s);
    struct cut *c = leat_state(s);
    size_t n = in->len - in->pos;

    if (range->skip > 0) {
        n = n < range->skip ? n : (size_t)range->skip;
        in->pos += n;
        range->skip -= n;
    }
    if (!give_out(c, in, out, range->after))
        return LEAT_MORE;
    hold(c, in->data + in->pos, in->len - in->pos);
    in->pos = in->len;
    if (!in->end)
        return LEAT_MORE;
    return range->skip == 0 && c->to - c->from == range->after
               ? LEAT_END
               : leat_fail(s, LEAT_ECORRUPT, "the frames hold less than is to be dropped");
}

static const struct leat_engine_ops cut_ops = {.hidden = true};

const struct leat_stage_type leat_frames_cut = {
    .name = "frames",
    .kind = LEAT_TRANSFORM,
    .state_size = sizeof(struct cut),
    .step = frames_step,
    .engine = &cut_ops,
};
