/* space_saving.h - the most frequent lines of a stream, with a fixed number of counters.
 *
 * After A. Metwally, D. Agrawal, A. El Abbadi: Efficient computation of frequent and top-k elements in data streams,
 * 2005. A line without a counter takes over the one with the smallest count, and goes on from that count. A count is
 * therefore never too low, and too high by at most the smallest one; any line that occurs more often than that has a
 * counter. Among counters with equal counts the one that has had its count for longest is taken, so the result depends
 * on the stream alone.
 */
#ifndef LEAT_TEXT_SPACE_SAVING_H
#define LEAT_TEXT_SPACE_SAVING_H

#include "key_arena.h"
#include "key_hash.h"

struct leat_saving;

/* leat_saving_new - n counters. NULL: recorded as the stage's failure (return LEAT_ENOMEM). */
struct leat_saving *leat_saving_new(struct leat_stage *stage, size_t n, bool fold);
void leat_saving_free(struct leat_stage *stage, struct leat_saving *saving);
/* leat_saving_add - count a line. Returns 0, or fails the stage. */
int leat_saving_add(struct leat_stage *stage, struct leat_saving *saving,
                    const struct leat_key_line *line);
/* leat_saving_end - after the last line. Returns 0, or fails the stage. leat_saving_keys - then: the lines, with their
 * counts as values. */
int leat_saving_end(struct leat_stage *stage, struct leat_saving *saving);
const struct leat_key_arena *leat_saving_keys(const struct leat_saving *saving, size_t *ret_n);
/* leat_saving_error - a count is too high by at most so much. */
uint64_t leat_saving_error(const struct leat_saving *saving);

#endif
