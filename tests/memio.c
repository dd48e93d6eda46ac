/* memio.c - a source and a sink in memory: the two stage types, and the run around them. */
#include "memio.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "run/pipeline.h"
#include "stage/stage_impl.h"
#include "test.h"

#define GROW_MIN 4096u
#define LOOK_MS 20u /* a sink that stands still looks so often whether the pipeline has failed */
#define OWN_LOOP_EVERY 16u

const struct leat_option memio_option[] = {
    {.name = "at",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct memio_params, at),
     .metavar = "N",
     .max = INT64_MAX,
     .help = "address of the struct memio"},
    {0},
};

void *memio_given(const struct leat_stage *stage)
{
    const struct memio_params *params = leat_params(stage);

    return (void *)(intptr_t)params->at; // NOLINT(performance-no-int-to-ptr)
}

/* One instance: in parts there are many of a sink. */
struct end {
    int ready_fd; /* always readable, to be waited for; -1 if no fault waits */
};

static struct memio *memio_of(const struct leat_stage *stage)
{
    return memio_given(stage);
}

long long memio_at(const struct memio *io)
{
    return (long long)(intptr_t)io;
}

/* The action that a fault wants at this call. */
enum turn { GO_ON, FAIL_NOW, WAIT_NOW, END_NOW };

static enum turn take_turn(struct leat_stage *stage, const struct memio_fault *fault, uint64_t call)
{
    struct memio *io = memio_of(stage);
    const struct end *end = leat_state(stage);

    if (fault->cancel_at == call && io->pipeline)
        leat_pipeline_cancel(io->pipeline, LEAT_ECANCELLED, NULL);
    if (fault->fail_at == call)
        return FAIL_NOW;
    if (fault->end_at == call)
        return END_NOW;
    if (fault->wait_every && call % fault->wait_every == 0) {
        leat_wait_fd(stage, end->ready_fd, false);
        return WAIT_NOW;
    }
    return GO_ON;
}

static int fail_planned(struct leat_stage *stage, int code, const char *where)
{
    return leat_fail(stage, code ? code : LEAT_EIO, "planned failure in %s", where);
}

static size_t draw(uint64_t *random, size_t size, size_t most)
{
    if (size == MEMIO_RANDOM)
        size = 1 + test_random(random) % (most > 1 ? most : 1);
    return size == 0 || size > most ? most : size;
}

static void open_end(struct leat_stage *stage, const struct memio_fault *fault)
{
    struct end *end = leat_state(stage);

    end->ready_fd = fault->wait_every ? eventfd(1, EFD_CLOEXEC) : -1;
    ASSERT(end->ready_fd >= 0 || !fault->wait_every);
}

static void close_end(struct leat_stage *stage)
{
    const struct end *end = leat_state(stage);

    if (end->ready_fd >= 0)
        close(end->ready_fd);
}

static int source_open(struct leat_stage *stage)
{
    struct memio *io = memio_of(stage);

    io->source_opens++;
    open_end(stage, &io->source);
    return io->source.fail_open ? fail_planned(stage, io->source.fail_open, "open") : 0;
}

static int source_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct memio *io = memio_of(stage);
    uint64_t total = io->in_len * (io->in_repeat ? io->in_repeat : 1);
    size_t room, at, n;
    uint8_t *to;

    (void)in;
    switch (take_turn(stage, &io->source, ++io->source_calls)) {
    case FAIL_NOW:
        return fail_planned(stage, io->source.fail_code, "the source");
    case WAIT_NOW:
        return LEAT_WAIT;
    case END_NOW:
        return LEAT_END;
    case GO_ON:
        break;
    }
    if (io->given == total)
        return LEAT_END;
    room = leat_reserve(out, &to);
    at = (size_t)(io->given % io->in_len);
    n = draw(&io->source_random, io->piece, room < io->in_len - at ? room : io->in_len - at);
    if (n) {
        memcpy(to, (const uint8_t *)io->in + at, n);
        leat_commit(out, n);
        io->given += n;
        leat_position(stage, io->given, total);
    }
    return io->given == total ? LEAT_END : LEAT_MORE;
}

static void source_close(struct leat_stage *stage)
{
    memio_of(stage)->source_closes++;
    close_end(stage);
}

static const struct leat_stage_type source_type = {
    .name = "memsource",
    .summary = "bytes from memory",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct memio_params),
    .state_size = sizeof(struct end),
    .options = memio_option,
    .open = source_open,
    .step = source_step,
    .close = source_close,
};

static int keep(struct leat_stage *stage, struct memio *io, const uint8_t *data, size_t n)
{
    if (!io->discard && io->out_len + n > io->out_size) {
        size_t size = io->out_size ? io->out_size : GROW_MIN;
        uint8_t *more;

        while (size < io->out_len + n) /* of few sizes, so that kept_blocks.c has one of them */
            size *= 2;
        more = realloc(io->out, size);
        if (!more)
            return leat_fail(stage, LEAT_ENOMEM, "out of memory");
        io->out = more;
        io->out_size = size;
    }
    if (!io->discard && n)
        memcpy(io->out + io->out_len, data, n);
    io->out_len += n;
    return 0;
}

static int sink_open(struct leat_stage *stage)
{
    struct memio *io = memio_of(stage);

    io->sink_opens++;
    open_end(stage, &io->sink);
    return io->sink.fail_open ? fail_planned(stage, io->sink.fail_open, "open") : 0;
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static int sink_ended(const struct memio *io)
{
    if (io->ended_fd)
        ASSERT_EQ(eventfd_write(io->ended_fd, 1), 0);
    return LEAT_END;
}

/* After a failure a sink still gets what is on its way to it, so its peer has to go on. */
static bool stands_still(struct leat_stage *stage, const struct memio *io)
{
    if (!io->after_fd || is_readable(io->after_fd) || leat_outcome_failed(stage->pipeline) ||
        leat_detached_failed(stage->info->detached))
        return false;
    leat_wait_fd(stage, io->after_fd, false);
    leat_wait_ms(stage, LOOK_MS);
    return true;
}

static int sink_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct memio *io = memio_of(stage);
    size_t n;
    int r;

    (void)out;
    if (stands_still(stage, io))
        return LEAT_WAIT;
    switch (take_turn(stage, &io->sink, ++io->sink_calls)) {
    case FAIL_NOW:
        return fail_planned(stage, io->sink.fail_code, "the sink");
    case WAIT_NOW:
        return LEAT_WAIT;
    case END_NOW:
        return sink_ended(io);
    case GO_ON:
        break;
    }
    n = in->len > in->pos ? draw(&io->sink_random, io->gulp, in->len - in->pos) : 0;
    r = keep(stage, io, n ? in->data + in->pos : NULL, n);
    if (r < 0)
        return r;
    in->pos += n;
    return in->end && in->pos == in->len ? sink_ended(io) : LEAT_MORE;
}

static int sink_prepare(struct leat_stage *stage)
{
    struct memio *io = memio_of(stage);

    io->prepares++;
    return io->sink.fail_prepare ? fail_planned(stage, io->sink.fail_prepare, "prepare") : 0;
}

static int sink_commit(struct leat_stage *stage)
{
    struct memio *io = memio_of(stage);

    io->commits++;
    return io->sink.fail_commit ? fail_planned(stage, io->sink.fail_commit, "commit") : 0;
}

static void sink_revert(struct leat_stage *stage)
{
    memio_of(stage)->reverts++;
}

static void sink_close(struct leat_stage *stage)
{
    memio_of(stage)->sink_closes++;
    close_end(stage);
}

static const struct leat_stage_type sink_type = {
    .name = "memsink",
    .summary = "bytes to memory",
    .kind = LEAT_SINK,
    .params_size = sizeof(struct memio_params),
    .state_size = sizeof(struct end),
    .options = memio_option,
    .open = sink_open,
    .step = sink_step,
    .close = sink_close,
    .prepare = sink_prepare,
    .commit = sink_commit,
    .revert = sink_revert,
};

int memio_pass(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

int memio_register(struct leat_registry *registry)
{
    int r = leat_registry_add_plain(registry, &source_type);

    return r < 0 ? r : leat_registry_add_plain(registry, &sink_type);
}

static void clear(struct memio *io)
{
    memio_free(io);
    io->source_calls = io->sink_calls = io->given = 0;
    io->source_opens = io->source_closes = io->sink_opens = io->sink_closes = 0;
    io->prepares = io->commits = io->reverts = 0;
    io->source_random = io->seed;
    io->sink_random = ~io->seed;
    io->pipeline = NULL;
    memset(&io->error, 0, sizeof(io->error));
    memset(&io->stats, 0, sizeof(io->stats));
    io->chunks_left = io->charged_left = 0;
}

/* These hold after every run, failed or not. */
static void check(const struct memio *io)
{
    ASSERT_EQ(io->source_opens, io->source_closes);
    ASSERT_EQ(io->sink_opens, io->sink_closes);
    ASSERT_LE(io->prepares, 1);
    ASSERT_LE(io->commits, io->prepares);
    ASSERT_EQ(io->chunks_left, 0);
    ASSERT_EQ(io->charged_left, 0);
    if (io->code == 0) {
        ASSERT_EQ(io->error.code, 0);
        ASSERT_EQ(io->commits, io->sink_opens);
        ASSERT_EQ(io->reverts, 0);
    } else {
        ASSERT_EQ(io->error.code, io->code);
    }
    if (io->code != 0 && io->code != LEAT_EBATCH)
        ASSERT_LE(io->commits, io->reverts + (io->sink.fail_commit != 0));
}

/* The tests are linked with --wrap=leat_pool_done: what it returns is looked at here. */
static _Thread_local uint64_t chunks_left, charged_left;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
uint64_t __real_leat_pool_done(struct leat_pool *pool);
uint64_t __wrap_leat_pool_done(struct leat_pool *pool);

uint64_t __wrap_leat_pool_done(struct leat_pool *pool)
{
    charged_left = pool->charged;
    chunks_left = __real_leat_pool_done(pool);
    return chunks_left;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* A lane other than the first is opened only if the cutter has charged its memory. */
static void check_lane(const struct leat_segment *segment)
{
    const struct leat_slot *slot = segment->slots;

    if (!segment->is_lane || segment->lane.number == 0)
        return;
    ASSERT_LE(slot->info->lanes.in_use, slot->info->lanes.most);
    if (segment->lane.number < slot->info->lanes.in_use)
        return;
    ASSERT(!slot->stage->open_called);
    ASSERT_EQ(slot->count.bytes_in, 0);
}

static void look_at_stages(struct memio *io)
{
    struct leat_error warning = LEAT_INIT(leat_error);

    io->dropped = io->warnings = io->lanes = io->own_threads = 0;
    for (size_t i = 0; i < io->stats.n_stages; i++) {
        struct leat_stage_stats stage = LEAT_INIT(leat_stage_stats);

        leat_pipeline_stage_stats(io->pipeline, i, &stage);
        io->dropped += stage.bytes_dropped;
        io->own_threads += stage.own_threads;
    }
    for (size_t i = 0; i < io->pipeline->graph.n_segments; i++) {
        const struct leat_segment *segment = io->pipeline->graph.segments[i];

        io->lanes += segment->is_lane && segment->slots[0].count.bytes_in > 0;
        check_lane(segment);
    }
    while (leat_pipeline_warning(io->pipeline, io->warnings, &warning) > 0)
        io->warnings++;
}

/* Mostly on the test's loop; now and then, and where allocations are counted, on one of its own. */
static int run(struct memio *io)
{
    static _Atomic unsigned runs;
    uv_loop_t *loop;
    int r;

    loop = test_loop();
    if (!loop || io->around || gettid() != getpid() || ++runs % OWN_LOOP_EVERY == 1)
        return leat_pipeline_run(io->pipeline);
    r = leat_pipeline_start(io->pipeline, loop, NULL, NULL);
    ASSERT_EQ(uv_run(loop, UV_RUN_DEFAULT), 0);
    if (r == 0 && leat_pipeline_error(io->pipeline))
        r = leat_pipeline_error(io->pipeline)->code;
    return r;
}

/* Returns 0, or LEAT_ENOMEM. */
static int add_types(const struct memio *io, struct leat_registry *registry)
{
    int r = 0;

    for (size_t i = 0; r == 0 && io->types && io->types[i]; i++)
        r = leat_registry_add_plain(registry, io->types[i]);
    if (r < 0 && r != LEAT_ENOMEM)
        FAIL("%s", leat_registry_refusal(registry));
    return r;
}

static int build_and_run(struct memio *io, const char *text)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = io->settings;
    const struct leat_error *error;
    int r = LEAT_ENOMEM;

    settings.size = sizeof settings;
    settings.fixed_default_io = true;
    io->error.size = sizeof io->error;
    io->stats.size = sizeof io->stats;
    if (registry)
        r = memio_register(registry);
    if (r == 0)
        r = add_types(io, registry);
    if (r == 0 && io->registered)
        io->registered(registry, io->arg);
    if (r < 0) {
        io->error.code = r;
        goto out;
    }
    r = leat_pipeline_from_text(registry, text, &settings, &io->pipeline, &io->error);
    if (r < 0)
        goto out;
    r = run(io);
    leat_pipeline_stats(io->pipeline, &io->stats);
    look_at_stages(io);
    error = leat_pipeline_error(io->pipeline);
    if (error)
        io->error = *error;
    ASSERT_EQ(r, error ? error->code : 0);
out:
    chunks_left = charged_left = 0;
    leat_pipeline_unref(io->pipeline);
    io->chunks_left = chunks_left;
    io->charged_left = charged_left;
    io->pipeline = NULL;
    leat_registry_free(registry);
    return r;
}

int memio_run_text(struct memio *io, const char *text)
{
    clear(io);
    if (io->around)
        io->around(true);
    io->code = build_and_run(io, text);
    if (io->around)
        io->around(false);
    check(io);
    return io->code;
}

int memio_run(struct memio *io, const char *text)
{
    size_t size = (text ? strlen(text) : 0) + 128;
    char *whole = malloc(size);
    int r;

    ASSERT_NOT_NULL(whole);
    snprintf(whole, size, "memsource --at=%lld | %s%smemsink --at=%lld", memio_at(io),
             text ? text : "", text && *text ? " | " : "", memio_at(io));
    r = memio_run_text(io, whole);
    free(whole);
    return r;
}

void memio_free(struct memio *io)
{
    free(io->out);
    io->out = NULL;
    io->out_len = io->out_size = 0;
}

uint8_t *memio_bytes(size_t n)
{
    uint8_t *bytes = malloc(n + 1);
    uint64_t state = n;
    size_t i;

    ASSERT_NOT_NULL(bytes);
    for (i = 0; i < n; i++)
        bytes[i] = (uint8_t)(test_random(&state) % 7 == 0 ? '\n' : 'a' + i % 26);
    return bytes;
}
