/* test_iconv.c - iconv: marks, errors and their places, and its converters with and without vectors. */
#include <stdlib.h>

#include "../../transforms/text/recode.h"
#include "memio.h"
#include "test.h"

#define ROUNDS 4000u

static void expect(const char *args, const char *in, size_t n, const char *out, size_t m)
{
    static const size_t chunks[] = {0, 1, 3, 65536};
    char whole[256];

    ASSERT_LT(snprintf(whole, sizeof whole, "iconv %s", args), sizeof whole);
    for (size_t i = 0; i < 2 * sizeof chunks / sizeof *chunks; i++) {
        struct memio io = {.in = in, .in_len = n, .piece = i % 3};

        io.settings.chunk = chunks[i / 2];
        io.settings.room = i % 2;
        test_context("%s, chunk %zu, room %zu", whole, chunks[i / 2], io.settings.room);
        if (memio_run(&io, whole) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, out, m);
        memio_free(&io);
    }
}

/* What was converted before the error is output. */
static void expect_error(const char *args, const char *in, size_t n, int code, uint64_t offset,
                         const char *what, const char *out, size_t m)
{
    for (size_t piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = n, .piece = piece};
        char whole[256];

        snprintf(whole, sizeof whole, "iconv %s", args);
        test_context("%s, piece %zu", whole, piece);
        ASSERT_EQ(memio_run(&io, whole), code);
        ASSERT_STR_HAS(io.error.text, what);
        if (code != LEAT_EUSAGE)
            ASSERT_EQ(io.error.offset, offset);
        ASSERT_BYTES_EQ(io.out, io.out_len, out, m);
        memio_free(&io);
    }
}

#define EXPECT(args, in, out) expect(args, in, sizeof(in) - 1, out, sizeof(out) - 1)
#define EXPECT_ERROR(args, in, code, offset, what, out)                                            \
    expect_error(args, in, sizeof(in) - 1, code, offset, what, out, sizeof(out) - 1)

TEST(test_byte_order_marks)
{
    EXPECT("-t UTF-16", "a",
           "\xff\xfe"
           "a\0");
    EXPECT("-t UTF-16", "", "");
    EXPECT("-t UTF-16LE",
           "\xef\xbb\xbf"
           "a",
           "\xff\xfe"
           "a\0");
    EXPECT("-t UTF-32", "a", "\xff\xfe\0\0a\0\0\0");
    EXPECT("-f UTF-16", "\xfe\xff\0a", "a");
    EXPECT("-f UTF-16",
           "\xff\xfe"
           "a\0\xff\xfe",
           "a\xef\xbb\xbf");
    EXPECT("-f UTF-16", "a\0", "a");
    EXPECT("-f UTF-16 -t UTF-16", "\xff\xfe", "");
    EXPECT("-f UTF-16LE",
           "\xff\xfe"
           "a\0",
           "\xef\xbb\xbf"
           "a");
    EXPECT("-f UTF-32", "\0\0\xfe\xff\0\0\0a", "a");
    EXPECT("-f UTF-32", "\xff\xfe\0\0a\0\0\0", "a");
    EXPECT("-f utf16be -t latin1//", "\0\xe9", "\xe9");
}

TEST(test_invalid_input_is_an_error_that_tells_its_place)
{
    EXPECT_ERROR("-t UTF-16LE",
                 "ab\xff"
                 "c",
                 LEAT_ECORRUPT, 2, "not valid UTF-8", "a\0b\0");
    EXPECT_ERROR("-t UTF-16LE",
                 "ab\xc3"
                 "c",
                 LEAT_ECORRUPT, 2, "not valid UTF-8", "a\0b\0");
    EXPECT_ERROR("-t UTF-16LE", "ab\xed\xa0\x80", LEAT_ECORRUPT, 2, "not valid", "a\0b\0");
    EXPECT_ERROR("-f UTF-8", "a\xf4\x90\x80\x80", LEAT_ECORRUPT, 1, "not valid", "a");
    EXPECT_ERROR("-f UTF-16LE",
                 "a\0\0\xd8"
                 "b\0",
                 LEAT_ECORRUPT, 2, "not valid UTF-16LE", "a");
    EXPECT_ERROR("-f UTF-32BE", "\0\0\0a\0\x11\0\0", LEAT_ECORRUPT, 4, "not valid", "a");
    EXPECT_ERROR("-t ISO-8859-1", "a\xe2\x82\xac", LEAT_ECORRUPT, 1, "ISO-8859-1//TRANSLIT", "a");
    EXPECT_ERROR("-t ISO-8859-2", "ab\xff", LEAT_ECORRUPT, 2, "not valid UTF-8", "ab");
    EXPECT_ERROR("-f UTF-8", "ab\xe2\x82", LEAT_ETRUNCATED, 2, "ends inside a character", "ab");
    EXPECT_ERROR("-c -f UTF-8", "ab\xe2\x82", LEAT_ETRUNCATED, 2, "ends inside a character", "ab");
    EXPECT_ERROR("-f UTF-16", "a", LEAT_ETRUNCATED, 0, "ends inside a character", "");
    EXPECT_ERROR("-t ISO-8859-2", "ab\xe2\x82", LEAT_ETRUNCATED, 2, "ends inside", "ab");
    EXPECT_ERROR("-t nonesuch", "a", LEAT_EUSAGE, 0, "nonesuch", "");
    EXPECT_ERROR("", "a", LEAT_EUSAGE, 0, "-f, -t", "");
    EXPECT_ERROR("-t ''", "a", LEAT_EUSAGE, 0, "empty", "");
}

TEST(test_c_leaves_out_what_is_invalid)
{
    struct memio io = {.in = "a\xff"
                             "b\xffz",
                       .in_len = 5};

    EXPECT("-c -f UTF-8",
           "a\xff\xfe"
           "b\xe2\x82"
           "c\xed\xa0\x80"
           "d",
           "abcd");
    EXPECT("-c -t ISO-8859-1", "a\xe2\x82\xac\xc3\xa9", "a\xe9");
    EXPECT("-c -f UTF-16BE", "\xd8\0\0a\xdc\0\0b", "ab");
    EXPECT("-c -t ISO-8859-2", "a\xe2\x82\xac\xc3\xa9\xff!", "a\xe9!");
    EXPECT("-t ISO-8859-1//TRANSLIT", "\xe2\x82\xac", "EUR");
    EXPECT("-t ISO-2022-JP", "\xe3\x81\x82", "\x1b$B$\"\x1b(B");
    ASSERT_EQ(memio_run(&io, "iconv -c -f UTF-8"), 0);
    ASSERT_EQ(io.warnings, 1);
    memio_free(&io);
}

/* --- the converters --------------------------------------------------------------------------- */

static size_t draw_text(uint64_t *random, enum leat_charset from, uint8_t *to, size_t room)
{
    static const uint32_t codes[] = {'a',  'z',   '0',    '\n',    0x7f,   0x80,
                                     0xe9, 0x434, 0x20ac, 0x1f600, 0xd7ff, 0xffff};
    size_t n = 0, kinds = test_random(random) % 3 ? 5 : 12;

    if (from == LEAT_LATIN1 && kinds > 7)
        kinds = 7;
    while (n + 50 * LEAT_CHARACTER_MAX < room && test_random(random) % 60) {
        uint32_t code = codes[test_random(random) % kinds];

        for (uint64_t k = test_random(random) % 8 ? 1 : 40; k > 0; k--)
            n += leat_recode_put(from, code, to + n);
        if (test_random(random) % 100 == 0)
            to[n++] = (uint8_t)test_random(random);
    }
    return n;
}

TEST(test_vectors_give_the_same_as_single_characters)
{
    uint64_t random = 1;

    for (unsigned round = 0; round < ROUNDS; round++) {
        enum leat_charset from = (enum leat_charset)(test_random(&random) % LEAT_CHARSETS),
                          to = (enum leat_charset)(test_random(&random) % LEAT_CHARSETS);
        uint8_t in[2000], out[2][8000];
        size_t n = draw_text(&random, from, in, sizeof in),
               room = test_random(&random) % 3 ? sizeof out[0] : test_random(&random) % 300;
        struct leat_recode r[2];
        enum leat_recode_stop stop[2];

        for (int vector = 0; vector < 2; vector++) {
            r[vector] = (struct leat_recode){in, in + n, out[vector], out[vector] + room};
            stop[vector] = leat_recode(from, to, &r[vector], vector);
        }
        test_context("round %u: %d to %d, %zu bytes, room %zu", round, (int)from, (int)to, n, room);
        ASSERT_EQ(stop[0], stop[1]);
        ASSERT_EQ(r[0].in - in, r[1].in - in);
        ASSERT_BYTES_EQ(out[1], (size_t)(r[1].out - out[1]), out[0], (size_t)(r[0].out - out[0]));
        if (stop[0] == LEAT_RECODE_DONE)
            ASSERT_EQ(r[0].in - in, n);
    }
}
