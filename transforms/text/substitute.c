/* substitute.c - puts a text in the place of matches in each line.
 *
 * The cursor stays at the start of a line while its matches are replaced, because a later search may need the whole
 * line again. Bytes between are copied where they are few, and else passed by reference. A step that runs out of room
 * keeps the match, relative to the cursor, and the text that it has made already.
 */

#include "substitute.h"

#include <string.h>

#include "base/invariant.h"
#include "copy.h"
#include "emit.h"

/* More bytes than these are passed by reference. */
#define COPY_MAX 2048u

/* Makes some room, if there is none left; false: there is none now. */
static bool has_room(struct leat_emit *e)
{
    if (e->at == e->room) {
        leat_emit_end(e);
        e->room = leat_reserve(e->out, &e->to);
    }
    return e->room > 0;
}

static size_t pass(struct leat_emit *e, struct leat_in *in, size_t n)
{
    size_t done;

    if (n > COPY_MAX) {
        leat_emit_end(e);
        return leat_pass(e->out, in, n);
    }
    done = leat_emit_some(e, in->data + in->pos, n);
    in->pos += done;
    return done;
}

static bool put_pending(struct leat_substitute *u, struct leat_emit *e)
{
    if (u->pending_at < u->pending_len)
        u->pending_at +=
            leat_emit_some(e, u->pending + u->pending_at, u->pending_len - u->pending_at);
    return u->pending_at == u->pending_len;
}

/* Makes room for n bytes that are to be output later. */
static int keep_pending(struct leat_stage *s, struct leat_substitute *u, size_t n)
{
    leat_assert(u->pending_at == u->pending_len);
    u->pending_at = u->pending_len = 0;
    if (n <= u->pending_room)
        return 0;
    leat_free(s, u->pending);
    u->pending_room = 0;
    u->pending = leat_alloc_raw(s, n + n / 2);
    if (!u->pending)
        return LEAT_ENOMEM;
    u->pending_room = n + n / 2;
    return 0;
}

/* --- matches ---------------------------------------------------------------------------------- */

static size_t match_start(const struct leat_substitute *u)
{
    return (size_t)(u->origin + (ptrdiff_t)u->groups[0]);
}

static size_t match_end(const struct leat_substitute *u)
{
    return (size_t)(u->origin + (ptrdiff_t)u->groups[1]);
}

/* Finds the next match, from an offset from the cursor on. */
static int find(struct leat_stage *s, struct leat_substitute *u, const struct leat_in *in,
                size_t from, bool not_empty)
{
    const uint8_t *data = in->data + in->pos;
    size_t len = in->len - in->pos, base = 0;
    int r = leat_finder_next(u->finder, data, len, from, not_empty, &base);
    const char *why;

    if (r < 0) {
        why = leat_finder_why(u->finder);
        return why ? leat_fail_at(s, r, in->offset + in->pos + base, "%s", why) : r;
    }
    u->have = r > 0;
    u->groups = leat_finder_match(u->finder);
    u->origin = (ptrdiff_t)base;
    u->searched = len;
    return 0;
}

/* The bytes from `from`, the start of a line, up to the line of the match, or all. */
static void set_gap(struct leat_substitute *u, const struct leat_in *in, size_t from)
{
    const uint8_t *data = in->data + in->pos, *before;

    if (!u->have) {
        u->gap = u->searched;
        return;
    }
    before = memrchr(data + from, u->eol, match_start(u) - from);
    u->gap = before ? (size_t)(before - data) + 1 : from;
}

/* The cursor has gone on. */
static void consumed(struct leat_substitute *u, size_t n)
{
    leat_assert(n <= u->gap && n <= u->searched);
    u->gap -= n;
    u->searched -= n;
    u->origin -= (ptrdiff_t)n;
}

static void begin_line(struct leat_substitute *u, const struct leat_in *in)
{
    const uint8_t *data = in->data + in->pos, *end;
    size_t len = in->len - in->pos, start = match_start(u);

    leat_assert(start <= len);
    end = memchr(data + start, u->eol, len - start);
    u->line_end = end ? (size_t)(end - data) : len;
    u->line_len = u->line_end + (end != NULL);
    u->in_line = true;
    u->at = 0;
    u->matches = 0;
}

/* The rest of the line stays as it is; the cursor goes to it. */
static void end_line(struct leat_substitute *u, struct leat_in *in, bool finished)
{
    size_t at = u->at;

    leat_assert(at <= u->line_len);
    if (finished) { /* the next match is not yet searched for */
        u->have = false;
        u->gap = u->line_len;
    } else {
        set_gap(u, in, u->line_len);
    }
    u->in_line = false;
    in->pos += at;
    consumed(u, at);
}

/* --- output ----------------------------------------------------------------------------------- */

/* Outputs what is before the match, and then the text for it. Returns 1; 0 if there is no room for all, and then the
 * rest is pending, or u->at tells how much is left; or an error. */
static int put_match(struct leat_stage *s, struct leat_substitute *u, const struct leat_in *in,
                     struct leat_emit *e)
{
    const uint8_t *line = in->data + in->pos;
    size_t start = match_start(u), n;
    int r;

    leat_assert(start >= u->at && match_end(u) <= u->line_end);
    u->at += leat_emit_some(e, line + u->at, start - u->at);
    if (u->at < start)
        return 0;
    if (u->matches + 1 < u->first)
        return 1;
    if (!has_room(e))
        return 0;
    n = leat_replacement_put(u->text, line + u->origin, u->groups, e->to + e->at, e->room - e->at);
    if (n <= e->room - e->at) {
        e->at += n;
    } else {
        r = keep_pending(s, u, n);
        if (r < 0)
            return r;
        u->pending_len =
            leat_replacement_put(u->text, line + u->origin, u->groups, u->pending, u->pending_room);
        leat_assert(u->pending_len == n);
    }
    u->at = match_end(u);
    return 1;
}

/* Replaces matches in the line at the cursor. Returns 1 when done, 0 if there is no room, or an error. */
static int step_line(struct leat_stage *s, struct leat_substitute *u, struct leat_in *in,
                     struct leat_emit *e)
{
    while (u->have && match_start(u) <= u->line_end) {
        size_t start = match_start(u), end = match_end(u);
        int r = put_match(s, u, in, e);

        if (r <= 0)
            return r;
        u->matches++;
        if (u->matches >= u->last) {
            end_line(u, in, true);
            return put_pending(u, e);
        }
        r = find(s, u, in, end, !u->adjacent || start == end);
        if (r < 0)
            return r;
        if (!put_pending(u, e))
            return 0;
    }
    end_line(u, in, false);
    return 1;
}

/* --- with room for all ------------------------------------------------------------------------ */

/* Only the first match of each line: replaces the one that was found. Returns false if there is too little room. */
static bool replace_first(struct leat_substitute *u, struct leat_in *in, struct leat_emit *e)
{
    const uint8_t *data = in->data + in->pos, *eol;
    size_t start = match_start(u), end = match_end(u), room, n;
    uint8_t *to;

    if (!has_room(e) || start > COPY_MAX || start > e->room - e->at)
        return false;
    to = e->to + e->at;
    room = e->room - e->at - start;
    n = leat_replacement_put(u->text, data + u->origin, u->groups, to + start, room);
    if (n > room)
        return false;
    leat_copy(to, data, start);
    e->at += start + n;
    in->pos += end;
    u->searched -= end;
    eol = memchr(data + end, u->eol, u->searched);
    u->gap = eol ? (size_t)(eol - data) + 1 - end : u->searched;
    u->have = false;
    return true;
}

/* A fixed string and a fixed text, from the cursor on, while bytes are copied and there is room. */
static void replace_fixed(struct leat_substitute *u, struct leat_in *in, struct leat_emit *e,
                          const struct leat_literal *literal, const uint8_t *text, size_t text_len)
{
    const uint8_t *at = in->data + in->pos, *end = in->data + in->len;
    size_t used = e->at;

    while (at < end) {
        const uint8_t *hit = leat_literal_find(literal, at, (size_t)(end - at)), *eol;
        size_t gap = (size_t)((hit ? hit : end) - at);

        if (!hit || gap > COPY_MAX || gap + text_len > e->room - used) {
            u->gap = u->searched = hit ? 0 : gap;
            break;
        }
        leat_copy(e->to + used, at, gap);
        leat_copy(e->to + used + gap, text, text_len);
        used += gap + text_len;
        at = hit + literal->len;
        if (u->last > 1)
            continue;
        eol = memchr(at, u->eol, (size_t)(end - at));
        u->gap = u->searched = (size_t)((eol ? eol + 1 : end) - at);
        if (u->gap > COPY_MAX || u->gap > e->room - used)
            break;
        leat_copy(e->to + used, at, u->gap);
        used += u->gap;
        at += u->gap;
        u->gap = 0;
    }
    in->pos = (size_t)(at - in->data);
    e->at = used;
}

/* Searches from the cursor on, which is at the start of a line, or after a match if all are replaced. */
static int search(struct leat_stage *s, struct leat_substitute *u, struct leat_in *in,
                  struct leat_emit *e)
{
    const struct leat_literal *literal = leat_finder_literal(u->finder);
    size_t len, before = in->pos;
    const uint8_t *text = leat_replacement_constant(u->text, &len);
    int r;

    if (literal && text && u->first == 1 && (u->last == 1 || u->last == UINT64_MAX) &&
        has_room(e)) {
        replace_fixed(u, in, e, literal, text, len);
        if (in->pos > before || u->gap > 0)
            return 1;
    }
    r = find(s, u, in, 0, false);
    if (r < 0)
        return r;
    if (!u->have || u->last > 1 || !replace_first(u, in, e))
        set_gap(u, in, 0);
    return 1;
}

static int step(struct leat_stage *s, struct leat_substitute *u, struct leat_in *in,
                struct leat_emit *e)
{
    for (;;) {
        size_t left = in->len - in->pos, n;
        int r = 1;

        if (!put_pending(u, e))
            return LEAT_MORE;
        if (left == 0)
            return in->end ? LEAT_END : LEAT_MORE;
        if (u->gap > 0) {
            n = pass(e, in, u->gap < left ? u->gap : left);
            consumed(u, n);
            r = u->gap == 0 || in->pos == in->len;
        } else if (u->in_line) {
            r = step_line(s, u, in, e);
        } else if (u->have) {
            begin_line(u, in);
        } else {
            r = search(s, u, in, e);
        }
        if (r < 0)
            return r;
        if (r == 0)
            return LEAT_MORE;
    }
}

int leat_substitute_step(struct leat_stage *s, struct leat_substitute *u, struct leat_in *in,
                         struct leat_out *out)
{
    struct leat_emit e = {.out = out};
    int r;

    leat_finder_begin(u->finder);
    r = step(s, u, in, &e);
    leat_emit_end(&e);
    return r;
}

void leat_substitute_begin(struct leat_substitute *u)
{
    u->gap = 0;
    u->have = u->in_line = false;
    leat_assert(u->pending_at == u->pending_len);
}

void leat_substitute_close(struct leat_stage *s, struct leat_substitute *u)
{
    leat_free(s, u->pending);
    u->pending = NULL;
    leat_finder_free(u->finder);
    u->finder = NULL;
}
