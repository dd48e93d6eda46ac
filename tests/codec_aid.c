/* codec_aid.c - what the tests of the codecs share. */
#include "codec_aid.h"

#include <stdlib.h>
#ifndef ZLIB_CONST
#define ZLIB_CONST
#endif
#include <zlib.h>
#include <zstd.h>

static void *must_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);

    ASSERT_NOT_NULL(p);
    return p;
}

struct codec_bytes codec_deflate(const void *data, size_t len, enum codec_wrap wrap, int level)
{
    z_stream z = {.next_in = NULL};
    struct codec_bytes to;

    ASSERT_EQ(deflateInit2(&z, level, Z_DEFLATED, wrap, 8, Z_DEFAULT_STRATEGY), Z_OK);
    to.len = deflateBound(&z, len);
    to.data = must_alloc(to.len);
    z.next_in = data;
    z.avail_in = (uInt)len;
    z.next_out = to.data;
    z.avail_out = (uInt)to.len;
    ASSERT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    to.len = z.total_out;
    deflateEnd(&z);
    return to;
}

struct codec_bytes codec_inflate(const void *data, size_t len, enum codec_wrap wrap)
{
    z_stream z = {.next_in = NULL};
    struct codec_bytes to = {.data = NULL};
    size_t size = 4096;
    int r;

    ASSERT_EQ(inflateInit2(&z, wrap), Z_OK);
    z.next_in = data;
    z.avail_in = (uInt)len;
    do {
        size *= 2;
        to.data = realloc(to.data, size);
        ASSERT_NOT_NULL(to.data);
        z.next_out = to.data + z.total_out;
        z.avail_out = (uInt)(size - z.total_out);
        r = inflate(&z, Z_NO_FLUSH);
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
            FAIL("zlib does not read it: %d, %s", r, z.msg ? z.msg : "no message");
    } while (r != Z_STREAM_END && z.avail_out == 0);
    ASSERT_EQ(r, Z_STREAM_END);
    ASSERT_EQ(z.avail_in, 0);
    to.len = z.total_out;
    inflateEnd(&z);
    return to;
}

struct codec_bytes codec_zstd(const void *data, size_t len, int level, bool checksum)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    struct codec_bytes to;

    ASSERT_NOT_NULL(c);
    to.len = ZSTD_compressBound(len);
    to.data = must_alloc(to.len);
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, checksum);
    to.len = ZSTD_compress2(c, to.data, to.len, data, len);
    ASSERT(!ZSTD_isError(to.len));
    ZSTD_freeCCtx(c);
    return to;
}

struct codec_bytes codec_text(size_t len, uint64_t seed)
{
    static const char *const words[] = {
        "GET ",  "POST ", "/index.html", "/api/v1/items/", "200 ", "404 ", "DEBUG ",  "INFO ",
        "user=", "id=",   "\n",          " 2026-11-22T",   ":",    "-",    "timeout", "\t",
    };
    struct codec_bytes to = {.data = must_alloc(len), .len = len};
    size_t at = 0;

    while (at < len) {
        char number[24];
        uint64_t r = test_random(&seed);
        const char *word = words[r % 16];
        size_t n;

        snprintf(number, sizeof(number), "%llu", (unsigned long long)(r >> 40));
        if (r & 256)
            word = number;
        n = strlen(word);
        if (n > len - at)
            n = len - at;
        memcpy(to.data + at, word, n);
        at += n;
    }
    return to;
}

struct codec_bytes codec_noise(size_t len, uint64_t seed)
{
    struct codec_bytes to = {.data = must_alloc(len), .len = len};

    for (size_t i = 0; i < len; i++)
        to.data[i] = (uint8_t)(test_random(&seed) >> 32);
    return to;
}

bool codec_have_tool(const char *name)
{
    char command[128];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0; // NOLINT(cert-env33-c): a name of ours
}

void codec_write(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fwrite(data, 1, n, f), n);
    ASSERT_EQ(fclose(f), 0);
}

struct codec_bytes codec_shell(const char *command, const void *data, size_t n)
{
    char path[512], line[2048];
    struct codec_bytes out;

    snprintf(path, sizeof(path), "%s/in.gz", test_tmp_dir()); /* bgzip wants the name to end so */
    codec_write(path, data, n);
    snprintf(line, sizeof(line), "DIR='%s'; IN='%s'; { %s; } >\"$DIR/out\"", test_tmp_dir(), path,
             command);
    if (system(line) != 0) // NOLINT(cert-env33-c): a command of ours
        FAIL("failed: %s", line);
    snprintf(path, sizeof(path), "%s/out", test_tmp_dir());
    out.data = test_file_read(path, &out.len);
    ASSERT_NOT_NULL(out.data);
    return out;
}

struct codec_bytes codec_filter(const char *command, const void *data, size_t n)
{
    char line[1024];

    snprintf(line, sizeof(line), "%s <\"$IN\"", command);
    return codec_shell(line, data, n);
}

int codec_run(struct memio *io, const char *stages, const void *data, size_t len, size_t piece)
{
    *io = (struct memio){.in = data, .in_len = len, .piece = piece, .settings = {.threads = 1}};
    return memio_run(io, stages);
}

bool codec_has_isal(void)
{
    struct memio io;
    int r = codec_run(&io, "inflate --backend=isal", "\x03\x00", 2, 0);

    memio_free(&io);
    if (r != LEAT_EUNSUPPORTED)
        ASSERT_EQ(r, 0);
    return r == 0;
}
