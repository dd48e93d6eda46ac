/* pack_time.c - dates and seconds, always in UTC, so that they mean the same on every machine. */

#include "pack_time.h"

#include <string.h>

#define DAY_S 86400
#define SECOND_NS 1000000000u
#define SECONDS_MAX (INT64_MAX / 16)

/* `n` digits; fewer fail. Advances the text. */
static bool digits(const char **text, unsigned n, unsigned *ret)
{
    *ret = 0;
    for (unsigned i = 0; i < n; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *ret = 10 * *ret + (unsigned)(**text - '0');
    }
    return true;
}

static bool skip(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t days_from(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool parse_seconds(const char *text, struct leat_time *ret)
{
    bool negative = skip(&text, '-');
    const char *begin = text;
    int64_t s = 0;
    uint32_t ns = 0, unit = SECOND_NS;

    for (; *text >= '0' && *text <= '9' && s < SECONDS_MAX; text++)
        s = 10 * s + (*text - '0');
    if (text == begin || s >= SECONDS_MAX)
        return false;
    if (skip(&text, '.'))
        for (; *text >= '0' && *text <= '9'; text++)
            ns += (unit /= 10) * (uint32_t)(*text - '0');
    if (*text)
        return false;
    ret->s = negative ? -s - (ns > 0) : s;
    ret->ns = negative && ns > 0 ? SECOND_NS - ns : ns;
    return true;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

bool leat_time_parse(const char *text, struct leat_time *ret)
{
    unsigned year, month, day, hour = 0, minute = 0, second = 0;

    if (skip(&text, '@'))
        return parse_seconds(text, ret);
    if (!digits(&text, 4, &year) || !skip(&text, '-') || !digits(&text, 2, &month) ||
        !skip(&text, '-') || !digits(&text, 2, &day))
        return false;
    if (skip(&text, 'T') || skip(&text, ' ')) {
        if (!digits(&text, 2, &hour) || !skip(&text, ':') || !digits(&text, 2, &minute))
            return false;
        if (skip(&text, ':') && !digits(&text, 2, &second))
            return false;
    }
    (void)skip(&text, 'Z');
    if (*text || year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        hour > 23 || minute > 59 || second > 60)
        return false;
    ret->s = days_from(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
    ret->ns = 0;
    return true;
}
