/* test_reverse.c - the characters of UTF-8 in the reverse order, with and without vector instructions. */
#include "../../transforms/text/reverse.h"
#include "memio.h"
#include "test.h"

#define ROUNDS 20000u
#define TEXT_MAX 200u

/* The characters by the table of the Unicode standard, from the first one on. */
static size_t character_at(const uint8_t *t, size_t n)
{
    size_t len = t[0] >= 0xf0 && t[0] <= 0xf4   ? 4
                 : t[0] >= 0xe0 && t[0] <= 0xef ? 3
                 : t[0] >= 0xc2 && t[0] <= 0xdf ? 2
                                                : 1;

    if (len == 1 || len > n)
        return 1;
    for (size_t i = 1; i < len; i++)
        if (t[i] < 0x80 || t[i] > 0xbf)
            return 1;
    if ((t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) ||
        (t[0] == 0xf0 && t[1] < 0x90) || (t[0] == 0xf4 && t[1] > 0x8f))
        return 1;
    return len;
}

static void reverse_simply(const uint8_t *text, size_t n, uint8_t *to)
{
    for (size_t at = 0, len; at < n; at += len) {
        len = character_at(text + at, n - at);
        memcpy(to + n - at - len, text + at, len);
    }
}

static size_t draw_text(uint64_t *random, uint8_t *text)
{
    static const char *const parts[] = {"\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "\xff",
                                        "\xc3",
                                        "\x80",
                                        "\xe2\x82",
                                        "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xe0\x80\x80",
                                        "\xf0\x8f\x80\x80"};
    size_t n = 0, most = test_random(random) % TEXT_MAX, rare = 1 + test_random(random) % 40;

    while (n + 4 <= most)
        if (test_random(random) % rare == 0) {
            const char *part = parts[test_random(random) % (sizeof parts / sizeof *parts)];

            memcpy(text + n, part, strlen(part));
            n += strlen(part);
        } else {
            text[n++] = (uint8_t)('!' + test_random(random) % 90);
        }
    return n;
}

typedef size_t reverse_function(const uint8_t *text, size_t *left, uint8_t *to, size_t room);

static void check(uint64_t *random, reverse_function *reverse, const uint8_t *text, size_t n,
                  const uint8_t *expected)
{
    uint8_t got[TEXT_MAX];
    size_t left = n, at = 0;
    bool small = test_random(random) % 2;

    while (left > 0) {
        size_t room = LEAT_REVERSE_ROOM + (small ? test_random(random) % 50 : TEXT_MAX),
               before = left;
        uint8_t to[2 * TEXT_MAX];
        size_t done = reverse(text, &left, to, room < sizeof to ? room : sizeof to);

        ASSERT_GT(done, 0);
        ASSERT_EQ(done, before - left);
        memcpy(got + at, to, done);
        at += done;
    }
    ASSERT_BYTES_EQ(got, at, expected, n);
}

TEST(test_both_ways_to_reverse_agree_with_a_simple_one)
{
    uint64_t random = 7;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t text[TEXT_MAX], expected[TEXT_MAX];
        size_t n = draw_text(&random, text);

        test_context("round %u, %zu bytes", i, n);
        reverse_simply(text, n, expected);
        check(&random, leat_reverse, text, n, expected);
        check(&random, leat_reverse_plain, text, n, expected);
    }
}

static void expect(const char *stage, const char *in, size_t n, const char *out)
{
    struct memio io = {.in = in, .in_len = n, .piece = 1};

    ASSERT_EQ(memio_run(&io, stage), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, out, n);
    memio_free(&io);
}

TEST(test_rev_keeps_line_ends_and_invalid_bytes)
{
    expect("rev", "ab\n\ncd", 6, "ba\n\ndc");
    expect("rev", "a\r\nb", 4, "\ra\nb");
    expect("rev", "\xff\xc3\n\xc3\xa9q\xe2\x82", 8, "\xc3\xff\n\x82\xe2q\xc3\xa9");
    expect("rev -z", "ab\0c\nd", 6, "ba\0d\nc");
}

TEST(test_a_line_that_is_too_long_for_rev_is_a_limit_error)
{
    struct memio io = {.in = "abcdefgh", .in_len = 8, .settings.record_max = 7};

    ASSERT_EQ(memio_run(&io, "rev"), LEAT_ELIMIT);
    memio_free(&io);
}
