/* parts.c - a branch that runs anew for each part of a stream. */

#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/grow.h"
#include "lanes/lanes.h"
#include "part_again.h"
#include "part_name.h"
#include "run/pipeline.h"
#include "segment/open.h"
#include "segment/segment_impl.h"

/* Memory of a sink that waits for its commit: instance, state, names. A name that comes from data
 * may be long, and there are several copies of it. */
#define PENDING_BYTES ((uint64_t)4096)
#define NAME_COPIES 4u
#define FULL_RETRY_MS 500u
#define NAME_SHOWN 200u /* bytes of a name in a message */

struct leat_parts *leat_parts_new(struct leat_segment *owner,
                                  const struct leat_part_options *options)
{
    struct leat_parts *parts = calloc(1, sizeof *parts);

    if (parts) {
        parts->owner = owner;
        parts->number = options->from;
        parts->named = options->named;
        parts->commits = options->commits;
    }
    return parts;
}

void leat_parts_free(struct leat_parts *parts)
{
    if (!parts)
        return;
    free(parts->name);
    free(parts);
}

/* Name the file of this part, and the digest before it. */
static int name_stage(struct leat_stage *s, const struct leat_parts *parts)
{
    const struct leat_stage_info *info = s->info;

    s->part = parts->number;
    if (!info->part.template)
        return 0;
    s->part_name = info->part.by_stage ? leat_part_in(s, info->part.template, parts->name)
                                       : leat_part_name(info->part.template, parts->number);
    if (!s->part_name)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    s->part_words[0] = s->part_name;
    s->operands = (struct leat_strings){.n = 1, .v = s->part_words};
    return 0;
}

/* --- between two parts: no segment of the branch runs ----------------------------------------- */

/* Under the lock: several stages may run parts. */
static int append(struct leat_pending_commits *r, struct leat_stage *s)
{
    struct leat_stage **more = leat_grow(r->v, r->n, &r->room, sizeof(*more));

    if (!more)
        return LEAT_ENOMEM;
    r->v = more;
    r->v[r->n++] = s;
    return 0;
}

/* At most a quarter of the descriptors that the process may open. */
static size_t unprepared_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 4 > LEAT_UNPREPARED_MAX)
        return LEAT_UNPREPARED_MAX;
    return (size_t)limit.rlim_cur / 4;
}

/* The next sink that must be prepared now, or NULL. */
static struct leat_stage *next_unprepared(struct leat_pipeline *p, size_t most)
{
    struct leat_pending_commits *r = &p->outputs.pending;
    struct leat_stage *s = NULL;

    pthread_mutex_lock(&p->lock);
    if (r->n - r->prepared > most)
        s = r->v[r->prepared++];
    pthread_mutex_unlock(&p->lock);
    return s;
}

/* Prepare the older half, all at once: a file system then has little work for each one but the
 * first.
 * Returns 0, or the error if the pipeline has failed with it. */
static int prepare_older(struct leat_pipeline *p)
{
    size_t most = unprepared_max(), left = most;
    struct leat_stage *s;
    int r = 0;

    while (r == 0 && !leat_outcome_aborted(p) && (s = next_unprepared(p, left))) {
        left = most / 2;
        r = leat_stage_prepare(s);
        if (!s->ended)
            leat_parts_stage_failed(s->segment->part_of, s);
    }
    return r;
}

/* Add a sink that has ended well to the pending commits. */
static int add_pending(struct leat_pipeline *p, struct leat_stage *s)
{
    uint64_t names = s->part_below ? NAME_COPIES * strlen(s->part_name) : 0;
    int r = leat_charge(s, PENDING_BYTES + names);

    if (r < 0)
        return r;
    pthread_mutex_lock(&p->lock);
    r = append(&p->outputs.pending, s);
    pthread_mutex_unlock(&p->lock);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

static int keep_or_free(struct leat_pipeline *p, struct leat_stage *s)
{
    if (s->type->commit && s->ended && !s->closed)
        return add_pending(p, s);
    leat_stage_close(s);
    leat_stage_free(s);
    return 0;
}

/* Make new instances for one segment; `renewed` of the old ones refers to them until all are made.
 * */
static int renew_stages(struct leat_pipeline *p, struct leat_segment *seg,
                        const struct leat_parts *parts)
{
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_stage *s = leat_stage_new(p, seg->slots[i].info);

        seg->slots[i].stage->renewed = s;
        if (!s)
            return leat_fail(seg->slots[i].stage, LEAT_ENOMEM, "out of memory");
        if (name_stage(s, parts) < 0)
            return LEAT_ENOMEM;
    }
    return 0;
}

/* Out of memory: free the new instances; the branch keeps the old ones, which have ended. */
static void drop_renewed(struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++) {
        leat_stage_free(seg->slots[i].stage->renewed);
        seg->slots[i].stage->renewed = NULL;
    }
}

static int renew_all(struct leat_pipeline *p, const struct leat_parts *parts)
{
    int r = 0;

    for (size_t k = 0; k < parts->n && r == 0; k++)
        r = renew_stages(p, p->graph.segments[parts->first + k], parts);
    for (size_t k = 0; k < parts->n && r < 0; k++)
        drop_renewed(p->graph.segments[parts->first + k]);
    return r;
}

/* Connect the new second half of a middle stage with its new first half. */
static void relate(struct leat_segment *seg)
{
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_stage *old = seg->slots[i].stage;

        if (old->shared)
            old->renewed->shared = old->shared->renewed;
    }
}

static int swap_in(struct leat_pipeline *p, struct leat_segment *seg)
{
    int r = 0;

    for (size_t i = 0; i < seg->n; i++) {
        struct leat_stage *old = seg->slots[i].stage, *new = old->renewed;
        int failed;

        old->renewed = NULL;
        leat_segment_seat(seg, i, new);
        failed = keep_or_free(p, old);
        if (failed < 0) {
            leat_outcome_report(p, leat_parts_info(seg->part_of), &old->failure);
            leat_stage_close(old);
            leat_stage_free(old);
            r = failed;
        }
    }
    return r;
}

static int reset(struct leat_pipeline *p, const struct leat_parts *parts)
{
    int r = 0;

    for (size_t k = 0; k < parts->n_edges; k++)
        leat_edge_reset(p->graph.edges[parts->first_edge + k]);
    for (size_t k = 0; k < parts->n; k++) {
        struct leat_segment *seg = p->graph.segments[parts->first + k];

        leat_segment_reset(seg);
        if (seg->out.cutter && r == 0)
            r = leat_cutter_reset(seg->out.cutter, p);
        if (seg->in.joiner && r == 0)
            r = leat_joiner_reset(seg->in.joiner, p);
    }
    return r;
}

static int renew(struct leat_segment *owner)
{
    struct leat_pipeline *p = owner->pipeline;
    struct leat_parts *parts = owner->out.parts;
    int r = renew_all(p, parts);

    if (r < 0)
        return r;
    for (size_t k = 0; k < parts->n; k++)
        relate(p->graph.segments[parts->first + k]);
    for (size_t k = 0; k < parts->n; k++) {
        int failed = swap_in(p, p->graph.segments[parts->first + k]);

        r = r < 0 ? r : failed;
    }
    if (r == 0)
        r = reset(p, parts);
    return r == 0 ? prepare_older(p) : r;
}

/* Returns 0, or an error that is reported already. */
static int begin(struct leat_segment *owner)
{
    struct leat_pipeline *p = owner->pipeline;
    struct leat_parts *parts = owner->out.parts;
    int r;

    leat_assert(!parts->active && atomic_load(&parts->live) == 0);
    r = renew(owner);
    if (r < 0) { /* unless the cause is reported already */
        struct leat_error error = {.code = r};

        leat_outcome_report(p, leat_parts_info(parts), &error);
    }
    if (r == 0)
        r = leat_open_part(p, p->graph.segments + parts->first, parts->n);
    if (r < 0)
        return r;
    parts->number++;
    parts->out_before = leat_account_bytes_in(p, parts->out);
    parts->active = true;
    parts->uncommitted = parts->commits;
    parts->gone = false;
    atomic_store(&parts->live, (unsigned)parts->n);
    atomic_fetch_add(&p->outcome.live, (unsigned)parts->n);
    for (size_t k = 0; k < parts->n; k++)
        atomic_store_explicit(&p->graph.segments[parts->first + k]->finished, false,
                              memory_order_release);
    for (size_t k = 0; k < parts->n; k++)
        leat_actor_wake(&p->executor, &p->graph.segments[parts->first + k]->actor);
    return 0;
}

void leat_parts_stage_failed(struct leat_parts *parts, const struct leat_stage *s)
{
    if (s->info->detached == leat_parts_info(parts)->detached)
        atomic_store(&parts->failed, true);
}

void leat_parts_ended(struct leat_parts *parts)
{
    struct leat_segment *owner = parts->owner;
    unsigned live = atomic_fetch_sub(&parts->live, 1);

    leat_assert(live > 0);
    if (live == 1)
        leat_actor_wake(&owner->pipeline->executor, &owner->actor);
}

uint64_t leat_parts_size(const struct leat_segment *owner)
{
    const struct leat_parts *parts = owner->out.parts;

    if (!parts->active)
        return 0;
    return leat_account_bytes_in(owner->pipeline, parts->out) - parts->out_before;
}

static struct leat_parts *parts_of(const struct leat_stage *s)
{
    return s->segment ? s->segment->out.parts : NULL;
}

uint64_t leat_part_size(const struct leat_stage *s)
{
    return parts_of(s) ? leat_parts_size(s->segment) : 0;
}

void leat_part_end(struct leat_stage *s)
{
    struct leat_parts *parts = parts_of(s);

    if (!parts)
        return;
    parts->end_due = true;
    if (s->blocking && (parts->active || parts->begin_due))
        (void)leat_blocking_next_step(s->blocking); /* a cancel: the next call returns it */
}

/* Output of this step before the call would belong to the part before. */
static int check_begin(struct leat_stage *s, const struct leat_parts *parts)
{
    const struct leat_slot *slot = &s->segment->slots[s->segment->n - 1];

    leat_assert(slot->stage == s);
    if (slot->out.step_bytes == 0 && !leat_out_holds(&slot->out) &&
        (!parts->begin_due || s->segment->out.gone))
        return 0;
    if (s->blocking)
        return leat_blocking_next_step(s->blocking);
    return leat_fail(s, LEAT_EINTERNAL, "begins a part after output or a part in the same step");
}

int leat_part_begin(struct leat_stage *s, const char *name, size_t n)
{
    struct leat_parts *parts = parts_of(s);
    const char *why;
    char *path;
    int r;

    if (!parts || !parts->named)
        return leat_fail(s, LEAT_EINTERNAL,
                         "begins a part, but its plan did not say that it names them");
    r = check_begin(s, parts);
    if (r < 0)
        return r;
    why = leat_part_path(name, n, &path);
    if (why)
        return leat_fail(s, LEAT_ECORRUPT, "the name %.*s cannot be used for a file: %s",
                         (int)(n < NAME_SHOWN ? n : NAME_SHOWN), name, why);
    if (!path)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    free(parts->name);
    parts->name = path;
    parts->begin_due = true;
    parts->end_due = false; /* the new part ends the one before it */
    return 0;
}

/* --- the outlet ------------------------------------------------------------------------------- */

/* Has the branch failed in the current part? */
static bool branch_failed(const struct leat_segment *seg)
{
    if (atomic_load(&seg->out.parts->failed) ||
        atomic_load(&leat_parts_info(seg->out.parts)->failed.below))
        return true;
    return seg->out.parts->active && leat_edge_reason(seg->out.ports[0].edge) == LEAT_REASON_FAILED;
}

/* Write all output of the stage to the part. Returns 0, LEAT_FULL, or LEAT_ECANCELLED. */
static int hand_over(struct leat_segment *seg)
{
    struct leat_port_end *port = &seg->out.ports[0];
    struct leat_slice *s;

    while ((s = leat_slice_queue_head(&port->last))) {
        struct leat_item item = {.slice = *s, .flush = leat_slice_is_mark(s)};
        int r = seg->out.parts->gone ? 0 : leat_edge_write(port->edge, &item);

        if (r == LEAT_FULL || (r < 0 && branch_failed(seg)))
            return r;
        if (seg->out.parts->gone || r < 0) {
            seg->out.parts->gone = true; /* this part needs no more; the next one may */
            leat_edge_lost(port->edge, s->len);
            leat_chunk_unref(s->chunk);
        }
        leat_slice_queue_pop(&port->last);
    }
    return 0;
}

/* A flush marker between two parts goes to neither of them. */
static void drop_marks(struct leat_slice_queue *q)
{
    while (leat_slice_queue_head(q) && leat_slice_is_mark(leat_slice_queue_head(q)))
        leat_slice_queue_pop(q);
}

static void end_part(struct leat_segment *seg)
{
    leat_assert(seg->out.parts->active);
    leat_edge_finish(seg->out.ports[0].edge, LEAT_EDGE_EOF);
    seg->out.parts->ended_at = seg->out.parts->position;
    seg->out.parts->active = false;
}

/* A stage that names its parts has output that belongs to none. */
static int fail_unnamed(struct leat_segment *seg)
{
    struct leat_stage *s = seg->slots[seg->n - 1].stage;
    int r = leat_fail(s, LEAT_EINTERNAL, "wrote output that belongs to no part");

    leat_outcome_report(seg->pipeline, s->info, &s->failure);
    return r;
}

/* The part stays as it is until there is space. */
static int wait_for_space(struct leat_segment *seg)
{
    struct leat_stage *s = seg->slots[seg->n - 1].stage;

    if (!seg->out.parts->told_full)
        leat_warning(s, "the checkpoint: no space left on the disk: waited for space");
    seg->out.parts->told_full = seg->out.parts->uncommitted = true;
    leat_alarm_ms(s, FULL_RETRY_MS);
    return (int)leat_segment_park(seg, LEAT_PARK_OUT);
}

/* Commit the part that has ended. Returns a turn, or -1: there is nothing to commit. */
static int commit(struct leat_segment *seg)
{
    struct leat_pipeline *p = seg->pipeline;
    struct leat_parts *parts = seg->out.parts;
    struct leat_stage *s = seg->slots[seg->n - 1].stage;
    int r;

    if (!parts->uncommitted || parts->active)
        return -1;
    if (atomic_load(&parts->live) > 0)
        return (int)leat_segment_park(seg, LEAT_PARK_OUT);
    parts->uncommitted = false;
    if (branch_failed(seg))
        return (int)leat_segment_out_gone(seg, true);
    r = p->commit_part(p->graph.segments + parts->first, parts->n, parts->ended_at);
    if (r == LEAT_FULL)
        return wait_for_space(seg);
    if (r == 0 && s->type->part_done) {
        r = s->type->part_done(s);
        if (r < 0)
            leat_outcome_report(p, s->info, &s->failure);
    }
    return r < 0 ? (int)leat_segment_out_gone(seg, true) : -1;
}

static int turn(struct leat_segment *seg)
{
    struct leat_parts *parts = seg->out.parts;
    int r;

    if (parts->begin_due && parts->active)
        end_part(seg);
    r = commit(seg);
    if (r >= 0)
        return r;
    r = 0;

    if (!parts->active)
        drop_marks(&seg->out.ports[0].last);
    if (!parts->active && (parts->begin_due || leat_slice_queue_head(&seg->out.ports[0].last))) {
        if (atomic_load(&parts->live) > 0)
            return (int)leat_segment_park(seg, LEAT_PARK_OUT);
        r = parts->named && !parts->begin_due ? fail_unnamed(seg) : begin(seg);
        parts->begin_due = false;
    }
    if (r == 0)
        r = hand_over(seg);
    if (r == LEAT_FULL)
        return (int)leat_segment_park(seg, LEAT_PARK_OUT);
    if (r < 0)
        return (int)leat_segment_out_gone(seg, true);
    if (seg->slots[seg->n - 1].held) /* more output of this part is to come */
        return -1;
    if (parts->end_due && parts->active)
        end_part(seg);
    parts->end_due = false;
    return commit(seg);
}

static bool is_gone(struct leat_segment *seg)
{
    return branch_failed(seg);
}

/* A branch that needs no more of this part is not gone: the next part may need more. */
static bool has_failed(const struct leat_segment *seg)
{
    (void)seg;
    return true;
}

static void finish(struct leat_segment *seg, enum leat_edge_state state)
{
    leat_edge_finish(seg->out.ports[0].edge, state);
}

static void free_parts(struct leat_segment *seg)
{
    leat_parts_free(seg->out.parts);
}

const struct leat_outlet_ops leat_outlet_parts = {
    .hand_over = turn,
    .is_gone = is_gone,
    .has_failed = has_failed,
    .finish = finish,
    .free = free_parts,
};
