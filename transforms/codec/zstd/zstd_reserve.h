/* zstd_reserve.h - memory for libzstd that has a reserve for its tables.
 *
 * libzstd 1.5.4 reads through NULL if it gets no memory for the tables of its workers: it then frees
 * jobs and pools that do not exist (ZSTDMT_freeCCtx). These small allocations therefore do not fail:
 * if malloc does, they get bytes that were allocated before. Any other allocation may fail, and
 * libzstd reports it.
 */
#ifndef LEAT_CODEC_ZSTD_ZSTD_RESERVE_H
#define LEAT_CODEC_ZSTD_ZSTD_RESERVE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <zstd.h>

#include "stage.h"

/* It begins zeroed. The workers of libzstd use it, too. */
struct leat_zstd_reserve {
    uint8_t *bytes; /* `size` bytes, or NULL */
    size_t size;
    atomic_size_t used; /* bytes handed out; more than `size`: no more fit */
};

/* leat_zstd_context_new - a context whose memory has a reserve, enough for the tables of so many
 * workers. NULL: out of memory. */
ZSTD_CCtx *leat_zstd_context_new(struct leat_zstd_reserve *reserve, unsigned workers);
/* leat_zstd_context_free - both the context, which may be NULL, and its reserve. */
void leat_zstd_context_free(ZSTD_CCtx *context, struct leat_zstd_reserve *reserve);
/* leat_zstd_fail - fail the stage with the error of an encoder's call. Returns its code. */
int leat_zstd_fail(struct leat_stage *stage, size_t error);

#endif
