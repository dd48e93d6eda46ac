/* key_hash.c - the lines of a buffer and their hashes. */

#include "key_hash.h"

#include <string.h>
#include <sys/auxv.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/invariant.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SEED_MAX 240u /* for longer input XXH3 uses the secret, for shorter one the seed */
#define MULTIPLIER 0x9e3779b97f4a7c15u
#define FOLDED_LEAST ((size_t)4096)

__extension__ typedef unsigned __int128 wide;

/* The first bytes of a word. */
static const uint64_t masks[] = {0,          0xff,         0xffff,         0xffffff,
                                 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
                                 UINT64_MAX};

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
    memcpy(h->keys, h->secret + 32, sizeof h->keys);
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

/* The bytes of a short line as two words. */
static inline void load_words(struct leat_key_line *line, const uint8_t *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const unsigned n = (unsigned)line->len, low = n < 8 ? n : 8, high = n - low;

    if ((size_t)(end - line->data) >= sizeof line->words) {
        memcpy(line->words, line->data, sizeof line->words);
        line->words[0] &= masks[low];
        line->words[1] &= masks[high];
        return;
    }
#endif
    (void)end;
    memset(line->words, 0, sizeof line->words);
    if (line->len > 0)
        memcpy(line->words, line->data, line->len);
}

static inline uint64_t multiply(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_short(const struct leat_key_hasher *h, const struct leat_key_line *line)
{
    uint64_t mixed =
        multiply(line->words[0] ^ h->keys[0], line->words[1] ^ h->keys[1]) ^ (line->len << 56);

    return multiply(mixed ^ h->keys[1], MULTIPLIER);
}

static uint64_t hash_long(const struct leat_key_hasher *h, const uint8_t *data, size_t n)
{
    return n <= SEED_MAX ? XXH3_64bits_withSeed(data, n, h->seed)
                         : XXH3_64bits_withSecret(data, n, h->secret, sizeof h->secret);
}

int leat_key_hash(struct leat_stage *s, struct leat_key_hasher *h, struct leat_key_line *line,
                  const uint8_t *end)
{
    struct leat_key_line hashed = *line;
    int r;

    leat_assert(line->data + line->len <= end);
    if (h->fold && line->len > 0) {
        r = fold(s, h, line->data, line->len);
        if (r < 0)
            return r;
        hashed.data = h->folded;
        end = h->folded + line->len;
    }
    if (line->len > LEAT_KEY_SHORT) {
        line->hash = hash_long(h, hashed.data, line->len);
        return 0;
    }
    load_words(&hashed, end);
    memcpy(line->words, hashed.words, sizeof line->words);
    line->hash = hash_short(h, &hashed);
    return 0;
}

int leat_key_hash_all(struct leat_stage *s, struct leat_key_hasher *h, struct leat_key_line *lines,
                      unsigned n, const uint8_t *end)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < n; i++) {
        if (h->fold || lines[i].len > LEAT_KEY_SHORT) {
            r = leat_key_hash(s, h, &lines[i], end);
        } else {
            load_words(&lines[i], end);
            lines[i].hash = hash_short(h, &lines[i]);
        }
    }
    return r;
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
