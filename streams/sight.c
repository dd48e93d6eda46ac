/* sight.c - a pipeline seen from outside: its counters while it runs, and what it would do. */

#include <inttypes.h>

#include "file_map.h"
#include "io/io.h"
#include "pipeline.h"
#include "split.h"
#include "text.h"

static const struct leat_stage_info *shown(const struct leat_pipeline *p, size_t i)
{
    for (size_t k = 0; k < p->n_infos; k++)
        if (!p->infos[k].hidden && i-- == 0)
            return &p->infos[k];
    return NULL;
}

/* Until when time counts. */
static uint64_t until(const struct leat_pipeline *p)
{
    uint64_t end = atomic_load(&p->ended_ns);

    return end ? end : leat_clock_now(&p->executor.clock);
}

/* All sources together; one whose end is not known makes the whole unknown. */
static void add_sources(const struct leat_pipeline *p, struct leat_stats *ret)
{
    bool known = true;

    for (size_t i = 0; i < p->n_infos; i++) {
        const struct leat_stage_info *info = &p->infos[i];
        uint64_t total = atomic_load_explicit(&info->total, memory_order_relaxed);

        if (info->type->kind != LEAT_SOURCE || info->hidden)
            continue;
        ret->source_pos += atomic_load_explicit(&info->pos, memory_order_relaxed);
        ret->source_total += total;
        known = known && total > 0;
    }
    if (!known)
        ret->source_total = 0;
}

void leat_pipeline_stats(const struct leat_pipeline *p, struct leat_stats *ret)
{
    uint64_t start = p ? atomic_load(&p->started_ns) : 0;

    if (!ret)
        return;
    *ret = (struct leat_stats){0};
    if (!p)
        return;
    *ret = (struct leat_stats){.n_links = p->n_links,
                               .memory_limit = p->pool.limit,
                               .memory_peak = atomic_load(&p->pool.peak),
                               .memory_now = atomic_load(&p->pool.used),
                               .finishing = atomic_load(&p->finishing)};
    if (start)
        ret->elapsed_ns = until(p) - start;
    for (size_t i = 0; i < p->n_infos; i++)
        ret->n_stages += !p->infos[i].hidden;
    add_sources(p, ret);
}

/* Bytes that went to the files behind this stage. */
static uint64_t spilled_by(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t n = 0;

    for (size_t i = 0; i < p->n_segments && info->has_buffer; i++) {
        const struct leat_segment *seg = p->segments[i];

        for (size_t k = 0; k < seg->n_ports; k++)
            if (seg->ports[k].edge && seg->slots[seg->n - 1].info == info)
                n += atomic_load_explicit(&seg->ports[k].edge->spilled, memory_order_relaxed);
    }
    return n;
}

/* The counters of all its instances. */
static void add_instances(const struct leat_pipeline *p, const struct leat_stage_info *info,
                          uint64_t now, struct leat_stage_stats *ret)
{
    for (size_t k = 0; k < p->n_segments; k++) {
        const struct leat_segment *seg = p->segments[k];

        if (seg->inlet == LEAT_INLET_LANE && seg->lane >= info->workers)
            continue; /* it did not fit in memory */
        for (size_t j = 0; j < seg->n; j++)
            if (seg->slots[j].info == info)
                leat_account_add(seg, j, now, ret);
    }
}

/* What it gave and the stages behind it did not get. */
static uint64_t not_handed_over(const struct leat_pipeline *p, const struct leat_stage_info *info,
                                uint64_t now)
{
    uint64_t dropped = atomic_load_explicit(&info->dropped, memory_order_relaxed);
    struct leat_stage_stats cut = {0};

    if (info->range_cut)
        add_instances(p, info->range_cut, now, &cut);
    return dropped + cut.bytes_in - cut.bytes_out;
}

void leat_pipeline_stage_stats(const struct leat_pipeline *p, size_t i,
                               struct leat_stage_stats *ret)
{
    const struct leat_stage_info *info = p ? shown(p, i) : NULL;
    uint64_t now, less;

    if (!ret)
        return;
    *ret = (struct leat_stage_stats){0};
    if (!info)
        return;
    now = until(p);
    ret->name = info->name;
    ret->text = info->text;
    ret->number = info->number;
    ret->segment = info->segment;
    ret->workers = info->workers;
    ret->own_threads = atomic_load_explicit(&info->own_threads, memory_order_relaxed);
    less = not_handed_over(p, info, now); /* before what it gave: that is never less */
    add_instances(p, info, now, ret);
    ret->bytes_in += atomic_load_explicit(&info->unread, memory_order_relaxed);
    ret->bytes_out += atomic_load_explicit(&info->joined_bytes, memory_order_relaxed);
    ret->bytes_out -= less;
    ret->cpu_ns += atomic_load_explicit(&info->child_cpu_ns, memory_order_relaxed);
    ret->bytes_dropped = atomic_load_explicit(&info->dropped, memory_order_relaxed);
    ret->bytes_spilled = spilled_by(p, info);
}

/* The i-th port of all that lost data. */
static const struct leat_port_end *lossy_port(const struct leat_pipeline *p, size_t i,
                                              const struct leat_segment **ret_segment)
{
    for (size_t k = 0; k < p->n_segments; k++) {
        const struct leat_segment *seg = p->segments[k];

        for (size_t port = 0; port < seg->n_ports; port++)
            if (seg->ports[port].dropped > 0 && i-- == 0) {
                *ret_segment = seg;
                return &seg->ports[port];
            }
    }
    return NULL;
}

/* Of a source: a file of it is compressed, and a stage takes it for text. These come after the warnings
 * of lossy ports. */
static bool coded_warning(const struct leat_pipeline *p, size_t i, struct leat_error *ret)
{
    const struct leat_segment *seg = NULL;
    const struct leat_file_map *map = NULL;
    size_t lossy = 0;

    while (lossy < i && lossy_port(p, lossy, &seg))
        lossy++;
    i -= lossy;
    for (size_t k = 0; k < p->n_infos; k++) {
        map = p->infos[k].files_read;
        if (map && map->coded_format && i-- == 0)
            break;
        map = NULL;
    }
    if (!map)
        return false;
    *ret = (struct leat_error){.stage = map->text_reader->number};
    snprintf(ret->stage_name, sizeof ret->stage_name, "%s", map->text_reader->name);
    leat_file_name_copy(ret->file, sizeof ret->file, map->coded_name);
    snprintf(ret->text, sizeof ret->text,
             "this is %s data, which was taken for text; put `decode` before %s", map->coded_format,
             map->text_reader->name);
    return true;
}

bool leat_pipeline_warning(const struct leat_pipeline *p, size_t i, struct leat_error *ret)
{
    const struct leat_segment *seg = NULL;
    const struct leat_stage_info *info;
    const struct leat_port_end *port;

    if (!ret || !leat_pipeline_rests(p))
        return false;
    if (i < p->warnings.n) {
        *ret = p->warnings.v[i];
        return true;
    }
    i -= p->warnings.n;
    port = lossy_port(p, i, &seg);
    if (!port)
        return coded_warning(p, i, ret);
    info = seg->slots[seg->n - 1].info;
    *ret = (struct leat_error){.stage = info->number};
    snprintf(ret->stage_name, sizeof ret->stage_name, "%s", info->name);
    snprintf(ret->text, sizeof ret->text,
             "branch %zu was too slow and lost %" PRIu64 " of %" PRIu64 " bytes",
             (size_t)(port - seg->ports), port->dropped,
             port->dropped + atomic_load_explicit(&port->edge->bytes, memory_order_relaxed));
    return true;
}

char *leat_pipeline_text(const struct leat_pipeline *p)
{
    return p ? leat_plan_text(p->plan) : NULL;
}

/* --- explain ---------------------------------------------------------------------------------- */

static void explain_stages(struct leat_text *t, const struct leat_pipeline *p)
{
    leat_text_add(t, "stages:\n");
    for (size_t i = 0; i < p->n_infos; i++) {
        const struct leat_stage_info *info = &p->infos[i];
        bool source = info->type->kind == LEAT_SOURCE;

        if (info->hidden)
            continue;
        if (info->number > 0)
            leat_text_add(t, "  #%d %s", info->number, info->text);
        else if (info->node->args.n > 0)
            leat_text_add(t, "  -  %s", info->text);
        else if (info->for_sums)
            leat_text_add(t, "  -  %s for --sums", info->text);
        else
            leat_text_add(t, "  -  standard %s", source ? "input" : "output");
        if (info->workers > 1)
            leat_text_add(t, " (%u lanes)", info->workers);
        leat_text_add(t, "\n");
    }
}

static void explain_segment(struct leat_text *t, const struct leat_segment *seg, unsigned lanes)
{
    leat_text_add(t, "  segment %d", seg->number);
    if (lanes > 1)
        leat_text_add(t, " x %u", lanes);
    leat_text_add(t, ": ");
    if (seg->join)
        leat_text_add(t, "join %s%s", seg->join->info->name, seg->n ? ", " : "");
    for (size_t i = 0; i < seg->n; i++)
        leat_text_add(t, "%s%s", i ? ", " : "", seg->slots[i].info->name);
    if (seg->transfer)
        leat_text_add(t, " (moved by the kernel)");
    if (seg->cut)
        leat_text_add(t, ", cut for %s", seg->cut->info->name);
    if (seg->n_ports > 1)
        leat_text_add(t, " -> %zu edges of %" PRIu64 " bytes", seg->n_ports,
                      seg->ports[0].edge->high);
    else if (seg->n_ports > 0)
        leat_text_add(t, " -> edge of %" PRIu64 " bytes", seg->ports[0].edge->high);
    else if (seg->cut)
        leat_text_add(t, " -> %u edges of %" PRIu64 " bytes", seg->cut->n,
                      seg->cut->lanes[0]->high);
    leat_text_add(t, "\n");
}

/* Segments by their numbers; the lanes of a split stage share one. */
static void explain_segments(struct leat_text *t, const struct leat_pipeline *p)
{
    leat_text_add(t, "segments:\n");
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
