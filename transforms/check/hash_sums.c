/* hash_sums.c - finds the digest of a file in a list of checksums, as sha256sum and others write
 * it. */

#include <string.h>

#include "hash.h"

struct sum {
    const char *hex;
    const char *name; /* as in the list, name_len bytes; NULL: a digest without a name */
    size_t name_len;
    bool escaped;
};

/* The number of blanks between digest and name: two, or a blank and *, or one as in BSD `sum -r`.
 * The first line of a list decides for all lines. With one blank, a second one belongs to the
 * name. */
enum blanks {
    BLANKS_UNKNOWN,
    BLANKS_TWO,
    BLANKS_ONE,
};

/* --- lines ------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static size_t hex_run(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && *p && strchr("0123456789abcdefABCDEF", *p))
        p++;
    return (size_t)(p - at);
}

/* Parses HEX, then nothing, or a blank, perhaps a second blank or *, and the name. */
static bool parse_plain(const char *at, const char *end, size_t digits, enum blanks *blanks,
                        struct sum *ret)
{
    bool two;

    if (hex_run(at, end) != digits)
        return false;
    ret->hex = at;
    at += digits;
    if (at == end)
        return true;
    if (!is_blank(*at) || ++at == end)
        return false;
    two = end - at > 1 && (*at == ' ' || *at == '*');
    if (!two && *blanks == BLANKS_TWO)
        return false;
    if (!two)
        *blanks = BLANKS_ONE;
    else if (*blanks == BLANKS_UNKNOWN)
        *blanks = BLANKS_TWO;
    at += *blanks == BLANKS_TWO;
    ret->name = at;
    ret->name_len = (size_t)(end - at);
    return true;
}

/* Parses TAG (NAME) = HEX, with or without those blanks. */
static bool parse_tagged(const char *at, const char *end, const char *tag, size_t digits,
                         struct sum *ret)
{
    size_t n = tag ? strlen(tag) : 0;
    const char *close = end, *hex;

    if (n == 0 || (size_t)(end - at) <= n || memcmp(at, tag, n) != 0)
        return false;
    at += n;
    at += *at == ' ';
    if (at == end || *at++ != '(')
        return false;
    while (close > at && close[-1] != ')')
        close--;
    if (close == at)
        return false;
    hex = skip_blanks(close, end);
    if (hex == end || *hex++ != '=')
        return false;
    hex = skip_blanks(hex, end);
    if (hex_run(hex, end) != digits || hex + digits != end)
        return false;
    *ret = (struct sum){.hex = hex, .name = at, .name_len = (size_t)(close - 1 - at)};
    return true;
}

/* The byte for the character after a backslash in an escaped name. 0: not an escape. */
static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == '\\' ? '\\' : '\0';
}

static bool is_escaped_well(const struct sum *sum)
{
    for (size_t i = 0; i < sum->name_len; i++) {
        if (sum->name[i] != '\\')
            continue;
        if (++i == sum->name_len || !unescape(sum->name[i]))
            return false;
    }
    return true;
}

static bool parse_line(const char *at, const char *end, const struct leat_hash_algorithm *a,
                       enum blanks *blanks, struct sum *ret)
{
    size_t digits = 2 * a->size;
    bool escaped;

    if (end > at && end[-1] == '\r')
        end--;
    at = skip_blanks(at, end);
    escaped = at < end && *at == '\\';
    at += escaped;
    *ret = (struct sum){.hex = NULL};
    if (!parse_tagged(at, end, a->tag, digits, ret) &&
        !parse_tagged(at, end, a->tag_with_bits, digits, ret) &&
        !parse_tagged(at, end, a->openssl_tag, digits, ret) &&
        !parse_plain(at, end, digits, blanks, ret))
        return false;
    ret->escaped = escaped;
    return !escaped || !ret->name || is_escaped_well(ret);
}

/* --- names ------------------------------------------------------------------------------------ */

/* Iterates over the parts of a path: "./a//b" and "a/b" have the same parts. ".." is not resolved,
 * because the part before it may be a symbolic link. */
struct parts {
    const char *at, *end;
    const char *part; /* the current part, `len` bytes; empty after the last */
    size_t len;
};

static void next_part(struct parts *p)
{
    do {
        while (p->at < p->end && *p->at == '/')
            p->at++;
        p->part = p->at;
        while (p->at < p->end && *p->at != '/')
            p->at++;
        p->len = (size_t)(p->at - p->part);
    } while (p->len == 1 && *p->part == '.');
}

/* Is this part of a name in the list, with its escapes undone, equal to that part of a file's
 * name? */
static bool is_part(const struct sum *sum, const struct parts *written, const struct parts *file)
{
    size_t n = 0;

    for (size_t i = 0; i < written->len; i++, n++) {
        char c = written->part[i];

        if (sum->escaped && c == '\\')
            c = unescape(written->part[++i]);
        if (n == file->len || c != file->part[n])
            return false;
    }
    return n == file->len;
}

enum match {
    MATCH_NONE,
    MATCH_BASE, /* without directories */
    MATCH_NAME,
};

/* Ends at the first parts that differ, or at the end of both. */
static bool is_path(const struct sum *sum, struct parts written, struct parts file)
{
    do {
        next_part(&written);
        next_part(&file);
        if (!is_part(sum, &written, &file))
            return false;
    } while (written.len > 0 || file.len > 0);
    return true;
}

static struct parts last_part(struct parts p)
{
    struct parts last = p;

    for (next_part(&p); p.len > 0; next_part(&p))
        last = p;
    return last;
}

static enum match match_of(const struct sum *sum, const char *name, size_t len)
{
    struct parts file = {.at = name, .end = name + len}, written, last;

    if (!sum->name || len == 0 || (len == 1 && *name == '-'))
        return MATCH_NONE;
    written = (struct parts){.at = sum->name, .end = sum->name + sum->name_len};
    if ((*sum->name == '/') == (*name == '/') && is_path(sum, written, file))
        return MATCH_NAME;
    written = last_part(written);
    last = last_part(file);
    return written.len > 0 && is_part(sum, &written, &last) ? MATCH_BASE : MATCH_NONE;
}

/* The length of a name without its last suffix, for example .gz; 0: no suffix. */
static size_t stem_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.');

    return dot && dot > base ? (size_t)(dot - name) : 0;
}

static bool same_digest(const struct sum *a, const struct sum *b, size_t digits)
{
    for (size_t i = 0; i < digits; i++)
        if ((a->hex[i] | 0x20) != (b->hex[i] | 0x20))
            return false;
    return true;
}

struct search {
    struct sum best;
    enum match match;
    size_t lines;   /* lines with a digest of this kind */
    bool ambiguous; /* two lines match equally well and have different digests */
    bool has_stem;  /* a line matches the name without its suffix */
};

static void look_at(struct search *search, const struct sum *sum, const char *name, size_t digits)
{
    enum match match = match_of(sum, name, strlen(name));

    search->lines++;
    search->has_stem |= match_of(sum, name, stem_of(name)) != MATCH_NONE;
    if (search->lines == 1 || match > search->match) {
        search->best = *sum;
        search->match = match;
        search->ambiguous = false;
    } else if (match == search->match && !same_digest(&search->best, sum, digits)) {
        search->ambiguous = true;
    }
}

int leat_digest_list_find(struct leat_stage *s, const struct leat_hash_algorithm *a,
                          const char *text, size_t n, const char *path, const char *name, char *ret,
                          bool *ret_of_stem)
{
    struct search search = {.match = MATCH_NONE};
    enum blanks blanks = BLANKS_UNKNOWN;
    const char *end = text + n;

    while (text < end) {
        const char *line = text, *lf = memchr(line, '\n', (size_t)(end - line));
        struct sum sum;

        text = lf ? lf + 1 : end;
        if (parse_line(line, lf ? lf : end, a, &blanks, &sum))
            look_at(&search, &sum, name, 2 * a->size);
    }
    if (search.lines == 0)
        return leat_fail(s, LEAT_ECORRUPT, "%s: there is no line with a %s digest", path, a->tag);
    if (search.match == MATCH_NONE && search.ambiguous && search.has_stem)
        return leat_fail(s, LEAT_ECHECKSUM, "%s has %zu digests, and none for '%s', but one%s",
                         path, search.lines, name, LEAT_HASH_OF_STEM);
    if (search.match == MATCH_NONE && search.ambiguous)
        return leat_fail(s, LEAT_ECHECKSUM,
                         "%s has %zu digests, and none for '%s'; set the name with --name", path,
                         search.lines, name);
    if (search.ambiguous)
        return leat_fail(s, LEAT_ECHECKSUM, "%s has different digests for '%s'", path, name);
    memcpy(ret, search.best.hex, 2 * a->size);
    ret[2 * a->size] = '\0';
    *ret_of_stem = search.match == MATCH_NONE && search.has_stem;
    return 0;
}
