/* zmem.h - zlib allocates from the stage, so that its memory counts against the pipeline's
 * limit. */
#ifndef LEAT_CODEC_GZIP_ZMEM_H
#define LEAT_CODEC_GZIP_ZMEM_H

#ifndef ZLIB_CONST
#define ZLIB_CONST /* next_in points to const */
#endif
#include <zlib.h>

#include "stage.h"

static inline void *leat_zmem_alloc(void *stage, unsigned items, unsigned size)
{
    return leat_alloc_raw(stage, (size_t)items * size);
}

static inline void leat_zmem_free(void *stage, void *memory)
{
    leat_free(stage, memory);
}

/* leat_zmem_set - call before the stream is initialised. */
static inline void leat_zmem_set(z_stream *z, struct leat_stage *stage)
{
    z->zalloc = leat_zmem_alloc;
    z->zfree = leat_zmem_free;
    z->opaque = stage;
}

#endif
