/* term.c - terminals: detection, width, colours, and text layout. */

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../cmd.h"

void term_init(struct term *t, int fd, enum color_when when)
{
    const char *no_color = getenv("NO_COLOR"), *name = getenv("TERM");
    bool dumb = !name || !*name || strcmp(name, "dumb") == 0;

    t->fd = fd;
    t->tty = isatty(fd) == 1;
    t->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    t->color =
        when == COLOR_ALWAYS || (when == COLOR_AUTO && t->tty && !dumb && !(no_color && *no_color));
}

unsigned term_width(const struct term *t)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    unsigned long width = 0;

    if (t->tty && ioctl(t->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns)
        width = strtoul(columns, NULL, 10);
    if (width == 0 || width > 10000)
        width = TERM_WIDTH_DEFAULT;
    return width < TERM_WIDTH_MIN ? TERM_WIDTH_MIN : (unsigned)width;
}

unsigned term_height(const struct term *t)
{
    struct winsize size;

    if (t->tty && ioctl(t->fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        return size.ws_row;
    return TERM_HEIGHT_DEFAULT;
}

size_t term_columns(const char *text, size_t n)
{
    size_t columns = 0;

    for (size_t i = 0; i < n; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

void term_wrap(struct buf *b, const char *text, size_t n, size_t at, size_t indent, size_t width)
{
    const char *end = text + n;
    bool first = true;

    while (text < end) {
        size_t len = 0, columns;

        while (text < end && (*text == ' ' || *text == '\n'))
            text++;
        while (text + len < end && text[len] != ' ' && text[len] != '\n')
            len++;
        if (len == 0)
            break;
        columns = term_columns(text, len);
        if (!first && at + 1 + columns > width) {
            buf_add(b, "\n");
            buf_fill(b, ' ', indent);
            at = indent;
        } else if (!first) {
            buf_add(b, " ");
            at++;
        }
        first = false;
        buf_bytes(b, text, len);
        at += columns;
        text += len;
    }
    buf_add(b, "\n");
}

void term_cell(struct buf *out, const char *text, size_t width, bool utf8)
{
    size_t n = strlen(text), columns = term_columns(text, n);

    if (columns > width) {
        size_t keep = utf8 ? width - 1 : width - 2;

        n = 0;
        for (size_t shown = 0; shown < keep; shown++) {
            n++;
            while ((text[n] & 0xc0) == 0x80)
                n++;
        }
        buf_bytes(out, text, n);
        buf_add(out, "%s", utf8 ? "…" : "..");
        return;
    }
    buf_bytes(out, text, n);
    buf_fill(out, ' ', width - columns);
}

void term_color(struct buf *b, bool color, const char *code)
{
    if (color)
        buf_add(b, "\033[%sm", code);
}

void term_plain(struct buf *b, bool color)
{
    if (color)
        buf_add(b, "\033[0m");
}

/* --- figures for people ----------------------------------------------------------------------- */

/* At least three digits if there is a fraction: 1.25, 12.5, 125. */
static struct human scaled(uint64_t bytes, const char *const units[])
{
    struct human h;
    double v = (double)bytes;
    size_t i = 0;

    while (v >= 999.5 && i < 6) {
        v /= 1024;
        i++;
    }
    snprintf(h.text, sizeof h.text, "%.*f%s",
             i == 0 || v >= 99.95 ? 0
             : v >= 9.995         ? 1
                                  : 2,
             v, units[i]);
    return h;
}

struct human human_bytes(uint64_t bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

    return scaled(bytes, units);
}

struct human human_bytes_short(uint64_t bytes)
{
    static const char *const units[] = {"B", "K", "M", "G", "T", "P", "E"};

    return scaled(bytes, units);
}

struct human human_time(uint64_t ns)
{
    struct human h;
    uint64_t s = ns / 1000000000 + (ns % 1000000000 >= 500000000);

    if (s < 3600)
        snprintf(h.text, sizeof h.text, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
    else if (s < 86400)
        snprintf(h.text, sizeof h.text, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600,
                 s / 60 % 60, s % 60);
    else
        snprintf(h.text, sizeof h.text, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
    return h;
}

struct human human_seconds(uint64_t ns)
{
    struct human h;
    double s = (double)ns / 1e9;

    snprintf(h.text, sizeof h.text, "%.*f s", s < 1 ? 3 : s < 100 ? 2 : 0, s);
    return h;
}
