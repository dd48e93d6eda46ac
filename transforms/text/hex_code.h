/* hex_code.h - bytes and pairs of hexadecimal digits.
 *
 * Each function has a portable twin for processors without AVX2, which a test compares.
 */
#ifndef LEAT_TEXT_HEX_CODE_H
#define LEAT_TEXT_HEX_CODE_H

#include <stddef.h>
#include <stdint.h>

#define LEAT_HEX_NONE 16u /* of leat_hex_value: the byte is not a hexadecimal digit */

/* leat_hex_value - what a digit stands for, of either case, or LEAT_HEX_NONE. */
static inline uint8_t leat_hex_value(uint8_t c)
{
    uint8_t digit = (uint8_t)(c - '0'), letter = (uint8_t)((c | 0x20) - 'a');

    return digit < 10 ? digit : letter < 6 ? (uint8_t)(letter + 10) : LEAT_HEX_NONE;
}

/* leat_hex_encode - write 2 * n lower-case digits. */
void leat_hex_encode(const uint8_t *from, size_t n, uint8_t *to);
void leat_hex_encode_plain(const uint8_t *from, size_t n, uint8_t *to);

/* leat_hex_decode - decode pairs of digits, and skip a newline between two pairs, until a pair holds anything but
 * digits, or there is no room.
 *
 *   room      bytes at `to`; all of them may be overwritten
 *   ret_made  how many of them are output
 *
 * Returns how many characters were used. */
size_t leat_hex_decode(const uint8_t *from, size_t n, uint8_t *to, size_t room, size_t *ret_made);
size_t leat_hex_decode_plain(const uint8_t *from, size_t n, uint8_t *to, size_t room,
                             size_t *ret_made);

#endif
