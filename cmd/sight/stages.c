/* stages.c - the statistics of a run and of a stage, as tables show them. */

#include "../cmd.h"

/* Each of these fills in zeros for what does not exist. */
struct leat_stats stats_now(const struct leat_pipeline *pipeline)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);

    (void)leat_pipeline_stats(pipeline, &stats);
    return stats;
}

struct leat_stage_stats stage_now(const struct leat_pipeline *pipeline, size_t i)
{
    struct leat_stage_stats stats = LEAT_INIT(leat_stage_stats);

    (void)leat_pipeline_stage_stats(pipeline, i, &stats);
    return stats;
}

struct leat_link_stats link_now(const struct leat_pipeline *pipeline, size_t i)
{
    struct leat_link_stats stats = LEAT_INIT(leat_link_stats);

    (void)leat_pipeline_link_stats(pipeline, i, &stats);
    return stats;
}

void stats_stage(const struct job *job, size_t i, struct leat_stage_stats *ret)
{
    struct leat_stats stats;
    uint64_t most = 0, all = 0;

    *ret = stage_now(job->pipeline, i);
    stats = stats_now(job->pipeline);
    for (size_t k = 0; k < stats.n_links; k++) {
        struct leat_link_stats link;

        link = link_now(job->pipeline, k);
        if (link.from != i)
            continue;
        most = link.bytes > most ? link.bytes : most;
        all += link.bytes;
    }
    if (most < all && ret->bytes_out > ret->bytes_in && most <= ret->bytes_in)
        ret->bytes_out = most;
}
