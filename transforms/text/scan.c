/* scan.c - counts and skips delimiters at the speed of memory.
 *
 * Counting adds up comparison results in byte lanes, which overflow after 255 rounds, so they are
 * summed up every COUNT_ROUNDS. Skipping first counts whole stretches, and finds the exact place
 * only in the stretch that contains it.
 */

#include "scan.h"

#include <string.h>

#define LANES 32
#define COUNT_ROUNDS 255
#define STRETCH ((size_t)4096) /* bytes counted at once while skipping */

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t wide_lanes __attribute__((vector_size(LANES)));

/* Inlined into one function for every processor and into one for those with AVX2. */
static inline __attribute__((always_inline)) uint64_t count_lanes(const uint8_t *data, size_t n,
                                                                  uint8_t byte)
{
    const lanes wanted = (lanes){0} + byte;
    uint64_t total = 0;

    while (n >= LANES) {
        size_t rounds = n / LANES < COUNT_ROUNDS ? n / LANES : COUNT_ROUNDS;
        lanes sums = {0};
        wide_lanes pairs;

        for (size_t i = 0; i < rounds; i++) {
            lanes v;

            memcpy(&v, data + i * LANES, LANES);
            sums -= (lanes)(v == wanted);
        }
        data += rounds * LANES;
        n -= rounds * LANES;
        /* Two sums of at most 255 fit in 16 bits; four of those are added by one multiplication. */
        pairs = ((wide_lanes)sums & 0x00ff00ff00ff00ff) +
                (((wide_lanes)sums >> 8) & 0x00ff00ff00ff00ff);
        pairs = (pairs * 0x0001000100010001) >> 48;
        total += pairs[0] + pairs[1] + pairs[2] + pairs[3];
    }
    for (; n > 0; n--)
        total += *data++ == byte;
    return total;
}

static uint64_t count_plain(const uint8_t *data, size_t n, uint8_t byte)
{
    return count_lanes(data, n, byte);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t count_avx2(const uint8_t *data, size_t n,
                                                           uint8_t byte)
{
    return count_lanes(data, n, byte);
}
#endif

uint64_t leat_scan_count(const uint8_t *data, size_t n, uint8_t byte)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return count_avx2(data, n, byte);
#endif
    return count_plain(data, n, byte);
}

size_t leat_scan_skip(const uint8_t *data, size_t n, uint8_t byte, uint64_t *count)
{
    size_t at = 0;

    /* The exact place lies in the first stretch that holds enough of them. */
    while (*count > 1 && at < n) {
        size_t len = n - at < STRETCH ? n - at : STRETCH;
        uint64_t found = leat_scan_count(data + at, len, byte);

        if (found >= *count)
            break;
        *count -= found;
        at += len;
    }
    while (at < n) {
        const uint8_t *hit = memchr(data + at, byte, n - at);

        if (!hit)
            return n;
        at = (size_t)(hit - data) + 1;
        if (--*count == 0)
            return at;
    }
    return n;
}

size_t leat_scan_skip_back(const uint8_t *data, size_t n, uint8_t byte, uint64_t *count)
{
    while (*count > 1 && n > 0) {
        size_t len = n < STRETCH ? n : STRETCH;
        uint64_t found = leat_scan_count(data + n - len, len, byte);

        if (found >= *count)
            break;
        *count -= found;
        n -= len;
    }
    while (n > 0) {
        const uint8_t *hit = memrchr(data, byte, n);

        if (!hit)
            return 0;
        n = (size_t)(hit - data);
        if (--*count == 0)
            return n + 1;
    }
    return 0;
}

/* Inlined as count_lanes is. */
static inline __attribute__((always_inline)) size_t ascii_lanes(const uint8_t *data, size_t n)
{
    size_t at = 0;

    for (; n - at >= 2 * LANES; at += 2 * LANES) {
        wide_lanes a, b;

        memcpy(&a, data + at, LANES);
        memcpy(&b, data + at + LANES, LANES);
        a = (a | b) & 0x8080808080808080;
        if (a[0] | a[1] | a[2] | a[3])
            break;
    }
    while (at < n && data[at] < 0x80)
        at++;
    return at;
}

static size_t ascii_plain(const uint8_t *data, size_t n)
{
    return ascii_lanes(data, n);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t ascii_avx2(const uint8_t *data, size_t n)
{
    return ascii_lanes(data, n);
}
#endif

size_t leat_scan_ascii(const uint8_t *data, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return ascii_avx2(data, n);
#endif
    return ascii_plain(data, n);
}
