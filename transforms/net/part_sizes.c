/* part_sizes.c - the sizes of the parts of an upload, by the rule of a service. */

#include "part_sizes.h"

#include "base/invariant.h"

#define MIB ((uint64_t)1 << 20)

const struct leat_part_rule leat_s3_parts = {
    .parts_max = LEAT_S3_PARTS_MAX, .calm = 1000, .step = 500, .size_max = LEAT_S3_PART_MAX};
const struct leat_part_rule leat_azblob_blocks = {.parts_max = LEAT_AZBLOB_BLOCKS_MAX,
                                                  .calm = 5000,
                                                  .step = 2500,
                                                  .size_max = LEAT_AZBLOB_BLOCK_MAX};

uint64_t leat_upload_part_size(const struct leat_part_rule *rule, unsigned number, uint64_t first,
                               uint64_t most)
{
    uint64_t size = first;

    leat_assert(number >= 1 && number <= rule->parts_max);
    leat_assert(first <= rule->size_max);
    for (unsigned n = rule->calm; number > n && size < rule->size_max; n += rule->step)
        size *= 2;
    size = size < rule->size_max ? size : rule->size_max;
    return size < most ? size : most;
}

uint64_t leat_upload_part_first(const struct leat_part_rule *rule, uint64_t size, uint64_t first)
{
    uint64_t least = (size + rule->parts_max - 1) / rule->parts_max;

    least = (least + MIB - 1) / MIB * MIB;
    return least > first ? least : first;
}

uint64_t leat_upload_parts_hold(const struct leat_part_rule *rule, unsigned number, uint64_t first,
                                uint64_t most)
{
    uint64_t size = 0;

    for (; number <= rule->parts_max; number++)
        size += leat_upload_part_size(rule, number, first, most);
    return size;
}
