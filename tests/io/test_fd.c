/* test_fd.c - descriptors of any kind: skipping bytes, and reading and writing without blocking. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
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
    ASSERT_EQ(ftruncate(f.fd, 5), 0); /* the position is now after the end */
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

/* --- sockets, pipes, inherited descriptors ------------------------------------------------------ */

/* Is O_NONBLOCK set in the open file description, which other processes may share? */
static bool is_nonblocking(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* Nothing there is -EAGAIN; then the bytes arrive; no room is -EAGAIN; the end is 0. */
static void passes_bytes(struct leat_fd *from, struct leat_fd *to)
{
    static uint8_t bytes[3 * PIPE_BUF + 1], back[sizeof bytes];
    uint64_t sent = 0, got = 0;
    ssize_t n;

    ASSERT_EQ(leat_fd_read(from, back, sizeof back), -EAGAIN);
    memset(bytes, 'x', sizeof bytes);
    while ((n = leat_fd_write(to, bytes, sizeof bytes)) > 0)
        sent += (uint64_t)n;
    ASSERT_EQ(n, -EAGAIN);
    ASSERT_GT(sent, 0);
    ASSERT_EQ(leat_fd_close(to), 0);
    while ((n = leat_fd_read(from, back, sizeof back)) > 0) {
        ASSERT_MEM_EQ(back, bytes, (size_t)n);
        got += (uint64_t)n;
    }
    ASSERT_EQ(n, 0);
    ASSERT_EQ(got, sent);
    ASSERT_EQ(leat_fd_close(from), 0);
}

static struct leat_fd adopted(int fd, bool writable)
{
    struct leat_fd f;

    ASSERT_EQ(leat_fd_adopt(&f, fd, writable), 0);
    return f;
}

TEST(test_a_socket_is_read_and_written_without_blocking_and_without_o_nonblock)
{
    struct leat_fd from, to;
    int ends[2];

    ASSERT(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    from = adopted(ends[0], false);
    to = adopted(ends[1], true);
    ASSERT_EQ(from.mode, LEAT_FD_SOCKET);
    ASSERT(from.own && from.fd != ends[0]); /* a duplicate: several stages may wait for it */
    ASSERT(!is_nonblocking(ends[0]));
    ASSERT_EQ(close(ends[1]), 0);
    passes_bytes(&from, &to);
    ASSERT_EQ(leat_fd_write(&(struct leat_fd){.fd = ends[0], .mode = LEAT_FD_SOCKET}, "x", 1),
              -EPIPE); /* and no signal */
    ASSERT_EQ(close(ends[0]), 0);
}

TEST(test_an_inherited_pipe_is_opened_anew_so_that_others_still_block)
{
    struct leat_fd from, to;
    int ends[2];

    ASSERT_EQ(pipe(ends), 0);
    from = adopted(ends[0], false);
    to = adopted(ends[1], true);
    ASSERT_EQ(from.mode, LEAT_FD_NONBLOCK);
    ASSERT(from.is_pipe && to.is_pipe);
    ASSERT(is_nonblocking(from.fd) && is_nonblocking(to.fd));
    ASSERT(!is_nonblocking(ends[0]) && !is_nonblocking(ends[1]));
    ASSERT_EQ(close(ends[1]), 0);
    passes_bytes(&from, &to);
    ASSERT_EQ(close(ends[0]), 0);
}

TEST(test_a_polled_descriptor_writes_no_more_than_a_ready_pipe_takes)
{
    struct leat_fd from, to;
    int ends[2];

    ASSERT_EQ(pipe(ends), 0);
    from = (struct leat_fd){.fd = ends[0], .mode = LEAT_FD_POLLED, .own = true};
    to = (struct leat_fd){.fd = ends[1], .mode = LEAT_FD_POLLED, .own = true};
    passes_bytes(&from, &to);
}

TEST(test_a_private_descriptor_is_not_adopted)
{
    int fd = memfd_create("file", MFD_CLOEXEC), inherited = memfd_create("file", 0);
    struct leat_fd f;
    char path[64];

    ASSERT_EQ(leat_fd_adopt(&f, fd, false), -EBADF);
    ASSERT_EQ(f.fd, -1);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    ASSERT(leat_fd_is_private(path));
    snprintf(path, sizeof path, "/proc/self/fd/%d", inherited);
    ASSERT(!leat_fd_is_private(path));
    ASSERT(!leat_fd_is_private("/dev/fd/1"));
    ASSERT(!leat_fd_is_private("/dev/fd/"));
    ASSERT(!leat_fd_is_private("/dev/fd/99x"));
    ASSERT(leat_fd_is_private("/dev/fd/99999999999999"));
    f = adopted(inherited, true);
    ASSERT_EQ(f.mode, LEAT_FD_FILE);
    ASSERT(!f.own);
    ASSERT_EQ(leat_fd_close(&f), 0); /* it is only flushed */
    ASSERT_EQ(close(inherited), 0);
    ASSERT_EQ(leat_fd_adopt(&f, inherited, true), -EBADF); /* closed */
    ASSERT_EQ(close(fd), 0);
}
