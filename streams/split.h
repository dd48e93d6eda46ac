/* split.h - a split stage's two ends: the cutter, which deals blocks out to the lanes, and the
 * joiner, which puts their outputs together in order.
 *
 * A block goes to a lane through an edge of its own, and what is made of it comes back the same way:
 * so each lane is bounded by its edges. The cutter chooses a lane that has little left to do, and of
 * those the one that was given the fewest bytes before, so that lanes do not wait for one another,
 * whatever a block costs, and all share the work. It tells the joiner whose turn it is.
 */
#ifndef LEAT_SPLIT_H
#define LEAT_SPLIT_H

#include "deal.h"
#include "segment.h"

struct leat_split_run {
    struct leat_stage_info *info;
    struct leat_pool *pool;
    /* n of them: to the lanes (cutter), from them (joiner); the first info->workers are in use. */
    struct leat_edge **lanes;
    unsigned n;
    unsigned at;              /* the lane of the current block */
    bool at_known;            /* it has one; else that of the last block */
    struct leat_deal *deal;   /* one for both; the cutter's to free */
    struct leat_stage *stage; /* instance for cut() or join(), or NULL */

    /* Cutter. */
    uint64_t *load; /* of each lane: bytes of input in its blocks so far */
    struct leat_framer *framer;
    struct leat_queue framed;
    struct leat_block *block; /* the current one; NULL: none has begun */
    bool block_sent;          /* its begin is with the lane, which owns it now */
    size_t block_bytes;
    uint64_t index; /* of the current block; joiner: of the next one to end */
    uint64_t offset;
    struct leat_share *share; /* for one block's history, so that one can always go on */
    const struct leat_share *short_share; /* after LEAT_SHORT: memory is needed of this */
    size_t short_size;                    /* and so much */
    uint8_t *history;                     /* the last history_len bytes of the stream */
    size_t history_len;
    bool cut_known; /* what belongs to the block was asked, and not sent yet */
    size_t cut_take;
    bool cut_ends;

    /* Joiner. */
    bool at_mark; /* it is a mark's turn, not a block's */
    struct leat_out out;
    uint64_t joined_bytes;     /* that the lanes gave */
    uint64_t used;             /* bytes of the stage's input that it took */
    uint64_t marked;           /* of that and what join wrote, before the last flush mark */
    struct leat_block *joined; /* its result is being joined */
    struct leat_slice merging; /* for the stage's merge; chunk NULL: none */
    enum { JOIN_HEAD, JOIN_READ, JOIN_MERGE, JOIN_BLOCK, JOIN_TAIL, JOIN_DONE } phase;
};

/* leat_cut_flush - outlet: deal out what is in segment->last.
 * Returns 0: all gone; LEAT_FULL: the writer will be woken; LEAT_SHORT: wait for the memory that
 * short_share and short_size name; LEAT_ECANCELLED: the reader is gone;
 * or an error, in run->stage->failure or for the segment's last stage. */
int leat_cut_flush(struct leat_segment *segment);
/* leat_cut_finish - tell the lanes that nothing follows; after flush returned 0. */
int leat_cut_finish(struct leat_segment *segment, enum leat_edge_state state);
/* leat_cut_done - drop what the cutter holds; nothing is dealt out any more. */
void leat_cut_done(struct leat_segment *segment);
/* leat_join_read - inlet: fill slot 0 of the segment.
 * Returns 0; LEAT_EMPTY; LEAT_END; LEAT_ECANCELLED (upstream failed); or an error of a lane or of
 * the join, in segment->lane_error. */
int leat_join_read(struct leat_segment *segment);
/* leat_join_done - drop what the joiner holds; nothing is joined any more. */
void leat_join_done(struct leat_segment *segment);
void leat_split_cancel(struct leat_split_run *run, enum leat_reason reason);

struct leat_split_run *leat_split_new(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                                      unsigned n, bool cutter);
/* leat_split_reset - as it was before it ran, with a new instance. Returns 0 or LEAT_ENOMEM. */
int leat_split_reset(struct leat_split_run *run, struct leat_pipeline *pipeline);
/* leat_split_merges - is what the lanes give the input of the stage's own merge? */
static inline bool leat_split_merges(const struct leat_stage_info *info)
{
    return info->type->split && info->type->split->merge;
}
void leat_split_free(struct leat_split_run *run);

#endif
