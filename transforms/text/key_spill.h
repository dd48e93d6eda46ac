/* key_spill.h - a table of keys that is larger than memory.
 *
 * A table that is full is written to a temporary file, in the order of the hashes (leat_key_spill_table), and cleared. At
 * the end the runs are merged in that order, so that equal lines meet; their values become one. The lines are then put in
 * the order of their values, again by runs if there are too many, and come out one after another (leat_key_spill_next).
 * Values are added up (LEAT_KEY_BY_COUNT), or the smallest one counts (LEAT_KEY_BY_PLACE), and lines with value 0 are
 * left out.
 */
#ifndef LEAT_TEXT_KEY_SPILL_H
#define LEAT_TEXT_KEY_SPILL_H

#include "key_merge.h"
#include "keys.h"

/* Zeroed but for the first members: nothing is spilled. */
struct leat_key_spill {
    const char *dir; /* NULL: the usual one */
    enum leat_key_order order;
    bool fold;
    uint64_t most;   /* lines that are wanted, at most; 0: all */
    uint64_t memory; /* bytes to merge with; 0: what is free then */

    struct leat_runs *file;
    uint64_t aside;        /* bytes that are charged for it, until there is one */
    struct leat_run *runs; /* those to be merged next */
    size_t n, room;
    struct leat_key_hasher hasher;
    struct leat_key_merge merge;
    struct leat_key_arena arena; /* lines to be put in order, or the last ones, in order */
    size_t n_keys;
    uint64_t limit; /* bytes of the arena and the items for it */
    struct leat_key_items items;
    size_t item;
    uint64_t least; /* counts below this are not among `most` */
    bool merged;
    struct leat_key *last; /* in the arena; equal lines may still come */
};

/* leat_key_spill_begin - once, before the first table: sets some memory aside, so that a full table can be written.
 *
 *   ret_limit  bytes that a table may have in the memory that is free now
 *
 * Returns 0, or fails the stage. */
int leat_key_spill_begin(struct leat_stage *stage, struct leat_key_spill *spill,
                         uint64_t *ret_limit);
/* leat_key_spill_table - write the keys of a table to a run, and clear it. Returns 0, or fails the stage. */
int leat_key_spill_table(struct leat_stage *stage, struct leat_key_spill *spill,
                         struct leat_keys *table);
/* leat_key_spill_merge - when all tables are spilled, and the last one is freed. Returns 0, or fails the stage. */
int leat_key_spill_merge(struct leat_stage *stage, struct leat_key_spill *spill);
/* leat_key_spill_get - the line that comes next, valid until leat_key_spill_on. Returns false if there are no more.
 * leat_key_spill_on goes on, and returns 0, or fails the stage. */
bool leat_key_spill_get(const struct leat_key_spill *spill, uint64_t *ret_value,
                        const uint8_t **ret_data, size_t *ret_n);
int leat_key_spill_on(struct leat_stage *stage, struct leat_key_spill *spill);
/* leat_key_fail_long - fail the stage, as a line of n bytes does not even fit in an empty table. */
int leat_key_fail_long(struct leat_stage *stage, size_t n);
void leat_key_spill_done(struct leat_stage *stage, struct leat_key_spill *spill);

#endif
