/* match.h - which lines of a buffer match, and where: the search behind grep.
 *
 * Chosen by the pattern: a vector search for one fixed string; PCRE2's compiled code on the whole
 * buffer; or the one to find candidate lines for the other.
 */
#ifndef LEAT_TEXT_MATCH_H
#define LEAT_TEXT_MATCH_H

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
    bool utf8;             /* LEAT_MATCH_PERL only */
    uint8_t eol;
};

struct leat_matcher;

/* leat_matcher_new - compile patterns; one that holds newlines is several.
 *
 *   stage      memory is charged to it; NULL: to nobody, for a check of the patterns only
 *   ret_why    on LEAT_EUSAGE: what is wrong; at most why_size bytes
 *
 * Returns 0, LEAT_EUSAGE, LEAT_ELIMIT (recorded), LEAT_ENOMEM. */
int leat_matcher_new(struct leat_stage *stage, const struct leat_match_options *options,
                     const struct leat_strings *patterns, struct leat_matcher **ret_matcher,
                     char *ret_why, size_t why_size);
void leat_matcher_free(struct leat_matcher *matcher);

/* leat_matcher_line - the next matching line.
 *
 *   data, len   whole lines; only the last may lack its end
 *   from        start of a line, below len
 *   ret_end     behind the line's end, or len
 *
 * Returns 1, 0 if no line matches, or an error; then leat_matcher_why says what happened in the
 * line at *ret_start, unless the stage has recorded it itself. */
int leat_matcher_line(struct leat_matcher *matcher, const uint8_t *data, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end);

/* leat_matcher_count - how many lines of data match. Returns 0, or an error as above, of the line
 * at *ret_at. */
int leat_matcher_count(struct leat_matcher *matcher, const uint8_t *data, size_t len,
                       uint64_t *ret_lines, size_t *ret_at);

/* leat_matcher_part - the leftmost match in a line (without its end) at or behind from, and the
 * longest of those that start there. Returns 1, 0 or an error, as above. */
int leat_matcher_part(struct leat_matcher *matcher, const uint8_t *line, size_t len, size_t from,
                      size_t *ret_start, size_t *ret_end);

/* leat_matcher_why - the reason of an error; NULL if the stage has recorded it already. */
const char *leat_matcher_why(const struct leat_matcher *matcher);

#endif
