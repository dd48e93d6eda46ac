/* reverse.h - the characters of a piece of UTF-8 in the reverse order. */
#ifndef LEAT_TEXT_REVERSE_H
#define LEAT_TEXT_REVERSE_H

#include <stddef.h>
#include <stdint.h>

#define LEAT_REVERSE_ROOM ((size_t)4) /* there is always room for one more character */

/* leat_reverse - write the characters of text[0] to text[*left - 1], the last one first.
 *
 *   left  bytes that are not written yet; lowered by the number of bytes written
 *   room  at least LEAT_REVERSE_ROOM for progress; a character that does not fit is left for the next call
 *
 * A byte that belongs to no valid character is a character. Returns the number of bytes written. */
size_t leat_reverse(const uint8_t *text, size_t *left, uint8_t *to, size_t room);

/* leat_reverse_plain - the same without vector instructions. */
size_t leat_reverse_plain(const uint8_t *text, size_t *left, uint8_t *to, size_t room);

#endif
