/* run.h - one run of a pipeline, as its driver sees it. */
#ifndef LEAT_RUN_RUN_H
#define LEAT_RUN_RUN_H

#include "pipeline.h"

/* leat_run_refuse - the run does not begin; leat_pipeline_error has the error, too. Returns code. */
int leat_run_refuse(struct leat_pipeline *pipeline, int code, const char *why);
/* leat_run_no_thread - refuse it with this errno. */
int leat_run_no_thread(struct leat_pipeline *pipeline, int err);
/* leat_run_prepare - make the executor and the waits. Returns 0 or an error. */
int leat_run_prepare(struct leat_pipeline *pipeline);
/* leat_run_begin - from now on the run has an end. The driver wakes the conductor. */
void leat_run_begin(struct leat_pipeline *pipeline);
/* leat_run_look - after life.attend was called: spread a cancel. Returns true: nothing of the run is done any more,
 * and the driver ends it. Thread: the driver's, as for all below. */
bool leat_run_look(struct leat_pipeline *pipeline);
/* leat_run_stir - have all segments run, to see what has changed. Returns 0; LEAT_EUSAGE: it does not run. Thread: any. */
int leat_run_stir(struct leat_pipeline *pipeline);
void leat_run_time_out(struct leat_pipeline *pipeline);
/* leat_run_check_stall - executors on a loop: nothing is queued. */
void leat_run_check_stall(struct leat_pipeline *pipeline);
/* The end, in this order: the outcome is fixed; waits and executor are closed; `done` is called, threads that wait for
 * the end go on, and the run's reference is dropped. */
void leat_run_settle(struct leat_pipeline *pipeline);
void leat_run_close(struct leat_pipeline *pipeline);
void leat_run_release(struct leat_pipeline *pipeline);

/* leat_run_give_memory - the run has ended: what it does not hold any more is for other pipelines of its context. The
 * program may hold output. Thread: any. */
void leat_run_give_memory(struct leat_pipeline *pipeline);

/* on_loop.c, on_context.c: begin a run there. Return 0 or an error. */
int leat_run_on_loop(struct leat_pipeline *pipeline, uv_loop_t *loop);
/* helps: the calling thread waits for the end, and may run actors meanwhile. */
int leat_run_on_context(struct leat_pipeline *pipeline, bool helps);

/* leat_commit_part - the segments of a part have ended: commit its outputs, sync their directories, and close them. Returns 0;
 * LEAT_FULL: the checkpoint has no space, so call it again later;
 * LEAT_ECANCELLED: the run fails; or an error, which is reported. Thread: the one that cuts the stream. */
int leat_commit_part(struct leat_segment **segments, size_t n, uint64_t position);

/* checkpoints.c: when the pipeline is built; before and after outputs of these segments are committed which hold all before this
 * position (0: not known); and the position at the end of a run that has gone well. An error is reported.
 * `waits`: it returns LEAT_FULL if the disk has no space. */
void leat_checkpoint_plan(struct leat_pipeline *pipeline);
int leat_checkpoint_before(struct leat_pipeline *pipeline, struct leat_segment **segments, size_t n,
                           uint64_t position, bool waits);
int leat_checkpoint_after(struct leat_pipeline *pipeline, uint64_t position);
uint64_t leat_checkpoint_final(struct leat_pipeline *pipeline);

#endif
