/* literals.c - finds any of a few fixed strings: tables check 32 places at once.
 *
 * The tables are for a shuffle instruction: a half-byte selects one of 16 entries, each a set of
 * buckets. The intersection of the sets for all half-bytes of a window tells which buckets may have
 * a string at that place. Only these strings are compared. (Known as Teddy, from Hyperscan.)
 */

#include "literals.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BUCKETS 8u

static bool is_letter(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

/* The offset of the window with the rarest bytes. */
static size_t choose_window(const struct leat_literal *l, size_t window)
{
    size_t best = 0;
    unsigned best_rank = UINT32_MAX;

    for (size_t at = 0; at + window <= l->len; at++) {
        unsigned rank = 0;

        for (size_t i = 0; i < window; i++)
            rank += leat_byte_rank(l->bytes[at + i]);
        if (rank < best_rank) {
            best_rank = rank;
            best = at;
        }
    }
    return best;
}

static void add_byte(struct leat_literals *ls, size_t place, uint8_t byte, unsigned bucket)
{
    ls->low[place][byte & 15] |= (uint8_t)(1u << bucket);
    ls->high[place][byte >> 4] |= (uint8_t)(1u << bucket);
}

void leat_literals_init(struct leat_literals *ls, const struct leat_literal *each, size_t n)
{
    *ls = (struct leat_literals){.n = n, .window = LEAT_LITERALS_WINDOW};
    for (size_t i = 0; i < n; i++) {
        ls->each[i] = each[i];
        if (each[i].len < ls->window)
            ls->window = each[i].len;
    }
    for (size_t i = 0; i < n; i++) {
        ls->at[i] = choose_window(&each[i], ls->window);
        for (size_t k = 0; k < ls->window; k++) {
            uint8_t c = each[i].bytes[ls->at[i] + k];

            add_byte(ls, k, c, (unsigned)(i % BUCKETS));
            if (each[i].fold && is_letter(c))
                add_byte(ls, k, c & ~0x20, (unsigned)(i % BUCKETS));
        }
    }
}

struct search {
    const struct leat_literals *literals;
    const uint8_t *data, *end;
};

/* Is one of the strings of these buckets there, with its window at p? */
static bool is_any_here(const struct search *s, const uint8_t *p, unsigned buckets)
{
    const struct leat_literals *ls = s->literals;

    for (; buckets; buckets &= buckets - 1)
        for (size_t i = (size_t)__builtin_ctz(buckets); i < ls->n; i += BUCKETS) {
            const struct leat_literal *l = &ls->each[i];

            if ((size_t)(p - s->data) >= ls->at[i] && (size_t)(s->end - p) >= l->len - ls->at[i] &&
                leat_literal_is_here(l, p - ls->at[i]))
                return true;
        }
    return false;
}

/* For the ends of buffers, and for processors without the shuffle instruction. */
static const uint8_t *find_plain(const struct search *s, const uint8_t *p)
{
    const struct leat_literals *ls = s->literals;

    for (; (size_t)(s->end - p) >= ls->window; p++) {
        unsigned buckets = 0xff;

        for (size_t k = 0; k < ls->window; k++)
            buckets &= (unsigned)(ls->low[k][p[k] & 15] & ls->high[k][p[k] >> 4]);
        if (buckets && is_any_here(s, p, buckets))
            return p;
    }
    return NULL;
}

#if defined(__x86_64__)

/* The buckets for the 32 places from p on, by one byte of the window. */
__attribute__((target("avx2"))) static inline __m256i look_up(const uint8_t *p, __m256i low,
                                                              __m256i high)
{
    const __m256i half = _mm256_set1_epi8(15);
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);

    return _mm256_and_si256(
        _mm256_shuffle_epi8(low, _mm256_and_si256(v, half)),
        _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half)));
}

__attribute__((target("avx2"))) static inline __m256i table(const uint8_t *entries)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)entries));
}

/* Returns a hit, or NULL with *at where the search stopped. */
__attribute__((target("avx2"))) static const uint8_t *find_avx2(const struct search *s,
                                                                const uint8_t **at)
{
    const struct leat_literals *ls = s->literals;
    const size_t last = ls->window - 1, middle = ls->window > 1 ? 1 : 0;
    const __m256i low0 = table(ls->low[0]), high0 = table(ls->high[0]),
                  low1 = table(ls->low[middle]), high1 = table(ls->high[middle]),
                  low2 = table(ls->low[last]), high2 = table(ls->high[last]),
                  zero = _mm256_setzero_si256();
    const uint8_t *p = *at;

    for (; (size_t)(s->end - p) >= 32 + LEAT_LITERALS_WINDOW; p += 32) {
        __m256i buckets = _mm256_and_si256(
            _mm256_and_si256(look_up(p, low0, high0), look_up(p + middle, low1, high1)),
            look_up(p + last, low2, high2));
        uint32_t places = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(buckets, zero));
        uint8_t sets[32];

        if (!places)
            continue;
        _mm256_storeu_si256((__m256i *)(void *)sets, buckets);
        for (; places; places &= places - 1) {
            int i = __builtin_ctz(places);

            if (is_any_here(s, p + i, sets[i]))
                return p + i;
        }
    }
    *at = p;
    return NULL;
}
#endif

const uint8_t *leat_literals_find(const struct leat_literals *ls, const uint8_t *data, size_t n)
{
    struct search s = {.literals = ls, .data = data, .end = data + n};
    const uint8_t *at = data;

#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        const uint8_t *hit = find_avx2(&s, &at);

        if (hit)
            return hit;
    }
#endif
    return find_plain(&s, at);
}
