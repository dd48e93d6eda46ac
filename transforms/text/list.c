/* list.c - parses the lists of cut. The rules are those of GNU cut. */

#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"

struct reason {
    const char *what; /* is counted */
    char *text;
    size_t size;
};

size_t leat_list_most(const char *text)
{
    size_t n = 2; /* one, and one more in a complement */

    for (; *text; text++)
        n += *text == ',' || *text == ' ' || *text == '\t';
    return n;
}

static int refuse(const struct reason *why, const char *fault, const char *item, size_t len)
{
    snprintf(why->text, why->size, "'%.*s' in the list %s", (int)(len < 40 ? len : 40), item,
             fault);
    return LEAT_EUSAGE;
}

/* A number at *at, which moves to its end. Returns 1, 0 if there is none, or an error. */
static int parse_number(const char **at, const char *end, const struct reason *why, uint64_t *ret)
{
    const char *from = *at;
    uint64_t value = 0;

    while (*at < end && **at >= '0' && **at <= '9') {
        unsigned digit = (unsigned)(*(*at)++ - '0');

        if (value > (UINT64_MAX - 1 - digit) / 10)
            return refuse(why, "is too large", from, (size_t)(end - from));
        value = 10 * value + digit;
    }
    if (*at > from && value == 0) {
        snprintf(why->text, why->size, "%ss are numbered from 1", why->what);
        return LEAT_EUSAGE;
    }
    *ret = value;
    return *at > from;
}

/* N, N-, -M or N-M. */
static int parse_range(const char *item, size_t len, const struct reason *why,
                       struct leat_list_range *ret)
{
    const char *at = item, *end = item + len;
    int low, high = 0;

    low = parse_number(&at, end, why, &ret->from);
    if (low < 0)
        return low;
    if (at < end && *at == '-') {
        at++;
        high = parse_number(&at, end, why, &ret->to);
        if (high < 0)
            return high;
        if (!low && !high)
            return refuse(why, "has no number; write 1- for all", item, len);
        ret->from = low ? ret->from : 1;
        ret->to = high ? ret->to : LEAT_LIST_END;
    } else {
        ret->to = ret->from;
    }
    if (at < end || (!low && !high))
        return refuse(why, "is neither a number nor a range", item, len);
    return ret->to < ret->from ? refuse(why, "goes down", item, len) : 0;
}

static int compare(const void *a, const void *b)
{
    const struct leat_list_range *x = a, *y = b;

    return x->from < y->from ? -1 : x->from > y->from;
}

/* Ranges that overlap become one. Returns how many there are then. */
static size_t merge(struct leat_list_range *r, size_t n)
{
    size_t last = 0;

    for (size_t i = 1; i < n; i++) {
        if (r[i].from > r[last].to)
            r[++last] = r[i];
        else if (r[i].to > r[last].to)
            r[last].to = r[i].to;
    }
    return last + 1;
}

/* All that is in no range; the result is at most one longer. */
static size_t invert(struct leat_list_range *r, size_t n)
{
    uint64_t from = 1;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct leat_list_range old = r[i];

        leat_assert(kept <= i);
        if (old.from > from)
            r[kept++] = (struct leat_list_range){from, old.from - 1};
        if (old.to == LEAT_LIST_END)
            return kept;
        from = old.to + 1;
    }
    r[kept++] = (struct leat_list_range){from, LEAT_LIST_END};
    return kept;
}

int leat_list_parse(const char *text, const char *what, bool complement,
                    struct leat_list_range *ranges, char *why_text, size_t why_size)
{
    const struct reason why = {.what = what, .text = why_text, .size = why_size};
    size_t n = 0, len;
    int r;

    for (;; text += len + 1) {
        len = strcspn(text, ", \t");
        r = parse_range(text, len, &why, &ranges[n]);
        if (r < 0)
            return r;
        n++;
        if (!text[len])
            break;
    }
    qsort(ranges, n, sizeof *ranges, compare);
    n = merge(ranges, n);
    return (int)(complement ? invert(ranges, n) : n);
}
