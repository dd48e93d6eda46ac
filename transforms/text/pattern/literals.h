/* literals.h - finds any of a few fixed strings in a large buffer. */
#ifndef LEAT_TEXT_PATTERN_LITERALS_H
#define LEAT_TEXT_PATTERN_LITERALS_H

#include "literal.h"

#define LEAT_LITERALS_MAX 24u
#define LEAT_LITERALS_WINDOW 3u

/* Each string is represented by a window, a few bytes somewhere in it. For each byte of the window
 * two tables say which buckets have a string with this low and this high half-byte there. */
struct leat_literals {
    size_t n;
    struct leat_literal each[LEAT_LITERALS_MAX]; /* string i is in bucket i % 8 */
    size_t at[LEAT_LITERALS_MAX];                /* offset of its window */
    size_t window;                               /* bytes in a window */
    uint8_t low[LEAT_LITERALS_WINDOW][16], high[LEAT_LITERALS_WINDOW][16];
};

/* leat_literals_init - for n strings, each initialised and not empty; n <= LEAT_LITERALS_MAX. */
void leat_literals_init(struct leat_literals *literals, const struct leat_literal *each, size_t n);

/* leat_literals_find - a place inside the occurrence whose window comes first; NULL if n bytes
 * contain no occurrence. */
const uint8_t *leat_literals_find(const struct leat_literals *literals, const uint8_t *data,
                                  size_t n);

#endif
