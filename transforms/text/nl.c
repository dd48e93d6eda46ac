/* nl.c - numbers the lines of logical pages, as GNU nl does.
 *
 * A number with its separator, or as many spaces, is made in a buffer of the state before its line is output. A line
 * that delimits sections is output as an empty one.
 */
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "emit.h"
#include "pattern/match.h"
#include "stage.h"

#define DIGITS_MAX 20u /* of a number, with its sign */
#define SECTIONS 3u

enum section { HEADER, BODY, FOOTER };
enum format { FORMAT_LN, FORMAT_RN, FORMAT_RZ };

struct nl_params {
    const char *style[SECTIONS], *delimiter, *separator;
    int64_t increment, join, first, width;
    int format, keep_numbers, zero;
};

struct nl {
    bool begun, overflows;
    enum section section;
    int64_t number;
    int64_t empty; /* lines in a row, for -l */
    struct leat_matcher *matcher[SECTIONS];
    char *prefix, *spaces; /* for a line with a number, and for one without */
    size_t prefix_len, spaces_len;
    int64_t in_prefix; /* the number in the prefix, if it is above 0 */

    /* The line at the cursor: its bytes with its end (0: not known), and what is output for it. */
    size_t line, body, done;
    const char *head;
    size_t head_len;
};

static uint8_t line_end(const struct nl_params *p)
{
    return p->zero ? '\0' : '\n';
}

static const char *separator_of(const struct nl_params *p)
{
    return p->separator ? p->separator : "\t";
}

static int new_matcher(struct leat_stage *s, bool check, const char *style,
                       struct leat_matcher **ret)
{
    const struct nl_params *p = leat_params(s);
    const struct leat_match_options o = {.syntax = LEAT_MATCH_BASIC, .eol = line_end(p)};
    size_t len = strlen(style); /* with a newline in place of the p */
    char *keys = malloc(len), why[256] = "";
    int r;

    if (!keys)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    memcpy(keys, style + 1, len - 1);
    keys[len - 1] = '\n';
    r = leat_matcher_new(check ? NULL : s, &o, keys, len, ret, why, sizeof why);
    free(keys);
    if (r == LEAT_EUSAGE)
        return leat_fail(s, r, "the pattern of the style '%s' cannot be used: %s", style, why);
    if (r == LEAT_ENOMEM && check)
        return leat_fail(s, r, "out of memory");
    return r;
}

static int nl_plan(struct leat_stage *s)
{
    const struct nl_params *p = leat_params(s);

    for (size_t i = 0; i < SECTIONS; i++) {
        struct leat_matcher *m = NULL;
        int r = 0;

        if (p->style[i][0] == 'p')
            r = new_matcher(s, true, p->style[i], &m);
        else if (!p->style[i][0] || !strchr("atn", p->style[i][0]) || p->style[i][1])
            r = leat_fail(s, LEAT_EUSAGE,
                          "'%s' is no style; give a, t, n, or p and a basic regular expression",
                          p->style[i]);
        leat_matcher_free(m);
        if (r < 0)
            return r;
    }
    leat_plan_delimiter(s, line_end(p));
    return 0;
}

static int nl_open(struct leat_stage *s)
{
    const struct nl_params *p = leat_params(s);
    struct nl *n = leat_state(s);
    size_t width = (size_t)p->width, separator = strlen(separator_of(p));
    int r = 0;

    n->prefix = leat_alloc_raw(s, (width > DIGITS_MAX ? width : DIGITS_MAX) + separator);
    n->spaces_len = width + separator;
    n->spaces = n->prefix ? leat_alloc_raw(s, n->spaces_len) : NULL;
    if (!n->spaces)
        return LEAT_ENOMEM;
    memset(n->spaces, ' ', n->spaces_len);
    for (size_t i = 0; i < SECTIONS && r == 0; i++)
        if (p->style[i][0] == 'p')
            r = new_matcher(s, false, p->style[i], &n->matcher[i]);
    return r;
}

static void nl_close(struct leat_stage *s)
{
    struct nl *n = leat_state(s);

    for (size_t i = 0; i < SECTIONS; i++) {
        leat_matcher_free(n->matcher[i]);
        n->matcher[i] = NULL;
    }
    leat_free(s, n->prefix);
    leat_free(s, n->spaces);
    n->prefix = n->spaces = NULL;
}

/* --- a number --------------------------------------------------------------------------------- */

/* Makes the prefix of the current number. */
static void put_number(const struct nl_params *p, struct nl *n)
{
    char digits[DIGITS_MAX], *first = digits + sizeof digits, *to = n->prefix;
    uint64_t left = n->number < 0 ? -(uint64_t)n->number : (uint64_t)n->number;
    size_t len, width = (size_t)p->width, pad, separator = strlen(separator_of(p));
    bool minus = n->number < 0;

    do
        *--first = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    len = (size_t)(digits + sizeof digits - first);
    pad = len + minus < width ? width - len - minus : 0;
    if (p->format == FORMAT_RN) {
        memset(to, ' ', pad);
        to += pad;
    }
    if (minus)
        *to++ = '-';
    if (p->format == FORMAT_RZ) {
        memset(to, '0', pad);
        to += pad;
    }
    memcpy(to, first, len);
    to += len;
    if (p->format == FORMAT_LN) {
        memset(to, ' ', pad);
        to += pad;
    }
    memcpy(to, separator_of(p), separator);
    n->prefix_len = (size_t)(to - n->prefix) + separator;
}

/* Adds 1 to the number in the prefix. Returns false, and changes nothing that counts, if it needs another digit. */
static bool add_one(const struct nl_params *p, struct nl *n)
{
    char *digit = n->prefix + p->width;

    while (digit > n->prefix && digit[-1] == '9')
        *--digit = '0';
    if (digit == n->prefix || digit[-1] < '0')
        return false;
    digit[-1]++;
    return true;
}

/* The line gets the current number. */
static int take_number(struct leat_stage *s, const struct nl_params *p, struct nl *n)
{
    bool is_next = n->number > 1 && n->number - 1 == n->in_prefix && p->format != FORMAT_LN &&
                   n->prefix_len == n->spaces_len; /* it is not wider than asked for */

    if (n->overflows)
        return leat_fail(s, LEAT_ELIMIT,
                         "the line number is above 9223372036854775807; give a smaller -v or -i");
    if (!is_next || !add_one(p, n))
        put_number(p, n);
    n->in_prefix = n->number;
    n->head = n->prefix;
    n->head_len = n->prefix_len;
    n->overflows = __builtin_add_overflow(n->number, p->increment, &n->number);
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Is the line a delimiter of sections? */
static bool is_delimiter(const struct nl_params *p, const uint8_t *line, size_t len,
                         enum section *ret)
{
    const char *with = p->delimiter;
    char pair[3] = {with[0], ':', '\0'};
    size_t n, times;

    if (len == 0 || line[0] != (uint8_t)with[0] || !with[0])
        return false;
    n = strlen(with);
    if (n == 1) {
        with = pair;
        n = 2;
    }
    times = len / n;
    if (len % n > 0 || times < 1 || times > SECTIONS)
        return false;
    for (size_t i = 0; i < times; i++)
        if (memcmp(line + i * n, with, n) != 0)
            return false;
    *ret = times == 3 ? HEADER : times == 2 ? BODY : FOOTER;
    return true;
}

/* Does the line match the pattern of the section? Returns 1, 0, or fails. */
static int matches(struct leat_stage *s, const struct leat_in *in)
{
    struct nl *n = leat_state(s);
    struct leat_matcher *m = n->matcher[n->section];
    size_t from, to;
    const char *why;
    int r = leat_matcher_line(m, in->data + in->pos, n->line, 0, &from, &to);

    why = r < 0 ? leat_matcher_why(m) : NULL;
    return why ? leat_fail(s, r, "%s", why) : r;
}

/* Does the line of `len` bytes get a number? Returns 1, 0, or fails. */
static int is_numbered(struct leat_stage *s, const struct nl_params *p, struct nl *n,
                       const struct leat_in *in, size_t len)
{
    switch (p->style[n->section][0]) {
    case 'a':
        if (p->join > 1 && len == 0 && ++n->empty < p->join)
            return 0;
        n->empty = 0;
        return 1;
    case 't':
        return len > 0;
    case 'n':
        return 0;
    default:
        return matches(s, in);
    }
}

/* Decides what to output for the line at the cursor. */
static int look_at_line(struct leat_stage *s, const struct nl_params *p, struct nl *n,
                        const struct leat_in *in)
{
    const uint8_t *line = in->data + in->pos;
    const uint8_t *hit = memchr(line, line_end(p), in->len - in->pos);
    size_t len = hit ? (size_t)(hit - line) : in->len - in->pos;
    int r;

    n->line = len + (hit != NULL);
    n->body = len;
    if (is_delimiter(p, line, len, &n->section)) {
        n->body = n->head_len = 0;
        if (!p->keep_numbers) {
            n->number = p->first;
            n->overflows = false;
        }
        return 0;
    }
    r = is_numbered(s, p, n, in, len);
    if (r > 0)
        return take_number(s, p, n);
    n->head = n->spaces;
    n->head_len = n->spaces_len;
    return r;
}

static int nl_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct nl_params *p = leat_params(s);
    struct nl *n = leat_state(s);
    const uint8_t end = line_end(p);
    struct leat_emit e;
    int r = 0;

    if (!n->begun) {
        n->begun = true;
        n->section = BODY;
        n->number = p->first;
    }
    leat_emit_begin(&e, out);
    while (in->pos < in->len) {
        if (n->line == 0)
            r = look_at_line(s, p, n, in);
        if (r < 0)
            break;
        leat_assert(n->line > 0 && n->line <= in->len - in->pos);
        if (!leat_emit_item(&e, &n->done, n->head, n->head_len, in->data + in->pos, n->body, &end,
                            1))
            break;
        in->pos += n->line;
        n->line = 0;
    }
    leat_emit_end(&e);
    if (r < 0)
        return r;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

#define AT(field) offsetof(struct nl_params, field)
static const struct leat_option nl_options[] = {
    {"body-numbering", 'b', LEAT_OPT_STRING, AT(style[BODY]), .metavar = "STYLE",
     .text_default = "t",
     .help = "which lines of a body get a number: a (all), t (those that are "
             "not empty), n (none) or pBRE"},
    {"header-numbering", 'h', LEAT_OPT_STRING, AT(style[HEADER]), .metavar = "STYLE",
     .text_default = "n", .help = "the same for headers"},
    {"footer-numbering", 'f', LEAT_OPT_STRING, AT(style[FOOTER]), .metavar = "STYLE",
     .text_default = "n", .help = "the same for footers"},
    {"section-delimiter", 'd', LEAT_OPT_STRING, AT(delimiter), .metavar = "CC",
     .text_default = "\\:",
     .help = "a line of three CC begins a header, of two a body, of one a footer; '': none does"},
    {"line-increment", 'i', LEAT_OPT_INT, AT(increment), .metavar = "N", .min = INT64_MIN,
     .max = INT64_MAX, .initial = 1, .help = "add N to the number for each numbered line"},
    {"join-blank-lines", 'l', LEAT_OPT_INT, AT(join), .metavar = "N", .min = 1, .max = INT64_MAX,
     .initial = 1, .help = "with the style a: N empty lines in a row count as one"},
    {"number-format", 'n', LEAT_OPT_ENUM, AT(format), .metavar = "FORMAT", .choices = "ln|rn|rz",
     .initial = FORMAT_RN,
     .help = "numbers are on the left, on the right, or on the right with zeros"},
    {"no-renumber", 'p', LEAT_OPT_FLAG, AT(keep_numbers),
     .help = "do not begin again with the first number at each section"},
    {"number-separator", 's', LEAT_OPT_STRING, AT(separator), .metavar = "TEXT",
     .help = "what follows a number (a tab)"},
    {"starting-line-number", 'v', LEAT_OPT_INT, AT(first), .metavar = "N", .min = INT64_MIN,
     .max = INT64_MAX, .initial = 1, .help = "the first number"},
    {"number-width", 'w', LEAT_OPT_INT, AT(width), .metavar = "N", .min = 1, .max = INT_MAX,
     .initial = 6, .help = "columns for numbers"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_nl = {
    .name = "nl",
    .summary = "number the lines",
    .manual =
        "Outputs each line after its number, as GNU nl does in the C locale. Lines that get no number get as "
        "many spaces. The stream is a sequence of pages with a header, a body and a footer, each of which may be "
        "missing. It begins in a body; a line of \\:\\:\\: begins a header, \\:\\: a body, and \\: a footer. "
        "These lines are output as empty ones, and the numbers begin again.\n\n"
        "A last line without a line end gets one. A line may be as long as a quarter of the memory limit, and at "
        "most 16 MiB.",
    .examples = "nl\n"
                "nl -b a -w 4 -s ': '\n"
                "nl -b pERROR -n rz : grep -v '^ '",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct nl_params),
    .state_size = sizeof(struct nl),
    .options = nl_options,
    .plan = nl_plan,
    .open = nl_open,
    .step = nl_step,
    .close = nl_close,
};
