/* zstd_reserve.c - memory for libzstd that has a reserve for its tables.
 *
 * The input of the workers is kept in one buffer of several jobs, which a long stream fills again and again. The page
 * faults of its first round cost a tenth of the time at level 3, so it has huge pages where the kernel gives them. A
 * short stream touches one of them.
 */

#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_createCCtx_advanced, which the shared library exports */
#include "zstd_reserve.h"

#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <zstd_errors.h>

#define RESERVE_LEAST ((size_t)16384)
#define RESERVE_WORKER                                                                             \
    ((size_t)2048) /* two job descriptions, a buffer and a context of the pools */
#define ALIGN alignof(max_align_t)
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_LEAST (8 * HUGE_PAGE) /* only the buffer of the input is so large */

static void *huge(size_t size)
{
    void *memory = NULL;

    if (posix_memalign(&memory, HUGE_PAGE, size))
        return NULL;
    (void)madvise(memory, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* only a hint */
    return memory;
}

static void *reserve_get(void *opaque, size_t size)
{
    struct leat_zstd_reserve *r = opaque;
    void *memory = size < HUGE_LEAST ? malloc(size) : huge(size);
    size_t at;

    if (memory || size > r->size)
        return memory;
    at = atomic_fetch_add(&r->used, (size + ALIGN - 1) / ALIGN * ALIGN);
    return at <= r->size - size ? r->bytes + at : NULL;
}

static void reserve_free(void *opaque, void *memory)
{
    const struct leat_zstd_reserve *r = opaque;
    uintptr_t at = (uintptr_t)memory, from = (uintptr_t)r->bytes;

    if (at < from || at >= from + r->size)
        free(memory);
}

ZSTD_CCtx *leat_zstd_context_new(struct leat_zstd_reserve *r, unsigned workers)
{
    const ZSTD_customMem memory = {reserve_get, reserve_free, r};
    size_t size = RESERVE_LEAST + workers * RESERVE_WORKER;

    r->bytes = malloc(size);
    if (!r->bytes)
        return NULL;
    r->size = size;
    return ZSTD_createCCtx_advanced(memory);
}

void leat_zstd_context_free(ZSTD_CCtx *context, struct leat_zstd_reserve *r)
{
    ZSTD_freeCCtx(context);
    free(r->bytes);
    *r = (struct leat_zstd_reserve){.bytes = NULL};
}

int leat_zstd_fail(struct leat_stage *stage, size_t error)
{
    if (ZSTD_getErrorCode(error) == ZSTD_error_memory_allocation)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libzstd");
    return leat_fail(stage, LEAT_EINTERNAL, "libzstd: %s", ZSTD_getErrorName(error));
}
