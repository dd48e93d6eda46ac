/* test_codec_flush.c - compressors at flush marks: what came before one can be decompressed by the
 * libraries themselves, and the stream goes on. */
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_BZ2
#include <bzlib.h>
#endif
#if HAVE_LZ4
#include <lz4frame.h>
#endif
#if HAVE_BROTLI
#include <brotli/decode.h>
#endif

#include "flush_aid.h"

/* Each of these obeys the marks: what the decoder has got by then is all that came before. */
TEST(test_a_mark_keeps_its_place_through_codecs)
{
    static const char *const stages[] = {
        "gzip : gunzip",           "gzip -1 : gunzip",     "gzip --backend=zlib : gunzip",
        "zlib : unzlib",           "deflate -9 : inflate", "gzip -0 : gunzip",
        "zstd : unzstd",           "zstd --fast : unzstd", "zstd --seekable=1K : decode",
        "gzip : decode ",          "xz -0 : unxz",         "lzip -0 : unlzip",
        "bzip2 -1 : decode --all", "lz4 : decode --all",   "brotli : unbrotli",
        "bzip2 -1 : bunzip2",      "lz4 : unlz4",          "gzip --blocks : decode",
        "bzip2 -1 : decode",       "lz4 : decode",         "zstd : decode",
    };

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        flush_keeps_place(stages[i], i % 2 ? 1000 : 4096);
}

/* Decodes the beginning of a stream with zlib. Returns the number of bytes. */
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

static size_t gunzip_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    return inflate_some(data, len, CODEC_GZIP, to, room);
}

static size_t unzlib_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    return inflate_some(data, len, CODEC_ZLIB, to, room);
}

static size_t undeflate_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    return inflate_some(data, len, CODEC_RAW, to, room);
}

#if HAVE_LZMA
static size_t lzma_some(lzma_stream *z, const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    lzma_ret r = LZMA_OK;

    z->next_in = data;
    z->avail_in = len;
    z->next_out = to;
    z->avail_out = room;
    while (r == LZMA_OK && z->avail_in > 0)
        r = lzma_code(z, LZMA_RUN);
    ASSERT(r == LZMA_OK || r == LZMA_STREAM_END);
    lzma_end(z);
    return room - z->avail_out;
}

static size_t unxz_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    lzma_stream z = LZMA_STREAM_INIT;

    ASSERT_EQ(lzma_stream_decoder(&z, UINT64_MAX, LZMA_CONCATENATED), LZMA_OK);
    return lzma_some(&z, data, len, to, room);
}

static size_t unlzip_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    lzma_stream z = LZMA_STREAM_INIT;

    ASSERT_EQ(lzma_lzip_decoder(&z, UINT64_MAX, LZMA_CONCATENATED), LZMA_OK);
    return lzma_some(&z, data, len, to, room);
}
#endif

#if HAVE_BZ2
static size_t bunzip2_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    bz_stream z = {.next_in = (char *)(uintptr_t)data, .avail_in = (unsigned)len};
    int r = BZ2_bzDecompressInit(&z, 0, 0);

    z.next_out = (char *)to;
    z.avail_out = (unsigned)room;
    while (r == BZ_OK && z.avail_in > 0) {
        r = BZ2_bzDecompress(&z);
        if (r != BZ_STREAM_END)
            continue;
        BZ2_bzDecompressEnd(&z); /* keeps the cursors */
        r = BZ2_bzDecompressInit(&z, 0, 0);
    }
    ASSERT_EQ(r, BZ_OK);
    BZ2_bzDecompressEnd(&z);
    return room - z.avail_out;
}
#endif

#if HAVE_LZ4
static size_t unlz4_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    LZ4F_dctx *d;
    size_t made = 0;

    ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)));
    for (size_t at = 0; at < len;) {
        size_t n = len - at, m = room - made;

        ASSERT(!LZ4F_isError(LZ4F_decompress(d, to + made, &m, data + at, &n, NULL)));
        at += n;
        made += m;
    }
    LZ4F_freeDecompressionContext(d);
    return made;
}
#endif

#if HAVE_BROTLI
static size_t unbrotli_some(const uint8_t *data, size_t len, uint8_t *to, size_t room)
{
    BrotliDecoderState *d = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    size_t left = room;

    ASSERT_NOT_NULL(d);
    ASSERT_NE(BrotliDecoderDecompressStream(d, &len, &data, &left, &to, NULL),
              BROTLI_DECODER_RESULT_ERROR);
    ASSERT_EQ(len, 0);
    BrotliDecoderDestroyInstance(d);
    return room - left;
}
#endif

/* A stage, and what a library makes of the beginning of its output: how many bytes it returns. */
struct codec {
    const char *stage;
    size_t (*decode)(const uint8_t *data, size_t len, uint8_t *to, size_t room);
};

static const struct codec codecs[] = {
    {"gzip", gunzip_some},
    {"gzip -1", gunzip_some},
    {"gzip -9", gunzip_some},
    {"gzip --backend=zlib", gunzip_some},
    {"gzip --blocks", gunzip_some},
    {"zlib", unzlib_some},
    {"deflate", undeflate_some},
    {"zstd", unzstd_some},
    {"zstd -1", unzstd_some},
    {"zstd -19", unzstd_some},
    {"zstd --seekable=2K", unzstd_some},
#if HAVE_LZMA
    {"xz -1", unxz_some},
    {"lzip -1", unlzip_some},
#endif
#if HAVE_BZ2
    {"bzip2", bunzip2_some},
#endif
#if HAVE_LZ4
    {"lz4", unlz4_some},
    {"lz4 -9 -B4D", unlz4_some},
#endif
#if HAVE_BROTLI
    {"brotli", unbrotli_some},
    {"brotli -0", unbrotli_some},
    {"brotli -11", unbrotli_some},
#endif
};

/* A mark does not end what is one frame or member: another one begins without what it knew, and some
 * readers take the first for all. */
static void is_one_frame(const struct codec *codec, const struct memio *io)
{
    if (strstr(codec->stage, "--seekable") || strstr(codec->stage, "--blocks"))
        return;
    if (codec->decode == unzstd_some)
        ASSERT_EQ(ZSTD_findFrameCompressedSize(io->out, io->out_len), io->out_len);
    if (codec->decode == gunzip_some)
        free(codec_inflate(io->out, io->out_len, CODEC_GZIP).data); /* asserts that it is one */
    if (codec->decode == unzlib_some)
        free(codec_inflate(io->out, io->out_len, CODEC_ZLIB).data);
    if (codec->decode == undeflate_some)
        free(codec_inflate(io->out, io->out_len, CODEC_RAW).data);
}

/* While the source pauses, all that it has given is there. */
static void comes_out(const struct codec *codec, const char *flush, const struct codec_bytes *in,
                      uint64_t seed)
{
    struct flush_watch w = flush_with_pauses(in, 5, seed);
    uint8_t *to = malloc(in->len + 1);
    char text[256];

    ASSERT_NOT_NULL(to);
    snprintf(text, sizeof text, "burst @ : %s : %s : memsink @", flush, codec->stage);
    test_context("%s, seed %d", text, (int)seed);
    ASSERT_EQ(flush_run(&w, text), 0);
    for (size_t i = 0; i < w.n_bursts; i++) {
        size_t expected = flush_burst_end(&w, i);
        size_t n = codec->decode(w.io.out, w.seen[i], to, in->len + 1);

        ASSERT_BYTES_EQ(to, n, in->data, expected);
    }
    ASSERT_BYTES_EQ(to, codec->decode(w.io.out, w.io.out_len, to, in->len + 1), in->data, in->len);
    is_one_frame(codec, &w.io);
    memio_free(&w.io);
    free(to);
}

TEST(test_what_came_before_a_mark_can_be_decompressed)
{
    struct codec_bytes small = codec_text(5003, 1), large = codec_text((size_t)6 << 20, 2);

    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        for (uint64_t seed = 0; seed < 8; seed++) {
            comes_out(&codecs[i], "flush", &small, seed);
            comes_out(&codecs[i], "flush --time=1s", &small, seed);
        }
        if (!test_under_sanitizer() && !strstr(codecs[i].stage, " -1"))
            comes_out(&codecs[i], "flush --time=1s", &large, i);
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
    static const char *const stages[] = {"gzip : gunzip",
                                         "zstd : unzstd",
                                         "gzip --blocks : gunzip",
                                         "zstd --seekable=1K : unzstd",
                                         "lz4 : unlz4",
                                         "bzip2 -1 : decode"};

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        flush_keeps_place_on_threads(stages[i], true);
}
