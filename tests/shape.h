/* shape.h - random pipelines, and what each of them has to give.
 *
 * A shape is a tree of stages that is drawn from a seed or from a fuzzer's bytes: junctions inside
 * junctions, branches that end early, fail or stall, and inputs of mixed lengths of lines. The model
 * computes on plain byte arrays what each sink gets and how the run may end; shape_run runs the
 * engine on it and compares. All that is drawn is a function of the seed, so the seed is a test case.
 */
#ifndef LEAT_SHAPE_H
#define LEAT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHAPE_BRANCHES_MAX 64u
#define SHAPE_DEPTH_MAX 3u
#define SHAPE_INPUTS_MAX 6u
#define SHAPE_ENDS_MAX 400u  /* sources, and sinks */
#define SHAPE_UNITS_MAX 128u /* branches that can be detached, and the whole */

/* Where choices come from. Bytes, as long as there are any, are a fuzzer's; after them all choices
 * are the first one, which ends the tree. Without bytes the state of a generator. */
struct shape_draw {
    uint64_t state;
    const uint8_t *bytes;
    size_t n_bytes;
};
/* shape_below - the next choice, 0 to n - 1; n is 1 or more. */
uint64_t shape_below(struct shape_draw *draw, uint64_t n);

struct shape_bytes {
    const uint8_t *data;
    size_t len;
};

struct shape;
struct shape_chain;

enum shape_kind {
    SHAPE_SIMPLE,
    SHAPE_TEE,
    SHAPE_ROUTE,
    SHAPE_SPLIT,  /* last in its chain; its branch has the sink */
    SHAPE_CONCAT, /* the fan-ins are first in their chain, which has no source */
    SHAPE_MERGE,
    SHAPE_PASTE,
};

enum shape_flag {
    SHAPE_EARLY = 1,    /* may end before its input does */
    SHAPE_ALL = 2,      /* reads on though nobody wants its output */
    SHAPE_FAILS = 4,    /* is there to fail: few of them in a shape */
    SHAPE_CHILD = 8,    /* starts a process: few of them */
    SHAPE_DETACH = 16,  /* a branch that fails leaves the others */
    SHAPE_DROP = 32,    /* a branch that is slow loses data */
    SHAPE_SPILL = 64,   /* a branch may stand still until the others have ended */
    SHAPE_HEAVY = 128,  /* a codec that takes long: few of them */
    SHAPE_SHRINKS = 256 /* little comes out: not before a branch that is to be fed */
};

enum shape_number { /* what %lld in a stage's text is */
                    SHAPE_NONE,
                    SHAPE_LINES,      /* a place in the input, in lines */
                    SHAPE_BYTES,      /* in bytes */
                    SHAPE_PART_LINES, /* so that there are few parts */
                    SHAPE_PART_BYTES,
                    SHAPE_SMALL_LINES, /* 1 to 1000 */
                    SHAPE_TAG,         /* the tag that lines begin with */
};

struct shape_op {
    const char *text; /* printf format of at most one long long */
    enum shape_number number;
    unsigned weight, flags;
    enum shape_kind kind;
    /* SIMPLE: what it gives for `in`, in the shape's memory or a part of `in`; NULL: the same. */
    struct shape_bytes (*model)(struct shape *shape, long long n, struct shape_bytes in);
    /* The code that it ends with on this input if it is read to the end; NULL: 0. */
    int (*fails)(long long n, struct shape_bytes in);
    int codes[2]; /* with SHAPE_FAILS and no `fails`: it ends with one of them, whatever comes in */
    unsigned least_branches, most_branches;
};
extern const struct shape_op shape_ops[];
extern const size_t shape_n_ops;

struct shape_stage {
    const struct shape_op *op;
    long long n;
    struct shape_chain **branches;
    size_t n_branches;
    int failed; /* by the model: a code that it ends with; 0: none */
};

#define SHAPE_NO_END                                                                               \
    (-1)                /* no source: what feeds the chain is outside; no sink: it feeds another */
#define SHAPE_NULL (-2) /* ends with the stage null */

struct shape_chain {
    int source, sink; /* numbers, SHAPE_NO_END, or SHAPE_NULL */
    struct shape_stage *stages;
    size_t n;
    /* A branch of route: lines that begin with `prefix` (or not: invert); "" all. */
    char prefix[16];
    bool invert;
    int unit;          /* number of the unit that it is in, see struct shape_unit */
    bool lossy;        /* behind tee --slow=drop: how much it gets is not known */
    bool fails_inside; /* by the model: something in it may */
};

struct shape_source {
    size_t input;
    size_t piece;
    uint64_t wait_every;
};

struct shape_sink {
    uint64_t end_at, fail_at, wait_every; /* as in struct memio_fault */
    size_t gulp;
    int after; /* takes nothing before that sink has ended; -1: at once */
    int unit;
    bool in_part; /* there are many of it */
    bool lossy;   /* behind tee --slow=drop: what it gets is not known */
    struct shape_bytes expected;
};

/* The stages that commit and fail together: unit 0 is all that is not in a detachable branch. */
struct shape_unit {
    int parent;
    uint32_t may; /* bit -code: it may end with that */
    bool must;    /* it cannot end well */
};

struct shape_input {
    uint64_t seed;
    bool sorted, displaced; /* displaced: but for two lines */
    struct shape_bytes bytes;
};

struct shape_config {
    int executor; /* enum leat_executor_kind */
    unsigned threads;
    uint64_t memory, seed;
    size_t chunk;
};

struct shape {
    struct shape_draw draw;
    size_t size_max; /* bytes of an input */
    struct shape_chain *chain;
    struct shape_input inputs[SHAPE_INPUTS_MAX];
    size_t n_inputs, total_bytes, total_lines;
    unsigned n_tags;
    struct shape_source sources[SHAPE_ENDS_MAX];
    struct shape_sink sinks[SHAPE_ENDS_MAX];
    int n_sources, n_sinks;
    struct shape_unit units[SHAPE_UNITS_MAX];
    int n_units;
    /* How much more may be drawn. */
    int stages_left, fails_left, children_left, heavy_left;
    bool early;     /* many branches that end early, on a long input */
    bool may_fault; /* sinks may end early */
    /* Everything above that has a pointer is in here. */
    void **blocks;
    size_t n_blocks, blocks_room;
};

/* shape_new - draws a shape and what it has to give: inputs have at most size_max bytes, and without
 * `children` no stage starts a process. Never fails: it ends the test. */
struct shape *shape_new(struct shape_draw draw, size_t size_max, bool children);
void shape_free(struct shape *shape);
/* shape_alloc - zeroed memory that lives as long as the shape. */
void *shape_alloc(struct shape *shape, size_t n);

/* shape_draw_inputs - the inputs, of at most size_max bytes each. */
void shape_draw_inputs(struct shape *shape);
/* shape_model - fills in what sinks are to get and how units may end. */
void shape_model(struct shape *shape);
/* shape_model_fan_in - what a fan-in gives for n inputs; *ret_code: what it ends with. */
struct shape_bytes shape_model_fan_in(struct shape *shape, enum shape_kind kind, size_t n,
                                      const struct shape_bytes *in, int *ret_code);
/* shape_line_end - the place after the n-th line end of `in`, or its length. */
size_t shape_line_end(struct shape_bytes in, uint64_t n);

/* shape_text - the pipeline. dir NULL: for a run, where ends are those at `sources` and `sinks`, arrays
 * of struct memio; else as one can paste it, with files in dir. free() it. */
struct memio;
char *shape_text(const struct shape *shape, const struct memio *sources, const struct memio *sinks,
                 const char *dir);
/* shape_draw_config - how to run it: on threads, or seeded. */
struct shape_config shape_draw_config(struct shape *shape, bool seeded);

/* shape_run - runs it and compares; a difference fails the test. Returns the code of the run. */
int shape_run(struct shape *shape, const struct shape_config *config);

#endif
