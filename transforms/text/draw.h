/* draw.h - random numbers that are the same on every machine, and how many lines a sample skips. */
#ifndef LEAT_TEXT_DRAW_H
#define LEAT_TEXT_DRAW_H

#include <stdint.h>

/* leat_draw_next - 64 random bits (splitmix64). */
uint64_t leat_draw_next(uint64_t *state);
/* leat_draw_below - a number below n, n >= 1, each with the same probability. */
uint64_t leat_draw_below(uint64_t *state, uint64_t n);
/* leat_draw_part - a number in (0, 1). */
double leat_draw_part(uint64_t *state);

/* leat_ln, leat_exp - for x > 0, and for x <= 0: within 1e-13 of the exact result, relative to it. Those of the C library
 * may differ in the last bit from one version to another. */
double leat_ln(double x);
double leat_exp(double x);
/* leat_draw_skip - how many times in a row an event with the probability p, 0 < p <= 1, does not occur; at most
 * UINT64_MAX / 2. */
uint64_t leat_draw_skip(uint64_t *state, double p);

#endif
