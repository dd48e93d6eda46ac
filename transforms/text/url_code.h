/* url_code.h - percent-encoding of RFC 3986.
 *
 * Each function has a portable twin for processors without AVX2, which a test compares.
 */
#ifndef LEAT_TEXT_URL_CODE_H
#define LEAT_TEXT_URL_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The encoding of each byte. `kept` has, for the low half of a byte, a bit for each high half below 8 with which the
 * byte is kept. */
struct leat_url_table {
    uint8_t text[256][4];
    uint8_t len[256]; /* 1 or 3 */
    uint8_t kept[16];
};

/* The room that leat_url_encode needs for one byte; it may write over all of it. */
#define LEAT_URL_ROOM 4u

/* leat_url_table_init - letters, digits, '-', '.', '_', '~' and `delimiter` (-1: none) are kept. plus: a space becomes
 * '+'. */
void leat_url_table_init(struct leat_url_table *table, int delimiter, bool plus);

/* leat_url_encode - encode bytes while there is room for one. Returns how many were encoded. */
size_t leat_url_encode(const struct leat_url_table *table, const uint8_t *from, size_t n,
                       uint8_t *to, size_t room, size_t *ret_made);
size_t leat_url_encode_plain(const struct leat_url_table *table, const uint8_t *from, size_t n,
                             uint8_t *to, size_t room, size_t *ret_made);

/* leat_url_decode - decode until a '%' without two hexadecimal digits in the n bytes, or until there is no room. plus: a
 * '+' becomes a space. All of the room may be overwritten. Returns how many bytes were used. */
size_t leat_url_decode(const uint8_t *from, size_t n, bool plus, uint8_t *to, size_t room,
                       size_t *ret_made);
size_t leat_url_decode_plain(const uint8_t *from, size_t n, bool plus, uint8_t *to, size_t room,
                             size_t *ret_made);

#endif
