/* open.c - open the stages of a run, or of a part, in several rounds. */

#include "open.h"

#include "lanes/lanes.h"
#include "run/pipeline.h"

/* Open the first lanes before elastic stages: those with workers of their own. Open stages with side
 * effects outside the pipeline last, when all others are open. The cutter opens further lanes. */
enum round { ROUND_LANE, ROUND_NEEDED, ROUND_LAST, ROUND_NONE };

static enum round round_of(const struct leat_segment *seg, const struct leat_stage *s)
{
    if (seg->is_lane && seg->lane.number > 0)
        return ROUND_NONE;
    if (s->type->flags & LEAT_OPENS_LAST)
        return ROUND_LAST;
    return seg->is_lane ? ROUND_LANE : ROUND_NEEDED;
}

/* Open the j-th stage of a segment, which does not run yet. */
static int open_now(struct leat_pipeline *p, struct leat_segment *seg, size_t j)
{
    struct leat_stage *s = seg->slots[j].stage;
    int r;

    leat_assert(!s->open_called && !s->closed);
    leat_assert(s->info == seg->slots[j].info);
    leat_assert(!leat_actor_runs_here(&seg->actor));
    r = leat_stage_open(s);
    if (r < 0) {
        leat_outcome_report(p, seg->part_of ? leat_parts_info(seg->part_of) : NULL, &s->failure);
        return r;
    }
    s->info->lanes.open_bytes = s->charged;
    if (s->info->lanes.in_use == 0)
        s->info->lanes.in_use = 1;
    seg->slots[j].more = s->info->plan.steps_first && !seg->is_lane;
    leat_tell_stage(p, LEAT_EVENT_OPENED, s->info, NULL);
    return 0;
}

static int open_stage(struct leat_pipeline *p, struct leat_segment *seg, size_t j)
{
    int r;

    (void)leat_account_charge(seg);
    leat_account_doing(seg, LEAT_DOING_STEP, j);
    r = open_now(p, seg, j);
    (void)leat_account_charge(seg);
    leat_account_doing(seg, LEAT_DOING_WAIT_IN, 0);
    return r;
}

/* One round over these segments. Stages of parts are opened for each part. */
static int open_some(struct leat_pipeline *p, struct leat_segment **segments, size_t n,
                     enum round round, bool part)
{
    for (size_t i = 0; i < n; i++) {
        struct leat_segment *seg = segments[i];

        if (seg->part_of && !part)
            continue;
        leat_assert(!part || atomic_load(&seg->finished)); /* the part has not begun */
        for (size_t j = 0; j < seg->n; j++) {
            struct leat_stage *s = seg->slots[j].stage;
            int r = round_of(seg, s) == round ? open_stage(p, seg, j) : 0;

            if (r < 0)
                return r;
        }
        if (round == ROUND_NEEDED && seg->out.cutter)
            seg->out.cutter->lanes.stage->open_called = true;
        if (round == ROUND_NEEDED && seg->in.joiner)
            seg->in.joiner->lanes.stage->open_called = true;
    }
    return 0;
}

int leat_open_part(struct leat_pipeline *p, struct leat_segment **segments, size_t n)
{
    int r = 0;

    for (int round = ROUND_LANE; round <= ROUND_LAST && r == 0; round++)
        r = open_some(p, segments, n, (enum round)round, true);
    return r;
}

static int open_stages(struct leat_pipeline *p, enum round round)
{
    return open_some(p, p->graph.segments, p->graph.n_segments, round, false);
}

static int open_spills(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        struct leat_segment *seg = p->graph.segments[i];

        for (size_t k = 0; k < seg->out.n_ports; k++) {
            struct leat_spill *spill =
                seg->out.ports[k].edge ? seg->out.ports[k].edge->spill : NULL;
            struct leat_stage *s = spill ? seg->slots[seg->n - 1].stage : NULL;
            int r = spill ? leat_spill_open(spill) : 0;

            if (r < 0) {
                r = leat_fail_errno(s, -r, "cannot make a temporary file in %s",
                                    leat_spill_dir(spill));
                leat_outcome_report(p, NULL, &s->failure);
                return r;
            }
        }
    }
    return 0;
}

int leat_open_first(struct leat_pipeline *p)
{
    int r = open_stages(p, ROUND_LANE);

    if (r == 0)
        r = open_stages(p, ROUND_NEEDED);
    return r == 0 ? open_spills(p) : r;
}

int leat_open_last(struct leat_pipeline *p)
{
    return open_stages(p, ROUND_LAST);
}
