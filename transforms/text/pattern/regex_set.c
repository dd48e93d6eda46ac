/* regex_set.c - sets of bytes: bracket expressions and character classes in the C locale. */

#include "regex_set.h"

#include <stdlib.h>
#include <string.h>

#include "stage.h"

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

bool leat_regex_set_class(struct leat_regex_set *set, const char *name, size_t len)
{
    static const char *const names[] = {"alpha", "upper", "lower", "digit", "xdigit", "space",
                                        "punct", "alnum", "print", "graph", "cntrl",  "blank"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            break;
    if (i == sizeof names / sizeof *names)
        return false;
    for (unsigned c = 0; c < 256; c++)
        if (in_class(c, names[i]))
            leat_regex_set_insert(set, c);
    return true;
}

struct bracket {
    struct leat_regex_set *set;
    const char *at, *end;
    bool fold, collates;
    const char *why;
    /* The element that was read last. */
    bool is_class;
    uint8_t byte;
};

static bool wrong(struct bracket *b, const char *why)
{
    b->why = why;
    return false;
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
    if (len != 1)
        return wrong(b, "invalid collation character");
    b->byte = (uint8_t)name[0];
    if (kind == '=')
        leat_regex_set_insert(b->set, b->byte);
    return true;
}

/* Reads one element; a `-` that could be part of a range is allowed only if `hyphen`. */
static bool read_element(struct bracket *b, bool hyphen)
{
    if (b->at == b->end)
        return wrong(b, unmatched);
    b->is_class = false;
    b->byte = (uint8_t)*b->at++;
    if (b->byte == '[' && b->at < b->end && strchr(":.=", *b->at) && *b->at)
        return read_named(b);
    if (b->byte == '-' && !hyphen && b->at < b->end && *b->at != ']')
        return wrong(b, bad_range);
    return true;
}

/* The order of the ends of a range. If case does not matter, GNU compares upper-case letters, and
 * then uses the range as it is written, which may be empty. */
static unsigned order(const struct bracket *b, unsigned c)
{
    return b->fold && c >= 'a' && c <= 'z' ? c - 0x20 : c;
}

/* Reads an element, or a range of elements. */
static bool read_item(struct bracket *b, bool first, bool *ret_plain)
{
    unsigned from, to;

    *ret_plain = false;
    if (!read_element(b, first))
        return false;
    from = to = b->byte;
    if (b->at + 1 < b->end && b->at[0] == '-' && b->at[1] != ']') {
        if (b->is_class)
            return wrong(b, bad_range);
        b->at++;
        if (!read_element(b, true))
            return false;
        to = b->byte;
        if (b->is_class || order(b, to) < order(b, from))
            return wrong(b, bad_range);
    } else if (b->is_class) {
        return true;
    } else {
        *ret_plain = true;
    }
    for (unsigned c = from; c <= to; c++)
        leat_regex_set_insert(b->set, c);
    return true;
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

const char *leat_regex_set_parse(struct leat_regex_set *set, const char *at, const char *end,
                                 bool fold, bool *ret_collates, const char **ret_why)
{
    struct bracket b = {.set = set, .at = at, .end = end, .fold = fold};
    bool inverted = at < end && *at == '^', colon, all_plain = true, other = false, plain;

    *set = (struct leat_regex_set){{0}};
    b.at += inverted;
    colon = b.at < end && *b.at == ':';
    for (bool first = true; first || b.at == end || *b.at != ']'; first = false) {
        if (!read_item(&b, first, &plain)) {
            *ret_why = b.why;
            return NULL;
        }
        all_plain = all_plain && plain;
        other = other || b.byte != ':';
    }
    if (colon && all_plain && other && b.byte == ':') {
        *ret_why = "character class syntax is [[:space:]], not [:space:]";
        return NULL;
    }
    if (fold)
        fold_letters(set);
    if (inverted)
        leat_regex_set_invert(set);
    *ret_collates = b.collates;
    return b.at + 1;
}

int leat_regex_set_only(const struct leat_regex_set *set, bool fold)
{
    int n = 0, first = -1;

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
