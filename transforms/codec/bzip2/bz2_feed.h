/* bz2_feed.h - decodes with libbz2 a block that begins at any bit of a byte: libbz2 gets a stream
 * header first, and then the block, shifted to a byte boundary. */
#ifndef LEAT_CODEC_BZIP2_BZ2_FEED_H
#define LEAT_CODEC_BZIP2_BZ2_FEED_H

#include <bzlib.h>

#include "stage.h"

#define LEAT_BZ2_FEED_BYTES 8192u

struct leat_bz2_feed {
    bz_stream bz;
    bool begun;     /* libbz2 holds memory */
    unsigned shift; /* bits of the first byte that are before the block */
    bool primed;    /* `carry` is the last byte read, whose last bits are not fed yet */
    uint8_t carry;
    uint8_t bytes[LEAT_BZ2_FEED_BYTES]; /* fed, or to be fed */
    uint8_t *state, *table;             /* memory of libbz2, reused for each block */
};

/* Memory of a libbz2 decoder at level 9. */
#define LEAT_BZ2_STATE_BYTES ((size_t)65536)
#define LEAT_BZ2_TABLE_BYTES ((size_t)3600000)

/* leat_bz2_feed_open - allocate the memory; does nothing if that is done. A zeroed feed may be
 * closed. */
int leat_bz2_feed_open(struct leat_bz2_feed *feed, struct leat_stage *stage);
void leat_bz2_feed_close(struct leat_bz2_feed *feed, struct leat_stage *stage);

/* leat_bz2_feed_begin - begin a block of a stream of this level; the block begins `shift` bits into
 * the first byte that follows. Returns 0, or fails. */
int leat_bz2_feed_begin(struct leat_bz2_feed *feed, struct leat_stage *stage, unsigned level,
                        unsigned shift);

/* leat_bz2_feed_run - decode, from data[*pos] up to n.
 *
 *   to, room  where the output goes; with no room, decode until there would be output
 *   ret_made  bytes of output
 *
 * Returns LEAT_MORE; LEAT_END: libbz2 has a whole stream; LEAT_ECORRUPT, LEAT_ENOMEM. If *ret_made
 * is less than `room`, all of the input is consumed and there is no more output. */
int leat_bz2_feed_run(struct leat_bz2_feed *feed, const uint8_t *data, size_t *pos, size_t n,
                      uint8_t *to, size_t room, size_t *ret_made);

/* leat_bz2_feed_waits - is there input that libbz2 has not consumed because there was no room? */
static inline bool leat_bz2_feed_waits(const struct leat_bz2_feed *feed)
{
    return feed->bz.avail_in > 0;
}

#endif
