/* explain.c - a pipeline as text: its canonical form, and how it would run. */

#include <inttypes.h>

#include "base/text.h"
#include "lanes/lanes.h"
#include "run/pipeline.h"

char *leat_pipeline_text(const struct leat_pipeline *p)
{
    return p ? leat_tree_shown(p->tree) : NULL;
}

static void explain_stages(struct leat_text *t, const struct leat_pipeline *p)
{
    leat_text_add(t, "stages:\n");
    for (size_t i = 0; i < p->graph.n_infos; i++) {
        const struct leat_stage_info *info = &p->graph.infos[i];
        enum leat_kind kind = info->type->kind;

        if (info->hidden)
            continue;
        if (info->number > 0)
            leat_text_add(t, "  #%d %s", info->number, info->text);
        else if (info->node->args.n > 0)
            leat_text_add(t, "  -  %s", info->text);
        else if (info->sums.is_digest)
            leat_text_add(t, "  -  %s for --sums", info->text);
        else if (kind == LEAT_TRANSFORM)
            leat_text_add(t, "  -  %s, if the next stage's input is compressed", info->text);
        else
            leat_text_add(t, "  -  standard %s", kind == LEAT_SOURCE ? "input" : "output");
        if (info->last.given)
            leat_text_add(t, " (a file is read from the last %" PRIu64 " %s on)", info->last.count,
                          info->last.bytes ? "bytes" : "lines");
        if (info->lends_to)
            leat_text_add(t, " (a file is read by the next stage, from its end)");
        if (info->lanes.most > 1)
            leat_text_add(t, " (%u lanes)", info->lanes.most);
        leat_text_add(t, "\n");
    }
}

static void explain_segment(struct leat_text *t, const struct leat_segment *seg, unsigned lanes)
{
    leat_text_add(t, "  segment %d", seg->number);
    if (lanes > 1)
        leat_text_add(t, " x %u", lanes);
    leat_text_add(t, ": ");
    if (seg->in.joiner)
        leat_text_add(t, "join %s%s", seg->in.joiner->lanes.info->name, seg->n ? ", " : "");
    for (size_t i = 0; i < seg->n; i++)
        leat_text_add(t, "%s%s", i ? ", " : "", seg->slots[i].info->name);
    if (seg->transfer)
        leat_text_add(t, " (moved by the kernel)");
    if (seg->out.cutter)
        leat_text_add(t, ", cut for %s", seg->out.cutter->lanes.info->name);
    if (seg->out.n_ports > 1)
        leat_text_add(t, " -> %zu edges of %" PRIu64 " bytes", seg->out.n_ports,
                      seg->out.ports[0].edge->high);
    else if (seg->out.n_ports > 0)
        leat_text_add(t, " -> edge of %" PRIu64 " bytes", seg->out.ports[0].edge->high);
    else if (seg->out.cutter)
        leat_text_add(t, " -> %u edges of %" PRIu64 " bytes", seg->out.cutter->lanes.n,
                      seg->out.cutter->lanes.edges[0]->high);
    leat_text_add(t, "\n");
}

/* Segments by their numbers; the lanes of a parallel stage share one. */
static void explain_segments(struct leat_text *t, const struct leat_pipeline *p)
{
    leat_text_add(t, "segments:\n");
    for (int number = 1;; number++) {
        const struct leat_segment *seg = NULL;
        unsigned lanes = 0;

        for (size_t i = 0; i < p->graph.n_segments; i++)
            if (p->graph.segments[i]->number == number) {
                seg = p->graph.segments[i];
                lanes++;
            }
        if (!seg)
            return;
        explain_segment(t, seg, lanes);
    }
}

char *leat_pipeline_explain(const struct leat_pipeline *p)
{
    struct leat_text t = {0};

    if (!p)
        return NULL;
    explain_stages(&t, p);
    explain_segments(&t, p);
    leat_text_add(&t, "threads: %u%s\n", p->settings.threads,
                  p->settings.executor == LEAT_EXECUTOR_LOOP ? ", all on the loop" : "");
    leat_text_add(&t,
                  "memory: %" PRIu64 " bytes at most; %" PRIu64
                  " reserved for chunks of %zu, the rest for "
                  "codecs\n",
                  p->settings.memory, p->bound, p->settings.chunk);
    return leat_text_take(&t);
}
