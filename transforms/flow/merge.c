/* merge.c - merges sorted branches into one sorted stream, as sort -m.
 *
 * A queue holds the branches in the order of their first lines (heads). Lines of the first branch
 * are passed on in runs as long as possible, by reference where that is cheaper. A branch whose
 * lines are out of order is an error: sort -m would output wrong data silently.
 *
 * The engine calls the step when each branch has lines or is at its end. Two kinds of lines are
 * needed later: the last one of each branch, and the last one that was output. During a step they
 * lie in the input; at its end they are copied.
 */

#include <inttypes.h>
#include <string.h>

#include "order.h"
#include "shown.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_merge;

#define BRANCHES_MAX 64u

struct merge_params {
    struct leat_strings keys;
    const char *separator;
    int numeric, reverse, fold, blanks, unique, stable, zero;
};

/* A line that was passed before: a copy, or in the input of this step. */
struct past {
    struct leat_order_line line;
    bool there;
    uint8_t *copy; /* `size` bytes */
    size_t size;
};

enum head {
    HEAD_LINE, /* in `line` */
    HEAD_NONE, /* more input is needed first */
    HEAD_END,  /* the branch has no more lines */
};

struct branch {
    enum head head;
    struct leat_order_line line;
    size_t at, next; /* in the input: the start of the line, and of the one after it */
    uint64_t lines;  /* passed so far */
    struct past last;
};

struct merge {
    struct leat_order order;
    struct branch branches[BRANCHES_MAX];
    uint8_t queue[BRANCHES_MAX]; /* branches that have a line, sorted by it */
    size_t n_queue;
    struct past given; /* -u: the last line that was output */
    size_t to_pass;    /* bytes of a run that are not yet passed */
    uint8_t from;      /* their branch */
    bool end_due;      /* then write the line end that their last line lacks */
    uint8_t end;       /* the line end */
    bool unique;
};

/* --- options ---------------------------------------------------------------------------------- */

static int read_separator(struct leat_stage *s, const char *text, struct leat_order *order)
{
    bool nul = strcmp(text, "\\0") == 0;

    if (!nul && strlen(text) != 1)
        return leat_fail(s, LEAT_EUSAGE, "-t needs one byte, or \\0, not '%s'", text);
    order->separated = true;
    order->separator = nul ? 0 : (uint8_t)*text;
    return 0;
}

static int read_order(struct leat_stage *s, struct leat_order *order)
{
    const struct merge_params *p = leat_params(s);
    struct leat_order_key global = {.start_blanks = p->blanks,
                                    .end_blanks = p->blanks,
                                    .numeric = p->numeric,
                                    .reverse = p->reverse,
                                    .fold = p->fold};
    int r = p->separator ? read_separator(s, p->separator, order) : 0;

    for (size_t i = 0; i < p->keys.n && r == 0; i++) {
        const char *wrong = leat_order_add(order, p->keys.v[i]);

        if (wrong)
            r = leat_fail(s, LEAT_EUSAGE, "-k '%s': %s", p->keys.v[i], wrong);
    }
    leat_order_ready(order, &global);
    order->keys_only = p->unique || p->stable;
    return r;
}

static int merge_plan(struct leat_stage *s)
{
    const struct merge_params *p = leat_params(s);
    struct leat_order order = {.n_keys = 0};

    leat_plan_delimiter(s, p->zero ? '\0' : '\n');
    return read_order(s, &order);
}

static int merge_open(struct leat_stage *s)
{
    const struct merge_params *p = leat_params(s);
    struct merge *m = leat_state(s);

    m->end = p->zero ? '\0' : '\n';
    m->unique = p->unique;
    return read_order(s, &m->order);
}

static void merge_close(struct leat_stage *s)
{
    struct merge *m = leat_state(s);

    for (size_t i = 0; i < BRANCHES_MAX; i++) {
        leat_free(s, m->branches[i].last.copy);
        m->branches[i].last.copy = NULL;
    }
    leat_free(s, m->given.copy);
    m->given.copy = NULL;
}

/* --- past lines ------------------------------------------------------------------------------- */

/* Copies the line, because the input is gone after the step. */
static int keep(struct leat_stage *s, struct past *past)
{
    struct merge *m = leat_state(s);

    if (!past->there || past->line.text == past->copy)
        return 0;
    if (past->line.len >= past->size) {
        size_t size = past->line.len + past->line.len / 2 + 128;

        leat_free(s, past->copy);
        past->size = 0;
        past->copy = leat_alloc(s, size);
        if (!past->copy)
            return LEAT_ENOMEM;
        past->size = size;
    }
    memcpy(past->copy, past->line.text, past->line.len);
    past->line.text = past->copy;
    leat_order_look(&m->order, &past->line);
    return 0;
}

static int keep_all(struct leat_stage *s, size_t n)
{
    struct merge *m = leat_state(s);
    int r = m->unique ? keep(s, &m->given) : 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = keep(s, &m->branches[i].last);
    return r;
}

/* --- the heads -------------------------------------------------------------------------------- */

static int out_of_order(struct leat_stage *s, const struct leat_in *in, size_t i)
{
    const struct merge *m = leat_state(s);
    const struct branch *b = &m->branches[i];
    struct leat_shown_line shown = leat_show_line(b->line.text, b->line.len);

    return leat_fail_at(s, LEAT_ECORRUPT, in->ports[i].offset + b->at,
                        "branch %zu is not sorted: line %" PRIu64
                        " belongs before the one above it: '%s'; "
                        "sort the branch with the same options and LC_ALL=C",
                        i + 1, b->lines + 1, shown.text);
}

/* The line at b->next becomes the head. */
static int load_head(struct leat_stage *s, const struct leat_in *in, size_t i)
{
    struct merge *m = leat_state(s);
    struct branch *b = &m->branches[i];
    const struct leat_in *port = &in->ports[i];
    const uint8_t *hit;

    b->at = b->next;
    if (b->at == port->len) {
        b->head = port->end ? HEAD_END : HEAD_NONE;
        return 0;
    }
    b->line.text = port->data + b->at;
    hit = memchr(b->line.text, m->end, port->len - b->at);
    b->line.len = hit ? (size_t)(hit - b->line.text) : port->len - b->at;
    b->next = b->at + b->line.len + (hit != NULL);
    b->head = HEAD_LINE;
    leat_order_look(&m->order, &b->line);
    if (b->last.there && leat_order_compare_keys(&m->order, &b->last.line, &b->line) > 0)
        return out_of_order(s, in, i);
    return 0;
}

/* The head has been passed or skipped; the next line takes its place. */
static int advance(struct leat_stage *s, const struct leat_in *in, size_t i)
{
    struct merge *m = leat_state(s);
    struct branch *b = &m->branches[i];

    b->lines++;
    b->last.line = b->line;
    b->last.there = true;
    return load_head(s, in, i);
}

/* Is the head of branch i output before that of branch k? */
static bool before(const struct merge *m, uint8_t i, uint8_t k)
{
    int r = leat_order_compare(&m->order, &m->branches[i].line, &m->branches[k].line);

    return r < 0 || (r == 0 && i < k);
}

/* Inserts a branch with a line into the queue, in order. */
static void enqueue(struct merge *m, uint8_t i)
{
    size_t low = 0, high = m->n_queue;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (before(m, i, m->queue[mid]))
            high = mid;
        else
            low = mid + 1;
    }
    memmove(&m->queue[low + 1], &m->queue[low], m->n_queue - low);
    m->queue[low] = i;
    m->n_queue++;
}

static void dequeue(struct merge *m)
{
    m->n_queue--;
    memmove(&m->queue[0], &m->queue[1], m->n_queue);
}

/* Returns 1, 0 if a branch needs more input first, or an error. */
static int load_all(struct leat_stage *s, const struct leat_in *in)
{
    struct merge *m = leat_state(s);
    int ready = 1;

    m->n_queue = 0;
    for (size_t i = 0; i < in->n_ports; i++) {
        struct branch *b = &m->branches[i];
        int r;

        b->next = in->ports[i].pos;
        r = load_head(s, in, i);
        if (r < 0)
            return r;
        if (b->head == HEAD_LINE)
            enqueue(m, (uint8_t)i);
        else if (b->head == HEAD_NONE)
            ready = 0;
    }
    return ready;
}

/* --- output ----------------------------------------------------------------------------------- */

/* Passes the current run. Returns false if there is no room for all of it. */
static bool give_out(struct merge *m, struct leat_in *in, struct leat_out *out)
{
    while (m->to_pass > 0) {
        size_t n = leat_pass(out, &in->ports[m->from], m->to_pass);

        if (n == 0)
            return false;
        m->to_pass -= n;
    }
    if (m->end_due && leat_write(out, &m->end, 1) == 0)
        return false;
    m->end_due = false;
    return true;
}

/* -u: is the head of branch i equal to the last line that was output? */
static bool is_repeated(const struct merge *m, size_t i)
{
    return m->unique && m->given.there &&
           leat_order_compare(&m->order, &m->given.line, &m->branches[i].line) == 0;
}

/* Takes a run of lines from the first branch of the queue, for as long as it stays first. */
static int take_run(struct leat_stage *s, struct leat_in *in)
{
    struct merge *m = leat_state(s);
    uint8_t i = m->queue[0];
    struct branch *b = &m->branches[i];
    int r = 0;

    m->from = i;
    if (is_repeated(m, i)) {
        in->ports[i].pos = b->next;
        return advance(s, in, i);
    }
    do {
        m->to_pass += b->next - b->at;
        m->end_due = b->next == b->at + b->line.len;
        m->given.line = b->line;
        m->given.there = true;
        r = advance(s, in, i);
    } while (r == 0 && b->head == HEAD_LINE && (m->n_queue < 2 || before(m, i, m->queue[1])) &&
             !is_repeated(m, i));
    return r;
}

static int merge_lines(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct merge *m = leat_state(s);
    int r;

    if (!give_out(m, in, out))
        return LEAT_MORE;
    r = load_all(s, in);
    if (r <= 0)
        return r;
    while (m->n_queue > 0) {
        uint8_t i = m->queue[0];

        r = take_run(s, in);
        if (r < 0)
            return r;
        if (!give_out(m, in, out) || m->branches[i].head == HEAD_NONE)
            return LEAT_MORE;
        dequeue(m);
        if (m->branches[i].head == HEAD_LINE)
            enqueue(m, i);
    }
    return LEAT_END;
}

static int merge_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    int r = merge_lines(s, in, out);
    int kept = r < 0 ? r : keep_all(s, in->n_ports);

    return kept < 0 ? kept : r;
}

#define AT(field) offsetof(struct merge_params, field)
static const struct leat_option merge_options[] = {
    {"key", 'k', LEAT_OPT_LIST, AT(keys), .metavar = "POS1[,POS2]",
     .help = "compare this part of the lines, F[.C][bfnr] as in sort; repeat it for further keys"},
    {"field-separator", 't', LEAT_OPT_STRING, AT(separator), .metavar = "CHAR",
     .help = "fields are separated by CHAR; by default, by the change from non-blank to blank"},
    {"numeric-sort", 'n', LEAT_OPT_FLAG, AT(numeric), .help = "compare numbers instead of bytes"},
    {"reverse", 'r', LEAT_OPT_FLAG, AT(reverse), .help = "largest first"},
    {"ignore-case", 'f', LEAT_OPT_FLAG, AT(fold), .help = "treat lower case as upper case"},
    {"ignore-leading-blanks", 'b', LEAT_OPT_FLAG, AT(blanks),
     .help = "skip blanks at the start of a key"},
    {"unique", 'u', LEAT_OPT_FLAG, AT(unique), .help = "of equal lines output only the first"},
    {"stable", 's', LEAT_OPT_FLAG, AT(stable),
     .help = "lines with equal keys keep the order of the branches"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_merge = {
    .name = "merge",
    .summary = "merge sorted pipelines into one sorted stream",
    .manual =
        "Each bracket is a pipeline that begins with a readable and outputs sorted lines. The "
        "options and the order are those of sort -m with LC_ALL=C: lines are compared byte by "
        "byte, and of equal lines that of the earlier branch comes first. Write a colon as "
        "separator in one word, -t: (a colon by itself joins stages).\n\n"
        "A branch that is not sorted by the same keys is an error (exit status 3). The message "
        "names the branch, the line and its number. (sort -m would continue with wrong output.) "
        "Lines with equal keys may come in any order.\n\n"
        "If any branch fails, the whole pipeline fails.",
    .examples = "merge [ exec env LC_ALL=C sort words.txt ] [ exec echo word ] : count -l",
    .kind = LEAT_FAN_IN,
    .nature = LEAT_HEAVY,
    .framing = LEAT_LINES,
    .flags = LEAT_PORTS_IN,
    .params_size = sizeof(struct merge_params),
    .state_size = sizeof(struct merge),
    .options = merge_options,
    .branches_min = 1,
    .branches_max = BRANCHES_MAX,
    .plan = merge_plan,
    .open = merge_open,
    .step = merge_step,
    .close = merge_close,
};
