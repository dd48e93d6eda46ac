/* test_parts.c - the sinks of many parts: when they are prepared, how many are open, and that they
 * commit together or not at all.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "leat.h"
#include "memio.h"
#include "stage.h"
#include "test.h"

#define PARTS 300u
#define SEEDS 12u

/* --- a sink that counts ----------------------------------------------------------------------- */

static struct {
    atomic_uint opened, prepared, committed, closed;
    atomic_uint most;           /* opened and not prepared, at any time */
    atomic_uint before_prepare; /* opened when the first was prepared */
    unsigned fail_prepare;      /* the how manieth fails */
    unsigned fail_open;
    unsigned fail_step; /* of the how manieth that was opened */
    unsigned fail_commit;
} sinks;

static int counted_open(struct leat_stage *s)
{
    unsigned n = atomic_fetch_add(&sinks.opened, 1) + 1, now = n - atomic_load(&sinks.prepared);

    if (now > atomic_load(&sinks.most))
        atomic_store(&sinks.most, now);
    return n == sinks.fail_open ? leat_fail(s, LEAT_EEXIST, "it exists") : 0;
}

static int counted_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)out;
    if (in->len > 0 && atomic_load(&sinks.opened) == sinks.fail_step)
        return leat_fail(s, LEAT_EIO, "the disk is gone");
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int counted_prepare(struct leat_stage *s)
{
    unsigned n = atomic_fetch_add(&sinks.prepared, 1) + 1;

    if (n == 1)
        atomic_store(&sinks.before_prepare, atomic_load(&sinks.opened));
    return n == sinks.fail_prepare ? leat_fail(s, LEAT_EIO, "the disk is full") : 0;
}

static int counted_commit(struct leat_stage *s)
{
    unsigned n = atomic_fetch_add(&sinks.committed, 1) + 1;

    return n == sinks.fail_commit ? leat_fail(s, LEAT_EIO, "no more names") : 0;
}

static void counted_revert(struct leat_stage *s)
{
    (void)s;
    atomic_fetch_sub(&sinks.committed, 1);
}

static void counted_close(struct leat_stage *s)
{
    (void)s;
    atomic_fetch_add(&sinks.closed, 1);
}

static const struct leat_stage_type counted = {
    .name = "counted",
    .summary = "counts what is done to it",
    .kind = LEAT_SINK,
    .open = counted_open,
    .step = counted_step,
    .prepare = counted_prepare,
    .commit = counted_commit,
    .revert = counted_revert,
    .close = counted_close,
};

/* Runs `SOURCE : TEXT`. Returns the code. */
static int run_on(const char *source, const char *text, uint64_t seed)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = {
        .size = sizeof settings, .seed = seed, .threads = 1 + seed % 4, .chunk = 100};
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p;
    char whole[400];
    int code;

    atomic_store(&sinks.opened, 0);
    atomic_store(&sinks.prepared, 0);
    atomic_store(&sinks.committed, 0);
    atomic_store(&sinks.closed, 0);
    atomic_store(&sinks.most, 0);
    atomic_store(&sinks.before_prepare, 0);
    settings.executor = seed % 6 == 5 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(leat_registry_add_plain(registry, &counted), 0);
    snprintf(whole, sizeof whole, "%s : %s", source, text);
    test_context("seed %ju: %s", (uintmax_t)seed, whole);
    if (leat_pipeline_from_text(registry, whole, &settings, &p, &error) < 0)
        FAIL("%s: %s", error.stage_name, error.text);
    code = leat_pipeline_run(p);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    ASSERT_EQ(atomic_load(&sinks.closed), atomic_load(&sinks.opened));
    return code;
}

/* The same on as many bytes as there are to be parts. */
static int run(const char *text, uint64_t seed)
{
    char source[40];

    snprintf(source, sizeof source, "zero : head -c %u", PARTS);
    return run_on(source, text, seed);
}

/* --- when they are prepared ------------------------------------------------------------------- */

TEST(test_a_part_begins_before_the_last_one_is_on_the_disk_and_few_of_them_wait)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ASSERT_EQ(run("split -b 1 [ counted ]", seed), 0);
        ASSERT_EQ(atomic_load(&sinks.committed), PARTS);
        ASSERT_EQ(atomic_load(&sinks.prepared), PARTS);
        ASSERT_GT(atomic_load(&sinks.before_prepare), 20);
        ASSERT_LE(atomic_load(&sinks.most), 64 + 2);
    }
}

TEST(test_where_there_are_few_descriptors_fewer_parts_wait)
{
    struct rlimit limit;

    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 40;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_EQ(run("split -b 1 [ counted ]", 1), 0);
    ASSERT_LE(atomic_load(&sinks.most), 10 + 2);
    ASSERT_EQ(run("split -b 1 [ tee [ counted ] : gzip : counted ]", 2), 0);
    ASSERT_LE(atomic_load(&sinks.most), 10 + 4);
    ASSERT_EQ(atomic_load(&sinks.committed), 2 * PARTS);
}

TEST(test_a_part_that_cannot_be_prepared_or_committed_leaves_none)
{
    static const unsigned which[] = {1, 2, 40, 150, PARTS - 1, PARTS};

    for (size_t i = 0; i < sizeof which / sizeof *which; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            sinks.fail_prepare = which[i];
            ASSERT_EQ(run("split -b 1 [ counted ]", seed), LEAT_EIO);
            ASSERT_EQ(atomic_load(&sinks.committed), 0);
            sinks.fail_prepare = 0;
            sinks.fail_commit = which[i];
            ASSERT_EQ(run("split -b 1 [ counted ]", seed), LEAT_EIO);
            ASSERT_EQ(atomic_load(&sinks.committed), 1); /* the one that said no */
            sinks.fail_commit = 0;
        }
}

/* --- in a branch whose failure does not stop the others --------------------------------------- */

TEST(test_a_detached_branch_that_fails_leaves_no_part)
{
    static const struct {
        const char *text;
        unsigned fail_prepare, fail_step, fail_open;
    } cases[] = {
        {"tee --on-error=detach [ split -b 1 [ counted ] ] : null", 3, 0, 0},
        {"tee --on-error=detach [ split -b 1 [ counted ] ] : null", PARTS, 0, 0},
        {"tee --on-error=detach [ split -b 1 [ gzip : counted ] ] : null", 0, 150, 0},
        {"tee --on-error=detach [ split -b 1 [ gzip : counted ] ] : null", 0, 0, 150},
        {"tee --on-error=detach [ require --max-bytes=150 : split -b 1 [ counted ] ] : null", 0, 0,
         0},
        {"tee --on-error=detach [ require --min-bytes=1K : split -b 1 [ counted ] ] : null", 0, 0,
         0},
        {"tee --on-error=detach [ tee [ split -b 1 [ counted ] ] : require --min-bytes=1K : null ] "
         ": null",
         0, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            sinks.fail_prepare = cases[i].fail_prepare;
            sinks.fail_step = cases[i].fail_step;
            sinks.fail_open = cases[i].fail_open;
            ASSERT_EQ(run(cases[i].text, seed), LEAT_EBATCH);
            ASSERT_EQ(atomic_load(&sinks.committed), 0);
        }
}

/* A detached branch inside a part is not the part. */
TEST(test_a_part_whose_detached_branch_fails_is_there)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ASSERT_EQ(run("split -b 1 [ tee --on-error=detach [ gunzip : null ] : counted ]", seed),
                  LEAT_EBATCH);
        ASSERT_EQ(atomic_load(&sinks.committed), PARTS);
        ASSERT_EQ(
            run("tee --on-error=detach [ split -b 1 [ tee --on-error=detach [ gunzip : null ] "
                ": counted ] ] : null",
                seed),
            LEAT_EBATCH);
        ASSERT_EQ(atomic_load(&sinks.committed), PARTS);
    }
}

/* But without all of its sinks a part does not begin. */
TEST(test_a_part_that_cannot_begin_leaves_none)
{
    sinks.fail_open = 150;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ASSERT_EQ(run("split -b 1 [ counted ]", seed), LEAT_EEXIST);
        ASSERT_EQ(atomic_load(&sinks.committed), 0);
        ASSERT_EQ(run("split -b 1 [ tee --on-error=detach [ counted ] : counted ]", seed),
                  LEAT_EEXIST);
        ASSERT_EQ(atomic_load(&sinks.committed), 0);
    }
}

/* --- a part that fails at its end ------------------------------------------------------------- */

TEST(test_a_part_that_fails_stops_an_endless_stream)
{
    static const char *const texts[] = {
        "split -b 500 [ crc32 --expect=00000000 : counted ]",
        "tee [ split -b 500 [ tee [ crc32 --expect=00000000 : counted ] : gzip : counted ] ] : "
        "counted",
    };

    for (size_t i = 0; i < 2; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            ASSERT_EQ(run_on("zero", texts[i], seed), LEAT_ECHECKSUM);
            ASSERT_EQ(atomic_load(&sinks.committed), 0);
        }
}

TEST(test_a_part_that_cannot_be_prepared_stops_an_endless_stream)
{
    sinks.fail_prepare = 3;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ASSERT_EQ(run_on("zero", "split -b 500 [ counted ]", seed), LEAT_EIO);
        ASSERT_EQ(atomic_load(&sinks.prepared), 3);
        ASSERT_EQ(atomic_load(&sinks.committed), 0);
    }
}

/* --- parts that end early --------------------------------------------------------------------- */

/* The next stage has enough while the output of the lanes is merged: none of it is kept. */
TEST(test_a_part_that_has_enough_gives_back_what_was_being_merged)
{
    static const char *const texts[][2] = {{"lz4", "unlz4"}, {"bzip2 -1", "bunzip2"}};

    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes = memio_bytes((size_t)1 << 20);
        struct memio packed = {.in = bytes, .in_len = (size_t)1 << 20}, io = {.in_repeat = 10};
        char text[100];

        ASSERT_EQ(memio_run(&packed, texts[i][0]), 0);
        io.in = packed.out;
        io.in_len = packed.out_len;
        snprintf(text, sizeof text, "tee [ split -b %zu [ %s : head -c 1000 : null ] ]", io.in_len,
                 texts[i][1]);
        for (unsigned threads = 2; threads <= 4; threads++) {
            test_context("%u threads: %s", threads, text);
            io.settings.room = 500;
            io.settings.threads = threads;
            ASSERT_EQ(memio_run(&io, text), 0);
            ASSERT_EQ(io.chunks_left, 0);
        }
        memio_free(&io);
        memio_free(&packed);
        free(bytes);
    }
}
