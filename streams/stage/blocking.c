/* blocking.c - LEAT_BLOCKING: adapt a library that pulls its input to the step function of a stage.
 *
 * The library's loop has its own thread, and it takes turns with the engine: a step hands over its
 * cursors and sleeps until the loop needs more input or more room, or has ended, so for the rest of
 * the engine this is an ordinary stage with steps.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "stage_impl.h"

enum turn {
    TURN_ENGINE,
    TURN_STAGE,
};

struct leat_blocking {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    enum turn turn;
    bool cancelled, finished;
    int result;
    /* Of the step that waits; only the side whose turn it is uses these. */
    struct leat_stage *stage;
    struct leat_in *in;
    struct leat_out *out;
    size_t owed; /* bytes handed to the library; the next pull counts them as consumed */
};

/* Under the lock. Give the turn to the engine and wait until it comes back. */
static int yield_turn(struct leat_blocking *b)
{
    b->turn = TURN_ENGINE;
    pthread_cond_broadcast(&b->changed);
    while (b->turn != TURN_STAGE)
        pthread_cond_wait(&b->changed, &b->lock);
    return b->cancelled ? LEAT_ECANCELLED : 0;
}

int leat_pull(struct leat_blocking *b, const uint8_t **ret_data, size_t *ret_len)
{
    int r = 0;

    pthread_mutex_lock(&b->lock);
    if (b->cancelled)
        r = LEAT_ECANCELLED;
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
    pthread_mutex_unlock(&b->lock);
    return r;
}

int leat_push(struct leat_blocking *b, const void *data, size_t n)
{
    const uint8_t *from = data;
    int r = 0;

    pthread_mutex_lock(&b->lock);
    if (b->cancelled)
        r = LEAT_ECANCELLED;
    while (r == 0 && n > 0) {
        size_t done = leat_write(b->out, from, n);

        from += done;
        n -= done;
        if (n > 0)
            r = yield_turn(b);
    }
    pthread_mutex_unlock(&b->lock);
    return r;
}

static void *thread_main(void *arg)
{
    struct leat_blocking *b = arg;
    int r = 0;

    pthread_mutex_lock(&b->lock);
    while (b->turn != TURN_STAGE)
        pthread_cond_wait(&b->changed, &b->lock);
    if (b->cancelled)
        r = LEAT_ECANCELLED;
    pthread_mutex_unlock(&b->lock);
    if (r == 0)
        r = b->stage->type->run(b->stage, b);
    pthread_mutex_lock(&b->lock);
    b->result = r;
    b->finished = true;
    b->turn = TURN_ENGINE;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static int begin(struct leat_stage *s)
{
    struct leat_blocking *b = calloc(1, sizeof *b);
    sigset_t all, old;
    int r;

    if (!b)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    b->stage = s;
    if (pthread_mutex_init(&b->lock, NULL)) {
        free(b);
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    }
    if (pthread_cond_init(&b->changed, NULL)) {
        pthread_mutex_destroy(&b->lock);
        free(b);
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    }
    sigfillset(&all); /* signals go to the program's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&b->thread, NULL, thread_main, b);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r) {
        pthread_cond_destroy(&b->changed);
        pthread_mutex_destroy(&b->lock);
        free(b);
        return leat_fail(s, LEAT_ENOMEM, "cannot start a thread");
    }
    s->blocking = b;
    return 0;
}

/* Give the turn to the thread and wait until it comes back. */
static void take_turns(struct leat_blocking *b)
{
    b->turn = TURN_STAGE;
    pthread_cond_broadcast(&b->changed);
    while (b->turn != TURN_ENGINE)
        pthread_cond_wait(&b->changed, &b->lock);
}

int leat_blocking_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_blocking *b;
    int r = s->blocking ? 0 : begin(s);

    if (r < 0)
        return r;
    b = s->blocking;
    pthread_mutex_lock(&b->lock);
    b->in = in;
    b->out = out;
    if (!b->finished)
        take_turns(b);
    r = b->finished ? b->result : LEAT_MORE;
    pthread_mutex_unlock(&b->lock);
    return r;
}

void leat_blocking_end(struct leat_blocking *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->cancelled = true;
    if (!b->finished)
        take_turns(b);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
