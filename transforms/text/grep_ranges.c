/* grep_ranges.c - finds out which bytes of the input are selected lines.
 *
 * The search (match.h) finds the next matching line in the input of the step. The lines before it
 * are one range, the gap. Ranges are counted in bytes from the input cursor, so a step that runs
 * out of room continues there without a second search.
 */

#include "base/invariant.h"
#include "grep.h"
#include "scan.h"

static int fail_at(struct leat_stage *s, int code, uint64_t offset)
{
    struct leat_grep *g = leat_state(s);
    const char *why = leat_matcher_why(g->matcher);

    return why ? leat_fail_at(s, code, offset, "%s", why) : code;
}

/* Finds the next matching line at or after `from`: gap and hit; hit is 0 if there is none. */
static int search(struct leat_stage *s, const struct leat_in *in, size_t from, size_t *ret_gap,
                  size_t *ret_hit)
{
    struct leat_grep *g = leat_state(s);
    size_t start = from, end = in->len;
    int r = 0;

    if (from < in->len)
        r = leat_matcher_line(g->matcher, in->data, in->len, from, &start, &end);
    if (r < 0)
        return fail_at(s, r, in->offset + start);
    *ret_gap = r ? start - from : in->len - from;
    *ret_hit = r ? end - start : 0;
    return 0;
}

/* Finds the next gap and hit after the known ones. Consecutive matching lines become one hit, so
 * that they are passed on at once. */
int leat_grep_find(struct leat_stage *s, const struct leat_in *in)
{
    struct leat_grep *g = leat_state(s);
    int r = 0;

    leat_assert(in->pos < in->len);
    g->is_gap = true;
    if (g->gap_after || g->hit_after) {
        g->gap = g->gap_after;
        g->hit = g->hit_after;
    } else {
        r = search(s, in, in->pos, &g->gap, &g->hit);
    }
    g->gap_after = g->hit_after = 0;
    while (r == 0 && g->hit > 0 && in->pos + g->gap + g->hit < in->len) {
        r = search(s, in, in->pos + g->gap + g->hit, &g->gap_after, &g->hit_after);
        if (r < 0 || g->gap_after > 0)
            break;
        g->hit += g->hit_after;
        g->hit_after = 0;
    }
    return r;
}

size_t *leat_grep_range(struct leat_grep *g)
{
    if (g->is_gap && g->gap == 0)
        g->is_gap = false;
    if (g->is_gap)
        return &g->gap;
    return g->hit > 0 ? &g->hit : NULL;
}

int leat_grep_count(struct leat_stage *s, struct leat_in *in)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    const uint8_t *data = in->data + in->pos, eol = leat_grep_eol(p);
    size_t len = in->len - in->pos, at = 0;
    uint64_t lines;
    int r = leat_matcher_count(g->matcher, data, len, &lines, &at);

    if (r < 0)
        return fail_at(s, r, in->offset + in->pos + at);
    if (p->invert)
        lines = leat_scan_count(data, len, eol) + (data[len - 1] != eol) - lines;
    g->selected += lines;
    in->pos = in->len;
    return 0;
}
