/* block.h - sorts the lines of a lane: as many as fit in its arena become one run, which is output as packets.
 *
 * A packet is its length, 4 bytes, and so many bytes of whole records. LEAT_SORT_FIRST in the length: the packet is the
 * first one of a run.
 */
#ifndef LEAT_SORT_BLOCK_H
#define LEAT_SORT_BLOCK_H

#include "format.h"
#include "lines.h"

struct leat_stage;
struct leat_out;

#define LEAT_SORT_FIRST ((uint32_t)1 << 31)
#define LEAT_SORT_PACKET                                                                           \
    ((size_t)16 << 10) /* bytes of a packet at most, unless it has one large record */

/* leat_sort_key_make - writes the key of a line to `to`, where there is room for `room` bytes and 8 more.
 *   line  n bytes without its end; the byte after them may be changed during the call
 * Returns the length of the key; or SIZE_MAX: it needs more room. */
typedef size_t (*leat_sort_key_make)(void *arg, uint8_t *line, size_t n, uint8_t *to, size_t room);

struct leat_sort_block {
    struct leat_stage *stage;
    const struct leat_sort_format *format;
    leat_sort_key_make make; /* NULL: without keys */
    void *make_arg;
    uint8_t *arena;       /* records from the front, references from the back */
    size_t size, usual;   /* of the arena: now, and but for large lines */
    size_t used, n;       /* bytes of records; references */
    size_t next;          /* the reference to be output next */
    bool emits, begun;    /* the run is sorted and being output; its first packet is */
    uint64_t left;        /* --top: records of the run still to be output */
    const uint8_t *given; /* -u: the record that was output last: its key, and the length of that */
    uint32_t given_len;
    uint8_t head[4 + LEAT_SORT_HEAD_MAX]; /* of a record that is too large for a packet */
    size_t head_at, head_len;
    const uint8_t *body;
    size_t body_len;
    bool bounded; /* --top: lines with a word above `bound` cannot be among the first */
    uint64_t bound;
};

/* leat_sort_block_open - `size` bytes for the arena. Returns 0, or fails the stage. */
int leat_sort_block_open(struct leat_sort_block *block, struct leat_stage *stage,
                         const struct leat_sort_format *format, size_t size);
void leat_sort_block_close(struct leat_sort_block *block);
/* leat_sort_block_add - take whole lines; the last one of the stream may lack its end. Sets *ret_taken to the bytes that
 * were taken. Returns 1: the arena is full, so call leat_sort_block_emit until it returns 1, and then this again; 0: all
 * were taken; or fails the stage. */
int leat_sort_block_add(struct leat_sort_block *block, const uint8_t *data, size_t n,
                        size_t *ret_taken);
/* leat_sort_block_emit - sort the lines, and write them. Returns 1: done, the block is empty; 0: no room, call it again;
 * or fails. */
int leat_sort_block_emit(struct leat_sort_block *block, struct leat_out *out);

#endif
