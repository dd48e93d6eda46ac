/* test_codec_flush.c - compressors at flush marks: what came before one can be decompressed by the
 * libraries themselves, and the stream goes on. */
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "flush_aid.h"

/* Each of these obeys the marks: what the decoder has got by then is all that came before. */
TEST(test_a_mark_keeps_its_place_through_codecs)
{
    static const char *const stages[] = {
        "gzip : gunzip",  "gzip -1 : gunzip",     "gzip --backend=zlib : gunzip",
        "zlib : unzlib",  "deflate -9 : inflate", "gzip -0 : gunzip",
        "zstd : unzstd",  "zstd --fast : unzstd", "zstd --seekable=1K : decode",
        "gzip : decode ",
    };

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        flush_keeps_place(stages[i], i % 2 ? 1000 : 4096);
}

/* What zlib makes of the beginning of a stream. Returns bytes. */
static size_t inflate_some(const uint8_t *data, size_t len, int window_bits, uint8_t *to,
                           size_t room)
{
    z_stream z = {.next_in = data, .avail_in = (uInt)len, .next_out = to, .avail_out = (uInt)room};
    int r;

    ASSERT_EQ(inflateInit2(&z, window_bits), Z_OK);
    do {
        r = inflate(&z, Z_SYNC_FLUSH);
        if (r == Z_STREAM_END && z.avail_in > 0) /* BGZF: members */
            r = inflateReset(&z);
    } while (r == Z_OK && z.avail_in > 0);
    ASSERT(r == Z_OK || r == Z_BUF_ERROR || r == Z_STREAM_END);
    inflateEnd(&z);
    return room - z.avail_out;
}

static size_t unzstd_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer from = {data, len, 0};
    ZSTD_outBuffer out = {to, room, 0};

    ASSERT_NOT_NULL(d);
    while (from.pos < len)
        ASSERT(!ZSTD_isError(ZSTD_decompressStream(d, &out, &from)));
    ZSTD_freeDCtx(d);
    return out.pos;
}

static size_t decode_some(const char *stage, const uint8_t *data, size_t len, uint8_t *to,
                          size_t room)
{
    if (strncmp(stage, "zstd", 4) == 0)
        return unzstd_some(data, len, to, room);
    return inflate_some(data, len,
                        strncmp(stage, "gzip", 4) == 0   ? CODEC_GZIP
                        : strncmp(stage, "zlib", 4) == 0 ? CODEC_ZLIB
                                                         : CODEC_RAW,
                        to, room);
}

/* While the source pauses, all that it has given is there. */
static void comes_out(const char *stage, const char *flush, const struct codec_bytes *in,
                      uint64_t seed)
{
    struct flush_watch w = flush_with_pauses(in, 5, seed);
    uint8_t *to = malloc(in->len + 1);
    char text[256];

    ASSERT_NOT_NULL(to);
    snprintf(text, sizeof text, "burst @ : %s : %s : memsink @", flush, stage);
    test_context("%s, seed %d", text, (int)seed);
    ASSERT_EQ(flush_run(&w, text), 0);
    for (size_t i = 0; i < w.n_bursts; i++) {
        size_t expected = flush_burst_end(&w, i);
        size_t n = decode_some(stage, w.io.out, w.seen[i], to, in->len + 1);

        ASSERT_BYTES_EQ(to, n, in->data, expected);
    }
    ASSERT_BYTES_EQ(to, decode_some(stage, w.io.out, w.io.out_len, to, in->len + 1), in->data,
                    in->len);
    memio_free(&w.io);
    free(to);
}

TEST(test_what_came_before_a_mark_can_be_decompressed)
{
    static const char *const stages[] = {
        "gzip",    "gzip -1", "gzip -9", "gzip --backend=zlib", "gzip --blocks", "zlib", "zlib",
        "deflate", "zstd -1", "zstd",    "zstd --seekable=2K",  "zstd -19",
    };
    struct codec_bytes small = codec_text(5003, 1), large = codec_text((size_t)6 << 20, 2);

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        for (uint64_t seed = 0; seed < 8; seed++) {
            comes_out(stages[i], "flush", &small, seed);
            comes_out(stages[i], "flush --time=1s", &small, seed);
        }
        if (!test_under_sanitizer() && strcmp(stages[i], "zstd -19") != 0)
            comes_out(stages[i], "flush --time=1s", &large, i);
    }
    free(small.data);
    free(large.data);
}

/* Without marks it does not, or this file would test nothing. */
TEST(test_a_compressor_holds_its_input_back_otherwise)
{
    struct codec_bytes in = codec_text(5003, 1);
    struct flush_watch w = flush_with_pauses(&in, 2, 1);
    uint8_t to[1];

    ASSERT_EQ(flush_run(&w, "burst @ : zstd : memsink @"), 0);
    ASSERT_EQ(unzstd_some(w.io.out, w.seen[0], to, sizeof to), 0);
    memio_free(&w.io);
    free(in.data);
}

TEST(test_marks_keep_their_place_through_codecs_on_all_threads)
{
    static const char *const stages[] = {"gzip : gunzip", "zstd : unzstd", "gzip --blocks : gunzip",
                                         "zstd --seekable=1K : unzstd"};
    struct codec_bytes in = codec_text((size_t)1 << 20, 9);

    in.data[in.len - 1] = '\n';
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        for (unsigned threads = 2; threads <= 4; threads++) {
            struct flush_watch w = {.io = {.in = in.data, .in_len = in.len, .piece = MEMIO_RANDOM}};
            char text[256];

            snprintf(text, sizeof text, "memsource @ : flush --bytes=1K : %s : marks @ : memsink @",
                     stages[i]);
            test_context("%s, %u threads", text, threads);
            w.io.settings.executor = LEAT_EXECUTOR_POOL;
            w.io.settings.threads = threads;
            ASSERT_EQ(flush_run(&w, text), 0);
            ASSERT_BYTES_EQ(w.io.out, w.io.out_len, in.data, in.len);
            if (i < 2)
                flush_check_marks(&w, 1024);
            ASSERT_GT(w.n_marks, 0);
            memio_free(&w.io);
        }
    free(in.data);
}
