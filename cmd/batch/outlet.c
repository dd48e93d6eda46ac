/* outlet.c - standard output of pipelines that have no sink: one after another, in the order of the inputs.
 *
 * A pipeline of its own writes to standard output. It gets the bytes of the first work in the queue; the others fill their
 * pull ends meanwhile, and then wait. A work is in the queue from its beginning to its end, so that another attempt has its
 * place.
 */

#include <stdlib.h>

#include "batch.h"

struct outlet {
    struct leat_pipeline *pipeline;
    struct leat_push_end *push;
    struct work *first, **last;
    bool over;   /* the pipeline has ended */
    bool ending; /* all was pushed */
    bool moving;
};

static void on_ready(void *user)
{
    outlet_move(user);
}

static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct batch *b = arg;

    (void)pipeline;
    b->outlet->over = true;
    b->outlet->push = NULL;
    if (error && b->fatal == 0) {
        b->fatal = leat_exit_status(error->code);
        if (error->code == LEAT_EPIPE)
            b->pipe_closed = true;
        else if (b->signal == 0)
            message_error(b->config, error, NULL, b->fatal);
        batch_stop(b, true);
    }
    outlet_move(b);
    batch_more(b);
}

int outlet_open(struct batch *b)
{
    const struct leat_end_settings end = {.size = sizeof end, .ready = on_ready, .user = b};
    struct leat_settings settings = b->config->settings;
    struct leat_error error = LEAT_INIT(leat_error);
    struct outlet *o = calloc(1, sizeof *o);
    struct leat_builder *builder;
    int r;

    if (!o)
        return LEAT_ENOMEM;
    b->outlet = o;
    o->last = &o->first;
    builder = leat_builder_new(b->registry);
    settings.context = b->context;
    settings.threads = 0;
    settings.timeout_ms = 0; /* it is of each input */
    settings.memory = OUTLET_MEMORY;
    r = builder ? leat_builder_push(builder, &end, &o->push) : LEAT_ENOMEM;
    if (r == 0)
        r = leat_builder_finish(builder, &settings, &o->pipeline, &error);
    leat_builder_free(builder);
    if (r == 0)
        r = leat_pipeline_start(o->pipeline, NULL, on_done, b);
    return r;
}

void outlet_add(struct batch *b, struct work *w)
{
    if (!b->outlet)
        return;
    w->out_next = NULL;
    *b->outlet->last = w;
    b->outlet->last = &w->out_next;
}

void outlet_remove(struct batch *b, struct work *w)
{
    struct outlet *o = b->outlet;
    struct work **at = o ? &o->first : NULL;

    while (at && *at && *at != w)
        at = &(*at)->out_next;
    if (!at || !*at)
        return;
    *at = w->out_next;
    if (o->last == &w->out_next)
        o->last = at;
}

bool outlet_is_blocked(const struct batch *b, const struct work *w)
{
    return b->outlet && b->outlet->first == w;
}

/* Move bytes of the first work. Returns true: it has no more. */
static bool move_first(struct outlet *o, struct work *w)
{
    const void *data;
    ssize_t n, took;

    while ((n = leat_end_peek(w->pull, &data)) > 0) {
        took = o->push ? leat_end_push(o->push, data, (size_t)n) : LEAT_EPIPE;
        if (took < 0) { /* the pipeline of the output has failed: on_done has said why, or will */
            leat_end_close(w->pull);
            return true;
        }
        w->wrote = w->wrote || took > 0;
        (void)leat_end_take(w->pull, (size_t)took);
        if (took < n)
            return false;
    }
    return n != LEAT_EAGAIN;
}

void outlet_move(struct batch *b)
{
    struct outlet *o = b->outlet;

    if (o->moving)
        return;
    o->moving = true;
    while (o->first && o->first->pull && o->first->phase == PHASE_RUN && move_first(o, o->first))
        work_drained(o->first); /* which may end it */
    o->moving = false;
}

void outlet_end(struct batch *b)
{
    struct outlet *o = b->outlet;

    if (o->push && !o->ending)
        (void)leat_end_finish(o->push); /* an error comes to on_done */
    o->ending = true;
}

bool outlet_over(const struct batch *b)
{
    return !b->outlet || b->outlet->over;
}

void outlet_free(struct batch *b)
{
    if (b->outlet)
        leat_pipeline_unref(b->outlet->pipeline);
    free(b->outlet);
    b->outlet = NULL;
}
