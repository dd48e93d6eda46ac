/* perl.h - decides whether a Perl pattern may be matched against many lines at once. */
#ifndef LEAT_TEXT_PATTERN_PERL_H
#define LEAT_TEXT_PATTERN_PERL_H

#include <stdbool.h>
#include <stddef.h>

/* leat_perl_is_line_safe - true if a search in a buffer of lines finds a match in every line that
 * matches by itself, and no match contains a newline. If unsure, false. */
bool leat_perl_is_line_safe(const char *pattern, size_t len);

#endif
