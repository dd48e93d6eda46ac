/* test_part_sizes.c - the sizes of the parts of an upload: computed, nothing is sent. */
#include "../transforms/net/part_sizes.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)
#define FIRST LEAT_S3_PART_FIRST

TEST(test_parts_grow_after_the_first_thousand)
{
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, 1, FIRST, UINT64_MAX), 8 * MIB);
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, 1000, FIRST, UINT64_MAX), 8 * MIB);
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, 1001, FIRST, UINT64_MAX), 16 * MIB);
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, 1500, FIRST, UINT64_MAX), 16 * MIB);
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, 1501, FIRST, UINT64_MAX), 32 * MIB);
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, LEAT_S3_PARTS_MAX, FIRST, UINT64_MAX),
              LEAT_S3_PART_MAX);
    ASSERT_EQ(leat_upload_part_size(&leat_s3_parts, LEAT_S3_PARTS_MAX, FIRST, 96 * MIB), 96 * MIB);
}

/* Part 10,001 does not exist: what a stream of any length may need fits in the parts before it. */
TEST(test_ten_thousand_parts_hold_the_largest_object)
{
    uint64_t held = 0;

    for (unsigned n = 1; n <= LEAT_S3_PARTS_MAX; n++) {
        uint64_t size = leat_upload_part_size(&leat_s3_parts, n, FIRST, UINT64_MAX);

        ASSERT_GE(size, LEAT_S3_PART_MIN);
        ASSERT_LE(size, (uint64_t)5 << 30); /* what S3 accepts as a part */
        held += size;
    }
    ASSERT_GE(held, LEAT_S3_OBJECT_MAX);
    ASSERT_EQ(leat_upload_parts_hold(&leat_s3_parts, 1, FIRST, UINT64_MAX), held);
    ASSERT_EQ(leat_upload_parts_hold(&leat_s3_parts, LEAT_S3_PARTS_MAX + 1, FIRST, UINT64_MAX), 0);
}

TEST(test_a_known_size_gives_parts_of_one_size)
{
    static const uint64_t sizes[] = {0, 1, 80000 * MIB, 80000 * MIB + 1, LEAT_S3_OBJECT_MAX};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t first = leat_upload_part_first(&leat_s3_parts, sizes[i], FIRST);

        ASSERT_GE(first, FIRST);
        ASSERT_GE(first * LEAT_S3_PARTS_MAX, sizes[i]);
        if (first > FIRST)
            ASSERT_LT((first - MIB) * LEAT_S3_PARTS_MAX, sizes[i]);
    }
    ASSERT_EQ(leat_upload_part_first(&leat_s3_parts, 80000 * MIB, FIRST), FIRST);
    ASSERT_EQ(leat_upload_part_first(&leat_s3_parts, 80000 * MIB + 1, FIRST), FIRST + MIB);
}

TEST(test_blocks_grow_after_the_first_five_thousand)
{
    const struct leat_part_rule *rule = &leat_azblob_blocks;
    const uint64_t first = LEAT_AZBLOB_BLOCK_FIRST;
    uint64_t size = leat_upload_parts_hold(rule, 1, first, UINT64_MAX);

    ASSERT_EQ(leat_upload_part_size(rule, 1, first, UINT64_MAX), 8 * MIB);
    ASSERT_EQ(leat_upload_part_size(rule, 5000, first, UINT64_MAX), 8 * MIB);
    ASSERT_EQ(leat_upload_part_size(rule, 5001, first, UINT64_MAX), 16 * MIB);
    ASSERT_EQ(leat_upload_part_size(rule, 7501, first, UINT64_MAX), 32 * MIB);
    ASSERT_EQ(leat_upload_part_size(rule, 50000, first, UINT64_MAX), 4000 * MIB);
    ASSERT_GE(size, (uint64_t)100 << 40);
    /* the largest blob: 50,000 blocks of 4,000 MiB */
    ASSERT_EQ(leat_upload_part_first(rule, 50000 * 4000 * MIB, first), 4000 * MIB);
    ASSERT_GT(leat_upload_part_first(rule, 50000 * 4000 * MIB + 1, first), LEAT_AZBLOB_BLOCK_MAX);
}
