/* parts.c - a branch that runs anew for each part of a stream. */

#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/grow.h"
#include "lanes/lanes.h"
#include "run/pipeline.h"
#include "segment/open.h"
#include "segment/segment_impl.h"

#define WIDTH_MAX 20 /* digits of a part's number */
/* Memory of a sink that waits for its commit: instance, state, names. */
#define RETIRED_BYTES ((uint64_t)4096)

struct leat_parts *leat_parts_new(struct leat_segment *owner, uint64_t from)
{
    struct leat_parts *parts = calloc(1, sizeof *parts);

    if (parts) {
        parts->owner = owner;
        parts->number = from;
    }
    return parts;
}

/* --- names ------------------------------------------------------------------------------------ */

/* The position of {n} or {n:WIDTH}, and the text after it. NULL: there is none. */
static const char *find_number(const char *text, int *ret_width, const char **ret_after)
{
    for (const char *at = text; (at = strstr(at, "{n")); at++) {
        const char *p = at + 2;
        int width = 0;

        if (*p == ':')
            for (p++; *p >= '0' && *p <= '9' && width <= WIDTH_MAX; p++)
                width = 10 * width + (*p - '0');
        if (*p == '}' && width <= WIDTH_MAX) {
            *ret_width = width;
            *ret_after = p + 1;
            return at;
        }
    }
    return NULL;
}

bool leat_part_is_template(const char *template)
{
    const char *after;
    int width;

    return find_number(template, &width, &after) != NULL;
}

char *leat_part_name(const char *template, uint64_t n)
{
    char *name = strdup("");
    const char *at, *after;
    int width;

    while (name && (at = find_number(template, &width, &after))) {
        char *longer;

        if (asprintf(&longer, "%s%.*s%0*" PRIu64, name, (int)(at - template), template, width, n) <
            0)
            longer = NULL;
        free(name);
        name = longer;
        template = after;
    }
    if (name) {
        char *whole;

        if (asprintf(&whole, "%s%s", name, template) < 0)
            whole = NULL;
        free(name);
        name = whole;
    }
    return name;
}

/* Name the file of this part, and the digest before it. */
static int name_stage(struct leat_stage *s, uint64_t number)
{
    const char *template = s->info->part_template;

    s->part = number;
    if (!template)
        return 0;
    s->part_name = leat_part_name(template, number);
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
static int retire(struct leat_pipeline *p, struct leat_stage *s)
{
    int r = leat_charge(s, RETIRED_BYTES);

    if (r < 0)
        return r;
    pthread_mutex_lock(&p->lock);
    r = append(&p->outputs.pending, s);
    pthread_mutex_unlock(&p->lock);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

static int retire_or_free(struct leat_pipeline *p, struct leat_stage *s)
{
    if (s->type->commit && s->ended)
        return retire(p, s);
    leat_stage_close(s);
    leat_stage_free(s);
    return 0;
}

/* Make new instances for one segment; `renewed` of the old ones refers to them until all are made.
 * */
static int renew_stages(struct leat_pipeline *p, struct leat_segment *seg, uint64_t number)
{
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_stage *s = leat_stage_new(p, seg->slots[i].info);

        seg->slots[i].stage->renewed = s;
        if (!s)
            return leat_fail(seg->slots[i].stage, LEAT_ENOMEM, "out of memory");
        if (name_stage(s, number) < 0)
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
        r = renew_stages(p, p->graph.segments[parts->first + k], parts->number);
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
        failed = retire_or_free(p, old);
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

uint64_t leat_part_size(const struct leat_stage *s)
{
    return s->segment && s->segment->out.parts ? leat_parts_size(s->segment) : 0;
}

/* --- the outlet ------------------------------------------------------------------------------- */

/* Has the branch failed in the current part? */
static bool branch_failed(const struct leat_segment *seg)
{
    if (atomic_load(&seg->out.parts->failed) ||
        atomic_load(&leat_parts_info(seg->out.parts)->failed_below))
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

static int turn(struct leat_segment *seg)
{
    struct leat_parts *parts = seg->out.parts;
    int r = 0;

    if (!parts->active)
        drop_marks(&seg->out.ports[0].last);
    if (leat_slice_queue_head(&seg->out.ports[0].last) && !parts->active) {
        if (atomic_load(&parts->live) > 0)
            return (int)leat_segment_park(seg, LEAT_PARK_OUT);
        r = begin(seg);
    }
    if (r == 0)
        r = hand_over(seg);
    if (r == LEAT_FULL)
        return (int)leat_segment_park(seg, LEAT_PARK_OUT);
    if (r < 0)
        return (int)leat_segment_out_gone(seg, true);
    if (parts->end_due && parts->active) {
        leat_edge_finish(seg->out.ports[0].edge, LEAT_EDGE_EOF);
        parts->active = false;
    }
    parts->end_due = false;
    return -1;
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
    free(seg->out.parts);
}

const struct leat_outlet_ops leat_outlet_parts = {
    .hand_over = turn,
    .is_gone = is_gone,
    .has_failed = has_failed,
    .finish = finish,
    .free = free_parts,
};
