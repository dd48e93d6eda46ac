/* events.h - call the watcher of a run at each event. Without a watcher an event costs the test of
 * a mask.
 */
#ifndef LEAT_OUTCOME_EVENTS_H
#define LEAT_OUTCOME_EVENTS_H

#include "leat.h"

struct leat_edge;
struct leat_executor;
struct leat_segment;
struct leat_stage_info;

/* Fixed during the run. */
struct leat_watcher {
    unsigned kinds; /* enum leat_event_kind; 0: no watcher */
    leat_event_cb callback;
    void *arg;
};

static inline bool leat_watched(const struct leat_watcher *w, unsigned kind)
{
    return (w->kinds & kind) != 0;
}

/* leat_tell_stage - event of a stage (info; NULL: of the pipeline). Hidden stages have no events.
 * */
void leat_tell_stage(struct leat_pipeline *pipeline, unsigned kind,
                     const struct leat_stage_info *info, const struct leat_error *error);
/* leat_tell_run - event: a segment ran from from_ns to to_ns. */
void leat_tell_run(const struct leat_segment *segment, uint64_t from_ns, uint64_t to_ns);
/* leat_tell_edge - event of an edge, with its fill. Call it under no lock. */
void leat_tell_edge(const struct leat_edge *edge, unsigned kind);

#endif
