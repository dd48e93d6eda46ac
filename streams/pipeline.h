/* pipeline.h - a pipeline that is built: its graph, its limits, its outcome. */
#ifndef LEAT_PIPELINE_H
#define LEAT_PIPELINE_H

#include <uv.h>

#include "edge.h"
#include "events.h"
#include "executor.h"
#include "io/claims.h"
#include "io/directories.h"
#include "parts.h"
#include "plan.h"
#include "segment.h"
#include "stage_impl.h"
#include "wait.h"
#include "warnings.h"

enum leat_phase {
    LEAT_PHASE_BUILT,
    LEAT_PHASE_OPEN,
    LEAT_PHASE_RUN,
    LEAT_PHASE_FINISH,  /* prepare, then commit */
    LEAT_PHASE_DELIVER, /* all names are there: side outputs go to their streams */
    LEAT_PHASE_CLOSE,
    LEAT_PHASE_DONE,
};

/* Handles on the loop; closed before `done` is called. */
struct leat_on_loop {
    uv_loop_t *loop;
    uv_async_t async;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_idle_t idle;
    unsigned open; /* handles not yet closed */
    bool closing, idling, woken, begun;
};

/* A connection of two stages; graph.c. */
struct leat_link {
    const struct leat_stage_info *from, *to;
    struct leat_edge **edges; /* n_edges of them, one a lane; 0: both run in one segment */
    size_t n_edges;
    struct leat_edge *counts; /* what `from` gave went into it; NULL: `from` counts it itself */
    unsigned port, input;
    bool outside;
};

struct leat_pipeline {
    const struct leat_registry *registry;
    struct leat_settings settings; /* defaults filled in */
    struct leat_plan *plan;
    struct leat_stage_info *infos;
    size_t n_infos;
    struct leat_segment **segments;
    size_t n_segments, room_segments;
    struct leat_edge **edges;
    size_t n_edges, room_edges;
    struct leat_link *links;
    size_t n_links;
    struct leat_sums *sums; /* or NULL */
    uint64_t bound;         /* bytes reserved for chunks */
    struct leat_pool pool;
    bool pool_ready;
    struct leat_executor executor;
    struct leat_waits waits;
    struct leat_watcher watcher;

    pthread_mutex_t lock;
    /* Under the lock. */
    struct leat_error error;
    struct leat_error detached;  /* of a branch that does not stop the others */
    struct leat_retired retired; /* sinks of the parts that have ended */
    struct leat_claims claims;   /* files that are outputs */
    struct leat_warnings warnings;
    bool cancelled;  /* the error is the caller's, and stays */
    bool committing; /* outputs get their names */
    bool settled;    /* they keep them: a cancel comes too late */
    bool running;

    atomic_bool aborted;
    atomic_bool failed; /* there is an error */
    atomic_bool finishing;
    atomic_uint live; /* segments not finished */
    atomic_int phase; /* enum leat_phase */
    struct leat_actor conductor;
    struct leat_wait wait;               /* the conductor's */
    struct leat_directories directories; /* that outputs are in */
    atomic_uint n_outputs;               /* that have been opened */
    struct leat_on_loop on;
    leat_done_cb done;
    void *done_arg;
    _Atomic uint64_t started_ns, ended_ns;
};

/* leat_pipeline_report - an error of a stage (info; NULL: of none): kept if it is the root cause, or
 * if it is the first of a detached branch. Thread: any. */
void leat_pipeline_report(struct leat_pipeline *pipeline, const struct leat_stage_info *info,
                          const struct leat_error *error);
/* leat_pipeline_prepare - the sink's prepare, once, if it ended well. Its failure is reported, and it
 * is not to commit then. Returns 0; or the error, if the pipeline has failed with it. */
int leat_pipeline_prepare(struct leat_pipeline *pipeline, struct leat_stage *stage);
/* leat_pipeline_from_plan - takes the plan, also on failure. */
int leat_pipeline_from_plan(const struct leat_registry *registry, struct leat_plan *plan,
                            const struct leat_settings *settings,
                            struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);
bool leat_pipeline_aborted(struct leat_pipeline *pipeline);
/* leat_pipeline_failed - there is an outcome, and it is not success. What was produced before is still
 * delivered to streaming outputs. */
bool leat_pipeline_failed(struct leat_pipeline *pipeline);
/* leat_pipeline_rests - it has not been started, or all of it has ended: what it says does not change.
 * false: it runs, or is NULL. */
bool leat_pipeline_rests(const struct leat_pipeline *pipeline);
void leat_pipeline_segment_done(struct leat_pipeline *pipeline, struct leat_segment *segment);
/* leat_pipeline_wake_all - run every segment: something they all must notice. */
void leat_pipeline_wake_all(struct leat_pipeline *pipeline);

/* conductor.c: opens all, waits for the segments, commits or aborts, closes all. An actor, so that
 * none of it blocks the loop. */
/* leat_conductor_open - open the stages of these segments, for a part. Errors are reported. */
int leat_conductor_open(struct leat_pipeline *pipeline, struct leat_segment **segments, size_t n);
bool leat_conductor_run(struct leat_actor *actor);

/* planner.c: plan -> segments and edges, within the memory limit. */
int leat_planner_build(struct leat_pipeline *pipeline, struct leat_error *ret_error);

/* graph.c: which stage is connected to which, once all segments are there. Returns 0 or
 * LEAT_ENOMEM. */
int leat_graph_build(struct leat_pipeline *pipeline);
/* leat_graph_failed - the stage has failed: tell those that its input came from, up to a junction that
 * lets a branch like this go (failed_below), and those that its output goes to (failed_above). For
 * junctions whose branch ended early, benignly, and for stages that wait: no edge tells them. */
void leat_graph_failed(struct leat_pipeline *pipeline, const struct leat_stage_info *info);
/* leat_graph_index - the stage's index among those that show. */
size_t leat_graph_index(const struct leat_pipeline *pipeline, const struct leat_stage_info *info);

#endif
