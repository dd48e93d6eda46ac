/* posix.h - the C library's matcher for POSIX regular expressions, in the syntax of sed.
 *
 * It is the one that GNU sed has, so groups and lengths of matches are the same. It is slow; finder.c uses it where
 * PCRE2 might find another match.
 */
#ifndef LEAT_TEXT_PATTERN_POSIX_H
#define LEAT_TEXT_PATTERN_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_posix;

struct leat_posix_options {
    bool extended, fold;
    bool nul_ends; /* lines end with NUL bytes, and may contain newlines */
};

/* leat_posix_new - compile a pattern of len bytes. Returns 0; LEAT_EUSAGE with the problem in ret_why; LEAT_ENOMEM. */
int leat_posix_new(const char *pattern, size_t len, const struct leat_posix_options *options,
                   struct leat_posix **ret, char *ret_why, size_t why_size);
void leat_posix_free(struct leat_posix *posix);

/* leat_posix_groups - how many groups the pattern has. */
unsigned leat_posix_groups(const struct leat_posix *posix);

/* leat_posix_search - find the leftmost, longest match at or after `from` in a line without its end.
 *
 * Returns 1, 0 or LEAT_ENOMEM. */
int leat_posix_search(struct leat_posix *posix, const uint8_t *line, size_t len, size_t from);

/* leat_posix_match - start and end of the match, then of each group; SIZE_MAX: not part of it. */
const size_t *leat_posix_match(const struct leat_posix *posix);

#endif
