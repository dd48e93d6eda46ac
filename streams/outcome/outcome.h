/* outcome.h - how a run ends: its root cause, its detached branches, and who is told of a failure.
 *
 * The first error is the root cause; a consequence of it, such as a reader that is gone, never takes
 * its place. A branch that is detached (tee --on-error=detach) has an error of its own, which does not
 * stop the others. A failure wakes every segment, and each gives up what it would wait for.
 */
#ifndef LEAT_OUTCOME_H
#define LEAT_OUTCOME_H

#include <pthread.h>
#include <stdatomic.h>

#include "leat.h"

struct leat_stage_info;

enum leat_phase {
    LEAT_PHASE_BUILT,
    LEAT_PHASE_OPEN,
    LEAT_PHASE_RUN,
    LEAT_PHASE_FINISH,  /* prepare, then commit */
    LEAT_PHASE_DELIVER, /* all names are there: side outputs go to their streams */
    LEAT_PHASE_CLOSE,
    LEAT_PHASE_DONE,
};

/* All zero: a run that has not begun. */
struct leat_outcome {
    /* Under the pipeline's lock. */
    struct leat_error error;
    struct leat_error detached; /* of a branch that does not stop the others */
    bool cancelled;             /* the error is the caller's, and stays */
    bool committing;            /* outputs get their names */
    bool settled;               /* they keep them: a cancel comes too late */
    bool running;

    atomic_bool aborted;
    atomic_bool failed; /* there is an error */
    atomic_bool finishing;
    atomic_uint live; /* segments not finished */
    atomic_int phase; /* enum leat_phase */
};

/* A branch whose errors are not the pipeline's: its outputs commit together, or not at all, by
 * themselves. */
struct leat_detached {
    const struct leat_detached *outer; /* it is in another one, or NULL */
    atomic_bool failed;
};

static inline bool leat_detached_failed(const struct leat_detached *d)
{
    for (; d; d = d->outer)
        if (atomic_load(&d->failed))
            return true;
    return false;
}

/* leat_outcome_report - an error of a stage (info; NULL: of none): kept if it is the root cause, or
 * if it is the first of a detached branch. It tells the stages that its input came from, up to a junction
 * that lets a branch like this go (failed_below), and those that its output goes to (failed_above): for
 * junctions whose branch ended early, benignly, and for stages that wait, no edge tells them. Wakes every
 * segment. Thread: any. */
void leat_outcome_report(struct leat_pipeline *pipeline, const struct leat_stage_info *info,
                         const struct leat_error *error);
/* leat_outcome_aborted - everything is being given up: a cancel, a time limit, a stall. Thread: any. */
bool leat_outcome_aborted(const struct leat_pipeline *pipeline);
/* leat_outcome_failed - there is a root cause. Output that was produced before is still delivered to
 * streaming outputs. Thread: any. */
bool leat_outcome_failed(const struct leat_pipeline *pipeline);
/* leat_outcome_wake_all - run every segment: there is something that they all must notice. */
void leat_outcome_wake_all(struct leat_pipeline *pipeline);
/* leat_outcome_rests - the run has not begun, or all of it has ended: what it says does not change.
 * false: it runs, or the pipeline is NULL. */
bool leat_outcome_rests(const struct leat_pipeline *pipeline);

#endif
