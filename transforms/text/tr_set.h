/* tr_set.h - the sets of tr: ranges, classes, repeats and escapes, and the tables they mean.
 *
 * A set is a list of elements, each of which stands for one or more bytes. The tables are those of GNU tr in the C
 * locale, and all that GNU tr refuses is refused.
 */
#ifndef LEAT_TEXT_TR_SET_H
#define LEAT_TEXT_TR_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_tr_options {
    bool complement, delete, squeeze, truncate;
};

struct leat_tr_tables {
    bool translates, deletes, squeezes;
    uint8_t map[256];                 /* translates */
    bool deleted[256], squeezed[256]; /* deletes, squeezes */
};

/* leat_tr_build - the tables for these sets.
 *
 *   set2  NULL: there is none
 *   why   on failure: the fault and the remedy, one line
 *
 * Returns 0; LEAT_EUSAGE; or LEAT_ENOMEM, for the parsed sets, which are freed again. */
int leat_tr_build(const struct leat_tr_options *options, const char *set1, const char *set2,
                  struct leat_tr_tables *ret, char *why, size_t why_size);

#endif
