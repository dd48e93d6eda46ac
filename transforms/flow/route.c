/* route.c - sends each line to the first branch whose pattern matches; other lines pass on.
 *
 * Consecutive lines for the same port go there at once, by reference where that is cheaper. A
 * branch that is too slow delays all others, because the order of its lines must be kept.
 */

#include <string.h>

#include "pattern.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_route;

#define BRANCHES_MAX 64u
#define ONWARD 0u /* the port of the stream itself; branch b has port b + 1 */

struct route_params {
    int zero;
};

struct branch_params {
    struct leat_strings match;
    int literal, ignore_case, invert;
};

struct branch {
    struct leat_pattern **patterns;
    size_t n;
    bool invert;
};

struct route {
    struct branch *branches;
    size_t n;
    size_t run;      /* bytes from the cursor on whose port is known */
    size_t port;     /* their port */
    bool next_known; /* the port of the line after them is known too */
    size_t next_port;
};

static unsigned pattern_flags(const struct branch_params *p)
{
    return (p->literal ? LEAT_PATTERN_LITERAL : 0u) |
           (p->ignore_case ? LEAT_PATTERN_IGNORE_CASE : 0u);
}

static int route_plan(struct leat_stage *s)
{
    const struct route_params *p = leat_params(s);

    leat_plan_delimiter(s, p->zero ? '\0' : '\n');
    for (size_t i = 0; i < leat_branches(s); i++) {
        const struct branch_params *b = leat_branch_params(s, i);

        if (b->match.n == 0 && (b->literal || b->ignore_case || b->invert))
            return leat_fail(s, LEAT_EUSAGE, "branch %zu has options but no --match", i + 1);
        for (size_t k = 0; k < b->match.n; k++) {
            int r = leat_pattern_check(s, b->match.v[k], pattern_flags(b));

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int open_branch(struct leat_stage *s, struct branch *b, const struct branch_params *p)
{
    b->invert = p->invert;
    if (p->match.n == 0)
        return 0;
    b->patterns = leat_alloc(s, p->match.n * sizeof(*b->patterns));
    if (!b->patterns)
        return LEAT_ENOMEM;
    for (; b->n < p->match.n; b->n++) {
        int r = leat_pattern_new(s, p->match.v[b->n], pattern_flags(p), &b->patterns[b->n]);

        if (r < 0)
            return r;
    }
    return 0;
}

static int route_open(struct leat_stage *s)
{
    struct route *q = leat_state(s);
    size_t n = leat_branches(s);

    q->branches = leat_alloc(s, n * sizeof *q->branches);
    if (!q->branches)
        return LEAT_ENOMEM;
    q->n = n;
    for (size_t i = 0; i < n; i++) {
        int r = open_branch(s, &q->branches[i], leat_branch_params(s, i));

        if (r < 0)
            return r;
    }
    return 0;
}

static void route_close(struct leat_stage *s)
{
    struct route *q = leat_state(s);

    for (size_t i = 0; i < q->n; i++) {
        for (size_t k = 0; k < q->branches[i].n; k++)
            leat_pattern_free(q->branches[i].patterns[k]);
        leat_free(s, q->branches[i].patterns);
    }
    leat_free(s, q->branches);
    q->branches = NULL;
    q->n = 0;
}

/* --- the port of a line ----------------------------------------------------------------------- */

/* Returns 1, 0 or an error. A branch without patterns takes every line. */
static int takes(const struct branch *b, const uint8_t *line, size_t n)
{
    for (size_t k = 0; k < b->n; k++) {
        int r = leat_pattern_match(b->patterns[k], line, n);

        if (r != 0)
            return r < 0 ? r : !b->invert;
    }
    return b->n == 0 || b->invert;
}

static int find_port(const struct route *q, const uint8_t *line, size_t n, size_t *ret_port)
{
    for (size_t i = 0; i < q->n; i++) {
        int r = takes(&q->branches[i], line, n);

        if (r < 0)
            return r;
        if (r > 0) {
            *ret_port = i + 1;
            return 0;
        }
    }
    *ret_port = ONWARD;
    return 0;
}

/* Finds the consecutive lines from the cursor on that go to the same port. */
static int find_run(struct route *q, const struct leat_in *in, uint8_t end)
{
    size_t at = in->pos;

    while (at < in->len) {
        const uint8_t *line = in->data + at;
        const uint8_t *hit = memchr(line, end, in->len - at);
        size_t n = hit ? (size_t)(hit - line) : in->len - at;

        if (!q->next_known) {
            int r = find_port(q, line, n, &q->next_port);

            if (r < 0)
                return r;
        }
        q->next_known = at > in->pos && q->next_port != q->port;
        if (q->next_known)
            break;
        q->port = q->next_port;
        at += n + (hit != NULL);
    }
    q->run = at - in->pos;
    return 0;
}

static int route_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct route_params *p = leat_params(s);
    struct route *q = leat_state(s);

    while (in->pos < in->len) {
        size_t n = in->len - in->pos, passed;

        if (q->run == 0) {
            int r = find_run(q, in, p->zero ? '\0' : '\n');

            if (r < 0)
                return r;
        }
        passed = leat_pass(leat_port(out, q->port), in, n < q->run ? n : q->run);
        q->run -= passed;
        if (passed == 0)
            return LEAT_MORE;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_option route_options[] = {
    {"zero-terminated", 'z', LEAT_OPT_FLAG, offsetof(struct route_params, zero),
     .help = "lines end with a NUL byte"},
    {0},
};

#define AT(field) offsetof(struct branch_params, field)
static const struct leat_option branch_options[] = {
    {"match", 'e', LEAT_OPT_LIST, AT(match), .metavar = "RE",
     .help = "select the lines that match; may be repeated, a line must match one of them"},
    {"fixed-strings", 'F', LEAT_OPT_FLAG, AT(literal), .help = "patterns are fixed strings"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(ignore_case), .help = "ignore case"},
    {"invert-match", 'v', LEAT_OPT_FLAG, AT(invert), .help = "select the lines that do not match"},
    {0},
};

const struct leat_stage_type leat_stage_route = {
    .name = "route",
    .summary = "send each line to the first branch whose pattern matches",
    .manual =
        "Each bracket begins with its options and a joiner. The rest of it is a pipeline that "
        "receives the matching lines, in order. A line goes to the first branch that selects it "
        "and to no other. Lines that no branch selects pass on after the last bracket. A branch "
        "without options selects every line that reaches it. A branch that does not end with a "
        "writable ends with standard output.\n\n"
        "A pattern is a Perl regular expression over bytes. It is searched for in each line "
        "separately.\n\n"
        "A branch that ends early, for example with head, leaves the others running, and its "
        "remaining lines are dropped. All outputs of all branches are committed together or not "
        "at all.",
    .examples = "read big.log : route [ --match ERROR : write errors.log ] [ -F -e [WARN] : gzip : "
                "write warnings.gz ] : count -l",
    .kind = LEAT_TRANSFORM,
    .framing = LEAT_LINES,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct route_params),
    .state_size = sizeof(struct route),
    .options = route_options,
    .branches_min = 1,
    .branches_max = BRANCHES_MAX,
    .branch_options = branch_options,
    .branch_params_size = sizeof(struct branch_params),
    .plan = route_plan,
    .open = route_open,
    .step = route_step,
    .close = route_close,
};
