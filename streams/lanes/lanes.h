/* lanes.h - a parallel stage's two ends: the cutter, which deals blocks out to the lanes, and the joiner,
 * which puts their outputs together in order.
 *
 * A block goes to a lane through an edge of its own, and the lane's output comes back the same way: so
 * each lane is bounded by its edges. The cutter chooses a lane that has little left to do, and of those
 * the one that was given the fewest bytes before, so that lanes do not wait for one another, whatever a
 * block costs, and all share the work. It tells the joiner whose turn it is.
 */
#ifndef LEAT_LANES_H
#define LEAT_LANES_H

#include "lane_order.h"
#include "segment/segment.h"

/* What both ends have. */
struct leat_lane_set {
    struct leat_stage_info *info;
    struct leat_pool *pool;
    /* n of them: to the lanes (cutter), from them (joiner); the first info->lanes.in_use are in use. */
    struct leat_edge **edges;
    unsigned n;
    unsigned at;                   /* the lane of the current block */
    bool at_known;                 /* it has one; else that of the last block */
    struct leat_lane_order *order; /* one for both; the cutter's to free */
    struct leat_stage *stage;      /* instance for cut(), or for join() and merge() */
    uint64_t index;                /* of the current block; joiner: of the next one to end */
};

struct leat_cutter {
    struct leat_lane_set lanes;
    uint64_t *load; /* of each lane: bytes of input in its blocks so far */
    struct leat_framer *framer;
    struct leat_slice_queue framed;
    struct leat_block *block; /* the current one; NULL: none has begun */
    bool block_sent;          /* its begin is with the lane, which owns it now */
    size_t block_bytes;
    uint64_t offset;
    struct leat_share *share; /* for one block's history, so that one can always go on */
    const struct leat_share *short_share; /* after LEAT_SHORT: memory is needed of this */
    size_t short_size;                    /* and so much */
    uint8_t *history;                     /* the last history_len bytes of the stream */
    size_t history_len;
    bool cut_known; /* what belongs to the block was asked, and not sent yet */
    size_t cut_take;
    bool cut_ends;
};

struct leat_joiner {
    struct leat_lane_set lanes;
    bool at_mark; /* it is a mark's turn, not a block's */
    struct leat_out out;
    uint64_t joined_bytes;     /* that the lanes gave */
    uint64_t used;             /* bytes of the stage's input that it took */
    uint64_t marked;           /* of joined_bytes and what join wrote, before the last flush mark */
    struct leat_block *joined; /* its result is being joined */
    struct leat_slice merging; /* for the stage's merge; chunk NULL: none */
    enum { JOIN_HEAD, JOIN_READ, JOIN_MERGE, JOIN_BLOCK, JOIN_TAIL, JOIN_DONE } phase;
};

/* leat_cutter_new, leat_joiner_new - for n lanes. NULL: out of memory. */
struct leat_cutter *leat_cutter_new(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                                    unsigned n);
struct leat_joiner *leat_joiner_new(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                                    unsigned n);
/* leat_joiner_connect - its output goes to this queue. */
void leat_joiner_connect(struct leat_joiner *joiner, struct leat_pipeline *pipeline,
                         struct leat_slice_queue *to);
/* leat_cutter_reset, leat_joiner_reset - as it was before it ran, with a new instance. Return 0 or
 * LEAT_ENOMEM. */
int leat_cutter_reset(struct leat_cutter *cutter, struct leat_pipeline *pipeline);
int leat_joiner_reset(struct leat_joiner *joiner, struct leat_pipeline *pipeline);
void leat_cutter_free(struct leat_cutter *cutter); /* NULL is fine */
void leat_joiner_free(struct leat_joiner *joiner);

/* leat_lane_set_init, _done, _renew - lanes.c: what both ends have. Return 0 or LEAT_ENOMEM. */
int leat_lane_set_init(struct leat_lane_set *lanes, struct leat_pipeline *pipeline,
                       struct leat_stage_info *info, unsigned n);
int leat_lane_set_renew(struct leat_lane_set *lanes, struct leat_pipeline *pipeline);
void leat_lane_set_done(struct leat_lane_set *lanes);

/* leat_lanes_merge - is what the lanes give the input of the stage's own merge? */
static inline bool leat_lanes_merge(const struct leat_stage_info *info)
{
    return info->type->lanes && info->type->lanes->merge;
}

#endif
