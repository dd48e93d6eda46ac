/* test_read_holes.c - sparse files: read outputs their bytes, and does not read the holes. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define SIZE ((size_t)1500000)
#define ROUNDS 150u

static uint64_t bytes_read;
static const char *cut; /* a file that becomes shorter when a hole of it is output; NULL: none */

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n)
{
    ssize_t r = __real_read(fd, to, n);

    bytes_read += r > 0 ? (uint64_t)r : 0;
    return r;
}

off_t __real_lseek(int fd, off_t at, int whence);
off_t __wrap_lseek(int fd, off_t at, int whence);
off_t __wrap_lseek(int fd, off_t at, int whence)
{
    if (cut && whence == SEEK_SET && at > 100000) {
        ASSERT_EQ(truncate(cut, 50000), 0);
        cut = NULL;
    }
    return __real_lseek(fd, at, whence);
}

/* A file of SIZE bytes with some data; returns its content, or NULL if the file system has no holes. */
static uint8_t *put_sparse(uint64_t *random, unsigned pieces)
{
    uint8_t *content = calloc(1, SIZE);
    int fd = open(test_path("in"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat info;

    ASSERT_NOT_NULL(content);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, SIZE), 0);
    for (unsigned i = 0; i < pieces; i++) {
        size_t at = test_random(random) % SIZE, n = 1 + test_random(random) % 60000;

        n = n < SIZE - at ? n : SIZE - at;
        for (size_t k = 0; k < n; k++)
            content[at + k] = (uint8_t)test_random(random);
        ASSERT_EQ(pwrite(fd, content + at, n, (off_t)at), n);
    }
    ASSERT_EQ(fstat(fd, &info), 0);
    ASSERT_EQ(close(fd), 0);
    if ((uint64_t)info.st_blocks * 512 < SIZE || pieces > 20)
        return content;
    free(content);
    return NULL;
}

static void run(struct memio *io, const char *options, const char *stages)
{
    char text[1200];

    snprintf(text, sizeof text, "read %s %s %s : memsink --at=%lld", options, test_path("in"),
             stages, memio_at(io));
    memio_run_text(io, text);
}

TEST(test_a_sparse_file_is_read_byte_for_byte)
{
    static const size_t chunks[] = {0, 1000, 4096, 100000};
    uint64_t random = 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t *content = put_sparse(&random, (unsigned)(test_random(&random) % 8));
        size_t from = test_random(&random) % 3 ? 0 : test_random(&random) % SIZE,
               n = test_random(&random) % 3 ? SIZE - from : test_random(&random) % (SIZE - from);
        struct memio io = {.gulp = test_random(&random) % 2 ? 0 : 30000, .seed = i};
        char options[100];

        if (!content)
            SKIP(1, "the file system has no holes");
        io.settings.chunk = chunks[test_random(&random) % 4];
        io.settings.room = test_random(&random) % 8 ? 0 : 50000;
        io.settings.threads = 1 + (unsigned)(test_random(&random) % 2);
        io.settings.executor = test_random(&random) % 3 ? LEAT_EXECUTOR_AUTO : LEAT_EXECUTOR_SEEDED;
        io.settings.seed = i;
        snprintf(options, sizeof options, "%s --offset=%zu --length=%zu",
                 test_random(&random) % 4 ? "" : "--drop-cache", from, n);
        run(&io, options, test_random(&random) % 2 ? "" : ": pass");
        test_context("round %u, %s: %s", i, options, io.error.text);
        ASSERT_EQ(io.code, 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, content + from, n);
        memio_free(&io);
        free(content);
    }
}

TEST(test_holes_are_not_read)
{
    uint64_t random = 2;
    uint8_t *content = put_sparse(&random, 2);
    struct memio io = {.seed = 1};

    if (!content)
        SKIP(1, "the file system has no holes");
    bytes_read = 0;
    run(&io, "", "");
    ASSERT_BYTES_EQ(io.out, io.out_len, content, SIZE);
    ASSERT_LT(bytes_read, 2 * 60000 + 16384);
    ASSERT_EQ(io.stats.source_pos, SIZE);
    memio_free(&io);
    free(content);
}

TEST(test_holes_are_read_if_there_is_no_memory_for_a_chunk_of_zeros)
{
    uint64_t random = 3;
    uint8_t *content = put_sparse(&random, 2);
    struct memio io = {.settings.chunk = 4096, .settings.memory = 128 << 10};

    if (!content)
        SKIP(1, "the file system has no holes");
    for (; io.settings.memory >= 16 << 10; io.settings.memory -= 4096) {
        run(&io, "", ": pass");
        if (io.code == LEAT_ELIMIT)
            break; /* not even the pipeline fits */
        ASSERT_EQ(io.code, 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, content, SIZE);
    }
    memio_free(&io);
    free(content);
}

TEST(test_a_file_that_becomes_shorter_in_a_hole_is_an_error)
{
    struct memio io = {.seed = 1};
    uint64_t random = 4;
    uint8_t *content = put_sparse(&random, 0);

    if (!content)
        SKIP(1, "the file system has no holes");
    cut = test_path("in");
    run(&io, "", "");
    ASSERT_NULL(cut);
    ASSERT_EQ(io.code, LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "became shorter");
    memio_free(&io);
    free(content);
}
