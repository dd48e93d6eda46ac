/* tac.c - the records in the reverse order.
 *
 * A file is read from its end, if read comes just before. Another stream is kept in memory and, if it is long, in a
 * temporary file (tape.h). At its end the separators are looked for
 * from the last one on, in a window. A record is output when its start is known: from the window, or, if it is longer than
 * that, from where it is kept. A record may thus be longer than the memory.
 */
#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"
#include "tape.h"

#define WINDOW ((size_t)256 << 10)
#define SEPARATOR_MAX ((size_t)4096)

struct tac_params {
    int before, zero;
    const char *separator, *spill;
};

struct tac {
    struct leat_tape tape;
    const char *separator;
    size_t separator_len;
    bool ended; /* the input: the tape is being output */

    uint8_t *window;
    uint64_t window_at; /* offset of its first byte */
    size_t window_len;
    uint64_t limit;           /* separators before this offset are not found yet */
    uint64_t rest;            /* bytes of the tape before the records that are output or in `out` */
    uint64_t out_at, out_end; /* what is being output */
};

static int tac_plan(struct leat_stage *s)
{
    const struct tac_params *p = leat_params(s);

    if (p->zero && p->separator)
        return leat_fail(s, LEAT_EUSAGE, "only one of -s and -z can be given");
    if (p->separator && strlen(p->separator) > SEPARATOR_MAX)
        return leat_fail(s, LEAT_EUSAGE, "the separator is longer than %zu bytes", SEPARATOR_MAX);
    leat_plan_lines(s);
    leat_plan_seeks(s);
    return leat_nameless_plan(s, p->spill);
}

static int tac_open(struct leat_stage *s)
{
    const struct tac_params *p = leat_params(s);
    struct tac *t = leat_state(s);

    leat_tape_init(&t->tape, s, p->spill);
    t->separator = p->zero ? "" : p->separator ? p->separator : "\n";
    t->separator_len = strlen(t->separator);
    if (t->separator_len == 0) /* its NUL is the separator */
        t->separator_len = 1;
    t->window = leat_alloc_raw(s, WINDOW);
    return t->window ? 0 : LEAT_ENOMEM;
}

static void tac_close(struct leat_stage *s)
{
    struct tac *t = leat_state(s);

    leat_tape_done(&t->tape);
    leat_free(s, t->window);
    t->window = NULL;
}

/* --- the window ------------------------------------------------------------------------------- */

/* The offset of the last separator in the first n bytes of the window; n if there is none. */
static size_t find_back(const struct tac *t, size_t n)
{
    size_t most = n, len = t->separator_len;

    while (most >= len) {
        const uint8_t *hit = memrchr(t->window, (uint8_t)t->separator[0], most - len + 1);

        if (!hit)
            break;
        if (len == 1 || memcmp(hit, t->separator, len) == 0)
            return (size_t)(hit - t->window);
        most = (size_t)(hit - t->window) + len - 1;
    }
    return n;
}

/* Moves the window to where separators were not looked for yet, with the bytes of the record that is not
 * output, unless these would fill it. */
static int move_window(struct tac *t)
{
    uint64_t top = t->rest - t->limit < WINDOW / 2 ? t->rest : t->limit;
    uint64_t from = top > WINDOW ? top - WINDOW : 0;

    leat_assert(t->limit <= t->rest && t->limit > from);
    t->window_at = from;
    t->window_len = (size_t)(top - from);
    return leat_tape_read(&t->tape, from, t->window, t->window_len);
}

/* Finds the next record to output. Returns 1; 0: there are no more; or an error. */
static int next_record(struct tac *t)
{
    while (t->limit >= t->separator_len) {
        size_t n = 0, hit;
        int r;

        if (t->limit > t->window_at && t->limit <= t->window_at + t->window_len)
            n = (size_t)(t->limit - t->window_at);
        hit = find_back(t, n);
        if (hit < n) {
            uint64_t at = t->window_at + hit;
            const struct tac_params *p = leat_params(t->tape.file.stage);

            t->limit = at;
            t->out_at = p->before ? at : at + t->separator_len;
            t->out_end = t->rest;
            t->rest = t->out_at;
            if (t->out_at < t->out_end)
                return 1;
            continue;
        }
        if (n > 0 && t->window_at == 0)
            break;
        if (n >= t->separator_len) /* a separator may begin before the window */
            t->limit = t->window_at + t->separator_len - 1;
        r = move_window(t);
        if (r < 0)
            return r;
    }
    t->out_at = t->limit = 0;
    t->out_end = t->rest;
    t->rest = 0;
    return t->out_end > 0;
}

/* --- the stage -------------------------------------------------------------------------------- */

/* Outputs n bytes to `to`. */
static int copy_out(struct tac *t, uint8_t *to, size_t n)
{
    if (t->out_at >= t->window_at && t->out_at + n <= t->window_at + t->window_len) {
        memcpy(to, t->window + (t->out_at - t->window_at), n);
        t->out_at += n;
        return 0;
    }
    t->out_at += n;
    return leat_tape_read(&t->tape, t->out_at - n, to, n);
}

/* Fills room with records. Returns 1: all are output; 0: the room is full; or an error. */
static int fill(struct tac *t, uint8_t *to, size_t room, size_t *ret_n)
{
    size_t n = 0;
    int r = 1;

    while (r > 0) {
        uint64_t left = t->out_end - t->out_at;

        if (left > room - n)
            left = room - n;
        r = copy_out(t, to + n, (size_t)left);
        if (r < 0)
            break;
        n += (size_t)left;
        if (t->out_at < t->out_end)
            break;
        r = next_record(t);
    }
    *ret_n = n;
    return r < 0 ? r : t->out_at == t->out_end;
}

static int tac_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct tac *t = leat_state(s);
    uint8_t *to;
    size_t room, n;
    int r;

    if (!t->ended) {
        r = leat_tape_add(&t->tape, in->data + in->pos, in->len - in->pos);
        if (r < 0)
            return r;
        in->pos = in->len;
        if (!in->end)
            return LEAT_MORE;
        t->ended = true;
        if (t->tape.len == 0 && leat_input_size(s) != UINT64_MAX)
            leat_tape_lend(&t->tape, leat_input_size(s));
        t->limit = t->rest = t->tape.len;
    }
    for (;;) {
        room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        r = fill(t, to, room, &n);
        if (r < 0)
            return r;
        leat_commit(out, n);
        if (r > 0)
            return LEAT_END;
    }
}

#define AT(field) offsetof(struct tac_params, field)
static const struct leat_option tac_options[] = {
    {"before", 'b', LEAT_OPT_FLAG, AT(before),
     .help = "a separator begins a record, instead of ending one"},
    {"separator", 's', LEAT_OPT_STRING, AT(separator), .metavar = "TEXT",
     .help = "the separator instead of a newline; '': a NUL byte"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {"spill", 0, LEAT_OPT_STRING, AT(spill), .metavar = "DIR",
     .help = "where the temporary file is (TMPDIR, or /var/tmp)"},
    {0},
};

const struct leat_stage_type leat_stage_tac = {
    .name = "tac",
    .summary = "reverse the order of the lines",
    .manual =
        "Outputs the lines from the last one to the first, as GNU tac does. If the last line has no newline, it is "
        "output without one, so that the line before it follows on the same line. Separators other than the newline are "
        "literal texts, not regular expressions.\n\n"
        "A file that read gives to tac is read from its end, so the first lines come at once. Of another input the "
        "output begins when it has ended. A stream that does not fit in three quarters of the memory that is left "
        "goes to a temporary file without a name, which needs as much space. A line may be of any length.",
    .examples = "tac\n"
                "tac -s ';'\n"
                "read big.log : tac : head -n 3",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct tac_params),
    .state_size = sizeof(struct tac),
    .options = tac_options,
    .plan = tac_plan,
    .open = tac_open,
    .step = tac_step,
    .close = tac_close,
};
