/* inner.c - the branch of a stage with LEAT_INNER, run anew for each piece of data that the stage has for it.
 *
 * Each run is a pipeline between two ends, in a context of the stage. The thread of the stage feeds it and takes what
 * comes out, in turns, and never waits for one of the two alone, so neither side can hold up the other.
 */

#include "inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/message.h"
#include "ends.h"

#define PART 4u            /* the branch has this part of the stage's limit */
#define LOOK_NS 50000000ll /* how often a thread that waits looks for a cancel */

/* --- the model -------------------------------------------------------------------------------- */

static uint64_t memory_of(const struct leat_pipeline *p)
{
    uint64_t part = p->settings.memory / PART;

    return part > LEAT_MEMORY_MIN ? part : LEAT_MEMORY_MIN;
}

static void on_ready(void *user)
{
    struct leat_inner *inner = user;

    pthread_mutex_lock(&inner->lock);
    inner->news++;
    pthread_cond_broadcast(&inner->changed);
    pthread_mutex_unlock(&inner->lock);
}

/* push : the branch : pull. Returns 0 or an error, in *ret_error, too. */
static int build(struct leat_inner *inner, const struct leat_pipeline *p,
                 struct leat_pipeline **ret, struct leat_push_end **ret_push,
                 struct leat_pull_end **ret_pull, struct leat_error *ret_error)
{
    const struct leat_end_settings end = {.size = sizeof end, .ready = on_ready, .user = inner};
    const struct leat_settings settings = {.size = sizeof settings,
                                           .context = inner->context,
                                           .memory = memory_of(p),
                                           .threads = inner->context ? 0 : p->settings.threads};
    struct leat_builder *b = leat_builder_of(p->registry);
    int r;

    *ret_error = (struct leat_error)LEAT_INIT(leat_error);
    (void)leat_builder_push(b, &end, ret_push); /* finish tells of all failures */
    (void)leat_builder_text(b, inner->text, NULL);
    (void)leat_builder_pull(b, &end, ret_pull);
    r = leat_builder_finish_inner(b, &settings, ret, ret_error);
    leat_builder_free(b);
    if (r == 0)
        (*ret)->life.part = PART * (p->life.part > 1 ? p->life.part : 1);
    return r;
}

/* Its outputs would appear before those of the pipeline, and once for each run. */
static int check_outputs(const struct leat_pipeline *model, struct leat_error *ret_error)
{
    for (size_t i = 0; i < model->graph.n_infos; i++) {
        const struct leat_stage_info *info = &model->graph.infos[i];

        if (info->type->commit || leat_stage_side_path(info->node))
            return leat_error_set(
                ret_error, LEAT_EUSAGE,
                "%s writes a file, which is not allowed in this branch: it runs anew for each "
                "piece",
                info->name);
    }
    return 0;
}

int leat_inner_make(struct leat_pipeline *p, struct leat_stage_info *info,
                    struct leat_error *ret_error)
{
    const struct leat_tree branch = {.root = info->node->branches[0]};
    struct leat_inner *inner = calloc(1, sizeof *inner);
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    struct leat_error error;
    int r;

    if (!inner)
        return leat_error_set(ret_error, LEAT_ENOMEM, "out of memory");
    if (pthread_mutex_init(&inner->lock, NULL) || pthread_cond_init(&inner->changed, NULL)) {
        free(inner);
        return leat_error_set(ret_error, LEAT_ENOMEM, "out of memory");
    }
    info->inner = inner;
    inner->text = leat_tree_text(&branch);
    if (!inner->text)
        return leat_error_set(ret_error, LEAT_ENOMEM, "out of memory");
    r = build(inner, p, &inner->model, &push, &pull, &error);
    if (r == 0)
        r = check_outputs(inner->model, &error);
    if (r < 0)
        *ret_error = error;
    return r;
}

void leat_inner_free(struct leat_inner *inner)
{
    if (!inner)
        return;
    leat_pipeline_unref(inner->model);
    leat_context_unref(inner->context);
    pthread_cond_destroy(&inner->changed);
    pthread_mutex_destroy(&inner->lock);
    free(inner->text);
    free(inner);
}

/* --- a run ------------------------------------------------------------------------------------ */

struct running {
    struct leat_stage *stage;
    struct leat_inner *inner;
    const struct leat_inner_io *io;
    struct leat_pipeline *pipeline;
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    const uint8_t *data; /* input that is not pushed yet */
    size_t n;
    bool fed; /* there is no more input, or none is wanted */
};

/* Push what fits. Returns whether any was; or an error of `next`. */
static int feed(struct running *run)
{
    bool moved = false;

    while (!run->fed) {
        ssize_t k;

        if (run->n == 0) {
            int r = run->io->next(run->io->arg, &run->data, &run->n);

            if (r < 0)
                return r;
            run->fed = r == 0;
            if (run->fed)
                (void)leat_end_finish(run->push); /* if it has failed, the pull tells it */
            moved = true;
            continue;
        }
        k = leat_end_push(run->push, run->data, run->n);
        if (k == 0)
            break;
        moved = true;
        run->fed = k < 0;
        run->data += k > 0 ? k : 0;
        run->n -= k > 0 ? (size_t)k : 0;
    }
    return moved;
}

/* Take what is there. Returns 1: some, 2: none now, 0: that was all; or an error, of `put` if *ret_put. */
static int empty(struct running *run, bool *ret_put)
{
    const void *data;
    bool moved = false;
    ssize_t k;

    while ((k = leat_end_peek(run->pull, &data)) > 0) {
        int r = run->io->put(run->io->arg, data, (size_t)k);

        *ret_put = r < 0;
        if (r < 0)
            return r;
        r = leat_end_take(run->pull, (size_t)k);
        leat_assert(r == 0);
        moved = true;
    }
    if (k == LEAT_EAGAIN)
        return moved ? 1 : 2;
    return (int)k;
}

/* Wait for room or output, and look for a cancel now and then. */
static int wait_for_news(struct running *run, unsigned seen)
{
    struct leat_inner *inner = run->inner;
    bool aborted = false;

    pthread_mutex_lock(&inner->lock);
    while (inner->news == seen && !aborted) {
        struct timespec until;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&inner->changed, &inner->lock, &until);
        aborted = leat_outcome_aborted(run->stage->pipeline);
    }
    pthread_mutex_unlock(&inner->lock);
    return aborted ? LEAT_ECANCELLED : 0;
}

static unsigned news_of(struct leat_inner *inner)
{
    unsigned news;

    pthread_mutex_lock(&inner->lock);
    news = inner->news;
    pthread_mutex_unlock(&inner->lock);
    return news;
}

/* Feed and empty it until the end. Returns 0 or an error; *ret_outside: of the stage, not of the branch. */
static int transfer(struct running *run, bool *ret_outside)
{
    for (;;) {
        unsigned seen = news_of(run->inner);
        int fed = feed(run), r;

        *ret_outside = fed < 0;
        if (fed < 0)
            return fed;
        r = empty(run, ret_outside);
        if (r <= 0)
            return r;
        if (fed > 0 || r == 1)
            continue;
        r = wait_for_news(run, seen);
        *ret_outside = r < 0;
        if (r < 0)
            return r;
    }
}

/* The first run: threads and memory. */
static int prepare(struct leat_stage *s, struct leat_inner *inner)
{
    const struct leat_context_settings settings = {.size = sizeof settings,
                                                   .threads = s->pipeline->settings.threads};
    int r;

    if (inner->context)
        return 0;
    r = leat_charge(s, memory_of(s->pipeline));
    if (r < 0)
        return r;
    r = leat_context_new(&settings, &inner->context);
    return r < 0 ? leat_fail(s, r, "the threads of its branch cannot start: %s", leat_strerror(r))
                 : 0;
}

static int fail_as(struct leat_stage *s, const struct leat_error *e)
{
    int r = leat_fail(s, e->code, "in its branch: %s%s%s", e->stage_name,
                      *e->stage_name ? ": " : "", e->text);

    s->failure.sys_errno = e->sys_errno;
    s->failure.child_signal = e->child_signal;
    return r;
}

static int run_started(struct running *run)
{
    bool outside = false;
    int r = transfer(run, &outside), ended;

    if (outside)
        leat_pipeline_cancel(run->pipeline, LEAT_ECANCELLED, NULL);
    ended = leat_pipeline_wait(run->pipeline, -1);
    if (outside || ended == 0)
        return r;
    return fail_as(run->stage, leat_pipeline_error(run->pipeline));
}

int leat_inner_run(struct leat_stage *s, const struct leat_inner_io *io)
{
    struct leat_inner *inner = s->info->inner;
    struct running run = {.stage = s, .inner = inner, .io = io};
    struct leat_error error;
    int r;

    leat_assert(inner && io->next && io->put);
    r = prepare(s, inner);
    if (r < 0)
        return r;
    r = build(inner, s->pipeline, &run.pipeline, &run.push, &run.pull, &error);
    if (r < 0)
        return fail_as(s, &error);
    r = leat_pipeline_start(run.pipeline, NULL, NULL, NULL);
    if (r < 0)
        r = fail_as(s, leat_pipeline_error(run.pipeline));
    else
        r = run_started(&run);
    leat_pipeline_unref(run.pipeline);
    return r;
}
