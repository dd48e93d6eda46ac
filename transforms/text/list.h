/* list.h - the lists of cut: numbers and ranges, as "1,3-5,7-". */
#ifndef LEAT_TEXT_LIST_H
#define LEAT_TEXT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_LIST_END UINT64_MAX /* a range to the end of the line */

struct leat_list_range {
    uint64_t from, to; /* 1 <= from <= to */
};

/* leat_list_parse - parse a list.
 *
 *   what     "field" or "byte", for messages
 *   ranges   leat_list_most(text) of them
 *   why      on failure: the fault, one line
 *
 * The ranges come in ascending order. Those that overlap are one; those that only touch are two.
 * Returns their number, or LEAT_EUSAGE. */
int leat_list_parse(const char *text, const char *what, bool complement,
                    struct leat_list_range *ranges, char *why, size_t why_size);

/* leat_list_most - the number of ranges that a list may have. */
size_t leat_list_most(const char *text);

#endif
