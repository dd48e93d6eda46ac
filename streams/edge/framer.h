/* framer.h - cuts slices at record ends, so that no stage ever joins pieces. */
#ifndef LEAT_FRAMER_H
#define LEAT_FRAMER_H

#include "memory/cursor.h"

/* What is said of a record that is refused; takes an unsigned long long, the limit in bytes. */
#define LEAT_RECORD_TOO_LONG "a record (line) is longer than the limit of %llu bytes"
/* And of one that is within the limit; takes the bytes that it needs as well, before it. */
#define LEAT_RECORD_NO_MEMORY                                                                      \
    "there are no %llu bytes of memory for a record (line) within the limit of %llu bytes; "       \
    "raise --memory"

struct leat_framer {
    struct leat_pool *pool;
    struct leat_share *share; /* memory that is its own; leat_framer_init leaves it as it is */
    size_t wants;             /* bytes of memory, after LEAT_SHORT; 0 after LEAT_ELIMIT */
    uint8_t delimiter;
    uint64_t record_max;      /* bytes, without the delimiter */
    struct leat_chunk *carry; /* the start of a record: [from, at) of it */
    size_t from, at;
    uint64_t offset;      /* of the head of the raw queue in the stream */
    uint64_t too_long_at; /* offset of the record that was refused */
};

void leat_framer_init(struct leat_framer *framer, struct leat_pool *pool, uint8_t delimiter,
                      uint64_t record_max);
/* leat_framer_share - bytes to set aside for a framer, where chunks have this size. */
uint64_t leat_framer_share(size_t chunk_size);
/* leat_framer_done - drops the start of a record that it holds back; returns its bytes. */
uint64_t leat_framer_done(struct leat_framer *framer);
/* leat_framer_feed - move what can be moved from raw to framed.
 *
 *   ended   nothing follows what is in raw: the last record may lack its delimiter
 *
 * Returns 0; LEAT_ELIMIT: a record is longer than record_max (too_long_at says where); LEAT_SHORT: the
 * start of a record needs memory (of `wants` bytes) that is not there now; LEAT_ENOMEM. Anything but 0
 * is returned when framed is empty, not before. */
int leat_framer_feed(struct leat_framer *framer, struct leat_slice_queue *raw, bool ended,
                     struct leat_slice_queue *framed);
/* leat_framer_empty - is no start of a record held back? */
static inline bool leat_framer_empty(const struct leat_framer *framer)
{
    return framer->at == framer->from;
}

#endif
