/* literal.h - finds one fixed string in a large buffer.
 *
 * The search looks for two bytes of the string at their distance, the two that are rarest in common
 * data, and compares the whole string only where both are found.
 */
#ifndef LEAT_TEXT_PATTERN_LITERAL_H
#define LEAT_TEXT_PATTERN_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_literal {
    const uint8_t *bytes; /* borrowed; in lower case if fold is set */
    size_t len;           /* at least 1 */
    bool fold;            /* ASCII letters match in either case */
    size_t rare[2];       /* offsets of the two bytes to look for; equal if len is 1 */
    uint8_t mask[2];      /* 0x20 for a letter whose case does not matter, else 0 */
};

/* leat_literal_init - bytes stay the caller's and must live as long as the literal. */
void leat_literal_init(struct leat_literal *literal, const uint8_t *bytes, size_t len, bool fold);

/* leat_literal_find - the first occurrence in n bytes; NULL if there is none. Linear in n. */
const uint8_t *leat_literal_find(const struct leat_literal *literal, const uint8_t *data, size_t n);

/* leat_literal_count - the number of lines in n bytes that contain the string, which must not
 * contain `eol`. */
uint64_t leat_literal_count(const struct leat_literal *literal, const uint8_t *data, size_t n,
                            uint8_t eol);

/* leat_literal_is_here - is the string at p, where len bytes are readable? */
bool leat_literal_is_here(const struct leat_literal *literal, const uint8_t *p);

/* leat_byte_rank - how common a byte is in text, source code and logs: 0 rare, 255 common. */
unsigned leat_byte_rank(uint8_t byte);

/* leat_literal_score - how rare a string is: each byte makes it rarer, a rare byte more than a common one. */
unsigned leat_literal_score(const uint8_t *bytes, size_t len);

#endif
