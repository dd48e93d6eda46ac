/* lanes.h - the two ends of a parallel stage: the cutter sends blocks to the lanes, the joiner puts
 * their outputs together in order.
 *
 * Each lane has one edge for its blocks and one for its output; these edges bound it. The first lane
 * is opened with all stages, any other one when it gets its first block, if its memory fits. The
 * cutter chooses a lane with little work left, and among these the one that got the fewest bytes
 * until now. The lanes then share the work and do not wait for one another, whatever a block costs. The
 * cutter puts each choice into the lane order, from which the joiner takes its entries.
 */
#ifndef LEAT_LANES_LANES_H
#define LEAT_LANES_LANES_H

#include "lane_order.h"
#include "segment/segment.h"

/* Common part of cutter and joiner. */
struct leat_lane_set {
    struct leat_stage_info *info;
    struct leat_pool *pool;
    struct leat_edge **edges; /* n of them: to the lanes (cutter), from them (joiner) */
    unsigned n;
    unsigned at;                   /* lane of the current block, or of the last one */
    bool at_known;                 /* the current block has a lane, `at` */
    struct leat_lane_order *order; /* shared by both ends; the cutter frees it */
    struct leat_stage *stage;      /* instance for cut(), or for join() and merge() */
    uint64_t index;                /* of the current block; joiner: of the next one to end */
};

struct leat_cutter {
    struct leat_lane_set lanes;
    struct leat_segment **segments; /* the lanes */
    unsigned opened;                /* lanes that may get blocks: the first `opened` ones */
    uint64_t *load;                 /* for each lane: bytes of input in its blocks until now */
    struct leat_framer *framer;
    struct leat_slice_queue framed;
    struct leat_block *block; /* the current block; NULL: none has begun */
    bool block_sent;          /* its begin is sent; the lane owns it now */
    size_t block_bytes;
    uint64_t offset;
    struct leat_share
        *share; /* memory for the history of one block, so that one can always go on */
    const struct leat_share *short_share; /* after LEAT_SHORT: the share for the missing memory */
    size_t short_size;                    /* after LEAT_SHORT: bytes of missing memory */
    uint8_t *history;                     /* the last history_len bytes of the stream */
    size_t history_len;
    bool cut_known; /* cut() was called, and its answer (cut_take, cut_ends) not used yet */
    size_t cut_take;
    bool cut_ends;
};

struct leat_joiner {
    struct leat_lane_set lanes;
    bool at_mark; /* the current entry is a flush marker, not a block */
    struct leat_out out;
    bool held; /* output of join or merge waits for room: its result counts after that */
    int held_result;
    uint64_t joined_bytes;     /* output of the lanes */
    uint64_t used;             /* bytes of the stage's input that were consumed for it */
    uint64_t marked;           /* joined_bytes plus output of join, before the last flush marker */
    struct leat_block *joined; /* the block whose result is being joined */
    struct leat_slice merging; /* for the stage's merge; chunk NULL: none */
    enum { JOIN_HEAD, JOIN_READ, JOIN_MERGE, JOIN_BLOCK, JOIN_TAIL, JOIN_DONE } phase;
};

/* leat_cutter_new, leat_joiner_new - for n lanes. NULL: out of memory. */
struct leat_cutter *leat_cutter_new(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                                    unsigned n);
struct leat_joiner *leat_joiner_new(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                                    unsigned n);
/* leat_joiner_connect - send the output of the joiner to this queue. */
void leat_joiner_connect(struct leat_joiner *joiner, struct leat_pipeline *pipeline,
                         struct leat_slice_queue *to);
/* leat_cutter_close - close its instance, and uncharge the memory of lanes that got no block. All
 * lanes have ended. */
void leat_cutter_close(struct leat_cutter *cutter);
/* leat_cutter_reset, leat_joiner_reset - restore the state before the first run, with a new
 * instance.
 * Return 0 or LEAT_ENOMEM. */
int leat_cutter_reset(struct leat_cutter *cutter, struct leat_pipeline *pipeline);
int leat_joiner_reset(struct leat_joiner *joiner, struct leat_pipeline *pipeline);
void leat_cutter_free(struct leat_cutter *cutter); /* NULL is fine */
void leat_joiner_free(struct leat_joiner *joiner);

/* leat_lane_set_init, _renew, _done - lanes.c: the common part. Return 0 or LEAT_ENOMEM. */
int leat_lane_set_init(struct leat_lane_set *lanes, struct leat_pipeline *pipeline,
                       struct leat_stage_info *info, unsigned n);
int leat_lane_set_renew(struct leat_lane_set *lanes, struct leat_pipeline *pipeline);
void leat_lane_set_done(struct leat_lane_set *lanes);

/* leat_lanes_merge - does the stage have a merge, which reads the outputs of the lanes? */
static inline bool leat_lanes_merge(const struct leat_stage_info *info)
{
    return info->type->lanes && info->type->lanes->merge;
}

#endif
