/* test_codec_bzip2.c - bunzip2 finds blocks by a number of 48 bits, in lanes: what if it turns up
 * within one? Damage, truncation and what follows a stream must come to the same as without lanes.
 * The odd streams are made from what the bzip2 tool makes. */
#include <stdlib.h>

#include "codec_same.h"

#define MAGIC UINT64_C(0x314159265359)
#define END_MAGIC UINT64_C(0x177245385090)
#define MAX_BYTES ((size_t)1 << 20)

/* Bits from one buffer to another. */
struct bits {
    const uint8_t *from;
    size_t at;   /* bit */
    uint8_t *to; /* MAX_BYTES */
    size_t n;    /* bits */
};

static void put(struct bits *b, uint64_t v, unsigned n)
{
    while (n-- > 0) {
        if (v >> n & 1)
            b->to[b->n / 8] |= (uint8_t)(0x80 >> b->n % 8);
        b->n++;
    }
}

static uint64_t get(struct bits *b, unsigned n)
{
    uint64_t v = 0;

    while (n-- > 0) {
        v = v << 1 | (b->from[b->at / 8] >> (7 - b->at % 8) & 1);
        b->at++;
    }
    return v;
}

static uint64_t copy(struct bits *b, unsigned n)
{
    uint64_t v = get(b, n);

    put(b, v, n);
    return v;
}

/* Is the command that makes the data missing, or the library? */
static bool no_bzip2(void)
{
    return !codec_have_tool("bzip2") || codec_missing("bunzip2");
}

static struct codec_bytes bzip2(const char *options, const struct codec_bytes *plain)
{
    char line[2048], in[512], out[512];
    struct codec_bytes z;
    FILE *f;

    snprintf(in, sizeof(in), "%s/in", test_tmp_dir());
    snprintf(out, sizeof(out), "%s/out", test_tmp_dir());
    f = fopen(in, "wb");
    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fwrite(plain->data, 1, plain->len, f), plain->len);
    ASSERT_EQ(fclose(f), 0);
    snprintf(line, sizeof(line), "bzip2 %s <'%s' >'%s'", options, in, out);
    ASSERT_EQ(system(line), 0);
    z.data = test_file_read(out, &z.len);
    ASSERT_NOT_NULL(z.data);
    return z;
}

static void copy_lengths(struct bits *b, unsigned symbols)
{
    copy(b, 5);
    while (symbols-- > 0)
        while (copy(b, 1))
            copy(b, 1);
}

/* A code that no symbol uses: lengths of 8 and, as the number says bit by bit, one more or less. */
static void put_code_with(struct bits *b, uint64_t number, unsigned symbols)
{
    unsigned done = 0;

    put(b, 8, 5);
    put(b, number, 48);
    for (int at = 47; at >= 0; at--) {
        if (!(number >> at & 1))
            done++;
        else if (--at < 0)
            put(b, 0, 1);
    }
    ASSERT_LE(done, symbols);
    while (done++ < symbols)
        put(b, 0, 1);
}

/* Copies up to the number that ends the stream. */
static void copy_to_end(struct bits *b, size_t len)
{
    for (;;) {
        struct bits look = *b;

        ASSERT_LE(b->at + 48 + 32, len * 8);
        if (get(&look, 48) == END_MAGIC)
            return;
        copy(b, 1);
    }
}

/* The stream of one block, with another code in it that holds the number. */
static struct codec_bytes plant(const struct codec_bytes *z, uint64_t number)
{
    struct bits b = {.from = z->data, .to = calloc(1, MAX_BYTES)};
    unsigned symbols = 2, codes, selectors;
    uint64_t ranges;

    ASSERT_NOT_NULL(b.to);
    copy(&b, 32);
    ASSERT_EQ(copy(&b, 48), MAGIC);
    copy(&b, 32);
    copy(&b, 1 + 24);
    ranges = copy(&b, 16);
    for (unsigned i = 0; i < 16; i++)
        if (ranges >> i & 1)
            symbols += (unsigned)__builtin_popcountll(copy(&b, 16));
    codes = (unsigned)get(&b, 3);
    ASSERT_LT(codes, 6);
    put(&b, codes + 1, 3);
    selectors = (unsigned)copy(&b, 15);
    for (unsigned i = 0; i < selectors; i++)
        while (copy(&b, 1))
            ;
    for (unsigned i = 0; i < codes; i++)
        copy_lengths(&b, symbols);
    put_code_with(&b, number, symbols);
    copy_to_end(&b, z->len);
    copy(&b, 48);
    copy(&b, 32);
    return (struct codec_bytes){.data = b.to, .len = (b.n + 7) / 8};
}

static void check_tool(const struct codec_bytes *z, const struct codec_bytes *plain)
{
    char line[2048], in[512], out[512];
    struct codec_bytes back;
    FILE *f;

    snprintf(in, sizeof(in), "%s/z", test_tmp_dir());
    snprintf(out, sizeof(out), "%s/back", test_tmp_dir());
    f = fopen(in, "wb");
    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fwrite(z->data, 1, z->len, f), z->len);
    ASSERT_EQ(fclose(f), 0);
    snprintf(line, sizeof(line), "bzip2 -dc <'%s' >'%s' ", in, out);
    ASSERT_EQ(system(line), 0);
    back.data = test_file_read(out, &back.len);
    ASSERT_BYTES_EQ(back.data, back.len, plain->data, plain->len);
    free(back.data);
}

static void run_all(const struct codec_bytes *z, const struct codec_bytes *plain)
{
    static const char *const stages[] = {"bunzip2", "decode"};

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned threads = 1; threads <= 4; threads++) {
            struct memio io = {.in = z->data, .in_len = z->len, .settings = {.threads = threads}};

            test_context("%s, threads %u", stages[i], threads);
            if (memio_run(&io, stages[i]) != 0)
                FAIL("%s (byte %llu)", io.error.text, (unsigned long long)io.error.offset);
            ASSERT_BYTES_EQ(io.out, io.out_len, plain->data, plain->len);
            memio_free(&io);
        }
    }
}

static struct codec_bytes append(struct codec_bytes a, struct codec_bytes b)
{
    a.data = realloc(a.data, a.len + b.len);
    ASSERT_NOT_NULL(a.data);
    memcpy(a.data + a.len, b.data, b.len);
    a.len += b.len;
    free(b.data);
    return a;
}

/* Streams of one block, in the middle of which is what begins a block, or ends a stream; between
 * ordinary ones of several blocks. */
TEST(test_a_block_that_holds_the_number_of_another_is_decoded)
{
    struct codec_bytes plain = {.data = NULL}, all = {.data = NULL};

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    for (unsigned i = 0; i < 6; i++) {
        /* of few symbols, so that there are less than six codes */
        struct codec_bytes text = i % 3 == 2 ? codec_text(250000, i) : codec_text(1500 + i, i);
        struct codec_bytes z = bzip2(i % 3 == 2 ? "-1" : "-9", &text), other = z;

        if (i % 3 != 2) {
            other = plant(&z, i % 3 == 0 ? MAGIC : END_MAGIC);
            free(z.data);
        }
        check_tool(&other, &text);
        run_all(&other, &text);
        all = append(all, other);
        plain = append(plain, text);
    }
    run_all(&all, &plain);
    free(all.data);
    free(plain.data);
}

static uint32_t crc_of(const struct codec_bytes *plain)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < plain->len; i++) {
        crc ^= (uint32_t)plain->data[i] << 24;
        for (int k = 0; k < 8; k++)
            crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
    }
    return ~crc;
}

/* The first numbers of the table that says how far it is from one changed byte to the next. */
static const unsigned distances[] = {619, 720, 127, 481, 931, 816, 813, 233, 566, 247};

TEST(test_a_randomised_block_is_decoded)
{
    struct codec_bytes plain = codec_noise(5000, 3), changed, z;
    struct bits b = {.at = 0};
    size_t at = 0;
    uint32_t crc;

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    for (size_t i = 0; i < plain.len; i++) /* no runs: then the block is the text */
        plain.data[i] = (uint8_t)(2 * (i % 97) + (plain.data[i] & 1));
    changed = codec_noise(plain.len, 3);
    memcpy(changed.data, plain.data, plain.len);
    for (size_t i = 0; i < 10; i++) {
        at += distances[i];
        if (at - 2 < plain.len)
            changed.data[at - 2] ^= 1;
    }
    ASSERT_GT(at, plain.len);
    z = bzip2("-9", &changed);
    crc = crc_of(&plain);
    b.to = calloc(1, MAX_BYTES);
    b.from = z.data;
    ASSERT_NOT_NULL(b.to);
    copy(&b, 32);
    ASSERT_EQ(copy(&b, 48), MAGIC);
    ASSERT_EQ(get(&b, 32), crc_of(&changed));
    put(&b, crc, 32);
    ASSERT_EQ(get(&b, 1), 0);
    put(&b, 1, 1);
    copy_to_end(&b, z.len);
    copy(&b, 48);
    put(&b, crc, 32);
    free(z.data);
    z = (struct codec_bytes){.data = b.to, .len = (b.n + 7) / 8};
    check_tool(&z, &plain);
    run_all(&z, &plain);
    free(z.data);
    free(plain.data);
    free(changed.data);
}

/* Many small streams in a part, and streams without a block between them. */
TEST(test_small_and_empty_streams_follow_each_other)
{
    struct codec_bytes z = {.data = NULL}, plain = {.data = NULL},
                       nothing = {.data = (uint8_t[1]){0}};

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    for (unsigned i = 0; i < 30; i++) {
        struct codec_bytes text = codec_text(1 + i * i * 300, i);

        z = append(z, bzip2("-2", &text));
        plain = append(plain, text);
        if (i % 7 == 3)
            z = append(append(z, bzip2("-9", &nothing)), bzip2("-1", &nothing));
    }
    run_all(&z, &plain);
    free(z.data);
    free(plain.data);
}

/* --- the same as without lanes ---------------------------------------------------------------- */

#define FLIPS (test_under_sanitizer() ? 20u : 100u)

static const struct codec_same bunzip2 = {"bunzip2", CODEC_SAME_TEXT | CODEC_SAME_BYTES};

/* Several blocks in one stream, then streams of a block and of none. */
static struct codec_bytes several_blocks(void)
{
    struct codec_bytes text = codec_text(420000, 1), few = codec_text(3000, 2),
                       nothing = {.data = (uint8_t[1]){0}};
    struct codec_bytes z = bzip2("-1", &text);

    z = append(append(z, bzip2("-5", &few)), bzip2("-9", &nothing));
    z = append(z, bzip2("-1", &text));
    free(text.data);
    free(few.data);
    return z;
}

TEST(test_damage_comes_to_the_same_with_lanes)
{
    struct codec_bytes z;

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    z = several_blocks();
    ASSERT_EQ(codec_same(&bunzip2, z.data, z.len, 0), 0);
    codec_same_damaged(&bunzip2, &z, 100, FLIPS);
    free(z.data);
}

TEST(test_truncation_comes_to_the_same_with_lanes)
{
    struct codec_bytes z;

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    z = several_blocks();
    codec_same_cut(&bunzip2, &z, FLIPS);
    free(z.data);
}

/* Bytes that are not bzip2 are handed on in parts of a bounded size. */
TEST(test_what_follows_a_stream_comes_to_the_same_with_lanes)
{
    static const char *const after[] = {"BZh9",
                                        "BZh0rest",
                                        "BZh91AY&SX",
                                        "B",
                                        "garbage",
                                        "BZh91AY&SY",
                                        "BZh9\x17\x72\x45\x38\x50\x90\1\2\3\4"};
    struct codec_bytes z, noise = codec_noise(3500000, 5);

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    z = several_blocks();
    codec_same_before(&bunzip2, &z, after, sizeof(after) / sizeof(after[0]));
    test_context("only noise");
    codec_same(&bunzip2, noise.data, noise.len, 0);
    z = append(z, noise);
    test_context("then noise");
    codec_same(&bunzip2, z.data, z.len, 0);
    free(z.data);
}

/* The number before the second of blocks that do not shrink is damaged: its piece has no end. */
TEST(test_blocks_without_their_numbers_come_to_the_same_with_lanes)
{
    struct codec_bytes noise = codec_noise(3000000, 5), z;
    struct bits b = {.at = 0};
    uint64_t last = 0;

    if (no_bzip2())
        SKIP(1, "no bzip2, or built without libbz2");
    z = bzip2("-9", &noise);
    b.from = z.data;
    while (b.at <= 8 * 10 || last != MAGIC)
        last = (last << 1 | get(&b, 1)) & ((UINT64_C(1) << 48) - 1);
    ASSERT_GT(b.at, 8 * 900000);
    z.data[b.at / 8 - 3] ^= 8;
    codec_same(&bunzip2, z.data, z.len, 0);
    free(z.data);
    free(noise.data);
}
