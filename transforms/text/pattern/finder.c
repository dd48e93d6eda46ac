/* finder.c - finds the matches of a pattern, with their groups, in a buffer of lines. */

#include "finder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../scan.h"
#include "base/invariant.h"
#include "pcre.h"
#include "perl.h"
#include "perl_literal.h"
#include "posix.h"
#include "regex.h"

/* After this many candidate lines the search for the fixed string is judged. */
#define SAMPLE_LINES 512u

/* The code for bytes, and that for Unicode; either may be missing. */
enum { BYTES, UNICODE, KINDS };

struct leat_finder {
    struct leat_stage *stage;
    uint8_t eol;
    bool by_line; /* a search must see only one line at a time */

    /* The string that every match contains; len 0: none. */
    struct leat_literal literal;
    uint8_t *required;
    bool whole;         /* a match is that string and nothing else */
    bool literal_helps; /* searching for it first is faster */
    uint64_t candidates, candidate_bytes, searched_bytes; /* of the current sample */

    struct leat_pcre pcre;
    pcre2_code *code[KINDS];
    bool compiled[KINDS];
    pcre2_match_data *match;
    size_t found[2];          /* with `whole` */
    struct leat_posix *posix; /* in place of PCRE2, or NULL */

    const uint8_t *ascii_from, *ascii_to; /* bytes of the buffer that are known to be ASCII */
    const uint8_t *ascii_end;             /* where the search for others has ended */
    const uint8_t *line_from, *line_to;   /* a part of a line up to its end */
    const uint8_t *split_for, *split;     /* the last line end before a byte that is not ASCII */
};

/* --- building --------------------------------------------------------------------------------- */

static bool is_ordinary(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == ' ' || (uint8_t)c >= 0x80;
}

/* Writes the pattern; a fixed string gets a backslash before each character that could mean something. */
static size_t put_pattern(char *to, const struct leat_finder_options *o)
{
    size_t n = 0;

    for (const char *p = o->pattern; *p; p++) {
        if (o->syntax == LEAT_FINDER_FIXED && !is_ordinary(*p) && *p != '\n')
            to[n++] = '\\';
        to[n++] = *p;
    }
    to[n] = '\0';
    return n;
}

static int compile(struct leat_finder *f, const struct leat_finder_options *o, const char *pattern,
                   char *why, size_t why_size)
{
    const char *before = o->line   ? "^(?:"
                         : o->word ? "(?<!\\w)(?:"
                                   : "",
               *after = o->line   ? ")$"
                        : o->word ? ")(?!\\w)"
                                  : "";
    size_t size = strlen(before) + strlen(pattern) + strlen(after) + 1;
    uint32_t flags = PCRE2_DOLLAR_ENDONLY | (o->fold ? PCRE2_CASELESS : 0) |
                     (f->by_line ? 0 : PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX);
    char *text = malloc(size);
    int r = 0;

    if (!text)
        return LEAT_ENOMEM;
    snprintf(text, size, "%s%s%s", before, pattern, after);
    if (o->unicode)
        r = leat_pcre_compile(&f->pcre, text, size - 1,
                              flags | PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, true,
                              strlen(before), &f->code[UNICODE], why, why_size);
    if (r == 0 && (!o->unicode || leat_perl_is_ascii(pattern)))
        r = leat_pcre_compile(&f->pcre, text, size - 1, flags | PCRE2_NEVER_UTF, true,
                              strlen(before), &f->code[BYTES], why, why_size);
    free(text);
    return r;
}

/* Looks for the string that every match contains. */
static int find_required(struct leat_finder *f, const struct leat_finder_options *o,
                         const char *pattern, char *why, size_t why_size)
{
    struct leat_perl_literal required;

    f->required = leat_pcre_get(f->stage, strlen(pattern) + 1);
    if (!f->required)
        return LEAT_ENOMEM;
    leat_perl_literal(pattern, o->fold, o->unicode, f->required, &required);
    if ((required.newline || (o->syntax == LEAT_FINDER_FIXED && strchr(pattern, '\n'))) &&
        o->eol == '\n') {
        snprintf(why, why_size,
                 "a line does not contain a newline; with -z the lines end with NUL bytes");
        return LEAT_EUSAGE;
    }
    if (required.len == 0)
        return 0;
    leat_literal_init(&f->literal, f->required + required.at, required.len, o->fold);
    f->literal_helps = true;
    f->whole = required.whole && !o->word && !o->line;
    return 0;
}

static int make_match(struct leat_finder *f)
{
    const pcre2_code *code = f->code[f->code[UNICODE] ? UNICODE : BYTES];
    int r = 0;

    f->match = pcre2_match_data_create_from_pattern(code, f->pcre.general);
    if (!f->match)
        return LEAT_ENOMEM;
    if (!f->stage)
        return 0; /* only a check of the pattern */
    for (int i = 0; i < KINDS && r == 0; i++)
        if (f->code[i])
            r = leat_pcre_jit(&f->pcre, f->code[i], &f->compiled[i]);
    /* Without compiled code each match checks all of its subject again. */
    f->by_line = f->by_line || (f->code[UNICODE] && !f->compiled[UNICODE]);
    return r;
}

/* The same for a POSIX pattern. */
static int find_required_posix(struct leat_finder *f, const struct leat_regex *re)
{
    struct leat_regex_required required;
    int r = leat_regex_required(re, &required);

    if (r < 0 || !required.bytes)
        return r;
    if (required.n == 1) {
        f->required = leat_pcre_get(f->stage, required.v[0].len);
        if (!f->required) {
            free(required.bytes);
            return LEAT_ENOMEM;
        }
        memcpy(f->required, required.bytes + required.v[0].at, required.v[0].len);
        leat_literal_init(&f->literal, f->required, required.v[0].len, re->options.fold);
        f->literal_helps = true;
        f->whole = required.whole && re->n_groups == 0 && leat_regex_is_sequence(re);
    }
    free(required.bytes);
    return 0;
}

/* Translates the pattern, if PCRE2 then finds the same matches. */
static int translate(struct leat_finder *f, struct leat_regex *re, char *why, size_t why_size)
{
    uint32_t flags = PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_UTF |
                     (re->options.fold ? PCRE2_CASELESS : 0);
    char *text;
    size_t len;
    int r = leat_regex_text(re, false, &text, &len);

    if (r < 0)
        return r;
    r = leat_pcre_compile(&f->pcre, text, len, flags, false, 0, &f->code[BYTES], why, why_size);
    free(text);
    if (r < 0)
        return r;
    leat_posix_free(f->posix);
    f->posix = NULL;
    f->by_line = false;
    return make_match(f);
}

/* Can a match contain a line end? */
static bool has_eol(const struct leat_regex *re)
{
    for (size_t i = 0; i < re->n_nodes; i++)
        if (re->nodes[i].kind == LEAT_REGEX_BYTE && re->nodes[i].u.byte == re->options.eol)
            return true;
    return false;
}

/* The C library compiles each pattern, because it says what is an error. */
static int build_posix(struct leat_finder *f, const struct leat_finder_options *o, char *why,
                       size_t why_size)
{
    bool extended = o->syntax == LEAT_FINDER_EXTENDED;
    const struct leat_posix_options p = {
        .extended = extended, .fold = o->fold, .nul_ends = o->eol == '\0'};
    const struct leat_regex_options q = {
        .syntax = extended ? LEAT_REGEX_EXTENDED : LEAT_REGEX_BASIC,
        .fold = o->fold,
        .strict = true,
        .groups = true,
        .eol = o->eol,
    };
    struct leat_regex re = {.nodes = NULL};
    int r = leat_posix_new(o->pattern, o->len, &p, &f->posix, why, why_size);

    if (r == 0)
        r = leat_pcre_init(&f->pcre, f->stage, o->eol ? PCRE2_NEWLINE_LF : PCRE2_NEWLINE_NUL);
    if (r < 0)
        return r;
    f->by_line = true;
    r = leat_regex_init(&re, &q);
    if (r == 0)
        r = leat_regex_add(&re, o->pattern, o->len);
    if (r == LEAT_EUSAGE || (r == 0 && has_eol(&re))) { /* then the C library does it */
        leat_regex_done(&re);
        return 0;
    }
    if (r == 0)
        r = find_required_posix(f, &re);
    if (r == 0 && leat_regex_is_sequence(&re) && re.n_groups == leat_posix_groups(f->posix))
        r = translate(f, &re, why, why_size);
    leat_regex_done(&re);
    return r;
}

static int build(struct leat_finder *f, const struct leat_finder_options *o, char *why,
                 size_t why_size)
{
    char *pattern = malloc(2 * strlen(o->pattern) + 1);
    int r;

    if (!pattern)
        return LEAT_ENOMEM;
    put_pattern(pattern, o);
    f->by_line = o->eol != '\n' || !leat_perl_is_line_safe(pattern, strlen(pattern));
    r = leat_pcre_init(&f->pcre, f->stage, PCRE2_NEWLINE_LF);
    if (r == 0)
        r = find_required(f, o, pattern, why, why_size);
    if (r == 0)
        r = compile(f, o, pattern, why, why_size);
    free(pattern);
    return r < 0 ? r : make_match(f);
}

int leat_finder_new(struct leat_stage *stage, const struct leat_finder_options *options,
                    struct leat_finder **ret, char *why, size_t why_size)
{
    struct leat_finder *f = leat_pcre_get(stage, sizeof *f);
    int r;

    if (!f)
        return LEAT_ENOMEM;
    f->stage = stage;
    f->eol = options->eol;
    if (options->syntax == LEAT_FINDER_BASIC || options->syntax == LEAT_FINDER_EXTENDED)
        r = build_posix(f, options, why, why_size);
    else
        r = build(f, options, why, why_size);
    if (r < 0) {
        leat_finder_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

void leat_finder_free(struct leat_finder *f)
{
    if (!f)
        return;
    for (int i = 0; i < KINDS; i++)
        pcre2_code_free(f->code[i]);
    pcre2_match_data_free(f->match);
    leat_posix_free(f->posix);
    leat_pcre_put(f->stage, f->required);
    leat_pcre_done(&f->pcre);
    leat_pcre_put(f->stage, f);
}

static const pcre2_code *any_code(const struct leat_finder *f)
{
    return f->code[f->code[UNICODE] ? UNICODE : BYTES];
}

unsigned leat_finder_groups(const struct leat_finder *f)
{
    uint32_t n = 0;

    if (f->posix)
        return leat_posix_groups(f->posix);
    return pcre2_pattern_info(any_code(f), PCRE2_INFO_CAPTURECOUNT, &n) == 0 ? n : 0;
}

unsigned leat_finder_number(const struct leat_finder *f, const char *name, size_t n)
{
    char text[128];
    int r;

    if (n >= sizeof text)
        return 0;
    memcpy(text, name, n);
    text[n] = '\0';
    r = pcre2_substring_number_from_name(any_code(f), (PCRE2_SPTR)text);
    return r > 0 ? (unsigned)r : 0;
}

const struct leat_literal *leat_finder_literal(const struct leat_finder *f)
{
    return f->whole ? &f->literal : NULL;
}

/* --- searching -------------------------------------------------------------------------------- */

void leat_finder_begin(struct leat_finder *f)
{
    f->ascii_from = f->ascii_to = f->ascii_end = NULL;
    f->line_from = f->line_to = f->split_for = f->split = NULL;
}

/* The first byte above 0x7f in the text, or its end. What is known already is not searched again. */
static const uint8_t *skip_ascii(struct leat_finder *f, const uint8_t *text, const uint8_t *end)
{
    if (!f->ascii_from || text < f->ascii_from || text > f->ascii_to) {
        f->ascii_from = f->ascii_to = text;
        f->ascii_end = NULL;
    }
    if (end > f->ascii_to && f->ascii_to != f->ascii_end) {
        size_t n = leat_scan_ascii(f->ascii_to, (size_t)(end - f->ascii_to));

        f->ascii_to += n;
        f->ascii_end = f->ascii_to < end ? f->ascii_to : NULL;
    }
    return f->ascii_to < end ? f->ascii_to : end;
}

/* If nearly every line is a candidate, the search for candidates only costs time. */
static void judge_literal(struct leat_finder *f, size_t searched, size_t line)
{
    f->searched_bytes += searched;
    f->candidate_bytes += line;
    if (++f->candidates < SAMPLE_LINES)
        return;
    if (2 * f->searched_bytes < 3 * f->candidate_bytes)
        f->literal_helps = false;
    f->candidates = f->candidate_bytes = f->searched_bytes = 0;
}

/* Where to look next: text[start..end), without the line end at its end. */
struct window {
    size_t start, end;
    bool one_line;
    int kind;
};

/* The end of the text of the line that has this place. It is looked for once in a line, which may be long. */
static size_t text_end(struct leat_finder *f, const uint8_t *data, size_t len, size_t at)
{
    const uint8_t *place = data + at, *end;

    if (!f->line_from || place < f->line_from || place > f->line_to) {
        end = memchr(place, f->eol, len - at);
        f->line_from = place;
        f->line_to = end ? end : data + len;
    }
    return (size_t)(f->line_to - data);
}

/* The last line end in the text before `at`, or NULL. */
static const uint8_t *split(struct leat_finder *f, const uint8_t *text, const uint8_t *at)
{
    if (f->split_for != at || !f->split || f->split < text)
        f->split = memrchr(text, f->eol, (size_t)(at - text));
    f->split_for = at;
    return f->split;
}

/* In Unicode a window is ASCII, or it is one line. */
static void choose_code(struct leat_finder *f, const uint8_t *data, size_t len, struct window *w)
{
    const uint8_t *start = data + w->start, *end = data + w->end, *at, *line;

    w->kind = f->code[UNICODE] ? UNICODE : BYTES;
    if (w->kind == BYTES)
        return;
    at = skip_ascii(f, start, end);
    if (at == end && f->code[BYTES]) {
        w->kind = BYTES;
        return;
    }
    if (w->one_line || !f->code[BYTES])
        return;
    line = split(f, start, at);
    if (line) {
        w->end = (size_t)(line - data);
        w->kind = BYTES;
        return;
    }
    w->end = text_end(f, data, len, (size_t)(at - data));
    w->one_line = true;
}

/* Finds the next window at or after *from. Returns false if no match can be there. */
static bool next_window(struct leat_finder *f, const uint8_t *data, size_t len, size_t *from,
                        struct window *w)
{
    bool at_start = *from == 0 || data[*from - 1] == f->eol;

    w->start = at_start ? *from : 0;
    w->one_line = f->by_line || f->literal_helps;
    if (f->literal_helps && at_start) {
        const uint8_t *hit = leat_literal_find(&f->literal, data + *from, len - *from), *line;
        size_t asked = *from;

        if (!hit)
            return false;
        line = memrchr(data + asked, f->eol, (size_t)(hit - data) - asked);
        w->start = *from = line ? (size_t)(line - data) + 1 : asked;
        w->end = text_end(f, data, len, (size_t)(hit - data));
        judge_literal(f, w->end - asked, w->end - w->start);
    } else if (w->one_line) {
        w->end = text_end(f, data, len, *from);
    } else {
        w->end = len - (data[len - 1] == f->eol);
    }
    leat_assert(w->start <= *from && *from <= w->end && w->end <= len);
    choose_code(f, data, len, w);
    return true;
}

static int next_whole(struct leat_finder *f, const uint8_t *data, size_t len, size_t from,
                      size_t *ret_base)
{
    const uint8_t *hit = leat_literal_find(&f->literal, data + from, len - from);

    if (!hit)
        return 0;
    *ret_base = 0;
    f->found[0] = (size_t)(hit - data);
    f->found[1] = f->found[0] + f->literal.len;
    return 1;
}

/* Finds the match in a window, from an offset in it. Returns as leat_pcre_match. */
static int match(struct leat_finder *f, const struct window *w, const uint8_t *text, size_t from,
                 bool not_empty, bool *ret_failed)
{
    size_t len = w->end - w->start;
    const size_t *found;
    int r;

    if (!f->posix)
        return leat_pcre_match(&f->pcre, f->code[w->kind], f->compiled[w->kind], text, len, from,
                               not_empty ? PCRE2_NOTEMPTY_ATSTART : 0, f->match, ret_failed);
    leat_assert(w->one_line);
    r = leat_posix_search(f->posix, text, len, from);
    found = leat_posix_match(f->posix);
    /* The match is the longest one there. */
    if (r > 0 && not_empty && found[0] == from && found[1] == from)
        r = from < len ? leat_posix_search(f->posix, text, len, from + 1) : 0;
    *ret_failed = r < 0;
    return r;
}

int leat_finder_next(struct leat_finder *f, const uint8_t *data, size_t len, size_t from,
                     bool not_empty, size_t *ret_base)
{
    bool failed = false;
    struct window w;

    leat_assert(from <= len && len > 0);
    f->pcre.why = NULL;
    if (f->whole)
        return next_whole(f, data, len, from, ret_base);
    while (from < len || (from == len && data[len - 1] != f->eol)) {
        int r;

        if (!next_window(f, data, len, &from, &w))
            return 0;
        *ret_base = w.start;
        r = match(f, &w, data + w.start, from - w.start, not_empty, &failed);
        if (r > 0 || failed)
            return r;
        if (r < 0 && w.one_line)
            return leat_pcre_fail(&f->pcre, r);
        if (r < 0) { /* a limit in some line: find out which */
            f->by_line = true;
            continue;
        }
        from = w.end + 1;
        not_empty = false;
    }
    return 0;
}

const size_t *leat_finder_match(const struct leat_finder *f)
{
    if (f->whole)
        return f->found;
    return f->posix ? leat_posix_match(f->posix) : pcre2_get_ovector_pointer(f->match);
}

const char *leat_finder_why(const struct leat_finder *f)
{
    return f->pcre.why;
}
