/* services.c - services for stages: options, memory, errors, waiting. */

#include "stage_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/show.h"
#include "edge/framer.h"
#include "edge/spill.h"
#include "file_map.h"
#include "outcome/warnings.h"
#include "run/pipeline.h"

#define INNER_MOST 64u /* the most that a limit is divided by for branches in branches */
/* Parts of the memory limit left free for a stage that called leat_plan_later: at least 1/16, at
 * most 1/4. */
#define LATER_LEAST 16u
#define LATER_MOST 4u
#define MIB ((uint64_t)1 << 20)

bool leat_stage_forced(const struct leat_stage *s)
{
    return s->pipeline->settings.force;
}

const char *leat_stage_side_path(const struct leat_node *node)
{
    const struct leat_option *o = node->type->options;

    for (; o && (o->name || o->short_name); o++)
        if (o->kind == LEAT_OPT_SIDE)
            return *(const char *const *)((const char *)node->params + o->offset);
    return NULL;
}

void *leat_state(struct leat_stage *s)
{
    return s->state;
}

void *leat_shared(struct leat_stage *s)
{
    return s->shared ? s->shared->state : NULL;
}

void leat_note(struct leat_stage *s, uint64_t note)
{
    s->note = note;
}

void *leat_result(struct leat_stage *s)
{
    return s->result;
}

const void *leat_params(const struct leat_stage *s)
{
    return s->info->node->params;
}

void *leat_user(const struct leat_stage *s)
{
    const struct leat_node *node = s->info->node;

    return node->own ? node->own->user : node->type->user;
}

size_t leat_branches(const struct leat_stage *s)
{
    return s->info->node->n_branches;
}

const void *leat_branch_params(const struct leat_stage *s, size_t i)
{
    const struct leat_node *node = s->info->node;

    return node->branch_options && i < node->n_branches ? node->branch_options[i].params : NULL;
}

const struct leat_strings *leat_operands(const struct leat_stage *s)
{
    return s->operands.n > 0 ? &s->operands : &s->info->node->operands;
}

unsigned leat_threads(const struct leat_stage *s)
{
    return s->pipeline->settings.threads;
}

void leat_own_threads(struct leat_stage *s, unsigned n)
{
    atomic_store_explicit(&s->info->count.own_threads, n, memory_order_relaxed);
}

uint64_t leat_memory_limit(const struct leat_stage *s)
{
    return s->pipeline->settings.memory;
}

bool leat_input_file(const struct leat_stage *s, size_t i, struct leat_input_file *ret)
{
    return ret && s->info->input.files && leat_file_map_get(s->info->input.files, i, ret);
}

bool leat_input_is_part(const struct leat_stage *s)
{
    return s->info->range.cut;
}

const char *leat_input_name(const struct leat_stage *s)
{
    if (s->part_name)
        return s->part_name;
    return s->info->input.name;
}

/* --- errors ----------------------------------------------------------------------------------- */

/* Set the place of an error. If the input consists of files, it is an offset in a file. Truncated
 * data belongs to the file that ends at the offset. */
static void place_error(const struct leat_stage *s, struct leat_error *e, bool has_offset,
                        uint64_t offset)
{
    const struct leat_file_map *map = s->info->input.files;
    bool alone = map && map->names->n == 1 && strcmp(map->names->v[0], "-") == 0;
    struct leat_input_file file;

    e->has_offset = has_offset;
    e->offset_of = has_offset ? LEAT_OFFSET_STREAM : LEAT_OFFSET_NONE;
    e->offset = offset;
    e->file[0] = '\0';
    if (!has_offset || !map || alone ||
        !leat_file_map_find(map, offset, e->code == LEAT_ETRUNCATED, &file))
        return;
    leat_file_name_copy(e->file, sizeof e->file, file.name);
    e->offset_of = LEAT_OFFSET_FILE;
    e->offset = offset - file.begin + file.place;
}

/* The thread of a blocking source or sink, if this is the one. */
static struct leat_runner *runner_here(const struct leat_stage *s)
{
    return s->runner && pthread_equal(s->runner->thread, pthread_self()) ? s->runner : NULL;
}

static struct leat_error *failure_of(struct leat_stage *s)
{
    struct leat_runner *runner = runner_here(s);

    return runner ? &runner->failure : &s->failure;
}

/* The offset of the input cursor; false: there is none now. */
static bool input_offset(const struct leat_stage *s, uint64_t *ret_offset)
{
    const struct leat_runner *runner = runner_here(s);

    if (runner) { /* the engine uses s->in meanwhile */
        *ret_offset = runner->offset;
        return runner->has_input;
    }
    *ret_offset = s->in ? s->in->offset + s->in->pos : 0;
    return s->in != NULL;
}

static void fail_v(struct leat_stage *s, int code, bool has_offset, uint64_t offset,
                   const char *format, va_list args)
{
    struct leat_error *e = failure_of(s);

    leat_assert(code < 0);
    *e = (struct leat_error){.code = code, .stage = s->info->number};
    snprintf(e->stage_name, sizeof e->stage_name, "%s", s->info->name);
    leat_show_v(e->text, sizeof e->text, format, args);
    place_error(s, e, has_offset, offset);
}

/* A failure must have an error code, even if the stage passes another number. */
static int failure_code(int code)
{
    return code < 0 ? code : LEAT_EINTERNAL;
}

int leat_fail(struct leat_stage *s, int code, const char *format, ...)
{
    bool data = code == LEAT_ECORRUPT || code == LEAT_ETRUNCATED || code == LEAT_ELIMIT;
    uint64_t offset;
    bool has_offset = input_offset(s, &offset) && data;
    va_list args;

    code = failure_code(code);
    va_start(args, format);
    fail_v(s, code, has_offset, offset, format, args);
    va_end(args);
    return code;
}

void leat_warning(struct leat_stage *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_warn_v(s->pipeline, s->info, format, args);
    va_end(args);
}

int leat_fail_at(struct leat_stage *s, int code, uint64_t offset, const char *format, ...)
{
    va_list args;

    code = failure_code(code);
    va_start(args, format);
    fail_v(s, code, true, offset, format, args);
    va_end(args);
    return code;
}

int leat_fail_errno(struct leat_stage *s, int err, const char *format, ...)
{
    char text[256];
    int code = err == ENOENT   ? LEAT_ENOENT
               : err == EEXIST ? LEAT_EEXIST
               : err == EPIPE  ? LEAT_EPIPE
               : err == ENOMEM ? LEAT_ENOMEM
                               : LEAT_EIO;
    const char *reason = strerrordesc_np(err);
    va_list args;

    va_start(args, format);
    leat_show_v(text, sizeof text, format, args);
    va_end(args);
    leat_fail(s, code, "%s: %s", text, reason ? reason : "unknown error");
    failure_of(s)->sys_errno = err;
    return code;
}

int leat_fail_within(struct leat_stage *s, const char *format, ...)
{
    struct leat_error *e = failure_of(s);
    size_t n = strlen(e->text);
    uint64_t offset;
    bool has_offset = input_offset(s, &offset);
    va_list args;

    va_start(args, format);
    leat_show_v(e->text + n, sizeof e->text - n, format, args);
    va_end(args);
    place_error(s, e, has_offset, offset);
    return e->code;
}

void leat_fail_record(struct leat_stage *stage, const struct leat_framer *framer)
{
    unsigned long long limit = framer->record_max, wants = framer->wants;

    if (wants > 0)
        leat_fail_at(stage, LEAT_ELIMIT, framer->too_long_at, LEAT_RECORD_NO_MEMORY, wants, limit);
    else
        leat_fail_at(stage, LEAT_ELIMIT, framer->too_long_at, LEAT_RECORD_TOO_LONG, limit);
}

int leat_fail_spill(struct leat_stage *s, const struct leat_spill *spill)
{
    return leat_fail_errno(s, spill->error, "the temporary file in %s", leat_spill_dir(spill));
}

/* --- memory ----------------------------------------------------------------------------------- */

void leat_stage_add_charge(struct leat_stage *s, uint64_t n)
{
    s->charged += n;
    atomic_fetch_add_explicit(&s->info->count.charged, n, memory_order_relaxed);
}

void leat_stage_take_charge(struct leat_stage *s, uint64_t n)
{
    leat_assert(n <= s->charged);
    s->charged -= n;
    atomic_fetch_sub_explicit(&s->info->count.charged, n, memory_order_relaxed);
}

int leat_charge(struct leat_stage *s, uint64_t bytes)
{
    struct leat_pool *pool = &s->pipeline->pool;
    uint64_t kept = bytes < s->kept ? bytes : s->kept;

    if (leat_pool_charge(pool, bytes - kept)) {
        leat_stage_add_charge(s, bytes - kept);
        s->kept -= kept;
        return 0;
    }
    return leat_fail(s, LEAT_ELIMIT,
                     "needs %" PRIu64 " bytes of memory and %" PRIu64 " are left of the limit of "
                     "%" PRIu64 "; raise --memory to %" PRIu64 "M",
                     bytes, leat_memory_left(s), pool->limit, leat_memory_enough(s, bytes) / MIB);
}

void leat_uncharge(struct leat_stage *s, uint64_t bytes)
{
    leat_assert(bytes <= s->charged - s->kept);
    leat_stage_take_charge(s, bytes);
    leat_pool_uncharge(&s->pipeline->pool, bytes);
}

uint64_t leat_memory_left(const struct leat_stage *s)
{
    return s->kept + leat_pool_left(&s->pipeline->pool);
}

/* Bytes that other stages will charge later (leat_plan_later). */
static uint64_t later_of_others(const struct leat_stage *s)
{
    const struct leat_pipeline *p = s->pipeline;
    uint64_t later = 0;

    for (size_t i = 0; i < p->graph.n_infos; i++)
        later += &p->graph.infos[i] != s->info ? p->graph.infos[i].plan.later : 0;
    return later;
}

/* Chunks use at most half of the limit; the other half must hold the bytes charged now, and these.
 * Optional memory of other stages would grow with the limit, but leaves a part of it to a stage
 * that called leat_plan_later. A stage that charges in open must leave room for those stages. */
uint64_t leat_memory_enough(const struct leat_stage *s, uint64_t bytes)
{
    struct leat_pool *pool = &s->pipeline->pool;
    uint64_t taken = pool->limit - pool->reserved - leat_pool_left(pool), enough, part;
    bool is_late = s->info->plan.later > 0;

    if (bytes > UINT64_MAX / 2 / LATER_LEAST / INNER_MOST)
        return UINT64_MAX / MIB * MIB; /* no limit is enough */
    part = bytes > s->info->plan.later ? LATER_LEAST : LATER_MOST;
    enough = 2 * (taken + bytes + (is_late ? 0 : later_of_others(s)));
    if (is_late && enough < part * bytes)
        enough = part * bytes;
    if (s->pipeline->life.part > 1) /* the limit in the message is that of the pipeline around it */
        enough *= s->pipeline->life.part;
    return (enough + MIB - 1) / MIB * MIB;
}

static uint64_t left_for(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t least = p->settings.memory / LATER_LEAST, most = p->settings.memory / LATER_MOST;

    if (info->plan.later == 0)
        return 0;
    return info->plan.later < least ? least : info->plan.later < most ? info->plan.later : most;
}

uint64_t leat_memory_spare(const struct leat_stage *s)
{
    const struct leat_pipeline *p = s->pipeline;
    uint64_t left = leat_memory_left(s), later = 0;

    for (size_t i = 0; i < p->graph.n_infos; i++)
        if (&p->graph.infos[i] != s->info)
            later += left_for(p, &p->graph.infos[i]);
    return left > later ? left - later : 0;
}

/* The part of left_for that the stage has not charged yet. */
static uint64_t still_left_for(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t later = left_for(p, info);
    uint64_t charged = atomic_load_explicit(&info->count.charged, memory_order_relaxed);

    return later > charged ? later - charged : 0;
}

bool leat_stage_charge_spare(struct leat_stage *s, uint64_t bytes)
{
    struct leat_pipeline *p = s->pipeline;
    uint64_t later = 0;

    for (size_t i = 0; i < p->graph.n_infos; i++)
        if (&p->graph.infos[i] != s->info)
            later += still_left_for(p, &p->graph.infos[i]);
    return leat_pool_charge_leaving(&p->pool, bytes, later);
}

void leat_stage_keep(struct leat_stage *s, uint64_t bytes)
{
    leat_assert(!s->closed);
    leat_stage_add_charge(s, bytes);
    s->kept += bytes;
    leat_assert(s->kept <= s->charged);
}

void leat_keep_lanes(struct leat_stage *s, unsigned most, uint64_t bytes)
{
    struct leat_stage_lanes *lanes = &s->info->lanes;

    leat_assert(!s->keeps_lanes);
    s->keeps_lanes = true;
    lanes->kept_bytes = bytes;
    if (most < lanes->most)
        lanes->most = most > 0 ? most : 1;
    /* If it fails, leat_charge of the first lane may fail, with a message. */
    atomic_store(&lanes->kept, leat_pool_charge(&s->pipeline->pool, bytes));
}

void leat_lane_kept(struct leat_stage *s)
{
    if (!s->segment || s->segment->lane.number > 0 || !atomic_exchange(&s->info->lanes.kept, false))
        return;
    leat_stage_keep(s, s->info->lanes.kept_bytes);
}

/* The header before an allocation, with the alignment of malloc. */
union alloc_head {
    size_t size;
    max_align_t align;
};

static void *alloc(struct leat_stage *s, size_t size, bool zeroed)
{
    union alloc_head *h;

    if (size > SIZE_MAX - sizeof *h) {
        leat_fail(s, LEAT_ENOMEM, "out of memory");
        return NULL;
    }
    if (leat_charge(s, sizeof *h + size) < 0)
        return NULL;
    h = zeroed ? calloc(1, sizeof *h + size) : malloc(sizeof *h + size);
    if (!h) {
        leat_uncharge(s, sizeof *h + size);
        leat_fail(s, LEAT_ENOMEM, "out of memory (%zu bytes)", size);
        return NULL;
    }
    h->size = size;
    return h + 1;
}

void *leat_alloc(struct leat_stage *s, size_t size)
{
    return alloc(s, size, true);
}

void *leat_alloc_raw(struct leat_stage *s, size_t size)
{
    return alloc(s, size, false);
}

void leat_free(struct leat_stage *s, void *memory)
{
    union alloc_head *h = memory;

    if (!h)
        return;
    h--;
    leat_uncharge(s, sizeof *h + h->size);
    free(h);
}

void leat_stage_disown(struct leat_stage *s, void *memory)
{
    union alloc_head *h = memory;

    leat_assert(sizeof *h + h[-1].size <= s->charged - s->kept);
    leat_stage_take_charge(s, sizeof *h + h[-1].size);
}

void leat_disowned_free(struct leat_pool *pool, void *memory)
{
    union alloc_head *h = memory;

    h--;
    leat_pool_uncharge(pool, sizeof *h + h->size);
    free(h);
}

/* --- limits of the output --------------------------------------------------------------------- */

uint64_t leat_stage_expansion(struct leat_stage *s, uint64_t made, uint64_t used)
{
    const struct leat_stage_info *info = s->info;

    if (info->plan.output_max > 0 && made > info->plan.output_max) {
        leat_fail_at(s, LEAT_ELIMIT, used,
                     "%" PRIu64 " bytes of output, at least, from %" PRIu64
                     " of input, and the limit is %" PRIu64 "; raise --max-output",
                     made, used, info->plan.output_max);
        return made - info->plan.output_max;
    }
    if (info->plan.ratio_max > 0 && made > LEAT_EXPANSION_FREE &&
        made / info->plan.ratio_max > used) {
        leat_fail_at(s, LEAT_ELIMIT, used,
                     "%" PRIu64 " bytes of output from %" PRIu64 " of input: more than %" PRIu64
                     " times as many; raise --max-ratio",
                     made, used, info->plan.ratio_max);
        return 1;
    }
    return 0;
}

/* --- position, time --------------------------------------------------------------------------- */

void leat_position(struct leat_stage *s, uint64_t pos, uint64_t total)
{
    atomic_store_explicit(&s->info->count.pos, pos, memory_order_relaxed);
    atomic_store_explicit(&s->info->count.total, total, memory_order_relaxed);
}

uint64_t leat_source_position(const struct leat_stage *s)
{
    const struct leat_graph *graph = &s->pipeline->graph;
    uint64_t n = 0;

    for (size_t i = 0; i < graph->n_infos; i++)
        if (graph->infos[i].type->kind == LEAT_SOURCE)
            n += atomic_load_explicit(&graph->infos[i].count.pos, memory_order_relaxed);
    return n;
}

uint64_t leat_clock_ns(const struct leat_stage *s)
{
    return leat_clock_now(&s->pipeline->executor.clock);
}

void leat_spend_ns(struct leat_stage *s, uint64_t ns)
{
    leat_clock_spend(&s->pipeline->executor.clock, ns);
}

/* --- for plan callbacks ----------------------------------------------------------------------- */

void leat_plan_nature(struct leat_stage *s, enum leat_nature nature)
{
    if (s->planning && (nature != LEAT_PARALLEL || s->type->lanes))
        s->info->plan.nature = nature;
}

void leat_plan_framing(struct leat_stage *s, enum leat_framing framing)
{
    if (s->planning)
        s->info->plan.framing = framing;
}

void leat_plan_lines(struct leat_stage *s)
{
    if (s->planning)
        s->info->plan.takes_text = true;
}

void leat_plan_first(struct leat_stage *s)
{
    if (s->planning)
        s->info->plan.steps_first = true;
}

void leat_plan_last(struct leat_stage *s, bool bytes, uint64_t count, uint8_t delimiter)
{
    if (s->planning)
        s->info->plan.last = (struct leat_last){true, bytes, count, delimiter};
}

void leat_plan_delimiter(struct leat_stage *s, uint8_t delimiter)
{
    if (s->planning)
        s->info->plan.delimiter = delimiter;
}

void leat_plan_flags(struct leat_stage *s, unsigned flags)
{
    if (s->planning)
        s->info->plan.flags = flags;
}

void leat_plan_block(struct leat_stage *s, size_t block, size_t history)
{
    if (!s->planning)
        return;
    s->info->plan.block = block;
    s->info->plan.history = history;
}

void leat_plan_whole(struct leat_stage *s, size_t size)
{
    if (s->planning)
        s->info->plan.whole = size;
}

void leat_plan_buffer(struct leat_stage *s, const struct leat_buffer *buffer)
{
    if (!s->planning)
        return;
    s->info->plan.has_buffer = true;
    s->info->plan.buffer = *buffer;
}

void leat_plan_parts(struct leat_stage *s, const struct leat_part_options *options)
{
    if (s->planning)
        s->info->plan.part_options = *options;
}

bool leat_rotation_asked(struct leat_stage *s)
{
    bool asked = s->rotation_asked;

    s->rotation_asked = false;
    return asked;
}

void leat_plan_lanes(struct leat_stage *s, unsigned most)
{
    if (s->planning)
        s->info->plan.lanes_max = most > 0 ? most : 1;
}

void leat_plan_holds(struct leat_stage *s, uint64_t bytes)
{
    s->info->plan.holds = bytes;
}

void leat_plan_later(struct leat_stage *s, uint64_t bytes)
{
    if (s->planning)
        s->info->plan.later = bytes;
}

void leat_plan_expansion(struct leat_stage *s, uint64_t output_max, uint64_t ratio_max)
{
    if (!s->planning)
        return;
    s->info->plan.output_max = output_max;
    s->info->plan.ratio_max = ratio_max;
}
