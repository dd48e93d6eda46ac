/* uniq_key.h - the part of a line that uniq compares. */
#ifndef LEAT_TEXT_UNIQ_KEY_H
#define LEAT_TEXT_UNIQ_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* leat_uniq_skip - the place after the first n fields, n >= 1, of a line from `at` to `end`; `end` if it has no more. A
 * field is blanks and then other bytes.
 *
 *   fast  leat_masks_fast(), or false for the form that runs anywhere */
const uint8_t *leat_uniq_skip(const uint8_t *at, const uint8_t *end, uint64_t n, bool fast);

#endif
