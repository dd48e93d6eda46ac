/* fields_list.c - parses the lists of the stage fields. */

#include "fields_list.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"

struct text {
    const char *at, *end;
};

size_t leat_fields_list_most(const char *text)
{
    size_t n = 1;

    for (; *text; text++)
        n += *text == ',';
    return n;
}

static bool is_digit(const struct text *t)
{
    return t->at < t->end && *t->at >= '0' && *t->at <= '9';
}

/* A number, below 0 if `negative`. Returns false if it is none, 0 or too large. */
static bool parse_number(struct text *t, bool negative, int64_t *ret)
{
    uint64_t value = 0;

    if (!is_digit(t))
        return false;
    for (; is_digit(t); t->at++) {
        if (value > (uint64_t)INT64_MAX / 16)
            return false;
        value = 10 * value + (uint64_t)(*t->at - '0');
    }
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return value > 0;
}

static bool skip(struct text *t, char c)
{
    bool is = t->at < t->end && *t->at == c;

    t->at += is;
    return is;
}

/* N, -N, A:B, A:, :B, A-B or A-. */
static bool parse_item(struct text *t, struct leat_fields_item *ret)
{
    bool number;

    *ret = (struct leat_fields_item){.from = 1, .to = -1};
    number = t->at < t->end && *t->at != ':';
    if (number && !parse_number(t, skip(t, '-'), &ret->from))
        return false;
    if (t->at == t->end) {
        ret->to = ret->from;
        return number;
    }
    ret->is_range = true;
    if (number && ret->from > 0 && skip(t, '-'))
        return t->at == t->end || (parse_number(t, false, &ret->to) && t->at == t->end);
    if (!skip(t, ':'))
        return false;
    return t->at == t->end ? number : parse_number(t, skip(t, '-'), &ret->to) && t->at == t->end;
}

int leat_fields_list_parse(const char *text, struct leat_fields_item *items, char *why,
                           size_t why_size)
{
    size_t n = 0;

    for (;;) {
        size_t len = strcspn(text, ",");
        struct text t = {.at = text, .end = text + len};

        if (!parse_item(&t, &items[n]) || n == INT_MAX - 1) {
            snprintf(why, why_size,
                     "'%.*s' in the list is no field; write 3, -1 for the last one, or 2:4 for a "
                     "range",
                     (int)(len < 40 ? len : 40), text);
            return LEAT_EUSAGE;
        }
        if (items[n].is_range && (items[n].from > 0) == (items[n].to > 0) &&
            items[n].to < items[n].from) {
            snprintf(why, why_size, "the range '%.*s' goes down", (int)(len < 40 ? len : 40), text);
            return LEAT_EUSAGE;
        }
        n++;
        if (!text[len])
            break;
        text += len + 1;
    }
    leat_assert(n > 0);
    return (int)n;
}
