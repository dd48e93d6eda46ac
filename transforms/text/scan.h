/* scan.h - counts and skips delimiters at the speed of memory.
 *
 * All text stages use it. The functions only look at bytes; the caller knows the meaning of a
 * delimiter.
 */
#ifndef LEAT_TEXT_SCAN_H
#define LEAT_TEXT_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* leat_scan_count - how often `byte` occurs in n bytes. */
uint64_t leat_scan_count(const uint8_t *data, size_t n, uint8_t byte);

/* leat_scan_skip - skip up to and including the *count-th `byte`.
 *
 *   count   how many to skip, at least 1; lowered by the number found
 *
 * Returns the offset after the one that made *count 0, or n if there are too few. */
size_t leat_scan_skip(const uint8_t *data, size_t n, uint8_t byte, uint64_t *count);

/* leat_scan_skip_back - the same from the end: the offset after the *count-th `byte` from the end,
 * or 0 if there are too few (then *count is the number still missing). */
size_t leat_scan_skip_back(const uint8_t *data, size_t n, uint8_t byte, uint64_t *count);

/* leat_scan_ascii - how many bytes before the first one above 0x7f; n if there is none. */
size_t leat_scan_ascii(const uint8_t *data, size_t n);

#endif
