/* version.c - names with versions as bytes whose order is that of filevercmp, which sort -V uses.
 *
 * A name is letters and other bytes, digits, letters and so on. Each run without digits ends with STOP, a number follows
 * it, 0 if there are no digits, and after the last number there is another STOP: an end comes after `~` and before all
 * else. A name is compared without its suffixes first, such as `.tar.gz`, then as a whole.
 */

#include "key.h"

#define STOP 2u

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}

/* `~`, STOP, letters, all else. */
static uint8_t place_of(uint8_t c)
{
    if (c == '~')
        return 1;
    if (is_letter(c))
        return (uint8_t)(c <= 'Z' ? 3 + (c - 'A') : 29 + (c - 'a'));
    /* The digits, letters and `~` below c have no places here. */
    return (uint8_t)(55 + c - (c > '9' ? 10 : 0) - (c > 'Z' ? 26 : 0) - (c > 'z' ? 26 : 0) -
                     (c > '~' ? 1 : 0));
}

static uint8_t *put_name(const uint8_t *text, size_t n, uint8_t *to)
{
    const uint8_t *end = text + n;

    while (text < end) {
        const uint8_t *number;

        while (text < end && !is_digit(*text))
            *to++ = place_of(*text++);
        *to++ = STOP;
        while (text < end && *text == '0')
            text++;
        number = text;
        while (text < end && is_digit(*text))
            text++;
        to = leat_sort_put_count(to, (size_t)(text - number), 0);
        memcpy(to, number, (size_t)(text - number));
        to += text - number;
    }
    *to++ = STOP;
    return to;
}

/* The length without the suffixes (\.[A-Za-z~][A-Za-z0-9~]*)*$; 0 for one such as `.tar.gz`. */
static size_t prefix_len(const uint8_t *s, size_t n)
{
    for (size_t i = 0;; i++) {
        size_t len = i;

        while (i + 1 < n && s[i] == '.' && (is_letter(s[i + 1]) || s[i + 1] == '~'))
            for (i += 2; i < n && (is_letter(s[i]) || is_digit(s[i]) || s[i] == '~'); i++)
                ;
        if (i >= n)
            return len;
    }
}

size_t leat_sort_encode_version(const uint8_t *s, size_t n, uint8_t *to, size_t room)
{
    size_t prefix;
    uint8_t *at = to;

    /* At worst one letter and one digit take five bytes, twice. */
    if (room / 8 < n + 1)
        return SIZE_MAX;
    *at++ = n == 0                                 ? 0
            : n == 1 && s[0] == '.'                ? 1
            : n == 2 && s[0] == '.' && s[1] == '.' ? 2
            : s[0] == '.'                          ? 3
                                                   : 4;
    if (at[-1] < 3)
        return 1;
    prefix = prefix_len(s, n);
    at = put_name(s, prefix, at);
    at = put_name(s, n, at);
    return (size_t)(at - to);
}
