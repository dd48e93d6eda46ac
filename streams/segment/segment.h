/* segment.h - adjacent stages that run together, one thread at a time.
 *
 * A segment is an inlet (where slices come from), a row of stages, and an outlet (where they go).
 * It runs its most downstream stage that can go on, so that a chunk is used while it is in the
 * cache and no queue inside it grows.
 */
#ifndef LEAT_SEGMENT_H
#define LEAT_SEGMENT_H

#include "edge/edge.h"
#include "edge/framer.h"
#include "stage/stage_impl.h"
#include "time_account.h"

enum leat_flow {
    LEAT_FLOW_OPEN,
    LEAT_FLOW_ENDED,
    LEAT_FLOW_FAILED, /* upstream failed: what came is good, there is no end */
};

/* A stage in its place, with the input that waits for it. */
struct leat_slot {
    struct leat_stage *stage;
    struct leat_stage_info *info; /* the stage's, though instances change */
    struct leat_slice_queue in;
    struct leat_slice_queue raw; /* framed stages: not yet cut at record ends */
    struct leat_framer *framer;  /* or NULL */
    struct leat_out out;
    enum leat_flow flow; /* of the input */
    uint64_t offset;     /* of the head of `in` in the stage's input */
    bool done, waiting, more, stopping, discard;
    bool failed;   /* it failed, or its input did */
    unsigned idle; /* steps in a row without progress */
    struct leat_counters count;
};

/* One way out of a segment. A junction has several; every other outlet is ports[0]. */
struct leat_port_end {
    struct leat_slice_queue last; /* output of the last stage, not yet taken by the outlet */
    struct leat_edge *edge;       /* or NULL: a cutter takes it */
    bool gone;                    /* its reader wants no more */
    uint64_t dropped;             /* bytes, under LEAT_DROPS */
};

struct leat_segment;

/* What one turn of a segment came to. */
enum leat_turn {
    LEAT_TURN_WENT, /* something was done */
    LEAT_TURN_PARK, /* nothing can be; somebody will wake it */
    LEAT_TURN_STEP, /* transfer.c: this turn needs a step */
};

/* How a segment takes its input: a constant table for each kind of inlet. A segment without one begins
 * with a source. All but `read` may be NULL. Thread: the one that runs the segment. */
struct leat_inlet_ops {
    /* Take input for the first stage. */
    enum leat_turn (*read)(struct leat_segment *segment);
    /* Before the first run, when all stages are there. Returns 0 or LEAT_ENOMEM. */
    int (*ready)(struct leat_segment *segment);
    /* No input is wanted any more; the edges that lead in have been told. */
    void (*cancel)(struct leat_segment *segment, enum leat_reason reason);
    /* Drop what was taken and not used. Returns its bytes. */
    uint64_t (*drop)(struct leat_segment *segment);
    void (*done)(struct leat_segment *segment); /* all stages have ended */
    void (*free)(struct leat_segment *segment);
    /* A stage that sees each of its inputs by itself; NULL: it sees the queue of its slot. */
    bool (*has_input)(const struct leat_segment *segment); /* may it step? */
    void (*show)(struct leat_segment *segment, struct leat_in *in);
    size_t (*take)(struct leat_segment *segment); /* what the step used; returns its bytes */
    bool is_junction;                             /* its edges are inputs, numbered from 1 */
};

/* The same for the output. A segment without an outlet ends with a sink. */
struct leat_outlet_ops {
    /* Hand over what the last stage gave. Returns a turn, or -1: there is nothing left. */
    int (*hand_over)(struct leat_segment *segment);
    /* Has downstream gone? For when there is nothing to hand over, which would show it. */
    bool (*is_gone)(struct leat_segment *segment);
    /* It has gone: because it failed? */
    bool (*has_failed)(const struct leat_segment *segment);
    /* All stages have ended and all output is handed over: signal EOF, or that there is none. */
    void (*finish)(struct leat_segment *segment, enum leat_edge_state state);
    void (*drop)(struct leat_segment *segment); /* nothing more is handed over; or NULL */
    void (*free)(struct leat_segment *segment); /* or NULL */
    bool holds;                                 /* it may hold output though the ports are empty */
};

extern const struct leat_inlet_ops leat_inlet_edge;
extern const struct leat_inlet_ops leat_inlet_concat;  /* several edges, one after another */
extern const struct leat_inlet_ops leat_inlet_ports;   /* several edges, each seen by itself */
extern const struct leat_inlet_ops leat_inlet_joiner;  /* the lanes of a parallel stage, in order */
extern const struct leat_outlet_ops leat_outlet_edge;  /* one, or one for each port of a junction */
extern const struct leat_outlet_ops leat_outlet_parts; /* a branch that runs anew for each part */
extern const struct leat_outlet_ops leat_outlet_cutter; /* to the lanes of a parallel stage */

struct leat_inputs;
struct leat_parts;
struct leat_cutter;
struct leat_joiner;

/* Where a segment's input comes from. */
struct leat_inlet {
    const struct leat_inlet_ops *ops; /* NULL: the first stage is a source */
    struct leat_edge **edges;         /* n_edges of them; a joiner's are its own */
    size_t n_edges, at;               /* the edge that is being read */
    struct leat_inputs *inputs;       /* leat_inlet_ports */
    struct leat_joiner *joiner;       /* leat_inlet_joiner */
    enum leat_flow flow;              /* what the inlet has said */
    bool cancelled;
};

/* Where its output goes. */
struct leat_outlet {
    const struct leat_outlet_ops *ops; /* NULL: the last stage is a sink */
    struct leat_port_end *ports;
    size_t n_ports;
    struct leat_cutter *cutter; /* leat_outlet_cutter */
    struct leat_parts *parts;   /* leat_outlet_parts: the branch */
    enum leat_flow flow;        /* what the outlet was told */
    bool gone;                  /* nobody reads the output */
    bool failed;                /* downstream or the cutter failed: do not signal EOF */
};

/* Of a lane: its current block. */
struct leat_lane {
    unsigned number; /* from 0 */
    struct leat_block *block, *ended_block;
    bool end_seen;           /* of the block */
    struct leat_error error; /* for the joiner to report in order */
};

/* Waiting for memory. */
struct leat_shortage {
    struct leat_pool_waiter waiter;
    atomic_bool is_short; /* the segment waits for memory that is not of the chunks' */
    atomic_bool none;     /* and nothing else can go on: there will be none */
};

struct leat_segment {
    struct leat_actor actor; /* first: the executor's view */
    struct leat_pipeline *pipeline;
    int number;
    struct leat_slot *slots;
    size_t n, room;
    struct leat_inlet in;
    struct leat_outlet out;
    bool is_lane; /* of a parallel stage: the edges carry its blocks */
    struct leat_lane lane;
    struct leat_shortage memory;
    struct leat_parts *part_of; /* it is in the branch of a part */
    atomic_bool finished;       /* in such a branch: also when no part runs */
    /* read -> write without a look at the bytes, or NULL: as leat_transfer_turn */
    int (*transfer)(struct leat_segment *segment);
    struct leat_account account;
    enum { LEAT_PARK_NONE, LEAT_PARK_IN, LEAT_PARK_OUT, LEAT_PARK_MEMORY } parked;
};

/* leat_segment_new - one that `run` runs. NULL: out of memory. */
struct leat_segment *leat_segment_new(struct leat_pipeline *pipeline, int number,
                                      bool (*run)(struct leat_actor *));
/* leat_segment_run - schedule.c: the actor's run: some turns, then others have theirs. */
bool leat_segment_run(struct leat_actor *actor);
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

#endif
