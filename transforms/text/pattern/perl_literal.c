/* perl_literal.c - the fixed string that every match of a Perl pattern contains.
 *
 * Consecutive characters are collected as a run, and the rarest run is kept. Branches, and groups that may be left
 * out, contribute nothing.
 */

#include "perl_literal.h"

#include <string.h>

#include "literal.h"

#define DEPTH_MAX 100u

struct scan {
    const char *p;
    bool fold, unicode;
    uint8_t *bytes;
    size_t n, run_at; /* bytes so far; start of the current run */
    size_t at, len;   /* the best run */
    unsigned score;
    bool newline, other; /* a newline is needed; there is more than characters */
    bool gave_up;
    unsigned depth;
};

static void sequence(struct scan *s);

static bool is_punctuation(char c)
{
    return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ", c);
}

static void end_run(struct scan *s)
{
    size_t len = s->n - s->run_at;
    unsigned score = leat_literal_score(s->bytes + s->run_at, len);

    if (len > 0 && score > s->score) {
        s->at = s->run_at;
        s->len = len;
        s->score = score;
    }
    s->run_at = s->n;
}

static void break_run(struct scan *s)
{
    s->other = true;
    end_run(s);
}

/* In Unicode the long s and the Kelvin sign are other cases of s and k. */
static bool folds_beyond_ascii(const struct scan *s, uint8_t c)
{
    return s->fold && (c >= 0x80 || (s->unicode && strchr("kKsS", c)));
}

static void add(struct scan *s, uint8_t c)
{
    if (s->fold && c >= 'A' && c <= 'Z')
        c |= 0x20;
    s->bytes[s->n++] = c;
}

/* A character that begins with c. */
static void character(struct scan *s, char c)
{
    if (folds_beyond_ascii(s, (uint8_t)c))
        break_run(s);
    else
        add(s, (uint8_t)c);
    while (s->unicode && (uint8_t)c >= 0xc0 && ((uint8_t)*s->p & 0xc0) == 0x80) {
        if (!s->fold)
            add(s, (uint8_t)*s->p);
        s->p++;
    }
}

/* Returns whether it is a character; then *c is that. */
static bool escape(struct scan *s, char *c)
{
    *c = *s->p;
    if (*c)
        s->p++;
    if (is_punctuation(*c))
        return true;
    if (*c == 't' || *c == 'r') {
        *c = *c == 't' ? '\t' : '\r';
        return true;
    }
    if (*c == 'n')
        *c = '\n';
    else if (!*c || !strchr("dwsDWSbBhHvVRAzZGK", *c))
        s->gave_up = true;
    break_run(s);
    return false;
}

/* Skips a set, from after its `[`. */
static void skip_set(struct scan *s)
{
    const char *p = s->p;

    p += *p == '^';
    p += *p == ']';
    for (; *p && *p != ']'; p++) {
        if (*p == '\\' && (p[1] == 'Q' || p[1] == 'E' || p[1] == '\0')) {
            s->gave_up = true;
            return;
        }
        if (*p == '\\') {
            p++;
        } else if (*p == '[' && strchr(":.=", p[1])) {
            const char *end = strstr(p + 2, "]");

            s->gave_up = s->gave_up || !end;
            p = end && end[-1] == p[1] ? end : p;
        }
    }
    s->gave_up = s->gave_up || !*p;
    s->p = p + (*p != '\0');
    break_run(s);
}

static void group(struct scan *s)
{
    if (*s->p == '*' || (*s->p == '?' && s->p[1] != ':')) {
        s->gave_up = true;
        return;
    }
    break_run(s);
    s->p += *s->p == '?' ? 2 : 0;
    s->gave_up = s->gave_up || ++s->depth > DEPTH_MAX;
    sequence(s);
    s->depth--;
    s->gave_up = s->gave_up || *s->p != ')';
    s->p += *s->p == ')';
}

/* Reads {N}, {N,} or {N,M}; returns N, or -1 for an ordinary brace. */
static int interval(struct scan *s)
{
    const char *p = s->p + 1;
    int n = -1;

    for (; *p >= '0' && *p <= '9'; p++)
        n = n == 0 || n < 0 ? *p - '0' : 1;
    p += *p == ',';
    while (*p >= '0' && *p <= '9')
        p++;
    if (n < 0 || *p != '}')
        return -1;
    s->p = p + 1;
    return n;
}

/* The least number of times of the item before: 1 and false if there is no repetition. */
static bool repetition(struct scan *s, int *least)
{
    char c = *s->p;

    *least = 1;
    if (c == '{') {
        *least = interval(s);
        if (*least < 0) {
            s->gave_up = true;
            return false;
        }
    } else if (c == '*' || c == '?' || c == '+') {
        *least = c == '+';
        s->p++;
    } else {
        return false;
    }
    s->p += *s->p == '?' || *s->p == '+';
    return true;
}

/* Literals found since then need not occur. */
static void forget(struct scan *s, const struct scan *before)
{
    s->at = before->at;
    s->len = before->len;
    s->score = before->score;
    s->newline = before->newline;
}

static void item(struct scan *s)
{
    struct scan before;
    size_t char_at = s->n;
    char c = *s->p++;
    bool is_char = false;
    int least;

    if (c == '(')
        break_run(s);
    before = *s;
    if (c == '\\') {
        is_char = escape(s, &c);
        if (is_char)
            add(s, (uint8_t)c);
    } else if (c == '[') {
        skip_set(s);
    } else if (c == '(') {
        group(s);
    } else if (c == '.' || c == '^' || c == '$') {
        break_run(s);
    } else if (strchr("*+?{", c)) {
        s->gave_up = true;
    } else {
        is_char = true;
        character(s, c);
    }
    if (s->gave_up)
        return;
    if (!repetition(s, &least)) {
        s->newline = s->newline || c == '\n';
        return;
    }
    s->newline = s->newline || (c == '\n' && least > 0);
    if (is_char && least == 0)
        s->n = char_at < s->run_at ? s->run_at : char_at;
    else if (c == '(' && least == 0)
        forget(s, &before);
    break_run(s);
}

/* Up to the end, or the `)` of a group. */
static void sequence(struct scan *s)
{
    struct scan before = *s;
    bool branches = false;

    while (!s->gave_up && *s->p && *s->p != ')') {
        if (*s->p == '|') {
            branches = true;
            s->p++;
            break_run(s);
        } else {
            item(s);
        }
    }
    end_run(s);
    if (branches)
        forget(s, &before);
}

void leat_perl_literal(const char *pattern, bool fold, bool unicode, uint8_t *bytes,
                       struct leat_perl_literal *ret)
{
    struct scan s = {.p = pattern, .fold = fold, .unicode = unicode, .bytes = bytes};

    *ret = (struct leat_perl_literal){.len = 0};
    sequence(&s);
    if (s.gave_up || *s.p)
        return;
    *ret = (struct leat_perl_literal){
        .at = s.at, .len = s.len, .whole = !s.other && s.len > 0, .newline = s.newline};
}

bool leat_perl_is_ascii(const char *p)
{
    /* If case is ignored, these sets are other ones in Unicode. */
    if (strstr(p, "(*") || strstr(p, "upper:]") || strstr(p, "lower:]"))
        return false;
    for (; *p; p++) {
        if ((uint8_t)*p >= 0x80)
            return false;
        if (*p == '\\') {
            p++;
            if (!is_punctuation(*p) && (!*p || !strchr("123456789dwsDWSbBnrthHvVRAzZGKkgE", *p)))
                return false;
        }
    }
    return true;
}
