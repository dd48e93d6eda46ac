/* fold.c - breaks lines that are wider than a number of columns.
 *
 * Without -s a row is output while it is read, so a line may be of any length: the state is the column at
 * the cursor. With -s the engine makes each line whole, and the cursor stays at the start of a row until
 * its end is known and it is output.
 */
#include <stddef.h>

#include "base/invariant.h"
#include "control.h"
#include "emit.h"
#include "line_blocks.h"
#include "stage.h"

#define TAB 8u

struct fold_params {
    int bytes, spaces, zero;
    int64_t width;
};

struct fold {
    size_t block;    /* in the instance of cut */
    uint64_t column; /* at the cursor; with -s, while a row is looked for */
    bool in_row;     /* the row has bytes before the cursor */
    bool is_owed;    /* a line end is to be written first */
    size_t row;      /* -s: bytes of the row at the cursor; 0: not known */
    size_t done;     /* -s: how many bytes of it are written */
};

static uint8_t line_end(const struct fold_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int fold_plan(struct leat_stage *s)
{
    const struct fold_params *p = leat_params(s);

    leat_plan_lines(s);
    leat_plan_delimiter(s, line_end(p));
    if (p->spaces)
        leat_plan_framing(s, LEAT_LINES);
    return 0;
}

static uint64_t column_after(const struct fold_params *p, uint64_t column, uint8_t c)
{
    if (p->bytes)
        return column + 1;
    switch (c) {
    case '\b':
        return column > 0 ? column - 1 : 0;
    case '\r':
        return 0;
    case '\t':
        return column + TAB - column % TAB;
    default:
        return column + 1;
    }
}

/* The first of n bytes that is a line end, or that may not be one column wide; n if there is none. */
static size_t find_special(const struct fold_params *p, const uint8_t *data, size_t n)
{
    const uint8_t *hit;

    if (!p->bytes)
        return leat_control_find(data, n, LEAT_CONTROL_MOVES, line_end(p));
    hit = memchr(data, line_end(p), n);
    return hit ? (size_t)(hit - data) : n;
}

static void begin_row(struct fold *f)
{
    f->column = 0;
    f->in_row = false;
}

/* How many of n bytes, 1 or more, belong to the row at the cursor. *ret_breaks: a line end must follow them. */
static size_t row_bytes(const struct fold_params *p, struct fold *f, const uint8_t *data, size_t n,
                        bool *ret_breaks)
{
    const uint64_t width = (uint64_t)p->width;
    size_t at = 0;

    *ret_breaks = false;
    while (at < n) {
        uint64_t fits = f->column < width ? width - f->column : 0, column;
        size_t most = n - at <= fits ? n - at : (size_t)fits + 1;
        size_t plain = find_special(p, data + at, most);

        if (plain > fits) {
            leat_assert(f->in_row || fits > 0);
            *ret_breaks = true;
            at += (size_t)fits;
            break;
        }
        f->column += plain;
        f->in_row = f->in_row || plain > 0;
        at += plain;
        if (plain == most)
            continue;
        if (data[at] == line_end(p)) {
            begin_row(f);
            return at + 1;
        }
        column = column_after(p, f->column, data[at]);
        if (column > width && f->in_row) {
            *ret_breaks = true;
            break;
        }
        f->column = column;
        f->in_row = true;
        at++;
    }
    if (*ret_breaks)
        begin_row(f);
    return at;
}

/* Outputs the rows as they come. Returns false if there is no room. */
static bool fold_bytes(const struct fold_params *p, struct fold *f, struct leat_in *in,
                       struct leat_emit *e)
{
    const uint8_t end = line_end(p);

    for (;;) {
        size_t n, left = in->len - in->pos, room;

        if (f->is_owed && leat_emit_some(e, &end, 1) == 0)
            return false;
        f->is_owed = false;
        if (left == 0)
            return true;
        room = leat_emit_room(e);
        if (room == 0)
            return false;
        n = row_bytes(p, f, in->data + in->pos, left < room ? left : room, &f->is_owed);
        leat_emit_some(e, in->data + in->pos, n);
        in->pos += n;
    }
}

/* -s: finds the row at the cursor, which is the start of a row in a whole line. */
static void find_row(const struct fold_params *p, struct fold *f, const struct leat_in *in)
{
    const uint8_t *data = in->data + in->pos;

    begin_row(f);
    f->row = row_bytes(p, f, data, in->len - in->pos, &f->is_owed);
    leat_assert(f->row > 0);
    if (!f->is_owed)
        return;
    for (size_t i = f->row; i > 0; i--)
        if (data[i - 1] == ' ' || data[i - 1] == '\t') {
            f->row = i;
            break;
        }
}

/* -s: the same as fold_bytes. */
static bool fold_spaces(const struct fold_params *p, struct fold *f, struct leat_in *in,
                        struct leat_emit *e)
{
    const uint8_t end = line_end(p);

    while (in->pos < in->len) {
        if (f->row == 0)
            find_row(p, f, in);
        if (!leat_emit_item(e, &f->done, NULL, 0, in->data + in->pos, f->row, &end, f->is_owed))
            return false;
        in->pos += f->row;
        f->row = 0;
        f->is_owed = false;
    }
    return true;
}

static int fold_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct fold_params *p = leat_params(s);
    struct leat_emit e;
    bool all;

    leat_emit_begin(&e, out);
    all = p->spaces ? fold_spaces(p, leat_state(s), in, &e) : fold_bytes(p, leat_state(s), in, &e);
    leat_emit_end(&e);
    return all && in->end ? LEAT_END : LEAT_MORE;
}

static int fold_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct fold *f = leat_state(s);

    (void)in;
    leat_assert(!f->is_owed && f->row == 0);
    begin_row(f);
    return 0;
}

static int fold_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                    size_t *ret_take)
{
    struct fold *f = leat_state(s);

    (void)end;
    return leat_line_cut(&f->block, data, len, line_end(leat_params(s)), ret_take);
}

static const struct leat_lanes fold_lanes = {.begin = fold_begin, .cut = fold_cut};

#define AT(field) offsetof(struct fold_params, field)
static const struct leat_option fold_options[] = {
    {"width", 'w', LEAT_OPT_INT, AT(width), .metavar = "N", .min = 1, .max = INT64_MAX / 2,
     .initial = 80, .help = "the most columns of a line (80 if not given)"},
    {NULL, LEAT_DIGITS, LEAT_OPT_INT, AT(width), .metavar = "N", .min = 1, .max = INT64_MAX / 2,
     .initial = 80, .help = "the same as -w N"},
    {"bytes", 'b', LEAT_OPT_FLAG, AT(bytes),
     .help = "count bytes: tabs, backspaces and carriage returns are one column wide"},
    {"spaces", 's', LEAT_OPT_FLAG, AT(spaces),
     .help = "break after the last blank that fits, if there is one"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_fold = {
    .name = "fold",
    .summary = "break lines that are too wide",
    .manual =
        "Breaks each line that is wider than 80 columns, or -w, by line ends, as GNU fold does in the C locale. A "
        "byte is one column wide, but a tab goes to the next multiple of 8 columns, a backspace one column "
        "back, and a carriage return to the first column. With -b each of these is one column, too. A last line "
        "without a line end does not get one.\n\n"
        "Several threads work at once, and lines stay in order. A line may be of any length; with -s it may be "
        "as long as a quarter of the memory limit, and at most 16 MiB.",
    .examples = "fold -w 72 -s\n"
                "read big.log : fold -b -100 : head -n 20",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct fold_params),
    .state_size = sizeof(struct fold),
    .options = fold_options,
    .lanes = &fold_lanes,
    .plan = fold_plan,
    .step = fold_step,
};
