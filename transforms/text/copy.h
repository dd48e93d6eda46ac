/* copy.h - copies a few bytes faster than a call of memcpy. */
#ifndef LEAT_TEXT_COPY_H
#define LEAT_TEXT_COPY_H

#include <stdint.h>
#include <string.h>

/* leat_copy - the same as memcpy; two copies of fixed size that overlap are enough for up to 64 bytes. */
static inline void leat_copy(uint8_t *to, const uint8_t *from, size_t n)
{
#define LEAT_COPY_TWO(size)                                                                        \
    (memcpy(a, from, size), memcpy(b, from + n - (size), size), memcpy(to, a, size),               \
     memcpy(to + n - (size), b, size))
    uint8_t a[32], b[32];

    if (n > 64) {
        memcpy(to, from, n);
    } else if (n >= 32) {
        LEAT_COPY_TWO(32);
    } else if (n >= 16) {
        LEAT_COPY_TWO(16);
    } else if (n >= 8) {
        LEAT_COPY_TWO(8);
    } else if (n >= 4) {
        LEAT_COPY_TWO(4);
    } else if (n > 0) {
        uint8_t middle = from[n / 2], last = from[n - 1];

        to[0] = from[0];
        to[n / 2] = middle;
        to[n - 1] = last;
    }
#undef LEAT_COPY_TWO
}

#define LEAT_COPY_STEP ((size_t)32)
#define LEAT_COPY_SHORT ((size_t)256)

/* leat_copy_roomy - the same, where bytes after the n ones may be read and written, too.
 *
 *   to_room, from_room  bytes that may be, at least n */
static inline void leat_copy_roomy(uint8_t *to, size_t to_room, const uint8_t *from,
                                   size_t from_room, size_t n)
{
    if (n > LEAT_COPY_SHORT || to_room < n + LEAT_COPY_STEP || from_room < n + LEAT_COPY_STEP) {
        memcpy(to, from, n);
        return;
    }
    for (size_t i = 0; i < n; i += LEAT_COPY_STEP)
        memcpy(to + i, from + i, LEAT_COPY_STEP);
}

#endif
