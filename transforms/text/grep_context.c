/* grep_context.c - decides which lines are output: selected ones, and those around them.
 *
 * The lines between two selected ones are, in this order: context of the first one, lines that are
 * left out, context of the second one. If the second one is not known yet, the last `before` lines
 * are copied to a queue (`hold`), because the input they are in will be gone.
 */

#include <string.h>

#include "base/invariant.h"
#include "grep.h"
#include "scan.h"

/* Skips n bytes without output. */
static void skip(struct leat_stage *s, struct leat_in *in, size_t *range, size_t n)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);

    leat_assert(n <= in->len - in->pos);
    leat_assert(n <= *range);
    if (p->line_number)
        g->lines += leat_scan_count(in->data + in->pos, n, leat_grep_eol(p));
    in->pos += n;
    *range -= n;
}

/* The bytes of the first *count lines of n bytes; *count is lowered by the lines found. A last line
 * without its end counts. */
static size_t first_lines(const uint8_t *data, size_t n, uint8_t eol, uint64_t *count)
{
    size_t len = *count > 0 ? leat_scan_skip(data, n, eol, count) : 0;

    if (*count > 0 && n > 0 && data[n - 1] != eol)
        --*count;
    return len;
}

/* -c: counts the lines of a selected range, up to the limit of -m. */
static void count_range(struct leat_grep *g, const struct leat_grep_params *p,
                        const struct leat_in *in, size_t n)
{
    const uint8_t *at = in->data + in->pos;

    g->selected += leat_scan_count(at, n, leat_grep_eol(p));
    g->selected += at[n - 1] != leat_grep_eol(p);
    if (p->max_count >= 0 && g->selected >= (uint64_t)p->max_count) {
        g->selected = (uint64_t)p->max_count;
        g->done = true;
    }
}

/* --- lines before a selected one -------------------------------------------------------------- */

/* Drops the first lines of the queue until at most `lines` are left. */
static void shorten_hold(struct leat_grep *g, uint8_t eol, uint64_t lines)
{
    uint64_t surplus = g->held_lines > lines ? g->held_lines - lines : 0;

    if (surplus == 0)
        return;
    g->held_lines -= surplus;
    g->dropped = true;
    leat_look_behind_drop(&g->hold, leat_scan_skip(leat_look_behind_bytes(&g->hold),
                                                   leat_look_behind_len(&g->hold), eol, &surplus));
    leat_assert(surplus == 0);
}

/* Keeps the last lines of n bytes at the cursor, of which the end is not the end of the gap. */
static int keep(struct leat_stage *s, struct leat_in *in, size_t *range, size_t n)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    const uint8_t *data = in->data + in->pos, eol = leat_grep_eol(p);
    uint64_t missing = g->before + 1;
    size_t from = n;
    int r;

    if (data[n - 1] != eol) { /* the input ends here: no selected line follows */
        skip(s, in, range, n);
        return 1;
    }
    if (g->before > 0)
        from = leat_scan_skip_back(data, n, eol, &missing);
    if (from > 0) {
        g->dropped = true;
        shorten_hold(g, eol, 0);
    } else {
        shorten_hold(g, eol, missing - 1);
    }
    r = leat_look_behind_add(s, &g->hold, data + from, n - from);
    if (r < 0)
        return r;
    g->held_lines += leat_scan_count(data + from, n - from, eol);
    leat_assert(g->held_lines <= g->before);
    skip(s, in, range, n);
    return 1;
}

/* Writes the separator, and the lines in the queue. Returns 1 when done; 0: no room; or fails. */
static int lead(struct leat_stage *s, const struct leat_in *in, struct leat_grep_out *out)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);

    if (g->dropped && g->used && g->has_context && !p->no_separator)
        leat_grep_put_separator(g, p);
    g->dropped = false;
    if (!leat_grep_flush(g, out))
        return 0;
    while (g->held_lines > 0) {
        struct leat_grep_line line = {.bytes = leat_look_behind_bytes(&g->hold)};
        size_t held = leat_look_behind_len(&g->hold);
        const uint8_t *end = memchr(line.bytes, leat_grep_eol(p), held);
        uint64_t lines = g->lines;
        int r;

        leat_assert(end != NULL);
        line.len = (size_t)(end - line.bytes) + 1;
        line.offset = in->offset + in->pos - held;
        g->lines -= g->held_lines - 1;
        r = leat_grep_write_line(s, &line, out);
        g->lines = lines;
        if (r <= 0)
            return r;
        leat_look_behind_drop(&g->hold, line.len);
        g->held_lines--;
    }
    return 1;
}

/* --- what comes next -------------------------------------------------------------------------- */

/* Decides on the first bytes of a range that is not selected. Returns 1, or fails the stage. */
static int decide_gap(struct leat_stage *s, struct leat_in *in, size_t *range, size_t n)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    const uint8_t *data = in->data + in->pos, eol = leat_grep_eol(p);
    uint64_t missing = g->before + 1;
    size_t from = n;

    if (!g->has_context || p->count) {
        skip(s, in, range, n);
        return 1;
    }
    if (g->pending > 0) {
        g->out_left = first_lines(data, n, eol, &g->pending);
        g->out_selected = false;
        return 1;
    }
    if (n < *range || in->pos + n == in->len)
        return keep(s, in, range, n);
    if (g->before > 0)
        from = leat_scan_skip_back(data, n, eol, &missing);
    if (from > 0) {
        g->dropped = true;
        shorten_hold(g, eol, 0);
        skip(s, in, range, from);
    } else {
        shorten_hold(g, eol, missing - 1);
    }
    g->out_left = n - from;
    g->out_selected = false;
    g->leading = true;
    return 1;
}

/* The same for a selected range. */
static void decide_hit(struct leat_grep *g, const struct leat_grep_params *p,
                       const struct leat_in *in, size_t n)
{
    g->leading = g->dropped || g->held_lines > 0;
    g->out_left = n;
    g->out_selected = true;
    if (p->max_count >= 0) {
        uint64_t left = (uint64_t)p->max_count - g->selected;

        g->out_left = first_lines(in->data + in->pos, n, leat_grep_eol(p), &left);
        g->selected = (uint64_t)p->max_count - left;
        g->done = left == 0;
    }
    g->pending = g->after;
}

/* --- output ----------------------------------------------------------------------------------- */

/* Writes the lines decided on, as many as the input has. */
static int write_lines(struct leat_stage *s, struct leat_in *in, struct leat_grep_out *out,
                       size_t *range)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    int r = 1;

    while (g->out_left > 0 && in->pos < in->len) {
        struct leat_grep_line line = {.bytes = in->data + in->pos,
                                      .offset = in->offset + in->pos,
                                      .selected = g->out_selected};
        size_t n = in->len - in->pos, before = g->out_left;
        const uint8_t *end;

        n = n < before ? n : before;
        if (g->plain) {
            r = leat_grep_pass(s, in, out, &g->out_left, n);
        } else {
            end = memchr(line.bytes, leat_grep_eol(p), n);
            line.len = end ? (size_t)(end - line.bytes) + 1 : n;
            g->lines += !g->in_line;
            r = leat_grep_write_line(s, &line, out);
            if (r > 0) {
                in->pos += line.len;
                g->out_left -= line.len;
            }
        }
        *range -= before - g->out_left;
        if (r <= 0)
            return r;
    }
    return 1;
}

int leat_grep_use(struct leat_stage *s, struct leat_in *in, struct leat_grep_out *out,
                  size_t *range)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    size_t left = in->len - in->pos, n = *range < left ? *range : left;
    int r;

    leat_assert(n > 0);
    if (g->out_left == 0) {
        if (g->is_gap != (p->invert != 0)) {
            r = decide_gap(s, in, range, n);
            if (r < 0 || g->out_left + g->leading == 0)
                return r;
        } else if (p->count) {
            count_range(g, p, in, n);
            skip(s, in, range, n);
            return 1;
        } else {
            decide_hit(g, p, in, n);
        }
    }
    if (g->leading) {
        r = lead(s, in, out);
        if (r <= 0)
            return r;
        g->leading = false;
    }
    g->used = g->used || g->out_selected;
    return write_lines(s, in, out, range);
}

int leat_grep_trail(struct leat_stage *s, struct leat_in *in, struct leat_grep_out *out)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    size_t left = in->len - in->pos, range = left;
    int r;

    if (g->out_left == 0) {
        if (g->pending == 0 || p->count)
            return 1;
        if (left == 0)
            return in->end;
        g->out_left = first_lines(in->data + in->pos, left, leat_grep_eol(p), &g->pending);
        g->out_selected = false;
    }
    r = write_lines(s, in, out, &range);
    return r > 0 && g->pending == 0 && g->out_left == 0 ? 1 : r < 0 ? r : 0;
}
