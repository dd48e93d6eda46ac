/* test_fd.c - moving over bytes without reading them: where it is possible, and how far. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/fd.h"
#include "test.h"

static struct leat_fd owned(int fd)
{
    struct leat_fd f;

    ASSERT_GE(fd, 0);
    ASSERT_EQ(leat_fd_own(&f, fd), 0);
    return f;
}

TEST(test_what_has_an_end_is_moved_over_up_to_it)
{
    struct leat_fd f = owned(memfd_create("file", MFD_CLOEXEC));

    ASSERT_EQ(ftruncate(f.fd, (off_t)1 << 40), 0);
    ASSERT_EQ(leat_fd_skip(&f, 0), 0);
    ASSERT_EQ(leat_fd_skip(&f, 1000), 1000);
    ASSERT_EQ(leat_fd_skip(&f, (uint64_t)1 << 39), (uint64_t)1 << 39);
    ASSERT_EQ(lseek(f.fd, 0, SEEK_CUR), ((off_t)1 << 39) + 1000);
    ASSERT_EQ(leat_fd_skip(&f, UINT64_MAX), ((uint64_t)1 << 39) - 1000);
    ASSERT_EQ(lseek(f.fd, 0, SEEK_CUR), (off_t)1 << 40);
    ASSERT_EQ(leat_fd_skip(&f, 1), 0);
    ASSERT_EQ(ftruncate(f.fd, 5), 0); /* and now it is behind the end */
    ASSERT_EQ(leat_fd_skip(&f, 1), 0);
    ASSERT_EQ(lseek(f.fd, 0, SEEK_CUR), (off_t)1 << 40);
    ASSERT_EQ(leat_fd_close(&f), 0);
}

/* Nothing is skipped, and what is read next is what would have been read. */
static void stays(int fd, const char *expected)
{
    struct leat_fd f = owned(fd);
    char byte[4] = "";

    ASSERT_EQ(leat_fd_skip(&f, 3), 0);
    ASSERT_EQ(leat_fd_read(&f, byte, 4), 4);
    ASSERT_MEM_EQ(byte, expected, 4);
    ASSERT_EQ(leat_fd_close(&f), 0);
}

TEST(test_what_has_no_end_stays_where_it_is)
{
    int ends[2];

    stays(open("/dev/zero", O_RDONLY | O_CLOEXEC), "\0\0\0");
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(write(ends[1], "abcdef", 6), 6);
    stays(ends[0], "abcd");
    ASSERT_EQ(close(ends[1]), 0);
    stays(open("/proc/version", O_RDONLY | O_CLOEXEC), "Linu");
}
