/* test_codec_damage.c - cut anywhere, a compressed file is an error; with a flipped byte, one that
 * has a checksum is never accepted with other bytes than it held. */
#include <stdlib.h>
#include <zlib.h>

#include "codec_aid.h"

#define FLIPS (test_under_sanitizer() ? 400u : 5000u) /* of each of two sizes */

/* CHECK_ADLER: an Adler-32 of short data is weak: 5,1,2 and 4,3,1 in a row have the same. */
enum check { NO_CHECK, CHECK, CHECK_ADLER };

/* A format: how it is made, how it is read, and whether it has a checksum. */
struct format {
    const char *name, *encode, *decode;
    enum check check;
};

static const struct format formats[] = {
    {"gzip", "gzip", "gunzip", CHECK},
    {"gzip by zlib", "gzip --backend=zlib", "gunzip --backend=zlib", CHECK},
    {"gzip -1", "gzip -1", "gunzip", CHECK},
    {"gzip -0", "gzip -0", "gunzip", CHECK},
    {"gzip to decode", "gzip", "decode", CHECK},
    {"gzip --blocks", "gzip --blocks", "gunzip", CHECK},
    {"gzip --blocks to decode", "gzip --blocks", "decode", CHECK},
    {"zlib", "zlib", "unzlib", CHECK_ADLER},
    {"zlib -1", "zlib -1", "unzlib --backend=zlib", CHECK_ADLER},
    {"deflate", "deflate", "inflate", NO_CHECK},
    {"deflate -1", "deflate -1", "inflate --backend=zlib", NO_CHECK},
    {"zstd", "zstd", "unzstd", CHECK},
    {"zstd -19", "zstd -19", "unzstd", CHECK},
    {"zstd to decode", "zstd", "decode", CHECK},
    {"zstd --no-check", "zstd --no-check", "unzstd", NO_CHECK},
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static struct codec_bytes encode(const struct format *f, const struct codec_bytes *plain)
{
    struct memio io;

    test_context("%s of %zu bytes", f->encode, plain->len);
    if (codec_run(&io, f->encode, plain->data, plain->len, 0) != 0)
        FAIL("%s", io.error.text);
    return (struct codec_bytes){.data = io.out, .len = io.out_len};
}

static void cut_everywhere(const struct format *f, const struct codec_bytes *plain, size_t piece)
{
    struct codec_bytes z = encode(f, plain);
    /* What is shorter than a signature is plain data to decode. */
    size_t least = strcmp(f->decode, "decode") == 0 ? 4 : 0;
    struct memio io;

    for (size_t len = least; len < z.len; len++) {
        test_context("%s, %zu of %zu bytes, piece %zu", f->name, len, z.len, piece);
        ASSERT_EQ(codec_run(&io, f->decode, z.data, len, piece), LEAT_ETRUNCATED);
        ASSERT_LE(io.out_len, plain->len);
        if (io.out_len > 0) /* what did come out is right */
            ASSERT_MEM_EQ(io.out, plain->data, io.out_len);
        memio_free(&io);
    }
    ASSERT_EQ(codec_run(&io, f->decode, z.data, z.len, piece), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
    memio_free(&io);
    free(z.data);
}

TEST(test_every_truncation_of_every_format_is_an_error)
{
    static const size_t sizes[] = {0, 1, 40, 700};

    for (size_t i = 0; i < N_FORMATS; i++) {
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            struct codec_bytes text = codec_text(sizes[k], 1), noise = codec_noise(sizes[k], 2);

            cut_everywhere(&formats[i], &text, 0);
            cut_everywhere(&formats[i], &text, 5);
            cut_everywhere(&formats[i], &noise, 0);
            free(text.data);
            free(noise.data);
        }
    }
}

/* Was it right to accept this? */
static void check_accepted(const struct format *f, size_t at, const struct memio *io,
                           const struct codec_bytes *plain)
{
    if (f->check == NO_CHECK || (strcmp(f->decode, "decode") == 0 && at < 4))
        return; /* to decode, what has no signature is plain data */
    if (f->check == CHECK_ADLER) {
        ASSERT_EQ(io->out_len, plain->len);
        ASSERT_EQ(adler32(1, io->out, (uInt)io->out_len),
                  adler32(1, plain->data, (uInt)plain->len));
        return;
    }
    ASSERT_BYTES_EQ(io->out, io->out_len, plain->data, plain->len);
}

static void flip_bytes(const struct format *f, size_t size, uint64_t seed)
{
    struct codec_bytes plain = codec_text(size, seed), z = encode(f, &plain);
    unsigned unnoticed = 0;
    struct memio io;

    for (unsigned i = 0; i < FLIPS; i++) {
        size_t at = test_random(&seed) % z.len;
        uint8_t flip = (uint8_t)(1 + test_random(&seed) % 255);

        z.data[at] ^= flip;
        test_context("%s of %zu bytes, byte %zu of %zu ^ %02x", f->name, size, at, z.len, flip);
        /* A byte that means nothing (the time in a header) may change, and what comes out not. */
        if (codec_run(&io, f->decode, z.data, z.len, 0) == 0) {
            check_accepted(f, at, &io, &plain);
            unnoticed++;
        }
        memio_free(&io);
        z.data[at] ^= flip;
    }
    test_note("%s, %zu bytes: %u of %u not noticed", f->name, size, unnoticed, FLIPS);
    /* The header of gzip has 8 of about z.len bytes that mean nothing. */
    if (f->check != NO_CHECK && z.len > 1000)
        ASSERT_LT(unnoticed, FLIPS / 20);
    free(z.data);
    free(plain.data);
}

TEST(test_flipped_bytes_are_never_silently_accepted)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        flip_bytes(&formats[i], 5000, 20261122 + i);
        flip_bytes(&formats[i], 60, 31 + i);
    }
}
