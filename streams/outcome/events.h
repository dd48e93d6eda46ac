/* events.h - what happens in a run, told to whoever asked for it. When nobody did, it costs a look at
 * a mask.
 */
#ifndef LEAT_EVENTS_H
#define LEAT_EVENTS_H

#include "leat.h"

struct leat_edge;
struct leat_executor;
struct leat_segment;
struct leat_stage_info;

/* Fixed while it runs. */
struct leat_watcher {
    unsigned kinds; /* 0: nobody asked */
    leat_event_cb told;
    void *arg;
};

static inline bool leat_watched(const struct leat_watcher *w, unsigned kind)
{
    return (w->kinds & kind) != 0;
}

/* leat_tell_stage - of a stage (info; NULL: of the pipeline). Hidden ones are not told of. */
void leat_tell_stage(struct leat_pipeline *pipeline, unsigned kind,
                     const struct leat_stage_info *info, const struct leat_error *error);
/* leat_tell_run - a segment ran from one time to another. */
void leat_tell_run(const struct leat_segment *segment, uint64_t from_ns, uint64_t to_ns);
/* leat_tell_edge - what a buffer holds now. Under no lock. */
void leat_tell_edge(const struct leat_edge *edge, unsigned kind);

#endif
