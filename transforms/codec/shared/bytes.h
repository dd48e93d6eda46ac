/* bytes.h - reads and writes integers as bytes, in either byte order. */
#ifndef LEAT_CODEC_SHARED_BYTES_H
#define LEAT_CODEC_SHARED_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* leat_unconst - for libraries that do not change the data but whose pointers lack the const. */
static inline uint8_t *leat_unconst(const uint8_t *data)
{
    union {
        const uint8_t *from;
        uint8_t *to;
    } same = {.from = data};

    return same.to;
}

/* leat_get_le - the integer in n bytes, 0 to 8, the least significant first. */
static inline uint64_t leat_get_le(const uint8_t *from, size_t n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | from[n];
    return v;
}

static inline uint32_t leat_get_le32(const uint8_t *from)
{
    return (uint32_t)leat_get_le(from, 4);
}

static inline uint32_t leat_get_be32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static inline void leat_put_le32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8)
        to[i] = (uint8_t)v;
}

static inline void leat_put_be32(uint8_t *to, uint32_t v)
{
    for (int i = 3; i >= 0; i--, v >>= 8)
        to[i] = (uint8_t)v;
}

#endif
