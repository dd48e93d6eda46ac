/* test_codec_gunzip.c - gunzip, unzlib and inflate: headers cut anywhere, members, padding, what
 * is refused and where, and ISA-L against zlib. */
#include <stdlib.h>
#include <zlib.h>

#include "codec_aid.h"

#define FLAG_TEXT 0x01
#define FLAG_HCRC 0x02
#define FLAG_EXTRA 0x04
#define FLAG_NAME 0x08
#define FLAG_COMMENT 0x10
#define MEMBER_MAX 8192

static const char *const backends[] = {"gunzip --backend=zlib", "gunzip --backend=isal"};
static size_t n_backends(void)
{
    return codec_has_isal() ? 2 : 1;
}

/* Bytes that are no text, though some are written as one. */
static void put(uint8_t *to, const char *bytes, size_t n)
{
    memcpy(to, bytes, n);
}

/* Writes a member with these header fields around the text; returns its length. */
static size_t make_member(uint8_t *to, uint8_t flags, const char *text)
{
    struct codec_bytes raw = codec_deflate(text, strlen(text), CODEC_RAW, 6);
    uint32_t crc = (uint32_t)crc32(0, (const uint8_t *)text, (uInt)strlen(text));
    size_t n = 0, i;
    uint8_t head[] = {0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3};

    memcpy(to, head, sizeof(head));
    n = sizeof(head);
    if (flags & FLAG_EXTRA) {
        to[n++] = 5;
        to[n++] = 0;
        memcpy(to + n, "AB\x01\x00Z", 5);
        n += 5;
    }
    if (flags & FLAG_NAME)
        n += (size_t)sprintf((char *)to + n, "a name.txt") + 1;
    if (flags & FLAG_COMMENT)
        n += (size_t)sprintf((char *)to + n, "a comment") + 1;
    if (flags & FLAG_HCRC) {
        uint32_t hcrc = (uint32_t)crc32(0, to, (uInt)n);

        to[n++] = (uint8_t)hcrc;
        to[n++] = (uint8_t)(hcrc >> 8);
    }
    memcpy(to + n, raw.data, raw.len);
    n += raw.len;
    for (i = 0; i < 4; i++)
        to[n++] = (uint8_t)(crc >> 8 * i);
    for (i = 0; i < 4; i++)
        to[n++] = (uint8_t)(strlen(text) >> 8 * i);
    free(raw.data);
    return n;
}

static void expect(const char *stage, const void *data, size_t len, size_t piece, const char *text)
{
    struct memio io;

    test_context("%s of %zu bytes in pieces of %zu", stage, len, piece);
    if (codec_run(&io, stage, data, len, piece) != 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, text, strlen(text));
    memio_free(&io);
}

static void expect_error(const char *stage, const void *data, size_t len, size_t piece, int code,
                         const char *part, uint64_t offset)
{
    struct memio io;

    test_context("%s of %zu bytes in pieces of %zu", stage, len, piece);
    ASSERT_EQ(codec_run(&io, stage, data, len, piece), code);
    ASSERT_STR_HAS(io.error.text, part);
    ASSERT(io.error.has_offset);
    ASSERT_EQ(io.error.offset, offset);
    memio_free(&io);
}

TEST(test_every_header_is_read_whatever_boundary_cuts_it)
{
    uint8_t member[MEMBER_MAX];

    for (size_t b = 0; b < n_backends(); b++) {
        for (unsigned flags = 0; flags < 32; flags++) {
            size_t n = make_member(member, (uint8_t)flags, "hello, hello, hello");

            for (size_t piece = 1; piece <= n; piece++)
                expect(backends[b], member, n, piece, "hello, hello, hello");
        }
    }
}

TEST(test_every_truncation_of_every_header_is_an_error)
{
    uint8_t member[MEMBER_MAX];

    for (size_t b = 0; b < n_backends(); b++) {
        for (unsigned flags = 0; flags < 32; flags++) {
            size_t n = make_member(member, (uint8_t)flags, "hello, hello, hello");

            for (size_t len = 0; len < n; len++) {
                expect_error(backends[b], member, len, 0, LEAT_ETRUNCATED, "unexpected end", len);
                expect_error(backends[b], member, len, 3, LEAT_ETRUNCATED, "unexpected end", len);
            }
        }
    }
}

TEST(test_every_bit_of_a_header_with_a_checksum_counts)
{
    uint8_t member[MEMBER_MAX];
    size_t n = make_member(member, FLAG_HCRC | FLAG_EXTRA | FLAG_NAME | FLAG_COMMENT, "text");
    size_t header = n - 8 - 6; /* trailer, deflate data of "text" */
    struct memio io;

    for (size_t bit = 0; bit < 8 * header; bit++) {
        member[bit / 8] ^= (uint8_t)(1u << bit % 8);
        test_context("bit %zu", bit);
        ASSERT_NE(codec_run(&io, "gunzip", member, n, 0), 0);
        memio_free(&io);
        member[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(test_a_wrong_header_checksum_is_named)
{
    uint8_t member[MEMBER_MAX];
    size_t n = make_member(member, FLAG_HCRC | FLAG_NAME, "text");

    member[12] ^= 1; /* in the name */
    expect_error("gunzip", member, n, 0, LEAT_ECORRUPT, "FHCRC", 22);
    expect_error("gunzip", member, n, 1, LEAT_ECORRUPT, "FHCRC", 22);
}

TEST(test_reserved_flags_and_other_methods_are_refused)
{
    uint8_t member[MEMBER_MAX];
    size_t n = make_member(member, 0, "text");

    for (unsigned bit = 5; bit < 8; bit++) {
        member[3] = (uint8_t)(1u << bit);
        expect_error("gunzip", member, n, 0, LEAT_ECORRUPT, "reserved flags", 3);
    }
    member[3] = 0;
    member[2] = 7;
    expect_error("gunzip", member, n, 0, LEAT_ECORRUPT, "compression method", 2);
    expect_error("gunzip", "plain text", 10, 0, LEAT_ECORRUPT, "not in gzip format", 0);
    expect_error("gunzip", "\x1f\x8c", 2, 1, LEAT_ECORRUPT, "not in gzip format", 0);
}

TEST(test_a_long_extra_field_and_a_very_long_name_are_read)
{
    size_t name = 3000000, n = 0;
    uint8_t *data = malloc(70000 + name + 100);
    static const uint8_t rest[] = {0x03, 0x00, 0, 0, 0, 0, 0, 0, 0, 0};

    ASSERT_NOT_NULL(data);
    put(data, "\x1f\x8b\x08\x0c\0\0\0\0\0\x03\xff\xff", 12);
    n = 12;
    memset(data + n, 0, 65535);
    n += 65535;
    memset(data + n, 'x', name);
    n += name;
    data[n++] = 0;
    memcpy(data + n, rest, sizeof(rest));
    n += sizeof(rest);
    expect("gunzip", data, n, 0, "");
    expect("gunzip", data, n, 65536, "");
    put(data, "\x1f\x8b\x08\x04\0\0\0\0\0\x03\0\0", 12); /* an extra field of no bytes */
    memcpy(data + 12, rest, sizeof(rest));
    expect("gunzip", data, 12 + sizeof(rest), 0, "");
    free(data);
}

/* Members of all sizes down to nothing, so that what a library reads ahead of one lies in the next
 * and in several chunks. */
TEST(test_members_follow_each_other_whatever_boundary_cuts_them)
{
    static const char *const texts[] = {"", "a", "", "abcdefgh", "xyxyxyxyxyxyxyxyxyxyxyxy", "b"};
    uint8_t data[MEMBER_MAX];
    char all[256] = "";
    size_t n = 0;

    for (size_t i = 0; i < 6; i++) {
        n += make_member(data + n, i % 2 ? FLAG_NAME : 0, texts[i]);
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s", texts[i]);
    }
    for (size_t b = 0; b < n_backends(); b++)
        for (size_t piece = 1; piece <= n; piece++)
            expect(backends[b], data, n, piece, all);
}

TEST(test_zero_padding_after_the_last_member_is_allowed)
{
    uint8_t data[MEMBER_MAX] = {0};
    size_t n = make_member(data, 0, "text");

    for (size_t b = 0; b < n_backends(); b++)
        for (size_t pad = 0; pad < 600; pad += pad < 20 ? 1 : 97) {
            expect(backends[b], data, n + pad, 0, "text");
            expect(backends[b], data, n + pad, 7, "text");
        }
}

TEST(test_trailing_garbage_is_refused_where_it_is)
{
    uint8_t data[MEMBER_MAX] = {0};
    size_t n = make_member(data, 0, "text");

    for (size_t b = 0; b < n_backends(); b++)
        for (size_t pad = 0; pad < 12; pad++) {
            for (size_t piece = 0; piece < n + pad + 4; piece++) {
                memset(data + n, 0, pad);
                put(data + n + pad, "junk", 4);
                expect_error(backends[b], data, n + pad + 4, piece, LEAT_ECORRUPT,
                             "trailing garbage after the gzip member", n + pad);
                if (pad == 0)
                    continue;
                make_member(data + n + pad, 0, "text"); /* a member after padding is garbage, too */
                expect_error(backends[b], data, n + pad + 24, piece, LEAT_ECORRUPT,
                             "trailing garbage", n + pad);
            }
        }
    put(data + n, "\x1f\x8f", 2);
    expect_error("gunzip", data, n + 2, 0, LEAT_ECORRUPT, "trailing garbage", n);
    put(data + n, "\x1f\x8b", 2);
    expect_error("gunzip", data, n + 2, 0, LEAT_ETRUNCATED, "unexpected end", n + 2);
}

TEST(test_a_wrong_checksum_or_length_is_named_with_both_figures)
{
    uint8_t data[MEMBER_MAX];
    size_t n = make_member(data, 0, "text");

    for (size_t b = 0; b < n_backends(); b++)
        for (size_t piece = 0; piece <= n; piece++) {
            data[n - 8] ^= 0x80;
            expect_error(backends[b], data, n, piece, LEAT_ECORRUPT,
                         "CRC-32 mismatch: stored 3b8ba747, computed 3b8ba7c7", n - 8);
            data[n - 8] ^= 0x80;
            data[n - 4] ^= 1;
            expect_error(backends[b], data, n, piece, LEAT_ECORRUPT,
                         "length mismatch: stored 5, decoded 4", n - 4);
            data[n - 4] ^= 1;
        }
}

TEST(test_zlib_headers_trailers_and_garbage)
{
    struct codec_bytes z = codec_deflate("text", 4, CODEC_ZLIB, 6);
    uint8_t *data = calloc(1, z.len + 8);

    ASSERT_NOT_NULL(data);
    memcpy(data, z.data, z.len);
    for (size_t piece = 0; piece <= z.len; piece++) {
        expect("unzlib", data, z.len, piece, "text");
        for (size_t more = 1; more < 8; more++)
            expect_error("unzlib", data, z.len + more, piece, LEAT_ECORRUPT, "trailing garbage",
                         z.len);
        for (size_t len = 0; len < z.len; len++)
            expect_error("unzlib", data, len, piece, LEAT_ETRUNCATED, "unexpected end", len);
        data[z.len - 1] ^= 1;
        expect_error("unzlib", data, z.len, piece, LEAT_ECORRUPT, "Adler-32 mismatch", z.len - 4);
        data[z.len - 1] ^= 1;
    }
    data[1] ^= 1;
    expect_error("unzlib", data, z.len, 0, LEAT_ECORRUPT, "not in zlib format", 0);
    put(data, "\x78\xbb", 2); /* FDICT */
    expect_error("unzlib", data, z.len, 0, LEAT_EUSAGE, "dictionary", 0);
    free(data);
    free(z.data);
}

TEST(test_raw_deflate_ends_where_it_ends)
{
    struct codec_bytes z = codec_deflate("text, text, text", 16, CODEC_RAW, 6);
    uint8_t *data = calloc(1, z.len + 12);

    ASSERT_NOT_NULL(data);
    memcpy(data, z.data, z.len);
    for (size_t piece = 0; piece <= z.len; piece++) {
        expect("inflate", data, z.len, piece, "text, text, text");
        expect("inflate --backend=zlib", data, z.len, piece, "text, text, text");
        for (size_t more = 1; more < 12; more++)
            expect_error("inflate", data, z.len + more, piece, LEAT_ECORRUPT, "trailing garbage",
                         z.len);
        for (size_t len = 0; len < z.len; len++)
            expect_error("inflate", data, len, piece, LEAT_ETRUNCATED, "unexpected end", len);
    }
    free(data);
    free(z.data);
}

/* --- ISA-L against zlib ----------------------------------------------------------------------- */

/* Both backends, in the same pieces and rooms: the same bytes and the same verdict. */
static void compare_backends(const char *stage, const uint8_t *data, size_t len, size_t piece,
                             size_t room)
{
    struct memio a = {
        .in = data, .in_len = len, .piece = piece, .settings = {.threads = 1, .room = room}};
    struct memio b = a;
    char text[64];

    snprintf(text, sizeof(text), "%s --backend=isal", stage);
    memio_run(&a, text);
    snprintf(text, sizeof(text), "%s --backend=zlib", stage);
    memio_run(&b, text);
    test_context("%s of %zu bytes, piece %zu, room %zu: ISA-L %s, zlib %s", stage, len, piece, room,
                 a.error.text, b.error.text);
    ASSERT_EQ(a.code, b.code);
    if (a.code == 0)
        ASSERT_BYTES_EQ(a.out, a.out_len, b.out, b.out_len);
    memio_free(&a);
    memio_free(&b);
}

TEST(test_isal_and_zlib_agree_on_the_corpora)
{
    static const char *const files[] = {"alice29.txt", "geo.protodata", "paper-100k.pdf",
                                        "pi.txt",      "random.txt",    "aaa.txt"};
    static const int levels[] = {0, 1, 6, 9};

    if (!codec_has_isal())
        SKIP(1, "this build has no ISA-L");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t len;
        char path[64];
        uint8_t *plain;

        snprintf(path, sizeof(path), "corpora/%s", files[i]);
        plain = test_data_read(path, &len);
        for (size_t k = 0; k < 4; k++) {
            struct codec_bytes z = codec_deflate(plain, len, CODEC_GZIP, levels[k]);

            compare_backends("gunzip", z.data, z.len, 0, 0);
            compare_backends("gunzip", z.data, z.len, 4095, 1000);
            compare_backends("gunzip", z.data, z.len, MEMIO_RANDOM, 70001);
            free(z.data);
        }
        free(plain);
    }
}

/* Damage anywhere in data of all kinds of blocks. Without a checksum both must see the same. */
TEST(test_isal_and_zlib_agree_on_damaged_deflate_data)
{
    struct codec_bytes text = codec_text(20000, 7);
    unsigned runs = test_under_sanitizer() ? 300 : 3000;
    uint64_t seed = 20261122;
    struct codec_bytes kinds[4];

    if (!codec_has_isal())
        SKIP(1, "this build has no ISA-L");
    for (int i = 0; i < 4; i++)
        kinds[i] = codec_deflate(text.data, i == 3 ? 40 : text.len, CODEC_RAW, i * 3);
    for (unsigned i = 0; i < runs; i++) {
        struct codec_bytes *z = &kinds[test_random(&seed) % 4];
        size_t at = test_random(&seed) % z->len, cut = test_random(&seed) % 16;
        uint8_t flip = (uint8_t)(1u << test_random(&seed) % 8);

        z->data[at] ^= flip;
        compare_backends("inflate", z->data, z->len - (cut < z->len ? cut : 0),
                         i % 3 ? 0 : 1 + test_random(&seed) % 300, i % 2 ? 0 : 333);
        z->data[at] ^= flip;
    }
    for (int i = 0; i < 4; i++)
        free(kinds[i].data);
    free(text.data);
}
