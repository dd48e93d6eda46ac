/* perl.h - a look at a Perl pattern: may it be matched against many lines at once? */
#ifndef LEAT_TEXT_PERL_H
#define LEAT_TEXT_PERL_H

#include <stdbool.h>

/* leat_perl_is_line_safe - true if a match in a buffer of lines is found in every line that
 * matches on its own, and never holds a newline. When in doubt, false. */
bool leat_perl_is_line_safe(const char *pattern);

#endif
