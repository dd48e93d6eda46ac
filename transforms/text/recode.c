/* recode.c - converts text between UTF-8, UTF-16, UTF-32 and ISO-8859-1.
 *
 * One loop is written for all pairs, and compiled for each pair, with and without AVX2: it takes a run of ASCII as
 * vectors of 32 characters, and then characters one by one up to the next ASCII.
 */

#include "recode.h"

#include <string.h>

#include "base/invariant.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 32u /* characters of a vector */

INLINE size_t unit_of(enum leat_charset c)
{
    return c == LEAT_UTF8 || c == LEAT_LATIN1 ? 1 : c == LEAT_UTF16LE || c == LEAT_UTF16BE ? 2 : 4;
}

/* --- one character ---------------------------------------------------------------------------- */

INLINE uint32_t get16(enum leat_charset c, const uint8_t *p)
{
    return c == LEAT_UTF16LE ? (uint32_t)(p[0] | p[1] << 8) : (uint32_t)(p[0] << 8 | p[1]);
}

INLINE uint32_t get32(enum leat_charset c, const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return c == LEAT_UTF32LE ? v : __builtin_bswap32(v);
}

#define INCOMPLETE 0
#define INVALID (-1)

static size_t utf8_length(uint8_t lead)
{
    return lead < 0x80   ? 1
           : lead < 0xc2 ? 0
           : lead < 0xe0 ? 2
           : lead < 0xf0 ? 3
           : lead < 0xf8 ? 4
                         : 0;
}

/* A sequence that is not a plain one of two or three bytes. */
static int decode_utf8_other(const uint8_t *p, size_t n, uint32_t *code)
{
    size_t len = utf8_length(p[0]), have = 1;
    uint32_t c;

    if (len == 0)
        return INVALID;
    while (have < len && have < n && (p[have] & 0xc0) == 0x80)
        have++;
    if (have < len)
        return have == n ? INCOMPLETE : INVALID;
    c = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    if (c < (len == 3   ? 0x800u
             : len == 4 ? 0x10000u
                        : 0x80u) ||
        c > 0x10ffff || (c & 0xfffff800) == 0xd800)
        return INVALID;
    *code = c;
    return (int)len;
}

INLINE int decode_utf8(const uint8_t *p, size_t n, uint32_t *code)
{
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    if (n >= 2 && p[0] >= 0xc2 && p[0] < 0xe0 && (p[1] & 0xc0) == 0x80) {
        *code = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (n >= 3 && p[0] > 0xe0 && p[0] < 0xed && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        *code = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return 3;
    }
    return decode_utf8_other(p, n, code);
}

INLINE int decode_utf16(enum leat_charset from, const uint8_t *p, size_t n, uint32_t *code)
{
    uint32_t c, low;

    if (n < 2)
        return INCOMPLETE;
    c = get16(from, p);
    *code = c;
    if ((c & 0xf800) != 0xd800)
        return 2;
    if (c >= 0xdc00)
        return INVALID;
    if (n < 4)
        return INCOMPLETE;
    low = get16(from, p + 2);
    if ((low & 0xfc00) != 0xdc00)
        return INVALID;
    *code = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
    return 4;
}

/* Returns the length of the character at p, n >= 1; INCOMPLETE or INVALID. */
INLINE int decode(enum leat_charset from, const uint8_t *p, size_t n, uint32_t *code)
{
    switch (from) {
    case LEAT_UTF8:
        return decode_utf8(p, n, code);
    case LEAT_UTF16LE:
    case LEAT_UTF16BE:
        return decode_utf16(from, p, n, code);
    case LEAT_UTF32LE:
    case LEAT_UTF32BE:
        if (n < 4)
            return INCOMPLETE;
        *code = get32(from, p);
        return *code > 0x10ffff || (*code & 0xfffff800) == 0xd800 ? INVALID : 4;
    default:
        *code = p[0];
        return 1;
    }
}

INLINE size_t encode_utf8(uint32_t c, uint8_t *to)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

INLINE void put16(enum leat_charset to, uint32_t c, uint8_t *p)
{
    p[to == LEAT_UTF16BE] = (uint8_t)c;
    p[to == LEAT_UTF16LE] = (uint8_t)(c >> 8);
}

/* Returns the length, at most LEAT_CHARACTER_MAX; 0: there is no such character. */
INLINE size_t encode(enum leat_charset to, uint32_t c, uint8_t *out)
{
    switch (to) {
    case LEAT_UTF8:
        return encode_utf8(c, out);
    case LEAT_UTF16LE:
    case LEAT_UTF16BE:
        if (c < 0x10000) {
            put16(to, c, out);
            return 2;
        }
        put16(to, 0xd7c0 + (c >> 10), out);
        put16(to, 0xdc00 | (c & 0x3ff), out + 2);
        return 4;
    case LEAT_UTF32LE:
    case LEAT_UTF32BE:
        for (unsigned i = 0; i < 4; i++)
            out[i] = (uint8_t)(c >> (to == LEAT_UTF32LE ? 8 * i : 24 - 8 * i));
        return 4;
    default:
        out[0] = (uint8_t)c;
        return c <= 0xff;
    }
}

size_t leat_recode_put(enum leat_charset to, uint32_t code, uint8_t *out)
{
    return encode(to, code, out);
}

/* --- runs of ASCII ---------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)

/* Reads 32 characters as bytes. Returns how many at the start are ASCII. */
INLINE AVX2 unsigned load_block(enum leat_charset from, const uint8_t *p, __m256i *ret)
{
    __m256i a = LOAD(p), b, c, d, bad;
    uint32_t mask;

    if (unit_of(from) == 1) {
        *ret = a;
        mask = (uint32_t)_mm256_movemask_epi8(a);
        return mask ? (unsigned)__builtin_ctz(mask) : BLOCK;
    }
    b = LOAD(p + 32);
    if (unit_of(from) == 2) {
        bad = _mm256_set1_epi16(from == LEAT_UTF16LE ? (short)0xff80 : (short)0x80ff);
        if (!_mm256_testz_si256(_mm256_or_si256(a, b), bad))
            return 0;
        if (from == LEAT_UTF16BE) {
            a = _mm256_srli_epi16(a, 8);
            b = _mm256_srli_epi16(b, 8);
        }
        *ret = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
        return BLOCK;
    }
    c = LOAD(p + 64);
    d = LOAD(p + 96);
    bad = _mm256_set1_epi32(from == LEAT_UTF32LE ? (int)0xffffff80 : (int)0x80ffffff);
    if (!_mm256_testz_si256(_mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d)), bad))
        return 0;
    if (from == LEAT_UTF32BE) {
        a = _mm256_srli_epi32(a, 24);
        b = _mm256_srli_epi32(b, 24);
        c = _mm256_srli_epi32(c, 24);
        d = _mm256_srli_epi32(d, 24);
    }
    a = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    *ret = _mm256_permutevar8x32_epi32(a, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    return BLOCK;
}

/* Writes 32 characters, given as bytes. */
INLINE AVX2 void store_block(enum leat_charset to, uint8_t *p, __m256i v)
{
    if (unit_of(to) == 1) {
        STORE(p, v);
    } else if (unit_of(to) == 2) {
        __m256i low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(v)),
                high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(v, 1));

        STORE(p, to == LEAT_UTF16LE ? low : _mm256_slli_epi16(low, 8));
        STORE(p + 32, to == LEAT_UTF16LE ? high : _mm256_slli_epi16(high, 8));
    } else {
        __m128i halves[2] = {_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)};

        for (unsigned i = 0; i < 4; i++) {
            __m128i half = halves[i / 2];
            __m256i wide = _mm256_cvtepu8_epi32(i % 2 ? _mm_srli_si128(half, 8) : half);

            STORE(p + 32 * i, to == LEAT_UTF32LE ? wide : _mm256_slli_epi32(wide, 24));
        }
    }
}

INLINE AVX2 void ascii_avx2(enum leat_charset from, enum leat_charset to, struct leat_recode *r)
{
    const size_t in_unit = unit_of(from), out_unit = unit_of(to);
    unsigned n = BLOCK;

    while (n == BLOCK && (size_t)(r->in_end - r->in) >= BLOCK * in_unit &&
           (size_t)(r->out_end - r->out) >= BLOCK * out_unit) {
        __m256i v;

        n = load_block(from, r->in, &v);
        if (n == 0)
            break;
        store_block(to, r->out, v); /* of the whole block; the next characters go over the rest */
        r->in += n * in_unit;
        r->out += n * out_unit;
    }
}
#endif

/* --- the loop --------------------------------------------------------------------------------- */

/* Converts characters one by one: `most` of them, or up to a character that may begin a run of ASCII. */
INLINE enum leat_recode_stop one_by_one(enum leat_charset from, enum leat_charset to,
                                        struct leat_recode *r, unsigned most, bool *ret_more)
{
    *ret_more = false;
    for (; most > 0; most--) {
        uint8_t last[LEAT_CHARACTER_MAX], *out = r->out;
        size_t room = (size_t)(r->out_end - r->out), n;
        uint32_t code;
        int used;

        if (r->in == r->in_end)
            return LEAT_RECODE_DONE;
        used = decode(from, r->in, (size_t)(r->in_end - r->in), &code);
        if (used <= 0)
            return used == INCOMPLETE ? LEAT_RECODE_INCOMPLETE : LEAT_RECODE_INVALID;
        if (room < LEAT_CHARACTER_MAX)
            out = last;
        n = encode(to, code, out);
        if (n == 0)
            return LEAT_RECODE_NONE;
        if (n > room)
            return LEAT_RECODE_ROOM;
        if (out == last)
            memcpy(r->out, last, n);
        r->in += used;
        r->out += n;
        if (code >= 0x80 && from == LEAT_UTF8 && r->in < r->in_end && *r->in < 0x80)
            break;
    }
    *ret_more = true;
    return LEAT_RECODE_DONE;
}

#define ONE_BY_ONE 32u

INLINE enum leat_recode_stop run_plain(enum leat_charset from, enum leat_charset to,
                                       struct leat_recode *r)
{
    bool more = true;
    enum leat_recode_stop stop = LEAT_RECODE_DONE;

    while (more)
        stop = one_by_one(from, to, r, ONE_BY_ONE, &more);
    return stop;
}

#if defined(__x86_64__)
INLINE AVX2 enum leat_recode_stop run_avx2(enum leat_charset from, enum leat_charset to,
                                           struct leat_recode *r)
{
    bool more = true;
    enum leat_recode_stop stop = LEAT_RECODE_DONE;

    while (more) {
        ascii_avx2(from, to, r);
        stop = one_by_one(from, to, r, ONE_BY_ONE, &more);
    }
    return stop;
}
#endif

typedef enum leat_recode_stop converter(struct leat_recode *r);

/* A function for each pair; the macros make them, and the tables. */
#define EACH_TO(make, from)                                                                        \
    make(from, LEAT_UTF8) make(from, LEAT_UTF16LE) make(from, LEAT_UTF16BE)                        \
        make(from, LEAT_UTF32LE) make(from, LEAT_UTF32BE) make(from, LEAT_LATIN1)
#define EACH(make)                                                                                 \
    EACH_TO(make, LEAT_UTF8)                                                                       \
    EACH_TO(make, LEAT_UTF16LE)                                                                    \
    EACH_TO(make, LEAT_UTF16BE)                                                                    \
    EACH_TO(make, LEAT_UTF32LE)                                                                    \
    EACH_TO(make, LEAT_UTF32BE) EACH_TO(make, LEAT_LATIN1)
#define MAKE_PLAIN(from, to)                                                                       \
    static enum leat_recode_stop plain_##from##_##to(struct leat_recode *r)                        \
    {                                                                                              \
        return run_plain(from, to, r);                                                             \
    }
#define MAKE_AVX2(from, to)                                                                        \
    AVX2 static enum leat_recode_stop avx2_##from##_##to(struct leat_recode *r)                    \
    {                                                                                              \
        return run_avx2(from, to, r);                                                              \
    }
#define ROW_PLAIN(from, to) [from][to] = plain_##from##_##to,
#define ROW_AVX2(from, to) [from][to] = avx2_##from##_##to,

EACH(MAKE_PLAIN)
static converter *const plain[LEAT_CHARSETS][LEAT_CHARSETS] = {EACH(ROW_PLAIN)};
#if defined(__x86_64__)
EACH(MAKE_AVX2)
static converter *const avx2[LEAT_CHARSETS][LEAT_CHARSETS] = {EACH(ROW_AVX2)};
#endif

enum leat_recode_stop leat_recode(enum leat_charset from, enum leat_charset to,
                                  struct leat_recode *r, bool vector)
{
    leat_assert(from < LEAT_CHARSETS && to < LEAT_CHARSETS);
    leat_assert(r->in <= r->in_end && r->out <= r->out_end);
#if defined(__x86_64__)
    if (vector && __builtin_cpu_supports("avx2"))
        return avx2[from][to](r);
#endif
    (void)vector;
    return plain[from][to](r);
}

/* As the GNU C library does: of UTF-8 the lead and the bytes that continue it. */
static size_t skip_utf8(const uint8_t *in, size_t n)
{
    size_t len = utf8_length(in[0]), i = 1, most = len > 0 ? len : 5;

    while (i < most && i < n && (in[i] & 0xc0) == 0x80)
        i++;
    return i;
}

size_t leat_recode_skip(enum leat_charset from, const uint8_t *in, size_t n)
{
    uint32_t code;
    int len;

    switch (from) {
    case LEAT_UTF8:
        return skip_utf8(in, n);
    case LEAT_UTF16LE:
    case LEAT_UTF16BE:
        len = decode_utf16(from, in, n, &code);
        return len > 0 ? (size_t)len : n < 2 ? n : 2;
    case LEAT_UTF32LE:
    case LEAT_UTF32BE:
        return n < 4 ? n : 4;
    default:
        return 1;
    }
}
