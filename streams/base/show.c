/* show.c - make text from outside safe to print, as one line. */

#include <stdio.h>
#include <string.h>

#include "show.h"

/* Bytes of the valid UTF-8 character at p (no surrogate, not overlong); 0: it is not valid. */
static size_t utf8_len(const unsigned char *p)
{
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;

    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* Is it a control character, or one that changes the direction of text, ends a line or is
 * invisible? */
static bool is_obeyed(const unsigned char *p, size_t n)
{
    unsigned c = n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu) : 0;

    if (n == 1)
        return *p < 0x20 || *p == 0x7f;
    if (n == 3)
        c = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    return (c >= 0x80 && c < 0xa0) || c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

size_t leat_show_char(const char *text, bool *ret_plain)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p && *p ? utf8_len(p) : 0;

    if (ret_plain)
        *ret_plain = n > 0 && !is_obeyed(p, n);
    return n;
}

size_t leat_show_plain(const char *text)
{
    bool plain;
    size_t n = leat_show_char(text, &plain);

    return plain ? n : 0;
}

size_t leat_show_byte(char *to, char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *name = byte == '\n' ? "n" : byte == '\t' ? "t" : byte == '\r' ? "r" : NULL;

    to[0] = '\\';
    to[1] = name ? *name : 'x';
    if (name)
        return 2;
    to[2] = digits[(unsigned char)byte >> 4];
    to[3] = digits[byte & 15];
    return 4;
}

/* The next piece of the output: an unchanged character, or the escape of one byte. */
static size_t next_piece(const char **text, char *piece)
{
    size_t n = leat_show_plain(*text);

    if (n > 0)
        memcpy(piece, *text, n);
    else
        n = leat_show_byte(piece, **text);
    *text += leat_show_plain(*text) > 0 ? n : 1;
    return n;
}

/* `at` follows "://". Where its password ends, at an `@`; NULL: there is none. The first slash ends the place of a host, but
 * a colon before it that begins no port begins a password that has a slash inside, which a user forgot to escape. */
static const char *password_end(const char *at, const char *colon)
{
    const char *end = at + strcspn(at, "/?#"), *found = memrchr(at, '@', (size_t)(end - at));

    if (!found && colon < end && colon[1 + strspn(colon + 1, "0123456789")] != *end)
        found = memrchr(at, '@', strcspn(at, " \t\n"));
    return found && found > colon + 1 ? found : NULL;
}

size_t leat_show_password(const char *text, const char **ret_at)
{
    const char *url = text;

    while ((url = strstr(url, "://"))) {
        const char *colon, *end;

        url += 3;
        colon = url + strcspn(url, ":@/?# ");
        end = *colon == ':' ? password_end(url, colon) : NULL;
        if (end) {
            *ret_at = colon + 1;
            return (size_t)(end - *ret_at);
        }
    }
    return 0;
}

/* As next_piece; `*secret` of so many bytes is the next password, in place of which there are stars. */
static size_t next_shown(const char **text, char *piece, const char **secret, size_t *secret_len)
{
    size_t n = sizeof LEAT_SHOW_STARS - 1;

    if (*secret_len == 0 || *text != *secret)
        return next_piece(text, piece);
    memcpy(piece, LEAT_SHOW_STARS, n);
    *text += *secret_len;
    *secret_len = leat_show_password(*text, secret);
    return n;
}

const char *leat_show(const char *text, char *buf, size_t size)
{
    static const char dots[] = "…";
    const char *secret = NULL;
    char piece[4];
    size_t n = 0, fits = 0; /* fits: bytes that leave room for the dots */
    size_t secret_len = text ? leat_show_password(text, &secret) : 0;

    if (size == 0)
        return buf;
    while (text && *text) {
        size_t len = next_shown(&text, piece, &secret, &secret_len);

        if (n + len >= size) {
            n = fits;
            if (size >= sizeof dots)
                memcpy(buf + n, dots, sizeof dots - 1);
            n += size >= sizeof dots ? sizeof dots - 1 : 0;
            break;
        }
        memcpy(buf + n, piece, len);
        n += len;
        if (n + sizeof dots <= size)
            fits = n;
    }
    buf[n] = '\0';
    return buf;
}

void leat_show_v(char *buf, size_t size, const char *format, va_list args)
{
    char raw[LEAT_SHOW_RAW_MAX];

    vsnprintf(raw, sizeof raw, format, args);
    (void)leat_show(raw, buf, size);
}
