/* codec_aid.h - what the tests of the codecs share: samples, other encoders, and runs over them. */
#ifndef LEAT_CODEC_AID_H
#define LEAT_CODEC_AID_H

#include "memio.h"
#include "test.h"

struct codec_bytes {
    uint8_t *data;
    size_t len;
    size_t room; /* of codec_append; or 0 */
};

enum codec_wrap { CODEC_RAW = -15, CODEC_ZLIB = 15, CODEC_GZIP = 31 }; /* as zlib's windowBits */

/* codec_deflate - compressed by zlib itself at a level, in this wrapper. Free data. */
struct codec_bytes codec_deflate(const void *data, size_t len, enum codec_wrap wrap, int level);
/* codec_inflate - decompressed by zlib itself, one member; fails the test if it does not end well
 * at the end of the data. Free data. */
struct codec_bytes codec_inflate(const void *data, size_t len, enum codec_wrap wrap);
/* codec_zstd - compressed by libzstd itself, with or without a checksum. Free data. */
struct codec_bytes codec_zstd(const void *data, size_t len, int level, bool checksum);

/* codec_text - so many bytes of compressible, varied text, the same for the same seed. */
struct codec_bytes codec_text(size_t len, uint64_t seed);
/* codec_noise - so many bytes that do not compress. */
struct codec_bytes codec_noise(size_t len, uint64_t seed);

/* codec_have_tool - is there such a command? */
bool codec_have_tool(const char *name);
/* codec_shell - what a shell command gives on its standard output; fails the test if it fails. $IN is a
 * file of these n bytes, $DIR the test's own directory. Free data. */
struct codec_bytes codec_shell(const char *command, const void *data, size_t n);
/* codec_filter - the same with the bytes as the standard input. */
struct codec_bytes codec_filter(const char *command, const void *data, size_t n);
/* codec_write - a file of these bytes. */
void codec_write(const char *path, const void *data, size_t n);

/* codec_run - run `stages` over the data on one thread, in input pieces of a size (0: as large as
 * they come). The result is in *io; memio_free it. Returns its code. */
int codec_run(struct memio *io, const char *stages, const void *data, size_t len, size_t piece);

/* codec_has_isal - does this build decode by ISA-L? */
bool codec_has_isal(void);

#endif
