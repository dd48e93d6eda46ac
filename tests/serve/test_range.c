/* test_range.c - the header Range. */

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/serve/range.c"
/* NOLINTEND(bugprone-suspicious-include) */

TEST(test_a_range_is_a_part_of_the_content)
{
    static const struct {
        const char *value;
        uint64_t size;
        int result;
        uint64_t from, n;
    } cases[] = {
        {"bytes=0-0", 10, 1, 0, 1},
        {"bytes=2-", 10, 1, 2, 8},
        {"Bytes= 2-5 ", 10, 1, 2, 4},
        {"bytes=9-9", 10, 1, 9, 1},
        {"bytes=5-99999999999999999999999", 10, 1, 5, 5},
        {"bytes=0-18446744073709551615", 10, 1, 0, 10},
        {"bytes=-3", 10, 1, 7, 3},
        {"bytes=-30", 10, 1, 0, 10},
        {"bytes=10-", 10, -1, 0, 0},
        {"bytes=99999999999999999999999-", 10, -1, 0, 0},
        {"bytes=-0", 10, -1, 0, 0},
        {"bytes=0-", 0, -1, 0, 0},
        {"bytes=-1", 0, -1, 0, 0},
        {"bytes=5-2", 10, 0, 0, 0},
        {"bytes=1-2,4-5", 10, 0, 0, 0},
        {"bytes=a-b", 10, 0, 0, 0},
        {"bytes=", 10, 0, 0, 0},
        {"bytes=-", 10, 0, 0, 0},
        {"bytes=--1", 10, 0, 0, 0},
        {"bytes=1-2x", 10, 0, 0, 0},
        {"bytes=+1-2", 10, 0, 0, 0},
        {"lines=1-2", 10, 0, 0, 0},
        {"bytes", 10, 0, 0, 0},
        {"", 10, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t from = 0, n = 0;

        test_context("%s of %llu", cases[i].value, (unsigned long long)cases[i].size);
        ASSERT_EQ(range_parse(cases[i].value, cases[i].size, &from, &n), cases[i].result);
        ASSERT_EQ(from, cases[i].from);
        ASSERT_EQ(n, cases[i].n);
    }
}
