/* bar.c - formats one line of progress for a given width. No side effects. */

#include <string.h>

#include "../cmd.h"

#define BAR_MIN 10u
#define BAR_MAX 50u
#define BAR_LINE_MIN 34u /* narrower terminals get no bar */
#define SHORT_LINE 60u   /* narrower terminals get short figures */

unsigned progress_percent(const struct progress_view *v)
{
    return v->pos >= v->total ? 100 : (unsigned)((double)v->pos / (double)v->total * 100);
}

static void add_bar(struct buf *b, const struct progress_view *v, size_t width, bool utf8,
                    bool color)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double part = v->pos >= v->total ? 1 : (double)v->pos / (double)v->total;
    size_t steps = (size_t)(part * (double)width * 8), full = steps / 8, used;

    buf_add(b, utf8 ? "▕" : "[");
    term_color(b, color, TERM_GREEN);
    for (size_t i = 0; i < full; i++)
        buf_add(b, utf8 ? "█" : "=");
    used = full;
    if (full < width && utf8) {
        buf_add(b, "%s", eighths[steps % 8]);
        used += steps % 8 > 0;
    } else if (full < width) {
        buf_add(b, ">");
        used++;
    }
    buf_fill(b, ' ', width - used);
    term_plain(b, color);
    buf_add(b, utf8 ? "▏" : "]");
}

/* The fields of the line, in the order of the text; `rank` is the order in which they get room. */
struct field {
    char text[96];
    unsigned rank;
    bool shown;
};
enum { FIELD_AMOUNT, FIELD_RATE, FIELD_OUT, FIELD_SLOWEST, FIELD_ELAPSED, FIELD_LEFT, N_FIELDS };

static struct human figure(uint64_t bytes, bool is_short)
{
    return is_short ? human_bytes_short(bytes) : human_bytes(bytes);
}

#define SET_FIELD(i, r, ...)                                                                       \
    do {                                                                                           \
        snprintf(f[i].text, sizeof f[i].text, __VA_ARGS__);                                        \
        f[i].rank = r;                                                                             \
    } while (0)

static void make_fields(struct field f[N_FIELDS], const struct progress_view *v, bool is_short)
{
    if (v->total > 0)
        SET_FIELD(FIELD_AMOUNT, 3, "%s of %s", figure(v->pos, is_short).text,
                  figure(v->total, is_short).text);
    else
        SET_FIELD(FIELD_AMOUNT, 1, "%s", figure(v->pos, is_short).text);
    if (v->out > 0 && v->out != v->pos)
        SET_FIELD(FIELD_OUT, 4, "%s out", figure(v->out, is_short).text);
    if (v->slowest)
        SET_FIELD(FIELD_SLOWEST, 6, "%.40s %u%%", v->slowest, v->slowest_percent);
    SET_FIELD(FIELD_ELAPSED, v->total > 0 ? 5 : 2, "%s", human_time(v->elapsed_ns).text);
    if (v->finishing) {
        SET_FIELD(FIELD_RATE, 2, "finishing");
        return;
    }
    SET_FIELD(FIELD_RATE, 2, "%s/s", figure(v->rate, is_short).text);
    if (v->total > 0 && v->left_ns != UINT64_MAX)
        SET_FIELD(FIELD_LEFT, 1, "ETA %s", human_time(v->left_ns).text);
    else if (v->total > 0)
        SET_FIELD(FIELD_LEFT, 1, "ETA -:--");
}

void progress_line(struct buf *b, const struct progress_view *v, unsigned width, bool utf8,
                   bool color)
{
    struct field f[N_FIELDS] = {{.shown = false}};
    size_t bar = v->total > 0 && width >= BAR_LINE_MIN ? BAR_MIN + 3 : 0;
    size_t used = v->total > 0 ? 4 : 0, room = width - 3; /* room for a "^C" after the line */

    make_fields(f, v, width < SHORT_LINE);
    for (unsigned rank = 1; rank <= N_FIELDS; rank++) {
        for (size_t i = 0; i < N_FIELDS; i++) {
            size_t columns = term_columns(f[i].text, strlen(f[i].text)) + (used > 0 ? 2 : 0);

            if (f[i].rank != rank || used + columns + bar > room)
                continue;
            f[i].shown = true;
            used += columns;
        }
    }
    if (v->total > 0)
        buf_add(b, "%3u%%", progress_percent(v));
    if (bar > 0) {
        bar = room - used - 3;
        buf_add(b, " ");
        add_bar(b, v, bar < BAR_MAX ? bar : BAR_MAX, utf8, color);
    }
    for (size_t i = 0, any = v->total > 0; i < N_FIELDS; i++) {
        if (f[i].shown)
            buf_add(b, "%s%s", any ? "  " : "", f[i].text);
        any |= f[i].shown;
    }
}
