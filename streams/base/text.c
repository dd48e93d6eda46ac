/* text.c - text that grows by doubling. */

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Make room for n bytes and the NUL. */
static bool make_room(struct leat_text *t, size_t n)
{
    size_t room = 2 * t->room + n + 64;
    char *more;

    if (t->failed)
        return false;
    if (t->room - t->n > n)
        return true;
    more = realloc(t->data, room);
    t->failed = !more;
    if (!more)
        return false;
    t->data = more;
    t->room = room;
    return true;
}

void leat_text_bytes(struct leat_text *t, const char *data, size_t n)
{
    if (!make_room(t, n))
        return;
    memcpy(t->data + t->n, data, n);
    t->n += n;
    t->data[t->n] = '\0';
}

void leat_text_add(struct leat_text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        t->failed = true;
    if (n < 0 || !make_room(t, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(t->data + t->n, (size_t)n + 1, format, args);
    va_end(args);
    t->n += (size_t)n;
}

char *leat_text_take(struct leat_text *t)
{
    char *data;

    leat_text_bytes(t, "", 0);
    if (t->failed)
        free(t->data);
    data = t->failed ? NULL : t->data;
    *t = (struct leat_text){.n = 0};
    return data;
}
