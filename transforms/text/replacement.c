/* replacement.c - the text that takes the place of a match. */

#include "replacement.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "base/invariant.h"
#include "copy.h"
#include "pattern/pcre.h"
#include "words.h"

int leat_replacement_init(struct leat_replacement *t, struct leat_stage *stage, size_t size)
{
    *t = (struct leat_replacement){.stage = stage};
    t->parts = leat_pcre_get(stage, (size + 1) * sizeof *t->parts);
    t->bytes = leat_pcre_get(stage, size + 1);
    return t->parts && t->bytes ? 0 : LEAT_ENOMEM;
}

void leat_replacement_done(struct leat_replacement *t)
{
    leat_pcre_put(t->stage, t->parts);
    leat_pcre_put(t->stage, t->bytes);
    if (t->locale)
        freelocale(t->locale);
    *t = (struct leat_replacement){.n_parts = 0};
}

/* --- parts ------------------------------------------------------------------------------------ */

void leat_replacement_byte(struct leat_replacement *t, uint8_t byte)
{
    struct leat_replacement_part *last = t->n_parts > 0 ? &t->parts[t->n_parts - 1] : NULL;

    if (!last || last->kind != LEAT_REPLACEMENT_TEXT) {
        last = &t->parts[t->n_parts++];
        *last = (struct leat_replacement_part){.kind = LEAT_REPLACEMENT_TEXT, .at = t->n_bytes};
    }
    t->bytes[t->n_bytes++] = byte;
    last->len++;
}

void leat_replacement_group(struct leat_replacement *t, unsigned group)
{
    t->parts[t->n_parts++] =
        (struct leat_replacement_part){.kind = LEAT_REPLACEMENT_GROUP, .group = group};
}

void leat_replacement_case(struct leat_replacement *t, char letter)
{
    leat_assert(strchr("ULEul-", letter));
    t->has_case = true;
    t->parts[t->n_parts++] =
        (struct leat_replacement_part){.kind = LEAT_REPLACEMENT_CASE, .letter = letter};
}

/* --- Perl's syntax ---------------------------------------------------------------------------- */

struct source {
    struct leat_replacement *text;
    const char *at;
    unsigned groups;
    unsigned (*number)(const void *arg, const char *name, size_t n);
    const void *arg;
    char *why;
    size_t why_size;
};

#define DIGITS "0123456789"
#define WORD DIGITS "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A group by its number, n digits. */
static int add_number(struct source *s, const char *digits, size_t n)
{
    unsigned group = 0;

    for (size_t i = 0; i < n && group <= s->groups; i++)
        group = 10 * group + (unsigned)(digits[i] - '0');
    if (group > s->groups) {
        snprintf(
            s->why, s->why_size,
            "the replacement has $%.*s, but the pattern has %u group%s; for a dollar sign write $$",
            (int)(n < 20 ? n : 20), digits, s->groups, s->groups == 1 ? "" : "s");
        return LEAT_EUSAGE;
    }
    leat_replacement_group(s->text, group);
    return 0;
}

static int add_name(struct source *s, const char *name, size_t n)
{
    unsigned group = s->number(s->arg, name, n);

    if (group == 0) {
        snprintf(s->why, s->why_size,
                 "the pattern has no group named '%.*s'; for a dollar sign write $$",
                 (int)(n < 60 ? n : 60), name);
        return LEAT_EUSAGE;
    }
    leat_replacement_group(s->text, group);
    return 0;
}

static int add_group(struct source *s, const char *name, size_t n)
{
    return strspn(name, DIGITS) >= n ? add_number(s, name, n) : add_name(s, name, n);
}

/* Reads after a dollar sign. */
static int dollar(struct source *s)
{
    size_t digits = strspn(s->at, DIGITS), word = strspn(s->at, WORD), n = 1;
    const char *name = s->at;

    if (*name == '$') {
        leat_replacement_byte(s->text, '$');
    } else if (*name == '&') {
        leat_replacement_group(s->text, 0);
    } else if (*name == '{') {
        n = strspn(name + 1, WORD);
        if (n == 0 || name[1 + n] != '}') {
            snprintf(s->why, s->why_size,
                     "the replacement has ${ without a name and }; for a dollar sign write $$");
            return LEAT_EUSAGE;
        }
        s->at += n + 2;
        return add_group(s, name + 1, n);
    } else if (digits > 0 && word > digits) {
        snprintf(s->why, s->why_size, "the replacement has $%.*s; write ${%.*s}%.*s",
                 (int)(word < 40 ? word : 40), name, (int)(digits < 20 ? digits : 20), name,
                 (int)(word - digits < 40 ? word - digits : 40), name + digits);
        return LEAT_EUSAGE;
    } else if (word > 0) {
        s->at += word;
        return add_group(s, name, word);
    } else {
        snprintf(s->why, s->why_size,
                 "the replacement has a $ that names no group; for a dollar sign write $$");
        return LEAT_EUSAGE;
    }
    s->at += n;
    return 0;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

    return c >= '0' && c <= '9' ? c - '0' : at ? (int)(at - digits) : -1;
}

/* Reads after a backslash. */
static int backslash(struct source *s)
{
    char c = *s->at;
    static const char letters[] = "ntraef0", bytes[] = "\n\t\r\a\033\f";
    const char *known = c ? strchr(letters, c) : NULL;

    if (c && strchr("ULEul", c)) {
        leat_replacement_case(s->text, c);
    } else if (known) {
        leat_replacement_byte(s->text, (uint8_t)bytes[known - letters]);
    } else if (c == 'x' && hex_digit(s->at[1]) >= 0 && hex_digit(s->at[2]) >= 0) {
        leat_replacement_byte(s->text, (uint8_t)(hex_digit(s->at[1]) << 4 | hex_digit(s->at[2])));
        s->at += 2;
    } else if (c && strchr("\\$&/|:'\"{}()[].*+?^- ", c)) {
        leat_replacement_byte(s->text, (uint8_t)c);
    } else if (c >= '1' && c <= '9') {
        snprintf(s->why, s->why_size, "the replacement has \\%c; a group is written $%c", c, c);
        return LEAT_EUSAGE;
    } else {
        snprintf(s->why, s->why_size,
                 "the replacement has a backslash that means nothing; for a backslash write \\\\");
        return LEAT_EUSAGE;
    }
    s->at++;
    return 0;
}

int leat_replacement_perl(struct leat_replacement *t, const char *source, unsigned groups,
                          unsigned (*number)(const void *arg, const char *name, size_t n),
                          const void *arg, char *why, size_t why_size)
{
    struct source s = {.text = t,
                       .at = source,
                       .groups = groups,
                       .number = number,
                       .arg = arg,
                       .why = why,
                       .why_size = why_size};
    int r = 0;

    while (r == 0 && *s.at) {
        char c = *s.at++;

        if (c == '$')
            r = dollar(&s);
        else if (c == '\\')
            r = backslash(&s);
        else
            leat_replacement_byte(t, (uint8_t)c);
    }
    return r;
}

/* --- the text for a match --------------------------------------------------------------------- */

struct put {
    uint8_t *to;
    size_t room, len; /* len: of the whole text, also beyond the room */
    char mode, once;  /* the change of case of all characters, of the next one; 0: none */
    locale_t locale;
};

static void put_bytes(struct put *p, const uint8_t *bytes, size_t n)
{
    if (n > 0 && p->len <= p->room && n <= p->room - p->len)
        memcpy(p->to + p->len, bytes, n);
    p->len += n;
}

static uint8_t change_byte(uint8_t c, char how)
{
    if (how == 'U' || how == 'u')
        return c >= 'a' && c <= 'z' ? c & (uint8_t)~0x20 : c;
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static size_t encode(uint32_t code, uint8_t *to)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xc0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (uint8_t)(0xe0 | code >> 12);
        to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | code >> 18);
    to[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* Decodes the character at bytes[0]. Returns its length; 0 if there is no whole one. */
static size_t decode(const uint8_t *bytes, size_t n, uint32_t *ret_code)
{
    struct leat_utf8 u = {.left = 0};
    size_t len;

    if (leat_utf8_add(&u, bytes[0]) || u.left == 0)
        return 0;
    len = 1 + (size_t)u.left;
    for (size_t i = 1; i < len; i++)
        if (i >= n || leat_utf8_add(&u, bytes[i]) != (i + 1 == len) || u.left != len - 1 - i)
            return 0;
    *ret_code = u.code;
    return len;
}

/* Puts the character at bytes[0]; returns its length. A byte that begins no character is one itself. */
static size_t put_character(struct put *p, const uint8_t *bytes, size_t n, char how)
{
    uint8_t to[4];
    uint32_t code;
    size_t len = 0;

    if (bytes[0] < 0x80 || !p->locale) {
        to[0] = change_byte(bytes[0], how);
        put_bytes(p, to, 1);
        return 1;
    }
    len = decode(bytes, n, &code);
    if (len == 0) {
        put_bytes(p, bytes, 1);
        return 1;
    }
    if (how == 'U' || how == 'u')
        code = (uint32_t)towupper_l((wint_t)code, p->locale);
    else
        code = (uint32_t)towlower_l((wint_t)code, p->locale);
    put_bytes(p, to, encode(code, to));
    return len;
}

static void put_changed(struct put *p, const uint8_t *bytes, size_t n)
{
    size_t at = 0;

    if (!p->mode && !p->once) {
        put_bytes(p, bytes, n);
        return;
    }
    if (p->once && n > 0) {
        at = put_character(p, bytes, n, p->once);
        p->once = 0;
    }
    while (p->mode && at < n)
        at += put_character(p, bytes + at, n - at, p->mode);
    put_bytes(p, bytes + at, n - at);
}

static void put_part(struct put *p, const struct leat_replacement *t,
                     const struct leat_replacement_part *part, const uint8_t *subject,
                     const size_t *groups)
{
    size_t start, end;

    switch (part->kind) {
    case LEAT_REPLACEMENT_TEXT:
        put_changed(p, t->bytes + part->at, part->len);
        break;
    case LEAT_REPLACEMENT_GROUP:
        start = groups[2 * part->group];
        end = groups[2 * part->group + 1];
        if (start != LEAT_REPLACEMENT_UNSET && start < end)
            put_changed(p, subject + start, end - start);
        break;
    case LEAT_REPLACEMENT_CASE:
        if (part->letter == 'u' || part->letter == 'l')
            p->once = part->letter;
        else if (part->letter == '-')
            p->once = 0;
        else
            p->mode = part->letter == 'E' ? 0 : part->letter;
        break;
    }
}

/* Without changes of case. */
static size_t put_plain(const struct leat_replacement *t, const uint8_t *subject,
                        const size_t *groups, uint8_t *to, size_t room)
{
    size_t len = 0;

    for (const struct leat_replacement_part *p = t->parts, *end = p + t->n_parts; p < end; p++) {
        const uint8_t *from = t->bytes + p->at;
        size_t n = p->len;

        if (p->kind == LEAT_REPLACEMENT_GROUP) {
            size_t start = groups[2 * p->group], stop = groups[2 * p->group + 1];

            n = start < stop && start != LEAT_REPLACEMENT_UNSET ? stop - start : 0;
            from = subject + (n > 0 ? start : 0);
        }
        if (len <= room && n <= room - len)
            leat_copy(to + len, from, n);
        len += n;
    }
    return len;
}

size_t leat_replacement_put(const struct leat_replacement *t, const uint8_t *subject,
                            const size_t *groups, uint8_t *to, size_t room)
{
    struct put p = {.to = to, .room = room, .locale = t->locale};

    if (!t->has_case)
        return put_plain(t, subject, groups, to, room);
    for (size_t i = 0; i < t->n_parts; i++)
        put_part(&p, t, &t->parts[i], subject, groups);
    return p.len;
}

const uint8_t *leat_replacement_constant(const struct leat_replacement *t, size_t *ret_len)
{
    *ret_len = t->n_bytes;
    return t->n_parts == 0 || (t->n_parts == 1 && t->n_bytes > 0) ? t->bytes : NULL;
}
