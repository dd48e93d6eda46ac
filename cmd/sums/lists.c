/* lists.c - lists of digests: the lines of md5sum, sha1sum, sha256sum, sha512sum and b2sum, and their BSD form.
 *
 * A line is one if the coreutils take it for one. The algorithm comes from the tag, or from the number of digits.
 */

#include <stdlib.h>
#include <string.h>

#include "../batch/inputs.h"
#include "sums.h"

static const struct {
    const char *tag, *stage;
    size_t digits;
    enum sum_kind kind;
} kinds[] = {
    {"MD5", "md5", 32, SUM_MD5},
    {"SHA1", "sha1", 40, SUM_SHA1},
    {"SHA256", "sha256", 64, SUM_SHA256},
    {"SHA512", "sha512", 128, SUM_SHA512},
    {"BLAKE2b", "blake2b", 128, SUM_BLAKE2B},
    /* The names of openssl dgst. */
    {"SHA2-256", "sha256", 64, SUM_SHA256},
    {"SHA2-512", "sha512", 128, SUM_SHA512},
    {"BLAKE2B-512", "blake2b", 128, SUM_BLAKE2B},
};
#define MANIFEST_MARK "# leat manifest "
#define N_KINDS (sizeof kinds / sizeof *kinds)

const char *sums_stage(enum sum_kind kind)
{
    size_t i = 0;

    while (kinds[i].kind != kind)
        i++;
    return kinds[i].stage;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t n_digits(const char *text)
{
    return strspn(text, "0123456789abcdefABCDEF");
}

/* \n, \r and \\ in the first n bytes, which then end with a NUL. False: another escape, or none. */
static bool unescape(char *text, size_t n)
{
    char *to = text;

    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\\') {
            *to++ = text[i];
            continue;
        }
        if (++i == n || !strchr("nr\\", text[i]))
            return false;
        *to++ = (char)(text[i] == 'n' ? '\n' : text[i] == 'r' ? '\r' : '\\');
    }
    *to = '\0';
    return true;
}

/* After the tag: (NAME) = DIGEST. The name ends at the last parenthesis. */
static bool bsd_line(struct sum *ret, char *text, size_t digits, bool escaped)
{
    char *end, *at;

    text += *text == ' ';
    if (*text++ != '(')
        return false;
    end = strrchr(text, ')');
    if (!end)
        return false;
    for (at = end + 1; is_blank(*at); at++)
        ;
    if (*at++ != '=')
        return false;
    while (is_blank(*at))
        at++;
    if (n_digits(at) != digits || at[digits] != '\0')
        return false;
    *end = '\0';
    ret->name = text;
    ret->digest = at;
    return !escaped || unescape(text, (size_t)(end - text));
}

/* DIGEST, a blank, and a second one or * before the name; or no second one, as of `md5 -r`. All lines of a list have the
 * same form: a name may begin with a blank. */
static bool plain_line(struct sum_list *list, struct sum *ret, char *text, bool escaped)
{
    size_t digits = n_digits(text), i = 0;
    char *name = text + digits + 1;

    while (i < N_KINDS && kinds[i].digits != digits)
        i++;
    if (i == N_KINDS || !is_blank(text[digits]) || *name == '\0')
        return false;
    if (name[1] == '\0' || (*name != ' ' && *name != '*')) {
        if (list->reversed == 0)
            return false;
        list->reversed = 1;
    } else if (list->reversed != 1) {
        list->reversed = 0;
        name++;
    }
    text[digits] = '\0';
    ret->digest = text;
    ret->name = name;
    ret->kind = (uint8_t)kinds[i].kind;
    ret->either = kinds[i].kind == SUM_SHA512;
    return !escaped || unescape(name, strlen(name));
}

static bool parse_line(struct sum_list *list, struct sum *ret, char *line)
{
    bool escaped;

    while (is_blank(*line))
        line++;
    escaped = *line == '\\';
    line += escaped;
    for (size_t i = 0; i < N_KINDS; i++) {
        size_t n = strlen(kinds[i].tag);

        if (strncmp(line, kinds[i].tag, n) != 0 ||
            (line[n] != '(' && strncmp(line + n, " (", 2) != 0))
            continue;
        ret->kind = (uint8_t)kinds[i].kind;
        return bsd_line(ret, line + n, kinds[i].digits, escaped);
    }
    return plain_line(list, ret, line, escaped);
}

static bool add(struct sum_list *list, const struct sum *sum)
{
    if (list->n == list->room) {
        size_t room = list->room + list->room / 2 + 64;
        struct sum *more = realloc(list->v, room * sizeof *more);

        if (!more)
            return false;
        list->v = more;
        list->room = room;
    }
    list->v[list->n++] = *sum;
    return true;
}

/* One line of n bytes, which end with a NUL. */
static int take_line(struct sum_list *list, const struct config *c, char *line, size_t n,
                     size_t number, bool warn)
{
    struct sum sum = {.state = SUM_WAITS};
    char shown[SHOWN_MAX];
    bool whole = strlen(line) == n;

    if (*line == '#')
        return 0;
    if (n > 0 && line[n - 1] == '\r')
        line[--n] = '\0';
    if (n == 0)
        return 0;
    /* A list on standard input cannot have the digest of standard input. */
    if (whole && parse_line(list, &sum, line) &&
        !(strcmp(list->file, "-") == 0 && strcmp(sum.name, "-") == 0))
        return add(list, &sum) ? 0 : message_fail(c, LEAT_ENOMEM, "out of memory");
    list->bad++;
    if (warn)
        (void)message_fail(c, LEAT_ECORRUPT, "%s: line %zu is improperly formatted",
                           leat_show(list->file, shown, sizeof shown), number);
    return 0;
}

int sums_parse(struct sum_list *list, const struct config *c, bool warn)
{
    int status = list_read(c, list->file, &list->text);
    char *at = list->text.data, *end = at ? at + list->text.n : at;
    const char *slash = strrchr(list->file, '/'), *base = slash ? slash + 1 : list->file;

    list->reversed = -1;
    list->blake2b = strcasestr(base, "b2sum") || strcasestr(base, "blake2");
    if (status != 0) {
        list->unreadable = true;
        return status;
    }
    if (at && strncmp(at, MANIFEST_MARK, sizeof MANIFEST_MARK - 1) == 0)
        return message_fail(c, LEAT_EUSAGE,
                            "check: %s is the manifest of a directory, which must follow; usage: "
                            "leat check MANIFEST DIR",
                            list->file);
    for (size_t number = 1; status == 0 && at < end; number++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop ? stop : end; /* the text ends with a NUL */
        *stop = '\0';
        status = take_line(list, c, at, (size_t)(stop - at), number, warn);
        at = stop + 1;
    }
    return status;
}

void sums_done(struct sum_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->v[i].error);
    free(list->v);
    buf_free(&list->text);
}
