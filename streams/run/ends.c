/* ends.c - push and pull: the queue between the program and a pipeline, and the stage's side of it.
 *
 * The program's side is in end_calls.c.
 */

#include "end_wake.h"

#include "base/sized.h"
#include "stage/engine_ops.h"

#include <stdlib.h>
#include <string.h>

#define HIGH_DEFAULT ((uint64_t)256 << 10)
#define HIGH_MAX ((uint64_t)1 << 40)

/* --- life ------------------------------------------------------------------------------------- */

struct leat_end *leat_end_new(bool is_push, const struct leat_end_settings *s)
{
    struct leat_end *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    if (pthread_mutex_init(&e->lock, NULL)) {
        free(e);
        return NULL;
    }
    if (pthread_cond_init(&e->changed, NULL)) {
        pthread_mutex_destroy(&e->lock);
        free(e);
        return NULL;
    }
    e->is_push = is_push;
    e->high = s->high;
    e->low = s->low;
    e->ready = s->ready;
    e->user = s->user;
    leat_end_wake_init(e);
    return e;
}

void leat_end_free(void *end)
{
    struct leat_end *e = end;

    leat_assert(!e->waker && !e->memory.listed && !e->notice.listed);
    leat_assert(e->queue.n == 0 && !e->out.fill); /* drop_all came before */
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    free(e->why);
    free(e);
}

int leat_end_read_settings(const struct leat_end_settings *given, struct leat_end_settings *ret)
{
    struct leat_end_settings s = LEAT_INIT(leat_end_settings);
    int r = given ? leat_sized_in(&s, sizeof s, given) : 0;

    if (r < 0)
        return r;
    if (s.high == 0)
        s.high = HIGH_DEFAULT;
    if (s.high > HIGH_MAX || s.low > s.high)
        return LEAT_EUSAGE;
    if (s.low == 0)
        s.low = s.high / 2;
    *ret = s;
    return 0;
}

/* The pipeline is being freed. */
static void drop_all(struct leat_pipeline *p)
{
    for (struct leat_end *e = p->life.ends; e; e = e->next) {
        leat_pool_unwait(&p->pool, &e->memory); /* before memory comes back */
        leat_out_end(&e->out);
        leat_out_done(&e->out);
        (void)leat_slice_queue_clear(&e->queue);
    }
    p->life.ends = NULL;
}

/* Flush all bytes that were pushed until now, also those that the stage has not put out yet. While the program writes to
 * reserved room, flush only those that it has put out. */
static void flush_all(struct leat_pipeline *p)
{
    for (struct leat_end *e = p->life.ends; e; e = e->next) {
        pthread_mutex_lock(&e->lock);
        if (e->is_push && e->held > 0 && !e->ended && !e->closed) {
            if (e->out.offered == 0) {
                leat_out_end(&e->out);
                leat_out_mark(&e->out);
            }
            leat_end_wake(e);
        }
        pthread_mutex_unlock(&e->lock);
    }
}

/* The segment that the end is in; every stage is in one. */
static const struct leat_segment *segment_of(const struct leat_end *e,
                                             const struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++)
        for (size_t j = 0; j < p->graph.segments[i]->n; j++)
            if (leat_user(p->graph.segments[i]->slots[j].stage) == e)
                return p->graph.segments[i];
    return NULL;
}

void leat_end_attach(struct leat_end *e, struct leat_pipeline *p)
{
    const struct leat_segment *seg = segment_of(e, p);

    e->pipeline = p;
    leat_out_init(&e->out, &e->queue, &p->pool, 0);
    e->next = p->life.ends;
    p->life.ends = e;
    p->life.drop_ends = drop_all;
    p->life.flush_ends = flush_all;
    leat_assert(seg != NULL);
    e->plain = leat_end_is_plain(seg);
}

void leat_ends_over(struct leat_pipeline *p, int code)
{
    for (struct leat_end *e = p->life.ends; e; e = e->next) {
        pthread_mutex_lock(&e->lock);
        e->over = e->closed = true;
        e->code = code;
        leat_end_tell(e);
        pthread_mutex_unlock(&e->lock);
        leat_pool_unwait(&p->pool, &e->memory);
        leat_context_leave(p->life.context, &e->visit);
    }
}

/* --- the stage's side ------------------------------------------------------------------------- */

static int end_plan(struct leat_stage *s)
{
    const struct leat_end *e = leat_user(s);

    leat_plan_holds(s, e->high);
    return leat_plan_access(s, NULL, LEAT_ACCESS_NOTHING);
}

static int end_open(struct leat_stage *s)
{
    struct leat_end *e = leat_user(s);
    const struct leat_pipeline *p = e->pipeline;
    struct leat_waker *waker = leat_waker_new(s);

    if (!waker)
        return LEAT_ENOMEM;
    pthread_mutex_lock(&e->lock);
    leat_assert(!e->waker);
    e->waker = waker;
    e->actor = &s->segment->actor;
    e->lends = e->plain && !p->watcher.callback &&
               p->life.part == 0 && /* not in a stage that has an inner pipeline */
               p->life.context->workers.nice == 0;
    pthread_mutex_unlock(&e->lock);
    return 0;
}

static int cause_until_now(struct leat_pipeline *p)
{
    int code;

    pthread_mutex_lock(&p->lock);
    code = p->outcome.error.code;
    pthread_mutex_unlock(&p->lock);
    return code;
}

/* Downstream needs no more, or the run has failed: the next call of the program learns it. */
static void end_close(struct leat_stage *s)
{
    struct leat_end *e = leat_user(s);
    struct leat_waker *waker;
    int code = cause_until_now(e->pipeline);

    pthread_mutex_lock(&e->lock);
    waker = e->waker;
    e->waker = NULL;
    e->stage_waits = e->burst = false;
    e->closed = true;
    if (e->is_push && e->code == 0)
        e->code = code;
    if (e->is_push) { /* nobody reads it any more */
        leat_out_end(&e->out);
        e->held -= leat_slice_queue_clear(&e->queue);
        leat_assert(e->held == 0);
        leat_end_tell(e);
    }
    if (e->out.offered == 0) /* else the program may be writing to it */
        leat_out_done(&e->out);
    pthread_mutex_unlock(&e->lock);
    leat_waker_free(waker);
}

/* Under the lock. */
static int wait_for_program(struct leat_stage *s, struct leat_end *e)
{
    e->stage_waits = true;
    leat_wait_wake(s);
    return LEAT_WAIT;
}

/* Under the lock: pass the head of the queue. Returns false: there is no more room. */
static bool pass_head(struct leat_end *e, struct leat_slice *head, struct leat_out *out)
{
    struct leat_in in = {.data = leat_slice_data(head), .len = head->len, .engine = head->chunk};
    size_t n = leat_pass(out, &in, in.len);

    leat_assert(n <= head->len && n <= e->held);
    e->held -= n;
    head->off += n;
    head->len -= n;
    if (head->len > 0)
        return false;
    leat_chunk_unref(head->chunk);
    leat_slice_queue_pop(&e->queue);
    return true;
}

/* Under the lock: nothing is queued. After an abort the next run of the segment fails the stage. */
static int push_end_of_input(struct leat_stage *s, struct leat_end *e)
{
    return e->ended ? LEAT_END : wait_for_program(s, e);
}

static int push_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_end *e = leat_user(s);
    struct leat_slice *head;
    bool moved = false;
    int r = -1;

    (void)in;
    pthread_mutex_lock(&e->lock);
    if (leat_end_holds_back(e)) {
        r = wait_for_program(s, e);
        pthread_mutex_unlock(&e->lock);
        return r;
    }
    leat_out_end(&e->out);
    while (r < 0 && e->code == 0 && (head = leat_slice_queue_head(&e->queue))) {
        if (leat_slice_is_mark(head)) {
            leat_slice_queue_pop(&e->queue);
            r = LEAT_FLUSHED;
        } else if (!pass_head(e, head, out)) {
            r = LEAT_MORE;
        }
        moved = true;
    }
    if (e->queue.n == 0)
        leat_end_taken(e);
    if (moved && e->held <= e->low && leat_end_free_room(e) > 0)
        leat_end_tell(e);
    if (r < 0)
        r = moved && !e->ended ? LEAT_MORE : push_end_of_input(s, e);
    pthread_mutex_unlock(&e->lock);
    return r;
}

static int pull_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_end *e = leat_user(s);
    size_t n = in->len - in->pos, room, taken = 0;
    int r = LEAT_MORE;

    (void)out;
    pthread_mutex_lock(&e->lock);
    if (e->dismissed) {
        pthread_mutex_unlock(&e->lock);
        return LEAT_END;
    }
    room = e->high > e->held ? e->high - e->held : 0;
    e->out.nomem = e->out.starved = false;
    if (n > 0 && room > 0) {
        leat_out_begin(&e->out);
        taken = leat_pass(&e->out, in, n < room ? n : room);
        leat_out_end(&e->out);
        e->held += taken;
    }
    if (in->end && in->pos == in->len) {
        e->ended = true;
        r = LEAT_END;
    } else if (n > 0 && taken == 0 && e->out.nomem) {
        r = leat_fail(s, LEAT_ENOMEM, "out of memory");
    } else if (n > 0 && taken == 0) {
        r = wait_for_program(s, e);
        if (e->out.starved && !leat_pool_wait(e->out.pool, &e->memory))
            leat_end_wake(e); /* there is memory again */
    }
    if (taken > 0)
        leat_end_tell(e);
    pthread_mutex_unlock(&e->lock);
    return r;
}

static int push_leaves(struct leat_stage *s)
{
    struct leat_end *e = leat_user(s);
    int code;

    pthread_mutex_lock(&e->lock);
    code = e->code;
    pthread_mutex_unlock(&e->lock);
    return code < 0 ? leat_fail(s, code, "%s", e->why ? e->why : leat_strerror(code)) : 0;
}

static int pull_leaves(struct leat_stage *s)
{
    struct leat_end *e = leat_user(s);
    bool dismissed;

    pthread_mutex_lock(&e->lock);
    dismissed = e->dismissed;
    pthread_mutex_unlock(&e->lock);
    return dismissed ? LEAT_END : 0;
}

static const struct leat_engine_ops push_ops = {.is_end = true, .leaves = push_leaves};
static const struct leat_engine_ops pull_ops = {.is_end = true, .leaves = pull_leaves};

const struct leat_stage_type leat_end_push_type = {
    .name = "push",
    .kind = LEAT_SOURCE,
    .nature = LEAT_LIGHT,
    .plan = end_plan,
    .open = end_open,
    .step = push_step,
    .close = end_close,
    .drop = leat_end_free,
    .engine = &push_ops,
};

const struct leat_stage_type leat_end_pull_type = {
    .name = "pull",
    .kind = LEAT_SINK,
    .nature = LEAT_LIGHT,
    .plan = end_plan,
    .open = end_open,
    .step = pull_step,
    .close = end_close,
    .drop = leat_end_free,
    .engine = &pull_ops,
};
