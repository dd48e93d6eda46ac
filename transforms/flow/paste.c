/* paste.c - joins the lines of several branches side by side, as paste(1).
 *
 * In parallel mode a row is written once every branch has a line or is at its end, so no input is
 * missing within a row. With -s, the last line of a branch is known only at its EOF, so the
 * character after a field is due until then.
 */

#include <string.h>

#include "stage.h"

extern const struct leat_stage_type leat_stage_paste;

#define BRANCHES_MAX 64u
#define DELIMITERS_MAX 256u
#define EMPTY UINT16_MAX /* the empty delimiter (\0) */

struct paste_params {
    const char *delimiters;
    int serial, zero;
};

struct paste {
    uint16_t delimiters[DELIMITERS_MAX];
    size_t n_delimiters;
    uint8_t end;   /* the line end */
    size_t column; /* the branch that is being written */
    size_t turn;   /* -s: index of the next delimiter */
    bool in_row;   /* a row has begun */
    bool due;      /* the delimiter or line end after a field comes next */
};

/* --- options ---------------------------------------------------------------------------------- */

static uint16_t escaped(char c)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    const char *at = strchr(from, c);

    if (c == '0')
        return EMPTY;
    return (uint8_t)(at ? to[at - from] : c);
}

static int read_delimiters(struct leat_stage *s, struct paste *q)
{
    const struct paste_params *p = leat_params(s);
    const char *c = p->delimiters;

    for (q->n_delimiters = 0; *c; c++) {
        if (q->n_delimiters == DELIMITERS_MAX)
            return leat_fail(s, LEAT_EUSAGE, "-d: more than %u delimiters", DELIMITERS_MAX);
        if (*c == '\\' && c[1] == '\0')
            return leat_fail(s, LEAT_EUSAGE, "-d: to end with a backslash, write it twice");
        q->delimiters[q->n_delimiters++] = *c == '\\' ? escaped(*++c) : (uint8_t)*c;
    }
    if (q->n_delimiters == 0)
        q->delimiters[q->n_delimiters++] = EMPTY;
    return 0;
}

static int paste_plan(struct leat_stage *s)
{
    const struct paste_params *p = leat_params(s);
    struct paste unused;

    leat_plan_delimiter(s, p->zero ? '\0' : '\n');
    return read_delimiters(s, &unused);
}

static int paste_open(struct leat_stage *s)
{
    const struct paste_params *p = leat_params(s);
    struct paste *q = leat_state(s);

    q->end = p->zero ? '\0' : '\n';
    return read_delimiters(s, q);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Returns false if there is no room. */
static bool put(struct leat_out *out, uint16_t c)
{
    uint8_t byte = (uint8_t)c;

    return c == EMPTY || leat_write(out, &byte, 1) == 1;
}

enum field {
    FIELD_FULL,    /* no room for all of it */
    FIELD_ENDED,   /* written, and its line end is consumed */
    FIELD_PARTIAL, /* written up to the end of the input, without a line end */
};

/* Writes the rest of the line at the cursor. */
static enum field put_field(const struct paste *q, struct leat_in *port, struct leat_out *out)
{
    const uint8_t *at = port->data + port->pos;
    const uint8_t *hit = memchr(at, q->end, port->len - port->pos);
    size_t n = hit ? (size_t)(hit - at) : port->len - port->pos;

    while (n > 0) {
        size_t passed = leat_pass(out, port, n);

        if (passed == 0)
            return FIELD_FULL;
        n -= passed;
    }
    port->pos += hit != NULL;
    return hit ? FIELD_ENDED : FIELD_PARTIAL;
}

/* --- parallel --------------------------------------------------------------------------------- */

/* Does another row follow? Returns 1, 0, or -1 if more input is needed first. */
static int row_begins(const struct leat_in *in)
{
    int any = 0;

    for (size_t i = 0; i < in->n_ports; i++) {
        if (in->ports[i].pos < in->ports[i].len)
            any = 1;
        else if (!in->ports[i].end)
            return -1;
    }
    return any;
}

/* Returns false if there is no room for all of it. */
static bool put_row(struct paste *q, struct leat_in *in, struct leat_out *out)
{
    for (; q->column < in->n_ports; q->column++) {
        struct leat_in *port = &in->ports[q->column];
        bool last = q->column + 1 == in->n_ports;

        if (!q->due && port->pos < port->len && put_field(q, port, out) == FIELD_FULL)
            return false;
        q->due = true;
        if (!put(out, last ? q->end : q->delimiters[q->column % q->n_delimiters]))
            return false;
        q->due = false;
    }
    q->column = 0;
    return true;
}

static int step_rows(struct paste *q, struct leat_in *in, struct leat_out *out)
{
    for (;;) {
        if (!q->in_row) {
            int r = row_begins(in);

            if (r <= 0)
                return r < 0 ? LEAT_MORE : LEAT_END;
        }
        q->in_row = !put_row(q, in, out);
        if (q->in_row)
            return LEAT_MORE;
    }
}

/* --- serial (-s) ------------------------------------------------------------------------------ */

/* Returns 1 when the whole branch is written; 0: no room, or more input is needed first. */
static int put_branch(struct paste *q, struct leat_in *port, struct leat_out *out)
{
    for (;;) {
        bool more = port->pos < port->len;
        enum field field;

        if (!more && port->end)
            return put(out, q->end);
        if (!more || (q->due && !put(out, q->delimiters[q->turn])))
            return 0;
        if (q->due)
            q->turn = (q->turn + 1) % q->n_delimiters;
        q->due = false;
        field = put_field(q, port, out);
        if (field == FIELD_FULL)
            return 0;
        q->due = field == FIELD_ENDED;
    }
}

static int step_serial(struct paste *q, struct leat_in *in, struct leat_out *out)
{
    while (q->column < in->n_ports) {
        if (put_branch(q, &in->ports[q->column], out) == 0)
            return LEAT_MORE;
        q->column++;
        q->turn = 0;
        q->due = false;
    }
    return LEAT_END;
}

static int paste_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct paste_params *p = leat_params(s);
    struct paste *q = leat_state(s);

    return p->serial ? step_serial(q, in, out) : step_rows(q, in, out);
}

#define AT(field) offsetof(struct paste_params, field)
static const struct leat_option paste_options[] = {
    {"delimiters", 'd', LEAT_OPT_STRING, AT(delimiters), .metavar = "LIST", .text_default = "\\t",
     .help = "the delimiters between fields, used in turn, one byte each; \\0: none"},
    {"serial", 's', LEAT_OPT_FLAG, AT(serial), .help = "one line for each branch"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_paste = {
    .name = "paste",
    .summary = "join the lines of pipelines side by side",
    .manual =
        "Each bracket is a pipeline that begins with a readable. The first line of the output "
        "joins the first lines of all branches, with a tab between them, and so on. A branch "
        "that ends early continues with empty fields. With -s each branch becomes one line. "
        "Everything else is as with paste(1) and files, also the escapes \\n"
        ", \\t, \\\\ and \\0 in -d. Write a colon in one word, -d: (a colon by itself joins "
        "stages).\n\n"
        "If any branch fails, the whole pipeline fails.",
    .examples = "paste -d, [ read words.txt ] [ read words.txt : tail -n +2 ] : head -n 3",
    .kind = LEAT_FAN_IN,
    .framing = LEAT_LINES,
    .flags = LEAT_PORTS_IN,
    .params_size = sizeof(struct paste_params),
    .state_size = sizeof(struct paste),
    .options = paste_options,
    .branches_min = 1,
    .branches_max = BRANCHES_MAX,
    .plan = paste_plan,
    .open = paste_open,
    .step = paste_step,
};
