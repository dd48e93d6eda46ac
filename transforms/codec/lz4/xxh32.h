/* xxh32.h - the checksum of lz4 frames, by libxxhash. */
#ifndef LEAT_CODEC_LZ4_XXH32_H
#define LEAT_CODEC_LZ4_XXH32_H

#include "stage.h"

/* leat_xxh32 - the checksum of n bytes, with seed 0. */
uint32_t leat_xxh32(const void *data, size_t n);

/* A checksum that is computed piece by piece. leat_xxh32_new fails the stage and returns NULL if
 * there is no memory. */
struct leat_xxh32;
struct leat_xxh32 *leat_xxh32_new(struct leat_stage *stage);
void leat_xxh32_free(struct leat_stage *stage, struct leat_xxh32 *sum); /* NULL is fine */
void leat_xxh32_reset(struct leat_xxh32 *sum);
void leat_xxh32_add(struct leat_xxh32 *sum, const void *data, size_t n);
uint32_t leat_xxh32_get(const struct leat_xxh32 *sum);

#endif
