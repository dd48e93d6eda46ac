/* sight.c - a pipeline seen from outside: its counters while it runs, and what it would do. */

#include <inttypes.h>
#include <stdarg.h>
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
    ret->wait_self_ns = atomic_load_explicit(&info->wait_self_ns, memory_order_relaxed);
    ret->steps = atomic_load_explicit(&info->steps, memory_order_relaxed);
}

char *leat_pipeline_text(const struct leat_pipeline *p)
{
    return leat_plan_text(p->plan);
}

/* --- explain ---------------------------------------------------------------------------------- */

/* Text that grows; after a failed allocation it stays as it is and `bad` tells. */
struct text {
    char *data;
    size_t n, room;
    bool bad;
};

static void LEAT_PRINTF(2, 3) add(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || t->bad) {
        t->bad = true;
        return;
    }
    if (t->n + (size_t)n + 1 > t->room) {
        size_t room = 2 * (t->room + (size_t)n + 1);
        char *more = realloc(t->data, room);

        t->bad = !more;
        if (!more)
            return;
        t->data = more;
        t->room = room;
    }
    va_start(args, format);
    vsnprintf(t->data + t->n, t->room - t->n, format, args);
    va_end(args);
    t->n += (size_t)n;
}

static void explain_stages(struct text *t, const struct leat_pipeline *p)
{
    add(t, "stages:\n");
    for (size_t i = 0; i < p->n_infos; i++) {
        const struct leat_stage_info *info = &p->infos[i];
        bool source = info->type->kind == LEAT_SOURCE;

        if (info->hidden)
            continue;
        if (info->number > 0)
            add(t, "  #%d %s", info->number, info->text);
        else if (info->for_sums)
            add(t, "  -  %s for --sums", info->text);
        else
            add(t, "  -  standard %s", source ? "input" : "output");
        if (info->workers > 1)
            add(t, " (%u lanes)", info->workers);
        add(t, "\n");
    }
}

static void explain_segment(struct text *t, const struct leat_segment *seg, unsigned lanes)
{
    add(t, "  segment %d", seg->number);
    if (lanes > 1)
        add(t, " x %u", lanes);
    add(t, ": ");
    if (seg->join)
        add(t, "join %s%s", seg->join->info->name, seg->n ? ", " : "");
    for (size_t i = 0; i < seg->n; i++)
        add(t, "%s%s", i ? ", " : "", seg->slots[i].stage->info->name);
    if (seg->transfer)
        add(t, " (moved by the kernel)");
    if (seg->cut)
        add(t, ", cut for %s", seg->cut->info->name);
    if (seg->n_ports > 1)
        add(t, " -> %zu edges of %" PRIu64 " bytes", seg->n_ports, seg->ports[0].edge->high);
    else if (seg->n_ports > 0)
        add(t, " -> edge of %" PRIu64 " bytes", seg->ports[0].edge->high);
    else if (seg->cut)
        add(t, " -> %u edges of %" PRIu64 " bytes", seg->cut->n, seg->cut->lanes[0]->high);
    add(t, "\n");
}

/* Segments by their numbers; the lanes of a split stage share one. */
static void explain_segments(struct text *t, const struct leat_pipeline *p)
{
    add(t, "segments:\n");
    for (int number = 1;; number++) {
        const struct leat_segment *seg = NULL;
        unsigned lanes = 0;

        for (size_t i = 0; i < p->n_segments; i++)
            if (p->segments[i]->number == number) {
                seg = p->segments[i];
                lanes++;
            }
        if (!seg)
            return;
        explain_segment(t, seg, lanes);
    }
}

char *leat_pipeline_explain(const struct leat_pipeline *p)
{
    struct text t = {0};

    explain_stages(&t, p);
    explain_segments(&t, p);
    add(&t, "threads: %u%s\n", p->settings.threads,
        p->settings.executor == LEAT_EXECUTOR_LOOP ? ", all on the loop" : "");
    add(&t,
        "memory: %" PRIu64 " bytes at most; %" PRIu64 " reserved for chunks of %zu, the rest for "
        "codecs\n",
        p->settings.memory, p->bound, p->settings.chunk);
    if (t.bad) {
        free(t.data);
        return NULL;
    }
    return t.data;
}
