/* gather.h - show input in pieces of a fixed size: the blocks of a codec, each in one piece.
 *
 * A piece that lies in one slice is handed on by reference. Any other piece is copied, once, to a
 * buffer of the stage. No slice is held back, so a gather pins no chunk.
 */
#ifndef LEAT_EDGE_GATHER_H
#define LEAT_EDGE_GATHER_H

#include "memory/slice_queue.h"

struct leat_gather {
    struct leat_chunk chunk; /* around the buffer, with a reference of the gather's own */
    size_t n;                /* bytes of the unfinished piece, in the buffer */
    bool marks_end;          /* a flush marker ends a piece */
};

/* leat_gather_init - pieces of `size` bytes; the buffer has as many, and is borrowed. */
void leat_gather_init(struct leat_gather *gather, uint8_t *buffer, size_t size);
/* leat_gather_feed - move input from raw to `whole`, which is empty: one piece, or a flush marker.
 *
 *   ended   the block, or the stream, ends with the data in raw: the last piece may be shorter
 *
 * After it raw is empty, or `whole` is not. */
void leat_gather_feed(struct leat_gather *gather, struct leat_slice_queue *raw, bool ended,
                      struct leat_slice_queue *whole);
/* leat_gather_drop - drop the unfinished piece; returns its bytes. */
size_t leat_gather_drop(struct leat_gather *gather);

#endif
