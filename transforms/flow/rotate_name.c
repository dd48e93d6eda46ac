/* rotate_name.c - the names of the parts of rotate: a template with a time and a number. */

#include "rotate_name.h"

#include <string.h>

#define WIDTH_MAX 20u /* digits of a number */
#define FORMAT_MAX 64u
#define FORMAT_DEFAULT "%Y%m%dT%H%M%S"

enum piece { PIECE_END, PIECE_TEXT, PIECE_NUMBER, PIECE_TIME };

/* The next piece of a template, and what is after it. */
struct token {
    enum piece piece;
    const char *text; /* PIECE_TEXT: n bytes; PIECE_TIME: the format */
    size_t n;
    unsigned width;
    const char *after;
};

static bool read_number(const char *at, struct token *t)
{
    const char *p = at + 2;

    if (strncmp(at, "{n", 2) != 0)
        return false;
    if (*p == ':')
        for (p++; *p >= '0' && *p <= '9' && t->width <= WIDTH_MAX; p++)
            t->width = 10 * t->width + (unsigned)(*p - '0');
    t->piece = PIECE_NUMBER;
    t->after = p + 1;
    return *p == '}' && t->width <= WIDTH_MAX;
}

static bool read_time(const char *at, struct token *t)
{
    const char *p = at + 5, *end = strchr(at, '}');

    if (strncmp(at, "{time", 5) != 0 || !end || (*p != '}' && *p != ':'))
        return false;
    t->piece = PIECE_TIME;
    t->text = *p == ':' ? p + 1 : FORMAT_DEFAULT;
    t->n = *p == ':' ? (size_t)(end - t->text) : strlen(FORMAT_DEFAULT);
    t->after = end + 1;
    return t->n > 0 && t->n < FORMAT_MAX;
}

/* Returns false: it is no template. */
static bool next(const char *at, struct token *t)
{
    *t = (struct token){.piece = *at ? PIECE_TEXT : PIECE_END, .text = at};
    if (*at == '{')
        return read_number(at, t) || read_time(at, t);
    t->n = strcspn(at, "{");
    t->after = at + t->n;
    return true;
}

const char *leat_rotate_name_check(const char *template)
{
    unsigned numbers = 0;
    struct token t;

    if (strchr(template, '/'))
        return "only its last component may have {n} and {time}";
    do {
        if (!next(template, &t))
            return "what is in braces must be {n}, {n:WIDTH}, {time} or {time:FORMAT}";
        if (t.piece == PIECE_TIME && memchr(t.text, '/', t.n))
            return "a time with a slash is no part of a name";
        numbers += t.piece == PIECE_NUMBER;
        template = t.after;
    } while (t.piece != PIECE_END);
    return numbers == 1 ? NULL : "it needs {n}, the number of the part, exactly once";
}

/* The format is the user's, and strftime has no conversion that reads other memory than `time`. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
/* Returns the length; 0: it has no room, or is empty. */
static size_t put_time(const struct token *t, const struct tm *time, char *to, size_t room)
{
    char format[FORMAT_MAX];

    memcpy(format, t->text, t->n);
    format[t->n] = '\0';
    return strftime(to, room, format, time);
}
#pragma GCC diagnostic pop

/* Decimal, with zeros before it. Returns the length; 0: it has no room. */
static size_t put_number(uint64_t n, unsigned width, char *to, size_t room)
{
    char digits[WIDTH_MAX + 1];
    size_t len = 0;

    do
        digits[len++] = (char)('0' + n % 10);
    while ((n /= 10) > 0 || len < width);
    if (len >= room)
        return 0;
    for (size_t i = 0; i < len; i++)
        to[i] = digits[len - 1 - i];
    return len;
}

bool leat_rotate_name(const char *template, const struct tm *time, uint64_t n, char *to)
{
    size_t len = 0;
    struct token t;

    for (; next(template, &t) && t.piece != PIECE_END; template = t.after) {
        size_t room = ROTATE_NAME_MAX - len, more = 0;

        if (t.piece == PIECE_TEXT && t.n < room)
            memcpy(to + len, t.text, more = t.n);
        else if (t.piece == PIECE_NUMBER)
            more = put_number(n, t.width, to + len, room);
        else if (t.piece == PIECE_TIME)
            more = put_time(&t, time, to + len, room);
        if (more == 0)
            return false;
        len += more;
    }
    to[len] = '\0';
    return !strchr(to, '/');
}

static bool fits(const char *template, const char *name, const struct tm *time, uint64_t *ret_n);

static bool fits_number(const struct token *t, const char *name, const struct tm *time,
                        uint64_t *ret_n)
{
    uint64_t n = 0, rest;
    size_t len = 0;

    while (name[len] >= '0' && name[len] <= '9' && len <= WIDTH_MAX && n < UINT64_MAX / 16) {
        n = 10 * n + (uint64_t)(name[len++] - '0');
        if (len < t->width || !fits(t->after, name + len, time, &rest))
            continue;
        *ret_n = n;
        return true;
    }
    return false;
}

/* Any time is a text that strptime reads, so names of other streams, with other words in this place, do not fit. */
static bool fits_time(const struct token *t, const char *name, const struct tm *time,
                      uint64_t *ret_n)
{
    char text[ROTATE_NAME_MAX], format[FORMAT_MAX];
    size_t n = time ? put_time(t, time, text, sizeof text) : 0;
    struct tm any = {0};
    const char *end;

    if (time)
        return n > 0 && strncmp(name, text, n) == 0 && fits(t->after, name + n, time, ret_n);
    memcpy(format, t->text, t->n);
    format[t->n] = '\0';
    end = strptime(name, format, &any);
    return end && end > name && fits(t->after, end, time, ret_n);
}

static bool fits(const char *template, const char *name, const struct tm *time, uint64_t *ret_n)
{
    struct token t;

    if (!next(template, &t))
        return false;
    switch (t.piece) {
    case PIECE_END:
        return !*name;
    case PIECE_TEXT:
        return strncmp(name, t.text, t.n) == 0 && fits(t.after, name + t.n, time, ret_n);
    case PIECE_NUMBER:
        return fits_number(&t, name, time, ret_n);
    case PIECE_TIME:
        return fits_time(&t, name, time, ret_n);
    }
    return false;
}

bool leat_rotate_name_fits(const char *template, const char *name, const struct tm *time,
                           uint64_t *ret_n)
{
    uint64_t n;

    if (!fits(template, name, time, &n))
        return false;
    if (ret_n)
        *ret_n = n;
    return true;
}
