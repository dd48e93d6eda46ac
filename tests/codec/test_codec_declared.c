/* test_codec_declared.c - each field in which a format declares a size or a checksum is compared with the
 * data: a wrong value is an error, on one thread and in lanes, in the format's stage and in decode.
 *
 * Damage by chance (test_codec_damage) does not reach these fields where another checksum covers them,
 * so here that one is made right again.
 */
#include <stdlib.h>
#include <zlib.h>

#include "codec_same.h"

/* A checksum over the field, which is to be right. */
enum fix { NO_FIX, XZ_HEADER, XZ_BLOCK, XZ_INDEX, XZ_FOOTER };

struct change {
    const char *encode, *decode;
    const char *field;
    int at; /* of the byte that is changed; negative: from the end */
    uint8_t flip;
    enum fix fix;
    int code;
};

/* The sample has one block in xz. Its header is of 16 bytes after 12 of the stream's header; the index has
 * 8 bytes and a CRC, the footer 12. */
static const struct change changes[] = {
    {"gzip", "gunzip", "CRC-32", -8, 1, NO_FIX, LEAT_ECORRUPT},
    {"gzip", "gunzip", "length", -4, 1, NO_FIX, LEAT_ECORRUPT},
    {"gzip", "gunzip", "method", 2, 15, NO_FIX, LEAT_ECORRUPT},
    {"gzip", "gunzip", "reserved flags", 3, 0x20, NO_FIX, LEAT_ECORRUPT},
    {"gzip --blocks", "gunzip", "BGZF size", 16, 1, NO_FIX, LEAT_ECORRUPT},
    {"zlib", "unzlib", "header check", 1, 1, NO_FIX, LEAT_ECORRUPT},
    {"zlib", "unzlib", "preset dictionary", 1, 0x9c ^ 0xbb, NO_FIX, LEAT_EUSAGE},
    {"zlib", "unzlib", "Adler-32", -1, 1, NO_FIX, LEAT_ECORRUPT},
    {"zstd", "unzstd", "checksum", -1, 1, NO_FIX, LEAT_ECORRUPT},
    {"zstd", "unzstd", "reserved bit", 4, 8, NO_FIX, LEAT_ECORRUPT},
    {"xz", "unxz", "stream flags", 6, 1, XZ_HEADER, LEAT_EUNSUPPORTED},
    {"xz", "unxz", "kind of check", 7, 6, XZ_HEADER, LEAT_EUNSUPPORTED},
    {"xz", "unxz", "block: compressed size", 14, 1, XZ_BLOCK, LEAT_ECORRUPT},
    {"xz", "unxz", "index: number of blocks", -23, 3, XZ_INDEX, LEAT_ECORRUPT},
    {"xz", "unxz", "index: size of a block", -22, 1, XZ_INDEX, LEAT_ECORRUPT},
    {"xz", "unxz", "index: size of its contents", -20, 1, XZ_INDEX, LEAT_ECORRUPT},
    {"xz", "unxz", "footer: size of the index", -8, 1, XZ_FOOTER, LEAT_ECORRUPT},
    {"xz", "unxz", "footer: kind of check", -3, 1, XZ_FOOTER, LEAT_ECORRUPT},
    {"lzip -0", "unlzip", "version", 4, 4, NO_FIX, LEAT_ECORRUPT},
    {"lzip -0", "unlzip", "CRC", -20, 1, NO_FIX, LEAT_ECORRUPT},
    {"lzip -0", "unlzip", "size of the data", -16, 1, NO_FIX, LEAT_ECORRUPT},
    {"lzip -0", "unlzip", "size of the member", -8, 1, NO_FIX, LEAT_ECORRUPT},
    {"bzip2 -1", "bunzip2", "level", 3, 1, NO_FIX, LEAT_ECORRUPT},
    {"bzip2 -1", "bunzip2", "CRC of a block", 10, 1, NO_FIX, LEAT_ECORRUPT},
    {"bzip2 -1", "bunzip2", "CRC of the stream", -2, 1, NO_FIX, LEAT_ECORRUPT},
    {"lz4", "unlz4", "header check", 6, 1, NO_FIX, LEAT_ECORRUPT},
    {"lz4", "unlz4", "content checksum", -1, 1, NO_FIX, LEAT_ECORRUPT},
    {"lz4 -BX --no-frame-crc", "unlz4", "block checksum", -5, 1, NO_FIX, LEAT_ECORRUPT},
    {"compress", "uncompress", "reserved flags", 2, 0x20, NO_FIX, LEAT_ECORRUPT},
    {"compress", "uncompress", "width of codes", 2, 0x08, NO_FIX, LEAT_ECORRUPT},
};

static void put_crc(uint8_t *to, const uint8_t *data, size_t n)
{
    uint32_t crc = (uint32_t)crc32(0, data, (unsigned)n);

    for (size_t i = 0; i < 4; i++)
        to[i] = (uint8_t)(crc >> 8 * i);
}

static void fix(struct codec_bytes *z, enum fix fix)
{
    size_t block = ((size_t)z->data[12] + 1) * 4, index;

    if (fix == XZ_HEADER)
        put_crc(z->data + 8, z->data + 6, 2);
    if (fix == XZ_BLOCK)
        put_crc(z->data + 12 + block - 4, z->data + 12, block - 4);
    index = z->len - 24;
    if (fix == XZ_INDEX)
        put_crc(z->data + z->len - 16, z->data + index, 8);
    if (fix == XZ_FOOTER)
        put_crc(z->data + z->len - 12, z->data + z->len - 8, 6);
}

/* In the stage of the format, and in decode if that knows it. */
static void expect(const char *decode, const uint8_t *data, size_t len, int code)
{
    struct codec_same own = {decode, 0}, any = {"decode", 0};

    ASSERT_EQ(codec_same(&own, data, len, 0), code);
    if (strcmp(decode, "unzlib") != 0 && strcmp(decode, "unlzma") != 0)
        ASSERT_EQ(codec_same(&any, data, len, 1), code);
}

TEST(test_a_field_with_a_wrong_value_is_an_error)
{
    struct codec_bytes text = codec_text(600, 1);
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const struct change *c = &changes[i];
        struct codec_bytes z = {.data = NULL};
        size_t at;

        if (codec_missing(c->encode)) {
            missing++;
            continue;
        }
        codec_append_run(&z, c->encode, &text);
        test_context("%s, whole", c->encode);
        expect(c->decode, z.data, z.len, 0);
        test_context("%s, %s", c->encode, c->field);
        at = c->at < 0 ? z.len - (size_t)-c->at : (size_t)c->at;
        z.data[at] ^= c->flip;
        fix(&z, c->fix);
        expect(c->decode, z.data, z.len, c->code);
        free(z.data);
    }
    free(text.data);
    if (missing)
        SKIP(missing, "built without a library");
}

/* --- sizes ------------------------------------------------------------------------------------ */

struct vector {
    const char *field, *decode, *data;
    size_t len;
    int code;
};

#define ZSTD "\x28\xb5\x2f\xfd"
#define LZ4 "\x04\x22\x4d\x18"
#define BYTES(text) text, sizeof(text) - 1

/* "abc" in frames that state so many bytes: zstd with the last block empty, or not; lz4 with the size 0,
 * which liblz4 takes for one that is not known. */
static const struct vector vectors[] = {
    {"3", "unzstd", BYTES(ZSTD "\x20\x03\x18\0\0abc\x01\0\0"), 0},
    {"1000", "unzstd", BYTES(ZSTD "\x40\0\xe8\x02\x18\0\0abc\x01\0\0"), LEAT_ECORRUPT},
    {"2", "unzstd", BYTES(ZSTD "\x20\x02\x18\0\0abc\x01\0\0"), LEAT_ECORRUPT},
    {"0", "unzstd", BYTES(ZSTD "\x20\0\x18\0\0abc\x01\0\0"), LEAT_ECORRUPT},
    {"2, no empty block", "unzstd", BYTES(ZSTD "\x20\x02\x19\0\0abc"), LEAT_ECORRUPT},
    {"4, no empty block", "unzstd", BYTES(ZSTD "\x20\x04\x19\0\0abc"), LEAT_ECORRUPT},
    {"in the second frame", "unzstd",
     BYTES(ZSTD "\x20\x03\x19\0\0abc" ZSTD "\x20\x02\x18\0\0abc\x01\0\0"), LEAT_ECORRUPT},
#if HAVE_LZ4
    {"3", "unlz4",
     BYTES(LZ4 "\x68\x40\x03\0\0\0\0\0\0\0\x87\x03\0\0\x80"
               "abc\0\0\0\0"),
     0},
    {"0, none came", "unlz4", BYTES(LZ4 "\x68\x40\0\0\0\0\0\0\0\0\x05\0\0\0\0"), 0},
    {"0", "unlz4",
     BYTES(LZ4 "\x68\x40\0\0\0\0\0\0\0\0\x05\x03\0\0\x80"
               "abc\0\0\0\0"),
     LEAT_ECORRUPT},
    {"0, linked blocks", "unlz4",
     BYTES(LZ4 "\x48\x40\0\0\0\0\0\0\0\0\x67\x03\0\0\x80"
               "abc\0\0\0\0"),
     LEAT_ECORRUPT},
    {"2", "unlz4",
     BYTES(LZ4 "\x68\x40\x02\0\0\0\0\0\0\0\xa0\x03\0\0\x80"
               "abc\0\0\0\0"),
     LEAT_ECORRUPT},
#endif
};

TEST(test_a_frame_that_does_not_hold_what_it_states_is_an_error)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];

        test_context("%s, size %s", v->decode, v->field);
        expect(v->decode, (const uint8_t *)v->data, v->len, v->code);
    }
}

#if HAVE_LZMA

/* An lzma stream that has both a length and an end marker. */
TEST(test_an_lzma_stream_that_does_not_hold_what_it_states_is_an_error)
{
    struct codec_bytes text = codec_text(3000, 2), z = {.data = NULL};

    codec_append_run(&z, "lzma -0", &text);
    for (int more = -1; more <= 1; more++) {
        uint64_t size = text.len + (uint64_t)more;

        test_context("%d more", more);
        for (size_t i = 0; i < 8; i++)
            z.data[5 + i] = (uint8_t)(size >> 8 * i);
        expect("unlzma", z.data, z.len, more == 0 ? 0 : LEAT_ECORRUPT);
    }
    free(z.data);
    free(text.data);
}

#endif
