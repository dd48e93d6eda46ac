/* literal.c - finds one fixed string: a vector search for two of its bytes, then a comparison.
 *
 * Some data (a long string of one letter in a file of that letter) needs a comparison at every
 * byte. When there are too many false candidates for the number of bytes searched, memmem searches
 * the rest, because its time is linear for any data.
 */

#include "literal.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Ranks from a mixture of prose, markup, addresses, logs, patches and binary data. */
static const uint8_t byte_rank[256] = {
    224, 204, 186, 141, 163, 126, 187, 166, 176, 182, 240, 161, 155, 181, 104, 153, //
    160, 192, 200, 88,  120, 171, 137, 90,  177, 93,  162, 94,  71,  65,  14,  118, //
    255, 151, 212, 159, 140, 175, 148, 145, 198, 197, 211, 194, 227, 231, 238, 242, //
    236, 235, 233, 221, 215, 216, 217, 208, 214, 219, 226, 203, 201, 223, 213, 167, //
    173, 199, 174, 205, 185, 202, 191, 183, 164, 196, 147, 154, 193, 180, 190, 195, //
    184, 67,  206, 207, 209, 189, 139, 157, 131, 134, 170, 172, 232, 179, 17,  225, //
    152, 251, 228, 246, 243, 254, 234, 229, 244, 247, 178, 220, 245, 241, 249, 252, //
    239, 169, 250, 248, 253, 237, 218, 230, 210, 222, 165, 149, 146, 144, 96,  47,  //
    188, 87,  66,  82,  101, 168, 45,  77,  35,  28,  10,  30,  107, 74,  32,  61,  //
    5,   108, 100, 22,  40,  58,  9,   55,  99,  51,  92,  34,  81,  75,  50,  142, //
    136, 132, 156, 70,  37,  18,  36,  12,  13,  60,  84,  46,  31,  102, 42,  85,  //
    0,   15,  95,  23,  11,  119, 2,   138, 29,  73,  113, 39,  79,  19,  72,  106, //
    133, 1,   127, 64,  3,   114, 89,  33,  20,  68,  111, 109, 16,  80,  130, 121, //
    48,  6,   122, 54,  25,  27,  52,  91,  7,   4,   143, 41,  83,  103, 57,  59,  //
    150, 76,  44,  24,  97,  53,  26,  129, 49,  98,  112, 124, 8,   78,  69,  38,  //
    116, 86,  125, 135, 21,  62,  105, 43,  115, 128, 110, 56,  63,  123, 117, 158, //
};

unsigned leat_byte_rank(uint8_t byte)
{
    return byte_rank[byte];
}

/* More bytes than this do not make a search better. */
#define SCORE_BYTES 6u

unsigned leat_literal_score(const uint8_t *bytes, size_t len)
{
    unsigned sum = 0;

    for (size_t i = 0; i < len && i < SCORE_BYTES; i++)
        sum += 40 + 255 - byte_rank[bytes[i]];
    return sum;
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

void leat_literal_init(struct leat_literal *l, const uint8_t *bytes, size_t len, bool fold)
{
    *l = (struct leat_literal){.bytes = bytes, .len = len, .fold = fold};
    for (size_t i = 1; i < len; i++)
        if (byte_rank[bytes[i]] < byte_rank[bytes[l->rare[0]]])
            l->rare[0] = i;
    l->rare[1] = len > 1 && l->rare[0] == 0 ? 1 : 0;
    for (size_t i = 0; i < len; i++)
        if (i != l->rare[0] && bytes[i] != bytes[l->rare[0]] &&
            (byte_rank[bytes[i]] < byte_rank[bytes[l->rare[1]]] ||
             bytes[l->rare[1]] == bytes[l->rare[0]]))
            l->rare[1] = i;
    for (int i = 0; i < 2; i++)
        l->mask[i] = fold && is_letter(bytes[l->rare[i]]) ? 0x20 : 0;
}

/* Is the whole string at p? */
static inline bool is_here(const struct leat_literal *l, const uint8_t *p)
{
    if (!l->fold)
        return memcmp(p, l->bytes, l->len) == 0;
    for (size_t i = 0; i < l->len; i++) {
        uint8_t c = p[i];

        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != l->bytes[i])
            return false;
    }
    return true;
}

bool leat_literal_is_here(const struct leat_literal *l, const uint8_t *p)
{
    return is_here(l, p);
}

/* For the ends of buffers, and for processors without a vector search. */
static const uint8_t *find_plain(const struct leat_literal *l, const uint8_t *data, size_t n)
{
    if (!l->fold)
        return memmem(data, n, l->bytes, l->len);
    for (size_t at = 0; at + l->len <= n; at++)
        if (is_here(l, data + at))
            return data + at;
    return NULL;
}

/* Bytes searched pay for false candidates; comparing a string of the length of a word is always
 * cheap. */
#define COMPARE_CHEAP 32u
#define ALARMS_FREE 64u

struct search {
    const struct leat_literal *literal;
    const uint8_t *from; /* start of the search */
    size_t alarms;       /* false candidates */
    bool gave_up;
    bool counts; /* count lines instead of ending at the first hit */
    const uint8_t *end;
    uint8_t eol;
    uint64_t lines;
};

/* Counts the line of a hit. Returns the start of the next line. */
static inline const uint8_t *count_line(struct search *s, const uint8_t *hit)
{
    const uint8_t *eol = memchr(hit, s->eol, (size_t)(s->end - hit));

    s->lines++;
    return eol ? eol + 1 : s->end;
}

#if defined(__x86_64__)

/* Checks each candidate of a block: bit i of `mask` is for data[i]. Returns the place of the first
 * true one, or -1. */
static inline int check(struct search *s, const uint8_t *at, uint64_t mask)
{
    const struct leat_literal *l = s->literal;

    for (; mask; mask &= mask - 1) {
        int place = __builtin_ctzll(mask);

        if (is_here(l, at + place))
            return place;
        s->alarms++;
    }
    if (l->len > COMPARE_CHEAP && !l->fold && s->alarms > ALARMS_FREE &&
        s->alarms * l->len > 4 * (size_t)(at - s->from))
        s->gave_up = true;
    return -1;
}

__attribute__((target("avx2"))) static const uint8_t *find_avx2(struct search *s,
                                                                const uint8_t **at, size_t starts)
{
    const struct leat_literal *l = s->literal;
    const uint8_t *p = *at, *end = p + starts;
    const __m256i byte0 = _mm256_set1_epi8((char)l->bytes[l->rare[0]]),
                  byte1 = _mm256_set1_epi8((char)l->bytes[l->rare[1]]),
                  mask0 = _mm256_set1_epi8((char)l->mask[0]),
                  mask1 = _mm256_set1_epi8((char)l->mask[1]);
    const size_t off0 = l->rare[0], off1 = l->rare[1];

#define LOAD(off) _mm256_loadu_si256((const __m256i *)(const void *)(p + (off)))
#define BOTH(i)                                                                                    \
    _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_or_si256(LOAD(off0 + (i)), mask0), byte0),           \
                     _mm256_cmpeq_epi8(_mm256_or_si256(LOAD(off1 + (i)), mask1), byte1))
    while (end - p >= 64 && !s->gave_up) {
        __m256i low = BOTH(0), high = BOTH(32);

        if (!_mm256_testz_si256(_mm256_or_si256(low, high), _mm256_or_si256(low, high))) {
            uint64_t mask = (uint32_t)_mm256_movemask_epi8(low) |
                            (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
            int place = check(s, p, mask);

            if (place >= 0 && !s->counts)
                return p + place;
            if (place >= 0) {
                p = count_line(s, p + place);
                continue;
            }
        }
        p += 64;
    }
    *at = p;
    return NULL;
#undef BOTH
#undef LOAD
}

static const uint8_t *find_sse2(struct search *s, const uint8_t **at, size_t starts)
{
    const struct leat_literal *l = s->literal;
    const uint8_t *p = *at, *end = p + starts;
    const __m128i byte0 = _mm_set1_epi8((char)l->bytes[l->rare[0]]),
                  byte1 = _mm_set1_epi8((char)l->bytes[l->rare[1]]),
                  mask0 = _mm_set1_epi8((char)l->mask[0]), mask1 = _mm_set1_epi8((char)l->mask[1]);
    const size_t off0 = l->rare[0], off1 = l->rare[1];

    for (; end - p >= 16 && !s->gave_up; p += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(p + off0)),
                b = _mm_loadu_si128((const __m128i *)(const void *)(p + off1));
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(_mm_or_si128(a, mask0), byte0),
                          _mm_cmpeq_epi8(_mm_or_si128(b, mask1), byte1)));

        if (mask) {
            int place = check(s, p, mask);

            if (place >= 0)
                return p + place;
        }
    }
    *at = p;
    return NULL;
}

static const uint8_t *find_vector(const struct leat_literal *l, const uint8_t *data, size_t n)
{
    struct search s = {.literal = l, .from = data};
    const uint8_t *at = data, *hit;
    size_t starts = n - l->len + 1; /* places where the string can begin */

    hit = __builtin_cpu_supports("avx2") ? find_avx2(&s, &at, starts) : NULL;
    if (!hit && !s.gave_up)
        hit = find_sse2(&s, &at, starts - (size_t)(at - data));
    return hit ? hit : find_plain(l, at, n - (size_t)(at - data));
}
#endif

uint64_t leat_literal_count(const struct leat_literal *l, const uint8_t *data, size_t n,
                            uint8_t eol)
{
    struct search s = {.literal = l, .from = data, .counts = true, .end = data + n, .eol = eol};
    const uint8_t *at = data;

#if defined(__x86_64__)
    if (l->len > 1 && n >= l->len && __builtin_cpu_supports("avx2"))
        find_avx2(&s, &at, n - l->len + 1);
#endif
    while (at < s.end) {
        const uint8_t *hit = leat_literal_find(l, at, (size_t)(s.end - at));

        if (!hit)
            break;
        at = count_line(&s, hit);
    }
    return s.lines;
}

const uint8_t *leat_literal_find(const struct leat_literal *l, const uint8_t *data, size_t n)
{
    if (n < l->len || !data)
        return NULL;
    if (l->len == 1 && !l->mask[0])
        return memchr(data, l->bytes[0], n);
#if defined(__x86_64__)
    return find_vector(l, data, n);
#else
    return find_plain(l, data, n);
#endif
}
