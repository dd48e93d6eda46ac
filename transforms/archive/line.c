/* line.c - the line of text that a stage outputs for one entry of an archive. */

#include "line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORMATTED_MAX 256u

static const char digits[] = "0123456789abcdef";

static bool make_room(struct leat_line *l, size_t n)
{
    size_t size = l->size ? l->size : 1024;
    char *grown;

    while (size - l->n < n)
        size *= 2;
    if (size == l->size)
        return true;
    grown = leat_alloc_raw(l->stage, size);
    if (!grown) {
        l->error = LEAT_ENOMEM;
        return false;
    }
    if (l->n > 0)
        memcpy(grown, l->text, l->n);
    leat_free(l->stage, l->text);
    l->text = grown;
    l->size = size;
    return true;
}

void leat_line_add(struct leat_line *l, const void *text, size_t n)
{
    if (l->error < 0 || n == 0 || !make_room(l, n))
        return;
    memcpy(l->text + l->n, text, n);
    l->n += n;
}

void leat_line_format(struct leat_line *l, const char *format, ...)
{
    char text[FORMATTED_MAX];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    leat_line_add(l, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* --- names ------------------------------------------------------------------------------------ */

static void add_escape(struct leat_line *l, char byte)
{
    const char *name = byte == '\n'   ? "\\n"
                       : byte == '\t' ? "\\t"
                       : byte == '\r' ? "\\r"
                       : byte == '\\' ? "\\\\"
                                      : NULL;
    const char hex[4] = {'\\', 'x', digits[(uint8_t)byte >> 4], digits[byte & 15]};

    leat_line_add(l, name ? name : hex, name ? 2 : sizeof hex);
}

/* Bytes at the begin of the text that need no escape. */
static size_t plain(const char *text)
{
    size_t n = 0, length;
    bool is_plain;

    for (;;) {
        while (text[n] >= ' ' && text[n] < 0x7f && text[n] != '\\' && text[n] != '"')
            n++;
        length = leat_show_char(text + n, &is_plain);
        if (!is_plain || text[n] == '\\' || text[n] == '"')
            return n;
        n += length;
    }
}

void leat_line_name(struct leat_line *l, const char *name)
{
    while (*name) {
        size_t n = plain(name);

        leat_line_add(l, name, n);
        name += n;
        if (*name == '"')
            leat_line_add(l, name++, 1);
        else if (*name)
            add_escape(l, *name++);
    }
}

/* A character of n bytes, all of which need an escape, as its number; such are below U+10000. */
static void add_number(struct leat_line *l, const char *text, size_t n)
{
    const uint8_t *c = (const uint8_t *)text;
    unsigned number = c[0];

    if (n == 2)
        number = (c[0] & 0x1fu) << 6 | (c[1] & 0x3fu);
    else if (n == 3)
        number = (c[0] & 0x0fu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
    leat_line_format(l, "\\u%04x", number);
}

static void add_base64(struct leat_line *l, const char *data, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = (const uint8_t *)data;

    for (size_t i = 0; i < n; i += 3) {
        unsigned group = (unsigned)from[i] << 16 | (i + 1 < n ? (unsigned)from[i + 1] << 8 : 0) |
                         (i + 2 < n ? from[i + 2] : 0);
        const char four[4] = {letters[group >> 18], letters[group >> 12 & 63],
                              i + 1 < n ? letters[group >> 6 & 63] : '=',
                              i + 2 < n ? letters[group & 63] : '='};

        leat_line_add(l, four, sizeof four);
    }
}

void leat_line_json(struct leat_line *l, const char *key, const char *name)
{
    bool is_utf8 = true;
    const char *at = name;

    leat_line_format(l, ",\"%s\":\"", key);
    while (*at) {
        size_t n = plain(at), length;

        leat_line_add(l, at, n);
        at += n;
        if (!*at)
            break;
        length = leat_show_char(at, NULL);
        if (*at == '"' || *at == '\\')
            leat_line_format(l, "\\%c", *at);
        else if (length > 0)
            add_number(l, at, length);
        else
            leat_line_add(l, "\xef\xbf\xbd", 3);
        is_utf8 = is_utf8 && length > 0;
        at += length > 0 ? length : 1;
    }
    leat_line_add(l, "\"", 1);
    if (is_utf8)
        return;
    leat_line_format(l, ",\"%s_base64\":\"", key);
    add_base64(l, name, strlen(name));
    leat_line_add(l, "\"", 1);
}

static int nibble(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool leat_line_unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from;) {
        int high, low;

        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        from++;
        switch (*from++) {
        case 'n':
            *to++ = '\n';
            break;
        case 't':
            *to++ = '\t';
            break;
        case 'r':
            *to++ = '\r';
            break;
        case '\\':
            *to++ = '\\';
            break;
        case 'x':
            high = nibble(from[0]);
            low = high < 0 ? -1 : nibble(from[1]);
            if (low < 0 || high + low == 0)
                return false;
            *to++ = (char)(high << 4 | low);
            from += 2;
            break;
        default:
            return false;
        }
    }
    *to = '\0';
    return true;
}

/* --- output ----------------------------------------------------------------------------------- */

int leat_line_push(struct leat_line *l, struct leat_blocking *b)
{
    size_t n = l->n;

    l->n = 0;
    return l->error < 0 ? l->error : leat_push(b, l->text, n);
}

void leat_line_free(struct leat_line *l)
{
    if (l->text)
        leat_free(l->stage, l->text);
    l->text = NULL;
}
