/* bucket.h - a token bucket: how many bytes may go now, at a rate and with a bounded burst.
 *
 * It knows no clock: the caller says what time it is. The bucket holds a debt, which time pays
 * back; in parts of a byte, so that no rate drifts.
 */
#ifndef LEAT_FLOW_BUCKET_H
#define LEAT_FLOW_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define LEAT_BUCKET_BURST_MAX ((uint64_t)1 << 30)
#define LEAT_BUCKET_PARTS ((uint64_t)1000000000) /* of a byte; nanoseconds of a second */

struct leat_bucket {
    uint64_t rate;  /* bytes a second, at least 1 */
    uint64_t burst; /* bytes, 1 to LEAT_BUCKET_BURST_MAX */
    uint64_t debt;  /* in parts of a byte, at most the burst */
    uint64_t last_ns;
    bool begun;
};

/* leat_bucket_room - bytes that may go at this time, at most the burst. */
static inline uint64_t leat_bucket_room(struct leat_bucket *b, uint64_t now_ns)
{
    uint64_t elapsed = b->begun && now_ns > b->last_ns ? now_ns - b->last_ns : 0;

    b->begun = true;
    b->last_ns = now_ns;
    if (elapsed > b->debt / b->rate)
        b->debt = 0;
    else
        b->debt -= elapsed * b->rate;
    return (b->burst * LEAT_BUCKET_PARTS - b->debt) / LEAT_BUCKET_PARTS;
}

/* leat_bucket_take - n bytes have gone, no more than there was room for. */
static inline void leat_bucket_take(struct leat_bucket *b, uint64_t n)
{
    b->debt += n * LEAT_BUCKET_PARTS;
}

/* leat_bucket_wait_ms - milliseconds from the last leat_bucket_room until n bytes may go, n <= the
 * burst; rounded up. */
static inline uint64_t leat_bucket_wait_ms(const struct leat_bucket *b, uint64_t n)
{
    uint64_t allowed = (b->burst - n) * LEAT_BUCKET_PARTS;
    uint64_t excess = b->debt > allowed ? b->debt - allowed : 0;
    uint64_t ns = excess / b->rate + (excess % b->rate != 0);

    return ns / 1000000 + (ns % 1000000 != 0);
}

#endif
