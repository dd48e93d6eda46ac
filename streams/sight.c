/* sight.c - a pipeline seen from outside: its counters while it runs, and what it would do. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "pipeline.h"
#include "split.h"

static const struct leat_stage_info *shown(const struct leat_pipeline *p, size_t i)
{
    for (size_t k = 0; k < p->n_infos; k++)
        if (!p->infos[k].hidden && i-- == 0)
            return &p->infos[k];
    return NULL;
}

void leat_pipeline_stats(const struct leat_pipeline *p, struct leat_stats *ret)
{
    uint64_t start = atomic_load(&p->started_ns), end = atomic_load(&p->ended_ns);

    *ret = (struct leat_stats){.memory_limit = p->pool.limit,
                               .memory_peak = atomic_load(&p->pool.peak),
                               .memory_now = atomic_load(&p->pool.used),
                               .finishing = atomic_load(&p->finishing)};
    if (start)
        ret->elapsed_ns = (end ? end : leat_now_ns()) - start;
    for (size_t i = 0; i < p->n_infos; i++) {
        const struct leat_stage_info *info = &p->infos[i];

        ret->n_stages += !info->hidden;
        if (info->type->kind == LEAT_SOURCE && i == 0) {
            ret->source_pos = atomic_load_explicit(&info->pos, memory_order_relaxed);
            ret->source_total = atomic_load_explicit(&info->total, memory_order_relaxed);
        }
    }
}

void leat_pipeline_stage_stats(const struct leat_pipeline *p, size_t i,
                               struct leat_stage_stats *ret)
{
    const struct leat_stage_info *info = shown(p, i);

    *ret = (struct leat_stage_stats){0};
    if (!info)
        return;
    ret->name = info->name;
    ret->text = info->text;
    ret->number = info->number;
    ret->segment = info->segment;
    ret->workers = info->workers;
    ret->bytes_in = atomic_load_explicit(&info->bytes_in, memory_order_relaxed);
    ret->bytes_out = atomic_load_explicit(&info->bytes_out, memory_order_relaxed);
    ret->busy_ns = atomic_load_explicit(&info->busy_ns, memory_order_relaxed);
    ret->wait_in_ns = atomic_load_explicit(&info->wait_in_ns, memory_order_relaxed);
    ret->wait_out_ns = atomic_load_explicit(&info->wait_out_ns, memory_order_relaxed);
    ret->steps = atomic_load_explicit(&info->steps, memory_order_relaxed);
}

char *leat_pipeline_text(const struct leat_pipeline *p)
{
    return leat_plan_text(p->plan);
}

static void explain_segment(FILE *f, const struct leat_pipeline *p, const struct leat_segment *seg,
                            unsigned lanes)
{
    fprintf(f, "  segment %d", seg->number);
    if (lanes > 1)
        fprintf(f, " x %u", lanes);
    fprintf(f, ": ");
    if (seg->join)
        fprintf(f, "join %s%s", seg->join->info->name, seg->n ? ", " : "");
    for (size_t i = 0; i < seg->n; i++)
        fprintf(f, "%s%s", i ? ", " : "", seg->slots[i].stage->info->name);
    if (seg->transfer)
        fprintf(f, " (moved by the kernel)");
    if (seg->cut)
        fprintf(f, ", cut for %s", seg->cut->info->name);
    if (seg->out_edge)
        fprintf(f, " -> edge of %" PRIu64 " bytes", seg->out_edge->high);
    else if (seg->cut)
        fprintf(f, " -> %u edges of %" PRIu64 " bytes", seg->cut->n, seg->cut->lanes[0]->high);
    fprintf(f, "\n");
    (void)p;
}

char *leat_pipeline_explain(const struct leat_pipeline *p)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    bool bad;

    if (!f)
        return NULL;
    fprintf(f, "stages:\n");
    for (size_t i = 0; i < p->n_infos; i++) {
        const struct leat_stage_info *info = &p->infos[i];

        if (info->hidden)
            continue;
        if (info->number > 0)
            fprintf(f, "  #%d %s", info->number, info->text);
        else
            fprintf(f, "  -  %s", info->type->kind == LEAT_SOURCE ? "standard input"
                                                                   : "standard output");
        if (info->workers > 1)
            fprintf(f, " (%u lanes)", info->workers);
        fprintf(f, "\n");
    }
    fprintf(f, "segments:\n");
    for (size_t i = 0; i < p->n_segments; i++) {
        const struct leat_segment *seg = p->segments[i];
        unsigned lanes = 1;

        while (seg->inlet == LEAT_INLET_LANE && i + 1 < p->n_segments &&
               p->segments[i + 1]->number == seg->number) {
            lanes++;
            i++;
        }
        explain_segment(f, p, seg, lanes);
    }
    fprintf(f, "threads: %u%s\n", p->settings.threads,
            p->settings.executor == LEAT_EXECUTOR_LOOP ? ", on the loop" : "");
    fprintf(f,
            "memory: %" PRIu64 " bytes at most; %" PRIu64 " reserved for chunks of %zu, the rest for "
            "codecs\n",
            p->settings.memory, p->bound, p->settings.chunk);
    bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad) {
        free(text);
        return NULL;
    }
    return text;
}
