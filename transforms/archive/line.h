/* line.h - the line of text that a stage outputs for one entry of an archive.
 *
 * A failure for lack of memory is kept until leat_line_push, so that only this call is checked.
 */
#ifndef LEAT_ARCHIVE_LINE_H
#define LEAT_ARCHIVE_LINE_H

#include "reader.h"

struct leat_line {
    struct leat_stage *stage;
    char *text; /* `n` of `size` bytes, charged to the stage */
    size_t n, size;
    int error; /* LEAT_E*; 0: none */
};

void leat_line_add(struct leat_line *line, const void *text, size_t n);
void leat_line_format(struct leat_line *line, const char *format, ...) LEAT_PRINTF(2, 3);
/* leat_line_name - a name without bytes that a terminal obeys or that are not UTF-8: each of these becomes \n, \t,
 * \r or \xHH, and `\` becomes `\\`, so that leat_line_unescape gives the name back. */
void leat_line_name(struct leat_line *line, const char *name);
/* leat_line_json - `,"KEY":"NAME"`. Bytes that are not UTF-8 become U+FFFD, and then `,"KEY_base64":"…"` follows with
 * the bytes as they are. */
void leat_line_json(struct leat_line *line, const char *key, const char *name);
/* leat_line_push - output the line; the next one begins. Returns 0; LEAT_ECANCELLED; or fails the stage. */
int leat_line_push(struct leat_line *line, struct leat_blocking *blocking);
void leat_line_free(struct leat_line *line);

/* leat_line_unescape - the name that leat_line_name has written, in place. Returns false if an escape is wrong. */
bool leat_line_unescape(char *text);

#endif
