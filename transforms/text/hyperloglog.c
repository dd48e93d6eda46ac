/* hyperloglog.c - estimates how many different hashes there are. */

#include "hyperloglog.h"

#include "base/invariant.h"

#define RANK_MAX (64 - LEAT_HLL_BITS + 1) /* of a register */
#define ALPHA 0.72134752044448170368      /* 1 / (2 ln 2) */

void leat_hll_merge(uint8_t *registers, size_t from, const uint8_t *other, size_t n)
{
    leat_assert(from <= LEAT_HLL_SIZE && n <= LEAT_HLL_SIZE - from);
    for (size_t i = 0; i < n; i++)
        if (other[i] > registers[from + i])
            registers[from + i] = other[i];
}

/* x + the sum of x^(2^k) 2^(k-1), for 0 <= x < 1. */
static double sigma(double x)
{
    double y = 1, z = x, before;

    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z > before);
    return z;
}

uint64_t leat_hll_estimate(const uint8_t *registers)
{
    const double m = (double)LEAT_HLL_SIZE;
    size_t count[RANK_MAX + 1] = {0};
    double z = 0;

    for (size_t i = 0; i < LEAT_HLL_SIZE; i++) {
        leat_assert(registers[i] <= RANK_MAX);
        count[registers[i]]++;
    }
    if (count[0] == LEAT_HLL_SIZE)
        return 0;
    /* Ertl's term for the highest rank is left out: that rank needs a thousand million million lines. */
    for (unsigned k = RANK_MAX; k > 0; k--)
        z = 0.5 * (z + (double)count[k]);
    z += m * sigma((double)count[0] / m);
    return (uint64_t)(ALPHA * m * m / z + 0.5);
}
