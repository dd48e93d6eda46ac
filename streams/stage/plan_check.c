/* plan_check.c - check what the plan of a stage has asked for: can the engine run it?
 *
 * The check of the type (syntax/type_check.c) is not enough, because a plan changes its settings. A wrong one
 * is a fault of the stage, and fails the building of the pipeline.
 */
#include <inttypes.h>

#include "stage_impl.h"

#define BLOCK_MAX ((size_t)1 << 30)         /* of lanes: a block, and its history */
#define BUFFER_MAX ((uint64_t)1 << 40)      /* bytes of memory of a buffer */
#define SPILL_MAX ((uint64_t)INT64_MAX / 4) /* and of its file */
#define PART_MAX ((uint64_t)INT64_MAX)      /* the number of the first part */
#define NEVER_CHANGED (LEAT_PARTS | LEAT_PORTS_IN | LEAT_INNER)
#define OF_BRANCHES (LEAT_DROPS | LEAT_DETACHES)
#define OF_INPUT (LEAT_PASS_THROUGH | LEAT_WANTS_ALL | LEAT_FLUSHES | LEAT_WANTS_DECODED)
#define FLAGS                                                                                      \
    (NEVER_CHANGED | OF_BRANCHES | OF_INPUT | LEAT_NO_STDOUT_TTY | LEAT_OPENS_LAST |               \
     LEAT_DECODES | LEAT_BY_LINE)

static int check_whole(struct leat_stage *s)
{
    struct leat_stage_plan *plan = &s->info->plan;

    if (plan->whole == 0 && plan->nature == LEAT_PARALLEL)
        plan->whole = s->type->lanes->whole;
    if (plan->whole > LEAT_WHOLE_MAX)
        return leat_fail(s, LEAT_EINTERNAL, "a piece of %zu bytes cannot be shown whole",
                         plan->whole);
    if (plan->whole > 0 && plan->framing == LEAT_LINES && plan->nature != LEAT_PARALLEL)
        return leat_fail(s, LEAT_EINTERNAL, "pieces are of a fixed size or of whole lines");
    if (plan->whole > 0 && (s->type->kind == LEAT_SOURCE || plan->flags & LEAT_PORTS_IN))
        return leat_fail(s, LEAT_EINTERNAL,
                         "its plan wants whole pieces of an input that it lacks");
    if (plan->whole > 0 && leat_stage_runs_beside(s->type)) /* it gets the chunks themselves */
        return leat_fail(s, LEAT_EINTERNAL, "a blocking source or sink cannot have whole pieces");
    return 0;
}

static int check_flags(struct leat_stage *s)
{
    unsigned flags = s->info->plan.flags, changed = flags ^ s->type->flags;

    if (flags & ~(unsigned)FLAGS)
        return leat_fail(s, LEAT_EINTERNAL, "its plan sets unknown flags: 0x%x",
                         flags & ~(unsigned)FLAGS);
    if (changed & LEAT_PARTS)
        return leat_fail(s, LEAT_EINTERNAL, "its plan cannot change LEAT_PARTS");
    if (changed & NEVER_CHANGED)
        return leat_fail(s, LEAT_EINTERNAL, "its plan cannot change LEAT_PORTS_IN or LEAT_INNER");
    if (s->type->run && changed & LEAT_FLUSHES)
        return leat_fail(s, LEAT_EINTERNAL, "a blocking stage cannot flush");
    if (changed & flags & OF_BRANCHES &&
        (s->type->kind != LEAT_TRANSFORM || s->type->branches_max == 0))
        return leat_fail(s, LEAT_EINTERNAL, "its plan sets flags of a stage with branches");
    if (changed & flags & OF_INPUT && s->type->kind == LEAT_SOURCE)
        return leat_fail(s, LEAT_EINTERNAL, "its plan sets flags of a stage with an input");
    return 0;
}

static int check_run(struct leat_stage *s)
{
    const struct leat_stage_plan *plan = &s->info->plan;

    if (plan->nature < LEAT_LIGHT || plan->nature > LEAT_BLOCKING ||
        (plan->framing != LEAT_BYTES && plan->framing != LEAT_LINES))
        return leat_fail(s, LEAT_EINTERNAL, "its plan has an unknown nature or framing");
    if (plan->framing == LEAT_LINES && s->type->kind == LEAT_SOURCE)
        return leat_fail(s, LEAT_EINTERNAL, "its plan wants lines, but a source has no input");
    if (plan->block > BLOCK_MAX || plan->history > BLOCK_MAX)
        return leat_fail(s, LEAT_EINTERNAL, "its plan has a block or history above %zu bytes",
                         BLOCK_MAX);
    return 0;
}

static int check_buffer(struct leat_stage *s)
{
    const struct leat_buffer *b = &s->info->plan.buffer;
    uint64_t spill = b->spills ? b->spill_size : 0;

    if (!s->info->plan.has_buffer)
        return 0;
    if (s->type->kind == LEAT_SINK)
        return leat_fail(s, LEAT_EINTERNAL, "its plan has a buffer after a sink");
    if (b->memory > BUFFER_MAX || spill > SPILL_MAX || (b->spills && spill < LEAT_SPILL_MIN))
        return leat_fail(s, LEAT_EINTERNAL,
                         "its plan has a buffer of %" PRIu64 " and a file of %" PRIu64 " bytes",
                         b->memory, spill);
    if (b->start_at > 0 && b->start_at > b->memory + spill)
        return leat_fail(s, LEAT_EINTERNAL, "the reader of its buffer would never start");
    return 0;
}

int leat_plan_check(struct leat_stage *s)
{
    int r = check_run(s);

    if (r == 0)
        r = check_flags(s);
    if (r == 0)
        r = check_whole(s);
    if (r == 0)
        r = check_buffer(s);
    if (r == 0 && s->info->plan.part_options.from > PART_MAX)
        r = leat_fail(s, LEAT_EINTERNAL, "its plan begins with a part number above %" PRIu64,
                      PART_MAX);
    return r;
}
