/* match.h - glob patterns that select the entries of an archive by name.
 *
 * The rules are those of GNU tar's --exclude:
 * - `*` matches any bytes, `?` one character, both match `/`, too; `[a-z]`, `[!a-z]` and `[[:digit:]]`
 *   match one character of a set; `\` takes the next character as it is.
 * - A pattern matches a name as a whole or from any of its components on: `b/c` matches `a/b/c`.
 * - A pattern that matches a directory matches all below it.
 * - A `/` at the end of a pattern or of a name does not count.
 * A character is a character of UTF-8, or a byte where the name is not UTF-8.
 */
#ifndef LEAT_ARCHIVE_MATCH_H
#define LEAT_ARCHIVE_MATCH_H

#include "stage.h"

struct leat_match_pattern {
    const char *text; /* borrowed */
    size_t n;         /* bytes, at most LEAT_MATCH_PATTERN_MAX */
    bool used;        /* it has matched */
};
#define LEAT_MATCH_PATTERN_MAX 4096u

/* All zero: no pattern, which matches nothing. */
struct leat_match {
    struct leat_match_pattern *v;
    size_t n, room;
};

/* leat_match_glob - does the pattern match the name? Both may contain any bytes. */
bool leat_match_glob(const char *pattern, size_t n_pattern, const char *name, size_t n_name);
/* leat_match_add - another pattern; `text` stays the caller's and must outlive the match. An empty
 * one is ignored. The memory is charged. Returns 0, or fails the stage. */
int leat_match_add(struct leat_stage *stage, struct leat_match *match, const char *text, size_t n);
/* leat_match_add_strings - the values of an option. */
int leat_match_add_strings(struct leat_stage *stage, struct leat_match *match,
                           const struct leat_strings *strings);
/* leat_match_add_lines - each line of a file is a pattern; `end` ends a line: '\n' or '\0'. */
int leat_match_add_lines(struct leat_stage *stage, struct leat_match *match, const void *data,
                         size_t n, char end);
/* leat_match_any - does one of the patterns match the name? Each that does becomes `used`. */
bool leat_match_any(struct leat_match *match, const char *name, size_t n);
/* leat_match_free - free the list; all zero is fine. */
void leat_match_free(struct leat_stage *stage, struct leat_match *match);

#endif
