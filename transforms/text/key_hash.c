/* key_hash.c - the lines of a buffer and their hashes. */

#include "key_hash.h"

#include <string.h>
#include <sys/auxv.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SHORT 240u /* for longer input XXH3 uses the secret, for shorter one the seed */
#define FOLDED_LEAST ((size_t)4096)

_Static_assert(sizeof((struct leat_key_hasher *)0)->secret == XXH3_SECRET_DEFAULT_SIZE,
               "a secret has the size that XXH3 uses");

/* The kernel gives each process 16 random bytes. */
static uint64_t process_seed(void)
{
    /* The value of this entry is the address of the bytes. */
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);

    return random ? XXH3_64bits(random, 16) : 0;
}

static void init(struct leat_key_hasher *h, bool fold, uint64_t seed)
{
    if (h->ready)
        return;
    h->ready = true;
    h->fold = fold;
    h->seed = seed;
    XXH3_generateSecret_fromSeed(h->secret, seed);
}

void leat_key_hasher_init(struct leat_key_hasher *h, bool fold)
{
    init(h, fold, process_seed());
}

void leat_key_hasher_fixed(struct leat_key_hasher *h, bool fold)
{
    init(h, fold, 0);
}

void leat_key_hasher_done(struct leat_stage *s, struct leat_key_hasher *h)
{
    leat_free(s, h->folded);
    h->folded = NULL;
    h->folded_size = 0;
}

static int fold(struct leat_stage *s, struct leat_key_hasher *h, const uint8_t *data, size_t n)
{
    if (n > h->folded_size) {
        size_t size = n > FOLDED_LEAST ? n + n / 2 : FOLDED_LEAST;

        leat_free(s, h->folded);
        h->folded_size = 0;
        h->folded = leat_alloc_raw(s, size);
        if (!h->folded)
            return LEAT_ENOMEM;
        h->folded_size = size;
    }
    for (size_t i = 0; i < n; i++)
        h->folded[i] = leat_key_upper(data[i]);
    return 0;
}

int leat_key_hash(struct leat_stage *s, struct leat_key_hasher *h, const uint8_t *data, size_t n,
                  uint64_t *ret_hash)
{
    int r;

    if (h->fold && n > 0) {
        r = fold(s, h, data, n);
        if (r < 0)
            return r;
        data = h->folded;
    }
    *ret_hash = n <= SHORT ? XXH3_64bits_withSeed(data, n, h->seed)
                           : XXH3_64bits_withSecret(data, n, h->secret, sizeof h->secret);
    return 0;
}

bool leat_key_same(const uint8_t *a, const uint8_t *b, size_t n, bool folds)
{
    if (!folds)
        return memcmp(a, b, n) == 0;
    for (size_t i = 0; i < n; i++)
        if (leat_key_upper(a[i]) != leat_key_upper(b[i]))
            return false;
    return true;
}

/* --- lines ------------------------------------------------------------------------------------ */

unsigned leat_key_lines_portable(const uint8_t *data, size_t n, uint8_t delimiter,
                                 struct leat_key_line *lines)
{
    unsigned k = 0;

    for (size_t at = 0; at < n && k < LEAT_KEY_BATCH; k++) {
        const uint8_t *end = memchr(data + at, delimiter, n - at);
        size_t len = end ? (size_t)(end - data) - at : n - at;

        lines[k] = (struct leat_key_line){.data = data + at, .len = len};
        at += len + 1;
    }
    return k;
}

#if defined(__x86_64__)

/* The delimiters of 64 bytes as bits. */
__attribute__((target("avx2"))) static inline uint64_t delimiters_avx2(const uint8_t *data,
                                                                       __m256i wanted)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)data),
            high = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));

    return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) << 32;
}

__attribute__((target("avx2"))) static unsigned lines_avx2(const uint8_t *data, size_t n,
                                                           uint8_t delimiter,
                                                           struct leat_key_line *lines)
{
    const __m256i wanted = _mm256_set1_epi8((char)delimiter);
    const uint8_t *begin = data;
    unsigned k = 0;

    for (size_t at = 0; n - at >= 64; at += 64)
        for (uint64_t bits = delimiters_avx2(data + at, wanted); bits; bits &= bits - 1) {
            const uint8_t *end = data + at + __builtin_ctzll(bits);

            lines[k] = (struct leat_key_line){.data = begin, .len = (size_t)(end - begin)};
            begin = end + 1;
            if (++k == LEAT_KEY_BATCH)
                return k;
        }
    while (begin < data + n && k < LEAT_KEY_BATCH) {
        size_t left = (size_t)(data + n - begin);
        const uint8_t *end = memchr(begin, delimiter, left);

        lines[k] = (struct leat_key_line){.data = begin, .len = end ? (size_t)(end - begin) : left};
        begin += lines[k++].len + 1;
    }
    return k;
}
#endif

unsigned leat_key_lines(const uint8_t *data, size_t n, uint8_t delimiter,
                        struct leat_key_line *lines)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return lines_avx2(data, n, delimiter, lines);
#endif
    return leat_key_lines_portable(data, n, delimiter, lines);
}
