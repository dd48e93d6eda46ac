/* xxh32.c - the checksum of lz4 frames, by libxxhash. */

#include "xxh32.h"

#include <xxhash.h>

struct leat_xxh32 {
    XXH32_state_t *state;
};

uint32_t leat_xxh32(const void *data, size_t n)
{
    return XXH32(data, n, 0);
}

struct leat_xxh32 *leat_xxh32_new(struct leat_stage *stage)
{
    struct leat_xxh32 *sum = leat_alloc(stage, sizeof *sum);

    if (!sum)
        return NULL;
    sum->state = XXH32_createState();
    if (!sum->state) {
        leat_free(stage, sum);
        leat_fail(stage, LEAT_ENOMEM, "out of memory for libxxhash");
        return NULL;
    }
    leat_xxh32_reset(sum);
    return sum;
}

void leat_xxh32_free(struct leat_stage *stage, struct leat_xxh32 *sum)
{
    if (sum)
        XXH32_freeState(sum->state);
    leat_free(stage, sum);
}

void leat_xxh32_reset(struct leat_xxh32 *sum)
{
    (void)XXH32_reset(sum->state, 0);
}

void leat_xxh32_add(struct leat_xxh32 *sum, const void *data, size_t n)
{
    (void)XXH32_update(sum->state, data, n);
}

uint32_t leat_xxh32_get(const struct leat_xxh32 *sum)
{
    return XXH32_digest(sum->state);
}
