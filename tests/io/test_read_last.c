/* test_read_last.c - tail and tac just after read: the same output as when all is read, of files that change meanwhile, too. */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define FILES_MAX 4
#define ROUNDS 600u

/* Called after each read of the search. */
static void (*after_look)(void);

ssize_t __real_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at)
{
    ssize_t r = __real_pread(fd, to, n, at);

    if (after_look)
        after_look();
    return r;
}

/* How often the file `watched` was opened to read. */
static const char *watched;
static _Atomic unsigned opens;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list list;
    unsigned mode;

    va_start(list, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, unsigned) : 0;
    va_end(list);
    if (watched && strcmp(path, watched) == 0 && (flags & O_ACCMODE) == O_RDONLY)
        opens++;
    return __real_open(path, flags, mode);
}

static void put_file(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(test_path(name), "we");

    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fwrite(data, 1, n, f), n);
    ASSERT_EQ(fclose(f), 0);
}

static void run(struct memio *io, const char *options, const char *files, const char *tail)
{
    char text[2000];

    snprintf(text, sizeof text, "read %s%s : %s : memsink --at=%lld", options, files, tail,
             memio_at(io));
    memio_run_text(io, text);
}

/* With --shrink-ok all is read. */
static void compare(struct memio *io, const char *files, const char *tail)
{
    struct memio whole = {.piece = 0};

    run(io, "", files, tail);
    run(&whole, "--shrink-ok ", files, tail);
    test_context("read %s : %s", files, tail);
    if (io->code)
        test_context("read %s : %s: %s", files, tail, io->error.text);
    ASSERT_EQ(io->code, whole.code);
    ASSERT_BYTES_EQ(io->out, io->out_len, whole.out, whole.out_len);
    ASSERT_EQ(io->warnings, whole.warnings);
    memio_free(&whole);
}

static void draw_files(uint64_t *random, char *files, size_t size)
{
    static const char letters[] = "\n\n\n\0\0abcdefgh";
    unsigned n = 1 + (unsigned)(test_random(random) % FILES_MAX);
    size_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        uint8_t data[3000];
        char name[8];
        size_t len =
            test_random(random) % 3 ? test_random(random) % 40 : test_random(random) % sizeof data;
        size_t kinds = 1 + test_random(random) % (sizeof letters - 1);

        for (size_t k = 0; k < len; k++)
            data[k] = (uint8_t)letters[test_random(random) % kinds];
        snprintf(name, sizeof name, "f%u", i);
        put_file(name, data, len);
        at += (size_t)snprintf(files + at, size - at, "%s ", test_path(name));
    }
}

TEST(test_what_tail_outputs_does_not_depend_on_where_read_begins)
{
    static const size_t chunks[] = {0, 1, 7, 100};
    uint64_t random = 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct memio io = {.seed = i};
        char files[1500], tail[64];

        draw_files(&random, files, sizeof files);
        io.settings.chunk = chunks[test_random(&random) % 4];
        io.settings.threads = 1 + (unsigned)(test_random(&random) % 2);
        io.settings.executor = test_random(&random) % 2 ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_AUTO;
        io.settings.seed = i;
        snprintf(tail, sizeof tail, "tail %s -%c %u", test_random(&random) % 3 ? "" : "-z",
                 test_random(&random) % 2 ? 'n' : 'c', (unsigned)(test_random(&random) % 60));
        compare(&io, files, tail);
        memio_free(&io);
    }
}

TEST(test_only_the_end_of_the_last_files_is_read)
{
    struct memio io = {.seed = 1};
    char files[1200];
    uint8_t *large = memio_bytes(3000000);

    put_file("a", large, 3000000);
    put_file("b", "x\ny\n", 4);
    snprintf(files, sizeof files, "%s", test_path("a"));
    snprintf(files + strlen(files), sizeof files - strlen(files), " %s", test_path("b"));
    compare(&io, files, "tail -n 1");
    ASSERT_EQ(io.stats.source_pos, 2);
    compare(&io, files, "tail -c 5");
    ASSERT_EQ(io.stats.source_pos, 5);
    ASSERT_EQ(io.stats.source_total, 5);
    compare(&io, files, "tail -n 10");
    ASSERT_LT(io.stats.source_pos, 2000);
    memio_free(&io);
    free(large);
}

static void *write_fifo(void *path)
{
    int fd = __real_open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, "1\n2\n3\n", 6) == 6 && close(fd) == 0)
        return path;
    return NULL;
}

/* A writer that waits for a reader goes on at the first open, and its data is lost if that is not the one that reads. */
static void read_fifo(const char *files, const char *expected)
{
    struct memio io = {.seed = 1};
    pthread_t writer;
    void *wrote;

    opens = 0;
    ASSERT_EQ(pthread_create(&writer, NULL, write_fifo, strdup(watched)), 0);
    run(&io, "", files, "tail -n 2");
    ASSERT_EQ(pthread_join(writer, &wrote), 0);
    ASSERT_NOT_NULL(wrote);
    ASSERT_EQ(io.code, 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, strlen(expected));
    ASSERT_EQ(opens, 1);
    memio_free(&io);
    free(wrote);
}

TEST(test_a_fifo_is_opened_once)
{
    char files[2100], file[1000];

    put_file("a", "x\ny\nz\n", 6);
    snprintf(file, sizeof file, "%s", test_path("a"));
    watched = strdup(test_path("fifo"));
    ASSERT_EQ(mkfifo(watched, 0600), 0);
    read_fifo(watched, "2\n3\n");
    snprintf(files, sizeof files, "%s %s", file, watched);
    read_fifo(files, "2\n3\n");
    snprintf(files, sizeof files, "%s %s", watched, file);
    read_fifo(files, "y\nz\n");
}

TEST(test_a_warning_of_compressed_data_does_not_depend_on_it)
{
    static const uint8_t gzip[600] = {0x1f, 0x8b, 8,   0,    0,   0,    0,   0,
                                      0,    3,    'a', '\n', 'b', '\n', 'c', '\n'};
    struct memio io = {.seed = 1};

    put_file("a", gzip, sizeof gzip);
    compare(&io, test_path("a"), "tail -n 1");
    ASSERT_EQ(io.warnings, 1);
    memio_free(&io);
}

TEST(test_what_does_not_fit_in_memory_fails_as_without_the_search)
{
    static const char *const tails[] = {"tail -n 1000000000", "tail -n 100000", "tail -c 9M"};
    uint8_t *large = memio_bytes(20000000);

    memset(large + 5000000, 'x', 14990000); /* one line */
    put_file("a", large, 20000000);
    for (size_t i = 0; i < 3; i++) {
        struct memio io = {.settings.memory = 8 << 20}, whole = {.settings.memory = 8 << 20};

        run(&io, "", test_path("a"), tails[i]);
        run(&whole, "--shrink-ok ", test_path("a"), tails[i]);
        test_context("%s", tails[i]);
        ASSERT_EQ(io.code, LEAT_ELIMIT);
        ASSERT_STREQ(io.error.text, whole.error.text);
        ASSERT_EQ(io.error.offset, whole.error.offset);
        memio_free(&io);
        memio_free(&whole);
    }
    free(large);
}

/* --- files that change ------------------------------------------------------------------------ */

static char *changed;

static void make_shorter(void)
{
    ASSERT_EQ(truncate(changed, 3), 0);
}

static void make_longer(void)
{
    FILE *f = fopen(changed, "ae");

    ASSERT_NOT_NULL(f);
    ASSERT_GT(fputs("more\n", f), 0);
    ASSERT_EQ(fclose(f), 0);
    after_look = NULL;
}

TEST(test_a_file_that_becomes_shorter_after_the_search_is_an_error)
{
    struct memio io = {.seed = 1};

    put_file("a", "1\n2\n3\n4\n5\n6\n", 12);
    changed = strdup(test_path("a"));
    after_look = make_shorter;
    run(&io, "", changed, "tail -c 2");
    after_look = NULL;
    ASSERT_EQ(io.code, LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "became shorter");
    ASSERT_EQ(io.out_len, 0);
    put_file("a", "1\n2\n3\n4\n5\n6\n", 12);
    run(&io, "", changed, "tail -n 2");
    ASSERT_EQ(io.code, 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "5\n6\n", 4);
    memio_free(&io);
    free(changed);
}

TEST(test_of_a_file_that_grows_after_the_search_the_last_lines_are_the_new_ones)
{
    struct memio io = {.seed = 1};

    put_file("a", "1\n2\n3\n4\n5\n6", 11);
    changed = strdup(test_path("a"));
    after_look = make_longer;
    run(&io, "", changed, "tail -n 2");
    after_look = NULL;
    ASSERT_EQ(io.code, 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "5\n6more\n", 8);
    memio_free(&io);
    free(changed);
}

/* --- a file that is lent ----------------------------------------------------------------------- */

TEST(test_what_tac_outputs_does_not_depend_on_who_reads_the_file)
{
    static const char *const stages[] = {"tac", "tac -z", "tac -b -s ab", "tac : tail -n 2"};
    uint64_t random = 2;

    for (unsigned i = 0; i < ROUNDS / 2; i++) {
        struct memio io = {.seed = i};
        char files[1500];

        draw_files(&random, files, sizeof files);
        if (i % 3)
            *strchr(files, ' ') = '\0'; /* a single one is lent */
        io.settings.threads = 1 + i % 2;
        io.settings.executor = i % 4 ? LEAT_EXECUTOR_AUTO : LEAT_EXECUTOR_SEEDED;
        io.settings.seed = i;
        compare(&io, files, stages[test_random(&random) % 4]);
        memio_free(&io);
    }
}

TEST(test_a_large_file_is_lent_and_a_file_without_a_size_is_read)
{
    const size_t n = 3000000;
    struct memio io = {.seed = 1, .settings.memory = 2 << 20};
    uint8_t *large = memio_bytes(n);

    put_file("a", large, n);
    compare(&io, test_path("a"), "tac");
    ASSERT_EQ(io.stats.source_pos, n);
    ASSERT_EQ(io.stats.source_total, n);
    memio_free(&io);
    run(&io, "", "/proc/self/limits", "tac : tail -n 1");
    ASSERT_EQ(io.code, 0);
    ASSERT_EQ(strncmp((const char *)io.out, "Limit ", 6), 0);
    memio_free(&io);
    free(large);
}

TEST(test_a_lent_file_that_becomes_shorter_is_an_error)
{
    struct memio io = {.seed = 1};

    put_file("a", "1\n2\n3\n4\n5\n6\n", 12);
    changed = strdup(test_path("a"));
    after_look = make_shorter; /* after the look at the first bytes */
    run(&io, "", changed, "tac");
    after_look = NULL;
    ASSERT_EQ(io.code, LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "became shorter while it was read");
    ASSERT_STR_HAS(io.error.text, changed);
    ASSERT_EQ(io.out_len, 0);
    memio_free(&io);
    free(changed);
}

TEST(test_a_lent_file_of_compressed_data_is_a_warning)
{
    static const uint8_t gzip[600] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 'a', '\n'};
    struct memio io = {.seed = 1};

    put_file("a", gzip, sizeof gzip);
    compare(&io, test_path("a"), "tac");
    ASSERT_EQ(io.warnings, 1);
    memio_free(&io);
}
