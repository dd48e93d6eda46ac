/* json.c - a small JSON reader with a cursor, and strings that hold any bytes. */

#include "json.h"

#include <stdlib.h>
#include <string.h>

#define NESTED_MAX 32

void json_name(struct buf *buf, const char *text)
{
    const char *from = text;
    bool plain;

    buf_bytes(buf, "\"", 1);
    while (*text) {
        size_t n = leat_show_char(text, &plain);

        if (n > 0 && plain && *text != '"' && *text != '\\') {
            text += n;
            continue;
        }
        buf_bytes(buf, from, (size_t)(text - from));
        if (n == 0)
            buf_add(buf, "\\udc%02x", (unsigned)(unsigned char)*text);
        else if (*text == '"' || *text == '\\')
            buf_add(buf, "\\%c", *text);
        else if (n == 1)
            buf_add(buf, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            buf_bytes(buf, text, n);
        text += n ? n : 1;
        from = text;
    }
    buf_bytes(buf, from, (size_t)(text - from));
    buf_bytes(buf, "\"", 1);
}

void json_begin(struct json *j, const char *text, size_t n)
{
    j->at = text;
    j->end = text + n;
    j->bad = false;
    j->text.n = 0;
}

void json_done(struct json *j)
{
    buf_free(&j->text);
}

static char next(struct json *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t'))
        j->at++;
    return j->bad || j->at == j->end ? '\0' : *j->at;
}

static bool take(struct json *j, char c)
{
    if (next(j) != c) {
        j->bad = true;
        return false;
    }
    j->at++;
    return true;
}

bool json_open(struct json *j, char bracket)
{
    return take(j, bracket);
}

bool json_more(struct json *j, char closing, bool *first)
{
    bool was_first = *first;

    *first = false;
    if (next(j) == closing) {
        j->at++;
        return false;
    }
    if (!was_first && !take(j, ','))
        return false;
    if (next(j) == '\0')
        j->bad = true;
    return !j->bad;
}

static unsigned hex4(struct json *j)
{
    unsigned value = 0;

    for (int i = 0; i < 4 && j->at < j->end; i++) {
        char c = *j->at++;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;

        j->bad = j->bad || digit > 15;
        value = value << 4 | digit;
    }
    return value;
}

static void add_code_point(struct buf *b, unsigned c)
{
    char utf8[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n == 1)
        utf8[0] = (char)c;
    for (size_t i = n; n > 1 && i-- > 0; c >>= 6)
        utf8[i] = (char)(i > 0 ? 0x80 | (c & 0x3f) : ((0xf00 >> n) & 0xff) | c);
    buf_bytes(b, utf8, n);
}

static void unescape(struct json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->at < j->end ? *j->at++ : '\0', byte;
    const char *place = c ? strchr(from, c) : NULL;
    unsigned code, low;

    if (place) {
        buf_bytes(&j->text, to + (place - from), 1);
        return;
    }
    code = c == 'u' ? hex4(j) : 0;
    if (code == 0) { /* no name has a NUL */
        j->bad = true;
    } else if (code >= 0xdc80 && code <= 0xdcff) {
        byte = (char)(code & 0xff);
        buf_bytes(&j->text, &byte, 1);
    } else if (code >= 0xd800 && code < 0xdc00 && j->end - j->at > 5 && j->at[0] == '\\' &&
               j->at[1] == 'u') {
        j->at += 2;
        low = hex4(j);
        j->bad = j->bad || low < 0xdc00 || low > 0xdfff;
        add_code_point(&j->text, 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff));
    } else {
        add_code_point(&j->text, code);
    }
}

const char *json_text(struct json *j)
{
    j->text.n = 0;
    if (!take(j, '"'))
        return "";
    while (!j->bad && j->at < j->end && *j->at != '"') {
        size_t n = 0;

        while (j->at + n < j->end && j->at[n] != '"' && j->at[n] != '\\' &&
               (unsigned char)j->at[n] >= ' ')
            n++;
        buf_bytes(&j->text, j->at, n);
        j->at += n;
        if (j->at < j->end && *j->at == '\\') {
            j->at++;
            unescape(j);
        } else if (j->at < j->end && *j->at != '"') {
            j->bad = true;
        }
    }
    j->bad = j->bad || j->at == j->end || j->text.failed;
    if (j->bad)
        return "";
    j->at++;
    buf_bytes(&j->text, "", 0);
    return buf_text(&j->text);
}

const char *json_key(struct json *j)
{
    const char *key = json_text(j);

    (void)take(j, ':');
    return key;
}

uint64_t json_number(struct json *j)
{
    uint64_t value = 0;
    const char *from;
    bool minus = next(j) == '-';

    j->at += minus;
    for (from = j->at; j->at < j->end && *j->at >= '0' && *j->at <= '9'; j->at++) {
        uint64_t digit = (uint64_t)(*j->at - '0');

        if (value > (UINT64_MAX - digit) / 10)
            j->bad = true;
        value = value * 10 + digit;
    }
    j->bad = j->bad || j->at == from;
    return j->bad ? 0 : minus ? 0 - value : value;
}

bool json_true(struct json *j)
{
    bool value = next(j) == 't';
    size_t n = value ? 4 : 5;

    if ((size_t)(j->end - j->at) < n || memcmp(j->at, value ? "true" : "false", n) != 0)
        j->bad = true;
    else
        j->at += n;
    return value && !j->bad;
}

static void skip(struct json *j, int depth)
{
    char c = next(j);
    bool first = true;

    if (depth > NESTED_MAX) {
        j->bad = true;
    } else if (c == '"') {
        (void)json_text(j);
    } else if (c == '{' || c == '[') {
        j->at++;
        while (json_more(j, c == '{' ? '}' : ']', &first)) {
            if (c == '{')
                (void)json_key(j);
            skip(j, depth + 1);
        }
    } else {
        const char *from = j->at;

        while (j->at < j->end && *j->at &&
               strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *j->at))
            j->at++;
        j->bad = j->bad || j->at == from;
    }
}

void json_skip(struct json *j)
{
    skip(j, 0);
}
