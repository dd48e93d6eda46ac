/* test_sized.c - structs that begin with their size: of older and newer programs, and without a size. */

#include "base/sized.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

struct own {
    size_t size;
    int first;
    uint64_t second;
};

/* The struct of a newer program, followed by what does not belong to it. */
struct newer {
    struct own old;
    uint64_t third;
    char outside[8];
};

TEST(test_what_an_older_program_does_not_know_is_zero)
{
    struct own own = {.first = 7, .second = 7};
    struct own older = {.size = offsetof(struct own, second), .first = 5, .second = 6};

    ASSERT_EQ(leat_sized_in(&own, sizeof own, &older), 0);
    ASSERT_EQ(own.size, sizeof own);
    ASSERT_EQ(own.first, 5);
    ASSERT_EQ(own.second, 0);
}

TEST(test_what_an_older_program_does_not_know_is_not_filled_in)
{
    const struct own own = {.size = sizeof own, .first = 5, .second = 6};
    struct own older = {.size = offsetof(struct own, second), .first = 7, .second = 7};

    ASSERT_EQ(leat_sized_out(&older, &own, sizeof own), 0);
    ASSERT_EQ(older.size, offsetof(struct own, second));
    ASSERT_EQ(older.first, 5);
    ASSERT_EQ(older.second, 7);
}

TEST(test_a_newer_program_is_understood_if_it_asks_for_nothing_new)
{
    struct newer newer = {.old = {.size = offsetof(struct newer, outside), .first = 5}};
    struct own own = {.first = 7};

    memset(newer.outside, 'x', sizeof newer.outside);
    ASSERT_EQ(leat_sized_in(&own, sizeof own, &newer), 0);
    ASSERT_EQ(own.size, sizeof own);
    ASSERT_EQ(own.first, 5);
    newer.third = 1;
    own.first = 7;
    ASSERT_EQ(leat_sized_in(&own, sizeof own, &newer), LEAT_EUNSUPPORTED);
    ASSERT_EQ(own.first, 7);
}

TEST(test_a_newer_program_gets_zeros)
{
    const struct own own = {.size = sizeof own, .first = 5, .second = 6};
    struct newer newer = {.old.size = offsetof(struct newer, outside), .third = 7};

    memset(newer.outside, 'x', sizeof newer.outside);
    ASSERT_EQ(leat_sized_out(&newer, &own, sizeof own), 0);
    ASSERT_EQ(newer.old.size, offsetof(struct newer, outside));
    ASSERT_EQ(newer.old.second, 6);
    ASSERT_EQ(newer.third, 0);
    ASSERT_EQ(newer.outside[0], 'x');
}

TEST(test_a_size_that_was_not_set_is_refused)
{
    static const size_t sizes[] = {0, 1, sizeof(void *), LEAT_SIZED_MAX + 1, SIZE_MAX};
    struct own own = {.first = 7};

    ASSERT(leat_sized_is_set(NULL));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct own given = {.size = sizes[i], .first = 5};

        test_context("size %zu", sizes[i]);
        ASSERT(!leat_sized_is_set(&given));
        ASSERT_EQ(leat_sized_in(&own, sizeof own, &given), LEAT_EUSAGE);
        ASSERT_EQ(own.first, 7);
        ASSERT_EQ(leat_sized_out(&given, &own, sizeof own), LEAT_EUSAGE);
        ASSERT_EQ(given.first, 5);
    }
}
