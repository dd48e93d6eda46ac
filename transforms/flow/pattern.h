/* pattern.h - one Perl regular expression, matched against one line at a time. */
#ifndef LEAT_FLOW_PATTERN_H
#define LEAT_FLOW_PATTERN_H

#include "stage.h"

enum leat_pattern_flags {
    LEAT_PATTERN_LITERAL = 1,     /* a fixed string instead of an expression */
    LEAT_PATTERN_IGNORE_CASE = 2, /* for ASCII letters */
};

struct leat_pattern;

/* leat_pattern_new - compile the pattern, to machine code if possible; memory is charged to
 * `stage`.
 * Returns 0, or fails the stage; LEAT_EUSAGE tells the problem and its place in the text. */
int leat_pattern_new(struct leat_stage *stage, const char *text, unsigned flags,
                     struct leat_pattern **ret_pattern);
/* leat_pattern_check - does the pattern compile? For `plan`. Returns as leat_pattern_new. */
int leat_pattern_check(struct leat_stage *stage, const char *text, unsigned flags);
/* leat_pattern_match - match n bytes: a line without its line end. Returns 1 if the pattern is
 * found, 0 if not; negative: the stage has failed (the line needs too many steps). */
int leat_pattern_match(struct leat_pattern *pattern, const uint8_t *data, size_t n);
/* leat_pattern_free - NULL is fine. */
void leat_pattern_free(struct leat_pattern *pattern);

#endif
