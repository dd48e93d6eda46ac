/* tr_set.c - parses the sets of tr, and makes tables of them.
 *
 * Escapes are resolved first; a byte that was escaped begins no construct. Counts of [c*n] may be as large as 2^64, so
 * the sets are never expanded: a cursor goes through the elements, and a pair of long repeats counts as one step.
 */

#include "tr_set.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "stage.h"

#define LENGTH_MAX (UINT64_MAX - 1)

enum kind { RANGE, CLASS, EQUIVALENT, REPEAT };

enum class { ALNUM, ALPHA, BLANK, CNTRL, DIGIT, GRAPH, LOWER, PRINT, PUNCT, SPACE, UPPER, XDIGIT };
#define CLASSES 12u
static const char class_names[CLASSES][7] = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                             "lower", "print", "punct", "space", "upper", "xdigit"};

struct element {
    enum kind kind;
    enum class class;
    uint8_t first;   /* a single byte is a range of one */
    bool indefinite; /* [c*] or [c*0] */
    uint64_t length;
};

struct set {
    uint8_t *bytes; /* without escapes */
    bool *escaped;
    size_t len;
    struct element *elements; /* at most one for each byte */
    size_t n;
    uint64_t length; /* of all elements */
    size_t indefinite;
    bool has_class, has_other_class, has_equivalent; /* other than upper and lower */
};

struct reason {
    char *text;
    size_t size;
};

static int refuse(struct reason *why, const char *text)
{
    snprintf(why->text, why->size, "%s", text);
    return LEAT_EUSAGE;
}

/* --- classes of the C locale ------------------------------------------------------------------ */

static bool in_class(enum class class, unsigned c)
{
    bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
    bool alnum = digit || upper || lower, graph = c > ' ' && c < 0x7f;

    switch (class) {
    case ALNUM:
        return alnum;
    case ALPHA:
        return upper || lower;
    case BLANK:
        return c == ' ' || c == '\t';
    case CNTRL:
        return c < ' ' || c == 0x7f;
    case DIGIT:
        return digit;
    case GRAPH:
        return graph;
    case LOWER:
        return lower;
    case PRINT:
        return graph || c == ' ';
    case PUNCT:
        return graph && !alnum;
    case SPACE:
        return c == ' ' || (c >= '\t' && c <= '\r');
    case UPPER:
        return upper;
    default: /* XDIGIT */
        return digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    }
}

static uint64_t class_length(enum class class)
{
    uint64_t n = 0;

    for (unsigned c = 0; c < 256; c++)
        n += in_class(class, c);
    return n;
}

/* --- escapes ---------------------------------------------------------------------------------- */

/* The byte of the escape that begins after a backslash at `from`; returns how many characters it has. */
static size_t escape(const char *from, uint8_t *ret)
{
    static const char letters[] = "abfnrtv", means[] = "\a\b\f\n\r\t\v";
    const char *letter = strchr(letters, *from);
    unsigned value = 0;
    size_t n = 0;

    if (*from >= '0' && *from <= '7') {
        while (n < 3 && from[n] >= '0' && from[n] <= '7' &&
               8 * value + (unsigned)(from[n] - '0') < 256)
            value = 8 * value + (unsigned)(from[n++] - '0');
        *ret = (uint8_t)value;
        return n;
    }
    *ret = letter ? (uint8_t)means[letter - letters] : (uint8_t)*from;
    return 1;
}

static void unescape(const char *text, struct set *set)
{
    size_t i = 0;

    while (text[i]) {
        set->escaped[set->len] = text[i] == '\\' && text[i + 1];
        if (set->escaped[set->len])
            i += 1 + escape(text + i + 1, &set->bytes[set->len]);
        else
            set->bytes[set->len] = (uint8_t)text[i++];
        set->len++;
    }
}

/* --- constructs ------------------------------------------------------------------------------- */

static bool is(const struct set *set, size_t i, char c)
{
    return i < set->len && set->bytes[i] == (uint8_t)c && !set->escaped[i];
}

static void append(struct set *set, struct element e)
{
    leat_assert(set->n < set->len);
    set->elements[set->n++] = e;
}

/* A stretch of a set in a form to print. */
static void show(const struct set *set, size_t from, size_t n, char *to, size_t room)
{
    size_t at = 0;

    to[0] = '\0';
    for (size_t i = 0; i < n && at + 5 < room; i++) {
        uint8_t c = set->bytes[from + i];

        at += (size_t)snprintf(to + at, room - at, c >= ' ' && c < 0x7f ? "%c" : "\\%03o", c);
    }
}

/* [:class:] or [=c=] at `i`, whose closing mark is at `close`. Returns 0; 1: it is neither, but may be [:*n] or
 * [=*n]; or an error. */
static int parse_named(struct set *set, size_t i, size_t close, struct reason *why)
{
    const uint8_t *name = set->bytes + i + 2;
    size_t len = close - (i + 2), digits = i + 3;
    char shown[64];

    if (len == 0)
        return refuse(why, set->bytes[i + 1] == ':' ? "the name of a class is missing in '[::]'"
                                                    : "the byte is missing in '[==]'");
    if (set->bytes[i + 1] == '=' && len == 1) {
        append(set, (struct element){.kind = EQUIVALENT, .first = *name, .length = 1});
        return 0;
    }
    for (unsigned k = 0; set->bytes[i + 1] == ':' && k < CLASSES; k++)
        if (strlen(class_names[k]) == len && memcmp(class_names[k], name, len) == 0) {
            append(set, (struct element){.kind = CLASS,
                                         .class = (enum class)k,
                                         .length = class_length((enum class)k)});
            return 0;
        }
    while (digits < set->len && set->bytes[digits] >= '0' && set->bytes[digits] <= '9' &&
           !set->escaped[digits])
        digits++;
    if (is(set, i + 2, '*') && is(set, digits, ']'))
        return 1;
    show(set, i + 2, len, shown, sizeof shown);
    if (set->bytes[i + 1] == ':')
        snprintf(why->text, why->size,
                 "'%s' is no class of bytes; there are alnum, alpha, blank, cntrl, digit, graph, "
                 "lower, print, punct, space, upper and xdigit",
                 shown);
    else
        snprintf(why->text, why->size, "'[=%s=]' must have a single byte", shown);
    return LEAT_EUSAGE;
}

/* The number of [c*n]: octal if it begins with 0. Returns false if it is none, or too large. */
static bool parse_count(const uint8_t *digits, size_t n, uint64_t *ret)
{
    unsigned base = n > 0 && digits[0] == '0' ? 8 : 10;
    uint64_t value = 0;

    while (n > 1 && isspace(*digits)) {
        digits++;
        n--;
    }
    if (n > 1 && *digits == '+') {
        digits++;
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)digits[i] - '0';

        if (digit >= base || value > (LENGTH_MAX - digit) / base)
            return false;
        value = base * value + digit;
    }
    *ret = value;
    return true;
}

/* [c*n] at `i`. Returns the place after it; 0 if it is none; or an error. */
static int64_t parse_repeat(struct set *set, size_t i, struct reason *why)
{
    size_t end = i + 3;
    uint64_t count;
    char shown[64];

    if (!is(set, i + 2, '*'))
        return 0;
    while (end < set->len && !set->escaped[end] && set->bytes[end] != ']')
        end++;
    if (!is(set, end, ']'))
        return 0;
    if (!parse_count(set->bytes + i + 3, end - (i + 3), &count)) {
        show(set, i + 3, end - (i + 3), shown, sizeof shown);
        snprintf(why->text, why->size, "'%s' is no count for [c*n]; it must be a number", shown);
        return LEAT_EUSAGE;
    }
    append(set, (struct element){.kind = REPEAT,
                                 .first = set->bytes[i + 1],
                                 .indefinite = count == 0,
                                 .length = count});
    return (int64_t)end + 1;
}

/* A construct in brackets at `i`. Returns as parse_repeat. */
static int64_t parse_bracket(struct set *set, size_t i, struct reason *why)
{
    int r;

    if (is(set, i + 1, ':') || is(set, i + 1, '='))
        for (size_t close = i + 2; close + 1 < set->len; close++)
            if (is(set, close, (char)set->bytes[i + 1]) && is(set, close + 1, ']')) {
                r = parse_named(set, i, close, why);
                if (r <= 0)
                    return r < 0 ? r : (int64_t)close + 2;
                break;
            }
    return parse_repeat(set, i, why);
}

static int parse(struct set *set, struct reason *why)
{
    size_t i = 0;

    while (i < set->len) {
        const uint8_t *p = set->bytes + i;
        int64_t after = 0;
        char from[8], to[8];

        if (i + 2 < set->len && is(set, i, '['))
            after = parse_bracket(set, i, why);
        if (after < 0)
            return (int)after;
        if (after > 0) {
            i = (size_t)after;
        } else if (i + 2 < set->len && is(set, i + 1, '-')) {
            if (p[2] < p[0]) {
                show(set, i, 1, from, sizeof from);
                show(set, i + 2, 1, to, sizeof to);
                snprintf(why->text, why->size, "the range '%s-%s' is in reverse order", from, to);
                return LEAT_EUSAGE;
            }
            append(set, (struct element){.kind = RANGE, .first = p[0], .length = p[2] - p[0] + 1u});
            i += 3;
        } else {
            append(set, (struct element){.kind = RANGE, .first = p[0], .length = 1});
            i++;
        }
    }
    return 0;
}

static int measure(struct set *set, struct reason *why)
{
    set->length = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct element *e = &set->elements[i];

        set->has_class = set->has_class || e->kind == CLASS;
        set->has_other_class =
            set->has_other_class || (e->kind == CLASS && e->class != UPPER && e->class != LOWER);
        set->has_equivalent = set->has_equivalent || e->kind == EQUIVALENT;
        set->indefinite += e->indefinite;
        if (e->length > LENGTH_MAX - set->length)
            return refuse(why, "the set has too many bytes");
        set->length += e->length;
    }
    return 0;
}

static void set_done(struct set *set)
{
    free(set->bytes);
    free(set->escaped);
    free(set->elements);
}

/* The elements, with one more place for the extension of the second set. */
static int set_init(struct set *set, const char *text, struct reason *why)
{
    size_t len = strlen(text);

    *set = (struct set){.bytes = malloc(len + 1),
                        .escaped = calloc(len + 1, sizeof *set->escaped),
                        .elements = calloc(len + 1, sizeof *set->elements)};
    if (!set->bytes || !set->escaped || !set->elements)
        return LEAT_ENOMEM;
    unescape(text, set);
    return parse(set, why);
}

/* --- cursors ---------------------------------------------------------------------------------- */

struct cursor {
    const struct set *set;
    size_t element;
    uint64_t at; /* bytes of the element before the cursor */
};

/* The element at the cursor; NULL at the end. */
static const struct element *current(struct cursor *c)
{
    while (c->element < c->set->n && c->at == c->set->elements[c->element].length) {
        c->element++;
        c->at = 0;
    }
    return c->element < c->set->n ? &c->set->elements[c->element] : NULL;
}

static uint8_t byte_at(const struct cursor *c, const struct element *e)
{
    uint64_t left = c->at;
    unsigned byte = 0;

    leat_assert(c->at < e->length);
    if (e->kind != CLASS)
        return (uint8_t)(e->kind == RANGE ? e->first + c->at : e->first);
    while (!in_class(e->class, byte) || left-- > 0)
        byte++;
    leat_assert(byte < 256);
    return (uint8_t)byte;
}

static void skip_element(struct cursor *c)
{
    c->element++;
    c->at = 0;
}

static bool is_case(const struct element *e)
{
    return e && e->kind == CLASS && (e->class == UPPER || e->class == LOWER);
}

static void add_members(const struct set *set, bool *in)
{
    struct cursor c = {.set = set};
    const struct element *e;

    while ((e = current(&c))) {
        in[byte_at(&c, e)] = true;
        c.at = e->kind == REPEAT ? e->length : c.at + 1;
    }
}

static bool is_one_byte(const struct set *set)
{
    bool in[256] = {false};
    unsigned n = 0;

    add_members(set, in);
    for (unsigned i = 0; i < 256; i++)
        n += in[i];
    return n == 1;
}

/* --- checks ----------------------------------------------------------------------------------- */

/* A case class of the second set stands where the first one has one. Each such pair counts as one byte. */
static int pair_cases(struct set *set1, struct set *set2, struct reason *why)
{
    struct cursor c1 = {.set = set1}, c2 = {.set = set2};

    for (;;) {
        const struct element *e1 = current(&c1), *e2 = current(&c2);
        uint64_t n = 1, left1, left2;

        if (is_case(e2) && c2.at == 0 && (!is_case(e1) || c1.at > 0))
            return refuse(why, "[:upper:] and [:lower:] in the second set must stand where the "
                               "first one has [:lower:] or [:upper:]");
        if (!e1 || !e2)
            return 0;
        if (is_case(e2)) {
            set1->length -= e1->length - 1;
            set2->length -= e2->length - 1;
            skip_element(&c1);
            skip_element(&c2);
            continue;
        }
        left1 = e1->length - c1.at;
        left2 = e2->length - c2.at;
        if (e1->kind == REPEAT && e2->kind == REPEAT)
            n = left1 < left2 ? left1 : left2;
        c1.at += n;
        c2.at += n;
    }
}

/* Makes the second set as long as the first one by repeating its last byte. */
static int extend(const struct set *set1, struct set *set2, struct reason *why)
{
    const struct element *last;
    struct element e = {.kind = REPEAT, .length = set1->length - set2->length};

    if (set2->length == 0)
        return refuse(why, "the second set is empty; without -t it must have a byte");
    last = &set2->elements[set2->n - 1];
    if (last->kind == CLASS)
        return refuse(why, "the second set is shorter than the first one, so it must not end with "
                           "a class");
    e.first = (uint8_t)(last->kind == RANGE ? last->first + last->length - 1 : last->first);
    set2->elements[set2->n++] = e;
    set2->length = set1->length;
    return 0;
}

static int check_translation(const struct leat_tr_options *o, struct set *set1, struct set *set2,
                             struct reason *why)
{
    int r = 0;

    if (set2->has_equivalent)
        return refuse(why, "[=c=] is not allowed in the second set");
    if (set2->has_other_class)
        return refuse(why, "[:upper:] and [:lower:] are the only classes that are allowed in the "
                           "second set");
    if (!o->complement && set2->has_class)
        r = pair_cases(set1, set2, why);
    if (r == 0 && set1->length > set2->length && !o->truncate)
        r = extend(set1, set2, why);
    if (r == 0 && o->complement && set1->has_class &&
        !(set2->length == set1->length && is_one_byte(set2)))
        return refuse(why, "with -c and a class in the first set, the second one must be a single "
                           "byte");
    return r;
}

static int check(const struct leat_tr_options *o, struct set *set1, struct set *set2,
                 struct reason *why)
{
    bool in[256] = {false};
    int r = measure(set1, why);

    if (r < 0)
        return r;
    if (o->complement) {
        add_members(set1, in);
        set1->length = 0;
        for (unsigned i = 0; i < 256; i++)
            set1->length += !in[i];
    }
    if (set1->indefinite > 0)
        return refuse(why, "[c*] is not allowed in the first set");
    if (!set2)
        return 0;
    r = measure(set2, why);
    if (r < 0)
        return r;
    if (set2->indefinite > 1)
        return refuse(why, "[c*] is allowed only once in the second set");
    for (size_t i = 0; i < set2->n && set2->length <= set1->length; i++)
        if (set2->elements[i].indefinite) {
            set2->elements[i].length = set1->length - set2->length;
            set2->length = set1->length;
            break;
        }
    if (!o->delete)
        return check_translation(o, set1, set2, why);
    if (set2->indefinite > 0)
        return refuse(why, "[c*] is allowed only when bytes are translated");
    return 0;
}

/* --- tables ----------------------------------------------------------------------------------- */

static void map_complement(const struct set *set1, const struct set *set2, uint8_t *map)
{
    struct cursor c = {.set = set2};
    bool in[256] = {false};
    const struct element *e;

    add_members(set1, in);
    for (unsigned i = 0; i < 256; i++) {
        if (in[i])
            continue;
        e = current(&c);
        if (!e)
            return;
        map[i] = byte_at(&c, e);
        c.at++;
    }
}

/* Classes at the same place. If they are the same one, GNU tr sets only its first byte. */
static void map_case(enum class from, enum class to, uint8_t *map)
{
    uint8_t first = from == UPPER ? 'A' : 'a';

    if (from == to)
        map[first] = first;
    else
        for (unsigned i = 0; i < 256; i++)
            if (in_class(from, i))
                map[i] = (uint8_t)(i ^ 0x20);
}

static void map_pairs(const struct set *set1, const struct set *set2, uint8_t *map)
{
    struct cursor c1 = {.set = set1}, c2 = {.set = set2};

    for (;;) {
        const struct element *e1 = current(&c1), *e2 = current(&c2);
        uint64_t n = 1, left1, left2;

        if (!e1 || !e2)
            return;
        if (is_case(e2)) {
            leat_assert(is_case(e1) && c1.at == 0);
            map_case(e1->class, e2->class, map);
            skip_element(&c1);
            skip_element(&c2);
            continue;
        }
        map[byte_at(&c1, e1)] = byte_at(&c2, e2);
        left1 = e1->length - c1.at;
        left2 = e2->length - c2.at;
        if (e1->kind == REPEAT && e2->kind == REPEAT)
            n = left1 < left2 ? left1 : left2;
        c1.at += n;
        c2.at += n;
    }
}

static void make_tables(const struct leat_tr_options *o, const struct set *set1,
                        const struct set *set2, struct leat_tr_tables *t)
{
    *t = (struct leat_tr_tables){
        .translates = set2 && !o->delete, .deletes = o->delete, .squeezes = o->squeeze};
    for (unsigned i = 0; i < 256; i++)
        t->map[i] = (uint8_t)i;
    if (t->translates && o->complement)
        map_complement(set1, set2, t->map);
    else if (t->translates)
        map_pairs(set1, set2, t->map);
    if (t->deletes)
        add_members(set1, t->deleted);
    if (t->squeezes)
        add_members(set2 ? set2 : set1, t->squeezed);
    for (unsigned i = 0; o->complement && i < 256; i++) {
        t->deleted[i] ^= t->deletes;
        t->squeezed[i] ^= t->squeezes && !set2;
    }
}

int leat_tr_build(const struct leat_tr_options *options, const char *set1, const char *set2,
                  struct leat_tr_tables *ret, char *why_text, size_t why_size)
{
    struct reason why = {.text = why_text, .size = why_size};
    struct set one = {.len = 0}, two = {.len = 0};
    int r = set_init(&one, set1, &why);

    if (r == 0 && set2)
        r = set_init(&two, set2, &why);
    if (r == 0)
        r = check(options, &one, set2 ? &two : NULL, &why);
    if (r == 0)
        make_tables(options, &one, set2 ? &two : NULL, ret);
    set_done(&one);
    set_done(&two);
    return r;
}
