/* test_encodings.c - base64, hex and url: what is wrong in an input and where, and the vector code against
 * its twin. */
#include <stdlib.h>

#include "../transforms/text/base64_code.h"
#include "../transforms/text/hex_code.h"
#include "../transforms/text/url_code.h"
#include "memio.h"
#include "test.h"

struct example {
    const char *stage, *in, *out;
    int code; /* 0: success */
    uint64_t offset;
};

static const struct example examples[] = {
    {"base64", "", "", 0, 0},
    {"base64", "a", "YQ==\n", 0, 0},
    {"base64 -w 0", "abcd", "YWJjZA==", 0, 0},
    {"base64 -w 3", "abcd", "YWJ\njZA\n==\n", 0, 0},
    {"base64 -w 4", "abc", "YWJj\n", 0, 0},
    {"unbase64", "", "", 0, 0},
    {"unbase64", "MTIzNA==QUJD", "1234ABC", 0, 0}, /* data after padding */
    {"unbase64", "Q\nU\nJ\n\nD", "ABC", 0, 0},
    {"unbase64", "QQ=\n=", "A", 0, 0},
    {"unbase64", "QUJD=j", "ABC", LEAT_ECORRUPT, 4}, /* what is before the fault is output */
    {"unbase64", "QUJDQU!D", "ABCA", LEAT_ECORRUPT, 6},
    {"unbase64", "QUJD\r\n", "ABC", LEAT_ECORRUPT, 4},
    {"unbase64", "QUJDQQ=x", "ABCA", LEAT_ECORRUPT, 7},
    {"unbase64", "=QQ=", "", LEAT_ECORRUPT, 0},
    {"unbase64", "Q===", "", LEAT_ECORRUPT, 1},
    {"unbase64", "QUJDQQ=", "ABCA", LEAT_ETRUNCATED, 7},
    {"unbase64", "QUJDQUI", "ABCAB", LEAT_ETRUNCATED, 7},
    {"unbase64", "Q", "", LEAT_ETRUNCATED, 1},
    {"unbase64 -i",
     "Q!U\xff"
     "J\r\nD",
     "ABC", 0, 0},
    {"unbase64 -i", "QQ*=*=", "A", 0, 0},
    {"unbase64 -i", "QUJD=QQ", "ABC", LEAT_ECORRUPT, 4},
    {"hex", "", "", 0, 0},
    {"hex -c 2", "abc", "6162\n63\n", 0, 0},
    {"hex -c 0", "\xff\x01", "ff01\n", 0, 0},
    {"unhex", "", "", 0, 0},
    {"unhex", "4\n1 \t4\r2", "AB", 0, 0},
    {"unhex", "6aA6Ff", "j\xa6\xff", 0, 0},
    {"unhex", "4142g1", "AB", LEAT_ECORRUPT, 4},
    {"unhex", "0x41", "", LEAT_ECORRUPT, 1},
    {"unhex", "414", "A", LEAT_ETRUNCATED, 3},
    {"url", "", "", 0, 0},
    {"url", "a/b c+~\n\r\xc3\xa9", "a%2Fb%20c%2B~\n%0D%C3%A9", 0, 0},
    {"url --form", "a b+c\n", "a+b%2Bc\n", 0, 0},
    {"url --all", "a\nb", "a%0Ab", 0, 0},
    {"url -z", "a\nb", "a%0Ab", 0, 0},
    {"unurl", "a%2fb%0A+%41%42", "a/b\n+AB", 0, 0},
    {"unurl --form", "a+b%2B", "a b+", 0, 0},
    {"unurl", "ab%zz", "ab", LEAT_ECORRUPT, 2},
    {"unurl", "ab%4\n", "ab", LEAT_ECORRUPT, 2},
    {"unurl", "ab%4", "ab", LEAT_ETRUNCATED, 2},
    {"unurl", "ab%", "ab", LEAT_ETRUNCATED, 2},
    {"unurl --keep-bad", "%zz%%41%4%41%4g%", "%zz%A%4A%4g%", 0, 0},
    {"unurl --keep-bad", "%4", "%4", 0, 0},
};

static void run_example(const struct example *e, uint64_t seed)
{
    struct memio io = {.in = e->in, .in_len = strlen(e->in), .piece = 1 + seed % 3, .seed = seed};

    io.settings.chunk = seed % 4 ? 1 + seed % 5 : 0;
    io.settings.threads = 1 + seed % 2;
    test_context("%s of \"%s\", seed %ju", e->stage, e->in, (uintmax_t)seed);
    memio_run(&io, e->stage);
    ASSERT_EQ(io.code, e->code);
    if (e->code)
        ASSERT_EQ(io.error.offset, e->offset);
    ASSERT_BYTES_EQ(io.out, io.out_len, e->out, strlen(e->out));
    memio_free(&io);
}

TEST(test_each_fault_is_told_with_its_place_and_what_precedes_it_is_output)
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        for (uint64_t seed = 0; seed < 8; seed++)
            run_example(&examples[i], seed);
}

TEST(test_base64_with_d_says_which_stage_decodes)
{
    struct memio io = {.in = "", .in_len = 0};

    ASSERT_EQ(memio_run(&io, "base64 -d"), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, "unbase64");
    memio_free(&io);
}

/* --- the vector code and its twin ------------------------------------------------------------- */

#define SIZE 400u
#define ROUNDS 4000u

/* Mostly characters of the encoding, with newlines at places that are often the same in each line. */
static size_t draw_text(uint64_t *random, const char *alphabet, uint8_t *to)
{
    size_t n = test_random(random) % SIZE, letters = strlen(alphabet);
    size_t line = 1 + test_random(random) % 100, faults = test_random(random) % 3;

    for (size_t i = 0; i < n; i++)
        to[i] = i % line == line - 1 ? '\n' : (uint8_t)alphabet[test_random(random) % letters];
    for (size_t i = 0; n > 0 && i < faults; i++)
        to[test_random(random) % n] = (uint8_t)test_random(random);
    return n;
}

typedef size_t decode_function(const uint8_t *, size_t, uint8_t *, size_t, size_t *);

static void compare_decoders(const char *alphabet, decode_function *f, decode_function *twin)
{
    uint64_t random = 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t text[SIZE], a[SIZE], b[SIZE];
        size_t n = draw_text(&random, alphabet, text), room = test_random(&random) % SIZE;
        size_t used, made, twin_used, twin_made;
        uint8_t *exact = malloc(n + 1),
                *out = malloc(room + 1); /* a sanitizer finds what is beyond */

        ASSERT_NOT_NULL(exact);
        ASSERT_NOT_NULL(out);
        memcpy(exact, text, n);
        used = f(exact, n, out, room, &made);
        memcpy(a, out, made);
        twin_used = twin(exact, n, b, room, &twin_made);
        test_context("round %u: %zu bytes, room %zu", i, n, room);
        ASSERT_EQ(used, twin_used);
        ASSERT_BYTES_EQ(a, made, b, twin_made);
        free(exact);
        free(out);
    }
}

TEST(test_base64_decodes_as_its_portable_twin)
{
    compare_decoders("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                     leat_base64_decode_groups, leat_base64_decode_plain);
}

TEST(test_hex_decodes_as_its_portable_twin)
{
    compare_decoders("0123456789abcdefABCDEF", leat_hex_decode, leat_hex_decode_plain);
}

static size_t unurl(const uint8_t *from, size_t n, uint8_t *to, size_t room, size_t *ret_made)
{
    return leat_url_decode(from, n, n % 2, to, room, ret_made);
}

static size_t unurl_plain(const uint8_t *from, size_t n, uint8_t *to, size_t room, size_t *ret_made)
{
    return leat_url_decode_plain(from, n, n % 2, to, room, ret_made);
}

TEST(test_url_decodes_as_its_portable_twin)
{
    compare_decoders("abcdefghijklmnopqrstuvwxyzABCDEF0123456789+%", unurl, unurl_plain);
    compare_decoders("%14%", unurl, unurl_plain);
    compare_decoders("abcdefghijklmnopqrstuvwxyz+", unurl, unurl_plain);
}

TEST(test_url_encodes_as_its_portable_twin)
{
    struct leat_url_table table;
    uint64_t random = 5;

    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t n = test_random(&random) % SIZE, room = test_random(&random) % (4 * SIZE), made,
               used;
        uint8_t *from = malloc(n + 1), *to = malloc(room + 1), twin[4 * SIZE];
        size_t twin_made, twin_used, rate = test_random(&random) % 300;
        size_t begin = test_random(&random) % 256, span = 1 + test_random(&random) % 10;

        ASSERT_NOT_NULL(from);
        ASSERT_NOT_NULL(to);
        leat_url_table_init(&table, i % 3 ? '\n' : -1, i % 2);
        for (size_t k = 0; k < n; k++)
            from[k] = rate && test_random(&random) % rate ? (uint8_t)(begin + k % span)
                                                          : (uint8_t)test_random(&random);
        used = leat_url_encode(&table, from, n, to, room, &made);
        twin_used = leat_url_encode_plain(&table, from, n, twin, room, &twin_made);
        ASSERT_EQ(used, twin_used);
        ASSERT_BYTES_EQ(to, made, twin, twin_made);
        free(from);
        free(to);
    }
}

TEST(test_base64_and_hex_encode_as_their_portable_twins)
{
    uint64_t random = 2;

    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t groups = test_random(&random) % (SIZE / 4);
        uint8_t *from = malloc(3 * groups + 1), *to = malloc(6 * groups + 1), twin[2 * SIZE];

        ASSERT_NOT_NULL(from);
        ASSERT_NOT_NULL(to);
        for (size_t k = 0; k < 3 * groups; k++)
            from[k] = (uint8_t)test_random(&random);
        leat_base64_encode_groups(from, groups, to);
        leat_base64_encode_plain(from, groups, twin);
        ASSERT_BYTES_EQ(to, 4 * groups, twin, 4 * groups);
        leat_hex_encode(from, 3 * groups, to);
        leat_hex_encode_plain(from, 3 * groups, twin);
        ASSERT_BYTES_EQ(to, 6 * groups, twin, 6 * groups);
        free(from);
        free(to);
    }
}

TEST(test_every_byte_is_in_the_alphabets_or_not)
{
    for (unsigned c = 0; c < 256; c++) {
        uint8_t four[4] = {'A', 'A', 'A', (uint8_t)c}, out[64];
        const char *in = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                c > 0 ? (int)c : '!');
        size_t made;

        test_context("byte %u", c);
        ASSERT_EQ(leat_base64_value((uint8_t)c) < LEAT_BASE64_NONE, in != NULL);
        ASSERT_EQ(leat_base64_decode_groups(four, 4, out, sizeof out, &made), in ? 4 : 0);
    }
}

/* --- several blocks --------------------------------------------------------------------------- */

#define LARGE                                                                                      \
    ((size_t)500000) /* more than two blocks of base64, and not a whole number of groups */

/* n characters in lines; returns the size. */
static size_t wrap(const uint8_t *from, size_t n, size_t columns, bool ends, uint8_t *to)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        to[at++] = from[i];
        if (columns > 0 && (i + 1) % columns == 0)
            to[at++] = '\n';
    }
    if (ends && (columns == 0 || n % columns != 0))
        to[at++] = '\n';
    return at;
}

static void run_large(const char *stage, const uint8_t *in, const uint8_t *expected, size_t n)
{
    struct memio io = {.in = in, .in_len = LARGE, .settings.threads = 3};

    test_context("%s", stage);
    ASSERT_EQ(memio_run(&io, stage), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
    memio_free(&io);
}

TEST(test_lines_go_on_from_one_block_to_the_next)
{
    uint8_t *in = memio_bytes(LARGE), *flat = malloc(2 * LARGE), *text = malloc(3 * LARGE);
    size_t groups = LARGE / 3, chars;
    char stage[64];

    ASSERT_NOT_NULL(in);
    ASSERT_NOT_NULL(flat);
    ASSERT_NOT_NULL(text);
    ASSERT_EQ(LARGE % 3, 2);
    for (size_t columns = 0; columns < 80; columns += 25) {
        uint8_t last[3] = {in[LARGE - 2], in[LARGE - 1], 0};

        leat_base64_encode_plain(in, groups, flat);
        leat_base64_encode_plain(last, 1, flat + 4 * groups);
        chars = 4 * groups + 4;
        flat[chars - 1] = '=';
        snprintf(stage, sizeof stage, "base64 -w %zu", columns);
        run_large(stage, in, text, wrap(flat, chars, columns, columns > 0, text));
        leat_hex_encode_plain(in, LARGE, flat);
        snprintf(stage, sizeof stage, "hex -c %zu", columns);
        run_large(stage, in, text, wrap(flat, 2 * LARGE, 2 * columns, true, text));
    }
    run_large("base64 -w 75 : unbase64", in, in, LARGE);
    run_large("hex -c 31 : unhex", in, in, LARGE);
    free(in);
    free(flat);
    free(text);
}
