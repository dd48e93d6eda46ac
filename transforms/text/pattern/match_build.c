/* match_build.c - builds a matcher from patterns and chooses its ways of searching.
 *
 * Patterns in POSIX syntax are translated (regex.h) so that no match can contain a line end.
 * Patterns in Perl syntax run over a whole buffer only if that is known to be safe (perl.h), else
 * line by line.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "match_impl.h"
#include "perl.h"
#include "perl_literal.h"

/* Limit on the steps of a match at one place; LEAT_PCRE_STEPS_MAX for patterns without a second matcher. */
#define STEPS_MAX 100000u
#define OTHERS_MAX 12u /* letters of a string that have another case outside of ASCII */
#define MANY_SHARE                                                                                 \
    4u /* the automatons of all fixed strings together may use 1/4 of the memory limit */

/* --- building --------------------------------------------------------------------------------- */

struct keys {
    const char *bytes;
    size_t len;
};

static int add_patterns(struct leat_regex *re, const struct keys *keys)
{
    const char *at = keys->bytes, *end = at + keys->len;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        int r;

        leat_assert(stop != NULL);
        r = leat_regex_add(re, at, (size_t)(stop - at));
        if (r < 0)
            return r;
        at = stop + 1;
    }
    return 0;
}

/* One back-reference makes GNU use its other matcher for all patterns: parse them again for it. */
static int add_all_patterns(struct leat_regex *re, const struct keys *keys)
{
    struct leat_regex_options strict = re->options;
    int r = add_patterns(re, keys);

    if (r < 0 || !re->wants_strict || strict.strict)
        return r;
    strict.strict = true;
    leat_regex_done(re);
    r = leat_regex_init(re, &strict);
    return r < 0 ? r : add_patterns(re, keys);
}

static int compile(struct leat_matcher *m, const char *text, size_t len, uint32_t flags,
                   pcre2_code **ret_code, char *why, size_t why_size)
{
    return leat_pcre_compile(&m->pcre, text, len, flags, m->options.syntax == LEAT_MATCH_PERL, 0,
                             ret_code, why, why_size);
}

static int finish_code(struct leat_matcher *m)
{
    if (!m->code)
        return 0;
    m->match = pcre2_match_data_create(1, m->pcre.general);
    if (!m->match)
        return LEAT_ENOMEM;
    if (!m->stage)
        return 0; /* only a check of the pattern */
    return leat_pcre_jit(&m->pcre, m->code, &m->compiled);
}

static int callout(pcre2_callout_block *block, void *arg)
{
    struct leat_matcher *m = arg;

    if (!m->longest_found || block->current_position > m->longest_end)
        m->longest_end = block->current_position;
    m->longest_found = true;
    return 1; /* this method does not fit: try the next */
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
    m->longest_context = pcre2_match_context_create(m->pcre.general);
    if (!m->longest_context)
        return LEAT_ENOMEM;
    pcre2_set_match_limit(m->longest_context, LEAT_PCRE_STEPS_MAX);
    return pcre2_set_callout(m->longest_context, callout, m);
}

/* The character that is not ASCII and has this lower-case letter, or a letter of its upper case; else NULL. */
static const char *other_case(uint8_t letter)
{
    return letter == 'i'   ? "\xc4\xb1"
           : letter == 'k' ? "\xe2\x84\xaa"
           : letter == 's' ? "\xc5\xbf"
                           : NULL;
}

static unsigned count_other_cases(const uint8_t *bytes, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++)
        n += other_case(bytes[i]) != NULL;
    return n;
}

/* Writes a string; bit k of `others` replaces the k-th letter that has another case. Returns the end. */
static uint8_t *put_variant(uint8_t *to, const uint8_t *bytes, size_t len, unsigned others)
{
    for (size_t i = 0; i < len; i++) {
        const char *other = other_case(bytes[i]);

        if (other && others & 1)
            to = mempcpy(to, other, strlen(other));
        else
            *to++ = bytes[i];
        if (other)
            others >>= 1;
    }
    return to;
}

/* In Unicode without regard to case: an automaton for all ways to write the strings. */
static int build_variants(struct leat_matcher *m, const uint8_t *bytes,
                          const struct leat_regex_string *v, size_t n, size_t size_max)
{
    size_t total = 0, room = 0, at = 0;
    struct leat_many_string *strings;
    uint8_t *text, *end;
    int r = LEAT_ENOMEM;

    for (size_t i = 0; i < n; i++) {
        unsigned others = count_other_cases(bytes + v[i].at, v[i].len);

        if (others > OTHERS_MAX || room > size_max)
            return LEAT_ELIMIT;
        total += (size_t)1 << others;
        room += ((size_t)v[i].len + 2 * others) << others;
    }
    strings = calloc(total, sizeof *strings);
    text = end = malloc(room + 1);
    for (size_t i = 0; strings && text && i < n; i++) {
        unsigned others = count_other_cases(bytes + v[i].at, v[i].len);

        for (unsigned k = 0; k < 1u << others; k++) {
            uint8_t *from = end;

            end = put_variant(end, bytes + v[i].at, v[i].len, k);
            strings[at++] = (struct leat_many_string){from, (size_t)(end - from)};
        }
    }
    leat_assert(!text || (size_t)(end - text) <= room);
    if (strings && text)
        r = leat_many_new(strings, total, true, size_max, &m->many);
    free(strings);
    free(text);
    return r;
}

static int build_many(struct leat_matcher *m, const uint8_t *bytes,
                      const struct leat_regex_string *v, size_t n)
{
    uint64_t size_max = leat_memory_left(m->stage) / MANY_SHARE / leat_threads(m->stage);
    struct leat_many_string *strings;
    int r;

    if (m->wide && m->options.fold)
        return build_variants(m, bytes, v, n, (size_t)size_max);
    strings = calloc(n, sizeof *strings);
    if (!strings)
        return LEAT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        strings[i] = (struct leat_many_string){bytes + v[i].at, v[i].len};
    r = leat_many_new(strings, n, m->options.fold, (size_t)size_max, &m->many);
    free(strings);
    return r;
}

/* If all patterns are fixed strings, builds an automaton, unless it is too large. A check needs
 * none. */
static int make_many(struct leat_matcher *m, const struct leat_regex *re)
{
    struct leat_regex_string *v;
    uint8_t *bytes;
    size_t n;
    int r = leat_regex_fixed(re, &bytes, &v, &n);

    if (r < 0 || n == 0)
        return r;
    m->fixed = true;
    for (size_t i = 0; i < n; i++) /* as of `()`: it is found in every line */
        m->everything = m->everything || (v[i].len == 0 && !m->options.line);
    r = m->stage ? build_many(m, bytes, v, n) : 0;
    free(bytes);
    free(v);
    if (r == LEAT_ELIMIT)
        return 0;
    if (r < 0 || !m->stage)
        return r;
    return leat_charge(m->stage, leat_many_size(m->many));
}

static int make_literals(struct leat_matcher *m, const struct leat_regex *re)
{
    struct leat_regex_required required;
    struct leat_literal each[LEAT_REGEX_REQUIRED_MAX];
    size_t total = 0;
    int r = leat_regex_required(re, &required);

    if (r < 0)
        return r;
    if (!required.bytes || (m->options.parts && required.whole && required.n > 1))
        r = make_many(m, re);
    if (!required.bytes || r < 0) {
        free(required.bytes);
        return r;
    }
    for (size_t i = 0; i < required.n; i++)
        if (required.v[i].at + required.v[i].len > total)
            total = required.v[i].at + required.v[i].len;
    m->required = leat_pcre_get(m->stage, total);
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

static int make_posix(struct leat_matcher *m, struct leat_regex *re, char *why, size_t why_size)
{
    const uint32_t fold = m->options.fold ? PCRE2_CASELESS : 0,
                   utf = m->wide ? PCRE2_UTF | PCRE2_UCP : PCRE2_NEVER_UTF,
                   flags = PCRE2_MULTILINE | fold | utf | (m->wide ? PCRE2_MATCH_INVALID_UTF : 0);
    char *text = NULL;
    size_t len = 0;
    int r;

    re->for_ascii = !m->wide;
    m->everything = leat_regex_is_empty(re);
    m->greedy = leat_regex_is_greedy(re);
    m->second_way = !re->has_backref;
    r = make_literals(m, re);
    if (r == 0 && (m->many || (m->fixed && !m->stage) ||
                   ((m->everything || m->literals_suffice) && !m->options.parts)))
        return 0; /* PCRE2 is not needed */
    if (r == 0)
        r = leat_regex_text(re, false, &text, &len);
    if (r < 0) {
        snprintf(why, why_size, "%s", re->why ? re->why : "");
        return r;
    }
    r = compile(m, text, len, flags, &m->code, why, why_size);
    if (r == 0 && m->wide && m->second_way)
        r = compile(m, text, len, utf | fold | PCRE2_DOLLAR_ENDONLY, &m->all_ways, why, why_size);
    free(text);
    if (r == 0 && re->has_backref && m->options.parts)
        r = make_longest(m, re, flags, why, why_size);
    return r;
}

static bool is_ascii_perl(const struct keys *keys)
{
    char *pattern = keys->len > 0 ? strndup(keys->bytes, keys->len - 1) : NULL;
    bool ascii = pattern && strlen(pattern) == keys->len - 1 && leat_perl_is_ascii(pattern);

    free(pattern);
    return ascii;
}

static int make_perl(struct leat_matcher *m, const struct keys *keys, char *why, size_t why_size)
{
    const struct leat_match_options *o = &m->options;
    uint32_t flags = PCRE2_DOLLAR_ENDONLY | (o->fold ? PCRE2_CASELESS : 0);
    const char *before = o->line   ? "^(?:"
                         : o->word ? "(?<!\\w)(?:"
                                   : "",
               *after = o->line   ? ")$"
                        : o->word ? ")(?!\\w)"
                                  : "",
               *p = keys->len > 0 ? keys->bytes : "(?!)\n";
    size_t size, n = keys->len > 0 ? keys->len - 1 : strlen("(?!)");
    char *text;
    int r;

    if (memchr(p, '\n', n)) {
        snprintf(why, why_size, "a Perl pattern must be the only one, and without a newline");
        return LEAT_EUSAGE;
    }
    m->by_line = o->eol != '\n' || !leat_perl_is_line_safe(p, n);
    if (!m->by_line)
        flags |= PCRE2_MULTILINE;
    flags |= m->wide ? PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF : PCRE2_NEVER_UTF;
    m->greedy = true;
    m->everything = n == 0 && !o->line && !o->word && !o->parts;
    size = strlen(before) + n + strlen(after);
    text = malloc(size + 1);
    if (!text)
        return LEAT_ENOMEM;
    memcpy(text, before, strlen(before));
    memcpy(text + strlen(before), p, n);
    memcpy(text + strlen(before) + n, after, strlen(after));
    r = compile(m, text, size, flags, &m->code, why, why_size);
    free(text);
    return r;
}

/* Reads the patterns. In Unicode they must be UTF-8, unless their bytes mean the same in any text. */
static int parse(const struct leat_match_options *options, const struct keys *keys,
                 struct leat_regex *re, bool *ret_is_bytes, char *why, size_t why_size)
{
    const struct leat_regex_options o = {
        .syntax = (enum leat_regex_syntax)options->syntax,
        .fold = options->fold,
        .word = options->word,
        .line = options->line,
        .unicode = options->unicode,
        .strict = options->strict,
        .eol = options->eol,
    };
    int r = leat_regex_init(re, &o);

    if (r == 0)
        r = add_all_patterns(re, keys);
    *ret_is_bytes = r == 0 && (!o.unicode || leat_regex_is_bytes(re));
    if (r == 0 && re->has_raw && !*ret_is_bytes) {
        re->why = "it is not valid UTF-8; with --bytes a character is a byte";
        r = LEAT_EUSAGE;
    }
    if (r < 0)
        snprintf(why, why_size, "%s", re->why ? re->why : "");
    return r;
}

static int finish(struct leat_matcher *m)
{
    int r;

    pcre2_set_match_limit(m->pcre.context, m->second_way ? STEPS_MAX : LEAT_PCRE_STEPS_MAX);
    r = finish_code(m);
    /* Without compiled code each match checks all of its subject again. */
    m->by_line = m->by_line || (m->wide && !m->compiled);
    return r;
}

static int matcher_new(struct leat_stage *stage, const struct leat_match_options *options,
                       bool wide, struct leat_matcher **ret)
{
    bool nul = options->eol == '\0' && options->syntax != LEAT_MATCH_PERL;
    struct leat_matcher *m = leat_pcre_get(stage, sizeof *m);

    if (!m)
        return LEAT_ENOMEM;
    *ret = m;
    m->stage = stage;
    m->options = *options;
    m->wide = wide;
    return leat_pcre_init(&m->pcre, stage, nul ? PCRE2_NEWLINE_NUL : PCRE2_NEWLINE_LF);
}

static int build_posix(struct leat_matcher *m, const struct keys *keys, char *why, size_t why_size)
{
    struct leat_regex re;
    bool is_bytes;
    int r = parse(&m->options, keys, &re, &is_bytes, why, why_size);

    if (r == 0)
        r = make_posix(m, &re, why, why_size);
    if (r == 0)
        r = finish(m);
    if (r == 0 && !is_bytes && !m->everything)
        r = matcher_new(m->stage, &m->options, true, &m->unicode);
    if (r == 0 && m->unicode)
        r = make_posix(m->unicode, &re, why, why_size);
    if (r == 0 && m->unicode)
        r = finish(m->unicode);
    leat_regex_done(&re);
    return r;
}

/* A Perl pattern is matched as bytes where the text is ASCII, if it then means the same. */
static int build_perl(struct leat_matcher *m, const struct keys *keys, char *why, size_t why_size)
{
    bool twice = m->options.unicode && is_ascii_perl(keys);
    int r;

    m->wide = m->options.unicode && !twice;
    r = make_perl(m, keys, why, why_size);
    if (r == 0)
        r = finish(m);
    if (r == 0 && twice)
        r = matcher_new(m->stage, &m->options, true, &m->unicode);
    if (r == 0 && twice)
        r = make_perl(m->unicode, keys, why, why_size);
    return r == 0 && twice ? finish(m->unicode) : r;
}

int leat_matcher_new(struct leat_stage *stage, const struct leat_match_options *options,
                     const char *keys, size_t len, struct leat_matcher **ret, char *why,
                     size_t why_size)
{
    const struct keys all = {keys, len};
    struct leat_matcher *m = NULL;
    int r = matcher_new(stage, options, false, &m);

    if (r == 0 && options->syntax == LEAT_MATCH_PERL)
        r = build_perl(m, &all, why, why_size);
    else if (r == 0)
        r = build_posix(m, &all, why, why_size);
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
    leat_matcher_free(m->unicode);
    leat_pcre_put(m->stage, m->valid);
    pcre2_code_free(m->all_ways);
    pcre2_code_free(m->code);
    pcre2_code_free(m->longest);
    pcre2_match_data_free(m->match);
    pcre2_match_context_free(m->longest_context);
    leat_pcre_done(&m->pcre);
    free(m->many);
    leat_pcre_put(m->stage, m->workspace);
    leat_pcre_put(m->stage, m->required);
    leat_pcre_put(m->stage, m);
}
