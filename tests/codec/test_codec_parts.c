/* test_codec_parts.c - formats of independent parts, which are decoded side by side: BGZF, and zstd of
 * several frames. With any number of workers they give what one worker gives, also where they are
 * damaged or mixed with others; and their own tools read them. A range of a seekable file is what
 * it is of the contents, and little more of the file is read. */
#include <stdlib.h>

#include "codec_aid.h"
#include "codec_same.h"

#define END_MEMBER 28u /* bytes of the empty member of BGZF */
#define SMALL_PARTS 40u
#define FLIPS (test_under_sanitizer() ? 150u : 3000u)

struct parts {
    const char *encode, *decode;
};

static const struct parts bgzf = {"gzip --blocks", "gunzip"};
static const struct parts seekable = {"zstd --seekable", "unzstd"};
static const struct parts short_frames = {"zstd --seekable=1K", "unzstd"};

static int run_threads(struct memio *io, const char *stages, const struct codec_bytes *in,
                       unsigned threads)
{
    *io = (struct memio){.in = in->data, .in_len = in->len, .settings = {.threads = threads}};
    test_context("%s of %zu bytes, threads %u", stages, in->len, threads);
    return memio_run(io, stages);
}

static struct codec_bytes encode(const char *stages, const struct codec_bytes *plain,
                                 unsigned threads)
{
    struct memio io;

    if (run_threads(&io, stages, plain, threads) != 0)
        FAIL("%s", io.error.text);
    return (struct codec_bytes){.data = io.out, .len = io.out_len};
}

/* Many short members, each of a few bytes, so that they make several blocks for the lanes. */
static struct codec_bytes short_members(size_t n, struct codec_bytes *ret_plain)
{
    struct codec_bytes all = {.data = NULL};

    *ret_plain = (struct codec_bytes){.data = NULL};
    for (size_t i = 0; i < n; i++) {
        struct codec_bytes plain = codec_text(5 + i % 60, i),
                           z = encode("gzip --blocks", &plain, 1);

        codec_append(ret_plain, plain.data, plain.len);
        codec_append(&all, z.data, i + 1 < n ? z.len - END_MEMBER : z.len);
        free(plain.data);
        free(z.data);
    }
    return all;
}

/* The file is the same for any number of workers, and each number of workers reads it. */
static void round_trip(const struct parts *p, const struct codec_bytes *plain)
{
    struct codec_bytes z = encode(p->encode, plain, 1);

    for (unsigned threads = 1; threads <= 4; threads++) {
        struct memio io;

        if (threads > 1) {
            struct codec_bytes same = encode(p->encode, plain, threads);

            ASSERT_BYTES_EQ(same.data, same.len, z.data, z.len);
            free(same.data);
        }
        if (run_threads(&io, p->decode, &z, threads) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
        memio_free(&io);
    }
    free(z.data);
}

static void round_trips(const struct parts *p)
{
    static const size_t sizes[] = {0, 1, 65279, 65280, 65281, 1044480, 1044481, 2500000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct codec_bytes text = codec_text(sizes[i], i), noise = codec_noise(sizes[i], i);

        round_trip(p, &text);
        round_trip(p, &noise);
        free(text.data);
        free(noise.data);
    }
}

TEST(test_bgzf_makes_a_round_trip_with_any_number_of_workers)
{
    static const char *const levels[] = {"gzip --blocks -0", "gzip --blocks -1", "gzip --blocks -9",
                                         "gzip --blocks --backend=zlib"};

    round_trips(&bgzf);
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        struct codec_bytes plain = codec_text(1500000, i);

        round_trip(&(struct parts){levels[i], "gunzip"}, &plain);
        round_trip(&(struct parts){levels[i], "gunzip --backend=zlib"}, &plain);
        round_trip(&(struct parts){levels[i], "decode"}, &plain);
        free(plain.data);
    }
}

/* --- others' tools ---------------------------------------------------------------------------- */

TEST(test_bgzip_reads_and_indexes_what_we_write_and_we_read_what_it_writes)
{
    struct codec_bytes plain = codec_text(3000000, 3), z = encode(bgzf.encode, &plain, 2), out;
    struct memio io;

    if (!codec_have_tool("bgzip"))
        SKIP(1, "bgzip is not there");
    out = codec_shell("bgzip -dc \"$IN\"", z.data, z.len);
    ASSERT_BYTES_EQ(out.data, out.len, plain.data, plain.len);
    free(out.data);
    out = codec_shell("bgzip -t \"$IN\" && bgzip -r \"$IN\" && bgzip -b 2000000 -s 1000 \"$IN\"",
                      z.data, z.len);
    ASSERT_BYTES_EQ(out.data, out.len, plain.data + 2000000, 1000);
    free(out.data);
    out = codec_shell("gzip -dc \"$IN\"", z.data, z.len);
    ASSERT_BYTES_EQ(out.data, out.len, plain.data, plain.len);
    free(out.data);
    out = codec_shell("bgzip -c \"$IN\"", plain.data, plain.len);
    if (run_threads(&io, "gunzip", &out, 3) != 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
    memio_free(&io);
    free(out.data);
    free(z.data);
    free(plain.data);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void cut_everywhere(const struct parts *p, const struct codec_bytes *z,
                           const struct codec_bytes *plain)
{
    struct memio io;

    for (size_t len = 0; len < z->len; len++) {
        struct codec_bytes cut = {.data = z->data, .len = len};

        ASSERT_EQ(run_threads(&io, p->decode, &cut, 1 + len % 3), LEAT_ETRUNCATED);
        ASSERT_LE(io.out_len, plain->len);
        if (io.out_len > 0)
            ASSERT_MEM_EQ(io.out, plain->data, io.out_len);
        ASSERT(io.error.has_offset);
        ASSERT_EQ(io.error.offset, len);
        memio_free(&io);
    }
}

TEST(test_bgzf_cut_anywhere_is_truncated)
{
    struct codec_bytes plain, z = short_members(SMALL_PARTS, &plain);

    cut_everywhere(&bgzf, &z, &plain);
    free(z.data);
    free(plain.data);
}

/* Whatever was done to the file: with workers, all is as with one thread that knows of no parts. */
static void same_as_in_one(const struct parts *p, const struct codec_bytes *z, unsigned threads)
{
    struct memio one, io;
    int r = run_threads(&one, "decode", z, 1), s = run_threads(&io, p->decode, z, threads);

    if (r != s || one.error.offset != io.error.offset || strcmp(one.error.text, io.error.text) != 0)
        FAIL("%d at %llu, %s; in one: %d at %llu, %s", s, (unsigned long long)io.error.offset,
             io.error.text, r, (unsigned long long)one.error.offset, one.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, one.out, one.out_len);
    memio_free(&one);
    memio_free(&io);
}

static void flip_bytes(const struct parts *p, const struct codec_bytes *z,
                       const struct codec_bytes *plain)
{
    uint64_t seed = 20261123;
    unsigned accepted = 0;
    struct memio io;

    for (unsigned i = 0; i < FLIPS; i++) {
        size_t at = test_random(&seed) % z->len;
        uint8_t flip = (uint8_t)(1 + test_random(&seed) % 255);

        z->data[at] ^= flip;
        if (run_threads(&io, p->decode, z, 1 + i % 3) == 0) {
            test_context("byte %zu ^ %02x", at, flip);
            ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
            accepted++;
        }
        memio_free(&io);
        z->data[at] ^= flip;
    }
    test_note("%u of %u not noticed, all of them in bytes that mean nothing", accepted, FLIPS);
}

TEST(test_flipped_bytes_in_bgzf_are_never_silently_accepted)
{
    struct codec_bytes plain, z = short_members(SMALL_PARTS, &plain);

    flip_bytes(&bgzf, &z, &plain);
    free(z.data);
    free(plain.data);
}

TEST(test_bgzf_with_other_members_and_garbage_is_as_in_one_thread)
{
    struct codec_bytes plain, z = short_members(SMALL_PARTS, &plain),
                              other = encode("gzip", &plain, 1), all = {.data = NULL};
    static const uint8_t zeros[3000], garbage[] = "no gzip";

    codec_append(&all, z.data, z.len);
    same_as_in_one(&bgzf, &all, 3);
    codec_append(&all, other.data, other.len);
    same_as_in_one(&bgzf, &all, 3);
    codec_append(&all, z.data, z.len);
    codec_append(&all, zeros, sizeof(zeros));
    same_as_in_one(&bgzf, &all, 3);
    codec_append(&all, garbage, sizeof(garbage));
    same_as_in_one(&bgzf, &all, 3);
    for (unsigned members = 14; members < 34; members++) {
        struct codec_bytes p, few = short_members(members, &p);

        codec_append(&few, garbage, sizeof(garbage));
        same_as_in_one(&bgzf, &few, 2);
        few.len -= sizeof(garbage);
        codec_append(&few, zeros, sizeof(zeros));
        same_as_in_one(&bgzf, &few, 2);
        free(few.data);
        free(p.data);
    }
    free(all.data);
    free(other.data);
    free(z.data);
    free(plain.data);
}

/* --- zstd of several frames ------------------------------------------------------------------- */

TEST(test_seekable_zstd_makes_a_round_trip_with_any_number_of_workers)
{
    static const char *const options[] = {"zstd --seekable=1K", "zstd --seekable=65537 -1",
                                          "zstd --seekable=4M -12", "zstd --seekable --fast=3",
                                          "zstd --seekable=300K -19 --long"};

    round_trips(&seekable);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct codec_bytes plain = codec_text(1200000, i);

        round_trip(&(struct parts){options[i], "unzstd"}, &plain);
        round_trip(&(struct parts){options[i], "decode"}, &plain);
        free(plain.data);
    }
}

TEST(test_zstd_reads_what_is_seekable_and_we_read_what_pzstd_writes)
{
    struct codec_bytes plain = codec_text(9000000, 4), z = encode(seekable.encode, &plain, 2), out;
    struct memio io;

    out = codec_shell("zstd -dcq \"$IN\"", z.data, z.len);
    ASSERT_BYTES_EQ(out.data, out.len, plain.data, plain.len);
    free(out.data);
    if (codec_have_tool("pzstd")) {
        out = codec_shell("pzstd -q -p 3 -1 -c \"$IN\"", plain.data, plain.len);
        if (run_threads(&io, "unzstd", &out, 3) != 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain.data, plain.len);
        memio_free(&io);
        free(out.data);
    }
    free(z.data);
    free(plain.data);
}

/* Where zstd's own frames end, a cut cannot be noticed; what came out is then whole frames. */
TEST(test_seekable_zstd_cut_anywhere_else_than_between_frames_is_truncated)
{
    struct codec_bytes plain = codec_text(6000, 6), z = encode(short_frames.encode, &plain, 1);
    unsigned accepted = 0;
    struct memio io;

    for (size_t len = 0; len < z.len; len++) {
        struct codec_bytes cut = {.data = z.data, .len = len};
        int r = run_threads(&io, short_frames.decode, &cut, 1 + len % 3);

        if (r == 0) {
            accepted++;
            ASSERT(io.out_len == plain.len || io.out_len % 1024 == 0);
        } else {
            ASSERT_EQ(r, LEAT_ETRUNCATED);
            ASSERT_EQ(io.error.offset, len);
        }
        if (io.out_len > 0)
            ASSERT_MEM_EQ(io.out, plain.data, io.out_len);
        memio_free(&io);
    }
    ASSERT_EQ(accepted, 6); /* after each of the six frames */
    free(z.data);
    free(plain.data);
}

TEST(test_flipped_bytes_in_seekable_zstd_are_never_silently_accepted)
{
    struct codec_bytes plain = codec_text(6000, 7), z = encode(short_frames.encode, &plain, 1);

    flip_bytes(&short_frames, &z, &plain);
    free(z.data);
    free(plain.data);
}

TEST(test_frames_with_others_and_garbage_are_as_in_one_thread)
{
    struct codec_bytes plain = codec_text(3000000, 8),
                       z = encode("zstd --seekable=100K", &plain, 1),
                       other = codec_zstd(plain.data, plain.len, 3, false), all = {.data = NULL};

    codec_append(&all, z.data, z.len);
    codec_append(&all, other.data, other.len);
    same_as_in_one(&seekable, &all, 3);
    codec_append(&all, z.data, z.len);
    same_as_in_one(&seekable, &all, 2);
    codec_append(&all, "no zstd", 8);
    same_as_in_one(&seekable, &all, 3);
    all.len -= 9;
    same_as_in_one(&seekable, &all, 3);
    free(all.data);
    free(other.data);
    free(z.data);
    free(plain.data);
}

/* --- a range ---------------------------------------------------------------------------------- */

/* Bytes that this process has read so far. */
static unsigned long long bytes_read(void)
{
    FILE *f = fopen("/proc/self/io", "r");
    unsigned long long n = 0;

    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fscanf(f, "rchar: %llu", &n), 1); // NOLINT(cert-err34-c): the kernel's own number
    ASSERT_EQ(fclose(f), 0);
    return n;
}

static int run_range(struct memio *io, const char *path, const char *range, unsigned threads)
{
    char text[800];

    *io = (struct memio){.settings = {.threads = threads}};
    snprintf(text, sizeof(text), "read --range=%s %s : unzstd : memsink --at=%lld", range, path,
             memio_at(io));
    test_context("%s", text);
    return memio_run_text(io, text);
}

static void check_range(const char *path, const struct codec_bytes *plain, size_t at, size_t n,
                        unsigned threads, unsigned long long most)
{
    char range[64];
    unsigned long long before;
    struct memio io;

    snprintf(range, sizeof(range), "%zu:%zu", at, n);
    before = bytes_read();
    if (run_range(&io, path, range, threads) != 0)
        FAIL("%s", io.error.text);
    ASSERT_LE(bytes_read() - before, most);
    ASSERT_BYTES_EQ(io.out, io.out_len, plain->data + at, n);
    memio_free(&io);
}

TEST(test_a_range_of_1_mib_reads_less_than_4_mib_of_a_file)
{
    struct codec_bytes plain = codec_noise((size_t)40 << 20, 9),
                       z = encode(seekable.encode, &plain, 2);
    uint64_t seed = 9;
    char path[512];

    snprintf(path, sizeof(path), "%s/seekable.zst", test_tmp_dir());
    codec_write(path, z.data, z.len);
    for (unsigned i = 0; i < 20; i++)
        check_range(path, &plain, test_random(&seed) % (plain.len - ((size_t)1 << 20)),
                    (size_t)1 << 20, 1 + i % 3, (size_t)4 << 20);
    free(z.data);
    free(plain.data);
}

TEST(test_every_range_of_a_small_file_is_that_of_its_contents)
{
    struct codec_bytes plain = codec_text(5000, 10), z = encode(short_frames.encode, &plain, 1);
    char path[512];

    snprintf(path, sizeof(path), "%s/seekable.zst", test_tmp_dir());
    codec_write(path, z.data, z.len);
    for (size_t at = 0; at < plain.len; at += 1 + at % 97)
        for (size_t n = 1; n <= plain.len - at; n += 1 + 2 * n)
            check_range(path, &plain, at, n, 1 + (at + n) % 3, UINT64_MAX);
    check_range(path, &plain, 0, plain.len, 2, UINT64_MAX);
    free(z.data);
    free(plain.data);
}

TEST(test_ranges_that_cannot_be_are_refused)
{
    static const struct {
        const char *range, *says;
        int code;
    } cases[] = {
        {"5000:1", "ends beyond the content of 5000 bytes", LEAT_EUSAGE},
        {"4999:2", "ends beyond", LEAT_EUSAGE},
        {"5000:", "ends beyond", LEAT_EUSAGE},
        {"0:8E", "ends beyond", LEAT_EUSAGE},
        {"0:16E", "give OFFSET:LENGTH", LEAT_EUSAGE},
        {"0:7E", "ends beyond", LEAT_EUSAGE},
        {"7E:7E", "ends beyond", LEAT_EUSAGE},
        {"1:0", "give OFFSET:LENGTH", LEAT_EUSAGE},
        {"17", "give OFFSET:LENGTH", LEAT_EUSAGE},
        {":5", "give OFFSET:LENGTH", LEAT_EUSAGE},
    };
    struct codec_bytes plain = codec_text(5000, 10), z = encode(short_frames.encode, &plain, 1);
    struct memio io;
    char path[512];

    snprintf(path, sizeof(path), "%s/seekable.zst", test_tmp_dir());
    codec_write(path, z.data, z.len);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ASSERT_EQ(run_range(&io, path, cases[i].range, 1), cases[i].code);
        if (!strstr(io.error.text, cases[i].says))
            FAIL("it says: %s", io.error.text);
        memio_free(&io);
    }
    /* Whatever byte of the table is wrong, also what it says of the frames before and behind, but
     * for how much those behind hold, which does not matter. */
    for (size_t at = z.len - 9 - 5 * 8 - 8; at < z.len; at++) {
        size_t entry = (at - (z.len - 9 - 5 * 8)) / 8, byte = (at - (z.len - 9 - 5 * 8)) % 8;
        bool behind = at < z.len - 9 && entry == 4 && byte >= 4;

        for (unsigned bit = 0; bit < 8; bit++) {
            if (at == z.len - 5 && bit < 2) /* of the descriptor; they mean nothing */
                continue;
            test_context("bit %u of the byte %zu of the table", bit, at + 9 + 5 * 8 - z.len);
            z.data[at] ^= (uint8_t)(1u << bit);
            codec_write(path, z.data, z.len);
            ASSERT_EQ(run_range(&io, path, "3000:500", 1) < 0, !behind);
            memio_free(&io);
            z.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    codec_write(path, plain.data, plain.len);
    ASSERT_EQ(run_range(&io, path, "0:1", 1), LEAT_EUSAGE);
    ASSERT_NOT_NULL(strstr(io.error.text, "is not seekable"));
    memio_free(&io);
    free(z.data);
    free(plain.data);
}

/* The second frame of five, by itself and with those around it. */
TEST(test_the_frames_of_a_range_are_verified_up_to_their_ends)
{
    static const char *const ranges[] = {"1024:1", "1030:100", "2047:1", "100:1000", "1500:1000"};
    struct codec_bytes plain = codec_text(5000, 10), z = encode(short_frames.encode, &plain, 1);
    size_t table = z.len - 9 - 5 * 8, end; /* of the second frame */
    struct memio io;
    char path[512];

    end = z.data[table] + 256u * z.data[table + 1] + z.data[table + 8] + 256u * z.data[table + 9];
    snprintf(path, sizeof(path), "%s/seekable.zst", test_tmp_dir());
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        for (size_t k = 0; k < 12; k++) { /* its last bytes, and its decoded size in the table */
            size_t at = k < 8 ? end - 1 - k : table + 8 + 4 + (k - 8);

            z.data[at] ^= 1;
            codec_write(path, z.data, z.len);
            ASSERT_EQ(run_range(&io, path, ranges[i], 1 + i % 3), LEAT_ECORRUPT);
            memio_free(&io);
            z.data[at] ^= 1;
        }
        codec_write(path, z.data, z.len);
        ASSERT_EQ(run_range(&io, path, ranges[i], 1 + i % 3), 0);
        memio_free(&io);
    }
    free(z.data);
    free(plain.data);
}
