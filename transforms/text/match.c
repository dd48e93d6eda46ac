/* match.c - which lines of a buffer match: PCRE2 on whole buffers, helped by a fixed-string search.
 *
 * Patterns in POSIX syntax are translated (regex.h) so that no match can hold a line's end; those
 * in Perl syntax run over a whole buffer only if they are known to be safe there (perl.h), else
 * line by line. PCRE2 backtracks: a pattern such as (a*)*b may need exponential time. Its step
 * limit turns that into an error, upon which the line is tried again with PCRE2's other matcher,
 * which follows all possibilities at once and needs no such limit; only back-references and Perl
 * patterns have no second way, and fail with a message.
 */

#include "match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "literals.h"
#include "perl.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps that a match may take at one place: more for patterns that have no second way. */
#define STEPS_MAX 100000u
#define STEPS_MAX_LAST 20000000u
/* So many lines needed the second way: stop trying the first. */
#define HARD_LINES_MAX 16u
#define STACK_MIN ((size_t)256 << 10) /* of compiled code; before that, 32 KiB of our own stack */
#define STACK_MAX ((size_t)16 << 20)
#define WORKSPACE_MIN ((size_t)1024) /* ints, of the matcher that does not backtrack */
#define WORKSPACE_MAX ((size_t)4 << 20)
/* Candidate lines after which it is judged whether the fixed strings are any help. */
#define SAMPLE_LINES 512u

struct leat_matcher {
    struct leat_stage *stage;
    struct leat_match_options options;
    bool everything; /* every line matches */
    bool greedy;     /* the first match at a place is the longest there */
    bool second_way; /* pcre2_dfa_match understands the pattern */
    bool by_line;    /* only one line at a time may be shown to PCRE2 */

    /* Fixed strings: every line that matches contains one of them. */
    uint8_t *required;
    size_t n_literals;
    struct leat_literal literal;                          /* the only one */
    struct leat_literals literals;                        /* if there are more */
    bool literals_suffice;                                /* to contain one is to match */
    bool literals_help;                                   /* to look for them first is faster */
    uint64_t candidates, candidate_bytes, searched_bytes; /* of the sample at hand */

    pcre2_general_context *general;
    pcre2_compile_context *compile;
    pcre2_match_context *context;
    pcre2_match_data *match;
    pcre2_jit_stack *stack;
    size_t stack_size;
    pcre2_code *code, *longest; /* longest: with a callout at the end, for back-references */
    pcre2_match_context *longest_context;
    size_t longest_end;
    bool longest_found;
    bool compiled; /* by PCRE2's just-in-time compiler */
    int *workspace;
    size_t workspace_ints;
    unsigned hard_lines;
    const char *why;
};

/* --- memory ----------------------------------------------------------------------------------- */

static void *memory_get(struct leat_stage *stage, size_t size)
{
    return stage ? leat_alloc(stage, size) : calloc(1, size + 1);
}

static void memory_put(struct leat_stage *stage, void *memory)
{
    if (stage)
        leat_free(stage, memory);
    else
        free(memory);
}

static void *pcre2_get(size_t size, void *stage)
{
    return memory_get(stage, size);
}

static void pcre2_put(void *memory, void *stage)
{
    memory_put(stage, memory);
}

/* --- building --------------------------------------------------------------------------------- */

static int add_patterns(struct leat_regex *re, const struct leat_strings *patterns)
{
    for (size_t i = 0; i < patterns->n; i++) {
        const char *p = patterns->v[i];

        for (;;) {
            size_t len = strcspn(p, "\n");
            int r = leat_regex_add(re, p, len);

            if (r < 0)
                return r;
            if (p[len] == '\0')
                break;
            p += len + 1;
        }
    }
    return 0;
}

/* One back-reference puts all patterns into the hands of GNU's other matcher: read them again. */
static int add_all_patterns(struct leat_regex *re, const struct leat_strings *patterns)
{
    struct leat_regex_options strict = re->options;
    int r = add_patterns(re, patterns);

    if (r < 0 || !re->wants_strict || strict.strict)
        return r;
    strict.strict = true;
    leat_regex_done(re);
    r = leat_regex_init(re, &strict);
    return r < 0 ? r : add_patterns(re, patterns);
}

static int compile(struct leat_matcher *m, const char *text, size_t len, uint32_t flags,
                   pcre2_code **ret_code, char *why, size_t why_size)
{
    PCRE2_SIZE at;
    int error;
    PCRE2_UCHAR message[128];

    *ret_code = pcre2_compile((PCRE2_SPTR)text, len, flags, &error, &at, m->compile);
    if (*ret_code)
        return 0;
    if (error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED)
        return LEAT_ENOMEM;
    if (pcre2_get_error_message(error, message, sizeof message) < 0)
        snprintf((char *)message, sizeof message, "error %d", error);
    if (m->options.syntax == LEAT_MATCH_PERL)
        snprintf(why, why_size, "%s at character %zu of the pattern", (char *)message, at + 1);
    else
        snprintf(why, why_size, "%s", (char *)message);
    return LEAT_EUSAGE;
}

static int make_contexts(struct leat_matcher *m)
{
    bool nul = m->options.eol == '\0' && m->options.syntax != LEAT_MATCH_PERL;
    uint32_t newline = nul ? PCRE2_NEWLINE_NUL : PCRE2_NEWLINE_LF;

    m->general = pcre2_general_context_create(pcre2_get, pcre2_put, m->stage);
    if (!m->general)
        return LEAT_ENOMEM;
    m->compile = pcre2_compile_context_create(m->general);
    m->context = pcre2_match_context_create(m->general);
    if (!m->compile || !m->context)
        return LEAT_ENOMEM;
    pcre2_set_newline(m->compile, newline);
    pcre2_set_parens_nest_limit(m->compile, 4 * LEAT_REGEX_DEPTH_MAX);
    return 0;
}

/* The number of bytes that compiled code takes is known only afterwards. */
static int finish_code(struct leat_matcher *m)
{
    size_t size = 0;

    m->match = pcre2_match_data_create(1, m->general);
    if (!m->match)
        return LEAT_ENOMEM;
    if (!m->stage)
        return 0;
    m->compiled = pcre2_jit_compile(m->code, PCRE2_JIT_COMPLETE) == 0;
    if (m->compiled && pcre2_pattern_info(m->code, PCRE2_INFO_JITSIZE, &size) == 0)
        return leat_charge(m->stage, size);
    return 0;
}

static int callout(pcre2_callout_block *block, void *arg)
{
    struct leat_matcher *m = arg;

    if (!m->longest_found || block->current_position > m->longest_end)
        m->longest_end = block->current_position;
    m->longest_found = true;
    return 1; /* not this one: go on with the next possibility */
}

static int make_longest(struct leat_matcher *m, struct leat_regex *re, uint32_t flags, char *why,
                        size_t why_size)
{
    char *text;
    size_t len;
    int r = leat_regex_text(re, true, &text, &len);

    if (r < 0)
        return r;
    r = compile(m, text, len, flags, &m->longest, why, why_size);
    free(text);
    if (r < 0)
        return r;
    m->longest_context = pcre2_match_context_create(m->general);
    if (!m->longest_context)
        return LEAT_ENOMEM;
    pcre2_set_match_limit(m->longest_context, STEPS_MAX_LAST);
    return pcre2_set_callout(m->longest_context, callout, m);
}

static int make_literals(struct leat_matcher *m, const struct leat_regex *re)
{
    struct leat_regex_required required;
    struct leat_literal each[LEAT_REGEX_REQUIRED_MAX];
    size_t total = 0;
    int r = leat_regex_required(re, &required);

    if (r < 0 || !required.bytes)
        return r;
    for (size_t i = 0; i < required.n; i++)
        if (required.v[i].at + required.v[i].len > total)
            total = required.v[i].at + required.v[i].len;
    m->required = memory_get(m->stage, total);
    if (m->required) {
        memcpy(m->required, required.bytes, total);
        for (size_t i = 0; i < required.n; i++)
            leat_literal_init(&each[i], m->required + required.v[i].at, required.v[i].len,
                              m->options.fold);
        m->literal = each[0];
        m->n_literals = required.n;
        if (required.n > 1)
            leat_literals_init(&m->literals, each, required.n);
        m->literals_suffice = required.whole;
        m->literals_help = true;
    }
    free(required.bytes);
    return m->required ? 0 : LEAT_ENOMEM;
}

static int make_posix(struct leat_matcher *m, struct leat_regex *re,
                      const struct leat_strings *patterns, char *why, size_t why_size)
{
    uint32_t flags = PCRE2_MULTILINE | PCRE2_NEVER_UTF | (m->options.fold ? PCRE2_CASELESS : 0);
    char *text = NULL;
    size_t len = 0;
    int r = add_all_patterns(re, patterns);

    if (r == 0) {
        m->everything = leat_regex_is_empty(re) && !m->options.parts;
        m->greedy = leat_regex_is_greedy(re);
        m->second_way = !re->has_backref;
        r = make_literals(m, re);
    }
    if (r == 0)
        r = leat_regex_text(re, false, &text, &len);
    if (r < 0) {
        snprintf(why, why_size, "%s", re->why ? re->why : "");
        return r;
    }
    r = compile(m, text, len, flags, &m->code, why, why_size);
    free(text);
    if (r == 0 && re->has_backref && m->options.parts)
        r = make_longest(m, re, flags, why, why_size);
    return r;
}

static int make_perl(struct leat_matcher *m, const struct leat_strings *patterns, char *why,
                     size_t why_size)
{
    const struct leat_match_options *o = &m->options;
    uint32_t flags = PCRE2_DOLLAR_ENDONLY | (o->fold ? PCRE2_CASELESS : 0);
    const char *before = o->line   ? "^(?:"
                         : o->word ? "(?<!\\w)(?:"
                                   : "",
               *after = o->line   ? ")$"
                        : o->word ? ")(?!\\w)"
                                  : "",
               *p = patterns->v[0];
    size_t size;
    char *text;
    int r;

    if (patterns->n != 1 || strchr(p, '\n')) {
        snprintf(why, why_size, "a Perl pattern must be the only one, and without a newline");
        return LEAT_EUSAGE;
    }
    m->by_line = o->eol != '\n' || !leat_perl_is_line_safe(p);
    if (!m->by_line)
        flags |= PCRE2_MULTILINE;
    flags |= o->utf8 ? PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF : PCRE2_NEVER_UTF;
    m->greedy = true;
    m->everything = !*p && !o->line && !o->word && !o->parts;
    size = strlen(before) + strlen(p) + strlen(after) + 1;
    text = malloc(size);
    if (!text)
        return LEAT_ENOMEM;
    snprintf(text, size, "%s%s%s", before, p, after);
    r = compile(m, text, size - 1, flags, &m->code, why, why_size);
    free(text);
    return r;
}

static int build(struct leat_matcher *m, const struct leat_strings *patterns, char *why,
                 size_t why_size)
{
    struct leat_regex_options o = {
        .syntax = (enum leat_regex_syntax)m->options.syntax,
        .fold = m->options.fold,
        .word = m->options.word,
        .line = m->options.line,
        .strict = m->options.parts,
        .eol = m->options.eol,
    };
    struct leat_regex re;
    int r = make_contexts(m);

    if (r < 0)
        return r;
    if (m->options.syntax == LEAT_MATCH_PERL) {
        r = make_perl(m, patterns, why, why_size);
    } else {
        r = leat_regex_init(&re, &o);
        if (r == 0)
            r = make_posix(m, &re, patterns, why, why_size);
        leat_regex_done(&re);
    }
    if (r < 0)
        return r;
    pcre2_set_match_limit(m->context, m->second_way ? STEPS_MAX : STEPS_MAX_LAST);
    return finish_code(m);
}

int leat_matcher_new(struct leat_stage *stage, const struct leat_match_options *options,
                     const struct leat_strings *patterns, struct leat_matcher **ret, char *why,
                     size_t why_size)
{
    struct leat_matcher *m = memory_get(stage, sizeof *m);
    int r;

    if (!m)
        return LEAT_ENOMEM;
    m->stage = stage;
    m->options = *options;
    r = build(m, patterns, why, why_size);
    if (r < 0) {
        leat_matcher_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

void leat_matcher_free(struct leat_matcher *m)
{
    if (!m)
        return;
    pcre2_code_free(m->code);
    pcre2_code_free(m->longest);
    pcre2_jit_stack_free(m->stack);
    pcre2_match_data_free(m->match);
    pcre2_match_context_free(m->context);
    pcre2_match_context_free(m->longest_context);
    pcre2_compile_context_free(m->compile);
    pcre2_general_context_free(m->general);
    memory_put(m->stage, m->workspace);
    memory_put(m->stage, m->required);
    memory_put(m->stage, m);
}

const char *leat_matcher_why(const struct leat_matcher *m)
{
    return m->why;
}

/* --- one match -------------------------------------------------------------------------------- */

static int fail(struct leat_matcher *m, int code, const char *why)
{
    m->why = why;
    return code;
}

/* Compiled code asked for more stack. Returns 0, or an error. */
static int grow_stack(struct leat_matcher *m)
{
    size_t size = m->stack_size ? 4 * m->stack_size : STACK_MIN;
    int r;

    if (size > STACK_MAX)
        return fail(m, LEAT_ELIMIT, "the pattern needs too much stack on this line; simplify it");
    pcre2_jit_stack_free(m->stack);
    m->stack = NULL;
    leat_uncharge(m->stage, m->stack_size);
    m->stack_size = 0;
    r = leat_charge(m->stage, size);
    if (r < 0)
        return r;
    m->stack_size = size;
    m->stack = pcre2_jit_stack_create(32768, size, m->general);
    if (!m->stack)
        return LEAT_ENOMEM;
    pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return 0;
}

static bool is_limit(int r)
{
    return r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT ||
           r == PCRE2_ERROR_HEAPLIMIT || r == PCRE2_ERROR_RECURSELOOP;
}

/* An error of PCRE2 as one of ours. */
static int fail_pcre2(struct leat_matcher *m, int r)
{
    if (is_limit(r))
        return fail(m, LEAT_ELIMIT,
                    "the pattern needs too many steps on this line; simplify it, or avoid "
                    "repetitions inside repetitions");
    if (r == PCRE2_ERROR_NOMEMORY)
        return LEAT_ENOMEM;
    return fail(m, LEAT_EINTERNAL, "PCRE2 failed unexpectedly");
}

/* Returns 1, 0, a limit of PCRE2 (is_limit), or an error of ours, then *ret_failed is set. */
static int match_at(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                    bool *ret_failed)
{
    for (;;) {
        int r = m->compiled ? pcre2_jit_match(m->code, data, len, from, 0, m->match, m->context)
                            : pcre2_match(m->code, data, len, from, 0, m->match, m->context);

        if (r >= 0)
            return 1;
        if (r == PCRE2_ERROR_NOMATCH)
            return 0;
        if (is_limit(r))
            return r;
        r = r == PCRE2_ERROR_JIT_STACKLIMIT ? grow_stack(m) : fail_pcre2(m, r);
        if (r < 0) {
            *ret_failed = true;
            return r;
        }
    }
}

/* The second way: all possibilities at once. Returns 1, 0 or an error of ours. */
static int match_all_ways(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                          uint32_t flags)
{
    for (;;) {
        size_t ints = m->workspace_ints ? 4 * m->workspace_ints : WORKSPACE_MIN;
        int r = PCRE2_ERROR_DFA_WSSIZE;

        if (m->workspace)
            r = pcre2_dfa_match(m->code, data, len, from, flags, m->match, NULL, m->workspace,
                                m->workspace_ints);
        if (r >= 0)
            return 1;
        if (r == PCRE2_ERROR_NOMATCH)
            return 0;
        if (r != PCRE2_ERROR_DFA_WSSIZE)
            return fail_pcre2(m, r);
        if (ints > WORKSPACE_MAX)
            return fail(m, LEAT_ELIMIT, "the pattern is too large for this line; simplify it");
        memory_put(m->stage, m->workspace);
        m->workspace_ints = 0;
        m->workspace = memory_get(m->stage, ints * sizeof *m->workspace);
        if (!m->workspace)
            return LEAT_ENOMEM;
        m->workspace_ints = ints;
    }
}

/* Does this one line match? */
static int match_line(struct leat_matcher *m, const uint8_t *line, size_t len)
{
    bool failed = false;
    int r = 0;

    if (m->hard_lines <= HARD_LINES_MAX) {
        r = match_at(m, line, len, 0, &failed);
        if (r >= 0 || failed)
            return r;
        if (!m->second_way)
            return fail_pcre2(m, r);
        m->hard_lines++;
    }
    return match_all_ways(m, line, len, 0, PCRE2_DFA_SHORTEST);
}

/* --- lines of a buffer ------------------------------------------------------------------------ */

/* The line that holds `at`, which is behind `from`, the start of a line. */
static void line_around(const struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                        size_t at, size_t *ret_start, size_t *ret_end)
{
    const uint8_t *before = memrchr(data + from, m->options.eol, at - from),
                  *behind = memchr(data + at, m->options.eol, len - at);

    *ret_start = before ? (size_t)(before - data) + 1 : from;
    *ret_end = behind ? (size_t)(behind - data) + 1 : len;
}

static size_t text_length(const struct leat_matcher *m, const uint8_t *data, size_t start,
                          size_t end)
{
    return end - start - (end > start && data[end - 1] == m->options.eol);
}

/* Line by line from `from` on. */
static int next_by_line(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                        size_t *ret_start, size_t *ret_end)
{
    while (from < len) {
        int r;

        *ret_start = from;
        line_around(m, data, len, from, from, ret_start, ret_end);
        r = match_line(m, data + from, text_length(m, data, from, *ret_end));
        if (r != 0)
            return r;
        from = *ret_end;
    }
    return 0;
}

/* If about every line is a candidate, looking for them first only costs. */
static void judge_literals(struct leat_matcher *m, size_t searched, size_t line)
{
    m->searched_bytes += searched;
    m->candidate_bytes += line;
    if (++m->candidates < SAMPLE_LINES)
        return;
    if (!m->by_line && 2 * m->searched_bytes < 3 * m->candidate_bytes)
        m->literals_help = false;
    m->candidates = m->candidate_bytes = m->searched_bytes = 0;
}

static const uint8_t *find_literal(const struct leat_matcher *m, const uint8_t *data, size_t n)
{
    return m->n_literals == 1 ? leat_literal_find(&m->literal, data, n)
                              : leat_literals_find(&m->literals, data, n);
}

static int next_by_literals(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                            size_t *ret_start, size_t *ret_end)
{
    while (from < len) {
        const uint8_t *hit = find_literal(m, data + from, len - from);
        int r;

        if (!hit)
            return 0;
        line_around(m, data, len, from, (size_t)(hit - data), ret_start, ret_end);
        if (m->literals_suffice)
            return 1;
        judge_literals(m, *ret_end - from, *ret_end - *ret_start);
        r = match_line(m, data + *ret_start, text_length(m, data, *ret_start, *ret_end));
        if (r != 0)
            return r;
        from = *ret_end;
    }
    return 0;
}

static int next_by_buffer(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                          size_t *ret_start, size_t *ret_end)
{
    bool failed = false;
    int r = match_at(m, data, len, from, &failed);
    size_t at;

    if (r == 0 || failed) {
        *ret_start = from;
        return r;
    }
    if (r < 0) { /* a limit, somewhere: find out where */
        m->by_line = ++m->hard_lines > HARD_LINES_MAX;
        return next_by_line(m, data, len, from, ret_start, ret_end);
    }
    at = pcre2_get_ovector_pointer(m->match)[0];
    if (at >= len && data[len - 1] == m->options.eol)
        return 0; /* an empty match behind the last line is in no line */
    line_around(m, data, len, from, at, ret_start, ret_end);
    return 1;
}

int leat_matcher_line(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end)
{
    m->why = NULL;
    if (m->everything) {
        line_around(m, data, len, from, from, ret_start, ret_end);
        return 1;
    }
    if (m->literals_help)
        return next_by_literals(m, data, len, from, ret_start, ret_end);
    if (m->by_line)
        return next_by_line(m, data, len, from, ret_start, ret_end);
    return next_by_buffer(m, data, len, from, ret_start, ret_end);
}

int leat_matcher_count(struct leat_matcher *m, const uint8_t *data, size_t len, uint64_t *ret_lines,
                       size_t *ret_at)
{
    uint64_t lines = 0;
    size_t from = 0;

    if (m->literals_suffice && m->n_literals == 1 && !m->everything) {
        *ret_lines = leat_literal_count(&m->literal, data, len, m->options.eol);
        return 0;
    }
    while (from < len) {
        int r = leat_matcher_line(m, data, len, from, ret_at, &from);

        if (r < 0)
            return r;
        if (r == 0)
            break;
        lines++;
    }
    *ret_lines = lines;
    return 0;
}

/* --- parts of a line -------------------------------------------------------------------------- */

/* The longest match that starts at `start`, where there is one. */
static int find_longest(struct leat_matcher *m, const uint8_t *line, size_t len, size_t start,
                        size_t *ret_end)
{
    int r;

    if (m->longest) {
        m->longest_found = false;
        r = pcre2_match(m->longest, line, len, start, PCRE2_ANCHORED, m->match, m->longest_context);
        if (r != PCRE2_ERROR_NOMATCH)
            return fail_pcre2(m, r);
        if (m->longest_found)
            *ret_end = m->longest_end;
        return 1;
    }
    r = match_all_ways(m, line, len, start, PCRE2_ANCHORED);
    if (r > 0)
        *ret_end = pcre2_get_ovector_pointer(m->match)[1];
    return r;
}

int leat_matcher_part(struct leat_matcher *m, const uint8_t *line, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end)
{
    bool failed = false;
    int r;

    m->why = NULL;
    if (m->literals_suffice && m->n_literals == 1) {
        const uint8_t *hit = leat_literal_find(&m->literal, line + from, len - from);

        if (!hit)
            return 0;
        *ret_start = (size_t)(hit - line);
        *ret_end = *ret_start + m->literal.len;
        return 1;
    }
    r = match_at(m, line, len, from, &failed);
    if (r == 0 || failed)
        return r;
    if (r < 0) {
        if (!m->second_way)
            return fail_pcre2(m, r);
        r = match_all_ways(m, line, len, from, 0);
        if (r <= 0)
            return r;
    }
    *ret_start = pcre2_get_ovector_pointer(m->match)[0];
    *ret_end = pcre2_get_ovector_pointer(m->match)[1];
    if (*ret_end < *ret_start) /* \K in a look-ahead */
        *ret_end = *ret_start;
    return m->greedy ? 1 : find_longest(m, line, len, *ret_start, ret_end);
}
