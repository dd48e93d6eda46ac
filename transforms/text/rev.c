/* rev.c - the characters of each line in the reverse order.
 *
 * A line is whole in the input, but its output may need several rooms: the state tells how much of the
 * line at the cursor is not output yet.
 */
#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "reverse.h"
#include "stage.h"

struct rev_params {
    int zero;
};

struct rev {
    size_t line; /* bytes of the line at the cursor with its end; 0: not known */
    size_t left; /* its first bytes, which are not output yet; line > 0 */
};

static uint8_t line_end(const struct rev_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int rev_plan(struct leat_stage *s)
{
    leat_plan_delimiter(s, line_end(leat_params(s)));
    return 0;
}

/* Outputs lines to `room` bytes; returns how many were used. */
static size_t fill(struct rev *r, struct leat_in *in, uint8_t end, uint8_t *to, size_t room)
{
    size_t n = 0;

    while (in->pos < in->len) {
        const uint8_t *line = in->data + in->pos;

        if (r->line == 0) {
            const uint8_t *hit = memchr(line, end, in->len - in->pos);

            r->left = hit ? (size_t)(hit - line) : in->len - in->pos;
            r->line = r->left + (hit != NULL);
        }
        leat_assert(r->line <= in->len - in->pos);
        n += leat_reverse(line, &r->left, to + n, room - n);
        if (r->left > 0)
            break;
        if (line[r->line - 1] == end) {
            if (n == room)
                break;
            to[n++] = end;
        }
        in->pos += r->line;
        r->line = 0;
    }
    leat_assert(n <= room);
    return n;
}

static int rev_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    uint8_t *to;
    size_t room;

    while (in->pos < in->len) {
        room = leat_reserve_least(out, LEAT_REVERSE_ROOM, &to);
        if (room == 0)
            return LEAT_MORE;
        leat_commit(out, fill(leat_state(s), in, line_end(leat_params(s)), to, room));
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static int rev_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct rev *r = leat_state(s);

    (void)in;
    *r = (struct rev){.line = 0};
    return 0;
}

static const struct leat_lanes rev_lanes = {.begin = rev_begin};

#define AT(field) offsetof(struct rev_params, field)
static const struct leat_option rev_options[] = {
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {"zero", '0', LEAT_OPT_FLAG, AT(zero), .help = "the same as -z"},
    {0},
};

const struct leat_stage_type leat_stage_rev = {
    .name = "rev",
    .summary = "reverse the characters of each line",
    .manual =
        "Outputs each line with its characters in the reverse order, as rev does. Characters are those of UTF-8, "
        "whatever the locale. A byte that is not part of valid UTF-8 counts as a character and stays as it is. The "
        "line end stays at the end, and a last line without one does not get one. A carriage return is a "
        "character: for lines that end with CR LF, put dos2unix before rev.\n\n"
        "Several threads work at once, and lines stay in order. A line may be as long as a quarter of the memory "
        "limit, and at most 16 MiB.",
    .examples = "rev\n"
                "read words.txt : rev : write reversed.txt",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct rev_params),
    .state_size = sizeof(struct rev),
    .options = rev_options,
    .lanes = &rev_lanes,
    .plan = rev_plan,
    .step = rev_step,
};
