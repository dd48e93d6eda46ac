/* replace.c - replaces what a pattern matches in each line.
 *
 * The search is that of pattern/finder.h, the output that of substitute.h. Lines are independent, so several run at once.
 */

#include <stddef.h>
#include <string.h>

#include "stage.h"
#include "substitute.h"

struct replace_params {
    int fixed, global, ignore_case, word, line, null_data, bytes;
    int64_t first;
};

struct replace {
    struct leat_replacement text;
    struct leat_substitute substitute;
};

static unsigned number_of(const void *finder, const char *name, size_t n)
{
    return leat_finder_number(finder, name, n);
}

static int make_text(struct leat_stage *s, bool check, const struct leat_finder *finder,
                     struct leat_replacement *text)
{
    const struct replace_params *p = leat_params(s);
    const char *source = leat_operands(s)->v[1];
    char why[256] = "";
    int r = leat_replacement_init(text, check ? NULL : s, strlen(source));

    if (r < 0)
        return check ? leat_fail(s, r, "out of memory") : r;
    if (p->fixed) {
        while (*source)
            leat_replacement_byte(text, (uint8_t)*source++);
        return 0;
    }
    r = leat_replacement_perl(text, source, leat_finder_groups(finder), number_of, finder, why,
                              sizeof why);
    if (r < 0)
        return leat_fail(s, r, "%s", why);
    if (!check && text->has_case && !p->bytes) {
        text->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (!text->locale)
            return leat_fail(s, LEAT_EUNSUPPORTED,
                             "\\U and \\L need the locale C.UTF-8; install it, or give --bytes");
    }
    return 0;
}

static int make_finder(struct leat_stage *s, bool check, struct leat_finder **ret)
{
    const struct replace_params *p = leat_params(s);
    struct leat_finder_options o = {
        .pattern = leat_operands(s)->v[0],
        .syntax = p->fixed ? LEAT_FINDER_FIXED : LEAT_FINDER_PERL,
        .fold = p->ignore_case,
        .word = p->word,
        .line = p->line,
        .unicode = !p->bytes,
        .eol = p->null_data ? '\0' : '\n',
    };
    char why[256] = "";
    int r = leat_finder_new(check ? NULL : s, &o, ret, why, sizeof why);

    if (r == LEAT_EUSAGE)
        return leat_fail(s, r, "the pattern cannot be used: %s", why);
    if (r == LEAT_ENOMEM && check)
        return leat_fail(s, r, "out of memory");
    return r;
}

static int replace_plan(struct leat_stage *s)
{
    const struct replace_params *p = leat_params(s);
    struct leat_finder *finder = NULL;
    struct leat_replacement text = {.n_parts = 0};
    int r;

    if (p->global && p->first > 0)
        return leat_fail(s, LEAT_EUSAGE, "only one of -g and --first can be given");
    r = make_finder(s, true, &finder);
    if (r == 0) {
        r = make_text(s, true, finder, &text);
        leat_replacement_done(&text);
    }
    leat_finder_free(finder);
    if (r < 0)
        return r;
    leat_plan_delimiter(s, p->null_data ? '\0' : '\n');
    return 0;
}

static int replace_open(struct leat_stage *s)
{
    const struct replace_params *p = leat_params(s);
    struct replace *x = leat_state(s);
    int r = make_finder(s, false, &x->substitute.finder);

    if (r < 0)
        return r;
    x->substitute.text = &x->text;
    x->substitute.first = 1;
    x->substitute.last = p->global ? UINT64_MAX : p->first > 0 ? (uint64_t)p->first : 1;
    x->substitute.eol = p->null_data ? '\0' : '\n';
    x->substitute.adjacent = true;
    return make_text(s, false, x->substitute.finder, &x->text);
}

static int replace_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct replace *x = leat_state(s);

    return leat_substitute_step(s, &x->substitute, in, out);
}

static int replace_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct replace *x = leat_state(s);

    (void)in;
    leat_substitute_begin(&x->substitute);
    return 0;
}

static void replace_close(struct leat_stage *s)
{
    struct replace *x = leat_state(s);

    leat_substitute_close(s, &x->substitute);
    leat_replacement_done(&x->text);
}

static const struct leat_lanes replace_lanes = {.begin = replace_begin};

#define AT(field) offsetof(struct replace_params, field)
static const struct leat_option replace_options[] = {
    {"global", 'g', LEAT_OPT_FLAG, AT(global), .help = "replace all matches in each line"},
    {"first", 0, LEAT_OPT_INT, AT(first), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "replace the first N matches in each line; without it, and without -g, the first one"},
    {"fixed-strings", 'F', LEAT_OPT_FLAG, AT(fixed),
     .help = "RE is a fixed string, and TEXT is output as it is"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(ignore_case), .help = "ignore case"},
    {"word-regexp", 'w', LEAT_OPT_FLAG, AT(word), .help = "match only whole words"},
    {"line-regexp", 'x', LEAT_OPT_FLAG, AT(line), .help = "match only whole lines"},
    {"null-data", 'z', LEAT_OPT_FLAG, AT(null_data),
     .help = "lines end with a NUL byte instead of a newline"},
    {"bytes", 0, LEAT_OPT_FLAG, AT(bytes),
     .help = "a character is a byte, and letters are A to Z, instead of Unicode's in UTF-8"},
    {0},
};

const struct leat_stage_type leat_stage_replace = {
    .name = "replace",
    .summary = "replace what a pattern matches in each line",
    .operands = "RE TEXT",
    .operands_min = 2,
    .operands_max = 2,
    .manual =
        "Replaces the first match of a Perl regular expression (PCRE2) in each line by a text, or with -g all matches. All "
        "other bytes stay as they are, and lines without a match, too.\n\n"
        "In the text, $1 is what the first group matched, ${name} what the group (?<name>...) matched, and $& or $0 the whole "
        "match. A group that is not part of the match is empty. $$ is a dollar sign. Before a letter, digit or underscore "
        "write ${1}: $1_x is refused, because it could mean two things, and so is a group that the pattern does not have. "
        "\\U and \\L change what follows to upper or lower case up to \\E, \\u and \\l the next character; one character "
        "becomes one character. \\n \\t \\r \\\\ and \\x41 are a newline, a tab, a carriage return, a backslash and a byte. With -F "
        "neither RE nor TEXT has special characters.\n\n"
        "A match is always within one line, and the newline at the end is no part of it, so a pattern that needs a newline is "
        "refused. With -z lines end with NUL bytes, and may contain newlines; ^ and $ are then the ends of such a line.\n\n"
        "Characters are those of UTF-8, with Unicode's letters and cases. Bytes that are not valid UTF-8 match nothing, stay as "
        "they are, and end a match. With --bytes a character is a byte.\n\n"
        "As in Perl, an empty match directly after another match counts: with -g 'x*' matches twice in axb, at the x and "
        "before the b.\n\n"
        "A pattern may need too many steps for a line. That is an error which tells the place of the line; no line is passed "
        "on unchanged for that reason. Several threads work at once, and lines stay in order. A line may be as long as a "
        "quarter of the memory limit, and at most 16 MiB.",
    .examples = "replace ERROR error\n"
                "replace -g '[0-9]+' N\n"
                "replace '^(\\S+) (\\S+)' '$2 $1'\n"
                "replace '(?<user>\\w+)@(?<host>\\w+)' '${host}: \\U${user}'\n"
                "replace -F -g a.b '$1'",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct replace_params),
    .state_size = sizeof(struct replace),
    .options = replace_options,
    .lanes = &replace_lanes,
    .plan = replace_plan,
    .open = replace_open,
    .step = replace_step,
    .close = replace_close,
};
