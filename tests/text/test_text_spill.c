/* test_text_spill.c - records in a temporary file: they come back as they were, and each fault of the file is one error.
 *
 * The program is linked with --wrap of the calls that use the file. */
#include "../../transforms/text/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio_runs.h"
#include "test.h"

#define RUNS_MAX 64u

/* --- calls that fail -------------------------------------------------------------------------- */

static struct {
    int open_errno;       /* of a file without a name; 0: it is made */
    unsigned interrupted; /* so many reads and writes */
    bool short_calls;     /* of a hundred bytes */
    uint64_t disk;        /* bytes that fit; 0: any number */
    int read_errno;
    unsigned flip; /* of the k-th read from 1, the last byte */
    unsigned reads;
    uint64_t written, punched;
} os;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at);
ssize_t __real_pwrite(int fd, const void *from, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at);
int __real_fallocate(int fd, int mode, off_t at, off_t n);
int __wrap_fallocate(int fd, int mode, off_t at, off_t n);

int __wrap_open(const char *path, int flags, ...)
{
    bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    mode_t mode = 0;
    va_list args;

    va_start(args, flags);
    if (flags & O_CREAT || unnamed)
        mode = va_arg(args, mode_t);
    va_end(args);
    errno = os.open_errno;
    return unnamed && os.open_errno ? -1 : __real_open(path, flags, mode);
}

static bool is_interrupted(void)
{
    errno = EINTR;
    return os.interrupted > 0 && os.interrupted-- > 0;
}

static size_t shortened(size_t n)
{
    return os.short_calls && n > 100 ? 100 : n;
}

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at)
{
    ssize_t r;

    if (is_interrupted())
        return -1;
    errno = os.read_errno;
    if (os.read_errno)
        return -1;
    r = __real_pread(fd, to, shortened(n), at);
    if (r > 0 && ++os.reads == os.flip)
        ((uint8_t *)to)[r - 1] ^= 1;
    return r;
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at)
{
    ssize_t r;

    if (is_interrupted())
        return -1;
    errno = ENOSPC;
    n = shortened(n);
    if (os.disk > 0 && os.written + n > os.disk)
        n = (size_t)(os.disk - os.written);
    if (n == 0)
        return -1;
    r = __real_pwrite(fd, from, n, at);
    os.written += r > 0 ? (uint64_t)r : 0;
    return r;
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t n)
{
    os.punched += (uint64_t)n;
    return __real_fallocate(fd, mode, at, n);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- a stage that deals its lines out to runs, and then outputs one run after another --------- */

static struct {
    const char *dir; /* NULL: that of the test */
    size_t block;
    unsigned runs;
    unsigned stop_after; /* blocks of each run; 0: all are read */
    uint64_t written;
} job;

static int deal(struct leat_runs *r, struct leat_run *runs, struct leat_blocking *b)
{
    const uint8_t *data = NULL, *end;
    size_t n = 0, k = 0, line;
    int e;

    while ((e = leat_pull(b, &data, &n)) == 1)
        for (; e >= 0 && n > 0; data += line, n -= line) {
            end = memchr(data, '\n', n);
            line = end ? (size_t)(end - data) + 1 : n;
            e = leat_run_add(r, &runs[k++ % job.runs], data, line);
            if (e < 0)
                return e;
        }
    return e;
}

static int collect(struct leat_runs *r, struct leat_run *run, struct leat_blocking *b)
{
    const uint8_t *data;
    uint64_t bytes = 0, records = 0;
    size_t n;
    int e = leat_run_end(r, run);

    for (unsigned k = 0; e >= 0; k++) {
        if (job.stop_after > 0 && k == job.stop_after)
            return 0;
        e = leat_run_next(r, run, &data, &n);
        if (e <= 0)
            break;
        bytes += n;
        for (size_t i = 0; i < n; i++)
            records += data[i] == '\n' || (i + 1 == n && run->left == 0);
        e = leat_push(b, data, n);
    }
    if (e < 0)
        return e;
    ASSERT_EQ(bytes, run->bytes);
    ASSERT_EQ(records, run->records);
    return 0;
}

static int runs_run(struct leat_stage *s, struct leat_blocking *b)
{
    static struct leat_run runs[RUNS_MAX];
    struct leat_runs *r = leat_runs_new(s, job.dir ? job.dir : test_tmp_dir(), job.block);
    int e;

    if (!r)
        return LEAT_ENOMEM;
    memset(runs, 0, sizeof runs);
    e = deal(r, runs, b);
    for (unsigned k = 0; e >= 0 && k < job.runs; k++)
        e = collect(r, &runs[k], b);
    job.written = leat_runs_written(r);
    for (unsigned k = 0; k < job.runs; k++)
        leat_run_done(r, &runs[k]);
    leat_runs_free(r);
    return e < 0 ? e : LEAT_END;
}

static const struct leat_stage_type runs_type = {.name = "runs",
                                                 .kind = LEAT_TRANSFORM,
                                                 .nature = LEAT_BLOCKING,
                                                 .framing = LEAT_LINES,
                                                 .run = runs_run};
static const struct leat_stage_type *const types[] = {&runs_type, NULL};

static struct memio io;

static int run(const uint8_t *in, size_t n)
{
    memio_free(&io);
    io = (struct memio){.in = in, .in_len = n, .types = types};
    io.settings.threads = 2;
    return memio_run(&io, "runs");
}

/* The lines of `in` in the order in which the stage outputs them. */
static uint8_t *dealt(const uint8_t *in, size_t n)
{
    uint8_t *out = malloc(n + 1), *to = out;

    ASSERT_NOT_NULL(out);
    for (unsigned k = 0; k < job.runs; k++) {
        size_t i = 0;

        for (const uint8_t *line = in, *end; line < in + n; line = end, i++) {
            end = memchr(line, '\n', (size_t)(in + n - line));
            end = end ? end + 1 : in + n;
            if (i % job.runs == k) {
                memcpy(to, line, (size_t)(end - line));
                to += end - line;
            }
        }
    }
    ASSERT_EQ(to - out, n);
    return out;
}

static void assert_returned(const uint8_t *in, size_t n)
{
    uint8_t *expected = dealt(in, n);

    ASSERT_EQ(run(in, n), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
    free(expected);
    memio_free(&io);
}

/* --- tests ------------------------------------------------------------------------------------ */

TEST(test_each_run_returns_its_records_in_order)
{
    static const size_t blocks[] = {1, 100, 4096, 65536, LEAT_RUN_BLOCK_MAX};
    static const unsigned runs[] = {1, 3, RUNS_MAX};
    static const size_t sizes[] = {0, 1, 300000};
    uint8_t *in = memio_bytes(300000);

    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
        for (size_t k = 0; k < sizeof runs / sizeof *runs; k++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                job.block = blocks[b];
                job.runs = runs[k];
                test_context("blocks of %zu bytes, %u runs, %zu bytes", job.block, job.runs,
                             sizes[i]);
                assert_returned(in, sizes[i]);
            }
    free(in);
}

TEST(test_runs_of_several_extents_are_small_in_the_file_and_given_back)
{
    const size_t n = (size_t)20 << 20;
    uint8_t *in = memio_bytes(n);

    job.block = 65536;
    job.runs = 3;
    assert_returned(in, n);
    ASSERT_LT(job.written, n / 3);
    ASSERT_GT(os.punched, job.written * 9 / 10);
    job.stop_after = 2;
    ASSERT_EQ(run(in, n), 0);
    ASSERT_GE(io.out_len, 5 * 65536);
    memio_free(&io);
    free(in);
}

TEST(test_a_record_may_be_larger_than_a_block_and_than_an_extent)
{
    const size_t n = (size_t)5 << 20;
    uint8_t *in = memio_bytes(n);
    uint64_t random = 1;

    for (size_t i = 1000; i < n - 1000; i++) /* nothing that can be compressed, and no line ends */
        in[i] = (uint8_t)(test_random(&random) >> 40 | 16);
    job.block = 4096;
    job.runs = 2;
    assert_returned(in, n);
    free(in);
}

TEST(test_short_and_interrupted_calls_go_on)
{
    uint8_t *in = memio_bytes(500000);

    job.block = 65536;
    job.runs = 2;
    os.short_calls = true;
    os.interrupted = 40;
    assert_returned(in, 500000);
    ASSERT_EQ(os.interrupted, 0);
    free(in);
}

/* The run fails with this code and text, and nothing is left in the directory. */
static void assert_fails(int code, const char *text)
{
    uint8_t *in = memio_bytes(500000);

    job.block = 65536;
    job.runs = 2;
    ASSERT_EQ(run(in, 500000), code);
    ASSERT_STR_HAS(io.error.text, text);
    ASSERT_EQ(test_count_in(test_tmp_dir()), 2);
    free(in);
    memio_free(&io);
}

TEST(test_a_full_disk_is_an_error_that_names_the_directory_and_the_remedy)
{
    char text[512];

    os.disk = 50000;
    snprintf(text, sizeof text,
             "bytes to a temporary file in %s, which has 50000 bytes: No space left",
             test_tmp_dir());
    assert_fails(LEAT_EIO, text);
    os.written = 0;
    assert_fails(LEAT_EIO, "name another directory with --spill=DIR");
    os.written = 0;
    os.disk = 1;
    assert_fails(LEAT_EIO, "which has 1 bytes");
}

TEST(test_a_read_that_fails_is_an_error)
{
    os.read_errno = EIO;
    assert_fails(LEAT_EIO, "cannot read a temporary file in ");
}

TEST(test_a_byte_that_changed_in_the_file_is_an_error)
{
    for (unsigned k = 1; k <= 8; k++) {
        os.flip = k;
        os.reads = 0;
        assert_fails(LEAT_EIO, "does not have what was written to it");
    }
}

TEST(test_a_file_system_that_makes_no_file_without_a_name_is_fine)
{
    uint8_t *in = memio_bytes(500000);

    job.block = 65536;
    job.runs = 2;
    for (unsigned i = 0; i < 3; i++) {
        os.open_errno = (int[]){EOPNOTSUPP, EISDIR, EINVAL}[i];
        assert_returned(in, 500000);
        ASSERT_EQ(test_count_in(test_tmp_dir()), 2);
    }
    free(in);
}

TEST(test_a_directory_without_a_file_is_an_error_that_names_it)
{
    os.open_errno = EACCES;
    assert_fails(LEAT_EIO, "Permission denied; name another directory with --spill=DIR");
    os.open_errno = 0;
    job.dir = "/nonexistent/dir";
    assert_fails(LEAT_ENOENT,
                 "cannot make a temporary file in /nonexistent/dir: No such file or directory");
}

TEST(test_too_little_memory_is_the_error_of_the_limit)
{
    uint8_t *in = memio_bytes(3000000);

    job.block = LEAT_RUN_BLOCK_MAX;
    job.runs = 2;
    io = (struct memio){.in = in, .in_len = 3000000, .types = types};
    io.settings.memory = (uint64_t)2 << 20;
    ASSERT_EQ(memio_run(&io, "runs"), LEAT_ELIMIT);
    free(in);
    memio_free(&io);
}

TEST(test_tac_without_room_for_its_file_says_where_and_how_to_go_on)
{
    uint8_t *in = memio_bytes(6000000);
    char text[512];

    os.disk = 100000;
    snprintf(text, sizeof text, "tac --spill=%s", test_tmp_dir());
    io = (struct memio){.in = in, .in_len = 6000000};
    io.settings.memory = (uint64_t)4 << 20;
    ASSERT_EQ(memio_run(&io, text), LEAT_EIO);
    ASSERT_NOT_NULL(strstr(io.error.text, "No space left on device; free space there, or name "
                                          "another directory with --spill=DIR"));
    ASSERT_NOT_NULL(strstr(io.error.text, test_tmp_dir()));
    free(in);
    memio_free(&io);
}
