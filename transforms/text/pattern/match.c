/* match.c - finds matching lines in a buffer: PCRE2 on whole buffers, helped by a fixed-string
 * search.
 *
 * PCRE2 backtracks: a pattern like (a*)*b may need exponential time. Its step limit turns that into
 * an error. Then PCRE2's other matcher tries the line again; it follows all possibilities at once
 * and needs no limit. It does not support back-references and Perl patterns; these fail with a
 * message.
 */

#include "../scan.h"
#include "base/invariant.h"
#include "match_impl.h"
#include "utf8.h"

#include <string.h>

/* After this many lines that needed the second matcher, the first is no longer tried. */
#define HARD_LINES_MAX 16u
#define WORKSPACE_MIN ((size_t)1024) /* in ints, for the matcher that does not backtrack */
#define WORKSPACE_MAX ((size_t)4 << 20)
/* Candidate lines after which judge_literals decides whether the fixed strings help. */
#define SAMPLE_LINES 512u
/* This many bytes of ASCII end a region of other lines. */
#define ASCII_MIN ((size_t)512)

const char *leat_matcher_why(const struct leat_matcher *m)
{
    return m->unicode && m->unicode->pcre.why ? m->unicode->pcre.why : m->pcre.why;
}

/* --- one match -------------------------------------------------------------------------------- */

/* Returns 1, 0, a limit of PCRE2, or an error of leat; then *ret_failed is set. */
static int match_at(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                    bool *ret_failed)
{
    return leat_pcre_match(&m->pcre, m->code, m->compiled, data, len, from, 0, m->match,
                           ret_failed);
}

/* Makes a line valid UTF-8 for the second matcher, which knows no other. No pattern matches a line end, so none matches
 * what replaces wrong bytes. */
static int make_valid(struct leat_matcher *m, const uint8_t **line, size_t len)
{
    size_t n, at = 0;
    uint32_t code;

    if (m->checked != *line || m->checked_len != len) {
        while (at < len && (n = leat_utf8_read(*line + at, len - at, &code)) > 0)
            at += n;
        m->checked = *line;
        m->checked_len = len;
        m->checked_is_valid = at == len;
        if (at < len && len > m->valid_room) {
            leat_pcre_put(m->stage, m->valid);
            m->valid_room = 0;
            m->valid = leat_pcre_get(m->stage, 2 * len);
            if (!m->valid)
                return LEAT_ENOMEM;
            m->valid_room = 2 * len;
        }
        if (at < len)
            memcpy(m->valid, *line, len);
        while (at < len) {
            n = leat_utf8_read(m->valid + at, len - at, &code);
            if (n == 0)
                m->valid[at] = m->options.eol;
            at += n + (n == 0);
        }
    }
    if (!m->checked_is_valid)
        *line = m->valid;
    return 0;
}

/* The second matcher, which follows all possibilities at once. Returns 1, 0 or an error of leat. */
static int match_all_ways(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                          uint32_t flags)
{
    const pcre2_code *code = m->all_ways ? m->all_ways : m->code;

    if (m->wide) {
        int r = make_valid(m, &data, len);

        if (r < 0)
            return r;
        flags |= PCRE2_NO_UTF_CHECK;
    }
    for (;;) {
        size_t ints = m->workspace_ints ? 4 * m->workspace_ints : WORKSPACE_MIN;
        int r = PCRE2_ERROR_DFA_WSSIZE;

        if (m->workspace)
            r = pcre2_dfa_match(code, data, len, from, flags, m->match, NULL, m->workspace,
                                m->workspace_ints);
        if (r >= 0)
            return 1;
        if (r == PCRE2_ERROR_NOMATCH)
            return 0;
        if (r != PCRE2_ERROR_DFA_WSSIZE)
            return leat_pcre_fail(&m->pcre, r);
        if (ints > WORKSPACE_MAX)
            return leat_pcre_say(&m->pcre, LEAT_ELIMIT,
                                 "the pattern is too large for this line; simplify it");
        leat_pcre_put(m->stage, m->workspace);
        m->workspace_ints = 0;
        m->workspace = leat_pcre_get(m->stage, ints * sizeof *m->workspace);
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
            return leat_pcre_fail(&m->pcre, r);
        m->hard_lines++;
    }
    return match_all_ways(m, line, len, 0, PCRE2_DFA_SHORTEST);
}

/* --- lines of a buffer ------------------------------------------------------------------------ */

/* Finds the line that contains `at`, which is after `from`, the start of a line. */
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

/* Matches line by line from `from` on. */
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

/* If nearly every line is a candidate, the search for candidates only costs time. */
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
    if (r < 0) { /* a limit in some line: find out which */
        m->by_line = ++m->hard_lines > HARD_LINES_MAX;
        return next_by_line(m, data, len, from, ret_start, ret_end);
    }
    at = pcre2_get_ovector_pointer(m->match)[0];
    if (at >= len && data[len - 1] == m->options.eol)
        return 0; /* an empty match after the last line is in no line */
    line_around(m, data, len, from, at, ret_start, ret_end);
    return 1;
}

/* --- many fixed strings ----------------------------------------------------------------------- */

static enum leat_many_word words(const struct leat_matcher *m)
{
    return !m->options.word ? LEAT_MANY_ANY : m->wide ? LEAT_MANY_UNICODE_WORD : LEAT_MANY_WORD;
}

/* Finds the next line that equals one of the strings. */
static int next_whole_line(const struct leat_matcher *m, const uint8_t *data, size_t len,
                           size_t from, size_t *ret_start, size_t *ret_end)
{
    for (; from < len; from = *ret_end) {
        line_around(m, data, len, from, from, ret_start, ret_end);
        if (leat_many_is(m->many, data + from, text_length(m, data, from, *ret_end)))
            return 1;
    }
    return 0;
}

/* Finds the next line that contains one of the strings. */
static int next_by_many(const struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                        size_t *ret_start, size_t *ret_end)
{
    size_t start, end;

    if (m->options.line)
        return next_whole_line(m, data, len, from, ret_start, ret_end);
    for (; from < len; from = *ret_end) {
        const uint8_t *hit = leat_many_find(m->many, data + from, len - from);

        if (!hit)
            return 0;
        line_around(m, data, len, from, (size_t)(hit - data), ret_start, ret_end);
        if (!m->options.word ||
            leat_many_part(m->many, data + *ret_start, text_length(m, data, *ret_start, *ret_end),
                           0, words(m), &start, &end))
            return 1;
    }
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

static int next_line(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                     size_t *ret_start, size_t *ret_end)
{
    if (m->everything) {
        line_around(m, data, len, from, from, ret_start, ret_end);
        return 1;
    }
    if (m->literals_help)
        return next_by_literals(m, data, len, from, ret_start, ret_end);
    if (m->many)
        return next_by_many(m, data, len, from, ret_start, ret_end);
    if (m->by_line)
        return next_by_line(m, data, len, from, ret_start, ret_end);
    return next_by_buffer(m, data, len, from, ret_start, ret_end);
}

/* --- lines that are ASCII, and others --------------------------------------------------------- */

void leat_matcher_begin(struct leat_matcher *m)
{
    m->region_data = m->checked = NULL;
    if (m->unicode)
        m->unicode->checked = NULL;
}

/* The end of a region whose lines mostly are not ASCII; data[at] is not. */
static size_t end_of_region(const struct leat_matcher *m, const uint8_t *data, size_t len,
                            size_t at)
{
    for (;;) {
        const uint8_t *end = memchr(data + at, m->options.eol, len - at);
        size_t next = end ? (size_t)(end - data) + 1 : len, most = len - next, n;

        if (most > ASCII_MIN)
            most = ASCII_MIN;
        n = leat_scan_ascii(data + next, most);
        if (n == most)
            return next;
        at = next + n;
    }
}

/* Finds the region that contains the line at `from`. */
static void find_region(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from)
{
    size_t at;
    const uint8_t *before;

    if (m->region_data == data && from >= m->region_from && from < m->region_to &&
        m->region_to <= len)
        return;
    at = from + leat_scan_ascii(data + from, len - from);
    before = at < len ? memrchr(data + from, m->options.eol, at - from) : NULL;
    m->region_data = data;
    m->region_from = from;
    m->region_is_ascii = at == len || before;
    if (m->region_is_ascii)
        m->region_to = at == len ? len : (size_t)(before - data) + 1;
    else
        m->region_to = end_of_region(m, data, len, at);
    leat_assert(m->region_to > from);
}

int leat_matcher_line(struct leat_matcher *m, const uint8_t *data, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end)
{
    int r = 0;

    m->pcre.why = NULL;
    if (!m->unicode)
        return next_line(m, data, len, from, ret_start, ret_end);
    m->unicode->pcre.why = NULL;
    for (; r == 0 && from < len; from = m->region_to) {
        find_region(m, data, len, from);
        r = next_line(m->region_is_ascii ? m : m->unicode, data, m->region_to, from, ret_start,
                      ret_end);
    }
    return r;
}

int leat_matcher_count(struct leat_matcher *m, const uint8_t *data, size_t len, uint64_t *ret_lines,
                       size_t *ret_at)
{
    uint64_t lines = 0;
    size_t from = 0;

    if (m->literals_suffice && m->n_literals == 1 && !m->everything && !m->unicode) {
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

/* --- matches in a line ------------------------------------------------------------------------ */

/* Finds the longest match that starts at `start`; there is one. */
static int find_longest(struct leat_matcher *m, const uint8_t *line, size_t len, size_t start,
                        size_t *ret_end)
{
    int r;

    if (m->longest) {
        m->longest_found = false;
        r = pcre2_match(m->longest, line, len, start, PCRE2_ANCHORED, m->match, m->longest_context);
        if (r != PCRE2_ERROR_NOMATCH)
            return leat_pcre_fail(&m->pcre, r);
        if (m->longest_found)
            *ret_end = m->longest_end;
        return 1;
    }
    r = match_all_ways(m, line, len, start, PCRE2_ANCHORED);
    if (r > 0)
        *ret_end = pcre2_get_ovector_pointer(m->match)[1];
    return r;
}

static int part_of_many(const struct leat_matcher *m, const uint8_t *line, size_t len, size_t from,
                        size_t *ret_start, size_t *ret_end)
{
    if (!m->options.line)
        return leat_many_part(m->many, line, len, from, words(m), ret_start, ret_end);
    *ret_start = 0;
    *ret_end = len;
    return from == 0 && leat_many_is(m->many, line, len);
}

static int next_part(struct leat_matcher *m, const uint8_t *line, size_t len, size_t from,
                     size_t *ret_start, size_t *ret_end)
{
    bool failed = false;
    int r;

    if (m->literals_suffice && m->n_literals == 1) {
        const uint8_t *hit = leat_literal_find(&m->literal, line + from, len - from);

        if (!hit)
            return 0;
        *ret_start = (size_t)(hit - line);
        *ret_end = *ret_start + m->literal.len;
        return 1;
    }
    if (m->many)
        return part_of_many(m, line, len, from, ret_start, ret_end);
    r = match_at(m, line, len, from, &failed);
    if (r == 0 || failed)
        return r;
    if (r < 0) {
        if (!m->second_way)
            return leat_pcre_fail(&m->pcre, r);
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

int leat_matcher_part(struct leat_matcher *m, const uint8_t *line, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end)
{
    m->pcre.why = NULL;
    if (m->unicode) {
        m->unicode->pcre.why = NULL;
        if (from == 0 || !m->for_part)
            m->for_part = leat_scan_ascii(line, len) == len ? m : m->unicode;
    }
    return next_part(m->unicode ? m->for_part : m, line, len, from, ret_start, ret_end);
}
