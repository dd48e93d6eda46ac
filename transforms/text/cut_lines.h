/* cut_lines.h - selects fields or bytes of whole lines, from memory to memory. */
#ifndef LEAT_TEXT_CUT_LINES_H
#define LEAT_TEXT_CUT_LINES_H

#include "list.h"

struct leat_cut {
    const struct leat_list_range *ranges; /* ascending */
    size_t n_ranges;
    uint8_t end;           /* of a line */
    const char *delimiter; /* of fields: one byte, or several */
    size_t delimiter_len;
    const char *between; /* comes between what is selected: fields, or ranges of bytes */
    size_t between_len;
    bool joined; /* fields: `between` is the delimiter, so that neighbours stay as they are */
    bool only_delimited; /* fields: drop lines without a delimiter */
};

/* leat_cut_fields - as leat_line_map.run; growth is the length of `between`.
 * leat_cut_bytes - the same, with room for (1 + length of `between`) * n bytes; each line has its end.
 *
 *   fast  leat_masks_fast(), or false for the form that runs anywhere */
size_t leat_cut_fields(const struct leat_cut *cut, const uint8_t *lines, size_t n, uint8_t *to,
                       size_t room, bool fast);
size_t leat_cut_bytes(const struct leat_cut *cut, const uint8_t *lines, size_t n, uint8_t *to);

#endif
