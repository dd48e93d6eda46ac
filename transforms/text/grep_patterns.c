/* grep_patterns.c - the patterns of grep: from -e, -f and the operand to a matcher.
 *
 * All patterns are put together in one buffer, each followed by a newline, as GNU grep does. Files
 * are known only when the stage is opened, so plan checks the other patterns.
 */

#include <stdlib.h>
#include <string.h>

#include "grep.h"

#define FILE_MAX ((size_t)64 << 20) /* bytes of a file with patterns */

struct keys {
    char *bytes;
    size_t len, room;
};

static int add(struct keys *k, const void *bytes, size_t n)
{
    if (n + 1 > k->room - k->len) {
        size_t room = 2 * (k->room + n + 1);
        char *more = realloc(k->bytes, room);

        if (!more)
            return LEAT_ENOMEM;
        k->bytes = more;
        k->room = room;
    }
    memcpy(k->bytes + k->len, bytes, n);
    k->len += n;
    if (n == 0 || k->bytes[k->len - 1] != '\n')
        k->bytes[k->len++] = '\n';
    return 0;
}

/* A pattern of its own may end with a newline: then an empty pattern follows. */
static int add_string(struct keys *k, const char *string)
{
    size_t n = strlen(string);
    int r = add(k, string, n);

    if (r == 0 && n > 0 && string[n - 1] == '\n')
        r = add(k, "", 0);
    return r;
}

static int add_files(struct leat_stage *s, struct keys *k)
{
    const struct leat_grep_params *p = leat_params(s);

    for (size_t i = 0; i < p->files.n; i++) {
        const uint8_t *data;
        size_t n;
        int r = leat_read_file(s, p->files.v[i], &data, &n);

        if (r == 0 && n > 0)
            r = add(k, data, n);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The caller frees keys->bytes, also after a failure. */
static int gather(struct leat_stage *s, bool with_files, struct keys *k)
{
    const struct leat_grep_params *p = leat_params(s);
    const struct leat_strings *operands = leat_operands(s);
    int r = 0;

    *k = (struct keys){.bytes = NULL};
    for (size_t i = 0; r == 0 && i < p->patterns.n; i++)
        r = add_string(k, p->patterns.v[i]);
    if (r == 0 && p->patterns.n == 0 && p->files.n == 0 && operands->n > 0)
        r = add_string(k, operands->v[0]);
    return r == 0 && with_files ? add_files(s, k) : r;
}

static bool has_only_empty_ones(const struct keys *k)
{
    for (size_t i = 0; i < k->len; i++)
        if (k->bytes[i] != '\n')
            return false;
    return k->len > 0;
}

bool leat_grep_selects_nothing(struct leat_stage *s, bool in_plan)
{
    const struct leat_grep_params *p = leat_params(s);
    struct keys k;
    bool nothing = p->max_count == 0;

    if (nothing || (in_plan && p->files.n > 0))
        return nothing;
    if (gather(s, true, &k) == 0) {
        if (k.len == 0)
            nothing = !p->invert;
        else
            nothing = p->invert && !p->word && !p->line && has_only_empty_ones(&k);
    }
    free(k.bytes);
    return nothing;
}

static int new_matcher(struct leat_stage *s, bool check, struct leat_matcher **ret)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_match_options o = {
        .syntax = p->perl       ? LEAT_MATCH_PERL
                  : p->fixed    ? LEAT_MATCH_FIXED
                  : p->extended ? LEAT_MATCH_EXTENDED
                                : LEAT_MATCH_BASIC,
        .fold = p->ignore_case,
        .word = p->word,
        .line = p->line,
        .parts = !p->count && (p->only_matching || p->color == LEAT_GREP_COLOR_ALWAYS),
        .strict = p->only_matching && !p->invert && !p->count,
        .unicode = !p->bytes,
        .eol = leat_grep_eol(p),
    };
    struct keys k;
    char why[256] = "";
    int r = gather(s, !check, &k);

    if (r == 0)
        r = leat_matcher_new(check ? NULL : s, &o, k.bytes, k.len, ret, why, sizeof why);
    free(k.bytes);
    if (r == LEAT_EUSAGE)
        return leat_fail(s, r, "the pattern cannot be used: %s", why);
    if (r == LEAT_ENOMEM && check)
        return leat_fail(s, r, "out of memory");
    return r;
}

int leat_grep_matcher(struct leat_stage *s, struct leat_matcher **ret)
{
    return new_matcher(s, false, ret);
}

int leat_grep_plan_patterns(struct leat_stage *s)
{
    const struct leat_grep_params *p = leat_params(s);
    const struct leat_strings *operands = leat_operands(s);
    struct leat_matcher *m = NULL;
    int r;

    if (p->patterns.n + p->files.n > 0 && operands->n > 0)
        return leat_fail(s, LEAT_EUSAGE,
                         "'%s' is one operand too many, as the pattern is given with -%c; to read "
                         "a file, begin with: read FILE",
                         operands->v[0], p->patterns.n > 0 ? 'e' : 'f');
    if (p->patterns.n + p->files.n + operands->n == 0)
        return leat_fail(s, LEAT_EUSAGE, "needs a pattern");
    if (p->basic + p->extended + p->fixed + p->perl > 1)
        return leat_fail(s, LEAT_EUSAGE, "only one of -G, -E, -F and -P can be given");
    for (size_t i = 0; i < p->files.n; i++)
        if (leat_plan_file(s, p->files.v[i], FILE_MAX) < 0)
            return LEAT_EUSAGE;
    if (p->files.n > 0 && p->patterns.n == 0)
        return 0;
    r = new_matcher(s, true, &m);
    leat_matcher_free(m);
    return r;
}
