/* substitute.h - puts a text in the place of matches in each line: the work of replace and of sed. */
#ifndef LEAT_TEXT_SUBSTITUTE_H
#define LEAT_TEXT_SUBSTITUTE_H

#include "pattern/finder.h"
#include "replacement.h"
#include "stage.h"

/* Zeroed, then the first members are set. */
struct leat_substitute {
    struct leat_finder *finder;
    const struct leat_replacement *text;
    uint64_t first, last; /* matches of a line that are replaced, from 1 */
    uint8_t eol;
    bool adjacent; /* an empty match directly after another match counts, as in Perl */

    size_t searched;      /* bytes from the cursor on that the last search has seen */
    size_t gap;           /* bytes from the cursor on that stay as they are */
    bool have;            /* a match is known: in the line after the gap, or later */
    const size_t *groups; /* of the match */
    ptrdiff_t origin;     /* what its groups are relative to, from the cursor */

    /* The line at the cursor, while matches are replaced in it: */
    bool in_line;
    size_t line_end, line_len; /* end of its text; its length with the line end */
    size_t at;                 /* bytes of it that are output, or left out */
    uint64_t matches;

    uint8_t *pending; /* output that had no room */
    size_t pending_at, pending_len, pending_room;
};

/* leat_substitute_step, _begin, _close - what the stage calls in its step; in `begin` of its lanes; in close. */
int leat_substitute_step(struct leat_stage *stage, struct leat_substitute *substitute,
                         struct leat_in *in, struct leat_out *out);
void leat_substitute_begin(struct leat_substitute *substitute);
void leat_substitute_close(struct leat_stage *stage, struct leat_substitute *substitute);

#endif
