/* many.h - finding any of many fixed strings: one look at a table a byte, however many they are.
 *
 * For a few strings literals.h is faster.
 */
#ifndef LEAT_TEXT_MANY_H
#define LEAT_TEXT_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

struct leat_many;

struct leat_many_string {
    const uint8_t *bytes; /* lower case if letters are folded */
    size_t len;           /* an empty one is found by leat_many_is only */
};

/* leat_many_new - an automaton of n strings, which are sorted here and not needed after.
 *
 *   fold       ASCII letters match in either case
 *   size_max   bytes of memory that it may take
 *
 * Returns 0, and free() the automaton; LEAT_ELIMIT: it would be too large; LEAT_ENOMEM. */
int leat_many_new(struct leat_many_string *strings, size_t n, bool fold, size_t size_max,
                  struct leat_many **ret_many);

/* leat_many_size - bytes of memory that it takes. */
size_t leat_many_size(const struct leat_many *many);

/* leat_many_find - the last byte of the occurrence that ends first; NULL: there is none. */
const uint8_t *leat_many_find(const struct leat_many *many, const uint8_t *data, size_t n);

/* leat_many_is - are these n bytes one of the strings? */
bool leat_many_is(const struct leat_many *many, const uint8_t *text, size_t n);

/* leat_many_part - the leftmost occurrence at or after `from`, and the longest of those that begin
 * there.
 *
 *   word   only one with no letter, digit or underscore right before and after it
 *
 * Returns false if there is none. */
bool leat_many_part(const struct leat_many *many, const uint8_t *line, size_t len, size_t from,
                    bool word, size_t *ret_start, size_t *ret_end);

#endif
