/* lzma_aid.c - runs liblzma within the contract of a step. */

#if HAVE_LZMA

#include "lzma_aid.h"

#include <string.h>

#include "../shared/expansion.h"

#define BLOCK_MIN ((uint64_t)1 << 20)
#define SLACK ((uint64_t)1 << 20) /* chunks in transit, for each lane */
/* Part of the limit that lanes may use: 31/32; the engine limits blocks to a quarter. */
#define PART_NUMERATOR 31u
#define PART_DENOMINATOR 32u
#define BLOCKS_PART 4u
#define DECODER_LATER ((uint64_t)9 << 20) /* needs of level 6 */

unsigned leat_lzma_level(const struct leat_lzma_params *params)
{
    return params->level < 0 ? 0 : (unsigned)params->level;
}

int leat_lzma_preset(struct leat_stage *stage, const struct leat_lzma_params *params,
                     lzma_options_lzma *ret_options)
{
    uint32_t preset = leat_lzma_level(params) | (params->extreme ? LZMA_PRESET_EXTREME : 0);

    if (lzma_lzma_preset(ret_options, preset))
        return leat_fail(stage, LEAT_EUNSUPPORTED, "liblzma does not have level %u",
                         leat_lzma_level(params));
    return 0;
}

static void *alloc(void *stage, size_t n, size_t size)
{
    if (size > 0 && n > SIZE_MAX / size)
        return NULL;
    return leat_alloc_raw(stage, n * size);
}

static void release(void *stage, void *memory)
{
    leat_free(stage, memory);
}

void leat_lzma_init(struct leat_lzma *lzma, struct leat_stage *stage)
{
    lzma->allocator = (lzma_allocator){.alloc = alloc, .free = release, .opaque = stage};
    lzma->strm = (lzma_stream)LZMA_STREAM_INIT;
    lzma->strm.allocator = &lzma->allocator;
}

int leat_lzma_init_charged(struct leat_lzma *lzma, struct leat_stage *stage, uint64_t bytes)
{
    lzma->strm = (lzma_stream)LZMA_STREAM_INIT;
    return leat_charge(stage, bytes);
}

void leat_lzma_close(struct leat_lzma *lzma)
{
    lzma_end(&lzma->strm);
}

int leat_lzma_fail(struct leat_stage *stage, lzma_ret code, const char *what)
{
    /* The header of xz has a CRC, so an unknown value is not due to damage. */
    int unknown = strcmp(what, "xz") == 0 ? LEAT_EUNSUPPORTED : LEAT_ECORRUPT;

    switch (code) {
    case LZMA_MEM_ERROR:
        return LEAT_ENOMEM; /* leat_alloc has recorded it, with both sizes */
    case LZMA_FORMAT_ERROR: /* reported for the first header only */
        return leat_fail_at(stage, LEAT_ECORRUPT, 0, "not in %s format", what);
    case LZMA_OPTIONS_ERROR:
        return leat_fail(stage, unknown, "%s data with options that liblzma does not know", what);
    case LZMA_UNSUPPORTED_CHECK:
        return leat_fail(stage, unknown, "%s data with a kind of check that liblzma does not know",
                         what);
    case LZMA_DATA_ERROR:
        return leat_fail(stage, LEAT_ECORRUPT, "invalid %s data, or its check does not match",
                         what);
    case LZMA_BUF_ERROR:
        return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in %s data", what);
    default:
        return leat_fail(stage, LEAT_EINTERNAL, "liblzma: error %d", (int)code);
    }
}

int leat_lzma_run(struct leat_lzma *lzma, struct leat_stage *stage, const char *what,
                  int (*raise)(struct leat_stage *stage, void *state), void *state,
                  struct leat_in *in, struct leat_out *out)
{
    lzma_stream *z = &lzma->strm;

    for (;;) {
        lzma_action action = in->end && in->pos == in->len ? LZMA_FINISH : LZMA_RUN;
        size_t room = leat_reserve(out, &z->next_out);
        lzma_ret r;

        if (room == 0)
            return LEAT_MORE;
        z->avail_out = room;
        z->next_in = in->data + in->pos;
        z->avail_in = in->len - in->pos;
        r = lzma_code(z, action);
        in->pos = in->len - z->avail_in;
        leat_commit(out, room - z->avail_out);
        if (r == LZMA_STREAM_END)
            return LEAT_END;
        if (r == LZMA_MEMLIMIT_ERROR && raise) {
            int raised = raise(stage, state);

            if (raised < 0)
                return raised;
            continue;
        }
        if (r == LZMA_BUF_ERROR && action == LZMA_RUN)
            return in->flush ? LEAT_FLUSHED : LEAT_MORE; /* it has nothing to do */
        if (r != LZMA_OK)
            return leat_lzma_fail(stage, r, what);
        if (z->avail_out > 0 && in->pos == in->len && !in->end && !in->flush)
            return LEAT_MORE;
    }
}

int leat_lzma_decoder_plan(struct leat_stage *stage)
{
    leat_plan_later(stage, DECODER_LATER);
    return leat_expansion_plan(stage);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static uint64_t lane_need(const struct leat_lzma_lanes *l, uint64_t block)
{
    uint64_t made = l->gathers ? lzma_block_buffer_bound((size_t)block) : 0;

    return l->encoder + made + LEAT_LANE_EDGES(block) + SLACK;
}

/* The part that lanes may use: the rest is for the chunks of other stages. */
static uint64_t lanes_part(uint64_t limit)
{
    return limit / PART_DENOMINATOR * PART_NUMERATOR;
}

static bool fits(const struct leat_lzma_lanes *l, uint64_t limit, unsigned lanes, uint64_t block)
{
    return lanes * lane_need(l, block) <= lanes_part(limit) &&
           lanes * BLOCKS_PART * (LEAT_LANE_EDGES(block) + SLACK) <= limit;
}

uint64_t leat_lzma_block(const struct leat_lzma_lanes *l, uint64_t limit)
{
    for (unsigned lanes = 2; lanes > 0; lanes--) {
        for (unsigned n = l->most; n > 0; n--) {
            uint64_t block = n * l->dictionary;

            if (block >= BLOCK_MIN && fits(l, limit, lanes, block))
                return block;
        }
    }
    return l->dictionary > BLOCK_MIN ? l->dictionary : BLOCK_MIN;
}

void leat_lzma_plan_lanes(struct leat_stage *stage, const struct leat_lzma_lanes *l, uint64_t block)
{
    uint64_t n = lanes_part(leat_memory_limit(stage)) / lane_need(l, block);

    leat_plan_block(stage, (size_t)block, 0);
    leat_plan_lanes(stage, n < LEAT_THREADS_MAX ? (unsigned)n : LEAT_THREADS_MAX);
}

#else
typedef int leat_lzma_aid_is_empty; /* no liblzma in this build */
#endif
