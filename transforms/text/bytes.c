/* bytes.c - maps, deletes and squeezes bytes by table.
 *
 * The kept bytes of a vector are moved together eight at a time with pext, which takes the comparison result itself as
 * its mask. In place, a store never reaches a byte that was not read yet: at most as many bytes were kept as read.
 */

#include "bytes.h"

#include <string.h>

#include "base/invariant.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define FAST __attribute__((target("avx2,bmi2,popcnt")))
#endif

#define LANES ((size_t)32)

void leat_bytes_map_init(struct leat_bytes_map *map, const uint8_t *to)
{
    *map = (struct leat_bytes_map){.n_rows = 0};
    memcpy(map->to, to, sizeof map->to);
    for (unsigned high = 0; high < 16; high++) {
        uint8_t changed = 0, *change = map->change[map->n_rows];

        for (unsigned low = 0; low < 16; low++) {
            change[low] = (uint8_t)((high << 4 | low) ^ to[high << 4 | low]);
            changed |= change[low];
        }
        if (changed)
            map->row[map->n_rows++] = (uint8_t)(high << 4);
    }
    leat_assert(map->n_rows <= 16);
}

void leat_bytes_set_init(struct leat_bytes_set *set, const bool *in)
{
    *set = (struct leat_bytes_set){.low = {0}};
    memcpy(set->in, in, sizeof set->in);
    for (unsigned c = 0; c < 256; c++)
        if (in[c])
            *(c < 128 ? &set->low[c & 15] : &set->high[c & 15]) |= (uint8_t)(1u << (c >> 4 & 7));
}

bool leat_bytes_fast(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
#else
    return false;
#endif
}

#if defined(__x86_64__)

FAST static inline __m256i load(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

FAST static inline void store(uint8_t *to, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)to, v);
}

/* The same 16 bytes in both halves. */
FAST static inline __m256i load_row(const uint8_t *row)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)row));
}

/* --- map --- */

/* The changes in the bytes of one row. A saturating addition leaves bit 7 clear only in bytes of the row, and a
 * shuffle gives 0 for the others. */
FAST static inline __m256i changes(__m256i v, uint8_t row, __m256i change)
{
    __m256i low = _mm256_xor_si256(v, _mm256_set1_epi8((char)row));

    return _mm256_shuffle_epi8(change, _mm256_adds_epu8(low, _mm256_set1_epi8(0x70)));
}

FAST static size_t translate_fast(const struct leat_bytes_map *map, const uint8_t *from,
                                  uint8_t *to, size_t n)
{
    __m256i first = load_row(map->change[0]), second = load_row(map->change[1]);
    size_t i = 0;

    for (; n - i >= LANES; i += LANES) {
        __m256i v = load(from + i), all = changes(v, map->row[0], first);

        if (map->n_rows > 1)
            all = _mm256_xor_si256(all, changes(v, map->row[1], second));
        for (unsigned k = 2; k < map->n_rows; k++)
            all = _mm256_xor_si256(all, changes(v, map->row[k], load_row(map->change[k])));
        store(to + i, _mm256_xor_si256(v, all));
    }
    return i;
}

/* --- sets --- */

struct tables {
    __m256i low, high, bits;
};

FAST static inline struct tables load_tables(const struct leat_bytes_set *set)
{
    return (struct tables){.low = load_row(set->low),
                           .high = load_row(set->high),
                           .bits = _mm256_set1_epi64x((long long)0x8040201008040201u)};
}

/* 0xff for each byte in the set. A shuffle gives 0 for bytes with bit 7 set. */
FAST static inline __m256i members(const struct tables *t, __m256i v)
{
    __m256i half = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(7));
    __m256i bit = _mm256_shuffle_epi8(t->bits, half);
    __m256i rows = _mm256_or_si256(
        _mm256_shuffle_epi8(t->low, v),
        _mm256_shuffle_epi8(t->high, _mm256_xor_si256(v, _mm256_set1_epi8((char)0x80))));

    return _mm256_cmpeq_epi8(_mm256_and_si256(rows, bit), bit);
}

/* Writes the bytes of v, those of `drop` excepted, to `to`; returns how many. Up to LANES bytes are written. */
FAST static inline size_t keep(__m256i v, __m256i drop, uint8_t *to)
{
    uint64_t bytes[4], masks[4];
    size_t n = 0;

    if (_mm256_testz_si256(drop, drop)) {
        store(to, v);
        return LANES;
    }
    store((uint8_t *)bytes, v);
    store((uint8_t *)masks, drop);
    for (int i = 0; i < 4; i++) {
        uint64_t kept = _pext_u64(bytes[i], ~masks[i]);

        memcpy(to + n, &kept, sizeof kept);
        n += 8 - (size_t)__builtin_popcountll(masks[i]) / 8;
    }
    return n;
}

/* Returns how many bytes of `from` were used; *ret_kept were written. */
FAST static size_t delete_fast(const struct leat_bytes_set *set, const uint8_t *from, uint8_t *to,
                               size_t n, size_t *ret_kept)
{
    const struct tables t = load_tables(set);
    size_t i = 0, kept = 0;

    for (; n - i >= LANES; i += LANES) {
        __m256i v = load(from + i);

        kept += keep(v, members(&t, v), to + kept);
    }
    *ret_kept = kept;
    return i;
}

/* *last is the byte before the first one, and becomes the last one that was used; *kept grows. In place that byte may be
 * overwritten already. Returns how many bytes were used. */
FAST static size_t squeeze_fast(const struct leat_bytes_set *set, const uint8_t *from, uint8_t *to,
                                size_t n, int *last, size_t *kept)
{
    const struct tables t = load_tables(set);
    __m256i before = _mm256_set1_epi8((char)*last);
    size_t i = 0, at = 0;

    for (; n - i >= LANES; i += LANES) {
        __m256i v = load(from + i);
        __m256i shifted = _mm256_alignr_epi8(v, _mm256_permute2x128_si256(before, v, 0x21), 15);
        __m256i equal = _mm256_cmpeq_epi8(v, shifted);

        if (!_mm256_testz_si256(equal, equal))
            equal = _mm256_and_si256(equal, members(&t, v));
        at += keep(v, equal, to + at);
        before = v;
    }
    *last = (uint8_t)_mm256_extract_epi8(before, 31);
    *kept += at;
    return i;
}
#endif

void leat_bytes_translate(const struct leat_bytes_map *map, const uint8_t *from, uint8_t *to,
                          size_t n, bool fast)
{
    size_t i = 0;

#if defined(__x86_64__)
    if (fast && map->n_rows > 0)
        i = translate_fast(map, from, to, n);
#endif
    (void)fast;
    leat_assert(i <= n);
    for (; i < n; i++)
        to[i] = map->to[from[i]];
}

size_t leat_bytes_delete(const struct leat_bytes_set *set, const uint8_t *from, uint8_t *to,
                         size_t n, bool fast)
{
    size_t i = 0, kept = 0;

#if defined(__x86_64__)
    if (fast)
        i = delete_fast(set, from, to, n, &kept);
#endif
    (void)fast;
    leat_assert(kept <= i && i <= n);
    for (; i < n; i++) {
        to[kept] = from[i];
        kept += !set->in[from[i]];
    }
    return kept;
}

size_t leat_bytes_squeeze(const struct leat_bytes_set *set, const uint8_t *from, uint8_t *to,
                          size_t n, int before, bool fast)
{
    size_t i = 0, kept = 0;
    int last = before;

    if (n > 0 && before < 0) {
        last = to[kept++] = from[i++];
    }
#if defined(__x86_64__)
    if (fast)
        i += squeeze_fast(set, from + i, to + kept, n - i, &last, &kept);
#endif
    (void)fast;
    leat_assert(kept <= i && i <= n);
    for (; i < n; i++) {
        uint8_t c = from[i];

        to[kept] = c;
        kept += c != last || !set->in[c];
        last = c;
    }
    return kept;
}
