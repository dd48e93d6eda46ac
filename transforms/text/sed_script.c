/* sed_script.c - reads s/RE/TEXT/flags as GNU sed does. */

#include "sed_script.h"

#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"

struct reader {
    const char *at, *end;
    struct leat_sed_script *script;
    char *why;
    size_t why_size;
};

static int wrong(struct reader *r, const char *why)
{
    snprintf(r->why, r->why_size, "%s", why);
    return LEAT_EUSAGE;
}

/* --- escapes ---------------------------------------------------------------------------------- */

static int digit_of(char c, int base)
{
    int d = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : 99;

    return d < base ? d : -1;
}

static size_t number_escape(const char *at, const char *end, int base, size_t most, uint8_t *ret)
{
    size_t n = 0;
    int value = 0;

    for (; n < most && at + 1 + n < end && digit_of(at[1 + n], base) >= 0; n++)
        value = value * base + digit_of(at[1 + n], base);
    *ret = (uint8_t)value;
    return n > 0 ? n + 1 : 0;
}

size_t leat_sed_escape(const char *at, const char *end, uint8_t *ret)
{
    static const char letters[] = "tfvarn", bytes[] = "\t\f\v\a\r\n";
    const char *known = at < end && *at ? strchr(letters, *at) : NULL;

    if (at >= end)
        return 0;
    if (known) {
        *ret = (uint8_t)bytes[known - letters];
        return 1;
    }
    switch (*at) {
    case 'x':
        return number_escape(at, end, 16, 2, ret);
    case 'o':
        return number_escape(at, end, 8, 3, ret);
    case 'd':
        return number_escape(at, end, 10, 3, ret);
    case 'c':
        if (at + 1 >= end || at[1] == '\\')
            return 0;
        *ret = (uint8_t)((at[1] >= 'a' && at[1] <= 'z' ? at[1] - 0x20 : at[1]) ^ 0x40);
        return 2;
    default:
        return 0;
    }
}

/* --- the two parts ---------------------------------------------------------------------------- */

static void add(struct reader *r, char c)
{
    r->script->pattern[r->script->pattern_len++] = c;
}

/* Reads a set from after its `[`. The delimiter does not end it. */
static void read_set(struct reader *r)
{
    const char *at = r->at, *p = at;
    uint8_t byte;

    p += p < r->end && *p == '^';
    p += p < r->end && *p == ']';
    while (p < r->end && *p != ']') {
        if (*p == '[' && p + 1 < r->end && strchr(":.=", p[1])) {
            char close[3] = {p[1], ']', '\0'};
            const char *found = strstr(p + 2, close);

            p = found ? found + 1 : p;
        }
        p++;
    }
    if (p == r->end) /* there is no `]` */
        return;
    while (at <= p) {
        size_t n = *at == '\\' ? leat_sed_escape(at + 1, p, &byte) : 0;

        add(r, n > 0 ? (char)byte : *at);
        at += n + 1;
    }
    r->at = p + 1;
}

static int read_pattern(struct reader *r)
{
    char delimiter = r->script->delimiter;

    while (r->at < r->end && *r->at != delimiter && *r->at != '\n') {
        char c = *r->at++;
        uint8_t byte;
        size_t n;

        if (c == '[') {
            add(r, c);
            read_set(r);
        } else if (c != '\\' || r->at == r->end) {
            add(r, c);
        } else if (*r->at == delimiter) {
            add(r, *r->at++);
        } else {
            n = leat_sed_escape(r->at, r->end, &byte);
            if (n == 0) {
                add(r, c);
                n = 1;
                byte = (uint8_t)*r->at;
            }
            add(r, (char)byte);
            r->at += n;
        }
    }
    if (r->at == r->end || *r->at != delimiter)
        return wrong(r, "unterminated s command; it is s/RE/TEXT/");
    r->at++;
    if (r->script->pattern_len == 0)
        return wrong(r, "an empty regular expression stands for the one before, and there is none");
    return 0;
}

static int read_text(struct reader *r)
{
    char delimiter = r->script->delimiter;

    r->script->text = r->at;
    while (r->at < r->end && *r->at != delimiter && *r->at != '\n') {
        r->at += *r->at == '\\' && r->at + 1 < r->end;
        r->at++;
    }
    if (r->at == r->end || *r->at != delimiter)
        return wrong(r, "unterminated s command; it is s/RE/TEXT/");
    r->script->text_len = (size_t)(r->at - r->script->text);
    r->at++;
    return 0;
}

/* --- flags ------------------------------------------------------------------------------------ */

static int read_number(struct reader *r)
{
    uint64_t n = 0;

    if (r->script->number > 0)
        return wrong(r, "more than one number after the s command");
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        n = n > UINT64_MAX / 20 ? n : 10 * n + (uint64_t)(*r->at - '0');
    if (n == 0)
        return wrong(r, "the number after the s command is not to be zero");
    r->script->number = n;
    return 0;
}

static int read_flags(struct reader *r)
{
    while (r->at < r->end && !strchr(" \t\n;", *r->at)) {
        char c = *r->at;
        int code;

        if (c >= '0' && c <= '9') {
            code = read_number(r);
            if (code < 0)
                return code;
            continue;
        }
        if (c == 'g' && r->script->all)
            return wrong(r, "more than one g after the s command");
        if (c == 'p' || c == 'w')
            return wrong(
                r, "the flags p and w are not known; grep selects lines, and tee writes copies");
        if (c != 'g' && c != 'i' && c != 'I')
            return wrong(r, "unknown flag after the s command: g, I and a number are known");
        r->script->all = r->script->all || c == 'g';
        r->script->fold = r->script->fold || c != 'g';
        r->at++;
    }
    r->at += strspn(r->at, " \t\n;");
    if (r->at < r->end && *r->at != '#')
        return wrong(r, "only one s command; for more write: sed 's/…/…/' : sed 's/…/…/'");
    return 0;
}

static int wrong_command(struct reader *r)
{
    char c = r->at < r->end ? *r->at : '\0';

    if (c == 'y')
        return wrong(r, "only the s command is known; tr changes single characters");
    if (c == 'q')
        return wrong(r, "only the s command is known; head ends after some lines");
    if (c == '/' || c == '$' || c == 'd' || c == 'p' || (c >= '0' && c <= '9'))
        return wrong(r, "only the s command is known; grep, head, tail and lines select lines");
    return wrong(r, "only the s command is known: s/RE/TEXT/flags");
}

int leat_sed_script(const char *script, struct leat_sed_script *ret, char *why, size_t why_size)
{
    struct reader r = {.at = script,
                       .end = script + strlen(script),
                       .script = ret,
                       .why = why,
                       .why_size = why_size};
    int code;

    ret->pattern_len = 0;
    r.at += strspn(r.at, " \t\n;");
    if (*r.at != 's')
        return wrong_command(&r);
    r.at++;
    if (r.at == r.end || *r.at == '\\' || *r.at == '\n')
        return wrong(&r, "unterminated s command; it is s/RE/TEXT/");
    ret->delimiter = *r.at++;
    code = read_pattern(&r);
    if (code == 0)
        code = read_text(&r);
    return code < 0 ? code : read_flags(&r);
}
