/* test_codec_decode.c - decode: recognised or not, wherever the first bytes are cut. */
#include <stdlib.h>

#include "codec_aid.h"

static void expect(const void *data, size_t len, const void *plain, size_t plain_len)
{
    struct memio io;

    for (size_t piece = 0; piece <= len && piece < 20; piece++) {
        test_context("%zu bytes, piece %zu", len, piece);
        if (codec_run(&io, "decode", data, len, piece) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain, plain_len);
        memio_free(&io);
    }
}

static void expect_unchanged(const void *data, size_t len)
{
    expect(data, len, data, len);
}

TEST(test_gzip_and_zstd_are_recognised)
{
    for (size_t len = 0; len < 3000; len = 3 * len + 1) {
        struct codec_bytes text = codec_text(len, len), z;

        z = codec_deflate(text.data, len, CODEC_GZIP, 6);
        expect(z.data, z.len, text.data, len);
        free(z.data);
        z = codec_zstd(text.data, len, 3, true);
        expect(z.data, z.len, text.data, len);
        free(z.data);
        free(text.data);
    }
}

TEST(test_other_data_goes_through_unchanged)
{
    struct codec_bytes noise = codec_noise(100000, 3), z = codec_deflate("text", 4, CODEC_ZLIB, 6);

    expect_unchanged("", 0);
    expect_unchanged("a", 1);
    expect_unchanged("plain text", 10);
    expect_unchanged(noise.data, noise.len);
    expect_unchanged(z.data, z.len); /* zlib has no signature */
    free(noise.data);
    free(z.data);
}

TEST(test_the_beginning_of_a_signature_is_plain_data)
{
    static const char *const signatures[] = {"\x1f\x8b\x08", "\x28\xb5\x2f\xfd",
                                             "\x5a\x2a\x4d\x18"};

    for (size_t i = 0; i < 3; i++) {
        for (size_t n = 1; n < strlen(signatures[i]); n++) {
            char data[8] = "";

            expect_unchanged(signatures[i], n);
            memcpy(data, signatures[i], n);
            data[n] = 'a';
            expect_unchanged(data, n + 1);
            expect_unchanged(data, n + 3);
        }
    }
    expect_unchanged("\x1f\x8b\x09 abc", 7);
}

TEST(test_data_that_begins_like_a_codec_and_is_not_valid_is_an_error)
{
    struct memio io;

    for (size_t piece = 0; piece < 6; piece++) {
        ASSERT_EQ(codec_run(&io, "decode", "\x1f\x8b\x08", 3, piece), LEAT_ETRUNCATED);
        ASSERT_EQ(codec_run(&io, "decode", "\x1f\x8b\x08\xff rest", 9, piece), LEAT_ECORRUPT);
        ASSERT_EQ(io.error.offset, 3);
        ASSERT_EQ(codec_run(&io, "decode", "\x28\xb5\x2f\xfd", 4, piece), LEAT_ETRUNCATED);
    }
}

TEST(test_one_layer_is_unwrapped)
{
    struct codec_bytes once = codec_deflate("text", 4, CODEC_GZIP, 6),
                       twice = codec_deflate(once.data, once.len, CODEC_GZIP, 6);

    expect(twice.data, twice.len, once.data, once.len);
    free(once.data);
    free(twice.data);
}
