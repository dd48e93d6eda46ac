/* records.c - the ends of lines and of CSV records. */

#include "records.h"

#include <string.h>

static size_t next_line(const struct leat_records *r, const uint8_t *data, size_t n, bool *ret_end)
{
    const uint8_t *hit = n > 0 ? memchr(data, r->end, n) : NULL;

    *ret_end = hit != NULL;
    return hit ? (size_t)(hit - data) + 1 : n;
}

/* Skips text outside of quotes up to `stop`, which is a line end or the end of the input. If a
 * quoted field begins before `stop`, returns where its text begins, else `stop`. A quote inside a
 * plain field is an ordinary byte. */
static const uint8_t *skip_plain(struct leat_records *r, const uint8_t *at, const uint8_t *stop)
{
    while (at < stop) {
        const uint8_t *quote = memchr(at, r->quote, (size_t)(stop - at));

        if (!quote) {
            r->field = stop[-1] == r->separator ? LEAT_FIELD_START : LEAT_FIELD_PLAIN;
            return stop;
        }
        if (quote == at ? r->field == LEAT_FIELD_START : quote[-1] == r->separator) {
            r->field = LEAT_FIELD_QUOTED;
            return quote + 1;
        }
        r->field = LEAT_FIELD_PLAIN;
        at = quote + 1;
    }
    return stop;
}

/* After a quote inside a quoted field: either it is doubled, or the field has ended. */
static const uint8_t *after_quote(struct leat_records *r, const uint8_t *at)
{
    if (*at == r->quote) {
        r->field = LEAT_FIELD_QUOTED;
        return at + 1;
    }
    r->field = LEAT_FIELD_PLAIN;
    if (*at != r->separator)
        return at;
    r->field = LEAT_FIELD_START;
    return at + 1;
}

/* A UTF-8 byte order mark before the first field is not part of it: a quote after it opens the
 * field. An incomplete mark is text of a plain field. Returns how many bytes belong to the mark. */
static size_t skip_mark(struct leat_records *r, const uint8_t *data, size_t n)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    size_t i = 0;

    while (i < n && r->mark < sizeof mark && data[i] == mark[r->mark]) {
        r->mark++;
        i++;
    }
    r->begun = i < n || r->mark == sizeof mark;
    if (r->begun && r->mark > 0 && r->mark < sizeof mark)
        r->field = LEAT_FIELD_PLAIN;
    return i;
}

static size_t next_csv(struct leat_records *r, const uint8_t *data, size_t n, bool *ret_end)
{
    const uint8_t *at = data, *end = data + n, *stop = data;

    *ret_end = false;
    if (!r->begun)
        at += skip_mark(r, data, n);
    while (at < end) {
        const uint8_t *quote;

        switch (r->field) {
        case LEAT_FIELD_QUOTED:
            quote = memchr(at, r->quote, (size_t)(end - at));
            if (quote)
                r->field = LEAT_FIELD_QUOTE_SEEN;
            at = quote ? quote + 1 : end;
            break;
        case LEAT_FIELD_QUOTE_SEEN:
            at = after_quote(r, at);
            break;
        default:
            if (stop < at || (stop == at && (stop == end || *stop != r->end))) {
                stop = memchr(at, r->end, (size_t)(end - at));
                stop = stop ? stop : end;
            }
            at = skip_plain(r, at, stop);
            if (r->field != LEAT_FIELD_QUOTED && at == stop && stop < end) {
                r->field = LEAT_FIELD_START;
                *ret_end = true;
                return (size_t)(stop - data) + 1;
            }
        }
    }
    return n;
}

size_t leat_records_next(struct leat_records *r, const uint8_t *data, size_t n, bool *ret_end)
{
    return r->csv ? next_csv(r, data, n, ret_end) : next_line(r, data, n, ret_end);
}
