/* text.h - text that grows; a failed allocation is reported once, at the end. */
#ifndef LEAT_BASE_TEXT_H
#define LEAT_BASE_TEXT_H

#include "leat.h"

struct leat_text {
    char *data; /* NUL-terminated once it is not empty */
    size_t n, room;
    bool failed; /* an allocation failed: nothing is added any more */
};

void leat_text_bytes(struct leat_text *text, const char *data, size_t n);
void leat_text_add(struct leat_text *text, const char *format, ...) LEAT_PRINTF(2, 3);
/* leat_text_take - the text, which the caller must free(); NULL: out of memory. */
char *leat_text_take(struct leat_text *text);

#endif
