/* many.h - finds any of many fixed strings: one table look-up per byte, for any number of strings.
 *
 * For a few strings literals.h is faster.
 */
#ifndef LEAT_TEXT_PATTERN_MANY_H
#define LEAT_TEXT_PATTERN_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

struct leat_many;

enum leat_many_word {
    LEAT_MANY_ANY,
    LEAT_MANY_WORD,         /* no letter, digit or underscore directly before and after */
    LEAT_MANY_UNICODE_WORD, /* nor such a character of UTF-8 */
};

struct leat_many_string {
    const uint8_t *bytes; /* in lower case if letters are folded */
    size_t len;           /* only leat_many_is finds an empty string */
};

/* leat_many_new - build an automaton for n strings. The strings are sorted here and not needed
 * later.
 *
 *   fold       ASCII letters match in either case
 *   size_max   bytes of memory that the automaton may use
 *
 * Returns 0, and the caller frees the automaton with free(); LEAT_ELIMIT: it would be too large;
 * LEAT_ENOMEM. */
int leat_many_new(struct leat_many_string *strings, size_t n, bool fold, size_t size_max,
                  struct leat_many **ret_many);

/* leat_many_size - bytes of memory that the automaton uses. */
size_t leat_many_size(const struct leat_many *many);

/* leat_many_find - the last byte of the occurrence that ends first; NULL if there is none. */
const uint8_t *leat_many_find(const struct leat_many *many, const uint8_t *data, size_t n);

/* leat_many_is - are these n bytes one of the strings? */
bool leat_many_is(const struct leat_many *many, const uint8_t *text, size_t n);

/* leat_many_part - the leftmost occurrence at or after `from`, and the longest one that begins
 * there.
 *
 * Returns false if there is none. */
bool leat_many_part(const struct leat_many *many, const uint8_t *line, size_t len, size_t from,
                    enum leat_many_word word, size_t *ret_start, size_t *ret_end);

#endif
