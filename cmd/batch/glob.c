/* glob.c - patterns of file names, without backtracking over components.
 *
 * A component is matched with one point to go back to, the last star, so it takes at most the product of both lengths;
 * the same holds for the ** components of a path.
 */

#include "glob.h"

#include <string.h>

bool glob_has_magic(const char *pattern, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (pattern[i] == '\\' && i + 1 < n)
            i++;
        else if (strchr("*?[", pattern[i]))
            return true;
    }
    return false;
}

/* Match the set at *pattern, which begins with [, with c, and pass over it. A set without an end is a literal [. */
static bool in_set(const char **pattern, const char *end, unsigned char c)
{
    const char *p = *pattern + 1;
    bool no = p < end && (*p == '!' || *p == '^'), found = false;
    const char *first = p + no;

    for (p = first; p < end && (*p != ']' || p == first); p++) {
        unsigned char low, high;

        p += *p == '\\' && p + 1 < end ? 1 : 0;
        low = high = (unsigned char)*p;
        if (p + 2 < end && p[1] == '-' && p[2] != ']') {
            p += 2;
            p += *p == '\\' && p + 1 < end ? 1 : 0;
            high = (unsigned char)*p;
        }
        found = found || (c >= low && c <= high);
    }
    if (p == end) {
        (*pattern)++;
        return c == '[';
    }
    *pattern = p + 1;
    return found != no;
}

static bool matches_one(const char **pattern, const char *end, char c)
{
    const char *p = *pattern;

    if (*p == '[')
        return in_set(pattern, end, (unsigned char)c);
    if (*p == '\\' && p + 1 < end)
        p++;
    *pattern = p + 1;
    return *p == c;
}

/* Without slashes. */
static bool component_matches(const char *p, const char *p_end, const char *t, const char *t_end)
{
    const char *star = NULL, *from = NULL;

    if (t < t_end && *t == '.' && (p == p_end || *p != '.'))
        return false;
    while (t < t_end) {
        const char *next = p;

        if (p < p_end && *p == '*') {
            star = ++p;
            from = t;
        } else if (p < p_end && (*p == '?' ? (next++, true) : matches_one(&next, p_end, *t))) {
            p = next;
            t++;
        } else if (star) {
            p = star;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

static const char *component_end(const char *p)
{
    return p + strcspn(p, "/");
}

static bool is_any_depth(const char *p)
{
    return p[0] == '*' && p[1] == '*' && (p[2] == '/' || p[2] == '\0');
}

bool glob_matches(const char *p, const char *t)
{
    const char *again_p = NULL, *again_t = NULL;

    while (*t) {
        const char *p_end = component_end(p), *t_end = component_end(t);

        if (is_any_depth(p)) {
            if (!*p_end) /* the last one: all below, but nothing hidden */
                return *t != '.' && !strstr(t, "/.");
            p = again_p = p_end + 1;
            again_t = t;
        } else if (component_matches(p, p_end, t, t_end) && (*p_end == '/') == (*t_end == '/')) {
            p = p_end + (*p_end == '/');
            t = t_end + (*t_end == '/');
        } else if (again_p && *again_t && *again_t != '.' && *component_end(again_t) == '/') {
            again_t = component_end(again_t) + 1;
            p = again_p;
            t = again_t;
        } else {
            return false;
        }
    }
    return *p == '\0';
}
