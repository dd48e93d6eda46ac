/* cut_lines.c - selects fields or bytes of whole lines.
 *
 * Fields are found by bit masks of delimiters and line ends (cut_form.inc), in a form for every processor and one for
 * AVX2. Delimiters of several bytes, and the last line if it lacks its end, go byte by byte.
 */

#include "cut_lines.h"

#include "base/invariant.h"
#include "copy.h"
#include "masks.h"

#define TARGET
#define MASK leat_mask_plain
#define NTH leat_mask_nth_plain
#define FORM(name) name##_plain
#include "cut_form.inc"
#undef TARGET
#undef MASK
#undef NTH
#undef FORM

#if defined(LEAT_MASKS_TARGET)
#define TARGET LEAT_MASKS_TARGET
#define MASK leat_mask_fast
#define NTH leat_mask_nth_fast
#define FORM(name) name##_fast
#include "cut_form.inc"
#undef TARGET
#undef MASK
#undef NTH
#undef FORM
#endif

/* --- one line, to memory or only counted ------------------------------------------------------ */

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

/* The length of the field at `from`, of n bytes to the end of the line. */
static size_t field_len(const struct leat_cut *cut, const uint8_t *from, size_t n)
{
    const uint8_t *hit = memmem(from, n, cut->delimiter, cut->delimiter_len);

    return hit ? (size_t)(hit - from) : n;
}

/* The line has n bytes without its end, and contains a delimiter. */
static void put_fields(const struct leat_cut *cut, const uint8_t *line, size_t n, struct sink *s)
{
    uint64_t field = 1;
    bool any = false;

    for (size_t i = 0; i < cut->n_ranges; field++) {
        size_t len = field_len(cut, line, n);

        if (field >= cut->ranges[i].from) {
            if (any)
                put(s, cut->between, cut->between_len);
            any = true;
            put(s, line, len);
            i += field == cut->ranges[i].to;
        }
        if (len == n)
            break;
        line += len + cut->delimiter_len;
        n -= len + cut->delimiter_len;
    }
}

static void put_line(const struct leat_cut *cut, const uint8_t *line, size_t n, struct sink *s)
{
    if (field_len(cut, line, n) < n)
        put_fields(cut, line, n, s);
    else if (cut->only_delimited)
        return;
    else
        put(s, line, n);
    put(s, &cut->end, 1);
}

static size_t cut_slowly(const struct leat_cut *cut, const uint8_t *lines, size_t n, uint8_t *to)
{
    struct sink s = {.to = to};

    while (n > 0) {
        const uint8_t *end = memchr(lines, cut->end, n);
        size_t len = end ? (size_t)(end - lines) : n;

        put_line(cut, lines, len, &s);
        lines += len + (end != NULL);
        n -= len + (end != NULL);
    }
    return s.n;
}

size_t leat_cut_fields(const struct leat_cut *cut, const uint8_t *lines, size_t n, uint8_t *to,
                       size_t room, bool fast)
{
    leat_assert(n > 0);
    leat_assert(cut->delimiter_len > 1 || (uint8_t)cut->delimiter[0] != cut->end);
    if (room < n * cut->between_len || cut->delimiter_len > 1 || lines[n - 1] != cut->end)
        return cut_slowly(cut, lines, n, to);
#if defined(LEAT_MASKS_TARGET)
    if (fast)
        return cut_lines_fast(cut, lines, n, to);
#endif
    (void)fast;
    return cut_lines_plain(cut, lines, n, to);
}

/* --- bytes ------------------------------------------------------------------------------------ */

size_t leat_cut_bytes(const struct leat_cut *cut, const uint8_t *lines, size_t n, uint8_t *to)
{
    uint8_t *const begin = to, *const limit = to + n;

    while (n > 0) {
        const uint8_t *end = memchr(lines, cut->end, n);
        size_t len = (size_t)(end - lines);

        leat_assert(end != NULL);
        for (size_t i = 0; i < cut->n_ranges && cut->ranges[i].from <= len; i++) {
            const struct leat_list_range *r = &cut->ranges[i];
            size_t from = (size_t)r->from - 1, part = (r->to < len ? (size_t)r->to : len) - from;

            if (i > 0 && cut->between_len > 0) {
                memcpy(to, cut->between, cut->between_len);
                to += cut->between_len;
            }
            leat_copy_roomy(to, to < limit ? (size_t)(limit - to) : 0, lines + from, n - from,
                            part);
            to += part;
        }
        *to++ = cut->end;
        lines += len + 1;
        n -= len + 1;
    }
    return (size_t)(to - begin);
}
