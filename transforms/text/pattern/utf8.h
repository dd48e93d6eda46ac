/* utf8.h - one character of UTF-8: reading and writing. */
#ifndef LEAT_TEXT_PATTERN_UTF8_H
#define LEAT_TEXT_PATTERN_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* leat_utf8_read - the character at the start of n bytes. Returns its bytes; 0: there is none, as n is 0 or
 * the bytes are not valid (overlong, a surrogate, above U+10FFFF, cut). */
static inline size_t leat_utf8_read(const uint8_t *at, size_t n, uint32_t *ret_code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len;
    uint32_t code;

    if (n == 0)
        return 0;
    len = at[0] < 0x80   ? 1
          : at[0] < 0xc2 ? 0
          : at[0] < 0xe0 ? 2
          : at[0] < 0xf0 ? 3
          : at[0] < 0xf5 ? 4
                         : 0;
    if (len == 0 || len > n)
        return 0;
    code = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret_code = code;
    return len;
}

/* leat_utf8_is_word - is it a letter or digit, as in GNU's C.UTF-8, or an underscore? */
bool leat_utf8_is_word(uint32_t code);

/* leat_utf8_write - write a character; returns its bytes. */
static inline size_t leat_utf8_write(uint32_t code, uint8_t to[4])
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = len; i-- > 1; code >>= 6)
        to[i] = (uint8_t)(0x80 | (code & 0x3f));
    to[0] = len == 1 ? (uint8_t)code : (uint8_t)(0xf00u >> len | code);
    return len;
}

#endif
