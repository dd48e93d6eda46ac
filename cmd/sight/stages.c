/* stages.c - the statistics of a stage, as tables show them. */

#include "../cmd.h"

void stats_stage(const struct job *job, size_t i, struct leat_stage_stats *ret)
{
    struct leat_stats stats;
    uint64_t most = 0, all = 0;

    leat_pipeline_stage_stats(job->pipeline, i, ret);
    leat_pipeline_stats(job->pipeline, &stats);
    for (size_t k = 0; k < stats.n_links; k++) {
        struct leat_link_stats link;

        leat_pipeline_link_stats(job->pipeline, k, &link);
        if (link.from != i)
            continue;
        most = link.bytes > most ? link.bytes : most;
        all += link.bytes;
    }
    if (most < all && ret->bytes_out > ret->bytes_in && most <= ret->bytes_in)
        ret->bytes_out = most;
}
