/* format.h - how records lie in blocks, in memory and in the temporary file, and what their order depends on.
 *
 * A record is what two of them are compared by, made once when its line was read, and the line itself:
 *
 *     length of the key, if there are keys; length of the line; key; line with its end
 *
 * The order is that of bytes: of the key alone, of the key and then the line, or, without keys, of the line. The bytes of
 * a key do not begin those of another one, so one comparison does for both. The lengths have 7 bits in a byte.
 */
#ifndef LEAT_SORT_FORMAT_H
#define LEAT_SORT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct leat_sort_format {
    bool keyed;   /* records have keys */
    bool whole;   /* the line decides between equal keys; without keys: always */
    bool reverse; /* the greatest first */
    bool unique;  /* of equal records only the first is output */
    uint8_t eol;  /* a line ends with it, also the last one */
    uint64_t top; /* records that are output at most; 0: all */
};

#define LEAT_SORT_HEAD_MAX 10u

struct leat_sort_record {
    const uint8_t *start; /* of `size` bytes in all */
    size_t size;
    const uint8_t *key; /* it is compared by its first `len` bytes */
    uint32_t len;
    const uint8_t *line;
    uint32_t line_len; /* with its end */
};

static inline uint8_t *leat_sort_put(uint8_t *to, uint32_t n)
{
    for (; n >= 0x80; n >>= 7)
        *to++ = (uint8_t)(n | 0x80);
    *to++ = (uint8_t)n;
    return to;
}

static inline const uint8_t *leat_sort_get(const uint8_t *from, uint32_t *ret)
{
    uint32_t n = *from++;

    if (n >= 0x80) {
        n &= 0x7f;
        for (unsigned shift = 7;; shift += 7) {
            uint8_t byte = *from++;

            n |= (uint32_t)(byte & 0x7f) << shift;
            if (byte < 0x80)
                break;
        }
    }
    *ret = n;
    return from;
}

static inline size_t leat_sort_put_head(const struct leat_sort_format *f, uint8_t *to,
                                        uint32_t key_len, uint32_t line_len)
{
    uint8_t *at = f->keyed ? leat_sort_put(to, key_len) : to;

    return (size_t)(leat_sort_put(at, line_len) - to);
}

/* leat_sort_record_at - the record that begins at `from`. */
static inline void leat_sort_record_at(const struct leat_sort_format *f, const uint8_t *from,
                                       struct leat_sort_record *ret)
{
    const uint8_t *at = from;
    uint32_t key_len = 0;

    if (f->keyed)
        at = leat_sort_get(at, &key_len);
    at = leat_sort_get(at, &ret->line_len);
    ret->start = from;
    ret->key = at;
    ret->line = at + key_len;
    ret->len = key_len + (f->whole ? ret->line_len - 1 : 0);
    ret->size = (size_t)(ret->line - from) + ret->line_len;
}

/* leat_sort_common - how many of n bytes at a and b are the same, from the first one on. */
static inline size_t leat_sort_common(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t x, y;

        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return i + (size_t)__builtin_ctzll(x ^ y) / 8;
#else
            return i + (size_t)__builtin_clzll(x ^ y) / 8;
#endif
    }
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

static inline uint64_t leat_sort_big_endian(uint64_t x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(x);
#else
    return x;
#endif
}

/* leat_sort_word - 8 bytes of a key from `at` on, at <= len, as a number in their order; zeros follow its end. */
static inline uint64_t leat_sort_word(const uint8_t *key, size_t len, size_t at)
{
    uint64_t x = 0;

    if (len - at >= 8)
        memcpy(&x, key + at, 8);
    else
        memcpy(&x, key + at, len - at);
    return leat_sort_big_endian(x);
}

#endif
