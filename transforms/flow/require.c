/* require.c - passes the stream on unchanged, and fails the pipeline if it does not meet
 * conditions.
 *
 * Too much is detected at once, too little at the end, before anything is committed. A last line
 * without its line end counts as a line, as in head and grep -c.
 */

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "lines.h"
#include "pattern.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_require;

#define NO_LIMIT INT64_MAX

struct require_params {
    uint64_t bytes_min, bytes_max;
    int64_t lines_min, lines_max;
    struct leat_strings match;
    int ignore_case, literal, zero;
};

struct require {
    uint64_t bytes; /* passed so far */
    struct leat_lines lines;
    size_t looked;                 /* bytes from the start of the input whose lines were matched */
    struct leat_pattern **missing; /* patterns that no line has matched yet */
    const char **texts;
    size_t n_missing;
};

static unsigned pattern_flags(const struct require_params *p)
{
    return (p->literal ? LEAT_PATTERN_LITERAL : 0u) |
           (p->ignore_case ? LEAT_PATTERN_IGNORE_CASE : 0u);
}

static uint8_t line_end(const struct require_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int require_plan(struct leat_stage *s)
{
    const struct require_params *p = leat_params(s);

    if (p->bytes_min > p->bytes_max)
        return leat_fail(s, LEAT_EUSAGE,
                         "--min-bytes=%" PRIu64 " is more than --max-bytes=%" PRIu64, p->bytes_min,
                         p->bytes_max);
    if (p->lines_min > p->lines_max)
        return leat_fail(s, LEAT_EUSAGE,
                         "--min-lines=%" PRId64 " is more than --max-lines=%" PRId64, p->lines_min,
                         p->lines_max);
    for (size_t i = 0; i < p->match.n; i++) {
        int r = leat_pattern_check(s, p->match.v[i], pattern_flags(p));

        if (r < 0)
            return r;
    }
    if (p->match.n > 0) {
        leat_plan_framing(s, LEAT_LINES);
        leat_plan_delimiter(s, line_end(p));
    }
    return 0;
}

static int require_open(struct leat_stage *s)
{
    const struct require_params *p = leat_params(s);
    struct require *q = leat_state(s);

    if (p->match.n == 0)
        return 0;
    q->missing = leat_alloc(s, p->match.n * sizeof(*q->missing));
    q->texts = leat_alloc(s, p->match.n * sizeof(*q->texts));
    if (!q->missing || !q->texts)
        return LEAT_ENOMEM;
    for (size_t i = 0; i < p->match.n; i++) {
        int r = leat_pattern_new(s, p->match.v[i], pattern_flags(p), &q->missing[i]);

        if (r < 0)
            return r;
        q->texts[i] = p->match.v[i];
        q->n_missing++;
    }
    return 0;
}

static void require_close(struct leat_stage *s)
{
    struct require *q = leat_state(s);

    for (size_t i = 0; i < q->n_missing; i++)
        leat_pattern_free(q->missing[i]);
    q->n_missing = 0;
    leat_free(s, q->missing);
    leat_free(s, q->texts);
    q->missing = NULL;
    q->texts = NULL;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* Matches one line without its line end. Patterns that match are removed from `missing`. */
static int match_line(struct require *q, const uint8_t *line, size_t n)
{
    size_t i = 0;

    while (i < q->n_missing) {
        int r = leat_pattern_match(q->missing[i], line, n);

        if (r < 0)
            return r;
        if (r == 0) {
            i++;
            continue;
        }
        leat_pattern_free(q->missing[i]);
        q->n_missing--;
        memmove(&q->missing[i], &q->missing[i + 1], (q->n_missing - i) * sizeof(*q->missing));
        memmove(&q->texts[i], &q->texts[i + 1], (q->n_missing - i) * sizeof(*q->texts));
    }
    return 0;
}

/* Matches all lines of a new input. Bytes that stay for a later step are not matched again. */
static int match_lines(struct require *q, const struct leat_in *in, uint8_t end)
{
    while (q->looked < in->len && q->n_missing > 0) {
        const uint8_t *line = in->data + q->looked;
        const uint8_t *at = memchr(line, end, in->len - q->looked);
        size_t n = at ? (size_t)(at - line) : in->len - q->looked;
        int r = match_line(q, line, n);

        if (r < 0)
            return r;
        q->looked += n + (at != NULL);
    }
    return 0;
}

/* --- counts ----------------------------------------------------------------------------------- */

static bool counts_lines(const struct require_params *p)
{
    return p->lines_min > 0 || p->lines_max < NO_LIMIT;
}

static int too_little(struct leat_stage *s)
{
    const struct require_params *p = leat_params(s);
    struct require *q = leat_state(s);

    if (q->bytes < p->bytes_min)
        return leat_fail(s, LEAT_ETRUNCATED,
                         "the stream has %" PRIu64 " bytes, --min-bytes is %" PRIu64, q->bytes,
                         p->bytes_min);
    if (q->lines.lines < (uint64_t)p->lines_min)
        return leat_fail(s, LEAT_ETRUNCATED,
                         "the stream has %" PRIu64 " lines, --min-lines is %" PRId64,
                         q->lines.lines, p->lines_min);
    if (q->n_missing > 0)
        return leat_fail(s, LEAT_ECORRUPT, "no line matches '%s' (--match)", q->texts[0]);
    return LEAT_END;
}

/* Passes as much as the limits allow. Returns how much; 0 if there is no room, or if the next byte
 * exceeds a limit. */
static size_t pass_allowed(const struct require_params *p, struct require *q, struct leat_in *in,
                           struct leat_out *out)
{
    size_t n = in->len - in->pos;
    const uint8_t *data = in->data + in->pos;
    struct leat_lines before = q->lines;

    if (n > p->bytes_max - q->bytes)
        n = (size_t)(p->bytes_max - q->bytes);
    if (counts_lines(p))
        n = leat_lines_within(&q->lines, data, n, (uint64_t)p->lines_max, line_end(p));
    if (n > 0) {
        size_t passed = leat_pass(out, in, n);

        if (passed < n && counts_lines(p)) { /* the rest is counted when it passes */
            q->lines = before;
            leat_lines_within(&q->lines, data, passed, (uint64_t)p->lines_max, line_end(p));
        }
        q->bytes += passed;
        return passed;
    }
    return 0;
}

static int too_much(struct leat_stage *s)
{
    const struct require_params *p = leat_params(s);
    struct require *q = leat_state(s);

    if (q->bytes == p->bytes_max)
        return leat_fail(s, LEAT_ELIMIT,
                         "the stream has at least %" PRIu64 " bytes, --max-bytes is %" PRIu64,
                         q->bytes + 1, p->bytes_max);
    return leat_fail(s, LEAT_ELIMIT,
                     "the stream has at least %" PRIu64 " lines, --max-lines is %" PRId64,
                     q->lines.lines + 1, p->lines_max);
}

static int require_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct require_params *p = leat_params(s);
    struct require *q = leat_state(s);
    int r = match_lines(q, in, line_end(p));

    if (r < 0)
        return r;
    (void)pass_allowed(p, q, in, out);
    /* The next input starts at the cursor. */
    q->looked = q->looked > in->pos ? q->looked - in->pos : 0;
    if (in->pos == in->len)
        return in->end ? too_little(s) : LEAT_MORE;
    if (q->bytes == p->bytes_max || leat_lines_complete(&q->lines, (uint64_t)p->lines_max))
        return too_much(s);
    return LEAT_MORE;
}

#define AT(field) offsetof(struct require_params, field)
static const struct leat_option require_options[] = {
    {"min-bytes", 0, LEAT_OPT_SIZE, AT(bytes_min), .metavar = "SIZE",
     .help = "fail if the stream is shorter than this"},
    {"max-bytes", 0, LEAT_OPT_SIZE, AT(bytes_max), .metavar = "SIZE", .initial = NO_LIMIT,
     .help = "fail as soon as the stream is longer than this"},
    {"min-lines", 0, LEAT_OPT_INT, AT(lines_min), .metavar = "N", .max = NO_LIMIT,
     .help = "fail if there are fewer lines"},
    {"max-lines", 0, LEAT_OPT_INT, AT(lines_max), .metavar = "N", .max = NO_LIMIT,
     .initial = NO_LIMIT, .help = "fail as soon as there are more lines"},
    {"match", 0, LEAT_OPT_LIST, AT(match), .metavar = "RE",
     .help = "fail if no line matches; may be repeated, then each pattern must match a line"},
    {"fixed-strings", 'F', LEAT_OPT_FLAG, AT(literal), .help = "patterns are fixed strings"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(ignore_case), .help = "--match ignores case"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_require = {
    .name = "require",
    .summary = "fail unless the stream meets conditions",
    .manual =
        "The stream passes unchanged. If it does not meet the conditions, the pipeline fails and "
        "no output appears. For example, a nightly job does not replace yesterday's file when "
        "its source is empty.\n\n"
        "Too many bytes or lines are an error at once, with exit status 7 (a limit is exceeded). "
        "Too few of them, or a pattern that matches no line, are an error at the end of the "
        "stream, with exit status 3 (truncated or corrupt data). The whole stream counts, also "
        "the part that a later stage, for example head, does not read. A last line without its "
        "newline counts as a line.\n\n"
        "A pattern is a Perl regular expression over bytes. It is searched for in each line "
        "separately.",
    .examples = "read words.txt : require --min-lines=1 --max-bytes=1G : null",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_PASS_THROUGH | LEAT_WANTS_ALL,
    .params_size = sizeof(struct require_params),
    .state_size = sizeof(struct require),
    .options = require_options,
    .plan = require_plan,
    .open = require_open,
    .step = require_step,
    .close = require_close,
};
