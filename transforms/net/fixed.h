/* fixed.h - text that is put together in memory of a fixed size. */
#ifndef LEAT_NET_FIXED_H
#define LEAT_NET_FIXED_H

#include "stage.h"

struct leat_fixed {
    char *to;
    size_t size, n; /* bytes; n without the NUL */
    bool is_full;   /* something did not fit */
};

/* leat_fixed_in - an empty text in size bytes, at least 1. */
struct leat_fixed leat_fixed_in(char *to, size_t size);
/* leat_fixed_add - add as printf does, or set is_full and add nothing. */
void leat_fixed_add(struct leat_fixed *text, const char *format, ...) LEAT_PRINTF(2, 3);
/* leat_fixed_add_encoded - add `from` percent-encoded as in RFC 3986; slashes stay if `path` is set. */
void leat_fixed_add_encoded(struct leat_fixed *text, const char *from, bool path);
/* leat_fixed_add_xml - add `from` as the text of an element. */
void leat_fixed_add_xml(struct leat_fixed *text, const char *from);

/* leat_xml_element - the text of the first element `name` in `xml`, decoded, at most size - 1 bytes of it. Returns false, and
 * an empty text, if there is none. */
bool leat_xml_element(const char *xml, const char *name, char *to, size_t size);

#endif
