/* test_codec_damage.c - cut anywhere, a compressed file is an error; with a flipped byte, one that
 * has a checksum is never accepted with other bytes than it held. In lanes, too. */
#include <stdlib.h>
#include <zlib.h>

#include "codec_same.h"

/* Flipped bits for each of two sizes. Fewer are flipped where several threads decode, which is slow, and where
 * the format has no check, so that the run has only to end in order. */
#define FLIPS 5000u
#define FLIPS_FEW 500u
#define FLIPS_SANITIZED 60u
#define SIZE ((size_t)3000)
#define SIZE_SMALL ((size_t)60)
#define SIZE_LONG ((size_t)100000)
/* Longer streams are not cut at each byte. */
#define CUTS_MAX                                                                                   \
    (test_under_tsan() ? (size_t)30 : test_under_sanitizer() ? (size_t)100 : (size_t)2500)
#define CUTS_FEW (test_under_sanitizer() ? (size_t)30 : (size_t)300)
#define CUTS_LONG                                                                                  \
    (test_under_sanitizer() ? (size_t)8 : (size_t)60) /* of a file as long as SIZE_LONG */
#define FLIPS_LONG (test_under_sanitizer() ? 15u : 100u)
#define PARTS_MAX 64u
#define SIGNATURE_MAX 13u /* decode copies data without a signature */
#define MEMORY ((uint64_t)64 << 20)

/* CHECK_ADLER: an Adler-32 of short data is weak: 5,1,2 and 4,3,1 in a row have the same. */
enum check { NO_CHECK, CHECK, CHECK_ADLER };

/* A format: how it is made, how it is read, and whether it has a checksum. */
struct format {
    const char *encode, *decode;
    enum check check;
    unsigned parts; /* if not 0: so many streams, members or frames in a row, decoded by 1, 2 and 3
                     * threads in turn; else one, by one thread */
    size_t size;    /* bytes in each of them; 0: SIZE */
    size_t frame;   /* if not 0: bytes in each frame, between which a cut cannot be noticed */
};

static const struct format formats[] = {
    {"gzip", "gunzip", CHECK, 0, 0, 0},
    {"gzip --backend=zlib", "gunzip --backend=zlib", CHECK, 0, 0, 0},
    {"gzip -1", "gunzip", CHECK, 0, 0, 0},
    {"gzip -0", "gunzip", CHECK, 0, 0, 0},
    {"gzip", "decode", CHECK, 0, 0, 0},
    {"gzip", "gunzip", CHECK, 3, 0, 0},
    {"gzip --blocks", "gunzip", CHECK, 20, 20, 0},
    {"gzip --blocks", "decode", CHECK, 20, 20, 0},
    {"zlib", "unzlib", CHECK_ADLER, 0, 0, 0},
    {"zlib -1", "unzlib --backend=zlib", CHECK_ADLER, 0, 0, 0},
    {"deflate", "inflate", NO_CHECK, 0, 0, 0},
    {"deflate -1", "inflate --backend=zlib", NO_CHECK, 0, 0, 0},
    {"zstd", "unzstd", CHECK, 0, 0, 0},
    {"zstd -19", "unzstd", CHECK, 0, 0, 0},
    {"zstd", "decode", CHECK, 0, 0, 0},
    {"zstd", "unzstd", CHECK, 3, 0, 0},
    {"zstd --no-check", "unzstd", NO_CHECK, 0, 0, 0},
    /* a block for the lanes is of half a MiB */
    {"zstd --seekable=550000", "unzstd", CHECK, 1, 1650000, 550000},
    {"zstd --seekable=550000", "decode", CHECK, 1, 1650000, 550000},
    {"xz", "unxz", CHECK, 0, 0, 0},
    {"xz -0 --check=crc32", "unxz", CHECK, 0, 0, 0},
    {"xz -0 --check=sha256", "unxz", CHECK, 0, 0, 0},
    {"xz -0 --check=none", "unxz", NO_CHECK, 0, 0, 0},
    {"xz -0 --block-size=4K", "unxz", CHECK, 2, 9000, 0},
    {"xz -0 --block-size=4K", "decode", CHECK, 2, 9000, 0},
    {"lzma -0", "unlzma", NO_CHECK, 0, 0, 0},
    {"lzma -0", "decode", NO_CHECK, 0, 0, 0},
    {"lzip -0", "unlzip", CHECK, 0, 0, 0},
    {"lzip -0", "unlzip", CHECK, 3, 0, 0},
    {"lzip -0", "decode", CHECK, 0, 0, 0},
    {"bzip2", "bunzip2", CHECK, 0, 0, 0},
    {"bzip2 -1", "bunzip2", CHECK, 3, 0, 0},
    {"bzip2 -1", "decode", CHECK, 3, 0, 0},
    {"lz4", "unlz4", CHECK, 0, 0, 0},
    {"lz4 -9 -B4D", "unlz4", CHECK, 0, 0, 0},
    {"lz4 -BX --no-frame-crc", "unlz4", CHECK, 0, 0, 0},
    {"lz4 --no-frame-crc", "unlz4", NO_CHECK, 0, 0, 0},
    {"lz4 -B4", "unlz4", CHECK, 3, 0, 0},
    /* a piece for the lanes is of a MiB */
    {"lz4 -B6", "unlz4", CHECK, 2, 1300000, 0},
    {"lz4 -B4X", "unlz4", CHECK, 3, 0, 0},
    {"lz4 -B4D", "unlz4", CHECK, 3, 0, 0},
    {"lz4 -B4", "decode", CHECK, 3, 0, 0},
    {"brotli", "unbrotli", NO_CHECK, 0, 0, 0},
    {"brotli -11 --lgwin=18", "unbrotli", NO_CHECK, 0, 0, 0},
};

/* A plain text and its encoded form. */
struct sample {
    struct codec_bytes plain, coded;
    unsigned parts;
    size_t ends[PARTS_MAX], plain_ends[PARTS_MAX]; /* of each part */
};

/* A long text repeats a few bytes, and therefore shrinks much. */
static void add_plain(struct codec_bytes *to, size_t size, uint64_t seed, bool noise)
{
    size_t n = size < SIZE_LONG ? size : SIZE_SMALL;
    struct codec_bytes b = noise ? codec_noise(n, seed) : codec_text(n, seed);

    for (size_t done = 0; done < size; done += n)
        codec_append(to, b.data, size - done < n ? size - done : n);
    codec_append(to, "", 0); /* so that there is something to point to */
    free(b.data);
}

static void make_sample(const struct format *f, size_t size, uint64_t seed, bool noise,
                        struct sample *ret)
{
    *ret = (struct sample){.parts = f->parts ? f->parts : 1};
    for (unsigned i = 0; i < ret->parts; i++) {
        struct codec_bytes part = {.data = NULL};

        add_plain(&part, size, seed + i, noise);
        codec_append_run(&ret->coded, f->encode, &part);
        codec_append(&ret->plain, part.data, part.len);
        ret->ends[i] = ret->coded.len;
        ret->plain_ends[i] = ret->plain.len;
        free(part.data);
    }
}

static void free_sample(struct sample *s)
{
    free(s->plain.data);
    free(s->coded.data);
}

static int decode(struct memio *io, const struct format *f, const struct sample *s, size_t len,
                  size_t piece, size_t turn)
{
    *io = (struct memio){.in = s->coded.data, .in_len = len, .piece = piece};
    io->settings.threads = f->parts ? 1 + (unsigned)turn % 3 : 1;
    io->settings.memory = f->parts ? 0 : MEMORY;
    return memio_run(io, f->decode);
}

static bool skips_missing(const struct format *f)
{
    return codec_missing(f->encode) || codec_missing(f->decode);
}

/* --- truncation ------------------------------------------------------------------------------- */

/* Was it right to find an end after len bytes? Then these are whole parts. */
static bool ends_there(const struct format *f, const struct sample *s, size_t len, size_t out_len)
{
    for (unsigned i = 0; i < s->parts; i++)
        if (s->plain_ends[i] == out_len && s->ends[i] == len)
            return true;
    return f->frame && (out_len % f->frame == 0 || out_len == s->plain.len);
}

static void cut_everywhere(const struct format *f, const struct sample *s, size_t cuts,
                           size_t piece)
{
    size_t least = strcmp(f->decode, "decode") == 0 ? SIGNATURE_MAX : 0;
    size_t step = 1 + s->coded.len / cuts, turn = 0;
    unsigned ends = 0;
    struct memio io;

    for (size_t len = least; len <= s->coded.len; len += step) {
        int r = decode(&io, f, s, len, piece, turn++);

        test_context("%s : %s, %zu of %zu bytes, piece %zu, threads %u", f->encode, f->decode, len,
                     s->coded.len, piece, io.settings.threads);
        if (r == 0)
            ASSERT(ends_there(f, s, len, io.out_len));
        else
            ASSERT_EQ(r, LEAT_ETRUNCATED);
        ends += r == 0;
        ASSERT_LE(io.out_len, s->plain.len);
        if (io.out_len > 0) /* what did come out is right */
            ASSERT_MEM_EQ(io.out, s->plain.data, io.out_len);
        memio_free(&io);
    }
    ASSERT_LE(ends, s->parts + (f->frame ? s->plain.len / f->frame + 1 : 0));
    if (step == 1)
        ASSERT_GE(ends, s->parts);
}

static void test_cuts(void)
{
    static const size_t sizes[] = {0, 1, 40, 700};
    const struct format *f = test_argument();

    if (skips_missing(f))
        SKIP(1, "built without a library");
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        size_t size = k == 3 && f->size ? f->size : sizes[k];
        size_t cuts = size >= SIZE_LONG ? CUTS_LONG : k == 3 && f->parts ? CUTS_FEW : CUTS_MAX;
        struct sample text, noise;

        make_sample(f, size, 1, false, &text);
        cut_everywhere(f, &text, cuts, 0);
        if (size < (test_under_sanitizer() ? SIZE_SMALL : SIZE_LONG) && !test_under_tsan())
            cut_everywhere(f, &text, cuts, 5);
        free_sample(&text);
        if (f->parts || (test_under_sanitizer() && k + 1 < sizeof(sizes) / sizeof(sizes[0])))
            continue; /* that it is in lanes, or in each of its parts, is what counts */
        make_sample(f, size, 2, true, &noise);
        cut_everywhere(f, &noise, cuts, 0);
        free_sample(&noise);
    }
}

/* --- flips ------------------------------------------------------------------------------------ */

/* Was it right to accept this? */
static void check_accepted(const struct format *f, size_t at, const struct memio *io,
                           const struct codec_bytes *plain)
{
    if (f->check == NO_CHECK || (strcmp(f->decode, "decode") == 0 && at < SIGNATURE_MAX))
        return;
    if (f->check == CHECK_ADLER) {
        ASSERT_EQ(io->out_len, plain->len);
        ASSERT_EQ(adler32(1, io->out, (uInt)io->out_len),
                  adler32(1, plain->data, (uInt)plain->len));
        return;
    }
    ASSERT_BYTES_EQ(io->out, io->out_len, plain->data, plain->len);
}

static void check_refused(const struct memio *io)
{
    if (io->code != LEAT_ECORRUPT && io->code != LEAT_ETRUNCATED && io->code != LEAT_ECHECKSUM &&
        io->code != LEAT_ELIMIT && io->code != LEAT_EUSAGE)
        FAIL("%s: %s", leat_error_name(io->code), io->error.text);
}

static void flip_bytes(const struct format *f, size_t size, uint64_t seed)
{
    bool few = f->parts || f->check == NO_CHECK;
    unsigned unnoticed = 0, flips = few ? FLIPS_FEW : FLIPS;
    struct sample s;
    struct memio io;

    if (size >= SIZE_LONG)
        flips = FLIPS_LONG;
    else if (test_under_sanitizer())
        flips = FLIPS_SANITIZED;
    make_sample(f, size, seed, false, &s);
    for (unsigned i = 0; i < flips; i++) {
        size_t at = test_random(&seed) % s.coded.len;
        uint8_t flip = (uint8_t)(1 + test_random(&seed) % 255);

        s.coded.data[at] ^= flip;
        test_context("%s : %s of %zu bytes, byte %zu of %zu ^ %02x, threads %u", f->encode,
                     f->decode, s.plain.len, at, s.coded.len, flip, f->parts ? 1 + i % 3 : 1);
        /* A byte that means nothing (the time in a header) may change, and what comes out not. */
        if (decode(&io, f, &s, s.coded.len, 0, i) == 0) {
            check_accepted(f, at, &io, &s.plain);
            unnoticed++;
        } else {
            check_refused(&io);
        }
        memio_free(&io);
        s.coded.data[at] ^= flip;
    }
    test_note("%s : %s, %zu bytes: %u of %u not noticed", f->encode, f->decode, s.plain.len,
              unnoticed, flips);
    /* The header of gzip has 8 of about 80 bytes that mean nothing, and decode passes what it does
     * not know. */
    if (f->check != NO_CHECK)
        ASSERT_LT(unnoticed, flips / (s.coded.len > 1000 && !f->parts ? 20 : 3));
    free_sample(&s);
}

static void test_flips(void)
{
    const struct format *f = test_argument();

    if (skips_missing(f))
        SKIP(1, "built without a library");
    flip_bytes(f, f->size ? f->size : SIZE, 20261122 + (uint64_t)(f - formats));
    flip_bytes(f, SIZE_SMALL, 31 + (uint64_t)(f - formats));
}

__attribute__((constructor)) static void register_formats(void)
{
    static const struct {
        const char *prefix;
        test_function function;
    } tests[] = {
        {"test_every_truncation_is_an_error_in", test_cuts},
        {"test_flipped_bytes_are_never_silently_accepted_in", test_flips},
    };
    char name[256];

    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
            const struct format *f = &formats[i];

            if (test_under_tsan() && !f->parts) /* what it looks for is between threads */
                continue;
            snprintf(name, sizeof(name), "%s_%s_to_%s_%u_parts_of_%zu", tests[k].prefix, f->encode,
                     f->decode, f->parts, f->size);
            for (char *p = name; *p; p++)
                if (strchr(" -=", *p))
                    *p = '_';
            test_register_with(__FILE__, name, tests[k].function, f);
        }
    }
}
