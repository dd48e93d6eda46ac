/* stats.c - the stats of a pipeline during its run, and its warnings after it. */

#include <inttypes.h>

#include "base/sized.h"
#include "base/text.h"
#include "io/digest_list.h"
#include "lanes/lanes.h"
#include "run/pipeline.h"
#include "stage/file_map.h"

static const struct leat_stage_info *shown(const struct leat_pipeline *p, size_t i)
{
    for (size_t k = 0; k < p->graph.n_infos; k++)
        if (!p->graph.infos[k].hidden && i-- == 0)
            return &p->graph.infos[k];
    return NULL;
}

/* The time now, or the end of the run. */
static uint64_t until(const struct leat_pipeline *p)
{
    uint64_t end = atomic_load(&p->ended_ns);

    return end ? end : leat_clock_now(&p->executor.clock);
}

/* All sources together; if the total of one is not known, the sum is not known. */
static void add_sources(const struct leat_pipeline *p, struct leat_stats *ret)
{
    bool known = true;

    for (size_t i = 0; i < p->graph.n_infos; i++) {
        const struct leat_stage_info *info = &p->graph.infos[i];
        uint64_t total = atomic_load_explicit(&info->count.total, memory_order_relaxed);

        if (info->type->kind != LEAT_SOURCE || info->hidden)
            continue;
        ret->source_pos += atomic_load_explicit(&info->count.pos, memory_order_relaxed);
        ret->source_total += total;
        known = known && total > 0;
    }
    if (!known)
        ret->source_total = 0;
}

static void look(const struct leat_pipeline *p, struct leat_stats *ret)
{
    uint64_t start = atomic_load(&p->started_ns);

    *ret = (struct leat_stats){.n_links = p->graph.n_links,
                               .memory_limit = p->pool.limit,
                               .memory_peak = atomic_load(&p->pool.peak),
                               .memory_now = atomic_load(&p->pool.used),
                               .finishing = atomic_load(&p->outcome.finishing)};
    if (start)
        ret->elapsed_ns = until(p) - start;
    for (size_t i = 0; i < p->graph.n_infos; i++)
        ret->n_stages += !p->graph.infos[i].hidden;
    add_sources(p, ret);
}

/* Fill in the program's struct. Returns 0 or LEAT_EUSAGE. */
static int give(void *ret, const void *own, size_t size, bool found)
{
    int r = ret ? leat_sized_out(ret, own, size) : LEAT_EUSAGE;

    return found ? r : LEAT_EUSAGE;
}

int leat_pipeline_stats(const struct leat_pipeline *p, struct leat_stats *ret)
{
    struct leat_stats s = {0};

    if (p)
        look(p, &s);
    return give(ret, &s, sizeof s, p);
}

/* Bytes written to temporary files by the buffers after this stage. */
static uint64_t spilled_by(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t n = 0;

    for (size_t i = 0; i < p->graph.n_segments && info->plan.has_buffer; i++) {
        const struct leat_segment *seg = p->graph.segments[i];

        for (size_t k = 0; k < seg->out.n_ports; k++)
            if (seg->out.ports[k].edge && seg->slots[seg->n - 1].info == info)
                n += atomic_load_explicit(&seg->out.ports[k].edge->spilled, memory_order_relaxed);
    }
    return n;
}

/* The lanes that were opened; before the run: those that may be. */
static unsigned workers_of(const struct leat_stage_info *info)
{
    unsigned in_use = info->lanes.in_use;

    return in_use > 0 ? in_use : info->lanes.most;
}

/* The sum of the counters of all its instances. */
static void add_instances(const struct leat_pipeline *p, const struct leat_stage_info *info,
                          uint64_t now, struct leat_stage_stats *ret)
{
    for (size_t k = 0; k < p->graph.n_segments; k++) {
        const struct leat_segment *seg = p->graph.segments[k];

        if (seg->is_lane && seg->lane.number >= workers_of(info))
            continue; /* a lane that was not opened */
        for (size_t j = 0; j < seg->n; j++)
            if (seg->slots[j].info == info)
                leat_account_add(seg, j, now, ret);
    }
}

/* Output of the stage that the next stages did not get. */
static uint64_t not_handed_over(const struct leat_pipeline *p, const struct leat_stage_info *info,
                                uint64_t now)
{
    uint64_t dropped = atomic_load_explicit(&info->count.dropped, memory_order_relaxed);
    struct leat_stage_stats cut = {0};

    if (info->range.cut)
        add_instances(p, info->range.cut, now, &cut);
    return dropped + cut.bytes_in - cut.bytes_out;
}

static void look_at_stage(const struct leat_pipeline *p, const struct leat_stage_info *info,
                          struct leat_stage_stats *ret)
{
    uint64_t now = until(p), less;

    ret->name = info->name;
    ret->text = info->text;
    ret->number = info->number;
    ret->segment = info->segment;
    ret->workers = workers_of(info);
    ret->own_threads = atomic_load_explicit(&info->count.own_threads, memory_order_relaxed);
    less = not_handed_over(p, info, now); /* read before its output, which is never less */
    add_instances(p, info, now, ret);
    ret->bytes_in += atomic_load_explicit(&info->count.unread, memory_order_relaxed);
    ret->bytes_out += atomic_load_explicit(&info->count.joined_bytes, memory_order_relaxed);
    ret->bytes_out -= less;
    ret->cpu_ns += atomic_load_explicit(&info->count.child_cpu_ns, memory_order_relaxed);
    ret->bytes_dropped = atomic_load_explicit(&info->count.dropped, memory_order_relaxed);
    ret->bytes_spilled = spilled_by(p, info);
}

int leat_pipeline_stage_stats(const struct leat_pipeline *p, size_t i, struct leat_stage_stats *ret)
{
    const struct leat_stage_info *info = p ? shown(p, i) : NULL;
    struct leat_stage_stats s = {0};

    if (info)
        look_at_stage(p, info, &s);
    return give(ret, &s, sizeof s, info);
}

/* Output of the stage to the next stage of its segment. */
static uint64_t bytes_out(const struct leat_pipeline *p, size_t stage)
{
    struct leat_stage_stats s = {0};
    const struct leat_stage_info *info = shown(p, stage);

    if (info)
        look_at_stage(p, info, &s);
    return s.bytes_out;
}

static void look_at_link(const struct leat_pipeline *p, const struct leat_link *link,
                         struct leat_link_stats *ret)
{
    ret->from = link->from->index;
    ret->to = link->to->index;
    ret->port = link->port;
    ret->input = link->input;
    ret->outside = link->outside;
    for (size_t k = 0; k < link->n_edges; k++) {
        const struct leat_edge *e = link->edges[k];

        ret->fill += atomic_load_explicit(&e->filled, memory_order_relaxed);
        ret->refusals += atomic_load_explicit(&e->refusals, memory_order_relaxed);
        ret->capacity += e->high + (e->spill ? e->spill->size : 0);
    }
    if (link->counts)
        ret->bytes = atomic_load_explicit(&link->counts->bytes, memory_order_relaxed);
    else if (!link->outside)
        ret->bytes = bytes_out(p, ret->from);
}

int leat_pipeline_link_stats(const struct leat_pipeline *p, size_t i, struct leat_link_stats *ret)
{
    bool found = p && i < p->graph.n_links;
    struct leat_link_stats s = {0};

    if (found)
        look_at_link(p, &p->graph.links[i], &s);
    return give(ret, &s, sizeof s, found);
}

/* The i-th of all ports that lost data. */
static const struct leat_port_end *lossy_port(const struct leat_pipeline *p, size_t i,
                                              const struct leat_segment **ret_segment)
{
    for (size_t k = 0; k < p->graph.n_segments; k++) {
        const struct leat_segment *seg = p->graph.segments[k];

        for (size_t port = 0; port < seg->out.n_ports; port++)
            if (seg->out.ports[port].dropped > 0 && i-- == 0) {
                *ret_segment = seg;
                return &seg->out.ports[port];
            }
    }
    return NULL;
}

/* A warning of a source: a file of it is compressed, but a stage reads it as text. These warnings
 * come after those of lossy ports. */
static bool coded_warning(const struct leat_pipeline *p, size_t i, struct leat_error *ret)
{
    const struct leat_segment *seg = NULL;
    const struct leat_file_map *map = NULL;
    size_t lossy = 0;

    while (lossy < i && lossy_port(p, lossy, &seg))
        lossy++;
    i -= lossy;
    for (size_t k = 0; k < p->graph.n_infos; k++) {
        map = p->graph.infos[k].input.opens;
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
             "this is %s data, but it was read as text; put `decode` before %s", map->coded_format,
             map->text_reader->name);
    return true;
}

/* The i-th warning. */
static bool find_warning(const struct leat_pipeline *p, size_t i, struct leat_error *ret)
{
    const struct leat_segment *seg = NULL;
    const struct leat_stage_info *info;
    const struct leat_port_end *port;

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
             (size_t)(port - seg->out.ports), port->dropped,
             port->dropped + atomic_load_explicit(&port->edge->bytes, memory_order_relaxed));
    return true;
}

int leat_pipeline_warning(const struct leat_pipeline *p, size_t i, struct leat_error *ret)
{
    struct leat_error warning;

    if (!ret || !leat_sized_is_set(ret))
        return LEAT_EUSAGE;
    if (!leat_outcome_rests(p) || !find_warning(p, i, &warning))
        return 0;
    return leat_sized_out(ret, &warning, sizeof warning) < 0 ? LEAT_EUSAGE : 1;
}

const char *leat_pipeline_digests(const struct leat_pipeline *p)
{
    bool good = p && leat_outcome_rests(p) && !leat_outcome_failed(p);

    return good ? leat_digest_list_text(p->outputs.digests) : "";
}

int leat_pipeline_access(const struct leat_pipeline *p, size_t i, enum leat_access *ret_kind,
                         const char **ret_path)
{
    if (!p || !ret_kind || !ret_path)
        return LEAT_EUSAGE;
    for (size_t k = 0; k < p->graph.n_infos; k++) {
        const struct leat_needs *needs = &p->graph.infos[k].needs;

        if (i < needs->n) {
            *ret_kind = needs->v[i].kind;
            *ret_path = needs->v[i].path ? needs->v[i].path : "";
            return 1;
        }
        i -= needs->n;
    }
    return 0;
}
