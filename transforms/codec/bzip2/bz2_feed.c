/* bz2_feed.c - decodes with libbz2 a block that begins at any bit of a byte. */

#include "stage.h"

#if HAVE_BZ2

#include <string.h>

#include "bz2_feed.h"

#define HEADER 4u

/* libbz2 allocates two blocks of memory: its state, and a table whose size depends on the level. */
static void *alloc(void *feed_, int items, int size)
{
    struct leat_bz2_feed *feed = feed_;
    size_t n = (size_t)items * (size_t)size;

    if (n <= LEAT_BZ2_STATE_BYTES)
        return feed->state;
    return n <= LEAT_BZ2_TABLE_BYTES ? feed->table : NULL;
}

static void release(void *feed, void *memory)
{
    (void)feed;
    (void)memory;
}

int leat_bz2_feed_open(struct leat_bz2_feed *feed, struct leat_stage *stage)
{
    if (!feed->state)
        feed->state = leat_alloc(stage, LEAT_BZ2_STATE_BYTES);
    if (!feed->table)
        feed->table = leat_alloc_raw(stage, LEAT_BZ2_TABLE_BYTES);
    return feed->state && feed->table ? 0 : LEAT_ENOMEM;
}

void leat_bz2_feed_close(struct leat_bz2_feed *feed, struct leat_stage *stage)
{
    if (feed->begun)
        BZ2_bzDecompressEnd(&feed->bz);
    feed->begun = false;
    leat_free(stage, feed->state);
    leat_free(stage, feed->table);
    feed->state = feed->table = NULL;
}

int leat_bz2_feed_begin(struct leat_bz2_feed *feed, struct leat_stage *stage, unsigned level,
                        unsigned shift)
{
    int r;

    if (feed->begun)
        BZ2_bzDecompressEnd(&feed->bz);
    feed->begun = false;
    feed->bz = (bz_stream){.bzalloc = alloc, .bzfree = release, .opaque = feed};
    r = BZ2_bzDecompressInit(&feed->bz, 0, 0);
    if (r != BZ_OK)
        return leat_fail(stage, LEAT_EINTERNAL, "libbz2: error %d", r);
    feed->begun = true;
    feed->shift = shift;
    feed->primed = false;
    memcpy(feed->bytes, "BZh", HEADER - 1);
    feed->bytes[HEADER - 1] = (uint8_t)('0' + level);
    feed->bz.next_in = (char *)feed->bytes;
    feed->bz.avail_in = HEADER;
    return 0;
}

/* Moves more data to `bytes`, after these are used up. */
static void fill(struct leat_bz2_feed *feed, const uint8_t *data, size_t *pos, size_t n)
{
    unsigned shift = feed->shift;
    uint8_t *to = feed->bytes;
    size_t len = n - *pos;

    data += *pos;
    if (len > LEAT_BZ2_FEED_BYTES)
        len = LEAT_BZ2_FEED_BYTES;
    *pos += len;
    feed->bz.next_in = (char *)feed->bytes;
    if (shift == 0) {
        memcpy(to, data, len);
        feed->bz.avail_in = (unsigned)len;
        return;
    }
    if (!feed->primed && len > 0) {
        feed->carry = *data++;
        feed->primed = true;
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(feed->carry << shift | data[i] >> (8 - shift));
        feed->carry = data[i];
    }
    feed->bz.avail_in = (unsigned)len;
}

int leat_bz2_feed_run(struct leat_bz2_feed *feed, const uint8_t *data, size_t *pos, size_t n,
                      uint8_t *to, size_t room, size_t *ret_made)
{
    *ret_made = 0;
    for (;;) {
        int r;

        if (feed->bz.avail_in == 0 && *pos < n)
            fill(feed, data, pos, n);
        feed->bz.next_out = to ? (char *)to + *ret_made : NULL; /* NULL: there is no room */
        feed->bz.avail_out = (unsigned)(room - *ret_made);
        r = BZ2_bzDecompress(&feed->bz);
        *ret_made = room - feed->bz.avail_out;
        if (r == BZ_MEM_ERROR)
            return LEAT_ENOMEM;
        if (r != BZ_OK)
            return r == BZ_STREAM_END ? LEAT_END : LEAT_ECORRUPT;
        if (feed->bz.avail_in > 0) /* it stopped because there was no room */
            return LEAT_MORE;
        if (*pos == n && (room == 0 || *ret_made < room))
            return LEAT_MORE;
        if (room > 0 && *ret_made == room)
            return LEAT_MORE;
    }
}

#else
typedef int leat_bz2_feed_is_empty; /* no libbz2 in this build */
#endif
