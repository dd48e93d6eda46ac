/* scan.h - counting and skipping delimiters at the speed of memory.
 *
 * Shared by the text stages. Every function looks at bytes only; what a delimiter means is the
 * caller's affair.
 */
#ifndef LEAT_TEXT_SCAN_H
#define LEAT_TEXT_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* leat_scan_count - how many of n bytes are `byte`. */
uint64_t leat_scan_count(const uint8_t *data, size_t n, uint8_t byte);

/* leat_scan_skip - go past the *count-th `byte`.
 *
 *   count   how many to go past, at least 1; lowered by those that were found
 *
 * Returns the offset behind the one that made *count 0, or n if there are too few. */
size_t leat_scan_skip(const uint8_t *data, size_t n, uint8_t byte, uint64_t *count);

/* leat_scan_skip_back - the same from the end: the offset behind the *count-th `byte` from the
 * end, or 0 if there are too few (then *count is what is still missing). */
size_t leat_scan_skip_back(const uint8_t *data, size_t n, uint8_t byte, uint64_t *count);

#endif
