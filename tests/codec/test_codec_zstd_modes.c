/* test_codec_zstd_modes.c - zstd --fast, --ultra, --long, --seekable and --dict: the zstd command and
 * libzstd read what we make, and we read what they make; the bytes are the same whatever the number of
 * workers; and a dictionary takes as much of the limit as libzstd says that it holds. */
#include <stdlib.h>
#include <zdict.h>
#include <zstd.h>

#include "../../transforms/codec/zstd/zstd_memory.h"
#include "../../transforms/codec/zstd/zstd_seekable.h"
#include "codec_aid.h"

#define MIB ((uint64_t)1 << 20)
#define WORKERS_MAX 4u
#define WINDOW_LOG_MAX 27
#define TRAINED_MAX ((size_t)8192)
#define SAMPLE ((size_t)500)

static const struct codec_bytes none;

/* --- libzstd itself --------------------------------------------------------------------------- */

static size_t good(size_t r)
{
    if (ZSTD_isError(r))
        FAIL("libzstd: %s", ZSTD_getErrorName(r));
    return r;
}

static struct codec_bytes library_compress(const struct codec_bytes *plain, int level, int long_log,
                                           const struct codec_bytes *dict)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    struct codec_bytes z = {.len = ZSTD_compressBound(plain->len)};

    ASSERT_NOT_NULL(c);
    z.data = malloc(z.len);
    ASSERT_NOT_NULL(z.data);
    good(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level));
    good(ZSTD_CCtx_setParameter(c, ZSTD_c_enableLongDistanceMatching, long_log > 0));
    good(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, long_log));
    good(ZSTD_CCtx_loadDictionary(c, dict->data, dict->len));
    z.len = good(ZSTD_compress2(c, z.data, z.len, plain->data, plain->len));
    ZSTD_freeCCtx(c);
    return z;
}

/* All frames of it, and nothing else, give this. */
static void library_reads(const struct codec_bytes *z, const struct codec_bytes *dict,
                          const struct codec_bytes *plain)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    uint8_t *back = malloc(plain->len + 1);
    ZSTD_inBuffer from = {z->data, z->len, 0};
    ZSTD_outBuffer to = {back, plain->len + 1, 0};
    size_t left;

    ASSERT_NOT_NULL(d);
    ASSERT_NOT_NULL(back);
    good(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
    good(ZSTD_DCtx_loadDictionary(d, dict->data, dict->len));
    do
        left = good(ZSTD_decompressStream(d, &to, &from));
    while (from.pos < from.size);
    ASSERT_EQ(left, 0);
    ASSERT_BYTES_EQ(back, to.pos, plain->data, plain->len);
    free(back);
    ZSTD_freeDCtx(d);
}

/* --- we, with every number of workers --------------------------------------------------------- */

static struct codec_bytes run(const char *stage, const struct codec_bytes *in, unsigned threads,
                              uint64_t memory)
{
    struct memio io = {
        .in = in->data, .in_len = in->len, .settings = {.threads = threads, .memory = memory}};

    test_context("%s of %zu bytes, threads %u", stage, in->len, threads);
    if (memio_run(&io, stage) != 0)
        FAIL("%s", io.error.text);
    if (strncmp(stage, "zstd", 4) == 0 && threads > 1) /* else there is nothing to compare */
        ASSERT_GE(io.lanes + io.own_threads, 2);
    return (struct codec_bytes){.data = io.out, .len = io.out_len};
}

/* Under ASan: what others make takes the same ways through our code, and they are not looked into. */
static bool only_own(void)
{
    return test_under_sanitizer() && !test_under_tsan();
}

static struct codec_bytes run_all(const char *stage, const struct codec_bytes *plain,
                                  uint64_t memory)
{
    struct codec_bytes first = run(stage, plain, 1, memory);

    for (unsigned threads = only_own() ? WORKERS_MAX : 2; threads <= WORKERS_MAX; threads++) {
        struct codec_bytes z = run(stage, plain, threads, memory);

        ASSERT_BYTES_EQ(z.data, z.len, first.data, first.len);
        free(z.data);
    }
    return first;
}

static void we_read(const char *stage, const struct codec_bytes *z, uint64_t memory,
                    const struct codec_bytes *plain)
{
    for (unsigned threads = 1; threads <= WORKERS_MAX; threads += WORKERS_MAX - 1) {
        struct codec_bytes back = run(stage, z, threads, memory);

        ASSERT_BYTES_EQ(back.data, back.len, plain->data, plain->len);
        free(back.data);
    }
}

static void command_reads(const char *command, const struct codec_bytes *z,
                          const struct codec_bytes *plain)
{
    struct codec_bytes back;

    if (!codec_have_tool("zstd"))
        return;
    test_context("%s of %zu bytes", command, z->len);
    back = codec_filter(command, z->data, z->len);
    ASSERT_BYTES_EQ(back.data, back.len, plain->data, plain->len);
    free(back.data);
}

static void we_read_commands(const char *command, const char *stage, uint64_t memory,
                             const struct codec_bytes *plain)
{
    struct codec_bytes z;

    if (!codec_have_tool("zstd"))
        return;
    z = codec_filter(command, plain->data, plain->len);
    we_read(stage, &z, memory, plain);
    free(z.data);
}

/* --- modes ------------------------------------------------------------------------------------ */

/* A mode: options of the stage, of the command, and of the library. What fits in `memory` makes jobs
 * small, so that there are several. */
struct mode {
    const char *options, *command;
    int level, long_log;
    uint64_t memory;
    size_t len;
};

static const struct mode modes[] = {
    {"--fast", "--fast", -1, 0, 48 * MIB, 3500000},
    {"--fast=50", "--fast=50", -50, 0, 48 * MIB, 3500000},
    {"--fast=2 --seekable=300K", "--fast=2", -2, 0, 64 * MIB, 3500000},
    {"-1 --long=20", "-1 --long=20", 1, 20, 40 * MIB, 3500000},
    {"-1 --long=12", "-1 --long=12", 1, 12, 48 * MIB, 3500000},
    {"-3 --long", "-3 --long", 3, 27, 1024 * MIB, 3500000},
    {"-2 --long=22 --seekable=1M", "-2 --long=22", 2, 22, 128 * MIB, 3500000},
    {"--ultra -20", "--ultra -20", 20, 0, 1024 * MIB, 200000},
    {"--ultra -22 --seekable=50K", "--ultra -22", 22, 0, 256 * MIB, 200000},
    {"--seekable=64K", "-3", 3, 0, 64 * MIB, 1000000},
    {"--seekable=10M -1 --no-check", "-1 --no-check", 1, 0, 256 * MIB, 23000000},
};

static void test_mode(void)
{
    const struct mode *m = test_argument();
    struct codec_bytes plain = codec_text(m->len, 1), empty = {.data = plain.data}, z;
    char stage[128], command[128];

    snprintf(stage, sizeof(stage), "zstd %s", m->options);
    z = run_all(stage, &plain, m->memory);
    command_reads("zstd -dcq", &z, &plain);
    library_reads(&z, &none, &plain);
    we_read("unzstd", &z, 512 * MIB, &plain);
    free(z.data);
    z = run(stage, &empty, 1, m->memory);
    command_reads("zstd -dcq", &z, &empty);
    free(z.data);
    if (only_own()) {
        free(plain.data);
        return;
    }
    snprintf(command, sizeof(command), "zstd -cq %s", m->command);
    we_read_commands(command, "unzstd", 512 * MIB, &plain);
    z = library_compress(&plain, m->level, m->long_log, &none);
    we_read("unzstd", &z, 512 * MIB, &plain);
    free(z.data);
    free(plain.data);
    if (!codec_have_tool("zstd"))
        SKIP(1, "zstd is not there");
}

__attribute__((constructor)) static void register_modes(void)
{
    char name[256];

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        snprintf(name, sizeof(name), "test_zstd_and_libzstd_and_we_read_each_other_with_%s",
                 modes[i].options);
        for (char *p = name; *p; p++)
            if (strchr(" -=", *p))
                *p = '_';
        test_register_with(__FILE__, name, test_mode, &modes[i]);
    }
}

/* The second half repeats the first, which is beyond the window of the level. */
TEST(test_long_finds_what_the_level_does_not)
{
    struct codec_bytes plain = codec_noise(4 * MIB, 3), near, far;

    memcpy(plain.data + 2 * MIB, plain.data, 2 * MIB);
    near = run("zstd -1", &plain, 1, 256 * MIB);
    far = run("zstd -1 --long=22", &plain, 1, 256 * MIB);
    ASSERT_GT(near.len, plain.len);
    ASSERT_LT(far.len, plain.len * 6 / 10);
    free(near.data);
    free(far.data);
    free(plain.data);
}

/* --- dictionaries ----------------------------------------------------------------------------- */

/* A dictionary; the words of its text depend on the seed. */
static struct codec_bytes train(uint64_t seed)
{
    struct codec_bytes text = codec_text(300000, seed), dict = {.data = malloc(TRAINED_MAX)};
    unsigned n = (unsigned)(text.len / SAMPLE);
    size_t *sizes = calloc(n, sizeof(*sizes));

    ASSERT_NOT_NULL(dict.data);
    ASSERT_NOT_NULL(sizes);
    for (unsigned i = 0; i < n; i++)
        sizes[i] = SAMPLE;
    dict.len = ZDICT_trainFromBuffer(dict.data, TRAINED_MAX, text.data, sizes, n);
    if (ZDICT_isError(dict.len))
        FAIL("libzstd: %s", ZDICT_getErrorName(dict.len));
    free(sizes);
    free(text.data);
    return dict;
}

static const char *dict_path(void)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/dict", test_tmp_dir());
    return path;
}

static void with_dictionary(const struct codec_bytes *dict, const char *options, int level,
                            const char *level_option)
{
    struct codec_bytes plain = codec_text(400000, 7), z;
    char stage[640], back[600], command[640];

    codec_write(dict_path(), dict->data, dict->len);
    snprintf(stage, sizeof(stage), "zstd %s --dict=%s", options, dict_path());
    snprintf(back, sizeof(back), "unzstd --dict=%s", dict_path());
    snprintf(command, sizeof(command), "zstd -dcq -D '%s'", dict_path());
    z = run_all(stage, &plain, 512 * MIB);
    command_reads(command, &z, &plain);
    library_reads(&z, dict, &plain);
    we_read(back, &z, 512 * MIB, &plain);
    free(z.data);
    snprintf(command, sizeof(command), "zstd -cq %s -D '%s'", level_option, dict_path());
    we_read_commands(command, back, 512 * MIB, &plain);
    z = library_compress(&plain, level, 0, dict);
    we_read(back, &z, 512 * MIB, &plain);
    free(z.data);
    free(plain.data);
}

TEST(test_zstd_and_libzstd_and_we_read_each_other_with_dictionaries)
{
    static const struct {
        const char *options, *command;
        int level;
    } ways[] = {
        {"", "-3", 3},
        {"--seekable=10K", "-3", 3},
        {"--seekable=200K", "-3", 3},
        {"--fast=5", "--fast=5", -5},
        {"-19", "-19", 19},
        {"-1 --long=20", "-1 --long=20", 1},
        {"--ultra -22 --seekable=16K", "--ultra -22", 22},
    };
    struct codec_bytes dicts[] = {train(5), codec_text(20000, 6), codec_text(3, 6)};

    for (size_t k = 0; k < sizeof(dicts) / sizeof(dicts[0]); k++) {
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
            with_dictionary(&dicts[k], ways[i].options, ways[i].level, ways[i].command);
        free(dicts[k].data);
    }
}

static void expect_failure(const char *options, const struct codec_bytes *in, const char *says)
{
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct memio io = {.in = in->data, .in_len = in->len, .settings = {.threads = threads}};

        test_context("%s, threads %u", options, threads);
        ASSERT_EQ(memio_run(&io, options), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, says);
        memio_free(&io);
    }
}

TEST(test_another_dictionary_none_and_a_damaged_one_are_refused)
{
    struct codec_bytes dict = train(5), other = train(77), plain = codec_text(9000, 7), z;
    char text[600];

    codec_write(dict_path(), dict.data, dict.len);
    snprintf(text, sizeof(text), "zstd --seekable=1K --dict=%s", dict_path());
    z = run(text, &plain, 2, 0);
    expect_failure("unzstd", &z, "needs the dictionary with ID");
    expect_failure("decode", &z, "needs the dictionary with ID");
    codec_write(dict_path(), other.data, other.len);
    snprintf(text, sizeof(text), "unzstd --dict=%s", dict_path());
    expect_failure(text, &z, "needs a different dictionary");
    codec_write(dict_path(), dict.data, 40);
    expect_failure(text, &z, "not a complete zstd dictionary");
    snprintf(text, sizeof(text), "zstd --dict=%s", dict_path());
    expect_failure(text, &plain, "not a complete zstd dictionary");
    free(z.data);
    free(dict.data);
    free(other.data);
    free(plain.data);
}

/* --- the memory of dictionaries --------------------------------------------------------------- */

static uint64_t peak_of(const char *stage, const struct codec_bytes *in)
{
    struct memio io = {
        .in = in->data, .in_len = in->len, .settings = {.threads = 1, .memory = 1024 * MIB}};

    test_context("%s", stage);
    if (memio_run(&io, stage) != 0)
        FAIL("%s", io.error.text);
    memio_free(&io);
    return io.stats.memory_peak;
}

static uint64_t library_holds(const struct codec_bytes *dict, int level)
{
    ZSTD_CDict *c = ZSTD_createCDict(dict->data, dict->len, level);
    uint64_t n = ZSTD_sizeof_CDict(c);

    ASSERT_NOT_NULL(c);
    ZSTD_freeCDict(c);
    return n;
}

/* With --dict the stage holds the file, and what the library makes of it. */
static void expect_held(const char *with, const char *without, const struct codec_bytes *in,
                        uint64_t library, const struct codec_bytes *dict)
{
    uint64_t held = peak_of(with, in) - peak_of(without, in);

    ASSERT_GE(held, library + dict->len);
    ASSERT_LE(held, library + dict->len + 256);
}

TEST(test_a_dictionary_counts_with_what_libzstd_makes_of_it)
{
    static const struct {
        const char *options;
        int level;
    } ways[] = {{"", 3}, {"-1", 1}, {"--fast=9", -9}, {"-19", 19}};
    struct codec_bytes dict = codec_text(MIB, 6), plain = codec_text(2000, 7), z;
    char with[640], without[64];
    ZSTD_DDict *d;

    codec_write(dict_path(), dict.data, dict.len);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        snprintf(without, sizeof(without), "zstd %s", ways[i].options);
        snprintf(with, sizeof(with), "%s --dict=%s", without, dict_path());
        expect_held(with, without, &plain, library_holds(&dict, ways[i].level), &dict);
    }
    free(plain.data);
    plain = codec_noise(4 * MIB, 1); /* its window is more than what reading the file takes */
    z = library_compress(&plain, 1, 23, &none);
    d = ZSTD_createDDict(dict.data, dict.len);
    ASSERT_NOT_NULL(d);
    snprintf(with, sizeof(with), "unzstd --dict=%s", dict_path());
    expect_held(with, "unzstd", &z, ZSTD_sizeof_DDict(d), &dict);
    ZSTD_freeDDict(d);
    free(z.data);
    free(dict.data);
    free(plain.data);
}

/* The tables are as large for zeros as for other data, and sooner filled. */
TEST(test_a_frame_with_a_dictionary_takes_no_more_than_was_counted)
{
    static const int levels[] = {-5, 1, 3, 9, 16, 19, 21, 22};
    static const size_t sizes[] = {1024, 65537, 2097152, 2097153}, lens[] = {0, 9000, 300000};
    uint8_t *zeros = calloc(1, 2097153), *made = malloc(ZSTD_compressBound(2097153));

    ASSERT_NOT_NULL(zeros);
    ASSERT_NOT_NULL(made);
    for (size_t n = 0; n < 8 * 4 * 3; n++) {
        int level = levels[n / 12];
        size_t size = sizes[n / 3 % 4], len = lens[n % 3];
        uint64_t need = leat_zstd_memory_need(level, 0, 0, 0);
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CDict *d = ZSTD_createCDict(zeros, len, level);

        ASSERT_NOT_NULL(c);
        ASSERT_NOT_NULL(d);
        test_context("level %d, a frame of %zu bytes, a dictionary of %zu", level, size, len);
        good(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level));
        good(ZSTD_CCtx_refCDict(c, d));
        good(ZSTD_compress2(c, made, ZSTD_compressBound(size), zeros, size));
        ASSERT_LE(ZSTD_sizeof_CCtx(c), leat_zstd_seekable_need(need, size + len));
        ZSTD_freeCDict(d);
        ZSTD_freeCCtx(c);
    }
    free(made);
    free(zeros);
}
