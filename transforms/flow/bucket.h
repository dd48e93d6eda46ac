/* bucket.h - a token bucket: how many bytes may go now, at a rate and with a bounded burst.
 *
 * The bucket has no clock: the caller passes the time. It keeps a debt, which time pays back. The
 * debt is counted in parts of a byte, so that no rate drifts.
 */
#ifndef LEAT_FLOW_BUCKET_H
#define LEAT_FLOW_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define LEAT_BUCKET_BURST_MAX ((uint64_t)1 << 30)
#define LEAT_BUCKET_PARTS ((uint64_t)1000000000) /* in a byte; also nanoseconds in a second */

struct leat_bucket {
    uint64_t rate;  /* bytes per second, at least 1 */
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

/* leat_bucket_take - record that n bytes have gone; n is at most the last leat_bucket_room. */
static inline void leat_bucket_take(struct leat_bucket *b, uint64_t n)
{
    b->debt += n * LEAT_BUCKET_PARTS;
}

/* leat_bucket_wait_ms - milliseconds from the last leat_bucket_room until n bytes may go, rounded
 * up; n is at most the burst. */
static inline uint64_t leat_bucket_wait_ms(const struct leat_bucket *b, uint64_t n)
{
    uint64_t allowed = (b->burst - n) * LEAT_BUCKET_PARTS;
    uint64_t excess = b->debt > allowed ? b->debt - allowed : 0;
    uint64_t ns = excess / b->rate + (excess % b->rate != 0);

    return ns / 1000000 + (ns % 1000000 != 0);
}

#endif
