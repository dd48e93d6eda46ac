/* test_codec_levels.c - what we compress, others read: every level, over files of all kinds and
 * sizes around those of the pieces; no larger than gzip's output; the same bytes whatever the
 * number of workers and the chunking. */
#include <malloc.h>
#include <stdlib.h>

#include "codec_same.h"

#define PIECE_LARGE ((size_t)1 << 20)
#define PIECE_TRIED ((size_t)1 << 21)
#define PIECE_SMALL ((size_t)1 << 18)
#define PIECE_ISAL ((size_t)1 << 17)
#define GZIP_LEVELS 9

static const char *const corpora[] = {
    "corpora/a.txt",
    "corpora/aaa.txt",
    "corpora/alice29.txt",
    "corpora/geo.protodata",
    "corpora/html",
    "corpora/pi.txt",
    "corpora/random.txt",
    "corpora/urls.10K",
    "corpora/paper-100k.pdf",
    "corpora/world192.txt",
    "codec/zstd/golden-compression/PR-3517-block-splitter-corruption-test",
    "codec/zstd/golden-compression/http",
    "codec/zstd/golden-compression/huffman-compressed-larger",
    "codec/zstd/golden-compression/large-literal-and-match-lengths",
};

#define N_CORPORA (sizeof(corpora) / sizeof(corpora[0]))

static struct codec_bytes read_corpus(size_t i)
{
    struct codec_bytes b;

    b.data = test_data_read(corpora[i], &b.len);
    return b;
}

static void read_by(const char *command, const struct memio *io, const struct codec_bytes *plain)
{
    struct codec_bytes b = codec_filter(command, io->out, io->out_len);

    ASSERT_BYTES_EQ(b.data, b.len, plain->data, plain->len);
    free(b.data);
}

static void read_by_zlib(const struct memio *io, const struct codec_bytes *plain,
                         enum codec_wrap wrap)
{
    struct codec_bytes b = codec_inflate(io->out, io->out_len, wrap);

    ASSERT_BYTES_EQ(b.data, b.len, plain->data, plain->len);
    free(b.data);
}

static void compress(struct memio *io, const char *stage, const struct codec_bytes *plain,
                     unsigned threads, size_t piece)
{
    *io = (struct memio){
        .in = plain->data, .in_len = plain->len, .piece = piece, .settings = {.threads = threads}};
    test_context("%s of %zu bytes, threads %u, piece %zu", stage, plain->len, threads, piece);
    if (memio_run(io, stage) != 0)
        FAIL("%s", io->error.text);
}

static void all_wraps(const struct codec_bytes *plain, const char *options, size_t n)
{
    static const struct {
        const char *stage;
        enum codec_wrap wrap;
    } wraps[] = {{"gzip", CODEC_GZIP}, {"zlib", CODEC_ZLIB}, {"deflate", CODEC_RAW}};
    struct memio io;
    char text[64];

    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%s %s", wraps[i].stage, options);
        compress(&io, text, plain, 1, 0);
        read_by_zlib(&io, plain, wraps[i].wrap);
        memio_free(&io);
    }
}

/* Levels from 10 are libdeflate's. */
static int level_max(void)
{
    struct memio io;
    int r = codec_run(&io, "gzip -10", "text", 4, 0);

    memio_free(&io);
    return r == LEAT_EUNSUPPORTED ? 9 : 12;
}

TEST(test_zlib_reads_every_level_of_the_corpora)
{
    int most = level_max();
    char options[64];

    for (size_t i = 0; i < N_CORPORA; i++) {
        struct codec_bytes plain = read_corpus(i);

        for (int level = 0; level <= most; level += test_under_sanitizer() ? 3 : 1) {
            if (level >= 10 && (plain.len > 200000 || test_under_sanitizer()))
                continue;
            snprintf(options, sizeof(options), "-%d", level);
            all_wraps(&plain, options, level % 5 == 1 ? 3 : 1);
            if (level > 9)
                continue;
            snprintf(options, sizeof(options), "--backend=zlib -%d", level);
            all_wraps(&plain, options, 1);
        }
        free(plain.data);
    }
}

TEST(test_zlib_reads_all_sizes_around_those_of_pieces)
{
    static const size_t sizes[] = {
        0,
        1,
        2,
        3,
        55,
        63,
        64,
        65,
        4096,
        32767,
        32768,
        32769,
        PIECE_ISAL - 1,
        PIECE_ISAL,
        PIECE_ISAL + 1,
        PIECE_SMALL - 1,
        PIECE_SMALL,
        PIECE_SMALL + 1,
        2 * PIECE_SMALL,
        PIECE_LARGE - 1,
        PIECE_LARGE,
        PIECE_LARGE + 1,
        2 * PIECE_TRIED,
        3 * PIECE_LARGE + 12345,
    };
    static const char *const options[] = {"", "-1", "-0", "-4", "--backend=zlib"};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct codec_bytes kinds[] = {codec_text(sizes[i], i), codec_noise(sizes[i], i),
                                      codec_text(sizes[i], i)};

        memset(kinds[2].data, 0, kinds[2].len);
        for (size_t k = 0; k < 3; k++) {
            for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++)
                all_wraps(&kinds[k], options[o], 3);
            free(kinds[k].data);
        }
    }
}

TEST(test_gzip_pigz_igzip_and_python_read_every_level)
{
    static const char *const tools[][2] = {
        {"gzip", "gzip -dc"},
        {"pigz", "pigz -dc"},
        {"igzip", "igzip -dc"},
        {"python3", "python3 -c 'import sys,gzip;"
                    "sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))'"},
    };
    struct codec_bytes plain = codec_text(3 * PIECE_LARGE + 777, 5);
    char stage[32];
    struct memio io;

    for (size_t i = 0; i < 4; i++) {
        if (!codec_have_tool(tools[i][0])) {
            test_note("%s is not there", tools[i][0]);
            continue;
        }
        for (int level = 0; level <= 9; level += test_under_sanitizer() ? 3 : 1) {
            snprintf(stage, sizeof(stage), "gzip -%d", level);
            compress(&io, stage, &plain, 2, 0);
            read_by(tools[i][1], &io, &plain);
            memio_free(&io);
        }
    }
    free(plain.data);
}

TEST(test_zstd_and_we_read_every_zstd_level)
{
    struct codec_bytes plain = codec_text(2 * PIECE_LARGE + 777, 6);
    static const char *const options[] = {
        "--fast=100", "--fast=3", "--fast", "-1",           "-2",        "-3",  "-4",
        "-5",         "-6",       "-7",     "-8",           "-9",        "-10", "-12",
        "-15",        "-17",      "-19",    "--long=24 -5", "--no-check"};
    bool tool = codec_have_tool("zstd");
    char stage[64];
    struct memio io;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strlen(options[i]) == 3 || test_under_sanitizer())
            plain.len = 300000; /* from level 10 */
        snprintf(stage, sizeof(stage), "zstd %s", options[i]);
        compress(&io, stage, &plain, 2, 0);
        if (tool)
            read_by("zstd -dc", &io, &plain);
        memio_free(&io);
        snprintf(stage, sizeof(stage), "zstd %s : unzstd", options[i]);
        compress(&io, stage, &plain, 2, 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
        memio_free(&io);
    }
    free(plain.data);
}

TEST(test_what_gzip_pigz_and_zstd_compress_we_read)
{
    struct codec_bytes plain = codec_text(PIECE_LARGE + 777, 8);
    static const char *const tools[][3] = {
        {"gzip", "gzip -1", "gunzip"},        {"gzip", "gzip -9 -n", "gunzip"},
        {"pigz", "pigz -p 2 -3", "gunzip"},   {"pigz", "pigz -z", "unzlib"},
        {"pigz", "pigz -i -p 2", "gunzip"},   {"igzip", "igzip -0 -c", "gunzip"},
        {"zstd", "zstd -T2 -1", "unzstd"},    {"zstd", "zstd -19 --no-check", "unzstd"},
        {"zstd", "zstd --long=24", "unzstd"},
    };

    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        struct codec_bytes z;
        struct memio io;

        if (!codec_have_tool(tools[i][0]))
            continue;
        z = codec_filter(tools[i][1], plain.data, plain.len);
        test_context("%s", tools[i][1]);
        if (codec_run(&io, tools[i][2], z.data, z.len, 0) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
        memio_free(&io);
        free(z.data);
    }
    free(plain.data);
}

/* Bytes: each piece has a header and an end, which count in outputs as small as these. */
#define SIZE_GRACE 20u

/* gzip's own figure, within 1 %. */
TEST(test_no_level_is_larger_than_that_of_gzip)
{
    struct memio io;
    char text[32];

    if (!codec_have_tool("gzip"))
        SKIP(1, "gzip is not there");
    for (size_t i = 0; i < N_CORPORA; i++) {
        struct codec_bytes plain = read_corpus(i);

        for (int level = 1; level <= GZIP_LEVELS; level += test_under_sanitizer() ? 4 : 1) {
            struct codec_bytes theirs;

            snprintf(text, sizeof(text), "gzip -%d", level);
            theirs = codec_filter(text, plain.data, plain.len);
            compress(&io, text, &plain, 1, 0);
            test_context("%s of %s: %zu bytes, gzip %zu", text, corpora[i], io.out_len, theirs.len);
            ASSERT_LE(io.out_len * 100, theirs.len * 101 + SIZE_GRACE * 100);
            memio_free(&io);
            free(theirs.data);
        }
        free(plain.data);
    }
}

static void same_whatever(const char *stage, const struct codec_bytes *plain)
{
    static const struct {
        unsigned threads;
        size_t piece, chunk;
    } ways[] = {
        {2, 0, 0},      {4, 65536, 7000}, {3, 1000003, PIECE_LARGE}, {2, MEMIO_RANDOM, 65536},
        {1, 0, 100000},
    };
    struct memio first, io;

    compress(&first, stage, plain, 1, 0);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        io = (struct memio){.in = plain->data,
                            .in_len = plain->len,
                            .piece = ways[i].piece,
                            .seed = i,
                            .settings = {.threads = ways[i].threads, .chunk = ways[i].chunk}};
        test_context("%s of %zu bytes, threads %u, piece %zu, chunk %zu", stage, plain->len,
                     ways[i].threads, ways[i].piece, ways[i].chunk);
        if (memio_run(&io, stage) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, first.out, first.out_len);
        memio_free(&io);
    }
    memio_free(&first);
}

TEST(test_the_bytes_are_the_same_whatever_the_workers_and_the_chunks)
{
    static const char *const stages[] = {"gzip",
                                         "gzip -1",
                                         "gzip -0",
                                         "gzip -4",
                                         "deflate",
                                         "zlib -2",
                                         "gzip --backend=zlib",
                                         "zstd -1",
                                         "zstd --fast=5"};

    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct codec_bytes text = codec_text(4 * PIECE_LARGE, i),
                           odd = {.data = text.data, .len = text.len - 54321};

        same_whatever(stages[i], &text); /* whole pieces and jobs */
        same_whatever(stages[i], &odd);
        free(text.data);
    }
}

#define HELD ((size_t)1 << 18)
#define HELD_EACH 3u

/* A compressor whose bytes depend on an address differs in a few of some thousand runs: each has its
 * memory elsewhere, as what is held (addresses, none of it is touched) fills where it last lay. */
TEST(test_the_bytes_are_the_same_wherever_the_memory_lies)
{
    static const char *const stages[] = {"gzip -1", "gzip -1 --blocks", "gzip", "zstd -1", "lz4"};
    const unsigned runs = test_under_sanitizer() ? 200 : 4000;
    static const char text[] =
        "2026-11-22T10:00 DEBUG worker-0 id=0\n2026-11-22T10:01 INFO worker\n";
    void **held = calloc((size_t)runs * HELD_EACH, sizeof(*held));

    ASSERT_NOT_NULL(held);
    mallopt(M_MMAP_THRESHOLD, HELD / 2);
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct memio first, io;

        if (codec_missing(stages[i]))
            continue;
        ASSERT_EQ(codec_run(&first, stages[i], text, sizeof(text), 0), 0);
        for (unsigned k = 0; k < (i == 0 ? runs : runs / 100); k++) {
            for (unsigned h = k * HELD_EACH; i == 0 && h < (k + 1) * HELD_EACH; h++)
                ASSERT_NOT_NULL(held[h] = malloc(HELD));
            test_context("%s, run %u", stages[i], k);
            ASSERT_EQ(codec_run(&io, stages[i], text, sizeof(text), 0), 0);
            ASSERT_BYTES_EQ(io.out, io.out_len, first.out, first.out_len);
            memio_free(&io);
        }
        memio_free(&first);
    }
    for (size_t k = 0; k < (size_t)runs * HELD_EACH; k++)
        free(held[k]);
    free(held);
}
