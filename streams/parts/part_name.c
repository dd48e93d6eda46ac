/* part_name.c - the names of the files of parts. */

#include "part_name.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 20 /* digits of a part's number */

/* --- from a template -------------------------------------------------------------------------- */

/* The position of {n} or {n:WIDTH}, and the text after it. NULL: there is none. */
static const char *find_number(const char *text, int *ret_width, const char **ret_after)
{
    for (const char *at = text; (at = strstr(at, "{n")); at++) {
        const char *p = at + 2;
        int width = 0;

        if (*p == ':')
            for (p++; *p >= '0' && *p <= '9' && width <= WIDTH_MAX; p++)
                width = 10 * width + (*p - '0');
        if (*p == '}' && width <= WIDTH_MAX) {
            *ret_width = width;
            *ret_after = p + 1;
            return at;
        }
    }
    return NULL;
}

bool leat_part_is_template(const char *template)
{
    const char *after;
    int width;

    return find_number(template, &width, &after) != NULL;
}

char *leat_part_name(const char *template, uint64_t n)
{
    char *name = strdup("");
    const char *at, *after;
    int width;

    while (name && (at = find_number(template, &width, &after))) {
        char *longer;

        if (asprintf(&longer, "%s%.*s%0*" PRIu64, name, (int)(at - template), template, width, n) <
            0)
            longer = NULL;
        free(name);
        name = longer;
        template = after;
    }
    if (name) {
        char *whole;

        if (asprintf(&whole, "%s%s", name, template) < 0)
            whole = NULL;
        free(name);
        name = whole;
    }
    return name;
}

/* --- given by the stage ----------------------------------------------------------------------- */

/* Append a component; returns the new length. */
static size_t add_component(char *path, size_t len, const char *component, size_t n)
{
    if (len > 0)
        path[len++] = '/';
    memcpy(path + len, component, n);
    return len + n;
}

static const char *add_components(char *path, const char *name)
{
    size_t len = 0;

    for (const char *at = name; *at;) {
        size_t n = strcspn(at, "/");

        if (n > NAME_MAX)
            return "a component of it is too long";
        if (n == 2 && memcmp(at, "..", 2) == 0)
            return "it has a component ..";
        if (n > 1 || (n == 1 && *at != '.'))
            len = add_component(path, len, at, n);
        else if (!at[n] || !at[n + 1])
            return "it names a directory";
        at += n + (at[n] == '/');
    }
    path[len] = '\0';
    return NULL;
}

const char *leat_part_path(const char *name, size_t n, char **ret_path)
{
    const char *why;
    char *path;

    *ret_path = NULL;
    if (n == 0)
        return "it is empty";
    if (memchr(name, '\0', n))
        return "it has a NUL byte";
    if (name[0] == '/')
        return "it is absolute";
    if (name[n - 1] == '/')
        return "it names a directory";
    if (n >= PATH_MAX)
        return "it is too long";
    path = strndup(name, n);
    if (!path)
        return NULL;
    *ret_path = malloc(n + 1);
    why = *ret_path ? add_components(*ret_path, path) : NULL;
    free(path);
    if (why) {
        free(*ret_path);
        *ret_path = NULL;
    }
    return why;
}
