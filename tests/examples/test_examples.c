/* test_examples.c - the examples of stages: they are added to a registry and run, as a program does it. */

#include "connect.c" /* NOLINT(bugprone-suspicious-include) */
#include "field.c"   /* NOLINT(bugprone-suspicious-include) */
#include "runs.c"    /* NOLINT(bugprone-suspicious-include) */
#include "unpack.c"  /* NOLINT(bugprone-suspicious-include) */

#include <pthread.h>
#include <sys/stat.h>

#include "memio_runs.h"
#include "test.h"

static const struct leat_stage_type *const examples[] = {
    &example_field, &example_runs, &example_unruns, &example_connect, &example_unpack, NULL};

/* One run under a schedule of its own, with little room. */
static int run(struct memio *io, const char *text, uint64_t seed)
{
    io->types = examples;
    io->settings.executor = LEAT_EXECUTOR_SEEDED;
    io->settings.threads = 3;
    io->settings.seed = seed;
    io->settings.room = seed % 3 ? seed % 7 + 2 : 0;
    io->piece = MEMIO_RANDOM;
    io->seed = seed;
    return memio_run(io, text);
}

TEST(test_a_line_transform_gives_one_field_of_each_line)
{
    static const char text[] = "a\tb\tc\nd\ne\tf";

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct memio io = {.in = text, .in_len = sizeof text - 1};

        test_context("seed %d", (int)seed);
        ASSERT_EQ(run(&io, "example.field -n 2", seed), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, "b\n\nf\n", 5);
        memio_free(&io);
    }
}

TEST(test_a_block_codec_gives_the_same_with_any_lanes_and_decodes)
{
    uint8_t *in = memio_bytes(200000), *first = NULL;
    size_t first_len = 0;

    for (size_t i = 0; i < 200000; i++)
        in[i] = in[i - i % 5] & 3; /* short runs, and long ones where they are equal */
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct memio io = {.in = in, .in_len = 200000}, back = {0};

        test_context("seed %d", (int)seed);
        io.settings.room = 0;
        ASSERT_EQ(run(&io, "example.runs", 3 * seed), 0);
        if (!first) {
            first_len = io.out_len;
            first = malloc(first_len);
            ASSERT_NOT_NULL(first);
            memcpy(first, io.out, first_len);
        }
        ASSERT_BYTES_EQ(io.out, io.out_len, first, first_len);
        back.in = first;
        back.in_len = first_len;
        ASSERT_EQ(run(&back, "example.unruns", 3 * seed), 0);
        ASSERT_BYTES_EQ(back.out, back.out_len, in, 200000);
        memio_free(&back);
        back = (struct memio){.in = first, .in_len = first_len - 1};
        ASSERT_EQ(run(&back, "example.unruns", seed), LEAT_ETRUNCATED);
        memio_free(&back);
        memio_free(&io);
    }
    free(first);
    free(in);
}

struct server {
    int fd;
    size_t len;
};

static void *serve(void *arg)
{
    const struct server *s = arg;
    int fd = accept(s->fd, NULL, NULL);

    for (size_t at = 0; fd >= 0 && at < s->len; at++)
        if (send(fd, &(char){(char)(at % 251)}, 1, MSG_NOSIGNAL) != 1)
            break;
    (void)close(fd);
    return NULL;
}

TEST(test_a_source_waits_for_its_socket_on_one_thread_and_on_two)
{
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct server s = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .len = 20000};
        struct memio io = {.types = examples, .settings.threads = threads};
        socklen_t len = sizeof address;
        pthread_t thread;

        ASSERT_EQ(bind(s.fd, (struct sockaddr *)&address, len), 0);
        ASSERT_EQ(listen(s.fd, 1), 0);
        ASSERT_EQ(getsockname(s.fd, (struct sockaddr *)&address, &len), 0);
        ASSERT_EQ(pthread_create(&thread, NULL, serve, &s), 0);
        ASSERT_EQ(memio_run_named(&io, NULL, "example.connect 127.0.0.1:%d | memsink @io",
                                  ntohs(address.sin_port)),
                  0);
        ASSERT_EQ(io.out_len, s.len);
        for (size_t i = 0; i < s.len; i++)
            ASSERT_EQ(io.out[i], i % 251);
        ASSERT_EQ(pthread_join(thread, NULL), 0);
        (void)close(s.fd);
        memio_free(&io);
    }
}

TEST(test_a_source_that_nobody_answers_fails_with_the_reason)
{
    struct memio io = {.types = examples};

    ASSERT_EQ(memio_run_named(&io, NULL, "example.connect 127.0.0.1:1 | memsink @io"), LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "refused");
    memio_free(&io);
}

/* An archive of two files, as tar writes it. Returns its name. */
static const char *tar_of(const uint8_t *data, size_t len, size_t cut)
{
    static char path[4096];
    size_t size = 2 * (512 + (len + 511) / 512 * 512) + 1024, at = 0;
    uint8_t *tar = calloc(1, size);
    FILE *file;

    ASSERT_NOT_NULL(tar);
    for (int i = 0; i < 2; i++) {
        char *head = (char *)tar + at;
        unsigned sum = 0;

        snprintf(head, 100, "file%d", i);
        snprintf(head + 100, 8, "0000644");
        snprintf(head + 108, 8, "0000000");
        snprintf(head + 116, 8, "0000000");
        snprintf(head + 124, 12, "%011zo", len);
        snprintf(head + 136, 12, "00000000000");
        memset(head + 148, ' ', 8); /* the sum counts itself as this */
        snprintf(head + 156, 2, "0");
        snprintf(head + 257, 6, "ustar");
        memset(head + 263, '0', 2);
        for (size_t k = 0; k < 512; k++)
            sum += (uint8_t)head[k];
        snprintf(head + 148, 8, "%06o", sum);
        memcpy(head + 512, data, len);
        at += 512 + (len + 511) / 512 * 512;
    }
    snprintf(path, sizeof path, "%s/a.tar", test_tmp_dir());
    file = fopen(path, "we");
    ASSERT_NOT_NULL(file);
    ASSERT_EQ(fwrite(tar, 1, size - cut, file), size - cut);
    ASSERT_EQ(fclose(file), 0);
    free(tar);
    return path;
}

TEST(test_a_blocking_source_outputs_the_files_of_an_archive)
{
    uint8_t *data = memio_bytes(300001);

    for (uint64_t seed = 0; seed < 24; seed++) {
        struct memio io = memio_under((unsigned)seed);
        bool cut = seed % 4 == 3;

        io.types = examples;
        io.settings.room = seed % 5 ? 0 : 777;
        ASSERT_EQ(memio_run_named(&io, NULL, "example.unpack %s | memsink @io",
                                  tar_of(data, 300001, cut ? 2000 : 0)),
                  cut ? LEAT_ECORRUPT : 0);
        ASSERT_GE(io.out_len, cut ? 300001 : 600002);
        for (size_t i = 0; i < io.out_len; i++)
            ASSERT_EQ(io.out[i], data[i % 300001]);
        if (cut)
            ASSERT_STR_HAS(io.error.text, "libarchive: ");
        memio_free(&io);
    }
    free(data);
}

/* Nobody writes to the FIFO: the library blocks until `stop` ends that. */
TEST(test_a_blocking_source_is_interrupted_by_the_time_limit)
{
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct memio io = {.types = examples, .settings = {.threads = threads, .timeout_ms = 20}};
        char fifo[4096];
        int fd;

        snprintf(fifo, sizeof fifo, "%s/fifo%u", test_tmp_dir(), threads);
        ASSERT_EQ(mkfifo(fifo, 0600), 0);
        fd = open(fifo, O_RDWR | O_CLOEXEC);
        ASSERT_GE(fd, 0);
        ASSERT_EQ(memio_run_named(&io, NULL, "example.unpack %s | memsink @io", fifo),
                  LEAT_ETIMEDOUT);
        ASSERT_EQ(close(fd), 0);
        memio_free(&io);
    }
}
