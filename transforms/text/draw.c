/* draw.c - random numbers that are the same on every machine, and how many lines a sample skips.
 *
 * The sums are of IEEE doubles in a fixed order, so they have no room for differences.
 */
#include "draw.h"

#include <string.h>

#include "base/invariant.h"

#define LN_2 0.693147180559945309417
#define SQRT_2 1.41421356237309504880
#define TERMS 24 /* of a series: the last one is below 1e-16 */
#define SKIP_MAX (UINT64_MAX / 2)
#define SMALL 1e-5 /* below it a series is more exact than 1 - p */

uint64_t leat_draw_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t leat_draw_below(uint64_t *state, uint64_t n)
{
    uint64_t x, least;

    leat_assert(n > 0);
    least = -n % n; /* the numbers from here on are a multiple of n many */
    do
        x = leat_draw_next(state);
    while (x < least);
    return x % n;
}

double leat_draw_part(uint64_t *state)
{
    return ((double)(leat_draw_next(state) >> 12) + 0.5) / (double)(UINT64_C(1) << 52);
}

double leat_ln(double x)
{
    uint64_t bits;
    int exponent;
    double z, power, sum = 0;

    leat_assert(x > 0);
    memcpy(&bits, &x, sizeof bits);
    exponent = (int)(bits >> 52) - 1022;
    bits = (bits & 0x000fffffffffffff) | (UINT64_C(1022) << 52); /* 0.5 to 1 */
    memcpy(&x, &bits, sizeof x);
    if (x < SQRT_2 / 2) {
        x *= 2;
        exponent--;
    }
    z = (x - 1) / (x + 1);
    power = z;
    for (int i = 1; i < 2 * TERMS; i += 2) {
        sum += power / i;
        power *= z * z;
    }
    return 2 * sum + exponent * LN_2;
}

double leat_exp(double x)
{
    double sum = 1, term = 1;
    int halves = 0;

    leat_assert(x <= 0);
    if (x < -700)
        return 1e-304;
    for (; x < -0.5; halves++)
        x /= 2;
    for (int i = 1; i < TERMS; i++) {
        term *= x / i;
        sum += term;
    }
    for (; halves > 0; halves--)
        sum *= sum;
    return sum;
}

uint64_t leat_draw_skip(uint64_t *state, double p)
{
    double u = leat_draw_part(state), skip;

    leat_assert(p > 0 && p <= 1);
    if (p == 1)
        return 0;
    skip = leat_ln(u) / (p < SMALL ? -p - p * p / 2 - p * p * p / 3 : leat_ln(1 - p));
    return skip < (double)SKIP_MAX ? (uint64_t)skip : SKIP_MAX;
}
