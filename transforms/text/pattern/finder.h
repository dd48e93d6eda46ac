/* finder.h - finds the matches of a pattern, with their groups, one after another in a buffer of lines.
 *
 * A pattern that is one fixed string is searched for as that. Else PCRE2's compiled code runs over the whole buffer, if
 * the pattern is known to stay in its line (perl.h), or over single lines: those that contain a string that every match
 * needs (perl_literal.h). A POSIX pattern is translated (regex.h), or if PCRE2 might find other matches, left to posix.h. In Unicode, parts of the buffer that are ASCII are matched as bytes, if the result is the same.
 */
#ifndef LEAT_TEXT_PATTERN_FINDER_H
#define LEAT_TEXT_PATTERN_FINDER_H

#include "literal.h"
#include "stage.h"

enum leat_finder_syntax {
    LEAT_FINDER_PERL,
    LEAT_FINDER_FIXED,
    LEAT_FINDER_BASIC, /* as sed: without word, line and unicode */
    LEAT_FINDER_EXTENDED,
};

struct leat_finder_options {
    const char *pattern;
    size_t len; /* of a basic or extended pattern, which may contain NUL; else it ends with NUL */
    enum leat_finder_syntax syntax;
    bool fold, word, line; /* ignore case; whole words; whole lines */
    bool unicode;
    uint8_t eol;
};

struct leat_finder;

/* leat_finder_new - compile a pattern.
 *
 *   stage     the stage that memory is charged to; NULL: only check the pattern
 *   ret_why   on LEAT_EUSAGE: the problem as text; at most why_size bytes
 *
 * Returns 0, LEAT_EUSAGE, LEAT_ELIMIT (recorded), LEAT_ENOMEM. */
int leat_finder_new(struct leat_stage *stage, const struct leat_finder_options *options,
                    struct leat_finder **ret_finder, char *ret_why, size_t why_size);
void leat_finder_free(struct leat_finder *finder);

/* leat_finder_groups - how many groups the pattern has, and the number of the one with a name of n bytes; 0: none. */
unsigned leat_finder_groups(const struct leat_finder *finder);
unsigned leat_finder_number(const struct leat_finder *finder, const char *name, size_t n);

/* leat_finder_literal - if the pattern is only a fixed string, a search for that; else NULL. */
const struct leat_literal *leat_finder_literal(const struct leat_finder *finder);

/* leat_finder_begin - the buffer may have changed; call it before the first search of a step. */
void leat_finder_begin(struct leat_finder *finder);

/* leat_finder_next - find the next match.
 *
 *   data, len   whole lines; only the last may lack its line end
 *   from        in the first line, or the start of another line; at most len
 *   not_empty   a match at `from` must not be empty
 *   ret_base    the groups are relative to data[*ret_base], the start of a line; on an error: that line
 *
 * Returns 1, 0 if there is none, or an error; then leat_finder_why tells the reason, unless the stage has recorded
 * it already. */
int leat_finder_next(struct leat_finder *finder, const uint8_t *data, size_t len, size_t from,
                     bool not_empty, size_t *ret_base);

/* leat_finder_match - start and end of the match, then of each group; SIZE_MAX: not part of it. Valid until the next
 * search. */
const size_t *leat_finder_match(const struct leat_finder *finder);

/* leat_finder_why - the reason of an error; NULL if the stage has recorded it already. */
const char *leat_finder_why(const struct leat_finder *finder);

#endif
