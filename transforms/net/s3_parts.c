/* s3_parts.c - the sizes of the parts of an upload. */

#include "s3_parts.h"

#include "base/invariant.h"

#define FIRST_PARTS 1000u
#define DOUBLE_AFTER 500u
#define MIB ((uint64_t)1 << 20)

uint64_t leat_s3_part_size(unsigned number, uint64_t first, uint64_t most)
{
    uint64_t size = first;

    leat_assert(number >= 1 && number <= LEAT_S3_PARTS_MAX);
    for (unsigned n = FIRST_PARTS; number > n && size < LEAT_S3_PART_MAX; n += DOUBLE_AFTER)
        size *= 2;
    size = size < LEAT_S3_PART_MAX ? size : LEAT_S3_PART_MAX;
    return size < most ? size : most;
}

uint64_t leat_s3_part_first(uint64_t size, uint64_t first)
{
    uint64_t least = (size + LEAT_S3_PARTS_MAX - 1) / LEAT_S3_PARTS_MAX;

    least = (least + MIB - 1) / MIB * MIB;
    return least > first ? least : first;
}

uint64_t leat_s3_parts_hold(unsigned number, uint64_t first, uint64_t most)
{
    uint64_t size = 0;

    for (; number <= LEAT_S3_PARTS_MAX; number++)
        size += leat_s3_part_size(number, first, most);
    return size;
}
