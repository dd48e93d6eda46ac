/* reverse.c - the characters of a piece of UTF-8 in the reverse order.
 *
 * Blocks of ASCII are turned as a whole. The last block of a text may overlap the one before it: then
 * the same bytes are written again. In other blocks each character is found from its last byte.
 */
#include "reverse.h"

#include <stdbool.h>
#include <string.h>

#include "words.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The length of the character that ends at text[end - 1]. */
static size_t character_before(const uint8_t *text, size_t end)
{
    size_t least = end < LEAT_REVERSE_ROOM ? 0 : end - LEAT_REVERSE_ROOM;

    if (text[end - 1] < 0x80 || text[end - 1] >= 0xc0)
        return 1;
    for (size_t at = end - 1; at > least; at--) {
        struct leat_utf8 u = {.left = 0};
        bool whole = false;

        if (text[at - 1] < 0xc0) {
            if (text[at - 1] < 0x80)
                break;
            continue;
        }
        for (size_t i = at - 1; i < end; i++)
            whole = leat_utf8_add(&u, text[i]);
        return whole ? end - (at - 1) : 1;
    }
    return 1;
}

/* Character by character until `stop` bytes or fewer are left. Returns the number of bytes written. */
static size_t reverse_characters(const uint8_t *text, size_t *left, size_t stop, uint8_t *to,
                                 size_t room)
{
    size_t n = 0;

    while (*left > stop) {
        size_t len = character_before(text, *left);

        if (len > room - n)
            break;
        memcpy(to + n, text + *left - len, len);
        n += len;
        *left -= len;
    }
    return n;
}

/* Turns one block; returns false, and writes nothing, if it is not ASCII. */
typedef bool turn_block(const uint8_t *from, uint8_t *to);

static inline __attribute__((always_inline)) size_t reverse_blocks(const uint8_t *text,
                                                                   size_t *left, uint8_t *to,
                                                                   size_t room, size_t block,
                                                                   turn_block *turn)
{
    size_t n = 0, before;

    while (*left > 0) {
        size_t stop = *left > block ? *left - block : 0;

        if (*left >= block && room - n >= block && turn(text + *left - block, to + n)) {
            *left -= block;
            n += block;
            continue;
        }
        if (*left < block && n + *left >= block && n + *left <= room &&
            turn(text, to + (n + *left - block))) {
            n += *left;
            *left = 0;
            break;
        }
        before = *left;
        n += reverse_characters(text, left, stop, to + n, room - n);
        if (*left > stop || *left == before)
            break;
    }
    return n;
}

static inline bool turn_8(const uint8_t *from, uint8_t *to)
{
    uint64_t v;

    memcpy(&v, from, sizeof v);
    if (v & 0x8080808080808080)
        return false;
    v = __builtin_bswap64(v);
    memcpy(to, &v, sizeof v);
    return true;
}

size_t leat_reverse_plain(const uint8_t *text, size_t *left, uint8_t *to, size_t room)
{
    return reverse_blocks(text, left, to, room, sizeof(uint64_t), turn_8);
}

#if defined(__x86_64__)
#define BLOCK 32

__attribute__((target("avx2"))) static inline bool turn_32(const uint8_t *from, uint8_t *to)
{
    const __m256i order = _mm256_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15,
                                           14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)from);

    if (_mm256_movemask_epi8(v))
        return false;
    v = _mm256_shuffle_epi8(v, order);
    _mm256_storeu_si256((__m256i *)(void *)to, _mm256_permute2x128_si256(v, v, 1));
    return true;
}

__attribute__((target("avx2"))) static size_t reverse_avx2(const uint8_t *text, size_t *left,
                                                           uint8_t *to, size_t room)
{
    return reverse_blocks(text, left, to, room, BLOCK, turn_32);
}
#endif

size_t leat_reverse(const uint8_t *text, size_t *left, uint8_t *to, size_t room)
{
#if defined(__x86_64__)
    if (*left >= BLOCK && __builtin_cpu_supports("avx2"))
        return reverse_avx2(text, left, to, room);
#endif
    return leat_reverse_plain(text, left, to, room);
}
