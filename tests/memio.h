/* memio.h - a source and a sink in memory, with every misbehaviour that a test asks for.
 *
 * The source gives a buffer in pieces of a chosen or random size; the sink collects. Either can
 * fail, wait, end early or cancel the pipeline at its k-th call. memio_run puts both around a
 * pipeline text and runs it:
 *
 *     struct memio io = {.in = "abc", .in_len = 3, .piece = 1};
 *     ASSERT_EQ(memio_run(&io, "gzip : gunzip"), 0);
 *     ASSERT_BYTES_EQ(io.out, io.out_len, "abc", 3);
 *     memio_free(&io);
 *
 * For pipelines that memio_run cannot make, memio_register adds the two stages to a registry;
 * `memsource --at=N` and `memsink --at=N` find their struct memio by its address.
 */
#ifndef LEAT_MEMIO_H
#define LEAT_MEMIO_H

#include "stage.h"
#include "syntax/registry.h"

/* `piece`: a size drawn anew for each piece, from `seed`. */
#define MEMIO_RANDOM SIZE_MAX

/* The faults of one end at its k-th call (k from 1; 0: never). */
struct memio_fault {
    uint64_t fail_at;    /* fail with fail_code */
    int fail_code;       /* 0: LEAT_EIO */
    uint64_t cancel_at;  /* leat_pipeline_cancel(memio.pipeline, LEAT_ECANCELLED), then go on */
    uint64_t wait_every; /* each k-th call moves nothing and waits (for what is ready) */
    uint64_t end_at;     /* end for good, with or without more to come */
    int fail_open, fail_prepare, fail_commit; /* fail there, with this code */
};

struct memio {
    /* To be set by the test; all zero is fine. */
    const void *in; /* what the source gives; borrowed */
    size_t in_len;
    uint64_t in_repeat; /* give it so many times in a row; 0: once */
    size_t piece;       /* bytes of one step of the source; 0: as much as there is room */
    size_t gulp;        /* bytes that the sink takes in one step; 0: all there is */
    uint64_t seed;      /* for MEMIO_RANDOM */
    bool discard;       /* the sink counts its bytes and does not keep them */
    struct memio_fault source, sink;
    int after_fd; /* the sink takes nothing before this descriptor can be read; 0: at once */
    int ended_fd; /* an eventfd that the sink writes to at its end; 0: none */
    struct leat_settings settings;
    const struct leat_stage_type *const *types;                    /* more stages; NULL ends them */
    void (*registered)(struct leat_registry *registry, void *arg); /* add more stages here */
    void *arg;
    void (*around)(bool begins); /* called before the first and after the last use of leat */

    /* The results of the run. */
    uint8_t *out;   /* what the sink took, out_len bytes; NULL if none; memio_free frees it */
    size_t out_len; /* counted also when discarded */
    uint64_t source_calls, sink_calls;
    int source_opens, source_closes;
    int sink_opens, sink_closes, prepares, commits, reverts;
    int code;                /* as memio_run returned it */
    struct leat_error error; /* code 0 if it went well */
    struct leat_stats stats; /* as after the run */
    uint64_t dropped;        /* bytes, of all stages */
    unsigned warnings;       /* that the pipeline has */
    unsigned lanes;          /* of parallel stages, all added: those that were given input */
    unsigned own_threads;    /* of the stages' libraries */
    uint64_t chunks_left;    /* chunks that nobody gave back: must be 0 */
    uint64_t charged_left;   /* bytes that stages charged and did not give back: must be 0 */

    struct leat_pipeline *pipeline; /* while it runs */
    size_t out_size;
    uint64_t source_random, sink_random, given; /* the two ends may run at the same time */
};

/* memio_register - add the types `memsource` and `memsink`. Returns 0 or LEAT_E*. */
int memio_register(struct leat_registry *registry);

/* memio_run - run `memsource : TEXT : memsink`; "" or NULL: nothing between.
 * Returns 0 or LEAT_E*, of building or running; error and stats are filled in. What happened is
 * cleared first, so that a struct can be used again. Checks what must always hold (each end was
 * opened and closed as often; no commit after a failure, but that of a detached branch) and fails the
 * test if it does not. */
int memio_run(struct memio *io, const char *text);
/* memio_run_text - the same for a whole text that names its own ends (memsource --at=%p is
 * memio_at), with nothing added at either end. */
int memio_run_text(struct memio *io, const char *text);
/* memio_at - the number for --at=. */
long long memio_at(const struct memio *io);
/* memio_option, struct memio_params - for a stage of a test's own that takes --at=; memio_given is what
 * lies at that address. */
struct memio_params {
    int64_t at;
};
extern const struct leat_option memio_option[];
void *memio_given(const struct leat_stage *stage);
/* memio_pass - the step of a stage that passes its input on. */
int memio_pass(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
/* memio_bytes - n bytes of words in lines, always the same. Free them. */
uint8_t *memio_bytes(size_t n);
/* memio_free - free `out`; the struct can be used again. */
void memio_free(struct memio *io);

#endif
