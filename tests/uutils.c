/* uutils.c - reads the command test cases of uutils: as much of JSON as they are written in. */
#include "uutils.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define FILE_NAME "textcases/uutils-cases.ndjson"

struct reader {
    const char *at, *end;
    unsigned line;
};

static _Noreturn void unsound(const struct reader *r, const char *what)
{
    fprintf(stderr, "%s, line %u: expected %s, but: %.40s\n", FILE_NAME, r->line, what, r->at);
    abort();
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r", *r->at))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static void need(struct reader *r, char c)
{
    const char what[] = {c, '\0'};

    if (!take(r, c))
        unsound(r, what);
}

static unsigned read_hex(struct reader *r)
{
    char digits[5] = {0};
    char *end;
    unsigned code;

    if (r->end - r->at < 4)
        unsound(r, "four hexadecimal digits");
    memcpy(digits, r->at, 4);
    code = (unsigned)strtoul(digits, &end, 16);
    if (*end)
        unsound(r, "four hexadecimal digits");
    r->at += 4;
    return code;
}

static size_t put_utf8(uint8_t *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xc0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (uint8_t)(0xe0 | code >> 12);
        to[1] = (uint8_t)(0x80 | (code >> 6 & 63));
        to[2] = (uint8_t)(0x80 | (code & 63));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | code >> 18);
    to[1] = (uint8_t)(0x80 | (code >> 12 & 63));
    to[2] = (uint8_t)(0x80 | (code >> 6 & 63));
    to[3] = (uint8_t)(0x80 | (code & 63));
    return 4;
}

/* From behind a backslash. */
static size_t read_escape(struct reader *r, uint8_t *to)
{
    static const char from[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    const char *known;
    unsigned code;

    if (r->at == r->end)
        unsound(r, "an escape");
    if (*r->at != 'u') {
        known = strchr(from, *r->at++);
        if (!known)
            unsound(r, "a known escape");
        to[0] = (uint8_t)codes[known - from];
        return 1;
    }
    r->at++;
    code = read_hex(r);
    if (code >= 0xd800 && code < 0xdc00 && r->end - r->at > 6 && r->at[0] == '\\') {
        r->at += 2;
        code = 0x10000 + ((code & 0x3ff) << 10) + (read_hex(r) & 0x3ff);
    }
    return put_utf8(to, code);
}

/* A NUL follows the bytes. */
static struct uutils_bytes read_string(struct reader *r)
{
    struct uutils_bytes b;

    need(r, '"');
    b.data = malloc((size_t)(r->end - r->at) + 5);
    b.len = 0;
    if (!b.data)
        unsound(r, "memory");
    for (;;) {
        if (r->at == r->end)
            unsound(r, "the end of a string");
        if (*r->at == '"')
            break;
        if (*r->at != '\\') {
            b.data[b.len++] = (uint8_t)*r->at++;
            continue;
        }
        r->at++;
        b.len += read_escape(r, b.data + b.len);
    }
    r->at++;
    b.data[b.len] = '\0';
    return b;
}

static char *read_text(struct reader *r)
{
    return (char *)read_string(r).data;
}

/* A value that is of no use here: anything without nested braces. */
static void skip_value(struct reader *r)
{
    if (take(r, '{') || take(r, '[')) {
        while (r->at < r->end && *r->at != '}' && *r->at != ']')
            r->at++;
        r->at++;
        return;
    }
    skip_space(r);
    if (*r->at == '"') {
        free(read_text(r));
        return;
    }
    while (r->at < r->end && !strchr(",}", *r->at))
        r->at++;
}

static void read_args(struct reader *r, struct uutils_case *c)
{
    need(r, '[');
    while (!take(r, ']')) {
        if (c->n_args == UUTILS_ARGS_MAX)
            unsound(r, "fewer arguments");
        c->args[c->n_args++] = read_text(r);
        take(r, ',');
    }
}

static void read_status(struct reader *r, struct uutils_case *c)
{
    char *end;

    skip_space(r);
    if (*r->at == '"') {
        free(read_text(r)); /* "nonzero" */
        c->status = -1;
        return;
    }
    c->status = (int)strtol(r->at, &end, 10);
    r->at = end;
}

static void read_field(struct reader *r, struct uutils_case *c)
{
    char *name = read_text(r);

    need(r, ':');
    if (strcmp(name, "util") == 0)
        c->util = read_text(r);
    else if (strcmp(name, "test") == 0)
        c->test = read_text(r);
    else if (strcmp(name, "args") == 0)
        read_args(r, c);
    else if (strcmp(name, "stdin") == 0)
        c->in = read_string(r);
    else if (strcmp(name, "stdout") == 0)
        c->out = read_string(r);
    else if (strcmp(name, "stdin_fixture") == 0)
        c->in_fixture = read_text(r);
    else if (strcmp(name, "stdout_fixture") == 0)
        c->out_fixture = read_text(r);
    else if (strcmp(name, "code") == 0)
        read_status(r, c);
    else
        skip_value(r);
    free(name);
}

static void read_fixture(const struct uutils_case *c, const char *name, struct uutils_bytes *to)
{
    char path[4096];

    if (!name)
        return;
    snprintf(path, sizeof path, "%s/%s", c->directory, name);
    to->data = test_file_read(path, &to->len);
}

static void read_case(struct reader *r, struct uutils_case *c)
{
    need(r, '{');
    while (!take(r, '}')) {
        read_field(r, c);
        take(r, ',');
    }
    if (!c->util || !c->test)
        unsound(r, "a util and a test");
    if (asprintf(&c->directory, "%s/textcases/fixtures/%s", test_data_dir(), c->util) < 0)
        unsound(r, "memory");
    read_fixture(c, c->in_fixture, &c->in);
    read_fixture(c, c->out_fixture, &c->out);
}

static struct uutils_case *read_cases(const char *text, size_t len, size_t *ret_n)
{
    struct reader r = {.at = text, .end = text, .line = 0};
    struct uutils_case *cases;
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    cases = calloc(n + 1, sizeof *cases);
    if (!cases)
        unsound(&r, "memory");
    for (size_t i = 0; i < n; i++) {
        r.at = r.end + (i > 0);
        r.end = memchr(r.at, '\n', len - (size_t)(r.at - text));
        r.line++;
        read_case(&r, &cases[i]);
    }
    *ret_n = n;
    return cases;
}

const struct uutils_case *uutils_cases(size_t *ret_n)
{
    static struct uutils_case *cases;
    static size_t n;
    const char *data = test_data_dir();
    char path[4096];
    size_t len;
    uint8_t *text;

    if (!cases && data) {
        snprintf(path, sizeof path, "%s/%s", data, FILE_NAME);
        text = test_file_read(path, &len);
        if (text)
            cases = read_cases((const char *)text, len, &n);
        free(text);
    }
    *ret_n = n;
    return cases;
}
