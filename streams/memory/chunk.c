/* chunk.c - reference-counted blocks and the bounded pool.
 *
 * Chunks of the pool's chunk size are kept for reuse: malloc costs 3 us if another thread frees the
 * memory. A free chunk counts as used until another size needs its memory, so `used` is the memory
 * that the process really holds. Large data is page aligned, like a mapping, so that reads from the
 * page cache copy whole pages.
 */

#include "chunk.h"

#include <limits.h>
#include <stdlib.h>

#include "base/usdt.h"

#define ALIGN_LARGE 4096u
#define ALIGN_SMALL 64u
#define LARGE ((size_t)65536)

int leat_pool_init(struct leat_pool *pool, uint64_t limit, size_t chunk_size)
{
    leat_assert(chunk_size > 0);
    *pool = (struct leat_pool){.limit = limit, .chunk_size = chunk_size};
    return pthread_mutex_init(&pool->lock, NULL) ? LEAT_ENOMEM : 0;
}

static void chunk_free(struct leat_chunk *c)
{
    leat_assert(atomic_load_explicit(&c->refs, memory_order_relaxed) == 0);
    free(c->data);
    free(c);
}

/* Under the lock. Count n more bytes; free chunks go back to the system if the bytes do not fit
 * otherwise. false: they cannot fit. */
static bool take_room(struct leat_pool *pool, uint64_t n)
{
    uint64_t used = atomic_load_explicit(&pool->used, memory_order_relaxed);

    leat_assert(used <= pool->limit);
    leat_assert(used <= atomic_load_explicit(&pool->peak, memory_order_relaxed));
    while (pool->free_chunks && (n > pool->limit || used > pool->limit - n)) {
        struct leat_chunk *c = pool->free_chunks;

        leat_assert(c->own); /* no other chunk is kept */
        leat_assert(used >= c->cap);
        pool->free_chunks = c->next;
        used -= c->cap;
        chunk_free(c);
    }
    if (n <= pool->limit && used <= pool->limit - n) {
        used += n;
        atomic_store_explicit(&pool->used, used, memory_order_relaxed);
        if (used > atomic_load_explicit(&pool->peak, memory_order_relaxed))
            atomic_store_explicit(&pool->peak, used, memory_order_relaxed);
        return true;
    }
    atomic_store_explicit(&pool->used, used, memory_order_relaxed);
    return false;
}

/* Under the lock. Charges must not use the bytes reserved for chunks. */
static bool take_charge(struct leat_pool *pool, uint64_t n)
{
    uint64_t room = pool->limit - pool->reserved;

    leat_assert(pool->reserved <= pool->limit);
    leat_assert(pool->charged <= room);
    if (n > room || pool->charged > room - n || !take_room(pool, n))
        return false;
    pool->charged += n;
    leat_assert(pool->charged <= atomic_load_explicit(&pool->used, memory_order_relaxed));
    return true;
}

/* Under the lock. */
static void give_back(struct leat_pool *pool, uint64_t n)
{
    uint64_t used = atomic_load_explicit(&pool->used, memory_order_relaxed);

    leat_assert(used >= n);
    atomic_store_explicit(&pool->used, used - n, memory_order_relaxed);
}

/* Under the lock, which is allowed: no lock that `wake` takes is ever held when the pool's is
 * taken. */
static void wake_waiters(struct leat_pool *pool)
{
    while (pool->waiters) {
        struct leat_pool_waiter *w = pool->waiters;

        leat_assert(w->listed);
        leat_assert(w->wake != NULL);
        pool->waiters = w->next;
        w->listed = false;
        w->wake(w);
    }
}

/* Under the lock, or when no thread uses the pool. */
static void drop_free_chunks(struct leat_pool *pool)
{
    while (pool->free_chunks) {
        struct leat_chunk *c = pool->free_chunks;

        pool->free_chunks = c->next;
        give_back(pool, c->cap);
        chunk_free(c);
    }
}

uint64_t leat_pool_trim(struct leat_pool *pool)
{
    uint64_t used;

    pthread_mutex_lock(&pool->lock);
    drop_free_chunks(pool);
    used = atomic_load_explicit(&pool->used, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    return used;
}

uint64_t leat_pool_done(struct leat_pool *pool)
{
    uint64_t left = pool->chunks_out;

    leat_assert(!pool->waiters);
    drop_free_chunks(pool);
    /* With no chunk out, `used` is only what is charged and not given back. */
    leat_assert(left > 0 || pool->used == pool->charged);
    while (pool->shares) {
        struct leat_share *share = pool->shares;

        leat_assert(share->used == 0 || left > 0);
        pool->shares = share->next;
        free(share);
    }
    pthread_mutex_destroy(&pool->lock);
    return left;
}

static struct leat_chunk *chunk_new(struct leat_pool *pool, size_t size, bool own)
{
    struct leat_chunk *c = malloc(sizeof *c);
    size_t align = size >= LARGE ? ALIGN_LARGE : ALIGN_SMALL;
    void *data = NULL;

    leat_assert(size > 0);
    if (!c || posix_memalign(&data, align, size)) {
        free(c);
        return NULL;
    }
    LEAT_PROBE2(chunk_alloc, size, own);
    *c = (struct leat_chunk){.cap = size, .own = own, .pool = pool, .data = data};
    return c;
}

/* Under the lock. Take n bytes from the share; false: they do not fit. */
static bool take_share(struct leat_pool *pool, struct leat_share *share, uint64_t n)
{
    leat_assert(!share || share->used <= share->size);
    if (!share || n > share->size - share->used || !take_room(pool, n))
        return false;
    share->used += n;
    return true;
}

/* Under the lock. Give back the n bytes of a chunk that has not the pool's chunk size. */
static void give_back_sized(struct leat_pool *pool, struct leat_share *share, uint64_t n)
{
    uint64_t *from = share ? &share->used : &pool->charged;

    leat_assert(*from >= n);
    *from -= n;
    give_back(pool, n);
}

int leat_pool_get(struct leat_pool *pool, size_t size, struct leat_chunk **ret_chunk)
{
    return leat_pool_get_shared(pool, NULL, size, ret_chunk);
}

int leat_pool_get_shared(struct leat_pool *pool, struct leat_share *share, size_t size,
                         struct leat_chunk **ret_chunk)
{
    struct leat_chunk *c = NULL;
    bool own = size == 0, fits = true;

    leat_assert(!own || !share); /* a share has no chunks of the pool's size */
    pthread_mutex_lock(&pool->lock);
    if (own && pool->free_chunks) {
        c = pool->free_chunks;
        leat_assert(c->own && c->cap == pool->chunk_size);
        leat_assert(atomic_load_explicit(&c->refs, memory_order_relaxed) == 0);
        pool->free_chunks = c->next;
    } else {
        fits = own ? take_room(pool, pool->chunk_size) : take_charge(pool, size);
        if (fits || own)
            share = NULL;
        else
            fits = take_share(pool, share, size);
    }
    if (fits)
        pool->chunks_out++;
    pthread_mutex_unlock(&pool->lock);
    if (!fits)
        return LEAT_ELIMIT;
    if (!c)
        c = chunk_new(pool, own ? pool->chunk_size : size, own);
    if (!c) {
        pthread_mutex_lock(&pool->lock);
        leat_assert(pool->chunks_out > 0);
        pool->chunks_out--;
        if (own)
            give_back(pool, pool->chunk_size);
        else
            give_back_sized(pool, share, size);
        pthread_mutex_unlock(&pool->lock);
        return LEAT_ENOMEM;
    }
    atomic_store_explicit(&c->refs, 1, memory_order_relaxed);
    c->next = NULL;
    c->share = own ? NULL : share;
    *ret_chunk = c;
    return 0;
}

/* Under the lock. */
static void list_waiter(struct leat_pool *pool, struct leat_pool_waiter *waiter)
{
    if (waiter->listed)
        return;
    waiter->listed = true;
    waiter->next = pool->waiters;
    pool->waiters = waiter;
}

bool leat_pool_wait_for(struct leat_pool *pool, const struct leat_share *share, size_t size,
                        struct leat_pool_waiter *waiter)
{
    uint64_t used, free_bytes = 0;
    bool room;

    pthread_mutex_lock(&pool->lock);
    for (const struct leat_chunk *c = pool->free_chunks; c; c = c->next)
        free_bytes += c->cap;
    leat_assert(free_bytes <= atomic_load_explicit(&pool->used, memory_order_relaxed));
    leat_assert(!share || share->used <= share->size);
    used = atomic_load_explicit(&pool->used, memory_order_relaxed) - free_bytes;
    room = pool->charged + size <= pool->limit - pool->reserved ||
           (share && size <= share->size - share->used);
    room = room && used + size <= pool->limit;
    if (!room)
        list_waiter(pool, waiter);
    pthread_mutex_unlock(&pool->lock);
    return !room;
}

bool leat_pool_wait(struct leat_pool *pool, struct leat_pool_waiter *waiter)
{
    uint64_t used;
    bool room;

    pthread_mutex_lock(&pool->lock);
    used = atomic_load_explicit(&pool->used, memory_order_relaxed);
    room = pool->free_chunks || used + pool->chunk_size <= pool->limit;
    if (!room)
        list_waiter(pool, waiter);
    pthread_mutex_unlock(&pool->lock);
    return !room;
}

void leat_pool_unwait(struct leat_pool *pool, struct leat_pool_waiter *waiter)
{
    struct leat_pool_waiter **p = &pool->waiters;

    pthread_mutex_lock(&pool->lock);
    while (*p && *p != waiter)
        p = &(*p)->next;
    leat_assert(waiter->listed == (*p != NULL));
    if (*p)
        *p = waiter->next;
    waiter->listed = false;
    pthread_mutex_unlock(&pool->lock);
}

struct leat_share *leat_pool_share(struct leat_pool *pool, uint64_t n)
{
    struct leat_share *share = calloc(1, sizeof *share);

    leat_assert(pool->chunks_out == 0);
    if (!share)
        return NULL;
    share->size = n;
    share->next = pool->shares;
    pool->shares = share;
    return share;
}

void leat_pool_reserve(struct leat_pool *pool, uint64_t n)
{
    leat_assert(pool->chunks_out == 0);
    leat_assert(pool->charged == 0);
    pool->reserved = n < pool->limit ? n : pool->limit;
}

bool leat_pool_charge(struct leat_pool *pool, uint64_t n)
{
    bool fits;

    pthread_mutex_lock(&pool->lock);
    fits = take_charge(pool, n);
    pthread_mutex_unlock(&pool->lock);
    return fits;
}

bool leat_pool_charge_leaving(struct leat_pool *pool, uint64_t n, uint64_t leave)
{
    uint64_t left;
    bool fits;

    pthread_mutex_lock(&pool->lock);
    left = pool->limit - pool->reserved - pool->charged;
    fits = left >= leave && n <= left - leave && take_charge(pool, n);
    pthread_mutex_unlock(&pool->lock);
    return fits;
}

uint64_t leat_pool_left(struct leat_pool *pool)
{
    uint64_t left;

    pthread_mutex_lock(&pool->lock);
    leat_assert(pool->reserved + pool->charged <= pool->limit);
    left = pool->limit - pool->reserved - pool->charged;
    pthread_mutex_unlock(&pool->lock);
    return left;
}

void leat_pool_uncharge(struct leat_pool *pool, uint64_t n)
{
    pthread_mutex_lock(&pool->lock);
    leat_assert(pool->charged >= n);
    give_back(pool, n);
    pool->charged -= n;
    wake_waiters(pool);
    pthread_mutex_unlock(&pool->lock);
}

struct leat_chunk *leat_chunk_ref(struct leat_chunk *c)
{
    unsigned refs = atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);

    leat_assert(refs > 0); /* the caller has a reference */
    leat_assert(refs < UINT_MAX);
    return c;
}

void leat_chunk_unref(struct leat_chunk *c)
{
    struct leat_pool *pool;
    unsigned refs;

    if (!c)
        return;
    refs = atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel);
    leat_assert(refs > 0);
    if (refs > 1)
        return;
    pool = c->pool;
    pthread_mutex_lock(&pool->lock);
    leat_assert(pool->chunks_out > 0);
    leat_assert(!c->next); /* it is not in the free list */
    pool->chunks_out--;
    if (c->own) {
        leat_assert(c->cap == pool->chunk_size);
        leat_assert(!c->share);
        c->next = pool->free_chunks;
        pool->free_chunks = c;
        c = NULL;
    } else {
        give_back_sized(pool, c->share, c->cap);
    }
    wake_waiters(pool);
    pthread_mutex_unlock(&pool->lock);
    if (c)
        chunk_free(c);
}
