/* get_head.c - the line of `get --head`. */

#include "get_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An ETag with other bytes than visible ASCII is left out: it identifies nothing that could be kept as text. */
static bool is_visible(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return !*text;
}

size_t leat_get_head_line(const struct leat_http_answer *a, char to[LEAT_GET_HEAD_MAX])
{
    const char *comma = "";
    size_t n = 0;

    to[n++] = '{';
    if (a->total != LEAT_HTTP_UNKNOWN) {
        n += (size_t)snprintf(to + n, LEAT_GET_HEAD_MAX - n, "\"size\":%" PRIu64, a->total);
        comma = ",";
    }
    if (a->modified_s >= 0) {
        n += (size_t)snprintf(to + n, LEAT_GET_HEAD_MAX - n, "%s\"modified\":%" PRId64, comma,
                              a->modified_s);
        comma = ",";
    }
    if (*a->etag && is_visible(a->etag)) {
        n += (size_t)snprintf(to + n, LEAT_GET_HEAD_MAX - n, "%s\"etag\":\"", comma);
        for (const char *p = a->etag; *p; p++) {
            if (*p == '"' || *p == '\\')
                to[n++] = '\\';
            to[n++] = *p;
        }
        to[n++] = '"';
    }
    memcpy(to + n, "}\n", 3);
    return n + 2;
}
