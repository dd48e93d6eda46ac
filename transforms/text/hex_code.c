/* hex_code.c - bytes and pairs of hexadecimal digits.
 *
 * The vector code spreads the two nibbles of each byte and looks up their digits in a table of 16 entries. The other
 * way it subtracts '0' or 'a' - 10 from each character; an unsigned comparison tells which are digits.
 */

#include "hex_code.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

void leat_hex_encode_plain(const uint8_t *from, size_t n, uint8_t *to)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        to[2 * i] = (uint8_t)digits[from[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[from[i] & 15];
    }
}

size_t leat_hex_decode_plain(const uint8_t *from, size_t n, uint8_t *to, size_t room,
                             size_t *ret_made)
{
    size_t at = 0, made = 0;

    for (;;) {
        uint8_t high, low;

        if (at < n && from[at] == '\n') {
            at++;
            continue;
        }
        if (n - at < 2 || made == room)
            break;
        high = leat_hex_value(from[at]);
        low = leat_hex_value(from[at + 1]);
        if ((high | low) & LEAT_HEX_NONE)
            break;
        to[made++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *ret_made = made;
    return at;
}

#if defined(__x86_64__)

#define VECTOR 16u /* bytes; as many characters are two vectors */
#define CHARS 32u

/* Returns the number of bytes encoded. */
__attribute__((target("avx2"))) static size_t encode_avx2(const uint8_t *from, size_t n,
                                                          uint8_t *to)
{
    const __m256i digits = _mm256_broadcastsi128_si256(_mm_setr_epi8('0', '1', '2', '3', '4', '5',
                                                                     '6', '7', '8', '9', 'a', 'b',
                                                                     'c', 'd', 'e', 'f')),
                  nibble = _mm256_set1_epi8(15);
    size_t at = 0;

    while (n - at > 0 && n >= VECTOR) {
        __m256i v, high, low;

        if (n - at < VECTOR) /* the last vector begins in the one before it */
            at = n - VECTOR;
        v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(from + at)));
        high = _mm256_srli_epi16(v, 4);
        low = _mm256_slli_epi16(v, 8);
        v = _mm256_shuffle_epi8(digits, _mm256_and_si256(_mm256_or_si256(high, low), nibble));
        _mm256_storeu_si256((__m256i *)(void *)(to + 2 * at), v);
        at += VECTOR;
    }
    return at;
}

__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t *from, size_t n,
                                                          uint8_t *to, size_t room,
                                                          size_t *ret_made)
{
    const __m256i nine = _mm256_set1_epi8(9), five = _mm256_set1_epi8(5);
    size_t at = 0, made = 0;

    while (n - at >= CHARS && room - made >= VECTOR) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(from + at)),
                digit = _mm256_sub_epi8(v, _mm256_set1_epi8('0')),
                letter = _mm256_sub_epi8(_mm256_or_si256(v, _mm256_set1_epi8(0x20)),
                                         _mm256_set1_epi8('a')),
                is_digit = _mm256_cmpeq_epi8(_mm256_min_epu8(digit, nine), digit),
                is_letter = _mm256_cmpeq_epi8(_mm256_min_epu8(letter, five), letter),
                value = _mm256_blendv_epi8(_mm256_add_epi8(letter, _mm256_set1_epi8(10)), digit,
                                           is_digit),
                pairs = _mm256_maddubs_epi16(_mm256_set1_epi16(0x0110), value);
        uint32_t stop = ~(uint32_t)_mm256_movemask_epi8(_mm256_or_si256(is_digit, is_letter));
        unsigned good = stop ? (unsigned)__builtin_ctz(stop) & ~1u : CHARS;
        __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(pairs, pairs), 0x08);

        _mm_storeu_si128((__m128i *)(void *)(to + made), _mm256_castsi256_si128(packed));
        at += good;
        made += good / 2;
        if (good == CHARS)
            continue;
        if (from[at] != '\n')
            break;
        at++;
    }
    *ret_made = made;
    return at;
}

#endif

void leat_hex_encode(const uint8_t *from, size_t n, uint8_t *to)
{
    size_t done = 0;

#if defined(__x86_64__)
    if (n >= VECTOR && __builtin_cpu_supports("avx2"))
        done = encode_avx2(from, n, to);
#endif
    leat_hex_encode_plain(from + done, n - done, to + 2 * done);
}

size_t leat_hex_decode(const uint8_t *from, size_t n, uint8_t *to, size_t room, size_t *ret_made)
{
    size_t at = 0, made = 0, more;

#if defined(__x86_64__)
    if (n >= CHARS && __builtin_cpu_supports("avx2"))
        at = decode_avx2(from, n, to, room, &made);
#endif
    at += leat_hex_decode_plain(from + at, n - at, to + made, room - made, &more);
    *ret_made = made + more;
    return at;
}
