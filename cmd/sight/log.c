/* log.c - --log=json: one line of JSON for each event of a run. */

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../cmd.h"

const char *log_event_name(unsigned kind)
{
    switch (kind) {
    case LEAT_EVENT_OPENED:
        return "opened";
    case LEAT_EVENT_STARTED:
        return "started";
    case LEAT_EVENT_ENDED:
        return "ended";
    case LEAT_EVENT_STOPPED:
        return "stopped";
    case LEAT_EVENT_FAILED:
        return "failed";
    case LEAT_EVENT_COMMITTED:
        return "committed";
    case LEAT_EVENT_ABORTED:
        return "aborted";
    default:
        return "finished";
    }
}

/* The current time in the format of RFC 3339, in UTC. */
static void add_time(struct buf *b)
{
    struct timespec now = {0};
    char text[32] = "";
    struct tm tm;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &tm))
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_add(b, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

static void add_stage(struct buf *b, const struct job *job, const struct leat_event *e)
{
    struct leat_stage_stats s;

    stats_stage(job, e->stage, &s);
    buf_add(b, ",\"stage\":%d,\"name\":", s.number);
    buf_json(b, s.name);
    buf_add(b, ",\"text\":");
    buf_json(b, s.text);
    if (e->kind == LEAT_EVENT_ENDED || e->kind == LEAT_EVENT_STOPPED)
        buf_add(b, ",\"bytes_in\":%llu,\"bytes_out\":%llu", (unsigned long long)s.bytes_in,
                (unsigned long long)s.bytes_out);
}

static void add_error(struct buf *b, const struct leat_error *e)
{
    char line[2048];

    leat_error_format(e, line, sizeof line);
    buf_add(b, ",\"code\":");
    buf_json(b, leat_error_name(e->code));
    buf_add(b, ",\"exit\":%d,\"error\":", leat_exit_status(e->code));
    buf_json(b, line);
    if (e->file[0]) {
        buf_add(b, ",\"file\":");
        buf_json(b, e->file);
    }
    if (e->has_offset)
        buf_add(b, ",\"offset\":%llu,\"offset_of\":\"%s\"", (unsigned long long)e->offset,
                error_offset_of(e));
}

void log_event(struct writer *to, const struct job *job, const struct leat_event *e)
{
    struct buf b = {.n = 0};

    add_time(&b);
    buf_add(&b, ",\"type\":\"event\",\"event\":\"%s\",\"elapsed_s\":%.6f", log_event_name(e->kind),
            (double)e->at_ns / 1e9);
    if (e->kind == LEAT_EVENT_FINISHED)
        buf_add(&b, ",\"ok\":%s", e->error ? "false" : "true");
    if (e->kind == LEAT_EVENT_STARTED) {
        char *text = leat_pipeline_text(job->pipeline);

        buf_add(&b, ",\"pipeline\":");
        buf_json(&b, text ? text : "");
        free(text);
    }
    if (e->stage != LEAT_NO_STAGE)
        add_stage(&b, job, e);
    if (e->error)
        add_error(&b, e->error);
    buf_add(&b, "}\n");
    writer_put(to, &b, WRITER_EVENT);
    buf_free(&b);
}
