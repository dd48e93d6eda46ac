/* url_code.c - percent-encoding of RFC 3986.
 *
 * A vector of bytes that are all kept is copied at once; the others are encoded one by one, without a branch, by a table
 * that has the text of each byte. Decoding copies vectors up to the next '%'.
 */

#include "url_code.h"

#include <string.h>

#include "hex_code.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static bool is_unreserved(unsigned c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void leat_url_table_init(struct leat_url_table *t, int delimiter, bool plus)
{
    static const char digits[] = "0123456789ABCDEF";

    *t = (struct leat_url_table){.len = {0}};
    for (unsigned c = 0; c < 256; c++) {
        if (is_unreserved(c) || (int)c == delimiter) {
            t->text[c][0] = (uint8_t)c;
            t->len[c] = 1;
            if (c < 0x80)
                t->kept[c & 15] |= (uint8_t)(1u << (c >> 4));
        } else {
            t->text[c][0] = '%';
            t->text[c][1] = (uint8_t)digits[c >> 4];
            t->text[c][2] = (uint8_t)digits[c & 15];
            t->len[c] = 3;
        }
    }
    if (plus) {
        t->text[' '][0] = '+';
        t->len[' '] = 1;
    }
}

size_t leat_url_encode_plain(const struct leat_url_table *t, const uint8_t *from, size_t n,
                             uint8_t *to, size_t room, size_t *ret_made)
{
    size_t at = 0, made = 0;

    for (; at < n && room - made >= LEAT_URL_ROOM; at++) {
        memcpy(to + made, t->text[from[at]], LEAT_URL_ROOM);
        made += t->len[from[at]];
    }
    *ret_made = made;
    return at;
}

size_t leat_url_decode_plain(const uint8_t *from, size_t n, bool plus, uint8_t *to, size_t room,
                             size_t *ret_made)
{
    size_t at = 0, made = 0;

    while (at < n && made < room) {
        uint8_t high, low;

        if (from[at] != '%') {
            to[made++] = plus && from[at] == '+' ? ' ' : from[at];
            at++;
            continue;
        }
        if (n - at < 3)
            break;
        high = leat_hex_value(from[at + 1]);
        low = leat_hex_value(from[at + 2]);
        if ((high | low) & LEAT_HEX_NONE)
            break;
        to[made++] = (uint8_t)(high << 4 | low);
        at += 3;
    }
    *ret_made = made;
    return at;
}

#if defined(__x86_64__)

#define VECTOR 32u

__attribute__((target("avx2"))) static size_t encode_avx2(const struct leat_url_table *t,
                                                          const uint8_t *from, size_t n,
                                                          uint8_t *to, size_t room,
                                                          size_t *ret_made)
{
    const __m256i bits = _mm256_broadcastsi128_si256(
                      _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0)),
                  kept = _mm256_broadcastsi128_si256(
                      _mm_loadu_si128((const __m128i *)(const void *)t->kept)),
                  half = _mm256_set1_epi8(15);
    size_t at = 0, made = 0;

    while (n - at >= VECTOR && room - made >= VECTOR * LEAT_URL_ROOM) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(from + at)),
                with = _mm256_shuffle_epi8(kept, _mm256_and_si256(v, half)),
                high = _mm256_and_si256(_mm256_srli_epi16(v, 4), half),
                keep = _mm256_and_si256(with, _mm256_shuffle_epi8(bits, high));

        if (_mm256_testz_si256(_mm256_cmpeq_epi8(keep, _mm256_setzero_si256()),
                               _mm256_set1_epi8(-1))) {
            _mm256_storeu_si256((__m256i *)(void *)(to + made), v);
            made += VECTOR;
        } else {
            for (size_t i = 0; i < VECTOR; i++) {
                memcpy(to + made, t->text[from[at + i]], LEAT_URL_ROOM);
                made += t->len[from[at + i]];
            }
        }
        at += VECTOR;
    }
    *ret_made = made;
    return at;
}

__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t *from, size_t n, bool plus,
                                                          uint8_t *to, size_t room,
                                                          size_t *ret_made)
{
    /* without `plus` a '+' becomes one */
    const __m256i space = _mm256_set1_epi8(plus ? ' ' : '+');
    size_t at = 0, made = 0;

    while (n - at >= VECTOR && room - made >= VECTOR) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(from + at));
        uint32_t stop = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('%')));
        unsigned good = stop ? (unsigned)__builtin_ctz(stop) : VECTOR;
        size_t used, more;

        v = _mm256_blendv_epi8(v, space, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('+')));
        _mm256_storeu_si256((__m256i *)(void *)(to + made), v);
        at += good;
        made += good;
        if (good == VECTOR)
            continue;
        /* one escape, or the run of them */
        do {
            used = n - at < 3 ? 0 : leat_url_decode_plain(from + at, 3, plus, to + made, 1, &more);
            at += used;
            made += used > 0 ? more : 0;
        } while (used > 0 && at < n && from[at] == '%' && made < room);
        if (used == 0)
            break;
    }
    *ret_made = made;
    return at;
}

#endif

size_t leat_url_encode(const struct leat_url_table *t, const uint8_t *from, size_t n, uint8_t *to,
                       size_t room, size_t *ret_made)
{
    size_t at = 0, made = 0, more;

#if defined(__x86_64__)
    if (n >= VECTOR && __builtin_cpu_supports("avx2"))
        at = encode_avx2(t, from, n, to, room, &made);
#endif
    at += leat_url_encode_plain(t, from + at, n - at, to + made, room - made, &more);
    *ret_made = made + more;
    return at;
}

size_t leat_url_decode(const uint8_t *from, size_t n, bool plus, uint8_t *to, size_t room,
                       size_t *ret_made)
{
    size_t at = 0, made = 0, more;

#if defined(__x86_64__)
    if (n >= VECTOR && __builtin_cpu_supports("avx2"))
        at = decode_avx2(from, n, plus, to, room, &made);
#endif
    at += leat_url_decode_plain(from + at, n - at, plus, to + made, room - made, &more);
    *ret_made = made + more;
    return at;
}
