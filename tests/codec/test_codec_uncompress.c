/* test_codec_uncompress.c - .Z written code by code: what a code may be at each place, and what the
 * header may say. What encoders write is in test_codec_more.c and test_codec_more_tools.c. */
#include <stdlib.h>

#include "codec_same.h"

#define CLEARS 0x80u
#define CLEAR 256u
#define WIDTH 9u
#define GROUP 8u
#define CODES_MAX 700u

/* A stream that is being written, all of it in codes of 9 bits. */
struct stream {
    uint8_t data[CODES_MAX * 2];
    size_t bits, codes;
};

static void begin(struct stream *s, unsigned flags)
{
    *s = (struct stream){.data = {0x1f, 0x9d, (uint8_t)flags}, .bits = 24};
}

static void put(struct stream *s, unsigned code)
{
    for (unsigned i = 0; i < WIDTH; i++, s->bits++)
        s->data[s->bits / 8] |= (uint8_t)((code >> i & 1) << s->bits % 8);
    s->codes++;
}

/* CLEAR, and the rest of its group, which means nothing. */
static void put_clear(struct stream *s)
{
    put(s, CLEAR);
    while (s->codes % GROUP)
        put(s, 0x155);
}

/* The stream comes to this, however it is cut into pieces. */
static void expect(const struct stream *s, int code, const char *text)
{
    static const char *const stages[] = {"uncompress", "decode"};

    for (size_t i = 0; i < 2; i++) {
        for (size_t piece = 0; piece < 4; piece++) {
            struct memio io = {.in = s->data, .in_len = (s->bits + 7) / 8, .piece = piece};

            io.settings = (struct leat_settings){
                .size = sizeof(struct leat_settings), .threads = 1, .room = piece == 3 ? 1 : 0};
            test_context("%s of %zu bytes, piece %zu", stages[i], io.in_len, piece);
            ASSERT_EQ(memio_run(&io, stages[i]), code);
            ASSERT_BYTES_EQ(io.out, io.out_len, text, strlen(text));
            if (code == LEAT_ECORRUPT) /* the last code is the wrong one */
                ASSERT_EQ(io.error.offset, (s->bits - WIDTH) / 8);
            memio_free(&io);
        }
    }
}

static void expect_codes(unsigned flags, const unsigned *codes, size_t n, int code,
                         const char *text)
{
    struct stream s;

    begin(&s, flags);
    for (size_t i = 0; i < n; i++) {
        if (codes[i] == CLEAR && flags & CLEARS)
            put_clear(&s);
        else
            put(&s, codes[i]);
    }
    expect(&s, code, text);
}

#define EXPECT(flags, code, text, ...)                                                             \
    do {                                                                                           \
        static const unsigned codes[] = {__VA_ARGS__};                                             \
        expect_codes(flags, codes, sizeof(codes) / sizeof(codes[0]), code, text);                  \
    } while (0)

TEST(test_a_code_may_stand_for_what_it_defines_itself)
{
    EXPECT(CLEARS | 16, 0, "aaa", 'a', 257);
    EXPECT(CLEARS | 16, 0, "aaaaaa", 'a', 257, 258);
    EXPECT(CLEARS | 16, 0,
           "abab"
           "aba",
           'a', 'b', 257, 259);
    EXPECT(CLEARS | 9, 0,
           "abab"
           "aba",
           'a', 'b', 257, 259);
}

TEST(test_without_clear_codes_the_first_one_defined_is_256)
{
    EXPECT(16, 0, "aaa", 'a', 256);
    EXPECT(9, 0,
           "ababa"
           "ab",
           'a', 'b', 256, 'a', 256);
    EXPECT(16, LEAT_ECORRUPT, "a", 'a', 257);
}

TEST(test_a_code_that_is_not_defined_yet_is_an_error)
{
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "", 257);
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "", 511);
    EXPECT(16, LEAT_ECORRUPT, "", 256);
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "a", 'a', 258);
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "ab", 'a', 'b', 259);
    EXPECT(CLEARS | 9, LEAT_ECORRUPT, "ab", 'a', 'b', 511);
}

TEST(test_a_clear_forgets_all_codes)
{
    EXPECT(CLEARS | 16, 0, "", CLEAR);
    EXPECT(CLEARS | 16, 0, "aaa", 'a', 257, CLEAR);
    EXPECT(CLEARS | 16, 0, "aaab", 'a', 257, CLEAR, 'b');
    EXPECT(CLEARS | 16, 0, "aaabbb", 'a', 257, CLEAR, 'b', 257);
    EXPECT(CLEARS | 9, 0,
           "abcdd"
           "d",
           'a', CLEAR, 'b', CLEAR, CLEAR, 'c', CLEAR, 'd', 257);
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "aaa", 'a', 257, CLEAR, 257);
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "aaab", 'a', 257, CLEAR, 'b', 258);
    EXPECT(CLEARS | 16, LEAT_ECORRUPT, "", CLEAR, 257);
}

/* With codes of 9 bits at most the table is full after 255 of them, and stays as it is. */
TEST(test_a_full_table_stays)
{
    struct stream s;
    char text[CODES_MAX + 3] = "";

    begin(&s, CLEARS | 9);
    memset(text, 'a', 602);
    for (size_t i = 0; i < 600; i++)
        put(&s, 'a');
    put(&s, 511); /* aa: defined by the last that could be */
    expect(&s, 0, text);
}

/* libarchive takes both for a good end. */
TEST(test_an_end_within_a_code_is_an_error)
{
    struct stream s;

    begin(&s, CLEARS | 16);
    put(&s, 'a');
    put(&s, 'b');
    s.bits = 24 + 16; /* 7 bits of the second one */
    expect(&s, LEAT_ETRUNCATED, "a");
    s.bits = 24 + 8; /* 8 bits of the first one */
    expect(&s, LEAT_ETRUNCATED, "");
}

TEST(test_what_the_header_may_say)
{
    for (unsigned flags = 0; flags < 256; flags++) {
        unsigned width = flags & 0x1f;
        bool good = width >= 9 && width <= 16 && !(flags & 0x60);
        struct stream s;
        struct memio io;

        begin(&s, flags);
        put(&s, 'a');
        test_context("flags 0x%02x", flags);
        ASSERT_EQ(codec_run(&io, "uncompress", s.data, 5, 0), good ? 0 : LEAT_ECORRUPT);
        if (!good)
            ASSERT_EQ(io.error.offset, 2);
        memio_free(&io);
        for (size_t len = 0; len < 3; len++) {
            ASSERT_EQ(codec_run(&io, "uncompress", s.data, len, 0), LEAT_ETRUNCATED);
            memio_free(&io);
        }
        s.data[1] ^= 1;
        ASSERT_EQ(codec_run(&io, "uncompress", s.data, 5, 0), LEAT_ECORRUPT);
        ASSERT_EQ(io.error.offset, 0);
        memio_free(&io);
    }
}

/* libarchive writes behind its buffer when it goes on after a callback that failed. The C library sees it
 * when a block beside the buffer is freed, so there are many of them. */
TEST(test_a_reader_of_compress_that_ends_early_leaves_the_heap_sound)
{
    static uint8_t noise[1 << 20];
    uint64_t random = 1;

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&random);
    for (size_t k = 0; k < 40; k++) {
        struct memio io = {.in = noise, .in_len = sizeof noise};
        char text[64];

        snprintf(text, sizeof text, "compress : head -c %zu", k * 5000);
        test_context("%s", text);
        io.piece = k % 2 ? MEMIO_RANDOM : 0;
        io.settings.threads = 1 + (unsigned)(k % 3);
        ASSERT_EQ(memio_run(&io, text), 0);
        ASSERT_EQ(io.out_len, k * 5000);
        memio_free(&io);
    }
}
