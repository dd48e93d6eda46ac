/* encode.c - the text of a key as bytes whose order is that of the key.
 *
 * No result begins another one, so keys can follow one another, and be inverted for the opposite order. Text ends with a
 * zero, and the bytes 0 and 1 in it have two bytes. A number is its sign with the number of digits before the point, then
 * the digits, two in a byte. A negative one is inverted.
 */

#include "key.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/invariant.h"

#define SCRATCH 20u /* bytes of a result whose size does not depend on the text */

/* Bytes of a long double without those that only fill it up. */
#define FLOAT_BYTES (LDBL_MANT_DIG == 64 ? 10u : sizeof(long double))

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* --- text ------------------------------------------------------------------------------------- */

static size_t put_text(const uint8_t *text, size_t n, uint8_t *to)
{
    const uint64_t ones = ~(uint64_t)0 / 255, highs = ones << 7;
    uint8_t *at = to;
    size_t i = 0;

    while (i < n) {
        uint64_t x;

        for (; i + 8 <= n; i += 8, at += 8) {
            memcpy(&x, text + i, 8);
            if ((x - 2 * ones) & ~x & highs) /* one of the bytes is 0 or 1 */
                break;
            memcpy(at, &x, 8);
        }
        for (size_t end = i + 8 < n ? i + 8 : n; i < end; i++) {
            if (text[i] <= 1) {
                *at++ = 1;
                *at++ = (uint8_t)(text[i] + 1);
            } else {
                *at++ = text[i];
            }
        }
    }
    *at++ = 0;
    return (size_t)(at - to);
}

static bool is_ignored(const struct leat_sort_order *o, uint8_t c)
{
    return o->dictionary ? !is_digit(c) && !is_letter(c) && !is_blank(c)
                         : o->printing && (c < ' ' || c > '~');
}

/* The bytes of the text that count, in upper case with -f. Returns how many. */
static size_t translate(const struct leat_sort_order *o, const uint8_t *text, size_t n, uint8_t *to)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        if (!is_ignored(o, text[i]))
            to[len++] = o->fold ? upper(text[i]) : text[i];
    return len;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void invert(uint8_t *from, const uint8_t *end)
{
    for (; from < end; from++)
        *from = (uint8_t) ~*from;
}

/* The digits of both parts, two in a byte, without zeros at the end, and a zero. */
static uint8_t *put_digits(const uint8_t *whole, size_t n_whole, const uint8_t *part, size_t n_part,
                           uint8_t *to)
{
    unsigned high = 0;
    bool odd = false;

    for (size_t i = 0; i < n_whole + n_part; i++) {
        unsigned digit = (unsigned)((i < n_whole ? whole[i] : part[i - n_whole]) - '0');

        if (odd)
            *to++ = (uint8_t)(high * 10 + digit + 1);
        high = digit;
        odd = !odd;
    }
    if (odd)
        *to++ = (uint8_t)(high * 10 + 1);
    *to++ = 0;
    return to;
}

/* -n: blanks, a sign, digits, a point, digits; what follows does not count. */
static size_t put_number(const uint8_t *text, size_t n, uint8_t *to)
{
    const uint8_t *end = text + n, *whole, *part;
    size_t n_whole, n_part = 0;
    uint8_t *at = to;
    bool negative;

    while (text < end && is_blank(*text))
        text++;
    negative = text < end && *text == '-';
    text += negative;
    while (text < end && *text == '0')
        text++;
    whole = text;
    while (text < end && is_digit(*text))
        text++;
    n_whole = (size_t)(text - whole);
    part = text < end && *text == '.' ? text + 1 : end;
    for (text = part; text < end && is_digit(*text); text++)
        if (*text != '0')
            n_part = (size_t)(text - part) + 1;
    if (n_whole == 0 && n_part == 0) {
        *at++ = 0x80;
        return 1;
    }
    at = leat_sort_put_count(at, n_whole, 0x81);
    if (n_part == 0)
        for (; n_whole > 0 && whole[n_whole - 1] == '0'; n_whole--)
            ;
    at = put_digits(whole, n_whole, part, n_part, at);
    if (negative)
        invert(to, at);
    return (size_t)(at - to);
}

/* -h: the order of the suffix of a number; 0: there is none, or the number is zero. */
static int unit(const uint8_t *text, const uint8_t *end)
{
    static const char units[] = "KMGTPEZY";
    const char *found;
    bool nonzero = false;

    for (; text < end && is_digit(*text); text++)
        nonzero = nonzero || *text != '0';
    if (text < end && *text == '.')
        for (text++; text < end && is_digit(*text); text++)
            nonzero = nonzero || *text != '0';
    if (!nonzero || text == end || *text == '\0')
        return 0;
    found = strchr(units, *text == 'k' ? 'K' : *text);
    return found ? (int)(found - units) + 1 : 0;
}

static size_t put_human(const uint8_t *text, size_t n, uint8_t *to)
{
    const uint8_t *end = text + n;
    bool negative;
    int order;

    while (text < end && is_blank(*text))
        text++;
    negative = text < end && *text == '-';
    order = unit(text + negative, end);
    to[0] = (uint8_t)(0x80 + (negative ? -order : order));
    return 1 + put_number(text, (size_t)(end - text), to + 1);
}

static size_t put_month(const uint8_t *text, size_t n, uint8_t *to)
{
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    const uint8_t *end = text + n;

    while (text < end && is_blank(*text))
        text++;
    to[0] = 0;
    for (unsigned i = 0; end - text >= 3 && i < 12; i++)
        if (upper(text[0]) == months[3 * i] && upper(text[1]) == months[3 * i + 1] &&
            upper(text[2]) == months[3 * i + 2])
            to[0] = (uint8_t)(i + 1);
    return 1;
}

/* A number other than zero: its exponent, then its first 128 bits. */
static uint8_t *put_float(uint8_t *to, long double x)
{
    int exponent = 0;
    long double rest = isinf(x) ? 0 : frexpl(x, &exponent);
    uint32_t place = isinf(x) ? UINT16_MAX : (uint32_t)(exponent + 0x8000);

    leat_assert(place <= UINT16_MAX);
    *to++ = (uint8_t)(place >> 8);
    *to++ = (uint8_t)place;
    for (unsigned i = 0; i < 16; i++) {
        rest *= 256;
        *to = (uint8_t)rest; /* without its fraction */
        rest -= *to++;
    }
    return to;
}

/* -g: what is no number, then nan, by the bytes that it has in memory, and numbers. */
static size_t put_general(const struct leat_sort_keys *keys, uint8_t *text, size_t n, uint8_t *to)
{
    uint8_t after = text[n], *at = to + 1;
    char *end;
    long double x;

    text[n] = '\0';
    x = strtold_l((const char *)text, &end, keys->numbers);
    text[n] = after;
    if ((const uint8_t *)end == text) {
        to[0] = 1;
    } else if (isnan(x)) {
        to[0] = 2;
        memcpy(at, &x, FLOAT_BYTES);
        at += FLOAT_BYTES;
    } else if (x == 0) {
        to[0] = 5;
    } else {
        to[0] = x < 0 ? 4 : 6;
        at = put_float(at, x < 0 ? -x : x);
        if (x < 0)
            invert(to + 1, at);
    }
    return (size_t)(at - to);
}

/* -R: a number drawn for the text, and the text, in case that another one has the same number. */
static size_t put_random(const struct leat_sort_keys *keys, const uint8_t *text, size_t n,
                         uint8_t *to)
{
    uint64_t number = XXH3_64bits_withSeed(text, n, keys->seed);

    memcpy(to, &number, sizeof number);
    return sizeof number + put_text(text, n, to + sizeof number);
}

size_t leat_sort_encode(const struct leat_sort_keys *keys, const struct leat_sort_order *o,
                        uint8_t *text, size_t n, uint8_t *to, size_t room)
{
    if (o->fold || o->dictionary || o->printing) {
        /* The translated text waits at the end of the room. */
        if (room < n)
            return SIZE_MAX;
        room -= n;
        n = translate(o, text, n, to + room);
        text = to + room;
    }
    if (room < 2 * n + 2 * SCRATCH)
        return SIZE_MAX;
    switch (o->kinds) {
    case 0:
        return put_text(text, n, to);
    case 1u << LEAT_SORT_GENERAL:
        return put_general(keys, text, n, to);
    case 1u << LEAT_SORT_HUMAN:
        return put_human(text, n, to);
    case 1u << LEAT_SORT_MONTH:
        return put_month(text, n, to);
    case 1u << LEAT_SORT_NUMERIC:
        return put_number(text, n, to);
    case 1u << LEAT_SORT_VERSION:
        return leat_sort_encode_version(text, n, to, room);
    default: /* -R, which comes before -V */
        return put_random(keys, text, n, to);
    }
}
