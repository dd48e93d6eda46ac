/* masks.h - 64 bytes of text as bits: which of them equal a byte, and where the n-th one is.
 *
 * Each function has a form for every processor and one for those with AVX2, BMI and BMI2. Code that uses them is
 * compiled for both: a file FORM.inc is included twice, by LEAT_MASKS_PLAIN and LEAT_MASKS_FAST; see cut_lines.c.
 */
#ifndef LEAT_TEXT_MASKS_H
#define LEAT_TEXT_MASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LEAT_MASK_BYTES ((size_t)64)

/* The bits up to and including the lowest one; all if there is none. */
static inline uint64_t leat_mask_through(uint64_t mask)
{
    return mask ^ (mask - 1);
}

/* The bits below the lowest one; all if there is none. */
static inline uint64_t leat_mask_below(uint64_t mask)
{
    return (mask & -mask) - 1;
}

/* A bit for each of 8 bytes that equals `byte`. */
static inline uint64_t leat_mask_word(const uint8_t *from, uint8_t byte)
{
    const uint64_t ones = 0x0101010101010101, low = 0x7f7f7f7f7f7f7f7f;
    uint64_t v;

    memcpy(&v, from, sizeof v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    v ^= ones * byte;
    v = ~(((v & low) + low) | v | low); /* 0x80 in each byte that was 0 */
    return (v >> 7) * 0x0102040810204080 >> 56;
}

/* leat_mask_plain - bit i: does from[i] equal `byte`? Reads LEAT_MASK_BYTES bytes. */
static inline uint64_t leat_mask_plain(const uint8_t *from, uint8_t byte)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < LEAT_MASK_BYTES / 8; i++)
        mask |= leat_mask_word(from + (size_t)8 * i, byte) << (8 * i);
    return mask;
}

/* leat_mask_nth_plain - only the n-th set bit of the mask, n from 1 to their number. */
static inline uint64_t leat_mask_nth_plain(uint64_t mask, uint64_t n)
{
    while (--n > 0)
        mask &= mask - 1;
    return mask & -mask;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define LEAT_MASKS_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

/* leat_masks_fast - may the functions with LEAT_MASKS_TARGET run here? */
static inline bool leat_masks_fast(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

LEAT_MASKS_TARGET static inline uint64_t leat_mask_fast(const uint8_t *from, uint8_t byte)
{
    const __m256i wanted = _mm256_set1_epi8((char)byte);
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)from);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(from + 32));

    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) << 32;
}

LEAT_MASKS_TARGET static inline uint64_t leat_mask_nth_fast(uint64_t mask, uint64_t n)
{
    return _pdep_u64((uint64_t)1 << (n - 1), mask);
}
#else
static inline bool leat_masks_fast(void)
{
    return false;
}
#endif

#endif
