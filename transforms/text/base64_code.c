/* base64_code.c - base64 of whole groups: three bytes, four characters.
 *
 * The vector code is that of Mula and Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions" (2018):
 * multiplications move the six bits of each character to their place, and tables of 16 entries, indexed by a nibble,
 * give the distance between a value and its character. Decoding finds a character outside of the alphabet by two
 * tables whose entries have a common bit just for these.
 */

#include "base64_code.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const uint8_t alphabet[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
    'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
    'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

/* The values of the characters from '+' to 'z', plus one; 0: none. */
#define FIRST '+'
static const uint8_t values[] = {63, 0,  0,  0,  64, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0,
                                 0,  0,  0,  0,  0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
                                 0,  0,  0,  0,  0,  0,  27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
                                 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52};

uint8_t leat_base64_value(uint8_t c)
{
    unsigned at = (unsigned)c - FIRST;
    uint8_t v = at < sizeof values ? values[at] : 0;

    return v > 0 ? (uint8_t)(v - 1) : LEAT_BASE64_NONE;
}

void leat_base64_encode_plain(const uint8_t *from, size_t groups, uint8_t *to)
{
    for (; groups > 0; groups--, from += 3, to += 4) {
        uint32_t v = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];

        to[0] = alphabet[v >> 18];
        to[1] = alphabet[v >> 12 & 63];
        to[2] = alphabet[v >> 6 & 63];
        to[3] = alphabet[v & 63];
    }
}

/* Four characters to three bytes. Returns false if one is not in the alphabet. */
static bool decode_group(const uint8_t *from, uint8_t *to)
{
    uint8_t a = leat_base64_value(from[0]), b = leat_base64_value(from[1]),
            c = leat_base64_value(from[2]), d = leat_base64_value(from[3]);
    uint32_t v = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;

    if ((a | b | c | d) & LEAT_BASE64_NONE)
        return false;
    to[0] = (uint8_t)(v >> 16);
    to[1] = (uint8_t)(v >> 8);
    to[2] = (uint8_t)v;
    return true;
}

size_t leat_base64_decode_plain(const uint8_t *from, size_t n, uint8_t *to, size_t room,
                                size_t *ret_made)
{
    size_t at = 0, made = 0;

    for (;;) {
        if (at < n && from[at] == '\n') {
            at++;
            continue;
        }
        if (n - at < 4 || room - made < 3 || !decode_group(from + at, to + made))
            break;
        at += 4;
        made += 3;
    }
    *ret_made = made;
    return at;
}

#if defined(__x86_64__)

#define VECTOR_IN 24u    /* bytes that one round encodes */
#define VECTOR_READ 28u  /* bytes that it reads, with the 4 before or after these */
#define VECTOR_CHARS 32u /* characters of a round */

/* The same 16 entries for both halves of a vector. */
__attribute__((target("avx2"))) static inline __m256i both(__m128i half)
{
    return _mm256_broadcastsi128_si256(half);
}

__attribute__((target("avx2"))) static inline __m256i load(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

__attribute__((target("avx2"))) static inline void store(uint8_t *to, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)to, v);
}

/* Each half of a vector has 12 bytes to encode, which `spread` picks, four of them two times. */
__attribute__((target("avx2"))) static inline __m256i encode_vector(const uint8_t *from,
                                                                    __m256i spread)
{
    const __m256i distance =
        both(_mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                           '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0));
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)from),
            high = _mm_loadu_si128((const __m128i *)(const void *)(from + 12));
    __m256i v =
        _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), spread);
    __m256i odd = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0fc0fc00)),
                                     _mm256_set1_epi32(0x04000040)),
            even = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003f03f0)),
                                      _mm256_set1_epi32(0x01000010)),
            six = _mm256_or_si256(odd, even);
    /* 13: capital letters; 0: small ones; 1 to 10: digits; 11 and 12: the last two */
    __m256i kind = _mm256_subs_epu8(six, _mm256_set1_epi8(51)),
            capital = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), six);

    kind = _mm256_or_si256(kind, _mm256_and_si256(capital, _mm256_set1_epi8(13)));
    return _mm256_add_epi8(six, _mm256_shuffle_epi8(distance, kind));
}

/* At least VECTOR_READ bytes. All vectors but the first one are read with the 4 bytes before them, so that nothing after
 * the end is read; the last one may begin in the one before it. */
__attribute__((target("avx2"))) static void encode_avx2(const uint8_t *from, size_t groups,
                                                        uint8_t *to)
{
    const __m256i first = both(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10)),
                  others = _mm256_add_epi8(first, _mm256_set1_epi8(4));
    size_t n = groups * 3, at = VECTOR_IN;

    store(to, encode_vector(from, first));
    for (; n - at >= VECTOR_IN; at += VECTOR_IN)
        store(to + at / 3 * 4, encode_vector(from + at - 4, others));
    if (at < n)
        store(to + groups * 4 - VECTOR_CHARS, encode_vector(from + n - VECTOR_READ, others));
}

/* 32 values of six bits to 24 bytes, and 8 zeros. */
__attribute__((target("avx2"))) static inline __m256i pack(__m256i six)
{
    const __m256i order =
        both(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    __m256i twelve = _mm256_maddubs_epi16(six, _mm256_set1_epi32(0x01400140)),
            whole = _mm256_madd_epi16(twelve, _mm256_set1_epi32(0x00011000));

    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(whole, order),
                                       _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1));
}

__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t *from, size_t n,
                                                          uint8_t *to, size_t room,
                                                          size_t *ret_made)
{
    const __m256i bad_low = both(_mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                               0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a)),
                  bad_high = both(_mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                                0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10)),
                  distance =
                      both(_mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0)),
                  slash = _mm256_set1_epi8('/');
    size_t at = 0, made = 0;

    while (n - at >= VECTOR_CHARS && room - made >= VECTOR_CHARS) {
        __m256i v = load(from + at), high = _mm256_and_si256(_mm256_srli_epi32(v, 4), slash),
                low = _mm256_and_si256(v, slash),
                bad = _mm256_and_si256(_mm256_shuffle_epi8(bad_low, low),
                                       _mm256_shuffle_epi8(bad_high, high)),
                is_slash = _mm256_cmpeq_epi8(v, slash),
                six = _mm256_add_epi8(
                    v, _mm256_shuffle_epi8(distance, _mm256_add_epi8(is_slash, high)));
        uint32_t stop =
            (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(bad, _mm256_setzero_si256()));
        unsigned good = stop ? (unsigned)__builtin_ctz(stop) & ~3u : VECTOR_CHARS;

        store(to + made, pack(six));
        at += good;
        made += good / 4 * 3;
        if (good == VECTOR_CHARS)
            continue;
        if (from[at] != '\n')
            break;
        at++;
    }
    *ret_made = made;
    return at;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#endif

void leat_base64_encode_groups(const uint8_t *from, size_t groups, uint8_t *to)
{
#if defined(__x86_64__)
    if (groups * 3 >= VECTOR_READ && has_avx2()) {
        encode_avx2(from, groups, to);
        return;
    }
#endif
    leat_base64_encode_plain(from, groups, to);
}

size_t leat_base64_decode_groups(const uint8_t *from, size_t n, uint8_t *to, size_t room,
                                 size_t *ret_made)
{
    size_t at = 0, made = 0, more;

#if defined(__x86_64__)
    if (n >= VECTOR_CHARS && has_avx2())
        at = decode_avx2(from, n, to, room, &made);
#endif
    at += leat_base64_decode_plain(from + at, n - at, to + made, room - made, &more);
    *ret_made = made + more;
    return at;
}
