/* events.c - call the watcher of a run. */

#include "events.h"

#include "run/pipeline.h"

int leat_pipeline_watch(struct leat_pipeline *p, unsigned kinds, leat_event_cb callback, void *arg)
{
    if (!p || atomic_load(&p->outcome.phase) != LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    p->watcher =
        (struct leat_watcher){.kinds = callback ? kinds : 0, .callback = callback, .arg = arg};
    return 0;
}

static uint64_t since_start(const struct leat_pipeline *p, uint64_t now)
{
    uint64_t start = atomic_load(&p->started_ns);

    return start > 0 && now > start ? now - start : 0;
}

void leat_tell_stage(struct leat_pipeline *p, unsigned kind, const struct leat_stage_info *info,
                     const struct leat_error *error)
{
    struct leat_event e = {.size = sizeof e, .kind = kind, .stage = LEAT_NO_STAGE, .error = error};

    if (!leat_watched(&p->watcher, kind) || (info && info->hidden))
        return;
    e.at_ns = since_start(p, leat_clock_now(&p->executor.clock));
    if (info)
        e.stage = info->index;
    p->watcher.callback(&e, p->watcher.arg);
}

void leat_tell_run(const struct leat_segment *seg, uint64_t from, uint64_t to)
{
    const struct leat_pipeline *p = seg->pipeline;
    struct leat_event e = {.size = sizeof e, .kind = LEAT_EVENT_RUN, .stage = LEAT_NO_STAGE};
    const struct leat_stage_info *info = seg->n > 0 ? seg->slots[0].info : NULL;

    e.at_ns = since_start(p, from);
    e.duration_ns = to > from ? to - from : 0;
    e.segment = seg->number;
    e.lane = seg->lane.number;
    if (info && !info->hidden)
        e.stage = info->index;
    p->watcher.callback(&e, p->watcher.arg);
}

void leat_tell_edge(const struct leat_edge *edge, unsigned kind)
{
    const struct leat_pipeline *p = edge->executor->owner;
    struct leat_event e = {.size = sizeof e, .kind = kind, .stage = LEAT_NO_STAGE};

    if (edge->link == LEAT_NO_LINK || !leat_watched(&p->watcher, kind))
        return;
    e.at_ns = since_start(p, leat_clock_now(&p->executor.clock));
    e.link = edge->link;
    e.lane = edge->lane;
    e.bytes = atomic_load_explicit(&edge->filled, memory_order_relaxed);
    p->watcher.callback(&e, p->watcher.arg);
}
