/* perl_literal.h - the fixed string that every match of a Perl pattern contains.
 *
 * A search for it skips the lines that cannot match. The analysis is careful: for a pattern with anything that it
 * does not know, it finds no string.
 */
#ifndef LEAT_TEXT_PATTERN_PERL_LITERAL_H
#define LEAT_TEXT_PATTERN_PERL_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_perl_literal {
    size_t at, len; /* of the string in the bytes; len 0: there is none */
    bool whole;     /* the pattern is only this string */
    bool newline;   /* every match contains a newline */
};

/* leat_perl_literal - analyse a pattern.
 *
 *   fold, unicode  the pattern is compiled with PCRE2_CASELESS, PCRE2_UTF
 *   ret_bytes      room for strlen(pattern) bytes; in lower case if letters are folded */
void leat_perl_literal(const char *pattern, bool fold, bool unicode, uint8_t *ret_bytes,
                       struct leat_perl_literal *ret);

/* leat_perl_is_ascii - does the pattern match the same in ASCII text, whether it is compiled for bytes or for
 * Unicode? If unsure, false. */
bool leat_perl_is_ascii(const char *pattern);

#endif
