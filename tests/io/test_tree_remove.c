/* test_tree_remove.c - a directory is removed with all that is in it, and nothing outside of it. */
#include "io/tree_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NOBODY 65534

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

/* Root may enter any directory, so it is another user who cannot. */
TEST(test_directories_that_their_owner_may_not_enter_are_removed)
{
    pid_t pid;
    int status;

    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(chmod(".", 0777), 0);
    pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        if (geteuid() == 0)
            ASSERT_EQ(setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY), 0);
        ASSERT_EQ(mkdir("t", 0700) | mkdir("t/a", 0700) | mkdir("t/a/b", 0700), 0);
        make("t/a/b/file");
        ASSERT_EQ(chmod("t/a/b", 0) | chmod("t/a", 0) | chmod("t", 0), 0);
        test_exit(leat_tree_remove(AT_FDCWD, "t") == 0 && !is_there("t") ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
}

/* The directory of another user is not made accessible, and stays. */
TEST(test_a_directory_of_another_user_is_an_error)
{
    pid_t pid;
    int status;

    if (geteuid() != 0)
        SKIP(1, "only root has another user's directory");
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(chmod(".", 0777), 0);
    ASSERT_EQ(mkdir("t", 0700), 0);
    make("t/file");
    pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        ASSERT_EQ(setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY), 0);
        test_exit(leat_tree_remove(AT_FDCWD, "t") == -EPERM ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
    ASSERT(is_there("t/file"));
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
