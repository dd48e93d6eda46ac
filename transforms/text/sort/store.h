/* store.h - the sorted runs of all lanes: in memory until that is used up, then in the temporary file; merged at the end. */
#ifndef LEAT_SORT_STORE_H
#define LEAT_SORT_STORE_H

#include "merge.h"

struct leat_out;

/* A run in memory. */
struct leat_sort_run {
    size_t first, n; /* of its pieces */
};

struct leat_sort_store {
    struct leat_stage *stage;
    const struct leat_sort_format *format;
    const char *dir; /* of the temporary file */
    size_t segment;  /* bytes of one */

    uint8_t **segments; /* n_segments; the first n_used are in use */
    size_t *sizes;      /* of the segments */
    size_t n_segments, n_used, room_segments;
    size_t fill; /* of the segment in use last */
    struct leat_sort_piece *pieces;
    size_t n_pieces, room_pieces;
    struct leat_sort_run *kept;
    size_t n_kept, room_kept;

    /* The packet that is being received. */
    uint8_t head[4];
    size_t head_len;
    uint8_t *to;
    size_t left;

    uint64_t reserved; /* charged, for what a spill needs */
    struct leat_runs *runs;
    struct leat_run *spilled;
    size_t n_spilled, room_spilled;
    uint64_t records; /* in the file */

    struct leat_sort_merge merge;
    bool merges;
    const uint8_t *line; /* a line that is being output */
    size_t line_left;
};

/* leat_sort_store_open - `segment` bytes are charged at a time, as long as there is memory to spare. Returns 0, or fails
 * the stage. */
int leat_sort_store_open(struct leat_sort_store *store, struct leat_stage *stage,
                         const struct leat_sort_format *format, const char *dir, size_t segment);
/* leat_sort_store_close - also of a store that was never opened. */
void leat_sort_store_close(struct leat_sort_store *store);
/* leat_sort_store_add - bytes of the output of a lane: packets (block.h). Returns 0, or fails the stage. */
int leat_sort_store_add(struct leat_sort_store *store, const uint8_t *data, size_t n);
/* leat_sort_store_output - after all: write the lines in order. Returns 1: done; 0: no room, call it again; or fails. */
int leat_sort_store_output(struct leat_sort_store *store, struct leat_out *out);

#endif
