/* match.h - finds the lines of a buffer that match, and the matches in them: the search of grep.
 *
 * The pattern decides the method: a vector search for one fixed string, PCRE2's compiled code on
 * the whole buffer, or the former to find candidate lines for the latter.
 */
#ifndef LEAT_TEXT_PATTERN_MATCH_H
#define LEAT_TEXT_PATTERN_MATCH_H

#include "regex.h"
#include "stage.h"

enum leat_match_syntax {
    LEAT_MATCH_BASIC = LEAT_REGEX_BASIC,
    LEAT_MATCH_EXTENDED = LEAT_REGEX_EXTENDED,
    LEAT_MATCH_FIXED = LEAT_REGEX_FIXED,
    LEAT_MATCH_PERL,
};

struct leat_match_options {
    enum leat_match_syntax syntax;
    bool fold, word, line; /* -i, -w, -x */
    bool parts;            /* leat_matcher_part will be called */
    bool strict;           /* read patterns as GNU does for -o: see leat_regex_options */
    bool unicode;          /* characters are those of UTF-8, not bytes */
    uint8_t eol;
};

struct leat_matcher;

/* leat_matcher_new - compile patterns.
 *
 *   keys, len  the patterns, each followed by a newline; without any, no line matches
 *   stage      the stage that memory is charged to; NULL: charge nothing, only check the patterns
 *   ret_why    on LEAT_EUSAGE: the problem as text; at most why_size bytes
 *
 * Returns 0, LEAT_EUSAGE, LEAT_ELIMIT (recorded), LEAT_ENOMEM. */
int leat_matcher_new(struct leat_stage *stage, const struct leat_match_options *options,
                     const char *keys, size_t len, struct leat_matcher **ret_matcher, char *ret_why,
                     size_t why_size);
void leat_matcher_free(struct leat_matcher *matcher);

/* leat_matcher_begin - the buffer may have changed; call it before the first search of a step. */
void leat_matcher_begin(struct leat_matcher *matcher);

/* leat_matcher_line - find the next matching line.
 *
 *   data, len   whole lines; only the last may lack its line end
 *   from        start of a line, below len
 *   ret_end     the offset after the line end, or len
 *
 * Returns 1, 0 if no line matches, or an error in the line at *ret_start; then leat_matcher_why
 * tells the reason, unless the stage has recorded it already. */
int leat_matcher_line(struct leat_matcher *matcher, const uint8_t *data, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end);

/* leat_matcher_count - count the lines of data that match. Returns 0, or an error as above, for the
 * line at *ret_at. */
int leat_matcher_count(struct leat_matcher *matcher, const uint8_t *data, size_t len,
                       uint64_t *ret_lines, size_t *ret_at);

/* leat_matcher_part - find the leftmost match in a line (without its line end) at or after `from`,
 * and the longest one that starts there. Returns 1, 0 or an error, as above. */
int leat_matcher_part(struct leat_matcher *matcher, const uint8_t *line, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end);

/* leat_matcher_why - the reason of an error; NULL if the stage has recorded it already. */
const char *leat_matcher_why(const struct leat_matcher *matcher);

#endif
