/* samples.c - a bounded series of samples of a run.
 *
 * Counters are cumulative, so dropping a sample loses only resolution. When the table is full,
 * every second sample is dropped, and from then on samples are taken half as often. The fill of a
 * buffer is averaged over the two samples instead.
 */

#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

int samples_init(struct samples *s, const struct job *job)
{
    struct leat_stats stats;

    *s = (struct samples){.job = job, .every = 1};
    stats = stats_now(job->pipeline);
    s->n_stages = stats.n_stages;
    s->n_links = stats.n_links;
    s->stride = SAMPLE_HEAD + SAMPLE_FIELDS * s->n_stages + s->n_links;
    s->v = calloc(SAMPLES_MAX * s->stride, sizeof *s->v);
    if (!s->v)
        return -1;
    s->n = 1; /* the first sample: all zero at the start */
    return 0;
}

void samples_done(struct samples *s)
{
    free(s->v);
    *s = (struct samples){.n = 0};
}

static uint64_t *row(const struct samples *s, size_t i)
{
    return s->v + i * s->stride;
}

uint64_t samples_at(const struct samples *s, size_t i)
{
    return row(s, i)[0];
}

uint64_t samples_stage(const struct samples *s, size_t i, size_t stage, enum sample_field field)
{
    return row(s, i)[SAMPLE_HEAD + SAMPLE_FIELDS * stage + (size_t)field];
}

uint64_t samples_fill(const struct samples *s, size_t i, size_t link)
{
    return row(s, i)[SAMPLE_HEAD + SAMPLE_FIELDS * s->n_stages + link];
}

/* Keep the later sample of each pair, with the mean fill of the buffers. */
static void halve(struct samples *s)
{
    size_t fills = SAMPLE_HEAD + SAMPLE_FIELDS * s->n_stages;

    for (size_t i = 2; i < s->n; i += 2) {
        uint64_t *to = row(s, i / 2), *from = row(s, i);
        const uint64_t *before = row(s, i - 1);

        for (size_t k = 0; k < s->n_links; k++)
            from[fills + k] = (from[fills + k] + before[fills + k]) / 2;
        memmove(to, from, s->stride * sizeof *to);
    }
    s->n = (s->n + 1) / 2;
    s->every *= 2;
}

static void take(struct samples *s)
{
    struct leat_stats stats;
    uint64_t *to;

    if (s->n == SAMPLES_MAX)
        halve(s);
    to = row(s, s->n);
    stats = stats_now(s->job->pipeline);
    if (stats.elapsed_ns <= samples_at(s, s->n - 1))
        return;
    *to++ = stats.elapsed_ns;
    for (size_t i = 0; i < s->n_stages; i++) {
        struct leat_stage_stats stage;

        stats_stage(s->job, i, &stage);
        *to++ = stage.bytes_in;
        *to++ = stage.bytes_out;
        *to++ = stage.busy_ns;
        *to++ = stage.wait_in_ns;
        *to++ = stage.wait_out_ns;
    }
    for (size_t i = 0; i < s->n_links; i++) {
        struct leat_link_stats link;

        link = link_now(s->job->pipeline, i);
        *to++ = link.fill;
    }
    s->n++;
}

void samples_tick(struct samples *s)
{
    if (s->v && ++s->ticks % s->every == 0)
        take(s);
}

void samples_end(struct samples *s)
{
    if (s->v)
        take(s);
}
