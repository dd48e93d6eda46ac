/* instance.c - an instance of a stage: make, open, step, prepare and close it. */

#include "stage_impl.h"

#include <stdlib.h>

#include "room.h"
#include "run/pipeline.h"
#include "sched/waker.h"

struct leat_stage *leat_stage_new(struct leat_pipeline *pipeline, struct leat_stage_info *info)
{
    struct leat_stage *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->pipeline = pipeline;
    s->info = info;
    s->type = info->type;
    leat_wait_init(&s->wait, NULL);
    leat_wait_init(&s->alarm, NULL);
    leat_wait_init(&s->watch, NULL);
    s->watch_fd = -1;
    if (s->type->state_size > 0) {
        s->state = calloc(1, s->type->state_size);
        if (!s->state) {
            free(s);
            return NULL;
        }
    }
    return s;
}

void leat_stage_free(struct leat_stage *s)
{
    if (!s)
        return;
    leat_wait_done(&s->wait);
    leat_wait_done(&s->alarm);
    leat_wait_done(&s->watch);
    free(s->part_name);
    free(s->state);
    free(s);
}

int leat_stage_plan(struct leat_stage *s)
{
    int r = 0;

    s->planning = true;
    if (s->type->plan)
        r = s->type->plan(s);
    s->planning = false;
    return r == 0 ? leat_plan_check(s) : r;
}

/* The buffer for pieces that lie in several slices. */
static int open_gather(struct leat_stage *s)
{
    const struct leat_stage_plan *plan = &s->info->plan;
    uint8_t *buffer = leat_alloc_raw(s, plan->whole);

    if (!buffer)
        return s->failure.code;
    leat_gather_init(&s->gather, buffer, plan->whole);
    s->gather.marks_end = (plan->flags & LEAT_FLUSHES) && plan->nature != LEAT_PARALLEL;
    return 0;
}

int leat_stage_open(struct leat_stage *s)
{
    int r = 0;

    leat_assert(!s->open_called && !s->closed);
    s->open_called = true;
    if (s->type->open)
        r = s->type->open(s);
    if (r == 0 && s->info->plan.whole > 0)
        r = open_gather(s);
    if (r < 0 && !s->failure.code)
        leat_fail(s, r, "%s", leat_strerror(r));
    return r;
}

int leat_stage_prepare(struct leat_stage *s)
{
    int r;

    if (!s->ended || !s->type->prepare || s->prepared)
        return 0;
    leat_assert(!s->committed && !s->closed);
    s->prepared = true;
    r = s->type->prepare(s);
    if (r == 0)
        return 0;
    s->ended = false;
    if (!s->failure.code)
        leat_fail(s, r, "%s", leat_strerror(r));
    leat_outcome_report(s->pipeline, s->info, &s->failure);
    return s->info->detached ? 0 : r;
}

bool leat_stage_stops(const struct leat_stage *s)
{
    if (!s->open_called) /* a lane may not have had a block */
        return false;
    return leat_stage_runs_beside(s->type) ? leat_blocking_runs(s->blocking)
                                           : s->type->stop != NULL;
}

void leat_stage_stop(struct leat_stage *s, enum leat_stop why)
{
    leat_assert(s->open_called && !s->closed);
    if (leat_stage_runs_beside(s->type))
        leat_blocking_cancel(
            s->blocking); /* first: a call that `stop` interrupts is not repeated */
    if (s->type->stop)
        s->type->stop(s, why);
}

void leat_stage_close(struct leat_stage *s)
{
    if (s->closed)
        return;
    s->closed = true;
    leat_blocking_end(s);
    leat_waker_detach(s->waker);
    leat_wait_clear(&s->pipeline->waits, &s->wait);
    leat_wait_clear(&s->pipeline->waits, &s->alarm);
    leat_wait_clear(&s->pipeline->waits, &s->watch);
    if (s->open_called && s->type->close)
        s->type->close(s);
    leat_lent_done(s->info);
    leat_waker_free(s->waker);
    s->waker = s->wait.waker = NULL;
    leat_room_done(s);
    leat_free(s, s->gather.chunk.data);
    s->gather.chunk.data = NULL;
    leat_assert(s->kept <= s->charged);
    if (s->charged > 0)
        leat_pool_uncharge(&s->pipeline->pool, s->charged);
    leat_stage_take_charge(s, s->charged);
    s->kept = 0;
    if (s->keeps_lanes && atomic_exchange(&s->info->lanes.kept, false)) /* it got no block */
        leat_pool_uncharge(&s->pipeline->pool, s->info->lanes.kept_bytes);
}
