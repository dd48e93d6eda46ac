/* key.c - the definitions of keys, as in GNU sort, and where a key lies in a line. */

#include "key.h"

#include <stdlib.h>
#include <sys/auxv.h>

#include "base/invariant.h"

/* --- definitions ------------------------------------------------------------------------------ */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n'; /* a newline can be in a line only with -z */
}

static bool has_order(const struct leat_sort_order *o)
{
    return o->kinds || o->dictionary || o->printing || o->fold || o->blanks || o->end_blanks;
}

/* Digits of a definition. Returns what follows them; NULL: there are none. */
static const char *number(const char *text, uint64_t *ret)
{
    uint64_t n = 0;

    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
            n = UINT64_MAX / 2;
    *ret = n;
    return text;
}

/* The letters after a position. Returns what follows them. */
static const char *letters(const char *text, struct leat_sort_order *o, bool at_end)
{
    for (;; text++)
        switch (*text) {
        case 'b':
            *(at_end ? &o->end_blanks : &o->blanks) = true;
            break;
        case 'd':
            o->dictionary = true;
            break;
        case 'f':
            o->fold = true;
            break;
        case 'g':
            o->kinds |= 1u << LEAT_SORT_GENERAL;
            break;
        case 'h':
            o->kinds |= 1u << LEAT_SORT_HUMAN;
            break;
        case 'i':
            o->printing = true;
            break;
        case 'M':
            o->kinds |= 1u << LEAT_SORT_MONTH;
            break;
        case 'n':
            o->kinds |= 1u << LEAT_SORT_NUMERIC;
            break;
        case 'R':
            o->kinds |= 1u << LEAT_SORT_RANDOM;
            break;
        case 'r':
            o->reverse = true;
            break;
        case 'V':
            o->kinds |= 1u << LEAT_SORT_VERSION;
            break;
        default:
            return text;
        }
}

/* POS1. Returns what follows it; NULL: *ret_why tells what is wrong. */
static const char *parse_start(const char *text, struct leat_sort_key *k, const char **ret_why)
{
    *ret_why = "a field is a number from 1 on";
    text = number(text, &k->field);
    if (!text || k->field-- == 0)
        return NULL;
    if (*text == '.') {
        *ret_why = "a position in a field is a number from 1 on";
        text = number(text + 1, &k->byte);
        if (!text || k->byte-- == 0)
            return NULL;
    }
    return letters(text, &k->order, false);
}

static const char *parse_end(const char *text, struct leat_sort_key *k, const char **ret_why)
{
    *ret_why = "the field after the comma is a number from 1 on";
    text = number(text, &k->end_field);
    if (!text || k->end_field-- == 0)
        return NULL;
    if (*text == '.') {
        *ret_why = "a position in a field is a number";
        text = number(text + 1, &k->end_byte);
        if (!text)
            return NULL;
    }
    return letters(text, &k->order, true);
}

/* KEYDEF. Returns false: *ret_why tells what is wrong. */
static bool parse(const char *text, struct leat_sort_key *k, const char **ret_why)
{
    *k = (struct leat_sort_key){.to_end = true};
    text = parse_start(text, k, ret_why);
    if (text && *text == ',') {
        k->to_end = false;
        text = parse_end(text + 1, k, ret_why);
    }
    if (text && *text)
        *ret_why = "only letters of bdfghiMnRrV, and one comma, may follow a position";
    return text && !*text;
}

static struct leat_sort_order global_order(const struct leat_sort_options *o)
{
    unsigned kinds = (unsigned)(o->general != 0) << LEAT_SORT_GENERAL |
                     (unsigned)(o->human != 0) << LEAT_SORT_HUMAN |
                     (unsigned)(o->month != 0) << LEAT_SORT_MONTH |
                     (unsigned)(o->numeric != 0) << LEAT_SORT_NUMERIC |
                     (unsigned)(o->random != 0) << LEAT_SORT_RANDOM |
                     (unsigned)(o->version != 0) << LEAT_SORT_VERSION | 1u << o->sort;

    return (struct leat_sort_order){
        .kinds = kinds & ~1u,
        .dictionary = o->dictionary != 0,
        .printing = o->printing != 0,
        .fold = o->fold != 0,
        .blanks = o->blanks != 0,
        .end_blanks = o->blanks != 0,
        .reverse = o->reverse != 0,
    };
}

/* The i-th key, with the global options if it has none of its own. */
static bool key_at(const struct leat_sort_options *o, size_t i, struct leat_sort_key *k,
                   const char **ret_why)
{
    struct leat_sort_order global = global_order(o);

    if (o->keys.n == 0) {
        *k = (struct leat_sort_key){.order = global, .to_end = true};
        return true;
    }
    if (!parse(o->keys.v[i], k, ret_why))
        return false;
    if (!has_order(&k->order) && !k->order.reverse)
        k->order = global;
    return true;
}

static size_t count(const struct leat_sort_options *o)
{
    struct leat_sort_order global = global_order(o);

    return o->keys.n > 0 ? o->keys.n : has_order(&global);
}

/* The separator, -1: blanks. Returns false: it is none. */
static bool separator_of(const struct leat_sort_options *o, int *ret)
{
    const char *text = o->separator;

    *ret = !text ? -1 : strcmp(text, "\\0") == 0 ? 0 : (uint8_t)text[0];
    return !text || (text[0] && !text[1]) || strcmp(text, "\\0") == 0;
}

static bool fits_together(const struct leat_sort_order *o)
{
    unsigned exact = o->kinds & ~(1u << LEAT_SORT_RANDOM | 1u << LEAT_SORT_VERSION);
    bool any = (o->kinds & ~exact) || o->dictionary || o->printing;

    return __builtin_popcount(exact) + any <= 1;
}

int leat_sort_keys_check(struct leat_stage *s, const struct leat_sort_options *o)
{
    struct leat_sort_key k;
    const char *why;
    int separator;

    if (!separator_of(o, &separator))
        return leat_fail(s, LEAT_EUSAGE, "-t '%s': the separator of fields is one byte, or \\0",
                         o->separator);
    for (size_t i = 0; i < count(o); i++) {
        if (!key_at(o, i, &k, &why))
            return leat_fail(s, LEAT_EUSAGE, "-k '%s': %s; an example: -k 2,2n", o->keys.v[i], why);
        if (!fits_together(&k.order))
            return leat_fail(s, LEAT_EUSAGE,
                             "%s%s%s: only one of -g -h -M -n, and of -V -R -d -i, can order a key",
                             o->keys.n > 0 ? "-k '" : "the options",
                             o->keys.n > 0 ? o->keys.v[i] : "", o->keys.n > 0 ? "'" : "");
    }
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The same in all lanes, and another one in each process. */
static uint64_t any_seed(void)
{
    const void *at = (const void *)getauxval(
        AT_RANDOM); // NOLINT(performance-no-int-to-ptr): that is how the kernel tells
    uint64_t seed = 0;

    if (at)
        memcpy(&seed, at, sizeof seed);
    return seed;
}

int leat_sort_keys_open(struct leat_sort_keys *keys, struct leat_stage *s,
                        const struct leat_sort_options *o, struct leat_sort_format *ret_format)
{
    const char *why = NULL;
    bool general = false;
    size_t n = count(o);

    *keys = (struct leat_sort_keys){
        .stage = s, .reverse = o->reverse != 0, .seed = o->seed > 0 ? o->seed : any_seed()};
    *ret_format = (struct leat_sort_format){
        .keyed = n > 0,
        .whole = n == 0 || (!o->stable && !o->unique),
        .reverse = o->reverse != 0,
        .unique = o->unique != 0,
        .eol = o->zero ? '\0' : '\n',
        .top = o->top,
    };
    if (n == 0)
        return 0;
    keys->v = leat_alloc(s, n * sizeof *keys->v);
    if (!keys->v)
        return LEAT_ENOMEM;
    keys->n = n;
    if (!separator_of(o, &keys->separator))
        return leat_fail(s, LEAT_EUSAGE, "-t: the separator of fields is one byte");
    for (size_t i = 0; i < n; i++) {
        bool good = key_at(o, i, &keys->v[i], &why);

        leat_assert(good); /* it was checked */
        general = general || keys->v[i].order.kinds == 1u << LEAT_SORT_GENERAL;
    }
    if (general)
        keys->numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (general && !keys->numbers)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    return 0;
}

void leat_sort_keys_close(struct leat_sort_keys *keys)
{
    if (keys->numbers)
        freelocale(keys->numbers);
    if (keys->v)
        leat_free(keys->stage, keys->v);
    *keys = (struct leat_sort_keys){0};
}

/* --- fields ----------------------------------------------------------------------------------- */

/* A place in a line: the bytes after so many fields, each with the separator after it. */
struct place {
    const uint8_t *at, *end;
    uint64_t fields;
};

static const uint8_t *skip_blanks(const uint8_t *at, const uint8_t *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static const uint8_t *skip_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end && !is_blank(*at))
        at++;
    return at;
}

/* Go to the field with this number. The separator before it is skipped only if `past` is set. */
static void go(const struct leat_sort_keys *keys, struct place *p, uint64_t field, bool past)
{
    leat_assert(p->fields <= field);
    if (keys->separator < 0) {
        for (; p->at < p->end && p->fields < field; p->fields++)
            p->at = skip_text(skip_blanks(p->at, p->end), p->end);
        return;
    }
    for (; p->at < p->end && p->fields < field; p->fields++) {
        const uint8_t *next = memchr(p->at, keys->separator, (size_t)(p->end - p->at));

        p->at = next ? next : p->end;
        if (next && (past || p->fields + 1 < field))
            p->at++;
    }
}

static const uint8_t *forward(const uint8_t *at, const uint8_t *end, uint64_t n)
{
    return n < (uint64_t)(end - at) ? at + n : end;
}

/* Sets *known to a place from which a key that begins no earlier can be found. */
static void find(const struct leat_sort_keys *keys, const struct leat_sort_key *k,
                 const struct place *line, struct place *known, const uint8_t **ret_from,
                 const uint8_t **ret_to)
{
    struct place p = known->fields <= k->field ? *known : *line, end;
    uint64_t last = k->end_field + (k->end_byte == 0);

    go(keys, &p, k->field, true);
    p.fields = k->field; /* also if the line has fewer */
    *known = p;
    *ret_from = k->order.blanks ? skip_blanks(p.at, p.end) : p.at;
    *ret_from = forward(*ret_from, p.end, k->byte);
    *ret_to = p.end;
    if (k->to_end)
        return;
    end = last > k->field ? p : *line;
    go(keys, &end, last, k->end_byte > 0);
    if (k->end_byte > 0) {
        if (k->order.end_blanks)
            end.at = skip_blanks(end.at, end.end);
        end.at = forward(end.at, end.end, k->end_byte);
    }
    *ret_to = end.at > *ret_from ? end.at : *ret_from;
}

size_t leat_sort_keys_make(void *arg, uint8_t *line, size_t n, uint8_t *to, size_t room)
{
    const struct leat_sort_keys *keys = arg;
    struct place start = {.at = line, .end = line + n}, known = start;
    size_t len = 0;

    for (size_t i = 0; i < keys->n; i++) {
        const struct leat_sort_key *k = &keys->v[i];
        const uint8_t *from, *end;
        size_t add;

        find(keys, k, &start, &known, &from, &end);
        add = leat_sort_encode(keys, &k->order, line + (from - line), (size_t)(end - from),
                               to + len, room - len);
        if (add == SIZE_MAX)
            return SIZE_MAX;
        if (k->order.reverse != keys->reverse)
            for (size_t b = len; b < len + add; b++)
                to[b] = (uint8_t)~to[b];
        len += add;
    }
    return len;
}
