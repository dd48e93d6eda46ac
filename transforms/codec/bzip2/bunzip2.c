/* bunzip2.c - decodes bzip2 streams, one after another.
 *
 * With several threads, and memory for them, blocks are decoded in lanes; see bz2_split.h.
 * Otherwise libbz2 decodes the input serially.
 */

#include "../shared/expansion.h"
#include "../shared/lanes.h"

#if HAVE_BZ2

#include <bzlib.h>

#include "bz2_split.h"

#define LANES_MEMORY_MIN ((uint64_t)32 << 20)
#define SERIAL_LATER ((uint64_t)4 << 20) /* what libbz2 needs for blocks of 900 KB */
#define LANE_HOLDS ((uint64_t)5 << 20)   /* a piece, and libbz2 for blocks of 900 KB */

struct bunzip2 {
    bz_stream bz;
    bool begun;         /* libbz2 is in a stream */
    bool had;           /* a stream has ended */
    uint64_t stream_at; /* byte offset of the stream */
};

static void *alloc(void *stage, int items, int size)
{
    return leat_alloc_raw(stage, (size_t)items * (size_t)size);
}

static void release(void *stage, void *memory)
{
    leat_free(stage, memory);
}

static int bunzip2_open(struct leat_stage *stage, void *state)
{
    (void)stage;
    (void)state;
    return 0;
}

static void bunzip2_close(struct leat_stage *stage, void *state)
{
    struct bunzip2 *b = state;

    (void)stage;
    if (b->begun)
        BZ2_bzDecompressEnd(&b->bz);
    b->begun = false;
}

static int begin(struct leat_stage *stage, struct bunzip2 *b, uint64_t at)
{
    int r;

    b->bz = (bz_stream){.bzalloc = alloc, .bzfree = release, .opaque = stage};
    r = BZ2_bzDecompressInit(&b->bz, 0, 0);
    if (r != BZ_OK)
        return r == BZ_MEM_ERROR ? LEAT_ENOMEM
                                 : leat_fail(stage, LEAT_EINTERNAL, "libbz2: error %d", r);
    b->begun = true;
    b->stream_at = at;
    return 0;
}

static int fail_bz2(struct leat_stage *stage, const struct bunzip2 *b, int code)
{
    switch (code) {
    case BZ_MEM_ERROR:
        return LEAT_ENOMEM; /* leat_alloc has recorded the error */
    case BZ_DATA_ERROR_MAGIC:
        return leat_fail_at(stage, LEAT_ECORRUPT, b->stream_at,
                            b->had ? LEAT_BZ2_GARBAGE : LEAT_BZ2_NOT);
    case BZ_DATA_ERROR:
        return leat_fail(stage, LEAT_ECORRUPT, LEAT_BZ2_CORRUPT);
    default:
        return leat_fail(stage, LEAT_EINTERNAL, "libbz2: error %d", code);
    }
}

static int bunzip2_step(struct leat_stage *stage, void *state, struct leat_in *in,
                        struct leat_out *out)
{
    struct bunzip2 *b = state;

    for (;;) {
        size_t n, left = in->len - in->pos;
        uint8_t *room;
        int r;

        if (left == 0 && in->end && b->had && !b->begun)
            return LEAT_END;
        if (!b->begun) {
            if (left == 0 && !in->end)
                return LEAT_MORE;
            r = begin(stage, b, in->offset + in->pos);
            if (r < 0)
                return r;
        }
        n = leat_reserve(out, &room);
        if (n == 0)
            return LEAT_MORE;
        b->bz.next_in = (char *)(uintptr_t)(in->data + in->pos); /* libbz2 only reads it */
        b->bz.avail_in = (unsigned)left;
        b->bz.next_out = (char *)room;
        b->bz.avail_out = (unsigned)n;
        r = BZ2_bzDecompress(&b->bz);
        in->pos += left - b->bz.avail_in;
        leat_commit(out, n - b->bz.avail_out);
        if (r == BZ_STREAM_END) {
            bunzip2_close(stage, b);
            b->had = true;
            continue;
        }
        if (r != BZ_OK)
            return fail_bz2(stage, b, r);
        if (b->bz.avail_out == 0 || in->pos < in->len)
            continue;
        if (in->end)
            return leat_fail(stage, LEAT_ETRUNCATED, LEAT_BZ2_TRUNCATED);
        return LEAT_MORE;
    }
}

static const struct leat_decoder_lanes lanes = {
    .state_size = sizeof(struct leat_bz2_split),
    .result_size = sizeof(struct leat_bz2_result),
    .history = LEAT_BZ2_HISTORY,
    .memory_min = LANES_MEMORY_MIN,
    .holds = LANE_HOLDS,
    .cut = leat_bz2_cut,
    .open = leat_bz2_lane_open,
    .begin = leat_bz2_lane_begin,
    .step = leat_bz2_lane_step,
    .merge = leat_bz2_merge,
    .join = leat_bz2_join,
    .close = leat_bz2_close,
};

const struct leat_decoder leat_decoder_bzip2 = {
    .name = "bzip2",
    .state_size = sizeof(struct bunzip2),
    .open = bunzip2_open,
    .step = bunzip2_step,
    .close = bunzip2_close,
    .lanes = &lanes,
    .later = SERIAL_LATER,
};

/* --- the stage -------------------------------------------------------------------------------- */

union stage_state {
    struct bunzip2 serial;
    struct leat_bz2_split lanes;
};

LEAT_LANES_STAGE(leat_decoder_bzip2, lanes, LEAT_BZ2_PIECE, sizeof(struct leat_bz2_result));

const struct leat_stage_type leat_stage_bunzip2 = {
    .name = "bunzip2",
    .summary = "decompress bzip2 (.bz2)",
    .manual =
        "Decompresses any number of streams, one after another. Errors are: truncation, any "
        "other data after the last stream, and a CRC that does not match.\n\n"
        "Each block begins with a fixed number; bunzip2 searches for it and decodes the blocks "
        "in parallel. It detects when the number occurs in the data by chance. There are as many "
        "workers as threads, or as fit in --memory at 5 MiB each. With less than --memory=32M "
        "there is one.",
    .examples = "read big.log : bzip2 : bunzip2 : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(union stage_state),
    .options = leat_expansion_options,
    .lanes = &split,
    .plan = stage_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(bunzip2, "bunzip2", "decompress bzip2 (.bz2)", "libbz2-dev");

#endif
