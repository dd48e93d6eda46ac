/* base64_code.h - base64 of whole groups: three bytes, four characters.
 *
 * The stages deal with lines, padding and groups that lie in two pieces of input. Each function has a portable twin
 * for processors without AVX2, which a test compares.
 */
#ifndef LEAT_TEXT_BASE64_CODE_H
#define LEAT_TEXT_BASE64_CODE_H

#include <stddef.h>
#include <stdint.h>

#define LEAT_BASE64_NONE 64u /* of leat_base64_value: the byte is not in the alphabet */

/* leat_base64_value - the six bits that a character stands for, or LEAT_BASE64_NONE. */
uint8_t leat_base64_value(uint8_t c);

/* leat_base64_encode_groups - write 4 * groups characters for 3 * groups bytes. */
void leat_base64_encode_groups(const uint8_t *from, size_t groups, uint8_t *to);
void leat_base64_encode_plain(const uint8_t *from, size_t groups, uint8_t *to);

/* leat_base64_decode_groups - decode whole groups, and skip a newline between two groups, until a group holds anything but
 * characters of the alphabet, or there is no room for one more.
 *
 *   room      bytes at `to`; all of them may be overwritten
 *   ret_made  how many of them are output
 *
 * Returns how many characters were used. */
size_t leat_base64_decode_groups(const uint8_t *from, size_t n, uint8_t *to, size_t room,
                                 size_t *ret_made);
size_t leat_base64_decode_plain(const uint8_t *from, size_t n, uint8_t *to, size_t room,
                                size_t *ret_made);

#endif
