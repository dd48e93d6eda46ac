/* lane_order.h - the lane order, a queue from the cutter to the joiner: the cutter chooses a lane
 * for each block (lanes.h), and the joiner takes the outputs back in this order.
 */
#ifndef LEAT_LANES_LANE_ORDER_H
#define LEAT_LANES_LANE_ORDER_H

#include "edge/edge.h"

/* An entry of the lane order: a block, or a flush marker between two blocks. */
struct leat_lane_entry {
    unsigned lane;
    bool mark;
};

struct leat_lane_order {
    pthread_mutex_t lock;
    struct leat_lane_entry *ring; /* room for all entries that the lanes and their edges hold */
    size_t room, head, n;
    bool over;  /* no entry follows */
    bool waits; /* the joiner waits for an entry */
    struct leat_executor *executor;
    struct leat_actor *cutter, *joiner;
};

struct leat_lane_order *leat_lane_order_new(struct leat_executor *executor,
                                            struct leat_actor *cutter, struct leat_actor *joiner);
void leat_lane_order_free(struct leat_lane_order *order); /* NULL is fine */
/* leat_lane_order_size - allocate room for this many entries, before it is used. Returns 0 or
 * LEAT_ENOMEM. */
int leat_lane_order_size(struct leat_lane_order *order, size_t room);
void leat_lane_order_reset(struct leat_lane_order *order); /* neither side runs */

/* leat_lane_order_put - append an entry. Returns 0, or LEAT_EINTERNAL: there are more than the lanes
 * can hold. Thread: the cutter's. */
int leat_lane_order_put(struct leat_lane_order *order, struct leat_lane_entry entry);
/* leat_lane_order_over - no entry follows. Thread: the cutter's. */
void leat_lane_order_over(struct leat_lane_order *order);
/* leat_lane_order_take - remove the next entry. Returns 0; LEAT_EMPTY: the joiner will be woken;
 * LEAT_END: no entry follows. Thread: the joiner's. */
int leat_lane_order_take(struct leat_lane_order *order, struct leat_lane_entry *ret_entry);

#endif
