/* test_codec_more.c - xz, lzma, lzip, bzip2, lz4, brotli and compress: round trips under every
 * chunking, damage, and what follows a stream. */
#include <stdlib.h>

#include "codec_aid.h"

/* A format: how it is made, and how it is read. */
struct format {
    const char *encode, *decode;
};

static const struct format formats[] = {
    {"xz", "unxz"},
    {"xz -0 --check=crc32", "unxz"},
    {"xz -0 --check=sha256", "unxz"},
    {"xz -0 --block-size=4K", "unxz"},
    {"xz -0", "decode"},
    {"xz -0 --check=none", "unxz"},
    {"lzma -0", "unlzma"},
    {"lzma -0", "decode"},
    {"lzip -0", "unlzip"},
    {"lzip -0", "decode"},
    {"bzip2", "bunzip2"},
    {"bzip2 -1", "bunzip2"},
    {"bzip2", "decode"},
    {"lz4", "unlz4"},
    {"lz4 -9 -B4D", "unlz4"},
    {"lz4 -BX --no-frame-crc", "unlz4"},
    {"lz4", "decode"},
    {"lz4 --no-frame-crc", "unlz4"},
    {"brotli", "unbrotli"},
    {"brotli -11 --lgwin=18", "unbrotli"},
    {"brotli -0", "unbrotli"},
    {"brotli -1 --lgwin=16", "unbrotli"},
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static bool in_this_build(const char *stage)
{
    struct memio io;
    int r = codec_run(&io, stage, "", 0, 0);

    memio_free(&io);
    return r != LEAT_EUNSUPPORTED;
}

static struct codec_bytes encode(const char *stages, const struct codec_bytes *plain)
{
    struct memio io;

    test_context("%s of %zu bytes", stages, plain->len);
    if (codec_run(&io, stages, plain->data, plain->len, 0) != 0)
        FAIL("%s", io.error.text);
    return (struct codec_bytes){.data = io.out, .len = io.out_len};
}

/* Runs `check` for every format of this build. */
static void each_format(void (*check)(const struct format *f))
{
    unsigned missing = 0;

    for (size_t i = 0; i < N_FORMATS; i++) {
        if (in_this_build(formats[i].encode))
            check(&formats[i]);
        else
            missing++;
    }
    if (missing)
        SKIP(missing, "built without a library");
}

/* --- round trips ------------------------------------------------------------------------------ */

static void round_trip(const char *text, const struct codec_bytes *plain,
                       struct leat_settings settings, size_t piece)
{
    struct memio io = {
        .in = plain->data, .in_len = plain->len, .piece = piece, .settings = settings};

    test_context("%s of %zu bytes, chunk %zu, room %zu, piece %zu, threads %u, seed %llu", text,
                 plain->len, settings.chunk, settings.room, piece, settings.threads,
                 (unsigned long long)settings.seed);
    if (memio_run(&io, text) != 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
    ASSERT_LE(io.stats.memory_peak, io.stats.memory_limit);
    memio_free(&io);
}

static void round_trips(const char *text, const struct codec_bytes *plain)
{
    static const size_t chunks[] = {1, 7, 4095, 0};
    bool is_long =
        plain->len > 20000; /* steps of a byte are those of a short one, a hundred times */

    for (size_t i = 0; i < 4; i++) {
        if (is_long && chunks[i] < 100)
            continue;
        round_trip(text, plain,
                   (struct leat_settings){
                       .size = sizeof(struct leat_settings), .threads = 3, .chunk = chunks[i]},
                   0);
        if (!test_under_tsan()) /* what it looks for is between threads */
            round_trip(text, plain,
                       (struct leat_settings){
                           .size = sizeof(struct leat_settings), .threads = 1, .chunk = chunks[i]},
                       0);
    }
    if (test_under_tsan()) {
        round_trip(text, plain,
                   (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 2},
                   MEMIO_RANDOM);
        return;
    }
    round_trip(text, plain,
               (struct leat_settings){
                   .size = sizeof(struct leat_settings), .threads = 1, .room = is_long ? 211 : 1},
               0);
    round_trip(text, plain,
               (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 2},
               MEMIO_RANDOM);
    for (uint64_t seed = 1; seed <= (is_long ? 2 : test_under_sanitizer() ? 3 : 8); seed++)
        round_trip(text, plain,
                   (struct leat_settings){.size = sizeof(struct leat_settings),
                                          .threads = 2,
                                          .executor = LEAT_EXECUTOR_SEEDED,
                                          .seed = seed},
                   MEMIO_RANDOM);
}

static void round_trips_of(const struct format *f)
{
    /* The slowest encoder gets as many blocks from fewer bytes. */
    const size_t sizes[] = {0, 1, 5000, strstr(f->encode, "-11") ? 70000 : 300000};
    char text[128];

    snprintf(text, sizeof(text), "%s : %s", f->encode, f->decode);
    for (size_t i = 0; i < 4; i++) {
        struct codec_bytes t = codec_text(sizes[i], 1), n = codec_noise(sizes[i], 2);

        round_trips(text, &t);
        round_trip(text, &n,
                   (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 2}, 0);
        free(t.data);
        free(n.data);
    }
}

TEST(test_round_trips_of_every_format_in_any_chunks)
{
    each_format(round_trips_of);
}

static const struct format lzw = {"compress", "uncompress"};

TEST(test_round_trips_of_compress_in_any_chunks)
{
    struct codec_bytes zeros = {.data = calloc(1, 3000000), .len = 3000000};

    round_trips_of(&lzw);
    ASSERT_NOT_NULL(zeros.data); /* strings of thousands of bytes */
    round_trip(
        "compress : uncompress", &zeros,
        (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 1, .room = 77}, 0);
    round_trip(
        "compress : decode", &zeros,
        (struct leat_settings){.size = sizeof(struct leat_settings), .threads = 1, .chunk = 500},
        7);
    free(zeros.data);
}

/* --- damage ----------------------------------------------------------------------------------- */

/* A .Z file has no end mark: only a cut within a code is seen. */
TEST(test_truncation_within_a_code_is_an_error)
{
    struct codec_bytes text = codec_text(5000, 1), z = encode("compress", &text);
    unsigned errors = 0;
    struct memio io;

    for (size_t len = 0; len < z.len; len += test_under_sanitizer() ? 7 : 1) {
        int r = codec_run(&io, "uncompress", z.data, len, 0);

        test_context("compress, %zu of %zu bytes", len, z.len);
        if (r != 0)
            ASSERT_EQ(r, LEAT_ETRUNCATED);
        errors += r != 0;
        ASSERT_LE(io.out_len, text.len);
        if (io.out_len > 0)
            ASSERT_MEM_EQ(io.out, text.data, io.out_len);
        memio_free(&io);
    }
    ASSERT_GE(errors, z.len / (test_under_sanitizer() ? 14 : 2));
    free(text.data);
    free(z.data);
}

/* Several streams, members or frames in a file: the header of the second one is damaged. */
TEST(test_a_damaged_later_header_is_an_error)
{
    static const struct format several[] = {
        {"bzip2 -1", "bunzip2"},
        {"lzip -0", "unlzip"},
        {"lz4", "unlz4"},
        {"xz -0", "unxz"},
    };
    struct codec_bytes plain = codec_text(2000, 1);
    unsigned missing = 0;
    struct memio io;

    for (size_t i = 0; i < 4; i++) {
        struct codec_bytes z, two;

        if (!in_this_build(several[i].encode)) {
            missing++;
            continue;
        }
        z = encode(several[i].encode, &plain);
        two = (struct codec_bytes){.data = malloc(2 * z.len), .len = 2 * z.len};
        ASSERT_NOT_NULL(two.data);
        memcpy(two.data, z.data, z.len);
        memcpy(two.data + z.len, z.data, z.len);
        test_context("%s twice", several[i].encode);
        ASSERT_EQ(codec_run(&io, several[i].decode, two.data, two.len, 0), 0);
        ASSERT_EQ(io.out_len, 2 * plain.len);
        memio_free(&io);
        for (size_t at = 0; at < 4; at++) {
            for (unsigned flip = 1; flip < 256; flip += test_under_sanitizer() ? 23 : 1) {
                int r;

                test_context("%s twice, byte %zu of the second ^ 0x%02x", several[i].encode, at,
                             flip);
                two.data[z.len + at] ^= (uint8_t)flip;
                r = codec_run(&io, several[i].decode, two.data, two.len, 3);
                two.data[z.len + at] ^= (uint8_t)flip;
                if (r == 0) /* a level that is as good */
                    ASSERT_EQ(io.out_len, 2 * plain.len);
                memio_free(&io);
            }
            test_context("%s twice, %zu bytes of the second", several[i].encode, at);
            ASSERT_EQ(codec_run(&io, several[i].decode, two.data, z.len + at, 3),
                      at == 0 ? 0 : LEAT_ETRUNCATED);
            memio_free(&io);
        }
        free(two.data);
        free(z.data);
    }
    free(plain.data);
    if (missing)
        SKIP(missing, "built without a library");
}

static void same_in_pieces(const struct format *f)
{
    static const size_t pieces[] = {1000, 262143, 262145, MEMIO_RANDOM};
    struct codec_bytes plain = codec_text(strchr(f->encode, '-') ? 530000 : 60000, 3),
                       z = encode(f->encode, &plain);
    struct memio io;

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        ASSERT_EQ(codec_run(&io, f->encode, plain.data, plain.len, pieces[i]), 0);
        test_context("%s, piece %zu", f->encode, pieces[i]);
        ASSERT_BYTES_EQ(io.out, io.out_len, z.data, z.len);
        memio_free(&io);
    }
    free(plain.data);
    free(z.data);
}

TEST(test_what_is_made_does_not_depend_on_the_pieces_of_the_input)
{
    each_format(same_in_pieces);
}

/* --- what follows, and limits ----------------------------------------------------------------- */

static int run_with(const char *stages, const struct codec_bytes *z, const char *after, size_t n,
                    unsigned threads, struct memio *io)
{
    uint8_t *data = malloc(z->len + n);
    int r;

    ASSERT_NOT_NULL(data);
    memcpy(data, z->data, z->len);
    memcpy(data + z->len, after, n);
    *io = (struct memio){.in = data, .in_len = z->len + n, .settings = {.threads = threads}};
    test_context("%s, then %zu bytes, threads %u", stages, n, threads);
    r = memio_run(io, stages);
    io->in = NULL;
    free(data);
    return r;
}

static void garbage_after(const struct format *f)
{
    bool passed = strcmp(f->encode, "lzip -0") == 0;
    struct codec_bytes plain = codec_text(2000, 1), z = encode(f->encode, &plain);

    for (unsigned threads = 1; threads <= 3; threads += 2) {
        for (size_t n = 4; n <= 15; n += 11) {
            struct memio io;
            int r = run_with(f->decode, &z, "garbage garbage", n, threads, &io);

            ASSERT_EQ(r, passed ? 0 : LEAT_ECORRUPT);
            ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
            if (!passed)
                ASSERT_EQ(io.error.offset, z.len);
            memio_free(&io);
        }
    }
    free(plain.data);
    free(z.data);
}

TEST(test_what_follows_a_stream_is_an_error_where_it_begins_but_with_lzip)
{
    each_format(garbage_after);
}

static void garbage_alone(const struct format *f)
{
    static uint8_t none[1];
    const struct codec_bytes nothing = {.data = none};
    bool known = strcmp(f->decode, "decode") != 0 && strcmp(f->decode, "unbrotli") != 0;

    for (unsigned threads = 1; known && threads <= 3; threads += 2) {
        for (size_t n = 4; n <= 15; n++) {
            struct memio io;

            ASSERT_EQ(run_with(f->decode, &nothing, "garbage garbage", n, threads, &io),
                      LEAT_ECORRUPT);
            ASSERT_STR_HAS(io.error.text, "not in ");
            ASSERT(io.error.has_offset);
            ASSERT_EQ(io.error.offset, 0);
            memio_free(&io);
        }
    }
}

TEST(test_what_is_of_no_format_is_an_error_at_its_first_byte)
{
    each_format(garbage_alone);
}

/* Bytes after an xz stream: the expected code, and the distance of its offset from the end of the stream. */
TEST(test_xz_streams_may_have_padding)
{
    static const struct {
        const char *bytes;
        size_t len, at;
        int code;
    } after[] = {
        {"\0\0\0\0\0\0\0", 7, 7, LEAT_ECORRUPT},
        {"\0\0\0\0\0\0\0\0", 8, 0, 0},
        {"\0\0\0\0garbage", 11, 4, LEAT_ECORRUPT},
        {"\0\0\xfd"
         "7zXZ\0",
         8, 2, LEAT_ECORRUPT},
        {"\xfd"
         "7zXY\0",
         6, 0, LEAT_ECORRUPT},
        {"\xfd"
         "7zX",
         4, 4, LEAT_ETRUNCATED},
        {"\0\0\0\0\xfd"
         "7zXZ\0\0\4",
         12, 12, LEAT_ETRUNCATED},
    };
    struct codec_bytes plain = codec_text(2000, 1), z;
    struct memio io;

    if (!in_this_build("xz"))
        SKIP(1, "built without liblzma");
    z = encode("xz -0", &plain);
    for (size_t i = 0; i < 2 * sizeof(after) / sizeof(after[0]); i++) {
        int code = after[i / 2].code;

        ASSERT_EQ(run_with("unxz", &z, after[i / 2].bytes, after[i / 2].len, 1 + i % 2, &io), code);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
        if (code != 0)
            ASSERT_EQ(io.error.offset, z.len + after[i / 2].at);
        memio_free(&io);
    }
    free(plain.data);
    free(z.data);
}

TEST(test_a_dictionary_that_does_not_fit_is_named_with_both_figures)
{
    static const struct format large[] = {
        {"xz -8", "unxz"},
        {"lzip -9", "unlzip"},
        {"lzma -8", "unlzma"},
    };
    struct codec_bytes plain = codec_text(2000, 1);

    if (!in_this_build("xz"))
        SKIP(1, "built without liblzma");
    for (size_t i = 0; i < 3; i++) {
        for (unsigned threads = 1; threads <= 3; threads += 2) {
            struct memio io = {.in = plain.data,
                               .in_len = plain.len,
                               .settings = {.threads = 1, .memory = (uint64_t)4 << 30}};
            struct memio back;

            test_context("%s, threads %u", large[i].encode, threads);
            ASSERT_EQ(memio_run(&io, large[i].encode), 0);
            back = (struct memio){.in = io.out,
                                  .in_len = io.out_len,
                                  .settings = {.threads = threads, .memory = 16 << 20}};
            ASSERT_EQ(memio_run(&back, large[i].decode), LEAT_ELIMIT);
            ASSERT_STR_HAS(back.error.text, "limit of 16777216");
            ASSERT_STR_HAS(back.error.text, "needs 3"); /* 32 MiB and something */
            memio_free(&back);
            back.settings.memory = 64 << 20;
            ASSERT_EQ(memio_run(&back, large[i].decode), 0);
            ASSERT_BYTES_EQ(back.out, back.out_len, plain.data, plain.len);
            memio_free(&back);
            memio_free(&io);
        }
    }
    free(plain.data);
}

/* 8 threads and room for two encoders. How many fit is known before the first byte: a high level, which
 * has large blocks and is slow, needs few bytes to show it. */
TEST(test_xz_takes_as_many_workers_as_fit)
{
    struct codec_bytes text = codec_text(3000000, 1), plain = text;
    struct memio io;

    if (!in_this_build("xz"))
        SKIP(1, "built without liblzma");
    for (unsigned level = 0; level <= 6; level++) {
        char stages[64];

        plain.len = level < 2 ? text.len : 300000;
        snprintf(stages, sizeof(stages), "xz -%u : unxz", level);
        io = (struct memio){.in = plain.data, .in_len = plain.len, .settings = {.threads = 8}};
        test_context("%s", stages);
        if (memio_run(&io, stages) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
        ASSERT_LE(io.stats.memory_peak, io.stats.memory_limit);
        memio_free(&io);
    }
    free(text.data);
}

static struct codec_bytes encode_in(const char *stage, const struct codec_bytes *plain,
                                    unsigned threads)
{
    struct memio io = {.in = plain->data,
                       .in_len = plain->len,
                       .settings = {.threads = threads, .memory = 20 << 20}};

    test_context("%s, threads %u", stage, threads);
    if (memio_run(&io, stage) != 0)
        FAIL("%s", io.error.text);
    ASSERT_LE(io.stats.memory_peak, io.stats.memory_limit);
    return (struct codec_bytes){.data = io.out, .len = io.out_len};
}

/* There is memory for one lane, or for a few. */
TEST(test_more_threads_than_fit_change_nothing)
{
    static const char *const encoders[] = {
        "gzip -9",  "gzip --blocks", "zstd -1 --seekable=256K", "xz -0", "lzip -0", "lz4", "bzip2",
        "bzip2 -5", "bzip2 -1",
    };
    struct codec_bytes plain = codec_text(3000000, 1);
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof(encoders) / sizeof(encoders[0]); i++) {
        struct codec_bytes one, many;

        if (!in_this_build(encoders[i])) {
            missing++;
            continue;
        }
        one = encode_in(encoders[i], &plain, 1);
        many = encode_in(encoders[i], &plain, 32);
        ASSERT_BYTES_EQ(many.data, many.len, one.data, one.len);
        free(one.data);
        free(many.data);
    }
    free(plain.data);
    if (missing)
        SKIP(missing, "built without a library");
}

/* "hello hello hello" with a window of 32 MiB, and a length of the stream that ends too early. */
TEST(test_brotli_streams_with_a_large_window_are_decoded)
{
    static const char text[] = "hello hello hello",
                      stream[] = "\x11\x19\x20\0\x02hello hello hello\x03";
    struct memio io;

    if (!in_this_build("unbrotli"))
        SKIP(1, "built without a library");
    for (size_t piece = 0; piece < 6; piece++) {
        if (codec_run(&io, "unbrotli", stream, sizeof(stream) - 1, piece) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, text, sizeof(text) - 1);
        memio_free(&io);
        ASSERT_EQ(codec_run(&io, "unbrotli", stream, sizeof(stream) - 2, piece), LEAT_ETRUNCATED);
        memio_free(&io);
    }
}

/* A frame without content, between two skippable ones, and one that needs a dictionary. */
TEST(test_lz4_frames_of_other_kinds)
{
    static const char skippable[] = "\x50\x2a\x4d\x18\x03\0\0\0abc"
                                    "\x04\x22\x4d\x18\x60\x40\x82\0\0\0\0"
                                    "\x5f\x2a\x4d\x18\0\0\0";
    static const char dictionary[] = "\x04\x22\x4d\x18\x61\x40\x01\x02\x03\x04\x05\x06\x07";
    struct memio io;

    if (!in_this_build("lz4"))
        SKIP(1, "built without liblz4");
    for (size_t piece = 0; piece < 5; piece++) {
        ASSERT_EQ(codec_run(&io, "unlz4", skippable, sizeof(skippable), piece), 0);
        ASSERT_EQ(io.out_len, 0);
        memio_free(&io);
        ASSERT_EQ(codec_run(&io, "unlz4", skippable, sizeof(skippable) - 1, piece),
                  LEAT_ETRUNCATED);
        memio_free(&io);
        ASSERT_EQ(codec_run(&io, "unlz4", dictionary, sizeof(dictionary), piece), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, "dictionary");
        memio_free(&io);
    }
}

TEST(test_options_of_lz4_are_checked)
{
    struct memio io;

    if (!in_this_build("lz4"))
        SKIP(1, "built without liblz4");
    ASSERT_EQ(codec_run(&io, "lz4 -B8", "a", 1, 0), LEAT_EUSAGE);
    memio_free(&io);
    ASSERT_EQ(codec_run(&io, "lz4 -B4 -BD -BX -12", "a", 1, 0), 0);
    memio_free(&io);
    ASSERT_EQ(codec_run(&io, "lz4 --fast=5", "a", 1, 0), 0);
    memio_free(&io);
}
