/* fields_lines.c - selects fields of whole lines in any order.
 *
 * The fields of a short list without ranges are looked up by masks (fields_form.inc), and those that count from the end
 * from there. For any other list a walker goes through the fields of a line, and goes back to the first one where the list does.
 */

#include "fields_lines.h"

#include "base/invariant.h"
#include "copy.h"
#include "masks.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

struct part {
    const uint8_t *from, *until;
};

static struct part last_separated(const uint8_t *line, const uint8_t *end, uint8_t separator,
                                  uint64_t n)
{
    struct part part = {.from = line, .until = line};

    if (line == end)
        return part;
    for (;;) {
        const uint8_t *hit = memrchr(line, separator, (size_t)(end - line));

        n--;
        if (n == 0)
            return (struct part){hit ? hit + 1 : line, end};
        if (!hit)
            return part;
        end = hit;
    }
}

/* The n-th field from the end of a line; empty if the line does not have so many. */
static struct part last_field(const struct leat_fields *f, const uint8_t *line, const uint8_t *end,
                              uint64_t n)
{
    const uint8_t *from = end;

    leat_assert(n > 0);
    leat_assert(f->separator_len <= 1);
    if (f->separator)
        return last_separated(line, end, (uint8_t)f->separator[0], n);
    for (; n > 0; n--) {
        end = from;
        while (end > line && is_blank(end[-1]))
            end--;
        from = end;
        while (from > line && !is_blank(from[-1]))
            from--;
        if (from == end)
            break;
    }
    return (struct part){from, end};
}

#define TARGET
#define MASK leat_mask_plain
#define NTH leat_mask_nth_plain
#define FORM(name) name##_plain
#include "fields_form.inc"
#undef TARGET
#undef MASK
#undef NTH
#undef FORM

#if defined(LEAT_MASKS_TARGET)
#define TARGET LEAT_MASKS_TARGET
#define MASK leat_mask_fast
#define NTH leat_mask_nth_fast
#define FORM(name) name##_fast
#include "fields_form.inc"
#undef TARGET
#undef MASK
#undef NTH
#undef FORM
#endif

/* --- the list --------------------------------------------------------------------------------- */

static unsigned add_slot(struct leat_fields *f, uint64_t field)
{
    unsigned i = 0;

    while (i < f->n_slots && f->slot_field[i] < field)
        i++;
    if (i < f->n_slots && f->slot_field[i] == field)
        return i;
    leat_assert(f->n_slots < LEAT_FIELDS_SLOTS);
    memmove(f->slot_field + i + 1, f->slot_field + i, (f->n_slots - i) * sizeof *f->slot_field);
    f->slot_field[i] = field;
    f->n_slots++;
    return i;
}

void leat_fields_init(struct leat_fields *f)
{
    size_t longest = f->between_len > 1 ? f->between_len : 1;

    leat_assert(f->n_items > 0);
    f->growth = f->n_items * longest + (f->n_items - 1) * f->between_len;
    f->n_slots = 0;
    f->simple = f->n_items <= LEAT_FIELDS_SLOTS && (!f->separator || f->separator_len == 1);
    for (size_t i = 0; i < f->n_items && f->simple; i++)
        f->simple = !f->items[i].is_range;
    if (!f->simple)
        return;
    for (size_t i = 0; i < f->n_items; i++)
        if (f->items[i].from > 0)
            add_slot(f, (uint64_t)f->items[i].from);
    for (size_t i = 0; i < f->n_items; i++)
        if (f->items[i].from > 0)
            f->item_slot[i] = (uint8_t)add_slot(f, (uint64_t)f->items[i].from);
}

/* --- walking through a line ------------------------------------------------------------------- */

struct walker {
    const struct leat_fields *f;
    const uint8_t *line, *end;   /* without its end */
    const uint8_t *from, *until; /* the current field */
    int64_t field;               /* its number; 0: before the first one */
    int64_t count;               /* of fields in the line; -1: not known */
};

/* Goes to the next field. Returns false if there is none. */
static bool next(struct walker *w)
{
    const struct leat_fields *f = w->f;
    const uint8_t *at = w->until, *hit;

    if (f->separator) {
        if (w->line == w->end || (w->field > 0 && at == w->end))
            return false;
        at += w->field > 0 ? f->separator_len : 0;
        hit = memmem(at, (size_t)(w->end - at), f->separator, f->separator_len);
        w->until = hit ? hit : w->end;
    } else {
        while (at < w->end && is_blank(*at))
            at++;
        if (at == w->end)
            return false;
        w->until = at;
        while (w->until < w->end && !is_blank(*w->until))
            w->until++;
    }
    w->from = at;
    w->field++;
    return true;
}

static void rewind_line(struct walker *w)
{
    w->from = w->until = w->line;
    w->field = 0;
}

/* Returns false if the line has no such field. */
static bool go_to(struct walker *w, int64_t field)
{
    leat_assert(field > 0);
    if (w->field > field)
        rewind_line(w);
    while (w->field < field)
        if (!next(w))
            return false;
    return true;
}

static int64_t count(struct walker *w)
{
    if (w->count < 0) {
        while (next(w))
            continue;
        w->count = w->field;
        rewind_line(w);
    }
    return w->count;
}

/* The number from the start; 0 or less: before the first field. */
static int64_t from_start(struct walker *w, int64_t field)
{
    return field > 0 ? field : count(w) + 1 + field;
}

struct sink {
    uint8_t *to; /* NULL: only count */
    size_t n;
};

static void put(struct sink *s, const void *from, size_t n)
{
    if (s->to)
        memcpy(s->to + s->n, from, n);
    s->n += n;
}

/* Outputs the fields of a range that the line has. *any: `between` must come first. */
static void put_range(struct walker *w, const struct leat_fields_item *item, bool *any,
                      struct sink *s)
{
    int64_t from = from_start(w, item->from), to = from_start(w, item->to);

    for (int64_t field = from > 0 ? from : 1; field <= to && go_to(w, field); field++) {
        if (*any)
            put(s, w->f->between, w->f->between_len);
        put(s, w->from, (size_t)(w->until - w->from));
        *any = true;
    }
}

static void put_line(const struct leat_fields *f, const uint8_t *line, size_t n, struct sink *s)
{
    struct walker w = {.f = f, .line = line, .end = line + n, .count = -1};
    bool any = false;

    rewind_line(&w);
    for (size_t i = 0; i < f->n_items; i++) {
        const struct leat_fields_item *item = &f->items[i];
        int64_t field;

        if (item->is_range) {
            put_range(&w, item, &any, s);
            continue;
        }
        field = from_start(&w, item->from);
        if (any)
            put(s, f->between, f->between_len);
        if (field > 0 && go_to(&w, field))
            put(s, w.from, (size_t)(w.until - w.from));
        any = true;
    }
    put(s, &f->end, 1);
}

static size_t select_slowly(const struct leat_fields *f, const uint8_t *lines, size_t n,
                            uint8_t *to)
{
    struct sink s = {.to = to};

    while (n > 0) {
        const uint8_t *end = memchr(lines, f->end, n);
        size_t len = end ? (size_t)(end - lines) : n;

        put_line(f, lines, len, &s);
        lines += len + (end != NULL);
        n -= len + (end != NULL);
    }
    return s.n;
}

size_t leat_fields_lines(const struct leat_fields *f, const uint8_t *lines, size_t n, uint8_t *to,
                         size_t room, bool fast)
{
    leat_assert(n > 0);
    if (!f->simple || room < n * f->growth || lines[n - 1] != f->end)
        return select_slowly(f, lines, n, to);
#if defined(LEAT_MASKS_TARGET)
    if (fast)
        return fields_lines_fast(f, lines, n, to);
#endif
    (void)fast;
    return fields_lines_plain(f, lines, n, to);
}
