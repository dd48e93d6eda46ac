/* match.c - glob patterns, matched without recursion: the last `*` takes one more byte, and so on. */

#include "match.h"

#include <string.h>

#define CLASS_MAX 16u /* bytes of a class's name */

/* --- characters ------------------------------------------------------------------------------- */

static bool is_continuation(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* Bytes of the character at `text`, n > 0, and its number; a byte that is no UTF-8 counts alone, with
 * a number that no character has. */
static size_t character(const char *text, size_t n, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)text[0];
    size_t bytes = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = first & (0xffu >> (bytes > 1 ? bytes + 1 : 0));

    for (size_t i = 1; i < bytes; i++) {
        if (i >= n || !is_continuation(text[i])) {
            bytes = 0;
            break;
        }
        c = c << 6 | ((uint8_t)text[i] & 0x3f);
    }
    if (bytes == 0 || c < least[bytes] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        *ret = 0x80000000u + first;
        return 1;
    }
    *ret = c;
    return bytes;
}

/* --- sets ------------------------------------------------------------------------------------- */

static bool is_between(uint32_t c, char from, char to)
{
    return c >= (uint8_t)from && c <= (uint8_t)to;
}

/* The classes of the C locale. */
static bool in_class(const char *name, uint32_t c)
{
    bool digit = is_between(c, '0', '9'), upper = is_between(c, 'A', 'Z');
    bool lower = is_between(c, 'a', 'z'), alnum = digit || upper || lower;
    bool graph = is_between(c, '!', '~');
    const struct {
        const char *name;
        bool holds;
    } classes[] = {
        {"alpha", upper || lower},
        {"digit", digit},
        {"alnum", alnum},
        {"upper", upper},
        {"lower", lower},
        {"blank", c == ' ' || c == '\t'},
        {"space", c == ' ' || is_between(c, '\t', '\r')},
        {"punct", graph && !alnum},
        {"graph", graph},
        {"print", graph || c == ' '},
        {"cntrl", c < ' ' || c == 127},
        {"xdigit", digit || is_between(c, 'a', 'f') || is_between(c, 'A', 'F')},
    };

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(classes[i].name, name) == 0)
            return classes[i].holds;
    return false;
}

/* A class `[:name:]` at p[i]; returns its length, 0: there is none. */
static size_t class_at(const char *p, size_t n, size_t i, char *ret_name)
{
    size_t k = i + 2, len;

    if (i + 1 >= n || p[i] != '[' || p[i + 1] != ':')
        return 0;
    while (k < n && p[k] >= 'a' && p[k] <= 'z')
        k++;
    len = k - i - 2;
    if (k + 1 >= n || p[k] != ':' || p[k + 1] != ']' || len == 0 || len >= CLASS_MAX)
        return 0;
    memcpy(ret_name, p + i + 2, len);
    ret_name[len] = '\0';
    return k + 2 - i;
}

/* One end of a range, at p[i], i < n; returns its length. */
static size_t range_end(const char *p, size_t n, size_t i, uint32_t *ret)
{
    size_t escape = p[i] == '\\' && i + 1 < n;

    return escape + character(p + i + escape, n - i - escape, ret);
}

/* The set at p[0] == '['; returns its length, 0: it has no end, so the bracket is a character. */
static size_t match_set(const char *p, size_t n, uint32_t c, bool *ret_matches)
{
    bool negated = n > 1 && (p[1] == '!' || p[1] == '^'), found = false;
    size_t first = negated ? 2 : 1, i = first;
    char name[CLASS_MAX];

    while (i < n && (p[i] != ']' || i == first)) {
        size_t len = class_at(p, n, i, name);
        uint32_t from, to;

        if (len > 0) {
            found = found || in_class(name, c);
            i += len;
            continue;
        }
        i += range_end(p, n, i, &from);
        to = from;
        if (i + 1 < n && p[i] == '-' && p[i + 1] != ']')
            i += 1 + range_end(p, n, i + 1, &to);
        found = found || (c >= from && c <= to);
    }
    *ret_matches = found != negated;
    return i < n ? i + 1 : 0;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* The element at p[0], no `*`, against the character at s[0]; both are there. Returns the bytes of
 * the element, 0: no match. */
static size_t match_one(const char *p, size_t n, const char *s, size_t n_s, size_t *ret_used)
{
    uint32_t c, own;
    bool matches;
    size_t len;

    *ret_used = character(s, n_s, &c);
    if (*p == '?')
        return 1;
    if (*p == '[') {
        len = match_set(p, n, c, &matches);
        if (len > 0)
            return matches ? len : 0;
    }
    len = range_end(p, n, 0, &own);
    return own == c ? len : 0;
}

/* From the begin of s to its end, or to a `/`. */
static bool match_here(const char *p, size_t n_p, const char *s, size_t n_s)
{
    size_t i = 0, k = 0, star = SIZE_MAX, star_k = 0;

    for (;;) {
        size_t used = 0, len = 0;

        if (i == n_p && (k == n_s || s[k] == '/'))
            return true;
        if (i < n_p && p[i] == '*') {
            star = ++i;
            star_k = k;
            continue;
        }
        if (i < n_p && k < n_s)
            len = match_one(p + i, n_p - i, s + k, n_s - k, &used);
        if (len > 0) {
            i += len;
            k += used;
        } else if (star != SIZE_MAX && star_k < n_s) {
            i = star;
            k = ++star_k;
        } else {
            return false;
        }
    }
}

static size_t without_slashes(const char *text, size_t n)
{
    while (n > 1 && text[n - 1] == '/')
        n--;
    return n;
}

bool leat_match_glob(const char *p, size_t n_p, const char *s, size_t n_s)
{
    n_p = without_slashes(p, n_p);
    n_s = without_slashes(s, n_s);
    if (match_here(p, n_p, s, n_s))
        return true;
    for (size_t i = 0; i + 1 < n_s; i++)
        if (s[i] == '/' && s[i + 1] != '/' && match_here(p, n_p, s + i + 1, n_s - i - 1))
            return true;
    return false;
}

/* --- lists ------------------------------------------------------------------------------------ */

static int grow(struct leat_stage *s, struct leat_match *m)
{
    size_t room = m->room ? 2 * m->room : 8;
    struct leat_match_pattern *v = leat_alloc(s, room * sizeof *v);

    if (!v)
        return LEAT_ENOMEM;
    if (m->n > 0)
        memcpy(v, m->v, m->n * sizeof *v);
    leat_free(s, m->v);
    m->v = v;
    m->room = room;
    return 0;
}

int leat_match_add(struct leat_stage *s, struct leat_match *m, const char *text, size_t n)
{
    int r = 0;

    if (n == 0)
        return 0;
    if (n > LEAT_MATCH_PATTERN_MAX)
        return leat_fail(s, LEAT_EUSAGE, "the pattern %.20s… is longer than %u bytes", text,
                         LEAT_MATCH_PATTERN_MAX);
    if (m->n == m->room)
        r = grow(s, m);
    if (r == 0)
        m->v[m->n++] = (struct leat_match_pattern){.text = text, .n = n};
    return r;
}

int leat_match_add_strings(struct leat_stage *s, struct leat_match *m,
                           const struct leat_strings *strings)
{
    int r = 0;

    for (size_t i = 0; i < strings->n && r == 0; i++)
        r = leat_match_add(s, m, strings->v[i], strlen(strings->v[i]));
    return r;
}

int leat_match_add_lines(struct leat_stage *s, struct leat_match *m, const void *data, size_t n,
                         char end)
{
    const char *at = data, *stop = at + n;
    int r = 0;

    while (at < stop && r == 0) {
        const char *line_end = memchr(at, end, (size_t)(stop - at));

        line_end = line_end ? line_end : stop;
        r = leat_match_add(s, m, at, (size_t)(line_end - at));
        at = line_end + 1;
    }
    return r;
}

bool leat_match_any(struct leat_match *m, const char *name, size_t n)
{
    bool any = false;

    for (size_t i = 0; i < m->n; i++)
        if (!(any && m->v[i].used) && leat_match_glob(m->v[i].text, m->v[i].n, name, n))
            m->v[i].used = any = true;
    return any;
}

void leat_match_free(struct leat_stage *s, struct leat_match *m)
{
    leat_free(s, m->v);
    *m = (struct leat_match){.n = 0};
}
