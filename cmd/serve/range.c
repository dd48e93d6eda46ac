/* range.c - parses the header Range: bytes=FROM-TO, bytes=FROM- and bytes=-LAST. */

#include "range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Digits. Returns what follows; NULL: there are none. A number that is too large is UINT64_MAX. */
static const char *number(const char *p, uint64_t *ret)
{
    char *end;

    if (*p < '0' || *p > '9')
        return NULL;
    errno = 0;
    *ret = strtoull(p, &end, 10); /* ULLONG_MAX if it does not fit */
    return end;
}

int range_parse(const char *value, uint64_t size, uint64_t *ret_from, uint64_t *ret_n)
{
    uint64_t from = 0, to = UINT64_MAX;
    const char *p = value + 6;

    if (strncasecmp(value, "bytes=", 6) != 0)
        return 0;
    p += strspn(p, " \t");
    if (*p == '-') {
        p = number(p + 1, &to);
        if (!p || p[strspn(p, " \t")] != '\0')
            return 0;
        if (to == 0 || size == 0)
            return -1;
        *ret_n = to < size ? to : size;
        *ret_from = size - *ret_n;
        return 1;
    }
    p = number(p, &from);
    if (!p || *p++ != '-')
        return 0;
    if (*p >= '0' && *p <= '9')
        p = number(p, &to);
    if (p[strspn(p, " \t")] != '\0' || to < from)
        return 0;
    if (from >= size)
        return -1;
    *ret_from = from;
    *ret_n = (to < size ? to : size - 1) - from + 1;
    return 1;
}
