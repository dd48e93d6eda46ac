/* bottleneck.c - find the stage that limits the speed of the pipeline.
 *
 * The stages of a segment run in turns, so for each segment the code adds the time in which its
 * stages work, or wait for something outside. The segment with the largest sum is the slowest, and
 * its stage with the largest share is the bottleneck. If every thread is busy, the processors are
 * the limit, and the bottleneck is the stage that uses most processor time. If even the slowest
 * segment was free for more than half of the time, and all stages together for more than a tenth,
 * there is no bottleneck.
 */

#include <stdlib.h>

#include "base/sized.h"
#include "run/pipeline.h"

#define ALL_THREADS_BUSY 0.9 /* part of the threads' time */
/* Below both of these parts of the time there is no bottleneck. MIN: the segment works, waits
 * outside or has no thread. ALL_MIN: all stages work or wait outside; nearly 1 if stages work one
 * after another. */
#define EVIDENCE_MIN 0.5
#define EVIDENCE_ALL_MIN 0.9

struct suspect {
    struct leat_stage_stats s;
    const struct leat_stage_info *info;
    double busy, waits; /* parts of the time of its lanes */
};

struct inquiry {
    const struct leat_pipeline *p;
    struct suspect *v; /* n of them, in the order of the stages */
    size_t n;
    double elapsed; /* ns */
};

static void look(struct inquiry *q)
{
    size_t at = 0;

    for (size_t i = 0; i < q->p->graph.n_infos && at < q->n; i++) {
        struct suspect *x = &q->v[at];
        double all;

        if (q->p->graph.infos[i].hidden)
            continue;
        x->info = &q->p->graph.infos[i];
        x->s.size = sizeof x->s;
        (void)leat_pipeline_stage_stats(q->p, at++, &x->s); /* it exists */
        all = q->elapsed * (x->s.workers > 0 ? x->s.workers : 1);
        x->busy = (double)x->s.busy_ns / all;
        x->waits = (double)x->s.wait_self_ns / all;
    }
}

/* The two halves of a middle stage with a child process both wait for the child. The child counts
 * as slow in the time in which it neither reads input nor writes output; the first half gets this
 * time. */
static void blame_children(struct inquiry *q)
{
    for (size_t i = 0; i + 1 < q->n; i++) {
        struct suspect *takes = &q->v[i], *gives = &q->v[i + 1];
        double no_taking = takes->waits + (double)takes->s.ended_ns / q->elapsed;
        const struct leat_stage_type *type;

        leat_assert(takes->info);
        leat_assert(gives->info);
        type = takes->info->node->type;
        if (!type->middle_out || takes->info->type != type->middle_in ||
            gives->info->type != type->middle_out)
            continue;
        takes->waits = no_taking < gives->waits ? no_taking : gives->waits;
        gives->waits = 0;
    }
}

/* The sum over the stages of one segment. */
static double segment_share(const struct inquiry *q, int segment)
{
    double sum = 0;

    for (size_t i = 0; i < q->n; i++)
        if (q->v[i].s.segment == segment)
            sum += q->v[i].busy + q->v[i].waits;
    return sum;
}

static void judge(const struct inquiry *q, bool all_busy, struct leat_bottleneck *ret)
{
    double most = -1, most_own = -1;

    for (size_t i = 0; i < q->n; i++) {
        const struct suspect *x = &q->v[i];
        double own = x->waits > x->busy ? x->waits : x->busy;
        double segment = segment_share(q, x->s.segment);
        double weight = all_busy ? (double)x->s.busy_ns / q->elapsed : segment;

        if (weight < most - 1e-9 || (weight < most + 1e-9 && own <= most_own))
            continue;
        most = weight;
        most_own = own;
        *ret = (struct leat_bottleneck){
            .kind = x->waits > x->busy && !all_busy ? LEAT_BOTTLENECK_WAIT : LEAT_BOTTLENECK_BUSY,
            .stage = i,
            .share = all_busy ? x->busy : own,
            .segment = segment,
            .wait_turn =
                (double)x->s.wait_turn_ns / (q->elapsed * (x->s.workers > 0 ? x->s.workers : 1)),
            .threads_busy = all_busy};
    }
}

/* Busy time of all stages together, as a multiple of the run's time; 2: two of them were always
 * busy. */
static double busy_share(const struct inquiry *q)
{
    double busy = 0;

    for (size_t i = 0; i < q->n; i++)
        busy += (double)q->v[i].s.busy_ns;
    return busy / q->elapsed;
}

static bool is_unclear(const struct inquiry *q, const struct leat_bottleneck *b)
{
    double all = busy_share(q);

    for (size_t i = 0; i < q->n; i++)
        all += q->v[i].waits;
    return !b->threads_busy && b->segment + b->wait_turn < EVIDENCE_MIN && all < EVIDENCE_ALL_MIN;
}

static void inquire(const struct leat_pipeline *p, struct leat_bottleneck *ret)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);
    struct inquiry q = {.p = p};

    if (leat_pipeline_stats(p, &stats) < 0)
        return;
    q.n = stats.n_stages;
    q.elapsed = (double)stats.elapsed_ns;
    q.v = stats.elapsed_ns > 0 ? calloc(q.n, sizeof *q.v) : NULL;
    if (!q.v)
        return;
    look(&q);
    blame_children(&q);
    judge(&q, busy_share(&q) >= ALL_THREADS_BUSY * p->settings.threads, ret);
    if (is_unclear(&q, ret))
        ret->kind = LEAT_BOTTLENECK_UNCLEAR;
    free(q.v);
}

int leat_pipeline_bottleneck(const struct leat_pipeline *p, struct leat_bottleneck *ret)
{
    struct leat_bottleneck b = {.kind = LEAT_BOTTLENECK_NONE};
    int r;

    if (p)
        inquire(p, &b);
    r = ret ? leat_sized_out(ret, &b, sizeof b) : LEAT_EUSAGE;
    return p ? r : LEAT_EUSAGE;
}
