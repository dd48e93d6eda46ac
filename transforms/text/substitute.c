/* substitute.c - puts a text in the place of matches in each line.
 *
 * The cursor stays at the start of a line while its matches are replaced, because a later search may need the whole
 * line again. Bytes between are copied where they are few, and else passed by reference. A step that runs out of room
 * keeps the match, relative to the cursor, and the text that it has made already.
 */

#include "substitute.h"

#include <string.h>

#include "base/invariant.h"

/* More bytes than these are passed by reference. */
#define COPY_MAX 2048u

/* The room of the writer that is not yet committed. */
struct sink {
    struct leat_out *out;
    uint8_t *to;
    size_t room, used;
};

static void sink_commit(struct sink *k)
{
    if (k->room > 0)
        leat_commit(k->out, k->used);
    k->room = k->used = 0;
}

/* Makes some room, if there is none left; false: there is none now. */
static bool sink_more(struct sink *k)
{
    if (k->used < k->room)
        return true;
    sink_commit(k);
    k->room = leat_reserve(k->out, &k->to);
    return k->room > 0;
}

/* Copies as many of n bytes as there is room for; returns how many. */
static size_t sink_put(struct sink *k, const uint8_t *data, size_t n)
{
    size_t done = 0;

    while (done < n && sink_more(k)) {
        size_t part = n - done < k->room - k->used ? n - done : k->room - k->used;

        memcpy(k->to + k->used, data + done, part);
        k->used += part;
        done += part;
    }
    return done;
}

static size_t sink_pass(struct sink *k, struct leat_in *in, size_t n)
{
    size_t done;

    if (n > COPY_MAX) {
        sink_commit(k);
        return leat_pass(k->out, in, n);
    }
    done = sink_put(k, in->data + in->pos, n);
    in->pos += done;
    return done;
}

static bool put_pending(struct leat_substitute *u, struct sink *k)
{
    if (u->pending_at < u->pending_len)
        u->pending_at += sink_put(k, u->pending + u->pending_at, u->pending_len - u->pending_at);
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
    return (size_t)(u->origin + (ptrdiff_t)leat_finder_match(u->finder)[0]);
}

static size_t match_end(const struct leat_substitute *u)
{
    return (size_t)(u->origin + (ptrdiff_t)leat_finder_match(u->finder)[1]);
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
                     struct sink *k)
{
    const uint8_t *line = in->data + in->pos;
    const size_t *groups = leat_finder_match(u->finder);
    size_t start = match_start(u), n;
    int r;

    leat_assert(start >= u->at && match_end(u) <= u->line_end);
    u->at += sink_put(k, line + u->at, start - u->at);
    if (u->at < start)
        return 0;
    if (u->matches + 1 < u->first)
        return 1;
    if (!sink_more(k))
        return 0;
    n = leat_replacement_put(u->text, line + u->origin, groups, k->to + k->used, k->room - k->used);
    if (n <= k->room - k->used) {
        k->used += n;
    } else {
        r = keep_pending(s, u, n);
        if (r < 0)
            return r;
        u->pending_len =
            leat_replacement_put(u->text, line + u->origin, groups, u->pending, u->pending_room);
        leat_assert(u->pending_len == n);
    }
    u->at = match_end(u);
    return 1;
}

/* Replaces matches in the line at the cursor. Returns 1 when done, 0 if there is no room, or an error. */
static int step_line(struct leat_stage *s, struct leat_substitute *u, struct leat_in *in,
                     struct sink *k)
{
    while (u->have && match_start(u) <= u->line_end) {
        size_t start = match_start(u), end = match_end(u);
        int r = put_match(s, u, in, k);

        if (r <= 0)
            return r;
        u->matches++;
        if (u->matches >= u->last) {
            end_line(u, in, true);
            return put_pending(u, k);
        }
        r = find(s, u, in, end, !u->adjacent || start == end);
        if (r < 0)
            return r;
        if (!put_pending(u, k))
            return 0;
    }
    end_line(u, in, false);
    return 1;
}

static int step(struct leat_stage *s, struct leat_substitute *u, struct leat_in *in, struct sink *k)
{
    for (;;) {
        size_t left = in->len - in->pos, n;
        int r = 1;

        if (!put_pending(u, k))
            return LEAT_MORE;
        if (left == 0)
            return in->end ? LEAT_END : LEAT_MORE;
        if (u->gap > 0) {
            n = sink_pass(k, in, u->gap < left ? u->gap : left);
            consumed(u, n);
            r = u->gap == 0 || in->pos == in->len;
        } else if (u->in_line) {
            r = step_line(s, u, in, k);
        } else if (u->have) {
            begin_line(u, in);
        } else {
            r = find(s, u, in, 0, false);
            if (r == 0) {
                set_gap(u, in, 0);
                r = 1;
            }
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
    struct sink k = {.out = out};
    int r;

    leat_finder_begin(u->finder);
    r = step(s, u, in, &k);
    sink_commit(&k);
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
