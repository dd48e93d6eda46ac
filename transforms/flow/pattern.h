/* pattern.h - one Perl regular expression, asked of one line at a time. */
#ifndef LEAT_FLOW_PATTERN_H
#define LEAT_FLOW_PATTERN_H

#include "stage.h"

enum leat_pattern_flags {
    LEAT_PATTERN_LITERAL = 1,     /* a string, not an expression */
    LEAT_PATTERN_IGNORE_CASE = 2, /* of ASCII letters */
};

struct leat_pattern;

/* leat_pattern_new - compile, to machine code where there is a way; memory is charged to `stage`.
 * Returns 0; else the stage has failed: LEAT_EUSAGE says what is wrong where in the text. */
int leat_pattern_new(struct leat_stage *stage, const char *text, unsigned flags,
                     struct leat_pattern **ret_pattern);
/* leat_pattern_check - would it compile? For `plan`. Returns as leat_pattern_new. */
int leat_pattern_check(struct leat_stage *stage, const char *text, unsigned flags);
/* leat_pattern_match - 1: it is found in the n bytes, which are a line without its end; 0: not;
 * negative: a failure of the stage, recorded (the line costs too many steps). */
int leat_pattern_match(struct leat_pattern *pattern, const uint8_t *data, size_t n);
/* leat_pattern_free - NULL is fine. */
void leat_pattern_free(struct leat_pattern *pattern);

#endif
