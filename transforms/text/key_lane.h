/* key_lane.h - the lanes of freq and distinct: they make a stream of records of a stream of lines.
 *
 * A lane counts the lines of its block in a table of a fixed, small size, so that the joiner gets each line once a block,
 * with its hash. If most lines are different, a lane leaves the table out. The joiner reads the records of all lanes in
 * the order of the stream, in pieces that may end anywhere.
 *
 *     record = hash (8 bytes), count (4), length (4), the line, zeros up to a multiple of 8
 *
 * The first records of all lines come in the order of the lines.
 */
#ifndef LEAT_TEXT_KEY_LANE_H
#define LEAT_TEXT_KEY_LANE_H

#include "keys.h"

#define LEAT_KEY_BLOCK ((size_t)256 << 10)  /* bytes of a block */
#define LEAT_KEY_LATER ((uint64_t)16 << 20) /* memory that a table of many lines will take */

struct leat_key_lane {
    struct leat_key_hasher hasher;
    struct leat_keys table;
    struct leat_key_walk walk; /* the next key to be written */
    bool at_once;    /* a line is written when it is first seen, and not again: for distinct */
    bool writes;     /* the table is being written */
    unsigned direct; /* blocks to come that do without the table */
    uint64_t lines, found; /* in this block: lines, and those that were in the table */
    uint8_t delimiter;
};

/* leat_key_lane_open - in open. Returns 0, or fails the stage. */
int leat_key_lane_open(struct leat_stage *stage, struct leat_key_lane *lane, bool fold,
                       uint8_t delimiter, bool at_once);
void leat_key_lane_done(struct leat_stage *stage, struct leat_key_lane *lane);
/* leat_key_lane_begin - a new block. */
void leat_key_lane_begin(struct leat_key_lane *lane);
/* leat_key_lane_step - the step of a lane. */
int leat_key_lane_step(struct leat_stage *stage, struct leat_key_lane *lane, struct leat_in *in,
                       struct leat_out *out);
/* leat_key_lane_cut - ends a block after about LEAT_KEY_BLOCK bytes; *bytes is a state, 0 at first. */
int leat_key_lane_cut(size_t *bytes, size_t len, size_t *ret_take);

/* --- the joiner's side ------------------------------------------------------------------------ */

struct leat_key_record {
    struct leat_key_line line;
    uint64_t count;
    size_t size; /* bytes of the record in the input; 0: it is in the carry */
};

/* A record that is cut by the end of a piece. Zeroed: none. */
struct leat_key_carry {
    uint8_t *data;
    size_t size, len;
};

/* leat_key_records - the records at the cursor, at most LEAT_KEY_BATCH. They stay valid, and are found again, until the
 * caller takes the first ones with leat_key_taken. A record that is cut by the end of the input is kept in the carry.
 * Returns how many; 0: all input is used; or fails the stage. */
int leat_key_records(struct leat_stage *stage, struct leat_key_carry *carry, struct leat_in *in,
                     struct leat_key_record *records);
/* leat_key_taken - the first record is used. */
void leat_key_taken(struct leat_key_carry *carry, struct leat_in *in,
                    const struct leat_key_record *record);
/* leat_keys_prefetch_records - the slots and keys of n records, which are looked up next. */
void leat_keys_prefetch_records(const struct leat_keys *keys, const struct leat_key_record *records,
                                int n);
void leat_key_carry_done(struct leat_stage *stage, struct leat_key_carry *carry);

#endif
