/* hyperloglog.h - estimates how many different hashes there are, in 16 KiB.
 *
 * After P. Flajolet, E. Fusy, O. Gandouet, F. Meunier: HyperLogLog, 2007; the estimator is that of O. Ertl: New
 * cardinality estimation algorithms for HyperLogLog sketches, 2017, which needs no tables and no change of formula.
 */
#ifndef LEAT_TEXT_HYPERLOGLOG_H
#define LEAT_TEXT_HYPERLOGLOG_H

#include <stddef.h>
#include <stdint.h>

#define LEAT_HLL_BITS 14u
#define LEAT_HLL_SIZE ((size_t)1 << LEAT_HLL_BITS) /* registers, of a byte each; zeroed: empty */
#define LEAT_HLL_ERROR "0.81%" /* the standard error: 1.04 / sqrt(LEAT_HLL_SIZE) */

static inline void leat_hll_add(uint8_t *registers, uint64_t hash)
{
    size_t at = hash >> (64 - LEAT_HLL_BITS);
    uint64_t rest = hash << LEAT_HLL_BITS | (uint64_t)1 << (LEAT_HLL_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

    if (rank > registers[at])
        registers[at] = rank;
}

/* leat_hll_merge - registers from..from+n of another sketch, which has `other` there. */
void leat_hll_merge(uint8_t *registers, size_t from, const uint8_t *other, size_t n);
/* leat_hll_estimate - how many different hashes were added. */
uint64_t leat_hll_estimate(const uint8_t *registers);

#endif
