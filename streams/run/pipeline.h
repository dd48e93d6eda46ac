/* pipeline.h - a pipeline: its graph, its limits, its outcome. */
#ifndef LEAT_RUN_PIPELINE_H
#define LEAT_RUN_PIPELINE_H

#include <uv.h>

#include "edge/edge.h"
#include "io/claims.h"
#include "io/directories.h"
#include "outcome/checkpoint.h"
#include "outcome/events.h"
#include "outcome/outcome.h"
#include "outcome/warnings.h"
#include "parts/parts.h"
#include "sched/context.h"
#include "sched/executor.h"
#include "sched/wait.h"
#include "segment/segment.h"
#include "stage/stage_impl.h"
#include "syntax/tree.h"

/* on_loop.c: handles on the loop; closed before `done` is called. */
struct leat_on_loop {
    uv_async_t async;
    atomic_uint asks; /* see ask() */
    uv_poll_t poll;
    uv_timer_t timer;
    uv_idle_t idle;
    unsigned open; /* handles not yet closed */
    bool closing, idling, begun;
};

/* The references to the pipeline, the driver of its run, and the threads that wait for its end. */
struct leat_life {
    atomic_uint refs;             /* the run holds one */
    struct leat_context *context; /* or NULL */
    uint64_t
        held; /* bytes of the context's memory; under the pipeline's lock from the end of the run on */
    unsigned
        part; /* of the branch of a stage: its limit is this part of the pipeline's around it */
    struct leat_visit visit; /* with a context */
    struct leat_notice notice;
    /* Have the driver look at the run; any thread. `last`: no actor is queued or running any more, and the caller does
     * not use the pipeline again. */
    void (*attend)(struct leat_pipeline *pipeline, bool last);
    atomic_bool rested;    /* the last one was seen */
    bool woken;            /* the driver has spread a cancel */
    atomic_bool paused;    /* no source is stepped; set under the lock */
    unsigned pauses;       /* under the lock: calls of pause and resume; wraps */
    atomic_uint flushes;   /* calls of leat_pipeline_flush */
    atomic_uint rotations; /* calls of leat_pipeline_rotate */
    atomic_bool finishing; /* sources end */
    atomic_bool stirred;   /* all segments must look at these two */
    leat_done_cb done;     /* called last; or NULL */
    void *done_arg;
    struct leat_end *ends;                             /* that are in the program */
    void (*drop_ends)(struct leat_pipeline *pipeline); /* of ends.c, if there are any */
    void (*flush_ends)(struct leat_pipeline *pipeline);
    pthread_cond_t ended;
    bool over; /* under the pipeline's lock */
};

/* A connection of two stages; graph.c. */
struct leat_link {
    const struct leat_stage_info *from, *to;
    struct leat_edge **edges; /* n_edges of them, one per lane; 0: both run in one segment */
    size_t n_edges;
    struct leat_edge *counts; /* the edge that counts the bytes; NULL: `from` counts them itself */
    unsigned port, input;
    bool outside;
};

/* The structure of a pipeline; fixed during the run. */
struct leat_graph {
    struct leat_stage_info *infos;
    size_t n_infos;
    struct leat_segment **segments;
    size_t n_segments, room_segments;
    struct leat_edge **edges;
    size_t n_edges, room_edges;
    struct leat_link *links;
    size_t n_links;
};

/* State of the pipeline's outputs, except streams that are written directly. */
struct leat_outputs {
    struct leat_digest_list *digests;    /* or NULL */
    struct leat_directories directories; /* of the outputs */
    atomic_uint n_outputs;               /* outputs opened until now */
    atomic_uint n_appending;             /* open files that are appended to */
    /* Under the pipeline's lock: */
    struct leat_pending_commits pending; /* sinks of the parts that have ended */
    struct leat_claims claims;           /* files that are outputs */
};

/* How far a source was read: see leat_plan_checkpoint. */
struct leat_checkpointed {
    struct leat_checkpoint *file;         /* or NULL */
    const struct leat_stage_info *source; /* whose position it is */
    bool by_parts;                        /* each part that is committed moves it */
};

struct leat_pipeline {
    const struct leat_registry *registry;
    struct leat_settings settings; /* defaults filled in */
    struct leat_tree *tree;
    struct leat_graph graph;
    struct leat_outputs outputs;
    struct leat_executor executor;
    struct leat_waits waits;
    struct leat_watcher watcher;
    struct leat_pool pool;
    bool pool_ready;
    uint64_t bound;   /* bytes of the pool reserved for chunks */
    bool lends_ahead; /* a chunk more for each source with a thread of its own is among them */

    pthread_mutex_t lock;
    struct leat_outcome outcome;   /* some of it under the lock */
    struct leat_warnings warnings; /* under the lock */

    struct leat_actor conductor;
    struct leat_wait wait;                              /* the conductor's */
    void (*segment_done)(struct leat_segment *segment); /* called when a segment has ended */
    /* leat_commit_part, for parts/ */
    int (*commit_part)(struct leat_segment **segments, size_t n, uint64_t position);
    struct leat_checkpointed checkpoint;
    struct leat_life life;
    struct leat_on_loop on;
    _Atomic uint64_t started_ns, ended_ns;
};

/* leat_outcome_aborted - is the run being aborted: a cancel, a time limit, a stall? Thread: any. */
static inline bool leat_outcome_aborted(const struct leat_pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->outcome.aborted, memory_order_acquire);
}
/* leat_outcome_failed - is there a root cause? Streaming outputs still get the output that was
 * produced before it. Thread: any. */
static inline bool leat_outcome_failed(const struct leat_pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->outcome.failed, memory_order_acquire);
}

static inline bool leat_run_is_paused(const struct leat_pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->life.paused, memory_order_relaxed);
}

static inline bool leat_run_is_finishing(const struct leat_pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->life.finishing, memory_order_relaxed);
}

/* leat_pipeline_drop - drop a reference; true: it was the last one, and the caller frees the pipeline. */
bool leat_pipeline_drop(struct leat_pipeline *pipeline);
void leat_pipeline_free(struct leat_pipeline *pipeline);
/* leat_pipeline_from_text, leat_pipeline_from_words, leat_builder_new and leat_fopen of a registry that is not NULL. */
int leat_pipeline_of_text(const struct leat_registry *registry, const char *text,
                          const struct leat_settings *settings, struct leat_pipeline **ret_pipeline,
                          struct leat_error *ret_error);
int leat_pipeline_of_words(const struct leat_registry *registry, size_t n_words,
                           const char *const *words, const struct leat_settings *settings,
                           struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);
struct leat_builder *leat_builder_of(const struct leat_registry *registry);
FILE *leat_fopen_of(const struct leat_registry *registry, struct leat_context *context,
                    const char *text, const char *mode, struct leat_pipeline **ret_pipeline,
                    struct leat_error *ret_error);
/* leat_settings_read - check the settings of a program, or NULL, and copy them. Returns 0 or LEAT_E*. */
int leat_settings_read(const struct leat_settings *given, struct leat_settings *ret,
                       struct leat_error *ret_error);
/* leat_pipeline_from_tree - compile the tree, which the pipeline then owns; freed on failure. The settings were read. */
int leat_pipeline_from_tree(const struct leat_registry *registry, struct leat_tree *plan,
                            const struct leat_settings *settings,
                            struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);
/* conductor.c: open all stages, wait for the segments, commit or abort, close all stages. The
 * conductor is an actor, so that it does not block the loop. */
bool leat_conductor_run(struct leat_actor *actor);

/* compiler.c: tree -> segments and edges, within the memory limit. */
int leat_compile(struct leat_pipeline *pipeline, struct leat_error *ret_error);

/* graph.c: find the connections of the stages, after all segments are built. Returns 0 or
 * LEAT_ENOMEM. */
int leat_graph_build(struct leat_pipeline *pipeline);

#endif
