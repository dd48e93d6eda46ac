/* order.c - the order of lines as in sort(1) with LC_ALL=C.
 *
 * The rules are those of GNU sort, even where they surprise: without -t, the blanks before a field
 * belong to the field; the end of a key may lie before its start, and then the key is empty; a
 * number ends where its digits end, and text that is no number counts as 0.
 */

#include "order.h"

#include <string.h>

struct span {
    const uint8_t *at, *end;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* --- keys ------------------------------------------------------------------------------------- */

/* A number that is too large becomes the largest one. Returns NULL if there is no number. */
static const char *take_number(const char *p, size_t *ret)
{
    size_t n = 0;

    if (!is_digit((uint8_t)*p))
        return NULL;
    for (; is_digit((uint8_t)*p); p++) {
        size_t digit = (size_t)(*p - '0');

        n = n > (SIZE_MAX - 1 - digit) / 10 ? SIZE_MAX - 1 : 10 * n + digit;
    }
    *ret = n;
    return p;
}

static const char *take_letters(const char *p, struct leat_order_key *key, bool *ret_blanks)
{
    for (;; p++) {
        if (*p == 'b')
            *ret_blanks = true;
        else if (*p == 'f')
            key->fold = true;
        else if (*p == 'n')
            key->numeric = true;
        else if (*p == 'r')
            key->reverse = true;
        else
            return p;
    }
}

/* Parses the part after the comma. Returns NULL, or the problem as text. */
static const char *take_end(const char *p, struct leat_order_key *key)
{
    p = take_number(p, &key->end_field);
    if (!p)
        return "there is no field number after the comma";
    if (key->end_field-- == 0)
        return "fields are counted from 1";
    if (*p == '.') {
        p = take_number(p + 1, &key->end_byte);
        if (!p)
            return "there is no number after the dot";
    }
    p = take_letters(p, key, &key->end_blanks);
    return *p ? "only the letters b, f, n and r can follow a position" : NULL;
}

const char *leat_order_add(struct leat_order *o, const char *text)
{
    struct leat_order_key key = {.end_field = LEAT_ORDER_WHOLE};
    const char *p = take_number(text, &key.start_field), *wrong = NULL;

    if (o->n_keys == LEAT_ORDER_KEYS_MAX)
        return "there are more than 32 keys";
    if (!p)
        return "a key begins with the number of a field";
    if (key.start_field-- == 0)
        return "fields are counted from 1";
    if (*p == '.') {
        p = take_number(p + 1, &key.start_byte);
        if (!p)
            return "there is no number after the dot";
        if (key.start_byte-- == 0)
            return "bytes of a field are counted from 1";
    }
    if (key.start_field == 0 && key.start_byte == 0)
        key.start_field = LEAT_ORDER_WHOLE;
    p = take_letters(p, &key, &key.start_blanks);
    if (*p == ',')
        wrong = take_end(p + 1, &key);
    else if (*p)
        wrong = "only the letters b, f, n and r can follow a position";
    if (!wrong)
        o->keys[o->n_keys++] = key;
    return wrong;
}

/* Options outside of the keys apply to those keys that have no options of their own. */
void leat_order_ready(struct leat_order *o, const struct leat_order_key *global)
{
    bool any = global->start_blanks || global->numeric || global->fold;

    o->reverse = global->reverse;
    if (o->n_keys == 0 && any) {
        o->keys[0] = *global;
        o->keys[0].start_field = o->keys[0].end_field = LEAT_ORDER_WHOLE;
        o->n_keys = 1;
    }
    for (size_t i = 0; i < o->n_keys; i++) {
        struct leat_order_key *key = &o->keys[i];

        if (key->start_blanks || key->end_blanks || key->numeric || key->fold || key->reverse)
            continue;
        key->start_blanks = global->start_blanks;
        key->end_blanks = global->end_blanks;
        key->numeric = global->numeric;
        key->fold = global->fold;
        key->reverse = global->reverse;
    }
}

/* --- fields ----------------------------------------------------------------------------------- */

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* Skips one field: up to its separator, or to the blanks after it. */
static const uint8_t *skip_field(const struct leat_order *o, const uint8_t *p, const uint8_t *end)
{
    if (o->separated) {
        const uint8_t *hit = p < end ? memchr(p, o->separator, (size_t)(end - p)) : NULL;

        return hit ? hit : end;
    }
    p = skip_blanks(p, end);
    while (p < end && !is_blank(*p))
        p++;
    return p;
}

static const uint8_t *skip_bytes(const uint8_t *p, const uint8_t *end, size_t n)
{
    return n < (size_t)(end - p) ? p + n : end;
}

static const uint8_t *key_start(const struct leat_order *o, const struct leat_order_key *key,
                                struct span line)
{
    const uint8_t *p = line.at;

    if (key->start_field != LEAT_ORDER_WHOLE)
        for (size_t i = key->start_field; i > 0 && p < line.end; i--) {
            p = skip_field(o, p, line.end);
            p += o->separated && p < line.end;
        }
    if (key->start_blanks)
        p = skip_blanks(p, line.end);
    return skip_bytes(p, line.end, key->start_byte);
}

static const uint8_t *key_end(const struct leat_order *o, const struct leat_order_key *key,
                              struct span line)
{
    const uint8_t *p = line.at;
    size_t fields;

    if (key->end_field == LEAT_ORDER_WHOLE)
        return line.end;
    fields = key->end_field + (key->end_byte == 0);
    for (; fields > 0 && p < line.end; fields--) {
        p = skip_field(o, p, line.end);
        p += o->separated && p < line.end && (fields > 1 || key->end_byte > 0);
    }
    if (key->end_byte == 0)
        return p;
    if (key->end_blanks)
        p = skip_blanks(p, line.end);
    return skip_bytes(p, line.end, key->end_byte);
}

static struct span find_key(const struct leat_order *o, const struct leat_order_key *key,
                            const struct leat_order_line *line)
{
    struct span whole = {line->text, line->text + line->len};
    struct span found = {key_start(o, key, whole), key_end(o, key, whole)};

    if (found.end < found.at)
        found.end = found.at;
    return found;
}

void leat_order_look(const struct leat_order *o, struct leat_order_line *line)
{
    struct span found = {line->text, line->text + line->len};

    if (o->n_keys > 0)
        found = find_key(o, &o->keys[0], line);
    line->key = found.at;
    line->key_len = (size_t)(found.end - found.at);
}

/* --- comparing -------------------------------------------------------------------------------- */

static int compare_bytes(struct span a, struct span b)
{
    size_t a_len = (size_t)(a.end - a.at), b_len = (size_t)(b.end - b.at);
    int r = memcmp(a.at, b.at, a_len < b_len ? a_len : b_len);

    return r ? r : (a_len > b_len) - (a_len < b_len);
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static int compare_folded(struct span a, struct span b)
{
    for (; a.at < a.end && b.at < b.end; a.at++, b.at++) {
        int r = upper(*a.at) - upper(*b.at);

        if (r)
            return r;
    }
    return (a.at < a.end) - (b.at < b.end);
}

/* A decimal number of any length: the places of its digits. */
struct number {
    struct span whole, part; /* without leading zeros; without trailing zeros */
    bool negative;
};

static struct number read_number(struct span s)
{
    struct number n = {0};

    s.at = skip_blanks(s.at, s.end);
    if (s.at < s.end && *s.at == '-') {
        n.negative = true;
        s.at++;
    }
    while (s.at < s.end && *s.at == '0')
        s.at++;
    n.whole.at = s.at;
    while (s.at < s.end && is_digit(*s.at))
        s.at++;
    n.whole.end = s.at;
    s.at += s.at < s.end && *s.at == '.';
    n.part.at = s.at;
    if (s.at > n.whole.end)
        while (s.at < s.end && is_digit(*s.at))
            s.at++;
    n.part.end = s.at;
    while (n.part.end > n.part.at && n.part.end[-1] == '0')
        n.part.end--;
    if (n.whole.end == n.whole.at && n.part.end == n.part.at)
        n.negative = false;
    return n;
}

static int compare_numbers(struct span a_text, struct span b_text)
{
    struct number a = read_number(a_text), b = read_number(b_text);
    size_t a_len = (size_t)(a.whole.end - a.whole.at), b_len = (size_t)(b.whole.end - b.whole.at);
    int r;

    if (a.negative != b.negative)
        return a.negative ? -1 : 1;
    if (a_len != b_len)
        r = a_len < b_len ? -1 : 1;
    else
        r = memcmp(a.whole.at, b.whole.at, a_len);
    if (r == 0)
        r = compare_bytes(a.part, b.part);
    return a.negative ? -r : r;
}

static int compare_key(const struct leat_order_key *key, struct span a, struct span b)
{
    int r;

    if (key->numeric)
        r = compare_numbers(a, b);
    else if (key->fold)
        r = compare_folded(a, b);
    else
        r = compare_bytes(a, b);
    return key->reverse ? -r : r;
}

static int compare_whole(const struct leat_order *o, const struct leat_order_line *a,
                         const struct leat_order_line *b)
{
    int r = compare_bytes((struct span){a->text, a->text + a->len},
                          (struct span){b->text, b->text + b->len});

    return o->reverse ? -r : r;
}

int leat_order_compare_keys(const struct leat_order *o, const struct leat_order_line *a,
                            const struct leat_order_line *b)
{
    int r;

    if (o->n_keys == 0)
        return compare_whole(o, a, b);
    r = compare_key(&o->keys[0], (struct span){a->key, a->key + a->key_len},
                    (struct span){b->key, b->key + b->key_len});
    for (size_t i = 1; i < o->n_keys && r == 0; i++)
        r = compare_key(&o->keys[i], find_key(o, &o->keys[i], a), find_key(o, &o->keys[i], b));
    return r;
}

int leat_order_compare(const struct leat_order *o, const struct leat_order_line *a,
                       const struct leat_order_line *b)
{
    int r = leat_order_compare_keys(o, a, b);

    return r || o->keys_only || o->n_keys == 0 ? r : compare_whole(o, a, b);
}
