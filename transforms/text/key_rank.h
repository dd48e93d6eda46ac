/* key_rank.h - the keys of an arena in an order by their numbers. */
#ifndef LEAT_TEXT_KEY_RANK_H
#define LEAT_TEXT_KEY_RANK_H

#include "key_arena.h"

enum leat_key_order {
    LEAT_KEY_BY_COUNT, /* the largest value first, and among equal ones the greatest line: as sort -rn */
    LEAT_KEY_BY_PLACE, /* the smallest value first; no two are equal */
};

struct leat_key_item {
    uint64_t prefix;
    uint32_t reference;
};

/* Zeroed: empty. */
struct leat_key_items {
    struct leat_key_item *v;
    size_t n;
};

/* leat_key_rank - put the keys in order.
 *
 *   n      keys of the arena
 *   most   leave out those that come after so many; 0: none
 *   limit  bytes that the items may have
 *
 * Returns 1; 0: there is no memory for the items; or fails the stage. */
int leat_key_rank(struct leat_stage *stage, const struct leat_key_arena *arena, size_t n,
                  enum leat_key_order order, uint64_t most, uint64_t limit,
                  struct leat_key_items *ret);
void leat_key_items_done(struct leat_stage *stage, struct leat_key_items *items);
/* leat_key_rank_need - bytes for n items. */
uint64_t leat_key_rank_need(size_t n);

/* leat_key_compare - which of two lines comes first in this order? Negative: the first. */
int leat_key_compare(enum leat_key_order order, uint64_t value_a, const uint8_t *a, size_t n_a,
                     uint64_t value_b, const uint8_t *b, size_t n_b);

/* leat_key_write - write a line: n_head bytes, n bytes and a delimiter.
 *
 *   at  how many of these bytes are written; 0 at first and when all are
 *
 * Returns false if there is no room for all of it now: call it again with the same line. */
bool leat_key_write(struct leat_out *out, size_t *at, const uint8_t *head, size_t n_head,
                    const uint8_t *data, size_t n, uint8_t delimiter);

#endif
