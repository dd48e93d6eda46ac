/* test_file_map.c - the file that holds a byte of a source's output. */
#include "stage/file_map.h"

#include <stdlib.h>

#include "test.h"

#define N ((size_t)6)

static const char *const names[] = {"a", "empty", "b", "empty too", "c", "never", NULL};
static const struct leat_strings operands = {.n = N, .v = names};
/* All but the last one are opened. */
static const uint64_t lens[N - 1] = {10, 0, 5, 0, 7};

static struct leat_file_map *make(void)
{
    struct leat_file_map *map = leat_file_map_new(&operands);
    uint64_t at = 0;

    ASSERT_NOT_NULL(map);
    for (size_t i = 0; i < N - 1; at += lens[i++])
        leat_file_map_add(map, at, 100 * i);
    return map;
}

TEST(test_a_file_is_known_once_it_is_open)
{
    struct leat_file_map *map = leat_file_map_new(&operands);
    struct leat_input_file file;

    ASSERT_NOT_NULL(map);
    ASSERT(!leat_file_map_get(map, 0, &file));
    ASSERT(!leat_file_map_find(map, 0, false, &file));
    leat_file_map_add(map, 0, 3);
    ASSERT(leat_file_map_get(map, 0, &file));
    ASSERT_STREQ(file.name, "a");
    ASSERT_EQ(file.begin, 0);
    ASSERT_EQ(file.end, UINT64_MAX); /* it is not known yet */
    ASSERT_EQ(file.place, 3);
    ASSERT(!leat_file_map_get(map, 1, &file));
    leat_file_map_add(map, 10, 0);
    ASSERT(leat_file_map_get(map, 0, &file));
    ASSERT_EQ(file.end, 10);
    ASSERT(leat_file_map_get(map, 1, &file));
    ASSERT_EQ(file.begin, 10);
    ASSERT_EQ(file.end, UINT64_MAX);
    leat_file_map_end(map, 25);
    ASSERT(leat_file_map_get(map, 1, &file));
    ASSERT_EQ(file.end, 25);
    free(map);
}

/* The right file for an offset, by a look at each. */
static const char *expected_of(uint64_t offset, bool before)
{
    const char *found = NULL;
    uint64_t at = 0;

    offset -= before && offset > 0;
    for (size_t i = 0; i < N - 1; at += lens[i++])
        if (at <= offset)
            found = names[i];
    return found;
}

TEST(test_each_byte_belongs_to_one_file)
{
    struct leat_file_map *map = make();
    struct leat_input_file file;

    leat_file_map_end(map, 22);
    for (int before = 0; before <= 1; before++)
        for (uint64_t at = 0; at < 30; at++) {
            test_context("byte %d, before %d", (int)at, before);
            ASSERT(leat_file_map_find(map, at, before != 0, &file));
            ASSERT_STREQ(file.name, expected_of(at, before != 0));
        }
    /* The end of a file is the begin of the next one. */
    ASSERT(leat_file_map_find(map, 10, true, &file));
    ASSERT_STREQ(file.name, "a");
    ASSERT(leat_file_map_find(map, 10, false, &file));
    ASSERT_STREQ(file.name, "b");
    ASSERT_EQ(file.place, 200);
    ASSERT_EQ(file.begin, 10);
    ASSERT_EQ(file.end, 15);
    free(map);
}

TEST(test_a_long_name_keeps_its_end)
{
    char to[8];

    leat_file_name_copy(to, sizeof to, "1234567");
    ASSERT_STREQ(to, "1234567");
    leat_file_name_copy(to, sizeof to, "12345678");
    ASSERT_STREQ(to, "...5678");
    leat_file_name_copy(to, sizeof to, "");
    ASSERT_STREQ(to, "");
}
