/* message.c - text on standard output; errors and warnings on standard error, as text or JSON. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "../cmd.h"

/* --- standard output and error ---------------------------------------------------------------- */

int out_write(const struct buf *b)
{
    if (b->failed) {
        fprintf(stderr, "leat: out of memory\n");
        return 1;
    }
    if (fd_write_all(STDOUT_FILENO, b->data, b->n) == 0 && fd_flush(STDOUT_FILENO) == 0)
        return 0;
    if (errno == EPIPE)
        die_by(SIGPIPE);
    fprintf(stderr, "leat: standard output: %s\n", strerror(errno));
    return 1;
}

bool stderr_is_unread(int error)
{
    return error == EPIPE || error == EBADF;
}

int message_write(int fd, const struct buf *b)
{
    const char *data = buf_text(b);

    return fd_write_all(fd, data, strlen(data));
}

/* --- position in the text --------------------------------------------------------------------- */

struct place {
    size_t line, column; /* from 1; the column counts characters */
    const char *start;   /* of the line */
    size_t len, at;      /* bytes of the line, and those before the place */
};

static struct place find_place(const char *text, uint64_t offset)
{
    struct place p = {.line = 1, .start = text};
    size_t n = strnlen(text, offset < SIZE_MAX ? (size_t)offset : SIZE_MAX);

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            p.line++;
            p.start = text + i + 1;
        }
    }
    p.at = (size_t)(text + n - p.start);
    p.len = strcspn(p.start, "\n");
    p.column = term_columns(p.start, p.at) + 1;
    return p;
}

/* Text of the same width, with a blank for each character that leat_show would change. */
static void add_blanked(struct buf *b, const char *text, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        char one[5] = "", shown[24];

        for (len = 1; len < 4 && i + len < n && (text[i + len] & 0xc0) == 0x80;)
            len++;
        memcpy(one, text + i, len);
        if (strcmp(leat_show(one, shown, sizeof shown), one) == 0)
            buf_bytes(b, text + i, len);
        else
            buf_fill(b, ' ', term_columns(text + i, len));
    }
}

/* The line, cut to the width of the terminal, with a caret under the place. */
static void add_excerpt(struct buf *b, const struct config *c, const struct place *p)
{
    size_t width = term_width(&c->err) - 5, from = 0, len = p->len;

    if (p->len > width && p->at > width * 2 / 3)
        from = p->at - width * 2 / 3;
    while (from > 0 && from < p->at && (p->start[from] & 0xc0) == 0x80)
        from++;
    if (len - from > width)
        len = from + width;
    while (len > p->at && len < p->len && (p->start[len] & 0xc0) == 0x80)
        len--;
    buf_fill(b, ' ', 4);
    add_blanked(b, p->start + from, len - from);
    buf_add(b, "\n");
    buf_fill(b, ' ', 4 + term_columns(p->start + from, p->at - from));
    term_color(b, c->err.color, TERM_GREEN);
    buf_add(b, "^");
    term_plain(b, c->err.color);
    buf_add(b, "\n");
}

/* --- the message ------------------------------------------------------------------------------ */

const char *error_offset_of(const struct leat_error *e)
{
    static const char *const names[] = {
        [LEAT_OFFSET_NONE] = "none", [LEAT_OFFSET_STREAM] = "stream", [LEAT_OFFSET_FILE] = "file",
        [LEAT_OFFSET_TEXT] = "text", [LEAT_OFFSET_WORD] = "none",
    };

    return names[e->offset_of];
}

static void add_json(struct buf *b, const struct leat_error *e, const struct origin *origin,
                     int status)
{
    buf_add(b, "{\"type\":\"error\",\"code\":");
    buf_json(b, leat_error_name(e->code));
    buf_add(b, ",\"exit\":%d,\"stage\":", status);
    if (e->stage > 0)
        buf_add(b, "%d", e->stage);
    else
        buf_add(b, "null");
    buf_add(b, ",\"name\":");
    if (e->stage_name[0])
        buf_json(b, e->stage_name);
    else
        buf_add(b, "null");
    buf_add(b, ",\"offset\":");
    if (e->has_offset)
        buf_add(b, "%" PRIu64, e->offset);
    else
        buf_add(b, "null");
    if (e->has_offset)
        buf_add(b, ",\"offset_of\":\"%s\"", error_offset_of(e));
    if (e->file[0] || (origin && origin->name)) {
        buf_add(b, ",\"file\":");
        buf_json(b, e->file[0] ? e->file : origin->name);
    }
    if (e->sys_errno > 0 && strerrorname_np(e->sys_errno))
        buf_add(b, ",\"errno\":\"%s\"", strerrorname_np(e->sys_errno));
    buf_add(b, ",\"text\":");
    buf_json(b, e->text[0] ? e->text : leat_strerror(e->code));
    buf_add(b, "}\n");
}

static void add_text(struct buf *b, const struct config *c, const struct leat_error *e,
                     const struct origin *origin)
{
    bool in_text = origin && origin->text && e->has_offset;
    struct place place = {.line = 0};
    char line[2048];

    if (in_text)
        place = find_place(origin->text, e->offset);
    leat_error_format(e, line, sizeof line);
    term_color(b, c->err.color, TERM_RED);
    buf_add(b, "leat:");
    term_plain(b, c->err.color);
    buf_add(b, " ");
    if (origin && origin->name)
        buf_shown(b, origin->name);
    if (in_text && origin->name)
        buf_add(b, ":%zu:%zu: ", place.line, place.column);
    else if (origin && origin->name)
        buf_add(b, ": ");
    buf_shown(b, line);
    buf_add(b, "\n");
    if (in_text)
        add_excerpt(b, c, &place);
}

void message_error(const struct config *c, const struct leat_error *e, const struct origin *origin,
                   int status)
{
    struct buf b = {.n = 0};

    if (c->json)
        add_json(&b, e, origin, status);
    else
        add_text(&b, c, e, origin);
    (void)message_write(STDERR_FILENO, &b);
    buf_free(&b);
}

void message_warning(const struct config *c, const struct leat_error *e)
{
    struct buf b = {.n = 0};
    char line[2048];

    if (c->quiet)
        return;
    if (c->json) {
        buf_add(&b, "{\"type\":\"warning\",\"stage\":%d,\"name\":", e->stage);
        buf_json(&b, e->stage_name);
        if (e->file[0]) {
            buf_add(&b, ",\"file\":");
            buf_json(&b, e->file);
        }
        buf_add(&b, ",\"text\":");
        buf_json(&b, e->text);
        buf_add(&b, "}\n");
    } else {
        leat_error_format(e, line, sizeof line);
        buf_add(&b, "leat: warning: %s\n", line);
    }
    (void)message_write(STDERR_FILENO, &b);
    buf_free(&b);
}

int message_fail(const struct config *c, int code, const char *format, ...)
{
    struct leat_error e = {.size = sizeof e, .code = code};
    char raw[640];
    va_list ap;

    va_start(ap, format);
    vsnprintf(raw, sizeof raw, format, ap);
    va_end(ap);
    (void)leat_show(raw, e.text, sizeof e.text);
    message_error(c, &e, NULL, leat_exit_status(code));
    return leat_exit_status(code);
}
