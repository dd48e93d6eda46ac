/* journal.c - --log=journal: the events of a run as entries of the systemd journal.
 *
 * An entry is one datagram of fields. The socket does not block: an entry that the journal has no room for is counted and
 * left out. Protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. Texts are escaped to one line, so no field needs the
 * binary form.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cmd.h"

/* Levels of syslog(3). */
enum { LEVEL_ERROR = 3, LEVEL_WARNING = 4, LEVEL_INFO = 6 };

int journal_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, error;

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = errno;
    (void)close(fd); /* nothing was sent */
    errno = error;
    return -1;
}

static void add_field(struct buf *b, const char *name, const char *text)
{
    buf_add(b, "%s=", name);
    buf_shown(b, text);
    buf_add(b, "\n");
}

static void add_number(struct buf *b, const char *name, uint64_t value)
{
    buf_add(b, "%s=%" PRIu64 "\n", name, value);
}

static void add_level(struct buf *b, int level)
{
    buf_add(b, "PRIORITY=%d\nSYSLOG_IDENTIFIER=leat\n", level);
}

static void add_error(struct buf *b, const struct leat_error *e)
{
    add_field(b, "LEAT_CODE", leat_error_name(e->code));
    add_number(b, "LEAT_EXIT", (uint64_t)leat_exit_status(e->code));
    if (e->sys_errno > 0)
        add_number(b, "ERRNO", (uint64_t)e->sys_errno);
    if (e->file[0])
        add_field(b, "LEAT_FILE", e->file);
    if (e->has_offset)
        add_number(b, "LEAT_OFFSET", e->offset);
}

static void add_stage(struct buf *b, const struct leat_stage_stats *s)
{
    add_number(b, "LEAT_STAGE", (uint64_t)s->number);
    add_field(b, "LEAT_STAGE_NAME", s->name);
    add_field(b, "LEAT_STAGE_TEXT", s->text);
    add_number(b, "LEAT_BYTES_IN", s->bytes_in);
    add_number(b, "LEAT_BYTES_OUT", s->bytes_out);
}

/* The line that journalctl shows. `stage` and `pipeline` may be NULL. */
static void add_message(struct buf *b, const struct leat_event *e,
                        const struct leat_stage_stats *stage, const char *pipeline)
{
    char line[2048];

    buf_add(b, "MESSAGE=");
    if (stage && e->kind != LEAT_EVENT_FAILED)
        buf_add(b, "%s (#%d) ", stage->name, stage->number);
    buf_add(b, "%s", log_event_name(e->kind));
    if (e->error) {
        leat_error_format(e->error, line, sizeof line);
        buf_add(b, ": ");
        buf_shown(b, line);
    } else if (pipeline) {
        buf_add(b, ": ");
        buf_shown(b, pipeline);
    }
    buf_add(b, "\n");
}

static void send_entry(struct journal *j, const struct buf *b)
{
    ssize_t n = b->failed ? -1 : write(j->fd, b->data, b->n);

    if (n < 0 || (size_t)n != b->n)
        atomic_fetch_add(&j->lost, 1);
}

void journal_event(struct journal *j, const struct job *job, const struct leat_event *e)
{
    char *pipeline = e->kind == LEAT_EVENT_STARTED ? leat_pipeline_text(job->pipeline) : NULL;
    bool has_stage = e->stage != LEAT_NO_STAGE;
    struct leat_stage_stats s = LEAT_INIT(leat_stage_stats);
    struct buf b = {.n = 0};

    if (has_stage)
        stats_stage(job, e->stage, &s);
    add_message(&b, e, has_stage ? &s : NULL, pipeline);
    add_level(&b, e->error ? LEVEL_ERROR : LEVEL_INFO);
    add_field(&b, "LEAT_EVENT", log_event_name(e->kind));
    add_number(&b, "LEAT_ELAPSED_US", e->at_ns / 1000);
    if (pipeline)
        add_field(&b, "LEAT_PIPELINE", pipeline);
    if (has_stage)
        add_stage(&b, &s);
    if (e->error)
        add_error(&b, e->error);
    send_entry(j, &b);
    buf_free(&b);
    free(pipeline);
}

void journal_warning(struct journal *j, const struct leat_error *warning)
{
    char line[2048];
    struct buf b = {.n = 0};

    leat_error_format(warning, line, sizeof line);
    add_field(&b, "MESSAGE", line);
    add_level(&b, LEVEL_WARNING);
    add_field(&b, "LEAT_EVENT", "warning");
    if (warning->stage > 0)
        add_number(&b, "LEAT_STAGE", (uint64_t)warning->stage);
    send_entry(j, &b);
    buf_free(&b);
}
