/* test_figures.c - the bytes that are told of a run add up: what goes out of a stage has come into
 * the next, also where one ends early, a branch loses data, or the run fails.
 */
#include <stdlib.h>

#include "codec_same.h"
#include "memio.h"
#include "test.h"

#define SEEDS 24u
#define STAGES_MAX 32
#define TEXT_MAX 1024

/* @S: a source of some 120,000 bytes of lines; @F: a name for a file. The code is that of a run. */
static const struct planted {
    const char *text;
    int code;
} cases[] = {
    /* in one segment, over an edge, and where what comes before goes on to its end */
    {"@S : head -n 3 : null", 0},
    {"@S : pass : head -c 1 : pass : null", 0},
    {"@S : gzip : gunzip : zstd : unzstd : head -n 30 : null", 0},
    {"@S : gzip : head -c 400 : zstd : null", 0},
    {"@S : sha256 --to=@F : head -n 1 : null", 0},
    {"@S : gzip : sha256 --to=@F : zstd : head -c 1 : null", 0},
    {"@S : grep -m 3 -n line : null", 0},
    {"@S : tail -n 5 : head -n 1 : null", 0},
    {"@S : limit --lines=30 : null", 0},
    /* behind lanes, with and without a stage's own merge, and before them */
    {"@S : grep -v 77 : head -n 40 : null", 0},
    {"@S : grep -v 77 : grep -v 88 : head -n 40 : null", 0},
    {"@S : head -n 40 : grep -v 77 : null", 0},
    {"@S : gzip -1 : head -c 100 : null", 0},
    {"@S : gzip --blocks : head -c 100 : null", 0},
    {"@S : bzip2 : bunzip2 : head -n 4 : null", 0},
    {"@S : lz4 : unlz4 : head -n 4 : null", 0},
    {"@S : grep -v 77 : gzip --blocks : gunzip : grep 1 : head -n 9 : null", 0},
    /* branches */
    {"@S : tee [ head -c 10 : null ] [ gzip : null ] : head -n 5 : null", 0},
    {"@S : tee [ head -c 10 : null ] [ head -n 100 : null ] : head -n 5 : null", 0},
    {"@S : tee [ sha256 --to=@F : head -c 1 : null ] : gzip : head -c 50 : null", 0},
    {"@S : tee [ grep -v 77 : head -n 1 : null ] : grep -v 88 : head -n 7 : null", 0},
    {"@S : tee [ tee [ head -n 1 : null ] : head -n 9 : null ] : null", 0},
    {"@S : tee --slow=drop [ grep -v 77 : null ] [ gzip : null ] : zstd : null", 0},
    {"@S : tee --slow=drop [ head -n 100 : null ] : zstd : head -c 9 : null", 0},
    {"@S : tee --slow=spill [ gzip : head -c 9 : null ] [ zstd : null ] : null", 0},
    {"@S : route [ -e ^1 : head -n 9 : null ] [ -e ^2 : zstd : null ] : head -n 2 : null", 0},
    {"@S : split -n 400 [ head -n 3 : null ]", 0},
    {"@S : split -n 400 [ gzip : head -c 30 : null ]", 0},
    {"@S : split -n 400 --header [ grep -v 7 : tee [ head -c 3 : null ] : zstd : null ]", 0},
    {"concat [ @S : gzip ] [ zero : head -c 9K : gzip ] : gunzip : head -n 40 : null", 0},
    {"concat [ @S : head -n 1 ] [ zero : head -c 9K ] : head -c 200 : null", 0},
    {"merge [ @S ] [ zero : head -c 9K ] : head -n 40 : null", 0},
    {"paste [ zero : head -c 5K ] [ @S : grep -v 77 ] : head -n 40 : null", 0},
    {"@S : buffer : grep -v 77 : buffer --spill= : head -n 3 : null", 0},
    {"@S : buffer -P 50% --spill= : head -n 3 : null", 0},
    {"@S : exec head -c 10 : null", 0},
    {"@S : exec cat : head -n 2 : null", 0},
    /* failures */
    {"@S : gzip : head -c 200 : gunzip : null", LEAT_ETRUNCATED},
    {"@S : gunzip : null", LEAT_ECORRUPT},
    {"@S : gzip : gunzip --max-output=5000 : zstd : null", LEAT_ELIMIT},
    {"@S : gzip --blocks : gunzip --max-output=5000 : grep -v 77 : null", LEAT_ELIMIT},
    {"@S : bzip2 : bunzip2 --max-output=5000 : null", LEAT_ELIMIT},
    {"@S : grep -v 77 : tee [ gunzip : null ] : zstd : null", LEAT_ECORRUPT},
    {"@S : tee --on-error=detach [ gunzip : null ] : zstd : null", LEAT_EBATCH},
    {"@S : split -n 400 [ gzip : require --max-bytes=9 : null ]", LEAT_ELIMIT},
};
#define N_CASES (sizeof cases / sizeof *cases)

static const char *lines(size_t *ret_len)
{
    static char text[6000];
    size_t n = 0;

    for (unsigned i = 1000; n + 16 < sizeof text; i += 5)
        n += (size_t)snprintf(text + n, sizeof text - n, "%u line\n", i);
    *ret_len = n;
    return text;
}

static void write_text(const char *template, const struct memio *source, char *to)
{
    size_t n = 0;

    for (const char *c = template; *c; c++) {
        if (*c == '@' && c[1] == 'S')
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "memsource --at=%lld", memio_at(source));
        else if (*c == '@')
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "%s/file", test_tmp_dir());
        else
            to[n++] = *c;
        c += *c == '@';
        ASSERT_LT(n, TEXT_MAX);
    }
    to[n] = '\0';
}

/* The connections and the stage count the same bytes. */
static void check_links(const struct leat_pipeline *p)
{
    uint64_t in[STAGES_MAX] = {0}, out[STAGES_MAX] = {0};
    struct leat_stats stats = LEAT_INIT(leat_stats);

    leat_pipeline_stats(p, &stats);
    ASSERT_LE(stats.n_stages, STAGES_MAX);
    for (size_t i = 0; i < stats.n_links; i++) {
        struct leat_link_stats link = LEAT_INIT(leat_link_stats);

        leat_pipeline_link_stats(p, i, &link);
        out[link.from] += link.bytes;
        in[link.to] += link.bytes;
    }
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats s = LEAT_INIT(leat_stage_stats);

        leat_pipeline_stage_stats(p, i, &s);
        if (s.bytes_in != in[i] || s.bytes_out != out[i])
            FAIL("stage %zu, %s: %ju in and %ju out, and over the connections %ju and %ju", i,
                 s.text, (uintmax_t)s.bytes_in, (uintmax_t)s.bytes_out, (uintmax_t)in[i],
                 (uintmax_t)out[i]);
    }
}

/* The source knows itself what it gave. */
static void check_source(const struct leat_pipeline *p, const struct memio *source)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);
    bool found = false;

    leat_pipeline_stats(p, &stats);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats s = LEAT_INIT(leat_stage_stats);

        leat_pipeline_stage_stats(p, i, &s);
        if (strcmp(s.name, "memsource") != 0)
            continue;
        found = true;
        ASSERT_EQ(s.bytes_out, source->given);
    }
    ASSERT_EQ(found, source->in != NULL);
}

/* Does this build lack a stage of it? */
static bool missing(const struct planted *c)
{
    static const char *const optional[] = {"bzip2", "lz4"};

    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if (strstr(c->text, optional[i]) && codec_missing(optional[i]))
            return true;
    return false;
}

/* `reads`: the text has the source. */
static void run_one(const struct planted *c, uint64_t seed, bool reads)
{
    struct leat_registry *registry = leat_registry_new();
    struct memio source = {.piece = MEMIO_RANDOM, .seed = seed, .in_repeat = 20};
    struct leat_settings settings = {
        .size = sizeof settings, .seed = seed, .chunk = 300, .threads = 1 + seed % 4};
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p;
    char text[TEXT_MAX];
    int code;

    settings.force = true;
    settings.executor = seed % 6 == 5 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
    if (reads)
        source.in = lines(&source.in_len);
    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(memio_register(registry), 0);
    write_text(c->text, &source, text);
    test_context("seed %ju: %s", (uintmax_t)seed, text);
    if (leat_pipeline_from_text(registry, text, &settings, &p, &error) < 0)
        FAIL("%s: %s", error.stage_name, error.text);
    code = leat_pipeline_run(p);
    if (code != c->code)
        FAIL("code %d: %s", code, leat_pipeline_error(p) ? leat_pipeline_error(p)->text : "");
    check_links(p);
    check_source(p, &source);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
}

TEST(test_bytes_out_of_a_stage_are_bytes_into_the_next_also_when_one_ends_early)
{
    unsigned seeds = test_under_sanitizer() ? SEEDS / 10 : SEEDS;

    for (size_t i = 0; i < N_CASES; i++)
        for (uint64_t seed = 0; seed < seeds && !missing(&cases[i]); seed++)
            run_one(&cases[i], seed, true);
}

/* Only the range itself is handed on, not the rest of the frames that it touches. */
TEST(test_bytes_add_up_where_a_range_of_a_file_is_read)
{
    static const struct planted write = {"@S : zstd --seekable=1K : write @F", 0};
    static const struct planted ranges[] = {
        {"read --range=3000:70000 @F : unzstd : null", 0},
        {"read --range=3000:70000 @F : unzstd : grep -v 77 : head -n 5 : null", 0},
        {"read --range=3000:70000 @F : unzstd : gzip : head -c 9 : null", 0},
    };

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_one(&write, seed, true);
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
            run_one(&ranges[i], seed, false);
    }
}

static unsigned workers_of(const struct leat_pipeline *p, const char *name)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);

    leat_pipeline_stats(p, &stats);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats s = LEAT_INIT(leat_stage_stats);

        leat_pipeline_stage_stats(p, i, &s);
        if (strcmp(s.name, name) == 0)
            return s.workers;
    }
    FAIL("no stage %s", name);
}

/* Before the run: the lanes that may be opened. The cutter of lines cuts blocks of 64 KiB. */
TEST(test_the_workers_of_a_stage_are_its_lanes_that_had_a_block)
{
    struct leat_registry *registry = leat_registry_new();
    struct memio source = {.in_repeat = 20};
    struct leat_settings settings = {.size = sizeof settings, .threads = 4};
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p;
    char text[TEXT_MAX];

    source.in = lines(&source.in_len);
    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(memio_register(registry), 0);
    write_text("@S : grep -v 77 : gzip : gunzip : null", &source, text);
    ASSERT_EQ(leat_pipeline_from_text(registry, text, &settings, &p, &error), 0);
    ASSERT_EQ(workers_of(p, "gunzip"), 4);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    ASSERT_EQ(workers_of(p, "grep"), 2);
    ASSERT_EQ(workers_of(p, "gunzip"), 1);
    ASSERT_EQ(workers_of(p, "null"), 1);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
}
