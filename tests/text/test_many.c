/* test_many.c - strings at the borders of the blocks that the search for many strings has. */
#include <stdlib.h>

#include "../../transforms/text/pattern/many.h"
#include "test.h"

TEST(test_a_string_is_found_across_the_halves_of_a_block)
{
    static const size_t borders[] = {0, 4096, 8192, 12288, 16384, 19994};
    static uint8_t data[20000];
    struct leat_many_string each[] = {{(const uint8_t *)"abcdef", 6}, {(const uint8_t *)"zz", 2}};
    struct leat_many *many;

    ASSERT_EQ(leat_many_new(each, 2, false, 1u << 20, &many), 0);
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        for (size_t at = borders[i] < 20 ? 0 : borders[i] - 20; at <= borders[i]; at++) {
            const uint8_t *hit;

            memset(data, '.', sizeof data);
            memcpy(data + at, "abcdef", 6);
            hit = leat_many_find(many, data, sizeof data);
            test_context("at %zu", at);
            ASSERT_EQ(hit ? hit - data : -1, (ptrdiff_t)at + 5);
        }
    free(many);
}

/* The one in the second half of a block is found before the one in the first half. */
TEST(test_the_string_that_ends_first_is_found_of_two_in_a_block)
{
    static uint8_t data[8192];
    struct leat_many_string each[] = {{(const uint8_t *)"abcdef", 6}, {(const uint8_t *)"aab", 3}};
    struct leat_many *many;

    ASSERT_EQ(leat_many_new(each, 2, false, 1u << 20, &many), 0);
    for (size_t at = 0; at < 40; at++) {
        const uint8_t *hit;

        memset(data, '.', sizeof data);
        memcpy(data + 20, "abcdef", 6);
        memcpy(data + 4096 + at, "aab", 3);
        hit = leat_many_find(many, data, sizeof data);
        test_context("at %zu", at);
        ASSERT_EQ(hit ? hit - data : -1, 25);
    }
    free(many);
}
