/* hash_sums.c - a list of checksums, as sha256sum and its like write it: which digest is whose. */

#include <string.h>

#include "hash.h"

struct sum {
    const char *hex;
    const char *name; /* as written, name_len bytes; NULL: a digest alone */
    size_t name_len;
    bool escaped;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t hex_run(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && *p && strchr("0123456789abcdefABCDEF", *p))
        p++;
    return (size_t)(p - at);
}

/* HEX, then nothing, or blanks, perhaps *, and the name. */
static bool parse_plain(const char *at, const char *end, size_t digits, struct sum *ret)
{
    if (hex_run(at, end) != digits)
        return false;
    ret->hex = at;
    at += digits;
    if (at == end)
        return true;
    if (!is_blank(*at))
        return false;
    at++;
    if (at < end && (*at == ' ' || *at == '*'))
        at++;
    ret->name = at;
    ret->name_len = (size_t)(end - at);
    return at < end;
}

/* TAG (NAME) = HEX, with or without those blanks. */
static bool parse_tagged(const char *at, const char *end, const char *tag, size_t digits,
                         struct sum *ret)
{
    size_t n = strlen(tag);
    const char *hex = end - digits, *close;

    if ((size_t)(end - at) < n + 3 + digits || memcmp(at, tag, n) != 0 ||
        hex_run(hex, end) != digits)
        return false;
    at += n;
    at += is_blank(*at);
    close = hex;
    while (close > at && is_blank(close[-1]))
        close--;
    if (close == at || *--close != '=')
        return false;
    while (close > at && is_blank(close[-1]))
        close--;
    if (close <= at + 1 || *at != '(' || *--close != ')')
        return false;
    *ret = (struct sum){.hex = hex, .name = at + 1, .name_len = (size_t)(close - at - 1)};
    return true;
}

static bool parse_line(const char *at, const char *end, const struct leat_hash_algorithm *a,
                       struct sum *ret)
{
    bool escaped;

    if (end > at && end[-1] == '\r')
        end--;
    escaped = at < end && *at == '\\';
    at += escaped;
    *ret = (struct sum){.hex = NULL};
    if (!parse_plain(at, end, 2 * a->size, ret) && !parse_tagged(at, end, a->tag, 2 * a->size, ret))
        return false;
    ret->escaped = escaped;
    return true;
}

/* Is the written name, its escapes undone, that one? */
static bool is_name(const struct sum *sum, size_t from, const char *name)
{
    for (size_t i = from; i < sum->name_len; i++, name++) {
        char c = sum->name[i];

        if (sum->escaped && c == '\\' && i + 1 < sum->name_len) {
            c = sum->name[++i];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
        if (c != *name || !c)
            return false;
    }
    return !*name;
}

enum match {
    MATCH_NONE,
    MATCH_BASE, /* without directories */
    MATCH_NAME,
};

static enum match match_of(const struct sum *sum, const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t base = sum->name_len;

    if (!sum->name || strcmp(name, "-") == 0)
        return MATCH_NONE;
    if (is_name(sum, 0, name))
        return MATCH_NAME;
    while (base > 0 && sum->name[base - 1] != '/')
        base--;
    return is_name(sum, base, slash ? slash + 1 : name) ? MATCH_BASE : MATCH_NONE;
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
    size_t lines;   /* that have a digest of this kind */
    bool ambiguous; /* two of them match as well, and have different digests */
};

static void look_at(struct search *search, const struct sum *sum, const char *name, size_t digits)
{
    enum match match = match_of(sum, name);

    search->lines++;
    if (search->lines == 1 || match > search->match) {
        search->best = *sum;
        search->match = match;
        search->ambiguous = false;
    } else if (match == search->match && !same_digest(&search->best, sum, digits)) {
        search->ambiguous = true;
    }
}

int leat_sums_find(struct leat_stage *s, const struct leat_hash_algorithm *a, const char *text,
                   size_t n, const char *path, const char *name, char *ret)
{
    struct search search = {.match = MATCH_NONE};
    const char *end = text + n;

    while (text < end) {
        const char *line = text, *lf = memchr(line, '\n', (size_t)(end - line));
        struct sum sum;

        text = lf ? lf + 1 : end;
        if (parse_line(line, lf ? lf : end, a, &sum))
            look_at(&search, &sum, name, 2 * a->size);
    }
    if (search.lines == 0)
        return leat_fail(s, LEAT_ECORRUPT, "%s: there is no line with a %s digest", path, a->tag);
    if (search.match == MATCH_NONE && search.ambiguous)
        return leat_fail(s, LEAT_ECHECKSUM,
                         "%s has %zu digests, and none for '%s'; --name says whose it is", path,
                         search.lines, name);
    if (search.ambiguous)
        return leat_fail(s, LEAT_ECHECKSUM, "%s has different digests for '%s'", path, name);
    memcpy(ret, search.best.hex, 2 * a->size);
    ret[2 * a->size] = '\0';
    return 0;
}
