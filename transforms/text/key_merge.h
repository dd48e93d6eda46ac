/* key_merge.h - sorted runs of keys in a temporary file, and their merge.
 *
 *     record = value (varint), length (varint), the line
 *
 * Hashes are not stored: they do not compress, and are made again when a record is read.
 */
#ifndef LEAT_TEXT_KEY_MERGE_H
#define LEAT_TEXT_KEY_MERGE_H

#include "key_hash.h"
#include "key_rank.h"
#include "spill.h"

/* leat_key_run_add - append a record. Returns 0, or fails the stage. */
int leat_key_run_add(struct leat_runs *file, struct leat_run *run, uint64_t value,
                     const uint8_t *data, size_t n);

/* The place in a run. */
struct leat_key_cursor {
    struct leat_run *run;
    const uint8_t *block;
    size_t len, at;
    uint64_t value;
    struct leat_key_line line; /* it has a hash only in a merge by hash */
};

struct leat_key_node {
    uint64_t rank; /* smaller: comes first; equal: the lines decide */
    uint32_t cursor;
};

/* A merge of runs. Zeroed: none. */
struct leat_key_merge {
    struct leat_key_cursor *cursors;
    struct leat_key_node *heap; /* the cursor of the first one has the record that comes next */
    size_t n, room;
    struct leat_runs *file;
    struct leat_key_hasher *hasher; /* by hash, as leat_keys_sort; NULL: by `order` */
    enum leat_key_order order;
    bool fold;
};

/* leat_key_merge_need - bytes that the merge charges for a run. */
uint64_t leat_key_merge_need(const struct leat_run *run);
/* leat_key_merge_begin - merge n runs, which were ended. All other members of *merge are set by the caller.
 * Returns 0, or fails the stage; in any case call leat_key_merge_done, which also frees the buffers of the runs. */
int leat_key_merge_begin(struct leat_stage *stage, struct leat_key_merge *merge,
                         struct leat_run *runs, size_t n);
/* leat_key_merge_get - the record that comes next, valid until leat_key_merge_on; NULL: there are no more. */
const struct leat_key_cursor *leat_key_merge_get(const struct leat_key_merge *merge);
/* leat_key_merge_on - go on to the next record. Returns 0, or fails the stage. */
int leat_key_merge_on(struct leat_stage *stage, struct leat_key_merge *merge);
void leat_key_merge_done(struct leat_stage *stage, struct leat_key_merge *merge);

#endif
