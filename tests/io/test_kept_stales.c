/* test_kept_stales.c - lists of temporaries are shared by the pipelines of a context, and age. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/kept_stales.h"
#include "test.h"

#define TEMPORARY ".f.leat-0123456789abcdef0123456789abcdef"

static struct leat_context *begin(int *ret_fd, struct stat *ret_info)
{
    const struct leat_context_settings settings = {.size = sizeof settings, .threads = 1};
    struct leat_context *c;

    ASSERT_EQ(leat_context_new(&settings, &c), 0);
    *ret_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(*ret_fd, 0);
    ASSERT_EQ(fstat(*ret_fd, ret_info), 0);
    return c;
}

static void make(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(close(fd), 0);
}

TEST(test_a_list_is_made_once_for_a_context)
{
    char dir[] = "/tmp/kept.XXXXXX";
    struct leat_kept_stales *first, *second, *other;
    struct leat_context *c;
    struct stat info;
    int fd;

    ASSERT_NOT_NULL(mkdtemp(dir));
    ASSERT_EQ(chdir(dir), 0);
    c = begin(&fd, &info);
    make(TEMPORARY);
    first = leat_kept_stales_get(c, fd, info.st_dev, info.st_ino);
    make(TEMPORARY ".old");
    second = leat_kept_stales_get(c, fd, info.st_dev, info.st_ino);
    other = leat_kept_stales_get(NULL, fd, info.st_dev, info.st_ino);
    ASSERT(first && first == second && other && other != first);
    ASSERT_EQ(first->list.n, 1);
    ASSERT_EQ(other->list.n, 2);
    ASSERT_EQ(first->owner, other->owner);
    leat_kept_stales_unref(second);
    leat_kept_stales_unref(other);
    leat_context_unref(c); /* the list lives on */
    ASSERT_STREQ(first->list.names[0], TEMPORARY);
    leat_kept_stales_unref(first);
    leat_kept_stales_unref(NULL);
    ASSERT_EQ(close(fd), 0);
    ASSERT_EQ(unlink(TEMPORARY), 0);
    ASSERT_EQ(unlink(TEMPORARY ".old"), 0);
    ASSERT_EQ(rmdir(dir), 0);
}

TEST(test_a_context_keeps_a_bounded_number_of_lists)
{
    struct leat_kept_stales *first, *again;
    struct leat_context *c;
    struct stat info;
    int fd;

    c = begin(&fd, &info);
    first = leat_kept_stales_get(c, fd, info.st_dev, info.st_ino);
    for (ino_t i = 1; i <= 64; i++)
        leat_kept_stales_unref(leat_kept_stales_get(c, fd, info.st_dev, info.st_ino + i));
    again = leat_kept_stales_get(c, fd, info.st_dev, info.st_ino);
    ASSERT(again != first); /* its place was needed */
    leat_kept_stales_unref(first);
    leat_kept_stales_unref(again);
    leat_context_unref(c);
    ASSERT_EQ(close(fd), 0);
}
