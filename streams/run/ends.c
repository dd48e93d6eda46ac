/* ends.c - push and pull: the queue between the program and a pipeline, both sides of it. */

#include "ends.h"

#include "run.h"
#include "stage/engine_ops.h"

#include <stdlib.h>
#include <string.h>

#define HIGH_DEFAULT ((uint64_t)256 << 10)
#define HIGH_MAX ((uint64_t)1 << 40)

/* --- life ------------------------------------------------------------------------------------- */

/* The program is told, outside of all locks. */
static void call_ready(struct leat_notice *notice)
{
    struct leat_end *e = (struct leat_end *)((char *)notice - offsetof(struct leat_end, notice));

    e->ready(e->user);
    leat_pipeline_unref(e->pipeline);
}

/* Under the lock: the program can go on. One call for each refusal. */
static void tell_program(struct leat_end *e)
{
    pthread_cond_broadcast(&e->changed);
    if (!e->refused)
        return;
    e->refused = false;
    if (!e->ready)
        return;
    (void)leat_pipeline_ref(e->pipeline);
    if (!leat_context_notify(e->pipeline->life.context, &e->notice))
        leat_pipeline_unref(e->pipeline); /* it is due already; the run holds another reference */
}

/* Under the lock: the stage can go on. */
static void wake_stage(struct leat_end *e)
{
    if (!e->stage_waits)
        return;
    e->stage_waits = false;
    leat_waker_wake(e->waker);
}

/* Under the lock. */
static size_t push_room(const struct leat_end *e)
{
    return e->high > e->held ? (size_t)(e->high - e->held) : 0;
}

/* There is memory again. */
static void look(struct leat_visit *visit)
{
    struct leat_end *e = (struct leat_end *)((char *)visit - offsetof(struct leat_end, visit));

    pthread_mutex_lock(&e->lock);
    if (e->is_push && push_room(e) > 0) /* a pull has no more bytes than before */
        tell_program(e);
    wake_stage(e);
    pthread_mutex_unlock(&e->lock);
}

static void memory_back(struct leat_pool_waiter *waiter)
{
    struct leat_end *e = (struct leat_end *)((char *)waiter - offsetof(struct leat_end, memory));

    leat_context_visit(e->pipeline->life.context, &e->visit, false);
}

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
    e->high = s && s->high > 0 ? s->high : HIGH_DEFAULT;
    e->low = s && s->low > 0 ? s->low : e->high / 2;
    e->ready = s ? s->ready : NULL;
    e->user = s ? s->user : NULL;
    e->notice.call = call_ready;
    e->memory.wake = memory_back;
    e->visit.look = look;
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

bool leat_end_check(const struct leat_end_settings *s)
{
    const struct leat_end_settings all = {.size = 0};
    uint64_t high;

    if (!s)
        return true;
    for (size_t i = sizeof all; i < s->size;
         i++) /* a newer program asks for what is not known here */
        if (((const unsigned char *)s)[i] != 0)
            return false;
    if (s->size < sizeof all || s->high > HIGH_MAX)
        return false;
    high = s->high > 0 ? s->high : HIGH_DEFAULT;
    return s->low <= high;
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

void leat_end_attach(struct leat_end *e, struct leat_pipeline *p)
{
    e->pipeline = p;
    leat_out_init(&e->out, &e->queue, &p->pool, 0);
    e->next = p->life.ends;
    p->life.ends = e;
    p->life.drop_ends = drop_all;
}

void leat_ends_over(struct leat_pipeline *p, int code)
{
    for (struct leat_end *e = p->life.ends; e; e = e->next) {
        pthread_mutex_lock(&e->lock);
        e->over = e->closed = true;
        e->code = code;
        tell_program(e);
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
    struct leat_waker *waker = leat_waker_new(s);

    if (!waker)
        return LEAT_ENOMEM;
    pthread_mutex_lock(&e->lock);
    leat_assert(!e->waker);
    e->waker = waker;
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
    e->stage_waits = false;
    e->closed = true;
    if (e->is_push && e->code == 0)
        e->code = code;
    if (e->is_push) { /* nobody reads it any more */
        leat_out_end(&e->out);
        e->held -= leat_slice_queue_clear(&e->queue);
        leat_assert(e->held == 0);
        tell_program(e);
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
    if (e->held <= e->low && push_room(e) > 0)
        tell_program(e);
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
            wake_stage(e); /* there is memory again */
    }
    if (taken > 0)
        tell_program(e);
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

/* --- the program's side: push ----------------------------------------------------------------- */

struct leat_push_end {
    struct leat_end end;
};

static struct leat_end *of_push(struct leat_push_end *p)
{
    return p ? &p->end : NULL;
}

/* Under the lock: may the program push? Returns 0 or an error. */
static int check_push(const struct leat_end *e)
{
    if (!e->pipeline || e->ended)
        return LEAT_EUSAGE;
    if (e->code < 0)
        return e->code;
    return e->closed ? LEAT_EPIPE : 0;
}

/* Under the lock: the writer has no room. Is it worth another try? Else the program is told later. */
static bool has_memory_now(struct leat_end *e)
{
    return e->out.starved && !leat_pool_wait(e->out.pool, &e->memory);
}

/* Under the lock: push as much of n bytes as there is room for. */
static size_t push_some(struct leat_end *e, const uint8_t *data, size_t n)
{
    size_t done = 0, room, k = 1;

    e->out.nomem = e->out.starved = false;
    while (done < n && k > 0 && (room = push_room(e)) > 0) {
        k = n - done < room ? n - done : room;
        leat_out_begin(&e->out);
        k = leat_write(&e->out, data + done, k); /* the stage puts the end of it into the queue */
        e->held += k;
        done += k;
        if (k == 0 && has_memory_now(e))
            k = 1;
    }
    if (done > 0)
        wake_stage(e);
    return done;
}

ssize_t leat_end_push(struct leat_push_end *p, const void *data, size_t n)
{
    struct leat_end *e = of_push(p);
    ssize_t r;

    if (!e || (!data && n > 0) || n > SSIZE_MAX)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    if (r == 0)
        r = (ssize_t)push_some(e, data, n);
    if (r == 0 && n > 0 && e->out.nomem)
        r = LEAT_ENOMEM;
    else if (r >= 0 && (size_t)r < n)
        e->refused = true;
    pthread_mutex_unlock(&e->lock);
    return r;
}

int leat_end_push_all(struct leat_push_end *p, const void *data, size_t n)
{
    struct leat_end *e = of_push(p);
    size_t done = 0;
    int r;

    if (!e || (!data && n > 0))
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    while ((r = check_push(e)) == 0 && done < n) {
        size_t k = push_some(e, (const uint8_t *)data + done, n - done);

        done += k;
        if (done == n || k > 0)
            continue;
        if (e->out.nomem) {
            r = LEAT_ENOMEM;
            break;
        }
        pthread_cond_wait(&e->changed, &e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

ssize_t leat_end_reserve(struct leat_push_end *p, void **ret_to)
{
    struct leat_end *e = of_push(p);
    uint8_t *to = NULL;
    ssize_t r;

    if (!e || !ret_to)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    e->out.nomem = e->out.starved = false;
    if (r == 0 && push_room(e) > 0) {
        do {
            leat_out_begin(&e->out);
            r = (ssize_t)leat_reserve(&e->out, &to);
        } while (r == 0 && has_memory_now(e));
        if ((size_t)r > push_room(e))
            r = (ssize_t)push_room(e);
        e->out.offered = (size_t)r;
        if (r == 0 && e->out.nomem)
            r = LEAT_ENOMEM;
    }
    e->refused = e->refused || r == 0;
    pthread_mutex_unlock(&e->lock);
    *ret_to = to;
    return r;
}

int leat_end_commit(struct leat_push_end *p, size_t n)
{
    struct leat_end *e = of_push(p);
    int r;

    if (!e)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    if (r == 0 && n > e->out.offered)
        r = LEAT_EUSAGE;
    if (r == 0) {
        leat_commit(&e->out, n);
        e->held += n;
        wake_stage(e);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

int leat_end_flush(struct leat_push_end *p)
{
    struct leat_end *e = of_push(p);
    int r;

    if (!e)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    if (r == 0) {
        leat_out_end(&e->out);
        leat_out_mark(&e->out);
        e->out.offered = 0; /* what was reserved is not valid any more */
        wake_stage(e);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

int leat_end_finish(struct leat_push_end *p)
{
    struct leat_end *e = of_push(p);
    int r;

    if (!e)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    if (r == 0) {
        e->ended = true;
        wake_stage(e);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

void leat_end_abort(struct leat_push_end *p, int code, const char *why)
{
    struct leat_end *e = of_push(p);
    bool aborted = false;

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    if (check_push(e) == 0) {
        e->code =
            strcmp(leat_error_name(code), "UNKNOWN") == 0 || code >= 0 ? LEAT_ECANCELLED : code;
        e->why = why ? strdup(why) : NULL; /* without memory: the text of the code */
        aborted = true;
    }
    pthread_mutex_unlock(&e->lock);
    if (aborted)
        (void)leat_run_stir(
            e->pipeline); /* the stage leaves; one that has not begun does when it begins */
}

size_t leat_end_room(struct leat_push_end *p)
{
    struct leat_end *e = of_push(p);
    size_t room;

    if (!e)
        return 0;
    pthread_mutex_lock(&e->lock);
    room = check_push(e) == 0 ? push_room(e) : 0;
    pthread_mutex_unlock(&e->lock);
    return room;
}

/* --- the program's side: pull ----------------------------------------------------------------- */

struct leat_pull_end {
    struct leat_end end;
};

static struct leat_end *of_pull(struct leat_pull_end *p)
{
    return p ? &p->end : NULL;
}

/* Under the lock: what is there to read? Returns its length; 0: the end; LEAT_EAGAIN; or an error. */
static ssize_t pull_head(struct leat_end *e, const void **ret_data)
{
    struct leat_slice *head = leat_slice_queue_head(&e->queue);

    if (!e->pipeline || e->dismissed)
        return LEAT_EUSAGE;
    if (head) {
        *ret_data = leat_slice_data(head);
        return (ssize_t)head->len;
    }
    return e->over ? e->code : LEAT_EAGAIN;
}

ssize_t leat_end_peek(struct leat_pull_end *p, const void **ret_data)
{
    struct leat_end *e = of_pull(p);
    ssize_t r;

    if (!e || !ret_data)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = pull_head(e, ret_data);
    e->refused = r == LEAT_EAGAIN;
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* Under the lock: drop the first n bytes of the head. */
static void take(struct leat_end *e, size_t n)
{
    struct leat_slice *head = leat_slice_queue_head(&e->queue);

    leat_assert(head && n <= head->len);
    head->off += n;
    head->len -= n;
    e->held -= n;
    if (head->len == 0) {
        leat_chunk_unref(head->chunk);
        leat_slice_queue_pop(&e->queue);
    }
    if (e->held <= e->low)
        wake_stage(e);
}

int leat_end_take(struct leat_pull_end *p, size_t n)
{
    struct leat_end *e = of_pull(p);
    const struct leat_slice *head;
    int r = 0;

    if (!e)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    head = leat_slice_queue_head(&e->queue);
    if (n > (head ? head->len : 0))
        r = LEAT_EUSAGE;
    else if (n > 0)
        take(e, n);
    pthread_mutex_unlock(&e->lock);
    return r;
}

ssize_t leat_end_read(struct leat_pull_end *p, void *buffer, size_t n)
{
    struct leat_end *e = of_pull(p);
    const void *data = NULL;
    ssize_t r;

    if (!e || !buffer || n == 0)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    while ((r = pull_head(e, &data)) == LEAT_EAGAIN)
        pthread_cond_wait(&e->changed, &e->lock);
    if (r > 0) {
        if ((size_t)r > n)
            r = (ssize_t)n;
        memcpy(buffer, data, (size_t)r);
        take(e, (size_t)r);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

void leat_end_close(struct leat_pull_end *p)
{
    struct leat_end *e = of_pull(p);

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->dismissed = true;
    e->refused = false;
    e->held -= leat_slice_queue_clear(&e->queue);
    leat_assert(e->held == 0);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    if (e->pipeline)
        (void)leat_run_stir(e->pipeline); /* the stage leaves, also one that waits for input */
}
