/* segment.h - adjacent stages that run together, one thread at a time.
 *
 * A segment is an inlet (where slices come from), a row of stages, and an outlet (where they go).
 * It runs its most downstream stage that can go on, so that a chunk is used while it is in the
 * cache and no queue inside it grows.
 */
#ifndef LEAT_SEGMENT_H
#define LEAT_SEGMENT_H

#include "account.h"
#include "edge.h"
#include "framer.h"
#include "stage_impl.h"

enum leat_flow {
    LEAT_FLOW_OPEN,
    LEAT_FLOW_ENDED,
    LEAT_FLOW_FAILED, /* upstream failed: what came is good, there is no end */
};

/* A stage in its place, with the input that waits for it. */
struct leat_slot {
    struct leat_stage *stage;
    struct leat_stage_info *info; /* the stage's, though instances change */
    struct leat_queue in;
    struct leat_queue raw;      /* framed stages: not yet cut at record ends */
    struct leat_framer *framer; /* or NULL */
    struct leat_out out;
    enum leat_flow flow; /* of the input */
    uint64_t offset;     /* of the head of `in` in the stage's input */
    bool done, waiting, more, stopping, discard;
    bool failed;   /* it failed, or its input did */
    unsigned idle; /* steps in a row without progress */
    struct leat_counters count;
};

struct leat_split_run;

/* One way out of a segment. A junction has several; every other outlet is ports[0]. */
struct leat_port_end {
    struct leat_queue last; /* output of the last stage, not yet taken by the outlet */
    struct leat_edge *edge; /* or NULL: a cutter takes it */
    bool gone;              /* its reader wants no more */
    uint64_t dropped;       /* bytes, under LEAT_DROPS */
};

enum leat_inlet_kind {
    LEAT_INLET_NONE, /* the first stage is a source */
    LEAT_INLET_EDGE,
    LEAT_INLET_LANE,   /* an edge that carries blocks */
    LEAT_INLET_JOIN,   /* the lanes of a split stage, in order */
    LEAT_INLET_CONCAT, /* several edges, one after another */
    LEAT_INLET_PORTS,  /* several edges at once, for a stage that sees each by itself */
};

enum leat_outlet_kind {
    LEAT_OUTLET_NONE,  /* the last stage is a sink */
    LEAT_OUTLET_EDGE,  /* one edge, or one for each port of a junction */
    LEAT_OUTLET_LANE,  /* an edge that carries the outputs of blocks */
    LEAT_OUTLET_PARTS, /* an edge, into a branch that is run anew for each part */
    LEAT_OUTLET_CUT,   /* to the lanes of a split stage */
};

struct leat_inputs;
struct leat_parts;

struct leat_segment {
    struct leat_actor actor; /* first: the executor's view */
    struct leat_pipeline *pipeline;
    int number;
    struct leat_slot *slots;
    size_t n, room;
    enum leat_inlet_kind inlet;
    enum leat_outlet_kind outlet;
    struct leat_edge **in_edges; /* concat: n_in_edges of them; else in_edges[0] */
    size_t n_in_edges, in_at;
    struct leat_inputs *inputs; /* LEAT_INLET_PORTS */
    struct leat_port_end *ports;
    size_t n_ports;
    struct leat_split_run *join, *cut;
    enum leat_flow in_flow; /* what the inlet has said */
    bool in_cancelled;
    enum leat_flow out_flow; /* what the outlet was told */
    bool out_gone;           /* nobody reads what it gives */
    bool out_failed;         /* what is downstream has failed, or the cutter: there is no end */
    /* A lane: its number from 0, and its current block. */
    unsigned lane;
    struct leat_block *block, *ended_block;
    bool block_end_seen;
    /* An error of a lane, for the joiner to report in order. */
    struct leat_error lane_error;
    struct leat_pool_waiter memory;
    atomic_bool short_of_memory; /* it waits for some that is not of the chunks' */
    atomic_bool no_memory;       /* and nothing else can go on: there will be none */
    struct leat_parts *parts;    /* LEAT_OUTLET_PARTS: the branch */
    struct leat_parts *part_of;  /* it is in such a branch */
    atomic_bool finished;        /* in such a branch: also when no part runs */
    bool transfer;               /* read -> write without looking: streams/io/transfer.c */
    struct leat_account account;
    enum { LEAT_PARK_NONE, LEAT_PARK_IN, LEAT_PARK_OUT, LEAT_PARK_MEMORY } parked;
};

/* What one turn of a segment came to. */
enum leat_turn {
    LEAT_TURN_WENT, /* something was done */
    LEAT_TURN_PARK, /* nothing can be; somebody will wake it */
    LEAT_TURN_STEP, /* transfer.c: this turn needs a step */
};

struct leat_segment *leat_segment_new(struct leat_pipeline *pipeline, int number);
void leat_segment_free(struct leat_segment *segment);
/* leat_segment_add - append a stage; taken also on failure. Returns 0 or LEAT_ENOMEM. */
int leat_segment_add(struct leat_segment *segment, struct leat_stage *stage);
/* leat_segment_add_input, _add_output - one more edge. Return 0 or LEAT_ENOMEM. */
int leat_segment_add_input(struct leat_segment *segment, struct leat_edge *edge);
int leat_segment_add_output(struct leat_segment *segment, struct leat_edge *edge);
/* leat_segment_ready - after all was added: connect the stages. Returns 0 or LEAT_ENOMEM. */
int leat_segment_ready(struct leat_segment *segment);
/* leat_segment_give_up - nobody downstream of stage i wants more: end it and all before it. */
void leat_segment_give_up(struct leat_segment *segment, size_t i, enum leat_stop why);
/* leat_segment_fail - its i-th stage failed (its failure says how). */
void leat_segment_fail(struct leat_segment *segment, size_t i);
/* leat_segment_park - note why nothing can be done, for the statistics. */
enum leat_turn leat_segment_park(struct leat_segment *segment, int why);

/* leat_segment_wait_memory - wait for memory that leat_pool_get_shared refused. Returns a turn; or -1:
 * there will be none, fail with LEAT_ELIMIT. */
int leat_segment_wait_memory(struct leat_segment *segment, const struct leat_share *share,
                             size_t size);

/* leat_fail_record - the framer of the stage has refused a record, as too long or for want of memory:
 * LEAT_ELIMIT. */
void leat_fail_record(struct leat_stage *stage, const struct leat_framer *framer);

/* inputs.c: the branches of a fan-in whose stage sees each by itself. */
struct leat_inputs *leat_inputs_new(struct leat_segment *segment);
void leat_inputs_free(struct leat_inputs *inputs); /* NULL is fine */
/* leat_inputs_ready - has every branch input for the stage, or is at its end? */
bool leat_inputs_ready(const struct leat_inputs *inputs);
/* leat_inputs_read - take what is missing. Returns 0; LEAT_EMPTY; LEAT_FULL: no chunk now; LEAT_SHORT:
 * the framer in *ret_framer needs memory; LEAT_ECANCELLED: a branch failed; or an error. *ret_framer is
 * that of the branch also then. */
int leat_inputs_read(struct leat_segment *segment, struct leat_framer **ret_framer);
/* leat_inputs_framer - of the i-th branch; NULL: there are no more. */
struct leat_framer *leat_inputs_framer(struct leat_inputs *inputs, size_t i);
/* leat_inputs_show, _take - before and after a step: fill in in->ports, use up what it used.
 * _take returns the bytes. */
void leat_inputs_show(struct leat_inputs *inputs, struct leat_in *in);
size_t leat_inputs_take(struct leat_inputs *inputs);
/* leat_inputs_drop - what was not used; returns its bytes. */
uint64_t leat_inputs_drop(struct leat_inputs *inputs);

/* transfer.c: one turn of a segment that only moves bytes from a file to a file or pipe.
 * Returns a turn, or LEAT_EUNSUPPORTED: not for these descriptors; go on with steps. */
int leat_transfer_turn(struct leat_segment *segment);

#endif
