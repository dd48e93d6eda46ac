/* test_transfer.c - copies inside the kernel: short ones, refusals at any call, errors, pipes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "memio_runs.h"
#include "test.h"

#define LEN ((size_t)3000000)

/* copy_file_range and splice move at most `most` bytes a call; call number `at` fails with `err`. */
static struct {
    size_t most;
    unsigned at;
    int err;
    unsigned calls;
} kernel;

static bool fails(size_t *n)
{
    if (kernel.most && *n > kernel.most)
        *n = kernel.most;
    if (++kernel.calls != kernel.at)
        return false;
    errno = kernel.err;
    return true;
}

ssize_t __real_copy_file_range(int from, off_t *at, int to, off_t *to_at, size_t n, unsigned flags);
ssize_t __wrap_copy_file_range(int from, off_t *at, int to, off_t *to_at, size_t n, unsigned flags);
ssize_t __wrap_copy_file_range(int from, off_t *at, int to, off_t *to_at, size_t n, unsigned flags)
{
    return fails(&n) ? -1 : __real_copy_file_range(from, at, to, to_at, n, flags);
}

ssize_t __real_splice(int from, off_t *at, int to, off_t *to_at, size_t n, unsigned flags);
ssize_t __wrap_splice(int from, off_t *at, int to, off_t *to_at, size_t n, unsigned flags);
ssize_t __wrap_splice(int from, off_t *at, int to, off_t *to_at, size_t n, unsigned flags)
{
    return fails(&n) ? -1 : __real_splice(from, at, to, to_at, n, flags);
}

static uint8_t *put_input(void)
{
    uint8_t *in = memio_bytes(LEN);
    FILE *f = fopen(test_path("in"), "we");

    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fwrite(in, 1, LEN, f), LEN);
    ASSERT_EQ(fclose(f), 0);
    return in;
}

/* `read FROM : write out` on the loop or the pool; no seeded schedule has copies in the kernel. The file
 * `out` is as `in`, or not there after a failure. */
static void copy(unsigned e, const char *from, const uint8_t *in, int code)
{
    struct memio io = {.settings.threads = e % 2 + 1};
    size_t len = 0;
    uint8_t *out;

    io.settings.executor = e / 2 % 2 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_LOOP;
    kernel.calls = 0;
    test_context("settings %u, at most %zu, error %d at call %u", e, kernel.most, kernel.err,
                 kernel.at);
    if (memio_run_named(&io, NULL, "read %s : write --no-sync --force %s", from,
                        test_path("out")) != code)
        FAIL("code %d: %s", io.code, io.error.text);
    out = test_file_read(test_path("out"), &len);
    if (code == 0) {
        ASSERT_BYTES_EQ(out, len, in, LEN);
        ASSERT_EQ(io.stats.source_pos, LEN);
        ASSERT_EQ(unlink(test_path("out")), 0);
    } else {
        ASSERT_NULL(out);
    }
    free(out);
    memio_free(&io);
}

TEST(test_a_file_is_copied_in_the_kernel_however_few_bytes_a_call_moves)
{
    static const size_t most[] = {0, 1 << 16, 9973};
    uint8_t *in = put_input();

    for (size_t i = 0; i < 3; i++)
        for (unsigned e = 0; e < 4; e++) {
            kernel.most = most[i];
            copy(e, test_path("in"), in, 0);
            ASSERT_GT(kernel.calls, most[i] ? LEN / most[i] / 2 : 0); /* all but the start */
        }
    free(in);
}

TEST(test_after_a_refusal_the_stages_go_on_at_the_same_byte)
{
    static const int refusals[] = {EINVAL, EXDEV, ENOSYS, EOPNOTSUPP, EPERM, ETXTBSY};
    uint8_t *in = put_input();

    kernel.most = 100000;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        for (kernel.at = 1; kernel.at <= 5; kernel.at += 2) {
            kernel.err = refusals[i];
            copy(kernel.at + (unsigned)i, test_path("in"), in, 0);
            ASSERT_EQ(kernel.calls, kernel.at); /* it is not tried again */
        }
    free(in);
}

TEST(test_an_interrupted_call_is_made_again_and_an_error_fails_the_sink)
{
    uint8_t *in = put_input();

    kernel.most = 100000;
    for (kernel.at = 1; kernel.at <= 3; kernel.at++) {
        kernel.err = EINTR;
        copy(kernel.at, test_path("in"), in, 0);
        ASSERT_GT(kernel.calls, kernel.at + 10); /* it goes on in the kernel */
        kernel.err = ENOSPC;
        copy(kernel.at, test_path("in"), in, LEAT_EIO);
        ASSERT_EQ(kernel.calls, kernel.at);
    }
    free(in);
}

struct feeder {
    const uint8_t *in;
    int fd;
};

static void *feed(void *arg)
{
    const struct feeder *f = arg;
    uint64_t random = 1;

    for (size_t at = 0; at < LEN;) {
        size_t n = 1 + test_random(&random) % 300000;
        ssize_t done = write(f->fd, f->in + at, n < LEN - at ? n : LEN - at);

        ASSERT_GT(done, 0);
        at += (size_t)done;
    }
    ASSERT_EQ(close(f->fd), 0);
    return NULL;
}

TEST(test_a_pipe_is_copied_in_the_kernel_and_waited_for)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 8; e++) {
        pthread_t thread;
        struct feeder f = {.in = in};
        char from[64];
        int ends[2];

        ASSERT_EQ(pipe(ends), 0);
        f.fd = ends[1];
        kernel.at = e >= 4 ? 4 : 0;
        kernel.err = EINVAL;
        snprintf(from, sizeof from, "/dev/fd/%d", ends[0]);
        ASSERT_EQ(pthread_create(&thread, NULL, feed, &f), 0);
        copy(e, from, in, 0);
        ASSERT_GT(kernel.calls, 3);
        ASSERT_EQ(pthread_join(thread, NULL), 0);
        ASSERT_EQ(close(ends[0]), 0);
    }
    free(in);
}
