/* hash_xxh64.c - XXH64 with seed 0. */

#define XXH_STATIC_LINKING_ONLY /* for the size of the state, which lies within the stage's state */
#include <xxhash.h>

#include "hash.h"

static int xxh64_algorithm_open(struct leat_stage *s, const struct leat_hash_algorithm *a,
                                void *state)
{
    (void)s;
    (void)a;
    XXH64_reset(state, 0);
    return 0;
}

static int xxh64_algorithm_add(struct leat_stage *s, void *state, const uint8_t *data, size_t n)
{
    (void)s;
    XXH64_update(state, data, n);
    return 0;
}

static int xxh64_algorithm_end(struct leat_stage *s, void *state, uint8_t *digest)
{
    (void)s;
    leat_hash_put_big_endian(digest, XXH64_digest(state), 8);
    return 0;
}

static const struct leat_hash_algorithm xxh64_algorithm = {
    .tag = "XXH64",
    .size = 8,
    .plain_names = true,
    .open = xxh64_algorithm_open,
    .add = xxh64_algorithm_add,
    .end = xxh64_algorithm_end,
};

LEAT_HASH_STAGE(
    xxh64, sizeof(XXH64_state_t), "XXH64 checksum of the stream",
    "The XXH64 checksum with seed 0: detects accidental damage, at the speed of memory.",
    ", as xxh64sum does");
