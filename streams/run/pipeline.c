/* pipeline.c - a pipeline is made from text or words, counted, and freed. */

#include "pipeline.h"
#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "base/sized.h"
#include "io/digest_list.h"
#include "io/draft.h"
#include "io/outfile.h"
#include "io/read_file.h"
#include "lanes/lanes.h"
#include "syntax/registry.h"

#define RECORD_MAX_DEFAULT ((uint64_t)16 << 20)

static void fill_defaults(struct leat_settings *s)
{
    long cpus;

    if (s->context) {
        s->threads = leat_context_threads(s->context);
        s->executor = LEAT_EXECUTOR_POOL;
        if (s->memory == 0)
            s->memory = leat_context_memory_default(s->context);
    }
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
    unsigned executor = (unsigned)s->executor;

    if (s->threads > LEAT_THREADS_MAX)
        return leat_error_set(ret_error, LEAT_EUSAGE, "settings.threads is %u, but %u are the most",
                              s->threads, LEAT_THREADS_MAX);
    if (executor > LEAT_EXECUTOR_SEEDED)
        return leat_error_set(ret_error, LEAT_EUSAGE,
                              "settings.executor is %u, which is not in enum leat_executor_kind",
                              executor);
    if (s->context && (s->threads > 0 || executor != LEAT_EXECUTOR_AUTO))
        return leat_error_set(
            ret_error, LEAT_EUSAGE,
            "settings.context is given, so the context decides settings.threads and "
            "settings.executor; leave them 0");
    if (s->chunk > LEAT_CHUNK_MAX)
        return leat_error_set(ret_error, LEAT_EUSAGE,
                              "settings.chunk is %zu bytes, but %zu are the most", s->chunk,
                              LEAT_CHUNK_MAX);
    return 0;
}

static int check_variables(const struct leat_settings *s, struct leat_error *ret_error)
{
    size_t n = s->n_variables;

    if (n > 0 && !s->variables)
        return leat_error_set(ret_error, LEAT_EUSAGE, "settings.variables is NULL");
    for (size_t i = 0; i < n; i++)
        if (!s->variables[i].name || !s->variables[i].value)
            return leat_error_set(ret_error, LEAT_EUSAGE,
                                  "settings.variables[%zu] has no name or no value", i);
    return 0;
}

int leat_settings_read(const struct leat_settings *given, struct leat_settings *ret,
                       struct leat_error *ret_error)
{
    int r;

    *ret = (struct leat_settings)LEAT_INIT(leat_settings);
    r = given ? leat_sized_in(ret, sizeof *ret, given) : 0;
    if (r == LEAT_EUSAGE)
        return leat_error_set(ret_error, r, "settings.size is %zu; begin with LEAT_INIT, or set it",
                              given->size);
    if (r < 0)
        return leat_error_set(ret_error, r,
                              "settings has a member that leat " LEAT_VERSION " does not know");
    r = check_settings(ret, ret_error);
    return r < 0 ? r : check_variables(ret, ret_error);
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
    struct leat_pipeline *p = calloc(1, sizeof *p);
    int r = LEAT_ENOMEM;

    if (!p) {
        leat_tree_free(plan);
        return leat_error_set(ret_error, r, "out of memory");
    }
    p->registry = registry;
    p->tree = plan;
    p->settings = *settings;
    p->settings.variables = NULL;
    p->settings.n_variables = 0;
    p->settings.sums = NULL;
    fill_defaults(&p->settings);
    p->conductor.run = leat_conductor_run;
    p->conductor.runs_alone = true;
    p->segment_done = segment_done;
    p->commit_part = leat_commit_part;
    atomic_init(&p->life.refs, 1);
    p->life.context = leat_context_ref(p->settings.context);
    if (leat_directories_init(&p->outputs.directories, p->life.context) == 0 &&
        pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->life.ended, NULL) == 0) {
        bool wanted = settings->sums || settings->digests;

        if (wanted)
            p->outputs.digests = leat_digest_list_new(p, settings->sums);
        r = wanted && !p->outputs.digests ? LEAT_ENOMEM : leat_compile(p, ret_error);
        if (r == 0) {
            leat_checkpoint_plan(p);
            *ret_pipeline = p;
            return 0;
        }
    }
    if (!ret_error->code)
        *ret_error = (struct leat_error){.code = r};
    leat_pipeline_unref(p);
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

int leat_pipeline_of_text(const struct leat_registry *registry, const char *text,
                          const struct leat_settings *settings, struct leat_pipeline **ret_pipeline,
                          struct leat_error *ret_error)
{
    struct leat_error error = {0};
    struct leat_tree *plan = NULL;
    struct leat_settings s;
    int r;

    if (!leat_sized_is_set(ret_error))
        return LEAT_EUSAGE;
    r = check_given(registry, text, "text", ret_pipeline, &error);
    if (r == 0)
        r = leat_settings_read(settings, &s, &error);
    if (r == 0)
        r = leat_tree_from_text(registry, text, s.variables, s.n_variables, &plan, &error);
    if (r == 0)
        r = pipeline_new(registry, plan, &s, ret_pipeline, &error);
    return r < 0 ? leat_error_give(ret_error, &error) : 0;
}

int leat_pipeline_of_words(const struct leat_registry *registry, size_t n_words,
                           const char *const *words, const struct leat_settings *settings,
                           struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    struct leat_error error = {0};
    struct leat_tree *plan = NULL;
    struct leat_settings s;
    int r;

    if (!leat_sized_is_set(ret_error))
        return LEAT_EUSAGE;
    r = check_given(registry, n_words ? (const void *)words : "", "words", ret_pipeline, &error);
    if (r == 0)
        r = check_words(n_words, words, &error);
    if (r == 0)
        r = leat_settings_read(settings, &s, &error);
    if (r == 0)
        r = leat_tree_from_words(registry, n_words, words, &plan, &error);
    if (r == 0)
        r = pipeline_new(registry, plan, &s, ret_pipeline, &error);
    return r < 0 ? leat_error_give(ret_error, &error) : 0;
}

int leat_pipeline_from_tree(const struct leat_registry *registry, struct leat_tree *plan,
                            const struct leat_settings *settings,
                            struct leat_pipeline **ret_pipeline, struct leat_error *ret_error)
{
    *ret_error = (struct leat_error){0};
    return pipeline_new(registry, plan, settings, ret_pipeline, ret_error);
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
    struct leat_context *context = p->life.context;

    leat_assert(atomic_load(&p->outcome.phase) == LEAT_PHASE_BUILT ||
                atomic_load(&p->outcome.phase) == LEAT_PHASE_DONE);
    leat_assert(!p->outcome.running);
    if (p->life.drop_ends)
        p->life.drop_ends(p);
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
        leat_lent_done(&p->graph.infos[i]);
        leat_kept_files_free(&p->pool, p->graph.infos[i].files);
        leat_needs_done(&p->graph.infos[i].needs);
        if (p->graph.infos[i].inner)
            leat_registry_inner(p->registry)->free(p->graph.infos[i].inner);
        free(p->graph.infos[i].input.opens);
    }
    leat_digest_list_free(p->outputs.digests);
    leat_claims_done(&p->outputs.claims);
    leat_directories_done(&p->outputs.directories);
    leat_warnings_done(&p->warnings);
    leat_checkpoint_free(p->checkpoint.file);
    free(p->graph.segments);
    free(p->graph.edges);
    free(p->graph.infos);
    free(p->graph.links);
    if (p->pool_ready)
        pool_done(&p->pool);
    if (p->life.held > 0)
        leat_context_give_memory(context, p->life.held);
    leat_tree_free(p->tree);
    pthread_cond_destroy(&p->life.ended);
    pthread_mutex_destroy(&p->lock);
    free(p);
    leat_context_unref(context);
}

struct leat_pipeline *leat_pipeline_ref(struct leat_pipeline *p)
{
    if (p) {
        unsigned refs = atomic_fetch_add(&p->life.refs, 1);

        leat_assert(refs > 0 && refs < UINT_MAX);
    }
    return p;
}

bool leat_pipeline_drop(struct leat_pipeline *p)
{
    unsigned refs = atomic_fetch_sub(&p->life.refs, 1);

    leat_assert(refs > 0);
    return refs == 1;
}

void leat_pipeline_unref(struct leat_pipeline *p)
{
    if (!p || !leat_pipeline_drop(p))
        return;
    pthread_mutex_lock(
        &p->lock); /* the run drops its reference under it, and may not have left it */
    pthread_mutex_unlock(&p->lock);
    leat_pipeline_free(p);
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
