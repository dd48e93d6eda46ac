/* test_follow.c - files that grow and rotate, driven by what came out; time is simulated. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

#define PATH 4096
#define LOG_MAX ((size_t)1 << 20)

/* The program that writes the log. A stage after `follow` runs it when all that was written has come. */
struct writer {
    uint64_t random;
    unsigned turns; /* left */
    unsigned last;  /* turns without a rotation, at the end */
    unsigned line;
    uint64_t written, seen; /* bytes */
    char *expected;
    void (*turn)(struct writer *w);
};

static const char *log_path(const char *name)
{
    static char paths[4][PATH];
    static unsigned next;

    next = (next + 1) % 4;
    snprintf(paths[next], PATH, "%s/%s", test_tmp_dir(), name);
    return paths[next];
}

/* Append bytes to the open file and to what is expected. */
static void put(struct writer *w, int fd, const char *text, size_t n)
{
    ASSERT_EQ(write(fd, text, n), (ssize_t)n);
    ASSERT_LE(w->written + n, LOG_MAX);
    memcpy(w->expected + w->written, text, n);
    w->written += n;
}

static int open_log(int flags)
{
    int fd = open(log_path("log"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags, 0600);

    ASSERT_GE(fd, 0);
    return fd;
}

static void put_lines(struct writer *w, int fd, unsigned n)
{
    char text[512];

    for (unsigned i = 0; i < n; i++) {
        int pad = (int)(test_random(&w->random) % 16 == 0 ? test_random(&w->random) % 300 : 0);
        int len = snprintf(text, sizeof text, "%08u%*s\n", ++w->line, pad, "");

        put(w, fd, text, (size_t)len);
    }
}

static void append_lines(struct writer *w, unsigned n)
{
    int fd = open_log(0);

    put_lines(w, fd, n);
    ASSERT_EQ(close(fd), 0);
}

static void rotate(void)
{
    ASSERT_EQ(rename(log_path("log"), log_path("log.1")), 0);
}

/* Lines in two pieces: the first waits for the second. */
static void append_a_piece(struct writer *w)
{
    int fd = open_log(0);

    put_lines(w, fd, 1);
    put(w, fd, "half", 4);
    w->seen += 4; /* not to be waited for */
    ASSERT_EQ(close(fd), 0);
}

static void end_the_piece(struct writer *w)
{
    int fd = open_log(0);

    put(w, fd, " a line\n", 8);
    w->seen -= 4;
    ASSERT_EQ(close(fd), 0);
}

/* The old file gets lines after the new one has some. */
static void rotate_under_a_writer(struct writer *w)
{
    int old = open_log(0), new;
    char late[64], text[64];
    int len = snprintf(text, sizeof text, "%08u in the new file\n", w->line + 2);
    int late_len = snprintf(late, sizeof late, "%08u in the old file\n", w->line + 1);

    put_lines(w, old, 0);
    rotate();
    new = open_log(O_EXCL);
    put(w, old, late, (size_t)late_len);
    put(w, new, text, (size_t)len);
    w->line += 2;
    ASSERT_EQ(close(old), 0);
    ASSERT_EQ(close(new), 0);
}

static void one_turn(struct writer *w)
{
    unsigned n = 1 + (unsigned)(test_random(&w->random) % 5);

    switch (test_random(&w->random) % 8) {
    case 0:
        append_lines(w, n);
        break;
    case 1: /* twice, before anybody looks */
        append_lines(w, n);
        rotate();
        append_lines(w, n);
        ASSERT_EQ(rename(log_path("log"), log_path("log.2")), 0);
        append_lines(w, 1);
        break;
    case 2:
        rotate();
        append_lines(w, n);
        break;
    case 3:
        ASSERT_EQ(unlink(log_path("log")), 0);
        append_lines(w, n);
        break;
    case 4: /* copytruncate, with more lines than before */
        ASSERT_EQ(truncate(log_path("log"), 0), 0);
        append_lines(w, n * 3);
        break;
    case 5:
        rotate_under_a_writer(w);
        break;
    case 6: /* taken back */
        rotate();
        ASSERT_EQ(rename(log_path("log.1"), log_path("log")), 0);
        append_lines(w, n);
        break;
    default:
        append_a_piece(w);
        end_the_piece(w);
        break;
    }
}

static int writer_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct writer *w = memio_given(s);
    size_t at = in->pos;
    int r = memio_pass(s, in, out);

    w->seen += in->pos - at;
    while (w->seen == w->written && w->turns > 0 && !in->end) {
        w->turns--;
        w->turn(w);
    }
    return r;
}

static const struct leat_stage_type writer_type = {
    .name = "writer",
    .summary = "writes to the log when all of it has come",
    .kind = LEAT_TRANSFORM,
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .step = writer_step,
};

static void add_writer(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &writer_type), 0);
}

/* follow OPTIONS log : writer : memsink. Returns the code. */
static int follow(struct memio *io, struct writer *w, const char *options)
{
    char text[PATH];

    io->registered = add_writer;
    w->expected = malloc(LOG_MAX);
    ASSERT_NOT_NULL(w->expected);
    append_lines(w, 1);
    snprintf(text, sizeof text, "follow %s %s : writer --at=%lld : memsink --at=%lld", options,
             log_path("log"), (long long)(intptr_t)w, memio_at(io));
    return memio_run_text(io, text);
}

static void configure(struct memio *io, uint64_t seed)
{
    io->settings.executor = LEAT_EXECUTOR_SEEDED;
    io->settings.virtual_time = true;
    io->settings.seed = seed;
    io->settings.threads = 1 + (unsigned)(seed % 3);
}

TEST(test_no_line_is_lost_or_doubled_by_rotations)
{
    for (uint64_t seed = 0; seed < (test_under_sanitizer() ? 20 : 100); seed++) {
        struct memio io = {0};
        struct writer w = {.random = seed, .turns = 40, .turn = one_turn};

        test_context("seed %ju", (uintmax_t)seed);
        configure(&io, seed);
        ASSERT_EQ(follow(&io, &w, "--idle=1h"), 0);
        ASSERT_EQ(w.turns, 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, w.expected, w.written);
        memio_free(&io);
        free(w.expected);
        (void)unlink(log_path("log"));
    }
}

static void set_log(const char *name, const char *text)
{
    FILE *f = fopen(log_path(name), "w");

    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fputs(text, f) >= 0, 1);
    ASSERT_EQ(fclose(f), 0);
}

static int run(struct memio *io, const char *options, const char *files)
{
    char text[PATH + 128], names[PATH] = "";

    for (const char *f = files; *f; f++)
        snprintf(names + strlen(names), sizeof names - strlen(names), " %s",
                 log_path((char[]){*f, 0}));
    snprintf(text, sizeof text, "follow %s%s : memsink --at=%lld", options, names, memio_at(io));
    return memio_run_text(io, text);
}

#define ASSERT_OUT(io, text) ASSERT_BYTES_EQ((io).out, (io).out_len, text, strlen(text))

TEST(test_once_reads_each_file_to_its_end)
{
    struct memio io = {0};

    set_log("a", "one\ntwo");
    set_log("b", "three\nfour");
    set_log("c", "");
    ASSERT_EQ(run(&io, "--once", "ab"), 0);
    ASSERT_OUT(io, "one\ntwo\nthree\nfour");
    ASSERT_EQ(run(&io, "--once", "ca"), 0);
    ASSERT_OUT(io, "one\ntwo");
    ASSERT_EQ(run(&io, "--once", "c"), 0);
    ASSERT_EQ(io.out_len, 0);
    memio_free(&io);
}

TEST(test_the_last_line_without_an_end_goes_on_at_the_end)
{
    struct memio io = {0};

    configure(&io, 1);
    set_log("a", "one\ntwo");
    ASSERT_EQ(run(&io, "--idle=1h", "a"), 0);
    ASSERT_OUT(io, "one\ntwo");
    memio_free(&io);
}

TEST(test_from_end_begins_with_the_line_that_is_not_whole)
{
    struct memio io = {0};

    configure(&io, 2);
    set_log("a", "one\ntwo");
    ASSERT_EQ(run(&io, "--from=end --idle=1h", "a"), 0);
    ASSERT_OUT(io, "two");
    set_log("b", "one\n");
    ASSERT_EQ(run(&io, "--from=end --idle=1h", "b"), 0);
    ASSERT_EQ(io.out_len, 0);
    memio_free(&io);
}

static void only_a_piece(struct writer *w)
{
    if (w->turns > 0) {
        append_a_piece(w);
        w->turns = 0;
    }
}

TEST(test_a_piece_of_a_line_waits_for_its_end)
{
    struct memio io = {0};
    struct writer w = {.turns = 2, .turn = only_a_piece};

    configure(&io, 3);
    w.turns = 2;
    ASSERT_EQ(follow(&io, &w, "--idle=1h"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, w.expected, w.written);
    memio_free(&io);
    free(w.expected);
}

/* The lines of a file that is read on after the rename, and whose writer never goes. */
static int held = -1;

static void rotate_and_hold(struct writer *w)
{
    held = open_log(0);
    rotate();
    append_lines(w, 3);
}

TEST(test_a_rotated_file_that_stays_open_is_given_up_after_the_grace)
{
    struct memio io = {0};
    struct writer w = {.turns = 1, .turn = rotate_and_hold};

    configure(&io, 4);
    ASSERT_EQ(follow(&io, &w, "--idle=1h"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, w.expected, w.written);
    ASSERT_EQ(io.warnings, 1);
    ASSERT_EQ(close(held), 0);
    memio_free(&io);
    free(w.expected);
}

/* The old file gets its name back when it is closed already. */
static void rotate_and_take_back(struct writer *w)
{
    if (w->turns == 1)
        rotate();
    else
        ASSERT_EQ(rename(log_path("log.1"), log_path("log")), 0);
    append_lines(w, 3);
}

TEST(test_a_file_whose_name_comes_back_is_read_on)
{
    struct memio io = {0};
    struct writer w = {.turns = 2, .turn = rotate_and_take_back};

    configure(&io, 7);
    ASSERT_EQ(follow(&io, &w, "--idle=1h"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, w.expected, w.written);
    memio_free(&io);
    free(w.expected);
}

static void truncate_and_write(struct writer *w)
{
    ASSERT_EQ(truncate(log_path("log"), 0), 0);
    append_lines(w, 20);
}

TEST(test_a_truncation_is_warned_about)
{
    struct memio io = {0};
    struct writer w = {.turns = 3, .turn = truncate_and_write};

    configure(&io, 5);
    ASSERT_EQ(follow(&io, &w, "--idle=1h"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, w.expected, w.written);
    ASSERT_EQ(io.warnings, 1);
    memio_free(&io);
    free(w.expected);
}

TEST(test_a_line_may_be_longer_than_the_first_buffer_but_has_a_limit)
{
    size_t n = (size_t)1 << 20;
    struct memio io = {0};
    char *line = malloc(n + 2);

    ASSERT_NOT_NULL(line);
    memset(line, 'x', n);
    memcpy(line + n, "\n", 2);
    set_log("a", line);
    ASSERT_EQ(run(&io, "--once", "a"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, line, n + 1);
    memio_free(&io);
    free(line);
    ASSERT_EQ(truncate(log_path("a"), 20 << 20), 0);
    ASSERT_EQ(run(&io, "--once", "a"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "is longer than 16777216 bytes");
    memio_free(&io);
}

TEST(test_a_file_that_is_no_file_is_refused)
{
    struct memio io = {0};

    ASSERT_EQ(run(&io, "", "x"), LEAT_ENOENT);
    ASSERT_EQ(mkdir(log_path("d"), 0700), 0);
    ASSERT_LT(run(&io, "", "d"), 0);
    ASSERT_EQ(mkfifo(log_path("f"), 0600), 0);
    ASSERT_EQ(run(&io, "", "f"), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, "not a regular file");
    ASSERT_EQ(memio_run_text(&io, "follow - : null"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run_text(&io, "follow --once --wait x : null"), LEAT_EUSAGE);
    memio_free(&io);
}

TEST(test_a_missing_file_may_be_waited_for)
{
    struct memio io = {0};

    configure(&io, 6);
    ASSERT_EQ(run(&io, "--wait --idle=1h", "x"), 0);
    ASSERT_EQ(io.out_len, 0);
    memio_free(&io);
}

TEST(test_an_output_of_the_pipeline_is_refused)
{
    struct memio io = {0};
    char text[PATH];

    set_log("a", "one\n");
    snprintf(text, sizeof text, "follow --once %s : write --append %s", log_path("a"),
             log_path("a"));
    ASSERT_EQ(memio_run_text(&io, text), LEAT_EUSAGE);
    memio_free(&io);
}
