/* get_head.h - what the head of an answer tells of the content, as a line of JSON, for `get --head`. */
#ifndef LEAT_NET_GET_HEAD_H
#define LEAT_NET_GET_HEAD_H

#include "http.h"

#define LEAT_GET_HEAD_MAX (2 * LEAT_HTTP_HEADER_MAX + 128u) /* bytes, with the NUL */

/* leat_get_head_line - {"size":5,"modified":1764547200,"etag":"\"x\""} and a newline; without what is not known. Returns its
 * length. */
size_t leat_get_head_line(const struct leat_http_answer *answer, char to[LEAT_GET_HEAD_MAX]);

#endif
