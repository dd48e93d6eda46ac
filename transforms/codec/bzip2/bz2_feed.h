/* bz2_feed.h - libbz2 on a block that begins at any bit of a byte: a header is put before it, and the
 * bits are moved to where libbz2 wants them. */
#ifndef LEAT_CODEC_BZ2_FEED_H
#define LEAT_CODEC_BZ2_FEED_H

#include <bzlib.h>

#include "stage.h"

#define LEAT_BZ2_FEED_BYTES 8192u

struct leat_bz2_feed {
    bz_stream bz;
    bool begun;     /* libbz2 holds memory */
    unsigned shift; /* bits of the first byte that are before the block */
    bool primed;    /* `carry` is the last byte taken, whose last bits are not fed yet */
    uint8_t carry;
    uint8_t bytes[LEAT_BZ2_FEED_BYTES]; /* fed, or to be fed */
    uint8_t *state, *table;             /* libbz2's memory, the same for each block */
};

/* What a libbz2 decoder holds, at level 9. */
#define LEAT_BZ2_STATE_BYTES ((size_t)65536)
#define LEAT_BZ2_TABLE_BYTES ((size_t)3600000)

/* leat_bz2_feed_open - get the memory; does nothing if it is there. Zeroed, closing is fine. */
int leat_bz2_feed_open(struct leat_bz2_feed *feed, struct leat_stage *stage);
void leat_bz2_feed_close(struct leat_bz2_feed *feed, struct leat_stage *stage);

/* leat_bz2_feed_begin - the bytes that follow have a block, of a stream of this level, that begins
 * `shift` bits after the first one's first. Returns 0, or fails. */
int leat_bz2_feed_begin(struct leat_bz2_feed *feed, struct leat_stage *stage, unsigned level,
                        unsigned shift);

/* leat_bz2_feed_run - decode, taking from data[*pos] up to n.
 *
 *   to, room  where the output goes; with no room all goes on until there would be output
 *   ret_made  bytes of output
 *
 * Returns LEAT_MORE; LEAT_END: libbz2 has a whole stream; LEAT_ECORRUPT, LEAT_ENOMEM. If less than
 * `room` was made, all of the input is used up and there is no more output. */
int leat_bz2_feed_run(struct leat_bz2_feed *feed, const uint8_t *data, size_t *pos, size_t n,
                      uint8_t *to, size_t room, size_t *ret_made);

/* leat_bz2_feed_waits - is there input that libbz2 did not take, for want of room? */
static inline bool leat_bz2_feed_waits(const struct leat_bz2_feed *feed)
{
    return feed->bz.avail_in > 0;
}

#endif
