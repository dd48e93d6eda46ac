/* blocking.c - LEAT_BLOCKING: the thread in which a library runs its own loop.
 *
 * The thread of a transform, or of a sink with LEAT_PARTS, takes turns with the engine: a step
 * hands over its cursors and sleeps until the loop needs more input or more room, or has ended. For
 * the rest of the engine it is an ordinary stage with steps.
 *
 * The thread of a source or another sink runs beside the engine, because its library may block
 * outside for any time, and no worker may wait for that. A step lends it room of the writer's
 * chunk, or the piece of input, and returns LEAT_WAIT; the thread wakes the stage when it has used
 * some. The loan holds a reference to the chunk, so the memory stays valid until the thread is done
 * with it, whatever happens to the stage. There is one loan at a time, of memory that the stage
 * would hold anyway, so the thread costs no chunk. Where memory allows it, a source is lent one chunk more,
 * so that the thread goes on while the engine takes the one before.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "run/pipeline.h"
#include "stage_impl.h"

enum turn {
    TURN_ENGINE,
    TURN_STAGE,
};

struct leat_blocking {
    struct leat_runner runner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct leat_stage *stage;
    struct leat_waker *waker; /* a reference; NULL: it takes turns */
    uint8_t *apart;           /* for leat_push_reserve, where the room at hand is too small */
    size_t apart_size;
    size_t reserved; /* bytes of the last leat_push_reserve; only the thread uses this and `to` */
    uint8_t *to;
    /* Under the lock. */
    uint64_t news; /* steps that have changed something for the thread of a source or a sink */
    bool cancelled, finished;
    int result;
    /* With turns: only the side whose turn it is uses the cursors. */
    enum turn turn;
    struct leat_in *in;
    struct leat_out *out;
    size_t owed; /* bytes handed to the library; the next pull counts them as consumed */
    /* The loan of a source: [filled, room_len) belongs to the thread, [taken, filled) to the
     * engine, and [0, taken) is output. */
    struct leat_chunk *chunk; /* referenced; NULL: there is no loan */
    uint8_t *room;
    size_t room_len, filled, taken;
    /* The loan after it, of which [0, ahead_filled) belongs to the engine. */
    struct leat_chunk *ahead; /* referenced; or NULL */
    size_t ahead_filled;
    /* The loan of a sink: `len` bytes that the thread has not pulled yet, or `held` bytes that it
     * has; `used` bytes that it has consumed and the engine does not know of. */
    const uint8_t *data;
    size_t len, held, used;
    bool eof;
};

/* --- turns ------------------------------------------------------------------------------------ */

/* Under the lock. Give the turn to the engine and wait until it comes back. */
static int yield_turn(struct leat_blocking *b)
{
    leat_assert(b->turn == TURN_STAGE);
    b->turn = TURN_ENGINE;
    pthread_cond_broadcast(&b->changed);
    while (b->turn != TURN_STAGE)
        pthread_cond_wait(&b->changed, &b->lock);
    return b->cancelled ? LEAT_ECANCELLED : 0;
}

int leat_blocking_next_step(struct leat_blocking *b)
{
    int r = LEAT_ECANCELLED;

    leat_assert(!b->waker);
    pthread_mutex_lock(&b->lock);
    if (!b->cancelled)
        r = yield_turn(b);
    pthread_mutex_unlock(&b->lock);
    return r;
}

/* Under the lock. Give the turn to the thread and wait until it comes back. */
static void take_turns(struct leat_blocking *b)
{
    leat_assert(b->turn == TURN_ENGINE);
    b->turn = TURN_STAGE;
    pthread_cond_broadcast(&b->changed);
    while (b->turn != TURN_ENGINE)
        pthread_cond_wait(&b->changed, &b->lock);
}

static int pull_in_turn(struct leat_blocking *b, const uint8_t **ret_data, size_t *ret_len)
{
    int r = 0;

    leat_assert(b->stage->type->kind != LEAT_SOURCE); /* its input would never end */
    while (r == 0) {
        size_t left = b->in->len - b->in->pos, used = left < b->owed ? left : b->owed;

        b->in->pos += used;
        b->owed -= used;
        left -= used;
        if (left > 0) { /* the data stays in its chunk until the next pull */
            *ret_data = b->in->data + b->in->pos;
            *ret_len = b->owed = left;
            r = 1;
        } else if (b->in->end) {
            break;
        } else {
            r = yield_turn(b);
        }
    }
    return r;
}

static int room_in_turn(struct leat_blocking *b, uint8_t **ret_to, size_t *ret_room)
{
    size_t room = leat_reserve(b->out, ret_to);
    int r = 0;

    while (r == 0 && room == 0) {
        r = yield_turn(b);
        room = r == 0 ? leat_reserve(b->out, ret_to) : 0;
    }
    *ret_room = room;
    return r;
}

/* --- loans ------------------------------------------------------------------------------------ */

static void lend(struct leat_blocking *b, struct leat_chunk *chunk)
{
    leat_assert(!b->chunk && chunk);
    b->chunk = leat_chunk_ref(chunk);
    b->news++;
}

static void end_loan(struct leat_blocking *b)
{
    leat_chunk_unref(b->chunk);
    b->chunk = NULL;
}

/* Under the lock, which is not held while the stage is woken: its step would wait for it at once.
 * Wait until a step has changed something. */
static void ask_engine(struct leat_blocking *b)
{
    uint64_t news = b->news;

    pthread_mutex_unlock(&b->lock);
    leat_waker_wake(b->waker);
    pthread_mutex_lock(&b->lock);
    while (b->news == news && !b->cancelled)
        pthread_cond_wait(&b->changed, &b->lock);
}

/* A source has used up its loan: is there another one? */
static bool has_room_ahead(const struct leat_blocking *b)
{
    return b->ahead && b->ahead_filled < b->ahead->cap;
}

static int pull_loan(struct leat_blocking *b, const uint8_t **ret_data, size_t *ret_len)
{
    b->used += b->held;
    b->runner.offset += b->held;
    b->held = 0;
    while (!b->cancelled && b->len == 0 && !b->eof && b->runner.has_input)
        ask_engine(b);
    if (b->cancelled || b->len == 0)
        return b->cancelled ? LEAT_ECANCELLED : 0;
    *ret_data = b->data;
    *ret_len = b->held = b->len;
    b->len = 0;
    return 1;
}

static int room_of_loan(struct leat_blocking *b, uint8_t **ret_to, size_t *ret_room)
{
    if (b->runner.has_input)
        return leat_fail(b->stage, LEAT_EINTERNAL, "a sink has no output");
    while (!b->cancelled && b->filled == b->room_len && !has_room_ahead(b))
        ask_engine(b);
    if (b->filled < b->room_len) {
        *ret_to = b->room + b->filled;
        *ret_room = b->room_len - b->filled;
    } else if (b->ahead) {
        *ret_to = b->ahead->data + b->ahead_filled;
        *ret_room = b->ahead->cap - b->ahead_filled;
    }
    return b->cancelled ? LEAT_ECANCELLED : 0;
}

/* The output up to here is handed over before the result of `run`. */
static int end_result(struct leat_blocking *b)
{
    if (b->result < 0 && b->runner.failure.code)
        b->stage->failure = b->runner.failure;
    return b->result;
}

/* The stage is being stopped, so the result of `run` does not count. */
static int stopped(const struct leat_blocking *b)
{
    return b->finished ? LEAT_END : LEAT_WAIT;
}

/* Lend the next chunk before the thread asks for it, if memory was set aside for that. */
static int wait_for_source(struct leat_blocking *b, const struct leat_out *out)
{
    if (!b->ahead && !b->finished && b->stage->pipeline->lends_ahead && out->to && !out->room_max &&
        leat_pool_get(out->pool, 0, &b->ahead) < 0)
        b->ahead = NULL; /* it asks, then */
    return LEAT_WAIT;
}

/* The loan is used up: the one after it takes its place. */
static void use_ahead(struct leat_blocking *b, struct leat_out *out)
{
    end_loan(b);
    b->chunk = b->ahead;
    b->room = b->ahead->data;
    b->room_len = b->ahead->cap;
    b->filled = b->ahead_filled;
    b->taken = b->ahead_filled = 0;
    b->ahead = NULL;
    leat_out_adopt(out, b->chunk);
}

static int source_step(struct leat_blocking *b, struct leat_out *out)
{
    if (b->ahead && b->taken == b->room_len)
        use_ahead(b, out);
    leat_assert(b->taken <= b->filled && b->filled <= b->room_len);
    if (b->filled > b->taken) {
        leat_out_commit_lent(out, b->room + b->taken, b->filled - b->taken);
        b->taken = b->filled;
        return LEAT_MORE;
    }
    if (b->finished) {
        end_loan(b);
        return end_result(b);
    }
    if (b->taken < b->room_len)
        return wait_for_source(b, out);
    end_loan(b);
    b->filled = b->taken = 0;
    b->room_len = leat_reserve(out, &b->room);
    if (b->room_len == 0)
        return LEAT_MORE;
    lend(b, out->fill);
    return wait_for_source(b, out);
}

/* The engine may show less of a piece than was lent, so `used` may take several steps. */
static int sink_step(struct leat_blocking *b, struct leat_in *in)
{
    size_t left = in->len - in->pos, n = b->used < left ? b->used : left;

    leat_assert(n > 0 || b->used == 0);
    in->pos += n;
    b->used -= n;
    if (b->used + b->held + b->len == 0)
        end_loan(b);
    if (b->finished)
        return end_result(b);
    if (n > 0)
        return LEAT_MORE;
    if (b->chunk || b->eof)
        return LEAT_WAIT;
    if (left > 0) {
        b->data = in->data + in->pos;
        b->len = left;
        lend(b, in->engine);
    } else if (in->end) {
        b->eof = true;
        b->news++;
    } else {
        return LEAT_MORE;
    }
    return LEAT_WAIT;
}

/* --- for `run` -------------------------------------------------------------------------------- */

int leat_pull(struct leat_blocking *b, const uint8_t **ret_data, size_t *ret_len)
{
    int r;

    pthread_mutex_lock(&b->lock);
    if (b->cancelled)
        r = LEAT_ECANCELLED;
    else
        r = b->waker ? pull_loan(b, ret_data, ret_len) : pull_in_turn(b, ret_data, ret_len);
    pthread_mutex_unlock(&b->lock);
    return r;
}

/* Room to write to, at least one byte. Returns 0 or an error. */
static int room(struct leat_blocking *b, uint8_t **ret_to, size_t *ret_room)
{
    int r;

    pthread_mutex_lock(&b->lock);
    if (b->cancelled)
        r = LEAT_ECANCELLED;
    else
        r = b->waker ? room_of_loan(b, ret_to, ret_room) : room_in_turn(b, ret_to, ret_room);
    pthread_mutex_unlock(&b->lock);
    leat_assert(r < 0 || *ret_room > 0);
    return r;
}

/* The first n bytes of the room at `to` are output. */
static void commit(struct leat_blocking *b, const uint8_t *to, size_t n)
{
    pthread_mutex_lock(&b->lock);
    if (!b->waker) {
        leat_commit(b->out, n);
    } else if (b->filled < b->room_len) {
        leat_assert(to == b->room + b->filled); /* the loan is the thread's until it is used up */
        leat_assert(n <= b->room_len - b->filled);
        b->filled += n;
    } else {
        leat_assert(b->ahead && to == b->ahead->data + b->ahead_filled);
        leat_assert(n <= b->ahead->cap - b->ahead_filled);
        b->ahead_filled += n;
    }
    pthread_mutex_unlock(&b->lock);
    if (b->waker && n > 0)
        leat_waker_wake(b->waker);
}

int leat_push(struct leat_blocking *b, const void *data, size_t n)
{
    const uint8_t *from = data;

    while (n > 0) {
        uint8_t *to;
        size_t part = 0;
        int r = room(b, &to, &part);

        if (r < 0)
            return r;
        if (part > n)
            part = n;
        memcpy(to, from, part);
        commit(b, to, part);
        from += part;
        n -= part;
    }
    return 0;
}

bool leat_is_cancelled(struct leat_blocking *b)
{
    bool cancelled;

    pthread_mutex_lock(&b->lock);
    cancelled = b->cancelled;
    pthread_mutex_unlock(&b->lock);
    return cancelled;
}

/* Memory for a reservation that the room at hand does not hold. */
static int grow_apart(struct leat_blocking *b, size_t least)
{
    if (b->apart_size >= least)
        return 0;
    leat_free(b->stage, b->apart);
    b->apart_size = 0;
    b->apart = leat_alloc_raw(b->stage, least);
    if (!b->apart)
        return LEAT_ENOMEM;
    b->apart_size = least;
    return 0;
}

int leat_push_reserve(struct leat_blocking *b, size_t least, uint8_t **ret_to, size_t *ret_room)
{
    uint8_t *to;
    size_t size = 0;
    int r = room(b, &to, &size);

    if (r == 0 && size < least) {
        r = grow_apart(b, least);
        to = b->apart;
        size = least;
    }
    b->reserved = r < 0 ? 0 : size;
    if (r < 0)
        return r;
    *ret_to = b->to = to;
    *ret_room = size;
    return 0;
}

int leat_push_commit(struct leat_blocking *b, size_t n)
{
    leat_assert(n <= b->reserved);
    b->reserved = 0;
    if (b->to == b->apart)
        return leat_push(b, b->apart, n);
    commit(b, b->to, n);
    return 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* A cancel that nobody asked for would hide who failed: it is reported as the consequence of
 * another error. */
static int run(struct leat_blocking *b)
{
    struct leat_stage *s = b->stage;
    int r = s->type->run(s, b);

    if (r == LEAT_ECANCELLED && !leat_is_cancelled(b))
        return leat_fail(s, LEAT_EINTERNAL, "its run says that it was cancelled, and it was not");
    return r < 0 || r == LEAT_END
               ? r
               : leat_fail(s, LEAT_EINTERNAL, "its run returned the invalid result %d", r);
}

static void *thread_main(void *arg)
{
    struct leat_blocking *b = arg;
    int r = 0;

    pthread_mutex_lock(&b->lock);
    while (!b->waker && b->turn != TURN_STAGE)
        pthread_cond_wait(&b->changed, &b->lock);
    if (b->cancelled)
        r = LEAT_ECANCELLED;
    pthread_mutex_unlock(&b->lock);
    if (r == 0)
        r = run(b);
    pthread_mutex_lock(&b->lock);
    b->used += b->held;
    b->held = b->len = 0;
    b->result = r;
    b->finished = true;
    b->turn = TURN_ENGINE;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    leat_waker_wake(b->waker); /* leat_blocking_end joins the thread before it frees this */
    return NULL;
}

/* Returns 0 or an errno. The thread first waits for the lock, so it finds the stage complete. */
static int start(struct leat_blocking *b)
{
    sigset_t all, old;
    int r;

    sigfillset(&all); /* signals go to the program's own threads */
    pthread_mutex_lock(&b->lock);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&b->runner.thread, NULL, thread_main, b);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0) {
        b->stage->blocking = b;
        b->stage->runner = b->waker ? &b->runner : NULL;
    }
    pthread_mutex_unlock(&b->lock);
    return r;
}

static void blocking_free(struct leat_blocking *b)
{
    leat_assert(!b->stage->blocking);
    end_loan(b);
    leat_chunk_unref(b->ahead);
    leat_free(b->stage, b->apart);
    leat_waker_free(b->waker);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static struct leat_blocking *blocking_new(struct leat_stage *s)
{
    struct leat_blocking *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->stage = s;
    b->runner.has_input = s->type->kind == LEAT_SINK;
    if (pthread_mutex_init(&b->lock, NULL)) {
        free(b);
        return NULL;
    }
    if (pthread_cond_init(&b->changed, NULL)) {
        pthread_mutex_destroy(&b->lock);
        free(b);
        return NULL;
    }
    return b;
}

static int begin(struct leat_stage *s)
{
    struct leat_blocking *b = blocking_new(s);
    int r = 0;

    if (!b)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    if (leat_stage_runs_beside(s->type)) {
        b->waker = leat_waker_new(s);
        r = b->waker ? 0 : LEAT_ENOMEM;
    }
    if (r == 0 && start(b))
        r = leat_fail(s, LEAT_ENOMEM, "cannot start a thread");
    if (r < 0)
        blocking_free(b);
    else if (b->waker)
        leat_own_threads(s, 1);
    return r;
}

/* --- for the engine --------------------------------------------------------------------------- */

/* Under the lock. */
static int turn_step(struct leat_blocking *b, struct leat_in *in, struct leat_out *out)
{
    b->in = in;
    b->out = out;
    if (!b->finished)
        take_turns(b);
    return b->finished ? b->result : LEAT_MORE;
}

int leat_blocking_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_blocking *b;
    int r = s->blocking ? 0 : begin(s);
    uint64_t news;

    if (r < 0)
        return r;
    b = s->blocking;
    pthread_mutex_lock(&b->lock);
    news = b->news;
    if (!b->waker)
        r = turn_step(b, in, out);
    else if (b->cancelled)
        r = stopped(b);
    else
        r = b->runner.has_input ? sink_step(b, in) : source_step(b, out);
    news = b->news - news;
    pthread_mutex_unlock(&b->lock);
    if (news > 0) /* not under the lock, for which the thread would wait again */
        pthread_cond_broadcast(&b->changed);
    if (r == LEAT_WAIT)
        leat_wait_wake(s);
    return r;
}

bool leat_blocking_runs(struct leat_blocking *b)
{
    bool runs;

    if (!b)
        return false;
    pthread_mutex_lock(&b->lock);
    runs = !b->finished;
    pthread_mutex_unlock(&b->lock);
    return runs;
}

void leat_blocking_cancel(struct leat_blocking *b)
{
    pthread_mutex_lock(&b->lock);
    b->cancelled = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

void leat_blocking_end(struct leat_stage *s)
{
    struct leat_blocking *b = s->blocking;

    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    leat_assert(b->finished ||
                !b->waker); /* it was stepped until it ended, so nothing blocks here */
    b->cancelled = true;
    if (!b->finished)
        take_turns(b);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->runner.thread, NULL);
    s->blocking = NULL;
    s->runner = NULL;
    blocking_free(b);
}
