/* test_chunk.c - the pool: what it gives, what it accounts for, whom it wakes. */
#include "memory/chunk.h"

#include <stdlib.h>

#include "breaks.h"
#include "test.h"

#define KEPT_MAX 64u

static const size_t chunk_sizes[] = {1, 100, 4096, 65536, (size_t)1 << 20};
#define N_SIZES (sizeof chunk_sizes / sizeof chunk_sizes[0])

static uint64_t used(struct leat_pool *pool)
{
    return atomic_load(&pool->used);
}

static struct leat_chunk *get(struct leat_pool *pool, size_t size)
{
    struct leat_chunk *chunk = NULL;

    ASSERT_EQ(leat_pool_get(pool, size, &chunk), 0);
    return chunk;
}

static void refused(struct leat_pool *pool, size_t size)
{
    struct leat_chunk *chunk = NULL;

    ASSERT_EQ(leat_pool_get(pool, size, &chunk), LEAT_ELIMIT);
    ASSERT_NULL(chunk);
}

/* --- chunks of the pool's size ------------------------------------------------------------------ */

TEST(test_a_pool_gives_as_many_chunks_as_fit_and_each_one_that_came_back)
{
    for (size_t k = 0; k < N_SIZES; k++)
        for (unsigned n = 1; n < 6; n++) {
            size_t size = chunk_sizes[k];
            struct leat_chunk *chunks[6];
            struct leat_pool pool;

            test_context("chunk %zu, %u of them", size, n);
            ASSERT_EQ(leat_pool_init(&pool, n * size + (size - 1), size), 0);
            for (unsigned i = 0; i < n; i++) {
                chunks[i] = get(&pool, 0);
                ASSERT_EQ(chunks[i]->cap, size);
                memset(chunks[i]->data, (int)i, size);
            }
            refused(&pool, 0);
            ASSERT_EQ(used(&pool), n * size);
            for (unsigned i = 0; i < n; i++) {
                ASSERT_EQ(chunks[i]->data[size - 1], i); /* none lies in another */
                leat_chunk_unref(chunks[i]);
                chunks[i] = get(&pool, 0);
                refused(&pool, 0);
            }
            for (unsigned i = 0; i < n; i++)
                leat_chunk_unref(chunks[i]);
            ASSERT_EQ(used(&pool), n * size); /* they are kept for reuse */
            ASSERT_EQ(atomic_load(&pool.peak), n * size);
            ASSERT_EQ(leat_pool_done(&pool), 0);
        }
}

TEST(test_large_chunks_lie_on_pages_and_small_ones_on_cache_lines)
{
    for (size_t k = 0; k < N_SIZES; k++) {
        struct leat_chunk *chunk;
        struct leat_pool pool;

        ASSERT_EQ(leat_pool_init(&pool, (uint64_t)8 << 20, chunk_sizes[k]), 0);
        chunk = get(&pool, 0);
        ASSERT_EQ((uintptr_t)chunk->data % (chunk_sizes[k] >= 65536 ? 4096 : 64), 0);
        leat_chunk_unref(chunk);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_chunk_comes_back_with_its_last_reference)
{
    for (unsigned refs = 1; refs < 5; refs++) {
        struct leat_chunk *chunk;
        struct leat_pool pool;

        ASSERT_EQ(leat_pool_init(&pool, 4096, 4096), 0);
        chunk = get(&pool, 0);
        for (unsigned i = 1; i < refs; i++)
            ASSERT(leat_chunk_ref(chunk) == chunk);
        for (unsigned i = 0; i < refs; i++) {
            refused(&pool, 0);
            leat_chunk_unref(chunk);
        }
        leat_chunk_unref(get(&pool, 0));
        leat_chunk_unref(NULL);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_pool_tells_how_many_chunks_were_not_given_back)
{
    struct leat_chunk *own, *sized;
    struct leat_pool pool;

    ASSERT_EQ(leat_pool_init(&pool, 65536, 4096), 0);
    own = get(&pool, 0);
    sized = get(&pool, 10);
    ASSERT_EQ(leat_pool_done(&pool), 2);
    free(own->data);
    free(own);
    free(sized->data);
    free(sized);
}

/* --- charges ------------------------------------------------------------------------------------ */

TEST(test_what_is_reserved_for_chunks_cannot_be_charged)
{
    for (uint64_t reserved = 0; reserved <= 10 * 4096; reserved += 2048) {
        struct leat_chunk *chunks[10];
        struct leat_pool pool;
        uint64_t room = 10 * 4096 - reserved;

        test_context("%u reserved", (unsigned)reserved);
        ASSERT_EQ(leat_pool_init(&pool, 10 * 4096, 4096), 0);
        leat_pool_reserve(&pool, reserved);
        ASSERT_EQ(leat_pool_left(&pool), room);
        ASSERT(!leat_pool_charge(&pool, room + 1));
        ASSERT(!leat_pool_charge(&pool, UINT64_MAX));
        ASSERT(leat_pool_charge(&pool, room));
        ASSERT_EQ(leat_pool_left(&pool), 0);
        ASSERT(!leat_pool_charge(&pool, 1));
        refused(&pool, 1);
        for (unsigned i = 0; i < reserved / 4096; i++)
            chunks[i] = get(&pool, 0);
        refused(&pool, 0);
        for (unsigned i = 0; i < reserved / 4096; i++)
            leat_chunk_unref(chunks[i]);
        leat_pool_uncharge(&pool, room);
        ASSERT_EQ(leat_pool_left(&pool), room);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_charge_leaves_as_much_as_it_is_told_to)
{
    struct leat_pool pool;

    ASSERT_EQ(leat_pool_init(&pool, 10 * 4096, 4096), 0);
    leat_pool_reserve(&pool, 2 * 4096);
    ASSERT(!leat_pool_charge_leaving(&pool, 1, 8 * 4096));
    ASSERT(!leat_pool_charge_leaving(&pool, 1, UINT64_MAX));
    ASSERT(!leat_pool_charge_leaving(&pool, UINT64_MAX, 1));
    ASSERT(!leat_pool_charge_leaving(&pool, 5 * 4096, 3 * 4096 + 1));
    ASSERT(leat_pool_charge_leaving(&pool, 5 * 4096, 3 * 4096));
    ASSERT_EQ(leat_pool_left(&pool), 3 * 4096);
    ASSERT(leat_pool_charge_leaving(&pool, 3 * 4096, 0));
    ASSERT(!leat_pool_charge_leaving(&pool, 1, 0));
    leat_pool_uncharge(&pool, 8 * 4096);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

TEST(test_more_cannot_be_reserved_than_there_is)
{
    struct leat_pool pool;

    ASSERT_EQ(leat_pool_init(&pool, 8192, 4096), 0);
    leat_pool_reserve(&pool, 8193);
    ASSERT_EQ(leat_pool_left(&pool), 0);
    leat_chunk_unref(get(&pool, 0));
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

TEST(test_chunks_that_are_kept_for_reuse_give_way_to_a_charge)
{
    for (unsigned kept = 0; kept <= 4; kept++) {
        struct leat_chunk *chunks[4];
        struct leat_pool pool;

        test_context("%u kept", kept);
        ASSERT_EQ(leat_pool_init(&pool, 4 * 4096, 4096), 0);
        for (unsigned i = 0; i < 4; i++)
            chunks[i] = get(&pool, 0);
        for (unsigned i = 0; i < kept; i++)
            leat_chunk_unref(chunks[i]);
        ASSERT(!leat_pool_charge(&pool, kept * 4096 + 1));
        ASSERT(leat_pool_charge(&pool, kept * 4096));
        ASSERT_EQ(used(&pool), 4 * 4096);
        refused(&pool, 0);
        leat_pool_uncharge(&pool, kept * 4096);
        for (unsigned i = kept; i < 4; i++)
            leat_chunk_unref(chunks[i]);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_chunk_of_its_own_size_counts_as_charged_and_is_not_kept)
{
    static const size_t sizes[] = {1, 63, 4096, 5000, 65536};

    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct leat_chunk *chunk;
        struct leat_pool pool;

        test_context("size %zu", sizes[k]);
        ASSERT_EQ(leat_pool_init(&pool, 65536 + 4096, 4096), 0);
        leat_pool_reserve(&pool, 4096);
        chunk = get(&pool, sizes[k]);
        ASSERT_EQ(chunk->cap, sizes[k]);
        ASSERT_EQ(leat_pool_left(&pool), 65536 - sizes[k]);
        ASSERT_EQ(used(&pool), sizes[k]);
        refused(&pool, 65536 - sizes[k] + 1);
        leat_chunk_unref(chunk);
        ASSERT_EQ(used(&pool), 0);
        ASSERT_EQ(leat_pool_left(&pool), 65536);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_share_serves_its_owner_when_nothing_can_be_charged)
{
    struct leat_chunk *charged = NULL, *shared = NULL, *more = NULL;
    struct leat_share *share;
    struct leat_pool pool;

    ASSERT_EQ(leat_pool_init(&pool, 10000, 1000), 0);
    share = leat_pool_share(&pool, 3000);
    ASSERT_NOT_NULL(share);
    leat_pool_reserve(&pool, 3000);
    ASSERT_EQ(leat_pool_get_shared(&pool, share, 2000, &charged), 0);
    ASSERT_NULL(charged->share); /* what can be charged comes first */
    ASSERT_EQ(share->used, 0);
    ASSERT(leat_pool_charge(&pool, 5000));
    refused(&pool, 2000); /* of nobody's share */
    ASSERT_EQ(leat_pool_get_shared(&pool, share, 2000, &shared), 0);
    ASSERT(shared->share == share);
    ASSERT_EQ(share->used, 2000);
    ASSERT_EQ(leat_pool_get_shared(&pool, share, 1001, &more), LEAT_ELIMIT);
    ASSERT_EQ(leat_pool_get_shared(&pool, share, 1000, &more), 0);
    leat_chunk_unref(shared);
    ASSERT_EQ(share->used, 1000);
    leat_chunk_unref(more);
    ASSERT_EQ(share->used, 0);
    ASSERT_EQ(pool.charged, 7000); /* the share's chunks did not go into the charges' account */
    leat_chunk_unref(charged);
    leat_pool_uncharge(&pool, 5000);
    ASSERT_EQ(used(&pool), 0);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

/* --- waiters ------------------------------------------------------------------------------------ */

struct waiter {
    struct leat_pool_waiter waiter; /* first */
    unsigned woken;
};

static void note_wake(struct leat_pool_waiter *waiter)
{
    ((struct waiter *)waiter)->woken++;
}

TEST(test_who_waits_is_woken_once_by_a_chunk_or_a_charge_that_comes_back)
{
    for (unsigned by_charge = 0; by_charge < 2; by_charge++) {
        struct waiter a = {.waiter.wake = note_wake}, b = a;
        struct leat_chunk *chunk;
        struct leat_pool pool;

        ASSERT_EQ(leat_pool_init(&pool, 8192, 4096), 0);
        ASSERT(!leat_pool_wait(&pool, &a.waiter)); /* there is one */
        ASSERT(!a.waiter.listed);
        chunk = get(&pool, 0);
        ASSERT(leat_pool_charge(&pool, 4096));
        for (unsigned i = 0; i < 3; i++)
            ASSERT(leat_pool_wait(&pool, &a.waiter)); /* in the list once */
        ASSERT(leat_pool_wait(&pool, &b.waiter));
        ASSERT_EQ(a.woken + b.woken, 0);
        if (by_charge)
            leat_pool_uncharge(&pool, 4096);
        else
            leat_chunk_unref(chunk);
        ASSERT_EQ(a.woken, 1);
        ASSERT_EQ(b.woken, 1);
        ASSERT(!a.waiter.listed && !b.waiter.listed);
        if (by_charge)
            leat_chunk_unref(chunk);
        else
            leat_pool_uncharge(&pool, 4096);
        ASSERT_EQ(a.woken, 1); /* it did not ask again */
        chunk = get(&pool, 0);
        ASSERT(leat_pool_charge(&pool, 4096));
        ASSERT(leat_pool_wait(&pool, &a.waiter));
        leat_chunk_unref(chunk);
        ASSERT_EQ(a.woken, 2);
        leat_pool_uncharge(&pool, 4096);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_a_waiter_that_is_taken_off_the_list_is_not_woken_and_the_others_are)
{
    for (unsigned off = 0; off < 3; off++) {
        struct waiter w[3] = {
            {.waiter.wake = note_wake}, {.waiter.wake = note_wake}, {.waiter.wake = note_wake}};
        struct leat_chunk *chunk;
        struct leat_pool pool;

        ASSERT_EQ(leat_pool_init(&pool, 4096, 4096), 0);
        chunk = get(&pool, 0);
        for (unsigned i = 0; i < 3; i++)
            ASSERT(leat_pool_wait(&pool, &w[i].waiter));
        leat_pool_unwait(&pool, &w[off].waiter);
        leat_pool_unwait(&pool, &w[off].waiter); /* of one that is not listed: nothing */
        leat_chunk_unref(chunk);
        for (unsigned i = 0; i < 3; i++)
            ASSERT_EQ(w[i].woken, i != off);
        ASSERT_EQ(leat_pool_done(&pool), 0);
    }
}

TEST(test_nobody_waits_for_a_chunk_of_a_size_that_is_to_be_had)
{
    struct waiter w = {.waiter.wake = note_wake};
    struct leat_share *share;
    struct leat_chunk *own;
    struct leat_pool pool;

    ASSERT_EQ(leat_pool_init(&pool, 10000, 1000), 0);
    share = leat_pool_share(&pool, 2000);
    ASSERT_NOT_NULL(share);
    leat_pool_reserve(&pool, 2000);
    ASSERT(!leat_pool_wait_for(&pool, NULL, 8000, &w.waiter));
    ASSERT(leat_pool_wait_for(&pool, NULL, 8001, &w.waiter));
    ASSERT(leat_pool_charge(&pool, 8000));
    ASSERT(!leat_pool_wait_for(&pool, share, 2000, &w.waiter));
    ASSERT(leat_pool_wait_for(&pool, share, 2001, &w.waiter));
    own = get(&pool, 0);
    ASSERT(leat_pool_wait_for(&pool, share, 2000, &w.waiter)); /* a chunk holds half of it */
    leat_chunk_unref(own);
    ASSERT_EQ(w.woken, 1);
    ASSERT(!leat_pool_wait_for(&pool, share, 2000, &w.waiter)); /* it is kept, but gives way */
    leat_pool_uncharge(&pool, 8000);
    ASSERT_EQ(leat_pool_done(&pool), 0);
}

/* --- any order ---------------------------------------------------------------------------------- */

/* A second account of all that was taken. */
struct history {
    struct leat_pool pool;
    struct leat_chunk *own[KEPT_MAX], *sized[KEPT_MAX];
    unsigned n_own, n_sized;
    uint64_t charged, sized_bytes;
};

static void take_something(struct history *h, uint64_t *seed)
{
    uint64_t room = h->pool.limit - h->pool.reserved, n = 1 + test_random(seed) % 9000;
    uint64_t out = h->n_own * h->pool.chunk_size + h->charged + h->sized_bytes;
    bool may = h->charged + h->sized_bytes + n <= room && out + n <= h->pool.limit;
    struct leat_chunk *chunk = NULL;
    int r;

    switch (test_random(seed) % 3) {
    case 0:
        r = h->n_own == KEPT_MAX ? LEAT_ELIMIT : leat_pool_get(&h->pool, 0, &chunk);
        if (h->n_own < KEPT_MAX)
            ASSERT_EQ(r == 0, out + h->pool.chunk_size <= h->pool.limit);
        if (r == 0)
            h->own[h->n_own++] = chunk;
        return;
    case 1:
        if (h->n_sized == KEPT_MAX)
            return;
        r = leat_pool_get(&h->pool, n, &chunk);
        ASSERT_EQ(r == 0, may);
        if (r == 0) {
            h->sized[h->n_sized++] = chunk;
            h->sized_bytes += n;
        }
        return;
    default:
        ASSERT_EQ(leat_pool_charge(&h->pool, n), may);
        h->charged += may ? n : 0;
    }
}

static void give_something(struct history *h, uint64_t *seed)
{
    uint64_t what = test_random(seed) % 3;

    if (what == 0 && h->n_own > 0) {
        leat_chunk_unref(h->own[--h->n_own]);
    } else if (what == 1 && h->n_sized > 0) {
        h->sized_bytes -= h->sized[--h->n_sized]->cap;
        leat_chunk_unref(h->sized[h->n_sized]);
    } else if (h->charged > 0) {
        uint64_t n = 1 + test_random(seed) % h->charged;

        leat_pool_uncharge(&h->pool, n);
        h->charged -= n;
    }
}

TEST(test_all_is_accounted_for_in_any_order)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        size_t size = 1 + test_random(&random) % 5000;
        struct history h = {.n_own = 0};

        test_context("seed %u, chunk %zu", (unsigned)seed, size);
        ASSERT_EQ(leat_pool_init(&h.pool, 20 * size + test_random(&random) % 40000, size), 0);
        leat_pool_reserve(&h.pool, test_random(&random) % (20 * size));
        for (unsigned i = 0; i < 600; i++) {
            uint64_t out, kept = 0;

            if (test_random(&random) % 5 < (i < 400 ? 3u : 1u))
                take_something(&h, &random);
            else
                give_something(&h, &random);
            for (struct leat_chunk *c = h.pool.free_chunks; c; c = c->next)
                kept += c->cap;
            out = h.n_own * size + h.charged + h.sized_bytes;
            ASSERT_EQ(used(&h.pool), out + kept);
            ASSERT_LE(used(&h.pool), h.pool.limit);
            ASSERT_LE(used(&h.pool), atomic_load(&h.pool.peak));
            ASSERT_EQ(h.pool.chunks_out, h.n_own + h.n_sized);
        }
        while (h.n_own + h.n_sized > 0 || h.charged > 0)
            give_something(&h, &random);
        ASSERT_EQ(leat_pool_done(&h.pool), 0);
    }
}

/* --- what cannot be ----------------------------------------------------------------------------- */

TEST(test_a_wrong_use_of_the_pool_breaks_an_invariant)
{
    struct waiter w = {.waiter.wake = note_wake};
    struct leat_chunk *chunk, *kept;
    struct leat_slice slice;
    struct leat_pool pool;

    ASSERT_EQ(leat_pool_init(&pool, 8192, 4096), 0);
    chunk = get(&pool, 0);
    kept = get(&pool, 0);
    leat_chunk_unref(kept);
    ASSERT(leat_pool_charge(&pool, 10));
    ASSERT(leat_pool_wait_for(&pool, NULL, 8192, &w.waiter));
    ASSERT_BREAKS(leat_pool_uncharge(&pool, 11), "charged >= n");
    ASSERT_BREAKS(leat_pool_reserve(&pool, 1), "chunks_out == 0");
    ASSERT_BREAKS((void)leat_pool_share(&pool, 1), "chunks_out == 0");
    ASSERT_BREAKS((void)leat_pool_done(&pool), "!pool->waiters");
    slice = (struct leat_slice){.chunk = chunk, .off = 4000, .len = 97};
    ASSERT_BREAKS((void)leat_slice_data(&slice), "chunk->cap");
    leat_pool_unwait(&pool, &w.waiter);
    leat_pool_uncharge(&pool, 10);
    leat_chunk_unref(chunk);
    ASSERT_BREAKS(leat_chunk_unref(chunk), "refs > 0");
    ASSERT_BREAKS((void)leat_chunk_ref(chunk), "refs > 0");
    ASSERT_EQ(leat_pool_done(&pool), 0);
}
