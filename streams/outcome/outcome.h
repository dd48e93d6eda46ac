/* outcome.h - how a run ends: its root cause, its detached branches, and how a failure spreads.
 *
 * The first error is the root cause; a consequence of it, such as a reader that is gone, never
 * replaces it. A detached branch (tee --on-error=detach) has its own error, which does not stop the
 * other branches. A failure wakes every segment, so that none of them waits in vain.
 */
#ifndef LEAT_OUTCOME_OUTCOME_H
#define LEAT_OUTCOME_OUTCOME_H

#include <pthread.h>
#include <stdatomic.h>

#include "leat.h"

struct leat_stage_info;

enum leat_phase {
    LEAT_PHASE_BUILT,
    LEAT_PHASE_OPEN,
    LEAT_PHASE_RUN,
    LEAT_PHASE_FINISH,  /* prepare, then commit what can be reverted */
    LEAT_PHASE_SEND,    /* commit the rest, which may wait */
    LEAT_PHASE_DELIVER, /* all outputs are in place: side outputs go to their streams */
    LEAT_PHASE_CLOSE,
    LEAT_PHASE_DONE,
};

/* All zero: a run that has not begun. */
struct leat_outcome {
    /* Under the pipeline's lock. */
    struct leat_error error;
    struct leat_error detached; /* the first error of a detached branch */
    bool cancelled;             /* the error is that of leat_pipeline_cancel, and final */
    bool committing;            /* outputs get their names */
    bool settled;               /* outputs keep their names: a cancel comes too late */
    bool sending; /* sinks that cannot be reverted commit: a cancel is put aside in `recall` */
    struct leat_error recall; /* the conductor takes it, unless all of them have committed */
    bool running;

    atomic_bool aborted;
    atomic_bool recalled; /* there was a cancel while `sending` */
    atomic_bool failed;   /* there is an error */
    atomic_bool finishing;
    atomic_uint live; /* segments not finished */
    atomic_int phase; /* enum leat_phase */
};

/* A detached branch: its errors do not fail the pipeline. All of its outputs commit, or none of
 * them, independent of the others. */
struct leat_detached {
    const struct leat_detached *outer; /* the detached branch around it, or NULL */
    atomic_bool failed;
};

static inline bool leat_detached_failed(const struct leat_detached *d)
{
    for (; d; d = d->outer)
        if (atomic_load(&d->failed))
            return true;
    return false;
}

/* leat_outcome_report - record an error of a stage (info; NULL: of no stage), if it is the root
 * cause or the first error of a detached branch. Sets failed.below in all stages upstream, up to a
 * junction that detaches the branch, and failed.above in all stages downstream: no edge tells this
 * to a junction whose branch ended early without a failure, or to a stage that waits. Wakes every
 * segment. Thread: any. */
void leat_outcome_report(struct leat_pipeline *pipeline, const struct leat_stage_info *info,
                         const struct leat_error *error);
/* leat_outcome_wake_all - wake every segment, after a change that all of them must see. */
void leat_outcome_wake_all(struct leat_pipeline *pipeline);
/* leat_outcome_rests - has the run not begun yet, or ended completely, so that the outcome does not
 * change? false: it runs, or the pipeline is NULL. */
bool leat_outcome_rests(const struct leat_pipeline *pipeline);

#endif
