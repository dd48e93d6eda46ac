/* fields_list.h - the lists of the stage fields: "3,1,-1,2:4", in any order and with repeats. */
#ifndef LEAT_TEXT_FIELDS_LIST_H
#define LEAT_TEXT_FIELDS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One field, or all from one to another. Numbers below 0 count from the end: -1 is the last field. */
struct leat_fields_item {
    int64_t from, to; /* not 0 */
    bool is_range;
};

/* leat_fields_list_most - the number of items that a list may have. */
size_t leat_fields_list_most(const char *text);

/* leat_fields_list_parse - parse a list to leat_fields_list_most(text) items.
 *
 *   why  on failure: the fault, one line
 *
 * Returns the number of items, or LEAT_EUSAGE. */
int leat_fields_list_parse(const char *text, struct leat_fields_item *items, char *why,
                           size_t why_size);

#endif
