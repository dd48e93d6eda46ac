/* chunk.h - reference-counted blocks of bytes, slices of them, and the bounded pool they are from.
 *
 * The pool has one limit and accounts for everything: chunks in use, chunks kept for reuse, and
 * what stages charge for their libraries. All of it is thread-safe.
 */
#ifndef LEAT_CHUNK_H
#define LEAT_CHUNK_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/invariant.h"
#include "leat.h"

struct leat_pool;

/* Results of reads and writes of queues, edges and memory, beside 0 and errors. */
#define LEAT_FULL 3  /* no room now */
#define LEAT_EMPTY 4 /* nothing there now */
#define LEAT_SHORT 5 /* no memory now: wait for it */

/* A part of the limit that is set aside for one owner, so that it can go on when codecs and others have
 * taken all else. */
struct leat_share {
    struct leat_share *next;
    uint64_t size;
    uint64_t used; /* under the pool's lock */
};

struct leat_chunk {
    atomic_uint refs;
    size_t cap;
    bool own; /* of the pool's size, kept for reuse */
    struct leat_pool *pool;
    struct leat_share *share; /* whose part of the limit it takes; NULL: nobody's */
    struct leat_chunk *next;  /* in the pool's list of free ones */
    uint8_t *data;
};

/* A range of a chunk; holds one reference to it. In a queue, without a chunk: a flush mark. */
struct leat_slice {
    struct leat_chunk *chunk;
    size_t off, len;
};

/* Told when memory came back, to try again. One entry per segment, never twice in the list. */
struct leat_pool_waiter {
    struct leat_pool_waiter *next;
    void (*wake)(struct leat_pool_waiter *waiter);
    bool listed; /* under the pool's lock */
};

struct leat_pool {
    pthread_mutex_t lock;
    uint64_t limit;                   /* bytes */
    _Atomic uint64_t used, peak;      /* bytes; written under the lock */
    uint64_t reserved;                /* for chunks of chunk_size; set before it is shared */
    uint64_t charged;                 /* under the lock: part of used that is no such chunk */
    uint64_t chunks_out;              /* under the lock: chunks not in the free list */
    size_t chunk_size;                /* of the ones kept for reuse */
    struct leat_share *shares;        /* set before it is shared */
    struct leat_chunk *free_chunks;   /* under the lock */
    struct leat_pool_waiter *waiters; /* under the lock */
};

int leat_pool_init(struct leat_pool *pool, uint64_t limit, size_t chunk_size);
/* leat_pool_done - returns the number of chunks that were not given back: a bug if not 0. No thread
 * uses the pool any more. */
uint64_t leat_pool_done(struct leat_pool *pool);

/* leat_pool_get - a chunk with one reference: of the pool's own size if `size` is 0, from what is
 * reserved for chunks; else of just that size, from what may be charged.
 * Returns 0; LEAT_ELIMIT: it does not fit now; LEAT_ENOMEM. */
int leat_pool_get(struct leat_pool *pool, size_t size, struct leat_chunk **ret_chunk);
/* leat_pool_get_shared - as leat_pool_get with a size, and if that may not be charged, from the share,
 * which may be NULL. */
int leat_pool_get_shared(struct leat_pool *pool, struct leat_share *share, size_t size,
                         struct leat_chunk **ret_chunk);
/* leat_pool_wait_for - as leat_pool_wait, for what leat_pool_get_shared refused. */
bool leat_pool_wait_for(struct leat_pool *pool, const struct leat_share *share, size_t size,
                        struct leat_pool_waiter *waiter);
/* leat_pool_share - set n bytes aside, which are part of what leat_pool_reserve was told. The pool frees
 * it. NULL: out of memory. Before the pool is shared. */
struct leat_share *leat_pool_share(struct leat_pool *pool, uint64_t n);
/* leat_pool_wait - be woken once when memory comes back.
 * Returns false, and does not wait, if a chunk is to be had now. */
bool leat_pool_wait(struct leat_pool *pool, struct leat_pool_waiter *waiter);
/* leat_pool_unwait - forget a waiter; it is not called after this returns. */
void leat_pool_unwait(struct leat_pool *pool, struct leat_pool_waiter *waiter);
/* leat_pool_reserve - n bytes of the limit are for chunks of the pool's size, and nothing else may
 * take them. Before the pool is shared. */
void leat_pool_reserve(struct leat_pool *pool, uint64_t n);
/* leat_pool_charge - account for n bytes held elsewhere; false: they do not fit. */
bool leat_pool_charge(struct leat_pool *pool, uint64_t n);
/* leat_pool_left - bytes that could be charged now. */
uint64_t leat_pool_left(struct leat_pool *pool);
void leat_pool_uncharge(struct leat_pool *pool, uint64_t n);

struct leat_chunk *leat_chunk_ref(struct leat_chunk *chunk);
void leat_chunk_unref(struct leat_chunk *chunk); /* NULL is fine */

static inline bool leat_slice_is_mark(const struct leat_slice *slice)
{
    return !slice->chunk;
}

static inline const uint8_t *leat_slice_data(const struct leat_slice *slice)
{
    leat_assert(slice->off + slice->len <= slice->chunk->cap);
    return slice->chunk->data + slice->off;
}

#endif
