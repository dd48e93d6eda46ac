/* grep.h - what the files of grep share: its options, its state, and one job each.
 *
 *     grep.c            the stage: options, step, lanes
 *     grep_patterns.c   the patterns of -e, -f and the operand; the matcher
 *     grep_ranges.c     which bytes of the input are selected lines
 *     grep_context.c    which lines around them are output (-A, -B, -C, -m)
 *     grep_output.c     how a line is written: numbers, parts, colours
 */
#ifndef LEAT_TEXT_GREP_H
#define LEAT_TEXT_GREP_H

#include "look_behind.h"
#include "pattern/match.h"
#include "stage.h"

enum leat_grep_color { LEAT_GREP_COLOR_AUTO, LEAT_GREP_COLOR_ALWAYS, LEAT_GREP_COLOR_NEVER };

struct leat_grep_params {
    int basic, extended, fixed, perl;
    int ignore_case, invert, word, line;
    int count, line_number, byte_offset, only_matching, null_data, text, bytes, utf8;
    int no_separator, color, refused;
    int64_t max_count, after, before, around;
    const char *separator;
    struct leat_strings patterns, files;
};

/* A line that is being written. */
struct leat_grep_line {
    const uint8_t *bytes; /* set anew in each step, as the input may have moved */
    size_t len;           /* with its end, if it has one */
    uint64_t offset;      /* in the input */
    bool selected;        /* else it is a line of the context */
};

struct leat_grep {
    struct leat_matcher *matcher;
    bool opened;
    bool plain;       /* lines are output as they are, without prefix, parts or colour */
    bool has_context; /* -A, -B or -C is given, also with 0 */
    uint64_t after, before;

    /* From the input cursor on: bytes that do not match, then bytes that do, then (if known)
     * again bytes that do not and bytes that do. */
    size_t gap, hit, gap_after, hit_after;
    bool is_gap; /* the range at the cursor is the gap */

    uint64_t lines;    /* before the cursor; counted only for -n */
    uint64_t selected; /* counted for -m and -c */
    bool done;         /* -m: enough lines are selected */
    bool answered;     /* the count is in `text` */

    /* Lines at the cursor that are to be output. */
    size_t out_left; /* bytes */
    bool out_selected;

    /* Context: */
    uint64_t pending;             /* lines that are still to be output after a selected one */
    bool used;                    /* a selected line was output */
    bool dropped;                 /* lines were left out since the last output */
    bool leading;                 /* the lines before a selected one are being written */
    struct leat_look_behind hold; /* the last lines before the cursor, at most `before` */
    uint64_t held_lines;

    /* The line that is being written: */
    bool in_line;
    size_t part_from;          /* where to look for the next match */
    size_t part_at, part_len;  /* a match that comes after the span */
    bool has_part, in_part;    /* it is known; it is the span */
    bool at_tail;              /* the span is the rest of the line */
    size_t span_at, span_left; /* bytes of the line to be written after `text` */

    char text[240]; /* to be written first: "12:", colours, a line end */
    size_t text_at, text_len;
};

/* The room of a step, of which n bytes are filled. */
struct leat_grep_out {
    struct leat_out *out;
    uint8_t *to;
    size_t n, room;
};

static inline uint8_t leat_grep_eol(const struct leat_grep_params *p)
{
    return p->null_data ? '\0' : '\n';
}

/* --- grep_patterns.c -------------------------------------------------------------------------- */

/* leat_grep_plan_patterns - checks the patterns, as well as is possible before the files of -f are
 * read. Returns 0, or fails the stage. */
int leat_grep_plan_patterns(struct leat_stage *stage);

/* leat_grep_matcher - in open. Returns 0, or fails the stage. */
int leat_grep_matcher(struct leat_stage *stage, struct leat_matcher **ret_matcher);

/* leat_grep_selects_nothing - GNU grep then outputs nothing, not even a count. In plan, the answer
 * is for the patterns outside of files. */
bool leat_grep_selects_nothing(struct leat_stage *stage, bool in_plan);

/* --- grep_ranges.c ---------------------------------------------------------------------------- */

/* leat_grep_range - the range at the cursor; NULL if none is known. It may extend beyond the input
 * of this step, because a later step may see less input than the one that searched. */
size_t *leat_grep_range(struct leat_grep *grep);

/* leat_grep_find - finds the next ranges. Returns 0, or fails the stage. */
int leat_grep_find(struct leat_stage *stage, const struct leat_in *in);

/* leat_grep_count - counts all selected lines of the input. Returns 0, or fails the stage. */
int leat_grep_count(struct leat_stage *stage, struct leat_in *in);

/* --- grep_context.c --------------------------------------------------------------------------- */

/* leat_grep_use - outputs or skips what is at the cursor, the start of `range`. Returns 1: go on;
 * 0: no room; or fails the stage. */
int leat_grep_use(struct leat_stage *stage, struct leat_in *in, struct leat_grep_out *out,
                  size_t *range);

/* leat_grep_trail - after the last selected line of -m: outputs its context. Returns 1: no more; 0:
 * no room, or more input is needed; or fails the stage. */
int leat_grep_trail(struct leat_stage *stage, struct leat_in *in, struct leat_grep_out *out);

/* --- grep_output.c ---------------------------------------------------------------------------- */

/* leat_grep_flush - writes the text. Returns false if there is no room for all of it. */
bool leat_grep_flush(struct leat_grep *grep, struct leat_grep_out *out);

/* leat_grep_out_done - makes the filled room output. */
void leat_grep_out_done(struct leat_grep_out *out);

/* leat_grep_put - appends to the text to be written first. */
void leat_grep_put(struct leat_grep *grep, const char *bytes, size_t n);
void leat_grep_put_number(struct leat_grep *grep, uint64_t number);
void leat_grep_put_separator(struct leat_grep *grep, const struct leat_grep_params *params);

/* leat_grep_pass - outputs n bytes of the input as they are. Returns 1, or 0: no room. */
int leat_grep_pass(struct leat_stage *stage, struct leat_in *in, struct leat_grep_out *out,
                   size_t *left, size_t n);

/* leat_grep_write_line - writes one line. Returns 1 when done; 0 if there is no room, then call it
 * again; or fails the stage. */
int leat_grep_write_line(struct leat_stage *stage, const struct leat_grep_line *line,
                         struct leat_grep_out *out);

#endif
