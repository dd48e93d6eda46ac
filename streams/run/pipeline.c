/* pipeline.c - the life of a pipeline on its loop: start, outcome, cancel, end. */

#include "pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/digest_list.h"
#include "io/draft.h"
#include "io/outfile.h"
#include "io/read_file.h"
#include "lanes/lanes.h"

#define RECORD_MAX_DEFAULT ((uint64_t)16 << 20)

static void fill_defaults(struct leat_settings *s)
{
    long cpus;

    if (s->threads == 0) {
        cpus = sysconf(_SC_NPROCESSORS_ONLN);
        s->threads = cpus > 0 ? (unsigned)cpus : 1;
    }
    if (s->threads > LEAT_THREADS_MAX)
        s->threads = LEAT_THREADS_MAX;
    if (s->memory == 0)
        s->memory = LEAT_MEMORY_DEFAULT;
    if (s->memory < LEAT_MEMORY_MIN)
        s->memory = LEAT_MEMORY_MIN;
    if (s->chunk > LEAT_CHUNK_MAX)
        s->chunk = LEAT_CHUNK_MAX;
    if (s->record_max == 0)
        s->record_max = s->memory / 4 < RECORD_MAX_DEFAULT ? s->memory / 4 : RECORD_MAX_DEFAULT;
    if (s->executor == LEAT_EXECUTOR_AUTO)
        s->executor = s->threads == 1 ? LEAT_EXECUTOR_LOOP : LEAT_EXECUTOR_POOL;
}

/* Refuse settings out of their range; never adjust them silently. */
static int check_settings(const struct leat_settings *s, struct leat_error *ret_error)
{
    unsigned executor = s ? (unsigned)s->executor : 0;

    if (!s)
        return 0;
    if (s->threads > LEAT_THREADS_MAX)
        return leat_error_set(ret_error, LEAT_EUSAGE, "settings.threads is %u, but %u are the most",
                              s->threads, LEAT_THREADS_MAX);
    if (executor > LEAT_EXECUTOR_SEEDED)
        return leat_error_set(ret_error, LEAT_EUSAGE,
                              "settings.executor is %u, which is not in enum leat_executor_kind",
                              executor);
    if (s->chunk > LEAT_CHUNK_MAX)
        return leat_error_set(ret_error, LEAT_EUSAGE,
                              "settings.chunk is %zu bytes, but %zu are the most", s->chunk,
                              LEAT_CHUNK_MAX);
    return 0;
}

/* A segment has ended. Thread: the one that ran it. */
static void segment_done(struct leat_segment *segment)
{
    struct leat_pipeline *p = segment->pipeline;
    struct leat_parts *parts = segment->part_of;
    unsigned live;

    for (size_t i = 0; i < segment->n; i++) {
        struct leat_stage *s = segment->slots[i].stage;

        if (parts && segment->slots[i].failed)
            leat_parts_stage_failed(parts, s);
        if (s->type->commit)
            leat_blocking_end(
                s); /* its thread keeps a stack until it is joined; the commit may come late */
        else
            leat_stage_close(s);
    }
    if (parts)
        leat_parts_ended(parts); /* after this the segment may be in use again */
    live = atomic_fetch_sub(&p->outcome.live, 1);
    leat_assert(live > 0);
    if (live == 1)
        leat_actor_wake(&p->executor, &p->conductor);
}

/* The pipeline owns the tree, also on failure. */
static int pipeline_new(const struct leat_registry *registry, struct leat_tree *plan,
                        const struct leat_settings *settings, struct leat_pipeline **ret_pipeline,
                        struct leat_error *ret_error)
{
    int r = check_settings(settings, ret_error);
    struct leat_pipeline *p = r == 0 ? calloc(1, sizeof *p) : NULL;

    if (!p) {
        leat_tree_free(plan);
        return r < 0 ? r : leat_error_set(ret_error, LEAT_ENOMEM, "out of memory");
    }
    r = LEAT_ENOMEM;
    p->registry = registry;
    p->tree = plan;
    if (settings)
        p->settings = *settings;
    p->settings.variables = NULL;
    p->settings.n_variables = 0;
    p->settings.sums = NULL;
    fill_defaults(&p->settings);
    p->conductor.run = leat_conductor_run;
    p->segment_done = segment_done;
    p->waits.epoll_fd = -1;
    if (leat_directories_init(&p->outputs.directories) == 0 &&
        pthread_mutex_init(&p->lock, NULL) == 0) {
        if (settings && settings->sums)
            p->outputs.digests = leat_digest_list_new(p, settings->sums);
        r = settings && settings->sums && !p->outputs.digests ? LEAT_ENOMEM
                                                              : leat_compile(p, ret_error);
        if (r == 0) {
            *ret_pipeline = p;
            return 0;
        }
    }
    if (!ret_error->code)
        *ret_error = (struct leat_error){.code = r};
    leat_pipeline_free(p);
    return r;
}

/* Check the arguments. Returns 0 or LEAT_EUSAGE. */
static int check_given(const struct leat_registry *registry, const void *from, const char *name,
                       struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    const char *missing = !registry       ? "registry"
                          : !from         ? name
                          : !ret_pipeline ? "ret_pipeline"
                                          : NULL;

    return missing ? leat_error_set(ret_error, LEAT_EUSAGE, "%s is NULL", missing) : 0;
}

static int check_words(size_t n, const char *const *words, struct leat_error *ret_error)
{
    for (size_t i = 0; i < n; i++)
        if (!words[i])
            return leat_error_set(ret_error, LEAT_EUSAGE, "words[%zu] is NULL", i);
    return 0;
}

static int check_variables(const struct leat_settings *s, struct leat_error *ret_error)
{
    size_t n = s ? s->n_variables : 0;

    if (n > 0 && !s->variables)
        return leat_error_set(ret_error, LEAT_EUSAGE, "settings.variables is NULL");
    for (size_t i = 0; i < n; i++)
        if (!s->variables[i].name || !s->variables[i].value)
            return leat_error_set(ret_error, LEAT_EUSAGE,
                                  "settings.variables[%zu] has no name or no value", i);
    return 0;
}

int leat_pipeline_from_text(const struct leat_registry *registry, const char *text,
                            const struct leat_settings *settings,
                            struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct leat_error error = {0};
    struct leat_tree *plan = NULL;
    int r = check_given(registry, text, "text", ret_pipeline, &error);

    if (r == 0)
        r = check_variables(settings, &error);
    if (r == 0)
        r = leat_tree_from_text(registry, text, settings ? settings->variables : NULL,
                                settings ? settings->n_variables : 0, &plan, &error);
    if (r == 0)
        r = pipeline_new(registry, plan, settings, ret_pipeline, &error);
    if (r < 0 && ret_error)
        *ret_error = error;
    return r;
}

int leat_pipeline_from_words(const struct leat_registry *registry, size_t n_words,
                             const char *const *words, const struct leat_settings *settings,
                             struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct leat_error error = {0};
    struct leat_tree *plan = NULL;
    int r =
        check_given(registry, n_words ? (const void *)words : "", "words", ret_pipeline, &error);

    if (r == 0)
        r = check_words(n_words, words, &error);
    if (r == 0)
        r = leat_tree_from_words(registry, n_words, words, &plan, &error);
    if (r == 0)
        r = pipeline_new(registry, plan, settings, ret_pipeline, &error);
    if (r < 0 && ret_error)
        *ret_error = error;
    return r;
}

int leat_pipeline_from_tree(const struct leat_registry *registry, struct leat_tree *plan,
                            const struct leat_settings *settings,
                            struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct leat_error error = {0};
    int r = pipeline_new(registry, plan, settings, ret_pipeline, &error);

    if (r < 0 && ret_error)
        *ret_error = error;
    return r;
}

/* Assert that nothing leaked: no slice holds a chunk, and no stage a charge. */
static void pool_done(struct leat_pool *pool)
{
    uint64_t charged = pool->charged, left = leat_pool_done(pool);

    leat_assert(charged == 0);
    leat_assert(left == 0);
}

void leat_pipeline_free(struct leat_pipeline *p)
{
    if (!p)
        return;
    leat_assert(atomic_load(&p->outcome.phase) == LEAT_PHASE_BUILT ||
                atomic_load(&p->outcome.phase) == LEAT_PHASE_DONE);
    leat_assert(!p->outcome.running);
    for (size_t i = 0; i < p->graph.n_segments; i++)
        leat_segment_free(p->graph.segments[i]);
    for (size_t i = 0; i < p->graph.n_edges; i++) {
        leat_edge_done(p->graph.edges[i]);
        free(p->graph.edges[i]);
    }
    for (size_t i = 0; i < p->outputs.pending.n; i++)
        leat_stage_free(p->outputs.pending.v[i]);
    free(p->outputs.pending.v);
    for (size_t i = 0; i < p->graph.n_infos; i++) {
        leat_outfile_free(p->graph.infos[i].side.file);
        free(p->graph.infos[i].side.data);
        free(p->graph.infos[i].text);
        leat_kept_files_free(&p->pool, p->graph.infos[i].files);
        leat_needs_done(&p->graph.infos[i].needs);
        free(p->graph.infos[i].input.opens);
    }
    leat_digest_list_free(p->outputs.digests);
    leat_claims_done(&p->outputs.claims);
    leat_directories_done(&p->outputs.directories);
    leat_warnings_done(&p->warnings);
    free(p->graph.segments);
    free(p->graph.edges);
    free(p->graph.infos);
    free(p->graph.links);
    if (p->pool_ready)
        pool_done(&p->pool);
    leat_tree_free(p->tree);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool leat_pipeline_discard(struct leat_pipeline *p)
{
    bool committing;

    if (!p)
        return true;
    pthread_mutex_lock(&p->lock);
    atomic_store_explicit(&p->outcome.aborted, true, memory_order_release);
    committing = p->outcome.committing;
    pthread_mutex_unlock(&p->lock);
    if (committing) /* also after the commit: the run has its result, and ends soon */
        return false;
    leat_drafts_discard(&p->outputs.directories);
    return atomic_load(&p->outputs.n_appending) == 0;
}

const struct leat_error *leat_pipeline_error(const struct leat_pipeline *p)
{
    return leat_outcome_rests(p) && p->outcome.error.code ? &p->outcome.error : NULL;
}

/* --- stall ------------------------------------------------------------------------------------ */

static void dump(const struct leat_pipeline *p, char *buf, size_t size)
{
    static const char *const parked[] = {"idle", "waits for input", "waits for room",
                                         "waits for memory"};
    size_t at = (size_t)snprintf(buf, size, "nothing can go on, which is a bug in leat:");

    for (size_t i = 0; i < p->graph.n_segments && at < size; i++) {
        const struct leat_segment *s = p->graph.segments[i];

        at += (size_t)snprintf(buf + at, size - at, " segment %d (%s) %s;", s->number,
                               s->n ? s->slots[s->n - 1].stage->info->name : "",
                               atomic_load(&s->finished) ? "ended" : parked[s->parked]);
    }
}

/* A segment that waits for memory while nothing else can go on will not get it: all memory is held
 * until the end of the run. One of these segments must fail. */
static bool give_up_memory(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        struct leat_segment *seg = p->graph.segments[i];

        if (atomic_load(&seg->finished) || !atomic_load(&seg->memory.is_short) ||
            atomic_exchange(&seg->memory.none, true))
            continue;
        leat_actor_wake(&p->executor, &seg->actor);
        return true;
    }
    return false;
}

/* Called when no actor runs or is queued and no step waits. With an armed alarm the pipeline is not
 * stalled, because the alarm may let something go on. But an alarm may be a day away, and it frees
 * no memory, so segments short of memory fail even then. A step that waits may free memory when it
 * goes on, because chunks move then. Until then this function is not called and segments short of
 * memory wait: the outcome must not depend on the speed of an input. */
static void check_stall(struct leat_executor *ex, bool alarmed)
{
    struct leat_pipeline *p = ex->owner;
    struct leat_error error = {.code = LEAT_ESTALL};

    if (atomic_load(&p->outcome.phase) != LEAT_PHASE_RUN || atomic_load(&p->outcome.live) == 0 ||
        leat_outcome_aborted(p))
        return;
    if (give_up_memory(p) || alarmed)
        return;
    dump(p, error.text, sizeof error.text);
    leat_outcome_report(p, NULL, &error);
    atomic_store_explicit(&p->outcome.aborted, true, memory_order_release);
    uv_async_send(&p->on.async);
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct leat_pipeline *p = handle->data;
    const struct leat_error *error;

    if (--p->on.open > 0)
        return;
    leat_waits_done(&p->waits);
    leat_executor_done(&p->executor);
    atomic_store(&p->ended_ns,
                 p->executor.clock.is_virtual ? p->executor.clock.latest_ns : leat_now_ns());
    error = leat_pipeline_error(p);
    leat_tell_stage(p, LEAT_EVENT_FINISHED, NULL, error);
    if (p->on.done)
        p->on.done(p, error, p->on.done_arg);
}

static void close_handles(struct leat_pipeline *p)
{
    p->on.closing = true;
    uv_close((uv_handle_t *)&p->on.async, on_closed);
    uv_close((uv_handle_t *)&p->on.poll, on_closed);
    uv_close((uv_handle_t *)&p->on.timer, on_closed);
    uv_close((uv_handle_t *)&p->on.idle, on_closed);
}

static void on_async(uv_async_t *async)
{
    struct leat_pipeline *p = async->data;

    if (p->on.closing)
        return;
    leat_waits_fire_woken(&p->waits);
    if (!p->on.begun) {
        p->on.begun = true;
        leat_actor_wake(&p->executor, &p->conductor);
    }
    if (atomic_load(&p->outcome.phase) == LEAT_PHASE_DONE) {
        pthread_mutex_lock(&p->lock);
        p->outcome.running = false; /* a cancel comes too late now */
        pthread_mutex_unlock(&p->lock);
        leat_executor_stop(&p->executor);
        close_handles(p);
        return;
    }
    if (!leat_outcome_aborted(p))
        return;
    if (atomic_load(&p->outcome.phase) != LEAT_PHASE_RUN) {
        leat_actor_wake(&p->executor, &p->conductor); /* it may wait for a file or a stream */
    } else if (!p->on.woken) {
        p->on.woken = true;
        leat_outcome_wake_all(p);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct leat_pipeline *p = poll->data;

    (void)status;
    (void)events;
    leat_waits_fire(&p->waits);
}

static void on_timer(uv_timer_t *timer)
{
    struct leat_pipeline *p = timer->data;
    char text[96];

    snprintf(text, sizeof text, "timed out after %.3g s", (double)p->settings.timeout_ms / 1000.0);
    leat_pipeline_cancel(p, LEAT_ETIMEDOUT, text);
}

/* Run one actor per iteration of the loop, so that signals and timers are served in between. */
static void on_idle(uv_idle_t *idle)
{
    struct leat_pipeline *p = idle->data;

    if (leat_executor_step(&p->executor))
        return;
    uv_idle_stop(idle);
    p->on.idling = false;
    if (atomic_load(&p->waits.armed) == 0)
        check_stall(&p->executor, atomic_load(&p->waits.alarms) > 0);
}

static void kick(struct leat_executor *ex)
{
    struct leat_pipeline *p = ex->owner;

    if (!p->on.idling && uv_idle_start(&p->on.idle, on_idle) == 0)
        p->on.idling = true;
}

static void call(struct leat_executor *ex)
{
    struct leat_pipeline *p = ex->owner;

    uv_async_send(&p->on.async);
}

static bool due(struct leat_executor *ex, uint64_t until)
{
    struct leat_pipeline *p = ex->owner;

    return leat_waits_due(&p->waits, until);
}

/* Returns 0 or an error of libuv, which is -errno. */
static int init_handles(struct leat_pipeline *p, uv_loop_t *loop)
{
    int r;

    p->on.loop = loop;
    p->on.async.data = p->on.poll.data = p->on.timer.data = p->on.idle.data = p;
    r = uv_poll_init(loop, &p->on.poll, p->waits.epoll_fd);
    if (r < 0)
        return r;
    r = uv_async_init(loop, &p->on.async, on_async);
    if (r < 0) {
        /* The poll handle is not active, but it must be closed. */
        p->on.open = 1;
        uv_close((uv_handle_t *)&p->on.poll, NULL);
        return r;
    }
    uv_timer_init(loop, &p->on.timer); /* these two cannot fail */
    uv_idle_init(loop, &p->on.idle);
    p->on.open = 4;
    return 0;
}

/* The run did not begin; leat_pipeline_error has the error, too. */
static int not_started(struct leat_pipeline *p, int code, const char *why)
{
    pthread_mutex_lock(&p->lock);
    if (!p->outcome.error.code) {
        p->outcome.error = (struct leat_error){.code = code};
        snprintf(p->outcome.error.text, sizeof p->outcome.error.text, "cannot start: %s", why);
    }
    pthread_mutex_unlock(&p->lock);
    return code;
}

static int no_thread(struct leat_pipeline *p, int err)
{
    char why[128];

    snprintf(why, sizeof why, "cannot start a thread: %s; --threads=1 needs none",
             strerrordesc_np(err));
    return not_started(p, LEAT_ENOMEM, why);
}

static void start_clock(struct leat_pipeline *p)
{
    uint64_t now = leat_clock_now(&p->executor.clock);

    for (size_t i = 0; i < p->graph.n_segments; i++)
        leat_account_start(p->graph.segments[i], now);
    atomic_store(&p->started_ns, now);
}

int leat_pipeline_start(struct leat_pipeline *p, struct uv_loop_s *loop, leat_done_cb done,
                        void *arg)
{
    int r, no_worker;

    if (!p || !loop || atomic_load(&p->outcome.phase) != LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    r = leat_executor_init(&p->executor, p->settings.executor, p->settings.threads,
                           p->settings.seed, p->settings.virtual_time);
    if (r < 0)
        return not_started(p, r, leat_strerror(r));
    p->executor.owner = p;
    p->executor.kick = kick;
    p->executor.call = call;
    p->executor.on_idle = check_stall;
    p->executor.due = due;
    r = leat_waits_init(&p->waits, &p->executor);
    if (r < 0) {
        leat_executor_done(&p->executor);
        return not_started(p, LEAT_EIO, strerrordesc_np(-r));
    }
    leat_wait_init(&p->wait, &p->conductor);
    p->executor.armed = &p->waits.armed;
    p->executor.alarms = &p->waits.alarms;
    no_worker = leat_executor_start(&p->executor);
    r = no_worker == 0 ? init_handles(p, loop) : 0;
    if (no_worker < 0 || r < 0) {
        leat_executor_stop(&p->executor);
        leat_waits_done(&p->waits);
        leat_executor_done(&p->executor);
        return r < 0 ? not_started(p, LEAT_EIO, strerrordesc_np(-r)) : no_thread(p, -no_worker);
    }
    p->on.done = done;
    p->on.done_arg = arg;
    start_clock(p);
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->outcome.phase, LEAT_PHASE_OPEN);
    p->outcome.running = true;
    pthread_mutex_unlock(&p->lock);
    (void)uv_poll_start(&p->on.poll, UV_READABLE, on_poll);
    if (p->settings.timeout_ms > 0)
        (void)uv_timer_start(&p->on.timer, on_timer, p->settings.timeout_ms, 0);
    uv_async_send(&p->on.async); /* stages open only when the loop watches our handles */
    return 0;
}

/* libuv aborts the process if it cannot make a pipe for its signals, so try it first. Returns 0 or
 * -errno. */
static int try_pipe(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    (void)close(ends[0]); /* nothing was written */
    (void)close(ends[1]);
    return 0;
}

int leat_pipeline_run(struct leat_pipeline *p)
{
    uv_loop_t *loop;
    int r;

    if (!p || atomic_load(&p->outcome.phase) != LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    loop = malloc(sizeof *loop);
    if (!loop)
        return not_started(p, LEAT_ENOMEM, leat_strerror(LEAT_ENOMEM));
    r = try_pipe();
    if (r == 0)
        r = uv_loop_init(loop);
    if (r < 0) {
        free(loop);
        return not_started(p, r == UV_ENOMEM ? LEAT_ENOMEM : LEAT_EIO, strerrordesc_np(-r));
    }
    r = leat_pipeline_start(p, loop, NULL, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    if (uv_loop_close(loop) < 0 && r == 0)
        r = LEAT_EINTERNAL;
    free(loop);
    return r < 0 ? r : p->outcome.error.code;
}
