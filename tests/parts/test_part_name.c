/* test_part_name.c - names of parts: from templates, and cleaned and checked from data. */
#include "parts/part_name.h"

#include <limits.h>
#include <stdlib.h>

#include "test.h"

/* --- from a template -------------------------------------------------------------------------- */

static void names(const char *template, uint64_t n, const char *expected)
{
    char *name = leat_part_name(template, n);

    ASSERT_STREQ(name, expected);
    free(name);
}

TEST(test_the_number_of_a_part_stands_in_its_name)
{
    names("p-{n}", 0, "p-0");
    names("p-{n}.gz", 12345, "p-12345.gz");
    names("{n:04}", 7, "0007");
    names("{n:4}x{n}", 12345, "12345x12345");
    names("{{n}}{", 3, "{3}{");
    names("a{n:", 3, "a{n:");
    names("{m}{n:0}", 3, "{m}3");
    ASSERT(!leat_part_is_template("a{n"));
    ASSERT(!leat_part_is_template("{n:999}"));
    ASSERT(leat_part_is_template("a{n}"));
}

/* --- given by the stage ----------------------------------------------------------------------- */

static void path_is(const char *name, const char *expected)
{
    char *path;

    test_context("%s", name);
    ASSERT_NULL(leat_part_path(name, strlen(name), &path));
    ASSERT_STREQ(path, expected);
    free(path);
}

static void refused(const char *name, size_t n, const char *why)
{
    char *path, none[1];
    const char *says;

    test_context("%s", name);
    path = none;
    says = leat_part_path(name, n, &path);
    ASSERT_NOT_NULL(says);
    ASSERT_STR_HAS(says, why);
    ASSERT_NULL(path);
}

#define REFUSED(name, why) refused(name, sizeof name - 1, why)

TEST(test_a_path_is_cleaned_of_components_that_do_not_count)
{
    path_is("a", "a");
    path_is("-", "-");
    path_is("...", "...");
    path_is("..a/b..", "..a/b..");
    path_is(".a", ".a");
    path_is("./a", "a");
    path_is("././/a", "a");
    path_is("a//b///c", "a/b/c");
    path_is("a/./b/.c", "a/b/.c");
    path_is("a b\n/\xff", "a b\n/\xff");
}

TEST(test_a_name_that_could_lead_out_or_names_no_file_is_refused)
{
    REFUSED("", "empty");
    REFUSED("/", "absolute");
    REFUSED("/etc/passwd", "absolute");
    REFUSED("//a", "absolute");
    REFUSED("..", "..");
    REFUSED("../a", "..");
    REFUSED("a/../b", "..");
    REFUSED("a/..", "..");
    REFUSED("./..//a", "..");
    REFUSED("a/", "directory");
    REFUSED(".", "directory");
    REFUSED("./", "directory");
    REFUSED("a/.", "directory");
    REFUSED("a\0b", "NUL");
    REFUSED("a\0", "NUL");
    REFUSED("\0", "NUL");
}

TEST(test_the_length_of_a_name_is_bounded)
{
    static char name[PATH_MAX + 1];
    char *path;

    memset(name, 'a', PATH_MAX);
    ASSERT_NULL(leat_part_path(name, NAME_MAX, &path));
    ASSERT_EQ(strlen(path), NAME_MAX);
    free(path);
    refused(name, NAME_MAX + 1, "too long");
    for (size_t i = 100; i < PATH_MAX; i += 100)
        name[i] = '/';
    ASSERT_NULL(leat_part_path(name, PATH_MAX - 1, &path));
    ASSERT_EQ(strlen(path), PATH_MAX - 1);
    free(path);
    refused(name, PATH_MAX, "too long");
}
