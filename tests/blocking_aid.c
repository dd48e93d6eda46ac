/* blocking_aid.c - a library with a loop, and the blocking stages around it. */
#include "blocking_aid.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stage.h"
#include "test.h"

static void library_init(struct library *l)
{
    *l = (struct library){.fail_at = NEVER, .end_at = NEVER, .block_at = NEVER};
    l->interrupt_fd = eventfd(0, EFD_CLOEXEC);
    ASSERT_GE(l->interrupt_fd, 0);
    ASSERT_EQ(sem_init(&l->pulled, 0, 0), 0);
    ASSERT_EQ(sem_init(&l->held, 0, 0), 0);
}

static void library_done(struct library *l)
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

static bool append(struct library *l, const uint8_t *data, size_t n)
{
    size_t room = l->out_room ? l->out_room : 4096;
    uint8_t *more = l->out;

    while (room < l->out_len + n)
        room *= 2;
    if (room > l->out_room)
        more = realloc(l->out, room);
    if (!more)
        return false;
    memcpy(more + l->out_len, data, n);
    l->out = more;
    l->out_room = room;
    l->out_len += n;
    return true;
}

static int pull_all(struct leat_stage *s, struct library *l, struct leat_blocking *b)
{
    for (;;) {
        const uint8_t *data;
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
        if (!append(l, data, n))
            return leat_fail(s, LEAT_ENOMEM, "out of memory");
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

#define N_TYPES (sizeof types / sizeof *types)

static const struct leat_stage_type *const *all_types(void)
{
    static const struct leat_stage_type *all[N_TYPES + 1];

    for (size_t i = 0; i < N_TYPES; i++)
        all[i] = &types[i];
    return all;
}

/* The same bytes for each run of a test, made once. */
static const uint8_t *bytes_of(size_t n)
{
    static uint8_t *bytes;
    static size_t len = SIZE_MAX;

    if (n == len)
        return bytes;
    free(bytes);
    bytes = memio_bytes(n);
    len = n;
    return bytes;
}

void blocking_init(struct blocking *b, unsigned e, size_t len)
{
    *b = (struct blocking){.io = memio_under(e), .in = bytes_of(len), .len = len};
    b->io.types = all_types();
    b->io.in = b->in;
    b->io.in_len = len;
    b->io.settings.virtual_time = e % 6 == 5;
    b->io.settings.room = e % 4 == 3 ? e % 9 + 1 : 0;
    b->io.settings.chunk = e % 5 == 4 ? 1 + e % 7 * 500 : 0;
    library_init(&b->from);
    library_init(&b->to);
    library_init(&b->other);
    b->from.in = b->in;
    b->from.len = len;
}

int blocking_run(struct blocking *b, const char *format, ...)
{
    const struct memio_name names[] = {
        {"from", &b->from}, {"to", &b->to}, {"other", &b->other}, {0}};
    char text[4096];
    va_list args;

    va_start(args, format);
    ASSERT_LT(vsnprintf(text, sizeof text, format, args), (int)sizeof text);
    va_end(args);
    return memio_run_named(&b->io, names, "%s", text);
}

void blocking_done(struct blocking *b)
{
    library_done(&b->from);
    library_done(&b->to);
    library_done(&b->other);
    memio_free(&b->io);
}
