/* perl.c - decides whether a Perl pattern may be matched against many lines at once.
 *
 * In a whole buffer `[^x]` or `\s` may run over a newline, a possessive repetition then cannot come
 * back, and a look-ahead sees the next line. Therefore only elements that are known to be safe are
 * allowed: ordinary characters, groups, alternatives, repetitions, `.`, and sets that cannot
 * contain a newline.
 */

#include "perl.h"

#include <string.h>

static bool is_punctuation(char c)
{
    return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c);
}

/* Skips a set, from after its `[`; returns its end, or NULL if it may contain a newline. */
static const char *skip_set(const char *p)
{
    if (*p == '^' || *p == ']')
        return NULL;
    for (; *p != ']'; p++) {
        if (*p == '\\') {
            p++;
            if (*p != 'd' && *p != 'w' && !is_punctuation(*p))
                return NULL;
        } else if ((unsigned char)*p < ' ' || (*p == '[' && strchr(":.=", p[1]))) {
            return NULL;
        }
    }
    return p + 1;
}

bool leat_perl_is_line_safe(const char *p, size_t len)
{
    const char *end = p + len;
    bool after_repeat = false;

    if (memchr(p, '\0', len))
        return false;
    while (p < end) {
        char c = *p++;
        bool repeat = false;

        switch (c) {
        case '\\':
            if (!is_punctuation(*p) && (!*p || !strchr("dwbB", *p)))
                return false;
            p++;
            break;
        case '[':
            p = skip_set(p);
            if (!p)
                return false;
            break;
        case '(':
            if (*p == '*' || (*p == '?' && p[1] != ':'))
                return false;
            p += *p == '?' ? 2 : 0;
            break;
        case '*':
        case '+':
        case '?':
        case '}':
            if (c == '+' && after_repeat)
                return false;
            repeat = true;
            break;
        default:
            if ((unsigned char)c < ' ')
                return false;
        }
        after_repeat = repeat;
    }
    return true;
}
