/* shape_model.c - the reference: what each sink of a shape gets, and how the run may end.
 *
 * Plain byte arrays, one whole stream after another. First the data flows from the sources to the
 * sinks; then, from the sinks back, the verdict: a stage that would fail on its whole input may fail,
 * and must if what follows reads to its end, since then nobody ends its input early.
 */
#include "shape.h"

#include <stdio.h>
#include <string.h>

#include "leat.h"
#include "test.h"

static const struct shape_bytes none = {(const uint8_t *)"", 0};

static struct shape_bytes after(struct shape_bytes in, size_t n)
{
    return (struct shape_bytes){in.data + n, in.len - n};
}

static void append(struct shape *shape, struct shape_bytes *to, struct shape_bytes more)
{
    uint8_t *data;

    if (more.len == 0)
        return;
    if (to->len == 0) {
        *to = more;
        return;
    }
    data = shape_alloc(shape, to->len + more.len);
    memcpy(data, to->data, to->len);
    memcpy(data + to->len, more.data, more.len);
    *to = (struct shape_bytes){data, to->len + more.len};
}

/* --- fan-ins ---------------------------------------------------------------------------------- */

static struct shape_bytes line_of(struct shape_bytes in)
{
    return (struct shape_bytes){in.data, shape_line_end(in, 1)};
}

static struct shape_bytes bare(struct shape_bytes line)
{
    if (line.len && line.data[line.len - 1] == '\n')
        line.len--;
    return line;
}

static int order(struct shape_bytes a, struct shape_bytes b)
{
    int r;

    a = bare(a);
    b = bare(b);
    r = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return r ? r : a.len < b.len ? -1 : a.len > b.len;
}

static size_t put_line(uint8_t *to, struct shape_bytes line, uint8_t end)
{
    line = bare(line);
    memcpy(to, line.data, line.len);
    to[line.len] = end;
    return line.len + 1;
}

static struct shape_bytes merged(size_t n, struct shape_bytes *left, uint8_t *to, int *ret_code)
{
    size_t len = 0;

    for (;;) {
        size_t best = n;
        struct shape_bytes line;

        for (size_t i = 0; i < n; i++)
            if (left[i].len && (best == n || order(line_of(left[i]), line_of(left[best])) < 0))
                best = i;
        if (best == n)
            return (struct shape_bytes){to, len};
        line = line_of(left[best]);
        len += put_line(to + len, line, '\n');
        left[best] = after(left[best], line.len);
        if (left[best].len && order(line_of(left[best]), line) < 0)
            *ret_code = LEAT_ECORRUPT;
    }
}

static struct shape_bytes pasted(size_t n, struct shape_bytes *left, uint8_t *to)
{
    size_t len = 0;

    for (;;) {
        bool any = false;

        for (size_t i = 0; i < n; i++)
            any = any || left[i].len > 0;
        if (!any)
            return (struct shape_bytes){to, len};
        for (size_t i = 0; i < n; i++) {
            struct shape_bytes line = line_of(left[i]);

            len += put_line(to + len, line, i + 1 < n ? '\t' : '\n');
            left[i] = after(left[i], line.len);
        }
    }
}

static size_t lines_of(struct shape_bytes in)
{
    size_t n = 1;

    for (size_t i = 0; i < in.len; i++)
        n += in.data[i] == '\n';
    return n;
}

struct shape_bytes shape_model_fan_in(struct shape *shape, enum shape_kind kind, size_t n,
                                      const struct shape_bytes *in, int *ret_code)
{
    struct shape_bytes *left = shape_alloc(shape, n * sizeof *left), out = none;
    size_t total = 0, lines = 0;

    memcpy(left, in, n * sizeof *left);
    for (size_t i = 0; i < n; i++) {
        size_t l = lines_of(in[i]);

        total += in[i].len + 1;
        lines = l > lines ? l : lines;
    }
    if (kind == SHAPE_MERGE)
        return merged(n, left, shape_alloc(shape, total), ret_code);
    if (kind == SHAPE_PASTE)
        return pasted(n, left, shape_alloc(shape, total + lines * n));
    for (size_t i = 0; i < n; i++)
        append(shape, &out, in[i]);
    return out;
}

/* --- the data --------------------------------------------------------------------------------- */

static struct shape_bytes flow(struct shape *shape, struct shape_chain *chain,
                               struct shape_bytes in);

static bool takes(const struct shape_chain *branch, struct shape_bytes line)
{
    size_t n = strlen(branch->prefix);
    bool begins = line.len >= n && memcmp(line.data, branch->prefix, n) == 0;

    return begins != branch->invert;
}

/* Returns what no branch takes. */
static struct shape_bytes flow_route(struct shape *shape, struct shape_stage *stage,
                                     struct shape_bytes in)
{
    size_t n = stage->n_branches;
    struct shape_bytes ways[SHAPE_BRANCHES_MAX + 1] = {{NULL, 0}};
    uint8_t *to[SHAPE_BRANCHES_MAX + 1] = {NULL};

    for (int pass = 0; pass < 2; pass++) {
        for (size_t at = 0; at < in.len;) {
            struct shape_bytes line = line_of(after(in, at));
            size_t i = 0;

            while (i < n && !takes(stage->branches[i], line))
                i++;
            if (pass == 1)
                memcpy(to[i] + ways[i].len, line.data, line.len);
            ways[i].len += line.len;
            at += line.len;
        }
        for (size_t i = 0; pass == 0 && i <= n; i++) {
            to[i] = shape_alloc(shape, ways[i].len + 1);
            ways[i] = (struct shape_bytes){to[i], 0};
        }
    }
    for (size_t i = 0; i < n; i++)
        flow(shape, stage->branches[i], ways[i]);
    return ways[n];
}

/* As many whole lines as fit in n bytes; at least one. */
static size_t whole_lines(struct shape_bytes in, size_t n)
{
    size_t at = 0;

    while (at < in.len) {
        size_t line = line_of(after(in, at)).len;

        if (at > 0 && at + line > n)
            break;
        at += line;
    }
    return at;
}

static void flow_parts(struct shape *shape, struct shape_stage *stage, struct shape_bytes in)
{
    while (in.len > 0) {
        size_t n = (size_t)stage->n;

        if (stage->op->number == SHAPE_PART_LINES)
            n = shape_line_end(in, n);
        else if (strstr(stage->op->text, "-C"))
            n = whole_lines(in, n);
        n = n < in.len ? n : in.len;
        flow(shape, stage->branches[0], (struct shape_bytes){in.data, n});
        in = after(in, n);
    }
}

static struct shape_bytes flow_fan_in(struct shape *shape, struct shape_stage *stage)
{
    struct shape_bytes in[SHAPE_BRANCHES_MAX] = {{NULL, 0}};

    for (size_t i = 0; i < stage->n_branches; i++)
        in[i] = flow(shape, stage->branches[i], none);
    return shape_model_fan_in(shape, stage->op->kind, stage->n_branches, in, &stage->failed);
}

static struct shape_bytes flow_stage(struct shape *shape, struct shape_stage *stage,
                                     struct shape_bytes in)
{
    const struct shape_op *op = stage->op;

    switch (op->kind) {
    case SHAPE_SIMPLE:
        if (op->fails && op->fails(stage->n, in))
            stage->failed = op->fails(stage->n, in);
        if (op->codes[0])
            stage->failed = op->codes[0];
        return op->model ? op->model(shape, stage->n, in) : in;
    case SHAPE_TEE:
        for (size_t i = 0; i < stage->n_branches; i++)
            flow(shape, stage->branches[i], in);
        return in;
    case SHAPE_ROUTE:
        return flow_route(shape, stage, in);
    case SHAPE_SPLIT:
        flow_parts(shape, stage, in);
        return in;
    default:
        return flow_fan_in(shape, stage);
    }
}

/* Returns what comes out at the end. */
static struct shape_bytes flow(struct shape *shape, struct shape_chain *chain,
                               struct shape_bytes in)
{
    if (chain->source >= 0)
        in = shape->inputs[shape->sources[chain->source].input].bytes;
    for (size_t i = 0; i < chain->n; i++)
        in = flow_stage(shape, &chain->stages[i], in);
    if (chain->sink >= 0)
        append(shape, &shape->sinks[chain->sink].expected, in);
    return in;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static bool judge(struct shape *shape, struct shape_chain *chain, bool drains);

static uint32_t bit(int code)
{
    return (uint32_t)1 << -code;
}

/* A stage fails on its input; `sure` if it gets to see it. */
static void note_failure(struct shape *shape, const struct shape_chain *chain,
                         const struct shape_stage *stage, bool sure)
{
    struct shape_unit *unit = &shape->units[chain->unit];

    unit->may |= bit(stage->failed);
    if (stage->op->codes[1])
        unit->may |= bit(stage->op->codes[1]);
    unit->must = unit->must || sure;
}

/* Does one of the ways out of the junction read the stream to its end? */
static bool judge_ports(struct shape *shape, struct shape_chain *chain, struct shape_stage *stage,
                        bool drains)
{
    for (size_t i = 0; i < stage->n_branches; i++) {
        struct shape_chain *branch = stage->branches[i];
        bool all = judge(shape, branch, true);

        drains = drains || (all && !branch->fails_inside);
        if (branch->unit == chain->unit)
            chain->fails_inside = chain->fails_inside || branch->fails_inside;
    }
    return drains;
}

static bool judge_stage(struct shape *shape, struct shape_chain *chain, struct shape_stage *stage,
                        bool drains)
{
    const struct shape_op *op = stage->op;

    if (stage->failed) {
        bool sees_all = (drains || (op->flags & SHAPE_ALL)) && !(chain->lossy && op->fails);

        note_failure(shape, chain, stage, sees_all);
        chain->fails_inside = true;
        drains = false;
    }
    switch (op->kind) {
    case SHAPE_SIMPLE:
        if (op->flags & SHAPE_EARLY)
            return false;
        return !stage->failed && (drains || (op->flags & SHAPE_ALL));
    case SHAPE_TEE:
    case SHAPE_ROUTE:
        return judge_ports(shape, chain, stage, drains);
    case SHAPE_SPLIT:
        judge(shape, stage->branches[0], true);
        chain->fails_inside = chain->fails_inside || stage->branches[0]->fails_inside;
        return !stage->branches[0]->fails_inside;
    default:
        for (size_t i = 0; i < stage->n_branches; i++) {
            judge(shape, stage->branches[i], drains);
            chain->fails_inside = chain->fails_inside || stage->branches[i]->fails_inside;
        }
        return true;
    }
}

/* Does the chain read its input to the end? `drains`: does what follows it? */
static bool judge(struct shape *shape, struct shape_chain *chain, bool drains)
{
    if (chain->sink >= 0) {
        const struct shape_sink *sink = &shape->sinks[chain->sink];

        drains = !sink->end_at && !sink->fail_at;
        if (sink->fail_at) { /* whether it comes to that call is known after the run */
            shape->units[chain->unit].may |= bit(LEAT_EIO);
            chain->fails_inside = true;
        }
    }
    for (size_t i = chain->n; i-- > 0;)
        drains = judge_stage(shape, chain, &chain->stages[i], drains);
    return drains;
}

void shape_model(struct shape *shape)
{
    flow(shape, shape->chain, none);
    judge(shape, shape->chain, true);
}
