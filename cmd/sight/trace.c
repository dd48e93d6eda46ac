/* trace.c - --trace: runs of segments, fill of buffers and drains as trace events for Perfetto and
 * Chrome. The number of events is bounded: for a long run the first and the last ones are kept, and
 * the file says how many are left out.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

#define LANE_BITS 10u /* more than LEAT_THREADS_MAX lanes */
#define HALF (TRACE_EVENTS_MAX / 2)

int trace_begin(struct trace *t, const struct job *job)
{
    *t = (struct trace){.job = job};
    return uv_mutex_init(&t->lock) == 0 ? 0 : -1;
}

void trace_done(struct trace *t)
{
    uv_mutex_destroy(&t->lock);
    free(t->v);
    *t = (struct trace){.n = 0};
}

/* Under the lock. Returns the place of the next event; NULL: out of memory, the event is
 * dropped. */
static struct trace_event *next_place(struct trace *t)
{
    size_t at;

    if (t->n < t->room)
        return &t->v[t->n++];
    if (t->room < TRACE_EVENTS_MAX) {
        size_t room = t->room == 0 ? 1024 : 2 * t->room;
        struct trace_event *more;

        if (room > TRACE_EVENTS_MAX)
            room = TRACE_EVENTS_MAX;
        more = realloc(t->v, room * sizeof *more);
        if (more) {
            t->v = more;
            t->room = room;
            return &t->v[t->n++];
        }
    }
    t->dropped++;
    if (t->n < TRACE_EVENTS_MAX)
        return NULL;
    at = HALF + t->oldest;
    t->oldest = (t->oldest + 1) % HALF;
    return &t->v[at];
}

void trace_event(struct trace *t, const struct leat_event *e)
{
    size_t number = e->kind == LEAT_EVENT_RUN ? (size_t)e->segment : e->link;
    struct trace_event *place;

    uv_mutex_lock(&t->lock);
    place = next_place(t);
    if (place)
        *place = (struct trace_event){.at_ns = e->at_ns,
                                      .duration_ns = e->duration_ns,
                                      .bytes = e->bytes,
                                      .track = (uint32_t)(number << LANE_BITS | e->lane),
                                      .kind = e->kind};
    uv_mutex_unlock(&t->lock);
}

/* --- the file --------------------------------------------------------------------------------- */

static double micros(uint64_t ns)
{
    return (double)ns / 1000;
}

/* "read, gunzip", lane 2: the stages that a segment runs. */
static void add_segment_name(struct buf *b, const struct trace *t, int segment, unsigned lane)
{
    struct leat_stats stats;
    struct buf name = {.n = 0};
    const char *comma = "";

    stats = stats_now(t->job->pipeline);
    buf_add(&name, "segment %d: ", segment);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats s;

        s = stage_now(t->job->pipeline, i);
        if (s.segment == segment)
            buf_add(&name, "%s%s", comma, s.name);
        if (s.segment == segment)
            comma = ", ";
    }
    if (!*comma)
        buf_add(&name, "passes on");
    if (lane > 0)
        buf_add(&name, " (lane %u)", lane + 1);
    buf_json(b, buf_text(&name));
    buf_free(&name);
}

static void add_link_name(struct buf *b, const struct trace *t, uint32_t track)
{
    unsigned lane = track & ((1u << LANE_BITS) - 1);
    struct leat_link_stats link;
    struct leat_stage_stats from, to;
    struct buf name = {.n = 0};

    link = link_now(t->job->pipeline, track >> LANE_BITS);
    from = stage_now(t->job->pipeline, link.from);
    to = stage_now(t->job->pipeline, link.to);
    buf_add(&name, "buffer #%d %s to #%d %s", from.number, from.name, to.number, to.name);
    if (lane > 0)
        buf_add(&name, " (lane %u)", lane + 1);
    buf_json(b, buf_text(&name));
    buf_free(&name);
}

static void add_event(struct buf *b, const struct trace *t, const struct trace_event *e)
{
    buf_add(b, ",\n{\"pid\":1,\"ts\":%.3f,", micros(e->at_ns));
    if (e->kind == LEAT_EVENT_RUN) {
        buf_add(b, "\"tid\":%" PRIu32 ",\"ph\":\"X\",\"name\":\"run\",\"dur\":%.3f}", e->track,
                micros(e->duration_ns));
        return;
    }
    if (e->kind == LEAT_EVENT_FILL) {
        buf_add(b, "\"tid\":0,\"ph\":\"C\",\"name\":");
        add_link_name(b, t, e->track);
        buf_add(b, ",\"args\":{\"bytes\":%" PRIu64 "}}", e->bytes);
        return;
    }
    buf_add(b,
            "\"tid\":0,\"ph\":\"i\",\"s\":\"p\",\"name\":\"%s\",\"args\":{\"bytes\":%" PRIu64
            ",\"of\":",
            e->kind == LEAT_EVENT_FULL ? "full" : "drained", e->bytes);
    add_link_name(b, t, e->track);
    buf_add(b, "}}");
}

/* Write a name for each segment and lane that ran. */
static void add_names(struct buf *b, const struct trace *t)
{
    uint32_t named[256];
    size_t n = 0;

    buf_add(b, "{\"pid\":1,\"ph\":\"M\",\"name\":\"process_name\",\"args\":{\"name\":\"leat\"}}");
    for (size_t i = 0; i < t->n && n < sizeof named / sizeof *named; i++) {
        uint32_t track = t->v[i].track;
        size_t k = 0;

        if (t->v[i].kind != LEAT_EVENT_RUN)
            continue;
        while (k < n && named[k] != track)
            k++;
        if (k < n)
            continue;
        named[n++] = track;
        buf_add(b,
                ",\n{\"pid\":1,\"tid\":%" PRIu32 ",\"ph\":\"M\",\"name\":\"thread_name\","
                "\"args\":{\"name\":",
                track);
        add_segment_name(b, t, (int)(track >> LANE_BITS), track & ((1u << LANE_BITS) - 1));
        buf_add(b, "}}");
    }
}

void trace_page(struct buf *b, struct trace *t)
{
    size_t first = t->n < TRACE_EVENTS_MAX ? t->n : HALF;
    char *text = leat_pipeline_text(t->job->pipeline);

    buf_add(b, TRACE_MARK ",\"version\":\"%s\",\"dropped\":%" PRIu64 ",\"pipeline\":", LEAT_VERSION,
            t->dropped);
    buf_json(b, text ? text : "");
    free(text);
    buf_add(b, "},\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    add_names(b, t);
    for (size_t i = 0; i < first; i++)
        add_event(b, t, &t->v[i]);
    if (t->dropped > 0)
        buf_add(b,
                ",\n{\"pid\":1,\"tid\":0,\"ts\":%.3f,\"ph\":\"i\",\"s\":\"g\",\"name\":"
                "\"%" PRIu64 " events are left out here\"}",
                micros(first > 0 ? t->v[first - 1].at_ns : 0), t->dropped);
    for (size_t i = 0; first + i < t->n; i++)
        add_event(b, t, &t->v[first + (t->oldest + i) % HALF]);
    buf_add(b, "\n]}\n");
}
