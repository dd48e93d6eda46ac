/* framer.h - cut slices at record ends, so that a stage gets whole records only. */
#ifndef LEAT_EDGE_FRAMER_H
#define LEAT_EDGE_FRAMER_H

#include "memory/slice_queue.h"

/* The message for a record that is refused; argument: unsigned long long, the limit in bytes. */
#define LEAT_RECORD_TOO_LONG                                                                       \
    "a record (line) is longer than the limit of %llu bytes; raise --record-max, and --memory to at least twice as much"
/* The message for a record within the limit; arguments: the bytes that it needs, the limit. */
#define LEAT_RECORD_NO_MEMORY                                                                      \
    "there are no %llu bytes of memory for a record (line) within the limit of %llu bytes; "       \
    "raise --memory"

struct leat_framer {
    struct leat_pool *pool;
    struct leat_share *share; /* memory reserved for it; leat_framer_init does not change it */
    size_t wants;             /* bytes of memory, after LEAT_SHORT; 0 after LEAT_ELIMIT */
    uint8_t delimiter;
    uint64_t record_max;      /* bytes, without the delimiter */
    struct leat_chunk *carry; /* the start of a record is in [from, at) of this chunk */
    size_t from, at;
    uint64_t offset;      /* of the head of the raw queue in the stream */
    uint64_t too_long_at; /* offset of the record that was refused */
};

void leat_framer_init(struct leat_framer *framer, struct leat_pool *pool, uint8_t delimiter,
                      uint64_t record_max);
/* leat_framer_share - bytes to reserve for a framer, if chunks have this size. */
uint64_t leat_framer_share(size_t chunk_size);
/* leat_framer_done - drop the start of a record that it holds back; returns its bytes. */
uint64_t leat_framer_done(struct leat_framer *framer);
/* leat_framer_feed - move whole records from raw to framed.
 *
 *   ended   EOF follows the data in raw: the last record may lack its delimiter
 *
 * Returns 0; LEAT_ELIMIT: a record is longer than record_max, too_long_at is its offset;
 * LEAT_SHORT: the start of a record needs `wants` bytes of memory that are not free now;
 * LEAT_ENOMEM. Returns something other than 0 only when framed is empty. */
int leat_framer_feed(struct leat_framer *framer, struct leat_slice_queue *raw, bool ended,
                     struct leat_slice_queue *framed);
/* leat_framer_empty - does the framer hold back no start of a record? */
static inline bool leat_framer_empty(const struct leat_framer *framer)
{
    return framer->at == framer->from;
}

#endif
