/* trim.c - removes blanks at the start and at the end of each line. */
#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "emit.h"
#include "stage.h"

struct trim_params {
    int left, right, zero;
    const char *chars;
};

struct trim {
    size_t line;    /* bytes of the line at the cursor with its end; 0: not known */
    size_t from, n; /* its bytes that are output */
    size_t done;    /* how many of those, and of the line end, are written */
    bool removes[256];
};

static uint8_t line_end(const struct trim_params *p)
{
    return p->zero ? '\0' : '\n';
}

/* The byte that an escape stands for; -1: there is none. */
static int escaped(char c)
{
    static const char letters[] = "tnvfr0\\", bytes[] = "\t\n\v\f\r\0\\";
    const char *at = c ? strchr(letters, c) : NULL;

    return at ? (uint8_t)bytes[at - letters] : -1;
}

static int trim_plan(struct leat_stage *s)
{
    const struct trim_params *p = leat_params(s);

    if (*p->chars == '\0')
        return leat_fail(s, LEAT_EUSAGE, "--chars: give at least one character");
    for (const char *c = p->chars; *c; c++)
        if (*c == '\\' && escaped(*++c) < 0)
            return leat_fail(s, LEAT_EUSAGE,
                             "--chars=%s: a backslash is followed by one of t n v f r 0 and \\",
                             p->chars);
    leat_plan_delimiter(s, line_end(p));
    return 0;
}

static int trim_open(struct leat_stage *s)
{
    const struct trim_params *p = leat_params(s);
    struct trim *t = leat_state(s);

    for (const char *c = p->chars; *c; c++)
        t->removes[*c == '\\' ? escaped(*++c) : (uint8_t)*c] = true;
    return 0;
}

static void look_at_line(const struct trim_params *p, struct trim *t, const struct leat_in *in)
{
    const uint8_t *line = in->data + in->pos;
    const uint8_t *hit = memchr(line, line_end(p), in->len - in->pos);
    size_t from = 0, to = hit ? (size_t)(hit - line) : in->len - in->pos;

    t->line = to + (hit != NULL);
    if (p->right || !p->left)
        while (to > 0 && t->removes[line[to - 1]])
            to--;
    if (p->left || !p->right)
        while (from < to && t->removes[line[from]])
            from++;
    t->from = from;
    t->n = to - from;
}

static int trim_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct trim_params *p = leat_params(s);
    struct trim *t = leat_state(s);
    const uint8_t end = line_end(p);
    struct leat_emit e;

    leat_emit_begin(&e, out);
    while (in->pos < in->len) {
        const uint8_t *line = in->data + in->pos;

        if (t->line == 0)
            look_at_line(p, t, in);
        leat_assert(t->line > 0 && t->line <= in->len - in->pos);
        if (!leat_emit_item(&e, &t->done, NULL, 0, line + t->from, t->n, &end,
                            line[t->line - 1] == end))
            break;
        in->pos += t->line;
        t->line = 0;
    }
    leat_emit_end(&e);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int trim_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct trim *t = leat_state(s);

    (void)in;
    t->line = t->done = 0;
    return 0;
}

static const struct leat_lanes trim_lanes = {.begin = trim_begin};

#define AT(field) offsetof(struct trim_params, field)
static const struct leat_option trim_options[] = {
    {"left", 'l', LEAT_OPT_FLAG, AT(left), .help = "only at the start of lines"},
    {"right", 'r', LEAT_OPT_FLAG, AT(right), .help = "only at the end of lines"},
    {"chars", 'c', LEAT_OPT_STRING, AT(chars), .metavar = "SET", .text_default = " \\t",
     .help = "remove these bytes instead of blanks; \\t \\n \\v \\f \\r \\0 and \\\\ are escapes"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_trim = {
    .name = "trim",
    .summary = "remove blanks at both ends of each line",
    .manual =
        "Removes spaces and tabs at the start and at the end of each line, or other bytes with --chars. Line ends "
        "stay, and a last line without one does not get one. A carriage return is no blank: for lines "
        "that end with CR LF, put dos2unix before trim, or give --chars=' \\t\\r'.\n\n"
        "Several threads work at once, and lines stay in order. A line may be as long as a quarter of the memory "
        "limit, and at most 16 MiB.",
    .examples = "trim\n"
                "trim --right --chars=' \\t\\r'",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct trim_params),
    .state_size = sizeof(struct trim),
    .options = trim_options,
    .lanes = &trim_lanes,
    .plan = trim_plan,
    .open = trim_open,
    .step = trim_step,
};
