/* chunk.h - reference-counted blocks of bytes, slices of them, and the bounded pool of chunks.
 *
 * The pool has one limit and counts everything: chunks in use, chunks kept for reuse, and the
 * memory that stages charge for their libraries. All functions are thread-safe.
 */
#ifndef LEAT_MEMORY_CHUNK_H
#define LEAT_MEMORY_CHUNK_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/invariant.h"
#include "leat.h"

struct leat_pool;

/* Results of functions on queues, edges and memory, in addition to 0 and errors. */
#define LEAT_FULL 3  /* no room now */
#define LEAT_EMPTY 4 /* no data now */
#define LEAT_SHORT 5 /* no memory now: wait for it */

/* A part of the limit that is reserved for one owner, so that it can go on when codecs and others
 * have used the rest. */
struct leat_share {
    struct leat_share *next;
    uint64_t size;
    uint64_t used; /* under the pool's lock */
};

struct leat_chunk {
    atomic_uint refs;
    size_t cap;
    bool own;     /* has the pool's chunk size, is kept for reuse */
    bool is_zero; /* all of it, and nothing is written to it; not `own` */
    struct leat_pool *pool;
    struct leat_share *share; /* the share that it counts against, or NULL */
    struct leat_chunk *next;  /* in the pool's list of free chunks */
    uint8_t *data;
};

/* A range of a chunk; holds one reference to it. A slice without a chunk in a queue: a flush
 * marker. */
struct leat_slice {
    struct leat_chunk *chunk;
    size_t off, len;
};

/* A waiter for memory: woken when memory came back, to try again. Each segment has one. */
struct leat_pool_waiter {
    struct leat_pool_waiter *next;
    void (*wake)(struct leat_pool_waiter *waiter);
    bool listed; /* under the pool's lock */
};

struct leat_pool {
    pthread_mutex_t lock;
    uint64_t limit;              /* bytes */
    _Atomic uint64_t used, peak; /* bytes; written under the lock */
    uint64_t reserved;           /* for chunks of chunk_size; fixed once threads share the pool */
    uint64_t charged;            /* under the lock: part of `used` outside these chunks */
    uint64_t chunks_out;         /* under the lock: chunks not in the free list */
    size_t chunk_size;           /* of the chunks kept for reuse */
    struct leat_share *shares;   /* fixed once threads share the pool */
    struct leat_chunk *free_chunks;   /* under the lock */
    struct leat_pool_waiter *waiters; /* under the lock */
};

int leat_pool_init(struct leat_pool *pool, uint64_t limit, size_t chunk_size);
/* leat_pool_done - returns the number of chunks that are still referenced: a bug if not 0. No
 * thread may use the pool any more. */
uint64_t leat_pool_done(struct leat_pool *pool);

/* leat_pool_trim - give the chunks kept for reuse back to the system. Returns the bytes that are still in use. */
uint64_t leat_pool_trim(struct leat_pool *pool);

/* leat_pool_get - a chunk with one reference. size 0: of the pool's chunk size, from the reserve
 * for chunks; else of exactly this size, charged to the rest of the limit.
 * Returns 0; LEAT_ELIMIT: it does not fit now; LEAT_ENOMEM. */
int leat_pool_get(struct leat_pool *pool, size_t size, struct leat_chunk **ret_chunk);
/* leat_pool_get_shared - like leat_pool_get with a size; if the bytes cannot be charged, the chunk
 * comes from the share, which may be NULL. */
int leat_pool_get_shared(struct leat_pool *pool, struct leat_share *share, size_t size,
                         struct leat_chunk **ret_chunk);
/* leat_pool_wait_for - like leat_pool_wait, for memory that leat_pool_get_shared refused. */
bool leat_pool_wait_for(struct leat_pool *pool, const struct leat_share *share, size_t size,
                        struct leat_pool_waiter *waiter);
/* leat_pool_share - make a share of n bytes, which must be included in leat_pool_reserve. The pool
 * owns it. NULL: out of memory. Call it before threads share the pool. */
struct leat_share *leat_pool_share(struct leat_pool *pool, uint64_t n);
/* leat_pool_wait - register a waiter, which is woken once when memory comes back.
 * Returns false, and registers nothing, if a chunk is available now. */
bool leat_pool_wait(struct leat_pool *pool, struct leat_pool_waiter *waiter);
/* leat_pool_unwait - remove a waiter; it is not called after this returns. */
void leat_pool_unwait(struct leat_pool *pool, struct leat_pool_waiter *waiter);
/* leat_pool_reserve - reserve n bytes of the limit for chunks of the pool's size. Call it before
 * threads share the pool. */
void leat_pool_reserve(struct leat_pool *pool, uint64_t n);
/* leat_pool_charge - count n bytes held elsewhere; false: they do not fit. */
bool leat_pool_charge(struct leat_pool *pool, uint64_t n);
/* leat_pool_charge_leaving - the same, if `leave` bytes can still be charged after it. */
bool leat_pool_charge_leaving(struct leat_pool *pool, uint64_t n, uint64_t leave);
/* leat_pool_left - bytes that can be charged now. */
uint64_t leat_pool_left(struct leat_pool *pool);
void leat_pool_uncharge(struct leat_pool *pool, uint64_t n);

struct leat_chunk *leat_chunk_ref(struct leat_chunk *chunk);
void leat_chunk_unref(struct leat_chunk *chunk); /* NULL is fine */

/* leat_slice_is_mark - is it a flush marker? Its `off` is the position of the source for which it stands, or 0. */
static inline bool leat_slice_is_mark(const struct leat_slice *slice)
{
    return !slice->chunk;
}

static inline const uint8_t *leat_slice_data(const struct leat_slice *slice)
{
    leat_assert(slice->off + slice->len <= slice->chunk->cap);
    leat_assert(atomic_load_explicit(&slice->chunk->refs, memory_order_relaxed) > 0);
    return slice->chunk->data + slice->off;
}

#endif
