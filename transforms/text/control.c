/* control.c - finds the next control character that a stage must look at. */
#include "control.h"

#include <stdbool.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline bool is_wanted(uint8_t c, enum leat_control which, uint8_t other)
{
    if (which == LEAT_CONTROL_MOVES)
        return (c >= '\b' && c <= '\r') || c == other;
    return c < ' ' && c != '\t' && c != '\f' && c != other;
}

size_t leat_control_find_plain(const uint8_t *data, size_t n, enum leat_control which,
                               uint8_t other)
{
    size_t at = 0;

    while (at < n && !is_wanted(data[at], which, other))
        at++;
    return at;
}

#if defined(__x86_64__)
#define BLOCK 32

__attribute__((target("avx2"))) static inline uint32_t wanted_mask(const uint8_t *data,
                                                                   enum leat_control which,
                                                                   uint8_t other)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)data);
    __m256i is_other = _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)other)), shifted, low, kept;

    if (which == LEAT_CONTROL_MOVES) {
        shifted = _mm256_sub_epi8(v, _mm256_set1_epi8('\b'));
        low = _mm256_cmpeq_epi8(_mm256_min_epu8(shifted, _mm256_set1_epi8('\r' - '\b')), shifted);
        return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, is_other));
    }
    low = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(' ' - 1)), v);
    kept = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\t')),
                           _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\f')));
    return (uint32_t)_mm256_movemask_epi8(
        _mm256_andnot_si256(_mm256_or_si256(kept, is_other), low));
}

/* n is at least BLOCK. The last block overlaps the one before it. */
__attribute__((target("avx2"))) static size_t find_avx2(const uint8_t *data, size_t n,
                                                        enum leat_control which, uint8_t other)
{
    uint32_t mask;

    for (size_t at = 0; at + BLOCK <= n; at += BLOCK) {
        mask = wanted_mask(data + at, which, other);
        if (mask)
            return at + (size_t)__builtin_ctz(mask);
    }
    mask = wanted_mask(data + n - BLOCK, which, other);
    return mask ? n - BLOCK + (size_t)__builtin_ctz(mask) : n;
}
#endif

size_t leat_control_find(const uint8_t *data, size_t n, enum leat_control which, uint8_t other)
{
#if defined(__x86_64__)
    if (n >= BLOCK && __builtin_cpu_supports("avx2"))
        return find_avx2(data, n, which, other);
#endif
    return leat_control_find_plain(data, n, which, other);
}
