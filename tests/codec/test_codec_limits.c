/* test_codec_limits.c - --max-output and --max-ratio of every decoder, and decode --all. */
#include <stdlib.h>

#include "codec_aid.h"

#define RATIO_FREE ((size_t)1 << 20) /* LEAT_EXPANSION_FREE */

struct pair {
    const char *encode, *decode;
};

static const struct pair pairs[] = {
    {"gzip", "gunzip"},
    {"gzip", "gunzip --backend=zlib"},
    {"zlib", "unzlib"},
    {"deflate", "inflate"},
    {"zstd", "unzstd"},
    {"xz -0", "unxz"},
    {"xz -0 --block-size=64K", "unxz"},
    {"lzma -0", "unlzma"},
    {"lzip -0", "unlzip"},
    {"bzip2 -1", "bunzip2"},
    {"lz4 -B4", "unlz4"},
    {"brotli", "unbrotli"},
    {"compress", "uncompress"},
    {"gzip", "decode"},
    {"gzip --blocks", "decode"},
    {"zstd --seekable=64K", "decode"},
    {"bzip2 -1", "decode"},
    {"lz4 -B4", "decode"},
    {"xz -0", "decode"},
    {"zstd : gzip", "decode --all"},
};

#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

/* Runs `check` for every pair of this build, with 1 and 3 threads. */
static void each_pair(const struct codec_bytes *plain,
                      void (*check)(const struct pair *p, const struct codec_bytes *z,
                                    const struct codec_bytes *plain, unsigned threads))
{
    unsigned missing = 0;

    for (size_t i = 0; i < N_PAIRS; i++) {
        struct memio io;
        int r = codec_run(&io, pairs[i].encode, plain->data, plain->len, 0);

        if (r == LEAT_EUNSUPPORTED) {
            missing++;
        } else {
            struct codec_bytes z = {.data = io.out, .len = io.out_len};

            ASSERT_EQ(r, 0);
            check(&pairs[i], &z, plain, 1);
            check(&pairs[i], &z, plain, 3);
        }
        memio_free(&io);
    }
    if (missing)
        SKIP(missing, "built without a library");
}

/* Decodes under this limit, which allows it or does not. */
static void decode(const struct pair *p, const struct codec_bytes *z, unsigned threads,
                   const char *option, uint64_t limit, bool allowed, struct memio *ret_io)
{
    char stages[128];

    snprintf(stages, sizeof(stages), "%s --%s=%llu", p->decode, option, (unsigned long long)limit);
    *ret_io = (struct memio){.in = z->data, .in_len = z->len, .settings = {.threads = threads}};
    test_context("%s : %s, threads %u", p->encode, stages, threads);
    ASSERT_EQ(memio_run(ret_io, stages), allowed ? 0 : LEAT_ELIMIT);
    if (allowed)
        return;
    snprintf(stages, sizeof(stages), "%llu", (unsigned long long)limit);
    ASSERT_STR_HAS(ret_io->error.text, stages);
    ASSERT_STR_HAS(ret_io->error.text, option);
    ASSERT(ret_io->error.has_offset);
    ASSERT_LE(ret_io->error.offset, z->len);
    ASSERT_EQ(leat_exit_status(ret_io->error.code), 7);
}

static void check_output(const struct pair *p, const struct codec_bytes *z,
                         const struct codec_bytes *plain, unsigned threads)
{
    static const uint64_t limits[] = {1, 1000, 299999};
    struct memio io;

    decode(p, z, threads, "max-output", plain->len, true, &io);
    ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
    memio_free(&io);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        decode(p, z, threads, "max-output", limits[i], false, &io);
        ASSERT_LE(io.out_len, limits[i]);
        if (io.out_len > 0)
            ASSERT_MEM_EQ(io.out, plain->data, io.out_len);
        memio_free(&io);
    }
}

TEST(test_output_beyond_max_output_is_an_error)
{
    struct codec_bytes plain = codec_text(300000, 1);

    each_pair(&plain, check_output);
    free(plain.data);
}

static void check_ratio(const struct pair *p, const struct codec_bytes *z,
                        const struct codec_bytes *plain, unsigned threads)
{
    struct memio io;

    ASSERT_GT(plain->len / z->len, 10);
    decode(p, z, threads, "max-ratio", 10, false, &io);
    ASSERT_LT(io.out_len, plain->len);
    memio_free(&io);
    decode(p, z, threads, "max-ratio", plain->len, true, &io);
    ASSERT_EQ(io.out_len, plain->len);
    memio_free(&io);
}

TEST(test_output_of_more_than_max_ratio_is_an_error)
{
    struct codec_bytes plain = {.data = calloc(1, 8000000), .len = 8000000};

    ASSERT_NOT_NULL(plain.data);
    each_pair(&plain, check_ratio);
    free(plain.data);
}

static void check_short(const struct pair *p, const struct codec_bytes *z,
                        const struct codec_bytes *plain, unsigned threads)
{
    struct memio io;

    decode(p, z, threads, "max-ratio", 1, true, &io);
    ASSERT_EQ(io.out_len, plain->len);
    memio_free(&io);
}

TEST(test_the_ratio_of_short_output_does_not_count)
{
    struct codec_bytes plain = {.data = calloc(1, RATIO_FREE), .len = RATIO_FREE};

    ASSERT_NOT_NULL(plain.data);
    each_pair(&plain, check_short);
    free(plain.data);
}

/* --- layers ----------------------------------------------------------------------------------- */

static const char *const wraps[] = {"gzip", "zstd", "gzip -1", "zstd -1", "compress"};

/* The text in so many layers. */
static struct codec_bytes wrap(const struct codec_bytes *plain, unsigned layers)
{
    struct codec_bytes z = {.data = malloc(plain->len), .len = plain->len};

    ASSERT_NOT_NULL(z.data);
    memcpy(z.data, plain->data, plain->len);
    for (unsigned i = 0; i < layers; i++) {
        struct memio io;

        ASSERT_EQ(codec_run(&io, wraps[i % 5], z.data, z.len, 0), 0);
        free(z.data);
        z = (struct codec_bytes){.data = io.out, .len = io.out_len};
    }
    return z;
}

static void unwrap(const struct codec_bytes *z, const char *stage, const struct codec_bytes *plain,
                   struct leat_settings settings, size_t piece)
{
    struct memio io = {.in = z->data, .in_len = z->len, .piece = piece, .settings = settings};

    test_context("%s of %zu bytes, piece %zu, room %zu", stage, z->len, piece, settings.room);
    if (memio_run(&io, stage) != 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
    memio_free(&io);
}

TEST(test_all_layers_are_unwrapped_in_any_chunks)
{
    static const size_t sizes[] = {0, 1, 12, 3000, 200000};

    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct codec_bytes plain = codec_text(sizes[k], 1);

        for (unsigned layers = 0; layers <= 8; layers++) {
            struct codec_bytes z = wrap(&plain, layers);

            unwrap(&z, "decode --all", &plain,
                   (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 1}, 0);
            unwrap(&z, "decode -a", &plain,
                   (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 2},
                   MEMIO_RANDOM);
            if (sizes[k] <= 3000) {
                unwrap(&z, "decode --all", &plain,
                       (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 1},
                       1);
                unwrap(
                    &z, "decode --all", &plain,
                    (struct leat_settings){
                        .size = sizeof(struct leat_settings), .threads = 1, .room = 1, .chunk = 1},
                    1);
            }
            free(z.data);
        }
        free(plain.data);
    }
}

TEST(test_more_layers_than_said_are_an_error)
{
    struct codec_bytes plain = codec_text(3000, 1);

    for (unsigned layers = 1; layers <= 9; layers++) {
        struct codec_bytes z = wrap(&plain, layers);

        for (unsigned depth = 1; depth <= 9; depth++) {
            struct memio io;
            char stage[32];
            int r;

            snprintf(stage, sizeof(stage), "decode --all=%u", depth);
            r = codec_run(&io, stage, z.data, z.len, 0);
            test_context("%s of %u layers", stage, layers);
            ASSERT_EQ(r, layers > depth ? LEAT_ELIMIT : 0);
            if (r == 0)
                ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
            else
                ASSERT_EQ(io.out_len, 0);
            memio_free(&io);
        }
        free(z.data);
    }
    free(plain.data);
}

TEST(test_damage_in_any_layer_is_an_error)
{
    struct codec_bytes plain = codec_text(3000, 1), inner, cut, z;
    struct memio io;

    inner = wrap(&plain, 1);
    for (size_t len = 13; len < inner.len; len += 7) {
        cut = (struct codec_bytes){.data = inner.data, .len = len};
        ASSERT_EQ(codec_run(&io, "zstd", cut.data, cut.len, 0), 0);
        z = (struct codec_bytes){.data = io.out, .len = io.out_len};
        test_context("%zu of %zu bytes in zstd", len, inner.len);
        ASSERT_EQ(codec_run(&io, "decode --all", z.data, z.len, 0), LEAT_ETRUNCATED);
        ASSERT_STR_HAS(io.error.text, "in layer 2, gzip");
        ASSERT_LE(io.error.offset, z.len);
        memio_free(&io);
        free(z.data);
    }
    z = wrap(&plain, 2);
    for (size_t len = 13; len < z.len; len += 7) {
        test_context("%zu of %zu bytes", len, z.len);
        ASSERT_EQ(codec_run(&io, "decode --all", z.data, len, 0), LEAT_ETRUNCATED);
        memio_free(&io);
    }
    free(z.data);
    free(inner.data);
    free(plain.data);
}

TEST(test_strict_refuses_plain_data_only)
{
    struct codec_bytes plain = codec_text(3000, 1), z = wrap(&plain, 2);
    struct memio io;

    ASSERT_EQ(codec_run(&io, "decode --strict", plain.data, plain.len, 0), LEAT_ECORRUPT);
    ASSERT_EQ(io.out_len, 0);
    ASSERT_EQ(codec_run(&io, "decode --strict", "", 0, 0), LEAT_ECORRUPT);
    ASSERT_EQ(codec_run(&io, "decode --strict --all", "\x1f", 1, 0), LEAT_ECORRUPT);
    unwrap(&z, "decode --strict --all", &plain,
           (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 1}, 0);
    free(z.data);
    free(plain.data);
}
