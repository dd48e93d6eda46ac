/* regex_set.c - sets of bytes: bracket expressions and character classes in the C locale. */

#include "regex_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"
#include "utf8.h"

static const char unmatched[] = "unmatched [, [^, [:, [., or [=";
static const char bad_range[] = "invalid range end";

/* In the C locale; fixed here, because the library must not depend on the caller's locale. */
static bool in_class(unsigned c, const char *name)
{
    bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
    bool graph = c > ' ' && c < 127;

    switch (name[0]) {
    case 'a':
        return upper || lower || (digit && name[2] == 'n'); /* alpha, alnum */
    case 'b':
        return c == ' ' || c == '\t';
    case 'c':
        return c < 32 || c == 127;
    case 'd':
        return digit;
    case 'g':
        return graph;
    case 'l':
        return lower;
    case 'p':
        return name[1] == 'r' ? graph || c == ' ' : graph && !upper && !lower && !digit;
    case 's':
        return c == ' ' || (c >= '\t' && c <= '\r');
    case 'u':
        return upper;
    default: /* xdigit */
        return digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    }
}

/* The other characters are those of GNU's C.UTF-8, as well as properties of Unicode can tell. No text contains a line
 * end. */
static const struct {
    const char *name, *text;
} classes[LEAT_REGEX_CLASSES] = {
    {"alpha", "\\p{Alphabetic}"},
    {"upper", "\\p{Lu}"},
    {"lower", "\\p{Ll}"},
    {"digit", ""},
    {"xdigit", ""},
    {"space",
     "\\x{1680}\\x{2000}-\\x{2006}\\x{2008}-\\x{200a}\\x{2028}\\x{2029}\\x{205f}\\x{3000}"},
    {"punct", "\\p{P}\\p{S}"},
    {"alnum", "\\p{Alphabetic}\\p{Nd}"},
    {"print", "[:print:]"},
    {"graph", "[:graph:]"},
    {"cntrl", "\\x{80}-\\x{9f}\\x{2028}\\x{2029}"},
    {"blank", "\\x{1680}\\x{2000}-\\x{2006}\\x{2008}-\\x{200a}\\x{205f}\\x{3000}"},
};

bool leat_regex_set_class(struct leat_regex_set *set, const char *name, size_t len)
{
    unsigned i = 0;

    while (i < LEAT_REGEX_CLASSES &&
           !(strlen(classes[i].name) == len && memcmp(classes[i].name, name, len) == 0))
        i++;
    if (i == LEAT_REGEX_CLASSES)
        return false;
    for (unsigned c = 0; c < 256; c++)
        if (in_class(c, classes[i].name))
            leat_regex_set_insert(set, c);
    if (*classes[i].text)
        set->classes |= (uint16_t)(1u << i);
    return true;
}

const char *leat_regex_set_class_text(unsigned number, bool fold)
{
    bool cased = classes[number].name[0] == 'u' || classes[number].name[0] == 'l';

    return fold && cased ? "\\p{Lu}\\p{Ll}\\p{Lt}" : classes[number].text;
}

int leat_regex_set_add_range(struct leat_regex *re, struct leat_regex_set *set, uint32_t from,
                             uint32_t to)
{
    if (re->n_ranges == re->room_ranges) {
        size_t room = re->room_ranges ? 2 * re->room_ranges : 16;
        struct leat_regex_range *more = realloc(re->ranges, room * sizeof *more);

        if (!more)
            return LEAT_ENOMEM;
        re->ranges = more;
        re->room_ranges = room;
    }
    if (set->n_ranges == 0)
        set->ranges_at = (uint32_t)re->n_ranges;
    leat_assert(set->ranges_at + set->n_ranges == re->n_ranges);
    re->ranges[re->n_ranges++] = (struct leat_regex_range){from, to};
    set->n_ranges++;
    return 0;
}

struct bracket {
    struct leat_regex *regex;
    struct leat_regex_set *set;
    const char *at, *end;
    bool fold, collates;
    const char *why;
    /* The element that was read last. */
    bool is_class;
    uint32_t code; /* a byte or, in Unicode, a character */
};

static bool wrong(struct bracket *b, const char *why)
{
    b->why = why;
    return false;
}

/* Reads a character of at most n bytes into b->code. Returns its bytes. */
static size_t read_char(struct bracket *b, const char *at, size_t n)
{
    size_t len = b->regex->options.unicode ? leat_utf8_read((const uint8_t *)at, n, &b->code) : 0;

    if (len > 0)
        return len;
    b->code = (uint8_t)*at;
    b->regex->has_raw = b->regex->has_raw || b->code >= 0x80;
    return 1;
}

/* Inserts a range; bytes that are no characters are refused later. */
static bool insert(struct bracket *b, uint32_t from, uint32_t to)
{
    uint32_t bits = b->regex->options.unicode ? 0x80 : 0x100;

    for (uint32_t c = from; c <= to && c < bits; c++)
        leat_regex_set_insert(b->set, c);
    if (to < bits)
        return true;
    return leat_regex_set_add_range(b->regex, b->set, from < bits ? bits : from, to) == 0 ||
           wrong(b, "out of memory");
}

/* Reads [:name:], [.x.] or [=x=], from after its `[`. */
static bool read_named(struct bracket *b)
{
    char kind = *b->at++;
    const char *name = b->at;
    size_t len;

    while (b->at + 1 < b->end && !(b->at[0] == kind && b->at[1] == ']'))
        b->at++;
    if (b->at + 1 >= b->end)
        return wrong(b, unmatched);
    len = (size_t)(b->at - name);
    b->at += 2;
    b->is_class = kind != '.';
    b->collates |= kind != ':';
    if (kind == ':')
        return leat_regex_set_class(b->set, name, len) || wrong(b, "invalid character class name");
    if (len == 0 || read_char(b, name, len) != len)
        return wrong(b, "invalid collation character");
    return kind != '=' || insert(b, b->code, b->code);
}

/* Reads one element; a `-` that could be part of a range is allowed only if `hyphen`. */
static bool read_element(struct bracket *b, bool hyphen)
{
    if (b->at == b->end)
        return wrong(b, unmatched);
    b->is_class = false;
    b->at += read_char(b, b->at, (size_t)(b->end - b->at));
    if (b->code == '[' && b->at < b->end && strchr(":.=", *b->at) && *b->at)
        return read_named(b);
    if (b->code == '-' && !hyphen && b->at < b->end && *b->at != ']')
        return wrong(b, bad_range);
    return true;
}

/* The order of the ends of a range. If case does not matter, GNU compares upper-case letters, and
 * then uses the range as it is written, which may be empty. */
static uint32_t order(const struct bracket *b, uint32_t c)
{
    return b->fold && c >= 'a' && c <= 'z' ? c - 0x20 : c;
}

/* Reads an element, or a range of elements. */
static bool read_item(struct bracket *b, bool first, bool *ret_plain)
{
    uint32_t from, to;

    *ret_plain = false;
    if (!read_element(b, first))
        return false;
    from = to = b->code;
    if (b->at + 1 < b->end && b->at[0] == '-' && b->at[1] != ']') {
        if (b->is_class)
            return wrong(b, bad_range);
        b->at++;
        if (!read_element(b, true))
            return false;
        to = b->code;
        if (b->is_class || order(b, to) < order(b, from))
            return wrong(b, bad_range);
        b->set->has_range |= from < '0' || to > '9';
    } else if (b->is_class) {
        return true;
    } else {
        *ret_plain = true;
    }
    return insert(b, from, to);
}

static void fold_letters(struct leat_regex_set *set)
{
    for (unsigned c = 'a'; c <= 'z'; c++) {
        if (leat_regex_set_has(set, c))
            leat_regex_set_insert(set, c - 0x20);
        else if (leat_regex_set_has(set, c - 0x20))
            leat_regex_set_insert(set, c);
    }
}

const char *leat_regex_set_parse(struct leat_regex *re, struct leat_regex_set *set, const char *at,
                                 const char *end, bool *ret_collates, const char **ret_why)
{
    bool fold = re->options.fold;
    struct bracket b = {.regex = re, .set = set, .at = at, .end = end, .fold = fold};
    bool inverted = at < end && *at == '^', colon, all_plain = true, other = false, plain;

    *set = (struct leat_regex_set){.bits = {0}};
    b.at += inverted;
    colon = b.at < end && *b.at == ':';
    for (bool first = true; first || b.at == end || *b.at != ']'; first = false) {
        if (!read_item(&b, first, &plain)) {
            *ret_why = b.why;
            return NULL;
        }
        all_plain = all_plain && plain;
        other = other || b.code != ':';
    }
    if (colon && all_plain && other && b.code == ':') {
        *ret_why = "character class syntax is [[:space:]], not [:space:]";
        return NULL;
    }
    if (fold)
        fold_letters(set);
    if (fold && re->options.unicode && leat_regex_set_has(set, 'i') && !insert(&b, 0x131, 0x131)) {
        *ret_why = b.why;
        return NULL;
    }
    if (inverted)
        leat_regex_set_invert(set);
    *ret_collates = b.collates;
    return b.at + 1;
}

int leat_regex_set_only(const struct leat_regex_set *set, bool fold)
{
    int n = 0, first = -1;

    if (set->inverted || set->classes || set->n_ranges > 0)
        return -1;
    for (int i = 0; i < 4; i++) {
        n += __builtin_popcountll(set->bits[i]);
        if (first < 0 && set->bits[i])
            first = 64 * i + __builtin_ctzll(set->bits[i]);
    }
    if (n == 1)
        return first;
    if (fold && n == 2 && first >= 'A' && first <= 'Z' &&
        leat_regex_set_has(set, (unsigned)first + 0x20))
        return first + 0x20;
    return -1;
}

int leat_regex_set_add(struct leat_regex *re, const struct leat_regex_set *set, uint32_t *ret)
{
    if (re->n_sets == re->room_sets) {
        size_t room = re->room_sets ? 2 * re->room_sets : 16;
        struct leat_regex_set *more = realloc(re->sets, room * sizeof *more);

        if (!more)
            return LEAT_ENOMEM;
        re->sets = more;
        re->room_sets = room;
    }
    re->sets[re->n_sets] = *set;
    *ret = (uint32_t)re->n_sets++;
    return 0;
}
