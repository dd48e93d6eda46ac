/* bottleneck.c - the bottleneck of a run and a possible remedy, in one sentence. */

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../cmd.h"

#define TURN_MIN 0.2    /* share of time without a free thread; above, more threads may help */
#define AT_WORK_MIN 0.5 /* share of busy time on a processor; below, a device is slow */

static unsigned whole_percent(double share)
{
    return share >= 1 ? 100 : share <= 0 ? 0 : (unsigned)(share * 100 + 0.5);
}

void bottleneck_get(const struct job *job, struct bottleneck *ret)
{
    struct leat_bottleneck b = LEAT_INIT(leat_bottleneck);

    (void)leat_pipeline_bottleneck(job->pipeline, &b); /* if it is not known, b is zero */
    *ret = (struct bottleneck){.found =
                                   b.kind == LEAT_BOTTLENECK_BUSY || b.kind == LEAT_BOTTLENECK_WAIT,
                               .unclear = b.kind == LEAT_BOTTLENECK_UNCLEAR,
                               .waits = b.kind == LEAT_BOTTLENECK_WAIT,
                               .index = b.stage,
                               .percent = whole_percent(b.share),
                               .more_threads = b.threads_busy || b.wait_turn > TURN_MIN};
    if (ret->found || ret->unclear)
        ret->stage = stage_now(job->pipeline, b.stage);
}

static bool has_level(const struct leat_stage_type *type)
{
    const struct leat_option *o = type->options;

    for (; o && !option_is_last(o); o++)
        if (o->name && strcmp(o->name, "level") == 0)
            return true;
    return false;
}

static long processors_online(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? n : 1;
}

/* The number of processors that the run has used on average. */
static void add_share(struct buf *out, const struct job *job)
{
    struct leat_stats stats;
    struct rusage u = {.ru_maxrss = 0};
    double used;

    stats = stats_now(job->pipeline);
    (void)getrusage(RUSAGE_SELF, &u); /* zeroes on failure */
    used = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    buf_add(out, "leat got %.1f of %ld processor%s",
            stats.elapsed_ns > 0 ? used * 1e9 / (double)stats.elapsed_ns : 0, processors_online(),
            processors_online() == 1 ? "" : "s");
}

/* Busy but hardly on a processor, although the stage does no I/O: others use the processors. */
static bool is_kept_waiting(const struct config *c, const struct leat_stage_type *type,
                            const struct leat_stage_stats *s)
{
    return type && c->settings.measure_cpu && type->kind == LEAT_TRANSFORM &&
           type->nature != LEAT_BLOCKING && s->own_threads == 0 && s->busy_ns > 0 &&
           (double)s->cpu_ns < AT_WORK_MIN * (double)s->busy_ns;
}

static void add_advice(struct buf *out, const struct config *c, const struct leat_stage_type *type,
                       const struct bottleneck *b)
{
    long processors = processors_online();
    bool helps = b->more_threads || (type && type->nature == LEAT_PARALLEL);
    bool fewer = c->settings.threads > 0 && (long)c->settings.threads < processors;
    bool level = type && has_level(type);

    if (helps && fewer)
        buf_add(out, "; try more --threads%s", level ? " or a lower level" : "");
    else if (level)
        buf_add(out, "; try a lower level");
    else if (b->more_threads)
        buf_add(out, "; all processors are at work");
}

/* The cause of the wait, by the kind of the stage. */
static const char *waited_for(const struct leat_stage_type *type)
{
    if (type && type->kind == LEAT_SOURCE)
        return "its source is slow";
    if (type && type->kind == LEAT_SINK)
        return "its destination is slow";
    return type && type->kind == LEAT_BY_PLACE ? "its command is slow" : "as its options ask";
}

/* A source or sink that is busy but hardly on a processor: its reads or writes are slow. */
static const char *slow_device(const struct config *c, const struct leat_stage_type *type,
                               const struct leat_stage_stats *s)
{
    if (!type || !c->settings.measure_cpu || s->busy_ns == 0 || s->own_threads > 0 ||
        (double)s->cpu_ns >= AT_WORK_MIN * (double)s->busy_ns)
        return "";
    return type->kind == LEAT_SOURCE ? "; its source is slow"
           : type->kind == LEAT_SINK ? "; its destination is slow"
                                     : "";
}

/* The stage's name, with its number if another stage has the same name. */
static void add_name(struct buf *out, const struct job *job, const struct leat_stage_stats *s)
{
    struct leat_stats stats;
    bool twice = false;

    stats = stats_now(job->pipeline);
    for (size_t i = 0; !twice && i < stats.n_stages; i++) {
        struct leat_stage_stats other;

        other = stage_now(job->pipeline, i);
        twice = other.number != s->number && strcmp(other.name, s->name) == 0;
    }
    buf_add(out, "%s", s->name);
    if (twice && s->number > 0)
        buf_add(out, " #%d", s->number);
}

void bottleneck_words(struct buf *out, const struct config *c, const struct job *job,
                      const struct bottleneck *b)
{
    const struct leat_stage_type *type = leat_registry_find(job->registry, b->stage.name);
    unsigned workers;

    if (b->unclear) {
        buf_add(out, "no stage was the limit; ");
        add_share(out, job);
        return;
    }
    if (b->waits) {
        add_name(out, job, &b->stage);
        buf_add(out, " (waits %u %% of the time); %s", b->percent, waited_for(type));
        return;
    }
    workers = b->stage.own_threads > 0 ? b->stage.own_threads : b->stage.workers;
    add_name(out, job, &b->stage);
    buf_add(out, " (%u %% busy, %u worker%s)%s", b->percent, workers, workers == 1 ? "" : "s",
            slow_device(c, type, &b->stage));
    if (!is_kept_waiting(c, type, &b->stage)) {
        add_advice(out, c, type, b);
        return;
    }
    buf_add(out, "; ");
    add_share(out, job);
}

void bottleneck_sentence(struct buf *out, const struct config *c, const struct job *job)
{
    struct bottleneck b;

    bottleneck_get(job, &b);
    if (!b.found && !b.unclear)
        return;
    buf_add(out, "bottleneck: ");
    bottleneck_words(out, c, job, &b);
    buf_add(out, "\n");
}

void bottleneck_json(struct buf *out, const struct config *c, const struct job *job)
{
    struct buf words = {.n = 0};
    struct bottleneck b;

    bottleneck_get(job, &b);
    if (!b.found && !b.unclear) {
        buf_add(out, "null");
        return;
    }
    bottleneck_words(&words, c, job, &b);
    if (b.found) {
        buf_add(out, "{\"number\":%d,\"name\":", b.stage.number);
        buf_json(out, b.stage.name);
    } else {
        buf_add(out, "{\"number\":null,\"name\":null");
    }
    buf_add(out, ",\"percent\":%u,\"waiting\":%s,\"text\":", b.percent, b.waits ? "true" : "false");
    buf_json(out, buf_text(&words));
    buf_add(out, "}");
    buf_free(&words);
}
