/* lane_order.h - which lane has which block: a queue from the cutter, which chooses the lane (split.h), to
 * the joiner, which takes the blocks back in that order.
 */
#ifndef LEAT_DEAL_H
#define LEAT_DEAL_H

#include "edge/edge.h"

/* Whose turn it is: a block's, or a flush mark's that lies between two blocks. */
struct leat_lane_turn {
    unsigned lane;
    bool mark;
};

struct leat_lane_order {
    pthread_mutex_t lock;
    struct leat_lane_turn *ring; /* room for as many as the lanes and their edges hold */
    size_t room, head, n;
    bool over;
    bool waits; /* the joiner does */
    struct leat_executor *executor;
    struct leat_actor *joiner;
};

struct leat_lane_order *leat_lane_order_new(struct leat_executor *executor,
                                            struct leat_actor *joiner);
void leat_lane_order_free(struct leat_lane_order *deal); /* NULL is fine */
/* leat_lane_order_size - room for so many turns. Before it is used. Returns 0 or LEAT_ENOMEM. */
int leat_lane_order_size(struct leat_lane_order *deal, size_t room);
void leat_lane_order_reset(struct leat_lane_order *deal); /* neither side runs */

/* leat_lane_order_put - the next turn. Returns 0, or LEAT_EINTERNAL: there are more than lanes can hold.
 * Thread: the cutter's. */
int leat_lane_order_put(struct leat_lane_order *deal, struct leat_lane_turn turn);
/* leat_lane_order_over - no turn follows. Thread: the cutter's. */
void leat_lane_order_over(struct leat_lane_order *deal);
/* leat_lane_order_take - whose turn is it? Returns 0; LEAT_EMPTY: the joiner will be woken; LEAT_END.
 * Thread: the joiner's. */
int leat_lane_order_take(struct leat_lane_order *deal, struct leat_lane_turn *ret_turn);

#endif
