/* grep_output.c - writes lines: with numbers and colours, or only their matches.
 *
 * A line is written in turns: text that is made here (a number, a colour), then a span of the
 * line's bytes. Both are kept in the state, so a step without room stops anywhere. Colours are the
 * defaults of GNU grep's GREP_COLORS, byte for byte.
 */

#include <string.h>

#include "base/invariant.h"
#include "grep.h"

#define SGR_END "\33[m\33[K"
#define SGR_MATCH "\33[01;31m\33[K"
#define SGR_NUMBER "\33[32m\33[K"
#define SGR_SEPARATOR "\33[36m\33[K"

void leat_grep_out_done(struct leat_grep_out *out)
{
    if (out->room > 0)
        leat_commit(out->out, out->n);
    out->n = out->room = 0;
}

/* Returns how many bytes were written. */
static size_t write_bytes(struct leat_grep_out *out, const void *data, size_t n)
{
    const uint8_t *from = data;
    size_t left = n;

    while (left > 0) {
        size_t k = out->room - out->n;

        if (k == 0) {
            leat_grep_out_done(out);
            k = out->room = leat_reserve(out->out, &out->to);
            if (k == 0)
                break;
        }
        if (k > left)
            k = left;
        memcpy(out->to + out->n, from, k);
        out->n += k;
        from += k;
        left -= k;
    }
    return n - left;
}

bool leat_grep_flush(struct leat_grep *g, struct leat_grep_out *out)
{
    leat_assert(g->text_at <= g->text_len);
    if (g->text_at < g->text_len)
        g->text_at += write_bytes(out, g->text + g->text_at, g->text_len - g->text_at);
    if (g->text_at < g->text_len)
        return false;
    g->text_at = g->text_len = 0;
    return true;
}

/* --- text ------------------------------------------------------------------------------------- */

void leat_grep_put(struct leat_grep *g, const char *bytes, size_t n)
{
    leat_assert(n <= sizeof g->text - g->text_len);
    memcpy(g->text + g->text_len, bytes, n);
    g->text_len += n;
}

static void put(struct leat_grep *g, const char *string)
{
    leat_grep_put(g, string, strlen(string));
}

void leat_grep_put_number(struct leat_grep *g, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    leat_grep_put(g, digits + at, sizeof digits - at);
}

static void put_field(struct leat_grep *g, uint64_t number, const char *after, bool colored)
{
    put(g, colored ? SGR_NUMBER : "");
    leat_grep_put_number(g, number);
    put(g, colored ? SGR_END SGR_SEPARATOR : "");
    put(g, after);
    put(g, colored ? SGR_END : "");
}

static bool is_colored(const struct leat_grep_params *p)
{
    return p->color == LEAT_GREP_COLOR_ALWAYS;
}

/* The line number and the offset, as asked for. */
static void put_head(struct leat_grep *g, const struct leat_grep_params *p, bool selected,
                     uint64_t offset)
{
    const char *after = selected ? ":" : "-";

    if (p->line_number)
        put_field(g, g->lines, after, is_colored(p));
    if (p->byte_offset)
        put_field(g, offset, after, is_colored(p));
}

void leat_grep_put_separator(struct leat_grep *g, const struct leat_grep_params *p)
{
    put(g, is_colored(p) ? SGR_SEPARATOR : "");
    put(g, p->separator);
    put(g, is_colored(p) ? SGR_END "\n" : "\n");
}

/* --- a line ----------------------------------------------------------------------------------- */

int leat_grep_pass(struct leat_stage *s, struct leat_in *in, struct leat_grep_out *out,
                   size_t *left, size_t n)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    const char eol = (char)leat_grep_eol(p);
    bool lacks_end = in->data[in->pos + n - 1] != (uint8_t)eol;
    size_t done;

    leat_assert(n > 0 && n <= in->len - in->pos);
    leat_grep_out_done(out);
    done = leat_pass(out->out, in, n);
    *left -= done;
    if (done < n)
        return 0;
    if (lacks_end)
        leat_grep_put(g, &eol, 1);
    return 1;
}

/* Finds the next match that is not empty. Returns 1, 0 or an error. */
static int next_part(struct leat_stage *s, const struct leat_grep_line *line, size_t len)
{
    struct leat_grep *g = leat_state(s);
    const char *why;
    size_t start, end;
    int r = 0;

    while (g->part_from < len) {
        r = leat_matcher_part(g->matcher, line->bytes, len, g->part_from, &start, &end);
        if (r <= 0)
            break;
        if (start == len)
            return 0;
        if (end > start) {
            leat_assert(start >= g->part_from && end <= len);
            g->part_at = start;
            g->part_len = end - start;
            g->part_from = end;
            return 1;
        }
        g->part_from = start + 1;
        r = 0;
    }
    why = leat_matcher_why(g->matcher);
    return r < 0 && why ? leat_fail_at(s, r, line->offset, "%s", why) : r;
}

/* Begins with the match that was found last. */
static void begin_part(struct leat_grep *g, const struct leat_grep_params *p,
                       const struct leat_grep_line *line)
{
    if (p->only_matching)
        put_head(g, p, line->selected, line->offset + g->part_at);
    put(g, is_colored(p) ? SGR_MATCH : "");
    g->span_at = g->part_at;
    g->span_left = g->part_len;
    g->has_part = false;
    g->in_part = true;
}

/* Decides what is written after the span. Returns 1, 0: nothing more, or an error. */
static int go_on(struct leat_stage *s, const struct leat_grep_line *line, size_t len)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    const char eol = (char)leat_grep_eol(p);
    bool with_parts = (p->only_matching || is_colored(p)) && line->selected != (p->invert != 0);
    size_t written = g->span_at;
    int r;

    if (g->at_tail)
        return 0;
    if (g->has_part) {
        begin_part(g, p, line);
        return 1;
    }
    if (g->in_part) {
        put(g, is_colored(p) ? SGR_END : "");
        leat_grep_put(g, &eol, p->only_matching);
    }
    g->in_part = false;
    r = with_parts ? next_part(s, line, len) : 0;
    if (r < 0)
        return r;
    g->has_part = r > 0;
    if (p->only_matching) {
        g->at_tail = r == 0;
        if (r > 0)
            begin_part(g, p, line);
        return 1;
    }
    g->at_tail = r == 0;
    g->span_left = (r > 0 ? g->part_at : line->len) - written;
    if (g->at_tail && line->len == len) /* GNU adds the line end that is missing */
        g->span_left = len - written;
    return 1;
}

/* The span and the text that come first. */
static void begin_line(struct leat_grep *g, const struct leat_grep_params *p,
                       const struct leat_grep_line *line)
{
    g->in_line = true;
    g->part_from = g->span_at = g->span_left = 0;
    g->has_part = g->in_part = g->at_tail = false;
    if (!p->only_matching)
        put_head(g, p, line->selected, line->offset);
}

int leat_grep_write_line(struct leat_stage *s, const struct leat_grep_line *line,
                         struct leat_grep_out *out)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    const char eol = (char)leat_grep_eol(p);
    bool lacks_end = line->len == 0 || line->bytes[line->len - 1] != (uint8_t)eol;
    size_t len = line->len - !lacks_end, n;
    int r;

    if (!g->in_line)
        begin_line(g, p, line);
    do {
        if (!leat_grep_flush(g, out))
            return 0;
        leat_assert(g->span_left <= line->len - g->span_at);
        n = write_bytes(out, line->bytes + g->span_at, g->span_left);
        g->span_at += n;
        g->span_left -= n;
        if (g->span_left > 0)
            return 0;
        r = go_on(s, line, len);
    } while (r > 0);
    if (r < 0)
        return r;
    g->in_line = false;
    if (lacks_end && !p->only_matching)
        leat_grep_put(g, &eol, 1);
    return 1;
}
