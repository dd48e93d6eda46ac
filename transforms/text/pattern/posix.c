/* posix.c - the C library's matcher for POSIX regular expressions, in the syntax of sed.
 *
 * regcomp lets a dot not match NUL, and an unmatched `)` be an ordinary character, both unlike sed. The pattern is changed for
 * the one, and refused for the other.
 */

#include "posix.h"

#include <limits.h>
#include <locale.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"

struct leat_posix {
    regex_t regex;
    bool compiled;
    regoff_t *starts, *ends; /* lent to `found`: of the match, of each group, and one more */
    struct re_registers found;
    size_t *match;
};

/* Returns the offset after the `]` of a set that begins at p[at - 1]; len if there is none. */
static size_t set_end(const char *p, size_t len, size_t at)
{
    at += at < len && p[at] == '^';
    at += at < len && p[at] == ']';
    while (at < len && p[at] != ']') {
        if (p[at] == '[' && at + 1 < len && strchr(":.=", p[at + 1])) {
            const char close[3] = {p[at + 1], ']', '\0'}, *end = strstr(p + at + 2, close);

            at = end ? (size_t)(end - p) + 1 : at;
        }
        at++;
    }
    return at < len ? at + 1 : len;
}

/* Copies the pattern, with a set of all bytes but the newline in the place of a dot; a line does not contain a newline, and if
 * lines end with NUL, `dot` is kept. Returns false if there is an unmatched `)`. */
static bool copy_pattern(const char *p, size_t len, bool extended, bool keep_dot, char *to)
{
    size_t open = 0, n = 0;

    for (size_t at = 0; at < len;) {
        size_t next = at + 1;

        if (p[at] == '\\' && next < len)
            next++;
        else if (p[at] == '[')
            next = set_end(p, len, next);
        if (p[at] == '.' && !keep_dot) {
            memcpy(to + n, "[^\n]", 4);
            n += 4;
        } else {
            memcpy(to + n, p + at, next - at);
            n += next - at;
        }
        open += extended && p[at] == '(';
        if (extended && p[at] == ')' && open-- == 0)
            return false;
        at = next;
    }
    to[n] = '\0';
    return true;
}

static int compile(struct leat_posix *p, const char *pattern, const struct leat_posix_options *o,
                   char *why, size_t why_size)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before;
    int r;

    if (!c)
        return LEAT_ENOMEM;
    before = uselocale(c); /* the program may have another one */
    r = regcomp(&p->regex, pattern, (o->extended ? REG_EXTENDED : 0) | (o->fold ? REG_ICASE : 0));
    uselocale(before);
    freelocale(c);
    if (r == REG_ESPACE)
        return LEAT_ENOMEM;
    if (r != 0) {
        regerror(r, &p->regex, why, why_size);
        return LEAT_EUSAGE;
    }
    p->compiled = true;
    p->starts = calloc(p->regex.re_nsub + 2, sizeof *p->starts);
    p->ends = calloc(p->regex.re_nsub + 2, sizeof *p->ends);
    p->match = calloc(2 * (p->regex.re_nsub + 1), sizeof *p->match);
    if (!p->starts || !p->ends || !p->match)
        return LEAT_ENOMEM;
    re_set_registers(&p->regex, &p->found, (__re_size_t)p->regex.re_nsub + 2, p->starts, p->ends);
    return 0;
}

int leat_posix_new(const char *pattern, size_t len, const struct leat_posix_options *o,
                   struct leat_posix **ret, char *why, size_t why_size)
{
    struct leat_posix *p = calloc(1, sizeof *p);
    char *copy = malloc(4 * len + 1);
    int r = p && copy ? 0 : LEAT_ENOMEM;

    if (r == 0 && memchr(pattern, '\0', len)) {
        snprintf(why, why_size, "it contains a NUL byte");
        r = LEAT_EUSAGE;
    }
    if (r == 0 && !copy_pattern(pattern, len, o->extended, o->nul_ends, copy)) {
        snprintf(why, why_size, "Unmatched ) or \\)");
        r = LEAT_EUSAGE;
    }
    if (r == 0)
        r = compile(p, copy, o, why, why_size);
    free(copy);
    if (r < 0) {
        leat_posix_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

void leat_posix_free(struct leat_posix *p)
{
    if (!p)
        return;
    if (p->compiled)
        regfree(&p->regex);
    free(p->starts);
    free(p->ends);
    free(p->match);
    free(p);
}

unsigned leat_posix_groups(const struct leat_posix *p)
{
    return (unsigned)p->regex.re_nsub;
}

/* re_search takes a line without a NUL after it, like regexec with REG_STARTEND. AddressSanitizer checks the latter as if it
 * read a string. */
int leat_posix_search(struct leat_posix *p, const uint8_t *line, size_t len, size_t from)
{
    size_t n = p->regex.re_nsub + 1;
    regoff_t r;

    leat_assert(from <= len);
    if (len > INT_MAX)
        return LEAT_ENOMEM;
    r = re_search(&p->regex, (const char *)line, (regoff_t)len, (regoff_t)from,
                  (regoff_t)(len - from), &p->found);
    if (r < 0)
        return r == -1 ? 0 : LEAT_ENOMEM;
    leat_assert(p->found.start == p->starts && p->found.end == p->ends);
    for (size_t i = 0; i < n; i++) {
        p->match[2 * i] = p->starts[i] < 0 ? SIZE_MAX : (size_t)p->starts[i];
        p->match[2 * i + 1] = p->ends[i] < 0 ? SIZE_MAX : (size_t)p->ends[i];
    }
    return 1;
}

const size_t *leat_posix_match(const struct leat_posix *p)
{
    return p->match;
}
