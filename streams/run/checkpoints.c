/* checkpoints.c - the position of a source is committed with the outputs.
 *
 * A part moves the position if it holds, with the parts before it, all that came of the source: it is the only sink, and no stage
 * before it can hold data back at a flush marker. Else the end of the run moves it.
 */

#include <errno.h>
#include <string.h>

#include "base/invariant.h"
#include "io/directories.h"
#include "pipeline.h"
#include "run.h"
#include "stage/engine_ops.h"

/* Would a run that begins after a flush marker output the rest? A codec would begin a new stream. */
static bool keeps_nothing(const struct leat_stage_info *info)
{
    return info->plan.flags & (LEAT_PASS_THROUGH | LEAT_BY_LINE);
}

static bool is_sink(const struct leat_segment *seg)
{
    return seg->n > 0 && seg->slots[seg->n - 1].info->type->kind == LEAT_SINK;
}

void leat_checkpoint_plan(struct leat_pipeline *p)
{
    unsigned sinks = 0, parts = 0;
    bool all_pass = true;

    leat_assert(!p->checkpoint.file == !p->checkpoint.source);
    for (size_t k = 0; k < p->graph.n_segments; k++) {
        const struct leat_segment *seg = p->graph.segments[k];

        if (seg->part_of)
            continue;
        sinks += is_sink(seg);
        parts += seg->out.parts && seg->out.parts->commits;
        for (size_t i = 0; i < seg->n; i++) {
            const struct leat_stage_info *info = seg->slots[i].info;

            all_pass = all_pass && (info == p->checkpoint.source || info->type->kind == LEAT_SINK ||
                                    keeps_nothing(info));
        }
    }
    p->checkpoint.by_parts = p->checkpoint.file && all_pass && sinks == 1 && parts == 1;
}

static int failed(struct leat_pipeline *p, int r)
{
    struct leat_error error = LEAT_INIT(leat_error);

    leat_assert(r < 0);
    leat_error_set(&error, LEAT_EIO, "cannot write the checkpoint %s: %s",
                   leat_checkpoint_path(p->checkpoint.file), strerrordesc_np(-r));
    leat_outcome_report(p, p->checkpoint.source, &error);
    return LEAT_EIO;
}

static bool find_proof(struct leat_segment **segments, size_t n,
                       struct leat_checkpoint_proof *ret_proof)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < segments[k]->n; i++) {
            struct leat_stage *s = segments[k]->slots[i].stage;

            if (s->type->commit && s->ended && !s->closed && leat_engine_ops_of(s->type)->proof &&
                leat_engine_ops_of(s->type)->proof(s, ret_proof))
                return true;
        }
    return false;
}

int leat_checkpoint_before(struct leat_pipeline *p, struct leat_segment **segments, size_t n,
                           uint64_t position, bool waits)
{
    struct leat_checkpoint_proof proof = {.path = NULL};
    int r;

    if (position == 0 || !p->checkpoint.file)
        return 0;
    leat_assert(position <= leat_checkpoint_last(p->checkpoint.file));
    leat_assert(!waits || p->checkpoint.by_parts);
    (void)find_proof(segments, n, &proof);
    r = leat_checkpoint_begin(p->checkpoint.file, position, &proof);
    if (waits && (r == -ENOSPC || r == -EDQUOT))
        return LEAT_FULL;
    return r < 0 ? failed(p, r) : 0;
}

int leat_checkpoint_after(struct leat_pipeline *p, uint64_t position)
{
    int r;

    if (position == 0 || !p->checkpoint.file)
        return 0;
    r = leat_checkpoint_end(p->checkpoint.file, position);
    return r < 0 ? failed(p, r) : 0;
}

/* A source that was stopped because nobody wanted more has not been used up to its position. */
uint64_t leat_checkpoint_final(struct leat_pipeline *p)
{
    bool ended = leat_run_is_finishing(p);

    if (!p->checkpoint.file)
        return 0;
    for (size_t k = 0; k < p->graph.n_segments; k++)
        for (size_t i = 0; i < p->graph.segments[k]->n; i++)
            if (p->graph.segments[k]->slots[i].info == p->checkpoint.source)
                ended = ended || p->graph.segments[k]->slots[i].stage->ended;
    return ended ? leat_checkpoint_last(p->checkpoint.file) : 0;
}
