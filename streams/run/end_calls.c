/* end_calls.c - push and pull: the calls of the program. */

#include "end_wake.h"

#include "run.h"

#include <string.h>

/* A piece of this size or more is copied without the lock. */
#define COPY_MIN ((size_t)4096)

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

/* Under the lock: room to write to, at most what the queue may hold more of. Returns its size; 0: none. */
static size_t reserve(struct leat_end *e, uint8_t **ret_to)
{
    size_t most = leat_end_free_room(e), room;

    leat_out_begin(&e->out);
    room = most > 0 ? leat_reserve(&e->out, ret_to) : 0;
    e->out.offered = room < most ? room : most;
    return e->out.offered;
}

/* Under the lock, which is released while many bytes are copied: the stage need not wait for that. Returns how many of
 * the n bytes had room; 0: none, or the end was closed. */
static size_t push_piece(struct leat_end *e, const uint8_t *data, size_t n)
{
    size_t room = leat_end_free_room(e);
    uint8_t *to = NULL;

    if (n < COPY_MIN) {
        leat_out_begin(&e->out);
        n = leat_write(&e->out, data, n < room ? n : room);
    } else {
        room = reserve(e, &to);
        n = n < room ? n : room;
        if (n > 0) {
            pthread_mutex_unlock(&e->lock);
            memcpy(to, data, n);
            pthread_mutex_lock(&e->lock);
        }
        if (e->closed)
            n = 0;
        leat_commit(&e->out, n);
        if (e->closed) { /* nobody reads what is there */
            leat_out_end(&e->out);
            e->held -= leat_slice_queue_clear(&e->queue);
            leat_out_done(&e->out);
        }
    }
    e->held += n; /* the stage puts them into the queue */
    return n;
}

/* Under the lock: push as much of n bytes as there is room for. *ret_claimed: as from leat_end_claim. */
static size_t push_some(struct leat_end *e, const uint8_t *data, size_t n, bool *ret_claimed)
{
    size_t done = 0, k = 1, most = leat_end_free_room(e); /* the stage may make more meanwhile */

    if (leat_end_keeps(e, n) && leat_out_append(&e->out, data, n)) {
        e->held += n;
        e->pieces++;
        *ret_claimed = false;
        return n;
    }
    most = n < most ? n : most;
    e->out.nomem = e->out.starved = false;
    while (done < most && k > 0) {
        k = push_piece(e, data + done, most - done);
        done += k;
        if (k == 0 && has_memory_now(e))
            k = 1;
    }
    *ret_claimed = n > 0 && leat_end_pushed(e, done < n);
    return done;
}

/* Under the lock: there was room for only `done` bytes. No call of `ready` follows if the run ended while they were copied.
 * Returns as leat_end_push. */
static ssize_t refuse(struct leat_end *e, ssize_t done)
{
    int r = check_push(e);

    if (r < 0)
        return r;
    if (done == 0 && e->out.nomem)
        return LEAT_ENOMEM;
    e->refused = true;
    return done;
}

ssize_t leat_end_push(struct leat_push_end *p, const void *data, size_t n)
{
    struct leat_end *e = of_push(p);
    bool claimed = false;
    ssize_t r;

    if (!e || (!data && n > 0) || n > SSIZE_MAX)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    if (r == 0)
        r = (ssize_t)push_some(e, data, n, &claimed);
    if (r >= 0 && (size_t)r < n)
        r = refuse(e, r);
    pthread_mutex_unlock(&e->lock);
    leat_end_run(e, claimed);
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
        bool claimed;
        size_t k = push_some(e, (const uint8_t *)data + done, n - done, &claimed);

        done += k;
        if (claimed) {
            pthread_mutex_unlock(&e->lock);
            leat_end_run(e, claimed);
            pthread_mutex_lock(&e->lock);
        }
        if (claimed || done == n || k > 0)
            continue;
        r = check_push(e); /* the run may have ended while bytes were copied */
        if (r == 0 && e->out.nomem)
            r = LEAT_ENOMEM;
        if (r < 0)
            break;
        pthread_cond_wait(&e->changed, &e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

ssize_t leat_end_reserve(struct leat_push_end *p, void **ret_to)
{
    struct leat_end *e = of_push(p);
    bool claimed = false;
    uint8_t *to = NULL;
    ssize_t r;

    if (!e || !ret_to)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = check_push(e);
    e->out.nomem = e->out.starved = false;
    if (r == 0 && leat_end_free_room(e) > 0) {
        do
            r = (ssize_t)reserve(e, &to);
        while (r == 0 && has_memory_now(e));
        if (r == 0 && e->out.nomem)
            r = LEAT_ENOMEM;
    }
    e->refused = e->refused || r == 0;
    if (r == 0 && e->burst)
        claimed = leat_end_claim(e);
    pthread_mutex_unlock(&e->lock);
    leat_end_run(e, claimed);
    *ret_to = to;
    return r;
}

int leat_end_commit(struct leat_push_end *p, size_t n)
{
    struct leat_end *e = of_push(p);
    bool claimed = false;
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
        claimed = leat_end_pushed(e, false);
    }
    pthread_mutex_unlock(&e->lock);
    leat_end_run(e, claimed);
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
        leat_end_wake(e);
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
        leat_end_wake(e);
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
    room = check_push(e) == 0 ? leat_end_free_room(e) : 0;
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

/* Under the lock: drop the first n bytes of the head. Returns as leat_end_claim. */
static bool take(struct leat_end *e, size_t n)
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
    return e->held <= e->low && leat_end_claim(e);
}

/* Not under the lock. What is read after the run has ended is memory that other pipelines can have. */
static void after_take(struct leat_end *e, bool claimed, bool over)
{
    leat_end_run(e, claimed);
    if (over)
        leat_run_give_memory(e->pipeline);
}

int leat_end_take(struct leat_pull_end *p, size_t n)
{
    struct leat_end *e = of_pull(p);
    const struct leat_slice *head;
    bool claimed = false, over = false;
    int r = 0;

    if (!e)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    head = leat_slice_queue_head(&e->queue);
    if (n > (head ? head->len : 0))
        r = LEAT_EUSAGE;
    else if (n > 0)
        claimed = take(e, n);
    over = e->over;
    pthread_mutex_unlock(&e->lock);
    after_take(e, claimed, over);
    return r;
}

/* The program waits for output: what a burst holds back goes on. */
static void end_bursts(struct leat_pipeline *p)
{
    for (struct leat_end *e = p->life.ends; e; e = e->next) {
        bool claimed;

        pthread_mutex_lock(&e->lock);
        claimed = e->is_push && e->burst && leat_end_claim(e);
        pthread_mutex_unlock(&e->lock);
        leat_end_run(e, claimed);
    }
}

/* Under the lock, which is released meanwhile: wait until pull_head has an answer, and return it. */
static ssize_t wait_for_head(struct leat_end *e, const void **ret_data)
{
    ssize_t r = pull_head(e, ret_data);

    if (r != LEAT_EAGAIN)
        return r;
    pthread_mutex_unlock(&e->lock);
    end_bursts(e->pipeline);
    pthread_mutex_lock(&e->lock);
    while ((r = pull_head(e, ret_data)) == LEAT_EAGAIN)
        pthread_cond_wait(&e->changed, &e->lock);
    return r;
}

ssize_t leat_end_read(struct leat_pull_end *p, void *buffer, size_t n)
{
    struct leat_end *e = of_pull(p);
    const void *data = NULL;
    bool claimed = false, over;
    ssize_t r;

    if (!e || !buffer || n == 0)
        return LEAT_EUSAGE;
    pthread_mutex_lock(&e->lock);
    r = wait_for_head(e, &data);
    if (r > 0) {
        if ((size_t)r > n)
            r = (ssize_t)n;
        leat_assert(data != NULL);
        memcpy(buffer, data, (size_t)r);
        claimed = take(e, (size_t)r);
    }
    over = e->over;
    pthread_mutex_unlock(&e->lock);
    after_take(e, claimed, over);
    return r;
}

void leat_end_close(struct leat_pull_end *p)
{
    struct leat_end *e = of_pull(p);
    bool over;

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    over = e->over;
    e->dismissed = true;
    e->refused = false;
    e->held -= leat_slice_queue_clear(&e->queue);
    leat_assert(e->held == 0);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    if (over)
        leat_run_give_memory(e->pipeline);
    else if (e->pipeline)
        (void)leat_run_stir(e->pipeline); /* the stage leaves, also one that waits for input */
}
