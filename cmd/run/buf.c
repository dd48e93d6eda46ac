/* buf.c - growable text, with escaping for terminals, JSON and HTML. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.n = 0};
}

static bool make_room(struct buf *b, size_t n)
{
    size_t room = 2 * b->room + n + 128;
    char *more;

    if (b->failed)
        return false;
    if (b->room - b->n > n)
        return true;
    more = realloc(b->data, room);
    if (!more) {
        b->failed = true;
        return false;
    }
    b->data = more;
    b->room = room;
    return true;
}

void buf_bytes(struct buf *b, const char *data, size_t n)
{
    if (!make_room(b, n))
        return;
    memcpy(b->data + b->n, data, n);
    b->n += n;
    b->data[b->n] = '\0';
}

void buf_add(struct buf *b, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n < 0 || !make_room(b, (size_t)n))
        return;
    va_start(ap, format);
    vsnprintf(b->data + b->n, (size_t)n + 1, format, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void buf_fill(struct buf *b, char c, size_t n)
{
    while (n-- > 0)
        buf_bytes(b, &c, 1);
}

void buf_shown(struct buf *b, const char *text)
{
    char shown[SHOWN_MAX];

    buf_add(b, "%s", leat_show(text, shown, sizeof shown));
}

static unsigned code_point(const unsigned char *p, size_t n)
{
    return n == 1   ? *p
           : n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                    : (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

void buf_json(struct buf *b, const char *text)
{
    buf_bytes(b, "\"", 1);
    while (*text) {
        bool plain;
        size_t n = leat_show_char(text, &plain);

        if (n == 0)
            buf_add(b, "\\ufffd");
        else if (*text == '"' || *text == '\\')
            buf_add(b, "\\%c", *text);
        else if (*text == '\n')
            buf_add(b, "\\n");
        else if (!plain)
            buf_add(b, "\\u%04x", code_point((const unsigned char *)text, n));
        else
            buf_bytes(b, text, n);
        text += n ? n : 1;
    }
    buf_bytes(b, "\"", 1);
}

void buf_html(struct buf *b, const char *text)
{
    while (*text) {
        bool plain;
        size_t n = leat_show_char(text, &plain);

        if (n == 0 || (*text != '\n' && *text != '\t' && !plain))
            buf_add(b, "\xef\xbf\xbd");
        else if (strchr("<>&\"'", *text))
            buf_add(b, "&#%u;", (unsigned)*text);
        else
            buf_bytes(b, text, n);
        text += n ? n : 1;
    }
}

const char *buf_text(const struct buf *b)
{
    return b->failed || !b->data ? "" : b->data;
}
