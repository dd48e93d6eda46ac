/* regex_text.c - writes a tree as the text of a PCRE2 pattern that finds the same lines.
 *
 * All bytes except letters and digits are written as numbers, so nothing in the text can be
 * mistaken for an operator. A set is written as its ranges; it does not contain the record end.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regex_set.h"
#include "stage.h"
#include "utf8.h"

struct text {
    const struct leat_regex *regex;
    char *bytes;
    size_t len, room;
    int error;
};

static void put_bytes(struct text *t, const char *bytes, size_t n)
{
    if (t->error)
        return;
    if (n > t->room - t->len) {
        size_t room = 2 * (t->room + n);
        char *more;

        if (room > LEAT_REGEX_TEXT_MAX) {
            t->error = LEAT_EUSAGE;
            return;
        }
        more = realloc(t->bytes, room);
        if (!more) {
            t->error = LEAT_ENOMEM;
            return;
        }
        t->bytes = more;
        t->room = room;
    }
    memcpy(t->bytes + t->len, bytes, n);
    t->len += n;
}

static void put(struct text *t, const char *string)
{
    put_bytes(t, string, strlen(string));
}

static bool is_unicode(const struct text *t)
{
    return t->regex->options.unicode && !t->regex->for_ascii;
}

static void put_byte(struct text *t, unsigned c)
{
    char code[8];

    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        code[0] = (char)c;
        put_bytes(t, code, 1);
    } else {
        snprintf(code, sizeof code, "\\x%02x", c & 0xff);
        put(t, code);
    }
}

/* Counts the runs of bytes that are in the set, or that are not. */
static unsigned count_runs(const struct leat_regex_set *set, bool in)
{
    unsigned n = 0;

    for (unsigned c = 0; c < 256; c++)
        n += leat_regex_set_has(set, c) == in && (c == 0 || leat_regex_set_has(set, c - 1) != in);
    return n;
}

static void put_set(struct text *t, const struct leat_regex_set *set)
{
    unsigned in_runs = count_runs(set, true), out_runs = count_runs(set, false);
    bool in = in_runs <= out_runs;

    if (in_runs == 0) {
        put(t, "(?!)");
        return;
    }
    put(t, in ? "[" : "[^");
    for (unsigned c = 0; c < 256; c++) {
        unsigned from = c;

        if (leat_regex_set_has(set, c) != in)
            continue;
        while (c < 255 && leat_regex_set_has(set, c + 1) == in)
            c++;
        put_byte(t, from);
        if (c > from) {
            put(t, "-");
            put_byte(t, c);
        }
    }
    put(t, "]");
}

static void put_code(struct text *t, uint32_t code)
{
    char text[16];

    snprintf(text, sizeof text, "\\x{%x}", code);
    put(t, text);
}

/* A character that is not ASCII. As bytes it is one item. */
static void put_char(struct text *t, uint32_t code)
{
    uint8_t bytes[4];
    size_t n = leat_utf8_write(code, bytes);

    if (is_unicode(t)) {
        put_code(t, code);
        return;
    }
    put(t, "(?:");
    for (size_t i = 0; i < n; i++)
        put_byte(t, bytes[i]);
    put(t, ")");
}

static void put_wide_set(struct text *t, const struct leat_regex_set *set)
{
    bool any = set->inverted || set->classes || set->n_ranges > 0;

    put(t, set->inverted ? "[^" : "[");
    for (unsigned c = 0; c < 0x80; c++)
        if (leat_regex_set_has(set, c) != set->inverted) {
            put_byte(t, c);
            any = true;
        }
    for (uint32_t i = 0; i < set->n_ranges; i++) {
        const struct leat_regex_range *r = &t->regex->ranges[set->ranges_at + i];

        put_code(t, r->from);
        put(t, r->to > r->from ? "-" : "");
        if (r->to > r->from)
            put_code(t, r->to);
    }
    for (unsigned i = 0; i < LEAT_REGEX_CLASSES; i++)
        if (set->classes >> i & 1)
            put(t, leat_regex_set_class_text(i, t->regex->options.fold));
    put(t, any ? "]" : "^\\x{0}-\\x{10ffff}]");
}

#define WORD "[\\p{Alphabetic}\\p{Nd}_]"
/* In Unicode a word is what GNU takes for one; PCRE2's \w is a little different. */
static void put_wide_assert(struct text *t, enum leat_regex_assert assertion)
{
    static const char *const texts[] = {
        [LEAT_REGEX_LINE_START] = "^",
        [LEAT_REGEX_LINE_END] = "$",
        [LEAT_REGEX_WORD_START] = "(?<!" WORD ")(?=" WORD ")",
        [LEAT_REGEX_WORD_END] = "(?<=" WORD ")(?!" WORD ")",
        [LEAT_REGEX_WORD_EDGE] = "(?:(?<!" WORD ")(?=" WORD ")|(?<=" WORD ")(?!" WORD "))",
        [LEAT_REGEX_NO_WORD_EDGE] = "(?:(?<!" WORD ")(?!" WORD ")|(?<=" WORD ")(?=" WORD "))",
    };

    put(t, texts[assertion]);
}

static void put_assert(struct text *t, enum leat_regex_assert assertion)
{
    static const char *const texts[] = {
        [LEAT_REGEX_LINE_START] = "^",          [LEAT_REGEX_LINE_END] = "$",
        [LEAT_REGEX_WORD_START] = "\\b(?=\\w)", [LEAT_REGEX_WORD_END] = "\\b(?<=\\w)",
        [LEAT_REGEX_WORD_EDGE] = "\\b",         [LEAT_REGEX_NO_WORD_EDGE] = "\\B",
    };

    put(t, texts[assertion]);
}

static void put_node(struct text *t, uint32_t index);

static void put_children(struct text *t, uint32_t child, const char *between)
{
    bool first = true;

    for (; child != LEAT_REGEX_NONE; child = t->regex->nodes[child].next) {
        if (!first)
            put(t, between);
        put_node(t, child);
        first = false;
    }
}

/* Is the node's text one item, so that a repetition can follow? PCRE2 is many times faster with a
 * repeated set than with a repeated group that contains a set. */
static bool is_item(const struct leat_regex *re, const struct leat_regex_node *n)
{
    return n->kind == LEAT_REGEX_BYTE || n->kind == LEAT_REGEX_CHAR ||
           n->kind == LEAT_REGEX_GROUP || n->kind == LEAT_REGEX_BACKREF ||
           (n->kind == LEAT_REGEX_SET && count_runs(&re->sets[n->u.set], true) > 0);
}

static bool is_single(const struct leat_regex_node *n)
{
    return n->kind == LEAT_REGEX_BYTE || n->kind == LEAT_REGEX_CHAR || n->kind == LEAT_REGEX_SET;
}

static void put_group(struct text *t, const struct leat_regex_node *n)
{
    const struct leat_regex_node *child = &t->regex->nodes[n->child];
    bool captures = t->regex->has_backref || t->regex->options.groups,
         bare = !captures && is_single(child) && is_item(t->regex, child);

    if (!bare)
        put(t, captures ? "(" : "(?:");
    put_node(t, n->child);
    if (!bare)
        put(t, ")");
}

static void put_repeat(struct text *t, const struct leat_regex_node *n)
{
    int min = n->u.repeat.min, max = n->u.repeat.max;
    bool bare = is_item(t->regex, &t->regex->nodes[n->child]);
    char count[32];

    if (!bare)
        put(t, "(?:");
    put_node(t, n->child);
    if (!bare)
        put(t, ")");
    if (max < 0 && min <= 1)
        snprintf(count, sizeof count, "%s", min ? "+" : "*");
    else if (max < 0)
        snprintf(count, sizeof count, "{%d,}", min);
    else if (min == 0 && max == 1)
        snprintf(count, sizeof count, "?");
    else
        snprintf(count, sizeof count, "{%d,%d}", min, max);
    put(t, count);
}

/* LEAT_REGEX_DEPTH_MAX, which the parser checks, limits the recursion. */
static void put_node(struct text *t, uint32_t index)
{
    const struct leat_regex_node *n = &t->regex->nodes[index];
    char number[24];

    switch (n->kind) {
    case LEAT_REGEX_EMPTY:
        break;
    case LEAT_REGEX_BYTE:
        if (is_unicode(t) && t->regex->options.fold && (n->u.byte | 0x20) == 'i')
            put(t, "[i\\x{131}]");
        else
            put_byte(t, n->u.byte);
        break;
    case LEAT_REGEX_CHAR:
        put_char(t, n->u.code);
        break;
    case LEAT_REGEX_SET:
        if (is_unicode(t))
            put_wide_set(t, &t->regex->sets[n->u.set]);
        else
            put_set(t, &t->regex->sets[n->u.set]);
        break;
    case LEAT_REGEX_ASSERT:
        if (is_unicode(t))
            put_wide_assert(t, n->u.assertion);
        else
            put_assert(t, n->u.assertion);
        break;
    case LEAT_REGEX_GROUP:
        put_group(t, n);
        break;
    case LEAT_REGEX_REPEAT:
        put_repeat(t, n);
        break;
    case LEAT_REGEX_CAT:
        put_children(t, n->child, "");
        break;
    case LEAT_REGEX_ALT:
        put_children(t, n->child, "|");
        break;
    case LEAT_REGEX_BACKREF:
        snprintf(number, sizeof number, "\\g{%u}", n->u.group);
        put(t, number);
        break;
    }
}

int leat_regex_text(struct leat_regex *re, bool callout, char **ret_text, size_t *ret_len)
{
    struct text t = {.regex = re};
    bool line = re->options.line, word = re->options.word && !line;
    const char *before = is_unicode(&t) ? "(?<!" WORD ")(?:" : "(?<!\\w)(?:",
               *after = is_unicode(&t) ? ")(?!" WORD ")" : ")(?!\\w)";

    put(&t, line ? "^(?:" : word ? before : "(?:");
    if (re->nodes[re->root].child == LEAT_REGEX_NONE)
        put(&t, "(?!)");
    put_node(&t, re->root);
    put(&t, line ? ")$" : word ? after : ")");
    if (callout)
        put(&t, "(?C1)");
    if (t.error) {
        free(t.bytes);
        re->why = "the pattern is too long";
        return t.error;
    }
    *ret_text = t.bytes;
    *ret_len = t.len;
    return 0;
}
