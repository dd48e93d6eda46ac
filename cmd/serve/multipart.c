/* multipart.c - an incremental parser of multipart/form-data (RFC 7578, RFC 2046).
 *
 * A part ends at CR LF "--" boundary. CR is only the first byte of that, so a match that fails is no beginning of another one
 * that began before: its bytes are content. A match at the end of a piece is remembered as a number of bytes.
 */

#include "multipart.h"

#include <stdlib.h>
#include <string.h>

#include "leat.h"

enum state {
    STATE_BEFORE,   /* the preamble */
    STATE_BOUNDARY, /* after a boundary: the end of the line, or "--" */
    STATE_HEAD,     /* of a part */
    STATE_BEGIN,    /* `begin` has to be called */
    STATE_DATA,     /* content */
    STATE_END,      /* `end` has to be called, and a boundary follows */
    STATE_AFTER,    /* the epilogue */
};

struct multipart {
    const struct multipart_events *events;
    void *arg;
    enum state state;
    char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1]; /* CR LF "--" boundary */
    size_t delimiter_n;
    size_t matched;   /* bytes of the delimiter at the end of what was used */
    size_t given;     /* of these, bytes that are no content, or were taken as content */
    bool is_content;  /* the match has failed: all of them are content */
    char line_end[2]; /* what follows a boundary */
    size_t line_end_n;
    bool skipped; /* the part is no part of a form: it has no name */
    unsigned parts;
    const char *reason;
    char *field, *file; /* in `values` */
    size_t head_n;
    char head[MULTIPART_HEAD_MAX + 1];
    char values[2 * (MULTIPART_HEAD_MAX + 1)];
};

static int fail(struct multipart *m, const char *why)
{
    m->reason = why;
    return LEAT_ECORRUPT;
}

const char *multipart_reason(const struct multipart *m)
{
    return m->reason ? m->reason : "the form is malformed";
}

/* --- parameters of a header: name=value; name="value" ------------------------------------------- */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

static bool is_token(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

/* Copy a value at p, with its quotes taken off, and end it with a NUL. Returns what follows it; NULL: a quote is open. */
static const char *copy_value(const char *p, char *to)
{
    if (*p != '"') {
        while (*p && *p != ';' && *p != ' ' && *p != '\t')
            *to++ = *p++;
        *to = '\0';
        return p;
    }
    for (p++; *p && *p != '"'; p++) {
        /* Other backslashes are those of a path. */
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        *to++ = *p;
    }
    *to = '\0';
    return *p == '"' ? p + 1 : NULL;
}

/* The next parameter of a header, from p, which is after a value. *ret_n is the length of its name, at *ret_name. The value
 * goes to `to`. Returns what follows; NULL: there is none, or it is malformed (*ret_name is set then). */
static const char *next_parameter(const char *p, const char **ret_name, size_t *ret_n, char *to)
{
    size_t n = 0;

    *ret_name = NULL;
    p = skip_blanks(p);
    while (*p == ';')
        p = skip_blanks(p + 1);
    if (*p == '\0')
        return NULL;
    *ret_name = p;
    while (is_token(p[n]))
        n++;
    *ret_n = n;
    p = skip_blanks(p + n);
    if (n == 0 || *p != '=')
        return NULL;
    return copy_value(skip_blanks(p + 1), to);
}

static bool is_name(const char *name, size_t n, const char *wanted)
{
    return strlen(wanted) == n && strncasecmp(name, wanted, n) == 0;
}

int multipart_boundary(const char *type, char *ret)
{
    static const char form[] = "multipart/form-data";
    char value[MULTIPART_HEAD_MAX + 1];
    const char *name, *p;
    size_t n;

    if (!type || strncasecmp(type, form, sizeof form - 1) != 0 || strlen(type) > MULTIPART_HEAD_MAX)
        return 0;
    p = skip_blanks(type + sizeof form - 1);
    if (*p && *p != ';')
        return 0;
    while ((p = next_parameter(p, &name, &n, value))) {
        if (!is_name(name, n, "boundary"))
            continue;
        n = strlen(value);
        if (n == 0 || n > MULTIPART_BOUNDARY_MAX || strpbrk(value, "\r\n"))
            return -1;
        memcpy(ret, value, n + 1);
        return 1;
    }
    return -1;
}

/* --- the name of a file ------------------------------------------------------------------------ */

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* filename*=utf-8''n%C3%A4me, in place (RFC 5987). */
static bool decode_extended(char *value)
{
    char *first = strchr(value, '\''), *second = first ? strchr(first + 1, '\'') : NULL,
         *to = value;
    bool latin = second && strncasecmp(value, "iso-8859-1'", 11) == 0;

    if (!second || (!latin && strncasecmp(value, "utf-8'", 6) != 0))
        return false;
    for (const char *p = second + 1; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (*p == '%') {
            int high = nibble(p[1]), low = high < 0 ? -1 : nibble(p[2]);

            if (low < 0 || (high | low) == 0)
                return false;
            c = (unsigned char)(high << 4 | low);
            p += 2;
        } else if (c >= 0x80) {
            return false;
        }
        if (latin && c >= 0x80) { /* "%E4" is longer than its two bytes */
            *to++ = (char)(0xc0 | c >> 6);
            c = 0x80 | (c & 0x3f);
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return true;
}

/* Old browsers send the path on their machine. */
static char *last_of_path(char *path)
{
    char *last = path;

    for (char *p = path; *p; p++)
        if (*p == '/' || *p == '\\')
            last = p + 1;
    return last;
}

/* --- the head of a part ------------------------------------------------------------------------ */

static int read_disposition(struct multipart *m, const char *value)
{
    static const char form[] = "form-data";
    char *to = m->values;
    const char *name, *p = skip_blanks(value);
    bool extended = false;
    size_t n;

    if (strncasecmp(p, form, sizeof form - 1) != 0)
        return 0; /* it is skipped */
    p = skip_blanks(p + sizeof form - 1);
    while (*p && (p = next_parameter(p, &name, &n, to))) {
        if (is_name(name, n, "name")) {
            m->field = to;
        } else if (is_name(name, n, "filename*")) {
            if (!decode_extended(to))
                return fail(m, "the name of a file cannot be decoded");
            m->file = last_of_path(to);
            extended = true;
        } else if (is_name(name, n, "filename") && !extended) {
            m->file = last_of_path(to);
        }
        to += strlen(to) + 1;
    }
    return p || !name ? 0 : fail(m, "Content-Disposition is malformed");
}

/* Join folded lines, and end each line with a NUL. Returns false if a NUL is in the head. */
static bool split_lines(struct multipart *m)
{
    if (memchr(m->head, '\0', m->head_n))
        return false;
    m->head[m->head_n] = '\0';
    for (char *p = m->head; (p = strstr(p, "\r\n"));) {
        bool folded = p[2] == ' ' || p[2] == '\t';

        p[0] = folded ? ' ' : '\0';
        p[1] = folded ? ' ' : '\0';
        p += 2;
    }
    return true;
}

static int read_head(struct multipart *m)
{
    const char *end = m->head + m->head_n;
    int r = 0;

    m->field = m->file = NULL;
    if (!split_lines(m))
        return fail(m, "the head of a part has a NUL byte");
    for (const char *line = m->head; line < end && *line && r == 0; line += strlen(line) + 2) {
        size_t n = 0;

        while (is_token(line[n]))
            n++;
        if (n == 0 || line[n] != ':')
            return fail(m, "the head of a part is malformed");
        if (is_name(line, n, "Content-Disposition"))
            r = read_disposition(m, line + n + 1);
    }
    m->skipped = !m->field || (m->file && *m->file == '\0'); /* or no file was chosen */
    if (r == 0 && ++m->parts > MULTIPART_PARTS_MAX)
        return fail(m, "the form has more than 10000 parts");
    return r;
}

/* --- the machine ------------------------------------------------------------------------------- */

/* Content. Returns how many of n bytes are taken, or LEAT_E*. */
static ssize_t give(struct multipart *m, const uint8_t *data, size_t n)
{
    return m->state == STATE_BEFORE || m->skipped || n == 0 ? (ssize_t)n
                                                            : m->events->data(m->arg, data, n);
}

static void boundary_found(struct multipart *m)
{
    m->matched = m->given = 0;
    m->is_content = false;
    m->line_end_n = 0;
    m->state = m->state == STATE_BEFORE ? STATE_BOUNDARY : STATE_END;
}

/* Go on with a match that began in an earlier piece. */
static ssize_t go_on_matching(struct multipart *m, const uint8_t *data, size_t n)
{
    size_t at = 0;
    ssize_t taken;

    while (!m->is_content && at < n && m->matched < m->delimiter_n &&
           data[at] == (uint8_t)m->delimiter[m->matched]) {
        at++;
        m->matched++;
    }
    if (m->matched == m->delimiter_n) {
        boundary_found(m);
        return (ssize_t)at;
    }
    if (at == n && !m->is_content)
        return (ssize_t)at;
    m->is_content = true;
    taken = give(m, (const uint8_t *)m->delimiter + m->given, m->matched - m->given);
    if (taken < 0)
        return taken;
    m->given += (size_t)taken;
    if (m->given == m->matched) {
        m->matched = m->given = 0;
        m->is_content = false;
    }
    return (ssize_t)at;
}

/* Content up to a boundary, or to what may be the beginning of one. */
static ssize_t find_boundary(struct multipart *m, const uint8_t *data, size_t n)
{
    const uint8_t *found = memmem(data, n, m->delimiter, m->delimiter_n);
    size_t tail = n < m->delimiter_n - 1 ? n : m->delimiter_n - 1, content = n;
    const uint8_t *start = found ? found : memrchr(data + n - tail, '\r', tail);
    ssize_t taken;

    if (start && (found || memcmp(start, m->delimiter, (size_t)(data + n - start)) == 0))
        content = (size_t)(start - data);
    taken = give(m, data, content);
    if (taken < 0 || (size_t)taken < content)
        return taken;
    if (found) {
        boundary_found(m);
        return (ssize_t)(content + m->delimiter_n);
    }
    m->matched = n - content;
    return (ssize_t)n;
}

static ssize_t after_boundary(struct multipart *m, uint8_t byte)
{
    if (m->line_end_n == 0 && (byte == ' ' || byte == '\t'))
        return 1;
    m->line_end[m->line_end_n++] = (char)byte;
    if (m->line_end_n < 2)
        return 1;
    m->head_n = 0;
    if (memcmp(m->line_end, "--", 2) == 0)
        m->state = STATE_AFTER;
    else if (memcmp(m->line_end, "\r\n", 2) == 0)
        m->state = STATE_HEAD;
    else
        return fail(m, "a boundary is followed by something else than the end of its line");
    return 1;
}

static ssize_t add_to_head(struct multipart *m, uint8_t byte)
{
    int r;

    if (m->head_n == MULTIPART_HEAD_MAX)
        return fail(m, "the head of a part is longer than 16 KiB");
    m->head[m->head_n++] = (char)byte;
    if (byte != '\n' || (m->head_n != 2 && m->head_n < 4) ||
        memcmp(m->head + m->head_n - (m->head_n == 2 ? 2 : 4), "\r\n\r\n",
               m->head_n == 2 ? 2 : 4) != 0)
        return 1;
    r = read_head(m);
    m->state = STATE_BEGIN;
    /* Without content the boundary may follow at once: its CR LF is that of the head, which is no content. */
    m->matched = m->given = 2;
    return r < 0 ? r : 1;
}

/* A call that uses no bytes. Returns 0, MULTIPART_WAIT or LEAT_E*. */
static int call(struct multipart *m)
{
    bool begins = m->state == STATE_BEGIN;
    int r = 0;

    if (!m->skipped)
        r = begins ? m->events->begin(m->arg, m->field, m->file) : m->events->end(m->arg);
    if (r == 0)
        m->state = begins ? STATE_DATA : STATE_BOUNDARY;
    return r;
}

/* Returns how many bytes are used: 0 to n. *ret_wait: no more can be used now. */
static ssize_t step(struct multipart *m, const uint8_t *data, size_t n, bool *ret_wait)
{
    enum state before = m->state;
    size_t matched = m->matched, given = m->given;
    ssize_t used = 0;

    switch (m->state) {
    case STATE_BEGIN:
    case STATE_END:
        used = call(m);
        *ret_wait = used == MULTIPART_WAIT;
        return used < 0 ? used : 0;
    case STATE_BEFORE:
    case STATE_DATA:
        used = m->matched > 0 ? go_on_matching(m, data, n) : find_boundary(m, data, n);
        *ret_wait = used == 0 && m->state == before && m->matched == matched && m->given == given;
        return used;
    case STATE_BOUNDARY:
        return after_boundary(m, *data);
    case STATE_HEAD:
        return add_to_head(m, *data);
    default:
        return (ssize_t)n;
    }
}

ssize_t multipart_push(struct multipart *m, const uint8_t *data, size_t n)
{
    size_t used = 0;
    bool wait = false;
    ssize_t r;

    while (used < n && !wait) {
        r = step(m, data + used, n - used, &wait);
        if (r < 0)
            return r;
        used += (size_t)r;
    }
    return (ssize_t)used;
}

int multipart_finish(struct multipart *m)
{
    int r = 0;

    if (m->state == STATE_END)
        r = call(m);
    if (r != 0 || m->state == STATE_AFTER)
        return r;
    m->reason = "the form ends before its last boundary";
    return LEAT_ETRUNCATED;
}

struct multipart *multipart_new(const char *boundary, const struct multipart_events *events,
                                void *arg)
{
    size_t n = strlen(boundary);
    struct multipart *m = n > 0 && n <= MULTIPART_BOUNDARY_MAX ? calloc(1, sizeof *m) : NULL;

    if (!m)
        return NULL;
    m->events = events;
    m->arg = arg;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, n);
    m->delimiter_n = 4 + n;
    m->matched = m->given = 2; /* the first boundary may be at the very beginning */
    return m;
}

void multipart_free(struct multipart *m)
{
    free(m);
}
