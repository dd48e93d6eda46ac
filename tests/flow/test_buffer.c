/* test_buffer.c - large buffers, temporary files behind slow branches, and what is dropped. */
#include <stdlib.h>

#include "edge/spill.h"
#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define TEXT_MAX 1024
#define SMALL 6000u

static const char *sample(void)
{
    static char text[SMALL];
    uint64_t random = 5;

    for (size_t i = 0; i < SMALL; i++)
        text[i] = (char)test_random(&random);
    return text;
}

static void configure(struct memio *io, uint64_t seed)
{
    io->in = sample();
    io->in_len = SMALL;
    io->piece = MEMIO_RANDOM;
    io->seed = io->settings.seed = seed;
    io->settings.chunk = 300;
    io->settings.threads = 1 + seed % 4;
    io->settings.executor = seed % 8 == 7 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
}

/* The ring of bytes, against a plain one. */
TEST(test_a_spill_gives_back_what_was_put_in)
{
    struct leat_spill *s = leat_spill_new(test_tmp_dir(), 1000);
    uint64_t random = 3;
    uint8_t data[700], back[700];

    ASSERT_NOT_NULL(s);
    ASSERT_EQ(leat_spill_open(s), 0);
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = test_random(&random) % sizeof data;

        for (size_t k = 0; k < n; k++)
            data[k] = (uint8_t)test_random(&random);
        ASSERT_EQ(leat_spill_write(s, s->put, data, n), 0);
        ASSERT_EQ(leat_spill_read(s, s->put, back, n), 0);
        ASSERT_MEM_EQ(back, data, n);
        s->put += n;
    }
    leat_spill_free(s);
}

/* memsource : TEXT, in which @1 is the other sink, : memsink. */
static int run_two(struct memio *io, struct memio *other, const char *format)
{
    char text[TEXT_MAX];
    const char *at = strstr(format, "@1");
    int code;

    ASSERT_NOT_NULL(at);
    snprintf(text, sizeof text, "%.*smemsink --at=%lld%s", (int)(at - format), format,
             memio_at(other), at + 2);
    memio_free(other);
    other->sink_calls = 0;
    code = memio_run(io, text);
    ASSERT_LE(io->stats.memory_peak, io->stats.memory_limit);
    return code;
}

TEST(test_a_slow_branch_with_a_spill_gets_all)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct memio io = {0}, other = {.sink = {.wait_every = 2}, .gulp = 50};
        struct memio nested = {.sink = {.wait_every = 3}, .gulp = 70};
        char text[TEXT_MAX];

        test_context("seed %ju", (uintmax_t)seed);
        configure(&io, seed);
        snprintf(text, sizeof text,
                 "tee --slow=spill --spill=%s [ @1 ] [ tee --slow=spill [ memsink --at=%lld ] : "
                 "gzip : gunzip : null ]",
                 test_tmp_dir(), memio_at(&nested));
        ASSERT_EQ(run_two(&io, &other, text), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, io.in, io.in_len);
        ASSERT_BYTES_EQ(other.out, other.out_len, io.in, io.in_len);
        ASSERT_BYTES_EQ(nested.out, nested.out_len, io.in, io.in_len);
        memio_free(&nested);
        memio_free(&other);
        memio_free(&io);
    }
}

/* The stream itself goes on while the file has room, and no longer; then it waits. */
TEST(test_a_stalled_branch_with_a_spill_lets_the_rest_go_on_until_the_file_is_full)
{
    static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                        LEAT_EXECUTOR_SEEDED};

    for (size_t e = 0; e < 3; e++) {
        struct memio io = {.in = sample(), .in_len = SMALL, .in_repeat = UINT64_MAX / 8192};
        struct memio other = {.sink = {.wait_every = 1}};

        io.discard = true;
        io.settings.executor = executors[e];
        io.settings.memory = (uint64_t)8 << 20;
        io.settings.timeout_ms = 1000;
        ASSERT_EQ(run_two(&io, &other, "tee --slow=spill --spill-size=3M [ @1 ]"), LEAT_ETIMEDOUT);
        if (executors[e] == LEAT_EXECUTOR_SEEDED) /* time is virtual: it does all it can in it */
            ASSERT_GE(io.out_len, 1 << 20);
        ASSERT_LE(io.out_len, io.settings.memory + (3 << 20));
        memio_free(&other);
        memio_free(&io);
    }
}

TEST(test_a_spill_that_is_full_loses_nothing)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct memio io = {0}, other = {.sink = {.wait_every = 2}};
        uint64_t total;

        configure(&io, seed);
        io.in_repeat = 2000;
        io.discard = other.discard = true;
        io.settings.chunk = 65536;
        total = io.in_repeat * io.in_len;
        ASSERT_EQ(run_two(&io, &other, "tee --slow=spill --spill-size=2M [ @1 ]"), 0);
        ASSERT_EQ(io.out_len, total);
        ASSERT_EQ(other.out_len, total);
        memio_free(&other);
        memio_free(&io);
    }
}

TEST(test_failures_around_a_spill_commit_nothing)
{
    static const char *const texts[] = {
        "tee --slow=spill [ gunzip : @1 ]",
        "tee --slow=spill [ @1 ] : gunzip",
        "tee --slow=spill [ @1 ] : buffer --size=1000 --start-at=50% : crc32 --expect=00000000",
        "tee --slow=spill [ buffer --spill= --start-at=100% : crc32 --expect=00000000 : @1 ]",
    };

    for (uint64_t seed = 0; seed < 40; seed++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            struct memio io = {0}, other = {.sink = {.wait_every = 2}, .gulp = 50};

            test_context("seed %ju, %s", (uintmax_t)seed, texts[i]);
            configure(&io, seed);
            ASSERT_LT(run_two(&io, &other, texts[i]), 0);
            ASSERT_EQ(io.commits + other.commits, 0);
            memio_free(&other);
            memio_free(&io);
        }
}

TEST(test_a_branch_that_ends_early_leaves_its_spill)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct memio io = {0}, other = {.sink = {.wait_every = 2}, .gulp = 50};

        configure(&io, seed);
        ASSERT_EQ(run_two(&io, &other, "tee --slow=spill [ head -c 1000 : @1 ]"), 0);
        ASSERT_EQ(io.out_len, io.in_len);
        ASSERT_EQ(other.out_len, 1000);
        memio_free(&other);
        memio_free(&io);
    }
}

TEST(test_no_place_for_a_spill_is_an_error_at_the_start)
{
    struct memio io = {.in = sample(), .in_len = SMALL};

    ASSERT_EQ(memio_run(&io, "buffer --spill=/nowhere/at/all"), LEAT_ENOENT);
    ASSERT_STR_HAS(io.error.text, "/nowhere/at/all");
    ASSERT_EQ(io.source_calls, 0);
    ASSERT_EQ(memio_run(&io, "tee --spill=/tmp [ null ]"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "tee --slow=spill --spill-size=1M [ null ]"), LEAT_EUSAGE);
    memio_free(&io);
}

TEST(test_what_was_dropped_is_counted_and_told)
{
    unsigned told = 0;

    for (uint64_t seed = 0; seed < 60; seed++) {
        struct memio io = {0}, other = {.sink = {.wait_every = 2}, .gulp = 50};
        uint64_t lost;

        configure(&io, seed);
        io.in_repeat = 10;
        ASSERT_EQ(run_two(&io, &other, "tee --slow=drop [ @1 ]"), 0);
        lost = 10 * io.in_len - other.out_len;
        ASSERT_EQ(io.dropped, lost);
        ASSERT_EQ(io.warnings, lost > 0);
        told += lost > 0;
        memio_free(&other);
        memio_free(&io);
    }
    ASSERT_GT(told, 0);
}

/* --- buffer ---------------------------------------------------------------------------------- */

static const char *const buffers[] = {
    "buffer",
    "buffer --size=1",
    "buffer --size=5000",
    "buffer --size=5000 --start-at=0",
    "buffer --size=5000 --start-at=1",
    "buffer --size=5000 --start-at=80%",
    "buffer --size=5000 --start-at=100%",
    "buffer --size=1M -P 100%",
    "buffer --spill=",
    "buffer --spill= --start-at=50%",
    "buffer --spill= --size=2M --start-at=2M",
    "buffer : buffer -P 50% : gzip : buffer -P 100% : gunzip : buffer --spill= -P 900",
    "grep -v '^$' -z : buffer --size=3K --start-at=3K : grep -v -z '^$'",
};

TEST(test_a_buffer_changes_nothing)
{
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct memio io = {0};
            int code;

            test_context("seed %ju, %s", (uintmax_t)seed, buffers[i]);
            configure(&io, seed);
            io.in_repeat = 3;
            io.sink.wait_every = seed % 3 ? 3 : 0;
            code = memio_run(&io, buffers[i]);
            if (code < 0)
                FAIL("%s", io.error.text);
            if (!strstr(buffers[i], "grep"))
                ASSERT_EQ(io.out_len, 3 * io.in_len);
            for (size_t k = 0; k < 3 && io.out_len == 3 * io.in_len; k++)
                ASSERT_MEM_EQ(io.out + k * io.in_len, io.in, io.in_len);
            memio_free(&io);
        }
}

/* Bytes that the source had handed on when the first byte came through. */
static const struct memio *watched;
static uint64_t given_at_first;

static int watch_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    if (in->len > 0 && given_at_first == 0)
        given_at_first = watched->given;
    return memio_pass(s, in, out);
}

static void add_watch(struct leat_registry *registry, void *arg)
{
    static const struct leat_stage_type watch = {.name = "watch",
                                                 .summary = "sees the first byte",
                                                 .kind = LEAT_TRANSFORM,
                                                 .step = watch_step};

    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &watch), 0);
}

static uint64_t first_seen_after(struct memio *io, const char *text)
{
    watched = io;
    given_at_first = 0;
    io->registered = add_watch;
    if (memio_run(io, text) < 0)
        FAIL("%s: %s", text, io->error.text);
    memio_free(io);
    return given_at_first;
}

TEST(test_nothing_goes_on_before_the_buffer_is_filled_so_far)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct memio io = {0};

        test_context("seed %ju", (uintmax_t)seed);
        configure(&io, seed);
        io.settings.executor = LEAT_EXECUTOR_SEEDED; /* on one thread: `given` can be read */
        io.in_repeat = 10;
        ASSERT_GE(first_seen_after(&io, "buffer --size=20000 --start-at=80% : watch"), 16000);
        ASSERT_LE(first_seen_after(&io, "buffer --size=20000 : watch"), 20000);
        ASSERT_EQ(first_seen_after(&io, "buffer --size=1M --start-at=50% : watch"), 60000);
        ASSERT_GE(first_seen_after(&io, "buffer --spill= --start-at=30000 : watch"), 30000);
    }
}

TEST(test_a_buffer_larger_than_memory_is_refused_with_both_figures)
{
    struct memio io = {.in = sample(), .in_len = SMALL};

    ASSERT_EQ(memio_run(&io, "buffer --size=1G"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "268435456");
    ASSERT_EQ(memio_run(&io, "buffer --start-at=101%"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "buffer --size=1M --start-at=2M"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "buffer --start-at=%"), LEAT_EUSAGE);
    ASSERT_EQ(memio_run(&io, "buffer --spill= --size=1K"), LEAT_EUSAGE);
    memio_free(&io);
}

/* Its writer may be ahead by that much, though the reader takes nothing. */
TEST(test_a_buffer_holds_what_it_says)
{
    struct memio io = {.in = sample(), .in_len = 4096, .in_repeat = UINT64_MAX / 8192};

    io.sink.wait_every = 1;
    io.settings.timeout_ms = 1000;
    io.settings.executor = LEAT_EXECUTOR_SEEDED;
    ASSERT_EQ(memio_run(&io, "buffer --size=9M"), LEAT_ETIMEDOUT);
    ASSERT_GE(io.given, 7 << 20);
    ASSERT_LE(io.given, 12 << 20);
    memio_free(&io);
}

static const struct leat_stage_type lines_type = {
    .name = "whole-lines", .kind = LEAT_TRANSFORM, .framing = LEAT_LINES, .step = memio_pass};

/* It is in one piece before the edge, and the file has room for less. */
TEST(test_a_record_longer_than_a_chunk_goes_through_a_spill)
{
    static const struct leat_stage_type *const types[] = {&lines_type, NULL};
    size_t len = 3 * LEAT_CHUNK_MAX + 12345;
    char *line = malloc(len);

    ASSERT_NOT_NULL(line);
    for (size_t i = 0; i < len; i++)
        line[i] = (char)('A' + i % 61); /* no chunk is like another one */
    line[len - 1] = '\n';
    for (unsigned e = 0; e < 3 * N_EXECUTORS; e++) {
        struct memio io = memio_under(e);

        io.in = line;
        io.in_len = len;
        io.types = types;
        io.piece = 0;
        io.gulp = e % 2 ? 0 : 70000;
        io.settings.memory = (uint64_t)64 << 20;
        ASSERT_EQ(memio_run(&io, "whole-lines : buffer --spill= --size=2M"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, line, len);
        memio_free(&io);
    }
    free(line);
}
