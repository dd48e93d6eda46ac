/* fixed.c - text that is put together in memory of a fixed size, and elements of XML. */

#include "fixed.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct leat_fixed leat_fixed_in(char *to, size_t size)
{
    *to = '\0';
    return (struct leat_fixed){.to = to, .size = size};
}

void leat_fixed_add(struct leat_fixed *t, const char *format, ...)
{
    va_list list;
    int n;

    if (t->is_full)
        return;
    va_start(list, format);
    n = vsnprintf(t->to + t->n, t->size - t->n, format, list);
    va_end(list);
    if (n >= 0 && (size_t)n < t->size - t->n) {
        t->n += (size_t)n;
        return;
    }
    t->to[t->n] = '\0';
    t->is_full = true;
}

void leat_fixed_add_encoded(struct leat_fixed *t, const char *from, bool path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *from; from++) {
        if (strchr(plain, *from) || (path && *from == '/'))
            leat_fixed_add(t, "%c", *from);
        else
            leat_fixed_add(t, "%%%02X", (unsigned char)*from);
    }
}

static const struct {
    const char *name;
    char c;
} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

void leat_fixed_add_xml(struct leat_fixed *t, const char *from)
{
    for (; *from; from++) {
        size_t i = 0, n = sizeof entities / sizeof *entities;

        while (i < n && entities[i].c != *from)
            i++;
        if (i < n)
            leat_fixed_add(t, "%s", entities[i].name);
        else
            leat_fixed_add(t, "%c", *from);
    }
}

/* One character of text, which may be an entity; *from becomes the place after it. */
static char next_character(const char **from)
{
    char c = **from;

    for (size_t i = 0; c == '&' && i < sizeof entities / sizeof *entities; i++) {
        size_t n = strlen(entities[i].name);

        if (strncmp(*from, entities[i].name, n) == 0) {
            *from += n;
            return entities[i].c;
        }
    }
    (*from)++;
    return c;
}

bool leat_xml_element(const char *xml, const char *name, char *to, size_t size)
{
    size_t n = strlen(name), length = 0;
    const char *p = xml;

    *to = '\0';
    while ((p = strchr(p, '<'))) {
        p++;
        if (strncmp(p, name, n) == 0 && (p[n] == '>' || p[n] == ' '))
            break;
    }
    p = p ? strchr(p, '>') : NULL;
    if (!p)
        return false;
    for (p++; *p && *p != '<' && length < size - 1;) {
        char c = next_character(&p);

        to[length++] = (unsigned char)c < ' ' || c == 0x7f ? ' ' : c;
    }
    to[length] = '\0';
    return true;
}
