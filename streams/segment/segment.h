/* segment.h - adjacent stages that run together, one thread at a time.
 *
 * A segment is an inlet (where slices come from), a row of stages, and an outlet (where they go).
 * It always runs the most downstream stage that is ready, so a chunk is used while it is in the
 * cache, and no queue inside the segment grows.
 */
#ifndef LEAT_SEGMENT_SEGMENT_H
#define LEAT_SEGMENT_SEGMENT_H

#include "edge/edge.h"
#include "edge/framer.h"
#include "stage/stage_impl.h"
#include "time_account.h"

enum leat_flow {
    LEAT_FLOW_OPEN,
    LEAT_FLOW_ENDED,
    LEAT_FLOW_FAILED, /* upstream failed: the data until now is good, no EOF follows */
};

/* A stage in a segment, with its queued input. */
struct leat_slot {
    struct leat_stage *stage;
    struct leat_stage_info *info; /* of the stage; stays when the instance is replaced */
    struct leat_slice_queue in;
    struct leat_slice_queue raw; /* input not yet cut at record ends, or into pieces (gather) */
    struct leat_framer *framer;  /* or NULL */
    struct leat_out out;
    enum leat_flow flow; /* of the input */
    uint64_t offset;     /* of the head of `in` in the stage's input */
    bool done, waiting, more, stopping, discard;
    bool failed; /* the stage failed, or its input did */
    bool held;   /* output of the last step waits for room: its result counts after that */
    int held_result;
    unsigned idle; /* steps in a row without progress */
    struct leat_counters count;
};

/* One way out of a segment. A junction has several; every other outlet is ports[0]. */
struct leat_port_end {
    struct leat_slice_queue last; /* output of the last stage, not yet taken by the outlet */
    struct leat_edge *edge;       /* or NULL: the output goes to a cutter */
    bool gone;                    /* its reader needs no more */
    uint64_t dropped;             /* bytes, with LEAT_DROPS */
};

struct leat_segment;

/* Result of one step of a segment. */
enum leat_step_result {
    LEAT_STEP_RAN,    /* progress was made */
    LEAT_STEP_PARKED, /* nothing can be done until a wake-up, which will come */
    LEAT_STEP_NEEDED, /* transfer.c: a stage must step */
};

/* Operations of an inlet, a constant table for each kind: how a segment reads its input. A segment
 * without an inlet begins with a source. All but `read` may be NULL. Thread: the one that runs the
 * segment. */
struct leat_inlet_ops {
    /* Read input for the first stage. */
    enum leat_step_result (*read)(struct leat_segment *segment);
    /* Before the first run, when all stages are added. Returns 0 or LEAT_ENOMEM. */
    int (*ready)(struct leat_segment *segment);
    /* No more input is needed; the edges that lead in are already cancelled. */
    void (*cancel)(struct leat_segment *segment, enum leat_reason reason);
    /* Drop input that was read but not used. Returns its bytes. */
    uint64_t (*drop)(struct leat_segment *segment);
    void (*done)(struct leat_segment *segment); /* all stages have ended */
    void (*free)(struct leat_segment *segment);
    /* For a stage that sees its inputs separately; NULL: it sees the queue of its slot. */
    bool (*has_input)(const struct leat_segment *segment); /* may it step? */
    void (*show)(struct leat_segment *segment, struct leat_in *in);
    size_t (*take)(struct leat_segment *segment); /* drop the input that the step used; its bytes */
    bool is_junction;                             /* its edges are inputs, numbered from 1 */
};

/* Operations of an outlet. A segment without an outlet ends with a sink. */
struct leat_outlet_ops {
    /* Hand over the output of the last stage. Returns a step result, or -1: nothing is left. */
    int (*hand_over)(struct leat_segment *segment);
    /* Has downstream gone? Asked when there is no output, since hand_over would find out itself. */
    bool (*is_gone)(struct leat_segment *segment);
    /* Has downstream gone because it failed? */
    bool (*has_failed)(const struct leat_segment *segment);
    /* All stages have ended and all output is handed over: signal EOF, or a failure. */
    void (*finish)(struct leat_segment *segment, enum leat_edge_state state);
    void (*drop)(struct leat_segment *segment); /* nothing more is handed over; or NULL */
    void (*free)(struct leat_segment *segment); /* or NULL */
    bool holds;                                 /* it may hold output even if the ports are empty */
};

extern const struct leat_inlet_ops leat_inlet_edge;
extern const struct leat_inlet_ops leat_inlet_concat;  /* several edges, one after another */
extern const struct leat_inlet_ops leat_inlet_ports;   /* several edges, each seen separately */
extern const struct leat_inlet_ops leat_inlet_joiner;  /* the lanes of a parallel stage, in order */
extern const struct leat_outlet_ops leat_outlet_edge;  /* one edge, or one per port of a junction */
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
    enum leat_flow flow;              /* last state reported by the inlet */
    bool cancelled;
};

/* Where a segment's output goes. */
struct leat_outlet {
    const struct leat_outlet_ops *ops; /* NULL: the last stage is a sink */
    struct leat_port_end *ports;
    size_t n_ports;
    struct leat_cutter *cutter; /* leat_outlet_cutter */
    struct leat_parts *parts;   /* leat_outlet_parts: the branch */
    enum leat_flow flow;        /* last state passed to the outlet */
    bool gone;                  /* the output has no reader any more */
    bool failed;                /* downstream or the cutter failed: do not signal EOF */
};

/* State of a lane: its current block. */
struct leat_lane {
    unsigned number; /* from 0 */
    struct leat_block *block, *ended_block;
    bool end_seen; /* the end of the block was read */
    _Atomic uint64_t
        kept; /* bytes that the cutter has charged for the lane, before its first block */
    struct leat_error error; /* for the joiner to report in order */
};

/* Waiting for memory. */
struct leat_shortage {
    struct leat_pool_waiter waiter;
    atomic_bool is_short; /* the segment waits for memory outside the reserve for chunks */
    atomic_bool none;     /* no actor can go on, so no memory will come back */
};

struct leat_segment {
    struct leat_actor actor; /* first member: the executor only knows the actor */
    struct leat_pipeline *pipeline;
    int number;
    struct leat_slot *slots;
    size_t n, room;
    struct leat_inlet in;
    struct leat_outlet out;
    bool is_lane; /* of a parallel stage: the edges carry its blocks */
    struct leat_lane lane;
    struct leat_shortage memory;
    struct leat_parts *part_of; /* the branch of parts that it belongs to, or NULL */
    atomic_bool finished;       /* in a branch of parts: also while no part runs */
    /* read -> write inside the kernel, see io/transfer.h; or NULL */
    int (*transfer)(struct leat_segment *segment);
    struct leat_account account;
    unsigned flushes;   /* calls of leat_pipeline_flush that its source has answered */
    unsigned rotations; /* calls of leat_pipeline_rotate that its last stage knows of */
    enum { LEAT_PARK_NONE, LEAT_PARK_IN, LEAT_PARK_OUT, LEAT_PARK_MEMORY } parked;
};

/* leat_slot_input - the queue that the input of a stage goes to first. */
static inline struct leat_slice_queue *leat_slot_input(struct leat_slot *s)
{
    leat_assert(!s->framer || s->info->plan.whole == 0);
    return s->framer || s->info->plan.whole > 0 ? &s->raw : &s->in;
}

/* leat_segment_new - a segment whose actor is run by `run`. NULL: out of memory. */
struct leat_segment *leat_segment_new(struct leat_pipeline *pipeline, int number,
                                      bool (*run)(struct leat_actor *));
/* leat_segment_run - schedule.c: the run function of the actor: a bounded number of turns. */
bool leat_segment_run(struct leat_actor *actor);
void leat_segment_free(struct leat_segment *segment);
/* leat_segment_add - append a stage, which the segment then owns, also on failure. Returns 0 or
 * LEAT_ENOMEM. */
int leat_segment_add(struct leat_segment *segment, struct leat_stage *stage);
/* leat_segment_add_input, _add_output - append an edge. Return 0 or LEAT_ENOMEM. */
int leat_segment_add_input(struct leat_segment *segment, struct leat_edge *edge);
int leat_segment_add_output(struct leat_segment *segment, struct leat_edge *edge);
/* leat_segment_ready - connect the stages, after all are added. Returns 0 or LEAT_ENOMEM. */
int leat_segment_ready(struct leat_segment *segment);
/* leat_segment_give_up - downstream of stage i needs no more: stop the stage and all before it. */
void leat_segment_give_up(struct leat_segment *segment, size_t i, enum leat_stop why);
/* leat_segment_fail - handle the failure of the i-th stage; stage->failure has the error. */
void leat_segment_fail(struct leat_segment *segment, size_t i);
/* leat_segment_park - record the reason why nothing can be done, for the stats. */
static inline enum leat_step_result leat_segment_park(struct leat_segment *segment, int why)
{
    leat_assert(why >= LEAT_PARK_NONE && why <= LEAT_PARK_MEMORY);
    segment->parked = why;
    return LEAT_STEP_PARKED;
}

/* leat_segment_wait_memory - wait for memory that leat_pool_get_shared refused. Returns a step result; or
 * -1: no memory will come back, fail with LEAT_ELIMIT. */
int leat_segment_wait_memory(struct leat_segment *segment, const struct leat_share *share,
                             size_t size);

/* ports_inlet.c: the branches of a fan-in whose stage sees each of them separately. */
struct leat_inputs *leat_inputs_new(struct leat_segment *segment);
void leat_inputs_free(struct leat_inputs *inputs); /* NULL is fine */
/* leat_inputs_ready - does every branch have input for the stage, or EOF? */
bool leat_inputs_ready(const struct leat_inputs *inputs);
/* leat_inputs_read - read for the branches that have no input. Returns 0; LEAT_EMPTY; LEAT_FULL: no
 * chunk now; LEAT_SHORT: a framer needs memory; LEAT_ECANCELLED: a branch failed; or an error.
 * After LEAT_SHORT and errors *ret_framer is the framer of the branch. */
int leat_inputs_read(struct leat_segment *segment, struct leat_framer **ret_framer);
/* leat_inputs_framer - the framer of the i-th branch; NULL: there are no more. */
struct leat_framer *leat_inputs_framer(struct leat_inputs *inputs, size_t i);
/* leat_inputs_show - before a step: fill in in->ports.
 * leat_inputs_take - after a step: drop the input that it used. Returns its bytes. */
void leat_inputs_show(struct leat_inputs *inputs, struct leat_in *in);
size_t leat_inputs_take(struct leat_inputs *inputs);
/* leat_inputs_drop - drop all input that was not used; returns its bytes. */
uint64_t leat_inputs_drop(struct leat_inputs *inputs);

#endif
