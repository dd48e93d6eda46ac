/* grep.c - selects lines by pattern.
 *
 * The search (match.h) finds the next matching line in the input of the step. The lines before it
 * are one range, which is skipped or passed on as a whole, by reference. Ranges are counted in
 * bytes from the input cursor, so a step that runs out of room continues there without a second
 * search.
 */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "pattern/match.h"
#include "scan.h"
#include "stage.h"

struct grep_params {
    int basic, extended, fixed, perl;
    int ignore_case, invert, word, line;
    int count, line_number, only_matching, null_data, text, utf8;
    int64_t max_count;
    struct leat_strings patterns;
};

struct grep {
    struct leat_matcher *matcher;
    bool opened;

    /* From the input cursor on: bytes that do not match, then bytes that do, then (if known)
     * again bytes that do not and bytes that do. */
    size_t gap, hit, gap_after, hit_after;
    bool is_gap; /* the range at the cursor is the gap */

    uint64_t lines;    /* before the cursor; counted only for -n */
    uint64_t selected; /* counted for -m and -c */

    /* State of the selected line that is being written: */
    bool in_line;
    size_t line_left; /* its bytes that are not yet passed */
    size_t line_len;  /* -o: its length without the line end */
    size_t part_from; /* -o: where to look for the next match */
    size_t part_at, part_left;
    bool part_ends;   /* -o: a line end must be written next */
    bool end_missing; /* the last line of the input lacks its line end; one is added */
    bool done;        /* -m: enough lines are selected */
    bool answered;    /* the count is in `text` */

    char text[32]; /* text to be written first: "12:" or a count */
    size_t text_at, text_len;
};

static uint8_t record_end(const struct grep_params *p)
{
    return p->null_data ? '\0' : '\n';
}

static struct leat_strings patterns_of(const struct leat_stage *s, const struct grep_params *p)
{
    return p->patterns.n > 0 ? p->patterns : *leat_operands(s);
}

/* GNU grep outputs nothing, not even a count, if no line can be selected. */
static bool selects_nothing(const struct leat_stage *s, const struct grep_params *p)
{
    struct leat_strings patterns = patterns_of(s, p);

    if (p->max_count == 0)
        return true;
    if (!p->invert || p->word || p->line)
        return false;
    for (size_t i = 0; i < patterns.n; i++)
        if (patterns.v[i][strspn(patterns.v[i], "\n")])
            return false;
    return true;
}

/* --- building --------------------------------------------------------------------------------- */

static int new_matcher(struct leat_stage *s, bool check, struct leat_matcher **ret)
{
    const struct grep_params *p = leat_params(s);
    struct leat_strings patterns = patterns_of(s, p);
    struct leat_match_options o = {
        .syntax = p->perl       ? LEAT_MATCH_PERL
                  : p->fixed    ? LEAT_MATCH_FIXED
                  : p->extended ? LEAT_MATCH_EXTENDED
                                : LEAT_MATCH_BASIC,
        .fold = p->ignore_case,
        .word = p->word,
        .line = p->line,
        .parts = p->only_matching && !p->invert && !p->count,
        .utf8 = p->utf8,
        .eol = record_end(p),
    };
    char why[256] = "";
    int r = leat_matcher_new(check ? NULL : s, &o, &patterns, ret, why, sizeof why);

    if (r == LEAT_EUSAGE)
        return leat_fail(s, r, "the pattern cannot be used: %s", why);
    if (r == LEAT_ENOMEM && check)
        return leat_fail(s, r, "out of memory");
    return r;
}

static int grep_plan(struct leat_stage *s)
{
    const struct grep_params *p = leat_params(s);
    struct leat_matcher *m = NULL;
    int r;

    if (p->patterns.n > 0 && leat_operands(s)->n > 0)
        return leat_fail(s, LEAT_EUSAGE,
                         "'%s' is one operand too many, as the pattern is given with -e; to read "
                         "a file, begin with: read FILE",
                         leat_operands(s)->v[0]);
    if (p->patterns.n == 0 && leat_operands(s)->n == 0)
        return leat_fail(s, LEAT_EUSAGE, "needs a pattern");
    if (p->basic + p->extended + p->fixed + p->perl > 1)
        return leat_fail(s, LEAT_EUSAGE, "only one of -G, -E, -F and -P can be given");
    if (p->utf8 && !p->perl)
        return leat_fail(s, LEAT_EUSAGE, "--utf8 needs -P");
    r = new_matcher(s, true, &m);
    leat_matcher_free(m);
    if (r < 0)
        return r;
    leat_plan_delimiter(s, record_end(p));
    if (p->max_count >= 0 || (p->line_number && !p->count) || selects_nothing(s, p))
        leat_plan_nature(s, LEAT_HEAVY);
    else if (!p->count)
        leat_plan_flags(s, LEAT_BY_LINE);
    return 0;
}

static int grep_open(struct leat_stage *s)
{
    struct grep *g = leat_state(s);

    return new_matcher(s, false, &g->matcher);
}

static void grep_close(struct leat_stage *s)
{
    struct grep *g = leat_state(s);

    leat_matcher_free(g->matcher);
    g->matcher = NULL;
}

/* --- ranges ----------------------------------------------------------------------------------- */

/* Finds the next matching line at or after `from`: gap and hit; hit is 0 if there is none. */
static int search(struct leat_stage *s, const struct leat_in *in, size_t from, size_t *ret_gap,
                  size_t *ret_hit)
{
    struct grep *g = leat_state(s);
    size_t start = from, end = in->len;
    const char *why;
    int r = 0;

    if (from < in->len)
        r = leat_matcher_line(g->matcher, in->data, in->len, from, &start, &end);
    if (r < 0) {
        why = leat_matcher_why(g->matcher);
        return why ? leat_fail_at(s, r, in->offset + start, "%s", why) : r;
    }
    *ret_gap = r ? start - from : in->len - from;
    *ret_hit = r ? end - start : 0;
    return 0;
}

/* Finds the next gap and hit after the known ones. Consecutive matching lines become one hit, so
 * that they are passed on at once. */
static int find_ranges(struct leat_stage *s, const struct leat_in *in)
{
    struct grep *g = leat_state(s);
    int r = 0;

    g->is_gap = true;
    if (g->gap_after || g->hit_after) {
        g->gap = g->gap_after;
        g->hit = g->hit_after;
    } else {
        r = search(s, in, in->pos, &g->gap, &g->hit);
    }
    g->gap_after = g->hit_after = 0;
    while (r == 0 && g->hit > 0 && in->pos + g->gap + g->hit < in->len) {
        r = search(s, in, in->pos + g->gap + g->hit, &g->gap_after, &g->hit_after);
        if (r < 0 || g->gap_after > 0)
            break;
        g->hit += g->hit_after;
        g->hit_after = 0;
    }
    return r;
}

/* The range at the cursor; NULL if none is known. It may extend beyond the input of this step,
 * because a later step may see less input than the one that searched. */
static size_t *current_range(struct grep *g)
{
    if (g->is_gap && g->gap == 0)
        g->is_gap = false;
    if (g->is_gap)
        return &g->gap;
    return g->hit > 0 ? &g->hit : NULL;
}

/* --- output ----------------------------------------------------------------------------------- */

/* Returns false if there is no room for all of it. */
static bool flush_text(struct grep *g, struct leat_out *out)
{
    if (g->text_at < g->text_len)
        g->text_at += leat_write(out, g->text + g->text_at, g->text_len - g->text_at);
    return g->text_at == g->text_len;
}

static void put_number(struct grep *g, uint64_t number, char behind)
{
    g->text_len = (size_t)snprintf(g->text, sizeof g->text, "%" PRIu64 "%c", number, behind);
    g->text_at = 0;
}

static void put_end(struct grep *g, uint8_t end)
{
    g->text[0] = (char)end;
    g->text_len = 1;
    g->text_at = 0;
}

/* Begins a selected line at the cursor. */
static void begin_line(struct grep *g, const struct grep_params *p, const struct leat_in *in,
                       size_t range)
{
    size_t left = in->len - in->pos;
    const uint8_t *at = in->data + in->pos, *end;

    if (range > left)
        range = left;
    end = memchr(at, record_end(p), range);
    g->in_line = true;
    g->line_left = end ? (size_t)(end - at) + 1 : range;
    g->line_len = g->line_left - (end != NULL);
    g->part_from = 0;
    g->end_missing = !end && !p->only_matching;
    if (p->line_number)
        g->lines++;
    if (p->line_number && !p->only_matching)
        put_number(g, g->lines, ':');
}

/* -o: finds the next match in the line at the cursor. Returns 1, 0 or an error. */
static int next_part(struct leat_stage *s, struct grep *g, const struct leat_in *in)
{
    const uint8_t *line = in->data + in->pos;
    const char *why;
    size_t start, end;
    int r = 0;

    while (g->part_from < g->line_len) {
        r = leat_matcher_part(g->matcher, line, g->line_len, g->part_from, &start, &end);
        if (r <= 0)
            break;
        if (start == g->line_len)
            return 0;
        if (end > start) {
            g->part_at = start;
            g->part_left = end - start;
            g->part_from = end;
            return 1;
        }
        g->part_from = start + 1;
        r = 0;
    }
    why = leat_matcher_why(g->matcher);
    return r < 0 && why ? leat_fail_at(s, r, in->offset + in->pos, "%s", why) : r;
}

/* -o: writes the matches of the line at the cursor. Returns 1 when done, 0 if there is no room, or
 * an error. The bytes are copied, because the whole line must stay in the input until its last
 * match. */
static int write_parts(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);
    int r;

    for (;;) {
        if (!flush_text(g, out))
            return 0;
        if (g->part_left > 0) {
            size_t n = leat_write(out, in->data + in->pos + g->part_at, g->part_left);

            g->part_at += n;
            g->part_left -= n;
            if (g->part_left > 0)
                return 0;
            put_end(g, record_end(p));
            continue;
        }
        r = p->invert ? 0 : next_part(s, g, in);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        if (p->line_number)
            put_number(g, g->lines, ':');
    }
    in->pos += g->line_left;
    g->line_left = 0;
    return 1;
}

/* Writes the selected line at the cursor. Returns as write_parts. */
static int write_line(struct leat_stage *s, struct leat_in *in, struct leat_out *out, size_t *range)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);
    size_t before;
    int r = 0;

    if (!g->in_line)
        begin_line(g, p, in, *range);
    before = g->line_left;
    if (p->only_matching) {
        r = write_parts(s, in, out);
    } else if (flush_text(g, out)) {
        g->line_left -= leat_pass(out, in, g->line_left);
        r = g->line_left == 0;
    }
    if (r < 0)
        return r;
    *range -= before - g->line_left;
    if (r == 0)
        return 0;
    if (g->end_missing)
        put_end(g, record_end(p));
    g->in_line = g->end_missing = false;
    g->selected++;
    g->done = p->max_count >= 0 && g->selected >= (uint64_t)p->max_count;
    return 1;
}

/* -c: counts the lines of a selected range, up to the limit of -m. */
static void count_range(struct grep *g, const struct grep_params *p, const struct leat_in *in,
                        size_t n)
{
    const uint8_t *at = in->data + in->pos;

    g->selected += leat_scan_count(at, n, record_end(p));
    g->selected += at[n - 1] != record_end(p);
    if (p->max_count >= 0 && g->selected >= (uint64_t)p->max_count) {
        g->selected = (uint64_t)p->max_count;
        g->done = true;
    }
}

/* Skips n bytes without output. */
static void skip(struct leat_in *in, size_t *range, size_t n)
{
    in->pos += n;
    *range -= n;
}

/* Passes many selected lines at once, n bytes. Returns false if there is no room for all. */
static bool pass_lines(struct grep *g, const struct grep_params *p, struct leat_in *in,
                       struct leat_out *out, size_t *range, size_t n)
{
    bool last_lacks_end = in->data[in->pos + n - 1] != record_end(p);
    size_t done = leat_pass(out, in, n);

    *range -= done;
    if (done < n)
        return false;
    if (last_lacks_end)
        put_end(g, record_end(p));
    return true;
}

/* Skips or writes the range at the cursor, up to the end of the input. Returns 1 when the range or
 * the input is used up, 0 if there is no room, or an error. */
static int use_range(struct leat_stage *s, struct leat_in *in, struct leat_out *out, size_t *range)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);
    size_t left = in->len - in->pos, n = *range < left ? *range : left;
    int r = 1;

    if (g->is_gap != (p->invert != 0)) {
        if (p->line_number)
            g->lines += leat_scan_count(in->data + in->pos, n, record_end(p));
        skip(in, range, n);
        return 1;
    }
    if (p->count) {
        count_range(g, p, in, n);
        skip(in, range, n);
        return 1;
    }
    if (!p->line_number && !p->only_matching && p->max_count < 0)
        return pass_lines(g, p, in, out, range, n);
    while (in->pos<in->len && * range> 0 && !g->done && r > 0) {
        r = write_line(s, in, out, range);
        if (r > 0 && !flush_text(g, out))
            return 0;
    }
    return r;
}

/* -c without -m: counts the lines and needs no ranges. */
static int count_all(struct leat_stage *s, struct leat_in *in)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);
    const uint8_t *data = in->data + in->pos;
    size_t len = in->len - in->pos, at = 0;
    uint64_t lines;
    const char *why;
    int r = leat_matcher_count(g->matcher, data, len, &lines, &at);

    if (r < 0) {
        why = leat_matcher_why(g->matcher);
        return why ? leat_fail_at(s, r, in->offset + in->pos + at, "%s", why) : r;
    }
    if (p->invert)
        lines =
            leat_scan_count(data, len, record_end(p)) + (data[len - 1] != record_end(p)) - lines;
    g->selected += lines;
    in->pos = in->len;
    return 0;
}

/* --- the stage -------------------------------------------------------------------------------- */

/* In a lane, leaves the count to the joiner; otherwise writes it. */
static int finish(struct leat_stage *s, struct leat_out *out)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);
    uint64_t *result = leat_result(s);

    if (result) {
        *result += g->selected;
        g->selected = 0;
        return LEAT_END;
    }
    if (p->count && !g->answered) {
        put_number(g, g->selected, '\n');
        g->answered = true;
    }
    return flush_text(g, out) ? LEAT_END : LEAT_MORE;
}

static int grep_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);
    size_t *range;
    int r;

    if (!g->opened) {
        g->opened = true;
        g->done = selects_nothing(s, p);
        g->answered = g->done;
    }
    for (;;) {
        if (!flush_text(g, out))
            return LEAT_MORE;
        if (g->done)
            return finish(s, out);
        if (in->pos == in->len)
            return in->end ? finish(s, out) : LEAT_MORE;
        range = current_range(g);
        if (!range) {
            r = p->count && p->max_count < 0 ? count_all(s, in) : find_ranges(s, in);
            if (r < 0)
                return r;
            continue;
        }
        r = use_range(s, in, out, range);
        if (r < 0)
            return r;
        if (r == 0)
            return LEAT_MORE;
    }
}

static int grep_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct grep *g = leat_state(s);

    (void)in;
    g->gap = g->hit = g->gap_after = g->hit_after = 0;
    g->in_line = false;
    return 0;
}

/* -c: adds up the counts of the blocks, in lane order. */
static int grep_join(struct leat_stage *s, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    const struct grep_params *p = leat_params(s);
    struct grep *g = leat_state(s);

    if (!p->count || when == LEAT_JOIN_HEAD || selects_nothing(s, p))
        return LEAT_END;
    if (when == LEAT_JOIN_BLOCK) {
        g->selected += *(const uint64_t *)result;
        return LEAT_END;
    }
    if (!g->answered) {
        put_number(g, g->selected, '\n');
        g->answered = true;
    }
    return flush_text(g, out) ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes grep_split = {
    .result_size = sizeof(uint64_t),
    .begin = grep_begin,
    .join = grep_join,
};

#define AT(field) offsetof(struct grep_params, field)
static const struct leat_option grep_options[] = {
    {"regexp", 'e', LEAT_OPT_LIST, AT(patterns), .metavar = "PATTERN",
     .help = "a pattern; may be repeated, then a line matches if one of the patterns matches"},
    {"basic-regexp", 'G', LEAT_OPT_FLAG, AT(basic),
     .help = "patterns are POSIX basic regular expressions (the default)"},
    {"extended-regexp", 'E', LEAT_OPT_FLAG, AT(extended),
     .help = "patterns are POSIX extended regular expressions"},
    {"fixed-strings", 'F', LEAT_OPT_FLAG, AT(fixed), .help = "patterns are fixed strings"},
    {"perl-regexp", 'P', LEAT_OPT_FLAG, AT(perl),
     .help = "the pattern is a Perl regular "
             "expression (PCRE2)"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(ignore_case),
     .help = "ignore case for the letters A to Z"},
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
    {"only-matching", 'o', LEAT_OPT_FLAG, AT(only_matching),
     .help = "output only the matches, each on a line of its own"},
    {"null-data", 'z', LEAT_OPT_FLAG, AT(null_data),
     .help = "records end with a NUL byte instead of a newline"},
    {"text", 'a', LEAT_OPT_FLAG, AT(text), .help = "treat binary data as text; always on"},
    {"utf8", 0, LEAT_OPT_FLAG, AT(utf8),
     .help = "with -P: characters are those of UTF-8, with Unicode's letters and cases"},
    {0},
};

const struct leat_stage_type leat_stage_grep = {
    .name = "grep",
    .summary = "select lines that match a pattern",
    .operands = "PATTERN",
    .operands_max = 1,
    .manual =
        "Outputs the lines that match a pattern, or with -v the others. Patterns and output are "
        "those of GNU grep in the C locale, byte for byte: basic regular expressions by default, "
        "extended ones with -E, fixed strings with -F, Perl ones with -P. A character is a byte, "
        "and letters are A to Z; --utf8 changes that for -P. A pattern that contains a newline "
        "is several patterns.\n\n"
        "If the last line of the input lacks its newline, the output gets one. Binary data is "
        "not treated specially: lines are always output unchanged.\n\n"
        "It is no error if no line matches: the pipeline continues with an empty stream. To make "
        "it fail instead, put require --min-lines=1 after grep.\n\n"
        "Several threads search at once, and lines stay in order. With -n or -m one thread "
        "searches, and with -m it stops when it has enough lines. A line may be as long as a "
        "quarter of the memory limit, and at most 16 MiB.\n\n"
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
                "read big.log.gz : gunzip : grep -c -F ERROR",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct grep_params),
    .state_size = sizeof(struct grep),
    .options = grep_options,
    .lanes = &grep_split,
    .plan = grep_plan,
    .open = grep_open,
    .step = grep_step,
    .close = grep_close,
};
