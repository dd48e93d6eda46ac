/* test_codec_decode.c - decode: recognised or not, wherever the first bytes are cut. */
#include <stdlib.h>

#include "codec_same.h"

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
    static const char *const signatures[] = {"\x1f\x8b", "\x28\xb5\x2f\xfd", "\x5a\x2a\x4d\x18"};

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
}

TEST(test_data_that_begins_like_a_codec_and_is_not_valid_is_an_error)
{
    struct memio io;

    for (size_t piece = 0; piece < 6; piece++) {
        ASSERT_EQ(codec_run(&io, "decode", "\x1f\x8b\x08", 3, piece), LEAT_ETRUNCATED);
        ASSERT_EQ(codec_run(&io, "decode", "\x1f\x8b\x08\xff rest", 9, piece), LEAT_ECORRUPT);
        ASSERT_EQ(io.error.offset, 3);
        ASSERT_EQ(codec_run(&io, "decode", "\x1f\x8b\x07\0\0\0\0\0\0\3abc", 13, piece),
                  LEAT_ECORRUPT);
        ASSERT_EQ(io.error.offset, 2);
        ASSERT_EQ(codec_run(&io, "decode", "\x1f\x9d\xff abc", 7, piece), LEAT_ECORRUPT);
        ASSERT_EQ(codec_run(&io, "decode", "\x28\xb5\x2f\xfd", 4, piece), LEAT_ETRUNCATED);
    }
}

/* After its magic number each format has a header that cannot be. */
TEST(test_a_broken_header_after_a_magic_number_is_an_error)
{
    static const struct broken {
        const char *encode, *data;
        size_t len;
        int code;
    } broken[] = {
        {"gzip", "\x1f\x8b\x00 abcdefghijkl", 15, LEAT_ECORRUPT},
        {"compress", "\x1f\x9d\x08 abcdefghijkl", 15, LEAT_ECORRUPT},
        {"zstd", "\x28\xb5\x2f\xfd\xff abcdefghijkl", 18, LEAT_ECORRUPT},
        {"bzip2", "BZh0 abcdefghijkl", 17, LEAT_ECORRUPT},
        {"bzip2", "BZh9 abcdefghijkl", 17, LEAT_ECORRUPT},
        {"lz4", "\x04\x22\x4d\x18\xff abcdefghijkl", 18, LEAT_EUSAGE},
        {"lz4", "\x04\x22\x4d\x18\xf0 abcdefghijkl", 18, LEAT_ECORRUPT},
        {"lz4", "\x02\x21\x4c\x18\0\0\0\0abcdefghijkl", 20, LEAT_ECORRUPT},
        {"xz", "\xfd\x37zXZ\0 abcdefghijkl", 19, LEAT_ECORRUPT},
        {"lzip", "LZIP abcdefghijkl", 17, LEAT_ECORRUPT},
        {"lzip", "LZIP\x01\xff abcdefghijkl", 19, LEAT_ECORRUPT},
    };
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct codec_same any = {"decode", 0};

        if (codec_missing(broken[i].encode)) {
            missing++;
            continue;
        }
        for (size_t piece = 0; piece < 6; piece++) {
            test_context("%s, header %zu, piece %zu", broken[i].encode, i, piece);
            ASSERT_EQ(codec_same(&any, (const uint8_t *)broken[i].data, broken[i].len, piece),
                      broken[i].code);
        }
    }
    if (missing)
        SKIP(missing, "built without a library");
}

TEST(test_what_an_outer_layer_gave_before_its_error_comes_out)
{
    static const size_t pieces[] = {0, 1, 100, 5000};
    struct codec_bytes text = codec_text(60000, 5), inner, z;
    struct memio io;

    inner = codec_deflate(text.data, text.len, CODEC_GZIP, 6);
    z = codec_deflate(inner.data, inner.len, CODEC_GZIP, 1);
    z.data[z.len - 6] ^= 1; /* its CRC */
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        test_context("piece %zu", pieces[i]);
        ASSERT_EQ(codec_run(&io, "decode --all", z.data, z.len, pieces[i]), LEAT_ECORRUPT);
        ASSERT_BYTES_EQ(io.out, io.out_len, text.data, text.len);
        memio_free(&io);
    }
    free(text.data);
    free(inner.data);
    free(z.data);
}

TEST(test_one_layer_is_unwrapped)
{
    struct codec_bytes once = codec_deflate("text", 4, CODEC_GZIP, 6),
                       twice = codec_deflate(once.data, once.len, CODEC_GZIP, 6);

    expect(twice.data, twice.len, once.data, once.len);
    free(once.data);
    free(twice.data);
}

/* --- in lanes --------------------------------------------------------------------------------- */

#define FLIPS (test_under_sanitizer() ? 12u : 60u)

/* Formats that decode splits into lanes, and some that it does not. Blocks and frames are small, and
 * therefore many; bzip2 makes none smaller. */
struct lanes_case {
    const char *encode;
    struct codec_same decode;
    size_t len;
};

static const struct lanes_case cases[] = {
    {"gzip --blocks", {"decode", CODEC_SAME_ALL}, 3000000},
    {"gzip", {"decode", CODEC_SAME_ALL}, 200000},
    {"zstd --seekable=100K", {"decode", CODEC_SAME_TEXT}, 2000000},
    {"zstd", {"decode", CODEC_SAME_TEXT}, 200000},
    {"bzip2 -1", {"decode", CODEC_SAME_TEXT | CODEC_SAME_BYTES}, 420000},
    {"lz4 -B4", {"decode", 0}, 3000000},
    {"lz4 -B4D", {"decode", 0}, 200000},
    {"xz -0 --block-size=64K", {"decode", CODEC_SAME_TEXT}, 300000},
    {"lzip -0", {"decode", CODEC_SAME_TEXT}, 200000},
    {"compress", {"decode", CODEC_SAME_ALL}, 200000},
    {"zlib", {"decode", CODEC_SAME_ALL}, 2000000},
};

static void each_case(void (*check)(const struct lanes_case *c, const struct codec_bytes *z))
{
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct codec_bytes text = codec_text(cases[i].len, i), z = {.data = NULL};

        test_context("%s", cases[i].encode);
        if (codec_missing(cases[i].encode)) {
            missing++;
        } else {
            codec_append_run(&z, cases[i].encode, &text);
            check(&cases[i], &z);
        }
        free(z.data);
        free(text.data);
    }
    if (missing)
        SKIP(missing, "built without a library");
}

static void check_pieces(const struct lanes_case *c, const struct codec_bytes *z)
{
    static const size_t pieces[] = {0, 4099, MEMIO_RANDOM};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        ASSERT_EQ(codec_same(&c->decode, z->data, z->len, pieces[i]), 0);
}

TEST(test_every_format_comes_to_the_same_with_lanes)
{
    each_case(check_pieces);
}

static void check_damage(const struct lanes_case *c, const struct codec_bytes *z)
{
    codec_same_damaged(&c->decode, z, 40, FLIPS);
}

TEST(test_damage_comes_to_the_same_with_lanes)
{
    each_case(check_damage);
}

static void check_cut(const struct lanes_case *c, const struct codec_bytes *z)
{
    codec_same_cut(&c->decode, z, FLIPS / 10);
}

TEST(test_truncation_comes_to_the_same_with_lanes)
{
    each_case(check_cut);
}

/* Also a stream of another format: what follows is taken as the first one's. */
static void check_after(const struct lanes_case *c, const struct codec_bytes *z)
{
    static const char *const after[] = {"garbage", "\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "BZh91AY&SY",
                                        "\x04\x22\x4d\x18"};

    codec_same_before(&c->decode, z, after, sizeof(after) / sizeof(after[0]));
}

TEST(test_what_follows_comes_to_the_same_with_lanes)
{
    each_case(check_after);
}

TEST(test_unknown_data_comes_to_the_same_with_lanes)
{
    static const struct codec_same any = {"decode", CODEC_SAME_ALL},
                                   strict = {"decode --strict", CODEC_SAME_ALL};
    static const char *const data[] = {"", "a", "plain text", "\x1f", "\x28\xb5", "BZ h"};

    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
        const uint8_t *bytes = (const uint8_t *)data[i];

        test_context("data %zu", i);
        for (size_t piece = 0; piece < 3; piece++) {
            ASSERT_EQ(codec_same(&any, bytes, strlen(data[i]), piece), 0);
            ASSERT_EQ(codec_same(&strict, bytes, strlen(data[i]), piece), LEAT_ECORRUPT);
        }
    }
}
