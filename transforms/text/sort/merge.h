/* merge.h - merges runs, in memory and in the temporary file, by a tree of losers with offset-value codes. */
#ifndef LEAT_SORT_MERGE_H
#define LEAT_SORT_MERGE_H

#include "../spill.h"
#include "format.h"

struct leat_stage;

/* Whole records in memory, a part of a run. */
struct leat_sort_piece {
    const uint8_t *at;
    size_t len;
};

/* Where a run is read. */
struct leat_sort_cursor {
    struct leat_sort_record record;
    const uint8_t *at, *end;              /* of the piece or block that the record is in */
    const struct leat_sort_piece *pieces; /* after that one */
    size_t n_pieces;
    struct leat_run *run; /* NULL: in memory */
};

struct leat_sort_node {
    uint64_t code;
    size_t run;
};

struct leat_sort_merge {
    struct leat_stage *stage;
    const struct leat_sort_format *format;
    struct leat_runs *runs;
    struct leat_sort_cursor *cursors; /* of n runs, in the order of the input */
    struct leat_sort_node *losers;
    struct leat_sort_node winner;
    size_t n, room;
    bool given; /* the record of the winner was returned */
    uint64_t left;
    uint8_t *last; /* the key of the winner, when its block is read over */
    size_t last_size;
};

/* leat_sort_merge_need - bytes that a merge of n runs charges, without the buffers of runs. */
uint64_t leat_sort_merge_need(size_t n);
/* leat_sort_merge_begin - merge at most n runs, of this file if they are not in memory. Returns 0, or fails the stage. */
int leat_sort_merge_begin(struct leat_sort_merge *merge, struct leat_stage *stage,
                          const struct leat_sort_format *format, struct leat_runs *runs, size_t n);
/* leat_sort_merge_pieces, _run - the next run, in the order of the input: n pieces, or a run that has ended. */
void leat_sort_merge_pieces(struct leat_sort_merge *merge, const struct leat_sort_piece *pieces,
                            size_t n);
void leat_sort_merge_run(struct leat_sort_merge *merge, struct leat_run *run);
/* leat_sort_merge_start - read the first record of each run; no run is added after it. Returns 0, or fails the stage. */
int leat_sort_merge_start(struct leat_sort_merge *merge);
/* leat_sort_merge_next - the next record in order, valid until the next call. Returns 1; 0: there is none; or fails. */
int leat_sort_merge_next(struct leat_sort_merge *merge, const struct leat_sort_record **ret);
/* leat_sort_merge_end - free all; the runs stay. */
void leat_sort_merge_end(struct leat_sort_merge *merge);

#endif
