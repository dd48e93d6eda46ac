/* blocking_aid.c - a library with a loop, and the blocking stages around it. */
#include "blocking_aid.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stage.h"
#include "test.h"

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};

void library_init(struct library *l)
{
    *l = (struct library){.fail_at = NEVER, .end_at = NEVER, .block_at = NEVER};
    l->interrupt_fd = eventfd(0, EFD_CLOEXEC);
    ASSERT_GE(l->interrupt_fd, 0);
    ASSERT_EQ(sem_init(&l->pulled, 0, 0), 0);
    ASSERT_EQ(sem_init(&l->held, 0, 0), 0);
}

void library_done(struct library *l)
{
    ASSERT_EQ(l->opens, l->closes);
    ASSERT_EQ(l->runs, l->returns);
    ASSERT_EQ(close(l->interrupt_fd), 0);
    ASSERT_EQ(sem_destroy(&l->pulled), 0);
    ASSERT_EQ(sem_destroy(&l->held), 0);
    free(l->out);
    l->out = NULL;
}

static int library_open(struct leat_stage *s)
{
    struct library *l = memio_given(s);

    l->opens++;
    return 0;
}

static void library_close(struct leat_stage *s)
{
    struct library *l = memio_given(s);

    ASSERT_EQ(l->runs, l->returns); /* it is closed only when run has returned */
    l->closes++;
}

/* A read that never ends by itself. */
static int block(struct leat_stage *s, struct library *l)
{
    struct pollfd p = {.fd = l->interrupt_fd, .events = POLLIN};

    if (l->cancels)
        leat_pipeline_cancel(l->cancels->pipeline, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(poll(&p, 1, -1), 1);
    return leat_fail(s, LEAT_EIO, "interrupted");
}

/* A piece is valid until the next call, even if the stage is stopped meanwhile and others go on. The
 * peer's bytes are counted from before the stop: it may be at its end when this thread goes on. */
static int hold(struct leat_stage *s, struct library *l, const uint8_t *data, size_t n)
{
    size_t until = l->peer->out_len + l->holds;
    uint8_t *copy = malloc(n);
    int r;

    ASSERT_NOT_NULL(copy);
    memcpy(copy, data, n);
    ASSERT_EQ(sem_post(&l->held), 0);
    r = block(s, l);
    while (l->peer->out_len < until)
        ASSERT_EQ(sem_wait(&l->peer->pulled), 0);
    ASSERT_MEM_EQ(data, copy, n);
    free(copy);
    return r;
}

static int push(struct library *l, struct leat_blocking *b, const uint8_t *data, size_t n)
{
    while (n > 0) {
        size_t room = 0, part;
        uint8_t *to;
        int r = leat_push_reserve(b, l->least, &to, &room);

        if (r < 0)
            return r;
        ASSERT_GE(room, l->least);
        part = room < n ? room : n;
        memset(to, '?', room); /* all of it is ours */
        memcpy(to, data, part);
        r = leat_push_commit(b, part);
        if (r < 0)
            return r;
        data += part;
        n -= part;
    }
    return 0;
}

static int push_all(struct leat_stage *s, struct library *l, struct leat_blocking *b)
{
    uint64_t random = l->len + l->piece;

    for (size_t at = 0; at < l->len;) {
        size_t n = l->len - at;
        int r;

        if (at >= l->block_at)
            return block(s, l);
        if (at >= l->fail_at)
            return leat_fail(s, LEAT_ECORRUPT, "planned failure at %zu", at);
        if (at >= l->end_at)
            return LEAT_END;
        if (l->piece > 0 && n > l->piece)
            n = l->piece == 1 ? 1 : 1 + test_random(&random) % l->piece;
        r = l->least > 0 ? push(l, b, l->in + at, n) : leat_push(b, l->in + at, n);
        if (r < 0)
            return r;
        at += n;
        while (l->meets && l->peer->out_len < at)
            ASSERT_EQ(sem_wait(&l->peer->pulled), 0);
        leat_position(s, at, l->len);
    }
    return LEAT_END;
}

static int returned(struct library *l, int r)
{
    if (r == LEAT_ECANCELLED)
        atomic_store(&l->cancelled, true);
    l->returns++;
    return l->answer ? l->answer : r;
}

static int source_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct library *l = memio_given(s);
    const uint8_t *data;
    size_t n;
    int r;

    l->runs++;
    r = leat_pull(b, &data, &n); /* a source has no input */
    if (r == 0)
        r = push_all(s, l, b);
    return returned(l, r);
}

static int pull_all(struct leat_stage *s, struct library *l, struct leat_blocking *b)
{
    for (;;) {
        const uint8_t *data;
        uint8_t *more;
        size_t n;
        int r;

        if (l->out_len >= l->block_at)
            return block(s, l);
        if (l->out_len >= l->end_at)
            return LEAT_END;
        r = leat_pull(b, &data, &n);
        if (r <= 0)
            return r < 0 ? r : LEAT_END;
        ASSERT_GT(n, 0);
        if (l->holds > 0)
            return hold(s, l, data, n);
        if (l->after)
            ASSERT_EQ(sem_wait(&l->after->held), 0);
        if (l->out_len + n > l->fail_at)
            return leat_fail(s, LEAT_ECORRUPT, "planned failure");
        more = realloc(l->out, l->out_len + n);
        if (!more)
            return leat_fail(s, LEAT_ENOMEM, "out of memory");
        l->out = more;
        memcpy(l->out + l->out_len, data, n);
        l->out_len += n;
        ASSERT_EQ(sem_post(&l->pulled), 0);
    }
}

/* Note on which stack this thread runs. */
static void note_stack(struct library *l)
{
    pthread_attr_t attr;
    void *stack = NULL;
    size_t size;
    unsigned i = 0;

    ASSERT_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    ASSERT_EQ(pthread_attr_getstack(&attr, &stack, &size), 0);
    ASSERT_EQ(pthread_attr_destroy(&attr), 0);
    while (i < l->n_stacks && l->stacks[i] != stack)
        i++;
    ASSERT_LT(i, MANY_STACKS);
    l->stacks[i] = stack;
    l->n_stacks += i == l->n_stacks;
}

static int sink_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct library *l = memio_given(s);

    l->runs++;
    note_stack(l);
    return returned(l, pull_all(s, l, b));
}

static int pushing_sink_run(struct leat_stage *s, struct leat_blocking *b)
{
    (void)s;
    return leat_push(b, "x", 1);
}

static void library_stop(struct leat_stage *s, enum leat_stop why)
{
    struct library *l = memio_given(s);

    (void)why;
    l->stops++;
    ASSERT_EQ(eventfd_write(l->interrupt_fd, 1), 0);
}

static int sink_prepare(struct leat_stage *s)
{
    struct library *l = memio_given(s);

    ASSERT_EQ(l->runs, l->returns);
    l->prepares++;
    return l->fail_prepare ? leat_fail(s, l->fail_prepare, "planned failure in prepare") : 0;
}

static int sink_commit(struct leat_stage *s)
{
    struct library *l = memio_given(s);

    l->commits++;
    return 0;
}

static void sink_revert(struct leat_stage *s)
{
    struct library *l = memio_given(s);

    l->reverts++;
}

/* A transform that copies, with pull and push_reserve. */
static int copy_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct library l = {.least = 1};
    const uint8_t *data;
    size_t n;
    int r;

    (void)s;
    while ((r = leat_pull(b, &data, &n)) > 0) {
        l.least = l.least % 600 + 7;
        r = push(&l, b, data, n);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : LEAT_END;
}

static int parts_plan(struct leat_stage *s)
{
    leat_plan_flags(s, LEAT_PARTS);
    return 0;
}

static int limited_plan(struct leat_stage *s)
{
    leat_plan_expansion(s, LIMITED_MAX, 0);
    return 0;
}

static int flushes_plan(struct leat_stage *s)
{
    leat_plan_flags(s, LEAT_FLUSHES);
    return 0;
}

#define LIBRARY(type_name, type_kind, type_run)                                                    \
    .name = type_name, .summary = "a library", .kind = type_kind, .nature = LEAT_BLOCKING,         \
    .params_size = sizeof(struct memio_params), .options = memio_option, .open = library_open,     \
    .run = type_run, .close = library_close

static const struct leat_stage_type types[] = {
    {LIBRARY("pushes", LEAT_SOURCE, source_run)},
    {LIBRARY("pushes_until", LEAT_SOURCE, source_run), .stop = library_stop},
    {LIBRARY("pulls", LEAT_SINK, sink_run)},
    {LIBRARY("pulls_until", LEAT_SINK, sink_run), .stop = library_stop},
    {LIBRARY("pulls_all", LEAT_SINK, sink_run), .prepare = sink_prepare, .commit = sink_commit,
     .revert = sink_revert},
    {LIBRARY("pulls_lines", LEAT_SINK, sink_run), .framing = LEAT_LINES},
    {.name = "sink_pushes", .kind = LEAT_SINK, .nature = LEAT_BLOCKING, .run = pushing_sink_run},
    {.name = "copies", .kind = LEAT_TRANSFORM, .nature = LEAT_BLOCKING, .run = copy_run},
    {LIBRARY("pushes_limited", LEAT_SOURCE, source_run), .plan = limited_plan},
    {LIBRARY("plans_parts", LEAT_SINK, sink_run), .plan = parts_plan},
    {LIBRARY("plans_flushes", LEAT_SINK, sink_run), .plan = flushes_plan},
};

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int r = leat_registry_add(registry, &types[i]);

        if (r < 0)
            FAIL("%s", leat_registry_refusal(registry));
    }
}

struct memio library_under(unsigned e)
{
    struct memio io = {.registered = add_types,
                       .piece = MEMIO_RANDOM,
                       .seed = e,
                       .settings = {.executor = executors[e % N_EXECUTORS],
                                    .seed = e,
                                    .virtual_time = e % 6 == 5,
                                    .room = e % 4 == 3 ? e % 9 + 1 : 0,
                                    .chunk = e % 5 == 4 ? 1 + e % 7 * 500 : 0,
                                    .threads = e % 16 + 1}};

    test_context("executor %d, seed %u", (int)io.settings.executor, e);
    return io;
}

long long library_at(const struct library *l)
{
    return (long long)(intptr_t)l;
}
