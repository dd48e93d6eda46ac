/* test_tree_remove.c - a directory is removed with all that is in it, and nothing outside of it. */
#include "io/tree_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void make(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

    ASSERT(fd >= 0);
    ASSERT_EQ(close(fd), 0);
}

static bool is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

TEST(test_a_tree_is_removed_and_what_its_links_name_stays)
{
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(mkdir("out", 0700) | mkdir("t", 0700) | mkdir("t/a", 0700) | mkdir("t/b", 0700), 0);
    make("out/stays");
    make("t/file");
    make("t/a/file");
    ASSERT_EQ(symlink("../out", "t/link"), 0);
    ASSERT_EQ(symlink("../../out", "t/a/link"), 0);
    ASSERT_EQ(mkfifo("t/b/fifo", 0600), 0);
    ASSERT_EQ(chmod("t/a", 0), 0);
    ASSERT_EQ(leat_tree_remove(AT_FDCWD, "t"), 0);
    ASSERT(!is_there("t"));
    ASSERT(is_there("out/stays"));
    ASSERT_EQ(leat_tree_remove(AT_FDCWD, "t"), 0); /* it is gone already */
}

TEST(test_a_tree_of_any_depth_is_removed_with_few_descriptors)
{
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(mkdir("t", 0700), 0);
    ASSERT_EQ(chdir("t"), 0);
    for (unsigned i = 0; i < 2000; i++) {
        ASSERT_EQ(mkdir("directory", 0700), 0);
        ASSERT_EQ(chdir("directory"), 0);
    }
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(leat_tree_remove(AT_FDCWD, "t"), 0);
    ASSERT(!is_there("t"));
}

TEST(test_what_is_no_directory_is_not_removed)
{
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(mkdir("t", 0700), 0);
    make("t/file");
    ASSERT_EQ(symlink("t", "link"), 0);
    ASSERT_EQ(leat_tree_remove(AT_FDCWD, "link"), -ENOTDIR);
    ASSERT_EQ(leat_tree_remove(AT_FDCWD, "t/file"), -ENOTDIR);
    ASSERT(is_there("t/file"));
}
