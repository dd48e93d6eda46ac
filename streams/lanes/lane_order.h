/* lane_order.h - the lane order, a queue from the cutter to the joiner: the cutter chooses a lane
 * for each block (lanes.h), and the joiner takes the outputs back in this order.
 */
#ifndef LEAT_LANES_LANE_ORDER_H
#define LEAT_LANES_LANE_ORDER_H

#include "edge/edge.h"

/* One turn of the joiner: a block, or a flush marker between two blocks. */
struct leat_lane_turn {
    unsigned lane;
    bool mark;
};

struct leat_lane_order {
    pthread_mutex_t lock;
    struct leat_lane_turn *ring; /* room for all turns that the lanes and their edges hold */
    size_t room, head, n;
    bool over;  /* no turn follows */
    bool waits; /* the joiner waits for a turn */
    struct leat_executor *executor;
    struct leat_actor *cutter, *joiner;
};

struct leat_lane_order *leat_lane_order_new(struct leat_executor *executor,
                                            struct leat_actor *cutter, struct leat_actor *joiner);
void leat_lane_order_free(struct leat_lane_order *deal); /* NULL is fine */
/* leat_lane_order_size - allocate room for this many turns, before it is used. Returns 0 or
 * LEAT_ENOMEM. */
int leat_lane_order_size(struct leat_lane_order *deal, size_t room);
void leat_lane_order_reset(struct leat_lane_order *deal); /* neither side runs */

/* leat_lane_order_put - append a turn. Returns 0, or LEAT_EINTERNAL: there are more than the lanes
 * can hold. Thread: the cutter's. */
int leat_lane_order_put(struct leat_lane_order *deal, struct leat_lane_turn turn);
/* leat_lane_order_over - no turn follows. Thread: the cutter's. */
void leat_lane_order_over(struct leat_lane_order *deal);
/* leat_lane_order_take - remove the next turn. Returns 0; LEAT_EMPTY: the joiner will be woken;
 * LEAT_END: no turn follows. Thread: the joiner's. */
int leat_lane_order_take(struct leat_lane_order *deal, struct leat_lane_turn *ret_turn);

#endif
