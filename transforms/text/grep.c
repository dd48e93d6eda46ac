/* grep.c - selects lines by pattern: the stage.
 *
 * Ranges of lines are passed on as a whole, by reference, unless each line needs a prefix or
 * colours. Lanes search at once where a line's output depends on that line alone.
 */

#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "grep.h"

#define SEPARATOR_MAX 100u /* bytes */
#define LINES_MAX ((int64_t)1 << 40)

/* --- building --------------------------------------------------------------------------------- */

/* Options of GNU grep that have no meaning in a pipeline, and what to use instead. */
static const char *const refusals[] = {
    "",
    "-q: the exit status of a pipeline tells of failures; put require --min-lines=1 after grep",
    "-l and -L: a stream has no file names; use: leat each",
    "-H, -h, --label and -Z: a stream has no file names; to search many files use: leat each",
    "-r, -R, --include, --exclude, -d and -D: grep reads one stream; use: leat each",
    "-s: files are read by other stages",
    "-T: tabs are not aligned",
    "--line-buffered: output is passed on as soon as the input pauses, in any case",
};

static int grep_plan(struct leat_stage *s)
{
    const struct leat_grep_params *p = leat_params(s);
    bool context = p->after >= 0 || p->before >= 0 || p->around >= 0;
    int r;

    if (p->refused)
        return leat_fail(s, LEAT_EUSAGE, "there is no %s", refusals[p->refused]);
    if (strlen(p->separator) > SEPARATOR_MAX)
        return leat_fail(s, LEAT_EUSAGE, "--group-separator can have %u bytes", SEPARATOR_MAX);
    r = leat_grep_plan_patterns(s);
    if (r < 0)
        return r;
    leat_plan_delimiter(s, leat_grep_eol(p));
    if (p->max_count >= 0 || ((p->line_number || context) && !p->count) ||
        leat_grep_selects_nothing(s, true))
        leat_plan_nature(s, LEAT_HEAVY);
    else if (!p->count && !p->byte_offset)
        leat_plan_flags(s, LEAT_BY_LINE);
    return 0;
}

static int grep_open(struct leat_stage *s)
{
    struct leat_grep *g = leat_state(s);

    return leat_grep_matcher(s, &g->matcher);
}

static void grep_close(struct leat_stage *s)
{
    struct leat_grep *g = leat_state(s);

    leat_matcher_free(g->matcher);
    g->matcher = NULL;
    leat_look_behind_done(s, &g->hold);
}

/* --- steps ------------------------------------------------------------------------------------ */

static uint64_t number_of_lines(int64_t given, int64_t otherwise)
{
    given = given >= 0 ? given : otherwise;
    return given >= 0 ? (uint64_t)given : 0;
}

static void begin(struct leat_stage *s)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);

    g->opened = true;
    g->plain = !p->line_number && !p->byte_offset && !p->only_matching &&
               p->color != LEAT_GREP_COLOR_ALWAYS;
    g->has_context = p->after >= 0 || p->before >= 0 || p->around >= 0;
    g->after = number_of_lines(p->after, p->around);
    g->before = number_of_lines(p->before, p->around);
    g->done = g->answered = leat_grep_selects_nothing(s, false);
}

static void answer(struct leat_grep *g)
{
    if (!g->answered) {
        leat_grep_put_number(g, g->selected);
        leat_grep_put(g, "\n", 1);
        g->answered = true;
    }
}

/* In a lane, leaves the count to the joiner; otherwise writes it. */
static int finish(struct leat_stage *s, struct leat_grep_out *out)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    uint64_t *result = leat_result(s);

    if (result) {
        *result += g->selected;
        g->selected = 0;
        return leat_grep_flush(g, out) ? LEAT_END : LEAT_MORE;
    }
    if (p->count)
        answer(g);
    return leat_grep_flush(g, out) ? LEAT_END : LEAT_MORE;
}

/* Processes the input until a result is known. */
static int use_input(struct leat_stage *s, struct leat_in *in, struct leat_grep_out *out)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);

    for (;;) {
        size_t *range;
        int r;

        if (!leat_grep_flush(g, out))
            return LEAT_MORE;
        if (g->done && !(g->out_left > 0 && g->out_selected)) {
            r = leat_grep_trail(s, in, out);
            if (r != 1)
                return r < 0 ? r : LEAT_MORE;
            if (leat_result(s)) /* a lane ends with its block */
                in->pos = in->len;
            return in->end || !leat_result(s) ? finish(s, out) : LEAT_MORE;
        }
        if (in->pos == in->len)
            return in->end ? finish(s, out) : LEAT_MORE;
        range = leat_grep_range(g);
        if (!range)
            r = p->count && p->max_count < 0 ? leat_grep_count(s, in) : leat_grep_find(s, in);
        else
            r = leat_grep_use(s, in, out, range);
        if (r < 0)
            return r;
        if (range && r == 0)
            return LEAT_MORE;
    }
}

static int grep_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_grep *g = leat_state(s);
    struct leat_grep_out o = {.out = out};
    int r;

    if (!g->opened)
        begin(s);
    leat_matcher_begin(g->matcher);
    r = use_input(s, in, &o);
    leat_grep_out_done(&o);
    return r;
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int grep_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct leat_grep *g = leat_state(s);

    (void)in;
    leat_assert(g->text_at == g->text_len);
    leat_assert(g->out_left == 0 || g->done);
    g->gap = g->hit = g->gap_after = g->hit_after = 0;
    g->in_line = false;
    return 0;
}

/* -c: adds up the counts of the blocks, in lane order. */
static int grep_join(struct leat_stage *s, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    const struct leat_grep_params *p = leat_params(s);
    struct leat_grep *g = leat_state(s);
    struct leat_grep_out o = {.out = out};
    bool all;

    if (!p->count || when == LEAT_JOIN_HEAD)
        return LEAT_END;
    if (when == LEAT_JOIN_BLOCK) {
        g->selected += *(const uint64_t *)result;
        return LEAT_END;
    }
    if (!g->opened)
        begin(s);
    answer(g);
    all = leat_grep_flush(g, &o);
    leat_grep_out_done(&o);
    return all ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes grep_split = {
    .result_size = sizeof(uint64_t),
    .begin = grep_begin,
    .join = grep_join,
};

#define AT(field) offsetof(struct leat_grep_params, field)
static const struct leat_option grep_options[] = {
    {"regexp", 'e', LEAT_OPT_LIST, AT(patterns), .metavar = "PATTERN",
     .help = "a pattern; may be repeated, then a line matches if one of the patterns matches"},
    {"file", 'f', LEAT_OPT_LIST, AT(files), .metavar = "FILE",
     .help = "patterns from a file, one a line; may be repeated; an empty file matches nothing"},
    {"basic-regexp", 'G', LEAT_OPT_FLAG, AT(basic),
     .help = "patterns are POSIX basic regular expressions (the default)"},
    {"extended-regexp", 'E', LEAT_OPT_FLAG, AT(extended),
     .help = "patterns are POSIX extended regular expressions"},
    {"fixed-strings", 'F', LEAT_OPT_FLAG, AT(fixed), .help = "patterns are fixed strings"},
    {"perl-regexp", 'P', LEAT_OPT_FLAG, AT(perl),
     .help = "the pattern is a Perl regular "
             "expression (PCRE2)"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(ignore_case), .help = "ignore case"},
    {NULL, 'y', LEAT_OPT_FLAG, AT(ignore_case), .help = "the same as -i"},
    {"invert-match", 'v', LEAT_OPT_FLAG, AT(invert), .help = "select the lines that do not match"},
    {"word-regexp", 'w', LEAT_OPT_FLAG, AT(word), .help = "match only whole words"},
    {"line-regexp", 'x', LEAT_OPT_FLAG, AT(line), .help = "match only whole lines"},
    {"count", 'c', LEAT_OPT_FLAG, AT(count),
     .help = "output the number of selected lines instead of the lines"},
    {"max-count", 'm', LEAT_OPT_INT, AT(max_count), .metavar = "N", .min = -1, .max = INT64_MAX,
     .initial = -1, .help = "end after N selected lines; -1: no limit"},
    {"line-number", 'n', LEAT_OPT_FLAG, AT(line_number),
     .help = "output the line number and a colon before each line"},
    {"byte-offset", 'b', LEAT_OPT_FLAG, AT(byte_offset),
     .help = "output the offset in the input and a colon before each line, or with -o each match"},
    {"after-context", 'A', LEAT_OPT_INT, AT(after), .metavar = "N", .min = -1, .max = LINES_MAX,
     .initial = -1, .help = "output N lines after each selected line, too"},
    {"before-context", 'B', LEAT_OPT_INT, AT(before), .metavar = "N", .min = -1, .max = LINES_MAX,
     .initial = -1, .help = "output N lines before each selected line, too"},
    {"context", 'C', LEAT_OPT_INT, AT(around), .metavar = "N", .min = -1, .max = LINES_MAX,
     .initial = -1, .help = "output N lines before and after each selected line, too"},
    {NULL, LEAT_DIGITS, LEAT_OPT_INT, AT(around), .metavar = "N", .min = -1, .max = LINES_MAX,
     .initial = -1, .help = "the same as -C N"},
    {"group-separator", 0, LEAT_OPT_STRING, AT(separator), .metavar = "TEXT", .text_default = "--",
     .help = "a line between groups of lines with context"},
    {"no-group-separator", 0, LEAT_OPT_FLAG, AT(no_separator),
     .help = "no line between groups of lines with context"},
    {"only-matching", 'o', LEAT_OPT_FLAG, AT(only_matching),
     .help = "output only the matches, each on a line of its own"},
    {"null-data", 'z', LEAT_OPT_FLAG, AT(null_data),
     .help = "records end with a NUL byte instead of a newline"},
    {"text", 'a', LEAT_OPT_FLAG, AT(text), .help = "treat binary data as text; always on"},
    {"bytes", 0, LEAT_OPT_FLAG, AT(bytes),
     .help = "a character is a byte, and letters are A to Z, as in the C locale"},
    {"utf8", 0, LEAT_OPT_FLAG, AT(utf8), .help = "the default"},
    {"color", 0, LEAT_OPT_ENUM, AT(color), .metavar = "WHEN", .choices = "auto|always|never",
     .initial = LEAT_GREP_COLOR_NEVER, .value_optional = true, .value = LEAT_GREP_COLOR_AUTO,
     .help = "mark matches, numbers and separators with colours"},
    {"colour", 0, LEAT_OPT_ENUM, AT(color), .metavar = "WHEN", .choices = "auto|always|never",
     .initial = LEAT_GREP_COLOR_NEVER, .value_optional = true, .value = LEAT_GREP_COLOR_AUTO,
     .help = "the same as --color"},
    {"quiet", 'q', LEAT_OPT_FLAG, AT(refused), .value = 1,
     .help = "refused: use require --min-lines=1 after grep"},
    {"files-with-matches", 'l', LEAT_OPT_FLAG, AT(refused), .value = 2,
     .help = "refused: a stream has no file names"},
    {"files-without-match", 'L', LEAT_OPT_FLAG, AT(refused), .value = 2, .help = "refused, as -l"},
    {"with-filename", 'H', LEAT_OPT_FLAG, AT(refused), .value = 3, .help = "refused, as -l"},
    {"no-filename", 'h', LEAT_OPT_FLAG, AT(refused), .value = 3, .help = "refused, as -l"},
    {"label", 0, LEAT_OPT_FLAG, AT(refused), .value = 3, .help = "refused, as -l"},
    {"null", 'Z', LEAT_OPT_FLAG, AT(refused), .value = 3, .help = "refused, as -l"},
    {"recursive", 'r', LEAT_OPT_FLAG, AT(refused), .value = 4, .help = "refused: use leat each"},
    {"dereference-recursive", 'R', LEAT_OPT_FLAG, AT(refused), .value = 4,
     .help = "refused, as -r"},
    {"no-messages", 's', LEAT_OPT_FLAG, AT(refused), .value = 5, .help = "refused"},
    {"initial-tab", 'T', LEAT_OPT_FLAG, AT(refused), .value = 6, .help = "refused"},
    {"line-buffered", 0, LEAT_OPT_FLAG, AT(refused), .value = 7,
     .help = "refused: output is never held back"},
    {0},
};

const struct leat_stage_type leat_stage_grep = {
    .name = "grep",
    .summary = "select lines that match a pattern",
    .operands = "PATTERN",
    .operands_max = 1,
    .manual =
        "Outputs the lines that match a pattern, or with -v the others. Patterns and output are "
        "those of GNU grep in the locale C.UTF-8, byte for byte: basic regular expressions by "
        "default, extended ones with -E, fixed strings with -F, Perl ones with -P. A pattern that "
        "contains a newline is several patterns.\n\n"
        "Characters are those of UTF-8, with the letters and cases of Unicode. Bytes that are not "
        "UTF-8 are no character, so no . matches them; the rest of their line matches as usual. "
        "With --bytes a character is a byte, and letters are A to Z. Lines of ASCII are searched as "
        "fast in either case.\n\n"
        "If the last line of the input lacks its newline, the output gets one. Binary data is "
        "not treated specially: lines are always output unchanged.\n\n"
        "It is no error if no line matches: the pipeline continues with an empty stream. To make "
        "it fail instead, put require --min-lines=1 after grep.\n\n"
        "Several threads search at once, and lines stay in order. With -n or -m one thread "
        "searches, and with -m it stops when it has enough lines. The same is true for -A, -B and "
        "-C, which output lines around the selected ones; the lines before are kept in memory. "
        "A line may be as long as a quarter of the memory limit, and at most 16 MiB.\n\n"
        "Fixed strings are all searched for at once, in any number, also with -i, -o, -w and -x. "
        "They may use a quarter of the memory limit; for hundreds of thousands of words raise "
        "--memory.\n\n"
        "-o outputs the leftmost, longest matches that do not overlap; with -P, the matches that "
        "Perl would find. A pattern with back-references, or a Perl pattern, may need too many "
        "steps for a line. That is an error which tells the place of the line; no line is left "
        "out silently.",
    .examples = "grep -v DEBUG\n"
                "grep -i -e error -e warning\n"
                "grep -E -o '[0-9]+ms' : head -n 5\n"
                "grep -n -C 2 'out of memory'\n"
                "read big.log.gz : gunzip : grep -c -F ERROR",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct leat_grep_params),
    .state_size = sizeof(struct leat_grep),
    .options = grep_options,
    .lanes = &grep_split,
    .plan = grep_plan,
    .open = grep_open,
    .step = grep_step,
    .close = grep_close,
};
