/* fields_lines.h - selects fields of whole lines in any order, from memory to memory. */
#ifndef LEAT_TEXT_FIELDS_LINES_H
#define LEAT_TEXT_FIELDS_LINES_H

#include "fields_list.h"

#define LEAT_FIELDS_SLOTS 16u

struct leat_fields {
    const struct leat_fields_item *items;
    size_t n_items;
    uint8_t end;           /* of a line */
    const char *separator; /* of fields; NULL: runs of blanks, those around the line do not count */
    size_t separator_len;
    const char *between; /* comes between fields in the output */
    size_t between_len;

    /* Lists of few fields without ranges: which of those that count from the start to find in a line, ascending, and
     * where such an item is among them. Made by leat_fields_init. */
    bool simple;
    unsigned n_slots;
    uint64_t slot_field[LEAT_FIELDS_SLOTS];
    uint8_t item_slot[LEAT_FIELDS_SLOTS];
    size_t growth; /* for leat_line_map */
};

/* leat_fields_init - fill in the rest of the members from the first ones. */
void leat_fields_init(struct leat_fields *fields);

/* leat_fields_lines - as leat_line_map.run.
 *
 *   fast  leat_masks_fast(), or false for the form that runs anywhere */
size_t leat_fields_lines(const struct leat_fields *fields, const uint8_t *lines, size_t n,
                         uint8_t *to, size_t room, bool fast);

#endif
